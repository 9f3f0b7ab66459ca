/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PKCS#10 requests of CERT_PROV (mef-protocol.md 3.6.1). Pure but for the signature, which the key's own
 * provider makes (a token call). Uses a private OSSL_LIB_CTX. Thread: any. */
#pragma once

#include "plugin/base/ports.h"
#include "policy/subject-id.h"

struct csr_params {
    struct evp_pkey_st *key; /* P-256, borrowed */
    const char *subject_id; /* the certSubjectID in absolute form; the CN is its last path segment, at most 64
                               octets */
    const struct san *san;  /* the one subjectAltName (policy: subject_san()) */
    /* Re-enrolment: subject and subjectAltName are copied from this certificate (DER), since servers refuse
     * otherwise; NULL = from the two fields above. */
    const struct der *like;
    /* Extended key usages asked for in csrattrs, dotted OIDs, NULL-terminated; NULL = none. */
    char *const *ext_key_usage;
    /* RFC 7030 3.5: base64(tls-unique) as challengePassword; NULL = no such attribute. */
    const char *challenge;
};

/* The DER of the request. Negative errno with a sentence: all of them are client errors (101). */
int csr_build(const struct csr_params *p, struct der *ret, struct mef_error *reterr);
