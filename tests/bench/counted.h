/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* User instructions of another process while it does something for us: it runs below valgrind's callgrind,
 * and counting is switched on and off from outside (vgdb). Failures end the program. Thread: one. */
#pragma once

#include <glib.h>

/* The words to start a program behind; its counts go to `out`. NULL-terminated, g_strfreev. */
char **counted_words(const char *out);
/* Counts from here, to there. May be repeated: the sum counts. */
void counted_on(GPid pid);
void counted_off(GPid pid);
/* What was counted, all threads; the process has ended. */
double counted_read(const char *out);
