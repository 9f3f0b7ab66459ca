/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pkcs11: token keys inside OpenSSL. Everything here that is not the key runs in OpenSSL's default context,
 * as in libcurl's SSL_CTX. */
#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <p11-kit/pkcs11.h>

#include "tests/token/token-test.h"

#define ID                                                                                                   \
    ((const uint8_t *)"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14")
#define THREADS 4
#define ROUNDS  25

static void env_with_key(struct env *e, bool shim, EVP_PKEY **key)
{
    env_setup(e, shim);
    env_open(e);
    assert_ok(token_generate_p256(e->t, ID, 20, "device", err));
    assert_ok(token_key_to_evp(e->t, ID, 20, key, err));
}

static int digest_sign(EVP_PKEY *key, const char *md, uint8_t *sig, size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int r = EVP_DigestSignInit_ex(ctx, NULL, md, NULL, NULL, key, NULL) == 1 &&
            EVP_DigestSignUpdate(ctx, "hello ", 6) == 1 && EVP_DigestSignUpdate(ctx, "world", 5) == 1 &&
            EVP_DigestSignFinal(ctx, sig, len) == 1;

    EVP_MD_CTX_free(ctx);
    if (!r && g_test_verbose())
        ERR_print_errors_fp(stderr);
    return r;
}

static int digest_verify(EVP_PKEY *key, const char *md, const uint8_t *sig, size_t len, const char *text)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int r = EVP_DigestVerifyInit_ex(ctx, NULL, md, NULL, NULL, key, NULL) == 1 &&
            EVP_DigestVerify(ctx, sig, len, (const uint8_t *)text, strlen(text)) == 1;

    EVP_MD_CTX_free(ctx);
    return r;
}

/* A plain key of the default context with the same point: what the peer has. */
static EVP_PKEY *plain_public(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    const unsigned char *p = der;

    g_assert_cmpint(n, ==, 91);
    EVP_PKEY *out = d2i_PUBKEY(NULL, &p, n);
    g_assert_nonnull(out);
    OPENSSL_free(der);
    return out;
}

static void test_sign(void)
{
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512", "SHA224"};
    struct env e;
    EVP_PKEY *key = NULL, *public_key, *from_token = NULL;
    uint8_t sig[128], digest[32] = {1, 2, 3};
    size_t len;
    char group[32];

    env_with_key(&e, false, &key);
    public_key = plain_public(key);
    for (size_t i = 0; i < G_N_ELEMENTS(digests); i++) {
        for (int k = 0; k < 8; k++) { /* lengths of r and s vary */
            len = sizeof sig;
            g_assert_true(digest_sign(key, digests[i], sig, &len));
            g_assert_true(digest_verify(public_key, digests[i], sig, len, "hello world"));
            g_assert_false(digest_verify(public_key, digests[i], sig, len, "hello worle"));
            g_assert_true(digest_verify(key, digests[i], sig, len, "hello world"));
            g_assert_false(digest_verify(key, digests[i], sig, len, "hello worle"));
        }
    }
    g_assert_false(digest_sign(key, "SHA1", sig, &len));
    g_assert_false(digest_sign(key, "MD5", sig, &len));
    len = 20; /* too small a buffer */
    g_assert_false(digest_sign(key, "SHA256", sig, &len));
    /* Over a digest, as TLS below 1.3 may do. */
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    g_assert_cmpint(EVP_PKEY_sign_init(ctx), ==, 1);
    g_assert_cmpint(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), ==, 1);
    g_assert_cmpint(EVP_PKEY_sign(ctx, NULL, &len, digest, 32), ==, 1);
    g_assert_cmpuint(len, ==, 72);
    g_assert_cmpint(EVP_PKEY_sign(ctx, sig, &len, digest, 31), !=, 1);
    len = sizeof sig;
    g_assert_cmpint(EVP_PKEY_sign(ctx, sig, &len, digest, 32), ==, 1);
    EVP_PKEY_CTX_free(ctx);
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, public_key, NULL);
    g_assert_cmpint(EVP_PKEY_verify_init(ctx), ==, 1);
    g_assert_cmpint(EVP_PKEY_verify(ctx, sig, len, digest, 32), ==, 1);
    EVP_PKEY_CTX_free(ctx);
    /* What it says of itself. */
    g_assert_true(EVP_PKEY_is_a(key, "EC"));
    g_assert_cmpint(EVP_PKEY_get_base_id(key), ==, EVP_PKEY_EC);
    g_assert_cmpint(EVP_PKEY_get_bits(key), ==, 256);
    g_assert_cmpint(EVP_PKEY_get_security_bits(key), ==, 128);
    g_assert_cmpint(EVP_PKEY_get_size(key), ==, 72);
    g_assert_cmpint(EVP_PKEY_get_group_name(key, group, sizeof group, &len), ==, 1);
    g_assert_cmpstr(group, ==, "prime256v1");
    g_assert_cmpint(EVP_PKEY_eq(key, public_key), ==, 1);
    g_assert_cmpint(EVP_PKEY_eq(public_key, key), ==, 1);
    assert_ok(token_public_to_evp(e.t, ID, 20, &from_token, err));
    g_assert_cmpint(EVP_PKEY_eq(key, from_token), ==, 1);
    EVP_PKEY *stranger = EVP_EC_gen("P-256"), *other_curve = EVP_EC_gen("P-384");
    g_assert_cmpint(EVP_PKEY_eq(key, stranger), !=, 1);
    g_assert_cmpint(EVP_PKEY_eq(stranger, key), !=, 1);
    g_assert_cmpint(EVP_PKEY_eq(key, other_curve), !=, 1);
    /* OpenSSL's own errors of the comparisons stay in its queue; ours must not add to them on success. */
    ERR_clear_error();
    len = sizeof sig;
    g_assert_true(digest_sign(key, "SHA256", sig, &len));
    g_assert_cmpuint(ERR_peek_error(), ==, 0);
    /* An entry of the caller survives our calls. */
    ERR_raise(ERR_LIB_USER, 77);
    len = sizeof sig;
    g_assert_true(digest_sign(key, "SHA256", sig, &len));
    g_assert_cmpint(ERR_GET_REASON(ERR_get_error()), ==, 77);
    g_assert_cmpuint(ERR_peek_error(), ==, 0);
    EVP_PKEY_free(stranger);
    EVP_PKEY_free(other_curve);
    EVP_PKEY_free(from_token);
    EVP_PKEY_free(public_key);
    EVP_PKEY_free(key);
    env_teardown(&e);
}

/* The private half comes out by no way that OpenSSL has. */
static void test_no_export(void)
{
    struct env e;
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    BIGNUM *d = NULL;
    unsigned char *der = NULL;

    env_with_key(&e, false, &key);
    g_assert_cmpint(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), !=, 1);
    g_assert_cmpint(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d), !=, 1);
    g_assert_cmpint(i2d_PrivateKey(key, &der), <, 0);
    BIO *bio = BIO_new(BIO_s_mem());
    g_assert_cmpint(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), !=, 1);
    BIO_free(bio);
    g_assert_cmpint(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), ==, 1);
    g_assert_null(OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_PRIV_KEY));
    g_assert_nonnull(OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_PUB_KEY));
    OSSL_PARAM_free(params);
    /* A duplicate works, and is counted. */
    EVP_PKEY *copy = EVP_PKEY_dup(key);
    uint8_t sig[128];
    size_t len = sizeof sig;
    g_assert_nonnull(copy);
    EVP_PKEY_free(key);
    g_assert_true(digest_sign(copy, "SHA256", sig, &len));
    EVP_PKEY_free(copy);
    ERR_clear_error();
    env_teardown(&e);
}

static void test_csr(void)
{
    struct env e;
    EVP_PKEY *key = NULL;

    env_with_key(&e, false, &key);
    X509_REQ *req = X509_REQ_new();
    X509_NAME *name = X509_REQ_get_subject_name(req);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"device", -1, -1, 0);
    g_assert_cmpint(X509_REQ_set_pubkey(req, key), ==, 1);
    g_assert_cmpint(X509_REQ_sign(req, key, EVP_sha256()), >, 0);
    g_assert_cmpint(X509_REQ_get_signature_nid(req), ==, NID_ecdsa_with_SHA256);
    g_assert_cmpint(X509_REQ_verify(req, key), ==, 1);
    /* As the CA sees it. */
    unsigned char *der = NULL;
    int n = i2d_X509_REQ(req, &der);
    const unsigned char *p = der;
    X509_REQ *seen = d2i_X509_REQ(NULL, &p, n);
    g_assert_cmpint(X509_REQ_verify(seen, X509_REQ_get0_pubkey(seen)), ==, 1);
    g_assert_cmpint(EVP_PKEY_eq(X509_REQ_get0_pubkey(seen), key), ==, 1);
    OPENSSL_free(der);
    X509_REQ_free(seen);
    X509_REQ_free(req);
    EVP_PKEY_free(key);
    env_teardown(&e);
}

/* ---- TLS ---------------------------------------------------------------------------------------------- */

struct tls {
    SSL_CTX *server, *client;
    EVP_PKEY *ca_key, *server_key;
    X509 *ca, *server_cert, *client_cert;
};

static void tls_setup(struct tls *t, EVP_PKEY *key, int version)
{
    t->ca_key = EVP_EC_gen("P-256");
    t->server_key = EVP_EC_gen("P-256");
    t->ca = make_cert("ca", t->ca_key, NULL, NULL, 1);
    t->server_cert = make_cert("mef.example", t->server_key, "ca", t->ca_key, 2);
    t->client_cert = make_cert("device", key, "ca", t->ca_key, 3);
    t->server = SSL_CTX_new(TLS_server_method());
    t->client = SSL_CTX_new(TLS_client_method());
    SSL_CTX *both[] = {t->server, t->client};
    for (size_t i = 0; i < 2; i++) {
        g_assert_cmpint(SSL_CTX_set_min_proto_version(both[i], version), ==, 1);
        g_assert_cmpint(SSL_CTX_set_max_proto_version(both[i], version), ==, 1);
        if (version == TLS1_2_VERSION)
            g_assert_cmpint(SSL_CTX_set_cipher_list(both[i], "ECDHE-ECDSA-AES128-SHA256"), ==, 1);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(both[i]), t->ca);
        SSL_CTX_set_verify(both[i], SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    g_assert_cmpint(SSL_CTX_use_certificate(t->server, t->server_cert), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey(t->server, t->server_key), ==, 1);
    g_assert_cmpint(SSL_CTX_use_certificate(t->client, t->client_cert), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey(t->client, key), ==, 1);
    g_assert_cmpint(SSL_CTX_check_private_key(t->client), ==, 1);
}

static void tls_teardown(struct tls *t)
{
    SSL_CTX_free(t->server);
    SSL_CTX_free(t->client);
    EVP_PKEY_free(t->ca_key);
    EVP_PKEY_free(t->server_key);
    X509_free(t->ca);
    X509_free(t->server_cert);
    X509_free(t->client_cert);
}

/* Shakes hands over two memory BIOs; true when both ends are done. `ret_cn` gets the client's name as the
 * server verified it. */
static bool tls_handshake(struct tls *t, char ret_suite[64], char ret_cn[64])
{
    SSL *s = SSL_new(t->server), *c = SSL_new(t->client);
    BIO *a = NULL, *b = NULL;
    bool done = false, failed = false;

    g_assert_cmpint(BIO_new_bio_pair(&a, 0, &b, 0), ==, 1);
    SSL_set_bio(s, a, a);
    SSL_set_bio(c, b, b);
    SSL_set_accept_state(s);
    SSL_set_connect_state(c);
    for (int i = 0; i < 50 && !done && !failed; i++) {
        int rc = SSL_do_handshake(c), rs;
        if (rc <= 0 && SSL_get_error(c, rc) == SSL_ERROR_SSL)
            break; /* the server's turn would clear the error queue */
        rs = SSL_do_handshake(s);
        done = rc == 1 && rs == 1;
        failed = rs <= 0 && SSL_get_error(s, rs) == SSL_ERROR_SSL;
    }
    if (done) {
        X509 *peer = SSL_get1_peer_certificate(s);
        g_assert_cmpint(SSL_get_verify_result(s), ==, X509_V_OK);
        g_strlcpy(ret_suite, SSL_get_cipher_name(c), 64);
        X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, ret_cn, 64);
        X509_free(peer);
    }
    if (!done && g_test_verbose())
        g_test_message("%s", ERR_reason_error_string(ERR_peek_last_error()));
    SSL_free(s);
    SSL_free(c);
    return done;
}

static void test_tls(void)
{
    static const struct {
        int version;
        const char *suite;
    } cases[] = {{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256"}, {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"}};
    struct env e;
    EVP_PKEY *key = NULL;
    char suite[64] = "", cn[64] = "";

    env_with_key(&e, true, &key);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct tls t;
        tls_setup(&t, key, cases[i].version);
        atomic_store(&e.shim->count[SHIM_Sign], 0);
        g_assert_true(tls_handshake(&t, suite, cn));
        g_assert_cmpstr(suite, ==, cases[i].suite);
        g_assert_cmpstr(cn, ==, "device");
        g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_Sign]), ==, 1); /* the token did sign */
        /* The token fails in the handshake: no connection, and the reason is there to be read. */
        ERR_clear_error();
        shim_fail(&e, SHIM_Sign, 1, CKR_FUNCTION_FAILED, false);
        g_assert_false(tls_handshake(&t, suite, cn));
        bool told = false;
        const char *data;
        int flags;
        while (ERR_get_error_all(NULL, NULL, NULL, &data, &flags))
            told =
                told || ((flags & ERR_TXT_STRING) && strstr(data, "C_Sign failed with CKR_FUNCTION_FAILED"));
        g_assert_true(told);
        shim_fail(&e, SHIM_Sign, 0, 0, false);
        g_assert_true(tls_handshake(&t, suite, cn));
        tls_teardown(&t);
    }
    EVP_PKEY_free(key);
    env_teardown(&e);
}

/* ---- life --------------------------------------------------------------------------------------------- */

static void test_outlives_close(void)
{
    struct env e;
    EVP_PKEY *key = NULL, *public_key;
    uint8_t sig[128];
    size_t len = sizeof sig;

    env_with_key(&e, false, &key);
    public_key = plain_public(key);
    token_close(e.t);
    ERR_clear_error();
    g_assert_false(digest_sign(key, "SHA256", sig, &len));
    g_assert_cmpuint(ERR_peek_error(), !=, 0);
    ERR_clear_error();
    g_assert_cmpint(EVP_PKEY_eq(key, public_key), ==, 1); /* the public half needs no token */
    assert_ok(token_open(e.t, err));
    len = sizeof sig;
    g_assert_true(digest_sign(key, "SHA256", sig, &len));
    assert_ok(token_delete_id(e.t, TOKEN_PAIR, ID, 20, NULL, err));
    g_assert_false(digest_sign(key, "SHA256", sig, &len));
    ERR_clear_error();
    token_stop(e.t);
    g_assert_false(digest_sign(key, "SHA256", sig, &len));
    ERR_clear_error();
    EVP_PKEY_free(public_key);
    EVP_PKEY_free(key);
    env_teardown(&e);
}

/* ---- threads ------------------------------------------------------------------------------------------ */

struct work {
    struct token *t;
    EVP_PKEY *key, *public_key;
    unsigned number;
};

static gpointer work(gpointer data)
{
    struct work *w = data;
    uint8_t id[20] = {0xee, (uint8_t)w->number}, sig[128];
    char label[32];

    g_snprintf(label, sizeof label, "%u@mef.example", w->number);
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = sizeof sig;
        _cleanup_(secret_freep) struct secret *value = NULL;
        struct secret *read = NULL;
        g_assert_true(digest_sign(w->key, "SHA256", sig, &len));
        g_assert_true(digest_verify(w->public_key, "SHA256", sig, len, "hello world"));
        g_assert_cmpint(secret_copy(label, strlen(label), &value), ==, 0);
        assert_ok(token_put_secret(w->t, label, value, err));
        assert_ok(token_get_secret(w->t, label, &read, err));
        g_assert_cmpmem(read->data, read->len, label, strlen(label));
        secret_free(read);
        if (i % 8 == 0) {
            EVP_PKEY *own = NULL;
            assert_ok(token_generate_p256(w->t, id, 20, label, err));
            assert_ok(token_key_to_evp(w->t, id, 20, &own, err));
            len = sizeof sig;
            g_assert_true(digest_sign(own, "SHA256", sig, &len));
            EVP_PKEY_free(own);
            assert_ok(token_delete_label(w->t, TOKEN_ANY, label, NULL, err));
        }
        struct token_info info;
        g_assert_cmpint(token_info(w->t, &info), ==, 0);
        token_info_clear(&info);
        g_assert_cmpint(token_poll(w->t), ==, TOKEN_PRESENT);
    }
    return NULL;
}

static void test_threads(void)
{
    struct env e;
    struct work w[THREADS];
    GThread *thread[THREADS];
    EVP_PKEY *key = NULL;

    env_with_key(&e, false, &key);
    EVP_PKEY *public_key = plain_public(key);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct work){e.t, key, public_key, i};
        thread[i] = g_thread_new("worker", work, &w[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        g_thread_join(thread[i]);
    EVP_PKEY_free(public_key);
    EVP_PKEY_free(key);
    env_teardown(&e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/token/provider/sign-and-compare", test_sign);
    g_test_add_func("/token/provider/MC-20/private-half-cannot-be-exported", test_no_export);
    g_test_add_func("/token/provider/certificate-request", test_csr);
    g_test_add_func("/token/provider/tls-client-authentication", test_tls);
    g_test_add_func("/token/provider/outlives-close", test_outlives_close);
    g_test_add_func("/token/provider/threads", test_threads);
    return g_test_run();
}
