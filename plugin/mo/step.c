/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One recorded operation of a transaction and its effect on a set. The same code runs when the operation is
 * staged and when it is replayed on a tree that has moved on. Everything that can fail comes before anything
 * changes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/mo/internal.h"

#define LINK "mgmtLink"

void mo_step_free(struct mo_step *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < MO_ATTR_MAX_; i++)
        mo_value_unref(s->values[i]);
    free(s->name);
    free(s->mef_reg);
    strv_free(s->links);
    json_decref(s->extra);
    json_decref(s->extra_attrs);
    free(s);
}

static int take_links(struct mo_step *s, const struct mo_input *in, struct mef_error *reterr)
{
    if (in->kind != MO_INPUT_STRINGS && !(in->kind == MO_INPUT_UINTS && in->n == 0))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "attribute '" LINK "' takes a list of object paths");
    if (in->n > LIMIT_LINKS)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "attribute '" LINK "' has %zu items, at most %u are allowed", in->n, LIMIT_LINKS);
    s->set_links = true;
    for (size_t i = 0; i < in->n; i++)
        if (strv_push(&s->links, in->strings[i]) < 0)
            return mo_no_memory(reterr);
    return 0;
}

int mo_step_take(struct mo_tx *tx, struct mo_step *s, enum mo_type type, const char *node,
                 const struct mo_input *in, size_t n, struct mef_error *reterr)
{
    const struct mo_node *target = s->kind == MO_STEP_ADD ? NULL : mo_set_by_id(&tx->staged, s->id);
    enum mo_op op = s->kind == MO_STEP_ADD ? MO_OP_ADD : MO_OP_SET;
    int r;

    for (size_t i = 0; i < n; i++) {
        const char *name = in[i].name ? in[i].name : "";
        enum mo_attr attr;
        if (streq(name, LINK) || streq(name, "cmlk")) {
            if (s->set_links)
                return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "attribute '" LINK "' is given twice");
            r = take_links(s, &in[i], reterr);
            if (r < 0)
                return r;
            continue;
        }
        if (mo_attr_parse(type, name, &attr) < 0)
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s '%s' has no attribute '%s'",
                            mo_type_info(type)->name, node ? node : "", name);
        if (s->values[attr])
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "attribute '%s' is given twice",
                            mo_attr_info(attr)->name);
        /* Whether it may be written at all comes before what it holds. */
        r = mo_admit(tx, op, type, node, target, mo_attr_info(attr)->name, reterr);
        if (r == 0)
            r = mo_value_new(attr, &in[i], &s->values[attr], reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- links ----------------------------------------------------------------------------------------------
 */

/* The id behind an object path; a place holder when nothing is there yet. */
static int link_target(struct mo_tx *tx, const char *path, uint64_t *ret, struct mef_error *reterr)
{
    const struct mo_node *n = mo_set_resolve(tx->tree, &tx->staged, path);

    if (n) {
        *ret = n->id;
        return 0;
    }
    if (strlen(path) > LIMIT_OBJECT_PATH)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND,
                        "the object path of a '" LINK "' is longer than %u octets", LIMIT_OBJECT_PATH);
    for (size_t i = 0; i < tx->n_pending; i++)
        if (streq(tx->pending[i], path)) {
            *ret = MO_PENDING + i;
            return 0;
        }
    if (tx->n_pending == MO_PENDING_MAX)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "the transaction has %u links to nodes that are not there, which is the most",
                        MO_PENDING_MAX);
    if (strv_push(&tx->pending, path) < 0)
        return mo_no_memory(reterr);
    *ret = MO_PENDING + tx->n_pending++;
    return 0;
}

/* The type rule of 1.9 as soon as both ends are known; the rest is judged at commit. */
static int check_link(const struct mo_tx *tx, enum mo_type type, const char *name, uint64_t id,
                      uint64_t target, struct mef_error *reterr)
{
    const struct mo_node *child = mo_set_by_id(&tx->staged, target);

    if (target == id)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s '%s': it cannot link to itself",
                        mo_type_info(type)->name, name);
    if (child && !mo_link_allowed(type, child->type))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s '%s': may not link to the %s '%s'",
                        mo_type_info(type)->name, name, mo_type_info(child->type)->name, child->name);
    return 0;
}

/* Ids of all paths of the step, duplicates dropped; *ret is malloc'ed. */
static int resolve_links(struct mo_tx *tx, const struct mo_step *s, enum mo_type type, const char *name,
                         uint64_t **ret, size_t *ret_n, struct mef_error *reterr)
{
    size_t n = strv_len(s->links), k = 0;
    _cleanup_(freep) uint64_t *ids = calloc(n + 1, sizeof *ids);

    if (!ids)
        return mo_no_memory(reterr);
    for (size_t i = 0; i < n; i++) {
        int r = link_target(tx, s->links[i], &ids[k], reterr);
        if (r == 0)
            r = check_link(tx, type, name, s->id, ids[k], reterr);
        if (r < 0)
            return r;
        bool twice = false;
        for (size_t j = 0; j < k; j++)
            twice |= ids[j] == ids[k];
        k += !twice;
    }
    *ret = TAKE_PTR(ids);
    *ret_n = k;
    return 0;
}

/* `child` in the place of the place holder, unless it is linked already. */
static int settle_link(struct mo_set *s, uint64_t parent, uint64_t holder, uint64_t child)
{
    const struct mo_node *old = mo_set_by_id(s, parent);
    struct mo_node *n;

    if (mo_node_copy(old, &n) < 0)
        return -ENOMEM;
    if (mo_node_links_to(n, child))
        mo_node_drop_link(n, holder);
    for (size_t i = 0; i < n->n_links; i++)
        if (n->links[i] == holder)
            n->links[i] = child;
    return mo_set_put(s, n);
}

int mo_tx_settle(const struct mo_tx *tx, struct mo_set *s, bool all, struct mef_error *reterr)
{
    for (size_t i = 0; i < tx->n_pending; i++) {
        uint64_t holder = MO_PENDING + i, parent = mo_set_parent_after(s, holder, 0);
        const struct mo_node *child = parent ? mo_set_resolve(tx->tree, s, tx->pending[i]) : NULL;
        if (parent && !child && all) {
            const struct mo_node *n = mo_set_by_id(s, parent);
            return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "%s '%s' links to '%s', where no node is",
                            mo_type_info(n->type)->name, n->name, tx->pending[i]);
        }
        for (; child && parent; parent = mo_set_parent_after(s, holder, parent))
            if (settle_link(s, parent, holder, child->id) < 0)
                return mo_no_memory(reterr);
    }
    return 0;
}

/* ---- the five kinds
 * ---------------------------------------------------------------------------------------- */

static void put_extra(struct mo_node *n, const struct mo_step *s)
{
    if (s->keep_extra)
        return;
    json_decref(n->extra);
    json_decref(n->extra_attrs);
    n->extra = json_incref(s->extra);
    n->extra_attrs = json_incref(s->extra_attrs);
}

static int choose_alias(struct mo_tx *tx, const struct mo_step *s, uint32_t *ret, struct mef_error *reterr)
{
    const struct mo_type_info *type = mo_type_info(s->type);

    if (s->iid < 0) {
        if (mo_set_choose_iid(&tx->staged, s->type, ret) < 0)
            return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "no LwM2M instance of object %u is free",
                            type->oid);
        return 0;
    }
    if ((uint32_t)s->iid > MO_IID_MAX)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "a LwM2M instance is 0 to %u", MO_IID_MAX);
    const struct mo_node *other = mo_set_by_alias(&tx->staged, s->type, (uint32_t)s->iid);
    if (other)
        return mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS, "the alias '/%u/%d' belongs to %s '%s' already",
                        type->oid, s->iid, type->name, other->name);
    *ret = (uint32_t)s->iid;
    return 0;
}

static int make_node(const struct mo_step *s, uint32_t iid, struct mo_node **ret)
{
    char fallback[LIMIT_NODE_NAME + 1];
    struct mo_node *n = calloc(1, sizeof *n);

    if (!n)
        return -ENOMEM;
    (void)snprintf(fallback, sizeof fallback, "lwm2m-%u-%u", mo_type_info(s->type)->oid, iid);
    n->refs = 1;
    n->id = s->id;
    n->type = s->type;
    n->origin = s->origin;
    n->iid = iid;
    n->name = strdup(s->name ? s->name : fallback);
    n->mef_reg = s->mef_reg ? strdup(s->mef_reg) : NULL;
    for (size_t i = 0; i < MO_ATTR_MAX_; i++)
        n->attrs[i] = mo_value_ref(s->values[i]);
    put_extra(n, s);
    if (!n->name || (s->mef_reg && !n->mef_reg)) {
        mo_node_unref(n);
        return -ENOMEM;
    }
    *ret = n;
    return 0;
}

static int apply_add(struct mo_tx *tx, const struct mo_step *s, struct mef_error *reterr)
{
    _cleanup_(mo_node_unrefp) struct mo_node *n = NULL;
    uint32_t iid;
    int r;

    if (tx->staged.n >= mo_limit(tx->tree, LIMIT_NODES))
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "the tree holds %zu nodes, which is the most",
                        tx->staged.n);
    if (s->id > MO_ID_MAX)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "this tree has had %u nodes, which is the most: export it and begin a new one",
                        MO_ID_MAX);
    r = mo_admit(tx, MO_OP_ADD, s->type, s->name, NULL, NULL, reterr);
    if (r == 0)
        r = choose_alias(tx, s, &iid, reterr);
    if (r < 0)
        return r;
    if (make_node(s, iid, &n) < 0)
        return mo_no_memory(reterr);
    if (mo_set_by_name(&tx->staged, n->type, n->name))
        return mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS, "there is a %s '%s' already",
                        mo_type_info(n->type)->name, n->name);
    r = mo_check_node(n, reterr);
    if (r == 0)
        r = resolve_links(tx, s, n->type, n->name, &n->links, &n->n_links, reterr);
    if (r < 0)
        return r;
    return mo_set_put(&tx->staged, TAKE_PTR(n)) < 0 ? mo_no_memory(reterr) : 0;
}

static int fail_gone(const struct mo_step *s, struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "%s '%s' is not there (any more)",
                    s->name ? mo_type_info(s->type)->name : "node", s->name ? s->name : "?");
}

/* What a set would make of the node, as a node of its own. */
static int changed_node(struct mo_tx *tx, const struct mo_step *s, const struct mo_node *old,
                        struct mo_node **ret, struct mef_error *reterr)
{
    _cleanup_(mo_node_unrefp) struct mo_node *n = NULL;

    if (mo_node_copy(old, &n) < 0)
        return mo_no_memory(reterr);
    for (size_t i = 0; i < MO_ATTR_MAX_; i++) {
        enum mo_attr attr = (enum mo_attr)i;
        bool removed = s->removed & MO_BIT(attr);
        const struct mo_field *f = mo_field(old->type, attr);
        if ((!s->values[attr] && !removed) || !f)
            continue;
        int r = removed ? mo_admit(tx, MO_OP_SET, old->type, old->name, old, mo_attr_info(attr)->name, reterr)
                        : 0;
        if (r < 0)
            return r;
        if (f->immutable && n->attrs[attr] && !mo_value_equal(n->attrs[attr], s->values[attr]))
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "%s '%s': attribute '%s' cannot change after creation",
                            mo_type_info(old->type)->name, old->name, mo_attr_info(attr)->name);
        mo_value_unref(n->attrs[attr]);
        n->attrs[attr] = mo_value_ref(s->values[attr]);
    }
    put_extra(n, s);
    if (s->set_links) {
        free(n->links);
        n->links = NULL;
        n->n_links = 0;
        int r = resolve_links(tx, s, n->type, n->name, &n->links, &n->n_links, reterr);
        if (r < 0)
            return r;
    }
    int r = mo_check_node(n, reterr);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(n);
    return 0;
}

static int apply_set(struct mo_tx *tx, const struct mo_step *s, struct mef_error *reterr)
{
    const struct mo_node *old = mo_set_by_id(&tx->staged, s->id);
    struct mo_node *n = NULL;
    int r;

    if (!old)
        return fail_gone(s, reterr);
    r = mo_admit(tx, MO_OP_SET, old->type, old->name, old, NULL, reterr);
    if (r == 0)
        r = changed_node(tx, s, old, &n, reterr);
    if (r == 0 && mo_set_put(&tx->staged, n) < 0)
        r = mo_no_memory(reterr);
    return r;
}

static int apply_delete(struct mo_tx *tx, const struct mo_step *s, struct mef_error *reterr)
{
    const struct mo_node *old = mo_set_by_id(&tx->staged, s->id);
    struct mo_set copy;
    int r;

    if (!old)
        return fail_gone(s, reterr);
    r = mo_admit(tx, MO_OP_DELETE, old->type, old->name, old, NULL, reterr);
    if (r == 0) /* a link that was made before its target goes with it too */
        r = mo_tx_settle(tx, &tx->staged, false, reterr);
    if (r < 0)
        return r;
    /* On a copy: memory may end half-way. */
    mo_set_copy(&tx->staged, &copy);
    for (uint64_t id = 0; r == 0 && (id = mo_set_parent_after(&copy, s->id, id));) {
        struct mo_node *parent;
        r = mo_node_copy(mo_set_by_id(&copy, id), &parent);
        if (r < 0)
            break;
        mo_node_drop_link(parent, s->id);
        r = mo_set_put(&copy, parent);
    }
    if (r == 0)
        r = mo_set_remove(&copy, s->id);
    if (r < 0) {
        mo_set_clear(&copy);
        return mo_no_memory(reterr);
    }
    mo_set_clear(&tx->staged);
    tx->staged = copy;
    return 0;
}

static int apply_link(struct mo_tx *tx, const struct mo_step *s, struct mef_error *reterr)
{
    bool unlink = s->kind == MO_STEP_UNLINK;
    uint64_t target;
    int r = mo_tx_settle(tx, &tx->staged, false, reterr);

    if (r < 0)
        return r;
    const struct mo_node *old = mo_set_by_id(&tx->staged, s->id);
    if (!old)
        return fail_gone(s, reterr);
    r = mo_admit(tx, unlink ? MO_OP_UNLINK : MO_OP_LINK, old->type, old->name, old, NULL, reterr);
    if (r == 0)
        r = link_target(tx, s->links[0], &target, reterr);
    if (r == 0)
        r = check_link(tx, old->type, old->name, old->id, target, reterr);
    if (r < 0)
        return r;
    if (unlink && !mo_node_links_to(old, target))
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "%s '%s' has no link to '%s'",
                        mo_type_info(old->type)->name, old->name, s->links[0]);
    if (!unlink && old->n_links >= LIMIT_LINKS && !mo_node_links_to(old, target))
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "%s '%s' has %u links, which is the most",
                        mo_type_info(old->type)->name, old->name, LIMIT_LINKS);
    _cleanup_(mo_node_unrefp) struct mo_node *n = NULL;
    if (mo_node_copy(old, &n) < 0)
        return mo_no_memory(reterr);
    if (unlink)
        mo_node_drop_link(n, target);
    else if (mo_node_add_link(n, target) < 0)
        return mo_no_memory(reterr);
    return mo_set_put(&tx->staged, TAKE_PTR(n)) < 0 ? mo_no_memory(reterr) : 0;
}

int mo_tx_apply(struct mo_tx *tx, const struct mo_step *s, struct mef_error *reterr)
{
    static int (*const apply[])(struct mo_tx *, const struct mo_step *, struct mef_error *) = {
        [MO_STEP_ADD] = apply_add,   [MO_STEP_SET] = apply_set,     [MO_STEP_DELETE] = apply_delete,
        [MO_STEP_LINK] = apply_link, [MO_STEP_UNLINK] = apply_link,
    };

    return apply[s->kind](tx, s, reterr);
}
