/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CERT_PROV before it runs: admitted or refused, and the name that the certificate is to carry. Pure; thread:
 * any. */
#pragma once

#include "plugin/base/limits.h"
#include "plugin/mef/class.h"
#include "policy/subject-id.h"

struct cert_prov_plan {
    char subject[LIMIT_M2M_ID + 1]; /* certSubjectID in absolute form */
    struct san san;
};

/* MC-16 to MC-19, then the SubjectAltName. 0; CMD_STATUS_UNACCEPTABLE_ARGUMENTS;
 * CMD_STATUS_CERT_PROV_CLIENT_ERROR (the configuration lacks what the name is made of); both with a sentence.
 */
int cert_prov_prepare(const struct cert_prov_fields *f, const char *mef_fqdn, const struct identity *who,
                      struct cert_prov_plan *ret, struct mef_error *why);
