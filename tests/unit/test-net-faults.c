/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTPS transport when things go wrong: bad answers, slow and cut connections, names that do not resolve;
 * how each is told, and that every wait ends (mef-protocol.md 2.5; design.md 4). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net-world.h"

/* ---- answers, good and bad -------------------------------------------------------------------------- */

static void serve_row(struct peer *p, int n)
{
    if (peer_read_request(p))
        peer_send(p, p->spec.data);
}

static void test_answers(void)
{
    g_autofree char *big = g_strnfill(LIMIT_BODY + 1, 'x'), *full = g_strnfill(LIMIT_BODY, 'x');
    g_autofree char *declared =
        g_strdup_printf("HTTP/1.1 200 \r\nContent-Length: %u\r\n\r\n%s", LIMIT_BODY + 1, big);
    g_autofree char *just =
        g_strdup_printf("HTTP/1.1 200 \r\nContent-Length: %u\r\n\r\n%s", LIMIT_BODY, full);
    g_autofree char *chunks = g_strdup_printf(
        "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", LIMIT_BODY + 1, big);
    g_autofree char *line =
        g_strdup_printf("HTTP/1.1 200 \r\nX: %.*s\r\nContent-Length: 0\r\n\r\n", LIMIT_HEADER_LINE, big);
    g_autofree char *endless = g_strdup_printf("HTTP/1.1 200 \r\nX: %s%s%s", big, big, big);
    g_autofree char *many = NULL;
    GString *lines = g_string_new("HTTP/1.1 200 \r\n");

    for (int i = 0; i < 5; i++)
        g_string_append_printf(lines, "X-%d: %.8000s\r\n", i, big);
    many = g_string_free(lines, FALSE);
    const struct {
        const char *answer;
        int outcome;
        uint32_t rsc;
        const char *body;
    } rows[] = {
        {"HTTP/1.1 200 \r\nX-M2M-RSC: 2000\r\nTransfer-Encoding: "
         "chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nT: x\r\n\r\n",
         0, 2000, "{}"},
        {"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n", 0, 2001, ""},
        {"HTTP/1.1 404 Whatever It Says\r\nContent-Length: 0\r\n\r\n", 0, 4004, ""},
        {"HTTP/1.1 403 \r\nX-M2M-RSC: 4117\r\nContent-Length: 0\r\n\r\n", 0, 4117, ""},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n{}", 0, 2000, "{}"},
        {"HTTP/1.0 200 OK\r\n\r\n{}", 0, 2000, "{}"},
        {"HTTP/1.1 302 Found\r\nLocation: https://mef.example.com/\r\nContent-Length: 0\r\n\r\n",
         TRANSPORT_BROKEN, 0, NULL},
        {"HTTP/1.1 200 \r\nX-M2M-RSC: banana\r\nContent-Length: 0\r\n\r\n", TRANSPORT_BROKEN, 0, NULL},
        {"HTTP/1.1 200 \r\nX-M2M-RSC: 2000\r\nX-M2M-RSC: 4000\r\nContent-Length: 0\r\n\r\n", TRANSPORT_BROKEN,
         0, NULL},
        {"SSH-2.0-OpenSSH_9.2\r\n", TRANSPORT_BROKEN, 0, NULL},
        {"{\"sec:mecc\":{}}", TRANSPORT_BROKEN, 0, NULL},
        {"", TRANSPORT_BROKEN, 0, NULL},
        {"HTTP/1.1 200 \r\nContent-Le", TRANSPORT_BROKEN, 0, NULL},
        {"HTTP/1.1 200 \r\nContent-Length: 10\r\n\r\n{}", TRANSPORT_BROKEN, 0, NULL},
        {"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", TRANSPORT_BROKEN, 0, NULL},
        {"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", TRANSPORT_BROKEN, 0, NULL},
        {just, 0, 2000, full},
        {declared, TRANSPORT_TOO_BIG, 0, NULL},
        {chunks, TRANSPORT_TOO_BIG, 0, NULL},
        {line, TRANSPORT_TOO_BIG, 0, NULL},
        {endless, TRANSPORT_TOO_BIG, 0, NULL},
        {many, TRANSPORT_TOO_BIG, 0, NULL},
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct world w;
        struct answer a = {0};
        struct peer_spec spec = {
            .psk_identity = IDENTITY, .psk = PSK, .serve = serve_row, .data = (void *)rows[i].answer};
        struct peer *p = peer_start(&spec);
        struct primitive req = retrieve;
        int r;

        world_init(&w, 0, 5000);
        r = ask(&w, p->port, &req, &a);
        if (r != rows[i].outcome)
            g_error("row %zu: %d instead of %d (%s)", i, r, rows[i].outcome, w.err.text);
        if (r == 0) {
            g_assert_cmpuint(a.rsc, ==, rows[i].rsc == 2001 ? 2001 : rows[i].rsc);
            g_assert_cmpstr(buf_str(&a.body), ==, rows[i].body);
        } else
            assert_says(&w, FQDN);
        answer_clear(&a);
        peer_stop(p);
        world_done(&w);
    }
}

static void serve_drip(struct peer *p, int n)
{
    if (!peer_read_request(p) || !peer_send(p, "HTTP/1.1 200 \r\n"))
        return;
    while (peer_pause(p, 20) && peer_send(p, "X: y\r\n"))
        ;
}

#define X16  "xxxxxxxxxxxxxxxx"
#define X64  X16 X16 X16 X16
#define X256 X64 X64 X64 X64

static void serve_endless(struct peer *p, int n)
{
    if (!peer_read_request(p) || !peer_send(p, "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n"))
        return;
    while (peer_send(p, "100\r\n" X256 "\r\n"))
        ;
}

static void serve_nothing(struct peer *p, int n)
{
    if (peer_read_request(p))
        peer_pause(p, -1);
}

static void test_slow(void)
{
    static const struct {
        peer_serve serve;
        int outcome;
    } rows[] = {{serve_drip, TRANSPORT_TIMEOUT},
                {serve_nothing, TRANSPORT_TIMEOUT},
                {serve_endless, TRANSPORT_TOO_BIG}};

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct world w;
        struct answer a = {0};
        struct peer *p = psk_peer(NULL, rows[i].serve);
        uint64_t start = now_monotonic();

        world_init(&w, 0, rows[i].outcome == TRANSPORT_TIMEOUT ? 300 : 20000);
        g_assert_cmpint(ask(&w, p->port, &create, &a), ==, rows[i].outcome);
        g_assert_cmpuint(now_monotonic() - start, <, 10 * USEC_PER_SEC);
        peer_stop(p);
        world_done(&w);
    }
}

/* ---- connections ------------------------------------------------------------------------------------ */

/* Answers one request; the next one on this connection finds it cut, with the request read or not. */
static void serve_once_then_reset(struct peer *p, int n)
{
    if (!peer_read_request(p) || !peer_send(p, OK_EMPTY))
        return;
    if (n == 0) {
        if (peer_read_request(p))
            peer_reset(p);
        return;
    }
    while (peer_read_request(p) && peer_send(p, OK_EMPTY))
        ;
}

static void test_cut_when_reused(void)
{
    for (int repeatable = 0; repeatable < 2; repeatable++) {
        struct world w;
        struct session *s = NULL;
        struct answer a = {0};
        struct peer *p = psk_peer(NULL, serve_once_then_reset);

        world_init(&w, 0, 0);
        g_assert_cmpint(open_at(&w, p->port, &s), ==, 0);
        g_assert_cmpint(w.t.exchange(s, &retrieve, &w.wait, &a, &w.err), ==, 0);
        answer_clear(&a);
        if (repeatable) {
            g_assert_cmpint(w.t.exchange(s, &retrieve, &w.wait, &a, &w.err), ==, 0);
            answer_clear(&a);
            g_assert_cmpint(peer_count(p, &p->requests), ==, 3);
        } else {
            g_assert_cmpint(w.t.exchange(s, &create, &w.wait, &a, &w.err), ==, TRANSPORT_BROKEN);
            g_assert_cmpint(peer_count(p, &p->requests), ==, 2); /* never sent twice by itself */
            /* The caller repeats it with the same rqi on the same session. */
            g_assert_cmpint(w.t.exchange(s, &create, &w.wait, &a, &w.err), ==, 0);
            answer_clear(&a);
        }
        w.t.close(s);
        peer_stop(p);
        world_done(&w);
    }
}

static void serve_one(struct peer *p, int n)
{
    if (peer_read_request(p))
        peer_send(
            p, n == 0 ? "HTTP/1.1 200 \r\nX-M2M-RSC: 2000\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                      : OK_EMPTY);
}

static void test_closed_when_idle(void)
{
    struct world w;
    struct session *s = NULL;
    struct peer *p = psk_peer(NULL, serve_one);

    world_init(&w, 0, 0);
    g_assert_cmpint(open_at(&w, p->port, &s), ==, 0);
    for (int i = 0; i < 3; i++) {
        struct answer a = {0};

        g_assert_cmpint(w.t.exchange(s, i == 1 ? &create : &retrieve, &w.wait, &a, &w.err), ==, 0);
        answer_clear(&a);
        /* serve_one() closes after each answer: wait until the end of the connection has been sent. */
        while (peer_count(p, &p->requests) < i + 1)
            g_thread_yield();
        g_usleep(20000);
    }
    g_assert_cmpint(peer_count(p, &p->accepted), ==, 3);
    w.t.close(s);
    peer_stop(p);
    world_done(&w);
}

static void test_unreachable(void)
{
    struct world w;
    struct answer a = {0};
    struct peer_spec spec = {.silent = true};
    struct peer *p = peer_start(&spec);
    uint16_t port = p->port;

    world_init(&w, 200, 0);
    g_assert_cmpint(ask(&w, port, &create, &a), ==, TRANSPORT_UNREACHABLE); /* says nothing */
    assert_says(&w, "in time");
    peer_stop(p);
    g_assert_cmpint(ask(&w, port, &create, &a), ==, TRANSPORT_UNREACHABLE); /* nobody listens */
    assert_says(&w, "onnect");
    world_done(&w);
}

/* ---- cancel, from another thread, at each wait ------------------------------------------------------ */

struct shot {
    struct cancel cancel;
    gulong usec;
};

static gpointer fire(gpointer data)
{
    struct shot *shot = data;

    g_usleep(shot->usec);
    cancel_fire(&shot->cancel);
    return NULL;
}

static int cancelled_ask(struct world *w, const char *fqdn, uint16_t port, gulong usec, uint64_t *ret_usec)
{
    struct shot shot = {.usec = usec};
    struct endpoint at = {.fqdn = fqdn, .http_port = port};
    struct session *s = NULL;
    struct answer a = {0};
    GThread *thread;
    uint64_t start;
    int r;

    g_assert_cmpint(cancel_init(&shot.cancel), ==, 0);
    w->wait.cancel = &shot.cancel;
    thread = g_thread_new("cancel", fire, &shot);
    start = now_monotonic();
    r = w->t.open(w->t.ctx, &at, &w->with, &w->wait, &s, &w->err);
    if (r == 0)
        r = w->t.exchange(s, &create, &w->wait, &a, &w->err);
    *ret_usec = now_monotonic() - start;
    answer_clear(&a);
    w->t.close(s);
    g_thread_join(thread);
    w->wait.cancel = NULL;
    cancel_done(&shot.cancel);
    return r;
}

/* A socket that takes queries and never answers. */
static int black_hole(char ret_server[32])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&at, sizeof at), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&at, &n), ==, 0);
    g_snprintf(ret_server, 32, "127.0.0.1:%u", ntohs(at.sin_port));
    return fd;
}

static void test_cancel(void)
{
    struct world w;
    struct peer_spec silent = {.silent = true};
    struct peer *mute = peer_start(&silent), *tls = psk_peer(NULL, serve_nothing);
    uint64_t took;

    world_init(&w, 0, 0);
    g_assert_cmpint(cancelled_ask(&w, FQDN, mute->port, 100000, &took), ==, -ECANCELED);
    g_assert_cmpuint(took, <, USEC_PER_SEC);
    g_assert_cmpint(cancelled_ask(&w, FQDN, tls->port, 100000, &took), ==, -ECANCELED);
    g_assert_cmpuint(took, <, USEC_PER_SEC);
    g_assert_cmpint(w.err.word, ==, MEF_ERROR_CANCELLED);
    peer_stop(mute);
    peer_stop(tls);
    world_done(&w);
}

/* Fired at any moment of a session's life: it ends at once, and nothing is left behind. */
static void test_cancel_anywhere(void)
{
    struct world w;
    struct peer *p = psk_peer(OK_EMPTY, NULL);
    unsigned done = 0;

    world_init(&w, 0, 0);
    for (gulong usec = 0; usec < 4000; usec += 80) {
        uint64_t took;
        int r = cancelled_ask(&w, FQDN, p->port, usec, &took);

        g_assert_true(r == 0 || r == -ECANCELED);
        g_assert_cmpuint(took, <, USEC_PER_SEC);
        done += r == 0;
    }
    g_test_message("%u of 50 were done before", done);
    peer_stop(p);
    world_done(&w);
}

static void test_dns_black_hole(void)
{
    struct net_params params = {.connect_timeout = 300 * USEC_PER_MSEC};
    struct world w;
    char server[32];
    int fd = black_hole(server);
    uint64_t took;

    world_init(&w, 0, 0);
    net_free(w.net);
    params.nameservers = server;
    g_assert_cmpint(net_new(&params, &w.net, &w.err), ==, 0);
    w.t = net_transport(w.net);
    g_assert_cmpint(cancelled_ask(&w, "nowhere.example.com", 1, 100000, &took), ==, -ECANCELED);
    g_assert_cmpuint(took, <, USEC_PER_SEC);
    took = now_monotonic();
    {
        struct endpoint at = {.fqdn = "nowhere.example.com", .http_port = 1};
        struct session *s = NULL;

        g_assert_cmpint(w.t.open(w.t.ctx, &at, &w.with, &w.wait, &s, &w.err), ==, TRANSPORT_UNREACHABLE);
        assert_says(&w, "nowhere.example.com");
    }
    g_assert_cmpuint(now_monotonic() - took, <, 2 * USEC_PER_SEC);
    close(fd);
    world_done(&w);
}

/* A name server with one address of each A question, and no such name for "gone". */
static gpointer name_server(gpointer data)
{
    int fd = GPOINTER_TO_INT(data);

    for (;;) {
        uint8_t q[512], a[600];
        struct sockaddr_in from;
        socklen_t fromlen = sizeof from;
        ssize_t n = recvfrom(fd, q, sizeof q - 1, 0, (struct sockaddr *)&from, &fromlen);
        size_t end = 12, len;
        bool gone, is_a;

        if (n < 17)
            return NULL;
        gone = q[13] == 'g' && q[12] == 4;
        while (q[end])
            end += q[end] + 1u;
        is_a = q[end + 2] == 1;
        len = end + 5;
        memcpy(a, q, len);
        a[2] = 0x81;
        a[3] = gone ? 0x83 : 0x80;
        memset(a + 6, 0, 6);
        if (!gone && is_a) {
            static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1};

            a[7] = 1;
            memcpy(a + len, record, sizeof record);
            len += sizeof record;
        }
        sendto(fd, a, len, 0, (struct sockaddr *)&from, fromlen);
    }
}

static void test_dns(void)
{
    struct net_params params = {0};
    struct world w;
    struct answer a = {0};
    char server[32];
    int fd = black_hole(server);
    GThread *thread = g_thread_new("dns", name_server, GINT_TO_POINTER(fd));
    struct peer *p = psk_peer(OK_EMPTY, NULL);
    struct endpoint at = {.fqdn = "gone.example.com", .http_port = 1};
    struct session *s = NULL;

    world_init(&w, 0, 0);
    net_free(w.net);
    params.nameservers = server;
    g_assert_cmpint(net_new(&params, &w.net, &w.err), ==, 0);
    w.t = net_transport(w.net);
    g_assert_cmpint(ask(&w, p->port, &retrieve, &a), ==, 0);
    answer_clear(&a);
    g_assert_cmpint(w.t.open(w.t.ctx, &at, &w.with, &w.wait, &s, &w.err), ==, TRANSPORT_UNREACHABLE);
    assert_says(&w, "gone.example.com");
    g_assert_cmpint(shutdown(fd, SHUT_RDWR), ==, -1); /* wakes recvfrom() */
    g_thread_join(thread);
    close(fd);
    peer_stop(p);
    world_done(&w);
}

static void test_overrides(void)
{
    static const char *const bad[] = {"mef.example.com", ":127.0.0.1",
                                      "mef.example.com:", "mef.example.com:localhost",
                                      "mef.example.com:1.2.3.4.5"};
    char *good[] = {(char *)"OTHER.example.com:[::1]", (char *)"mef.example.com:127.0.0.1", NULL};
    struct net *n = NULL;
    struct mef_error err;

    for (size_t i = 0; i < ELEMENTS(bad); i++) {
        char *list[] = {(char *)bad[i], NULL};
        struct net_params params = {.resolve = list};

        g_assert_cmpint(net_new(&params, &n, &err), <, 0);
        g_assert_cmpint(err.word, ==, MEF_ERROR_INVALID_ARGUMENTS);
        g_assert_nonnull(strstr(err.text, bad[i]));
    }
    g_assert_cmpint(net_new(&(struct net_params){.resolve = good}, &n, &err), ==, 0);
    net_free(n);
}

/* The first address does not answer, the second does. */
static void test_two_addresses(void)
{
    char *const resolve[] = {(char *)FQDN ":[::1]", (char *)FQDN ":127.0.0.1", NULL};
    struct net_params params = {.resolve = resolve};
    struct world w;
    struct answer a = {0};
    struct peer *p = psk_peer(OK_EMPTY, NULL);

    world_init(&w, 0, 0);
    net_free(w.net);
    g_assert_cmpint(net_new(&params, &w.net, &w.err), ==, 0);
    w.t = net_transport(w.net);
    g_assert_cmpint(ask(&w, p->port, &retrieve, &a), ==, 0);
    answer_clear(&a);
    peer_stop(p);
    world_done(&w);
}

/* ---- a good guest ----------------------------------------------------------------------------------- */

/* Descriptors that are open, and how many of them a child would inherit. */
static unsigned descriptors(unsigned *ret_inherited)
{
    unsigned n = 0;

    *ret_inherited = 0;
    for (int fd = 0; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFD);

        n += flags >= 0;
        *ret_inherited += flags >= 0 && !(flags & FD_CLOEXEC);
    }
    return n;
}

static void test_descriptors(void)
{
    struct world w;
    struct peer *p = psk_peer(OK_EMPTY, NULL);
    unsigned before, inherited_before, after, inherited, during;

    world_init(&w, 0, 0);
    before = descriptors(&inherited_before);
    for (int i = 0; i < 20; i++) {
        struct session *s = NULL;
        struct answer a = {0};

        g_assert_cmpint(open_at(&w, p->port, &s), ==, 0);
        g_assert_cmpint(w.t.exchange(s, &retrieve, &w.wait, &a, &w.err), ==, 0);
        answer_clear(&a);
        (void)descriptors(&during);
        g_assert_cmpuint(during, <=, inherited_before);
        w.t.close(s);
    }
    peer_stop(p);
    after = descriptors(&inherited);
    g_assert_cmpuint(after, <=, before);
    g_assert_cmpuint(inherited, <=, inherited_before);
    world_done(&w);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/answers", test_answers);
    g_test_add_func("/net/slow", test_slow);
    g_test_add_func("/net/cut-when-reused", test_cut_when_reused);
    g_test_add_func("/net/closed-when-idle", test_closed_when_idle);
    g_test_add_func("/net/unreachable", test_unreachable);
    g_test_add_func("/net/cancel/silent-server", test_cancel);
    g_test_add_func("/net/cancel/anywhere", test_cancel_anywhere);
    g_test_add_func("/net/dns/black-hole", test_dns_black_hole);
    g_test_add_func("/net/dns/answers", test_dns);
    g_test_add_func("/net/dns/overrides", test_overrides);
    g_test_add_func("/net/two-addresses", test_two_addresses);
    g_test_add_func("/net/descriptors", test_descriptors);
    return g_test_run();
}
