/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host names: normalization and comparison (mo-tree.md 1.8, 5.3; mef-protocol.md 3.4.3). Pure; thread: any.
 */
#include "policy/fqdn.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "policy/uri.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A resolver reads a name whose last label is a number (also 0x..) as an IPv4 address. */
static bool last_label_is_number(const char *s, size_t n)
{
    size_t end = n && s[n - 1] == '.' ? n - 1 : n, start = end;
    bool hex = false;

    while (start > 0 && s[start - 1] != '.')
        start--;
    if (start == end)
        return false;
    if (end - start >= 2 && s[start] == '0' && (s[start + 1] == 'x' || s[start + 1] == 'X')) {
        hex = true;
        start += 2;
    }
    for (size_t i = start; i < end; i++)
        if (!is_digit(s[i]) && !(hex && ((s[i] >= 'a' && s[i] <= 'f') || (s[i] >= 'A' && s[i] <= 'F'))))
            return false;
    return true;
}

bool fqdn_is_ip_literal(const char *host)
{
    return strpbrk(host, ":[]") || last_label_is_number(host, strlen(host));
}

int fqdn_normalize_host(const char *in, size_t n, char ret[LIMIT_FQDN + 1])
{
    size_t label = 0;

    if (n && in[n - 1] == '.')
        n--;
    if (n < 1 || n > LIMIT_FQDN || last_label_is_number(in, n))
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (in[i] == '.') {
            if (label == 0 || in[i - 1] == '-')
                return -EINVAL;
            label = 0;
            continue;
        }
        if (!is_alnum(in[i]) && (in[i] != '-' || label == 0))
            return -EINVAL;
        if (++label > LIMIT_LABEL)
            return -EINVAL;
    }
    if (label == 0 || in[n - 1] == '-')
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        ret[i] = in[i] >= 'A' && in[i] <= 'Z' ? (char)(in[i] - 'A' + 'a') : in[i];
    ret[n] = '\0';
    return 0;
}

int fqdn_normalize(const char *in, char ret[LIMIT_FQDN + 1])
{
    struct uri u;

    if (!in)
        return -EINVAL;
    if (!strchr(in, ':'))
        return fqdn_normalize_host(in, strlen(in), ret);
    if (uri_parse(in, &u) < 0 || !u.has_authority || !u.host[0] || u.host_is_literal || u.has_userinfo ||
        u.has_port || u.path_len || u.has_query || u.has_fragment)
        return -EINVAL;
    return fqdn_normalize_host(u.host, strlen(u.host), ret);
}

bool fqdn_equal(const char *a, const char *b)
{
    size_t na, nb;

    if (!a || !b)
        return false;
    na = strlen(a);
    nb = strlen(b);
    if (na && a[na - 1] == '.')
        na--;
    if (nb && b[nb - 1] == '.')
        nb--;
    if (na == 0 || na != nb)
        return false;
    for (size_t i = 0; i < na; i++) {
        char x = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] - 'A' + 'a') : a[i];
        char y = b[i] >= 'A' && b[i] <= 'Z' ? (char)(b[i] - 'A' + 'a') : b[i];
        if (x != y)
            return false;
    }
    return true;
}
