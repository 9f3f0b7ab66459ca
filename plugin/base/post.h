/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one way from a worker thread to the loop: a queue of calls and an eventfd that the loop watches. */
#pragma once

#include <pthread.h>
#include <stddef.h>

typedef void (*post_fn)(void *ctx, void *data);

struct post;

int post_new(struct post **ret);
/* Drops what is queued (calling `destroy` of each item), then frees.
 * Nobody may be sending any more. */
void post_free(struct post *p);
int post_fd(const struct post *p);
/* Any thread. Takes `data` over in every case: when it cannot be queued, `destroy(data)` is called. */
int post_send(struct post *p, post_fn fn, void *ctx, void *data, void (*destroy)(void *data));
/* The loop thread: runs what is queued at the moment of the call. */
void post_run(struct post *p);
