/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command exchange (8.3.9; mef-protocol.md 3.4): retrieve, then execute and update until
 * NO_MORE_COMMANDS. Nothing is done before the journal has it. Thread: the worker. */
#include <errno.h>
#include <stdio.h>

#include "plugin/mef/codec-json.h"
#include "plugin/mef/worker.h"
#include "policy/status.h"

#define REPEATS_MIXED 16u /* in one exchange, whatever their cmdIDs: never a busy loop (MC-05) */

/* What a retrieve or an update brought. */
enum next_kind { NEXT_COMMAND, NEXT_NONE, NEXT_BAD, NEXT_RETRIEVE };

struct next {
    enum next_kind kind;
    struct buf body;
};

static void next_clear(struct next *n)
{
    buf_clear(&n->body);
    n->kind = NEXT_RETRIEVE;
}

bool command_pending(const struct client *c)
{
    return c->cmd.node && journal_todo(c->cmd.state) != TODO_RETRIEVE;
}

bool report_held_back(struct client *c)
{
    return c->cmd.node && c->cmd.state == CMD_DONE && c->r.repeats > REPEATS_AT_ONCE &&
           poll_timer_left(c) > 0;
}

void command_detail(struct client *c, const char *text)
{
    free(c->cmd.detail);
    c->cmd.detail = text && *text ? strdup(text) : NULL;
}

/* ---- journal ----------------------------------------------------------------------------------------- */

static enum outcome save_command(struct client *c)
{
    struct mef_error why = {0};

    if (c->journal.save_cmd(c->journal.ctx, &c->cmd, &c->r, &why) < 0) {
        c->error = why;
        if (c->error.word == MEF_ERROR_NONE)
            (void)mef_fail(&c->error, MEF_ERROR_FAILED, "The journal cannot be written.");
        tell_event(c, EVENT_STORE_FAILED, &c->cmd, "A command of '%s' cannot be stored: %s", c->cfg.node,
                   c->error.text);
        tell_attention(c, ATTENTION_STORE_FAILED, c->error.text);
        return OUT_RETRY;
    }
    tell_attention(c, ATTENTION_STORE_FAILED, NULL);
    tell_command(c);
    tell_registration(c);
    return OUT_OK;
}

static int remember_update(struct client *c)
{
    char *cid = strdup(c->cmd.cid);

    if (!cid)
        return -ENOMEM;
    free(c->r.last_update_cid);
    c->r.last_update_cid = cid;
    c->r.last_update_csc = c->cmd.csc;
    return 0;
}

enum outcome command_advance(struct client *c, enum journal_event e, uint32_t csc)
{
    const struct cmd_record before = c->cmd;
    int state = journal_next(c->cmd.state, e);

    if (state < 0)
        return fail(c, OUT_GIVE_UP, MEF_ERROR_FAILED, "Command %s cannot go on from %s; this is a bug.",
                    c->cmd.cid, journal_state_name(c->cmd.state));
    c->cmd.state = (enum cmd_state)state;
    if (csc)
        c->cmd.csc = csc;
    if (state == CMD_DONE) {
        c->cmd.finished = now_of(c);
        if (remember_update(c) < 0) {
            c->cmd = before;
            return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
        }
    }
    if (state == CMD_REPORTED)
        c->cmd.reported = now_of(c);
    enum outcome o = save_command(c);
    if (o != OUT_OK)
        c->cmd = before;
    return o;
}

static enum outcome finish(struct client *c, uint32_t csc)
{
    if (c->error.word != MEF_ERROR_NONE)
        command_detail(c, c->error.text);
    c->error = (struct mef_error){0};
    if (!cmd_status_fits((enum cmd_status)csc, c->cmd.class_id))
        csc = CMD_STATUS_BAD_ARGUMENTS;
    enum outcome o = command_advance(c, JOURNAL_FINISH, csc);
    if (o != OUT_OK)
        return o;
    CRASH_POINT(CMD_DONE);
    tell_event(c, csc == CMD_STATUS_OK ? EVENT_COMMAND_DONE : EVENT_COMMAND_REFUSED, &c->cmd,
               "Command %s of '%s' ended with %u (%s)%s%s", c->cmd.cid, c->cfg.fqdn, (unsigned)csc,
               cmd_status_word((enum cmd_status)csc), c->cmd.detail ? ": " : ".",
               c->cmd.detail ? c->cmd.detail : "");
    return OUT_OK;
}

/* ---- execute ----------------------------------------------------------------------------------------- */

/* A class may be built in and not wanted on this device. */
int command_class_wanted(struct client *c, uint32_t class_id)
{
    if (!c->settings.classes || class_id >= 32 || c->settings.classes & 1u << class_id)
        return 0; /* an unknown class is for command_arguments() */
    (void)mef_fail(&c->error, MEF_ERROR_NOT_SUPPORTED, "Commands of class %s are not supported.",
                   cmd_class_word(class_id));
    return CMD_STATUS_CLASS_NOT_SUPPORTED;
}

/* The command that the journal holds; it was parsed a moment ago, unless it was loaded or is taken up again.
 */
static int parse_stored(struct client *c, struct command *ret)
{
    if (!c->parsed.cid)
        return command_parse(c->vocabulary, c->cmd.body, strlen(c->cmd.body), ret, &c->error);
    *ret = c->parsed;
    c->parsed = (struct command){0};
    return 0;
}

/* Judges in the order of 3.4.1 and runs what may run. Works from the journal alone, so that it is the same
 * after a crash. */
static enum outcome execute(struct client *c)
{
    _cleanup_(command_clear) struct command command = {0};
    union class_args args = {0};
    uint32_t csc;
    int r = parse_stored(c, &command);

    if (r == -ENOMEM)
        return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
    if (r < 0)
        return finish(c, CMD_STATUS_BAD_ARGUMENTS);
    int status = command_class_wanted(c, command.class_id);
    if (status == 0)
        status = command_arguments(&command, c->vocabulary, now_of(c), &args, &c->error);
    if (status == 0)
        status = command_target(&command, c->identity, &c->error);
    if (status)
        return finish(c, (uint32_t)status);
    enum outcome o;
    switch (command.class_id) {
    case CMD_CERT_PROV:
        tell_progress(c, "executing CERT_PROV", 0);
        o = cert_prov_execute(c, &args.cert_prov, &csc);
        break;
    case CMD_MO_NODE:
        tell_progress(c, "executing MO_NODE", 0);
        o = mo_node_execute(c, &args.mo_node, &csc);
        break;
    case CMD_DEV_CFG:
        if (!c->dm.run)
            return finish(c, CMD_STATUS_CLASS_NOT_SUPPORTED);
        tell_progress(c, "executing DEV_CFG", 0);
        o = dev_cfg_execute(c, &args.dev_cfg, &csc);
        break;
    default:
        return finish(c, CMD_STATUS_CLASS_NOT_SUPPORTED);
    }
    if (o != OUT_OK || c->cmd.state == CMD_TENTATIVE)
        return o;
    return finish(c, csc);
}

/* ---- report ------------------------------------------------------------------------------------------ */

static char *command_address(struct client *c)
{
    return c->r.cmd_to ? strdup(c->r.cmd_to) : command_to(c->vocabulary, c->cfg.fqdn, c->r.reg_id);
}

void command_certificate_taken(struct client *c)
{
    c->fallback = false;
    if (c->session_choice == CREDENTIAL_TENTATIVE)
        c->session_choice = CREDENTIAL_ENROLLED;
    tell_event(c, EVENT_CERTIFICATE_PROVEN, &c->cmd, "'%s' accepted the new certificate.", c->cfg.fqdn);
    tell_attention(c, ATTENTION_CERTIFICATE_REFUSED, NULL);
    tell_attention(c, ATTENTION_CERTIFICATE_EXPIRING, NULL);
}

/* The MEF took the status. A certificate that carried the report is from now on the one in use: same commit.
 */
static enum outcome reported(struct client *c, struct answer *a, struct next *next)
{
    bool proven = c->cmd.has_cert && c->cmd.csc == CMD_STATUS_OK;
    struct reg_record before = c->r;

    CRASH_POINT(UPDATE_SENT);
    if (proven) {
        memcpy(c->r.cert_id, c->cmd.cert_id, sizeof c->r.cert_id);
        c->r.has_cert = true;
    }
    c->r.next_poll = 0; /* EE-15 */
    c->r.last_contact = now_of(c);
    enum outcome o = command_advance(c, JOURNAL_REPORT, 0);
    if (o != OUT_OK) {
        memcpy(c->r.cert_id, before.cert_id, sizeof c->r.cert_id);
        c->r.has_cert = before.has_cert;
        c->r.next_poll = before.next_poll;
        return o;
    }
    CRASH_POINT(CMD_REPORTED);
    if (proven)
        command_certificate_taken(c);
    tell_event(c, EVENT_COMMAND_REPORTED, &c->cmd, "'%s' has the result of command %s.", c->cfg.fqdn,
               c->cmd.cid);
    tell_attention(c, ATTENTION_REPORT_PENDING, NULL);
    next_clear(next);
    next->kind = NEXT_COMMAND;
    next->body = a->body;
    a->body = (struct buf){0};
    return OUT_OK;
}

/* The report cannot be delivered, ever: it is closed, and the sentence stays with the command. */
static enum outcome close_report(struct client *c, struct next *next, enum next_kind kind)
{
    struct mef_error why = c->error;

    command_detail(c, why.text);
    enum outcome o = command_advance(c, JOURNAL_REPORT, 0);
    next_clear(next);
    next->kind = kind;
    c->error = why;
    if (o == OUT_OK)
        tell_attention(c, ATTENTION_REPORT_PENDING, NULL);
    return o;
}

static enum outcome delayed(struct client *c, enum outcome o)
{
    tell_event(c, EVENT_REPORT_DELAYED, &c->cmd, "The result of command %s could not be reported: %s",
               c->cmd.cid, c->error.text);
    tell_attention(c, ATTENTION_REPORT_PENDING, c->error.text);
    return o;
}

/* 3.4.4, by the code of the answer. */
static enum outcome report_refused(struct client *c, uint32_t rsc, struct next *next)
{
    if (c->session_choice == CREDENTIAL_TENTATIVE && rsc_refuses_us(rsc))
        return cert_prov_refused(c, CMD_STATUS_CERT_PROV_SERVER_ERROR);
    if (rsc_transient(rsc))
        return delayed(c, OUT_RETRY);
    if (rsc_refuses_us(rsc))
        return delayed(c, OUT_FATAL);
    if (rsc == RSC_NOT_FOUND) {
        enum outcome o = registration_check_exists(c);
        if (o != OUT_OK)
            return o;
        (void)mef_fail(&c->error, MEF_ERROR_SERVER_REJECTED, "'%s' has no such command any more.",
                       c->cfg.fqdn);
        return close_report(c, next, NEXT_NONE);
    }
    if (rsc == RSC_BAD_REQUEST || rsc == RSC_CONFLICT)
        return close_report(c, next, NEXT_RETRIEVE);
    enum outcome o = close_report(c, next, NEXT_NONE);
    return o == OUT_OK ? OUT_GIVE_UP : o;
}

static enum outcome report(struct client *c, struct next *next)
{
    _cleanup_(answer_clear) struct answer a = {0};
    _cleanup_(freep) char *to = command_address(c);
    uint32_t number = cmd_status_number((enum cmd_status)c->cmd.csc, c->settings.status_table);
    _cleanup_(freep) char *body = command_update_body(c->vocabulary, c->cmd.cid, number);
    struct primitive p = {.op = MEF_OP_UPDATE, .to = to, .body = body};

    if (!to || !body)
        return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
    tell_progress(c, "reporting the result", 0);
    enum request_result r = request(c, &p, &a);
    switch (r) {
    case REQ_ANSWERED:
        return rsc_good(a.rsc) ? reported(c, &a, next) : report_refused(c, a.rsc, next);
    case REQ_TOO_BIG: { /* it was taken; what came back cannot be read */
        enum outcome o = reported(c, &a, next);
        next->kind = NEXT_BAD;
        return o;
    }
    case REQ_CERT_REFUSED:
        return cert_prov_refused(c, c->error.word == MEF_ERROR_NOT_FOUND ? CMD_STATUS_CERT_PROV_CLIENT_ERROR
                                                                         : CMD_STATUS_CERT_PROV_SERVER_ERROR);
    case REQ_CANCELLED:
        return OUT_CANCELLED;
    default:
        return delayed(c, outcome_of(r));
    }
}

/* The session of this command has deleted our own node: what it committed was the whole of it, so the command
 * has succeeded, whether that was stored or not. Whatever the answer brings is not looked at. */
void command_report_last(struct client *c)
{
    _cleanup_(next_clear) struct next next = {.kind = NEXT_NONE};
    struct mef_error before = c->error;
    enum outcome o = OUT_OK;

    if (!command_pending(c) || c->cmd.class_id != CMD_DEV_CFG)
        return;
    c->error = (struct mef_error){0};
    if (journal_todo(c->cmd.state) == TODO_EXECUTE)
        o = finish(c, CMD_STATUS_OK);
    if (o == OUT_OK && journal_todo(c->cmd.state) == TODO_UPDATE)
        (void)report(c, &next);
    c->error = before;
}

/* ---- retrieve ---------------------------------------------------------------------------------------- */

static enum outcome retrieve(struct client *c, struct next *next)
{
    _cleanup_(answer_clear) struct answer a = {0};
    _cleanup_(freep) char *to = command_address(c);
    struct primitive p = {.op = MEF_OP_RETRIEVE, .to = to};

    if (!to)
        return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
    new_transaction(c);
    tell_progress(c, "retrieving the command", 0);
    next_clear(next);
    enum request_result r = request(c, &p, &a);
    if (r == REQ_NO_ANSWER || r == REQ_TOO_BIG) {
        next->kind = NEXT_BAD;
        return OUT_OK;
    }
    if (r != REQ_ANSWERED)
        return outcome_of(r);
    if (a.rsc == RSC_NOT_FOUND) {
        next->kind = NEXT_NONE;
        return registration_check_exists(c);
    }
    if (!rsc_good(a.rsc))
        return rsc_transient(a.rsc) ? OUT_RETRY : OUT_FATAL;
    c->r.next_poll = 0; /* EE-15; stored with what comes of it */
    c->r.last_contact = now_of(c);
    next->kind = NEXT_COMMAND;
    next->body = a.body;
    a.body = (struct buf){0};
    return OUT_OK;
}

/* ---- receive ----------------------------------------------------------------------------------------- */

/* A timer that survives a restart (MC-15): stored before it is waited for. */
static enum outcome start_timer(struct client *c, uint64_t seconds)
{
    poll_timer_start(c, seconds);
    c->r.last_contact = now_of(c);
    if (save_registration(c) < 0) {
        c->r.next_poll = 0;
        return OUT_RETRY;
    }
    CRASH_POINT(TIMER_STORED);
    return OUT_OK;
}

static int new_record(struct client *c, struct command *command, struct buf *body)
{
    struct cmd_record n = {.state = CMD_RECEIVED,
                           .class_id = command->class_id,
                           .reissued = command->reissued,
                           .received = now_of(c),
                           .node = strdup(c->cfg.node),
                           .cid = strdup(command->cid),
                           .transaction = NULL};

    new_transaction(c);
    n.transaction = strdup(c->transaction);
    n.body = buf_steal(body);
    if (!n.node || !n.cid || !n.body || !n.transaction) {
        cmd_record_clear(&n);
        return -ENOMEM;
    }
    cmd_record_clear(&c->cmd);
    command_clear(&c->parsed);
    c->cmd = n;
    c->lost = 0;
    return 0;
}

/* A status that is owed without executing anything. */
static enum outcome owe(struct client *c, struct command *command, struct buf *body, uint32_t csc,
                        bool repeat)
{
    uint32_t repeats = c->r.repeats;

    if (new_record(c, command, body) < 0)
        return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
    c->r.repeats = repeat ? repeats + 1 : 0;
    if (++c->repeats_mixed > REPEATS_MIXED)
        c->r.repeats = REPEATS_AT_ONCE + 1;
    if (c->r.repeats > REPEATS_AT_ONCE)
        poll_timer_start(c, c->settings.default_retry);
    command_detail(c, csc == CMD_STATUS_REPEATED_CMD_ID
                          ? "The command was received before and not executed again."
                          : "The command was executed before; its status is reported again.");
    enum outcome o = command_advance(c, JOURNAL_FINISH, csc);
    if (o != OUT_OK) {
        c->r.repeats = repeats;
        c->r.next_poll = 0;
        cmd_record_clear(&c->cmd);
        return o;
    }
    CRASH_POINT(CMD_DONE);
    tell_event(c, EVENT_COMMAND_REFUSED, &c->cmd, "Command %s of '%s' is a repeat, answered with %u.",
               c->cmd.cid, c->cfg.fqdn, (unsigned)csc);
    return OUT_OK;
}

static enum outcome begin(struct client *c, struct command *command, struct buf *body)
{
    if (new_record(c, command, body) < 0)
        return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
    c->r.repeats = 0;
    enum outcome o = save_command(c);
    if (o != OUT_OK) {
        cmd_record_clear(&c->cmd);
        return o;
    }
    CRASH_POINT(CMD_RECEIVED);
    c->parsed = *command;
    *command = (struct command){0};
    tell_event(c, EVENT_COMMAND_RECEIVED, &c->cmd, "'%s' issued command %s of class %s.", c->cfg.fqdn,
               c->cmd.cid, cmd_class_word(c->cmd.class_id));
    return OUT_OK;
}

/* The command that says so is kept like any other, so that a person sees it; the same one again takes its
 * place. Record and timer are one commit. `command` NULL: the MEF has no command resource. */
static enum outcome store_no_more(struct client *c, struct command *command, struct buf *body,
                                  uint64_t seconds)
{
    bool same = c->cmd.node && c->cmd.class_id == CMD_NO_MORE_COMMANDS && cid_equal(c->cmd.cid, command->cid);
    uint32_t serial = same ? c->cmd.serial : 0;

    if (new_record(c, command, body) < 0)
        return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
    c->cmd.serial = serial;
    c->cmd.state = CMD_REPORTED; /* nothing is owed: no status ever goes out for it (MC-14) */
    c->cmd.finished = c->cmd.received;
    poll_timer_start(c, seconds);
    c->r.last_contact = now_of(c);
    enum outcome o = save_command(c);
    if (o != OUT_OK) { /* asked for again: it is nowhere */
        cmd_record_clear(&c->cmd);
        c->r.next_poll = 0;
    } else
        CRASH_POINT(TIMER_STORED);
    return o;
}

static enum outcome no_more(struct client *c, struct command *command, struct buf *body, uint64_t seconds,
                            bool *ret_done)
{
    *ret_done = true;
    c->r.repeats = 0;
    if (!command)
        new_transaction(c);
    enum outcome o = command ? store_no_more(c, command, body, seconds) : start_timer(c, seconds);
    if (o == OUT_OK)
        tell_event(c, EVENT_NO_MORE_COMMANDS, command ? &c->cmd : NULL,
                   "'%s' has no command; asking again in %llu s.", c->cfg.fqdn, (unsigned long long)seconds);
    return o;
}

/* MC-06, MC-07: by cmdID and journal. */
static int decision_of(struct client *c, const struct command *command, union class_args *args,
                       enum command_decision *ret, uint32_t *ret_csc)
{
    struct cmd_record known = {0};
    struct decision_input in = {.reissued = command->reissued,
                                .no_more = command->class_id == CMD_NO_MORE_COMMANDS,
                                .is_last_update = cid_equal(command->cid, c->r.last_update_cid)};
    int r = c->journal.find_cmd(c->journal.ctx, c->cfg.node, command->cid, &known, &c->error);

    if (r < 0 && r != -ENOENT)
        return r;
    if (r == 0 && known.csc && (known.state == CMD_DONE || known.state == CMD_REPORTED)) {
        in.has_status = true;
        in.status = known.csc;
    }
    cmd_record_clear(&known);
    c->error = (struct mef_error){0};
    in.arguments_ok = in.no_more && command_arguments(command, c->vocabulary, now_of(c), args, NULL) == 0;
    *ret = command_decide(&in);
    *ret_csc = *ret == DECIDE_REPEATED ? CMD_STATUS_REPEATED_CMD_ID : in.status;
    return in.is_last_update;
}

static enum outcome receive_command(struct client *c, struct command *command, struct buf *body,
                                    bool *ret_done)
{
    union class_args args = {0};
    enum command_decision d;
    uint32_t csc;
    int last = decision_of(c, command, &args, &d, &csc);

    if (last < 0) {
        tell_event(c, EVENT_STORE_FAILED, NULL, "The journal of '%s' cannot be read: %s", c->cfg.node,
                   c->error.text);
        return OUT_RETRY;
    }
    CRASH_POINT(CMD_RETRIEVED);
    switch (d) {
    case DECIDE_NO_MORE:
        return no_more(c, command, body, args.no_more.seconds, ret_done);
    case DECIDE_HOLD: /* its record holds the 42 and stays as it is */
        return no_more(c, NULL, NULL, c->settings.default_retry, ret_done);
    case DECIDE_REPEATED:
    case DECIDE_KNOWN:
        return owe(c, command, body, csc, last > 0);
    case DECIDE_RUN:
        break;
    }
    return begin(c, command, body);
}

/* MC-05: nothing is executed, no update is sent; once at once, later ones by the timer. */
static enum outcome unparsable(struct client *c, unsigned *bad, bool *ret_done)
{
    tell_event(c, EVENT_COMMAND_UNPARSABLE, NULL, "%s", c->error.text);
    if (++*bad == 1)
        return OUT_OK;
    *ret_done = true;
    struct mef_error why = c->error;
    enum outcome o = start_timer(c, c->settings.default_retry);
    c->error = why;
    return o == OUT_OK ? OUT_GIVE_UP : o;
}

static enum outcome receive(struct client *c, struct next *next, unsigned *bad, bool *ret_done)
{
    _cleanup_(command_clear) struct command command = {0};
    int r = 0;

    if (next->kind == NEXT_COMMAND) {
        r = command_parse(c->vocabulary, buf_str(&next->body), next->body.len, &command, &c->error);
        if (r == -ENOMEM)
            return fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
    }
    switch (next->kind) {
    case NEXT_RETRIEVE:
        return OUT_OK;
    case NEXT_NONE:
        return no_more(c, NULL, NULL, c->settings.default_retry, ret_done);
    case NEXT_BAD:
        return unparsable(c, bad, ret_done);
    case NEXT_COMMAND:
        break;
    }
    if (r < 0)
        return unparsable(c, bad, ret_done);
    *bad = 0;
    return receive_command(c, &command, &next->body, ret_done);
}

/* ---- the exchange ------------------------------------------------------------------------------------ */

/* From what the journal holds to a report that was answered; *next is what that brought. */
static enum outcome settle_command(struct client *c, struct next *next, bool *ret_done)
{
    while (command_pending(c)) {
        enum outcome o = OUT_OK;
        if (!registration_live(c))
            return OUT_GONE;
        switch (journal_todo(c->cmd.state)) {
        case TODO_EXECUTE:
            o = execute(c);
            break;
        case TODO_PROVE:
            o = cert_prov_prove(c);
            break;
        case TODO_UPDATE:
            if (report_held_back(c) && !c->forced) {
                *ret_done = true;
                return OUT_OK;
            }
            o = report(c, next);
            c->forced = false;
            break;
        case TODO_RETRIEVE:
            break;
        }
        if (o != OUT_OK)
            return o;
    }
    return OUT_OK;
}

enum outcome command_exchange(struct client *c)
{
    _cleanup_(next_clear) struct next next = {.kind = NEXT_RETRIEVE};
    unsigned bad = 0;
    bool done = false;

    c->repeats_mixed = 0;
    while (!done) {
        enum outcome o = wait_check(&c->wait) < 0 ? OUT_CANCELLED : OUT_OK;
        if (o == OUT_OK && !registration_live(c))
            o = OUT_GONE;
        if (o == OUT_OK && !command_pending(c) && end_asked(c))
            o = OUT_CANCELLED;
        if (o == OUT_OK && renewal_pending(c))
            o = renewal_settle(c);
        if (o == OUT_OK && command_pending(c))
            o = settle_command(c, &next, &done);
        else if (o == OUT_OK)
            o = retrieve(c, &next);
        if (o == OUT_GIVE_UP && next.kind == NEXT_NONE) {
            struct mef_error why = c->error;
            (void)no_more(c, NULL, NULL, c->settings.default_retry, &done);
            c->error = why;
        }
        if (o != OUT_OK)
            return o;
        if (end_asked(c))
            return OUT_CANCELLED; /* the answer to the last report brings nothing any more */
        if (!done)
            o = receive(c, &next, &bad, &done);
        next_clear(&next);
        if (o != OUT_OK)
            return o;
    }
    return OUT_OK;
}
