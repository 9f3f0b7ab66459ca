/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operator events -> journald by sd_journal_sendv, with MESSAGE_ID and the fields of interfaces.md 5; on a
 * console one line each. With target auto the journal is taken when its socket is there. Thread: any; the
 * journal socket is a datagram send, which does not wait for a reader. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "plugin/events.h"

#include <stdio.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "plugin/base/cleanup.h"
#include "plugin/base/str.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define IDENTIFIER     "mefclient"

static const struct {
    const char *name, *id;
    int level;
} table[EVENT_MAX_] = {
#define X(name, level, id, text) [EVENT_##name] = {#name, id, level},
#include "plugin/base/events.def"
#undef X
};

const char *event_name(enum event_id id)
{
    return id < EVENT_MAX_ ? table[id].name : "UNKNOWN";
}

const char *event_message_id(enum event_id id)
{
    return id < EVENT_MAX_ ? table[id].id : "";
}

int event_level(enum event_id id)
{
    return id < EVENT_MAX_ ? table[id].level : LOG_ERR;
}

/* A field is "NAME=value"; returns whether one was added. */
static bool field(struct iovec *v, char **owned, const char *name, const char *value)
{
    char *s = NULL;

    if (!value || asprintf(&s, "%s=%s", name, value) < 0)
        return false;
    *owned = s;
    *v = (struct iovec){.iov_base = s, .iov_len = strlen(s)};
    return true;
}

static void to_journal(const struct event *e)
{
    char priority[8], job[16];
    (void)snprintf(priority, sizeof priority, "%d", event_level(e->id));
    (void)snprintf(job, sizeof job, "%u", e->job);
    const struct {
        const char *name, *value;
    } fields[] = {
        {"MESSAGE", e->message},
        {"MESSAGE_ID", event_message_id(e->id)},
        {"PRIORITY", priority},
        {"SYSLOG_IDENTIFIER", IDENTIFIER},
        {"MEF_EVENT", event_name(e->id)},
        {"MEF_FQDN", e->fqdn},
        {"MEF_REGISTRATION", e->registration},
        {"MEF_CMD_ID", e->cmd_id},
        {"MEF_CMD_CLASS", e->cmd_class},
        {"MEF_STATUS", e->status},
        {"MEF_JOB", e->job ? job : NULL},
        {"MEF_TRANSACTION_ID", e->transaction},
        {"MEF_NODE", e->node},
        {"MEF_TOKEN", e->token},
        {"MEF_ERROR", e->error},
    };
    struct iovec v[ELEMENTS(fields)];
    char *owned[ELEMENTS(fields)];
    int n = 0;

    for (size_t i = 0; i < ELEMENTS(fields); i++)
        if (field(&v[n], &owned[n], fields[i].name, fields[i].value))
            n++;
    (void)sd_journal_sendv(v, n);
    for (int i = 0; i < n; i++)
        free(owned[i]);
}

static void to_console(const struct event *e)
{
    char when[32] = "", line[1024];
    time_t now = time(NULL);
    struct tm tm;

    if (gmtime_r(&now, &tm))
        (void)strftime(when, sizeof when, "%H:%M:%S", &tm);
    int n =
        snprintf(line, sizeof line, "%s %s: %s%s%s%s\n", when, IDENTIFIER, e->message,
                 e->transaction ? " [" : "", e->transaction ? e->transaction : "", e->transaction ? "]" : "");
    if (n > 0 && write(STDERR_FILENO, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1) < 0)
        return; /* a console that is gone must not end a gateway */
}

static void emit(void *ctx, const struct event *e)
{
    struct events *ev = ctx;
    unsigned target = atomic_load(&ev->target);

    if ((unsigned)event_level(e->id) > atomic_load(&ev->level))
        return;
    if (target == LOG_TARGET_AUTO)
        target = access(JOURNAL_SOCKET, F_OK) == 0 ? LOG_TARGET_JOURNAL : LOG_TARGET_CONSOLE;
    if (target == LOG_TARGET_JOURNAL)
        to_journal(e);
    else
        to_console(e);
}

void events_init(struct events *ev)
{
    atomic_init(&ev->level, LOG_INFO);
    atomic_init(&ev->target, LOG_TARGET_AUTO);
}

struct event_sink events_sink(struct events *ev)
{
    return (struct event_sink){.ctx = ev, .emit = emit};
}
