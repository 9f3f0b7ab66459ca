/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree of the loop thread: life, look-up, and what can be asked of a node. Owns the present set of nodes.
 */
#include "plugin/mo/tree.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/mo/internal.h"
#include "policy/fqdn.h"

int mo_tree_open(struct db *db, struct post *loop, struct mo_tree **ret, struct mef_error *reterr)
{
    struct mo_tree *tree = calloc(1, sizeof *tree);

    if (!tree)
        return mo_no_memory(reterr);
    tree->db = db;
    tree->loop = loop;
    tree->next_id = 1;
    tree->last = &tree->first;
    int r = mo_store_load(tree, reterr);
    if (r < 0) {
        mo_tree_free(tree);
        return r;
    }
    *ret = tree;
    return 0;
}

uint64_t mo_tree_generation(const struct mo_tree *tree)
{
    return tree->generation;
}

size_t mo_tree_count(const struct mo_tree *tree)
{
    return tree->now.n;
}

const struct mo_node *mo_tree_nth(const struct mo_tree *tree, size_t i)
{
    return mo_set_nth(&tree->now, i);
}

const struct mo_node *mo_tree_by_id(const struct mo_tree *tree, uint64_t id)
{
    return mo_set_by_id(&tree->now, id);
}

const struct mo_node *mo_tree_by_name(const struct mo_tree *tree, enum mo_type type, const char *name)
{
    return mo_set_by_name(&tree->now, type, name);
}

const struct mo_node *mo_tree_by_alias(const struct mo_tree *tree, uint32_t oid, uint32_t iid)
{
    enum mo_type type;

    return mo_type_by_oid(oid, &type) < 0 ? NULL : mo_set_by_alias(&tree->now, type, iid);
}

const struct mo_node *mo_tree_by_fqdn(const struct mo_tree *tree, enum mo_type type, const char *fqdn,
                                      const char *admin_fqdn)
{
    char host[LIMIT_FQDN + 1], admin[LIMIT_FQDN + 1];

    if (fqdn_normalize(fqdn, host) < 0 || fqdn_normalize(admin_fqdn, admin) < 0)
        return NULL;
    return mo_set_by_identity(&tree->now, type, host, admin);
}

size_t mo_limit(const struct mo_tree *tree, size_t limit)
{
    return tree->raised ? limit * tree->raised : limit;
}

/* ---- one node -------------------------------------------------------------------------------------------
 */

uint64_t mo_node_id(const struct mo_node *n)
{
    return n->id;
}

enum mo_type mo_node_type(const struct mo_node *n)
{
    return n->type;
}

const char *mo_node_name(const struct mo_node *n)
{
    return n->name;
}

enum mo_origin mo_node_origin(const struct mo_node *n)
{
    return n->origin;
}

const char *mo_node_mef_reg(const struct mo_node *n)
{
    return n->mef_reg;
}

uint32_t mo_node_oid(const struct mo_node *n)
{
    return mo_type_info(n->type)->oid;
}

uint32_t mo_node_iid(const struct mo_node *n)
{
    return n->iid;
}

enum mo_state mo_node_state(const struct mo_node *n)
{
    return n->state;
}

uint32_t mo_node_last_status(const struct mo_node *n)
{
    return n->last_status;
}

int64_t mo_node_ctime(const struct mo_node *n)
{
    return n->ctime;
}

int64_t mo_node_mtime(const struct mo_node *n)
{
    return n->mtime;
}

uint64_t mo_node_gen(const struct mo_node *n)
{
    return n->gen;
}

const struct mo_value *mo_node_get(const struct mo_node *n, enum mo_attr attr)
{
    const struct mo_field *f = mo_field(n->type, attr);

    return f && !f->write_only ? n->attrs[attr] : NULL;
}

const char *mo_node_text(const struct mo_node *n, enum mo_attr attr)
{
    const struct mo_value *v = mo_node_get(n, attr);

    return v ? v->text : NULL;
}

uint32_t mo_node_uint(const struct mo_node *n, enum mo_attr attr, uint32_t absent)
{
    const struct mo_value *v = mo_node_get(n, attr);

    return v && v->shape == MO_SHAPE_UINT ? v->uint : absent;
}

int64_t mo_node_time(const struct mo_node *n, enum mo_attr attr)
{
    const struct mo_value *v = mo_node_get(n, attr);

    return v ? v->usec : 0;
}

char *const *mo_node_list(const struct mo_node *n, enum mo_attr attr)
{
    const struct mo_value *v = mo_node_get(n, attr);

    return v ? v->texts : NULL;
}

bool mo_node_has(const struct mo_node *n, enum mo_attr attr)
{
    return n->attrs[attr] != NULL;
}

uint64_t mo_node_present(const struct mo_node *n)
{
    uint64_t set = 0;

    for (size_t i = 0; i < MO_ATTR_MAX_; i++)
        if (n->attrs[i])
            set |= MO_BIT(i);
    return set;
}

const char *mo_node_cert_file(const struct mo_node *n)
{
    return n->attrs[MO_MY_CERT_FILE_CONTENT] ? n->attrs[MO_MY_CERT_FILE_CONTENT]->text : NULL;
}

const uint64_t *mo_node_links(const struct mo_node *n, size_t *ret_n)
{
    *ret_n = n->n_links;
    return n->links;
}

uint64_t mo_node_parent_after(const struct mo_tree *tree, const struct mo_node *n, uint64_t after)
{
    return mo_set_parent_after(&tree->now, n->id, after);
}

const struct mo_node *mo_node_child(const struct mo_tree *tree, const struct mo_node *n, enum mo_type type,
                                    size_t *n_)
{
    const struct mo_node *found = NULL;
    size_t count = 0;

    for (size_t i = 0; i < n->n_links; i++) {
        const struct mo_node *at = mo_set_by_id(&tree->now, n->links[i]);
        if (at && at->type == type && count++ == 0)
            found = at;
    }
    if (n_)
        *n_ = count;
    return found;
}

const struct mo_node *mo_node_parent(const struct mo_tree *tree, const struct mo_node *n, enum mo_type type,
                                     size_t *n_)
{
    const struct mo_node *found = NULL;
    size_t count = 0;

    for (uint64_t id = 0; (id = mo_node_parent_after(tree, n, id));) {
        const struct mo_node *at = mo_set_by_id(&tree->now, id);
        if (at && at->type == type && count++ == 0)
            found = at;
    }
    if (n_)
        *n_ = count;
    return found;
}
