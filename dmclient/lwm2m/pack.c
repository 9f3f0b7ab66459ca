/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmclient/lwm2m/pack.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define EXACT (1LL << 53) /* integers up to here are all doubles */

/* ---- fields ------------------------------------------------------------------------------------------ */

/* A number with a fraction is no integer; "1.0" and 1e3 are. */
static int integer_of(const struct lwm2m_field *f, struct lwm2m_value *v)
{
    double whole;

    switch (f->kind) {
    case FIELD_INTEGER:
        v->integer = f->integer;
        return 0;
    case FIELD_UNSIGNED:
        return -ERANGE;
    case FIELD_REAL:
        if (!isfinite(f->real) || modf(f->real, &whole) < 0 || modf(f->real, &whole) > 0)
            return -EINVAL;
        if (whole > (double)EXACT || whole < (double)-EXACT)
            return -ERANGE;
        v->integer = (int64_t)whole;
        return 0;
    default:
        return -EINVAL;
    }
}

static int unsigned_of(const struct lwm2m_field *f, struct lwm2m_value *v)
{
    struct lwm2m_value n = {0};

    if (f->kind == FIELD_UNSIGNED) {
        v->uinteger = f->uinteger;
        return 0;
    }
    int r = integer_of(f, &n);
    if (r < 0)
        return r;
    if (n.integer < 0)
        return -ERANGE;
    v->uinteger = (uint64_t)n.integer;
    return 0;
}

static int float_of(const struct lwm2m_field *f, struct lwm2m_value *v)
{
    switch (f->kind) {
    case FIELD_INTEGER:
        v->number = (double)f->integer;
        return 0;
    case FIELD_UNSIGNED:
        v->number = (double)f->uinteger;
        return 0;
    case FIELD_REAL:
        v->number = f->real;
        return isfinite(f->real) ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

static int boolean_of(const struct lwm2m_field *f, struct lwm2m_value *v)
{
    if (f->kind != FIELD_BOOLEAN)
        return -EINVAL;
    v->boolean = f->boolean;
    return 0;
}

static int link_of(const struct lwm2m_field *f, struct lwm2m_value *v)
{
    return f->kind == FIELD_LINK ? lwm2m_objlnk_parse(f->data, f->len, &v->link) : -EINVAL;
}

static int text_of(const struct lwm2m_field *f, struct lwm2m_value *v)
{
    if (f->kind != FIELD_TEXT && f->kind != FIELD_MIXED)
        return -EINVAL;
    return lwm2m_value_octets(v->type, f->data, f->len, v);
}

static int opaque_of(const struct lwm2m_field *f, struct lwm2m_value *v)
{
    return f->kind == FIELD_OCTETS  ? lwm2m_value_octets(LWM2M_OPAQUE, f->data, f->len, v)
           : f->kind == FIELD_MIXED ? lwm2m_value_parse(LWM2M_OPAQUE, f->data, f->len, v)
                                    : -EINVAL;
}

int lwm2m_field_value(enum lwm2m_type type, const struct lwm2m_field *f, struct lwm2m_value *ret)
{
    static int (*const makers[LWM2M_TYPE_MAX_])(const struct lwm2m_field *, struct lwm2m_value *) = {
        [LWM2M_STRING] = text_of,   [LWM2M_CORELNK] = text_of, [LWM2M_INTEGER] = integer_of,
        [LWM2M_TIME] = integer_of,  [LWM2M_FLOAT] = float_of,  [LWM2M_UNSIGNED] = unsigned_of,
        [LWM2M_OPAQUE] = opaque_of, [LWM2M_OBJLNK] = link_of,  [LWM2M_BOOLEAN] = boolean_of};
    struct lwm2m_value v = {.type = type};

    if (type >= LWM2M_TYPE_MAX_ || !makers[type])
        return -EINVAL;
    int r = makers[type](f, &v);
    if (r == 0)
        *ret = v;
    return r;
}

/* ---- rows -------------------------------------------------------------------------------------------- */

bool lwm2m_row_value(struct lwm2m_row *row, struct lwm2m_field field)
{
    row->field = field;
    return ++row->fields == 1;
}

static int bad(struct lwm2m_pack *p, const char *what)
{
    return lwm2m_refuse(p->reterr, LWM2M_BAD_REQUEST, "an entry %s", what);
}

/* Base name and name, put together, are the path. */
static int path_of(const struct lwm2m_pack *p, const struct lwm2m_row *row, struct lwm2m_path *ret)
{
    char name[2 * LWM2M_PACK_NAME + 2];
    size_t n = p->base_len;

    if (row->name_len > LWM2M_PACK_NAME)
        return -EINVAL;
    memcpy(name, p->base, n);
    if (p->relative && row->name_len > 0) {
        if (row->name[0] == '/')
            n = 0;
        else if (n > 1)
            name[n++] = '/';
    }
    if (row->name_len)
        memcpy(name + n, row->name, row->name_len);
    return lwm2m_path_parse(name, n + row->name_len, ret);
}

static int add_value(struct lwm2m_pack *p, const struct lwm2m_row *row, const struct lwm2m_path *path)
{
    struct lwm2m_path resource = lwm2m_path_top(path, 3);
    enum lwm2m_type type = p->t->type(p->t->ctx, &resource);
    struct lwm2m_value v = {0};
    char text[LWM2M_PATH_TEXT];
    int r = type == LWM2M_NONE ? 0 : lwm2m_field_value(type, &row->field, &v);

    if (r == -EINVAL || r == -ERANGE)
        return lwm2m_refuse(p->reterr, LWM2M_BAD_REQUEST, "%s: its value is no %s",
                            lwm2m_path_format(path, text), lwm2m_type_name(type));
    return r < 0 ? r : lwm2m_records_add_at(p->list, path, &v, p->base_time + row->time);
}

int lwm2m_pack_row(struct lwm2m_pack *p, const struct lwm2m_row *row)
{
    struct lwm2m_value none = {0};
    struct lwm2m_path path;

    if (row->base_name) {
        if (row->base_name_len > sizeof p->base)
            return bad(p, "has a base name that begins no path");
        memcpy(p->base, row->base_name, row->base_name_len);
        p->base_len = row->base_name_len;
        p->relative = false;
    }
    if (row->has_base_time)
        p->base_time = row->base_time;
    if (!isfinite(p->base_time + row->time))
        return bad(p, "has a time that is no number");
    if (path_of(p, row, &path) < 0)
        return bad(p, "has a name that, with its base name, is no path");
    if (!lwm2m_path_within(&path, &p->t->base))
        return bad(p, "lies outside of the path of the request");
    if (p->t->want == LWM2M_WANT_PATHS)
        return row->fields > 0 ? bad(p, "has a value where only paths belong")
                               : lwm2m_records_add(p->list, &path, &none);
    if (row->fields != 1)
        return bad(p, row->fields ? "has more than one value" : "has no value");
    if (path.n < 3)
        return bad(p, "has a value and names no resource");
    return add_value(p, row, &path);
}

/* ---- names out --------------------------------------------------------------------------------------- */

char *lwm2m_base_name(const struct lwm2m_path *path, char text[static LWM2M_PACK_NAME])
{
    (void)snprintf(text, LWM2M_PACK_NAME, "/%u/%u/", path->id[0], path->id[1]);
    return text;
}

char *lwm2m_short_name(const struct lwm2m_path *path, char text[static LWM2M_PACK_NAME])
{
    if (path->n > 3)
        (void)snprintf(text, LWM2M_PACK_NAME, "%u/%u", path->id[2], path->id[3]);
    else
        (void)snprintf(text, LWM2M_PACK_NAME, "%u", path->id[2]);
    return text;
}
