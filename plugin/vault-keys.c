/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of the registration of a key (mef-protocol.md 3.5). It stands in the key's own row of
 * token_object, so that it goes with the key, whoever deletes it. Thread: the store's, the workers. */
#include <errno.h>
#include <stdlib.h>

#include "plugin/vault.h"

static int write_key(struct sql *sql, const struct node_outcome *k, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql,
                         "UPDATE token_object SET state=?1,expires=?5,"
                         "registered=CASE ?6 WHEN 0 THEN registered ELSE ?6 END,"
                         "profile=CASE ?7 WHEN 0 THEN profile ELSE ?7 END,path=coalesce(?8,path) "
                         "WHERE kind=?2 AND label=?3 AND owner=?4 AND state IN (?1,?9)",
                         reterr);
    if (r < 0)
        return r;
    stmt_int(&s, 1, CERT);
    stmt_int(&s, 2, VAULT_KEY);
    stmt_text(&s, 3, k->credential);
    stmt_text(&s, 4, k->owner);
    stmt_int(&s, 5, k->expires);
    stmt_int(&s, 6, k->registered);
    stmt_int(&s, 7, (int64_t)k->node);
    stmt_text(&s, 8, k->path);
    stmt_int(&s, 9, CERT_WANTED);
    return stmt_run(&s, reterr);
}

int vault_confirm_key(struct sql *sql, const struct node_outcome *o, struct mef_error *reterr)
{
    return o->owner ? write_key(sql, o, reterr) : 0;
}

static int keep_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    return write_key(sql, ctx, reterr);
}

int vault_keep_key(void *ctx, const char *key_id, const char *owner, int64_t expires,
                   struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    struct node_outcome k = {.credential = key_id, .owner = owner, .expires = expires};

    return db_run(v->db, keep_work, &k, reterr);
}

struct list_job {
    const char *owner;
    struct key_list *list;
};

static int read_key(const struct stmt *s, struct key_record *k)
{
    *k = (struct key_record){.profile = (uint64_t)stmt_col_int(s, 1),
                             .registered = stmt_col_int(s, 3),
                             .expires = stmt_col_int(s, 4),
                             .current = stmt_col_int(s, 5) != 0};
    int r = stmt_col_text(s, 0, &k->name);
    return r < 0 ? r : stmt_col_text(s, 2, &k->path);
}

static int list_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct list_job *j = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql,
                         "SELECT t.label,t.profile,t.path,t.registered,t.expires,b.node IS NOT NULL "
                         "FROM token_object t "
                         "LEFT JOIN node_binding b ON b.node=t.profile AND b.credential=t.label "
                         "WHERE t.kind=?1 AND t.owner=?2 AND t.state=?3 ORDER BY t.label",
                         reterr);
    if (r < 0)
        return r;
    stmt_int(&s, 1, VAULT_KEY);
    stmt_text(&s, 2, j->owner);
    stmt_int(&s, 3, CERT);
    while ((r = stmt_step(&s, reterr)) == 1) {
        struct key_record *more = reallocarray(j->list->item, j->list->n + 1, sizeof *more);
        if (!more)
            return -ENOMEM;
        j->list->item = more;
        r = read_key(&s, &more[j->list->n++]);
        if (r == -EBADMSG)
            return mef_fail(reterr, MEF_ERROR_FAILED, "a row of token_object is damaged; restore state.db");
        if (r < 0)
            return r;
    }
    return r;
}

int vault_list_keys(void *ctx, const char *owner, struct key_list *ret, struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    struct key_list list = {0};
    int r = db_run(v->db, list_work, &(struct list_job){.owner = owner, .list = &list}, reterr);

    if (r < 0)
        key_list_clear(&list);
    else
        *ret = list;
    return r;
}
