/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transactions: begin, stage, roll back, and the finished set that a commit takes over (mo-tree.md 4.3).
 * Owned by whoever began it until the commit. */
#include "plugin/mo/tx.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/mo/internal.h"

static int keep_own(struct mo_tx *tx, const char *mef_reg, struct mef_error *reterr)
{
    const struct mo_node *own = mo_set_by_name(&tx->tree->now, MO_MEF_CLIENT_REG_CFG, mef_reg);

    if (!own)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND,
                        "there is no MEFClientRegCfg '%s' whose exchange this could be", mef_reg);
    tx->mef_reg = strdup(mef_reg);
    tx->own_fqdn = strdup(own->attrs[MO_FQDN]->text);
    tx->own_admin = strdup(own->attrs[MO_ADMIN_FQDN]->text);
    return tx->mef_reg && tx->own_fqdn && tx->own_admin ? 0 : mo_no_memory(reterr);
}

int mo_tx_begin(struct mo_tree *tree, enum mo_origin origin, const char *mef_reg, struct mo_tx **ret,
                struct mef_error *reterr)
{
    _cleanup_(mo_tx_rollbackp) struct mo_tx *tx = calloc(1, sizeof *tx);

    if (!tx)
        return mo_no_memory(reterr);
    tx->tree = tree;
    tx->origin = origin;
    tx->base = tree->generation;
    if ((origin == MO_ORIGIN_MEF_DM) != (mef_reg != NULL))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "a transaction of origin mef-dm, and no other, belongs to a registration");
    if (mef_reg) {
        int r = keep_own(tx, mef_reg, reterr);
        if (r < 0)
            return r;
    }
    mo_set_copy(&tree->now, &tx->staged);
    *ret = TAKE_PTR(tx);
    return 0;
}

void mo_tx_rollback(struct mo_tx *tx)
{
    if (!tx)
        return;
    for (size_t i = 0; i < tx->n_steps; i++)
        mo_step_free(tx->steps[i]);
    free(tx->steps);
    mo_set_clear(&tx->staged);
    strv_free(tx->pending);
    json_decref(tx->extra);
    free(tx->mef_reg);
    free(tx->own_fqdn);
    free(tx->own_admin);
    free(tx);
}

/* Begins again on the tree as it is now. */
static int replay(struct mo_tx *tx, struct mef_error *reterr)
{
    mo_set_clear(&tx->staged);
    mo_set_copy(&tx->tree->now, &tx->staged);
    strv_free(tx->pending);
    tx->pending = NULL;
    tx->n_pending = 0;
    tx->base = tx->tree->generation;
    for (size_t i = 0; i < tx->n_steps; i++) {
        int r = mo_tx_apply(tx, tx->steps[i], reterr);
        if (r < 0) {
            tx->base = UINT64_MAX; /* half of it is worth nothing: the next attempt begins again */
            mef_error_prefix(reterr, "the tree has changed since the transaction began");
            return r;
        }
    }
    return 0;
}

/* ---- recording ------------------------------------------------------------------------------------------
 */

struct mo_save {
    struct mo_set set;
    uint64_t base;
    size_t n_steps, n_operations, n_pending;
};

int mo_tx_save(const struct mo_tx *tx, struct mo_save **ret)
{
    struct mo_save *m = calloc(1, sizeof *m);

    if (!m)
        return -ENOMEM;
    mo_set_copy(&tx->staged, &m->set);
    m->base = tx->base;
    m->n_steps = tx->n_steps;
    m->n_operations = tx->n_operations;
    m->n_pending = tx->n_pending;
    *ret = m;
    return 0;
}

void mo_save_free(struct mo_save *m)
{
    if (m)
        mo_set_clear(&m->set);
    free(m);
}

void mo_tx_restore(struct mo_tx *tx, struct mo_save *m)
{
    if (!m)
        return;
    while (tx->n_steps > m->n_steps)
        mo_step_free(tx->steps[--tx->n_steps]);
    tx->n_operations = m->n_operations;
    if (tx->base != m->base) {
        /* A check in between has replayed on a newer tree: place holders are numbered anew. */
        (void)replay(tx, NULL);
        mo_save_free(m);
        return;
    }
    mo_set_clear(&tx->staged);
    tx->staged = m->set;
    m->set = (struct mo_set){0};
    while (tx->n_pending > m->n_pending) {
        free(tx->pending[--tx->n_pending]);
        tx->pending[tx->n_pending] = NULL;
    }
    mo_save_free(m);
}

int mo_tx_record(struct mo_tx *tx, struct mo_step *s, struct mef_error *reterr)
{
    _cleanup_(mo_step_freep) struct mo_step *step = s;

    if (tx->n_operations >= mo_limit(tx->tree, LIMIT_TX_OPERATIONS))
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "the transaction has %u operations, which is the most", LIMIT_TX_OPERATIONS);
    if (tx->n_steps == tx->room_steps) {
        size_t room = tx->room_steps + 64;
        struct mo_step **more = realloc(tx->steps, room * sizeof *more);
        if (!more)
            return mo_no_memory(reterr);
        tx->steps = more;
        tx->room_steps = room;
    }
    int r = mo_tx_apply(tx, step, reterr);
    if (r < 0)
        return r;
    tx->steps[tx->n_steps++] = TAKE_PTR(step);
    tx->n_operations++;
    return 0;
}

static struct mo_step *step_new(const struct mo_tx *tx, enum mo_step_kind kind, uint64_t id)
{
    struct mo_step *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->kind = kind;
    s->id = id;
    s->iid = -1;
    s->keep_extra = true;
    s->origin = tx->origin;
    /* Who it was, for the sentence when it has gone by the time of a replay. */
    const struct mo_node *node = kind == MO_STEP_ADD ? NULL : mo_set_by_id(&tx->staged, id);
    if (node)
        s->type = node->type;
    if ((tx->mef_reg && !(s->mef_reg = strdup(tx->mef_reg))) || (node && !(s->name = strdup(node->name)))) {
        mo_step_free(s);
        return NULL;
    }
    return s;
}

static int check_complete(const struct mo_step *s, struct mef_error *reterr)
{
    const struct mo_type_info *type = mo_type_info(s->type);

    for (size_t i = 0; i < type->n_fields; i++)
        if (type->fields[i].mandatory && !s->values[type->fields[i].attr] &&
            !(type->fields[i].local_may_omit && s->origin == MO_ORIGIN_LOCAL))
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s '%s': attribute '%s' is missing",
                            type->name, s->name ? s->name : "", mo_attr_info(type->fields[i].attr)->name);
    return 0;
}

int mo_tx_add(struct mo_tx *tx, const struct mo_new *what, uint64_t *ret_id, struct mef_error *reterr)
{
    _cleanup_(mo_step_freep) struct mo_step *s = step_new(tx, MO_STEP_ADD, tx->tree->next_id++);
    int r;

    if (!s)
        return mo_no_memory(reterr);
    if ((unsigned)what->type >= MO_TYPE_MAX_ || what->iid > (int32_t)MO_IID_MAX)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "a LwM2M instance is 0 to %u", MO_IID_MAX);
    s->type = what->type;
    s->iid = what->iid < 0 ? -1 : what->iid;
    if (what->name && *what->name && !(s->name = strndup(what->name, LIMIT_NODE_NAME + 1)))
        return mo_no_memory(reterr);
    r = mo_step_take(tx, s, what->type, s->name, what->attrs, what->n_attrs, reterr);
    if (r < 0)
        return r;
    for (char *const *l = what->links; l && *l; l++)
        if (strv_push(&s->links, *l) < 0)
            return mo_no_memory(reterr);
    r = check_complete(s, reterr);
    if (r < 0)
        return r;
    uint64_t id = s->id;
    r = mo_tx_record(tx, TAKE_PTR(s), reterr);
    if (r == 0 && ret_id)
        *ret_id = id;
    return r;
}

int mo_tx_set(struct mo_tx *tx, uint64_t id, const struct mo_input *attrs, size_t n_attrs,
              char *const *removed, struct mef_error *reterr)
{
    _cleanup_(mo_step_freep) struct mo_step *s = step_new(tx, MO_STEP_SET, id);
    const struct mo_node *n = mo_set_by_id(&tx->staged, id);

    if (!s)
        return mo_no_memory(reterr);
    if (!n)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "the node is not there (any more)");
    int r = mo_step_take(tx, s, n->type, n->name, attrs, n_attrs, reterr);
    if (r < 0)
        return r;
    for (char *const *name = removed; name && *name; name++) {
        enum mo_attr attr;
        if (streq(*name, "mgmtLink") || streq(*name, "cmlk")) {
            if (s->set_links)
                return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                                "attribute 'mgmtLink' is set and removed");
            s->set_links = true;
            continue;
        }
        if (mo_attr_parse(n->type, *name, &attr) < 0)
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s '%s' has no attribute '%s'",
                            mo_type_info(n->type)->name, n->name, *name);
        if (s->values[attr])
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "attribute '%s' is set and removed",
                            mo_attr_info(attr)->name);
        s->removed |= MO_BIT(attr);
    }
    return mo_tx_record(tx, TAKE_PTR(s), reterr);
}

int mo_tx_delete(struct mo_tx *tx, uint64_t id, struct mef_error *reterr)
{
    struct mo_step *s = step_new(tx, MO_STEP_DELETE, id);

    return s ? mo_tx_record(tx, s, reterr) : mo_no_memory(reterr);
}

static int link_step(struct mo_tx *tx, enum mo_step_kind kind, uint64_t id, const char *target,
                     struct mef_error *reterr)
{
    _cleanup_(mo_step_freep) struct mo_step *s = step_new(tx, kind, id);

    if (!s || strv_push(&s->links, target ? target : "") < 0)
        return mo_no_memory(reterr);
    return mo_tx_record(tx, TAKE_PTR(s), reterr);
}

int mo_tx_link(struct mo_tx *tx, uint64_t id, const char *target, struct mef_error *reterr)
{
    return link_step(tx, MO_STEP_LINK, id, target, reterr);
}

int mo_tx_unlink(struct mo_tx *tx, uint64_t id, const char *target, struct mef_error *reterr)
{
    return link_step(tx, MO_STEP_UNLINK, id, target, reterr);
}

/* ---- look-up ----------------------------------------------------------------------------------------------
 */

const struct mo_node *mo_tx_resolve(const struct mo_tx *tx, const char *object_path)
{
    return mo_set_resolve(tx->tree, &tx->staged, object_path);
}

const struct mo_node *mo_tx_by_id(const struct mo_tx *tx, uint64_t id)
{
    return mo_set_by_id(&tx->staged, id);
}

const struct mo_node *mo_tx_by_name(const struct mo_tx *tx, enum mo_type type, const char *name)
{
    return mo_set_by_name(&tx->staged, type, name);
}

enum mo_origin mo_tx_origin(const struct mo_tx *tx)
{
    return tx->origin;
}

/* ---- finishing
 * ---------------------------------------------------------------------------------------------- */

int mo_tx_finish(struct mo_tx *tx, struct mo_set *ret, struct mef_error *reterr)
{
    struct mo_set s;
    int r = 0;

    if (tx->base != tx->tree->generation)
        r = replay(tx, reterr);
    if (r < 0)
        return r;
    mo_set_copy(&tx->staged, &s);
    r = mo_tx_settle(tx, &s, true, reterr);
    if (r == 0)
        r = mo_check_set(tx->tree, &tx->tree->now, &s, reterr);
    if (r < 0) {
        mo_set_clear(&s);
        return r;
    }
    *ret = s;
    return 0;
}
