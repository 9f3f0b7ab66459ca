/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/post.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "plugin/base/cleanup.h"

struct item {
    struct item *next;
    post_fn fn;
    void *ctx, *data;
    void (*destroy)(void *data);
};

struct post {
    pthread_mutex_t lock;
    struct item *first, **last;
    int fd;
};

int post_new(struct post **ret)
{
    struct post *p = calloc(1, sizeof *p);

    if (!p)
        return -ENOMEM;
    p->last = &p->first;
    p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->fd < 0) {
        int r = -errno;
        free(p);
        return r;
    }
    (void)pthread_mutex_init(&p->lock, NULL);
    *ret = p;
    return 0;
}

int post_fd(const struct post *p)
{
    return p->fd;
}

int post_send(struct post *p, post_fn fn, void *ctx, void *data, void (*destroy)(void *data))
{
    struct item *i = calloc(1, sizeof *i);
    uint64_t one = 1;

    if (!i) {
        if (destroy)
            destroy(data);
        return -ENOMEM;
    }
    *i = (struct item){.fn = fn, .ctx = ctx, .data = data, .destroy = destroy};
    (void)pthread_mutex_lock(&p->lock);
    *p->last = i;
    p->last = &i->next;
    (void)pthread_mutex_unlock(&p->lock);
    ssize_t n = write(p->fd, &one, sizeof one);
    (void)n;
    return 0;
}

static struct item *take(struct post *p)
{
    uint64_t v;

    (void)pthread_mutex_lock(&p->lock);
    struct item *list = p->first;
    p->first = NULL;
    p->last = &p->first;
    ssize_t n = read(p->fd, &v, sizeof v);
    (void)n;
    (void)pthread_mutex_unlock(&p->lock);
    return list;
}

void post_run(struct post *p)
{
    for (struct item *i = take(p), *next; i; i = next) {
        next = i->next;
        i->fn(i->ctx, i->data);
        if (i->destroy)
            i->destroy(i->data);
        free(i);
    }
}

void post_free(struct post *p)
{
    if (!p)
        return;
    for (struct item *i = take(p), *next; i; i = next) {
        next = i->next;
        if (i->destroy)
            i->destroy(i->data);
        free(i);
    }
    (void)pthread_mutex_destroy(&p->lock);
    close(p->fd);
    free(p);
}
