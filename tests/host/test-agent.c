/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-agent as a process: its exit codes, what it tells the service manager, its signals. The service manager
 * is a datagram socket in $NOTIFY_SOCKET. */
#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/host/host-fixture.h"

#define AGENT       TOP_BUILDDIR "/mef-agent"
#define PATIENCE_MS 30000

static struct host_fixture fixture;

struct agent {
    GPid pid;
    int notify;
    char *socket;
    GString *told; /* all datagrams, a line each */
};

static void listen_notify(struct agent *a)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    a->socket = g_build_filename(fixture.dir, "notify", NULL);
    g_unlink(a->socket);
    g_assert_cmpuint(strlen(a->socket), <, sizeof(at.sun_path));
    strcpy(at.sun_path, a->socket);
    a->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(a->notify, (struct sockaddr *)&at, sizeof(at)), ==, 0);
}

/* `more`: further words, NULL-terminated; `environment`: NAME=VALUE pairs, NULL-terminated, may be NULL. */
static void start(struct agent *a, const char *bus, const char *const *more, const char *const *environment)
{
    GPtrArray *argv = g_ptr_array_new();
    char **env = g_get_environ();
    GError *error = NULL;
    const char *const words[] = {AGENT,          "--config", fixture.config, "--plugin", PLUGIN,
                                 "--log-target", "console",  "--bus",        bus};

    memset(a, 0, sizeof(*a));
    a->told = g_string_new(NULL);
    listen_notify(a);
    env = g_environ_setenv(env, "NOTIFY_SOCKET", a->socket, TRUE);
    for (; environment && *environment; environment++) {
        char **pair = g_strsplit(*environment, "=", 2);
        env = g_environ_setenv(env, pair[0], pair[1], TRUE);
        g_strfreev(pair);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        g_ptr_array_add(argv, (char *)words[i]);
    for (; more && *more; more++)
        g_ptr_array_add(argv, (char *)*more);
    g_ptr_array_add(argv, NULL);
    g_spawn_async(NULL, (char **)argv->pdata, env, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &a->pid, &error);
    g_assert_no_error(error);
    g_strfreev(env);
    g_ptr_array_free(argv, TRUE);
}

/* Reads what the agent tells until a line begins with `part`; what came before is kept in a->told. */
static void expect(struct agent *a, const char *part)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_MS * G_GINT64_CONSTANT(1000);
    char text[2048], *line = g_strdup_printf("\n%s", part);

    for (;;) {
        struct pollfd p = {.fd = a->notify, .events = POLLIN};
        char *at;
        ssize_t n;

        g_string_prepend_c(a->told, '\n');
        at = strstr(a->told->str, line);
        if (at) {
            /* What is asked for next must come later. */
            g_string_erase(a->told, 0, at - a->told->str + (gssize)strlen(line));
            g_free(line);
            return;
        }
        g_string_erase(a->told, 0, 1);
        if (g_get_monotonic_time() > end)
            g_error("the agent did not tell '%s' but: %s", part, a->told->str);
        if (poll(&p, 1, 100) <= 0)
            continue;
        n = recv(a->notify, text, sizeof(text) - 1, 0);
        if (n > 0) {
            g_string_append_len(a->told, text, n);
            g_string_append_c(a->told, '\n');
        }
    }
}

static int end(struct agent *a, int signal_number)
{
    int status;

    if (signal_number)
        kill(a->pid, signal_number);
    g_assert_cmpint(waitpid(a->pid, &status, 0), ==, a->pid);
    close(a->notify);
    g_free(a->socket);
    g_string_free(a->told, TRUE);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Runs to the end; the words are the whole command line. */
static int run(const char *const *words, char **out, char **err)
{
    GPtrArray *argv = g_ptr_array_new();
    GError *error = NULL;
    int status;

    g_ptr_array_add(argv, (char *)AGENT);
    for (; *words; words++)
        g_ptr_array_add(argv, (char *)*words);
    g_ptr_array_add(argv, NULL);
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, out, err, &status, &error);
    g_assert_no_error(error);
    g_ptr_array_free(argv, TRUE);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(out, err, ...) run((const char *const[]){__VA_ARGS__, NULL}, out, err)

static bool holds(const char *text, const char *part)
{
    if (strstr(text, part))
        return true;
    g_test_message("'%s' is not in: %s", part, text);
    return false;
}

/* ---- life --------------------------------------------------------------------------------------------- */

static const char *dirs[5];

static void test_life(void)
{
    struct agent a;

    start(&a, g_test_dbus_get_bus_address(fixture.bus), dirs, NULL);
    expect(&a, "READY=1");
    while (!host_fixture_on_bus(&fixture))
        continue;
    kill(a.pid, SIGHUP);
    expect(&a, "RELOADING=1");
    expect(&a, "MONOTONIC_USEC=");
    expect(&a, "READY=1");
    /* A broken file changes nothing. */
    host_fixture_configure(&fixture, "[log]\nlevel=shouting\n");
    kill(a.pid, SIGHUP);
    expect(&a, "RELOADING=1");
    expect(&a, "STATUS=The new configuration was refused");
    expect(&a, "READY=1");
    g_assert_true(host_fixture_on_bus(&fixture));
    host_fixture_configure(&fixture, NULL);
    kill(a.pid, SIGTERM);
    expect(&a, "STOPPING=1");
    g_assert_cmpint(end(&a, 0), ==, 0);
    g_assert_false(host_fixture_on_bus(&fixture));
}

static void test_interrupt(void)
{
    struct agent a;

    start(&a, g_test_dbus_get_bus_address(fixture.bus), dirs, NULL);
    expect(&a, "READY=1");
    g_assert_cmpint(end(&a, SIGINT), ==, 0);
}

/* No bus and no token are no reason not to be ready. */
static void test_degraded(void)
{
    char *config = g_build_filename(fixture.dir, "bare.conf", NULL);
    const char *more[] = {"--config", config, dirs[0], dirs[1], dirs[2], dirs[3], NULL};
    struct agent a;

    g_assert_true(g_file_set_contents(
        config, "[token]\nmodule=/nonexistent/module.so\nuri=pkcs11:token=none\n", -1, NULL));
    start(&a, "unix:path=/nonexistent/bus", more, NULL);
    expect(&a, "READY=1");
    g_assert_cmpint(end(&a, SIGTERM), ==, 0);
    g_free(config);
}

static void test_watchdog(void)
{
    static const char *const environment[] = {"WATCHDOG_USEC=300000", NULL};
    struct agent a;

    start(&a, g_test_dbus_get_bus_address(fixture.bus), dirs, environment);
    expect(&a, "WATCHDOG=1");
    expect(&a, "WATCHDOG=1");
    g_assert_cmpint(end(&a, SIGTERM), ==, 0);
}

static void test_environment(void)
{
    char *state = g_build_filename(fixture.dir, "state-of-systemd", NULL);
    char *both = g_strdup_printf("STATE_DIRECTORY=%s:/elsewhere", state),
         *run_dir = g_strdup_printf("RUNTIME_DIRECTORY=%s", fixture.runtime_dir);
    char *db = g_build_filename(state, "state.db", NULL);
    const char *environment[] = {both, run_dir, NULL};
    struct agent a;

    start(&a, g_test_dbus_get_bus_address(fixture.bus), NULL, environment);
    expect(&a, "READY=1");
    g_assert_true(g_file_test(db, G_FILE_TEST_EXISTS));
    g_assert_cmpint(end(&a, SIGTERM), ==, 0);
    g_free(state);
    g_free(both);
    g_free(run_dir);
    g_free(db);
}

/* ---- exit codes --------------------------------------------------------------------------------------- */

static void test_configuration(void)
{
    char *out, *err;

    g_assert_cmpint(RUN(&out, &err, "--config", fixture.config, "--plugin", PLUGIN, "--check-config"), ==, 0);
    g_free(out);
    g_free(err);
    g_assert_cmpint(RUN(&out, &err, "--config", fixture.config, "--plugin", PLUGIN, "--cat-config"), ==, 0);
    g_assert_true(holds(out, "[client]"));
    g_assert_true(holds(out, "id=//m2m.example.com/gw42"));
    g_free(out);
    g_free(err);
    /* Line 13 is the first one behind the good part. */
    host_fixture_configure(&fixture, "[client]\nkind=teapot\n");
    g_assert_cmpint(RUN(&out, &err, "--config", fixture.config, "--plugin", PLUGIN, "--check-config"), ==,
                    78);
    g_assert_true(holds(err, "mefclient.conf:13"));
    g_assert_true(holds(err, "teapot"));
    g_free(out);
    g_free(err);
    g_assert_cmpint(RUN(&out, &err, "--config", fixture.config, "--plugin", PLUGIN, "--state-dir",
                        fixture.state_dir, "--runtime-dir", fixture.runtime_dir, "--bus",
                        g_test_dbus_get_bus_address(fixture.bus)),
                    ==, 78);
    g_assert_true(holds(err, "mefclient.conf:13"));
    g_free(out);
    g_free(err);
    /* An unknown key is told, and no more. */
    host_fixture_configure(&fixture, "[log]\ncolour=blue\n");
    g_assert_cmpint(RUN(&out, &err, "--config", fixture.config, "--plugin", PLUGIN, "--check-config"), ==, 0);
    g_assert_true(holds(err, "mefclient.conf:13"));
    g_assert_true(holds(err, "colour"));
    g_free(out);
    g_free(err);
    host_fixture_configure(&fixture, NULL);
    g_assert_cmpint(RUN(&out, &err, "--config", "/nonexistent.conf", "--plugin", PLUGIN, "--check-config"),
                    ==, 78);
    g_assert_true(holds(err, "/nonexistent.conf"));
    g_free(out);
    g_free(err);
}

static void test_usage(void)
{
    static const struct {
        const char *words[3];
        int code;
        const char *out, *err;
    } rows[] = {
        {{"--help"}, 0, "Usage: mef-agent", ""},
        {{"--version"}, 0, "mef-agent " PACKAGE_VERSION, ""},
        {{"--frobnicate"}, 2, "", "--frobnicate"},
        {{"--config"}, 2, "", "--config"},
        {{"start"}, 2, "", "'start' is not understood"},
        {{"--log-target", "syslog"}, 2, "", "not 'syslog'"},
        {{"--plugin", "/nonexistent/mefclient.so"}, 1, "", "cannot load the plugin"},
        {{"--plugin", "nonexistent.so"}, 1, "", "./nonexistent.so"},
        {{"--plugin", "libm.so.6"}, 1, "", "./libm.so.6"}, /* never from the library path */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *out, *err;
        g_assert_cmpint(RUN(&out, &err, rows[i].words[0], rows[i].words[1]), ==, rows[i].code);
        g_assert_true(holds(out, rows[i].out));
        g_assert_true(holds(err, rows[i].err));
        g_free(out);
        g_free(err);
    }
}

static void test_failure(void)
{
    char *out, *err, *file = g_build_filename(fixture.dir, "file", NULL),
                     *below = g_build_filename(file, "state", NULL);

    /* A shared object that is no plugin: one of the tests' own. */
    g_assert_cmpint(RUN(&out, &err, "--plugin", TOP_BUILDDIR "/tests/token/.libs/shim-module.so"), ==, 1);
    g_assert_true(holds(err, "no symbol mefplug_entry_v1"));
    g_free(out);
    g_free(err);
    /* A state directory that cannot be made. */
    g_assert_true(g_file_set_contents(file, "", -1, NULL));
    g_assert_cmpint(RUN(&out, &err, "--config", fixture.config, "--plugin", PLUGIN, "--state-dir", below,
                        "--runtime-dir", fixture.runtime_dir, "--bus",
                        g_test_dbus_get_bus_address(fixture.bus)),
                    ==, 1);
    g_assert_true(holds(err, "the plugin did not start"));
    g_free(out);
    g_free(err);
    g_free(file);
    g_free(below);
}

int main(int argc, char **argv)
{
    int r;

    g_test_init(&argc, &argv, NULL);
    host_fixture_up(&fixture);
    dirs[0] = "--state-dir";
    dirs[1] = fixture.state_dir;
    dirs[2] = "--runtime-dir";
    dirs[3] = fixture.runtime_dir;
    g_test_add_func("/agent/life", test_life);
    g_test_add_func("/agent/interrupt", test_interrupt);
    g_test_add_func("/agent/degraded", test_degraded);
    g_test_add_func("/agent/watchdog", test_watchdog);
    g_test_add_func("/agent/environment", test_environment);
    g_test_add_func("/agent/configuration", test_configuration);
    g_test_add_func("/agent/usage", test_usage);
    g_test_add_func("/agent/failure", test_failure);
    r = g_test_run();
    host_fixture_down(&fixture);
    return r;
}
