/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of what one registration brought into the token (mo-tree.md 4.3, T2): all of it goes, but what a
 * node of the tree still names. Which that is stands in the same store as the rows, so a crash in between
 * changes nothing. Thread: workers, the token's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/crash.h"
#include "plugin/base/str.h"
#include "plugin/cert/chain.h"
#include "plugin/mo/names.h"
#include "plugin/vault.h"

struct owned {
    struct vault_row *row;
    size_t n;
    struct mo_names names;
};

static void owned_clear(struct owned *o)
{
    free(o->row);
    mo_names_clear(&o->names);
}

static int read_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct owned *o = ctx;
    int r = vault_rows(sql, &o->row, &o->n, reterr);

    return r < 0 ? r : mo_names_of_store(sql, &o->names, reterr);
}

/* The node that names it has a copy of its own. */
static bool is_anchor_too(const struct owned *o, const struct vault_row *ca)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->row[i].kind == VAULT_ANCHOR && memcmp(o->row[i].id, ca->id, sizeof ca->id) == 0)
            return true;
    return false;
}

/* 1: a node names it. */
static int named(struct vault_ctx *v, const struct owned *o, const struct vault_row *row,
                 struct mef_error *reterr)
{
    struct der cert = {0};
    uint8_t sum[32];

    if (row->kind == VAULT_KEY)
        return mo_names_key(&o->names, row->label);
    if (row->kind != VAULT_PAIR)
        return mo_names_cert(&o->names, row->id) && !is_anchor_too(o, row);
    int r = token_get_cert(v->token, row->id, row->id_len, &cert, reterr);
    if (r == 0)
        r = cert_sha256(cert.data, cert.len, sum);
    free(cert.data);
    if (r == -ENOENT) { /* a pair without a certificate has no name */
        if (reterr)
            *reterr = (struct mef_error){0};
        return 0;
    }
    return r < 0 ? r : mo_names_cert(&o->names, sum);
}

int vault_drop_owned(void *ctx, const char *owner, struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    _cleanup_(owned_clear) struct owned o = {0};
    int r = db_run(v->db, read_work, &o, reterr);

    for (size_t i = 0; r == 0 && i < o.n; i++) {
        if (!streq(o.row[i].owner, owner))
            continue;
        r = named(v, &o, &o.row[i], reterr);
        if (r > 0) {
            event_emit(&v->sink, &(struct event){.id = EVENT_CREDENTIALS_DELETED, .node = owner},
                       "'%s' stays in the token, since a node still names it", o.row[i].label);
            r = 0;
            continue;
        }
        if (r == 0)
            r = vault_drop_row(v, &o.row[i], reterr);
        if (r == 0)
            CRASH_POINT(END_CREDENTIALS);
    }
    return r;
}
