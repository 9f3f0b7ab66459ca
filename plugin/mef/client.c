/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the loop thread may do to a client. Owns the thread, the latches and the queue; everything else
 * belongs to the worker. Thread: the loop; nothing here waits but mef_client_join(). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "plugin/mef/worker.h"
#include "policy/backoff.h"

#define LIFETIME_SEC     (365u * 24 * 3600)
#define CONNECT_SEC      30u
#define RESPONSE_SEC     60u
#define CERTIFICATE_LEAD (30u * 24 * 3600)

static void defaults(struct mef_settings *s)
{
    const struct {
        uint64_t *at, value;
    } table[] = {
        {&s->registration_lifetime, LIFETIME_SEC},
        {&s->default_retry, DEFAULT_RETRY_SEC},
        {&s->backoff_min, BACKOFF_MIN_SEC},
        {&s->backoff_max, BACKOFF_MAX_SEC},
        {&s->connect_timeout, CONNECT_SEC},
        {&s->response_timeout, RESPONSE_SEC},
        {&s->certificate_lead_time, CERTIFICATE_LEAD},
    };
    for (size_t i = 0; i < ELEMENTS(table); i++)
        if (!*table[i].at)
            *table[i].at = table[i].value;
    if (s->default_retry < RETRY_DURATION_MIN_SEC)
        s->default_retry = RETRY_DURATION_MIN_SEC;
}

static int init_lock(struct client *c)
{
    pthread_condattr_t attr;
    int r = pthread_mutex_init(&c->lock, NULL);

    if (r != 0)
        return r;
    r = pthread_condattr_init(&attr);
    if (r == 0) {
        (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        r = pthread_cond_init(&c->over, &attr);
        (void)pthread_condattr_destroy(&attr);
    }
    if (r != 0)
        (void)pthread_mutex_destroy(&c->lock);
    return r;
}

int mef_client_new(const struct mef_client_params *p, struct client **ret, struct mef_error *reterr)
{
    if (!p->config || !p->config->node || !*p->config->node)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "A registration needs the name of its node.");
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->clock = p->clock;
    c->transport = p->transport;
    c->vault = p->vault;
    c->journal = p->journal;
    c->dm = p->dm;
    c->observer = p->observer;
    c->events = p->events;
    c->tree = p->tree;
    c->identity = p->identity;
    c->vocabulary = p->vocabulary ? p->vocabulary : vocabulary_default();
    if (p->settings)
        c->settings = *p->settings;
    defaults(&c->settings);
    (void)snprintf(c->rvi, sizeof c->rvi, "%s",
                   c->settings.rvi && *c->settings.rvi ? c->settings.rvi
                                                       : vocabulary_text(c->vocabulary, TEXT_RVI));
    c->settings.rvi = NULL;
    c->cancel.fd = c->wake.fd = -1;
    doze_init(&c->doze);
    c->wait = (struct wait){.cancel = &c->cancel, .deadline = DEADLINE_NONE};
    int r = init_lock(c);
    if (r != 0) {
        doze_done(&c->doze);
        free(c);
        return -r;
    }
    if ((r = cancel_init(&c->cancel)) < 0 || (r = cancel_init(&c->wake)) < 0 ||
        (r = mef_reg_config_copy(p->config, &c->config)) < 0 ||
        (r = mef_reg_config_copy(p->config, &c->cfg)) < 0 || (r = rqi_init(&c->rqi, &c->clock)) < 0) {
        mef_client_free(c);
        return mef_fail(reterr, MEF_ERROR_FAILED, "A registration could not be set up (error %d).", -r);
    }
    *ret = c;
    return 0;
}

int mef_client_start(struct client *c, struct mef_error *reterr)
{
    sigset_t all, before;

    if (c->started)
        return mef_fail(reterr, MEF_ERROR_IN_PROGRESS, "The registration runs already.");
    /* Signals are the host's; our threads never take one. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&c->thread, NULL, worker_main, c);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "No thread for a registration (error %d).", r);
    c->started = true;
    return 0;
}

int mef_client_set_config(struct client *c, const struct mef_reg_config *config)
{
    struct mef_reg_config copy;
    int r = mef_reg_config_copy(config, &copy);

    if (r < 0)
        return r;
    pthread_mutex_lock(&c->lock);
    mef_reg_config_clear(&c->config);
    c->config = copy;
    c->tree_moved = true;
    cancel_fire(&c->wake);
    pthread_mutex_unlock(&c->lock);
    return 0;
}

int mef_client_request(struct client *c, enum mef_procedure proc, uint32_t job, struct mef_error *reterr)
{
    int r = 0;

    pthread_mutex_lock(&c->lock);
    if (c->end || c->stop)
        r = -EBUSY;
    else if (proc == MEF_PROC_END || proc == MEF_PROC_END_AFTER_REPORT) {
        c->end = true;
        c->end_job = job;
        if (proc == MEF_PROC_END)
            cancel_fire(&c->cancel);
    } else if (c->queued >= ELEMENTS(c->queue))
        r = -EOVERFLOW;
    else {
        c->queue[c->queued++] = (struct job){.proc = proc, .id = job};
        c->fresh_job = true;
    }
    if (r == 0)
        cancel_fire(&c->wake);
    pthread_mutex_unlock(&c->lock);
    if (r == -EBUSY)
        (void)mef_fail(reterr, MEF_ERROR_IN_PROGRESS, "The registration is being ended.");
    else if (r < 0)
        (void)mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "Too many jobs wait for this registration.");
    return r;
}

int mef_client_cancel(struct client *c, uint32_t job)
{
    int r = -ENOENT;

    pthread_mutex_lock(&c->lock);
    if (job && c->end_job == job)
        r = -EBUSY;
    else if (job && c->job.proc && c->job.id == job) {
        c->job.cancelled = true;
        cancel_fire(&c->cancel);
        r = 0;
    }
    for (size_t i = 0; r == -ENOENT && job && i < c->queued; i++)
        if (c->queue[i].id == job) {
            c->queue[i].cancelled = true;
            r = 0;
        }
    if (r == -ENOENT && task_cancel(c, job))
        r = 0;
    if (r == 0)
        cancel_fire(&c->wake);
    pthread_mutex_unlock(&c->lock);
    return r;
}

void mef_client_token_back(struct client *c)
{
    pthread_mutex_lock(&c->lock);
    c->token_back = true;
    cancel_fire(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

void mef_client_stop(struct client *c)
{
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    cancel_fire(&c->cancel);
    cancel_fire(&c->wake);
    pthread_mutex_unlock(&c->lock);
    if (!c->started) /* nobody else will */
        tasks_drop(c, "The client is stopping.");
}

/* The worker says that it is through before it goes, so that the join itself takes no time: a join with a
 * deadline of its own (pthread_clockjoin_np) is one that the thread sanitizer does not know. */
int mef_client_join(struct client *c, uint64_t deadline)
{
    const struct timespec at = {.tv_sec = (time_t)(deadline / USEC_PER_SEC),
                                .tv_nsec = (long)(deadline % USEC_PER_SEC * 1000)};
    int r = 0;

    if (!c->started)
        return 0;
    pthread_mutex_lock(&c->lock);
    while (!c->through && r == 0)
        r = deadline == DEADLINE_NONE ? pthread_cond_wait(&c->over, &c->lock)
                                      : pthread_cond_timedwait(&c->over, &c->lock, &at);
    if (c->through)
        r = 0;
    pthread_mutex_unlock(&c->lock);
    if (r == 0)
        r = pthread_join(c->thread, NULL);
    if (r == 0)
        c->started = false;
    return -r;
}

void mef_client_free(struct client *c)
{
    if (!c)
        return;
    tasks_drop(c, "The client is stopping.");
    key_list_clear(&c->keys);
    if (c->cancel.fd >= 0)
        cancel_done(&c->cancel);
    if (c->wake.fd >= 0)
        cancel_done(&c->wake);
    doze_done(&c->doze);
    mef_reg_config_clear(&c->config);
    mef_reg_config_clear(&c->cfg);
    reg_record_clear(&c->r);
    cmd_record_clear(&c->cmd);
    command_clear(&c->parsed);
    free(c->unanswered.to);
    free(c->unanswered.body);
    (void)pthread_cond_destroy(&c->over);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}
