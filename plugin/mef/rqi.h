/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Request identifiers (mef-protocol.md 2.1): 8 hex digits from a CSPRNG, "-", and a counter of 8 hex digits.
 */
#pragma once

#include <stdint.h>

#include "plugin/base/ports.h"

#define RQI_LEN 18 /* 17 octets and NUL */

struct rqi {
    uint32_t prefix, counter;
};

/* Random prefix, counter 0. Negative errno of the clock's random(). */
int rqi_init(struct rqi *q, const struct clock_port *clock);
/* The next one, from 1; after 2^32 - 1 of them the prefix changes. Never the same twice. */
void rqi_next(struct rqi *q, char ret[RQI_LEN]);
