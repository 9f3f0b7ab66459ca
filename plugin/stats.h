/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stats() of the ABI: a snapshot of the registrations, taken on the loop thread and told on the caller's, so
 * that a slow caller holds up nobody. */
#pragma once

#include "mefplug/host.h"
#include "plugin/engine.h"

struct stats;

/* Loop thread; fits engine_call(). `ctx` is a `struct stats **`, untouched unless 0 is returned. -ENOMEM. */
int stats_take(struct engine *e, void *ctx);
/* Any thread: one call for the plugin, one for each registration. */
void stats_tell(const struct stats *s, mefplug_stat_fn each, void *each_ctx);
void stats_free(struct stats *s); /* NULL is fine */
