/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/cert-files.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "pkcs11/provider.h"
#include "plugin/base/str.h"
#include "plugin/bindings.h"
#include "plugin/cert/chain.h"
#include "plugin/mo/cert-file.h"
#include "policy/status.h"

/* One file on its way into the token; lives from the start to what is shown of it. */
struct filing {
    struct engine *e;
    struct filing *next;
    uint64_t node;
    char *name;
    struct der_list certs;
    char credential[65]; /* 64 hex digits, as everybody names certificates */
    struct mef_error why;
    struct node_outcome row;
};

static void filing_end(struct filing *f)
{
    for (struct filing **at = &f->e->filings; *at; at = &(*at)->next)
        if (*at == f) {
            *at = f->next;
            break;
        }
    free(f->name);
    der_list_clear(&f->certs);
    free(f);
}

/* ---- on the token thread --------------------------------------------------------------------------------
 */

struct key_id {
    uint8_t id[TOKEN_ID_MAX];
    size_t len;
};

struct key_ids {
    struct key_id *item;
    size_t n;
};

static int collect(void *ctx, const struct token_object *o)
{
    struct key_ids *l = ctx;

    if (!o->id_len || o->id_len > TOKEN_ID_MAX)
        return 0;
    struct key_id *more = reallocarray(l->item, l->n + 1, sizeof *more);
    if (!more)
        return -ENOMEM;
    l->item = more;
    memcpy(more[l->n].id, o->id, o->id_len);
    more[l->n++].len = o->id_len;
    return 0;
}

/* The certificate of the file that belongs to this key, NULL = none does, or the key is none of ours. */
static const struct der *belongs(struct filing *f, const struct key_id *k)
{
    const struct der *found = NULL;
    EVP_PKEY *key = NULL;

    if (token_key_to_evp(f->e->vault.token, k->id, k->len, &key, NULL) < 0)
        return NULL;
    for (size_t i = 0; !found && i < f->certs.n; i++)
        if (cert_has_key(&f->certs.item[i], key))
            found = &f->certs.item[i];
    EVP_PKEY_free(key);
    return found;
}

static int store_beside(struct filing *f, const struct key_id *k, const struct der *cert,
                        struct mef_error *reterr)
{
    const struct vault_object pair = {.id = k->id, .id_len = k->len};
    struct der there = {0};
    int r = token_get_cert(f->e->vault.token, k->id, k->len, &there, reterr);

    if (r == 0) {
        bool same = there.len == cert->len && memcmp(there.data, cert->data, cert->len) == 0;
        free(there.data);
        return same ? 0
                    : mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS,
                               "the token has another certificate for the key of '%s'; delete that one first",
                               f->name);
    }
    return r == -ENOENT ? vault_put_file(&f->e->vault, f->name, cert, &pair, reterr) : r;
}

static int work(void *ctx, struct mef_error *reterr)
{
    struct filing *f = ctx;
    struct key_ids keys = {0};
    const struct der *cert = NULL;
    uint8_t sum[32];
    size_t i = 0;
    int r = token_enumerate(f->e->vault.token, TOKEN_PRIVATE_KEY, true, collect, &keys, reterr);

    for (; r == 0 && i < keys.n && !(cert = belongs(f, &keys.item[i])); i++)
        ;
    if (r == 0 && !cert)
        r = mef_fail(
            reterr, MEF_ERROR_NOT_FOUND,
            "the token holds no private key that a certificate of '%s' belongs to; provision the key, "
            "then add the node again",
            f->name);
    if (r == 0)
        r = store_beside(f, &keys.item[i], cert, reterr);
    if (r == 0 && (r = cert_sha256(cert->data, cert->len, sum)) == 0)
        hex_encode(sum, sizeof sum, f->credential);
    free(keys.item);
    return r;
}

/* ---- on the loop ----------------------------------------------------------------------------------------
 */

static int store(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct filing *f = ctx;
    return binding_store(sql, &f->row, reterr);
}

static void stored(void *ctx, int r, const struct mef_error *err)
{
    struct filing *f = ctx;

    (void)err;
    if (r == 0 && f->e->state != ENGINE_STOPPING) {
        (void)binding_show(f->e, &f->row);
        event_emit(&f->e->sink,
                   &(struct event){.id = f->why.word ? EVENT_CERTIFICATE_REFUSED : EVENT_CERTIFICATE_STORED,
                                   .error = f->why.word ? mef_error_name(f->why.word) : NULL},
                   "%s",
                   f->why.word ? f->why.text : "The certificate of a [myCertFileCred] is in the token.");
    }
    filing_end(f);
}

/* The token, or we: it is looked at again when the token is back. */
static bool cut_off(const struct mef_error *why)
{
    return (why->word >= MEF_ERROR_TOKEN_UNAVAILABLE && why->word <= MEF_ERROR_TOKEN_FULL) ||
           why->word == MEF_ERROR_CANCELLED;
}

static void worked(void *ctx, int r, const struct mef_error *err)
{
    struct filing *f = ctx;

    if (r < 0 && err && err->word)
        f->why = *err;
    else if (r < 0)
        (void)mef_fail(&f->why, MEF_ERROR_FAILED, "the file of '%s' could not be put into the token",
                       f->name);
    if (!mo_tree_by_id(f->e->tree, f->node)) { /* deleted meanwhile: what was stored has lost its owner */
        token_thread_rescan(f->e->token_thread);
        filing_end(f);
        return;
    }
    f->row = (struct node_outcome){.node = f->node,
                                   .status = r < 0 ? CMD_STATUS_MO_NODE_PROCESSING_FAILED : CMD_STATUS_OK,
                                   .credential = r < 0 ? NULL : f->credential,
                                   .why = r < 0 ? f->why.text : NULL};
    if (cut_off(&f->why) || f->e->state == ENGINE_STOPPING || db_submit(f->e->db, store, stored, f) < 0)
        filing_end(f);
}

static int add_cert(void *ctx, const uint8_t *der, size_t len)
{
    return der_list_add(ctx, der, len);
}

static int each(const struct mo_node *n, int (*fn)(void *ctx, const uint8_t *der, size_t len), void *ctx)
{
    const char *format = mo_node_text(n, MO_MY_CERT_FILE_FORMAT), *content = mo_node_cert_file(n);

    return format && content ? cert_file_each(format, content, fn, ctx) : -ENOENT;
}

static void begin(struct engine *e, const struct mo_node *n)
{
    for (struct filing *f = e->filings; f; f = f->next)
        if (f->node == mo_node_id(n))
            return;
    struct filing *f = calloc(1, sizeof *f);
    if (!f)
        return;
    f->e = e;
    f->node = mo_node_id(n);
    f->next = e->filings;
    e->filings = f;
    f->name = strdup(mo_node_name(n));
    if (!f->name || each(n, add_cert, &f->certs) != 0 ||
        token_thread_submit(e->token_thread, work, worked, f) < 0)
        filing_end(f);
}

void cert_files_tend(struct engine *e)
{
    if (e->state == ENGINE_STOPPING || !e->token || token_state(e->token) != TOKEN_PRESENT)
        return;
    for (size_t i = 0; i < mo_tree_count(e->tree); i++) {
        const struct mo_node *n = mo_tree_nth(e->tree, i);
        if (mo_node_type(n) == MO_MY_CERT_FILE_CRED && mo_node_state(n) == MO_CONFIGURED &&
            mo_node_origin(n) != MO_ORIGIN_MEF_DM)
            begin(e, n);
    }
}

static int same(void *ctx, const uint8_t *der, size_t len)
{
    uint8_t sum[32];

    return cert_sha256(der, len, sum) == 0 && memcmp(sum, ctx, sizeof sum) == 0;
}

bool cert_files_hold(const struct engine *e, const uint8_t sha256[32])
{
    uint8_t wanted[32];

    memcpy(wanted, sha256, sizeof wanted);
    for (size_t i = 0; i < mo_tree_count(e->tree); i++) {
        const struct mo_node *n = mo_tree_nth(e->tree, i);
        if (mo_node_type(n) == MO_MY_CERT_FILE_CRED && each(n, same, wanted) == 1)
            return true;
    }
    return false;
}

static int take_first(void *ctx, const uint8_t *der, size_t len)
{
    int r = cert_sha256(der, len, ctx);
    return r < 0 ? r : 1;
}

int cert_file_first(const struct mo_node *n, uint8_t ret_sha256[32])
{
    int r = each(n, take_first, ret_sha256);
    return r == 1 ? 0 : r < 0 ? r : -ENOENT;
}
