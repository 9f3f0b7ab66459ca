/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of keys share: a profile with its relatives, and a MEF (or a MAF) that registers keys. */
#pragma once

#include "tests/unit/mef-world.h"

#define WORLD_PROFILE "./DCFG/authenticationProfile/ap"
#define WORLD_KEY_ARGS                                                                                       \
    "{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"" WORLD_PROFILE "\",\"obt\":1,\"obsa\":{\"suid\":22}}}}"
#define WORLD_KEY(n) "key-" #n "@" WORLD_FQDN

/* The node that it names as its server; a test may change it and must change it back. */
extern struct mo_snapshot world_key_child;
/* A profile for ten days, node 7 at WORLD_PROFILE: SUID 22 below a [registration], or 32 with a MAF. */
struct mo_snapshot world_profile(bool maf);

/* The server grants what is asked for, and names its keys key-1, key-2... */
struct world_keys {
    unsigned creates, deletes, updates, retrieves;
    uint32_t refuse;   /* rsc of creates, 0 = none */
    const char *value; /* kv of a retrieval; NULL: 4103 */
    const char *et;    /* of a retrieval and of updates; NULL: as asked */
};
int world_key_hook(struct world *w, const struct seen *req, struct answer *ret); /* hook_ctx: those */
/* The MEF's command had key-1 registered under `n` on 2026-03-01. */
struct world *world_with_key(struct mo_snapshot *n, struct world_keys *k);
/* The same at a MAF, by a task; its registration until `et`. */
struct world *world_with_maf_key(struct mo_snapshot *n, struct world_keys *k, const char *et);

/* ---- tasks ---- */

struct world_result {
    GMutex lock;
    GCond changed;
    bool done;
    uint32_t status;
    enum mef_error_word word;
};
struct mef_task *world_task(enum mef_task_kind kind, const char *key_id, struct world_result *r);
/* MO_NODE processing of `n` as another worker asks for it. */
struct mef_task *world_process_task(const struct mo_snapshot *n, enum mo_node_case what,
                                    struct world_result *r);
/* Waits for its end. */
enum mef_error_word world_run_task(struct world *w, struct mef_task *t, struct world_result *r);
