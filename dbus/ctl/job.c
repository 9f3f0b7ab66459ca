/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for a job: its steps as a bar on a terminal, as lines elsewhere. The signals were subscribed before
 * the call that made the job, so none is missed. Ownership: as ctl.h says. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/cancel.h"
#include "plugin/base/str.h"

#define BAR_WIDTH   24
#define TICK_MS     1000
#define REREAD_USEC UINT64_C(5000000) /* a signal can be lost when the bus drops it: look again */

struct waiting {
    struct ctl *c;
    const char *path;
    json_t *job;     /* its properties */
    char result[16]; /* of JobRemoved or Finished */
    char shown[256]; /* the last line that was printed */
    bool drawn;      /* a bar stands on the terminal */
    bool gone;       /* the service left the bus */
};

static bool ended(const char *state)
{
    static const char *const words[] = {"done", "failed", "cancelled", "timed-out"};
    for (size_t i = 0; i < ELEMENTS(words); i++)
        if (streq(state, words[i]))
            return true;
    return false;
}

static void clear_bar(struct waiting *w)
{
    if (w->drawn)
        fputs("\r\033[K", stderr);
    w->drawn = false;
}

static void show(struct waiting *w)
{
    char line[256], bar[BAR_WIDTH + 3], when[TIME_TEXT_MAX] = "", steps[48] = "";
    uint64_t index = property_number(w->job, "StepIndex"), count = property_number(w->job, "StepCount");
    uint64_t until = property_number(w->job, "WaitingUntil");
    json_t *valid = json_object_get(w->job, "ProgressValid");
    double fraction = json_is_true(valid) ? json_number_value(json_object_get(w->job, "Progress"))
                      : count             ? (double)index / (double)count
                                          : 0;

    if (w->c->json)
        return;
    if (until && streq(property_text(w->job, "State"), "waiting"))
        format_relative(until, (uint64_t)now_realtime(), when);
    if (count)
        snprintf(steps, sizeof(steps), " %llu/%llu", (unsigned long long)index, (unsigned long long)count);
    snprintf(line, sizeof(line), "%s%s%s%s", property_text(w->job, "Operation"), steps,
             *property_text(w->job, "Step") ? " " : "", property_text(w->job, "Step"));
    str_make_printable(line);
    if (w->c->tty) {
        format_bar(fraction, BAR_WIDTH, bar);
        fprintf(stderr, "\r\033[K%s %.100s%s%s", bar, line, *when ? ", goes on " : "", when);
        w->drawn = true;
    } else if (!streq(line, w->shown))
        /* A count-down is for a terminal. */
        fprintf(stderr, "%s%s%s\n", line, *when ? ", goes on " : "", when);
    snprintf(w->shown, sizeof(w->shown), "%s", line);
}

/* One signal. */
static void take(struct waiting *w, DBusMessage *m)
{
    json_t *arguments = value_arguments(m);
    const char *path = dbus_message_get_path(m);

    if (dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameOwnerChanged"))
        w->gone = w->gone || streq0(json_string_value(json_array_get(arguments, 2)), "");
    else if (dbus_message_is_signal(m, MANAGER_INTERFACE, "JobRemoved")) {
        const char *result = json_string_value(json_array_get(arguments, 2));
        if (streq0(json_string_value(json_array_get(arguments, 1)), w->path) && result)
            snprintf(w->result, sizeof(w->result), "%s", result);
    } else if (streq0(path, w->path) && dbus_message_is_signal(m, "org.mefclient1.Job", "Finished")) {
        json_t *error = json_array();
        json_array_append(error, json_array_get(arguments, 1));
        json_array_append(error, json_array_get(arguments, 2));
        json_object_set_new(w->job, "Error", error);
        if (json_string_value(json_array_get(arguments, 0)))
            snprintf(w->result, sizeof(w->result), "%s", json_string_value(json_array_get(arguments, 0)));
    } else if (streq0(path, w->path) &&
               dbus_message_is_signal(m, PROPERTIES_INTERFACE, "PropertiesChanged") &&
               streq0(json_string_value(json_array_get(arguments, 0)), "org.mefclient1.Job"))
        json_object_update(w->job, json_array_get(arguments, 1));
    json_decref(arguments);
}

/* The present properties; a job that is forgotten already leaves what the signals told. */
static int look(struct waiting *w)
{
    const char *interface = "org.mefclient1.Job";
    _cleanup_(freep) char *name = NULL, *text = NULL;
    DBusMessage *m = bus_method(w->path, PROPERTIES_INTERFACE, "GetAll"), *reply = NULL;
    DBusMessageIter i;
    json_t *now;

    if (m && !dbus_message_append_args(m, DBUS_TYPE_STRING, &interface, DBUS_TYPE_INVALID)) {
        dbus_message_unref(m);
        m = NULL;
    }
    if (bus_try(w->c, m, &reply, &name, &text) != 0) {
        clear_bar(w);
        if (*w->result && name && bus_exit_code(name) == CTL_NOT_FOUND)
            return 0;
        return ctl_fail(w->c, name ? bus_exit_code(name) : CTL_FAILED, name ? name : "NoMemory",
                        "cannot look at job '%s': %s", w->path, text && *text ? text : "no answer");
    }
    now = dbus_message_iter_init(reply, &i) ? value_read(&i) : NULL;
    if (json_is_object(now))
        json_object_update(w->job, now);
    json_decref(now);
    dbus_message_unref(reply);
    return 0;
}

static int outcome(struct waiting *w)
{
    const char *result = *w->result ? w->result : property_text(w->job, "State");
    json_t *error = json_object_get(w->job, "Error");
    const char *name = json_string_value(json_array_get(error, 0));
    const char *text = json_string_value(json_array_get(error, 1));

    if (streq(result, "done"))
        return CTL_OK;
    if (!text || !*text)
        text = streq(result, "cancelled")   ? "it was cancelled"
               : streq(result, "timed-out") ? "it took too long"
                                            : "no reason was given";
    return ctl_fail(w->c, streq(result, "timed-out") ? CTL_TIMED_OUT : CTL_FAILED,
                    name && *name ? name : "Failed", "%s (job %llu) did not succeed: %s",
                    *property_text(w->job, "Operation") ? property_text(w->job, "Operation")
                                                        : "the operation",
                    (unsigned long long)property_number(w->job, "Id"), text);
}

static int wait_loop(struct waiting *w)
{
    uint64_t looked = now_monotonic();
    int r = look(w);

    while (r == 0 && !*w->result && !ended(property_text(w->job, "State"))) {
        DBusMessage *m;
        int left = bus_left_ms(w->c, TICK_MS);

        show(w);
        if (left == 0) {
            clear_bar(w);
            return ctl_fail(w->c, CTL_TIMED_OUT, "TimedOut",
                            "gave up waiting for job %llu, which goes on: see 'mefctl jobs'",
                            (unsigned long long)property_number(w->job, "Id"));
        }
        if (!dbus_connection_read_write(w->c->conn, left))
            w->gone = true;
        while ((m = dbus_connection_pop_message(w->c->conn))) {
            take(w, m);
            dbus_message_unref(m);
        }
        if (w->gone) {
            clear_bar(w);
            return ctl_fail(w->c, CTL_NO_SERVICE, "Disconnected",
                            "the service left the bus while job %llu was under way",
                            (unsigned long long)property_number(w->job, "Id"));
        }
        if (!*w->result && now_monotonic() - looked > REREAD_USEC) {
            r = look(w);
            looked = now_monotonic();
        }
    }
    /* The error of a job that ended stays readable for a while. */
    if (r == 0 && *w->result && !streq(w->result, "done") && !json_object_get(w->job, "Error"))
        r = look(w);
    if (r == 0)
        show(w);
    clear_bar(w);
    return r == 0 ? outcome(w) : r;
}

int job_wait(struct ctl *c, const char *job, json_t **ret)
{
    struct waiting w = {.c = c, .path = job, .job = json_object()};
    int r = w.job ? wait_loop(&w) : ctl_fail(c, CTL_FAILED, "NoMemory", "out of memory");

    if (r == 0)
        json_object_set_new(w.job, "Result",
                            json_string(*w.result ? w.result : property_text(w.job, "State")));
    if (ret && r == 0)
        *ret = w.job;
    else
        json_decref(w.job);
    return r;
}

int job_follow(struct ctl *c, const char *job, json_t *result, const char *done_text)
{
    json_t *last = NULL;
    int r;

    json_object_set_new(result, "Job", json_string(job));
    if (streq(job, "/") || c->no_wait) {
        if (c->json)
            return ctl_print_json(c, result);
        json_decref(result);
        if (streq(job, "/"))
            puts(done_text);
        else
            printf("%s goes on; see 'mefctl jobs'\n", job);
        return CTL_OK;
    }
    r = job_wait(c, job, &last);
    if (r != 0) {
        json_decref(result);
        return r;
    }
    if (c->json) {
        json_object_set(result, "Result", json_object_get(last, "Result"));
        r = ctl_print_json(c, result);
    } else {
        json_decref(result);
        puts(done_text);
    }
    json_decref(last);
    return r;
}
