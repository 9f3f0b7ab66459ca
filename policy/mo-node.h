/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MO_NODE (8.3.9.9): what is asked of a node before anything is done with it (mo-tree.md 3.5 and 3.6), as
 * tables over a plain copy of the node. Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/err.h"
#include "plugin/base/limits.h"
#include "policy/status.h"
#include "policy/suites.h"

/* mgmtDefinition of TS-0022, what a node is (mo-tree.md 1.1). */
enum mgmt_definition {
    MGMT_REGISTRATION = 1020,
    MGMT_DATA_COLLECTION = 1021,
    MGMT_AUTHENTICATION_PROFILE = 1022,
    MGMT_MY_CERT_FILE_CRED = 1023,
    MGMT_TRUST_ANCHOR_CRED = 1024,
    MGMT_MAF_CLIENT_REG_CFG = 1025,
    MGMT_MEF_CLIENT_REG_CFG = 1026,
};

/* A node with the values that it held when the copy was made (EE-07), and one level of its relatives: who
 * links to it, whom it links to. The relatives have none of their own. Texts and lists are malloc'ed, NULL =
 * the attribute is absent. Never a secret: of symmKeyValue only whether it is set. */
struct mo_snapshot {
    uint64_t id; /* of the tree, never used again */
    enum mgmt_definition definition;
    char *name, *path; /* node name; canonical objectPath */
    int64_t expires;   /* expirationTime, microseconds; 0 = absent */
    char **labels;
    /* authenticationProfile */
    uint32_t suid; /* 0 = absent */
    char **suites; /* TLSCiphersuites */
    char *symm_key_id, *key_reg_duration, *my_cert_fingerprint, *raw_pub_key_id;
    char **key_reg_labels;
    bool symm_key_value;
    /* trustAnchorCred */
    char *cert_fingerprint, *uri;
    /* MAFClientRegCfg, MEFClientRegCfg */
    char *fqdn, *admin_fqdn;
    uint16_t http_port, coap_port, websocket_port; /* 0 = absent */
    /* registration, dataCollection */
    char *cse_id, *container_path;
    char **points_of_access;

    struct mo_snapshot *parents, *children; /* arrays; in the order of the tree */
    size_t n_parents, n_children;
};
void mo_snapshot_clear(struct mo_snapshot *s);
void mo_snapshot_free(struct mo_snapshot *s); /* NULL is fine */
DEFINE_CLEANUP(struct mo_snapshot *, mo_snapshot_free)
int mo_snapshot_copy(const struct mo_snapshot *from, struct mo_snapshot *to); /* -ENOMEM */

/* The unique node that links here, or NULL: none, or several (3.6). */
const struct mo_snapshot *mo_snapshot_parent(const struct mo_snapshot *s);
/* The first child of that kind, or NULL. */
const struct mo_snapshot *mo_snapshot_child(const struct mo_snapshot *s, enum mgmt_definition definition);

/* [policy] trust-anchor-rule (E-01), in the order of the configuration's words. */
enum trust_anchor_rule { TRUST_ANCHOR_REQUIRED, TRUST_ANCHOR_OPTIONAL, TRUST_ANCHOR_LITERAL };
int trust_anchor_rule_from_name(const char *name, enum trust_anchor_rule *ret); /* -EINVAL */

struct mo_node_switches {
    enum trust_anchor_rule trust_anchor;
    enum suite_rule suites;
};

/* objectTypeSpecificArgs as far as it was read. */
enum mo_node_specific {
    MO_NODE_SPECIFIC_ABSENT,
    MO_NODE_SPECIFIC_BAD,  /* there, but without a SUID that there is */
    MO_NODE_SPECIFIC_SUID, /* holds `suid` */
};

/* MONodeCmdArgs. */
struct mo_node_args {
    const char *object_path;
    uint32_t object_type; /* objectTypeID */
    enum mo_node_specific specific;
    uint32_t suid;
};

/* What is to be done with a node that passed (G7 to G9, 3.7). */
enum mo_node_case {
    MO_NODE_CASE_NONE, /* no rule knows it: processing has failed */
    MO_NODE_CASE_A,    /* 11 12 13: a key that is here */
    MO_NODE_CASE_B,    /* 21 22 23: a key from the MEF */
    MO_NODE_CASE_C,    /* 31 32 33: a key from the MAF */
    MO_NODE_CASE_D,    /* 41 42 43: a certificate that is here */
    MO_NODE_CASE_ANCHOR,
    MO_NODE_CASE_MAF,
};

/* G1 to G6 and C1 to C12 in their order; `n` NULL: objectPath addresses no node. 0 with *ret_case, or the
 * status of the first row that does not hold (BAD_ARGUMENTS, MO_NODE_NOT_FOUND ... _INCONSISTENT_CONFIG) with
 * a sentence that begins with the name of the row. A SUID without a procedure is PROCESSING_FAILED. */
int mo_node_judge(const struct mo_node_args *args, const struct mo_snapshot *n,
                  const struct mo_node_switches *switches, enum mo_node_case *ret_case,
                  struct mef_error *reterr);

/* The one targetID of a key for this profile (3.7): CSE-ID of the parent [registration], CSE-ID part of
 * containerPath of the parent [dataCollection] (made absolute with sp_id where there is one), fqdn of the
 * parent [MAFClientRegCfg]. -EINVAL with a sentence: it cannot be derived. */
int mo_node_target(const struct mo_snapshot *profile, const char *sp_id, char ret[LIMIT_M2M_ID + 1],
                   struct mef_error *reterr);

/* Transports in use around a profile for suite-rule=transport: ports of its [MAF/MEFClientRegCfg] relatives,
 * schemes of pointOfAccess; or-ed suite_transport. */
unsigned mo_node_transports(const struct mo_snapshot *profile);
