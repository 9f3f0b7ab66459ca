/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host that is not ours: a real collectd loads the adapter, which loads the plugin; a whole enrolment runs
 * in it, its metrics come out of collectd's csv and unixsock plugins, its notifications out of logfile. As
 * root, and (by running this program again under setpriv) as a user without any rights. The agent of the
 * fixture is collectd here, so that its waits see it end. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/e2e-fixture.h"

#define ADAPTER TOP_BUILDDIR "/plugin/adapters/.libs/mefclient.so"
#define QUICK   "[mef]\nbackoff-min=1\nbackoff-max=1\ndefault-retry=1\n[log]\ntarget=console\n"
#define SERIES  "mefclient-" E2E_FQDN /* label of the only registration */
#define NOBODY  65534

static char *collectd; /* the program, NULL: not installed */

/* ---- collectd ----------------------------------------------------------------------------------------- */

struct setup {
    char *conf, *csv, *socket, *pid_file, *notify;
    int notify_fd;
};

/* `block`: lines inside <Plugin mefclient>, NULL = those that fit the fixture. */
static void configure(struct e2e *e, const struct setup *s, const char *block)
{
    g_autofree char *good = g_strdup_printf(
        "Config \"%s\"\nStateDir \"%s\"\nRuntimeDir \"%s\"\nBusAddress \"%s\"\nPlugin \"" E2E_PLUGIN "\"\n",
        e->config, e->state_dir, e->runtime_dir, e->bus_address);
    g_autofree char *text =
        g_strdup_printf("Hostname \"gw42\"\nFQDNLookup false\nInterval 1\nBaseDir \"%s\"\nPIDFile \"%s\"\n"
                        "TypesDB \"/usr/share/collectd/types.db\"\n"
                        "LoadPlugin logfile\n<Plugin logfile>\nLogLevel info\nFile \"%s\"\n</Plugin>\n"
                        "LoadPlugin csv\n<Plugin csv>\nDataDir \"%s\"\nStoreRates false\n</Plugin>\n"
                        "LoadPlugin unixsock\n<Plugin unixsock>\nSocketFile \"%s\"\n</Plugin>\n"
                        "PluginDir \"" TOP_BUILDDIR "/plugin/adapters/.libs\"\nLoadPlugin mefclient\n"
                        "<Plugin mefclient>\n%s</Plugin>\n",
                        e->dir, s->pid_file, e->agent_log, s->csv, s->socket, block ? block : good);
    g_assert_true(g_file_set_contents(s->conf, text, -1, NULL));
}

static void up(struct e2e *e, struct setup *s, const char *scenario)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    e2e_up(e, scenario);
    e2e_configure(e, QUICK);
    s->conf = g_build_filename(e->dir, "collectd.conf", NULL);
    s->csv = g_build_filename(e->dir, "csv", NULL);
    s->socket = g_build_filename(e->dir, "unixsock", NULL);
    s->pid_file = g_build_filename(e->dir, "collectd.pid", NULL);
    s->notify = g_build_filename(e->dir, "collectd-notify", NULL);
    s->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_assert_cmpuint(strlen(s->notify), <, sizeof a.sun_path);
    memcpy(a.sun_path, s->notify, strlen(s->notify));
    g_assert_cmpint(bind(s->notify_fd, (struct sockaddr *)&a, sizeof a), ==, 0);
    configure(e, s, NULL);
}

static void down(struct e2e *e, struct setup *s)
{
    e2e_down(e);
    close(s->notify_fd);
    g_free(s->conf);
    g_free(s->csv);
    g_free(s->socket);
    g_free(s->pid_file);
    g_free(s->notify);
}

static void in_child(gpointer data)
{
    int log = open(data, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(log, 1);
    dup2(log, 2);
}

static GPid spawn(struct e2e *e, const struct setup *s, gboolean foreground)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *preload = e2e_sanitizer();
    const char *argv[] = {collectd, "-C", s->conf, foreground ? "-f" : NULL, NULL};
    g_auto(GStrv) env = g_get_environ();
    GPid pid;

    if (foreground) /* without -f collectd itself speaks to it, and does not fork */
        env = g_environ_setenv(env, "NOTIFY_SOCKET", s->notify, TRUE);
    if (preload) {
        env = g_environ_setenv(env, "LD_PRELOAD", preload, TRUE);
        /* collectd keeps its configuration; what the plugin leaves is looked for in test-host. */
        env = g_environ_setenv(env, "ASAN_OPTIONS", "detect_leaks=0", TRUE);
    }
    g_spawn_async(NULL, (char **)argv, env, G_SPAWN_DO_NOT_REAP_CHILD, in_child, e->agent_log, &pid, &error);
    g_assert_no_error(error);
    return pid;
}

static void start(struct e2e *e, const struct setup *s)
{
    g_assert_cmpint(e->agent, ==, 0);
    e->agent = spawn(e, s, TRUE);
    e2e_wait_property(e, "/org/mefclient1", "Manager", "State", "ready");
}

static gboolean on_bus(struct e2e *e)
{
    g_autoptr(GError) error = NULL;
    gboolean owned = FALSE;
    g_autoptr(GVariant) v = g_dbus_connection_call_sync(
        e2e_bus(e), "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
        g_variant_new("(s)", "org.mefclient1"), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
    g_variant_get(v, "(b)", &owned);
    return owned;
}

/* A clean end: status 0, off the bus, and nobody spoke in the host's name. */
static void stop(struct e2e *e, const struct setup *s)
{
    char octet;
    int status = e2e_agent_stop(e, NULL);

    if (status != 0)
        e2e_dump(e);
    g_assert_cmpint(status, ==, 0);
    g_assert_false(on_bus(e));
    g_assert_cmpint(recv(s->notify_fd, &octet, 1, 0), <, 0);
}

/* ---- what comes out ----------------------------------------------------------------------------------- */

/* The last value of a series in the csv files (one a day), as text; NULL: no such series. */
static char *csv_last(const struct setup *s, const char *series, const char *name)
{
    g_autofree char *dir = g_build_filename(s->csv, "gw42", series, NULL), *newest = NULL, *text = NULL;
    g_autofree char *prefix = g_strconcat(name, "-2", NULL);
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    const char *file;

    while (d && (file = g_dir_read_name(d)))
        if (g_str_has_prefix(file, prefix) && (!newest || strcmp(file, newest) > 0)) {
            g_free(newest);
            newest = g_strdup(file);
        }
    g_autofree char *path = newest ? g_build_filename(dir, newest, NULL) : NULL;
    if (!path || !g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    /* Whole lines only: "TIME,VALUE\n" behind a heading. */
    char *end = strrchr(text, '\n');
    if (!end)
        return NULL;
    *end = '\0';
    char *comma = strrchr(text, ',');
    return comma && g_ascii_isdigit(strrchr(text, '\n') ? strrchr(text, '\n')[1] : 'x') ? g_strdup(comma + 1)
                                                                                        : NULL;
}

struct series {
    const struct setup *s;
    const char *name;
    double low, high; /* NAN: the value is NaN */
};

static gboolean value_fits(struct e2e *e, void *data)
{
    const struct series *w = data;
    g_autofree char *text = csv_last(w->s, SERIES, w->name);
    double v = text ? g_ascii_strtod(text, NULL) : 0;

    if (!text)
        return FALSE;
    return isnan(w->low) ? isnan(v) != 0 : v >= w->low && v <= w->high;
}

static void wait_value(struct e2e *e, const struct setup *s, const char *name, double low, double high)
{
    struct series w = {s, name, low, high};
    g_autofree char *what = g_strdup_printf("the metric %s is in %g to %g", name, low, high);
    e2e_wait(e, what, value_fits, &w, E2E_WAIT_S);
}

/* One command to the unixsock plugin; its answer's lines (g_strfreev). */
static char **ask(const struct setup *s, const char *command)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    GString *answer = g_string_new(NULL);
    char octet, *end;

    memcpy(a.sun_path, s->socket, strlen(s->socket));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&a, sizeof a), ==, 0);
    g_assert_cmpint(send(fd, command, strlen(command), MSG_NOSIGNAL), ==, (int)strlen(command));
    /* "N text", then N lines. */
    for (gint64 lines = 0, want = 1; lines < want && read(fd, &octet, 1) == 1;) {
        g_string_append_c(answer, octet);
        if (octet == '\n' && lines++ == 0)
            want += g_ascii_strtoll(answer->str, &end, 10);
    }
    close(fd);
    char **list = g_strsplit(answer->str, "\n", -1);
    g_string_free(answer, TRUE);
    return list;
}

struct text {
    const char *what;
    unsigned n;
};

/* Lines of the log that have it; '*' stands for anything. */
static unsigned log_count(struct e2e *e, const char *pattern)
{
    g_autofree char *text = NULL, *any = g_strdup_printf("*%s*", pattern);
    g_autoptr(GPatternSpec) spec = g_pattern_spec_new(any);
    unsigned n = 0;

    if (!g_file_get_contents(e->agent_log, &text, NULL, NULL))
        return 0;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i]; i++)
        n += g_pattern_spec_match_string(spec, lines[i]) != 0;
    return n;
}

static gboolean log_has(struct e2e *e, void *data)
{
    const struct text *t = data;
    return log_count(e, t->what) >= t->n;
}

static void wait_log(struct e2e *e, const char *pattern, unsigned n)
{
    struct text t = {pattern, n};
    e2e_wait(e, pattern, log_has, &t, E2E_WAIT_S);
}

#define NOTIFICATION(severity)                                                                               \
    "Notification: severity = " severity ", host = gw42, plugin = mefclient, plugin_instance = " E2E_FQDN "*"

/* ---- tests -------------------------------------------------------------------------------------------- */

static gboolean missing(void)
{
    if (collectd)
        return FALSE;
    g_test_skip("no collectd, or built without its headers; install collectd-core and collectd-dev");
    return TRUE;
}

static void check_metrics(struct e2e *e, const struct setup *s)
{
    static const char *const names[] = {"gauge-registered", "gauge-cert_expiry_seconds", "derive-retries",
                                        "derive-commands_20"};

    wait_value(e, s, "gauge-registered", 1, 1);
    /* The certificate of the exchange is valid for a year at most and for an hour at least. */
    wait_value(e, s, "gauge-cert_expiry_seconds", 3600, 366 * 86400.0);
    wait_value(e, s, "derive-retries", 0, 0);
    wait_value(e, s, "derive-commands_20", 1, 1);
    /* At its end collectd frees what the thread of a connection has read, and has not waited for that one. */
    if (strstr(SANITIZERS, "thread"))
        return;
    g_auto(GStrv) list = ask(s, "LISTVAL\n");
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *end = g_strdup_printf(" gw42/" SERIES "/%s", names[i]);
        gboolean found = FALSE;
        for (size_t k = 0; list[k]; k++)
            found = found || g_str_has_suffix(list[k], end);
        if (!found)
            g_error("unixsock does not list '%s'", end);
    }
    g_auto(GStrv) value = ask(s, "GETVAL \"gw42/" SERIES "/gauge-registered\"\n");
    g_assert_cmpstr(value[0], ==, "1 Value found");
    g_assert_cmpstr(value[1], ==, "value=1.000000e+00");
}

/* A whole enrolment inside collectd; then the same state serves another host at once, and collectd again:
 * nothing of the first was left, on the bus, in the state directory or at the MEF. */
static void test_exchange(void)
{
    struct e2e e;
    struct setup s;

    if (missing())
        return;
    up(&e, &s, "{\"retryDuration\":\"PT10M\",\"commands\":[{\"class\":\"CERT_PROV\"}]}");
    start(&e, &s);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_reports(&e, 1);
    e2e_wait_idle(&e, reg);
    check_metrics(&e, &s);
    stop(&e, &s);

    e2e_agent_start_ready(&e);
    e2e_wait_property(&e, reg, "Registration", "State", "registered");
    g_assert_cmpint(e2e_agent_stop(&e, NULL), ==, 0);

    start(&e, &s);
    e2e_wait_property(&e, reg, "Registration", "State", "registered");
    stop(&e, &s);
    g_assert_cmpuint(e2e_sim_count(&e, "create", NULL), ==, 1);
    g_assert_cmpuint(log_count(&e, "Notification: severity = *plugin = mefclient"), ==, 0);
    sim_assert_no_violation(e.sim);
    down(&e, &s);
}

/* No reason has two warnings. A second reason may come up: a refused handshake may end in a reset too. */
static void check_said_once(struct e2e *e)
{
    g_autofree char *text = NULL;
    g_autoptr(GRegex) regex =
        g_regex_new("severity = WARNING, .*plugin = mefclient, .*message = ([a-z-]+): .", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GHashTable) said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    g_assert_true(g_file_get_contents(e->agent_log, &text, NULL, NULL));
    g_regex_match(regex, text, 0, &match);
    for (; g_match_info_matches(match); g_match_info_next(match, NULL)) {
        char *reason = g_match_info_fetch(match, 1);
        g_test_message("a warning: %s", reason);
        if (!g_hash_table_add(said, reason)) {
            e2e_dump(e);
            g_error("two warnings of one reason");
        }
    }
    g_assert_cmpuint(g_hash_table_size(said), >, 0);
}

/* A MEF that knows another key: a warning, once, while it tries on; then the MEF is put right. */
static void test_attention(void)
{
    struct e2e e;
    struct setup s;

    if (missing())
        return;
    up(&e, &s, "{\"retryDuration\":\"PT10M\",\"commands\":[]}");
    g_autofree char *right = g_strdup(e.kpm);
    memset(e.kpm, '5', strlen(e.kpm));
    e2e_sim_stop(&e, FALSE);
    e2e_sim_start(&e, NULL);
    start(&e, &s);
    g_autofree char *reg = e2e_add_mef(&e);
    wait_log(&e, NOTIFICATION("WARNING"), 1);
    wait_value(&e, &s, "gauge-registered", 0, 0);
    wait_value(&e, &s, "gauge-cert_expiry_seconds", NAN, NAN);
    wait_value(&e, &s, "derive-retries", 3, INFINITY);
    check_said_once(&e);
    g_assert_cmpuint(log_count(&e, NOTIFICATION("OKAY")), ==, 0);

    strcpy(e.kpm, right);
    e2e_sim_stop(&e, FALSE);
    e2e_sim_start(&e, NULL);
    e2e_wait_property(&e, reg, "Registration", "State", "registered");
    wait_log(&e, NOTIFICATION("OKAY"), 1);
    wait_value(&e, &s, "gauge-registered", 1, 1);
    /* A key is in use: there is no certificate that could expire. */
    wait_value(&e, &s, "gauge-cert_expiry_seconds", NAN, NAN);
    stop(&e, &s);
    g_assert_cmpuint(log_count(&e, NOTIFICATION("OKAY")), ==, 1);
    down(&e, &s);
}

/* Kills the process named on the pipe when this one is gone before it said so. */
static int guard(pid_t *ret_guard)
{
    int fd[2];

    g_assert_cmpint(pipe2(fd, O_CLOEXEC), ==, 0);
    *ret_guard = fork();
    g_assert_cmpint(*ret_guard, >=, 0);
    if (*ret_guard == 0) {
        pid_t pid = 0, last = 0;
        close(fd[1]);
        while (read(fd[0], &pid, sizeof pid) == (ssize_t)sizeof pid)
            last = pid;
        if (last > 0)
            kill(last, SIGKILL);
        _exit(0);
    }
    close(fd[0]);
    return fd[1];
}

static gboolean has_pid(struct e2e *e, void *data)
{
    const struct setup *s = data;
    g_autofree char *text = NULL;
    return g_file_get_contents(s->pid_file, &text, NULL, NULL) && strchr(text, '\n');
}

/* The way a distribution's init script starts it: collectd forks between module_register() and init. */
static void test_daemon(void)
{
    struct e2e e;
    struct setup s;
    g_autofree char *text = NULL;

    if (missing())
        return;
    up(&e, &s, "{\"retryDuration\":\"PT10M\",\"commands\":[]}");
    g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1), ==, 0); /* the daemon becomes our child */
    pid_t watcher, none = 0;
    int watch = guard(&watcher);
    e.agent = spawn(&e, &s, FALSE);
    g_assert_cmpint(e2e_agent_wait(&e, E2E_WAIT_S), ==, 0);
    e2e_wait(&e, "collectd's PID file", has_pid, &s, E2E_WAIT_S);
    g_assert_true(g_file_get_contents(s.pid_file, &text, NULL, NULL));
    e.agent = (GPid)g_ascii_strtoll(text, NULL, 10);
    g_assert_cmpint(e.agent, >, 1);
    g_assert_cmpint(write(watch, &e.agent, sizeof e.agent), ==, (int)sizeof e.agent);
    e2e_wait_property(&e, "/org/mefclient1", "Manager", "State", "ready");
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    wait_value(&e, &s, "gauge-registered", 1, 1);
    stop(&e, &s);
    g_assert_cmpint(write(watch, &none, sizeof none), ==, (int)sizeof none);
    close(watch);
    g_assert_cmpint(waitpid(watcher, NULL, 0), ==, watcher);
    g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 0), ==, 0);
    down(&e, &s);
}

/* One run with these lines that ends by itself, or when collectd is up; is the plugin told of what is wrong?
 */
static void refuse(struct e2e *e, struct setup *s, const char *block, const char *complaint, gboolean runs)
{
    unsigned before = log_count(e, "Initialization complete");

    g_test_message("%s", complaint);
    configure(e, s, block);
    e->agent = spawn(e, s, TRUE);
    if (runs) {
        wait_log(e, "Initialization complete", before + 1);
        g_assert_false(on_bus(e));
        (void)e2e_agent_stop(e, NULL); /* collectd remembers the failure in its status */
    } else {
        g_assert_cmpint(e2e_agent_wait(e, E2E_WAIT_S), !=, 0);
    }
    if (log_count(e, complaint) == 0)
        e2e_dump(e);
    g_assert_cmpuint(log_count(e, complaint), >, 0);
}

/* What cannot work is told in collectd's log. An option that is wrong stops collectd, as any of its own; else
 * it goes on without us. */
static void test_refused(void)
{
    struct e2e e;
    struct setup s;

    if (missing())
        return;
    up(&e, &s, NULL);
    refuse(&e, &s, "StateDir \"state\"\n", "mefclient plugin: StateDir: 'state' does not begin with '/'",
           FALSE);
    refuse(&e, &s, "Teapot 1\n", "Plugin `mefclient' did not register for value `Teapot'", FALSE);
    refuse(&e, &s, "Plugin \"/nonexistent/mefclient.so\"\n",
           "mefclient plugin: cannot load the MEF client: /nonexistent/mefclient.so", TRUE);
    refuse(&e, &s, "Plugin \"" ADAPTER "\"\n", "' has no symbol mefplug_entry_v1", TRUE);
    e2e_configure(&e, "[mef]\nbackoff-min=never\n");
    g_autofree char *block = g_strdup_printf("Config \"%s\"\nPlugin \"" E2E_PLUGIN "\"\n", e.config);
    refuse(&e, &s, block, "mefclient plugin: the configuration was refused", TRUE);
    g_assert_cmpuint(log_count(&e, "mefclient plugin: *mefclient.conf:*backoff-min"), >=, 1);
    g_assert_cmpuint(log_count(&e, "no figures"), ==, 0);
    down(&e, &s);
}

static void test_one_symbol(void)
{
    const char *argv[] = {"nm", "-D", "--defined-only", ADAPTER, NULL};
    g_autofree char *out = NULL;
    g_autoptr(GError) error = NULL;

    if (missing())
        return;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 2);
    g_assert_true(g_str_has_suffix(lines[0], " T module_register"));
}

/* This program again, as a user who may do nothing. */
static void test_unprivileged(void)
{
    g_autofree char *dir = NULL, *out = NULL, *tmp = g_strdup(g_get_tmp_dir());
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (missing())
        return;
    if (getuid() != 0) {
        g_test_skip("not root: the other tests ran without privileges already");
        return;
    }
    dir = g_dir_make_tmp("nobody.XXXXXX", &error);
    g_assert_no_error(error);
    g_assert_cmpint(chown(dir, NOBODY, NOBODY), ==, 0);
    if (strstr(tmp, "mefclient-test.")) /* of tests/lib/run-test, and not the machine's own */
        g_assert_cmpint(chmod(tmp, 0711), ==, 0);
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "TMPDIR", dir, TRUE);
    env = g_environ_setenv(env, "HOME", dir, TRUE);
    env = g_environ_setenv(env, "XDG_RUNTIME_DIR", dir, TRUE);
    env = g_environ_unsetenv(env, "SOFTHSM2_CONF");
#define AS_NOBODY "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--pdeathsig", "KILL"
    const char *look[] = {
        AS_NOBODY, "test", "-x", "/proc/self/cwd", "-a", "-x", TOP_BUILDDIR "/tests/host/test-collectd",
        NULL};
    const char *argv[] = {AS_NOBODY,
                          TOP_BUILDDIR "/tests/host/test-collectd",
                          "--tap",
                          "-p",
                          "/collectd/DC-01/exchange",
                          "-p",
                          "/collectd/DC-01/attention",
                          "-p",
                          "/collectd/DC-01/daemon",
                          NULL};
    if (!g_spawn_sync("/", (char **)look, env, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL) ||
        status != 0) {
        g_test_skip("other users cannot reach the build folder");
        return;
    }
    g_spawn_sync("/", (char **)argv, env, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, &status, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
    unsigned good = 0;
    for (size_t i = 0; lines[i]; i++) {
        g_test_message("as nobody: %s", lines[i]);
        good += g_str_has_prefix(lines[i], "ok ") && !strstr(lines[i], "# SKIP");
    }
    g_assert_cmpint(status, ==, 0);
    g_assert_cmpuint(good, ==, 3);
}

/* collectd.service in a systemd of its own: sandboxed, the PIN as a credential, restarted after a crash. */
static void test_systemd(void)
{
    g_autofree char *dir = NULL, *out = NULL, *nspawn = g_find_program_in_path("systemd-nspawn");
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (missing())
        return;
    if (getuid() != 0 || !nspawn || strcmp(SANITIZERS, "no") != 0) {
        g_test_skip(getuid() != 0 ? "not root"
                    : !nspawn     ? "no systemd-nspawn"
                                  : "collectd.service knows no sanitizers");
        return;
    }
    dir = g_dir_make_tmp("systemd.XXXXXX", &error);
    g_assert_no_error(error);
    const char *argv[] = {TOP_SRCDIR "/tests/host/systemd-host",    dir, ADAPTER, E2E_PLUGIN,
                          TOP_SRCDIR "/policy/org.mefclient1.conf", NULL};
    g_autofree char *log = g_build_filename(dir, "log", NULL);
    g_spawn_sync("/", (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, in_child,
                 log, NULL, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(log, &out, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(g_strchomp(out), "\n", -1);
    for (size_t i = 0; lines[i]; i++)
        g_test_message("%s", lines[i]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        g_test_skip(lines[MAX(g_strv_length(lines), 1) - 1]);
    else
        g_assert_cmpint(status, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    collectd = g_file_test(ADAPTER, G_FILE_TEST_EXISTS) ? g_find_program_in_path("collectd") : NULL;
    if (!collectd && g_file_test(ADAPTER, G_FILE_TEST_EXISTS) &&
        g_file_test("/usr/sbin/collectd", G_FILE_TEST_IS_EXECUTABLE))
        collectd = g_strdup("/usr/sbin/collectd"); /* not in a user's path */
    if (g_strcmp0(SANITIZERS, "no") != 0) {
        g_autofree char *preload = e2e_sanitizer();
        if (!preload)
            g_clear_pointer(&collectd, g_free);
    }
    g_test_add_func("/collectd/DC-01/one-symbol", test_one_symbol);
    g_test_add_func("/collectd/DC-01/exchange", test_exchange);
    g_test_add_func("/collectd/DC-01/attention", test_attention);
    g_test_add_func("/collectd/DC-01/daemon", test_daemon);
    g_test_add_func("/collectd/refused", test_refused);
    g_test_add_func("/collectd/DC-01/unprivileged", test_unprivileged);
    g_test_add_func("/collectd/DC-01/systemd", test_systemd);
    int r = g_test_run();
    g_free(collectd);
    return r;
}
