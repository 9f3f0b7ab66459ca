/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Content formats (lwm2m.md 4): one table from the number to a decoder and an encoder of records.
 *
 * All decoders and encoders return 0, a code of code.h for what the peer must be told, with a sentence in
 * *reterr that quotes no value, or a negative errno. Pure; thread: any. */
#pragma once

#include "dmclient/lwm2m/code.h"
#include "dmclient/lwm2m/records.h"
#include "plugin/base/buf.h"
#include "plugin/base/err.h"

enum lwm2m_format {
    LWM2M_FORMAT_TEXT = 0,
    LWM2M_FORMAT_LINK = 40, /* lists of links are no records: link.h */
    LWM2M_FORMAT_OPAQUE = 42,
    LWM2M_FORMAT_CBOR = 60,
    LWM2M_FORMAT_SENML_JSON = 110,
    LWM2M_FORMAT_SENML_CBOR = 112,
    LWM2M_FORMAT_OLD_TLV = 1542, /* from before 1.0: on input, and as answer to an Accept that names them */
    LWM2M_FORMAT_OLD_JSON = 1543,
    LWM2M_FORMAT_TLV = 11542,
    LWM2M_FORMAT_JSON = 11543,
};

enum lwm2m_want {
    LWM2M_WANT_VALUES, /* Write, Create: each record has a value; sorted, no path twice or inside another */
    LWM2M_WANT_PATHS,  /* Read-Composite, Observe-Composite: records are paths, as the peer ordered them */
};

/* What the reader of a payload has to know. */
struct lwm2m_target {
    struct lwm2m_path base; /* the path of the request; the root for a composite one */
    enum lwm2m_want want;
    /* The type of the resource at `path` (three numbers; the instance is LWM2M_ID_NONE where a Create leaves
     * it open); LWM2M_NONE: not known, or it has no value: its value is passed over. */
    enum lwm2m_type (*type)(void *ctx, const struct lwm2m_path *path);
    void *ctx;
};

struct lwm2m_content {
    uint16_t number;
    const char *media_type;
    unsigned since;  /* 10 or 11: the enabler version that brought it */
    bool single;     /* holds the value of one resource only */
    bool composites; /* can name the paths of a composite operation */
    int (*decode)(const struct lwm2m_target *t, const uint8_t *data, size_t len, struct lwm2m_records *ret,
                  struct mef_error *reterr);
    /* `list` is sorted and within `base`. Appends to `out`. */
    int (*encode)(const struct lwm2m_path *base, const struct lwm2m_records *list, struct buf *out,
                  struct mef_error *reterr);
};

/* NULL: this format carries no records. */
const struct lwm2m_content *lwm2m_content(unsigned number);

/* LWM2M_UNSUPPORTED_FORMAT, LWM2M_TOO_LARGE, LWM2M_BAD_REQUEST; -ENOMEM. *ret is the caller's to clear.
 * Records that a Create leaves without an instance have LWM2M_ID_NONE for it (TLV only). */
int lwm2m_decode(unsigned number, const struct lwm2m_target *t, const void *data, size_t len,
                 struct lwm2m_records *ret, struct mef_error *reterr);

/* LWM2M_NOT_ACCEPTABLE: no such format, or it has no form for this. -E2BIG over the limit of `out`; -EINVAL:
 * the list is not sorted or not within base, or holds a number that is not finite; -ENOMEM. */
int lwm2m_encode(unsigned number, const struct lwm2m_path *base, const struct lwm2m_records *list,
                 struct buf *out, struct mef_error *reterr);

/* Fills the error and returns the code. For decoders. */
int lwm2m_refuse(struct mef_error *reterr, enum lwm2m_code code, const char *format, ...) mef_printf(3, 4);
