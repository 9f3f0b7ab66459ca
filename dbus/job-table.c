/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.mefclient1.Job as a table (dbus/xml/Job.xml). Thread: the loop's. */
#include "dbus/job-private.h"

static const void *member(const void *object, const struct bus_property *p)
{
    return (const char *)object + p->aux;
}

static int get_s(void *object, const struct bus_property *p, struct bus_writer *w)
{
    bus_write_s(w, *(char *const *)member(object, p));
    return 0;
}

static int get_u(void *object, const struct bus_property *p, struct bus_writer *w)
{
    bus_write_u(w, *(const uint32_t *)member(object, p));
    return 0;
}

static int get_t(void *object, const struct bus_property *p, struct bus_writer *w)
{
    bus_write_u(w, *(const uint64_t *)member(object, p));
    return 0;
}

static int get_strv(void *object, const struct bus_property *p, struct bus_writer *w)
{
    bus_write_strv(w, *(char **const *)member(object, p));
    return 0;
}

static int get_progress(void *object, const struct bus_property *p, struct bus_writer *w)
{
    bus_write_d(w, ((const struct job *)object)->progress);
    return 0;
}

static int get_progress_valid(void *object, const struct bus_property *p, struct bus_writer *w)
{
    const struct job *j = object;
    bus_write_b(w, j->step_count > 0 || j->progress >= 1);
    return 0;
}

static int get_error(void *object, const struct bus_property *p, struct bus_writer *w)
{
    const struct job *j = object;
    bus_write(w, "(ss)", j->error_name, j->error_text);
    return 0;
}

static int do_cancel(struct bus_call *c, struct mef_error *reterr)
{
    static const struct bus_option none[] = {{NULL, NULL}};
    struct job *j = bus_call_object(c);
    int r = bus_call_options(c, 0, none, reterr);

    return r < 0 ? r : job_cancel(j->jobs, j->id, reterr);
}

static const char *cancel_action(struct bus_call *c)
{
    struct job *j = bus_call_object(c);
    return job_cancel_action(j->jobs, j->id, bus_call_uid(c));
}

#define AT(field) .aux = offsetof(struct job, field)

static const struct bus_method methods[] = {
    {"Cancel", "a{sv}", "", .fn = do_cancel, .action_of = cancel_action}, {NULL}};

static const struct bus_property properties[] = {
    {"Id", "u", BUS_EMITS_CONST, get_u, AT(id)},
    {"Operation", "s", BUS_EMITS_CONST, get_s, AT(operation)},
    {"State", "s", BUS_EMITS_TRUE, get_s, AT(state)},
    {"Step", "s", BUS_EMITS_TRUE, get_s, AT(step)},
    {"StepCount", "u", BUS_EMITS_TRUE, get_u, AT(step_count)},
    {"StepIndex", "u", BUS_EMITS_TRUE, get_u, AT(step_index)},
    {"Progress", "d", BUS_EMITS_TRUE, get_progress},
    {"ProgressValid", "b", BUS_EMITS_TRUE, get_progress_valid},
    {"Objects", "ao", BUS_EMITS_TRUE, get_strv, AT(objects)},
    {"StartedByUid", "u", BUS_EMITS_CONST, get_u, AT(uid)},
    {"StartedAt", "t", BUS_EMITS_CONST, get_t, AT(started_at)},
    {"FinishedAt", "t", BUS_EMITS_TRUE, get_t, AT(finished_at)},
    {"WaitingUntil", "t", BUS_EMITS_TRUE, get_t, AT(waiting_until)},
    {"Error", "(ss)", BUS_EMITS_TRUE, get_error},
    {"TransactionId", "s", BUS_EMITS_CONST, get_s, AT(transaction)},
    {NULL},
};

static const struct bus_signal signals[] = {{"Finished", "sss"}, {NULL}};

const struct bus_interface job_interface = {JOB_INTERFACE, methods, properties, signals, NULL};
