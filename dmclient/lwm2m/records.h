/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a payload says: a flat list of (path, value). Resources of one value stand under a path of three
 * numbers, those of a multiple resource under four each.
 *
 * A record without value (LWM2M_NONE) stands for a resource that the schema does not know or that has no
 * values (/o/i/r), for a multiple resource with no instance (/o/i/r), for an object instance with no resource
 * (/o/i), or, in a list of paths, for the path itself. The list owns its values. Thread: its owner's. */
#pragma once

#include "dmclient/lwm2m/path.h"
#include "dmclient/lwm2m/value.h"

struct lwm2m_record {
    struct lwm2m_path path;
    struct lwm2m_value value;
    double time; /* seconds since 1970 when it was measured; 0: now */
};

struct lwm2m_records {
    struct lwm2m_record *item;
    size_t n, room;
};

/* Takes the value over: it is NONE afterwards, also on failure. -E2BIG over LIMIT_LWM2M_RECORDS, -ENOMEM. */
int lwm2m_records_add(struct lwm2m_records *list, const struct lwm2m_path *path, struct lwm2m_value *value);
/* The same with a time. */
int lwm2m_records_add_at(struct lwm2m_records *list, const struct lwm2m_path *path, struct lwm2m_value *value,
                         double time);
void lwm2m_records_clear(struct lwm2m_records *list);

/* By path. */
void lwm2m_records_sort(struct lwm2m_records *list);
/* In a sorted list: the first record whose path is that of the one before it or lies below it (a resource
 * that is both single and multiple, say); NULL: each path stands for itself. */
const struct lwm2m_record *lwm2m_records_clash(const struct lwm2m_records *list);
