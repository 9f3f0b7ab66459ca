/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the tree, private to plugin/mo: nodes that are never changed once they stand in a set, and sets
 * of them.
 *
 * A set holds counted nodes by id, and what is derived from them: who has a name, an alias, an identity, and
 * who links to whom. Its copy costs nothing (trie.h). A transaction works on a set of its own; a node that it
 * writes is copied and put in the place of the old one. So old and new tree live side by side, a rollback is
 * a release, and no step costs more in a large tree than in a small one. Thread: the loop's. */
#pragma once

#include "plugin/mo/trie.h"
#include "plugin/mo/tx.h"

#define MO_IID_MAX 65534u
/* Ids have 32 bits, since two of them (or a hash and one) make a key of an index. The last ones stand for
 * link targets that are not there yet: MO_PENDING + index into `pending` of the transaction. */
#define MO_ID_MAX      0xfffeffffu
#define MO_PENDING     0xffff0000u
#define MO_PENDING_MAX 0x10000u

struct mo_node {
    unsigned refs;
    uint64_t id;
    enum mo_type type;
    enum mo_origin origin;
    char *name;
    char *mef_reg;
    uint32_t iid;
    struct mo_value *attrs[MO_ATTR_MAX_];
    uint64_t *links;
    size_t n_links;
    json_t *extra;       /* unknown members of an imported node, or NULL */
    json_t *extra_attrs; /* unknown members of its "attrs", or NULL */
    enum mo_state state;
    uint32_t last_status;
    int64_t ctime, mtime;
    uint64_t gen;
    size_t size; /* octets of its row, 0 = not known yet */
};

struct mo_set {
    struct trie *nodes; /* id -> struct mo_node, counted */
    size_t n, octets;   /* octets: of all rows, as of the last mo_check_... */
    uint32_t next_iid[MO_TYPE_MAX_];
    /* Derived: (32 bits of what is looked for, id) -> id. */
    struct trie *names, *aliases, *identities, *parents;
};

struct mo_commit_job;

struct mo_tree {
    struct db *db;
    struct post *loop;
    struct mo_set now;
    uint64_t generation;
    uint64_t next_id;
    json_t *extra; /* unknown members of the top of an import, or NULL */
    char **mounts, **prefixes;
    struct mo_commit_job *first, **last; /* waiting commits */
    struct mo_commit_job *running;
    bool stopped;
    unsigned raised; /* times the limits of 5.3, for the figures of large trees; 0 = once */
};

/* ---- nodes and sets (node.c) ---- */
int mo_no_memory(struct mef_error *reterr); /* fills "out of memory", -ENOMEM */
int mo_node_copy(const struct mo_node *n, struct mo_node **ret);
int mo_node_add_link(struct mo_node *n, uint64_t id); /* -ENOMEM */
bool mo_node_links_to(const struct mo_node *n, uint64_t id);
void mo_node_drop_link(struct mo_node *n, uint64_t id);

void mo_set_copy(const struct mo_set *from, struct mo_set *to); /* shares everything */
void mo_set_clear(struct mo_set *s);
struct mo_node *mo_set_by_id(const struct mo_set *s, uint64_t id);
/* In order of ids: the first one, the one behind `after`, the i-th. NULL: no more. */
struct mo_node *mo_set_next(const struct mo_set *s, const struct mo_node *after);
struct mo_node *mo_set_nth(const struct mo_set *s, size_t i);
struct mo_node *mo_set_by_name(const struct mo_set *s, enum mo_type type, const char *name);
struct mo_node *mo_set_by_alias(const struct mo_set *s, enum mo_type type, uint32_t iid);
struct mo_node *mo_set_by_identity(const struct mo_set *s, enum mo_type type, const char *fqdn,
                                   const char *admin_fqdn);
/* Another node than `n` that has its name, its alias or its identity; NULL = none. */
struct mo_node *mo_set_same_name(const struct mo_set *s, const struct mo_node *n);
struct mo_node *mo_set_same_alias(const struct mo_set *s, const struct mo_node *n);
struct mo_node *mo_set_same_identity(const struct mo_set *s, const struct mo_node *n);
struct mo_node *mo_set_resolve(const struct mo_tree *tree, const struct mo_set *s, const char *path);
/* Adds it, or puts it in the place of the one with its id. Takes the reference over, also on failure
 * (-ENOMEM: nothing has changed). */
int mo_set_put(struct mo_set *s, struct mo_node *n);
int mo_set_remove(struct mo_set *s, uint64_t id); /* -ENOMEM: nothing has changed */
/* A free LwM2M instance of that type; -E2BIG. */
int mo_set_choose_iid(struct mo_set *s, enum mo_type type, uint32_t *ret);
/* The least id above `after` of the nodes that link to `id`; 0 = no more. `id` may be a place holder. */
uint64_t mo_set_parent_after(const struct mo_set *s, uint64_t id, uint64_t after);
/* A limit of 5.3 as it counts in this tree. */
size_t mo_limit(const struct mo_tree *tree, size_t limit);

/* ---- validation of one node and of a whole set (check.c) ---- */
/* A mandatory write-only attribute may be absent here, since an export does not have it; mo_tx_add demands
 * it. */
int mo_check_node(const struct mo_node *n, struct mef_error *reterr);
/* Every rule that a tree must keep, judged on what differs from `before`, which keeps them all (NULL: judges
 * everything). Measures nodes on the way. */
int mo_check_set(const struct mo_tree *tree, const struct mo_set *before, struct mo_set *s,
                 struct mef_error *reterr);
bool mo_registration_is_cse(const struct mo_node *n); /* its originatorID is a CSE-ID */
bool mo_link_allowed(enum mo_type parent, enum mo_type child);

/* ---- rows (store.c) ---- */
struct mo_rows; /* what one commit writes, as plain text: made on the loop, written on the store thread */
int mo_rows_new(const struct mo_tree *tree, const struct mo_diff *diff, const struct mo_set *after,
                const json_t *extra, struct mo_rows **ret);
void mo_rows_free(struct mo_rows *r);
int mo_rows_write(struct sql *sql, const struct mo_rows *rows, struct mef_error *reterr);
int mo_store_load(struct mo_tree *tree, struct mef_error *reterr);
/* Octets of a node's row. -ENOMEM. */
int mo_node_measure(struct mo_node *n);

/* ---- JSON (json.c) ---- */
/* `attrs` of a node as an object; `all`: the write-only ones too, for the store. NULL: no memory. */
json_t *mo_attrs_json(const struct mo_node *n, bool all);
/* A JSON value as an input; `item` holds what it points to until cleared. */
struct mo_json_input {
    struct mo_input in;
    char **strings;
    uint64_t *uints;
};
int mo_json_input(const char *name, const json_t *value, struct mo_json_input *ret);
void mo_json_input_clear(struct mo_json_input *i);

/* ---- transactions ---- */
enum mo_step_kind { MO_STEP_ADD, MO_STEP_SET, MO_STEP_DELETE, MO_STEP_LINK, MO_STEP_UNLINK };

/* One recorded operation, to be replayed on another tree. */
struct mo_step {
    enum mo_step_kind kind;
    uint64_t id;
    enum mo_type type; /* with name: what ADD makes, what the others meant when they were staged */
    char *name;
    enum mo_origin origin;
    char *mef_reg;
    int32_t iid;                           /* ADD: wanted, -1 = choose */
    struct mo_value *values[MO_ATTR_MAX_]; /* ADD, SET */
    uint64_t removed;                      /* SET */
    bool set_links;                        /* SET: replace */
    char **links;                          /* ADD, SET with set_links; LINK, UNLINK: one */
    json_t *extra, *extra_attrs;           /* of an import */
    bool keep_extra;                       /* SET: leave those of the node */
};

struct mo_tx {
    struct mo_tree *tree;
    enum mo_origin origin;
    char *mef_reg, *own_fqdn, *own_admin;
    uint64_t own_id;
    struct mo_set staged;
    uint64_t base; /* generation of the tree that it began with */
    struct mo_step **steps;
    size_t n_steps, room_steps;
    size_t n_operations; /* counted against LIMIT_TX_OPERATIONS: an import is one */
    char **pending;      /* link targets that were not there yet; id MO_PENDING + index stands for them */
    size_t n_pending;
    json_t *extra;           /* top-level unknown members of an import */
    uint64_t min_generation; /* of an import */
};

void mo_step_free(struct mo_step *s);
DEFINE_CLEANUP(struct mo_step *, mo_step_free)
/* Applies to the staged set; a failure leaves it as it was. */
int mo_tx_apply(struct mo_tx *tx, const struct mo_step *s, struct mef_error *reterr);
/* Puts ids in the place of place holders whose target is there by now; `all`: one that is not is NotFound. */
int mo_tx_settle(const struct mo_tx *tx, struct mo_set *s, bool all, struct mef_error *reterr);
/* Applies and records; takes the step over in every case. */
int mo_tx_record(struct mo_tx *tx, struct mo_step *s, struct mef_error *reterr);
/* Inputs of one node into a step: attributes by name or alias, "mgmtLink" into links. */
int mo_step_take(struct mo_tx *tx, struct mo_step *s, enum mo_type type, const char *node,
                 const struct mo_input *in, size_t n, struct mef_error *reterr);
/* Replays on the present tree if that has changed, resolves pending links, judges everything (5.3, 1.9, 4.4);
 * *ret is the set as it would be committed. */
int mo_tx_finish(struct mo_tx *tx, struct mo_set *ret, struct mef_error *reterr);
/* The difference between two sets; marks new generation and times into the changed nodes of `after`. */
int mo_diff_make(const struct mo_tx *tx, const struct mo_set *before, struct mo_set *after,
                 struct mo_diff **ret);
int mo_check_access(const struct mo_tx *tx, const struct mo_set *after, const struct mo_diff *diff,
                    struct mef_error *reterr);
/* mo_write_admit for one write of this transaction; node NULL = being added. */
int mo_admit(const struct mo_tx *tx, enum mo_op op, enum mo_type type, const char *name,
             const struct mo_node *node, const char *attribute, struct mef_error *reterr);
