/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seven specializations of TS-0022 and their attributes as tables (mo-tree.md 1.3-1.8, 2.3, 5.3).
 * Everything is constant; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mo_type {
    MO_REGISTRATION,
    MO_DATA_COLLECTION,
    MO_AUTHENTICATION_PROFILE,
    MO_MY_CERT_FILE_CRED,
    MO_TRUST_ANCHOR_CRED,
    MO_MAF_CLIENT_REG_CFG,
    MO_MEF_CLIENT_REG_CFG,
    MO_TYPE_MAX_
};

/* In the order in which they are listed and exported. */
enum mo_attr {
    MO_DESCRIPTION,
    MO_EXPIRATION_TIME,
    MO_LABELS,
    MO_SUID,
    MO_TLS_CIPHERSUITES,
    MO_SYMM_KEY_ID,
    MO_SYMM_KEY_VALUE, /* write only, never held: the token has it */
    MO_KEY_REG_DURATION,
    MO_KEY_REG_LABELS,
    MO_MY_CERT_FINGERPRINT,
    MO_RAW_PUB_KEY_ID,
    MO_ORIGINATOR_ID,
    MO_POINT_OF_ACCESS,
    MO_CSE_BASE,
    MO_CSE_ID,
    MO_APP_ID,
    MO_EXTERNAL_ID,
    MO_TRIGGER_RECIPIENT_ID,
    MO_CONTAINER_PATH,
    MO_REPORTING_SCHEDULE,
    MO_MEASUREMENT_SCHEDULE,
    MO_MEASUREMENT_INTERVAL,
    MO_SUIDS,
    MO_MY_CERT_FILE_FORMAT,
    MO_MY_CERT_FILE_CONTENT, /* write only: held, never shown */
    MO_CERT_FINGERPRINT,
    MO_URI,
    MO_FQDN,
    MO_ADMIN_FQDN,
    MO_HTTP_PORT,
    MO_COAP_PORT,
    MO_WEBSOCKET_PORT,
    MO_ATTR_MAX_ /* at most 64: sets of attributes are bit masks */
};

#define MO_BIT(attr) (UINT64_C(1) << (attr))

/* What one value is; a list holds several of one kind. */
enum mo_kind {
    MO_KIND_STRING,
    MO_KIND_URI,
    MO_KIND_FQDN,
    MO_KIND_M2M_ID,
    MO_KIND_RESOURCE, /* resource address: no white space */
    MO_KIND_LABEL,    /* no white space */
    MO_KIND_SCHEDULE, /* 7 cron-like fields */
    MO_KIND_SUITE,    /* four hexadecimal digits */
    MO_KIND_FINGERPRINT,
    MO_KIND_KEYID,
    MO_KIND_TIMESTAMP,
    MO_KIND_DURATION,
    MO_KIND_UINT,
    MO_KIND_PORT,
    MO_KIND_SUID,
    MO_KIND_SECRET,
    MO_KIND_MEDIA_TYPE, /* of a certificate file (1.6) */
    MO_KIND_CERT_FILE,  /* PEM or base64 text of the file */
};

/* How values of an attribute travel on the bus and in JSON. */
enum mo_shape {
    MO_SHAPE_TEXT,  /* `s` */
    MO_SHAPE_UINT,  /* `u`; ports `q` on the typed interface */
    MO_SHAPE_TEXTS, /* `as` */
    MO_SHAPE_UINTS, /* `au` */
};

struct mo_attr_info {
    enum mo_attr attr;
    const char *name; /* long name, as in attribute dictionaries, JSON and `Present` */
    const char
        *property; /* on the typed bus interface (interfaces.md 2), e.g. "AdminFQDN", "CSEID"; NULL: none */
    const char *dm_name;    /* leaf in OMA DM and TR-181 where it differs from name, else NULL */
    const char *aliases[6]; /* other spellings accepted on input, NULL-terminated */
    enum mo_kind kind;
    bool list;
    uint32_t min, max;             /* of a number; or octets of a text or of one item */
    uint32_t min_items, max_items; /* of a list */
};

/* An attribute as one type has it. */
struct mo_field {
    enum mo_attr attr;
    int lwm2m; /* resource id in the LwM2M object (2.3) */
    bool mandatory, immutable, write_only;
    bool local_may_omit; /* mandatory, but a person at the machine can supply by other means what it stands
                            for */
};

struct mo_type_info {
    enum mo_type type;
    const char *name;        /* "MEFClientRegCfg": the element of paths and of the bus */
    const char *interface;   /* last element of the typed bus interface, e.g. "AuthenticationProfile" */
    uint32_t definition;     /* mgmtDefinition 1020..1026 */
    uint16_t oid;            /* LwM2M object id 27020..27026 */
    uint32_t object_type_id; /* of MO_NODE (1.1): 1, 2, 3; 0 = not reachable by MO_NODE */
    const struct mo_field *fields;
    size_t n_fields;
    uint32_t children;     /* 1u << type of each allowed mgmtLink target (1.9) */
    uint32_t max_profiles; /* mgmtLinks to an authenticationProfile: 0 or 1 */
};

const struct mo_type_info *mo_type_info(enum mo_type type); /* never NULL for a valid type */
const struct mo_attr_info *mo_attr_info(enum mo_attr attr); /* never NULL for a valid attr */
const struct mo_field *mo_field(enum mo_type type,
                                enum mo_attr attr); /* NULL: the type has no such attribute */
enum mo_shape mo_attr_shape(enum mo_attr attr);

/* -ENOENT; *ret untouched then. `mo_type_parse` knows exact names only; -EOPNOTSUPP for the later
 * specializations 1027-1031 (1.10), which are known but not kept. */
int mo_type_parse(const char *name, enum mo_type *ret);
int mo_type_by_oid(uint32_t oid, enum mo_type *ret);
/* The attribute of `type` with this long name or an alias of it (bus property names are not taken). -ENOENT.
 */
int mo_attr_parse(enum mo_type type, const char *name, enum mo_attr *ret);

enum mo_state {
    MO_CONFIGURED,
    MO_PROCESSING,
    MO_READY,
    MO_FAILED,
    MO_INCONSISTENT,
    MO_EXPIRED,
    MO_DELETING,
    MO_STATE_MAX_
};
const char *mo_state_name(enum mo_state state); /* words of interfaces.md 2 */
