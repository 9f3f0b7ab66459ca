/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLV (C11 6.4.3, lwm2m.md 4.1). A length that runs past what encloses it is an error, never clamped; the
 * encoder writes the shortest form of everything. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "dmclient/lwm2m/formats.h"

enum tlv_kind { TLV_OBJECT_INSTANCE, TLV_RESOURCE_INSTANCE, TLV_MULTIPLE, TLV_RESOURCE };

static const char *const kind_names[] = {"Object Instance", "Resource Instance", "Multiple Resource",
                                         "Resource"};

#define LENGTH_MAX ((1u << 24) - 1)
#define BIT(kind)  (1u << (kind))

struct tlv {
    enum tlv_kind kind;
    uint16_t id;
    const uint8_t *value;
    size_t len;
};

/* Octets not yet read, of one level. */
struct span {
    const uint8_t *at;
    size_t left;
};

struct reader {
    const struct lwm2m_target *t;
    struct lwm2m_records *list;
    struct mef_error *reterr;
};

/* ---- in ---------------------------------------------------------------------------------------------- */

static uint64_t big_endian(const uint8_t *data, size_t len)
{
    uint64_t n = 0;

    for (size_t i = 0; i < len; i++)
        n = n << 8 | data[i];
    return n;
}

static int torn(const struct reader *rd)
{
    return lwm2m_refuse(rd->reterr, LWM2M_BAD_REQUEST, "TLV: an entry runs past what encloses it");
}

/* Takes one entry off the span; only kinds in `allowed` may stand there. */
static int next(const struct reader *rd, struct span *s, unsigned allowed, struct tlv *ret)
{
    uint8_t type = s->at[0];
    size_t id_len = type & 0x20 ? 2 : 1, len_len = type >> 3 & 3;
    struct tlv e = {.kind = (enum tlv_kind)(type >> 6), .len = type & 7};

    if (s->left < 1 + id_len + len_len)
        return torn(rd);
    e.id = (uint16_t)big_endian(s->at + 1, id_len);
    if (len_len)
        e.len = (size_t)big_endian(s->at + 1 + id_len, len_len);
    s->at += 1 + id_len + len_len;
    s->left -= 1 + id_len + len_len;
    if (e.len > s->left)
        return torn(rd);
    e.value = s->at;
    s->at += e.len;
    s->left -= e.len;
    if (!(allowed & BIT(e.kind)))
        return lwm2m_refuse(rd->reterr, LWM2M_BAD_REQUEST, "TLV: %s %u does not belong there",
                            kind_names[e.kind], e.id);
    if (e.id > LWM2M_ID_MAX)
        return lwm2m_refuse(rd->reterr, LWM2M_BAD_REQUEST, "TLV: 65535 is reserved, no identifier");
    *ret = e;
    return 0;
}

static bool take_number(const struct tlv *e, struct lwm2m_value *v)
{
    if (e->len != 1 && e->len != 2 && e->len != 4 && e->len != 8)
        return false;
    uint64_t n = big_endian(e->value, e->len);
    if (v->type == LWM2M_UNSIGNED) {
        v->uinteger = n;
    } else {
        if (e->len < 8 && (n >> (8 * e->len - 1)) != 0)
            n |= UINT64_MAX << (8 * e->len);
        v->integer = (int64_t)n;
    }
    return true;
}

static bool take_float(const struct tlv *e, struct lwm2m_value *v)
{
    uint64_t bits = big_endian(e->value, e->len <= 8 ? e->len : 0);

    if (e->len == 4) {
        uint32_t half = (uint32_t)bits;
        float f;
        memcpy(&f, &half, sizeof f);
        v->number = (double)f;
    } else if (e->len == 8) {
        memcpy(&v->number, &bits, sizeof bits);
    } else {
        return false;
    }
    return isfinite(v->number);
}

static bool take_boolean(const struct tlv *e, struct lwm2m_value *v)
{
    if (e->len != 1 || e->value[0] > 1)
        return false;
    v->boolean = e->value[0];
    return true;
}

static bool take_objlnk(const struct tlv *e, struct lwm2m_value *v)
{
    if (e->len != 4)
        return false;
    v->link.object = (uint16_t)big_endian(e->value, 2);
    v->link.instance = (uint16_t)big_endian(e->value + 2, 2);
    return true;
}

/* A Resource or Resource Instance at `path`. */
static int take_value(const struct reader *rd, const struct lwm2m_path *path, const struct tlv *e)
{
    static bool (*const takers[LWM2M_TYPE_MAX_])(const struct tlv *, struct lwm2m_value *) = {
        [LWM2M_INTEGER] = take_number, [LWM2M_TIME] = take_number,     [LWM2M_UNSIGNED] = take_number,
        [LWM2M_FLOAT] = take_float,    [LWM2M_BOOLEAN] = take_boolean, [LWM2M_OBJLNK] = take_objlnk};
    struct lwm2m_path resource = lwm2m_path_top(path, 3);
    struct lwm2m_value v = {.type = rd->t->type(rd->t->ctx, &resource)};
    char text[LWM2M_PATH_TEXT];
    int r = 0;

    if (lwm2m_type_has_octets(v.type))
        r = lwm2m_value_octets(v.type, e->value, e->len, &v);
    else if (v.type != LWM2M_NONE)
        r = takers[v.type](e, &v) ? 0 : -EINVAL;
    if (r == -EINVAL)
        return lwm2m_refuse(rd->reterr, LWM2M_BAD_REQUEST, "%s: these %zu octets are no %s",
                            lwm2m_path_format(path, text), e->len, lwm2m_type_name(v.type));
    return r < 0 ? r : lwm2m_records_add(rd->list, path, &v);
}

static int take_multiple(const struct reader *rd, const struct lwm2m_path *path, const struct tlv *e)
{
    struct span s = {e->value, e->len};
    struct lwm2m_value none = {0};

    if (s.left == 0)
        return lwm2m_records_add(rd->list, path, &none);
    while (s.left > 0) {
        struct tlv one;
        int r = next(rd, &s, BIT(TLV_RESOURCE_INSTANCE), &one);
        if (r == 0) {
            struct lwm2m_path child = lwm2m_path_child(path, one.id);
            r = take_value(rd, &child, &one);
        }
        if (r != 0)
            return r;
    }
    return 0;
}

static int take_resource(const struct reader *rd, const struct lwm2m_path *instance, const struct tlv *e)
{
    struct lwm2m_path path = lwm2m_path_child(instance, e->id);

    return e->kind == TLV_MULTIPLE ? take_multiple(rd, &path, e) : take_value(rd, &path, e);
}

static int take_instance(const struct reader *rd, const struct lwm2m_path *instance, struct span s)
{
    struct lwm2m_value none = {0};

    if (s.left == 0)
        return lwm2m_records_add(rd->list, instance, &none);
    while (s.left > 0) {
        struct tlv e;
        int r = next(rd, &s, BIT(TLV_RESOURCE) | BIT(TLV_MULTIPLE), &e);
        if (r == 0)
            r = take_resource(rd, instance, &e);
        if (r != 0)
            return r;
    }
    return 0;
}

/* For a whole object: Object Instances, or the bare resources of one that the client is to number. */
static int take_object(const struct reader *rd, struct span s)
{
    const struct lwm2m_path *base = &rd->t->base;

    if (s.left > 0 && s.at[0] >> 6 != TLV_OBJECT_INSTANCE) {
        struct lwm2m_path open = lwm2m_path_child(base, LWM2M_ID_NONE);
        return take_instance(rd, &open, s);
    }
    while (s.left > 0) {
        struct tlv e;
        int r = next(rd, &s, BIT(TLV_OBJECT_INSTANCE), &e);
        if (r == 0) {
            struct lwm2m_path instance = lwm2m_path_child(base, e.id);
            r = take_instance(rd, &instance, (struct span){e.value, e.len});
        }
        if (r != 0)
            return r;
    }
    return 0;
}

/* Exactly one entry, whose identifier must be the last number of the request's path. */
static int take_one(const struct reader *rd, struct span s, unsigned allowed, struct tlv *ret)
{
    const struct lwm2m_path *base = &rd->t->base;

    if (s.left == 0)
        return lwm2m_refuse(rd->reterr, LWM2M_BAD_REQUEST, "TLV: there is no value");
    int r = next(rd, &s, allowed, ret);
    if (r != 0)
        return r;
    if (s.left > 0 || ret->id != base->id[base->n - 1])
        return lwm2m_refuse(rd->reterr, LWM2M_BAD_REQUEST, "TLV: %u is not all, or not what the path names",
                            ret->id);
    return 0;
}

int lwm2m_tlv_decode(const struct lwm2m_target *t, const uint8_t *data, size_t len, struct lwm2m_records *ret,
                     struct mef_error *reterr)
{
    struct reader rd = {t, ret, reterr};
    struct span s = {data, len};
    struct lwm2m_path above = lwm2m_path_top(&t->base, 2);
    struct tlv e;
    int r;

    switch (t->base.n) {
    case 1:
        return take_object(&rd, s);
    case 2:
        if (s.left == 0)
            return 0; /* an instance without resources: nothing is set */
        if (s.at[0] >> 6 != TLV_OBJECT_INSTANCE)
            return take_instance(&rd, &t->base, s);
        r = take_one(&rd, s, BIT(TLV_OBJECT_INSTANCE), &e);
        return r != 0 ? r : take_instance(&rd, &t->base, (struct span){e.value, e.len});
    case 3:
        r = take_one(&rd, s, BIT(TLV_RESOURCE) | BIT(TLV_MULTIPLE), &e);
        return r != 0 ? r : take_resource(&rd, &above, &e);
    case 4:
        r = take_one(&rd, s, BIT(TLV_RESOURCE_INSTANCE), &e);
        return r != 0 ? r : take_value(&rd, &t->base, &e);
    default:
        return lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "TLV needs a path with an object");
    }
}

/* ---- out --------------------------------------------------------------------------------------------- */

static int put_header(struct buf *out, enum tlv_kind kind, uint16_t id, size_t len)
{
    uint8_t head[6] = {(uint8_t)(kind << 6)};
    size_t n = 1, len_len = len <= 7 ? 0 : len <= 0xff ? 1 : len <= 0xffff ? 2 : 3;

    if (len > LENGTH_MAX)
        return -E2BIG;
    if (id > 0xff) {
        head[0] |= 0x20;
        head[n++] = (uint8_t)(id >> 8);
    }
    head[n++] = (uint8_t)id;
    if (len_len == 0)
        head[0] |= (uint8_t)len;
    else
        head[0] |= (uint8_t)(len_len << 3);
    for (size_t i = len_len; i > 0; i--)
        head[n++] = (uint8_t)(len >> (8 * (i - 1)));
    return buf_add(out, head, n);
}

static int put(struct buf *out, enum tlv_kind kind, uint16_t id, const void *value, size_t len)
{
    int r = put_header(out, kind, id, len);
    return r < 0 ? r : buf_add(out, value, len);
}

static int put_bits(struct buf *out, enum tlv_kind kind, uint16_t id, uint64_t bits, size_t len)
{
    uint8_t octets[8];

    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)(bits >> (8 * (len - 1 - i)));
    return put(out, kind, id, octets, len);
}

/* The shortest of 1, 2, 4 and 8 octets in which the number reads back. */
static size_t signed_width(int64_t n)
{
    return n >= INT8_MIN && n <= INT8_MAX     ? 1
           : n >= INT16_MIN && n <= INT16_MAX ? 2
           : n >= INT32_MIN && n <= INT32_MAX ? 4
                                              : 8;
}

static size_t unsigned_width(uint64_t n)
{
    return n <= UINT8_MAX ? 1 : n <= UINT16_MAX ? 2 : n <= UINT32_MAX ? 4 : 8;
}

static int put_float(struct buf *out, enum tlv_kind kind, uint16_t id, double number)
{
    float f = (float)number;
    uint32_t bits32;
    uint64_t bits64;

    if (!isfinite(number))
        return -EINVAL;
    memcpy(&bits32, &f, sizeof f);
    memcpy(&bits64, &number, sizeof number);
    return (double)f >= number && (double)f <= number ? put_bits(out, kind, id, bits32, 4)
                                                      : put_bits(out, kind, id, bits64, 8);
}

static int put_value(struct buf *out, enum tlv_kind kind, uint16_t id, const struct lwm2m_value *v)
{
    switch (v->type) {
    case LWM2M_STRING:
    case LWM2M_CORELNK:
    case LWM2M_OPAQUE:
        return put(out, kind, id, v->octets.data, v->octets.len);
    case LWM2M_INTEGER:
    case LWM2M_TIME:
        return put_bits(out, kind, id, (uint64_t)v->integer, signed_width(v->integer));
    case LWM2M_UNSIGNED:
        return put_bits(out, kind, id, v->uinteger, unsigned_width(v->uinteger));
    case LWM2M_FLOAT:
        return put_float(out, kind, id, v->number);
    case LWM2M_BOOLEAN:
        return put_bits(out, kind, id, v->boolean, 1);
    case LWM2M_OBJLNK:
        return put_bits(out, kind, id, (uint32_t)v->link.object << 16 | v->link.instance, 4);
    case LWM2M_NONE:
    case LWM2M_TYPE_MAX_:
        break;
    }
    return -EINVAL;
}

/* Records [from, to) of one list. */
struct range {
    const struct lwm2m_record *from, *to;
};

/* Takes the records off the front that have the first `n` numbers in common. */
static struct range group(struct range *r, uint8_t n)
{
    struct lwm2m_path top = lwm2m_path_top(&r->from->path, n);
    struct range g = {r->from, r->from};

    while (g.to < r->to && lwm2m_path_within(&g.to->path, &top))
        g.to++;
    r->from = g.to;
    return g;
}

/* The records of one resource. */
static int put_resource(struct buf *out, struct range r)
{
    _cleanup_(buf_clear) struct buf inner = {.max = out->max};
    const struct lwm2m_path *path = &r.from->path;
    int e = 0;

    if (path->n == 3 && r.to - r.from > 1)
        return -EINVAL; /* single and multiple, or twice */
    if (path->n == 3 && r.from->value.type != LWM2M_NONE)
        return put_value(out, TLV_RESOURCE, path->id[2], &r.from->value);
    for (const struct lwm2m_record *i = r.from; e == 0 && path->n == 4 && i < r.to; i++)
        e = i > r.from && i->path.id[3] == i[-1].path.id[3]
                ? -EINVAL
                : put_value(&inner, TLV_RESOURCE_INSTANCE, i->path.id[3], &i->value);
    return e < 0 ? e : put(out, TLV_MULTIPLE, path->id[2], inner.data, inner.len);
}

/* The records of one instance, without its own header. */
static int put_instance(struct buf *out, struct range r)
{
    int e = 0;

    if (r.from < r.to && r.from->path.n == 2)
        return r.to - r.from == 1 && r.from->value.type == LWM2M_NONE ? 0 : -EINVAL;
    while (e == 0 && r.from < r.to)
        e = put_resource(out, group(&r, 3));
    return e;
}

/* A reply about a whole object names each instance, even a single one. */
static int put_object(struct buf *out, struct range r)
{
    int e = 0;

    if (r.from < r.to && r.from->path.n == 1)
        return r.to - r.from == 1 && r.from->value.type == LWM2M_NONE ? 0 : -EINVAL;
    while (e == 0 && r.from < r.to) {
        _cleanup_(buf_clear) struct buf inner = {.max = out->max};
        struct range g = group(&r, 2);
        e = put_instance(&inner, g);
        if (e == 0)
            e = put(out, TLV_OBJECT_INSTANCE, g.from->path.id[1], inner.data, inner.len);
    }
    return e;
}

int lwm2m_tlv_encode(const struct lwm2m_path *base, const struct lwm2m_records *list, struct buf *out,
                     struct mef_error *reterr)
{
    struct range all = {list->item, list->item + list->n};

    switch (base->n) {
    case 0:
        return lwm2m_refuse(reterr, LWM2M_NOT_ACCEPTABLE, "TLV cannot tell of more than one object");
    case 1:
        return put_object(out, all);
    case 4:
        return list->n == 1 ? put_value(out, TLV_RESOURCE_INSTANCE, base->id[3], &list->item[0].value)
                            : -EINVAL;
    default: /* an instance, or one resource of it */
        return put_instance(out, all);
    }
}
