/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker of one registration: takes jobs, does what is due, waits for the rest. Each turn of the loop
 * runs one procedure to its end and settles how it went; back-off is a time in this loop, so that a job can
 * cut it short. Thread: the worker itself. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "plugin/cert/chain.h"
#include "plugin/mef/worker.h"
#include "policy/backoff.h"

/* Something has passed and yet cannot be done: looked at again after this. */
#define LOOK_AGAIN_USEC (UINT64_C(300) * USEC_PER_SEC)

bool registration_live(struct client *c)
{
    return c->r.state == REG_REGISTERED && c->r.reg_id && (!c->r.expires || c->r.expires > now_of(c));
}

bool configuration_expired(struct client *c)
{
    return c->cfg.expires && c->cfg.expires <= now_of(c);
}

enum outcome fail(struct client *c, enum outcome o, enum mef_error_word word, const char *format, ...)
{
    char text[MEF_ERROR_TEXT_MAX];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    (void)mef_fail(&c->error, word, "%s", text);
    return o;
}

int save_registration(struct client *c)
{
    struct mef_error why = {0};

    if (c->journal.save(c->journal.ctx, &c->r, &why) < 0) {
        c->error = why;
        if (c->error.word == MEF_ERROR_NONE)
            (void)mef_fail(&c->error, MEF_ERROR_FAILED, "The journal cannot be written.");
        tell_event(c, EVENT_STORE_FAILED, NULL, "The state of '%s' cannot be stored: %s", c->cfg.node,
                   c->error.text);
        tell_attention(c, ATTENTION_STORE_FAILED, c->error.text);
        return -1;
    }
    tell_attention(c, ATTENTION_STORE_FAILED, NULL);
    tell_registration(c);
    return 0;
}

/* ---- jobs -------------------------------------------------------------------------------------------- */

static void finished(struct client *c, uint32_t id, const struct mef_error *error)
{
    if (id && c->observer.finished)
        c->observer.finished(c->observer.ctx, id, error);
}

static void finish_job(struct client *c, const struct mef_error *error)
{
    pthread_mutex_lock(&c->lock);
    uint32_t id = c->job.id;
    c->job = (struct job){0};
    pthread_mutex_unlock(&c->lock);
    finished(c, id, error);
}

static void finish_cancelled(struct client *c, uint32_t id, const char *why)
{
    struct mef_error e;

    (void)mef_fail(&e, MEF_ERROR_CANCELLED, "%s", why);
    finished(c, id, &e);
}

/* Every job that is not to run any more: cancelled ones, or all of them. */
static void drop_jobs(struct client *c, bool all, const char *why)
{
    for (;;) {
        uint32_t id = 0;
        bool found = false;
        pthread_mutex_lock(&c->lock);
        if (c->job.proc && (all || c->job.cancelled)) {
            found = true;
            id = c->job.id;
            c->job = (struct job){0};
        }
        for (size_t i = 0; !found && i < c->queued; i++)
            if (all || c->queue[i].cancelled) {
                found = true;
                id = c->queue[i].id;
                memmove(&c->queue[i], &c->queue[i + 1], (--c->queued - i) * sizeof c->queue[0]);
            }
        pthread_mutex_unlock(&c->lock);
        if (!found)
            return;
        finish_cancelled(c, id, why);
    }
}

/* The next job becomes the present one; a new job ends the back-off, whoever waits in it. */
static void take_job(struct client *c)
{
    pthread_mutex_lock(&c->lock);
    if (!c->job.proc && c->queued) {
        c->job = c->queue[0];
        memmove(&c->queue[0], &c->queue[1], --c->queued * sizeof c->queue[0]);
        c->step = 0;
    }
    if (c->fresh_job) {
        c->fresh_job = false;
        c->retry_at = 0;
        c->forced = true;
        c->blocked = false;
    }
    pthread_mutex_unlock(&c->lock);
}

#define NO_RENEWAL UINT64_MAX

/* ---- what is due ------------------------------------------------------------------------------------- */

/* Microseconds until the renewal; NO_RENEWAL: none is planned. */
static uint64_t renewal_left(struct client *c)
{
    /* With an expirationTime that the MEF granted in full there is nothing to ask for (T18). */
    if (!registration_live(c) || !c->r.expires || (c->cfg.expires && c->cfg.expires <= c->r.expires))
        return NO_RENEWAL;
    uint64_t left = span_until(c, renewal_point(c->r.granted, c->r.expires, 0)), boot = boot_of(c);
    return c->renew_not_before > boot && c->renew_not_before - boot > left ? c->renew_not_before - boot
                                                                           : left;
}

/* When the end of the certificate in use is told, as with a registration: what lives shorter is warned of
 * later. 0 = none is in use. */
static int64_t certificate_date(struct client *c)
{
    return c->not_after ? renewal_point(c->not_before, c->not_after, c->settings.certificate_lead_time) : 0;
}

/* The next moment at which the loop must look again. */
static uint64_t sleep_span(struct client *c)
{
    uint64_t spans[7], shortest = DOZE_FOREVER, boot = boot_of(c);
    size_t n = 0;

    if (c->ending)
        return c->retry_at > boot ? c->retry_at - boot : 0;
    if (c->retry_at)
        shortest = c->retry_at > boot ? c->retry_at - boot : 0;
    if (c->r.state == REG_REGISTERED) {
        if (c->r.next_poll)
            spans[n++] = poll_timer_left(c);
        if (c->r.expires)
            spans[n++] = span_until(c, c->r.expires);
        spans[n++] = renewal_left(c);
    }
    if (c->cfg.expires && c->r.state != REG_EXPIRED && c->r.state != REG_NEW)
        spans[n++] = span_until(c, c->cfg.expires);
    if (certificate_date(c) && !c->attention[ATTENTION_CERTIFICATE_EXPIRING])
        spans[n++] = span_until(c, certificate_date(c));
    if (c->attention[ATTENTION_CLOCK_WRONG])
        spans[n++] = span_until(c, c->not_before);
    if (keys_next(c))
        spans[n++] = span_until(c, keys_next(c));
    for (size_t i = 0; i < n; i++) {
        /* While something is put off, what has passed already changes nothing. */
        uint64_t span = spans[i] || c->retry_at ? spans[i] : LOOK_AGAIN_USEC;
        if (span && span < shortest)
            shortest = span;
    }
    return shortest;
}

enum task { TASK_NONE, TASK_JOB, TASK_REGISTER, TASK_COMMANDS, TASK_RENEW, TASK_KEYS, TASK_CERTIFICATE };

static enum task what_is_due(struct client *c)
{
    if (c->retry_at && boot_of(c) < c->retry_at)
        return TASK_NONE;
    c->retry_at = 0;
    /* In turns, so that neither a report that the MEF does not take costs the registration, nor a renewal the
     * report. A job that only waits for its exchange is no reason to wait with the renewal, either. */
    bool owed = command_pending(c) && !report_held_back(c);
    bool renew_now = renewal_left(c) == 0 && !(c->report_turn && (owed || c->job.proc));
    if (c->job.proc && !(c->job.procedure_done && renew_now))
        return TASK_JOB;
    if (!c->wanted || c->blocked || configuration_expired(c))
        return c->job.proc ? TASK_JOB : TASK_NONE;
    if (!registration_live(c))
        return TASK_REGISTER;
    if (renew_now)
        return TASK_RENEW;
    if (owed)
        return renewal_pending(c) ? TASK_CERTIFICATE : TASK_COMMANDS;
    if (keys_renewal_due(c))
        return TASK_KEYS;
    /* Registered, and no timer: a start between the answer to the create and its retrieve (T11). */
    return poll_timer_left(c) == 0 && !c->cfg.maf ? TASK_COMMANDS : TASK_NONE;
}

/* ---- settle ------------------------------------------------------------------------------------------ */

static void put_off(struct client *c, enum outcome o)
{
    uint32_t random = 0;
    uint64_t usec;

    (void)c->clock.random(c->clock.ctx, &random, sizeof random);
    c->failures++;
    usec = o == OUT_FATAL
               ? c->settings.backoff_max * USEC_PER_SEC
               : backoff_usec(c->failures, c->settings.backoff_min, c->settings.backoff_max, random);
    put_off_by(c, usec);
    tell_event(c, EVENT_EXCHANGE_RETRY, command_pending(c) ? &c->cmd : NULL, "Trying again in %llu s: %s",
               (unsigned long long)((usec + USEC_PER_SEC - 1) / USEC_PER_SEC), c->error.text);
    tell_registration(c);
    tell_progress(c, c->error.text, now_of(c) + (int64_t)usec);
}

static void went_well(struct client *c)
{
    bool told = c->failures || c->r.retry_count || c->error.word != MEF_ERROR_NONE;

    put_off_ends(c);
    c->error = (struct mef_error){0};
    tell_attention(c, ATTENTION_UNREACHABLE, NULL);
    tell_attention(c, ATTENTION_REFUSED, NULL);
    if (told)
        tell_registration(c);
}

/* A cancel of the job, by a person: what was begun goes on later by itself, but a registration that never was
 * does not. */
static void job_cancelled(struct client *c)
{
    if (!c->r.reg_id && c->job.proc == MEF_PROC_REGISTER)
        c->blocked = true;
    c->error = (struct mef_error){0};
    put_off_ends(c);
    c->retry_at = boot_of(c) + c->settings.backoff_min * USEC_PER_SEC;
    tell_registration(c);
}

static bool needs_registration(enum mef_procedure proc)
{
    return proc == MEF_PROC_UPDATE || proc == MEF_PROC_RETRIEVE || proc == MEF_PROC_POLL ||
           proc == MEF_PROC_DEREGISTER;
}

/* Jobs behind one that waits for its first registration: they were a reason to try at once, and have nothing
 * to wait for. */
static void refuse_queued(struct client *c)
{
    struct mef_error e;

    while (!registration_live(c) && !c->r.reg_id) {
        uint32_t id = 0;
        bool found = false;
        pthread_mutex_lock(&c->lock);
        for (size_t i = 0; !found && c->job.proc && i < c->queued; i++)
            if (needs_registration(c->queue[i].proc)) {
                found = true;
                id = c->queue[i].id;
                memmove(&c->queue[i], &c->queue[i + 1], (--c->queued - i) * sizeof c->queue[0]);
            }
        pthread_mutex_unlock(&c->lock);
        if (!found)
            return;
        (void)mef_fail(&e, MEF_ERROR_NOT_REGISTERED, "Node '%s' is not registered at '%s' yet: %s",
                       c->cfg.node, c->cfg.fqdn, c->error.text);
        finished(c, id, &e);
    }
}

static void settle(struct client *c, enum outcome o)
{
    struct mef_error why = c->error;

    c->forced = false;
    c->fallback = false;
    switch (o) {
    case OUT_OK:
        went_well(c);
        finish_job(c, NULL);
        break;
    case OUT_GONE: /* twice in one turn */
    case OUT_RETRY:
        if (why.word == MEF_ERROR_SERVER_UNREACHABLE || why.word == MEF_ERROR_TIMED_OUT)
            tell_attention(c, ATTENTION_UNREACHABLE, why.text);
        put_off(c, OUT_RETRY);
        /* A token that is not there needs a person; the job does not wait for that, but what it asked for is
         * made up for. */
        if (why.word >= MEF_ERROR_TOKEN_UNAVAILABLE && why.word <= MEF_ERROR_TOKEN_FULL) {
            if (c->job.proc == MEF_PROC_POLL)
                poll_timer_start(c, 0);
            finish_job(c, &why);
        }
        refuse_queued(c);
        break;
    case OUT_FATAL:
        if (c->r.state == REG_REGISTERED)
            tell_attention(c, ATTENTION_REFUSED, why.text);
        put_off(c, OUT_FATAL);
        finish_job(c, &why);
        break;
    case OUT_GIVE_UP:
        finish_job(c, &why);
        put_off_ends(c);
        c->error = why;
        tell_registration(c);
        break;
    case OUT_CANCELLED:
        break;
    }
    /* The next job in the queue is a reason of its own to try now. */
    pthread_mutex_lock(&c->lock);
    if (!c->job.proc && c->queued)
        c->retry_at = 0;
    pthread_mutex_unlock(&c->lock);
    session_close(c);
}

/* ---- run --------------------------------------------------------------------------------------------- */

static enum outcome procedure(struct client *c, enum mef_procedure proc)
{
    switch (proc) {
    case MEF_PROC_REGISTER:
        c->wanted = true;
        return register_procedure(c);
    case MEF_PROC_UPDATE:
        return update_procedure(c);
    case MEF_PROC_RETRIEVE:
        return retrieve_procedure(c);
    case MEF_PROC_POLL:
    case MEF_PROC_DEREGISTER:
    case MEF_PROC_END:
    case MEF_PROC_END_AFTER_REPORT:
        break;
    }
    return OUT_OK;
}

static enum outcome not_registered(struct client *c)
{
    return fail(c, OUT_GIVE_UP, MEF_ERROR_NOT_REGISTERED,
                "Node '%s' has no live registration at '%s'; call Register first.", c->cfg.node, c->cfg.fqdn);
}

/* The registration has expired or is not known any more: register again, once in a turn. */
static enum outcome renew_after_loss(struct client *c)
{
    bool expired = c->r.expires && c->r.expires <= now_of(c);
    enum outcome o = registration_lost(c, expired ? "It has expired." : "The MEF does not know it.");

    if (o != OUT_OK)
        return o;
    if (!c->wanted || configuration_expired(c))
        return not_registered(c);
    return register_procedure(c);
}

/* `begun`: the procedure itself is over, its exchange is not. */
static enum outcome run(struct client *c, enum mef_procedure proc, bool begun)
{
    enum outcome o = OUT_OK;

    if (proc == MEF_PROC_DEREGISTER)
        return deregister_procedure(c);
    if (needs_registration(proc) && !begun && !registration_live(c))
        return not_registered(c);
    if (!begun)
        o = procedure(c, proc);
    for (bool renewed = false;;) {
        if (o == OUT_GONE && renewed)
            return fail(c, OUT_RETRY, MEF_ERROR_SERVER_REJECTED, "'%s' forgets its registrations at once.",
                        c->cfg.fqdn);
        if (o == OUT_GONE) {
            renewed = true;
            o = renew_after_loss(c);
        }
        if (o != OUT_OK)
            return o;
        if (c->cfg.maf) /* has no commands */
            return OUT_OK;
        c->job.procedure_done = c->job.proc != 0;
        o = command_exchange(c); /* EE-13 */
        if (o != OUT_GONE)
            return o;
    }
}

static void run_due(struct client *c, enum task task)
{
    static const enum mef_procedure procs[] = {
        [TASK_REGISTER] = MEF_PROC_REGISTER, [TASK_COMMANDS] = MEF_PROC_POLL, [TASK_RENEW] = MEF_PROC_UPDATE};

    c->error = (struct mef_error){0};
    if (task == TASK_KEYS) {
        (void)keys_renew(c);
        c->error = (struct mef_error){0};
        tell_registration(c);
        c->fallback = false;
        session_close(c);
        return;
    }
    if (task == TASK_CERTIFICATE) { /* no exchange follows: there is no command */
        cert_begin(c->transport.lib);
        enum outcome o = renewal_settle(c);
        settle(c, o == OUT_GONE ? registration_lost(c, "The MEF does not know it.") : o);
        cert_end();
        return;
    }
    enum mef_procedure proc = task == TASK_JOB ? c->job.proc : procs[task];
    int64_t expires = c->r.expires;
    cert_begin(c->transport.lib);
    enum outcome o = run(c, proc, task != TASK_RENEW && c->job.procedure_done);
    c->report_turn = task == TASK_RENEW && o == OUT_RETRY;
    if (task == TASK_RENEW) {
        /* A MEF that grants nothing more is asked ever more often towards the end, but not without a pause.
         */
        uint64_t pause = o != OUT_OK && o != OUT_RETRY ? c->settings.backoff_max
                         : c->r.expires <= expires     ? c->settings.backoff_min
                                                       : 0;
        c->renew_not_before = pause ? boot_of(c) + pause * USEC_PER_SEC : 0;
    }
    settle(c, o);
    cert_end();
}

/* ---- the loop ---------------------------------------------------------------------------------------- */

bool end_asked(struct client *c)
{
    pthread_mutex_lock(&c->lock);
    bool end = c->end;
    pthread_mutex_unlock(&c->lock);
    return end;
}

/* The last attempt failed for want of the token, or of something in it. */
static bool lacked_token(const struct client *c)
{
    return (c->error.word >= MEF_ERROR_TOKEN_UNAVAILABLE && c->error.word <= MEF_ERROR_TOKEN_FULL) ||
           c->error.word == MEF_ERROR_NOT_FOUND;
}

/* What the loop thread left for us. False: stop. */
static bool look_around(struct client *c)
{
    struct mef_reg_config cfg;
    bool stop, cancelled;

    pthread_mutex_lock(&c->lock);
    cancel_reset(&c->wake);
    stop = c->stop;
    if (c->end && !c->end_seen) {
        c->end_seen = c->ending = true;
        c->retry_at = 0;
        c->r.retry_at = 0;
        c->failures = 0;
    }
    if (c->token_back && lacked_token(c))
        c->retry_at = 0;
    c->token_back = false;
    cancelled = c->job.cancelled;
    if (c->tree_moved && c->keys.n)
        c->keys_known = false;
    c->tree_moved = false;
    if (!stop)
        cancel_reset(&c->cancel);
    int r = mef_reg_config_copy(&c->config, &cfg);
    pthread_mutex_unlock(&c->lock);
    if (r == 0) {
        mef_reg_config_clear(&c->cfg);
        c->cfg = cfg;
    }
    if (stop)
        return false;
    if (c->ending) {
        drop_jobs(c, true, "The registration is being ended.");
        tasks_drop(c, "The registration is being ended.");
        return true;
    }
    if (cancelled)
        job_cancelled(c);
    drop_jobs(c, false, "The job was cancelled.");
    take_job(c);
    return true;
}

static void expire(struct client *c)
{
    bool over = c->r.expires && c->r.expires <= now_of(c), live = c->r.reg_id && c->r.expires && !over;

    if (!configuration_expired(c)) {
        tell_attention(c, ATTENTION_CONFIGURATION_EXPIRED, NULL);
        if (live &&
            (c->r.state == REG_EXPIRED || c->r.state == REG_FAILED || c->r.state == REG_REGISTERING)) {
            /* The node was given a later date in time, or the clock was ahead for a while. */
            c->r.state = REG_REGISTERED;
            if (save_registration(c) == 0)
                tell_attention(c, ATTENTION_REGISTRATION_FAILED, NULL);
            return;
        }
    } else if (!c->attention[ATTENTION_CONFIGURATION_EXPIRED]) {
        /* Also one that was past from the start, and after a restart: or nobody knows why nothing happens. */
        (void)fail(c, OUT_OK, MEF_ERROR_NOT_REGISTERED, "'expirationTime' of node '%s' has passed.",
                   c->cfg.node);
        tell_attention(c, ATTENTION_CONFIGURATION_EXPIRED, c->error.text);
    }
    if (c->r.state == REG_EXPIRED || c->r.state == REG_NEW)
        return;
    if (!configuration_expired(c)) {
        if (c->r.state != REG_REGISTERED || !over)
            return;
        tell_event(c, EVENT_REGISTRATION_LOST, NULL, "The registration of '%s' at '%s' has expired.",
                   c->cfg.node, c->cfg.fqdn);
    }
    c->r.state = REG_EXPIRED;
    (void)save_registration(c);
}

/* A certificate that is in use has begun to be valid, whatever the clock says. */
static void watch_clock(struct client *c)
{
    char when[VALIDITY_TEXT_LEN], sentence[VALIDITY_TEXT_LEN + 40];

    if (!c->not_before || span_until(c, c->not_before) == 0) {
        tell_attention(c, ATTENTION_CLOCK_WRONG, NULL);
        return;
    }
    if (c->attention[ATTENTION_CLOCK_WRONG])
        return;
    validity_text(c->not_before, c->not_after, now_of(c), when);
    (void)snprintf(sentence, sizeof sentence, "The certificate in use is %s", when);
    tell_attention(c, ATTENTION_CLOCK_WRONG, sentence);
}

static void watch_certificate(struct client *c)
{
    char text[TIMESTAMP_LEN], sentence[MEF_ERROR_TEXT_MAX];

    watch_clock(c);
    if (!c->not_after || span_until(c, certificate_date(c)) > 0) {
        /* Renewed, or the clock was wrong. */
        tell_attention(c, ATTENTION_CERTIFICATE_EXPIRING, NULL);
        return;
    }
    if (c->attention[ATTENTION_CERTIFICATE_EXPIRING])
        return;
    timestamp_format(c->not_after, text);
    (void)snprintf(sentence, sizeof sentence,
                   "The certificate in use ends at %s and '%s' has not renewed it; ask its operator for a "
                   "CERT_PROV command.",
                   text, c->cfg.fqdn);
    tell_attention(c, ATTENTION_CERTIFICATE_EXPIRING, sentence);
}

static void sleep_until_due(struct client *c)
{
    uint64_t usec = sleep_span(c);

    if (c->clock.sleep)
        c->clock.sleep(c->clock.ctx, &c->wake, usec);
    else
        doze(&c->doze, &c->wake, usec);
}

static int load(struct client *c)
{
    struct reg_record r = {0};
    struct cmd_record cmd = {0};
    int e = c->journal.load(c->journal.ctx, c->cfg.node, &r, &c->error);

    if (e == -ENOENT) {
        c->error = (struct mef_error){0};
        r.node = strdup(c->cfg.node);
        e = r.node ? 0 : -ENOMEM;
    } else if (e >= 0) {
        e = c->journal.last_cmd(c->journal.ctx, c->cfg.node, &cmd, &c->error);
        e = e == -ENOENT ? 0 : e;
    }
    if (e < 0) {
        reg_record_clear(&r);
        return e;
    }
    c->error = (struct mef_error){0};
    reg_record_clear(&c->r);
    cmd_record_clear(&c->cmd);
    c->r = r;
    c->cmd = cmd;
    c->wanted = r.state == REG_REGISTERING || r.state == REG_REGISTERED || r.state == REG_EXPIRED ||
                r.state == REG_FAILED;
    return 0;
}

/* The node may be gone from the tree: what it was stands in the tombstone. */
static void config_from_tombstone(struct client *c)
{
    struct mef_reg_config old;

    if (c->r.state != REG_ENDING || !c->r.config_json)
        return;
    if (mef_reg_config_from_json(c->r.config_json, &old, &c->error) < 0)
        return;
    pthread_mutex_lock(&c->lock);
    mef_reg_config_clear(&c->config);
    c->config = old;
    pthread_mutex_unlock(&c->lock);
}

static bool start_up(struct client *c)
{
    uint32_t random = 0;

    while (look_around(c)) {
        if (load(c) == 0) {
            c->ending = c->ending || c->r.state == REG_ENDING;
            config_from_tombstone(c);
            timers_load(c);
            tell_registration(c);
            return true;
        }
        tell_event(c, EVENT_STORE_FAILED, NULL, "The state of '%s' cannot be read: %s", c->cfg.node,
                   c->error.text);
        (void)c->clock.random(c->clock.ctx, &random, sizeof random);
        c->retry_at = boot_of(c) +
                      backoff_usec(++c->failures, c->settings.backoff_min, c->settings.backoff_max, random);
        sleep_until_due(c);
    }
    return false;
}

void *worker_main(void *client)
{
    struct client *c = client;

    if (start_up(c)) {
        while (look_around(c)) {
            clock_look(c);
            if (c->ending) {
                if (!c->retry_at || boot_of(c) >= c->retry_at) {
                    c->retry_at = 0;
                    if (end_procedure(c))
                        break;
                    continue;
                }
                sleep_until_due(c);
                continue;
            }
            expire(c);
            session_foresee(c);
            watch_certificate(c);
            keys_tend(c);
            if (tasks_run(c))
                continue;
            enum task task = what_is_due(c);
            if (task == TASK_NONE)
                sleep_until_due(c);
            else
                run_due(c, task);
        }
    }
    session_close(c);
    drop_jobs(c, true, "The client is stopping.");
    tasks_drop(c, "The client is stopping.");
    pthread_mutex_lock(&c->lock);
    uint32_t end_job = c->end_job;
    c->end_job = 0;
    pthread_mutex_unlock(&c->lock);
    if (end_job)
        finish_cancelled(c, end_job, "The client is stopping; the end goes on after the next start.");
    pthread_mutex_lock(&c->lock);
    c->through = true;
    pthread_cond_signal(&c->over);
    pthread_mutex_unlock(&c->lock);
    return NULL;
}
