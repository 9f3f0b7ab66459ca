/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DC-05: the story of an exchange in a real systemd-journald, read back by field. The program runs itself
 * again in a mount namespace of its own, in which /run and /etc are private, so that the machine's journal
 * sees nothing. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
