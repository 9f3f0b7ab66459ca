/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mefctl timeline without a journal: how a transaction is drawn, and what is said where nothing can be read.
 * A real journald is in tests/e2e/test-journal.c. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#include "dbus/ctl/ctl.h"

#define MEFCTL TOP_BUILDDIR "/mefctl"

static char *drawn(json_t *timeline, bool utf8)
{
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    timeline_draw(timeline, utf8, to);
    fclose(to);
    return text;
}

static json_t *timeline(const char *entries)
{
    json_error_t error;
    json_t *list = json_loads(entries, 0, &error), *t;

    g_assert_nonnull(list);
    t = timeline_make("00112233aabbccdd", list);
    json_decref(list);
    g_assert_nonnull(t);
    return t;
}

/* A DEV_CFG with all that can be drawn: an arrow each way, past another line of life, one that fails, one
 * that stays. */
static const char dev_cfg[] =
    "[{\"Time\":1900000000123456,\"Elapsed\":0,\"MEF_EVENT\":\"COMMAND_RECEIVED\",\"MEF_FQDN\":\"m.example\","
    "\"MEF_REGISTRATION\":\"mecr-1\",\"MEF_CMD_ID\":\"c-2\",\"MEF_CMD_CLASS\":\"dev-cfg\",\"MEF_NODE\":"
    "\"mef1\","
    "\"MEF_JOB\":\"7\",\"MESSAGE\":\"issued.\"},"
    "{\"Time\":1900000000123500,\"Elapsed\":44,\"MEF_EVENT\":\"DM_SESSION_STARTED\",\"MESSAGE\":\"session.\"}"
    ","
    "{\"Time\":1900000001223500,\"Elapsed\":1100000,\"MEF_EVENT\":\"DM_SESSION_FAILED\",\"MEF_ERROR\":"
    "\"TimedOut\","
    "\"MESSAGE\":\"gone.\"},"
    "{\"Time\":1900000001223600,\"Elapsed\":100,\"MEF_EVENT\":\"COMMAND_REFUSED\",\"MEF_STATUS\":\"202\","
    "\"MESSAGE\":\"ended.\"},"
    "{\"Time\":1900000001250600,\"Elapsed\":27000,\"MEF_EVENT\":\"COMMAND_REPORTED\",\"MEF_STATUS\":\"202\","
    "\"MESSAGE\":\"reported.\"}]";

static void test_drawn(void)
{
    json_t *t = timeline(dev_cfg);
    char *ascii = drawn(t, false), *utf8 = drawn(t, true);

    g_assert_cmpstr(ascii, ==,
                    "Transaction 00112233aabbccdd: command c-2 (dev-cfg) of m.example\n"
                    "2030-03-17 17:46:40, 5 entries in 1.127 s\n"
                    "\n"
                    "                         DM client    device        MEF\n"
                    "17:46:40.123       0 us      |           |<----------|     issued.\n"
                    "17:46:40.123      44 us      |<----------|           |     session.\n"
                    "17:46:41.223    1.100 s      |----------x|           |     gone. (TimedOut)\n"
                    "17:46:41.223     100 us      |           *           |     ended. [202]\n"
                    "17:46:41.250    27.0 ms      |           |---------->|     reported. [202]\n");
    g_assert_nonnull(strstr(utf8, "\u2502           \u2502\u25c0\u2500\u2500"));
    g_assert_nonnull(strstr(utf8, "\u2500\u2500\u25b6\u2502     reported. [202]\n"));
    g_assert_nonnull(strstr(utf8, "\u2500\u2715\u2502"));
    g_assert_nonnull(strstr(utf8, "\u25cf"));
    free(ascii);
    free(utf8);
    json_decref(t);
}

/* Past the token to the DM client; the token where only it is used. */
static void test_lines_of_life(void)
{
    json_t *t = timeline("[{\"MEF_EVENT\":\"KEY_STORED\",\"MESSAGE\":\"k\"},"
                         "{\"MEF_EVENT\":\"DM_SESSION_STARTED\",\"MESSAGE\":\"s\"}]");
    char *text = drawn(t, false);

    g_assert_nonnull(strstr(text, "DM client     token      device        MEF\n"));
    g_assert_nonnull(strstr(text, " |           |<----------|           |     k\n"));
    g_assert_nonnull(strstr(text, " |<----------------------|           |     s\n"));
    free(text);
    json_decref(t);
    t = timeline("[{\"MEF_EVENT\":\"KEY_STORED\",\"MESSAGE\":\"k\"}]");
    text = drawn(t, false);
    g_assert_null(strstr(text, "DM client"));
    g_assert_nonnull(strstr(text, " |<----------|           |     k\n"));
    free(text);
    json_decref(t);
}

static void test_json(void)
{
    json_t *t = timeline(dev_cfg);
    char *text = json_dumps(t, JSON_COMPACT);

    g_assert_cmpstr(text, ==,
                    "{\"Transaction\":\"00112233aabbccdd\",\"Fqdn\":\"m.example\",\"Registration\":\"mecr-"
                    "1\",\"CommandId\":\"c-2\","
                    "\"Class\":\"dev-cfg\",\"Status\":202,\"Duration\":1127144,\"Entries\":["
                    "{\"Time\":1900000000123456,\"Elapsed\":0,\"Event\":\"COMMAND_RECEIVED\",\"From\":"
                    "\"mef\",\"To\":\"device\","
                    "\"Failed\":false,\"Message\":\"issued.\",\"Node\":\"mef1\",\"Job\":\"7\"},"
                    "{\"Time\":1900000000123500,\"Elapsed\":44,\"Event\":\"DM_SESSION_STARTED\",\"From\":"
                    "\"device\",\"To\":\"dm-client\","
                    "\"Failed\":false,\"Message\":\"session.\"},"
                    "{\"Time\":1900000001223500,\"Elapsed\":1100000,\"Event\":\"DM_SESSION_FAILED\",\"From\":"
                    "\"dm-client\",\"To\":\"device\","
                    "\"Failed\":true,\"Message\":\"gone.\",\"Error\":\"TimedOut\"},"
                    "{\"Time\":1900000001223600,\"Elapsed\":100,\"Event\":\"COMMAND_REFUSED\",\"From\":"
                    "\"device\",\"To\":\"device\","
                    "\"Failed\":false,\"Message\":\"ended.\",\"Status\":202},"
                    "{\"Time\":1900000001250600,\"Elapsed\":27000,\"Event\":\"COMMAND_REPORTED\",\"From\":"
                    "\"device\",\"To\":\"mef\","
                    "\"Failed\":false,\"Message\":\"reported.\",\"Status\":202}]}");
    free(text);
    json_decref(t);
}

/* Who speaks to whom in each event that docs/events.md has in a transaction. */
static void test_ways(void)
{
    static const struct {
        const char *event, *message, *from, *to;
        bool failed;
    } rows[] = {
        {"REGISTRATION_STARTED", "", "device", "mef", false},
        {"REGISTRATION_DONE", "", "mef", "device", false},
        {"REGISTRATION_FAILED", "", "device", "mef", true},
        {"REGISTRATION_LOST", "", "device", "device", false},
        {"REGISTRATION_ENDING", "", "device", "mef", false},
        {"REGISTRATION_ENDED", "", "device", "device", false},
        {"DEREGISTRATION_PENDING", "", "device", "mef", true},
        {"HANDSHAKE_FAILED", "", "device", "mef", true},
        {"COMMAND_RECEIVED", "", "mef", "device", false},
        {"COMMAND_UNPARSABLE", "", "mef", "device", true},
        {"COMMAND_DONE", "", "device", "device", false},
        {"COMMAND_REPORTED", "", "device", "mef", false},
        {"REPORT_DELAYED", "", "device", "mef", true},
        {"NO_MORE_COMMANDS", "", "mef", "device", false},
        {"ENROLMENT_STEP", "Step 1 of 5 of the enrolment: CA certificates", "device", "mef", false},
        {"ENROLMENT_STEP", "Step 3 of 5 of the enrolment: key pair and request", "device", "token", false},
        {"ENROLMENT_STEP", "Step 5 of 5 of the enrolment: checks of the certificate", "device", "device",
         false},
        {"CERTIFICATE_STORED", "", "device", "token", false},
        {"CERTIFICATE_PROVEN", "", "mef", "device", false},
        {"CERTIFICATE_REFUSED", "", "mef", "device", true},
        {"CREDENTIALS_DELETED", "", "device", "token", false},
        {"TOKEN_FAILED", "", "device", "token", true},
        {"KEY_STORED", "", "device", "token", false},
        {"EXCHANGE_RETRY", "", "device", "mef", true},
        {"STORE_FAILED", "", "device", "device", false},
        {"DM_SESSION_STARTED", "", "device", "dm-client", false},
        {"DM_SESSION_FAILED", "", "dm-client", "device", true},
        {"AN_EVENT_OF_A_LATER_VERSION", "", "device", "device", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        json_t *list = json_pack("[{s:s, s:s}]", "MEF_EVENT", rows[i].event, "MESSAGE", rows[i].message);
        json_t *t = timeline_make("t", list), *e = json_array_get(json_object_get(t, "Entries"), 0);
        g_test_message("%s", rows[i].event);
        g_assert_cmpstr(property_text(e, "From"), ==, rows[i].from);
        g_assert_cmpstr(property_text(e, "To"), ==, rows[i].to);
        g_assert_cmpint(property_true(e, "Failed"), ==, rows[i].failed);
        json_decref(t);
        json_decref(list);
    }
}

/* What anybody may have written under our name, or an entry without any field. */
static void test_odd_entries(void)
{
    json_t *t =
        timeline("[{}, {\"MEF_STATUS\":\"many\",\"MESSAGE\":\"m\"}, {\"MEF_STATUS\":\"99999999999\"}]");
    char *text = drawn(t, false);

    g_assert_null(json_object_get(t, "Status"));
    g_assert_nonnull(strstr(text, "3 entries in 0 us"));
    free(text);
    json_decref(t);
    t = timeline("[]");
    text = drawn(t, true);
    g_assert_nonnull(strstr(text, "0 entries"));
    free(text);
    json_decref(t);
}

/* ---- where nothing can be read ------------------------------------------------------------------------ */

static int run(const char *directory, const char *const *words, char **out, char **err, bool nobody)
{
    const char *argv[16] = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
    char **env = g_environ_setenv(g_get_environ(), "MEFCLIENT_JOURNAL", directory, TRUE);
    GError *error = NULL;
    size_t n = 4;
    int status;

    argv[n++] = MEFCTL;
    for (; words && *words; words++) {
        g_assert_cmpuint(n + 1, <, G_N_ELEMENTS(argv));
        argv[n++] = *words;
    }
    argv[n] = NULL;
    g_spawn_sync(NULL, (char **)argv + (nobody ? 0 : 4), env, G_SPAWN_SEARCH_PATH, NULL, NULL, out, err,
                 &status, &error);
    g_assert_no_error(error);
    g_strfreev(env);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool may_run_as_nobody(void)
{
    static const char *const version[] = {"--version", NULL};
    char *setpriv = g_find_program_in_path("setpriv"), *out = NULL, *err = NULL;
    bool may = getuid() == 0 && setpriv && run("/", version, &out, &err, true) == 0;

    g_free(setpriv);
    g_free(out);
    g_free(err);
    return may;
}

static void test_nothing(void)
{
    static const char *const plain[] = {"timeline", NULL}, *const json[] = {"--json", "timeline", "t-1",
                                                                            NULL};
    char *dir = g_dir_make_tmp("timeline-XXXXXX", NULL), *out, *err;
    char *file = g_build_filename(dir, "system.journal", NULL);

    /* No journald: 3, and where the events are then. */
    g_assert_cmpint(run(dir, plain, &out, &err, false), ==, 3);
    g_assert_nonnull(strstr(err, "there is no journal in "));
    g_assert_cmpstr(out, ==, "");
    g_free(out);
    g_free(err);
    g_assert_cmpint(run("/nonexistent", json, &out, &err, false), ==, 3);
    g_assert_true(
        g_str_has_prefix(out, "{\"Error\":\"NoJournal\",\"Message\":\"there is no journal in /nonexistent;"));
    g_free(out);
    g_free(err);
    /* A file that is none. */
    g_assert_true(g_file_set_contents(file, "", 0, NULL));
    g_assert_cmpint(run(dir, plain, &out, &err, false), ==, 5);
    g_free(out);
    g_free(err);
    /* Not ours to read: 4. Root reads everything, so it asks as nobody, if nobody can reach the program. */
    g_assert_cmpint(g_chmod(file, 0), ==, 0);
    g_assert_cmpint(g_chmod(dir, 0755), ==, 0);
    if (may_run_as_nobody() || getuid() != 0) {
        g_assert_cmpint(run(dir, json, &out, &err, getuid() == 0), ==, 4);
        g_assert_nonnull(strstr(err, "systemd-journal"));
        g_assert_true(g_str_has_prefix(out, "{\"Error\":\"NotAuthorized\""));
        g_free(out);
        g_free(err);
    } else
        g_test_skip("uid 65534 cannot run " MEFCTL
                    " (setpriv): the journal that may not be read was not tried");
    g_unlink(file);
    g_rmdir(dir);
    g_free(file);
    g_free(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("TZ", "UTC", TRUE);
    g_setenv("LC_ALL", "C", TRUE);
    g_test_add_func("/ctl/timeline/drawn", test_drawn);
    g_test_add_func("/ctl/timeline/lines-of-life", test_lines_of_life);
    g_test_add_func("/ctl/timeline/json", test_json);
    g_test_add_func("/ctl/timeline/ways", test_ways);
    g_test_add_func("/ctl/timeline/odd-entries", test_odd_entries);
    g_test_add_func("/ctl/timeline/nothing", test_nothing);
    return g_test_run();
}
