/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* objectPath in all alias forms (mo-tree.md 2.1) on the example tree of section 6. */
#include <string.h>

#include "plugin/base/str.h"
#include "tests/unit/mo-env.h"

#define A "./DCFG/authenticationProfile/"

static void setup(struct env *e, gconstpointer data)
{
    g_autofree char *text = env_fixture("mo-example.json");

    env_start(e);
    env_import(e, text);
}

static void teardown(struct env *e, gconstpointer data)
{
    env_end(e);
}

struct path_case {
    const char *path, *name; /* NULL: addresses no node */
};

static void check(struct env *e, const struct path_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct mo_node *found = mo_tree_resolve(e->tree, cases[i].path);
        const char *name = found ? mo_node_name(found) : NULL;
        if (!streq0(name, cases[i].name))
            g_error("'%s': %s", cases[i].path, name ? name : "(none)");
    }
}

static const struct path_case plain[] = {
    {A "ap-reg-22", "ap-reg-22"},
    {"./DCFG/trustAnchorCred/ta-app", "ta-app"},
    {"./DCFG/MAFClientRegCfg/maf1", "maf1"},
    /* nested, each step a real link */
    {"./DCFG/registration/reg1/authenticationProfile/ap-reg-22", "ap-reg-22"},
    {"./DCFG/registration/reg1/authenticationProfile/ap-reg-22/MEFClientRegCfg/mef1", "mef1"},
    {"./DCFG/registration/reg1/authenticationProfile/ap-reg-22/MEFClientRegCfg/mef1/authenticationProfile/"
     "ap-mef-40/"
     "trustAnchorCred/ta-mef",
     "ta-mef"},
    {"./DCFG/registration/reg1/authenticationProfile/ap-dc-43", NULL},
    {"./DCFG/registration/reg1/MEFClientRegCfg/mef1", NULL},
    {"./DCFG/registration/nothing/authenticationProfile/ap-reg-22", NULL},
    {"./DCFG/authenticationProfile/ap-reg-22/registration/reg1", NULL}, /* against the link */
    /* LwM2M */
    {"/27022/2", "ap-reg-22"},
    {"/27026/0", "mef1"},
    {"/27022/02", NULL},
    {"/027022/2", NULL},
    {"/27022/77", NULL},
    {"/27022/2/0", NULL},
    {"/27022/2/", NULL},
    {"/27022", NULL},
    {"/27022/65535", NULL},
    {"/2048/0", NULL},
    {"/27022/-1", NULL},
    {"/27022/%32", "ap-reg-22"},
    {"/lwm2m/27022/2", NULL}, /* no such prefix registered */
    {"27022/2", NULL},
    {"./27022/2", NULL},
    /* TR-181 */
    {"Device.X_oneM2M_org_SecuritySolution.AuthenticationProfile.2.", "ap-reg-22"},
    {"Device.X_oneM2M_org_SecuritySolution.AuthenticationProfile.2", "ap-reg-22"},
    {"Device.X_oneM2M_org_SecuritySolution.AuthenticationProfile.2..", NULL},
    {"Device.X_oneM2M_org_SecuritySolution.AuthenticationProfile.", NULL},
    {"Device.X_oneM2M_org_SecuritySolution.AuthenticationProfile.2.SUID", NULL},
    {"Device.X_oneM2M_org_SecuritySolution.AuthenticationProfile.0.", NULL},
    {"Device.X_oneM2M_org_CSE.1.", "reg-bad"},
    {"Device.X_oneM2M_org_AE.1.", NULL},
    {"Device.USBHosts.Host.3.", NULL},
    /* percent: once, unreserved only */
    {A "ap%2Dreg%2d22", "ap-reg-22"},
    {A "ap%252Dreg-22", NULL},
    {"./DCFG/authenticationProfile%2Fap-reg-22", NULL},
    {A "ap-reg-2%3", NULL},
    {A "ap-reg-2%", NULL},
    {A "ap-reg-2%3G", NULL},
    {"%2E/DCFG/authenticationProfile/ap-reg-22", "ap-reg-22"},
    /* no node */
    {"./DCFG/authenticationProfile", NULL},
    {"./DCFG/authenticationProfile/", NULL},
    {"./DCFG", NULL},
    {"./DCFG/", NULL},
    {"./", NULL},
    {".", NULL},
    {"/", NULL},
    {"", NULL},
    {A "ap-reg-22/", NULL},
    {A "ap-reg-22/SUID", NULL},
    {A "ap-reg-22/mgmtLink/1", NULL},
    {"../x", NULL},
    {"./DCFG/../DCFG/authenticationProfile/ap-reg-22", NULL},
    {"./DCFG/authenticationProfile/%2e%2e/authenticationProfile/ap-reg-22", NULL},
    {"./DCFG/./authenticationProfile/ap-reg-22", NULL},
    {"./DCFG//authenticationProfile/ap-reg-22", NULL},
    {".//DCFG/authenticationProfile/ap-reg-22", NULL},
    {"DCFG/authenticationProfile/ap-reg-22", NULL},
    {"/DCFG/authenticationProfile/ap-reg-22", NULL},
    {"./dcfg/authenticationProfile/ap-reg-22", NULL},
    {"./DCFG/AuthenticationProfile/ap-reg-22", NULL},
    {A "AP-reg-22", NULL},
    {A "ap-reg-22?x", NULL},
    {A "ap-reg-22#x", NULL},
    {A "ap-reg-22\n", NULL},
    {A "ap-reg-22\xff", NULL},
    {"coap://gw/27022/2", NULL},
    {"urn:x-mefc:mo:authenticationProfile:1.0", NULL},
    {"./Ext/Vendor/DCFG/authenticationProfile/ap-reg-22", NULL},
};

static void test_plain(struct env *e, gconstpointer data)
{
    check(e, plain, G_N_ELEMENTS(plain));
    g_assert_null(mo_tree_resolve(e->tree, NULL));
}

static void test_registered(struct env *e, gconstpointer data)
{
    static const struct path_case cases[] = {
        {"./Ext/Vendor/DCFG/authenticationProfile/ap-reg-22", "ap-reg-22"},
        {"./Ext/Vendor/DCFG/registration/reg1/authenticationProfile/ap-reg-22", "ap-reg-22"},
        {"./Ext/Vendor/DCFGx/authenticationProfile/ap-reg-22", NULL},
        {"./Ext/Vendor/DCFG/authenticationProfile", NULL},
        {"/lwm2m/27022/2", "ap-reg-22"},
        {"/lwm2m/27022", NULL},
        {"/lwm2mx/27022/2", NULL},
        {"/27022/2", "ap-reg-22"},
        {A "ap-reg-22", "ap-reg-22"},
    };
    static const char *const bad[] = {"",       "./",      "Ext/DCFG", "./Ext//DCFG",
                                      "./Ext/", "./a%20b", "./a/../b", "./a?b"};
    struct mef_error err;

    g_assert_cmpint(mo_tree_set_aliases(e->tree, TEXTS("./Ext/Vendor/DCFG"), TEXTS("/lwm2m"), &err), ==, 0);
    check(e, cases, G_N_ELEMENTS(cases));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_cmpint(mo_tree_set_aliases(e->tree, TEXTS(bad[i]), NULL, &err), <, 0);
        g_assert_cmpint(mo_tree_set_aliases(e->tree, NULL, TEXTS(bad[i]), &err), <, 0);
    }
    check(e, cases, G_N_ELEMENTS(cases)); /* a refusal changed nothing */
    _cleanup_(strv_freep) char **paths = mo_node_object_paths(e->tree, mo_tree_resolve(e->tree, "/27022/2"));
    g_autofree char *joined = g_strjoinv(" ", paths);
    g_assert_cmpstr(joined, ==,
                    A "ap-reg-22 /27022/2 ./Ext/Vendor/DCFG/authenticationProfile/ap-reg-22 /lwm2m/27022/2 "
                      "Device.X_oneM2M_org_SecuritySolution.AuthenticationProfile.2.");
    g_assert_cmpint(mo_tree_set_aliases(e->tree, NULL, NULL, &err), ==, 0);
    g_assert_null(mo_tree_resolve(e->tree, "/lwm2m/27022/2"));
}

/* What ObjectPaths lists resolves to the node itself, for every node. */
static void test_listed(struct env *e, gconstpointer data)
{
    g_assert_cmpint(mo_tree_set_aliases(e->tree, TEXTS("./Ext/DCFG"), TEXTS("/a", "/b/c"), NULL), ==, 0);
    for (size_t i = 0; i < mo_tree_count(e->tree); i++) {
        const struct mo_node *n = mo_tree_nth(e->tree, i);
        _cleanup_(strv_freep) char **paths = mo_node_object_paths(e->tree, n);
        _cleanup_(freep) char *first = mo_node_path(n);
        g_assert_cmpstr(paths[0], ==, first);
        g_assert_cmpuint(strv_len(paths), >=, 5);
        for (char **p = paths; *p; p++)
            g_assert_true(mo_tree_resolve(e->tree, *p) == n);
    }
}

static void test_long(struct env *e, gconstpointer data)
{
    GString *path = g_string_new("./DCFG");

    /* 255 octets that address a node by going round are not to be had; pad a percent-encoded name instead */
    g_string_append(path, "/authenticationProfile/");
    for (const char *s = "ap-reg-22"; *s; s++)
        g_string_append_printf(path, "%%%02x", *s);
    g_assert_nonnull(mo_tree_resolve(e->tree, path->str));
    while (path->len <= 255)
        g_string_append(path, "/x");
    g_assert_null(mo_tree_resolve(e->tree, path->str));
    while (path->len <= 100000)
        g_string_append(path, "/x");
    g_assert_null(mo_tree_resolve(e->tree, path->str));
    g_string_assign(path, "/");
    for (int i = 0; i < 120; i++)
        g_string_append(path, "1/");
    g_assert_null(mo_tree_resolve(e->tree, path->str));
    g_string_free(path, TRUE);
}

static void test_lookup(struct env *e, gconstpointer data)
{
    const struct mo_node *n = mo_tree_by_name(e->tree, MO_MEF_CLIENT_REG_CFG, "mef1");
    size_t count;

    g_assert_nonnull(n);
    g_assert_true(mo_tree_by_fqdn(e->tree, MO_MEF_CLIENT_REG_CFG, "MEF.example.com.",
                                  "https://admin.example.org") == n);
    g_assert_null(mo_tree_by_fqdn(e->tree, MO_MEF_CLIENT_REG_CFG, "mef.example.com", "other.example.org"));
    g_assert_null(mo_tree_by_fqdn(e->tree, MO_MAF_CLIENT_REG_CFG, "mef.example.com", "admin.example.org"));
    g_assert_true(mo_tree_by_alias(e->tree, 27026, 0) == n);
    g_assert_true(mo_tree_by_id(e->tree, mo_node_id(n)) == n);
    g_assert_null(mo_tree_by_id(e->tree, 4711));
    g_assert_null(mo_tree_nth(e->tree, 14));
    g_assert_cmpstr(mo_node_text(n, MO_FQDN), ==, "mef.example.com");
    g_assert_cmpuint(mo_node_uint(n, MO_HTTP_PORT, 0), ==, 443);
    g_assert_cmpuint(mo_node_uint(n, MO_WEBSOCKET_PORT, 7), ==, 7);
    g_assert_null(mo_node_text(n, MO_HTTP_PORT));
    g_assert_cmpstr(mo_node_list(n, MO_LABELS)[0], ==, "gw-0042");
    g_assert_cmpint(mo_node_time(n, MO_EXPIRATION_TIME), ==, INT64_C(2208988799000000));
    g_assert_true(mo_node_has(n, MO_COAP_PORT));
    g_assert_cmpuint(mo_node_present(n), ==,
                     MO_BIT(MO_EXPIRATION_TIME) | MO_BIT(MO_LABELS) | MO_BIT(MO_FQDN) |
                         MO_BIT(MO_ADMIN_FQDN) | MO_BIT(MO_HTTP_PORT) | MO_BIT(MO_COAP_PORT));
    const struct mo_node *child = mo_node_child(e->tree, n, MO_AUTHENTICATION_PROFILE, &count);
    g_assert_cmpstr(mo_node_name(child), ==, "ap-mef-40");
    g_assert_cmpuint(count, ==, 1);
    g_assert_true(mo_node_parent(e->tree, child, MO_MEF_CLIENT_REG_CFG, NULL) == n);
    g_assert_nonnull(mo_node_parent(e->tree, n, MO_AUTHENTICATION_PROFILE, &count));
    g_assert_cmpuint(count, ==, 3); /* ap-reg-22, ap-maf2-21, ap-reg-21-bad */
    g_assert_null(mo_node_parent(e->tree, n, MO_REGISTRATION, &count));
    g_assert_cmpuint(count, ==, 0);
}

#define ADD(path, fn) g_test_add(path, struct env, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/mo/path/plain", test_plain);
    ADD("/mo/path/registered", test_registered);
    ADD("/mo/path/listed", test_listed);
    ADD("/mo/path/long", test_long);
    ADD("/mo/path/lookup", test_lookup);
    return g_test_run();
}
