/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an agent holds at a moment, seen from outside. Thread: one. */
#pragma once

#include "tests/lib/e2e-fixture.h"
#include "tests/token/shim.h"

struct soak_figures {
    guint64 pss, dirty;    /* KiB */
    guint64 heap;          /* octets of malloc in use, when the token was last listed */
    guint64 database;      /* octets of state.db and what SQLite has beside it */
    unsigned fds, threads; /* of the process */
    int sessions;          /* open in the PKCS#11 module */
    unsigned objects;      /* in the token */
    unsigned keys;         /* symmetric ones of them */
    unsigned owners;       /* rows of token_object */
    unsigned commands;     /* rows of the command journal */
    unsigned shown;        /* objects on the bus, jobs aside */
};

/* The control block of the module that the agent will load by e->token.module; belongs before
 * e2e_configure(). */
struct shim_control *soak_shim(struct e2e *e);
/* Paths of the objects on the bus that begin so; g_strfreev. */
char **soak_objects(struct e2e *e, const char *prefix);
/* The cheap ones only: memory, descriptors, threads, sessions. */
void soak_watch_process(struct e2e *e, const struct shim_control *shim, struct soak_figures *ret);
void soak_watch(struct e2e *e, const struct shim_control *shim, struct soak_figures *ret);
