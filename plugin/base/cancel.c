/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/cancel.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec ts;

    (void)clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t now_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t now_boottime(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

int64_t now_realtime(void)
{
    return (int64_t)read_clock(CLOCK_REALTIME);
}

int cancel_init(struct cancel *c)
{
    atomic_init(&c->fired, false);
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return c->fd < 0 ? -errno : 0;
}

void cancel_done(struct cancel *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void cancel_fire(struct cancel *c)
{
    int saved = errno;

    if (!atomic_exchange(&c->fired, true)) {
        uint64_t one = 1;
        ssize_t n = write(c->fd, &one, sizeof one);
        (void)n;
    }
    errno = saved;
}

void cancel_reset(struct cancel *c)
{
    uint64_t v;
    ssize_t n = read(c->fd, &v, sizeof v);

    (void)n;
    atomic_store(&c->fired, false);
}

int wait_check(const struct wait *w)
{
    if (cancel_fired(w->cancel))
        return -ECANCELED;
    if (w->deadline != DEADLINE_NONE && now_monotonic() >= w->deadline)
        return -ETIMEDOUT;
    return 0;
}

int wait_poll_ms(const struct wait *w, int cap_ms)
{
    if (w->deadline == DEADLINE_NONE)
        return cap_ms;
    uint64_t now = now_monotonic();
    if (now >= w->deadline)
        return 0;
    uint64_t ms = (w->deadline - now + 999) / 1000;
    return cap_ms >= 0 && ms > (uint64_t)cap_ms ? cap_ms : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

int wait_sleep(const struct wait *w)
{
    for (;;) {
        int r = wait_check(w);
        if (r < 0)
            return r;
        struct pollfd p = {.fd = w->cancel ? w->cancel->fd : -1, .events = POLLIN};
        (void)poll(&p, 1, wait_poll_ms(w, w->deadline == DEADLINE_NONE ? -1 : INT32_MAX));
    }
}

struct wait wait_within(const struct wait *w, uint64_t usec)
{
    uint64_t now = now_monotonic(), mine = usec > UINT64_MAX - 1 - now ? DEADLINE_NONE : now + usec;
    return (struct wait){.cancel = w->cancel, .deadline = mine < w->deadline ? mine : w->deadline};
}
