/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store thread: a queue of works, each in a transaction of its own; outcomes go to the loop through
 * `struct post`. The opening part runs in the thread that calls db_open, before the store thread exists.
 * Owns the connection, the lock file and the queue. */
#include "plugin/mo/db.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "plugin/base/str.h"
#include "plugin/mo/db-open.h"

#define NSEC_PER_SEC 1000000000L
#define REST_NSEC    (NSEC_PER_SEC / 2)

struct job {
    struct job *next;
    pthread_t owner; /* the store thread, once it has run */
    db_work work;
    db_done done;
    void *ctx;
    int r;
    struct mef_error err;
    bool plain;  /* db_read: no transaction of ours */
    bool waited; /* db_run: somebody waits on the condition; the job is on their stack */
    bool finished;
};

struct db {
    struct db_file file;
    struct post *loop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work_there, work_done;
    struct job *first, **last;
    bool stopping;
};

static int begin_or_end(struct sql *sql, const char *text, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, text, reterr);

    return r < 0 ? r : stmt_run(&s, reterr);
}

/* The COMMIT failed, maybe in its very last step: then its frames are in the log, with the mark of a commit,
 * and the next opening would take them for one. A transaction that changes nothing takes their place in the
 * file; whether it is synced does not matter. */
static void outwrite(sqlite3 *sql)
{
    (void)sqlite3_exec(sql, "BEGIN IMMEDIATE; PRAGMA user_version=1; COMMIT", NULL, NULL, NULL);
    if (!sqlite3_get_autocommit(sql))
        (void)sqlite3_exec(sql, "ROLLBACK", NULL, NULL, NULL);
}

static void run_transaction(struct db *db, struct job *j)
{
    struct sql *sql = &db->file.sql;
    bool committing = false;

    j->r = j->plain ? 0 : begin_or_end(sql, "BEGIN IMMEDIATE", &j->err);
    if (j->r == 0) {
        j->r = j->work(sql, j->ctx, &j->err);
        committing = j->r == 0 && !j->plain;
        if (committing)
            j->r = begin_or_end(sql, "COMMIT", &j->err);
    }
    /* A full disk may have rolled back by itself. */
    if (j->r != 0 && !sqlite3_get_autocommit(sql->handle))
        (void)sqlite3_exec(sql->handle, "ROLLBACK", NULL, NULL, NULL);
    if (j->r != 0 && committing)
        outwrite(sql->handle);
    if (j->r != 0 && j->err.word == MEF_ERROR_NONE)
        (void)mef_fail(&j->err, MEF_ERROR_FAILED, "cannot store a change in '%s'%s%s", db->file.path,
                       j->r < 0 ? ": " : "", j->r < 0 ? strerrordesc_np(-j->r) : "");
}

static void deliver(void *ctx, void *data)
{
    struct job *j = data;

    j->done(j->ctx, j->r, j->r ? &j->err : NULL);
}

/* Called by post: behind deliver() or by post_free() on the loop thread, where the job ends; and by a
 * post_send() on our own thread that had no memory, which we try again. */
static void drop_job(void *data)
{
    struct job *j = data;

    if (!pthread_equal(pthread_self(), j->owner))
        free(j);
}

static void finish(struct db *db, struct job *j)
{
    if (j->waited) {
        (void)pthread_mutex_lock(&db->lock);
        j->finished = true;
        (void)pthread_cond_broadcast(&db->work_done);
        (void)pthread_mutex_unlock(&db->lock);
        return;
    }
    if (!j->done) {
        free(j);
        return;
    }
    j->owner = pthread_self();
    /* The promise "exactly once" outlives a moment without memory. */
    while (post_send(db->loop, deliver, NULL, j, drop_job) == -ENOMEM)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

/* The lock is held. Once there was nothing to do for a moment the statements and pages that SQLite keeps are
 * given up: the next work may come in a day, and finds them in the system's cache. */
static void rest(struct db *db, bool *worked)
{
    struct timespec until;

    if (!*worked) {
        (void)pthread_cond_wait(&db->work_there, &db->lock);
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += REST_NSEC;
    until.tv_sec += until.tv_nsec / NSEC_PER_SEC;
    until.tv_nsec %= NSEC_PER_SEC;
    if (pthread_cond_clockwait(&db->work_there, &db->lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT || db->first)
        return;
    *worked = false;
    (void)pthread_mutex_unlock(&db->lock);
    sql_forget(&db->file.sql);
    (void)sqlite3_db_release_memory(db->file.sql.handle);
    (void)pthread_mutex_lock(&db->lock);
}

static void *store_thread(void *arg)
{
    struct db *db = arg;
    bool worked = true; /* it was opened */

    (void)pthread_mutex_lock(&db->lock);
    for (;;) {
        struct job *j = db->first;

        if (!j) {
            if (db->stopping)
                break;
            rest(db, &worked);
            continue;
        }
        db->first = j->next;
        if (!db->first)
            db->last = &db->first;
        (void)pthread_mutex_unlock(&db->lock);
        worked = true;
        run_transaction(db, j);
        finish(db, j);
        (void)pthread_mutex_lock(&db->lock);
    }
    (void)pthread_mutex_unlock(&db->lock);
    return NULL;
}

static int start_thread(struct db *db)
{
    sigset_t all, old;

    (void)sigfillset(&all);
    int r = pthread_sigmask(SIG_SETMASK, &all, &old);
    if (r != 0)
        return -r;
    r = pthread_create(&db->thread, NULL, store_thread, db);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r == 0)
        (void)pthread_setname_np(db->thread, "mef-store");
    return -r;
}

int db_open(const char *state_dir, const struct db_piece *pieces, size_t n_pieces, struct post *loop,
            struct db **ret, struct mef_error *reterr)
{
    struct db *db = calloc(1, sizeof *db);

    if (!db)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    db->loop = loop;
    db->last = &db->first;
    int r = db_file_open(&db->file, state_dir, pieces, n_pieces, reterr);
    if (r < 0) {
        free(db);
        return r;
    }
    (void)pthread_mutex_init(&db->lock, NULL);
    (void)pthread_cond_init(&db->work_there, NULL);
    (void)pthread_cond_init(&db->work_done, NULL);
    r = start_thread(db);
    if (r < 0) {
        r = mef_fail(reterr, MEF_ERROR_FAILED, "cannot start the store thread: %s", strerrordesc_np(-r));
        db_file_close(&db->file);
        free(db);
        return r;
    }
    *ret = db;
    return 0;
}

static void enqueue(struct db *db, struct job *j)
{
    (void)pthread_mutex_lock(&db->lock);
    *db->last = j;
    db->last = &j->next;
    (void)pthread_cond_signal(&db->work_there);
    (void)pthread_mutex_unlock(&db->lock);
}

int db_submit(struct db *db, db_work work, db_done done, void *ctx)
{
    struct job *j = calloc(1, sizeof *j);

    if (!j)
        return -ENOMEM;
    j->work = work;
    j->done = done;
    j->ctx = ctx;
    enqueue(db, j);
    return 0;
}

static int run_and_wait(struct db *db, struct job *j, struct mef_error *reterr)
{
    enqueue(db, j);
    (void)pthread_mutex_lock(&db->lock);
    while (!j->finished)
        (void)pthread_cond_wait(&db->work_done, &db->lock);
    (void)pthread_mutex_unlock(&db->lock);
    if (j->r != 0 && reterr)
        *reterr = j->err;
    return j->r;
}

int db_run(struct db *db, db_work work, void *ctx, struct mef_error *reterr)
{
    return run_and_wait(db, &(struct job){.work = work, .ctx = ctx, .waited = true}, reterr);
}

int db_read(struct db *db, db_work work, void *ctx, struct mef_error *reterr)
{
    return run_and_wait(db, &(struct job){.work = work, .ctx = ctx, .waited = true, .plain = true}, reterr);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    (void)pthread_mutex_lock(&db->lock);
    db->stopping = true;
    (void)pthread_cond_signal(&db->work_there);
    (void)pthread_mutex_unlock(&db->lock);
    (void)pthread_join(db->thread, NULL);
    db_file_close(&db->file);
    (void)pthread_cond_destroy(&db->work_done);
    (void)pthread_cond_destroy(&db->work_there);
    (void)pthread_mutex_destroy(&db->lock);
    free(db);
}

const char *db_path(const struct db *db)
{
    return db->file.path;
}
