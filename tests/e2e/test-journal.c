/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DC-05: the story of an exchange in a real systemd-journald, read back by field. The program runs itself
 * again in a mount namespace of its own, in which /run and /etc are private, so that the machine's journal
 * sees nothing. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "tests/lib/e2e-fixture.h"

#define JOURNALD  "/lib/systemd/systemd-journald"
#define TREE_PATH "/org/mefclient1/mo"

static GPid journald;

static gboolean has_files(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    return dir && g_dir_read_name(dir);
}

/* False: it ends by itself, as it does where there are no cgroups. */
static gboolean start_journald(void)
{
    char *argv[] = {(char *)JOURNALD, NULL};
    GError *error = NULL;

    g_spawn_async(NULL, argv, NULL,
                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                  NULL, &journald, &error);
    g_assert_no_error(error);
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    while (!g_file_test("/run/systemd/journal/socket", G_FILE_TEST_EXISTS) ||
           !has_files("/run/log/journal")) {
        if (waitpid(journald, NULL, WNOHANG) != 0)
            return FALSE;
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(10000);
    }
    return TRUE;
}

/* Entries of the journal that match, as JSON objects (new reference). */
static json_t *entries(const char *match)
{
    char *argv[] = {(char *)"journalctl",
                    (char *)"-D",
                    (char *)"/run/log/journal",
                    (char *)"-o",
                    (char *)"json",
                    (char *)"--no-pager",
                    (char *)"-q",
                    (char *)"SYSLOG_IDENTIFIER=mefclient",
                    (char *)match,
                    NULL};
    g_autofree char *out = NULL;
    GError *error = NULL;

    g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL,
                 NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(out, "\n", -1);
    json_t *all = json_array();
    for (char **l = lines; *l; l++)
        if (**l)
            json_array_append_new(all, json_loads(*l, 0, NULL));
    return all;
}

/* Waits until the journal has n entries that match: journald writes when it gets to it. */
static json_t *entries_until(const char *match, size_t n)
{
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    for (;;) {
        json_t *all = entries(match);
        if (json_array_size(all) >= n)
            return all;
        if (g_get_monotonic_time() > end)
            g_error("the journal has %zu entries with %s, %zu were expected", json_array_size(all), match, n);
        json_decref(all);
        g_usleep(50000);
    }
}

static const char *field(json_t *entry, const char *name)
{
    const char *text = json_string_value(json_object_get(entry, name));
    return text ? text : "";
}

static void set_target(struct e2e *e, const char *target)
{
    GError *error = NULL;
    g_autoptr(GVariant) v = e2e_call(
        e, "/org/freedesktop/LogControl1", "org.freedesktop.DBus.Properties", "Set",
        g_variant_new("(ssv)", "org.freedesktop.LogControl1", "LogTarget", g_variant_new_string(target)),
        &error);
    g_assert_no_error(error);
    g_assert_nonnull(v);
}

/* Of this journal, or of the one in `directory`; exit status. */
static int timeline(const char *directory, gboolean json, const char *transaction, char **out, char **err)
{
    const char *argv[] = {TOP_BUILDDIR "/mefctl", "timeline", NULL, NULL, NULL};
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
    GError *error = NULL;
    size_t n = 2;
    int status;

    if (directory)
        env = g_environ_setenv(env, "MEFCLIENT_JOURNAL", directory, TRUE);
    if (json)
        argv[n++] = "--json";
    argv[n] = transaction;
    g_spawn_sync(NULL, (char **)argv, env, 0, NULL, NULL, out, err, &status, &error);
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A step of the drawing: its arrow and what its sentence begins with. Returns what follows it. */
static const char *drawn(const char *text, const char *arrow, const char *sentence)
{
    const char *hit = text;
    g_test_message("%s %s", arrow, sentence);
    while ((hit = strstr(hit, sentence))) {
        const char *line = hit;
        while (line > text && line[-1] != '\n')
            line--;
        g_autofree char *before = g_strndup(line, (gsize)(hit - line));
        if (strstr(before, arrow))
            return strchr(hit, '\n');
        hit++;
    }
    g_error("not drawn, or not in its place: %s", text);
}

/* A whole CERT_PROV in its order: who said what to whom. */
static void assert_timeline(const char *transaction)
{
    static const struct {
        const char *arrow, *sentence;
    } rows[] = {{"|<----------|", "'" E2E_FQDN "' issued command"},
                {"|---------->|", "Step 1 of 5"},
                {"|<----------|", "Step 3 of 5"},
                {"|---------->|", "Step 4 of 5"},
                {"|           *           |", "Step 5 of 5"},
                {"|<----------|", "The certificate of"},
                {"|           *           |",
                 "Command \"c-0001\" of '" E2E_FQDN "' ended with a new certificate. [20]"},
                {"|<----------|", "'" E2E_FQDN "' accepted the new certificate."},
                {"|---------->|", "'" E2E_FQDN "' has the result of command \"c-0001\". [20]"}};
    g_autofree char *out = NULL, *err = NULL, *whole = NULL;
    g_assert_cmpint(timeline(NULL, FALSE, transaction, &out, &err), ==, 0);
    g_test_message("%s", out);
    g_assert_cmpstr(err, ==, "");
    g_assert_nonnull(strstr(out, ": command c-0001 (cert-prov) of " E2E_FQDN "\n"));
    const char *rest = out;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        rest = drawn(rest, rows[i].arrow, rows[i].sentence);

    g_assert_cmpint(timeline(NULL, TRUE, transaction, &whole, NULL), ==, 0);
    json_t *t = json_loads(whole, 0, NULL), *e;
    json_int_t sum = 0, last = 0;
    size_t i;
    g_assert_cmpstr(field(t, "Transaction"), ==, transaction);
    g_assert_cmpstr(field(t, "Class"), ==, "cert-prov");
    g_assert_cmpint(json_integer_value(json_object_get(t, "Status")), ==, 20);
    json_array_foreach(json_object_get(t, "Entries"), i, e)
    {
        sum += json_integer_value(json_object_get(e, "Elapsed"));
        g_assert_cmpint(json_integer_value(json_object_get(e, "Time")), >=, last);
        last = json_integer_value(json_object_get(e, "Time"));
    }
    g_assert_cmpint(sum, ==, json_integer_value(json_object_get(t, "Duration")));
    json_decref(t);
}

static void test_story(void)
{
    struct e2e e;
    e2e_up(&e,
           "{\"commands\":[{\"class\":\"CERT_PROV\"},{\"class\":\"DEV_CFG\"}],\"retryDuration\":\"PT10M\"}");
    e2e_agent_start_ready(&e);
    set_target(&e, "journal");
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    g_autofree char *id = e2e_get_string(&e, reg, "Registration", "MefClientRegId");

    /* Registered: who, where. */
    json_t *all = entries_until("MEF_EVENT=REGISTRATION_DONE", 1);
    json_t *one = json_array_get(all, 0);
    g_assert_cmpstr(field(one, "MESSAGE_ID"), ==, "6f3c0a9d5b1e4c7f8a2d94e1b7c60511");
    g_assert_cmpstr(field(one, "MEF_FQDN"), ==, E2E_FQDN);
    g_assert_cmpstr(field(one, "MEF_REGISTRATION"), ==, id);
    g_assert_cmpuint(strlen(field(one, "MEF_TRANSACTION_ID")), ==, 16);
    g_assert_cmpstr(field(one, "PRIORITY"), ==, "5");
    json_decref(all);

    /* One command: all its lines by its transaction, from receipt to report. */
    all = entries_until("MEF_EVENT=COMMAND_RECEIVED", 2);
    one = json_array_get(all, 0);
    g_assert_cmpstr(field(one, "MEF_CMD_ID"), ==, "c-0001");
    g_assert_cmpstr(field(one, "MEF_CMD_CLASS"), ==, "cert-prov");
    g_autofree char *transaction = g_strconcat("MEF_TRANSACTION_ID=", field(one, "MEF_TRANSACTION_ID"), NULL);
    json_decref(all);
    json_t *reported = entries_until("MEF_EVENT=COMMAND_REPORTED", 2);
    json_decref(reported);
    all = entries(transaction);
    static const char *const wanted[] = {"COMMAND_RECEIVED", "ENROLMENT_STEP", "CERTIFICATE_STORED",
                                         "CERTIFICATE_PROVEN", "COMMAND_REPORTED"};
    for (size_t w = 0; w < G_N_ELEMENTS(wanted); w++) {
        size_t i, found = 0;
        json_array_foreach(all, i, one) if (strcmp(field(one, "MEF_EVENT"), wanted[w]) == 0)
        {
            found++;
            g_assert_cmpstr(field(one, "MEF_CMD_ID"), ==, "c-0001");
        }
        g_test_message("%s", wanted[w]);
        g_assert_cmpuint(found, >=, 1);
    }
    json_decref(all);
    assert_timeline(strchr(transaction, '=') + 1);

    /* A refusal: which command, which status, why. */
    all = entries_until("MEF_EVENT=COMMAND_REFUSED", 1);
    one = json_array_get(all, 0);
    g_assert_cmpstr(field(one, "MEF_CMD_CLASS"), ==, "dev-cfg");
    g_assert_cmpstr(field(one, "MEF_STATUS"), ==, "43");
    g_assert_cmpstr(field(one, "PRIORITY"), ==, "4");
    json_decref(all);

    /* DC-03: no key, no PIN, in any field of any line. */
    all = entries("MEF_FQDN=" E2E_FQDN);
    g_assert_cmpuint(json_array_size(all), >, 8);
    g_autofree char *text = json_dumps(all, 0);
    g_assert_null(strstr(text, e.kpm));
    g_assert_null(strstr(text, TOKEN_FIXTURE_PIN));
    json_decref(all);
    e2e_down(&e);
}

/* Without a word: the transaction that was told last. What others write: only text, and not at all under
 * another name. */
static void test_timeline(void)
{
    g_autofree char *out = NULL, *err = NULL, *last = NULL;

    g_assert_cmpint(sd_journal_send("MESSAGE=One\033[2J", "SYSLOG_IDENTIFIER=mefclient",
                                    "MEF_EVENT=REGISTRATION_STARTED", "MEF_TRANSACTION_ID=t-1",
                                    "MEF_STATUS=x", NULL),
                    ==, 0);
    g_assert_cmpint(sd_journal_send("MESSAGE=Two", "SYSLOG_IDENTIFIER=mefclient",
                                    "MEF_EVENT=REGISTRATION_FAILED", "MEF_TRANSACTION_ID=t-1",
                                    "MEF_ERROR=ServerUnreachable", NULL),
                    ==, 0);
    g_assert_cmpint(
        sd_journal_send("MESSAGE=Not of it", "SYSLOG_IDENTIFIER=mefclient", "MEF_EVENT=STARTED", NULL), ==,
        0);
    g_assert_cmpint(
        sd_journal_send("MESSAGE=Not ours", "SYSLOG_IDENTIFIER=other", "MEF_TRANSACTION_ID=t-1", NULL), ==,
        0);
    /* What cannot be an identifier hides none. */
    g_assert_cmpint(sd_journal_send("MESSAGE=Odd", "SYSLOG_IDENTIFIER=mefclient", "MEF_TRANSACTION_ID=t\0332",
                                    "MEF_EVENT=ODD", NULL),
                    ==, 0);
    g_assert_cmpint(sd_journal_send("MESSAGE=Odd", "SYSLOG_IDENTIFIER=mefclient",
                                    "MEF_TRANSACTION_ID=", "MEF_EVENT=ODD", NULL),
                    ==, 0);
    json_decref(entries_until("MEF_EVENT=ODD", 2));
    json_decref(entries_until("MEF_TRANSACTION_ID=t-1", 2));
    json_decref(entries_until("MEF_EVENT=STARTED", 1));
    g_assert_cmpint(timeline(NULL, FALSE, NULL, &out, &err), ==, 0);
    g_assert_cmpstr(err, ==, "");
    g_assert_true(g_str_has_prefix(out, "Transaction t-1\n"));
    const char *rest = drawn(out, "|---------->|", "One?[2J");
    rest = drawn(rest, "|----------x|", "Two (ServerUnreachable)");
    g_assert_cmpstr(rest, ==, "\n");

    /* The same out of a directory; a transaction that is not there. */
    GDir *dir = g_dir_open("/run/log/journal", 0, NULL);
    g_autofree char *below = g_build_filename("/run/log/journal", g_dir_read_name(dir), NULL), *none = NULL;
    g_dir_close(dir);
    g_assert_cmpint(timeline(below, FALSE, "t-1", &last, NULL), ==, 0);
    g_assert_cmpstr(last, ==, out);
    g_assert_cmpint(timeline(NULL, FALSE, "t-2", NULL, &none), ==, 5);
    g_assert_nonnull(strstr(none, "the journal has nothing of transaction 't-2'"));
}

/* The message alone names what went wrong with what. */
static void test_refused_caller(void)
{
    struct e2e e;
    GError *error = NULL;
    e2e_up(&e, NULL);
    e2e_agent_start_ready(&e);
    set_target(&e, "journal");
    g_assert_null(e2e_call(
        &e, TREE_PATH, "org.mefclient1.Tree", "Import",
        g_variant_new("(sa{sv})",
                      "{\"format\":1,\"nodes\":[{\"type\":\"MEFClientRegCfg\",\"name\":\"a\",\"attrs\":"
                      "{\"fqdn\":\"a.example\",\"adminFQDN\":\"b.example\"},\"links\":[\"./DCFG/"
                      "trustAnchorCred/none\"]}]}",
                      NULL),
        &error));
    g_assert_nonnull(error);
    json_t *all = entries_until("MEF_EVENT=TREE_REFUSED", 1);
    g_assert_nonnull(strstr(field(json_array_get(all, 0), "MESSAGE"), "./DCFG/trustAnchorCred/none"));
    json_decref(all);
    g_clear_error(&error);
    e2e_down(&e);
}

static void test_no_journald(void)
{
    g_test_skip("systemd-journald ends at once here (it needs cgroups)");
}

/* In the namespace: a /run and an /etc of our own. */
static int run_inside(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!start_journald()) {
        g_test_add_func("/e2e/journal/DC-05/story-of-an-exchange", test_no_journald);
        return g_test_run();
    }
    g_test_add_func("/e2e/journal/DC-05/DC-03/story-of-an-exchange", test_story);
    g_test_add_func("/e2e/journal/DC-05/refused-change", test_refused_caller);
    g_test_add_func("/e2e/journal/timeline", test_timeline);
    int r = g_test_run();
    kill(journald, SIGTERM);
    (void)waitpid(journald, NULL, 0);
    return r;
}

static void test_skipped(void)
{
    g_test_skip(g_file_test(JOURNALD, G_FILE_TEST_IS_EXECUTABLE)
                    ? "no mount namespace may be made here (unshare)"
                    : JOURNALD " is not installed");
}

int main(int argc, char **argv)
{
    static const char script[] =
        "set -e; t=$1; shift; mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/journal /run/log/journal; "
        "cp -a /etc \"$t/etc\"; grep -Eqx '[0-9a-f]{32}' \"$t/etc/machine-id\" 2>/dev/null || printf "
        "'%032x\\n' 7 >\"$t/etc/machine-id\"; "
        "mkdir -p \"$t/etc/systemd\"; printf "
        "'[Journal]\\nStorage=volatile\\nRateLimitIntervalSec=0\\nReadKMsg=no\\n' "
        ">\"$t/etc/systemd/journald.conf\"; mount --bind \"$t/etc\" /etc; exec \"$@\"";

    if (g_getenv("MEF_TEST_INSIDE"))
        return run_inside(argc, argv);
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *dir = g_dir_make_tmp("journal-XXXXXX", NULL);
    const char *how = getuid() == 0 ? "-m" : "-cm";
    char *probe[] = {(char *)"unshare", (char *)how,    (char *)(getuid() == 0 ? "--" : "--keep-caps"),
                     (char *)"mount",   (char *)"-t",   (char *)"tmpfs",
                     (char *)"tmpfs",   (char *)"/run", NULL};
    int status = -1;
    if (!self || !g_file_test(JOURNALD, G_FILE_TEST_IS_EXECUTABLE) ||
        !g_spawn_sync(NULL, probe, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL,
                      NULL, &status, NULL) ||
        status != 0) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/e2e/journal/DC-05/story-of-an-exchange", test_skipped);
        return g_test_run();
    }
    (void)g_setenv("MEF_TEST_INSIDE", "1", TRUE);
    execlp("unshare", "unshare", how, getuid() == 0 ? "--" : "--keep-caps", "sh", "-c", script, "sh", dir,
           self, argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL,
           (char *)NULL);
    return 99;
}
