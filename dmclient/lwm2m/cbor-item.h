/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CBOR one item at a time, over libcbor's streaming decoder: nothing is allocated, what a peer declares costs
 * nothing, and octets are read where they lie (a key leaves no copy behind). Thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"

enum item_kind {
    ITEM_UNSIGNED, /* number */
    ITEM_NEGATIVE, /* -1 - number */
    ITEM_REAL,
    ITEM_BOOLEAN,
    ITEM_OCTETS,
    ITEM_TEXT,
    ITEM_ARRAY, /* number items follow; open: until ITEM_BREAK */
    ITEM_MAP,   /* number pairs */
    ITEM_TAG,   /* the tagged item follows */
    ITEM_EMPTY, /* null or undefined */
    ITEM_BREAK,
    ITEM_PIECES, /* a string of unknown length in pieces: no reader here takes one */
};

struct item {
    enum item_kind kind;
    bool open;
    bool boolean;
    uint64_t number;
    double real;
    const uint8_t *data; /* OCTETS, TEXT: inside what is read; TEXT is not yet known to be UTF-8 */
    size_t len;
};

struct item_reader {
    const uint8_t *at;
    size_t left;
};

/* -EBADMSG: no CBOR, or cut off. */
int item_next(struct item_reader *rd, struct item *ret);
/* Passes over the item that was just read as `first`, with all that it holds. -EBADMSG: no CBOR, or nested
 * deeper than LIMIT_LWM2M_DEPTH. */
int item_skip(struct item_reader *rd, const struct item *first);

/* The shortest forms; floats in four octets where that is exact, else in eight. -E2BIG, -ENOMEM; -EINVAL: not
 * finite. */
int item_put_unsigned(struct buf *out, uint64_t n);
int item_put_integer(struct buf *out, int64_t n);
int item_put_real(struct buf *out, double number);
int item_put_boolean(struct buf *out, bool b);
int item_put_octets(struct buf *out, const void *data, size_t len);
int item_put_text(struct buf *out, const char *text, size_t len);
int item_put_array(struct buf *out, size_t n);
int item_put_map(struct buf *out, size_t n);
