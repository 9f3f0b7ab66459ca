/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identifiers of oneM2M entities (mef-protocol.md 4.2), the check of certSubjectID (MC-19), and what goes
 * into the SubjectAltName for it (3.6.1). Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "plugin/base/err.h"
#include "plugin/base/limits.h"
#include "policy/status.h"

enum client_kind { CLIENT_NODE, CLIENT_CSE, CLIENT_AE };
int client_kind_from_name(const char *name, enum client_kind *ret); /* "node", "cse", "ae"; -EINVAL */
const char *client_kind_name(enum client_kind kind);

/* Who we are: the [client] section. All strings are borrowed; NULL and "" mean not configured. */
struct identity {
    enum client_kind kind;
    const char *id;      /* our MEF Client ID (`fr`), absolute form */
    const char *node_id; /* M2M-Node-ID */
    const char *cse_id;  /* CSE-ID, any form */
    char *const *ae_ids; /* AE-IDs, any form; NULL = none */
    const char
        *sp_id; /* M2M-SP-ID, with or without "//"; else taken from id or cse_id if these are absolute */
    const char *cse_public_domain;
    bool in_cse; /* the CSE is an IN-CSE: without cse_public_domain its domain is {cse}.{sp} */
};

/* Forms that an ID can have; CSE_OR_AE is the one-segment form whose segment starts with S. */
enum m2m_id_form {
    M2M_ID_INVALID,
    M2M_ID_SP,          /* //sp */
    M2M_ID_CSE,         /* /cse, //sp/cse */
    M2M_ID_CSE_OR_S_AE, /* /Sxx, //sp/Sxx */
    M2M_ID_AE,          /* /cse/Cxx, //sp/cse/Cxx */
    M2M_ID_STEM,        /* Cxx, Sxx */
};
/* *ret_absolute (may be NULL): it begins with "//". A word without a slash that is no stem is INVALID here.
 */
enum m2m_id_form m2m_id_form(const char *id, bool *ret_absolute);

/* Absolute form: host part lower case, the rest as it is; "/x" is completed with sp_id (with or without "//";
 * NULL = not configured). A text that does not begin with a slash (Node-ID, FQDN, stem) is copied as it is.
 * -EINVAL: empty, over LIMIT_M2M_ID, blanks or controls, bad grammar; -ENODATA: "/x" and no sp_id. */
int m2m_id_normalize(const char *id, const char *sp_id, char ret[LIMIT_M2M_ID + 1]);
/* Equal after normalization; when one cannot be normalized: octet for octet. NULL equals nothing. */
bool m2m_id_equal(const char *a, const char *b, const char *sp_id);

/* An AE-ID in absolute form: besides the above, "Sxx" is completed with sp_id and "Cxx" with cse_id (any
 * form). -EINVAL: no AE-ID; -ENODATA: what completes it is not configured. */
int ae_id_normalize(const char *id, const char *sp_id, const char *cse_id, char ret[LIMIT_M2M_ID + 1]);

/* The SP-ID "//sp" that counts: sp_id, else the host part of id or cse_id. -ENODATA, -EINVAL. */
int identity_sp_id(const struct identity *who, char ret[LIMIT_FQDN + 3]);

/* Whether `id` is one of our own: id, node_id, cse_id, or an AE-ID, in whatever form. */
bool identity_owns(const struct identity *who, const char *id);

/* Node-ID: 1..255 printable octets without white space, not starting with '/'. */
bool node_id_valid(const char *id);

/* MC-18: may this client take a certificate for this certSubjectType? Node: all three; CSE: CSE; AE: AE. */
bool subject_type_suits(enum client_kind kind, uint32_t type);

/* certSubjectID of `type` (MC-19): well-formed for its type, and ours where the configuration lists our IDs.
 * ret_absolute: the form for the SAN. 0, or -EINVAL with `why` (the status is UNACCEPTABLE_ARGUMENTS). */
int subject_id_check(uint32_t type, const char *value, const struct identity *who,
                     char ret_absolute[LIMIT_M2M_ID + 1], struct mef_error *why);

/* GeneralName to use: uniformResourceIdentifier, dNSName, registeredID. */
enum san_kind { SAN_URI, SAN_DNS, SAN_RID };

struct san {
    enum san_kind kind;
    char value[LIMIT_M2M_ID + 1]; /* the URI, the host name, the dotted OID */
};

/* The SubjectAltName for a subject that subject_id_check() gave in absolute form. CSE-ID: dNSName with
 * cse_public_domain, or {cse}.{sp} for an IN-CSE; AE-ID: URI, exactly the absolute AE-ID; Node-ID: URI if it
 * is one, an OID if it is dotted decimal, else dNSName if it is a host name. 0, or -EINVAL with `why`, which
 * names the key that is missing or wrong (the status is CERT_PROV_CLIENT_ERROR). */
int subject_san(uint32_t type, const char *absolute, const struct identity *who, struct san *ret,
                struct mef_error *why);

/* CN of the request (3.6.1): the last path segment of the ID, at most 64 octets. */
void subject_common_name(const char *absolute, char ret[65]);
