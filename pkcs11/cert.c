/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates: our own beside their key (same CKA_ID), and CA certificates under a label (interfaces.md 5).
 * Thread: any, blocking. */
#include "pkcs11/internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"

/* p11-kit's header has no names for the values of CKA_CERTIFICATE_CATEGORY (PKCS#11 4.6.2). */
#define CATEGORY_TOKEN_USER 1ul
#define CATEGORY_AUTHORITY  2ul

#define CA_ID_LEN 20u

static bool sha256_of(struct token *t, const void *data, size_t len, uint8_t ret[32])
{
    return EVP_Q_digest(t->libctx, "SHA256", NULL, data, len, ret, NULL) == 1;
}

/* The DER of a certificate object, checked against the index where it knows the fingerprint. */
static int read_cert(struct token *t, uint32_t at, struct der *ret, struct mef_error *reterr)
{
    const struct object o = t->index.item[at]; /* the index may go when a call fails */
    uint8_t expected[32], sha256[32];
    uint8_t *der = NULL;
    size_t len = 0;

    memcpy(expected, o.sha256, sizeof expected);
    int r = token_read(t, o.handle, CKA_VALUE, LIMIT_CERTIFICATE, &der, &len, reterr);
    if (r == -ENODATA || (r == 0 && len == 0)) {
        free(der);
        return mef_fail(reterr, MEF_ERROR_FAILED, "token '%s': a certificate object has no value", t->name);
    }
    if (r < 0)
        return r == -E2BIG ? mef_error_errno(MEF_ERROR_FAILED) : r;
    if (o.has_sha256 && (!sha256_of(t, der, len, sha256) || memcmp(sha256, expected, sizeof sha256) != 0)) {
        free(der);
        return -ESTALE;
    }
    *ret = (struct der){der, len};
    return 0;
}

/* Looks up and reads; an index that proves stale is read anew once. -ENOENT without a sentence. */
static int lookup_cert(struct token *t, const struct object_key *key, struct der *ret, uint32_t *ret_at,
                       struct mef_error *reterr)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        CK_OBJECT_HANDLE h;
        uint32_t at;
        int r = token_lookup(t, key, &h, &at, reterr);
        if (r == 0)
            r = read_cert(t, at, ret, reterr);
        if (r == 0)
            *ret_at = at;
        if (r != -ESTALE)
            return r;
        r = token_refresh(t, TOKEN_ANY, reterr);
        if (r < 0)
            return r;
    }
    return -ENOENT;
}

/* ---- storing ------------------------------------------------------------------------------------------ */

/* DER of subject, issuer and serial number, as PKCS#11 wants them beside the certificate. */
struct cert_names {
    uint8_t *subject, *issuer, *serial;
    int subject_len, issuer_len, serial_len;
};

static void cert_names_clear(struct cert_names *n)
{
    OPENSSL_free(n->subject);
    OPENSSL_free(n->issuer);
    OPENSSL_free(n->serial);
}

static int parse_names(struct token *t, const struct der *cert, struct cert_names *ret,
                       struct mef_error *reterr)
{
    const unsigned char *p = cert->data;
    X509 *x = NULL;

    if (cert->len >= 1 && cert->len <= LIMIT_CERTIFICATE)
        x = d2i_X509(NULL, &p, (long)cert->len);
    if (!x || p != cert->data + cert->len) {
        X509_free(x);
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "what should go into token '%s' is no DER certificate of 1 to %u octets", t->name,
                        LIMIT_CERTIFICATE);
    }
    ret->subject_len = i2d_X509_NAME(X509_get_subject_name(x), &ret->subject);
    ret->issuer_len = i2d_X509_NAME(X509_get_issuer_name(x), &ret->issuer);
    ret->serial_len = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &ret->serial);
    X509_free(x);
    if (ret->subject_len < 0 || ret->issuer_len < 0 || ret->serial_len < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "token '%s': out of memory for a certificate", t->name);
    return 0;
}

static int create_cert(struct token *t, const uint8_t *id, size_t id_len, const char *label,
                       const struct der *cert, bool ca, CK_OBJECT_HANDLE *ret, struct mef_error *reterr)
{
    struct cert_names names = {0};
    CK_OBJECT_CLASS cko = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_ULONG category = ca ? CATEGORY_AUTHORITY : CATEGORY_TOKEN_USER;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    int r = parse_names(t, cert, &names, reterr);

    if (r == 0) {
        CK_ATTRIBUTE template[] = {
            {CKA_CLASS, &cko, sizeof cko},
            {CKA_CERTIFICATE_TYPE, &type, sizeof type},
            {CKA_CERTIFICATE_CATEGORY, &category, sizeof category},
            {CKA_TOKEN, &yes, sizeof yes},
            {CKA_PRIVATE, &no, sizeof no},
            {CKA_ID, (void *)(uintptr_t)id, id_len},
            {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
            {CKA_SUBJECT, names.subject, (CK_ULONG)names.subject_len},
            {CKA_ISSUER, names.issuer, (CK_ULONG)names.issuer_len},
            {CKA_SERIAL_NUMBER, names.serial, (CK_ULONG)names.serial_len},
            {CKA_VALUE, cert->data, cert->len},
        };
        r = token_create(t, template, ELEMENTS(template), ret, reterr);
    }
    cert_names_clear(&names);
    return r;
}

/* Destroys all certificates with this id but one. */
static int drop_older(struct token *t, const uint8_t *id, size_t id_len, CK_OBJECT_HANDLE keep,
                      struct mef_error *reterr)
{
    _cleanup_(freep) CK_OBJECT_HANDLE *found = NULL;
    size_t n;
    int r = token_search(t, TOKEN_CERTIFICATE, id, id_len, NULL, &found, &n, reterr);

    for (size_t i = 0; r == 0 && i < n; i++)
        if (found[i] != keep)
            r = token_destroy(t, found[i], reterr);
    return r;
}

static int put_cert(struct token *t, const uint8_t *id, size_t id_len, const char *label,
                    const struct der *cert, bool ca, struct mef_error *reterr)
{
    uint8_t sha256[32];
    CK_OBJECT_HANDLE h;

    if (!sha256_of(t, cert->data, cert->len, sha256))
        return mef_fail(reterr, MEF_ERROR_FAILED, "SHA-256 failed");
    const struct object_key same = {.mask = TOKEN_CERTIFICATE,
                                    .id = id ? id : sha256,
                                    .id_len = id ? id_len : CA_ID_LEN,
                                    .label = label,
                                    .label_len = strlen(label),
                                    .sha256 = sha256,
                                    .sha256_len = sizeof sha256};
    int r = token_lookup(t, &same, &h, NULL, reterr);
    if (r == -ENOENT) {
        r = token_check_writable(t, "storing a certificate", reterr);
        if (r == 0)
            r = create_cert(t, same.id, same.id_len, label, cert, ca, &h, reterr);
    }
    if (r == 0 && id && !t->read_only)
        r = drop_older(t, id, id_len, h, reterr);
    return r;
}

int token_put_cert(struct token *t, const uint8_t *id, size_t id_len, const char *label,
                   const struct der *cert, bool ca, struct mef_error *reterr)
{
    int r = id ? token_check_id(id, id_len, reterr) : 0;

    if (r == 0)
        r = token_check_label(label, reterr);
    if (r == 0)
        r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = put_cert(t, id, id_len, label, cert, ca, reterr);
    token_leave(t);
    return r;
}

/* ---- finding ------------------------------------------------------------------------------------------ */

int token_get_cert(struct token *t, const uint8_t *id, size_t id_len, struct der *ret,
                   struct mef_error *reterr)
{
    const struct object_key key = {.mask = TOKEN_CERTIFICATE, .id = id, .id_len = id_len};
    uint32_t at;
    int r = token_check_id(id, id_len, reterr);

    if (r == 0)
        r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = lookup_cert(t, &key, ret, &at, reterr);
    if (r == -ENOENT)
        r = token_not_found(t, "certificate", id, id_len, NULL, reterr);
    token_leave(t);
    return r;
}

/* Of several objects that fit: one whose key is here; all must be one and the same certificate. */
static int choose(struct token *t, const struct object_key *key, uint32_t first, uint32_t *ret)
{
    uint32_t best = OBJECT_NONE;

    for (uint32_t at = index_find(&t->index, key, OBJECT_NONE); at != OBJECT_NONE;
         at = index_find(&t->index, key, at)) {
        const struct object *o = &t->index.item[at];
        const struct object_key own = {.mask = TOKEN_PRIVATE_KEY, .id = o->id, .id_len = o->id_len};
        if (memcmp(o->sha256, t->index.item[first].sha256, sizeof o->sha256) != 0)
            return -EEXIST;
        if (best == OBJECT_NONE && o->id_len > 0 && index_find(&t->index, &own, OBJECT_NONE) != OBJECT_NONE)
            best = at;
    }
    *ret = best == OBJECT_NONE ? first : best;
    return 0;
}

static int find_cert(struct token *t, const struct object_key *key, uint8_t *ret_id, size_t *ret_id_len,
                     struct der *ret_cert, struct mef_error *reterr)
{
    struct der der = {0};
    uint32_t at, chosen;
    int r = lookup_cert(t, key, &der, &at, reterr);

    if (r < 0)
        return r;
    r = choose(t, key, at, &chosen);
    if (r < 0) {
        free(der.data);
        return mef_fail(reterr, MEF_ERROR_FAILED,
                        "token '%s' holds several certificates whose fingerprint begins so: give more of it",
                        t->name);
    }
    const struct object *o = &t->index.item[chosen];
    if (ret_id && o->id_len)
        memcpy(ret_id, o->id, o->id_len);
    if (ret_id_len)
        *ret_id_len = o->id_len;
    if (ret_cert)
        *ret_cert = der;
    else
        free(der.data);
    return 0;
}

int token_find_cert(struct token *t, const uint8_t *sha256, size_t prefix_len, uint8_t *ret_id,
                    size_t *ret_id_len, struct der *ret_cert, struct mef_error *reterr)
{
    const struct object_key key = {.mask = TOKEN_CERTIFICATE, .sha256 = sha256, .sha256_len = prefix_len};
    char hex[65];
    int r;

    if (prefix_len < OBJECT_SHA_KEY || prefix_len > 32)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "a fingerprint of %zu octets: %u to 32 are taken", prefix_len, OBJECT_SHA_KEY);
    r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = find_cert(t, &key, ret_id, ret_id_len, ret_cert, reterr);
    if (r == -ENOENT) {
        hex_encode(sha256, prefix_len, hex);
        r = mef_fail(reterr, MEF_ERROR_NOT_FOUND, "token '%s' has no certificate with the fingerprint '%s'",
                     t->name, hex);
    }
    token_leave(t);
    return r;
}

/* Inside the session; what was added before a failure stays with the caller's scratch list. */
static int list_certs(struct token *t, const char *label, struct der_list *ret, struct mef_error *reterr)
{
    const struct object_key key = {.mask = TOKEN_CERTIFICATE, .label = label, .label_len = strlen(label)};
    int r = token_refresh(t, TOKEN_CERTIFICATE, reterr);
    uint32_t at = r == 0 ? index_find(&t->index, &key, OBJECT_NONE) : OBJECT_NONE;

    while (at != OBJECT_NONE) {
        struct der der = {0};
        r = read_cert(t, at, &der, reterr);
        if (r == -ESTALE)
            r = mef_fail(reterr, MEF_ERROR_FAILED,
                         "token '%s': its certificates changed while they were read", t->name);
        if (r < 0)
            break;
        r = der_list_add(ret, der.data, der.len);
        free(der.data);
        if (r < 0) {
            (void)mef_fail(reterr, MEF_ERROR_FAILED, "out of memory for the certificates of token '%s'",
                           t->name);
            break;
        }
        at = index_find(&t->index, &key, at);
    }
    return r;
}

int token_list_certs(struct token *t, const char *label, struct der_list *ret, struct mef_error *reterr)
{
    struct der_list found = {0};
    int r = token_check_label(label, reterr);

    if (r == 0)
        r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = list_certs(t, label, &found, reterr);
    token_leave(t);
    for (size_t i = 0; r == 0 && i < found.n; i++) {
        r = der_list_add(ret, found.item[i].data, found.item[i].len);
        if (r < 0)
            (void)mef_fail(reterr, MEF_ERROR_FAILED, "out of memory for certificates");
    }
    der_list_clear(&found);
    return r;
}

int token_delete_cert(struct token *t, const uint8_t sha256[32], const char *label, unsigned *ret_n,
                      struct mef_error *reterr)
{
    const struct object_key key = {.mask = TOKEN_CERTIFICATE,
                                   .label = label,
                                   .label_len = label ? strlen(label) : 0,
                                   .sha256 = sha256,
                                   .sha256_len = 32};
    unsigned n = 0;
    int r = token_enter(t, true, reterr);

    if (r < 0)
        return r;
    for (;;) {
        struct der der = {0};
        uint32_t at;
        /* Read again before it goes: the fingerprint is what was asked to be deleted, not a handle. */
        r = lookup_cert(t, &key, &der, &at, reterr);
        free(der.data);
        if (r == 0)
            r = token_check_writable(t, "deleting a certificate", reterr);
        if (r == 0)
            r = token_destroy(t, t->index.item[at].handle, reterr);
        if (r < 0)
            break;
        n++;
    }
    token_leave(t);
    if (r != -ENOENT)
        return r;
    if (ret_n)
        *ret_n = n;
    return 0;
}
