/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a DM session on the loop: bus there, client there, StartSession, the session itself, its end.
 * Each state has its deadline, and every way out goes through over(). Ownership: struct dm owns the sessions,
 * a session holds a reference to its errand. Thread: the loop's. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/crash.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/dm/internal.h"

#define BUS_WAIT_SEC 30u /* after a restart the bus may come later than the command out of the journal */
#define START_MS     60000
#define MARGIN_SEC_MAX                                                                                       \
    30u /* our deadline is later than devcfg-timeout, by which the client ends by itself (3.4.5) */
#define COMMIT_WAIT_SEC 30u /* an `ok` that came before the commit's answer */
#define SESSIONS_MAX    (2 * LIMIT_REGISTRATIONS)

enum state {
    WAITS_FOR_BUS,
    ASKS,   /* is the client there? */
    STARTS, /* StartSession is under way */
    RUNS,
    FINISHES, /* ok was said, a commit is not durable yet */
};

struct dm_session {
    LIST_ENTRY(dm_session) link;
    struct dm *dm;
    uint64_t id;
    struct errand *errand;
    enum state state;
    struct dm_client client;
    char *owner, *path;
    struct bus_name_question *question;
    struct bus_remote_call *call;
    struct bus_sender_watch *watch;
    sd_event_source *deadline;
    unsigned committing;
    bool committed, commit_failed;
    bool called_again;
    uint64_t called; /* CLOCK_MONOTONIC */
};

struct dm {
    struct dm_params p;
    char **clients;
    struct bus_listener *listener;
    LIST_HEAD(, dm_session) sessions;
    unsigned n;
    uint64_t last_id;
    bool connected, stopped;
};

struct post *dm_post(struct dm *d)
{
    return d->p.post;
}

static uint64_t whole_sec(const struct dm *d)
{
    uint64_t margin = d->p.timeout / 10;
    return d->p.timeout + (margin < 1 ? 1 : margin > MARGIN_SEC_MAX ? MARGIN_SEC_MAX : margin);
}

uint64_t dm_patience(const struct dm *d)
{
    return (BUS_WAIT_SEC + whole_sec(d) + COMMIT_WAIT_SEC + 120) * USEC_PER_SEC;
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static void cancel_at_client(struct dm_session *s)
{
    const struct bus_remote to = {.name = s->owner,
                                  .path = DM_PATH,
                                  .interface = DM_INTERFACE,
                                  .member = "CancelSession",
                                  .no_start = true};

    if (s->owner && s->path)
        (void)bus_remote_call(s->dm->p.bus, &to, NULL, "o", s->path);
}

static void session_free(struct dm_session *s)
{
    LIST_REMOVE(s, link);
    s->dm->n--;
    bus_name_cancel(s->question);
    bus_remote_cancel(s->call);
    bus_sender_unwatch(s->watch);
    sd_event_source_disable_unref(s->deadline);
    errand_unref(s->errand);
    free(s->owner);
    free(s->path);
    free(s);
}

/* The one way out. What is still open in the tree goes; with DM_OK that makes it a client error, since the
 * MEF would otherwise believe what is not there. */
static void over(struct dm_session *s, int result, struct mef_error *err)
{
    bool open = s->dm->p.rollback && s->dm->p.rollback(s->dm->p.ctx, s->id);

    if (result == DM_OK && s->errand->run && (open || s->commit_failed)) {
        result = DM_CLIENT_ERROR;
        (void)mef_fail(err, MEF_ERROR_FAILED, "the DM client '%s' ended well but %s", s->client.name,
                       open ? "had not committed its changes, which were rolled back"
                            : "its changes could not be committed");
    }
    errand_settle(TAKE_PTR(s->errand), result, result == DM_OK || !err ? NULL : err);
    session_free(s);
}

static void fail(struct dm_session *s, enum mef_error_word word, const char *format, ...) mef_printf(3, 4);
static void fail(struct dm_session *s, enum mef_error_word word, const char *format, ...)
{
    struct mef_error err = {0};
    char text[MEF_ERROR_TEXT_MAX];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    (void)mef_fail(&err, word, "the DM client '%s' %s", s->client.name, text);
    over(s, s->errand->run ? DM_CLIENT_ERROR : mef_error_errno(word), &err);
}

/* ---- deadlines ---------------------------------------------------------------------------------------- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *data)
{
    struct dm_session *s = data;

    switch (s->state) {
    case WAITS_FOR_BUS:
        fail(s, MEF_ERROR_DM_UNAVAILABLE, "cannot be called: the bus is not there");
        break;
    case ASKS:
    case STARTS:
        fail(s, MEF_ERROR_TIMED_OUT, "does not answer");
        break;
    case RUNS:
        cancel_at_client(s);
        fail(s, MEF_ERROR_TIMED_OUT, "has not ended its session within %llu s",
             (unsigned long long)whole_sec(s->dm));
        break;
    case FINISHES:
        fail(s, MEF_ERROR_TIMED_OUT, "ended well, but its changes do not get to the disk");
        break;
    }
    return 0;
}

static void within(struct dm_session *s, uint64_t seconds)
{
    (void)sd_event_source_set_time_relative(s->deadline, seconds * USEC_PER_SEC);
    (void)sd_event_source_set_enabled(s->deadline, SD_EVENT_ONESHOT);
}

/* ---- starting ----------------------------------------------------------------------------------------- */

static void on_owner_gone(void *ctx, const char *sender)
{
    struct dm_session *s = ctx;

    s->watch = NULL; /* freed after this */
    if (s->state == RUNS)
        fail(s, MEF_ERROR_DM_UNAVAILABLE, "left the bus in the middle of its session");
}

static void start(struct dm_session *s);

static void on_started(void *ctx, const struct bus_answer *a)
{
    struct dm_session *s = ctx;

    s->call = NULL;
    /* A client that is started by the bus may have been about to leave when the call reached it: the bus then
     * answers at once that there will be no reply, and starts it again for the next call. */
    if (a->r == -ETIMEDOUT && !s->called_again &&
        now_monotonic() - s->called < START_MS / 2 * USEC_PER_MSEC) {
        s->called_again = true;
        return start(s);
    }
    if (a->r < 0)
        return fail(s, MEF_ERROR_DM_UNAVAILABLE, "('%s') began no session: %.300s", s->client.bus_name,
                    a->err->text[0] ? a->err->text : strerror(-a->r));
    const char *path = a->arg[0].s;
    if (streq(path, "/") || dm_session_find(s->dm, a->sender, path))
        return fail(s, MEF_ERROR_DM_UNAVAILABLE,
                    "named its session '%.200s', which names none or another one", path);
    s->owner = strdup(a->sender);
    s->path = strdup(path);
    if (!s->owner || !s->path || bus_sender_watch(s->dm->p.bus, s->owner, on_owner_gone, s, &s->watch) < 0)
        return fail(s, MEF_ERROR_FAILED, "cannot be watched");
    s->state = RUNS;
    CRASH_POINT(DM_STARTED);
    within(s, whole_sec(s->dm));
}

static int add_path(struct bus_dict *options, const char *key, char *path)
{
    if (!path || !*path || streq(path, "/")) {
        free(path);
        return 0;
    }
    options->item[options->n].key = strdup(key);
    options->item[options->n].value = (struct bus_value){.sig = "o", .s = path};
    return options->item[options->n++].key ? 0 : -ENOMEM;
}

static int add_number(struct bus_dict *options, const char *key, uint64_t u)
{
    options->item[options->n].key = strdup(key);
    options->item[options->n].value = (struct bus_value){.sig = "u", .u = u > UINT32_MAX ? UINT32_MAX : u};
    return options->item[options->n++].key ? 0 : -ENOMEM;
}

static int add_word(struct bus_dict *options, const char *key, const char *word)
{
    options->item[options->n].key = strdup(key);
    options->item[options->n].value = (struct bus_value){.sig = "s", .s = strdup(word)};
    const struct bus_entry *at = &options->item[options->n++];
    return at->key && at->value.s ? 0 : -ENOMEM;
}

/* What the client is told beside whom to talk to; never a secret. */
static int make_options(struct dm_session *s, struct bus_dict *ret)
{
    const struct dm_params *p = &s->dm->p;
    int r;

    ret->item = calloc(5, sizeof *ret->item);
    if (!ret->item)
        return -ENOMEM;
    r = add_number(ret, "Timeout", p->timeout);
    if (r == 0)
        r = add_number(ret, "Idle", p->idle);
    if (r == 0 && p->lwm2m)
        r = add_word(ret, "LwM2M", p->lwm2m);
    if (r == 0 && p->registration)
        r = add_path(ret, "Registration", p->registration(p->ctx, s->errand->node));
    if (r == 0 && p->credential)
        r = add_path(ret, "Credential", p->credential(p->ctx, s->errand->node));
    return r;
}

static void start(struct dm_session *s)
{
    struct bus_dict options = {0};
    const struct errand *e = s->errand;
    const struct bus_remote to = {.name = s->client.bus_name,
                                  .path = DM_PATH,
                                  .interface = DM_INTERFACE,
                                  .member = "StartSession",
                                  .out = "o",
                                  .timeout_ms = START_MS,
                                  .done = on_started,
                                  .ctx = s};
    int r = make_options(s, &options);

    s->called = now_monotonic();
    if (r == 0)
        r = bus_remote_call(s->dm->p.bus, &to, &s->call, "ussa{sv}", e->protocol, e->uri, e->fqdn, &options);
    bus_dict_clear(&options);
    if (r < 0)
        return fail(s, MEF_ERROR_DM_UNAVAILABLE, "('%s') cannot be called: %s", s->client.bus_name,
                    strerror(-r));
    s->state = STARTS;
    within(s, START_MS / 1000 + 10);
}

static void on_there(void *ctx, bool there)
{
    struct dm_session *s = ctx;

    s->question = NULL;
    if (there || bus_unique_name(s->dm->p.bus))
        return over(s, there, NULL);
    fail(s, MEF_ERROR_DM_UNAVAILABLE, "cannot be looked for: the bus went away");
}

/* Both kinds of errands begin here, once the bus is there. */
static void begin(struct dm_session *s)
{
    if (s->errand->run)
        return start(s);
    if (!s->client.built_in)
        return over(s, 1, NULL);
    s->state = ASKS;
    within(s, 60);
    if (bus_name_there(s->dm->p.bus, s->client.bus_name, on_there, s, &s->question) < 0)
        over(s, 0, NULL);
}

void dm_take(struct dm *d, struct errand *e)
{
    struct mef_error err = {0};
    struct dm_session *s = calloc(1, sizeof *s);

    if (s && !dm_client_find(d->clients, e->protocol, &s->client)) {
        free(s);
        return errand_settle(e, e->run ? DM_CLIENT_ERROR : 0, NULL);
    }
    if (!s || d->stopped || d->n >= SESSIONS_MAX ||
        sd_event_add_time_relative(d->p.event, &s->deadline, CLOCK_BOOTTIME, BUS_WAIT_SEC * USEC_PER_SEC, 0,
                                   on_deadline, s) < 0) {
        free(s);
        (void)mef_fail(&err, MEF_ERROR_LIMIT_EXCEEDED, "no more DM sessions can be begun");
        return errand_settle(e, e->run ? DM_CLIENT_ERROR : -ENOBUFS, &err);
    }
    s->dm = d;
    s->id = ++d->last_id;
    s->errand = e;
    LIST_INSERT_HEAD(&d->sessions, s, link);
    d->n++;
    if (d->connected)
        begin(s);
}

void dm_abandon(struct dm *d, const struct errand *e)
{
    struct dm_session *s;

    LIST_FOREACH(s, &d->sessions, link)
    if (s->errand == e) {
        struct mef_error err = {0};
        cancel_at_client(s);
        (void)mef_fail(&err, MEF_ERROR_CANCELLED, "the session was cancelled");
        return over(s, DM_CLIENT_ERROR, &err);
    }
}

void dm_bus_state(struct dm *d, bool connected)
{
    struct dm_session *s, *next;

    if (!d || d->connected == connected)
        return;
    d->connected = connected;
    /* begin() takes at most the session itself out of the list. */
    for (s = connected ? LIST_FIRST(&d->sessions) : NULL; s; s = next) {
        next = LIST_NEXT(s, link);
        if (s->state == WAITS_FOR_BUS)
            begin(s);
    }
}

/* ---- ending ------------------------------------------------------------------------------------------- */

static void finish_well(struct dm_session *s)
{
    struct mef_error err = {0};

    if (s->committing == 0)
        return over(s, DM_OK, &err);
    s->state = FINISHES;
    within(s, COMMIT_WAIT_SEC);
}

static void on_finished(void *ctx, const char *sender, const char *path, const struct bus_value *arg,
                        size_t n)
{
    struct dm_session *s = dm_session_find(ctx, sender, arg[0].s);
    const char *outcome = arg[1].s;
    struct mef_error err = {0};

    if (!s)
        return; /* a stranger's, or of a session that is over */
    if (streq(outcome, "ok"))
        return finish_well(s);
    bool server = streq(outcome, "server-error");
    (void)mef_fail(&err, server ? MEF_ERROR_SERVER_REJECTED : MEF_ERROR_FAILED,
                   "the DM client '%s' ended with '%.32s' (%u): %.300s", s->client.name, outcome,
                   (unsigned)arg[2].u, arg[3].s);
    over(s, server ? DM_SERVER_ERROR : DM_CLIENT_ERROR, &err);
}

/* ---- what the tree asks ------------------------------------------------------------------------------- */

struct dm_session *dm_session_find(struct dm *d, const char *sender, const char *path)
{
    struct dm_session *s;

    if (!d)
        return NULL;
    LIST_FOREACH(s, &d->sessions, link)
    if (s->state == RUNS && streq0(s->owner, sender) && streq0(s->path, path))
        return s;
    return NULL;
}

bool dm_has_session(const struct dm *d, const char *sender)
{
    const struct dm_session *s;

    if (!d)
        return false;
    LIST_FOREACH(s, &d->sessions, link)
    if (streq0(s->owner, sender))
        return true;
    return false;
}

uint64_t dm_session_id(const struct dm_session *s)
{
    return s->id;
}

const char *dm_session_node(const struct dm_session *s)
{
    return s->errand->node;
}

bool dm_session_committed(const struct dm_session *s)
{
    return s->committed || s->committing > 0;
}

static struct dm_session *by_id(struct dm *d, uint64_t id)
{
    struct dm_session *s;

    LIST_FOREACH(s, &d->sessions, link)
    if (s->id == id)
        return s;
    return NULL;
}

void dm_session_commit_begins(struct dm *d, uint64_t session)
{
    struct dm_session *s = by_id(d, session);

    if (s)
        s->committing++;
}

void dm_session_commit_ended(struct dm *d, uint64_t session, int r)
{
    struct dm_session *s = by_id(d, session);
    struct mef_error err = {0};

    if (!s)
        return;
    s->committing--;
    s->committed |= r == 0;
    s->commit_failed = r < 0;
    if (s->state == FINISHES && s->committing == 0)
        over(s, DM_OK, &err);
}

/* ---- life --------------------------------------------------------------------------------------------- */

int dm_new(const struct dm_params *p, struct dm **ret)
{
    struct dm *d = calloc(1, sizeof *d);

    if (!d)
        return -ENOMEM;
    d->p = *p;
    d->p.clients = NULL;
    LIST_INIT(&d->sessions);
    if ((p->clients && !(d->clients = strv_copy(p->clients))) ||
        bus_listen(p->bus, DM_INTERFACE, "SessionFinished", "osus", on_finished, d, &d->listener) < 0) {
        dm_free(d);
        return -ENOMEM;
    }
    d->connected = bus_connected(p->bus);
    *ret = d;
    return 0;
}

void dm_stop(struct dm *d)
{
    if (!d)
        return;
    d->stopped = true;
    while (!LIST_EMPTY(&d->sessions)) {
        struct mef_error err = {0};
        cancel_at_client(LIST_FIRST(&d->sessions));
        (void)mef_fail(&err, MEF_ERROR_CANCELLED, "the plugin is stopping");
        over(LIST_FIRST(&d->sessions), DM_CLIENT_ERROR, &err);
    }
}

void dm_free(struct dm *d)
{
    if (!d)
        return;
    dm_stop(d);
    bus_unlisten(d->listener);
    strv_free(d->clients);
    free(d);
}
