/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two sides of the figure of a re-enrolment. Each has a MEF of its own and a first certificate from it;
 * that is the same for any number of rounds. */
#pragma once

#include "plugin/base/ports.h"
#include "policy/subject-id.h"
#include "tests/lib/sim-process.h"

#define ENROLMENT_FQDN  "mef.example.com"
#define ENROLMENT_ID    "//m2m.example.com/gw42"
#define ENROLMENT_SUITE "ECDHE-ECDSA-AES128-SHA256" /* C023 */

extern const struct san enrolment_san;

struct first {
    struct sim_process *sim;
    struct der csr; /* that the certificate came from */
    struct der_list chain, anchors;
};
/* Starts the MEF in `dir`; it certifies the key. */
void first_certificate(struct first *f, const char *dir, const char *fqdn, const char *scenario,
                       struct evp_pkey_st *key);
void first_done(struct first *f);

/* Re-enrolments, each over a new connection and with a new key in the token. */
void enrolment_ours(unsigned rounds);
/* Mutual handshakes of the same suite, and nothing else. `context`: each with a context of its own, as a
 * credential that is new needs one; else all share it. */
void enrolment_bare(unsigned rounds, bool context);
