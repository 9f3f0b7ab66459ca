/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmclient/lwm2m/cbor-item.h"

#include <cbor.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "plugin/base/limits.h"

/* ---- in: each callback of the streaming decoder fills the one item ------------------------------------ */

static void on_unsigned(struct item *i, uint64_t n)
{
    *i = (struct item){.kind = ITEM_UNSIGNED, .number = n};
}

static void on_negative(struct item *i, uint64_t n)
{
    *i = (struct item){.kind = ITEM_NEGATIVE, .number = n};
}

static void on_uint8(void *i, uint8_t n)
{
    on_unsigned(i, n);
}

static void on_uint16(void *i, uint16_t n)
{
    on_unsigned(i, n);
}

static void on_uint32(void *i, uint32_t n)
{
    on_unsigned(i, n);
}

static void on_uint64(void *i, uint64_t n)
{
    on_unsigned(i, n);
}

static void on_negint8(void *i, uint8_t n)
{
    on_negative(i, n);
}

static void on_negint16(void *i, uint16_t n)
{
    on_negative(i, n);
}

static void on_negint32(void *i, uint32_t n)
{
    on_negative(i, n);
}

static void on_negint64(void *i, uint64_t n)
{
    on_negative(i, n);
}

static void on_octets(void *i, cbor_data data, size_t len)
{
    *(struct item *)i = (struct item){.kind = ITEM_OCTETS, .data = data, .len = len};
}

static void on_text(void *i, cbor_data data, size_t len)
{
    *(struct item *)i = (struct item){.kind = ITEM_TEXT, .data = data, .len = len};
}

static void on_pieces(void *i)
{
    *(struct item *)i = (struct item){.kind = ITEM_PIECES};
}

static void on_array(void *i, size_t n)
{
    *(struct item *)i = (struct item){.kind = ITEM_ARRAY, .number = n};
}

static void on_open_array(void *i)
{
    *(struct item *)i = (struct item){.kind = ITEM_ARRAY, .open = true};
}

static void on_map(void *i, size_t n)
{
    *(struct item *)i = (struct item){.kind = ITEM_MAP, .number = n};
}

static void on_open_map(void *i)
{
    *(struct item *)i = (struct item){.kind = ITEM_MAP, .open = true};
}

static void on_tag(void *i, uint64_t n)
{
    *(struct item *)i = (struct item){.kind = ITEM_TAG, .number = n};
}

static void on_float(void *i, float f)
{
    *(struct item *)i = (struct item){.kind = ITEM_REAL, .real = (double)f};
}

static void on_double(void *i, double d)
{
    *(struct item *)i = (struct item){.kind = ITEM_REAL, .real = d};
}

static void on_empty(void *i)
{
    *(struct item *)i = (struct item){.kind = ITEM_EMPTY};
}

static void on_boolean(void *i, bool b)
{
    *(struct item *)i = (struct item){.kind = ITEM_BOOLEAN, .boolean = b};
}

static void on_break(void *i)
{
    *(struct item *)i = (struct item){.kind = ITEM_BREAK};
}

int item_next(struct item_reader *rd, struct item *ret)
{
    static const struct cbor_callbacks callbacks = {
        .uint8 = on_uint8,
        .uint16 = on_uint16,
        .uint32 = on_uint32,
        .uint64 = on_uint64,
        .negint8 = on_negint8,
        .negint16 = on_negint16,
        .negint32 = on_negint32,
        .negint64 = on_negint64,
        .byte_string_start = on_pieces,
        .byte_string = on_octets,
        .string = on_text,
        .string_start = on_pieces,
        .indef_array_start = on_open_array,
        .array_start = on_array,
        .indef_map_start = on_open_map,
        .map_start = on_map,
        .tag = on_tag,
        .float2 = on_float,
        .float4 = on_float,
        .float8 = on_double,
        .undefined = on_empty,
        .null = on_empty,
        .boolean = on_boolean,
        .indef_break = on_break,
    };
    struct item i = {0};

    if (rd->left == 0)
        return -EBADMSG;
    struct cbor_decoder_result r = cbor_stream_decode(rd->at, rd->left, &callbacks, &i);
    if (r.status != CBOR_DECODER_FINISHED || r.read == 0 || r.read > rd->left)
        return -EBADMSG;
    rd->at += r.read;
    rd->left -= r.read;
    *ret = i;
    return 0;
}

int item_skip(struct item_reader *rd, const struct item *first)
{
    /* What is still to come at each level; UINT64_MAX: until a break. */
    uint64_t left[LIMIT_LWM2M_DEPTH + 1];
    struct item i = *first;

    for (unsigned depth = 0;;) {
        if (i.kind == ITEM_ARRAY || i.kind == ITEM_MAP || i.kind == ITEM_TAG) {
            if (depth > LIMIT_LWM2M_DEPTH || (i.kind != ITEM_TAG && i.number > rd->left))
                return -EBADMSG;
            uint64_t n = i.kind == ITEM_TAG ? 1 : i.kind == ITEM_MAP ? i.number * 2 : i.number;
            left[depth++] = i.open ? UINT64_MAX : n;
        } else if (i.kind == ITEM_BREAK) {
            if (depth == 0 || left[depth - 1] != UINT64_MAX)
                return -EBADMSG;
            left[depth - 1] = 0;
        } else if (i.kind == ITEM_PIECES) {
            return -EBADMSG;
        }
        while (depth > 0 && left[depth - 1] == 0)
            depth--;
        if (depth == 0)
            return 0;
        if (left[depth - 1] != UINT64_MAX)
            left[depth - 1]--;
        int r = item_next(rd, &i);
        if (r < 0)
            return r;
    }
}

/* ---- out --------------------------------------------------------------------------------------------- */

#define HEAD 9 /* octets of the longest head */

int item_put_unsigned(struct buf *out, uint64_t n)
{
    uint8_t head[HEAD];
    return buf_add(out, head, cbor_encode_uint(n, head, sizeof head));
}

int item_put_integer(struct buf *out, int64_t n)
{
    uint8_t head[HEAD];

    if (n >= 0)
        return item_put_unsigned(out, (uint64_t)n);
    return buf_add(out, head, cbor_encode_negint((uint64_t)(-1 - n), head, sizeof head));
}

int item_put_real(struct buf *out, double number)
{
    uint8_t head[HEAD];
    float f = (float)number;

    if (!isfinite(number))
        return -EINVAL;
    return buf_add(out, head,
                   (double)f >= number && (double)f <= number
                       ? cbor_encode_single(f, head, sizeof head)
                       : cbor_encode_double(number, head, sizeof head));
}

int item_put_boolean(struct buf *out, bool b)
{
    uint8_t head[HEAD];
    return buf_add(out, head, cbor_encode_bool(b, head, sizeof head));
}

int item_put_octets(struct buf *out, const void *data, size_t len)
{
    uint8_t head[HEAD];
    int r = buf_add(out, head, cbor_encode_bytestring_start(len, head, sizeof head));
    return r < 0 ? r : buf_add(out, data, len);
}

int item_put_text(struct buf *out, const char *text, size_t len)
{
    uint8_t head[HEAD];
    int r = buf_add(out, head, cbor_encode_string_start(len, head, sizeof head));
    return r < 0 ? r : buf_add(out, text, len);
}

int item_put_array(struct buf *out, size_t n)
{
    uint8_t head[HEAD];
    return buf_add(out, head, cbor_encode_array_start(n, head, sizeof head));
}

int item_put_map(struct buf *out, size_t n)
{
    uint8_t head[HEAD];
    return buf_add(out, head, cbor_encode_map_start(n, head, sizeof head));
}
