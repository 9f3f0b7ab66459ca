/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of nodes (internal.h): the nodes by id and the indexes that follow from them. An index has 32 bits of
 * what is looked for in the upper half of its keys and the id in the lower one, so that those that share a
 * hash stand side by side; who is found is always compared. */
#include <errno.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/mo/internal.h"

static struct mo_node *node_in(uint64_t value)
{
    return (struct mo_node *)(uintptr_t)value;
}

static void hold(uint64_t value)
{
    (void)mo_node_ref(node_in(value));
}

static void drop(uint64_t value)
{
    mo_node_unref(node_in(value));
}

static const struct trie_values nodes = {hold, drop}, ids = {NULL, NULL};

static uint64_t key(uint32_t what, uint64_t id)
{
    return (uint64_t)what << 32 | id;
}

static uint32_t hash_text(uint32_t h, const char *text)
{
    do
        h = (h ^ (uint8_t)*text) * 16777619u;
    while (*text++);
    return h;
}

static uint32_t hash_name(enum mo_type type, const char *name)
{
    return hash_text(2166136261u ^ type, name);
}

static uint32_t hash_alias(enum mo_type type, uint32_t iid)
{
    return (uint32_t)type << 16 | iid;
}

static uint32_t hash_identity(enum mo_type type, const char *fqdn, const char *admin_fqdn)
{
    return hash_text(hash_text(2166136261u ^ type, fqdn), admin_fqdn);
}

static const char *text_of(const struct mo_node *n, enum mo_attr attr)
{
    return n->attrs[attr] ? n->attrs[attr]->text : NULL;
}

/* Whether both parts of an identity are there; only the two RegCfg types have one. */
static bool identity_of(const struct mo_node *n, const char **fqdn, const char **admin_fqdn)
{
    *fqdn = text_of(n, MO_FQDN);
    *admin_fqdn = text_of(n, MO_ADMIN_FQDN);
    return *fqdn && *admin_fqdn;
}

/* ---- life --------------------------------------------------------------------------------------------- */

void mo_set_copy(const struct mo_set *from, struct mo_set *to)
{
    *to = *from;
    (void)trie_copy(to->nodes);
    (void)trie_copy(to->names);
    (void)trie_copy(to->aliases);
    (void)trie_copy(to->identities);
    (void)trie_copy(to->parents);
}

void mo_set_clear(struct mo_set *s)
{
    trie_free(s->names);
    trie_free(s->aliases);
    trie_free(s->identities);
    trie_free(s->parents);
    trie_free(s->nodes);
    *s = (struct mo_set){0};
}

/* ---- looking ------------------------------------------------------------------------------------------ */

struct mo_node *mo_set_by_id(const struct mo_set *s, uint64_t id)
{
    uint64_t value;

    return trie_get(s->nodes, id, &value) ? node_in(value) : NULL;
}

struct mo_node *mo_set_next(const struct mo_set *s, const struct mo_node *after)
{
    uint64_t id, value;

    return trie_next(s->nodes, after ? after->id + 1 : 0, &id, &value) ? node_in(value) : NULL;
}

struct mo_node *mo_set_nth(const struct mo_set *s, size_t i)
{
    return i < s->n ? node_in(trie_nth(s->nodes, i)) : NULL;
}

/* The next node with that hash in an index, or NULL; `*id` is the last one seen, 0 at first. */
static struct mo_node *next_with(const struct mo_set *s, const struct trie *index, uint32_t hash,
                                 uint64_t *id)
{
    uint64_t found;

    if (!trie_next(index, key(hash, *id + 1), &found, id) || found >> 32 != hash)
        return NULL;
    return mo_set_by_id(s, *id);
}

static struct mo_node *find_name(const struct mo_set *s, enum mo_type type, const char *name,
                                 const struct mo_node *but)
{
    uint32_t hash = hash_name(type, name);
    struct mo_node *n;

    for (uint64_t id = 0; (n = next_with(s, s->names, hash, &id));)
        if (n != but && n->type == type && streq(n->name, name))
            return n;
    return NULL;
}

static struct mo_node *find_alias(const struct mo_set *s, enum mo_type type, uint32_t iid,
                                  const struct mo_node *but)
{
    struct mo_node *n;

    for (uint64_t id = 0; (n = next_with(s, s->aliases, hash_alias(type, iid), &id));)
        if (n != but && n->type == type && n->iid == iid)
            return n;
    return NULL;
}

static struct mo_node *find_identity(const struct mo_set *s, enum mo_type type, const char *fqdn,
                                     const char *admin_fqdn, const struct mo_node *but)
{
    uint32_t hash = hash_identity(type, fqdn, admin_fqdn);
    const char *f, *a;
    struct mo_node *n;

    for (uint64_t id = 0; (n = next_with(s, s->identities, hash, &id));)
        if (n != but && n->type == type && identity_of(n, &f, &a) && streq(f, fqdn) && streq(a, admin_fqdn))
            return n;
    return NULL;
}

struct mo_node *mo_set_by_name(const struct mo_set *s, enum mo_type type, const char *name)
{
    return find_name(s, type, name, NULL);
}

struct mo_node *mo_set_by_alias(const struct mo_set *s, enum mo_type type, uint32_t iid)
{
    return find_alias(s, type, iid, NULL);
}

struct mo_node *mo_set_by_identity(const struct mo_set *s, enum mo_type type, const char *fqdn,
                                   const char *admin_fqdn)
{
    return find_identity(s, type, fqdn, admin_fqdn, NULL);
}

struct mo_node *mo_set_same_name(const struct mo_set *s, const struct mo_node *n)
{
    return find_name(s, n->type, n->name, n);
}

struct mo_node *mo_set_same_alias(const struct mo_set *s, const struct mo_node *n)
{
    return find_alias(s, n->type, n->iid, n);
}

struct mo_node *mo_set_same_identity(const struct mo_set *s, const struct mo_node *n)
{
    const char *fqdn, *admin_fqdn;

    return identity_of(n, &fqdn, &admin_fqdn) ? find_identity(s, n->type, fqdn, admin_fqdn, n) : NULL;
}

uint64_t mo_set_parent_after(const struct mo_set *s, uint64_t id, uint64_t after)
{
    uint64_t found, parent;

    if (!trie_next(s->parents, key((uint32_t)id, after + 1), &found, &parent) || found >> 32 != id)
        return 0;
    return parent;
}

/* ---- changing ----------------------------------------------------------------------------------------- */

static int index_node(struct mo_set *s, const struct mo_node *n)
{
    const char *fqdn, *admin_fqdn;
    int r = trie_put(&s->names, &ids, key(hash_name(n->type, n->name), n->id), n->id);

    if (r == 0)
        r = trie_put(&s->aliases, &ids, key(hash_alias(n->type, n->iid), n->id), n->id);
    if (r == 0 && identity_of(n, &fqdn, &admin_fqdn))
        r = trie_put(&s->identities, &ids, key(hash_identity(n->type, fqdn, admin_fqdn), n->id), n->id);
    for (size_t i = 0; r == 0 && i < n->n_links; i++)
        r = trie_put(&s->parents, &ids, key((uint32_t)n->links[i], n->id), n->id);
    return r;
}

static int unindex_node(struct mo_set *s, const struct mo_node *n)
{
    const char *fqdn, *admin_fqdn;
    int r = trie_take(&s->names, key(hash_name(n->type, n->name), n->id));

    if (r == 0)
        r = trie_take(&s->aliases, key(hash_alias(n->type, n->iid), n->id));
    if (r == 0 && identity_of(n, &fqdn, &admin_fqdn))
        r = trie_take(&s->identities, key(hash_identity(n->type, fqdn, admin_fqdn), n->id));
    for (size_t i = 0; r == 0 && i < n->n_links; i++)
        r = trie_take(&s->parents, key((uint32_t)n->links[i], n->id));
    return r;
}

/* Whether no index would change when one takes the place of the other. */
static bool same_index(const struct mo_node *a, const struct mo_node *b)
{
    return a->type == b->type && a->iid == b->iid && streq(a->name, b->name) &&
           streq0(text_of(a, MO_FQDN), text_of(b, MO_FQDN)) &&
           streq0(text_of(a, MO_ADMIN_FQDN), text_of(b, MO_ADMIN_FQDN)) && a->n_links == b->n_links &&
           (a->n_links == 0 || memcmp(a->links, b->links, a->n_links * sizeof *a->links) == 0);
}

int mo_set_put(struct mo_set *s, struct mo_node *n)
{
    const struct mo_node *old = mo_set_by_id(s, n->id);
    struct mo_set new;
    int r = 0;

    /* On a copy: memory may end half-way. */
    mo_set_copy(s, &new);
    if (!old || !same_index(old, n)) {
        if (old)
            r = unindex_node(&new, old);
        if (r == 0)
            r = index_node(&new, n);
    }
    if (r == 0)
        r = trie_put(&new.nodes, &nodes, n->id, (uintptr_t)n);
    if (r < 0) {
        mo_node_unref(n);
        mo_set_clear(&new);
        return r;
    }
    new.n = trie_count(new.nodes);
    /* Instances are handed out upwards, so that an alias that a server has learned does not come to mean
     * another node at once. */
    if (n->iid >= new.next_iid[n->type])
        new.next_iid[n->type] = n->iid + 1;
    mo_set_clear(s);
    *s = new;
    return 0;
}

int mo_set_remove(struct mo_set *s, uint64_t id)
{
    const struct mo_node *n = mo_set_by_id(s, id);
    struct mo_set new;

    if (!n)
        return 0;
    mo_set_copy(s, &new);
    int r = unindex_node(&new, n);
    if (r == 0)
        r = trie_take(&new.nodes, id);
    if (r < 0) {
        mo_set_clear(&new);
        return r;
    }
    new.n = trie_count(new.nodes);
    mo_set_clear(s);
    *s = new;
    return 0;
}

int mo_set_choose_iid(struct mo_set *s, enum mo_type type, uint32_t *ret)
{
    if (s->next_iid[type] <= MO_IID_MAX) {
        *ret = s->next_iid[type];
        return 0;
    }
    for (uint32_t i = 0; i <= MO_IID_MAX; i++)
        if (!mo_set_by_alias(s, type, i)) {
            *ret = i;
            return 0;
        }
    return -E2BIG;
}
