/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times to wait (mef-protocol.md 2.3, 3.3, 3.4.2). Pure; thread: any. */
#include "policy/backoff.h"

#include "plugin/base/when.h"

uint64_t backoff_usec(unsigned n, uint64_t min_sec, uint64_t max_sec, uint32_t random)
{
    uint64_t wait, span;

    if (n == 0)
        return 0;
    if (min_sec == 0 && max_sec == 0) {
        min_sec = BACKOFF_MIN_SEC;
        max_sec = BACKOFF_MAX_SEC;
    }
    if (min_sec == 0)
        min_sec = 1;
    if (min_sec > RETRY_DURATION_MAX_SEC)
        min_sec = RETRY_DURATION_MAX_SEC;
    if (max_sec > RETRY_DURATION_MAX_SEC)
        max_sec = RETRY_DURATION_MAX_SEC;
    if (max_sec < min_sec)
        max_sec = min_sec;
    for (wait = min_sec; n > 1 && wait < max_sec; n--)
        wait *= 2;
    wait = (wait < max_sec ? wait : max_sec) * USEC_PER_SEC;
    /* 20 bits of the random number: the product stays below 2^64 even for a year. */
    span = wait / 5 * 2;
    return wait - wait / 5 + (span * (random >> 12) >> 20);
}

uint64_t backoff_longest_usec(uint64_t max_sec)
{
    return backoff_usec(1, max_sec, max_sec, UINT32_MAX);
}

int64_t renewal_point(int64_t start, int64_t expires, uint64_t margin_sec)
{
    int64_t margin, fifth;

    if (expires <= start)
        return start;
    if (margin_sec == 0)
        margin_sec = RENEW_MARGIN_SEC;
    if (margin_sec > RETRY_DURATION_MAX_SEC)
        margin_sec = RETRY_DURATION_MAX_SEC;
    margin = (int64_t)(margin_sec * USEC_PER_SEC);
    fifth = (expires - start) / 5;
    return expires - (fifth < margin ? fifth : margin);
}

uint64_t retry_duration_clamp(uint64_t seconds)
{
    if (seconds < RETRY_DURATION_MIN_SEC)
        return RETRY_DURATION_MIN_SEC;
    return seconds > RETRY_DURATION_MAX_SEC ? RETRY_DURATION_MAX_SEC : seconds;
}
