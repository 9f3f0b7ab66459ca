/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Job objects: every operation that takes longer than a call. interfaces.md 2, style-anchors D1 and D2.
 *
 * A job is queued, running or waiting until it is finished once as done, failed, cancelled or timed-out. What
 * a program sees at the end, in this order: PropertiesChanged, Finished(sss) of the job, JobRemoved(uos) of
 * the Manager. The object itself stays for 60 s (at most LIMIT_JOBS_KEPT of them), so that a person can look
 * at it.
 *
 * Ids start at first_id and are never used twice in a process. Calls with an id that is unknown or finished
 * do nothing. Thread: the loop's. */
#pragma once

#include "dbus/bus.h"

struct jobs;

#define JOB_DONE      "done"
#define JOB_FAILED    "failed"
#define JOB_CANCELLED "cancelled"
#define JOB_TIMED_OUT "timed-out"

struct jobs_params {
    struct bus *bus;
    sd_event *event;
    /* The object with org.mefclient1.Manager: JobNew, JobRemoved and changes of its property Jobs go out
     * there. NULL: set it later with jobs_set_manager(). Must not be removed before jobs_free() or
     * jobs_set_manager(NULL). */
    struct bus_object *manager;
    uint32_t first_id;  /* 0 = 1 */
    uint64_t keep_usec; /* 0 = 60 s; tests say less */
};

int jobs_new(const struct jobs_params *params, struct jobs **ret);
void jobs_set_manager(struct jobs *j, struct bus_object *manager);
/* Removes all job objects without signals of their own; no cancel callbacks. NULL is fine. */
void jobs_free(struct jobs *j);
DEFINE_CLEANUP(struct jobs *, jobs_free)

/* A new queued job. `operation` a lower-case word ("register", "poll"); `objects` the paths that it works on,
 * NULL = none; `transaction` the id of the journal fields, NULL = "". `cancel` is called at most once, when
 * someone cancels an unfinished job; it starts the end of the work, whose owner then calls job_finish (at
 * once or later). NULL: the job is finished as cancelled at once. *ret_path (may be NULL) stays owned by the
 * job. LimitExceeded with LIMIT_JOBS unfinished ones. */
int job_new(struct jobs *j, const char *operation, uid_t uid, char *const *objects, const char *transaction,
            void (*cancel)(void *ctx, uint32_t id), void *ctx, uint32_t *ret_id, const char **ret_path,
            struct mef_error *reterr);
void job_running(struct jobs *j, uint32_t id);
/* Step i of n (from 1; n 0 = unknown) and what it is. Puts a waiting job back to running. Progress = (i-1)/n;
 * signals of progress go out at most once a second for each job, the last values always before Finished. */
void job_step(struct jobs *j, uint32_t id, unsigned i, unsigned n, const char *text);
/* Waits until that real time (microseconds); 0 = running again. */
void job_wait(struct jobs *j, uint32_t id, int64_t until);
void job_objects(struct jobs *j, uint32_t id, char *const *objects); /* replaces Objects */
/* The end. `err` (may be NULL with done) becomes Error and the arguments of Finished. */
void job_finish(struct jobs *j, uint32_t id, const char *result, const struct mef_error *err);
/* The result that goes with an error: NULL done; Cancelled; TimedOut; else failed. */
const char *job_result_of(const struct mef_error *err);
/* Cancels the job when this sender leaves the bus (option BindToCaller). */
int job_bind(struct jobs *j, uint32_t id, const char *sender);

/* Asks for the end; idempotent, also on finished jobs. NotFound. */
int job_cancel(struct jobs *j, uint32_t id, struct mef_error *reterr);
/* Which polkit action cancelling needs for this uid: own jobs "register", others' "cancel-others-jobs"; NULL
 * when there is no such job. For action_of of Manager.CancelJob. */
const char *job_cancel_action(struct jobs *j, uint32_t id, uid_t uid);
const char *job_path(struct jobs *j, uint32_t id); /* NULL when unknown */
bool job_unfinished(struct jobs *j, uint32_t id);
/* The job that runs on the object, which stands first among its Objects; 0 = none. */
uint32_t job_running_on(struct jobs *j, const char *object);
/* Paths of all job objects, by id; for Manager.Jobs. *ret by strv_free. */
int jobs_paths(struct jobs *j, char ***ret);

extern const struct bus_interface job_interface; /* org.mefclient1.Job, for tests */
