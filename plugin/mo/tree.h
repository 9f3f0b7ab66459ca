/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The MO tree in memory: nodes, links, look-up (mo-tree.md 1.9, 2.1, 5.2). Changes are made by tx.h only.
 *
 * Thread: everything here is the loop's; no locks. A `const struct mo_node *` out of the tree is valid until
 * the next turn of the loop (a commit may replace it); take a reference to keep it, or keep its id. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/err.h"
#include "plugin/base/post.h"
#include "plugin/mo/db.h"
#include "plugin/mo/schema.h"
#include "plugin/mo/value.h"
#include "policy/mo-access.h" /* enum mo_origin */

struct mo_tree;
struct mo_node;

/* The tables of this room, to be among the pieces of db_open(). */
extern const struct db_piece mo_db_piece;

/* Loads the tree (blocks on the store thread: call it at start, before the loop runs). A row that breaks a
 * rule refuses the whole tree: Failed, the sentence names node and file. db and loop must outlive it. */
int mo_tree_open(struct db *db, struct post *loop, struct mo_tree **ret, struct mef_error *reterr);
/* End in this order: mo_tree_stop() (commits that still wait end with Cancelled; the one that runs goes on),
 * db_close(), post_run(), mo_tree_free(), post_free(). Transactions still open must be rolled back before. */
void mo_tree_stop(struct mo_tree *tree); /* NULL is fine */
/* NULL is fine. */
void mo_tree_free(struct mo_tree *tree);

/* Further alias forms of 2.1, copied; call again to replace. A mount is "./Ext/Vendor/DCFG", a prefix is
 * "/lwm2m". Both arrays NULL-terminated, either may be NULL. InvalidArguments names a bad one; -ENOMEM. With
 * `tree` NULL they are only judged. */
int mo_tree_set_aliases(struct mo_tree *tree, char *const *mounts, char *const *prefixes,
                        struct mef_error *reterr);

uint64_t mo_tree_generation(const struct mo_tree *tree); /* bumps at each commit that changes something */
size_t mo_tree_count(const struct mo_tree *tree);
/* i-th node in order of ids (that is, of creation), i < mo_tree_count(). */
const struct mo_node *mo_tree_nth(const struct mo_tree *tree, size_t i);
const struct mo_node *mo_tree_by_id(const struct mo_tree *tree, uint64_t id); /* or NULL */
const struct mo_node *mo_tree_by_name(const struct mo_tree *tree, enum mo_type type,
                                      const char *name);                                        /* or NULL */
const struct mo_node *mo_tree_by_alias(const struct mo_tree *tree, uint32_t oid, uint32_t iid); /* or NULL */
/* The MAF/MEFClientRegCfg of `type` with this identity (in any spelling that fqdn_normalize takes), or NULL.
 */
const struct mo_node *mo_tree_by_fqdn(const struct mo_tree *tree, enum mo_type type, const char *fqdn,
                                      const char *admin_fqdn);
/* Any alias form of 2.1. NULL = addresses no MO node (a container, a leaf, malformed, absent). */
const struct mo_node *mo_tree_resolve(const struct mo_tree *tree, const char *object_path);

/* ---- one node -------------------------------------------------------------------------------------------
 */

struct mo_node *mo_node_ref(const struct mo_node *n);
void mo_node_unref(struct mo_node *n); /* NULL is fine */
DEFINE_CLEANUP(struct mo_node *, mo_node_unref)

uint64_t mo_node_id(const struct mo_node *n); /* from 1, never used again */
enum mo_type mo_node_type(const struct mo_node *n);
const char *mo_node_name(const struct mo_node *n);
enum mo_origin mo_node_origin(const struct mo_node *n);
const char *
mo_node_mef_reg(const struct mo_node *n); /* node name of the registration for mef-dm, else NULL */
uint32_t mo_node_oid(const struct mo_node *n);
uint32_t mo_node_iid(const struct mo_node *n);
enum mo_state mo_node_state(const struct mo_node *n);
uint32_t mo_node_last_status(const struct mo_node *n); /* cmdStatusCode of the last processing, 0 = none */
int64_t mo_node_ctime(const struct mo_node *n);        /* realtime, microseconds */
int64_t mo_node_mtime(const struct mo_node *n);
uint64_t mo_node_gen(const struct mo_node *n); /* generation of its last change */

/* NULL, or `absent`, when the attribute is not set or has another shape. Never the value of a write-only one.
 */
const struct mo_value *mo_node_get(const struct mo_node *n, enum mo_attr attr);
const char *mo_node_text(const struct mo_node *n, enum mo_attr attr);
uint32_t mo_node_uint(const struct mo_node *n, enum mo_attr attr, uint32_t absent);
int64_t mo_node_time(const struct mo_node *n, enum mo_attr attr);      /* microseconds; 0 = not set */
char *const *mo_node_list(const struct mo_node *n, enum mo_attr attr); /* NULL-terminated */
bool mo_node_has(const struct mo_node *n, enum mo_attr attr);          /* write-only ones too */
uint64_t mo_node_present(const struct mo_node *n);                     /* MO_BIT set of what is set */
/* The text of the certificate file of a myCertFileCred for whoever puts it into the token, else NULL. Never
 * on the bus, never in an export. */
const char *mo_node_cert_file(const struct mo_node *n);

/* Ids of the mgmtLink targets in order. Valid as the node is. */
const uint64_t *mo_node_links(const struct mo_node *n, size_t *ret_n);
/* The least id above `after` of the nodes that link here; 0 = no more. */
uint64_t mo_node_parent_after(const struct mo_tree *tree, const struct mo_node *n, uint64_t after);
/* First target / first parent of that type, or NULL. `n_` may be NULL; else the number of them. */
const struct mo_node *mo_node_child(const struct mo_tree *tree, const struct mo_node *n, enum mo_type type,
                                    size_t *n_);
const struct mo_node *mo_node_parent(const struct mo_tree *tree, const struct mo_node *n, enum mo_type type,
                                     size_t *n_);

/* "./DCFG/<type>/<name>", malloc'ed; NULL when out of memory. */
char *mo_node_path(const struct mo_node *n);
/* Canonical path first, then the aliases: "/oid/iid", registered mounts and prefixes, TR-181. NULL: no
 * memory. */
char **mo_node_object_paths(const struct mo_tree *tree, const struct mo_node *n);

/* The node and one level of its relatives as they are now, a copy of the caller's (policy/mo-node.h).
 * -ENOMEM.
 */
struct mo_snapshot;
int mo_node_snapshot(const struct mo_tree *tree, const struct mo_node *n, struct mo_snapshot *ret);

/* State word and last status of a node, as the root finds them out. Visible at once; written to the store
 * behind the loop's back (lost by a crash at the worst). No generation bump. -ENOENT. */
int mo_node_set_state(struct mo_tree *tree, uint64_t id, enum mo_state state, uint32_t last_status);

/* ---- JSON form of mo-tree.md section 6 (json.c) ----------------------------------------------------------
 */

/* Never a secret or a write-only value. malloc'ed text with a newline at its end. -ENOMEM. */
int mo_tree_export(const struct mo_tree *tree, char **ret, struct mef_error *reterr);
/* One node as an object of that form ("type", "name", "origin", "lwm2m", "attrs", "links"); new reference,
 * NULL: no memory. The root stores it with a tombstone. */
json_t *mo_node_json(const struct mo_tree *tree, const struct mo_node *n);
