/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Host names as the standard compares them (mo-tree.md 1.8 and 5.3, mef-protocol.md 3.4.3).
 * Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "plugin/base/limits.h"

/* The value of fqdn or adminFQDN: a bare host name, or a URI that holds nothing but scheme and host (no user,
 * port, path, query or fragment). Lower case in `ret`, which holds LIMIT_FQDN + 1 octets; one trailing dot is
 * dropped. -EINVAL: empty, not LDH labels of 1..63 octets, over 253 octets, or an IP literal; `ret` is
 * untouched then. */
int fqdn_normalize(const char *in, char ret[LIMIT_FQDN + 1]);

/* The same for a host name of `n` octets that is not NUL-terminated; no URI form. */
int fqdn_normalize_host(const char *in, size_t n, char ret[LIMIT_FQDN + 1]);

/* Case-insensitive, one trailing dot on either side ignored. False when either is NULL or empty. */
bool fqdn_equal(const char *a, const char *b);

/* An IPv4 address in any notation that a resolver takes ("127.1", "0x7f.1"; so: the last label is a number),
 * or anything with a colon or a bracket. */
bool fqdn_is_ip_literal(const char *host);
