/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transactions on the MO tree (mo-tree.md 4.1, 4.3, 4.4, 5.3): stage on a copy, validate all, commit all or
 * nothing.
 *
 * Thread: the loop's. The one exception is the hook `also`, which runs on the store thread.
 * Error words: InvalidArguments (syntax, link rules, cycles), NotFound, AlreadyExists, NotAuthorized (4.4),
 * LimitExceeded, NotSupported, InProgress, ReadOnly, Failed. */
#pragma once

#include "plugin/mo/tree.h"

struct mo_tx;

/* `mef_reg`: for MO_ORIGIN_MEF_DM the name of the MEFClientRegCfg node whose exchange this is, else NULL.
 * The copy is of the tree as it is now; other transactions may be open beside it. */
int mo_tx_begin(struct mo_tree *tree, enum mo_origin origin, const char *mef_reg, struct mo_tx **ret,
                struct mef_error *reterr);
void mo_tx_rollback(struct mo_tx *tx); /* drops everything, frees; NULL is fine */
DEFINE_CLEANUP(struct mo_tx *, mo_tx_rollback)

/* ---- operations: a failed one changes nothing in the transaction, which stays usable ----------------------
 */

struct mo_new {
    enum mo_type type;
    const char *name;             /* NULL or "": "lwm2m-<oid>-<iid>" */
    const struct mo_input *attrs; /* may hold one "mgmtLink" */
    size_t n_attrs;
    char *const *links; /* objectPaths, NULL-terminated; may be NULL; behind those of "mgmtLink". A target may
                         * be added later in the same transaction */
    int32_t iid;        /* wanted LwM2M instance 0..65534, -1 = choose */
};
#define MO_NEW(type_, name_, attrs_, n_)                                                                     \
    {                                                                                                        \
        .type = (type_), .name = (name_), .attrs = (attrs_), .n_attrs = (n_), .iid = -1                      \
    }

/* *ret_id: the id of the new node; it is not in the tree before the commit. */
int mo_tx_add(struct mo_tx *tx, const struct mo_new *what, uint64_t *ret_id, struct mef_error *reterr);
/* `attrs` replace (a "mgmtLink" replaces all links), `removed` (names or aliases, NULL-terminated, may be
 * NULL) go. */
int mo_tx_set(struct mo_tx *tx, uint64_t id, const struct mo_input *attrs, size_t n_attrs,
              char *const *removed, struct mef_error *reterr);
/* Removes the node and every link to it. */
int mo_tx_delete(struct mo_tx *tx, uint64_t id, struct mef_error *reterr);
/* Appends a link; one that is there already is a success. `target`: any objectPath, may be added later. */
int mo_tx_link(struct mo_tx *tx, uint64_t id, const char *target, struct mef_error *reterr);
int mo_tx_unlink(struct mo_tx *tx, uint64_t id, const char *target,
                 struct mef_error *reterr); /* NotFound: no such link */
/* Strict JSON of section 6 (any length: judged here). Nodes that exist (type and name) become as the text has
 * them, others are added, the rest stays. Node origins are the text's for a local transaction, else the
 * transaction's. Secrets are refused; unknown keys are kept. All or nothing within the transaction. */
int mo_tx_import(struct mo_tx *tx, const char *text, size_t len, struct mef_error *reterr);

/* A point to come back to, for a caller whose request is several operations: restore undoes what was staged
 * since (and consumes it), mo_save_free forgets it. -ENOMEM. */
struct mo_save;
int mo_tx_save(const struct mo_tx *tx, struct mo_save **ret);
void mo_tx_restore(struct mo_tx *tx, struct mo_save *save); /* NULL is fine */
void mo_save_free(struct mo_save *save);                    /* NULL is fine */

/* Look-up in the staged copy: what the transaction itself sees. Valid until the next call on tx. */
const struct mo_node *mo_tx_resolve(const struct mo_tx *tx, const char *object_path);
const struct mo_node *mo_tx_by_id(const struct mo_tx *tx, uint64_t id);
const struct mo_node *mo_tx_by_name(const struct mo_tx *tx, enum mo_type type, const char *name);
enum mo_origin mo_tx_origin(const struct mo_tx *tx);
/* Whether this transaction may be shown the node: a MEF does not see the profiles of other registrations
 * (4.4). */
bool mo_tx_may_read(const struct mo_tx *tx, uint64_t id);

/* ---- the difference
 * ---------------------------------------------------------------------------------------- */

enum mo_change_kind { MO_ADDED, MO_UPDATED, MO_DELETED };

/* What a change asks of the root (mo-tree.md 4.2). */
enum mo_trigger {
    MO_TRIGGER_NONE,
    MO_TRIGGER_REG_ADDED,       /* T1 (MEFClientRegCfg), T14 (MAFClientRegCfg): see the type of the node */
    MO_TRIGGER_REG_DELETED,     /* T2, T14 */
    MO_TRIGGER_REG_UPDATED,     /* T3: also delete + add of the same identity, told once, at the added one */
    MO_TRIGGER_PROFILE,         /* T4: store only */
    MO_TRIGGER_ANCHOR_DELETED,  /* T15 */
    MO_TRIGGER_CERT_FILE_ADDED, /* T16 */
    MO_TRIGGER_SERVICE,         /* T17: signal only */
};

struct mo_change {
    enum mo_change_kind kind;
    uint64_t id;
    const struct mo_node *before; /* NULL for MO_ADDED */
    const struct mo_node *after;  /* NULL for MO_DELETED */
    uint64_t attrs;               /* MO_BIT set of attributes that were set, changed or removed */
    bool links;                   /* its mgmtLinks changed */
    bool parents; /* who links to it changed (MO_UPDATED with attrs 0 and links false: nothing else did) */
    /* RegCfg types only: the deleted (for an added) or added (for a deleted) node with the same (fqdn,
     * adminFQDN) in this very transaction; NULL = none. */
    const struct mo_node *twin;
    enum mo_trigger trigger;
};

struct mo_diff {
    uint64_t generation; /* the new one */
    enum mo_origin origin;
    const char *mef_reg;             /* or NULL */
    const struct mo_change *changes; /* deleted ones first, then added and updated by id */
    size_t n;
};

/* ---- commit
 * ------------------------------------------------------------------------------------------------- */

struct mo_commit {
    void *ctx;
    /* Loop thread, after validation, before the database: the difference as it will be. Room to prepare what
     * `also` will write, or to refuse (nonzero, reterr filled). The tree is still the old one. May be NULL.
     */
    int (*prepare)(void *ctx, const struct mo_diff *diff, struct mef_error *reterr);
    /* Store thread, in the same SQLite transaction, behind the nodes. Must not touch the tree or the diff.
     * May be NULL. */
    int (*also)(struct sql *sql, void *ctx, struct mef_error *reterr);
    /* Loop thread, always exactly once. r = 0: durable, the tree is the new one, `diff` lives until done
     * returns (take references to nodes you keep). r < 0: nothing has changed, err says why, diff is NULL.
     * May be NULL. */
    void (*done)(void *ctx, int r, uint64_t generation, const struct mo_diff *diff,
                 const struct mef_error *err);
};

/* Takes `tx` over in every case. Commits are serialized in the order of these calls; each is validated
 * against the tree that it meets (its operations are replayed when that is not the one it began with). 0:
 * `done` will be called from post_run(), never from in here. -ENOMEM: done is not called. A commit that
 * changes nothing succeeds with an empty diff and the generation as it is, and still runs `also`. */
int mo_tx_commit(struct mo_tx *tx, const struct mo_commit *how);

/* Validates as a commit at this moment would; changes nothing, tx stays open. */
int mo_tx_check(struct mo_tx *tx, struct mef_error *reterr);
/* The difference to the present tree, validated first; free with mo_diff_free. */
int mo_tx_diff(struct mo_tx *tx, struct mo_diff **ret, struct mef_error *reterr);
void mo_diff_free(struct mo_diff *diff);
DEFINE_CLEANUP(struct mo_diff *, mo_diff_free)
