/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening the file, private to the store: lock, checks, pragmas, tables. */
#pragma once

#include "plugin/mo/db.h"

struct db_file {
    struct sql sql;
    char *path;
    int lock; /* fd with the flock on <state_dir>/lock */
};

/* As db_open; leaves nothing open on failure. */
int db_file_open(struct db_file *f, const char *state_dir, const struct db_piece *pieces, size_t n_pieces,
                 struct mef_error *reterr);
void db_file_close(struct db_file *f);
