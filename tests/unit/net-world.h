/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of plugin/net share: a client, its credentials, and peers for them. */
#pragma once

#include <glib.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/net/net.h"
#include "tests/unit/pki.h"
#include "tests/unit/tls-peer.h"

#define FQDN     "mef.example.com"
#define IDENTITY "gw42-kpm@mef.example.com"
#define PSK      "0123456789abcdef0123456789abcdef"
#define OK_EMPTY "HTTP/1.1 200 \r\nX-M2M-RSC: 2000\r\nContent-Length: 2\r\n\r\n{}"

struct world {
    struct net *net;
    struct transport t;
    struct secret *psk;
    struct credential with;
    struct wait wait;
    struct mef_error err;
    /* certificates */
    EVP_PKEY *ca_key, *server_key, *client_key;
    X509 *ca;
    struct der_list server_chain, client_chain, anchors;
    struct der server_pkcs8, ca_der;
};

/* The client resolves FQDN to the loopback, anything else to nobody. Time-outs in milliseconds, 0 = the
 * default. */
void world_init(struct world *w, uint64_t connect_ms, uint64_t response_ms);
void world_done(struct world *w);
/* A CA, a server certificate as `server` says and a client certificate; the credential becomes CERT. */
void world_certs(struct world *w, const struct pki_spec *server, const char *group);

struct peer *psk_peer(const char *answer, peer_serve serve);
struct peer *cert_peer(struct world *w);

extern const struct primitive retrieve, create; /* those of mef-protocol.md 6 */

int open_at(struct world *w, uint16_t port, struct session **ret);
/* A session and one request on it: what the procedures see of a peer. */
int ask(struct world *w, uint16_t port, const struct primitive *req, struct answer *ret);
/* The last sentence holds this. */
void assert_says(const struct world *w, const char *part);
