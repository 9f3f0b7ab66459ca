/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: text, time, records and the log. Functions that say so in sim.h want the lock; the rest are pure.
 */
#include <gnutls/crypto.h>
#include <time.h>

#include "tests/sim/sim.h"

void violation(GPtrArray *list, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(list, g_strdup_vprintf(format, args));
    va_end(args);
}

int64_t sim_clock(const struct sim *sim)
{
    int64_t t;
    const char *fixed = json_text(sim->scenario, "clock", NULL);
    if (fixed && timestamp_parse(fixed, &t) == 0)
        return t;
    return g_get_real_time();
}

char *base64_lines(const void *data, size_t n, unsigned columns)
{
    _cleanup_(g_freep) char *line = g_base64_encode(data, n);
    if (columns == 0)
        return TAKE_PTR(line);
    GString *s = g_string_new(NULL);
    for (size_t at = 0, len = strlen(line); at < len; at += columns)
        g_string_append_printf(s, "%.*s\r\n", (int)MIN(columns, len - at), line + at);
    return g_string_free(s, FALSE);
}

char *random_hex(unsigned octets)
{
    uint8_t r[32];
    octets = MIN(octets, sizeof r);
    if (gnutls_rnd(GNUTLS_RND_NONCE, r, octets) < 0)
        g_error("no random octets");
    char *s = g_malloc(2 * octets + 1);
    hex_encode(r, octets, s);
    return s;
}

json_t *strings_to_json(GPtrArray *list)
{
    json_t *a = json_array();
    for (guint i = 0; list && i < list->len; i++)
        json_array_append_new(a, json_string(list->pdata[i]));
    return a;
}

const char *json_text(const json_t *object, const char *key, const char *fallback)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : fallback;
}

json_int_t json_number(const json_t *object, const char *key, json_int_t fallback)
{
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) ? json_integer_value(v) : fallback;
}

void record_append(json_t *array, json_t *value)
{
    if (json_array_size(array) >= SIM_MAX_RECORDS)
        json_array_remove(array, 0);
    json_array_append_new(array, value);
}

/* Octets as a JSON string, or as an object with base64 when they are no text. */
static json_t *octets(const void *data, size_t n)
{
    json_t *s = n == 0 ? json_string("") : memchr(data, 0, n) ? NULL : json_stringn(data, n);
    if (s)
        return s;
    _cleanup_(g_freep) char *text = g_base64_encode(data, n);
    return json_pack("{s:s}", "base64", text);
}

static json_t *now_text(void)
{
    int64_t now = g_get_real_time();
    time_t seconds = now / G_USEC_PER_SEC;
    struct tm tm;
    char text[32], whole[48];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    g_snprintf(whole, sizeof whole, "%s.%06dZ", text, (int)(now % G_USEC_PER_SEC));
    return json_string(whole);
}

static void write_line(struct sim *sim, json_t *line)
{
    sim->sequence++;
    pthread_cond_broadcast(&sim->changed);
    if (sim->log) {
        json_dumpf(line, sim->log, JSON_COMPACT | JSON_ENSURE_ASCII);
        fputc('\n', sim->log);
        fflush(sim->log);
    }
    json_decref(line);
}

static json_t *text_or_null(const char *s)
{
    json_t *j = s ? json_string(s) : json_null();
    return j ? j : json_string("(not UTF-8)");
}

static enum MHD_Result one_header(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
    json_array_append_new(cls, json_pack("[o,o]", text_or_null(key), text_or_null(value ? value : "")));
    return MHD_YES;
}

void log_request(struct request *r, const struct answer *a)
{
    struct conn *c = r->conn;
    json_t *headers = json_array();
    MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, one_header, headers);
    /* What the handshake did wrong is said with each request of that connection. */
    json_t *wrong = strings_to_json(c->violations), *own = strings_to_json(r->violations);
    json_array_extend(wrong, own);
    json_decref(own);
    _cleanup_(g_freep) char *to = g_str_has_prefix(r->uri, "/_/") ? g_strdup_printf("/%s", r->uri + 2) : NULL;
    json_t *line = json_object();
    json_object_set_new(line, "time", now_text());
    json_object_set_new(line, "request", json_integer(r->number));
    json_object_set_new(line, "rqi", text_or_null(r->rqi));
    json_object_set_new(line, "identity", text_or_null(c->identity));
    json_object_set_new(line, "suite", json_string(c->suite));
    json_object_set_new(line, "connection", json_integer(c->number));
    json_object_set_new(line, "op", json_string(r->op));
    json_object_set_new(line, "resource", json_string(r->resource));
    json_object_set_new(line, "fr", text_or_null(r->fr));
    /* `to` as the primitive has it; "/_/host/x" is its form in HTTP (2.5). */
    json_object_set_new(line, "to", to ? json_string(to) : text_or_null(r->uri));
    json_object_set_new(line, "path", text_or_null(r->uri));
    json_object_set_new(line, "method", text_or_null(r->method));
    json_object_set_new(line, "headers", headers);
    json_object_set_new(line, "body", octets(r->body->data, r->body->len));
    json_object_set_new(line, "status", a ? json_integer(a->status) : json_null());
    json_object_set_new(line, "rsc", a && a->rsc ? json_integer(a->rsc) : json_null());
    json_object_set_new(line, "answer", a && a->body ? octets(a->body->data, a->body->len) : json_null());
    json_object_set_new(line, "fault", r->fault ? json_copy(r->fault) : json_null());
    json_object_set_new(line, "violation", wrong);
    write_line(r->sim, line);
}

void log_connection(struct conn *c, const char *event, const char *detail)
{
    json_t *line = json_object();
    json_object_set_new(line, "time", now_text());
    json_object_set_new(line, "connection", json_integer(c->number));
    json_object_set_new(line, "op", json_string(event));
    json_object_set_new(line, "identity", text_or_null(c->identity));
    json_object_set_new(line, "suite", json_string(c->suite));
    json_object_set_new(line, "sni", text_or_null(c->sni));
    json_object_set(line, "offered", c->offered);
    json_object_set_new(line, "detail", text_or_null(detail));
    json_object_set_new(line, "fault", c->fault ? json_copy(c->fault) : json_null());
    json_object_set_new(line, "violation", strings_to_json(c->violations));
    write_line(c->sim, line);
}
