/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our provider: built in, loaded into a private OSSL_LIB_CTX of each token object (design.md 3). The host's
 * default context sees our EVP_PKEYs, and never our provider.
 * Ownership: an EVP_PKEY holds a struct provider_key, which counts at its token. Thread: any. */
#include "pkcs11/provider.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <string.h>

#include "pkcs11/internal.h"
#include "pkcs11/provider-internal.h"

/* ---- the provider ------------------------------------------------------------------------------------- */

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return provider_keymgmt;
    case OSSL_OP_SIGNATURE:
        return provider_signature;
    default:
        return NULL;
    }
}

static const OSSL_DISPATCH provider_dispatch[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
    {0, NULL},
};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                         void **ctx)
{
    for (; in->function_id; in++)
        if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
            *ctx =
                OSSL_FUNC_core_get_libctx(in)(handle); /* a built-in provider shares the library's context */
    *out = provider_dispatch;
    return *ctx != NULL;
}

/* Both providers offer EC and ECDSA here. Default properties of the context would also rule when OpenSSL
 * looks for the signature of one of our keys, so there are none: what shall be OpenSSL's own asks for
 * "provider=default". */
int token_provider_start(struct token *t, struct mef_error *reterr)
{
    ERR_set_mark();
    t->libctx = OSSL_LIB_CTX_new();
    bool ok = t->libctx && (t->provider_default = OSSL_PROVIDER_load(t->libctx, "default")) != NULL &&
              OSSL_PROVIDER_add_builtin(t->libctx, PROVIDER_NAME, provider_init) == 1 &&
              (t->provider_own = OSSL_PROVIDER_load(t->libctx, PROVIDER_NAME)) != NULL;
    ERR_pop_to_mark();
    return ok ? 0
              : mef_fail(reterr, MEF_ERROR_FAILED,
                         "OpenSSL could not set up a private context for token keys");
}

void token_provider_stop(struct token *t)
{
    if (t->provider_own)
        OSSL_PROVIDER_unload(t->provider_own);
    if (t->provider_default)
        OSSL_PROVIDER_unload(t->provider_default);
    OSSL_LIB_CTX_free(t->libctx);
    t->provider_own = t->provider_default = NULL;
    t->libctx = NULL;
}

/* ---- keys --------------------------------------------------------------------------------------------- */

void provider_token_hold(struct token *token)
{
    atomic_fetch_add(&token->keys, 1);
}

struct provider_key *provider_key_new(OSSL_LIB_CTX *libctx, struct token *token)
{
    struct provider_key *k = calloc(1, sizeof *k);

    if (!k)
        return NULL;
    atomic_init(&k->refs, 1);
    k->libctx = libctx;
    k->token = token;
    if (token)
        provider_token_hold(token);
    return k;
}

struct provider_key *provider_key_ref(struct provider_key *k)
{
    atomic_fetch_add(&k->refs, 1);
    return k;
}

void provider_key_unref(struct provider_key *k)
{
    if (!k || atomic_fetch_sub(&k->refs, 1) > 1)
        return;
    if (k->token)
        atomic_fetch_sub(&k->token->keys, 1);
    free(k);
}

int token_ecdsa_to_der(const uint8_t rs[64], uint8_t **ret, size_t *ret_len)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(rs, 32, NULL), *s = BN_bin2bn(rs + 32, 32, NULL);
    unsigned char *der = NULL;
    int len = -1;

    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; /* the signature's now */
        len = i2d_ECDSA_SIG(sig, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    if (len <= 0)
        return -ENOMEM;
    uint8_t *copy = malloc((size_t)len);
    if (copy)
        memcpy(copy, der, (size_t)len);
    OPENSSL_free(der);
    if (!copy)
        return -ENOMEM;
    *ret = copy;
    *ret_len = (size_t)len;
    return 0;
}

EVP_PKEY *provider_point_to_evp(OSSL_LIB_CTX *libctx, const uint8_t point[P256_POINT_LEN])
{
    char group[] = P256_GROUP;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point, P256_POINT_LEN),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "EC", "provider=default");
    EVP_PKEY *key = NULL;

    if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Hands our key object over to OpenSSL by the one way that it has for that: fromdata() with a pointer. */
static EVP_PKEY *wrap(struct token *t, struct provider_key *k)
{
    void *pointer = k;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_ptr(PROVIDER_PARAM_KEY, &pointer, sizeof *k),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(t->libctx, "EC", PROVIDER_PROPERTIES);
    EVP_PKEY *key = NULL;

    if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

int token_key_to_evp(struct token *t, const uint8_t *id, size_t id_len, EVP_PKEY **ret,
                     struct mef_error *reterr)
{
    uint8_t xy[64];
    int r = token_public_key(t, id, id_len, xy, reterr);

    if (r < 0)
        return r;
    struct provider_key *k = provider_key_new(t->libctx, t);
    if (!k)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory for a key of token '%s'", t->name);
    memcpy(k->id, id, id_len);
    k->id_len = id_len;
    k->point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(k->point + 1, xy, sizeof xy);
    k->has_point = true;
    ERR_set_mark();
    EVP_PKEY *key = wrap(t, k);
    ERR_pop_to_mark();
    provider_key_unref(k);
    if (!key)
        return mef_fail(reterr, MEF_ERROR_FAILED, "OpenSSL did not take a key of token '%s'", t->name);
    *ret = key;
    return 0;
}
