/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed values of resources (C11 App C) and their text form.
 *
 * A value owns its octets and is cleared by whoever holds it; a plain struct copy must not be used to make a
 * second owner. Octets are wiped when they go: keys pass through here on their way to the token. Pure;
 * thread: its owner's. The process stays in the C locale. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"

enum lwm2m_type {
    LWM2M_NONE, /* no value: an executable resource, an empty container, a resource that nobody knows */
    LWM2M_STRING,
    LWM2M_INTEGER,
    LWM2M_UNSIGNED,
    LWM2M_FLOAT, /* finite only: text and JSON have no form for the rest */
    LWM2M_BOOLEAN,
    LWM2M_OPAQUE,
    LWM2M_TIME, /* seconds since 1970 */
    LWM2M_OBJLNK,
    LWM2M_CORELNK, /* a string in link-format */
    LWM2M_TYPE_MAX_
};

struct lwm2m_objlnk {
    uint16_t object, instance; /* 65535:65535 points nowhere */
};

struct lwm2m_octets {
    uint8_t *data; /* NUL-terminated beyond len; never NULL in a value */
    size_t len;
};

struct lwm2m_value {
    enum lwm2m_type type;
    union {
        int64_t integer; /* INTEGER, TIME */
        uint64_t uinteger;
        double number;
        bool boolean;
        struct lwm2m_objlnk link;
        struct lwm2m_octets octets; /* STRING, CORELNK: UTF-8 without NUL; OPAQUE */
    };
};

const char *lwm2m_type_name(enum lwm2m_type type);

/* Does the type carry octets? */
static inline bool lwm2m_type_has_octets(enum lwm2m_type type)
{
    return type == LWM2M_STRING || type == LWM2M_OPAQUE || type == LWM2M_CORELNK;
}

/* A STRING, OPAQUE or CORELNK with a copy of `data`. -EINVAL: another type, or text that is no UTF-8 or holds
 * NUL; -E2BIG: over LIMIT_LWM2M_VALUE; -ENOMEM. *ret is filled anew, not cleared. */
int lwm2m_value_octets(enum lwm2m_type type, const void *data, size_t len, struct lwm2m_value *ret);
int lwm2m_value_string(const char *text, struct lwm2m_value *ret);

/* A copy with octets of its own. -ENOMEM. */
int lwm2m_value_copy(const struct lwm2m_value *v, struct lwm2m_value *ret);
/* Wipes and frees; leaves NONE. */
void lwm2m_value_clear(struct lwm2m_value *v);

bool lwm2m_value_equal(const struct lwm2m_value *a, const struct lwm2m_value *b);

/* The form of text/plain: decimal numbers, booleans 0 and 1, opaque in base64, links o:i. -EINVAL: the text
 * is none of this type (or the type is NONE); -ERANGE: a number that its type does not hold; -E2BIG;
 * -ENOMEM. */
int lwm2m_value_parse(enum lwm2m_type type, const char *text, size_t len, struct lwm2m_value *ret);
/* Appends the canonical text; of NONE nothing. -E2BIG, -ENOMEM; -EINVAL: a number that is not finite. */
int lwm2m_value_format(const struct lwm2m_value *v, struct buf *out);

/* "o:i", each 0 to 65535. -EINVAL. */
int lwm2m_objlnk_parse(const char *text, size_t len, struct lwm2m_objlnk *ret);
/* The shortest decimal form that reads back as the same number; `text` holds LWM2M_NUMBER_TEXT. */
#define LWM2M_NUMBER_TEXT 32
char *lwm2m_number_format(double number, char text[static LWM2M_NUMBER_TEXT]);
