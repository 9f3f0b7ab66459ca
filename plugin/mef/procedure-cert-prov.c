/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CERT_PROV (8.3.9.7, 8.3.6): enrol, store, and let the MEF prove the new certificate before it replaces
 * anything (mef-protocol.md 3.6.2). Thread: the worker. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "plugin/cert/est.h"
#include "plugin/mef/class-cert-prov.h"
#include "plugin/mef/worker.h"
#include "policy/status.h"

/* One enrolment with all its waits; 202 alone may take 10 minutes (3.6.2). */
#define ENROL_DEADLINE_SEC 1200u
/* A token that loses what it confirmed is given one more chance. */
#define LOST_MAX 1u

/* CKA_ID of interfaces.md 5: the same command finds its key again after a crash. */
int cert_prov_key_id(const struct client *c, uint8_t ret[KEY_ID_LEN])
{
    _cleanup_(freep) char *cid = cid_decode(c->cmd.cid);
    _cleanup_(buf_clear) struct buf b = {0};
    uint8_t sum[32];

    if (!cid || !c->r.reg_id || buf_add(&b, c->cfg.fqdn, strlen(c->cfg.fqdn) + 1) < 0 ||
        buf_add(&b, c->r.reg_id, strlen(c->r.reg_id) + 1) < 0 || buf_adds(&b, cid) < 0 ||
        cert_sha256(b.data, b.len, sum) < 0)
        return -ENOMEM;
    memcpy(ret, sum, KEY_ID_LEN);
    return 0;
}

static void enrol_progress(void *ctx, unsigned step, const char *text, int64_t waiting_until)
{
    struct client *c = ctx;

    tell_event(c, EVENT_ENROLMENT_STEP, &c->cmd, "Step %u of %u of the enrolment: %s", step,
               (unsigned)EST_STEPS, text);
    tell_progress(c, text, waiting_until);
}

static int store_certificates(struct client *c, const struct est_result *got, const char *label)
{
    struct vault *v = &c->vault;
    int r = 0;

    for (size_t i = 0; i < got->ca.n && r >= 0; i++)
        r = v->put_ca(v->ctx, c->cfg.fqdn, c->cfg.node, &got->ca.item[i], &c->error);
    /* Intermediates are needed to show a whole chain after a restart. */
    for (size_t i = 1; i < got->chain.n && r >= 0; i++)
        r = v->put_ca(v->ctx, c->cfg.fqdn, c->cfg.node, &got->chain.item[i], &c->error);
    if (r >= 0)
        r = v->put_cert(v->ctx, c->cmd.cert_id, label, c->cfg.node, &got->chain.item[0], &c->error);
    return r;
}

/* The power went after the certificate of this very command was stored and before TENTATIVE was: it is
 * confirmed and used, not asked for again. The CKA_ID is of this command alone, and what lies there was
 * checked before. */
static bool stored_before(struct client *c, const char *label)
{
    struct mef_error why = c->error;
    struct der cert = {0};
    EVP_PKEY *key = NULL;
    int r = c->vault.get_pair(c->vault.ctx, c->cmd.cert_id, &key, &cert, &why);

    if (r == 0)
        r = c->vault.put_cert(c->vault.ctx, c->cmd.cert_id, label, c->cfg.node, &cert, &why);
    EVP_PKEY_free(key);
    free(cert.data);
    return r == 0;
}

static enum outcome enrol(struct client *c, const struct cert_prov_fields *f,
                          const struct cert_prov_plan *plan, uint32_t *ret_csc)
{
    _cleanup_(held_clear) struct held_credential with = {0}, renew = {0};
    _cleanup_(est_result_clear) struct est_result got = {0};
    struct wait wait = wait_within(&c->wait, ENROL_DEADLINE_SEC * USEC_PER_SEC);
    struct est_params p = {.transport = &c->transport,
                           .vault = &c->vault,
                           .clock = &c->clock,
                           .wait = &wait,
                           .uri = f->uri,
                           .with = &with.use,
                           .subject_id = plan->subject,
                           .san = &plan->san,
                           .label = f->subject_id,
                           .owner = c->cfg.node,
                           .progress = enrol_progress,
                           .progress_ctx = c};

    *ret_csc = CMD_STATUS_CERT_PROV_CLIENT_ERROR;
    if (cert_prov_key_id(c, c->cmd.cert_id) < 0) {
        (void)mef_fail(&c->error, MEF_ERROR_FAILED, "Out of memory.");
        return OUT_OK;
    }
    if (stored_before(c, f->subject_id)) {
        tell_event(c, EVENT_CERTIFICATE_STORED, &c->cmd, "The certificate of '%s' was in the token already.",
                   f->subject_id);
        *ret_csc = CMD_STATUS_OK;
        return OUT_OK;
    }
    memcpy(p.key_id, c->cmd.cert_id, sizeof p.key_id);
    bool by_hand = cmd_record_by_hand(&c->cmd);
    if (credential_get(c, by_hand ? CREDENTIAL_ENROLLED : credential_best(c), &with) < 0)
        return OUT_OK;
    if (by_hand) /* over the present certificate or not at all */
        p.renew = p.with;
    else if (c->r.has_cert && credential_get(c, CREDENTIAL_ENROLLED, &renew) == 0)
        p.renew = &renew.use;
    c->error = (struct mef_error){0};
    int r = est_enrol(&p, &got, &c->error);
    if (r == -ECANCELED)
        return OUT_CANCELLED;
    if (r != 0) {
        *ret_csc =
            r == CERT_SERVER_ERROR ? CMD_STATUS_CERT_PROV_SERVER_ERROR : CMD_STATUS_CERT_PROV_CLIENT_ERROR;
        return OUT_OK;
    }
    CRASH_POINT(EST_ENROLLED);
    if (got.chain.n == 0 || store_certificates(c, &got, f->subject_id) < 0)
        return OUT_OK;
    tell_event(c, EVENT_CERTIFICATE_STORED, &c->cmd, "The certificate of '%s' for %s is in the token.",
               got.info.subject, got.info.san);
    *ret_csc = CMD_STATUS_OK;
    return OUT_OK;
}

/* What was made for an enrolment that failed has no use; if the token is not there now, start-up sees to it.
 */
static void drop_unused(struct client *c)
{
    struct mef_error why = {0};

    if (c->vault.drop_pair(c->vault.ctx, c->cmd.cert_id, c->cfg.node, &why) < 0)
        tell_event(c, EVENT_TOKEN_FAILED, &c->cmd,
                   "The key of the failed enrolment is still in the token: %s", why.text);
}

enum outcome cert_prov_execute(struct client *c, const struct cert_prov_fields *f, uint32_t *ret_csc)
{
    struct cert_prov_plan plan;
    int status = cert_prov_prepare(f, c->cfg.fqdn, c->identity, &plan, &c->error);

    if (status) {
        *ret_csc = (uint32_t)status;
        return OUT_OK;
    }
    enum outcome o = command_advance(c, JOURNAL_START, 0);
    if (o != OUT_OK)
        return o;
    CRASH_POINT(CMD_RUNNING);
    o = enrol(c, f, &plan, ret_csc);
    if (o == OUT_OK && *ret_csc != CMD_STATUS_OK)
        drop_unused(c);
    if (o != OUT_OK || *ret_csc != CMD_STATUS_OK)
        return o;
    c->error = (struct mef_error){0};
    c->cmd.has_cert = true;
    o = command_advance(c, JOURNAL_ENROLLED, CMD_STATUS_OK);
    if (o != OUT_OK)
        return o;
    CRASH_POINT(CMD_TENTATIVE);
    return OUT_OK;
}

enum outcome cert_prov_refused(struct client *c, uint32_t csc)
{
    uint8_t id[KEY_ID_LEN];
    struct mef_error why = c->error;

    memcpy(id, c->cmd.cert_id, sizeof id);
    session_close(c);
    command_detail(c, why.text);
    c->cmd.has_cert = false;
    enum outcome o = command_advance(c, JOURNAL_REFUSED, csc);
    if (o != OUT_OK) {
        c->cmd.has_cert = true;
        return o;
    }
    tell_event(c, EVENT_CERTIFICATE_REFUSED, &c->cmd,
               "The new certificate was not accepted, the former credential stays: %s", why.text);
    tell_attention(c, ATTENTION_CERTIFICATE_REFUSED, why.text);
    c->error = (struct mef_error){0};
    if (c->vault.drop_pair(c->vault.ctx, id, c->cfg.node, &c->error) < 0)
        tell_event(c, EVENT_TOKEN_FAILED, &c->cmd, "The refused certificate is still in the token: %s",
                   c->error.text);
    c->error = (struct mef_error){0};
    return OUT_OK;
}

enum outcome cert_prov_prove(struct client *c)
{
    tell_progress(c, "proving the new certificate", 0);
    session_close(c);
    switch (session_need(c)) {
    case REQ_ANSWERED:
        break;
    case REQ_CERT_REFUSED:
        if (c->error.word != MEF_ERROR_NOT_FOUND)
            return cert_prov_refused(c, CMD_STATUS_CERT_PROV_SERVER_ERROR);
        if (c->lost++ >= LOST_MAX)
            return cert_prov_refused(c, CMD_STATUS_CERT_PROV_CLIENT_ERROR);
        c->cmd.has_cert = false;
        return command_advance(c, JOURNAL_LOST, 0);
    case REQ_CANCELLED:
        return OUT_CANCELLED;
    default:
        return OUT_RETRY;
    }
    CRASH_POINT(CMD_PROVEN);
    enum outcome o = command_advance(c, JOURNAL_PROVEN, CMD_STATUS_OK);
    if (o != OUT_OK)
        return o;
    CRASH_POINT(CMD_DONE);
    tell_event(c, EVENT_COMMAND_DONE, &c->cmd, "Command %s of '%s' ended with a new certificate.", c->cmd.cid,
               c->cfg.fqdn);
    return OUT_OK;
}
