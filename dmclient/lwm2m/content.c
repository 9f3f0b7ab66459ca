/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmclient/lwm2m/content.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "dmclient/lwm2m/formats.h"
#include "plugin/base/limits.h"

static const struct lwm2m_content contents[] = {
    {LWM2M_FORMAT_TEXT, "text/plain", 10, true, false, lwm2m_text_decode, lwm2m_text_encode},
    {LWM2M_FORMAT_OPAQUE, "application/octet-stream", 10, true, false, lwm2m_opaque_decode,
     lwm2m_opaque_encode},
    {LWM2M_FORMAT_CBOR, "application/cbor", 11, true, false, lwm2m_cbor_decode, lwm2m_cbor_encode},
    {LWM2M_FORMAT_SENML_JSON, "application/senml+json", 11, false, true, lwm2m_senml_json_decode,
     lwm2m_senml_json_encode},
    {LWM2M_FORMAT_SENML_CBOR, "application/senml+cbor", 11, false, true, lwm2m_senml_cbor_decode,
     lwm2m_senml_cbor_encode},
    {LWM2M_FORMAT_OLD_TLV, "application/vnd.oma.lwm2m+tlv", 10, false, false, lwm2m_tlv_decode,
     lwm2m_tlv_encode},
    {LWM2M_FORMAT_OLD_JSON, "application/vnd.oma.lwm2m+json", 10, false, false, lwm2m_json_decode,
     lwm2m_json_encode},
    {LWM2M_FORMAT_TLV, "application/vnd.oma.lwm2m+tlv", 10, false, false, lwm2m_tlv_decode, lwm2m_tlv_encode},
    {LWM2M_FORMAT_JSON, "application/vnd.oma.lwm2m+json", 10, false, false, lwm2m_json_decode,
     lwm2m_json_encode},
};

int lwm2m_refuse(struct mef_error *reterr, enum lwm2m_code code, const char *format, ...)
{
    char text[MEF_ERROR_TEXT_MAX];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    (void)mef_fail(reterr, code == LWM2M_TOO_LARGE ? MEF_ERROR_LIMIT_EXCEEDED : MEF_ERROR_INVALID_ARGUMENTS,
                   "%s", text);
    return (int)code;
}

const struct lwm2m_content *lwm2m_content(unsigned number)
{
    for (size_t i = 0; i < ELEMENTS(contents); i++)
        if (contents[i].number == number)
            return &contents[i];
    return NULL;
}

/* What holds for every list of values, whatever carried it. */
static int judge(struct lwm2m_records *list, struct mef_error *reterr)
{
    char path[LWM2M_PATH_TEXT];
    const struct lwm2m_record *clash;

    lwm2m_records_sort(list);
    clash = lwm2m_records_clash(list);
    if (!clash)
        return 0;
    return lwm2m_refuse(reterr, LWM2M_BAD_REQUEST,
                        "%s is there twice, or as a single and a multiple resource",
                        lwm2m_path_format(&clash->path, path));
}

int lwm2m_decode(unsigned number, const struct lwm2m_target *t, const void *data, size_t len,
                 struct lwm2m_records *ret, struct mef_error *reterr)
{
    const struct lwm2m_content *c = lwm2m_content(number);
    struct lwm2m_records list = {0};

    if (!c || (t->want == LWM2M_WANT_PATHS && !c->composites))
        return lwm2m_refuse(reterr, LWM2M_UNSUPPORTED_FORMAT,
                            "content format %u is not one that this operation takes", number);
    if (len > LIMIT_LWM2M_PAYLOAD)
        return lwm2m_refuse(reterr, LWM2M_TOO_LARGE, "a payload may have %u octets, this one has %zu",
                            LIMIT_LWM2M_PAYLOAD, len);
    if (c->single && t->base.n < 3)
        return lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "%s holds the value of one resource only",
                            c->media_type);
    int r = c->decode(t, data, len, &list, reterr);
    if (r == 0 && t->want == LWM2M_WANT_VALUES)
        r = judge(&list, reterr);
    if (r == -E2BIG)
        r = lwm2m_refuse(reterr, LWM2M_TOO_LARGE, "the payload holds more values, or a longer one, than %s",
                         "the limits allow");
    if (r == 0)
        *ret = list;
    else
        lwm2m_records_clear(&list);
    return r;
}

int lwm2m_encode(unsigned number, const struct lwm2m_path *base, const struct lwm2m_records *list,
                 struct buf *out, struct mef_error *reterr)
{
    const struct lwm2m_content *c = lwm2m_content(number);

    if (!c)
        return lwm2m_refuse(reterr, LWM2M_NOT_ACCEPTABLE, "content format %u carries no values", number);
    for (size_t i = 0; i < list->n; i++)
        if (!lwm2m_path_within(&list->item[i].path, base) ||
            (i > 0 && lwm2m_path_cmp(&list->item[i - 1].path, &list->item[i].path) > 0))
            return -EINVAL;
    if (c->single && (list->n != 1 || list->item[0].path.n < 3 || list->item[0].value.type == LWM2M_NONE))
        return lwm2m_refuse(reterr, LWM2M_NOT_ACCEPTABLE, "%s holds the value of one resource only",
                            c->media_type);
    return c->encode(base, list, out, reterr);
}
