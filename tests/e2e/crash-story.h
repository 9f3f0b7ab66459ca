/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One life of two registrations, with one SIGKILL in it: told against the real agent, token, bus and MEF, and
 * judged at rest and at its end (interfaces.md 4, design.md 7). Thread: one, and the program tells one story
 * only, since the token's module is configured once. */
#pragma once

#include <stdbool.h>

enum crash_verdict { VERDICT_OK, VERDICT_LOST, VERDICT_TWICE, VERDICT_TORN };

/* interfaces.md 4 */
#define VERDICT_WORDS                                                                                        \
    {                                                                                                        \
        "ok", "lost", "twice", "torn"                                                                        \
    }

struct crash_wish {
    const char *point; /* of crash-points.def; NULL: none */
    unsigned pass;     /* which pass of it kills, from 1 */
    unsigned request;  /* or, not 0: SIGKILL some moment after so many requests at the MEF */
    bool trace;        /* or: nobody dies, and each pass of a point is printed as `passed<TAB>NAME` */
};

/* Tells the story and prints its end on standard output, `VERDICT<TAB>DETAIL`. What cannot go on ends the
 * program with the logs printed. */
void crash_story(const struct crash_wish *wish);
