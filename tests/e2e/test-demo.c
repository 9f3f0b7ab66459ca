/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The demo as a newcomer runs it: it ends well, says what interfaces.md 4 promises, and leaves nothing
 * behind; with --keep all of it stays up until its own `end` is run; a step that fails is named. */
#include <glib/gstdio.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#define DEMO TOP_SRCDIR "/tests/e2e/demo"

static char *place; /* TMPDIR of the demo */

static int run(const char *const *words, char **out, char **err)
{
    GError *error = NULL;
    char **env = g_environ_setenv(g_get_environ(), "TMPDIR", place, TRUE);
    int status;

    g_spawn_sync(NULL, (char **)words, env, G_SPAWN_SEARCH_PATH, NULL, NULL, out, err, &status, &error);
    g_assert_no_error(error);
    g_strfreev(env);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool holds(const char *text, const char *part)
{
    if (strstr(text, part))
        return true;
    g_test_message("'%s' is not in: %s", part, text);
    return false;
}

/* No directory and no process of the demo is left. */
static void assert_clean(void)
{
    const char *argv[] = {"pgrep", "-f", place, NULL};
    GDir *dir = g_dir_open(place, 0, NULL);
    char *out = NULL, *pgrep = g_find_program_in_path("pgrep");

    g_assert_nonnull(dir);
    g_assert_null(g_dir_read_name(dir));
    g_dir_close(dir);
    if (pgrep) {
        int status;
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, &status, NULL);
        g_assert_cmpstr(out, ==, "");
        g_free(out);
    }
    g_free(pgrep);
}

static void test_demo(void)
{
    static const char *const argv[] = {"sh", DEMO, TOP_BUILDDIR, NULL};
    static const char *const parts[] = {
        "AddMefClientRegCfg 'ssa{sv}'", "suite 00AE", "EST simpleenroll", "suite C023",
        "answered 200, command DEV_CFG", "session with 'coaps://mef.example.com:5684', as 'mef.example.com'",
        "the session has ended: ok", "answered 200, command MO_NODE", "registration of a key: answered 201",
        "answered 200, command NO_MORE_COMMANDS",
        /* the nodes of the worked example, mef-protocol.md 6.3 and 6.5 */
        "\n./DCFG\n`- MAFClientRegCfg/maf [",
        "\n   `- authenticationProfile/gw42-maf [ready] SUID 21 (mef-dm)\n", "\n      |- credential: key 10-",
        "\n      `- MEFClientRegCfg/mef.example.com [ready] mef.example.com registered\n",
        "\n         |- credential: certificate CN=gw42 until ", "\nregistration: ", "\ncertificate: ",
        "\nuri: pkcs11:", "\nlast-command: NO_MORE_COMMANDS, after MO_NODE c-0003: ok (20)\n",
        "\nnext-poll: "};
    char *out, *err;
    gint64 began = g_get_monotonic_time();
    int code = run(argv, &out, &err);

    if (code != 0)
        g_test_message("%s%s", out, err);
    g_assert_cmpint(code, ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 60 * G_USEC_PER_SEC);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        g_assert_true(holds(out, parts[i]));
    assert_clean();
    g_free(out);
    g_free(err);
}

static void test_keep(void)
{
    static const char *const argv[] = {"sh", DEMO, TOP_BUILDDIR, "--keep", NULL};
    char *out, *err, *bus, *dir, *line;
    int code = run(argv, &out, &err);

    if (code != 0)
        g_test_message("%s%s", out, err);
    g_assert_cmpint(code, ==, 0);
    line = strstr(out, "export DBUS_SYSTEM_BUS_ADDRESS=");
    g_assert_nonnull(line);
    bus = g_strndup(strchr(line, '=') + 1, strcspn(strchr(line, '=') + 1, "\n"));
    dir = g_path_get_dirname(bus + strlen("unix:path="));
    g_free(out);
    g_free(err);
    const char *poll[] = {TOP_BUILDDIR "/mefctl", "--bus", bus, "poll", "mef.example.com", NULL};
    code = run(poll, &out, &err);
    g_assert_cmpint(code, ==, 0);
    g_free(out);
    g_free(err);
    const char *status[] = {TOP_BUILDDIR "/mefctl", "--bus", bus, "--json", "registrations", NULL};
    code = run(status, &out, &err);
    g_assert_cmpint(code, ==, 0);
    g_assert_true(holds(out, "\"State\":\"registered\""));
    g_free(out);
    g_free(err);
    char *end = g_build_filename(dir, "end", NULL);
    const char *ends[] = {"sh", end, NULL};
    code = run(ends, &out, &err);
    g_assert_cmpint(code, ==, 0);
    assert_clean();
    g_free(out);
    g_free(err);
    g_free(end);
    g_free(dir);
    g_free(bus);
}

static void test_failure(void)
{
    static const char *const argv[] = {"sh", DEMO, "/nonexistent", NULL};
    static const char *const wrong[] = {"sh", DEMO, TOP_BUILDDIR, "--frobnicate", NULL};
    char *out, *err;

    g_assert_cmpint(run(argv, &out, &err), ==, 1);
    g_assert_true(holds(err, "demo: failed while looking for the programs"));
    g_free(out);
    g_free(err);
    g_assert_cmpint(run(wrong, &out, &err), ==, 2);
    g_assert_true(holds(err, "usage: "));
    g_free(out);
    g_free(err);
    assert_clean();
}

/* An interrupt in the middle is an orderly end, too. */
static void test_interrupt(void)
{
    const char *argv[] = {"sh", DEMO, TOP_BUILDDIR, NULL};
    char **env = g_environ_setenv(g_get_environ(), "TMPDIR", place, TRUE), line[512];
    GError *error = NULL;
    GPid pid;
    FILE *lines;
    int out, status;

    g_spawn_async_with_pipes(NULL, (char **)argv, env,
                             G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL,
                             NULL, NULL, &pid, NULL, &out, NULL, &error);
    g_assert_no_error(error);
    g_strfreev(env);
    lines = fdopen(out, "r");
    while (fgets(line, sizeof(line), lines) && !strstr(line, "is ours"))
        continue;
    kill(pid, SIGTERM);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    fclose(lines);
    assert_clean();
}

int main(int argc, char **argv)
{
    int r;

    g_test_init(&argc, &argv, NULL);
    place = g_dir_make_tmp("demo.XXXXXX", NULL);
    g_test_add_func("/e2e/demo/summary", test_demo);
    g_test_add_func("/e2e/demo/keep", test_keep);
    g_test_add_func("/e2e/demo/interrupt", test_interrupt);
    g_test_add_func("/e2e/demo/failure", test_failure);
    r = g_test_run();
    g_rmdir(place);
    g_free(place);
    return r;
}
