/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prepared statements, which are kept while the file is open, and SQLite's errors as words and sentences.
 * Thread: the store's (or whoever opens). */
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/mo/db.h"

#define KEPT_MAX 24 /* more than one command needs; each is a few KiB */

struct kept_stmt {
    struct kept_stmt *next;
    const char *text; /* as it was given, never read: the caller's, who nearly always has it in a literal */
    sqlite3_stmt *stmt;
    bool used; /* by a struct stmt: another one with the same text gets its own */
};

static const struct {
    int code; /* primary result code */
    enum mef_error_word word;
    const char *text;
} failures[] = {
    {SQLITE_READONLY, MEF_ERROR_READ_ONLY, "it cannot be written; check its file system and permissions"},
    {SQLITE_PERM, MEF_ERROR_READ_ONLY, "access is denied; check its permissions"},
    {SQLITE_AUTH, MEF_ERROR_READ_ONLY, "access is denied; check its permissions"},
    {SQLITE_CANTOPEN, MEF_ERROR_READ_ONLY,
     "it cannot be opened for writing; check its directory and permissions"},
    {SQLITE_FULL, MEF_ERROR_FAILED, "the disk is full; make room and try again"},
    {SQLITE_IOERR, MEF_ERROR_FAILED, "input/output error; check the disk"},
    {SQLITE_CORRUPT, MEF_ERROR_FAILED, "the file is damaged; restore a copy of it"},
    {SQLITE_NOTADB, MEF_ERROR_FAILED, "it is not a database of mefclient; move it away"},
    {SQLITE_BUSY, MEF_ERROR_FAILED, "another program holds it locked; end that program"},
    {SQLITE_LOCKED, MEF_ERROR_FAILED, "it is locked"},
    {SQLITE_NOMEM, MEF_ERROR_FAILED, "out of memory"},
    {SQLITE_CONSTRAINT, MEF_ERROR_FAILED, "a row breaks a rule of the table"},
    {SQLITE_TOOBIG, MEF_ERROR_LIMIT_EXCEEDED, "a value is too large"},
};

int db_fail_code(int code, const char *file, struct mef_error *reterr, const char *what)
{
    for (size_t i = 0; i < ELEMENTS(failures); i++)
        if (failures[i].code == (code & 0xff))
            return mef_fail(reterr, failures[i].word, "cannot %s in '%s': %s", what, file, failures[i].text);
    return mef_fail(reterr, MEF_ERROR_FAILED, "cannot %s in '%s': %s", what, file, sqlite3_errstr(code));
}

int db_fail(struct sql *sql, struct mef_error *reterr, const char *what)
{
    const char *file = sqlite3_db_filename(sql->handle, "main");
    int code = sqlite3_extended_errcode(sql->handle);

    return db_fail_code(code, file && *file ? file : "state.db", reterr, what);
}

/* The statement with this text that waits, NULL = none. Those used last stand first. */
static struct kept_stmt *take_kept(struct sql *sql, const char *text)
{
    for (struct kept_stmt **at = &sql->kept; *at; at = &(*at)->next) {
        struct kept_stmt *k = *at;

        if (k->used || k->text != text || !streq(sqlite3_sql(k->stmt), text))
            continue;
        *at = k->next;
        k->next = sql->kept;
        sql->kept = k;
        k->used = true;
        return k;
    }
    return NULL;
}

/* A place for one more; the one that waits longest goes when there are enough. NULL: it is not kept. */
static struct kept_stmt *new_place(struct sql *sql, const char *text)
{
    struct kept_stmt *k, **oldest = NULL;

    for (struct kept_stmt **at = &sql->kept; *at; at = &(*at)->next)
        if (!(*at)->used)
            oldest = at;
    if (sql->n_kept < KEPT_MAX) {
        k = calloc(1, sizeof *k);
        sql->n_kept += k != NULL;
    } else if (oldest) {
        k = *oldest;
        *oldest = k->next;
        (void)sqlite3_finalize(k->stmt);
    } else
        k = NULL;
    if (k) {
        *k = (struct kept_stmt){.next = sql->kept, .text = text, .used = true};
        sql->kept = k;
    }
    return k;
}

static int prepare(struct stmt *s, struct sql *sql, const char *text, unsigned flags,
                   struct mef_error *reterr)
{
    *s = (struct stmt){.sql = sql, .bad = SQLITE_OK};
    if (sqlite3_prepare_v3(sql->handle, text, -1, flags, &s->stmt, NULL) != SQLITE_OK)
        return db_fail(sql, reterr, "prepare a statement");
    return 0;
}

int stmt_prepare(struct stmt *s, struct sql *sql, const char *text, struct mef_error *reterr)
{
    struct kept_stmt *k = take_kept(sql, text);

    if (k) {
        *s = (struct stmt){.sql = sql, .stmt = k->stmt, .kept = k, .bad = SQLITE_OK};
        return 0;
    }
    int r = prepare(s, sql, text, SQLITE_PREPARE_PERSISTENT, reterr);
    if (r == 0 && (s->kept = new_place(sql, text)) != NULL)
        s->kept->stmt = s->stmt;
    return r;
}

static void note(struct stmt *s, int code)
{
    s->touched = true;
    if (code != SQLITE_OK && s->bad == SQLITE_OK)
        s->bad = code;
}

void stmt_text(struct stmt *s, int i, const char *text)
{
    note(s, text ? sqlite3_bind_text(s->stmt, i, text, -1, SQLITE_STATIC) : sqlite3_bind_null(s->stmt, i));
}

void stmt_int(struct stmt *s, int i, int64_t value)
{
    note(s, sqlite3_bind_int64(s->stmt, i, value));
}

void stmt_blob(struct stmt *s, int i, const void *data, size_t len)
{
    note(s, data ? sqlite3_bind_blob64(s->stmt, i, data, len, SQLITE_STATIC) : sqlite3_bind_null(s->stmt, i));
}

void stmt_null(struct stmt *s, int i)
{
    note(s, sqlite3_bind_null(s->stmt, i));
}

/* Ready for new values, whatever happened. */
static void rewind_stmt(struct stmt *s)
{
    (void)sqlite3_reset(s->stmt);
    (void)sqlite3_clear_bindings(s->stmt);
    s->bad = SQLITE_OK;
    s->touched = false;
}

int stmt_step(struct stmt *s, struct mef_error *reterr)
{
    s->touched = true;
    int code = s->bad != SQLITE_OK ? s->bad : sqlite3_step(s->stmt);

    if (code == SQLITE_ROW)
        return 1;
    if (code != SQLITE_DONE) {
        const char *file = sqlite3_db_filename(s->sql->handle, "main");
        int r = db_fail_code(code, file && *file ? file : "state.db", reterr,
                             sqlite3_stmt_readonly(s->stmt) ? "read" : "store a change");
        rewind_stmt(s);
        return r;
    }
    rewind_stmt(s);
    return 0;
}

int stmt_run(struct stmt *s, struct mef_error *reterr)
{
    int r;

    do {
        r = stmt_step(s, reterr);
    } while (r > 0);
    return r;
}

void stmt_done(struct stmt *s)
{
    if (s->kept) {
        if (s->touched)
            rewind_stmt(s);
        s->kept->used = false;
    } else if (s->stmt)
        (void)sqlite3_finalize(s->stmt);
    s->stmt = NULL;
    s->kept = NULL;
}

void sql_forget(struct sql *sql)
{
    while (sql->kept) {
        struct kept_stmt *k = sql->kept;

        sql->kept = k->next;
        (void)sqlite3_finalize(k->stmt);
        free(k);
    }
    sql->n_kept = 0;
}

int64_t stmt_col_int(const struct stmt *s, int i)
{
    return sqlite3_column_int64(s->stmt, i);
}

bool stmt_col_null(const struct stmt *s, int i)
{
    return sqlite3_column_type(s->stmt, i) == SQLITE_NULL;
}

int stmt_col_text(const struct stmt *s, int i, char **ret)
{
    if (stmt_col_null(s, i)) {
        *ret = NULL;
        return 0;
    }
    if (sqlite3_column_type(s->stmt, i) == SQLITE_BLOB)
        return -EBADMSG;
    const char *text = (const char *)sqlite3_column_text(s->stmt, i);
    int n = sqlite3_column_bytes(s->stmt, i);

    if (!text)
        return -ENOMEM;
    if (!str_utf8_valid(text, (size_t)n))
        return -EBADMSG;
    char *copy = strndup(text, (size_t)n);
    if (!copy)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

int stmt_col_blob(const struct stmt *s, int i, void *buf, size_t len)
{
    if (stmt_col_null(s, i))
        return -ENODATA;
    const void *data = sqlite3_column_blob(s->stmt, i);
    if (sqlite3_column_type(s->stmt, i) != SQLITE_BLOB || (size_t)sqlite3_column_bytes(s->stmt, i) != len)
        return -EBADMSG;
    if (len)
        memcpy(buf, data, len);
    return 0;
}

int db_exec(struct sql *sql, const char *text, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = prepare(&s, sql, text, 0, reterr);

    return r < 0 ? r : stmt_run(&s, reterr);
}
