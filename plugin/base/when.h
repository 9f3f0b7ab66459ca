/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times and durations of the standard: m2m:timestamp and xs:duration (mef-protocol.md 4.1).
 * A time is int64_t microseconds since the epoch, UTC. All functions are pure; thread: any. */
#pragma once

#include <stdint.h>

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define TIMESTAMP_LEN 16 /* "YYYYMMDDThhmmss" and NUL */

struct duration {
    uint32_t months;  /* years and months: calendar arithmetic */
    uint64_t seconds; /* the rest; a fraction is rounded up */
};

/* `YYYYMMDDThhmmss`, optionally `,` or `.` and 1..6 digits, optionally `Z`; second 60 becomes 59. -EINVAL. */
int timestamp_parse(const char *s, int64_t *ret_usec);
/* Without fraction; years 1970..9999, anything else is clamped. */
void timestamp_format(int64_t usec, char ret[TIMESTAMP_LEN]);
#define VALIDITY_TEXT_LEN 128
/* For a person who looks at a certificate that is not valid now: from when to when it is, and what the clock
 * says. */
void validity_text(int64_t from, int64_t to, int64_t now, char ret[VALIDITY_TEXT_LEN]);

/* xs:duration. Negative or zero gives zero (the caller raises it to its minimum); -EINVAL when it does not
 * parse, -ERANGE above 100 years. */
int duration_parse(const char *s, struct duration *ret);
/* Canonical text, e.g. "P30D", "PT1H30M"; zero is "PT0S". buf of 64 octets is always enough. */
void duration_format(const struct duration *d, char *buf, uint64_t len);
/* now + d by the calendar, the day clamped to the end of the month. */
int64_t duration_add(int64_t now_usec, const struct duration *d);
/* xs:duration or plain decimal seconds, as the configuration file takes it; seconds in *ret, months of 30
 * days. */
int duration_parse_config(const char *s, uint64_t *ret_seconds);
