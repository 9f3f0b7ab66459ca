/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The MEF Client of one registration: one worker thread that runs the procedures of mef-protocol.md 3 one
 * after another (design.md 4). Whoever owns it (the plugin root) asks for procedures as jobs; everything that
 * comes of them is told through the observer and the event sink, on the worker thread.
 *
 * Jobs. A job covers the procedure and the enrolment exchange that follows it: the command retrieve, and
 * execute and update until NO_MORE_COMMANDS. Where the MEF cannot be reached or answers 5xx the job waits
 * (progress with waiting_until) and is tried again with back-off until it is cancelled; an answer that no
 * repeat can better ends it with an error. Exactly one finished() comes for each job that _request() took
 * over, also at _stop() (Cancelled).
 *
 * Thread: every function may be called from the loop thread and returns at once, except _join. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/ports.h"
#include "policy/mo-node.h"
#include "policy/status.h"

struct identity;   /* policy/subject-id.h */
struct vocabulary; /* plugin/mef/vocabulary.h */
struct client;

/* The configuration of one registration as the MO tree and the token have it: [MEFClientRegCfg], its profile
 * (SUID 10 or 40) and the trust anchors linked to that. Strings are malloc'ed. */
struct mef_reg_config {
    char *node;       /* name of the [MEFClientRegCfg] node; owner of credentials, key of the journal */
    char *fqdn;       /* lower case */
    char *admin_fqdn; /* as configured */
    uint16_t http_port, coap_port,
        websocket_port; /* 0 = not offered; default-ports is the caller's to fill in */
    int64_t expires;    /* [MEFClientRegCfg].expirationTime, microseconds; 0 = unset */
    char **labels;      /* NULL = none */
    bool maf;           /* the server is a MAF: other names, no commands (mef-protocol.md 3.7) */
    enum credential_kind
        credential;          /* the pre-provisioned one; 0 = there is none (the registration cannot run) */
    char *key_id;            /* PSK: KpmID = psk_identity and name of the key in the vault */
    bool half_key;           /* PSK: a key that a MEF or MAF distributed; its first half counts (3.5.3) */
    uint8_t cert_sha256[32]; /* CERT: fingerprint (whole or truncated) of the certificate */
    size_t cert_prefix_len;  /* octets of it that count: 32, 16 or 15 */
    struct der_list anchors; /* CERT: configured trust anchors */
    bool report_first;       /* of a tombstone: a DM session of this MEF made it; it hears of that first */
};
void mef_reg_config_clear(struct mef_reg_config *c);
int mef_reg_config_copy(const struct mef_reg_config *from, struct mef_reg_config *to);
/* The snapshot that the tombstone keeps (reg_record.config_json). No secret is in it. -ENOMEM; from_json:
 * -EINVAL. */
char *mef_reg_config_to_json(const struct mef_reg_config *c);
int mef_reg_config_from_json(const char *json, struct mef_reg_config *ret, struct mef_error *reterr);

/* The [mef] section and what the host knows. Zero in a duration stands for the default in brackets. */
struct mef_settings {
    uint32_t classes; /* 1 << cmdClassID of what is executed, the rest is answered with 41; 0 = all that are
                         built in */
    uint64_t registration_lifetime; /* seconds (365 days): et that is proposed when the MO has none */
    uint64_t default_retry; /* seconds (24 h): no command, no duration; also between bounded re-GETs */
    uint64_t backoff_min, backoff_max; /* seconds (5 s, 15 min) */
    uint64_t connect_timeout;          /* seconds (30): TCP, TLS */
    uint64_t response_timeout;         /* seconds (60): MC-03 */
    uint64_t certificate_lead_time;    /* seconds (30 days): attention before notAfter */
    const char *rvi;                   /* "2a" */
    enum status_table status_table;    /* [policy]: what is written into reports */
    struct mo_node_switches mo_node;   /* [policy]: trust-anchor-rule, suite-rule */
    uint64_t key_renew_margin; /* seconds before the end of a key registration; 0: a tenth of its life, at
                                  most a day */
    bool renew_after_profile_expiry; /* E-04, the literal reading */
};

struct mef_client_params {
    /* Ports, by value; what their ctx points to outlives the client. */
    struct clock_port clock;
    struct transport transport;
    struct vault vault;
    struct journal journal;
    struct dm_port dm; /* zero: no DM sessions */
    struct observer observer;
    struct event_sink events;
    struct tree_port tree;
    /* Copied. */
    const struct mef_settings *settings;
    const struct mef_reg_config *config;
    /* Shared, constant, outlive the client. */
    const struct identity *identity;
    const struct vocabulary *vocabulary; /* NULL: the built-in one */
};

enum mef_procedure {
    MEF_PROC_REGISTER = 1, /* T1: create, or (a live registration is known) retrieve of it */
    MEF_PROC_UPDATE,       /* 8.3.5.2.5: et and labels of the present configuration */
    MEF_PROC_RETRIEVE,     /* 8.3.5.2.4: refreshes et and ch */
    MEF_PROC_POLL,       /* command retrieve now, and a report that is held back; NotRegistered without a live
                            registration */
    MEF_PROC_DEREGISTER, /* 8.3.5.2.6 on request: the node stays, state `new`; nothing is sent any more until
                            REGISTER is asked for (or the host restarts) */
    MEF_PROC_END,        /* T2: the node is gone. Cancels what runs. Ends when the local part and the first
                            de-registration attempt are over; ended() comes when the MEF knows too */
    MEF_PROC_END_AFTER_REPORT, /* the same, but what runs goes on until the command in hand has been reported
                                  (or could not be): a MEF ended its own registration by DEV_CFG
                                  (mo-tree.md 4.3, 4.4) */
};

/* Nothing runs yet. -EINVAL (InvalidArguments), -ENOMEM. */
int mef_client_new(const struct mef_client_params *p, struct client **ret, struct mef_error *reterr);

/* Makes the thread, which loads the record and takes up what was left: a create without an answer (same rqi
 * and body), a command to be executed or reported, a de-registration, a timer. A registration without a
 * record (or in state `new`) waits for MEF_PROC_REGISTER. Negative errno. */
int mef_client_start(struct client *c, struct mef_error *reterr);

/* T3: the node changed. Copied. The new values count at the next procedure; nothing is sent because of it. */
int mef_client_set_config(struct client *c, const struct mef_reg_config *config);

/* Queues a procedure as job number `job` (0: nobody wants to hear of it). The observer tells how it goes. An
 * END drops the jobs before it (Cancelled). -EBUSY (InProgress) while an END is under way, -EOVERFLOW
 * (LimitExceeded). */
int mef_client_request(struct client *c, enum mef_procedure proc, uint32_t job, struct mef_error *reterr);

/* What is asked of this registration's worker beside its exchange, once, without back-off. It registers first
 * where it has to. */
enum mef_task_kind {
    MEF_TASK_PROCESS,      /* `node` by `what`, see tree_port.delegate; also settles it */
    MEF_TASK_KEY_RETRIEVE, /* 8.3.5.2.8: the key lies in the token then */
    MEF_TASK_KEY_UPDATE,   /* 8.3.5.2.9: `et`, `labels` */
    MEF_TASK_KEY_DELETE,   /* 8.3.5.2.10: here and there */
    /* Certificate provisioning without a command (EE-02): the MEF's certificate with this CKA_ID, which must
     * be the one in use, is renewed. It ends when the MEF has taken the new one or not; what was begun is
     * tried again with back-off until then, also after a restart. */
    MEF_TASK_CERT_RENEW,
};
struct mef_task {
    enum mef_task_kind kind;
    uint32_t job; /* 0 = none */
    uint8_t cert_id[KEY_ID_LEN];
    char *subject_id,
        *uri; /* CERT_RENEW: certSubjectID; EST base URI, NULL: that of the command which made it */
    struct mo_snapshot *node; /* this, the two before and the next four are the task's own */
    enum mo_node_case what;
    char *key_id;
    char **labels;
    int64_t et;
    /* Once, on the worker. `status`: of PROCESS, 0 = it did not come to one; `err` NULL = all is well. */
    void (*done)(void *ctx, uint32_t status, const struct mef_error *err);
    void *ctx;
    struct mef_task *next; /* private */
    bool cancelled;        /* private, and what follows */
    bool begun, over;      /* CERT_RENEW: the journal has it; `why` is how it ended */
    struct mef_error why;
};
/* Takes the task over when it returns 0. -EBUSY (InProgress) while an END is under way, -EOVERFLOW
 * (LimitExceeded): it is still the caller's, and done() is not called. */
int mef_client_task(struct client *c, struct mef_task *t, struct mef_error *reterr);
void mef_task_free(struct mef_task *t); /* one that was not taken over; NULL is fine */

/* -ENOENT: no such job here (any more). A job that runs ends at its next wait; what was begun and is
 * journalled is taken up again by itself later (a command that was received is still reported). END is not
 * cancelled: -EBUSY. */
int mef_client_cancel(struct client *c, uint32_t job);

/* The token can be used again: an attempt that failed for want of it is made now. Returns at once. */
void mef_client_token_back(struct client *c);

/* Fires the cancel; the worker leaves its waits. Returns at once. Idempotent. */
void mef_client_stop(struct client *c);
/* Waits for the thread, at most until `deadline` (CLOCK_MONOTONIC usec). -ETIMEDOUT: a port call hangs; the
 * client must then never be freed. */
int mef_client_join(struct client *c, uint64_t deadline);
/* After a successful join, or when it was never started. NULL is fine. */
void mef_client_free(struct client *c);
