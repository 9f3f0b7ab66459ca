/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's parts, for the files of the plugin root only. Everything here belongs to the loop thread
 * unless it says otherwise. */
#pragma once

#include <pthread.h>
#include <systemd/sd-event.h>

#include "dbus/bus.h"
#include "dbus/job.h"
#include "pkcs11/token.h"
#include "plugin/base/ports.h"
#include "plugin/base/post.h"
#include "plugin/config.h"
#include "plugin/engine.h"
#include "plugin/events.h"
#include "plugin/journal-store.h"
#include "plugin/mef/client.h"
#include "plugin/mef/vocabulary.h"
#include "plugin/mo/tree.h"
#include "plugin/mo/tx.h"
#include "plugin/net/net.h"
#include "plugin/token-thread.h"
#include "plugin/vault.h"
#include "policy/subject-id.h"

struct registration;
struct bus_node;
struct bus_credential;
struct binding;
struct fetching;
struct filing;
struct tree_tx;
struct dm;

enum engine_state { ENGINE_STARTING, ENGINE_READY, ENGINE_DEGRADED, ENGINE_STOPPING };

struct attention {
    struct attention *next;
    char *reason, *node, *text; /* node "" = the plugin as a whole */
};

struct engine {
    const struct engine_host *host;
    struct events events;
    struct event_sink sink;
    struct config *config;
    /* Read by workers, constant between start and stop. */
    struct identity identity;
    char *identity_id;
    struct mef_settings settings;
    struct vocabulary *vocabulary;

    sd_event *event;
    struct post *post;
    sd_event_source *post_source;
    pthread_mutex_t call_lock;
    bool loop_over; /* set under call_lock by the loop thread */
    int wake_fd;
    sd_event_source *wake_source;

    struct db *db;
    struct mo_tree *tree;
    struct net *net;
    struct token *token;
    struct token_thread *token_thread;
    struct vault_ctx vault;
    bool credentials_stale; /* a registration uses another one since the last listing */
    bool token_tried;       /* the first attempt to open it is over */

    struct bus *bus;
    struct jobs *jobs;
    struct dm *dm;
    struct bus_object *manager, *tree_object, *token_object, *log_object;
    char *token_path;

    struct registration *registrations;
    struct bus_node *nodes;
    struct bus_credential *credentials;
    struct binding *bindings;
    struct fetching *fetchings;
    struct filing *filings;
    struct tree_tx *transactions;
    uint32_t last_transaction;
    struct attention *attention;
    char **anchors_pending; /* names of trust anchors on their way into the tree */

    enum engine_state state;
    bool ready_told;
};

/* engine.c */
const char *engine_state_word(enum engine_state s); /* of Manager.State */
extern const struct clock_port engine_clock;
void engine_update_state(struct engine *e);
/* Who asks for a change that a person can see in NeedsAttention; `reason` is a word of base/attention.def,
 * `what` a sentence. NULL settles it. */
void engine_attention(struct engine *e, const char *node, const char *reason, const char *what);
/* A new transaction id of 16 hex digits. */
void engine_transaction_id(struct engine *e, char ret[17]);

/* registrations.c: the registrations and their commands, as model and as bus objects. */
int registrations_load(struct engine *e, struct mef_error *reterr); /* at start: records and nodes */
void registrations_start(struct engine *e);                         /* when the token was looked for */
void registrations_apply(struct engine *e, const struct mo_diff *diff, uint32_t job);
/* Before a commit that deletes or adds [MEFClientRegCfg]: refuses what cannot be, and fills what `also`
 * writes. */
struct burial;
int registrations_prepare(struct engine *e, const struct mo_diff *diff, struct burial **ret,
                          struct mef_error *reterr);
int registrations_bury(struct sql *sql, const struct burial *b, struct mef_error *reterr); /* store thread */
void burial_free(struct burial *b);
void registrations_token_back(struct engine *e);             /* what waits for it goes now */
void registrations_stop(struct engine *e);                   /* fires the cancels */
int registrations_join(struct engine *e, uint64_t deadline); /* -ETIMEDOUT: one hangs */
void registrations_free(struct engine *e);
struct registration *registration_find(struct engine *e, const char *node);
struct registration *registration_by_fqdn(struct engine *e, const char *fqdn, const char *admin_fqdn);
const char *registration_path(const struct registration *r); /* NULL: none */
/* Asks the worker; a job is made, its path in *ret_path. */
int registration_request(struct registration *r, enum mef_procedure proc, const char *operation, uid_t uid,
                         uint32_t *ret_job, const char **ret_path, struct mef_error *reterr);
void registration_job_cancel(void *ctx, uint32_t job); /* ctx: the engine */
int registrations_paths(struct engine *e, char ***ret);
bool registration_ending(const struct registration *r);
/* Reads the configuration of a [MEFClientRegCfg] node out of the tree (its profile and anchors too). */
int registration_config(struct engine *e, const struct mo_node *n, struct mef_reg_config *ret,
                        struct mef_error *reterr);

/* sessions.c: DM sessions (plugin/dm) wired to tree and registrations. */
int sessions_start(struct engine *e);

/* bus-*.c */
const struct bus_interface *node_typed_interface(enum mo_type type);
extern const struct bus_interface manager_interface, tree_interface, node_interface, registration_interface,
    command_interface, token_interface, credential_interface, log_interface;
int manager_export(struct engine *e);
int tree_export(struct engine *e);
void tree_transactions_free(struct engine *e);
int nodes_export(struct engine *e); /* all nodes of the tree */
void nodes_apply(struct engine *e, const struct mo_diff *diff);
void nodes_free(struct engine *e);
char *node_bus_path(const struct mo_node *n); /* malloc'ed */
/* One commit on behalf of a call: replies through `reply` when it is durable. */
int token_export(struct engine *e);
void token_changed(struct engine *e);
void credentials_update(struct engine *e, const struct token_listing *l);
void credentials_changed(struct engine *e);
void credentials_free(struct engine *e);
/* Copies of the CA certificates in the token that we put there, for a MEF or as a node's trust anchor. */
int credentials_anchors(struct engine *e, struct der_list *ret);
/* Path of the credential with this name as the worker reports it, or "/". */
char *credential_path(const char *credential);
int log_export(struct engine *e);
