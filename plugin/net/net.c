/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions over libcurl (mef-protocol.md 2.5, 3.1; design.md 4): one easy and one multi handle each, driven
 * on the worker's thread, with the cancel's fd beside libcurl's own. While libcurl or OpenSSL run for us, the
 * thread's default library context is our private one. Ownership: `struct net` outlives its sessions; a
 * session owns all it holds. Thread: a session by one worker at a time. */
#include "plugin/net/net.h"

#include <ares.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/net/multi.h"
#include "plugin/net/resolve.h"
#include "plugin/net/tls.h"
#include "plugin/net/wire.h"

#define CONNECT_TIMEOUT  (30 * USEC_PER_SEC)
#define RESPONSE_TIMEOUT (60 * USEC_PER_SEC)
#define POLL_CAP_MS      1000
#define ACCEPT_TYPES     "application/vnd.onem2m-res+json, application/json;q=0.9"
#define CONTENT_TYPE     "application/vnd.onem2m-res+json"
#define PLAIN_TYPE       "application/json"

struct net {
    struct resolver resolver;
    uint64_t connect_timeout, response_timeout; /* microseconds */
    bool extra_suites;
    OSSL_LIB_CTX *lib;
    pthread_mutex_t reading; /* who reads the machine's trust anchors */
};

struct session {
    const struct net *net;
    char *fqdn;
    uint16_t port;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *addresses; /* CURLOPT_RESOLVE */
    bool resolved;                /* false: look up again before the next connection */
    struct tls tls;
    char detail[CURL_ERROR_SIZE];
};

/* One request and what is known of its answer. */
struct transfer {
    struct session *s;
    const char *method, *path, *body;
    size_t body_len, body_max;
    bool repeatable;                   /* may be sent a second time unnoticed */
    const struct http_request *rebind; /* NULL = no wish to see a new connection's tls-unique */
    char *own_body;                    /* with it: what `body` points to */
    struct curl_slist *headers;

    uint8_t bound[EVP_MAX_MD_SIZE]; /* tls-unique before this request */
    size_t bound_len;
    unsigned times_sent; /* the request may have left this often */
    bool refused;        /* tls_acceptable() said no */
    bool repeat_refused; /* libcurl wanted to send it again */
    int broken;          /* of a callback: -E2BIG, -EBADMSG, -ENOMEM */
    const char *why;     /* with -EBADMSG */
    uint64_t answer_by;  /* deadline once sent */
    struct wire_headers in;
    struct buf answer;
    bool reconnected;
};

/* ---- process and net -------------------------------------------------------------------------------- */

static struct {
    pthread_once_t once;
    CURLcode curl;
    int ares;
} process = {.once = PTHREAD_ONCE_INIT};

static void process_init(void)
{
    /* Counted by both libraries: a host that did the same is not disturbed. */
    process.curl = curl_global_init(CURL_GLOBAL_DEFAULT);
    process.ares = ares_library_init(ARES_LIB_INIT_ALL);
}

int net_new(const struct net_params *params, struct net **ret, struct mef_error *reterr)
{
    struct net *n;
    int r;

    pthread_once(&process.once, process_init);
    if (process.curl != CURLE_OK)
        return mef_fail(reterr, MEF_ERROR_FAILED, "libcurl does not start: %s.",
                        curl_easy_strerror(process.curl));
    if (process.ares != ARES_SUCCESS)
        return mef_fail(reterr, MEF_ERROR_FAILED, "c-ares does not start: %s.", ares_strerror(process.ares));
    n = calloc(1, sizeof *n);
    if (!n)
        return -ENOMEM;
    n->connect_timeout = params->connect_timeout ? params->connect_timeout : CONNECT_TIMEOUT;
    n->response_timeout = params->response_timeout ? params->response_timeout : RESPONSE_TIMEOUT;
    n->extra_suites = params->extra_suites;
    (void)pthread_mutex_init(&n->reading, NULL);
    r = resolver_init(&n->resolver, params->resolve, params->nameservers, reterr);
    if (r == 0 && !(n->lib = OSSL_LIB_CTX_new()))
        r = -ENOMEM;
    if (r < 0) {
        net_free(n);
        return r;
    }
    *ret = n;
    return 0;
}

void net_free(struct net *n)
{
    if (!n)
        return;
    resolver_clear(&n->resolver);
    OSSL_LIB_CTX_free(n->lib);
    (void)pthread_mutex_destroy(&n->reading);
    free(n);
}

/* ---- callbacks of libcurl --------------------------------------------------------------------------- */

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *at)
{
    return socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);
}

static bool same_connection(const struct transfer *t)
{
    const struct tls *now = &t->s->tls;

    return now->unique_len && now->unique_len == t->bound_len &&
           memcmp(now->unique, t->bound, t->bound_len) == 0;
}

/* Between the handshake and the request. The last point at which nothing has been sent. */
static int before_request(void *ctx, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    struct transfer *t = ctx;
    struct curl_tlssessioninfo *info = NULL;

    if (curl_easy_getinfo(t->s->easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info || !info->internals ||
        !tls_acceptable(&t->s->tls, info->internals)) {
        t->refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (t->times_sent && !t->repeatable) {
        t->repeat_refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (t->rebind && !same_connection(t)) /* libcurl reads the body after this */
        t->rebind->rebind(t->rebind->rebind_ctx, t->s->tls.unique, t->s->tls.unique_len, t->own_body,
                          t->body_len);
    t->times_sent++;
    t->answer_by = now_monotonic() + t->s->net->response_timeout;
    return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    int r = wire_header_line(&t->in, line, n, &t->why);

    if (r == 0)
        return n;
    t->broken = r;
    return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    int r = buf_add(&t->answer, data, n);

    if (r == 0)
        return n;
    t->broken = r;
    return 0;
}

/* ---- session ---------------------------------------------------------------------------------------- */

static void session_close(struct session *s)
{
    OSSL_LIB_CTX *before;

    if (!s)
        return;
    before = OSSL_LIB_CTX_set0_default(s->net->lib);
    if (s->easy)
        curl_easy_cleanup(s->easy);
    if (s->multi)
        curl_multi_cleanup(s->multi);
    tls_clear(&s->tls);
    OSSL_LIB_CTX_set0_default(before);
    curl_slist_free_all(s->addresses);
    free(s->fqdn);
    free(s);
}

/* What holds for every request of the session. */
static bool set_session_options(struct session *s)
{
    bool psk = s->tls.kind == CREDENTIAL_PSK;
    char url[LIMIT_FQDN + 32];
    CURL *c = s->easy;
    CURLcode r = CURLE_OK;

#define SET(option, value)                                                                                   \
    do {                                                                                                     \
        if (r == CURLE_OK)                                                                                   \
            r = curl_easy_setopt(c, option, value);                                                          \
    } while (0)
    snprintf(url, sizeof url, "https://%s:%u/", s->fqdn, s->port);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, -1L);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_ERRORBUFFER, s->detail);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_PREREQFUNCTION, before_request);
    SET(CURLOPT_SSL_ENABLE_ALPN, 0L);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(CURLOPT_SSLVERSION, (long)(CURL_SSLVERSION_TLSv1_2 |
                                   (s->tls.kind == CREDENTIAL_ANONYMOUS ? CURL_SSLVERSION_MAX_DEFAULT
                                                                        : CURL_SSLVERSION_MAX_TLSv1_2)));
    /* The name is checked by us; a PSK peer has no certificate that libcurl could look at. */
    SET(CURLOPT_SSL_VERIFYPEER, psk ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 0L);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_CTX_FUNCTION, tls_context);
    SET(CURLOPT_SSL_CTX_DATA, &s->tls);
    return r == CURLE_OK && curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, 1L) == CURLM_OK &&
           curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK;
}

/* Looks the name up and tells libcurl, which then never does so itself. */
static int resolve(struct session *s, const struct wait *wait, struct mef_error *reterr)
{
    struct wait within = wait_within(wait, s->net->connect_timeout);
    struct buf line = {.max = 4096};
    struct curl_slist *list;
    struct addresses a;
    int r = resolver_lookup(&s->net->resolver, s->fqdn, &within, &a, reterr);

    if (r != 0)
        return r;
    r = buf_addf(&line, "%s:%u:", s->fqdn, s->port);
    for (size_t i = 0; i < a.n && r == 0; i++)
        r = buf_addf(&line, strchr(a.text[i], ':') ? "%s[%s]" : "%s%s", i ? "," : "", a.text[i]);
    list = r == 0 ? curl_slist_append(NULL, buf_str(&line)) : NULL;
    buf_clear(&line);
    if (!list)
        return -ENOMEM;
    curl_slist_free_all(s->addresses);
    s->addresses = list;
    if (curl_easy_setopt(s->easy, CURLOPT_RESOLVE, s->addresses) != CURLE_OK)
        return -ENOMEM;
    s->resolved = true;
    return 0;
}

/* A host name of LDH labels in lower case; what is an address has no name to check. */
static bool fqdn_ok(const char *s)
{
    size_t n = s ? strlen(s) : 0, digits;

    if (n == 0 || n > LIMIT_FQDN || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") != n || s[0] == '.' ||
        s[0] == '-' || s[n - 1] == '.' || strstr(s, ".."))
        return false;
    for (digits = 0; digits < n && s[n - 1 - digits] >= '0' && s[n - 1 - digits] <= '9'; digits++)
        ;
    return digits < n && (digits == 0 || s[n - 1 - digits] != '.');
}

/* The machine's trust anchors are some hundred certificates, and reading them cannot be cut short: one
 * session does it at a time, so that a stop waits for one reading and not for as many as there are sessions.
 */
static int init_tls(struct session *s, struct net *n, const struct credential *with, const struct wait *wait,
                    struct mef_error *reterr)
{
    if (!with->system_anchors)
        return tls_init(&s->tls, s->fqdn, with, n->extra_suites, reterr);
    (void)pthread_mutex_lock(&n->reading);
    int r = wait_check(wait) == -ECANCELED
                ? mef_fail(reterr, MEF_ERROR_CANCELLED, "The session with '%s' was cancelled.", s->fqdn)
                : tls_init(&s->tls, s->fqdn, with, n->extra_suites, reterr);
    (void)pthread_mutex_unlock(&n->reading);
    return r;
}

static int session_open(void *ctx, const struct endpoint *at, const struct credential *with,
                        const struct wait *wait, struct session **ret, struct mef_error *reterr)
{
    struct net *n = ctx;
    struct session *s;
    OSSL_LIB_CTX *before;
    int r = wait_check(wait);

    if (r == -ECANCELED)
        return mef_fail(reterr, MEF_ERROR_CANCELLED, "The session with '%s' was cancelled.", at->fqdn);
    if (!fqdn_ok(at->fqdn))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s' is not a host name in lower case.",
                        at->fqdn ? at->fqdn : "");
    if (at->http_port == 0)
        return mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED,
                        "'%s' offers no HTTP binding; set its httpPort, the others are not built in.",
                        at->fqdn);
    s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->net = n;
    s->port = at->http_port;
    s->fqdn = strdup(at->fqdn);
    before = OSSL_LIB_CTX_set0_default(n->lib);
    r = s->fqdn ? init_tls(s, n, with, wait, reterr) : -ENOMEM;
    if (r == 0) {
        s->easy = curl_easy_init();
        s->multi = multi_new();
        if (!s->easy || !s->multi || !set_session_options(s))
            r = -ENOMEM;
    }
    OSSL_LIB_CTX_set0_default(before);
    if (r == 0)
        r = resolve(s, wait, reterr);
    if (r != 0) {
        session_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

/* ---- one transfer ----------------------------------------------------------------------------------- */

static int add_header(struct transfer *t, const char *format, ...) mef_printf(2, 3);
static int add_header(struct transfer *t, const char *format, ...)
{
    struct curl_slist *list;
    char line[LIMIT_HEADER_LINE];
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof line)
        return -E2BIG;
    list = curl_slist_append(t->headers, line);
    if (!list)
        return -ENOMEM;
    t->headers = list;
    return 0;
}

static void transfer_clear(struct transfer *t)
{
    curl_slist_free_all(t->headers);
    wire_headers_clear(&t->in);
    buf_clear(&t->answer);
    free(t->own_body);
}

static bool set_request_options(struct transfer *t)
{
    struct session *s = t->s;
    CURL *c = s->easy;
    CURLcode r = CURLE_OK;

    SET(CURLOPT_REQUEST_TARGET, t->path);
    if (t->body) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, t->body);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len);
    } else {
        SET(CURLOPT_POSTFIELDS, NULL);
        SET(CURLOPT_HTTPGET, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, t->method);
    SET(CURLOPT_HTTPHEADER, t->headers);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(s->net->connect_timeout / USEC_PER_MSEC));
    return r == CURLE_OK;
#undef SET
}

/* Runs it to its end: 0 with *ret_code, -ECANCELED, -ETIMEDOUT, -EIO. */
static int drive(struct transfer *t, const struct wait *wait, CURLcode *ret_code)
{
    struct session *s = t->s;
    uint64_t connect_by = now_monotonic() + s->net->connect_timeout;
    struct curl_waitfd cancel = {.fd = wait->cancel ? wait->cancel->fd : -1, .events = CURL_WAIT_POLLIN};
    curl_socket_t fd = CURL_SOCKET_BAD;
    int r = 0, running = 1, queued;

    if (curl_multi_add_handle(s->multi, s->easy) != CURLM_OK)
        return -EIO;
    for (;;) {
        struct wait now = *wait;
        uint64_t phase;
        CURLMsg *msg;

        if (curl_multi_perform(s->multi, &running) != CURLM_OK) {
            r = -EIO;
            break;
        }
        msg = curl_multi_info_read(s->multi, &queued);
        if (msg && msg->msg == CURLMSG_DONE) {
            *ret_code = msg->data.result;
            break;
        }
        phase = t->times_sent ? t->answer_by : connect_by;
        now.deadline = phase < now.deadline ? phase : now.deadline;
        r = wait_check(&now);
        if (r < 0)
            break;
        if (curl_multi_poll(s->multi, &cancel, wait->cancel ? 1 : 0, wait_poll_ms(&now, POLL_CAP_MS), NULL) !=
            CURLM_OK) {
            r = -EIO;
            break;
        }
    }
    /* Whether the connection has survived; libcurl tells as long as the handle is in. */
    if (curl_easy_getinfo(s->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD)
        s->tls.unique_len = 0;
    curl_multi_remove_handle(s->multi, s->easy);
    return r;
}

static const char *curl_reason(const struct session *s, CURLcode code)
{
    return s->detail[0] ? s->detail : curl_easy_strerror(code);
}

/* The outcome of a transfer whose request never left. */
static int not_sent(struct transfer *t, CURLcode code, struct mef_error *reterr)
{
    struct session *s = t->s;
    const struct tls *tls = &s->tls;

    if (tls->own_failure || tls->alert_sent == SSL_AD_INTERNAL_ERROR)
        return mef_fail(reterr, MEF_ERROR_FAILED, "The handshake with %s:%u failed on our side: %s.", s->fqdn,
                        s->port, tls->why[0] ? tls->why : curl_reason(s, code));
    if (tls->alert_read >= 0) {
        mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                 "%s:%u refused the handshake with the TLS alert '%s' (%d).", s->fqdn, s->port,
                 SSL_alert_desc_string_long(tls->alert_read), tls->alert_read);
        return TRANSPORT_TLS_REFUSED;
    }
    if (t->refused || tls->why[0] || tls->alert_sent >= 0) {
        mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "%s:%u does not satisfy us: %s.", s->fqdn, s->port,
                 tls->why[0] ? tls->why : curl_reason(s, code));
        return TRANSPORT_UNTRUSTED;
    }
    if (code == CURLE_OUT_OF_MEMORY)
        return -ENOMEM;
    mef_fail(reterr, MEF_ERROR_SERVER_UNREACHABLE, "%s:%u cannot be reached: %s.", s->fqdn, s->port,
             code == CURLE_OPERATION_TIMEDOUT ? "no connection in time" : curl_reason(s, code));
    return TRANSPORT_UNREACHABLE;
}

/* The outcome of one whose request may have been executed. */
static int no_answer(struct transfer *t, CURLcode code, struct mef_error *reterr)
{
    struct session *s = t->s;

    if (t->broken == -ENOMEM)
        return -ENOMEM;
    /* libcurl's own limit of a header line is larger than ours and shows as this code. */
    if (t->broken == -E2BIG || (code == CURLE_OUT_OF_MEMORY && !t->in.complete)) {
        mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                 "The answer of %s:%u is larger than allowed (%zu octets of content).", s->fqdn, s->port,
                 t->body_max);
        return TRANSPORT_TOO_BIG;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        mef_fail(reterr, MEF_ERROR_TIMED_OUT, "%s:%u did not answer in time.", s->fqdn, s->port);
        return TRANSPORT_TIMEOUT;
    }
    mef_fail(
        reterr, MEF_ERROR_SERVER_UNREACHABLE, "The answer of %s:%u cannot be used: %s.", s->fqdn, s->port,
        t->broken == -EBADMSG ? t->why
        : t->repeat_refused   ? "the connection was cut before it, and the request is not sent twice unasked"
                              : curl_reason(s, code));
    return TRANSPORT_BROKEN;
}

/* One request to its answer. 0, a transport_outcome, negative errno. */
static int perform(struct transfer *t, const struct wait *wait, struct mef_error *reterr)
{
    struct session *s = t->s;
    CURLcode code = CURLE_OK;
    OSSL_LIB_CTX *before;
    long connects = 0;
    int r;

    if (!s->resolved) {
        r = resolve(s, wait, reterr);
        if (r != 0)
            return r;
    }
    s->detail[0] = '\0';
    t->bound_len = s->tls.unique_len;
    memcpy(t->bound, s->tls.unique, s->tls.unique_len);
    tls_begin(&s->tls);
    before = OSSL_LIB_CTX_set0_default(s->net->lib);
    r = set_request_options(t) ? drive(t, wait, &code) : -ENOMEM;
    OSSL_LIB_CTX_set0_default(before);
    if (r == 0 && code == CURLE_OK && !t->broken && !t->in.complete) {
        t->broken = -EBADMSG; /* libcurl takes a head that is cut off for a whole one */
        t->why = "its header block has no end";
    }
    if (r == 0 && code == CURLE_OK && !t->broken) {
        if (curl_easy_getinfo(s->easy, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK)
            t->reconnected = connects > 0;
        return 0;
    }
    s->resolved = false; /* the next connection may have to go elsewhere */
    s->tls.unique_len = 0;
    if (r == -ECANCELED)
        return mef_fail(reterr, MEF_ERROR_CANCELLED, "The request to %s:%u was cancelled.", s->fqdn, s->port);
    if (r == -ENOMEM)
        return r;
    if (r == -EIO)
        return mef_fail(reterr, MEF_ERROR_FAILED, "libcurl failed on the request to %s:%u.", s->fqdn,
                        s->port);
    if (r == -ETIMEDOUT)
        code = CURLE_OPERATION_TIMEDOUT;
    return t->times_sent ? no_answer(t, code, reterr) : not_sent(t, code, reterr);
}

/* ---- the port --------------------------------------------------------------------------------------- */

static int compose_primitive(struct transfer *t, const struct primitive *req, struct mef_error *reterr)
{
    static const char *const names[] = {"identity", "request identifier", "release version"};
    const char *values[] = {req->fr, req->rqi, req->rvi ? req->rvi : "2a"};
    const char *media = req->plain_json ? PLAIN_TYPE : CONTENT_TYPE;
    int r;

    for (size_t i = 0; i < ELEMENTS(values); i++)
        if (!values[i] || !wire_value_ok(values[i]))
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "The %s '%s' cannot stand in an HTTP header.", names[i],
                            values[i] ? values[i] : "");
    r = add_header(t, "X-M2M-Origin: %s", req->fr);
    if (r == 0)
        r = add_header(t, "X-M2M-RI: %s", req->rqi);
    if (r == 0 && req->rvi)
        r = add_header(t, "X-M2M-RVI: %s", req->rvi);
    if (r == 0)
        r = add_header(t, req->no_accept ? "Accept:" : "Accept: " ACCEPT_TYPES);
    if (r == 0 && req->body)
        r = req->op == MEF_OP_CREATE ? add_header(t, "Content-Type: %s;ty=%u", media, req->ty)
                                     : add_header(t, "Content-Type: %s", media);
    return r;
}

/* What the primitive's answer says, out of the HTTP answer. */
static int take_answer(struct transfer *t, const struct primitive *req, struct answer *ret,
                       struct mef_error *reterr)
{
    struct session *s = t->s;
    uint32_t rsc = t->in.have_rsc ? t->in.rsc : wire_rsc(req->op, t->in.status);

    if (!rsc) {
        mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                 "%s:%u answered HTTP %u without X-M2M-RSC; redirects are never followed.", s->fqdn, s->port,
                 t->in.status);
        return TRANSPORT_BROKEN;
    }
    *ret = (struct answer){.rsc = rsc, .rqi = TAKE_PTR(t->in.rqi), .body = t->answer};
    t->answer = (struct buf){0};
    if (t->in.content_location)
        ret->content_location = wire_reference(t->in.content_location);
    if (t->in.content_type) {
        char *type = TAKE_PTR(t->in.content_type);

        type[strcspn(type, "; \t")] = '\0';
        ret->content_type = str_lower(type);
    }
    return 0;
}

static int session_exchange(struct session *s, const struct primitive *req, const struct wait *wait,
                            struct answer *ret, struct mef_error *reterr)
{
    struct transfer t = {
        .s = s,
        .method = wire_method(req->op),
        .body = req->body,
        .body_len = req->body ? strlen(req->body) : 0,
        .body_max = LIMIT_BODY,
        .repeatable = req->op == MEF_OP_RETRIEVE,
        .answer.max = LIMIT_BODY,
    };
    _cleanup_(freep) char *path = NULL;
    int r;

    if (!t.method || !req->to || strlen(req->to) > LIMIT_URI)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "The request to %s has no operation or no target.", s->fqdn);
    t.path = path = wire_path(req->to);
    r = path ? compose_primitive(&t, req, reterr) : -ENOMEM;
    if (r == 0)
        r = perform(&t, wait, reterr);
    if (r == 0)
        r = take_answer(&t, req, ret, reterr);
    transfer_clear(&t);
    return r;
}

static int compose_http(struct transfer *t, const struct http_request *req, struct mef_error *reterr)
{
    int r = 0;

    for (const char *p = req->path; p && *p; p++)
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p > 0x7e || *p == '#')
            r = -EINVAL;
    if (r < 0 || !req->path || req->path[0] != '/' || strlen(req->path) > LIMIT_URI ||
        !(streq(req->method, "GET") || streq(req->method, "POST")) ||
        (req->accept && !wire_value_ok(req->accept)) ||
        (req->body && (!req->content_type || !wire_value_ok(req->content_type))))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s %s' cannot be sent to %s.", req->method,
                        req->path ? req->path : "", t->s->fqdn);
    r = req->accept ? add_header(t, "Accept: %s", req->accept) : add_header(t, "Accept:");
    if (r == 0 && req->body)
        r = add_header(t, "Content-Type: %s", req->content_type);
    if (r == 0 && req->transfer_base64)
        r = add_header(t, "Content-Transfer-Encoding: base64");
    return r;
}

static int session_http(struct session *s, const struct http_request *req, const struct wait *wait,
                        struct http_response *ret, struct mef_error *reterr)
{
    struct transfer t = {
        .s = s,
        .method = req->method,
        .path = req->path,
        .body = req->body,
        .body_len = req->body_len,
        .body_max = req->body_max ? req->body_max : LIMIT_EST_BODY,
        .repeatable = streq(req->method, "GET"),
    };
    int r = compose_http(&t, req, reterr);

    t.answer.max = t.body_max;
    if (r == 0 && req->rebind && req->body) {
        t.rebind = req;
        t.body = t.own_body = malloc(req->body_len + 1);
        if (t.own_body)
            memcpy(t.own_body, req->body, req->body_len);
        else
            r = -ENOMEM;
    }
    if (r == 0)
        r = perform(&t, wait, reterr);
    if (r == 0) {
        *ret = (struct http_response){
            .status = t.in.status,
            .content_type = TAKE_PTR(t.in.content_type),
            .retry_after = wire_retry_after(t.in.retry_after, now_realtime() / (int64_t)USEC_PER_SEC),
            .body = t.answer,
            .reconnected = t.reconnected,
        };
        t.answer = (struct buf){0};
    }
    transfer_clear(&t);
    return r;
}

static int session_tls_unique(struct session *s, uint8_t *buf, size_t *len)
{
    if (s->tls.unique_len == 0)
        return -ENOTCONN;
    if (*len < s->tls.unique_len)
        return -E2BIG;
    memcpy(buf, s->tls.unique, s->tls.unique_len);
    *len = s->tls.unique_len;
    return 0;
}

static int session_exporter(struct session *s, uint8_t *out, size_t len)
{
    if (!s->tls.has_export || len > sizeof s->tls.exported)
        return -ENOTCONN;
    memcpy(out, s->tls.exported, len);
    return 0;
}

struct transport net_transport(struct net *n)
{
    return (struct transport){
        .ctx = n,
        .open = session_open,
        .exchange = session_exchange,
        .http = session_http,
        .tls_unique = session_tls_unique,
        .rebinds = true,
        .exporter = session_exporter,
        .close = session_close,
        .lib = n->lib,
    };
}
