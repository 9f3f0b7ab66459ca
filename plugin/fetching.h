/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trust anchors that a person has fetched (EE-02; mo-tree.md 3.8, second row): the GET on a thread of its
 * own, since neither the loop nor the token may wait for a server; then the certificate goes into the token
 * as the node's. A command of a MEF does the same on its worker. Thread: the loop's. */
#pragma once

#include "plugin/engine-private.h"

struct fetching_params {
    uint64_t node;     /* a [trustAnchorCred] */
    uint32_t job;      /* is told of the steps; 0 = none */
    uint64_t patience; /* microseconds for the GET, at most 30 s count; 0 = 30 s */
    void *ctx;
    /* Called once. `why` NULL: the certificate named `credential` is in the token. Cancelled: also when the
     * plugin stops; nothing may be asked of the store then. */
    void (*done)(void *ctx, const char *credential, const struct mef_error *why);
};

/* NotFound, InconsistentConfig (no https URI), LimitExceeded; then done() is not called. */
int fetching_start(struct engine *e, const struct fetching_params *p, struct mef_error *reterr);
/* A `cancel` of job_new(), ctx = the engine. */
void fetching_cancel(void *ctx, uint32_t job);

/* Fires the cancels; then waits for the threads, at most until the deadline: -ETIMEDOUT. */
void fetchings_stop(struct engine *e);
int fetchings_join(struct engine *e, uint64_t deadline);
