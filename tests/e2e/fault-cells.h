/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tries cells of the fault matrix on a whole client (bus, agent, token, mef-sim). Thread: one. */
#pragma once

#include "tests/e2e/fault-table.h"
#include "tests/lib/e2e-fixture.h"

/* One message of the exchange with a client of its own; cells of it run one after another. */
struct cells {
    struct e2e e;
    unsigned message;
    unsigned enrolled; /* pairs that the token holds by rights */
    unsigned number;   /* of cells so far; makes the cmdIDs differ */
    char *reg, *job;
    char *factory; /* fingerprint of the certificate that it starts with; NULL: the Kpm */
};

void cells_open(struct cells *c, unsigned message);
/* The exit status of the agent; -1 when it did not run any more. */
int cells_close(struct cells *c);
/* Tries one cell; what was seen goes to *ret_seen (g_free). FALSE: not as expected. Whatever came of it, the
 * next cell finds the client in order. */
gboolean cells_run(struct cells *c, unsigned fault, char **ret_seen);
