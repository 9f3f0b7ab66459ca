/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Token keys inside OpenSSL: our own small provider (key management and signature) in a private OSSL_LIB_CTX
 * of each token object; the default context of the host is never touched. Another provider
 * (pkcs11-provider) could replace it behind these functions.
 * Thread: any; the EVP_PKEY may be used by several threads at once, the token serializes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "plugin/base/err.h"

struct token;
struct evp_pkey_st;

/* The key pair with this CKA_ID as an EVP_PKEY (one reference, the caller's; EVP_PKEY_free). Reads the public
 * half once; each signature is a call into the token. Works for X509_REQ_sign, EVP_DigestSign, EVP_PKEY_sign
 * and as client key in an SSL_CTX of the default context (TLS 1.2 and 1.3); EVP_PKEY_eq against the public
 * key of a certificate works; the private half cannot be exported. After token_close() it stays valid and
 * signing fails; after a reopen it signs again. Free it before token_free(). Use EVP_DigestSignInit_ex(ctx,
 * NULL, "SHA256", NULL, NULL, key, NULL) and OpenSSL's error queue tells why a signature failed. Blocks.
 * NotFound; the words of token.h. */
int token_key_to_evp(struct token *t, const uint8_t *id, size_t id_len, struct evp_pkey_st **ret,
                     struct mef_error *reterr);

/* The public half alone, as a plain key of OpenSSL's default provider in the private context. */
int token_public_to_evp(struct token *t, const uint8_t *id, size_t id_len, struct evp_pkey_st **ret,
                        struct mef_error *reterr);
