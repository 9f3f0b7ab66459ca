/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates for tests. Runs in the default library context: this is the other side, not ours. */
#include "tests/unit/pki.h"

#include <glib.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>

EVP_PKEY *pki_key(const char *group)
{
    EVP_PKEY *key = EVP_EC_gen(group ? group : "prime256v1");

    g_assert_nonnull(key);
    return key;
}

static void extend(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *ext;

    if (!value)
        return;
    ext = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    g_assert_nonnull(ext);
    g_assert_true(X509_add_ext(cert, ext, -1));
    X509_EXTENSION_free(ext);
}

X509 *pki_issue(const struct pki_spec *spec, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    static int serial = 1;
    bool dates = spec->from || spec->until;
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new();
    X509V3_CTX ctx;

    g_assert_true(X509_set_version(cert, 2));
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert), dates ? (long)spec->from : -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), dates ? (long)spec->until : 86400);
    if (spec->cn)
        g_assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)spec->cn,
                                                 -1, -1, 0));
    X509_set_subject_name(cert, name);
    X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name);
    X509_NAME_free(name);
    g_assert_true(X509_set_pubkey(cert, key));
    X509V3_set_ctx(&ctx, issuer ? issuer : cert, cert, NULL, NULL, 0);
    extend(cert, &ctx, NID_subject_alt_name, spec->san);
    extend(cert, &ctx, NID_basic_constraints, spec->ca ? "critical,CA:TRUE" : NULL);
    extend(cert, &ctx, NID_key_usage,
           spec->key_usage ? spec->key_usage
           : spec->ca      ? "critical,keyCertSign,cRLSign"
                           : "critical,digitalSignature");
    extend(cert, &ctx, NID_ext_key_usage, spec->ext_key_usage);
    extend(cert, &ctx, NID_name_constraints, spec->constraints);
    extend(cert, &ctx, NID_subject_key_identifier, "hash");
    g_assert_cmpint(X509_sign(cert, issuer ? issuer_key : key,
                              EVP_get_digestbyname(spec->digest ? spec->digest : "SHA256")),
                    >, 0);
    return cert;
}

struct der pki_der_of(X509 *cert)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    struct der ret;

    g_assert_cmpint(n, >, 0);
    ret = (struct der){.data = malloc((size_t)n), .len = (size_t)n};
    memcpy(ret.data, der, (size_t)n);
    OPENSSL_free(der);
    return ret;
}

void pki_der(X509 *cert, struct der_list *to)
{
    struct der der = pki_der_of(cert);

    g_assert_cmpint(der_list_add(to, der.data, der.len), ==, 0);
    free(der.data);
}

char *pki_pem_of(X509 *cert)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *data;

    g_assert_cmpint(PEM_write_bio_X509(b, cert), ==, 1);
    long n = BIO_get_mem_data(b, &data);
    char *text = g_strndup(data, (gsize)n);
    BIO_free(b);
    return text;
}

struct der pki_key_der(EVP_PKEY *key)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    unsigned char *der = NULL;
    int n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    struct der ret = {.data = malloc((size_t)n), .len = (size_t)n};

    memcpy(ret.data, der, (size_t)n);
    OPENSSL_free(der);
    PKCS8_PRIV_KEY_INFO_free(info);
    return ret;
}

struct der pki_certs_only(X509 **certs, size_t n)
{
    PKCS7 *p7 = PKCS7_new();
    unsigned char *der = NULL;
    struct der ret;
    int len;

    g_assert_true(PKCS7_set_type(p7, NID_pkcs7_signed));
    g_assert_true(PKCS7_content_new(p7, NID_pkcs7_data));
    PKCS7_set_detached(p7, 1);
    for (size_t i = 0; i < n; i++)
        g_assert_true(PKCS7_add_certificate(p7, certs[i]));
    len = i2d_PKCS7(p7, &der);
    g_assert_cmpint(len, >, 0);
    ret = (struct der){.data = malloc((size_t)len), .len = (size_t)len};
    memcpy(ret.data, der, (size_t)len);
    OPENSSL_free(der);
    PKCS7_free(p7);
    return ret;
}

X509 *pki_enrol(const struct pki_enrol *how, const void *csr, size_t len, X509 *ca, EVP_PKEY *ca_key)
{
    const unsigned char *p = csr;
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)len);
    STACK_OF(X509_EXTENSION) * extensions;
    static int serial = 1000;
    X509 *cert = X509_new();

    g_assert_nonnull(req);
    g_assert_cmpint(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), ==, 1);
    g_assert_true(X509_set_version(cert, 2));
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert), how->from || how->until ? (long)how->from : -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), how->from || how->until ? (long)how->until : 86400);
    X509_set_subject_name(cert, X509_REQ_get_subject_name(req));
    X509_set_issuer_name(cert, X509_get_subject_name(ca));
    X509_set_pubkey(cert, how->other_key ? how->other_key : X509_REQ_get0_pubkey(req));
    extensions = X509_REQ_get_extensions(req);
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
        X509_EXTENSION *ext = sk_X509_EXTENSION_value(extensions, i);

        if (!how->without_san || OBJ_obj2nid(X509_EXTENSION_get_object(ext)) != NID_subject_alt_name)
            g_assert_true(X509_add_ext(cert, ext, -1));
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    g_assert_cmpint(X509_sign(cert, ca_key, EVP_get_digestbyname(how->digest ? how->digest : "SHA256")), >,
                    0);
    X509_REQ_free(req);
    return cert;
}
