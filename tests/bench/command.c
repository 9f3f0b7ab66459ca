/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command round trip on the kept connection (issue 3): the report of a command and the next command in
 * its answer, against a bare loop over the same libraries at the same MEF. User instructions of all that
 * works on it, our worker and the store thread; the time by the clock is told beside it. */
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/command.h"
#include "tests/bench/figure.h"
#include "tests/lib/sim-process.h"

#define FEW   150u
#define MANY  310u
#define LIMIT 1.35

static const char *self;

static struct sim_process *mef(const char *dir, unsigned commands)
{
    GString *s = g_string_new("{\"registration\":{\"id\":\"" COMMAND_REG "\"},\"commands\":[");
    g_autofree char *psk = NULL;
    GString *hex = g_string_new(NULL);

    for (unsigned i = 0; i < commands; i++)
        g_string_append_printf(s, "%s{\"class\":\"DEV_CFG\"}", i ? "," : "");
    g_string_append(s, "]}");
    for (const char *c = COMMAND_PSK; *c; c++)
        g_string_append_printf(hex, "%02x", (unsigned)*c);
    psk = g_strdup_printf("--psk=" COMMAND_KPM "=%s", hex->str);
    const char *const args[] = {psk, NULL};
    struct sim_process *sim = sim_start(dir, COMMAND_FQDN, s->str, args);
    g_string_free(s, TRUE);
    g_string_free(hex, TRUE);
    return sim;
}

/* One run of one side; its instructions, or its time by the clock in microseconds. */
static double run(const char *side, unsigned commands, gboolean count)
{
    char *dir = memory_dir();
    g_autofree char *state = g_build_filename(dir, "state", NULL);
    g_mkdir(state, 0700);
    struct sim_process *sim = mef(dir, commands);
    g_autofree char *port = g_strdup_printf("%u", sim_port(sim));
    const char *const argv[] = {self, side, state, port, NULL};
    double cost;

    if (count)
        cost = (double)instructions(argv, NULL);
    else {
        gint64 begin = g_get_monotonic_time();
        int status = 0;
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, NULL);
        g_assert_cmpint(status, ==, 0);
        cost = (double)(g_get_monotonic_time() - begin);
    }
    json_t *all = sim_state(sim);
    g_assert_cmpuint(json_array_size(json_object_get(json_object_get(all, "state"), "reports")), ==,
                     commands);
    json_decref(all);
    sim_assert_no_violation(sim);
    sim_stop(sim);
    rm_dir(dir);
    return cost;
}

static double per_command(const char *side, gboolean count)
{
    double few = run(side, FEW, count);

    return (run(side, MANY, count) - few) / (MANY - FEW);
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 4) {
        uint16_t port = (uint16_t)strtoul(argv[3], NULL, 10);
        (strcmp(argv[1], "ours") == 0 ? command_ours : command_bare)(argv[2], port);
        return 0;
    }
    if (!can_count())
        return 0;
    double ours = per_command("ours", TRUE), bare = per_command("bare", TRUE);
    figure("command-round-trip-instructions", ours, bare, LIMIT);
    return 0;
}
