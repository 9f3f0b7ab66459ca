/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small world for the client of plugin/mef: a clock that jumps, a MEF that behaves as mef-protocol.md 3.4.7
 * says (or as a test wants), a token and a journal in memory, and a power switch. */
#pragma once

#include <glib.h>

#include "plugin/mef/client.h"
#include "policy/status.h"
#include "policy/subject-id.h"

#define WORLD_NODE  "mef1"
#define WORLD_FQDN  "mef.example.com"
#define WORLD_ADMIN "admin.example.org"
#define WORLD_ID    "//m2m.example.com/gw42"
#define WORLD_KPM   "gw42-kpm@mef.example.com"
#define WORLD_REG   "mecr-7f3a21"

struct seen { /* a request as it left */
    enum mef_operation op;
    uint32_t ty;
    char *to, *fr, *rqi, *rvi, *body;
    char *credential; /* psk identity, or "cert:" and the first 8 hex digits of the leaf's SHA-256 */
    bool plain_json, no_accept;
    int64_t at;
};

struct mef_command {
    const char *cid;  /* JSON text */
    const char *cdsc; /* JSON text of cmdDescription; NULL: NO_MORE_COMMANDS for a day */
    bool issued;
    uint32_t reported; /* accepted status, 0 = none */
    unsigned reports;
};

struct world_key { /* what the store knows of a key */
    char *path;
    uint64_t profile;
    int64_t registered, expires;
    bool kept; /* no intent any more */
};

struct world;
/* Answers instead of the MEF: -1 = let the MEF do it; otherwise what exchange() returns, *ret filled with 0.
 */
typedef int (*world_hook)(struct world *w, const struct seen *req, struct answer *ret);

struct world {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* clock */
    int64_t real;
    uint64_t boot, limit; /* boottime may go up to limit */
    int tick;             /* eventfd: limit has moved */
    bool clock_set;       /* since the last sleep */
    unsigned sleeps;      /* begun */
    const struct cancel *sleeping;
    bool asleep;
    unsigned randoms;
    /* MEF */
    char reg_id[64];
    bool registered;
    unsigned registrations; /* creates that made one */
    char *create_rqi;       /* and its answer, for a repeat */
    char *create_answer;
    const char *et; /* granted */
    const char *ch; /* JSON of childResource, NULL = absent */
    struct mef_command *commands;
    size_t n_commands, next_command;
    world_hook hook;
    void *hook_ctx;
    int open_result;          /* of transport.open */
    bool refuse_certificates; /* as TLS alert at the first exchange (as net does) */
    GPtrArray *log;           /* struct seen */
    unsigned exchanges, closes;
    uint64_t patience; /* that the last exchange was given, microseconds */
    size_t anchors;    /* of the last open */
    /* token */
    GHashTable *pairs; /* hex of CKA_ID -> GBytes certificate */
    GPtrArray *cas;    /* GBytes */
    bool no_psk;
    int vault_error; /* mef_error_word, 0 = fine */
    unsigned drops, drop_owned;
    const char *key;  /* label of a symmetric key besides the KPM, NULL = none */
    int key_error;    /* mef_error_word of has_psk and put_anchor, 0 = fine */
    GHashTable *keys; /* identifier -> GBytes, of put_key */
    GHashTable *rows; /* identifier -> struct world_key */
    bool list_error;  /* of list_keys */
    int (*delegate)(void *ctx, const struct mo_snapshot *n, int what, const struct wait *wait,
                    uint32_t *ret_status, struct mef_error *reterr);
    int64_t settled_expires;
    unsigned opens;       /* sessions; each exports 48 octets of its number */
    GBytes *local_anchor; /* what find_cert gives; borrowed */
    char *anchor_owner;   /* of the last put_anchor */
    /* tree: the one node that there is, at node->path; NULL = none */
    const struct mo_snapshot *node;
    int tree_result, settle_result; /* of every call, of settle, 0 = works */
    unsigned resolves, settles;
    uint32_t settled; /* status of the last one */
    char *settled_credential, *settled_why;
    /* EST */
    int est_result; /* 20, 100, 101 */
    unsigned enrolments;
    uint64_t cert_life; /* seconds from now that the leaf lives, 0: ten years of the machine's clock */
    char est_uri[256], est_san[300], est_with[64], est_renew[64];
    /* journal */
    struct reg_record reg;
    bool has_reg;
    GPtrArray *cmds; /* struct cmd_record */
    uint32_t serial;
    int journal_error; /* errno of every write */
    /* power: the n-th durable step (save, exchange) from 1 is the last one */
    unsigned steps, cut_at;
    bool cut_before; /* it does not happen any more */
    bool dead;
    /* observer */
    enum reg_state state;
    char *credential, *last_error, *client_reg_id;
    int64_t next_poll, waiting_until;
    uint32_t retry_count;
    GHashTable *finished; /* job -> GINT of word + 1 */
    GHashTable *attention;
    unsigned ended;
    GString *events; /* "NAME " of each */
    unsigned event_count[EVENT_MAX_];
    GPtrArray *transactions;
    /* client */
    struct dm_port dm; /* zero: none; set before world_start() */
    struct client *client;
    struct identity identity;
    struct mef_settings settings;
    struct mef_reg_config config;
};

struct world *world_new(void); /* PSK registration of section 6, no command, 2026-03-01T08:00:00 */
void world_free(struct world *w);
void world_commands(struct world *w, const struct mef_command *list, size_t n);

void world_start(struct world *w);
void world_stop(struct world *w); /* stop, join, free */
/* Waits until the worker sleeps and nothing wakes it. */
void world_idle(struct world *w);
void world_advance(struct world *w, uint64_t seconds);                      /* lets time pass, then idle */
void world_request(struct world *w, enum mef_procedure proc, uint32_t job); /* then idle */
void world_set_clock(struct world *w, const char *timestamp);               /* a step; then idle */
/* -1 = not finished; else mef_error_word (0 = done). */
int world_finished(struct world *w, uint32_t job);
const char *world_attention(struct world *w, const char *reason); /* NULL = none */
/* The whole story as "C base {body}" ... one request a line: operation letter, to, body, and rsc unless told.
 */
char *world_story(struct world *w);
const struct seen *world_seen(struct world *w, size_t i);
/* The power goes, and comes back: a new client on the same journal and token. */
void world_power_cycle(struct world *w);

void world_answer(const struct seen *req, struct answer *ret, uint32_t rsc, const char *body);
/* A self-signed P-256 certificate, DER. */
GBytes *world_certificate(const char *cn);
struct cmd_record *world_command(struct world *w, const char *cid); /* newest */

/* ---- texts and steps that the tests share ------------------------------------------------------------- */

#define DAY (24u * 3600)
#define CH  "[{\"nm\":\"cmd\",\"typ\":6,\"val\":\"-/mecr-7f3a21/cmd\"}]"
#define CERT_PROV                                                                                            \
    "{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://mef.example.com:8443/.well-known/"          \
    "est\",\"csty\":2,"                                                                                      \
    "\"csbi\":\"//m2m.example.com/gw42\"}}}"
#define DEV_CFG "{\"ccid\":2,\"cmda\":{\"dcca\":{\"dcu\":\"3:coaps://mef.example.com:5684\"}}}"
#define MO_NODE "{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"/27022/0\",\"obt\":1,\"obsa\":{\"suid\":21}}}}"
#define CREATE                                                                                               \
    "C /- "                                                                                                  \
    "{\"sec:mecr\":{\"et\":\"20270101T000000\",\"lbl\":[\"gateway\",\"site:42\"],\"adfq\":\"admin.example."  \
    "org\"}}"
#define GET                    "\nR /-/mecr-7f3a21/cmd"
#define PUT(cid, csc)          "\nU /-/mecr-7f3a21/cmd {\"sec:mecc\":{\"cid\":" cid ",\"csc\":" #csc "}}"
#define ANSWER(cid, cdsc, csc) "{\"sec:mecc\":{\"cid\":" cid ",\"cdsc\":" cdsc ",\"csc\":" #csc "}}"

void world_assert_story(struct world *w, const char *expected);
/* Registered and at rest, with an empty story. */
struct world *world_registered(void);
/* Hooks. Every retrieve and update of the command is answered with the text in hook_ctx. */
int world_same_hook(struct world *w, const struct seen *req, struct answer *ret);
/* The next report is answered with the code in hook_ctx, once. */
int world_report_hook(struct world *w, const struct seen *req, struct answer *ret);
/* Creates are answered with the code in hook_ctx. */
int world_refuse_create_hook(struct world *w, const struct seen *req, struct answer *ret);

/* ---- between the two files of the world ---------------------------------------------------------------- */

/* A durable step. *ret_happens: whether it takes place. False: the power is gone (now). */
bool world_power(struct world *w, bool *ret_happens);
char *world_credential_name(const struct credential *with);
void world_store_init(struct world *w);
/* Keys that are still intents go, as vault_reconcile() has it at a start. */
void world_reconcile(struct world *w);
void world_store_wire(struct world *w, struct mef_client_params *p);
