/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: the control port, plain HTTP on the loopback: what a test may see and change while the MEF runs.
 * docs/mef-sim.md lists the requests. Thread: one of libmicrohttpd per connection, because /sim/state can
 * wait. */
#include <arpa/inet.h>
#include <errno.h>
#include <time.h>

#include "tests/sim/sim.h"

#define MAX_WAIT_S 600

struct call {
    GByteArray *body;
    bool too_large, started;
};

static json_t *good(void)
{
    return json_pack("{s:b}", "ok", 1);
}

static json_t *bad(int *status, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);
static json_t *bad(int *status, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_(g_freep) char *why = g_strdup_vprintf(format, args);
    va_end(args);
    *status = code;
    return json_pack("{s:s}", "error", why);
}

static uint64_t query_number(struct MHD_Connection *mhd, const char *key, uint64_t max)
{
    const char *text = MHD_lookup_connection_value(mhd, MHD_GET_ARGUMENT_KIND, key);
    uint64_t n = 0;
    return text && str_to_u64(text, max, &n) == 0 ? n : 0;
}

/* ?after=SEQUENCE&timeout=SECONDS waits until something was logged beyond SEQUENCE. */
static json_t *get_state(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status)
{
    const char *after = MHD_lookup_connection_value(mhd, MHD_GET_ARGUMENT_KIND, "after");
    uint64_t sequence = query_number(mhd, "after", UINT32_MAX),
             seconds = query_number(mhd, "timeout", MAX_WAIT_S);
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)seconds;
    while (after && sim->sequence <= sequence && !sim->stopping)
        if (pthread_cond_timedwait(&sim->changed, &sim->lock, &end) == ETIMEDOUT)
            break;
    return json_pack("{s:i,s:i,s:i,s:i,s:O,s:O,s:O}", "sequence", (int)sim->sequence, "requests",
                     (int)sim->requests, "connections", (int)sim->next_conn, "open", (int)sim->threads,
                     "state", sim->state, "faults", sim->faults, "refused", sim->refused);
}

/* The registration that the body names, or the only one; all of them when there is no name. */
static bool meant(const json_t *body, const json_t *reg)
{
    const char *id = json_text(body, "registration", NULL);
    return !id || streq(id, json_text(reg, "ri", ""));
}

static json_t *post_commands(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status)
{
    json_t *list =
        json_is_object(body) && json_object_get(body, "commands") ? json_object_get(body, "commands") : body;
    json_t *reg, *count = json_integer(0);
    char *why = NULL;
    size_t i;
    int r = list ? command_check(list, &why) : -EINVAL;
    json_array_foreach(json_object_get(sim->state, "registrations"), i, reg)
    {
        if (r < 0 || (list != body && !meant(body, reg)))
            continue;
        r = command_queue(sim, reg, list, &why);
        json_integer_set(count, json_integer_value(count) + 1);
    }
    _cleanup_(g_freep) char *error = why;
    if (r < 0) {
        json_decref(count);
        return bad(status, 400, "%s", error ? error : "no command in the body");
    }
    if (json_integer_value(count) == 0) {
        json_decref(count);
        return bad(status, 404, "no such registration");
    }
    state_save(sim);
    return json_pack("{s:b,s:o}", "ok", 1, "registrations", count);
}

static json_t *post_faults(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status)
{
    _cleanup_(g_freep) char *why = NULL;
    if (!body || scenario_add_faults(sim, body, &why) < 0)
        return bad(status, 400, "%s", why ? why : "no fault in the body");
    return good();
}

static json_t *delete_faults(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status)
{
    json_array_clear(sim->faults);
    return good();
}

static json_t *post_reset(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status)
{
    front_abort_all(sim);
    return good();
}

static json_t *post_refuse(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status)
{
    const char *id = json_text(body, "identity", NULL), *at = json_text(body, "at", "handshake");
    if (!id || (!streq(at, "handshake") && !streq(at, "request")))
        return bad(status, 400, "the body is {\"identity\":ID,\"at\":\"handshake\"|\"request\",\"rsc\":N}");
    if (json_object_size(sim->refused) >= SIM_MAX_RECORDS)
        return bad(status, 400, "too many identities");
    json_object_set_new(sim->refused, id,
                        json_pack("{s:s,s:I}", "at", at, "rsc", json_number(body, "rsc", 4103)));
    return good();
}

static json_t *delete_refuse(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status)
{
    const char *id = json_text(body, "identity", NULL);
    if (!id)
        json_object_clear(sim->refused);
    else if (json_object_del(sim->refused, id) < 0)
        return bad(status, 404, "'%s' was not refused", id);
    return good();
}

/* The lifetime of the registrations ends now. */
static json_t *post_expire(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status)
{
    json_t *reg;
    size_t i;
    json_array_foreach(json_object_get(sim->state, "registrations"), i, reg) if (meant(body, reg))
        json_object_set_new(reg, "et", json_string("19700101T000001"));
    state_save(sim);
    return good();
}

/* Lays members over the scenario: est, registration, retryDuration, clock; commands for registrations to
 * come. */
static json_t *post_scenario(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status)
{
    static const char *const allowed[] = {"est", "registration", "retryDuration", "clock", "commands", "ids"};
    _cleanup_(g_freep) char *why = NULL;
    const char *name;
    json_t *value, *commands = json_object_get(body, "commands"), *est = json_object_get(body, "est");
    if (!json_is_object(body))
        return bad(status, 400, "the body is an object");
    json_object_foreach(body, name, value)
    {
        bool ok = false;
        for (size_t i = 0; i < ELEMENTS(allowed); i++)
            ok = ok || streq(name, allowed[i]);
        bool object = streq(name, "est") || streq(name, "registration");
        if (!ok || (object && !json_is_object(value)))
            return bad(status, 400, "'%s' cannot be changed, or not to that", name);
    }
    if ((commands && command_check(commands, &why) < 0) ||
        cert_flaw_parse(json_text(est, "certificate", NULL)) == CERT_UNKNOWN)
        return bad(status, 400, "%s", why ? why : "unknown 'certificate'");
    json_object_foreach(body, name, value)
    {
        json_t *old = json_object_get(sim->scenario, name);
        if (json_is_object(value) && json_is_object(old))
            json_object_update(old, value);
        else
            json_object_set(sim->scenario, name, value);
    }
    return good();
}

/* A certificate of our CA for a CSR, as a client has it that comes with one from the factory. */
static json_t *post_issue(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status)
{
    const char *text = json_text(body, "csr", ""), *word = json_text(body, "certificate", NULL);
    _cleanup_(freep) uint8_t *der = NULL;
    size_t n;
    gnutls_x509_crq_t crq;
    gnutls_x509_crt_t cert;
    gnutls_datum_t pem;
    enum cert_flaw flaw = cert_flaw_parse(word);
    if (flaw == CERT_UNKNOWN || base64_decode(text, strlen(text), &der, &n) < 0 ||
        gnutls_x509_crq_init(&crq) < 0)
        return bad(status, 400, "the body is {\"csr\":BASE64-DER,\"certificate\":\"good\"}");
    gnutls_datum_t datum = {der, (unsigned)n};
    int r = gnutls_x509_crq_import(crq, &datum, GNUTLS_X509_FMT_DER);
    if (r >= 0)
        r = ca_issue(sim, crq, flaw, 365 * 86400, &cert);
    gnutls_x509_crq_deinit(crq);
    if (r < 0)
        return bad(status, 400, "%s", gnutls_strerror(r));
    r = gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &pem);
    gnutls_x509_crt_deinit(cert);
    if (r < 0)
        return bad(status, 400, "%s", gnutls_strerror(r));
    json_t *result = json_pack("{s:s%}", "certificate", pem.data, (size_t)pem.size);
    gnutls_free(pem.data);
    return result;
}

static const struct {
    const char *method, *url;
    json_t *(*call)(struct sim *sim, struct MHD_Connection *mhd, json_t *body, int *status);
} calls[] = {
    {"GET", "/sim/state", get_state},
    {"POST", "/sim/commands", post_commands},
    {"POST", "/sim/faults", post_faults},
    {"DELETE", "/sim/faults", delete_faults},
    {"POST", "/sim/reset-connections", post_reset},
    {"POST", "/sim/refuse-identity", post_refuse},
    {"DELETE", "/sim/refuse-identity", delete_refuse},
    {"POST", "/sim/expire", post_expire},
    {"POST", "/sim/issue", post_issue},
    {"POST", "/sim/scenario", post_scenario},
};

static char *run(struct sim *sim, struct MHD_Connection *mhd, const char *method, const char *url,
                 struct call *c, int *status)
{
    json_error_t e = {.text = ""};
    json_t *result = NULL;
    _cleanup_(json_freep) json_t *body =
        c->body->len ? json_loadb((const char *)c->body->data, c->body->len, JSON_REJECT_DUPLICATES, &e)
                     : NULL;
    *status = 200;
    pthread_mutex_lock(&sim->lock);
    if (c->too_large || (c->body->len && !body))
        result = bad(status, 400, "the body is too large or no JSON: %s", e.text);
    for (size_t i = 0; i < ELEMENTS(calls) && !result; i++)
        if (streq(method, calls[i].method) && streq(url, calls[i].url))
            result = calls[i].call(sim, mhd, body, status);
    if (!result)
        result = bad(status, 404, "no such request: %s %s", method, url);
    char *text = json_dumps(result, JSON_COMPACT);
    json_decref(result);
    pthread_mutex_unlock(&sim->lock);
    return text;
}

static enum MHD_Result on_call(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                               const char *version, const char *data, size_t *size, void **req_cls)
{
    struct call *c = *req_cls;
    int status;
    if (!c) {
        c = g_new0(struct call, 1);
        c->body = g_byte_array_new();
        *req_cls = c;
        return MHD_YES;
    }
    if (*size > 0) {
        if (c->body->len + *size > (1u << 20))
            c->too_large = true;
        else
            g_byte_array_append(c->body, (const guint8 *)data, (guint)*size);
        *size = 0;
        return MHD_YES;
    }
    char *text = run(cls, mhd, method, url, c, &status);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        text ? strlen(text) : 0, text ? text : (void *)"", MHD_RESPMEM_MUST_COPY);
    free(text);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result r = MHD_queue_response(mhd, (unsigned)status, response);
    MHD_destroy_response(response);
    return r;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **req_cls,
                         enum MHD_RequestTerminationCode code)
{
    struct call *c = *req_cls;
    if (!c)
        return;
    g_byte_array_unref(c->body);
    g_free(c);
    *req_cls = NULL;
}

int control_open(struct sim *sim)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sim->control = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL,
        NULL, on_call, sim, MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_NOTIFY_COMPLETED, on_completed, sim,
        MHD_OPTION_CONNECTION_LIMIT, 32u, MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_END);
    if (!sim->control)
        return -1;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(sim->control, MHD_DAEMON_INFO_BIND_PORT);
    sim->control_port = info ? info->port : 0;
    return sim->control_port ? 0 : -1;
}
