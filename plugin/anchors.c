/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/anchors.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/cert-files.h"
#include "plugin/mo/names.h"
#include "plugin/registrations.h"

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
    struct listed what;
    char *owner;
};

static void sweep_free(struct sweep *s)
{
    free(s->what.label);
    free(s->owner);
    free(s);
}

static int sweep_work(void *ctx, struct mef_error *reterr)
{
    struct sweep *s = ctx;
    const struct vault_object o = {.owner = s->owner,
                                   .key_id = s->what.kind == LISTED_KEY ? s->what.label : NULL,
                                   .id = s->what.id,
                                   .id_len = s->what.id_len,
                                   .sha256 = s->what.sha256};

    return vault_drop_object(&s->e->vault, &o, reterr);
}

static void sweep_done(void *ctx, int r, const struct mef_error *err)
{
    struct sweep *s = ctx;

    if (r == 0)
        token_thread_rescan(s->e->token_thread);
    sweep_free(s);
}

/* A node that named a credential may do so no more. */
static bool may_unname(const struct mo_change *c)
{
    const uint64_t naming =
        MO_BIT(MO_SYMM_KEY_ID) | MO_BIT(MO_MY_CERT_FINGERPRINT) | MO_BIT(MO_CERT_FINGERPRINT);

    return c->before && (c->kind == MO_DELETED || c->attrs & naming);
}

void anchors_apply(struct engine *e, const struct mo_diff *diff)
{
    for (size_t i = 0; i < diff->n; i++)
        if (may_unname(&diff->changes[i])) {
            token_thread_rescan(e->token_thread); /* the sweep follows the listing */
            return;
        }
}

static bool begins(const char *owner, const char *prefix, const char **ret_rest)
{
    size_t n = strlen(prefix);

    *ret_rest = owner + n;
    return strncmp(owner, prefix, n) == 0;
}

/* Whether there is still somebody whose end takes it along. */
static bool owner_lives(struct engine *e, const char *owner)
{
    const char *name;

    if (begins(owner, VAULT_ANCHOR_PREFIX, &name))
        return anchors_pending(e, name) || mo_tree_by_name(e->tree, MO_TRUST_ANCHOR_CRED, name);
    if (begins(owner, VAULT_FILE_PREFIX, &name))
        return mo_tree_by_name(e->tree, MO_MY_CERT_FILE_CRED, name);
    if (begins(owner, VAULT_PROFILE_PREFIX, &name))
        return true; /* T4: until Credential.Delete */
    return registration_find(e, owner) || registration_node(e, owner);
}

static bool still_named(const struct engine *e, const struct mo_names *names, const struct listed *l)
{
    return l->kind == LISTED_KEY ? mo_names_key(names, l->label)
                                 : mo_names_cert(names, l->sha256) || cert_files_hold(e, l->sha256);
}

static void sweep(struct engine *e, const struct listed *l, const char *owner)
{
    struct sweep *s = calloc(1, sizeof *s);

    if (!s)
        return;
    s->e = e;
    s->what = (struct listed){.kind = l->kind, .id_len = l->id_len, .label = strdup(l->label)};
    memcpy(s->what.id, l->id, sizeof l->id);
    memcpy(s->what.sha256, l->sha256, sizeof l->sha256);
    s->owner = strdup(owner);
    if (!s->what.label || !s->owner || token_thread_submit(e->token_thread, sweep_work, sweep_done, s) < 0)
        sweep_free(s);
}

void anchors_sweep(struct engine *e, const struct token_listing *l)
{
    _cleanup_(mo_names_clear) struct mo_names names = {0};
    bool known = false;

    for (size_t i = 0; i < l->n; i++)
        for (char **o = l->item[i].owners; o && *o; o++) {
            if (owner_lives(e, *o))
                continue;
            if (!known && mo_names_of_tree(e->tree, &names) < 0)
                return;
            known = true;
            if (!still_named(e, &names, &l->item[i]))
                sweep(e, &l->item[i], *o);
        }
}
