/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* May this CERT_PROV run? (MC-16 to MC-19; TS-0003 8.3.9.7 steps 1 to 4; mef-protocol.md 3.4.3, 3.6.3, 4.2.)
 * Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/err.h"
#include "policy/status.h"
#include "policy/subject-id.h"

/* The members of certProvCmdArgs as they were parsed; borrowed. */
struct cert_prov_args {
    uint32_t protocol;      /* certProvProtocolID */
    const char *uri;        /* URI */
    uint32_t subject_type;  /* certSubjectType */
    const char *subject_id; /* certSubjectID */
};

/* What this client can do. */
struct cert_prov_support {
    bool est;
    bool scep;            /* built in, and a challenge is configured or allow-rsa is set (3.6.3) */
    bool scep_allow_http; /* [scep] allow-http */
};

/* Judged in this order: protocol (MC-16), URI (MC-17), certSubjectType (MC-18), certSubjectID (MC-19); the
 * first failure is the answer. `mef_fqdn`: of the MEF that issued the command. 0, or
 * CMD_STATUS_UNACCEPTABLE_ARGUMENTS with `why`. ret_subject (may be NULL): the subject in absolute form, for
 * subject_san(). */
int admit_cert_prov(const struct cert_prov_args *args, const char *mef_fqdn, const struct identity *who,
                    const struct cert_prov_support *support, char ret_subject[LIMIT_M2M_ID + 1],
                    struct mef_error *why);
