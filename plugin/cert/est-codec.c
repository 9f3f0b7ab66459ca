/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of EST (RFC 7030; mef-protocol.md 3.6.2; interop.md). No I/O. csrattrs is read by a small DER
 * reader of our own, which does not recurse; PKCS#7, which servers also send as BER, by OpenSSL in a private
 * context. Ownership: outputs are the caller's. Thread: any. */
#include "plugin/cert/est-codec.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/cert/scope.h"
#include "policy/uri.h"

#define WELL_KNOWN     "/.well-known/est"
#define DEFAULT_PORT   443
#define BASE64_LINE    64
#define EXT_KEY_USAGES 16 /* usages that a server may ask for */
#define OID_TEXT_MAX   128

static const char *const operation_names[EST_OPERATION_MAX_] = {
    [EST_CACERTS] = "cacerts",
    [EST_CSRATTRS] = "csrattrs",
    [EST_SIMPLEENROLL] = "simpleenroll",
    [EST_SIMPLEREENROLL] = "simplereenroll",
};

/* ---- addresses -------------------------------------------------------------------------------------- */

int est_uri_parse(const char *uri, struct est_uri *ret, struct mef_error *reterr)
{
    struct est_uri made = {0};
    struct uri u;
    size_t n;

    if (uri_parse(uri, &u) < 0 || !streq(u.scheme, "https") || !*u.host || u.host_is_literal ||
        u.has_userinfo || u.has_query || u.has_fragment)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "'%s' is no EST base URI; it must be https with a host name and at most a path.",
                        uri ? uri : "");
    n = u.path_len;
    while (n && u.path[n - 1] == '/')
        n--;
    made.fqdn = strdup(u.host);
    made.base = n ? strndup(u.path, n) : strdup(WELL_KNOWN);
    made.port = u.port ? u.port : DEFAULT_PORT;
    if (!made.fqdn || !made.base) {
        est_uri_clear(&made);
        return -ENOMEM;
    }
    *ret = made;
    return 0;
}

void est_uri_clear(struct est_uri *u)
{
    free(u->fqdn);
    free(u->base);
    *u = (struct est_uri){0};
}

char *est_path(const struct est_uri *u, enum est_operation op)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", u->base, operation_names[op]) < 0 ? NULL : path;
}

/* ---- bodies ----------------------------------------------------------------------------------------- */

/* One TLV at *p with a definite length in its shortest form (DER), low tag numbers only. */
static int next(const uint8_t **p, const uint8_t *end, uint8_t *ret_tag, const uint8_t **ret, size_t *ret_len)
{
    const uint8_t *at = *p;
    size_t n;

    if (end - at < 2 || (at[0] & 0x1f) == 0x1f)
        return -EINVAL;
    *ret_tag = at[0];
    n = at[1];
    at += 2;
    if (n & 0x80) {
        size_t octets = n & 0x7f;

        if (octets == 0 || octets > 3 || (size_t)(end - at) < octets || at[0] == 0)
            return -EINVAL;
        for (n = 0; octets; octets--)
            n = n << 8 | *at++;
        if (n < 0x80)
            return -EINVAL;
    }
    if ((size_t)(end - at) < n)
        return -EINVAL;
    *ret = at;
    *ret_len = n;
    *p = at + n;
    return 0;
}

/* The whole of `data` is one DER or BER SEQUENCE: base64 text of one begins with 'M'. */
static bool looks_binary(const uint8_t *data, size_t len)
{
    return len >= 2 && data[0] == 0x30 && memchr("\x80\x81\x82\x83", data[1], 4) != NULL;
}

static bool short_sequence(const uint8_t *data, size_t len)
{
    const uint8_t *p = data, *content;
    size_t n;
    uint8_t tag;

    return len >= 2 && data[0] == 0x30 && next(&p, data + len, &tag, &content, &n) == 0 && p == data + len;
}

int est_body_decode(const void *body, size_t len, size_t max, struct der *ret)
{
    struct der der = {0};
    const char *text = body;
    int r;

    if (len == 0)
        return -EINVAL;
    if (looks_binary(body, len) || short_sequence(body, len)) {
        if (len > max)
            return -E2BIG;
        der = (struct der){.data = malloc(len), .len = len};
        if (!der.data)
            return -ENOMEM;
        memcpy(der.data, body, len);
        *ret = der;
        return 0;
    }
    while (len && strchr(" \t\r\n", text[0]) && text[0]) {
        text++;
        len--;
    }
    while (len && strchr(" \t\r\n", text[len - 1]) && text[len - 1])
        len--;
    if (len == 0)
        return -EINVAL;
    if (len / 4 > max) /* base64 with a line end after each group at the very most */
        return -E2BIG;
    r = base64_decode(text, len, &der.data, &der.len);
    if (r < 0)
        return r;
    if (der.len > max || der.len == 0) {
        free(der.data);
        return der.len ? -E2BIG : -EINVAL;
    }
    *ret = der;
    return 0;
}

static int take_certs(const PKCS7 *p7, struct der_list *ret)
{
    STACK_OF(X509) *certs = PKCS7_type_is_signed(p7) && p7->d.sign ? p7->d.sign->cert : NULL;
    struct der_list list = {0};
    int n = certs ? sk_X509_num(certs) : 0, r = 0;

    if (n < 1)
        return -EINVAL;
    if ((unsigned)n > LIMIT_CHAIN)
        return -E2BIG;
    for (int i = 0; i < n && r == 0; i++) {
        X509 *cert = sk_X509_value(certs, i);
        unsigned char *der = NULL;
        int len = i2d_X509(cert, &der);

        if (len <= 0)
            r = -EINVAL;
        else if ((unsigned)len > LIMIT_CERTIFICATE)
            r = -E2BIG;
        else {
            cert_remember(cert, der, (size_t)len);
            r = der_list_add(&list, der, (size_t)len);
        }
        OPENSSL_free(der);
    }
    if (r < 0)
        der_list_clear(&list);
    else
        *ret = list;
    return r;
}

int est_certs_decode(const void *body, size_t len, struct der_list *ret)
{
    struct der der = {0};
    struct scope scope;
    const unsigned char *p;
    PKCS7 *p7;
    int r = est_body_decode(body, len, LIMIT_EST_BODY, &der);

    if (r < 0)
        return r;
    r = scope_enter(&scope);
    if (r == 0) {
        p = der.data;
        p7 = d2i_PKCS7(NULL, &p, (long)der.len);
        r = p7 && p == der.data + der.len ? take_certs(p7, ret) : -EINVAL;
        PKCS7_free(p7);
        scope_leave(&scope);
    }
    free(der.data);
    return r;
}

/* ---- csrattrs --------------------------------------------------------------------------------------- */

static const uint8_t oid_challenge[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07};
static const uint8_t oid_extension_request[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e};
static const uint8_t oid_san[] = {0x55, 0x1d, 0x11};
static const uint8_t oid_eku[] = {0x55, 0x1d, 0x25};
#define CLIENT_AUTH "1.3.6.1.5.5.7.3.2"

#define IS(oid, data, n) ((n) == sizeof(oid) && memcmp(data, oid, n) == 0)

enum { TAG_BOOLEAN = 0x01, TAG_OCTETS = 0x04, TAG_OID = 0x06, TAG_SEQUENCE = 0x30, TAG_SET = 0x31 };

/* Dotted form of the content octets of an OID whose arcs fit into 32 bits. */
static int oid_text(const uint8_t *oid, size_t n, char ret[OID_TEXT_MAX])
{
    size_t used = 0, i = 0;
    bool first = true;

    if (n == 0)
        return -EINVAL;
    while (i < n) {
        uint64_t arc = 0;
        int w;

        if (oid[i] == 0x80)
            return -EINVAL;
        do {
            arc = arc << 7 | (oid[i] & 0x7f);
            if (arc > UINT32_MAX)
                return -EINVAL;
        } while (oid[i++] & 0x80 && i < n);
        if (oid[i - 1] & 0x80)
            return -EINVAL;
        if (first) {
            uint64_t top = arc < 80 ? arc / 40 : 2;

            w = snprintf(ret, OID_TEXT_MAX, "%u.%u", (unsigned)top, (unsigned)(arc - top * 40));
            first = false;
        } else
            w = snprintf(ret + used, OID_TEXT_MAX - used, ".%u", (unsigned)arc);
        if (w < 0 || (size_t)w >= OID_TEXT_MAX - used)
            return -EINVAL;
        used += (size_t)w;
    }
    return 0;
}

static int add_usage(struct csrattrs *a, const char *oid)
{
    for (size_t i = 0; a->ext_key_usage && a->ext_key_usage[i]; i++)
        if (streq(a->ext_key_usage[i], oid))
            return 0;
    if (strv_len(a->ext_key_usage) >= EXT_KEY_USAGES)
        return -E2BIG;
    return strv_push(&a->ext_key_usage, oid);
}

/* A SEQUENCE OF OBJECT IDENTIFIER: the value of extKeyUsage. */
static int add_usages(struct csrattrs *a, const uint8_t *p, const uint8_t *end)
{
    while (p < end) {
        char text[OID_TEXT_MAX];
        const uint8_t *data;
        uint8_t tag;
        size_t n;
        int r;

        if (next(&p, end, &tag, &data, &n) < 0 || tag != TAG_OID || oid_text(data, n, text) < 0)
            return -EINVAL;
        r = add_usage(a, text);
        if (r < 0)
            return r;
    }
    return 0;
}

/* An extension is asked for by its OID; `value` is the content of its OCTET STRING, NULL = left to us. */
static int want_extension(struct csrattrs *a, const uint8_t *oid, size_t oid_len, const uint8_t *value,
                          size_t len)
{
    const uint8_t *data, *end = value ? value + len : NULL;
    uint8_t tag;
    size_t n;

    if (IS(oid_san, oid, oid_len))
        a->san = true;
    if (!IS(oid_eku, oid, oid_len))
        return 0;
    if (!value || len == 0)
        return add_usage(a, CLIENT_AUTH);
    if (next(&value, end, &tag, &data, &n) < 0 || value != end || tag != TAG_SEQUENCE)
        return -EINVAL;
    return add_usages(a, data, data + n);
}

/* Extension ::= SEQUENCE { extnID, critical DEFAULT FALSE, extnValue } */
static int read_extension(struct csrattrs *a, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *oid, *data = NULL;
    size_t oid_len, n = 0;
    uint8_t tag;

    if (next(&p, end, &tag, &oid, &oid_len) < 0 || tag != TAG_OID)
        return -EINVAL;
    if (p < end && *p == TAG_BOOLEAN && next(&p, end, &tag, &data, &n) < 0)
        return -EINVAL;
    data = NULL;
    n = 0;
    if (p < end && (next(&p, end, &tag, &data, &n) < 0 || tag != TAG_OCTETS || p != end))
        return -EINVAL;
    return want_extension(a, oid, oid_len, data, n);
}

/* One value of extensionRequest: an OID that names an extension (RFC 7030 4.5.2), or Extensions (RFC 9908).
 */
static int read_extension_request(struct csrattrs *a, uint8_t tag, const uint8_t *p, size_t len)
{
    const uint8_t *end = p + len, *data;
    size_t n;
    int r = 0;

    if (tag == TAG_OID)
        return want_extension(a, p, len, NULL, 0);
    if (tag != TAG_SEQUENCE)
        return 0;
    while (p < end && r == 0) {
        if (next(&p, end, &tag, &data, &n) < 0)
            return -EINVAL;
        if (tag == TAG_OID)
            r = want_extension(a, data, n, NULL, 0);
        else if (tag == TAG_SEQUENCE)
            r = read_extension(a, data, data + n);
    }
    return r;
}

/* Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY } */
static int read_attribute(struct csrattrs *a, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *oid, *set, *data;
    size_t oid_len, set_len, n;
    uint8_t tag;
    int r = 0;

    if (next(&p, end, &tag, &oid, &oid_len) < 0 || tag != TAG_OID ||
        next(&p, end, &tag, &set, &set_len) < 0 || tag != TAG_SET || p != end)
        return -EINVAL;
    if (IS(oid_challenge, oid, oid_len))
        a->challenge = true;
    for (p = set, end = set + set_len; p < end && r == 0;) {
        if (next(&p, end, &tag, &data, &n) < 0)
            return -EINVAL;
        if (IS(oid_extension_request, oid, oid_len))
            r = read_extension_request(a, tag, data, n);
        else if (IS(oid_eku, oid, oid_len) && tag == TAG_SEQUENCE)
            r = add_usages(a, data, data + n);
        else if (IS(oid_eku, oid, oid_len) && tag == TAG_OID) {
            char text[OID_TEXT_MAX];

            r = oid_text(data, n, text);
            if (r == 0)
                r = add_usage(a, text);
        }
    }
    return r;
}

static int read_attributes(struct csrattrs *a, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *list, *data;
    size_t n;
    uint8_t tag;
    int r = 0;

    if (next(&p, end, &tag, &list, &n) < 0 || tag != TAG_SEQUENCE || p != end)
        return -EINVAL;
    for (p = list, end = list + n; p < end && r == 0;) {
        if (next(&p, end, &tag, &data, &n) < 0)
            return -EINVAL;
        if (tag == TAG_OID) {
            if (IS(oid_challenge, data, n))
                a->challenge = true;
            r = want_extension(a, data, n, NULL, 0);
        } else if (tag == TAG_SEQUENCE)
            r = read_attribute(a, data, data + n);
        else
            r = -EINVAL;
    }
    return r;
}

int est_csrattrs_decode(const void *body, size_t len, struct csrattrs *ret)
{
    struct csrattrs a = {0};
    struct der der = {0};
    size_t blanks = 0;
    int r;

    while (blanks < len && memchr(" \t\r\n", ((const char *)body)[blanks], 4))
        blanks++;
    if (blanks == len) {
        *ret = a;
        return 0;
    }
    r = est_body_decode(body, len, LIMIT_CSRATTRS, &der);
    if (r < 0)
        return r;
    r = read_attributes(&a, der.data, der.data + der.len);
    free(der.data);
    if (r < 0)
        csrattrs_clear(&a);
    else
        *ret = a;
    return r;
}

void csrattrs_clear(struct csrattrs *a)
{
    strv_free(a->ext_key_usage);
    *a = (struct csrattrs){0};
}

/* ---- the request ------------------------------------------------------------------------------------ */

char *est_request_encode(const struct der *csr)
{
    _cleanup_(freep) char *flat = base64_encode(csr->data, csr->len);
    size_t n = flat ? strlen(flat) : 0, used = 0;
    char *lines = flat ? malloc(n + n / BASE64_LINE + 2) : NULL;

    if (!lines)
        return NULL;
    for (size_t i = 0; i < n; i += BASE64_LINE) {
        size_t part = n - i < BASE64_LINE ? n - i : BASE64_LINE;

        memcpy(lines + used, flat + i, part);
        used += part;
        lines[used++] = '\n';
    }
    lines[used] = '\0';
    return lines;
}
