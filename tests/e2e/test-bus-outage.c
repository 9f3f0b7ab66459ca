/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bus goes away under the whole service: what does not need it goes on, and when it is back everything is
 * there, under another unique name and behind somebody who has taken ours. */
#include <string.h>

#include "tests/e2e/bus-world.h"

#define REG ROOT_PATH "/registration/mef_2eexample_2ecom"

static char *owner(struct bus_world *w)
{
    g_autoptr(GVariant) v = g_dbus_connection_call_sync(
        e2e_bus(&w->e), "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "GetNameOwner", g_variant_new("(s)", "org.mefclient1"), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
    char *name = NULL;

    if (v)
        g_variant_get(v, "(s)", &name);
    return name;
}

static guint32 own(GDBusConnection *c, const char *member, GVariant *params)
{
    GError *error = NULL;
    g_autoptr(GVariant) v = g_dbus_connection_call_sync(c, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                        "org.freedesktop.DBus", member, params, NULL,
                                                        G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    guint32 r;

    g_assert_no_error(error);
    g_variant_get(v, "(u)", &r);
    return r;
}

static gboolean begin(GDBusConnection *c)
{
    g_autoptr(GVariant) v = g_dbus_connection_call_sync(c, "org.mefclient1", TREE_PATH, I("Tree"), "Begin",
                                                        g_variant_new("(a{sv})", NULL), NULL,
                                                        G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
    return v != NULL;
}

static GPtrArray *paths(struct bus_world *w)
{
    g_autoptr(GVariant) reply =
        bus_world_call(w, ROOT_PATH, DBUS("ObjectManager"), "GetManagedObjects", NULL),
                        all = g_variant_get_child_value(reply, 0);
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    GVariantIter it;
    char *path;

    g_variant_iter_init(&it, all);
    while (g_variant_iter_next(&it, "{o@a{sa{sv}}}", &path, NULL))
        g_ptr_array_add(list, path);
    return list;
}

static gboolean has(GPtrArray *list, const char *path)
{
    for (guint i = 0; i < list->len; i++)
        if (strcmp(list->pdata[i], path) == 0)
            return TRUE;
    return FALSE;
}

static gboolean log_has(struct e2e *e, void *data)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(e->agent_log, &text, NULL, NULL) && strstr(text, data) != NULL;
}

static gboolean is_back(struct e2e *e, void *data)
{
    g_autofree char *name = owner(data);

    return name != NULL;
}

/* Without a bus: a command is executed and reported, and a job that waited for its MEF comes to its end. */
static void life_goes_on(struct bus_world *w)
{
    json_t *state =
        sim_post(w->e.sim, "/sim/commands", "[{\"class\":\"CERT_PROV\"},{\"class\":\"DEV_CFG\"}]");
    json_decref(state);
    e2e_wait_reports(&w->e, 2);
    e2e_sim_stop(&w->e, TRUE);
    e2e_sim_start(&w->e, NULL);
    json_decref(sim_post(w->e.sim, "/sim/commands", "{\"class\":\"DEV_CFG\"}"));
    e2e_wait_reports(&w->e, 3);
}

static void test_outage(void)
{
    struct bus_world w;
    GDBusConnection *c[3];

    bus_world_start(&w, "backoff-min=1\nbackoff-max=2\n");
    e2e_sim_stop(&w.e, FALSE);
    e2e_sim_start(&w.e, "{\"commands\":[],\"retryDuration\":\"PT1S\"}");
    e2e_agent_start_ready(&w.e);
    g_autofree char *reg = e2e_add_mef(&w.e);
    e2e_wait_idle(&w.e, reg);
    g_autoptr(GPtrArray) before = paths(&w);
    g_autofree char *former = owner(&w);
    guint64 generation = e2e_get_number(&w.e, TREE_PATH, "Tree", "Generation");
    g_autoptr(GVariant) tx =
        bus_world_call(&w, TREE_PATH, I("Tree"), "Begin", g_variant_new("(a{sv})", NULL));
    guint32 id;
    g_variant_get(tx, "(u)", &id);
    g_variant_unref(bus_world_call(&w, TREE_PATH, I("Tree"), "Add",
                                   g_variant_new_parsed("('', 'dataCollection', 'lost', {'containerPath': "
                                                        "<'//a.example/b/c'>}, {'Transaction': <%u>})",
                                                        id)));
    e2e_bus_stop(&w.e);
    e2e_wait(&w.e, "the agent sees it", log_has, (void *)"is lost", E2E_WAIT_S);
    life_goes_on(&w);
    e2e_bus_start(&w.e);
    /* Three are on the bus before the agent, one of them under its name. */
    for (size_t i = 0; i < G_N_ELEMENTS(c); i++)
        c[i] = bus_fixture_connect(&w.bus);
    guint32 taken = own(c[0], "RequestName", g_variant_new("(su)", "org.mefclient1", 4 /* do not queue */));
    if (taken == 1) { /* the agent may have been quicker on a slow machine */
        e2e_wait(&w.e, "the agent sees that", log_has, (void *)"somebody else owns it", E2E_WAIT_S);
        g_assert_cmpuint(own(c[0], "ReleaseName", g_variant_new("(s)", "org.mefclient1")), ==, 1);
    }
    e2e_wait(&w.e, "the agent has its name", is_back, &w, E2E_WAIT_S);
    g_autofree char *now = owner(&w);
    g_assert_true(taken != 1 || strcmp(now, former) != 0);
    e2e_wait_property(&w.e, ROOT_PATH, "Manager", "State", "ready");
    /* Everything is there, and what has happened meanwhile. */
    g_autoptr(GPtrArray) after = paths(&w);
    for (guint i = 0; i < before->len; i++)
        if (!strstr(before->pdata[i], "/job/") && !has(after, before->pdata[i]))
            g_error("%s has gone", (char *)before->pdata[i]);
    g_assert_cmpuint(after->len, >=, before->len + 3); /* three commands, and a certificate */
    e2e_wait_property(&w.e, REG, "Registration", "State", "registered");
    g_autofree char *credential = e2e_get_string(&w.e, REG, "Registration", "Credential");
    g_assert_true(has(after, credential));
    g_autofree char *kind = e2e_get_string(&w.e, credential, "Credential", "Kind");
    g_assert_cmpstr(kind, ==, "certificate");
    /* The transaction of the former connection is over, and nothing of it is in the tree. */
    g_autofree char *error = bus_world_error(&w, TREE_PATH, I("Tree"), "Commit", g_variant_new("(u)", id));
    g_assert_cmpstr(error, ==, I("Error.NotFound"));
    g_assert_cmpuint(e2e_get_number(&w.e, TREE_PATH, "Tree", "Generation"), ==, generation);
    g_assert_false(has(after, TREE_PATH "/dataCollection/lost"));
    /* Callers of the new connection are followed: 16 transactions, each ends with who began it. */
    for (unsigned i = 0; i < 20; i++) {
        GDBusConnection *one = bus_fixture_connect(&w.bus);
        g_assert_true(begin(one));
        bus_fixture_disconnect(one);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(c); i++)
        bus_fixture_disconnect(c[i]);
    bus_world_stop(&w);
}

/* BindToCaller: the job ends with who asked for it, and only with him. */
static void test_bound(void)
{
    struct bus_world w;
    GError *error = NULL;
    char *job[2];

    bus_world_start(&w, "backoff-min=1\nbackoff-max=2\n");
    e2e_agent_start_ready(&w.e);
    g_autofree char *first = bus_world_add_unreachable(&w, "localhost.example");
    GDBusConnection *c = bus_fixture_connect(&w.bus);
    for (unsigned i = 0; i < 2; i++) {
        g_autoptr(GVariant) v = g_dbus_connection_call_sync(
            c, "org.mefclient1", ROOT_PATH "/registration/localhost_2eexample", I("Registration"), "Register",
            g_variant_new_parsed("({'BindToCaller': <%b>},)", i == 0), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
            &error);
        g_assert_no_error(error);
        g_variant_get(v, "(o)", &job[i]);
    }
    e2e_wait_property(&w.e, first, "Job", "State", "waiting");
    bus_fixture_disconnect(c);
    e2e_wait_property(&w.e, job[0], "Job", "State", "cancelled");
    g_assert_cmpuint(e2e_get_number(&w.e, job[1], "Job", "FinishedAt"), ==, 0);
    g_free(job[0]);
    g_free(job[1]);
    bus_world_stop(&w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/bus/outage/DC-02/EE-23/life-goes-on", test_outage);
    g_test_add_func("/e2e/bus/outage/bound-to-its-caller", test_bound);
    return g_test_run();
}
