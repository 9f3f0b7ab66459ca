/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Turns events into structured journal entries (or console lines). Thread: any. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "plugin/base/event.h"
#include "plugin/config.h"

struct events {
    atomic_uint level;  /* syslog level; more talkative ones are dropped */
    atomic_uint target; /* enum log_target */
};

void events_init(struct events *ev);
struct event_sink events_sink(struct events *ev);
const char *event_name(enum event_id id);       /* "COMMAND_RECEIVED" */
const char *event_message_id(enum event_id id); /* 32 hex digits */
int event_level(enum event_id id);
