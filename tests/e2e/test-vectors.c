/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test vectors V1 to V27 of mo-tree.md 6 by their names, on its example tree, over the wire: MO_NODE
 * comes from the MEF and its status is what the MEF is told. The same without a wire:
 * tests/unit/test-mo-node.c. */
#include <openssl/pem.h>
#include <string.h>

#include "plugin/base/when.h"
#include "policy/fingerprint.h"
#include "tests/lib/e2e-dm.h"
#include "tests/lib/e2e-example.h"
#include "tests/unit/pki.h"
#include "tests/unit/tls-peer.h"

#define A      EXAMPLE_A
#define TA_APP "./DCFG/trustAnchorCred/ta-app"

struct vector {
    const char *name, *path;
    int type, suid, status;
};

static void run(struct example *x, const struct vector *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_test_message("%s %s", v[i].name, v[i].path);
        g_assert_cmpint(example_command(x, v[i].path, v[i].type, v[i].suid), ==, v[i].status);
    }
}

/* ---- V1 to V10, V14, V16, V17, V20, V22, V23 ----------------------------------------------------------- */

/* The body of the last key registration at the MEF (new reference). */
static json_t *last_key(struct example *x)
{
    json_t *log = sim_log(x->e.sim), *line, *found = NULL;
    size_t i;

    json_array_foreach(log, i, line)
    {
        json_t *body = e2e_text(line, "body") ? json_loads(e2e_text(line, "body"), 0, NULL) : NULL,
               *skr = json_object_get(body, "sec:skr");
        if (skr && g_strcmp0(e2e_text(line, "op"), "create") == 0) {
            json_decref(found);
            found = json_incref(skr);
        }
        json_decref(body);
    }
    json_decref(log);
    g_assert_nonnull(found);
    return found;
}

static void assert_last_key(struct example *x, const char *target, int suid, int days)
{
    json_t *skr = last_key(x), *targets = json_object_get(skr, "tgis");
    int64_t et, day = INT64_C(86400000000), now = g_get_real_time();

    g_assert_cmpuint(json_array_size(targets), ==, 1);
    g_assert_cmpstr(json_string_value(json_array_get(targets, 0)), ==, target);
    g_assert_cmpint(json_integer_value(json_object_get(skr, "suid")), ==, suid);
    g_assert_cmpint(timestamp_parse(e2e_text(skr, "et"), &et), ==, 0);
    g_assert_cmpint(et, <=, now + days * day + 1000000);
    g_assert_cmpint(et, >, now + days * day - day / 24);
    json_decref(skr);
}

static void test_arguments(void)
{
    static const struct vector v1[] = {
        {"V1", A "ap-reg-22", 1, 22, 20},
        {"V2", "/27022/2", 1, 22, 20},
        {"V3", "./DCFG/registration/reg1/authenticationProfile/ap-reg-22", 1, 22, 20},
    };
    static const struct vector rest[] = {
        {"V4", A "ap-reg-22", 1, 23, 303},
        {"V5", A "ap-reg-22", 1, 0, 302},
        {"V5", A "ap-reg-22", 1, 99, 302},
        {"V6", A "ap-reg-22", 2, 0, 301},
        {"V7", A "nothing", 1, 22, 300},
        {"V8", A "ap-reg-22", 4, 22, 42},
        {"V9", A "ap-reg-21-bad", 1, 21, 304},
        {"V14", A "ap-maf-11", 1, 11, 20},
        {"V20", TA_APP, 2, 22, 302},
        {"V22", A "ap-mef-40", 1, 40, 305},
        {"V23", "./DCFG/authenticationProfile", 1, 22, 300},
        {"V23", A "ap-reg-22/SUID", 1, 22, 300},
        {"V23", "../x", 1, 22, 300},
        {"V23", "", 1, 22, 42},
    };
    struct example x;

    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(v1); i++) {
        run(&x, &v1[i], 1);
        g_assert_cmpuint(e2e_records(x.e.sim, "keys"), ==, MIN(i + 1, 2)); /* the profile keeps two */
        assert_last_key(&x, "//sp.example.net/in-cse", 22, 30);
    }
    run(&x, rest, G_N_ELEMENTS(rest));
    g_assert_cmpuint(e2e_records(x.e.sim, "keys"), ==, 2);
    run(&x, &(struct vector){"V10", A "ap-maf2-21", 1, 21, 20}, 1);
    assert_last_key(&x, "maf2.example.net", 21, 7);
    e2e_set(&x.e, EXAMPLE_AP("ap_2dmaf_2d11"), "symmKeyID", g_variant_new_string("km-other@" E2E_MAF_FQDN));
    run(&x, &(struct vector){"V14 else", A "ap-maf-11", 1, 11, 305}, 1);
    e2e_remove(&x.e, EXAMPLE_AP("ap_2dmaf_2d11"), "symmKeyID");
    run(&x, &(struct vector){"V16", A "ap-maf-11", 1, 11, 304}, 1);
    g_assert_cmpuint(e2e_requests(x.maf, NULL, NULL), ==, 0); /* none of it is the MAF's business */
    example_down(&x);
}

/* V17: one missing each. */
static void test_incomplete(void)
{
    static const char *const suites[] = {"00AE", "C0A8", NULL},
                             *const mef[] = {"./DCFG/MEFClientRegCfg/mef1", NULL}, *const none[] = {NULL};
    static const struct vector v = {"V17", A "ap-reg-22", 1, 22, 304};
    static const char ap[] = EXAMPLE_AP("ap_2dreg_2d22");
    struct example x;

    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    e2e_remove(&x.e, ap, "keyRegDuration");
    run(&x, &v, 1);
    e2e_set(&x.e, ap, "keyRegDuration", g_variant_new_string("P30D"));
    e2e_set(&x.e, ap, "mgmtLink", g_variant_new_strv(none, -1));
    run(&x, &v, 1);
    e2e_set(&x.e, ap, "mgmtLink", g_variant_new_strv(mef, -1));
    e2e_remove(&x.e, ap, "TLSCiphersuites");
    run(&x, &v, 1);
    g_assert_cmpuint(e2e_records(x.e.sim, "keys"), ==, 0);
    e2e_set(&x.e, ap, "TLSCiphersuites", g_variant_new_strv(suites, -1));
    run(&x, &(struct vector){"V1", A "ap-reg-22", 1, 22, 20}, 1);
    example_down(&x);
}

/* ---- V11, V12, V13, V15: switches ---------------------------------------------------------------------- */

static void test_switches(void)
{
    static const char *const ta_app[] = {TA_APP, NULL}, *const none[] = {NULL};
    static const char ap[] = EXAMPLE_AP("ap_2ddc_2d43");
    static const char other[] = "ni:///sha-256;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iY";
    static const struct {
        const char *name, *config;
        int linked, unlinked, v15;
    } rows[] = {
        {"default", "[policy]\n", 20, 304, 20},
        {"literal", "[policy]\ntrust-anchor-rule=literal\n", 304, 20, 20},
        {"optional", "[policy]\ntrust-anchor-rule=optional\n", 20, 20, 20},
        {"all", "[policy]\nsuite-rule=all\n", 20, 304, 304},
    };
    struct example x;

    example_up(&x, rows[0].config);
    example_go(&x, NULL, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s", rows[i].name);
        if (i) {
            g_assert_cmpint(e2e_agent_stop(&x.e, NULL), ==, 0);
            example_configure(&x, rows[i].config);
            e2e_agent_start_ready(&x.e);
        }
        run(&x, &(struct vector){i == 1 ? "V12" : "V11", A "ap-dc-43", 1, 43, rows[i].linked}, 1);
        if (rows[i].linked == 20) {
            e2e_set(&x.e, ap, "myCertFingerprint", g_variant_new_string(other)); /* not in the token */
            run(&x, &(struct vector){"V11 else", A "ap-dc-43", 1, 43, 305}, 1);
            e2e_set(&x.e, ap, "myCertFingerprint", g_variant_new_string(x.certificate));
        }
        e2e_set(&x.e, ap, "mgmtLink", g_variant_new_strv(none, -1));
        run(&x, &(struct vector){"V13", A "ap-dc-43", 1, 43, rows[i].unlinked}, 1);
        e2e_set(&x.e, ap, "mgmtLink", g_variant_new_strv(ta_app, -1));
        run(&x, &(struct vector){i == 3 ? "V15" : "V14", A "ap-maf-11", 1, 11, rows[i].v15}, 1);
    }
    g_assert_cmpuint(e2e_records(x.e.sim, "keys"), ==, 0);
    example_down(&x);
}

/* ---- V18: the answer is falsified ---------------------------------------------------------------------- */

static void test_falsified(void)
{
    static const char *const fields[] = {
        "{\"adfq\":\"other.example.org\"}",
        "{\"suid\":21}",
        "{\"tgis\":[\"//sp.example.net/other\"]}",
        "{\"cr\":\"//m2m.example.com/other\"}",
        "{\"et\":\"20200101T000000\"}",
    };
    struct example x;

    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    g_autofree char *before = e2e_token_list(&x.e);
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autofree char *fault = g_strdup_printf(
            "{\"at\":{\"op\":\"create\",\"resource\":\"base\"},\"do\":\"field\",\"set\":%s}", fields[i]);
        g_test_message("V18 %s", fields[i]);
        json_decref(sim_post(x.e.sim, "/sim/faults", fault));
        g_assert_cmpint(example_command(&x, A "ap-reg-22", 1, 22), ==, 305);
        json_decref(sim_call(x.e.sim, "DELETE", "/sim/faults", NULL, NULL));
        g_assert_cmpuint(e2e_requests(x.e.sim, "create", NULL), ==, 2 + i);
        g_assert_cmpuint(e2e_records(x.e.sim, "keys"), ==, 0);
        g_autofree char *after = e2e_token_list(&x.e);
        g_assert_cmpstr(after, ==, before);
        g_autofree char *tied =
            e2e_get_string(&x.e, EXAMPLE_AP("ap_2dreg_2d22"), "AuthenticationProfile", "Credential");
        g_assert_cmpstr(tied, ==, "/");
        e2e_wait_property(&x.e, EXAMPLE_AP("ap_2dreg_2d22"), "Node", "State", "failed");
    }
    example_down(&x);
}

/* ---- V19: a server of trust anchors -------------------------------------------------------------------- */

/* Whatever stands in the peer's data at that moment. */
static void serve(struct peer *p, int n)
{
    (void)n;
    while (peer_read_request(p))
        if (!peer_send(p, g_atomic_pointer_get(&p->spec.data)))
            return;
}

struct web {
    struct der_list chain;
    struct der key, anchor;
    char *good, *other;
    char fingerprint[FINGERPRINT_NI_LEN];
    struct peer *peer;
};

static EVP_PKEY *read_ca(struct example *x, X509 **ret_cert)
{
    g_autofree char *dir = g_path_get_dirname(sim_ca_path(x->e.sim)), *key = NULL;

    key = g_build_filename(dir, "ca.key", NULL);
    FILE *f = fopen(key, "r"), *g = fopen(sim_ca_path(x->e.sim), "r");
    g_assert_true(f && g);
    EVP_PKEY *ca = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    *ret_cert = PEM_read_X509(g, NULL, NULL, NULL);
    fclose(f);
    fclose(g);
    g_assert_true(ca && *ret_cert);
    return ca;
}

static char *answer_with(X509 *cert)
{
    g_autofree char *pem = pki_pem_of(cert);
    return g_strdup_printf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(pem), pem);
}

/* The MEF's CA vouches for it. */
static void web_up(struct web *w, struct example *x)
{
    static const struct pki_spec root = {.cn = "Application root", .ca = true},
                                 server = {.cn = "pki", .san = "DNS:pki.example.org"};
    X509 *ca_cert, *anchor, *other, *leaf;
    EVP_PKEY *key = pki_key(NULL), *server_key = pki_key(NULL), *ca = read_ca(x, &ca_cert);
    uint8_t sum[32];

    *w = (struct web){0};
    anchor = pki_issue(&root, key, NULL, NULL);
    other = pki_issue(&root, server_key, NULL, NULL);
    leaf = pki_issue(&server, server_key, ca_cert, ca);
    w->good = answer_with(anchor);
    w->other = answer_with(other);
    w->anchor = pki_der_of(anchor);
    g_assert_true(EVP_Digest(w->anchor.data, w->anchor.len, sum, NULL, EVP_sha256(), NULL));
    fingerprint_format_ni(sum, w->fingerprint);
    pki_der(leaf, &w->chain);
    w->key = pki_key_der(server_key);
    const struct peer_spec spec = {.chain = &w->chain, .key = &w->key, .serve = serve, .data = w->good};
    w->peer = peer_start(&spec);
    X509_free(ca_cert);
    X509_free(anchor);
    X509_free(other);
    X509_free(leaf);
    EVP_PKEY_free(key);
    EVP_PKEY_free(server_key);
    EVP_PKEY_free(ca);
}

static void web_down(struct web *w)
{
    peer_stop(w->peer);
    der_list_clear(&w->chain);
    free(w->key.data);
    free(w->anchor.data);
    g_free(w->good);
    g_free(w->other);
}

static void test_anchor(void)
{
    static const char node[] = E2E_MO "/trustAnchorCred/ta_2dapp";
    struct example x;
    struct web w;

    example_up(&x, NULL);
    web_up(&w, &x);
    example_go(&x, w.fingerprint, w.peer->port);
    const struct {
        const char *name, *answer;
    } bad[] = {{"V19 404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
               {"V19 wrong certificate", w.other},
               {"V19 no certificate", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_atomic_pointer_set(&w.peer->spec.data, (void *)(uintptr_t)bad[i].answer);
        run(&x, &(struct vector){bad[i].name, TA_APP, 2, 0, 305}, 1);
        g_assert_cmpint(peer_count(w.peer, &w.peer->requests), ==, (int)i + 1);
        e2e_wait_property(&x.e, node, "TrustAnchorCred", "State", "failed");
    }
    g_atomic_pointer_set(&w.peer->spec.data, w.good);
    run(&x, &(struct vector){"V19 served", TA_APP, 2, 0, 20}, 1);
    g_assert_cmpint(peer_count(w.peer, &w.peer->requests), ==, 4);
    e2e_wait_property(&x.e, node, "TrustAnchorCred", "State", "present");
    run(&x, &(struct vector){"V19 local", TA_APP, 2, 0, 20}, 1);
    g_assert_cmpint(peer_count(w.peer, &w.peer->requests), ==, 4);
    web_down(&w);
    example_down(&x);
}

/* ---- V21 ------------------------------------------------------------------------------------------------
 */

static void test_maf(void)
{
    static const char past[] = "{\"at\":{\"op\":\"create\",\"resource\":\"base\"},\"do\":\"field\",\"set\":{"
                               "\"et\":\"20200101T000000\"}}";
    static const struct vector v21 = {"V21", "./DCFG/MAFClientRegCfg/maf1", 3, 0, 20},
                               past21 = {"V21 past", "./DCFG/MAFClientRegCfg/maf1", 3, 0, 305};
    struct example x;

    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    json_decref(sim_post(x.maf, "/sim/faults", past));
    run(&x, &past21, 1);
    g_assert_cmpuint(e2e_records(x.maf, "registrations"), ==, 0);
    e2e_wait_property(&x.e, E2E_MO "/MAFClientRegCfg/maf1", "Node", "State", "failed");
    run(&x, &v21, 1);
    g_assert_cmpuint(e2e_records(x.maf, "registrations"), ==, 1);
    e2e_wait_property(&x.e, E2E_MO "/MAFClientRegCfg/maf1", "Node", "State", "ready");
    json_t *log = sim_log(x.maf), *line, *last = NULL;
    size_t i;
    json_array_foreach(log, i, line) if (json_object_get(line, "request")) last = line;
    g_assert_cmpstr(e2e_text(last, "identity"), ==, E2E_KM_ID);
    g_assert_true(g_pattern_match_simple("{\"sec:macr\":{\"et\":\"20*\",\"adfq\":\"admin.example.org\"}}",
                                         e2e_text(last, "body")));
    json_decref(log);
    example_down(&x);
}

/* ---- V24, V25 -------------------------------------------------------------------------------------------
 */

static gboolean gone(struct e2e *e, void *path)
{
    g_autoptr(GVariant) v = e2e_get(e, path, "Registration", "State");
    return v == NULL;
}

/* The MEF has seen so many requests with that op since `before`, and nothing else. */
static void assert_only(struct example *x, size_t before, const char *op, size_t n)
{
    json_t *log = sim_log(x->e.sim), *line;
    size_t i, k = 0;

    json_array_foreach(log, i, line) if (json_object_get(line, "request") && k++ >= before)
    {
        g_test_message("%s %s", e2e_text(line, "op"), e2e_text(line, "to"));
        g_assert_cmpstr(e2e_text(line, "op"), ==, op);
        g_assert_cmpstr(e2e_text(line, "resource"), ==, "registration");
    }
    json_decref(log);
    g_assert_cmpuint(k, ==, before + n);
}

static void test_delete(void)
{
    struct example x;

    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    g_assert_cmpint(example_command(&x, A "ap-reg-22", 1, 22), ==, 20);
    g_assert_cmpint(example_command(&x, A "ap-maf2-21", 1, 21), ==, 20);
    g_assert_cmpint(example_command(&x, A "ap-maf-11", 1, 11), ==, 20);
    g_autofree char *key22 = e2e_key_of(&x.e, EXAMPLE_AP("ap_2dreg_2d22"), NULL);
    g_autofree char *key21 = e2e_key_of(&x.e, EXAMPLE_AP("ap_2dmaf2_2d21"), NULL);
    g_autofree char *list = e2e_token_list(&x.e);
    g_assert_true(strstr(list, key22) && strstr(list, key21) && strstr(list, E2E_KM_ID));
    e2e_wait_idle(&x.e, EXAMPLE_REG);
    size_t before = e2e_requests(x.e.sim, NULL, NULL);
    e2e_delete(&x.e, EXAMPLE_MEF1);
    e2e_wait(&x.e, "the registration is gone", gone, (void *)(uintptr_t)EXAMPLE_REG, E2E_WAIT_S);
    assert_only(&x, before, "delete", 1);
    g_assert_cmpuint(e2e_records(x.e.sim, "registrations"), ==, 0);
    g_autofree char *after = e2e_token_list(&x.e);
    g_assert_null(strstr(after, key22));
    g_assert_null(strstr(after, key21));
    g_assert_nonnull(strstr(after, E2E_KM_ID));
    g_assert_nonnull(strstr(after, "factory"));
    g_assert_nonnull(strstr(after, "ta-mef"));
    example_down(&x);
}

static void test_set(void)
{
    struct example x;

    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    g_assert_cmpint(example_command(&x, A "ap-reg-22", 1, 22), ==, 20);
    e2e_wait_idle(&x.e, EXAMPLE_REG);
    g_autofree char *key = e2e_key_of(&x.e, EXAMPLE_AP("ap_2dreg_2d22"), NULL);
    size_t before = e2e_requests(x.e.sim, NULL, NULL);
    e2e_set(&x.e, EXAMPLE_AP("ap_2dreg_2d22"), "keyRegDuration", g_variant_new_string("P2D"));
    /* Whatever the worker would do because of it, it does before this. */
    g_assert_cmpint(example_command(&x, A "ap-reg-22", 4, 22), ==, 42);
    json_t *log = sim_log(x.e.sim), *line;
    size_t i, k = 0;
    json_array_foreach(log, i, line) if (json_object_get(line, "request") && k++ >= before)
        g_assert_cmpstr(e2e_text(line, "resource"), ==, "command");
    json_decref(log);
    g_assert_cmpuint(k, ==, before + 2); /* the retrieve and the update of that command */
    g_autofree char *still = e2e_key_of(&x.e, EXAMPLE_AP("ap_2dreg_2d22"), NULL);
    g_assert_cmpstr(still, ==, key);
    /* It counts at the next command. */
    g_assert_cmpint(example_command(&x, A "ap-reg-22", 1, 22), ==, 20);
    assert_last_key(&x, "//sp.example.net/in-cse", 22, 2);
    example_down(&x);
}

/* ---- V26, V27: what a DM session of the MEF writes ----------------------------------------------------- */

#define FILE_CRED                                                                                            \
    "'SUIDs=[uint32 40]' \"myCertFileFormat='application/x-pem-file'\" \"myCertFileContent='x'\""
#define MEF2 "add '' MEFClientRegCfg mef2 \"fqdn='mef2.example.com'\" \"adminFQDN='admin.example.org'\"\n"
#define NEW22(expires)                                                                                       \
    "add '' authenticationProfile n 'SUID=uint32 22' \"keyRegDuration='P30D'\" "                             \
    "\"TLSCiphersuites=['00AE']\" " expires "\n"
#define EXPIRES "'expirationTime=uint64 2209075199000000'"

static void test_sessions(void)
{
    static const struct {
        const char *name, *script;
        gboolean refused;
    } rows[] = {
        {"V26 symmKeyValue", "set " A "ap-reg-22 \"symmKeyValue='MDEyMzQ1Njc4OWFiY2RlZg=='\"\n", TRUE},
        {"V26 symmKeyID", "set " A "ap-reg-22 \"symmKeyID='k@mef.example.com'\"\n", TRUE},
        {"V26 myCertFileCred", "add '' myCertFileCred c " FILE_CRED "\n", TRUE},
        {"V27 no expirationTime", NEW22("") "link " A "n ./DCFG/MEFClientRegCfg/mef1\n", TRUE},
        {"V27 another MEF's", MEF2 NEW22(EXPIRES) "link " A "n ./DCFG/MEFClientRegCfg/mef2\n", TRUE},
        {"and as it should be", NEW22(EXPIRES) "link " A "n ./DCFG/MEFClientRegCfg/mef1\n", FALSE},
    };
    struct example x;
    struct e2e_dm client;

    example_up(&x, NULL);
    e2e_dm_init(&client, &x.e, "dm");
    e2e_dm_start(&client, E2E_DM_LWM2M, FALSE);
    example_go(&x, NULL, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *script = g_strconcat("begin\n", rows[i].script, "commit\nfinish ok 0 ''\n", NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) before =
            e2e_call(&x.e, E2E_MO, "org.mefclient1.Tree", "Export", g_variant_new("(a{sv})", NULL), &error);
        g_assert_no_error(error);
        g_test_message("%s", rows[i].name);
        e2e_dm_script(&client, script);
        json_decref(sim_post(x.e.sim, "/sim/commands", "{\"class\":\"DEV_CFG\"}"));
        G_GNUC_UNUSED g_autoptr(GVariant) polled = e2e_call(&x.e, EXAMPLE_REG, "org.mefclient1.Registration",
                                                            "Poll", g_variant_new("(a{sv})", NULL), &error);
        g_assert_no_error(error);
        e2e_wait_reports(&x.e, i + 1);
        json_t *reports = e2e_sim_records(&x.e, "reports"),
               *last = json_array_get(reports, json_array_size(reports) - 1);
        g_assert_cmpint(json_integer_value(json_object_get(last, "csc")), ==, rows[i].refused ? 202 : 20);
        json_decref(reports);
        g_autoptr(GVariant) after =
            e2e_call(&x.e, E2E_MO, "org.mefclient1.Tree", "Export", g_variant_new("(a{sv})", NULL), &error);
        g_assert_no_error(error);
        g_assert_true(g_variant_equal(before, after) == rows[i].refused);
        g_autofree char *said = e2e_dm_said(&client);
        g_assert_true(!strstr(g_strrstr(said, "start 3"), "org.mefclient1.Error.NotAuthorized") ==
                      !rows[i].refused);
    }
    e2e_dm_clear(&client);
    example_down(&x);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/vectors/V1/V2/V3/V4/V5/V6/V7/V8/V9/V10/V14/V16/V20/V22/V23/MC-55/arguments",
                    test_arguments);
    g_test_add_func("/e2e/vectors/V17/MC-32/MC-33/incomplete", test_incomplete);
    g_test_add_func("/e2e/vectors/V11/V12/V13/V15/MC-35/MC-36/switches", test_switches);
    g_test_add_func("/e2e/vectors/V18/MC-41/falsified", test_falsified);
    g_test_add_func("/e2e/vectors/V19/MC-45/MC-46/anchor", test_anchor);
    g_test_add_func("/e2e/vectors/V21/MC-47/MC-48/maf", test_maf);
    g_test_add_func("/e2e/vectors/V24/triggers/T2/EE-04/EE-05/EE-06/delete", test_delete);
    g_test_add_func("/e2e/vectors/V25/triggers/T4/EE-07/EE-08/set", test_set);
    g_test_add_func("/e2e/vectors/V26/V27/EE-18/EE-19/EE-20/sessions", test_sessions);
    return g_test_run();
}
