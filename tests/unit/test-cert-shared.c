/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the certificate calls of one exchange share between cert_begin() and cert_end(): the answers are those
 * of calls that stand alone, and nothing is left behind. */
#include <errno.h>
#include <glib.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/cert/chain.h"
#include "tests/unit/pki.h"

struct pki {
    EVP_PKEY *ca_key, *key, *other;
    X509 *ca;
};

static void pki_init(struct pki *p)
{
    static const struct pki_spec ca = {.cn = "Root", .ca = true};

    p->ca_key = pki_key(NULL);
    p->key = pki_key(NULL);
    p->other = pki_key(NULL);
    p->ca = pki_issue(&ca, p->ca_key, NULL, NULL);
}

static void pki_done(struct pki *p)
{
    EVP_PKEY_free(p->ca_key);
    EVP_PKEY_free(p->key);
    EVP_PKEY_free(p->other);
    X509_free(p->ca);
}

static void *parse_elsewhere(void *data)
{
    const struct der *der = data;

    return cert_parse(der->data, der->len);
}

static void test_shared_parse(void)
{
    static const struct pki_spec spec = {.cn = "gw", .san = "DNS:a.example"};
    OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new(), *other = OSSL_LIB_CTX_new(), *before;
    X509 *once, *again, *changed, *foreign, *thread, *later;
    struct pki p;

    pki_init(&p);
    X509 *cert = pki_issue(&spec, p.key, p.ca, p.ca_key);
    struct der der = pki_der_of(cert);
    before = OSSL_LIB_CTX_set0_default(lib);
    cert_begin(lib);
    once = cert_parse(der.data, der.len);
    again = cert_parse(der.data, der.len);
    g_assert_nonnull(once);
    g_assert_true(once == again);
    /* Never for octets that differ, even in the last one, and never for a part or more than the whole. */
    g_assert_null(cert_parse(der.data, der.len - 1));
    der.data = g_realloc(der.data, der.len + 1);
    der.data[der.len] = 0;
    g_assert_null(cert_parse(der.data, der.len + 1));
    der.data[der.len - 1] ^= 1;
    changed = cert_parse(der.data, der.len);
    g_assert_nonnull(changed);
    g_assert_true(changed != once);
    g_assert_cmpint(X509_cmp(changed, once), !=, 0);
    g_assert_cmpint(X509_verify(once, X509_get0_pubkey(p.ca)), ==, 1);
    g_assert_cmpint(X509_verify(changed, X509_get0_pubkey(p.ca)), !=, 1);
    der.data[der.len - 1] ^= 1;
    /* Not in another context, not on another thread, not afterwards. */
    OSSL_LIB_CTX_set0_default(other);
    foreign = cert_parse(der.data, der.len);
    OSSL_LIB_CTX_set0_default(lib);
    thread = g_thread_join(g_thread_new("elsewhere", parse_elsewhere, &der));
    g_assert_true(foreign && thread && foreign != once && thread != once && thread != foreign);
    cert_end();
    later = cert_parse(der.data, der.len);
    g_assert_true(later && later != once);
    /* What was handed out lives as long as its holder wants, in a context that was only lent. */
    g_assert_cmpint(X509_verify(again, X509_get0_pubkey(p.ca)), ==, 1);
    X509 *all[] = {once, again, changed, foreign, thread, later, cert};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        X509_free(all[i]);
    OSSL_LIB_CTX_set0_default(before);
    OSSL_LIB_CTX_free(lib);
    OSSL_LIB_CTX_free(other);
    free(der.data);
    pki_done(&p);
}

/* Every answer is that of a call that stands alone, whatever was seen before. */
static void test_shared_answers(gconstpointer lent)
{
    static const struct pki_spec spec = {.cn = "gw", .san = "DNS:a.example"};
    OSSL_LIB_CTX *lib = lent ? OSSL_LIB_CTX_new() : NULL, *host = OSSL_LIB_CTX_set0_default(NULL);
    const struct san san = {SAN_DNS, "a.example"}, wrong = {SAN_DNS, "b.example"};
    struct der_list received = {0}, ca = {0}, chain = {0};
    struct mef_error err = {0};
    struct pki p;

    pki_init(&p);
    X509 *cert = pki_issue(&spec, p.key, p.ca, p.ca_key);
    pki_der(cert, &received);
    pki_der(p.ca, &ca);
    const struct der *leaf = &received.item[0];
    g_autofree uint8_t *copy = g_memdup2(leaf->data, leaf->len);
    ERR_clear_error();
    cert_begin(lib);
    for (unsigned i = 0; i < 2; i++) {
        struct csr_params like = {.key = p.key, .subject_id = "gw", .san = &san, .like = leaf};
        struct chain_want want = {.key = p.key, .san = &san, .now = now_realtime()};
        struct cert_info info = {0};
        struct der csr = {0};
        g_assert_cmpint(csr_build(&like, &csr, &err), ==, 0);
        free(csr.data);
        g_assert_true(cert_is_for(leaf, &san, now_realtime()));
        g_assert_false(cert_is_for(leaf, &wrong, now_realtime()));
        g_assert_true(cert_has_key(leaf, p.key));
        g_assert_false(cert_has_key(leaf, p.other));
        g_assert_cmpint(chain_check(&want, &received, &ca, &chain, &err), ==, 0);
        g_assert_cmpuint(chain.n, >=, 1);
        g_assert_cmpmem(chain.item[0].data, chain.item[0].len, copy, leaf->len);
        der_list_clear(&chain);
        want.san = &wrong;
        g_assert_cmpint(chain_check(&want, &received, &ca, &chain, &err), ==, CERT_SERVER_ERROR);
        leaf->data[leaf->len - 1] ^= 1; /* the signature */
        want.san = &san;
        g_assert_cmpint(chain_check(&want, &received, &ca, &chain, &err), ==, CERT_SERVER_ERROR);
        leaf->data[leaf->len - 1] ^= 1;
        g_assert_cmpint(cert_info_get(leaf, &info), ==, 0);
        g_assert_cmpstr(info.subject, ==, "CN=gw");
        cert_info_clear(&info);
        leaf->data[0] ^= 1;
        g_assert_cmpint(cert_info_get(leaf, &info), ==, -EINVAL);
        leaf->data[0] ^= 1;
    }
    g_assert_true(OSSL_LIB_CTX_set0_default(NULL) == host);
    g_assert_cmpuint(ERR_peek_error(), ==, 0);
    cert_end();
    OSSL_LIB_CTX_free(lib);
    X509_free(cert);
    der_list_clear(&received);
    der_list_clear(&ca);
    pki_done(&p);
}

/* An exchange of many commands: what is kept has an end, and the oldest is parsed anew. */
static void test_shared_many(void)
{
    struct pki_spec spec = {.san = "DNS:a.example"};
    struct der_list all = {0};
    struct pki p;

    pki_init(&p);
    for (unsigned i = 0; i < 40; i++) {
        g_autofree char *cn = g_strdup_printf("gw%u", i);
        spec.cn = cn;
        X509 *cert = pki_issue(&spec, p.key, p.ca, p.ca_key);
        pki_der(cert, &all);
        X509_free(cert);
    }
    cert_begin(NULL);
    for (size_t i = 0; i < 3 * all.n; i++) {
        g_autofree char *subject = g_strdup_printf("CN=gw%zu", i % all.n);
        struct cert_info info = {0};
        g_assert_cmpint(cert_info_get(&all.item[i % all.n], &info), ==, 0);
        g_assert_cmpstr(info.subject, ==, subject);
        cert_info_clear(&info);
    }
    cert_end();
    der_list_clear(&all);
    pki_done(&p);
}

int main(int argc, char *argv[])
{
    static const bool lent = true;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cert/shared/parse", test_shared_parse);
    g_test_add_data_func("/cert/shared/answers-own-context", NULL, test_shared_answers);
    g_test_add_data_func("/cert/shared/answers-lent-context", &lent, test_shared_answers);
    g_test_add_func("/cert/shared/many", test_shared_many);
    return g_test_run();
}
