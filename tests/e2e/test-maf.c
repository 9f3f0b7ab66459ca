/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The MAF client over the wire: the agent, a token, mef-sim as the MEF and a second one as the MAF. */
#include <string.h>

#include "tests/lib/e2e-nodes.h"

#define MAF_FQDN E2E_MAF_FQDN
#define KM_ID    E2E_KM_ID
#define PROFILE  E2E_MO "/authenticationProfile/"
#define A        "./DCFG/authenticationProfile/"
#define MAF1     E2E_MO "/MAFClientRegCfg/maf1"
#define MAF2     E2E_MO "/MAFClientRegCfg/maf2"
#define REG1     "/org/mefclient1/registration/maf_3amaf1"
#define REG2     "/org/mefclient1/registration/maf_3amaf2"

/* maf1: a Km that is here; maf2: one that the MEF provisions. %u: port of the MAF. */
static const char tree[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"maf1\",\"attrs\":{\"fqdn\":\"" MAF_FQDN "\",\"adminFQDN\":"
    "\"admin.example.org\",\"httpPort\":%u,\"labels\":[\"gw42\"]},\"links\":[\"" A "ap-11\"]},"
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"maf2\",\"attrs\":{\"fqdn\":\"" MAF_FQDN "\",\"adminFQDN\":"
    "\"second.example.org\",\"httpPort\":%u,\"expirationTime\":\"20391231T235959\"},\"links\":[\"" A
    "ap-21\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-11\",\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"" KM_ID "\"},\"links\":[]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-21\",\"attrs\":{\"SUID\":21,\"TLSCiphersuites\":["
    "\"00AE\"],\"keyRegDuration\":\"P7D\"},\"links\":[\"./DCFG/MEFClientRegCfg/mef.example.com\"]},"
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"maf3\",\"attrs\":{\"fqdn\":\"maf3.example.net\",\"adminFQDN\":"
    "\"admin.example.org\",\"httpPort\":8443},\"links\":[\"" A "ap-31\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-31\",\"attrs\":{\"SUID\":31,\"TLSCiphersuites\":["
    "\"00AE\"],\"keyRegDuration\":\"P7D\"},\"links\":[\"./DCFG/MAFClientRegCfg/maf1\"]},"
    "{\"type\":\"registration\",\"name\":\"reg1\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"" A "ap-32\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-32\",\"attrs\":{\"SUID\":32,\"TLSCiphersuites\":["
    "\"00AE\"],\"keyRegDuration\":\"P30D\",\"keyRegLabels\":[\"saef\"]},\"links\":["
    "\"./DCFG/MAFClientRegCfg/maf1\"]},"
    "{\"type\":\"dataCollection\",\"name\":\"dc1\",\"attrs\":{\"containerPath\":"
    "\"//sp.example.net/in-cse/in-name/c\"},\"links\":[\"" A "ap-33\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-33\",\"attrs\":{\"SUID\":33,\"keyRegDuration\":"
    "\"PT1H\"},\"links\":[\"./DCFG/MAFClientRegCfg/maf2\"]}]}";

struct maf {
    struct e2e e;
    struct sim_process *sim; /* the MAF */
    char *reg;
    unsigned serial;
};

static void start(struct maf *m, const char *scenario)
{
    m->serial = 0;
    e2e_up(&m->e, "{\"commands\":[],\"retryDuration\":\"PT1H\"}");
    m->sim = e2e_maf_start(&m->e, scenario);
    e2e_configure(&m->e, "[mef]\ncommand-classes=mo-node\n"
                         "[network]\nresolve=" E2E_FQDN ":127.0.0.1 " MAF_FQDN ":127.0.0.1\n");
    e2e_agent_start_ready(&m->e);
    m->reg = e2e_add_mef(&m->e);
    e2e_wait_idle(&m->e, m->reg);
    g_autofree char *text = g_strdup_printf(tree, sim_port(m->sim), sim_port(m->sim));
    e2e_import(&m->e, text);
}

static void stop(struct maf *m)
{
    sim_assert_no_violation(m->e.sim);
    sim_assert_no_violation(m->sim);
    g_assert_cmpint(sim_stop(m->sim), ==, 0);
    g_free(m->reg);
    e2e_down(&m->e);
}

static int command(struct maf *m, const char *path, int type, int suid)
{
    return e2e_command(&m->e, m->reg, ++m->serial, path, type, suid);
}

/* Requests of that operation at the MAF; the last one in *ret_last (borrowed from *ret_log) unless NULL. */
static size_t requests(struct maf *m, const char *op, json_t **ret_log, json_t **ret_last)
{
    json_t *log = sim_log(m->sim), *line;
    size_t n = 0, i;

    json_array_foreach(log, i, line) if (json_object_get(line, "request") &&
                                         (!op || g_strcmp0(e2e_text(line, "op"), op) == 0))
    {
        n++;
        if (ret_last)
            *ret_last = line;
    }
    if (ret_log)
        *ret_log = log;
    else
        json_decref(log);
    return n;
}

static size_t records(struct maf *m, const char *array)
{
    json_t *state = sim_state(m->sim);
    size_t n = json_array_size(json_object_get(json_object_get(state, "state"), array));
    json_decref(state);
    return n;
}

static void assert_last_body(struct maf *m, const char *op, const char *body)
{
    json_t *log, *last = NULL;

    g_assert_cmpuint(requests(m, op, &log, &last), >, 0);
    g_assert_true(g_pattern_match_simple(body, e2e_text(last, "body")));
    json_decref(log);
}

/* MC-47: registered by command with what the node says, over its port; a live registration with the same
 * values counts, other values are brought to the MAF; it ends with its node, and only what came from it goes
 * (T14). */
static void test_registration(void)
{
    struct maf m;

    start(&m, NULL);
    g_assert_cmpuint(requests(&m, NULL, NULL, NULL), ==, 0); /* T14: added is no reason */
    g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf1", 3, 0), ==, 20);
    e2e_wait_property(&m.e, MAF1, "Node", "State", "ready");
    g_assert_cmpuint(requests(&m, NULL, NULL, NULL), ==, 1); /* a MAF has no commands to be asked for */
    assert_last_body(
        &m, "create",
        "{\"sec:macr\":{\"et\":\"20??????T??????\",\"lbl\":[\"gw42\"],\"adfq\":\"admin.example.org\"}}");
    e2e_wait_property(&m.e, REG1, "Registration", "State", "registered");
    g_assert_cmpuint(e2e_get_number(&m.e, REG1, "Registration", "ExpiresAt"), >, 0);
    g_autofree char *config = e2e_get_string(&m.e, REG1, "Registration", "Config");
    g_assert_cmpstr(config, ==, MAF1);
    g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf1", 3, 0), ==, 20);
    g_assert_cmpuint(requests(&m, NULL, NULL, NULL), ==, 1);
    g_assert_cmpuint(e2e_process(&m.e, MAF1, 0), ==, 20); /* EE-02: the same by hand */
    g_assert_cmpuint(requests(&m, NULL, NULL, NULL), ==, 1);

    e2e_set(&m.e, MAF1, "labels", g_variant_new_strv((const char *[]){"other", NULL}, -1));
    g_assert_cmpuint(requests(&m, NULL, NULL, NULL), ==, 1);
    g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf1", 3, 0), ==, 20);
    assert_last_body(&m, "update", "{\"sec:macr\":{\"et\":\"20*\",\"lbl\":[\"other\"]}}");
    g_assert_cmpuint(records(&m, "registrations"), ==, 1);

    g_assert_cmpint(e2e_agent_stop(&m.e, NULL), ==, 0);
    e2e_agent_start_ready(&m.e);
    e2e_wait_property(&m.e, REG1, "Registration", "State", "registered");
    g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf1", 3, 0), ==, 20);
    g_assert_cmpuint(requests(&m, "create", NULL, NULL), ==, 1);

    e2e_delete(&m.e, MAF1);
    g_autofree char *gone = NULL;
    while ((gone = e2e_get_string(&m.e, REG1, "Registration", "State")) && gone[0])
        g_clear_pointer(&gone, g_free);
    g_assert_cmpuint(records(&m, "registrations"), ==, 0);
    g_autofree char *list = e2e_token_list(&m.e);
    g_assert_nonnull(strstr(list, KM_ID));
    stop(&m);
}

/* MC-48: each field of the answer falsified, each fault: 305, and no registration kept on either side; the
 * refused node is not tried again by itself. */
static void test_refused(void)
{
    static const struct {
        const char *what;
        size_t left; /* at the MAF */
    } rows[] = {
        {"\"do\":\"field\",\"set\":{\"et\":\"20200101T000000\"}", 0},
        {"\"do\":\"field\",\"remove\":[\"et\"]", 0},
        {"\"do\":\"field\",\"set\":{\"cr\":\"//m2m.example.com/other\"}", 0},
        {"\"do\":\"field\",\"remove\":[\"cr\"]", 0},
        {"\"do\":\"field\",\"set\":{\"adfq\":\"other.example.org\"}", 0},
        {"\"do\":\"field\",\"remove\":[\"adfq\"]", 0},
        {"\"do\":\"status\",\"status\":403,\"rsc\":4103", 1},
        {"\"do\":\"body\",\"body\":\"{}\"", 1},
    };
    struct maf m;

    start(&m, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *fault =
            g_strdup_printf("{\"at\":{\"op\":\"create\",\"resource\":\"base\"},%s}", rows[i].what);
        g_test_message("%s", rows[i].what);
        json_decref(sim_post(m.sim, "/sim/faults", fault));
        g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf1", 3, 0), ==, 305);
        json_decref(sim_call(m.sim, "DELETE", "/sim/faults", NULL, NULL));
        e2e_wait_property(&m.e, MAF1, "Node", "State", "failed");
        if (rows[i].left == 0)
            g_assert_cmpuint(records(&m, "registrations"), ==, 0);
        size_t before = requests(&m, "create", NULL, NULL);
        g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf3", 3, 0), ==, 305); /* no credential */
        g_assert_cmpuint(requests(&m, "create", NULL, NULL), ==, before);
    }
    /* The MAF had it after all: 4117 is answered with the registration that is there. */
    g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf1", 3, 0), ==, 20);
    g_assert_cmpuint(records(&m, "registrations"), ==, 1);
    stop(&m);
}

static void assert_same_key(struct maf *m, struct sim_process *at, const char *id)
{
    g_autofree char *relative = g_strndup(id, strcspn(id, "@"));
    json_t *key = e2e_record(at, "keys", "ri", relative);
    gsize n;

    g_assert_nonnull(key);
    g_autofree guchar *value = g_base64_decode(e2e_text(key, "kv"), &n);
    e2e_assert_in_token(&m->e, id, value, n);
    json_decref(key);
}

/* SUID 21: the MEF provisions the Km, the MAF takes its first half under the MEF's name for it, and names it
 * anew; from then on that name is the identity, over a restart as well. */
static void test_provisioned(void)
{
    struct maf m;
    json_t *log, *last = NULL;

    start(&m, "{\"commands\":[],\"registration\":{\"assign\":\"km-77\"}}");
    g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf2", 3, 0), ==, 305); /* no Km yet */
    g_assert_cmpint(command(&m, A "ap-21", 1, 21), ==, 20);
    g_autofree char *km = e2e_key_of(&m.e, PROFILE "ap_2d21", NULL);
    g_assert_true(g_str_has_suffix(km, "@" E2E_FQDN));
    g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf2", 3, 0), ==, 20);
    g_assert_cmpuint(requests(&m, "create", &log, &last), ==, 1);
    g_assert_cmpstr(e2e_text(last, "identity"), ==, km);
    json_decref(log);
    g_assert_cmpint(command(&m, A "ap-33", 1, 33), ==, 20);
    g_assert_cmpuint(requests(&m, "create", &log, &last), ==, 2);
    g_assert_cmpstr(e2e_text(last, "identity"), ==, "km-77@" MAF_FQDN);
    json_decref(log);
    g_autofree char *key = e2e_key_of(&m.e, PROFILE "ap_2d33", NULL);
    g_assert_cmpint(e2e_agent_stop(&m.e, NULL), ==, 0);
    assert_same_key(&m, m.e.sim, km);
    assert_same_key(&m, m.sim, key);
    e2e_agent_start_ready(&m.e);
    e2e_wait_property(&m.e, REG2, "Registration", "State", "registered");
    g_assert_cmpuint(e2e_process(&m.e, PROFILE "ap_2d33", 33), ==, 20);
    g_assert_cmpuint(requests(&m, "create", &log, &last), ==, 3);
    g_assert_cmpstr(e2e_text(last, "identity"), ==, "km-77@" MAF_FQDN);
    json_decref(log);
    stop(&m);
}

/* MC-43: keys at the MAF, one for each kind of parent; the registration at the MAF is made first, once;
 * labels, duration and target as for a key of a MEF, one handshake each, the same key on both sides; gone
 * with the node of the MAF. */
static void test_keys(void)
{
    struct maf m;
    g_autofree char *key31 = NULL, *key32 = NULL, *object = NULL;

    start(&m, NULL);
    g_assert_cmpint(command(&m, A "ap-32", 1, 32), ==, 20);
    g_assert_cmpuint(requests(&m, "create", NULL, NULL), ==, 2); /* registration, key */
    assert_last_body(
        &m, "create",
        "{\"sec:skr\":{\"et\":\"*\",\"lbl\":[\"saef\"],\"adfq\":\"admin.example.org\",\"suid\":32,"
        "\"tgis\":[\"//sp.example.net/in-cse\"]}}");
    e2e_wait_property(&m.e, PROFILE "ap_2d32", "Node", "State", "ready");
    g_assert_cmpint(command(&m, A "ap-31", 1, 31), ==, 20);
    assert_last_body(&m, "create",
                     "{\"sec:skr\":{\"et\":\"*\",\"adfq\":\"admin.example.org\",\"suid\":31,"
                     "\"tgis\":[\"maf3.example.net\"]}}");
    g_assert_cmpuint(requests(&m, "create", NULL, NULL), ==, 3);
    key31 = e2e_key_of(&m.e, PROFILE "ap_2d31", NULL);
    key32 = e2e_key_of(&m.e, PROFILE "ap_2d32", &object);
    g_assert_true(g_str_has_suffix(key32, "@" MAF_FQDN));
    g_autofree char *origin = e2e_get_string(&m.e, object, "Credential", "Origin");
    g_assert_cmpstr(origin, ==, "maf:maf1");
    g_assert_cmpint(e2e_agent_stop(&m.e, NULL), ==, 0);
    assert_same_key(&m, m.sim, key31);
    assert_same_key(&m, m.sim, key32);
    e2e_agent_start_ready(&m.e);
    e2e_wait_property(&m.e, PROFILE "ap_2d32", "AuthenticationProfile", "Ready", "true");
    e2e_delete(&m.e, MAF1);
    e2e_wait_property(&m.e, PROFILE "ap_2d32", "AuthenticationProfile", "Ready", "false");
    g_autofree char *list = e2e_token_list(&m.e);
    g_assert_null(strstr(list, key32));
    g_assert_nonnull(strstr(list, KM_ID));
    stop(&m);
}

/* AddMafClientRegCfg with a credential: a registration in one call, with its job. */
static void test_one_call(void)
{
    struct maf m;
    g_autoptr(GError) error = NULL;
    GVariantBuilder b;
    const char *node, *job;

    start(&m, NULL);
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "Name", g_variant_new_string("maf9"));
    g_variant_builder_add(&b, "{sv}", "HttpPort", g_variant_new_uint16((guint16)sim_port(m.sim)));
    g_variant_builder_add(&b, "{sv}", "KmId", g_variant_new_string(KM_ID));
    g_autoptr(GVariant) v = e2e_call(&m.e, E2E_MO, "org.mefclient1.Tree", "AddMafClientRegCfg",
                                     g_variant_new("(ssa{sv})", MAF_FQDN, "third.example.org", &b), &error);
    g_assert_no_error(error);
    g_variant_get(v, "(&o&o)", &node, &job);
    g_assert_cmpstr(node, ==, E2E_MO "/MAFClientRegCfg/maf9");
    g_autofree char *state = e2e_job_end(&m.e, job);
    g_assert_cmpstr(state, ==, "done");
    e2e_wait_property(&m.e, node, "Node", "State", "ready");
    g_assert_cmpuint(records(&m, "registrations"), ==, 1);
    stop(&m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/maf/MC-47/MC-48/EE-02/registration", test_registration);
    g_test_add_func("/e2e/maf/MC-48/refused", test_refused);
    g_test_add_func("/e2e/maf/MC-38/MC-47/provisioned", test_provisioned);
    g_test_add_func("/e2e/maf/MC-43/keys", test_keys);
    g_test_add_func("/e2e/maf/MC-47/one-call", test_one_call);
    return g_test_run();
}
