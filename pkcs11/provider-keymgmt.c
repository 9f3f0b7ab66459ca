/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Key management of our provider: EC keys of the token, by reference. Public parts come out, private ones
 * never. Thread: any; keys are immutable and counted. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#include "pkcs11/provider-internal.h"

static void *key_new(void *ctx)
{
    return provider_key_new(ctx, NULL);
}

static void key_free(void *key)
{
    provider_key_unref(key);
}

static void *key_dup(const void *key, int selection)
{
    const struct provider_key *from = key;
    struct provider_key *k =
        provider_key_new(from->libctx, selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? from->token : NULL);

    if (!k)
        return NULL;
    memcpy(k->id, from->id, sizeof k->id);
    k->id_len = from->id_len;
    memcpy(k->point, from->point, sizeof k->point);
    k->has_point = from->has_point;
    return k;
}

static int key_has(const void *key, int selection)
{
    const struct provider_key *k = key;

    if (!k)
        return 0;
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && !k->token)
        return 0;
    if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) && !k->has_point)
        return 0;
    return 1;
}

static int key_match(const void *a, const void *b, int selection)
{
    const struct provider_key *x = a, *y = b;

    if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR))
        return 1; /* the same curve: we know only one */
    return x->has_point && y->has_point && memcmp(x->point, y->point, sizeof x->point) == 0;
}

static int key_validate(const void *key, int selection, int checktype)
{
    return key_has(key, selection);
}

/* ---- import and export -------------------------------------------------------------------------------- */

/* The pointer of token_key_to_evp(): the new key becomes a copy of it. */
static int import_reference(struct provider_key *k, const OSSL_PARAM *p)
{
    const void *pointer = NULL;
    size_t len = 0;

    if (!OSSL_PARAM_get_octet_ptr(p, &pointer, &len) || len != sizeof *k)
        return 0;
    const struct provider_key *from = pointer;
    memcpy(k->id, from->id, sizeof k->id);
    k->id_len = from->id_len;
    memcpy(k->point, from->point, sizeof k->point);
    k->has_point = from->has_point;
    k->token = from->token;
    if (k->token)
        provider_token_hold(k->token);
    return 1;
}

/* A public key of another provider, for comparing it with ours. Private parts are refused: they belong into a
 * token. */
static int key_import(void *key, int selection, const OSSL_PARAM params[])
{
    struct provider_key *k = key;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PROVIDER_PARAM_KEY);
    const char *group = NULL;
    void *point = k->point;
    size_t len = 0;

    if (k->token || k->has_point)
        return 0;
    if (p)
        return import_reference(k, p);
    if (OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PRIV_KEY))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
    if (!p || !OSSL_PARAM_get_utf8_string_ptr(p, &group) ||
        (strcmp(group, P256_GROUP) != 0 && strcmp(group, "P-256") != 0))
        return 0;
    if (!(selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY))
        return 1;
    p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
    if (!p || !OSSL_PARAM_get_octet_string(p, &point, sizeof k->point, &len) || len != sizeof k->point ||
        k->point[0] != 0x04)
        return 0;
    k->has_point = true;
    return 1;
}

static const OSSL_PARAM import_params[] = {
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
    {PROVIDER_PARAM_KEY, OSSL_PARAM_OCTET_PTR, NULL, 0, 0},
    OSSL_PARAM_END,
};

static const OSSL_PARAM export_params[] = {
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *import_types(int selection)
{
    return import_params;
}

static const OSSL_PARAM *export_types(int selection)
{
    return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : export_params;
}

static int key_export(void *key, int selection, OSSL_CALLBACK *callback, void *arg)
{
    struct provider_key *k = key;
    char group[] = P256_GROUP, encoding[] = OSSL_PKEY_EC_ENCODING_GROUP;
    OSSL_PARAM params[4], *p = params;

    /* Else OpenSSL would take the public half elsewhere and try to sign with it there. */
    if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
        return 0;
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, encoding, 0);
    if (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) {
        if (!k->has_point)
            return 0;
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, k->point, sizeof k->point);
    }
    *p = OSSL_PARAM_construct_end();
    return callback(params, arg);
}

/* ---- parameters --------------------------------------------------------------------------------------- */

static const OSSL_PARAM gettable[] = {
    OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
    OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
    OSSL_PARAM_END,
};

static const OSSL_PARAM *gettable_params(void *ctx)
{
    return gettable;
}

static const struct {
    const char *name;
    int number;
    const char *text; /* NULL: a number */
} answers[] = {
    {OSSL_PKEY_PARAM_BITS, 256, NULL},
    {OSSL_PKEY_PARAM_SECURITY_BITS, 128, NULL},
    {OSSL_PKEY_PARAM_MAX_SIZE, P256_DER_MAX, NULL},
    {OSSL_PKEY_PARAM_GROUP_NAME, 0, P256_GROUP},
    {OSSL_PKEY_PARAM_EC_ENCODING, 0, OSSL_PKEY_EC_ENCODING_GROUP},
    {OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, 0, OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED},
    {OSSL_PKEY_PARAM_DEFAULT_DIGEST, 0, "SHA256"},
};

static int get_params(void *key, OSSL_PARAM params[])
{
    struct provider_key *k = key;
    static const char *const points[] = {OSSL_PKEY_PARAM_PUB_KEY, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY};
    OSSL_PARAM *p;

    for (size_t i = 0; i < ELEMENTS(answers); i++) {
        p = OSSL_PARAM_locate(params, answers[i].name);
        if (p && !(answers[i].text ? OSSL_PARAM_set_utf8_string(p, answers[i].text)
                                   : OSSL_PARAM_set_int(p, answers[i].number)))
            return 0;
    }
    for (size_t i = 0; i < ELEMENTS(points); i++) {
        p = OSSL_PARAM_locate(params, points[i]);
        if (p && (!k->has_point || !OSSL_PARAM_set_octet_string(p, k->point, sizeof k->point)))
            return 0;
    }
    return 1;
}

static const char *operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

#define FN(id, f)                                                                                            \
    {                                                                                                        \
        OSSL_FUNC_KEYMGMT_##id, (void (*)(void))f                                                            \
    }
static const OSSL_DISPATCH ec_functions[] = {
    FN(NEW, key_new),
    FN(FREE, key_free),
    FN(DUP, key_dup),
    FN(HAS, key_has),
    FN(MATCH, key_match),
    FN(VALIDATE, key_validate),
    FN(IMPORT, key_import),
    FN(IMPORT_TYPES, import_types),
    FN(EXPORT, key_export),
    FN(EXPORT_TYPES, export_types),
    FN(GET_PARAMS, get_params),
    FN(GETTABLE_PARAMS, gettable_params),
    FN(QUERY_OPERATION_NAME, operation_name),
    {0, NULL},
};
#undef FN

const OSSL_ALGORITHM provider_keymgmt[] = {
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROVIDER_PROPERTIES, ec_functions, "EC keys of a PKCS#11 token"},
    {NULL, NULL, NULL, NULL},
};
