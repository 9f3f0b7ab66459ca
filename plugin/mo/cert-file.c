/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Judges the file of a myCertFileCred without a crypto library: enough DER to tell a certificate and a
 * certs-only PKCS#7 from a PKCS#12 or a key. Pure; thread: any. */
#include "plugin/mo/cert-file.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/str.h"

#define FILE_MAX         (64u * 1024)
#define CERTIFICATES_MAX 8u

enum format { FORMAT_NONE, FORMAT_CERT, FORMAT_PKCS7, FORMAT_PEM };

static enum format format_of(const char *text)
{
    static const struct {
        const char *name;
        enum format format;
    } known[] = {
        {"application/pkix-cert", FORMAT_CERT},
        {"application/pkcs7-mime;smime-type=certs-only", FORMAT_PKCS7},
        {"application/x-pem-file", FORMAT_PEM},
    };
    char squeezed[64];
    size_t n = 0;

    for (const char *s = text; *s; s++) {
        if (*s == ' ')
            continue;
        if (n + 1 >= sizeof squeezed)
            return FORMAT_NONE;
        squeezed[n++] = *s;
    }
    squeezed[n] = '\0';
    for (size_t i = 0; i < ELEMENTS(known); i++)
        if (str_ieq(known[i].name, squeezed))
            return known[i].format;
    return FORMAT_NONE;
}

bool cert_file_format_known(const char *format)
{
    return format_of(format) != FORMAT_NONE;
}

static int bad(struct mef_error *reterr, const char *what)
{
    return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "attribute 'myCertFileContent' %s", what);
}

/* One DER header at p: 0 and its tag, content and whole length; -EINVAL when it does not fit into n. */
static int der_head(const uint8_t *p, size_t n, uint8_t *tag, const uint8_t **content, size_t *len)
{
    size_t size, head = 2;

    if (n < 2)
        return -EINVAL;
    size = p[1];
    if (size >= 0x80) {
        size_t octets = size & 0x7f;
        if (octets < 1 || octets > 3 || n < 2 + octets)
            return -EINVAL;
        size = 0;
        for (size_t i = 0; i < octets; i++)
            size = size << 8 | p[2 + i];
        head += octets;
    }
    if (size > n - head)
        return -EINVAL;
    *tag = p[0];
    *content = p + head;
    *len = size;
    return 0;
}

/* SEQUENCE { SEQUENCE (TBSCertificate), SEQUENCE (algorithm), BIT STRING }, nothing behind it. */
static bool is_certificate(const uint8_t *p, size_t n)
{
    static const uint8_t parts[] = {0x30, 0x30, 0x03};
    const uint8_t *c, *inner;
    uint8_t tag;
    size_t len, inner_len;

    if (der_head(p, n, &tag, &c, &len) < 0 || tag != 0x30 || c + len != p + n)
        return false;
    for (size_t i = 0; i < ELEMENTS(parts); i++) {
        if (der_head(c, len, &tag, &inner, &inner_len) < 0 || tag != parts[i])
            return false;
        len -= (size_t)(inner + inner_len - c);
        c = inner + inner_len;
    }
    return len == 0;
}

/* ContentInfo of signedData whose certificates are counted. -EINVAL. */
struct walk {
    int (*each)(void *ctx, const uint8_t *der, size_t len); /* NULL: only counted */
    void *ctx;
    unsigned n;
    size_t size; /* of the file */
};

static int found(struct walk *w, const uint8_t *der, size_t len)
{
    w->n++;
    return w->each ? w->each(w->ctx, der, len) : 0;
}

static int walk_pkcs7(const uint8_t *p, size_t n, struct walk *w)
{
    static const uint8_t signed_data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};
    const uint8_t *c, *inner;
    uint8_t tag;
    size_t len, inner_len;
    int r = 0;

    if (der_head(p, n, &tag, &c, &len) < 0 || tag != 0x30 || c + len != p + n || len < sizeof signed_data ||
        memcmp(c, signed_data, sizeof signed_data) != 0)
        return -EINVAL;
    if (der_head(c + sizeof signed_data, len - sizeof signed_data, &tag, &c, &len) < 0 || tag != 0xa0 ||
        der_head(c, len, &tag, &c, &len) < 0 || tag != 0x30)
        return -EINVAL;
    /* version, digestAlgorithms, encapContentInfo, then [0] certificates. */
    for (;;) {
        if (der_head(c, len, &tag, &inner, &inner_len) < 0)
            return -EINVAL;
        if (tag == 0xa0)
            break;
        len -= (size_t)(inner + inner_len - c);
        c = inner + inner_len;
    }
    for (c = inner, len = inner_len; r == 0 && len > 0;) {
        if (der_head(c, len, &tag, &inner, &inner_len) < 0 || tag != 0x30)
            return -EINVAL;
        size_t whole = (size_t)(inner + inner_len - c);
        r = found(w, c, whole);
        len -= whole;
        c += whole;
    }
    return r;
}

/* -EINVAL when one of them is no certificate. */
static int walk_pem(const char *text, struct walk *w)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    int r = 0;

    for (const char *s = strstr(text, begin); r == 0 && s; s = strstr(s, begin)) {
        _cleanup_(freep) uint8_t *der = NULL;
        size_t len;
        s += sizeof begin - 1;
        const char *stop = strstr(s, end);
        if (!stop)
            return -EINVAL;
        r = base64_decode(s, (size_t)(stop - s), &der, &len);
        if (r < 0 || !is_certificate(der, len))
            return -EINVAL;
        r = found(w, der, len);
        s = stop;
    }
    return r;
}

static int walk(const char *format, const char *content, struct walk *w)
{
    _cleanup_(freep) uint8_t *der = NULL;
    enum format f = format_of(format);
    size_t len;

    w->size = strlen(content);
    if (f == FORMAT_PEM)
        return walk_pem(content, w);
    if (f == FORMAT_NONE || base64_decode(content, w->size, &der, &len) < 0)
        return -EINVAL;
    w->size = len;
    if (f == FORMAT_PKCS7)
        return walk_pkcs7(der, len, w);
    return is_certificate(der, len) ? found(w, der, len) : -EINVAL;
}

int cert_file_each(const char *format, const char *content,
                   int (*each)(void *ctx, const uint8_t *der, size_t len), void *ctx)
{
    return walk(format, content, &(struct walk){.each = each, .ctx = ctx});
}

int cert_file_check(const char *format, const char *content, struct mef_error *reterr)
{
    struct walk w = {0};

    if (strstr(content, "PRIVATE KEY"))
        return bad(reterr, "holds a private key; keys belong into the token");
    int r = walk(format, content, &w);
    if (w.size > FILE_MAX)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "attribute 'myCertFileContent' is larger than %u octets", FILE_MAX);
    if (r < 0)
        return bad(reterr, "is not of the form that 'myCertFileFormat' names");
    if (w.n < 1 || w.n > CERTIFICATES_MAX)
        return bad(reterr, "must hold 1 to 8 certificates");
    return 0;
}
