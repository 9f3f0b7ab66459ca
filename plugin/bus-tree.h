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
int tree_work_begin(struct engine *e, struct bus_call *call, const struct bus_dict *options,
                    struct tree_work *ret, struct mef_error *reterr);
/* After a failed operation: a fresh transaction is dropped, a held one stays as it was. */
void tree_work_drop(struct tree_work *w);
/* The same; a refusal by mo-tree.md 4.4 inside a DM session is told to the journal (EE-18, EE-19). */
void tree_work_fail(struct tree_work *w, const struct mef_error *why);
/* The polkit action for a call inside transaction `id` (0 = none): inside a DM session's own one none is
 * needed, since the session itself is the authorization and 4.4 bounds what it may write. */
const char *tree_action(struct engine *e, struct bus_call *call, uint32_t id);
/* A DM session is over: its transaction is rolled back. True: it held one. */
bool tree_session_rollback(struct engine *e, uint64_t session);

/* What a call answers after its commit. */
enum tree_answer { ANSWER_NODE_JOB, ANSWER_JOB, ANSWER_NOTHING, ANSWER_PATHS, ANSWER_GENERATION };

struct tree_result {
    enum tree_answer answer;
    char **paths;     /* node(s); taken over */
    uint32_t job;     /* 0: "/" */
    uint64_t session; /* the DM session whose transaction this commits; 0 = none */
    char *anchor;     /* a trust anchor in the token whose fate the commit decides (anchors.h), or NULL; taken
                         over */
};
/* Commits a fresh transaction and answers the call when it is durable; with a held one answers at once. Takes
 * `result` over. On failure nothing was answered. */
int tree_work_finish(struct tree_work *w, struct bus_call *call, struct tree_result *result,
                     struct mef_error *reterr);

/* bus-tree-add.c: the typed adds. */
/* `stem` and `suffix`, cut to fit, with "-2", "-3"... while there is such a node; malloc'ed. */
char *tree_free_name(struct engine *e, const struct mo_tx *tx, enum mo_type type, const char *stem,
                     const char *suffix);
int tree_add_mef_client_reg_cfg(struct bus_call *call, struct mef_error *reterr);
int tree_add_maf_client_reg_cfg(struct bus_call *call, struct mef_error *reterr);
int tree_add_trust_anchor(struct bus_call *call, struct mef_error *reterr);
/* bus-anchor.c */
int tree_add_trust_anchor_by_uri(struct bus_call *call, struct mef_error *reterr);
