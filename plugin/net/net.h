/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTPS transport of a MEF: `struct transport` of plugin/base/ports.h over libcurl, OpenSSL and c-ares.
 * Clauses: mef-protocol.md 2.3, 2.5, 3.1, 3.2.
 *
 * A session is one authority and one credential: an easy handle and a multi handle of its own, so that no
 * connection is ever shared with another credential. It keeps one connection alive between requests.
 *
 * When the handshake happens: libcurl cannot hold a finished handshake back for a request that comes later.
 * So open() checks the parameters and the credential and resolves the name, and the first exchange() or
 * http() connects and makes the handshake. TRANSPORT_UNREACHABLE, TRANSPORT_TLS_REFUSED and
 * TRANSPORT_UNTRUSTED from any call mean that nothing of the request was sent: the peer, the suite and the
 * credential are checked before libcurl writes the first octet of it.
 *
 * Sending twice: a request that fails on a connection that had been idle, before any octet of an answer, is
 * sent again once on a new connection if it is a RETRIEVE, a GET, or if nothing of it had left; any other
 * gives TRANSPORT_BROKEN and the caller repeats it with the same rqi.
 *
 * TLS 1.2 only. What counts is set on the SSL_CTX of each connection; a host's openssl.cnf changes nothing.
 *
 * Thread: net_new() and net_free() by the owner; a session by one thread at a time, any number of sessions at
 * once. Every wait ends within 50 ms of a cancel. */
#pragma once

#include "plugin/base/ports.h"

struct net_params {
    /* "NAME:ADDRESS" each, address IPv4 or IPv6 (brackets are fine); NULL-terminated; NULL = none. They win
     * over DNS; several of one name are tried in their order. [network] resolve= */
    char *const *resolve;
    uint64_t connect_timeout; /* microseconds for DNS, TCP and TLS together; 0 = 30 s */
    uint64_t
        response_timeout; /* microseconds for one request and its answer; 0 = 60 s (mef-protocol.md 3.4) */
    /* Offer 0xC037 or 0xC02B after the mandatory suite (3.2). */
    bool extra_suites;
    /* c-ares form "ADDRESS:PORT,..." in place of the machine's name servers and hosts file; NULL = the
     * machine's. */
    const char *nameservers;
};

struct net;

/* Copies the parameters. InvalidArguments names a resolve entry that is none; Failed when libcurl, OpenSSL or
 * c-ares do not come up. Calls curl_global_init() and ares_library_init() once per process, under a lock;
 * neither is ever undone, since the host may use the same libraries. */
int net_new(const struct net_params *params, struct net **ret, struct mef_error *reterr);
/* After all its sessions are closed. NULL is fine. */
void net_free(struct net *n);
DEFINE_CLEANUP(struct net *, net_free)

/* The table; valid as long as `n`. */
struct transport net_transport(struct net *n);
