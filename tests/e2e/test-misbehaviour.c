/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A MEF that is wrong, odd or hostile, and what the whole client makes of it: arguments that it must refuse,
 * EST servers that differ (interop.md), answers that are no answers, and servers that are not the MEF. */
#include <string.h>

#include "tests/lib/e2e-fixture.h"

#define QUICK "[mef]\nbackoff-min=1\nbackoff-max=1\ndefault-retry=1\n"

static void up(struct e2e *e, const char *scenario)
{
    e2e_up(e, scenario);
    e2e_configure(e, QUICK);
}

static void poll_now(struct e2e *e, const char *registration)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = e2e_call(e, registration, "org.mefclient1.Registration", "Poll",
                                         g_variant_new("(a{sv})", NULL), &error);
    /* The client may be at it already by its own timer. */
    if (!reply && !strstr(error->message, "InProgress"))
        g_error("%s", error->message);
}

/* The status recorded for the n-th report, from 0. */
static int status_of(struct e2e *e, size_t n)
{
    json_t *list = e2e_sim_records(e, "reports");
    json_t *one = json_array_get(list, n);
    int csc = json_is_true(json_object_get(one, "recorded"))
                  ? (int)json_integer_value(json_object_get(one, "csc"))
                  : 0;
    json_decref(list);
    return csc;
}

static size_t records(struct e2e *e, const char *name)
{
    json_t *list = e2e_sim_records(e, name);
    size_t n = json_array_size(list);
    json_decref(list);
    return n;
}

/* ---- commands ----------------------------------------------------------------------------------------- */

static const struct {
    const char *command;
    int csc;
} commands[] = {
    {"{\"ccid\":9,\"args\":{}}", 41},
    {"{\"cdsc\":{\"ccid\":1}}", 42},
    {"{\"cdsc\":{\"ccid\":1,\"cmda\":{}}}", 42},
    {"{\"cdsc\":{\"ccid\":1,\"cmda\":{\"dcca\":{\"dcu\":\"3:coaps://mef.example.com\"}}}}", 42},
    {"{\"cdsc\":{\"ccid\":1,\"cmda\":{\"cpca\":7}}}", 42},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"uri\":null}}", 42},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"cpp\":\"EST\"}}", 42},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"cpp\":3}}", 43},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"cpp\":2}}", 43},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"uri\":\"https://evil.example.com/.well-known/est\"}}", 43},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"uri\":\"https://est.${fqdn}/\"}}", 43},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"uri\":\"https://user@${fqdn}:${port}/\"}}", 43},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"uri\":\"http://${fqdn}:${port}/\"}}", 43},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"csty\":1}}", 43},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"csty\":3}}", 43},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"csty\":8}}", 43},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"csbi\":\"//m2m.example.com/gw43\"}}", 43},
    {"{\"class\":\"CERT_PROV\",\"args\":{\"csbi\":\"//m2m.example.com/a/b/c\"}}", 43},
    {"{\"class\":\"CERT_PROV\",\"tgid\":\"//m2m.example.com/other\"}", 43},
    {"{\"class\":\"NO_MORE_COMMANDS\",\"args\":{\"rtd\":\"soon\"}}", 42},
    {"{\"class\":\"NO_MORE_COMMANDS\",\"args\":{\"rtd\":null}}", 42},
};

static void test_arguments(void)
{
    struct e2e e;
    GString *scenario = g_string_new("{\"retryDuration\":\"PT10M\",\"commands\":[");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        g_string_append_printf(scenario, "%s%s", i ? "," : "", commands[i].command);
    g_string_append(scenario, "]}");
    up(&e, scenario->str);
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_reports(&e, G_N_ELEMENTS(commands));
    e2e_wait_idle(&e, reg);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_test_message("%s", commands[i].command);
        g_assert_cmpint(status_of(&e, i), ==, commands[i].csc);
    }
    g_assert_cmpuint(records(&e, "reports"), ==, G_N_ELEMENTS(commands)); /* each once */
    g_assert_cmpuint(e2e_sim_count(&e, NULL, "est"), ==, 0); /* refused before anybody was asked */
    sim_assert_no_violation(e.sim);
    g_string_free(scenario, TRUE);
    e2e_down(&e);
}

/* ---- EST servers that differ -------------------------------------------------------------------------- */

/* One after another on one registration, so that all but the first re-enrol. */
static void test_est_variants(void)
{
    static const char *const variants[] = {
        "{}",
        "{\"columns\":64}",
        "{\"columns\":76,\"transfer-encoding-header\":false,\"smime-type\":false}",
        "{\"columns\":0,\"encoding\":\"der\",\"transfer-encoding-header\":true,\"smime-type\":true}",
        "{\"encoding\":\"base64\",\"chain\":true,\"csrattrs\":\"none\"}",
        "{\"chain\":false,\"csrattrs\":\"not-found\"}",
        "{\"csrattrs\":\"empty\"}",
        "{\"csrattrs\":\"challenge\"}",
        "{\"csrattrs\":\"default\",\"pending\":{\"times\":1,\"retry-after\":1}}",
        "{\"pending\":{\"times\":1,\"retry-after\":1,\"as-date\":true}}",
        "{\"path\":[\"/.well-known/est\",\"/deep/er/est\"]}",
    };
    struct e2e e;
    up(&e, "{\"retryDuration\":\"PT10M\"}");
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
        g_autofree char *est = g_strdup_printf("{\"est\":%s}", variants[i]);
        g_test_message("%s", variants[i]);
        json_decref(sim_post(e.sim, "/sim/scenario", est));
        json_decref(sim_post(
            e.sim, "/sim/commands",
            strstr(variants[i], "deep")
                ? "{\"class\":\"CERT_PROV\",\"args\":{\"uri\":\"https://${fqdn}:${port}/deep/er/est/\"}}"
                : "{\"class\":\"CERT_PROV\"}"));
        poll_now(&e, reg);
        e2e_wait_reports(&e, i + 1);
        g_assert_cmpint(status_of(&e, i), ==, 20);
        e2e_wait_idle(&e, reg);
    }
    g_assert_cmpuint(records(&e, "enrolments"), ==, G_N_ELEMENTS(variants));
    g_assert_cmpuint(e2e_sim_count(&e, "simpleenroll", NULL), ==, 1);
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

/* ---- answers that are none ---------------------------------------------------------------------------- */

#define DUPLICATE                                                                                            \
    "\"do\":\"body\",\"body\":\"{\\\"sec:mecc\\\":{\\\"ty\\\":6,\\\"cid\\\":\\\"twice\\\",\\\"cdsc\\\":{"    \
    "\\\"ccid\\\":2,"                                                                                        \
    "\\\"cmda\\\":{\\\"dcca\\\":{\\\"dcu\\\":\\\"3:coaps://"                                                 \
    "mef.example.com\\\"}}},\\\"csc\\\":10,\\\"csc\\\":10}}\""

static const char *const spoilt[] = {
    "\"do\":\"body\",\"body\":\"\"",
    "\"do\":\"body\",\"body\":\"not JSON\"",
    /* Nothing is wrong with it but a name that comes twice. */
    DUPLICATE,
    "\"do\":\"field\",\"set\":{\"cdsc\":{\"ccid\":{}}}",
    "\"do\":\"body\",\"body\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\"",
    "\"do\":\"field\",\"remove\":[\"cid\"]",
    "\"do\":\"field\",\"remove\":[\"cdsc\"]",
    "\"do\":\"field\",\"remove\":[\"csc\"]",
    "\"do\":\"field\",\"remove\":[\"cdsc.ccid\"]",
    "\"do\":\"field\",\"set\":{\"csc\":20}",
    "\"do\":\"field\",\"set\":{\"csc\":\"ten\"}",
    "\"do\":\"field\",\"set\":{\"cid\":[]}",
    "\"do\":\"field\",\"set\":{\"cdsc\":7}",
    "\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"somebody-else\"}",
    "\"do\":\"garbage\",\"process\":true",
    "\"do\":\"truncate\"",
    "\"do\":\"huge\",\"bytes\":200000,\"process\":true",
    "\"do\":\"endless\",\"process\":true",
    "\"do\":\"endless-header\",\"process\":true",
    "\"do\":\"drop-after\"",
    "\"do\":\"close\"",
    "\"do\":\"chunked\"",
};

/* Each command arrives all the same, once the answer is one, and is reported once. */
static void spoil_all(const char *op, gboolean in_update)
{
    struct e2e e;
    size_t reported = 0;
    up(&e, "{\"retryDuration\":\"PT10M\"}");
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    for (size_t i = 0; i < G_N_ELEMENTS(spoilt); i++) {
        g_autofree char *fault =
            g_strdup_printf("{\"at\":{\"op\":\"%s\",\"resource\":\"command\"},%s}", op, spoilt[i]);
        g_test_message("%s", spoilt[i]);
        json_decref(sim_post(e.sim, "/sim/faults", fault));
        json_decref(sim_post(e.sim, "/sim/commands",
                             in_update ? "[{\"class\":\"DEV_CFG\"},{\"class\":\"DEV_CFG\"}]"
                                       : "{\"class\":\"DEV_CFG\"}"));
        poll_now(&e, reg);
        reported += in_update ? 2 : 1;
        e2e_wait_reports(&e, reported);
        e2e_wait_idle(&e, reg);
        json_decref(sim_call(e.sim, "DELETE", "/sim/faults", NULL, NULL));
        json_t *list = e2e_sim_records(&e, "reports"), *one;
        size_t k, recorded = 0;
        json_array_foreach(list, k, one)
        {
            recorded += json_is_true(json_object_get(one, "recorded"));
            g_assert_cmpint((int)json_integer_value(json_object_get(one, "csc")), ==, 43);
        }
        json_decref(list);
        g_assert_cmpuint(recorded, ==, reported);
    }
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

static void test_spoilt_retrieve(void)
{
    spoil_all("retrieve", FALSE);
}

static void test_spoilt_update(void)
{
    spoil_all("update", TRUE);
}

/* ---- a server that is not the MEF --------------------------------------------------------------------- */

static gboolean failed_again(json_t *state, void *data)
{
    return json_integer_value(json_object_get(state, "connections")) >= *(json_int_t *)data;
}

static void test_wrong_server(void)
{
    static const char *const flaws[] = {"other-name", "no-name",     "wildcard", "expired",
                                        "not-yet",    "self-signed", "other-ca"};
    struct e2e e;
    up(&e, "{\"retryDuration\":\"PT10M\"}");
    g_autofree char *fingerprint = e2e_make_certificate(&e, E2E_SAN), *reg = NULL;
    e2e_agent_start_ready(&e);
    for (size_t i = 0; i < G_N_ELEMENTS(flaws); i++) {
        g_autofree char *fault = g_strdup_printf(
            "{\"at\":{\"connection\":0},\"do\":\"wrong-cert\",\"certificate\":\"%s\"}", flaws[i]);
        g_test_message("%s", flaws[i]);
        json_decref(sim_call(e.sim, "DELETE", "/sim/faults", NULL, NULL));
        json_decref(sim_post(e.sim, "/sim/faults", fault));
        if (!reg)
            reg = e2e_add_mef_by_certificate(&e, fingerprint);
        /* At least one whole attempt with this certificate. */
        json_t *state = sim_state(e.sim);
        json_int_t enough = json_integer_value(json_object_get(state, "connections")) + 2;
        json_decref(state);
        state = sim_wait(e.sim, failed_again, &enough, E2E_WAIT_S);
        g_assert_nonnull(state);
        g_assert_cmpint(json_integer_value(json_object_get(state, "requests")), ==,
                        0); /* nothing was said to it */
        json_decref(state);
    }
    json_decref(sim_call(e.sim, "DELETE", "/sim/faults", NULL, NULL));
    e2e_wait_property(&e, reg, "Registration", "State", "registered");
    e2e_down(&e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/misbehaviour/MC-08/MC-12/MC-13/MC-16/MC-17/MC-18/MC-19/arguments", test_arguments);
    g_test_add_func("/e2e/misbehaviour/est-variants", test_est_variants);
    g_test_add_func("/e2e/misbehaviour/MC-05/spoilt-retrieve", test_spoilt_retrieve);
    g_test_add_func("/e2e/misbehaviour/MC-05/MC-53/spoilt-update", test_spoilt_update);
    g_test_add_func("/e2e/misbehaviour/MC-51/wrong-server", test_wrong_server);
    return g_test_run();
}
