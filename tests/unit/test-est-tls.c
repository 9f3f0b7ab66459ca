/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The enrolment over TLS, against a GnuTLS peer that issues real certificates. */
#include <errno.h>
#include <glib.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/cert/est-codec.h"
#include "plugin/cert/est.h"
#include "plugin/net/net.h"
#include "tests/unit/est-ca.h"
#include "tests/unit/pki.h"
#include "tests/unit/tls-peer.h"

#define FQDN "mef.example.com"
#define ID   "//m2m.example.com/gw42"

static const struct san san = {SAN_DNS, "gw42.in-cse.m2m.example.com"};

static int make_key(void *ctx, const uint8_t id[KEY_ID_LEN], const char *label, const char *owner,
                    struct evp_pkey_st **ret, struct mef_error *reterr)
{
    EVP_PKEY_up_ref(ctx);
    *ret = ctx;
    return 0;
}

static int64_t real_now(void *ctx)
{
    return now_realtime();
}

struct server {
    struct authority ca;
    bool close_after_attributes, close_always;

    int wrong;
};

static void answer(struct peer *p, unsigned status, const char *type, const char *body, bool close)
{
    g_autofree char *text =
        g_strdup_printf("HTTP/1.1 %u \r\nContent-Type: %s\r\n%sContent-Length: %zu\r\n\r\n%s", status, type,
                        close ? "Connection: close\r\n" : "", strlen(body), body);

    peer_send(p, text);
}

static void serve_est(struct peer *p, int n)
{
    struct server *s = p->spec.data;
    gsize at = p->received->len;

    while (peer_read_request(p)) {
        const char *text = p->received->str + at, *body = strstr(text, "\r\n\r\n") + 4;

        if (g_str_has_prefix(text, "GET /.well-known/est/cacerts ")) {
            _cleanup_(freep) char *certs = certs_body(s->ca.cert);

            answer(p, 200, "application/pkcs7-mime", certs, s->close_always);
            if (s->close_always)
                return;
        } else if (g_str_has_prefix(text, "GET /.well-known/est/csrattrs ")) {
            _cleanup_(freep) char *attrs = hex_body(CSRATTRS_CHALLENGE);
            bool close = s->close_after_attributes || s->close_always;

            s->close_after_attributes = false;
            answer(p, 200, "application/csrattrs", attrs, close);
            if (close)
                return;
        } else {
            struct der csr = {0};
            g_autofree char *have = NULL;
            _cleanup_(freep) char *want = base64_encode(p->unique, p->unique_len);

            g_assert_true(g_str_has_prefix(text, "POST /.well-known/est/simpleenroll "));
            g_assert_cmpint(est_body_decode(body, strlen(body), LIMIT_EST_BODY, &csr), ==, 0);
            have = challenge_of(&csr);
            if (g_strcmp0(have, want) != 0) {
                s->wrong++;
                answer(p, 403, "text/plain", "wrong tls-unique", false);
            } else {
                X509 *cert = pki_enrol(&(struct pki_enrol){0}, csr.data, csr.len, s->ca.cert, s->ca.key);
                _cleanup_(freep) char *certs = certs_body(cert);

                answer(p, 200, "application/pkcs7-mime; smime-type=certs-only", certs, false);
                X509_free(cert);
            }
            free(csr.data);
        }
        at = p->received->len;
    }
}

/* The new certificate at work: it authenticates us, and the CA certificates that came authenticate the
 * server. */
static void assert_in_use(const struct transport *transport, const struct wait *wait,
                          const struct authority *ca, const struct est_result *r)
{
    static const struct pki_spec server_spec = {.san = "DNS:" FQDN};
    struct mef_error err = {0};
    struct peer *p;
    EVP_PKEY *key = pki_key(NULL);
    X509 *cert = pki_issue(&server_spec, key, ca->cert, ca->key);
    struct der_list chain = {0};
    struct der pkcs8 = pki_key_der(key);
    struct peer_spec proof = {.chain = &chain,
                              .key = &pkcs8,
                              .client_ca = &r->ca.item[0],
                              .answer = "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"};
    struct credential now = {.kind = CREDENTIAL_CERT, .key = r->key, .chain = &r->chain, .anchors = &r->ca};
    struct primitive get = {.op = MEF_OP_RETRIEVE, .to = "//" FQDN "/-/x", .fr = ID, .rqi = "1", .rvi = "2a"};
    struct endpoint to = {.fqdn = FQDN};
    struct session *session = NULL;
    struct answer a = {0};

    pki_der(cert, &chain);
    p = peer_start(&proof);
    to.http_port = p->port;
    g_assert_cmpint(transport->open(transport->ctx, &to, &now, wait, &session, &err), ==, 0);
    g_assert_cmpint(transport->exchange(session, &get, wait, &a, &err), ==, 0);
    g_assert_cmpuint(a.rsc, ==, 2000);
    answer_clear(&a);
    transport->close(session);
    peer_stop(p);
    der_list_clear(&chain);
    free(pkcs8.data);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* cacerts, csrattrs and simpleenroll over TLS-PSK with the tls-unique of the very connection; the certificate
 * then authenticates a handshake, with the CA certificates that came as anchors for the server. */
static void test_over_tls(void)
{
    for (int closing = 0; closing < 3; closing++) {
        struct server s = {.close_after_attributes = closing == 1, .close_always = closing == 2};
        struct peer_spec spec = {
            .psk_identity = "kpm@" FQDN, .psk = "0123456789abcdef", .serve = serve_est, .data = &s};
        char *const resolve[] = {(char *)FQDN ":127.0.0.1", NULL};
        struct net_params params = {.resolve = resolve};
        struct net *net = NULL;
        struct transport transport;
        EVP_PKEY *key = pki_key(NULL);
        struct vault vault = {.ctx = key, .make_key = make_key};
        struct clock_port clock = {.realtime = real_now};
        struct wait wait = {.deadline = now_monotonic() + 30 * USEC_PER_SEC};
        struct secret *psk = NULL;
        struct credential with = {.kind = CREDENTIAL_PSK, .identity = "kpm@" FQDN};
        struct est_result r = {0};
        struct mef_error err = {0};
        g_autofree char *uri = NULL;
        struct peer *p;

        authority_init(&s.ca);
        p = peer_start(&spec);
        g_assert_cmpint(net_new(&params, &net, &err), ==, 0);
        transport = net_transport(net);
        g_assert_cmpint(secret_copy("0123456789abcdef", 16, &psk), ==, 0);
        with.psk = psk;
        uri = g_strdup_printf("https://" FQDN ":%u/.well-known/est", p->port);
        {
            struct est_params e = {.transport = &transport,
                                   .vault = &vault,
                                   .clock = &clock,
                                   .wait = &wait,
                                   .uri = uri,
                                   .with = &with,
                                   .subject_id = ID,
                                   .san = &san,
                                   .label = ID,
                                   .owner = "mef1"};
            int got = est_enrol(&e, &r, &err);

            if (got)
                g_error("%d: %s", got, err.text);
        }
        g_assert_cmpuint(r.chain.n, ==, 1);
        g_assert_cmpint(s.wrong, ==, 0);
        g_assert_cmpint(peer_count(p, &p->handshakes), ==, 1 + closing);
        peer_stop(p);
        assert_in_use(&transport, &wait, &s.ca, &r);
        est_result_clear(&r);
        secret_free(psk);
        net_free(net);
        authority_done(&s.ca);
        EVP_PKEY_free(key);
    }
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cert/est/over-tls", test_over_tls);
    return g_test_run();
}
