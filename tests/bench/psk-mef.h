/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The MEF of the benchmarks of commands: it knows the pre-shared key of command.h. */
#pragma once

#include "tests/lib/sim-process.h"

/* In `dir`, with that many commands; `format` is the JSON of one, with its number where it has %u. */
struct sim_process *psk_mef_start(const char *dir, unsigned commands, const char *format);
/* Each command must have been reported, once, with this status. How many handshakes there were. */
unsigned psk_mef_stop(struct sim_process *sim, unsigned commands, int status);
