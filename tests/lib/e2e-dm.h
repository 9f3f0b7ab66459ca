/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The example DM client (tests/dm/dm-client.c) as a process of a test, with its script and its log. Failures
 * end the test. Thread: one. */
#pragma once

#include "tests/lib/e2e-fixture.h"

#define E2E_DM_LWM2M "org.mefclient1.dm.LwM2M"
#define E2E_DM_OMADM "org.mefclient1.dm.OmaDm"

struct e2e_dm {
    struct e2e *e;
    char *script, *log; /* files */
    GPid pid;           /* 0: not running */
};

/* The files are named after `tag`. */
void e2e_dm_init(struct e2e_dm *d, struct e2e *e, const char *tag);
void e2e_dm_clear(struct e2e_dm *d); /* stops it */
/* What the next session does. */
void e2e_dm_script(struct e2e_dm *d, const char *text);
/* Starts it under a bus name, and waits until it can be called; as user nobody if that is asked for. */
void e2e_dm_start(struct e2e_dm *d, const char *name, gboolean as_nobody);
void e2e_dm_stop(struct e2e_dm *d);                   /* SIGKILL */
char *e2e_dm_said(const struct e2e_dm *d);            /* its log (g_free) */
void e2e_dm_wait(struct e2e_dm *d, const char *text); /* until the log has it */
