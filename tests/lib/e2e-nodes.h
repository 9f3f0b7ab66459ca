/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of MO_NODE share: nodes of the agent's tree, their processing, and the keys that come of it.
 * Failures end the test. Thread: one. */
#pragma once

#include "tests/lib/e2e-fixture.h"

#define E2E_MO "/org/mefclient1/mo"

/* Tree.Import of the JSON text. */
void e2e_import(struct e2e *e, const char *json);
/* Node.Set of one attribute (consumes the value), Node.Delete. */
void e2e_set(struct e2e *e, const char *node, const char *attribute, GVariant *value);
void e2e_delete(struct e2e *e, const char *node);
/* Node.Process with SUID, 0 = none: its code. */
guint32 e2e_process(struct e2e *e, const char *node, guint32 suid);
/* The MEF issues MO_NODE as command `serial` and the registration polls; what it was told. SUID 0: none. */
int e2e_command(struct e2e *e, const char *registration, unsigned serial, const char *object_path, int type,
                int suid);
/* The key identifier that is tied to a profile (g_free); the path of its Credential in *ret_object unless
 * NULL. */
char *e2e_key_of(struct e2e *e, const char *profile, char **ret_object);
/* Waits for the end of a job; its State (g_free). */
char *e2e_job_end(struct e2e *e, const char *job);
/* The token has these octets under that label. No agent runs. */
void e2e_assert_in_token(struct e2e *e, const char *label, const void *octets, gsize n);
/* The entry of the array in a sim's state whose member has that value, or NULL (new reference). */
json_t *e2e_record(struct sim_process *sim, const char *array, const char *member, const char *value);
/* The member as text, NULL when there is none. */
const char *e2e_text(json_t *object, const char *name);
