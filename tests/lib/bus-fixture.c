/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See bus-fixture.h. The daemon is a child in the foreground; its end is waited for. */
#include "tests/lib/bus-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dbus/bus.h"

/* ---- the daemon --------------------------------------------------------------------------------------- */

static const char open_policy[] =
    "<policy context='default'><allow own='*'/><allow send_type='method_call'/></policy>";

/* A test that fails in the middle leaves no daemon behind. */
static void on_child(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void daemon_run(struct bus_fixture *f)
{
    char *config = g_build_filename(f->dir, "bus.conf", NULL);
    char *argv[] = {(char *)"dbus-daemon",       g_strconcat("--config-file=", config, NULL),
                    (char *)"--nofork",          (char *)"--nopidfile",
                    (char *)"--print-address=1", NULL};
    GError *e = NULL;
    int out;
    char c;

    g_spawn_async_with_pipes(NULL, argv, NULL,
                             G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL,
                             on_child, NULL, &f->pid, NULL, &out, NULL, &e);
    g_assert_no_error(e);
    /* The address comes when it listens; end of file means that it died. */
    do {
        ssize_t n = read(out, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        g_assert_cmpint(n, ==, 1);
    } while (c != '\n');
    close(out);
    g_free(argv[1]);
    g_free(config);
}

void bus_fixture_start(struct bus_fixture *f, const char *policy)
{
    GError *e = NULL;
    char *config, *text, *include = NULL;

    f->dir = g_dir_make_tmp("bus.XXXXXX", &e);
    g_assert_no_error(e);
    f->address = g_strdup_printf("unix:abstract=%s-%08x", f->dir, g_random_int());
    if (policy)
        include = g_strdup_printf("<include>%s</include>", policy);
    text = g_strdup_printf(
        "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN'\n"
        " 'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>\n"
        "<busconfig><type>system</type><listen>%s</listen><auth>EXTERNAL</auth>\n"
        "<policy context='default'><allow user='*'/><deny own='*'/><deny send_type='method_call'/>\n"
        "<allow send_type='signal'/><allow send_requested_reply='true' send_type='method_return'/>\n"
        "<allow send_requested_reply='true' send_type='error'/><allow receive_type='method_call'/>\n"
        "<allow receive_type='method_return'/><allow receive_type='error'/>\n"
        "<allow receive_type='signal'/><allow send_destination='org.freedesktop.DBus'/></policy>\n"
        "%s</busconfig>\n",
        f->address, include ? include : open_policy);
    config = g_build_filename(f->dir, "bus.conf", NULL);
    g_assert_true(g_file_set_contents(config, text, -1, NULL));
    g_free(config);
    g_free(text);
    g_free(include);
    daemon_run(f);
}

void bus_fixture_kill(struct bus_fixture *f)
{
    if (f->pid <= 0)
        return;
    kill(f->pid, SIGKILL);
    while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    f->pid = 0;
}

void bus_fixture_restart(struct bus_fixture *f)
{
    daemon_run(f);
}

void bus_fixture_stop(struct bus_fixture *f)
{
    char *config = g_build_filename(f->dir, "bus.conf", NULL);

    bus_fixture_kill(f);
    g_unlink(config);
    g_rmdir(f->dir);
    g_free(config);
    g_clear_pointer(&f->dir, g_free);
    g_clear_pointer(&f->address, g_free);
}

/* ---- clients ------------------------------------------------------------------------------------------ */

GDBusConnection *bus_fixture_connect(struct bus_fixture *f)
{
    GError *e = NULL;
    GDBusConnection *c = g_dbus_connection_new_for_address_sync(
        f->address,
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
        NULL, &e);

    g_assert_no_error(e);
    g_dbus_connection_set_exit_on_close(c, FALSE);
    return c;
}

GDBusConnection *bus_fixture_connect_as(struct bus_fixture *f, uid_t uid)
{
    GDBusConnection *c;

    if (geteuid() != 0) {
        g_test_skip("only root can connect as another user");
        return NULL;
    }
    /* The daemon reads the effective uid of the moment of connect(2). */
    g_assert_cmpint(seteuid(uid), ==, 0);
    c = bus_fixture_connect(f);
    g_assert_cmpint(seteuid(0), ==, 0);
    return c;
}

void bus_fixture_disconnect(GDBusConnection *c)
{
    g_dbus_connection_close_sync(c, NULL, NULL);
    g_object_unref(c);
}

/* ---- the pump ----------------------------------------------------------------------------------------- */

static bool pump(struct bus_fixture *f)
{
    bool did = false;

    while (f->event && sd_event_run(f->event, 0) > 0)
        did = true;
    while (g_main_context_iteration(NULL, FALSE))
        did = true;
    return did;
}

/* Waits until either loop has something to do, at most `ms`. */
static void pump_wait(struct bus_fixture *f, int ms)
{
    GPollFD fd[32];
    gint timeout = -1, priority, n;

    if (f->event && sd_event_prepare(f->event) > 0)
        sd_event_dispatch(f->event);
    GMainContext *context = g_main_context_default();
    g_main_context_acquire(context);
    g_main_context_prepare(context, &priority);
    n = g_main_context_query(context, priority, &timeout, fd, 31);
    g_main_context_release(context);
    if (timeout >= 0 && timeout < ms)
        ms = timeout;
    if (f->event)
        fd[n++] = (GPollFD){.fd = sd_event_get_fd(f->event), .events = G_IO_IN};
    g_poll(fd, (guint)n, ms);
    if (f->event && sd_event_get_state(f->event) == SD_EVENT_ARMED && sd_event_wait(f->event, 0) > 0)
        sd_event_dispatch(f->event);
}

void bus_fixture_until(struct bus_fixture *f, bool (*done)(void *ctx), void *ctx)
{
    gint64 end = g_get_monotonic_time() + BUS_FIXTURE_TIMEOUT * G_USEC_PER_SEC;

    while (!done(ctx)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        if (!pump(f))
            pump_wait(f, 20);
    }
}

void bus_fixture_settle(struct bus_fixture *f, unsigned ms)
{
    gint64 end = g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;

    while (g_get_monotonic_time() < end) {
        if (pump(f))
            end = g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
        else
            pump_wait(f, 5);
    }
}

static char *error_text(GError *e)
{
    char *name = g_dbus_error_get_remote_error(e), *text;

    g_dbus_error_strip_remote_error(e);
    text = g_strdup_printf("%s: %s", name ? name : "(local)", e->message);
    g_free(name);
    g_error_free(e);
    return text;
}

static void on_call(GObject *source, GAsyncResult *res, gpointer data)
{
    struct bus_fixture_call *call = data;
    GError *e = NULL;

    call->reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), res, &e);
    if (e)
        call->error = error_text(e);
    call->done = true;
}

static void on_message_reply(GObject *source, GAsyncResult *res, gpointer data)
{
    struct bus_fixture_call *call = data;
    GError *e = NULL;
    GDBusMessage *m = g_dbus_connection_send_message_with_reply_finish(G_DBUS_CONNECTION(source), res, &e);

    if (m && !g_dbus_message_to_gerror(m, &e)) {
        GVariant *body = g_dbus_message_get_body(m);
        call->reply = body ? g_variant_ref(body) : g_variant_ref_sink(g_variant_new("()"));
    }
    if (e)
        call->error = error_text(e);
    if (m)
        g_object_unref(m);
    call->done = true;
}

void bus_fixture_call_start(struct bus_fixture_call *call, GDBusConnection *c, const char *dest,
                            const char *path, const char *interface, const char *member, GVariant *params,
                            GDBusCallFlags flags)
{
    *call = (struct bus_fixture_call){.cancel = g_cancellable_new()};
    if (interface) {
        g_dbus_connection_call(c, dest, path, interface, member, params, NULL, flags, 30000, call->cancel,
                               on_call, call);
        return;
    }
    /* Allowed by the specification, but not by the convenience function. */
    GDBusMessage *m = g_dbus_message_new_method_call(dest, path, NULL, member);
    if (params)
        g_dbus_message_set_body(m, params);
    g_dbus_connection_send_message_with_reply(c, m, G_DBUS_SEND_MESSAGE_FLAGS_NONE, 30000, NULL, call->cancel,
                                              on_message_reply, call);
    g_object_unref(m);
}

static bool call_done(void *ctx)
{
    return ((struct bus_fixture_call *)ctx)->done;
}

void bus_fixture_call_wait(struct bus_fixture *f, struct bus_fixture_call *call)
{
    bus_fixture_until(f, call_done, call);
}

void bus_fixture_call_clear(struct bus_fixture_call *call)
{
    if (call->cancel && !call->done) {
        g_cancellable_cancel(call->cancel);
        while (!call->done)
            g_main_context_iteration(NULL, TRUE);
    }
    g_clear_pointer(&call->reply, g_variant_unref);
    g_clear_pointer(&call->error, g_free);
    g_clear_object(&call->cancel);
}

GVariant *bus_fixture_call(struct bus_fixture *f, GDBusConnection *c, const char *dest, const char *path,
                           const char *interface, const char *member, GVariant *params, char **ret_error)
{
    struct bus_fixture_call call;
    GVariant *reply;

    bus_fixture_call_start(&call, c, dest, path, interface, member, params, G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_call_wait(f, &call);
    reply = g_steal_pointer(&call.reply);
    if (call.error && !ret_error)
        g_error("%s: %s", member, call.error);
    if (ret_error)
        *ret_error = g_steal_pointer(&call.error);
    bus_fixture_call_clear(&call);
    return reply;
}

/* ---- the log ------------------------------------------------------------------------------------------ */

struct bus_fixture_log {
    GMutex lock;
    GString *text;
    GDBusConnection *c;
    guint filter, subscription;
    guint32 ping; /* of bus_fixture_log_settled(): its reply is not told */
};

static GDBusMessage *on_wire(GDBusConnection *c, GDBusMessage *m, gboolean incoming, gpointer data)
{
    struct bus_fixture_log *l = data;
    const char *sender = g_dbus_message_get_sender(m);
    GVariant *body = g_dbus_message_get_body(m);
    char *args;

    if (!incoming || (sender && strcmp(sender, "org.freedesktop.DBus") == 0))
        return m;
    args = body ? g_variant_print(body, FALSE) : g_strdup("()");
    g_mutex_lock(&l->lock);
    switch (g_dbus_message_get_message_type(m)) {
    case G_DBUS_MESSAGE_TYPE_SIGNAL:
        g_string_append_printf(l->text, "signal %s %s.%s %s\n", g_dbus_message_get_path(m),
                               g_dbus_message_get_interface(m), g_dbus_message_get_member(m), args);
        break;
    case G_DBUS_MESSAGE_TYPE_METHOD_RETURN:
        if (!l->ping || g_dbus_message_get_reply_serial(m) != l->ping)
            g_string_append_printf(l->text, "reply %s\n", args);
        break;
    case G_DBUS_MESSAGE_TYPE_ERROR:
        g_string_append_printf(l->text, "error %s\n", g_dbus_message_get_error_name(m));
        break;
    default:
        break;
    }
    g_mutex_unlock(&l->lock);
    g_free(args);
    return m;
}

static void on_signal(GDBusConnection *c, const char *sender, const char *path, const char *interface,
                      const char *member, GVariant *params, gpointer data)
{
}

struct bus_fixture_log *bus_fixture_log_new(GDBusConnection *c)
{
    struct bus_fixture_log *l = g_new0(struct bus_fixture_log, 1);

    g_mutex_init(&l->lock);
    l->text = g_string_new(NULL);
    l->c = g_object_ref(c);
    l->filter = g_dbus_connection_add_filter(c, on_wire, l, NULL);
    l->subscription = g_dbus_connection_signal_subscribe(c, NULL, NULL, NULL, NULL, NULL,
                                                         G_DBUS_SIGNAL_FLAGS_NONE, on_signal, NULL, NULL);
    /* The match rule is in force once the daemon has answered something sent after it. */
    GVariant *v = g_dbus_connection_call_sync(c, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                              "org.freedesktop.DBus", "GetId", NULL, NULL,
                                              G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
    g_assert_nonnull(v);
    g_variant_unref(v);
    return l;
}

char *bus_fixture_log_text(struct bus_fixture_log *l)
{
    char *text;

    g_mutex_lock(&l->lock);
    text = g_strdup(l->text->str);
    g_mutex_unlock(&l->lock);
    return text;
}

char *bus_fixture_log_settled(struct bus_fixture *f, struct bus_fixture_log *l)
{
    struct bus_fixture_call call = {.cancel = g_cancellable_new()};
    GDBusMessage *m =
        g_dbus_message_new_method_call("org.mefclient1", "/", "org.freedesktop.DBus.Peer", "Ping");

    bus_fixture_settle(f, 30);
    g_mutex_lock(&l->lock); /* before the reply can be seen */
    g_dbus_connection_send_message_with_reply(l->c, m, G_DBUS_SEND_MESSAGE_FLAGS_NONE, 30000, &l->ping,
                                              call.cancel, on_message_reply, &call);
    g_mutex_unlock(&l->lock);
    bus_fixture_call_wait(f, &call);
    g_assert_null(call.error);
    bus_fixture_call_clear(&call);
    g_object_unref(m);
    return bus_fixture_log_text(l);
}

void bus_fixture_log_reset(struct bus_fixture_log *l)
{
    g_mutex_lock(&l->lock);
    g_string_truncate(l->text, 0);
    g_mutex_unlock(&l->lock);
}

void bus_fixture_log_free(struct bus_fixture_log *l)
{
    g_dbus_connection_signal_unsubscribe(l->c, l->subscription);
    g_dbus_connection_remove_filter(l->c, l->filter);
    /* A filter may still run in GDBus' thread: closing ends that thread's work on this connection. */
    g_dbus_connection_close_sync(l->c, NULL, NULL);
    g_object_unref(l->c);
    g_string_free(l->text, TRUE);
    g_mutex_clear(&l->lock);
    g_free(l);
}
