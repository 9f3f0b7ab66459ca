/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* User instructions of sections of a program: it runs itself again below valgrind's callgrind, which counts
 * nothing but between count_on() and count_off(). What is not counted runs much faster, so large trees and
 * tokens can be made first. Failures end the program. Thread: one. */
#pragma once

#include <glib.h>

/* The path of valgrind; NULL, after a sentence on what to install, when there is none. */
const char *count_tool(void);
/* Whether this is the run below valgrind. */
gboolean count_inside(void);
/* Starts the program again below valgrind and waits for its end. */
void count_run(const char *program);
/* Begins and ends a section, all threads; may be repeated under another name. */
void count_on(void);
void count_off(const char *name);
/* Instructions of a section of the run that has ended; 0 = there was none of this name. */
double count_of(const char *name);

/* A line of `make bench`: ours / reference is at most / at least the limit. */
void at_most(const char *name, double ours, double reference, double limit);
void at_least(const char *name, double ours, double reference, double limit);
/* A count that must be exactly this. */
void exactly(const char *name, double ours, double reference);
