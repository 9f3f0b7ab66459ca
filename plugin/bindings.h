/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What MO_NODE processing found for a node (mo-tree.md 5.2, bound): the credential that is tied to it, and
 * why the last processing failed. Durable in state.db, in memory for the bus. Thread: the loop's, unless
 * said. */
#pragma once

#include "plugin/engine-private.h"
#include "plugin/mo/db.h"

struct binding {
    struct binding *next;
    uint64_t node;    /* id of the MO node */
    char *credential; /* key identifier, or 64 hex digits of the certificate's SHA-256; NULL = none */
    char *why;        /* sentence of the last failure; NULL = none */
};

extern const struct db_piece bindings_piece; /* for db_open */

/* At start, when the tree is there. Rows of nodes that are gone go. Blocks. */
int bindings_load(struct engine *e, struct mef_error *reterr);
void bindings_free(struct engine *e);
const struct binding *binding_find(const struct engine *e, uint64_t node); /* NULL: nothing is known */
/* After a commit: what belongs to deleted nodes goes. */
void bindings_apply(struct engine *e, const struct mo_diff *diff);

/* The durable part; a db_work, ctx = struct node_outcome. Store thread. */
int binding_store(struct sql *sql, void *ctx, struct mef_error *reterr);
/* The visible part: memory, State and LastStatus of the node, and the bus. */
int binding_show(struct engine *e, const struct node_outcome *o);
