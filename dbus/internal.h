/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of dbus/ share. Private to dbus/. Thread: the loop's. */
#pragma once

#include <dbus/dbus.h>
#include <sys/queue.h>

#include "dbus/bus.h"
#include "dbus/glue.h"
#include "dbus/writer.h"

enum bus_phase {
    PHASE_OFF,     /* not started, or stopped */
    PHASE_WAITING, /* no connection; the retry timer runs */
    PHASE_HELLO,   /* connection open, no unique name yet */
    PHASE_NAMING,  /* on the bus, the well-known name is not ours (asked for, or taken by someone) */
    PHASE_UP
};

TAILQ_HEAD(call_list, bus_call);
TAILQ_HEAD(watch_list, bus_sender_watch);
TAILQ_HEAD(peer_list, bus_peer);
TAILQ_HEAD(request_list, bus_request);
TAILQ_HEAD(pending_list, bus_pending);
LIST_HEAD(listener_list, bus_listener);

#define BUS_DRIVER_MS 25000 /* an answer of the bus driver */

/* An asynchronous call of ours. `fn` runs exactly once: with the reply (or error reply), or with NULL when
 * the connection went away; never after bus_request_cancel(). */
struct bus_request {
    TAILQ_ENTRY(bus_request) link;
    struct bus *bus;
    DBusPendingCall *pending;
    void (*fn)(void *ctx, DBusMessage *reply);
    void *ctx;
};

/* A caller that we know something about. */
struct bus_peer {
    TAILQ_ENTRY(bus_peer) link;
    struct bus *bus;
    char *name;
    enum { UID_ASKING, UID_KNOWN, UID_UNREADABLE } uid_state;
    uid_t uid;
    struct bus_request *asking;
    unsigned questions; /* parked at polkit */
    bool settling;
    struct watch_list watches;
};

struct bus_sender_watch {
    TAILQ_ENTRY(bus_sender_watch) link;
    struct bus_peer *peer;
    void (*gone)(void *ctx, const char *sender);
    void *ctx;
};

struct bus_object {
    unsigned refs;   /* the registry, and calls in progress */
    struct bus *bus; /* NULL once removed */
    char *path;
    const struct bus_interface *const *interfaces;
    void *data;
    uint64_t *dirty; /* a bit for each property, counted over all interfaces */
    size_t n_dirty;  /* words */
    /* For each property the digest of the value that a signal has told last, 0 = none on this connection. Who
     * notes a change need not know whether there is one: what was told is not told again. */
    uint64_t *told;
};

/* Something that the wire has not been told. */
struct bus_pending {
    TAILQ_ENTRY(bus_pending) link;
    enum { PENDING_ADDED, PENDING_CHANGED, PENDING_REMOVED } kind;
    struct bus_object *object; /* referenced; for PENDING_REMOVED only path and interfaces count */
};

struct bus_call {
    TAILQ_ENTRY(bus_call) link;
    unsigned refs;
    struct bus *bus;     /* NULL once freed */
    uint64_t generation; /* of the connection that it came by */
    DBusMessage *msg;
    char *path, *sender, *member; /* copies: handlers keep them for as long as the call */
    struct bus_object *object;    /* referenced; NULL before look-up */
    const struct bus_method *method;
    struct bus_value *arg;
    size_t n_args;
    size_t size;     /* octets of the arguments, while parked */
    char *signature; /* of the message, once the message itself has been let go */
    bool args_read, answered;
    bool deferred;           /* its handler has returned and will answer later */
    unsigned held;           /* references before the handler ran: more afterwards means a deferred reply */
    const char *out;         /* signature of the reply */
    struct bus_dict no_dict; /* stays empty */
    uid_t uid;
    /* Parked: waiting for the uid of `peer`, or for polkit. */
    enum { CALL_FREE, CALL_WAITS_UID, CALL_WAITS_POLKIT } parked;
    struct bus_peer *peer;
    struct bus_request *question;
    char *asked, *granted; /* action */
    char cancellation[24];
};

struct bus {
    sd_event *event;
    char *address, *name, *root;
    uid_t *trusted;
    size_t n_trusted;
    const struct event_sink *events;
    void *ctx;
    void (*on_state)(void *ctx, bool connected);

    enum bus_phase phase;
    bool told_up, told_lost, told_taken; /* what on_state and the journal know */
    uint64_t generation;
    DBusConnection *c;
    struct glue *glue;
    sd_event_source *retry;       /* timer: connect, or ask for the name */
    sd_event_source *turn;        /* deferred: flush collected changes */
    unsigned backoff, hello_wait; /* seconds */
    uint64_t second;              /* of these, in microseconds */
    bool choked;                  /* the bus does not read; the connection ends with this turn */

    struct bus_object **object; /* sorted by path */
    size_t n_objects, room_objects;
    struct pending_list pending;

    struct request_list requests;
    struct listener_list listeners;
    struct peer_list peers; /* most recently used first */
    size_t n_peers;
    struct call_list calls; /* all that exist */
    size_t n_waiting, n_questions, parked_size, n_deferred;
    uint64_t n_asked;
};

/* connect.c */
void bus_lost(struct bus *b, const char *why);
int bus_request_send(struct bus *b, DBusMessage *m, int timeout_ms, void (*fn)(void *ctx, DBusMessage *reply),
                     void *ctx, struct bus_request **ret);
void bus_request_cancel(struct bus_request *r); /* NULL is fine */
DBusMessage *bus_driver_call(const char *member);
/* Queues a message; it counts as sent. -ENOTCONN, -ENOMEM. */
int bus_send(struct bus *b, DBusMessage *m);

/* object.c */
void bus_flush(struct bus *b);
void bus_pending_drop(struct bus *b);
void bus_told_forget(struct bus *b); /* on the loss of a connection */
struct bus_object *bus_object_ref(struct bus_object *o);
void bus_object_unref(struct bus_object *o);
const struct bus_interface *bus_object_interface(const struct bus_object *o, const char *name);
/* Index of the first object whose path is not before `path`. */
size_t bus_object_index(const struct bus *b, const char *path, bool *ret_found);
bool bus_below(const char *path, const char *prefix); /* prefix "/" or without a slash at its end */

/* standard.c: GetAll-like contents, and the interfaces of the D-Bus specification. `told`: takes the digests
 * of the values (one, or all of the object), may be NULL. */
void bus_write_property(struct bus_writer *w, struct bus_object *o, const struct bus_property *p,
                        uint64_t *told);                                               /* {sv} */
void bus_write_interfaces(struct bus_writer *w, struct bus_object *o, uint64_t *told); /* a{sa{sv}} */
bool bus_standard_call(struct bus_call *c, const char *interface, const char *member);

/* introspect.c */
bool bus_path_exists(const struct bus *b, const char *path);
char *bus_introspect(struct bus *b, const char *path);
char *bus_interface_xml(const struct bus_interface *i); /* made from the tables; malloc'ed */

/* call.c */
void bus_call_arrived(struct bus *b, DBusMessage *msg);
void bus_call_dispatch(struct bus_call *c);
const char *bus_call_signature(const struct bus_call *c);
bool bus_call_has_signature(const struct bus_call *c, const char *sig);
void bus_reply_dbus_error(struct bus_call *c, const char *name, const char *format, ...) mef_printf(3, 4);
/* Reads the arguments of signature `sig` once; false: it was answered with the error. */
bool bus_call_read(struct bus_call *c, const char *sig);
/* After a handler has returned `r`. */
void bus_call_settle(struct bus_call *c, int r, const struct mef_error *err);

/* auth.c: 0 = go on, 1 = parked (it will be dispatched again), 2 = answered. */
int bus_authorize(struct bus_call *c, const char *action);
int bus_need_uid(struct bus_call *c);
struct bus_call *bus_parked(struct bus *b,
                            const struct bus_peer *p); /* the first call that waits on this peer */
void bus_unpark(struct bus_call *c);                   /* drops the reference that parking holds */
void bus_uid_settled(struct bus *b, const struct bus_peer *p);

/* peer.c */
struct bus_peer *bus_peer_get(struct bus *b,
                              const char *name); /* made and asked about if new; NULL: no memory or limit */
void bus_peer_gone(struct bus *b, const char *name);
void bus_peers_drop(struct bus *b);

/* remote.c */
void bus_listeners_match(struct bus *b);                /* on a fresh connection */
bool bus_listeners_hear(struct bus *b, DBusMessage *m); /* a signal; true: it was for us */
