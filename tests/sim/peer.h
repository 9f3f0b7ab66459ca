/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A raw TLS client by OpenSSL for the tests of mef-sim: it sends octets and gives back octets. Thread: one.
 */
#pragma once

#include <glib.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

struct peer;

struct peer_how {
    unsigned port;
    const char *ca;       /* file of the trust anchor; NULL: the server is not verified */
    const char *identity; /* with psk: TLS-PSK */
    const char *psk;      /* hex */
    X509 *cert;           /* with key: client certificate */
    EVP_PKEY *key;
    const char *sni;     /* NULL: none */
    const char *ciphers; /* NULL: what fits the credential */
    int version;         /* 0: TLS 1.2 */
};

/* The connection, or NULL with the TLS alert or the reason in *ret_error (g_free). */
struct peer *peer_open(const struct peer_how *how, char **ret_error);
void peer_close(struct peer *p); /* NULL-safe */
const char *peer_cipher(struct peer *p);
X509 *peer_certificate(struct peer *p); /* new reference, or NULL */
SSL *peer_ssl(struct peer *p);

void peer_send(struct peer *p, const void *data, size_t n);
/* One answer, head and body, as it came (Content-Length decides). Less than that when the connection ended;
 * then *ret_ended (if any) is TRUE. */
char *peer_answer(struct peer *p, gboolean *ret_ended);
/* All until the end, at most `max` octets. *ret_clean: close_notify came. */
GByteArray *peer_rest(struct peer *p, size_t max, gboolean *ret_clean);
/* peer_send() of the text and peer_answer(). */
char *peer_exchange(struct peer *p, const char *request);

/* An answer's parts. */
int answer_status(const char *answer);
char *answer_header(const char *answer, const char *name); /* NULL when absent */
const char *answer_body(const char *answer);
