/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/anchors.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "policy/fingerprint.h"

#define OWNER_PREFIX VAULT_ANCHOR_PREFIX

int anchors_add_pending(struct engine *e, const char *name)
{
    return strv_push(&e->anchors_pending, name);
}

void anchors_settled(struct engine *e, const char *name)
{
    for (char **s = e->anchors_pending; s && *s; s++)
        if (streq(*s, name)) {
            free(*s);
            for (; *s; s++)
                s[0] = s[1];
            break;
        }
    token_thread_rescan(e->token_thread);
}

bool anchors_pending(const struct engine *e, const char *name)
{
    for (char **s = e->anchors_pending; s && *s; s++)
        if (streq(*s, name))
            return true;
    return false;
}

struct sweep {
    struct engine *e;
    char *name;
};

static int sweep_work(void *ctx, struct mef_error *reterr)
{
    struct sweep *s = ctx;
    struct vault v = vault_port(&s->e->vault);
    char owner[128];

    (void)snprintf(owner, sizeof owner, OWNER_PREFIX "%s", s->name);
    return v.drop_owned(v.ctx, owner, reterr);
}

static void sweep_done(void *ctx, int r, const struct mef_error *err)
{
    struct sweep *s = ctx;

    if (r == 0)
        token_thread_rescan(s->e->token_thread);
    free(s->name);
    free(s);
}

void anchors_apply(struct engine *e, const struct mo_diff *diff)
{
    for (size_t i = 0; i < diff->n; i++)
        if (diff->changes[i].trigger == MO_TRIGGER_ANCHOR_DELETED) {
            token_thread_rescan(e->token_thread); /* the sweep follows the listing */
            return;
        }
}

/* T15: a certificate goes when no node is left that names it, whoever's it was. */
static bool still_named(const struct engine *e, const uint8_t sha256[32])
{
    struct fingerprint fp;

    for (size_t i = 0; i < mo_tree_count(e->tree); i++) {
        const struct mo_node *n = mo_tree_nth(e->tree, i);
        const char *text =
            mo_node_type(n) == MO_TRUST_ANCHOR_CRED ? mo_node_text(n, MO_CERT_FINGERPRINT) : NULL;
        if (text && fingerprint_parse(text, &fp) == 0 && fingerprint_matches(&fp, sha256))
            return true;
    }
    return false;
}

void anchors_sweep(struct engine *e, const struct token_listing *l)
{
    size_t skip = strlen(OWNER_PREFIX);

    for (size_t i = 0; i < l->n; i++)
        for (char **o = l->item[i].owners; o && *o; o++) {
            if (strncmp(*o, OWNER_PREFIX, skip) != 0 || anchors_pending(e, *o + skip) ||
                mo_tree_by_name(e->tree, MO_TRUST_ANCHOR_CRED, *o + skip) ||
                still_named(e, l->item[i].sha256))
                continue;
            struct sweep *s = calloc(1, sizeof *s);
            if (!s || !(s->name = strdup(*o + skip))) {
                free(s);
                return;
            }
            s->e = e;
            if (token_thread_submit(e->token_thread, sweep_work, sweep_done, s) < 0) {
                free(s->name);
                free(s);
            }
        }
}
