/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A private library context for the length of one call, or of what stands between cert_begin() and
 * cert_end(): what OpenSSL fetches implicitly on this thread comes from it, never from the host's default
 * context, and the error queue is left as it was. Internal to plugin/cert. Objects made inside must be freed
 * before the end. Thread: the caller's. */
#pragma once

#include <openssl/x509.h>

#include "plugin/base/ports.h"

struct scope {
    OSSL_LIB_CTX *lib, *before;
    bool shared; /* it stays for the next call */
};

int scope_enter(struct scope *s); /* -ENOMEM */
void scope_leave(struct scope *s);
/* Around calls into a token, whose module may use OpenSSL itself. */
void scope_pause(struct scope *s);
void scope_resume(struct scope *s);

/* Uncompressed point of a P-256 key of any provider. -EINVAL. */
#define POINT_LEN 65
int key_point(EVP_PKEY *key, uint8_t ret[POINT_LEN]);

/* SubjectPublicKeyInfo of a P-256 point (RFC 5480). */
#define SPKI_LEN (26 + POINT_LEN)
void point_spki(const uint8_t point[POINT_LEN], uint8_t ret[SPKI_LEN]);

/* cert_parse() of these octets finds `cert`, which was decoded from them in this scope, until cert_end(). */
void cert_remember(X509 *cert, const void *der, size_t len);
