/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a command takes in mef-agent, told only: the processor time of the worker, the store and the loop,
 * which puts it on the bus, and what the journal of events gets of it. */
#include "tests/bench/figure.h"
#include "tests/lib/e2e-fixture.h"

#define COMMANDS 200u

/* Microseconds that the thread has run; the main thread has the number of the process. */
static double ran(GPid pid, const char *thread)
{
    g_autofree char *file = g_strdup_printf("/proc/%d/task/%s/schedstat", pid, thread), *text = NULL;

    return g_file_get_contents(file, &text, NULL, NULL) ? (double)g_ascii_strtoull(text, NULL, 10) / 1000 : 0;
}

/* Role -> microseconds; only the store's thread has a name of its own. */
static GHashTable *threads(GPid pid)
{
    GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *path = g_strdup_printf("/proc/%d/task", pid), *main = g_strdup_printf("%d", pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    for (const char *id; dir && (id = g_dir_read_name(dir));) {
        g_autofree char *file = g_build_filename(path, id, "comm", NULL), *name = NULL;
        if (!g_file_get_contents(file, &name, NULL, NULL))
            continue;
        const char *role = g_str_equal(id, main)                        ? "loop, which is the bus,"
                           : g_str_equal(g_strstrip(name), "mef-store") ? "store"
                                                                        : "workers";
        const double *same = g_hash_table_lookup(all, role);
        double *us = g_new(double, 1);
        *us = ran(pid, id) + (same ? *same : 0);
        g_hash_table_replace(all, g_strdup(role), us);
    }
    return all;
}

static goffset size_of(const char *path)
{
    g_autofree char *text = NULL;
    gsize n = 0;

    return g_file_get_contents(path, &text, &n, NULL) ? (goffset)n : 0;
}

int main(void)
{
    g_autoptr(GError) error = NULL;
    struct e2e e;

    e2e_up(&e, "{\"commands\":[]}");
    e2e_agent_start_ready(&e);
    g_autofree char *registration = e2e_add_mef(&e);
    e2e_wait_idle(&e, registration);
    for (unsigned i = 0; i < COMMANDS; i++)
        json_decref(sim_post(e.sim, "/sim/commands", "{\"class\":\"DEV_CFG\"}"));
    g_autoptr(GHashTable) before = threads(e.agent);
    goffset logged = size_of(e.agent_log);
    g_autoptr(GVariant) reply = e2e_call(&e, registration, "org.mefclient1.Registration", "Poll",
                                         g_variant_new("(a{sv})", NULL), &error);
    if (!reply)
        g_error("%s", error->message);
    e2e_wait_reports(&e, COMMANDS);
    e2e_wait_idle(&e, registration);
    g_autoptr(GHashTable) after = threads(e.agent);
    GHashTableIter at;
    gpointer name, us;
    g_hash_table_iter_init(&at, after);
    while (g_hash_table_iter_next(&at, &name, &us)) {
        const double *then = g_hash_table_lookup(before, name);
        double each = (*(double *)us - (then ? *then : 0)) / COMMANDS;
        note("command in mef-agent: %.0f us of processor time of the %s", each, (const char *)name);
    }
    note("command in mef-agent: %.0f octets of the journal of events",
         (double)(size_of(e.agent_log) - logged) / COMMANDS);
    e2e_down(&e);
    return 0;
}
