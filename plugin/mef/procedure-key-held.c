/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is done with a key that has a registration already (8.3.5.2.8 to 8.3.5.2.10, 8.8.2.8 to 8.8.2.10;
 * mef-protocol.md 3.5): retrieved by us as a target, prolonged, given up. Thread: the worker. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "plugin/mef/codec-json.h"
#include "plugin/mef/key-message.h"
#include "plugin/mef/worker.h"
#include "policy/fqdn.h"
#include "policy/ids.h"

static enum outcome no_memory(struct client *c)
{
    return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
}

/* RelativeKeyID of a key of this server. NULL: no memory, or it is none (client.error). */
static char *relative(struct client *c, const char *name)
{
    const char *at = strchr(name, '@');
    char *id = at ? strndup(name, (size_t)(at - name)) : NULL;

    if (id && fqdn_equal(at + 1, c->cfg.fqdn) && relative_key_id_valid(id))
        return id;
    (void)mef_fail(&c->error, MEF_ERROR_INVALID_ARGUMENTS, "'%.160s' is no key identifier of '%s'.", name,
                   c->cfg.fqdn);
    free(id);
    return NULL;
}

int key_keep(struct client *c, const char *id, const struct secret *key, char **ret_name)
{
    char *name = NULL;
    int r = asprintf(&name, "%s@%s", id, c->cfg.fqdn) < 0 ? -ENOMEM : 0;

    if (r < 0)
        return mef_fail(&c->error, MEF_ERROR_FAILED, "Out of memory.");
    r = c->vault.put_key(c->vault.ctx, name, c->cfg.node, key, &c->error);
    if (r < 0) {
        struct mef_error why = c->error;
        (void)c->vault.drop_key(c->vault.ctx, name, c->cfg.node, &c->error);
        c->error = why;
        free(name);
        return r;
    }
    *ret_name = name;
    return 0;
}

void key_forget_at_server(struct client *c, const char *id)
{
    _cleanup_(answer_clear) struct answer a = {0};
    _cleanup_(freep) char *to = registration_to(c->vocabulary, c->cfg.fqdn, id);
    struct primitive p = {.op = MEF_OP_DELETE, .to = to};
    struct mef_error why = c->error;

    if (to)
        (void)request(c, &p, &a);
    c->error = why;
}

void key_forget(struct client *c, const char *name)
{
    struct mef_error why = c->error;
    _cleanup_(freep) char *id = relative(c, name);

    (void)c->vault.drop_key(c->vault.ctx, name, c->cfg.node, &c->error);
    c->error = why;
    if (id && wait_check(&c->wait) == 0)
        key_forget_at_server(c, id);
}

/* One request about a key that is there; the answer when it is good. */
static enum outcome about(struct client *c, enum mef_operation op, const char *id, const char *body,
                          struct answer *ret)
{
    _cleanup_(freep) char *to = registration_to(c->vocabulary, c->cfg.fqdn, id);
    struct primitive p = {.op = op, .to = to, .body = body};

    if (!to)
        return no_memory(c);
    enum request_result r = request(c, &p, ret);
    if (r != REQ_ANSWERED)
        return outcome_of(r);
    c->r.last_contact = now_of(c); /* stored with the next change of the record */
    if (rsc_good(ret->rsc))
        return OUT_OK;
    if (ret->rsc == RSC_NOT_FOUND)
        (void)mef_fail(&c->error, MEF_ERROR_NOT_FOUND, "'%s' does not know the key '%s'.", c->cfg.fqdn, id);
    return rsc_transient(ret->rsc) ? OUT_RETRY : OUT_FATAL;
}

enum outcome key_retrieve(struct client *c, const char *name)
{
    _cleanup_(answer_clear) struct answer a = {0};
    _cleanup_(freep) char *id = relative(c, name), *stored = NULL;
    struct secret *key = NULL;
    int64_t et = 0;

    if (!id)
        return OUT_FATAL;
    tell_progress(c, "retrieving a key", 0);
    enum outcome o = about(c, MEF_OP_RETRIEVE, id, NULL, &a);
    if (o != OUT_OK)
        return o;
    int r = key_retrieved(c->vocabulary, now_of(c), buf_str(&a.body), a.body.len, &key, &et, &c->error);
    if (a.body.data)
        OPENSSL_cleanse(a.body.data, a.body.len);
    if (r == 0)
        r = key_keep(c, id, key, &stored);
    secret_free(key);
    if (r == 0)
        r = c->vault.keep_key(c->vault.ctx, stored, c->cfg.node, et, &c->error);
    if (r < 0)
        return OUT_FATAL;
    c->keys_known = false;
    tell_event(c, EVENT_KEY_STORED, NULL, "The key '%s' was retrieved from '%s'.", stored, c->cfg.fqdn);
    return OUT_OK;
}

enum outcome key_update(struct client *c, const char *name, int64_t et, char *const *labels)
{
    _cleanup_(answer_clear) struct answer a = {0};
    _cleanup_(freep) char *id = relative(c, name), *body = key_update_body(c->vocabulary, et, labels);

    if (!id)
        return OUT_FATAL;
    if (!body)
        return no_memory(c);
    tell_progress(c, "updating a key registration", 0);
    enum outcome o = about(c, MEF_OP_UPDATE, id, body, &a);
    if (o != OUT_OK)
        return o;
    if (key_updated(c->vocabulary, now_of(c), buf_str(&a.body), a.body.len, &et, &c->error) < 0 ||
        c->vault.keep_key(c->vault.ctx, name, c->cfg.node, et, &c->error) < 0)
        return OUT_FATAL;
    c->keys_known = false;
    tell_event(c, EVENT_KEY_STORED, NULL, "The registration of key '%s' at '%s' was updated.", name,
               c->cfg.fqdn);
    return OUT_OK;
}

enum outcome key_deregister(struct client *c, const char *name)
{
    _cleanup_(answer_clear) struct answer a = {0};
    _cleanup_(freep) char *id = relative(c, name);

    if (!id)
        return OUT_FATAL;
    tell_progress(c, "de-registering a key", 0);
    enum outcome o = about(c, MEF_OP_DELETE, id, NULL, &a);
    if (o == OUT_OK || a.rsc == RSC_NOT_FOUND) {
        c->error = (struct mef_error){0};
        o = OUT_OK;
    }
    return o;
}
