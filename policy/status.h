/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The enumerations of the command (mef-protocol.md 4.5 to 4.7) and the response status codes (2.3), with
 * names as the standard spells them and words as the bus has them. Pure tables; thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* sec:cmdClassID */
enum cmd_class { CMD_NO_MORE_COMMANDS = 0, CMD_CERT_PROV = 1, CMD_DEV_CFG = 2, CMD_MO_NODE = 3 };

/* sec:cmdStatusCode: symbols with the numbers of the published table. What goes on the wire is
 * cmd_status_number(). */
enum cmd_status {
    CMD_STATUS_ISSUED = 10,
    CMD_STATUS_REISSUED = 11,
    CMD_STATUS_OK = 20,
    CMD_STATUS_REPEATED_CMD_ID = 40,
    CMD_STATUS_CLASS_NOT_SUPPORTED = 41,
    CMD_STATUS_BAD_ARGUMENTS = 42,
    CMD_STATUS_UNACCEPTABLE_ARGUMENTS = 43,
    CMD_STATUS_CERT_PROV_SERVER_ERROR = 100,
    CMD_STATUS_CERT_PROV_CLIENT_ERROR = 101,
    CMD_STATUS_DEV_CFG_SERVER_ERROR = 201,
    CMD_STATUS_DEV_CFG_CLIENT_ERROR = 202,
    CMD_STATUS_MO_NODE_NOT_FOUND = 300,
    CMD_STATUS_MO_NODE_TYPE_CONFLICT = 301,
    CMD_STATUS_MO_NODE_BAD_ARGS = 302,
    CMD_STATUS_MO_NODE_UNACCEPTABLE_ARGS = 303,
    CMD_STATUS_MO_NODE_INCONSISTENT_CONFIG = 304,
    CMD_STATUS_MO_NODE_PROCESSING_FAILED = 305,
};

/* [policy] status-table */
enum status_table { STATUS_TABLE_PUBLISHED, STATUS_TABLE_SEED };
int status_table_from_name(const char *name, enum status_table *ret); /* "published", "seed"; -EINVAL */
const char *status_table_name(enum status_table table);

/* The number that is reported; 0 = no such status. */
uint32_t cmd_status_number(enum cmd_status status, enum status_table table);
/* The status behind a number of that table. -EINVAL. In the seed table 42 is BAD_ARGUMENTS. */
int cmd_status_from_number(uint32_t number, enum status_table table, enum cmd_status *ret);
/* "MEF_CLIENT_CMD_OK" and so on; 305 is "MEF_CLIENT_CMD_MO_NODE_PROCESSING_FAILED". NULL = no such status. */
const char *cmd_status_name(enum cmd_status status);
/* "ok", "repeated-cmd-id", "mo-node-not-found": the bus word. "" = no such status. */
const char *cmd_status_word(enum cmd_status status);
/* Whether a client may report `status` for a command of `class_id` as received (MC-54): 43 not for class 0,
 * class 0 gets only 40 and 42, 100 and 101 for 1, 201 and 202 for 2, 300..305 for 3; a class outside the
 * table gets 40 and 41 only; 10 and 11 never come from a client. */
bool cmd_status_fits(enum cmd_status status, uint32_t class_id);
/* Whether a MEF may send it: 10 and 11. */
bool cmd_status_from_mef(enum cmd_status status);

/* "NO_MORE_COMMANDS"...; NULL outside the table. */
const char *cmd_class_name(uint32_t class_id);
/* Words of interfaces.md 2: "no-more-commands cert-prov dev-cfg mo-node", else "unknown". Never NULL. */
const char *cmd_class_word(uint32_t class_id);

/* sec:certProvProtocolID */
enum cert_prov_protocol { CERT_PROV_EST = 1, CERT_PROV_SCEP = 2 };
const char *cert_prov_protocol_name(uint32_t id); /* "EST", "SCEP", NULL */

/* sec:certSubjectType */
enum cert_subject_type { CERT_SUBJECT_NODE = 1, CERT_SUBJECT_CSE = 2, CERT_SUBJECT_AE = 3 };
const char *cert_subject_type_name(uint32_t type); /* "Node-ID", "CSE-ID", "AE-ID", NULL */

/* sec:devMgmtID */
enum dev_mgmt { DEV_MGMT_OMA_DM_1_3 = 1, DEV_MGMT_OMA_DM_2_0 = 2, DEV_MGMT_LWM2M = 3, DEV_MGMT_TR069 = 4 };
const char *dev_mgmt_name(uint32_t id); /* "OMA DM 1.3", "OMA DM 2.0", "OMA LwM2M", "BBF TR-069", NULL */

/* sec:objectTypeID */
enum object_type {
    OBJECT_AUTHENTICATION_PROFILE = 1,
    OBJECT_TRUST_ANCHOR_CRED = 2,
    OBJECT_MAF_CLIENT_REG_CFG = 3
};
const char *object_type_name(uint32_t id); /* MO type name, NULL */
/* MO type name, also by the misprints MAFClientRefCfg and MAFClientCfgReg; 0 = none. */
uint32_t object_type_from_name(const char *name);

/* Response status codes of mef-protocol.md 2.3. */
enum rsc {
    RSC_OK = 2000,
    RSC_CREATED = 2001,
    RSC_DELETED = 2002,
    RSC_UPDATED = 2004,
    RSC_BAD_REQUEST = 4000,
    RSC_RELEASE_VERSION_NOT_SUPPORTED = 4001,
    RSC_NOT_FOUND = 4004,
    RSC_OPERATION_NOT_ALLOWED = 4005,
    RSC_REQUEST_TIMEOUT = 4008,
    RSC_UNSUPPORTED_MEDIA_TYPE = 4015,
    RSC_CONTENTS_UNACCEPTABLE = 4102,
    RSC_ORIGINATOR_HAS_NO_PRIVILEGE = 4103,
    RSC_CONFLICT = 4105,
    RSC_ORIGINATOR_NOT_AUTHENTICATED = 4106,
    RSC_SECURITY_ASSOCIATION_REQUIRED = 4107,
    RSC_ORIGINATOR_HAS_ALREADY_REGISTERED = 4117,
    RSC_INTERNAL_SERVER_ERROR = 5000,
    RSC_NOT_IMPLEMENTED = 5001,
    RSC_NOT_ACCEPTABLE = 5207,
};
const char *rsc_name(uint32_t rsc);     /* "BAD_REQUEST"...; NULL when not in the table */
unsigned rsc_http_status(uint32_t rsc); /* TS-0009 6.3.2; 0 when not in the table */
/* The code behind an HTTP status that came without X-M2M-RSC. `op`: 1 C, 2 R, 3 U, 4 D. 2xx goes by
 * operation; for 4xx and 5xx the first row of 2.3 with that status; without such a row 4000 or 5000; 0 for
 * anything else. */
uint32_t rsc_from_http(unsigned http_status, unsigned op);
