/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prepared statements, and SQLite's errors as words and sentences. Thread: the store's (or whoever opens). */
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/mo/db.h"

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

int db_fail(sqlite3 *sql, struct mef_error *reterr, const char *what)
{
    const char *file = sqlite3_db_filename(sql, "main");
    int code = sqlite3_extended_errcode(sql);

    return db_fail_code(code, file && *file ? file : "state.db", reterr, what);
}

int stmt_prepare(struct stmt *s, sqlite3 *sql, const char *text, struct mef_error *reterr)
{
    s->sql = sql;
    s->bad = SQLITE_OK;
    if (sqlite3_prepare_v2(sql, text, -1, &s->stmt, NULL) != SQLITE_OK)
        return db_fail(sql, reterr, "prepare a statement");
    return 0;
}

static void note(struct stmt *s, int code)
{
    if (code != SQLITE_OK && s->bad == SQLITE_OK)
        s->bad = code;
}

void stmt_text(struct stmt *s, int i, const char *text)
{
    note(s, text ? sqlite3_bind_text(s->stmt, i, text, -1, SQLITE_TRANSIENT) : sqlite3_bind_null(s->stmt, i));
}

void stmt_int(struct stmt *s, int i, int64_t value)
{
    note(s, sqlite3_bind_int64(s->stmt, i, value));
}

void stmt_blob(struct stmt *s, int i, const void *data, size_t len)
{
    note(s,
         data ? sqlite3_bind_blob64(s->stmt, i, data, len, SQLITE_TRANSIENT) : sqlite3_bind_null(s->stmt, i));
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
}

int stmt_step(struct stmt *s, struct mef_error *reterr)
{
    const char *file = sqlite3_db_filename(s->sql, "main");
    int code = s->bad != SQLITE_OK ? s->bad : sqlite3_step(s->stmt);

    if (code == SQLITE_ROW)
        return 1;
    if (code != SQLITE_DONE) {
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
    if (s->stmt)
        (void)sqlite3_finalize(s->stmt);
    s->stmt = NULL;
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

int db_exec(sqlite3 *sql, const char *text, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, text, reterr);

    return r < 0 ? r : stmt_run(&s, reterr);
}
