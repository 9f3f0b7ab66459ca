/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole client (bus, agent, mef-sim) whose token misbehaves: the shim module of tests/token stands before
 * SoftHSM, and its control block is a file that the agent and the test share. Thread: one. */
#pragma once

#include <p11-kit/pkcs11.h>

#include "tests/lib/e2e-fixture.h"
#include "tests/token/shim.h"

struct token_cells {
    struct e2e e;
    struct shim_control *shim; /* of the agent */
    char *reg, *job;
    size_t reports; /* recorded before the cell */
};

/* Call number `at` (from 1) fails once with `rv`; counted are all calls, or those of one function. */
struct token_fault {
    int of; /* 1 + enum shim_function; 0 = all */
    unsigned at;
    CK_RV rv;
};

void token_cells_open(struct token_cells *c);
int token_cells_close(struct token_cells *c); /* the exit status of the agent */

/* One exchange: AddMefClientRegCfg, registration with the key in the token, CERT_PROV, the report over the
 * new certificate; then Node.Delete with all that it deletes. What was seen goes to *ret_seen (g_free).
 * FALSE: not as it should be. *ret_calls: PKCS#11 calls of the whole. Whatever came of it, the next cell
 * finds the client in order. */
gboolean token_cells_run(struct token_cells *c, const struct token_fault *f, unsigned *ret_calls,
                         char **ret_seen);

/* "C_Sign". */
const char *token_cells_function(int f);
/* "CKR_DEVICE_REMOVED". */
const char *token_cells_ckr(CK_RV rv);

/* ---- the steps, for stories of their own ---- */

/* token_cells_open() in two parts: everything but the agent; the agent with this PKCS#11 module. */
void token_cells_prepare(struct token_cells *c);
void token_cells_start(struct token_cells *c, const char *module);

void token_cells_add(struct token_cells *c);
void token_cells_lay(struct token_cells *c, const struct token_fault *f);
/* The token goes with all its sessions, and comes back under another slot number. */
void token_cells_remove(struct token_cells *c);
void token_cells_return(struct token_cells *c);
/* Calls a method that gives a job; its path in c->job. FALSE: refused. */
gboolean token_cells_call(struct token_cells *c, const char *path, const char *interface, const char *method);
/* Waits until the exchange has come to rest: registered, NextPoll set, and so many reports recorded at the
 * MEF since token_cells_add(). Their last status, 0: not reached. */
int token_cells_rest(struct token_cells *c, unsigned reports, unsigned seconds);
/* Waits until token, store and bus agree: what is in the token has an owner, nothing is half done, so many
 * pairs with their certificates, CA certificates if there are any; the token is `present` and nothing needs
 * attention. NULL, or what is wrong (g_free). */
char *token_cells_order(struct token_cells *c, unsigned pairs);
/* Waits until object and registration at the MEF are gone; with Node.Delete first. */
gboolean token_cells_gone(struct token_cells *c);
gboolean token_cells_delete(struct token_cells *c);
/* Texts of Manager.NeedsAttention, joined (g_free). */
char *token_cells_attention(struct token_cells *c);
