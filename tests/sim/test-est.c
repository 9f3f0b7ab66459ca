/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim as an EST server (mef-protocol.md 3.6.2), with a client of OpenSSL's parts and with strongSwan's
 * pki. */
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/wait.h>

#include "plugin/base/str.h"
#include "tests/lib/sim-process.h"
#include "tests/sim/peer.h"

#define KPM_ID "gw42-kpm@mef.example.com"
#define KPM    "000102030405060708090a0b0c0d0e0f"
#define SAN    "gw42.in-cse.m2m.example.com"
#define EST    "/.well-known/est"

struct fixture {
    char *dir;
    const char *fqdn;
    struct sim_process *sim;
    struct peer *peer;
    EVP_PKEY *key;
};

static struct peer *connect_as(struct fixture *f, X509 *cert, EVP_PKEY *key, char **ret_error)
{
    struct peer_how how = {.port = sim_port(f->sim), .sni = f->fqdn, .cert = cert, .key = key};
    if (cert)
        how.ca = sim_ca_path(f->sim);
    else {
        how.identity = KPM_ID;
        how.psk = KPM;
    }
    return peer_open(&how, ret_error);
}

static void set_up(struct fixture *f, const char *fqdn, const char *scenario)
{
    static const char *const args[] = {"--psk=" KPM_ID "=" KPM, NULL};
    f->dir = g_dir_make_tmp("mef-sim.XXXXXX", NULL);
    f->fqdn = fqdn;
    f->sim = sim_start(f->dir, fqdn, scenario, args);
    f->peer = connect_as(f, NULL, NULL, NULL);
    g_assert_nonnull(f->peer);
    f->key = EVP_EC_gen("P-256");
}

static void tear_down(struct fixture *f)
{
    EVP_PKEY_free(f->key);
    peer_close(f->peer);
    g_assert_cmpint(sim_stop(f->sim), ==, 0);
    g_free(f->dir);
}

/* ---- requests ---- */

static X509_REQ *make_csr(EVP_PKEY *key, const char *san, const char *challenge)
{
    X509_REQ *req = X509_REQ_new();
    X509_NAME *name = X509_REQ_get_subject_name(req);
    g_autofree char *value = g_strdup_printf("DNS:%s", san ? san : "");
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"gw42", -1, -1, 0);
    X509_REQ_set_pubkey(req, key);
    if (san)
        sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value));
    sk_X509_EXTENSION_push(extensions,
                           X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "critical,digitalSignature"));
    X509_REQ_add_extensions(req, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    if (challenge)
        X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_ASC,
                                  (const unsigned char *)challenge, -1);
    g_assert_cmpint(X509_REQ_sign(req, key, EVP_sha256()), >, 0);
    return req;
}

static char *csr_text(X509_REQ *req, unsigned columns)
{
    uint8_t *der = NULL;
    int n = i2d_X509_REQ(req, &der);
    g_autofree char *line = g_base64_encode(der, (gsize)n);
    GString *s = g_string_new(NULL);
    OPENSSL_free(der);
    for (size_t at = 0; at < strlen(line); at += columns)
        g_string_append_printf(s, "%.*s\n", (int)columns, line + at);
    return g_string_free(s, FALSE);
}

static char *get(struct fixture *f, struct peer *p, const char *path)
{
    g_autofree char *request =
        g_strdup_printf("GET %s HTTP/1.1\r\nHost: %s:%u\r\n\r\n", path, f->fqdn, sim_port(f->sim));
    return peer_exchange(p, request);
}

static char *post(struct fixture *f, struct peer *p, const char *path, const char *headers, const char *body)
{
    g_autofree char *request = g_strdup_printf(
        "POST %s HTTP/1.1\r\nHost: %s:%u\r\n%sContent-Length: %zu\r\n\r\n%s", path, f->fqdn, sim_port(f->sim),
        headers ? headers : "Content-Type: application/pkcs10\r\nContent-Transfer-Encoding: base64\r\n",
        strlen(body), body);
    return peer_exchange(p, request);
}

static char *enrol_with(struct fixture *f, struct peer *p, const char *path, const char *san,
                        const char *challenge)
{
    X509_REQ *req = make_csr(f->key, san, challenge);
    g_autofree char *body = csr_text(req, 64);
    X509_REQ_free(req);
    return post(f, p, path, NULL, body);
}

/* base64(tls-unique): the first Finished of a full handshake is the client's. */
static char *tls_unique(struct peer *p)
{
    uint8_t octets[64];
    size_t n = SSL_get_finished(peer_ssl(p), octets, sizeof octets);
    return g_base64_encode(octets, n);
}

/* ---- answers ---- */

static uint8_t *body_octets(const char *answer, size_t *ret_n)
{
    uint8_t *der;
    g_assert_cmpint(base64_decode(answer_body(answer), strlen(answer_body(answer)), &der, ret_n), ==, 0);
    return der;
}

/* The first certificate of a certs-only answer, or NULL when there is none. */
static X509 *first_certificate(const uint8_t *der, size_t n)
{
    PKCS7 *p7 = d2i_PKCS7(NULL, &der, (long)n);
    g_assert_nonnull(p7);
    g_assert_true(PKCS7_type_is_signed(p7));
    X509 *cert = sk_X509_num(p7->d.sign->cert) > 0 ? sk_X509_value(p7->d.sign->cert, 0) : NULL;
    if (cert)
        X509_up_ref(cert);
    PKCS7_free(p7);
    return cert;
}

static X509 *certificate_of(const char *answer)
{
    size_t n;
    uint8_t *der = body_octets(answer, &n);
    X509 *cert = first_certificate(der, n);
    free(der);
    return cert;
}

static X509 *trust_anchor(struct fixture *f)
{
    FILE *file = fopen(sim_ca_path(f->sim), "r");
    X509 *ca = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    g_assert_nonnull(ca);
    fclose(file);
    return ca;
}

static int verify(struct fixture *f, X509 *cert)
{
    X509 *ca = trust_anchor(f);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, ca);
    X509_STORE_CTX_init(ctx, store, cert, NULL);
    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT);
    int r = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(ca);
    return r;
}

static char *san_of(X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    if (!names)
        return NULL;
    const GENERAL_NAME *first = sk_GENERAL_NAME_value(names, 0);
    g_assert_cmpint(first->type, ==, GEN_DNS);
    char *text = g_strndup((const char *)ASN1_STRING_get0_data(first->d.dNSName),
                           (gsize)ASN1_STRING_length(first->d.dNSName));
    GENERAL_NAMES_free(names);
    return text;
}

static gboolean last_violation(struct fixture *f, const char *word)
{
    json_t *log = sim_log(f->sim), *v;
    size_t i;
    gboolean found = FALSE;
    json_array_foreach(json_object_get(json_array_get(log, json_array_size(log) - 1), "violation"), i, v)
        found = found || strstr(json_string_value(v), word) != NULL;
    json_decref(log);
    return found;
}

static char *primitive(struct fixture *f, struct peer *p, const char *fr)
{
    g_autofree char *request =
        g_strdup_printf("GET /_/%s/- HTTP/1.1\r\nHost: %s:%u\r\nX-M2M-Origin: %s\r\nX-M2M-RI: 1\r\nAccept: "
                        "application/vnd.onem2m-res+json\r\n\r\n",
                        f->fqdn, f->fqdn, sim_port(f->sim), fr);
    g_autofree char *answer = peer_exchange(p, request);
    return answer_header(answer, "X-M2M-RSC");
}

/* ---- tests ---- */

static void test_exchange(void)
{
    struct fixture f;
    set_up(&f, "mef.example.com", NULL);
    g_assert_cmpstr(peer_cipher(f.peer), ==, "PSK-AES128-CBC-SHA256");
    g_autofree char *rsc = primitive(&f, f.peer, "//m2m.example.com/gw42");
    g_assert_cmpstr(rsc, ==, "2000");

    g_autofree char *cacerts = get(&f, f.peer, EST "/cacerts"),
                    *media = answer_header(cacerts, "Content-Type");
    X509 *ca = certificate_of(cacerts), *anchor = trust_anchor(&f);
    g_assert_cmpint(X509_cmp(ca, anchor), ==, 0);
    g_assert_true(g_str_has_prefix(media, "application/pkcs7-mime"));
    X509_free(ca);
    X509_free(anchor);

    g_autofree char *attrs = get(&f, f.peer, EST "/csrattrs"),
                    *attrs_type = answer_header(attrs, "Content-Type");
    size_t n;
    uint8_t *der = body_octets(attrs, &n);
    static const uint8_t challenge_oid[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07};
    g_assert_cmpuint(der[0], ==, 0x30);
    g_assert_cmpuint(der[1], ==, n - 2);
    g_assert_nonnull(memmem(der, n, challenge_oid, sizeof challenge_oid));
    g_assert_cmpstr(attrs_type, ==, "application/csrattrs");
    free(der);

    g_autofree char *unique = tls_unique(f.peer);
    g_autofree char *answer = enrol_with(&f, f.peer, EST "/simpleenroll", SAN, unique);
    g_assert_cmpint(answer_status(answer), ==, 200);
    X509 *cert = certificate_of(answer);
    g_autofree char *san = san_of(cert);
    g_assert_cmpint(verify(&f, cert), ==, X509_V_OK);
    g_assert_true(EVP_PKEY_eq(X509_get0_pubkey(cert), f.key) == 1);
    g_assert_cmpstr(san, ==, SAN);

    /* The certificate belongs to the client that enrolled it, and to nobody else. */
    struct peer *with_cert = connect_as(&f, cert, f.key, NULL);
    g_assert_nonnull(with_cert);
    g_assert_cmpstr(peer_cipher(with_cert), ==, "ECDHE-ECDSA-AES128-SHA256");
    g_autofree char *own = primitive(&f, with_cert, "//m2m.example.com/gw42");
    g_autofree char *foreign = primitive(&f, with_cert, "//m2m.example.com/gw43");
    g_assert_cmpstr(own, ==, "2000");
    g_assert_cmpstr(foreign, ==, "4106");

    g_autofree char *unique2 = tls_unique(with_cert);
    g_autofree char *again = enrol_with(&f, with_cert, EST "/simplereenroll", SAN, unique2);
    g_assert_cmpint(answer_status(again), ==, 200);
    sim_assert_no_violation(f.sim);
    g_autofree char *other = enrol_with(&f, with_cert, EST "/simplereenroll", "other.example.com", unique2);
    g_assert_cmpint(answer_status(other), ==, 403);
    g_autofree char *by_psk = enrol_with(&f, f.peer, EST "/simplereenroll", SAN, unique);
    g_assert_cmpint(answer_status(by_psk), ==, 403);

    json_t *state = sim_state(f.sim), *made = json_object_get(json_object_get(state, "state"), "enrolments");
    g_assert_cmpuint(json_array_size(made), ==, 2);
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(made, 0), "identity")), ==, KPM_ID);
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(made, 0), "challenge")), ==, "right");
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(made, 1), "identity")), ==, SAN);
    json_decref(state);
    peer_close(with_cert);
    X509_free(cert);
    tear_down(&f);
}

/* Each flaw that the scenario asks for is really in the certificate, and nothing else is. */
static void test_flaws(void)
{
    static const struct {
        const char *word;
        int verify;
        gboolean own_key;
        const char *san;
    } cases[] = {
        {"good", X509_V_OK, TRUE, SAN},
        {"wrong-key", X509_V_OK, FALSE, SAN},
        {"other-san", X509_V_OK, TRUE, "other.invalid"},
        {"no-san", X509_V_OK, TRUE, NULL},
        {"expired", X509_V_ERR_CERT_HAS_EXPIRED, TRUE, SAN},
        {"not-yet", X509_V_ERR_CERT_NOT_YET_VALID, TRUE, SAN},
        {"other-ca", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TRUE, SAN},
        {"self-signed", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, FALSE, SAN},
    };
    struct fixture f;
    set_up(&f, "mef.example.com", "{\"est\":{\"csrattrs\":\"none\"}}");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *change = g_strdup_printf("{\"est\":{\"certificate\":\"%s\"}}", cases[i].word);
        json_decref(sim_post(f.sim, "/sim/scenario", change));
        g_autofree char *answer = enrol_with(&f, f.peer, EST "/simpleenroll", SAN, NULL);
        g_test_message("%s", cases[i].word);
        g_assert_cmpint(answer_status(answer), ==, 200);
        X509 *cert = certificate_of(answer);
        g_autofree char *san = san_of(cert);
        g_assert_cmpint(verify(&f, cert), ==, cases[i].verify);
        g_assert_cmpint(EVP_PKEY_eq(X509_get0_pubkey(cert), f.key) == 1, ==, cases[i].own_key);
        g_assert_cmpstr(san, ==, cases[i].san);
        X509_free(cert);
    }
    json_decref(sim_post(f.sim, "/sim/scenario", "{\"est\":{\"certificate\":\"none\"}}"));
    g_autofree char *none = enrol_with(&f, f.peer, EST "/simpleenroll", SAN, NULL);
    g_assert_null(certificate_of(none));
    sim_assert_no_violation(f.sim);
    tear_down(&f);
}

static void scenario(struct fixture *f, const char *est)
{
    g_autofree char *text = g_strdup_printf("{\"est\":%s}", est);
    json_decref(sim_post(f->sim, "/sim/scenario", text));
}

static void test_forms(void)
{
    struct fixture f;
    set_up(&f, "mef.example.com", "{\"est\":{\"path\":[\"/est\",\"/a/b\"]}}");
    g_autofree char *not_there = get(&f, f.peer, EST "/cacerts");
    g_assert_cmpint(answer_status(not_there), !=, 200);
    g_autofree char *line = get(&f, f.peer, "/est/cacerts"),
                    *cte = answer_header(line, "Content-Transfer-Encoding");
    g_assert_null(strchr(answer_body(line), '\n'));
    g_assert_cmpstr(cte, ==, "base64");
    scenario(&f, "{\"columns\":64,\"transfer-encoding-header\":false,\"smime-type\":false,\"chain\":true}");
    g_autofree char *lines = get(&f, f.peer, "/a/b/cacerts"), *type = answer_header(lines, "Content-Type");
    g_autofree char *no_cte = answer_header(lines, "Content-Transfer-Encoding");
    g_assert_cmpuint(strcspn(answer_body(lines), "\r\n"), ==, 64);
    g_assert_cmpstr(type, ==, "application/pkcs7-mime");
    g_assert_null(no_cte);
    X509 *ca = certificate_of(lines);
    g_assert_nonnull(ca);
    X509_free(ca);
    scenario(&f, "{\"encoding\":\"der\"}");
    g_autofree char *request =
        g_strdup_printf("GET /est/cacerts HTTP/1.1\r\nHost: mef.example.com:%u\r\n\r\n", sim_port(f.sim));
    peer_send(f.peer, request, strlen(request));
    /* Octets, not text: read as many as the length says. */
    GByteArray *all = peer_rest(f.peer, 1, NULL);
    const uint8_t *body = memmem(all->data, all->len, "\r\n\r\n", 4);
    g_assert_nonnull(body);
    X509 *raw = first_certificate(body + 4, all->len - (size_t)(body + 4 - all->data));
    g_assert_nonnull(raw);
    X509_free(raw);
    g_byte_array_unref(all);
    tear_down(&f);
}

static void test_csrattrs(void)
{
    static const struct {
        const char *word;
        int status;
        const char *hex;
    } cases[] = {
        {"none", 204, NULL},
        {"not-found", 404, NULL},
        {"empty", 200, "3000"},
        {"challenge", 200, "300b06092a864886f70d010907"},
        {"no-challenge", 200,
         "3035301206092a864886f70d01090e310506 "
         "03551d11301506072a8648ce3d0201310a06082a8648ce3d03010706082a8648ce3d040302"},
    };
    struct fixture f;
    set_up(&f, "mef.example.com", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *est = g_strdup_printf("{\"csrattrs\":\"%s\"}", cases[i].word);
        scenario(&f, est);
        g_autofree char *answer = get(&f, f.peer, EST "/csrattrs");
        g_assert_cmpint(answer_status(answer), ==, cases[i].status);
        if (!cases[i].hex)
            continue;
        size_t n;
        uint8_t *der = body_octets(answer, &n);
        g_autofree char *hex = g_malloc(2 * n + 1);
        hex_encode(der, n, hex);
        free(der);
        g_auto(GStrv) words = g_strsplit(cases[i].hex, " ", -1);
        g_autofree char *wanted = g_strjoinv("", words);
        g_assert_cmpstr(hex, ==, wanted);
    }
    scenario(&f, "{\"csrattrs-der\":\"30820102\"}");
    g_autofree char *own = get(&f, f.peer, EST "/csrattrs");
    g_assert_cmpstr(answer_body(own), ==, "MIIBAg==");
    tear_down(&f);
}

static void test_pending_and_status(void)
{
    struct fixture f;
    set_up(&f, "mef.example.com", "{\"est\":{\"pending\":{\"times\":2,\"retry-after\":7}}}");
    for (int i = 0; i < 2; i++) {
        g_autofree char *wait = enrol_with(&f, f.peer, EST "/simpleenroll", SAN, NULL);
        g_autofree char *after = answer_header(wait, "Retry-After");
        g_assert_cmpint(answer_status(wait), ==, 202);
        g_assert_cmpstr(after, ==, "7");
    }
    g_autofree char *done = enrol_with(&f, f.peer, EST "/simpleenroll", SAN, NULL);
    g_assert_cmpint(answer_status(done), ==, 200);
    scenario(&f, "{\"pending\":{\"times\":1,\"retry-after\":60,\"as-date\":true}}");
    g_autofree char *date = enrol_with(&f, f.peer, EST "/simpleenroll", SAN, NULL);
    g_autofree char *after = answer_header(date, "Retry-After");
    g_assert_true(g_str_has_suffix(after, " GMT"));
    scenario(&f, "{\"status\":{\"simpleenroll\":401}}");
    g_autofree char *refused = enrol_with(&f, f.peer, EST "/simpleenroll", SAN, NULL);
    g_assert_cmpint(answer_status(refused), ==, 401);
    g_autofree char *cacerts = get(&f, f.peer, EST "/cacerts");
    g_assert_cmpint(answer_status(cacerts), ==, 200);
    tear_down(&f);
}

/* What a client does against interop.md or the profile is written down; what is wrong is refused. */
static void test_bad_requests(void)
{
    struct fixture f;
    set_up(&f, "mef.example.com", NULL);
    X509_REQ *req = make_csr(f.key, SAN, NULL);
    g_autofree char *good = csr_text(req, 64), *unbroken = csr_text(req, 4096);
    g_autofree char *no_cte =
        post(&f, f.peer, EST "/simpleenroll", "Content-Type: application/pkcs10\r\n", good);
    g_assert_cmpint(answer_status(no_cte), ==, 200); /* noted, not refused */
    g_assert_true(last_violation(&f, "Content-Transfer-Encoding"));
    g_autofree char *long_line = post(&f, f.peer, EST "/simpleenroll", NULL, unbroken);
    g_assert_cmpint(answer_status(long_line), ==, 200); /* noted, not refused */
    g_assert_true(last_violation(&f, "longer than 64"));
    g_autofree char *basic = post(&f, f.peer, EST "/simpleenroll",
                                  "Authorization: Basic eDp5\r\nContent-Type: application/pkcs10\r\n"
                                  "Content-Transfer-Encoding: base64\r\n",
                                  good);
    g_assert_cmpint(answer_status(basic), ==, 200); /* noted, not refused */
    g_assert_true(last_violation(&f, "HTTP authentication"));
    g_autofree char *junk = post(&f, f.peer, EST "/simpleenroll", NULL, "MIIB!");
    g_assert_cmpint(answer_status(junk), ==, 400);
    g_autofree char *wrong = enrol_with(&f, f.peer, EST "/simpleenroll", SAN, "bm90IGl0");
    g_assert_cmpint(answer_status(wrong), ==, 400);
    g_assert_true(last_violation(&f, "tls-unique"));
    g_autofree char *no_san = enrol_with(&f, f.peer, EST "/simpleenroll", NULL, NULL);
    g_assert_cmpint(answer_status(no_san), ==, 200); /* noted, not refused */
    g_assert_true(last_violation(&f, "no subjectAltName"));
    /* A signature by another key proves no possession. */
    EVP_PKEY *other = EVP_EC_gen("P-256");
    X509_REQ_sign(req, other, EVP_sha256());
    EVP_PKEY_free(other);
    g_autofree char *forged = csr_text(req, 64),
                    *answer = post(&f, f.peer, EST "/simpleenroll", NULL, forged);
    g_assert_cmpint(answer_status(answer), ==, 400);
    g_assert_true(last_violation(&f, "does not verify"));
    X509_REQ_free(req);
    EVP_PKEY *p384 = EVP_EC_gen("P-384");
    req = make_csr(p384, SAN, NULL);
    g_autofree char *big = csr_text(req, 64), *curve = post(&f, f.peer, EST "/simpleenroll", NULL, big);
    g_assert_cmpint(answer_status(curve), ==, 200); /* noted, not refused */
    g_assert_true(last_violation(&f, "P-256"));
    X509_REQ_free(req);
    EVP_PKEY_free(p384);
    /* Header and body in two writes. */
    g_autofree char *head =
        g_strdup_printf("POST " EST "/simpleenroll HTTP/1.1\r\nHost: mef.example.com:%u\r\n"
                        "Content-Type: application/pkcs10\r\nContent-Transfer-Encoding: base64\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        sim_port(f.sim), strlen(good));
    peer_send(f.peer, head, strlen(head));
    g_autofree char *split = peer_exchange(f.peer, good);
    g_assert_cmpint(answer_status(split), ==, 200);
    g_assert_true(last_violation(&f, "more than one write"));
    g_autofree char *method = get(&f, f.peer, EST "/simpleenroll");
    g_assert_cmpint(answer_status(method), ==, 405);
    tear_down(&f);
}

/* A certificate of somebody else's CA ends the handshake; none at all may fetch cacerts but not enrol. */
static void test_foreign_certificate(void)
{
    struct fixture f;
    set_up(&f, "mef.example.com", "{\"est\":{\"certificate\":\"other-ca\",\"csrattrs\":\"none\"}}");
    g_autofree char *answer = enrol_with(&f, f.peer, EST "/simpleenroll", SAN, NULL), *error = NULL;
    X509 *cert = certificate_of(answer);
    g_assert_null(connect_as(&f, cert, f.key, &error));
    g_assert_nonnull(strstr(error, "unknown ca"));
    X509_free(cert);
    struct peer *nobody =
        peer_open(&(struct peer_how){.port = sim_port(f.sim), .sni = f.fqdn, .ca = sim_ca_path(f.sim)}, NULL);
    g_autofree char *cacerts = get(&f, nobody, EST "/cacerts");
    g_autofree char *refused = enrol_with(&f, nobody, EST "/simpleenroll", SAN, NULL);
    g_assert_cmpint(answer_status(cacerts), ==, 200);
    g_assert_cmpint(answer_status(refused), ==, 403);
    peer_close(nobody);
    tear_down(&f);
}

static int run(const char *line, char **ret_error)
{
    int status = -1;
    g_autofree char *out = NULL;
    g_assert_true(g_spawn_command_line_sync(line, &out, ret_error, &status, NULL));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* strongSwan's pki, which knows nothing of us, fetches the CA and re-enrols. */
static void test_pki(void)
{
    g_autofree char *pki = g_find_program_in_path("pki");
    struct fixture f;
    if (!pki) {
        g_test_skip("strongswan-pki is not installed");
        return;
    }
    set_up(&f, "localhost", "{\"est\":{\"csrattrs\":\"none\"}}"); /* pki resolves names by itself */
    g_autofree char *answer = enrol_with(&f, f.peer, EST "/simpleenroll", SAN, NULL), *error = NULL,
                    *error2 = NULL;
    X509 *cert = certificate_of(answer);
    EVP_PKEY *fresh = EVP_EC_gen("P-256");
    X509_REQ *req = make_csr(fresh, SAN, NULL);
    g_autofree char *cert_path = g_build_filename(f.dir, "old.pem", NULL),
                    *key = g_build_filename(f.dir, "old.key", NULL);
    g_autofree char *csr = g_build_filename(f.dir, "new.csr", NULL),
                    *ca = g_build_filename(f.dir, "fetched", NULL);
    FILE *file = fopen(cert_path, "w");
    PEM_write_X509(file, cert);
    fclose(file);
    file = fopen(key, "w");
    PEM_write_PrivateKey(file, f.key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    file = fopen(csr, "w");
    uint8_t *der = NULL;
    int n = i2d_X509_REQ(req, &der);
    g_assert_cmpuint(fwrite(der, 1, (size_t)n, file), ==, (size_t)n);
    fclose(file);
    OPENSSL_free(der);
    g_autofree char *fetch = g_strdup_printf("%s --estca --url https://localhost:%u --cacert %s --caout %s",
                                             pki, sim_port(f.sim), sim_ca_path(f.sim), ca);
    g_autofree char *enrol = g_strdup_printf(
        "%s --est --url https://localhost:%u --cacert %s --in %s --cert %s --key %s --outform pem", pki,
        sim_port(f.sim), sim_ca_path(f.sim), csr, cert_path, key);
    if (run(fetch, &error) != 0)
        g_error("pki --estca: %s", error);
    if (run(enrol, &error2) != 0)
        g_error("pki --est: %s", error2);
    json_t *state = sim_state(f.sim), *made = json_object_get(json_object_get(state, "state"), "enrolments");
    g_assert_cmpuint(json_array_size(made), ==, 2);
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(made, 1), "op")), ==, "simplereenroll");
    json_decref(state);
    X509_REQ_free(req);
    X509_free(cert);
    EVP_PKEY_free(fresh);
    tear_down(&f);
}

/* The control port gives certificates to clients that start with one. */
static void test_issue(void)
{
    struct fixture f;
    set_up(&f, "mef.example.com", NULL);
    X509_REQ *req = make_csr(f.key, SAN, NULL);
    g_autofree char *text = csr_text(req, 64);
    json_t *ask = json_pack("{s:s}", "csr", text), *answer = sim_call(f.sim, "POST", "/sim/issue", ask, NULL);
    const char *pem = json_string_value(json_object_get(answer, "certificate"));
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    g_assert_cmpint(verify(&f, cert), ==, X509_V_OK);
    struct peer *p = connect_as(&f, cert, f.key, NULL);
    g_assert_nonnull(p);
    g_autofree char *rsc = primitive(&f, p, "//m2m.example.com/gw42");
    g_assert_cmpstr(rsc, ==, "2000");
    peer_close(p);
    BIO_free(bio);
    X509_free(cert);
    X509_REQ_free(req);
    json_decref(ask);
    json_decref(answer);
    tear_down(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/est/exchange", test_exchange);
    g_test_add_func("/sim/est/flaws", test_flaws);
    g_test_add_func("/sim/est/forms", test_forms);
    g_test_add_func("/sim/est/csrattrs", test_csrattrs);
    g_test_add_func("/sim/est/pending-and-status", test_pending_and_status);
    g_test_add_func("/sim/est/bad-requests", test_bad_requests);
    g_test_add_func("/sim/est/foreign-certificate", test_foreign_certificate);
    g_test_add_func("/sim/est/strongswan-pki", test_pki);
    g_test_add_func("/sim/est/issue", test_issue);
    return g_test_run();
}
