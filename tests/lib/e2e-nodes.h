/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of MO_NODE share: nodes of the agent's tree, their processing, and the keys that come of it.
 * Failures end the test. Thread: one. */
#pragma once

#include "tests/lib/e2e-fixture.h"

#define E2E_MO "/org/mefclient1/mo"

#define E2E_MAF_FQDN "maf.example.net"
#define E2E_KM_ID    "km-0042@" E2E_MAF_FQDN
#define E2E_KM_HEX   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* A second mef-sim as the MAF that knows the Km and takes keys of the MEF; the Km goes into the token. */
struct sim_process *e2e_maf_start(struct e2e *e, const char *scenario);
/* Requests in a sim's log with that op and resource (each may be NULL: any). */
size_t e2e_requests(struct sim_process *sim, const char *op, const char *resource);
/* Length of an array in a sim's state. */
size_t e2e_records(struct sim_process *sim, const char *array);

/* Tree.Import of the JSON text. */
void e2e_import(struct e2e *e, const char *json);
/* Node.Set of one attribute (consumes the value) or without one, Node.Delete. */
void e2e_set(struct e2e *e, const char *node, const char *attribute, GVariant *value);
void e2e_remove(struct e2e *e, const char *node, const char *attribute);
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
/* A request of the MEF's other client (E2E_OTHER_ID, //m2m.example.com/gw43) over a connection of its own;
 * the answer as it came (g_free), and what the exporter of the connection gives. */
char *e2e_other_request(struct e2e *e, const char *method, const char *path, const char *body,
                        guint8 out[48]);
int e2e_status(const char *answer); /* its HTTP status */
