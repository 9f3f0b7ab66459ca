/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Key pairs (MC-20): made in the token, never leaving it. P-256 now; another type adds a generator and a
 * signer. Thread: any, blocking. */
#include "pkcs11/internal.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "pkcs11/provider-internal.h"
#include "pkcs11/provider.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

/* DER of the OID prime256v1. */
static const uint8_t oid_p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

static struct object_key by_id(unsigned mask, const uint8_t *id, size_t id_len)
{
    return (struct object_key){.mask = mask, .id = id, .id_len = id_len};
}

/* The point of a public key object; tokens return it as DER OCTET STRING, some bare. */
static int read_point(struct token *t, CK_OBJECT_HANDLE h, uint8_t ret[P256_POINT_LEN],
                      struct mef_error *reterr)
{
    _cleanup_(freep) uint8_t *params = NULL, *point = NULL;
    size_t params_len = 0, len = 0;
    const uint8_t *p;
    int r = token_read(t, h, CKA_EC_PARAMS, 256, &params, &params_len, reterr);

    if (r == 0)
        r = token_read(t, h, CKA_EC_POINT, 256, &point, &len, reterr);
    if (r < 0 && r != -ENODATA && r != -E2BIG)
        return r;
    p = point;
    if (r == 0 && len == P256_POINT_LEN + 2 && p[0] == 0x04 && p[1] == P256_POINT_LEN) {
        p += 2;
        len -= 2;
    }
    if (r < 0 || params_len != sizeof oid_p256 || memcmp(params, oid_p256, sizeof oid_p256) != 0 ||
        len != P256_POINT_LEN || p[0] != POINT_CONVERSION_UNCOMPRESSED)
        return mef_fail(reterr, MEF_ERROR_FAILED,
                        "token '%s': the public key is no P-256 key, which alone is supported", t->name);
    memcpy(ret, p, P256_POINT_LEN);
    return 0;
}

static int sign_raw(struct token *t, CK_OBJECT_HANDLE h, const uint8_t *digest, size_t digest_len,
                    uint8_t ret_rs[64], struct mef_error *reterr)
{
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    uint8_t rs[64];
    CK_ULONG len = sizeof rs;
    CK_RV rv = t->f->C_SignInit(t->session, &mechanism, h);

    if (rv == CKR_OPERATION_ACTIVE) {
        /* An earlier one broke off between the two calls; a C_Sign ends it whatever it returns. */
        (void)t->f->C_Sign(t->session, (CK_BYTE *)(uintptr_t)digest, digest_len, rs, &len);
        len = sizeof rs;
        rv = t->f->C_SignInit(t->session, &mechanism, h);
    }
    if (rv != CKR_OK)
        return token_fail_call(t, "C_SignInit", rv, NULL, reterr);
    rv = t->f->C_Sign(t->session, (CK_BYTE *)(uintptr_t)digest, digest_len, rs, &len);
    if (rv != CKR_OK)
        return token_fail_call(t, "C_Sign", rv, NULL, reterr);
    if (len != sizeof rs)
        return mef_fail(reterr, MEF_ERROR_FAILED,
                        "token '%s': C_Sign returned %lu octets, %zu are right for P-256", t->name, len,
                        sizeof rs);
    memcpy(ret_rs, rs, sizeof rs);
    return 0;
}

/* r || s as the DER that OpenSSL verifies. */
static int verify_raw(EVP_PKEY *key, struct token *t, const uint8_t *digest, size_t digest_len,
                      const uint8_t rs[64])
{
    _cleanup_(freep) uint8_t *der = NULL;
    size_t der_len;
    int ok = 0;

    if (token_ecdsa_to_der(rs, &der, &der_len) < 0)
        return 0;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(t->libctx, key, "provider=default");
    if (ctx && EVP_PKEY_verify_init(ctx) > 0)
        ok = EVP_PKEY_verify(ctx, der, der_len, digest, digest_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

/* 1 = the halves belong together, shown by a signature; 0 = not; negative = failed. */
static int halves_fit(struct token *t, CK_OBJECT_HANDLE private, const uint8_t point[P256_POINT_LEN],
                      struct mef_error *reterr)
{
    uint8_t digest[32], rs[64];
    EVP_PKEY *key = provider_point_to_evp(t->libctx, point);
    int r;

    if (!key)
        return 0;
    if (EVP_Q_digest(t->libctx, "SHA256", NULL, point, P256_POINT_LEN, digest, NULL) != 1) {
        r = mef_fail(reterr, MEF_ERROR_FAILED, "SHA-256 failed");
    } else {
        r = sign_raw(t, private, digest, sizeof digest, rs, reterr);
        if (r == 0)
            r = verify_raw(key, t, digest, sizeof digest, rs);
    }
    EVP_PKEY_free(key);
    return r;
}

/* ---- making ------------------------------------------------------------------------------------------- */

/* A token may ignore what it was asked: check that the key cannot leave. */
static int check_private(struct token *t, CK_OBJECT_HANDLE h, struct mef_error *reterr)
{
    CK_BBOOL sensitive = CK_FALSE, extractable = CK_TRUE;
    CK_ATTRIBUTE a[] = {
        {CKA_SENSITIVE, &sensitive, sizeof sensitive},
        {CKA_EXTRACTABLE, &extractable, sizeof extractable},
    };
    CK_RV rv = t->f->C_GetAttributeValue(t->session, h, a, ELEMENTS(a));

    if (rv != CKR_OK)
        return token_fail_call(t, "C_GetAttributeValue", rv, NULL, reterr);
    if (sensitive && !extractable)
        return 0;
    return mef_fail(reterr, MEF_ERROR_FAILED,
                    "token '%s' made a private key that could leave it: use another token", t->name);
}

static int generate(struct token *t, const uint8_t *id, size_t id_len, const char *label,
                    struct mef_error *reterr)
{
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE public_key = 0, private_key = 0;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE public_template[] = {
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &no, sizeof no},
        {CKA_VERIFY, &yes, sizeof yes},
        {CKA_EC_PARAMS, (void *)(uintptr_t)oid_p256, sizeof oid_p256},
        {CKA_ID, (void *)(uintptr_t)id, id_len},
        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
    };
    CK_ATTRIBUTE private_template[] = {
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_SIGN, &yes, sizeof yes},
        {CKA_ID, (void *)(uintptr_t)id, id_len},
        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
    };
    CK_RV rv =
        t->f->C_GenerateKeyPair(t->session, &mechanism, public_template, ELEMENTS(public_template),
                                private_template, ELEMENTS(private_template), &public_key, &private_key);

    if (rv != CKR_OK)
        return token_fail_call(t, "C_GenerateKeyPair", rv,
                               rv == CKR_MECHANISM_INVALID ? "the token cannot make P-256 keys" : NULL,
                               reterr);
    if (token_state(t) == TOKEN_FULL)
        token_set_state(t, TOKEN_PRESENT, NULL);
    int r = check_private(t, private_key, reterr);
    if (r < 0 && t->open) {
        (void)token_destroy(t, private_key, NULL);
        if (t->open)
            (void)token_destroy(t, public_key, NULL);
    }
    if (r < 0)
        return r;
    r = token_index_handle(t, private_key, reterr);
    return r < 0 ? r : token_index_handle(t, public_key, reterr);
}

/* The point of the certificate that has this id, if it is a P-256 one: -ENOENT otherwise. */
static int point_of_cert(struct token *t, const uint8_t *id, size_t id_len, uint8_t ret[P256_POINT_LEN],
                         struct mef_error *reterr)
{
    struct object_key key = by_id(TOKEN_CERTIFICATE, id, id_len);
    _cleanup_(freep) uint8_t *der = NULL;
    CK_OBJECT_HANDLE h;
    size_t len = 0, n = 0;
    int r = token_lookup(t, &key, &h, NULL, reterr);

    if (r == 0)
        r = token_read(t, h, CKA_VALUE, LIMIT_CERTIFICATE, &der, &len, reterr);
    if (r < 0)
        return r == -ENODATA || r == -E2BIG ? -ENOENT : r;
    const unsigned char *p = der;
    X509 *cert = d2i_X509(NULL, &p, (long)len);
    EVP_PKEY *public_key = cert ? X509_get0_pubkey(cert) : NULL;
    r = public_key &&
                EVP_PKEY_get_octet_string_param(public_key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, ret,
                                                P256_POINT_LEN, &n) == 1 &&
                n == P256_POINT_LEN
            ? 0
            : -ENOENT;
    X509_free(cert);
    return r;
}

/* Gives a private key its lost public half back, from the certificate: 0 done, -ENOENT not possible. */
static int finish_public(struct token *t, CK_OBJECT_HANDLE private_key, const uint8_t *id, size_t id_len,
                         const char *label, struct mef_error *reterr)
{
    CK_OBJECT_CLASS cko = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = CKK_EC;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    uint8_t point[2 + P256_POINT_LEN] = {0x04, P256_POINT_LEN};
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &cko, sizeof cko},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &no, sizeof no},
        {CKA_VERIFY, &yes, sizeof yes},
        {CKA_EC_PARAMS, (void *)(uintptr_t)oid_p256, sizeof oid_p256},
        {CKA_EC_POINT, point, sizeof point},
        {CKA_ID, (void *)(uintptr_t)id, id_len},
        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
    };
    CK_OBJECT_HANDLE h;
    int r = point_of_cert(t, id, id_len, point + 2, reterr);

    if (r == 0)
        r = halves_fit(t, private_key, point + 2, reterr);
    if (r <= 0)
        return r == 0 ? -ENOENT : r;
    return token_create(t, template, ELEMENTS(template), &h, reterr);
}

/* Removes whatever halves have this id, so that a new pair does not stand beside old ones. */
static int clear_halves(struct token *t, const uint8_t *id, size_t id_len, struct mef_error *reterr)
{
    _cleanup_(freep) CK_OBJECT_HANDLE *found = NULL;
    size_t n;
    int r = token_search(t, TOKEN_PAIR, id, id_len, NULL, &found, &n, reterr);

    for (size_t i = 0; r == 0 && i < n; i++)
        r = token_destroy(t, found[i], reterr);
    return r;
}

/* A token that keeps its objects in files (SoftHSM) writes one in several steps. A process that is killed in
 * between leaves an object without the part that makes it one: 1 = such a ruin, 0 = not; negative = failed.
 */
static int is_ruin(struct token *t, CK_OBJECT_HANDLE h, struct mef_error *reterr)
{
    static const CK_ATTRIBUTE_TYPE substance[] = {CKA_EC_POINT, CKA_EC_PARAMS, CKA_MODULUS, CKA_PRIME,
                                                  CKA_VALUE};
    bool curve = false;

    for (size_t i = 0; i < ELEMENTS(substance); i++) {
        _cleanup_(freep) uint8_t *value = NULL;
        size_t len = 0;
        int r = token_read(t, h, substance[i], LIMIT_CERTIFICATE, &value, &len, reterr);
        if (r == -E2BIG)
            return 0;
        if (r < 0 && r != -ENODATA)
            return r;
        if (r < 0 || len == 0)
            continue;
        /* Of a curve alone: a private key may well not show more, a public one is nothing without its point.
         */
        if (substance[i] != CKA_EC_PARAMS)
            return 0;
        curve = true;
    }
    if (!curve)
        return 1;
    CK_OBJECT_CLASS cko = 0;
    CK_ATTRIBUTE a = {CKA_CLASS, &cko, sizeof cko};
    CK_RV rv = t->f->C_GetAttributeValue(t->session, h, &a, 1);
    if (rv != CKR_OK)
        return token_fail_call(t, "C_GetAttributeValue", rv, NULL, reterr);
    return cko == CKO_PUBLIC_KEY;
}

int token_clear_ruins(struct token *t, unsigned *ret_n, struct mef_error *reterr)
{
    unsigned n = 0;
    int r = token_enter(t, true, reterr);

    if (r < 0)
        return r;
    r = token_refresh(t, TOKEN_ANY, reterr);
    for (uint32_t i = 0; r == 0 && i < t->index.n; i++) {
        const struct object *o = &t->index.item[i];
        if (!(o->class & (TOKEN_PAIR | TOKEN_CERTIFICATE)) || o->id_len || o->label_len)
            continue;
        CK_OBJECT_HANDLE h = o->handle;
        r = is_ruin(t, h, reterr);
        if (r < 0 && t->open)
            r = 0; /* a foreign object that cannot be read: left alone, and no reason to stop */
        if (r <= 0)
            continue;
        r = token_check_writable(t, "deleting what a crash left", reterr);
        if (r == 0)
            r = token_destroy(t, h, reterr);
        n += r == 0;
    }
    token_leave(t);
    if (r == 0 && ret_n)
        *ret_n = n;
    return r;
}

/* Whether a usable pair is there, finishing half a one: 1 yes, 0 a new pair must be made, negative failed. */
static int usable_pair(struct token *t, const uint8_t *id, size_t id_len, const char *label,
                       struct mef_error *reterr)
{
    struct object_key private = by_id(TOKEN_PRIVATE_KEY, id, id_len),
                      public = by_id(TOKEN_PUBLIC_KEY, id, id_len);
    CK_OBJECT_HANDLE private_key, public_key;
    uint8_t point[P256_POINT_LEN];
    int r = token_lookup(t, &private, &private_key, NULL, reterr);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = is_ruin(t, private_key, reterr);
    if (r != 0)
        return r < 0 ? r : 0;
    r = token_lookup(t, &public, &public_key, NULL, reterr);
    if (r == 0 && (r = is_ruin(t, public_key, reterr)) > 0) {
        r = token_destroy(t, public_key, reterr);
        if (r == 0)
            r = -ENOENT;
    }
    if (r == -ENOENT) {
        r = token_check_writable(t, "finishing a key pair", reterr);
        if (r == 0)
            r = finish_public(t, private_key, id, id_len, label, reterr);
        return r == 0 ? 1 : r == -ENOENT ? 0 : r;
    }
    if (r == 0)
        r = read_point(t, public_key, point, reterr);
    /* A pair is only given up when it is shown not to belong together, never because a call failed. */
    if (r < 0)
        return r;
    return halves_fit(t, private_key, point, reterr);
}

int token_generate_p256(struct token *t, const uint8_t *id, size_t id_len, const char *label,
                        struct mef_error *reterr)
{
    int r = token_check_id(id, id_len, reterr);

    if (r == 0)
        r = token_check_label(label, reterr);
    if (r == 0)
        r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = usable_pair(t, id, id_len, label, reterr);
    if (r == 0) {
        r = token_check_writable(t, "making a key pair", reterr);
        if (r == 0)
            r = clear_halves(t, id, id_len, reterr);
        if (r == 0)
            r = generate(t, id, id_len, label, reterr);
    }
    token_leave(t);
    return r < 0 ? r : 0;
}

/* ---- using -------------------------------------------------------------------------------------------- */

/* Inside the session: handles of both halves. */
static int find_pair(struct token *t, const uint8_t *id, size_t id_len, CK_OBJECT_HANDLE *ret_public,
                     struct mef_error *reterr)
{
    struct object_key private = by_id(TOKEN_PRIVATE_KEY, id, id_len),
                      public = by_id(TOKEN_PUBLIC_KEY, id, id_len);
    CK_OBJECT_HANDLE h;
    int r = token_lookup(t, &private, &h, NULL, reterr);

    if (r == -ENOENT)
        return token_not_found(t, "private key", id, id_len, NULL, reterr);
    if (r < 0)
        return r;
    r = token_lookup(t, &public, ret_public, NULL, reterr);
    return r == -ENOENT ? token_not_found(t, "public key", id, id_len, NULL, reterr) : r;
}

int token_find_key(struct token *t, const uint8_t *id, size_t id_len, struct mef_error *reterr)
{
    CK_OBJECT_HANDLE h;
    int r = token_check_id(id, id_len, reterr);

    if (r == 0)
        r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = find_pair(t, id, id_len, &h, reterr);
    token_leave(t);
    return r;
}

/* Inside the session: the point of a pair; out of the certificate when the token has no public key object and
 * the certificate is shown to be that of the private key. */
static int pair_point(struct token *t, const uint8_t *id, size_t id_len, uint8_t ret[P256_POINT_LEN],
                      struct mef_error *reterr)
{
    struct object_key private = by_id(TOKEN_PRIVATE_KEY, id, id_len);
    CK_OBJECT_HANDLE h;
    int r = find_pair(t, id, id_len, &h, reterr);

    if (r == 0)
        return read_point(t, h, ret, reterr);
    if (r != -ENOENT || token_lookup(t, &private, &h, NULL, NULL) < 0)
        return r;
    r = point_of_cert(t, id, id_len, ret, reterr);
    if (r == 0)
        r = halves_fit(t, h, ret, reterr);
    if (r == 0 || r == -ENOENT)
        return token_not_found(t, "public key", id, id_len, NULL, reterr);
    return r < 0 ? r : 0;
}

int token_public_key(struct token *t, const uint8_t *id, size_t id_len, uint8_t ret_xy[64],
                     struct mef_error *reterr)
{
    uint8_t point[P256_POINT_LEN];
    int r = token_check_id(id, id_len, reterr);

    if (r == 0)
        r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = pair_point(t, id, id_len, point, reterr);
    token_leave(t);
    if (r == 0)
        memcpy(ret_xy, point + 1, P256_POINT_LEN - 1);
    return r;
}

int token_public_to_evp(struct token *t, const uint8_t *id, size_t id_len, EVP_PKEY **ret,
                        struct mef_error *reterr)
{
    uint8_t point[P256_POINT_LEN] = {POINT_CONVERSION_UNCOMPRESSED};
    int r = token_public_key(t, id, id_len, point + 1, reterr);

    if (r < 0)
        return r;
    EVP_PKEY *key = provider_point_to_evp(t->libctx, point);
    if (!key)
        return mef_fail(reterr, MEF_ERROR_FAILED, "the public key in token '%s' is not on its curve",
                        t->name);
    *ret = key;
    return 0;
}

int token_sign_p256(struct token *t, const uint8_t *id, size_t id_len, const uint8_t *digest,
                    size_t digest_len, uint8_t ret_rs[64], struct mef_error *reterr)
{
    struct object_key key = by_id(TOKEN_PRIVATE_KEY, id, id_len);
    CK_OBJECT_HANDLE h;
    int r = token_check_id(id, id_len, reterr);

    if (r == 0 && (digest_len < 1 || digest_len > 64))
        r = mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "a digest of %zu octets: 1 to 64 are taken",
                     digest_len);
    if (r == 0)
        r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = token_lookup(t, &key, &h, NULL, reterr);
    if (r == -ENOENT)
        r = token_not_found(t, "private key", id, id_len, NULL, reterr);
    else if (r == 0)
        r = sign_raw(t, h, digest, digest_len, ret_rs, reterr);
    token_leave(t);
    return r;
}
