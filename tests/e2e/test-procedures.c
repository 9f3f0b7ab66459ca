/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The four registration procedures against mef-sim (8.3.5.2.3 to 8.3.5.2.6), and the life of a registration:
 * renewed before its end, and never used behind it. */
#include <string.h>

#include "tests/lib/e2e-fixture.h"

/* "op:resource" of each request from the n-th on. */
static char *story(struct e2e *e, size_t from)
{
    json_t *log = sim_log(e->sim), *line;
    GString *s = g_string_new(NULL);
    size_t i, n = 0;
    json_array_foreach(log, i, line) if (json_object_get(line, "request") && n++ >= from)
        g_string_append_printf(s, "%s:%s ", json_string_value(json_object_get(line, "op")),
                               json_string_value(json_object_get(line, "resource")));
    json_decref(log);
    return g_strchomp(g_string_free(s, FALSE));
}

static size_t requests(struct e2e *e)
{
    json_t *state = sim_state(e->sim);
    size_t n = (size_t)json_integer_value(json_object_get(state, "requests"));
    json_decref(state);
    return n;
}

/* The body of the last request with that op and resource (new reference). */
static json_t *body_of(struct e2e *e, const char *op, const char *resource)
{
    json_t *log = sim_log(e->sim), *line, *body = NULL;
    size_t i;
    json_array_foreach(
        log, i, line) if (g_strcmp0(json_string_value(json_object_get(line, "op")), op) == 0 &&
                          g_strcmp0(json_string_value(json_object_get(line, "resource")), resource) == 0)
    {
        json_decref(body);
        body = json_loads(json_string_value(json_object_get(line, "body")), 0, NULL);
    }
    json_decref(log);
    g_assert_nonnull(body);
    return body;
}

static gboolean job_over(struct e2e *e, void *job)
{
    g_autofree char *state = e2e_get_string(e, job, "Job", "State");
    return strcmp(state, "queued") != 0 && strcmp(state, "running") != 0 && strcmp(state, "waiting") != 0;
}

static void run(struct e2e *e, const char *registration, const char *method)
{
    g_autoptr(GError) error = NULL;
    const char *job;
    g_autoptr(GVariant) reply = e2e_call(e, registration, "org.mefclient1.Registration", method,
                                         g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    g_variant_get(reply, "(&o)", &job);
    e2e_wait(e, method, job_over, (void *)(guintptr)job, E2E_WAIT_S);
    e2e_wait_property(e, job, "Job", "State", "done");
}

/* A member of the only registration at the MEF; "" when there is none. */
static char *at_mef(struct e2e *e, const char *member)
{
    json_t *list = e2e_sim_records(e, "registrations");
    const char *text = json_string_value(json_object_get(json_array_get(list, 0), member));
    g_assert_cmpuint(json_array_size(list), <=, 1);
    char *copy = g_strdup(text ? text : "");
    json_decref(list);
    return copy;
}

/* An m2m:timestamp in seconds since the epoch. */
static gint64 seconds_of(const char *et)
{
    g_autofree char *iso = g_strdup_printf("%.15sZ", et);
    g_autoptr(GDateTime) d = g_date_time_new_from_iso8601(iso, NULL);
    g_assert_nonnull(d);
    return g_date_time_to_unix(d);
}

static void assert_expires_as_granted(struct e2e *e, const char *registration)
{
    g_autofree char *et = at_mef(e, "et");
    gint64 shown = (gint64)(e2e_get_number(e, registration, "Registration", "ExpiresAt") / G_USEC_PER_SEC);
    g_assert_cmpint(shown, ==, seconds_of(et));
}

static void test_all_four(void)
{
    struct e2e e;
    e2e_up(&e, "{\"commands\":[],\"retryDuration\":\"PT10M\",\"registration\":{\"lifetime\":\"PT1H\"}}");
    e2e_agent_start_ready(&e);

    /* Create: expirationTime and adminFQDN go, the identifier and what the MEF granted come; then the
     * command. */
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    g_autofree char *created = story(&e, 0);
    g_assert_cmpstr(created, ==, "create:base retrieve:command");
    json_t *body = body_of(&e, "create", "base"), *mecr = json_object_get(body, "sec:mecr");
    g_assert_cmpuint(json_object_size(body), ==, 1);
    g_assert_cmpstr(json_string_value(json_object_get(mecr, "adfq")), ==, E2E_ADMIN);
    g_assert_true(json_is_string(json_object_get(mecr, "et")));
    json_decref(body);
    g_autofree char *id = e2e_get_string(&e, reg, "Registration", "MefClientRegId"), *ri = at_mef(&e, "ri");
    g_assert_cmpstr(id, ==, ri);
    assert_expires_as_granted(&e, reg);

    /* Retrieve: Register where a registration lives. */
    size_t before = requests(&e);
    run(&e, reg, "Register");
    g_autofree char *retrieved = story(&e, before);
    g_assert_cmpstr(retrieved, ==, "retrieve:registration retrieve:command");

    /* Update: the MEF grants more now, and the client believes what the answer says. */
    json_decref(sim_post(e.sim, "/sim/scenario", "{\"registration\":{\"lifetime\":\"P30D\"}}"));
    before = requests(&e);
    guint64 expired = e2e_get_number(&e, reg, "Registration", "ExpiresAt");
    run(&e, reg, "Update");
    g_autofree char *updated = story(&e, before);
    g_assert_cmpstr(updated, ==, "update:registration retrieve:command");
    body = body_of(&e, "update", "registration");
    mecr = json_object_get(body, "sec:mecr");
    g_assert_true(json_is_string(json_object_get(mecr, "et")));
    g_assert_null(json_object_get(mecr, "adfq")); /* expirationTime and labels only (3.3) */
    json_decref(body);
    g_assert_cmpuint(e2e_get_number(&e, reg, "Registration", "ExpiresAt"), >,
                     expired + 28ull * 86400 * G_USEC_PER_SEC);
    assert_expires_as_granted(&e, reg);

    /* De-register: nothing follows it, and nothing is left at the MEF. */
    before = requests(&e);
    run(&e, reg, "Deregister");
    e2e_wait_property(&e, reg, "Registration", "State", "new");
    g_autofree char *none = at_mef(&e, "ri"), *deleted = story(&e, before);
    g_assert_cmpstr(none, ==, "");
    g_assert_cmpstr(deleted, ==, "delete:registration");

    /* And again from the beginning, under another identifier. */
    before = requests(&e);
    run(&e, reg, "Register");
    g_autofree char *again = story(&e, before),
                    *id2 = e2e_get_string(&e, reg, "Registration", "MefClientRegId");
    g_assert_cmpstr(again, ==, "create:base retrieve:command");
    g_assert_cmpstr(id2, !=, id);
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

static gboolean renewed_twice(struct e2e *e, void *data)
{
    return e2e_sim_count(e, "update", "registration") >= 2;
}

/* Renewed when a fifth of its life remains (3.3), each time anew; a command retrieve follows (EE-13). */
static void test_renewal(void)
{
    struct e2e e;
    e2e_up(&e, "{\"commands\":[],\"retryDuration\":\"PT10M\",\"registration\":{\"lifetime\":\"PT10S\"}}");
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    g_autofree char *id = e2e_get_string(&e, reg, "Registration", "MefClientRegId");
    e2e_wait(&e, "two renewals", renewed_twice, NULL, 40);
    e2e_wait_idle(&e, reg);
    json_t *log = sim_log(e.sim), *line;
    gint64 last = 0;
    size_t i;
    json_array_foreach(log, i, line)
    {
        const char *op = json_string_value(json_object_get(line, "op")),
                   *resource = json_string_value(json_object_get(line, "resource"));
        if (g_strcmp0(op, "create") != 0 &&
            (g_strcmp0(op, "update") != 0 || g_strcmp0(resource, "registration") != 0))
            continue;
        g_autoptr(GDateTime) at =
            g_date_time_new_from_iso8601(json_string_value(json_object_get(line, "time")), NULL);
        gint64 ms = g_date_time_to_unix(at) * 1000 + g_date_time_get_microsecond(at) / 1000;
        if (last) {
            g_assert_cmpint(ms - last, >=, 6900); /* et has whole seconds: a fifth of 9 to 10 s remains */
            g_assert_cmpint(ms - last, <, 10000); /* and before the end */
        }
        last = ms;
    }
    json_decref(log);
    g_autofree char *seen = story(&e, 0), *id2 = e2e_get_string(&e, reg, "Registration", "MefClientRegId");
    g_assert_true(g_str_has_prefix(seen, "create:base retrieve:command update:registration retrieve:command "
                                         "update:registration retrieve:command"));
    g_assert_cmpstr(id, ==, id2);
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

/* A report that the MEF does not take does not cost the registration: it is renewed all the same, and the
 * report stays owed and is delivered in the end. */
static void test_renewal_with_report_owed(void)
{
    struct e2e e;
    e2e_up(&e, "{\"commands\":[{\"ccid\":9,\"args\":{}}],\"retryDuration\":\"PT10M\",\"registration\":{"
               "\"lifetime\":\"PT8S\"},"
               "\"faults\":[{\"at\":{\"op\":\"update\",\"resource\":\"command\",\"times\":0},\"do\":"
               "\"status\",\"status\":500,"
               "\"rsc\":5000}]}");
    e2e_configure(&e, "[mef]\nbackoff-min=1\nbackoff-max=1\n");
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait(&e, "two renewals", renewed_twice, NULL, 30);
    json_decref(sim_post(e.sim, "/sim/scenario", "{\"registration\":{\"lifetime\":\"P1D\"}}"));
    json_decref(sim_call(e.sim, "DELETE", "/sim/faults", NULL, NULL));
    e2e_wait_reports(&e, 1);
    e2e_wait_idle(&e, reg);
    g_assert_cmpuint(e2e_sim_count(&e, "create", "base"), ==, 1);
    g_assert_cmpuint(e2e_sim_count(&e, "retrieve", "command"), ==, 1); /* MC-02 */
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

static gboolean created_again(struct e2e *e, void *data)
{
    return e2e_sim_count(e, "create", "base") >= 2;
}

/* No request names the registration behind its end; the first one then is a create. */
static void assert_nothing_under(struct e2e *e, const char *id, gint64 end_s)
{
    json_t *log = sim_log(e->sim), *line;
    size_t i;
    json_array_foreach(log, i, line)
    {
        const char *to = json_string_value(json_object_get(line, "to"));
        if (!json_object_get(line, "request") || !to || !strstr(to, id))
            continue;
        g_autoptr(GDateTime) at =
            g_date_time_new_from_iso8601(json_string_value(json_object_get(line, "time")), NULL);
        g_test_message("%s %s", json_string_value(json_object_get(line, "time")), to);
        g_assert_cmpint(g_date_time_to_unix(at), <, end_s);
    }
    json_decref(log);
}

/* MC-01: a report is owed and a renewal is tried, in vain, until the end; behind it neither goes out any
 * more. A new registration is made, and what it brings is reported under it. */
static void test_expired(void)
{
    struct e2e e;
    e2e_up(&e, "{\"commands\":[{\"ccid\":9,\"args\":{}}],\"retryDuration\":\"PT10M\",\"registration\":{"
               "\"lifetime\":\"PT6S\"},"
               "\"faults\":[{\"at\":{\"op\":\"update\",\"times\":0},\"do\":\"status\",\"status\":500,\"rsc\":"
               "5000}]}");
    e2e_configure(&e, "[mef]\nbackoff-min=1\nbackoff-max=1\n");
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_property(&e, reg, "Registration", "State", "registered");
    g_autofree char *id = e2e_get_string(&e, reg, "Registration", "MefClientRegId"), *et = at_mef(&e, "et");
    e2e_wait(&e, "a second create", created_again, NULL, 30);
    g_assert_cmpuint(e2e_sim_count(&e, "update", NULL), >, 1);
    json_decref(sim_post(e.sim, "/sim/scenario", "{\"registration\":{\"lifetime\":\"P1D\"}}"));
    json_decref(sim_call(e.sim, "DELETE", "/sim/faults", NULL, NULL));
    e2e_wait_reports(&e, 1);
    e2e_wait_idle(&e, reg);
    assert_nothing_under(&e, id, seconds_of(et));
    g_autofree char *id2 = e2e_get_string(&e, reg, "Registration", "MefClientRegId");
    json_t *reports = e2e_sim_records(&e, "reports");
    for (size_t i = 0; i < json_array_size(reports); i++) {
        json_t *one = json_array_get(reports, i);
        if (json_is_true(json_object_get(one, "recorded")))
            g_assert_cmpstr(json_string_value(json_object_get(one, "registration")), ==, id2);
    }
    json_decref(reports);
    g_assert_cmpstr(id, !=, id2);
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

static gboolean end_has_come(struct e2e *e, void *data)
{
    return g_get_real_time() > *(gint64 *)data;
}

/* MC-01: the end came while nothing ran. */
static void test_expired_while_away(void)
{
    struct e2e e;
    e2e_up(&e, "{\"commands\":[],\"retryDuration\":\"PT1S\",\"registration\":{\"lifetime\":\"PT4S\"}}");
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    g_autofree char *id = e2e_get_string(&e, reg, "Registration", "MefClientRegId"), *et = at_mef(&e, "et");
    e2e_agent_kill(&e);
    size_t before = requests(&e);
    gint64 end = seconds_of(et) * G_USEC_PER_SEC;
    e2e_wait(&e, "the end of the registration", end_has_come, &end, 20);
    json_decref(sim_post(e.sim, "/sim/scenario", "{\"registration\":{\"lifetime\":\"P1D\"}}"));
    e2e_agent_start_ready(&e);
    e2e_wait(&e, "a second create", created_again, NULL, 30);
    e2e_wait_property(&e, reg, "Registration", "State", "registered");
    e2e_wait_idle(&e, reg);
    g_autofree char *seen = story(&e, before),
                    *id2 = e2e_get_string(&e, reg, "Registration", "MefClientRegId");
    g_assert_true(g_str_has_prefix(seen, "create:base retrieve:command"));
    g_assert_cmpstr(id, !=, id2);
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

static gboolean is_gone(struct e2e *e, void *registration)
{
    g_autofree char *state = e2e_get_string(e, registration, "Registration", "State");
    return *state == '\0';
}

/* A registration goes while changes of it wait to be told: nothing that was freed is read for them. The
 * allocator overwrites what is freed, so that it would show; whether changes wait is a matter of time, hence
 * the rounds. */
static void test_deleted_while_it_changes(void)
{
    struct e2e e;
    e2e_up(&e,
           "{\"commands\":[{\"ccid\":9,\"args\":{}},{\"ccid\":9,\"args\":{}}],\"retryDuration\":\"PT10M\"}");
    g_ptr_array_add(e.agent_env, g_strdup("MALLOC_PERTURB_=85"));
    e2e_agent_start_ready(&e);
    for (int i = 0; i < 20; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *reg = e2e_add_mef(&e);
        if (i % 3 != 0) /* sooner or later in its exchange */
            e2e_wait_property(&e, reg, "Registration", "State", "registered");
        else
            e2e_wait_idle(&e, reg);
        g_autoptr(GVariant) reply =
            e2e_call(&e, "/org/mefclient1/mo/MEFClientRegCfg/mef_2eexample_2ecom", "org.mefclient1.Node",
                     "Delete", g_variant_new("(a{sv})", NULL), &error);
        g_assert_no_error(error);
        e2e_wait(&e, "the registration is gone", is_gone, reg, E2E_WAIT_S);
    }
    e2e_down(&e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/procedures/EE-13/EE-23/all-four", test_all_four);
    g_test_add_func("/e2e/procedures/EE-13/EE-23/renewal", test_renewal);
    g_test_add_func("/e2e/procedures/EE-23/MC-02/renewal-with-report-owed", test_renewal_with_report_owed);
    g_test_add_func("/e2e/procedures/MC-01/expired", test_expired);
    g_test_add_func("/e2e/procedures/MC-01/expired-while-away", test_expired_while_away);
    g_test_add_func("/e2e/procedures/deleted-while-it-changes", test_deleted_while_it_changes);
    return g_test_run();
}
