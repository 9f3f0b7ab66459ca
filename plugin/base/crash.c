/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/crash.h"

#ifdef MEF_CRASH_POINTS
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[CRASH_MAX_] = {
#define X(name, text) #name,
#include "plugin/base/crash-points.def"
#undef X
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int wanted = -1;
static int tracing;
static atomic_int left;

static void read_wish(void)
{
    const char *s = secure_getenv("MEFCLIENT_CRASH_AT");
    const char *colon = s ? strchr(s, ':') : NULL;

    for (int i = 0; s && i < CRASH_MAX_; i++) {
        size_t n = colon ? (size_t)(colon - s) : strlen(s);
        if (strlen(names[i]) == n && strncmp(names[i], s, n) == 0)
            wanted = i;
    }
    tracing = s && strcmp(s, "TRACE") == 0;
    atomic_store(&left, colon ? atoi(colon + 1) : 1);
}

static void trace(enum crash_point p)
{
    char line[64];
    int n = snprintf(line, sizeof line, "crash-point %s\n", names[p]);

    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        return;
}

void crash_point(enum crash_point p)
{
    (void)pthread_once(&once, read_wish);
    if (tracing)
        trace(p);
    if (wanted == (int)p && atomic_fetch_sub(&left, 1) == 1)
        (void)raise(SIGKILL);
}
#else
/* ISO C wants something in a translation unit. */
extern const char crash_points_absent[];
const char crash_points_absent[] = "";
#endif
