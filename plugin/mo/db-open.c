/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens the state database: one process per directory, a file that is ours or nothing, tables brought up to
 * date in one transaction. Runs in the thread that calls db_open. */
#include "plugin/mo/db-open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "plugin/base/str.h"

#define APPLICATION_ID 0x4D454663 /* "MEFc" */
#define FILE_VERSION   1
#define SQLITE_HEADER  100 /* octets */

static int fail_errno(struct mef_error *reterr, int error, const char *what, const char *file)
{
    bool denied = error == EROFS || error == EACCES || error == EPERM;

    return mef_fail(reterr, denied ? MEF_ERROR_READ_ONLY : MEF_ERROR_FAILED, "cannot %s '%s': %s%s", what,
                    file, strerrordesc_np(error),
                    denied ? "; the state directory must be writable for this user" : "");
}

static int take_lock(struct db_file *f, const char *dir, struct mef_error *reterr)
{
    _cleanup_(freep) char *path = NULL;
    _cleanup_(closep) int fd = -1;
    char pid[16] = "";

    if (asprintf(&path, "%s/lock", dir) < 0) {
        path = NULL;
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_errno(reterr, errno, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return fail_errno(reterr, errno, "lock", path);
        ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
        return mef_fail(
            reterr, MEF_ERROR_IN_PROGRESS,
            "the state directory '%s' is in use by another process%s%s%s; end it or choose another directory",
            dir, *pid ? " (pid " : "", pid, *pid ? ")" : "");
    }
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    /* Only a hint for the sentence above: a full disk must not keep us from starting. */
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) < 0)
        pid[0] = '\0';
    f->lock = TAKE_FD(fd);
    return 0;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int fail_foreign(const char *path, struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_FAILED,
                    "'%s' is not a database of mefclient and was left untouched; move it away or choose "
                    "another state directory",
                    path);
}

static int fail_newer(const char *path, const char *what, int64_t found, int64_t known,
                      struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_FAILED,
                    "'%s' was written by a newer version of mefclient (%s %lld, this one knows %lld) and was "
                    "left untouched",
                    path, what, (long long)found, (long long)known);
}

/* Looks at the raw header, so that SQLite never opens (and so never touches) a file that is not ours. */
static int check_header(const char *path, struct mef_error *reterr)
{
    _cleanup_(closep) int fd = -1;
    _cleanup_(freep) char *journal = NULL;
    uint8_t head[SQLITE_HEADER];
    struct stat st;

    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return errno == ELOOP || errno == EISDIR ? fail_foreign(path, reterr)
                                                 : fail_errno(reterr, errno, "open", path);
    if (fstat(fd, &st) < 0)
        return fail_errno(reterr, errno, "look at", path);
    if (!S_ISREG(st.st_mode))
        return fail_foreign(path, reterr);
    if (asprintf(&journal, "%s-journal", path) < 0) {
        journal = NULL;
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    /* Empty: made just now, or a start that was cut. With a journal SQLite has something to undo first. */
    if (st.st_size > 0 && access(journal, F_OK) < 0) {
        if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head ||
            memcmp(head, "SQLite format 3", 16) != 0 || be32(head + 68) != APPLICATION_ID)
            return fail_foreign(path, reterr);
        if (be32(head + 60) > FILE_VERSION)
            return fail_newer(path, "format", be32(head + 60), FILE_VERSION, reterr);
    }
    if ((st.st_mode & 0077) && fchmod(fd, 0600) < 0)
        return fail_errno(reterr, errno, "restrict", path);
    return 0;
}

static int query_int(struct sql *sql, const char *text, int64_t *ret, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, text, reterr);

    if (r == 0)
        r = stmt_step(&s, reterr);
    if (r < 0)
        return r;
    *ret = r > 0 ? stmt_col_int(&s, 0) : 0;
    return 0;
}

static int check_integrity(struct db_file *f, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    _cleanup_(freep) char *text = NULL;
    int r = stmt_prepare(&s, &f->sql, "PRAGMA quick_check(1)", reterr);

    if (r == 0)
        r = stmt_step(&s, reterr);
    if (r < 0)
        return r;
    if (r == 0 || stmt_col_text(&s, 0, &text) < 0 || !streq0(text, "ok"))
        return mef_fail(reterr, MEF_ERROR_FAILED,
                        "'%s' is damaged (%s); restore a copy of it or move it away", f->path,
                        text ? text : "no answer");
    return 0;
}

static int raise_piece(struct db_file *f, const struct db_piece *piece, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt get = {0}, put = {0};
    int64_t have = 0, known = 0;
    int r;

    while (piece->steps[known])
        known++;
    r = stmt_prepare(&get, &f->sql, "SELECT version FROM piece WHERE name=?1", reterr);
    if (r < 0)
        return r;
    stmt_text(&get, 1, piece->name);
    r = stmt_step(&get, reterr);
    if (r < 0)
        return r;
    if (r > 0)
        have = stmt_col_int(&get, 0);
    stmt_done(&get);
    if (have > known || have < 0) {
        char what[64];
        (void)snprintf(what, sizeof what, "tables '%.32s' version", piece->name);
        return fail_newer(f->path, what, have, known, reterr);
    }
    for (; have < known; have++)
        if (sqlite3_exec(f->sql.handle, piece->steps[have], NULL, NULL, NULL) != SQLITE_OK)
            return db_fail(&f->sql, reterr, "make tables");
    r = stmt_prepare(&put, &f->sql,
                     "INSERT INTO piece VALUES(?1,?2) ON CONFLICT(name) DO UPDATE SET version=?2"
                     " WHERE version<>?2",
                     reterr);
    if (r < 0)
        return r;
    stmt_text(&put, 1, piece->name);
    stmt_int(&put, 2, known);
    return stmt_run(&put, reterr);
}

static int raise_tables(struct db_file *f, const struct db_piece *pieces, size_t n, struct mef_error *reterr)
{
    static const char ours[] =
        "PRAGMA application_id=0x4D454663; PRAGMA user_version=1;"
        "CREATE TABLE IF NOT EXISTS piece(name TEXT PRIMARY KEY, version INTEGER NOT NULL)"
        " STRICT, WITHOUT ROWID;";
    int64_t id = 0, version = 0, schema = 0;
    int r;

    r = query_int(&f->sql, "PRAGMA application_id", &id, reterr);
    if (r == 0)
        r = query_int(&f->sql, "PRAGMA user_version", &version, reterr);
    if (r == 0)
        r = query_int(&f->sql, "SELECT count(*) FROM sqlite_schema", &schema, reterr);
    if (r < 0)
        return r;
    if (id != APPLICATION_ID && (id || version || schema))
        return fail_foreign(f->path, reterr);
    if (version > FILE_VERSION)
        return fail_newer(f->path, "format", version, FILE_VERSION, reterr);
    r = db_exec(&f->sql, "BEGIN IMMEDIATE", reterr);
    if (r < 0)
        return r;
    if (id != APPLICATION_ID && sqlite3_exec(f->sql.handle, ours, NULL, NULL, NULL) != SQLITE_OK)
        r = db_fail(&f->sql, reterr, "make tables");
    for (size_t i = 0; r == 0 && i < n; i++)
        r = raise_piece(f, &pieces[i], reterr);
    if (r == 0)
        r = db_exec(&f->sql, "COMMIT", reterr);
    if (r < 0 && !sqlite3_get_autocommit(f->sql.handle))
        (void)sqlite3_exec(f->sql.handle, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

static int open_sql(struct db_file *f, const struct db_piece *pieces, size_t n, struct mef_error *reterr)
{
    /* locking by flock makes a second writer impossible; the timeout is for a person with a shell. */
    static const char *const before[] = {"PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF",
                                         "PRAGMA cell_size_check=ON", "PRAGMA secure_delete=ON",
                                         "PRAGMA temp_store=MEMORY"};
    static const char *const after[] = {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                                        "PRAGMA journal_size_limit=4194304"};
    int r = 0;

    int code = sqlite3_open_v2(
        f->path, &f->sql.handle,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK)
        return db_fail_code(code, f->path, reterr, "open the database");
    (void)sqlite3_busy_timeout(f->sql.handle, 5000);
    (void)sqlite3_db_config(f->sql.handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    for (size_t i = 0; r == 0 && i < ELEMENTS(before); i++)
        r = db_exec(&f->sql, before[i], reterr);
    if (r == 0)
        r = check_integrity(f, reterr);
    if (r == 0)
        r = raise_tables(f, pieces, n, reterr);
    /* WAL comes last: up to here a new file has all its marks in the main file, where check_header looks. */
    for (size_t i = 0; r == 0 && i < ELEMENTS(after); i++)
        r = db_exec(&f->sql, after[i], reterr);
    return r;
}

int db_file_open(struct db_file *f, const char *state_dir, const struct db_piece *pieces, size_t n_pieces,
                 struct mef_error *reterr)
{
    _cleanup_(freep) char *dir = NULL;
    int r;

    *f = (struct db_file){.lock = -1};
    if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
        return fail_errno(reterr, errno, "make the state directory", state_dir);
    /* SQLITE_OPEN_NOFOLLOW judges every element; links above the directory are the administrator's. */
    dir = realpath(state_dir, NULL);
    if (!dir)
        return fail_errno(reterr, errno, "find the state directory", state_dir);
    if (asprintf(&f->path, "%s/state.db", dir) < 0) {
        f->path = NULL;
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    r = take_lock(f, dir, reterr);
    if (r == 0)
        r = check_header(f->path, reterr);
    if (r == 0)
        r = open_sql(f, pieces, n_pieces, reterr);
    if (r < 0)
        db_file_close(f);
    return r;
}

void db_file_close(struct db_file *f)
{
    sql_forget(&f->sql);
    if (f->sql.handle)
        (void)sqlite3_close(f->sql.handle);
    free(f->path);
    if (f->lock >= 0)
        close(f->lock);
    *f = (struct db_file){.lock = -1};
}
