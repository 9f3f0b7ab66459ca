/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: <symmKeyReg> (mef-protocol.md 3.5). The key is what the exporter of the connection gave;
 * RelativeKeyID is its identifier part. Everything under the lock. */
#include "plugin/base/limits.h"
#include "tests/sim/sim.h"

static json_t *keys(struct sim *sim)
{
    return json_object_get(sim->state, "keys");
}

json_t *key_find(struct sim *sim, const char *id)
{
    json_t *key;
    size_t i;
    json_array_foreach(keys(sim), i, key) if (streq(json_text(key, "ri", ""), id)) return key;
    return NULL;
}

/* The representation; kv only for a target, who is not the source. */
static json_t *represent(const json_t *key, bool with_value)
{
    static const char *const shown[] = {"ri",  "rn", "pi",   "ct",   "lt",  "et",
                                        "lbl", "cr", "adfq", "suid", "tgis"};
    json_t *o = json_object();
    json_object_set_new(o, "ty", json_integer(5));
    for (size_t i = 0; i < ELEMENTS(shown); i++) {
        json_t *v = json_object_get(key, shown[i]);
        if (v)
            json_object_set(o, shown[i], v);
    }
    if (with_value)
        json_object_set(o, "kv", json_object_get(key, "kv"));
    return json_pack("{s:o}", "sec:skr", o);
}

static bool targets_ok(const json_t *tgis)
{
    json_t *t;
    size_t i;
    if (!json_is_array(tgis) || json_array_size(tgis) > LIMIT_LIST)
        return false;
    json_array_foreach((json_t *)tgis, i, t) if (!json_is_string(t) || !*json_string_value(t)) return false;
    return true;
}

/* One TLS session yields one value, so a second registration on it finds the identifier in use. */
static char *new_key_id(struct request *r)
{
    char hex[33];
    const char *fixed = json_text(json_object_get(r->sim->scenario, "registration"), "key-id", NULL);
    if (fixed && !key_find(r->sim, fixed))
        return g_strdup(fixed);
    hex_encode(r->conn->export, 16, hex);
    _cleanup_(g_freep) char *id = g_ascii_strup(hex, -1);
    if (key_find(r->sim, id)) {
        violation(r->violations, "a second key registration on one TLS session");
        return random_hex(16);
    }
    return TAKE_PTR(id);
}

void key_create(struct request *r, struct answer *a, json_t *content)
{
    char et[TIMESTAMP_LEN], now[TIMESTAMP_LEN];
    json_t *lbl = json_object_get(content, "lbl"), *tgis = json_object_get(content, "tgis");
    const char *adfq = json_text(content, "adfq", NULL);
    if (!mef_check_common(r, a, content, true, et))
        return;
    if (!adfq || !fqdn_valid(adfq)) {
        answer_error(a, 4000, adfq ? "adminFQDN is no FQDN" : "adminFQDN missing");
        return;
    }
    json_int_t suid = json_number(content, "suid", -1);
    if (suid < 0 || (tgis && !targets_ok(tgis))) {
        answer_error(a, 4000,
                     suid < 0 ? "SUID missing or no number" : "targetIDs are no list of identifiers");
        return;
    }
    json_int_t first = r->sim->maf ? 31 : 21;
    if (suid < first || suid > first + 4) {
        answer_error(a, 4102, "SUID %d is not for a key of a %s", (int)suid, r->sim->maf ? "MAF" : "MEF");
        return;
    }
    if (json_array_size(keys(r->sim)) >= SIM_MAX_RECORDS) {
        answer_error(a, 5000, "too many keys");
        return;
    }
    timestamp_format(sim_clock(r->sim), now);
    _cleanup_(g_freep) char *id = new_key_id(r);
    _cleanup_(g_freep) char *value = g_base64_encode(r->conn->export + 16, 32);
    json_t *key =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:O*,s:s,s:s,s:I,s:o,s:s}", "ri", id, "rn", id, "pi", "-", "ct",
                  now, "lt", now, "et", et, "lbl", json_is_array(lbl) ? lbl : NULL, "cr", r->fr, "adfq", adfq,
                  "suid", suid, "tgis", tgis ? json_incref(tgis) : json_array(), "kv", value);
    json_array_append_new(keys(r->sim), key);
    answer_primitive(r, a, 2001, represent(key, false));
    a->location = g_strdup_printf("/_/%s/-/%s", r->sim->fqdn, id);
}

static void key_update(struct request *r, struct answer *a, json_t *key)
{
    static const char *const allowed[] = {"et", "lbl", "tgis"};
    char et[TIMESTAMP_LEN];
    _cleanup_(json_freep) json_t *content = content_of(r, a, "sec:skr");
    json_t *reply, *tgis = json_object_get(content, "tgis");
    size_t known = 0;
    if (!content || !mef_check_common(r, a, content, false, et))
        return;
    for (size_t i = 0; i < ELEMENTS(allowed); i++)
        known += json_object_get(content, allowed[i]) != NULL;
    if (known == 0 || known != json_object_size(content) || (tgis && !targets_ok(tgis))) {
        answer_error(a, 4000, "an update holds et, lbl, tgis, at least one");
        return;
    }
    reply = json_object();
    if (json_object_get(content, "et")) {
        json_object_set_new(key, "et", json_string(et));
        json_object_set_new(reply, "et", json_string(et));
    }
    for (size_t i = 1; i < ELEMENTS(allowed); i++)
        if (json_object_get(content, allowed[i])) {
            json_object_set(key, allowed[i], json_object_get(content, allowed[i]));
            json_object_set(reply, allowed[i], json_object_get(content, allowed[i]));
        }
    answer_primitive(r, a, 2004, json_pack("{s:o}", "sec:skr", reply));
}

void key_handle(struct request *r, struct answer *a, json_t *key)
{
    bool source = streq(json_text(key, "cr", ""), r->fr), target = false;
    json_t *t;
    size_t i;
    json_array_foreach(json_object_get(key, "tgis"), i, t) target =
        target || streq(json_string_value(t), r->fr);
    if (streq(r->op, "retrieve") && (source || target)) {
        answer_primitive(r, a, 2000, represent(key, target && !source));
    } else if (!source) {
        answer_error(a, 4103, "only its source may");
    } else if (streq(r->op, "update")) {
        key_update(r, a, key);
    } else if (streq(r->op, "delete")) {
        json_array_foreach(keys(r->sim), i, t) if (t == key)
        {
            json_array_remove(keys(r->sim), i);
            break;
        }
        answer_primitive(r, a, 2002, NULL);
    } else {
        answer_error(a, 4005, "nothing is created there by a client");
    }
}
