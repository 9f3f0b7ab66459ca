/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The CA behind an EST server of the tests. */
#include "tests/unit/est-ca.h"

#include <glib.h>

#include "plugin/base/str.h"
#include "tests/unit/pki.h"

void authority_init(struct authority *a)
{
    static const struct pki_spec spec = {.cn = "MEF CA", .ca = true};

    a->key = pki_key(NULL);
    a->cert = pki_issue(&spec, a->key, NULL, NULL);
}

void authority_done(struct authority *a)
{
    EVP_PKEY_free(a->key);
    X509_free(a->cert);
}

/* base64 of a certs-only PKCS#7; the caller frees. */
char *certs_body(X509 *cert)
{
    struct der p7 = pki_certs_only(&cert, 1);
    char *text = base64_encode(p7.data, p7.len);

    free(p7.data);
    return text;
}

char *hex_body(const char *hex)
{
    uint8_t der[512];
    size_t n = sizeof der;

    g_assert_cmpint(hex_decode(hex, strlen(hex), der, &n), ==, 0);
    return base64_encode(der, n);
}

char *challenge_of(const struct der *csr)
{
    const unsigned char *p = csr->data;
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)csr->len);
    int at = X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1);
    char *text = NULL;

    if (at >= 0) {
        const ASN1_STRING *s =
            X509_ATTRIBUTE_get0_data(X509_REQ_get_attr(req, at), 0, V_ASN1_PRINTABLESTRING, NULL);

        text = g_strndup((const char *)ASN1_STRING_get0_data(s), (gsize)ASN1_STRING_length(s));
    }
    X509_REQ_free(req);
    return text;
}
