/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int buf_add(struct buf *b, const void *data, size_t n)
{
    if (b->max && (n > b->max || b->len > b->max - n))
        return -E2BIG;
    if (b->len + n + 1 > b->room) {
        size_t room = b->room ? b->room * 2 : 256;
        while (room < b->len + n + 1)
            room *= 2;
        uint8_t *p = realloc(b->data, room);
        if (!p)
            return -ENOMEM;
        b->data = p;
        b->room = room;
    }
    if (n)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = 0;
    return 0;
}

int buf_adds(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

int buf_addf(struct buf *b, const char *format, ...)
{
    _cleanup_(freep) char *s = NULL;
    va_list ap;

    va_start(ap, format);
    int n = vasprintf(&s, format, ap);
    va_end(ap);
    if (n < 0) {
        s = NULL;
        return -ENOMEM;
    }
    return buf_add(b, s, (size_t)n);
}

void buf_clear(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->room = 0;
}

char *buf_steal(struct buf *b)
{
    char *s = b->data ? (char *)b->data : calloc(1, 1);

    b->data = NULL;
    b->len = b->room = 0;
    return s;
}
