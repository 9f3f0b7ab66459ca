/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus service made of tables: connection, objects, calls, authorization. It knows nothing of the MEF but
 * the names below. interfaces.md 1 and 2, style-anchors D1 and D4.
 *
 * Life: bus_new, bus_object_add..., bus_start, loop, bus_stop, bus_free. Objects may come and go at any time,
 * connected or not. The connection is private to us, every step is asynchronous, and it comes back by itself
 * after a loss with back-off 1 to 60 s; objects stay, the unique name may be another one.
 *
 * Order on the wire: state changes (PropertiesChanged, InterfacesAdded/Removed), then signals, then the reply
 * of the call that caused them.
 *
 * Thread: the one that runs the sd_event, for every function here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "dbus/value.h"
#include "plugin/base/err.h"
#include "plugin/base/event.h"

#define BUS_NAME         "org.mefclient1"
#define BUS_ROOT         "/org/mefclient1"
#define BUS_ERROR_PREFIX "org.mefclient1.Error."
#define BUS_INTERFACE(x) "org.mefclient1." x
#define BUS_ACTION(x)    "org.mefclient1." x /* polkit action ids: BUS_ACTION("register") */

struct bus;
struct bus_object;
struct bus_call;

/* ---- tables ------------------------------------------------------------------------------------------- */

/* `action` of a method that changes nothing and that every caller may use. */
#define BUS_READONLY "-"

struct bus_method {
    const char *name;
    const char *in, *out; /* signatures; NULL is "" */
    /* Polkit action, or BUS_READONLY. A row with neither this nor action_of fails bus_interface_check(). */
    const char *action;
    /* Runs only with the right signature, and after authorization. The outcomes:
     * - negative: `reterr` has been filled and is sent as the error reply;
     * - 0 after bus_reply(): done;
     * - 0 after bus_call_ref(): the reply comes later;
     * - 0 with neither: an empty reply when `out` is empty, otherwise Failed (a mistake of ours). */
    int (*fn)(struct bus_call *call, struct mef_error *reterr);
    /* Optional, instead of `action`: chooses by the call (arguments, object, uid are readable), e.g. own jobs
     * and others' jobs. Returns an action or BUS_READONLY; NULL lets fn run, which then says NotFound and the
     * like. */
    const char *(*action_of)(struct bus_call *call);
};

/* EmitsChangedSignal of a property. */
enum bus_emits { BUS_EMITS_TRUE, BUS_EMITS_INVALIDATES, BUS_EMITS_CONST, BUS_EMITS_FALSE };

struct bus_property {
    const char *name, *sig;
    enum bus_emits emits;
    /* Writes exactly one value of `sig`. Negative errno before anything was written: Get fails,
     * GetAll and signals have the empty value of the type. */
    int (*get)(void *object, const struct bus_property *p, struct bus_writer *w);
    /* Optional: NULL is read-only. `value` has the type `sig`. Errors as for methods; on 0 the reply is sent.
     */
    int (*set)(struct bus_call *call, const struct bus_property *p, const struct bus_value *value,
               struct mef_error *reterr);
    const char *set_action; /* polkit action for set, required with it */
    uintptr_t aux;          /* the owner's: an offset, an index, so that one get serves many rows */
};

struct bus_signal {
    const char *name, *sig; /* NULL is "" */
};

/* Each table ends with a row whose name is NULL; a NULL table is empty. All static. */
struct bus_interface {
    const char *name;
    const struct bus_method *methods;
    const struct bus_property *properties;
    const struct bus_signal *signals;
    /* The <interface> element as text; NULL: bus_xml(name), else made from the tables. */
    const char *xml;
};

/* For tests and for start-up: names and signatures valid, every method decided (action, BUS_READONLY or
 * action_of), `in` readable by value.h, every property with get, set only with set_action, no name twice.
 * InvalidArguments names the row. */
int bus_interface_check(const struct bus_interface *i, struct mef_error *reterr);

/* The embedded introspection text of dbus/xml/<last part of the name>.xml: one <interface> element without
 * comments; NULL when there is none. */
const char *bus_xml(const char *interface);

/* ---- the service -------------------------------------------------------------------------------------- */

struct bus_params {
    const char *address;  /* NULL: the system bus ($DBUS_SYSTEM_BUS_ADDRESS is honoured unless setuid) */
    const char *name;     /* well-known name, NULL: BUS_NAME */
    const char *root;     /* path of the ObjectManager, NULL: BUS_ROOT */
    const uid_t *trusted; /* need no polkit, like uid 0; copied */
    size_t n_trusted;
    const struct event_sink
        *events; /* BUS_CONNECTED, BUS_LOST, ACCESS_DENIED, TRUSTED_UIDS; outlives the bus; may be NULL */
    void *ctx;
    /* The name is ours / no longer ours. Called from the loop, on changes only; may be NULL. */
    void (*on_state)(void *ctx, bool connected);
    uint64_t second; /* microseconds of a second of the back-off; 0: 1000000. Tests let an hour pass. */
};

/* Copies the parameters, refs the event loop. -ENOMEM. */
int bus_new(sd_event *event, const struct bus_params *params, struct bus **ret);
/* Begins to connect and returns at once. A bus that is not there is no error: it is tried again. */
int bus_start(struct bus *b, struct mef_error *reterr);
/* Sends what is queued as far as that needs no waiting, closes, forgets parked calls. Returns at once,
 * idempotent. Objects stay until bus_free. */
void bus_stop(struct bus *b);
/* Stops, and drops every object that is still there. Calls that somebody still holds a reference to stay
 * valid and do nothing. NULL is fine. */
void bus_free(struct bus *b);
DEFINE_CLEANUP(struct bus *, bus_free)

bool bus_connected(const struct bus *b);          /* the name is ours */
const char *bus_unique_name(const struct bus *b); /* NULL when there is no connection */

/* ---- objects ------------------------------------------------------------------------------------------ */

/* Exports `object` with these interfaces (NULL-terminated array, static or living as long as the object).
 * InterfacesAdded follows when the path is below the root, with the property values at the end of the turn or
 * before the next signal or reply. -EEXIST, -EINVAL (path), -ENOMEM. */
int bus_object_add(struct bus *b, const char *path, const struct bus_interface *const *interfaces,
                   void *object, struct bus_object **ret);
/* Pending PropertiesChanged go out first; `object` is not touched afterwards. NULL is fine. */
void bus_object_remove(struct bus_object *o);
const char *bus_object_path(const struct bus_object *o);
void *bus_object_data(const struct bus_object *o);
/* The object at a path, or NULL. */
struct bus_object *bus_object_find(struct bus *b, const char *path);
/* The next object in the order of paths; NULL starts. Only paths below `prefix` (which does not end in '/'),
 * NULL = all. */
struct bus_object *bus_object_next(struct bus *b, struct bus_object *after, const char *prefix);

/* Notes that a property has another value; collected and sent in one PropertiesChanged per interface. Unknown
 * names are ignored, as are properties that emit nothing. property NULL: all of the interface that emit. */
void bus_changed(struct bus_object *o, const char *interface, const char *property);

/* Sends a signal, after all collected changes. `sig` must be that of the table; arguments as bus_write().
 * -ENOENT (no such signal), -ENOTCONN (nobody to tell: not a failure for most callers), -EPROTO, -ENOMEM. */
int bus_signal_emit(struct bus_object *o, const char *interface, const char *member, const char *sig, ...);
/* The same with the arguments written by the caller. */
int bus_signal_emit_by(struct bus_object *o, const char *interface, const char *member,
                       void (*fill)(struct bus_writer *w, void *ctx), void *ctx);

/* ---- calls -------------------------------------------------------------------------------------------- */

struct bus *bus_call_bus(const struct bus_call *c);
void *bus_call_object(const struct bus_call *c); /* as given to bus_object_add; NULL once it was removed */
struct bus_object *bus_call_bus_object(const struct bus_call *c); /* NULL once it was removed */
const char *bus_call_path(const struct bus_call *c);
const char *bus_call_sender(const struct bus_call *c); /* unique name */
const char *bus_call_member(const struct bus_call *c);
/* The caller's uid; (uid_t)-1 for methods that are BUS_READONLY (it is not asked for). */
uid_t bus_call_uid(const struct bus_call *c);
/* Argument i, already checked against `in`; owned by the call. Handlers may change and empty it. */
struct bus_value *bus_call_arg(struct bus_call *c, size_t i);
const char *bus_call_s(struct bus_call *c, size_t i);         /* s o g; "" if it has another type */
uint64_t bus_call_u(struct bus_call *c, size_t i);            /* y q u t b */
struct bus_dict *bus_call_dict(struct bus_call *c, size_t i); /* a{sv}; never NULL */
/* bus_options_check() on argument i. */
int bus_call_options(struct bus_call *c, size_t i, const struct bus_option *allowed,
                     struct mef_error *reterr);

/* Deferred replies. The last unref of a call that was not answered sends Failed. */
struct bus_call *bus_call_ref(struct bus_call *c);
struct bus_call *bus_call_unref(struct bus_call *c); /* NULL */
DEFINE_CLEANUP(struct bus_call *, bus_call_unref)

/* Answers; `sig` must be `out`, arguments as bus_write(). Collected changes go out first. The first answer
 * counts. A caller or a connection that is gone is not an error: 0. When the reply cannot be built the caller
 * gets an error instead and this returns -ENOMEM or -EPROTO. */
int bus_reply(struct bus_call *c, const char *sig, ...);
/* The same with the values written by the caller (arrays of structs and the like). */
int bus_reply_by(struct bus_call *c, void (*fill)(struct bus_writer *w, void *ctx), void *ctx);
/* Answers with org.mefclient1.Error.<word>; NULL or an empty error is Failed. */
void bus_reply_error(struct bus_call *c, const struct mef_error *err);
bool bus_call_answered(const struct bus_call *c);

/* ---- callers that vanish ------------------------------------------------------------------------------ */

struct bus_sender_watch;

/* Calls `gone` once when the unique name leaves the bus, or when we lose the bus (its transactions cannot go
 * on then). The watch is freed after the callback; free it earlier with bus_sender_unwatch(). -ENOTCONN,
 * -ENOMEM, -ENOBUFS. */
int bus_sender_watch(struct bus *b, const char *sender, void (*gone)(void *ctx, const char *sender),
                     void *ctx, struct bus_sender_watch **ret);
void bus_sender_unwatch(struct bus_sender_watch *w); /* NULL is fine */

/* ---- others ------------------------------------------------------------------------------------------- */

/* What a call of ours brought. Everything in it lives until `done` returns. */
struct bus_answer {
    /* 0; -ETIMEDOUT: silence; -ENOENT: nobody has the name and nobody can be started for it; -EOPNOTSUPP: no
     * such method, object or interface; -EACCES: the bus does not let us; -EREMOTEIO: another error reply;
     * -EPROTO: the answer has another form; -ENOTCONN: the connection went away; -ENOMEM. */
    int r;
    const struct mef_error *err; /* a sentence when r < 0 */
    const char *sender;          /* unique name of who answered */
    const struct bus_value *arg;
    size_t n;
};

struct bus_remote {
    const char *name, *path, *interface, *member;
    const char *out; /* the signature that the answer must have, NULL is "" */
    int timeout_ms;
    bool no_start; /* do not start the service */
    /* Called once from the loop unless the call is cancelled; never from in here. NULL: no answer is wanted.
     */
    void (*done)(void *ctx, const struct bus_answer *a);
    void *ctx;
};

struct bus_remote_call;
/* Calls a method; the bus starts the service if it can. Arguments as bus_write(). *ret (may be NULL) is valid
 * until `done` is called. -EINVAL (name, path), -ENOTCONN, -ENOMEM, -EPROTO. */
int bus_remote_call(struct bus *b, const struct bus_remote *to, struct bus_remote_call **ret, const char *in,
                    ...);
void bus_remote_cancel(struct bus_remote_call *c); /* NULL is fine */

struct bus_name_question;
/* Asks whether the name is owned or could be started. `done` comes once, from the loop (or not at all after
 * the cancel); a lost connection is a no. -EINVAL, -ENOTCONN, -ENOMEM. */
int bus_name_there(struct bus *b, const char *name, void (*done)(void *ctx, bool there), void *ctx,
                   struct bus_name_question **ret);
void bus_name_cancel(struct bus_name_question *q); /* NULL is fine */

struct bus_listener;
/* Signals of that name and signature, from whoever sends them: `fn` judges the sender (a unique name).
 * Survives the loss of the connection. Free it before the bus. One listener for each (interface, member).
 * -ENOMEM. */
int bus_listen(struct bus *b, const char *interface, const char *member, const char *sig,
               void (*fn)(void *ctx, const char *sender, const char *path, const struct bus_value *arg,
                          size_t n),
               void *ctx, struct bus_listener **ret);
void bus_unlisten(struct bus_listener *l); /* NULL is fine */
