/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processing of an MO node (8.3.9.9.3 to 8.3.9.9.8), the part that is the same whether a MEF commands it or a
 * person asks for it (EE-02). */
#pragma once

#include "plugin/base/ports.h"
#include "policy/mo-node.h"

/* Runs what needs nothing but the token (3.7 A and D, first row of 3.8) on a node that was judged consistent:
 * CMD_STATUS_OK with the name of the credential that is to be tied to the node (malloc'ed, NULL when the key
 * is the node's own), or CMD_STATUS_MO_NODE_PROCESSING_FAILED with a sentence (NotFound: a trust anchor would
 * have to be fetched). Any other case is processing that failed. Asks the token: never on the loop thread. */
uint32_t mo_node_run_local(const struct vault *v, const struct mo_snapshot *n, enum mo_node_case what,
                           char **ret_credential, struct mef_error *reterr);
