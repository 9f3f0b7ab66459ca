/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bounded splitter of absolute URIs (RFC 3986): enough to judge what a peer sends. Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/limits.h"

struct uri {
    char scheme[16];           /* lower case, never empty */
    char host[LIMIT_FQDN + 1]; /* lower case, without trailing dot; "" = no authority ("urn:...", "ni:///...")
                                * or an empty one. An IPv6 literal is without its brackets. */
    uint16_t port;             /* 0 = absent */
    bool has_port;             /* a ':' follows the host, even with nothing behind it */
    bool has_authority;        /* "//" follows the scheme */
    bool has_userinfo;
    bool host_is_literal; /* an IP address (fqdn_is_ip_literal) */
    bool has_query, has_fragment;
    /* Pointers into the text that was parsed; lengths in octets; not NUL-terminated there. */
    const char *path; /* "" = empty */
    size_t path_len;
    const char *query; /* behind '?', NULL = absent */
    size_t query_len;
    const char *fragment; /* behind '#', NULL = absent */
    size_t fragment_len;
};

/* Splits `in`, which must outlive `ret`. -EINVAL: NULL, over LIMIT_URI octets, no scheme or one over 15
 * octets, an octet that no URI may hold (controls, blanks, non-ASCII, <>"{}|\^`), a bad percent escape, port
 * 0 or above 65535 or not decimal, a host that is neither LDH labels nor an IP literal. An empty port
 * ("host:") counts as absent. */
int uri_parse(const char *in, struct uri *ret);

/* The default port of http 80, https 443, coap 5683, coaps 5684, ws 80, wss 443; 0 = not known. */
uint16_t uri_default_port(const char *scheme);
