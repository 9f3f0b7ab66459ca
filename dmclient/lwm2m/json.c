/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON 11543 of enabler 1.0 (C10 6.4.4, lwm2m.md 4.2): {"bn":..,"bt":..,"e":[{"n":..,"t":..,value}]} with the
 * value in "v", "bv", "sv" or "ov". Without "bn" names are relative to the path of the request. */
#include <errno.h>
#include <string.h>

#include "dmclient/lwm2m/formats.h"
#include "dmclient/lwm2m/json-text.h"
#include "plugin/base/str.h"

/* ---- in ---------------------------------------------------------------------------------------------- */

static bool take_key(const char *key, const json_t *value, struct lwm2m_row *row)
{
    if (streq(key, "n"))
        return lwm2m_json_take_name(value, &row->name, &row->name_len);
    if (streq(key, "t"))
        return lwm2m_json_number(value, &row->time);
    if (streq(key, "v"))
        return lwm2m_json_take_number(value, row);
    if (streq(key, "bv"))
        return lwm2m_json_take_boolean(value, row);
    if (streq(key, "sv"))
        return lwm2m_json_take_text(value, FIELD_MIXED, row);
    if (streq(key, "ov"))
        return lwm2m_json_take_text(value, FIELD_LINK, row);
    return true; /* unknown keys are for later versions */
}

static int take_entry(struct lwm2m_pack *p, json_t *entry)
{
    struct lwm2m_row row = {0};
    const char *key;
    json_t *value;

    if (!json_is_object(entry))
        return lwm2m_refuse(p->reterr, LWM2M_BAD_REQUEST, "JSON: an entry is no object");
    json_object_foreach(entry, key, value) if (!take_key(key, value, &row)) return lwm2m_refuse(
        p->reterr, LWM2M_BAD_REQUEST, "JSON: \"%.8s\" of an entry is of the wrong type%s", key,
        ", or the second value in it");
    return lwm2m_pack_row(p, &row);
}

/* What holds for all entries. */
static int take_base(struct lwm2m_pack *p, const json_t *root)
{
    const json_t *bn = json_object_get(root, "bn"), *bt = json_object_get(root, "bt");
    char text[LWM2M_PATH_TEXT];
    const char *name = lwm2m_path_format(&p->t->base, text);
    size_t len = strlen(name);

    p->relative = !bn;
    if ((bn && !lwm2m_json_take_name(bn, &name, &len)) || (bt && !lwm2m_json_number(bt, &p->base_time)))
        return lwm2m_refuse(p->reterr, LWM2M_BAD_REQUEST, "JSON: \"bn\" is no string or \"bt\" no number");
    if (len > sizeof p->base)
        return lwm2m_refuse(p->reterr, LWM2M_BAD_REQUEST, "JSON: the base name begins no path");
    memcpy(p->base, name, len);
    p->base_len = len;
    return 0;
}

int lwm2m_json_decode(const struct lwm2m_target *t, const uint8_t *data, size_t len,
                      struct lwm2m_records *ret, struct mef_error *reterr)
{
    struct lwm2m_pack p = {.t = t, .list = ret, .reterr = reterr};
    json_t *root = NULL;
    int r = lwm2m_json_load(data, len, &root, reterr);

    if (r != 0)
        return r;
    const json_t *entries = json_object_get(root, "e"); /* NULL also if the root is no object */
    if (!json_is_array(entries))
        r = lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "JSON: there is no array \"e\"");
    if (r == 0)
        r = take_base(&p, root);
    for (size_t i = 0; r == 0 && i < json_array_size(entries); i++)
        r = take_entry(&p, json_array_get(entries, i));
    json_decref(root);
    return r;
}

/* ---- out --------------------------------------------------------------------------------------------- */

static int put_value(struct buf *out, const struct lwm2m_value *v)
{
    bool text = lwm2m_type_has_octets(v->type), plain = v->type == LWM2M_STRING || v->type == LWM2M_CORELNK;
    int r;

    if (v->type == LWM2M_BOOLEAN)
        return buf_adds(out, v->boolean ? "\"bv\":true" : "\"bv\":false");
    text |= v->type == LWM2M_OBJLNK;
    r = buf_adds(out, v->type == LWM2M_OBJLNK ? "\"ov\":\"" : text ? "\"sv\":" : "\"v\":");
    if (r == 0 && plain)
        return lwm2m_json_put_text(out, (const char *)v->octets.data, v->octets.len);
    if (r == 0 && v->type == LWM2M_OPAQUE)
        r = buf_adds(out, "\"");
    if (r == 0)
        r = lwm2m_value_format(v, out);
    return r == 0 && text ? buf_adds(out, "\"") : r;
}

/* The name of a record below the base name: what follows the request's path, at most the instance. */
static int put_name(struct buf *out, const struct lwm2m_path *path, uint8_t base)
{
    int r = buf_adds(out, "{\"n\":\"");

    for (unsigned i = base; r == 0 && i < path->n; i++)
        r = buf_addf(out, i > base ? "/%u" : "%u", path->id[i]);
    return r < 0 ? r : buf_adds(out, "\",");
}

int lwm2m_json_encode(const struct lwm2m_path *base, const struct lwm2m_records *list, struct buf *out,
                      struct mef_error *reterr)
{
    struct lwm2m_path above = lwm2m_path_top(base, 2);
    char text[LWM2M_PATH_TEXT];
    bool first = true;
    int r = buf_addf(out, "{\"bn\":\"%s%s\",\"e\":[", lwm2m_path_format(&above, text), above.n ? "/" : "");

    for (size_t i = 0; r == 0 && i < list->n; i++) {
        const struct lwm2m_record *rec = &list->item[i];
        if (rec->value.type == LWM2M_NONE)
            continue; /* what is empty has no form here */
        r = first ? 0 : buf_adds(out, ",");
        if (r == 0)
            r = put_name(out, &rec->path, above.n);
        if (r == 0)
            r = put_value(out, &rec->value);
        if (r == 0)
            r = lwm2m_json_put_time(out, rec->time);
        if (r == 0)
            r = buf_adds(out, "}");
        first = false;
    }
    return r < 0 ? r : buf_adds(out, "]}");
}
