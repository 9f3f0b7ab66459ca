/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store thread: order, rollback, refusals that leave the file alone, failures as words. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/mo-env.h"

static const char *const steps1[] = {"CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT) STRICT;", NULL};
static const char *const steps2[] = {"CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT) STRICT;",
                                     "ALTER TABLE t ADD COLUMN w INTEGER NOT NULL DEFAULT 5;", NULL};
static const struct db_piece piece1 = {"t", steps1}, piece2 = {"t", steps2};

struct fix {
    char *dir, *file;
    struct post *loop;
    struct db *db;
};

static int try_open(struct fix *f, const struct db_piece *piece, struct mef_error *err)
{
    *err = (struct mef_error){0};
    return db_open(f->dir, piece, 1, f->loop, &f->db, err);
}

static void must_open(struct fix *f, const struct db_piece *piece)
{
    struct mef_error err;

    if (try_open(f, piece, &err) < 0)
        g_error("%s", err.text);
}

static void setup(struct fix *f, gconstpointer data)
{
    g_autofree char *base = g_dir_make_tmp("db-XXXXXX", NULL);

    f->dir = g_build_filename(base, "state", NULL);
    f->file = g_build_filename(f->dir, "state.db", NULL);
    g_assert_cmpint(post_new(&f->loop), ==, 0);
}

static void teardown(struct fix *f, gconstpointer data)
{
    g_autofree char *base = g_path_get_dirname(f->dir);
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", base);

    db_close(f->db);
    post_run(f->loop);
    post_free(f->loop);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    g_free(f->dir);
    g_free(f->file);
}

/* ---- works ------------------------------------------------------------------------------------------------
 */

static int insert(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "INSERT INTO t(k,v) VALUES(?1,?2)", reterr);

    if (r < 0)
        return r;
    stmt_int(&s, 1, *(int *)ctx);
    stmt_text(&s, 2, "x");
    return stmt_run(&s, reterr);
}

static int insert_then_fail(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    int r = insert(sql, ctx, reterr);

    return r < 0 ? r : mef_fail(reterr, MEF_ERROR_NOT_FOUND, "no such thing");
}

static int insert_then_refuse(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    int r = insert(sql, ctx, reterr);

    return r < 0 ? r : 7;
}

static int count(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "SELECT count(*) FROM t", reterr);

    if (r == 0 && (r = stmt_step(&s, reterr)) > 0) {
        *(int *)ctx = (int)stmt_col_int(&s, 0);
        r = 0;
    }
    return r;
}

static int rows(struct fix *f)
{
    int n = -1;

    g_assert_cmpint(db_run(f->db, count, &n, NULL), ==, 0);
    return n;
}

static void test_run(struct fix *f, gconstpointer data)
{
    struct mef_error err = {0};
    struct stat st;
    int k = 1;

    must_open(f, &piece1);
    g_assert_cmpint(stat(f->file, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
    g_assert_cmpint(stat(f->dir, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0700);
    g_assert_cmpint(db_run(f->db, insert, &k, &err), ==, 0);
    k = 2;
    g_assert_cmpint(db_run(f->db, insert_then_fail, &k, &err), ==, -ENOENT);
    g_assert_cmpstr(err.text, ==, "no such thing");
    err = (struct mef_error){0};
    g_assert_cmpint(db_run(f->db, insert_then_refuse, &k, &err), ==, 7);
    g_assert_cmpint(err.word, ==, MEF_ERROR_FAILED);
    g_assert_cmpint(rows(f), ==, 1);
    k = 1;
    g_assert_cmpint(db_run(f->db, insert, &k, &err), <, 0); /* the same key again */
    g_assert_nonnull(strstr(err.text, f->file));
    g_assert_cmpint(rows(f), ==, 1);
}

struct asked {
    struct fix *f;
    pthread_t loop;
    int k, order, r;
    bool done;
};

static int finished;

static void asked_done(void *ctx, int r, const struct mef_error *err)
{
    struct asked *a = ctx;

    g_assert_true(pthread_equal(pthread_self(), a->loop));
    g_assert_false(a->done);
    g_assert_true((r == 0) == (err == NULL));
    a->done = true;
    a->r = r;
    a->order = finished++;
}

static int not_here(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct asked *a = ctx;
    sigset_t mask;

    g_assert_false(pthread_equal(pthread_self(), a->loop));
    g_assert_cmpint(pthread_sigmask(SIG_BLOCK, NULL, &mask), ==, 0);
    g_assert_true(sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD) && sigismember(&mask, SIGXFSZ));
    return insert(sql, &a->k, reterr);
}

/* Outcomes come on the loop thread, in order, only from post_run; a close finishes what is queued. */
static void test_submit(struct fix *f, gconstpointer data)
{
    struct asked a[20];

    must_open(f, &piece1);
    finished = 0;
    for (int i = 0; i < 20; i++) {
        a[i] = (struct asked){f, pthread_self(), i % 10, -1, 1, false};
        g_assert_cmpint(db_submit(f->db, not_here, asked_done, &a[i]), ==, 0);
    }
    g_assert_cmpint(finished, ==, 0);
    db_close(f->db);
    f->db = NULL;
    g_assert_cmpint(finished, ==, 0);
    post_run(f->loop);
    for (int i = 0; i < 20; i++) {
        g_assert_true(a[i].done);
        g_assert_cmpint(a[i].order, ==, i);
        g_assert_true((a[i].r == 0) == (i < 10));
    }
    must_open(f, &piece1);
    g_assert_cmpint(rows(f), ==, 10);
}

/* Outcomes that nobody fetched are dropped with the queue. */
static void test_dropped(struct fix *f, gconstpointer data)
{
    struct asked a = {f, pthread_self(), 1, -1, 1, false};

    must_open(f, &piece1);
    g_assert_cmpint(db_submit(f->db, not_here, asked_done, &a), ==, 0);
    db_close(f->db);
    f->db = NULL;
    post_free(f->loop);
    g_assert_false(a.done);
    g_assert_cmpint(post_new(&f->loop), ==, 0);
}

static void *from_worker(void *arg)
{
    struct asked *a = arg;

    for (int i = 0; i < 25; i++) {
        int k = a->k + i;
        g_assert_cmpint(db_run(a->f->db, insert, &k, NULL), ==, 0);
    }
    return NULL;
}

static void test_workers(struct fix *f, gconstpointer data)
{
    pthread_t t[4];
    struct asked a[4];

    must_open(f, &piece1);
    for (int i = 0; i < 4; i++) {
        a[i] = (struct asked){.f = f, .k = i * 100};
        g_assert_cmpint(pthread_create(&t[i], NULL, from_worker, &a[i]), ==, 0);
    }
    for (int i = 0; i < 4; i++)
        g_assert_cmpint(pthread_join(t[i], NULL), ==, 0);
    g_assert_cmpint(rows(f), ==, 100);
}

/* ---- opening
 * ------------------------------------------------------------------------------------------------ */

static void test_lock(struct fix *f, gconstpointer data)
{
    struct mef_error err;
    struct db *second = NULL;

    must_open(f, &piece1);
    err = (struct mef_error){0};
    g_assert_cmpint(db_open(f->dir, &piece1, 1, f->loop, &second, &err), ==, -EINPROGRESS);
    g_assert_null(second);
    g_assert_cmpint(err.word, ==, MEF_ERROR_IN_PROGRESS);
    g_assert_nonnull(strstr(err.text, f->dir));
    g_autofree char *pid = g_strdup_printf("(pid %d)", (int)getpid());
    g_assert_nonnull(strstr(err.text, pid));
    db_close(f->db);
    must_open(f, &piece1);
}

static void test_foreign(struct fix *f, gconstpointer data)
{
    static const char text[] =
        "these are the notes of somebody else, and they are longer than one hundred octets, "
        "so that a header could be read from them";
    struct mef_error err;
    g_autofree char *after = NULL, *other = NULL;
    gsize n, m;
    sqlite3 *sql;

    g_assert_cmpint(g_mkdir_with_parents(f->dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(f->file, text, -1, NULL));
    g_assert_cmpint(try_open(f, &piece1, &err), ==, -EIO);
    g_assert_nonnull(strstr(err.text, f->file));
    g_assert_nonnull(strstr(err.text, "not a database of mefclient"));
    g_assert_true(g_file_get_contents(f->file, &after, &n, NULL));
    g_assert_cmpmem(after, n, text, sizeof text - 1);

    /* A real database, of somebody else. */
    g_assert_cmpint(g_unlink(f->file), ==, 0);
    g_assert_cmpint(sqlite3_open(f->file, &sql), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(sql, "CREATE TABLE x(y); INSERT INTO x VALUES(1)", NULL, NULL, NULL), ==,
                    SQLITE_OK);
    sqlite3_close(sql);
    g_clear_pointer(&after, g_free);
    g_assert_true(g_file_get_contents(f->file, &after, &n, NULL));
    g_assert_cmpint(try_open(f, &piece1, &err), ==, -EIO);
    g_assert_nonnull(strstr(err.text, "not a database of mefclient"));
    g_assert_true(g_file_get_contents(f->file, &other, &m, NULL));
    g_assert_cmpmem(after, n, other, m);

    /* A link, a directory. */
    g_assert_cmpint(g_unlink(f->file), ==, 0);
    g_assert_cmpint(symlink("/dev/null", f->file), ==, 0);
    g_assert_cmpint(try_open(f, &piece1, &err), ==, -EIO);
    g_assert_cmpint(g_unlink(f->file), ==, 0);
    g_assert_cmpint(g_mkdir(f->file, 0700), ==, 0);
    g_assert_cmpint(try_open(f, &piece1, &err), ==, -EIO);
    g_assert_nonnull(strstr(err.text, f->file));
    g_assert_cmpint(g_rmdir(f->file), ==, 0);
    must_open(f, &piece1);
}

static void set_raw(const char *file, const char *statement)
{
    sqlite3 *sql;

    g_assert_cmpint(sqlite3_open(file, &sql), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(sql, statement, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(sql);
}

static void test_versions(struct fix *f, gconstpointer data)
{
    struct mef_error err;
    int k = 1;

    must_open(f, &piece1);
    g_assert_cmpint(db_run(f->db, insert, &k, NULL), ==, 0);
    db_close(f->db);
    f->db = NULL;
    must_open(f, &piece2); /* upward, rows kept */
    g_assert_cmpint(rows(f), ==, 1);
    db_close(f->db);
    f->db = NULL;
    g_assert_cmpint(try_open(f, &piece1, &err), ==, -EIO);
    g_assert_nonnull(strstr(err.text, "newer version"));
    g_assert_nonnull(strstr(err.text, f->file));
    must_open(f, &piece2);
    g_assert_cmpint(rows(f), ==, 1);
    db_close(f->db);
    f->db = NULL;
    set_raw(f->file, "PRAGMA user_version=2");
    g_assert_cmpint(try_open(f, &piece2, &err), ==, -EIO);
    g_assert_nonnull(strstr(err.text, "newer version"));
    set_raw(f->file, "PRAGMA user_version=1");
    must_open(f, &piece2);
}

static void test_damaged(struct fix *f, gconstpointer data)
{
    struct mef_error err;
    int fd;
    char noise[512];

    must_open(f, &piece1);
    for (int k = 0; k < 200; k++)
        g_assert_cmpint(db_run(f->db, insert, &k, NULL), ==, 0);
    db_close(f->db);
    f->db = NULL;
    memset(noise, 0x5a, sizeof noise);
    fd = open(f->file, O_RDWR);
    g_assert_cmpint(fd, >=, 0);
    for (off_t at = 4096; at < lseek(fd, 0, SEEK_END); at += 4096)
        g_assert_cmpint(pwrite(fd, noise, sizeof noise, at), ==, sizeof noise);
    close(fd);
    g_assert_cmpint(try_open(f, &piece1, &err), ==, -EIO);
    g_assert_nonnull(strstr(err.text, f->file));
    g_assert_nonnull(strstr(err.text, "damaged"));
}

/* ---- failing disks
 * -------------------------------------------------------------------------------------------- */

static int fill(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "INSERT INTO t(v) VALUES(hex(zeroblob(100000)))", reterr);

    for (int i = 0; r == 0 && i < 100; i++)
        r = stmt_run(&s, reterr);
    return r;
}

static int cap(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    return db_exec(sql, "PRAGMA max_page_count=20", reterr);
}

static void test_full(struct fix *f, gconstpointer data)
{
    struct mef_error err = {0};
    int k = 1;

    must_open(f, &piece1);
    g_assert_cmpint(db_run(f->db, cap, NULL, NULL), ==, 0);
    g_assert_cmpint(db_run(f->db, fill, NULL, &err), ==, -EIO);
    g_assert_cmpint(err.word, ==, MEF_ERROR_FAILED);
    g_assert_nonnull(strstr(err.text, "full"));
    g_assert_nonnull(strstr(err.text, f->file));
    g_assert_cmpint(rows(f), ==, 0);
    g_assert_cmpint(db_run(f->db, insert, &k, NULL), ==, 0); /* goes on with what fits */
    g_assert_cmpint(rows(f), ==, 1);
}

/* The kernel refuses to let the file grow: a real write error in the middle of a commit. */
static void test_write_error(struct fix *f, gconstpointer data)
{
    struct rlimit old, small;
    struct mef_error err = {0};
    int k = 1, r;

    must_open(f, &piece1);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
    small = old;
    small.rlim_cur = 256 * 1024;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
    r = db_run(f->db, fill, NULL, &err);
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
    g_assert_cmpint(r, ==, -EIO);
    g_assert_cmpint(err.word, ==, MEF_ERROR_FAILED);
    g_assert_nonnull(strstr(err.text, f->file));
    g_assert_cmpint(rows(f), ==, 0);
    g_assert_cmpint(db_run(f->db, insert, &k, NULL), ==, 0);
}

static int read_only(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    return db_exec(sql, "PRAGMA query_only=1", reterr);
}

static void test_read_only(struct fix *f, gconstpointer data)
{
    struct mef_error err = {0};
    int k = 1;

    must_open(f, &piece1);
    g_assert_cmpint(db_run(f->db, read_only, NULL, NULL), ==, 0);
    g_assert_cmpint(db_run(f->db, insert, &k, &err), ==, -EROFS);
    g_assert_cmpint(err.word, ==, MEF_ERROR_READ_ONLY);
    g_assert_nonnull(strstr(err.text, f->file));
}

/* As somebody who may not write there; root may write anywhere, so a child becomes nobody. */
static void test_no_permission(struct fix *f, gconstpointer data)
{
    int status;

    g_assert_cmpint(g_mkdir_with_parents(f->dir, 0700), ==, 0);
    g_assert_cmpint(g_chmod(f->dir, 0555), ==, 0);
    g_autofree char *base = g_path_get_dirname(f->dir);
    g_assert_cmpint(g_chmod(base, 0755), ==, 0);
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        struct mef_error err;
        if (getuid() == 0 && setuid(65534) < 0)
            _exit(77);
        int r = try_open(f, &piece1, &err);
        _exit(r == -EROFS && err.word == MEF_ERROR_READ_ONLY && strstr(err.text, f->dir) ? 0 : 1);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    g_assert_cmpint(g_chmod(f->dir, 0755), ==, 0);
}

static int text_and_blob(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    _cleanup_(freep) char *text = NULL, *null = NULL, *bad = NULL;
    uint8_t blob[4] = {0};
    int r = stmt_prepare(&s, sql, "SELECT ?1, ?2, ?3, ?4, CAST(x'ff41' AS TEXT)", reterr);

    if (r < 0)
        return r;
    stmt_text(&s, 1, "grün");
    stmt_text(&s, 2, NULL);
    stmt_blob(&s, 3, "\1\2\3\4", 4);
    stmt_int(&s, 4, INT64_C(-5000000000));
    g_assert_cmpint(stmt_step(&s, reterr), ==, 1);
    g_assert_cmpint(stmt_col_text(&s, 0, &text), ==, 0);
    g_assert_cmpstr(text, ==, "grün");
    g_assert_cmpint(stmt_col_text(&s, 1, &null), ==, 0);
    g_assert_null(null);
    g_assert_true(stmt_col_null(&s, 1));
    g_assert_cmpint(stmt_col_blob(&s, 2, blob, 4), ==, 0);
    g_assert_cmpmem(blob, 4, "\1\2\3\4", 4);
    g_assert_cmpint(stmt_col_blob(&s, 2, blob, 3), ==, -EBADMSG);
    g_assert_cmpint(stmt_col_blob(&s, 1, blob, 4), ==, -ENODATA);
    g_assert_cmpint(stmt_col_int(&s, 3), ==, INT64_C(-5000000000));
    g_assert_cmpint(stmt_col_text(&s, 4, &bad), ==, -EBADMSG);
    g_assert_cmpint(stmt_step(&s, reterr), ==, 0);
    g_assert_cmpint(stmt_prepare(&(struct stmt){0}, sql, "SELECT nonsense", reterr), <, 0);
    return 0;
}

static void test_columns(struct fix *f, gconstpointer data)
{
    must_open(f, &piece1);
    g_assert_cmpint(db_run(f->db, text_and_blob, NULL, NULL), ==, 0);
}

/* Statements are used again: never one that is in use, and never one of another text at the same address. */
static int kept_statements(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    static const char text[] = "SELECT ?1";
    char changing[32];

    for (int round = 0; round < 3; round++) {
        _cleanup_(stmt_done) struct stmt outer = {0}, inner = {0};
        g_assert_cmpint(stmt_prepare(&outer, sql, text, reterr), ==, 0);
        stmt_int(&outer, 1, 1);
        g_assert_cmpint(stmt_prepare(&inner, sql, text, reterr), ==, 0);
        g_assert_cmpint(stmt_step(&inner, reterr), ==, 1);
        g_assert_true(stmt_col_null(&inner, 0)); /* nothing is left of the round before */
        g_assert_cmpint(stmt_step(&outer, reterr), ==, 1);
        g_assert_cmpint(stmt_col_int(&outer, 0), ==, 1);
    }
    for (int i = 0; i < 100; i++) { /* more than are kept */
        _cleanup_(stmt_done) struct stmt s = {0};
        g_snprintf(changing, sizeof changing, "SELECT %d", i % 40);
        g_assert_cmpint(stmt_prepare(&s, sql, changing, reterr), ==, 0);
        g_assert_cmpint(stmt_step(&s, reterr), ==, 1);
        g_assert_cmpint(stmt_col_int(&s, 0), ==, i % 40);
    }
    return 0;
}

static void test_kept(struct fix *f, gconstpointer data)
{
    must_open(f, &piece1);
    g_assert_cmpint(db_run(f->db, kept_statements, NULL, NULL), ==, 0);
    g_assert_cmpint(db_read(f->db, kept_statements, NULL, NULL), ==, 0);
}

#define ADD(path, fn) g_test_add(path, struct fix, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    (void)signal(SIGXFSZ, SIG_IGN);
    ADD("/mo/db/run", test_run);
    ADD("/mo/db/submit", test_submit);
    ADD("/mo/db/dropped", test_dropped);
    ADD("/mo/db/workers", test_workers);
    ADD("/mo/db/lock", test_lock);
    ADD("/mo/db/foreign", test_foreign);
    ADD("/mo/db/versions", test_versions);
    ADD("/mo/db/damaged", test_damaged);
    ADD("/mo/db/full", test_full);
    ADD("/mo/db/write-error", test_write_error);
    ADD("/mo/db/read-only", test_read_only);
    ADD("/mo/db/no-permission", test_no_permission);
    ADD("/mo/db/columns", test_columns);
    ADD("/mo/db/kept-statements", test_kept);
    return g_test_run();
}
