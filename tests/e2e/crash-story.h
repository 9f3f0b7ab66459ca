/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stories with one SIGKILL in each: told against the real agent, token, bus and MEF, and judged at rest and
 * at the end (interfaces.md 4, design.md 7). Thread: one, and the program tells one story only, since the
 * token's module is configured once. */
#pragma once

#include <stdbool.h>

#include "tests/lib/e2e-fixture.h"

enum crash_verdict { VERDICT_OK, VERDICT_LOST, VERDICT_TWICE, VERDICT_TORN };

/* interfaces.md 4 */
#define VERDICT_WORDS                                                                                        \
    {                                                                                                        \
        "ok", "lost", "twice", "torn"                                                                        \
    }

/* The life of two registrations (crash-story.c); renewal, de-registration, deletion, import (crash-life.c);
 * keys and a MAF (crash-keys.c); DM sessions (crash-dm.c); a certificate renewed by hand (crash-renew.c). */
enum crash_tale { TALE_MAIN, TALE_LIFE, TALE_KEYS, TALE_DM, TALE_RENEW, TALES };

struct crash_wish {
    enum crash_tale tale;
    const char *point; /* of crash-points.def; NULL: none */
    unsigned pass;     /* which pass of it kills, from 1 */
    unsigned request;  /* or, not 0: SIGKILL some moment after so many requests at the MEF */
    bool trace;        /* or: nobody dies, and each pass of a point is printed as `passed<TAB>NAME` */
};

/* Tells the story and prints its end on standard output, `VERDICT<TAB>DETAIL`. What cannot go on ends the
 * program with the logs printed. */
void crash_story(const struct crash_wish *wish);

/* ---- between the stories ------------------------------------------------------------------------------- */

struct story {
    struct e2e e;
    const struct crash_wish *wish;
    GThread *killer;
    bool died;
    GPtrArray *seen; /* char *: the tree as it was after the restart */
    GPtrArray *told; /* char *: the tree at rest, between the chapters */
    enum crash_verdict verdict;
    GString *detail;
    const char *given; /* label of what the token holds besides the Kpm, or NULL */
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
/* Token and store agree (e2e-token.h). */
void story_check_settled(struct story *s, const char *when);
void story_check_no_violation(struct story *s, struct sim_process *sim);
/* A method that answers with a job in its last place, until such a job is done, over a kill; `fine`: an error
 * that a repeat may meet. */
void story_work(struct story *s, const char *path, const char *interface, const char *method,
                GVariant *params, const char *fine);
size_t story_live_at_mef(struct story *s);

/* Registered, and nothing to do until the next poll; the object is gone, and the service is there. */
bool story_is_idle(struct story *s, const char *registration);
bool story_is_gone(struct story *s, const char *registration);
/* The report of that command is recorded: its status, else -1; how often in *ret_n. */
int story_status_of(struct story *s, const char *cid, unsigned *ret_n);

struct tale {
    const char *scenario;
    void (*up)(struct story *s);   /* before the agent starts; configures it */
    void (*tell)(struct story *s); /* ends at rest */
    void (*down)(struct story *s); /* after the agent has ended; may be NULL */
};
extern const struct tale tale_life, tale_keys, tale_dm, tale_renew;

#define NO_COMMANDS "{\"commands\":[],\"retryDuration\":\"PT10M\"}"
void story_configure(struct story *s);
