/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmclient/lwm2m/records.h"

#include <errno.h>

#include "plugin/base/limits.h"

int lwm2m_records_add_at(struct lwm2m_records *list, const struct lwm2m_path *path, struct lwm2m_value *value,
                         double time)
{
    int r = list->n >= LIMIT_LWM2M_RECORDS ? -E2BIG : 0;

    if (r == 0 && list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        struct lwm2m_record *item = reallocarray(list->item, room, sizeof *item);
        if (item) {
            list->item = item;
            list->room = room;
        } else {
            r = -ENOMEM;
        }
    }
    if (r < 0) {
        lwm2m_value_clear(value);
        return r;
    }
    list->item[list->n++] = (struct lwm2m_record){.path = *path, .value = *value, .time = time};
    *value = (struct lwm2m_value){0};
    return 0;
}

int lwm2m_records_add(struct lwm2m_records *list, const struct lwm2m_path *path, struct lwm2m_value *value)
{
    return lwm2m_records_add_at(list, path, value, 0);
}

void lwm2m_records_clear(struct lwm2m_records *list)
{
    for (size_t i = 0; i < list->n; i++)
        lwm2m_value_clear(&list->item[i].value);
    free(list->item);
    *list = (struct lwm2m_records){0};
}

/* Is the list in order up to here? Most payloads are, and then nothing has to move. */
static bool sorted(const struct lwm2m_records *list)
{
    for (size_t i = 1; i < list->n; i++)
        if (lwm2m_path_cmp(&list->item[i - 1].path, &list->item[i].path) > 0)
            return false;
    return true;
}

static int by_path(const void *a, const void *b)
{
    const struct lwm2m_record *x = a, *y = b;
    return lwm2m_path_cmp(&x->path, &y->path);
}

void lwm2m_records_sort(struct lwm2m_records *list)
{
    if (!sorted(list))
        qsort(list->item, list->n, sizeof *list->item, by_path);
}

const struct lwm2m_record *lwm2m_records_clash(const struct lwm2m_records *list)
{
    for (size_t i = 1; i < list->n; i++)
        if (lwm2m_path_within(&list->item[i].path, &list->item[i - 1].path))
            return &list->item[i];
    return NULL;
}
