/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See e2e-fixture.h. Children die with the test (PR_SET_PDEATHSIG). The agent says READY=1 on a datagram
 * socket of ours; ends of processes are seen by pidfd; what happens on the bus by signals. */
#include "tests/lib/e2e-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "pkcs11/provider.h"
#include "pkcs11/token.h"
#include "plugin/base/str.h"

#define NAME   "org.mefclient1"
#define PREFIX "org.mefclient1."

/* ---- processes ---------------------------------------------------------------------------------------- */

struct child {
    int log;  /* fd for stdout and stderr, or -1 */
    int keep; /* fd that becomes 3, or -1 */
};

static void in_child(gpointer data)
{
    const struct child *c = data;
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (c->log >= 0) {
        dup2(c->log, 1);
        dup2(c->log, 2);
    }
    if (c->keep >= 0)
        dup2(c->keep, 3); /* without CLOEXEC */
}

static GPid spawn(char **argv, char **env, const char *log, int keep)
{
    g_autoptr(GError) error = NULL;
    struct child c = {.log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), .keep = keep};
    GPid pid = 0;
    if (!g_spawn_async(NULL, argv, env,
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH | G_SPAWN_LEAVE_DESCRIPTORS_OPEN,
                       in_child, &c, &pid, &error))
        g_error("%s: %s", argv[0], error->message);
    close(c.log);
    return pid;
}

/* Waits for the end; 128 + signal when it was killed, -1 when the time is over. */
static int wait_end(GPid *pid, unsigned seconds)
{
    int status, fd = (int)syscall(SYS_pidfd_open, *pid, 0);
    struct pollfd p = {fd, POLLIN, 0};
    int n = fd < 0 ? 1 : poll(&p, 1, (int)seconds * 1000);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return -1;
    while (waitpid(*pid, &status, 0) < 0 && errno == EINTR)
        ;
    *pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void kill_it(GPid *pid, int signal)
{
    if (*pid == 0)
        return;
    kill(*pid, signal);
    if (wait_end(pid, 30) < 0) {
        kill(*pid, SIGKILL);
        wait_end(pid, 30);
    }
}

static void print_file(const char *path, const char *name)
{
    g_autofree char *text = NULL;
    if (!path || !g_file_get_contents(path, &text, NULL, NULL))
        return;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint n = g_strv_length(lines), from = n > 80 ? n - 80 : 0;
    g_printerr("# ---- the end of %s\n", name);
    for (guint i = from; i < n; i++)
        if (*lines[i])
            g_printerr("# %.1000s\n", lines[i]);
}

void e2e_dump(struct e2e *e)
{
    print_file(e->agent_log, "the agent's log");
    print_file(e->sim ? sim_log_path(e->sim) : NULL, "the MEF's log");
}

static void fail(struct e2e *e, const char *format, ...) G_GNUC_PRINTF(2, 3) G_GNUC_NORETURN;
static void fail(struct e2e *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    e2e_dump(e);
    g_error("%s", text);
}

/* ---- the bus ------------------------------------------------------------------------------------------ */

void e2e_bus_start(struct e2e *e)
{
    g_autofree char *conf = g_build_filename(e->dir, "bus.conf", NULL),
                    *log = g_build_filename(e->dir, "bus.log", NULL);
    g_autofree char *option = g_strdup_printf("--config-file=%s", conf);
    g_autofree char *text = g_strdup_printf(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
        " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig><type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>"
        "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_destination=\"*\"/>"
        "<allow receive_sender=\"*\"/></policy><servicedir>%s/services</servicedir></busconfig>\n",
        e->bus_path, e->dir);
    char *argv[] = {(char *)"dbus-daemon",       option, (char *)"--nofork", (char *)"--nopidfile",
                    (char *)"--print-address=3", NULL};
    int pipe_fd[2];
    char octet;
    g_assert_true(g_file_set_contents(conf, text, -1, NULL));
    g_unlink(e->bus_path);
    g_assert_cmpint(pipe2(pipe_fd, O_CLOEXEC), ==, 0);
    e->bus = spawn(argv, NULL, log, pipe_fd[1]);
    close(pipe_fd[1]);
    /* The address comes when it listens. */
    if (read(pipe_fd[0], &octet, 1) != 1)
        g_error("dbus-daemon did not start");
    close(pipe_fd[0]);
}

static void drop_connection(struct e2e *e)
{
    if (!e->connection)
        return;
    g_dbus_connection_close_sync(e->connection, NULL, NULL);
    g_clear_object(&e->connection);
}

void e2e_bus_stop(struct e2e *e)
{
    drop_connection(e);
    kill_it(&e->bus, SIGTERM);
}

/* Only wakes the main context: whoever waits looks for himself. */
static void on_signal(GDBusConnection *c, const char *sender, const char *path, const char *interface,
                      const char *signal, GVariant *params, gpointer data)
{
}

GDBusConnection *e2e_bus(struct e2e *e)
{
    g_autoptr(GError) error = NULL;
    if (e->connection)
        return e->connection;
    e->connection = g_dbus_connection_new_for_address_sync(e->bus_address,
                                                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                               G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                           NULL, NULL, &error);
    if (!e->connection)
        fail(e, "bus: %s", error->message);
    g_dbus_connection_set_exit_on_close(e->connection, FALSE);
    g_dbus_connection_signal_subscribe(e->connection, NULL, NULL, NULL, NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                       on_signal, NULL, NULL);
    return e->connection;
}

GVariant *e2e_call(struct e2e *e, const char *path, const char *interface, const char *method,
                   GVariant *params, GError **error)
{
    return g_dbus_connection_call_sync(e2e_bus(e), NAME, path, interface, method, params, NULL,
                                       G_DBUS_CALL_FLAGS_NONE, E2E_WAIT_S * 1000, NULL, error);
}

GVariant *e2e_get(struct e2e *e, const char *path, const char *interface, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *full = g_strconcat(PREFIX, interface, NULL);
    /* A path that was read from an agent that has just died is "". */
    if (!g_variant_is_object_path(path))
        return NULL;
    g_autoptr(GVariant) reply = e2e_call(e, path, "org.freedesktop.DBus.Properties", "Get",
                                         g_variant_new("(ss)", full, name), &error);
    GVariant *value = NULL;
    if (reply)
        g_variant_get(reply, "(v)", &value);
    return value;
}

char *e2e_get_string(struct e2e *e, const char *path, const char *interface, const char *name)
{
    g_autoptr(GVariant) v = e2e_get(e, path, interface, name);
    gboolean text = v && (g_variant_is_of_type(v, G_VARIANT_TYPE_STRING) ||
                          g_variant_is_of_type(v, G_VARIANT_TYPE_OBJECT_PATH));
    return g_strdup(text ? g_variant_get_string(v, NULL) : "");
}

guint64 e2e_get_number(struct e2e *e, const char *path, const char *interface, const char *name)
{
    g_autoptr(GVariant) v = e2e_get(e, path, interface, name);
    if (!v)
        return 0;
    switch (g_variant_classify(v)) {
    case G_VARIANT_CLASS_UINT64:
        return g_variant_get_uint64(v);
    case G_VARIANT_CLASS_UINT32:
        return g_variant_get_uint32(v);
    case G_VARIANT_CLASS_UINT16:
        return g_variant_get_uint16(v);
    case G_VARIANT_CLASS_BOOLEAN:
        return g_variant_get_boolean(v);
    default:
        return 0;
    }
}

static gboolean wake(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

void e2e_wait(struct e2e *e, const char *what, gboolean (*test)(struct e2e *e, void *data), void *data,
              unsigned seconds)
{
    gint64 end = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
    guint timer = g_timeout_add_seconds(1, wake, NULL);
    while (!test(e, data)) {
        if (g_get_monotonic_time() > end)
            fail(e, "waited %u s in vain: %s", seconds, what);
        if (e->agent && waitpid(e->agent, NULL, WNOHANG) == e->agent) {
            e->agent = 0;
            fail(e, "the agent has ended; waited for: %s", what);
        }
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(timer);
}

gboolean e2e_try(struct e2e *e, gboolean (*test)(struct e2e *e, void *data), void *data, unsigned seconds)
{
    gint64 end = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
    guint timer = g_timeout_add(100, wake, NULL);
    gboolean yes;
    while (!(yes = test(e, data)) && g_get_monotonic_time() < end && e->agent) {
        if (waitpid(e->agent, NULL, WNOHANG) == e->agent)
            e->agent = 0;
        else
            g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(timer);
    return yes && e->agent != 0;
}

struct wanted {
    const char *path, *interface, *name, *value;
};

static gboolean property_is(struct e2e *e, void *data)
{
    const struct wanted *w = data;
    g_autoptr(GVariant) v = e2e_get(e, w->path, w->interface, w->name);
    if (!v)
        return FALSE;
    if (g_variant_is_of_type(v, G_VARIANT_TYPE_STRING) || g_variant_is_of_type(v, G_VARIANT_TYPE_OBJECT_PATH))
        return strcmp(g_variant_get_string(v, NULL), w->value) == 0;
    g_autofree char *text = g_variant_print(v, FALSE);
    return strcmp(text, w->value) == 0;
}

void e2e_wait_property(struct e2e *e, const char *path, const char *interface, const char *name,
                       const char *value)
{
    struct wanted w = {path, interface, name, value};
    g_autofree char *what = g_strdup_printf("%s.%s of %s is %s", interface, name, path, value);
    e2e_wait(e, what, property_is, &w, E2E_WAIT_S);
}

/* ---- the agent ---------------------------------------------------------------------------------------- */

static int open_notify(struct e2e *e, char **ret_path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    g_autofree char *path = g_build_filename(e->dir, "notify", NULL);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_unlink(path);
    g_assert_cmpuint(strlen(path), <, sizeof a.sun_path);
    strcpy(a.sun_path, path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, sizeof a), ==, 0);
    *ret_path = g_steal_pointer(&path);
    return fd;
}

static void wait_notify(struct e2e *e, int fd)
{
    int end = (int)syscall(SYS_pidfd_open, e->agent, 0);
    for (;;) {
        struct pollfd p[2] = {{fd, POLLIN, 0}, {end, POLLIN, 0}};
        char text[4096];
        if (poll(p, 2, E2E_WAIT_S * 1000) <= 0)
            fail(e, "the agent did not become ready");
        if (p[0].revents) {
            ssize_t n = recv(fd, text, sizeof text - 1, 0);
            text[MAX(n, 0)] = '\0';
            if (strstr(text, "READY=1"))
                break;
        } else {
            fail(e, "the agent ended before it was ready");
        }
    }
    close(end);
}

void e2e_agent_start(struct e2e *e)
{
    g_autofree char *notify = NULL;
    const char *argv[] = {TOP_BUILDDIR "/mef-agent",
                          "--config",
                          e->config,
                          "--bus",
                          e->bus_address,
                          "--state-dir",
                          e->state_dir,
                          "--runtime-dir",
                          e->runtime_dir,
                          "--plugin",
                          E2E_PLUGIN,
                          "--log-target",
                          "console",
                          NULL};
    int fd = open_notify(e, &notify);
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "NOTIFY_SOCKET", notify, TRUE);
    g_assert_cmpint(e->agent, ==, 0);
    for (guint i = 0; i < e->agent_env->len; i++) {
        g_auto(GStrv) pair = g_strsplit(e->agent_env->pdata[i], "=", 2);
        env = g_environ_setenv(env, pair[0], pair[1], TRUE);
    }
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (char **word = e->agent_tool; word && *word; word++)
        g_ptr_array_add(all, *word);
    for (size_t i = 0; i < G_N_ELEMENTS(argv); i++)
        g_ptr_array_add(all, (gpointer)(guintptr)argv[i]);
    e->agent = spawn((char **)all->pdata, env, e->agent_log, -1);
    wait_notify(e, fd);
    close(fd);
}

void e2e_agent_start_ready(struct e2e *e)
{
    e2e_agent_start(e);
    e2e_wait_property(e, "/org/mefclient1", "Manager", "State", "ready");
}

int e2e_agent_wait(struct e2e *e, unsigned seconds)
{
    if (e->agent == 0)
        return -1;
    int status = wait_end(&e->agent, seconds);
    if (status < 0)
        fail(e, "the agent did not end within %u s", seconds);
    return status;
}

int e2e_agent_stop(struct e2e *e, gint64 *ret_usec)
{
    gint64 begin = g_get_monotonic_time();
    if (e->agent == 0)
        return 0;
    kill(e->agent, SIGTERM);
    int status = e2e_agent_wait(e, 30);
    if (ret_usec)
        *ret_usec = g_get_monotonic_time() - begin;
    return status;
}

void e2e_agent_kill(struct e2e *e)
{
    kill_it(&e->agent, SIGKILL);
}

/* ---- the MEF ------------------------------------------------------------------------------------------ */

static void start_sim(struct e2e *e, const char *scenario)
{
    g_autofree char *psk = g_strdup_printf("--psk=%s=%s", E2E_KPM_ID, e->kpm);
    g_autofree char *state = g_strdup_printf("--state=%s/sim.state", e->dir);
    g_autofree char *listen = g_strdup_printf("--listen=127.0.0.1:%u", e->sim_port);
    const char *const args[] = {psk, "--psk=" E2E_OTHER_ID "=" E2E_OTHER_KEY, state, listen, NULL};
    e->sim = sim_start(e->dir, E2E_FQDN, scenario, args);
    e->sim_port = sim_port(e->sim);
}

void e2e_sim_stop(struct e2e *e, gboolean kill)
{
    if (kill)
        sim_kill(e->sim);
    else
        g_assert_cmpint(sim_stop(e->sim), ==, 0);
    e->sim = NULL;
}

void e2e_sim_start(struct e2e *e, const char *scenario)
{
    g_autofree char *path = g_build_filename(e->dir, "scenario.json", NULL), *before = NULL;
    if (!scenario && g_file_get_contents(path, &before, NULL, NULL))
        scenario = before;
    start_sim(e, scenario);
}

json_t *e2e_sim_records(struct e2e *e, const char *name)
{
    json_t *all = sim_state(e->sim);
    json_t *list = json_incref(json_object_get(json_object_get(all, "state"), name));
    json_decref(all);
    return list;
}

size_t e2e_sim_count(struct e2e *e, const char *op, const char *resource)
{
    json_t *log = sim_log(e->sim), *line;
    size_t i, n = 0;
    json_array_foreach(log, i, line)
    {
        const char *o = json_string_value(json_object_get(line, "op"));
        const char *r = json_string_value(json_object_get(line, "resource"));
        n += r && (!op || g_strcmp0(op, o) == 0) && (!resource || strcmp(resource, r) == 0);
    }
    json_decref(log);
    return n;
}

static gboolean enough_reports(json_t *state, void *data)
{
    json_t *one;
    size_t i, n = 0;
    json_array_foreach(json_object_get(json_object_get(state, "state"), "reports"), i, one) n +=
        json_is_true(json_object_get(one, "recorded"));
    return n >= *(size_t *)data;
}

void e2e_wait_reports(struct e2e *e, size_t n)
{
    json_t *state = sim_wait(e->sim, enough_reports, &n, E2E_WAIT_S);
    if (!state)
        fail(e, "the MEF did not get %zu reports", n);
    json_decref(state);
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

void e2e_configure(struct e2e *e, const char *more)
{
    g_autofree char *text = g_strdup_printf(
        "[client]\nid=" E2E_CLIENT
        "\nkind=cse\ncse-id=/gw42\nsp-id=//m2m.example.com\ncse-public-domain=" E2E_SAN "\n"
        "[bus]\ntrusted-uids=%u\n"
        "[token]\nmodule=%s\nuri=%s\npin-file=%s\n"
        "[network]\nresolve=" E2E_FQDN ":127.0.0.1\n%s",
        (unsigned)getuid(), e->token.module, e->token.uri, e->token.pin_file, more ? more : "");
    g_assert_true(g_file_set_contents(e->config, text, -1, NULL));
}

static char *run(char **argv, int *ret_status)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *err = NULL;
    char *out = NULL;
    int status = 0;
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, &status, &error))
        g_error("%s: %s", argv[0], error->message);
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (*ret_status != 0)
        g_test_message("%s: %s", argv[0], err);
    return out;
}

static char *token_tool(struct e2e *e, const char *command, const char *label, const char *file)
{
    const char *argv[] = {TOP_BUILDDIR "/tests/lib/token-tool",
                          "--module",
                          e->token.module,
                          "--uri",
                          e->token.uri,
                          "--pin-file",
                          e->token.pin_file,
                          command,
                          label,
                          file,
                          NULL};
    int status;
    char *out = run((char **)argv, &status);
    g_assert_cmpint(status, ==, 0);
    return out;
}

char *e2e_token_list(struct e2e *e)
{
    return token_tool(e, "list", NULL, NULL);
}

char *e2e_sanitizer(void)
{
    g_autofree char *maps = NULL;
    g_autoptr(GRegex) regex = g_regex_new("/\\S*/lib[at]san\\.so\\S*", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    g_assert_true(g_file_get_contents("/proc/self/maps", &maps, NULL, NULL));
    return g_regex_match(regex, maps, 0, &match) ? g_match_info_fetch(match, 0) : NULL;
}

int e2e_mefctl(struct e2e *e, char **ret_out, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    va_list args;
    const char *word;
    int status;
    g_ptr_array_add(argv, (char *)TOP_BUILDDIR "/mefctl");
    g_ptr_array_add(argv, (char *)"--bus");
    g_ptr_array_add(argv, e->bus_address);
    va_start(args, ret_out);
    while ((word = va_arg(args, const char *)) != NULL)
        g_ptr_array_add(argv, (char *)word);
    va_end(args);
    g_ptr_array_add(argv, NULL);
    g_autofree char *out = run((char **)argv->pdata, &status);
    if (ret_out)
        *ret_out = g_steal_pointer(&out);
    return status;
}

void e2e_put_key(struct e2e *e, const char *label, const char *hex)
{
    g_autofree char *file = g_build_filename(e->dir, "key", NULL);
    token_fixture_write(file, hex);
    g_free(token_tool(e, "init-secret", label, file));
}

static void make_kpm(struct e2e *e)
{
    g_autofree char *file = g_build_filename(e->dir, "kpm", NULL);
    GString *hex = g_string_new(NULL);
    for (int i = 0; i < 8; i++)
        g_string_append_printf(hex, "%08x", g_random_int());
    e->kpm = g_string_free(hex, FALSE);
    token_fixture_write(file, e->kpm);
    g_free(token_tool(e, "init-secret", E2E_KPM_ID, file));
}

void e2e_up(struct e2e *e, const char *scenario)
{
    g_autoptr(GError) error = NULL;
    memset(e, 0, sizeof *e);
    e->dir = g_dir_make_tmp("e2e.XXXXXX", &error);
    g_assert_no_error(error);
    e->config = g_build_filename(e->dir, "mefclient.conf", NULL);
    e->state_dir = g_build_filename(e->dir, "state", NULL);
    e->runtime_dir = g_build_filename(e->dir, "run", NULL);
    e->agent_log = g_build_filename(e->dir, "agent.log", NULL);
    e->bus_path = g_build_filename(e->dir, "bus", NULL);
    e->bus_address = g_strdup_printf("unix:path=%s", e->bus_path);
    e->agent_env = g_ptr_array_new_with_free_func(g_free);
    e2e_bus_start(e);
    token_fixture_setup(&e->token, "e2e");
    make_kpm(e);
    start_sim(e, scenario);
    e2e_configure(e, NULL);
}

/* The directory lies in the private TMPDIR of run-test, which removes all of it. */
void e2e_down(struct e2e *e)
{
    int status = e2e_agent_stop(e, NULL);
    if (status != 0) {
        e2e_dump(e);
        g_test_message("the agent ended with %d", status);
        g_test_fail();
    }
    if (e->sim)
        e2e_sim_stop(e, FALSE);
    e2e_bus_stop(e);
    token_fixture_teardown(&e->token);
    g_free(e->dir);
    g_free(e->kpm);
    g_free(e->config);
    g_free(e->state_dir);
    g_free(e->runtime_dir);
    g_free(e->agent_log);
    g_free(e->bus_path);
    g_free(e->bus_address);
    g_ptr_array_unref(e->agent_env);
}

/* With the string options given, name and value, NULL-terminated. */
static char *add_mef(struct e2e *e, const char *const *more)
{
    g_autoptr(GError) error = NULL;
    GVariantBuilder options;
    const char *node;
    g_variant_builder_init(&options, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&options, "{sv}", "HttpPort", g_variant_new_uint16((guint16)e->sim_port));
    for (; *more; more += 2)
        g_variant_builder_add(&options, "{sv}", more[0], g_variant_new_string(more[1]));
    g_autoptr(GVariant) reply = e2e_call(e, "/org/mefclient1/mo", PREFIX "Tree", "AddMefClientRegCfg",
                                         g_variant_new("(ssa{sv})", E2E_FQDN, E2E_ADMIN, &options), &error);
    if (!reply)
        fail(e, "AddMefClientRegCfg: %s", error->message);
    g_variant_get(reply, "(&o&o)", &node, NULL);
    return g_strdup_printf("/org/mefclient1/registration/%s", strrchr(node, '/') + 1);
}

char *e2e_add_mef(struct e2e *e)
{
    const char *const more[] = {"KpmId", E2E_KPM_ID, NULL};
    return add_mef(e, more);
}

char *e2e_add_mef_by_certificate(struct e2e *e, const char *fingerprint)
{
    g_autofree char *pem = NULL;
    g_assert_true(g_file_get_contents(sim_ca_path(e->sim), &pem, NULL, NULL));
    const char *const more[] = {"CertFingerprint", fingerprint, "TrustAnchor", pem, NULL};
    return add_mef(e, more);
}

static X509 *certificate_of(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    g_assert_nonnull(cert);
    BIO_free(bio);
    return cert;
}

/* A CSR with the subject and SAN that CERT_PROV asks for later, signed inside the token; base64 of its DER.
 */
static char *make_csr(EVP_PKEY *key, const char *san)
{
    X509_REQ *req = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    g_autofree char *value = g_strdup_printf("DNS:%s", san);
    uint8_t *der = NULL;
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC,
                               (const unsigned char *)"gw42", -1, -1, 0);
    X509_REQ_set_pubkey(req, key);
    sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value));
    X509_REQ_add_extensions(req, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    g_assert_cmpint(X509_REQ_sign(req, key, EVP_sha256()), >, 0);
    int n = i2d_X509_REQ(req, &der);
    char *text = g_base64_encode(der, (gsize)n);
    OPENSSL_free(der);
    X509_REQ_free(req);
    return text;
}

char *e2e_make_pair(struct e2e *e, const char *label, const char *san, gboolean store)
{
    const uint8_t *id = (const uint8_t *)label;
    struct token_params params = {
        .uri = e->token.uri, .module = e->token.module, .pin_file = e->token.pin_file};
    struct token *t = NULL;
    struct mef_error error = {0};
    EVP_PKEY *key = NULL;
    uint8_t *der = NULL;
    g_assert_cmpint(e->agent, ==, 0);
    if (token_new(&params, &t, &error) < 0 || token_open(t, &error) < 0 ||
        token_generate_p256(t, id, strlen(label), label, &error) < 0 ||
        token_key_to_evp(t, id, strlen(label), &key, &error) < 0)
        g_error("token: %s", error.text);
    g_autofree char *csr = make_csr(key, san);
    json_t *body = json_pack("{s:s}", "csr", csr),
           *answer = sim_call(e->sim, "POST", "/sim/issue", body, NULL);
    char *pem = g_strdup(json_string_value(json_object_get(answer, "certificate")));
    X509 *cert = certificate_of(pem);
    int n = i2d_X509(cert, &der);
    if (store &&
        token_put_cert(t, id, strlen(label), label, &(struct der){der, (size_t)n}, false, &error) < 0)
        g_error("token: %s", error.text);
    OPENSSL_free(der);
    X509_free(cert);
    json_decref(body);
    json_decref(answer);
    EVP_PKEY_free(key);
    token_free(t);
    return pem;
}

char *e2e_fingerprint(const char *pem)
{
    X509 *cert = certificate_of(pem);
    uint8_t *der = NULL, digest[32];
    int n = i2d_X509(cert, &der);
    SHA256(der, (size_t)n, digest);
    OPENSSL_free(der);
    X509_free(cert);
    char *text = base64url_encode(digest, sizeof digest);
    char *fingerprint = g_strdup_printf("ni:///sha-256;%s", text);
    free(text);
    return fingerprint;
}

char *e2e_make_certificate(struct e2e *e, const char *san)
{
    g_autofree char *pem = e2e_make_pair(e, "factory", san, TRUE);
    return e2e_fingerprint(pem);
}

static gboolean is_idle(struct e2e *e, void *data)
{
    return e2e_get_number(e, data, "Registration", "NextPoll") > 0;
}

void e2e_wait_idle(struct e2e *e, const char *registration)
{
    e2e_wait(e, "NextPoll is set", is_idle, (void *)registration, E2E_WAIT_S);
}
