/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of a client: what its worker thread works with. Only client.c looks at the part under `lock` from
 * other threads. Private to plugin/mef. */
#pragma once

#include <pthread.h>

#include "plugin/base/crash.h"
#include "plugin/base/doze.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/mef/client.h"
#include "plugin/mef/command-message.h"
#include "plugin/mef/journal-states.h"
#include "plugin/mef/rqi.h"

#define REPEATS_AT_ONCE     2u /* 5.3 #22 */
#define TRANSACTION_LEN     17 /* 16 hex digits and NUL */
#define CREDENTIAL_NAME_MAX 192
#define DAY_SEC             (UINT64_C(24) * 3600)

/* How a procedure went. Everything but OK leaves a sentence in client.error. */
enum outcome {
    OUT_OK = 0,
    OUT_RETRY,     /* may be better later: back-off from the short end */
    OUT_FATAL,     /* no repeat betters it soon: the job fails, tried again after the longest back-off */
    OUT_GIVE_UP,   /* the job fails; nothing is tried again but what a timer or a job asks for */
    OUT_GONE,      /* the MEF does not know the registration, or it has expired */
    OUT_CANCELLED, /* stop, end, or cancel of the job */
};

/* How a request went, when it was not simply answered. */
enum request_result {
    REQ_ANSWERED = 0,
    REQ_RETRY,
    REQ_FATAL,
    REQ_CANCELLED,
    REQ_NO_ANSWER,    /* the answer is not to this request: as good as none */
    REQ_TOO_BIG,      /* executed, but its answer cannot be read */
    REQ_CERT_REFUSED, /* the certificate that is still to be proven was not taken; nothing was sent */
};

struct job {
    enum mef_procedure proc;
    uint32_t id;
    bool cancelled;
    bool procedure_done; /* what is left is the command exchange */
};

/* A credential with what it needs to live. */
struct held_credential {
    struct secret *psk;
    struct evp_pkey_st *key;
    struct der_list chain, anchors;
    struct credential use;          /* points into this */
    char name[CREDENTIAL_NAME_MAX]; /* for the observer */
    int64_t not_before, not_after;  /* CERT */
};

enum credential_choice { CREDENTIAL_NONE, CREDENTIAL_PROVISIONED, CREDENTIAL_ENROLLED, CREDENTIAL_TENTATIVE };

struct client {
    struct clock_port clock;
    struct transport transport;
    struct vault vault;
    struct journal journal;
    struct dm_port dm;
    struct observer observer;
    struct event_sink events;
    struct tree_port tree;
    struct mef_settings settings;
    char rvi[8];
    const struct identity *identity;
    const struct vocabulary *vocabulary;

    pthread_t thread;
    bool started;
    struct cancel cancel; /* ends the waits of what runs now */
    struct cancel wake;   /* ends the sleep between procedures */
    struct doze doze;

    pthread_mutex_t lock;
    pthread_cond_t over; /* `through` is set */
    /* Under lock. */
    struct mef_reg_config config;
    struct job queue[LIMIT_JOBS];
    size_t queued;
    struct job job; /* runs or waits; proc 0 = none */
    bool stop, end, end_seen, fresh_job, token_back, through, tree_moved;
    uint32_t end_job;
    struct mef_task *tasks, *task; /* those that wait; the one that runs */
    bool renewing;                 /* what runs is a renewal by hand: its cancel ends it */

    /* The worker's. */
    struct mef_reg_config cfg; /* what the present procedure goes by */
    struct wait wait;          /* of the present procedure */
    struct reg_record r;
    struct cmd_record cmd; /* the newest command, node NULL = none */
    struct command parsed; /* it again, just received and not begun; cid NULL = parse cmd.body */
    struct rqi rqi;
    struct mef_error error;
    char transaction[TRANSACTION_LEN];
    bool wanted;  /* registers by itself when it has to */
    bool blocked; /* not by itself: the MEF refused this very request, or a cancel said so */
    bool ending;  /* T2 has begun, or is taken up again */
    bool forced;  /* a person asked: what is held back goes now */
    unsigned failures;
    unsigned lost;             /* times that the certificate of the present command vanished */
    unsigned repeats_mixed;    /* commands of this exchange that were answered without being executed */
    uint64_t retry_at;         /* boottime; 0 = nothing is put off */
    uint64_t renew_not_before; /* boottime */
    uint64_t poll_by;          /* boottime; when r.next_poll is due at the latest */
    bool poll_ours;       /* r.next_poll was set in this run: poll_by is exact, whatever the wall clock */
    int64_t clock_offset; /* realtime less boottime, at the last look */
    bool report_turn;     /* the renewal could not be made; what else waits comes before the next attempt */
    int64_t not_before, not_after; /* of the certificate in use, 0 = not known */
    struct session *session;
    enum credential_choice session_choice;
    bool fallback; /* the enrolled certificate was refused in this exchange */
    bool no_rvi, no_accept, plain_json;
    struct { /* the last update or de-registration, while nothing came back to it */
        char *to, *body;
        char rqi[RQI_LEN];
    } unanswered;
    char credential_name[CREDENTIAL_NAME_MAX];
    unsigned step;
    bool attention[16];
    struct key_list keys; /* that came with this registration */
    bool keys_known;      /* `keys` is what the store has */
    unsigned key_failures;
    uint32_t renewal_job; /* that asked for the renewal by hand which is under way */
};

/* tell.c: observer and events. */
enum attention_reason {
#define X(id, word, next) ATTENTION_##id,
#include "plugin/base/attention.def"
#undef X
    ATTENTION_MAX_,
};
void tell_event(struct client *c, enum event_id id, const struct cmd_record *cmd, const char *format, ...)
    mef_printf(4, 5);
void tell_registration(struct client *c);
void tell_command(struct client *c);
void tell_progress(struct client *c, const char *text, int64_t waiting_until);
void tell_attention(struct client *c, enum attention_reason reason, const char *text); /* NULL = settled */
void new_transaction(struct client *c);

/* worker.c */
void *worker_main(void *client);
/* -1 after a store failure (told; OUT_RETRY is the outcome then). */
int save_registration(struct client *c);
bool registration_live(struct client *c); /* registered and not expired (MC-01) */
bool configuration_expired(struct client *c);
/* What a crash left of "command update for DEV_CFG first, then T2" (mo-tree.md 4.3): one attempt. */
void command_report_last(struct client *c);
bool end_asked(struct client *c); /* the node is gone: nothing new is begun */
/* Sets client.error and returns `o`. */
enum outcome fail(struct client *c, enum outcome o, enum mef_error_word word, const char *format, ...)
    mef_printf(4, 5);

/* timers.c */
int64_t now_of(struct client *c);
uint64_t boot_of(struct client *c);
uint64_t span_until(struct client *c, int64_t at);         /* 0: it has passed */
void poll_timer_start(struct client *c, uint64_t seconds); /* in the record, not stored */
uint64_t poll_timer_left(struct client *c);                /* microseconds; 0: due, or no timer */
void timers_load(struct client *c);                        /* after the record was read */
void clock_look(struct client *c); /* whether the wall clock was set; what follows from it */
/* The next attempt comes so much later. What the MEF is the cause of is stored and keeps its place. */
void put_off_by(struct client *c, uint64_t usec);
void put_off_ends(struct client *c);

/* session.c */
void held_clear(struct held_credential *h);
/* The credential of a choice. 0; negative errno with client.error. */
int credential_get(struct client *c, enum credential_choice choice, struct held_credential *ret);
enum credential_choice credential_best(const struct client *c);
void session_close(struct client *c);
/* A session with the best credential, or the one that is there. */
enum request_result session_need(struct client *c);
/* After a start at rest there may be no session for a day (MC-15): learns which credential the next one will
 * use, so that it is shown and its end is watched. Nothing when it is known already, or the token is away. */
void session_foresee(struct client *c);
/* One primitive with a fresh rqi (or the one in p->rqi), and the one-time retries of 2.3. *ret is filled when
 * REQ_ANSWERED; an error answer leaves its sentence in client.error too. `is_create`: a fresh rqi is stored
 * before. */
enum request_result request(struct client *c, struct primitive *p, struct answer *ret);
enum outcome outcome_of(enum request_result r);
/* The sentence of an answer that is an error. */
void request_error_answer(struct client *c, const struct answer *a);
/* The one-time changes of 2.3; true: ask again. */
bool request_adapt(struct client *c, uint32_t rsc, bool has_body);
bool rsc_good(uint32_t rsc);
bool rsc_transient(uint32_t rsc);
bool rsc_refuses_us(uint32_t rsc); /* 4103, 4106, 4107 */
const char *our_id(const struct client *c);

/* procedure-registration.c */
enum outcome register_procedure(struct client *c); /* create; or retrieve of a live one */
enum outcome retrieve_procedure(struct client *c);
enum outcome update_procedure(struct client *c);
enum outcome deregister_procedure(struct client *c);
/* E-18: a live registration that was asked for with the values that the node has now, or is made so. */
enum outcome registration_current(struct client *c);
/* 3.4.4: OUT_OK: it is there; OUT_GONE; others. */
enum outcome registration_check_exists(struct client *c);
/* The registration is no more: forget its ID, settle the command that cannot be reported any more. */
enum outcome registration_lost(struct client *c, const char *why);
/* DELETE with the session's credential: OUT_OK also for 4004. */
enum outcome registration_delete(struct client *c);

/* procedure-command.c */
enum outcome command_exchange(struct client *c);
bool command_pending(const struct client *c);
/* A cmdID that keeps coming is answered only once in default-retry (5.3 #22); a person may ask for it
 * earlier. */
bool report_held_back(struct client *c);
/* Applies a journal event, optionally with a final status, and stores command and registration. */
enum outcome command_advance(struct client *c, enum journal_event e, uint32_t csc);
void command_detail(struct client *c, const char *text);
/* [mef] command-classes. 0, or CLASS_NOT_SUPPORTED with client.error. */
int command_class_wanted(struct client *c, uint32_t class_id);
/* The certificate of the present command has been taken, and that is stored: the session goes on with it. */
void command_certificate_taken(struct client *c);

/* procedure-cert-prov.c */
enum outcome cert_prov_execute(struct client *c, const struct cert_prov_fields *f, uint32_t *ret_csc);
enum outcome cert_prov_prove(struct client *c);
/* The MEF does not take the new certificate: the former credential stays, `csc` is reported over it. */
enum outcome cert_prov_refused(struct client *c, uint32_t csc);
/* CKA_ID of the pair of the present command (interfaces.md 5). -ENOMEM. */
int cert_prov_key_id(const struct client *c, uint8_t ret[KEY_ID_LEN]);

/* cert-renewal.c */
bool renewal_pending(const struct client *c); /* the present command is a renewal by hand that is not over */
enum outcome renewal_begin(struct client *c, const struct mef_task *t); /* OUT_OK: it is in the journal */
enum outcome renewal_settle(struct client *c); /* from what the journal holds to the end */
/* It ends without a new certificate, what was made for it is deleted; client.error says why. */
enum outcome renewal_end(struct client *c, uint32_t csc);

/* procedure-mo-node.c */
enum run_mode {
    RUN_COMMAND,      /* of this registration's MEF */
    RUN_TASK,         /* asked of this worker because it is its business */
    RUN_UNREGISTERED, /* the same, but the precondition could not be met: client.error says why */
    RUN_RENEWAL,      /* a failure says nothing about the node: what is tied is still good */
};
/* The procedure of a node that was judged consistent, and its outcome to the node. OUT_OK with a status. */
enum outcome mo_node_run(struct client *c, const struct mo_snapshot *n, enum mo_node_case what,
                         enum run_mode mode, uint32_t *ret_status);
enum outcome mo_node_execute(struct client *c, const struct mo_node_fields *f, uint32_t *ret_csc);

/* procedure-dev-cfg.c: *ret_csc is filled with OUT_OK. */
enum outcome dev_cfg_execute(struct client *c, const struct dev_cfg_fields *f, uint32_t *ret_csc);

/* What a procedure found for a node. */
struct processed {
    char *credential;
    bool owned; /* a key that was registered for it just now; in the token as an intent */
    int64_t registered, expires;
};

/* procedure-key.c: a key from the MEF or MAF for this profile. OUT_OK with the status. */
enum outcome key_register(struct client *c, const struct mo_snapshot *n, uint32_t *ret_status,
                          struct processed *ret);
/* The profile's child of our kind, when it is for this very registration; NULL otherwise. */
const struct mo_snapshot *key_server(const struct client *c, const struct mo_snapshot *profile);

/* procedure-key-held.c */
enum outcome key_retrieve(struct client *c, const char *name);
enum outcome key_update(struct client *c, const char *name, int64_t et, char *const *labels);
enum outcome key_deregister(struct client *c, const char *name); /* OUT_OK also when it is not known there */
/* Stores it as `RelativeKeyID@FQDN`, owned by this registration, as an intent. */
int key_keep(struct client *c, const char *id, const struct secret *key, char **ret_name);
/* Best effort: the server is not to keep a key that we do not have. client.error stays. */
void key_forget_at_server(struct client *c, const char *id);
/* Drops it here and, unless cancelled, at the server. Best effort; client.error stays. */
void key_forget(struct client *c, const char *name);

/* key-renewal.c */
void keys_tend(struct client *c);          /* reads what the store has, drops what has ended */
int64_t keys_next(const struct client *c); /* when to look again, 0 = never */
/* After a key was tied to the profile: its key and the one before it stay, which peers may still use; older
 * ones are given up here and at the server. Best effort. */
void keys_supersede(struct client *c, uint64_t profile);
bool keys_renewal_due(struct client *c);
enum outcome keys_renew(struct client *c); /* one key */
void keys_give_up(struct client *c);       /* de-registers those that live, as well as it goes */

/* task.c */
bool tasks_run(struct client *c); /* one task; false: there is none */
void tasks_drop(struct client *c, const char *why);
bool task_cancel(struct client *c, uint32_t job); /* under lock */

/* procedure-end.c */
/* True: it has ended, the record is gone. False: try again at retry_at. */
bool end_procedure(struct client *c);
