/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: HTTP of the MEF's port, by libmicrohttpd (mef-protocol.md 2.5). Gathers a request, says what it
 * is, asks the scenario for a fault, lets the MEF or EST answer, logs both, and queues the answer. The log
 * line is written before the answer leaves: who has the answer finds the line. Thread: libmicrohttpd's one
 * polling thread. */
#include <arpa/inet.h>

#include "tests/sim/sim.h"

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct sim *sim = cls;
    struct conn *c;
    pthread_mutex_lock(&sim->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        const struct sockaddr_in *number = (const void *)info->client_addr;
        c = g_hash_table_lookup(sim->conns, GUINT_TO_POINTER(ntohl(number->sin_addr.s_addr)));
        *socket_context = c;
    } else {
        c = *socket_context;
        if (c)
            c->inner_open = false;
        pthread_cond_broadcast(&sim->changed);
    }
    pthread_mutex_unlock(&sim->lock);
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct request *r = g_new0(struct request, 1);
    r->sim = cls;
    r->mhd = mhd;
    r->conn = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    r->uri = g_strdup(uri);
    const char *mark = strchr(uri, '?');
    r->path = mark ? g_strndup(uri, (gsize)(mark - uri)) : g_strdup(uri);
    r->query = mark ? g_strdup(mark + 1) : NULL;
    r->body = g_byte_array_new();
    r->violations = g_ptr_array_new_with_free_func(g_free);
    r->op = r->resource = "other";
    return r;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **req_cls,
                         enum MHD_RequestTerminationCode code)
{
    struct request *r = *req_cls;
    if (!r)
        return;
    json_decref(r->fault);
    g_ptr_array_unref(r->violations);
    g_byte_array_unref(r->body);
    g_free(r->uri);
    g_free(r->path);
    g_free(r->query);
    g_free(r->method);
    g_free(r->version);
    g_free(r);
    *req_cls = NULL;
}

void answer_set(struct answer *a, int status, const void *body, size_t n, const char *content_type)
{
    a->status = status;
    g_clear_pointer(&a->body, g_byte_array_unref);
    g_free(a->content_type);
    a->content_type = g_strdup(content_type);
    if (body) {
        a->body = g_byte_array_new();
        g_byte_array_append(a->body, body, (guint)n);
    }
}

static void answer_clear(struct answer *a)
{
    g_clear_pointer(&a->body, g_byte_array_unref);
    g_free(a->content_type);
    g_free(a->location);
    g_free(a->transfer_encoding);
    g_free(a->retry_after);
    json_decref(a->headers);
}

/* Adds a header unless the scenario has laid another value, or none, over it. */
static void add_header(struct MHD_Response *response, const struct answer *a, const char *name,
                       const char *value)
{
    json_t *other = json_object_get(a->headers, name);
    if (other)
        value = json_string_value(other);
    if (value)
        MHD_add_response_header(response, name, value);
}

static struct MHD_Response *response_of(const struct request *r, const struct answer *a)
{
    static const char *const known[] = {"X-M2M-RI",
                                        "X-M2M-RSC",
                                        "X-M2M-RVI",
                                        "Content-Type",
                                        "Content-Length",
                                        "Content-Location",
                                        "Content-Transfer-Encoding",
                                        "Retry-After"};
    guint n = a->body ? a->body->len : 0;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(n, n ? a->body->data : (void *)"", MHD_RESPMEM_MUST_COPY);
    if (!response)
        return NULL;
    MHD_set_response_options(response, MHD_RF_INSANITY_HEADER_CONTENT_LENGTH, MHD_RO_END);
    char number[24];
    if (a->rsc) {
        add_header(response, a, "X-M2M-RI", r->rqi);
        g_snprintf(number, sizeof number, "%u", a->rsc);
        add_header(response, a, "X-M2M-RSC", number);
        if (a->body)
            add_header(response, a, "X-M2M-RVI", r->rvi && *r->rvi ? r->rvi : "2a");
    }
    add_header(response, a, "Content-Type", a->content_type);
    add_header(response, a, "Content-Transfer-Encoding", a->transfer_encoding);
    if (a->status != 204) {
        g_snprintf(number, sizeof number, "%u", n);
        MHD_add_response_header(response, "Content-Length", number);
    }
    add_header(response, a, "Content-Location", a->location);
    add_header(response, a, "Retry-After", a->retry_after);
    const char *name;
    json_t *value;
    json_object_foreach(a->headers, name, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < ELEMENTS(known); i++)
            is_known = is_known || g_ascii_strcasecmp(name, known[i]) == 0;
        if (!is_known && json_is_string(value))
            MHD_add_response_header(response, name, json_string_value(value));
    }
    return response;
}

static const char *header(struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

/* What the scenario has at this path for whoever comes, or NULL. */
static const char *file_of(const struct request *r)
{
    return json_text(json_object_get(r->sim->scenario, "files"), r->path, NULL);
}

/* What the request is, in the words of the log and of the faults. */
static void name_request(struct request *r)
{
    static const struct {
        const char *method, *op;
    } ops[] = {{"POST", "create"}, {"GET", "retrieve"}, {"PUT", "update"}, {"DELETE", "delete"}};
    const char *est = est_operation(r->sim, r->path);
    if (est) {
        r->op = est;
        r->resource = "est";
        return;
    }
    if (file_of(r))
        r->resource = "file";
    for (size_t i = 0; i < ELEMENTS(ops); i++)
        if (streq(r->method, ops[i].method))
            r->op = ops[i].op;
    _cleanup_(g_freep) char *prefix = g_strdup_printf("/_/%s/-", r->sim->fqdn);
    if (g_ascii_strncasecmp(r->path, prefix, strlen(prefix)) != 0)
        return;
    const char *rest = r->path + strlen(prefix);
    if (streq(rest, "") || streq(rest, "/"))
        r->resource = "base";
    else if (g_str_has_suffix(rest, "/cmd") || g_str_has_suffix(rest, "-cmd"))
        r->resource = "command";
    else
        r->resource = key_find(r->sim, rest + 1) ? "key" : "registration";
}

/* What every request must look like (mef-protocol.md 2.5, interop.md). */
static void check_shape(struct request *r)
{
    const char *host = header(r, "Host"), *length = header(r, "Content-Length");
    _cleanup_(g_freep) char *with_port = g_strdup_printf("%s:%u", r->sim->fqdn, r->sim->port);
    GPtrArray *v = r->violations;
    if (!streq(r->version, "HTTP/1.1"))
        violation(v, "version is '%s', not HTTP/1.1", r->version);
    if (!host || (!str_ieq(host, with_port) && !(str_ieq(host, r->sim->fqdn) && r->sim->port == 443)))
        violation(v, "Host is '%s', not '%s'", host ? host : "", with_port);
    if (header(r, "Transfer-Encoding"))
        violation(v, "the request is chunked");
    if (r->body->len > 0 && !length)
        violation(v, "a body without Content-Length");
    if (r->body->len > 0 && !r->content_type)
        violation(v, "a body without Content-Type");
    if (header(r, "Expect"))
        violation(v, "Expect is used");
    if (header(r, "Authorization"))
        violation(v, "HTTP authentication is used");
    if (header(r, "Upgrade"))
        violation(v, "an upgrade is offered");
    if (r->conn->split_request)
        violation(v, "header and body came in more than one write");
}

/* What a oneM2M request must and must not carry (mef-protocol.md 2.1, 2.5). */
static void check_primitive(struct request *r)
{
    static const char *const not_sent[] = {"X-M2M-OT",  "X-M2M-RET", "X-M2M-RST", "X-M2M-OET", "X-M2M-EC",
                                           "X-M2M-RTU", "X-M2M-GID", "X-M2M-VSI", "X-M2M-RSC"};
    const char *accept = header(r, "Accept");
    GPtrArray *v = r->violations;
    for (size_t i = 0; i < ELEMENTS(not_sent); i++)
        if (header(r, not_sent[i]))
            violation(v, "%s is sent", not_sent[i]);
    if (!accept || !strstr(accept, "application/vnd.onem2m-res+json"))
        violation(v, "Accept is '%s'", accept ? accept : "");
    if (r->body->len > 0 && r->content_type &&
        !g_str_has_prefix(r->content_type, "application/vnd.onem2m-res+json") &&
        !g_str_has_prefix(r->content_type, "application/json")) /* 2.4, after 4015 */
        violation(v, "Content-Type is '%s'", r->content_type);
    if (!r->fr || !r->rqi)
        return;
    /* A request identifier belongs to one request; the same one may come again with it. */
    char *asked = g_compute_checksum_for_data(G_CHECKSUM_SHA256, r->body->data, r->body->len);
    _cleanup_(g_freep) char *key = g_strdup_printf("%s %s", r->fr, r->rqi);
    _cleanup_(g_freep) char *what = g_strdup_printf("%s %s %s", r->method, r->uri, asked);
    g_free(asked);
    const char *before = g_hash_table_lookup(r->sim->rqis, key);
    if (before && !streq(before, what))
        violation(v, "X-M2M-RI '%s' was used for another request", r->rqi);
    if (!before && g_hash_table_size(r->sim->rqis) < SIM_MAX_RECORDS)
        g_hash_table_insert(r->sim->rqis, TAKE_PTR(key), TAKE_PTR(what));
}

static void handle(struct request *r, struct answer *a)
{
    struct sim *sim = r->sim;
    json_t *refused = json_object_get(sim->refused, r->conn->identity);
    r->number = ++sim->requests;
    r->fr = header(r, "X-M2M-Origin");
    r->rqi = header(r, "X-M2M-RI");
    r->rvi = header(r, "X-M2M-RVI");
    r->content_type = header(r, "Content-Type");
    name_request(r);
    check_shape(r);
    bool file = streq(r->resource, "file");
    if (!file && !streq(r->resource, "est"))
        check_primitive(r);
    r->fault = fault_match(r);
    if (fault_before(r->fault))
        return;
    if (r->too_large) {
        answer_set(a, 413, "", 0, NULL);
    } else if (refused && !streq(json_text(refused, "at", ""), "handshake")) {
        if (streq(r->resource, "est"))
            answer_set(a, 403, "refused", 7, "text/plain");
        else
            answer_error(a, (unsigned)json_number(refused, "rsc", 4103), "this identity is refused");
    } else if (file) {
        answer_set(a, streq(r->op, "retrieve") ? 200 : 405, file_of(r), strlen(file_of(r)),
                   "application/x-pem-file");
    } else if (!est_handle(r, a)) {
        mef_handle(r, a);
    }
}

static enum MHD_Result finish(struct request *r)
{
    struct sim *sim = r->sim;
    struct answer a = {0};
    struct spoil spoil = {0};
    pthread_mutex_lock(&sim->lock);
    handle(r, &a);
    fault_apply(r, &a, &spoil);
    bool gone = a.status == 0;
    log_request(r, gone ? NULL : &a);
    state_save(sim);
    struct coming *coming = g_new(struct coming, 1);
    *coming = (struct coming){spoil, a.rsc != 0, g_strdup(r->rqi)};
    g_queue_push_tail(&r->conn->coming, coming);
    pthread_mutex_unlock(&sim->lock);
    struct MHD_Response *response = gone ? NULL : response_of(r, &a);
    enum MHD_Result result = MHD_NO;
    if (response) {
        result = MHD_queue_response(r->mhd, (unsigned)a.status, response);
        MHD_destroy_response(response);
    }
    answer_clear(&a);
    return result;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **req_cls)
{
    struct request *r = *req_cls;
    if (!r || !r->conn)
        return MHD_NO;
    if (!r->method) {
        r->method = g_strdup(method);
        r->version = g_strdup(version);
        return MHD_YES;
    }
    if (*size > 0) {
        if (r->body->len + *size > SIM_MAX_BODY)
            r->too_large = true;
        else
            g_byte_array_append(r->body, (const guint8 *)data, (guint)*size);
        *size = 0;
        return MHD_YES;
    }
    if (r->done)
        return MHD_YES;
    r->done = true;
    return finish(r);
}

int web_open(struct sim *sim)
{
    sim->web =
        MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                             MHD_USE_ITC | MHD_USE_SUPPRESS_DATE_NO_CLOCK,
                         0, NULL, NULL, on_request, sim, MHD_OPTION_NOTIFY_CONNECTION, on_connection, sim,
                         MHD_OPTION_URI_LOG_CALLBACK, on_uri, sim, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                         sim, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(64 * 1024),
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)SIM_MAX_CONNECTIONS * 2, MHD_OPTION_END);
    return sim->web ? 0 : -1;
}
