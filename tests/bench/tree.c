/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The MO tree, large against small: an objectPath, and a commit that changes one node. Counted in
 * instructions, since what a clock would show is how much of the large tree the cache still holds. */
#include <stdio.h>

#include "plugin/mo/internal.h"
#include "tests/bench/count.h"
#include "tests/bench/figure.h"
#include "tests/unit/mo-env.h"

#define SMALL    100
#define LARGE    10000
#define HUGE     100000
#define BATCH    10000 /* nodes of a commit that fills */
#define PATHS    1000
#define COMMITS  50
#define PER_TYPE 40000 /* LwM2M has 65535 instances of a type */
#define FIRST                                                                                                \
    10000 /* instances have five digits in each tree, else their paths would be of other lengths             \
           */

static const enum mo_type types[] = {MO_AUTHENTICATION_PROFILE, MO_MEF_CLIENT_REG_CFG, MO_DATA_COLLECTION};

static enum mo_type type_of(unsigned i)
{
    return types[i / PER_TYPE];
}

static void name_of(unsigned i, char name[16])
{
    (void)snprintf(name, 16, "node%06u", i);
}

static void add_node(struct mo_tx *tx, unsigned i, const char *name, const struct mo_input *attrs, size_t n)
{
    struct mo_new what = {.type = type_of(i),
                          .name = name,
                          .attrs = attrs,
                          .n_attrs = n,
                          .iid = (int32_t)(FIRST + i % PER_TYPE)};
    struct mef_error err = {0};

    if (mo_tx_add(tx, &what, NULL, &err) < 0)
        g_error("%s", err.text);
}

/* Nodes as a gateway has them. */
static void add(struct mo_tx *tx, unsigned i)
{
    char name[16], fqdn[64];
    name_of(i, name);
    (void)snprintf(fqdn, sizeof fqdn, "mef%06u.example.com", i);
    const struct mo_input profile[] = {NUM("SUID", 22), LST("TLSCiphersuites", "00AE", "C023"),
                                       STR("expirationTime", "20391231T235959"),
                                       STR("description", "a profile")};
    const struct mo_input mef[] = {STR("fqdn", fqdn), STR("adminFQDN", "admin.example.org"),
                                   NUM("httpPort", 443), STR("description", "a MEF")};
    const struct mo_input data[] = {STR("containerPath", "/cse/ae/container"), STR("description", "data")};

    if (type_of(i) == MO_AUTHENTICATION_PROFILE)
        add_node(tx, i, name, profile, G_N_ELEMENTS(profile));
    else if (type_of(i) == MO_MEF_CLIENT_REG_CFG)
        add_node(tx, i, name, mef, G_N_ELEMENTS(mef));
    else
        add_node(tx, i, name, data, G_N_ELEMENTS(data));
}

static void fill(struct env *e, unsigned n)
{
    e->tree->raised = 2000;
    for (unsigned i = 0; i < n;) {
        struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
        for (unsigned k = 0; k < BATCH && i < n; k++, i++)
            add(tx, i);
        g_assert_cmpint(env_commit(e, tx, NULL), ==, 0);
    }
    g_assert_cmpuint(mo_tree_count(e->tree), ==, n);
}

/* Names all over the tree. */
static unsigned pick(unsigned i, unsigned n)
{
    return (unsigned)((guint64)i * 7919 % n);
}

static void resolve(struct env *e, unsigned n, const char *name, gboolean alias)
{
    char paths[PATHS][64];

    for (unsigned i = 0; i < PATHS; i++) {
        unsigned at = pick(i, n);
        char node[16];
        name_of(at, node);
        if (alias)
            (void)snprintf(paths[i], sizeof paths[i], "/%u/%u", mo_type_info(type_of(at))->oid,
                           FIRST + at % PER_TYPE);
        else
            (void)snprintf(paths[i], sizeof paths[i], "./DCFG/%s/%s", mo_type_info(type_of(at))->name, node);
    }
    unsigned found = 0;
    count_on();
    for (unsigned i = 0; i < PATHS; i++)
        found += mo_tree_resolve(e->tree, paths[i]) != NULL;
    count_off(name);
    g_assert_cmpuint(found, ==, PATHS);
}

/* One node gets another description. */
static void commits(struct env *e, unsigned n, const char *name)
{
    for (unsigned i = 0; i <= COMMITS; i++) {
        unsigned at = pick(i, n);
        char node[16], text[32];
        name_of(at, node);
        (void)snprintf(text, sizeof text, "change %u", 100 + i);
        const struct mo_input in[] = {STR("description", text)};
        if (i == 1) /* the first one warms up */
            count_on();
        struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
        const struct mo_node *found = mo_tx_by_name(tx, type_of(at), node);
        g_assert_nonnull(found);
        g_assert_cmpint(mo_tx_set(tx, mo_node_id(found), in, 1, NULL, NULL), ==, 0);
        g_assert_cmpint(env_commit(e, tx, NULL), ==, 0);
    }
    count_off(name);
}

static void inside(void)
{
    static const unsigned sizes[] = {SMALL, LARGE, HUGE};

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        struct env e;
        char name[64];
        env_start(&e);
        fill(&e, sizes[i]);
        (void)snprintf(name, sizeof name, "path %u", sizes[i]);
        resolve(&e, sizes[i], name, FALSE);
        (void)snprintf(name, sizeof name, "alias %u", sizes[i]);
        resolve(&e, sizes[i], name, TRUE);
        if (sizes[i] != HUGE) {
            (void)snprintf(name, sizeof name, "commit %u", sizes[i]);
            commits(&e, sizes[i], name);
        }
        env_end(&e);
    }
}

int main(int argc, char **argv)
{
    if (count_inside()) {
        inside();
        return 0;
    }
    if (!count_tool())
        return 1;
    count_run(argv[0]);
    at_most("objectPath by name, 100000 nodes : 100 (instructions)", count_of("path 100000") / PATHS,
            count_of("path 100") / PATHS, 1.3);
    at_most("objectPath by number, 100000 nodes : 100 (instructions)", count_of("alias 100000") / PATHS,
            count_of("alias 100") / PATHS, 1.3);
    at_most("commit of one node, 10000 nodes : 100 (instructions)", count_of("commit 10000") / COMMITS,
            count_of("commit 100") / COMMITS, 1.5);
    return 0;
}
