/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A private bus for tests: a dbus-daemon of the system type (real policy, real uids), clients of any uid, a
 * fake polkit, and a pump that runs an sd_event and GLib's main context together. Tests only; failures end
 * the test. */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#define BUS_FIXTURE_TIMEOUT 20 /* seconds until a wait fails the test */

struct bus_fixture {
    char *dir;       /* private, removed at the end */
    char *address;   /* "unix:abstract=...": reachable for every uid; the same after a restart */
    GPid pid;        /* of dbus-daemon, 0 when it is not running */
    sd_event *event; /* pumped while waiting; NULL = only GLib */
};

/* Starts a daemon. Its policy lets everybody own and call everything (polkit, not the bus, says no), or, when
 * `policy` names a file (the one that we ship), what that file says on top of the defaults of a system bus.
 */
void bus_fixture_start(struct bus_fixture *f, const char *policy);
void bus_fixture_kill(struct bus_fixture *f);    /* the daemon dies, its clients lose their connections */
void bus_fixture_restart(struct bus_fixture *f); /* after kill: the same address and policy */
void bus_fixture_stop(struct bus_fixture *f);    /* kills and removes all */

/* A new private connection. exit-on-close is off. */
GDBusConnection *bus_fixture_connect(struct bus_fixture *f);
/* The same as another uid; skips the test and returns NULL unless we are root. */
GDBusConnection *bus_fixture_connect_as(struct bus_fixture *f, uid_t uid);
void bus_fixture_disconnect(GDBusConnection *c); /* closes and unrefs */

/* Runs both loops until done(ctx) says so; the test fails after BUS_FIXTURE_TIMEOUT. */
void bus_fixture_until(struct bus_fixture *f, bool (*done)(void *ctx), void *ctx);
/* Runs both loops until there was nothing to do for `ms`. */
void bus_fixture_settle(struct bus_fixture *f, unsigned ms);

/* A call and its answer. Floating params are consumed. NULL and *ret_error ("name: text") on an error reply.
 */
GVariant *bus_fixture_call(struct bus_fixture *f, GDBusConnection *c, const char *dest, const char *path,
                           const char *interface, const char *member, GVariant *params, char **ret_error);
/* The same without waiting; look with bus_fixture_until() for call->done. Free with bus_fixture_call_clear().
 */
struct bus_fixture_call {
    bool done;
    GVariant *reply;
    char *error; /* "name: text" */
    GCancellable *cancel;
};
void bus_fixture_call_start(struct bus_fixture_call *call, GDBusConnection *c, const char *dest,
                            const char *path, const char *interface, const char *member, GVariant *params,
                            GDBusCallFlags flags);
void bus_fixture_call_wait(struct bus_fixture *f, struct bus_fixture_call *call);
void bus_fixture_call_clear(struct bus_fixture_call *call);

/* Everything that a connection receives, in the order of the wire: "signal PATH INTERFACE.MEMBER ARGS",
 * "reply ARGS", "error NAME". */
struct bus_fixture_log;
struct bus_fixture_log *
bus_fixture_log_new(GDBusConnection *c); /* and subscribes to all signals of `org.mefclient1*` */
char *bus_fixture_log_text(struct bus_fixture_log *l); /* one line each, g_free */
/* The same, when the service has sent all that is due, and all that it sent has arrived: it answered a call
 * behind it. */
char *bus_fixture_log_settled(struct bus_fixture *f, struct bus_fixture_log *l);
void bus_fixture_log_reset(struct bus_fixture_log *l);
void bus_fixture_log_free(struct bus_fixture_log *l);

/* A fake org.freedesktop.PolicyKit1 on a connection of its own. */
enum fake_polkit_mode {
    POLKIT_DENY,
    POLKIT_ALLOW,
    POLKIT_CHALLENGE,
    POLKIT_ERROR,
    POLKIT_SILENT,
    POLKIT_GARBAGE
};
struct fake_polkit {
    enum fake_polkit_mode mode;
    unsigned asked, cancelled;
    char *last_action, *last_subject; /* subject: kind and name */
    unsigned last_flags;
    GDBusConnection *connection;
    guint owner, object;
    GPtrArray *open; /* invocations that were not answered (POLKIT_SILENT) */
};
void fake_polkit_start(struct fake_polkit *p, struct bus_fixture *f);
void fake_polkit_answer(struct fake_polkit *p, bool yes); /* answers what is open */
void fake_polkit_stop(struct fake_polkit *p);

struct bus_interface;
/* The introspection text of an interface, parsed by GLib, has the members, signatures, access and annotations
 * of the table, no more and no less; and bus_interface_check() is content. */
void bus_fixture_check_interface(const struct bus_interface *i);
