/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of the command's enumerations (mef-protocol.md 4.5 to 4.7, 5.2) and of the response status codes
 * (2.3). Pure; thread: any. */
#include "policy/status.h"

#include <errno.h>
#include <stddef.h>

#include "plugin/base/cleanup.h"
#include "plugin/base/str.h"

#define PREFIX "MEF_CLIENT_CMD_"

/* Bits of the classes that may get a status; ANY_CLASS is for a class that is not in the table. */
#define CLASS(c)  (1u << (c))
#define ANY_CLASS (1u << 4)
#define FIRST3    (CLASS(CMD_CERT_PROV) | CLASS(CMD_DEV_CFG) | CLASS(CMD_MO_NODE))

static const struct status_row {
    enum cmd_status status; /* = the number of the published table */
    uint32_t seed;          /* number of the seed's table */
    const char *name, *word;
    unsigned classes;
    bool from_mef;
} statuses[] = {
    {CMD_STATUS_ISSUED, 10, PREFIX "ISSUED", "issued", 0, true},
    {CMD_STATUS_REISSUED, 11, PREFIX "REISSUED", "reissued", 0, true},
    {CMD_STATUS_OK, 20, PREFIX "OK", "ok", FIRST3},
    {CMD_STATUS_REPEATED_CMD_ID, 40, PREFIX "REPEATED_CMD_ID", "repeated-cmd-id",
     CLASS(CMD_NO_MORE_COMMANDS) | FIRST3 | ANY_CLASS},
    {CMD_STATUS_CLASS_NOT_SUPPORTED, 41, PREFIX "CLASS_NOT_SUPPORTED", "class-not-supported",
     FIRST3 | ANY_CLASS},
    {CMD_STATUS_BAD_ARGUMENTS, 42, PREFIX "BAD_ARGUMENTS", "bad-arguments",
     CLASS(CMD_NO_MORE_COMMANDS) | FIRST3},
    {CMD_STATUS_UNACCEPTABLE_ARGUMENTS, 43, PREFIX "UNACCEPTABLE_ARGUMENTS", "unacceptable-arguments",
     FIRST3},
    {CMD_STATUS_CERT_PROV_SERVER_ERROR, 100, PREFIX "CERT_PROV_SERVER_ERROR", "cert-prov-server-error",
     CLASS(CMD_CERT_PROV)},
    {CMD_STATUS_CERT_PROV_CLIENT_ERROR, 101, PREFIX "CERT_PROV_CLIENT_ERROR", "cert-prov-client-error",
     CLASS(CMD_CERT_PROV)},
    {CMD_STATUS_DEV_CFG_SERVER_ERROR, 201, PREFIX "DEV_CFG_SERVER_ERROR", "dev-cfg-server-error",
     CLASS(CMD_DEV_CFG)},
    {CMD_STATUS_DEV_CFG_CLIENT_ERROR, 202, PREFIX "DEV_CFG_CLIENT_ERROR", "dev-cfg-client-error",
     CLASS(CMD_DEV_CFG)},
    {CMD_STATUS_MO_NODE_NOT_FOUND, 300, PREFIX "MO_NODE_NOT_FOUND", "mo-node-not-found", CLASS(CMD_MO_NODE)},
    {CMD_STATUS_MO_NODE_TYPE_CONFLICT, 301, PREFIX "MO_NODE_TYPE_CONFLICT", "mo-node-type-conflict",
     CLASS(CMD_MO_NODE)},
    /* The seed has no number of its own for it: the generic 42. */
    {CMD_STATUS_MO_NODE_BAD_ARGS, 42, PREFIX "MO_NODE_BAD_ARGS", "mo-node-bad-args", CLASS(CMD_MO_NODE)},
    {CMD_STATUS_MO_NODE_UNACCEPTABLE_ARGS, 302, PREFIX "MO_NODE_UNACCEPTABLE_ARGS",
     "mo-node-unacceptable-args", CLASS(CMD_MO_NODE)},
    {CMD_STATUS_MO_NODE_INCONSISTENT_CONFIG, 304, PREFIX "MO_NODE_INCONSISTENT_CONFIG",
     "mo-node-inconsistent-config", CLASS(CMD_MO_NODE)},
    {CMD_STATUS_MO_NODE_PROCESSING_FAILED, 303, PREFIX "MO_NODE_PROCESSING_FAILED",
     "mo-node-processing-failed", CLASS(CMD_MO_NODE)},
};

static const struct status_row *find_status(enum cmd_status status)
{
    for (size_t i = 0; i < ELEMENTS(statuses); i++)
        if (statuses[i].status == status)
            return &statuses[i];
    return NULL;
}

static const char *const table_names[] = {
    [STATUS_TABLE_PUBLISHED] = "published",
    [STATUS_TABLE_SEED] = "seed",
};

int status_table_from_name(const char *name, enum status_table *ret)
{
    for (size_t i = 0; name && i < ELEMENTS(table_names); i++)
        if (streq(table_names[i], name)) {
            *ret = (enum status_table)i;
            return 0;
        }
    return -EINVAL;
}

const char *status_table_name(enum status_table table)
{
    return (size_t)table < ELEMENTS(table_names) ? table_names[table] : NULL;
}

uint32_t cmd_status_number(enum cmd_status status, enum status_table table)
{
    const struct status_row *r = find_status(status);
    if (!r)
        return 0;
    return table == STATUS_TABLE_SEED ? r->seed : (uint32_t)r->status;
}

int cmd_status_from_number(uint32_t number, enum status_table table, enum cmd_status *ret)
{
    for (size_t i = 0; i < ELEMENTS(statuses); i++) /* in order: 42 finds BAD_ARGUMENTS in both tables */
        if (number == (table == STATUS_TABLE_SEED ? statuses[i].seed : (uint32_t)statuses[i].status)) {
            *ret = statuses[i].status;
            return 0;
        }
    return -EINVAL;
}

const char *cmd_status_name(enum cmd_status status)
{
    const struct status_row *r = find_status(status);
    return r ? r->name : NULL;
}

const char *cmd_status_word(enum cmd_status status)
{
    const struct status_row *r = find_status(status);
    return r ? r->word : "";
}

bool cmd_status_fits(enum cmd_status status, uint32_t class_id)
{
    const struct status_row *r = find_status(status);
    return r && (r->classes & (class_id <= CMD_MO_NODE ? CLASS(class_id) : ANY_CLASS));
}

bool cmd_status_from_mef(enum cmd_status status)
{
    const struct status_row *r = find_status(status);
    return r && r->from_mef;
}

/* ---- small enumerations ------------------------------------------------------------------------------ */

#define LOOKUP(table, i) ((i) < ELEMENTS(table) ? (table)[i] : NULL)

const char *cmd_class_name(uint32_t class_id)
{
    static const char *const names[] = {"NO_MORE_COMMANDS", "CERT_PROV", "DEV_CFG", "MO_NODE"};
    return LOOKUP(names, class_id);
}

const char *cmd_class_word(uint32_t class_id)
{
    static const char *const words[] = {"no-more-commands", "cert-prov", "dev-cfg", "mo-node"};
    const char *word = LOOKUP(words, class_id);
    return word ? word : "unknown";
}

const char *cert_prov_protocol_name(uint32_t id)
{
    static const char *const names[] = {NULL, "EST", "SCEP"};
    return LOOKUP(names, id);
}

const char *cert_subject_type_name(uint32_t type)
{
    static const char *const names[] = {NULL, "Node-ID", "CSE-ID", "AE-ID"};
    return LOOKUP(names, type);
}

const char *dev_mgmt_name(uint32_t id)
{
    static const char *const names[] = {NULL, "OMA DM 1.3", "OMA DM 2.0", "OMA LwM2M", "BBF TR-069"};
    return LOOKUP(names, id);
}

const char *object_type_name(uint32_t id)
{
    static const char *const names[] = {NULL, "authenticationProfile", "trustAnchorCred", "MAFClientRegCfg"};
    return LOOKUP(names, id);
}

uint32_t object_type_from_name(const char *name)
{
    for (uint32_t i = OBJECT_AUTHENTICATION_PROFILE; name && i <= OBJECT_MAF_CLIENT_REG_CFG; i++)
        if (streq(object_type_name(i), name))
            return i;
    if (name && (streq(name, "MAFClientRefCfg") || streq(name, "MAFClientCfgReg")))
        return OBJECT_MAF_CLIENT_REG_CFG;
    return 0;
}

/* ---- response status codes --------------------------------------------------------------------------- */

static const struct {
    uint32_t rsc;
    unsigned http;
    const char *name;
} rscs[] = {
    {RSC_OK, 200, "OK"},
    {RSC_CREATED, 201, "CREATED"},
    {RSC_DELETED, 200, "DELETED"},
    {RSC_UPDATED, 200, "UPDATED"},
    {RSC_BAD_REQUEST, 400, "BAD_REQUEST"},
    {RSC_RELEASE_VERSION_NOT_SUPPORTED, 501, "RELEASE_VERSION_NOT_SUPPORTED"},
    {RSC_NOT_FOUND, 404, "NOT_FOUND"},
    {RSC_OPERATION_NOT_ALLOWED, 405, "OPERATION_NOT_ALLOWED"},
    {RSC_REQUEST_TIMEOUT, 504, "REQUEST_TIMEOUT"},
    {RSC_UNSUPPORTED_MEDIA_TYPE, 415, "UNSUPPORTED_MEDIA_TYPE"},
    {RSC_CONTENTS_UNACCEPTABLE, 400, "CONTENTS_UNACCEPTABLE"},
    {RSC_ORIGINATOR_HAS_NO_PRIVILEGE, 403, "ORIGINATOR_HAS_NO_PRIVILEGE"},
    {RSC_CONFLICT, 409, "CONFLICT"},
    {RSC_ORIGINATOR_NOT_AUTHENTICATED, 403, "ORIGINATOR_NOT_AUTHENTICATED"},
    {RSC_SECURITY_ASSOCIATION_REQUIRED, 403, "SECURITY_ASSOCIATION_REQUIRED"},
    {RSC_ORIGINATOR_HAS_ALREADY_REGISTERED, 403, "ORIGINATOR_HAS_ALREADY_REGISTERED"},
    {RSC_INTERNAL_SERVER_ERROR, 500, "INTERNAL_SERVER_ERROR"},
    {RSC_NOT_IMPLEMENTED, 501, "NOT_IMPLEMENTED"},
    {RSC_NOT_ACCEPTABLE, 406, "NOT_ACCEPTABLE"},
};

const char *rsc_name(uint32_t rsc)
{
    for (size_t i = 0; i < ELEMENTS(rscs); i++)
        if (rscs[i].rsc == rsc)
            return rscs[i].name;
    return NULL;
}

unsigned rsc_http_status(uint32_t rsc)
{
    for (size_t i = 0; i < ELEMENTS(rscs); i++)
        if (rscs[i].rsc == rsc)
            return rscs[i].http;
    return 0;
}

uint32_t rsc_from_http(unsigned http_status, unsigned op)
{
    static const uint32_t by_op[] = {0, RSC_CREATED, RSC_OK, RSC_UPDATED, RSC_DELETED};

    if (http_status >= 200 && http_status < 300)
        return op < ELEMENTS(by_op) ? by_op[op] : 0;
    if (http_status < 400 || http_status > 599)
        return 0;
    for (size_t i = 0; i < ELEMENTS(rscs); i++)
        if (rscs[i].http == http_status)
            return rscs[i].rsc;
    return http_status < 500 ? RSC_BAD_REQUEST : RSC_INTERNAL_SERVER_ERROR;
}
