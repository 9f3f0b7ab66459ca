/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLSCiphersuites: four hex digits each (mo-tree.md 3.2), and the rule on the mandatory ones
 * (mef-protocol.md 3.2). Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUITE_PSK_TLS   0x00AEu /* TLS_PSK_WITH_AES_128_CBC_SHA256 */
#define SUITE_PSK_DTLS  0xC0A8u /* TLS_PSK_WITH_AES_128_CCM_8 */
#define SUITE_CERT_TLS  0xC023u /* TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 */
#define SUITE_CERT_DTLS 0xC0AEu /* TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 */

enum suite_group { SUITES_NONE, SUITES_PSK, SUITES_CERT };
enum suite_rule { SUITE_RULE_ANY, SUITE_RULE_ALL, SUITE_RULE_TRANSPORT };
/* Transports in use, for SUITE_RULE_TRANSPORT; may be or-ed. */
enum suite_transport { SUITE_OVER_TLS = 1, SUITE_OVER_DTLS = 2 };

/* Exactly four hex digits of either case. -EINVAL. */
int suite_parse(const char *text, uint16_t *ret);
void suite_format(uint16_t suite, char ret[5]); /* upper case */
/* Checks and canonicalizes a list of 1..64 items: upper case, duplicates removed, order kept. *ret is a strv
 * of the caller. -EINVAL, -E2BIG, -ENOMEM. */
int suites_normalize(char *const *in, char ***ret);
/* The same out of white-space separated text. */
int suites_split(const char *text, char ***ret);

/* IANA name for the suites that we know, else NULL. */
const char *suite_name(uint16_t suite);

/* "any", "all", "transport". -EINVAL. */
int suite_rule_from_name(const char *name, enum suite_rule *ret);
const char *suite_rule_name(enum suite_rule rule);
/* The group whose mandatory suites a SUID asks for; SUITES_NONE for 13, 23, 33 and all without a procedure.
 */
enum suite_group suites_group_of(uint32_t suid);
/* Whether the list holds what `rule` asks of `group`. SUITES_NONE always passes. `transports`: or-ed
 * suite_transport, read by SUITE_RULE_TRANSPORT only, where no transport at all falls back to `any`. */
bool suites_satisfy(enum suite_rule rule, enum suite_group group, unsigned transports, const uint16_t *list,
                    size_t n);
/* The same over a list of texts; an item that does not parse counts as absent. */
bool suites_satisfy_strv(enum suite_rule rule, enum suite_group group, unsigned transports,
                         char *const *list);
