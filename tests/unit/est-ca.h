/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The CA behind an EST server of the tests, and the bodies that it sends. */
#pragma once

#include <openssl/x509.h>

#include "plugin/base/ports.h"

#define CSRATTRS_CHALLENGE "300b06092a864886f70d010907" /* challengePassword alone */

struct authority {
    EVP_PKEY *key;
    X509 *cert;
};

void authority_init(struct authority *a);
void authority_done(struct authority *a);

char *certs_body(X509 *cert);              /* base64 of a certs-only PKCS#7; free() */
char *hex_body(const char *hex);           /* base64 of these octets; free() */
char *challenge_of(const struct der *csr); /* the challengePassword, NULL = none; g_free() */
