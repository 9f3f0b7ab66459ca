/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fingerprints in the ni and nih forms of RFC 6920 (mef-protocol.md 3.9, mo-tree.md 3.3). Pure; thread: any.
 */
#include "policy/fingerprint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/cleanup.h"
#include "plugin/base/str.h"

/* Shorter truncations have numbers too (4, 5, 6), but do not identify a certificate. */
static const struct algorithm {
    const char *name, *number;
    size_t len;
} algorithms[] = {
    {"sha-256", "1", 32},
    {"sha-256-128", "2", 16},
    {"sha-256-120", "3", 15},
};

static const struct algorithm *find_algorithm(const char *s, size_t n)
{
    for (size_t i = 0; i < ELEMENTS(algorithms); i++) {
        const struct algorithm *a = &algorithms[i];
        if ((strlen(a->name) == n && memcmp(a->name, s, n) == 0) ||
            (strlen(a->number) == n && memcmp(a->number, s, n) == 0))
            return a;
    }
    return NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char fingerprint_check_digit(const char *hex, size_t n)
{
    unsigned sum = 0;
    bool twice = true;

    for (size_t i = n; i > 0; i--, twice = !twice) {
        int v = hex_value(hex[i - 1]);
        if (v < 0)
            return 0;
        if (twice)
            v = v * 2 / 16 + v * 2 % 16;
        sum += (unsigned)v;
        sum %= 16;
    }
    return "0123456789abcdef"[(16 - sum) % 16];
}

static int parse_ni(const char *value, size_t len, struct fingerprint *f)
{
    _cleanup_(freep) uint8_t *octets = NULL;
    size_t n = 0;
    int r = base64url_decode(value, strlen(value), &octets, &n);

    if (r < 0)
        return r == -ENOMEM ? r : -EINVAL;
    if (n != len)
        return -EINVAL;
    memcpy(f->octets, octets, n);
    return 0;
}

/* Dashes between hex digits are for the reader (RFC 6920 7); the check digit is over the digits alone. */
static int parse_nih(const char *value, size_t len, struct fingerprint *f)
{
    char hex[2 * sizeof(f->octets)];
    size_t n = 0, room = sizeof(f->octets);
    const char *s = value;

    for (; *s && *s != ';'; s++) {
        if (*s == '-') {
            if (s == value || s[-1] == '-' || s[1] == '\0' || s[1] == ';')
                return -EINVAL;
            continue;
        }
        if (n == sizeof(hex) || hex_value(*s) < 0)
            return -EINVAL;
        hex[n++] = *s;
    }
    if (n != 2 * len || hex_decode(hex, n, f->octets, &room) < 0)
        return -EINVAL;
    if (*s == ';') {
        int given = s[1] ? hex_value(s[1]) : -1;
        if (given < 0 || s[2] || given != hex_value(fingerprint_check_digit(hex, n)))
            return -EINVAL;
    }
    return 0;
}

int fingerprint_parse(const char *text, struct fingerprint *ret)
{
    struct fingerprint f = {.len = 0};
    const struct algorithm *a;
    const char *alg, *semi;
    bool nih;
    int r;

    if (!text || strnlen(text, 257) > 256)
        return -EINVAL;
    nih = strncmp(text, "nih:", 4) == 0;
    if (nih)
        alg = text + 4;
    else if (strncmp(text, "ni:///", 6) == 0)
        alg = text + 6;
    else
        return -EINVAL;
    semi = strchr(alg, ';');
    a = semi ? find_algorithm(alg, (size_t)(semi - alg)) : NULL;
    if (!a)
        return -EINVAL;
    r = nih ? parse_nih(semi + 1, a->len, &f) : parse_ni(semi + 1, a->len, &f);
    if (r < 0)
        return r;
    f.len = a->len;
    *ret = f;
    return 0;
}

/* Base64url without padding; written out, since the canonical text is fixed in size and nothing may fail. */
static void append_base64url(const uint8_t *octets, size_t n, char *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | octets[i];
        have += 8;
        while (have >= 6) {
            have -= 6;
            *out++ = alphabet[bits >> have & 63];
        }
    }
    if (have)
        *out++ = alphabet[bits << (6 - have) & 63];
    *out = '\0';
}

void fingerprint_format(const struct fingerprint *f, char ret[FINGERPRINT_NI_LEN])
{
    const char *name = algorithms[0].name;
    size_t n;

    for (size_t i = 0; i < ELEMENTS(algorithms); i++)
        if (algorithms[i].len == f->len)
            name = algorithms[i].name;
    memcpy(ret, "ni:///", 6);
    n = strlen(name);
    memcpy(ret + 6, name, n);
    ret[6 + n] = ';';
    append_base64url(f->octets, f->len <= sizeof(f->octets) ? f->len : sizeof(f->octets), ret + 7 + n);
}

void fingerprint_format_ni(const uint8_t sha256[32], char ret[FINGERPRINT_NI_LEN])
{
    struct fingerprint f = {.len = 32};
    memcpy(f.octets, sha256, 32);
    fingerprint_format(&f, ret);
}

bool fingerprint_matches(const struct fingerprint *f, const uint8_t sha256[32])
{
    return f->len >= 15 && f->len <= sizeof(f->octets) && memcmp(f->octets, sha256, f->len) == 0;
}
