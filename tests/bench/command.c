/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command round trip on the kept connection (issue 3): the report of a command and the next command in
 * its answer, against a bare loop over the same libraries at the same MEF. User instructions of all that
 * works on it, our worker and the store thread, on tmpfs. Told beside it: the time by the clock there and on
 * the disk, whose fsync is the difference, and the handshakes of either side. */
#include <glib/gstdio.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "tests/bench/command.h"
#include "tests/bench/figure.h"
#include "tests/bench/psk-mef.h"

#define FEW   150u
#define MANY  310u
#define LIMIT 1.35
#define TRIES 3u

static const char *self;
static unsigned handshakes; /* of the last run */

static char *disk_dir(void)
{
    g_autoptr(GError) error = NULL;
    char *dir = g_dir_make_tmp("mefclient-bench.XXXXXX", &error);

    if (!dir)
        g_error("%s", error->message);
    return dir;
}

static gboolean is_memory(const char *dir)
{
    struct statfs fs;

    return statfs(dir, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

/* One run of one side; its instructions, or its time by the clock in microseconds. */
static double run(const char *side, unsigned commands, gboolean count, gboolean disk)
{
    char *dir = disk ? disk_dir() : memory_dir();
    g_autofree char *state = g_build_filename(dir, "state", NULL);
    g_mkdir(state, 0700);
    struct sim_process *sim = psk_mef_start(dir, commands, "{\"class\":\"DEV_CFG\"}");
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
    handshakes = psk_mef_stop(sim, commands, 41);
    rm_dir(dir);
    return cost;
}

/* The clock also runs while the machine does something else: the least of a few. */
static double least(const char *side, unsigned commands, gboolean disk)
{
    double best = run(side, commands, FALSE, disk);

    for (unsigned i = 1; i < TRIES; i++) {
        double again = run(side, commands, FALSE, disk);
        best = MIN(best, again);
    }
    return best;
}

static double instructions_of(const char *side)
{
    double few = run(side, FEW, TRUE, FALSE);

    return (run(side, MANY, TRUE, FALSE) - few) / (MANY - FEW);
}

static double clock_of(const char *side, gboolean disk)
{
    double few = least(side, FEW, disk);

    return (least(side, MANY, disk) - few) / (MANY - FEW);
}

static void tell_clock(const char *side)
{
    double memory = clock_of(side, FALSE), disk = clock_of(side, TRUE);
    unsigned met = handshakes;
    char *dir = disk_dir();

    note("command, %s: %.0f us by the clock on tmpfs, %.0f us in TMPDIR%s; %u handshake%s for %u commands",
         side, memory, disk, is_memory(dir) ? ", which is tmpfs too" : ": fsync is the difference", met,
         met == 1 ? "" : "s", MANY);
    rm_dir(dir);
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 4) {
        uint16_t port = (uint16_t)strtoul(argv[3], NULL, 10);
        (strcmp(argv[1], "ours") == 0 ? command_ours : command_bare)(argv[2], port);
        return 0;
    }
    if (!count_tool())
        return 1;
    double ours = instructions_of("ours"), bare = instructions_of("bare");
    at_most("command-round-trip-instructions", ours, bare, LIMIT);
    tell_clock("ours");
    tell_clock("bare");
    return 0;
}
