/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every wait has a deadline and a cancel. A `struct cancel` is a latch that any thread can fire; a blocked
 * thread polls its fd beside its own. `struct wait` joins it with a deadline on CLOCK_MONOTONIC. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define DEADLINE_NONE UINT64_MAX

struct cancel {
    int fd; /* eventfd, readable once fired, never read */
    atomic_bool fired;
};

struct wait {
    struct cancel *cancel; /* may be NULL: cannot be cancelled */
    uint64_t deadline;     /* CLOCK_MONOTONIC in microseconds; DEADLINE_NONE */
};

int cancel_init(struct cancel *c);   /* negative errno */
void cancel_done(struct cancel *c);  /* closes; not while somebody waits */
void cancel_fire(struct cancel *c);  /* any thread, async-signal-safe, idempotent */
void cancel_reset(struct cancel *c); /* the owner's, when nobody waits */
static inline bool cancel_fired(const struct cancel *c)
{
    return c && atomic_load(&c->fired);
}

/* 0 = go on; -ECANCELED; -ETIMEDOUT. */
int wait_check(const struct wait *w);
/* Milliseconds until the deadline for poll(2), at most `cap_ms`; 0 when it has passed. */
int wait_poll_ms(const struct wait *w, int cap_ms);
/* Sleeps until the deadline or the cancel: -ETIMEDOUT or -ECANCELED. */
int wait_sleep(const struct wait *w);
/* The same wait with the earlier of its deadline and now + usec. */
struct wait wait_within(const struct wait *w, uint64_t usec);

uint64_t now_monotonic(void); /* CLOCK_MONOTONIC, microseconds */
uint64_t now_boottime(void);  /* CLOCK_BOOTTIME, goes on while the machine sleeps */
int64_t now_realtime(void);   /* CLOCK_REALTIME */
