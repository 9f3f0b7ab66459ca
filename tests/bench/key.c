/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An MO_NODE with a key registration (issue 4), from the command in the answer to the last report to its own
 * report, all of it but what the token does, against bare libcurl, jansson and SQLite that do the same at the
 * same MEF: a full handshake of its own for the key, a POST, the exporter; user instructions. */
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/figure.h"
#include "tests/bench/key.h"
#include "tests/bench/psk-mef.h"

#define FEW     10u
#define MANY    50u
#define LIMIT   1.3
#define TEXT(x) #x
#define WORD(x) TEXT(x)

static const char *self;

static double run(const char *side, unsigned commands, const char *apart)
{
    char *dir = memory_dir();
    g_autofree char *state = g_build_filename(dir, "state", NULL);
    g_mkdir(state, 0700);
    struct sim_process *sim = psk_mef_start(dir, commands,
                                            "{\"class\":\"MO_NODE\",\"args\":{\"obp\":\"" KEY_BENCH_PATH
                                            "%u\",\"obt\":1,\"obsa\":{\"suid\":" WORD(KEY_BENCH_SUID) "}}}");
    g_autofree char *port = g_strdup_printf("%u", sim_port(sim));
    const char *const argv[] = {self, side, state, port, NULL};
    double cost = (double)instructions(argv, apart);

    /* One for the commands, one for each key. */
    g_assert_cmpuint(psk_mef_stop(sim, commands, 20), ==, 1 + commands);
    rm_dir(dir);
    return cost;
}

static double per_command(const char *side, const char *apart)
{
    double few = run(side, FEW, apart);

    return (run(side, MANY, apart) - few) / (MANY - FEW);
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 4) {
        uint16_t port = (uint16_t)strtoul(argv[3], NULL, 10);
        (strcmp(argv[1], "ours") == 0 ? key_ours : key_bare)(argv[2], port);
        return 0;
    }
    if (!count_tool())
        return 1;
    double ours = per_command("ours", "shim_*"), whole = per_command("ours", NULL),
           bare = per_command("bare", NULL);
    at_most("mo-node-key-instructions", ours, bare, LIMIT);
    note("mo-node-key: %.0f instructions inside the token beside it", whole - ours);
    return 0;
}
