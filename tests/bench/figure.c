/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See figure.h. The counter is callgrind, whose out-file ends with the sum over all threads. */
#include <errno.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/bench/figure.h"

static void line(const char *name, double ours, double reference, double ratio, double limit, gboolean ok)
{
    printf("%s\t%.0f\t%.0f\t%.2f\t%.2f\t%s\n", name, ours, reference, ratio, limit, ok ? "ok" : "over");
    fflush(stdout);
}

void at_most(const char *name, double ours, double reference, double limit)
{
    line(name, ours, reference, ours / reference, limit, ours <= reference * limit);
}

void at_least(const char *name, double ours, double reference, double limit)
{
    line(name, ours, reference, ours / reference, limit, ours >= reference * limit);
}

void exactly(const char *name, double ours, double reference)
{
    line(name, ours, reference, reference > 0 ? ours / reference : ours, 1, ours == reference);
}

void note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    printf("# %s\n", text);
    fflush(stdout);
}

const char *count_tool(void)
{
    static char *path;

    if (!path && !(path = g_find_program_in_path("valgrind")))
        g_printerr("bench: instructions are counted with valgrind, which is missing: install the package "
                   "valgrind\n");
    return path;
}

/* "summary: N" is the line of the whole run. */
static guint64 read_sum(const char *path)
{
    g_autofree char *text = NULL;
    guint64 sum = 0;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        g_error("callgrind left no '%s'", path);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l; l++)
        if (g_str_has_prefix(*l, "summary: "))
            sum = g_ascii_strtoull(*l + strlen("summary: "), NULL, 10);
    if (!sum)
        g_error("'%s' holds no sum", path);
    return sum;
}

guint64 instructions(const char *const *argv, const char *apart)
{
    g_autoptr(GPtrArray) line = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = memory_dir(), *out = g_build_filename(dir, "out", NULL), *said = NULL;
    int status = 0;

    g_ptr_array_add(line, g_strdup("valgrind"));
    g_ptr_array_add(line, g_strdup("-q"));
    g_ptr_array_add(line, g_strdup("--tool=callgrind"));
    g_ptr_array_add(line, g_strdup_printf("--callgrind-out-file=%s", out));
    if (apart) {
        g_ptr_array_add(line, g_strdup_printf("--toggle-collect=%s", apart));
        g_ptr_array_add(line, g_strdup("--collect-atstart=yes"));
    }
    for (; *argv; argv++)
        g_ptr_array_add(line, g_strdup(*argv));
    g_ptr_array_add(line, NULL);
    if (!g_spawn_sync(NULL, (char **)line->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &said, &status,
                      &error))
        g_error("valgrind: %s", error->message);
    if (!g_spawn_check_wait_status(status, &error))
        g_error("%s: %s: %s", (const char *)line->pdata[line->len - 2], error->message, said);
    guint64 sum = read_sum(out);
    rm_dir(g_steal_pointer(&dir));
    return sum;
}

char *memory_dir(void)
{
    g_autoptr(GError) error = NULL;
    struct statfs fs;
    const char *base = g_get_tmp_dir();

    if ((statfs(base, &fs) < 0 || fs.f_type != TMPFS_MAGIC) && statfs("/dev/shm", &fs) == 0 &&
        fs.f_type == TMPFS_MAGIC && g_access("/dev/shm", W_OK) == 0)
        base = "/dev/shm";
    char *dir = g_build_filename(base, "mefclient-bench.XXXXXX", NULL);
    if (!g_mkdtemp(dir))
        g_error("no directory in '%s': %s", base, g_strerror(errno));
    return dir;
}

static int rm_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    return remove(path);
}

void rm_dir(char *dir)
{
    nftw(dir, rm_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    g_free(dir);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_size);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
