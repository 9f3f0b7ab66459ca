/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tests and fuzz targets of the LwM2M formats share: a schema, and lists of records that are compared.
 */
#pragma once

#include <string.h>

#include "dmclient/lwm2m/content.h"

/* An invented object whose resource number tells the type: 1 string ... 9 corelnk, as in enum lwm2m_type; 10
 * to 19 the same again, and so on; 0, 10, 20 are not known. */
#define LISTS_OBJECT 33000

static inline enum lwm2m_type lists_type(void *ctx, const struct lwm2m_path *path)
{
    static const struct {
        uint16_t object, resource;
        enum lwm2m_type type;
    } known[] = {
        {1, 0, LWM2M_INTEGER},  {1, 1, LWM2M_INTEGER},  {1, 6, LWM2M_BOOLEAN}, {1, 7, LWM2M_STRING},
        {2, 0, LWM2M_INTEGER},  {2, 1, LWM2M_INTEGER},  {2, 2, LWM2M_INTEGER}, {2, 3, LWM2M_INTEGER},
        {3, 0, LWM2M_STRING},   {3, 1, LWM2M_STRING},   {3, 2, LWM2M_STRING},  {3, 3, LWM2M_STRING},
        {3, 6, LWM2M_INTEGER},  {3, 7, LWM2M_INTEGER},  {3, 8, LWM2M_INTEGER}, {3, 9, LWM2M_INTEGER},
        {3, 10, LWM2M_INTEGER}, {3, 11, LWM2M_INTEGER}, {3, 13, LWM2M_TIME},   {3, 14, LWM2M_STRING},
        {3, 16, LWM2M_STRING},  {0, 0, LWM2M_STRING},   {0, 1, LWM2M_BOOLEAN}, {0, 2, LWM2M_INTEGER},
    };

    if (path->id[0] == LISTS_OBJECT)
        return (enum lwm2m_type)(path->id[2] % 10);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].object == path->id[0] && known[i].resource == path->id[2])
            return known[i].type;
    return LWM2M_NONE;
}

/* Equal records in the same order; with `spoken`, records without value are passed over on both sides. */
static inline bool lists_equal(const struct lwm2m_records *a, const struct lwm2m_records *b, bool spoken)
{
    size_t i = 0, k = 0;

    for (;; i++, k++) {
        while (spoken && i < a->n && a->item[i].value.type == LWM2M_NONE)
            i++;
        while (spoken && k < b->n && b->item[k].value.type == LWM2M_NONE)
            k++;
        if (i == a->n || k == b->n)
            return i == a->n && k == b->n;
        if (lwm2m_path_cmp(&a->item[i].path, &b->item[k].path) != 0 ||
            !lwm2m_value_equal(&a->item[i].value, &b->item[k].value))
            return false;
    }
}
