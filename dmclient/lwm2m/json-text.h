/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON for the two formats that use it, over jansson: bounded and strict on input, without blanks on output.
 * Inside the formats only. Thread: any. */
#pragma once

#include <jansson.h>

#include "dmclient/lwm2m/pack.h"

/* A document whose nesting, size, number of objects and UTF-8 were judged before the parser saw it; duplicate
 * keys are refused. *ret is a new reference. */
int lwm2m_json_load(const uint8_t *data, size_t len, json_t **ret, struct mef_error *reterr);

/* False: `value` is no number. */
bool lwm2m_json_number(const json_t *value, double *ret);
/* Each of these counts the value of one key into the row; false: it has the wrong JSON type, or is the second
 * of its row. `kind` is what the text is. */
bool lwm2m_json_take_number(const json_t *value, struct lwm2m_row *row);
bool lwm2m_json_take_boolean(const json_t *value, struct lwm2m_row *row);
bool lwm2m_json_take_text(const json_t *value, enum lwm2m_field_kind kind, struct lwm2m_row *row);
/* False: no string. */
bool lwm2m_json_take_name(const json_t *value, const char **ret, size_t *ret_len);

/* With quotes and escapes. */
int lwm2m_json_put_text(struct buf *out, const char *text, size_t len);
/* ,"t":... where the record has a time. */
int lwm2m_json_put_time(struct buf *out, double time);
