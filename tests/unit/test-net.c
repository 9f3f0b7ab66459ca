/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTPS transport against a GnuTLS peer in the same process: who is let in, and what is on the wire
 * (mef-protocol.md 2.5, 3.1, 3.2). */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <openssl/ssl.h>

#include "tests/unit/net-world.h"

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

/* What 3.2 allows besides the mandatory suite is offered when configured, and only then. */
static void test_extra_suites(void)
{
    static const struct pki_spec server = {.san = "DNS:" FQDN};
    char *const resolve[] = {(char *)FQDN ":127.0.0.1", NULL};

    for (int cert = 0; cert < 2; cert++)
        for (int extra = 0; extra < 2; extra++) {
            struct net_params params = {.resolve = resolve, .extra_suites = extra};
            struct peer_spec spec = {.priority =
                                         "NONE:+VERS-TLS1.2:+ECDHE-PSK:+AES-128-CBC:+SHA256:+COMP-NULL:"
                                         "+GROUP-SECP256R1:+SIGN-ALL",
                                     .psk_identity = IDENTITY,
                                     .psk = PSK,
                                     .answer = OK_EMPTY};
            struct world w;
            struct answer a = {0};
            struct peer *p;

            world_init(&w, 0, 0);
            net_free(w.net);
            g_assert_cmpint(net_new(&params, &w.net, &w.err), ==, 0);
            w.t = net_transport(w.net);
            if (cert) {
                world_certs(&w, &server, NULL);
                spec =
                    (struct peer_spec){.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM",
                                       .chain = &w.server_chain,
                                       .key = &w.server_pkcs8,
                                       .client_ca = &w.ca_der,
                                       .answer = OK_EMPTY};
            }
            p = peer_start(&spec);
            g_assert_cmpint(ask(&w, p->port, &retrieve, &a), ==, extra ? 0 : TRANSPORT_TLS_REFUSED);
            if (extra)
                g_assert_cmpstr(p->suite, ==,
                                cert ? "TLS1.2/ECDHE-ECDSA-AES-128-GCM" : "TLS1.2/ECDHE-PSK-AES-128-CBC");
            answer_clear(&a);
            peer_stop(p);
            world_done(&w);
        }
}

static void test_key_of_another(void)
{
    static const struct pki_spec server = {.san = "DNS:" FQDN};
    struct world w;
    struct session *s = NULL;

    world_init(&w, 0, 0);
    world_certs(&w, &server, NULL);
    w.with.key = w.server_key;
    g_assert_cmpint(open_at(&w, 1, &s), <, 0);
    g_assert_cmpint(w.err.word, ==, MEF_ERROR_INCONSISTENT_CONFIG);
    assert_says(&w, FQDN);
    world_done(&w);
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
        {{.san = "DNS:" FQDN, .from = -7200, .until = -3600}, NULL, "expired: valid from ", false},
        {{.san = "DNS:" FQDN, .from = 3600, .until = 7200}, NULL, "is the clock right?", false},
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
    struct primitive plain = retrieve, evil = retrieve, other = create;
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
    /* After 4015 the other media type of 2.4; the resource type goes with either (2.5). */
    other.plain_json = true;
    g_assert_cmpint(ask(&w, p->port, &other, &a), ==, 0);
    answer_clear(&a);
    g_assert_nonnull(strstr(p->received->str, "\r\nContent-Type: application/json;ty=4\r\n"));
    other.op = MEF_OP_UPDATE;
    g_assert_cmpint(ask(&w, p->port, &other, &a), ==, 0);
    answer_clear(&a);
    g_assert_nonnull(strstr(p->received->str, "\r\nContent-Type: application/json\r\n"));
    g_assert_null(strstr(p->received->str, "Content-Type: application/vnd"));
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
    g_test_add_func("/net/extra-suites", test_extra_suites);
    g_test_add_func("/net/key-of-another", test_key_of_another);
    g_test_add_func("/net/bad-credentials", test_bad_credentials);
    g_test_add_func("/net/wire-bytes/worked-example", test_worked_example);
    g_test_add_func("/net/wire-bytes/variants", test_variants);
    g_test_add_func("/net/wire-bytes/est", test_est_request);
    g_test_add_func("/net/tls-unique", test_tls_unique);
    g_test_add_func("/net/hostile/in-force", test_hostile_in_force);
    g_test_add_func("/net/hostile/host", test_hostile_host);
    return g_test_run();
}
