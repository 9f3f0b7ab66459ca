/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trust anchors that were given as certificates live in the token, owned by their [trustAnchorCred] node.
 * Token and tree are two stores: an anchor whose node is not (any more) in the tree is swept out (T15), also
 * one whose transaction a crash cut off. Thread: the loop's. */
#pragma once

#include "plugin/engine-private.h"

/* A node of that name is being added: its anchor is not swept meanwhile. */
int anchors_add_pending(struct engine *e, const char *name);
void anchors_settled(struct engine *e, const char *name);
bool anchors_pending(const struct engine *e, const char *name);
/* After a commit: an anchor may have lost its node (T15). */
void anchors_apply(struct engine *e, const struct mo_diff *diff);
/* Looks at what the token holds and drops what no node names. */
void anchors_sweep(struct engine *e, const struct token_listing *l);
