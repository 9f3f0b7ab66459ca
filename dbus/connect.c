/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection: open, Hello, name, loss and return (style-anchors D4 rules 1 to 5). Everything after the
 * connect(2) of a local socket is asynchronous, so a bus that takes the connection and never answers holds up
 * nothing. All state lives outside of the connection and is exported by look-up, so there is nothing to
 * export again after a loss. Ownership: struct bus owns all. Thread: the loop's. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "dbus/internal.h"
#include "plugin/base/cancel.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"

#define BACKOFF_MAX 60u
#define HELLO_WAIT                                                                                           \
    30u /* seconds, doubled at each silence: each attempt may use up a slot of a hung listener */
#define HELLO_MAX  3600u
#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"

static void connect_now(struct bus *b);
static void ask_name(struct bus *b);

static void tell(struct bus *b, enum event_id id, const char *format, const char *a, const char *c)
{
    struct event e = {.id = id};

    if (!b->events || !b->events->emit)
        return;
    snprintf(e.message, sizeof e.message, "The bus name '%.100s' %s%.200s%s%.100s.", b->name, format,
             a ? a : "", c ? ": " : "", c ? c : "");
    str_make_printable(e.message);
    b->events->emit(b->events->ctx, &e);
}

static void tell_state(struct bus *b)
{
    bool up = b->phase == PHASE_UP;

    if (up == b->told_up)
        return;
    b->told_up = up;
    if (b->on_state)
        b->on_state(b->ctx, up);
}

/* ---- requests ----------------------------------------------------------------------------------------- */

static void on_reply(DBusPendingCall *pending, void *data)
{
    struct bus_request *r = data;
    DBusMessage *m = dbus_pending_call_steal_reply(pending);
    void (*fn)(void *, DBusMessage *) = r->fn;
    void *ctx = r->ctx;

    TAILQ_REMOVE(&r->bus->requests, r, link);
    dbus_pending_call_unref(r->pending);
    free(r);
    fn(ctx, m);
    if (m)
        dbus_message_unref(m);
}

int bus_request_send(struct bus *b, DBusMessage *m, int timeout_ms, void (*fn)(void *ctx, DBusMessage *reply),
                     void *ctx, struct bus_request **ret)
{
    DBusPendingCall *pending = NULL;
    struct bus_request *r;

    if (!b->c || !dbus_connection_get_is_connected(b->c))
        return -ENOTCONN;
    r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    if (!dbus_connection_send_with_reply(b->c, m, &pending, timeout_ms) || !pending) {
        free(r);
        return pending ? -ENOMEM : -ENOTCONN;
    }
    *r = (struct bus_request){.bus = b, .pending = pending, .fn = fn, .ctx = ctx};
    if (!dbus_pending_call_set_notify(pending, on_reply, r, NULL)) {
        dbus_pending_call_cancel(pending);
        dbus_pending_call_unref(pending);
        free(r);
        return -ENOMEM;
    }
    TAILQ_INSERT_TAIL(&b->requests, r, link);
    if (ret)
        *ret = r;
    return 0;
}

void bus_request_cancel(struct bus_request *r)
{
    if (!r)
        return;
    TAILQ_REMOVE(&r->bus->requests, r, link);
    dbus_pending_call_cancel(r->pending);
    dbus_pending_call_unref(r->pending);
    free(r);
}

DBusMessage *bus_driver_call(const char *member)
{
    return dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, member);
}

int bus_send(struct bus *b, DBusMessage *m)
{
    if (!b->c || b->phase < PHASE_NAMING || b->choked)
        return -ENOTCONN;
    if (dbus_connection_get_outgoing_size(b->c) > (long)LIMIT_BUS_OUTGOING) {
        b->choked = true; /* callers may be in the middle of something: at the end of the turn */
        sd_event_source_set_enabled(b->turn, SD_EVENT_ONESHOT);
        return -ENOTCONN;
    }
    return dbus_connection_send(b->c, m, NULL) ? 0 : -ENOMEM;
}

/* ---- loss and retry ----------------------------------------------------------------------------------- */

static int on_retry(sd_event_source *s, uint64_t usec, void *data)
{
    struct bus *b = data;

    if (b->phase == PHASE_WAITING)
        connect_now(b);
    else if (b->phase == PHASE_NAMING)
        ask_name(b);
    return 0;
}

static void retry_after(struct bus *b, uint64_t usec)
{
    sd_event_source_set_time(b->retry, now_monotonic() + usec);
    sd_event_source_set_enabled(b->retry, SD_EVENT_ONESHOT);
}

static void retry_later(struct bus *b)
{
    b->backoff = b->backoff == 0 ? 1 : b->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : b->backoff * 2;
    retry_after(b, b->backoff * b->second);
}

static void requests_drop(struct bus *b)
{
    struct bus_request *r;

    while ((r = TAILQ_FIRST(&b->requests))) {
        void (*fn)(void *, DBusMessage *) = r->fn;
        void *ctx = r->ctx;
        bus_request_cancel(r);
        fn(ctx, NULL);
    }
}

static void connection_drop(struct bus *b)
{
    DBusConnection *c = TAKE_PTR(b->c);

    b->generation++;
    b->choked = false;
    bus_told_forget(b);
    if (!c)
        return;
    glue_detach(TAKE_PTR(b->glue));
    requests_drop(b);
    dbus_connection_close(c);
    dbus_connection_unref(c);
}

/* The connection is of no use any more: begin again. Once told, silence until it is up again. */
void bus_lost(struct bus *b, const char *why)
{
    if (b->phase == PHASE_OFF)
        return;
    b->phase = PHASE_WAITING;
    connection_drop(b);
    bus_pending_drop(b);
    bus_peers_drop(b);
    if (!b->told_lost) {
        b->told_lost = true;
        tell(b, EVENT_BUS_LOST, "is lost, connecting to the bus again until it works", NULL, why);
    }
    if (b->phase == PHASE_WAITING)
        retry_later(b);
    tell_state(b);
}

/* ---- the name ----------------------------------------------------------------------------------------- */

static void name_refused(struct bus *b, const char *why)
{
    b->phase = PHASE_NAMING;
    if (!b->told_taken) { /* also after a loss was told: then it is another matter that a person must look at
                           */
        b->told_lost = b->told_taken = true;
        tell(b, EVENT_BUS_LOST, "is not ours, asking again until it is", NULL, why);
    }
    retry_later(b);
    tell_state(b);
}

/* The sentence of an error reply; free with dbus_error_free(). */
static const char *sentence(DBusMessage *reply, DBusError *e)
{
    dbus_error_init(e);
    dbus_set_error_from_message(e, reply);
    return e->message && *e->message ? e->message : e->name;
}

static void on_name(void *ctx, DBusMessage *reply)
{
    struct bus *b = ctx;
    dbus_uint32_t result = 0;

    if (!reply || b->phase != PHASE_NAMING)
        return;
    if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR) {
        DBusError e;
        name_refused(b, sentence(reply, &e));
        dbus_error_free(&e);
        return;
    }
    if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &result, DBUS_TYPE_INVALID) ||
        (result != DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER && result != DBUS_REQUEST_NAME_REPLY_ALREADY_OWNER))
        return name_refused(b, "somebody else owns it");
    b->phase = PHASE_UP;
    b->backoff = 0;
    b->told_lost = b->told_taken = false;
    tell(b, EVENT_BUS_CONNECTED, "is ours, as ", bus_unique_name(b), NULL);
    tell_state(b);
}

static void ask_name(struct bus *b)
{
    dbus_uint32_t flags = DBUS_NAME_FLAG_DO_NOT_QUEUE;
    DBusMessage *m = bus_driver_call("RequestName");
    int r = -ENOMEM;

    if (m &&
        dbus_message_append_args(m, DBUS_TYPE_STRING, &b->name, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID))
        r = bus_request_send(b, m, BUS_DRIVER_MS, on_name, b, NULL);
    if (m)
        dbus_message_unref(m);
    if (r < 0)
        retry_later(b);
}

static void on_hello(void *ctx, DBusMessage *reply)
{
    struct bus *b = ctx;
    const char *unique = NULL;

    if (!reply || b->phase != PHASE_HELLO)
        return;
    if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR) {
        bool silent =
            dbus_message_is_error(reply, DBUS_ERROR_NO_REPLY) && dbus_connection_get_is_connected(b->c);
        if (silent)
            b->hello_wait = b->hello_wait * 2 > HELLO_MAX ? HELLO_MAX : b->hello_wait * 2;
        DBusError e;
        const char *why = sentence(reply, &e);
        bus_lost(b, silent ? "the bus does not answer" : why);
        dbus_error_free(&e);
        return;
    }
    if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &unique, DBUS_TYPE_INVALID) ||
        !dbus_validate_bus_name(unique, NULL) || !dbus_bus_set_unique_name(b->c, unique))
        return bus_lost(b, "the bus gave no usable name");
    b->hello_wait = HELLO_WAIT;
    b->phase = PHASE_NAMING;
    char rule[512];
    snprintf(rule, sizeof rule,
             "type='signal',sender='" DBUS_SERVICE_DBUS "',interface='" DBUS_INTERFACE_DBUS
             "',member='NameOwnerChanged',arg0='%s'",
             b->name);
    dbus_bus_add_match(b->c, rule, NULL);
    bus_listeners_match(b);
    ask_name(b);
}

/* ---- what comes in ------------------------------------------------------------------------------------ */

static void on_owner_changed(struct bus *b, DBusMessage *m)
{
    const char *name, *old, *now;

    if (!dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &old, DBUS_TYPE_STRING,
                               &now, DBUS_TYPE_INVALID))
        return;
    if (streq(name, b->name)) {
        if (!*now && b->phase == PHASE_NAMING)
            retry_after(b, 0);
        return;
    }
    if (!*now)
        bus_peer_gone(b, name);
}

static DBusHandlerResult on_message(DBusConnection *c, DBusMessage *m, void *data)
{
    struct bus *b = data;

    if (c != b->c)
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    if (dbus_message_is_signal(m, DBUS_INTERFACE_LOCAL, "Disconnected")) {
        bus_lost(b, "the bus closed the connection");
        return DBUS_HANDLER_RESULT_HANDLED;
    }
    if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_METHOD_CALL) {
        if (b->phase < PHASE_NAMING)
            return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
        bus_call_arrived(b, m);
        return DBUS_HANDLER_RESULT_HANDLED;
    }
    if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_SIGNAL && b->phase >= PHASE_NAMING &&
        bus_listeners_hear(b, m))
        return DBUS_HANDLER_RESULT_HANDLED;
    if (!dbus_message_has_sender(m, DBUS_SERVICE_DBUS))
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    if (dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameOwnerChanged"))
        on_owner_changed(b, m);
    else if (dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameLost") && b->phase == PHASE_UP)
        name_refused(b, "the bus took it away");
    else
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    return DBUS_HANDLER_RESULT_HANDLED;
}

static void connect_now(struct bus *b)
{
    DBusError e = DBUS_ERROR_INIT;
    DBusMessage *hello;
    int r = -ENOMEM;

    b->c = dbus_connection_open_private(b->address, &e);
    if (!b->c) {
        bus_lost(b, e.message);
        dbus_error_free(&e);
        return;
    }
    dbus_connection_set_exit_on_disconnect(b->c, FALSE);
    /* No limits of our own below those of the bus: libdbus would take a message beyond them for garbage and
     * hang up, so any caller could throw us off the bus. What is too long is refused in value.c. */
    b->phase = PHASE_HELLO;
    hello = bus_driver_call("Hello");
    if (hello && dbus_connection_add_filter(b->c, on_message, b, NULL)) {
        r = glue_attach(b->event, b->c, &b->glue);
        if (r == 0)
            r = bus_request_send(b, hello, (int)b->hello_wait * 1000, on_hello, b, NULL);
    }
    if (hello)
        dbus_message_unref(hello);
    if (r < 0)
        bus_lost(b, r == -ENOMEM ? "there is no memory" : "the connection broke");
}

/* ---- life --------------------------------------------------------------------------------------------- */

static pthread_once_t threads_once = PTHREAD_ONCE_INIT;

static void threads_init(void)
{
    dbus_threads_init_default();
}

static int on_turn(sd_event_source *s, void *data)
{
    struct bus *b = data;

    bus_flush(b);
    if (b->choked)
        bus_lost(b, "the bus does not take what it is sent");
    return 0;
}

int bus_new(sd_event *event, const struct bus_params *p, struct bus **ret)
{
    const char *address = p->address ? p->address : secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
    _cleanup_(bus_freep) struct bus *b = calloc(1, sizeof *b);

    pthread_once(&threads_once, threads_init);
    if (!b)
        return -ENOMEM;
    TAILQ_INIT(&b->pending);
    TAILQ_INIT(&b->requests);
    TAILQ_INIT(&b->peers);
    TAILQ_INIT(&b->calls);
    LIST_INIT(&b->listeners);
    b->event = sd_event_ref(event);
    b->events = p->events;
    b->ctx = p->ctx;
    b->on_state = p->on_state;
    b->hello_wait = HELLO_WAIT;
    b->second = p->second ? p->second : USEC_PER_SEC;
    b->address = strdup(address && *address ? address : SYSTEM_BUS);
    b->name = strdup(p->name ? p->name : BUS_NAME);
    b->root = strdup(p->root ? p->root : BUS_ROOT);
    b->trusted = calloc(p->n_trusted + 1, sizeof *b->trusted);
    if (!b->address || !b->name || !b->root || !b->trusted)
        return -ENOMEM;
    for (size_t i = 0; i < p->n_trusted; i++)
        b->trusted[b->n_trusted++] = p->trusted[i];
    int r = sd_event_add_time(event, &b->retry, CLOCK_MONOTONIC, UINT64_MAX, b->second / 20, on_retry, b);
    if (r >= 0)
        r = sd_event_source_set_enabled(b->retry, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_defer(event, &b->turn, on_turn, b);
    if (r >= 0)
        r = sd_event_source_set_enabled(b->turn, SD_EVENT_OFF);
    /* After everything else that is ready in this turn. */
    if (r >= 0)
        r = sd_event_source_set_priority(b->turn, SD_EVENT_PRIORITY_NORMAL + 10);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(b);
    return 0;
}

int bus_start(struct bus *b, struct mef_error *reterr)
{
    if (b->phase != PHASE_OFF)
        return 0;
    if (!dbus_validate_bus_name(b->name, NULL) || b->name[0] == ':' || !dbus_validate_path(b->root, NULL))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "'%s' is no bus name, or '%s' is no path; correct them.", b->name, b->root);
    if (!dbus_validate_utf8(b->address, NULL))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "The bus address is not UTF-8; correct it.");
    if (b->n_trusted > 0) {
        char list[256] = "";
        for (size_t i = 0, n = 0; i < b->n_trusted && n + 16 < sizeof list; i++)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%u", i ? ", " : "", (unsigned)b->trusted[i]);
        struct event e = {.id = EVENT_TRUSTED_UIDS};
        event_emit(b->events, &e, "These users need no polkit for any call on the bus: uid %s.", list);
    }
    b->phase = PHASE_WAITING;
    connect_now(b);
    return 0;
}

void bus_stop(struct bus *b)
{
    if (b->phase == PHASE_OFF)
        return;
    bus_flush(b);
    /* What the kernel takes at once; at most some milliseconds. */
    for (uint64_t end = now_monotonic() + 50 * USEC_PER_MSEC;
         b->phase >= PHASE_NAMING && dbus_connection_has_messages_to_send(b->c) && now_monotonic() < end;)
        if (!dbus_connection_read_write(b->c, 1))
            break;
    b->phase = PHASE_OFF;
    sd_event_source_set_enabled(b->retry, SD_EVENT_OFF);
    connection_drop(b);
    bus_pending_drop(b);
    bus_peers_drop(b);
    b->backoff = 0;
    b->hello_wait = HELLO_WAIT;
    tell_state(b);
    b->told_lost = b->told_taken = false;
}

void bus_free(struct bus *b)
{
    struct bus_call *c;

    if (!b)
        return;
    b->on_state = NULL;
    if (b->phase != PHASE_OFF)
        bus_stop(b);
    while (b->n_objects > 0)
        bus_object_remove(b->object[b->n_objects - 1]);
    bus_pending_drop(b);
    while ((c = TAILQ_FIRST(&b->calls))) {
        TAILQ_REMOVE(&b->calls, c, link);
        c->bus = NULL;
    }
    sd_event_source_disable_unref(b->retry);
    sd_event_source_disable_unref(b->turn);
    sd_event_unref(b->event);
    free(b->object);
    free(b->trusted);
    free(b->address);
    free(b->name);
    free(b->root);
    free(b);
}

bool bus_connected(const struct bus *b)
{
    return b->phase == PHASE_UP;
}

const char *bus_unique_name(const struct bus *b)
{
    return b->c && b->phase >= PHASE_NAMING ? dbus_bus_get_unique_name(b->c) : NULL;
}
