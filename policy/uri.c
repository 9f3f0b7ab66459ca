/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The URI splitter (RFC 3986 3), bounded and strict: whatever looks odd is refused, since two parsers that
 * read one URI differently are a way around the FQDN check (MC-17). Pure; thread: any. */
#include "policy/uri.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/cleanup.h"
#include "plugin/base/str.h"
#include "policy/fqdn.h"

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Octets that may stand in a URI at all, and percent escapes with two hex digits. "[]" only as the IPv6
 * brackets, which the authority parser sees. */
static bool octets_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= 0x20 || c >= 0x7f || strchr("<>\"{}|\\^`", c))
            return false;
        if (c == '%' && (n - i < 3 || !is_hex(s[i + 1]) || !is_hex(s[i + 2])))
            return false;
    }
    return true;
}

/* The inside of [...]: hex groups and dots, enough colons; nobody connects to it, it is only told apart. */
static bool ipv6_plausible(const char *s, size_t n)
{
    size_t colons = 0;
    for (size_t i = 0; i < n; i++) {
        colons += s[i] == ':';
        if (!is_hex(s[i]) && s[i] != ':' && s[i] != '.')
            return false;
    }
    return n >= 2 && n <= 45 && colons >= 2 && colons <= 7;
}

static bool ipv4_plausible(const char *s, size_t n)
{
    if (n > LIMIT_FQDN)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_hex(s[i]) && s[i] != '.' && s[i] != 'x' && s[i] != 'X')
            return false;
    return n > 0;
}

static int parse_port(const char *s, size_t n, uint16_t *ret)
{
    uint32_t v = 0;
    if (n > 5)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -EINVAL;
        v = v * 10 + (uint32_t)(s[i] - '0');
    }
    if (n && (v == 0 || v > 65535))
        return -EINVAL;
    *ret = (uint16_t)v;
    return 0;
}

static int parse_host(const char *s, size_t n, struct uri *u)
{
    char text[LIMIT_FQDN + 2];

    if (n == 0)
        return 0;
    if (fqdn_normalize_host(s, n, u->host) == 0)
        return 0;
    if (!ipv4_plausible(s, n))
        return -EINVAL;
    memcpy(text, s, n);
    text[n] = '\0';
    if (!fqdn_is_ip_literal(text))
        return -EINVAL;
    memcpy(u->host, text, n + 1);
    str_lower(u->host);
    u->host_is_literal = true;
    return 0;
}

static int parse_authority(const char *s, size_t n, struct uri *u)
{
    const char *at = memrchr(s, '@', n);
    size_t host;

    u->has_authority = true;
    if (at) {
        u->has_userinfo = true;
        if (memchr(s, '@', (size_t)(at - s)) || memchr(s, '[', (size_t)(at - s)) ||
            memchr(s, ']', (size_t)(at - s)))
            return -EINVAL;
        n -= (size_t)(at + 1 - s);
        s = at + 1;
    }
    if (n && s[0] == '[') {
        const char *end = memchr(s, ']', n);
        if (!end || !ipv6_plausible(s + 1, (size_t)(end - s - 1)))
            return -EINVAL;
        memcpy(u->host, s + 1, (size_t)(end - s - 1));
        u->host[end - s - 1] = '\0';
        str_lower(u->host);
        u->host_is_literal = true;
        host = (size_t)(end + 1 - s);
    } else {
        const char *colon = memchr(s, ':', n);
        host = colon ? (size_t)(colon - s) : n;
        if (parse_host(s, host, u) < 0)
            return -EINVAL;
    }
    if (host == n)
        return 0;
    if (s[host] != ':' || host == 0)
        return -EINVAL;
    u->has_port = true;
    return parse_port(s + host + 1, n - host - 1, &u->port);
}

static int parse_scheme(const char *in, size_t n, struct uri *u)
{
    if (n < 1 || n >= sizeof(u->scheme) || !is_alpha(in[0]))
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (!is_alpha(in[i]) && !(in[i] >= '0' && in[i] <= '9') && !strchr("+-.", in[i]))
            return -EINVAL;
        u->scheme[i] = in[i];
    }
    str_lower(u->scheme);
    return 0;
}

int uri_parse(const char *in, struct uri *ret)
{
    struct uri u = {.path = ""};
    const char *s, *end, *colon;
    size_t n;

    if (!in)
        return -EINVAL;
    n = strnlen(in, LIMIT_URI + 1);
    if (n < 1 || n > LIMIT_URI || !octets_valid(in, n))
        return -EINVAL;
    colon = memchr(in, ':', n);
    if (!colon || parse_scheme(in, (size_t)(colon - in), &u) < 0)
        return -EINVAL;
    s = colon + 1;
    end = in + n;

    u.fragment = memchr(s, '#', (size_t)(end - s));
    if (u.fragment) {
        u.has_fragment = true;
        u.fragment++;
        u.fragment_len = (size_t)(end - u.fragment);
        if (memchr(u.fragment, '#', u.fragment_len))
            return -EINVAL;
        end = u.fragment - 1;
    }
    u.query = memchr(s, '?', (size_t)(end - s));
    if (u.query) {
        u.has_query = true;
        u.query++;
        u.query_len = (size_t)(end - u.query);
        end = u.query - 1;
    }
    if (end - s >= 2 && s[0] == '/' && s[1] == '/') {
        const char *slash;
        s += 2;
        slash = memchr(s, '/', (size_t)(end - s));
        if (!slash)
            slash = end;
        if (parse_authority(s, (size_t)(slash - s), &u) < 0)
            return -EINVAL;
        s = slash;
    }
    u.path = s;
    u.path_len = (size_t)(end - s);
    /* Brackets are for IPv6 alone. */
    if (memchr(s, '[', (size_t)(in + n - s)) || memchr(s, ']', (size_t)(in + n - s)))
        return -EINVAL;
    *ret = u;
    return 0;
}

uint16_t uri_default_port(const char *scheme)
{
    static const struct {
        const char *scheme;
        uint16_t port;
    } ports[] = {{"http", 80}, {"https", 443}, {"coap", 5683}, {"coaps", 5684}, {"ws", 80}, {"wss", 443}};

    for (size_t i = 0; i < ELEMENTS(ports); i++)
        if (streq(ports[i].scheme, scheme))
            return ports[i].port;
    return 0;
}
