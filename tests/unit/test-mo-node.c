/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vectors of mo-tree.md 6 that need no wire, on its example tree: which node an objectPath names, and
 * what the tables say to it. */
#include "tests/unit/mo-env.h"

#include "policy/mo-node.h"

#define A    "./DCFG/authenticationProfile/"
#define NF   CMD_STATUS_MO_NODE_NOT_FOUND
#define TC   CMD_STATUS_MO_NODE_TYPE_CONFLICT
#define BA   CMD_STATUS_MO_NODE_BAD_ARGS
#define UA   CMD_STATUS_MO_NODE_UNACCEPTABLE_ARGS
#define IC   CMD_STATUS_MO_NODE_INCONSISTENT_CONFIG
#define PF   CMD_STATUS_MO_NODE_PROCESSING_FAILED
#define NONE UINT32_MAX /* no objectTypeSpecificArgs */

struct vector {
    const char *name, *path;
    uint32_t type, suid;
    int status; /* 0: it goes on with `then` */
    enum mo_node_case then;
    const char *anchors, *suites; /* switches, NULL = default */
};

static int judge(struct env *e, const struct vector *v, enum mo_node_case *ret, struct mef_error *err)
{
    const struct mo_node *n = mo_tree_resolve(e->tree, v->path);
    struct mo_snapshot s = {0};
    struct mo_node_switches sw = {0};
    struct mo_node_args args = {.object_path = v->path,
                                .object_type = v->type,
                                .specific = v->suid == NONE ? MO_NODE_SPECIFIC_ABSENT : MO_NODE_SPECIFIC_SUID,
                                .suid = v->suid == NONE ? 0 : v->suid};

    if (v->anchors)
        g_assert_cmpint(trust_anchor_rule_from_name(v->anchors, &sw.trust_anchor), ==, 0);
    if (v->suites)
        g_assert_cmpint(suite_rule_from_name(v->suites, &sw.suites), ==, 0);
    if (n)
        g_assert_cmpint(mo_node_snapshot(e->tree, n, &s), ==, 0);
    int status = mo_node_judge(&args, n ? &s : NULL, &sw, ret, err);
    mo_snapshot_clear(&s);
    return status;
}

static void run(struct env *e, const struct vector *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        enum mo_node_case then = MO_NODE_CASE_NONE;
        struct mef_error err = {0};
        g_test_message("%s %s", v[i].name, v[i].path);
        g_assert_cmpint(judge(e, &v[i], &then, &err), ==, v[i].status);
        if (v[i].status == 0)
            g_assert_cmpint(then, ==, v[i].then);
        else
            g_assert_cmpint(err.word, !=, MEF_ERROR_NONE);
    }
}

static void start(struct env *e)
{
    g_autofree char *text = env_fixture("mo-example.json");

    env_start(e);
    env_import(e, text);
}

static void test_vectors(void)
{
    static const struct vector vectors[] = {
        {"V1", A "ap-reg-22", 1, 22, 0, MO_NODE_CASE_B},
        {"V2", "/27022/2", 1, 22, 0, MO_NODE_CASE_B},
        {"V3", "./DCFG/registration/reg1/authenticationProfile/ap-reg-22", 1, 22, 0, MO_NODE_CASE_B},
        {"V3 without a link", "./DCFG/registration/reg-bad/authenticationProfile/ap-reg-22", 1, 22, NF},
        {"V4", A "ap-reg-22", 1, 23, UA},
        {"V5", A "ap-reg-22", 1, NONE, BA},
        {"V5", A "ap-reg-22", 1, 99, BA},
        {"V5", A "ap-reg-22", 1, 20, BA},
        {"V6", A "ap-reg-22", 2, NONE, TC},
        {"V6", A "ap-reg-22", 2, 22, TC},
        {"V6", A "ap-reg-22", 3, NONE, TC},
        {"V7", A "nothing", 1, 22, NF},
        {"V7 before V5", A "nothing", 1, NONE, NF},
        {"V8", A "ap-reg-22", 4, 22, CMD_STATUS_BAD_ARGUMENTS},
        {"V8", A "ap-reg-22", 0, 22, CMD_STATUS_BAD_ARGUMENTS},
        {"V9", A "ap-reg-21-bad", 1, 21, IC},
        {"V10", A "ap-maf2-21", 1, 21, 0, MO_NODE_CASE_B},
        {"V11", A "ap-dc-43", 1, 43, 0, MO_NODE_CASE_D},
        {"V12", A "ap-dc-43", 1, 43, IC, 0, "literal"},
        {"V12", A "ap-dc-43", 1, 43, 0, MO_NODE_CASE_D, "optional"},
        {"V14", A "ap-maf-11", 1, 11, 0, MO_NODE_CASE_A},
        {"V15", A "ap-maf-11", 1, 11, IC, 0, NULL, "all"},
        {"V15", A "ap-maf-11", 1, 11, 0, MO_NODE_CASE_A, NULL, "transport"},
        {"V10 transport", A "ap-maf2-21", 1, 21, IC, 0, NULL, "transport"}, /* its MEF speaks HTTP too */
        {"V19", "./DCFG/trustAnchorCred/ta-app", 2, NONE, 0, MO_NODE_CASE_ANCHOR},
        {"V20", "./DCFG/trustAnchorCred/ta-app", 2, 22, BA},
        {"V21", "./DCFG/MAFClientRegCfg/maf1", 3, NONE, 0, MO_NODE_CASE_MAF},
        {"V21", "./DCFG/MAFClientRegCfg/maf1", 3, 11, BA},
        {"V22", A "ap-mef-40", 1, 40, PF},
        {"other types", "./DCFG/MEFClientRegCfg/mef1", 3, NONE, TC},
        {"other types", "./DCFG/registration/reg1", 1, 22, TC},
        {"V23", "./DCFG/authenticationProfile", 1, 22, NF},
        {"V23", A "ap-reg-22/SUID", 1, 22, NF},
        {"V23", "../x", 1, 22, NF},
        {"V23", "", 1, 22, CMD_STATUS_BAD_ARGUMENTS},
        {"absolute URI", "coap://mef.example.com/27022/2", 1, 22, NF},
    };
    struct env e;

    start(&e);
    run(&e, vectors, G_N_ELEMENTS(vectors));
    env_end(&e);
}

/* One change to one node, then a vector, each on a fresh tree. */
static void changed(const char *node, const char *removed, const char *unlink, const struct mo_input *set,
                    const struct vector *v, size_t n)
{
    struct env e;
    struct outcome o;
    struct mef_error err = {0};

    start(&e);
    struct mo_tx *tx = env_begin(&e, MO_ORIGIN_LOCAL, NULL);
    uint64_t id = mo_node_id(mo_tree_resolve(e.tree, node));
    if (unlink)
        g_assert_cmpint(mo_tx_unlink(tx, id, unlink, &err), ==, 0);
    else
        g_assert_cmpint(mo_tx_set(tx, id, set, set ? 1 : 0, removed ? TEXTS(removed) : NULL, &err), ==, 0);
    g_assert_cmpint(env_commit(&e, tx, &o), ==, 0);
    outcome_clear(&o);
    run(&e, v, n);
    env_end(&e);
}

static void test_after_a_change(void)
{
    static const struct vector v13[] = {
        {"V13", A "ap-dc-43", 1, 43, IC},
        {"V13", A "ap-dc-43", 1, 43, 0, MO_NODE_CASE_D, "optional"},
        {"V13", A "ap-dc-43", 1, 43, 0, MO_NODE_CASE_D, "literal"},
    };
    static const struct vector v16 = {"V16", A "ap-maf-11", 1, 11, IC};
    static const struct vector v17 = {"V17", A "ap-reg-22", 1, 22, IC};
    const struct mo_input others = LST("TLSCiphersuites", "C023", "1301");

    changed(A "ap-dc-43", NULL, "./DCFG/trustAnchorCred/ta-app", NULL, v13, G_N_ELEMENTS(v13));
    changed(A "ap-maf-11", "symmKeyID", NULL, NULL, &v16, 1);
    changed(A "ap-reg-22", "keyRegDuration", NULL, NULL, &v17, 1);
    changed(A "ap-reg-22", "TLSCiphersuites", NULL, NULL, &v17, 1);
    changed(A "ap-reg-22", NULL, "./DCFG/MEFClientRegCfg/mef1", NULL, &v17, 1);
    changed(A "ap-reg-22", NULL, NULL, &others, &v17, 1);
}

/* EE-07: the copy holds what the nodes hold now, with their relatives. */
static void test_snapshot(void)
{
    struct env e;
    struct mo_snapshot s = {0}, copy = {0};

    start(&e);
    g_assert_cmpint(mo_node_snapshot(e.tree, mo_tree_resolve(e.tree, "/27022/2"), &s), ==, 0);
    g_assert_cmpint(mo_snapshot_copy(&s, &copy), ==, 0);
    mo_snapshot_clear(&s);
    g_assert_cmpstr(copy.path, ==, A "ap-reg-22");
    g_assert_cmpuint(copy.suid, ==, 22);
    g_assert_cmpstr(copy.key_reg_duration, ==, "P30D");
    g_assert_cmpstr(copy.key_reg_labels[1], ==, "gw-0042");
    g_assert_cmpuint(copy.n_parents, ==, 1);
    g_assert_cmpstr(mo_snapshot_parent(&copy)->cse_id, ==, "//sp.example.net/in-cse");
    const struct mo_snapshot *mef = mo_snapshot_child(&copy, MGMT_MEF_CLIENT_REG_CFG);
    g_assert_cmpstr(mef->fqdn, ==, "mef.example.com");
    g_assert_cmpuint(mef->http_port, ==, 443);
    g_assert_cmpuint(mef->coap_port, ==, 5684);
    g_assert_null(mo_snapshot_child(&copy, MGMT_TRUST_ANCHOR_CRED));
    mo_snapshot_clear(&copy);
    g_assert_cmpint(mo_node_snapshot(e.tree, mo_tree_resolve(e.tree, "/27021/0"), &s), ==, 0);
    g_assert_cmpstr(s.container_path, ==, "//sp.example.net/in-cse/in-name/meter/readings");
    mo_snapshot_clear(&s);
    env_end(&e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mo/node/MC-26/MC-27/MC-28/MC-29/MC-30/MC-55/vectors", test_vectors);
    g_test_add_func("/mo/node/MC-32/MC-33/MC-35/MC-36/after-a-change", test_after_a_change);
    g_test_add_func("/mo/node/EE-07/snapshot", test_snapshot);
    return g_test_run();
}
