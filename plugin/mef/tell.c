/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the world hears of a client: snapshots, progress, attention, events. Thread: the worker. */
#include <stdarg.h>
#include <stdio.h>

#include "plugin/mef/worker.h"

static const char *const reasons[ATTENTION_MAX_] = {
#define X(id, word, next) [ATTENTION_##id] = (word),
#include "plugin/base/attention.def"
#undef X
};

void new_transaction(struct client *c)
{
    uint8_t octets[(TRANSACTION_LEN - 1) / 2] = {0};

    (void)c->clock.random(c->clock.ctx, octets, sizeof octets);
    hex_encode(octets, sizeof octets, c->transaction);
}

/* The job that what happens now is of, 0 = none. */
static uint32_t present_job(const struct client *c)
{
    return c->task ? c->task->job : c->job.id ? c->job.id : c->renewal_job;
}

void tell_event(struct client *c, enum event_id id, const struct cmd_record *cmd, const char *format, ...)
{
    _cleanup_(freep) char *cid = cmd && cmd->cid && !cmd_record_by_hand(cmd) ? cid_decode(cmd->cid) : NULL;
    char text[sizeof((struct event *)0)->message], status[16] = "";
    struct event e = {.id = id,
                      .fqdn = c->cfg.fqdn,
                      .registration = c->r.reg_id,
                      .node = c->cfg.node,
                      .job = present_job(c)};
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    e.transaction = cmd && cmd->transaction ? cmd->transaction : c->transaction[0] ? c->transaction : NULL;
    if (cmd) {
        e.cmd_id = cid;
        e.cmd_class = cmd_class_word(cmd->class_id);
        if (cmd->csc) {
            (void)snprintf(status, sizeof status, "%u", (unsigned)cmd->csc);
            e.status = status;
        }
    }
    if (c->error.word != MEF_ERROR_NONE)
        e.error = mef_error_name(c->error.word);
    event_emit(&c->events, &e, "%s", text);
}

void tell_registration(struct client *c)
{
    c->observer.registration(c->observer.ctx, &c->r, c->credential_name[0] ? c->credential_name : NULL,
                             c->error.word != MEF_ERROR_NONE ? &c->error : NULL);
}

void tell_command(struct client *c)
{
    c->observer.command(c->observer.ctx, &c->cmd);
}

void tell_progress(struct client *c, const char *text, int64_t waiting_until)
{
    uint32_t job = present_job(c);

    if (!job || !c->observer.progress)
        return;
    if (!waiting_until)
        c->step++;
    /* How many commands the MEF has in store is not known: the last step is never reached before the end. */
    c->observer.progress(c->observer.ctx, job, c->step, c->step + 1, text, waiting_until);
}

void tell_attention(struct client *c, enum attention_reason reason, const char *text)
{
    if (!text && !c->attention[reason])
        return;
    bool was = c->attention[reason];
    c->attention[reason] = text != NULL;
    c->observer.attention(c->observer.ctx, c->cfg.node, reasons[reason], text);
    if (text && !was)
        tell_event(c, EVENT_ATTENTION_RAISED, NULL, "Registration '%s' needs attention (%s): %s", c->cfg.node,
                   reasons[reason], text);
    else if (!text)
        tell_event(c, EVENT_ATTENTION_CLEARED, NULL, "Registration '%s': '%s' is settled.", c->cfg.node,
                   reasons[reason]);
}
