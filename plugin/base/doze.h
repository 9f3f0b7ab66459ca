/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A long sleep that a machine may sleep through: counted on CLOCK_BOOTTIME, and ended when the wall clock is
 * set (also by a resume), since dates are to be looked at again then. No wake-up besides. Thread: the one
 * that sleeps. */
#pragma once

#include <stdint.h>

#include "plugin/base/cancel.h"

#define DOZE_FOREVER UINT64_MAX

struct doze {
    int timer; /* timerfd; -1: there is none, then the sleep is cut into pieces */
    int set;   /* timerfd that is readable once the wall clock has been set, or -1 */
};

void doze_init(struct doze *d);
void doze_done(struct doze *d);
/* Until `usec` are over, the cancel is fired, or the wall clock was set since the last call: which of them,
 * the caller sees from its clocks. Without timerfds it ends early, too. */
void doze(struct doze *d, const struct cancel *cancel, uint64_t usec);
