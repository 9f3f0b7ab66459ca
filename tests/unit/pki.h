/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates for tests, good and hostile, made with OpenSSL as they are needed. Aborts the test on failure.
 */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/ports.h"

struct pki_spec {
    const char *cn;
    const char *san; /* OpenSSL's notation, "DNS:a.example,URI://x/y"; NULL = none */
    bool ca;
    int64_t from, until;   /* seconds from now; both 0 = -1 h .. +1 d */
    const char *key_usage; /* NULL = by kind */
    const char *ext_key_usage;
    const char *digest;      /* NULL = SHA256 */
    const char *constraints; /* nameConstraints, NULL = none */
};

EVP_PKEY *pki_key(const char *group); /* NULL = prime256v1 */
/* issuer NULL: self-signed. The caller frees. */
X509 *pki_issue(const struct pki_spec *spec, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);
void pki_der(X509 *cert, struct der_list *to);     /* appends */
struct der pki_der_of(X509 *cert);                 /* the caller frees .data */
char *pki_pem_of(X509 *cert);                      /* g_free */
struct der pki_key_der(EVP_PKEY *key);             /* PKCS#8 */
struct der pki_certs_only(X509 **certs, size_t n); /* PKCS#7 */

/* What a CA makes of a request: its subject, key and extensions, unless told otherwise. */
struct pki_enrol {
    bool without_san;    /* as servers do that copy no extension */
    EVP_PKEY *other_key; /* NULL = of the request */
    int64_t from, until; /* as in pki_spec */
    const char *digest;  /* NULL = SHA256 */
};
X509 *pki_enrol(const struct pki_enrol *how, const void *csr, size_t len, X509 *ca, EVP_PKEY *ca_key);
