/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of the keys that came with this registration (T7, EE-09): registered again before their
 * registration ends, and out of the token when it has ended and nothing names them any more. What is known of
 * them lies in the store, so a restart and days of sleep change nothing. Thread: the worker. */
#include <errno.h>
#include <string.h>

#include "plugin/mef/worker.h"
#include "policy/backoff.h"
#include "policy/status.h"

#define TREE_WAIT_SEC  60u
#define AT_NEXT_CHANGE INT64_MAX /* of the tree */

/* How long before the end: what was configured, but never so that a key is renewed in the first tenth of its
 * life; else a tenth of the life, at most a day. */
static int64_t margin(const struct client *c, const struct key_record *k)
{
    int64_t life = k->registered && k->registered < k->expires ? k->expires - k->registered : 0;
    int64_t configured = (int64_t)(c->settings.key_renew_margin * USEC_PER_SEC),
            day = (int64_t)(DAY_SEC * USEC_PER_SEC);

    if (configured)
        return configured < life - life / 10 || !life ? configured : life - life / 10;
    return life && life / 10 < day ? life / 10 : day;
}

/* When to look at this key, 0 = never by itself. */
static int64_t due(const struct client *c, const struct key_record *k)
{
    if (!k->expires || k->not_before == AT_NEXT_CHANGE)
        return 0;
    int64_t at = k->current ? k->expires - margin(c, k) : k->expires;
    return at > k->not_before ? at : k->not_before;
}

static void load(struct client *c)
{
    struct key_list list = {0};
    struct mef_error why = {0};

    if (c->keys_known || c->vault.list_keys(c->vault.ctx, c->cfg.node, &list, &why) < 0)
        return;
    key_list_clear(&c->keys);
    c->keys = list;
    c->keys_known = true;
}

int64_t keys_next(const struct client *c)
{
    int64_t at = 0;

    for (size_t i = 0; i < c->keys.n; i++) {
        int64_t d = due(c, &c->keys.item[i]);
        if (d && (!at || d < at))
            at = d;
    }
    return at;
}

void keys_tend(struct client *c)
{
    int64_t now = now_of(c);

    load(c);
    for (size_t i = 0; i < c->keys.n; i++) {
        struct key_record *k = &c->keys.item[i];
        struct mef_error why = {0};
        int64_t at = due(c, k);
        if (k->current || !at || at > now)
            continue;
        if (c->vault.drop_key(c->vault.ctx, k->name, c->cfg.node, &why) < 0)
            k->not_before = now + (int64_t)(c->settings.backoff_max * USEC_PER_SEC);
        else {
            k->not_before = AT_NEXT_CHANGE;
            c->keys_known = false;
            tell_event(c, EVENT_CREDENTIALS_DELETED, NULL,
                       "The registration of key '%s' has ended; it was deleted from the token.", k->name);
        }
    }
    load(c);
}

void keys_supersede(struct client *c, uint64_t profile)
{
    const struct key_record *former = NULL;

    load(c);
    if (!c->keys_known)
        return; /* at the next one, or at their end */
    for (size_t i = 0; i < c->keys.n; i++) {
        const struct key_record *k = &c->keys.item[i];
        if (k->profile == profile && !k->current && (!former || k->registered > former->registered))
            former = k;
    }
    for (size_t i = 0; i < c->keys.n; i++) {
        const struct key_record *k = &c->keys.item[i];
        if (k->profile != profile || k->current || k == former)
            continue;
        key_forget(c, k->name);
        c->keys_known = false;
    }
}

static struct key_record *first_due(struct client *c)
{
    int64_t now = now_of(c);

    for (size_t i = 0; i < c->keys.n; i++) {
        int64_t at = c->keys.item[i].current ? due(c, &c->keys.item[i]) : 0;
        if (at && at <= now)
            return &c->keys.item[i];
    }
    return NULL;
}

bool keys_renewal_due(struct client *c)
{
    return first_due(c) != NULL;
}

/* E-04: from a profile that has not expired; the literal reading asks for one that has. */
static bool profile_allows(const struct client *c, const struct mo_snapshot *n, struct key_record *k)
{
    bool expired = n->expires && n->expires <= c->clock.realtime(c->clock.ctx);

    if (expired == c->settings.renew_after_profile_expiry)
        return true;
    k->not_before = c->settings.renew_after_profile_expiry && n->expires ? n->expires : AT_NEXT_CHANGE;
    return false;
}

/* The profile as it is now. NULL with *ret_outcome OK: it is not to be renewed from. */
static struct mo_snapshot *profile_of(struct client *c, struct key_record *k, enum mo_node_case *what,
                                      enum outcome *ret_outcome)
{
    struct wait wait = wait_within(&c->wait, TREE_WAIT_SEC * USEC_PER_SEC);
    struct mo_snapshot *n = NULL;
    int r = k->path ? c->tree.resolve(c->tree.ctx, k->path, &wait, &n, &c->error) : 0;

    *ret_outcome = r == -ECANCELED ? OUT_CANCELLED : r < 0 ? OUT_RETRY : OUT_OK;
    if (r < 0)
        return NULL;
    if (!n || n->id != k->profile) { /* another one under its name */
        k->current = false;
        mo_snapshot_free(n);
        return NULL;
    }
    const struct mo_node_args args = {.object_path = k->path,
                                      .object_type = OBJECT_AUTHENTICATION_PROFILE,
                                      .specific = MO_NODE_SPECIFIC_SUID,
                                      .suid = n->suid};
    if (!profile_allows(c, n, k)) {
        mo_snapshot_free(n);
        return NULL;
    }
    if (mo_node_judge(&args, n, &c->settings.mo_node, what, &c->error) == 0)
        return n;
    k->not_before = AT_NEXT_CHANGE;
    tell_attention(c, ATTENTION_KEY_RENEWAL, c->error.text);
    mo_snapshot_free(n);
    return NULL;
}

static void put_off(struct client *c, struct key_record *k)
{
    uint32_t random = 0;

    (void)c->clock.random(c->clock.ctx, &random, sizeof random);
    k->not_before = now_of(c) + (int64_t)backoff_usec(++c->key_failures, c->settings.backoff_min,
                                                      c->settings.backoff_max, random);
    tell_event(c, EVENT_KEY_FAILED, NULL, "The key '%s' could not be renewed, trying again: %s", k->name,
               c->error.text);
    tell_attention(c, ATTENTION_KEY_RENEWAL, c->error.text);
}

enum outcome keys_renew(struct client *c)
{
    struct key_record *k = first_due(c);
    enum mo_node_case what = MO_NODE_CASE_NONE;
    enum outcome o = OUT_OK;
    uint32_t status = 0;

    if (!k)
        return OUT_OK;
    new_transaction(c);
    _cleanup_(mo_snapshot_freep) struct mo_snapshot *n = profile_of(c, k, &what, &o);
    if (n)
        o = mo_node_run(c, n, what, RUN_RENEWAL, &status);
    if (o == OUT_CANCELLED || (o == OUT_OK && !n))
        return o;
    if (o == OUT_OK && status == CMD_STATUS_OK) {
        c->key_failures = 0;
        c->keys_known = false;
        tell_attention(c, ATTENTION_KEY_RENEWAL, NULL);
        return OUT_OK;
    }
    put_off(c, k);
    return OUT_OK;
}

void keys_give_up(struct client *c)
{
    enum outcome o = OUT_OK;

    load(c);
    /* A server that does not answer would have to be waited for once a key. */
    for (size_t i = 0; i < c->keys.n && o != OUT_RETRY && o != OUT_CANCELLED; i++)
        if (c->keys.item[i].profile && c->keys.item[i].expires > now_of(c))
            o = key_deregister(c, c->keys.item[i].name);
    c->error = (struct mef_error){0};
}
