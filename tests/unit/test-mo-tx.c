/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transactions: all or nothing, link rules, limits, differences and triggers.
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

static void test_first(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    struct outcome o;
    uint64_t id = env_add_mef(tx, "mef1", NULL);

    g_assert_null(mo_tree_by_id(e->tree, id)); /* staged only */
    g_assert_nonnull(mo_tx_by_id(tx, id));
    g_assert_nonnull(mo_tx_resolve(tx, "./DCFG/MEFClientRegCfg/mef1"));
    g_assert_cmpint(env_commit(e, tx, &o), ==, 0);
    g_assert_cmpuint(o.generation, ==, 1);
    g_assert_cmpuint(mo_tree_generation(e->tree), ==, 1);
    g_assert_cmpint(o.first.kind, ==, MO_ADDED);
    g_assert_cmpint(o.first.trigger, ==, MO_TRIGGER_REG_ADDED);
    outcome_clear(&o);
    const struct mo_node *n = mo_tree_by_id(e->tree, id);
    g_assert_cmpstr(mo_node_name(n), ==, "mef1");
    g_assert_cmpint(mo_node_origin(n), ==, MO_ORIGIN_LOCAL);
    g_assert_cmpint(mo_node_state(n), ==, MO_CONFIGURED);
    g_assert_cmpint(mo_node_ctime(n), >, 0);
    g_assert_cmpuint(mo_node_gen(n), ==, 1);
    g_assert_cmpuint(mo_node_iid(n), ==, 0);
}

static void test_rollback(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    uint64_t first = env_add_mef(tx, "mef1", NULL);

    mo_tx_rollback(tx);
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 0);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    uint64_t second = env_add_mef(tx, "mef1", NULL);
    g_assert_cmpuint(second, >, first);
    commit(e, tx, "+MEFClientRegCfg/mef1");
    /* an empty one changes nothing and succeeds */
    commit(e, env_begin(e, MO_ORIGIN_LOCAL, NULL), "");
    g_assert_cmpuint(mo_tree_generation(e->tree), ==, 1);
}

/* ids are not used again, after a delete and a restart either; instances neither */
static void test_ids(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    uint64_t first = env_add_mef(tx, "mef1", NULL);

    commit(e, tx, NULL);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_delete(tx, first, NULL), ==, 0);
    commit(e, tx, "-MEFClientRegCfg/mef1");
    env_reopen(e);
    g_assert_cmpuint(mo_tree_generation(e->tree), ==, 2);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    uint64_t second = env_add_mef(tx, "mef1", NULL);
    g_assert_cmpuint(second, >, first);
    commit(e, tx, NULL);
    g_assert_cmpuint(mo_node_iid(mo_tree_by_id(e->tree, second)), ==, 1);
}

/* ---- one operation that is refused
 * ------------------------------------------------------------------------- */

static int add(struct mo_tx *tx, enum mo_type type, const char *name, const struct mo_input *attrs, size_t n,
               struct mef_error *err)
{
    struct mo_new what = MO_NEW(type, name, attrs, n);

    *err = (struct mef_error){0};
    return mo_tx_add(tx, &what, NULL, err);
}

static void test_refused_add(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    struct mef_error err;
    const struct mo_input good[] = {STR("fqdn", "mef.example.com"), STR("adminFQDN", "admin.example.org"),
                                    NUM("httpPort", 443)};
    const struct mo_input port[] = {STR("fqdn", "mef.example.com"), STR("adminFQDN", "admin.example.org"),
                                    NUM("httpPort", 0)};
    const struct mo_input unknown[] = {STR("fqdn", "mef.example.com"), STR("adminFQDN", "admin.example.org"),
                                       STR("Fqdn", "x")};
    const struct mo_input twice[] = {STR("fqdn", "mef.example.com"), STR("adminFQDN", "a.example"),
                                     NUM("httpPort", 1), NUM("httpPort", 1)};
    const struct mo_input two_ways[] = {NUM("SUID", 21), STR("keyRegDuration", "P1D"),
                                        STR("MAFKeyRegDuration", "P2D")};
    const struct mo_input secret[] = {NUM("SUID", 11), STR("symmKeyValue", "hunter2hunter2hunter2")};
    const struct mo_input both[] = {STR("containerPath", "/a/b"), LST("mesc", "* * * * * * *"),
                                    NUM("measurementInterval", 1)};
    const struct mo_input cse_app[] = {STR("originatorID", "/cse"), STR("appID", "Napp")};
    const struct mo_input ae_ext[] = {STR("originatorID", "Cae1"), STR("externalID", "x@y")};
    const struct mo_input no_ext[] = {NUM("Trigger-Recipient-ID", 1)};
    const struct mo_input kpm11[] = {NUM("SUID", 11), STR("symmKeyID", "no-at-sign")};
    const struct mo_input kpm10[] = {NUM("SUID", 10), STR("symmKeyID", "no-at-sign")};

    g_assert_cmpint(add(tx, MO_MEF_CLIENT_REG_CFG, "mef1", good, 1, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "'adminFQDN' is missing"));
    g_assert_cmpint(add(tx, MO_MEF_CLIENT_REG_CFG, "mef1", port, 3, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "'httpPort'"));
    g_assert_cmpint(add(tx, MO_MEF_CLIENT_REG_CFG, "mef1", unknown, 3, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "'Fqdn'"));
    g_assert_cmpint(add(tx, MO_MEF_CLIENT_REG_CFG, "mef1", twice, 4, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "'httpPort'"));
    g_assert_cmpint(add(tx, MO_MEF_CLIENT_REG_CFG, "a/b", good, 3, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "'a/b'"));
    g_assert_cmpint(add(tx, MO_AUTHENTICATION_PROFILE, "p", two_ways, 3, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "'keyRegDuration'"));
    g_assert_cmpint(add(tx, MO_AUTHENTICATION_PROFILE, "p", NULL, 0, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "'SUID' is missing"));
    g_assert_cmpint(add(tx, MO_AUTHENTICATION_PROFILE, "p", secret, 2, &err), ==, -EOPNOTSUPP);
    g_assert_nonnull(strstr(err.text, "'symmKeyValue'"));
    g_assert_null(strstr(err.text, "hunter2"));
    g_assert_cmpint(add(tx, MO_DATA_COLLECTION, "d", both, 3, &err), ==, -EINVAL);
    g_assert_cmpint(add(tx, MO_REGISTRATION, "r", cse_app, 2, &err), ==, -EINVAL);
    g_assert_cmpint(add(tx, MO_REGISTRATION, "r", ae_ext, 2, &err), ==, -EINVAL);
    g_assert_cmpint(add(tx, MO_REGISTRATION, "r", no_ext, 1, &err), ==, -EINVAL);
    g_assert_cmpint(add(tx, MO_AUTHENTICATION_PROFILE, "p", kpm11, 2, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "'symmKeyID'"));
    g_assert_cmpint(add(tx, MO_AUTHENTICATION_PROFILE, "p", kpm10, 2, &err), ==, 0);
    g_assert_cmpint(add(tx, MO_MEF_CLIENT_REG_CFG, "mef1", good, 3, &err), ==, 0);
    g_assert_cmpint(add(tx, MO_MEF_CLIENT_REG_CFG, "mef1", good, 3, &err), ==, -EEXIST);
    g_assert_nonnull(strstr(err.text, "'mef1'"));
    /* the transaction is as it was */
    commit(e, tx, "+authenticationProfile/p +MEFClientRegCfg/mef1");
}

/* An anchor without URI: only from a person, who brings the certificate. */
static void test_anchor_without_uri(struct env *e, gconstpointer data)
{
    const struct mo_input attrs[] = {
        STR("certFingerprint", "ni:///sha-256;qASb2_tpBvmFrld9_LvA28lgIYqvAGOAEIbOmwmJvIc")};
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_DM, NULL);
    struct mef_error err;

    g_assert_cmpint(add(tx, MO_TRUST_ANCHOR_CRED, "t", attrs, 1, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "'URI' is missing"));
    mo_tx_rollback(tx);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(add(tx, MO_TRUST_ANCHOR_CRED, "t", attrs, 1, &err), ==, 0);
    commit(e, tx, "+trustAnchorCred/t");
    env_reopen(e);
    g_autofree char *text = env_export(e);
    env_import(e, text);
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 1);
}

static void test_set(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    struct mef_error err = {0};
    uint64_t mef = env_add_mef(tx, "mef1", NULL), ap = add_profile(tx, "ap", 22, NULL);
    const struct mo_input ports[] = {NUM("httpPort", 8443), NUM("coapPort", 5684)};
    const struct mo_input fqdn[] = {STR("fqdn", "other.example.com")},
                          same[] = {STR("fqdn", "MEF1.example.com")};
    const struct mo_input suid[] = {NUM("SUID", 23)};
    struct outcome o;

    commit(e, tx, NULL);
    tx = env_begin(e, MO_ORIGIN_DM, NULL);
    g_assert_cmpint(mo_tx_set(tx, mef, fqdn, 1, NULL, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "'fqdn' cannot change"));
    g_assert_cmpint(mo_tx_set(tx, mef, same, 1, NULL, &err), ==, 0);
    g_assert_cmpint(mo_tx_set(tx, ap, suid, 1, NULL, &err), ==, -EINVAL);
    g_assert_cmpint(mo_tx_set(tx, mef, NULL, 0, TEXTS("adminFQDN"), &err), ==, -EINVAL);
    g_assert_cmpint(mo_tx_set(tx, mef, NULL, 0, TEXTS("nothing"), &err), ==, -EINVAL);
    g_assert_cmpint(mo_tx_set(tx, mef, ports, 1, TEXTS("httpPort"), &err), ==, -EINVAL);
    g_assert_cmpint(mo_tx_set(tx, 4711, ports, 2, NULL, &err), ==, -ENOENT);
    g_assert_cmpint(mo_tx_set(tx, mef, ports, 2, NULL, &err), ==, 0);
    g_assert_cmpint(env_commit(e, tx, &o), ==, 0);
    g_assert_cmpuint(o.n, ==, 1);
    g_assert_cmpint(o.first.kind, ==, MO_UPDATED);
    g_assert_cmpuint(o.first.attrs, ==, MO_BIT(MO_HTTP_PORT) | MO_BIT(MO_COAP_PORT));
    g_assert_false(o.first.links);
    g_assert_cmpint(o.first.trigger, ==, MO_TRIGGER_REG_UPDATED);
    outcome_clear(&o);
    /* origin is who made it; a set does not change it */
    g_assert_cmpint(mo_node_origin(mo_tree_by_id(e->tree, mef)), ==, MO_ORIGIN_LOCAL);
    g_assert_cmpuint(mo_node_gen(mo_tree_by_id(e->tree, mef)), ==, 2);
    g_assert_cmpuint(mo_node_gen(mo_tree_by_id(e->tree, ap)), ==, 1);

    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_set(tx, mef, NULL, 0, TEXTS("coapPort"), &err), ==, 0);
    g_assert_cmpint(env_commit(e, tx, &o), ==, 0);
    g_assert_cmpuint(o.first.attrs, ==, MO_BIT(MO_COAP_PORT));
    outcome_clear(&o);
    g_assert_false(mo_node_has(mo_tree_by_id(e->tree, mef), MO_COAP_PORT));
    /* set and set back: nothing happened */
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    const struct mo_input a[] = {NUM("httpPort", 1)}, b[] = {NUM("httpPort", 8443)};
    g_assert_cmpint(mo_tx_set(tx, mef, a, 1, NULL, &err), ==, 0);
    g_assert_cmpint(mo_tx_set(tx, mef, b, 1, NULL, &err), ==, 0);
    commit(e, tx, "");
    g_assert_cmpuint(mo_tree_generation(e->tree), ==, 3);
}

/* ---- links
 * --------------------------------------------------------------------------------------------------- */

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

static void test_links(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    struct mef_error err = {0};
    size_t n;
    /* forward: the targets come later */
    uint64_t mef = env_add_mef(tx, "mef1", TEXTS(AP("ap")));
    uint64_t ap = add_profile(tx, "ap", 40, TEXTS(TA("t1"), TA("t2"), TA("t1")));
    uint64_t t1 = add_anchor(tx, "t1"), t2 = add_anchor(tx, "t2");
    struct outcome o;

    commit(e, tx, NULL);
    const uint64_t *links = mo_node_links(mo_tree_by_id(e->tree, ap), &n);
    g_assert_cmpuint(n, ==, 2);
    g_assert_cmpuint(links[0], ==, t1);
    g_assert_cmpuint(links[1], ==, t2);
    g_assert_cmpuint(mo_node_parent_after(e->tree, mo_tree_by_id(e->tree, ap), 0), ==, mef);
    g_assert_cmpuint(mo_node_parent_after(e->tree, mo_tree_by_id(e->tree, ap), mef), ==, 0);

    /* order kept, alias forms, again is a success, unlink */
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_link(tx, ap, "/27024/0", &err), ==, 0);
    g_assert_cmpint(mo_tx_unlink(tx, ap, TA("t1"), &err), ==, 0);
    g_assert_cmpint(mo_tx_unlink(tx, ap, TA("t1"), &err), ==, -ENOENT);
    g_assert_cmpint(mo_tx_unlink(tx, ap, TA("nothing"), &err), ==, -ENOENT);
    g_assert_cmpint(mo_tx_link(tx, ap, TA("t1"), &err), ==, 0);
    g_assert_cmpint(env_commit(e, tx, &o), ==, 0);
    g_assert_cmpstr(o.story->str, ==, "~authenticationProfile/ap");
    g_assert_true(o.first.links);
    g_assert_cmpuint(o.first.attrs, ==, 0);
    g_assert_cmpint(o.first.trigger, ==, MO_TRIGGER_PROFILE);
    outcome_clear(&o);
    links = mo_node_links(mo_tree_by_id(e->tree, ap), &n);
    g_assert_cmpuint(links[0], ==, t2);

    /* a set of mgmtLink replaces all */
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    const struct mo_input one[] = {LST("mgmtLink", TA("t1"))};
    g_assert_cmpint(mo_tx_set(tx, ap, one, 1, NULL, &err), ==, 0);
    commit(e, tx, "~authenticationProfile/ap ~trustAnchorCred/t2"); /* t2: its parents */
    (void)mo_node_links(mo_tree_by_id(e->tree, ap), &n);
    g_assert_cmpuint(n, ==, 1);
    g_assert_cmpuint(mo_node_gen(mo_tree_by_id(e->tree, t2)), ==, 1);

    /* deleting takes the links along */
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_delete(tx, t1, &err), ==, 0);
    g_assert_cmpint(mo_tx_delete(tx, t1, &err), ==, -ENOENT);
    commit(e, tx, "-trustAnchorCred/t1 ~authenticationProfile/ap");
    (void)mo_node_links(mo_tree_by_id(e->tree, ap), &n);
    g_assert_cmpuint(n, ==, 0);
    env_reopen(e);
    (void)mo_node_links(mo_tree_by_id(e->tree, ap), &n);
    g_assert_cmpuint(n, ==, 0);
    (void)mo_node_links(mo_tree_by_id(e->tree, mef), &n);
    g_assert_cmpuint(n, ==, 1);
}

/* A link that was staged before its target is a link like any other once the target is there. */
static void test_forward(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    size_t n;
    uint64_t mef = env_add_mef(tx, "mef1", TEXTS(AP("a"))), ap = add_profile(tx, "a", 40, TEXTS(TA("t")));

    g_assert_cmpint(mo_tx_unlink(tx, ap, TA("t"), NULL), ==, 0); /* not there yet, by its path */
    g_assert_cmpint(mo_tx_link(tx, ap, TA("t"), NULL), ==, 0);
    uint64_t t = add_anchor(tx, "t");
    g_assert_cmpint(mo_tx_link(tx, ap, "/27024/0", NULL), ==, 0); /* the same by another name */
    g_assert_cmpint(mo_tx_unlink(tx, mef, "/27022/0", NULL), ==, 0);
    (void)env_add_mef(tx, "mef2", TEXTS(AP("b")));
    uint64_t b = add_profile(tx, "b", 40, NULL);
    g_assert_cmpint(mo_tx_delete(tx, b, NULL), ==, 0);
    commit(e, tx, NULL);
    (void)mo_node_links(mo_tree_by_id(e->tree, mef), &n);
    g_assert_cmpuint(n, ==, 0);
    const uint64_t *links = mo_node_links(mo_tree_by_id(e->tree, ap), &n);
    g_assert_cmpuint(n, ==, 1);
    g_assert_cmpuint(links[0], ==, t);
    (void)mo_node_links(mo_tree_by_name(e->tree, MO_MEF_CLIENT_REG_CFG, "mef2"), &n);
    g_assert_cmpuint(n, ==, 0);
}

/* 1.9, each pair of types */
static void test_link_types(struct env *e, gconstpointer data)
{
    static const char allowed[MO_TYPE_MAX_][MO_TYPE_MAX_ + 1] = {
        /* child:                     r d p c t A E */
        [MO_REGISTRATION] = "..x....",           [MO_DATA_COLLECTION] = "..x....",
        [MO_AUTHENTICATION_PROFILE] = "....xxx", [MO_MY_CERT_FILE_CRED] = ".......",
        [MO_TRUST_ANCHOR_CRED] = ".......",      [MO_MAF_CLIENT_REG_CFG] = "..x....",
        [MO_MEF_CLIENT_REG_CFG] = "..x....",
    };
    static const struct mo_input none[1] = {{0}};
    const struct mo_input container[] = {STR("containerPath", "/a/b")}, suid[] = {NUM("SUID", 22)};
    const struct mo_input file[] = {
        {.name = "SUIDs", .kind = MO_INPUT_UINTS, .uints = (uint64_t[]){42}, .n = 1},
        STR("myCertFileFormat", "application/pkix-cert"),
        STR("myCertFileContent", "MAcwADAAAwEA")};
    const struct mo_input anchor[] = {
        STR("certFingerprint", "ni:///sha-256;qASb2_tpBvmFrld9_LvA28lgIYqvAGOAEIbOmwmJvIc"),
        STR("URI", "https://mef.example.com/ta.der")};
    const struct mo_input cfg[] = {STR("fqdn", "a.example"), STR("adminFQDN", "b.example")};
    const struct mo_input cfg2[] = {STR("fqdn", "c.example"), STR("adminFQDN", "b.example")};
    const struct {
        const struct mo_input *attrs;
        size_t n;
    } make[MO_TYPE_MAX_] = {{none, 0}, {container, 1}, {suid, 1}, {file, 3}, {anchor, 2}, {cfg, 2}, {cfg, 2}};

    for (size_t p = 0; p < MO_TYPE_MAX_; p++)
        for (size_t c = 0; c < MO_TYPE_MAX_; c++) {
            struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
            struct mef_error err = {0};
            bool reg = c == p && c >= MO_MAF_CLIENT_REG_CFG;
            uint64_t parent = env_add(tx, (enum mo_type)p, "parent", make[p].attrs, make[p].n, NULL);
            (void)env_add(tx, (enum mo_type)c, "child", reg ? cfg2 : make[c].attrs, make[c].n, NULL);
            g_autofree char *path = g_strdup_printf("./DCFG/%s/child", mo_type_info((enum mo_type)c)->name);
            int r = mo_tx_link(tx, parent, path, &err);
            g_assert_cmpint(r, ==, allowed[p][c] == 'x' ? 0 : -EINVAL);
            g_assert_cmpint(mo_tx_check(tx, &err), ==, 0);
            mo_tx_rollback(tx);
            /* the same when the child comes later: then the commit refuses */
            tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
            (void)env_add(tx, (enum mo_type)p, "parent", make[p].attrs, make[p].n, TEXTS(path));
            (void)env_add(tx, (enum mo_type)c, "child", reg ? cfg2 : make[c].attrs, make[c].n, NULL);
            if (allowed[p][c] == 'x')
                g_assert_cmpint(mo_tx_check(tx, &err), ==, 0);
            else
                g_assert_cmpint(mo_tx_check(tx, &err), ==, -EINVAL);
            mo_tx_rollback(tx);
        }
}

static void test_link_limits(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    struct mef_error err = {0};
    uint64_t mef = env_add_mef(tx, "mef1", NULL), ap = add_profile(tx, "ap", 22, NULL);

    (void)add_profile(tx, "ap2", 40, NULL);
    (void)env_add_mef(tx, "mef2", NULL);
    commit(e, tx, NULL);
    /* to itself, in a circle, twice the one profile */
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_link(tx, ap, AP("ap"), &err), ==, -EINVAL);
    g_assert_cmpint(mo_tx_link(tx, mef, AP("ap"), &err), ==, 0);
    g_assert_cmpint(mo_tx_link(tx, ap, MEF("mef1"), &err), ==, 0);
    commit_fails(e, tx, MEF_ERROR_INVALID_ARGUMENTS, "cycle");
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_link(tx, mef, AP("ap"), &err), ==, 0);
    g_assert_cmpint(mo_tx_link(tx, mef, AP("ap2"), &err), ==, 0);
    commit_fails(e, tx, MEF_ERROR_INVALID_ARGUMENTS, "one authenticationProfile only");
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_link(tx, ap, MEF("mef1"), &err), ==, 0);
    g_assert_cmpint(mo_tx_link(tx, ap, MEF("mef2"), &err), ==, 0);
    commit_fails(e, tx, MEF_ERROR_INVALID_ARGUMENTS, "one MEFClientRegCfg only");
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_link(tx, mef, AP("nowhere"), &err), ==, 0);
    commit_fails(e, tx, MEF_ERROR_NOT_FOUND, "nowhere");
    /* 32 anchors, not 33 */
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    for (int i = 0; i < 33; i++) {
        g_autofree char *name = g_strdup_printf("t%d", i), *path = g_strdup_printf(TA("t%d"), i);
        (void)add_anchor(tx, name);
        g_assert_cmpint(mo_tx_link(tx, ap, path, &err), ==, i < 32 ? 0 : -E2BIG);
    }
    commit(e, tx, NULL);
}

/* registration -> profile -> MAF -> profile -> MEF -> profile -> anchor: six links are the most */
static void test_depth(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    const struct mo_input maf[] = {STR("fqdn", "maf.example"), STR("adminFQDN", "b.example")};

    (void)env_add(tx, MO_REGISTRATION, "reg", NULL, 0, TEXTS(AP("p1")));
    (void)add_profile(tx, "p1", 32, TEXTS("./DCFG/MAFClientRegCfg/maf"));
    (void)env_add(tx, MO_MAF_CLIENT_REG_CFG, "maf", maf, 2, TEXTS(AP("p2")));
    (void)add_profile(tx, "p2", 21, TEXTS(MEF("mef1")));
    uint64_t mef1 = env_add_mef(tx, "mef1", TEXTS(AP("p3")));
    uint64_t p3 = add_profile(tx, "p3", 40, TEXTS(TA("t")));
    (void)add_anchor(tx, "t");
    commit(e, tx, NULL);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_unlink(tx, p3, TA("t"), NULL), ==, 0);
    g_assert_cmpint(mo_tx_link(tx, p3, MEF("mef2"), NULL), ==, 0);
    (void)env_add_mef(tx, "mef2", TEXTS(AP("p4")));
    (void)add_profile(tx, "p4", 40, NULL);
    commit_fails(e, tx, MEF_ERROR_LIMIT_EXCEEDED, "deeper than 6");
    g_assert_nonnull(mo_tree_by_id(e->tree, mef1));
}

/* ---- whole-tree rules
 * ------------------------------------------------------------------------------------------ */

static void test_unique(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    const struct mo_input same[] = {STR("fqdn", "https://MEF1.example.com"),
                                    STR("adminFQDN", "Admin.example.org.")};
    const struct mo_input other[] = {STR("fqdn", "mef1.example.com"), STR("adminFQDN", "second.example.org")};
    struct mef_error err = {0};

    (void)env_add_mef(tx, "mef1", NULL);
    commit(e, tx, NULL);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    (void)env_add(tx, MO_MEF_CLIENT_REG_CFG, "mef2", same, 2, NULL);
    commit_fails(e, tx, MEF_ERROR_ALREADY_EXISTS, "mef1.example.com");
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    (void)env_add(tx, MO_MEF_CLIENT_REG_CFG, "mef2", other, 2, NULL);
    (void)env_add(tx, MO_MAF_CLIENT_REG_CFG, "mef1", same, 2, NULL); /* another type, another matter */
    struct mo_new taken = {
        .type = MO_MEF_CLIENT_REG_CFG, .name = "mef3", .attrs = other, .n_attrs = 2, .iid = 0};
    g_assert_cmpint(mo_tx_add(tx, &taken, NULL, &err), ==, -EEXIST);
    g_assert_nonnull(strstr(err.text, "/27026/0"));
    taken.iid = 65535;
    g_assert_cmpint(mo_tx_add(tx, &taken, NULL, &err), ==, -EINVAL);
    commit(e, tx, NULL);
}

static void test_lwm2m_name(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_BOOTSTRAP, NULL);
    const struct mo_input attrs[] = {STR("fqdn", "mef.example.com"), STR("adminFQDN", "second.example.org")};
    struct mo_new what = {.type = MO_MEF_CLIENT_REG_CFG, .attrs = attrs, .n_attrs = 2, .iid = 7};

    g_assert_cmpint(mo_tx_add(tx, &what, NULL, NULL), ==, 0);
    commit(e, tx, "+MEFClientRegCfg/lwm2m-27026-7");
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    uint64_t id = env_add_mef(tx, "next", NULL);
    commit(e, tx, NULL);
    g_assert_cmpuint(mo_node_iid(mo_tree_by_id(e->tree, id)), ==, 8);
    g_assert_nonnull(mo_tree_resolve(e->tree, "/27026/7"));
}

static void test_counts(struct env *e, gconstpointer data)
{
    struct mef_error err = {0};

    for (int round = 0; round < 4; round++) {
        struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
        for (int i = 0; i < 256; i++) {
            g_autofree char *name = g_strdup_printf("p%d", round * 256 + i);
            (void)add_profile(tx, name, 22, NULL);
        }
        /* operation 257 */
        struct mo_input suid[] = {NUM("SUID", 22)};
        struct mo_new one = MO_NEW(MO_AUTHENTICATION_PROFILE, "more", suid, 1);
        g_assert_cmpint(mo_tx_add(tx, &one, NULL, &err), ==, -E2BIG);
        commit(e, tx, NULL);
    }
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 1024);
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    struct mo_input suid[] = {NUM("SUID", 22)};
    struct mo_new one = MO_NEW(MO_AUTHENTICATION_PROFILE, "more", suid, 1);
    g_assert_cmpint(mo_tx_add(tx, &one, NULL, &err), ==, -E2BIG);
    g_assert_nonnull(strstr(err.text, "1024"));
    g_assert_cmpint(mo_tx_delete(tx, mo_node_id(mo_tree_nth(e->tree, 5)), &err), ==, 0);
    g_assert_cmpint(mo_tx_add(tx, &one, NULL, &err), ==, 0);
    commit(e, tx, NULL);
    env_reopen(e);
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 1024);
}

static void test_save(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL), *other;
    struct mo_save *save = NULL;

    (void)env_add_mef(tx, "mef1", TEXTS(AP("ap")));
    g_assert_cmpint(mo_tx_save(tx, &save), ==, 0);
    (void)add_profile(tx, "ap", 40, TEXTS(TA("t")));
    (void)env_add_mef(tx, "mef2", NULL);
    mo_tx_restore(tx, save);
    g_assert_null(mo_tx_resolve(tx, AP("ap")));
    g_assert_cmpint(mo_tx_check(tx, NULL), ==, -ENOENT);
    (void)add_profile(tx, "ap", 40, NULL);
    /* a save that nobody needs, and one that a check on a newer tree comes between */
    g_assert_cmpint(mo_tx_save(tx, &save), ==, 0);
    mo_save_free(save);
    other = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_save(tx, &save), ==, 0);
    (void)add_anchor(other, "t");
    commit(e, other, NULL);
    (void)env_add_mef(tx, "mef3", TEXTS(AP("later")));
    g_assert_cmpint(mo_tx_check(tx, NULL), ==, -ENOENT);
    mo_tx_restore(tx, save);
    mo_tx_restore(tx, NULL);
    mo_save_free(NULL);
    commit(e, tx, "+MEFClientRegCfg/mef1 +authenticationProfile/ap");
}

/* ---- differences
 * ---------------------------------------------------------------------------------------------------- */

static void test_triggers(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    struct outcome o;
    uint64_t mef = env_add_mef(tx, "mef1", TEXTS(AP("ap"))), ap = add_profile(tx, "ap", 40, TEXTS(TA("t")));
    uint64_t t = add_anchor(tx, "t");
    const struct mo_input attrs[] = {STR("fqdn", "mef1.example.com"), STR("adminFQDN", "admin.example.org"),
                                     NUM("coapPort", 5684)};

    (void)env_add(tx, MO_REGISTRATION, "reg", NULL, 0, NULL);
    g_assert_cmpint(env_commit(e, tx, &o), ==, 0);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_REG_ADDED], ==, 1);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_PROFILE], ==, 1);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_SERVICE], ==, 1);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_NONE], ==, 1);
    outcome_clear(&o);

    /* delete + add of the same identity in one transaction is an update (4.3), told once */
    tx = env_begin(e, MO_ORIGIN_DM, NULL);
    g_assert_cmpint(mo_tx_delete(tx, mef, NULL), ==, 0);
    uint64_t again = env_add(tx, MO_MEF_CLIENT_REG_CFG, "mef1", attrs, 3, TEXTS(AP("ap")));
    g_assert_cmpint(env_commit(e, tx, &o), ==, 0);
    g_assert_cmpstr(o.story->str, ==,
                    "-MEFClientRegCfg/mef1 ~authenticationProfile/ap +MEFClientRegCfg/mef1");
    g_assert_cmpint(o.first.kind, ==, MO_DELETED);
    g_assert_nonnull(o.first.twin);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_REG_UPDATED], ==, 1);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_REG_ADDED], ==, 0);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_REG_DELETED], ==, 0);
    outcome_clear(&o);
    /* under another name too */
    tx = env_begin(e, MO_ORIGIN_DM, NULL);
    g_assert_cmpint(mo_tx_delete(tx, again, NULL), ==, 0);
    again = env_add(tx, MO_MEF_CLIENT_REG_CFG, "renamed", attrs, 3, NULL);
    g_assert_cmpint(env_commit(e, tx, &o), ==, 0);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_REG_UPDATED], ==, 1);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_REG_ADDED] + o.triggers[MO_TRIGGER_REG_DELETED], ==, 0);
    outcome_clear(&o);
    /* another identity: both */
    tx = env_begin(e, MO_ORIGIN_DM, NULL);
    g_assert_cmpint(mo_tx_delete(tx, again, NULL), ==, 0);
    (void)env_add_mef(tx, "mef2", NULL);
    g_assert_cmpint(env_commit(e, tx, &o), ==, 0);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_REG_ADDED], ==, 1);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_REG_DELETED], ==, 1);
    outcome_clear(&o);
    /* an anchor goes */
    tx = env_begin(e, MO_ORIGIN_DM, NULL);
    g_assert_cmpint(mo_tx_delete(tx, t, NULL), ==, 0);
    g_assert_cmpint(env_commit(e, tx, &o), ==, 0);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_ANCHOR_DELETED], ==, 1);
    g_assert_cmpuint(o.triggers[MO_TRIGGER_PROFILE], ==, 1);
    outcome_clear(&o);
    g_assert_nonnull(mo_tree_by_id(e->tree, ap));
}

static void test_dry_run(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    struct mef_error err = {0};
    struct mo_diff *diff = NULL;
    uint64_t id = env_add_mef(tx, "mef1", TEXTS(AP("ap")));

    g_assert_cmpint(mo_tx_check(tx, &err), ==, -ENOENT);
    (void)add_profile(tx, "ap", 40, NULL); /* it stays usable */
    g_assert_cmpint(mo_tx_check(tx, &err), ==, 0);
    g_assert_cmpint(mo_tx_diff(tx, &diff, &err), ==, 0);
    g_assert_cmpuint(diff->n, ==, 2);
    g_assert_cmpuint(diff->generation, ==, 1);
    g_assert_cmpuint(mo_node_id(diff->changes[0].after), ==, id);
    mo_diff_free(diff);
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 0);
    commit(e, tx, "+MEFClientRegCfg/mef1 +authenticationProfile/ap");
}

#define ADD(path, fn) g_test_add(path, struct env, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/mo/tx/first", test_first);
    ADD("/mo/tx/rollback", test_rollback);
    ADD("/mo/tx/ids", test_ids);
    ADD("/mo/tx/refused-add", test_refused_add);
    ADD("/mo/tx/anchor-without-uri", test_anchor_without_uri);
    ADD("/mo/tx/set", test_set);
    ADD("/mo/tx/links", test_links);
    ADD("/mo/tx/forward", test_forward);
    ADD("/mo/tx/link-types", test_link_types);
    ADD("/mo/tx/link-limits", test_link_limits);
    ADD("/mo/tx/depth", test_depth);
    ADD("/mo/tx/unique", test_unique);
    ADD("/mo/tx/lwm2m-name", test_lwm2m_name);
    ADD("/mo/tx/counts", test_counts);
    ADD("/mo/tx/save", test_save);
    ADD("/mo/tx/triggers", test_triggers);
    ADD("/mo/tx/dry-run", test_dry_run);
    return g_test_run();
}
