/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What came back from the EST server, checked (mef-protocol.md 3.6.1), and what a certificate says about
 * itself. Pure; each call uses a private OSSL_LIB_CTX and leaves the error queue as it was.
 * Thread: any. */
#pragma once

#include "plugin/base/ports.h"
#include "plugin/cert/csr.h"

/* A context costs as much as several calls, and a certificate that is parsed costs a fifth of a handshake:
 * between these two the calls of this thread share a context, `lib` or with NULL one of their own, and what
 * was parsed in it. `lib` is borrowed until cert_end(). For threads of our own, around one exchange or
 * listing; not nested. */
void cert_begin(struct ossl_lib_ctx_st *lib);
void cert_end(void);

/* One whole DER certificate of at most LIMIT_CERTIFICATE octets, in the thread's present library context;
 * NULL otherwise. Others may hold it too: the caller frees his reference and changes nothing. */
struct x509_st *cert_parse(const void *der, size_t len);

/* Short names of the statuses that an enrolment can end with (policy/status.h). */
#define CERT_SERVER_ERROR ((int)CMD_STATUS_CERT_PROV_SERVER_ERROR) /* 100 */
#define CERT_CLIENT_ERROR ((int)CMD_STATUS_CERT_PROV_CLIENT_ERROR) /* 101 */

struct chain_want {
    struct evp_pkey_st *key; /* the key of the request */
    const struct san *san;   /* the identity that the subjectAltName must contain exactly */
    int64_t now;             /* microseconds, realtime */
};

/* Finds the certificate of our key in `received`, orders it and the intermediates that lead to one of `ca`
 * (root not included, leaf first), and checks: our public key on P-256, ECDSA with SHA-256 signatures, the
 * identity in the SAN, no wildcard, digitalSignature if keyUsage is there, validity covers now, path to a
 * received CA. 0; CERT_SERVER_ERROR or CERT_CLIENT_ERROR with a sentence; -ENOMEM. */
int chain_check(const struct chain_want *want, const struct der_list *received, const struct der_list *ca,
                struct der_list *ret_chain, struct mef_error *reterr);

/* The certificates of cacerts that may serve as trust anchors: those of CAs (basicConstraints) that are valid
 * at `now`. 0 with at least one; CERT_SERVER_ERROR when there is none or one does not parse; -ENOMEM. */
int chain_pick_ca(const struct der_list *from, int64_t now, struct der_list *ret, struct mef_error *reterr);

/* Whether the certificate is for this very P-256 key (of any provider). */
bool cert_has_key(const struct der *cert, struct evp_pkey_st *key);

/* A valid certificate for this identity at `now`: the condition of simplereenroll (3.6.2). */
bool cert_is_for(const struct der *cert, const struct san *san, int64_t now);

/* For the bus and the journal. Strings are malloc'ed; clear with cert_info_clear(). */
struct cert_info {
    char *subject, *issuer;        /* RFC 2253, UTF-8, printable */
    char *san;                     /* first URI, dNSName or registeredID, "" if none */
    int64_t not_before, not_after; /* microseconds since the epoch */
    bool ca;
    uint8_t sha256[32]; /* over the DER */
    char sha256_hex[65];
};
int cert_info_get(const struct der *cert,
                  struct cert_info *ret); /* -EINVAL when it is no certificate; -ENOMEM */
int cert_info_copy(const struct cert_info *from, struct cert_info *ret); /* -ENOMEM */
void cert_info_clear(struct cert_info *i);

int cert_sha256(const void *der, size_t len, uint8_t ret[32]); /* -ENOMEM */

/* One DER certificate out of PEM (the first, anything before it skipped) or DER. -EINVAL, -ENOMEM. */
int cert_from_text(const char *text, size_t len, struct der *ret);
