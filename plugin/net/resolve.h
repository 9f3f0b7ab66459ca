/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Name resolution that can be cancelled: overrides first, then c-ares with a channel of its own per lookup
 * (design.md 4). Thread: any; blocks until `wait` says otherwise. */
#pragma once

#include <netinet/in.h>

#include "plugin/base/ports.h"

#define RESOLVE_MAX 16 /* addresses of one name that are tried */

struct addresses {
    char text[RESOLVE_MAX][INET6_ADDRSTRLEN]; /* numeric, no brackets */
    size_t n;
};

struct resolver {
    char **names;     /* lower case, parallel to addresses */
    char **addresses; /* numeric */
    char *nameservers;
};

/* Copies. -EINVAL with a sentence that names the entry; -ENOMEM. */
int resolver_init(struct resolver *r, char *const *overrides, const char *nameservers,
                  struct mef_error *reterr);
void resolver_clear(struct resolver *r);

/* 0 with at least one address; TRANSPORT_UNREACHABLE; -ECANCELED, -ENOMEM. */
int resolver_lookup(const struct resolver *r, const char *name, const struct wait *wait,
                    struct addresses *ret, struct mef_error *reterr);
