/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other side of a TLS connection, by GnuTLS (another library than ours), in a thread of the test. What it
 * does after the handshake is a function of the test, so that it can misbehave in any way. */
#pragma once

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <glib.h>
#include <stdbool.h>

#include "plugin/base/ports.h"

struct peer;
/* Serves one connection; `n` counts from 0. Returning closes it with a close_notify. */
typedef void (*peer_serve)(struct peer *p, int n);

struct peer_spec {
    const char *priority;         /* NULL = TLS 1.2 with the mandatory suites */
    const char *psk_identity;     /* PSK server */
    const char *psk;              /* octets */
    const struct der_list *chain; /* certificate server, leaf first */
    const struct der *key;        /* PKCS#8 */
    const struct der *client_ca;  /* asks for a client certificate of this CA; NULL = does not ask */
    peer_serve serve;             /* NULL = answers each request with `answer` */
    const char *answer;
    bool silent;  /* accepts TCP and says nothing */
    bool hang_up; /* accepts TCP and closes */
    void *data;
};

struct peer {
    struct peer_spec spec;
    int listen_fd, stop_fd;
    uint16_t port;
    GThread *thread;
    gnutls_session_t tls; /* of the present connection */
    int fd;
    /* Under `lock`, or after peer_stop() */
    GMutex lock;
    GCond changed;
    GString *received;                           /* all application data */
    int accepted, handshakes, requests, records; /* records: TLS records of application data received */
    char sni[256];
    char suite[64];
    uint8_t unique[64];
    size_t unique_len;
    bool ems, etm;
    int last_error; /* GnuTLS code of a failed handshake */
};

struct peer *peer_start(const struct peer_spec *spec);
void peer_stop(struct peer *p); /* joins and frees */

/* For serve functions. False when the connection has ended or the peer is to stop. */
bool peer_read_request(struct peer *p);
bool peer_send(struct peer *p, const char *text);
bool peer_pause(struct peer *p, int ms); /* false = stop */
void peer_reset(struct peer *p);         /* RST in place of FIN when the connection is closed */
/* For the test. */
void peer_wait_requests(struct peer *p, int n);
int peer_count(struct peer *p, const int *what);
