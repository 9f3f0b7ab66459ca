/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commits: their order, hooks, failing stores, state words, and the access rules of 4.4.
 */
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "tests/unit/mo-env.h"

static void setup(struct env *e, gconstpointer data)
{
    env_start(e);
}

static void teardown(struct env *e, gconstpointer data)
{
    env_end(e);
}

static uint64_t add_profile(struct mo_tx *tx, const char *name, uint32_t suid, char *const *links)
{
    struct mo_input attrs[] = {NUM("SUID", suid)};

    return env_add(tx, MO_AUTHENTICATION_PROFILE, name, attrs, 1, links);
}

static int commit(struct env *e, struct mo_tx *tx, const char *story)
{
    struct outcome o;
    int r = env_commit(e, tx, &o);

    if (r < 0 && story)
        g_error("%s", o.err.text);
    if (story)
        g_assert_cmpstr(o.story->str, ==, story);
    outcome_clear(&o);
    return r;
}

/* The commit must fail with this word, and the sentence hold this part; the tree stays. */
static void commit_fails(struct env *e, struct mo_tx *tx, enum mef_error_word word, const char *part)
{
    g_autofree char *before = env_export(e);
    uint64_t generation = mo_tree_generation(e->tree);
    struct outcome o;

    g_assert_cmpint(env_commit(e, tx, &o), <, 0);
    if (o.err.word != word || !strstr(o.err.text, part))
        g_error("%s: %s", mef_error_name(o.err.word), o.err.text);
    outcome_clear(&o);
    g_autofree char *after = env_export(e);
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpuint(mo_tree_generation(e->tree), ==, generation);
}

static int add(struct mo_tx *tx, enum mo_type type, const char *name, const struct mo_input *attrs, size_t n,
               struct mef_error *err)
{
    struct mo_new what = MO_NEW(type, name, attrs, n);

    *err = (struct mef_error){0};
    return mo_tx_add(tx, &what, NULL, err);
}

#define AP(name)  "./DCFG/authenticationProfile/" name
#define MEF(name) "./DCFG/MEFClientRegCfg/" name
#define TA(name)  "./DCFG/trustAnchorCred/" name

static uint64_t add_anchor(struct mo_tx *tx, const char *name)
{
    struct mo_input attrs[] = {
        STR("certFingerprint", "ni:///sha-256;qASb2_tpBvmFrld9_LvA28lgIYqvAGOAEIbOmwmJvIc"),
        STR("URI", "https://mef.example.com/ta.der")};

    return env_add(tx, MO_TRUST_ANCHOR_CRED, name, attrs, 2, NULL);
}

/* ---- order of commits
 * ------------------------------------------------------------------------------------------------ */

static void wait_for(struct env *e, struct outcome *o)
{
    while (!o->called)
        env_turn(e);
}

static void test_serial(struct env *e, gconstpointer data)
{
    struct mo_tx *a, *b, *c, *d;
    struct outcome oa = {0}, ob = {0}, oc = {0}, od = {0};
    struct mo_commit ha = outcome_hooks(&oa), hb = outcome_hooks(&ob), hc = outcome_hooks(&oc),
                     hd = outcome_hooks(&od);
    const struct mo_input port[] = {NUM("httpPort", 8443)};

    a = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    b = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    uint64_t mef = env_add_mef(a, "mef1", NULL);
    (void)env_add_mef(b, "mef1", NULL); /* each alone is right */
    g_assert_cmpint(mo_tx_commit(a, &ha), ==, 0);
    g_assert_cmpint(mo_tx_commit(b, &hb), ==, 0);
    wait_for(e, &ob);
    g_assert_true(oa.called);
    g_assert_cmpint(oa.r, ==, 0);
    g_assert_cmpint(ob.r, ==, -EEXIST);
    g_assert_nonnull(strstr(ob.err.text, "has changed"));

    /* different nodes: both, the second on top of the first */
    c = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    d = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_set(c, mef, port, 1, NULL, NULL), ==, 0);
    (void)env_add_mef(d, "mef2", NULL);
    g_assert_cmpint(mo_tx_commit(c, &hc), ==, 0);
    g_assert_cmpint(mo_tx_commit(d, &hd), ==, 0);
    wait_for(e, &od);
    g_assert_cmpint(oc.r, ==, 0);
    g_assert_cmpint(od.r, ==, 0);
    g_assert_cmpuint(oc.generation, ==, 2);
    g_assert_cmpuint(od.generation, ==, 3);
    g_assert_cmpuint(mo_node_uint(mo_tree_by_id(e->tree, mef), MO_HTTP_PORT, 0), ==, 8443);
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 2);
    outcome_clear(&oa);
    outcome_clear(&ob);
    outcome_clear(&oc);
    outcome_clear(&od);

    /* what it works on has gone: an honest refusal, and a check that failed does not spoil the transaction */
    a = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    (void)env_add_mef(a, "mef3", NULL);
    g_assert_cmpint(mo_tx_set(a, mef, port, 1, NULL, NULL), ==, 0);
    b = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_delete(b, mef, NULL), ==, 0);
    commit(e, b, "-MEFClientRegCfg/mef1");
    g_assert_cmpint(mo_tx_check(a, NULL), ==, -ENOENT);
    g_assert_cmpint(mo_tx_check(a, NULL), ==, -ENOENT);
    commit_fails(e, a, MEF_ERROR_NOT_FOUND,
                 "has changed since the transaction began: MEFClientRegCfg 'mef1'");
}

static void test_stop(struct env *e, gconstpointer data)
{
    struct outcome o[3] = {{0}};

    for (int i = 0; i < 3; i++) {
        struct mo_commit how = outcome_hooks(&o[i]);
        g_autofree char *name = g_strdup_printf("mef%d", i);
        struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
        (void)env_add_mef(tx, name, NULL);
        g_assert_cmpint(mo_tx_commit(tx, &how), ==, 0);
    }
    env_turn(e); /* the first is on its way */
    env_close(e);
    for (int i = 0; i < 3; i++) {
        g_assert_true(o[i].called);
        g_assert_cmpint(o[i].r, ==, i == 0 ? 0 : -ECANCELED);
        outcome_clear(&o[i]);
    }
    env_reopen(e);
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 1);
}

/* ---- hooks, failing stores
 * ---------------------------------------------------------------------------------------------- */

struct hooked {
    struct outcome o; /* first: the ctx of `done` */
    int prepare_result, also_result;
    size_t prepared, ran;
};

static int hook_prepare(void *ctx, const struct mo_diff *diff, struct mef_error *reterr)
{
    struct hooked *h = ctx;

    h->prepared = diff->n;
    return h->prepare_result ? mef_fail(reterr, MEF_ERROR_IN_PROGRESS, "not now") : 0;
}

static int hook_also(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct hooked *h = ctx;
    int r = db_exec(sql, "INSERT INTO side VALUES(1)", reterr);

    h->ran++;
    if (r == 0 && h->also_result)
        r = mef_fail(reterr, MEF_ERROR_TOKEN_FULL, "no room");
    return r;
}

static int make_side(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    return db_exec(sql, "CREATE TABLE side(x INTEGER)", reterr);
}

static int count_side(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    int r = stmt_prepare(&s, sql, "SELECT (SELECT count(*) FROM side) * 100 + (SELECT count(*) FROM mo_node)",
                         reterr);

    if (r == 0 && (r = stmt_step(&s, reterr)) > 0) {
        *(int64_t *)ctx = stmt_col_int(&s, 0);
        r = 0;
    }
    return r;
}

static int64_t in_store(struct env *e)
{
    int64_t n = -1;

    g_assert_cmpint(db_run(e->db, count_side, &n, NULL), ==, 0);
    return n;
}

static int commit_hooked(struct env *e, struct mo_tx *tx, struct hooked *h)
{
    struct mo_commit how = outcome_hooks(&h->o);

    how.ctx = h;
    how.prepare = hook_prepare;
    how.also = hook_also;
    g_assert_cmpint(mo_tx_commit(tx, &how), ==, 0);
    wait_for(e, &h->o);
    int r = h->o.r;
    outcome_clear(&h->o);
    return r;
}

static void test_hooks(struct env *e, gconstpointer data)
{
    struct hooked h = {0};
    struct mo_tx *tx;

    g_assert_cmpint(db_run(e->db, make_side, NULL, NULL), ==, 0);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    (void)env_add_mef(tx, "mef1", NULL);
    g_assert_cmpint(commit_hooked(e, tx, &h), ==, 0);
    g_assert_cmpuint(h.prepared, ==, 1);
    g_assert_cmpint(in_store(e), ==, 101);
    /* refused by the hook on the loop: nothing written */
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    (void)env_add_mef(tx, "mef2", NULL);
    h = (struct hooked){.prepare_result = 1};
    g_assert_cmpint(commit_hooked(e, tx, &h), ==, -EINPROGRESS);
    g_assert_cmpuint(h.ran, ==, 0);
    /* refused by the hook in the store: both rolled back */
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    (void)env_add_mef(tx, "mef2", NULL);
    h = (struct hooked){.also_result = 1};
    g_assert_cmpint(commit_hooked(e, tx, &h), ==, -ENOSPC);
    g_assert_cmpuint(h.ran, ==, 1);
    g_assert_cmpint(in_store(e), ==, 101);
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 1);
    /* an empty transaction still runs it */
    h = (struct hooked){0};
    g_assert_cmpint(commit_hooked(e, env_begin(e, MO_ORIGIN_LOCAL, NULL), &h), ==, 0);
    g_assert_cmpint(in_store(e), ==, 201);
    g_assert_cmpuint(mo_tree_generation(e->tree), ==, 1);
}

static int cap_pages(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    return db_exec(sql, *(int *)ctx ? "PRAGMA max_page_count=1" : "PRAGMA max_page_count=100000", reterr);
}

static int query_only(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    return db_exec(sql, "PRAGMA query_only=1", reterr);
}

static void test_disk(struct env *e, gconstpointer data)
{
    g_autofree char *text = env_fixture("mo-example.json");
    g_autofree char *big = g_strnfill(1000, 'x');
    struct mo_tx *tx;
    int on = 1, off = 0;

    env_import(e, text);
    g_assert_cmpint(db_run(e->db, cap_pages, &on, NULL), ==, 0);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    for (int i = 0; i < 200; i++) {
        g_autofree char *name = g_strdup_printf("p%d", i);
        const struct mo_input attrs[] = {NUM("SUID", 22), STR("description", big)};
        (void)env_add(tx, MO_AUTHENTICATION_PROFILE, name, attrs, 2, NULL);
    }
    commit_fails(e, tx, MEF_ERROR_FAILED, "full");
    g_assert_cmpint(db_run(e->db, cap_pages, &off, NULL), ==, 0);
    g_assert_cmpint(db_run(e->db, query_only, NULL, NULL), ==, 0);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    (void)env_add_mef(tx, "mef9", NULL);
    commit_fails(e, tx, MEF_ERROR_READ_ONLY, "state.db");
    g_autofree char *before = env_export(e);
    env_reopen(e);
    g_autofree char *after = env_export(e);
    g_assert_cmpstr(before, ==, after);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    (void)env_add_mef(tx, "mef9", NULL);
    commit(e, tx, "+MEFClientRegCfg/mef9"); /* and life goes on */
}

static void test_state(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL), *open;
    uint64_t id = env_add_mef(tx, "mef1", NULL);
    const struct mo_input port[] = {NUM("httpPort", 8443)};

    commit(e, tx, NULL);
    open = env_begin(e, MO_ORIGIN_LOCAL, NULL); /* copied before the state moves */
    g_assert_cmpint(mo_tx_set(open, id, port, 1, NULL, NULL), ==, 0);
    g_assert_cmpint(mo_node_set_state(e->tree, id, MO_READY, 20), ==, 0);
    g_assert_cmpint(mo_node_set_state(e->tree, 4711, MO_READY, 20), ==, -ENOENT);
    g_assert_cmpint(mo_node_state(mo_tree_by_id(e->tree, id)), ==, MO_READY);
    g_assert_cmpuint(mo_tree_generation(e->tree), ==, 1);
    commit(e, open, "~MEFClientRegCfg/mef1");
    g_assert_cmpint(mo_node_state(mo_tree_by_id(e->tree, id)), ==, MO_READY);
    env_reopen(e);
    g_assert_cmpint(mo_node_state(mo_tree_by_id(e->tree, id)), ==, MO_READY);
    g_assert_cmpuint(mo_node_last_status(mo_tree_by_id(e->tree, id)), ==, 20);
    g_assert_cmpuint(mo_node_uint(mo_tree_by_id(e->tree, id), MO_HTTP_PORT, 0), ==, 8443);
    g_assert_cmpint(mo_node_set_state(e->tree, id, MO_PROCESSING, 20), ==, 0);
    env_reopen(e); /* whoever was at it is gone */
    g_assert_cmpint(mo_node_state(mo_tree_by_id(e->tree, id)), ==, MO_CONFIGURED);
}

/* ---- the rules of 4.4
 * ------------------------------------------------------------------------------------------------------ */

struct mef_case {
    struct env *e;
    uint64_t own, other, own_ap, other_ap;
};

static struct mo_tx *mef_begin(struct env *e)
{
    return env_begin(e, MO_ORIGIN_MEF_DM, "mef1");
}

static void make_case(struct env *e, struct mef_case *c)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);

    c->e = e;
    c->own = env_add_mef(tx, "mef1", TEXTS(AP("own")));
    c->other = env_add_mef(tx, "mef2", TEXTS(AP("other")));
    c->own_ap = add_profile(tx, "own", 40, NULL);
    c->other_ap = add_profile(tx, "other", 40, NULL);
    commit(e, tx, NULL);
}

static void refused(int r, const struct mef_error *err)
{
    if (r != -EPERM || err->word != MEF_ERROR_NOT_AUTHORIZED)
        g_error("%d: %s", r, err->text);
}

/* V26: symmKeyValue, symmKeyID, any myCertFileCred */
static void test_mef_writes(struct env *e, gconstpointer data)
{
    struct mef_case c;
    struct mef_error err = {0};
    const struct mo_input value[] = {NUM("SUID", 22), STR("symmKeyValue", "AAAA")};
    const struct mo_input key[] = {NUM("SUID", 22), STR("SymmetricKeyID", "km@maf.example.net")};
    const struct mo_input set_key[] = {STR("symmKeyID", "km@maf.example.net")}, port[] = {NUM("httpPort", 1)};
    const struct mo_input file[] = {
        {.name = "SUIDs", .kind = MO_INPUT_UINTS, .uints = (uint64_t[]){42}, .n = 1},
        STR("myCertFileFormat", "application/pkix-cert"),
        STR("myCertFileContent", "MAcwADAAAwEA")};

    make_case(e, &c);
    g_autofree char *before = env_export(e);
    struct mo_tx *tx = mef_begin(e);
    refused(add(tx, MO_AUTHENTICATION_PROFILE, "p", value, 2, &err), &err);
    refused(add(tx, MO_AUTHENTICATION_PROFILE, "p", key, 2, &err), &err);
    refused(add(tx, MO_MY_CERT_FILE_CRED, "f", file, 3, &err), &err);
    refused(mo_tx_set(tx, c.own_ap, set_key, 1, NULL, &err), &err);
    refused(mo_tx_set(tx, c.own_ap, NULL, 0, TEXTS("symmKeyID"), &err), &err);
    refused(mo_tx_set(tx, c.other_ap, NULL, 0, TEXTS("labels"), &err), &err);
    refused(mo_tx_delete(tx, c.other_ap, &err), &err);
    refused(mo_tx_set(tx, c.other, port, 1, NULL, &err), &err);
    refused(mo_tx_delete(tx, c.other, &err), &err);
    refused(mo_tx_unlink(tx, c.other, AP("other"), &err), &err);
    refused(mo_tx_link(tx, c.other_ap, MEF("mef1"), &err), &err);
    commit(e, tx, "");
    g_autofree char *after = env_export(e);
    g_assert_cmpstr(before, ==, after);
    tx = mef_begin(e);
    g_assert_true(mo_tx_may_read(tx, c.own_ap) && mo_tx_may_read(tx, c.own) && mo_tx_may_read(tx, c.other));
    g_assert_false(mo_tx_may_read(tx, c.other_ap));
    mo_tx_rollback(tx);
    /* taking a profile over by a link does not make it writable */
    tx = mef_begin(e);
    g_assert_cmpint(mo_tx_set(tx, c.own, NULL, 0, TEXTS("mgmtLink"), &err), ==, 0);
    g_assert_cmpint(mo_tx_link(tx, c.own, AP("other"), &err), ==, 0);
    refused(mo_tx_set(tx, c.other_ap, NULL, 0, TEXTS("labels"), &err), &err);
    mo_tx_rollback(tx);
    /* its own things it may */
    tx = mef_begin(e);
    g_assert_cmpint(mo_tx_set(tx, c.own, port, 1, NULL, &err), ==, 0);
    (void)env_add_mef(tx, "mef3", NULL);
    (void)add_anchor(tx, "t");
    g_assert_cmpint(mo_tx_link(tx, c.own_ap, TA("t"), &err), ==, 0);
    commit(e, tx, NULL);
    const struct mo_node *n = mo_tree_by_name(e->tree, MO_MEF_CLIENT_REG_CFG, "mef3");
    g_assert_cmpint(mo_node_origin(n), ==, MO_ORIGIN_MEF_DM);
    g_assert_cmpstr(mo_node_mef_reg(n), ==, "mef1");
    tx = mef_begin(e);
    g_assert_cmpint(mo_tx_delete(tx, c.own, &err), ==, 0);
    commit(e, tx, NULL);
    g_assert_null(mo_tree_by_id(e->tree, c.own));
    struct mo_tx *none = NULL;
    g_assert_cmpint(mo_tx_begin(e->tree, MO_ORIGIN_MEF_DM, "mef1", &none, &err), ==, -ENOENT);
    g_assert_cmpint(mo_tx_begin(e->tree, MO_ORIGIN_MEF_DM, NULL, &none, &err), ==, -EINVAL);
    g_assert_cmpint(mo_tx_begin(e->tree, MO_ORIGIN_DM, "mef2", &none, &err), ==, -EINVAL);
}

/* The trust anchor of another MEF's profile is as untouchable as the profile. */
static void test_mef_anchor(struct env *e, gconstpointer data)
{
    const struct mo_input uri[] = {STR("URI", "https://evil.example/x")};
    struct mef_case c;
    struct mef_error err = {0};
    struct mo_tx *tx;

    make_case(e, &c);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    uint64_t theirs = add_anchor(tx, "theirs"), ours = add_anchor(tx, "ours"),
             free_one = add_anchor(tx, "free");
    g_assert_cmpint(mo_tx_link(tx, c.other_ap, TA("theirs"), &err), ==, 0);
    g_assert_cmpint(mo_tx_link(tx, c.own_ap, TA("ours"), &err), ==, 0);
    g_assert_cmpint(env_commit(e, tx, NULL), ==, 0);
    tx = mef_begin(e);
    refused(mo_tx_set(tx, theirs, uri, 1, NULL, &err), &err);
    g_assert_nonnull(strstr(err.text, "'theirs'"));
    refused(mo_tx_delete(tx, theirs, &err), &err);
    g_assert_cmpint(mo_tx_set(tx, ours, uri, 1, NULL, &err), ==, 0);
    g_assert_cmpint(mo_tx_delete(tx, free_one, &err), ==, 0);
    /* it may use it, though */
    g_assert_cmpint(mo_tx_link(tx, c.own_ap, TA("theirs"), &err), ==, 0);
    commit(e, tx, NULL);
}

/* V27 and EE-20: what a profile of a MEF must have at commit */
static void test_mef_profile(struct env *e, gconstpointer data)
{
    static const struct {
        uint32_t suid;
        const char *link; /* NULL: none */
        bool expires, duration, ok;
        const char *why;
    } cases[] = {
        {22, MEF("mef1"), true, true, true, NULL},
        {21, MEF("mef1"), true, true, true, NULL},
        {23, MEF("mef1"), true, true, true, NULL},
        {22, MEF("mef1"), false, true, false, "'expirationTime' is missing"},
        {22, MEF("mef1"), true, false, false, "'keyRegDuration' is missing"},
        {22, NULL, true, true, false, "mgmtLink"},
        {22, MEF("mef2"), true, true, false, "another registration"},
        {11, NULL, true, true, false, "pre-provisioned"},
        {12, MEF("mef1"), true, true, false, "pre-provisioned"},
        {42, NULL, false, false, true, NULL},
        {32, NULL, false, false, true, NULL},
    };
    struct mef_case c;
    struct mef_error err = {0};

    make_case(e, &c);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct mo_input attrs[3] = {NUM("SUID", cases[i].suid)};
        size_t n = 1;
        g_autofree char *name = g_strdup_printf("p%zu", i);
        if (cases[i].expires)
            attrs[n++] = (struct mo_input)STR("expirationTime", "20391231T235959");
        if (cases[i].duration)
            attrs[n++] = (struct mo_input)STR("MAFKeyRegDuration", "P30D");
        struct mo_tx *tx = mef_begin(e);
        (void)env_add(tx, MO_AUTHENTICATION_PROFILE, name, attrs, n,
                      cases[i].link ? TEXTS(cases[i].link) : NULL);
        g_assert_cmpint(mo_tx_check(tx, &err), ==, cases[i].ok ? 0 : -EPERM);
        if (cases[i].ok)
            commit(e, tx, NULL);
        else
            commit_fails(e, tx, MEF_ERROR_NOT_AUTHORIZED, cases[i].why);
        /* the same from any other DM server is fine */
        tx = env_begin(e, MO_ORIGIN_DM, NULL);
        g_autofree char *free_name = g_strdup_printf("q%zu", i);
        (void)env_add(tx, MO_AUTHENTICATION_PROFILE, free_name, attrs, n,
                      cases[i].link ? TEXTS(cases[i].link) : NULL);
        commit(e, tx, NULL);
    }
}

#define ADD(path, fn) g_test_add(path, struct env, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/mo/commit/serial", test_serial);
    ADD("/mo/commit/stop", test_stop);
    ADD("/mo/commit/hooks", test_hooks);
    ADD("/mo/commit/disk", test_disk);
    ADD("/mo/commit/state", test_state);
    ADD("/mo/access/mef-writes", test_mef_writes);
    ADD("/mo/access/mef-anchor", test_mef_anchor);
    ADD("/mo/access/EE-20/mef-profile", test_mef_profile);
    return g_test_run();
}
