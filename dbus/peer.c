/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Callers: their uid, asked for once and kept while they are on the bus, and who wants to know when they
 * leave. For each one match rule. The rule is sent before the question for the uid, so a caller that left
 * before it is found out by the answer. Ownership: struct bus owns peers, peers own watches. Thread: the
 * loop's. */
#include <errno.h>
#include <stdio.h>

#include "dbus/internal.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

static void match(struct bus_peer *p, bool add)
{
    char rule[512];

    if (!p->bus->c)
        return;
    snprintf(rule, sizeof rule,
             "type='signal',sender='" DBUS_SERVICE_DBUS "',interface='" DBUS_INTERFACE_DBUS
             "',member='NameOwnerChanged',arg0='%s'",
             p->name);
    if (add)
        dbus_bus_add_match(p->bus->c, rule, NULL);
    else
        dbus_bus_remove_match(p->bus->c, rule, NULL);
}

static struct bus_peer *peer_find(struct bus *b, const char *name)
{
    struct bus_peer *p;

    TAILQ_FOREACH(p, &b->peers, link)
    if (streq(p->name, name))
        return p;
    return NULL;
}

/* Takes it out and frees it; its watches are called, its parked calls forgotten. */
static void peer_drop(struct bus_peer *p)
{
    struct bus *b = p->bus;
    struct bus_sender_watch *w;
    struct bus_call *c;

    bus_request_cancel(TAKE_PTR(p->asking));
    TAILQ_REMOVE(&b->peers, p, link);
    b->n_peers--;
    while ((c = bus_parked(b, p))) {
        c->answered = true; /* nobody listens */
        bus_unpark(c);
    }
    while ((w = TAILQ_FIRST(&p->watches))) {
        void (*gone)(void *, const char *) = w->gone;
        void *ctx = w->ctx;
        TAILQ_REMOVE(&p->watches, w, link);
        free(w);
        gone(ctx, p->name);
    }
    match(p, false);
    free(p->name);
    free(p);
}

void bus_peer_gone(struct bus *b, const char *name)
{
    struct bus_peer *p = peer_find(b, name);
    if (p)
        peer_drop(p);
}

void bus_peers_drop(struct bus *b)
{
    struct bus_peer *p;

    while ((p = TAILQ_FIRST(&b->peers)))
        peer_drop(p);
}

static bool idle(const struct bus_peer *p)
{
    return TAILQ_EMPTY(&p->watches) && p->questions == 0 && p->uid_state != UID_ASKING && !p->settling;
}

static bool peer_is_there(const struct bus *b, const struct bus_peer *peer)
{
    const struct bus_peer *p;

    TAILQ_FOREACH(p, &b->peers, link)
    if (p == peer)
        return true;
    return false;
}

static void on_uid(void *ctx, DBusMessage *reply)
{
    struct bus_peer *p = ctx;
    dbus_uint32_t uid;

    p->asking = NULL;
    if (!reply)
        return; /* the connection is gone, and so is the peer in a moment */
    if (dbus_message_is_error(reply, DBUS_ERROR_NAME_HAS_NO_OWNER))
        return peer_drop(p);
    if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
        dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &uid, DBUS_TYPE_INVALID) &&
        (uid_t)uid != (uid_t)-1) {
        p->uid = (uid_t)uid;
        p->uid_state = UID_KNOWN;
    } else {
        p->uid_state = UID_UNREADABLE; /* which is not uid 0 */
    }
    struct bus *b = p->bus;
    bool unreadable = p->uid_state == UID_UNREADABLE;
    p->settling = true; /* not to be dropped for want of room meanwhile */
    bus_uid_settled(b, p);
    if (!peer_is_there(b, p))
        return; /* a handler ended the connection */
    p->settling = false;
    if (unreadable && idle(p))
        peer_drop(p); /* the next call asks again */
}

static int ask_uid(struct bus_peer *p)
{
    DBusMessage *m = bus_driver_call("GetConnectionUnixUser");
    int r = -ENOMEM;

    p->uid_state = UID_ASKING;
    if (m && dbus_message_append_args(m, DBUS_TYPE_STRING, &p->name, DBUS_TYPE_INVALID))
        r = bus_request_send(p->bus, m, 25000, on_uid, p, &p->asking);
    if (m)
        dbus_message_unref(m);
    return r;
}

struct bus_peer *bus_peer_get(struct bus *b, const char *name)
{
    struct bus_peer *p = peer_find(b, name);

    if (p) {
        TAILQ_REMOVE(&b->peers, p, link);
        TAILQ_INSERT_HEAD(&b->peers, p, link);
        return p;
    }
    if (b->phase < PHASE_NAMING || name[0] != ':' || !dbus_validate_bus_name(name, NULL))
        return NULL;
    if (b->n_peers >= LIMIT_BUS_PEERS) {
        struct bus_peer *old = TAILQ_LAST(&b->peers, peer_list);
        while (old && !idle(old))
            old = TAILQ_PREV(old, peer_list, link);
        if (!old)
            return NULL;
        peer_drop(old);
    }
    p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    TAILQ_INIT(&p->watches);
    p->bus = b;
    p->name = strdup(name);
    if (!p->name) {
        free(p);
        return NULL;
    }
    TAILQ_INSERT_HEAD(&b->peers, p, link);
    b->n_peers++;
    match(p, true);
    if (ask_uid(p) < 0) {
        peer_drop(p);
        return NULL;
    }
    return p;
}

int bus_sender_watch(struct bus *b, const char *sender, void (*gone)(void *ctx, const char *sender),
                     void *ctx, struct bus_sender_watch **ret)
{
    struct bus_sender_watch *w;
    struct bus_peer *p;

    if (b->phase < PHASE_NAMING)
        return -ENOTCONN;
    w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    p = bus_peer_get(b, sender);
    if (!p) {
        free(w);
        return -ENOBUFS;
    }
    *w = (struct bus_sender_watch){.peer = p, .gone = gone, .ctx = ctx};
    TAILQ_INSERT_TAIL(&p->watches, w, link);
    if (ret)
        *ret = w;
    return 0;
}

void bus_sender_unwatch(struct bus_sender_watch *w)
{
    if (!w)
        return;
    TAILQ_REMOVE(&w->peer->watches, w, link);
    free(w);
}
