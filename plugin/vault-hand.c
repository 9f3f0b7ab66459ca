/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vault for what a person does by hand: a key for a profile, and the end of one credential. The same rows
 * and intents as for what a MEF brings (vault.c). Thread: the token's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/vault.h"

struct all_rows {
    struct vault_row *row;
    size_t n;
};

static int rows_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct all_rows *a = ctx;
    return vault_rows(sql, &a->row, &a->n, reterr);
}

/* Whose the key in the token is: `owner` is that of ours when there is a row of ours already. */
static int may_replace(struct vault_ctx *v, const char *key_id, char *owner, size_t size,
                       struct mef_error *reterr)
{
    struct all_rows all = {0};
    const char *other = NULL;
    bool there = false, ours = false;
    int r = db_run(v->db, rows_work, &all, reterr);

    if (r == 0)
        r = token_has_secret(v->token, key_id, &there, reterr);
    for (size_t i = 0; r == 0 && i < all.n; i++) {
        if (all.row[i].kind != VAULT_KEY || !streq(all.row[i].label, key_id))
            continue;
        if (vault_row_by_hand(&all.row[i])) {
            ours = true;
            (void)snprintf(owner, size, "%s", all.row[i].owner);
        } else
            other = all.row[i].owner;
    }
    if (r == 0 && other)
        r = mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS,
                     "the key '%s' came from the registration '%.79s' and is not replaced by hand", key_id,
                     other);
    else if (r == 0 && there && !ours)
        r = mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS,
                     "the token holds a key '%s' that was not put there by this call; delete it with the "
                     "token's own tools first",
                     key_id);
    free(all.row);
    return r;
}

int vault_set_key(struct vault_ctx *v, const char *key_id, const char *profile, const struct secret *key,
                  struct mef_error *reterr)
{
    const struct vault port = vault_port(v);
    char owner[80];

    (void)snprintf(owner, sizeof owner, VAULT_PROFILE_PREFIX "%s", profile);
    int r = may_replace(v, key_id, owner, sizeof owner, reterr);
    if (r == 0)
        r = port.put_key(port.ctx, key_id, owner, key, reterr);
    return r < 0 ? r : vault_confirm(v, key_id, owner, reterr);
}

bool vault_row_by_hand(const struct vault_row *row)
{
    return row->kind == VAULT_KEY &&
           strncmp(row->owner, VAULT_PROFILE_PREFIX, strlen(VAULT_PROFILE_PREFIX)) == 0;
}

/* Whether the row is about that object of the token. */
static bool about(const struct vault_row *row, const struct vault_object *o)
{
    if (o->owner && !streq(row->owner, o->owner))
        return false;
    if (o->key_id)
        return row->kind == VAULT_KEY && streq(row->label, o->key_id);
    if (row->kind == VAULT_PAIR)
        return o->id_len && row->id_len == o->id_len && memcmp(row->id, o->id, o->id_len) == 0;
    return (row->kind == VAULT_CA || row->kind == VAULT_ANCHOR) && row->id_len == 32 &&
           memcmp(row->id, o->sha256, 32) == 0;
}

int vault_drop_object(struct vault_ctx *v, const struct vault_object *o, struct mef_error *reterr)
{
    struct all_rows all = {0};
    unsigned n = 0;
    int r = db_run(v->db, rows_work, &all, reterr);

    for (size_t i = 0; r == 0 && i < all.n; i++)
        if (about(&all.row[i], o)) {
            r = vault_drop_row(v, &all.row[i], reterr);
            n++;
        }
    free(all.row);
    if (r == 0 && n == 0)
        r = mef_fail(reterr, MEF_ERROR_NOT_FOUND, "the credential is no longer one of ours in the token");
    return r;
}
