/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/psk-mef.h"

#include "tests/bench/command.h"

struct sim_process *psk_mef_start(const char *dir, unsigned commands, const char *format)
{
    GString *s = g_string_new("{\"registration\":{\"id\":\"" COMMAND_REG "\"},\"commands\":["),
            *psk = g_string_new("--psk=" COMMAND_KPM "=");
    g_auto(GStrv) around = g_strsplit(format, "%u", 2);

    for (unsigned i = 1; i <= commands; i++) {
        g_string_append_printf(s, "%s%s", i > 1 ? "," : "", around[0]);
        if (around[1])
            g_string_append_printf(s, "%u%s", i, around[1]);
    }
    g_string_append(s, "]}");
    for (const char *c = COMMAND_PSK; *c; c++)
        g_string_append_printf(psk, "%02x", (unsigned)*c);
    const char *const args[] = {psk->str, NULL};
    struct sim_process *sim = sim_start(dir, COMMAND_FQDN, s->str, args);
    g_string_free(s, TRUE);
    g_string_free(psk, TRUE);
    return sim;
}

static unsigned count_handshakes(struct sim_process *sim)
{
    json_t *log = sim_log(sim), *entry;
    unsigned n = 0;
    size_t i;

    json_array_foreach(log, i, entry) n +=
        g_strcmp0(json_string_value(json_object_get(entry, "op")), "handshake") == 0;
    json_decref(log);
    return n;
}

unsigned psk_mef_stop(struct sim_process *sim, unsigned commands, int status)
{
    json_t *all = sim_state(sim), *reports = json_object_get(json_object_get(all, "state"), "reports"), *one;
    unsigned handshakes = count_handshakes(sim);
    size_t i;

    g_assert_cmpuint(json_array_size(reports), ==, commands);
    json_array_foreach(reports, i, one)
        g_assert_cmpint(json_integer_value(json_object_get(one, "csc")), ==, status);
    json_decref(all);
    sim_assert_no_violation(sim);
    sim_stop(sim);
    return handshakes;
}
