/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTPS transport against a GnuTLS peer in the same process: who is let in, what is on the wire, how each
 * failure is told, and that every wait ends (mef-protocol.md 2.5, 3.1, 3.2). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/net/net.h"
#include "tests/unit/pki.h"
#include "tests/unit/tls-peer.h"

#define FQDN     "mef.example.com"
#define IDENTITY "gw42-kpm@mef.example.com"
#define PSK      "0123456789abcdef0123456789abcdef"
#define OK_EMPTY "HTTP/1.1 200 \r\nX-M2M-RSC: 2000\r\nContent-Length: 2\r\n\r\n{}"

/* ---- fixture ---------------------------------------------------------------------------------------- */

struct world {
    struct net *net;
    struct transport t;
    struct secret *psk;
    struct credential with;
    struct wait wait;
    struct mef_error err;
    /* certificates */
    EVP_PKEY *ca_key, *server_key, *client_key;
    X509 *ca;
    struct der_list server_chain, client_chain, anchors;
    struct der server_pkcs8, ca_der;
};

static void world_init(struct world *w, uint64_t connect_ms, uint64_t response_ms)
{
    char *const resolve[] = {(char *)FQDN ":127.0.0.1", NULL};
    struct net_params params = {.resolve = resolve,
                                .connect_timeout = connect_ms * USEC_PER_MSEC,
                                .response_timeout = response_ms * USEC_PER_MSEC,
                                .nameservers = "127.0.0.1:1"};

    *w = (struct world){.wait = {.deadline = DEADLINE_NONE}};
    g_assert_cmpint(net_new(&params, &w->net, &w->err), ==, 0);
    w->t = net_transport(w->net);
    g_assert_cmpint(secret_copy(PSK, strlen(PSK), &w->psk), ==, 0);
    w->with = (struct credential){.kind = CREDENTIAL_PSK, .identity = IDENTITY, .psk = w->psk};
}

static void world_done(struct world *w)
{
    net_free(w->net);
    secret_free(w->psk);
    EVP_PKEY_free(w->ca_key);
    EVP_PKEY_free(w->server_key);
    EVP_PKEY_free(w->client_key);
    X509_free(w->ca);
    der_list_clear(&w->server_chain);
    der_list_clear(&w->client_chain);
    der_list_clear(&w->anchors);
    free(w->server_pkcs8.data);
    free(w->ca_der.data);
}

/* A CA, a server certificate as `server` says and a client certificate; the credential becomes CERT. */
static void world_certs(struct world *w, const struct pki_spec *server, const char *group)
{
    static const struct pki_spec ca = {.cn = "MEF CA", .ca = true},
                                 client = {.cn = "gw42", .san = "DNS:gw42.example"};
    X509 *cert;

    w->ca_key = pki_key(NULL);
    w->server_key = pki_key(group);
    w->client_key = pki_key(NULL);
    w->ca = pki_issue(&ca, w->ca_key, NULL, NULL);
    w->ca_der = pki_der_of(w->ca);
    pki_der(w->ca, &w->anchors);
    cert = pki_issue(server, w->server_key, w->ca, w->ca_key);
    pki_der(cert, &w->server_chain);
    X509_free(cert);
    cert = pki_issue(&client, w->client_key, w->ca, w->ca_key);
    pki_der(cert, &w->client_chain);
    X509_free(cert);
    w->server_pkcs8 = pki_key_der(w->server_key);
    w->with = (struct credential){
        .kind = CREDENTIAL_CERT, .key = w->client_key, .chain = &w->client_chain, .anchors = &w->anchors};
}

static struct peer *psk_peer(const char *answer, peer_serve serve)
{
    struct peer_spec spec = {.psk_identity = IDENTITY, .psk = PSK, .answer = answer, .serve = serve};

    return peer_start(&spec);
}

static struct peer *cert_peer(struct world *w)
{
    struct peer_spec spec = {
        .chain = &w->server_chain, .key = &w->server_pkcs8, .client_ca = &w->ca_der, .answer = OK_EMPTY};

    return peer_start(&spec);
}

static const struct primitive retrieve = {.op = MEF_OP_RETRIEVE,
                                          .to = "//" FQDN "/-/mecr-7f3a21/cmd",
                                          .fr = "//m2m.example.com/gw42",
                                          .rqi = "5f1c09ae-00000002",
                                          .rvi = "2a"};
static const struct primitive create = {.op = MEF_OP_CREATE,
                                        .to = "//" FQDN "/-",
                                        .fr = "//m2m.example.com/gw42",
                                        .rqi = "5f1c09ae-00000001",
                                        .rvi = "2a",
                                        .ty = 4,
                                        .body = "{\"sec:mecr\":{\"et\":\"20270101T000000\",\"lbl\":["
                                                "\"gateway\",\"site:42\"],\"adfq\":\"admin.example.org\"}}"};

static int open_at(struct world *w, uint16_t port, struct session **ret)
{
    struct endpoint at = {.fqdn = FQDN, .http_port = port};

    return w->t.open(w->t.ctx, &at, &w->with, &w->wait, ret, &w->err);
}

/* A session and one request on it: what the procedures see of a peer. */
static int ask(struct world *w, uint16_t port, const struct primitive *req, struct answer *ret)
{
    struct session *s = NULL;
    int r = open_at(w, port, &s);

    if (r == 0)
        r = w->t.exchange(s, req, &w->wait, ret, &w->err);
    w->t.close(s);
    return r;
}

static void assert_says(const struct world *w, const char *part)
{
    if (!strstr(w->err.text, part))
        g_error("'%s' is not in '%s'", part, w->err.text);
}

/* ---- PSK -------------------------------------------------------------------------------------------- */

static void test_psk_good(void)
{
    struct world w;
    struct answer a = {0};
    struct peer *p = psk_peer(OK_EMPTY, NULL);

    world_init(&w, 0, 0);
    g_assert_cmpint(ask(&w, p->port, &retrieve, &a), ==, 0);
    g_assert_cmpuint(a.rsc, ==, 2000);
    g_assert_cmpstr(buf_str(&a.body), ==, "{}");
    g_assert_cmpstr(p->suite, ==, "TLS1.2/PSK-AES-128-CBC");
    g_assert_cmpstr(p->sni, ==, FQDN);
    g_assert_true(p->ems);
    g_assert_true(p->etm);
    answer_clear(&a);
    peer_stop(p);
    world_done(&w);
}

/* Each is refused before anything of the command has left (MC-51). */
static void test_psk_refused(void)
{
    static const struct pki_spec server = {.cn = FQDN, .san = "DNS:" FQDN};
    struct {
        struct peer_spec spec;
        int outcome;
    } rows[] = {
        {{.psk_identity = IDENTITY, .psk = "another key of 32 octets........"}, TRANSPORT_TLS_REFUSED},
        {{.psk_identity = "somebody@else.example", .psk = PSK}, TRANSPORT_TLS_REFUSED},
        {{.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+PSK:+DHE-PSK", .psk_identity = IDENTITY, .psk = PSK},
         TRANSPORT_TLS_REFUSED},
        {{.hang_up = true}, TRANSPORT_UNREACHABLE},
        {{0}, TRANSPORT_TLS_REFUSED}, /* certificate only, set below */
    };
    struct world w, certs;

    world_init(&certs, 0, 0);
    world_certs(&certs, &server, NULL);
    rows[4].spec.chain = &certs.server_chain;
    rows[4].spec.key = &certs.server_pkcs8;
    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct answer a = {0};
        struct peer *p;
        char port[16];

        rows[i].spec.answer = OK_EMPTY;
        p = peer_start(&rows[i].spec);
        world_init(&w, 0, 0);
        g_test_message("row %zu", i);
        g_assert_cmpint(ask(&w, p->port, &create, &a), ==, rows[i].outcome);
        g_snprintf(port, sizeof port, FQDN ":%u", p->port);
        assert_says(&w, port);
        g_assert_cmpint(peer_count(p, &p->requests), ==, 0);
        g_assert_cmpuint(p->received->len, ==, 0);
        peer_stop(p);
        world_done(&w);
    }
    world_done(&certs);
}

static void test_bad_credentials(void)
{
    struct world w;
    struct session *s = NULL;
    struct secret *empty;
    static const char *const names[] = {"MEF.example.com", "127.0.0.1", "a..b", "",     "-a.b",
                                        "[::1]",           "a/b",       "a@b",  "1.2.3"};

    world_init(&w, 0, 0);
    for (size_t i = 0; i < ELEMENTS(names); i++) {
        struct endpoint at = {.fqdn = names[i], .http_port = 1};

        g_assert_cmpint(w.t.open(w.t.ctx, &at, &w.with, &w.wait, &s, &w.err), <, 0);
        g_assert_cmpint(w.err.word, ==, MEF_ERROR_INVALID_ARGUMENTS);
    }
    g_assert_cmpint(open_at(&w, 0, &s), <, 0);
    g_assert_cmpint(w.err.word, ==, MEF_ERROR_NOT_SUPPORTED);
    w.with.identity = "";
    g_assert_cmpint(open_at(&w, 1, &s), <, 0);
    w.with.identity = IDENTITY;
    g_assert_cmpint(secret_new(65, &empty), ==, 0);
    w.with.psk = empty;
    g_assert_cmpint(open_at(&w, 1, &s), <, 0);
    secret_free(empty);
    w.with = (struct credential){.kind = CREDENTIAL_CERT};
    g_assert_cmpint(open_at(&w, 1, &s), <, 0);
    g_assert_cmpint(w.err.word, ==, MEF_ERROR_INCONSISTENT_CONFIG);
    g_assert_null(s);
    world_done(&w);
}

/* ---- certificates ----------------------------------------------------------------------------------- */

static void test_cert_good(void)
{
    static const struct pki_spec rows[] = {
        {.cn = "x", .san = "DNS:other.example,DNS:MEF.example.com"},
        {.san = "URI:https://mef.example.com:8443/x"},
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct world w;
        struct answer a = {0};
        struct peer *p;

        world_init(&w, 0, 0);
        world_certs(&w, &rows[i], NULL);
        p = cert_peer(&w);
        g_assert_cmpint(ask(&w, p->port, &retrieve, &a), ==, 0);
        g_assert_cmpstr(p->suite, ==, "TLS1.2/ECDHE-ECDSA-AES-128-CBC");
        g_assert_cmpstr(p->sni, ==, FQDN);
        g_assert_true(p->ems);
        g_assert_true(p->etm);
        answer_clear(&a);
        peer_stop(p);
        world_done(&w);
    }
}

/* The server proves nothing that we accept: untrusted, and nothing of the request leaves. */
static void test_cert_untrusted(void)
{
    static const struct {
        struct pki_spec server;
        const char *group, *says;
        bool other_anchor;
    } rows[] = {
        {{.cn = FQDN, .san = "DNS:other.example.com"}, NULL, "name", false},
        {{.cn = FQDN, .san = "DNS:*.example.com"}, NULL, "name", false},
        {{.cn = FQDN, .san = "DNS:sub.mef.example.com,DNS:example.com"}, NULL, "name", false},
        {{.cn = FQDN,
          .san = "IP:127.0.0.1,URI:https://x.example/mef.example.com,URI:https://mef.example.com@x.example/"},
         NULL,
         "name",
         false},
        {{.cn = FQDN}, NULL, "name", false},
        {{.san = "DNS:" FQDN, .from = -7200, .until = -3600}, NULL, "expired", false},
        {{.san = "DNS:" FQDN, .from = 3600, .until = 7200}, NULL, "not yet valid", false},
        {{.san = "DNS:" FQDN}, NULL, "not trusted", true},
        {{.san = "DNS:" FQDN}, "secp384r1", "", false},
        {{.san = "DNS:" FQDN, .ext_key_usage = "clientAuth"}, NULL, "not trusted", false},
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct world w, other;
        struct answer a = {0};
        struct peer *p;

        g_test_message("row %zu", i);
        world_init(&w, 0, 0);
        world_init(&other, 0, 0);
        world_certs(&w, &rows[i].server, rows[i].group);
        world_certs(&other, &rows[i].server, NULL);
        if (rows[i].other_anchor)
            w.with.anchors = &other.anchors;
        p = cert_peer(&w);
        g_assert_cmpint(ask(&w, p->port, &create, &a), ==,
                        rows[i].group ? TRANSPORT_UNTRUSTED : TRANSPORT_UNTRUSTED);
        assert_says(&w, rows[i].says);
        assert_says(&w, FQDN);
        g_assert_cmpuint(p->received->len, ==, 0);
        peer_stop(p);
        world_done(&w);
        world_done(&other);
    }
}

/* It does not ask for our certificate: no mutual authentication, no command. */
static void test_cert_not_asked(void)
{
    static const struct pki_spec server = {.san = "DNS:" FQDN};
    struct world w;
    struct answer a = {0};
    struct peer_spec spec = {.answer = OK_EMPTY};
    struct peer *p;

    world_init(&w, 0, 0);
    world_certs(&w, &server, NULL);
    spec.chain = &w.server_chain;
    spec.key = &w.server_pkcs8;
    p = peer_start(&spec);
    g_assert_cmpint(ask(&w, p->port, &create, &a), ==, TRANSPORT_UNTRUSTED);
    assert_says(&w, "did not ask");
    g_assert_cmpuint(p->received->len, ==, 0);
    peer_stop(p);
    world_done(&w);
}

static void test_cert_ours_refused(void)
{
    static const struct pki_spec server = {.san = "DNS:" FQDN}, client = {.cn = "gw42"};
    struct world w;
    struct answer a = {0};
    struct peer *p;
    X509 *self;

    world_init(&w, 0, 0);
    world_certs(&w, &server, NULL);
    self = pki_issue(&client, w.client_key, NULL, NULL);
    der_list_clear(&w.client_chain);
    pki_der(self, &w.client_chain);
    X509_free(self);
    p = cert_peer(&w);
    g_assert_cmpint(ask(&w, p->port, &create, &a), ==, TRANSPORT_TLS_REFUSED);
    assert_says(&w, "alert");
    g_assert_cmpuint(p->received->len, ==, 0);
    peer_stop(p);
    world_done(&w);
}

/* An intermediate is sent with the leaf; an anchor that is itself an intermediate is enough. */
static void test_cert_chains(void)
{
    static const struct pki_spec unused = {.san = "DNS:unused.example"},
                                 middle = {.cn = "MEF CA 2", .ca = true}, leaf = {.san = "DNS:" FQDN};

    for (int partial = 0; partial < 2; partial++) {
        struct world w;
        struct answer a = {0};
        struct peer *p;
        EVP_PKEY *key = pki_key(NULL);
        X509 *ca2, *cert;

        world_init(&w, 0, 0);
        world_certs(&w, &unused, NULL);
        ca2 = pki_issue(&middle, key, w.ca, w.ca_key);
        cert = pki_issue(&leaf, w.server_key, ca2, key);
        der_list_clear(&w.server_chain);
        pki_der(cert, &w.server_chain);
        if (partial) {
            der_list_clear(&w.anchors);
            pki_der(ca2, &w.anchors);
        } else
            pki_der(ca2, &w.server_chain);
        p = cert_peer(&w);
        g_assert_cmpint(ask(&w, p->port, &retrieve, &a), ==, 0);
        answer_clear(&a);
        peer_stop(p);
        X509_free(ca2);
        X509_free(cert);
        EVP_PKEY_free(key);
        world_done(&w);
    }
}

/* ---- what is on the wire ---------------------------------------------------------------------------- */

static void test_worked_example(void)
{
    static const struct primitive update = {.op = MEF_OP_UPDATE,
                                            .to = "//" FQDN "/-/mecr-7f3a21/cmd",
                                            .fr = "//m2m.example.com/gw42",
                                            .rqi = "5f1c09ae-00000003",
                                            .rvi = "2a",
                                            .body = "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":20}}"},
                                  delete = {.op = MEF_OP_DELETE,
                                            .to = "//" FQDN "/-/mecr-7f3a21",
                                            .fr = "//m2m.example.com/gw42",
                                            .rqi = "5f1c09ae-00000009",
                                            .rvi = "2a"};
    static const struct {
        const struct primitive *req;
        const char *line, *rqi, *rest;
    } rows[] = {
        {&create, "POST /_/mef.example.com/- HTTP/1.1", "5f1c09ae-00000001",
         "Content-Type: application/vnd.onem2m-res+json;ty=4\r\nContent-Length: 92\r\n\r\n"
         "{\"sec:mecr\":{\"et\":\"20270101T000000\",\"lbl\":[\"gateway\",\"site:42\"],\"adfq\":\"admin."
         "example.org\"}}"},
        {&retrieve, "GET /_/mef.example.com/-/mecr-7f3a21/cmd HTTP/1.1", "5f1c09ae-00000002", "\r\n"},
        {&update, "PUT /_/mef.example.com/-/mecr-7f3a21/cmd HTTP/1.1", "5f1c09ae-00000003",
         "Content-Type: application/vnd.onem2m-res+json\r\nContent-Length: 38\r\n\r\n"
         "{\"sec:mecc\":{\"cid\":\"c-0001\",\"csc\":20}}"},
        {&delete, "DELETE /_/mef.example.com/-/mecr-7f3a21 HTTP/1.1", "5f1c09ae-00000009", "\r\n"},
    };
    struct world w;
    struct session *s = NULL;
    struct peer *p =
        psk_peer("HTTP/1.1 200 \r\nX-M2M-RI: r\r\nX-M2M-RSC: 2004\r\nX-M2M-RVI: 2a\r\n"
                 "Content-Type: Application/Vnd.oneM2M-res+json; charset=utf-8\r\nContent-Length: 2\r\n"
                 "Content-Location: /_/mef.example.com/-/mecr-7f3a21\r\n\r\n{}",
                 NULL);
    GString *expected = g_string_new(NULL);

    world_init(&w, 0, 0);
    g_assert_cmpint(open_at(&w, p->port, &s), ==, 0);
    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct answer a = {0};

        g_assert_cmpint(w.t.exchange(s, rows[i].req, &w.wait, &a, &w.err), ==, 0);
        g_string_append_printf(expected,
                               "%s\r\nHost: mef.example.com:%u\r\nX-M2M-Origin: //m2m.example.com/gw42\r\n"
                               "X-M2M-RI: %s\r\nX-M2M-RVI: 2a\r\n"
                               "Accept: application/vnd.onem2m-res+json, application/json;q=0.9\r\n%s",
                               rows[i].line, p->port, rows[i].rqi, rows[i].rest);
        g_assert_cmpuint(a.rsc, ==, 2004);
        g_assert_cmpstr(a.rqi, ==, "r");
        g_assert_cmpstr(a.content_type, ==, "application/vnd.onem2m-res+json");
        g_assert_cmpstr(a.content_location, ==, "//mef.example.com/-/mecr-7f3a21");
        answer_clear(&a);
    }
    w.t.close(s);
    g_assert_cmpstr(p->received->str, ==, expected->str);
    g_assert_cmpint(p->accepted, ==, 1);
    g_assert_cmpint(p->records, ==, ELEMENTS(rows)); /* head and body in one write */
    g_string_free(expected, TRUE);
    peer_stop(p);
    world_done(&w);
}

static void test_variants(void)
{
    struct primitive plain = retrieve, evil = retrieve;
    struct world w;
    struct answer a = {0};
    struct peer *p = psk_peer(OK_EMPTY, NULL);

    world_init(&w, 0, 0);
    plain.rvi = NULL;
    plain.no_accept = true;
    g_assert_cmpint(ask(&w, p->port, &plain, &a), ==, 0);
    answer_clear(&a);
    g_assert_null(strstr(p->received->str, "X-M2M-RVI"));
    g_assert_null(strstr(p->received->str, "Accept"));
    evil.rqi = "x\r\nX-M2M-Origin: //somebody/else";
    g_assert_cmpint(ask(&w, p->port, &evil, &a), <, 0);
    g_assert_cmpint(w.err.word, ==, MEF_ERROR_INVALID_ARGUMENTS);
    peer_stop(p);
    world_done(&w);
}

static void test_est_request(void)
{
    static const struct http_request req = {.method = "POST",
                                            .path = "/.well-known/est/simpleenroll",
                                            .accept = "application/pkcs7-mime",
                                            .content_type = "application/pkcs10",
                                            .transfer_base64 = true,
                                            .body = "MIIB\nAAAA\n",
                                            .body_len = 10,
                                            .body_max = 64};
    struct http_request huge = req, bad = req;
    struct http_response ret = {0};
    struct world w;
    struct session *s = NULL;
    struct peer *p = psk_peer("HTTP/1.1 202 Accepted\r\nRetry-After: 7\r\nContent-Type: text/plain; x=y\r\n"
                              "Content-Length: 5\r\n\r\nlater",
                              NULL);
    g_autofree char *expected =
        g_strdup_printf("POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: mef.example.com:%u\r\n"
                        "Accept: application/pkcs7-mime\r\nContent-Type: application/pkcs10\r\n"
                        "Content-Transfer-Encoding: base64\r\nContent-Length: 10\r\n\r\nMIIB\nAAAA\n",
                        p->port);

    world_init(&w, 0, 0);
    g_assert_cmpint(open_at(&w, p->port, &s), ==, 0);
    g_assert_cmpint(w.t.http(s, &req, &w.wait, &ret, &w.err), ==, 0);
    g_assert_cmpstr(p->received->str, ==, expected);
    g_assert_cmpuint(ret.status, ==, 202);
    g_assert_cmpint(ret.retry_after, ==, 7);
    g_assert_cmpstr(ret.content_type, ==, "text/plain; x=y");
    g_assert_cmpstr(buf_str(&ret.body), ==, "later");
    g_assert_true(ret.reconnected);
    http_response_clear(&ret);
    g_assert_cmpint(w.t.http(s, &req, &w.wait, &ret, &w.err), ==, 0);
    g_assert_false(ret.reconnected);
    http_response_clear(&ret);
    huge.body_max = 4;
    g_assert_cmpint(w.t.http(s, &huge, &w.wait, &ret, &w.err), ==, TRANSPORT_TOO_BIG);
    bad.path = "/a b";
    g_assert_cmpint(w.t.http(s, &bad, &w.wait, &ret, &w.err), <, 0);
    w.t.close(s);
    peer_stop(p);
    world_done(&w);
}

static void test_tls_unique(void)
{
    struct world w;
    struct session *s = NULL;
    struct answer a = {0};
    uint8_t unique[64];
    size_t n = sizeof unique;
    struct peer *p = psk_peer(OK_EMPTY, NULL);

    world_init(&w, 0, 0);
    g_assert_cmpint(open_at(&w, p->port, &s), ==, 0);
    g_assert_cmpint(w.t.tls_unique(s, unique, &n), ==, -ENOTCONN);
    g_assert_cmpint(w.t.exchange(s, &retrieve, &w.wait, &a, &w.err), ==, 0);
    g_assert_cmpint(w.t.tls_unique(s, unique, &n), ==, 0);
    g_assert_cmpmem(unique, n, p->unique, p->unique_len);
    g_assert_cmpuint(n, ==, 12);
    answer_clear(&a);
    p->spec.answer = "HTTP/1.1 200 \r\nX-M2M-RSC: 2000\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    g_assert_cmpint(w.t.exchange(s, &retrieve, &w.wait, &a, &w.err), ==, 0);
    g_assert_cmpint(w.t.tls_unique(s, unique, &n), ==, -ENOTCONN);
    answer_clear(&a);
    w.t.close(s);
    peer_stop(p);
    world_done(&w);
}

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

static gpointer fire(gpointer data)
{
    g_usleep(100000);
    cancel_fire(data);
    return NULL;
}

static int cancelled_ask(struct world *w, const char *fqdn, uint16_t port, uint64_t *ret_usec)
{
    struct cancel cancel;
    struct endpoint at = {.fqdn = fqdn, .http_port = port};
    struct session *s = NULL;
    struct answer a = {0};
    GThread *thread;
    uint64_t start;
    int r;

    g_assert_cmpint(cancel_init(&cancel), ==, 0);
    w->wait.cancel = &cancel;
    thread = g_thread_new("cancel", fire, &cancel);
    start = now_monotonic();
    r = w->t.open(w->t.ctx, &at, &w->with, &w->wait, &s, &w->err);
    if (r == 0)
        r = w->t.exchange(s, &create, &w->wait, &a, &w->err);
    *ret_usec = now_monotonic() - start;
    w->t.close(s);
    g_thread_join(thread);
    w->wait.cancel = NULL;
    cancel_done(&cancel);
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
    g_assert_cmpint(cancelled_ask(&w, FQDN, mute->port, &took), ==, -ECANCELED);
    g_assert_cmpuint(took, <, USEC_PER_SEC);
    g_assert_cmpint(cancelled_ask(&w, FQDN, tls->port, &took), ==, -ECANCELED);
    g_assert_cmpuint(took, <, USEC_PER_SEC);
    g_assert_cmpint(w.err.word, ==, MEF_ERROR_CANCELLED);
    peer_stop(mute);
    peer_stop(tls);
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
    g_assert_cmpint(cancelled_ask(&w, "nowhere.example.com", 1, &took), ==, -ECANCELED);
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
        /* The peer's accepted socket is the test's. */
        g_assert_cmpuint(during, <=, inherited_before + 1);
        w.t.close(s);
    }
    peer_stop(p);
    after = descriptors(&inherited);
    g_assert_cmpuint(after, <=, before);
    g_assert_cmpuint(inherited, <=, inherited_before);
    world_done(&w);
}

/* ---- the host's settings ---------------------------------------------------------------------------- */

static const char hostile[] =
    "openssl_conf = top\n[top]\nssl_conf = ssl\n[ssl]\nsystem_default = bad\n[bad]\n"
    "MinProtocol = TLSv1.3\nMaxProtocol = TLSv1.3\nCipherString = RC4-MD5:@SECLEVEL=5\n"
    "Ciphersuites = TLS_AES_256_GCM_SHA384\nGroups = X25519\nSignatureAlgorithms = RSA+SHA512\n"
    "ClientSignatureAlgorithms = RSA+SHA512\n"
    "Options = -SessionTicket,Compression,UnsafeLegacyRenegotiation,-EncryptThenMac,-ExtendedMasterSecret\n"
    "VerifyMode = Peer\n";

static void test_hostile_host(void)
{
    g_autofree char *dir = g_dir_make_tmp("mefclient-net-XXXXXX", NULL);
    g_autofree char *conf = g_build_filename(dir, "openssl.cnf", NULL),
                    *keys = g_build_filename(dir, "keys", NULL);
    g_autofree char *netrc = g_build_filename(dir, ".netrc", NULL);
    g_autofree char *out = NULL, *err = NULL;
    const char *argv[] = {
        "/proc/self/exe",        "--tap", "-p", "/net/psk", "-p", "/net/cert", "-p", "/net/wire-bytes", "-p",
        "/net/hostile/in-force", NULL};
    g_auto(GStrv) env = g_get_environ();
    g_autoptr(GError) error = NULL;
    int status = 0;

    g_assert_true(g_file_set_contents(conf, hostile, -1, NULL));
    g_assert_true(g_file_set_contents(netrc, "machine mef.example.com login x password y\n", -1, NULL));
    env = g_environ_setenv(env, "OPENSSL_CONF", conf, TRUE);
    env = g_environ_setenv(env, "MEF_TEST_HOSTILE", "1", TRUE);
    env = g_environ_setenv(env, "SSLKEYLOGFILE", keys, TRUE);
    env = g_environ_setenv(env, "HTTPS_PROXY", "http://127.0.0.1:1", TRUE);
    env = g_environ_setenv(env, "https_proxy", "http://127.0.0.1:1", TRUE);
    env = g_environ_setenv(env, "ALL_PROXY", "http://127.0.0.1:1", TRUE);
    env = g_environ_setenv(env, "SSL_CERT_FILE", "/nonexistent", TRUE);
    env = g_environ_setenv(env, "HOME", dir, TRUE);
    if (!g_spawn_sync(NULL, (char **)argv, env, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, &status, &error))
        g_error("%s", error->message);
    if (status)
        g_error("child: %d\n%s\n%s", status, out, err);
    g_assert_nonnull(strstr(out, "ok 1"));
    if (g_file_test(keys, G_FILE_TEST_EXISTS)) {
        g_autofree char *secrets = NULL;
        g_auto(GStrv) lines = NULL;

        /* The GnuTLS side writes its line of each handshake there; ours must not add a second one. */
        g_assert_true(g_file_get_contents(keys, &secrets, NULL, NULL));
        lines = g_strsplit(secrets, "\n", -1);
        for (gsize i = 0; lines[i]; i++)
            for (gsize j = i + 1; *lines[i] && lines[j]; j++)
                g_assert_cmpstr(lines[i], !=, lines[j]);
    }
    g_unlink(conf);
    g_unlink(keys);
    g_unlink(netrc);
    g_rmdir(dir);
}

/* In the child: the hostile file is really what OpenSSL works with. */
static void test_hostile_in_force(void)
{
    SSL_CTX *ctx;

    if (!g_getenv("MEF_TEST_HOSTILE"))
        return;
    ctx = SSL_CTX_new(TLS_client_method());
    g_assert_nonnull(ctx);
    g_assert_cmpint(SSL_CTX_get_min_proto_version(ctx), ==, TLS1_3_VERSION);
    SSL_CTX_free(ctx);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/psk/good", test_psk_good);
    g_test_add_func("/net/psk/refused-before-the-request/MC-51", test_psk_refused);
    g_test_add_func("/net/cert/good", test_cert_good);
    g_test_add_func("/net/cert/untrusted-before-the-request/MC-51", test_cert_untrusted);
    g_test_add_func("/net/cert/not-asked/MC-51", test_cert_not_asked);
    g_test_add_func("/net/cert/ours-refused/MC-51", test_cert_ours_refused);
    g_test_add_func("/net/cert/chains", test_cert_chains);
    g_test_add_func("/net/bad-credentials", test_bad_credentials);
    g_test_add_func("/net/wire-bytes/worked-example", test_worked_example);
    g_test_add_func("/net/wire-bytes/variants", test_variants);
    g_test_add_func("/net/wire-bytes/est", test_est_request);
    g_test_add_func("/net/tls-unique", test_tls_unique);
    g_test_add_func("/net/answers", test_answers);
    g_test_add_func("/net/slow", test_slow);
    g_test_add_func("/net/cut-when-reused", test_cut_when_reused);
    g_test_add_func("/net/closed-when-idle", test_closed_when_idle);
    g_test_add_func("/net/unreachable", test_unreachable);
    g_test_add_func("/net/cancel", test_cancel);
    g_test_add_func("/net/dns/black-hole", test_dns_black_hole);
    g_test_add_func("/net/dns/answers", test_dns);
    g_test_add_func("/net/dns/overrides", test_overrides);
    g_test_add_func("/net/two-addresses", test_two_addresses);
    g_test_add_func("/net/descriptors", test_descriptors);
    g_test_add_func("/net/hostile/in-force", test_hostile_in_force);
    g_test_add_func("/net/hostile/host", test_hostile_host);
    return g_test_run();
}
