/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credential.Renew of a certificate (EE-02) over the wire: the agent on a real bus, a token, and a MEF with
 * EST of another TLS library. */
#include <string.h>

#include "tests/lib/e2e-nodes.h"

#define REG  "/org/mefclient1/registration/mef_2eexample_2ecom"
#define NODE "/org/mefclient1/mo/MEFClientRegCfg/mef_2eexample_2ecom"

#define ENROL "\"commands\":[{\"class\":\"CERT_PROV\"}],\"retryDuration\":\"PT1H\""

static void start(struct e2e *e, const char *scenario)
{
    e2e_up(e, scenario);
    e2e_agent_start_ready(e);
    g_autofree char *reg = e2e_add_mef(e);
    g_assert_cmpstr(reg, ==, REG);
    e2e_wait_idle(e, reg);
}

static char *in_use(struct e2e *e)
{
    return e2e_get_string(e, REG, "Registration", "Credential");
}

/* How its job ended, or the error of the call. */
static char *renew(struct e2e *e, const char *credential, const char *uri)
{
    g_autoptr(GError) error = NULL;
    GVariantBuilder b;
    const char *job;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (uri)
        g_variant_builder_add(&b, "{sv}", "URI", g_variant_new_string(uri));
    g_autoptr(GVariant) v =
        e2e_call(e, credential, "org.mefclient1.Credential", "Renew", g_variant_new("(a{sv})", &b), &error);
    if (!v)
        return g_dbus_error_get_remote_error(error);
    g_variant_get(v, "(&o)", &job);
    return e2e_job_end(e, job);
}

static void expect(struct e2e *e, const char *credential, const char *uri, const char *result)
{
    g_autofree char *got = renew(e, credential, uri);

    if (g_strcmp0(got, result) != 0)
        e2e_dump(e);
    g_assert_cmpstr(got, ==, result);
}

static guint token_count(struct e2e *e, const char *class_word)
{
    g_autofree char *list = e2e_token_list(e);
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    guint n = 0;

    for (char **s = lines; *s; s++)
        n += g_str_has_prefix(*s, class_word) && strstr(*s, E2E_CLIENT);
    return n;
}

/* The requests after the first `skip`, "op/suite". */
static char *story(struct e2e *e, size_t skip)
{
    json_t *log = sim_log(e->sim), *line;
    GString *s = g_string_new(NULL);
    size_t i, n = 0;

    json_array_foreach(log, i, line)
    {
        if (!json_object_get(line, "request") || n++ < skip)
            continue;
        g_string_append_printf(s, "%s/%s ", e2e_text(line, "op"), e2e_text(line, "suite"));
    }
    json_decref(log);
    return g_strchomp(g_string_free(s, FALSE));
}

static void call(struct e2e *e, const char *path, const char *interface, const char *method)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = e2e_call(e, path, interface, method, g_variant_new("(a{sv})", NULL), &error);

    g_assert_no_error(error);
    const char *job;
    g_variant_get(v, "(&o)", &job);
    g_autofree char *result = e2e_job_end(e, job);
    g_assert_cmpstr(result, ==, "done");
}

static gboolean token_empty(struct e2e *e, void *data)
{
    (void)data;
    return token_count(e, "private-key") == 0 && token_count(e, "certificate") == 0;
}

/* Over the present certificate, with a new key; the next handshake uses the new one, also after a restart;
 * the former pair stays until the registration ends, as after CERT_PROV. */
static void test_renewed(void)
{
    struct e2e e;

    start(&e, "{" ENROL "}");
    g_autofree char *old = in_use(&e);
    g_autofree char *command = e2e_get_string(&e, REG, "Registration", "LastCommand");
    size_t n = e2e_sim_count(&e, NULL, NULL);
    guint64 poll = e2e_get_number(&e, REG, "Registration", "NextPoll");

    expect(&e, old, NULL, "done");
    g_autofree char *seen = story(&e, n);
    g_assert_cmpstr(seen, ==, "cacerts/C023 csrattrs/C023 simplereenroll/C023 retrieve/C023");
    g_autofree char *now = in_use(&e);
    g_assert_cmpstr(now, !=, old);
    g_autofree char *subject = e2e_get_string(&e, now, "Credential", "SubjectId");
    g_assert_cmpstr(subject, ==, E2E_CLIENT);
    g_assert_cmpuint(token_count(&e, "private-key"), ==, 2);
    g_assert_cmpuint(token_count(&e, "certificate"), ==, 2);

    /* There was no command: none is shown, nothing was reported, and the MEF's timer goes on. */
    g_autofree char *last = e2e_get_string(&e, REG, "Registration", "LastCommand");
    g_assert_cmpstr(last, ==, command);
    g_assert_cmpuint(e2e_get_number(&e, REG, "Registration", "NextPoll"), ==, poll);
    g_assert_cmpuint(e2e_sim_count(&e, "update", NULL), ==, 1);

    /* The former one is nobody's now. */
    expect(&e, old, NULL, "org.mefclient1.Error.NotSupported");
    expect(&e, now, "https://est.example.com/.well-known/est", "failed");
    g_assert_cmpuint(e2e_sim_count(&e, NULL, NULL), ==, n + 4);

    g_assert_cmpint(e2e_agent_stop(&e, NULL), ==, 0);
    e2e_agent_start_ready(&e);
    e2e_wait_property(&e, REG, "Registration", "Credential", now);
    n = e2e_sim_count(&e, NULL, NULL);
    expect(&e, now, NULL, "done");
    g_autofree char *third = in_use(&e);
    g_assert_cmpstr(third, !=, now);
    g_autofree char *more = story(&e, n);
    g_assert_cmpstr(more, ==, "cacerts/C023 csrattrs/C023 simplereenroll/C023 retrieve/C023");

    /* Nobody needs the former ones: without them the next handshake is what it was. */
    call(&e, old, "org.mefclient1.Credential", "Delete");
    call(&e, now, "org.mefclient1.Credential", "Delete");
    n = e2e_sim_count(&e, NULL, NULL);
    call(&e, REG, "org.mefclient1.Registration", "Poll");
    g_autofree char *polled = story(&e, n);
    g_assert_cmpstr(polled, ==, "retrieve/C023");
    g_assert_cmpuint(token_count(&e, "private-key"), ==, 1);

    call(&e, NODE, "org.mefclient1.Node", "Delete");
    e2e_wait(&e, "the token to be empty", token_empty, NULL, 30);
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

/* What the EST server or the MEF does not take leaves the former certificate in use and nothing else behind.
 */
static void test_refused(void)
{
    static const char *const faults[] = {
        "{\"at\":{\"op\":\"simplereenroll\"},\"do\":\"status\",\"status\":500}",
        "{\"at\":{\"op\":\"retrieve\",\"resource\":\"registration\"},\"do\":\"status\",\"status\":403,"
        "\"rsc\":4107}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        struct e2e e;
        g_autofree char *scenario = g_strdup_printf("{" ENROL ",\"faults\":[%s]}", faults[i]);
        start(&e, scenario);
        g_autofree char *old = in_use(&e);
        expect(&e, old, NULL, "failed");
        g_assert_cmpuint(token_count(&e, "private-key"), ==, 1);
        g_assert_cmpuint(token_count(&e, "certificate"), ==, 1);
        size_t n = e2e_sim_count(&e, NULL, NULL);
        call(&e, REG, "org.mefclient1.Registration", "Update");
        e2e_wait_property(&e, REG, "Registration", "Credential", old);
        g_autofree char *seen = story(&e, n);
        g_assert_true(g_str_has_prefix(seen, "update/C023"));
        expect(&e, old, NULL, "done");
        sim_assert_no_violation(e.sim);
        e2e_down(&e);
    }
}

/* The Kpm, what no MEF has provisioned, and CA certificates are not renewed. */
static void test_others(void)
{
    struct e2e e;
    g_autoptr(GError) error = NULL;
    guint n = 0;

    start(&e, "{" ENROL "}");
    g_autofree char *pair = in_use(&e);
    g_autoptr(GVariant) v = e2e_call(&e, "/org/mefclient1", "org.freedesktop.DBus.ObjectManager",
                                     "GetManagedObjects", NULL, &error);
    g_assert_no_error(error);
    g_autoptr(GVariant) all = g_variant_get_child_value(v, 0);
    for (gsize i = 0; i < g_variant_n_children(all); i++) {
        const char *path;
        g_autoptr(GVariant) one = g_variant_get_child_value(all, i);
        g_variant_get_child(one, 0, "&o", &path);
        if (!g_str_has_prefix(path, "/org/mefclient1/credential/") || strcmp(path, pair) == 0)
            continue;
        n++;
        expect(&e, path, NULL, "org.mefclient1.Error.NotSupported");
    }
    g_assert_cmpuint(n, >=, 2);
    e2e_down(&e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/renewal/EE-02/MC-20/renewed", test_renewed);
    g_test_add_func("/e2e/renewal/EE-02/refused", test_refused);
    g_test_add_func("/e2e/renewal/EE-02/others", test_others);
    return g_test_run();
}
