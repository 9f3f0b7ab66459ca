/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/host/host-fixture.h"

void host_fixture_configure(struct host_fixture *f, const char *more)
{
    char *text = g_strdup_printf(
        "[client]\nid=//m2m.example.com/gw42\nkind=cse\ncse-id=/gw42\nsp-id=//m2m.example.com\n"
        "[bus]\ntrusted-uids=%u\n"
        "[token]\nmodule=%s\nuri=%s\npin-file=%s\n%s",
        (unsigned)getuid(), f->token.module, f->token.uri, f->token.pin_file, more ? more : "");
    g_assert_true(g_file_set_contents(f->config, text, -1, NULL));
    g_free(text);
}

void host_fixture_up(struct host_fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->bus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(f->bus);
    token_fixture_setup(&f->token, "host");
    f->dir = g_dir_make_tmp("host.XXXXXX", NULL);
    f->config = g_build_filename(f->dir, "mefclient.conf", NULL);
    f->state_dir = g_build_filename(f->dir, "state", NULL);
    f->runtime_dir = g_build_filename(f->dir, "run", NULL);
    host_fixture_configure(f, NULL);
}

/* The directory lies in the private TMPDIR of run-test, which removes all of it. */
void host_fixture_down(struct host_fixture *f)
{
    token_fixture_teardown(&f->token);
    g_test_dbus_down(f->bus);
    g_object_unref(f->bus);
    g_free(f->dir);
    g_free(f->config);
    g_free(f->state_dir);
    g_free(f->runtime_dir);
}

void host_fixture_fill(const struct host_fixture *f, struct mefplug_host *h)
{
    memset(h, 0, sizeof(*h));
    MEFPLUG_HOST_INIT(h);
    h->name = "test-host";
    h->config_path = f->config;
    h->state_dir = f->state_dir;
    h->runtime_dir = f->runtime_dir;
    h->bus_address = g_test_dbus_get_bus_address(f->bus);
    h->log_target = "console";
}

gboolean host_fixture_on_bus(const struct host_fixture *f)
{
    GError *error = NULL;
    gboolean owned = FALSE;
    GDBusConnection *c = g_dbus_connection_new_for_address_sync(
        g_test_dbus_get_bus_address(f->bus),
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
        NULL, &error);
    GVariant *v;

    g_assert_no_error(error);
    v = g_dbus_connection_call_sync(c, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                    "org.freedesktop.DBus", "NameHasOwner",
                                    g_variant_new("(s)", "org.mefclient1"), NULL, 0, -1, NULL, &error);
    g_assert_no_error(error);
    g_variant_get(v, "(b)", &owned);
    g_variant_unref(v);
    g_dbus_connection_close_sync(c, NULL, NULL);
    g_object_unref(c);
    return owned;
}
