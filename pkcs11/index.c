/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Three chained hashes over one array of objects: by CKA_ID, by CKA_LABEL, by the start of the fingerprint.
 * Ownership: the index owns copies of ids and labels. Thread: whoever owns the token's session. */
#include "pkcs11/index.h"

#include <errno.h>
#include <string.h>

enum { BY_ID, BY_LABEL, BY_SHA256, CHAINS };

static uint32_t hash(const void *data, size_t n)
{
    const uint8_t *p = data;
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 16777619u;
    return h;
}

/* The octets by which an object stands in a chain; false = it does not stand there. */
static bool chain_key(const struct object *o, int chain, const void **ret, size_t *ret_len)
{
    switch (chain) {
    case BY_ID:
        *ret = o->id;
        *ret_len = o->id_len;
        return o->id_len > 0;
    case BY_LABEL:
        *ret = o->label;
        *ret_len = o->label_len;
        return o->label_len > 0;
    default:
        *ret = o->sha256;
        *ret_len = OBJECT_SHA_KEY;
        return o->has_sha256;
    }
}

static void chain_in(struct object_index *x, uint32_t at)
{
    for (int c = 0; c < CHAINS; c++) {
        const void *key;
        size_t len;

        x->item[at].next[c] = OBJECT_NONE;
        if (!chain_key(&x->item[at], c, &key, &len))
            continue;
        uint32_t *head = &x->bucket[c][hash(key, len) & (x->buckets - 1)];
        x->item[at].next[c] = *head;
        *head = at;
    }
}

static void chain_out(struct object_index *x, uint32_t at)
{
    for (int c = 0; c < CHAINS; c++) {
        const void *key;
        size_t len;

        if (!chain_key(&x->item[at], c, &key, &len))
            continue;
        uint32_t *p = &x->bucket[c][hash(key, len) & (x->buckets - 1)];
        while (*p != OBJECT_NONE && *p != at)
            p = &x->item[*p].next[c];
        if (*p == at)
            *p = x->item[at].next[c];
    }
}

void index_clear(struct object_index *x)
{
    for (uint32_t i = 0; i < x->n; i++) {
        free(x->item[i].id);
        free(x->item[i].label);
    }
    free(x->item);
    for (int c = 0; c < CHAINS; c++)
        free(x->bucket[c]);
    *x = (struct object_index){0};
}

/* Room for one more object, with buckets to match. */
static int index_grow(struct object_index *x)
{
    if (x->n < x->room)
        return 0;
    uint32_t room = x->room ? x->room * 2 : 64;
    uint32_t *bucket[CHAINS] = {NULL};
    struct object *item;

    if (room > (1u << 24) || !(item = reallocarray(x->item, room, sizeof *item)))
        return -ENOMEM;
    x->item = item;
    for (int c = 0; c < CHAINS; c++) {
        bucket[c] = malloc(room * sizeof *bucket[c]);
        if (!bucket[c]) {
            while (c-- > 0)
                free(bucket[c]);
            return -ENOMEM;
        }
        memset(bucket[c], 0xff, room * sizeof *bucket[c]);
    }
    for (int c = 0; c < CHAINS; c++) {
        free(x->bucket[c]);
        x->bucket[c] = bucket[c];
    }
    x->room = x->buckets = room;
    for (uint32_t i = 0; i < x->n; i++)
        if (x->item[i].class)
            chain_in(x, i);
    return 0;
}

int index_add(struct object_index *x, unsigned long handle, unsigned class, const void *id, size_t id_len,
              const void *label, size_t label_len, const uint8_t *sha256)
{
    struct object o = {.handle = handle, .class = class, .id_len = id_len, .label_len = label_len};
    int r = index_grow(x);

    if (r < 0)
        return r;
    o.label = malloc(label_len + 1);
    o.id = id_len ? malloc(id_len) : NULL;
    if (!o.label || (id_len && !o.id)) {
        free(o.label);
        free(o.id);
        return -ENOMEM;
    }
    if (id_len)
        memcpy(o.id, id, id_len);
    if (label_len)
        memcpy(o.label, label, label_len);
    o.label[label_len] = 0;
    if (sha256) {
        memcpy(o.sha256, sha256, sizeof o.sha256);
        o.has_sha256 = true;
    }
    x->item[x->n] = o;
    chain_in(x, x->n++);
    return 0;
}

void index_remove(struct object_index *x, uint32_t at)
{
    struct object *o = &x->item[at];

    if (!o->class)
        return;
    chain_out(x, at);
    free(o->id);
    free(o->label);
    *o = (struct object){.next = {OBJECT_NONE, OBJECT_NONE, OBJECT_NONE}};
    /* Refreshes add behind what they remove: give places at the end back, so that the array does not creep.
     */
    while (x->n > 0 && !x->item[x->n - 1].class)
        x->n--;
}

void index_remove_class(struct object_index *x, unsigned mask)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < x->n; i++) {
        if (!x->item[i].class || (x->item[i].class & mask)) {
            free(x->item[i].id);
            free(x->item[i].label);
        } else {
            x->item[n++] = x->item[i];
        }
    }
    x->n = n;
    for (int c = 0; c < CHAINS && x->buckets; c++)
        memset(x->bucket[c], 0xff, x->buckets * sizeof *x->bucket[c]);
    for (uint32_t i = 0; i < n; i++)
        chain_in(x, i);
}

static bool matches(const struct object *o, const struct object_key *k)
{
    if (!(o->class & k->mask))
        return false;
    if (k->id && (o->id_len != k->id_len || memcmp(o->id, k->id, k->id_len) != 0))
        return false;
    if (k->label && (o->label_len != k->label_len || memcmp(o->label, k->label, k->label_len) != 0))
        return false;
    return !k->sha256 || (o->has_sha256 && memcmp(o->sha256, k->sha256, k->sha256_len) == 0);
}

uint32_t index_find(const struct object_index *x, const struct object_key *k, uint32_t after)
{
    int chain = k->id ? BY_ID : k->sha256 ? BY_SHA256 : BY_LABEL;
    uint32_t at;

    if (!x->buckets)
        return OBJECT_NONE;
    if (after != OBJECT_NONE) {
        at = x->item[after].next[chain];
    } else {
        uint32_t h = chain == BY_ID       ? hash(k->id, k->id_len)
                     : chain == BY_SHA256 ? hash(k->sha256, OBJECT_SHA_KEY)
                                          : hash(k->label, k->label_len);
        at = x->bucket[chain][h & (x->buckets - 1)];
    }
    while (at != OBJECT_NONE && !matches(&x->item[at], k))
        at = x->item[at].next[chain];
    return at;
}

uint32_t index_find_handle(const struct object_index *x, unsigned long handle, unsigned mask)
{
    for (uint32_t i = 0; i < x->n; i++)
        if (x->item[i].handle == handle && (x->item[i].class & mask))
            return i;
    return OBJECT_NONE;
}
