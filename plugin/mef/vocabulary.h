/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one table of the names and numbers of TS-0032 that were not to be had (mef-protocol.md 0.2): each can
 * be set from the configuration, [vocabulary] key = value. Nothing else in mef/ holds such a literal.
 *
 * Keys: a member by its long name (`adminFQDN = adfq`: its short name on the wire), `ty.mefClientReg = 4`,
 * `prefix = sec`, `segment.mefClientCmd = cmd`, `base-to = //{FQDN}/-`, `rvi = 2a`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/err.h"

enum word {
#define X(id, long_name, short_name, aliases, tag) WORD_##id,
#include "plugin/mef/vocabulary.def"
#undef X
    WORD_MAX_
};

enum vocabulary_number {
    NUMBER_TY_MEFBASE,
    NUMBER_TY_MACR,
    NUMBER_TY_MECR,
    NUMBER_TY_SKR,
    NUMBER_TY_MECC,
    NUMBER_MAX_
};
enum vocabulary_text { TEXT_PREFIX, TEXT_SEGMENT_CMD, TEXT_BASE_TO, TEXT_RVI, TEXT_MAX_ };

struct vocabulary;

/* The built-in table in a fresh copy. -ENOMEM. Thread: made and overridden by one, then read by all. */
int vocabulary_new(struct vocabulary **ret);
void vocabulary_free(struct vocabulary *v);
DEFINE_CLEANUP(struct vocabulary *, vocabulary_free)
/* The built-in table, constant. */
const struct vocabulary *vocabulary_default(void);

/* One line of [vocabulary]. -ENOENT: no such key (a warning for the caller); -EINVAL: bad value; -ENOMEM. */
int vocabulary_override(struct vocabulary *v, const char *key, const char *value, struct mef_error *reterr);

const char *vocabulary_short(const struct vocabulary *v, enum word w); /* canonical, for output */
const char *vocabulary_long(enum word w);
/* True when `name` (not NULL) is the short name, the long name or an alias. */
bool vocabulary_is(const struct vocabulary *v, enum word w, const char *name);
uint32_t vocabulary_number(const struct vocabulary *v, enum vocabulary_number n);
const char *vocabulary_text(const struct vocabulary *v, enum vocabulary_text t);
