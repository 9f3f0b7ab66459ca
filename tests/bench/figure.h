/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the benchmark programs share: lines of `make bench`, instruction counts, a directory in memory. A
 * program measures itself: it starts its own file again with a word for the side to run ("ours", "bare") and
 * the number of rounds, and what one round costs is the difference of two runs, so that start, first
 * connection and end fall out. Failures end the program. Thread: one. */
#pragma once

#include <glib.h>

/* A line with a limit: ours / reference is at most, at least the limit; a count that must be exactly this. */
void at_most(const char *name, double ours, double reference, double limit);
void at_least(const char *name, double ours, double reference, double limit);
void exactly(const char *name, double ours, double reference);
/* A line that is only told. */
void note(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* User instructions of the whole program, all threads; argv ends with NULL, argv[0] is the program. Functions
 * whose name fits `apart` (may hold '*') do not count, with what they call; NULL: all count. */
guint64 instructions(const char *const *argv, const char *apart);
/* The path of valgrind; NULL, after a sentence on what to install, when there is none. */
const char *count_tool(void);

/* A new directory, on a tmpfs where there is one, so that no disk is measured. rm_dir() frees the name. */
char *memory_dir(void);
void rm_dir(char *dir);

double median(double *values, size_t n); /* sorts them */
