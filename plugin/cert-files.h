/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* [myCertFileCred] (mo-tree.md T16): the certificate of the file goes into the token beside the private key
 * that it belongs to, if the token has it; no private key is ever imported. What came of it is the node's
 * state. It belongs to the node and goes with it (anchors.c). Thread: the loop's. */
#pragma once

#include "plugin/engine-private.h"

/* After a commit and after each look at the token: files that nobody has looked at yet, also those whose look
 * a crash or an absent token cut off. */
void cert_files_tend(struct engine *e);
/* Whether the file of some node holds the certificate with this SHA-256. */
bool cert_files_hold(const struct engine *e, const uint8_t sha256[32]);
/* SHA-256 of the first certificate in the file. -ENOENT: none. */
int cert_file_first(const struct mo_node *n, uint8_t ret_sha256[32]);
