/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the MO nodes on the bus share. Thread: the loop's. */
#pragma once

#include "plugin/engine-private.h"

/* Node.Process on `n`: answers the call now or later, or fails. */
int node_process_start(struct engine *e, const struct mo_node *n, struct bus_call *call,
                       struct mef_error *reterr);
/* TrustAnchorCred.Fetch on `n`, and AuthenticationProfile.SetSymmetricKey: the same. */
int anchor_fetch_start(struct engine *e, const struct mo_node *n, struct bus_call *call,
                       struct mef_error *reterr);
int profile_set_key(struct engine *e, const struct mo_node *n, struct bus_call *call,
                    struct mef_error *reterr);
