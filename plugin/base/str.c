/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/str.h"

#include <errno.h>

/* Length of the UTF-8 character at s, 0 when there is none. */
static size_t utf8_char(const unsigned char *s, size_t n)
{
    uint32_t c;
    size_t len;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xC2 && s[0] <= 0xDF)
        len = 2, c = s[0] & 0x1F;
    else if (s[0] >= 0xE0 && s[0] <= 0xEF)
        len = 3, c = s[0] & 0x0F;
    else if (s[0] >= 0xF0 && s[0] <= 0xF4)
        len = 4, c = s[0] & 0x07;
    else
        return 0;
    if (n < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3F);
    }
    if ((len == 3 && c < 0x800) || (len == 4 && c < 0x10000) || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    return len;
}

bool str_utf8_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (s[i] > 0 && s[i] < 0x7F) { /* nearly all */
            i++;
            continue;
        }
        size_t n = utf8_char((const unsigned char *)s + i, len - i);
        if (n == 0 || s[i] == '\0')
            return false;
        i += n;
    }
    return true;
}

/* U+0080 to U+009F: control characters too; a terminal may take U+009B for an escape sequence. */
static bool is_c1(const char *s)
{
    return (unsigned char)s[0] == 0xC2 && (unsigned char)s[1] < 0xA0;
}

bool str_text_valid(const char *s, size_t len)
{
    if (!str_utf8_valid(s, len))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7F || (i + 1 < len && is_c1(s + i)))
            return false;
    return true;
}

void str_make_printable(char *s)
{
    size_t len = strlen(s);

    for (size_t i = 0; i < len;) {
        size_t n = utf8_char((unsigned char *)s + i, len - i);
        if (n == 0) {
            if (len - i < 4 && (unsigned char)s[i] >= 0xC2) {
                bool torn = true;
                for (size_t k = i + 1; k < len; k++)
                    torn = torn && ((unsigned char)s[k] & 0xC0) == 0x80;
                if (torn) {
                    s[i] = '\0';
                    return;
                }
            }
            s[i++] = '?';
            continue;
        }
        if (n == 1 && ((unsigned char)s[i] < 0x20 || s[i] == 0x7F))
            s[i] = '?';
        if (n == 2 && is_c1(s + i))
            s[i] = s[i + 1] = '?';
        i += n;
    }
}

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

char *str_lower(char *s)
{
    for (char *p = s; *p; p++)
        *p = ascii_lower(*p);
    return s;
}

bool str_ieq(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (ascii_lower(*a) != ascii_lower(*b))
            return false;
    return *a == *b;
}

int str_to_u64(const char *s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (*s == '\0' || (s[0] == '0' && s[1] != '\0'))
        return -EINVAL;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return -EINVAL;
        if (v > (UINT64_MAX - 9) / 10)
            return -ERANGE;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    if (v > max)
        return -ERANGE;
    *ret = v;
    return 0;
}

void hex_encode(const void *data, size_t n, char *dst)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = digits[p[i] >> 4];
        dst[2 * i + 1] = digits[p[i] & 15];
    }
    dst[2 * n] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_decode(const char *s, size_t n, void *dst, size_t *len)
{
    uint8_t *out = dst;

    if (n % 2)
        return -EINVAL;
    if (n / 2 > *len)
        return -E2BIG;
    for (size_t i = 0; i < n / 2; i++) {
        int h = hex_digit(s[2 * i]), l = hex_digit(s[2 * i + 1]);
        if (h < 0 || l < 0)
            return -EINVAL;
        out[i] = (uint8_t)(h << 4 | l);
    }
    *len = n / 2;
    return 0;
}

static const char b64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *encode(const uint8_t *p, size_t n, const char *abc, bool pad)
{
    char *s = malloc((n + 2) / 3 * 4 + 1), *q = s;

    if (!s)
        return NULL;
    for (; n >= 3; p += 3, n -= 3) {
        *q++ = abc[p[0] >> 2];
        *q++ = abc[(p[0] & 3) << 4 | p[1] >> 4];
        *q++ = abc[(p[1] & 15) << 2 | p[2] >> 6];
        *q++ = abc[p[2] & 63];
    }
    if (n) {
        *q++ = abc[p[0] >> 2];
        *q++ = abc[(p[0] & 3) << 4 | (n == 2 ? p[1] >> 4 : 0)];
        if (n == 2)
            *q++ = abc[(p[1] & 15) << 2];
        else if (pad)
            *q++ = '=';
        if (pad)
            *q++ = '=';
    }
    *q = '\0';
    return s;
}

char *base64_encode(const void *data, size_t n)
{
    return encode(data, n, b64_std, true);
}

char *base64url_encode(const void *data, size_t n)
{
    return encode(data, n, b64_url, false);
}

static int b64_value(char c, const char *abc)
{
    const char *p = c ? memchr(abc, c, 64) : NULL;
    return p ? (int)(p - abc) : -1;
}

static int decode(const char *s, size_t n, const char *abc, bool pad, uint8_t **ret, size_t *ret_len)
{
    _cleanup_(freep) uint8_t *out = malloc(n / 4 * 3 + 4);
    size_t len = 0, digits = 0, pads = 0;
    uint32_t acc = 0;

    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (pad && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' || s[i] == '\n'))
            continue;
        if (pad && s[i] == '=') {
            pads++;
            continue;
        }
        int v = b64_value(s[i], abc);
        if (v < 0 || pads)
            return -EINVAL;
        acc = acc << 6 | (uint32_t)v;
        if (++digits % 4 == 0) {
            out[len++] = (uint8_t)(acc >> 16);
            out[len++] = (uint8_t)(acc >> 8);
            out[len++] = (uint8_t)acc;
            acc = 0;
        }
    }
    size_t rest = digits % 4;
    if (rest == 1 || (pad && pads != (rest ? 4 - rest : 0)))
        return -EINVAL;
    if ((rest == 2 && (acc & 15)) || (rest == 3 && (acc & 3)))
        return -EINVAL;
    if (rest == 2)
        out[len++] = (uint8_t)(acc >> 4);
    if (rest == 3) {
        out[len++] = (uint8_t)(acc >> 10);
        out[len++] = (uint8_t)(acc >> 2);
    }
    *ret = TAKE_PTR(out);
    *ret_len = len;
    return 0;
}

int base64_decode(const char *s, size_t n, uint8_t **ret, size_t *ret_len)
{
    return decode(s, n, b64_std, true, ret, ret_len);
}

int base64url_decode(const char *s, size_t n, uint8_t **ret, size_t *ret_len)
{
    return decode(s, n, b64_url, false, ret, ret_len);
}

char *str_bus_escape(const char *s)
{
    char *out = malloc(3 * strlen(s) + 1), *q = out;

    if (!out)
        return NULL;
    for (const char *p = s; *p; p++) {
        bool digit = *p >= '0' && *p <= '9';
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (letter || (digit && p != s)) {
            *q++ = *p;
        } else {
            *q++ = '_';
            hex_encode(p, 1, q);
            q += 2;
        }
    }
    *q = '\0';
    return out;
}

void strv_free(char **v)
{
    if (!v)
        return;
    for (char **p = v; *p; p++)
        free(*p);
    free(v);
}

size_t strv_len(char *const *v)
{
    size_t n = 0;
    while (v && v[n])
        n++;
    return n;
}

char **strv_copy(char *const *v)
{
    size_t n = strv_len(v);
    _cleanup_(strv_freep) char **out = calloc(n + 1, sizeof *out);

    if (!out)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!(out[i] = strdup(v[i])))
            return NULL;
    return TAKE_PTR(out);
}

bool strv_equal(char *const *a, char *const *b)
{
    size_t n = strv_len(a);

    if (n != strv_len(b))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!streq(a[i], b[i]))
            return false;
    return true;
}

int strv_push(char ***v, const char *s)
{
    size_t n = strv_len(*v);
    char **out = reallocarray(*v, n + 2, sizeof *out);

    if (!out)
        return -ENOMEM;
    *v = out;
    out[n + 1] = NULL;
    out[n] = strdup(s);
    return out[n] ? 0 : -ENOMEM;
}
