/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials tied to MO nodes: one row per node that was processed. */
#include "plugin/bindings.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/registrations.h"
#include "policy/status.h"

static const char *const steps[] = {
    "CREATE TABLE node_binding(node INTEGER PRIMARY KEY, credential TEXT, why TEXT)",
    "ALTER TABLE node_binding ADD COLUMN expires INTEGER NOT NULL DEFAULT 0",
    NULL,
};
const struct db_piece bindings_piece = {.name = "bindings", .steps = steps};

static void binding_clear(struct binding *b)
{
    free(b->credential);
    free(b->why);
}

static struct binding *find(const struct engine *e, uint64_t node)
{
    struct binding *b = e->bindings;

    while (b && b->node != node)
        b = b->next;
    return b;
}

const struct binding *binding_find(const struct engine *e, uint64_t node)
{
    return find(e, node);
}

/* ---- store -------------------------------------------------------------------------------------------- */

int binding_store(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    const struct node_outcome *o = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r =
        stmt_prepare(&s, sql,
                     "INSERT INTO node_binding(node,credential,why,expires) VALUES(?1,?2,?3,?4) "
                     "ON CONFLICT(node) DO UPDATE SET credential=coalesce(excluded.credential,credential), "
                     "expires=CASE WHEN excluded.credential IS NULL THEN expires ELSE excluded.expires END, "
                     "why=excluded.why",
                     reterr);
    if (r < 0)
        return r;
    stmt_int(&s, 1, (int64_t)o->node);
    stmt_text(&s, 2, o->credential);
    stmt_text(&s, 3, o->why);
    stmt_int(&s, 4, o->expires);
    r = stmt_run(&s, reterr);
    return r == 0 && o->credential ? vault_confirm_key(sql, o, reterr) : r;
}

struct ids {
    uint64_t *id;
    size_t n;
};

static int forget_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    const struct ids *l = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "DELETE FROM node_binding WHERE node=?1", reterr);

    for (size_t i = 0; r == 0 && i < l->n; i++) {
        stmt_int(&s, 1, (int64_t)l->id[i]);
        r = stmt_run(&s, reterr);
    }
    return r;
}

static void forget_done(void *ctx, int r, const struct mef_error *err)
{
    struct ids *l = ctx;

    (void)r, (void)err; /* a row that stays is dropped at the next start: ids are never used again */
    free(l->id);
    free(l);
}

static int read_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct binding **list = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "SELECT node,credential,why FROM node_binding", reterr);

    while (r == 0 && (r = stmt_step(&s, reterr)) == 1) {
        struct binding *b = calloc(1, sizeof *b);
        if (!b)
            return -ENOMEM;
        b->next = *list;
        *list = b;
        b->node = (uint64_t)stmt_col_int(&s, 0);
        r = stmt_col_text(&s, 1, &b->credential);
        if (r == 0)
            r = stmt_col_text(&s, 2, &b->why);
        if (r == -EBADMSG)
            return mef_fail(reterr, MEF_ERROR_FAILED, "a row of node_binding is damaged; restore state.db");
    }
    return r;
}

/* ---- memory ------------------------------------------------------------------------------------------- */

static bool forget(struct engine *e, uint64_t node)
{
    for (struct binding **at = &e->bindings; *at; at = &(*at)->next)
        if ((*at)->node == node) {
            struct binding *b = *at;
            *at = b->next;
            binding_clear(b);
            free(b);
            return true;
        }
    return false;
}

int bindings_load(struct engine *e, struct mef_error *reterr)
{
    struct ids gone = {0};
    int r = db_run(e->db, read_work, &e->bindings, reterr);

    for (struct binding *b = e->bindings, *next; r == 0 && b; b = next) {
        next = b->next;
        if (mo_tree_by_id(e->tree, b->node))
            continue;
        uint64_t *more = reallocarray(gone.id, gone.n + 1, sizeof *more);
        if (!more) {
            r = -ENOMEM;
            break;
        }
        gone.id = more;
        gone.id[gone.n++] = b->node;
        (void)forget(e, b->node);
    }
    if (r == 0 && gone.n)
        r = db_run(e->db, forget_work, &gone, reterr);
    free(gone.id);
    return r;
}

void bindings_free(struct engine *e)
{
    while (e->bindings)
        (void)forget(e, e->bindings->node);
}

void bindings_apply(struct engine *e, const struct mo_diff *diff)
{
    struct ids *l = NULL;

    for (size_t i = 0; i < diff->n; i++) {
        if (diff->changes[i].kind != MO_DELETED || !forget(e, diff->changes[i].id))
            continue;
        if (!l && !(l = calloc(1, sizeof *l)))
            return;
        uint64_t *more = reallocarray(l->id, l->n + 1, sizeof *more);
        if (!more)
            break;
        l->id = more;
        l->id[l->n++] = diff->changes[i].id;
    }
    if (l && db_submit(e->db, forget_work, forget_done, l) < 0)
        forget_done(l, 0, NULL);
}

/* Arguments that do not fit say nothing about the node itself: its state stays (docs/decisions.md). */
static enum mo_state state_after(const struct mo_node *n, uint32_t status)
{
    switch ((enum cmd_status)status) {
    case CMD_STATUS_OK:
        return MO_READY;
    case CMD_STATUS_MO_NODE_INCONSISTENT_CONFIG:
        return MO_INCONSISTENT;
    case CMD_STATUS_MO_NODE_PROCESSING_FAILED:
        return MO_FAILED;
    default:
        return mo_node_state(n);
    }
}

int binding_show(struct engine *e, const struct node_outcome *o)
{
    const struct mo_node *n = mo_tree_by_id(e->tree, o->node);
    struct binding *b = find(e, o->node);
    _cleanup_(freep) char *credential = o->credential ? strdup(o->credential) : NULL;
    _cleanup_(freep) char *why = o->why ? strdup(o->why) : NULL;

    if (!n)
        return 0; /* deleted meanwhile; its row goes at the next start */
    if ((o->credential && !credential) || (o->why && !why))
        return -ENOMEM;
    if (!b) {
        if (!(b = calloc(1, sizeof *b)))
            return -ENOMEM;
        b->node = o->node;
        b->next = e->bindings;
        e->bindings = b;
    }
    if (credential) {
        free(b->credential);
        b->credential = TAKE_PTR(credential);
    }
    free(b->why);
    b->why = TAKE_PTR(why);
    _cleanup_(freep) char *listed = b->credential ? credential_path_by_name(e, b->credential) : NULL;
    if (o->credential && !listed) { /* new in the token: a job that made it ends when it can be seen */
        e->credentials_stale = true;
        token_thread_rescan(e->token_thread);
    }
    int r = mo_node_set_state(e->tree, o->node, state_after(n, o->status), o->status);
    node_state_changed(e, o->node);
    nodes_credentials_changed(e);
    credentials_changed(e);
    if (o->credential)
        registrations_refresh(e); /* it may be the one that a MAF knows us by */
    return r == -ENOENT ? 0 : r;
}
