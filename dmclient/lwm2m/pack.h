/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the formats with names share (JSON 11543, SenML in JSON and CBOR): base name and name make the path,
 * the schema's type says which kind of field must be there. Inside the formats only. Thread: any. */
#pragma once

#include "dmclient/lwm2m/content.h"

enum lwm2m_field_kind {
    FIELD_NONE,
    FIELD_INTEGER,
    FIELD_UNSIGNED, /* above INT64_MAX */
    FIELD_REAL,
    FIELD_BOOLEAN,
    FIELD_TEXT,
    FIELD_OCTETS,
    FIELD_MIXED, /* "sv" of JSON 11543: text, or opaque in base64 */
    FIELD_LINK,  /* "o:i" */
};

struct lwm2m_field {
    enum lwm2m_field_kind kind;
    union {
        int64_t integer;
        uint64_t uinteger;
        double real;
        bool boolean;
    };
    const void *data; /* TEXT, OCTETS, MIXED, LINK; borrowed */
    size_t len;
};

/* -EINVAL: a field of this kind holds no value of this type; -ERANGE, -E2BIG, -ENOMEM. */
int lwm2m_field_value(enum lwm2m_type type, const struct lwm2m_field *f, struct lwm2m_value *ret);

/* One entry as it stands in the payload; absent text is NULL. */
struct lwm2m_row {
    const char *base_name, *name;
    size_t base_name_len, name_len;
    double base_time, time;
    bool has_base_time;
    unsigned fields; /* values in this entry; only one may be */
    struct lwm2m_field field;
};

#define LWM2M_PACK_NAME 32 /* longer than any path */

struct lwm2m_pack {
    const struct lwm2m_target *t;
    struct lwm2m_records *list;
    struct mef_error *reterr;
    char base[LWM2M_PACK_NAME];
    size_t base_len;
    bool relative; /* the base is the path of the request, to which names without '/' are joined by one */
    double base_time;
};

/* Base fields hold for this row and those that follow. 0, LWM2M_BAD_REQUEST, -E2BIG, -ENOMEM. */
int lwm2m_pack_row(struct lwm2m_pack *p, const struct lwm2m_row *row);

/* Counts a value: true for the first of its row. */
bool lwm2m_row_value(struct lwm2m_row *row, struct lwm2m_field field);

/* For encoders: "/o/i/", the base name of all records of an instance, and "r" or "r/ri", the name below it.
 * Both fill and return `text`. */
char *lwm2m_base_name(const struct lwm2m_path *path, char text[static LWM2M_PACK_NAME]);
char *lwm2m_short_name(const struct lwm2m_path *path, char text[static LWM2M_PACK_NAME]);
