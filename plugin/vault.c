/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Token writes as intents (design.md 4, interfaces.md 5). A row is (kind, id, owner) with a state; the table
 * below says what start-up does for each state, given what the token holds. */
#include "plugin/vault.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "pkcs11/provider.h"
#include "plugin/base/crash.h"
#include "plugin/base/str.h"
#include "plugin/cert/chain.h"
#include "plugin/journal-store.h"

struct row_job {
    enum vault_kind kind;
    const uint8_t *id;
    size_t id_len;
    const char *owner, *label;
    char *label_of_row; /* out of leave_row: freed by drop_one */
    enum vault_row_state state;
    bool last; /* out: nobody else owns it */
    bool ours; /* out: a registration brought it, or this owner put it there */
    struct vault_row *rows;
    size_t n_rows;
    enum vault_row_state *states;
};

/* The key of the row: ?1 to ?3 of every statement here that is about one. */
static void bind_row(struct stmt *s, uint32_t kind, const uint8_t *id, size_t id_len, const char *owner)
{
    stmt_int(s, 1, (int64_t)kind);
    stmt_blob(s, 2, id, id_len);
    stmt_text(s, 3, owner);
}

static int put_row(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct row_job *j = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql,
                         "INSERT INTO token_object(kind,id,owner,label,state) VALUES(?1,?2,?3,?4,?5) "
                         "ON CONFLICT(kind,id,owner) DO UPDATE SET state=CASE "
                         "WHEN kind IN (?6,?7) AND state=?8 AND excluded.state=?9 THEN state "
                         "ELSE excluded.state END",
                         reterr);
    if (r < 0)
        return r;
    bind_row(&s, j->kind, j->id, j->id_len, j->owner);
    stmt_text(&s, 4, j->label ? j->label : "");
    stmt_int(&s, 5, j->state);
    /* A CA certificate that is in use does not become an intent because a command brings it again: if that
     * fails, what is there stays. */
    stmt_int(&s, 6, VAULT_CA);
    stmt_int(&s, 7, VAULT_ANCHOR);
    stmt_int(&s, 8, CERT);
    stmt_int(&s, 9, CERT_WANTED);
    return stmt_run(&s, reterr);
}

static int drop_row(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct row_job *j = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "DELETE FROM token_object WHERE kind=?1 AND id=?2 AND owner=?3", reterr);

    if (r < 0)
        return r;
    bind_row(&s, j->kind, j->id, j->id_len, j->owner);
    return stmt_run(&s, reterr);
}

/* 1: there is such a row. */
static int label_of_row(struct sql *sql, struct row_job *j, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r =
        stmt_prepare(&s, sql, "SELECT label FROM token_object WHERE kind=?1 AND id=?2 AND owner=?3", reterr);

    if (r < 0)
        return r;
    bind_row(&s, j->kind, j->id, j->id_len, j->owner);
    r = stmt_step(&s, reterr);
    if (r != 1)
        return r;
    r = stmt_col_text(&s, 0, &j->label_of_row);
    return r < 0 ? r : 1;
}

/* Marks the row as leaving and says whether it is the last one for that object; without a row the object is
 * not this owner's and stays. One certificate can lie in the token under several labels, e.g. as a trust
 * anchor and as what a MEF brought: then those are several objects. */
static int leave_row(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct row_job *j = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = label_of_row(sql, j, reterr);

    j->last = false;
    if (r <= 0)
        return r;
    r = stmt_prepare(&s, sql,
                     "SELECT count(*) FROM token_object WHERE id=?2 AND owner<>?3 AND state<>?4 "
                     "AND CASE ?1 WHEN ?6 THEN kind=?6 ELSE kind<>?6 AND label=?5 END",
                     reterr);
    if (r < 0)
        return r;
    bind_row(&s, j->kind, j->id, j->id_len, j->owner);
    stmt_int(&s, 4, LEAVING);
    stmt_text(&s, 5, j->label_of_row ? j->label_of_row : "");
    stmt_int(&s, 6, VAULT_PAIR);
    r = stmt_step(&s, reterr);
    if (r < 0)
        return r;
    j->last = stmt_col_int(&s, 0) == 0;
    j->state = LEAVING;
    return put_row(sql, j, reterr);
}

static int read_rows(struct sql *sql, const char *owner, struct vault_row **ret,
                     enum vault_row_state **ret_states, size_t *ret_n, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    _cleanup_(freep) struct vault_row *rows = NULL;
    _cleanup_(freep) enum vault_row_state *states = NULL;
    size_t n = 0;
    int r = stmt_prepare(
        &s, sql,
        "SELECT kind,id,owner,state,length(id),label FROM token_object WHERE ?1 IS NULL OR owner=?1 "
        "ORDER BY owner,kind,id",
        reterr);
    if (r < 0)
        return r;
    stmt_text(&s, 1, owner);
    while ((r = stmt_step(&s, reterr)) == 1) {
        struct vault_row *more = reallocarray(rows, n + 1, sizeof *more);
        if (more)
            rows = more;
        enum vault_row_state *more_states = reallocarray(states, n + 1, sizeof *more_states);
        if (more_states)
            states = more_states;
        if (!more || !more_states)
            return -ENOMEM;
        _cleanup_(freep) char *name = NULL, *label = NULL;
        struct vault_row *row = &rows[n];
        *row =
            (struct vault_row){.kind = (uint32_t)stmt_col_int(&s, 0), .id_len = (size_t)stmt_col_int(&s, 4)};
        if (row->id_len > sizeof row->id || stmt_col_blob(&s, 1, row->id, row->id_len) < 0 ||
            stmt_col_text(&s, 2, &name) < 0 || !name || strlen(name) >= sizeof row->owner ||
            stmt_col_text(&s, 5, &label) < 0)
            return mef_fail(reterr, MEF_ERROR_FAILED, "a row of token_object is damaged; restore state.db");
        memcpy(row->owner, name, strlen(name) + 1);
        (void)snprintf(row->label, sizeof row->label, "%s", label ? label : "");
        states[n++] = (enum vault_row_state)stmt_col_int(&s, 3);
    }
    if (r < 0)
        return r;
    *ret = TAKE_PTR(rows);
    if (ret_states)
        *ret_states = TAKE_PTR(states);
    *ret_n = n;
    return 0;
}

int vault_rows(struct sql *sql, struct vault_row **ret, size_t *ret_n, struct mef_error *reterr)
{
    return read_rows(sql, NULL, ret, NULL, ret_n, reterr);
}

static int rows_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct row_job *j = ctx;
    return read_rows(sql, j->owner, &j->rows, &j->states, &j->n_rows, reterr);
}

/* ---- the port --------------------------------------------------------------------------------------- */

static int get_psk(void *ctx, const char *key_id, struct secret **ret, struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    return token_get_secret(v->token, key_id, ret, reterr);
}

static int has_psk(void *ctx, const char *key_id, bool *ret, struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    return token_has_secret(v->token, key_id, ret, reterr);
}

static int find_psk(void *ctx, const char *fqdn, char **ret_key_id, struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    _cleanup_(strv_freep) char **labels = NULL;
    char suffix[300];

    (void)snprintf(suffix, sizeof suffix, "@%s", fqdn);
    int r = token_list_secrets(v->token, suffix, &labels, reterr);
    if (r < 0)
        return r;
    size_t n = strv_len(labels);
    if (n == 0)
        return mef_fail(
            reterr, MEF_ERROR_NOT_FOUND,
            "the token holds no symmetric key whose label ends in '%s'; provision one or name it with KpmId",
            suffix);
    if (n > 1)
        return mef_fail(
            reterr, MEF_ERROR_INCONSISTENT_CONFIG,
            "the token holds %zu symmetric keys whose label ends in '%s'; say which one with KpmId", n,
            suffix);
    *ret_key_id = strdup(labels[0]);
    return *ret_key_id ? 0 : -ENOMEM;
}

/* What was begun and failed is settled by the token thread. */
static int begun(struct vault_ctx *v, int r)
{
    if (r < 0)
        atomic_store(&v->unsettled, true);
    return r;
}

static int make_key(void *ctx, const uint8_t id[KEY_ID_LEN], const char *label, const char *owner,
                    struct evp_pkey_st **ret, struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    struct row_job j = {.kind = VAULT_PAIR,
                        .id = id,
                        .id_len = KEY_ID_LEN,
                        .owner = owner,
                        .label = label,
                        .state = KEY_WANTED};
    int r = db_run(v->db, put_row, &j, reterr);

    if (r < 0)
        return r;
    CRASH_POINT(KEY_INTENT);
    r = token_generate_p256(v->token, id, KEY_ID_LEN, label, reterr);
    if (r < 0)
        return begun(v, r); /* the intent stays until it is settled, or the next try finds it */
    CRASH_POINT(KEY_MADE);
    j.state = KEY;
    r = db_run(v->db, put_row, &j, reterr);
    if (r < 0)
        return begun(v, r);
    CRASH_POINT(KEY_CONFIRMED);
    return token_key_to_evp(v->token, id, KEY_ID_LEN, ret, reterr);
}

/* The certificate's public key must be that of the pair: SoftHSM's OK is not durable, and a row proves
 * nothing. */
static int check_pair(const struct der *cert, EVP_PKEY *key, struct mef_error *reterr)
{
    return cert_has_key(cert, key) ? 0
                                   : mef_fail(reterr, MEF_ERROR_NOT_FOUND,
                                              "key and certificate in the token do not belong together");
}

static int get_pair(void *ctx, const uint8_t id[KEY_ID_LEN], struct evp_pkey_st **ret_key,
                    struct der *ret_cert, struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    struct der cert = {0};
    EVP_PKEY *key = NULL;
    int r = token_get_cert(v->token, id, KEY_ID_LEN, &cert, reterr);

    if (r == 0)
        r = token_key_to_evp(v->token, id, KEY_ID_LEN, &key, reterr);
    if (r == 0)
        r = check_pair(&cert, key, reterr);
    if (r < 0) {
        EVP_PKEY_free(key);
        free(cert.data);
        return r;
    }
    *ret_key = key;
    *ret_cert = cert;
    return 0;
}

static int find_pair(void *ctx, const uint8_t sha256[32], size_t prefix_len, struct evp_pkey_st **ret_key,
                     struct der *ret_cert, struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    uint8_t id[TOKEN_ID_MAX];
    size_t id_len = 0;
    struct der cert = {0};
    EVP_PKEY *key = NULL;
    int r = token_find_cert(v->token, sha256, prefix_len, id, &id_len, &cert, reterr);

    if (r == 0)
        r = token_key_to_evp(v->token, id, id_len, &key, reterr);
    if (r == 0)
        r = check_pair(&cert, key, reterr);
    if (r < 0) {
        EVP_PKEY_free(key);
        free(cert.data);
        return r;
    }
    *ret_key = key;
    *ret_cert = cert;
    return 0;
}

static int put_cert(void *ctx, const uint8_t id[KEY_ID_LEN], const char *label, const char *owner,
                    const struct der *cert, struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    struct row_job j = {.kind = VAULT_PAIR,
                        .id = id,
                        .id_len = KEY_ID_LEN,
                        .owner = owner,
                        .label = label,
                        .state = CERT_WANTED};
    int r = db_run(v->db, put_row, &j, reterr);

    if (r < 0)
        return r;
    CRASH_POINT(CERT_INTENT);
    r = token_put_cert(v->token, id, KEY_ID_LEN, label, cert, false, reterr);
    if (r < 0)
        return begun(v, r);
    CRASH_POINT(CERT_STORED);
    j.state = CERT;
    r = db_run(v->db, put_row, &j, reterr);
    if (r == 0)
        CRASH_POINT(CERT_CONFIRMED);
    return begun(v, r);
}

/* `pair`: the certificate of a key that is there; else a CA certificate. */
static int put_anchor(struct vault_ctx *v, enum vault_kind kind, const char *label, const char *owner,
                      const struct der *cert, const struct vault_object *pair, struct mef_error *reterr)
{
    uint8_t id[32];
    int r = cert_sha256(cert->data, cert->len, id);

    if (r < 0)
        return r;
    struct row_job j = {
        .kind = kind, .id = id, .id_len = sizeof id, .owner = owner, .label = label, .state = CERT_WANTED};
    r = db_run(v->db, put_row, &j, reterr);
    if (r < 0)
        return r;
    CRASH_POINT(CA_INTENT);
    r = token_put_cert(v->token, pair ? pair->id : NULL, pair ? pair->id_len : 0, label, cert, !pair, reterr);
    if (r < 0)
        return begun(v, r);
    CRASH_POINT(CA_STORED);
    j.state = CERT;
    return begun(v, db_run(v->db, put_row, &j, reterr));
}

static int find_cert(void *ctx, const uint8_t sha256[32], size_t prefix_len, struct der *ret,
                     struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    return token_find_cert(v->token, sha256, prefix_len, NULL, NULL, ret, reterr);
}

static int put_ca(void *ctx, const char *fqdn, const char *owner, const struct der *cert,
                  struct mef_error *reterr)
{
    char label[300];

    (void)snprintf(label, sizeof label, "%s CA", fqdn);
    return put_anchor(ctx, VAULT_CA, label, owner, cert, NULL, reterr);
}

int vault_put_anchor(struct vault_ctx *ctx, const char *name, const struct der *cert,
                     struct mef_error *reterr)
{
    char owner[80];

    (void)snprintf(owner, sizeof owner, VAULT_ANCHOR_PREFIX "%s", name);
    return put_anchor(ctx, VAULT_ANCHOR, name, owner, cert, NULL, reterr);
}

int vault_put_file(struct vault_ctx *ctx, const char *name, const struct der *cert,
                   const struct vault_object *pair, struct mef_error *reterr)
{
    char owner[80];

    (void)snprintf(owner, sizeof owner, VAULT_FILE_PREFIX "%s", name);
    return put_anchor(ctx, VAULT_ANCHOR, name, owner, cert, pair, reterr);
}

static int list_ca(void *ctx, const char *fqdn, const char *owner, struct der_list *ret,
                   struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    struct row_job j = {.owner = owner};
    struct der_list list = {0};
    int r = db_run(v->db, rows_work, &j, reterr);

    for (size_t i = 0; r == 0 && i < j.n_rows; i++) {
        struct der cert = {0};
        if (j.rows[i].kind != VAULT_CA || j.states[i] != CERT)
            continue;
        int f = token_find_cert(v->token, j.rows[i].id, j.rows[i].id_len, NULL, NULL, &cert, reterr);
        if (f == 0)
            f = der_list_add(&list, cert.data, cert.len);
        free(cert.data);
        if (f < 0 && f != -ENOENT)
            r = f;
    }
    free(j.rows);
    free(j.states);
    if (r < 0) {
        der_list_clear(&list);
        return r;
    }
    *ret = list;
    return 0;
}

/* Takes one object of one owner out of the token and the store. */
static int drop_one(struct vault_ctx *v, struct row_job *j, struct mef_error *reterr)
{
    int r = db_run(v->db, leave_row, j, reterr);
    _cleanup_(freep) char *label = TAKE_PTR(j->label_of_row);

    if (r == 0 && j->last)
        r = j->kind == VAULT_KEY ? token_delete_label(v->token, TOKEN_SECRET_KEY, j->label, NULL, reterr)
            : j->kind == VAULT_PAIR
                ? token_delete_id(v->token, TOKEN_PAIR | TOKEN_CERTIFICATE, j->id, j->id_len, NULL, reterr)
                : token_delete_cert(v->token, j->id, label, NULL, reterr);
    return begun(v, r < 0 ? r : db_run(v->db, drop_row, j, reterr));
}

static int drop_pair(void *ctx, const uint8_t id[KEY_ID_LEN], const char *owner, struct mef_error *reterr)
{
    struct row_job j = {.kind = VAULT_PAIR, .id = id, .id_len = KEY_ID_LEN, .owner = owner};
    return drop_one(ctx, &j, reterr);
}

/* A key has no CKA_ID of its own: its row goes by the SHA-256 of its label. */
static int key_row(struct row_job *j, uint8_t id[32], const char *key_id, const char *owner)
{
    *j = (struct row_job){
        .kind = VAULT_KEY, .id = id, .id_len = 32, .owner = owner, .label = key_id, .state = CERT_WANTED};
    return cert_sha256(key_id, strlen(key_id), id);
}

static int ours_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct row_job *j = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql,
                         "SELECT 1 FROM token_object WHERE kind=?1 AND id=?2 AND "
                         "(owner=?3 OR substr(owner,1,length(?4))<>?4)",
                         reterr);

    if (r < 0)
        return r;
    bind_row(&s, j->kind, j->id, j->id_len, j->owner);
    stmt_text(&s, 4, VAULT_PROFILE_PREFIX);
    r = stmt_step(&s, reterr);
    j->ours = r == 1;
    return r < 0 ? r : 0;
}

/* The server chooses the name of a key. It may not be that of the pre-provisioned one, nor of one that was
 * put there by hand: what is stored would replace it, and its end would delete it. */
static int check_name_free(struct vault_ctx *v, struct row_job *j, struct mef_error *reterr)
{
    bool there = false;
    int r = token_has_secret(v->token, j->label, &there, reterr);

    if (r < 0 || !there)
        return r;
    r = db_run(v->db, ours_work, j, reterr);
    return r < 0 || j->ours ? r
                            : mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS,
                                       "The token holds a key '%s' that did not come from a registration; it "
                                       "is not replaced.",
                                       j->label);
}

static int put_key(void *ctx, const char *key_id, const char *owner, const struct secret *key,
                   struct mef_error *reterr)
{
    struct vault_ctx *v = ctx;
    struct row_job j;
    uint8_t id[32];
    int r = key_row(&j, id, key_id, owner);

    if (r == 0)
        r = check_name_free(v, &j, reterr);
    if (r == 0)
        r = db_run(v->db, put_row, &j, reterr);
    if (r < 0)
        return r;
    CRASH_POINT(PSK_INTENT);
    r = token_put_secret(v->token, key_id, key, reterr);
    if (r == 0)
        CRASH_POINT(PSK_STORED);
    return begun(v, r);
}

static int drop_key(void *ctx, const char *key_id, const char *owner, struct mef_error *reterr)
{
    struct row_job j;
    uint8_t id[32];
    int r = key_row(&j, id, key_id, owner);

    return r < 0 ? r : drop_one(ctx, &j, reterr);
}

int vault_drop_row(struct vault_ctx *v, const struct vault_row *row, struct mef_error *reterr)
{
    struct row_job j = {.kind = (enum vault_kind)row->kind,
                        .id = row->id,
                        .id_len = row->id_len,
                        .owner = row->owner,
                        .label = row->label};
    return drop_one(v, &j, reterr);
}

int vault_confirm(struct vault_ctx *v, const char *key_id, const char *owner, struct mef_error *reterr)
{
    struct row_job j;
    uint8_t id[32];
    int r = key_row(&j, id, key_id, owner);

    j.state = CERT;
    return r < 0 ? r : db_run(v->db, put_row, &j, reterr);
}

static int put_node_anchor(void *ctx, const char *node, const struct der *cert, struct mef_error *reterr)
{
    return vault_put_anchor(ctx, node, cert, reterr);
}

struct vault vault_port(struct vault_ctx *ctx)
{
    return (struct vault){
        .ctx = ctx,
        .get_psk = get_psk,
        .find_psk = find_psk,
        .make_key = make_key,
        .get_pair = get_pair,
        .find_pair = find_pair,
        .put_cert = put_cert,
        .put_ca = put_ca,
        .list_ca = list_ca,
        .drop_pair = drop_pair,
        .drop_owned = vault_drop_owned,
        .has_psk = has_psk,
        .find_cert = find_cert,
        .put_anchor = put_node_anchor,
        .put_key = put_key,
        .drop_key = drop_key,
        .keep_key = vault_keep_key,
        .list_keys = vault_list_keys,
    };
}

/* ---- start-up --------------------------------------------------------------------------------------- */

struct open_job {
    const struct vault_row *row;
    enum vault_row_state state;
    bool open;
};

/* Whether somebody is at it: a command that is not over, or a row that has changed since it was read. The
 * latter is a command that was just finished: what it made is in use. */
static int open_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct open_job *j = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = journal_command_open(sql, j->row->owner, reterr);

    j->open = r == 1;
    if (r == 0)
        r = stmt_prepare(
            &s, sql, "SELECT 1 FROM token_object WHERE kind=?1 AND id=?2 AND owner=?3 AND state=?4", reterr);
    if (r < 0 || j->open)
        return r < 0 ? r : 0;
    bind_row(&s, j->row->kind, j->row->id, j->row->id_len, j->row->owner);
    stmt_int(&s, 4, j->state);
    r = stmt_step(&s, reterr);
    j->open = r == 0;
    return r < 0 ? r : 0;
}

/* Whether the token holds what the row is about, as far as the state says that it should. */
static int present(struct vault_ctx *v, const struct vault_row *row, bool cert, struct mef_error *reterr)
{
    struct der found = {0};
    int r;

    if (row->kind == VAULT_KEY) {
        bool there = false;
        r = token_has_secret(v->token, row->label, &there, reterr);
        return r < 0 ? r : there;
    }
    if (row->kind != VAULT_PAIR)
        r = token_find_cert(v->token, row->id, row->id_len, NULL, NULL, &found, reterr);
    else if (cert)
        r = token_get_cert(v->token, row->id, row->id_len, &found, reterr);
    else
        r = token_find_key(v->token, row->id, row->id_len, reterr);
    free(found.data);
    return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

static int reconcile_one(struct vault_ctx *v, const struct vault_row *row, enum vault_row_state state,
                         enum vault_when when, struct mef_error *reterr)
{
    struct row_job j = {.kind = (enum vault_kind)row->kind,
                        .id = row->id,
                        .id_len = row->id_len,
                        .owner = row->owner,
                        .label = row->label};
    struct open_job o = {.row = row, .state = state};
    char id[65];
    int r;

    hex_encode(row->id, row->id_len, id);
    if (state == LEAVING) {
        event_emit(&v->sink, &(struct event){.id = EVENT_TOKEN_RECONCILED, .node = row->owner},
                   "finishing the deletion of %s from the token", id);
        return drop_one(v, &j, reterr);
    }
    if (state == CERT && when == VAULT_AGAIN)
        return 0;
    if ((state == CERT || state == KEY) && when != VAULT_AGAIN) {
        r = present(v, row, state == CERT, reterr);
        if (r == 0)
            event_emit(&v->sink, &(struct event){.id = EVENT_TOKEN_RECONCILED, .node = row->owner},
                       "the token no longer holds %s, which the store has as confirmed; it will not be used",
                       id);
        if (r < 0 || state == CERT)
            return r < 0 ? r : 0;
    }
    if (row->kind == VAULT_ANCHOR)
        return 0; /* whether its node is in the tree is for anchors.c */
    /* The caller was not answered and will ask again; a key that is there may be the one of before. */
    if (vault_row_by_hand(row) && (r = present(v, row, false, reterr)) != 0)
        return r < 0 ? r : vault_confirm(v, row->label, row->owner, reterr);
    /* A key or certificate on its way belongs to a command that is still to be finished; without one nobody
     * will come back for it. */
    r = db_run(v->db, open_work, &o, reterr);
    if (r < 0)
        return r;
    /* A key registration is never taken up again, but until the next start somebody may be about to tie it.
     */
    if (row->kind == VAULT_KEY ? when != VAULT_START : o.open) {
        if (row->kind != VAULT_KEY && when != VAULT_START)
            atomic_store(&v->unsettled, true); /* the worker that has it in hand may yet fail */
        return 0;
    }
    event_emit(&v->sink, &(struct event){.id = EVENT_TOKEN_RECONCILED, .node = row->owner},
               "removing %s, which was begun for a command that has ended", id);
    return drop_one(v, &j, reterr);
}

/* We were stopped while an object was made: it may be there in part, and nameless. */
static int clear_ruins(struct vault_ctx *v, struct mef_error *reterr)
{
    unsigned n = 0;
    int r = token_clear_ruins(v->token, &n, reterr);

    if (r == 0 && n)
        event_emit(&v->sink, &(struct event){.id = EVENT_TOKEN_RECONCILED},
                   "removed %u objects that were begun and never finished from the token", n);
    return r;
}

int vault_reconcile(struct vault_ctx *ctx, enum vault_when when, struct mef_error *reterr)
{
    struct row_job all = {0};
    int r;

    atomic_store(&ctx->unsettled, false); /* what fails from now on counts again */
    r = db_run(ctx->db, rows_work, &all, reterr);

    bool began = false;
    for (size_t i = 0; r == 0 && i < all.n_rows; i++)
        began |= all.states[i] == KEY_WANTED || all.states[i] == CERT_WANTED;
    if (r == 0 && began && when != VAULT_AGAIN)
        r = clear_ruins(ctx, reterr);
    for (size_t i = 0; r == 0 && i < all.n_rows; i++)
        r = reconcile_one(ctx, &all.rows[i], all.states[i], when, reterr);
    free(all.rows);
    free(all.states);
    return begun(ctx, r);
}

/* ---- burnt PINs ------------------------------------------------------------------------------------- */

struct pin_job {
    const char *serial, *file;
    bool burnt;
};

static int burn_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct pin_job *j = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "INSERT OR IGNORE INTO burnt_pin(serial,file) VALUES(?1,?2)", reterr);

    if (r < 0)
        return r;
    stmt_text(&s, 1, j->serial);
    stmt_text(&s, 2, j->file);
    return stmt_run(&s, reterr);
}

static int burnt_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct pin_job *j = ctx;
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "SELECT count(*) FROM burnt_pin WHERE serial=?1 AND file=?2", reterr);

    if (r < 0)
        return r;
    stmt_text(&s, 1, j->serial);
    stmt_text(&s, 2, j->file);
    r = stmt_step(&s, reterr);
    if (r < 0)
        return r;
    j->burnt = stmt_col_int(&s, 0) > 0;
    return 0;
}

static int guard_burn(void *ctx, const char *serial, const char *file)
{
    return db_run(ctx, burn_work, &(struct pin_job){.serial = serial, .file = file}, NULL);
}

static int guard_is_burnt(void *ctx, const char *serial, const char *file)
{
    struct pin_job j = {.serial = serial, .file = file};
    int r = db_run(ctx, burnt_work, &j, NULL);

    return r < 0 ? r : j.burnt;
}

struct token_pin_guard vault_pin_guard(struct db *db)
{
    return (struct token_pin_guard){.ctx = db, .is_burnt = guard_is_burnt, .burn = guard_burn};
}
