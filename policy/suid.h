/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* m2m:suid (mef-protocol.md 4.3, mo-tree.md 3.1): tens digit = how the credential came, units digit = its
 * use. The values of TS-0004 and 31, which only the procedures name. Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum suid_kind { SUID_PREPROVISIONED = 1, SUID_FROM_MEF = 2, SUID_FROM_MAF = 3, SUID_CERTIFICATE = 4 };
enum suid_scope {
    SUID_MEF = 0,
    SUID_MAF = 1,
    SUID_SAEF = 2,
    SUID_ESPRIM = 3,
    SUID_ESDATA_ENC = 4,
    SUID_ESDATA_SIG = 5
};

/* In the table (31 counts). 20, 30 and all others are not. */
bool suid_valid(uint64_t suid);
/* Decimal text without sign, blanks or leading zeros. -EINVAL also for a number outside the table. */
int suid_parse(const char *text, uint32_t *ret);
/* Digits of a valid SUID. */
enum suid_kind suid_kind(uint32_t suid);
enum suid_scope suid_scope(uint32_t suid);
/* One of those that MO_NODE has a procedure for: {11,12,13,21,22,23,31,32,33,41,42,43}. */
bool suid_has_procedure(uint32_t suid);
/* The type name of the parent MO that a SUID of suid_has_procedure() demands ("MAFClientRegCfg",
 * "registration", "dataCollection"); for 10 and 40 "MEFClientRegCfg"; NULL otherwise. */
const char *suid_parent_type(uint32_t suid);
/* One short phrase for a person, e.g. "pre-provisioned key for a MAF"; NULL when not valid. */
const char *suid_describe(uint32_t suid);
