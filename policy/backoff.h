/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When to try again, when to renew (mef-protocol.md 2.3, 3.3, 3.4.2). Pure: random numbers and times come in
 * from outside. Thread: any. */
#pragma once

#include <stdint.h>

#define BACKOFF_MIN_SEC        5u         /* [mef] backoff-min */
#define BACKOFF_MAX_SEC        (15u * 60) /* [mef] backoff-max */
#define RETRY_DURATION_MIN_SEC 5u
#define RETRY_DURATION_MAX_SEC (366u * 24 * 3600)
#define DEFAULT_RETRY_SEC      (24u * 3600) /* [mef] default-retry */
#define RENEW_MARGIN_SEC       (24u * 3600)

/* Microseconds to wait before attempt `n` + 1 after `n` failures (n >= 1): min_sec doubled n - 1 times up to
 * max_sec, then -20 % .. +20 % by `random` (uniform over all of uint32_t). max_sec below min_sec counts as
 * min_sec; 0 in both means the defaults above. */
uint64_t backoff_usec(unsigned n, uint64_t min_sec, uint64_t max_sec, uint32_t random);

/* No wait of backoff_usec() with this max_sec is longer. */
uint64_t backoff_longest_usec(uint64_t max_sec);

/* When a registration that lasts from `start` to `expires` (microseconds since the epoch) is renewed: when 20
 * % of its life or `margin_sec` (0 = 24 h), whichever is smaller, remains. Never before start. */
int64_t renewal_point(int64_t start, int64_t expires, uint64_t margin_sec);

/* retryDuration in seconds, raised to 5 s, cut to 366 days. */
uint64_t retry_duration_clamp(uint64_t seconds);
