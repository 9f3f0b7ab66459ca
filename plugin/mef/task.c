/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks: what somebody else than the MEF of this registration asks of its worker, once. They have no place in
 * the exchange and no back-off: each is tried now and answered. Thread: mef_client_task() any, the rest the
 * worker. */
#include <errno.h>

#include "plugin/mef/worker.h"

void mef_task_free(struct mef_task *t)
{
    if (!t)
        return;
    mo_snapshot_free(t->node);
    free(t->key_id);
    free(t->subject_id);
    free(t->uri);
    strv_free(t->labels);
    free(t);
}

static void finish(struct mef_task *t, uint32_t status, const struct mef_error *err)
{
    t->done(t->ctx, status, err);
    mef_task_free(t);
}

int mef_client_task(struct client *c, struct mef_task *t, struct mef_error *reterr)
{
    unsigned n = 0;
    int r = 0;

    pthread_mutex_lock(&c->lock);
    struct mef_task **at = &c->tasks;
    for (; *at; at = &(*at)->next)
        n++;
    if (c->end || c->stop)
        r = -EBUSY;
    else if (n >= LIMIT_JOBS)
        r = -EOVERFLOW;
    else {
        t->next = NULL;
        *at = t;
        cancel_fire(&c->wake);
    }
    pthread_mutex_unlock(&c->lock);
    if (r == -EBUSY)
        (void)mef_fail(reterr, MEF_ERROR_IN_PROGRESS, "The registration is being ended.");
    else if (r < 0)
        (void)mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "Too much waits for this registration.");
    return r;
}

void tasks_drop(struct client *c, const char *why)
{
    struct mef_error e;

    pthread_mutex_lock(&c->lock);
    struct mef_task *t = c->tasks;
    c->tasks = NULL;
    pthread_mutex_unlock(&c->lock);
    (void)mef_fail(&e, MEF_ERROR_CANCELLED, "%s", why);
    while (t) {
        struct mef_task *next = t->next;
        finish(t, 0, &e);
        t = next;
    }
}

bool task_cancel(struct client *c, uint32_t job)
{
    bool found = false;

    if (job && c->task && c->task->job == job) {
        c->task->cancelled = found = true;
        cancel_fire(&c->cancel);
    }
    for (struct mef_task *t = c->tasks; job && t; t = t->next)
        if (t->job == job) {
            t->cancelled = found = true;
            if (t->begun && c->renewing)
                cancel_fire(&c->cancel);
        }
    return found;
}

/* Precondition B of 8.3.9.9.4 and 8.3.9.9.5: a live registration; tried once. */
static enum outcome need_registration(struct client *c)
{
    if (registration_live(c))
        return OUT_OK;
    bool wanted = c->wanted, never = c->r.state == REG_NEW;
    c->wanted = true;
    c->blocked = false;
    enum outcome o = register_procedure(c);
    if (o == OUT_OK || o == OUT_CANCELLED)
        return o;
    c->wanted = wanted;
    if (never && c->r.state == REG_FAILED) { /* nor after the next start */
        struct mef_error why = c->error;
        c->r.state = REG_NEW;
        (void)save_registration(c);
        c->error = why;
    }
    return o;
}

static enum outcome run(struct client *c, struct mef_task *t, uint32_t *ret_status)
{
    enum outcome o = need_registration(c);

    switch (t->kind) {
    case MEF_TASK_PROCESS:
        return mo_node_run(c, t->node, t->what, o == OUT_OK ? RUN_TASK : RUN_UNREGISTERED, ret_status);
    case MEF_TASK_KEY_RETRIEVE:
        return o == OUT_OK ? key_retrieve(c, t->key_id) : o;
    case MEF_TASK_KEY_UPDATE:
        return o == OUT_OK ? key_update(c, t->key_id, t->et, t->labels) : o;
    case MEF_TASK_KEY_DELETE:
        if (o != OUT_OK || (o = key_deregister(c, t->key_id)) != OUT_OK)
            return o;
        c->keys_known = false;
        return c->vault.drop_key(c->vault.ctx, t->key_id, c->cfg.node, &c->error) < 0 ? OUT_FATAL : OUT_OK;
    case MEF_TASK_CERT_RENEW:
        return o == OUT_OK ? renewal_begin(c, t) : o;
    }
    return OUT_OK;
}

/* A renewal that was begun is up to the journal: it waits here for its end, or for its cancel. */
static struct mef_task *take(struct client *c)
{
    for (struct mef_task **at = &c->tasks; *at; at = &(*at)->next) {
        struct mef_task *t = *at;
        if (t->begun && !t->over && !t->cancelled)
            continue;
        *at = t->next;
        return t;
    }
    return NULL;
}

static void park(struct client *c, struct mef_task *t)
{
    pthread_mutex_lock(&c->lock);
    c->task = NULL;
    t->begun = true;
    t->next = c->tasks;
    c->tasks = t;
    pthread_mutex_unlock(&c->lock);
    c->renewal_job = t->job;
    c->retry_at = 0; /* a person asked: now */
}

static enum outcome parked_ended(struct client *c, const struct mef_task *t)
{
    if (t->over) {
        c->error = t->why;
        return t->why.word ? OUT_FATAL : OUT_OK;
    }
    (void)mef_fail(&c->error, MEF_ERROR_CANCELLED, "The renewal was cancelled.");
    if (renewal_pending(c) && renewal_end(c, CMD_STATUS_CERT_PROV_CLIENT_ERROR) != OUT_OK)
        return OUT_FATAL;
    return OUT_CANCELLED;
}

bool tasks_run(struct client *c)
{
    uint32_t status = 0;

    pthread_mutex_lock(&c->lock);
    struct mef_task *t = take(c);
    c->task = t;
    bool cancelled = t && t->cancelled;
    pthread_mutex_unlock(&c->lock);
    if (!t)
        return false;
    struct mef_error before = c->error;
    int64_t contact = c->r.last_contact;
    unsigned step = c->step;
    c->error = (struct mef_error){0};
    c->step = 0;
    enum outcome o = OUT_CANCELLED;
    if (t->begun)
        o = parked_ended(c, t);
    else if (!cancelled) {
        new_transaction(c);
        o = run(c, t, &status);
        if (o == OUT_OK && t->kind == MEF_TASK_CERT_RENEW) {
            park(c, t);
            c->error = before;
            c->step = c->job.proc ? step : 0;
            session_close(c);
            return true;
        }
    }
    pthread_mutex_lock(&c->lock);
    c->task = NULL;
    pthread_mutex_unlock(&c->lock);
    if (o == OUT_CANCELLED)
        (void)mef_fail(&c->error, MEF_ERROR_CANCELLED, "It was cancelled.");
    else if (o != OUT_OK && !c->error.word)
        (void)mef_fail(&c->error, MEF_ERROR_FAILED, "It failed.");
    struct mef_error why = c->error;
    c->error = before;
    c->step = step;
    c->fallback = false;
    session_close(c);
    if (c->r.last_contact != contact)
        tell_registration(c); /* before who waits asks the next one (T8) */
    finish(t, status, o != OUT_OK || why.word ? &why : NULL);
    return true;
}
