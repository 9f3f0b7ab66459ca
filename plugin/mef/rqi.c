/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-protocol.md 2.1. Thread: its owner's. */
#include "plugin/mef/rqi.h"

#include <inttypes.h>
#include <stdio.h>

int rqi_init(struct rqi *q, const struct clock_port *clock)
{
    uint32_t prefix;
    int r = clock->random(clock->ctx, &prefix, sizeof prefix);

    if (r < 0)
        return r;
    *q = (struct rqi){.prefix = prefix};
    return 0;
}

void rqi_next(struct rqi *q, char ret[RQI_LEN])
{
    if (++q->counter == 0) {
        q->counter = 1;
        q->prefix++;
    }
    (void)snprintf(ret, RQI_LEN, "%08" PRIx32 "-%08" PRIx32, q->prefix, q->counter);
}
