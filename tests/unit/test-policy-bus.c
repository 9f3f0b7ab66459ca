/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The installed bus policy on a real bus daemon: who may own our names, and who may call what. The daemon has
 * the rules of the system bus, that is, everything is refused that a file does not allow. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static char *address;

/* The rules of the system bus, and our file behind them. */
static const char head[] =
    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n"
    " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
    "<busconfig><type>mefclient-test</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>\n"
    "<policy context=\"default\"><allow user=\"*\"/><deny own=\"*\"/><deny send_type=\"method_call\"/>\n"
    "<allow send_type=\"signal\"/><allow send_requested_reply=\"true\" send_type=\"method_return\"/>\n"
    "<allow send_requested_reply=\"true\" send_type=\"error\"/><allow receive_type=\"method_call\"/>\n"
    "<allow receive_type=\"method_return\"/><allow receive_type=\"error\"/><allow receive_type=\"signal\"/>\n"
    "<allow send_destination=\"org.freedesktop.DBus\"/></policy>\n"
    "<include>%s/policy/org.mefclient1.conf</include></busconfig>\n";

static GSubprocess *start_bus(const char *dir)
{
    g_autofree char *config = g_build_filename(dir, "bus.conf", NULL);
    g_autofree char *text = g_strdup_printf(head, dir, TOP_SRCDIR);
    g_autofree char *option = g_strdup_printf("--config-file=%s", config);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDataInputStream) out = NULL;
    GSubprocess *bus;

    g_assert_true(g_file_set_contents(config, text, -1, NULL));
    bus = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, "dbus-daemon", "--nofork", "--nopidfile",
                           "--print-address", option, NULL);
    g_assert_no_error(error);
    out = g_data_input_stream_new(g_subprocess_get_stdout_pipe(bus));
    address = g_data_input_stream_read_line(out, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(address); /* it read the file: a broken one ends the daemon */
    return bus;
}

static GDBusConnection *join(void)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *c = g_dbus_connection_new_for_address_sync(
        address,
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
        NULL, &error);
    g_assert_no_error(error);
    return c;
}

/* 1 = ours now; 0 = AccessDenied. */
static unsigned own(GDBusConnection *c, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) r = g_dbus_connection_call_sync(
        c, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
        g_variant_new("(su)", name, 4u), G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE, 20000, NULL, &error);
    guint32 result = 0;

    if (!r)
        g_assert_error(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
    else
        g_variant_get(r, "(u)", &result);
    return result;
}

/* Calls as an ordinary user; whether the call came through (nobody implements it: then the answer is an error
 * of the callee, not of the daemon). */
static gboolean stranger_reaches(const char *destination, const char *method)
{
    g_autofree char *bus = g_strdup_printf("--bus=%s", address),
                    *to = g_strdup_printf("--dest=%s", destination);
    g_autofree char *err = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) p =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error,
                         "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "dbus-send", bus,
                         "--print-reply", "--reply-timeout=20000", to, "/org/mefclient1", method, NULL);

    g_assert_no_error(error);
    g_assert_true(g_subprocess_communicate_utf8(p, NULL, NULL, NULL, &err, &error));
    g_test_message("%s %s: %s", destination, method, err);
    if (!err[0] || strstr(err, "DBus.Error.UnknownMethod"))
        return TRUE;
    g_assert_nonnull(strstr(err, "DBus.Error.AccessDenied"));
    return FALSE;
}

static void test_own(void)
{
    g_autoptr(GDBusConnection) c = join();

    g_assert_cmpuint(own(c, "org.mefclient1"), ==, 1);
    g_assert_cmpuint(own(c, "org.mefclient1.dm.LwM2M"), ==, 1);
    g_assert_cmpuint(own(c, "org.mefclient1.dm.OmaDm"), ==, 1);
    g_assert_cmpuint(own(c, "org.mefclient1.other"), ==, 0);
    g_assert_cmpuint(own(c, "org.mefclient12"), ==, 0);
    g_assert_cmpuint(own(c, "org.mefclient1.dmx"), ==, 0);
    g_assert_true(g_dbus_connection_close_sync(c, NULL, NULL));
}

static void test_call(void)
{
    g_autoptr(GDBusConnection) c = join();

    g_assert_cmpuint(own(c, "org.mefclient1"), ==, 1);
    g_assert_cmpuint(own(c, "org.mefclient1.dm.LwM2M"), ==, 1);
    /* polkit, not the bus, answers for these. */
    g_assert_true(stranger_reaches("org.mefclient1", "org.mefclient1.Manager.Reload"));
    g_assert_true(stranger_reaches("org.mefclient1", "org.mefclient1.Tree.AddMefClientRegCfg"));
    g_assert_true(stranger_reaches("org.mefclient1", "org.mefclient1.Registration.Poll"));
    g_assert_true(stranger_reaches("org.mefclient1", "org.freedesktop.DBus.Properties.GetAll"));
    g_assert_true(stranger_reaches("org.mefclient1", "org.freedesktop.DBus.ObjectManager.GetManagedObjects"));
    g_assert_true(stranger_reaches("org.mefclient1", "org.freedesktop.DBus.Introspectable.Introspect"));
    /* Not ours to offer, and what only the plugin may call. */
    g_assert_false(stranger_reaches("org.mefclient1", "org.example.Other.Method"));
    g_assert_false(stranger_reaches("org.mefclient1.dm.LwM2M", "org.mefclient1.DMClient.StartSession"));
    g_assert_true(g_dbus_connection_close_sync(c, NULL, NULL));
}

int main(int argc, char **argv)
{
    g_autofree char *dir = NULL;
    g_autofree char *socket = NULL, *config = NULL;
    g_autoptr(GSubprocess) bus = NULL;
    int r;

    g_test_init(&argc, &argv, NULL);
    if (geteuid() != 0) {
        /* The file lets root and the service user own the names; neither is us. */
        g_print("1..0 # SKIP needs root: the policy is for root and for another user\n");
        return 0;
    }
    dir = g_dir_make_tmp("policy-bus.XXXXXX", NULL);
    g_assert_nonnull(dir);
    g_assert_cmpint(g_chmod(dir, 0755), ==, 0);
    {
        /* The other user has to get to the socket; the directory above is the test's own
         * (tests/lib/run-test). */
        g_autofree char *above = g_path_get_dirname(dir);
        if (g_str_has_prefix(above, g_get_tmp_dir()) && strstr(above, "mefclient-test."))
            g_assert_cmpint(g_chmod(above, 0711), ==, 0);
    }
    bus = start_bus(dir);
    g_test_add_func("/policy/bus/own", test_own);
    g_test_add_func("/policy/bus/call", test_call);
    r = g_test_run();
    g_subprocess_force_exit(bus);
    (void)g_subprocess_wait(bus, NULL, NULL);
    socket = g_build_filename(dir, "bus", NULL);
    config = g_build_filename(dir, "bus.conf", NULL);
    (void)g_unlink(socket);
    (void)g_unlink(config);
    (void)g_rmdir(dir);
    g_free(address);
    return r;
}
