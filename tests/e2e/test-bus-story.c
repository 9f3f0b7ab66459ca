/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Emission: order, values, rates (style-anchors.md D1). A client that believes only signals goes through the
 * life of a gateway; at each reply its picture must be the service's. */
#include <string.h>

#include "tests/e2e/bus-world.h"

#define NODE(type, name) TREE_PATH "/" type "/" name

static void call(struct bus_mirror *m, const char *path, const char *interface, const char *member,
                 GVariant *params)
{
    g_variant_unref(bus_mirror_call(m, path, interface, member, params));
    bus_mirror_compare(m);
}

/* A call that answers with a job; waits for its end. */
static void job(struct bus_mirror *m, const char *path, const char *interface, const char *member,
                GVariant *params, const char *result)
{
    g_autoptr(GVariant) v = bus_mirror_call(m, path, interface, member, params);
    g_autofree char *job_path = NULL, *wanted = g_strdup_printf("'%s'", result);

    g_variant_get_child(v, g_variant_n_children(v) - 1, "o", &job_path);
    bus_mirror_until(m, job_path, I("Job"), "State", wanted);
    bus_mirror_compare(m);
}

/* Floating, as calls want it; g_variant_parse() gives a full reference. */
static GVariant *operation(const char *text)
{
    GError *error = NULL;
    g_autoptr(GVariant) v = g_variant_parse(G_VARIANT_TYPE("(aa{sv}a{sv})"), text, NULL, NULL, &error);

    g_assert_no_error(error);
    g_autoptr(GVariant) list = g_variant_get_child_value(v, 0), options = g_variant_get_child_value(v, 1);
    return g_variant_new("(@aa{sv}@a{sv})", list, options);
}

/* Links move parents, children and aliases of nodes that nobody has written to. */
static void tree_story(struct bus_mirror *m)
{
    call(m, TREE_PATH, I("Tree"), "Apply",
         operation("([{'Op': <'link'>, 'Path': <'./DCFG/dataCollection/dc1'>, 'Target': "
                   "<'./DCFG/authenticationProfile/ap-43'>}], {})"));
    call(m, NODE("dataCollection", "dc1"), I("Node"), "Set",
         g_variant_new_parsed("({'labels': <['x', 'y']>}, @a{sv} {})"));
    call(m, NODE("dataCollection", "dc1"), I("Node"), "Set",
         g_variant_new_parsed("(@a{sv} {}, {'Remove': <['labels']>})"));
    call(m, TREE_PATH, I("Tree"), "Apply",
         operation("([{'Op': <'unlink'>, 'Path': <'./DCFG/dataCollection/dc1'>, 'Target': "
                   "<'./DCFG/authenticationProfile/ap-43'>}], {})"));
    job(m, NODE("registration", "reg1"), I("Node"), "Delete", g_variant_new("(a{sv})", NULL), "done");
    job(m, NODE("authenticationProfile", "ap_2d43"), I("Node"), "Delete", g_variant_new("(a{sv})", NULL),
        "done");
    /* Several changes, one transaction, staged over several calls. */
    g_autoptr(GVariant) v = bus_mirror_call(m, TREE_PATH, I("Tree"), "Begin", g_variant_new("(a{sv})", NULL));
    guint32 tx;
    g_variant_get(v, "(u)", &tx);
    unsigned before = bus_mirror_count(m, "Committed");
    for (int i = 0; i < 3; i++) {
        g_autofree char *name = g_strdup_printf("dc-tx-%d", i);
        g_variant_unref(bus_mirror_stage(
            m, TREE_PATH, I("Tree"), "Add",
            g_variant_new_parsed("('', 'dataCollection', %s, {'containerPath': <'//a.example/b/c'>}, "
                                 "{'Transaction': <%u>})",
                                 name, tx)));
        bus_mirror_compare(m);
    }
    g_assert_cmpuint(bus_mirror_count(m, "Committed"), ==, before);
    call(m, TREE_PATH, I("Tree"), "Commit", g_variant_new("(u)", tx));
    g_assert_cmpuint(bus_mirror_count(m, "Committed"), ==, before + 1);
    g_assert_nonnull(bus_mirror_value(m, NODE("dataCollection", "dc_2dtx_2d2"), I("Node"), "Name"));
}

/* A command names the job that runs it, until that has ended. */
static void command_job(struct bus_world *w, struct bus_mirror *m)
{
    g_autofree char *last = e2e_get_string(&w->e, w->reg, "Registration", "LastCommand"), *path = NULL;
    guint64 serial = g_ascii_strtoull(strrchr(last, '/') + 1, NULL, 10);
    g_autofree char *command = g_strdup_printf("%s/command/%" G_GUINT64_FORMAT, w->reg, serial + 1);
    g_autoptr(GVariant) v =
        bus_mirror_call(m, w->reg, I("Registration"), "Poll", g_variant_new("(a{sv})", NULL));

    g_variant_get(v, "(o)", &path);
    g_autofree char *wanted = g_strdup_printf("'%s'", path);
    bus_mirror_until(m, command, I("Command"), "Job", wanted);
    bus_mirror_until(m, path, I("Job"), "State", "'done'");
    bus_mirror_until(m, command, I("Command"), "Job", "'/'");
    bus_mirror_compare(m);
}

static void registration_story(struct bus_world *w, struct bus_mirror *m)
{
    static const char *const procedures[] = {"Poll", "Update", "Deregister", "Register", "Poll"};

    for (size_t i = 0; i < G_N_ELEMENTS(procedures); i++)
        job(m, w->reg, I("Registration"), procedures[i], g_variant_new("(a{sv})", NULL), "done");
    json_decref(sim_post(w->e.sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
    command_job(w, m);
    job(m, ROOT_PATH "/token/e2e", I("Token"), "Rescan", NULL, "done");
    /* A credential that comes into the token from elsewhere. */
    e2e_put_key(&w->e, "later@maf.example.net",
                "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f");
    job(m, ROOT_PATH "/token/e2e", I("Token"), "Rescan", NULL, "done");
    g_assert_nonnull(
        bus_mirror_value(m, ROOT_PATH "/credential/later_40maf_2eexample_2enet", I("Credential"), "Kind"));
}

static void attention_story(struct bus_world *w, struct bus_mirror *m)
{
    g_assert_true(g_variant_get_boolean(bus_mirror_value(m, ROOT_PATH, I("Manager"), "NeedsAttention")));
    call(m, w->job, I("Job"), "Cancel", g_variant_new("(a{sv})", NULL));
    bus_mirror_until(m, w->job, I("Job"), "State", "'cancelled'");
    bus_mirror_compare(m);
    call(m, NODE("MEFClientRegCfg", "localhost_2eexample"), I("Node"), "Set",
         g_variant_new_parsed("({'labels': <['moved']>}, @a{sv} {})"));
    /* Another MEF under the same name has to wait for the end of the first one. */
    g_autofree char *error = bus_world_error(
        w, TREE_PATH, I("Tree"), "Apply",
        operation("([{'Op': <'delete'>, 'Path': <'./DCFG/MEFClientRegCfg/localhost.example'>},"
                  "{'Op': <'add'>, 'Type': <'MEFClientRegCfg'>, 'Name': <'localhost.example'>, 'Attributes': "
                  "<{'fqdn': <'elsewhere.example'>, 'adminFQDN': <'admin.example.org'>, 'httpPort': "
                  "<uint16 443>}>}], {})"));
    g_assert_cmpstr(error, ==, I("Error.InProgress"));
    bus_mirror_compare(m);
    job(m, NODE("MEFClientRegCfg", "localhost_2eexample"), I("Node"), "Delete",
        g_variant_new("(a{sv})", NULL), "done");
}

static void end_story(struct bus_world *w, struct bus_mirror *m)
{
    job(m, NODE("MEFClientRegCfg", "mef_2eexample_2ecom"), I("Node"), "Delete",
        g_variant_new("(a{sv})", NULL), "done");
    bus_mirror_until(m, ROOT_PATH, I("Manager"), "Registrations", "[]");
    bus_mirror_compare(m);
    g_assert_null(bus_mirror_value(m, w->reg, I("Registration"), "State"));
}

static void test_story(void)
{
    struct bus_world w;

    bus_world_start(&w, NULL);
    bus_world_fill(&w);
    struct bus_mirror *m = bus_mirror_new(&w);
    bus_mirror_compare(m);
    tree_story(m);
    registration_story(&w, m);
    attention_story(&w, m);
    end_story(&w, m);
    g_assert_cmpuint(bus_mirror_repeated(m), ==, 0);
    bus_mirror_free(m);
    bus_world_stop(&w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/bus/story/DC-02/order-and-values", test_story);
    return g_test_run();
}
