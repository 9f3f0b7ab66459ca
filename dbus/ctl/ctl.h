/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mefctl: what its files share. A program of its own that only speaks to the bus: blocking libdbus calls with
 * deadlines are fine here. Thread: one. Everything read from the bus becomes a json_t, which is what `--json`
 * prints and what the tables are drawn from. */
#pragma once

#include <dbus/dbus.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "plugin/base/cleanup.h"

#define BUS_NAME             "org.mefclient1"
#define ROOT_PATH            "/org/mefclient1"
#define TREE_PATH            "/org/mefclient1/mo"
#define LOG_PATH             "/org/freedesktop/LogControl1"
#define MANAGER_INTERFACE    "org.mefclient1.Manager"
#define TREE_INTERFACE       "org.mefclient1.Tree"
#define LOG_INTERFACE        "org.freedesktop.LogControl1"
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define ERROR_PREFIX         "org.mefclient1.Error."

/* Exit codes (interfaces.md 4). */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1, /* an operation or a job failed */
    CTL_USAGE = 2,
    CTL_NO_SERVICE = 3, /* no bus, or nobody owns the name */
    CTL_NOT_AUTHORIZED = 4,
    CTL_NOT_FOUND = 5,
    CTL_TIMED_OUT = 6,
};

/* ---- command line (options.c) ------------------------------------------------------------------------- */

enum ctl_option {
    OPTION_BUS,
    OPTION_JSON,
    OPTION_NO_WAIT,
    OPTION_TIMEOUT,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_HTTP_PORT,
    OPTION_COAP_PORT,
    OPTION_WEBSOCKET_PORT,
    OPTION_KPM_ID,
    OPTION_CERT_FINGERPRINT,
    OPTION_TRUST_ANCHOR,
    OPTION_NAME,
    OPTION_EXPIRES,
    OPTION_LABEL,
    OPTION_CANCEL,
    OPTION_MAX_
};

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_PORT, OPTION_NUMBER, OPTION_SECONDS, OPTION_LIST };

struct option_row {
    enum ctl_option id;
    const char *name; /* without the dashes */
    enum option_kind kind;
    const char *argument; /* as help shows it */
    const char *help;
};

#define CTL_LABELS_MAX 32

struct ctl;
struct ctl_command;

struct ctl_args {
    const struct ctl_command *command; /* NULL: none was given */
    char **word;                       /* what is neither option nor command; points into argv */
    size_t words;
    bool given[OPTION_MAX_];
    const char *text[OPTION_MAX_]; /* not of flags */
    uint64_t number[OPTION_MAX_];  /* of ports, numbers and seconds */
    const char *labels[CTL_LABELS_MAX];
    size_t n_labels;
};

struct ctl_command {
    const char *name;
    const char *words;              /* as help shows them */
    size_t min, max;                /* number of words */
    const enum ctl_option *options; /* beside the global ones; ends in OPTION_MAX_; may be NULL */
    int (*run)(struct ctl *c, const struct ctl_args *a); /* an exit code */
    const char *help;
};

extern const struct ctl_command ctl_commands[]; /* commands.c; the last one has no name */
extern const struct option_row ctl_options[OPTION_MAX_];

/* Sorts argv out. `room` holds argc pointers for the words. 0, or -EINVAL with one sentence in `why`. */
int options_parse(int argc, char **argv, char **room, struct ctl_args *ret, char *why, size_t why_size);
void options_help(FILE *to);

/* ---- the running program ------------------------------------------------------------------------------ */

struct ctl {
    const char *bus; /* NULL: the system bus */
    bool json, no_wait;
    bool tty;          /* stderr is a terminal: progress bars */
    bool utf8;         /* stdout may draw lines */
    uint64_t deadline; /* CLOCK_MONOTONIC; DEADLINE_NONE without --timeout */
    DBusConnection *conn;
};

int ctl_main(int argc, char **argv); /* the exit code */
/* One sentence on stderr and, with --json, one object on stdout. Returns `code`. */
int ctl_fail(struct ctl *c, enum ctl_exit code, const char *error, const char *format, ...) mef_printf(4, 5);
/* Prints one JSON object (a line) and drops the reference. CTL_OK or CTL_FAILED. */
int ctl_print_json(struct ctl *c, json_t *value);

/* ---- bus (bus.c) -------------------------------------------------------------------------------------- */

int bus_open(struct ctl *c); /* 0 or an exit code, said already */
void bus_close(struct ctl *c);
/* The exit code that an error name means. Pure. */
enum ctl_exit bus_exit_code(const char *error_name);
/* A method call to the service; NULL when out of memory. Arguments are valid D-Bus text, checked before. */
DBusMessage *bus_method(const char *path, const char *interface, const char *member);
/* Sends (and unrefs) `m`, waits for the answer. 0 or an exit code, said already. `ret` may be NULL. */
int bus_call(struct ctl *c, DBusMessage *m, DBusMessage **ret);
/* As bus_call, but an error is not said: its name and text come back. */
int bus_try(struct ctl *c, DBusMessage *m, DBusMessage **ret, char **ret_name, char **ret_text);
/* All objects: { path: { interface: { property: value } } }. */
int bus_objects(struct ctl *c, json_t **ret);
/* Properties of one interface. */
int bus_properties(struct ctl *c, const char *path, const char *interface, json_t **ret);
/* Signals of the service, and the coming and going of its name, from now on. */
int bus_subscribe(struct ctl *c);
/* Milliseconds that a wait may take, at most `cap`; 0 when --timeout is over. */
int bus_left_ms(const struct ctl *c, int cap);

/* ---- values (value.c) --------------------------------------------------------------------------------- */

/* The value under the iterator. Byte arrays become lower-case hex, structs arrays, variants their content.
 * NULL when out of memory. */
json_t *value_read(DBusMessageIter *i);
json_t *value_arguments(DBusMessage *m); /* all arguments, an array */

/* Entries of an a{sv} that is open for writing. false when out of memory. */
bool value_put(DBusMessageIter *dict, const char *key, int type, const void *value);
bool value_put_list(DBusMessageIter *dict, const char *key, const char *const *items, size_t n);

/* ---- objects (objects.c) ------------------------------------------------------------------------------ */

/* Interface `name` (without "org.mefclient1.") of an object, or NULL. Borrowed. */
json_t *object_interface(json_t *objects, const char *path, const char *name);
const char *property_text(json_t *interface, const char *name); /* "" when absent */
uint64_t property_number(json_t *interface, const char *name);  /* 0 when absent */
bool property_true(json_t *interface, const char *name);
/* The paths that have interface `name`, sorted; an array of strings, owned by the caller. */
json_t *objects_with(json_t *objects, const char *name);
/* The properties of interface `name` of each object that has it, with the path as "Object". */
json_t *objects_list(json_t *objects, const char *name);

/* The node that a person means: bus path, objectPath in any form, TYPE/NAME, or a NAME that only one node
 * has. 0; CTL_NOT_FOUND; CTL_FAILED when several fit. `ret` is borrowed; `why` gets a sentence. */
int objects_find_node(json_t *objects, const char *what, const char **ret, char *why, size_t why_size);
/* The registration: bus path, label, or FQDN of only one. */
int objects_find_registration(json_t *objects, const char *what, const char **ret, char *why,
                              size_t why_size);
/* Asks the service and finds with one of these. 0 or an exit code, said already; *ret is malloc'ed. */
int ctl_find(struct ctl *c, const char *what,
             int (*finder)(json_t *, const char *, const char **, char *, size_t), char **ret); /* do.c */
/* The last part of a bus path with _xx turned back, malloc'ed. */
char *object_label(const char *path);

/* ---- text (format.c), pure ---------------------------------------------------------------------------- */

#define TIME_TEXT_MAX 64
/* "2026-11-24 22:12:16" in local time; "-" for 0. */
void format_time(uint64_t usec, char buf[TIME_TEXT_MAX]);
/* "in 2 min", "3 s ago", "now"; "-" for 0. */
void format_relative(uint64_t usec, uint64_t now, char buf[TIME_TEXT_MAX]);
/* "[####......]" of `width` cells; fraction is clamped to 0..1; buf holds width + 3. */
void format_bar(double fraction, unsigned width, char *buf);
/* One value or the members of an object on one line: `a=1 b="x y" c=1,2`. malloc'ed; NULL = out of memory. */
char *format_value(const json_t *v);
/* Characters, not octets. */
size_t format_width(const char *utf8);

/* A table whose columns are as wide as they must be. */
struct table {
    size_t columns;
    char **cell;
    size_t n;
};
int table_add(struct table *t, const char *text); /* copies; NULL and "" become "-" */
void table_print(const struct table *t, FILE *to);
void table_clear(struct table *t);

/* Times that a person types after --expires: m2m timestamp, YYYY-MM-DD[ HH:MM[:SS]] (UTC), xs:duration or
 * seconds from `now`. -EINVAL; -ERANGE when not after now. */
int parse_expires(const char *s, int64_t now, uint64_t *ret);

/* The MO tree as text. `utf8` chooses the lines. */
int tree_draw(json_t *objects, bool utf8, FILE *to); /* tree.c */
int tree_graph(json_t *objects, FILE *to);           /* the same as Graphviz dot */

/* One transaction, out of journal entries with "Time" (microseconds), "Elapsed" since the one before, and the
 * fields of docs/events.md that they have; NULL when out of memory. Then drawn. Both pure (timeline.c). */
json_t *timeline_make(const char *transaction, json_t *entries);
void timeline_draw(json_t *timeline, bool utf8, FILE *to);

/* ---- waiting for a job (job.c) ------------------------------------------------------------------------ */

/* Waits until the job has ended, showing its steps (not with --json). bus_subscribe() came before the call
 * that made it. `ret` gets its last known properties with "Result". An exit code, said already. */
int job_wait(struct ctl *c, const char *job, json_t **ret);
/* What an (oo) or (o) answer leads to: with --no-wait prints, else waits. `result` is given to --json. */
int job_follow(struct ctl *c, const char *job, json_t *result, const char *done_text);

/* ---- commands ----------------------------------------------------------------------------------------- */

int run_status(struct ctl *c, const struct ctl_args *a); /* show.c */
int run_registrations(struct ctl *c, const struct ctl_args *a);
int run_credentials(struct ctl *c, const struct ctl_args *a);
int run_jobs(struct ctl *c, const struct ctl_args *a);
int run_log_level(struct ctl *c, const struct ctl_args *a);
int run_tree(struct ctl *c, const struct ctl_args *a); /* tree.c */
int run_graph(struct ctl *c, const struct ctl_args *a);
int run_add(struct ctl *c, const struct ctl_args *a); /* do.c */
int run_poll(struct ctl *c, const struct ctl_args *a);
int run_delete(struct ctl *c, const struct ctl_args *a);
int run_process(struct ctl *c, const struct ctl_args *a);
int run_import(struct ctl *c, const struct ctl_args *a); /* transfer.c */
int run_export(struct ctl *c, const struct ctl_args *a);
int run_watch(struct ctl *c, const struct ctl_args *a); /* watch.c */
int run_timeline(struct ctl *c, const struct ctl_args *a); /* timeline-journal.c */
int run_login(struct ctl *c, const struct ctl_args *a); /* secret.c */
int run_logout(struct ctl *c, const struct ctl_args *a);
int run_set_key(struct ctl *c, const struct ctl_args *a);
