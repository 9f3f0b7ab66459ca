/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The token, the enrolment, the journal and the observer of the world. */
#include "tests/unit/mef-world.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/cert/est.h"

/* ---- token ------------------------------------------------------------------------------------------- */

/* `san`: of a subjectAltName, "DNS:..." or "URI:..."; NULL = none. */
static GBytes *certificate_from_to(const char *cn, const char *san, time_t from, time_t to)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    uint8_t *der = NULL;

    g_assert_nonnull(key);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    ASN1_TIME_set(X509_getm_notBefore(x), from);
    ASN1_TIME_set(X509_getm_notAfter(x), to);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *ext = san ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san) : NULL;
    g_assert_true(!san || ext);
    if (ext)
        X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    g_assert_cmpint(X509_sign(x, key, EVP_sha256()), >, 0);
    int n = i2d_X509(x, &der);
    g_assert_cmpint(n, >, 0);
    GBytes *b = g_bytes_new(der, (gsize)n);
    OPENSSL_free(der);
    X509_free(x);
    EVP_PKEY_free(key);
    return b;
}

GBytes *world_certificate(const char *cn)
{
    time_t now = time(NULL);
    return certificate_from_to(cn, NULL, now - 3600, now + 3600L * 24 * 3650);
}

static int vault_fails(struct world *w, struct mef_error *reterr)
{
    if (w->dead)
        return mef_fail(reterr, MEF_ERROR_TOKEN_UNAVAILABLE, "no power");
    return w->vault_error ? mef_fail(reterr, (enum mef_error_word)w->vault_error, "scripted token failure")
                          : 0;
}

static int vault_get_psk(void *ctx, const char *key_id, struct secret **ret, struct mef_error *reterr)
{
    struct world *w = ctx;
    int r = vault_fails(w, reterr);

    if (r < 0)
        return r;
    if (w->no_psk || !streq(key_id, WORLD_KPM))
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "No key '%s' in the token.", key_id);
    return secret_copy("0123456789abcdef0123456789abcdef", 32, ret);
}

static int vault_has_psk(void *ctx, const char *key_id, bool *ret, struct mef_error *reterr)
{
    struct world *w = ctx;
    int r = vault_fails(w, reterr);

    if (r == 0 && w->key_error)
        r = mef_fail(reterr, (enum mef_error_word)w->key_error, "scripted token failure");
    if (r == 0)
        *ret = w->key && streq(key_id, w->key);
    return r;
}

static int vault_find_cert(void *ctx, const uint8_t sha256[32], size_t prefix_len, struct der *ret,
                           struct mef_error *reterr)
{
    struct world *w = ctx;

    (void)sha256, (void)prefix_len;
    if (!w->local_anchor)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "No such certificate in the token.");
    gsize n;
    const void *data = g_bytes_get_data(w->local_anchor, &n);
    ret->data = malloc(n);
    memcpy(ret->data, data, n);
    ret->len = n;
    return 0;
}

static int vault_put_anchor(void *ctx, const char *node, const struct der *cert, struct mef_error *reterr)
{
    struct world *w = ctx;

    (void)cert;
    g_free(w->anchor_owner);
    w->anchor_owner = g_strdup(node);
    return w->key_error ? mef_fail(reterr, (enum mef_error_word)w->key_error, "scripted token failure") : 0;
}

static int vault_put_key(void *ctx, const char *key_id, const char *owner, const struct secret *key,
                         struct mef_error *reterr)
{
    struct world *w = ctx;

    g_assert_cmpstr(owner, ==, WORLD_NODE);
    if (w->key_error)
        return mef_fail(reterr, (enum mef_error_word)w->key_error, "scripted token failure");
    bool happens;
    pthread_mutex_lock(&w->lock);
    bool alive = world_power(w, &happens);
    pthread_mutex_unlock(&w->lock);
    if (happens) {
        g_hash_table_insert(w->keys, g_strdup(key_id), g_bytes_new(key->data, key->len));
        g_hash_table_insert(w->rows, g_strdup(key_id), g_new0(struct world_key, 1));
    }
    return alive ? 0 : -ECANCELED;
}

static int vault_drop_key(void *ctx, const char *key_id, const char *owner, struct mef_error *reterr)
{
    struct world *w = ctx;

    (void)owner, (void)reterr;
    g_hash_table_remove(w->keys, key_id);
    g_hash_table_remove(w->rows, key_id);
    return 0;
}

static int vault_keep_key(void *ctx, const char *key_id, const char *owner, int64_t expires,
                          struct mef_error *reterr)
{
    struct world *w = ctx;
    struct world_key *k = g_hash_table_lookup(w->rows, key_id);

    (void)owner, (void)reterr;
    g_assert_nonnull(k);
    k->expires = expires;
    k->kept = true;
    return 0;
}

static int vault_list_keys(void *ctx, const char *owner, struct key_list *ret, struct mef_error *reterr)
{
    struct world *w = ctx;
    GHashTableIter i;
    void *name, *value;

    if (strcmp(owner, WORLD_NODE) != 0)
        return 0; /* a second registration of the test has no keys */
    if (w->list_error)
        return mef_fail(reterr, MEF_ERROR_FAILED, "scripted store failure");
    g_hash_table_iter_init(&i, w->rows);
    while (g_hash_table_iter_next(&i, &name, &value)) {
        struct world_key *k = value;
        if (!k->kept)
            continue;
        ret->item = g_renew(struct key_record, ret->item, ret->n + 1);
        ret->item[ret->n++] = (struct key_record){.name = g_strdup(name),
                                                  .profile = k->profile,
                                                  .path = g_strdup(k->path),
                                                  .registered = k->registered,
                                                  .expires = k->expires,
                                                  .current = g_strcmp0(name, w->settled_credential) == 0};
    }
    return 0;
}

static int vault_find_psk(void *ctx, const char *fqdn, char **ret, struct mef_error *reterr)
{
    (void)ctx, (void)fqdn, (void)ret, (void)reterr;
    return -ENOSYS;
}

static int vault_make_key(void *ctx, const uint8_t id[KEY_ID_LEN], const char *label, const char *owner,
                          struct evp_pkey_st **ret, struct mef_error *reterr)
{
    (void)ctx, (void)id, (void)label, (void)owner, (void)ret, (void)reterr;
    return -ENOSYS;
}

static int vault_get_pair(void *ctx, const uint8_t id[KEY_ID_LEN], struct evp_pkey_st **ret_key,
                          struct der *ret_cert, struct mef_error *reterr)
{
    struct world *w = ctx;
    char hex[2 * KEY_ID_LEN + 1];
    int r = vault_fails(w, reterr);

    if (r < 0)
        return r;
    hex_encode(id, KEY_ID_LEN, hex);
    GBytes *b = g_hash_table_lookup(w->pairs, hex);
    if (!b)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "No pair '%s' in the token.", hex);
    gsize n;
    const void *data = g_bytes_get_data(b, &n);
    *ret_key = NULL;
    ret_cert->data = malloc(n);
    memcpy(ret_cert->data, data, n);
    ret_cert->len = n;
    return 0;
}

static int vault_find_pair(void *ctx, const uint8_t sha256[32], size_t prefix_len,
                           struct evp_pkey_st **ret_key, struct der *ret_cert, struct mef_error *reterr)
{
    uint8_t id[KEY_ID_LEN] = {0};

    (void)prefix_len;
    memcpy(id, sha256, KEY_ID_LEN);
    return vault_get_pair(ctx, id, ret_key, ret_cert, reterr);
}

static int vault_put_cert(void *ctx, const uint8_t id[KEY_ID_LEN], const char *label, const char *owner,
                          const struct der *cert, struct mef_error *reterr)
{
    struct world *w = ctx;
    char hex[2 * KEY_ID_LEN + 1];
    int r = vault_fails(w, reterr);

    (void)label;
    if (r < 0)
        return r;
    g_assert_cmpstr(owner, ==, w->config.node);
    hex_encode(id, KEY_ID_LEN, hex);
    g_hash_table_replace(w->pairs, g_strdup(hex), g_bytes_new(cert->data, cert->len));
    return 0;
}

static int vault_put_ca(void *ctx, const char *fqdn, const char *owner, const struct der *cert,
                        struct mef_error *reterr)
{
    struct world *w = ctx;
    int r = vault_fails(w, reterr);

    (void)fqdn, (void)owner;
    if (r == 0)
        g_ptr_array_add(w->cas, g_bytes_new(cert->data, cert->len));
    return r;
}

static int vault_list_ca(void *ctx, const char *fqdn, const char *owner, struct der_list *ret,
                         struct mef_error *reterr)
{
    struct world *w = ctx;
    int r = vault_fails(w, reterr);

    (void)fqdn, (void)owner;
    for (guint i = 0; r == 0 && i < w->cas->len; i++) {
        gsize n;
        const void *data = g_bytes_get_data(w->cas->pdata[i], &n);
        r = der_list_add(ret, data, n);
    }
    return r;
}

static int vault_drop_pair(void *ctx, const uint8_t id[KEY_ID_LEN], const char *owner,
                           struct mef_error *reterr)
{
    struct world *w = ctx;
    char hex[2 * KEY_ID_LEN + 1];
    int r = vault_fails(w, reterr);

    (void)owner;
    if (r < 0)
        return r;
    hex_encode(id, KEY_ID_LEN, hex);
    w->drops += g_hash_table_remove(w->pairs, hex);
    return 0;
}

static int vault_drop_owned(void *ctx, const char *owner, struct mef_error *reterr)
{
    struct world *w = ctx;
    int r = vault_fails(w, reterr);

    if (r < 0)
        return r;
    g_assert_cmpstr(owner, ==, w->config.node);
    g_hash_table_remove_all(w->pairs);
    g_ptr_array_set_size(w->cas, 0);
    w->drop_owned++;
    return 0;
}

/* ---- EST, in place of plugin/cert/est.c ------------------------------------------------------------- */

void est_result_clear(struct est_result *r)
{
    der_list_clear(&r->ca);
    der_list_clear(&r->chain);
    cert_info_clear(&r->info);
    *r = (struct est_result){0};
}

int est_enrol(const struct est_params *p, struct est_result *ret, struct mef_error *reterr)
{
    struct world *w = p->transport->ctx;
    bool happens;

    pthread_mutex_lock(&w->lock);
    bool alive = world_power(w, &happens);
    if (happens)
        w->enrolments++;
    pthread_mutex_unlock(&w->lock);
    if (!alive)
        return -ECANCELED;
    g_autofree char *with = world_credential_name(p->with);
    g_strlcpy(w->est_with, with, sizeof w->est_with);
    g_strlcpy(w->est_uri, p->uri, sizeof w->est_uri);
    g_strlcpy(w->est_san, p->san->value, sizeof w->est_san);
    if (p->renew) {
        g_autofree char *renew = world_credential_name(p->renew);
        g_strlcpy(w->est_renew, renew, sizeof w->est_renew);
    }
    if (w->est_result != (int)CMD_STATUS_OK) {
        (void)mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "scripted enrolment failure");
        return w->est_result;
    }
    time_t now = (time_t)(w->real / 1000000);
    g_autofree char *san = g_strdup_printf("%s:%s", p->san->kind == SAN_DNS ? "DNS" : "URI", p->san->value);
    g_autoptr(GBytes) ca = world_certificate("MEF CA"),
                      leaf = w->cert_life ? certificate_from_to("gw42", san, now, now + (time_t)w->cert_life)
                                          : world_certificate("gw42");
    gsize n;
    const void *data = g_bytes_get_data(ca, &n);
    g_assert_cmpint(der_list_add(&ret->ca, data, n), ==, 0);
    data = g_bytes_get_data(leaf, &n);
    g_assert_cmpint(der_list_add(&ret->chain, data, n), ==, 0);
    g_assert_cmpint(cert_info_get(&ret->chain.item[0], &ret->info), ==, 0);
    if (p->progress)
        p->progress(p->progress_ctx, 4, "enrolling", 0);
    return 0;
}

/* ---- journal ----------------------------------------------------------------------------------------- */

static void cmd_free(void *p)
{
    cmd_record_clear(p);
    g_free(p);
}

/* 0, or negative: it was not written, or the power went right after. */
static int journal_write(struct world *w, bool *ret_happens, struct mef_error *reterr)
{
    if (w->journal_error) {
        *ret_happens = false;
        (void)mef_fail(reterr, MEF_ERROR_FAILED, "disk full");
        return -w->journal_error;
    }
    bool alive = world_power(w, ret_happens);
    if (!alive)
        (void)mef_fail(reterr, MEF_ERROR_FAILED, "no power");
    return alive ? 0 : -EIO;
}

static int journal_load(void *ctx, const char *node, struct reg_record *ret, struct mef_error *reterr)
{
    struct world *w = ctx;

    (void)reterr;
    g_assert_cmpstr(node, ==, w->config.node);
    return w->has_reg ? reg_record_copy(&w->reg, ret) : -ENOENT;
}

static void keep_reg(struct world *w, const struct reg_record *r)
{
    reg_record_clear(&w->reg);
    g_assert_cmpint(reg_record_copy(r, &w->reg), ==, 0);
    w->has_reg = true;
}

static int journal_save(void *ctx, const struct reg_record *r, struct mef_error *reterr)
{
    struct world *w = ctx;
    bool happens;

    pthread_mutex_lock(&w->lock);
    int e = journal_write(w, &happens, reterr);
    if (happens)
        keep_reg(w, r);
    pthread_mutex_unlock(&w->lock);
    return e;
}

static int journal_remove(void *ctx, const char *node, struct mef_error *reterr)
{
    struct world *w = ctx;
    bool happens;

    (void)node;
    pthread_mutex_lock(&w->lock);
    int e = journal_write(w, &happens, reterr);
    if (happens) {
        reg_record_clear(&w->reg);
        w->has_reg = false;
        g_ptr_array_set_size(w->cmds, 0);
    }
    pthread_mutex_unlock(&w->lock);
    return e;
}

static int journal_last(void *ctx, const char *node, struct cmd_record *ret, struct mef_error *reterr)
{
    struct world *w = ctx;

    (void)reterr;
    for (guint i = w->cmds->len; i-- > 0;) {
        struct cmd_record *c = w->cmds->pdata[i];
        if (streq(c->node, node))
            return cmd_record_copy(c, ret);
    }
    return -ENOENT;
}

static int journal_find(void *ctx, const char *node, const char *cid, struct cmd_record *ret,
                        struct mef_error *reterr)
{
    struct world *w = ctx;

    (void)reterr;
    for (guint i = w->cmds->len; i-- > 0;) {
        struct cmd_record *c = w->cmds->pdata[i];
        if (streq(c->node, node) && streq(c->cid, cid) && c->csc != 40)
            return cmd_record_copy(c, ret);
    }
    return -ENOENT;
}

static int journal_find_cert(void *ctx, const char *node, const uint8_t id[KEY_ID_LEN],
                             struct cmd_record *ret, struct mef_error *reterr)
{
    struct world *w = ctx;

    (void)reterr;
    for (guint i = w->cmds->len; i-- > 0;) {
        struct cmd_record *c = w->cmds->pdata[i];
        if (streq(c->node, node) && c->has_cert && memcmp(c->cert_id, id, KEY_ID_LEN) == 0)
            return cmd_record_copy(c, ret);
    }
    return -ENOENT;
}

static int journal_save_cmd(void *ctx, struct cmd_record *c, const struct reg_record *r,
                            struct mef_error *reterr)
{
    struct world *w = ctx;
    bool happens;

    pthread_mutex_lock(&w->lock);
    int e = journal_write(w, &happens, reterr);
    if (happens) {
        uint32_t serial = c->serial ? c->serial : ++w->serial;
        struct cmd_record *copy = g_new0(struct cmd_record, 1);
        g_assert_cmpint(cmd_record_copy(c, copy), ==, 0);
        copy->serial = serial;
        guint i;
        for (i = 0; i < w->cmds->len; i++)
            if (((struct cmd_record *)w->cmds->pdata[i])->serial == serial &&
                streq(((struct cmd_record *)w->cmds->pdata[i])->node, c->node))
                break;
        if (i < w->cmds->len) {
            cmd_free(w->cmds->pdata[i]);
            w->cmds->pdata[i] = copy;
        } else
            g_ptr_array_add(w->cmds, copy);
        c->serial = serial;
        if (r)
            keep_reg(w, r);
    }
    pthread_mutex_unlock(&w->lock);
    return e;
}

struct cmd_record *world_command(struct world *w, const char *cid)
{
    for (guint i = w->cmds->len; i-- > 0;)
        if (streq(((struct cmd_record *)w->cmds->pdata[i])->cid, cid))
            return w->cmds->pdata[i];
    return NULL;
}

/* ---- observer ---------------------------------------------------------------------------------------- */

static void observe_registration(void *ctx, const struct reg_record *r, const char *credential,
                                 const struct mef_error *error)
{
    struct world *w = ctx;

    pthread_mutex_lock(&w->lock);
    w->state = r->state;
    w->next_poll = r->next_poll;
    w->retry_count = r->retry_count;
    g_free(w->credential);
    w->credential = g_strdup(credential);
    g_free(w->client_reg_id);
    w->client_reg_id = g_strdup(r->reg_id);
    g_free(w->last_error);
    w->last_error = error ? g_strdup_printf("%s: %s", mef_error_name(error->word), error->text) : NULL;
    pthread_mutex_unlock(&w->lock);
}

static void observe_command(void *ctx, const struct cmd_record *c)
{
    (void)ctx, (void)c;
}

static void observe_progress(void *ctx, uint32_t job, unsigned i, unsigned n, const char *text,
                             int64_t waiting_until)
{
    struct world *w = ctx;

    g_assert_cmpuint(job, !=, 0);
    g_assert_cmpuint(i, <=, n);
    g_assert_nonnull(text);
    pthread_mutex_lock(&w->lock);
    w->waiting_until = waiting_until;
    pthread_mutex_unlock(&w->lock);
}

static void observe_finished(void *ctx, uint32_t job, const struct mef_error *err)
{
    struct world *w = ctx;

    pthread_mutex_lock(&w->lock);
    if (g_hash_table_contains(w->finished, GUINT_TO_POINTER(job)))
        g_error("job %u finished twice", job);
    g_hash_table_insert(w->finished, GUINT_TO_POINTER(job), GINT_TO_POINTER(err ? (int)err->word : 0));
    pthread_mutex_unlock(&w->lock);
}

static void observe_attention(void *ctx, const char *node, const char *reason, const char *text)
{
    struct world *w = ctx;

    g_assert_cmpstr(node, ==, w->config.node);
    pthread_mutex_lock(&w->lock);
    if (text)
        g_hash_table_replace(w->attention, g_strdup(reason), g_strdup(text));
    else
        g_hash_table_remove(w->attention, reason);
    pthread_mutex_unlock(&w->lock);
}

static void observe_ended(void *ctx, const char *node)
{
    struct world *w = ctx;

    (void)node;
    pthread_mutex_lock(&w->lock);
    w->ended++;
    w->asleep = true; /* the worker leaves: as good as at rest */
    static const struct cancel never = {.fd = -1};
    w->sleeping = &never;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void sink(void *ctx, const struct event *e)
{
    static const char *const names[] = {
#define X(name, level, id, text) #name,
#include "plugin/base/events.def"
#undef X
    };
    struct world *w = ctx;

    pthread_mutex_lock(&w->lock);
    w->event_count[e->id]++;
    g_string_append_printf(w->events, "%s ", names[e->id]);
    if (g_getenv("MEF_WORLD_TRACE"))
        g_printerr("# %s: %s\n", names[e->id], e->message);
    if (e->transaction) {
        g_assert_cmpuint(strlen(e->transaction), ==, 16);
        g_ptr_array_add(w->transactions, g_strdup_printf("%s %s %s", names[e->id], e->transaction,
                                                         e->cmd_id ? e->cmd_id : "-"));
    }
    g_assert_null(strstr(e->message, "0123456789abcdef0123456789abcdef"));
    pthread_mutex_unlock(&w->lock);
}

/* ---- tree -------------------------------------------------------------------------------------------- */

static int tree_resolve(void *ctx, const char *object_path, const struct wait *wait, struct mo_snapshot **ret,
                        struct mef_error *reterr)
{
    struct world *w = ctx;
    int r = wait_check(wait);

    g_assert_cmpuint(wait->deadline, !=, DEADLINE_NONE);
    w->resolves++;
    if (r < 0 || w->tree_result < 0)
        return r < 0 ? r : mef_fail(reterr, MEF_ERROR_TIMED_OUT, "scripted tree failure");
    if (!w->node || !streq(object_path, w->node->path))
        return 0;
    *ret = g_malloc0(sizeof **ret);
    g_assert_cmpint(mo_snapshot_copy(w->node, *ret), ==, 0);
    return 0;
}

static int tree_settle(void *ctx, const struct node_outcome *o, const struct wait *wait,
                       struct mef_error *reterr)
{
    struct world *w = ctx;
    int r = wait_check(wait);

    if (r < 0 || w->tree_result < 0 || w->settle_result < 0)
        return r < 0 ? r : mef_fail(reterr, MEF_ERROR_TIMED_OUT, "scripted tree failure");
    pthread_mutex_lock(&w->lock);
    bool happens, alive = world_power(w, &happens);
    pthread_mutex_unlock(&w->lock);
    if (!happens)
        return -ECANCELED;
    g_assert_cmpuint(o->node, ==, w->node->id);
    g_assert_true(!o->why == (o->status == CMD_STATUS_OK));
    w->settles++;
    w->settled = o->status;
    w->settled_expires = o->expires;
    if (o->credential) { /* a failure does not untie */
        g_free(w->settled_credential);
        w->settled_credential = g_strdup(o->credential);
    }
    g_free(w->settled_why);
    w->settled_why = g_strdup(o->why);
    if (o->owner) {
        struct world_key *k = g_hash_table_lookup(w->rows, o->credential);
        g_assert_nonnull(k);
        k->path = g_strdup(o->path);
        k->profile = o->node;
        k->registered = o->registered;
        k->expires = o->expires;
        k->kept = true;
    }
    return alive ? 0 : -ECANCELED;
}

int world_finished(struct world *w, uint32_t job)
{
    void *value;

    pthread_mutex_lock(&w->lock);
    int r = g_hash_table_lookup_extended(w->finished, GUINT_TO_POINTER(job), NULL, &value)
                ? GPOINTER_TO_INT(value)
                : -1;
    pthread_mutex_unlock(&w->lock);
    return r;
}

const char *world_attention(struct world *w, const char *reason)
{
    pthread_mutex_lock(&w->lock);
    const char *text = g_hash_table_lookup(w->attention, reason);
    pthread_mutex_unlock(&w->lock);
    return text;
}

static void row_free(void *p)
{
    struct world_key *k = p;

    g_free(k->path);
    g_free(k);
}

void world_reconcile(struct world *w)
{
    GHashTableIter i;
    void *name, *value;

    g_hash_table_iter_init(&i, w->rows);
    while (g_hash_table_iter_next(&i, &name, &value))
        if (!((struct world_key *)value)->kept) {
            g_hash_table_remove(w->keys, name);
            g_hash_table_iter_remove(&i);
        }
}

void world_store_init(struct world *w)
{
    w->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    w->rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, row_free);
    w->cmds = g_ptr_array_new_with_free_func(cmd_free);
}

void world_store_wire(struct world *w, struct mef_client_params *p)
{
    p->vault = (struct vault){w,
                              vault_get_psk,
                              vault_find_psk,
                              vault_make_key,
                              vault_get_pair,
                              vault_find_pair,
                              vault_put_cert,
                              vault_put_ca,
                              vault_list_ca,
                              vault_drop_pair,
                              vault_drop_owned,
                              vault_has_psk,
                              vault_find_cert,
                              vault_put_anchor,
                              vault_put_key,
                              vault_drop_key,
                              vault_keep_key,
                              vault_list_keys};
    p->tree = (struct tree_port){w, tree_resolve, tree_settle, w->delegate};
    p->journal = (struct journal){w,
                                  journal_load,
                                  journal_save,
                                  journal_remove,
                                  journal_last,
                                  journal_find,
                                  journal_find_cert,
                                  journal_save_cmd};
    p->observer = (struct observer){w,
                                    observe_registration,
                                    observe_command,
                                    observe_progress,
                                    observe_finished,
                                    observe_attention,
                                    observe_ended};
    p->events = (struct event_sink){w, sink};
}
