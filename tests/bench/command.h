/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two sides of the command round trip: each registers at the MEF on 127.0.0.1:port with the pre-shared
 * key and does what the MEF wants until NO_MORE_COMMANDS, with its state in `dir`. */
#pragma once

#include <stdint.h>

#define COMMAND_FQDN   "mef.example.com"
#define COMMAND_KPM    "gw42-kpm@mef.example.com"
#define COMMAND_PSK    "0123456789abcdef0123456789abcdef"
#define COMMAND_CLIENT "//m2m.example.com/gw42"
#define COMMAND_REG    "mecr-7f3a21"
#define COMMAND_BASE   "/_/" COMMAND_FQDN "/-"
#define COMMAND_PATH   COMMAND_BASE "/" COMMAND_REG "/cmd"
#define COMMAND_TYPE   "Content-Type: application/vnd.onem2m-res+json"

void command_ours(const char *dir, uint16_t port);
void command_bare(const char *dir, uint16_t port);
