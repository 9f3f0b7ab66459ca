/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of a job, for job.c and job-table.c. */
#pragma once

#include <sys/queue.h>

#include "dbus/job.h"

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_WAITING, JOB_ENDED_ };

struct job {
    TAILQ_ENTRY(job) link;
    struct jobs *jobs;
    struct bus_object *object;
    uint32_t id, uid, step_count, step_index;
    enum job_state phase;
    const char *state; /* word of interfaces.md 2, static */
    char *path, *operation, *transaction, *step;
    char **objects;
    double progress;
    uint64_t started_at, finished_at, waiting_until; /* real time, microseconds */
    char *error_name, *error_text;
    void (*cancel)(void *ctx, uint32_t id);
    void *ctx;
    bool cancel_asked;
    bool untold;      /* progress that the bus has not been told */
    uint64_t told_at; /* monotonic: last signal of progress */
    uint64_t drop_at; /* monotonic: a finished job goes away then */
    struct bus_sender_watch *bound;
};

TAILQ_HEAD(job_list, job);

struct jobs {
    struct bus *bus;
    struct bus_object *manager;
    sd_event_source *timer;
    struct job_list list; /* by id */
    uint32_t next_id;
    uint64_t keep_usec;
    size_t n_unfinished, n_finished;
};

#define JOB_INTERFACE BUS_INTERFACE("Job")
