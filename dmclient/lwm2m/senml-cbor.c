/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SenML CBOR 112 (RFC 8428 6, lwm2m.md 4.3). Keys are the labels of the RFC's table, "vlo" is a text. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "dmclient/lwm2m/cbor-item.h"
#include "dmclient/lwm2m/formats.h"
#include "dmclient/lwm2m/pack.h"
#include "plugin/base/str.h"

enum label {
    LABEL_BVER = -1,
    LABEL_BN = -2,
    LABEL_BT = -3,
    LABEL_BU = -4,
    LABEL_BV = -5,
    LABEL_BS = -6,
    LABEL_N = 0,
    LABEL_U = 1,
    LABEL_V = 2,
    LABEL_VS = 3,
    LABEL_VB = 4,
    LABEL_S = 5,
    LABEL_T = 6,
    LABEL_UT = 7,
    LABEL_VD = 8,
    LABEL_VLO = 9, /* ours: "vlo" has no number */
    LABEL_OTHER,   /* not known, may be passed over */
};

/* ---- in ---------------------------------------------------------------------------------------------- */

static bool take_number(const struct item *i, struct lwm2m_field *ret)
{
    struct lwm2m_field f = {0};

    if (i->kind == ITEM_REAL) {
        f.kind = FIELD_REAL;
        f.real = i->real;
    } else if (i->kind == ITEM_UNSIGNED && i->number > INT64_MAX) {
        f.kind = FIELD_UNSIGNED;
        f.uinteger = i->number;
    } else if (i->kind == ITEM_UNSIGNED) {
        f.kind = FIELD_INTEGER;
        f.integer = (int64_t)i->number;
    } else if (i->kind == ITEM_NEGATIVE && i->number <= INT64_MAX) {
        f.kind = FIELD_INTEGER;
        f.integer = -1 - (int64_t)i->number;
    } else {
        return false;
    }
    *ret = f;
    return true;
}

static bool take_time(const struct item *i, double *ret)
{
    struct lwm2m_field f;
    struct lwm2m_value v = {0};

    if (!take_number(i, &f) || lwm2m_field_value(LWM2M_FLOAT, &f, &v) < 0)
        return false;
    *ret = v.number;
    return true;
}

static bool take_name(const struct item *i, const char **ret, size_t *ret_len)
{
    if (i->kind != ITEM_TEXT)
        return false;
    *ret = (const char *)i->data;
    *ret_len = i->len;
    return true;
}

static bool take_octets(const struct item *i, enum item_kind wanted, enum lwm2m_field_kind kind,
                        struct lwm2m_row *row)
{
    return i->kind == wanted &&
           lwm2m_row_value(row, (struct lwm2m_field){.kind = kind, .data = i->data, .len = i->len});
}

/* The value of one known label; false: refused. */
static bool take(enum label label, const struct item *i, struct lwm2m_row *row)
{
    struct lwm2m_field f;

    switch (label) {
    case LABEL_BVER:
        return i->kind == ITEM_UNSIGNED && i->number <= 10;
    case LABEL_BN:
        return take_name(i, &row->base_name, &row->base_name_len);
    case LABEL_N:
        return take_name(i, &row->name, &row->name_len);
    case LABEL_BT:
        row->has_base_time = true;
        return take_time(i, &row->base_time);
    case LABEL_T:
        return take_time(i, &row->time);
    case LABEL_V:
        return take_number(i, &f) && lwm2m_row_value(row, f);
    case LABEL_VS:
        return take_octets(i, ITEM_TEXT, FIELD_TEXT, row);
    case LABEL_VB:
        return i->kind == ITEM_BOOLEAN &&
               lwm2m_row_value(row, (struct lwm2m_field){.kind = FIELD_BOOLEAN, .boolean = i->boolean});
    case LABEL_VD:
        return take_octets(i, ITEM_OCTETS, FIELD_OCTETS, row);
    case LABEL_VLO:
        return take_octets(i, ITEM_TEXT, FIELD_LINK, row);
    default: /* base value and sum: see senml-json.c */
        return false;
    }
}

/* -EINVAL: a key that must be understood, or is none. */
static int label_of(const struct item *i, enum label *ret)
{
    if (i->kind == ITEM_UNSIGNED) {
        *ret = i->number == LABEL_U || i->number == LABEL_UT || i->number > LABEL_VD ? LABEL_OTHER
                                                                                     : (enum label)i->number;
    } else if (i->kind == ITEM_NEGATIVE) {
        *ret = i->number >= 6 || i->number == 3 ? LABEL_OTHER : (enum label)(-1 - (int)i->number);
    } else if (i->kind == ITEM_TEXT && str_utf8_valid((const char *)i->data, i->len)) {
        if (i->len && i->data[i->len - 1] == '_')
            return -EINVAL;
        *ret = i->len == 3 && memcmp(i->data, "vlo", 3) == 0 ? LABEL_VLO : LABEL_OTHER;
    } else {
        return -EINVAL;
    }
    return 0;
}

static int bad(struct lwm2m_pack *p, const char *what)
{
    return lwm2m_refuse(p->reterr, LWM2M_BAD_REQUEST, "SenML: %s", what);
}

/* One pair of a record; `seen` has a bit for each label that was there. */
static int take_pair(struct lwm2m_pack *p, struct item_reader *rd, const struct item *key, unsigned *seen,
                     struct lwm2m_row *row)
{
    enum label label;
    struct item value;

    if (label_of(key, &label) < 0)
        return bad(p, "a key that must be understood and is not");
    if (item_next(rd, &value) < 0)
        return bad(p, "the CBOR is cut off or none");
    if (label == LABEL_OTHER)
        return item_skip(rd, &value) < 0 ? bad(p, "the value of an unknown key is no CBOR, or too deep") : 0;
    if (*seen & 1u << (label - LABEL_BS))
        return bad(p, "a key is there twice");
    *seen |= 1u << (label - LABEL_BS);
    return take(label, &value, row) ? 0
                                    : bad(p, "a key is not supported, of the wrong type, or a second value");
}

static int take_record(struct lwm2m_pack *p, struct item_reader *rd, const struct item *map)
{
    struct lwm2m_row row = {0};
    unsigned seen = 0;

    if (map->kind != ITEM_MAP)
        return bad(p, "a record is no map");
    for (uint64_t k = 0; map->open || k < map->number; k++) {
        struct item key;
        if (item_next(rd, &key) < 0)
            return bad(p, "the CBOR is cut off or none");
        if (map->open && key.kind == ITEM_BREAK)
            break;
        int r = take_pair(p, rd, &key, &seen, &row);
        if (r != 0)
            return r;
    }
    return lwm2m_pack_row(p, &row);
}

int lwm2m_senml_cbor_decode(const struct lwm2m_target *t, const uint8_t *data, size_t len,
                            struct lwm2m_records *ret, struct mef_error *reterr)
{
    struct lwm2m_pack p = {.t = t, .list = ret, .reterr = reterr};
    struct item_reader rd = {data, len};
    struct item array, map;

    if (item_next(&rd, &array) < 0 || array.kind != ITEM_ARRAY)
        return bad(&p, "the payload is no array");
    for (uint64_t i = 0; array.open || i < array.number; i++) {
        if (item_next(&rd, &map) < 0)
            return bad(&p, "the CBOR is cut off or none");
        if (array.open && map.kind == ITEM_BREAK)
            break;
        int r = take_record(&p, &rd, &map);
        if (r != 0)
            return r;
    }
    return rd.left ? bad(&p, "there is more behind the array") : 0;
}

/* ---- out: keys in the order of their encodings (RFC 8949 4.2.1) --------------------------------------- */

/* The item alone. */
static int put_item(struct buf *out, const struct lwm2m_value *v)
{
    _cleanup_(buf_clear) struct buf text = {0};
    int r;

    switch (v->type) {
    case LWM2M_STRING:
    case LWM2M_CORELNK:
        return item_put_text(out, (const char *)v->octets.data, v->octets.len);
    case LWM2M_OPAQUE:
        return item_put_octets(out, v->octets.data, v->octets.len);
    case LWM2M_BOOLEAN:
        return item_put_boolean(out, v->boolean);
    case LWM2M_FLOAT:
        return item_put_real(out, v->number);
    case LWM2M_UNSIGNED:
        return item_put_unsigned(out, v->uinteger);
    case LWM2M_INTEGER:
    case LWM2M_TIME:
        return item_put_integer(out, v->integer);
    case LWM2M_OBJLNK:
        r = lwm2m_value_format(v, &text);
        return r < 0 ? r : item_put_text(out, buf_str(&text), text.len);
    case LWM2M_NONE:
    case LWM2M_TYPE_MAX_:
        break;
    }
    return -EINVAL;
}

static enum label value_label(enum lwm2m_type type)
{
    return type == LWM2M_OPAQUE                            ? LABEL_VD
           : type == LWM2M_OBJLNK                          ? LABEL_VLO
           : type == LWM2M_BOOLEAN                         ? LABEL_VB
           : type == LWM2M_STRING || type == LWM2M_CORELNK ? LABEL_VS
                                                           : LABEL_V;
}

static int put_label(struct buf *out, enum label label)
{
    return label == LABEL_VLO ? item_put_text(out, "vlo", 3) : item_put_integer(out, label);
}

static bool has_time(const struct lwm2m_record *rec)
{
    return rec->time < 0 || rec->time > 0;
}

static int put_pair(struct buf *out, enum label label, const struct lwm2m_value *v)
{
    int r = put_label(out, label);
    return r < 0 ? r : put_item(out, v);
}

static int put_name(struct buf *out, enum label label, const char *text)
{
    int r = put_label(out, label);
    return r < 0 ? r : item_put_text(out, text, strlen(text));
}

/* Whole seconds as an integer. */
static struct lwm2m_value time_value(double time)
{
    struct lwm2m_field f = {.kind = FIELD_REAL, .real = time};
    struct lwm2m_value v;

    if (lwm2m_field_value(LWM2M_INTEGER, &f, &v) < 0)
        v = (struct lwm2m_value){.type = LWM2M_FLOAT, .number = time};
    return v;
}

static int put_record(struct buf *out, const struct lwm2m_record *rec, bool based)
{
    struct lwm2m_value time = time_value(rec->time);
    enum label label = value_label(rec->value.type);
    char text[LWM2M_PACK_NAME];
    int r = item_put_map(out, 2u + based + has_time(rec));

    if (r == 0)
        r = put_name(out, LABEL_N, lwm2m_short_name(&rec->path, text));
    if (r == 0 && label < LABEL_T)
        r = put_pair(out, label, &rec->value);
    if (r == 0 && has_time(rec))
        r = put_pair(out, LABEL_T, &time);
    if (r == 0 && label == LABEL_VD)
        r = put_pair(out, label, &rec->value);
    if (r == 0 && based)
        r = put_name(out, LABEL_BN, lwm2m_base_name(&rec->path, text));
    if (r == 0 && label == LABEL_VLO)
        r = put_pair(out, label, &rec->value);
    return r;
}

int lwm2m_senml_cbor_encode(const struct lwm2m_path *base, const struct lwm2m_records *list, struct buf *out,
                            struct mef_error *reterr)
{
    const struct lwm2m_path *last = NULL; /* whose base name holds */
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        n += list->item[i].value.type != LWM2M_NONE; /* what is empty has no form here */
    int r = item_put_array(out, n);
    for (size_t i = 0; r == 0 && i < list->n; i++) {
        const struct lwm2m_record *rec = &list->item[i];
        if (rec->value.type == LWM2M_NONE)
            continue;
        r = put_record(out, rec, !last || last->id[0] != rec->path.id[0] || last->id[1] != rec->path.id[1]);
        last = &rec->path;
    }
    return r;
}

/* ---- CBOR 60: one item --------------------------------------------------------------------------------- */

/* The field that an item of this type may be; a link is text. */
static bool take_single(const struct item *i, enum lwm2m_type type, struct lwm2m_row *row)
{
    enum label label = type == LWM2M_OBJLNK      ? LABEL_VLO
                       : i->kind == ITEM_TEXT    ? LABEL_VS
                       : i->kind == ITEM_OCTETS  ? LABEL_VD
                       : i->kind == ITEM_BOOLEAN ? LABEL_VB
                                                 : LABEL_V;
    return take(label, i, row);
}

int lwm2m_cbor_decode(const struct lwm2m_target *t, const uint8_t *data, size_t len,
                      struct lwm2m_records *ret, struct mef_error *reterr)
{
    struct lwm2m_pack p = {.t = t, .list = ret, .reterr = reterr};
    struct lwm2m_path resource = lwm2m_path_top(&t->base, 3);
    enum lwm2m_type type = t->type(t->ctx, &resource);
    struct item_reader rd = {data, len};
    struct lwm2m_row row = {0};
    char text[LWM2M_PATH_TEXT];
    struct item i;

    if (item_next(&rd, &i) < 0)
        return lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "CBOR: cut off or none");
    if (i.kind == ITEM_TAG && i.number == 1 && type == LWM2M_TIME && item_next(&rd, &i) < 0)
        return lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "CBOR: a tag and nothing behind it");
    if (type == LWM2M_NONE) {
        struct lwm2m_value none = {0};
        if (item_skip(&rd, &i) < 0 || rd.left)
            return lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "CBOR: not one item, or too deep");
        return lwm2m_records_add(ret, &t->base, &none);
    }
    if (rd.left || !take_single(&i, type, &row))
        return lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "%s: this payload is no %s",
                            lwm2m_path_format(&t->base, text), lwm2m_type_name(type));
    row.name = lwm2m_path_format(&t->base, text);
    row.name_len = strlen(text);
    return lwm2m_pack_row(&p, &row);
}

int lwm2m_cbor_encode(const struct lwm2m_path *base, const struct lwm2m_records *list, struct buf *out,
                      struct mef_error *reterr)
{
    return put_item(out, &list->item[0].value);
}
