/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of the LwM2M formats share. */
#pragma once

#include <glib.h>

#include "tests/unit/lwm2m-lists.h"

static inline struct lwm2m_path path(const char *text)
{
    struct lwm2m_path p;
    g_assert_cmpint(lwm2m_path_parse(text, strlen(text), &p), ==, 0);
    return p;
}

static inline int decode(unsigned format, const char *base, enum lwm2m_want want, const void *data,
                         size_t len, struct lwm2m_records *ret, struct mef_error *e)
{
    struct lwm2m_target t = {.base = path(base), .want = want, .type = lists_type};
    g_autofree uint8_t *copy = g_malloc(len ? len : 1); /* so that a read past the end is seen */

    if (len)
        memcpy(copy, data, len);
    return lwm2m_decode(format, &t, copy, len, ret, e);
}

static inline void add(struct lwm2m_records *list, const char *where, enum lwm2m_type type, const char *text)
{
    struct lwm2m_path p = path(where);
    struct lwm2m_value v = {0};

    if (type != LWM2M_NONE)
        g_assert_cmpint(lwm2m_value_parse(type, text, strlen(text), &v), ==, 0);
    g_assert_cmpint(lwm2m_records_add(list, &p, &v), ==, 0);
}
