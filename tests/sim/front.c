/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: the front of one connection. It ends TLS, passes request octets to libmicrohttpd through a socket
 * pair, gathers each answer whole, sends it as the worked example has it (no reason phrase) and in one
 * record, or spoils it as the scenario says. One detached thread per connection; sim->threads counts them. A
 * connection ends when the client leaves, a fault cuts it, the control port or the stop aborts it, or it
 * idles. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "tests/sim/sim.h"

#define IDLE_MS      300000
#define HANDSHAKE_MS 20000
#define SEND_MS      30000
#define LINGER_MS    2000
#define RECORD       16384

/* How a connection ends: by a TCP reset, without close_notify, or with it. */
enum { RESET = -2, CUT = -1, ORDERLY = 0, GO_ON = 1 };

/* Waits for the events on the TCP socket; 1 ready, 0 time is over, -1 stop or reset. */
static int wait_tcp(struct conn *c, short events, int ms)
{
    struct pollfd p[2] = {{c->fd, events, 0}, {c->sim->stop_fd, POLLIN, 0}};
    int n;
    do
        n = poll(p, 2, ms);
    while (n < 0 && errno == EINTR);
    if (n < 0 || p[1].revents)
        return -1;
    return n > 0 ? 1 : 0;
}

/* Sleeps, but notices stop, reset and a client that leaves. False when it did. */
static bool pause_ms(struct conn *c, int ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;
    for (;;) {
        gint64 left = (end - g_get_monotonic_time() + 999) / 1000; /* never early */
        if (left <= 0 && ms >= 0)
            return true;
        /* POLLIN would spin when the client has sent more: only its end is of interest. */
        if (wait_tcp(c, POLLRDHUP, ms < 0 ? IDLE_MS : (int)left) != 0)
            return false;
        if (ms < 0)
            return false;
    }
}

static bool send_all(struct conn *c, const void *data, size_t n)
{
    const uint8_t *p = data;
    while (n > 0) {
        ssize_t sent = gnutls_record_send(c->tls, p, MIN(n, RECORD));
        if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED) {
            if (wait_tcp(c, POLLOUT, SEND_MS) <= 0)
                return false;
            continue;
        }
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool send_text(struct conn *c, const char *s)
{
    return send_all(c, s, strlen(s));
}

/* Where the body begins, or 0. */
static size_t header_end(const GByteArray *a)
{
    const uint8_t *p = a->len ? memmem(a->data, a->len, "\r\n\r\n", 4) : NULL;
    return p ? (size_t)(p - a->data) + 4 : 0;
}

/* Length of the whole answer, once its head is there; 0 until then. Only libmicrohttpd's own shapes come
 * here. */
static size_t answer_length(const GByteArray *a)
{
    size_t head = header_end(a);
    if (head == 0)
        return 0;
    _cleanup_(g_freep) char *text = g_strndup((const char *)a->data, head);
    _cleanup_(g_freep) char *lower = g_ascii_strdown(text, -1);
    const char *length = strstr(lower, "\r\ncontent-length:");
    return head + (length ? (size_t)g_ascii_strtoull(length + 17, NULL, 10) : 0);
}

/* Makes a head as the worked example has it: "HTTP/1.1 201 Created" becomes "HTTP/1.1 201 "
 * (mef-protocol.md 2.5), and of two lines Content-Length only ours stays, which stands in the right place;
 * the other is libmicrohttpd's. */
static void shape_head(GByteArray *a, bool bare_reason)
{
    static const char name[] = "\r\nContent-Length:";
    const uint8_t *cr = memchr(a->data, '\r', a->len), *first, *second, *end;
    if (bare_reason && cr && cr - a->data > 13)
        g_byte_array_remove_range(a, 13, (guint)(cr - a->data) - 13);
    size_t head = header_end(a);
    first = head ? memmem(a->data, head, name, sizeof name - 1) : NULL;
    second = first ? memmem(first + 2, head - (size_t)(first + 2 - a->data), name, sizeof name - 1) : NULL;
    end = second ? memmem(second + 2, head - (size_t)(second + 2 - a->data), "\r\n", 2) : NULL;
    if (end)
        g_byte_array_remove_range(a, (guint)(second - a->data), (guint)(end - second));
}

/* What the heads of our own answers begin with: as right as the rest lets them be. */
static char *own_head(const char *rqi)
{
    return g_strdup_printf("HTTP/1.1 200 \r\n%s%s%sX-M2M-RSC: 2000\r\n"
                           "Content-Type: application/vnd.onem2m-res+json\r\n",
                           rqi ? "X-M2M-RI: " : "", rqi ? rqi : "", rqi ? "\r\n" : "");
}

static int send_endless(struct conn *c, bool header, const char *rqi)
{
    _cleanup_(g_freep) char *head = own_head(rqi);
    if (!send_text(c, head) || (!header && !send_text(c, "Transfer-Encoding: chunked\r\n\r\n")))
        return CUT;
    char line[1024];
    memset(line, 'a', sizeof line);
    if (header)
        memcpy(line, "X-Endless: ", 11);
    else
        memcpy(line, "3f9\r\n", 5); /* 1017 octets, and the ends of the lines: 1024 */
    memcpy(line + sizeof line - 2, "\r\n", 2);
    for (size_t sent = 0; sent < SIM_MAX_ENDLESS; sent += sizeof line)
        if (!send_all(c, line, sizeof line))
            break;
    return CUT;
}

static int send_huge(struct conn *c, size_t bytes, const char *rqi)
{
    static const char open[] = "{\"sec:mecc\":{\"pad\":\"", end[] = "\"}}";
    bytes = CLAMP(bytes ? bytes : 1u << 20, sizeof open + sizeof end, SIM_MAX_ENDLESS);
    _cleanup_(g_freep) char *first = own_head(rqi);
    _cleanup_(g_freep) char *head = g_strdup_printf("%sContent-Length: %zu\r\n\r\n%s", first, bytes, open);
    char pad[4096];
    memset(pad, 'x', sizeof pad);
    if (!send_text(c, head))
        return CUT;
    for (size_t left = bytes - (sizeof open - 1) - (sizeof end - 1); left > 0;) {
        size_t n = MIN(left, sizeof pad);
        if (!send_all(c, pad, n))
            return CUT;
        left -= n;
    }
    return send_text(c, end) ? GO_ON : CUT;
}

static int send_chunked(struct conn *c, GByteArray *a, size_t piece)
{
    size_t head = header_end(a);
    _cleanup_(g_freep) char *text = g_strndup((const char *)a->data, head - 2);
    g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);
    GString *s = g_string_new(NULL);
    for (char **l = lines; *l && **l; l++)
        if (g_ascii_strncasecmp(*l, "content-length:", 15) != 0)
            g_string_append_printf(s, "%s\r\n", *l);
    g_string_append(s, "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t at = head; at < a->len; at += piece) {
        size_t n = MIN(piece, a->len - at);
        g_string_append_printf(s, "%zx\r\n", n);
        g_string_append_len(s, (const char *)a->data + at, (gssize)n);
        g_string_append(s, "\r\n");
    }
    g_string_append(s, "0\r\n\r\n");
    bool ok = send_all(c, s->str, s->len);
    g_string_free(s, TRUE);
    return ok ? GO_ON : CUT;
}

static int send_garbage(struct conn *c, size_t bytes)
{
    bytes = CLAMP(bytes ? bytes : 512, 1, 1u << 20);
    _cleanup_(g_freep) char *noise = g_malloc(bytes);
    uint32_t x = 2463534242u; /* the same noise each time, so that a failure can be repeated */
    for (size_t i = 0; i < bytes; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        noise[i] = (char)(x >> 11);
    }
    return send_all(c, noise, bytes) ? ORDERLY : CUT;
}

static int send_dribble(struct conn *c, GByteArray *a, size_t piece, unsigned ms)
{
    for (size_t at = 0; at < a->len; at += piece) {
        if (!send_all(c, a->data + at, MIN(piece, a->len - at)))
            return CUT;
        if (ms && !pause_ms(c, (int)ms))
            return CUT;
    }
    return GO_ON;
}

static int send_answer(struct conn *c, GByteArray *a, const struct coming *coming)
{
    const struct spoil *s = &coming->spoil;
    size_t head = header_end(a);
    switch (s->kind) {
    case SPOIL_DROP:
        return RESET;
    case SPOIL_SILENT:
        pause_ms(c, -1);
        return CUT;
    case SPOIL_TRUNCATE: {
        size_t n = s->bytes ? s->bytes : head + (a->len - head) / 2;
        send_all(c, a->data, MIN(n, a->len));
        return CUT;
    }
    case SPOIL_GARBAGE:
        return send_garbage(c, s->bytes);
    case SPOIL_HUGE:
        return send_huge(c, s->bytes, coming->rqi);
    case SPOIL_ENDLESS:
        return send_endless(c, false, coming->rqi);
    case SPOIL_ENDLESS_HEADER:
        return send_endless(c, true, coming->rqi);
    case SPOIL_CHUNKED:
        return send_chunked(c, a, s->bytes ? s->bytes : 16);
    case SPOIL_DRIBBLE:
        return send_dribble(c, a, s->bytes ? s->bytes : 1, s->ms);
    case SPOIL_ALERT:
        gnutls_alert_send(c->tls, GNUTLS_AL_FATAL, (gnutls_alert_description_t)(s->code ? s->code : 40));
        return CUT;
    case SPOIL_DELAY:
        if (!pause_ms(c, (int)s->ms))
            return CUT;
        break;
    case SPOIL_CLOSE:
        return send_all(c, a->data, a->len) ? ORDERLY : CUT;
    case SPOIL_NONE:
        break;
    }
    return send_all(c, a->data, a->len) ? GO_ON : CUT;
}

static void coming_free(struct coming *coming)
{
    g_free(coming->rqi);
    g_free(coming);
}

DEFINE_CLEANUP(struct coming *, coming_free)

/* The next of the queue, the caller's; NULL when libmicrohttpd answers by itself. */
static struct coming *take_coming(struct conn *c)
{
    pthread_mutex_lock(&c->sim->lock);
    struct coming *next = g_queue_pop_head(&c->coming);
    pthread_mutex_unlock(&c->sim->lock);
    return next;
}

/* One answer, whole, is in `a`. */
static int on_answer(struct conn *c, GByteArray *a)
{
    if (a->len > 12 && a->data[9] == '1') /* 100 Continue */
        return send_all(c, a->data, a->len) ? GO_ON : CUT;
    _cleanup_(coming_freep) struct coming *coming = take_coming(c);
    if (!coming) {
        /* libmicrohttpd refused the request before the MEF saw it. */
        _cleanup_(g_freep) char *status = g_strndup((const char *)a->data, MIN(a->len, 40));
        status[strcspn(status, "\r")] = '\0';
        pthread_mutex_lock(&c->sim->lock);
        log_connection(c, "malformed-request", status);
        pthread_mutex_unlock(&c->sim->lock);
    }
    shape_head(a, coming && coming->bare_reason);
    return coming ? send_answer(c, a, coming) : send_all(c, a->data, a->len) ? GO_ON : CUT;
}

/* Octets from libmicrohttpd. */
static int from_inner(struct conn *c, GByteArray *answer)
{
    uint8_t octets[RECORD];
    ssize_t n = recv(c->inner, octets, sizeof octets, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? GO_ON : CUT;
    if (n == 0) {
        /* A request that is dropped has no answer: what the fault does to the connection is done here. */
        _cleanup_(coming_freep) struct coming *coming = take_coming(c);
        int r = coming ? send_answer(c, answer, coming) : ORDERLY;
        return r == GO_ON ? ORDERLY : r;
    }
    g_byte_array_append(answer, octets, (guint)n);
    if (answer->len > SIM_MAX_ANSWER)
        return CUT;
    for (size_t whole; (whole = answer_length(answer)) > 0 && answer->len >= whole;) {
        GByteArray *one = g_byte_array_new();
        g_byte_array_append(one, answer->data, (guint)whole);
        g_byte_array_remove_range(answer, 0, (guint)whole);
        int r = on_answer(c, one);
        g_byte_array_unref(one);
        if (r != GO_ON)
            return r;
    }
    return GO_ON;
}

/* Looks at the first record of a request: interop.md wants header and body in one write. */
static bool comes_split(const uint8_t *octets, size_t n)
{
    GByteArray a = {(guint8 *)octets, (guint)n};
    size_t head = header_end(&a);
    if (head == 0)
        return true;
    size_t whole = answer_length(&a);
    return n < whole && whole <= RECORD;
}

/* Octets from the client. *idle says that a request begins. */
static int from_client(struct conn *c, bool *idle)
{
    uint8_t octets[RECORD];
    ssize_t n = gnutls_record_recv(c->tls, octets, sizeof octets);
    if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED)
        return GO_ON;
    if (n == GNUTLS_E_REHANDSHAKE)
        return CUT; /* renegotiation is off (3.2) */
    if (n <= 0)
        return n == 0 ? ORDERLY : CUT;
    if (*idle) {
        pthread_mutex_lock(&c->sim->lock);
        c->split_request = comes_split(octets, (size_t)n);
        pthread_mutex_unlock(&c->sim->lock);
        *idle = false;
    }
    for (ssize_t at = 0; at < n;) {
        ssize_t sent = send(c->inner, octets + at, (size_t)(n - at), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            at += sent;
            continue;
        }
        /* libmicrohttpd closed it, or does not read: its answer, if any, is waiting for us. */
        struct pollfd p[2] = {{c->inner, POLLOUT, 0}, {c->sim->stop_fd, POLLIN, 0}};
        if (errno != EAGAIN)
            return GO_ON;
        if (poll(p, 2, SEND_MS) <= 0 || p[1].revents)
            return CUT;
    }
    return GO_ON;
}

static int exchange(struct conn *c)
{
    GByteArray *answer = g_byte_array_new();
    bool idle = true;
    int r = GO_ON;
    while (r == GO_ON) {
        struct pollfd p[3] = {{c->fd, POLLIN, 0}, {c->inner, POLLIN, 0}, {c->sim->stop_fd, POLLIN, 0}};
        bool pending = gnutls_record_check_pending(c->tls) > 0;
        int n = poll(p, 3, pending ? 0 : IDLE_MS);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || p[2].revents || (n == 0 && !pending)) {
            r = CUT;
            break;
        }
        if (p[1].revents) {
            r = from_inner(c, answer);
            idle = true;
        }
        if (r == GO_ON && (pending || p[0].revents))
            r = from_client(c, &idle);
    }
    g_byte_array_unref(answer);
    return r;
}

static bool handshake(struct conn *c)
{
    gint64 end = g_get_monotonic_time() + (gint64)HANDSHAKE_MS * 1000;
    for (;;) {
        int r = gnutls_handshake(c->tls);
        if (r == GNUTLS_E_SUCCESS)
            return true;
        if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED) {
            gint64 left = (end - g_get_monotonic_time() + 999) / 1000; /* never early */
            short want = gnutls_record_get_direction(c->tls) ? POLLOUT : POLLIN;
            if (left > 0 && wait_tcp(c, want, (int)left) > 0)
                continue;
            c->handshake_fault = "the handshake was not finished in time";
            return false;
        }
        if (!gnutls_error_is_fatal(r))
            continue;
        if (c->handshake_fault)
            gnutls_alert_send(c->tls, GNUTLS_AL_FATAL, (gnutls_alert_description_t)c->handshake_alert);
        else
            gnutls_alert_send_appropriate(c->tls, r);
        if (!c->handshake_fault) {
            c->handshake_fault = gnutls_strerror(r);
            if (r == GNUTLS_E_FATAL_ALERT_RECEIVED)
                c->handshake_fault = gnutls_alert_get_name(gnutls_alert_get(c->tls));
        }
        return false;
    }
}

/* Hands the other end of a socket pair to libmicrohttpd; the address carries our number. */
static bool open_inner(struct conn *c)
{
    int pair[2];
    struct sockaddr_in number = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(c->number), .sin_port = htons(1)};
    pthread_mutex_lock(&c->sim->lock);
    int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
    pthread_mutex_unlock(&c->sim->lock);
    if (r < 0)
        return false;
    c->inner = pair[0];
    if (MHD_add_connection(c->sim->web, pair[1], (struct sockaddr *)&number, sizeof number) != MHD_YES)
        return false;
    return true;
}

/* After this libmicrohttpd does not know `c` any more. */
static void close_inner(struct conn *c)
{
    if (c->inner < 0)
        return;
    shutdown(c->inner, SHUT_RDWR);
    close(c->inner);
    pthread_mutex_lock(&c->sim->lock);
    while (c->inner_open)
        pthread_cond_wait(&c->sim->changed, &c->sim->lock);
    pthread_mutex_unlock(&c->sim->lock);
}

static int serve(struct conn *c)
{
    struct spoil fault = {0};
    const char *how = c->fault ? json_text(c->fault, "do", "") : "";
    if (c->fault)
        fault_spoil(c->fault, &fault);
    if (fault.kind == SPOIL_DROP)
        return RESET;
    if (fault.kind == SPOIL_SILENT) {
        pause_ms(c, -1);
        return CUT;
    }
    if (fault.kind == SPOIL_DELAY && !pause_ms(c, (int)fault.ms))
        return CUT;
    if (tls_session(c) < 0)
        return CUT;
    if (fault.kind == SPOIL_ALERT) {
        c->handshake_fault = "alert of the scenario";
        gnutls_alert_send(c->tls, GNUTLS_AL_FATAL,
                          (gnutls_alert_description_t)(fault.code ? fault.code : 40));
        return CUT;
    }
    if (!handshake(c)) {
        pthread_mutex_lock(&c->sim->lock);
        log_connection(c, "handshake-failed", c->handshake_fault);
        pthread_mutex_unlock(&c->sim->lock);
        return CUT;
    }
    tls_describe(c);
    pthread_mutex_lock(&c->sim->lock);
    c->inner_open = true; /* cleared by libmicrohttpd's notice, or here if it takes nothing */
    log_connection(c, "handshake", how);
    pthread_mutex_unlock(&c->sim->lock);
    if (!open_inner(c)) {
        pthread_mutex_lock(&c->sim->lock);
        c->inner_open = false;
        pthread_mutex_unlock(&c->sim->lock);
        return CUT;
    }
    return exchange(c);
}

static void conn_free(struct conn *c)
{
    if (c->tls)
        gnutls_deinit(c->tls);
    if (c->own_certificate)
        gnutls_certificate_free_credentials(c->own_certificate);
    if (c->fd >= 0)
        close(c->fd);
    g_free(c->identity);
    g_free(c->sni);
    g_free(c->peer.data);
    g_free(c->tls_unique);
    g_clear_pointer(&c->psk, g_bytes_unref);
    gnutls_memset(c->export, 0, sizeof c->export);
    g_ptr_array_unref(c->violations);
    json_decref(c->offered);
    json_decref(c->fault);
    g_queue_clear_full(&c->coming, (GDestroyNotify)coming_free);
    g_free(c);
}

/* Closing with unread octets would reset the connection and lose what was just sent, an alert for instance:
 * so the client is told that this is all, and given a moment to leave. */
static void let_go(struct conn *c)
{
    gint64 end = g_get_monotonic_time() + (gint64)LINGER_MS * 1000, left;
    uint8_t octets[RECORD];
    shutdown(c->fd, SHUT_WR);
    while ((left = (end - g_get_monotonic_time()) / 1000) > 0 && wait_tcp(c, POLLIN, (int)left) > 0) {
        ssize_t n = recv(c->fd, octets, sizeof octets, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            break;
    }
}

static void *front(void *arg)
{
    struct conn *c = arg;
    struct sim *sim = c->sim;
    int end = serve(c);
    close_inner(c);
    if (end == ORDERLY)
        gnutls_bye(c->tls, GNUTLS_SHUT_WR);
    if (end != RESET)
        let_go(c);
    pthread_mutex_lock(&sim->lock);
    if (end == RESET || c->aborted) {
        struct linger now = {.l_onoff = 1};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    g_hash_table_remove(sim->conns, GUINT_TO_POINTER(c->number));
    conn_free(c);
    sim->threads--;
    pthread_cond_broadcast(&sim->changed);
    pthread_mutex_unlock(&sim->lock);
    return NULL;
}

void front_accept(struct sim *sim, int fd)
{
    int one = 1;
    pthread_t thread;
    pthread_attr_t attr;
    struct conn *c = g_new0(struct conn, 1);
    c->sim = sim;
    c->fd = fd;
    c->inner = -1;
    c->violations = g_ptr_array_new_with_free_func(g_free);
    c->offered = json_array();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    pthread_mutex_lock(&sim->lock);
    c->number = ++sim->next_conn;
    c->fault = fault_match_connection(sim, c->number);
    if (c->fault)
        log_connection(c, "connection", json_text(c->fault, "do", ""));
    g_hash_table_insert(sim->conns, GUINT_TO_POINTER(c->number), c);
    sim->threads++;
    pthread_mutex_unlock(&sim->lock);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, front, c) != 0) {
        pthread_mutex_lock(&sim->lock);
        g_hash_table_remove(sim->conns, GUINT_TO_POINTER(c->number));
        sim->threads--;
        pthread_mutex_unlock(&sim->lock);
        conn_free(c);
    }
    pthread_attr_destroy(&attr);
}

static void abort_one(gpointer key, gpointer value, gpointer data)
{
    struct conn *c = value;
    c->aborted = true;
    shutdown(c->fd, SHUT_RDWR);
}

void front_abort_all(struct sim *sim)
{
    g_hash_table_foreach(sim->conns, abort_one, NULL);
}
