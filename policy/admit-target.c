/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MC-12 (mef-protocol.md 5.3 #8). Pure; thread: any. */
#include "policy/admit-target.h"

int admit_target(uint32_t class_id, const char *target_id, const struct identity *who, struct mef_error *why)
{
    if (class_id == CMD_NO_MORE_COMMANDS || !target_id || identity_owns(who, target_id))
        return 0;
    mef_fail(why, MEF_ERROR_INVALID_ARGUMENTS,
             "targetID '%.128s' is none of our own IDs; [client] lists them", target_id);
    return CMD_STATUS_UNACCEPTABLE_ARGUMENTS;
}
