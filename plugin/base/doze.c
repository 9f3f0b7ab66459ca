/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/doze.h"

#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PIECE_MS   300000
#define FAR_AWAY   (INT64_C(1) << 40) /* seconds since the epoch: never comes, and only a set clock ends it */
#define USEC_LIMIT (UINT64_C(1000000) * (UINT64_C(1) << 40))

static void arm_set(struct doze *d)
{
    const struct itimerspec never = {.it_value = {.tv_sec = FAR_AWAY}};

    /* ECANCELED says that the clock was set just now; it is armed all the same. */
    (void)timerfd_settime(d->set, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

void doze_init(struct doze *d)
{
    d->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    d->set = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (d->set >= 0)
        arm_set(d);
}

void doze_done(struct doze *d)
{
    if (d->timer >= 0)
        close(d->timer);
    if (d->set >= 0)
        close(d->set);
    d->timer = d->set = -1;
}

void doze(struct doze *d, const struct cancel *cancel, uint64_t usec)
{
    struct itimerspec span = {0}; /* disarmed: forever */
    struct pollfd p[] = {{.fd = cancel ? cancel->fd : -1, .events = POLLIN},
                         {.fd = d->timer, .events = POLLIN},
                         {.fd = d->set, .events = POLLIN}};
    bool pieces = d->timer < 0 || d->set < 0;

    if ((cancel && cancel_fired(cancel)) || usec == 0)
        return;
    if (usec < USEC_LIMIT)
        span.it_value =
            (struct timespec){.tv_sec = (time_t)(usec / 1000000), .tv_nsec = (long)(usec % 1000000 * 1000)};
    if (d->timer >= 0 && timerfd_settime(d->timer, 0, &span, NULL) < 0)
        pieces = true;
    int ms = !pieces ? -1 : usec / 1000 < PIECE_MS ? (int)(usec / 1000) + 1 : PIECE_MS;
    if (poll(p, sizeof p / sizeof p[0], ms) > 0 && p[2].revents) {
        uint64_t n;
        ssize_t got = read(d->set, &n, sizeof n); /* ECANCELED */
        (void)got;
        arm_set(d);
    }
}
