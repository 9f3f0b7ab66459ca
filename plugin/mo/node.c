/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes (internal.h): counting and copying. */
#include <errno.h>
#include <string.h>

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
