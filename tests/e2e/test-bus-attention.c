/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NeedsAttention and its reasons: raised, with the object and what to do next, and gone when it is settled.
 * mef-refused, registration-failed, certificate-refused, clock-wrong, store-failed and key-renewal-failed are
 * raised and cleared in tests/unit/test-mef-*.c: they need a MEF, a clock or a disk that fails at one moment.
 */
#include <string.h>

#include "tests/e2e/bus-world.h"

#define REG ROOT_PATH "/registration/mef_2eexample_2ecom"

struct matter {
    const char *reason, *path;
    gboolean there;
    char *text;
};

static gboolean look(struct e2e *e, void *data)
{
    struct matter *m = data;
    g_autoptr(GVariant) v = e2e_get(e, ROOT_PATH, "Manager", "Attention");
    const char *reason, *path, *text;
    gboolean found = FALSE;
    GVariantIter it;

    if (!v)
        return FALSE;
    g_variant_iter_init(&it, v);
    while (g_variant_iter_next(&it, "(&s&o&s)", &reason, &path, &text))
        if (strcmp(reason, m->reason) == 0 && strcmp(path, m->path) == 0) {
            found = TRUE;
            g_free(m->text);
            m->text = g_strdup(text);
        }
    return found == m->there;
}

static void raised(struct bus_world *w, const char *reason, const char *path, const char *next)
{
    struct matter m = {.reason = reason, .path = path, .there = TRUE};

    e2e_wait(&w->e, reason, look, &m, E2E_WAIT_S);
    g_test_message("%s: %s", reason, m.text);
    const char *at = strstr(m.text, next);
    g_assert_nonnull(at);
    g_assert_true(at > m.text + 10); /* what has happened stands before it */
    g_assert_cmpuint(e2e_get_number(&w->e, ROOT_PATH, "Manager", "NeedsAttention"), ==, 1);
    g_free(m.text);
}

static void cleared(struct bus_world *w, const char *reason, const char *path)
{
    struct matter m = {.reason = reason, .path = path, .there = FALSE};

    e2e_wait(&w->e, reason, look, &m, E2E_WAIT_S);
    g_free(m.text);
}

static void another_mef(struct bus_world *w, const char *scenario)
{
    if (w->e.sim)
        e2e_sim_stop(&w->e, FALSE);
    if (scenario)
        e2e_sim_start(&w->e, scenario);
}

static void test_token(struct bus_world *w)
{
    g_autofree char *right = NULL;

    g_assert_true(g_file_get_contents(w->e.token.pin_file, &right, NULL, NULL));
    token_fixture_write(w->e.token.pin_file, "00000000\n");
    e2e_agent_start(&w->e);
    raised(w, "token", "/", "module, URI and PIN are in [token]");
    token_fixture_write(w->e.token.pin_file, right);
    cleared(w, "token", "/");
    e2e_wait_property(&w->e, ROOT_PATH, "Manager", "NeedsAttention", "false");
}

static void test_registration(struct bus_world *w)
{
    another_mef(w, NULL);
    g_autofree char *reg = e2e_add_mef(&w->e);
    raised(w, "mef-unreachable", REG, "network, address and port");
    another_mef(w, "{\"commands\":[],\"retryDuration\":\"PT5S\"}");
    cleared(w, "mef-unreachable", REG);
    /* One that never takes a report. */
    another_mef(w, "{\"retryDuration\":\"PT5S\",\"faults\":[{\"at\":{\"op\":"
                   "\"update\",\"resource\":\"command\",\"times\":0},\"do\":\"drop\"}]}");
    json_decref(sim_post(w->e.sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
    raised(w, "report-pending", REG, "at once with Poll");
    another_mef(w, "{\"commands\":[],\"retryDuration\":\"PT5S\"}");
    cleared(w, "report-pending", REG);
    e2e_wait_property(&w->e, ROOT_PATH, "Manager", "NeedsAttention", "false");
}

static void delete_node(struct bus_world *w, const char *path)
{
    g_variant_unref(bus_world_call(w, path, I("Node"), "Delete", g_variant_new("(a{sv})", NULL)));
}

/* The end of a registration takes its matters along; one that the MEF does not know of is a matter itself. */
static void test_end(struct bus_world *w)
{
    const char *late = ROOT_PATH "/registration/late";

    g_variant_unref(bus_world_call(
        w, TREE_PATH, I("Tree"), "Import",
        g_variant_new("(sa{sv})",
                      "{\"format\":1,\"nodes\":[{\"type\":\"MEFClientRegCfg\",\"name\":\"late\",\"attrs\":"
                      "{\"fqdn\":\"late.example\",\"adminFQDN\":\"admin.example.org\",\"httpPort\":443,"
                      "\"expirationTime\":\"20200101T000000\"},\"links\":[]}]}",
                      NULL)));
    raised(w, "configuration-expired", late, "Set a later expirationTime");
    delete_node(w, TREE_PATH "/MEFClientRegCfg/late");
    cleared(w, "configuration-expired", late);
    e2e_wait_property(&w->e, ROOT_PATH, "Manager", "NeedsAttention", "false");
    another_mef(w, NULL);
    delete_node(w, TREE_PATH "/MEFClientRegCfg/mef_2eexample_2ecom");
    raised(w, "deregistration-pending", REG, "still counts this client as registered");
    another_mef(w, "{}");
    e2e_wait_property(&w->e, ROOT_PATH, "Manager", "NeedsAttention", "false");
    e2e_wait_property(&w->e, ROOT_PATH, "Manager", "Registrations", "[]");
}

static void test_attention(void)
{
    struct bus_world w;

    bus_world_start(&w, "backoff-min=1\nbackoff-max=2\n");
    test_token(&w);
    test_registration(&w);
    test_end(&w);
    bus_world_stop(&w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/bus/attention/DC-02/raised-and-cleared", test_attention);
    return g_test_run();
}
