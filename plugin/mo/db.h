/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The database of the state directory and the one thread that works on it (design.md 4).
 *
 * Loop thread: db_open, db_submit, db_close. Worker threads: db_run. A `db_work` runs on the store thread,
 * inside one SQLite transaction of its own; works never overlap and run in the order of their submission.
 * Never a secret in here: they live in the token. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/err.h"
#include "plugin/base/post.h"

struct db;

/* The connection as works see it: SQLite's handle, and the statements that wait to be used again. */
struct sql {
    sqlite3 *handle;
    struct kept_stmt *kept;
    size_t n_kept;
};

/* One work: 0 = commit; anything else = roll back, and the caller gets that code and `reterr`. When a
 * statement failed, `return db_fail(sql, reterr, "store the command")`. It must not begin or end a
 * transaction itself. */
typedef int (*db_work)(struct sql *sql, void *ctx, struct mef_error *reterr);
/* The outcome, on the loop thread from post_run(): r = 0, err = NULL after the commit is on the disk; else a
 * negative errno (or the positive code of the work) and the error, and nothing has changed. */
typedef void (*db_done)(void *ctx, int r, const struct mef_error *err);

/* Tables of one room. `steps` is a NULL-terminated array of SQL scripts; script i takes the tables of this
 * room from version i to i + 1. Scripts that were released are never edited: append a new one. Each piece's
 * version is kept in the table `piece`; one that is newer than we know refuses the file. All static. */
struct db_piece {
    const char *name;
    const char *const *steps;
};

/* Opens (or makes, mode 0600) `<state_dir>/state.db`, makes the last component of state_dir (0700) when it is
 * missing, brings the tables up to date and starts the thread with all signals blocked. WAL,
 * synchronous=FULL, foreign keys on, busy timeout 5 s. `loop` gets the outcomes; it must outlive the db.
 * Errors: InProgress = another process holds this state directory; ReadOnly; Failed = not a database of ours,
 * made by a newer version, damaged, or I/O. The sentence names the file, which is left as it was. */
int db_open(const char *state_dir, const struct db_piece *pieces, size_t n_pieces, struct post *loop,
            struct db **ret, struct mef_error *reterr);

/* Queues one work. `done` (may be NULL) is called exactly once, later, from post_run(); never from in here.
 * 0; -ENOMEM (done is not called then). `ctx` must live until done. */
int db_submit(struct db *db, db_work work, db_done done, void *ctx);

/* The same for a thread that may block: returns when the commit is on the disk (0) or the work was rolled
 * back (its code, and reterr). Never on the loop thread, never from inside a work. */
int db_run(struct db *db, db_work work, void *ctx, struct mef_error *reterr);

/* The same for a work that is one SELECT and nothing else, which needs no transaction of ours around it. */
int db_read(struct db *db, db_work work, void *ctx, struct mef_error *reterr);

/* No db_run() may be under way and no db_submit() may follow. Finishes what is queued, checkpoints, closes,
 * releases the lock. The `done` calls that are still owed stand in the post queue: call post_run() once more
 * before freeing what they use. NULL is fine. */
void db_close(struct db *db);

const char *db_path(const struct db *db); /* "<state_dir>/state.db" */

/* ---- for works ---------------------------------------------------------------------------------------- */

/* Turns the last SQLite error into a word and a sentence, "cannot <what>: ... '<file>' ...", and returns the
 * negative errno of the word: ReadOnly, or Failed (full disk, I/O error, anything else). */
int db_fail(struct sql *sql, struct mef_error *reterr, const char *what);
/* db_fail() for a plain result code (SQLITE_FULL, ...) when there is no handle to ask. */
int db_fail_code(int code, const char *file, struct mef_error *reterr, const char *what);

/* A prepared statement that remembers its first bind error, so that binds need no checks of their own:
 *     _cleanup_(stmt_done) struct stmt s = {0};
 *     r = stmt_prepare(&s, sql, "INSERT INTO x VALUES(?1,?2)", reterr); if (r < 0) return r;
 *     stmt_text(&s, 1, name); stmt_int(&s, 2, 7);
 *     r = stmt_run(&s, reterr);                                                                            */
struct stmt {
    struct sql *sql;
    sqlite3_stmt *stmt;
    struct kept_stmt *kept; /* where it goes back to; NULL = it is finalized */
    bool touched;           /* bound or stepped since it was made ready */
    int bad;                /* first error of a bind */
};

/* Making a statement costs several times what running it does, so it is kept for the next time that the same
 * text comes from the same place. */
int stmt_prepare(struct stmt *s, struct sql *sql, const char *text, struct mef_error *reterr);
/* What is bound is borrowed until the statement has run, or is done. NULL binds NULL. */
void stmt_text(struct stmt *s, int i, const char *text);
void stmt_int(struct stmt *s, int i, int64_t value);
void stmt_blob(struct stmt *s, int i, const void *data, size_t len);
void stmt_null(struct stmt *s, int i);
/* Runs to the end, ignoring rows, then is ready to be bound again. 0 or the code of db_fail. */
int stmt_run(struct stmt *s, struct mef_error *reterr);
/* Next row: 1 = there is one, 0 = no more (ready to be bound again), negative = failed. */
int stmt_step(struct stmt *s, struct mef_error *reterr);
void stmt_done(struct stmt *s);   /* it may be used again; zeroed is fine */
void sql_forget(struct sql *sql); /* finalizes what is kept; before the handle is closed */

int64_t stmt_col_int(const struct stmt *s, int i);
bool stmt_col_null(const struct stmt *s, int i);
/* malloc'ed copy, *ret = NULL for NULL. -ENOMEM; -EBADMSG when it is no valid UTF-8 text without NUL. */
int stmt_col_text(const struct stmt *s, int i, char **ret);
/* Exactly `len` octets into buf; -ENODATA for NULL, -EBADMSG for another length. */
int stmt_col_blob(const struct stmt *s, int i, void *buf, size_t len);

/* One statement without parameters, not kept. */
int db_exec(struct sql *sql, const char *text, struct mef_error *reterr);
