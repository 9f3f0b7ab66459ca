/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/counted.h"

#include <string.h>

#include "tests/bench/figure.h"

char **counted_words(const char *out)
{
    g_autofree char *file = g_strdup_printf("--callgrind-out-file=%s", out);
    const char *words[] = {count_tool(), "-q", "--tool=callgrind", "--instr-atstart=no", file, NULL};

    return g_strdupv((char **)(guintptr)words);
}

static void order(GPid pid, const char *state)
{
    g_autofree char *which = g_strdup_printf("--pid=%d", (int)pid);
    const char *argv[] = {"vgdb", which, "instrumentation", state, NULL};
    g_autoptr(GError) error = NULL;
    int status;

    if (!g_spawn_sync(NULL, (char **)(guintptr)argv, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                      NULL, NULL, NULL, &status, &error) ||
        !g_spawn_check_wait_status(status, &error))
        g_error("vgdb: %s", error->message);
}

void counted_on(GPid pid)
{
    order(pid, "on");
}

void counted_off(GPid pid)
{
    order(pid, "off");
}

double counted_read(const char *out)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (!g_file_get_contents(out, &text, NULL, &error))
        g_error("valgrind has left no counts: %s", error->message);
    const char *at = strstr(text, "\ntotals: ");
    if (!at)
        g_error("there is no sum in '%s'", out);
    return g_ascii_strtod(at + strlen("\ntotals: "), NULL);
}
