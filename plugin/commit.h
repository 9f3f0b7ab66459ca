/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One commit of the MO tree on behalf of a bus call (or of nobody): triggers are prepared with it, buried in
 * the same database transaction, and acted on after it; the caller hears when it is durable. Thread: the
 * loop's. */
#pragma once

#include "plugin/engine-private.h"

struct commit_reply {
    void *ctx;
    /* After nodes and registrations were told; r and err as mo_commit.done. Frees ctx. May be NULL. */
    void (*done)(void *ctx, int r, uint64_t generation, const struct mef_error *err);
};

/* Takes tx over in every case. `job` (0 = none) goes to the registration that is added or ended. On a failure
 * here the reply is not called and the job is still the caller's. */
int commit_tree(struct engine *e, struct mo_tx *tx, uint32_t job, const struct commit_reply *reply,
                struct mef_error *reterr);
