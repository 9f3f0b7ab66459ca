/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The decoders and encoders behind the table of content.c; contract: struct lwm2m_content. */
#pragma once

#include "dmclient/lwm2m/content.h"

#define LWM2M_FORMAT_PAIR(name)                                                                              \
    int name##_decode(const struct lwm2m_target *t, const uint8_t *data, size_t len,                         \
                      struct lwm2m_records *ret, struct mef_error *reterr);                                  \
    int name##_encode(const struct lwm2m_path *base, const struct lwm2m_records *list, struct buf *out,      \
                      struct mef_error *reterr)

LWM2M_FORMAT_PAIR(lwm2m_text);
LWM2M_FORMAT_PAIR(lwm2m_opaque);
LWM2M_FORMAT_PAIR(lwm2m_cbor);
LWM2M_FORMAT_PAIR(lwm2m_tlv);
LWM2M_FORMAT_PAIR(lwm2m_json);
LWM2M_FORMAT_PAIR(lwm2m_senml_json);
LWM2M_FORMAT_PAIR(lwm2m_senml_cbor);
