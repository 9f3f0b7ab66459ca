/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmclient/lwm2m/json-text.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "plugin/base/json-scan.h"
#include "plugin/base/limits.h"

/* Objects of the text, braces inside strings left out: jansson makes a hash table of each. */
static size_t count_objects(const char *text, size_t len)
{
    bool in_string = false;
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && text[i] == '{')
            n++;
    }
    return n;
}

int lwm2m_json_load(const uint8_t *data, size_t len, json_t **ret, struct mef_error *reterr)
{
    const char *text = (const char *)data;
    json_error_t e;

    if (json_scan(text, len, LIMIT_LWM2M_PAYLOAD, LIMIT_LWM2M_DEPTH) < 0)
        return lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "JSON: not UTF-8, or nested deeper than %u levels",
                            LIMIT_LWM2M_DEPTH);
    if (count_objects(text, len) > LIMIT_LWM2M_RECORDS + 1)
        return -E2BIG;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    if (!root && json_error_code(&e) == json_error_out_of_memory)
        return -ENOMEM;
    if (!root) /* jansson's own sentence may quote a value */
        return lwm2m_refuse(reterr, LWM2M_BAD_REQUEST, "JSON: wrong at octet %d", e.position);
    *ret = root;
    return 0;
}

bool lwm2m_json_number(const json_t *value, double *ret)
{
    if (!json_is_number(value))
        return false;
    *ret = json_number_value(value);
    return true;
}

bool lwm2m_json_take_number(const json_t *value, struct lwm2m_row *row)
{
    struct lwm2m_field f = {0};

    if (json_is_integer(value)) {
        f.kind = FIELD_INTEGER;
        f.integer = json_integer_value(value);
    } else if (json_is_real(value)) {
        f.kind = FIELD_REAL;
        f.real = json_real_value(value);
    } else {
        return false;
    }
    return lwm2m_row_value(row, f);
}

bool lwm2m_json_take_boolean(const json_t *value, struct lwm2m_row *row)
{
    if (!json_is_boolean(value))
        return false;
    return lwm2m_row_value(row, (struct lwm2m_field){.kind = FIELD_BOOLEAN, .boolean = json_is_true(value)});
}

bool lwm2m_json_take_text(const json_t *value, enum lwm2m_field_kind kind, struct lwm2m_row *row)
{
    if (!json_is_string(value))
        return false;
    return lwm2m_row_value(row, (struct lwm2m_field){.kind = kind,
                                                     .data = json_string_value(value),
                                                     .len = json_string_length(value)});
}

bool lwm2m_json_take_name(const json_t *value, const char **ret, size_t *ret_len)
{
    if (!json_is_string(value))
        return false;
    *ret = json_string_value(value);
    *ret_len = json_string_length(value);
    return true;
}

int lwm2m_json_put_text(struct buf *out, const char *text, size_t len)
{
    json_t *value = json_stringn(text, len);
    _cleanup_(freep) char *dump = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;

    json_decref(value);
    return dump ? buf_adds(out, dump) : -ENOMEM;
}

int lwm2m_json_put_time(struct buf *out, double time)
{
    char text[LWM2M_NUMBER_TEXT];

    if (!isfinite(time))
        return -EINVAL;
    if (!(time < 0) && !(time > 0))
        return 0;
    return buf_addf(out, ",\"t\":%s", lwm2m_number_format(time, text));
}
