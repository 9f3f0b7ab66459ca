/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a certificate says about itself: names, dates, fingerprint (mef-protocol.md 3.9, interfaces.md 1).
 * Pure. Ownership: outputs are the caller's. Thread: the caller's. */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/cert/chain.h"
#include "plugin/cert/names.h"
#include "plugin/cert/scope.h"

/* ---- names ------------------------------------------------------------------------------------------ */

static bool text_is(const ASN1_STRING *s, const char *text, bool any_case)
{
    size_t n = (size_t)ASN1_STRING_length(s);
    const char *data = (const char *)ASN1_STRING_get0_data(s);

    if (n != strlen(text) || memchr(data, '\0', n))
        return false;
    return any_case ? strncasecmp(data, text, n) == 0 : memcmp(data, text, n) == 0;
}

bool names_contain(const X509 *cert, const struct san *san)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    ASN1_OBJECT *oid = san->kind == SAN_RID ? OBJ_txt2obj(san->value, 1) : NULL;
    bool found = false;

    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (san->kind == SAN_DNS && name->type == GEN_DNS)
            found = text_is(name->d.dNSName, san->value, true);
        else if (san->kind == SAN_URI && name->type == GEN_URI)
            found = text_is(name->d.uniformResourceIdentifier, san->value, false);
        else if (oid && name->type == GEN_RID)
            found = OBJ_cmp(name->d.registeredID, oid) == 0;
    }
    ASN1_OBJECT_free(oid);
    GENERAL_NAMES_free(names);
    return found;
}

bool names_any_wildcard(const X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        found = name->type == GEN_DNS && memchr(ASN1_STRING_get0_data(name->d.dNSName), '*',
                                                (size_t)ASN1_STRING_length(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
    return found;
}

/* A copy of octets that have no NUL behind them. */
static char *text_of(const void *data, size_t n)
{
    char *text = malloc(n + 1);

    if (!text)
        return NULL;
    if (n)
        memcpy(text, data, n);
    text[n] = '\0';
    return text;
}

char *names_first(const X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char oid[128];
    char *text = NULL;
    bool found = false;

    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        found = true;
        if (name->type == GEN_DNS || name->type == GEN_URI) {
            const ASN1_STRING *s = name->d.ia5;

            text = text_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
        } else if (name->type == GEN_RID && OBJ_obj2txt(oid, sizeof oid, name->d.registeredID, 1) > 0)
            text = strdup(oid);
        else
            found = false;
    }
    GENERAL_NAMES_free(names);
    if (!found)
        text = strdup("");
    if (text)
        str_make_printable(text);
    return text;
}

char *name_text(const X509_NAME *name)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    const char *data;
    long n;

    if (!out)
        return NULL;
    /* RFC 2253, but UTF-8 stays UTF-8 */
    if (X509_NAME_print_ex(out, name, 0,
                           (XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) | ASN1_STRFLGS_UTF8_CONVERT) >= 0) {
        n = BIO_get_mem_data(out, &data);
        text = text_of(data, n > 0 ? (size_t)n : 0);
    } else
        text = strdup("");
    BIO_free(out);
    if (text)
        str_make_printable(text);
    return text;
}

/* ---- facts ------------------------------------------------------------------------------------------ */

static int64_t usec_of(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) * (int64_t)USEC_PER_SEC : 0;
}

static int digest(const void *der, size_t len, uint8_t ret[32])
{
    unsigned n = 0;
    EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL); /* of the scope */
    bool ok = sha256 && EVP_Digest(der, len, ret, &n, sha256, NULL) && n == 32;

    EVP_MD_free(sha256);
    return ok ? 0 : -ENOMEM;
}

int cert_sha256(const void *der, size_t len, uint8_t ret[32])
{
    struct scope scope;
    int r = scope_enter(&scope);

    if (r < 0)
        return r;
    r = digest(der, len, ret);
    scope_leave(&scope);
    return r;
}

int cert_info_get(const struct der *cert, struct cert_info *ret)
{
    struct cert_info info = {0};
    struct scope scope;
    int r = scope_enter(&scope);
    X509 *x;

    if (r < 0)
        return r;
    x = cert_parse(cert->data, cert->len);
    r = x ? digest(cert->data, cert->len, info.sha256) : -EINVAL;
    if (r == 0) {
        info.subject = name_text(X509_get_subject_name(x));
        info.issuer = name_text(X509_get_issuer_name(x));
        info.san = names_first(x);
        info.not_before = usec_of(X509_get0_notBefore(x));
        info.not_after = usec_of(X509_get0_notAfter(x));
        info.ca = X509_check_ca(x) == 1;
        hex_encode(info.sha256, sizeof info.sha256, info.sha256_hex);
        if (!info.subject || !info.issuer || !info.san)
            r = -ENOMEM;
    }
    X509_free(x);
    scope_leave(&scope);
    if (r < 0)
        cert_info_clear(&info);
    else
        *ret = info;
    return r;
}

int cert_info_copy(const struct cert_info *from, struct cert_info *ret)
{
    struct cert_info copy = *from;

    copy.subject = from->subject ? strdup(from->subject) : NULL;
    copy.issuer = from->issuer ? strdup(from->issuer) : NULL;
    copy.san = from->san ? strdup(from->san) : NULL;
    if ((from->subject && !copy.subject) || (from->issuer && !copy.issuer) || (from->san && !copy.san)) {
        cert_info_clear(&copy);
        return -ENOMEM;
    }
    *ret = copy;
    return 0;
}

void cert_info_clear(struct cert_info *i)
{
    free(i->subject);
    free(i->issuer);
    free(i->san);
    *i = (struct cert_info){0};
}

int cert_from_text(const char *text, size_t len, struct der *ret)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    struct der der = {0};
    const char *from = len ? memmem(text, len, begin, sizeof begin - 1) : NULL, *to;
    struct scope scope;
    X509 *x;
    int r;

    if (from) {
        from += sizeof begin - 1;
        to = memmem(from, len - (size_t)(from - text), end, sizeof end - 1);
        if (!to || (size_t)(to - from) > 2 * LIMIT_CERTIFICATE)
            return -EINVAL;
        r = base64_decode(from, (size_t)(to - from), &der.data, &der.len);
        if (r < 0)
            return r;
    } else {
        if (len == 0 || len > LIMIT_CERTIFICATE)
            return -EINVAL;
        der = (struct der){.data = malloc(len), .len = len};
        if (!der.data)
            return -ENOMEM;
        memcpy(der.data, text, len);
    }
    r = scope_enter(&scope);
    if (r == 0) {
        x = cert_parse(der.data, der.len);
        r = x ? 0 : -EINVAL;
        X509_free(x);
        scope_leave(&scope);
    }
    if (r < 0)
        free(der.data);
    else
        *ret = der;
    return r;
}

bool cert_has_key(const struct der *cert, EVP_PKEY *key)
{
    struct scope scope;
    uint8_t ours[POINT_LEN], theirs[POINT_LEN];
    bool same = false;

    if (key_point(key, ours) < 0 || scope_enter(&scope) < 0)
        return false;
    X509 *x = cert_parse(cert->data, cert->len);
    if (x && X509_get0_pubkey(x) && key_point(X509_get0_pubkey(x), theirs) == 0)
        same = memcmp(ours, theirs, sizeof ours) == 0;
    X509_free(x);
    scope_leave(&scope);
    return same;
}
