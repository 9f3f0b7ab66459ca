/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything that mef/ and cert/ see of the world outside: transport, vault, journal, observer, clock.
 * The plugin root wires these small tables to net/, pkcs11/ and the store; tests wire them to fakes.
 *
 * Thread: each call is made by the worker thread of one registration and may block until its `struct wait`
 * says otherwise. Implementations serve several workers at once. Errors: err.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/buf.h"
#include "plugin/base/cancel.h"
#include "plugin/base/err.h"
#include "plugin/base/event.h"
#include "plugin/base/secret.h"

struct evp_pkey_st; /* EVP_PKEY of OpenSSL */

/* ---- plain data ------------------------------------------------------------------------------------- */

struct der { /* one DER object, malloc'ed */
    uint8_t *data;
    size_t len;
};

struct der_list {
    struct der *item;
    size_t n;
};

void der_list_clear(struct der_list *l);
int der_list_add(struct der_list *l, const void *data, size_t len); /* copies; -ENOMEM */
int der_list_copy(const struct der_list *from, struct der_list *to);

#define KEY_ID_LEN 20 /* CKA_ID of an enrolment (interfaces.md 5) */

/* ---- clock ------------------------------------------------------------------------------------------ */

struct clock_port {
    void *ctx;
    int64_t (*realtime)(void *ctx);                  /* microseconds since the epoch */
    uint64_t (*boottime)(void *ctx);                 /* microseconds, goes on while asleep */
    int (*random)(void *ctx, void *buf, size_t len); /* CSPRNG; negative errno */
    /* Sleeps for `usec` of boottime (DOZE_FOREVER: without end), until the cancel is fired, or until the wall
     * clock is set. NULL: the real thing (doze.h). */
    void (*sleep)(void *ctx, const struct cancel *cancel, uint64_t usec);
};

/* ---- transport (net/) ------------------------------------------------------------------------------- */

/* Where a MEF, or the EST server at it, is reached. 0 = that binding is not offered. */
struct endpoint {
    const char *fqdn; /* lower case; SNI, Host header and name check */
    uint16_t http_port, coap_port, websocket_port;
};

/* ANONYMOUS: we show no credential, the peer is any web server (the certificate of a trust anchor is
 * fetched). */
enum credential_kind { CREDENTIAL_PSK = 1, CREDENTIAL_CERT = 2, CREDENTIAL_ANONYMOUS = 3 };

/* What authenticates us, and what authenticates the peer. Owned by the caller of open(), which may free it
 * as soon as open() has returned: the session keeps what it needs. */
struct credential {
    enum credential_kind kind;
    /* PSK: psk_identity octets as configured, 1..128; the octets of the key for the handshake. */
    const char *identity;
    const struct secret *psk;
    /* CERT: our key (of the token's provider) and certificate chain, leaf first. */
    struct evp_pkey_st *key;
    const struct der_list *chain;
    /* CERT: DER certificates that the peer's chain may end in. Never the system's store. Unused with a PSK.
     */
    const struct der_list *anchors;
    /* ANONYMOUS: the machine's trust anchors count too; `anchors` may be NULL then. */
    bool system_anchors;
    /* Label of RFC 5705 (without context) whose output each handshake of the session keeps for exporter();
     * NULL = none.
     */
    const char *export_label;
};

/* Positive outcomes of the transport calls. */
enum transport_outcome {
    TRANSPORT_OK = 0,
    TRANSPORT_UNREACHABLE = 1, /* DNS or TCP: nothing was sent */
    TRANSPORT_TLS_REFUSED =
        2,                   /* the peer ended the handshake with an alert: it does not take our credential */
    TRANSPORT_UNTRUSTED = 3, /* its certificate, name or PSK proof did not satisfy us: nothing was sent */
    TRANSPORT_TIMEOUT = 4,   /* a request may have been executed */
    TRANSPORT_BROKEN = 5,    /* connection cut or not HTTP; a request may have been executed */
    TRANSPORT_TOO_BIG = 6,   /* the answer is longer than its limit; the request was executed */
};

/* One request primitive (mef-protocol.md 2.1). */
enum mef_operation { MEF_OP_CREATE = 1, MEF_OP_RETRIEVE = 2, MEF_OP_UPDATE = 3, MEF_OP_DELETE = 4 };

struct primitive {
    enum mef_operation op;
    const char *to; /* absolute ID, "//FQDN/-..." */
    const char *fr; /* our identity */
    const char *rqi;
    const char *rvi;  /* "2a"; NULL: not sent */
    uint32_t ty;      /* with CREATE only */
    const char *body; /* JSON text of the content, NULL = none */
    bool no_accept;   /* send no Accept (after 5207) */
    bool plain_json;  /* Content-Type application/json instead of application/vnd.onem2m-res+json (after 4015)
                       */
};

/* Its answer (2.2). Strings are malloc'ed, NULL when absent; clear with answer_clear(). */
struct answer {
    uint32_t rsc; /* X-M2M-RSC, else mapped back from the HTTP status (2.3) */
    char *rqi;
    char *content_location; /* Content-Location / Location-Path as a reference of 1.3 */
    char *content_type;     /* lower case, without parameters */
    struct buf body;
};
void answer_clear(struct answer *a);

/* One plain HTTP request of EST. Redirects are never followed. */
struct http_request {
    const char *method;       /* "GET" or "POST" */
    const char *path;         /* with query, percent-encoded, starts with '/' */
    const char *accept;       /* may be NULL */
    const char *content_type; /* with a body */
    bool transfer_base64;     /* adds Content-Transfer-Encoding: base64 */
    const char *body;
    size_t body_len;
    size_t body_max; /* octets of the response body that are accepted */
    /* When this request opens a connection: called after the handshake, before anything is sent, with its
     * tls-unique. May rewrite the octets of the body; their number stays. NULL = not called. See `rebinds`
     * below. */
    void (*rebind)(void *ctx, const uint8_t *unique, size_t unique_len, char *body, size_t body_len);
    void *rebind_ctx;
};

struct http_response {
    unsigned status;
    char *content_type;  /* with parameters, as sent */
    int64_t retry_after; /* seconds from now, -1 = absent; an HTTP date is converted */
    struct buf body;
    bool reconnected; /* this request opened a new connection (tls-unique changed) */
};
void http_response_clear(struct http_response *r);

struct session; /* one authority, one credential; keeps its connection alive between requests */

struct transport {
    void *ctx;
    /* Prepares a session: checks what was given and resolves the name. The handshake (TCP, TLS, checks of
     * mef-protocol.md 3.1 and 3.2) is made here or by the first request, see plugin/net/net.h; either way
     * UNREACHABLE, TLS_REFUSED and UNTRUSTED mean that nothing of a request was sent.
     * 0, a transport_outcome, negative errno; -ECANCELED when cancelled. */
    int (*open)(void *ctx, const struct endpoint *at, const struct credential *with, const struct wait *wait,
                struct session **ret, struct mef_error *reterr);
    /* One primitive, one answer. The same codes. Reopens the connection when the peer closed it while idle.
     */
    int (*exchange)(struct session *s, const struct primitive *req, const struct wait *wait,
                    struct answer *ret, struct mef_error *reterr);
    /* One HTTP request (EST). The same codes; any HTTP status is 0. */
    int (*http)(struct session *s, const struct http_request *req, const struct wait *wait,
                struct http_response *ret, struct mef_error *reterr);
    /* tls-unique (RFC 5929) of the present connection; -ENOTCONN, -EOPNOTSUPP. */
    int (*tls_unique)(struct session *s, uint8_t *buf, size_t *len);
    void (*close)(struct session *s); /* NULL is fine */
    bool rebinds;                     /* http() calls http_request.rebind */
    /* What credential.export_label gave on the connection that carried the last request, len <= 48 octets;
     * also when that connection is closed by now. The caller wipes its copy. -ENOTCONN: no request has left.
     */
    int (*exporter)(struct session *s, uint8_t *out, size_t len);
    struct ossl_lib_ctx_st *lib; /* what its sessions have of OpenSSL; NULL = nothing. For cert_begin(). */
};

/* ---- vault: the token plus the intents in the store (pkcs11/, plugin/vault.c) ------------------------- */

/* A key from a MEF or MAF, as the store has it. Strings are malloc'ed. */
struct key_record {
    char *name;                  /* RelativeKeyID@FQDN */
    uint64_t profile;            /* id of the node that it was registered for; 0 = none, it was retrieved */
    char *path;                  /* canonical objectPath of that node, NULL = none */
    int64_t registered, expires; /* microseconds; 0 = not known */
    bool current;                /* it is what is tied to that node now */
    int64_t not_before;          /* the worker's own: not looked at before; not stored */
};
struct key_list {
    struct key_record *item;
    size_t n;
};
void key_list_clear(struct key_list *l);

/* Negative errno only; the error word says TokenUnavailable, TokenLocked, TokenFull, NotFound or Failed. */
struct vault {
    void *ctx;
    /* A symmetric key by its identifier (exact label, then without a "NN-" prefix). NotFound. */
    int (*get_psk)(void *ctx, const char *key_id, struct secret **ret, struct mef_error *reterr);
    /* The one symmetric key whose label ends in "@fqdn": 0; NotFound; InconsistentConfig if several. */
    int (*find_psk)(void *ctx, const char *fqdn, char **ret_key_id, struct mef_error *reterr);
    /* The key pair with this CKA_ID, made (P-256, in the token) if it is not there yet. `owner` is the name
     * of the registration's node: what it owns is deleted with it. */
    int (*make_key)(void *ctx, const uint8_t id[KEY_ID_LEN], const char *label, const char *owner,
                    struct evp_pkey_st **ret, struct mef_error *reterr);
    /* Key and certificate by CKA_ID. NotFound unless both are there and belong together. */
    int (*get_pair)(void *ctx, const uint8_t id[KEY_ID_LEN], struct evp_pkey_st **ret_key,
                    struct der *ret_cert, struct mef_error *reterr);
    /* Key pair and certificate by fingerprint of the certificate (SHA-256); NotFound. */
    int (*find_pair)(void *ctx, const uint8_t sha256[32], size_t prefix_len, struct evp_pkey_st **ret_key,
                     struct der *ret_cert, struct mef_error *reterr);
    int (*put_cert)(void *ctx, const uint8_t id[KEY_ID_LEN], const char *label, const char *owner,
                    const struct der *cert, struct mef_error *reterr);
    /* CA certificates of a MEF, label "<fqdn> CA". Storing one that is there is a success. */
    int (*put_ca)(void *ctx, const char *fqdn, const char *owner, const struct der *cert,
                  struct mef_error *reterr);
    int (*list_ca)(void *ctx, const char *fqdn, const char *owner, struct der_list *ret,
                   struct mef_error *reterr);
    /* Deletes key pair and certificate with this CKA_ID; absent is a success. */
    int (*drop_pair)(void *ctx, const uint8_t id[KEY_ID_LEN], const char *owner, struct mef_error *reterr);
    /* Deletes everything that came from this registration and that no other one owns too (EE-05). */
    int (*drop_owned)(void *ctx, const char *owner, struct mef_error *reterr);
    /* Whether get_psk() would find the key; its octets are not read. */
    int (*has_psk)(void *ctx, const char *key_id, bool *ret, struct mef_error *reterr);
    /* A certificate by fingerprint, whoever's it is; NotFound. */
    int (*find_cert)(void *ctx, const uint8_t sha256[32], size_t prefix_len, struct der *ret,
                     struct mef_error *reterr);
    /* A trust anchor that belongs to the [trustAnchorCred] node of this name and goes with it (T15). */
    int (*put_anchor)(void *ctx, const char *node, const struct der *cert, struct mef_error *reterr);
    /* A symmetric key from a MEF under its key identifier. The row stays an intent, and start-up undoes it,
     * until tree_port.settle() ties this credential to a node, or keep_key() says that it is wanted as it is.
     */
    int (*put_key)(void *ctx, const char *key_id, const char *owner, const struct secret *key,
                   struct mef_error *reterr);
    int (*drop_key)(void *ctx, const char *key_id, const char *owner, struct mef_error *reterr);
    /* When the registration of this key ends; confirms it. */
    int (*keep_key)(void *ctx, const char *key_id, const char *owner, int64_t expires,
                    struct mef_error *reterr);
    /* The keys that came with this registration and are no intents. */
    int (*list_keys)(void *ctx, const char *owner, struct key_list *ret, struct mef_error *reterr);
};

/* ---- tree: MO nodes, as the loop has them (plugin/tree-port.c) ----------------------------------------- */

struct mo_snapshot; /* policy/mo-node.h */

/* The outcome of processing a node; borrowed. */
struct node_outcome {
    uint64_t node;          /* id */
    uint32_t status;        /* enum cmd_status: State and LastStatus follow from it */
    const char *credential; /* name as observer.registration() has it; NULL: what is tied stays */
    const char *why;        /* the sentence of a failure, NULL = none */
    /* Of a key that was registered for the node: what its renewal goes by. NULL, NULL, 0, 0 otherwise. */
    const char *owner; /* the registration */
    const char *path;  /* of the node */
    int64_t registered, expires;
};

/* Each call asks the loop thread and waits for it: -ECANCELED and -ETIMEDOUT as `wait` says. */
struct tree_port {
    void *ctx;
    /* The node at an objectPath with the values that it holds now; *ret NULL: it addresses none. The caller
     * frees.
     */
    int (*resolve)(void *ctx, const char *object_path, const struct wait *wait, struct mo_snapshot **ret,
                   struct mef_error *reterr);
    /* Durable when it returns 0; a node that is gone is a success. */
    int (*settle)(void *ctx, const struct node_outcome *o, const struct wait *wait, struct mef_error *reterr);
    /* Has the registration that this node is about (its child [MEFClientRegCfg] or [MAFClientRegCfg], or
     * itself) do the procedure and settle the node; `what`: enum mo_node_case. 0 with the status; NotFound:
     * there is no such registration. NULL: never. */
    int (*delegate)(void *ctx, const struct mo_snapshot *n, int what, const struct wait *wait,
                    uint32_t *ret_status, struct mef_error *reterr);
};

/* ---- journal: registrations and commands, durable (plugin/journal-store.c) ---------------------------- */

enum reg_state {
    REG_NEW,
    REG_REGISTERING,
    REG_REGISTERED,
    REG_EXPIRED,
    REG_ENDING,
    REG_FAILED,
    REG_STATE_MAX_
};
const char *reg_state_name(enum reg_state s); /* words of interfaces.md 2 */

/* One registration as the store has it. Strings are malloc'ed, NULL = not known. */
struct reg_record {
    char *node; /* MO node name = label of the registration */
    enum reg_state state;
    char *reg_id;     /* MEFClientRegID */
    char *cmd_to;     /* `to` of its <mefClientCmd>, NULL: "{registration}/cmd" */
    char *client_id;  /* `cr` of the registration: our identity as the MEF has it */
    int64_t expires;  /* et as the MEF returned it, microseconds; 0 = unset */
    int64_t granted;  /* when it did */
    char *create_rqi; /* a create that may have been sent and was not answered: repeated with this rqi */
    char *create_body;
    uint8_t cert_id[KEY_ID_LEN]; /* CKA_ID of the latest proven MEF certificate */
    bool has_cert;
    char *last_update_cid; /* cmdID (JSON text) of the last UPDATE sent (MC-06) */
    uint32_t last_update_csc;
    uint32_t repeats;  /* consecutive repeats of that cmdID */
    int64_t next_poll; /* realtime when retryDuration ends; 0 = no timer */
    int64_t last_contact;
    uint32_t retry_count;
    int64_t retry_at;      /* realtime before which the MEF is not tried again; 0 = nothing is put off */
    bool deregistered;     /* ending: the MEF has been told */
    bool credentials_gone; /* ending: the local part is done */
    char *assigned_key; /* assignedSymmKeyID: psk_identity in place of `assigned_for`, our key identifier */
    char *assigned_for;
    char *asked;       /* what the node said when the registration was made or updated last */
    char *config_json; /* ending: the configuration as it was, since the node is gone */
};
void reg_record_clear(struct reg_record *r);
int reg_record_copy(const struct reg_record *from, struct reg_record *to);

/* mef-protocol.md 3.4.4 */
enum cmd_state { CMD_RECEIVED, CMD_RUNNING, CMD_TENTATIVE, CMD_DONE, CMD_REPORTED, CMD_STATE_MAX_ };

struct cmd_record {
    char *node;      /* registration */
    uint32_t serial; /* ours, from 1, per registration; part of the bus path */
    char *cid;       /* cmdID as JSON text: "\"c-0001\"" or "17" */
    char *body;      /* the whole command resource as received, JSON */
    enum cmd_state state;
    uint32_t class_id; /* as received, UINT32_MAX if unreadable */
    uint32_t csc;      /* final status (enum cmd_status), from TENTATIVE on */
    bool reissued;
    uint8_t cert_id[KEY_ID_LEN]; /* from TENTATIVE on, of a CERT_PROV */
    bool has_cert;
    int64_t received, finished, reported;
    char *transaction; /* joins all journal lines of this command */
    char *detail;      /* one sentence for a person, NULL = none */
};
void cmd_record_clear(struct cmd_record *c);
/* A certificate that a person has renewed (EE-02) is journalled like a CERT_PROV, with a cmdID of this kind.
 * No MEF can send it: text with a control character is no cmdID. Nothing of it goes to the MEF or is shown as
 * a command; its body is of plugin/mef/cert-renewal.c. */
#define CMD_BY_HAND "\"by hand\\n"
bool cmd_record_by_hand(const struct cmd_record *c);
int cmd_record_copy(const struct cmd_record *from, struct cmd_record *to);

/* Every call is durable when it returns 0. -EIO and -ENOSPC mean that nothing was changed. */
struct journal {
    void *ctx;
    int (*load)(void *ctx, const char *node, struct reg_record *ret, struct mef_error *reterr); /* -ENOENT */
    int (*save)(void *ctx, const struct reg_record *r, struct mef_error *reterr);
    int (*remove)(void *ctx, const char *node, struct mef_error *reterr); /* with its commands */
    /* The newest command; -ENOENT when there is none. */
    int (*last_cmd)(void *ctx, const char *node, struct cmd_record *ret, struct mef_error *reterr);
    /* The newest command with this cmdID that was not answered as a repeat (csc 40): a REISSUED command is
     * answered with the status of its execution. -ENOENT. */
    int (*find_cmd)(void *ctx, const char *node, const char *cid, struct cmd_record *ret,
                    struct mef_error *reterr);
    /* The newest command that this certificate is of; it is kept as long as the registration uses it.
     * -ENOENT. */
    int (*find_cert)(void *ctx, const char *node, const uint8_t id[KEY_ID_LEN], struct cmd_record *ret,
                     struct mef_error *reterr);
    /* Inserts (serial 0: the store chooses it and writes it to c->serial) or updates, and saves `r` with it
     * in the same commit when `r` is not NULL. */
    int (*save_cmd)(void *ctx, struct cmd_record *c, const struct reg_record *r, struct mef_error *reterr);
};

/* ---- device management clients: processes of their own (plugin/dm/) ----------------------------------- */

enum dm_outcome { DM_OK = 0, DM_SERVER_ERROR = 1, DM_CLIENT_ERROR = 2 };

/* A session inside the exchange of a registration; borrowed for the call. */
struct dm_request {
    uint32_t protocol; /* devMgmtID 1..4 */
    const char *uri;   /* of the DM server */
    const char *fqdn;  /* of the MEF that asks, which is the server's too (MC-23) */
    const char
        *node; /* MO node name of the registration: the session writes on its behalf (mo-tree.md 4.4) */
};

/* `run` NULL: there are no DM sessions in this build, DEV_CFG is answered CLASS_NOT_SUPPORTED. */
struct dm_port {
    void *ctx;
    /* Whether a DM client is registered for the protocol: 1, 0; -ECANCELED; other negative errno (try later).
     */
    int (*offered)(void *ctx, uint32_t protocol, const struct wait *wait, struct mef_error *reterr);
    /* Runs one session to its end. A dm_outcome: with DM_OK what it wrote is committed and durable, else what
     * was not committed is rolled back and `reterr` says why. -ECANCELED: the session was cancelled and
     * rolled back. */
    int (*run)(void *ctx, const struct dm_request *request, const struct wait *wait,
               struct mef_error *reterr);
};

/* ---- observer: what the loop thread learns ------------------------------------------------------------ */

struct observer {
    void *ctx;
    /* Snapshots after each change; the callee copies. `credential`: the one in use, as 64 hex digits of the
     * SHA-256 of the certificate or as key identifier; NULL = none yet. */
    void (*registration)(void *ctx, const struct reg_record *r, const char *credential,
                         const struct mef_error *last_error);
    void (*command)(void *ctx, const struct cmd_record *c);
    /* Step i of n of a job; text names it. waiting_until: realtime, 0 = not waiting. */
    void (*progress)(void *ctx, uint32_t job, unsigned i, unsigned n, const char *text,
                     int64_t waiting_until);
    /* A job ended: err NULL = done; Cancelled and TimedOut have their own results. */
    void (*finished)(void *ctx, uint32_t job, const struct mef_error *err);
    /* A reason word and a sentence; text NULL = settled. */
    void (*attention)(void *ctx, const char *node, const char *reason, const char *text);
    /* The registration has ended and its record is gone. */
    void (*ended)(void *ctx, const char *node);
};
