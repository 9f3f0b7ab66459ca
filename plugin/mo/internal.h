/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the tree, private to plugin/mo: nodes that are shared until written, and sets of them.
 *
 * A set is an array of counted nodes in order of id. A transaction works on a set of its own; a node that it
 * writes is copied first unless nobody else holds it. So old and new tree live side by side and a rollback is
 * a release. Thread: the loop's. */
#pragma once

#include "plugin/mo/tx.h"

#define MO_IID_MAX 65534u

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
    struct mo_node **nodes;
    size_t n, room;
    uint32_t next_iid[MO_TYPE_MAX_];
};

/* Parents of every node of a set, derived: parents of nodes[i] are ids[first[i]] .. ids[first[i + 1] - 1]. */
struct mo_parents {
    size_t *first;
    uint64_t *ids;
};

struct mo_commit_job;

struct mo_tree {
    struct db *db;
    struct post *loop;
    struct mo_set now;
    struct mo_parents parents;
    uint64_t generation;
    uint64_t next_id;
    json_t *extra; /* unknown members of the top of an import, or NULL */
    char **mounts, **prefixes;
    struct mo_commit_job *first, **last; /* waiting commits */
    struct mo_commit_job *running;
    bool stopped;
};

/* ---- nodes and sets (node.c) ---- */
int mo_no_memory(struct mef_error *reterr); /* fills "out of memory", -ENOMEM */
int mo_node_copy(const struct mo_node *n, struct mo_node **ret);
int mo_node_add_link(struct mo_node *n, uint64_t id); /* -ENOMEM */
bool mo_node_links_to(const struct mo_node *n, uint64_t id);
void mo_node_drop_link(struct mo_node *n, uint64_t id);

int mo_set_copy(const struct mo_set *from, struct mo_set *to); /* shares the nodes */
void mo_set_clear(struct mo_set *s);
struct mo_node *mo_set_by_id(const struct mo_set *s, uint64_t id);
struct mo_node *mo_set_by_name(const struct mo_set *s, enum mo_type type, const char *name);
struct mo_node *mo_set_by_alias(const struct mo_set *s, enum mo_type type, uint32_t iid);
struct mo_node *mo_set_resolve(const struct mo_tree *tree, const struct mo_set *s, const char *path);
int mo_set_insert(struct mo_set *s, struct mo_node *n); /* takes the reference over, also on failure */
void mo_set_remove(struct mo_set *s, uint64_t id);
/* The node of that id as one that may be written: copied first when shared. NULL: no memory, or none. */
struct mo_node *mo_set_write(struct mo_set *s, uint64_t id);
/* A free LwM2M instance of that type; -E2BIG. */
int mo_set_choose_iid(struct mo_set *s, enum mo_type type, uint32_t *ret);

int mo_parents_build(const struct mo_set *s, struct mo_parents *ret);
void mo_parents_clear(struct mo_parents *p);
const uint64_t *mo_parents_of(const struct mo_parents *p, const struct mo_set *s, uint64_t id, size_t *ret_n);

/* ---- validation of one node and of a whole set (check.c) ---- */
/* A mandatory write-only attribute may be absent here, since an export does not have it; mo_tx_add demands
 * it. */
int mo_check_node(const struct mo_node *n, struct mef_error *reterr);
/* Every rule that a tree must keep; measures nodes on the way. */
int mo_check_set(const struct mo_set *s, struct mef_error *reterr);
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
    size_t n_operations;     /* counted against LIMIT_TX_OPERATIONS: an import is one */
    char **pending;          /* link targets that were not there yet; id MO_PENDING + index stands for them */
    json_t *extra;           /* top-level unknown members of an import */
    uint64_t min_generation; /* of an import */
};

#define MO_PENDING (UINT64_MAX / 2)

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
