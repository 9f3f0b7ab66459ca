/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/when.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/str.h"

#define MAX_YEARS   100u
#define MAX_SECONDS (MAX_YEARS * UINT64_C(366) * 86400)

/* Days since 1970-01-01 of a civil date, and back (proleptic Gregorian; eras of 400 years). */
static int64_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, unsigned *m, unsigned *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = (int64_t)yoe + era * 400 + (*m <= 2);
}

static unsigned month_days(int64_t y, unsigned m)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return days[m - 1] + (m == 2 && leap ? 1 : 0);
}

static bool digits(const char *s, size_t n, unsigned *ret)
{
    unsigned v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (unsigned)(s[i] - '0');
    }
    *ret = v;
    return true;
}

int timestamp_parse(const char *s, int64_t *ret_usec)
{
    unsigned y, mo, d, h, mi, se;
    int64_t frac = 0;

    if (strnlen(s, 15) < 15 || s[8] != 'T')
        return -EINVAL;
    if (!digits(s, 4, &y) || !digits(s + 4, 2, &mo) || !digits(s + 6, 2, &d) || !digits(s + 9, 2, &h) ||
        !digits(s + 11, 2, &mi) || !digits(s + 13, 2, &se))
        return -EINVAL;
    if (y < 1 || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h > 23 || mi > 59 || se > 60)
        return -EINVAL;
    s += 15;
    if (*s == ',' || *s == '.') {
        int64_t unit = 100000;
        size_t n = 0;
        for (s++; *s >= '0' && *s <= '9'; s++, n++, unit /= 10)
            frac += unit * (*s - '0');
        if (n < 1 || n > 6)
            return -EINVAL;
    }
    if (*s == 'Z')
        s++;
    if (*s)
        return -EINVAL;
    if (se == 60)
        se = 59;
    *ret_usec = ((days_from_civil(y, mo, d) * 24 + h) * 60 + mi) * 60 * (int64_t)USEC_PER_SEC +
                (int64_t)se * (int64_t)USEC_PER_SEC + frac;
    return 0;
}

void timestamp_format(int64_t usec, char ret[TIMESTAMP_LEN])
{
    const int64_t last = INT64_C(253402300799); /* 9999-12-31T23:59:59 */
    int64_t sec = usec < 0 ? 0 : usec / (int64_t)USEC_PER_SEC, y;
    unsigned m, d;
    char text[64];

    if (sec > last)
        sec = last;
    civil_from_days(sec / 86400, &y, &m, &d);
    unsigned s = (unsigned)(sec % 86400);
    (void)snprintf(text, sizeof text, "%04u%02u%02uT%02u%02u%02u", (unsigned)y, m, d, s / 3600, s / 60 % 60,
                   s % 60);
    memcpy(ret, text, TIMESTAMP_LEN - 1);
    ret[TIMESTAMP_LEN - 1] = '\0';
}

void validity_text(int64_t from, int64_t to, int64_t now, char ret[VALIDITY_TEXT_LEN])
{
    char a[TIMESTAMP_LEN], b[TIMESTAMP_LEN], clock[TIMESTAMP_LEN];

    timestamp_format(from, a);
    timestamp_format(to, b);
    timestamp_format(now, clock);
    (void)snprintf(ret, VALIDITY_TEXT_LEN, "valid from %s to %s, and the clock says %s; is the clock right?",
                   a, b, clock);
}

/* One number and its designator; -EINVAL at anything else. */
static int duration_item(const char **s, uint64_t *value, bool *fraction, char *unit)
{
    const char *p = *s;
    uint64_t v = 0;

    *fraction = false;
    if (*p < '0' || *p > '9')
        return -EINVAL;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (v > UINT64_C(1000000000000))
            return -ERANGE;
        v = v * 10 + (uint64_t)(*p - '0');
    }
    if (*p == '.') {
        const char *start = ++p;
        for (; *p >= '0' && *p <= '9'; p++)
            *fraction = *fraction || *p != '0';
        if (p == start || *p != 'S')
            return -EINVAL;
    }
    if (!*p)
        return -EINVAL;
    *unit = *p++;
    *value = v;
    *s = p;
    return 0;
}

int duration_parse(const char *s, struct duration *ret)
{
    static const char order[] = "YMDhms"; /* the time part in lower case */
    bool negative = *s == '-', in_time = false, any = false;
    uint64_t months = 0, seconds = 0;
    size_t at = 0;

    if (negative)
        s++;
    if (*s++ != 'P')
        return -EINVAL;
    while (*s) {
        uint64_t v;
        bool fraction;
        char unit;
        if (*s == 'T') {
            if (in_time || !s[1])
                return -EINVAL;
            in_time = true;
            s++;
            continue;
        }
        int r = duration_item(&s, &v, &fraction, &unit);
        if (r < 0)
            return r;
        if (in_time)
            unit = unit == 'H' ? 'h' : unit == 'M' ? 'm' : unit == 'S' ? 's' : 0;
        const char *place = unit ? strchr(order, unit) : NULL;
        if (!place || (size_t)(place - order) < at || (in_time != (place - order >= 3)))
            return -EINVAL;
        at = (size_t)(place - order) + 1;
        any = true;
        switch (unit) {
        case 'Y':
            months += v * 12;
            break;
        case 'M':
            months += v;
            break;
        case 'D':
            seconds += v * 86400;
            break;
        case 'h':
            seconds += v * 3600;
            break;
        case 'm':
            seconds += v * 60;
            break;
        default:
            seconds += v + (fraction ? 1 : 0);
        }
        if (months > MAX_YEARS * 12 || seconds > MAX_SECONDS)
            return -ERANGE;
    }
    if (!any)
        return -EINVAL;
    if (months * 31 * 86400 + seconds > MAX_SECONDS + 31 * 86400)
        return -ERANGE;
    ret->months = negative ? 0 : (uint32_t)months;
    ret->seconds = negative ? 0 : seconds;
    return 0;
}

void duration_format(const struct duration *d, char *buf, uint64_t len)
{
    uint64_t s = d->seconds;
    char text[128] = "P";
    size_t n = 1;

#define ITEM(v, unit)                                                                                        \
    do {                                                                                                     \
        if (v)                                                                                               \
            n += (size_t)snprintf(text + n, sizeof text - n, "%llu%c", (unsigned long long)(v), unit);       \
    } while (0)
    ITEM(d->months / 12, 'Y');
    ITEM(d->months % 12, 'M');
    ITEM(s / 86400, 'D');
    if (s % 86400)
        text[n++] = 'T';
    ITEM(s % 86400 / 3600, 'H');
    ITEM(s % 3600 / 60, 'M');
    ITEM(s % 60, 'S');
#undef ITEM
    text[n] = '\0';
    (void)snprintf(buf, len, "%s", n == 1 ? "PT0S" : text);
}

int64_t duration_add(int64_t now_usec, const struct duration *d)
{
    const int64_t day = 86400 * (int64_t)USEC_PER_SEC;
    int64_t days = now_usec / day, rest = now_usec % day, y;
    unsigned m, dd;

    if (rest < 0)
        rest += day, days--;
    civil_from_days(days, &y, &m, &dd);
    int64_t total = y * 12 + (m - 1) + d->months;
    y = total / 12;
    m = (unsigned)(total % 12) + 1;
    if (dd > month_days(y, m))
        dd = month_days(y, m);
    return days_from_civil(y, m, dd) * day + rest + (int64_t)(d->seconds * USEC_PER_SEC);
}

int duration_parse_config(const char *s, uint64_t *ret_seconds)
{
    struct duration d;
    uint64_t v;

    if (str_to_u64(s, MAX_SECONDS, &v) == 0) {
        *ret_seconds = v;
        return 0;
    }
    int r = duration_parse(s, &d);
    if (r < 0)
        return r;
    *ret_seconds = (uint64_t)d.months * 30 * 86400 + d.seconds;
    return 0;
}
