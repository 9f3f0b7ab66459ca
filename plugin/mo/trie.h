/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An ordered map from numbers to numbers of which a copy costs nothing: copies share all that they have in
 * common, and a change makes anew only the few nodes on the way to it. So every transaction and every commit
 * has a whole tree of its own, and what differs between two of them is found without looking at the rest.
 *
 * A map is a `struct trie *`, NULL when empty. Private to plugin/mo. Thread: the loop's (counts are plain).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trie;

/* What the values are. `hold` and `drop` count references behind values; both NULL: plain numbers. */
struct trie_values {
    void (*hold)(uint64_t value);
    void (*drop)(uint64_t value);
};

struct trie *trie_copy(struct trie *t);
void trie_free(struct trie *t); /* NULL is fine */

size_t trie_count(const struct trie *t);
bool trie_get(const struct trie *t, uint64_t key, uint64_t *ret); /* *ret is untouched when there is none */
/* The first entry whose key is not below `from`; false: there is none. */
bool trie_next(const struct trie *t, uint64_t from, uint64_t *ret_key, uint64_t *ret);
/* The i-th value in order of keys, i < trie_count(). */
uint64_t trie_nth(const struct trie *t, size_t i);

/* Both change what is in *t, never what a copy holds. -ENOMEM: nothing has changed. `values` must be the same
 * for all entries of a map. put: takes a reference over, on success only. take: an absent key is a success.
 */
int trie_put(struct trie **t, const struct trie_values *values, uint64_t key, uint64_t value);
int trie_take(struct trie **t, uint64_t key);

/* Calls `fn` for each key, in order, whose value differs or that only one of both has. Nonzero ends it and is
 * returned. */
struct trie_entry {
    uint64_t key;
    bool in_a, in_b;
    uint64_t a, b;
};
int trie_compare(const struct trie *a, const struct trie *b, int (*fn)(void *ctx, const struct trie_entry *e),
                 void *ctx);
