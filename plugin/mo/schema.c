/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The specializations and attributes of TS-0022 as tables: mo-tree.md 1.3-1.9 (what there is), 2.3 (numbers),
 * 5.3 (limits). When better sources for a cardinality turn up (mo-tree.md 8), these rows are the one place
 * to edit. Constant data; thread: any. */
#include "plugin/mo/schema.h"

#include <errno.h>

#include "plugin/base/cleanup.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

#define NUMBER(lo, hi) .min = (lo), .max = (hi)
#define OCTETS(lo, hi) .min = (lo), .max = (hi)
#define LIST(lo, hi)   .list = true, .min_items = (lo), .max_items = (hi)

static const struct mo_attr_info attrs[MO_ATTR_MAX_] = {
    [MO_DESCRIPTION] = {MO_DESCRIPTION, "description", .property = "Description", .aliases = {"dc"},
                        .kind = MO_KIND_STRING, OCTETS(0, 1024)},
    [MO_EXPIRATION_TIME] = {MO_EXPIRATION_TIME, "expirationTime", .property = "ExpirationTime",
                            .aliases = {"et"}, .kind = MO_KIND_TIMESTAMP, OCTETS(1, 32)},
    [MO_LABELS] = {MO_LABELS, "labels", .property = "Labels", .aliases = {"lbl"}, .kind = MO_KIND_LABEL,
                   LIST(0, 32), OCTETS(1, 128)},
    [MO_SUID] = {MO_SUID, "SUID", .property = "SUID", .kind = MO_KIND_SUID, NUMBER(10, 45)},
    [MO_TLS_CIPHERSUITES] = {MO_TLS_CIPHERSUITES, "TLSCiphersuites", .property = "TLSCiphersuites",
                             .kind = MO_KIND_SUITE, LIST(1, LIMIT_LIST), OCTETS(4, 4)},
    [MO_SYMM_KEY_ID] = {MO_SYMM_KEY_ID, "symmKeyID", .property = "SymmKeyID", .aliases = {"SymmetricKeyID"},
                        .kind = MO_KIND_KEYID, OCTETS(1, 512)},
    [MO_SYMM_KEY_VALUE] = {MO_SYMM_KEY_VALUE, "symmKeyValue", .aliases = {"SymmetricKeyValue"},
                           .kind = MO_KIND_SECRET},
    [MO_KEY_REG_DURATION] = {MO_KEY_REG_DURATION, "keyRegDuration", .property = "KeyRegDuration",
                             .dm_name = "MAFKeyRegDuration", .aliases = {"MAFKeyRegDuration"},
                             .kind = MO_KIND_DURATION, OCTETS(1, 64)},
    [MO_KEY_REG_LABELS] = {MO_KEY_REG_LABELS, "keyRegLabels", .property = "KeyRegLabels",
                           .dm_name = "MAFKeyRegLabels", .aliases = {"MAFKeyRegLabels"},
                           .kind = MO_KIND_LABEL, LIST(0, 32), OCTETS(1, 128)},
    [MO_MY_CERT_FINGERPRINT] = {MO_MY_CERT_FINGERPRINT, "myCertFingerprint", .property = "MyCertFingerprint",
                                .dm_name = "mycertFingerprint", .aliases = {"mycertFingerprint"},
                                .kind = MO_KIND_FINGERPRINT, OCTETS(1, 128)},
    [MO_RAW_PUB_KEY_ID] = {MO_RAW_PUB_KEY_ID, "rawPubKeyID", .property = "RawPubKeyID",
                           .aliases = {"RawPubKeyID"}, .kind = MO_KIND_FINGERPRINT, OCTETS(1, 128)},
    [MO_ORIGINATOR_ID] = {MO_ORIGINATOR_ID, "originatorID", .property = "OriginatorID",
                          .kind = MO_KIND_M2M_ID, OCTETS(1, LIMIT_M2M_ID)},
    [MO_POINT_OF_ACCESS] = {MO_POINT_OF_ACCESS, "pointOfAccess", .property = "PointOfAccess",
                            .aliases = {"poa", "poA", "PoA", "PointOfAccess"}, .kind = MO_KIND_URI,
                            LIST(1, 8), OCTETS(1, LIMIT_URI)},
    [MO_CSE_BASE] = {MO_CSE_BASE, "CSEBase", .property = "CSEBase", .aliases = {"resourcePath"},
                     .kind = MO_KIND_RESOURCE, OCTETS(1, 1024)},
    [MO_CSE_ID] = {MO_CSE_ID, "CSE-ID", .property = "CSEID", .aliases = {"CSEID"}, .kind = MO_KIND_M2M_ID,
                   OCTETS(1, LIMIT_M2M_ID)},
    [MO_APP_ID] = {MO_APP_ID, "appID", .property = "AppID", .aliases = {"ApplicationID"},
                   .kind = MO_KIND_LABEL, OCTETS(1, 128)},
    [MO_EXTERNAL_ID] = {MO_EXTERNAL_ID, "externalID", .property = "ExternalID", .aliases = {"ExternalID"},
                        .kind = MO_KIND_LABEL, OCTETS(1, 255)},
    [MO_TRIGGER_RECIPIENT_ID] = {MO_TRIGGER_RECIPIENT_ID, "Trigger-Recipient-ID",
                                 .property = "TriggerRecipientID",
                                 .aliases = {"triggerRecipientID", "TriggerRecipientID"},
                                 .kind = MO_KIND_UINT, NUMBER(0, 65535)},
    [MO_CONTAINER_PATH] = {MO_CONTAINER_PATH, "containerPath", .property = "ContainerPath",
                           .aliases = {"cntp"}, .kind = MO_KIND_RESOURCE, OCTETS(1, 1024)},
    [MO_REPORTING_SCHEDULE] = {MO_REPORTING_SCHEDULE, "reportingSchedule", .property = "ReportingSchedule",
                               .aliases = {"rpsc"}, .kind = MO_KIND_SCHEDULE, LIST(1, 32), OCTETS(1, 256)},
    [MO_MEASUREMENT_SCHEDULE] = {MO_MEASUREMENT_SCHEDULE, "measurementSchedule",
                                 .property = "MeasurementSchedule", .aliases = {"mesc"},
                                 .kind = MO_KIND_SCHEDULE, LIST(1, 32), OCTETS(1, 256)},
    [MO_MEASUREMENT_INTERVAL] = {MO_MEASUREMENT_INTERVAL, "measurementInterval",
                                 .property = "MeasurementInterval", .aliases = {"meil"}, .kind = MO_KIND_UINT,
                                 NUMBER(1, INT32_MAX)},
    [MO_SUIDS] = {MO_SUIDS, "SUIDs", .property = "SUIDs", .aliases = {"suids"}, .kind = MO_KIND_SUID,
                  LIST(1, LIMIT_LIST), NUMBER(10, 45)},
    [MO_MY_CERT_FILE_FORMAT] = {MO_MY_CERT_FILE_FORMAT, "myCertFileFormat", .property = "MyCertFileFormat",
                                .aliases = {"mcff"}, .kind = MO_KIND_MEDIA_TYPE, OCTETS(1, 128)},
    [MO_MY_CERT_FILE_CONTENT] = {MO_MY_CERT_FILE_CONTENT, "myCertFileContent", .aliases = {"mcfc"},
                                 .kind = MO_KIND_CERT_FILE, OCTETS(1, 128 * 1024)},
    [MO_CERT_FINGERPRINT] = {MO_CERT_FINGERPRINT, "certFingerprint", .property = "CertFingerprint",
                             .kind = MO_KIND_FINGERPRINT, OCTETS(1, 128)},
    [MO_URI] = {MO_URI, "URI", .property = "URI", .kind = MO_KIND_URI, OCTETS(1, LIMIT_URI)},
    [MO_FQDN] = {MO_FQDN, "fqdn", .property = "Fqdn", .kind = MO_KIND_FQDN, OCTETS(1, LIMIT_URI)},
    [MO_ADMIN_FQDN] = {MO_ADMIN_FQDN, "adminFQDN", .property = "AdminFQDN", .kind = MO_KIND_FQDN,
                       OCTETS(1, LIMIT_URI)},
    [MO_HTTP_PORT] = {MO_HTTP_PORT, "httpPort", .property = "HttpPort", .kind = MO_KIND_PORT,
                      NUMBER(1, 65535)},
    [MO_COAP_PORT] = {MO_COAP_PORT, "coapPort", .property = "CoapPort", .kind = MO_KIND_PORT,
                      NUMBER(1, 65535)},
    [MO_WEBSOCKET_PORT] = {MO_WEBSOCKET_PORT, "websocketPort", .property = "WebsocketPort",
                           .kind = MO_KIND_PORT, NUMBER(1, 65535)},
};

/* Ids 9 to 15 are common to all LwM2M objects (2.3). */
#define COMMON                                                                                               \
    {MO_DESCRIPTION, 13}, {MO_EXPIRATION_TIME, 11},                                                          \
    {                                                                                                        \
        MO_LABELS, 12                                                                                        \
    }

static const struct mo_field registration[] = {
    COMMON,         {MO_ORIGINATOR_ID, 0}, {MO_POINT_OF_ACCESS, 1}, {MO_CSE_BASE, 2},
    {MO_CSE_ID, 3}, {MO_APP_ID, 4},        {MO_EXTERNAL_ID, 5},     {MO_TRIGGER_RECIPIENT_ID, 6},
};
static const struct mo_field data_collection[] = {
    COMMON,
    {MO_CONTAINER_PATH, 0, .mandatory = true},
    {MO_REPORTING_SCHEDULE, 1},
    {MO_MEASUREMENT_SCHEDULE, 2},
    {MO_MEASUREMENT_INTERVAL, 3},
};
static const struct mo_field profile[] = {
    COMMON,
    {MO_SUID, 0, .mandatory = true, .immutable = true},
    {MO_TLS_CIPHERSUITES, 1},
    {MO_SYMM_KEY_ID, 2},
    {MO_SYMM_KEY_VALUE, 3, .write_only = true},
    {MO_KEY_REG_DURATION, 5},
    {MO_KEY_REG_LABELS, 4},
    {MO_MY_CERT_FINGERPRINT, 6},
    {MO_RAW_PUB_KEY_ID, 7},
};
static const struct mo_field cert_file[] = {
    COMMON,
    {MO_SUIDS, 0, .mandatory = true},
    {MO_MY_CERT_FILE_FORMAT, 1, .mandatory = true, .immutable = true},
    {MO_MY_CERT_FILE_CONTENT, 2, .mandatory = true, .immutable = true, .write_only = true},
};
static const struct mo_field anchor[] = {
    COMMON,
    {MO_CERT_FINGERPRINT, 0, .mandatory = true},
    /* AddTrustAnchor brings the certificate itself; then there is nothing to fetch (3.8). */
    {MO_URI, 1, .mandatory = true, .local_may_omit = true},
};
static const struct mo_field reg_cfg[] = {
    COMMON,
    {MO_FQDN, 0, .mandatory = true, .immutable = true},
    {MO_ADMIN_FQDN, 1, .mandatory = true, .immutable = true},
    {MO_HTTP_PORT, 2},
    {MO_COAP_PORT, 3},
    {MO_WEBSOCKET_PORT, 4},
};

#define TO(type)  (1u << (type))
#define FIELDS(a) .fields = (a), .n_fields = ELEMENTS(a)

static const struct mo_type_info types[MO_TYPE_MAX_] = {
    [MO_REGISTRATION] = {MO_REGISTRATION, "registration", .interface = "RegistrationCfg", .definition = 1020,
                         .oid = 27020, FIELDS(registration), .children = TO(MO_AUTHENTICATION_PROFILE),
                         .max_profiles = 1},
    [MO_DATA_COLLECTION] = {MO_DATA_COLLECTION, "dataCollection", .interface = "DataCollection",
                            .definition = 1021, .oid = 27021, FIELDS(data_collection),
                            .children = TO(MO_AUTHENTICATION_PROFILE), .max_profiles = 1},
    [MO_AUTHENTICATION_PROFILE] = {MO_AUTHENTICATION_PROFILE, "authenticationProfile",
                                   .interface = "AuthenticationProfile", .definition = 1022, .oid = 27022,
                                   .object_type_id = 1, FIELDS(profile),
                                   .children = TO(MO_TRUST_ANCHOR_CRED) | TO(MO_MAF_CLIENT_REG_CFG) |
                                               TO(MO_MEF_CLIENT_REG_CFG)},
    [MO_MY_CERT_FILE_CRED] = {MO_MY_CERT_FILE_CRED, "myCertFileCred", .interface = "MyCertFileCred",
                              .definition = 1023, .oid = 27023, FIELDS(cert_file)},
    [MO_TRUST_ANCHOR_CRED] = {MO_TRUST_ANCHOR_CRED, "trustAnchorCred", .interface = "TrustAnchorCred",
                              .definition = 1024, .oid = 27024, .object_type_id = 2, FIELDS(anchor)},
    [MO_MAF_CLIENT_REG_CFG] = {MO_MAF_CLIENT_REG_CFG, "MAFClientRegCfg", .interface = "MAFClientRegCfg",
                               .definition = 1025, .oid = 27025, .object_type_id = 3, FIELDS(reg_cfg),
                               .children = TO(MO_AUTHENTICATION_PROFILE), .max_profiles = 1},
    [MO_MEF_CLIENT_REG_CFG] = {MO_MEF_CLIENT_REG_CFG, "MEFClientRegCfg", .interface = "MEFClientRegCfg",
                               .definition = 1026, .oid = 27026, FIELDS(reg_cfg),
                               .children = TO(MO_AUTHENTICATION_PROFILE), .max_profiles = 1},
};

/* Known, never kept (1.1, 1.10); both spellings of 1028. */
static const char *const later[] = {"OAuth2Authentication", "wifiClient", "wificlient", "credentials", "SIM",
                                    "mobileNetwork",        "storage"};

const struct mo_type_info *mo_type_info(enum mo_type type)
{
    return &types[type];
}

const struct mo_attr_info *mo_attr_info(enum mo_attr attr)
{
    return &attrs[attr];
}

const struct mo_field *mo_field(enum mo_type type, enum mo_attr attr)
{
    for (size_t i = 0; i < types[type].n_fields; i++)
        if (types[type].fields[i].attr == attr)
            return &types[type].fields[i];
    return NULL;
}

enum mo_shape mo_attr_shape(enum mo_attr attr)
{
    bool list = attrs[attr].list;

    switch (attrs[attr].kind) {
    case MO_KIND_UINT:
    case MO_KIND_PORT:
    case MO_KIND_SUID:
        return list ? MO_SHAPE_UINTS : MO_SHAPE_UINT;
    default:
        return list ? MO_SHAPE_TEXTS : MO_SHAPE_TEXT;
    }
}

int mo_type_parse(const char *name, enum mo_type *ret)
{
    for (size_t i = 0; i < MO_TYPE_MAX_; i++)
        if (streq(types[i].name, name)) {
            *ret = (enum mo_type)i;
            return 0;
        }
    for (size_t i = 0; i < ELEMENTS(later); i++)
        if (streq(later[i], name))
            return -EOPNOTSUPP;
    return -ENOENT;
}

int mo_type_by_oid(uint32_t oid, enum mo_type *ret)
{
    for (size_t i = 0; i < MO_TYPE_MAX_; i++)
        if (types[i].oid == oid) {
            *ret = (enum mo_type)i;
            return 0;
        }
    return -ENOENT;
}

static bool attr_named(const struct mo_attr_info *info, const char *name)
{
    if (streq(info->name, name))
        return true;
    for (size_t i = 0; i < ELEMENTS(info->aliases) && info->aliases[i]; i++)
        if (streq(info->aliases[i], name))
            return true;
    return false;
}

int mo_attr_parse(enum mo_type type, const char *name, enum mo_attr *ret)
{
    for (size_t i = 0; i < types[type].n_fields; i++) {
        enum mo_attr attr = types[type].fields[i].attr;
        if (attr_named(&attrs[attr], name)) {
            *ret = attr;
            return 0;
        }
    }
    return -ENOENT;
}

const char *mo_state_name(enum mo_state state)
{
    static const char *const names[MO_STATE_MAX_] = {"configured",   "processing", "ready",   "failed",
                                                     "inconsistent", "expired",    "deleting"};

    return (unsigned)state < MO_STATE_MAX_ ? names[state] : "failed";
}
