/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: <mefClientCmd>, the MEF's side of mef-protocol.md 3.4 (3.4.7).
 * A registration holds `queue` (scenario forms that wait), `current` (the command issued last:
 * {cid spec cdsc no_more reported}) and `previous` (the one reported before it). Everything under the lock.
 */
#include <errno.h>

#include "plugin/base/limits.h"
#include "tests/sim/sim.h"

enum { NO_MORE_COMMANDS, CERT_PROV, DEV_CFG, MO_NODE };

static const struct class
{
    const char *name, *args;
    unsigned statuses; /* which groups of status codes a client may send: bits of the table below */
} classes[] = {
    [NO_MORE_COMMANDS] = {"NO_MORE_COMMANDS", "nmca", 0x01},
    [CERT_PROV] = {"CERT_PROV", "cpca", 0x07},
    [DEV_CFG] = {"DEV_CFG", "dcca", 0x0b},
    [MO_NODE] = {"MO_NODE", "mnca", 0x13},
};

/* Status codes of a client (4.5); the group says which classes may get one. */
static const struct {
    int code;
    unsigned group;
} codes[] = {
    {20, 0x02},  {40, 0x01},  {41, 0x02},  {42, 0x01},  {43, 0x02},  {100, 0x04}, {101, 0x04}, {201, 0x08},
    {202, 0x08}, {300, 0x10}, {301, 0x10}, {302, 0x10}, {303, 0x10}, {304, 0x10}, {305, 0x10},
};

static int class_of(const json_t *spec)
{
    const char *name = json_text(spec, "class", NULL);
    for (int i = 0; name && i < (int)ELEMENTS(classes); i++)
        if (streq(name, classes[i].name))
            return i;
    return name ? -1 : (int)json_number(spec, "ccid", -1);
}

static int check_one(const json_t *spec, char **ret_error)
{
    static const char *const known[] = {"cid",  "ccid",    "class", "args", "tgid",
                                        "cdsc", "content", "body",  "csc"};
    const char *name;
    json_t *value;
    if (!json_is_object(spec)) {
        *ret_error = g_strdup("a command is no object");
        return -EINVAL;
    }
    json_object_foreach((json_t *)spec, name, value)
    {
        bool ok = false;
        for (size_t i = 0; i < ELEMENTS(known); i++)
            ok = ok || streq(name, known[i]);
        if (!ok) {
            *ret_error = g_strdup_printf("unknown member '%s' in a command", name);
            return -EINVAL;
        }
    }
    bool raw =
        json_object_get(spec, "cdsc") || json_object_get(spec, "content") || json_object_get(spec, "body");
    json_t *args = json_object_get(spec, "args"), *body = json_object_get(spec, "body");
    if (!raw && json_object_get(spec, "class") && class_of(spec) < 0)
        *ret_error = g_strdup_printf("unknown class '%s' in a command", json_text(spec, "class", "?"));
    else if (!raw && !json_object_get(spec, "class") && !json_is_integer(json_object_get(spec, "ccid")))
        *ret_error = g_strdup("a command wants 'class', 'ccid', 'cdsc', 'content' or 'body'");
    else if (args && !json_is_object(args))
        *ret_error = g_strdup("'args' of a command is no object");
    else if (body && !json_is_string(body))
        *ret_error = g_strdup("'body' of a command is no string");
    return *ret_error ? -EINVAL : 0;
}

int command_check(json_t *commands, char **ret_error)
{
    json_t *one;
    size_t i;
    if (!json_is_array(commands))
        return check_one(commands, ret_error);
    json_array_foreach(commands, i, one)
    {
        int r = check_one(one, ret_error);
        if (r < 0)
            return r;
    }
    return 0;
}

int command_queue(struct sim *sim, json_t *reg, json_t *commands, char **ret_error)
{
    json_t *queue = json_object_get(reg, "queue"), *one;
    size_t i, n = json_is_array(commands) ? json_array_size(commands) : 1;
    int r = commands ? command_check(commands, ret_error) : 0;
    if (!commands || r < 0)
        return r;
    if (json_array_size(queue) + n > SIM_MAX_COMMANDS) {
        *ret_error = g_strdup_printf("more than %u commands would wait", SIM_MAX_COMMANDS);
        return -E2BIG;
    }
    if (!json_is_array(commands))
        return json_array_append_new(queue, json_deep_copy(commands));
    json_array_foreach(commands, i, one) json_array_append_new(queue, json_deep_copy(one));
    return 0;
}

bool command_waiting(json_t *reg)
{
    json_t *current = json_object_get(reg, "current");
    return json_array_size(json_object_get(reg, "queue")) > 0 ||
           (json_is_object(current) && !json_is_true(json_object_get(current, "reported")) &&
            !json_is_true(json_object_get(current, "no_more")));
}

/* ---- forming a command ---- */

static char *expand_text(struct sim *sim, json_t *reg, const char *text)
{
    _cleanup_(g_freep) char *port = g_strdup_printf("%u", sim->port);
    const struct {
        const char *name, *value;
    } words[] = {{"${fqdn}", sim->fqdn},
                 {"${port}", port},
                 {"${client}", json_text(reg, "cr", "")},
                 {"${registration}", json_text(reg, "ri", "")}};
    GString *s = g_string_new(text);
    for (size_t i = 0; i < ELEMENTS(words); i++)
        g_string_replace(s, words[i].name, words[i].value, 0);
    return g_string_free(s, FALSE);
}

/* A copy with the ${words} of all strings filled in. Depth is bounded by jansson's reader. */
static json_t *expand(struct sim *sim, json_t *reg, json_t *value)
{
    const char *name;
    json_t *item, *copy;
    size_t i;
    if (json_is_string(value)) {
        _cleanup_(g_freep) char *s = expand_text(sim, reg, json_string_value(value));
        return json_string(s);
    }
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, i, item) json_array_append_new(copy, expand(sim, reg, item));
        return copy;
    }
    if (!json_is_object(value))
        return json_incref(value);
    copy = json_object();
    json_object_foreach(value, name, item) json_object_set_new(copy, name, expand(sim, reg, item));
    return copy;
}

/* certSubjectType that fits the client's own identifier (4.2). */
static int subject_type(const char *id)
{
    const char *rest = g_str_has_prefix(id, "//") ? strchr(id + 2, '/') : *id == '/' ? id : NULL;
    if (!rest)
        return g_str_has_prefix(id, "C") || g_str_has_prefix(id, "S") ? 3 : 1;
    return strchr(rest + 1, '/') ? 3 : 2;
}

/* Arguments as MC-57 wants them, for a scenario that gives none. */
static json_t *default_args(struct sim *sim, json_t *reg, int class)
{
    switch (class) {
    case NO_MORE_COMMANDS:
        return json_pack("{s:s}", "rtd", json_text(sim->scenario, "retryDuration", "PT24H"));
    case CERT_PROV:
        return json_pack("{s:i,s:s,s:i,s:s}", "cpp", 1, "uri", "https://${fqdn}:${port}/.well-known/est",
                         "csty", subject_type(json_text(reg, "cr", "")), "csbi", "${client}");
    case DEV_CFG:
        return json_pack("{s:s}", "dcu", "3:coaps://${fqdn}:5684");
    case MO_NODE:
        return json_pack("{s:s,s:i}", "obp", "/27022/0", "obt", 1);
    default:
        return json_object();
    }
}

static json_t *form_description(struct sim *sim, json_t *reg, json_t *spec)
{
    int class = class_of(spec);
    json_t *whole = json_object_get(spec, "cdsc"), *given = json_object_get(spec, "args"), *value;
    const char *name;
    if (whole)
        return json_incref(whole);
    _cleanup_(json_freep) json_t *args = default_args(sim, reg, class);
    json_object_foreach(given, name, value)
    {
        if (json_is_null(value))
            json_object_del(args, name);
        else
            json_object_set(args, name, value);
    }
    /* The SUID that the node should have goes with an [authenticationProfile], and with nothing else. */
    if (class == MO_NODE && json_number(args, "obt", 0) == 1 && !json_object_get(given, "obsa"))
        json_object_set_new(args, "obsa", json_pack("{s:i}", "suid", 21));
    bool known = class >= 0 && class < (int)ELEMENTS(classes);
    json_t *cmda = known ? json_pack("{s:O}", classes[class].args, args) : json_incref(args);
    json_t *cdsc = json_pack("{s:I,s:o}", "ccid", (json_int_t) class, "cmda", cmda);
    if ((value = json_object_get(spec, "tgid")) != NULL)
        json_object_set(cdsc, "tgid", value);
    return cdsc;
}

static json_t *new_cid(struct sim *sim, json_t *reg, json_t *spec)
{
    json_t *given = json_object_get(spec, "cid"),
           *inside = json_object_get(json_object_get(spec, "content"), "cid");
    json_int_t n = json_number(reg, "issued", 0) + 1;
    json_object_set_new(reg, "issued", json_integer(n));
    if (given || inside)
        return json_incref(given ? given : inside);
    if (streq(json_text(sim->scenario, "ids", "sequence"), "random")) {
        _cleanup_(g_freep) char *hex = random_hex(8);
        return json_sprintf("c-%s", hex);
    }
    return json_sprintf("c-%04d", (int)n);
}

static json_t *represent(struct sim *sim, json_t *reg, int csc)
{
    json_t *current = json_object_get(reg, "current"), *spec = json_object_get(current, "spec");
    const char *ri = json_text(reg, "ri", "");
    json_t *body = json_object_get(spec, "body"), *content = json_object_get(spec, "content");
    if (body)
        return expand(sim, reg, body);
    if (content)
        return json_pack("{s:o}", "sec:mecc", expand(sim, reg, content));
    _cleanup_(g_freep) char *id = g_strdup_printf("%s-cmd", ri);
    json_t *own_csc = json_object_get(spec, "csc");
    return json_pack("{s:{s:i,s:s,s:s,s:s,s:O,s:O,s:o}}", "sec:mecc", "ty", 6, "ri", id, "rn", "cmd", "pi",
                     ri, "cid", json_object_get(current, "cid"), "cdsc", json_object_get(current, "cdsc"),
                     "csc", own_csc ? json_incref(own_csc) : json_integer(csc));
}

/* Makes the next of the queue, or NO_MORE_COMMANDS, the current one. */
static void advance(struct sim *sim, json_t *reg)
{
    json_t *queue = json_object_get(reg, "queue");
    _cleanup_(json_freep) json_t *spec = json_incref(json_array_get(queue, 0));
    if (spec)
        json_array_remove(queue, 0);
    else
        spec = json_pack("{s:s}", "class", classes[NO_MORE_COMMANDS].name);
    json_t *plain = form_description(sim, reg, spec);
    json_t *cdsc = expand(sim, reg, plain), *cid = new_cid(sim, reg, spec);
    json_decref(plain);
    json_object_set_new(reg, "current",
                        json_pack("{s:o,s:O,s:o,s:b,s:b}", "cid", cid, "spec", spec, "cdsc", cdsc, "no_more",
                                  json_number(cdsc, "ccid", -1) == NO_MORE_COMMANDS, "reported", 0));
}

json_t *command_issue(struct sim *sim, json_t *reg)
{
    json_t *current = json_object_get(reg, "current");
    bool fresh = !json_is_object(current) || json_is_true(json_object_get(current, "reported")) ||
                 (json_is_true(json_object_get(current, "no_more")) &&
                  json_array_size(json_object_get(reg, "queue")) > 0);
    if (fresh)
        advance(sim, reg);
    return represent(sim, reg, fresh ? 10 : 11);
}

/* ---- reports ---- */

/* cmdID and cmdStatusCode of the content; false with the answer set: then nothing is recorded (MC-10). */
static bool read_report(struct answer *a, json_t *content, json_t **ret_cid, int *ret_csc)
{
    json_t *cid = json_object_get(content, "cid"), *csc = json_object_get(content, "csc");
    const char *text = json_string_value(cid);
    if (!cid)
        answer_error(a, 4000, "cmdID missing");
    else if (!json_is_integer(cid) && (!text || !*text || strlen(text) > LIMIT_CMD_ID))
        answer_error(a, 4000, "cmdID is no identifier");
    else if (!csc)
        answer_error(a, 4000, "cmdStatusCode missing");
    else if (!json_is_integer(csc))
        answer_error(a, 4000, "cmdStatusCode is no number");
    else if (json_object_get(content, "cdsc"))
        answer_error(a, 4000, "cmdDescription is not for a request");
    if (a->rsc)
        return false;
    for (size_t i = 0; i < ELEMENTS(codes); i++)
        if (codes[i].code == json_integer_value(csc)) {
            *ret_cid = cid;
            *ret_csc = codes[i].code;
            return true;
        }
    answer_error(a, 4000, "cmdStatusCode is none of a client's");
    return false;
}

static bool same_id(const json_t *x, const json_t *y)
{
    _cleanup_(g_freep) char *a = json_is_integer(x)
                                     ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(x))
                                     : g_strdup(json_string_value(x));
    _cleanup_(g_freep) char *b = json_is_integer(y)
                                     ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(y))
                                     : g_strdup(json_string_value(y));
    return a && b && streq(a, b);
}

static void check_report(struct request *r, json_t *current, json_t *content, int csc)
{
    int class = (int)json_number(json_object_get(current, "cdsc"), "ccid", -1);
    if (json_object_size(content) != 2)
        violation(r->violations, "an update carries more than cmdID and cmdStatusCode");
    if (json_typeof(json_object_get(current, "cid")) != json_typeof(json_object_get(content, "cid")))
        violation(r->violations, "cmdID came back as another JSON type");
    for (size_t i = 0; i < ELEMENTS(codes); i++)
        if (codes[i].code == csc && class >= 0 && class < (int)ELEMENTS(classes) &&
            !(classes[class].statuses & codes[i].group))
            violation(r->violations, "status %d is not for %s", csc, classes[class].name);
}

/* Scenario: the command reported before comes again as if it were new. */
static void bring_back(json_t *reg)
{
    json_t *previous = json_object_get(reg, "previous"), *current = json_object_get(reg, "current");
    if (!json_is_object(previous))
        return;
    if (json_is_object(current) && !json_is_true(json_object_get(current, "reported")) &&
        !json_is_true(json_object_get(current, "no_more"))) {
        json_t *spec = json_copy(json_object_get(current, "spec"));
        json_object_set(spec, "cid", json_object_get(current, "cid"));
        json_array_insert_new(json_object_get(reg, "queue"), 0, spec);
    }
    json_t *again = json_copy(previous);
    json_object_set_new(again, "reported", json_false());
    json_object_set_new(reg, "current", again);
}

/* The next command, or what the scenario puts in its place. */
static void answer_next(struct request *r, struct answer *a, json_t *reg, unsigned rsc)
{
    const char *fault = json_text(r->fault, "do", "");
    if (streq(fault, "repeat"))
        bring_back(reg);
    json_t *next = command_issue(r->sim, reg), *content = json_object_get(next, "sec:mecc");
    if (json_is_object(content) && (streq(fault, "repeat") || streq(fault, "reissue")))
        json_object_set_new(content, "csc", json_integer(streq(fault, "repeat") ? 10 : 11));
    answer_primitive(r, a, rsc, next);
}

void command_update(struct request *r, struct answer *a, json_t *reg)
{
    const char *fault = json_text(r->fault, "do", "");
    json_t *current = json_object_get(reg, "current"), *cid = NULL;
    int csc = 0;
    _cleanup_(json_freep) json_t *content = content_of(r, a, "sec:mecc");
    if (!content || !read_report(a, content, &cid, &csc))
        return;
    bool match = json_is_object(current) && !json_is_true(json_object_get(current, "reported")) &&
                 same_id(json_object_get(current, "cid"), cid);
    if (match)
        check_report(r, current, content, csc);
    /* A report that the scenario loses is answered by the same command again. */
    bool record = match && !streq(fault, "reissue");
    record_append(json_object_get(r->sim->state, "reports"),
                  json_pack("{s:O,s:O,s:i,s:b,s:s,s:i,s:i}", "registration", json_object_get(reg, "ri"),
                            "cid", cid, "csc", csc, "recorded", record, "identity", r->conn->identity,
                            "connection", (int)r->conn->number, "request", (int)r->number));
    if (record) {
        json_object_set_new(current, "reported", json_true());
        json_object_set(reg, "previous", current);
    }
    answer_next(r, a, reg, 2004);
}

void command_retrieve(struct request *r, struct answer *a, json_t *reg)
{
    answer_next(r, a, reg, 2000);
}
