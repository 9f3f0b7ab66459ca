/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int secret_new(size_t len, struct secret **ret)
{
    _cleanup_(freep) struct secret *s = calloc(1, sizeof *s);
    long page = sysconf(_SC_PAGESIZE);

    if (len == 0 || len > 65536)
        return -EINVAL;
    if (!s)
        return -ENOMEM;
    s->room = (len + (size_t)page - 1) / (size_t)page * (size_t)page;
    s->data = mmap(NULL, s->room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s->data == MAP_FAILED)
        return -ENOMEM;
    /* Both are best effort: an unprivileged host may have no RLIMIT_MEMLOCK left. */
    (void)mlock(s->data, s->room);
    (void)madvise(s->data, s->room, MADV_DONTDUMP);
    s->len = len;
    *ret = TAKE_PTR(s);
    return 0;
}

int secret_copy(const void *data, size_t len, struct secret **ret)
{
    struct secret *s = NULL;
    int r = secret_new(len, &s);

    if (r < 0)
        return r;
    memcpy(s->data, data, len);
    *ret = s;
    return 0;
}

void secret_free(struct secret *s)
{
    if (!s)
        return;
    explicit_bzero(s->data, s->room);
    (void)munmap(s->data, s->room);
    free(s);
}
