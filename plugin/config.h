/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration file and its drop-ins (interfaces.md 3). Read once at start and once per reload, into an
 * immutable, counted object: whoever holds a reference keeps what it saw. Thread: any. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "plugin/base/err.h"
#include "plugin/base/event.h"

struct config {
    atomic_int refs;
    /* [client] */
    char *id, *node_id, *cse_id, *sp_id, *cse_public_domain;
    char **ae_ids;
    uint32_t kind; /* enum client_kind of policy/subject-id.h */
    /* [bus] */
    char *bus_address; /* NULL: the system bus */
    char **trusted_uids;
    /* [paths] */
    char *state_dir, *runtime_dir;
    /* [token] */
    char *token_uri, *token_module, *pin_file;
    /* [network]; durations in seconds */
    char **resolve; /* NAME:ADDRESS */
    uint64_t connect_timeout, response_timeout;
    /* [mef] */
    char **command_classes; /* words of Command.Class that are executed */
    uint64_t registration_lifetime, default_retry, backoff_min, backoff_max, key_renew_margin,
        certificate_renew_margin;
    char *rvi, *base_to;
    bool default_ports, renew_after_profile_expiry, bootstrap_delete_protects_dcfg;
    uint64_t devcfg_idle, devcfg_timeout;
    uint32_t devcfg_lwm2m;
    /* [scep] */
    char *challenge_file;
    bool allow_rsa, allow_http;
    /* [policy] */
    uint32_t status_table, trust_anchor_rule, suite_rule;
    /* [log] */
    uint32_t log_level; /* syslog level */
    uint32_t log_target;
    /* [vocabulary], [dm-client NAME]: "key=value", "NAME.key=value" */
    char **vocabulary, **dm_clients;
};

enum log_target { LOG_TARGET_AUTO, LOG_TARGET_JOURNAL, LOG_TARGET_CONSOLE };

/* What the command line said; NULL = nothing. It beats the file. */
struct config_override {
    const char *bus_address, *state_dir, *runtime_dir, *log_target;
    char *const *options; /* SECTION.KEY=VALUE, NULL-terminated; an unknown key is a warning */
};

/* Reads `path` (NULL: /etc/mefclient/mefclient.conf, which may be absent) and then `path`.d/ *.conf in name
 * order, key by key. Unknown keys become an EVENT_CONFIG_WARNING that says FILE:LINE: key.
 * -EINVAL with a sentence `FILE:LINE: ...` for a bad value: nothing of the configuration is to be used.
 * -ENOENT when a path was given and is not there. */
int config_load(const char *path, const struct config_override *over, const struct event_sink *warn,
                struct config **ret, struct mef_error *reterr);
struct config *config_ref(struct config *c);
void config_unref(struct config *c); /* NULL is fine */
DEFINE_CLEANUP(struct config *, config_unref)

/* Every key with the value that is in force, in file form (mef-agent --cat-config). malloc'ed. */
char *config_print(const struct config *c);

/* [mef] command-classes as a set: 1 << cmdClassID. */
uint32_t config_command_classes(const struct config *c);

/* The uids of [bus] trusted-uids. */
int config_trusted_uids(const struct config *c, uid_t *uids, size_t room, size_t *ret_n);
