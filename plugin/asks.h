/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the loop asks of a registration's worker beside its exchange (struct mef_task): keys, and nodes that
 * are processed by hand or for another registration's MEF. Thread: the loop's, unless said. */
#pragma once

#include "plugin/engine-private.h"

/* The answer, on the loop when what came of it can be seen on the bus. `status`: of a processing, 0 = it came
 * to none; `err` NULL = all is well. */
typedef void (*asked_fn)(void *ctx, uint32_t status, const struct mef_error *err);

/* Whose worker processes that node: of the child [MEFClientRegCfg] or [MAFClientRegCfg], or its own. NULL:
 * nobody's; the sentence says why. */
struct registration *ask_whom(struct engine *e, const struct mo_snapshot *n, enum mo_node_case what,
                              struct mef_error *reterr);

/* Gives the task (kind and what it works on are filled in) to the worker, as a job `operation` of `uid`.
 * Takes the task over in every case; done() comes exactly once when it returns 0, never otherwise. */
int ask_worker(struct registration *r, struct mef_task *t, const char *operation, uid_t uid, asked_fn done,
               void *ctx, const char **ret_job, struct mef_error *reterr);
