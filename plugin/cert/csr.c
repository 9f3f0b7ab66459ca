/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PKCS#10 requests of CERT_PROV (mef-protocol.md 3.6.1; TS-0003 10.1.4). The public half of the key is copied
 * into a private context; the key itself only signs, in its own provider. Ownership: the caller's key is
 * borrowed. Thread: the caller's. */
#include "plugin/cert/csr.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/cert/chain.h"
#include "plugin/cert/scope.h"

static X509_EXTENSION *san_extension(const struct san *san)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    X509_EXTENSION *ext = NULL;
    ASN1_IA5STRING *text = NULL;
    ASN1_OBJECT *oid = NULL;
    bool ok;

    if (san->kind == SAN_RID) {
        oid = OBJ_txt2obj(san->value, 1);
        ok = name && oid;
        if (ok)
            GENERAL_NAME_set0_value(name, GEN_RID, TAKE_PTR(oid));
    } else {
        text = ASN1_IA5STRING_new();
        ok = name && text && ASN1_STRING_set(text, san->value, -1);
        if (ok)
            GENERAL_NAME_set0_value(name, san->kind == SAN_DNS ? GEN_DNS : GEN_URI, TAKE_PTR(text));
    }
    if (ok && names && sk_GENERAL_NAME_push(names, name)) {
        name = NULL;
        ext = X509V3_EXT_i2d(NID_subject_alt_name, 0, names);
    }
    ASN1_IA5STRING_free(text);
    ASN1_OBJECT_free(oid);
    GENERAL_NAME_free(name);
    GENERAL_NAMES_free(names);
    return ext;
}

static X509_EXTENSION *key_usage_extension(void)
{
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    X509_EXTENSION *ext = NULL;

    if (bits && ASN1_BIT_STRING_set_bit(bits, 0, 1)) /* digitalSignature */
        ext = X509V3_EXT_i2d(NID_key_usage, 1, bits);
    ASN1_BIT_STRING_free(bits);
    return ext;
}

static X509_EXTENSION *ext_key_usage_extension(char *const *oids)
{
    EXTENDED_KEY_USAGE *list = EXTENDED_KEY_USAGE_new();
    X509_EXTENSION *ext = NULL;
    bool ok = list != NULL;

    for (size_t i = 0; ok && oids[i]; i++) {
        ASN1_OBJECT *oid = OBJ_txt2obj(oids[i], 1);

        ok = oid && sk_ASN1_OBJECT_push(list, oid);
        if (!ok)
            ASN1_OBJECT_free(oid);
    }
    if (ok)
        ext = X509V3_EXT_i2d(NID_ext_key_usage, 0, list);
    EXTENDED_KEY_USAGE_free(list);
    return ext;
}

/* Takes `ext` over, which may be NULL (then it fails). */
static bool push(STACK_OF(X509_EXTENSION) * list, X509_EXTENSION *ext)
{
    if (ext && sk_X509_EXTENSION_push(list, ext))
        return true;
    X509_EXTENSION_free(ext);
    return false;
}

static bool add_extensions(X509_REQ *req, const struct csr_params *p, X509 *like)
{
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    int at = like ? X509_get_ext_by_NID(like, NID_subject_alt_name, -1) : -1;
    bool ok = list != NULL;

    if (ok && at >= 0)
        ok = push(list, X509_EXTENSION_dup(X509_get_ext(like, at)));
    else if (ok)
        ok = push(list, san_extension(p->san));
    ok = ok && push(list, key_usage_extension());
    if (ok && p->ext_key_usage && p->ext_key_usage[0])
        ok = push(list, ext_key_usage_extension(p->ext_key_usage));
    ok = ok && X509_REQ_add_extensions(req, list);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return ok;
}

static bool set_subject(X509_REQ *req, const struct csr_params *p, X509 *like)
{
    X509_NAME *name;
    char cn[65];
    bool ok;

    if (like)
        return X509_REQ_set_subject_name(req, X509_get_subject_name(like));
    subject_common_name(p->subject_id, cn);
    name = X509_NAME_new();
    ok = name &&
         (!*cn || X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)cn,
                                             -1, -1, 0)) &&
         X509_REQ_set_subject_name(req, name);
    X509_NAME_free(name);
    return ok;
}

/* The point as it is: OpenSSL would decode it into a key and encode that again. */
static bool set_public_key(X509_REQ *req, const uint8_t point[POINT_LEN])
{
    unsigned char *copy = OPENSSL_memdup(point, POINT_LEN);
    bool ok =
        copy && X509_PUBKEY_set0_param(X509_REQ_get_X509_PUBKEY(req), OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
                                       V_ASN1_OBJECT, OBJ_nid2obj(NID_X9_62_prime256v1), copy, POINT_LEN);

    if (!ok)
        OPENSSL_free(copy);
    return ok;
}

/* ECDSA with SHA-256, by the provider that holds the key. */
static bool sign(X509_REQ *req, EVP_PKEY *key, struct scope *scope)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = false;

    if (ctx) {
        scope_pause(scope);
        ok = EVP_DigestSignInit_ex(ctx, NULL, "SHA256", scope->lib, NULL, key, NULL) > 0 &&
             X509_REQ_sign_ctx(req, ctx) > 0;
        scope_resume(scope);
    }
    EVP_MD_CTX_free(ctx);
    return ok;
}

static int encode(X509_REQ *req, struct der *ret)
{
    unsigned char *out;
    int n = i2d_X509_REQ(req, NULL);
    struct der der;

    if (n <= 0)
        return -ENOMEM;
    der = (struct der){.data = malloc((size_t)n), .len = (size_t)n};
    if (!der.data)
        return -ENOMEM;
    out = der.data;
    if (i2d_X509_REQ(req, &out) != n) {
        free(der.data);
        return -ENOMEM;
    }
    *ret = der;
    return 0;
}

static int build(const struct csr_params *p, X509 *like, X509_REQ *req, struct scope *scope, struct der *ret,
                 struct mef_error *reterr)
{
    uint8_t point[POINT_LEN];

    if (key_point(p->key, point) < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "The key for '%s' is not a readable P-256 key.",
                        p->subject_id);
    if (!X509_REQ_set_version(req, X509_REQ_VERSION_1) || !set_subject(req, p, like) ||
        !set_public_key(req, point))
        return mef_fail(reterr, MEF_ERROR_FAILED, "The request for '%s' cannot be composed.", p->subject_id);
    if (!add_extensions(req, p, like))
        return mef_fail(reterr, MEF_ERROR_FAILED,
                        "The subjectAltName '%s' or an extended key usage cannot be encoded.", p->san->value);
    if (p->challenge &&
        !X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, V_ASN1_PRINTABLESTRING,
                                   (const unsigned char *)p->challenge, (int)strlen(p->challenge)))
        return mef_fail(reterr, MEF_ERROR_FAILED, "The challengePassword for '%s' cannot be encoded.",
                        p->subject_id);
    if (!sign(req, p->key, scope)) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());

        return mef_fail(reterr, MEF_ERROR_FAILED, "The key for '%s' could not sign the request: %s.",
                        p->subject_id, reason ? reason : "the provider gave no reason");
    }
    return encode(req, ret);
}

int csr_build(const struct csr_params *p, struct der *ret, struct mef_error *reterr)
{
    struct scope scope;
    X509_REQ *req = NULL;
    X509 *like = NULL;
    int r;

    if (!p->key || !p->subject_id || !p->san || !*p->san->value)
        return mef_fail(reterr, MEF_ERROR_FAILED, "A request needs a key, a subject and a subjectAltName.");
    r = scope_enter(&scope);
    if (r < 0)
        return r;
    req = X509_REQ_new();
    if (p->like)
        like = cert_parse(p->like->data, p->like->len);
    if (!req)
        r = -ENOMEM;
    else if (p->like && !like)
        r = mef_fail(reterr, MEF_ERROR_FAILED, "The certificate to renew for '%s' does not parse.",
                     p->subject_id);
    else
        r = build(p, like, req, &scope, ret, reterr);
    X509_free(like);
    X509_REQ_free(req);
    scope_leave(&scope);
    return r;
}
