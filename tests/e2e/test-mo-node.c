/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MO_NODE over the wire: the agent with the plugin, a token, a tree on the bus, and a MEF that names its
 * nodes. */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "pkcs11/token.h"
#include "policy/fingerprint.h"
#include "tests/lib/e2e-fixture.h"
#include "tests/unit/pki.h"
#include "tests/unit/tls-peer.h"

#define MO      "/org/mefclient1/mo"
#define PROFILE MO "/authenticationProfile/"
#define A       "./DCFG/authenticationProfile/"
#define KEY_ID  "km-0042@maf.example.net"
#define KEY_HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* %s: fingerprint of the certificate in the token. */
static const char tree[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"maf1\",\"attrs\":{\"fqdn\":\"maf.example.net\",\"adminFQDN\":"
    "\"admin.example.org\",\"httpPort\":8443},\"links\":[\"" A "ap-11\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-11\",\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":["
    "\"00AE\"],"
    "\"symmKeyID\":\"" KEY_ID "\"},\"links\":[]},"
    "{\"type\":\"registration\",\"name\":\"reg1\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"" A "ap-12\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-12\",\"attrs\":{\"SUID\":12,\"TLSCiphersuites\":["
    "\"00AE\"],"
    "\"symmKeyID\":\"nobody@psa.example.net\"},\"links\":[]},"
    "{\"type\":\"dataCollection\",\"name\":\"dc1\",\"attrs\":{\"containerPath\":"
    "\"//sp.example.net/in-cse/in-name/c\"},\"links\":[\"" A "ap-43\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-43\",\"attrs\":{\"SUID\":43,\"TLSCiphersuites\":["
    "\"C023\"],"
    "\"myCertFingerprint\":\"%s\"},\"links\":[\"./DCFG/trustAnchorCred/ta\"]},"
    "{\"type\":\"trustAnchorCred\",\"name\":\"ta\",\"attrs\":{\"certFingerprint\":"
    "\"ni:///sha-256;v10QhwLh6rQzBn9XR_KSGcNGZRMYGi6Sp-2SyhhlalU\",\"URI\":\"https://pki.example.org/"
    "r.der\"},"
    "\"links\":[]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-alone\",\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":"
    "[\"00AE\"],\"symmKeyID\":\"" KEY_ID "\"},\"links\":[]}"
    "]}";

struct mo {
    struct e2e e;
    char *reg;
    unsigned serial;
};

static void start(struct mo *m, const char *config)
{
    g_autoptr(GError) error = NULL;

    m->serial = 0;
    e2e_up(&m->e, "{\"commands\":[],\"retryDuration\":\"PT1H\"}");
    g_autofree char *all = g_strconcat("[mef]\ncommand-classes=cert-prov mo-node\n", config, NULL);
    e2e_configure(&m->e, all);
    e2e_put_key(&m->e, KEY_ID, KEY_HEX);
    g_autofree char *fingerprint = e2e_make_certificate(&m->e, E2E_SAN);
    g_autofree char *text = g_strdup_printf(tree, fingerprint);
    e2e_agent_start_ready(&m->e);
    G_GNUC_UNUSED g_autoptr(GVariant) v =
        e2e_call(&m->e, MO, "org.mefclient1.Tree", "Import", g_variant_new("(sa{sv})", text, NULL), &error);
    g_assert_no_error(error);
    m->reg = e2e_add_mef(&m->e);
    e2e_wait_idle(&m->e, m->reg);
}

static void stop(struct mo *m)
{
    sim_assert_no_violation(m->e.sim);
    g_free(m->reg);
    e2e_down(&m->e);
}

static int reported(struct e2e *e, const char *cid)
{
    json_t *list = e2e_sim_records(e, "reports"), *one;
    int csc = 0, n = 0;
    size_t i;

    json_array_foreach(list, i, one) if (g_strcmp0(json_string_value(json_object_get(one, "cid")), cid) == 0)
    {
        csc = (int)json_integer_value(json_object_get(one, "csc"));
        n++;
    }
    json_decref(list);
    g_assert_cmpint(n, ==, 1);
    return csc;
}

/* The MEF issues MO_NODE with these arguments; the status that it is told. SUID 0: none is sent. */
static int command(struct mo *m, const char *path, int type, int suid)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *cid = g_strdup_printf("mo-%u", ++m->serial);
    g_autofree char *obsa = suid ? g_strdup_printf("{\"suid\":%d}", suid) : g_strdup("null");
    g_autofree char *post = g_strdup_printf(
        "{\"class\":\"MO_NODE\",\"cid\":\"%s\",\"args\":{\"obp\":\"%s\",\"obt\":%d,\"obsa\":%s}}", cid, path,
        type, obsa);

    json_decref(sim_post(m->e.sim, "/sim/commands", post));
    G_GNUC_UNUSED g_autoptr(GVariant) v = e2e_call(&m->e, m->reg, "org.mefclient1.Registration", "Poll",
                                                   g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    e2e_wait_reports(&m->e, m->serial);
    return reported(&m->e, cid);
}

static void assert_node(struct mo *m, const char *path, const char *state, guint64 status, const char *name)
{
    e2e_wait_property(&m->e, path, "Node", "State", state);
    g_assert_cmpuint(e2e_get_number(&m->e, path, "Node", "LastStatus"), ==, status);
    g_autofree char *word = e2e_get_string(&m->e, path, "Node", "LastStatusName");
    g_assert_cmpstr(word, ==, name);
}

/* MC-26 to MC-30 in their order: the first that is wrong is the answer. */
static void test_arguments(void)
{
    struct mo m;

    start(&m, NULL);
    g_assert_cmpint(command(&m, A "ap-11", 4, 11), ==, 42);
    g_assert_cmpint(command(&m, A "nothing", 1, 0), ==, 300);
    g_assert_cmpint(command(&m, "./DCFG/authenticationProfile", 1, 11), ==, 300);
    g_assert_cmpint(command(&m, A "ap-11/SUID", 1, 11), ==, 300);
    g_assert_cmpint(command(&m, "coap://x.example/27022/1", 1, 11), ==, 300);
    g_assert_cmpint(command(&m, A "ap-11", 2, 0), ==, 301);
    g_assert_cmpint(command(&m, A "ap-11", 3, 11), ==, 301);
    g_assert_cmpint(command(&m, "./DCFG/trustAnchorCred/ta", 2, 11), ==, 302);
    g_assert_cmpint(command(&m, A "ap-11", 1, 0), ==, 302);
    g_assert_cmpint(command(&m, A "ap-11", 1, 20), ==, 302);
    g_assert_cmpint(command(&m, A "ap-11", 1, 12), ==, 303);
    /* None of it says anything about the node. */
    assert_node(&m, PROFILE "ap_2d11", "configured", 303, "MEF_CLIENT_CMD_MO_NODE_UNACCEPTABLE_ARGS");
    g_assert_cmpint(command(&m, A "ap-alone", 1, 11), ==, 304);
    assert_node(&m, PROFILE "ap_2dalone", "inconsistent", 304, "MEF_CLIENT_CMD_MO_NODE_INCONSISTENT_CONFIG");
    g_autofree char *why =
        e2e_get_string(&m.e, PROFILE "ap_2dalone", "AuthenticationProfile", "NotReadyReason");
    g_assert_nonnull(strstr(why, "MAFClientRegCfg"));
    stop(&m);
}

/* MC-37, MC-44: what the token holds is tied to the node, by any alias of its path, and stays so over a
 * restart. */
static void test_local(void)
{
    struct mo m;
    g_autofree char *credential = NULL, *again = NULL, *why = NULL;

    start(&m, NULL);
    g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf1/authenticationProfile/ap-11", 1, 11), ==, 20);
    assert_node(&m, PROFILE "ap_2d11", "ready", 20, "MEF_CLIENT_CMD_OK");
    credential = e2e_get_string(&m.e, PROFILE "ap_2d11", "AuthenticationProfile", "Credential");
    g_assert_cmpstr(credential, ==, "/org/mefclient1/credential/km_2d0042_40maf_2eexample_2enet");
    g_autoptr(GVariant) users = e2e_get(&m.e, credential, "Credential", "UsedBy");
    g_autofree char *text = g_variant_print(users, FALSE);
    g_assert_nonnull(strstr(text, PROFILE "ap_2d11"));
    g_assert_cmpuint(e2e_get_number(&m.e, PROFILE "ap_2d11", "AuthenticationProfile", "Ready"), ==, 1);

    g_assert_cmpint(command(&m, A "ap-12", 1, 12), ==, 305);
    assert_node(&m, PROFILE "ap_2d12", "failed", 305, "MEF_CLIENT_CMD_MO_NODE_PROCESSING_FAILED");
    g_assert_cmpuint(e2e_get_number(&m.e, PROFILE "ap_2d12", "AuthenticationProfile", "Ready"), ==, 0);
    why = e2e_get_string(&m.e, PROFILE "ap_2d12", "AuthenticationProfile", "NotReadyReason");
    g_assert_nonnull(strstr(why, "nobody@psa.example.net"));

    g_assert_cmpint(command(&m, A "ap-43", 1, 43), ==, 20);
    assert_node(&m, PROFILE "ap_2d43", "ready", 20, "MEF_CLIENT_CMD_OK");

    e2e_put_key(&m.e, "nobody@psa.example.net", KEY_HEX);
    g_assert_cmpint(command(&m, A "ap-12", 1, 12), ==, 20);
    assert_node(&m, PROFILE "ap_2d12", "ready", 20, "MEF_CLIENT_CMD_OK");

    g_assert_cmpint(e2e_agent_stop(&m.e, NULL), ==, 0);
    e2e_agent_start_ready(&m.e);
    assert_node(&m, PROFILE "ap_2d11", "ready", 20, "MEF_CLIENT_CMD_OK");
    again = e2e_get_string(&m.e, PROFILE "ap_2d11", "AuthenticationProfile", "Credential");
    g_assert_cmpstr(again, ==, credential);
    stop(&m);
}

/* The three switches, on the wire. */
static void test_switches(void)
{
    struct mo m;

    start(&m, "[policy]\nstatus-table=seed\ntrust-anchor-rule=literal\nsuite-rule=all\n");
    g_assert_cmpint(command(&m, A "ap-11", 1, 0), ==, 42);
    g_assert_cmpint(command(&m, A "ap-11", 1, 12), ==, 302);
    g_assert_cmpint(command(&m, A "ap-11", 1, 11), ==, 304);
    g_assert_cmpint(command(&m, A "ap-43", 1, 43), ==, 304);
    g_assert_cmpint(command(&m, "./DCFG/MAFClientRegCfg/maf1", 3, 0), ==, 303);
    assert_node(&m, MO "/MAFClientRegCfg/maf1", "failed", 303, "MEF_CLIENT_CMD_MO_NODE_PROCESSING_FAILED");
    stop(&m);
}

/* Node.Process with SUID (0: none) and type (0: none); its code. */
static guint32 process(struct mo *m, const char *path, guint32 suid, guint32 type, const char *want_name)
{
    g_autoptr(GError) error = NULL;
    GVariantBuilder b;
    const char *name;
    guint32 code;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (suid)
        g_variant_builder_add(&b, "{sv}", "SUID", g_variant_new_uint32(suid));
    if (type)
        g_variant_builder_add(&b, "{sv}", "objectTypeID", g_variant_new_uint32(type));
    G_GNUC_UNUSED g_autoptr(GVariant) v = e2e_call(&m->e, path, "org.mefclient1.Node", "Process",
                                                   g_variant_new("(a{sv}a{sv})", &b, NULL), &error);
    g_assert_no_error(error);
    g_variant_get(v, "(u&s)", &code, &name);
    g_assert_cmpstr(name, ==, want_name);
    return code;
}

/* EE-02: the same checks and the same outcome by hand, and no word of it to the MEF. */
static void test_by_hand(void)
{
#define STATUS(x) "MEF_CLIENT_CMD_" x
    struct mo m;
    g_autoptr(GError) error = NULL;
    GVariantBuilder b;

    start(&m, NULL);
    size_t before = e2e_sim_count(&m.e, NULL, NULL);
    g_assert_cmpuint(process(&m, PROFILE "ap_2d11", 11, 4, STATUS("BAD_ARGUMENTS")), ==, 42);
    g_assert_cmpuint(process(&m, PROFILE "ap_2d11", 11, 2, STATUS("MO_NODE_TYPE_CONFLICT")), ==, 301);
    g_assert_cmpuint(process(&m, MO "/registration/reg1", 11, 0, STATUS("MO_NODE_TYPE_CONFLICT")), ==, 301);
    g_assert_cmpuint(process(&m, PROFILE "ap_2d11", 0, 0, STATUS("MO_NODE_BAD_ARGS")), ==, 302);
    g_assert_cmpuint(process(&m, PROFILE "ap_2d11", 12, 1, STATUS("MO_NODE_UNACCEPTABLE_ARGS")), ==, 303);
    g_assert_cmpuint(process(&m, PROFILE "ap_2dalone", 11, 0, STATUS("MO_NODE_INCONSISTENT_CONFIG")), ==,
                     304);
    g_assert_cmpuint(process(&m, PROFILE "ap_2d12", 12, 0, STATUS("MO_NODE_PROCESSING_FAILED")), ==, 305);
    assert_node(&m, PROFILE "ap_2d12", "failed", 305, STATUS("MO_NODE_PROCESSING_FAILED"));
    g_assert_cmpuint(process(&m, PROFILE "ap_2d11", 11, 1, STATUS("OK")), ==, 20);
    assert_node(&m, PROFILE "ap_2d11", "ready", 20, STATUS("OK"));
    g_assert_cmpuint(process(&m, PROFILE "ap_2d43", 43, 0, STATUS("OK")), ==, 20);
    assert_node(&m, PROFILE "ap_2d43", "ready", 20, STATUS("OK"));
    g_assert_cmpuint(e2e_sim_count(&m.e, NULL, NULL), ==, before);
    g_assert_cmpint(e2e_mefctl(&m.e, NULL, "process", "ap-11", "SUID=11", NULL), ==, 0);
    g_assert_cmpint(e2e_mefctl(&m.e, NULL, "process", "ap-11", "SUID=12", NULL), ==, 1);
    /* What is no argument is an error of the call. */
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "Suid", g_variant_new_uint32(11));
    g_assert_null(e2e_call(&m.e, PROFILE "ap_2d11", "org.mefclient1.Node", "Process",
                           g_variant_new("(a{sv}a{sv})", &b, NULL), &error));
    g_autofree char *word = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(word, ==, "org.mefclient1.Error.InvalidArguments");
    stop(&m);
}

/* The node goes between two commands: it is not found, and nothing of it is left. */
static void test_deleted(void)
{
    struct mo m;
    g_autoptr(GError) error = NULL;

    start(&m, NULL);
    g_assert_cmpint(command(&m, A "ap-11", 1, 11), ==, 20);
    G_GNUC_UNUSED g_autoptr(GVariant) v = e2e_call(&m.e, PROFILE "ap_2d11", "org.mefclient1.Node", "Delete",
                                                   g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    g_assert_cmpint(command(&m, A "ap-11", 1, 11), ==, 300);
    g_autofree char *list = e2e_token_list(&m.e);
    g_assert_nonnull(strstr(list, KEY_ID)); /* a key that was here before stays (T2, V24) */
    stop(&m);
}

static gboolean credential_gone(struct e2e *e, void *path)
{
    G_GNUC_UNUSED g_autoptr(GVariant) v = e2e_get(e, path, "Credential", "Kind");
    return v == NULL;
}

/* Profiles whose key comes from the MEF, one for each kind of parent. */
static const char key_tree[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-21\",\"attrs\":{\"SUID\":21,\"TLSCiphersuites\":["
    "\"00AE\"],"
    "\"keyRegDuration\":\"P7D\"},\"links\":[\"./DCFG/MEFClientRegCfg/mef.example.com\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-22\",\"attrs\":{\"SUID\":22,\"TLSCiphersuites\":["
    "\"00AE\"],"
    "\"keyRegDuration\":\"P30D\",\"keyRegLabels\":[\"saef\",\"gw-0042\"]},"
    "\"links\":[\"./DCFG/MEFClientRegCfg/mef.example.com\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-23\",\"attrs\":{\"SUID\":23,\"keyRegDuration\":"
    "\"PT1H\"},"
    "\"links\":[\"./DCFG/MEFClientRegCfg/mef.example.com\"]},"
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"maf2\",\"attrs\":{\"fqdn\":\"maf2.example.net\",\"adminFQDN\":"
    "\"admin.example.org\",\"httpPort\":8443},\"links\":[\"" A "ap-21\"]},"
    "{\"type\":\"registration\",\"name\":\"reg2\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"" A "ap-22\"]},"
    "{\"type\":\"dataCollection\",\"name\":\"dc2\",\"attrs\":{\"containerPath\":"
    "\"//sp.example.net/in-cse/in-name/c\"},\"links\":[\"" A "ap-23\"]}]}";

static void import(struct mo *m, const char *text)
{
    g_autoptr(GError) error = NULL;
    G_GNUC_UNUSED g_autoptr(GVariant) v =
        e2e_call(&m->e, MO, "org.mefclient1.Tree", "Import", g_variant_new("(sa{sv})", text, NULL), &error);
    g_assert_no_error(error);
}

static size_t records(struct mo *m, const char *name)
{
    json_t *list = e2e_sim_records(&m->e, name);
    size_t n = json_array_size(list);
    json_decref(list);
    return n;
}

/* Symmetric keys in the token whose label ends in the MEF's name: the Kpm, and what it registered. */
static guint mef_keys(struct mo *m)
{
    g_autofree char *list = e2e_token_list(&m->e);
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    guint n = 0;

    for (char **s = lines; *s; s++)
        n += strstr(*s, "@mef.example.com") != NULL;
    return n;
}

/* The octets of each key that the MEF has are in the token under its identifier; no agent runs. */
static void assert_same_keys(struct mo *m, size_t expected)
{
    struct token_params params = {
        .uri = m->e.token.uri, .module = m->e.token.module, .pin_file = m->e.token.pin_file};
    struct token *t = NULL;
    struct mef_error error = {0};
    json_t *list = e2e_sim_records(&m->e, "keys"), *one;
    size_t i;

    g_assert_cmpint(token_new(&params, &t, &error), ==, 0);
    g_assert_cmpint(token_open(t, &error), ==, 0);
    g_assert_cmpuint(json_array_size(list), ==, expected);
    json_array_foreach(list, i, one)
    {
        g_autofree char *label =
            g_strdup_printf("%s@" E2E_FQDN, json_string_value(json_object_get(one, "ri")));
        gsize n;
        g_autofree guchar *value = g_base64_decode(json_string_value(json_object_get(one, "kv")), &n);
        struct secret *mine = NULL;
        if (token_get_secret(t, label, &mine, &error) < 0)
            g_error("%s: %s", label, error.text);
        g_assert_cmpuint(n, ==, 32);
        g_assert_cmpmem(mine->data, mine->len, value, n);
        secret_free(mine);
    }
    json_decref(list);
    token_free(t);
}

static const char *text_of(json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

/* MC-38, MC-39, MC-42: the request to the letter over a handshake of its own, the key of both sides the same,
 * tied to the node, kept over a restart, gone with the registration. */
static void test_key(void)
{
    struct mo m;
    g_autoptr(GError) error = NULL;

    start(&m, NULL);
    import(&m, key_tree);
    g_assert_cmpint(command(&m, A "ap-22", 1, 22), ==, 20);
    assert_node(&m, PROFILE "ap_2d22", "ready", 20, "MEF_CLIENT_CMD_OK");
    g_assert_cmpint(command(&m, A "ap-21", 1, 21), ==, 20);
    g_assert_cmpint(command(&m, A "ap-23", 1, 23), ==, 20);

    json_t *log = sim_log(m.e.sim), *line;
    size_t i, creates = 0;
    json_array_foreach(log, i, line)
    {
        if (g_strcmp0(text_of(line, "op"), "create") != 0)
            continue;
        json_t *body = json_loads(text_of(line, "body"), 0, NULL), *skr = json_object_get(body, "sec:skr");
        if (skr) {
            json_int_t connection = json_integer_value(json_object_get(line, "connection"));
            size_t on_it = 0, k;
            json_t *other;
            json_array_foreach(log, k, other) on_it +=
                json_object_get(other, "request") &&
                json_integer_value(json_object_get(other, "connection")) == connection;
            g_assert_cmpuint(on_it, ==, 1);
            g_assert_null(json_object_get(skr, "kv"));
            g_assert_cmpstr(text_of(skr, "adfq"), ==, E2E_ADMIN);
            static const int suids[] = {22, 21, 23};
            static const char *const targets[] = {"//sp.example.net/in-cse", "maf2.example.net",
                                                  "//sp.example.net/in-cse"};
            g_assert_cmpint(json_integer_value(json_object_get(skr, "suid")), ==, suids[creates]);
            g_assert_cmpuint(json_array_size(json_object_get(skr, "tgis")), ==, 1);
            g_assert_cmpstr(json_string_value(json_array_get(json_object_get(skr, "tgis"), 0)), ==,
                            targets[creates]);
            g_assert_cmpuint(json_array_size(json_object_get(skr, "lbl")), ==, creates == 0 ? 2 : 0);
            creates++;
        }
        json_decref(body);
    }
    json_decref(log);
    g_assert_cmpuint(creates, ==, 3);

    e2e_wait_property(&m.e, PROFILE "ap_2d22", "AuthenticationProfile", "Ready", "true");
    g_autofree char *credential =
        e2e_get_string(&m.e, PROFILE "ap_2d22", "AuthenticationProfile", "Credential");
    g_assert_true(g_str_has_suffix(credential, "_40mef_2eexample_2ecom"));
    g_autofree char *kind = e2e_get_string(&m.e, credential, "Credential", "Kind");
    g_assert_cmpstr(kind, ==, "key");
    g_autofree char *origin = e2e_get_string(&m.e, credential, "Credential", "Origin");
    g_assert_cmpstr(origin, ==, E2E_FQDN);

    g_assert_cmpint(e2e_agent_stop(&m.e, NULL), ==, 0);
    assert_same_keys(&m, 3);
    e2e_agent_start_ready(&m.e);
    e2e_wait_property(&m.e, PROFILE "ap_2d22", "AuthenticationProfile", "Ready", "true");
    g_assert_cmpuint(mef_keys(&m), ==, 4);

    /* V24: they go with the registration; the Kpm and the key of the MAF stay. */
    G_GNUC_UNUSED g_autoptr(GVariant) v =
        e2e_call(&m.e, MO "/MEFClientRegCfg/mef_2eexample_2ecom", "org.mefclient1.Node", "Delete",
                 g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    e2e_wait(&m.e, "the key to leave the token", credential_gone, credential, 30);
    g_autofree char *list = e2e_token_list(&m.e);
    g_assert_nonnull(strstr(list, KEY_ID));
    stop(&m);
}

/* MC-41: each field of the answer falsified, each fault: 305, and no key kept on either side. */
static void test_key_refused(void)
{
    static const struct {
        const char *what;
        int status, keys; /* that the MEF has afterwards */
        const char *at;
    } rows[] = {
        {"\"do\":\"field\",\"set\":{\"et\":\"20200101T000000\"}", 305, 0},
        {"\"do\":\"field\",\"remove\":[\"et\"]", 305, 0},
        {"\"do\":\"field\",\"set\":{\"cr\":\"//m2m.example.com/other\"}", 305, 0},
        {"\"do\":\"field\",\"remove\":[\"cr\"]", 305, 0},
        {"\"do\":\"field\",\"set\":{\"adfq\":\"other.example.org\"}", 305, 0},
        {"\"do\":\"field\",\"set\":{\"suid\":21}", 305, 0},
        {"\"do\":\"field\",\"set\":{\"tgis\":[\"//sp.example.net/other\"]}", 305, 0},
        {"\"do\":\"field\",\"set\":{\"tgis\":[]}", 305, 0},
        {"\"do\":\"field\",\"set\":{\"tgis\":[\"//sp.example.net/in-cse\",\"//sp.example.net/x\"]}", 305, 0},
        {"\"do\":\"field\",\"set\":{\"ri\":\"a b\"}", 305, 1}, /* what has no name cannot be deleted */
        {"\"do\":\"body\",\"body\":\"{}\"", 305, 2},
        {"\"do\":\"status\",\"rsc\":5000", 305, 2},
        {"\"do\":\"status\",\"status\":403,\"rsc\":4103", 305, 2},
        {"\"do\":\"drop-after\"", 20, 4}, /* once more, over a new handshake: another key */
        {"\"do\":\"drop\"", 305, 4, ",\"times\":0"},
    };
    struct mo m;

    start(&m, NULL);
    import(&m, key_tree);
    guint kept = mef_keys(&m);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *fault = g_strdup_printf("{\"at\":{\"op\":\"create\",\"resource\":\"base\"%s},%s}",
                                                 rows[i].at ? rows[i].at : "", rows[i].what);
        g_test_message("%s", rows[i].what);
        json_decref(sim_post(m.e.sim, "/sim/faults", fault));
        g_assert_cmpint(command(&m, A "ap-22", 1, 22), ==, rows[i].status);
        json_decref(sim_call(m.e.sim, "DELETE", "/sim/faults", NULL, NULL));
        g_assert_cmpuint(records(&m, "keys"), ==, rows[i].keys);
        kept += rows[i].status == 20;
        g_assert_cmpuint(mef_keys(&m), ==, kept);
    }
    stop(&m);
}

/* One more trust anchor for the registration's profile. */
static void trust(struct mo *m, const char *pem)
{
    static const char *const links[] = {"./DCFG/trustAnchorCred/mef.example.com-ca",
                                        "./DCFG/trustAnchorCred/web", NULL};
    g_autoptr(GError) error = NULL;
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "Name", g_variant_new_string("web"));
    G_GNUC_UNUSED g_autoptr(GVariant) added = e2e_call(&m->e, MO, "org.mefclient1.Tree", "AddTrustAnchor",
                                                       g_variant_new("(sa{sv})", pem, &b), &error);
    g_assert_no_error(error);
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "mgmtLink", g_variant_new_strv(links, -1));
    G_GNUC_UNUSED g_autoptr(GVariant) set =
        e2e_call(&m->e, PROFILE "mef_2eexample_2ecom_2dcert", "org.mefclient1.Node", "Set",
                 g_variant_new("(a{sv}a{sv})", &b, NULL), &error);
    g_assert_no_error(error);
    e2e_wait_property(&m->e, MO "/trustAnchorCred/web", "TrustAnchorCred", "State", "present");
}

/* MC-45, MC-46: not in the token, fetched from a server that the MEF's CA vouches for, compared, stored as
 * the node's, tied; the second time it is there. */
static void test_anchor(void)
{
    struct mo m = {0};
    g_autoptr(GError) error = NULL;
    static const struct pki_spec root = {.cn = "Application root", .ca = true},
                                 web = {.cn = "Web CA", .ca = true},
                                 server = {.cn = "pki", .san = "DNS:pki.example.org"};
    EVP_PKEY *key = pki_key(NULL), *server_key = pki_key(NULL);
    X509 *anchor = pki_issue(&root, key, NULL, NULL), *web_ca = pki_issue(&web, key, NULL, NULL);
    X509 *server_cert = pki_issue(&server, server_key, web_ca, key);
    struct der_list chain = {0};
    struct der pkcs8 = pki_key_der(server_key), der = pki_der_of(anchor);
    uint8_t sum[32];
    g_autofree char *pem = pki_pem_of(anchor), *web_pem = pki_pem_of(web_ca);
    char fingerprint[FINGERPRINT_NI_LEN];

    g_assert_true(EVP_Digest(der.data, der.len, sum, NULL, EVP_sha256(), NULL));
    fingerprint_format_ni(sum, fingerprint);
    pki_der(server_cert, &chain);
    g_autofree char *answer =
        g_strdup_printf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(pem), pem);

    e2e_up(&m.e, "{\"commands\":[],\"retryDuration\":\"PT1H\"}");
    g_autofree char *ours = e2e_make_certificate(&m.e, E2E_SAN);
    const struct peer_spec spec = {.chain = &chain, .key = &pkcs8, .answer = answer};
    struct peer *p = peer_start(&spec);
    e2e_configure(&m.e, "[mef]\ncommand-classes=mo-node\n[network]\nresolve=pki.example.org:127.0.0.1 "
                        "mef.example.com:127.0.0.1\n");
    e2e_agent_start_ready(&m.e);
    g_autofree char *text = g_strdup_printf(
        "{\"format\":1,\"nodes\":["
        "{\"type\":\"trustAnchorCred\",\"name\":\"good\",\"attrs\":{\"certFingerprint\":\"%s\",\"URI\":"
        "\"https://pki.example.org:%u/root.pem\"},\"links\":[]},"
        "{\"type\":\"trustAnchorCred\",\"name\":\"bad\",\"attrs\":{\"certFingerprint\":"
        "\"ni:///sha-256;v10QhwLh6rQzBn9XR_KSGcNGZRMYGi6Sp-2SyhhlalU\",\"URI\":"
        "\"https://pki.example.org:%u/root.pem\"},\"links\":[]}]}",
        fingerprint, p->port, p->port);
    G_GNUC_UNUSED g_autoptr(GVariant) v =
        e2e_call(&m.e, MO, "org.mefclient1.Tree", "Import", g_variant_new("(sa{sv})", text, NULL), &error);
    g_assert_no_error(error);
    m.reg = e2e_add_mef_by_certificate(&m.e, ours);
    e2e_wait_idle(&m.e, m.reg);

    /* Nobody vouches for that server yet. */
    g_assert_cmpint(command(&m, "./DCFG/trustAnchorCred/good", 2, 0), ==, 305);
    g_assert_cmpint(p->requests, ==, 0);
    trust(&m, web_pem);
    g_assert_cmpint(command(&m, "./DCFG/trustAnchorCred/bad", 2, 0), ==, 305);
    assert_node(&m, MO "/trustAnchorCred/bad", "failed", 305, "MEF_CLIENT_CMD_MO_NODE_PROCESSING_FAILED");
    g_assert_cmpint(command(&m, "./DCFG/trustAnchorCred/good", 2, 0), ==, 20);
    assert_node(&m, MO "/trustAnchorCred/good", "ready", 20, "MEF_CLIENT_CMD_OK");
    e2e_wait_property(&m.e, MO "/trustAnchorCred/good", "TrustAnchorCred", "State", "present");
    g_autofree char *credential =
        e2e_get_string(&m.e, MO "/trustAnchorCred/good", "TrustAnchorCred", "Credential");
    g_autofree char *kind = e2e_get_string(&m.e, credential, "Credential", "Kind");
    g_assert_cmpstr(kind, ==, "trust-anchor");
    g_assert_cmpint(p->requests, ==, 2);
    g_assert_cmpint(command(&m, "./DCFG/trustAnchorCred/good", 2, 0), ==, 20);
    g_assert_cmpint(p->requests, ==, 2); /* local now */
    g_autofree char *list = e2e_token_list(&m.e), *bad = NULL;
    g_assert_nonnull(strstr(list, "good"));
    bad = e2e_get_string(&m.e, MO "/trustAnchorCred/bad", "TrustAnchorCred", "State");
    g_assert_cmpstr(bad, ==, "failed");
    /* It goes with its node (T15). */
    G_GNUC_UNUSED g_autoptr(GVariant) gone = e2e_call(&m.e, MO "/trustAnchorCred/good", "org.mefclient1.Node",
                                                      "Delete", g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    e2e_wait(&m.e, "the trust anchor to leave the token", credential_gone, credential, 30);

    peer_stop(p);
    der_list_clear(&chain);
    X509_free(web_ca);
    X509_free(server_cert);
    free(pkcs8.data);
    free(der.data);
    X509_free(anchor);
    EVP_PKEY_free(key);
    EVP_PKEY_free(server_key);
    stop(&m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/mo-node/MC-26/MC-27/MC-28/MC-29/MC-30/MC-31/MC-55/arguments", test_arguments);
    g_test_add_func("/e2e/mo-node/MC-37/MC-44/local", test_local);
    g_test_add_func("/e2e/mo-node/MC-35/MC-36/switches", test_switches);
    g_test_add_func("/e2e/mo-node/deleted", test_deleted);
    g_test_add_func("/e2e/mo-node/EE-02/by-hand", test_by_hand);
    g_test_add_func("/e2e/mo-node/MC-45/MC-46/anchor", test_anchor);
    g_test_add_func("/e2e/mo-node/EE-07/MC-38/MC-39/MC-42/key", test_key);
    g_test_add_func("/e2e/mo-node/MC-41/key-refused", test_key_refused);
    return g_test_run();
}
