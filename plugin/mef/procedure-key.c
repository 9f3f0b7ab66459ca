/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Key registration at a MEF or MAF (8.3.5.2.7, 8.3.9.9.4, 8.3.9.9.5; mef-protocol.md 3.5, 3.7): a fresh full
 * handshake, exactly one CREATE on it, the key from the exporter of that very connection. Never sent again: a
 * lost answer means a new handshake and a new request, once. Thread: the worker. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "plugin/base/limits.h"
#include "plugin/mef/codec-json.h"
#include "plugin/mef/key-message.h"
#include "plugin/mef/worker.h"
#include "policy/fqdn.h"
#include "policy/status.h"
#include "policy/subject-id.h"

#define ATTEMPTS 2u

struct attempt {
    struct answer answer;
    struct secret *key;
    int r; /* of the transport; 0 = `answer` is there */
};

static void attempt_clear(struct attempt *a)
{
    answer_clear(&a->answer);
    secret_free(a->key);
    *a = (struct attempt){0};
}

static int take_key(struct client *c, struct session *s, struct secret **ret)
{
    uint8_t out[KEY_EXPORT_LEN];
    int r = c->transport.exporter(s, out, sizeof out);

    if (r == 0)
        r = secret_copy(out + KEY_EXPORT_KEY, KEY_LEN, ret);
    OPENSSL_cleanse(out, sizeof out);
    return r < 0 ? mef_fail(&c->error, MEF_ERROR_FAILED, "The connection gave no key (error %d).", -r) : 0;
}

/* One handshake, one request. Negative errno: our side failed or was cancelled; otherwise a->r says. */
static int attempt(struct client *c, uint16_t port, enum credential_choice choice, const char *to,
                   const char *body, struct attempt *a)
{
    _cleanup_(held_clear) struct held_credential h = {0};
    const struct endpoint at = {.fqdn = c->cfg.fqdn, .http_port = port};
    struct wait wait =
        wait_within(&c->wait, (c->settings.connect_timeout + c->settings.response_timeout) * USEC_PER_SEC);
    char rqi[RQI_LEN];
    struct primitive p = {.op = MEF_OP_CREATE,
                          .to = to,
                          .fr = our_id(c),
                          .rqi = rqi,
                          .rvi = c->no_rvi ? NULL : c->rvi,
                          .ty = vocabulary_number(c->vocabulary, NUMBER_TY_SKR),
                          .body = body,
                          .no_accept = c->no_accept,
                          .plain_json = c->plain_json};
    struct session *s = NULL;
    int r = credential_get(c, choice, &h);

    if (r < 0)
        return r;
    h.use.export_label = c->cfg.maf ? KEY_EXPORT_LABEL_MAF : KEY_EXPORT_LABEL;
    rqi_next(&c->rqi, rqi);
    a->r = c->transport.open(c->transport.ctx, &at, &h.use, &wait, &s, &c->error);
    if (a->r == 0)
        a->r = c->transport.exchange(s, &p, &wait, &a->answer, &c->error);
    if (a->r == 0 && (!a->answer.rqi || !streq(a->answer.rqi, rqi))) {
        (void)mef_fail(&c->error, MEF_ERROR_SERVER_REJECTED,
                       "The answer of '%s' is to another request than ours.", c->cfg.fqdn);
        a->r = TRANSPORT_BROKEN;
    }
    if (a->r == 0 && rsc_good(a->answer.rsc))
        r = take_key(c, s, &a->key);
    c->transport.close(s);
    return a->r < 0 ? a->r : r;
}

static bool worth_another(const struct attempt *a)
{
    return a->r == TRANSPORT_UNREACHABLE || a->r == TRANSPORT_TLS_REFUSED || a->r == TRANSPORT_TIMEOUT ||
           a->r == TRANSPORT_BROKEN;
}

/* The answer, with the key of its connection. */
static int ask(struct client *c, uint16_t port, const char *to, const char *body, struct attempt *a)
{
    enum credential_choice choice = credential_best(c);

    for (unsigned i = 1;; i++) {
        c->error = (struct mef_error){0};
        int r = attempt(c, port, choice, to, body, a);
        if (r < 0)
            return r;
        if (a->r == 0 && rsc_good(a->answer.rsc))
            return 0;
        bool again = worth_another(a);
        if (a->r == 0) {
            request_error_answer(c, &a->answer);
            again = request_adapt(c, a->answer.rsc, true);
        }
        if (!again || i >= ATTEMPTS)
            return mef_fail(&c->error, c->error.word ? c->error.word : MEF_ERROR_SERVER_UNREACHABLE, "%s",
                            c->error.word ? c->error.text : "The key registration was not answered.");
        if (a->r == TRANSPORT_TLS_REFUSED && choice == CREDENTIAL_ENROLLED && c->cfg.credential)
            choice = CREDENTIAL_PROVISIONED;
        tell_event(c, EVENT_EXCHANGE_RETRY, &c->cmd, "Registering the key over a new handshake: %s",
                   c->error.text);
        attempt_clear(a);
    }
}

const struct mo_snapshot *key_server(const struct client *c, const struct mo_snapshot *n)
{
    const struct mo_snapshot *at =
        mo_snapshot_child(n, c->cfg.maf ? MGMT_MAF_CLIENT_REG_CFG : MGMT_MEF_CLIENT_REG_CFG);

    return at && at->fqdn && at->admin_fqdn && fqdn_equal(at->fqdn, c->cfg.fqdn) &&
                   fqdn_equal(at->admin_fqdn, c->cfg.admin_fqdn)
               ? at
               : NULL;
}

/* What is asked for, out of the nodes as they are now (EE-07). 0, or negative with client.error. */
static int compose(struct client *c, const struct mo_snapshot *n, char target[LIMIT_M2M_ID + 1],
                   uint16_t *ret_port, struct key_want *ret)
{
    const struct mo_snapshot *at = key_server(c, n);
    char sp[LIMIT_FQDN + 3];
    struct duration d;

    if (!at)
        return mef_fail(&c->error, MEF_ERROR_INCONSISTENT_CONFIG,
                        "'%s' wants a key of another registration than '%s'.", n->path, c->cfg.node);
    *ret_port = at->http_port ? at->http_port : c->cfg.http_port;
    if (!*ret_port)
        return mef_fail(&c->error, MEF_ERROR_NOT_SUPPORTED,
                        "'%s' offers no HTTP binding, the others are not built in.", at->path);
    if (duration_parse(n->key_reg_duration, &d) < 0)
        return mef_fail(&c->error, MEF_ERROR_INVALID_ARGUMENTS, "keyRegDuration of '%s' cannot be read.",
                        n->path);
    int r =
        mo_node_target(n, c->identity && identity_sp_id(c->identity, sp) == 0 ? sp : NULL, target, &c->error);
    *ret = (struct key_want){.fqdn = c->cfg.fqdn,
                             .admin_fqdn = at->admin_fqdn,
                             .et = duration_add(now_of(c), &d),
                             .labels = n->key_reg_labels,
                             .suid = n->suid,
                             .target = target,
                             .who = c->identity,
                             .client_id = c->r.client_id};
    return r;
}

enum outcome key_register(struct client *c, const struct mo_snapshot *n, uint32_t *ret_status,
                          struct processed *ret)
{
    _cleanup_(attempt_clear) struct attempt a = {0};
    _cleanup_(key_answer_clear) struct key_answer got = {0};
    char target[LIMIT_M2M_ID + 1];
    struct key_want want;
    uint16_t port = 0;

    *ret_status = CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    if (compose(c, n, target, &port, &want) < 0)
        return OUT_OK;
    _cleanup_(freep) char *to = base_to(c->vocabulary, c->cfg.fqdn);
    _cleanup_(freep) char *body = key_create_body(c->vocabulary, &want);
    if (!to || !body)
        return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
    tell_progress(c, "registering a key", 0);
    int r = ask(c, port, to, body, &a);
    if (r == -ECANCELED)
        return OUT_CANCELLED;
    if (r < 0)
        return OUT_OK;
    c->r.last_contact = now_of(c); /* stored with the next change of the record */
    r = key_check(c->vocabulary, &want, now_of(c), buf_str(&a.answer.body), a.answer.body.len, &got,
                  &c->error);
    if (r == 0)
        r = key_keep(c, got.id, a.key, &ret->credential);
    if (r < 0) {
        if (got.id)
            key_forget_at_server(c, got.id);
        return OUT_OK;
    }
    ret->owned = true;
    ret->registered = now_of(c);
    ret->expires = got.et;
    *ret_status = CMD_STATUS_OK;
    return OUT_OK;
}
