/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The certificate in use renewed because a person asks for it (EE-02; TS-0003 8.3.4.1, 8.3.6): what CERT_PROV
 * does, with the checks of the commanded case, but always over the present certificate and with a word to
 * nobody. It lives in the journal like a command (ports.h, CMD_BY_HAND), so that a crash leaves what one of
 * CERT_PROV leaves: RECEIVED and RUNNING are executed from the record, TENTATIVE is decided by a handshake
 * with the new certificate. There is no report that could carry it, so a retrieve of the registration does:
 * it changes nothing. Thread: the worker. */
#include <errno.h>
#include <jansson.h>

#include "plugin/cert/chain.h"
#include "plugin/mef/class-cert-prov.h"
#include "plugin/mef/codec-json.h"
#include "plugin/mef/worker.h"
#include "policy/status.h"

bool renewal_pending(const struct client *c)
{
    return command_pending(c) && cmd_record_by_hand(&c->cmd);
}

/* ---- arguments --------------------------------------------------------------------------------------- */

#define BODY "{s:s, s:i, s:s}"

/* Those of a CERT_PROV or of a renewal; they live in `hold`. -EINVAL. */
static int fields_of(struct client *c, const struct cmd_record *rec, struct command *hold,
                     struct cert_prov_fields *ret)
{
    union class_args args = {0};
    int type;

    if (!cmd_record_by_hand(rec)) {
        if (rec->class_id != CMD_CERT_PROV ||
            command_parse(c->vocabulary, rec->body, strlen(rec->body), hold, NULL) < 0 ||
            command_arguments(hold, c->vocabulary, now_of(c), &args, NULL) != 0)
            return -EINVAL;
        *ret = args.cert_prov;
        return 0;
    }
    *ret = (struct cert_prov_fields){.protocol = CERT_PROV_EST};
    hold->doc = json_loads(rec->body, 0, NULL);
    if (json_unpack(hold->doc, BODY, "URI", &ret->uri, "certSubjectType", &type, "certSubjectID",
                    &ret->subject_id) < 0)
        return -EINVAL;
    ret->subject_type = (uint32_t)type;
    return 0;
}

/* What made the certificate in use, as far as the journal still has it. */
static enum outcome last_fields(struct client *c, struct cmd_record *rec, struct command *hold,
                                struct cert_prov_fields *ret)
{
    struct mef_error why = {0};
    int r = c->journal.find_cert(c->journal.ctx, c->cfg.node, c->r.cert_id, rec, &why);

    if (r == 0 && fields_of(c, rec, hold, ret) < 0)
        *ret = (struct cert_prov_fields){0};
    if (r < 0 && r != -ENOENT) {
        c->error = why;
        return OUT_FATAL;
    }
    return OUT_OK;
}

/* The certSubjectType that the present certificate was issued for stands in no certificate: it is the one
 * whose name is in there. The checks of the commanded case on the way. */
static enum outcome judge(struct client *c, struct cert_prov_fields *f)
{
    _cleanup_(held_clear) struct held_credential now = {0};
    uint32_t first = f->subject_type ? f->subject_type : CERT_SUBJECT_NODE;
    uint32_t last = f->subject_type ? f->subject_type : CERT_SUBJECT_AE;
    bool good = false, admitted = false;

    if (credential_get(c, CREDENTIAL_ENROLLED, &now) < 0)
        return OUT_FATAL;
    for (uint32_t type = first; !good && type <= last; type++) {
        struct cert_prov_plan plan;
        f->subject_type = type;
        if (cert_prov_prepare(f, c->cfg.fqdn, c->identity, &plan, &c->error) == 0) {
            admitted = true;
            good = cert_is_for(&now.chain.item[0], &plan.san, now_of(c));
        }
    }
    if (good) {
        c->error = (struct mef_error){0};
        return OUT_OK;
    }
    return !admitted
               ? OUT_FATAL
               : fail(c, OUT_FATAL, MEF_ERROR_NOT_SUPPORTED,
                      "The certificate in use is not valid now, or not for '%.128s' as it would be asked "
                      "for; ask the operator of '%s' for a CERT_PROV command.",
                      f->subject_id, c->cfg.fqdn);
}

/* ---- begin ------------------------------------------------------------------------------------------- */

static int record_new(struct client *c, const struct cert_prov_fields *f, struct cmd_record *ret)
{
    struct cmd_record n = {.state = CMD_RECEIVED, .class_id = CMD_CERT_PROV, .received = now_of(c)};
    json_t *body = json_pack(BODY, "URI", f->uri, "certSubjectType", (int)f->subject_type, "certSubjectID",
                             f->subject_id);

    new_transaction(c);
    n.node = strdup(c->cfg.node);
    n.body = body ? json_dumps(body, JSON_COMPACT) : NULL;
    n.transaction = strdup(c->transaction);
    json_decref(body);
    if (asprintf(&n.cid, CMD_BY_HAND "%s\"", c->transaction) < 0)
        n.cid = NULL;
    if (!n.node || !n.body || !n.transaction || !n.cid) {
        cmd_record_clear(&n);
        return -ENOMEM;
    }
    *ret = n;
    return 0;
}

static enum outcome journalled(struct client *c, const struct cert_prov_fields *f)
{
    struct cmd_record n = {0};

    if (record_new(c, f, &n) < 0)
        return fail(c, OUT_FATAL, MEF_ERROR_FAILED, "Out of memory.");
    if (c->journal.save_cmd(c->journal.ctx, &n, NULL, &c->error) < 0) {
        cmd_record_clear(&n);
        return c->error.word ? OUT_FATAL
                             : fail(c, OUT_FATAL, MEF_ERROR_FAILED, "The journal cannot be written.");
    }
    cmd_record_clear(&c->cmd);
    command_clear(&c->parsed);
    c->cmd = n;
    c->lost = 0;
    CRASH_POINT(CMD_RECEIVED);
    tell_command(c);
    return OUT_OK;
}

enum outcome renewal_begin(struct client *c, const struct mef_task *t)
{
    _cleanup_(cmd_record_clear) struct cmd_record rec = {0};
    _cleanup_(command_clear) struct command hold = {0};
    struct cert_prov_fields f = {0};

    if (command_pending(c))
        return fail(c, OUT_FATAL, MEF_ERROR_IN_PROGRESS,
                    "%s of node '%s' is not finished; wait for its end, then try again.",
                    renewal_pending(c) ? "A renewal" : "A command", c->cfg.node);
    if (!c->r.has_cert || memcmp(c->r.cert_id, t->cert_id, KEY_ID_LEN) != 0)
        return fail(c, OUT_FATAL, MEF_ERROR_NOT_SUPPORTED,
                    "The certificate is no longer the one that node '%s' uses.", c->cfg.node);
    if (command_class_wanted(c, CMD_CERT_PROV))
        return OUT_FATAL;
    enum outcome o = last_fields(c, &rec, &hold, &f);
    if (o != OUT_OK)
        return o;
    if (!f.subject_id)
        f.subject_id = t->subject_id;
    f.protocol = CERT_PROV_EST; /* the one that there is, however it came */
    if (t->uri)
        f.uri = t->uri;
    if (!f.uri)
        return fail(
            c, OUT_FATAL, MEF_ERROR_INVALID_ARGUMENTS,
            "It is not known where '%s' renews certificates; pass the base URI of its EST server as option "
            "URI.",
            c->cfg.fqdn);
    o = judge(c, &f);
    return o == OUT_OK ? journalled(c, &f) : o;
}

/* ---- end --------------------------------------------------------------------------------------------- */

/* Whoever asked is told; after a restart nobody is there. */
static void over(struct client *c, const struct mef_error *why)
{
    pthread_mutex_lock(&c->lock);
    for (struct mef_task *t = c->tasks; t; t = t->next)
        if (t->begun && !t->over) {
            t->over = true;
            if (why)
                t->why = *why;
        }
    pthread_mutex_unlock(&c->lock);
    c->renewal_job = 0;
}

enum outcome renewal_end(struct client *c, uint32_t csc)
{
    struct mef_error why = c->error, left = {0};
    bool had = c->cmd.has_cert;
    uint8_t id[KEY_ID_LEN];

    session_close(c);
    /* First the pair, then the record: without a record nobody would come back for a confirmed pair. */
    if (cert_prov_key_id(c, id) < 0 || c->vault.drop_pair(c->vault.ctx, id, c->cfg.node, &left) < 0)
        tell_event(c, EVENT_TOKEN_FAILED, &c->cmd, "What was made for a renewal is still in the token: %s",
                   left.text);
    command_detail(c, why.text);
    c->cmd.has_cert = false;
    enum outcome o = command_advance(c, JOURNAL_REPORT, csc);
    if (o != OUT_OK) {
        c->cmd.has_cert = had;
        return o;
    }
    c->error = why;
    tell_event(c, EVENT_CERTIFICATE_REFUSED, &c->cmd,
               "The certificate of '%s' was not renewed, the former one stays: %s", c->cfg.node, why.text);
    c->credential_name[0] = '\0'; /* a handshake with the new one may have been the last */
    session_foresee(c);
    over(c, &why);
    c->error = (struct mef_error){0};
    return OUT_OK;
}

/* The MEF has spoken to us over a handshake with the new certificate: same commit as the end of the record.
 */
static enum outcome taken(struct client *c)
{
    struct reg_record before = c->r;

    CRASH_POINT(CMD_PROVEN);
    memcpy(c->r.cert_id, c->cmd.cert_id, sizeof c->r.cert_id);
    c->r.last_contact = now_of(c);
    enum outcome o = command_advance(c, JOURNAL_REPORT, 0);
    if (o != OUT_OK) {
        memcpy(c->r.cert_id, before.cert_id, sizeof c->r.cert_id);
        c->r.last_contact = before.last_contact;
        return o;
    }
    CRASH_POINT(CMD_REPORTED);
    command_certificate_taken(c);
    over(c, NULL);
    return OUT_OK;
}

/* ---- steps ------------------------------------------------------------------------------------------- */

static enum outcome execute(struct client *c)
{
    _cleanup_(command_clear) struct command hold = {0};
    struct cert_prov_fields f;
    uint32_t csc = CMD_STATUS_CERT_PROV_CLIENT_ERROR;

    tell_progress(c, "renewing the certificate", 0);
    if (fields_of(c, &c->cmd, &hold, &f) < 0)
        (void)mef_fail(&c->error, MEF_ERROR_FAILED, "The record of the renewal is damaged.");
    else {
        enum outcome o = cert_prov_execute(c, &f, &csc);
        if (o != OUT_OK || c->cmd.state == CMD_TENTATIVE)
            return o;
    }
    return renewal_end(c, csc);
}

static enum outcome prove(struct client *c)
{
    _cleanup_(answer_clear) struct answer a = {0};
    _cleanup_(freep) char *to = registration_to(c->vocabulary, c->cfg.fqdn, c->r.reg_id);
    struct primitive p = {.op = MEF_OP_RETRIEVE, .to = to};

    if (!to)
        return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
    tell_progress(c, "proving the new certificate", 0);
    session_close(c);
    enum request_result r = request(c, &p, &a);
    switch (r) {
    case REQ_ANSWERED:
        if (rsc_good(a.rsc))
            return taken(c);
        if (rsc_transient(a.rsc))
            return OUT_RETRY;
        if (a.rsc == RSC_NOT_FOUND)
            return OUT_GONE;
        break;
    case REQ_CANCELLED:
        return OUT_CANCELLED;
    case REQ_RETRY: /* a time-out is no refusal (3.6.2) */
    case REQ_NO_ANSWER:
        return OUT_RETRY;
    default:
        break;
    }
    return renewal_end(c, c->error.word == MEF_ERROR_NOT_FOUND ? CMD_STATUS_CERT_PROV_CLIENT_ERROR
                                                               : CMD_STATUS_CERT_PROV_SERVER_ERROR);
}

/* From now on a cancel of the job ends the waits; true: it was cancelled before. */
static bool set_renewing(struct client *c, bool on)
{
    bool cancelled = false;

    pthread_mutex_lock(&c->lock);
    c->renewing = on;
    for (const struct mef_task *t = c->tasks; t; t = t->next)
        cancelled = cancelled || (t->begun && t->cancelled);
    pthread_mutex_unlock(&c->lock);
    return cancelled;
}

enum outcome renewal_settle(struct client *c)
{
    enum outcome o = set_renewing(c, true) ? OUT_CANCELLED : OUT_OK; /* task.c ends it */

    while (o == OUT_OK && renewal_pending(c)) {
        if (!registration_live(c))
            o = OUT_GONE;
        else
            o = journal_todo(c->cmd.state) == TODO_EXECUTE ? execute(c) : prove(c);
    }
    (void)set_renewing(c, false);
    return o;
}
