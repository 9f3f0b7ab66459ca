/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a transaction to the new tree: difference, one write by the store thread, exchange of the sets.
 * Commits wait for one another; the tree in memory changes only when the database has it. */
#include <errno.h>
#include <string.h>

#include "plugin/base/cancel.h"
#include "plugin/base/crash.h"
#include "plugin/base/str.h"
#include "plugin/mo/internal.h"

/* ---- difference -------------------------------------------------------------------------------------------
 */

struct difference {
    struct mo_diff diff; /* first: the handle */
    struct mo_change *changes;
    size_t room, n_nodes;
    char *mef_reg;
    struct mo_set *after; /* while it is made */
};

void mo_diff_free(struct mo_diff *diff)
{
    struct difference *d = (struct difference *)diff;

    if (!d)
        return;
    for (size_t i = 0; i < d->diff.n; i++) {
        mo_node_unref((struct mo_node *)(uintptr_t)d->changes[i].before);
        mo_node_unref((struct mo_node *)(uintptr_t)d->changes[i].after);
    }
    free(d->changes);
    free(d->mef_reg);
    free(d);
}

static uint64_t changed_attrs(const struct mo_node *a, const struct mo_node *b)
{
    uint64_t set = 0;

    for (size_t i = 0; i < MO_ATTR_MAX_; i++)
        if (!mo_value_equal(a ? a->attrs[i] : NULL, b ? b->attrs[i] : NULL))
            set |= MO_BIT(i);
    return set;
}

static bool same_links(const struct mo_node *a, const struct mo_node *b)
{
    return a->n_links == b->n_links &&
           (a->n_links == 0 || memcmp(a->links, b->links, a->n_links * sizeof *a->links) == 0);
}

/* Unknown members that an import changed: kept in the store, told to nobody. */
static bool same_extra(const struct mo_node *a, const struct mo_node *b)
{
    return (a->extra == b->extra || json_equal(a->extra, b->extra)) &&
           (a->extra_attrs == b->extra_attrs || json_equal(a->extra_attrs, b->extra_attrs));
}

static enum mo_trigger trigger_of(const struct mo_change *c)
{
    const struct mo_node *n = c->after ? c->after : c->before;

    if (c->kind == MO_UPDATED && !c->attrs && !c->links)
        return MO_TRIGGER_NONE;
    switch (n->type) {
    case MO_MEF_CLIENT_REG_CFG:
    case MO_MAF_CLIENT_REG_CFG:
        if (c->twin)
            return c->kind == MO_ADDED ? MO_TRIGGER_REG_UPDATED : MO_TRIGGER_NONE;
        return c->kind == MO_ADDED     ? MO_TRIGGER_REG_ADDED
               : c->kind == MO_DELETED ? MO_TRIGGER_REG_DELETED
                                       : MO_TRIGGER_REG_UPDATED;
    case MO_AUTHENTICATION_PROFILE:
        return MO_TRIGGER_PROFILE;
    case MO_TRUST_ANCHOR_CRED:
        return c->kind == MO_DELETED ? MO_TRIGGER_ANCHOR_DELETED : MO_TRIGGER_NONE;
    case MO_MY_CERT_FILE_CRED:
        return c->kind == MO_ADDED ? MO_TRIGGER_CERT_FILE_ADDED : MO_TRIGGER_NONE;
    default:
        return MO_TRIGGER_SERVICE;
    }
}

static void find_twins(struct difference *d)
{
    for (size_t i = 0; i < d->diff.n; i++)
        for (size_t k = 0; d->changes[i].kind == MO_DELETED && k < d->diff.n; k++) {
            struct mo_change *gone = &d->changes[i], *come = &d->changes[k];
            if (come->kind != MO_ADDED || gone->before->type != come->after->type ||
                !gone->before->attrs[MO_FQDN] ||
                !mo_value_equal(gone->before->attrs[MO_FQDN], come->after->attrs[MO_FQDN]) ||
                !mo_value_equal(gone->before->attrs[MO_ADMIN_FQDN], come->after->attrs[MO_ADMIN_FQDN]))
                continue;
            gone->twin = come->after;
            come->twin = gone->before;
        }
    for (size_t i = 0; i < d->diff.n; i++)
        d->changes[i].trigger = trigger_of(&d->changes[i]);
}

/* The place of a node's change, new ones at the end. */
static int add_change(struct difference *d, const struct mo_change *c)
{
    if (d->diff.n == d->room) {
        size_t room = d->room * 2 + 8;
        struct mo_change *more = reallocarray(d->changes, room, sizeof *more);
        if (!more)
            return -ENOMEM;
        d->changes = more;
        d->room = room;
    }
    d->changes[d->diff.n] = *c;
    (void)mo_node_ref(c->before);
    (void)mo_node_ref(c->after);
    d->diff.n++;
    return 0;
}

static struct mo_node *node_of(uint64_t value)
{
    return (struct mo_node *)(uintptr_t)value;
}

/* A node that only one of the sets has, or that is another one in each. One that was touched and is as it was
 * goes back to being the old one, so that its time of change stays. */
static int note_node(void *ctx, const struct trie_entry *e)
{
    struct difference *d = ctx;
    struct mo_node *old = e->in_a ? node_of(e->a) : NULL, *new = e->in_b ? node_of(e->b) : NULL;
    struct mo_change c = {.kind = !old  ? MO_ADDED
                                  : new ? MO_UPDATED
                                        : MO_DELETED,
                          .id = e->key,
                          .before = old,
                          .after = new,
                          .attrs = changed_attrs(old, new),
                          .links = old &&new ? !same_links(old, new) : (old ? old : new)->n_links > 0};

    if (c.kind == MO_UPDATED && !c.attrs && !c.links && same_extra(old, new))
        return mo_set_put(d->after, mo_node_ref(old));
    return add_change(d, &c);
}

/* A node that other nodes link to than before; those that changed otherwise stand in the first `n_nodes`. */
static int note_parent(void *ctx, const struct trie_entry *e)
{
    struct difference *d = ctx;
    uint64_t id = e->key >> 32;
    size_t lo = 0, hi = d->n_nodes;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (d->changes[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < d->n_nodes && d->changes[lo].id == id) {
        d->changes[lo].parents = d->changes[lo].kind != MO_DELETED;
        return 0;
    }
    if (d->diff.n > d->n_nodes && d->changes[d->diff.n - 1].id == id)
        return 0; /* by another of its parents */
    const struct mo_node *n = mo_set_by_id(d->after, id);
    return n ? add_change(d,
                          &(struct mo_change){
                              .kind = MO_UPDATED, .id = id, .before = n, .after = n, .parents = true})
             : 0;
}

/* What is gone first, then in order of ids. */
static int by_order(const void *a, const void *b)
{
    const struct mo_change *x = a, *y = b;
    bool gone_x = x->kind == MO_DELETED, gone_y = y->kind == MO_DELETED;

    if (gone_x != gone_y)
        return gone_x ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int note_all(struct difference *d, const struct mo_set *before)
{
    struct mo_set was;

    /* A copy, since note_node() puts nodes back. */
    mo_set_copy(d->after, &was);
    int r = trie_compare(before->nodes, was.nodes, note_node, d);
    mo_set_clear(&was);
    d->n_nodes = d->diff.n;
    if (r == 0)
        r = trie_compare(before->parents, d->after->parents, note_parent, d);
    if (r == 0 && d->diff.n > 1)
        qsort(d->changes, d->diff.n, sizeof *d->changes, by_order);
    return r;
}

static void stamp(struct difference *d, int64_t now)
{
    for (size_t i = 0; i < d->diff.n; i++) {
        const struct mo_change *c = &d->changes[i];
        /* Ours alone: a node that stayed as it was has been put back by note_node(). */
        struct mo_node *n = c->after && c->after != c->before ? mo_set_by_id(d->after, c->id) : NULL;
        if (!n)
            continue;
        n->gen = d->diff.generation;
        n->mtime = now;
        if (c->kind == MO_ADDED)
            n->ctime = now;
    }
}

int mo_diff_make(const struct mo_tx *tx, const struct mo_set *before, struct mo_set *after,
                 struct mo_diff **ret)
{
    struct difference *d = calloc(1, sizeof *d);

    if (!d)
        return -ENOMEM;
    d->after = after;
    d->mef_reg = tx->mef_reg ? strdup(tx->mef_reg) : NULL;
    if ((tx->mef_reg && !d->mef_reg) || note_all(d, before) < 0) {
        mo_diff_free(&d->diff);
        return -ENOMEM;
    }
    size_t n = d->diff.n;
    uint64_t next = tx->tree->generation + 1;
    d->diff = (struct mo_diff){.generation = n == 0                      ? tx->tree->generation
                                             : tx->min_generation > next ? tx->min_generation
                                                                         : next,
                               .origin = tx->origin,
                               .mef_reg = d->mef_reg,
                               .changes = d->changes,
                               .n = n};
    find_twins(d);
    stamp(d, now_realtime());
    d->after = NULL; /* the caller's */
    *ret = &d->diff;
    return 0;
}

/* ---- the commit -------------------------------------------------------------------------------------------
 */

struct mo_commit_job {
    struct mo_commit_job *next;
    struct mo_tree *tree;
    struct mo_tx *tx;
    struct mo_commit how;
    struct mo_set after;
    struct mo_diff *diff;
    struct mo_rows *rows;
    json_t *extra;
};

static void job_free(struct mo_commit_job *j)
{
    mo_tx_rollback(j->tx);
    mo_set_clear(&j->after);
    mo_diff_free(j->diff);
    mo_rows_free(j->rows);
    json_decref(j->extra);
    free(j);
}

static void refuse(struct mo_commit_job *j, int r, const struct mef_error *err)
{
    struct mef_error own = {0};

    if (err->word == MEF_ERROR_NONE) {
        (void)mef_fail(&own, MEF_ERROR_FAILED, "the transaction was refused");
        err = &own;
    }
    if (j->how.done)
        j->how.done(j->how.ctx, r, j->tree->generation, NULL, err);
    job_free(j);
}

/* Validates on the tree as it is, and prepares all that the store thread needs. */
static int prepare(struct mo_commit_job *j, struct mef_error *reterr)
{
    struct mo_tree *tree = j->tree;
    int r = mo_tx_finish(j->tx, &j->after, reterr);

    if (r < 0)
        return r;
    if (mo_diff_make(j->tx, &tree->now, &j->after, &j->diff) < 0)
        return mo_no_memory(reterr);
    r = mo_check_access(j->tx, &j->after, j->diff, reterr);
    if (r < 0)
        return r;
    if (j->how.prepare) {
        r = j->how.prepare(j->how.ctx, j->diff, reterr);
        if (r != 0)
            return r < 0 ? r : -EPERM;
    }
    j->extra = json_incref(j->tx->extra);
    if (mo_rows_new(tree, j->diff, &j->after, j->extra, &j->rows) < 0)
        return mo_no_memory(reterr);
    return 0;
}

static int write_all(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct mo_commit_job *j = ctx;
    int r = mo_rows_write(sql, j->rows, reterr);

    if (r == 0 && j->how.also)
        r = j->how.also(sql, j->how.ctx, reterr);
    if (r == 0)
        CRASH_POINT(MO_COMMIT_BEFORE);
    return r;
}

static void pump(struct mo_tree *tree);

/* States move outside of transactions: what they are now holds, not what they were when the copy was made. */
static void carry_states(const struct mo_set *from, const struct mo_diff *diff)
{
    for (size_t i = 0; i < diff->n; i++) {
        const struct mo_change *c = &diff->changes[i];
        const struct mo_node *old = mo_set_by_id(from, c->id);
        if (!old || !c->after || c->after == old)
            continue;
        struct mo_node *n = (struct mo_node *)(uintptr_t)c->after;
        n->state = old->state;
        n->last_status = old->last_status;
    }
}

static void committed(void *ctx, int r, const struct mef_error *err)
{
    struct mo_commit_job *j = ctx;
    struct mo_tree *tree = j->tree;

    if (r == 0)
        CRASH_POINT(MO_COMMIT_AFTER);
    tree->running = NULL;
    if (r != 0) {
        refuse(j, r < 0 ? r : -EIO, err);
    } else {
        carry_states(&tree->now, j->diff);
        mo_set_clear(&tree->now);
        tree->now = j->after;
        tree->generation = j->diff->generation;
        j->after = (struct mo_set){0};
        if (j->extra) {
            json_decref(tree->extra);
            tree->extra = TAKE_PTR(j->extra);
        }
        if (j->how.done)
            j->how.done(j->how.ctx, 0, tree->generation, j->diff, NULL);
        job_free(j);
    }
    pump(tree);
}

static void pump(struct mo_tree *tree)
{
    while (!tree->running && tree->first && !tree->stopped) {
        struct mo_commit_job *j = tree->first;
        struct mef_error err = {0};
        tree->first = j->next;
        if (!tree->first)
            tree->last = &tree->first;
        int r = prepare(j, &err);
        if (r == 0) {
            tree->running = j;
            r = db_submit(tree->db, write_all, committed, j);
            if (r == 0)
                return;
            tree->running = NULL;
            (void)mo_no_memory(&err);
        }
        refuse(j, r, &err);
    }
}

static void pump_later(void *ctx, void *data)
{
    pump(ctx);
}

int mo_tx_commit(struct mo_tx *tx, const struct mo_commit *how)
{
    struct mo_tree *tree = tx->tree;
    struct mo_commit_job *j = calloc(1, sizeof *j);

    if (!j || post_send(tree->loop, pump_later, tree, NULL, NULL) < 0) {
        free(j);
        mo_tx_rollback(tx);
        return -ENOMEM;
    }
    j->tree = tree;
    j->tx = tx;
    j->how = *how;
    *tree->last = j;
    tree->last = &j->next;
    return 0;
}

void mo_tree_stop(struct mo_tree *tree)
{
    struct mef_error err;

    if (!tree)
        return;
    tree->stopped = true;
    while (tree->first) {
        struct mo_commit_job *j = tree->first;
        tree->first = j->next;
        (void)mef_fail(&err, MEF_ERROR_CANCELLED, "the service is stopping");
        refuse(j, -ECANCELED, &err);
    }
    tree->last = &tree->first;
}

void mo_tree_free(struct mo_tree *tree)
{
    if (!tree)
        return;
    mo_tree_stop(tree);
    if (tree->running)
        job_free(tree->running);
    mo_set_clear(&tree->now);
    json_decref(tree->extra);
    strv_free(tree->mounts);
    strv_free(tree->prefixes);
    free(tree);
}

/* ---- without committing
 * -------------------------------------------------------------------------------------- */

int mo_tx_diff(struct mo_tx *tx, struct mo_diff **ret, struct mef_error *reterr)
{
    struct mo_set after;
    struct mo_diff *diff = NULL;
    int r = mo_tx_finish(tx, &after, reterr);

    if (r < 0)
        return r;
    if (mo_diff_make(tx, &tx->tree->now, &after, &diff) < 0)
        r = mo_no_memory(reterr);
    else
        r = mo_check_access(tx, &after, diff, reterr);
    mo_set_clear(&after);
    if (r < 0)
        mo_diff_free(diff);
    else
        *ret = diff;
    return r;
}

int mo_tx_check(struct mo_tx *tx, struct mef_error *reterr)
{
    struct mo_diff *diff = NULL;
    int r = mo_tx_diff(tx, &diff, reterr);

    if (r == 0)
        mo_diff_free(diff);
    return r;
}
