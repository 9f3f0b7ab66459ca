/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A byte buffer that grows up to a limit. Always NUL-terminated beyond `len`. Thread: its owner's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "plugin/base/cleanup.h"

struct buf {
    uint8_t *data;
    size_t len, room;
    size_t max; /* octets; 0 = no limit of its own */
};

/* -E2BIG when the limit would be passed (nothing is added), -ENOMEM. */
int buf_add(struct buf *b, const void *data, size_t n);
int buf_adds(struct buf *b, const char *s);
int buf_addf(struct buf *b, const char *format, ...) mef_printf(2, 3);
void buf_clear(struct buf *b); /* frees; the limit stays */
/* The text, malloc'ed, owned by the caller; the buffer is empty then. NULL when out of memory. */
char *buf_steal(struct buf *b);

static inline const char *buf_str(const struct buf *b)
{
    return b->data ? (const char *)b->data : "";
}
