/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON contents of primitives (mef-protocol.md 2.4): liberal in names, strict in form. Pure; thread: any. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "plugin/mef/vocabulary.h"

static inline void json_cleanup(json_t **j)
{
    json_decref(*j);
}

/* The content of a primitive: an object with one member `prefix:root`, `sec:`, `m2m:` or our configured
 * prefix or none before any name of `root`. *ret_doc is the caller's reference; *ret_content is borrowed from
 * it. -EINVAL with a sentence: over 64 KiB, not UTF-8, too deep, not JSON, the same member twice, another
 * root. -ENOMEM. */
int content_decode(const struct vocabulary *v, enum word root, const char *text, size_t len, json_t **ret_doc,
                   json_t **ret_content, struct mef_error *reterr);

/* The member under its short name, long name or an alias; NULL when absent. Several of them at once: NULL and
 * *ambiguous (may be NULL) is set. */
json_t *content_member(const struct vocabulary *v, const json_t *object, enum word w, bool *ambiguous);

/* The m2m:dbg text of an error answer in `ret` (printable), else "". Never fails: it is only logged. */
void content_debug_info(const struct vocabulary *v, const char *text, size_t len, char *ret, size_t room);

/* {"prefix:root":content} as compact text; steals `content` (NULL is fine and gives NULL). NULL when out of
 * memory. */
char *content_encode(const struct vocabulary *v, enum word root, json_t *content);
/* Adds a member under its canonical name; steals `value`. -ENOMEM. */
int content_put(const struct vocabulary *v, json_t *object, enum word w, json_t *value);

/* An enumeration: an integer, or its decimal text (4.7). 0; -EINVAL when it is neither; a number that is
 * negative or above UINT32_MAX - 1 is well-formed and gives UINT32_MAX. */
int json_enumeration(const json_t *j, uint32_t *ret);
/* A string of 1..max octets without control characters, borrowed; NULL otherwise. */
const char *json_text(const json_t *j, size_t max);

/* A reference that the MEF returned as a `to` (1.3), malloc'ed in *ret. -EINVAL with a sentence: another
 * host, an unusable path, over 2048 octets. -ENOMEM. */
int reference_to(const char *fqdn, const char *reference, char **ret, struct mef_error *reterr);
/* `to` of the base, of a registration by its ID, and of its command by the default name; malloc'ed, NULL: no
 * memory. */
char *base_to(const struct vocabulary *v, const char *fqdn);
char *registration_to(const struct vocabulary *v, const char *fqdn, const char *reg_id);
char *command_to(const struct vocabulary *v, const char *fqdn, const char *reg_id);
