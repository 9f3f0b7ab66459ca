/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handles of the token's objects by id, label and fingerprint. A token searches linearly (150 ms among 10,000
 * objects, interop.md), so we search here. Knows nothing of sessions; a hit is only a hint that the caller
 * validates. Pure data structure; thread: whoever owns the token's session. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/cleanup.h"

#define OBJECT_NONE    UINT32_MAX
#define OBJECT_SHA_KEY 4u /* octets of a fingerprint that a search needs at least */

struct object {
    unsigned long handle;
    unsigned class; /* one bit of enum token_class; 0 = removed, the place is reused at the next index_clear
                     */
    uint8_t *id;    /* malloc'ed, NULL when id_len is 0 */
    size_t id_len;
    char *label; /* malloc'ed, NUL-terminated, may hold any octets */
    size_t label_len;
    uint8_t sha256[32];
    bool has_sha256;
    uint32_t next[3]; /* chains of the three hashes */
};

struct object_index {
    struct object *item; /* positions stay valid until index_clear() or index_add() */
    uint32_t n, room;
    uint32_t *bucket[3];
    uint32_t buckets; /* a power of two, 0 = none yet */
};

void index_clear(struct object_index *x);

/* Copies. -ENOMEM; nothing is added then. `sha256` may be NULL. */
int index_add(struct object_index *x, unsigned long handle, unsigned class, const void *id, size_t id_len,
              const void *label, size_t label_len, const uint8_t *sha256);

void index_remove(struct object_index *x, uint32_t at);
/* Removes all of the classes in `mask`. */
void index_remove_class(struct object_index *x, unsigned mask);

/* What to look for; members that are NULL do not count, at least one of id, label, sha256 is given. */
struct object_key {
    unsigned mask; /* classes */
    const uint8_t *id;
    size_t id_len; /* >= 1 when id is given */
    const char *label;
    size_t label_len;
    const uint8_t *sha256;
    size_t sha256_len; /* OBJECT_SHA_KEY..32: a prefix */
};

/* The first match after position `after` in its chain (OBJECT_NONE: from the start); OBJECT_NONE = no more.
 */
uint32_t index_find(const struct object_index *x, const struct object_key *key, uint32_t after);
uint32_t index_find_handle(const struct object_index *x, unsigned long handle, unsigned mask);
