/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The model of registrations and commands, for the files that put it on the bus. Thread: the loop's. */
#pragma once

#include "plugin/engine-private.h"
#include "policy/fingerprint.h"

struct shown_command {
    struct registration *r;
    struct cmd_record rec;
    struct bus_object *object;
    uint32_t job; /* that runs it, 0 = none */
};

struct registration {
    struct engine *e;
    struct registration *next;
    struct mef_reg_config config;
    struct reg_record rec;       /* as the worker told it last */
    char *credential;            /* in use: key identifier, or 64 hex digits of the certificate's SHA-256 */
    struct mef_error last_error; /* word NONE = fine */
    struct client *client;
    bool started, ending;
    bool asked;                      /* somebody has asked for a procedure since the start */
    struct shown_command **commands; /* oldest first, the last LIMIT_COMMANDS_KEPT */
    size_t n_commands;
    struct bus_object *object;
    uint64_t retries; /* attempts put off since the start */
    struct status_count {
        uint32_t csc;
        uint64_t n;
    } * statuses; /* reported since the start, by number */
    size_t n_statuses;
};

/* The certificate with this fingerprint that the token held at the last look, or NULL. Valid for this turn.
 */
const struct der *credential_by_fingerprint(struct engine *e, const struct fingerprint *fp);
#define MAF_PREFIX "maf:" /* of the name of a registration at a MAF, before that of its node */
/* Name of the registration of a [MEFClientRegCfg] or [MAFClientRegCfg], malloc'ed; and its node, NULL = it is
 * gone. */
char *registration_name(const struct mo_node *n);
const struct mo_node *registration_node(struct engine *e, const char *registration);
/* That of the [MAFClientRegCfg] of this name; made when it is asked for the first time (T14). NULL: no such
 * node, it is being ended, or the sentence says why. */
struct registration *registration_at_maf(struct engine *e, const char *node, struct mef_error *reterr);
void node_state_changed(struct engine *e, uint64_t id); /* bus-node.c */
/* The token's certificates changed: trust anchors may have come. */
void registrations_refresh(struct engine *e);
/* registrations.c, for told.c */
void registration_changed(struct registration *r, const char *property);
struct shown_command *registration_command(struct registration *r, uint32_t serial); /* NULL = not shown */
int registration_put_command(struct registration *r, struct cmd_record *rec);        /* takes `rec` over */
void registration_drop(struct registration *r); /* its worker has told its last word */
/* told.c */
struct observer told_observer(struct engine *e);
/* stats.c: what told.c heard, before the model has it. A status counts when the MEF has taken it. */
void registration_count_status(struct registration *r, const struct cmd_record *rec);
void registration_count_retries(struct registration *r, const struct reg_record *rec);
/* bus-credential.c */
/* End of validity of the certificate that goes by this name, microseconds; 0 = no certificate of the token.
 */
int64_t credential_not_after(struct engine *e, const char *credential);
/* Of a key identifier (also with a credential type in front) or 64 hex digits; NULL: it is not in the token.
 */
char *credential_path_by_name(struct engine *e, const char *name);
char *credential_path_by_fingerprint(struct engine *e, const struct fingerprint *fp);
/* bus-node.c */
void nodes_credentials_changed(struct engine *e);
