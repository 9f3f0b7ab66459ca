/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the EST server delivered, checked (mef-protocol.md 3.6.1). The order of checks is the order of the
 * clause; all that is wrong with what came is the server's error (100). Ownership: inputs borrowed, outputs
 * copied. Thread: the caller's. */
#include "plugin/cert/chain.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/cert/names.h"
#include "plugin/cert/scope.h"

#define VERIFY_DEPTH 8
#define AUTH_LEVEL   2 /* as in the handshake that will use it: no SHA-1, nothing below 112 bits */

static int parse_list(const struct der_list *from, STACK_OF(X509) * to, const char *what,
                      struct mef_error *reterr)
{
    for (size_t i = 0; i < from->n; i++) {
        X509 *cert = i < LIMIT_CHAIN ? cert_parse(from->item[i].data, from->item[i].len) : NULL;

        if (!cert) {
            mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "Certificate %zu of %s does not parse.", i + 1, what);
            return CERT_SERVER_ERROR;
        }
        if (!sk_X509_push(to, cert)) {
            X509_free(cert);
            return -ENOMEM;
        }
    }
    return 0;
}

/* The certificate whose SubjectPublicKeyInfo is exactly ours: key, curve and uncompressed point at once. */
static X509 *find_ours(STACK_OF(X509) * received, const uint8_t point[POINT_LEN])
{
    uint8_t spki[SPKI_LEN];

    point_spki(point, spki);
    for (int i = 0; i < sk_X509_num(received); i++) {
        X509 *cert = sk_X509_value(received, i);
        unsigned char *der = NULL;
        int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
        bool same = n == SPKI_LEN && memcmp(der, spki, SPKI_LEN) == 0;

        OPENSSL_free(der);
        if (same)
            return cert;
    }
    return NULL;
}

static bool valid_at(const X509 *cert, int64_t now)
{
    time_t t = (time_t)(now / (int64_t)USEC_PER_SEC);

    return X509_cmp_time(X509_get0_notBefore(cert), &t) == -1 &&
           X509_cmp_time(X509_get0_notAfter(cert), &t) == 1;
}

/* What the certificate itself must say. NULL = it does. */
static const char *leaf_fault(X509 *leaf, const struct chain_want *want)
{
    if (X509_get_version(leaf) != X509_VERSION_3)
        return "is not of version 3";
    if (X509_get_signature_nid(leaf) != NID_ecdsa_with_SHA256)
        return "is not signed with ECDSA and SHA-256";
    if (names_any_wildcard(leaf))
        return "holds a wildcard";
    if (!names_contain(leaf, want->san))
        return "does not hold the subjectAltName that was asked for";
    if (X509_get_extension_flags(leaf) & EXFLAG_INVALID)
        return "has an extension that does not parse";
    if (X509_check_ca(leaf))
        return "is that of a CA";
    if (!(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE))
        return "may not be used for signatures";
    return NULL;
}

static bool is_ca(X509 *cert)
{
    return X509_check_ca(cert) == 1;
}

/* Path to one of the CA certificates; *ret_path is the caller's. NULL = verified, else OpenSSL's reason. */
static const char *verify_path(X509 *leaf, STACK_OF(X509) * received, STACK_OF(X509) * ca, int64_t now,
                               STACK_OF(X509) * *ret_path)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    const char *why = NULL;

    if (!store || !ctx)
        why = "out of memory";
    for (int i = 0; !why && i < sk_X509_num(ca); i++)
        if (is_ca(sk_X509_value(ca, i)) && !X509_STORE_add_cert(store, sk_X509_value(ca, i)))
            why = "out of memory";
    if (!why && !X509_STORE_CTX_init(ctx, store, leaf, received))
        why = "out of memory";
    if (!why) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

        X509_VERIFY_PARAM_set_time(param, (time_t)(now / (int64_t)USEC_PER_SEC));
        X509_VERIFY_PARAM_set_depth(param, VERIFY_DEPTH);
        X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
        X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
        if (X509_verify_cert(ctx) <= 0)
            why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
        else if (!(*ret_path = X509_STORE_CTX_get1_chain(ctx)))
            why = "out of memory";
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return why;
}

static int append(struct der_list *to, X509 *cert)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der), r = n > 0 ? der_list_add(to, der, (size_t)n) : -ENOMEM;

    OPENSSL_free(der);
    return r;
}

static bool self_signed(X509 *cert)
{
    return X509_self_signed(cert, 0) == 1;
}

static bool holds(const struct der_list *list, X509 *cert)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    bool found = false;

    for (size_t i = 0; n > 0 && i < list->n && !found; i++)
        found = list->item[i].len == (size_t)n && memcmp(list->item[i].data, der, (size_t)n) == 0;
    OPENSSL_free(der);
    return found;
}

/* Leaf first; then every intermediate up to, without, a self-signed root, also those that only cacerts named.
 */
static int order(STACK_OF(X509) * path, STACK_OF(X509) * ca, struct der_list *ret)
{
    struct der_list chain = {0};
    X509 *last = NULL;
    int r = 0;

    for (int i = 0; r == 0 && i < sk_X509_num(path); i++) {
        last = sk_X509_value(path, i);
        if (i == 0 || !self_signed(last))
            r = append(&chain, last);
    }
    while (r == 0 && !self_signed(last) && chain.n < LIMIT_CHAIN) {
        X509 *next = NULL;

        for (int i = 0; !next && i < sk_X509_num(ca); i++) {
            X509 *candidate = sk_X509_value(ca, i);

            if (is_ca(candidate) && X509_check_issued(candidate, last) == X509_V_OK &&
                !holds(&chain, candidate))
                next = candidate;
        }
        if (!next || self_signed(next))
            break;
        r = append(&chain, next);
        last = next;
    }
    if (r < 0)
        der_list_clear(&chain);
    else
        *ret = chain;
    return r;
}

static int check(const struct chain_want *want, STACK_OF(X509) * received, STACK_OF(X509) * ca,
                 struct der_list *ret, struct mef_error *reterr)
{
    uint8_t point[POINT_LEN];
    STACK_OF(X509) *path = NULL;
    const char *why;
    X509 *leaf;
    int r;

    if (key_point(want->key, point) < 0) {
        mef_fail(reterr, MEF_ERROR_FAILED, "The key of the request for '%s' cannot be read any more.",
                 want->san->value);
        return CERT_CLIENT_ERROR;
    }
    leaf = find_ours(received, point);
    if (!leaf) {
        mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "No certificate for '%s' that came has our public key.",
                 want->san->value);
        return CERT_SERVER_ERROR;
    }
    why = leaf_fault(leaf, want);
    if (!why && !valid_at(leaf, want->now)) {
        char clock[TIMESTAMP_LEN];
        timestamp_format(want->now, clock);
        mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                 "The certificate that came for '%s' is not valid now, at %s; is the clock right?",
                 want->san->value, clock);
        return CERT_SERVER_ERROR;
    }
    if (why) {
        mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "The certificate that came for '%s' %s.",
                 want->san->value, why);
        return CERT_SERVER_ERROR;
    }
    why = verify_path(leaf, received, ca, want->now, &path);
    if (why) {
        mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                 "The certificate that came for '%s' does not lead to a CA certificate of the server: %s.",
                 want->san->value, why);
        return CERT_SERVER_ERROR;
    }
    r = order(path, ca, ret);
    sk_X509_pop_free(path, X509_free);
    return r;
}

int chain_check(const struct chain_want *want, const struct der_list *received, const struct der_list *ca,
                struct der_list *ret_chain, struct mef_error *reterr)
{
    STACK_OF(X509) * certs, *cas;
    struct scope scope;
    int r = scope_enter(&scope);

    if (r < 0)
        return r;
    certs = sk_X509_new_null();
    cas = sk_X509_new_null();
    if (!certs || !cas)
        r = -ENOMEM;
    if (r == 0)
        r = parse_list(received, certs, "the answer", reterr);
    if (r == 0)
        r = parse_list(ca, cas, "the CA certificates", reterr);
    if (r == 0)
        r = check(want, certs, cas, ret_chain, reterr);
    sk_X509_pop_free(certs, X509_free);
    sk_X509_pop_free(cas, X509_free);
    scope_leave(&scope);
    return r;
}

int chain_pick_ca(const struct der_list *from, int64_t now, struct der_list *ret, struct mef_error *reterr)
{
    struct der_list picked = {0};
    STACK_OF(X509) * certs;
    struct scope scope;
    int r = scope_enter(&scope);

    if (r < 0)
        return r;
    certs = sk_X509_new_null();
    r = certs ? parse_list(from, certs, "the CA certificates", reterr) : -ENOMEM;
    for (int i = 0; r == 0 && i < sk_X509_num(certs); i++)
        if (is_ca(sk_X509_value(certs, i)) && valid_at(sk_X509_value(certs, i), now))
            r = der_list_add(&picked, from->item[i].data, from->item[i].len);
    if (r == 0 && picked.n == 0) {
        char clock[TIMESTAMP_LEN];
        timestamp_format(now, clock);
        mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                 "None of the %zu certificates of cacerts is that of a CA and valid now, at %s; is the clock "
                 "right?",
                 from->n, clock);
        r = CERT_SERVER_ERROR;
    }
    if (r == 0)
        *ret = picked;
    else
        der_list_clear(&picked);
    sk_X509_pop_free(certs, X509_free);
    scope_leave(&scope);
    return r;
}

bool cert_is_for(const struct der *cert, const struct san *san, int64_t now)
{
    struct scope scope;
    bool is = false;
    X509 *x;

    if (scope_enter(&scope) < 0)
        return false;
    x = cert_parse(cert->data, cert->len);
    if (x)
        is = valid_at(x, now) && names_contain(x, san);
    X509_free(x);
    scope_leave(&scope);
    return is;
}
