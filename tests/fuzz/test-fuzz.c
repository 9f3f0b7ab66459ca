/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each fuzz target for a few seconds, from its seeds. The targets are of a clang build of their own in
 * sub/fuzz, which is made or brought up to date first and kept. Environment: MEF_FUZZ_SECONDS, per target
 * (default 3); MEF_FUZZ_CC, the clang (default clang). Inputs that break a target are kept in
 * sub/fuzz/findings and named. */
#include <gio/gio.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <string.h>

static const char *build = TOP_BUILDDIR "/sub/fuzz", *findings = TOP_BUILDDIR "/sub/fuzz/findings";
static char *unusable; /* why nothing can be fuzzed here; NULL: it can */

static const char *env(const char *name, const char *otherwise)
{
    const char *value = g_getenv(name);
    return value && *value ? value : otherwise;
}

/* Runs a program with both outputs in *ret_text; its exit status, 128 + signal, or -1 if it is not there. */
static int run(const char *const *argv, char **ret_text)
{
    g_autoptr(GSubprocess) p = NULL;
    g_autoptr(GError) e = NULL;

    p = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &e);
    if (!p) {
        *ret_text = g_strdup(e->message);
        return -1;
    }
    if (!g_subprocess_communicate_utf8(p, NULL, NULL, ret_text, NULL, &e)) {
        *ret_text = g_strdup(e->message);
        g_subprocess_wait(p, NULL, NULL);
    }
    if (g_subprocess_get_if_exited(p))
        return g_subprocess_get_exit_status(p);
    return 128 + g_subprocess_get_term_sig(p);
}

static void tell(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint n = g_strv_length(lines);

    for (guint i = n > 60 ? n - 60 : 0; i < n; i++)
        g_test_message("%s", lines[i]);
}

/* Can this clang link a fuzzer? Its runtime is a package of its own. */
static void probe(void)
{
    g_autofree char *dir = g_dir_make_tmp("fuzz-XXXXXX", NULL);
    g_autofree char *source = g_build_filename(dir, "probe.c", NULL),
                    *program = g_build_filename(dir, "probe", NULL), *text = NULL;
    const char *cc = env("MEF_FUZZ_CC", "clang");
    const char *argv[] = {cc, "-fsanitize=fuzzer,address", "-o", program, source, NULL};

    g_assert_true(g_file_set_contents(
        source, "int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return 0; }\n", -1,
        NULL));
    if (run(argv, &text) != 0)
        unusable = g_strdup_printf("'%s' cannot link a fuzzer (apt-get install clang libclang-rt-14-dev): %s",
                                   cc, g_strdelimit(g_strstrip(text), "\n", ' '));
    g_unlink(source);
    g_unlink(program);
    g_rmdir(dir);
}

static void test_build(void)
{
    g_autofree char *configure = NULL, *make = NULL, *cc = NULL;
    const char *args[] = {
        "sh", TOP_SRCDIR "/tests/lib/sub-build", TOP_SRCDIR, build, NULL, "--enable-fuzzing", "CFLAGS=-O1 -g",
        NULL};
    const char *targets[] = {"make", "-s", "-C", build, "-j2", "fuzz-programs", NULL};

    if (unusable) {
        g_test_skip(unusable);
        return;
    }
    args[4] = cc = g_strdup_printf("CC=%s", env("MEF_FUZZ_CC", "clang"));
    if (run(args, &configure) != 0 || run(targets, &make) != 0) {
        tell(configure);
        tell(make ? make : "");
        unusable = g_strdup("the build of the fuzz targets failed");
        g_test_fail_printf("%s", unusable);
    }
}

/* The files that a run left behind, by name; and whether there were any. */
static bool name_findings(const char *target)
{
    g_autoptr(GDir) d = g_dir_open(findings, 0, NULL);
    bool any = false;
    const char *name;

    while (d && (name = g_dir_read_name(d)))
        if (g_str_has_prefix(name, target)) {
            g_test_message("the input that breaks it: %s/%s", findings, name);
            any = true;
        }
    return any;
}

static void test_target(const void *data)
{
    const char *path = data, *name = strrchr(path, '/') + 1;
    g_autofree char *program = g_build_filename(build, path, NULL),
                    *seeds = g_build_filename(TOP_SRCDIR, "tests/fuzz/seeds", name, NULL),
                    *corpus = g_dir_make_tmp("corpus-XXXXXX", NULL), *text = NULL;
    g_autofree char *seconds = g_strdup_printf("-max_total_time=%s", env("MEF_FUZZ_SECONDS", "3")),
                    *prefix = g_strdup_printf("-artifact_prefix=%s/%s-", findings, name);
    const char *argv[] = {
        program, seconds, prefix, "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
        corpus,  seeds,   NULL};
    const char *tidy[] = {"rm", "-rf", corpus, NULL};
    g_autofree char *rest = NULL;
    g_autoptr(GDir) d = g_dir_open(seeds, 0, NULL);
    int rc;

    if (!d || !g_dir_read_name(d))
        g_test_fail_printf("no seeds in %s", seeds);
    if (unusable) {
        g_test_skip(unusable);
        return;
    }
    g_mkdir_with_parents(findings, 0700);
    rc = run(argv, &text);
    if (rc != 0 || !strstr(text, "stat::number_of_executed_units:")) {
        tell(text);
        name_findings(name);
        g_test_fail_printf("%s ended with status %d", name, rc);
    } else {
        const char *units = strstr(text, "stat::number_of_executed_units:");
        g_test_message("%.*s", (int)strcspn(units, "\n"), units);
    }
    run(tidy, &rest);
}

int main(int argc, char **argv)
{
    g_auto(GStrv) targets = g_strsplit(FUZZ_TARGETS, " ", -1);
    int r;

    g_test_init(&argc, &argv, NULL);
    /* The sanitizer options of the other tests are not for libFuzzer. */
    g_unsetenv("ASAN_OPTIONS");
    g_setenv("ASAN_OPTIONS", "detect_stack_use_after_return=1:strict_string_checks=1:handle_abort=1", TRUE);
    probe();
    g_test_add_func("/fuzz/build", test_build);
    for (guint i = 0; targets[i]; i++)
        if (targets[i][0]) {
            g_autofree char *test = g_strdup_printf("/fuzz/%s", strrchr(targets[i], '/') + 1);
            g_test_add_data_func(test, targets[i], test_target);
        }
    r = g_test_run();
    g_free(unusable);
    return r;
}
