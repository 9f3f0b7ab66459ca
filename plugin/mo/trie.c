/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map of trie.h: a radix tree of 32 branches a node that keeps only the branches there are and leaves out
 * nodes that would have a single one. A node that several maps share is copied before it is changed. */
#include "plugin/mo/trie.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BITS   5
#define FAN    32u
#define LEVELS 14 /* 64 bits, rounded up, and one */

union slot {
    struct trie *child; /* shift > 0 */
    uint64_t value;     /* shift == 0 */
};

struct trie {
    unsigned refs;
    uint32_t map; /* which of the 32 branches are there */
    unsigned shift;
    size_t count;  /* entries below */
    uint64_t base; /* the least key that could stand here */
    const struct trie_values *values;
    union slot slot[];
};

static bool covers(unsigned shift, uint64_t base, uint64_t key)
{
    return (base ^ key) >> shift >> BITS == 0;
}

static unsigned digit(unsigned shift, uint64_t key)
{
    return (unsigned)(key >> shift) % FAN;
}

static uint64_t base_of(unsigned shift, uint64_t key)
{
    return shift + BITS >= 64 ? 0 : key >> shift >> BITS << BITS << shift;
}

/* Set bits. Inline, since the compiler calls a function for processors that may have no such instruction. */
static unsigned bits(uint32_t x)
{
    x -= x >> 1 & 0x55555555;
    x = (x & 0x33333333) + (x >> 2 & 0x33333333);
    return ((x + (x >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
}

static unsigned slots(const struct trie *t)
{
    return bits(t->map);
}

static bool has(const struct trie *t, unsigned d)
{
    return t->map >> d & 1;
}

static unsigned place(const struct trie *t, unsigned d)
{
    return bits(t->map & ((UINT32_C(1) << d) - 1));
}

/* ---- life ---- */

struct trie *trie_copy(struct trie *t)
{
    if (t)
        t->refs++;
    return t;
}

static void slot_hold(const struct trie *t, union slot s)
{
    if (t->shift > 0)
        s.child->refs++;
    else if (t->values->hold)
        t->values->hold(s.value);
}

static void slot_drop(const struct trie *t, union slot s)
{
    if (t->shift > 0)
        trie_free(s.child);
    else if (t->values->drop)
        t->values->drop(s.value);
}

void trie_free(struct trie *t)
{
    if (!t || --t->refs > 0)
        return;
    for (unsigned i = 0; i < slots(t); i++)
        slot_drop(t, t->slot[i]);
    free(t);
}

static struct trie *make(const struct trie_values *values, unsigned shift, uint64_t key, unsigned n)
{
    struct trie *t = malloc(sizeof *t + n * sizeof *t->slot);

    if (t)
        *t = (struct trie){.refs = 1, .shift = shift, .base = base_of(shift, key), .values = values};
    return t;
}

/* Makes *at a node that no other map holds, with room for `more` branches. The contents stay. */
static int own(struct trie **at, unsigned more)
{
    struct trie *old = *at;
    unsigned n = slots(old);

    if (old->refs == 1 && more == 0)
        return 0;
    struct trie *t = make(old->values, old->shift, old->base, n + more);
    if (!t)
        return -ENOMEM;
    t->map = old->map;
    t->count = old->count;
    memcpy(t->slot, old->slot, n * sizeof *t->slot);
    if (old->refs == 1) {
        free(old);
    } else {
        for (unsigned i = 0; i < n; i++)
            slot_hold(t, t->slot[i]);
        old->refs--;
    }
    *at = t;
    return 0;
}

/* Into a node that has room. */
static void insert(struct trie *t, unsigned d, union slot s)
{
    unsigned i = place(t, d), n = slots(t);

    memmove(t->slot + i + 1, t->slot + i, (n - i) * sizeof *t->slot);
    t->slot[i] = s;
    t->map |= UINT32_C(1) << d;
}

/* ---- looking ---- */

size_t trie_count(const struct trie *t)
{
    return t ? t->count : 0;
}

bool trie_get(const struct trie *t, uint64_t key, uint64_t *ret)
{
    while (t && covers(t->shift, t->base, key) && has(t, digit(t->shift, key))) {
        const union slot *s = &t->slot[place(t, digit(t->shift, key))];
        if (t->shift == 0) {
            *ret = s->value;
            return true;
        }
        t = s->child;
    }
    return false;
}

/* The first entry of a map that is not empty. */
static bool least(const struct trie *t, uint64_t *ret_key, uint64_t *ret)
{
    while (t->shift > 0)
        t = t->slot[0].child;
    *ret_key = t->base + (unsigned)__builtin_ctz(t->map);
    *ret = t->slot[0].value;
    return true;
}

bool trie_next(const struct trie *t, uint64_t from, uint64_t *ret_key, uint64_t *ret)
{
    const struct trie *behind = NULL; /* the nearest branch that is all above `from` */

    for (;;) {
        if (t && !covers(t->shift, t->base, from) && t->base > from)
            return least(t, ret_key, ret);
        unsigned d = t ? digit(t->shift, from) : 0;
        uint32_t rest = t && covers(t->shift, t->base, from) ? t->map >> d << d : 0;
        if (!rest)
            return behind && least(behind, ret_key, ret);
        const union slot *s = &t->slot[place(t, d)];
        if (t->shift == 0) {
            *ret_key = t->base + (unsigned)__builtin_ctz(rest);
            *ret = s->value;
            return true;
        }
        if (!has(t, d))
            return least(s->child, ret_key, ret);
        if (rest & (rest - 1))
            behind = s[1].child;
        t = s->child;
    }
}

uint64_t trie_nth(const struct trie *t, size_t i)
{
    while (t->shift > 0) {
        const union slot *s = t->slot;
        while (i >= s->child->count)
            i -= s++->child->count;
        t = s->child;
    }
    return t->slot[i].value;
}

/* ---- changing ---- */

static struct trie *leaf(const struct trie_values *values, uint64_t key, uint64_t value)
{
    struct trie *t = make(values, 0, key, 1);

    if (t)
        insert(t, digit(0, key), (union slot){.value = value});
    return t;
}

/* A node above *at that has room for `key` beside it. */
static int raise(struct trie **at, uint64_t key)
{
    struct trie *below = *at;
    unsigned shift = below->shift;

    while (!covers(shift, below->base, key))
        shift += BITS;
    struct trie *t = make(below->values, shift, key, 2);
    if (!t)
        return -ENOMEM;
    t->count = below->count;
    insert(t, digit(shift, below->base), (union slot){.child = below});
    *at = t;
    return 0;
}

/* One more entry was put below the nodes on the way to `key`. */
static void count_up(struct trie *t, uint64_t key)
{
    for (;; t = t->slot[place(t, digit(t->shift, key))].child) {
        t->count++;
        if (t->shift == 0)
            return;
    }
}

int trie_put(struct trie **t, const struct trie_values *values, uint64_t key, uint64_t value)
{
    for (struct trie **at = t;;) {
        union slot s = {.value = value};
        unsigned d;
        int r;

        if (!*at) {
            if (!(*at = leaf(values, key, value)))
                return -ENOMEM;
            break;
        }
        if (!covers((*at)->shift, (*at)->base, key)) {
            struct trie *new = leaf(values, key, value);
            r = new ? raise(at, key) : -ENOMEM;
            if (r < 0) {
                free(new);
                return r;
            }
            insert(*at, digit((*at)->shift, key), (union slot){.child = new});
            break;
        }
        d = digit((*at)->shift, key);
        bool there = has(*at, d);
        if ((r = own(at, !there)) < 0)
            return r;
        if ((*at)->shift == 0) {
            if (there) {
                slot_drop(*at, (*at)->slot[place(*at, d)]);
                (*at)->slot[place(*at, d)] = s;
                return 0;
            }
            insert(*at, d, s);
            break;
        }
        if (!there) {
            if (!(s.child = leaf(values, key, value)))
                return -ENOMEM;
            insert(*at, d, s);
            break;
        }
        at = &(*at)->slot[place(*at, d)].child;
    }
    count_up(*t, key);
    return 0;
}

int trie_take(struct trie **t, uint64_t key)
{
    struct trie **way[LEVELS], **at = t;
    size_t n = 0;
    uint64_t value;

    if (!trie_get(*t, key, &value))
        return 0;
    /* All that can fail first. */
    for (;; at = &(*at)->slot[place(*at, digit((*at)->shift, key))].child) {
        if (own(at, 0) < 0)
            return -ENOMEM;
        way[n++] = at;
        if ((*at)->shift == 0)
            break;
    }
    for (bool gone = true; n > 0;) {
        struct trie *node = *way[--n];
        node->count--;
        if (!gone)
            continue;
        unsigned d = digit(node->shift, key), i = place(node, d);
        if (node->shift == 0)
            slot_drop(node, node->slot[i]);
        node->map &= ~(UINT32_C(1) << d);
        memmove(node->slot + i, node->slot + i + 1, (slots(node) - i) * sizeof *node->slot);
        gone = node->map == 0;
        if (gone) {
            free(node);
            *way[n] = NULL; /* of the root; in a node above the branch goes next */
        }
    }
    return 0;
}

/* ---- comparing ---- */

/* `t` seen as a node at (shift, base): its branch for a digit. */
static const struct trie *branch(const struct trie *t, unsigned shift, uint64_t base, unsigned d)
{
    if (!t)
        return NULL;
    if (t->shift == shift)
        return t->base == base && has(t, d) ? t->slot[place(t, d)].child : NULL;
    return digit(shift, t->base) == d ? t : NULL;
}

static int compare_leaves(const struct trie *a, const struct trie *b,
                          int (*fn)(void *ctx, const struct trie_entry *e), void *ctx)
{
    uint64_t base = a ? a->base : b->base;

    for (unsigned d = 0; d < FAN; d++) {
        struct trie_entry e = {.key = base + d, .in_a = a && has(a, d), .in_b = b && has(b, d)};
        if (e.in_a)
            e.a = a->slot[place(a, d)].value;
        if (e.in_b)
            e.b = b->slot[place(b, d)].value;
        if (e.in_a == e.in_b && e.a == e.b)
            continue;
        int r = fn(ctx, &e);
        if (r != 0)
            return r;
    }
    return 0;
}

int trie_compare(const struct trie *a, const struct trie *b, int (*fn)(void *ctx, const struct trie_entry *e),
                 void *ctx)
{
    if (a == b)
        return 0;
    /* The least node that both fit into. */
    unsigned shift = a && (!b || a->shift > b->shift) ? a->shift : b->shift;
    uint64_t base = a ? a->base : b->base;
    while (a && b && !covers(shift, a->base, b->base))
        shift += BITS;
    base = base_of(shift, base);
    if (shift == 0)
        return compare_leaves(a, b, fn, ctx);
    for (unsigned d = 0; d < FAN; d++) {
        int r = trie_compare(branch(a, shift, base, d), branch(b, shift, base, d), fn, ctx);
        if (r != 0)
            return r;
    }
    return 0;
}
