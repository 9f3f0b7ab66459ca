/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of EST (RFC 7030 as profiled by mef-protocol.md 3.6.2), no I/O. Everything is bounded by
 * limits.h. Thread: any. */
#pragma once

#include "plugin/base/ports.h"

enum est_operation { EST_CACERTS, EST_CSRATTRS, EST_SIMPLEENROLL, EST_SIMPLEREENROLL, EST_OPERATION_MAX_ };

struct est_uri {
    char *fqdn;    /* lower case, without trailing dot */
    uint16_t port; /* 443 if absent */
    char *base;    /* path without trailing '/' */
};
/* "https://host[:port][/path]". InvalidArguments for anything else (user info, query, fragment, IP literal).
 */
int est_uri_parse(const char *uri, struct est_uri *ret, struct mef_error *reterr);
void est_uri_clear(struct est_uri *u);
/* malloc'ed path of an operation; NULL when out of memory. */
char *est_path(const struct est_uri *u, enum est_operation op);

/* A response body: base64 with or without line breaks, or DER. -EINVAL, -E2BIG, -ENOMEM. */
int est_body_decode(const void *body, size_t len, size_t max, struct der *ret);
/* Certificates of a certs-only PKCS#7 (body as received): 1..LIMIT_CHAIN, each at most LIMIT_CERTIFICATE. */
int est_certs_decode(const void *body, size_t len, struct der_list *ret);

struct csrattrs {
    bool challenge;       /* challengePassword is listed */
    bool san;             /* extensionRequest asks for subjectAltName */
    char **ext_key_usage; /* dotted OIDs of an asked-for extKeyUsage, NULL = none */
};
/* Body as received; empty = no attributes. Unknown attributes are ignored. -EINVAL, -E2BIG, -ENOMEM. */
int est_csrattrs_decode(const void *body, size_t len, struct csrattrs *ret);
void csrattrs_clear(struct csrattrs *a);

/* Base64 of a request in lines of 64, each ended by LF. NULL when out of memory. */
char *est_request_encode(const struct der *csr);
