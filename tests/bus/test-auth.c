/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may call what: users of the machine, a polkit that denies, allows, fails, is slow or absent, and the
 * real one. */
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "plugin/base/limits.h"
#include "tests/bus/service.h"

#define SOMEBODY   65534
#define PROPERTIES "org.freedesktop.DBus.Properties"

static GVariant *change(void)
{
    return g_variant_new("(u)", 5);
}

static void refused(struct service *s, GDBusConnection *c, const char *member, GVariant *params,
                    const char *part)
{
    char *error = NULL;
    unsigned ran = s->ran;

    g_ptr_array_set_size(s->events, 0);
    g_assert_null(service_call(s, c, member, params, &error));
    if (!g_str_has_prefix(error, "org.mefclient1.Error.NotAuthorized: ") || !strstr(error, part))
        g_error("'%s' lacks '%s'", error, part);
    g_assert_cmpuint(s->ran, ==, ran); /* the handler has not run */
    g_assert_true(service_saw(s, "ACCESS_DENIED"));
    g_free(error);
}

static bool setup(struct service *s, GDBusConnection **c, const uid_t *trusted, size_t n)
{
    service_start(s, NULL, trusted, n);
    service_wait_up(s);
    *c = bus_fixture_connect_as(&s->fixture, SOMEBODY);
    if (!*c)
        service_stop(s);
    return *c != NULL;
}

static void teardown(struct service *s, GDBusConnection *c)
{
    bus_fixture_disconnect(c);
    service_stop(s);
}

static void test_root(void)
{
    struct service s;

    if (geteuid() != 0) {
        g_test_skip("not root");
        return;
    }
    service_start(&s, NULL, NULL, 0);
    service_wait_up(&s);
    GDBusConnection *c = bus_fixture_connect(&s.fixture);
    s.last_uid = 1;
    g_variant_unref(service_call(&s, c, "Change", change(), NULL));
    g_assert_cmpuint(s.last_uid, ==, 0);
    teardown(&s, c);
}

static void test_trusted(void)
{
    struct service s;
    GDBusConnection *c;
    const uid_t trusted[] = {1, SOMEBODY};

    if (!setup(&s, &c, trusted, 2))
        return;
    g_assert_true(service_saw(&s, "TRUSTED_UIDS"));
    g_assert_true(service_saw(&s, "1, 65534"));
    g_variant_unref(service_call(&s, c, "Change", change(), NULL));
    g_assert_cmpuint(s.last_uid, ==, SOMEBODY);
    teardown(&s, c);
}

static void test_no_polkit(void)
{
    struct service s;
    GDBusConnection *c;
    char *error = NULL;

    if (!setup(&s, &c, NULL, 0))
        return;
    /* Reading needs nobody's leave. */
    g_variant_unref(service_call(&s, c, "Echo", g_variant_new("(sa{sv})", "x", NULL), NULL));
    s.ran = 0;
    refused(&s, c, "Change", change(), "'org.mefclient1.configure'");
    refused(&s, c, "Register", NULL, "'org.mefclient1.register'");
    refused(&s, c, "Register", NULL, "uid 65534");
    g_assert_null(bus_fixture_call(&s.fixture, c, BUS_NAME, TEST_PATH, PROPERTIES, "Set",
                                   g_variant_new("(ssv)", TEST_IFACE, "Text", g_variant_new_string("new")),
                                   &error));
    g_assert_true(g_str_has_prefix(error, "org.mefclient1.Error.NotAuthorized"));
    g_assert_cmpstr(s.text, ==, "hello");
    g_free(error);
    teardown(&s, c);
}

static void test_answers(void)
{
    struct service s;
    GDBusConnection *c;
    struct fake_polkit p = {.mode = POLKIT_DENY};

    if (!setup(&s, &c, NULL, 0))
        return;
    fake_polkit_start(&p, &s.fixture);
    refused(&s, c, "Change", change(), "polkit says no");
    p.mode = POLKIT_ERROR;
    refused(&s, c, "Change", change(), "Error.Failed");
    p.mode = POLKIT_CHALLENGE;
    refused(&s, c, "Change", change(), "authentication");
    p.mode = POLKIT_GARBAGE;
    refused(&s, c, "Change", change(), "'org.mefclient1.configure'");
    g_assert_cmpuint(p.asked, ==, 4);
    p.mode = POLKIT_ALLOW;
    g_variant_unref(service_call(&s, c, "Change", change(), NULL));
    g_assert_cmpuint(s.last_uid, ==, SOMEBODY);
    g_assert_cmpstr(p.last_action, ==, "org.mefclient1.configure");
    /* About the sender, not about a process and not about ourselves. */
    char *subject = g_strconcat("system-bus-name ", g_dbus_connection_get_unique_name(c), NULL);
    g_assert_cmpstr(p.last_subject, ==, subject);
    g_free(subject);
    /* A person may be asked only when the caller says so. */
    g_assert_cmpuint(p.last_flags, ==, 0);
    struct bus_fixture_call call;
    bus_fixture_call_start(&call, c, BUS_NAME, TEST_PATH, TEST_IFACE, "Change", change(),
                           G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION);
    bus_fixture_call_wait(&s.fixture, &call);
    g_assert_null(call.error);
    g_assert_cmpuint(p.last_flags, ==, 1);
    bus_fixture_call_clear(&call);
    /* A yes is for one call. */
    p.mode = POLKIT_DENY;
    refused(&s, c, "Change", change(), "polkit says no");
    fake_polkit_stop(&p);
    teardown(&s, c);
}

/* The action may depend on the call. */
static void test_chosen_action(void)
{
    struct service s;
    GDBusConnection *c;
    struct fake_polkit p = {.mode = POLKIT_DENY};

    if (!setup(&s, &c, NULL, 0))
        return;
    fake_polkit_start(&p, &s.fixture);
    g_variant_unref(service_call(&s, c, "Choose", g_variant_new("(u)", 0), NULL));
    g_variant_unref(service_call(&s, c, "Choose", g_variant_new("(u)", 1), NULL));
    g_assert_cmpuint(s.last_uid, ==, SOMEBODY);
    g_assert_cmpuint(p.asked, ==, 0);
    refused(&s, c, "Choose", g_variant_new("(u)", 2), "'org.mefclient1.cancel-others-jobs'");
    g_assert_cmpuint(p.asked, ==, 1);
    fake_polkit_stop(&p);
    teardown(&s, c);
}

struct asked {
    struct fake_polkit *p;
    unsigned n, cancelled;
};

static bool was_asked(void *ctx)
{
    struct asked *a = ctx;
    return a->p->asked >= a->n && a->p->cancelled >= a->cancelled;
}

/* While polkit thinks, everything else goes on; and the world may have changed when it answers. */
static void test_slow(void)
{
    struct service s;
    GDBusConnection *c;
    struct fake_polkit p = {.mode = POLKIT_SILENT};
    struct bus_fixture_call call;

    if (!setup(&s, &c, NULL, 0))
        return;
    fake_polkit_start(&p, &s.fixture);
    bus_fixture_call_start(&call, c, BUS_NAME, TEST_PATH, TEST_IFACE, "Change", change(),
                           G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_until(&s.fixture, was_asked, &(struct asked){&p, 1, 0});
    g_variant_unref(service_call(&s, c, "Echo", g_variant_new("(sa{sv})", "x", NULL), NULL));
    g_assert_false(call.done);
    fake_polkit_answer(&p, true);
    bus_fixture_call_wait(&s.fixture, &call);
    g_assert_null(call.error);
    bus_fixture_call_clear(&call);

    p.mode = POLKIT_SILENT;
    unsigned ran = s.ran;
    bus_fixture_call_start(&call, c, BUS_NAME, TEST_PATH, TEST_IFACE, "Change", change(),
                           G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_until(&s.fixture, was_asked, &(struct asked){&p, 2, 0});
    bus_object_remove(TAKE_PTR(s.test));
    fake_polkit_answer(&p, true);
    bus_fixture_call_wait(&s.fixture, &call);
    g_assert_true(g_str_has_prefix(call.error, "org.freedesktop.DBus.Error.UnknownObject"));
    g_assert_cmpuint(s.ran, ==, ran);
    bus_fixture_call_clear(&call);
    fake_polkit_stop(&p);
    teardown(&s, c);
}

/* The caller leaves while polkit thinks: polkit is told, nothing runs, nothing stays parked. */
static void test_caller_leaves(void)
{
    struct service s;
    GDBusConnection *c;
    struct fake_polkit p = {.mode = POLKIT_SILENT};
    struct bus_fixture_call call;

    if (!setup(&s, &c, NULL, 0))
        return;
    fake_polkit_start(&p, &s.fixture);
    for (unsigned i = 1; i <= LIMIT_AUTH_PENDING + 2; i++) { /* more than may be open at once */
        GDBusConnection *other = bus_fixture_connect_as(&s.fixture, SOMEBODY);
        bus_fixture_call_start(&call, other, BUS_NAME, TEST_PATH, TEST_IFACE, "Change", change(),
                               G_DBUS_CALL_FLAGS_NONE);
        bus_fixture_until(&s.fixture, was_asked, &(struct asked){&p, i, 0});
        bus_fixture_disconnect(other);
        bus_fixture_until(&s.fixture, was_asked, &(struct asked){&p, i, i});
        bus_fixture_call_clear(&call);
    }
    fake_polkit_answer(&p, true);
    bus_fixture_settle(&s.fixture, 20);
    g_assert_cmpuint(s.ran, ==, 0);
    fake_polkit_stop(&p);
    teardown(&s, c);
}

static bool first_done(void *ctx)
{
    struct bus_fixture_call *call = ctx;
    return call[LIMIT_AUTH_PER_SENDER].done;
}

static void test_limit(void)
{
    struct service s;
    GDBusConnection *c;
    struct fake_polkit p = {.mode = POLKIT_SILENT};
    struct bus_fixture_call call[LIMIT_AUTH_PER_SENDER + 1];

    if (!setup(&s, &c, NULL, 0))
        return;
    fake_polkit_start(&p, &s.fixture);
    for (size_t i = 0; i < G_N_ELEMENTS(call); i++)
        bus_fixture_call_start(&call[i], c, BUS_NAME, TEST_PATH, TEST_IFACE, "Register", NULL,
                               G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_until(&s.fixture, first_done, call);
    g_assert_true(g_str_has_prefix(call[LIMIT_AUTH_PER_SENDER].error, "org.mefclient1.Error.LimitExceeded"));
    bus_fixture_until(&s.fixture, was_asked, &(struct asked){&p, LIMIT_AUTH_PER_SENDER, 0});
    g_assert_cmpuint(s.ran, ==, 0);
    fake_polkit_answer(&p, true);
    for (size_t i = 0; i < LIMIT_AUTH_PER_SENDER; i++) {
        bus_fixture_call_wait(&s.fixture, &call[i]);
        g_assert_null(call[i].error);
    }
    g_assert_cmpuint(s.ran, ==, LIMIT_AUTH_PER_SENDER);
    g_variant_unref(service_call(&s, c, "Register", NULL, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(call); i++)
        bus_fixture_call_clear(&call[i]);
    fake_polkit_stop(&p);
    teardown(&s, c);
}

/* Large arguments of unauthorized callers are bounded together, and hold up nobody else. */
static void test_large(void)
{
    struct service s;
    GDBusConnection *c;
    struct fake_polkit p = {.mode = POLKIT_SILENT};
    struct bus_fixture_call call[6];
    unsigned limited = 0, run = 0;

    if (!setup(&s, &c, NULL, 0))
        return;
    fake_polkit_start(&p, &s.fixture);
    GDBusConnection *root = bus_fixture_connect(&s.fixture);
    char *big = g_strnfill(LIMIT_IMPORT - 1, 'x');
    for (size_t i = 0; i < G_N_ELEMENTS(call); i++)
        bus_fixture_call_start(&call[i], c, BUS_NAME, TEST_PATH, TEST_IFACE, "Import",
                               g_variant_new("(s)", big), G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_until(&s.fixture, was_asked, &(struct asked){&p, 3, 0});
    bus_fixture_settle(&s.fixture, 100);
    g_variant_unref(service_call(&s, root, "Change", change(), NULL));
    s.ran = 0;
    fake_polkit_answer(&p, true);
    for (size_t i = 0; i < G_N_ELEMENTS(call); i++) {
        bus_fixture_call_wait(&s.fixture, &call[i]);
        if (call[i].error) {
            g_assert_true(g_str_has_prefix(call[i].error, "org.mefclient1.Error.LimitExceeded"));
            limited++;
        } else {
            run++;
        }
        bus_fixture_call_clear(&call[i]);
    }
    g_assert_cmpuint(run, >=, 3);
    g_assert_cmpuint(limited, >=, 2);
    g_assert_cmpuint(s.ran, ==, run);
    g_free(big);
    bus_fixture_disconnect(root);
    fake_polkit_stop(&p);
    teardown(&s, c);
}

/* Bus, polkit and we part while a question is open. */
static void test_bus_dies(void)
{
    struct service s;
    GDBusConnection *c;
    struct fake_polkit p = {.mode = POLKIT_SILENT};
    struct bus_fixture_call call;

    if (!setup(&s, &c, NULL, 0))
        return;
    fake_polkit_start(&p, &s.fixture);
    bus_fixture_call_start(&call, c, BUS_NAME, TEST_PATH, TEST_IFACE, "Change", change(),
                           G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_until(&s.fixture, was_asked, &(struct asked){&p, 1, 0});
    bus_fixture_kill(&s.fixture);
    bus_fixture_call_wait(&s.fixture, &call);
    bus_fixture_call_clear(&call);
    bus_fixture_settle(&s.fixture, 20);
    bus_fixture_restart(&s.fixture);
    service_wait_up(&s);
    g_assert_cmpuint(s.ran, ==, 0);
    fake_polkit_stop(&p);
    teardown(&s, c);
}

/* ---- the real one ------------------------------------------------------------------------------------- */

static const char action_file[] =
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    "<!DOCTYPE policyconfig PUBLIC '-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN'\n"
    " 'http://www.freedesktop.org/standards/PolicyKit/1/policyconfig.dtd'>\n<policyconfig>"
    "<action id='org.mefclient1.configure'><description>x</description><message>x</message>"
    "<defaults><allow_any>no</allow_any><allow_inactive>no</allow_inactive><allow_active>no</allow_active></"
    "defaults></action>"
    "<action id='org.mefclient1.register'><description>x</description><message>x</message>"
    "<defaults><allow_any>no</allow_any><allow_inactive>no</allow_inactive><allow_active>no</allow_active></"
    "defaults></action>"
    "</policyconfig>\n";
static const char rule_file[] = "polkit.addRule(function(action, subject) {\n"
                                "  if (action.id == 'org.mefclient1.configure' && subject.user == 'nobody')\n"
                                "    return polkit.Result.YES;\n});\n";

static bool polkit_up(void *ctx)
{
    return *(bool *)ctx;
}

static void on_polkit(GDBusConnection *c, const char *name, const char *owner, gpointer data)
{
    *(bool *)data = true;
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char *file = g_build_filename(dir, name, NULL);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
    g_assert_cmpint(g_chmod(file, 0644), ==, 0);
    g_free(file);
}

static void remove_dir(char *dir, const char *name)
{
    char *file = g_build_filename(dir, name, NULL);
    g_unlink(file);
    g_rmdir(dir);
    g_free(file);
    g_free(dir);
}

static void test_real_polkit(void)
{
    const char *daemon = "/usr/lib/polkit-1/polkitd";
    struct service s;
    GDBusConnection *c;
    GError *e = NULL;
    GPid pid;
    bool up = false;

    if (geteuid() != 0 || access(daemon, X_OK) != 0 || system("unshare -m true 2>/dev/null") != 0) {
        g_test_skip("needs root, mount namespaces and polkitd");
        return;
    }
    if (!setup(&s, &c, NULL, 0))
        return;
    char *rules = g_dir_make_tmp("rules.XXXXXX", NULL), *actions = g_dir_make_tmp("actions.XXXXXX", NULL);
    g_assert_cmpint(g_chmod(rules, 0755) | g_chmod(actions, 0755), ==, 0);
    write_file(rules, "10-test.rules", rule_file);
    write_file(actions, "org.mefclient1.policy", action_file);
    char *script = g_strdup_printf(
        "mount --bind %s /etc/polkit-1/rules.d && mount --bind %s /usr/share/polkit-1/actions && "
        "exec env DBUS_SYSTEM_BUS_ADDRESS='%s' %s --no-debug",
        rules, actions, s.fixture.address, daemon);
    char *argv[] = {(char *)"unshare", (char *)"-m", (char *)"sh", (char *)"-c", script, NULL};
    GDBusConnection *watcher = bus_fixture_connect(&s.fixture);
    guint watch =
        g_bus_watch_name_on_connection(watcher, "org.freedesktop.PolicyKit1", 0, on_polkit, NULL, &up, NULL);
    g_spawn_async(NULL, argv, NULL,
                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                  &pid, &e);
    g_assert_no_error(e);
    bus_fixture_until(&s.fixture, polkit_up, &up);
    g_variant_unref(service_call(&s, c, "Change", change(), NULL));
    g_assert_cmpuint(s.last_uid, ==, SOMEBODY);
    refused(&s, c, "Register", NULL, "polkit says no");
    refused(&s, c, "Choose", g_variant_new("(u)", 2),
            "'org.mefclient1.cancel-others-jobs'"); /* not registered */
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    g_bus_unwatch_name(watch);
    bus_fixture_disconnect(watcher);
    g_free(script);
    remove_dir(rules, "10-test.rules");
    remove_dir(actions, "org.mefclient1.policy");
    teardown(&s, c);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/auth/root", test_root);
    g_test_add_func("/bus/auth/trusted", test_trusted);
    g_test_add_func("/bus/auth/no-polkit", test_no_polkit);
    g_test_add_func("/bus/auth/answers", test_answers);
    g_test_add_func("/bus/auth/chosen-action", test_chosen_action);
    g_test_add_func("/bus/auth/slow-polkit", test_slow);
    g_test_add_func("/bus/auth/caller-leaves", test_caller_leaves);
    g_test_add_func("/bus/auth/limit-per-sender", test_limit);
    g_test_add_func("/bus/auth/large-arguments", test_large);
    g_test_add_func("/bus/auth/bus-dies", test_bus_dies);
    g_test_add_func("/bus/auth/real-polkit", test_real_polkit);
    return g_test_run();
}
