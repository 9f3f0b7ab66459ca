/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One PKCS#11 token: find it by its RFC 7512 URI, log in, index its objects, make keys, keep certificates and
 * symmetric keys (design.md 4, interfaces.md 5).
 *
 * Thread: every function may be called from any thread; calls are serialized by one mutex, since a session
 * does one operation at a time. All but token_new(), token_stop(), token_state(), token_info() and the pure
 * helpers BLOCK on the token, for seconds on a card: never on the loop thread.
 *
 * A call that hangs inside a module cannot be cancelled, and nothing here waits for it with a join: the
 * shared object is linked nodelete, so the thread may be abandoned. Call token_stop() first: from then on
 * each call that has not entered the module yet is refused (Cancelled). token_free() of a token with a call
 * inside the module, or with a live EVP_PKEY, leaves its memory behind on purpose instead of pulling it away.
 *
 * Errors: negative errno; the word is TokenUnavailable, TokenLocked, TokenFull, ReadOnly, NotFound, Failed,
 * InvalidArguments, InconsistentConfig or Cancelled. The sentence names the token, the call and its CKR code.
 * No sentence and no event ever holds a PIN or the octets of a key. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/err.h"
#include "plugin/base/event.h"
#include "plugin/base/ports.h"
#include "plugin/base/secret.h"

struct token;

/* ---- life ------------------------------------------------------------------------------------------- */

/* Words of Manager.TokenState. FULL can still be read and sign. LOCKED: no usable PIN, or the token locked
 * it. */
enum token_state { TOKEN_ABSENT, TOKEN_PRESENT, TOKEN_LOCKED, TOKEN_FULL, TOKEN_ERROR, TOKEN_STATE_MAX_ };
const char *token_state_name(enum token_state s);

/* A PIN that a token called wrong is never tried again from the same file, also after a restart. The root
 * keeps the pairs in the store. `file_identity` is "dev:inode:size:mtime_ns:ctime_ns" of the PIN file, never
 * anything derived from the PIN; `serial` is the token's serial number. Called from whatever thread opens. */
struct token_pin_guard {
    void *ctx;
    /* 1 = burnt, 0 = not; negative errno = cannot tell, then no login is tried. */
    int (*is_burnt)(void *ctx, const char *serial, const char *file_identity);
    /* Durable when it returns 0. When it fails the token object still remembers, until it is freed. */
    int (*burn)(void *ctx, const char *serial, const char *file_identity);
};

struct token_params {
    const char *uri;      /* RFC 7512, token attributes; slot numbers and pin-value are refused */
    const char *module;   /* absolute path of one module; NULL: the modules of p11-kit's configuration */
    const char *pin_file; /* NULL: pin-source of the URI, else <credentials_dir>/mefclient.pin */
    const char *credentials_dir; /* of systemd; may be NULL. The caller read the environment, we do not */
    const struct token_pin_guard *guard; /* copied; NULL: only this object remembers */
    const struct event_sink *sink;       /* copied; may be NULL */
};

/* Only checks and copies; touches no module. InvalidArguments with the reason for a URI that is not usable.
 */
int token_new(const struct token_params *params, struct token **ret, struct mef_error *reterr);

/* Loads modules, finds the token, opens a session (R/W; R/O when the token is write-protected), logs in,
 * reads the index in one pass. Already open: 0. TokenUnavailable: no token fits; TokenLocked: no PIN, burnt
 * PIN, wrong PIN, locked by the token. The state follows. Blocks. */
int token_open(struct token *t, struct mef_error *reterr);

/* The same with the PIN of a person in place of a file's; also what ends token_logout(). The PIN is tried
 * once and never kept. Open and logged in already, or the host is logged in to the token: 0, and the PIN is
 * not looked at. InvalidArguments: no PIN, or a token that wants none. Blocks. */
int token_login_with(struct token *t, const struct secret *pin, struct mef_error *reterr);
/* Closes our session and keeps it closed, whatever PIN file there is, until token_login_with(); state locked.
 * The login itself belongs to the whole process: it ends here unless the host has sessions of its own. Blocks
 * behind a call that is inside the module. */
int token_logout(struct token *t, struct mef_error *reterr);

/* Looks whether the token is still there and reopens it when it is back, or when the PIN file was replaced.
 * Cheap while nothing changed. Returns the state. Blocks. */
enum token_state token_poll(struct token *t);

/* Closes the session and forgets the index; state absent. Keys given out stay valid objects that cannot sign
 * until the token is opened again. Blocks behind a call that is inside the module. */
void token_close(struct token *t);

/* Never blocks: from now on all calls are refused. Cannot be taken back. */
void token_stop(struct token *t);

/* True while some thread is inside a call. Never blocks. */
bool token_busy(struct token *t);

/* token_stop(), then token_close() and free. Free every EVP_PKEY of this token before. When a call is still
 * inside the module, or a key is alive, the memory stays behind (see above). Never blocks on a hung call. */
void token_free(struct token *t);
DEFINE_CLEANUP(struct token *, token_free)

/* `changed` is called at each change of the state, on the thread whose call saw it and inside that call: it
 * must not call back. Before other threads use the token. */
void token_watch(struct token *t, void (*changed)(void *ctx), void *ctx);

/* The state as last seen. Never blocks. */
enum token_state token_state(struct token *t);

struct token_info {
    char *label, *manufacturer, *model, *serial; /* trimmed; empty strings when no token was seen yet */
    char *uri;         /* RFC 7512 without pin attributes; the configured one until a token was seen */
    char **mechanisms; /* names (CKM_ECDSA, ...), known ones by name, others as 0x%08lx */
    int free_objects;  /* -1 = unknown (PKCS#11 does not tell) */
    bool read_only;
    enum token_state state;
    struct mef_error last; /* why it is not present; word NONE when it is */
};
/* Copies what is known of the token last seen. Never blocks. -ENOMEM. */
int token_info(struct token *t, struct token_info *ret);
void token_info_clear(struct token_info *i);

/* ---- objects ---------------------------------------------------------------------------------------- */

#define TOKEN_ID_MAX                                                                                         \
    64u /* octets of a CKA_ID that we take; foreign objects with longer ones are listed without */
#define TOKEN_LABEL_MAX 511u /* octets of a CKA_LABEL that we take: an identifier and an FQDN fit */

enum token_class {
    TOKEN_PRIVATE_KEY = 1 << 0,
    TOKEN_PUBLIC_KEY = 1 << 1,
    TOKEN_CERTIFICATE = 1 << 2,
    TOKEN_SECRET_KEY = 1 << 3,
    TOKEN_PAIR = TOKEN_PRIVATE_KEY | TOKEN_PUBLIC_KEY,
    TOKEN_ANY = TOKEN_PAIR | TOKEN_CERTIFICATE | TOKEN_SECRET_KEY,
};

struct token_object {
    enum token_class class; /* one of the four */
    const uint8_t *id;
    size_t id_len;         /* 0 = none */
    const char *label;     /* "" = none; made printable for foreign ones */
    const uint8_t *sha256; /* of the DER of a certificate; NULL for other classes */
};

/* Calls `each` for every object of the classes in `mask`, from the index. `fresh` reads the token again
 * first, so that objects of other programs are seen. The callback runs WITHOUT the lock on a copy; a nonzero
 * return ends the walk and is returned. */
int token_enumerate(struct token *t, unsigned mask, bool fresh,
                    int (*each)(void *ctx, const struct token_object *o), void *ctx,
                    struct mef_error *reterr);

/* Deletes all objects of the classes in `mask` with this CKA_ID / this CKA_LABEL; none there is a success
 * (idempotent). `ret_n` may be NULL: how many were deleted. ReadOnly. */
int token_delete_id(struct token *t, unsigned mask, const uint8_t *id, size_t id_len, unsigned *ret_n,
                    struct mef_error *reterr);
int token_delete_label(struct token *t, unsigned mask, const char *label, unsigned *ret_n,
                       struct mef_error *reterr);
/* Deletes keys and certificates that have neither id nor label nor any value: what a token that writes in
 * several steps (SoftHSM) keeps when a process is killed while it makes an object. For the start after a
 * crash in the middle of making one, since another program's object may look so for a moment, too. */
int token_clear_ruins(struct token *t, unsigned *ret_n, struct mef_error *reterr);
/* Certificates whose DER has this SHA-256 and, unless it is NULL, this label; keys stay. */
int token_delete_cert(struct token *t, const uint8_t sha256[32], const char *label, unsigned *ret_n,
                      struct mef_error *reterr);

/* ---- keys ------------------------------------------------------------------------------------------- */

/* Makes a P-256 key pair in the token: private key CKA_TOKEN, PRIVATE, SENSITIVE, not EXTRACTABLE, SIGN. A
 * pair that is there already and belongs together is a success. Half a pair (a crash in between) is finished
 * from the certificate with the same CKA_ID if there is one, else removed and made anew. TokenFull, ReadOnly.
 */
int token_generate_p256(struct token *t, const uint8_t *id, size_t id_len, const char *label,
                        struct mef_error *reterr);

/* 0 when the private and the public half are there; NotFound. */
int token_find_key(struct token *t, const uint8_t *id, size_t id_len, struct mef_error *reterr);

/* X || Y of the public half, from the certificate with the same CKA_ID where the token has no public key
 * object. NotFound; Failed when it is no P-256 key. */
int token_public_key(struct token *t, const uint8_t *id, size_t id_len, uint8_t ret_xy[64],
                     struct mef_error *reterr);

/* ECDSA over a digest of 1..64 octets; raw r || s of 32 octets each. Used by the provider. */
int token_sign_p256(struct token *t, const uint8_t *id, size_t id_len, const uint8_t *digest,
                    size_t digest_len, uint8_t ret_rs[64], struct mef_error *reterr);

/* ---- certificates ----------------------------------------------------------------------------------- */

/* Stores one DER certificate. `id` NULL: the first 20 octets of its SHA-256 (CA certificates). `ca` sets the
 * category; CKA_TRUSTED is never set. The same certificate with the same id and label is a success; another
 * certificate with the same id is replaced after the new one is stored (not for id NULL). */
int token_put_cert(struct token *t, const uint8_t *id, size_t id_len, const char *label,
                   const struct der *cert, bool ca, struct mef_error *reterr);
/* By CKA_ID; the copy in *ret is the caller's (free ret->data). NotFound. */
int token_get_cert(struct token *t, const uint8_t *id, size_t id_len, struct der *ret,
                   struct mef_error *reterr);
/* By SHA-256 of the DER, or its first prefix_len octets (4..32). One with a private key of the same CKA_ID is
 * preferred. `ret_id` holds TOKEN_ID_MAX. Outputs may be NULL. NotFound; Failed if a short prefix fits
 * several different certificates. */
int token_find_cert(struct token *t, const uint8_t *sha256, size_t prefix_len, uint8_t *ret_id,
                    size_t *ret_id_len, struct der *ret_cert, struct mef_error *reterr);
/* All certificates with this label, appended to *ret; none is a success. Reads the token again. */
int token_list_certs(struct token *t, const char *label, struct der_list *ret, struct mef_error *reterr);

/* ---- symmetric keys --------------------------------------------------------------------------------- */

/* Stores 1..LIMIT_PSK octets as CKK_GENERIC_SECRET under this label (1..TOKEN_LABEL_MAX octets of text):
 * private; extractable, since TLS needs the octets. The same octets there already: success; others: replaced
 * after the new one is stored. */
int token_put_secret(struct token *t, const char *label, const struct secret *value,
                     struct mef_error *reterr);
/* The exact label first; only then, when the label begins with "NN-" (two digits), the label without it.
 * NotFound; Failed when it is not extractable or longer than LIMIT_PSK. */
int token_get_secret(struct token *t, const char *label, struct secret **ret, struct mef_error *reterr);
/* True in *ret when token_get_secret() would find one; the octets are not read. */
int token_has_secret(struct token *t, const char *label, bool *ret, struct mef_error *reterr);
/* Labels of all symmetric keys that end in `suffix` ("" = all), each once; *ret is the caller's (strv_free).
 * Reads the token again. None: an empty list. */
int token_list_secrets(struct token *t, const char *suffix, char ***ret, struct mef_error *reterr);

/* ---- helpers, pure ---------------------------------------------------------------------------------- */

/* "CKR_PIN_INCORRECT"; "CKR_0x...." for what no table has. buf holds 32. */
const char *token_ckr_name(unsigned long rv, char buf[32]);
