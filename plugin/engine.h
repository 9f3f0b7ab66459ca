/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine: everything of one plugin object behind the host ABI. It owns the loop, the store, the token,
 * the bus and the workers, and wires the ports. All functions but engine_new and engine_free run on the loop
 * thread; entry.c sees to that. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/err.h"

struct engine;

/* What is built in, for describe() and Manager.Features; NULL-terminated. */
extern const char *const engine_features[];

struct engine_host { /* the host's table, copied; NULL = not given */
    uint32_t flags;
    void *ctx;
    char *name, *config_path, *state_dir, *runtime_dir, *bus_address, *log_target;
    char **options; /* SECTION.KEY=VALUE */
    void (*log)(void *ctx, int level, const char *message);
    void (*status)(void *ctx, const char *text);
    void (*ready)(void *ctx);
};

int engine_new(const struct engine_host *host, struct engine **ret); /* host must outlive the engine */
/* 0; MEFPLUG_BAD_CONFIG; the errors of mefplug start(). After a failure only engine_free. */
int engine_start(struct engine *e);
int engine_fd(const struct engine *e);
/* Runs what is due, within a budget; what is left makes the fd readable. */
int engine_dispatch(struct engine *e);
/* Runs the loop on this thread until engine_quit(). */
int engine_loop(struct engine *e);
void engine_quit(struct engine *e);
int engine_reload(struct engine *e);
/* 0; -ETIMEDOUT: a thread hung in the token and was left behind with the engine, which must then not be
 * freed. */
int engine_stop(struct engine *e, uint64_t deadline_usec);
void engine_free(struct engine *e);

/* After engine_loop() and engine_stop(), on their thread: calls that wait are answered with -ENOTCONN. */
void engine_loop_over(struct engine *e);

/* Runs fn(ctx) on the loop thread and waits for it. Any other thread, while engine_loop runs. */
int engine_call(struct engine *e, int (*fn)(struct engine *, void *), void *ctx);

/* check_config() of the ABI. */
int engine_check_config(const struct engine_host *host, bool print, void (*line)(void *ctx, const char *text),
                        void *ctx);
