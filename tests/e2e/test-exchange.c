/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole exchanges: the agent with the plugin, a bus, a SoftHSM token, and a MEF of another TLS library. */
#include <string.h>

#include "tests/lib/e2e-fixture.h"

#define CERT_PROV_ONLY "{\"commands\":[{\"class\":\"CERT_PROV\"}],\"retryDuration\":\"PT10M\"}"

static int recorded_csc(struct e2e *e, const char *cid)
{
    json_t *list = e2e_sim_records(e, "reports"), *one;
    size_t i;
    int csc = 0, n = 0;
    json_array_foreach(list, i, one) if (json_is_true(json_object_get(one, "recorded")) &&
                                         g_strcmp0(json_string_value(json_object_get(one, "cid")), cid) == 0)
    {
        csc = (int)json_integer_value(json_object_get(one, "csc"));
        n++;
    }
    json_decref(list);
    g_assert_cmpint(n, <=, 1); /* reported once */
    return csc;
}

static size_t size_of(struct e2e *e, const char *name)
{
    json_t *list = e2e_sim_records(e, name);
    size_t n = json_array_size(list);
    json_decref(list);
    return n;
}

static size_t lines_with(const char *text, const char *word)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    size_t n = 0;
    for (char **l = lines; *l; l++)
        n += strstr(*l, word) != NULL;
    return n;
}

/* The worked example: registration, first command, report, second command in the answer, report, until none
 * is left. */
static void test_worked_example(void)
{
    struct e2e e;
    e2e_up(&e, NULL);
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    e2e_wait_reports(&e, 3);
    g_assert_cmpint(recorded_csc(&e, "c-0001"), ==, 20);
    g_assert_cmpint(recorded_csc(&e, "c-0002"), ==, 43);  /* no DM client for LwM2M is there (MC-22) */
    g_assert_cmpint(recorded_csc(&e, "c-0003"), ==, 303); /* /27022/0 is the registration's own profile */
    g_assert_cmpuint(e2e_sim_count(&e, "retrieve", "command"), ==, 1); /* the rest came in the answers */
    g_assert_cmpuint(size_of(&e, "enrolments"), ==, 1);
    e2e_wait_property(&e, reg, "Registration", "State", "registered");
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

/* The report of the enrolment travels with the certificate that it brought, and so does all that follows. */
static void test_certificate_in_use(void)
{
    struct e2e e;
    e2e_up(&e, CERT_PROV_ONLY);
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    json_t *reports = e2e_sim_records(&e, "reports");
    g_assert_cmpuint(json_array_size(reports), ==, 1);
    g_assert_cmpstr(json_string_value(json_object_get(json_array_get(reports, 0), "identity")), ==, E2E_SAN);
    json_decref(reports);
    g_autofree char *credential = e2e_get_string(&e, reg, "Registration", "Credential");
    g_autofree char *kind = e2e_get_string(&e, credential, "Credential", "Kind");
    g_assert_cmpstr(kind, ==, "certificate");
    g_autofree char *list = e2e_token_list(&e);
    g_assert_cmpuint(lines_with(list, E2E_CLIENT), >=, 2); /* key pair and certificate */
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

/* The same exchange by a client that starts with a certificate: its first command renews that certificate. */
static void test_by_certificate(void)
{
    struct e2e e;
    e2e_up(&e, NULL);
    g_autofree char *fingerprint = e2e_make_certificate(&e, E2E_SAN);
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef_by_certificate(&e, fingerprint);
    e2e_wait_reports(&e, 3);
    e2e_wait_idle(&e, reg);
    g_assert_cmpint(recorded_csc(&e, "c-0001"), ==, 20);
    g_assert_cmpint(recorded_csc(&e, "c-0002"), ==, 43);
    g_assert_cmpint(recorded_csc(&e, "c-0003"), ==, 303); /* /27022/0 is the registration's own profile */
    g_assert_cmpuint(size_of(&e, "enrolments"), ==, 1);
    json_t *log = sim_log(e.sim), *line;
    size_t i;
    json_array_foreach(log, i, line) if (json_object_get(line, "request"))
        g_assert_cmpstr(json_string_value(json_object_get(line, "suite")), ==, "C023");
    json_decref(log);
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

/* A command that comes later is fetched by Poll. */
static void test_poll(void)
{
    struct e2e e;
    g_autoptr(GError) error = NULL;
    e2e_up(&e, "{}");
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    json_decref(sim_post(e.sim, "/sim/commands", "{\"class\":\"MO_NODE\"}"));
    g_variant_unref(
        e2e_call(&e, reg, "org.mefclient1.Registration", "Poll", g_variant_new("(a{sv})", NULL), &error));
    g_assert_no_error(error);
    e2e_wait_reports(&e, 1);
    e2e_wait_idle(&e, reg);
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

/* Killed and started again at rest: no second registration, no second enrolment, nothing asked before its
 * time. */
static void test_restart(void)
{
    struct e2e e;
    e2e_up(&e, CERT_PROV_ONLY);
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    guint64 poll = e2e_get_number(&e, reg, "Registration", "NextPoll");
    e2e_agent_kill(&e);
    e2e_agent_start_ready(&e);
    e2e_wait_property(&e, reg, "Registration", "State", "registered");
    e2e_wait_idle(&e, reg);
    g_assert_cmpuint(e2e_get_number(&e, reg, "Registration", "NextPoll"), ==, poll);
    g_assert_cmpuint(size_of(&e, "registrations"), ==, 1);
    g_assert_cmpuint(size_of(&e, "enrolments"), ==, 1);
    g_assert_cmpuint(size_of(&e, "reports"), ==, 1);
    e2e_down(&e);
}

/* The answer to the report is lost: it is sent again, the MEF has it once. */
static void test_lost_answer(void)
{
    struct e2e e;
    e2e_up(&e, "{\"commands\":[{\"class\":\"DEV_CFG\"}],\"faults\":[{\"at\":{\"op\":\"update\"},\"do\":"
               "\"drop-after\"},"
               "{\"at\":{\"op\":\"create\"},\"do\":\"drop-after\"}]}");
    e2e_configure(&e, "[mef]\nbackoff-min=1\nbackoff-max=2\n");
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    g_assert_cmpuint(size_of(&e, "registrations"), ==, 1);
    g_assert_cmpint(recorded_csc(&e, "c-0001"), ==, 43);
    g_assert_cmpuint(e2e_sim_count(&e, "create", "base"), ==, 2);
    e2e_down(&e);
}

/* The bus goes and comes; the MEF goes and comes: the client is there again. */
static void test_bus_and_mef_restart(void)
{
    struct e2e e;
    e2e_up(&e, "{\"commands\":[{\"class\":\"DEV_CFG\"}]}");
    e2e_configure(&e, "[mef]\nbackoff-min=1\nbackoff-max=2\n");
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    e2e_bus_stop(&e);
    e2e_bus_start(&e);
    e2e_wait_property(&e, reg, "Registration", "State", "registered");
    e2e_sim_stop(&e, TRUE);
    e2e_sim_start(&e, NULL);
    json_decref(sim_post(e.sim, "/sim/commands", "{\"class\":\"MO_NODE\"}"));
    g_assert_cmpint(e2e_mefctl(&e, NULL, "poll", E2E_FQDN, NULL), ==, 0);
    e2e_wait_reports(&e, 2);
    e2e_down(&e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/EE-25/worked-example", test_worked_example);
    g_test_add_func("/e2e/EE-25/worked-example-by-certificate", test_by_certificate);
    g_test_add_func("/e2e/certificate-in-use", test_certificate_in_use);
    g_test_add_func("/e2e/poll", test_poll);
    g_test_add_func("/e2e/restart", test_restart);
    g_test_add_func("/e2e/lost-answer", test_lost_answer);
    g_test_add_func("/e2e/bus-and-mef-restart", test_bus_and_mef_restart);
    return g_test_run();
}
