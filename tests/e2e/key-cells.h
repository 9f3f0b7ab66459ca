/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of the fault matrix that is about keys and the MAF: each message of key registration (at a MEF and
 * at a MAF), retrieval, update and de-registration, and of the registration at a MAF, with its answer spoilt.
 * The letters stand for what mef-protocol.md 3.5 and 3.7 say. Thread: one. */
#pragma once

#include <glib.h>

unsigned key_messages(void);
const char *key_message_name(unsigned message);
/* How many cells the message has. */
unsigned key_message_cells(unsigned message);
/* Tries the cells of that message whose faults are named in `only` (NULL-terminated; NULL: all), with a
 * client of their own. `seen` is told of each, and with fault "-" of what is wrong apart from one. How many
 * were tried. */
unsigned key_message_run(unsigned message, const char *const *only,
                         void (*seen)(void *ctx, const char *fault, gboolean ok, const char *text),
                         void *ctx);
