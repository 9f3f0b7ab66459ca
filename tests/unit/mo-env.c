/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/mo-env.h"

#include <poll.h>
#include <string.h>

int env_try_open(struct env *e, struct mef_error *err)
{
    int r = db_open(e->dir, &mo_db_piece, 1, e->loop, &e->db, err);

    if (r == 0 && (r = mo_tree_open(e->db, e->loop, &e->tree, err)) < 0) {
        db_close(e->db);
        e->db = NULL;
    }
    return r;
}

static void open_all(struct env *e)
{
    struct mef_error err = {0};

    g_assert_cmpint(post_new(&e->loop), ==, 0);
    if (env_try_open(e, &err) < 0)
        g_error("%s", err.text);
}

void env_start(struct env *e)
{
    *e = (struct env){.dir = g_dir_make_tmp("mo-XXXXXX", NULL)};
    g_assert_nonnull(e->dir);
    open_all(e);
}

void env_close(struct env *e)
{
    if (e->tree)
        mo_tree_stop(e->tree);
    db_close(e->db);
    if (e->loop)
        post_run(e->loop);
    mo_tree_free(e->tree);
    post_free(e->loop);
    e->tree = NULL;
    e->db = NULL;
    e->loop = NULL;
}

void env_reopen(struct env *e)
{
    env_close(e);
    open_all(e);
}

void env_end(struct env *e)
{
    GDir *d;
    const char *name;

    env_close(e);
    d = g_dir_open(e->dir, 0, NULL);
    while (d && (name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(e->dir, name, NULL);
        (void)remove(path);
    }
    if (d)
        g_dir_close(d);
    g_assert_cmpint(remove(e->dir), ==, 0);
    g_free(e->dir);
}

void env_turn(struct env *e)
{
    struct pollfd p = {.fd = post_fd(e->loop), .events = POLLIN};

    g_assert_cmpint(poll(&p, 1, 60000), ==, 1);
    post_run(e->loop);
}

static void note(void *ctx, int r, uint64_t generation, const struct mo_diff *diff,
                 const struct mef_error *err)
{
    struct outcome *o = ctx;

    g_assert_false(o->called);
    o->called = true;
    o->r = r;
    o->generation = generation;
    o->story = g_string_new(NULL);
    if (err)
        o->err = *err;
    g_assert_true((r == 0) == (diff != NULL));
    for (size_t i = 0; diff && i < diff->n; i++) {
        const struct mo_change *c = &diff->changes[i];
        const struct mo_node *n = c->after ? c->after : c->before;
        if (i == 0)
            o->first = *c;
        o->triggers[c->trigger]++;
        g_string_append_printf(o->story, "%s%c%s/%s", i ? " " : "", "+~-"[c->kind],
                               mo_type_info(mo_node_type(n)) -> name, mo_node_name(n));
    }
    o->n = diff ? diff->n : 0;
}

struct mo_commit outcome_hooks(struct outcome *o)
{
    return (struct mo_commit){.ctx = o, .done = note};
}

int env_commit(struct env *e, struct mo_tx *tx, struct outcome *o)
{
    struct outcome mine = {0};
    struct outcome *at = o ? o : &mine;
    struct mo_commit how = outcome_hooks(at);

    *at = (struct outcome){0};
    g_assert_cmpint(mo_tx_commit(tx, &how), ==, 0);
    g_assert_false(at->called);
    while (!at->called)
        env_turn(e);
    int r = at->r;
    if (!o)
        outcome_clear(&mine);
    return r;
}

void outcome_clear(struct outcome *o)
{
    if (o->story)
        g_string_free(o->story, TRUE);
    *o = (struct outcome){0};
}

struct mo_tx *env_begin(struct env *e, enum mo_origin origin, const char *mef_reg)
{
    struct mo_tx *tx = NULL;
    struct mef_error err = {0};

    if (mo_tx_begin(e->tree, origin, mef_reg, &tx, &err) < 0)
        g_error("%s", err.text);
    return tx;
}

uint64_t env_add(struct mo_tx *tx, enum mo_type type, const char *name, const struct mo_input *attrs,
                 size_t n, char *const *links)
{
    struct mo_new what = {
        .type = type, .name = name, .attrs = attrs, .n_attrs = n, .links = links, .iid = -1};
    struct mef_error err = {0};
    uint64_t id = 0;

    if (mo_tx_add(tx, &what, &id, &err) < 0)
        g_error("%s", err.text);
    return id;
}

uint64_t env_add_mef(struct mo_tx *tx, const char *name, char *const *links)
{
    g_autofree char *fqdn = g_strdup_printf("%s.example.com", name);
    struct mo_input attrs[] = {STR("fqdn", fqdn), STR("adminFQDN", "admin.example.org"),
                               NUM("httpPort", 443)};

    return env_add(tx, MO_MEF_CLIENT_REG_CFG, name, attrs, G_N_ELEMENTS(attrs), links);
}

void env_import(struct env *e, const char *text)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    struct mef_error err = {0};
    struct outcome o;

    if (mo_tx_import(tx, text, strlen(text), &err) < 0)
        g_error("%s", err.text);
    if (env_commit(e, tx, &o) < 0)
        g_error("%s", o.err.text);
    outcome_clear(&o);
}

char *env_export(struct env *e)
{
    char *text = NULL;

    g_assert_cmpint(mo_tree_export(e->tree, &text, NULL), ==, 0);
    return text;
}

char *env_fixture(const char *name)
{
    g_autofree char *path = g_build_filename(TOP_SRCDIR, "tests", "fixtures", name, NULL);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}
