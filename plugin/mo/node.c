/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes and sets of nodes (internal.h): counting, copying on write, look-up, derived parents. */
#include <errno.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/mo/internal.h"

int mo_no_memory(struct mef_error *reterr)
{
    (void)mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    return -ENOMEM;
}

struct mo_node *mo_node_ref(const struct mo_node *n)
{
    struct mo_node *w = (struct mo_node *)(uintptr_t)n;

    if (w)
        w->refs++;
    return w;
}

void mo_node_unref(struct mo_node *n)
{
    if (!n || --n->refs > 0)
        return;
    for (size_t i = 0; i < MO_ATTR_MAX_; i++)
        mo_value_unref(n->attrs[i]);
    free(n->name);
    free(n->mef_reg);
    free(n->links);
    json_decref(n->extra);
    json_decref(n->extra_attrs);
    free(n);
}

int mo_node_copy(const struct mo_node *n, struct mo_node **ret)
{
    struct mo_node *c = malloc(sizeof *c);

    if (!c)
        return -ENOMEM;
    *c = *n;
    c->refs = 1;
    c->size = 0;
    c->name = strdup(n->name);
    c->mef_reg = n->mef_reg ? strdup(n->mef_reg) : NULL;
    c->links = n->n_links ? malloc(n->n_links * sizeof *c->links) : NULL;
    for (size_t i = 0; i < MO_ATTR_MAX_; i++)
        (void)mo_value_ref(c->attrs[i]);
    (void)json_incref(c->extra);
    (void)json_incref(c->extra_attrs);
    if (!c->name || (n->mef_reg && !c->mef_reg) || (n->n_links && !c->links)) {
        mo_node_unref(c);
        return -ENOMEM;
    }
    if (n->n_links)
        memcpy(c->links, n->links, n->n_links * sizeof *c->links);
    *ret = c;
    return 0;
}

bool mo_node_links_to(const struct mo_node *n, uint64_t id)
{
    for (size_t i = 0; i < n->n_links; i++)
        if (n->links[i] == id)
            return true;
    return false;
}

int mo_node_add_link(struct mo_node *n, uint64_t id)
{
    if (mo_node_links_to(n, id))
        return 0;
    uint64_t *more = realloc(n->links, (n->n_links + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    n->links = more;
    n->links[n->n_links++] = id;
    return 0;
}

void mo_node_drop_link(struct mo_node *n, uint64_t id)
{
    size_t k = 0;

    for (size_t i = 0; i < n->n_links; i++)
        if (n->links[i] != id)
            n->links[k++] = n->links[i];
    n->n_links = k;
}

/* ---- sets -----------------------------------------------------------------------------------------------
 */

int mo_set_copy(const struct mo_set *from, struct mo_set *to)
{
    struct mo_set s = *from;

    s.room = from->n + 8;
    s.nodes = malloc(s.room * sizeof *s.nodes);
    if (!s.nodes)
        return -ENOMEM;
    for (size_t i = 0; i < s.n; i++)
        s.nodes[i] = mo_node_ref(from->nodes[i]);
    *to = s;
    return 0;
}

void mo_set_clear(struct mo_set *s)
{
    for (size_t i = 0; i < s->n; i++)
        mo_node_unref(s->nodes[i]);
    free(s->nodes);
    *s = (struct mo_set){0};
}

/* Index of the first node whose id is not below. */
static size_t position(const struct mo_set *s, uint64_t id)
{
    size_t lo = 0, hi = s->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->nodes[mid]->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct mo_node *mo_set_by_id(const struct mo_set *s, uint64_t id)
{
    size_t i = position(s, id);

    return i < s->n && s->nodes[i]->id == id ? s->nodes[i] : NULL;
}

struct mo_node *mo_set_by_name(const struct mo_set *s, enum mo_type type, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->nodes[i]->type == type && streq(s->nodes[i]->name, name))
            return s->nodes[i];
    return NULL;
}

struct mo_node *mo_set_by_alias(const struct mo_set *s, enum mo_type type, uint32_t iid)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->nodes[i]->type == type && s->nodes[i]->iid == iid)
            return s->nodes[i];
    return NULL;
}

int mo_set_insert(struct mo_set *s, struct mo_node *n)
{
    if (s->n == s->room) {
        size_t room = s->room + 64;
        struct mo_node **more = realloc(s->nodes, room * sizeof *more);
        if (!more) {
            mo_node_unref(n);
            return -ENOMEM;
        }
        s->nodes = more;
        s->room = room;
    }
    size_t i = position(s, n->id);
    memmove(s->nodes + i + 1, s->nodes + i, (s->n - i) * sizeof *s->nodes);
    s->nodes[i] = n;
    s->n++;
    /* Instances are handed out upwards, so that an alias that a server has learned does not come to mean
     * another node at once. */
    if (n->iid >= s->next_iid[n->type])
        s->next_iid[n->type] = n->iid + 1;
    return 0;
}

void mo_set_remove(struct mo_set *s, uint64_t id)
{
    size_t i = position(s, id);

    if (i == s->n || s->nodes[i]->id != id)
        return;
    mo_node_unref(s->nodes[i]);
    memmove(s->nodes + i, s->nodes + i + 1, (s->n - i - 1) * sizeof *s->nodes);
    s->n--;
}

struct mo_node *mo_set_write(struct mo_set *s, uint64_t id)
{
    size_t i = position(s, id);
    struct mo_node *copy;

    if (i == s->n || s->nodes[i]->id != id)
        return NULL;
    if (s->nodes[i]->refs == 1) {
        s->nodes[i]->size = 0;
        return s->nodes[i];
    }
    if (mo_node_copy(s->nodes[i], &copy) < 0)
        return NULL;
    mo_node_unref(s->nodes[i]);
    return s->nodes[i] = copy;
}

int mo_set_choose_iid(struct mo_set *s, enum mo_type type, uint32_t *ret)
{
    if (s->next_iid[type] <= MO_IID_MAX) {
        *ret = s->next_iid[type];
        return 0;
    }
    for (uint32_t i = 0; i <= LIMIT_NODES; i++)
        if (!mo_set_by_alias(s, type, i)) {
            *ret = i;
            return 0;
        }
    return -E2BIG;
}

/* ---- parents ----------------------------------------------------------------------------------------------
 */

int mo_parents_build(const struct mo_set *s, struct mo_parents *ret)
{
    struct mo_parents p = {0};
    size_t total = 0;

    p.first = calloc(s->n + 2, sizeof *p.first);
    for (size_t i = 0; i < s->n; i++)
        total += s->nodes[i]->n_links;
    p.ids = calloc(total + 1, sizeof *p.ids);
    if (!p.first || !p.ids) {
        mo_parents_clear(&p);
        return -ENOMEM;
    }
    /* Count into first[i + 2], sum up, then fill: first[i + 1] moves to its end while the ids go in. */
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->nodes[i]->n_links; k++)
            if (mo_set_by_id(s, s->nodes[i]->links[k]))
                p.first[position(s, s->nodes[i]->links[k]) + 2]++;
    for (size_t i = 2; i < s->n + 2; i++)
        p.first[i] += p.first[i - 1];
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->nodes[i]->n_links; k++)
            if (mo_set_by_id(s, s->nodes[i]->links[k]))
                p.ids[p.first[position(s, s->nodes[i]->links[k]) + 1]++] = s->nodes[i]->id;
    *ret = p;
    return 0;
}

void mo_parents_clear(struct mo_parents *p)
{
    free(p->first);
    free(p->ids);
    *p = (struct mo_parents){0};
}

const uint64_t *mo_parents_of(const struct mo_parents *p, const struct mo_set *s, uint64_t id, size_t *ret_n)
{
    size_t i = position(s, id);

    if (!p->first || i == s->n || s->nodes[i]->id != id) {
        *ret_n = 0;
        return NULL;
    }
    *ret_n = p->first[i + 1] - p->first[i];
    return p->ids + p->first[i];
}
