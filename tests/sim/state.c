/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: what the MEF knows, kept over a restart when --state is given. */
#include <errno.h>

#include "tests/sim/sim.h"

static const struct {
    const char *name;
    bool is_array;
} parts[] = {{"registrations", true}, {"bindings", false},  {"owners", false},  {"keys", true},
             {"reports", true},       {"enrolments", true}, {"assigned", false}};

int state_load(struct sim *sim, char **ret_error)
{
    json_error_t e;
    sim->state = json_object();
    sim->refused = json_object();
    if (sim->state_path && access(sim->state_path, F_OK) == 0) {
        json_decref(sim->state);
        sim->state = json_load_file(sim->state_path, JSON_REJECT_DUPLICATES, &e);
        if (!json_is_object(sim->state)) {
            *ret_error = g_strdup_printf("%s:%d: %s", sim->state_path, e.line, e.text);
            return -EINVAL;
        }
    }
    for (size_t i = 0; i < ELEMENTS(parts); i++) {
        json_t *part = json_object_get(sim->state, parts[i].name);
        if (!part)
            json_object_set_new(sim->state, parts[i].name, parts[i].is_array ? json_array() : json_object());
        else if (parts[i].is_array ? !json_is_array(part) : !json_is_object(part)) {
            *ret_error = g_strdup_printf("%s: '%s' has the wrong type", sim->state_path, parts[i].name);
            return -EINVAL;
        }
    }
    json_object_update_missing(json_object_get(sim->state, "bindings"),
                               json_object_get(sim->scenario, "bindings"));
    return 0;
}

void state_save(struct sim *sim)
{
    if (!sim->state_path)
        return;
    _cleanup_(g_freep) char *tmp = g_strdup_printf("%s.new", sim->state_path);
    if (json_dump_file(sim->state, tmp, JSON_COMPACT) < 0 || rename(tmp, sim->state_path) < 0)
        fprintf(stderr, "mef-sim: cannot write '%s': %s\n", sim->state_path, g_strerror(errno));
}
