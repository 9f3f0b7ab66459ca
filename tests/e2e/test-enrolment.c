/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The enrolment exchange end to end: bus, agent, plugin, token and a MEF of another TLS library. */
#include <string.h>

#include "tests/lib/e2e-fixture.h"

#define TREE_PATH     "/org/mefclient1/mo"
#define REG           "/org/mefclient1/registration/mef_2eexample_2ecom"
#define NODE          TREE_PATH "/MEFClientRegCfg/mef_2eexample_2ecom"
#define ONE_CERT_PROV "{\"commands\":[{\"class\":\"CERT_PROV\"}],\"retryDuration\":\"PT10M\"}"

/* The same client with the bus wide open to it, ready. */
static void start(struct e2e *g, const char *scenario, const char *config)
{
    e2e_up(g, scenario);
    if (config)
        e2e_configure(g, config);
    e2e_agent_start_ready(g);
}

static GVariant *call(struct e2e *g, const char *path, const char *interface, const char *method,
                      GVariant *params)
{
    GError *error = NULL;
    g_autofree char *full = g_strconcat("org.mefclient1.", interface, NULL);
    GVariant *v = e2e_call(g, path, full, method, params, &error);

    if (!v)
        e2e_dump(g);
    g_assert_no_error(error);
    return v;
}

static void add(struct e2e *g, char **ret_node, char **ret_job)
{
    g_autofree char *node = NULL, *job = NULL;
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "HttpPort", g_variant_new_uint16((guint16)g->sim_port));
    g_variant_builder_add(&b, "{sv}", "KpmId", g_variant_new_string(E2E_KPM_ID));
    g_autoptr(GVariant) v =
        call(g, TREE_PATH, "Tree", "AddMefClientRegCfg", g_variant_new("(ssa{sv})", E2E_FQDN, E2E_ADMIN, &b));
    g_variant_get(v, "(oo)", &node, &job);
    if (ret_node)
        *ret_node = g_steal_pointer(&node);
    if (ret_job)
        *ret_job = g_steal_pointer(&job);
}

static gboolean job_over(struct e2e *g, void *job)
{
    g_autofree char *state = e2e_get_string(g, job, "Job", "State");
    return strcmp(state, "queued") != 0 && strcmp(state, "running") != 0 && strcmp(state, "waiting") != 0;
}

static char *job_end(struct e2e *g, const char *job)
{
    e2e_wait(g, "a job to end", job_over, (void *)(guintptr)job, 30);
    return e2e_get_string(g, job, "Job", "State");
}

static guint token_count(struct e2e *g, const char *class_word, const char *label)
{
    g_autofree char *list = e2e_token_list(g);
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    guint n = 0;

    for (char **s = lines; *s; s++)
        if (**s && g_str_has_prefix(*s, class_word) && (!label || strstr(*s, label)))
            n++;
    return n;
}

/* Recorded reports for a cmdID; the status of the last in *ret_csc. */
static guint reports(struct e2e *g, const char *cid, int *ret_csc)
{
    json_t *list = e2e_sim_records(g, "reports"), *one;
    size_t i;
    guint n = 0;

    json_array_foreach(list, i, one)
    {
        if (g_strcmp0(json_string_value(json_object_get(one, "cid")), cid) != 0 ||
            !json_is_true(json_object_get(one, "recorded")))
            continue;
        n++;
        if (ret_csc)
            *ret_csc = (int)json_integer_value(json_object_get(one, "csc"));
    }
    json_decref(list);
    return n;
}

#define CREDENTIAL_LABEL E2E_CLIENT

/* The requests in the order in which the MEF saw them, "op" or "op:identity"; polls left out on demand. */
static char *story(struct e2e *g)
{
    json_t *log = sim_log(g->sim), *line;
    GString *s = g_string_new(NULL);
    size_t i;

    json_array_foreach(log, i, line) if (json_object_get(line, "request"))
        g_string_append_printf(s, "%s/%s ", json_string_value(json_object_get(line, "op")),
                               json_string_value(json_object_get(line, "suite")));
    json_decref(log);
    return g_strchomp(g_string_free(s, FALSE));
}

static void assert_done(struct e2e *g, const char *job)
{
    g_autofree char *state = job_end(g, job);

    if (g_strcmp0(state, "done") != 0) {
        e2e_dump(g);
        g_error("the job is '%s'", state);
    }
}

/* Issue 2, the main job: register over PSK, CERT_PROV, certificate in the token, report over it, next poll.
 */
static void test_first_enrolment(void)
{
    struct e2e g;
    g_autofree char *job = NULL, *node = NULL;
    int csc = 0;

    start(&g, ONE_CERT_PROV, NULL);
    add(&g, &node, &job);
    g_assert_cmpstr(node, ==, NODE);
    assert_done(&g, job);

    /* EE-17: the answer names the command, which is retrieved; EE-11: CERT_PROV enrols; EE-16: then an
     * update, over the new certificate (3.6.2), whose answer says that there is no more; MC-14: nothing after
     * it. */
    g_autofree char *seen = story(&g);
    g_assert_cmpstr(seen, ==,
                    "create/00AE retrieve/00AE cacerts/00AE csrattrs/00AE simpleenroll/00AE update/C023");
    g_assert_cmpuint(reports(&g, "c-0001", &csc), ==, 1);
    g_assert_cmpint(csc, ==, 20);
    sim_assert_no_violation(g.sim);

    /* MC-20, DC-03: pair and certificate in the token, under the subject's name; the MEF's CA beside them. */
    g_assert_cmpuint(token_count(&g, "private-key", CREDENTIAL_LABEL), ==, 1);
    g_assert_cmpuint(token_count(&g, "certificate", CREDENTIAL_LABEL), ==, 1);
    g_assert_cmpuint(token_count(&g, "certificate", E2E_FQDN " CA"), ==, 1);

    /* EE-14: it polls again when the MEF said so: PT10M from now. */
    guint64 next = e2e_get_number(&g, REG, "Registration", "NextPoll"), now = (guint64)g_get_real_time();
    g_assert_cmpuint(next, >, now + 590 * G_USEC_PER_SEC);
    g_assert_cmpuint(next, <=, now + 600 * G_USEC_PER_SEC);

    g_autofree char *reg_state = e2e_get_string(&g, REG, "Registration", "State");
    g_autofree char *credential = e2e_get_string(&g, REG, "Registration", "Credential");
    g_autofree char *newest = e2e_get_string(&g, REG, "Registration", "LastCommand");
    g_autofree char *newest_class = e2e_get_string(&g, newest, "Command", "Class");
    g_assert_cmpstr(newest_class, ==, "no-more-commands");
    g_assert_cmpuint(e2e_get_number(&g, newest, "Command", "StatusCode"), ==, 0);
    g_assert_cmpuint(e2e_get_number(&g, newest, "Command", "Reported"), ==, 0);
    g_assert_cmpuint(e2e_get_number(&g, REG, "Registration", "LastStatus"), ==, 20);
    const char *last = REG "/command/1";
    g_assert_cmpstr(reg_state, ==, "registered");
    g_autofree char *kind = e2e_get_string(&g, credential, "Credential", "Kind");
    g_assert_cmpstr(kind, ==, "certificate");
    g_autofree char *class = e2e_get_string(&g, last, "Command", "Class");
    g_assert_cmpstr(class, ==, "cert-prov");
    g_assert_cmpuint(e2e_get_number(&g, last, "Command", "StatusCode"), ==, 20);
    g_assert_cmpuint(e2e_get_number(&g, last, "Command", "Reported"), ==, 1);
    g_assert_cmpint(e2e_agent_stop(&g, NULL), ==, 0);
    e2e_down(&g);
}

/* mef-protocol.md 6 without a DM client: each command is answered once, in one exchange. */
static void test_worked_example(void)
{
    struct e2e g;
    g_autofree char *job = NULL;
    int csc = 0;

    start(&g,
          "{\"commands\":[{\"class\":\"CERT_PROV\"},{\"class\":\"DEV_CFG\"},{\"class\":\"MO_NODE\"}],"
          "\"retryDuration\":\"PT24H\"}",
          NULL);
    add(&g, NULL, &job);
    assert_done(&g, job);
    g_autofree char *seen = story(&g);
    g_assert_cmpstr(seen, ==,
                    "create/00AE retrieve/00AE cacerts/00AE csrattrs/00AE simpleenroll/00AE update/C023 "
                    "update/C023 update/C023");
    g_assert_cmpuint(reports(&g, "c-0001", &csc), ==, 1);
    g_assert_cmpint(csc, ==, 20);
    g_assert_cmpuint(reports(&g, "c-0002", &csc), ==, 1);
    g_assert_cmpint(csc, ==, 43); /* no DM client for LwM2M is there (MC-22) */
    g_assert_cmpuint(reports(&g, "c-0003", &csc), ==, 1);
    g_assert_cmpint(csc, ==, 303); /* /27022/0 is the profile of the registration itself, SUID 10 */
    g_assert_cmpuint(reports(&g, "c-0004", NULL), ==, 0);
    sim_assert_no_violation(g.sim);
    e2e_down(&g);
}

/* A second stakeholder at the same MEF, with the certificate as pre-provisioned credential: the whole
 * exchange over certificates; EE-01: another order of procedures; MC-52: cmdIDs count per registration. */
static void test_over_certificates(void)
{
    struct e2e g;
    g_autofree char *job = NULL, *pem = NULL;
    GVariantBuilder b;

    start(&g, "{\"commands\":[{\"class\":\"DEV_CFG\"},{\"class\":\"CERT_PROV\"}],\"retryDuration\":\"PT1H\"}",
          NULL);
    add(&g, NULL, &job);
    assert_done(&g, job);
    g_autofree char *credential = e2e_get_string(&g, REG, "Registration", "Credential");
    g_autofree char *fingerprint = e2e_get_string(&g, credential, "Credential", "Fingerprint");
    g_assert_true(g_str_has_prefix(fingerprint, "ni:///sha-256;"));
    guint before = e2e_sim_count(&g, "create", NULL);
    g_assert_cmpuint(before, ==, 1);

    g_assert_true(g_file_get_contents(sim_ca_path(g.sim), &pem, NULL, NULL));
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "HttpPort", g_variant_new_uint16((guint16)g.sim_port));
    g_variant_builder_add(&b, "{sv}", "CertFingerprint", g_variant_new_string(fingerprint));
    g_variant_builder_add(&b, "{sv}", "TrustAnchor", g_variant_new_string(pem));
    g_variant_builder_add(&b, "{sv}", "Name", g_variant_new_string("second"));
    g_autofree char *node2 = NULL, *job2 = NULL;
    g_autoptr(GVariant) v = call(&g, TREE_PATH, "Tree", "AddMefClientRegCfg",
                                 g_variant_new("(ssa{sv})", E2E_FQDN, "other.example.org", &b));
    g_variant_get(v, "(oo)", &node2, &job2);
    assert_done(&g, job2);
    g_autofree char *seen = story(&g);
    const char *second = strstr(seen, "create/C023");
    g_assert_nonnull(second);
    g_assert_null(strstr(second, "00AE"));
    g_autofree char *reg_state =
        e2e_get_string(&g, "/org/mefclient1/registration/second", "Registration", "State");
    g_assert_cmpstr(reg_state, ==, "registered");
    sim_assert_no_violation(g.sim);
    e2e_down(&g);
}

/* EE-02, EE-03: what a file brings registers as well, by the tool that people type. */
static void test_import(void)
{
    struct e2e g;
    g_autofree char *out = NULL, *path = NULL, *text = NULL;

    start(&g, ONE_CERT_PROV, NULL);
    text = g_strdup_printf("{\"format\":1,\"nodes\":[{\"type\":\"authenticationProfile\",\"name\":\"kpm\","
                           "\"attrs\":{\"SUID\":10,"
                           "\"symmKeyID\":\"" E2E_KPM_ID
                           "\"},\"links\":[]},{\"type\":\"MEFClientRegCfg\",\"name\":"
                           "\"" E2E_FQDN "\",\"attrs\":{\"fqdn\":\"" E2E_FQDN "\",\"adminFQDN\":\"" E2E_ADMIN
                           "\",\"httpPort\":%u,\"labels\":[\"gateway\",\"site:42\"]},"
                           "\"links\":[\"./DCFG/authenticationProfile/kpm\"]}]}",
                           g.sim_port);
    path = g_build_filename(g.dir, "tree.json", NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_cmpint(e2e_mefctl(&g, &out, "import", path, NULL), ==, 0);
    e2e_wait_idle(&g, REG);
    g_assert_cmpuint(reports(&g, "c-0001", NULL), ==, 1);
    json_t *list = e2e_sim_records(&g, "registrations");
    json_t *labels = json_object_get(json_array_get(list, 0), "lbl");
    g_assert_cmpstr(json_string_value(json_array_get(labels, 1)), ==, "site:42");
    json_decref(list);
    e2e_down(&g);
}

/* After a restart nothing is sent: registration and timer are where they were (MC-15). */
static void test_restart_keeps(void)
{
    struct e2e g;
    g_autofree char *job = NULL;

    start(&g, ONE_CERT_PROV, NULL);
    add(&g, NULL, &job);
    g_free(job_end(&g, job));
    guint64 next = e2e_get_number(&g, REG, "Registration", "NextPoll");
    g_autofree char *id = e2e_get_string(&g, REG, "Registration", "MefClientRegId");
    g_autofree char *seen = story(&g);
    e2e_agent_kill(&g);
    e2e_agent_start_ready(&g);
    e2e_wait_property(&g, REG, "Registration", "State", "registered");
    g_assert_cmpuint(e2e_get_number(&g, REG, "Registration", "NextPoll"), ==, next);
    g_autofree char *id2 = e2e_get_string(&g, REG, "Registration", "MefClientRegId");
    g_assert_cmpstr(id, ==, id2);
    g_assert_cmpuint(e2e_get_number(&g, REG "/command/1", "Command", "StatusCode"), ==, 20);
    /* A poll by hand goes over the certificate (8.3.1.2) and answers NO_MORE_COMMANDS again. */
    g_autoptr(GVariant) v = call(&g, REG, "Registration", "Poll", g_variant_new("(a{sv})", NULL));
    g_autofree char *poll = NULL;
    g_variant_get(v, "(o)", &poll);
    assert_done(&g, poll);
    g_autofree char *after = story(&g), *want = g_strconcat(seen, " retrieve/C023", NULL);
    g_assert_cmpstr(after, ==, want);
    e2e_down(&g);
}

static gboolean polled_twice(struct e2e *g, void *data)
{
    return e2e_sim_count(g, "retrieve", NULL) >= 2;
}

/* retryDuration runs out also when the agent was killed meanwhile (MC-15); a shorter one than 5 s becomes 5
 * s. */
static void test_timer_survives(void)
{
    struct e2e g;
    g_autofree char *job = NULL;

    start(&g, "{\"commands\":[],\"retryDuration\":\"PT1S\"}", NULL);
    add(&g, NULL, &job);
    g_free(job_end(&g, job));
    guint64 next = e2e_get_number(&g, REG, "Registration", "NextPoll");
    e2e_agent_kill(&g);
    e2e_agent_start_ready(&g);
    guint before = e2e_sim_count(&g, "retrieve", NULL);
    e2e_wait(&g, "the poll at the end of retryDuration", polled_twice, NULL, 30);
    g_assert_cmpuint((guint64)g_get_real_time(), >=, next);
    g_assert_cmpuint(before, ==, 1);
    g_assert_cmpuint(e2e_sim_count(&g, "update", NULL), ==, 0); /* MC-14 */
    e2e_down(&g);
}

static gboolean registration_gone(struct e2e *g, void *data)
{
    g_autofree char *state = e2e_get_string(g, REG, "Registration", "State");
    return *state == 0;
}

static char *delete_node(struct e2e *g, const char *node)
{
    char *job = NULL;
    g_autoptr(GVariant) v = call(g, node, "Node", "Delete", g_variant_new("(a{sv})", NULL));
    g_variant_get(v, "(o)", &job);
    return job;
}

/* EE-04 to EE-06: nothing but the de-registration is sent, what came from the registration leaves the token,
 * the Kpm stays. */
static void test_delete(void)
{
    struct e2e g;
    g_autofree char *job = NULL;

    start(&g, ONE_CERT_PROV, NULL);
    add(&g, NULL, &job);
    g_free(job_end(&g, job));
    g_autofree char *before = story(&g), *end = delete_node(&g, NODE);
    assert_done(&g, end);
    e2e_wait(&g, "the registration to be gone", registration_gone, NULL, 30);
    g_autofree char *after = story(&g), *want = g_strconcat(before, " delete/C023", NULL);
    g_assert_cmpstr(after, ==, want);
    g_assert_cmpuint(token_count(&g, "", NULL), ==, 1);
    g_assert_cmpuint(token_count(&g, "", E2E_KPM_ID), ==, 1);
    /* And it can be added again. */
    g_autofree char *job2 = NULL;
    add(&g, NULL, &job2);
    assert_done(&g, job2);
    e2e_down(&g);
}

/* EE-06: a MEF that does not answer is asked again, with the pre-provisioned key; the local part is done at
 * once. */
static void test_delete_unreachable(void)
{
    struct e2e g;
    g_autofree char *job = NULL;

    start(&g,
          "{\"commands\":[{\"class\":\"CERT_PROV\"}],\"retryDuration\":\"PT10M\","
          "\"faults\":[{\"at\":{\"op\":\"delete\",\"n\":1},\"do\":\"drop\"}]}",
          "[mef]\nbackoff-min=PT1S\n");
    add(&g, NULL, &job);
    g_free(job_end(&g, job));
    g_autofree char *end = delete_node(&g, NODE);
    assert_done(&g, end);
    g_assert_cmpuint(token_count(&g, "", NULL), ==, 1);
    e2e_agent_kill(&g); /* the tombstone survives */
    e2e_agent_start_ready(&g);
    e2e_wait(&g, "the MEF to be told", registration_gone, NULL, 30);
    g_autofree char *seen = story(&g);
    g_assert_true(g_str_has_suffix(seen, "delete/C023 delete/00AE"));
    e2e_down(&g);
}

/* MC-21: what the EST server does wrong is 100, and the exchange goes on with the credential that was there.
 */
static void test_est_failures(void)
{
    static const struct {
        const char *name, *est;
        int csc;
    } cases[] = {
        {"401", "{\"status\":{\"simpleenroll\":401}}", 100},
        {"cacerts-503", "{\"status\":{\"cacerts\":503}}", 100},
        {"cacerts-garbage", "{\"cacerts\":\"garbage\"}", 100},
        {"no-san", "{\"certificate\":\"no-san\"}", 100},
        {"self-signed", "{\"certificate\":\"self-signed\"}", 100},
        {"none", "{\"certificate\":\"none\"}", 100},
        {"wrong-key", "{\"certificate\":\"wrong-key\"}", 100},
        {"other-san", "{\"certificate\":\"other-san\"}", 100},
        {"expired", "{\"certificate\":\"expired\"}", 100},
        {"other-ca", "{\"certificate\":\"other-ca\"}", 100},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct e2e g;
        g_autofree char *job = NULL;
        g_autofree char *scenario = g_strdup_printf(
            "{\"commands\":[{\"class\":\"CERT_PROV\"}],\"retryDuration\":\"PT10M\",\"est\":%s}",
            cases[i].est);
        int csc = 0;
        g_test_message("%s", cases[i].name);
        start(&g, scenario, NULL);
        add(&g, NULL, &job);
        assert_done(&g, job);
        g_assert_cmpuint(reports(&g, "c-0001", &csc), ==, 1);
        g_assert_cmpint(csc, ==, cases[i].csc);
        /* Nothing half-done stays in the token. */
        g_assert_cmpuint(token_count(&g, "private-key", NULL), ==, 0);
        g_assert_cmpuint(token_count(&g, "certificate", CREDENTIAL_LABEL), ==, 0);
        e2e_down(&g);
    }
}

/* A host's openssl.cnf changes nothing (design.md 4). Its TLS part only: SoftHSM itself uses the default
 * context, so that taking its providers away would break the token and not us (net's own test does that). */
static void test_hostile_openssl_conf(void)
{
    struct e2e g;
    g_autofree char *job = NULL;

    e2e_up(&g, ONE_CERT_PROV);
    g_autofree char *conf = g_build_filename(g.dir, "openssl.cnf", NULL);
    g_assert_true(g_file_set_contents(
        conf,
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
        "[c]\nMinProtocol = TLSv1.3\nCipherString = NULL\nCiphersuites = TLS_AES_256_GCM_SHA384\n"
        "VerifyMode = None\nGroups = P-521\n",
        -1, NULL));
    g_ptr_array_add(g.agent_env, g_strconcat("OPENSSL_CONF=", conf, NULL));
    e2e_agent_start_ready(&g);
    add(&g, NULL, &job);
    assert_done(&g, job);
    g_assert_cmpuint(reports(&g, "c-0001", NULL), ==, 1);
    e2e_down(&g);
}

/* EE-03, MC-51: without an authenticated MEF nothing of the exchange is sent, and it is said why. */
static void test_wrong_key(void)
{
    struct e2e g;
    g_autofree char *job = NULL;

    e2e_up(&g, ONE_CERT_PROV);
    /* Another key than the one in the token, from now on. */
    memset(g.kpm, 'a', strlen(g.kpm));
    e2e_sim_stop(&g, FALSE);
    e2e_sim_start(&g, NULL);
    e2e_agent_start_ready(&g);
    add(&g, NULL, &job);
    g_autofree char *state = job_end(&g, job);
    g_assert_cmpstr(state, ==, "failed");
    g_assert_cmpuint(e2e_sim_count(&g, "create", NULL), ==, 0);
    g_autoptr(GVariant) error = e2e_get(&g, REG, "Registration", "LastError");
    const char *name, *text;
    g_variant_get(error, "(&s&s)", &name, &text);
    g_assert_cmpstr(name, ==, "org.mefclient1.Error.ServerRejected");
    g_assert_nonnull(strstr(text, E2E_FQDN));
    g_assert_cmpuint(e2e_get_number(&g, "/org/mefclient1", "Manager", "NeedsAttention"), ==, 1);
    e2e_down(&g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add_func("/e2e/" path, fn)
    ADD("exchange/EE-03/EE-11/EE-14/EE-16/EE-17/EE-22/MC-04/MC-09/MC-14/MC-20/DC-03/first-enrolment",
        test_first_enrolment);
    ADD("exchange/EE-25/MC-08/MC-53/MC-54/worked-example", test_worked_example);
    ADD("exchange/EE-01/MC-52/over-certificates", test_over_certificates);
    ADD("exchange/EE-02/EE-03/import-registers", test_import);
    ADD("exchange/EE-15/restart-sends-nothing", test_restart_keeps);
    ADD("exchange/EE-14/MC-15/timer-survives", test_timer_survives);
    ADD("end/EE-04/EE-05/EE-06/delete", test_delete);
    ADD("end/EE-06/delete-unreachable", test_delete_unreachable);
    ADD("exchange/MC-21/est-failures", test_est_failures);
    ADD("exchange/hostile-openssl-conf", test_hostile_openssl_conf);
    ADD("exchange/EE-22/MC-51/wrong-key", test_wrong_key);
    return g_test_run();
}
