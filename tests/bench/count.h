/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* User instructions of sections of a program: it runs itself again below valgrind's callgrind, which counts
 * nothing but between count_on() and count_off(). What is not counted runs much faster, so large trees and
 * tokens can be made first. Failures end the program. Thread: one. */
#pragma once

#include <glib.h>

/* Whether this is the run below valgrind. */
gboolean count_inside(void);
/* Starts the program again below valgrind and waits for its end. */
void count_run(const char *program);
/* Begins and ends a section, all threads; may be repeated under another name. */
void count_on(void);
void count_off(const char *name);
/* Instructions of a section of the run that has ended; 0 = there was none of this name. */
double count_of(const char *name);
