/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of jobs: queued, running, waiting, ended; progress at most once a second; the end told once, in
 * order; kept for a minute (style-anchors D1, D2; interfaces.md 2). One timer serves all jobs. Ownership:
 * struct jobs owns jobs and their bus objects. Thread: the loop's. */
#include <errno.h>
#include <stdio.h>

#include "dbus/job-private.h"
#include "plugin/base/cancel.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"

#define MANAGER       BUS_INTERFACE("Manager")
#define KEEP_USEC     (60 * USEC_PER_SEC)
#define PROGRESS_USEC USEC_PER_SEC

static const struct bus_interface *const interfaces[] = {&job_interface, NULL};

static struct job *job_find(struct jobs *j, uint32_t id)
{
    struct job *o;

    TAILQ_FOREACH(o, &j->list, link)
    if (o->id == id)
        return o;
    return NULL;
}

static struct job *job_live(struct jobs *j, uint32_t id)
{
    struct job *o = job_find(j, id);
    return o && o->phase != JOB_ENDED_ ? o : NULL;
}

static void changed(struct job *o, const char *property)
{
    bus_changed(o->object, JOB_INTERFACE, property);
}

static void manager_changed(struct jobs *j)
{
    bus_changed(j->manager, MANAGER, "Jobs");
}

static void set_phase(struct job *o, enum job_state phase, const char *word)
{
    o->phase = phase;
    if (o->state && streq(o->state, word))
        return;
    o->state = word;
    changed(o, "State");
}

static void set_waiting(struct job *o, uint64_t until)
{
    if (o->waiting_until == until)
        return;
    o->waiting_until = until;
    changed(o, "WaitingUntil");
}

static void set_text(char **field, const char *text)
{
    char *copy = strdup(text ? text : "");

    if (!copy)
        return; /* an old text is better than none */
    free(*field);
    *field = copy;
}

/* ---- progress and time -------------------------------------------------------------------------------- */

static void tell_progress(struct job *o)
{
    static const char *const name[] = {"Step", "StepCount", "StepIndex", "Progress", "ProgressValid"};

    o->untold = false;
    o->told_at = now_monotonic();
    for (size_t i = 0; i < ELEMENTS(name); i++)
        changed(o, name[i]);
}

static void job_free(struct job *o)
{
    if (!o)
        return;
    bus_sender_unwatch(o->bound);
    bus_object_remove(o->object);
    strv_free(o->objects);
    free(o->path);
    free(o->operation);
    free(o->transaction);
    free(o->step);
    free(o->error_name);
    free(o->error_text);
    free(o);
}

static void job_drop(struct job *o)
{
    struct jobs *j = o->jobs;

    TAILQ_REMOVE(&j->list, o, link);
    if (o->phase == JOB_ENDED_)
        j->n_finished--;
    else
        j->n_unfinished--;
    job_free(o);
    manager_changed(j);
}

/* Drops what is old, tells what may be told, and sets the timer to what comes next. */
static void jobs_tick(struct jobs *j)
{
    uint64_t now = now_monotonic(), next = UINT64_MAX;
    struct job *o, *following;

    for (o = TAILQ_FIRST(&j->list); o; o = following) {
        following = TAILQ_NEXT(o, link);
        if (o->phase == JOB_ENDED_ && o->drop_at <= now) {
            job_drop(o);
            continue;
        }
        if (o->untold && o->told_at + PROGRESS_USEC <= now)
            tell_progress(o);
        uint64_t at = o->phase == JOB_ENDED_ ? o->drop_at
                      : o->untold            ? o->told_at + PROGRESS_USEC
                                             : UINT64_MAX;
        if (at < next)
            next = at;
    }
    sd_event_source_set_time(j->timer, next);
    sd_event_source_set_enabled(j->timer, next == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *data)
{
    jobs_tick(data);
    return 0;
}

/* ---- all jobs ----------------------------------------------------------------------------------------- */

int jobs_new(const struct jobs_params *p, struct jobs **ret)
{
    _cleanup_(jobs_freep) struct jobs *j = calloc(1, sizeof *j);

    if (!j)
        return -ENOMEM;
    TAILQ_INIT(&j->list);
    j->bus = p->bus;
    j->manager = p->manager;
    j->next_id = p->first_id ? p->first_id : 1;
    j->keep_usec = p->keep_usec ? p->keep_usec : KEEP_USEC;
    int r =
        sd_event_add_time(p->event, &j->timer, CLOCK_MONOTONIC, UINT64_MAX, 10 * USEC_PER_MSEC, on_timer, j);
    if (r >= 0)
        r = sd_event_source_set_enabled(j->timer, SD_EVENT_OFF);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(j);
    return 0;
}

void jobs_set_manager(struct jobs *j, struct bus_object *manager)
{
    j->manager = manager;
}

void jobs_free(struct jobs *j)
{
    struct job *o;

    if (!j)
        return;
    j->manager = NULL;
    while ((o = TAILQ_FIRST(&j->list))) {
        TAILQ_REMOVE(&j->list, o, link);
        job_free(o);
    }
    sd_event_source_disable_unref(j->timer);
    free(j);
}

int jobs_paths(struct jobs *j, char ***ret)
{
    _cleanup_(strv_freep) char **v = calloc(1, sizeof *v);
    struct job *o;

    if (!v)
        return -ENOMEM;
    TAILQ_FOREACH(o, &j->list, link)
    if (strv_push(&v, o->path) < 0)
        return -ENOMEM;
    *ret = TAKE_PTR(v);
    return 0;
}

const char *job_path(struct jobs *j, uint32_t id)
{
    struct job *o = job_find(j, id);
    return o ? o->path : NULL;
}

bool job_unfinished(struct jobs *j, uint32_t id)
{
    return job_live(j, id) != NULL;
}

uint32_t job_running_on(struct jobs *j, const char *object)
{
    struct job *o;

    TAILQ_FOREACH(o, &j->list, link)
    if (o->phase == JOB_RUNNING && o->objects[0] && streq(o->objects[0], object))
        return o->id;
    return 0;
}

/* ---- one job ------------------------------------------------------------------------------------------ */

static int job_fill(struct job *o, const char *operation, char *const *objects, const char *transaction)
{
    char *const none[] = {NULL};
    char path[sizeof BUS_ROOT "/job/" + 12];

    snprintf(path, sizeof path, BUS_ROOT "/job/%u", (unsigned)o->id);
    o->path = strdup(path);
    o->operation = strdup(operation);
    o->transaction = strdup(transaction ? transaction : "");
    o->step = strdup("");
    o->objects = strv_copy(objects ? objects : none);
    o->error_name = strdup("");
    o->error_text = strdup("");
    return o->path && o->operation && o->transaction && o->step && o->objects && o->error_name &&
                   o->error_text
               ? 0
               : -ENOMEM;
}

int job_new(struct jobs *j, const char *operation, uid_t uid, char *const *objects, const char *transaction,
            void (*cancel)(void *ctx, uint32_t id), void *ctx, uint32_t *ret_id, const char **ret_path,
            struct mef_error *reterr)
{
    struct job *o;

    if (j->n_unfinished >= LIMIT_JOBS)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "There are %u unfinished jobs, so '%s' is not begun; wait for some or cancel them.",
                        LIMIT_JOBS, operation);
    o = calloc(1, sizeof *o);
    if (!o)
        goto no_memory;
    *o = (struct job){
        .jobs = j, .id = j->next_id, .uid = (uint32_t)uid, .state = "queued", .cancel = cancel, .ctx = ctx};
    o->started_at = (uint64_t)now_realtime();
    if (job_fill(o, operation, objects, transaction) < 0 ||
        bus_object_add(j->bus, o->path, interfaces, o, &o->object) < 0)
        goto no_memory;
    j->next_id = j->next_id == UINT32_MAX ? 1 : j->next_id + 1;
    TAILQ_INSERT_TAIL(&j->list, o, link);
    j->n_unfinished++;
    manager_changed(j);
    if (j->manager)
        bus_signal_emit(j->manager, MANAGER, "JobNew", "uo", o->id, o->path);
    *ret_id = o->id;
    if (ret_path)
        *ret_path = o->path;
    return 0;
no_memory:
    job_free(o);
    mef_fail(reterr, MEF_ERROR_FAILED, "There is no memory for a job '%s'.", operation);
    return -ENOMEM;
}

void job_running(struct jobs *j, uint32_t id)
{
    job_wait(j, id, 0);
}

void job_wait(struct jobs *j, uint32_t id, int64_t until)
{
    struct job *o = job_live(j, id);

    if (!o)
        return;
    set_phase(o, until > 0 ? JOB_WAITING : JOB_RUNNING, until > 0 ? "waiting" : "running");
    set_waiting(o, until > 0 ? (uint64_t)until : 0);
}

void job_step(struct jobs *j, uint32_t id, unsigned i, unsigned n, const char *text)
{
    struct job *o = job_live(j, id);

    if (!o)
        return;
    job_wait(j, id, 0);
    o->step_index = i;
    o->step_count = n;
    o->progress = n > 0 && i > 0 ? (double)((i < n ? i : n) - 1) / n : 0;
    set_text(&o->step, text);
    o->untold = true;
    jobs_tick(j);
}

void job_objects(struct jobs *j, uint32_t id, char *const *objects)
{
    struct job *o = job_live(j, id);
    char **copy = o ? strv_copy(objects) : NULL;

    if (!copy)
        return;
    strv_free(o->objects);
    o->objects = copy;
    changed(o, "Objects");
}

/* Room for one more finished job: the oldest goes. */
static void keep_few(struct jobs *j)
{
    struct job *o, *oldest = NULL;

    if (j->n_finished < LIMIT_JOBS_KEPT)
        return;
    TAILQ_FOREACH(o, &j->list, link)
    if (o->phase == JOB_ENDED_ && (!oldest || o->drop_at < oldest->drop_at))
        oldest = o;
    if (oldest)
        job_drop(oldest);
}

static const char *result_word(const char *result)
{
    static const char *const word[] = {JOB_DONE, JOB_CANCELLED, JOB_TIMED_OUT};

    for (size_t i = 0; i < ELEMENTS(word); i++)
        if (streq(word[i], result))
            return word[i];
    return JOB_FAILED;
}

void job_finish(struct jobs *j, uint32_t id, const char *result, const struct mef_error *err)
{
    struct job *o = job_live(j, id);
    char name[sizeof BUS_ERROR_PREFIX + 64] = "";

    if (!o)
        return;
    result = result_word(result);
    keep_few(j);
    j->n_unfinished--;
    j->n_finished++;
    o->cancel = NULL;
    bus_sender_unwatch(TAKE_PTR(o->bound));
    if (streq(result, JOB_DONE)) {
        o->progress = 1;
        o->untold = true;
    } else {
        snprintf(name, sizeof name, BUS_ERROR_PREFIX "%s",
                 mef_error_name(err && err->word != MEF_ERROR_NONE ? err->word
                                : streq(result, JOB_CANCELLED)     ? MEF_ERROR_CANCELLED
                                : streq(result, JOB_TIMED_OUT)     ? MEF_ERROR_TIMED_OUT
                                                                   : MEF_ERROR_FAILED));
        set_text(&o->error_name, name);
        set_text(&o->error_text, err && err->text[0] ? err->text : "The job has ended without success.");
        changed(o, "Error");
    }
    o->finished_at = (uint64_t)now_realtime();
    changed(o, "FinishedAt");
    set_waiting(o, 0);
    set_phase(o, JOB_ENDED_, result);
    if (o->untold)
        tell_progress(o);
    o->drop_at = now_monotonic() + j->keep_usec;
    bus_signal_emit(o->object, JOB_INTERFACE, "Finished", "sss", result, o->error_name, o->error_text);
    if (j->manager)
        bus_signal_emit(j->manager, MANAGER, "JobRemoved", "uos", o->id, o->path, result);
    jobs_tick(j);
}

const char *job_result_of(const struct mef_error *err)
{
    if (!err)
        return JOB_DONE;
    return err->word == MEF_ERROR_CANCELLED   ? JOB_CANCELLED
           : err->word == MEF_ERROR_TIMED_OUT ? JOB_TIMED_OUT
                                              : JOB_FAILED;
}

/* ---- cancelling --------------------------------------------------------------------------------------- */

const char *job_cancel_action(struct jobs *j, uint32_t id, uid_t uid)
{
    struct job *o = job_find(j, id);

    if (!o)
        return NULL;
    return o->uid == (uint32_t)uid ? BUS_ACTION("register") : BUS_ACTION("cancel-others-jobs");
}

int job_cancel(struct jobs *j, uint32_t id, struct mef_error *reterr)
{
    struct job *o = job_find(j, id);

    if (!o)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "There is no job '%u'.", (unsigned)id);
    if (o->phase == JOB_ENDED_ || o->cancel_asked)
        return 0;
    o->cancel_asked = true;
    if (o->cancel) {
        void (*cancel)(void *, uint32_t) = TAKE_PTR(o->cancel);
        cancel(o->ctx, id);
    } else {
        struct mef_error err = {0};
        mef_fail(&err, MEF_ERROR_CANCELLED, "The job was cancelled before it had begun.");
        job_finish(j, id, JOB_CANCELLED, &err);
    }
    return 0;
}

static void on_bound_gone(void *ctx, const char *sender)
{
    struct job *o = ctx;

    o->bound = NULL; /* freed by the bus */
    job_cancel(o->jobs, o->id, NULL);
}

int job_bind(struct jobs *j, uint32_t id, const char *sender)
{
    struct job *o = job_live(j, id);

    if (!o || o->bound)
        return 0;
    return bus_sender_watch(j->bus, sender, on_bound_gone, o, &o->bound);
}
