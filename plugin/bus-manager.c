/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.mefclient1.Manager at the root (style-anchors.md D2, interfaces.md 2). Thread: the loop's. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/bus-key.h"
#include "plugin/registrations.h"

enum manager_property {
    MANAGER_VERSION,
    MANAGER_API_LEVEL,
    MANAGER_FEATURES,
    MANAGER_STATE,
    MANAGER_NEEDS_ATTENTION,
    MANAGER_ATTENTION,
    MANAGER_REGISTRATIONS,
    MANAGER_JOBS,
    MANAGER_TOKEN_STATE,
};

static void write_attention(struct engine *e, struct bus_writer *w)
{
    bus_write_open(w);
    for (struct attention *a = e->attention; a; a = a->next) {
        struct registration *r = *a->node ? registration_find(e, a->node) : NULL;
        bus_write(w, "(sos)", a->reason, r && registration_path(r) ? registration_path(r) : "/", a->text);
    }
    bus_write_close(w);
}

static int get_manager(void *object, const struct bus_property *p, struct bus_writer *w)
{
    struct engine *e = object;
    _cleanup_(strv_freep) char **paths = NULL;

    switch ((enum manager_property)p->aux) {
    case MANAGER_VERSION:
        bus_write_s(w, PACKAGE_VERSION);
        break;
    case MANAGER_API_LEVEL:
        bus_write_u(w, 1);
        break;
    case MANAGER_FEATURES:
        bus_write_open(w);
        for (const char *const *f = engine_features; *f; f++)
            bus_write_s(w, *f);
        bus_write_close(w);
        break;
    case MANAGER_STATE:
        bus_write_s(w, engine_state_word(e->state));
        break;
    case MANAGER_NEEDS_ATTENTION:
        bus_write_b(w, e->attention != NULL);
        break;
    case MANAGER_ATTENTION:
        write_attention(e, w);
        break;
    case MANAGER_REGISTRATIONS:
        if (registrations_paths(e, &paths) < 0)
            return -ENOMEM;
        bus_write_strv(w, paths);
        break;
    case MANAGER_JOBS:
        if (jobs_paths(e->jobs, &paths) < 0)
            return -ENOMEM;
        bus_write_strv(w, paths);
        break;
    case MANAGER_TOKEN_STATE:
        bus_write_s(w, token_state_name(e->token ? token_state(e->token) : TOKEN_ABSENT));
        break;
    }
    return 0;
}

static int manager_reload(struct bus_call *call, struct mef_error *reterr)
{
    int r = engine_reload(bus_call_object(call));

    if (r)
        return mef_fail(reterr, MEF_ERROR_FAILED,
                        "the configuration was refused, the old one stays; the journal says which line");
    return bus_reply(call, "");
}

static int manager_get_registration(struct bus_call *call, struct mef_error *reterr)
{
    struct registration *r =
        registration_by_fqdn(bus_call_object(call), bus_call_s(call, 0), bus_call_s(call, 1));

    if (!r)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "there is no registration for '%s' and '%s'",
                        bus_call_s(call, 0), bus_call_s(call, 1));
    return bus_reply(call, "o", registration_path(r));
}

static int manager_get_job(struct bus_call *call, struct mef_error *reterr)
{
    struct engine *e = bus_call_object(call);
    const char *path = job_path(e->jobs, (uint32_t)bus_call_u(call, 0));

    if (!path)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "there is no job %u; finished ones are kept for 60 s",
                        (uint32_t)bus_call_u(call, 0));
    return bus_reply(call, "o", path);
}

static int manager_cancel_job(struct bus_call *call, struct mef_error *reterr)
{
    struct engine *e = bus_call_object(call);
    int r = job_cancel(e->jobs, (uint32_t)bus_call_u(call, 0), reterr);

    return r < 0 ? r : bus_reply(call, "");
}

static const char *cancel_action(struct bus_call *call)
{
    struct engine *e = bus_call_object(call);
    return job_cancel_action(e->jobs, (uint32_t)bus_call_u(call, 0), bus_call_uid(call));
}

/* ---- Dump: what a supporter asks for first. Nothing secret is reachable from here. ------------------ */

static json_t *dump_registrations(struct engine *e)
{
    json_t *list = json_array();

    for (struct registration *r = e->registrations; r; r = r->next) {
        _cleanup_(freep) char *command =
            r->n_commands ? strdup(r->commands[r->n_commands - 1]->rec.cid) : NULL;
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:s?, s:I, s:I, s:i, s:s?, s:s?, s:s}", "name",
                            r->config.node, "fqdn", r->config.fqdn, "adminFQDN", r->config.admin_fqdn,
                            "state", reg_state_name(r->ending ? REG_ENDING : r->rec.state), "MEFClientRegID",
                            r->rec.reg_id, "expirationTime", (json_int_t)r->rec.expires, "nextPoll",
                            (json_int_t)r->rec.next_poll, "retryCount", (int)r->rec.retry_count, "credential",
                            r->credential, "lastCommand", command, "lastError", r->last_error.text));
    }
    return list;
}

static json_t *dump_manager(struct engine *e)
{
    json_t *attention = json_array();

    for (struct attention *a = e->attention; a; a = a->next)
        (void)json_array_append_new(
            attention, json_pack("{s:s, s:s, s:s}", "reason", a->reason, "node", a->node, "text", a->text));
    return json_pack("{s:s, s:s, s:s, s:I, s:i, s:o}", "version", PACKAGE_VERSION, "state",
                     engine_state_word(e->state), "token", token_state_name(token_state(e->token)),
                     "generation", (json_int_t)mo_tree_generation(e->tree), "nodes",
                     (int)mo_tree_count(e->tree), "attention", attention);
}

static json_t *dump_config(struct engine *e)
{
    _cleanup_(freep) char *text = config_print(e->config);
    return text ? json_string(text) : NULL;
}

static const struct bus_option no_options[] = {{NULL, NULL}};

static int manager_dump(struct bus_call *call, struct mef_error *reterr)
{
    static const struct {
        const char *name;
        json_t *(*make)(struct engine *e);
    } sections[] = {
        {"manager", dump_manager}, {"registrations", dump_registrations}, {"config", dump_config}};
    struct engine *e = bus_call_object(call);
    const char *wanted = bus_call_s(call, 0);
    json_t *all = json_object();
    int r = bus_call_options(call, 1, no_options, reterr);

    for (size_t i = 0; r == 0 && i < ELEMENTS(sections); i++)
        if (!*wanted || streq(wanted, sections[i].name))
            (void)json_object_set_new(all, sections[i].name, sections[i].make(e));
    if (r == 0 && json_object_size(all) == 0)
        r = mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                     "'%s' is no section; there are manager, registrations and config", wanted);
    char *text = r == 0 ? json_dumps(all, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
    json_decref(all);
    if (r == 0)
        r = text ? bus_reply(call, "s", text) : mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    free(text);
    return r;
}

static int manager_retrieve_key(struct bus_call *call, struct mef_error *reterr)
{
    int r = bus_call_options(call, 1, no_options, reterr);

    return r < 0 ? r : key_retrieve_start(bus_call_object(call), call, reterr);
}

static const struct bus_method methods[] = {
    {"Reload", "", "", BUS_ACTION("configure"), manager_reload},
    {"GetRegistration", "ss", "o", BUS_READONLY, manager_get_registration},
    {"GetJob", "u", "o", BUS_READONLY, manager_get_job},
    {"CancelJob", "u", "", NULL, manager_cancel_job, cancel_action},
    {"Dump", "sa{sv}", "s", BUS_ACTION("inspect"), manager_dump},
    {"RetrieveKey", "sa{sv}", "o", BUS_ACTION("enroll"), manager_retrieve_key},
    {NULL},
};

static const struct bus_property properties[] = {
    {"Version", "s", BUS_EMITS_CONST, get_manager, .aux = MANAGER_VERSION},
    {"ApiLevel", "u", BUS_EMITS_CONST, get_manager, .aux = MANAGER_API_LEVEL},
    {"Features", "as", BUS_EMITS_CONST, get_manager, .aux = MANAGER_FEATURES},
    {"State", "s", BUS_EMITS_TRUE, get_manager, .aux = MANAGER_STATE},
    {"NeedsAttention", "b", BUS_EMITS_TRUE, get_manager, .aux = MANAGER_NEEDS_ATTENTION},
    {"Attention", "a(sos)", BUS_EMITS_TRUE, get_manager, .aux = MANAGER_ATTENTION},
    {"Registrations", "ao", BUS_EMITS_TRUE, get_manager, .aux = MANAGER_REGISTRATIONS},
    {"Jobs", "ao", BUS_EMITS_TRUE, get_manager, .aux = MANAGER_JOBS},
    {"TokenState", "s", BUS_EMITS_TRUE, get_manager, .aux = MANAGER_TOKEN_STATE},
    {NULL},
};

static const struct bus_signal signals[] = {{"JobNew", "uo"}, {"JobRemoved", "uos"}, {NULL, NULL}};

const struct bus_interface manager_interface = {
    .name = BUS_INTERFACE("Manager"), .methods = methods, .properties = properties, .signals = signals};

int manager_export(struct engine *e)
{
    static const struct bus_interface *const interfaces[] = {&manager_interface, NULL};
    return bus_object_add(e->bus, BUS_ROOT, interfaces, e, &e->manager);
}
