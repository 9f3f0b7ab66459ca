/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MC-12: whom a command is for (mef-protocol.md 5.3 #8). Pure; thread: any. */
#pragma once

#include <stdint.h>

#include "plugin/base/err.h"
#include "policy/status.h"
#include "policy/subject-id.h"

/* `target_id` NULL = absent, which is fine. 0, or CMD_STATUS_UNACCEPTABLE_ARGUMENTS with `why` when it is
 * none of our IDs (id, node_id, cse_id, ae_ids). Class 0 ignores it: always 0. */
int admit_target(uint32_t class_id, const char *target_id, const struct identity *who, struct mef_error *why);
