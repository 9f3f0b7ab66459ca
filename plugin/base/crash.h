/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Named steps at which a test can kill the process (interfaces.md 4, crash-matrix). Nothing is compiled in
 * unless configured with --enable-crash-points. The names are the table crash-points.def. */
#pragma once

enum crash_point {
#define X(name, text) CRASH_##name,
#include "plugin/base/crash-points.def"
#undef X
    CRASH_MAX_
};

#ifdef MEF_CRASH_POINTS
/* SIGKILL to ourselves when the environment variable MEFCLIENT_CRASH_AT, read once, is "NAME" or "NAME:n"
 * and this is the n-th pass (n from 1). With "TRACE" nobody dies and each pass is a line `crash-point NAME`
 * on standard error. */
void crash_point(enum crash_point p);
#define CRASH_POINT(name) crash_point(CRASH_##name)
#else
#define CRASH_POINT(name)                                                                                    \
    do {                                                                                                     \
    } while (0)
#endif
