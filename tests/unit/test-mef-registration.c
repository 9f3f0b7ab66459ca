/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef, the client of one registration: the example of section 6, and the four registration procedures.
 */
#include <errno.h>

#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "tests/unit/mef-world.h"

/* ---- section 6 --------------------------------------------------------------------------------------- */

/* The answers of section 6, octet by octet, in the order in which they come. */
static const struct {
    uint32_t rsc;
    const char *body;
} example[] = {
    {2001,
     "{\"sec:mecr\":{\"ty\":4,\"ri\":\"mecr-7f3a21\",\"rn\":\"mecr-7f3a21\",\"pi\":\"-\",\"ct\":"
     "\"20260301T080000\",\"lt\":"
     "\"20260301T080000\",\"et\":\"20261201T000000\",\"lbl\":[\"gateway\",\"site:42\"],\"cr\":\"//"
     "m2m.example.com/gw42\","
     "\"adfq\":\"admin.example.org\",\"ch\":[{\"nm\":\"cmd\",\"typ\":6,\"val\":\"-/mecr-7f3a21/cmd\"}]}}"},
    {2000, "{\"sec:mecc\":{\"ty\":6,\"ri\":\"mecr-7f3a21-cmd\",\"rn\":\"cmd\",\"pi\":\"mecr-7f3a21\",\"cid\":"
           "\"c-0001\",\"cdsc\":{"
           "\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://mef.example.com:8443/.well-known/"
           "est\",\"csty\":2,"
           "\"csbi\":\"//m2m.example.com/gw42\"}}},\"csc\":10}}"},
    {2004, "{\"sec:mecc\":{\"ty\":6,\"ri\":\"mecr-7f3a21-cmd\",\"rn\":\"cmd\",\"pi\":\"mecr-7f3a21\",\"cid\":"
           "\"c-0002\",\"cdsc\":{"
           "\"ccid\":2,\"cmda\":{\"dcca\":{\"dcu\":\"3:coaps://mef.example.com:5684\"}}},\"csc\":10}}"},
    {2004,
     "{\"sec:mecc\":{\"ty\":6,\"ri\":\"mecr-7f3a21-cmd\",\"rn\":\"cmd\",\"pi\":\"mecr-7f3a21\",\"cid\":\"c-"
     "0003\",\"cdsc\":{"
     "\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"/27022/0\",\"obt\":1,\"obsa\":{\"suid\":21}}}},\"csc\":10}}"},
    {2004, "{\"sec:mecc\":{\"ty\":6,\"ri\":\"mecr-7f3a21-cmd\",\"rn\":\"cmd\",\"pi\":\"mecr-7f3a21\",\"cid\":"
           "\"c-0004\",\"cdsc\":{"
           "\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"PT24H\"}}},\"csc\":10}}"},
    {2000, "{\"sec:mecc\":{\"ty\":6,\"ri\":\"mecr-7f3a21-cmd\",\"rn\":\"cmd\",\"pi\":\"mecr-7f3a21\",\"cid\":"
           "\"c-0004\",\"cdsc\":{"
           "\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"PT24H\"}}},\"csc\":11}}"},
    {2002, NULL},
};

static int example_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    g_assert_cmpuint(w->log->len, <=, G_N_ELEMENTS(example));
    world_answer(req, ret, example[w->log->len - 1].rsc, example[w->log->len - 1].body);
    return 0;
}

static void test_example(void)
{
    struct world *w = world_new();

    w->hook = example_hook;
    world_start(w);
    g_assert_cmpuint(w->log->len, ==, 0);
    world_request(w, MEF_PROC_REGISTER, 7);
    g_assert_cmpint(world_finished(w, 7), ==, 0);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_assert_cmpstr(w->client_reg_id, ==, "mecr-7f3a21");
    int64_t et;
    g_assert_cmpint(timestamp_parse("20261201T000000", &et), ==, 0);
    g_assert_cmpint(w->reg.expires, ==, et);
    g_assert_cmpuint(w->enrolments, ==, 1);
    g_assert_cmpstr(w->est_uri, ==, "https://mef.example.com:8443/.well-known/est");
    g_assert_cmpstr(w->est_san, ==, "gw42.in-cse.m2m.example.com");
    g_assert_cmpstr(w->est_with, ==, WORLD_KPM);
    g_assert_cmpint(w->next_poll, ==, w->real + (int64_t)DAY * 1000000);
    g_assert_cmpuint(w->log->len, ==, 5);
    world_advance(w, DAY - 1);
    g_assert_cmpuint(w->log->len, ==, 5);
    world_advance(w, 2);
    g_assert_cmpuint(w->log->len, ==, 6);
    world_request(w, MEF_PROC_DEREGISTER, 8);
    g_assert_cmpint(world_finished(w, 8), ==, 0);
    world_assert_story(w, CREATE GET PUT("\"c-0001\"", 20) PUT("\"c-0002\"", 41) PUT("\"c-0003\"", 300) GET
                       "\nD /-/mecr-7f3a21");
    for (guint i = 0; i < w->log->len; i++) {
        const struct seen *q = world_seen(w, i);
        g_autofree char *rqi = g_strdup_printf("5f1c09ae-%08x", i + 1);
        g_assert_cmpstr(q->rqi, ==, rqi);
        g_assert_cmpstr(q->fr, ==, "//m2m.example.com/gw42");
        g_assert_cmpstr(q->rvi, ==, "2a");
        g_assert_cmpuint(q->ty, ==, i == 0 ? 4 : 0);
        g_assert_true(g_str_has_prefix(q->to, "//mef.example.com/-"));
        /* From the report on, the new certificate. */
        g_assert_true(i < 2 ? streq(q->credential, WORLD_KPM) : g_str_has_prefix(q->credential, "cert:"));
    }
    g_assert_cmpuint(strlen(world_seen(w, 0)->body), ==, 92);
    g_assert_cmpuint(strlen(world_seen(w, 2)->body), ==, 38);
    g_assert_cmpint(w->state, ==, REG_NEW);
    /* De-registered: nothing any more, until somebody asks. */
    world_advance(w, 40 * DAY);
    g_assert_cmpuint(w->log->len, ==, 7);
    world_free(w);
}

/* ---- registration ------------------------------------------------------------------------------------ */

static void test_nothing_before_register(void)
{
    struct world *w = world_new();

    world_start(w);
    world_advance(w, 400 * DAY);
    g_assert_cmpuint(w->log->len, ==, 0);
    g_assert_cmpint(w->state, ==, REG_NEW);
    world_free(w);
}

static void test_child_resource(void)
{
    struct world *w = world_new();

    /* The reference names it, whatever its form. */
    w->ch =
        "[{\"nm\":\"x\",\"typ\":5,\"val\":\"-/other\"},{\"nm\":\"q\",\"typ\":6,\"val\":\"mecr-7f3a21-cmd\"}]";
    w->registered = false;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpstr(world_seen(w, 1)->to, ==, "//mef.example.com/-/mecr-7f3a21-cmd");
    world_free(w);

    w = world_new(); /* none: the default address, once anyway */
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    world_assert_story(w, CREATE GET);
    world_free(w);

    w = world_new(); /* one that leads elsewhere is refused, and undone */
    w->ch = "[{\"nm\":\"cmd\",\"typ\":6,\"val\":\"//evil.example.com/-/mecr-7f3a21/cmd\"}]";
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpint(world_finished(w, 1), >, 0);
    g_assert_cmpint(w->state, ==, REG_FAILED);
    g_assert_nonnull(world_attention(w, "registration-failed"));
    world_free(w);
}

static void test_follow_up(void)
{
    struct world *w = world_registered();

    world_request(w, MEF_PROC_UPDATE, 2);
    world_request(w, MEF_PROC_RETRIEVE, 3);
    world_request(w, MEF_PROC_REGISTER, 4);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpint(world_finished(w, 3), ==, 0);
    g_assert_cmpint(world_finished(w, 4), ==, 0);
    world_assert_story(
        w,
        "U /-/mecr-7f3a21 {\"sec:mecr\":{\"et\":\"20270101T000000\",\"lbl\":[\"gateway\",\"site:42\"]}}" GET
        "\nR /-/mecr-7f3a21" GET "\nR /-/mecr-7f3a21" GET);
    world_free(w);
}

/* Each lets one member of the answer be wrong. */
static void test_checks(void)
{
    static const struct {
        const char *body, *word;
    } bad[] = {
        {"{\"sec:mecr\":{\"ri\":\"mecr-1\",\"et\":\"20200101T000000\",\"cr\":\"//m2m.example.com/"
         "gw42\",\"adfq\":\"admin.example.org\"}}",
         "expirationTime"},
        {"{\"sec:mecr\":{\"ri\":\"mecr-1\",\"cr\":\"//m2m.example.com/"
         "gw42\",\"adfq\":\"admin.example.org\"}}",
         "expirationTime"},
        {"{\"sec:mecr\":{\"ri\":\"mecr-1\",\"et\":\"20270101T000000\",\"cr\":\"//m2m.example.com/"
         "other\",\"adfq\":\"admin.example.org\"}}",
         "other"},
        {"{\"sec:mecr\":{\"ri\":\"mecr-1\",\"et\":\"20270101T000000\",\"cr\":\"//m2m.example.com/"
         "gw42\",\"adfq\":\"b.example.org\"}}",
         "adminFQDN"},
        {"{\"sec:mecr\":{\"ri\":\"../1\",\"et\":\"20270101T000000\",\"cr\":\"//m2m.example.com/"
         "gw42\",\"adfq\":\"admin.example.org\"}}",
         "resourceID"},
        {"{\"sec:mecr\":{\"ri\":\"mecr-1\",\"et\":\"soon\",\"cr\":\"//m2m.example.com/"
         "gw42\",\"adfq\":\"admin.example.org\"}}",
         "timestamp"},
        {"{\"sec:mecr\":{\"ri\":\"mecr-1\",\"ri\":\"mecr-2\"}}", "JSON"},
        {"not json", "JSON"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct world *w = world_new();
        w->hook = NULL;
        world_start(w);
        g_free(w->create_rqi);
        /* The MEF "repeats" an answer of our making. */
        w->create_rqi = g_strdup("5f1c09ae-00000001");
        w->create_answer = g_strdup(bad[i].body);
        world_request(w, MEF_PROC_REGISTER, 1);
        g_assert_cmpint(world_finished(w, 1), ==, MEF_ERROR_SERVER_REJECTED);
        g_assert_cmpint(w->state, ==, REG_FAILED);
        g_assert_nonnull(strstr(w->last_error, bad[i].word));
        /* What was made is taken back, where its ID can be read. */
        g_assert_cmpuint(w->log->len, ==, i < 4 ? 2 : 1);
        if (i < 4)
            g_assert_cmpint(world_seen(w, 1)->op, ==, MEF_OP_DELETE);
        world_free(w);
    }
}

static void test_create_refused(void)
{
    static const struct {
        uint32_t rsc;
        bool retries;
    } cases[] = {{4000, false}, {4102, false}, {4005, false}, {5001, false},
                 {4103, true},  {4106, true},  {4107, true}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world *w = world_new();
        w->hook = world_refuse_create_hook;
        w->hook_ctx = GUINT_TO_POINTER(cases[i].rsc);
        world_start(w);
        world_request(w, MEF_PROC_REGISTER, 1);
        g_assert_cmpint(world_finished(w, 1), ==, MEF_ERROR_SERVER_REJECTED);
        g_assert_cmpint(w->state, ==, REG_FAILED);
        g_assert_nonnull(strstr(w->last_error, "no such stakeholder"));
        g_assert_nonnull(world_attention(w, "registration-failed"));
        g_assert_cmpuint(w->log->len, ==, 1);
        world_advance(w, 14 * 60);
        g_assert_cmpuint(w->log->len, ==, 1);
        world_advance(w, 5 * 60);
        g_assert_cmpuint(w->log->len, ==, cases[i].retries ? 2 : 1);
        /* A person asks, and the MEF has come to reason. */
        w->hook = NULL;
        world_request(w, MEF_PROC_REGISTER, 2);
        g_assert_cmpint(world_finished(w, 2), ==, 0);
        g_assert_null(world_attention(w, "registration-failed"));
        world_free(w);
    }
}

/* 2.3: one retry in another form. */
static int adapt_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    uint32_t rsc = GPOINTER_TO_UINT(w->hook_ctx);

    if ((rsc == 4001 && req->rvi) || (rsc == 5207 && !req->no_accept) || (rsc == 4015 && !req->plain_json)) {
        world_answer(req, ret, rsc, NULL);
        return 0;
    }
    return -1;
}

static void test_adapt(void)
{
    static const uint32_t cases[] = {4001, 5207, 4015};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world *w = world_new();
        w->hook = adapt_hook;
        w->hook_ctx = GUINT_TO_POINTER(cases[i]);
        world_start(w);
        world_request(w, MEF_PROC_REGISTER, 1);
        g_assert_cmpint(world_finished(w, 1), ==, 0);
        g_assert_cmpuint(w->log->len, ==, 3);
        g_assert_cmpstr(world_seen(w, 0)->rqi, !=, world_seen(w, 1)->rqi);
        world_free(w);
        /* A MEF that goes on refusing is asked no third time. */
        w = world_new();
        w->hook = world_refuse_create_hook;
        w->hook_ctx = GUINT_TO_POINTER(cases[i]);
        world_start(w);
        world_request(w, MEF_PROC_REGISTER, 1);
        g_assert_cmpint(world_finished(w, 1), ==, MEF_ERROR_SERVER_REJECTED);
        g_assert_cmpuint(w->log->len, ==, 2);
        world_free(w);
    }
}

/* 4117: the answer was lost; the same rqi brings it again. */
static int lose_first_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    if (req->op != MEF_OP_CREATE || w->log->len > 1)
        return -1;
    w->hook = NULL;
    w->registered = true;
    w->registrations = 1;
    w->create_rqi = g_strdup(req->rqi);
    w->create_answer =
        g_strdup("{\"sec:mecr\":{\"ri\":\"" WORLD_REG "\",\"et\":\"20261201T000000\",\"cr\":\"" WORLD_ID
                 "\",\"adfq\":\"" WORLD_ADMIN "\"}}");
    (void)ret;
    return TRANSPORT_TIMEOUT;
}

static void test_lost_answer(void)
{
    struct world *w = world_new();

    w->hook = lose_first_hook;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpint(world_finished(w, 1), ==, -1);
    g_assert_cmpint(w->state, ==, REG_REGISTERING);
    g_assert_nonnull(world_attention(w, "mef-unreachable"));
    g_assert_cmpint(w->waiting_until, >, w->real);
    world_advance(w, 7);
    g_assert_cmpint(world_finished(w, 1), ==, 0);
    g_assert_null(world_attention(w, "mef-unreachable"));
    g_assert_cmpstr(world_seen(w, 0)->rqi, ==, world_seen(w, 1)->rqi);
    g_assert_cmpstr(world_seen(w, 0)->body, ==, world_seen(w, 1)->body);
    g_assert_cmpuint(w->registrations, ==, 1);
    world_free(w);
}

static int already_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    if (req->op != MEF_OP_CREATE)
        return -1;
    world_answer(req, ret, RSC_ORIGINATOR_HAS_ALREADY_REGISTERED, NULL);
    if (w->hook_ctx)
        ret->content_location = g_strdup(w->hook_ctx);
    return 0;
}

static void test_already(void)
{
    static const struct {
        const char *location;
        int result;
    } cases[] = {{"/_/mef.example.com/-/mecr-7f3a21", 0},
                 {"https://mef.example.com:8443/_/mef.example.com/-/mecr-7f3a21", 0},
                 {"//evil.example.com/-/mecr-7f3a21", MEF_ERROR_SERVER_REJECTED},
                 {NULL, MEF_ERROR_SERVER_REJECTED}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world *w = world_new();
        w->registered = true;
        w->hook = already_hook;
        w->hook_ctx = (void *)cases[i].location;
        world_start(w);
        world_request(w, MEF_PROC_REGISTER, 1);
        g_assert_cmpint(world_finished(w, 1), ==, cases[i].result);
        /* The same rqi is tried first. */
        g_assert_cmpstr(world_seen(w, 0)->rqi, ==, world_seen(w, 1)->rqi);
        g_assert_cmpint(w->state, ==, cases[i].result ? REG_FAILED : REG_REGISTERED);
        world_free(w);
    }
}

/* A pre-provisioned certificate (SUID 40): found by its fingerprint, with the configured anchors. */
static void test_certificate(void)
{
    struct world *w = world_new();
    g_autoptr(GBytes) cert = world_certificate("factory");
    char hex[41];

    for (size_t i = 0; i < 32; i++)
        w->config.cert_sha256[i] = (uint8_t)(i + 1);
    w->config.cert_prefix_len = 32;
    w->config.credential = CREDENTIAL_CERT;
    hex_encode(w->config.cert_sha256, 20, hex);
    gsize n;
    const void *data = g_bytes_get_data(cert, &n);
    g_assert_cmpint(der_list_add(&w->config.anchors, data, n), ==, 0);
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpint(world_finished(w, 1), ==, MEF_ERROR_NOT_FOUND); /* not in the token */
    g_assert_cmpuint(w->log->len, ==, 0);
    g_hash_table_insert(w->pairs, g_strdup(hex), g_bytes_ref(cert));
    world_request(w, MEF_PROC_REGISTER, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_true(g_str_has_prefix(world_seen(w, 0)->credential, "cert:"));
    g_assert_cmpuint(w->anchors, ==, 1);
    g_assert_cmpuint(strlen(w->credential), ==, 64);
    g_assert_false(w->reg.has_cert);
    world_free(w);
}

static void test_expiry(void)
{
    struct world *w = world_new();

    w->config.expires = 0;
    w->et = "20260302T080000"; /* a day */
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_ptr_array_set_size(w->log, 0);
    /* Renewal when 20 % are left. */
    world_advance(w, 19 * 3600);
    g_assert_cmpuint(w->log->len, ==, 0);
    w->et = "20260310T080000";
    world_advance(w, 720);
    g_assert_cmpuint(w->log->len, ==, 2);
    g_assert_cmpint(world_seen(w, 0)->op, ==, MEF_OP_UPDATE);
    g_assert_true(g_str_has_suffix(world_seen(w, 0)->to, "/-/mecr-7f3a21"));
    g_assert_cmpint(world_seen(w, 1)->op, ==, MEF_OP_RETRIEVE);
    world_free(w);
}

/* A MEF that grants nothing more: asked again, never in a rush, and registered anew at the end. */
static void test_no_extension(void)
{
    struct world *w = world_new();

    w->config.expires = 0;
    w->et = "20260301T090000";
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_ptr_array_set_size(w->log, 0);
    world_advance(w, 3599);
    g_assert_cmpuint(w->log->len, >=, 4);
    g_assert_cmpuint(w->log->len, <=, 20);
    w->registered = false;
    w->et = "20261201T000000";
    world_advance(w, 60);
    g_assert_cmpuint(w->registrations, ==, 2);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    world_free(w);
}

/* Unreachable until after the expiry: then nothing goes under the old registration. */
static void test_expired(void)
{
    struct world *w = world_new();
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = DEV_CFG}};

    w->et = "20260301T090000";
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    w->open_result = TRANSPORT_UNREACHABLE;
    world_commands(w, commands, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, -1);
    world_advance(w, 3601);
    g_ptr_array_set_size(w->log, 0);
    w->open_result = 0;
    w->registered = false;
    w->et = "20261201T000000";
    world_advance(w, 1000);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_assert_cmpint(world_seen(w, 0)->op, ==, MEF_OP_CREATE);
    for (guint i = 1; i < w->log->len; i++)
        g_assert_true(g_str_has_suffix(world_seen(w, i)->to, "/-/mecr-2/cmd"));
    world_free(w);
}

static void test_node_expired(void)
{
    struct world *w = world_new();

    w->et = "20270601T000000";
    g_assert_cmpint(timestamp_parse("20260302T080000", &w->config.expires), ==, 0);
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_ptr_array_set_size(w->log, 0);
    world_advance(w, 5 * DAY);
    g_assert_cmpint(w->state, ==, REG_EXPIRED);
    g_assert_nonnull(world_attention(w, "configuration-expired"));
    g_assert_cmpuint(w->log->len, ==, 0);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, MEF_ERROR_NOT_REGISTERED);
    world_request(w, MEF_PROC_REGISTER, 3);
    g_assert_cmpint(world_finished(w, 3), ==, MEF_ERROR_NOT_REGISTERED);
    g_assert_cmpuint(w->log->len, ==, 0);
    /* A later date in the node: the registration itself still lives. */
    struct mef_reg_config later;
    g_assert_cmpint(mef_reg_config_copy(&w->config, &later), ==, 0);
    g_assert_cmpint(timestamp_parse("20270101T000000", &later.expires), ==, 0);
    g_assert_cmpint(mef_client_set_config(w->client, &later), ==, 0);
    mef_reg_config_clear(&later);
    world_idle(w);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_assert_null(world_attention(w, "configuration-expired"));
    world_free(w);
}

static void test_update_of_node(void)
{
    struct world *w = world_registered();
    struct mef_reg_config c;

    g_assert_cmpint(mef_reg_config_copy(&w->config, &c), ==, 0);
    strv_free(c.labels);
    c.labels = NULL;
    g_assert_cmpint(strv_push(&c.labels, "new"), ==, 0);
    g_assert_cmpint(mef_client_set_config(w->client, &c), ==, 0);
    mef_reg_config_clear(&c);
    world_idle(w);
    g_assert_cmpuint(w->log->len, ==, 0);
    world_request(w, MEF_PROC_UPDATE, 2);
    g_assert_nonnull(strstr(world_seen(w, 0)->body, "\"lbl\":[\"new\"]"));
    world_free(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/exchange/EE-01/EE-13/EE-16/EE-17/MC-04/MC-09/section-6", test_example);
    g_test_add_func("/mef/registration/nothing-before-register", test_nothing_before_register);
    g_test_add_func("/mef/registration/EE-17/child-resource", test_child_resource);
    g_test_add_func("/mef/registration/EE-13/retrieve-follows", test_follow_up);
    g_test_add_func("/mef/registration/EE-03/checks", test_checks);
    g_test_add_func("/mef/registration/refused", test_create_refused);
    g_test_add_func("/mef/registration/one-retry-in-another-form", test_adapt);
    g_test_add_func("/mef/registration/lost-answer", test_lost_answer);
    g_test_add_func("/mef/registration/already-registered", test_already);
    g_test_add_func("/mef/registration/certificate", test_certificate);
    g_test_add_func("/mef/registration/EE-13/renewal", test_expiry);
    g_test_add_func("/mef/registration/no-extension", test_no_extension);
    g_test_add_func("/mef/registration/MC-01/expired", test_expired);
    g_test_add_func("/mef/registration/MC-01/node-expired", test_node_expired);
    g_test_add_func("/mef/registration/node-updated", test_update_of_node);
    return g_test_run();
}
