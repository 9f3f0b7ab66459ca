/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of pkcs11/: the token object, and what its files share.
 *
 * Two locks. `lock` guards `busy`, `waiting` and, through `busy`, everything of the session: a thread that
 * has set `busy` owns the session until token_leave(). It is never held during a module call, so that
 * token_stop() and the threads in the queue never hang with a module. `info_lock` guards what token_info()
 * copies. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/types.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "pkcs11/index.h"
#include "pkcs11/token.h"

#define TOKEN_OBJECTS_MAX 100000u /* foreign objects in one token that we look at */

/* Where the PIN comes from, for the sentences. */
enum pin_origin { PIN_NONE, PIN_CONFIGURED, PIN_URI, PIN_CREDENTIALS };

struct token {
    /* Constant after token_new(). */
    char *uri_text, *module_path, *pin_file;
    enum pin_origin pin_origin;
    P11KitUri *uri;
    struct token_pin_guard guard;
    struct event_sink sink;
    void (*changed)(void *ctx);
    void *changed_ctx;
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *provider_default, *provider_own;

    atomic_bool closing;
    atomic_uint keys; /* live keys in our provider */
    atomic_int state;

    pthread_mutex_t lock;
    pthread_cond_t free_cond;
    bool busy;
    unsigned waiting;

    /* The owner of `busy`. */
    CK_FUNCTION_LIST **modules; /* NULL-terminated; NULL = not loaded */
    bool stale;                 /* the last look found no token: start the modules anew before the next one */
    CK_FUNCTION_LIST *f;        /* the module of the token */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    bool open;
    bool logged_out; /* on request: stays closed until token_login_with() */
    bool read_only;
    CK_TOKEN_INFO token; /* as of the last open */
    char name[33];       /* label for the sentences; the URI's until a token was seen */
    char serial[17];
    struct object_index index;
    char *burnt; /* identity of the PIN file that this object saw fail, should the guard not have kept it */
    char *tried; /* identity of the PIN file of the last login that failed otherwise */
    unsigned tries; /* how often in a row */
    bool unasked;   /* token_poll() opens: nobody has asked for another attempt */

    pthread_mutex_t info_lock;
    struct token_info info;
};

/* ---- session.c: entering, leaving, failing ---- */

/* Takes the session; Cancelled when the token is being stopped. With `must_be_open`, TokenUnavailable or
 * TokenLocked with the last reason when there is no session. Puts a mark on OpenSSL's error queue, since a
 * software token shares it with us. */
int token_enter(struct token *t, bool must_be_open, struct mef_error *reterr);
void token_leave(struct token *t);
static inline void token_leavep(struct token **t)
{
    if (*t)
        token_leave(*t);
}

/* Turns a failed call into word and sentence, and follows its effect on the session and the state. After this
 * the session may be gone and the index empty. `advice` may be NULL. */
int token_fail_call(struct token *t, const char *call, CK_RV rv, const char *advice,
                    struct mef_error *reterr);
/* Sets the state; `why` is kept for token_info() and may be NULL. Emits the event of a transition. */
void token_set_state(struct token *t, enum token_state s, const struct mef_error *why);
void token_set_state_as(struct token *t, enum token_state s, const struct mef_error *why, enum event_id id);
/* Closes the session and empties the index; the modules stay. */
void token_drop_session(struct token *t);
/* ReadOnly when nothing can be written. */
int token_check_writable(struct token *t, const char *what, struct mef_error *reterr);

/* ---- module.c: loading, finding ---- */

int token_parse_uri(struct token *t, struct mef_error *reterr);
int token_load_modules(struct token *t, struct mef_error *reterr);
void token_unload_modules(struct token *t);
/* Finalizes and initializes them without unloading. Does nothing to a module that somebody else in the
 * process uses too: p11-kit counts. */
void token_restart_modules(struct token *t);
/* Finds the one token of the URI: sets f, slot, token, name, serial and the info. */
int token_find_slot(struct token *t, struct mef_error *reterr);
void token_trim(const unsigned char *field, size_t len, char *dst,
                size_t room); /* CK_CHAR padded by blanks */

/* ---- pin.c ---- */

/* Logs in, unless the token needs none or is logged in: with `pin`, or (NULL) the one of the PIN file. Sets
 * the state when it fails. */
int token_login(struct token *t, const struct secret *pin, struct mef_error *reterr);
/* False when the PIN file is there and is one that failed already. */
bool token_pin_worth_trying(struct token *t);

/* ---- object.c: the index and the token behind it; all need the session ---- */

/* Reads all objects of the classes anew. */
int token_refresh(struct token *t, unsigned mask, struct mef_error *reterr);
/* A validated hit: 0 and its handle and position; -ENOENT without a sentence; else failed. Looks into the
 * token itself when the index has none. `ret_at` may be NULL. */
int token_lookup(struct token *t, const struct object_key *key, CK_OBJECT_HANDLE *ret, uint32_t *ret_at,
                 struct mef_error *reterr);
/* All objects in the token with this id or label (one of both is NULL) and these classes; *ret is malloc'ed.
 */
int token_search(struct token *t, unsigned mask, const uint8_t *id, size_t id_len, const char *label,
                 CK_OBJECT_HANDLE **ret, size_t *ret_n, struct mef_error *reterr);
/* One attribute of variable length, at most `max` octets, malloc'ed. -ENODATA: absent or sensitive; -E2BIG:
 * longer. */
int token_read(struct token *t, CK_OBJECT_HANDLE h, CK_ATTRIBUTE_TYPE type, size_t max, uint8_t **ret,
               size_t *ret_len, struct mef_error *reterr);
/* Destroys and forgets. An object that is gone already is a success. */
int token_destroy(struct token *t, CK_OBJECT_HANDLE h, struct mef_error *reterr);
/* C_CreateObject and index. */
int token_create(struct token *t, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *ret,
                 struct mef_error *reterr);
/* Adds one object that is in the token to the index. One that is gone or of no class of ours is no failure.
 */
int token_index_handle(struct token *t, CK_OBJECT_HANDLE h, struct mef_error *reterr);
int token_check_id(const uint8_t *id, size_t id_len, struct mef_error *reterr);
int token_check_label(const char *label, struct mef_error *reterr);
/* NotFound with the token's name: "no <what> with id|label '...'". */
int token_not_found(struct token *t, const char *what, const uint8_t *id, size_t id_len, const char *label,
                    struct mef_error *reterr);

CK_OBJECT_CLASS token_class_to_cko(unsigned class);
/* 0 = none of ours. */
unsigned token_class_from_cko(CK_OBJECT_CLASS cko);

/* ---- provider.c ---- */

/* The private OSSL_LIB_CTX with `default` and our provider. */
int token_provider_start(struct token *t, struct mef_error *reterr);
void token_provider_stop(struct token *t);
/* Raw r || s of P-256 as the DER of ECDSA-Sig-Value, malloc'ed. -ENOMEM. */
int token_ecdsa_to_der(const uint8_t rs[64], uint8_t **ret, size_t *ret_len);
