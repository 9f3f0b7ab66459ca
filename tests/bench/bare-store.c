/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "plugin/bindings.h"
#include "plugin/journal-store.h"
#include "tests/bench/bare-store.h"

#define NODE "mef1"

static void run(sqlite3 *sql, const char *text)
{
    if (sqlite3_exec(sql, text, NULL, NULL, NULL) != SQLITE_OK)
        g_error("%s: %s", text, sqlite3_errmsg(sql));
}

static sqlite3_stmt *prepare(sqlite3 *sql, const char *text)
{
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v3(sql, text, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK)
        g_error("%s: %s", text, sqlite3_errmsg(sql));
    return s;
}

/* The pragmas are those of plugin/mo/db-open.c. */
void bare_store_open(struct bare_store *s, const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "state.db", NULL);
    if (sqlite3_open_v2(path, &s->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        g_error("%s: %s", path, sqlite3_errmsg(s->sql));
    run(s->sql, "PRAGMA foreign_keys=ON;PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON;"
                "PRAGMA secure_delete=ON;PRAGMA temp_store=MEMORY");
    run(s->sql, journal_piece.steps[0]); /* the tables; nothing is looked up, so there is no index */
    run(s->sql, journal_piece.steps[2]); /* columns of a key */
    for (size_t i = 0; bindings_piece.steps[i]; i++)
        run(s->sql, bindings_piece.steps[i]);
    run(s->sql, "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA journal_size_limit=4194304");
    s->begin = prepare(s->sql, "BEGIN IMMEDIATE");
    s->commit = prepare(s->sql, "COMMIT");
    s->command = prepare(s->sql, "INSERT OR REPLACE INTO command(node,serial,cid,body,state,class_id,csc,"
                                 "reissued,received,finished,reported) VALUES(?1,?2,?3,?4,?5,2,41,0,1,1,1)");
    s->registration = prepare(
        s->sql, "INSERT OR REPLACE INTO registration(node,state,reg_id,cmd_to,client_id,expires,"
                "last_update_cid,last_update_csc,repeats,next_poll,last_contact,retry_count,deregistered,"
                "credentials_gone) VALUES(?1,2,'mecr-7f3a21','//mef.example.com/-/mecr-7f3a21/cmd',"
                "'//m2m.example.com/gw42',1,?2,41,0,0,1,0,0,0)");
    s->key = prepare(s->sql, "INSERT OR REPLACE INTO token_object(kind,id,owner,label,state,profile,path,"
                             "registered,expires) VALUES(4,?1,?2,?1,?3,?4,"
                             "'./DCFG/authenticationProfile/ap-1',1,1)");
    s->binding = prepare(s->sql, "INSERT OR REPLACE INTO node_binding(node,credential,expires) "
                                 "VALUES(?1,?2,1)");
}

void bare_store_close(struct bare_store *s)
{
    sqlite3_finalize(s->begin);
    sqlite3_finalize(s->commit);
    sqlite3_finalize(s->command);
    sqlite3_finalize(s->registration);
    sqlite3_finalize(s->key);
    sqlite3_finalize(s->binding);
    g_assert_cmpint(sqlite3_close(s->sql), ==, SQLITE_OK);
}

static void step(struct bare_store *s, sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE)
        g_error("%s: %s", sqlite3_sql(stmt), sqlite3_errmsg(s->sql));
    sqlite3_reset(stmt);
}

void bare_store_save(struct bare_store *s, int64_t serial, const char *cid, const char *body, int state)
{
    step(s, s->begin);
    sqlite3_bind_text(s->command, 1, NODE, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s->command, 2, serial);
    sqlite3_bind_text(s->command, 3, cid, -1, SQLITE_STATIC);
    sqlite3_bind_text(s->command, 4, body, -1, SQLITE_STATIC);
    sqlite3_bind_int(s->command, 5, state);
    step(s, s->command);
    sqlite3_bind_text(s->registration, 1, NODE, -1, SQLITE_STATIC);
    sqlite3_bind_text(s->registration, 2, cid, -1, SQLITE_STATIC);
    step(s, s->registration);
    step(s, s->commit);
}

void bare_store_key(struct bare_store *s, int64_t profile, const char *name, bool tied)
{
    step(s, s->begin);
    sqlite3_bind_text(s->key, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(s->key, 2, NODE, -1, SQLITE_STATIC);
    sqlite3_bind_int(s->key, 3, tied);
    sqlite3_bind_int64(s->key, 4, profile);
    step(s, s->key);
    if (tied) {
        sqlite3_bind_int64(s->binding, 1, profile);
        sqlite3_bind_text(s->binding, 2, name, -1, SQLITE_STATIC);
        step(s, s->binding);
    }
    step(s, s->commit);
}
