/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: primitives of the MEF (mef-protocol.md 1 to 3.3): who asks, what for, and the <mefClientReg>
 * resource. The state is one JSON value, sim->state, so that the control port and --state can show and keep
 * it as it is: registrations  array of {ri cr ct lt et lbl? adfq rqi answer queue current previous issued}
 *   bindings       TLS identity -> fr;  owners: identity of an enrolled certificate -> identity that enrolled
 * it keys, reports, enrolments Everything runs under the lock. */
#include "plugin/base/json-scan.h"
#include "plugin/base/limits.h"
#include "tests/sim/sim.h"

#define MEDIA "application/vnd.onem2m-res+json"

static const struct {
    unsigned rsc;
    int status;
} statuses[] = {
    {2000, 200}, {2001, 201}, {2002, 200}, {2004, 200}, {4000, 400}, {4001, 501}, {4004, 404},
    {4005, 405}, {4008, 504}, {4015, 415}, {4102, 400}, {4103, 403}, {4105, 409}, {4106, 403},
    {4107, 403}, {4117, 403}, {5000, 500}, {5001, 501}, {5207, 406},
};

static int status_of(unsigned rsc)
{
    for (size_t i = 0; i < ELEMENTS(statuses); i++)
        if (statuses[i].rsc == rsc)
            return statuses[i].status;
    return rsc >= 5000 ? 500 : rsc >= 4000 ? 400 : 200;
}

void answer_primitive(struct request *r, struct answer *a, unsigned rsc, json_t *content)
{
    /* A string is a body as it stands: how a scenario breaks the syntax itself. */
    char *text = content == NULL           ? NULL
                 : json_is_string(content) ? strdup(json_string_value(content))
                                           : json_dumps(content, JSON_COMPACT);
    answer_set(a, status_of(rsc), text, text ? strlen(text) : 0, text ? MEDIA : NULL);
    a->rsc = rsc;
    free(text);
    json_decref(content);
}

void answer_error(struct answer *a, unsigned rsc, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_(g_freep) char *why = g_strdup_vprintf(format, args);
    va_end(args);
    str_make_printable(why);
    json_t *content = json_pack("{s:s}", "m2m:dbg", why);
    answer_primitive(NULL, a, rsc, content);
}

bool fqdn_valid(const char *s)
{
    size_t label = 0, n = strlen(s);
    if (n == 0 || n > LIMIT_FQDN)
        return false;
    for (const char *p = s; *p; p++) {
        if (*p == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (!g_ascii_isalnum(*p) && !(*p == '-' && label > 0)) {
            return false;
        } else if (++label > LIMIT_LABEL) {
            return false;
        }
    }
    return label > 0;
}

/* ---- who asks ---- */

static const char *principal(struct sim *sim, const char *identity)
{
    return json_text(json_object_get(sim->state, "owners"), identity, identity);
}

void mef_bind_certificate(struct sim *sim, const char *enroller, const char *identity)
{
    json_t *owners = json_object_get(sim->state, "owners");
    const char *owner = principal(sim, enroller);
    if (*identity && !streq(identity, owner) && !json_object_get(owners, identity) &&
        !json_object_get(json_object_get(sim->state, "bindings"), identity))
        json_object_set_new(owners, identity, json_string(owner));
}

/* Binds the TLS identity to `fr` at first use; false when it belongs to another, or `fr` does. */
static bool bind_identity(struct request *r)
{
    json_t *bindings = json_object_get(r->sim->state, "bindings");
    const char *who = principal(r->sim, r->conn->identity), *bound = json_text(bindings, who, NULL), *name;
    json_t *fr;
    if (bound)
        return streq(bound, r->fr);
    json_object_foreach(bindings, name, fr) if (streq(json_string_value(fr), r->fr)) return false;
    if (json_object_size(bindings) >= SIM_MAX_RECORDS)
        return false;
    return json_object_set_new(bindings, who, json_string(r->fr)) == 0;
}

/* ---- what the request must be ---- */

/* The value of Content-Type without parameters. */
static char *media_of(const char *content_type)
{
    _cleanup_(g_freep) char *type = g_strndup(content_type, strcspn(content_type, ";"));
    return g_ascii_strdown(g_strstrip(type), -1);
}

/* The parameter ty of Content-Type; -1 when absent or no number. */
static int ty_of(const char *content_type)
{
    g_auto(GStrv) parts = g_strsplit(content_type ? content_type : "", ";", 16);
    for (char **p = parts; *p; p++) {
        char *part = g_strstrip(*p);
        uint64_t ty;
        if (p != parts && g_str_has_prefix(part, "ty=") && str_to_u64(part + 3, 1000, &ty) == 0)
            return (int)ty;
    }
    return -1;
}

static bool acceptable(const char *accept)
{
    if (!accept)
        return true;
    g_auto(GStrv) items = g_strsplit(accept, ",", 32);
    for (char **i = items; *i; i++) {
        _cleanup_(g_freep) char *media = media_of(*i);
        if (streq(media, MEDIA) || streq(media, "application/json") || streq(media, "*/*") ||
            streq(media, "application/*"))
            return true;
    }
    return false;
}

/* The one member of the body's object, when it has that name (new reference); NULL with the answer set. */
json_t *content_of(struct request *r, struct answer *a, const char *root)
{
    json_error_t e;
    const char *text = (const char *)r->body->data;
    if (r->body->len == 0) {
        answer_error(a, 4000, "content missing");
        return NULL;
    }
    if (!r->content_type) {
        answer_error(a, 4015, "Content-Type missing");
        return NULL;
    }
    _cleanup_(g_freep) char *media = media_of(r->content_type);
    if (!streq(media, MEDIA) && !streq(media, "application/json")) {
        answer_error(a, 4015, "Content-Type '%s' is not served", media);
        return NULL;
    }
    if (json_scan(text, r->body->len, SIM_MAX_BODY, LIMIT_JSON_DEPTH) < 0) {
        answer_error(a, 4000, "the content is too deep or no UTF-8 text");
        return NULL;
    }
    _cleanup_(json_freep) json_t *body = json_loadb(text, r->body->len, JSON_REJECT_DUPLICATES, &e);
    if (!body) {
        answer_error(a, 4000, "the content is no JSON text: %s", e.text);
        return NULL;
    }
    json_t *member = json_object_get(body, root);
    if (json_object_size(body) != 1 || !json_is_object(member)) {
        answer_error(a, 4000, "the content is no object with the one member '%s'", root);
        return NULL;
    }
    return json_incref(member);
}

bool mef_check_common(struct request *r, struct answer *a, json_t *content, bool et_needed,
                      char ret_et[TIMESTAMP_LEN])
{
    static const char *const assigned[] = {"ty", "ri", "rn", "pi", "ct", "lt", "cr", "ch", "aski", "kv"};
    json_t *et = json_object_get(content, "et"), *lbl = json_object_get(content, "lbl"), *item;
    struct sim *sim = r->sim;
    size_t i;
    int64_t t, most;
    for (i = 0; i < ELEMENTS(assigned); i++)
        if (json_object_get(content, assigned[i])) {
            answer_error(a, 4000, "'%s' is not for a request", assigned[i]);
            return false;
        }
    if (lbl && !json_is_array(lbl) && !json_is_null(lbl)) {
        answer_error(a, 4000, "labels are no array");
        return false;
    }
    json_array_foreach(lbl, i, item) if (!json_is_string(item) || !*json_string_value(item))
    {
        answer_error(a, 4000, "a label is no string");
        return false;
    }
    if (!et) {
        if (et_needed)
            answer_error(a, 4000, "expirationTime missing");
        return !et_needed;
    }
    if (!json_is_string(et) || timestamp_parse(json_string_value(et), &t) < 0) {
        answer_error(a, 4000, "expirationTime is no timestamp");
        return false;
    }
    if (t <= sim_clock(sim)) {
        answer_error(a, 4102, "expirationTime is in the past");
        return false;
    }
    /* The stakeholder may allow less than was asked for. */
    const json_t *grant = json_object_get(sim->scenario, "registration");
    const char *until = json_text(grant, "et", NULL), *lifetime = json_text(grant, "lifetime", NULL);
    struct duration d;
    if (until && timestamp_parse(until, &most) == 0)
        t = MIN(t, most);
    if (lifetime && duration_parse(lifetime, &d) == 0)
        t = MIN(t, duration_add(sim_clock(sim), &d));
    timestamp_format(t, ret_et);
    return true;
}

/* ---- <mefClientReg> ---- */

json_t *mef_registration(struct sim *sim, const char *id)
{
    json_t *all = json_object_get(sim->state, "registrations"), *reg;
    size_t i;
    json_array_foreach(all, i, reg)
    {
        int64_t et;
        if (!streq(json_text(reg, "ri", ""), id))
            continue;
        if (timestamp_parse(json_text(reg, "et", ""), &et) == 0 && et > sim_clock(sim))
            return reg;
        json_array_remove(all, i); /* expired: as if it had never been */
        return NULL;
    }
    return NULL;
}

/* Names the command that waits (EE-25); without one there is no `ch`. */
static void add_child(struct request *r, json_t *reg, json_t *to)
{
    const char *ri = json_text(reg, "ri", "");
    bool by_id = streq(json_text(json_object_get(r->sim->scenario, "registration"), "ch", "path"), "id");
    if (r->sim->maf || !command_waiting(reg))
        return;
    _cleanup_(g_freep) char *val = g_strdup_printf(by_id ? "-/%s-cmd" : "-/%s/cmd", ri);
    json_object_set_new(to, "ch", json_pack("[{s:s,s:i,s:s}]", "nm", "cmd", "typ", 6, "val", val));
}

static const char *root_of(const struct sim *sim)
{
    return sim->maf ? "sec:macr" : "sec:mecr";
}

static json_t *represent(struct request *r, json_t *reg)
{
    static const char *const shown[] = {"ri", "rn", "pi", "ct", "lt", "et", "lbl", "cr", "adfq", "aski"};
    json_t *o = json_object();
    json_object_set_new(o, "ty", json_integer(r->sim->maf ? 3 : 4));
    for (size_t i = 0; i < ELEMENTS(shown); i++) {
        json_t *v = json_object_get(reg, shown[i]);
        if (v)
            json_object_set(o, shown[i], v);
    }
    add_child(r, reg, o);
    return json_pack("{s:o}", root_of(r->sim), o);
}

static char *location_of(struct sim *sim, const char *id)
{
    return g_strdup_printf("/_/%s/-/%s", sim->fqdn, id);
}

/* The registration that stands in the way of a create, or whose create is repeated. */
static json_t *rival(struct request *r, const char *adfq, bool same_request)
{
    json_t *all = json_object_get(r->sim->state, "registrations"), *reg;
    for (size_t i = json_array_size(all); i-- > 0;) {
        reg = json_array_get(all, i);
        if (!streq(json_text(reg, "cr", ""), r->fr) || !mef_registration(r->sim, json_text(reg, "ri", "")))
            continue;
        if (same_request ? streq(json_text(reg, "rqi", ""), r->rqi)
                         : str_ieq(json_text(reg, "adfq", ""), adfq))
            return reg;
    }
    return NULL;
}

static char *new_id(struct sim *sim)
{
    const char *fixed = json_text(json_object_get(sim->scenario, "registration"), "id", NULL);
    if (fixed && !mef_registration(sim, fixed))
        return g_strdup(fixed);
    _cleanup_(g_freep) char *hex = random_hex(3);
    return g_strdup_printf("%s-%s", sim->maf ? "macr" : "mecr", hex);
}

static void reg_create(struct request *r, struct answer *a, json_t *content)
{
    struct sim *sim = r->sim;
    char et[TIMESTAMP_LEN], now[TIMESTAMP_LEN];
    json_t *reg, *lbl = json_object_get(content, "lbl"), *value;
    const char *name, *adfq = json_text(content, "adfq", NULL);
    if (!mef_check_common(r, a, content, true, et))
        return;
    if (!adfq || !fqdn_valid(adfq)) {
        answer_error(a, 4000, adfq ? "adminFQDN is no FQDN" : "adminFQDN missing");
        return;
    }
    json_object_foreach(content, name,
                        value) if (!streq(name, "et") && !streq(name, "lbl") && !streq(name, "adfq"))
        violation(r->violations, "'%s' in a create request", name);
    if ((reg = rival(r, adfq, true)) != NULL) {
        /* The answer of the first was lost; the same request gets the same answer (2.3). */
        answer_primitive(r, a, 2001, json_string(json_text(reg, "answer", "")));
        a->location = location_of(sim, json_text(reg, "ri", ""));
        return;
    }
    if ((reg = rival(r, adfq, false)) != NULL) {
        answer_error(a, 4117, "a registration for '%s' exists", adfq);
        a->location = location_of(sim, json_text(reg, "ri", ""));
        return;
    }
    json_t *all = json_object_get(sim->state, "registrations");
    if (json_array_size(all) >= SIM_MAX_REGISTRATIONS) {
        answer_error(a, 5000, "too many registrations");
        return;
    }
    timestamp_format(sim_clock(sim), now);
    _cleanup_(g_freep) char *id = new_id(sim);
    reg = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:O*,s:s,s:s,s:s,s:[],s:n,s:n,s:i}", "ri", id, "rn", id, "pi",
                    "-", "ct", now, "lt", now, "et", et, "lbl", json_is_array(lbl) ? lbl : NULL, "cr", r->fr,
                    "adfq", adfq, "rqi", r->rqi, "queue", "current", "previous", "issued", 0);
    _cleanup_(g_freep) char *error = NULL;
    json_t *commands = sim->maf ? NULL : json_object_get(sim->scenario, "commands");
    if (!reg || (commands && command_queue(sim, reg, commands, &error) < 0)) {
        json_decref(reg);
        answer_error(a, 5000, "%s", error ? error : "the registration cannot be kept");
        return;
    }
    json_array_append_new(all, reg);
    const char *assigned = maf_assign(r);
    if (assigned)
        json_object_set_new(reg, "aski", json_string(assigned));
    answer_primitive(r, a, 2001, represent(r, reg));
    json_object_set_new(reg, "answer", json_stringn((const char *)a->body->data, a->body->len));
    a->location = location_of(sim, id);
}

static void reg_update(struct request *r, struct answer *a, json_t *reg, json_t *content)
{
    char et[TIMESTAMP_LEN], now[TIMESTAMP_LEN];
    const char *name;
    json_t *value;
    if (!mef_check_common(r, a, content, false, et))
        return;
    json_object_foreach(content, name, value) if (!streq(name, "et") && !streq(name, "lbl"))
    {
        answer_error(a, 4000, "'%s' cannot be updated", name);
        return;
    }
    if (json_object_size(content) == 0) {
        answer_error(a, 4000, "nothing to update");
        return;
    }
    json_t *reply = json_object();
    if (json_object_get(content, "et")) {
        json_object_set_new(reg, "et", json_string(et));
        json_object_set_new(reply, "et", json_string(et));
    }
    if ((value = json_object_get(content, "lbl")) != NULL) {
        if (json_is_array(value)) {
            json_object_set(reg, "lbl", value);
            json_object_set(reply, "lbl", value);
        } else {
            json_object_del(reg, "lbl");
        }
    }
    timestamp_format(sim_clock(r->sim), now);
    json_object_set_new(reg, "lt", json_string(now));
    add_child(r, reg, reply);
    answer_primitive(r, a, 2004, json_pack("{s:o}", root_of(r->sim), reply));
}

static void reg_delete(struct request *r, struct answer *a, json_t *reg)
{
    json_t *all = json_object_get(r->sim->state, "registrations");
    for (size_t i = 0; i < json_array_size(all); i++)
        if (json_array_get(all, i) == reg) {
            json_array_remove(all, i);
            break;
        }
    answer_primitive(r, a, 2002, NULL);
}

static void reg_handle(struct request *r, struct answer *a, json_t *reg)
{
    if (streq(r->op, "retrieve")) {
        answer_primitive(r, a, 2000, represent(r, reg));
    } else if (streq(r->op, "delete")) {
        reg_delete(r, a, reg);
    } else if (streq(r->op, "update")) {
        _cleanup_(json_freep) json_t *content = content_of(r, a, root_of(r->sim));
        if (content)
            reg_update(r, a, reg, content);
    } else {
        answer_error(a, 4005, "nothing is created there by a client");
    }
}

/* ---- the base, and which resource it is ---- */

static void base_handle(struct request *r, struct answer *a)
{
    int ty = ty_of(r->content_type), reg = r->sim->maf ? 3 : 4;
    if (streq(r->op, "retrieve")) {
        answer_primitive(r, a, 2000,
                         json_pack("{s:{s:i,s:s,s:s,s:s}}", r->sim->maf ? "sec:mafb" : "sec:mefb", "ty",
                                   r->sim->maf ? 1 : 2, "ri", "-", "rn", "-", "fq", r->sim->fqdn));
    } else if (!streq(r->op, "create") || ty == 6) {
        answer_error(a, 4005, ty == 6 ? "only the MEF creates a command" : "not on the base");
    } else if (ty == reg || ty == 5) {
        _cleanup_(json_freep) json_t *content = content_of(r, a, ty == 5 ? "sec:skr" : root_of(r->sim));
        if (content && ty == reg)
            reg_create(r, a, content);
        else if (content)
            key_create(r, a, content);
    } else {
        answer_error(a, 4000, ty < 0 ? "ty missing in Content-Type" : "no such resource type");
    }
}

static void command_handle(struct request *r, struct answer *a, json_t *reg)
{
    if (streq(r->op, "retrieve"))
        command_retrieve(r, a, reg);
    else if (streq(r->op, "update"))
        command_update(r, a, reg);
    else
        answer_error(a, 4005, "only the MEF creates and deletes a command");
}

static void resource_handle(struct request *r, struct answer *a, const char *rest)
{
    size_t n = strlen(rest);
    bool command = n > 4 && (g_str_has_suffix(rest, "/cmd") || g_str_has_suffix(rest, "-cmd"));
    _cleanup_(g_freep) char *id = g_strndup(rest, command ? n - 4 : n);
    json_t *reg = mef_registration(r->sim, id), *key = command ? NULL : key_find(r->sim, id);
    if (!reg && !key)
        answer_error(a, 4004, "no such resource");
    else if (key)
        key_handle(r, a, key);
    else if (!streq(json_text(reg, "cr", ""), r->fr))
        answer_error(a, 4103, "only its creator may");
    else if (command)
        command_handle(r, a, reg);
    else
        reg_handle(r, a, reg);
}

void mef_handle(struct request *r, struct answer *a)
{
    const char *accept = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Accept");
    _cleanup_(g_freep) char *prefix = g_strdup_printf("/_/%s/-", r->sim->fqdn);
    size_t n = strlen(prefix);
    if (!r->fr || !*r->fr || strlen(r->fr) > LIMIT_M2M_ID || !str_text_valid(r->fr, strlen(r->fr))) {
        answer_error(a, 4000, "X-M2M-Origin missing or no text");
    } else if (!r->rqi || !*r->rqi || strlen(r->rqi) > LIMIT_M2M_ID ||
               !str_text_valid(r->rqi, strlen(r->rqi))) {
        answer_error(a, 4000, "X-M2M-RI missing or no text");
    } else if (r->rvi && !streq(r->rvi, "2a") && !streq(r->rvi, "2") && !streq(r->rvi, "3")) {
        r->rvi = "2a";
        answer_error(a, 4001, "this release is not understood");
    } else if (!*r->conn->identity) {
        answer_error(a, 4106, "no credential in the handshake");
    } else if (!bind_identity(r)) {
        answer_error(a, 4106, "'%s' is not the client of this credential", r->fr);
    } else if (!acceptable(accept)) {
        answer_error(a, 5207, "only JSON is served");
    } else if (streq(r->op, "other")) {
        answer_error(a, 4005, "no such operation");
    } else if (g_ascii_strncasecmp(r->path, prefix, n) != 0 || (r->path[n] && r->path[n] != '/')) {
        answer_error(a, 4004, "not an address of this MEF");
    } else if (r->path[n] == '\0' || streq(r->path + n, "/")) {
        base_handle(r, a);
    } else {
        resource_handle(r, a, r->path + n + 1);
    }
    if (r->query && !g_str_has_prefix(r->query, "rcn="))
        violation(r->violations, "query '%s'", r->query);
}
