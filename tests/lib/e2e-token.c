/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/e2e-token.h"

#include <sqlite3.h>
#include <string.h>

/* A row of token_object, and how often each thing that it is about lies in the token. */
struct row {
    gint64 kind, state;
    char *id, *label; /* hex; */
    unsigned private_keys, public_keys, certificates, secrets;
};

enum { PAIR = 1, KEY = 4, CONFIRMED = 4 }; /* vault.h */

static void row_free(gpointer data)
{
    struct row *r = data;
    g_free(r->id);
    g_free(r->label);
    g_free(r);
}

static sqlite3 *store(struct e2e *e)
{
    g_autofree char *path = g_build_filename(e->state_dir, "state.db", NULL);
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(db, 2000) != SQLITE_OK) {
        sqlite3_close(db);
        return NULL;
    }
    return db;
}

static GPtrArray *rows_of(struct e2e *e)
{
    sqlite3 *db = store(e);
    sqlite3_stmt *s = NULL;
    GPtrArray *rows = NULL;
    int step = SQLITE_ERROR;

    if (db && sqlite3_prepare_v2(db, "SELECT kind,state,lower(hex(id)),label FROM token_object", -1, &s,
                                 NULL) == SQLITE_OK) {
        rows = g_ptr_array_new_with_free_func(row_free);
        while ((step = sqlite3_step(s)) == SQLITE_ROW) {
            struct row *r = g_new0(struct row, 1);
            r->kind = sqlite3_column_int64(s, 0);
            r->state = sqlite3_column_int64(s, 1);
            r->id = g_strdup((const char *)sqlite3_column_text(s, 2));
            r->label = g_strdup((const char *)sqlite3_column_text(s, 3));
            g_ptr_array_add(rows, r);
        }
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    if (step != SQLITE_DONE)
        g_clear_pointer(&rows, g_ptr_array_unref);
    return rows;
}

/* Counts the object (class, id, label, SHA-256) at the rows that are about it; their number. A pair has its
 * CKA_ID in its row, a certificate of a CA its fingerprint, a key goes by its label. */
static unsigned owners(GPtrArray *rows, char *const *word)
{
    unsigned n = 0;

    for (guint i = 0; i < rows->len; i++) {
        struct row *r = rows->pdata[i];
        gboolean secret = strcmp(word[0], "secret-key") == 0;
        if (secret ? r->kind != KEY || g_strcmp0(r->label, word[2]) != 0
            : r->kind == PAIR
                ? strcmp(r->id, word[1]) != 0
                : r->kind == KEY || strcmp(r->id, word[3]) != 0 || g_strcmp0(r->label, word[2]) != 0)
            continue;
        n++;
        r->secrets += secret;
        r->private_keys += strcmp(word[0], "private-key") == 0;
        r->public_keys += strcmp(word[0], "public-key") == 0;
        r->certificates += strcmp(word[0], "certificate") == 0;
    }
    return n;
}

static gboolean is_given(const char *label, const char *const *given)
{
    return strcmp(label, E2E_KPM_ID) == 0 || (given && g_strv_contains(given, label));
}

static void say(GString *why, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void say(GString *why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (why->len)
        g_string_append(why, "; ");
    g_string_append_vprintf(why, format, args);
    va_end(args);
}

static void judge_row(const struct row *r, GString *why)
{
    const char *name = r->kind == KEY ? r->label : r->id;
    unsigned most = MAX(MAX(r->private_keys, r->public_keys), MAX(r->certificates, r->secrets));

    if (r->state != CONFIRMED)
        say(why, "the record of %s is half done (state %d)", name, (int)r->state);
    else if (r->kind == KEY    ? !r->secrets
             : r->kind == PAIR ? !r->private_keys || !r->public_keys || !r->certificates
                               : !r->certificates)
        say(why, "%s is recorded and not, or not wholly, in the token", name);
    if (most > 1)
        say(why, "%s is in the token %u times", name, most);
}

char *e2e_token_disorder(struct e2e *e, const char *const *given)
{
    g_autoptr(GPtrArray) rows = rows_of(e);
    g_autofree char *list = e2e_token_list(e);
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    g_autoptr(GString) why = g_string_new(NULL);

    if (!rows)
        return g_strdup("the store cannot be read");
    for (char **l = lines; *l; l++) {
        g_auto(GStrv) word = g_strsplit(*l, "\t", 4);
        if (g_strv_length(word) == 4 && !owners(rows, word) && !is_given(word[2], given))
            say(why, "no record owns the %s '%s' in the token", word[0], word[2]);
    }
    for (guint i = 0; i < rows->len; i++)
        judge_row(rows->pdata[i], why);
    return why->len ? g_string_free(g_steal_pointer(&why), FALSE) : NULL;
}

struct settling {
    const char *const *given;
    char *why;
};

static gboolean settled(struct e2e *e, void *data)
{
    struct settling *s = data;

    g_free(s->why);
    s->why = e2e_token_disorder(e, s->given);
    return s->why == NULL;
}

char *e2e_token_settled(struct e2e *e, const char *const *given, unsigned seconds)
{
    struct settling s = {.given = given};

    if (e2e_try(e, settled, &s, seconds))
        return NULL;
    return s.why ? s.why : g_strdup("the agent has ended");
}

gint64 e2e_ask_store(struct e2e *e, const char *sql, const char *text)
{
    sqlite3 *db = store(e);
    sqlite3_stmt *s = NULL;
    gint64 n = -1;

    if (db && sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK) {
        if (text)
            sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
        if (sqlite3_step(s) == SQLITE_ROW)
            n = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}
