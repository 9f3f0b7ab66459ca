/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node as plain data for whoever judges it outside the loop (policy/mo-node.h; EE-07: the values of this
 * very moment). Ownership: the copy is the caller's. Thread: the loop's. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/mo/tree.h"
#include "policy/mo-node.h"

static const struct text_row {
    enum mo_attr attr;
    size_t at;
} texts[] = {
    {MO_SYMM_KEY_ID, offsetof(struct mo_snapshot, symm_key_id)},
    {MO_KEY_REG_DURATION, offsetof(struct mo_snapshot, key_reg_duration)},
    {MO_MY_CERT_FINGERPRINT, offsetof(struct mo_snapshot, my_cert_fingerprint)},
    {MO_RAW_PUB_KEY_ID, offsetof(struct mo_snapshot, raw_pub_key_id)},
    {MO_CERT_FINGERPRINT, offsetof(struct mo_snapshot, cert_fingerprint)},
    {MO_URI, offsetof(struct mo_snapshot, uri)},
    {MO_FQDN, offsetof(struct mo_snapshot, fqdn)},
    {MO_ADMIN_FQDN, offsetof(struct mo_snapshot, admin_fqdn)},
    {MO_CSE_ID, offsetof(struct mo_snapshot, cse_id)},
    {MO_CONTAINER_PATH, offsetof(struct mo_snapshot, container_path)},
};

static const struct text_row lists[] = {
    {MO_LABELS, offsetof(struct mo_snapshot, labels)},
    {MO_TLS_CIPHERSUITES, offsetof(struct mo_snapshot, suites)},
    {MO_KEY_REG_LABELS, offsetof(struct mo_snapshot, key_reg_labels)},
    {MO_POINT_OF_ACCESS, offsetof(struct mo_snapshot, points_of_access)},
};

static int fill(const struct mo_node *n, struct mo_snapshot *s)
{
    s->id = mo_node_id(n);
    s->definition = (enum mgmt_definition)mo_type_info(mo_node_type(n))->definition;
    s->expires = mo_node_time(n, MO_EXPIRATION_TIME);
    s->suid = mo_node_uint(n, MO_SUID, 0);
    s->symm_key_value = mo_node_has(n, MO_SYMM_KEY_VALUE);
    s->http_port = (uint16_t)mo_node_uint(n, MO_HTTP_PORT, 0);
    s->coap_port = (uint16_t)mo_node_uint(n, MO_COAP_PORT, 0);
    s->websocket_port = (uint16_t)mo_node_uint(n, MO_WEBSOCKET_PORT, 0);
    s->name = strdup(mo_node_name(n));
    s->path = mo_node_path(n);
    bool ok = s->name && s->path;
    for (size_t i = 0; ok && i < ELEMENTS(texts); i++) {
        const char *text = mo_node_text(n, texts[i].attr);
        char **to = (char **)(void *)((char *)s + texts[i].at);
        ok = !text || (*to = strdup(text));
    }
    for (size_t i = 0; ok && i < ELEMENTS(lists); i++) {
        char *const *list = mo_node_list(n, lists[i].attr);
        char ***to = (char ***)(void *)((char *)s + lists[i].at);
        ok = !list || !*list || (*to = strv_copy(list));
    }
    return ok ? 0 : -ENOMEM;
}

static int push(const struct mo_tree *tree, uint64_t id, struct mo_snapshot **ret, size_t *ret_n)
{
    const struct mo_node *one = mo_tree_by_id(tree, id);
    struct mo_snapshot *more;

    if (!one)
        return 0;
    if (!(more = reallocarray(*ret, *ret_n + 1, sizeof *more)))
        return -ENOMEM;
    *ret = more;
    more[*ret_n] = (struct mo_snapshot){0};
    return fill(one, &more[(*ret_n)++]);
}

int mo_node_snapshot(const struct mo_tree *tree, const struct mo_node *n, struct mo_snapshot *ret)
{
    struct mo_snapshot s = {0};
    size_t n_links;
    const uint64_t *links = mo_node_links(n, &n_links);
    int r = fill(n, &s);

    for (uint64_t id = 0; r == 0 && (id = mo_node_parent_after(tree, n, id));)
        r = push(tree, id, &s.parents, &s.n_parents);
    for (size_t i = 0; r == 0 && i < n_links; i++)
        r = push(tree, links[i], &s.children, &s.n_children);
    if (r < 0) {
        mo_snapshot_clear(&s);
        return r;
    }
    *ret = s;
    return 0;
}
