/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The TLS profile of mef-protocol.md 3.1 and 3.2, put on each SSL_CTX that libcurl makes. Thread: the
 * session's. */
#pragma once

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "plugin/base/ports.h"

#define TLS_EXPORT_LEN 48

struct tls {
    enum credential_kind kind;
    char *fqdn; /* lower case */
    bool extra_suites;
    /* PSK */
    char *identity;
    struct secret *psk;
    /* CERT */
    X509 *leaf;
    STACK_OF(X509) * intermediates;
    EVP_PKEY *key;
    X509_STORE *anchors;

    /* Of the handshake under way or the present connection; tls_begin() resets them. */
    int alert_read, alert_sent; /* description, -1 = none */
    bool asked;                 /* the peer asked for our certificate */
    bool own_failure;           /* we could not set up our side */
    char why[256];              /* what did not satisfy us, "" = nothing */
    uint8_t unique[EVP_MAX_MD_SIZE];
    size_t unique_len;  /* 0 = no finished handshake */
    char *export_label; /* NULL = nothing is exported */
    uint8_t exported[TLS_EXPORT_LEN];
    bool has_export;
};

/* Copies what it needs out of `with`, in the library context of the calling thread. InvalidArguments or
 * InconsistentConfig with a sentence; -ENOMEM. */
int tls_init(struct tls *t, const char *fqdn, const struct credential *with, bool extra_suites,
             struct mef_error *reterr);
void tls_clear(struct tls *t); /* wipes; fine on a zeroed one */

/* Before a transfer that may make a handshake. */
void tls_begin(struct tls *t);

/* CURLOPT_SSL_CTX_FUNCTION; `userptr` is the struct tls. */
CURLcode tls_context(CURL *easy, void *ssl_ctx, void *userptr);

/* After the handshake, before the request: version, suite, and that both sides are authenticated. False with
 * `why`. */
bool tls_acceptable(struct tls *t, SSL *ssl);
