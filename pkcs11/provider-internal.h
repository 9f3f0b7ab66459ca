/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of our OpenSSL provider. OpenSSL calls it on whatever thread uses a key; a key is immutable. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include <openssl/core.h>
#include <openssl/types.h>

#include "pkcs11/token.h"

#define PROVIDER_NAME       "mefclient"
#define PROVIDER_PROPERTIES "provider=" PROVIDER_NAME
/* Our own parameter of fromdata(): a pointer to the struct provider_key that the EVP_PKEY shall hold. */
#define PROVIDER_PARAM_KEY "mefclient-key"

#define P256_GROUP     "prime256v1"
#define P256_POINT_LEN 65u /* 04 X Y */
#define P256_DER_MAX   72u /* the longest ECDSA-Sig-Value: 2 + 2 * (2 + 33) */

/* One key pair, or a public key alone. Another key type gets its own member beside `point`. */
struct provider_key {
    atomic_uint refs;
    struct token *token; /* NULL = public half only, or the empty key that OpenSSL asks for */
    OSSL_LIB_CTX *libctx;
    uint8_t id[TOKEN_ID_MAX];
    size_t id_len;
    uint8_t point[P256_POINT_LEN];
    bool has_point;
};

/* A failure whose sentence OpenSSL would keep to itself: into the journal, unless a change of the state has
 * told it already. */
void token_tell_failure(struct token *token, const struct mef_error *why);

/* Counts one more live key at its token. */
void provider_token_hold(struct token *token);
struct provider_key *provider_key_ref(struct provider_key *k);
void provider_key_unref(struct provider_key *k);
/* Counts the key as alive at its token. NULL = out of memory. */
struct provider_key *provider_key_new(OSSL_LIB_CTX *libctx, struct token *token);

/* A plain public key of OpenSSL's default provider in `libctx`; NULL when the point is not on the curve. */
EVP_PKEY *provider_point_to_evp(OSSL_LIB_CTX *libctx, const uint8_t point[P256_POINT_LEN]);

extern const OSSL_ALGORITHM provider_keymgmt[];
extern const OSSL_ALGORITHM provider_signature[];
