/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/count.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else /* without the package there is no valgrind to run below */
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) ((void)(name))
#endif

#include "tests/bench/figure.h"

#define INSIDE "MEF_BENCH_INSIDE"

static GHashTable *sections; /* name -> double */

gboolean count_inside(void)
{
    return g_getenv(INSIDE) != NULL;
}

void count_on(void)
{
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void count_off(const char *name)
{
    CALLGRIND_STOP_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS_AT(name);
}

/* A dump says what asked for it, then the sum of all threads. */
static void read_dump(const char *path)
{
    static const char asked[] = "desc: Trigger: Client Request: ";
    g_autofree char *text = NULL, *name = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l; l++) {
        if (g_str_has_prefix(*l, asked)) {
            g_free(name);
            name = g_strdup(*l + strlen(asked));
        } else if (name && g_str_has_prefix(*l, "totals: ")) {
            double *n = g_new(double, 1);
            *n = g_ascii_strtod(strchr(*l, ' '), NULL);
            g_hash_table_replace(sections, g_steal_pointer(&name), n);
        }
    }
}

void count_run(const char *program)
{
    g_autofree char *dir = g_dir_make_tmp("count-XXXXXX", NULL);
    g_autofree char *out = g_strdup_printf("--callgrind-out-file=%s/out", dir);
    const char *argv[] = {count_tool(), "-q", "--tool=callgrind", "--instr-atstart=no", out, program, NULL};
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), INSIDE, "1", TRUE);
    g_autoptr(GError) error = NULL;
    const char *name;
    int status;

    g_assert_nonnull(dir);
    if (!g_spawn_sync(NULL, (char **)(guintptr)argv, env, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL,
                      NULL, &status, &error) ||
        !g_spawn_check_wait_status(status, &error))
        g_error("%s below valgrind: %s", program, error->message);
    g_clear_pointer(&sections, g_hash_table_unref);
    sections = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GDir *d = g_dir_open(dir, 0, NULL);
    while ((name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        read_dump(path);
        (void)g_unlink(path);
    }
    g_dir_close(d);
    (void)g_rmdir(dir);
}

double count_of(const char *name)
{
    const double *n = g_hash_table_lookup(sections, name);

    if (!n || *n <= 0)
        g_error("nothing was counted as '%s'", name);
    return *n;
}
