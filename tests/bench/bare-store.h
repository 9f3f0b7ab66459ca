/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The least that keeps a registration and its commands as durably as we do: the same tables and pragmas, each
 * row written by a statement that is prepared once. For the bare side of the benchmarks. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct bare_store {
    sqlite3 *sql;
    sqlite3_stmt *begin, *commit, *command, *registration, *key, *binding;
};

void bare_store_open(struct bare_store *s, const char *dir);
void bare_store_close(struct bare_store *s);
/* One commit: the command row and the registration row. */
void bare_store_save(struct bare_store *s, int64_t serial, const char *cid, const char *body, int state);
/* One commit of a key: that it is wanted, or that it is that of this profile. */
void bare_store_key(struct bare_store *s, int64_t profile, const char *name, bool tied);
