/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `mefctl timeline`: the entries of one transaction out of systemd's journal. A program of its own may read
 * files, so this reads the journal itself and asks nobody. What it gets is cleaned at once: any local process
 * may write under our name. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/str.h"

#define JOURNAL_VARIABLE "MEFCLIENT_JOURNAL"
#define OURS             "SYSLOG_IDENTIFIER=mefclient"
#define FIELD            "MEF_TRANSACTION_ID"
#define ID_MAX           128   /* ours have 16 digits */
#define ENTRIES_MAX      10000 /* a registration that was retried for months */

static void closej(sd_journal **j)
{
    sd_journal_close(*j);
}

/* One field of the entry as text, malloc'ed; NULL when it has none. */
static char *field(sd_journal *j, const char *name)
{
    const void *data;
    size_t len, skip = strlen(name) + 1;
    char *s;

    if (sd_journal_get_data(j, name, &data, &len) < 0 || len < skip)
        return NULL;
    s = strndup((const char *)data + skip, len - skip);
    if (s)
        str_make_printable(s);
    return s;
}

/* ---- what can be read at all -------------------------------------------------------------------------- */

enum sight { NOTHING_THERE, CLOSED, OPEN };

/* Journal files below a directory, one level deep as journald lays them out. */
static enum sight look(const char *path, bool deeper)
{
    enum sight seen = NOTHING_THERE;
    DIR *d = opendir(path);
    struct dirent *e;

    if (!d)
        return errno == EACCES || errno == EPERM ? CLOSED : NOTHING_THERE;
    while (seen != CLOSED && (e = readdir(d))) {
        char below[PATH_MAX];
        const char *end = strrchr(e->d_name, '.');
        if (e->d_name[0] == '.' ||
            snprintf(below, sizeof(below), "%s/%s", path, e->d_name) >= (int)sizeof(below))
            continue;
        enum sight s = end && streq(end, ".journal") ? (access(below, R_OK) == 0 ? OPEN : CLOSED)
                       : deeper                      ? look(below, false)
                                                     : NOTHING_THERE;
        if (s != NOTHING_THERE)
            seen = s;
    }
    closedir(d);
    return seen;
}

/* Nothing was found: why. A file that may not be read may hold it. */
static int explain(struct ctl *c, const char *transaction)
{
    const char *directory = getenv(JOURNAL_VARIABLE);
    enum sight a = look(directory ? directory : "/run/log/journal", true);
    enum sight b = directory ? NOTHING_THERE : look("/var/log/journal", true);

    if (a == CLOSED || b == CLOSED)
        return ctl_fail(
            c, CTL_NOT_AUTHORIZED, "NotAuthorized",
            "you may not read the whole journal; do it as root or as a member of the group systemd-journal");
    if (a == NOTHING_THERE && b == NOTHING_THERE)
        return ctl_fail(c, CTL_NO_SERVICE, "NoJournal",
                        "there is no journal %s%s; without systemd-journald the events are in the log of the "
                        "program that has loaded mefclient",
                        directory ? "in " : "on this machine", directory ? directory : "");
    if (transaction)
        return ctl_fail(
            c, CTL_NOT_FOUND, "NotFound",
            "the journal has nothing of transaction '%s'; see which it has with: journalctl -t mefclient -o "
            "verbose",
            transaction);
    return ctl_fail(
        c, CTL_NOT_FOUND, "NotFound",
        "the journal has no transaction of mefclient; is the log target the journal, and the level 'info'?");
}

/* ---- reading ------------------------------------------------------------------------------------------ */

/* The transaction of the last entry that has a sensible one. 1 found, 0 none, negative errno. */
static int find_last(sd_journal *j, char **ret)
{
    int r = sd_journal_seek_tail(j);

    while (r >= 0 && (r = sd_journal_previous(j)) > 0) {
        const size_t skip = sizeof(FIELD "=") - 1;
        const void *data;
        size_t len;
        if (sd_journal_get_data(j, FIELD, &data, &len) < 0 || len <= skip || len - skip > ID_MAX ||
            !str_text_valid((const char *)data + skip, len - skip))
            continue;
        *ret = strndup((const char *)data + skip, len - skip);
        return *ret ? 1 : -ENOMEM;
    }
    return r;
}

/* Time between two entries: by the monotonic clock of one boot, which nobody sets, else by the wall clock. */
struct moment {
    uint64_t wall, monotonic;
    sd_id128_t boot;
};

static uint64_t elapsed(const struct moment *then, const struct moment *now)
{
    if (then->wall == 0)
        return 0;
    if (sd_id128_equal(then->boot, now->boot))
        return now->monotonic > then->monotonic ? now->monotonic - then->monotonic : 0;
    return now->wall > then->wall ? now->wall - then->wall : 0;
}

static json_t *read_entry(sd_journal *j, const struct moment *then, const struct moment *now)
{
    static const char *const names[] = {"MESSAGE",    "MEF_EVENT",     "MEF_FQDN",   "MEF_REGISTRATION",
                                        "MEF_CMD_ID", "MEF_CMD_CLASS", "MEF_STATUS", "MEF_JOB",
                                        "MEF_NODE",   "MEF_ERROR"};
    json_t *e =
        json_pack("{s:I, s:I}", "Time", (json_int_t)now->wall, "Elapsed", (json_int_t)elapsed(then, now));

    for (size_t i = 0; e && i < ELEMENTS(names); i++) {
        _cleanup_(freep) char *s = field(j, names[i]);
        if (s && json_object_set_new(e, names[i], json_string(s)) < 0) {
            json_decref(e);
            return NULL;
        }
    }
    return e;
}

/* All entries of the transaction, in their order. Negative errno. */
static int read_all(sd_journal *j, const char *transaction, json_t *list)
{
    struct moment then = {0}, now;
    char match[sizeof(FIELD "=") + ID_MAX];
    int r;

    if (snprintf(match, sizeof(match), FIELD "=%s", transaction) >= (int)sizeof(match))
        return 0; /* no identifier of ours is so long */
    r = sd_journal_add_match(j, match, 0);
    if (r >= 0)
        r = sd_journal_seek_head(j);
    while (r >= 0 && json_array_size(list) < ENTRIES_MAX && (r = sd_journal_next(j)) > 0) {
        r = sd_journal_get_realtime_usec(j, &now.wall);
        if (r >= 0)
            r = sd_journal_get_monotonic_usec(j, &now.monotonic, &now.boot);
        if (r >= 0)
            r = json_array_append_new(list, read_entry(j, &then, &now)) < 0 ? -ENOMEM : 0;
        then = now;
    }
    return r < 0 ? r : 0;
}

static int open_journal(sd_journal **ret)
{
    const char *directory = getenv(JOURNAL_VARIABLE);
    int r = directory ? sd_journal_open_directory(ret, directory, 0)
                      : sd_journal_open(ret, SD_JOURNAL_LOCAL_ONLY);

    return r < 0 ? r : sd_journal_add_match(*ret, OURS, 0);
}

static int show(struct ctl *c, const char *transaction, json_t *entries)
{
    json_t *timeline = timeline_make(transaction, entries);

    if (!timeline)
        return ctl_fail(c, CTL_FAILED, "NoMemory", "out of memory");
    if (c->json)
        return ctl_print_json(c, timeline);
    timeline_draw(timeline, c->utf8, stdout);
    if (json_array_size(entries) == ENTRIES_MAX)
        printf("(what comes behind the first %d entries is not shown)\n", ENTRIES_MAX);
    json_decref(timeline);
    return CTL_OK;
}

int run_timeline(struct ctl *c, const struct ctl_args *a)
{
    _cleanup_(closej) sd_journal *j = NULL;
    _cleanup_(freep) char *last = NULL;
    const char *transaction = a->words ? a->word[0] : NULL;
    json_t *entries = json_array();
    int r = entries ? open_journal(&j) : -ENOMEM;

    if (r >= 0 && !transaction) {
        r = find_last(j, &last);
        transaction = last;
    }
    if (r >= 0 && transaction)
        r = read_all(j, transaction, entries);
    if (r < 0 && r != -ENOENT && r != -EACCES && r != -EPERM)
        r = ctl_fail(c, CTL_FAILED, "Failed", "the journal%s%s cannot be read: %s",
                     getenv(JOURNAL_VARIABLE) ? " in " : "",
                     getenv(JOURNAL_VARIABLE) ? getenv(JOURNAL_VARIABLE) : "", strerror(-r));
    else if (json_array_size(entries) == 0)
        r = explain(c, a->words ? transaction : NULL);
    else
        r = show(c, transaction, entries);
    json_decref(entries);
    return r;
}
