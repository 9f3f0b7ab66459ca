/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One life of two registrations, with one SIGKILL in it: told against the real agent, token, bus and MEF, and
 * judged at rest and at its end (interfaces.md 4, design.md 7). Thread: one, and the program tells one story
 * only, since the token's module is configured once. */
#pragma once

#include <stdbool.h>

#include "tests/lib/e2e-fixture.h"

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
    bool life;         /* the other story: crash-life.c */
    bool keys;         /* the third one: crash-keys.c */
    bool trace;        /* or: nobody dies, and each pass of a point is printed as `passed<TAB>NAME` */
};

/* Tells the story and prints its end on standard output, `VERDICT<TAB>DETAIL`. What cannot go on ends the
 * program with the logs printed. */
void crash_story(const struct crash_wish *wish);

/* ---- between the two stories --------------------------------------------------------------------------- */

struct story {
    struct e2e e;
    const struct crash_wish *wish;
    GThread *killer;
    bool died;
    GPtrArray *seen; /* char *: the tree as it was after the restart */
    GPtrArray *told; /* char *: the tree at rest, between the chapters */
    enum crash_verdict verdict;
    GString *detail;
};

/* The first verdict that is not ok counts; all sentences stay. */
void story_judge(struct story *s, enum crash_verdict v, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Whether the agent was killed since the last look; then it runs again. */
bool story_killed(struct story *s);
/* False when the time was over. A kill on the way begins it anew. */
bool story_until(struct story *s, bool (*test)(struct story *s, void *data), void *data);
/* Whether another agent runs than *(GPid *)data. */
bool story_is_new(struct story *s, void *data);
/* The tree as text, without what counts changes; NULL: nobody answers. */
char *story_export(struct story *s);
void story_tell_tree(struct story *s); /* a tree that a restart may find */
void story_check_trees(struct story *s);
void story_delete_node(struct story *s, const char *type, const char *name);
void story_check_token(struct story *s, const char *when, unsigned enrolled, unsigned anchors);
size_t story_live_at_mef(struct story *s);

#define LIFE_SCENARIO "{\"commands\":[],\"retryDuration\":\"PT10M\"}"
void life_tell(struct story *s);

#define KEYS_SCENARIO "{\"commands\":[],\"retryDuration\":\"PT10M\"}"
/* Before the agent starts, and after it has ended. */
void keys_up(struct story *s);
void keys_tell(struct story *s);
void keys_down(struct story *s);
