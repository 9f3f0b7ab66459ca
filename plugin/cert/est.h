/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One enrolment by EST (mef-protocol.md 3.6.2): cacerts, csrattrs, key and request, simpleenroll or
 * simplereenroll, checks. Touches the world only through the ports; stores nothing but the key pair that
 * vault.make_key makes. The caller stores CA certificates and certificate and proves the latter.
 * Thread: a worker; blocks until `wait` says otherwise. */
#pragma once

#include "plugin/cert/chain.h"

#define EST_STEPS 5 /* cacerts, csrattrs, key and request, enrolment, checks */

struct est_params {
    const struct transport *transport;
    const struct vault *vault;
    const struct clock_port *clock;
    const struct wait *wait;
    const char *uri; /* URI of certProvCmdArgs; its host has been compared with the MEF's FQDN */
    /* The credential of the MEF handshake in use. A session of its own is opened with it. */
    const struct credential *with;
    /* The latest MEF-provisioned certificate (kind CERT), or NULL. If its leaf is valid now and has this very
     * identity, the exchange is a simplereenroll over a session with this credential. May equal `with`. */
    const struct credential *renew;
    const char *subject_id; /* certSubjectID in absolute form: CN */
    const struct san *san;  /* policy: subject_san() */
    uint8_t key_id[KEY_ID_LEN];
    const char *label, *owner; /* for vault.make_key */
    /* step 1..EST_STEPS; waiting_until: realtime microseconds of a Retry-After, else 0. May be NULL. */
    void (*progress)(void *ctx, unsigned step, const char *text, int64_t waiting_until);
    void *progress_ctx;
};

struct est_result {
    struct der_list ca;      /* of cacerts: the caller's put_ca() */
    struct der_list chain;   /* leaf first, then intermediates: item[0] is the caller's put_cert() */
    struct evp_pkey_st *key; /* a reference of its own */
    struct cert_info info;   /* of the leaf */
    bool renewed;            /* simplereenroll was used */
};
void est_result_clear(struct est_result *r);

/* 0 = certificate in *ret (cmdStatusCode 20); CERT_SERVER_ERROR (100) or CERT_CLIENT_ERROR (101), with a
 * sentence; -ECANCELED. A passed deadline is 100. Nothing else is returned. */
int est_enrol(const struct est_params *p, struct est_result *ret, struct mef_error *reterr);
