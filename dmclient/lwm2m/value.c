/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmclient/lwm2m/value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"

#define NUMBER_INPUT 400 /* octets of a decimal number: the longest exact double without exponent has 327 */

const char *lwm2m_type_name(enum lwm2m_type type)
{
    static const char *const names[LWM2M_TYPE_MAX_] = {
        [LWM2M_NONE] = "none",         [LWM2M_STRING] = "string", [LWM2M_INTEGER] = "integer",
        [LWM2M_UNSIGNED] = "unsigned", [LWM2M_FLOAT] = "float",   [LWM2M_BOOLEAN] = "boolean",
        [LWM2M_OPAQUE] = "opaque",     [LWM2M_TIME] = "time",     [LWM2M_OBJLNK] = "objlnk",
        [LWM2M_CORELNK] = "corelnk"};

    return type < LWM2M_TYPE_MAX_ ? names[type] : "unknown";
}

/* ---- ownership --------------------------------------------------------------------------------------- */

int lwm2m_value_octets(enum lwm2m_type type, const void *data, size_t len, struct lwm2m_value *ret)
{
    if (!lwm2m_type_has_octets(type) || (type != LWM2M_OPAQUE && !str_utf8_valid(data, len)))
        return -EINVAL;
    if (len > LIMIT_LWM2M_VALUE)
        return -E2BIG;
    uint8_t *copy = malloc(len + 1);
    if (!copy)
        return -ENOMEM;
    if (len)
        memcpy(copy, data, len);
    copy[len] = 0;
    *ret = (struct lwm2m_value){.type = type, .octets = {.data = copy, .len = len}};
    return 0;
}

int lwm2m_value_string(const char *text, struct lwm2m_value *ret)
{
    return lwm2m_value_octets(LWM2M_STRING, text, strlen(text), ret);
}

int lwm2m_value_copy(const struct lwm2m_value *v, struct lwm2m_value *ret)
{
    if (lwm2m_type_has_octets(v->type))
        return lwm2m_value_octets(v->type, v->octets.data, v->octets.len, ret);
    *ret = *v;
    return 0;
}

void lwm2m_value_clear(struct lwm2m_value *v)
{
    if (lwm2m_type_has_octets(v->type) && v->octets.data) {
        explicit_bzero(v->octets.data, v->octets.len);
        free(v->octets.data);
    }
    *v = (struct lwm2m_value){0};
}

bool lwm2m_value_equal(const struct lwm2m_value *a, const struct lwm2m_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case LWM2M_INTEGER:
    case LWM2M_TIME:
        return a->integer == b->integer;
    case LWM2M_UNSIGNED:
        return a->uinteger == b->uinteger;
    case LWM2M_FLOAT:
        return a->number >= b->number && a->number <= b->number;
    case LWM2M_BOOLEAN:
        return a->boolean == b->boolean;
    case LWM2M_OBJLNK:
        return a->link.object == b->link.object && a->link.instance == b->link.instance;
    case LWM2M_STRING:
    case LWM2M_OPAQUE:
    case LWM2M_CORELNK:
        return a->octets.len == b->octets.len && memcmp(a->octets.data, b->octets.data, a->octets.len) == 0;
    case LWM2M_NONE:
    case LWM2M_TYPE_MAX_:
        break;
    }
    return true;
}

/* ---- text in ----------------------------------------------------------------------------------------- */

/* Digits with an optional '-' before them; no blanks, no '+', zeros in front are read as written. */
static int parse_magnitude(const char *text, size_t len, bool *ret_negative, uint64_t *ret)
{
    bool negative = len > 0 && text[0] == '-', over = false;
    uint64_t n = 0;

    if (len == (negative ? 1 : 0))
        return -EINVAL;
    for (size_t i = negative; i < len; i++) {
        unsigned digit = (unsigned)(text[i] - '0');
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        over |= n > (UINT64_MAX - digit) / 10;
        n = n * 10 + digit;
    }
    if (over)
        return -ERANGE;
    *ret_negative = negative;
    *ret = n;
    return 0;
}

static int parse_integer(const char *text, size_t len, struct lwm2m_value *v)
{
    bool negative = false;
    uint64_t n = 0;
    int r = parse_magnitude(text, len, &negative, &n);

    if (r < 0)
        return r;
    if (n > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    v->integer = negative ? (int64_t)(0 - n) : (int64_t)n;
    return 0;
}

static int parse_unsigned(const char *text, size_t len, struct lwm2m_value *v)
{
    bool negative = false;
    uint64_t n = 0;
    int r = parse_magnitude(text, len, &negative, &n);

    if (r < 0)
        return r;
    if (negative && n > 0)
        return -ERANGE;
    v->uinteger = n;
    return 0;
}

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

/* [-]digits[.digits][e[+-]digits]: strtod alone would take blanks, hexadecimal and names. */
static bool number_spelled(const char *s)
{
    s += *s == '-';
    if (digits(s) == 0)
        return false;
    s += digits(s);
    if (*s == '.') {
        if (digits(++s) == 0)
            return false;
        s += digits(s);
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        if (digits(s) == 0)
            return false;
        s += digits(s);
    }
    return *s == '\0';
}

static int parse_float(const char *text, size_t len, struct lwm2m_value *v)
{
    char copy[NUMBER_INPUT + 1];

    if (len > NUMBER_INPUT || memchr(text, 0, len))
        return -EINVAL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (!number_spelled(copy))
        return -EINVAL;
    double number = strtod(copy, NULL);
    if (!isfinite(number))
        return -ERANGE;
    v->number = number;
    return 0;
}

static int parse_boolean(const char *text, size_t len, struct lwm2m_value *v)
{
    if (len != 1 || (text[0] != '0' && text[0] != '1'))
        return -EINVAL;
    v->boolean = text[0] == '1';
    return 0;
}

static int parse_opaque(const char *text, size_t len, struct lwm2m_value *v)
{
    uint8_t *data = NULL;
    size_t n = 0;

    if (len > (LIMIT_LWM2M_VALUE + 2) / 3 * 4)
        return -E2BIG;
    for (size_t i = 0; i < len; i++) /* base64_decode() overlooks the line ends of EST */
        if ((unsigned char)text[i] <= ' ')
            return -EINVAL;
    int r = base64_decode(text, len, &data, &n);
    if (r < 0)
        return r;
    r = lwm2m_value_octets(LWM2M_OPAQUE, data, n, v);
    explicit_bzero(data, n);
    free(data);
    return r;
}

/* 0 to 65535, as an identifier inside a link. */
static int parse_half(const char *text, size_t len, uint16_t *ret)
{
    bool negative = false;
    uint64_t n = 0;

    if (len > 5 || (len > 1 && text[0] == '0') || parse_magnitude(text, len, &negative, &n) < 0 || negative ||
        n > UINT16_MAX)
        return -EINVAL;
    *ret = (uint16_t)n;
    return 0;
}

int lwm2m_objlnk_parse(const char *text, size_t len, struct lwm2m_objlnk *ret)
{
    const char *colon = len ? memchr(text, ':', len) : NULL;
    struct lwm2m_objlnk link;

    if (!colon || parse_half(text, (size_t)(colon - text), &link.object) < 0 ||
        parse_half(colon + 1, len - (size_t)(colon + 1 - text), &link.instance) < 0)
        return -EINVAL;
    *ret = link;
    return 0;
}

static int parse_objlnk(const char *text, size_t len, struct lwm2m_value *v)
{
    return lwm2m_objlnk_parse(text, len, &v->link);
}

static int parse_string(const char *text, size_t len, struct lwm2m_value *v)
{
    return lwm2m_value_octets(v->type, text, len, v);
}

int lwm2m_value_parse(enum lwm2m_type type, const char *text, size_t len, struct lwm2m_value *ret)
{
    static int (*const parsers[LWM2M_TYPE_MAX_])(const char *, size_t, struct lwm2m_value *) = {
        [LWM2M_STRING] = parse_string,     [LWM2M_CORELNK] = parse_string, [LWM2M_INTEGER] = parse_integer,
        [LWM2M_TIME] = parse_integer,      [LWM2M_FLOAT] = parse_float,    [LWM2M_BOOLEAN] = parse_boolean,
        [LWM2M_UNSIGNED] = parse_unsigned, [LWM2M_OPAQUE] = parse_opaque,  [LWM2M_OBJLNK] = parse_objlnk};
    struct lwm2m_value v = {.type = type};

    if (type >= LWM2M_TYPE_MAX_ || !parsers[type])
        return -EINVAL;
    int r = parsers[type](text, len, &v);
    if (r == 0)
        *ret = v;
    return r;
}

/* ---- text out ---------------------------------------------------------------------------------------- */

char *lwm2m_number_format(double number, char text[static LWM2M_NUMBER_TEXT])
{
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(text, LWM2M_NUMBER_TEXT, "%.*g", precision, number);
        double back = strtod(text, NULL);
        if (back >= number && back <= number)
            break;
    }
    return text;
}

static int format_opaque(const struct lwm2m_value *v, struct buf *out)
{
    char *text = base64_encode(v->octets.data, v->octets.len);

    if (!text)
        return -ENOMEM;
    int r = buf_adds(out, text);
    explicit_bzero(text, strlen(text));
    free(text);
    return r;
}

int lwm2m_value_format(const struct lwm2m_value *v, struct buf *out)
{
    char text[LWM2M_NUMBER_TEXT];

    switch (v->type) {
    case LWM2M_STRING:
    case LWM2M_CORELNK:
        return buf_add(out, v->octets.data, v->octets.len);
    case LWM2M_OPAQUE:
        return format_opaque(v, out);
    case LWM2M_INTEGER:
    case LWM2M_TIME:
        (void)snprintf(text, sizeof text, "%" PRId64, v->integer);
        break;
    case LWM2M_UNSIGNED:
        (void)snprintf(text, sizeof text, "%" PRIu64, v->uinteger);
        break;
    case LWM2M_FLOAT:
        if (!isfinite(v->number))
            return -EINVAL;
        lwm2m_number_format(v->number, text);
        break;
    case LWM2M_BOOLEAN:
        (void)snprintf(text, sizeof text, "%d", v->boolean);
        break;
    case LWM2M_OBJLNK:
        (void)snprintf(text, sizeof text, "%u:%u", v->link.object, v->link.instance);
        break;
    case LWM2M_NONE:
    case LWM2M_TYPE_MAX_:
        return 0;
    }
    return buf_adds(out, text);
}
