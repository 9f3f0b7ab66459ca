/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SenML JSON 110 (RFC 8428, lwm2m.md 4.3): an array of records, in which base fields hold on. */
#include <errno.h>
#include <string.h>

#include "dmclient/lwm2m/formats.h"
#include "dmclient/lwm2m/json-text.h"
#include "plugin/base/str.h"

/* ---- in ---------------------------------------------------------------------------------------------- */

static bool take_bn(const json_t *value, struct lwm2m_row *row)
{
    return lwm2m_json_take_name(value, &row->base_name, &row->base_name_len);
}

static bool take_n(const json_t *value, struct lwm2m_row *row)
{
    return lwm2m_json_take_name(value, &row->name, &row->name_len);
}

static bool take_bt(const json_t *value, struct lwm2m_row *row)
{
    row->has_base_time = true;
    return lwm2m_json_number(value, &row->base_time);
}

static bool take_t(const json_t *value, struct lwm2m_row *row)
{
    return lwm2m_json_number(value, &row->time);
}

static bool take_vs(const json_t *value, struct lwm2m_row *row)
{
    return lwm2m_json_take_text(value, FIELD_TEXT, row);
}

static bool take_vd(const json_t *value, struct lwm2m_row *row)
{
    return lwm2m_json_take_text(value, FIELD_OCTETS, row); /* still in base64url */
}

static bool take_vlo(const json_t *value, struct lwm2m_row *row)
{
    return lwm2m_json_take_text(value, FIELD_LINK, row);
}

/* A version that is not ours changes the meaning of what is known (RFC 8428 4.4). */
static bool take_bver(const json_t *value, struct lwm2m_row *row)
{
    return json_is_integer(value) && json_integer_value(value) <= 10;
}

/* Base value and sum would change a number without being a value of the record: nobody sends them here, and
 * to overlook them would store a wrong number. */
static bool refuse(const json_t *value, struct lwm2m_row *row)
{
    return false;
}

static const struct {
    const char *name;
    bool (*take)(const json_t *value, struct lwm2m_row *row);
} keys[] = {
    {"bn", take_bn},
    {"n", take_n},
    {"bt", take_bt},
    {"t", take_t},
    {"v", lwm2m_json_take_number},
    {"vb", lwm2m_json_take_boolean},
    {"vs", take_vs},
    {"vd", take_vd},
    {"vlo", take_vlo},
    {"bver", take_bver},
    {"bv", refuse},
    {"bs", refuse},
    {"s", refuse},
};

/* Keys that end in '_' must be understood (RFC 8428 4.4); other unknown ones are passed over. */
static bool take_key(const char *key, const json_t *value, struct lwm2m_row *row)
{
    size_t n = strlen(key);

    for (size_t i = 0; i < ELEMENTS(keys); i++)
        if (streq(key, keys[i].name))
            return keys[i].take(value, row);
    return n == 0 || key[n - 1] != '_';
}

static int take_record(struct lwm2m_pack *p, json_t *record)
{
    _cleanup_(freep) uint8_t *octets = NULL;
    struct lwm2m_row row = {0};
    const char *key;
    json_t *value;

    if (!json_is_object(record))
        return lwm2m_refuse(p->reterr, LWM2M_BAD_REQUEST, "SenML: a record is no object");
    json_object_foreach(record, key, value) if (!take_key(key, value, &row)) return lwm2m_refuse(
        p->reterr, LWM2M_BAD_REQUEST,
        "SenML: \"%.8s\" is not supported, of the wrong type, or a second value", key);
    if (row.field.kind == FIELD_OCTETS) {
        size_t len = 0;
        int r = base64url_decode(row.field.data, row.field.len, &octets, &len);
        if (r == -EINVAL)
            return lwm2m_refuse(p->reterr, LWM2M_BAD_REQUEST, "SenML: \"vd\" is no base64url");
        if (r < 0)
            return r;
        row.field.data = octets;
        row.field.len = len;
    }
    int r = lwm2m_pack_row(p, &row);
    if (octets)
        explicit_bzero(octets, row.field.len);
    return r;
}

int lwm2m_senml_json_decode(const struct lwm2m_target *t, const uint8_t *data, size_t len,
                            struct lwm2m_records *ret, struct mef_error *reterr)
{
    struct lwm2m_pack p = {.t = t, .list = ret, .reterr = reterr};
    json_t *root = NULL;
    int r = lwm2m_json_load(data, len, &root, reterr);

    if (r != 0)
        return r;
    if (!json_is_array(root))
        r = lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "SenML: the payload is no array");
    for (size_t i = 0; r == 0 && i < json_array_size(root); i++)
        r = take_record(&p, json_array_get(root, i));
    json_decref(root);
    return r;
}

/* ---- out --------------------------------------------------------------------------------------------- */

static int put_opaque(struct buf *out, const struct lwm2m_value *v)
{
    char *text = base64url_encode(v->octets.data, v->octets.len);

    if (!text)
        return -ENOMEM;
    int r = buf_addf(out, "\"vd\":\"%s\"", text);
    explicit_bzero(text, strlen(text));
    free(text);
    return r;
}

static int put_value(struct buf *out, const struct lwm2m_value *v)
{
    int r;

    switch (v->type) {
    case LWM2M_OPAQUE:
        return put_opaque(out, v);
    case LWM2M_BOOLEAN:
        return buf_adds(out, v->boolean ? "\"vb\":true" : "\"vb\":false");
    case LWM2M_STRING:
    case LWM2M_CORELNK:
        r = buf_adds(out, "\"vs\":");
        return r < 0 ? r : lwm2m_json_put_text(out, (const char *)v->octets.data, v->octets.len);
    case LWM2M_OBJLNK:
        return buf_addf(out, "\"vlo\":\"%u:%u\"", v->link.object, v->link.instance);
    default:
        r = buf_adds(out, "\"v\":");
        return r < 0 ? r : lwm2m_value_format(v, out);
    }
}

int lwm2m_senml_json_encode(const struct lwm2m_path *base, const struct lwm2m_records *list, struct buf *out,
                            struct mef_error *reterr)
{
    char text[LWM2M_PACK_NAME];
    const struct lwm2m_path *last = NULL; /* whose base name holds */
    int r = buf_adds(out, "[");

    for (size_t i = 0; r == 0 && i < list->n; i++) {
        const struct lwm2m_record *rec = &list->item[i];
        if (rec->value.type == LWM2M_NONE)
            continue; /* what is empty has no form here */
        r = buf_adds(out, last ? ",{" : "{");
        if (r == 0 && (!last || last->id[0] != rec->path.id[0] || last->id[1] != rec->path.id[1]))
            r = buf_addf(out, "\"bn\":\"%s\",", lwm2m_base_name(&rec->path, text));
        if (r == 0)
            r = buf_addf(out, "\"n\":\"%s\",", lwm2m_short_name(&rec->path, text));
        if (r == 0)
            r = put_value(out, &rec->value);
        if (r == 0)
            r = lwm2m_json_put_time(out, rec->time);
        if (r == 0)
            r = buf_adds(out, "}");
        last = &rec->path;
    }
    return r < 0 ? r : buf_adds(out, "]");
}
