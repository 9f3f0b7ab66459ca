/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mefctl as a process against a fake service on a private bus: each command, each exit code. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include "tests/host/fake-service.h"

#define MEFCTL TOP_BUILDDIR "/mefctl"

static GTestDBus *bus;
static struct fake *service;

struct run {
    int code;
    char *out, *err;
};

static void run_clear(struct run *r)
{
    g_free(r->out);
    g_free(r->err);
}

/* Runs `mefctl --bus ADDRESS WORDS`; the words are split as a shell would. */
static struct run run(const char *address, const char *words)
{
    struct run r = {-1, NULL, NULL};
    GError *error = NULL;
    GPtrArray *argv = g_ptr_array_new();
    char **more = NULL;
    int n = 0, status = 0;

    g_ptr_array_add(argv, (char *)MEFCTL);
    if (address) {
        g_ptr_array_add(argv, (char *)"--bus");
        g_ptr_array_add(argv, (char *)address);
    }
    if (*words)
        g_assert_true(g_shell_parse_argv(words, &n, &more, NULL));
    for (int i = 0; i < n; i++)
        g_ptr_array_add(argv, more[i]);
    g_ptr_array_add(argv, NULL);
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &r.out, &r.err, &status,
                 &error);
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(status));
    r.code = WEXITSTATUS(status);
    g_strfreev(more);
    g_ptr_array_free(argv, TRUE);
    return r;
}

static bool holds(const char *text, const char *part)
{
    if (strstr(text, part))
        return true;
    g_test_message("'%s' is not in: %s", part, text);
    return false;
}

/* ---- one row per call --------------------------------------------------------------------------------- */

static const struct {
    const char *words;
    int code;
    const char *out, *err; /* parts that must be there; NULL = anything */
} rows[] = {
    /* 0 and what is shown */
    {"status", 0, "mefclient 9.9 is ready (est pkcs11)", NULL},
    {"status", 0, "Needs attention: pin: the PIN is wrong", NULL},
    {"status", 0, "cert-prov OK", NULL},
    {"registrations", 0, "mef1: last error: no route", NULL},
    {"credentials", 0, "certificate  cert-1", NULL},
    {"jobs", 0, "3    register   running  [########........]", NULL},
    {"tree", 0, "|- MEFClientRegCfg/mef1 [ready] mef.example.com\n", NULL},
    {"tree", 0, "|  `- authenticationProfile/ap1 [failed] SUID 10 MO_NODE_NOT_FOUND (mef-dm)\n", NULL},
    {"tree", 0, "|     `- trustAnchorCred/x\n`- dataCollection/x\n", NULL},
    {"graph", 0, "digraph mo {", NULL},
    {"export", 0, "\"generation\":7", NULL},
    {"log-level", 0, "info\n", NULL},
    {"log-level debug", 0, "", NULL},
    {"--help", 0, "Usage: mefctl", NULL},
    {"--version", 0, "mefctl ", NULL},
    {"jobs --cancel 3", 0, "Job 3", NULL},
    {"--json jobs --cancel 3", 0, "{\"Cancelled\":3}\n", NULL},
    {"--json tree", 0, "\"Generation\":7", NULL},
    {"--json status", 0, "\"TokenState\":\"present\"", NULL},
    {"registrations --json", 0, "{\"Registrations\":[", NULL},
    /* jobs that end well */
    {"add ok.example.com admin.example.com", 0, "Registered: /org/mefclient1/mo/x",
     "register 3/4 asking for a command"},
    {"add none.example.com admin.example.com", 0, "Registered:", NULL},
    {"--json add ok.example.com admin.example.com", 0, "\"Result\":\"done\"", NULL},
    {"--no-wait add never.example.com admin.example.com", 0, "/org/mefclient1/job/13 goes on", NULL},
    {"poll mef1", 0, "Polled.", NULL},
    {"poll mef.example.com", 0, "Polled.", NULL},
    {"poll /org/mefclient1/registration/mef1", 0, "Polled.", NULL},
    {"delete mef1", 0, "Deleted.", NULL},
    {"delete /27026/0", 0, "Deleted.", NULL},
    {"delete trustAnchorCred/x", 0, "Deleted.", NULL},
    {"process ap1 SUID=10 typeID=1", 0, "0 OK\n", NULL},
    /* 1 */
    {"add bad.example.com admin.example.com", 1, NULL,
     "mefctl: register (job 12) did not succeed: no route to the MEF\n"},
    {"add twice.example.com admin.example.com", 1, NULL, "mefctl: 'twice.example.com' is there\n"},
    {"add odd.example.com admin.example.com", 1, NULL, "something else than a job"},
    {"--json add bad.example.com admin.example.com", 1,
     "\"Error\":\"org.mefclient1.Error.ServerUnreachable\"", NULL},
    {"process ap1", 1, "302 MO_NODE_BAD_ARGS\n", NULL},
    {"delete x", 1, NULL, "2 nodes are called 'x'"},
    {"log-level loud", 1, NULL, "no such level"},
    {"import /nonexistent", 1, NULL, "cannot read '/nonexistent': No such file"},
    {"add a.example.com b.example.com --trust-anchor /dev/null", 1, NULL, "'/dev/null' is not PEM text"},
    /* 2 */
    {"", 2, NULL, "Usage: mefctl"},
    {"frobnicate", 2, NULL, "there is no command 'frobnicate'"},
    {"status now", 2, NULL, "usage: mefctl status"},
    {"add only.example.com", 2, NULL, "usage: mefctl add FQDN ADMIN"},
    {"status --http-port 3", 2, NULL, "'status' has no option --http-port"},
    {"--wrong status", 2, NULL, "there is no option '--wrong'"},
    {"-x status", 2, NULL, "there is no option '-x'"},
    {"add a b --http-port 65536", 2, NULL, "--http-port takes a number from 1 to 65535, not '65536'"},
    {"add a b --http-port 0", 2, NULL, "not '0'"},
    {"add a b --http-port", 2, NULL, "--http-port needs a value"},
    {"add a b --name x --name y", 2, NULL, "--name is given twice"},
    {"--json=yes status", 2, NULL, "--json takes no value"},
    {"--timeout soon status", 2, NULL, "not 'soon'"},
    {"add a b --expires yesterday", 2, NULL, "--expires takes"},
    {"add a b --expires 2001-01-01", 2, NULL, "is not in the future"},
    {"process ap1 SUID", 2, NULL, "'SUID' is not of the form KEY=VALUE"},
    {"--json jobs --cancel -1", 2, "{\"Error\":\"InvalidArguments\"", NULL},
    /* 4, 5, 6 */
    {"add denied.example.com admin.example.com", 4, NULL, "mefctl: I may not\n"},
    {"poll nobody", 5, NULL, "there is no registration 'nobody'"},
    {"delete nothing", 5, NULL, "there is no node 'nothing'"},
    {"jobs --cancel 99", 5, NULL, "there is no job with that number"},
    {"--json poll nobody", 5, "{\"Error\":\"NotFound\",\"Message\":\"there is no registration 'nobody'\"}\n",
     NULL},
    {"add slow.example.com admin.example.com", 6, NULL, "it took too long"},
    {"add late.example.com admin.example.com", 6, NULL, "it took too long"},
    {"--timeout 1 add never.example.com admin.example.com", 6, NULL, "gave up waiting for job 13"},
};

static void test_rows(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct run r = run(g_test_dbus_get_bus_address(bus), rows[i].words);
        g_test_message("mefctl %s: %d", rows[i].words, r.code);
        if (r.code != rows[i].code)
            g_test_message("out: %s err: %s", r.out, r.err);
        g_assert_cmpint(r.code, ==, rows[i].code);
        g_assert_true(!rows[i].out || holds(r.out, rows[i].out));
        g_assert_true(!rows[i].err || holds(r.err, rows[i].err));
        /* --json: exactly one line. */
        if (strstr(rows[i].words, "--json ")) {
            g_assert_true(g_str_has_suffix(r.out, "\n"));
            g_assert_true(strchr(r.out, '\n') == r.out + strlen(r.out) - 1);
        }
        run_clear(&r);
    }
}

/* ---- what goes over the bus --------------------------------------------------------------------------- */

static void test_arguments(void)
{
    char *anchor = g_build_filename(g_get_tmp_dir(), "anchor.pem", NULL), *words, *body;
    struct run r;

    g_assert_true(g_file_set_contents(anchor, "-----BEGIN CERTIFICATE-----\n", -1, NULL));
    words =
        g_strdup_printf("--no-wait add mef.example.com admin.example.com --http-port 8443 --coap-port=5684 "
                        "--websocket-port 443 --cert-fingerprint nih:sha-256;ab --trust-anchor %s "
                        "--name m1 --expires 20391231T235959 --label a --label b",
                        anchor);
    r = run(g_test_dbus_get_bus_address(bus), words);
    g_assert_cmpint(r.code, ==, 0);
    body = fake_last(service, "AddMefClientRegCfg");
    g_assert_cmpstr(
        body, ==,
        "('mef.example.com', 'admin.example.com', {'HttpPort': <uint16 8443>, 'CoapPort': <uint16 5684>, "
        "'WebsocketPort': <uint16 443>, 'CertFingerprint': <'nih:sha-256;ab'>, 'Name': <'m1'>, "
        "'ExpirationTime': <uint64 2208988799000000>, 'TrustAnchor': <'-----BEGIN CERTIFICATE-----\\n'>, "
        "'Labels': <['a', 'b']>})");
    run_clear(&r);
    g_free(body);
    r = run(g_test_dbus_get_bus_address(bus),
            "--no-wait add mef.example.com admin.example.com --kpm-id gw42@mef.example.com");
    body = fake_last(service, "AddMefClientRegCfg");
    g_assert_cmpstr(body, ==,
                    "('mef.example.com', 'admin.example.com', {'KpmId': <'gw42@mef.example.com'>})");
    run_clear(&r);
    g_free(body);
    r = run(g_test_dbus_get_bus_address(bus), "process ap1 SUID=10 force=true path=./DCFG/x=y");
    body = fake_last(service, "Process");
    g_assert_cmpstr(body, ==, "({'SUID': <uint32 10>, 'force': <true>, 'path': <'./DCFG/x=y'>}, @a{sv} {})");
    run_clear(&r);
    g_free(body);
    g_unlink(anchor);
    g_free(anchor);
    g_free(words);
}

static void test_import(void)
{
    char *file = g_build_filename(g_get_tmp_dir(), "tree.json", NULL);
    char *words = g_strdup_printf("import %s", file), *body;
    struct run r;

    g_assert_true(g_file_set_contents(file, "{\"format\":1}", -1, NULL));
    r = run(g_test_dbus_get_bus_address(bus), words);
    g_assert_cmpint(r.code, ==, 0);
    g_assert_true(holds(r.out, "generation 8"));
    body = fake_last(service, "Import");
    g_assert_cmpstr(body, ==, "('{\"format\":1}', @a{sv} {})");
    run_clear(&r);
    g_free(body);
    g_assert_true(g_file_set_contents(file, "broken", -1, NULL));
    r = run(g_test_dbus_get_bus_address(bus), words);
    g_assert_cmpint(r.code, ==, 1);
    g_assert_true(holds(r.err, "mefctl: member 'nodes' is missing"));
    run_clear(&r);
    /* Octets that libdbus would end the process for. */
    g_assert_true(g_file_set_contents(file, "\xff\xfe", 2, NULL));
    r = run(g_test_dbus_get_bus_address(bus), words);
    g_assert_cmpint(r.code, ==, 1);
    g_assert_true(holds(r.err, "is not UTF-8"));
    run_clear(&r);
    g_unlink(file);
    g_free(file);
    g_free(words);
}

/* ---- no bus, no service, a service that leaves -------------------------------------------------------- */

static void test_no_service(void)
{
    GTestDBus *empty = g_test_dbus_new(G_TEST_DBUS_NONE);
    struct run r = run("unix:path=/nonexistent/bus", "status");

    g_assert_cmpint(r.code, ==, 3);
    g_assert_true(holds(r.err, "mefctl: cannot connect to unix:path=/nonexistent/bus"));
    run_clear(&r);
    r = run("nonsense", "status");
    g_assert_cmpint(r.code, ==, 3);
    run_clear(&r);
    g_test_dbus_up(empty);
    r = run(g_test_dbus_get_bus_address(empty), "--json status");
    g_assert_cmpint(r.code, ==, 3);
    g_assert_true(holds(r.err, "nobody owns 'org.mefclient1' on this bus"));
    g_assert_true(holds(r.out, "ServiceUnknown"));
    run_clear(&r);
    r = run(g_test_dbus_get_bus_address(empty), "watch");
    g_assert_cmpint(r.code, ==, 3);
    run_clear(&r);
    g_test_dbus_down(empty);
    g_object_unref(empty);
}

static void test_service_leaves(void)
{
    struct run r = run(g_test_dbus_get_bus_address(bus), "add gone.example.com admin.example.com");
    g_assert_cmpint(r.code, ==, 3);
    g_assert_true(holds(r.err, "left the bus while job 14 was under way"));
    run_clear(&r);
    fake_down(service);
    service = fake_up(g_test_dbus_get_bus_address(bus));
}

/* ---- a terminal, and the timeline --------------------------------------------------------------------- */

static void test_progress_bar(void)
{
    GString *seen = g_string_new(NULL);
    char chunk[512];
    int terminal, other_end, status;
    ssize_t n;
    pid_t pid;

    /* We keep the other end open too: when the last one closes, the kernel may drop what was not read yet. */
    if (openpty(&terminal, &other_end, NULL, NULL, NULL) != 0) {
        g_test_skip("no pseudo terminal can be had here (/dev/pts)");
        g_string_free(seen, TRUE);
        return;
    }
    pid = fork();
    if (pid == 0) {
        if (login_tty(other_end) == 0)
            execl(MEFCTL, MEFCTL, "--bus", g_test_dbus_get_bus_address(bus), "add", "ok.example.com",
                  "admin.example.com", NULL);
        _exit(127);
    }
    g_assert_cmpint(pid, >, 0);
    while (!strstr(seen->str, "Registered: /org/mefclient1/mo/x")) {
        struct pollfd p = {.fd = terminal, .events = POLLIN};

        if (poll(&p, 1, 60000) != 1 || (n = read(terminal, chunk, sizeof(chunk))) <= 0)
            break;
        g_string_append_len(seen, chunk, n);
    }
    close(other_end);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    close(terminal);
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    g_assert_true(holds(seen->str, "[######..................] register 1/4 connecting"));
    g_assert_true(holds(seen->str, "\r\033[K"));
    g_assert_true(holds(seen->str, "Registered: /org/mefclient1/mo/x"));
    g_string_free(seen, TRUE);
}

/* Reads lines until one holds `part`; fails at the end of the output. */
static void expect_line(FILE *from, const char *part)
{
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    while (!found && getline(&line, &room, from) > 0) {
        g_test_message("watch: %s", line);
        found = strstr(line, part) != NULL;
    }
    free(line);
    if (!found)
        g_error("watch did not say '%s'", part);
}

static void watch(bool json)
{
    const char *argv[] = {MEFCTL, "--bus", g_test_dbus_get_bus_address(bus), "--timeout",
                          "60",   "watch", json ? "--json" : NULL,           NULL};
    GError *error = NULL;
    GPid pid;
    int out, status;
    FILE *lines;
    struct run r;

    g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL,
                             &out, NULL, &error);
    g_assert_no_error(error);
    lines = fdopen(out, "r");
    expect_line(lines, "watching");
    r = run(g_test_dbus_get_bus_address(bus), "--no-wait poll mef1");
    g_assert_cmpint(r.code, ==, 0);
    run_clear(&r);
    /* GTestDBus lets anybody monitor, so that calls are told. */
    expect_line(lines, json ? "\"event\":\"call\",\"fields\":{\"Member\":\"Poll\""
                            : "  call                 registration/mef1  Member=Poll");
    fake_signal(service, "/org/mefclient1/registration/mef1/command/2", "org.freedesktop.DBus.Properties",
                "PropertiesChanged",
                "('org.mefclient1.Command', {'Status': <'OK'>, 'Reported': <true>}, @as [])");
    /* Status is what it was: only Reported is new; the transaction is known from before. */
    expect_line(lines, json ? "\"transaction\":\"t-77\",\"event\":\"command-changed\",\"fields\":{\"Object\":"
                              "\"/org/mefclient1/registration/mef1/command/2\",\"Reported\":true}"
                            : "command-changed      registration/mef1/command/2  Reported=yes");
    fake_signal(service, "/org/mefclient1", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded",
                "(objectpath '/org/mefclient1/job/4', {'org.mefclient1.Job': {'Operation': <'poll'>, "
                "'State': <'running'>}})");
    expect_line(lines, "job-added");
    fake_signal(service, "/org/mefclient1", "org.mefclient1.Manager", "JobRemoved",
                "(uint32 4, objectpath '/org/mefclient1/job/4', 'done')");
    expect_line(lines, json ? "\"Result\":\"done\",\"Operation\":\"poll\"" : "Result=done Operation=poll");
    fake_signal(service, "/org/mefclient1/mo", "org.mefclient1.Tree", "Committed",
                "(uint64 8, 'local', [objectpath '/org/mefclient1/mo/x'])");
    expect_line(lines, "tree-committed");
    kill(pid, SIGINT);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    fclose(lines);
}

static void test_watch(void)
{
    watch(false);
}

static void test_watch_json(void)
{
    watch(true);
}

int main(int argc, char **argv)
{
    int r;

    g_test_init(&argc, &argv, NULL);
    g_setenv("LC_ALL", "C", TRUE);
    bus = g_test_dbus_new(G_TEST_DBUS_NONE);
    g_test_dbus_up(bus);
    service = fake_up(g_test_dbus_get_bus_address(bus));
    g_test_add_func("/ctl/commands-and-exit-codes", test_rows);
    g_test_add_func("/ctl/arguments-on-the-bus", test_arguments);
    g_test_add_func("/ctl/import", test_import);
    g_test_add_func("/ctl/no-service", test_no_service);
    g_test_add_func("/ctl/service-leaves", test_service_leaves);
    g_test_add_func("/ctl/progress-bar", test_progress_bar);
    g_test_add_func("/ctl/watch", test_watch);
    g_test_add_func("/ctl/watch-json", test_watch_json);
    r = g_test_run();
    fake_down(service);
    g_test_dbus_down(bus);
    g_object_unref(bus);
    return r;
}
