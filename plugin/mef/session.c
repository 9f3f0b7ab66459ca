/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which credential, which session, and one request at a time over it (mef-protocol.md 2.1
 * to 2.3, 3.1, 3.6.2). The latest MEF-provisioned certificate comes first; a pre-provisioned credential
 * stands in for one that the MEF refuses with an alert or that is not in the token any more. Thread: the
 * worker. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>

#include "plugin/cert/chain.h"
#include "plugin/mef/codec-json.h"
#include "plugin/mef/worker.h"
#include "policy/status.h"
#include "policy/subject-id.h"

void held_clear(struct held_credential *h)
{
    secret_free(h->psk);
    EVP_PKEY_free(h->key);
    der_list_clear(&h->chain);
    der_list_clear(&h->anchors);
    *h = (struct held_credential){0};
}

const char *our_id(const struct client *c)
{
    const struct identity *who = c->identity;

    if (who && who->id && *who->id)
        return who->id;
    if (c->r.client_id)
        return c->r.client_id;
    if (who && who->cse_id && *who->cse_id)
        return who->cse_id;
    return who && who->node_id ? who->node_id : "";
}

/* ---- credentials ------------------------------------------------------------------------------------- */

enum credential_choice credential_best(const struct client *c)
{
    if (!c->ending && c->cmd.node && c->cmd.has_cert &&
        (c->cmd.state == CMD_TENTATIVE || c->cmd.state == CMD_DONE))
        return CREDENTIAL_TENTATIVE;
    return c->r.has_cert && !c->fallback ? CREDENTIAL_ENROLLED : CREDENTIAL_PROVISIONED;
}

/* The leaf, and those of the MEF's CA certificates that lead from it towards a root, which is left out. */
static int complete_chain(struct held_credential *h, const struct der *leaf, const struct der_list *ca)
{
    struct cert_info at;
    int r = der_list_add(&h->chain, leaf->data, leaf->len);

    if (r < 0 || (r = cert_info_get(leaf, &at)) < 0)
        return r;
    hex_encode(at.sha256, sizeof at.sha256, h->name);
    h->not_before = at.not_before;
    h->not_after = at.not_after;
    for (size_t depth = 0; depth < ca->n; depth++) {
        bool found = false;
        for (size_t i = 0; i < ca->n && !found; i++) {
            struct cert_info up;
            if (cert_info_get(&ca->item[i], &up) < 0)
                continue;
            if (streq0(up.subject, at.issuer) && !streq0(up.subject, up.issuer)) {
                r = der_list_add(&h->chain, ca->item[i].data, ca->item[i].len);
                cert_info_clear(&at);
                at = up;
                up = (struct cert_info){0};
                found = true;
            }
            cert_info_clear(&up);
        }
        if (!found || r < 0)
            break;
    }
    cert_info_clear(&at);
    return r;
}

/* Anchors for the MEF's own certificate: what was configured, and what came from the MEF by EST. */
static int certificate(struct client *c, struct held_credential *h, const struct der *leaf)
{
    _cleanup_(der_list_clear) struct der_list ca = {0};
    int r = c->vault.list_ca(c->vault.ctx, c->cfg.fqdn, c->cfg.node, &ca, &c->error);

    if (r < 0 || (r = der_list_copy(&c->cfg.anchors, &h->anchors)) < 0)
        return r;
    for (size_t i = 0; i < ca.n; i++)
        if ((r = der_list_add(&h->anchors, ca.item[i].data, ca.item[i].len)) < 0)
            return r;
    if ((r = complete_chain(h, leaf, &ca)) < 0)
        return r;
    h->use = (struct credential){
        .kind = CREDENTIAL_CERT, .key = h->key, .chain = &h->chain, .anchors = &h->anchors};
    return 0;
}

/* The server has named our key anew (assignedSymmKeyID). */
static bool assigned(const struct client *c)
{
    return c->r.assigned_key && streq0(c->r.assigned_for, c->cfg.key_id);
}

/* 8.3.5.1: a protocol that needs one key uses the first half of a distributed one. */
static int first_half(struct held_credential *h)
{
    struct secret *half = NULL;
    int r = secret_copy(h->psk->data, h->psk->len / 2, &half);

    if (r < 0)
        return r;
    secret_free(h->psk);
    h->psk = half;
    return 0;
}

static int provisioned(struct client *c, struct held_credential *h, struct der *leaf)
{
    const struct mef_reg_config *cfg = &c->cfg;
    int r;

    switch (cfg->credential) {
    case CREDENTIAL_PSK:
        r = c->vault.get_psk(c->vault.ctx, cfg->key_id, &h->psk, &c->error);
        if (r == 0 && cfg->half_key)
            r = first_half(h);
        if (r < 0)
            return r;
        (void)snprintf(h->name, sizeof h->name, "%s", cfg->key_id);
        h->use = (struct credential){
            .kind = CREDENTIAL_PSK, .identity = assigned(c) ? c->r.assigned_key : cfg->key_id, .psk = h->psk};
        return 0;
    case CREDENTIAL_CERT:
        r = c->vault.find_pair(c->vault.ctx, cfg->cert_sha256, cfg->cert_prefix_len, &h->key, leaf,
                               &c->error);
        return r < 0 ? r : certificate(c, h, leaf);
    default:
        return mef_fail(&c->error, MEF_ERROR_INCONSISTENT_CONFIG,
                        "Node '%s' has no credential for '%s': link a profile with SUID 10 or 40.", cfg->node,
                        cfg->fqdn);
    }
}

int credential_get(struct client *c, enum credential_choice choice, struct held_credential *ret)
{
    struct held_credential h = {0};
    struct der leaf = {0};
    const uint8_t *id = choice == CREDENTIAL_TENTATIVE ? c->cmd.cert_id : c->r.cert_id;
    int r;

    c->error = (struct mef_error){0};
    if (choice == CREDENTIAL_PROVISIONED)
        r = provisioned(c, &h, &leaf);
    else {
        r = c->vault.get_pair(c->vault.ctx, id, &h.key, &leaf, &c->error);
        if (r >= 0)
            r = certificate(c, &h, &leaf);
    }
    free(leaf.data);
    if (r < 0) {
        held_clear(&h);
        if (c->error.word == MEF_ERROR_NONE)
            (void)mef_fail(&c->error, MEF_ERROR_FAILED,
                           "The credential of node '%s' cannot be used (error %d).", c->cfg.node, -r);
        return r;
    }
    /* `use` points at the lists inside; they move with the struct. */
    *ret = h;
    if (ret->use.kind == CREDENTIAL_CERT) {
        ret->use.chain = &ret->chain;
        ret->use.anchors = &ret->anchors;
    }
    return 0;
}

/* ---- sessions ---------------------------------------------------------------------------------------- */

void session_close(struct client *c)
{
    if (c->session)
        c->transport.close(c->session);
    c->session = NULL;
    c->session_choice = CREDENTIAL_NONE;
}

static enum request_result handshake_failed(struct client *c, enum request_result r)
{
    tell_event(c, EVENT_HANDSHAKE_FAILED, command_pending(c) ? &c->cmd : NULL,
               "No authenticated connection to '%s': %s", c->cfg.fqdn, c->error.text);
    return r;
}

/* A transport outcome as a result; client.error gets its word where the transport left none. */
static enum request_result transport_result(struct client *c, int r)
{
    static const struct {
        enum mef_error_word word;
        enum request_result result;
        const char *text;
    } table[] = {
        [TRANSPORT_OK] = {MEF_ERROR_NONE, REQ_ANSWERED, ""},
        [TRANSPORT_UNREACHABLE] = {MEF_ERROR_SERVER_UNREACHABLE, REQ_RETRY, "cannot be reached"},
        [TRANSPORT_TLS_REFUSED] = {MEF_ERROR_SERVER_REJECTED, REQ_FATAL, "does not accept our credential"},
        [TRANSPORT_UNTRUSTED] = {MEF_ERROR_SERVER_REJECTED, REQ_FATAL, "could not prove who it is"},
        [TRANSPORT_TIMEOUT] = {MEF_ERROR_TIMED_OUT, REQ_RETRY, "did not answer in time"},
        [TRANSPORT_BROKEN] = {MEF_ERROR_SERVER_UNREACHABLE, REQ_RETRY, "broke the connection"},
        [TRANSPORT_TOO_BIG] = {MEF_ERROR_SERVER_REJECTED, REQ_TOO_BIG, "sent an answer that is too long"},
    };

    if (r == -ECANCELED) {
        (void)mef_fail(&c->error, MEF_ERROR_CANCELLED, "The procedure was cancelled.");
        return REQ_CANCELLED;
    }
    if (r < 0 || (size_t)r >= ELEMENTS(table)) {
        if (c->error.word == MEF_ERROR_NONE)
            (void)mef_fail(&c->error, MEF_ERROR_FAILED, "The connection to '%s' failed (error %d).",
                           c->cfg.fqdn, -r);
        return REQ_RETRY;
    }
    if (c->error.word == MEF_ERROR_NONE && r != TRANSPORT_OK)
        (void)mef_fail(&c->error, table[r].word, "'%s' %s.", c->cfg.fqdn, table[r].text);
    return table[r].result;
}

/* What a failed handshake means for the credential: the unproven one is refused, an enrolled one may be stood
 * in for. True: try again with another. */
static bool stand_in(struct client *c, enum credential_choice choice, bool missing)
{
    if (choice == CREDENTIAL_PROVISIONED && !missing && c->cfg.credential == CREDENTIAL_PSK && assigned(c)) {
        /* A server that has forgotten the name that it gave knows the first one. */
        free(c->r.assigned_key);
        c->r.assigned_key = NULL;
        return save_registration(c) == 0;
    }
    if (choice != CREDENTIAL_ENROLLED || !c->cfg.credential)
        return false;
    c->fallback = true;
    tell_event(c, EVENT_CERTIFICATE_REFUSED, NULL,
               "The certificate in use %s, the pre-provisioned credential stands in: %s",
               missing ? "is not in the token" : "was refused", c->error.text);
    tell_attention(c, ATTENTION_CERTIFICATE_REFUSED, c->error.text);
    return true;
}

/* What counts as the credential in use. */
static void remember(struct client *c, const struct held_credential *h)
{
    memcpy(c->credential_name, h->name, sizeof c->credential_name);
    c->not_before = h->not_before;
    c->not_after = h->not_after;
}

static enum request_result open_session(struct client *c, enum credential_choice choice)
{
    _cleanup_(held_clear) struct held_credential h = {0};
    const struct endpoint at = {.fqdn = c->cfg.fqdn,
                                .http_port = c->cfg.http_port,
                                .coap_port = c->cfg.coap_port,
                                .websocket_port = c->cfg.websocket_port};
    int r = credential_get(c, choice, &h);

    if (r < 0) {
        bool missing = c->error.word == MEF_ERROR_NOT_FOUND;
        if (missing && choice == CREDENTIAL_TENTATIVE)
            return REQ_CERT_REFUSED;
        if (missing && stand_in(c, choice, true))
            return open_session(c, CREDENTIAL_PROVISIONED);
        return missing || c->error.word == MEF_ERROR_INCONSISTENT_CONFIG ? REQ_FATAL : REQ_RETRY;
    }
    struct wait wait = wait_within(&c->wait, c->settings.connect_timeout * USEC_PER_SEC);
    r = c->transport.open(c->transport.ctx, &at, &h.use, &wait, &c->session, &c->error);
    if (r == 0) {
        c->session_choice = choice;
        remember(c, &h);
        return REQ_ANSWERED;
    }
    c->session = NULL;
    if ((r == TRANSPORT_TLS_REFUSED || r == TRANSPORT_UNTRUSTED) && choice == CREDENTIAL_TENTATIVE) {
        (void)transport_result(c, r);
        return handshake_failed(c, REQ_CERT_REFUSED);
    }
    enum request_result result = transport_result(c, r);
    if (r == TRANSPORT_TLS_REFUSED && stand_in(c, choice, false))
        return open_session(c, CREDENTIAL_PROVISIONED);
    return result == REQ_CANCELLED ? result : handshake_failed(c, result);
}

void session_foresee(struct client *c)
{
    _cleanup_(held_clear) struct held_credential h = {0};
    struct mef_error before = c->error;

    if (c->credential_name[0] || c->r.state != REG_REGISTERED)
        return;
    bool known = credential_get(c, credential_best(c), &h) == 0;
    c->error = before;
    if (!known)
        return; /* the token may come later */
    remember(c, &h);
    tell_registration(c);
}

enum request_result session_need(struct client *c)
{
    enum credential_choice choice = credential_best(c);

    if (c->session && c->session_choice == choice)
        return REQ_ANSWERED;
    session_close(c);
    return open_session(c, choice);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

bool rsc_good(uint32_t rsc)
{
    return rsc >= 2000 && rsc < 3000;
}

bool rsc_transient(uint32_t rsc)
{
    return rsc == RSC_REQUEST_TIMEOUT ||
           (rsc >= 5000 && rsc != RSC_NOT_IMPLEMENTED && rsc != RSC_NOT_ACCEPTABLE) || rsc < 2000 ||
           (rsc >= 3000 && rsc < 4000);
}

bool rsc_refuses_us(uint32_t rsc)
{
    return rsc == RSC_ORIGINATOR_HAS_NO_PRIVILEGE || rsc == RSC_ORIGINATOR_NOT_AUTHENTICATED ||
           rsc == RSC_SECURITY_ASSOCIATION_REQUIRED;
}

enum outcome outcome_of(enum request_result r)
{
    static const enum outcome table[] = {
        [REQ_ANSWERED] = OUT_OK,         [REQ_RETRY] = OUT_RETRY,     [REQ_FATAL] = OUT_FATAL,
        [REQ_CANCELLED] = OUT_CANCELLED, [REQ_NO_ANSWER] = OUT_RETRY, [REQ_TOO_BIG] = OUT_FATAL,
        [REQ_CERT_REFUSED] = OUT_FATAL,
    };
    return table[r];
}

void request_error_answer(struct client *c, const struct answer *a)
{
    char debug[160];
    const char *name = rsc_name(a->rsc);

    content_debug_info(c->vocabulary, buf_str(&a->body), a->body.len, debug, sizeof debug);
    (void)mef_fail(&c->error,
                   rsc_transient(a->rsc) ? MEF_ERROR_SERVER_UNREACHABLE : MEF_ERROR_SERVER_REJECTED,
                   "'%s' answered %u%s%s%s%s.", c->cfg.fqdn, (unsigned)a->rsc, name ? " " : "",
                   name ? name : "", debug[0] ? ": " : "", debug);
}

bool request_adapt(struct client *c, uint32_t rsc, bool has_body)
{
    bool *const flag = rsc == RSC_RELEASE_VERSION_NOT_SUPPORTED        ? &c->no_rvi
                       : rsc == RSC_NOT_ACCEPTABLE                     ? &c->no_accept
                       : rsc == RSC_UNSUPPORTED_MEDIA_TYPE && has_body ? &c->plain_json
                                                                       : NULL;

    if (!flag || *flag)
        return false;
    *flag = true;
    return true;
}

static enum request_result send_once(struct client *c, const struct primitive *p, struct answer *ret)
{
    enum request_result result = session_need(c);

    if (result != REQ_ANSWERED)
        return result;
    enum credential_choice choice = c->session_choice;
    struct wait wait =
        wait_within(&c->wait, (c->settings.connect_timeout + c->settings.response_timeout) * USEC_PER_SEC);
    c->error = (struct mef_error){0};
    int r = c->transport.exchange(c->session, p, &wait, ret, &c->error);
    if (r == 0) {
        if (ret->rqi && streq(ret->rqi, p->rqi)) {
            c->error = (struct mef_error){0};
            if (choice == CREDENTIAL_ENROLLED)
                tell_attention(c, ATTENTION_CERTIFICATE_REFUSED, NULL);
            return REQ_ANSWERED;
        }
        answer_clear(ret);
        (void)mef_fail(&c->error, MEF_ERROR_SERVER_REJECTED,
                       "The answer of '%s' is to another request than ours; it was discarded.", c->cfg.fqdn);
        return REQ_NO_ANSWER;
    }
    answer_clear(ret);
    result = transport_result(c, r);
    /* After a time-out or a cut the state of the connection is not known; a cancel leaves an answer under
     * way. */
    session_close(c);
    if (r != TRANSPORT_TLS_REFUSED && r != TRANSPORT_UNTRUSTED)
        return result;
    if (choice == CREDENTIAL_TENTATIVE)
        return handshake_failed(c, REQ_CERT_REFUSED);
    if (r == TRANSPORT_TLS_REFUSED && stand_in(c, choice, false))
        return send_once(c, p, ret);
    return handshake_failed(c, result);
}

/* A create is repeated with the rqi that is stored, so the next one is stored first. */
static int fresh_rqi(struct client *c, const struct primitive *p, char rqi[RQI_LEN])
{
    rqi_next(&c->rqi, rqi);
    if (p->op != MEF_OP_CREATE)
        return 0;
    char *copy = strdup(rqi);
    if (!copy)
        return -1;
    free(c->r.create_rqi);
    c->r.create_rqi = copy;
    return save_registration(c);
}

/* The identifier of the same request when nothing came back to it (mef-protocol.md 2.1), else the next one.
 * Of a create the caller keeps it, durably; a retrieve repeats itself without harm and is a new one. */
static void choose_rqi(struct client *c, const struct primitive *p, char rqi[RQI_LEN])
{
    if (c->unanswered.to && (p->op == MEF_OP_UPDATE || p->op == MEF_OP_DELETE) &&
        streq(c->unanswered.to, p->to) && streq0(c->unanswered.body, p->body ? p->body : ""))
        memcpy(rqi, c->unanswered.rqi, RQI_LEN);
    else
        rqi_next(&c->rqi, rqi);
}

static void remember_rqi(struct client *c, const struct primitive *p, enum request_result result)
{
    if (p->op != MEF_OP_UPDATE && p->op != MEF_OP_DELETE)
        return;
    free(c->unanswered.to);
    free(c->unanswered.body);
    c->unanswered.to = c->unanswered.body = NULL;
    if (result != REQ_RETRY && result != REQ_NO_ANSWER)
        return;
    c->unanswered.to = strdup(p->to);
    c->unanswered.body = strdup(p->body ? p->body : "");
    (void)snprintf(c->unanswered.rqi, RQI_LEN, "%s", p->rqi);
}

/* Until there is an answer that is not about the form of the request, or none. `rqi` is room for ours. */
static enum request_result request_in_form(struct client *c, struct primitive *p, char rqi[RQI_LEN],
                                           struct answer *ret)
{
    for (;;) {
        p->rvi = c->no_rvi ? NULL : c->rvi;
        p->no_accept = c->no_accept;
        p->plain_json = c->plain_json;
        enum request_result result = send_once(c, p, ret);
        remember_rqi(c, p, result);
        if (result != REQ_ANSWERED || rsc_good(ret->rsc))
            return result;
        request_error_answer(c, ret);
        if (!request_adapt(c, ret->rsc, p->body != NULL))
            return result;
        tell_event(c, EVENT_EXCHANGE_RETRY, NULL, "Asking again in another form: %s", c->error.text);
        answer_clear(ret);
        if (fresh_rqi(c, p, rqi) < 0)
            return REQ_RETRY;
        p->rqi = rqi;
    }
}

enum request_result request(struct client *c, struct primitive *p, struct answer *ret)
{
    char rqi[RQI_LEN];

    if (!p->rqi) {
        choose_rqi(c, p, rqi);
        p->rqi = rqi;
    }
    p->fr = our_id(c);
    enum request_result result = request_in_form(c, p, rqi, ret);
    p->rqi = NULL;
    return result;
}
