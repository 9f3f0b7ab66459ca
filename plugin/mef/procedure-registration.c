/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The four registration procedures (8.3.5.2.3 to 8.3.5.2.6; mef-protocol.md 3.3), each one attempt. Thread:
 * the worker. */
#include <stdio.h>

#include "plugin/base/limits.h"
#include "plugin/mef/codec-json.h"
#include "plugin/mef/registration-message.h"
#include "plugin/mef/worker.h"
#include "policy/ids.h"

static enum word root_of(const struct client *c)
{
    return c->cfg.maf ? WORD_MACR : WORD_MECR;
}

static enum outcome no_memory(struct client *c)
{
    return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
}

static void set_string(char **at, char *value)
{
    free(*at);
    *at = value;
}

static void forget_create(struct client *c)
{
    set_string(&c->r.create_rqi, NULL);
    set_string(&c->r.create_body, NULL);
}

static struct registration_want want_of(struct client *c, const char *reg_id, bool partial)
{
    return (struct registration_want){.now = now_of(c),
                                      .admin_fqdn = c->cfg.admin_fqdn,
                                      .who = c->identity,
                                      .client_id = c->r.client_id,
                                      .reg_id = reg_id,
                                      .partial = partial};
}

/* A refused registration: state `failed`, and told. */
static enum outcome registration_failed(struct client *c, enum outcome o)
{
    c->r.state = REG_FAILED;
    tell_event(c, EVENT_REGISTRATION_FAILED, NULL, "Registering '%s' at '%s' failed: %s", c->cfg.node,
               c->cfg.fqdn, c->error.text);
    tell_attention(c, ATTENTION_REGISTRATION_FAILED, c->error.text);
    if (save_registration(c) < 0)
        return OUT_RETRY;
    return o;
}

/* assignedSymmKeyID is the psk_identity from now on, of the key that we registered with
 * (mef-protocol.md 3.7). */
static int adopt_key(struct client *c, struct registration_answer *a)
{
    if (!a->symm_key_id || strlen(a->symm_key_id) > LIMIT_PSK_IDENTITY || !c->cfg.key_id)
        return 0;
    char *key = strdup(c->cfg.key_id);
    if (!key) {
        (void)no_memory(c);
        return -1;
    }
    set_string(&c->r.assigned_for, key);
    set_string(&c->r.assigned_key, TAKE_PTR(a->symm_key_id));
    return 0;
}

/* Puts what the MEF answered into the record, in memory. */
static int adopt(struct client *c, struct registration_answer *a)
{
    if (a->reg_id)
        set_string(&c->r.reg_id, TAKE_PTR(a->reg_id));
    if (a->creator)
        set_string(&c->r.client_id, TAKE_PTR(a->creator));
    if (a->cmd_to)
        set_string(&c->r.cmd_to, TAKE_PTR(a->cmd_to));
    if (a->et) {
        c->r.expires = a->et;
        c->r.granted = now_of(c);
    }
    if (adopt_key(c, a) < 0)
        return -1;
    c->r.state = REG_REGISTERED;
    c->r.last_contact = now_of(c);
    return save_registration(c);
}

/* What the node says about the registration and may change; NULL: no memory, as good as something else. */
static char *values_of(struct client *c)
{
    return registration_update_body(c->vocabulary, root_of(c), c->cfg.expires, c->cfg.labels);
}

/* ---- retrieve ---------------------------------------------------------------------------------------- */

/* GET of a registration. 0: answered with 2xxx and read into *ret. */
static enum outcome get_registration(struct client *c, const char *reg_id, struct registration_answer *ret)
{
    _cleanup_(freep) char *to = registration_to(c->vocabulary, c->cfg.fqdn, reg_id);
    _cleanup_(answer_clear) struct answer a = {0};
    struct primitive p = {.op = MEF_OP_RETRIEVE, .to = to};

    if (!to)
        return no_memory(c);
    enum request_result r = request(c, &p, &a);
    if (r != REQ_ANSWERED)
        return outcome_of(r);
    if (a.rsc == RSC_NOT_FOUND)
        return OUT_GONE;
    if (!rsc_good(a.rsc))
        return rsc_transient(a.rsc) ? OUT_RETRY : OUT_FATAL;
    if (registration_parse(c->vocabulary, root_of(c), c->cfg.fqdn, buf_str(&a.body), a.body.len, ret,
                           &c->error) < 0)
        return OUT_FATAL;
    struct registration_want want = want_of(c, reg_id, false);
    if (registration_check(ret, &want, &c->error) < 0) {
        registration_answer_clear(ret);
        return OUT_FATAL;
    }
    return OUT_OK;
}

enum outcome registration_check_exists(struct client *c)
{
    _cleanup_(registration_answer_clear) struct registration_answer a = {0};

    tell_progress(c, "checking whether the registration is still there", 0);
    return get_registration(c, c->r.reg_id, &a);
}

enum outcome retrieve_procedure(struct client *c)
{
    _cleanup_(registration_answer_clear) struct registration_answer a = {0};

    if (!registration_live(c))
        return OUT_GONE;
    new_transaction(c);
    tell_progress(c, "retrieving the registration", 0);
    enum outcome o = get_registration(c, c->r.reg_id, &a);
    if (o != OUT_OK)
        return o;
    if (adopt(c, &a) < 0)
        return OUT_RETRY;
    tell_event(c, EVENT_REGISTRATION_DONE, NULL, "The registration at '%s' was retrieved.", c->cfg.fqdn);
    return OUT_OK;
}

/* ---- create ------------------------------------------------------------------------------------------ */

/* rqi and body are durable before anything is sent: a crash repeats the same request (2.1). */
static enum outcome prepare_create(struct client *c)
{
    char rqi[RQI_LEN];
    int64_t et = registration_proposed_et(now_of(c), c->cfg.expires, c->settings.registration_lifetime);

    if (c->r.create_rqi && c->r.create_body)
        return OUT_OK;
    forget_create(c);
    rqi_next(&c->rqi, rqi);
    c->r.create_rqi = strdup(rqi);
    c->r.create_body =
        registration_create_body(c->vocabulary, root_of(c), c->cfg.admin_fqdn, et, c->cfg.labels);
    if (!c->r.create_rqi || !c->r.create_body) {
        forget_create(c);
        return no_memory(c);
    }
    c->r.state = REG_REGISTERING;
    if (save_registration(c) < 0) {
        forget_create(c);
        return OUT_RETRY;
    }
    return OUT_OK;
}

static enum request_result send_create(struct client *c, struct answer *ret)
{
    _cleanup_(freep) char *to = base_to(c->vocabulary, c->cfg.fqdn);
    struct primitive p = {.op = MEF_OP_CREATE,
                          .to = to,
                          .rqi = c->r.create_rqi,
                          .ty =
                              vocabulary_number(c->vocabulary, c->cfg.maf ? NUMBER_TY_MACR : NUMBER_TY_MECR),
                          .body = c->r.create_body};

    if (!to) {
        (void)no_memory(c);
        return REQ_RETRY;
    }
    return request(c, &p, ret);
}

/* DELETE of what the MEF made although its answer cannot be used; how it ends does not matter. */
static void undo_create(struct client *c, const char *reg_id)
{
    struct mef_error kept = c->error;
    _cleanup_(answer_clear) struct answer a = {0};
    _cleanup_(freep) char *to =
        reg_id && resource_id_valid(reg_id) ? registration_to(c->vocabulary, c->cfg.fqdn, reg_id) : NULL;
    struct primitive p = {.op = MEF_OP_DELETE, .to = to};

    if (to)
        (void)request(c, &p, &a);
    c->error = kept;
}

/* What belonged to the registration is forgotten; a command that is still owed has nobody to be reported to.
 */
static enum outcome forget_registration(struct client *c, enum reg_state state, const char *why)
{
    if (renewal_pending(c)) {
        (void)mef_fail(&c->error, MEF_ERROR_NOT_REGISTERED, "%s", why);
        enum outcome o = renewal_end(c, CMD_STATUS_CERT_PROV_SERVER_ERROR);
        if (o != OUT_OK)
            return o;
    }
    set_string(&c->r.reg_id, NULL);
    set_string(&c->r.cmd_to, NULL);
    set_string(&c->r.last_update_cid, NULL);
    c->r.last_update_csc = 0;
    c->r.repeats = 0;
    c->r.expires = 0;
    c->r.next_poll = 0;
    c->r.state = state;
    if (command_pending(c)) {
        command_detail(c, why);
        enum outcome o = command_advance(c, JOURNAL_REPORT, 0);
        if (o != OUT_OK)
            return o;
        tell_attention(c, ATTENTION_REPORT_PENDING, NULL);
    }
    return save_registration(c) < 0 ? OUT_RETRY : OUT_OK;
}

/* What an earlier registration left counts no more: cmdIDs belong to a registration (MC-52). */
static enum outcome succeed(struct client *c, const char *reg_id)
{
    bool traces = c->r.reg_id || c->r.last_update_cid || command_pending(c);

    if (!traces || streq0(c->r.reg_id, reg_id))
        return OUT_OK;
    return forget_registration(c, REG_REGISTERING, "The registration ended before the report.");
}

static enum outcome created(struct client *c, struct answer *a)
{
    _cleanup_(registration_answer_clear) struct registration_answer reg = {0};
    int r = registration_parse(c->vocabulary, root_of(c), c->cfg.fqdn, buf_str(&a->body), a->body.len, &reg,
                               &c->error);

    if (r == 0 && !reg.reg_id && a->content_location)
        r = registration_id_of_location(c->vocabulary, c->cfg.fqdn, a->content_location, &reg.reg_id,
                                        &c->error);
    if (r == 0) {
        struct registration_want want = want_of(c, NULL, false);
        r = registration_check(&reg, &want, &c->error);
    }
    if (r < 0) {
        if (!reg.reg_id && a->content_location)
            (void)registration_id_of_location(c->vocabulary, c->cfg.fqdn, a->content_location, &reg.reg_id,
                                              NULL);
        undo_create(c, reg.reg_id);
        forget_create(c);
        return registration_failed(c, OUT_FATAL);
    }
    if (succeed(c, reg.reg_id) != OUT_OK)
        return OUT_RETRY;
    forget_create(c);
    set_string(&c->r.asked, values_of(c));
    if (adopt(c, &reg) < 0)
        return OUT_RETRY;
    CRASH_POINT(REG_CREATE_STORED);
    tell_event(c, EVENT_REGISTRATION_DONE, NULL, "Registered at '%s' as '%s'.", c->cfg.fqdn, c->r.reg_id);
    tell_attention(c, ATTENTION_REGISTRATION_FAILED, NULL);
    return OUT_OK;
}

/* 4117: a live registration is there. Its ID is stored, or the answer to the same rqi tells it, or the
 * location. */
static enum outcome already_registered(struct client *c, const char *location)
{
    _cleanup_(registration_answer_clear) struct registration_answer reg = {0};
    _cleanup_(answer_clear) struct answer again = {0};
    _cleanup_(freep) char *id = NULL;
    struct mef_error refused = c->error;
    enum outcome o = OUT_GONE;

    if (c->r.reg_id)
        o = get_registration(c, c->r.reg_id, &reg);
    if (o == OUT_GONE) {
        enum request_result r = send_create(c, &again);
        if (r != REQ_ANSWERED)
            return outcome_of(r);
        if (rsc_good(again.rsc))
            return created(c, &again);
        if (again.content_location)
            location = again.content_location;
        if (location &&
            registration_id_of_location(c->vocabulary, c->cfg.fqdn, location, &id, &c->error) == 0)
            o = get_registration(c, id, &reg);
    }
    if (o == OUT_RETRY || o == OUT_CANCELLED)
        return o;
    forget_create(c);
    if (o != OUT_OK) {
        if (o == OUT_GONE) /* else its own sentence says more, such as a look at the clock */
            c->error = refused;
        return registration_failed(c, OUT_FATAL);
    }
    if (succeed(c, reg.reg_id) != OUT_OK || adopt(c, &reg) < 0)
        return OUT_RETRY;
    CRASH_POINT(REG_CREATE_STORED);
    tell_event(c, EVENT_REGISTRATION_DONE, NULL, "'%s' had our registration '%s' already.", c->cfg.fqdn,
               c->r.reg_id);
    tell_attention(c, ATTENTION_REGISTRATION_FAILED, NULL);
    return OUT_OK;
}

static enum outcome create_refused(struct client *c, const struct answer *a)
{
    if (a->rsc == RSC_ORIGINATOR_HAS_ALREADY_REGISTERED || a->rsc == RSC_CONFLICT)
        return already_registered(c, a->content_location);
    if (rsc_transient(a->rsc))
        return OUT_RETRY;
    forget_create(c);
    /* These are about the bytes of the request: the same ones are not sent again by themselves (2.3). An et
     * that was made of a clock not set yet is another one next time. */
    if (a->rsc == RSC_BAD_REQUEST || a->rsc == RSC_OPERATION_NOT_ALLOWED || a->rsc == RSC_NOT_IMPLEMENTED ||
        (a->rsc == RSC_CONTENTS_UNACCEPTABLE && c->cfg.expires)) {
        c->blocked = true;
        return registration_failed(c, OUT_GIVE_UP);
    }
    return registration_failed(c, OUT_FATAL);
}

enum outcome register_procedure(struct client *c)
{
    _cleanup_(answer_clear) struct answer a = {0};

    if (registration_live(c))
        return retrieve_procedure(c);
    if (configuration_expired(c))
        return fail(c, OUT_GIVE_UP, MEF_ERROR_NOT_REGISTERED,
                    "'expirationTime' of node '%s' has passed; set a later one to register again.",
                    c->cfg.node);
    new_transaction(c);
    tell_event(c, EVENT_REGISTRATION_STARTED, NULL, "Registering '%s' at '%s'.", c->cfg.node, c->cfg.fqdn);
    tell_progress(c, "registering", 0);
    bool stored = c->r.create_rqi && c->r.create_body;
    enum outcome o = prepare_create(c);
    if (o != OUT_OK)
        return o;
    CRASH_POINT(REG_CREATE_SAVED);
    enum request_result r = send_create(c, &a);
    if (r == REQ_ANSWERED && a.rsc == RSC_CONTENTS_UNACCEPTABLE && stored) {
        /* Its et may be of a clock that was not set yet, or of long ago; it was certainly not taken. */
        answer_clear(&a);
        forget_create(c);
        if ((o = prepare_create(c)) != OUT_OK)
            return o;
        r = send_create(c, &a);
    }
    if (r != REQ_ANSWERED)
        return r == REQ_FATAL || r == REQ_TOO_BIG || r == REQ_CERT_REFUSED ? registration_failed(c, OUT_FATAL)
                                                                           : outcome_of(r);
    CRASH_POINT(REG_CREATE_SENT);
    return rsc_good(a.rsc) ? created(c, &a) : create_refused(c, &a);
}

/* ---- update ------------------------------------------------------------------------------------------ */

enum outcome update_procedure(struct client *c)
{
    _cleanup_(registration_answer_clear) struct registration_answer reg = {0};
    _cleanup_(answer_clear) struct answer a = {0};
    int64_t et = registration_proposed_et(now_of(c), c->cfg.expires, c->settings.registration_lifetime);

    if (!registration_live(c))
        return OUT_GONE;
    _cleanup_(freep) char *to = registration_to(c->vocabulary, c->cfg.fqdn, c->r.reg_id);
    _cleanup_(freep) char *body = registration_update_body(c->vocabulary, root_of(c), et, c->cfg.labels);
    struct primitive p = {.op = MEF_OP_UPDATE, .to = to, .body = body};
    if (!to || !body)
        return no_memory(c);
    new_transaction(c);
    tell_progress(c, "updating the registration", 0);
    enum request_result r = request(c, &p, &a);
    if (r != REQ_ANSWERED)
        return outcome_of(r);
    if (a.rsc == RSC_NOT_FOUND)
        return OUT_GONE;
    if (!rsc_good(a.rsc))
        return rsc_transient(a.rsc) ? OUT_RETRY : OUT_FATAL;
    CRASH_POINT(REG_UPDATE_SENT);
    if (a.body.len > 0) {
        struct registration_want want = want_of(c, c->r.reg_id, true);
        if (registration_parse(c->vocabulary, root_of(c), c->cfg.fqdn, buf_str(&a.body), a.body.len, &reg,
                               &c->error) < 0 ||
            registration_check(&reg, &want, &c->error) < 0)
            return OUT_FATAL;
    }
    /* The MEF may have changed the date, and does not say to what: look. No command retrieve follows this
     * look, but the one that follows the update. */
    if (!reg.et) {
        registration_answer_clear(&reg);
        enum outcome o = get_registration(c, c->r.reg_id, &reg);
        if (o != OUT_OK)
            return o;
    }
    set_string(&c->r.asked, values_of(c));
    if (adopt(c, &reg) < 0)
        return OUT_RETRY;
    CRASH_POINT(REG_UPDATE_STORED);
    tell_event(c, EVENT_REGISTRATION_DONE, NULL, "The registration at '%s' was updated.", c->cfg.fqdn);
    return OUT_OK;
}

enum outcome registration_current(struct client *c)
{
    _cleanup_(freep) char *now = values_of(c);

    return now && streq0(c->r.asked, now) ? OUT_OK : update_procedure(c);
}

/* ---- the end of one ---------------------------------------------------------------------------------- */

enum outcome registration_delete(struct client *c)
{
    _cleanup_(freep) char *to = registration_to(c->vocabulary, c->cfg.fqdn, c->r.reg_id);
    _cleanup_(answer_clear) struct answer a = {0};
    struct primitive p = {.op = MEF_OP_DELETE, .to = to};

    if (!to)
        return no_memory(c);
    tell_progress(c, "de-registering", 0);
    enum request_result r = request(c, &p, &a);
    if (r != REQ_ANSWERED)
        return outcome_of(r);
    if (rsc_good(a.rsc) || a.rsc == RSC_NOT_FOUND) {
        c->error = (struct mef_error){0};
        return OUT_OK;
    }
    if (rsc_transient(a.rsc))
        return OUT_RETRY;
    return rsc_refuses_us(a.rsc) ? OUT_FATAL : OUT_GIVE_UP;
}

enum outcome registration_lost(struct client *c, const char *why)
{
    tell_event(c, EVENT_REGISTRATION_LOST, NULL, "The registration '%s' at '%s' is gone: %s",
               c->r.reg_id ? c->r.reg_id : "", c->cfg.fqdn, why);
    forget_create(c);
    return forget_registration(c, REG_REGISTERING, why);
}

enum outcome deregister_procedure(struct client *c)
{
    if (!registration_live(c))
        return fail(c, OUT_GIVE_UP, MEF_ERROR_NOT_REGISTERED, "Node '%s' has no live registration at '%s'.",
                    c->cfg.node, c->cfg.fqdn);
    new_transaction(c);
    tell_event(c, EVENT_REGISTRATION_ENDING, NULL, "De-registering '%s' at '%s'.", c->cfg.node, c->cfg.fqdn);
    keys_give_up(c);
    enum outcome o = registration_delete(c);
    if (o != OUT_OK)
        return o;
    CRASH_POINT(DEREGISTER_SENT);
    c->wanted = false;
    tell_event(c, EVENT_REGISTRATION_ENDED, NULL, "'%s' is no longer registered at '%s'.", c->cfg.node,
               c->cfg.fqdn);
    forget_create(c);
    o = forget_registration(c, REG_NEW, "The client was de-registered before the report.");
    if (o == OUT_OK)
        CRASH_POINT(DEREGISTER_STORED);
    return o;
}
