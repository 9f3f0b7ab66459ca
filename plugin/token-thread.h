/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The thread that does the loop's own token work: opening, watching, listing, and what bus calls ask for. The
 * workers of the registrations call the token themselves. */
#pragma once

#include "pkcs11/token.h"
#include "plugin/base/err.h"
#include "plugin/base/post.h"
#include "plugin/cert/chain.h"
#include "plugin/vault.h"

struct token_thread;

enum listed_kind { LISTED_CERTIFICATE, LISTED_ANCHOR, LISTED_KEY };

struct listed {
    enum listed_kind kind;
    char *label;
    uint8_t id[TOKEN_ID_MAX];
    size_t id_len;
    struct der cert;       /* certificates and anchors */
    struct cert_info info; /* of that; all 0 when it is no certificate */
    uint8_t sha256[32];
    bool has_key;  /* a private key with the same CKA_ID is there */
    char **owners; /* registrations with a row in the store */
};

struct token_listing {
    struct listed *item;
    size_t n;
};
void token_listing_clear(struct token_listing *l);

struct token_thread_params {
    struct token *token;
    struct vault_ctx *vault;
    struct post *post;
    void *ctx;
    /* Loop thread. The first one comes after the first attempt to open; then at each change. */
    void (*on_state)(void *ctx, enum token_state state, const struct mef_error *why);
    void (*on_listing)(void *ctx, const struct token_listing *l);
};

int token_thread_new(const struct token_thread_params *p, struct token_thread **ret);
/* work() runs on the token thread, done() on the loop. -ENOMEM: neither is called. After token_thread_stop()
 * done() comes with Cancelled. */
int token_thread_submit(struct token_thread *t, int (*work)(void *ctx, struct mef_error *reterr),
                        void (*done)(void *ctx, int r, const struct mef_error *err), void *ctx);
/* From inside a work(): looks at the token, opens it also where that is not tried again by itself, and lists
 * what other programs have put there. The outcome of opening it. */
int token_thread_look_again(struct token_thread *t, struct mef_error *reterr);
/* Lists the credentials again as we know them, soon; any thread. */
void token_thread_rescan(struct token_thread *t);
/* The same now: from inside a work(), so that on_listing() comes before its done(). */
void token_thread_relist(struct token_thread *t);
/* From inside a work() that may have changed the state: what follows from that is done and told, so that
 * on_state() comes before its done(). */
void token_thread_settle(struct token_thread *t);
void token_thread_stop(struct token_thread *t);                   /* returns at once */
int token_thread_join(struct token_thread *t, uint64_t deadline); /* -ETIMEDOUT: it hangs in the token */
void token_thread_free(struct token_thread *t);
