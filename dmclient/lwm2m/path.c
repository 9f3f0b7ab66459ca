/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dmclient/lwm2m/path.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

int lwm2m_id_parse(const char *text, size_t len, uint16_t *ret)
{
    unsigned n = 0;

    if (len == 0 || len > 5 || (text[0] == '0' && len > 1))
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        n = n * 10 + (unsigned)(text[i] - '0');
    }
    if (n > LWM2M_ID_MAX)
        return -EINVAL;
    *ret = (uint16_t)n;
    return 0;
}

int lwm2m_path_push(struct lwm2m_path *path, const char *segment, size_t len)
{
    uint16_t id;

    if (path->n == LWM2M_PATH_MAX || lwm2m_id_parse(segment, len, &id) < 0)
        return -EINVAL;
    path->id[path->n++] = id;
    return 0;
}

int lwm2m_path_parse(const char *text, size_t len, struct lwm2m_path *ret)
{
    struct lwm2m_path path = {0};

    if (len == 0 || text[0] != '/')
        return -EINVAL;
    for (size_t at = 1, end; len > 1 && at <= len; at = end + 1) {
        for (end = at; end < len && text[end] != '/'; end++)
            ;
        if (lwm2m_path_push(&path, text + at, end - at) < 0)
            return -EINVAL;
    }
    *ret = path;
    return 0;
}

char *lwm2m_path_format(const struct lwm2m_path *path, char text[static LWM2M_PATH_TEXT])
{
    size_t at = 0;

    (void)snprintf(text, LWM2M_PATH_TEXT, "/");
    for (unsigned i = 0; i < path->n && i < LWM2M_PATH_MAX; i++)
        at += (size_t)snprintf(text + at, LWM2M_PATH_TEXT - at, "/%u", path->id[i]);
    return text;
}

int lwm2m_path_cmp(const struct lwm2m_path *a, const struct lwm2m_path *b)
{
    for (unsigned i = 0; i < a->n && i < b->n; i++)
        if (a->id[i] != b->id[i])
            return a->id[i] < b->id[i] ? -1 : 1;
    return (a->n > b->n) - (a->n < b->n);
}

bool lwm2m_path_within(const struct lwm2m_path *path, const struct lwm2m_path *top)
{
    if (path->n < top->n)
        return false;
    for (unsigned i = 0; i < top->n; i++)
        if (path->id[i] != top->id[i])
            return false;
    return true;
}

struct lwm2m_path lwm2m_path_child(const struct lwm2m_path *path, uint16_t id)
{
    struct lwm2m_path child = *path;

    assert(child.n < LWM2M_PATH_MAX);
    child.id[child.n++] = id;
    return child;
}

struct lwm2m_path lwm2m_path_top(const struct lwm2m_path *path, uint8_t n)
{
    struct lwm2m_path top = {0};

    for (; top.n < n && top.n < path->n; top.n++)
        top.id[top.n] = path->id[top.n];
    return top;
}
