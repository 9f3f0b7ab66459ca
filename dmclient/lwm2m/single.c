/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two formats that hold the value of one resource: text/plain and octets (C11 6.4). The third, a lone CBOR
 * item, is in senml-cbor.c. */
#include <errno.h>

#include "dmclient/lwm2m/formats.h"

/* The type of the resource that the path names. */
static enum lwm2m_type type_of(const struct lwm2m_target *t)
{
    struct lwm2m_path resource = lwm2m_path_top(&t->base, 3);
    return t->type(t->ctx, &resource);
}

static int is_no(const struct lwm2m_target *t, enum lwm2m_type type, struct mef_error *reterr)
{
    char path[LWM2M_PATH_TEXT];

    return lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "%s: this payload is no %s",
                        lwm2m_path_format(&t->base, path), lwm2m_type_name(type));
}

int lwm2m_text_decode(const struct lwm2m_target *t, const uint8_t *data, size_t len,
                      struct lwm2m_records *ret, struct mef_error *reterr)
{
    enum lwm2m_type type = type_of(t);
    struct lwm2m_value v = {0};
    int r = type == LWM2M_NONE ? 0 : lwm2m_value_parse(type, (const char *)data, len, &v);

    if (r == -EINVAL || r == -ERANGE)
        return is_no(t, type, reterr);
    return r < 0 ? r : lwm2m_records_add(ret, &t->base, &v);
}

int lwm2m_text_encode(const struct lwm2m_path *base, const struct lwm2m_records *list, struct buf *out,
                      struct mef_error *reterr)
{
    return lwm2m_value_format(&list->item[0].value, out);
}

int lwm2m_opaque_decode(const struct lwm2m_target *t, const uint8_t *data, size_t len,
                        struct lwm2m_records *ret, struct mef_error *reterr)
{
    enum lwm2m_type type = type_of(t);
    struct lwm2m_value v = {0};
    int r = type == LWM2M_NONE ? 0 : type == LWM2M_OPAQUE ? lwm2m_value_octets(type, data, len, &v) : -EINVAL;

    if (r == -EINVAL)
        return is_no(t, type, reterr);
    return r < 0 ? r : lwm2m_records_add(ret, &t->base, &v);
}

int lwm2m_opaque_encode(const struct lwm2m_path *base, const struct lwm2m_records *list, struct buf *out,
                        struct mef_error *reterr)
{
    const struct lwm2m_value *v = &list->item[0].value;

    if (v->type != LWM2M_OPAQUE)
        return lwm2m_refuse(reterr, LWM2M_NOT_ACCEPTABLE, "only opaque resources are read as octets");
    return buf_add(out, v->octets.data, v->octets.len);
}
