/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ECDSA with a key of the token. The digest is made here by OpenSSL's own code, the token signs it. Verifying
 * goes to OpenSSL with the public half, so that X509_REQ_verify and the like work with our keys too. Why a
 * signature failed stands in OpenSSL's error queue. Thread: a context belongs to one thread. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/proverr.h>
#include <string.h>

#include "pkcs11/internal.h"
#include "pkcs11/provider-internal.h"

#define DIGEST_NAME_MAX 32u

struct sign_ctx {
    OSSL_LIB_CTX *libctx;
    struct provider_key *key;
    EVP_MD *md;
    EVP_MD_CTX *running; /* DigestSign/DigestVerify; NULL with plain sign */
};

/* AlgorithmIdentifier of ecdsa-with-SHA2 (RFC 5758): X509_REQ_sign and friends put it beside the signature.
 */
static const struct {
    const char *digest;
    uint8_t der[12];
} algorithm_ids[] = {
    {"SHA2-224", {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x01}},
    {"SHA2-256", {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}},
    {"SHA2-384", {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03}},
    {"SHA2-512", {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04}},
};

static void *sign_new(void *ctx, const char *properties)
{
    struct sign_ctx *s = calloc(1, sizeof *s);

    if (s)
        s->libctx = ctx;
    return s;
}

static void sign_free(void *ctx)
{
    struct sign_ctx *s = ctx;

    if (!s)
        return;
    EVP_MD_CTX_free(s->running);
    EVP_MD_free(s->md);
    provider_key_unref(s->key);
    free(s);
}

/* DigestSignFinal works on a copy: without this nothing is ever signed, and no error says so. */
static void *sign_dup(void *ctx)
{
    const struct sign_ctx *from = ctx;
    struct sign_ctx *s = sign_new(from->libctx, NULL);

    if (!s)
        return NULL;
    if (from->key)
        s->key = provider_key_ref(from->key);
    if (from->md && EVP_MD_up_ref(from->md))
        s->md = from->md;
    if (from->running) {
        s->running = EVP_MD_CTX_new();
        if (!s->running || EVP_MD_CTX_copy_ex(s->running, from->running) != 1) {
            sign_free(s);
            return NULL;
        }
    }
    return s;
}

static int set_digest(struct sign_ctx *s, const char *name)
{
    EVP_MD *md = EVP_MD_fetch(s->libctx, name, NULL);

    if (!md)
        return 0;
    for (size_t i = 0; i < ELEMENTS(algorithm_ids); i++) {
        if (EVP_MD_is_a(md, algorithm_ids[i].digest)) {
            EVP_MD_free(s->md);
            s->md = md;
            return 1;
        }
    }
    ERR_raise_data(ERR_LIB_PROV, PROV_R_DIGEST_NOT_ALLOWED, "%s", name);
    EVP_MD_free(md);
    return 0;
}

static int set_params(void *ctx, const OSSL_PARAM params[])
{
    struct sign_ctx *s = ctx;
    char name[DIGEST_NAME_MAX], *at = name;
    const OSSL_PARAM *p = params ? OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST) : NULL;

    if (!p)
        return 1;
    return OSSL_PARAM_get_utf8_string(p, &at, sizeof name) && set_digest(s, name);
}

static int get_params(void *ctx, OSSL_PARAM params[])
{
    struct sign_ctx *s = ctx;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);

    if (p && (!s->md || !OSSL_PARAM_set_utf8_string(p, EVP_MD_get0_name(s->md))))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
    if (!p)
        return 1;
    for (size_t i = 0; s->md && i < ELEMENTS(algorithm_ids); i++)
        if (EVP_MD_is_a(s->md, algorithm_ids[i].digest))
            return OSSL_PARAM_set_octet_string(p, algorithm_ids[i].der, sizeof algorithm_ids[i].der);
    return 0;
}

static const OSSL_PARAM *gettable_params(void *ctx, void *provider_ctx)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    return list;
}

static const OSSL_PARAM *settable_params(void *ctx, void *provider_ctx)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    return list;
}

/* ---- plain signature over a digest -------------------------------------------------------------------- */

static int take_key(struct sign_ctx *s, void *key, bool private, const OSSL_PARAM params[])
{
    struct provider_key *k = key;

    if (k) { /* NULL: go on with the key of before */
        if (private ? !k->token : !k->has_point) {
            ERR_raise(ERR_LIB_PROV, private ? PROV_R_NOT_A_PRIVATE_KEY : PROV_R_NOT_A_PUBLIC_KEY);
            return 0;
        }
        provider_key_unref(s->key);
        s->key = provider_key_ref(k);
    }
    return s->key && set_params(s, params);
}

static int sign_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return take_key(ctx, key, true, params);
}

static int verify_init(void *ctx, void *key, const OSSL_PARAM params[])
{
    return take_key(ctx, key, false, params);
}

static int sign(void *ctx, unsigned char *sig, size_t *sig_len, size_t room, const unsigned char *digest,
                size_t digest_len)
{
    struct sign_ctx *s = ctx;
    struct mef_error e = {0};
    _cleanup_(freep) uint8_t *der = NULL;
    uint8_t rs[64];
    size_t len;

    if (!sig) {
        *sig_len = P256_DER_MAX;
        return 1;
    }
    if (!s->key || !s->key->token)
        return 0;
    if (s->md && digest_len != (size_t)EVP_MD_get_size(s->md)) {
        ERR_raise(ERR_LIB_PROV, PROV_R_INVALID_DIGEST_LENGTH);
        return 0;
    }
    if (token_sign_p256(s->key->token, s->key->id, s->key->id_len, digest, digest_len, rs, &e) < 0) {
        token_tell_failure(s->key->token, &e);
        ERR_raise_data(ERR_LIB_PROV, PROV_R_FAILED_TO_SIGN, "%s", e.text);
        return 0;
    }
    if (token_ecdsa_to_der(rs, &der, &len) < 0)
        return 0;
    if (len > room) {
        ERR_raise(ERR_LIB_PROV, PROV_R_OUTPUT_BUFFER_TOO_SMALL);
        return 0;
    }
    memcpy(sig, der, len);
    *sig_len = len;
    return 1;
}

static int verify(void *ctx, const unsigned char *sig, size_t sig_len, const unsigned char *digest,
                  size_t digest_len)
{
    struct sign_ctx *s = ctx;
    int ok = 0;

    if (!s->key)
        return 0;
    EVP_PKEY *key = provider_point_to_evp(s->libctx, s->key->point);
    EVP_PKEY_CTX *pctx = key ? EVP_PKEY_CTX_new_from_pkey(s->libctx, key, "provider=default") : NULL;
    if (pctx && EVP_PKEY_verify_init(pctx) > 0)
        ok = EVP_PKEY_verify(pctx, sig, sig_len, digest, digest_len) == 1;
    EVP_PKEY_CTX_free(pctx);
    EVP_PKEY_free(key);
    return ok;
}

/* ---- digest and signature in one ---------------------------------------------------------------------- */

static int digest_init(struct sign_ctx *s, const char *name, void *key, bool private,
                       const OSSL_PARAM params[])
{
    if (!take_key(s, key, private, params))
        return 0;
    if (name && *name ? !set_digest(s, name) : (!s->md && !set_digest(s, "SHA2-256")))
        return 0;
    EVP_MD_CTX_free(s->running);
    s->running = EVP_MD_CTX_new();
    return s->running && EVP_DigestInit_ex2(s->running, s->md, NULL) == 1;
}

static int digest_sign_init(void *ctx, const char *name, void *key, const OSSL_PARAM params[])
{
    return digest_init(ctx, name, key, true, params);
}

static int digest_verify_init(void *ctx, const char *name, void *key, const OSSL_PARAM params[])
{
    return digest_init(ctx, name, key, false, params);
}

static int digest_update(void *ctx, const unsigned char *data, size_t len)
{
    struct sign_ctx *s = ctx;

    return s->running && EVP_DigestUpdate(s->running, data, len) == 1;
}

static int digest_sign_final(void *ctx, unsigned char *sig, size_t *sig_len, size_t room)
{
    struct sign_ctx *s = ctx;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (!s->running)
        return 0;
    if (sig && EVP_DigestFinal_ex(s->running, digest, &len) != 1)
        return 0;
    return sign(s, sig, sig_len, room, digest, len);
}

static int digest_verify_final(void *ctx, const unsigned char *sig, size_t sig_len)
{
    struct sign_ctx *s = ctx;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return s->running && EVP_DigestFinal_ex(s->running, digest, &len) == 1 &&
           verify(s, sig, sig_len, digest, len);
}

#define FN(id, f)                                                                                            \
    {                                                                                                        \
        OSSL_FUNC_SIGNATURE_##id, (void (*)(void))f                                                          \
    }
static const OSSL_DISPATCH ecdsa_functions[] = {
    FN(NEWCTX, sign_new),
    FN(FREECTX, sign_free),
    FN(DUPCTX, sign_dup),
    FN(SIGN_INIT, sign_init),
    FN(SIGN, sign),
    FN(VERIFY_INIT, verify_init),
    FN(VERIFY, verify),
    FN(DIGEST_SIGN_INIT, digest_sign_init),
    FN(DIGEST_SIGN_UPDATE, digest_update),
    FN(DIGEST_SIGN_FINAL, digest_sign_final),
    FN(DIGEST_VERIFY_INIT, digest_verify_init),
    FN(DIGEST_VERIFY_UPDATE, digest_update),
    FN(DIGEST_VERIFY_FINAL, digest_verify_final),
    FN(GET_CTX_PARAMS, get_params),
    FN(GETTABLE_CTX_PARAMS, gettable_params),
    FN(SET_CTX_PARAMS, set_params),
    FN(SETTABLE_CTX_PARAMS, settable_params),
    {0, NULL},
};
#undef FN

const OSSL_ALGORITHM provider_signature[] = {
    {"ECDSA", PROVIDER_PROPERTIES, ecdsa_functions, "ECDSA with a key of a PKCS#11 token"},
    {NULL, NULL, NULL, NULL},
};
