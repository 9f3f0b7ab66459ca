/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timers over restarts, sleeping machines and clocks that are set (mef-protocol.md 2.3, 3.4.2; MC-15).
 * Dates that the MEF or a certificate names are what the wall clock says now. Spans are counted on boottime,
 * which nobody sets; their ends are stored as wall-clock times, the only ones that a restart leaves, and are
 * believed no longer than the span that they were made of. Thread: the worker. */
#include "plugin/mef/worker.h"
#include "policy/backoff.h"

/* A step of the wall clock that counts; what NTP slews in a long sleep is none. */
#define CLOCK_STEP_USEC ((int64_t)(60 * USEC_PER_SEC))

int64_t now_of(struct client *c)
{
    return c->clock.realtime(c->clock.ctx);
}

uint64_t boot_of(struct client *c)
{
    return c->clock.boottime(c->clock.ctx);
}

static uint64_t until(int64_t at, int64_t now)
{
    return at > now ? (uint64_t)(at - now) : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void poll_timer_start(struct client *c, uint64_t seconds)
{
    c->r.next_poll = now_of(c) + (int64_t)(seconds * USEC_PER_SEC);
    c->poll_by = boot_of(c) + seconds * USEC_PER_SEC;
    c->poll_ours = true;
}

uint64_t poll_timer_left(struct client *c)
{
    if (!c->r.next_poll)
        return 0;
    uint64_t left = until((int64_t)c->poll_by, (int64_t)boot_of(c));
    return c->poll_ours ? left : least(left, until(c->r.next_poll, now_of(c)));
}

/* What is left of a stored timer is at most the span from the last contact, which is no earlier than its
 * start, to its end; a clock that is behind that contact is wrong, or was. */
static uint64_t stored_poll_span(struct client *c)
{
    int64_t now = now_of(c);
    uint64_t span = until(c->r.next_poll, now > c->r.last_contact ? now : c->r.last_contact);

    return least(span, (uint64_t)RETRY_DURATION_MAX_SEC * USEC_PER_SEC);
}

void timers_load(struct client *c)
{
    uint64_t boot = boot_of(c);

    c->poll_ours = false;
    c->poll_by = boot + stored_poll_span(c);
    c->clock_offset = now_of(c) - (int64_t)boot;
    if (!c->r.granted || c->r.granted > c->r.expires)
        c->r.granted = now_of(c); /* a record of an earlier version */
    /* Where the MEF is to be spared it is, whoever restarts us, and however often. */
    c->failures = c->r.retry_at ? c->r.retry_count : 0;
    c->retry_at = c->r.retry_at ? boot + least(until(c->r.retry_at, now_of(c)),
                                               backoff_longest_usec(c->settings.backoff_max))
                                : 0;
}

void clock_look(struct client *c)
{
    int64_t offset = now_of(c) - (int64_t)boot_of(c), step = offset - c->clock_offset;

    c->clock_offset = offset;
    if (step > -CLOCK_STEP_USEC && step < CLOCK_STEP_USEC)
        return;
    /* Whatever failed may have failed for the wrong time. */
    c->retry_at = 0;
    c->keys_known = false; /* and with what is known of them go their pauses */
    if (c->r.next_poll && c->poll_ours) {
        c->r.next_poll += step;
        (void)save_registration(c);
    } else if (c->r.next_poll)
        c->poll_by = least(c->poll_by, boot_of(c) + stored_poll_span(c));
}

void put_off_by(struct client *c, uint64_t usec)
{
    bool mef = c->error.word == MEF_ERROR_SERVER_UNREACHABLE || c->error.word == MEF_ERROR_TIMED_OUT ||
               c->error.word == MEF_ERROR_SERVER_REJECTED;
    bool was = c->r.retry_at != 0;

    c->retry_at = boot_of(c) + usec;
    c->r.retry_count = c->failures;
    /* What is wrong on this side may be what the restart is for. */
    c->r.retry_at = mef ? now_of(c) + (int64_t)usec : 0;
    struct mef_error kept = c->error;
    if (mef || was)
        (void)save_registration(c);
    c->error = kept;
}

void put_off_ends(struct client *c)
{
    bool stored = c->r.retry_at != 0;

    c->failures = 0;
    c->retry_at = 0;
    c->r.retry_count = 0;
    c->r.retry_at = 0;
    if (stored)
        (void)save_registration(c);
}

uint64_t span_until(struct client *c, int64_t at)
{
    return until(at, now_of(c));
}
