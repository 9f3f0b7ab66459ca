/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* May this DEV_CFG run? (MC-22, MC-23; TS-0003 8.3.9.8 steps 1 to 3; mef-protocol.md 3.4.3.) Pure; thread:
 * any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/err.h"
#include "policy/status.h"

/* deviceConfigURI as it was parsed; borrowed. */
struct dev_cfg_args {
    uint32_t protocol; /* devMgmtID */
    const char *uri;   /* of the DM server */
};

/* Judged in this order: the protocol (MC-22), then the URI: its secured scheme (coaps for LwM2M, https for
 * the others) and its host (MC-23). `mef_fqdn`: of the MEF that issued the command. `supported`: a DM client
 * is registered for the protocol. 0, or CMD_STATUS_UNACCEPTABLE_ARGUMENTS with `why`. */
int admit_dev_cfg(const struct dev_cfg_args *args, const char *mef_fqdn, bool supported,
                  struct mef_error *why);
