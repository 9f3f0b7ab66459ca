/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A state directory, its database and the tree, for tests of plugin/mo. The test is the loop. */
#pragma once

#include <glib.h>

#include "plugin/mo/tx.h"

struct env {
    char *dir;
    struct post *loop;
    struct db *db;
    struct mo_tree *tree;
};

#define STR(name_, value_)                                                                                   \
    {                                                                                                        \
        .name = (name_), .kind = MO_INPUT_STRING, .string = (value_)                                         \
    }
#define NUM(name_, value_)                                                                                   \
    {                                                                                                        \
        .name = (name_), .kind = MO_INPUT_UINT, .uint = (value_)                                             \
    }
#define TEXTS(...) ((char *const *)(uintptr_t)(const char *const[]){__VA_ARGS__, NULL})
#define LST(name_, ...)                                                                                      \
    {                                                                                                        \
        .name = (name_), .kind = MO_INPUT_STRINGS, .strings = TEXTS(__VA_ARGS__),                            \
        .n = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)                                     \
    }

void env_start(struct env *e);                          /* new directory */
void env_reopen(struct env *e);                         /* stop and start again on the same directory */
void env_close(struct env *e);                          /* stop; the directory stays */
int env_try_open(struct env *e, struct mef_error *err); /* db and tree on e->dir */
void env_end(struct env *e);                            /* stop and remove */
void env_turn(struct env *e);                           /* waits for the loop to have something, runs it */

struct outcome {
    bool called;
    int r;
    uint64_t generation;
    struct mef_error err;
    size_t n;               /* changes */
    struct mo_change first; /* nodes cleared */
    unsigned triggers[16];  /* how often each */
    GString *story;         /* "+type/name" "~type/name" "-type/name" in order, blank separated */
};

/* Commits and waits; the outcome's r. Free with outcome_clear. */
int env_commit(struct env *e, struct mo_tx *tx, struct outcome *o);
void outcome_clear(struct outcome *o);
/* The hooks of env_commit, for tests that commit without waiting. */
struct mo_commit outcome_hooks(struct outcome *o);

struct mo_tx *env_begin(struct env *e, enum mo_origin origin, const char *mef_reg);
/* Adds and must succeed; the id. */
uint64_t env_add(struct mo_tx *tx, enum mo_type type, const char *name, const struct mo_input *attrs,
                 size_t n, char *const *links);
/* A MEFClientRegCfg mefN for fqdn mefN.example.com and admin.example.org. */
uint64_t env_add_mef(struct mo_tx *tx, const char *name, char *const *links);
void env_import(struct env *e, const char *text); /* in one committed transaction, origin local */
char *env_export(struct env *e);
char *env_fixture(const char *name); /* text of tests/fixtures/<name> */
