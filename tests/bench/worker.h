/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our side of the benchmarks: the worker, the transport and the store as the plugin wires them; what it tells
 * goes nowhere. Failures end the program. */
#pragma once

#include "plugin/base/ports.h"
#include "plugin/base/post.h"
#include "plugin/mo/db.h"

struct bench_worker {
    struct post *post;
    struct db *db;
    struct vault vault;
    struct tree_port tree; /* zero: none */
};

/* The store, in `dir`. */
void bench_worker_open(struct bench_worker *w, const char *dir, const struct db_piece *pieces, size_t n);
/* Registers at the MEF on 127.0.0.1:port and does what it wants until NO_MORE_COMMANDS. */
void bench_worker_run(const struct bench_worker *w, uint16_t port);
void bench_worker_close(struct bench_worker *w);
