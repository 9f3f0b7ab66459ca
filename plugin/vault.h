/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vault: the token, and beside it in the store one row for every object that we put there. The token and
 * the database have no common transaction, so the row is written first as an intent, confirmed after, and
 * start-up compares the two (design.md 4). Implements `struct vault` of ports.h.
 *
 * Thread: the port on workers; vault_reconcile on the token thread. */
#pragma once

#include <stdatomic.h>

#include "pkcs11/token.h"
#include "plugin/base/event.h"
#include "plugin/base/ports.h"
#include "plugin/mo/db.h"

struct vault_ctx {
    struct token *token;
    struct db *db;
    struct event_sink sink;
    atomic_bool unsettled; /* a write failed half way: vault_reconcile() has something to do */
};

/* `ctx` outlives the port. */
struct vault vault_port(struct vault_ctx *ctx);

/* Finishes or undoes what a crash or a failure of the token left half done. 0 when token and store agree, but
 * for what a running command still wants. START: before any worker runs; RETURN: the token is there again;
 * AGAIN: something is unsettled. */
enum vault_when { VAULT_START, VAULT_RETURN, VAULT_AGAIN };
int vault_reconcile(struct vault_ctx *ctx, enum vault_when when, struct mef_error *reterr);

/* Burnt PINs (pkcs11/token.h), in the store. */
struct token_pin_guard vault_pin_guard(struct db *db);

/* CKA_ID of an enrolment, and the owner of a credential on the bus: which registrations have a row for it.
 * `each` is called on the store thread. */
struct vault_row {
    uint32_t kind; /* enum vault_kind */
    uint8_t id[32];
    size_t id_len;
    char owner[80];
    char label[400];
};
/* A pair goes KEY_WANTED -> KEY -> CERT_WANTED -> CERT; a CA certificate CERT_WANTED -> CERT; both end over
 * LEAVING. An object that is in the token while its row still says *_WANTED is simply confirmed: the job that
 * wanted it finds it there. */
enum vault_row_state { KEY_WANTED = 1, KEY, CERT_WANTED, CERT, LEAVING };
enum vault_kind { VAULT_PAIR = 1, VAULT_CA = 2, VAULT_ANCHOR = 3, VAULT_KEY = 4 };

/* A trust anchor given as a certificate, owned by its [trustAnchorCred] node: the owner of its row is this
 * prefix and the node's name. Swept by anchors.c. */
#define VAULT_ANCHOR_PREFIX "anchor:"
int vault_put_anchor(struct vault_ctx *ctx, const char *name, const struct der *cert,
                     struct mef_error *reterr);

/* A key that put_key() left as an intent is tied to a node now; inside the transaction that says so. Others
 * are left alone. */
int vault_confirm_key(struct sql *sql, const struct node_outcome *o, struct mef_error *reterr);

/* vault.keep_key and vault.list_keys; ctx = struct vault_ctx. */
int vault_keep_key(void *ctx, const char *key_id, const char *owner, int64_t expires,
                   struct mef_error *reterr);
int vault_list_keys(void *ctx, const char *owner, struct key_list *ret, struct mef_error *reterr);

/* vault-hand.c: what a person does. BLOCKS on token and store.
 *
 * A key for a profile (SetSymmetricKey), confirmed at once: it is found by its identifier, which the profile
 * names. AlreadyExists: a key of that identifier is there and is somebody else's. It stays when the profile
 * goes (mo-tree.md T4). */
#define VAULT_PROFILE_PREFIX "profile:"
int vault_set_key(struct vault_ctx *v, const char *key_id, const char *profile, const struct secret *key,
                  struct mef_error *reterr);
bool vault_row_by_hand(const struct vault_row *row); /* a key of vault_set_key() */
/* One credential, whoever of us owns it: LEAVING, token, row gone. What others put into the token stays;
 * NotFound: there is no row for it. */
struct vault_object {
    const char *owner;  /* only this one's part of it; NULL: everybody's */
    const char *key_id; /* of a symmetric key, or NULL: a certificate with what is paired to it */
    const uint8_t *id;
    size_t id_len;
    const uint8_t *sha256;
};
int vault_drop_object(struct vault_ctx *v, const struct vault_object *o, struct mef_error *reterr);
/* The certificate out of the file of a [myCertFileCred], for the pair with that id (mo-tree.md T16); its
 * owner is this prefix and the node's name. Swept by anchors.c. */
#define VAULT_FILE_PREFIX "file:"
int vault_put_file(struct vault_ctx *ctx, const char *name, const struct der *cert,
                   const struct vault_object *pair, struct mef_error *reterr);

/* vault-owned.c, vault.drop_owned: all that this owner has, but for what a node of the tree still names
 * (mo-tree.md 4.3): that keeps its row and is swept by anchors.c when no node names it any more. */
int vault_drop_owned(void *ctx, const char *owner, struct mef_error *reterr);
/* vault.c, for them: ends one row and, if it is the last for its object, the object; confirms a key. */
int vault_drop_row(struct vault_ctx *v, const struct vault_row *row, struct mef_error *reterr);
int vault_confirm(struct vault_ctx *v, const char *key_id, const char *owner, struct mef_error *reterr);

int vault_rows(struct sql *sql, struct vault_row **ret, size_t *ret_n, struct mef_error *reterr);
