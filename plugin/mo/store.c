/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree in the database: tables, rows of one commit, loading. Rows are made as plain text on the loop
 * thread and written on the store thread, which never sees the tree. The load runs on the store thread while
 * the loop waits. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/json-scan.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/mo/internal.h"

static const char *const steps[] = {
    /* version 1 */
    "CREATE TABLE mo_node(id INTEGER PRIMARY KEY, type TEXT NOT NULL, name TEXT NOT NULL, origin TEXT NOT "
    "NULL,"
    " mef_reg TEXT, iid INTEGER NOT NULL, state INTEGER NOT NULL, last_status INTEGER NOT NULL,"
    " ctime INTEGER NOT NULL, mtime INTEGER NOT NULL, gen INTEGER NOT NULL, attrs TEXT NOT NULL,"
    " links TEXT NOT NULL, extra TEXT, UNIQUE(type, name), UNIQUE(type, iid)) STRICT;"
    "CREATE TABLE mo_meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;",
    NULL,
};

const struct db_piece mo_db_piece = {"mo", steps};

/* ---- rows -------------------------------------------------------------------------------------------------
 */

struct row {
    bool gone;
    int64_t id, iid, ctime, mtime, gen, state, last_status;
    const char *type, *origin; /* static */
    char *name, *mef_reg, *attrs, *links, *extra;
};

struct mo_rows {
    struct row *rows;
    size_t n;
    char *generation, *next_id, *next_iid, *extra;
};

void mo_rows_free(struct mo_rows *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++) {
        free(r->rows[i].name);
        free(r->rows[i].mef_reg);
        free(r->rows[i].attrs);
        free(r->rows[i].links);
        free(r->rows[i].extra);
    }
    free(r->rows);
    free(r->generation);
    free(r->next_id);
    free(r->next_iid);
    free(r->extra);
    free(r);
}
DEFINE_CLEANUP(struct mo_rows *, mo_rows_free)

/* Dumps and releases; NULL when out of memory. */
static char *text_of(json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    json_decref(json);
    return text;
}

static json_t *links_json(const struct mo_node *n)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < n->n_links; i++)
        if (json_array_append_new(list, json_integer((json_int_t)n->links[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static int extra_text(const struct mo_node *n, char **ret)
{
    if (!n->extra && !n->extra_attrs)
        return 0;
    *ret = text_of(json_pack("{s:O?, s:O?}", "node", n->extra, "attrs", n->extra_attrs));
    return *ret ? 0 : -ENOMEM;
}

static int row_of(const struct mo_node *n, struct row *row)
{
    *row = (struct row){.id = (int64_t)n->id,
                        .iid = n->iid,
                        .ctime = n->ctime,
                        .mtime = n->mtime,
                        .gen = (int64_t)n->gen,
                        .state = n->state,
                        .last_status = n->last_status,
                        .type = mo_type_info(n->type)->name,
                        .origin = mo_origin_name(n->origin)};
    row->name = strdup(n->name);
    row->mef_reg = n->mef_reg ? strdup(n->mef_reg) : NULL;
    row->attrs = text_of(mo_attrs_json(n, true));
    row->links = text_of(links_json(n));
    if (!row->name || (n->mef_reg && !row->mef_reg) || !row->attrs || !row->links)
        return -ENOMEM;
    return extra_text(n, &row->extra);
}

int mo_node_measure(struct mo_node *n)
{
    struct mo_rows *r = calloc(1, sizeof *r);
    struct row *row = calloc(1, sizeof *row);
    int error;

    if (!r || !row) {
        free(r);
        free(row);
        return -ENOMEM;
    }
    r->rows = row;
    r->n = 1;
    error = row_of(n, row);
    if (error == 0)
        n->size = 64 + strlen(row->name) + strlen(row->attrs) + strlen(row->links) +
                  (row->extra ? strlen(row->extra) : 0);
    mo_rows_free(r);
    return error;
}

static char *decimal(uint64_t n)
{
    char *text;

    return asprintf(&text, "%llu", (unsigned long long)n) < 0 ? NULL : text;
}

int mo_rows_new(const struct mo_tree *tree, const struct mo_diff *diff, const struct mo_set *after,
                const json_t *extra, struct mo_rows **ret)
{
    _cleanup_(mo_rows_freep) struct mo_rows *r = calloc(1, sizeof *r);
    json_t *iids = json_array();

    for (size_t i = 0; iids && i < MO_TYPE_MAX_; i++)
        if (json_array_append_new(iids, json_integer(after->next_iid[i])) < 0) {
            json_decref(iids);
            iids = NULL;
        }
    char *iid_text = text_of(iids);
    if (!r || !iid_text) {
        free(iid_text);
        return -ENOMEM;
    }
    r->next_iid = iid_text;
    r->generation = decimal(diff->generation);
    r->next_id = decimal(tree->next_id);
    r->extra = extra ? json_dumps(extra, JSON_COMPACT) : NULL;
    r->rows = calloc(diff->n + 1, sizeof *r->rows);
    if (!r->generation || !r->next_id || (extra && !r->extra) || !r->rows)
        return -ENOMEM;
    for (size_t i = 0; i < diff->n; i++) {
        const struct mo_change *c = &diff->changes[i];
        if (c->after && c->after == c->before)
            continue; /* only its parents changed */
        struct row *row = &r->rows[r->n++];
        if (row_of(c->after ? c->after : c->before, row) < 0)
            return -ENOMEM;
        row->gone = !c->after;
    }
    *ret = TAKE_PTR(r);
    return 0;
}

static int put_meta(struct sql *sql, const char *key, const char *value, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};

    if (!value)
        return 0;
    int r = stmt_prepare(&s, sql, "INSERT INTO mo_meta VALUES(?1,?2) ON CONFLICT(key) DO UPDATE SET value=?2",
                         reterr);
    if (r < 0)
        return r;
    stmt_text(&s, 1, key);
    stmt_text(&s, 2, value);
    return stmt_run(&s, reterr);
}

static int delete_rows(struct sql *sql, const struct mo_rows *rows, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "DELETE FROM mo_node WHERE id=?1", reterr);

    for (size_t i = 0; r == 0 && i < rows->n; i++)
        if (rows->rows[i].gone) {
            stmt_int(&s, 1, rows->rows[i].id);
            r = stmt_run(&s, reterr);
        }
    return r;
}

static int put_rows(struct sql *sql, const struct mo_rows *rows, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    /* state and last_status of a node that is there have a writer of their own */
    int r = stmt_prepare(&s, sql,
                         "INSERT INTO mo_node VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)"
                         " ON CONFLICT(id) DO UPDATE SET mtime=?10, gen=?11, attrs=?12, links=?13, extra=?14",
                         reterr);

    for (size_t i = 0; r == 0 && i < rows->n; i++) {
        const struct row *row = &rows->rows[i];
        if (row->gone)
            continue;
        stmt_int(&s, 1, row->id);
        stmt_text(&s, 2, row->type);
        stmt_text(&s, 3, row->name);
        stmt_text(&s, 4, row->origin);
        stmt_text(&s, 5, row->mef_reg);
        stmt_int(&s, 6, row->iid);
        stmt_int(&s, 7, row->state);
        stmt_int(&s, 8, row->last_status);
        stmt_int(&s, 9, row->ctime);
        stmt_int(&s, 10, row->mtime);
        stmt_int(&s, 11, row->gen);
        stmt_text(&s, 12, row->attrs);
        stmt_text(&s, 13, row->links);
        stmt_text(&s, 14, row->extra);
        r = stmt_run(&s, reterr);
    }
    return r;
}

int mo_rows_write(struct sql *sql, const struct mo_rows *rows, struct mef_error *reterr)
{
    int r = delete_rows(sql, rows, reterr);

    if (r == 0)
        r = put_rows(sql, rows, reterr);
    if (r == 0)
        r = put_meta(sql, "generation", rows->generation, reterr);
    if (r == 0)
        r = put_meta(sql, "next_id", rows->next_id, reterr);
    if (r == 0)
        r = put_meta(sql, "next_iid", rows->next_iid, reterr);
    if (r == 0)
        r = put_meta(sql, "extra", rows->extra, reterr);
    return r;
}

/* ---- state words
 * -------------------------------------------------------------------------------------------- */

struct state_row {
    int64_t id, state, last_status;
};

static int write_state(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    const struct state_row *row = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "UPDATE mo_node SET state=?2, last_status=?3 WHERE id=?1", reterr);

    if (r < 0)
        return r;
    stmt_int(&s, 1, row->id);
    stmt_int(&s, 2, row->state);
    stmt_int(&s, 3, row->last_status);
    return stmt_run(&s, reterr);
}

static void state_written(void *ctx, int r, const struct mef_error *err)
{
    free(ctx);
}

int mo_node_set_state(struct mo_tree *tree, uint64_t id, enum mo_state state, uint32_t last_status)
{
    struct mo_node *n = mo_set_by_id(&tree->now, id);
    struct state_row *row;

    if (!n || (unsigned)state >= MO_STATE_MAX_)
        return -ENOENT;
    if (n->state == state && n->last_status == last_status)
        return 0;
    /* In place: the present and every staged tree may see it. */
    n->state = state;
    n->last_status = last_status;
    row = malloc(sizeof *row);
    if (!row || tree->stopped) {
        free(row);
        return 0;
    }
    *row = (struct state_row){(int64_t)id, state, last_status};
    if (db_submit(tree->db, write_state, state_written, row) < 0)
        free(row);
    return 0;
}

/* ---- loading
 * -------------------------------------------------------------------------------------------------- */

struct loader {
    struct mo_tree *tree;
    const char *file;
};

static int broken(const struct loader *l, int64_t id, const char *name, const char *what,
                  struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_FAILED,
                    "node %lld ('%s') in '%s' is broken: %s; restore a copy of the file", (long long)id,
                    name ? name : "?", l->file, what);
}

static json_t *parse_text(const char *text)
{
    if (!text || json_scan(text, strlen(text), 2u * LIMIT_IMPORT, LIMIT_JSON_DEPTH) < 0)
        return NULL;
    return json_loads(text, JSON_REJECT_DUPLICATES, NULL);
}

static int load_attrs(struct mo_node *n, const json_t *attrs, struct mef_error *reterr)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)attrs, key, value)
    {
        struct mo_json_input in;
        enum mo_attr attr;
        if (mo_attr_parse(n->type, key, &attr) < 0)
            return mef_fail(reterr, MEF_ERROR_FAILED, "there is no attribute '%s'", key);
        int r = mo_json_input(key, value, &in);
        if (r == 0)
            r = mo_value_new(attr, &in.in, &n->attrs[attr], reterr);
        mo_json_input_clear(&in);
        if (r < 0)
            return r;
    }
    return 0;
}

static int load_links(struct mo_node *n, const json_t *links)
{
    size_t i;
    json_t *value;

    json_array_foreach(links, i, value)
    {
        if (!json_is_integer(value) || json_integer_value(value) < 1 ||
            json_integer_value(value) > (json_int_t)MO_ID_MAX)
            return -EBADMSG;
        if (mo_node_add_link(n, (uint64_t)json_integer_value(value)) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int load_extra(struct mo_node *n, const char *text)
{
    json_t *extra = parse_text(text);

    if (!json_is_object(extra)) {
        json_decref(extra);
        return -EBADMSG;
    }
    json_t *node = json_object_get(extra, "node"), *attrs = json_object_get(extra, "attrs");
    n->extra = json_is_object(node) ? json_incref(node) : NULL;
    n->extra_attrs = json_is_object(attrs) ? json_incref(attrs) : NULL;
    json_decref(extra);
    return 0;
}

/* Columns as in the SELECT of load_nodes. `*why` is filled with what is wrong. */
static int load_row(const struct stmt *s, struct mo_node *n, struct mef_error *why)
{
    _cleanup_(freep) char *type = NULL, *origin = NULL, *attrs = NULL, *links = NULL, *extra = NULL;

    n->id = (uint64_t)stmt_col_int(s, 0);
    n->iid = (uint32_t)stmt_col_int(s, 5);
    n->state = (enum mo_state)stmt_col_int(s, 6);
    n->last_status = (uint32_t)stmt_col_int(s, 7);
    n->ctime = stmt_col_int(s, 8);
    n->mtime = stmt_col_int(s, 9);
    n->gen = (uint64_t)stmt_col_int(s, 10);
    if (stmt_col_text(s, 2, &n->name) < 0 || stmt_col_text(s, 1, &type) < 0 ||
        stmt_col_text(s, 3, &origin) < 0 || stmt_col_text(s, 4, &n->mef_reg) < 0 ||
        stmt_col_text(s, 11, &attrs) < 0 || stmt_col_text(s, 12, &links) < 0 ||
        stmt_col_text(s, 13, &extra) < 0 || !n->name || !type || !origin)
        return mef_fail(why, MEF_ERROR_FAILED, "a column is not text");
    if (mo_type_parse(type, &n->type) < 0)
        return mef_fail(why, MEF_ERROR_FAILED, "there is no type '%s'", type);
    if (mo_origin_from_name(origin, &n->origin) < 0)
        return mef_fail(why, MEF_ERROR_FAILED, "there is no origin '%s'", origin);
    if (stmt_col_int(s, 0) < 1 || stmt_col_int(s, 0) > (int64_t)MO_ID_MAX || stmt_col_int(s, 5) < 0 ||
        stmt_col_int(s, 5) > MO_IID_MAX || (unsigned)n->state >= MO_STATE_MAX_)
        return mef_fail(why, MEF_ERROR_FAILED, "a number is out of range");
    /* Nothing is being processed by a process that has just begun. */
    if (n->state == MO_PROCESSING)
        n->state = MO_CONFIGURED;
    json_t *a = parse_text(attrs), *l = parse_text(links);
    int r = json_is_object(a) && json_is_array(l)
                ? load_attrs(n, a, why)
                : mef_fail(why, MEF_ERROR_FAILED, "its attributes or links are not JSON");
    if (r == 0 && (load_links(n, l) < 0 || (extra && load_extra(n, extra) < 0)))
        r = mef_fail(why, MEF_ERROR_FAILED, "its links or unknown members cannot be read");
    json_decref(a);
    json_decref(l);
    return r;
}

static int load_nodes(struct loader *l, struct sql *sql, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(
        &s, sql,
        "SELECT id, type, name, origin, mef_reg, iid, state, last_status, ctime, mtime, gen, attrs,"
        " links, extra FROM mo_node ORDER BY id",
        reterr);

    while (r == 0 && (r = stmt_step(&s, reterr)) > 0) {
        _cleanup_(mo_node_unrefp) struct mo_node *n = calloc(1, sizeof *n);
        struct mef_error why = {0};
        if (!n)
            return mo_no_memory(reterr);
        n->refs = 1;
        r = load_row(&s, n, &why);
        if (r < 0)
            return broken(l, (int64_t)n->id, n->name, why.text, reterr);
        if (n->id >= l->tree->next_id)
            l->tree->next_id = n->id + 1;
        if (mo_set_put(&l->tree->now, TAKE_PTR(n)) < 0)
            return mo_no_memory(reterr);
    }
    return r;
}

static int load_meta_row(struct loader *l, const char *key, const char *value)
{
    uint64_t n = 0;
    json_t *json = NULL;
    int r = 0;

    if (streq(key, "generation") || streq(key, "next_id")) {
        r = str_to_u64(value, INT64_MAX, &n);
        if (r == 0 && key[0] == 'g')
            l->tree->generation = n;
        else if (r == 0 && n > l->tree->next_id)
            l->tree->next_id = n;
        return r;
    }
    json = parse_text(value);
    if (streq(key, "next_iid") && json_is_array(json)) {
        for (size_t i = 0; i < MO_TYPE_MAX_; i++) {
            json_int_t iid = json_integer_value(json_array_get(json, i));
            if (iid > l->tree->now.next_iid[i] && iid <= MO_IID_MAX + 1)
                l->tree->now.next_iid[i] = (uint32_t)iid;
        }
    } else if (streq(key, "extra") && json_is_object(json)) {
        l->tree->extra = json_incref(json);
    } else {
        r = -EBADMSG;
    }
    json_decref(json);
    return r;
}

static int load_meta(struct loader *l, struct sql *sql, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "SELECT key, value FROM mo_meta", reterr);

    while (r == 0 && (r = stmt_step(&s, reterr)) > 0) {
        _cleanup_(freep) char *key = NULL, *value = NULL;
        if (stmt_col_text(&s, 0, &key) < 0 || stmt_col_text(&s, 1, &value) < 0 || !key || !value ||
            load_meta_row(l, key, value) < 0)
            return mef_fail(reterr, MEF_ERROR_FAILED,
                            "the entry '%s' of the MO tree in '%s' is broken; restore a copy",
                            key ? key : "?", l->file);
        r = 0;
    }
    return r;
}

static int load_all(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct loader *l = ctx;
    struct mef_error why = {0};
    int r = load_nodes(l, sql, reterr);

    if (r == 0)
        r = load_meta(l, sql, reterr);
    if (r < 0)
        return r;
    if (mo_check_set(l->tree, NULL, &l->tree->now, &why) < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED,
                        "the MO tree in '%s' is broken: %s; restore a copy of the file", l->file, why.text);
    return 0;
}

int mo_store_load(struct mo_tree *tree, struct mef_error *reterr)
{
    struct loader l = {tree, db_path(tree->db)};

    return db_run(tree->db, load_all, &l, reterr);
}
