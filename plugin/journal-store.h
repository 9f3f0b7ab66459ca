/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal of registrations and commands, and the rows of the vault, in state.db. Implements `struct
 * journal` of ports.h. Thread: the port functions on workers; the loop reads through journal_list() before
 * any worker runs. */
#pragma once

#include "plugin/base/ports.h"
#include "plugin/mo/db.h"

extern const struct db_piece journal_piece; /* for db_open */

/* The port. db outlives it. */
struct journal journal_port(struct db *db);

/* Every registration record, each with its newest LIMIT_COMMANDS_KEPT commands, oldest first. Blocks; at
 * start only, from a thread other than the loop, or inside a db_submit work. */
struct journal_entry {
    struct reg_record reg;
    struct cmd_record *cmds;
    size_t n_cmds;
};
int journal_read_all(struct sql *sql, struct journal_entry **ret, size_t *ret_n, struct mef_error *reterr);
void journal_entries_free(struct journal_entry *e, size_t n);

/* Inside another transaction (the MO commit that deletes a [MEFClientRegCfg]): turns the record of `node`
 * into a tombstone, state `ending`, with the configuration as it was. No record: one is made. */
int journal_bury(struct sql *sql, const char *node, const char *config_json, struct mef_error *reterr);

/* 1 = that node has a command that is not yet DONE; 0; negative. */
int journal_command_open(struct sql *sql, const char *node, struct mef_error *reterr);
