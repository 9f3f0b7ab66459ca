/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of mefctl that only look (and two small levers beside what they show: --cancel, log-level).
 * Ownership: each function owns the objects that it fetched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/cancel.h"
#include "plugin/base/str.h"

static int no_memory(struct ctl *c)
{
    return ctl_fail(c, CTL_FAILED, "NoMemory", "out of memory");
}

/* { KEY: [objects with that interface] }, printed. */
static int print_list(struct ctl *c, json_t *objects, const char *key, const char *interface)
{
    return ctl_print_json(c, json_pack("{s:o?}", key, objects_list(objects, interface)));
}

/* One registration on one row. */
static int registration_row(struct table *t, json_t *objects, json_t *registration)
{
    char next[TIME_TEXT_MAX], expires[TIME_TEXT_MAX], command[128] = "";
    _cleanup_(freep) char *label = object_label(property_text(registration, "Object"));
    json_t *last = object_interface(objects, property_text(registration, "LastCommand"), "Command");
    uint64_t now = (uint64_t)now_realtime();

    format_relative(property_number(registration, "NextPoll"), now, next);
    format_time(property_number(registration, "ExpiresAt"), expires);
    if (last)
        snprintf(command, sizeof(command), "%s %s", property_text(last, "Class"),
                 property_text(last, "Status"));
    else
        snprintf(command, sizeof(command), "%s", property_text(registration, "LastCommandId"));
    return table_add(t, label) < 0 || table_add(t, property_text(registration, "State")) < 0 ||
                   table_add(t, property_text(registration, "Fqdn")) < 0 || table_add(t, expires) < 0 ||
                   table_add(t, next) < 0 || table_add(t, command) < 0
               ? -1
               : 0;
}

static int print_registrations(struct ctl *c, json_t *objects)
{
    static const char *const heads[] = {"NAME", "STATE", "FQDN", "EXPIRES", "NEXT POLL", "LAST COMMAND"};
    struct table t = {.columns = ELEMENTS(heads)};
    json_t *list = objects_list(objects, "Registration"), *item;
    int r = list ? 0 : -1;
    size_t i;

    for (size_t k = 0; r == 0 && k < ELEMENTS(heads); k++)
        r = table_add(&t, heads[k]);
    json_array_foreach(list, i, item) if (r == 0) r = registration_row(&t, objects, item);
    if (r == 0 && json_array_size(list) == 0)
        puts("No registrations. Add one with: mefctl add FQDN ADMIN");
    else if (r == 0)
        table_print(&t, stdout);
    /* What went wrong last, in its own words. */
    json_array_foreach(list, i, item)
    {
        json_t *error = json_object_get(item, "LastError");
        const char *text = json_string_value(json_array_get(error, 1));
        _cleanup_(freep) char *label = object_label(property_text(item, "Object"));
        if (r == 0 && text && *text)
            printf("%s: last error: %s\n", label ? label : "", text);
    }
    table_clear(&t);
    json_decref(list);
    return r == 0 ? CTL_OK : no_memory(c);
}

int run_registrations(struct ctl *c, const struct ctl_args *a)
{
    json_t *objects = NULL;
    int r = bus_objects(c, &objects);

    if (r != 0)
        return r;
    r = c->json ? print_list(c, objects, "Registrations", "Registration") : print_registrations(c, objects);
    json_decref(objects);
    return r;
}

static unsigned running(json_t *objects)
{
    json_t *list = objects_list(objects, "Job"), *item;
    unsigned n = 0;
    size_t i;

    json_array_foreach(list, i, item) n += property_number(item, "FinishedAt") == 0;
    json_decref(list);
    return n;
}

int run_status(struct ctl *c, const struct ctl_args *a)
{
    json_t *objects = NULL, *manager, *item;
    size_t i;
    int r = bus_objects(c, &objects);

    if (r != 0)
        return r;
    manager = object_interface(objects, ROOT_PATH, "Manager");
    if (!manager) {
        /* An ObjectManager need not list its own object. */
        r = bus_properties(c, ROOT_PATH, MANAGER_INTERFACE, &manager);
        if (r != 0) {
            json_decref(objects);
            return r;
        }
    } else
        json_incref(manager);
    if (c->json) {
        json_t *all = json_copy(manager);
        if (!all || json_object_set_new(all, "Registrations", objects_list(objects, "Registration")) < 0 ||
            json_object_set_new(all, "Jobs", objects_list(objects, "Job")) < 0) {
            json_decref(all);
            all = NULL;
        }
        r = ctl_print_json(c, all);
    } else {
        _cleanup_(freep) char *features = format_value(json_object_get(manager, "Features"));
        printf("mefclient %s is %s (%s)\n", property_text(manager, "Version"),
               property_text(manager, "State"), features ? features : "");
        printf("Token: %s\nJobs under way: %u\n\n", property_text(manager, "TokenState"), running(objects));
        json_array_foreach(json_object_get(manager, "Attention"), i, item)
        {
            const char *reason = json_string_value(json_array_get(item, 0));
            const char *object = json_string_value(json_array_get(item, 1));
            const char *text = json_string_value(json_array_get(item, 2));
            printf("Needs attention: %s: %s (%s)\n%s", reason ? reason : "", text ? text : "",
                   object ? object : "",
                   i + 1 == json_array_size(json_object_get(manager, "Attention")) ? "\n" : "");
        }
        r = print_registrations(c, objects);
    }
    json_decref(manager);
    json_decref(objects);
    return r;
}

int run_credentials(struct ctl *c, const struct ctl_args *a)
{
    static const char *const heads[] = {"KIND", "CREDENTIAL", "SUBJECT", "EXPIRES", "USED BY", "URI"};
    struct table t = {.columns = ELEMENTS(heads)};
    json_t *objects = NULL, *list, *item;
    size_t i;
    int r = bus_objects(c, &objects);

    if (r != 0)
        return r;
    if (c->json) {
        r = print_list(c, objects, "Credentials", "Credential");
        json_decref(objects);
        return r;
    }
    list = objects_list(objects, "Credential");
    r = list ? 0 : -1;
    for (size_t k = 0; r == 0 && k < ELEMENTS(heads); k++)
        r = table_add(&t, heads[k]);
    json_array_foreach(list, i, item)
    {
        char expires[TIME_TEXT_MAX], users[16];
        const char *id = property_text(item, "CredentialId"), *path = property_text(item, "Object");
        _cleanup_(freep) char *label = object_label(path);

        format_time(property_number(item, "NotAfter"), expires);
        snprintf(users, sizeof(users), "%zu", json_array_size(json_object_get(item, "UsedBy")));
        if (r == 0 &&
            (table_add(&t, property_text(item, "Kind")) < 0 || table_add(&t, *id ? id : label) < 0 ||
             table_add(&t, *property_text(item, "Subject") ? property_text(item, "Subject")
                                                           : property_text(item, "SubjectId")) < 0 ||
             table_add(&t, expires) < 0 || table_add(&t, users) < 0 ||
             table_add(&t, property_text(item, "Uri")) < 0))
            r = -1;
    }
    if (r == 0 && json_array_size(list) == 0)
        puts("No credentials.");
    else if (r == 0)
        table_print(&t, stdout);
    table_clear(&t);
    json_decref(list);
    json_decref(objects);
    return r == 0 ? CTL_OK : no_memory(c);
}

static int cancel_job(struct ctl *c, uint64_t number)
{
    DBusMessage *m = bus_method(ROOT_PATH, MANAGER_INTERFACE, "CancelJob");
    dbus_uint32_t id = (dbus_uint32_t)number;
    int r;

    if (m && !dbus_message_append_args(m, DBUS_TYPE_UINT32, &id, DBUS_TYPE_INVALID)) {
        dbus_message_unref(m);
        m = NULL;
    }
    r = bus_call(c, m, NULL);
    if (r != 0)
        return r;
    if (c->json)
        return ctl_print_json(c, json_pack("{s:I}", "Cancelled", (json_int_t)id));
    printf("Job %u is told to end.\n", id);
    return CTL_OK;
}

static int job_row(struct table *t, json_t *job)
{
    char id[24], bar[16 + 3], step[160], started[TIME_TEXT_MAX];
    uint64_t index = property_number(job, "StepIndex"), count = property_number(job, "StepCount");
    double fraction = property_true(job, "ProgressValid")
                          ? json_number_value(json_object_get(job, "Progress"))
                      : count ? (double)index / (double)count
                              : 0;

    snprintf(id, sizeof(id), "%llu", (unsigned long long)property_number(job, "Id"));
    format_bar(streq(property_text(job, "State"), "done") ? 1 : fraction, 16, bar);
    if (count)
        snprintf(step, sizeof(step), "%llu/%llu %s", (unsigned long long)index, (unsigned long long)count,
                 property_text(job, "Step"));
    else
        snprintf(step, sizeof(step), "%s", property_text(job, "Step"));
    format_time(property_number(job, "StartedAt"), started);
    return table_add(t, id) < 0 || table_add(t, property_text(job, "Operation")) < 0 ||
                   table_add(t, property_text(job, "State")) < 0 || table_add(t, bar) < 0 ||
                   table_add(t, started) < 0 || table_add(t, step) < 0
               ? -1
               : 0;
}

int run_jobs(struct ctl *c, const struct ctl_args *a)
{
    static const char *const heads[] = {"JOB", "OPERATION", "STATE", "PROGRESS", "STARTED", "STEP"};
    struct table t = {.columns = ELEMENTS(heads)};
    json_t *objects = NULL, *list, *item;
    size_t i;
    int r;

    if (a->given[OPTION_CANCEL])
        return cancel_job(c, a->number[OPTION_CANCEL]);
    r = bus_objects(c, &objects);
    if (r != 0)
        return r;
    if (c->json) {
        r = print_list(c, objects, "Jobs", "Job");
        json_decref(objects);
        return r;
    }
    list = objects_list(objects, "Job");
    r = list ? 0 : -1;
    for (size_t k = 0; r == 0 && k < ELEMENTS(heads); k++)
        r = table_add(&t, heads[k]);
    json_array_foreach(list, i, item) if (r == 0) r = job_row(&t, item);
    if (r == 0 && json_array_size(list) == 0)
        puts("No jobs.");
    else if (r == 0)
        table_print(&t, stdout);
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(json_array_get(json_object_get(item, "Error"), 1));
        if (r == 0 && text && *text)
            printf("job %llu: %s\n", (unsigned long long)property_number(item, "Id"), text);
    }
    table_clear(&t);
    json_decref(list);
    json_decref(objects);
    return r == 0 ? CTL_OK : no_memory(c);
}

int run_log_level(struct ctl *c, const struct ctl_args *a)
{
    const char *interface = LOG_INTERFACE, *name = "LogLevel", *level;
    DBusMessage *m;
    DBusMessageIter i, variant;
    json_t *all = NULL;
    int r;

    if (a->words == 0) {
        r = bus_properties(c, LOG_PATH, LOG_INTERFACE, &all);
        if (r != 0)
            return r;
        if (c->json)
            r = ctl_print_json(c, json_pack("{s:s}", "LogLevel", property_text(all, "LogLevel")));
        else
            puts(property_text(all, "LogLevel"));
        json_decref(all);
        return r;
    }
    level = a->word[0];
    m = bus_method(LOG_PATH, PROPERTIES_INTERFACE, "Set");
    if (m)
        dbus_message_iter_init_append(m, &i);
    if (m && (!dbus_message_iter_append_basic(&i, DBUS_TYPE_STRING, &interface) ||
              !dbus_message_iter_append_basic(&i, DBUS_TYPE_STRING, &name) ||
              !dbus_message_iter_open_container(&i, DBUS_TYPE_VARIANT, "s", &variant) ||
              !dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &level) ||
              !dbus_message_iter_close_container(&i, &variant))) {
        dbus_message_unref(m);
        m = NULL;
    }
    r = bus_call(c, m, NULL);
    if (r == 0 && c->json)
        r = ctl_print_json(c, json_pack("{s:s}", "LogLevel", level));
    return r;
}
