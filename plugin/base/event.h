/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The closed list of operator events (docs/events.md). Whoever decides something tells it once, through a
 * `struct event_sink`; the plugin root turns it into a structured journal entry with a MESSAGE_ID. */
#pragma once

#include <stdint.h>

enum event_id {
#define X(name, level, id, text) EVENT_##name,
#include "plugin/base/events.def"
#undef X
    EVENT_MAX_
};

struct event {
    enum event_id id;
    /* Each may be NULL; they become the journal fields of interfaces.md 5. */
    const char *fqdn, *registration, *cmd_id, *cmd_class, *status, *transaction, *node, *token, *error;
    uint32_t job;      /* 0 = none */
    char message[512]; /* one sentence that stands alone; never a secret */
};

struct event_sink {
    void *ctx;
    void (*emit)(void *ctx, const struct event *e); /* any thread; copies what it keeps */
};

/* Formats the message into a copy of `e` and emits it. A NULL sink drops it. */
void event_emit(const struct event_sink *sink, const struct event *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
