/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registrations and commands in SQLite (mef-protocol.md 3.4.4; design.md 4 "Exactly once"). Each port call is
 * one transaction on the store thread; it has been synced when the call returns. */
#include "plugin/journal-store.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "policy/status.h"

static const char *const steps[] = {
    "CREATE TABLE registration("
    " node TEXT PRIMARY KEY NOT NULL, state INTEGER NOT NULL, reg_id TEXT, cmd_to TEXT, client_id TEXT,"
    " expires INTEGER NOT NULL, create_rqi TEXT, create_body TEXT, cert_id BLOB, last_update_cid TEXT,"
    " last_update_csc INTEGER NOT NULL, repeats INTEGER NOT NULL, next_poll INTEGER NOT NULL,"
    " last_contact INTEGER NOT NULL, retry_count INTEGER NOT NULL, deregistered INTEGER NOT NULL,"
    " credentials_gone INTEGER NOT NULL, config_json TEXT) WITHOUT ROWID;"
    "CREATE TABLE command("
    " node TEXT NOT NULL, serial INTEGER NOT NULL, cid TEXT NOT NULL, body TEXT NOT NULL, state INTEGER NOT "
    "NULL,"
    " class_id INTEGER NOT NULL, csc INTEGER NOT NULL, reissued INTEGER NOT NULL, cert_id BLOB,"
    " received INTEGER NOT NULL, finished INTEGER NOT NULL, reported INTEGER NOT NULL, txid TEXT, detail "
    "TEXT,"
    " PRIMARY KEY(node, serial)) WITHOUT ROWID;"
    "CREATE TABLE token_object("
    " kind INTEGER NOT NULL, id BLOB NOT NULL, owner TEXT NOT NULL, label TEXT NOT NULL, state INTEGER NOT "
    "NULL,"
    " PRIMARY KEY(kind, id, owner)) WITHOUT ROWID;"
    "CREATE TABLE burnt_pin(serial TEXT NOT NULL, file TEXT NOT NULL, PRIMARY KEY(serial, file)) WITHOUT "
    "ROWID;",
    "ALTER TABLE registration ADD COLUMN granted INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE registration ADD COLUMN retry_at INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE token_object ADD COLUMN profile INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE token_object ADD COLUMN path TEXT;"
    "ALTER TABLE token_object ADD COLUMN registered INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE token_object ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE registration ADD COLUMN assigned_key TEXT;"
    "ALTER TABLE registration ADD COLUMN assigned_for TEXT;"
    "ALTER TABLE registration ADD COLUMN asked TEXT;",
    /* each command that comes is looked up by its cmdID */
    "CREATE INDEX command_cid ON command(node, cid, serial);", NULL};

const struct db_piece journal_piece = {.name = "journal", .steps = steps};

#define TRIM_EVERY 16 /* commands; old ones go together */

#define REG_COLUMNS                                                                                          \
    "node,state,reg_id,cmd_to,client_id,expires,create_rqi,create_body,cert_id,last_update_cid,"             \
    "last_update_csc,repeats,next_poll,last_contact,retry_count,deregistered,credentials_gone,config_json,"  \
    "granted,retry_at,assigned_key,assigned_for,asked"
#define CMD_COLUMNS                                                                                          \
    "node,serial,cid,body,state,class_id,csc,reissued,cert_id,received,finished,reported,txid,detail"

/* Outcome of a work that has several pieces of data to hand over. */
struct job {
    const char *node, *cid;
    const uint8_t *cert_id;
    const struct reg_record *reg;
    struct reg_record *ret_reg;
    struct cmd_record *cmd;
    struct cmd_record *ret_cmd;
};

static int read_id(const struct stmt *s, int i, uint8_t id[KEY_ID_LEN], bool *has)
{
    int r = stmt_col_blob(s, i, id, KEY_ID_LEN);

    *has = r == 0;
    return r == -ENODATA ? 0 : r;
}

static int texts(const struct stmt *s, const int *columns, char **const *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int r = stmt_col_text(s, columns[i], to[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_reg(const struct stmt *s, struct reg_record *ret)
{
    struct reg_record r = {0};
    static const int columns[] = {0, 2, 3, 4, 6, 7, 9, 17, 20, 21, 22};
    char **const to[] = {&r.node,        &r.reg_id,          &r.cmd_to,      &r.client_id,    &r.create_rqi,
                         &r.create_body, &r.last_update_cid, &r.config_json, &r.assigned_key, &r.assigned_for,
                         &r.asked};
    int e = texts(s, columns, to, ELEMENTS(columns));

    if (e == 0)
        e = read_id(s, 8, r.cert_id, &r.has_cert);
    int64_t state = stmt_col_int(s, 1);
    if (e == 0 && (!r.node || state < 0 || state >= REG_STATE_MAX_))
        e = -EBADMSG;
    if (e < 0) {
        reg_record_clear(&r);
        return e;
    }
    r.state = (enum reg_state)state;
    r.expires = stmt_col_int(s, 5);
    r.last_update_csc = (uint32_t)stmt_col_int(s, 10);
    r.repeats = (uint32_t)stmt_col_int(s, 11);
    r.next_poll = stmt_col_int(s, 12);
    r.last_contact = stmt_col_int(s, 13);
    r.retry_count = (uint32_t)stmt_col_int(s, 14);
    r.deregistered = stmt_col_int(s, 15) != 0;
    r.credentials_gone = stmt_col_int(s, 16) != 0;
    r.granted = stmt_col_int(s, 18);
    r.retry_at = stmt_col_int(s, 19);
    *ret = r;
    return 0;
}

static int read_cmd(const struct stmt *s, struct cmd_record *ret)
{
    struct cmd_record c = {0};
    static const int columns[] = {0, 2, 3, 12, 13};
    char **const to[] = {&c.node, &c.cid, &c.body, &c.transaction, &c.detail};
    int e = texts(s, columns, to, ELEMENTS(columns));

    if (e == 0)
        e = read_id(s, 8, c.cert_id, &c.has_cert);
    int64_t state = stmt_col_int(s, 4);
    if (e == 0 && (!c.node || !c.cid || !c.body || state < 0 || state >= CMD_STATE_MAX_))
        e = -EBADMSG;
    if (e < 0) {
        cmd_record_clear(&c);
        return e;
    }
    c.serial = (uint32_t)stmt_col_int(s, 1);
    c.state = (enum cmd_state)state;
    c.class_id = (uint32_t)stmt_col_int(s, 5);
    c.csc = (uint32_t)stmt_col_int(s, 6);
    c.reissued = stmt_col_int(s, 7) != 0;
    c.received = stmt_col_int(s, 9);
    c.finished = stmt_col_int(s, 10);
    c.reported = stmt_col_int(s, 11);
    *ret = c;
    return 0;
}

static int damaged(int r, const char *node, struct mef_error *reterr)
{
    if (r == -EBADMSG)
        (void)mef_fail(reterr, MEF_ERROR_FAILED,
                       "the journal row of registration '%s' is damaged; restore state.db", node);
    return r;
}

static void bind_reg(struct stmt *s, const struct reg_record *r)
{
    stmt_text(s, 1, r->node);
    stmt_int(s, 2, (int64_t)r->state);
    stmt_text(s, 3, r->reg_id);
    stmt_text(s, 4, r->cmd_to);
    stmt_text(s, 5, r->client_id);
    stmt_int(s, 6, r->expires);
    stmt_text(s, 7, r->create_rqi);
    stmt_text(s, 8, r->create_body);
    stmt_blob(s, 9, r->has_cert ? r->cert_id : NULL, KEY_ID_LEN);
    stmt_text(s, 10, r->last_update_cid);
    stmt_int(s, 11, r->last_update_csc);
    stmt_int(s, 12, r->repeats);
    stmt_int(s, 13, r->next_poll);
    stmt_int(s, 14, r->last_contact);
    stmt_int(s, 15, r->retry_count);
    stmt_int(s, 16, r->deregistered);
    stmt_int(s, 17, r->credentials_gone);
    stmt_text(s, 18, r->config_json);
    stmt_int(s, 19, r->granted);
    stmt_int(s, 20, r->retry_at);
    stmt_text(s, 21, r->assigned_key);
    stmt_text(s, 22, r->assigned_for);
    stmt_text(s, 23, r->asked);
}

static int insert_reg(struct sql *sql, const struct reg_record *r, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int e = stmt_prepare(&s, sql,
                         "INSERT INTO registration(" REG_COLUMNS
                         ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,"
                         "?21,?22,?23)",
                         reterr);
    if (e < 0)
        return e;
    bind_reg(&s, r);
    return stmt_run(&s, reterr);
}

/* Nearly always the row is there. A tombstone stays one: the worker may save what it has in hand after the
 * node was buried and before it hears of it. */
static int write_reg(struct sql *sql, const struct reg_record *r, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int e = stmt_prepare(&s, sql,
                         "UPDATE registration SET state=CASE state WHEN ?24 THEN ?24 ELSE ?2 END,reg_id=?3,"
                         "cmd_to=?4,client_id=?5,expires=?6,create_rqi=?7,create_body=?8,cert_id=?9,"
                         "last_update_cid=?10,last_update_csc=?11,repeats=?12,next_poll=?13,last_contact=?14,"
                         "retry_count=?15,deregistered=?16,credentials_gone=?17,"
                         "config_json=coalesce(?18,config_json),granted=?19,retry_at=?20,assigned_key=?21,"
                         "assigned_for=?22,asked=?23 WHERE node=?1",
                         reterr);
    if (e < 0)
        return e;
    bind_reg(&s, r);
    stmt_int(&s, 24, REG_ENDING);
    e = stmt_run(&s, reterr);
    return e < 0 || sqlite3_changes(sql->handle) > 0 ? e : insert_reg(sql, r, reterr);
}

/* Old commands go when they are reported and no longer shown; the one that made the certificate in use stays,
 * since it says where that is renewed. */
static int trim_commands(struct sql *sql, const char *node, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int e = stmt_prepare(&s, sql,
                         "DELETE FROM command WHERE node=?1 AND state=?2 AND serial <= "
                         "(SELECT max(serial) FROM command WHERE node=?1) - ?3 AND (cert_id IS NULL OR "
                         "cert_id IS NOT (SELECT cert_id FROM registration WHERE node=?1))",
                         reterr);
    if (e < 0)
        return e;
    stmt_text(&s, 1, node);
    stmt_int(&s, 2, CMD_REPORTED);
    stmt_int(&s, 3, 4 * (int64_t)LIMIT_COMMANDS_KEPT);
    return stmt_run(&s, reterr);
}

static int next_serial(struct sql *sql, const char *node, uint32_t *ret, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int e = stmt_prepare(&s, sql, "SELECT coalesce(max(serial),0)+1 FROM command WHERE node=?1", reterr);

    if (e < 0)
        return e;
    stmt_text(&s, 1, node);
    e = stmt_step(&s, reterr);
    if (e < 0)
        return e;
    *ret = (uint32_t)stmt_col_int(&s, 0);
    return 0;
}

static void bind_cmd(struct stmt *s, const struct cmd_record *c, uint32_t serial)
{
    stmt_text(s, 1, c->node);
    stmt_int(s, 2, serial);
    stmt_text(s, 3, c->cid);
    stmt_text(s, 4, c->body);
    stmt_int(s, 5, (int64_t)c->state);
    stmt_int(s, 6, c->class_id);
    stmt_int(s, 7, c->csc);
    stmt_int(s, 8, c->reissued);
    stmt_blob(s, 9, c->has_cert ? c->cert_id : NULL, KEY_ID_LEN);
    stmt_int(s, 10, c->received);
    stmt_int(s, 11, c->finished);
    stmt_int(s, 12, c->reported);
    stmt_text(s, 13, c->transaction);
    stmt_text(s, 14, c->detail);
}

static int put_cmd(struct sql *sql, const struct cmd_record *c, uint32_t serial, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int e = stmt_prepare(&s, sql,
                         "INSERT OR REPLACE INTO command(" CMD_COLUMNS
                         ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
                         reterr);
    if (e < 0)
        return e;
    bind_cmd(&s, c, serial);
    return stmt_run(&s, reterr);
}

/* A step of a command that is there: its key and the index stay as they are. 1 = it was there. */
static int update_cmd(struct sql *sql, const struct cmd_record *c, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int e = stmt_prepare(&s, sql,
                         "UPDATE command SET body=?4,state=?5,class_id=?6,csc=?7,reissued=?8,cert_id=?9,"
                         "received=?10,finished=?11,reported=?12,txid=?13,detail=?14"
                         " WHERE node=?1 AND serial=?2 AND cid=?3",
                         reterr);
    if (e < 0)
        return e;
    bind_cmd(&s, c, c->serial);
    e = stmt_run(&s, reterr);
    return e < 0 ? e : sqlite3_changes(sql->handle) > 0;
}

static int write_cmd(struct sql *sql, struct cmd_record *c, struct mef_error *reterr)
{
    uint32_t serial = c->serial;
    int e = serial ? update_cmd(sql, c, reterr) : next_serial(sql, c->node, &serial, reterr);

    if (e != 0)
        return e < 0 ? e : 0;
    e = put_cmd(sql, c, serial, reterr);
    if (e == 0 && serial % TRIM_EVERY == 0)
        e = trim_commands(sql, c->node, reterr);
    if (e == 0)
        c->serial = serial;
    return e;
}

static int load_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct job *j = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int e = stmt_prepare(&s, sql, "SELECT " REG_COLUMNS " FROM registration WHERE node=?1", reterr);

    if (e < 0)
        return e;
    stmt_text(&s, 1, j->node);
    e = stmt_step(&s, reterr);
    if (e <= 0)
        return e < 0 ? e : mef_fail(reterr, MEF_ERROR_NOT_FOUND, "no record of registration '%s'", j->node);
    return damaged(read_reg(&s, j->ret_reg), j->node, reterr);
}

static int find_cmd_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct job *j = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    /* A repeat does not hide the status of the command that it repeats. */
    int e = stmt_prepare(
        &s, sql,
        j->cert_id ? "SELECT " CMD_COLUMNS
                     " FROM command WHERE node=?1 AND cert_id=?2 ORDER BY serial DESC LIMIT 1"
        : j->cid
            ? "SELECT " CMD_COLUMNS
              " FROM command INDEXED BY command_cid" /* the key looks good to the planner, and is a scan */
              " WHERE node=?1 AND cid=?2 AND csc<>?3 ORDER BY serial DESC LIMIT 1"
            : "SELECT " CMD_COLUMNS " FROM command WHERE node=?1 ORDER BY serial DESC LIMIT 1",
        reterr);
    if (e < 0)
        return e;
    stmt_text(&s, 1, j->node);
    if (j->cert_id)
        stmt_blob(&s, 2, j->cert_id, KEY_ID_LEN);
    else if (j->cid) {
        stmt_text(&s, 2, j->cid);
        stmt_int(&s, 3, CMD_STATUS_REPEATED_CMD_ID);
    }
    e = stmt_step(&s, reterr);
    if (e <= 0)
        return e < 0 ? e
                     : mef_fail(reterr, MEF_ERROR_NOT_FOUND, "no such command of registration '%s'", j->node);
    return damaged(read_cmd(&s, j->ret_cmd), j->node, reterr);
}

static int save_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct job *j = ctx;
    int e = j->cmd ? write_cmd(sql, j->cmd, reterr) : 0;

    return e == 0 && j->reg ? write_reg(sql, j->reg, reterr) : e;
}

static int delete_rows(struct sql *sql, const char *text, const char *node, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int e = stmt_prepare(&s, sql, text, reterr);

    if (e < 0)
        return e;
    stmt_text(&s, 1, node);
    return stmt_run(&s, reterr);
}

static int remove_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct job *j = ctx;
    int e = delete_rows(sql, "DELETE FROM command WHERE node=?1", j->node, reterr);

    return e < 0 ? e : delete_rows(sql, "DELETE FROM registration WHERE node=?1", j->node, reterr);
}

static int port_load(void *ctx, const char *node, struct reg_record *ret, struct mef_error *reterr)
{
    struct reg_record r = {0};
    int e = db_read(ctx, load_work, &(struct job){.node = node, .ret_reg = &r}, reterr);

    if (e == 0)
        *ret = r;
    else
        reg_record_clear(&r);
    return e;
}

static int port_save(void *ctx, const struct reg_record *r, struct mef_error *reterr)
{
    return db_run(ctx, save_work, &(struct job){.reg = r}, reterr);
}

static int port_remove(void *ctx, const char *node, struct mef_error *reterr)
{
    return db_run(ctx, remove_work, &(struct job){.node = node}, reterr);
}

static int find(struct db *db, const struct job *what, struct cmd_record *ret, struct mef_error *reterr)
{
    struct cmd_record c = {0};
    struct job j = *what;

    j.ret_cmd = &c;
    int e = db_read(db, find_cmd_work, &j, reterr);

    if (e == 0)
        *ret = c;
    else
        cmd_record_clear(&c);
    return e;
}

static int port_find_cmd(void *ctx, const char *node, const char *cid, struct cmd_record *ret,
                         struct mef_error *reterr)
{
    return find(ctx, &(struct job){.node = node, .cid = cid}, ret, reterr);
}

static int port_find_cert(void *ctx, const char *node, const uint8_t id[KEY_ID_LEN], struct cmd_record *ret,
                          struct mef_error *reterr)
{
    return find(ctx, &(struct job){.node = node, .cert_id = id}, ret, reterr);
}

static int port_last_cmd(void *ctx, const char *node, struct cmd_record *ret, struct mef_error *reterr)
{
    return port_find_cmd(ctx, node, NULL, ret, reterr);
}

static int port_save_cmd(void *ctx, struct cmd_record *c, const struct reg_record *r,
                         struct mef_error *reterr)
{
    uint32_t serial = c->serial;
    int e = db_run(ctx, save_work, &(struct job){.cmd = c, .reg = r}, reterr);

    if (e != 0)
        c->serial = serial; /* the insert was rolled back */
    return e;
}

struct journal journal_port(struct db *db)
{
    return (struct journal){
        .ctx = db,
        .load = port_load,
        .save = port_save,
        .remove = port_remove,
        .last_cmd = port_last_cmd,
        .find_cmd = port_find_cmd,
        .find_cert = port_find_cert,
        .save_cmd = port_save_cmd,
    };
}

void journal_entries_free(struct journal_entry *e, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        reg_record_clear(&e[i].reg);
        for (size_t k = 0; k < e[i].n_cmds; k++)
            cmd_record_clear(&e[i].cmds[k]);
        free(e[i].cmds);
    }
    free(e);
}

static int read_cmds(struct sql *sql, struct journal_entry *entry, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int e = stmt_prepare(&s, sql,
                         "SELECT " CMD_COLUMNS
                         " FROM (SELECT * FROM command WHERE node=?1 ORDER BY serial DESC LIMIT ?2) "
                         "ORDER BY serial",
                         reterr);
    if (e < 0)
        return e;
    stmt_text(&s, 1, entry->reg.node);
    stmt_int(&s, 2, LIMIT_COMMANDS_KEPT);
    while ((e = stmt_step(&s, reterr)) == 1) {
        struct cmd_record *c = reallocarray(entry->cmds, entry->n_cmds + 1, sizeof *c);
        if (!c)
            return -ENOMEM;
        entry->cmds = c;
        e = read_cmd(&s, &c[entry->n_cmds]);
        if (e < 0)
            return damaged(e, entry->reg.node, reterr);
        entry->n_cmds++;
    }
    return e;
}

int journal_read_all(struct sql *sql, struct journal_entry **ret, size_t *ret_n, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    struct journal_entry *all = NULL;
    size_t n = 0;
    int e = stmt_prepare(&s, sql, "SELECT " REG_COLUMNS " FROM registration ORDER BY node", reterr);

    while (e >= 0 && (e = stmt_step(&s, reterr)) == 1) {
        struct journal_entry *grown = reallocarray(all, n + 1, sizeof *grown);
        if (!grown) {
            e = -ENOMEM;
            break;
        }
        all = grown;
        all[n] = (struct journal_entry){0};
        e = damaged(read_reg(&s, &all[n].reg), "?", reterr);
        if (e == 0) {
            n++;
            e = read_cmds(sql, &all[n - 1], reterr);
        }
    }
    if (e < 0) {
        journal_entries_free(all, n);
        return e;
    }
    *ret = all;
    *ret_n = n;
    return 0;
}

int journal_bury(struct sql *sql, const char *node, const char *config_json, struct mef_error *reterr)
{
    struct reg_record r = {0};
    int e = load_work(sql, &(struct job){.node = node, .ret_reg = &r}, NULL);

    if (e == -ENOENT)
        e = (r.node = strdup(node)) ? 0 : -ENOMEM;
    if (e == 0) {
        free(r.config_json);
        r.config_json = strdup(config_json);
        r.state = REG_ENDING;
        r.next_poll = 0;
        r.retry_at = 0; /* the end is begun at once */
        r.retry_count = 0;
        e = r.config_json ? write_reg(sql, &r, reterr) : -ENOMEM;
    }
    reg_record_clear(&r);
    return e;
}

int journal_command_open(struct sql *sql, const char *node, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int e = stmt_prepare(&s, sql, "SELECT count(*) FROM command WHERE node=?1 AND state<?2", reterr);

    if (e < 0)
        return e;
    stmt_text(&s, 1, node);
    stmt_int(&s, 2, CMD_DONE);
    e = stmt_step(&s, reterr);
    return e < 0 ? e : stmt_col_int(&s, 0) > 0;
}
