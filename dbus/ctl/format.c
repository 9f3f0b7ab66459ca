/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values as text that a person reads. Pure, but for the time zone. Ownership: as ctl.h says. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/buf.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"

void format_time(uint64_t usec, char buf[TIME_TEXT_MAX])
{
    time_t t = (time_t)(usec / USEC_PER_SEC);
    struct tm tm;

    if (usec == 0 || !localtime_r(&t, &tm) || strftime(buf, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        memcpy(buf, "-", sizeof("-"));
}

void format_relative(uint64_t usec, uint64_t now, char buf[TIME_TEXT_MAX])
{
    static const struct {
        uint64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    uint64_t seconds = (usec > now ? usec - now : now - usec) / USEC_PER_SEC;
    size_t i = 0;

    if (usec == 0) {
        memcpy(buf, "-", sizeof("-"));
        return;
    }
    if (seconds == 0) {
        memcpy(buf, "now", sizeof("now"));
        return;
    }
    /* "90 s", not "1 min": the unit must fit twice, except for seconds. */
    while (i + 1 < ELEMENTS(units) && seconds < 2 * units[i].seconds)
        i++;
    snprintf(buf, TIME_TEXT_MAX, usec > now ? "in %llu %s" : "%llu %s ago",
             (unsigned long long)(seconds / units[i].seconds), units[i].unit);
}

void format_bar(double fraction, unsigned width, char *buf)
{
    unsigned full;

    if (!(fraction > 0))
        fraction = 0;
    if (fraction > 1)
        fraction = 1;
    full = (unsigned)floor(fraction * width + 1e-9);
    buf[0] = '[';
    memset(buf + 1, '#', full);
    memset(buf + 1 + full, '.', width - full);
    buf[width + 1] = ']';
    buf[width + 2] = '\0';
}

size_t format_width(const char *utf8)
{
    size_t n = 0;
    for (; *utf8; utf8++)
        n += ((unsigned char)*utf8 & 0xc0) != 0x80;
    return n;
}

static int add_text(struct buf *b, const char *s)
{
    bool plain = *s != '\0';
    int r = 0;

    for (const char *p = s; *p; p++)
        if (strchr(" \"'\\=,", *p) || (unsigned char)*p < 0x20 || *p == 0x7f)
            plain = false;
    if (plain)
        return buf_adds(b, s);
    r = buf_adds(b, "\"");
    for (const char *p = s; r == 0 && *p; p++)
        if (*p == '"' || *p == '\\')
            r = buf_addf(b, "\\%c", *p);
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            r = buf_addf(b, "\\x%02x", (unsigned char)*p);
        else
            r = buf_add(b, p, 1);
    return r == 0 ? buf_adds(b, "\"") : r;
}

static int add_value(struct buf *b, const json_t *v, unsigned depth)
{
    const char *key;
    json_t *item;
    size_t i = 0;
    int r = 0;

    switch (json_typeof(v)) {
    case JSON_STRING:
        return add_text(b, json_string_value(v));
    case JSON_INTEGER:
        return buf_addf(b, "%lld", (long long)json_integer_value(v));
    case JSON_REAL:
        return buf_addf(b, "%.4g", json_real_value(v));
    case JSON_TRUE:
        return buf_adds(b, "yes");
    case JSON_FALSE:
        return buf_adds(b, "no");
    case JSON_NULL:
        return buf_adds(b, "-");
    case JSON_ARRAY:
        r = depth ? buf_adds(b, "[") : 0;
        json_array_foreach(v, i, item) if (r == 0 && (r = i ? buf_adds(b, depth ? "," : " ") : 0) == 0) r =
            add_value(b, item, depth + 1);
        return r == 0 && depth ? buf_adds(b, "]") : r;
    case JSON_OBJECT:
    default:
        r = depth ? buf_adds(b, "{") : 0;
        json_object_foreach((json_t *)v, key, item) if (r == 0 && (r = i++ ? buf_adds(b, " ") : 0) == 0 &&
                                                        (r = buf_adds(b, key)) == 0 &&
                                                        (r = buf_adds(b, "=")) == 0) r =
            add_value(b, item, depth + 1);
        return r == 0 && depth ? buf_adds(b, "}") : r;
    }
}

char *format_value(const json_t *v)
{
    struct buf b = {0};
    if (add_value(&b, v, 0) < 0) {
        buf_clear(&b);
        return NULL;
    }
    return b.data ? buf_steal(&b) : strdup("");
}

/* ---- table -------------------------------------------------------------------------------------------- */

int table_add(struct table *t, const char *text)
{
    char **more = realloc(t->cell, (t->n + 1) * sizeof(*more));
    if (!more)
        return -ENOMEM;
    t->cell = more;
    more[t->n] = strdup(text && *text ? text : "-");
    if (!more[t->n])
        return -ENOMEM;
    str_make_printable(more[t->n]);
    t->n++;
    return 0;
}

void table_print(const struct table *t, FILE *to)
{
    size_t rows = t->columns ? t->n / t->columns : 0;

    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < t->columns; column++) {
            const char *s = t->cell[row * t->columns + column];
            size_t widest = 0, own = format_width(s);
            for (size_t k = column; k < rows * t->columns; k += t->columns)
                if (format_width(t->cell[k]) > widest)
                    widest = format_width(t->cell[k]);
            /* No blanks at the end of a line. */
            if (column + 1 == t->columns)
                fprintf(to, "%s\n", s);
            else
                fprintf(to, "%s%*s", s, (int)(widest - own + 2), "");
        }
}

void table_clear(struct table *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->cell[i]);
    free(t->cell);
    t->cell = NULL;
    t->n = 0;
}

/* ---- what a person types ------------------------------------------------------------------------------ */

/* "2030-01-31", "2030-01-31 12:30[:15]", with T instead of the blank, with or without Z. */
static int parse_date(const char *s, int64_t *ret)
{
    char compact[TIMESTAMP_LEN];
    int year, month, day, hour = 0, minute = 0, second = 0, end = 0;

    if (sscanf(s, "%4d-%2d-%2d%n", &year, &month, &day, &end) < 3 || end != 10)
        return -EINVAL;
    s += end;
    if (*s == ' ' || *s == 'T') {
        end = 0;
        if (sscanf(s + 1, "%2d:%2d%n", &hour, &minute, &end) < 2 || end != 5)
            return -EINVAL;
        s += 1 + end;
        if (*s == ':') {
            end = 0;
            if (sscanf(s + 1, "%2d%n", &second, &end) < 1 || end != 2)
                return -EINVAL;
            s += 1 + end;
        }
    }
    if (*s == 'Z')
        s++;
    if (*s || year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0)
        return -EINVAL;
    snprintf(compact, sizeof(compact), "%04u%02u%02uT%02u%02u%02u", (unsigned)year % 10000,
             (unsigned)month % 100, (unsigned)day % 100, (unsigned)hour % 100, (unsigned)minute % 100,
             (unsigned)second % 100);
    return timestamp_parse(compact, ret);
}

int parse_expires(const char *s, int64_t now, uint64_t *ret)
{
    struct duration d;
    uint64_t seconds;
    int64_t t;

    if (*s == 'P') {
        if (duration_parse(s, &d) < 0)
            return -EINVAL;
        t = duration_add(now, &d);
    } else if (str_to_u64(s, UINT32_MAX, &seconds) == 0)
        t = now + (int64_t)(seconds * USEC_PER_SEC);
    else if (timestamp_parse(s, &t) < 0 && parse_date(s, &t) < 0)
        return -EINVAL;
    if (t <= now)
        return -ERANGE;
    *ret = (uint64_t)t;
    return 0;
}
