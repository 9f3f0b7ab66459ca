/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transactions that callers hold open, shared by org.mefclient1.Tree and .Node. Thread: the loop's. */
#pragma once

#include "plugin/engine-private.h"

/* A transaction of a bus caller (Begin), or of one call. */
struct tree_work {
    struct engine *e;
    struct mo_tx *tx;
    struct tree_tx *held; /* NULL: of this call alone, committed at its end */
};

/* By the option Transaction of `options`: the caller's held one, or a fresh one. NotFound, NotAuthorized. */
int tree_work_begin(struct engine *e, struct bus_call *call, const struct bus_dict *options, struct tree_work *ret,
                    struct mef_error *reterr);
/* After a failed operation: a fresh transaction is dropped, a held one stays as it was. */
void tree_work_drop(struct tree_work *w);

/* What a call answers after its commit. */
enum tree_answer { ANSWER_NODE_JOB, ANSWER_JOB, ANSWER_NOTHING, ANSWER_PATHS, ANSWER_GENERATION };

struct tree_result {
    enum tree_answer answer;
    char **paths; /* node(s); taken over */
    uint32_t job; /* 0: "/" */
    char *anchor; /* a trust anchor in the token whose fate the commit decides (anchors.h), or NULL; taken over */
};
/* Commits a fresh transaction and answers the call when it is durable; with a held one answers at once. Takes
 * `result` over. On failure nothing was answered. */
int tree_work_finish(struct tree_work *w, struct bus_call *call, struct tree_result *result, struct mef_error *reterr);

/* bus-tree-add.c: the typed adds. */
int tree_add_mef_client_reg_cfg(struct bus_call *call, struct mef_error *reterr);
int tree_add_maf_client_reg_cfg(struct bus_call *call, struct mef_error *reterr);
int tree_add_trust_anchor(struct bus_call *call, struct mef_error *reterr);
int tree_add_trust_anchor_by_uri(struct bus_call *call, struct mef_error *reterr);
