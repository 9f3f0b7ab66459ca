/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two sides of MO_NODE with a key registration, as in command.h. */
#pragma once

#include <stdint.h>

#define KEY_BENCH_SUID   22
#define KEY_BENCH_LABEL  "saef"
#define KEY_BENCH_TARGET "//sp.example.net/in-cse"
#define KEY_BENCH_PATH   "./DCFG/authenticationProfile/ap-" /* and the number of the profile */

void key_ours(const char *dir, uint16_t port);
void key_bare(const char *dir, uint16_t port);
