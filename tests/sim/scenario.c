/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: the scenario file and its faults. docs/mef-sim.md describes both; the tables here are what it
 * describes. A fault is {"at": WHEN, "do": WHAT, ...}. Faults live in sim->faults with their own counters
 * `seen` and `hits`. scenario_load() runs before any thread; the rest under the lock. */
#include <errno.h>

#include "tests/sim/sim.h"

/* The worked example, with the time of now and the identifiers of the client that comes. */
static const char default_scenario[] =
    "{\"registration\":{\"lifetime\":\"P365D\"},\"retryDuration\":\"PT24H\","
    "\"commands\":[{\"class\":\"CERT_PROV\"},{\"class\":\"DEV_CFG\"},{\"class\":\"MO_NODE\"}],"
    "\"est\":{},\"faults\":[]}";

static const struct fault_word {
    const char *word;
    enum spoil_kind kind;
    bool processed; /* unless the fault says "process" */
} fault_words[] = {
    {"drop", SPOIL_DROP, false},
    {"drop-after", SPOIL_DROP, true},
    {"silent", SPOIL_SILENT, false},
    {"delay", SPOIL_DELAY, true},
    {"truncate", SPOIL_TRUNCATE, true},
    {"garbage", SPOIL_GARBAGE, false},
    {"huge", SPOIL_HUGE, false},
    {"endless", SPOIL_ENDLESS, false},
    {"endless-header", SPOIL_ENDLESS_HEADER, false},
    {"chunked", SPOIL_CHUNKED, true},
    {"dribble", SPOIL_DRIBBLE, true},
    {"close", SPOIL_CLOSE, true},
    {"tls-alert", SPOIL_ALERT, false},
    {"status", SPOIL_NONE, false},
    {"body", SPOIL_NONE, true},
    {"field", SPOIL_NONE, true},
    {"header", SPOIL_NONE, true},
    {"media-type", SPOIL_NONE, true},
    {"reissue", SPOIL_NONE, true},
    {"repeat", SPOIL_NONE, true},
    {"wrong-cert", SPOIL_NONE, true},
};

static const struct fault_word *fault_word(const json_t *fault)
{
    const char *word = json_text(fault, "do", NULL);
    for (size_t i = 0; word && i < ELEMENTS(fault_words); i++)
        if (streq(word, fault_words[i].word))
            return &fault_words[i];
    return NULL;
}

static bool at_connection(const json_t *at)
{
    return json_is_integer(json_object_get(at, "connection")) && !json_object_get(at, "op") &&
           !json_object_get(at, "path") && !json_object_get(at, "resource");
}

static int check_fault(const json_t *fault, char **ret_error)
{
    static const char *const known[] = {"op", "path", "resource", "identity", "connection", "n", "times"};
    const json_t *at = json_object_get(fault, "at");
    const struct fault_word *word = fault_word(fault);
    const char *name;
    json_t *value;
    if (!word)
        *ret_error = g_strdup_printf("a fault does not say what to do, or '%s' is no fault",
                                     json_text(fault, "do", ""));
    else if (!json_is_integer(at) && !json_is_object(at))
        *ret_error = g_strdup_printf("fault '%s': 'at' is a request number or an object", word->word);
    else if (streq(word->word, "wrong-cert") &&
             (!at_connection(at) ||
              cert_flaw_parse(json_text(fault, "certificate", "other-name")) == CERT_UNKNOWN))
        *ret_error =
            g_strdup("fault 'wrong-cert' wants {\"connection\":N} as 'at' and a known 'certificate'");
    json_object_foreach(json_is_object(at) ? (json_t *)at : NULL, name, value)
    {
        bool ok = false;
        for (size_t i = 0; i < ELEMENTS(known); i++)
            ok = ok || streq(name, known[i]);
        if (!ok && !*ret_error)
            *ret_error = g_strdup_printf("unknown member '%s' in 'at' of a fault", name);
    }
    return *ret_error ? -EINVAL : 0;
}

int scenario_add_faults(struct sim *sim, json_t *faults, char **ret_error)
{
    json_t *one;
    size_t i;
    _cleanup_(json_freep) json_t *list =
        json_is_array(faults) ? json_incref(faults) : json_pack("[O]", faults);
    json_array_foreach(list, i, one) if (check_fault(one, ret_error) < 0) return -EINVAL;
    if (json_array_size(sim->faults) + json_array_size(list) > SIM_MAX_FAULTS) {
        *ret_error = g_strdup_printf("more than %u faults", SIM_MAX_FAULTS);
        return -E2BIG;
    }
    json_array_foreach(list, i, one)
    {
        json_t *copy = json_deep_copy(one);
        json_object_set_new(copy, "seen", json_integer(0));
        json_object_set_new(copy, "hits", json_integer(0));
        json_array_append_new(sim->faults, copy);
    }
    return 0;
}

static int check_words(json_t *s, char **ret_error)
{
    static const char *const known[] = {
        "registration", "commands", "retryDuration",      "faults",   "est",     "clock",
        "ids",          "priority", "server-certificate", "bindings", "comment", "files"};
    const char *name;
    json_t *value;
    struct duration d;
    int64_t t;
    json_object_foreach(s, name, value)
    {
        bool ok = false;
        for (size_t i = 0; i < ELEMENTS(known); i++)
            ok = ok || streq(name, known[i]);
        if (!ok) {
            *ret_error = g_strdup_printf("unknown member '%s'", name);
            return -EINVAL;
        }
    }
    json_t *grant = json_object_get(s, "registration"), *est = json_object_get(s, "est");
    const char *et = json_text(grant, "et", NULL), *lifetime = json_text(grant, "lifetime", NULL);
    const char *clock = json_text(s, "clock", NULL), *id = json_text(grant, "id", NULL);
    if ((grant && !json_is_object(grant)) || (est && !json_is_object(est)))
        *ret_error = g_strdup("'registration' and 'est' are objects");
    else if (et && timestamp_parse(et, &t) < 0)
        *ret_error = g_strdup_printf("'et': '%s' is no timestamp", et);
    else if (lifetime && duration_parse(lifetime, &d) < 0)
        *ret_error = g_strdup_printf("'lifetime': '%s' is no duration", lifetime);
    else if (clock && timestamp_parse(clock, &t) < 0)
        *ret_error = g_strdup_printf("'clock': '%s' is no timestamp", clock);
    else if (id && (!*id || strlen(id) > 128 || strpbrk(id, "/?# ")))
        *ret_error = g_strdup_printf("'id': '%s' is no resource identifier", id);
    else if (cert_flaw_parse(json_text(s, "server-certificate", NULL)) == CERT_UNKNOWN ||
             cert_flaw_parse(json_text(est, "certificate", NULL)) == CERT_UNKNOWN)
        *ret_error = g_strdup("'server-certificate' or 'certificate' of 'est' is unknown");
    else if (json_object_get(s, "commands"))
        command_check(json_object_get(s, "commands"), ret_error);
    return *ret_error ? -EINVAL : 0;
}

int scenario_load(struct sim *sim, const char *path, char **ret_error)
{
    json_error_t e;
    _cleanup_(json_freep) json_t *s = path ? json_load_file(path, JSON_REJECT_DUPLICATES, &e)
                                           : json_loads(default_scenario, JSON_REJECT_DUPLICATES, &e);
    _cleanup_(g_freep) char *why = NULL;
    if (!s) {
        *ret_error = g_strdup_printf("%s:%d: %s", path ? path : "default scenario", e.line, e.text);
        return -EINVAL;
    }
    if (!json_is_object(s)) {
        *ret_error = g_strdup_printf("%s: no JSON object", path);
        return -EINVAL;
    }
    sim->faults = json_array();
    json_t *faults = json_object_get(s, "faults");
    if (check_words(s, &why) < 0 || (faults && scenario_add_faults(sim, faults, &why) < 0)) {
        *ret_error = g_strdup_printf("%s: %s", path ? path : "default scenario", why);
        return -EINVAL;
    }
    if (!json_object_get(s, "est"))
        json_object_set_new(s, "est", json_object());
    if (!json_object_get(s, "registration"))
        json_object_set_new(s, "registration", json_object());
    if (!json_object_get(s, "commands"))
        json_object_set_new(s, "commands", json_array());
    sim->scenario = TAKE_PTR(s);
    return 0;
}

/* ---- when ---- */

/* Counts one more occasion; true when the fault strikes: from the n-th on, `times` times (0: for ever). */
static bool strikes(json_t *fault, json_int_t n, json_int_t times)
{
    json_int_t seen = json_number(fault, "seen", 0) + 1, hits = json_number(fault, "hits", 0);
    json_object_set_new(fault, "seen", json_integer(seen));
    if (seen < n || (times > 0 && hits >= times))
        return false;
    json_object_set_new(fault, "hits", json_integer(hits + 1));
    return true;
}

static bool matches(const json_t *at, const char *key, const char *value)
{
    const char *wanted = json_text(at, key, NULL);
    return !wanted || (value && streq(wanted, value));
}

json_t *fault_match(struct request *r)
{
    json_t *fault, *found = NULL;
    size_t i;
    json_array_foreach(r->sim->faults, i, fault)
    {
        json_t *at = json_object_get(fault, "at");
        if (json_is_integer(at)) {
            if (json_integer_value(at) == r->number && !found && strikes(fault, 1, 1))
                found = fault;
            continue;
        }
        json_int_t connection = json_number(at, "connection", 0);
        if (at_connection(at) || !matches(at, "op", r->op) || !matches(at, "path", r->path) ||
            !matches(at, "resource", r->resource) || !matches(at, "identity", r->conn->identity) ||
            (connection > 0 && connection != r->conn->number))
            continue;
        /* Each counts its own occasions, but only one strikes at a time. */
        if (found)
            json_object_set_new(fault, "seen", json_integer(json_number(fault, "seen", 0) + 1));
        else if (strikes(fault, json_number(at, "n", 1), json_number(at, "times", 1)))
            found = fault;
    }
    return json_deep_copy(found);
}

json_t *fault_match_connection(struct sim *sim, unsigned number)
{
    json_t *fault;
    size_t i;
    json_array_foreach(sim->faults, i, fault)
    {
        json_t *at = json_object_get(fault, "at");
        json_int_t from = json_number(at, "connection", 0), times = json_number(at, "times", 1);
        if (!at_connection(at) || number < from ||
            (times > 0 && json_number(fault, "hits", 0) >= times && from > 0))
            continue;
        json_object_set_new(fault, "hits", json_integer(json_number(fault, "hits", 0) + 1));
        return json_deep_copy(fault);
    }
    return NULL;
}

/* ---- what ---- */

bool fault_before(const json_t *fault)
{
    const struct fault_word *word = fault ? fault_word(fault) : NULL;
    const json_t *process = json_object_get(fault, "process");
    return word && (json_is_boolean(process) ? json_is_false(process) : !word->processed);
}

void fault_spoil(const json_t *fault, struct spoil *ret)
{
    const struct fault_word *word = fault_word(fault);
    *ret = (struct spoil){
        .kind = word ? word->kind : SPOIL_NONE,
        .bytes = (size_t)CLAMP(json_number(fault, "bytes", 0), 0, SIM_MAX_ENDLESS),
        .ms = (unsigned)CLAMP(json_number(fault, "ms", 0), 0, 3600000),
        .code = (unsigned)CLAMP(json_number(fault, "alert", 0), 0, 255),
    };
}

/* The object and last name that a dotted path means; the objects on the way must exist. */
static json_t *walk(json_t *object, const char *path, const char **ret_last)
{
    for (const char *dot; object && (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        _cleanup_(g_freep) char *name = g_strndup(path, (gsize)(dot - path));
        object = json_object_get(object, name);
    }
    *ret_last = path;
    return json_is_object(object) ? object : NULL;
}

static void change_fields(struct answer *a, const json_t *fault)
{
    json_t *body = a->body ? json_loadb((const char *)a->body->data, a->body->len, 0, NULL) : NULL;
    json_t *inside = json_object_iter_value(json_object_iter(body)), *value;
    const char *name, *last;
    size_t i;
    json_object_foreach(json_object_get(fault, "set"), name, value)
    {
        json_t *o = walk(inside, name, &last);
        if (o)
            json_object_set(o, last, value);
    }
    json_array_foreach(json_object_get(fault, "remove"), i, value)
    {
        json_t *o = json_is_string(value) ? walk(inside, json_string_value(value), &last) : NULL;
        if (o)
            json_object_del(o, last);
    }
    char *text = json_dumps(body, JSON_COMPACT);
    if (text) {
        g_byte_array_set_size(a->body, 0);
        g_byte_array_append(a->body, (const guint8 *)text, (guint)strlen(text));
    }
    free(text);
    json_decref(body);
}

static void replace_body(struct answer *a, const json_t *body)
{
    char *text = json_is_string(body) ? strdup(json_string_value(body)) : json_dumps(body, JSON_COMPACT);
    if (a->body)
        g_byte_array_set_size(a->body, 0);
    else
        a->body = g_byte_array_new();
    g_byte_array_append(a->body, (const guint8 *)(text ? text : ""), (guint)(text ? strlen(text) : 0));
    free(text);
}

void fault_apply(struct request *r, struct answer *a, struct spoil *ret)
{
    const json_t *fault = r->fault;
    const char *what = json_text(fault, "do", "");
    if (!fault)
        return;
    fault_spoil(fault, ret);
    if (streq(what, "status")) {
        json_int_t rsc = json_number(fault, "rsc", 0), status = json_number(fault, "status", 0);
        if (rsc || !status)
            answer_error(a, (unsigned)(rsc ? rsc : 5000), "fault of the scenario");
        else {
            answer_set(a, 500, NULL, 0, NULL);
            a->rsc = 0;
        }
        if (status)
            a->status = (int)CLAMP(status, 200, 599);
    } else if (a->status == 0 && ret->kind == SPOIL_NONE) {
        answer_set(a, 500, NULL, 0, NULL); /* "process": false where there is nothing else to do */
    } else if (streq(what, "body")) {
        replace_body(a, json_object_get(fault, "body"));
    } else if (streq(what, "field")) {
        change_fields(a, fault);
    } else if (streq(what, "header")) {
        a->headers = json_incref(json_object_get(fault, "set"));
    } else if (streq(what, "media-type")) {
        g_free(a->content_type);
        a->content_type = g_strdup(json_text(fault, "value", "text/html"));
    }
}
