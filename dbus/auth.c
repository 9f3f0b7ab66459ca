/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* May this caller do that? uid 0 and the trusted uids may. For others polkit is asked about the *sender* of
 * the message (system-bus-name: never a process id, which can be taken over, and never about ourselves); the
 * call is parked and dispatched again from the start. Everything but a clear yes is a no: denial, challenge,
 * error, no polkitd, silence (style-anchors D1, components 2). Ownership: parking holds a reference to the
 * call. Thread: the loop's. */
#include <errno.h>
#include <stdio.h>

#include "dbus/internal.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

#define POLKIT_NAME      "org.freedesktop.PolicyKit1"
#define POLKIT_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define ASK_MS           25000  /* an answer without a person */
#define ASK_PERSON_MS    120000 /* somebody has to type a password */

static void deny(struct bus_call *c, const char *action, const char *why)
{
    struct mef_error err = {0};
    struct event e = {.id = EVENT_ACCESS_DENIED, .error = "NotAuthorized"};
    char who[32] = "unknown uid";

    if (c->uid != (uid_t)-1)
        snprintf(who, sizeof who, "uid %u", (unsigned)c->uid);
    mef_fail(&err, MEF_ERROR_NOT_AUTHORIZED, "The action '%s' is refused to the caller (%s): %s.", action,
             who, why);
    if (!c->answered)
        event_emit(c->bus->events, &e, "The call '%s' on '%s' by %s was refused: the action '%s', %s.",
                   bus_call_member(c), bus_call_path(c), who, action, why);
    bus_reply_error(c, &err);
}

static void too_many(struct bus_call *c, const char *what)
{
    struct mef_error err = {0};

    mef_fail(&err, MEF_ERROR_LIMIT_EXCEEDED, "There are too many %s for '%s'; wait until some are answered.",
             what, bus_call_member(c));
    bus_reply_error(c, &err);
}

static bool room_to_park(struct bus_call *c)
{
    c->size = bus_values_size(c->arg, c->n_args);
    return c->bus->parked_size + c->size <= LIMIT_BUS_PARKED;
}

static void park(struct bus_call *c, struct bus_peer *p, bool polkit)
{
    c->bus->parked_size += c->size;
    c->parked = polkit ? CALL_WAITS_POLKIT : CALL_WAITS_UID;
    c->peer = p;
    if (polkit) {
        p->questions++;
        c->bus->n_questions++;
    } else {
        c->bus->n_waiting++;
    }
    bus_call_ref(c);
}

static void unpark_keep(struct bus_call *c)
{
    c->bus->parked_size -= c->size;
    if (c->parked == CALL_WAITS_POLKIT) {
        c->peer->questions--;
        c->bus->n_questions--;
    } else {
        c->bus->n_waiting--;
    }
    c->parked = CALL_FREE;
    c->peer = NULL;
}

static void cancel_question(struct bus_call *c)
{
    DBusMessage *m =
        dbus_message_new_method_call(POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CancelCheckAuthorization");
    const char *id = c->cancellation;

    if (!m)
        return;
    dbus_message_set_no_reply(m, TRUE);
    dbus_message_set_auto_start(m, FALSE);
    if (dbus_message_append_args(m, DBUS_TYPE_STRING, &id, DBUS_TYPE_INVALID))
        bus_send(c->bus, m);
    dbus_message_unref(m);
}

void bus_unpark(struct bus_call *c)
{
    if (c->question) {
        bus_request_cancel(TAKE_PTR(c->question));
        cancel_question(c);
    }
    unpark_keep(c);
    bus_call_unref(c);
}

struct bus_call *bus_parked(struct bus *b, const struct bus_peer *p)
{
    struct bus_call *c;

    TAILQ_FOREACH(c, &b->calls, link)
    if (c->parked != CALL_FREE && c->peer == p)
        return c;
    return NULL;
}

/* ---- the uid ------------------------------------------------------------------------------------------ */

static struct bus_call *waits_for_uid(struct bus *b, const struct bus_peer *p)
{
    struct bus_call *c;

    TAILQ_FOREACH(c, &b->calls, link)
    if (c->parked == CALL_WAITS_UID && c->peer == p)
        return c;
    return NULL;
}

/* A handler may end the connection and so the peer: `p` is compared only. */
void bus_uid_settled(struct bus *b, const struct bus_peer *p)
{
    struct bus_call *c;

    while ((c = waits_for_uid(b, p))) {
        unpark_keep(c);
        bus_call_dispatch(c);
        bus_call_unref(c);
    }
}

int bus_need_uid(struct bus_call *c)
{
    struct bus *b = c->bus;
    struct bus_peer *p;

    if (c->uid != (uid_t)-1)
        return 0;
    p = bus_peer_get(b, bus_call_sender(c));
    if (!p) {
        too_many(c, "callers");
        return 2;
    }
    if (p->uid_state == UID_KNOWN) {
        c->uid = p->uid;
        return 0;
    }
    if (p->uid_state == UID_UNREADABLE) {
        deny(c, c->method && c->method->action ? c->method->action : bus_call_member(c),
             "the uid could not be read");
        return 2;
    }
    if (b->n_waiting >= LIMIT_BUS_WAITING || !room_to_park(c)) {
        too_many(c, "calls");
        return 2;
    }
    park(c, p, false);
    return 1;
}

/* ---- polkit ------------------------------------------------------------------------------------------- */

static bool says_yes(DBusMessage *reply, bool *ret_challenge)
{
    DBusMessageIter it, in;
    dbus_bool_t yes = FALSE, challenge = FALSE;

    *ret_challenge = false;
    if (!dbus_message_has_signature(reply, "(bba{ss})"))
        return false;
    dbus_message_iter_init(reply, &it);
    dbus_message_iter_recurse(&it, &in);
    dbus_message_iter_get_basic(&in, &yes);
    dbus_message_iter_next(&in);
    dbus_message_iter_get_basic(&in, &challenge);
    *ret_challenge = challenge;
    return yes;
}

static void on_answer(void *ctx, DBusMessage *reply)
{
    struct bus_call *c = ctx;
    bool challenge = false;

    c->question = NULL;
    unpark_keep(c);
    if (!reply) {
        c->answered = true; /* the connection is gone */
    } else if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR) {
        const char *name = dbus_message_get_error_name(reply);
        bool silent = dbus_message_is_error(reply, DBUS_ERROR_NO_REPLY) ||
                      dbus_message_is_error(reply, DBUS_ERROR_TIMEOUT);
        if (silent)
            cancel_question(c);
        bool absent = dbus_message_is_error(reply, DBUS_ERROR_SERVICE_UNKNOWN) ||
                      dbus_message_is_error(reply, DBUS_ERROR_NAME_HAS_NO_OWNER);
        deny(c, c->asked, silent ? "polkit does not answer" : absent ? "polkit is not there" : name);
    } else if (says_yes(reply, &challenge)) {
        free(c->granted);
        c->granted = TAKE_PTR(c->asked);
        bus_call_dispatch(c);
    } else {
        deny(c, c->asked,
             challenge ? "polkit wants an authentication that this call does not allow" : "polkit says no");
    }
    bus_call_unref(c);
}

static DBusMessage *question(struct bus_call *c, bool interactive)
{
    DBusMessage *m =
        dbus_message_new_method_call(POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization");
    struct bus_writer w;

    if (!m)
        return NULL;
    bus_writer_begin(&w, m, "(sa{sv})sa{ss}us");
    bus_write_open(&w);
    bus_write_s(&w, "system-bus-name");
    bus_write_open(&w);
    bus_write_entry(&w, "name", "s", bus_call_sender(c));
    bus_write_close(&w);
    bus_write_close(&w);
    bus_write_s(&w, c->asked);
    bus_write_open(&w); /* details are for uid 0 and the owner of the action only */
    bus_write_close(&w);
    bus_write_u(&w, interactive ? 1 : 0);
    bus_write_s(&w, c->cancellation);
    if (bus_writer_end(&w) < 0) {
        dbus_message_unref(m);
        return NULL;
    }
    return m;
}

static int ask_polkit(struct bus_call *c, struct bus_peer *p, const char *action)
{
    bool interactive = dbus_message_get_allow_interactive_authorization(c->msg);
    DBusMessage *m;
    int r = -ENOMEM;

    free(c->asked);
    c->asked = strdup(action);
    snprintf(c->cancellation, sizeof c->cancellation, "mef-%llu", (unsigned long long)++c->bus->n_asked);
    m = c->asked ? question(c, interactive) : NULL;
    if (m) {
        r = bus_request_send(c->bus, m, interactive ? ASK_PERSON_MS : ASK_MS, on_answer, c, &c->question);
        dbus_message_unref(m);
    }
    if (r == 0)
        park(c, p, true);
    return r;
}

int bus_authorize(struct bus_call *c, const char *action)
{
    struct bus *b = c->bus;
    struct bus_peer *p;
    int r = bus_need_uid(c);

    if (r != 0)
        return r;
    if (c->uid == 0 || (c->granted && streq(c->granted, action)))
        return 0;
    for (size_t i = 0; i < b->n_trusted; i++)
        if (b->trusted[i] == c->uid)
            return 0;
    p = bus_peer_get(b, bus_call_sender(c));
    if (!p || b->n_questions >= LIMIT_AUTH_PENDING || p->questions >= LIMIT_AUTH_PER_SENDER ||
        !room_to_park(c)) {
        too_many(c, "open questions of authorization");
        return 2;
    }
    if (ask_polkit(c, p, action) < 0) {
        deny(c, action, "polkit cannot be asked");
        return 2;
    }
    return 1;
}
