/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/e2e-example.h"

void example_configure(struct example *x, const char *more)
{
    g_autofree char *all = g_strconcat("[network]\nresolve=" E2E_FQDN ":127.0.0.1 " E2E_MAF_FQDN
                                       ":127.0.0.1 pki.example.org:127.0.0.1\n",
                                       more, NULL);
    e2e_configure(&x->e, all);
}

void example_up(struct example *x, const char *more)
{
    *x = (struct example){0};
    e2e_up(&x->e, "{\"commands\":[],\"retryDuration\":\"PT1H\"}");
    x->maf = e2e_maf_start(&x->e, NULL);
    x->certificate = e2e_make_certificate(&x->e, E2E_SAN);
    example_configure(x, more);
}

void example_down(struct example *x)
{
    sim_assert_no_violation(x->e.sim);
    sim_assert_no_violation(x->maf);
    g_assert_cmpint(sim_stop(x->maf), ==, 0);
    g_free(x->certificate);
    e2e_down(&x->e);
}

/* The MEF's CA, as the node ta-mef; its fingerprint (g_free). */
static char *add_anchor(struct example *x)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *pem = NULL;
    GVariantBuilder b;

    g_assert_true(g_file_get_contents(sim_ca_path(x->e.sim), &pem, NULL, NULL));
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "Name", g_variant_new_string("ta-mef"));
    G_GNUC_UNUSED g_autoptr(GVariant) v = e2e_call(&x->e, E2E_MO, "org.mefclient1.Tree", "AddTrustAnchor",
                                                   g_variant_new("(sa{sv})", pem, &b), &error);
    g_assert_no_error(error);
    e2e_wait_property(&x->e, E2E_MO "/trustAnchorCred/ta_2dmef", "TrustAnchorCred", "State", "present");
    return e2e_get_string(&x->e, E2E_MO "/trustAnchorCred/ta_2dmef", "TrustAnchorCred", "CertFingerprint");
}

static void put(json_t *nodes, const char *name, const char *attribute, json_t *value)
{
    json_t *one;
    size_t i;

    json_array_foreach(nodes, i, one) if (g_strcmp0(e2e_text(one, "name"), name) == 0)
    {
        json_object_set_new(json_object_get(one, "attrs"), attribute, value);
        return;
    }
    g_error("%s is not in the example", name);
}

/* The file as it stands, but for ports and fingerprints. */
static char *text_of(struct example *x, const char *mef_anchor, const char *app_anchor, unsigned app_port)
{
    json_error_t error;
    json_t *all = json_load_file(TOP_SRCDIR "/tests/fixtures/mo-example.json", 0, &error),
           *nodes = json_object_get(all, "nodes");

    if (!all)
        g_error("mo-example.json: %s", error.text);
    put(nodes, "mef1", "httpPort", json_integer(sim_port(x->e.sim)));
    put(nodes, "maf1", "httpPort", json_integer(sim_port(x->maf)));
    put(nodes, "ap-mef-40", "myCertFingerprint", json_string(x->certificate));
    put(nodes, "ap-dc-43", "myCertFingerprint", json_string(x->certificate));
    put(nodes, "ta-mef", "certFingerprint", json_string(mef_anchor));
    if (app_anchor) {
        g_autofree char *uri = g_strdup_printf("https://pki.example.org:%u/root.der", app_port);
        put(nodes, "ta-app", "certFingerprint", json_string(app_anchor));
        put(nodes, "ta-app", "URI", json_string(uri));
    }
    char *raw = json_dumps(all, JSON_COMPACT), *text = g_strdup(raw);
    free(raw);
    json_decref(all);
    return text;
}

void example_go(struct example *x, const char *app_anchor, unsigned app_port)
{
    e2e_agent_start_ready(&x->e);
    g_autofree char *anchor = add_anchor(x), *text = text_of(x, anchor, app_anchor, app_port);
    e2e_import(&x->e, text);
    e2e_wait_idle(&x->e, EXAMPLE_REG);
}

int example_command(struct example *x, const char *path, int type, int suid)
{
    return e2e_command(&x->e, EXAMPLE_REG, ++x->serial, path, type, suid);
}
