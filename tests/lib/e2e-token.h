/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Token and store, compared: the one check that nothing is orphaned, doubled or half stored. Thread: one. */
#pragma once

#include "tests/lib/e2e-fixture.h"

/* What is wrong (g_free), a sentence each, "; " between; NULL when all is well. Wrong is an object in the
 * token that no record owns and whose label is not in `given` (NULL-terminated: what was there before the
 * client; the Kpm of the fixture always is), one that is there twice, a record whose object is not there, and
 * a record that is still an intent or on its way out. The agent may be running. */
char *e2e_token_disorder(struct e2e *e, const char *const *given);
/* Waits until nothing is wrong; what still is when the time was over, or when the agent has ended. */
char *e2e_token_settled(struct e2e *e, const char *const *given, unsigned seconds);

/* The one number that a statement on the store gives, with `text` as ?1 unless NULL; -1: none. */
gint64 e2e_ask_store(struct e2e *e, const char *sql, const char *text);
