/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys at the MEF after their registration, over the wire: the agent, a token, mef-sim, and another client of
 * the MEF. */
#include <string.h>

#include "tests/lib/e2e-nodes.h"

#define MO       "/org/mefclient1/mo"
#define PROFILE  MO "/authenticationProfile/ap"
#define MANAGER  "org.mefclient1.Manager"
#define ROOT     "/org/mefclient1"
#define MEF_NODE MO "/MEFClientRegCfg/mef_2eexample_2ecom"

/* %s: keyRegDuration. */
static const char tree[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"authenticationProfile\",\"name\":\"ap\",\"attrs\":{\"SUID\":22,\"TLSCiphersuites\":["
    "\"00AE\"],"
    "\"keyRegDuration\":\"%s\",\"keyRegLabels\":[\"saef\"]},"
    "\"links\":[\"./DCFG/MEFClientRegCfg/mef.example.com\"]},"
    "{\"type\":\"registration\",\"name\":\"reg1\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"./DCFG/authenticationProfile/ap\"]}]}";

struct keys {
    struct e2e e;
    char *reg;
};

static void start(struct keys *k, const char *duration, const char *config)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf(tree, duration);

    e2e_up(&k->e, "{\"commands\":[],\"retryDuration\":\"PT1H\"}");
    e2e_configure(&k->e, config);
    e2e_agent_start_ready(&k->e);
    k->reg = e2e_add_mef(&k->e);
    e2e_wait_idle(&k->e, k->reg);
    G_GNUC_UNUSED g_autoptr(GVariant) v =
        e2e_call(&k->e, MO, "org.mefclient1.Tree", "Import", g_variant_new("(sa{sv})", text, NULL), &error);
    g_assert_no_error(error);
}

static void stop(struct keys *k)
{
    sim_assert_no_violation(k->e.sim);
    g_free(k->reg);
    e2e_down(&k->e);
}

static json_t *key_at_mef(struct keys *k, const char *id)
{
    g_autofree char *relative = g_strndup(id, strcspn(id, "@"));
    return e2e_record(k->e.sim, "keys", "ri", relative);
}

/* A method of the key's object that gives a job; how that ends. */
static char *on_key(struct keys *k, const char *object, const char *method, gboolean force)
{
    g_autoptr(GError) error = NULL;
    GVariantBuilder b;
    const char *job;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (force)
        g_variant_builder_add(&b, "{sv}", "Force", g_variant_new_boolean(TRUE));
    g_autoptr(GVariant) v =
        e2e_call(&k->e, object, "org.mefclient1.Credential", method, g_variant_new("(a{sv})", &b), &error);
    if (!v)
        return g_dbus_error_get_remote_error(error);
    g_variant_get(v, "(&o)", &job);
    return e2e_job_end(&k->e, job);
}

static gboolean gone(struct e2e *e, void *path)
{
    G_GNUC_UNUSED g_autoptr(GVariant) v = e2e_get(e, path, "Credential", "Kind");
    return v == NULL;
}

/* EE-24: registered, updated, de-registered, each as the MEF has it; Deregister gives up what is left. */
static void test_four(void)
{
    struct keys k;
    g_autofree char *object = NULL, *object2 = NULL, *result = NULL, *et = NULL;
    g_autoptr(GError) error = NULL;

    start(&k, "P30D", NULL);
    g_assert_cmpuint(e2e_process(&k.e, PROFILE, 22), ==, 20);
    g_autofree char *id = e2e_key_of(&k.e, PROFILE, &object);
    json_t *key = key_at_mef(&k, id);
    g_assert_nonnull(key);
    et = g_strdup(e2e_text(key, "et"));
    json_decref(key);

    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "keyRegDuration", g_variant_new_string("P60D"));
    g_variant_builder_add(&b, "{sv}", "keyRegLabels", g_variant_new_strv((const char *[]){"new", NULL}, -1));
    G_GNUC_UNUSED g_autoptr(GVariant) set = e2e_call(&k.e, PROFILE, "org.mefclient1.Node", "Set",
                                                     g_variant_new("(a{sv}a{sv})", &b, NULL), &error);
    g_assert_no_error(error);
    result = on_key(&k, object, "Renew", FALSE);
    g_assert_cmpstr(result, ==, "done");
    key = key_at_mef(&k, id);
    g_assert_cmpstr(e2e_text(key, "et"), >, et);
    g_assert_cmpstr(json_string_value(json_array_get(json_object_get(key, "lbl"), 0)), ==, "new");
    json_decref(key);
    g_assert_cmpuint(e2e_sim_count(&k.e, "update", "key"), ==, 1);

    g_autofree char *used = on_key(&k, object, "Delete", FALSE);
    g_assert_cmpstr(used, ==, "org.mefclient1.Error.InProgress");
    g_autofree char *deleted = on_key(&k, object, "Delete", TRUE);
    g_assert_cmpstr(deleted, ==, "done");
    g_assert_null(key_at_mef(&k, id));
    e2e_wait(&k.e, "the key to leave the token", gone, object, 30);
    g_assert_cmpuint(e2e_sim_count(&k.e, "delete", "key"), ==, 1);

    g_assert_cmpuint(e2e_process(&k.e, PROFILE, 22), ==, 20);
    g_autofree char *id2 = e2e_key_of(&k.e, PROFILE, &object2);
    g_assert_nonnull(id2);
    G_GNUC_UNUSED g_autoptr(GVariant) v = e2e_call(&k.e, k.reg, "org.mefclient1.Registration", "Deregister",
                                                   g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    e2e_wait_property(&k.e, k.reg, "Registration", "State", "new");
    g_assert_cmpuint(e2e_sim_count(&k.e, "delete", "key"), ==, 2);
    /* A Kpm is nobody's key. */
    g_autofree char *kpm =
        on_key(&k, "/org/mefclient1/credential/gw42_2dkpm_40mef_2eexample_2ecom", "Delete", TRUE);
    g_assert_cmpstr(kpm, ==, "org.mefclient1.Error.NotSupported");
    stop(&k);
}

/* EE-08: what is done to the profile and to its child leaves no request and leaves the key. */
static void test_no_trigger(void)
{
    struct keys k;
    g_autofree char *object = NULL, *still = NULL;
    g_autoptr(GError) error = NULL;
    GVariantBuilder b;

    start(&k, "P30D", NULL);
    g_assert_cmpuint(e2e_process(&k.e, PROFILE, 22), ==, 20);
    g_autofree char *id = e2e_key_of(&k.e, PROFILE, &object);
    size_t before = e2e_sim_count(&k.e, NULL, NULL);
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "keyRegDuration", g_variant_new_string("PT60S"));
    G_GNUC_UNUSED g_autoptr(GVariant) set = e2e_call(&k.e, PROFILE, "org.mefclient1.Node", "Set",
                                                     g_variant_new("(a{sv}a{sv})", &b, NULL), &error);
    g_assert_no_error(error);
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "labels", g_variant_new_strv((const char *[]){"x", NULL}, -1));
    G_GNUC_UNUSED g_autoptr(GVariant) set2 = e2e_call(&k.e, MEF_NODE, "org.mefclient1.Node", "Set",
                                                      g_variant_new("(a{sv}a{sv})", &b, NULL), &error);
    g_assert_no_error(error);
    G_GNUC_UNUSED g_autoptr(GVariant) del =
        e2e_call(&k.e, PROFILE, "org.mefclient1.Node", "Delete", g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    /* Whatever the worker would do because of it, it does before it answers this. */
    G_GNUC_UNUSED g_autoptr(GVariant) refused =
        e2e_call(&k.e, ROOT, MANAGER, "RetrieveKey",
                 g_variant_new("(sa{sv})", "nobody@mef.example.com", NULL), &error);
    g_assert_null(refused);
    g_assert_cmpuint(e2e_sim_count(&k.e, NULL, NULL), ==, before + 1);
    still = e2e_get_string(&k.e, object, "Credential", "Kind");
    g_assert_cmpstr(still, ==, "key");
    stop(&k);
}

static char *retrieve(struct keys *k, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v =
        e2e_call(&k->e, ROOT, MANAGER, "RetrieveKey", g_variant_new("(sa{sv})", id, NULL), &error);
    const char *path;

    if (!v)
        return g_dbus_error_get_remote_error(error);
    g_variant_get(v, "(&o)", &path);
    return g_strdup(path);
}

/* EE-10: what the other client registered for us is the key of its own handshake, octet for octet; keys of
 * others and of other FQDNs are refused. */
static void test_retrieve(void)
{
    static const struct {
        const char *id, *error;
    } refused[] = {
        {"some@maf.example.com", "NotRegistered"},   {"no-fqdn", "InvalidArguments"},
        {"@mef.example.com", "InvalidArguments"},    {"a@b@mef.example.com", "InvalidArguments"},
        {"a/b@mef.example.com", "InvalidArguments"}, {"nobody@mef.example.com", "NotFound"},
    };
    struct keys k;
    guint8 ours[48], theirs[48];

    start(&k, "P30D", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autofree char *error = retrieve(&k, refused[i].id);
        g_autofree char *expected = g_strconcat("org.mefclient1.Error.", refused[i].error, NULL);
        g_assert_cmpstr(error, ==, expected);
    }
    g_assert_cmpuint(e2e_sim_count(&k.e, "retrieve", "key"), ==, 0);
    g_autofree char *answer =
        e2e_other_request(&k.e, "POST", "/_/" E2E_FQDN "/-",
                          "{\"sec:skr\":{\"et\":\"20391231T235959\",\"adfq\":\"" E2E_ADMIN
                          "\",\"suid\":22,\"tgis\":[\"" E2E_CLIENT "\"]}}",
                          ours);
    g_assert_cmpint(e2e_status(answer), ==, 201);
    g_autofree char *answer2 =
        e2e_other_request(&k.e, "POST", "/_/" E2E_FQDN "/-",
                          "{\"sec:skr\":{\"et\":\"20391231T235959\",\"adfq\":\"" E2E_ADMIN
                          "\",\"suid\":22,\"tgis\":[\"//m2m.example.com/else\"]}}",
                          theirs);
    g_assert_cmpint(e2e_status(answer2), ==, 201);
    json_t *list = e2e_sim_records(&k.e, "keys");
    g_autofree char *id = g_strconcat(e2e_text(json_array_get(list, 0), "ri"), "@" E2E_FQDN, NULL);
    g_autofree char *id2 = g_strconcat(e2e_text(json_array_get(list, 1), "ri"), "@" E2E_FQDN, NULL);
    json_decref(list);

    g_autofree char *not_ours = retrieve(&k, id2);
    g_assert_cmpstr(not_ours, ==, "org.mefclient1.Error.ServerRejected");
    g_autofree char *object = retrieve(&k, id);
    g_assert_true(g_str_has_prefix(object, "/org/mefclient1/credential/"));
    g_autofree char *kind = e2e_get_string(&k.e, object, "Credential", "Kind");
    g_assert_cmpstr(kind, ==, "key");
    size_t asked = e2e_sim_count(&k.e, "retrieve", "key");
    g_autofree char *again = retrieve(&k, id); /* it is here */
    g_assert_cmpstr(again, ==, object);
    g_assert_cmpuint(e2e_sim_count(&k.e, "retrieve", "key"), ==, asked);
    g_assert_cmpint(e2e_agent_stop(&k.e, NULL), ==, 0);
    e2e_assert_in_token(&k.e, id, ours + 16, 32);
    e2e_agent_start_ready(&k.e);
    g_autofree char *kept = retrieve(&k, id);
    g_assert_cmpstr(kept, ==, object);
    stop(&k);
}

static gboolean another_key(struct e2e *e, void *before)
{
    g_autofree char *now = e2e_get_string(e, PROFILE, "AuthenticationProfile", "Credential");
    return now[0] && g_strcmp0(now, before) != 0;
}

/* EE-09: six seconds after its registration for a minute the key is renewed, by itself, and again after a
 * restart; both sides have the same one. */
static void test_renewal(void)
{
    struct keys k;
    g_autofree char *first = NULL, *second = NULL, *third = NULL;

    start(&k, "PT60S", "[mef]\nkey-renew-margin=PT58S\n");
    g_assert_cmpuint(e2e_process(&k.e, PROFILE, 22), ==, 20);
    g_autofree char *id1 = e2e_key_of(&k.e, PROFILE, &first);
    e2e_wait(&k.e, "another key", another_key, first, 30);
    g_autofree char *id2 = e2e_key_of(&k.e, PROFILE, &second);
    g_assert_cmpint(e2e_agent_stop(&k.e, NULL), ==, 0);
    json_t *key = key_at_mef(&k, id2);
    g_assert_nonnull(key);
    gsize n;
    g_autofree guchar *value = g_base64_decode(e2e_text(key, "kv"), &n);
    json_decref(key);
    e2e_assert_in_token(&k.e, id2, value, n);
    e2e_agent_start_ready(&k.e);
    e2e_wait(&k.e, "the key after the restart", another_key, second, 30);
    g_autofree char *id3 = e2e_key_of(&k.e, PROFILE, &third);
    g_assert_cmpstr(id3, !=, id1);
    e2e_wait_property(&k.e, PROFILE, "Node", "State", "ready");
    stop(&k);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/keys/EE-24/EE-02/four-procedures", test_four);
    g_test_add_func("/e2e/keys/EE-08/no-trigger", test_no_trigger);
    g_test_add_func("/e2e/keys/EE-10/retrieve", test_retrieve);
    g_test_add_func("/e2e/keys/EE-09/renewal", test_renewal);
    return g_test_run();
}
