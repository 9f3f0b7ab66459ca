/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.freedesktop.LogControl1 (design.md 5): level and target of the journal at run time. Thread: the loop's.
 */
#include <stdio.h>
#include <syslog.h>

#include "plugin/base/str.h"
#include "plugin/engine-private.h"

enum log_property { LOG_P_LEVEL, LOG_P_TARGET, LOG_P_IDENTIFIER };

static const char *const levels[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
static const char *const targets[] = {
    [LOG_TARGET_AUTO] = "auto", [LOG_TARGET_JOURNAL] = "journal", [LOG_TARGET_CONSOLE] = "console"};

static int get_log(void *object, const struct bus_property *p, struct bus_writer *w)
{
    struct engine *e = object;

    if (p->aux == LOG_P_LEVEL)
        bus_write_s(w, levels[atomic_load(&e->events.level) % ELEMENTS(levels)]);
    else if (p->aux == LOG_P_TARGET)
        bus_write_s(w, targets[atomic_load(&e->events.target) % ELEMENTS(targets)]);
    else
        bus_write_s(w, "mefclient");
    return 0;
}

/* The property and its words, for a person who has used another one. */
static int refuse(const struct bus_property *p, const char *const *words, size_t n, const char *wanted,
                  struct mef_error *reterr)
{
    char list[96] = "";

    for (size_t i = 0, len = 0; i < n && len < sizeof list; i++)
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", words[i]);
    return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s' cannot be '%s'; use one of %s", p->name,
                    wanted, list);
}

static int set_log(struct bus_call *call, const struct bus_property *p, const struct bus_value *value,
                   struct mef_error *reterr)
{
    struct engine *e = bus_call_object(call);
    bool level = p->aux == LOG_P_LEVEL;
    const char *const *words = level ? levels : targets;
    size_t n = level ? ELEMENTS(levels) : ELEMENTS(targets), i = 0;

    while (i < n && !streq(words[i], value->s))
        i++;
    if (i == n)
        return refuse(p, words, n, value->s, reterr);
    atomic_store(level ? &e->events.level : &e->events.target, (unsigned)i);
    return 0;
}

static const struct bus_property properties[] = {
    {"LogLevel", "s", BUS_EMITS_FALSE, get_log, set_log, BUS_ACTION("configure"), LOG_P_LEVEL},
    {"LogTarget", "s", BUS_EMITS_FALSE, get_log, set_log, BUS_ACTION("configure"), LOG_P_TARGET},
    {"SyslogIdentifier", "s", BUS_EMITS_CONST, get_log, .aux = LOG_P_IDENTIFIER},
    {NULL},
};

const struct bus_interface log_interface = {.name = "org.freedesktop.LogControl1", .properties = properties};

int log_export(struct engine *e)
{
    static const struct bus_interface *const interfaces[] = {&log_interface, NULL};
    return bus_object_add(e->bus, "/org/freedesktop/LogControl1", interfaces, e, &e->log_object);
}
