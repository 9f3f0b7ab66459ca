/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef: the client of one registration against a MEF that behaves, and against ones that do not. */
#include <errno.h>

#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "tests/unit/mef-world.h"

#define DAY (24u * 3600)
#define CH  "[{\"nm\":\"cmd\",\"typ\":6,\"val\":\"-/mecr-7f3a21/cmd\"}]"
#define CERT_PROV                                                                                            \
    "{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://mef.example.com:8443/.well-known/"          \
    "est\",\"csty\":2,"                                                                                      \
    "\"csbi\":\"//m2m.example.com/gw42\"}}}"
#define DEV_CFG "{\"ccid\":2,\"cmda\":{\"dcca\":{\"dcu\":\"3:coaps://mef.example.com:5684\"}}}"
#define MO_NODE "{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"/27022/0\",\"obt\":1,\"obsa\":{\"suid\":21}}}}"
#define CREATE                                                                                               \
    "C /- "                                                                                                  \
    "{\"sec:mecr\":{\"et\":\"20270101T000000\",\"lbl\":[\"gateway\",\"site:42\"],\"adfq\":\"admin.example."  \
    "org\"}}"
#define GET           "\nR /-/mecr-7f3a21/cmd"
#define PUT(cid, csc) "\nU /-/mecr-7f3a21/cmd {\"sec:mecc\":{\"cid\":" cid ",\"csc\":" #csc "}}"

static void assert_story(struct world *w, const char *expected)
{
    g_autofree char *story = world_story(w);
    g_assert_cmpstr(story, ==, expected);
}

/* A registered world at rest; the story begins after it. */
static struct world *registered(void)
{
    struct world *w = world_new();

    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpint(world_finished(w, 1), ==, 0);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_ptr_array_set_size(w->log, 0);
    return w;
}

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
    assert_story(w, CREATE GET PUT("\"c-0001\"", 20) PUT("\"c-0002\"", 41) PUT("\"c-0003\"", 41) GET
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
    assert_story(w, CREATE GET);
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
    struct world *w = registered();

    world_request(w, MEF_PROC_UPDATE, 2);
    world_request(w, MEF_PROC_RETRIEVE, 3);
    world_request(w, MEF_PROC_REGISTER, 4);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpint(world_finished(w, 3), ==, 0);
    g_assert_cmpint(world_finished(w, 4), ==, 0);
    assert_story(
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
        g_assert_cmpint(world_finished(w, 1), ==,
                        i >= 6 ? MEF_ERROR_INVALID_ARGUMENTS : MEF_ERROR_SERVER_REJECTED);
        g_assert_cmpint(w->state, ==, REG_FAILED);
        g_assert_nonnull(strstr(w->last_error, bad[i].word));
        /* What was made is taken back, where its ID can be read. */
        g_assert_cmpuint(w->log->len, ==, i < 4 ? 2 : 1);
        if (i < 4)
            g_assert_cmpint(world_seen(w, 1)->op, ==, MEF_OP_DELETE);
        world_free(w);
    }
}

static int refuse_create_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    uint32_t rsc = GPOINTER_TO_UINT(w->hook_ctx);

    if (req->op != MEF_OP_CREATE)
        return -1;
    world_answer(req, ret, rsc, "{\"m2m:dbg\":\"no such stakeholder\"}");
    return 0;
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
        w->hook = refuse_create_hook;
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
        w->hook = refuse_create_hook;
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
    struct world *w = registered();
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

/* ---- commands ---------------------------------------------------------------------------------------- */

static void test_loop(void)
{
    static const struct mef_command commands[] = {
        {.cid = "\"c-1\"", .cdsc = DEV_CFG},
        {.cid = "17", .cdsc = MO_NODE},
        {.cid = "\"c-3\"", .cdsc = "{\"ccid\":9,\"cmda\":{}}"},
        {.cid = "\"c-4\"", .cdsc = "{\"ccid\":1}"},
        {.cid = "\"c-5\"",
         .cdsc = "{\"ccid\":\"1\",\"cmda\":{\"cpca\":{\"cpp\":2,\"uri\":\"https://mef.example.com/"
                 "\",\"csty\":2,\"csbi\":\"//m2m.example.com/gw42\"}}}"},
        {.cid = "\"c-6\"",
         .cdsc = "{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://est.mef.example.com/"
                 "\",\"csty\":2,\"csbi\":\"//m2m.example.com/gw42\"}}}"},
        {.cid = "\"c-7\"",
         .cdsc = "{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://mef.example.com/"
                 "\",\"csty\":3,\"csbi\":\"//m2m.example.com/gw42\"}}}"},
        {.cid = "\"c-8\"",
         .cdsc = "{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://mef.example.com/"
                 "\",\"csty\":2,\"csbi\":\"//m2m.example.com/gw43/C1\"}}}"},
        {.cid = "\"c-9\"",
         .cdsc =
             "{\"ccid\":1,\"tgid\":\"//other.example.com/x\",\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://"
             "mef.example.com/\",\"csty\":2,\"csbi\":\"//m2m.example.com/gw42\"}}}"},
        {.cid = "\"c-10\"",
         .cdsc = "{\"ccid\":1,\"cmda\":{\"nmca\":{\"rtd\":\"PT1H\"},\"cpca\":{\"cpp\":1,\"uri\":\"https://"
                 "mef.example.com/\",\"csty\":2,\"csbi\":\"//m2m.example.com/gw42\"}}}"},
    };
    static const uint32_t expected[] = {41, 41, 41, 42, 43, 43, 43, 43, 43, 42};
    struct world *w = registered();

    world_commands(w, commands, G_N_ELEMENTS(commands));
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_assert_cmpuint(w->commands[i].reported, ==, expected[i]);
        g_assert_cmpuint(w->commands[i].reports, ==, 1);
    }
    g_assert_cmpuint(w->enrolments, ==, 0);
    /* One retrieve, then only updates: no retrieve between a command and its report. */
    g_assert_cmpuint(w->log->len, ==, 1 + G_N_ELEMENTS(commands));
    for (guint i = 0; i < w->log->len; i++)
        g_assert_cmpint(world_seen(w, i)->op, ==, i ? MEF_OP_UPDATE : MEF_OP_RETRIEVE);
    g_assert_cmpint(w->next_poll, ==, w->real + (int64_t)DAY * 1000000);
    world_free(w);
}

static void test_cert_prov(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-0001\"", .cdsc = CERT_PROV}};
    static const struct {
        int est;
        uint32_t csc;
    } cases[] = {{20, 20}, {100, 100}, {101, 101}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world *w = registered();
        w->est_result = cases[i].est;
        world_commands(w, commands, 1);
        world_request(w, MEF_PROC_POLL, 2);
        g_assert_cmpuint(w->commands[0].reported, ==, cases[i].csc);
        g_assert_cmpuint(w->enrolments, ==, 1);
        g_assert_cmpuint(g_hash_table_size(w->pairs), ==, cases[i].csc == 20);
        g_assert_true(w->reg.has_cert == (cases[i].csc == 20));
        g_assert_true(g_str_has_prefix(world_seen(w, 1)->credential, "cert:") == (cases[i].csc == 20));
        if (cases[i].csc != 20)
            g_assert_nonnull(strstr(world_command(w, "\"c-0001\"")->detail, "scripted"));
        world_free(w);
    }
}

static void test_no_public_domain(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-0001\"", .cdsc = CERT_PROV}};
    struct world *w = registered();

    w->identity.cse_public_domain = NULL;
    world_commands(w, commands, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpuint(w->commands[0].reported, ==, 101);
    g_assert_nonnull(strstr(world_command(w, "\"c-0001\"")->detail, "cse-public-domain"));
    g_assert_cmpuint(w->enrolments, ==, 0);
    world_free(w);
}

static int refuse_cert_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    if (!g_str_has_prefix(req->credential, "cert:"))
        return -1;
    world_answer(req, ret, GPOINTER_TO_UINT(w->hook_ctx), NULL);
    return 0;
}

/* 3.6.2: alert, 4103, 4106, 4107 refuse the certificate; the report is 100 over the former credential. */
static void test_cert_refused(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-0001\"", .cdsc = CERT_PROV}};
    static const uint32_t cases[] = {0, 4103, 4106, 4107};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world *w = registered();
        if (cases[i]) {
            w->hook = refuse_cert_hook;
            w->hook_ctx = GUINT_TO_POINTER(cases[i]);
        } else
            w->refuse_certificates = true;
        world_commands(w, commands, 1);
        world_request(w, MEF_PROC_POLL, 2);
        g_assert_cmpint(world_finished(w, 2), ==, 0);
        g_assert_cmpuint(w->commands[0].reported, ==, 100);
        g_assert_cmpuint(w->commands[0].reports, ==, 1);
        g_assert_cmpstr(world_seen(w, w->log->len - 1)->credential, ==, WORLD_KPM);
        g_assert_cmpuint(g_hash_table_size(w->pairs), ==, 0);
        g_assert_false(w->reg.has_cert);
        g_assert_nonnull(world_attention(w, "certificate-refused"));
        world_free(w);
    }
}

static int busy_cert_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    unsigned left = GPOINTER_TO_UINT(w->hook_ctx);

    if (!g_str_has_prefix(req->credential, "cert:") || left == 0)
        return -1;
    w->hook_ctx = GUINT_TO_POINTER(left - 1);
    if (left == 1)
        return TRANSPORT_TIMEOUT;
    world_answer(req, ret, 5000, NULL);
    return 0;
}

/* A time-out or a 5xxx is no refusal. */
static void test_cert_retry(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-0001\"", .cdsc = CERT_PROV}};
    struct world *w = registered();

    w->hook = busy_cert_hook;
    w->hook_ctx = GUINT_TO_POINTER(2);
    world_commands(w, commands, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, -1);
    g_assert_nonnull(world_attention(w, "report-pending"));
    world_advance(w, 60);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpuint(w->commands[0].reported, ==, 20);
    g_assert_cmpuint(w->commands[0].reports, ==, 1);
    g_assert_cmpuint(w->enrolments, ==, 1);
    g_assert_null(world_attention(w, "report-pending"));
    world_free(w);
}

/* Later on the MEF refuses the certificate in use: the Kpm stands in, and somebody is told. */
static void test_stand_in(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-0001\"", .cdsc = CERT_PROV}};
    struct world *w = registered();

    world_commands(w, commands, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_true(w->reg.has_cert);
    w->refuse_certificates = true;
    world_request(w, MEF_PROC_POLL, 3);
    g_assert_cmpint(world_finished(w, 3), ==, 0);
    g_assert_cmpstr(world_seen(w, w->log->len - 1)->credential, ==, WORLD_KPM);
    g_assert_nonnull(world_attention(w, "certificate-refused"));
    g_assert_true(w->reg.has_cert);
    w->refuse_certificates = false;
    world_request(w, MEF_PROC_POLL, 4);
    g_assert_true(g_str_has_prefix(world_seen(w, w->log->len - 1)->credential, "cert:"));
    g_assert_null(world_attention(w, "certificate-refused"));
    /* The second enrolment renews with the first certificate. */
    static const struct mef_command more[] = {{.cid = "\"c-0002\"", .cdsc = CERT_PROV}};
    world_commands(w, more, 1);
    world_request(w, MEF_PROC_POLL, 5);
    g_assert_cmpuint(w->commands[0].reported, ==, 20);
    g_assert_true(g_str_has_prefix(w->est_renew, "cert:"));
    g_assert_cmpstr(w->est_with, ==, w->est_renew);
    g_assert_cmpstr(world_seen(w, w->log->len - 1)->credential, !=, w->est_with);
    world_free(w);
}

/* ---- repeats ----------------------------------------------------------------------------------------- */

/* A MEF that answers every retrieve and update with the same text. */
static int same_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    if (!g_str_has_suffix(req->to, "/cmd"))
        return -1;
    world_answer(req, ret, req->op == MEF_OP_RETRIEVE ? 2000 : 2004, w->hook_ctx);
    return 0;
}

#define ANSWER(cid, cdsc, csc) "{\"sec:mecc\":{\"cid\":" cid ",\"cdsc\":" cdsc ",\"csc\":" #csc "}}"

static void test_repeated(void)
{
    struct world *w = registered();

    w->hook = same_hook;
    w->hook_ctx = (void *)ANSWER("\"c-1\"", CERT_PROV, 10);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpuint(w->enrolments, ==, 1);
    /* Executed, then two repeats answered at once, then quiet. */
    assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 20) PUT("\"c-1\"", 40) PUT("\"c-1\"", 40));
    world_advance(w, DAY - 60);
    g_assert_cmpuint(w->log->len, ==, 4);
    world_advance(w, 120);
    /* What came last is answered before anything is retrieved. */
    assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 20) PUT("\"c-1\"", 40) PUT("\"c-1\"", 40)
                        PUT("\"c-1\"", 40));
    g_assert_cmpuint(w->enrolments, ==, 1);
    world_free(w);
}

static void test_reissued(void)
{
    struct world *w = registered();

    w->hook = same_hook;
    /* Never seen: performed, although REISSUED. */
    w->hook_ctx = (void *)ANSWER("\"c-1\"", CERT_PROV, 11);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpuint(w->enrolments, ==, 1);
    assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 20) PUT("\"c-1\"", 20) PUT("\"c-1\"", 20));
    world_free(w);

    /* A repeat in between does not hide the status. */
    w = registered();
    w->hook = same_hook;
    w->hook_ctx = (void *)ANSWER("\"c-1\"", DEV_CFG, 10);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(w->log->len, ==, 4);
    w->hook_ctx = (void *)ANSWER("\"c-1\"", DEV_CFG, 11);
    world_request(w, MEF_PROC_POLL, 3); /* answers the held one */
    world_request(w, MEF_PROC_POLL, 4);
    const struct seen *last = world_seen(w, w->log->len - 1);
    g_assert_nonnull(strstr(last->body, "\"csc\":41"));
    world_free(w);

    /* REISSUED with the ID of the last update, and a journal that lost it. */
    w = registered();
    w->hook = same_hook;
    w->hook_ctx = (void *)ANSWER("\"c-1\"", CERT_PROV, 10);
    world_request(w, MEF_PROC_POLL, 2);
    g_ptr_array_set_size(w->cmds, 0);
    g_ptr_array_set_size(w->log, 0);
    world_stop(w);
    w->hook_ctx = (void *)ANSWER("\"c-1\"", CERT_PROV, 11);
    w->reg.next_poll = 0;
    w->reg.repeats = 0;
    world_start(w);
    g_assert_cmpuint(w->enrolments, ==, 1);
    g_assert_nonnull(strstr(world_seen(w, 1)->body, "\"csc\":40"));
    world_free(w);
}

static void test_no_more_arguments(void)
{
    struct world *w = registered();

    w->hook = same_hook;
    w->hook_ctx = (void *)ANSWER("\"n-1\"", "{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"a while\"}}}", 10);
    world_request(w, MEF_PROC_POLL, 2);
    assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"n-1\"", 42) PUT("\"n-1\"", 40) PUT("\"n-1\"", 40));
    world_free(w);

    w = registered(); /* REISSUED: 42 goes out once, then default-retry */
    w->hook = same_hook;
    w->hook_ctx = (void *)ANSWER("\"n-1\"", "{\"ccid\":0}", 11);
    world_request(w, MEF_PROC_POLL, 2);
    assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"n-1\"", 42));
    g_assert_cmpint(w->next_poll, ==, w->real + (int64_t)DAY * 1000000);
    world_free(w);
}

static void test_no_more(void)
{
    static const struct {
        const char *rtd;
        uint64_t seconds;
    } cases[] = {{"PT1H", 3600}, {"PT0S", 5},       {"-P1D", 5},
                 {"PT1S", 5},    {"P1M", 31 * DAY}, {"P50Y", 366 * DAY}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world *w = world_new();
        g_autofree char *body = g_strdup_printf(
            "{\"m2m:mefClientCmd\":{\"cmdID\":\"n\",\"cmdDescription\":{\"cmdClassID\":0,\"targetID\":\"//"
            "nobody.example.com/x\","
            "\"cmdArgs\":{\"noModeCmdArgs\":{\"retryDuration\":\"%s\"}}},\"cmdStatusCode\":\"10\"}}",
            cases[i].rtd);
        w->config.expires = 0;
        w->et = "20400101T000000";
        world_start(w);
        world_request(w, MEF_PROC_REGISTER, 1);
        g_ptr_array_set_size(w->log, 0);
        w->hook = same_hook;
        w->hook_ctx = body;
        world_request(w, MEF_PROC_POLL, 2);
        g_assert_cmpuint(w->log->len, ==, 1); /* no update */
        g_assert_cmpint(w->next_poll, ==, w->real + (int64_t)(cases[i].seconds * 1000000));
        /* The timer survives a restart, and then fires once. */
        world_power_cycle(w);
        g_assert_cmpuint(w->log->len, ==, 1);
        if (cases[i].seconds > 5) {
            world_advance(w, cases[i].seconds - 2);
            g_assert_cmpuint(w->log->len, ==, 1);
            world_advance(w, 3);
            g_assert_cmpuint(w->log->len, ==, 2);
        }
        world_free(w);
    }
}

/* EE-15: a command retrieve that succeeds replaces the timer; one that fails leaves it. */
static void test_timer_cancelled(void)
{
    struct world *w = registered();
    int64_t first = w->next_poll;

    world_advance(w, 3600);
    w->open_result = TRANSPORT_UNREACHABLE;
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(w->reg.next_poll, ==, first);
    g_assert_cmpint(mef_client_cancel(w->client, 2), ==, 0);
    world_idle(w);
    g_assert_cmpint(world_finished(w, 2), ==, MEF_ERROR_CANCELLED);
    w->open_result = 0;
    world_request(w, MEF_PROC_POLL, 3);
    g_assert_cmpint(w->next_poll, ==, first + INT64_C(3600000000));
    g_ptr_array_set_size(w->log, 0);
    world_advance(w, 24 * 3600 - 3600 + 10);
    g_assert_cmpuint(w->log->len, ==, 0); /* the first one is gone */
    world_free(w);
}

static void test_two_registrations(void)
{
    /* Each has its journal; the same cmdID in both is executed in both. */
    for (int i = 0; i < 2; i++) {
        static const struct mef_command commands[] = {{.cid = "\"c-0001\"", .cdsc = CERT_PROV}};
        struct world *w = registered();
        world_commands(w, commands, 1);
        world_request(w, MEF_PROC_POLL, 2);
        g_assert_cmpuint(w->commands[0].reported, ==, 20);
        /* The same node registers anew: its cmdIDs begin again. */
        world_request(w, MEF_PROC_DEREGISTER, 3);
        world_request(w, MEF_PROC_REGISTER, 4);
        world_commands(w, commands, 1);
        world_request(w, MEF_PROC_POLL, 5);
        g_assert_cmpuint(w->commands[0].reported, ==, 20);
        g_assert_cmpuint(w->enrolments, ==, 2);
        world_free(w);
    }
}

/* ---- what cannot be parsed --------------------------------------------------------------------------- */

static void test_unparsable(void)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"sec:mecr\":{}}",
        "{\"sec:mecc\":{}}",
        "{\"sec:mecc\":{\"cdsc\":{\"ccid\":0},\"csc\":10}}",
        "{\"sec:mecc\":{\"cid\":\"c-1\",\"csc\":10}}",
        "{\"sec:mecc\":{\"cid\":\"c-1\",\"cdsc\":{\"cmda\":{}},\"csc\":10}}",
        "{\"sec:mecc\":{\"cid\":\"c-1\",\"cdsc\":{\"ccid\":\"one\"},\"csc\":10}}",
        "{\"sec:mecc\":{\"cid\":\"c-1\",\"cdsc\":{\"ccid\":1}}}",
        ANSWER("\"c-1\"", CERT_PROV, 20),
        ANSWER("\"c-1\"", CERT_PROV, 0),
        "{\"sec:mecc\":{\"cid\":\"c-1\",\"cid\":\"c-1\",\"cdsc\":{\"ccid\":1},\"csc\":10}}",
        "{\"sec:mecc\":{\"cid\":\"c-1\",\"cmdID\":\"c-1\",\"cdsc\":{\"ccid\":1},\"csc\":10}}",
        "{\"sec:mecc\":{\"cid\":\"\",\"cdsc\":{\"ccid\":1},\"csc\":10}}",
        "{\"sec:mecc\":{\"cid\":null,\"cdsc\":{\"ccid\":1},\"csc\":10}}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct world *w = registered();
        w->hook = same_hook;
        w->hook_ctx = (void *)bad[i];
        world_request(w, MEF_PROC_POLL, 2);
        g_assert_cmpint(world_finished(w, 2), ==, MEF_ERROR_SERVER_REJECTED);
        /* One more retrieve at once, then a day of silence; never an update. */
        assert_story(w, "R /-/mecr-7f3a21/cmd" GET);
        g_assert_cmpuint(w->cmds->len, ==, 0);
        world_advance(w, DAY - 60);
        g_assert_cmpuint(w->log->len, ==, 2);
        world_advance(w, 120);
        g_assert_cmpuint(w->log->len, ==, 4);
        world_free(w);
    }
}

static int bad_after_update_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    (void)w;
    if (req->op != MEF_OP_UPDATE || !g_str_has_suffix(req->to, "/cmd"))
        return -1;
    if (w->hook_ctx && ++w->randoms % 2 == 5)
        return -1;
    if (w->hook_ctx)
        return TRANSPORT_TOO_BIG;
    w->next_command++;
    world_answer(req, ret, 2004, "{\"sec:mecc\":{}}");
    return 0;
}

static void test_unparsable_update(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = DEV_CFG},
                                                  {.cid = "\"c-2\"", .cdsc = DEV_CFG}};
    struct world *w = registered();

    w->hook = bad_after_update_hook;
    world_commands(w, commands, 2);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    /* The report counts; the next command is retrieved. */
    assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 41) GET PUT("\"c-2\"", 41) GET);
    world_free(w);
}

static int foreign_rqi_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    if (!g_str_has_suffix(req->to, "/cmd"))
        return -1;
    (void)w;
    world_answer(req, ret, 2000, ANSWER("\"c-1\"", CERT_PROV, 10));
    g_free(ret->rqi);
    ret->rqi = g_strdup("5f1c09ae-00000000");
    return 0;
}

static void test_foreign_rqi(void)
{
    struct world *w = registered();

    w->hook = foreign_rqi_hook;
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpuint(w->enrolments, ==, 0);
    g_assert_cmpuint(w->log->len, ==, 2);
    g_assert_cmpint(world_finished(w, 2), ==, MEF_ERROR_SERVER_REJECTED);
    world_free(w);
}

/* ---- reports that fail ------------------------------------------------------------------------------- */

static int report_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    uint32_t rsc = GPOINTER_TO_UINT(w->hook_ctx);

    if (req->op != MEF_OP_UPDATE || !rsc)
        return -1;
    w->hook_ctx = NULL;
    world_answer(req, ret, rsc, NULL);
    return 0;
}

static void test_report_errors(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = DEV_CFG}};
    static const struct {
        uint32_t rsc;
        const char *story;
    } cases[] = {
        {5000, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 41) PUT("\"c-1\"", 41)},
        {4008, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 41) PUT("\"c-1\"", 41)},
        /* one retrieve, and on from what it returns: REISSUED, the stored status */
        {4000, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 41) GET PUT("\"c-1\"", 41)},
        {4105, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 41) GET PUT("\"c-1\"", 41)},
        /* the registration is looked at; no retrieve follows that look */
        {4004, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 41) "\nR /-/mecr-7f3a21"},
        {4102, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 41)},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world *w = registered();
        world_commands(w, commands, 1);
        w->hook = report_hook;
        w->hook_ctx = GUINT_TO_POINTER(cases[i].rsc);
        world_request(w, MEF_PROC_POLL, 2);
        world_advance(w, 10);
        assert_story(w, cases[i].story);
        g_assert_cmpint(w->state, ==, REG_REGISTERED);
        world_free(w);
    }
}

static void test_registration_gone(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = DEV_CFG}};
    struct world *w = registered();

    /* The MEF forgot everything: look, register again, retrieve. */
    w->registered = false;
    world_commands(w, commands, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    assert_story(w, "R /-/mecr-7f3a21/cmd\nR /-/mecr-7f3a21\n" CREATE "\nR /-/mecr-2/cmd\n"
                    "U /-/mecr-2/cmd {\"sec:mecc\":{\"cid\":\"c-1\",\"csc\":41}}");
    g_assert_cmpuint(w->event_count[EVENT_REGISTRATION_LOST], ==, 1);
    world_free(w);
}

static int forgetful_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    (void)ret;
    if (req->op != MEF_OP_CREATE)
        w->registered = false;
    return -1;
}

static void test_forgetful(void)
{
    struct world *w = world_new();

    w->hook = forgetful_hook;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    /* Bounded, with back-off: no loop. */
    g_assert_cmpuint(w->log->len, <=, 6);
    world_advance(w, 3600);
    g_assert_cmpuint(w->log->len, <=, 100);
    world_free(w);
}

static void test_no_command(void)
{
    struct world *w = registered();

    w->hook = refuse_create_hook; /* anything but a create is served; make the command vanish */
    w->hook = NULL;
    g_strlcpy(w->reg_id, WORLD_REG, sizeof w->reg_id);
    w->ch = NULL;
    world_free(w);
}

/* ---- handshake --------------------------------------------------------------------------------------- */

static void test_handshake(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = DEV_CFG}};
    static const struct {
        int open, word;
    } cases[] = {{TRANSPORT_UNTRUSTED, MEF_ERROR_SERVER_UNREACHABLE},
                 {TRANSPORT_TLS_REFUSED, MEF_ERROR_SERVER_UNREACHABLE},
                 {TRANSPORT_UNREACHABLE, -1},
                 {TRANSPORT_TIMEOUT, -1}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world *w = registered();
        world_commands(w, commands, 1);
        w->open_result = cases[i].open;
        world_request(w, MEF_PROC_POLL, 2);
        world_advance(w, 3600);
        g_assert_cmpuint(w->log->len, ==, 0);
        g_assert_cmpint(world_finished(w, 2), ==, cases[i].word);
        g_assert_cmpuint(w->event_count[EVENT_HANDSHAKE_FAILED], >=, 1);
        w->open_result = 0;
        world_request(w, MEF_PROC_POLL, 3);
        g_assert_cmpuint(w->commands[0].reported, ==, 41);
        world_free(w);
    }
}

static void test_no_credential(void)
{
    struct world *w = world_new();

    w->no_psk = true;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpint(world_finished(w, 1), ==, MEF_ERROR_NOT_FOUND);
    g_assert_cmpuint(w->log->len, ==, 0);
    g_assert_nonnull(strstr(world_attention(w, "registration-failed"), WORLD_KPM));
    world_free(w);

    w = world_new();
    w->vault_error = MEF_ERROR_TOKEN_LOCKED;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpint(world_finished(w, 1), ==, MEF_ERROR_TOKEN_LOCKED);
    w->vault_error = 0;
    world_advance(w, 60);
    g_assert_cmpint(w->state, ==, REG_REGISTERED); /* by itself, once the token is there */
    world_free(w);
}

static void test_backoff(void)
{
    struct world *w = world_new();
    int64_t before;

    w->open_result = TRANSPORT_UNREACHABLE;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    before = w->waiting_until - w->real;
    g_assert_cmpint(before, >=, 4 * 1000000);
    g_assert_cmpint(before, <=, 6 * 1000000);
    world_advance(w, 7);
    g_assert_cmpuint(w->retry_count, ==, 2);
    g_assert_cmpint(w->waiting_until, >, w->real);
    world_advance(w, 4 * 3600);
    g_assert_cmpint(w->waiting_until - w->real, <=, INT64_C(18 * 60 * 1000000));
    g_assert_cmpint(world_finished(w, 1), ==, -1);
    g_assert_nonnull(world_attention(w, "mef-unreachable"));
    /* Somebody asks: the wait is cut short. */
    w->open_result = 0;
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 1), ==, 0);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpuint(w->retry_count, ==, 0);
    world_free(w);
}

/* ---- store ------------------------------------------------------------------------------------------- */

static void test_store_fails(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = CERT_PROV}};
    struct world *w = world_new();

    w->journal_error = ENOSPC;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpuint(w->log->len, ==, 0); /* nothing is sent that is not stored */
    g_assert_nonnull(world_attention(w, "store-failed"));
    w->journal_error = 0;
    world_advance(w, 60);
    g_assert_cmpint(world_finished(w, 1), ==, 0);
    g_assert_null(world_attention(w, "store-failed"));
    world_commands(w, commands, 1);
    w->journal_error = EIO;
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpuint(w->enrolments, ==, 0);
    w->journal_error = 0;
    world_advance(w, 60);
    g_assert_cmpuint(w->commands[0].reported, ==, 20);
    g_assert_cmpuint(w->enrolments, ==, 1);
    world_free(w);
}

/* ---- the end ----------------------------------------------------------------------------------------- */

static void enrol_world(struct world *w)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = CERT_PROV}};

    world_commands(w, commands, 1);
    world_request(w, MEF_PROC_POLL, 90);
    g_assert_true(w->reg.has_cert);
    g_ptr_array_set_size(w->log, 0);
}

static void test_end(void)
{
    struct world *w = registered();

    enrol_world(w);
    world_request(w, MEF_PROC_END, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    assert_story(w, "D /-/mecr-7f3a21");
    g_assert_true(g_str_has_prefix(world_seen(w, 0)->credential, "cert:"));
    g_assert_cmpuint(w->drop_owned, ==, 1);
    g_assert_cmpuint(g_hash_table_size(w->pairs), ==, 0);
    g_assert_cmpuint(w->ended, ==, 1);
    g_assert_false(w->has_reg);
    g_assert_false(w->registered);
    world_free(w);
}

static void test_end_unreachable(void)
{
    struct world *w = registered();

    enrol_world(w);
    w->open_result = TRANSPORT_UNREACHABLE;
    world_request(w, MEF_PROC_END, 2);
    /* The local part is done all the same. */
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpuint(w->drop_owned, ==, 1);
    g_assert_cmpuint(w->ended, ==, 0);
    g_assert_cmpint(w->state, ==, REG_ENDING);
    g_assert_nonnull(world_attention(w, "deregistration-pending"));
    struct mef_error e;
    g_assert_cmpint(mef_client_request(w->client, MEF_PROC_POLL, 3, &e), ==, -EBUSY);
    world_advance(w, 300);
    /* A restart takes it up; the node is gone, the tombstone knows. */
    world_stop(w);
    struct mef_reg_config whole = w->config;
    w->config = (struct mef_reg_config){.node = g_strdup(WORLD_NODE)};
    w->open_result = 0;
    world_start(w);
    g_assert_cmpuint(w->ended, ==, 1);
    assert_story(w, "D /-/mecr-7f3a21");
    g_assert_cmpstr(world_seen(w, 0)->credential, ==, WORLD_KPM); /* what is left: the pre-provisioned one */
    g_assert_null(world_attention(w, "deregistration-pending"));
    g_assert_cmpuint(w->drop_owned, ==, 1);
    mef_reg_config_clear(&whole);
    world_free(w);
}

static void test_end_no_credential(void)
{
    struct world *w = registered();

    w->no_psk = true;
    world_request(w, MEF_PROC_END, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpuint(w->log->len, ==, 0);
    g_assert_cmpuint(w->ended, ==, 1);
    g_assert_nonnull(world_attention(w, "deregistration-pending"));
    world_free(w);
}

static int end_busy_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    (void)w;
    if (req->op != MEF_OP_DELETE)
        return -1;
    if (w->hook_ctx) {
        world_answer(req, ret, RSC_NOT_FOUND, NULL);
        return 0;
    }
    world_answer(req, ret, 5000, NULL);
    return 0;
}

static void test_end_retry(void)
{
    struct world *w = registered();

    w->hook = end_busy_hook;
    world_request(w, MEF_PROC_END, 2);
    g_assert_cmpuint(w->ended, ==, 0);
    world_advance(w, 60);
    g_assert_cmpuint(w->log->len, >=, 3);
    for (guint i = 0; i < w->log->len; i++) /* nothing but the de-registration (EE-04) */
        g_assert_cmpint(world_seen(w, i)->op, ==, MEF_OP_DELETE);
    w->hook_ctx = w; /* 4004: it is gone there */
    world_advance(w, 1000);
    g_assert_cmpuint(w->ended, ==, 1);
    world_free(w);
}

static void test_end_cancels(void)
{
    struct world *w = world_new();

    w->open_result = TRANSPORT_UNREACHABLE;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    world_request(w, MEF_PROC_END, 2);
    g_assert_cmpint(world_finished(w, 1), ==, MEF_ERROR_CANCELLED);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpuint(w->ended, ==, 1); /* never registered: nothing to tell */
    world_free(w);
}

/* A command is under way when the node goes. */
static void test_end_with_command(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = DEV_CFG}};
    struct world *w = registered();

    w->hook = report_hook;
    w->hook_ctx = GUINT_TO_POINTER(5000);
    world_commands(w, commands, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_ptr_array_set_size(w->log, 0);
    world_request(w, MEF_PROC_END, 3);
    g_assert_cmpint(world_finished(w, 2), ==, MEF_ERROR_CANCELLED);
    assert_story(w, "D /-/mecr-7f3a21");
    world_free(w);
}

/* ---- jobs -------------------------------------------------------------------------------------------- */

static void test_jobs(void)
{
    struct world *w = world_new();
    struct mef_error e;

    world_start(w);
    world_request(w, MEF_PROC_POLL, 1);
    g_assert_cmpint(world_finished(w, 1), ==, MEF_ERROR_NOT_REGISTERED);
    world_request(w, MEF_PROC_DEREGISTER, 2);
    g_assert_cmpint(world_finished(w, 2), ==, MEF_ERROR_NOT_REGISTERED);
    g_assert_cmpuint(w->log->len, ==, 0);
    g_assert_cmpint(mef_client_cancel(w->client, 99), ==, -ENOENT);
    w->open_result = TRANSPORT_UNREACHABLE;
    world_request(w, MEF_PROC_REGISTER, 3);
    world_request(w, MEF_PROC_POLL, 7); /* does not hang behind it */
    g_assert_cmpint(world_finished(w, 7), ==, MEF_ERROR_NOT_REGISTERED);
    world_request(w, MEF_PROC_REGISTER, 4);
    g_assert_cmpint(world_finished(w, 3), ==, -1);
    g_assert_cmpint(mef_client_cancel(w->client, 4), ==, 0); /* queued */
    world_idle(w);
    g_assert_cmpint(world_finished(w, 4), ==, MEF_ERROR_CANCELLED);
    g_assert_cmpint(mef_client_cancel(w->client, 3), ==, 0); /* waiting */
    world_idle(w);
    g_assert_cmpint(world_finished(w, 3), ==, MEF_ERROR_CANCELLED);
    w->open_result = 0;
    world_advance(w, DAY);
    g_assert_cmpuint(w->log->len, ==, 0); /* a cancelled registration does not come back by itself */
    world_request(w, MEF_PROC_REGISTER, 5);
    g_assert_cmpint(world_finished(w, 5), ==, 0);
    w->open_result = TRANSPORT_UNREACHABLE;
    world_request(w, MEF_PROC_POLL, 6);
    world_stop(w);
    g_assert_cmpint(world_finished(w, 6), ==, MEF_ERROR_CANCELLED);
    (void)e;
    world_free(w);
}

static void test_transactions(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = CERT_PROV},
                                                  {.cid = "\"c-2\"", .cdsc = DEV_CFG}};
    struct world *w = registered();
    g_autoptr(GHashTable) by_cid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    world_commands(w, commands, 2);
    world_request(w, MEF_PROC_POLL, 2);
    for (guint i = 0; i < w->transactions->len; i++) {
        g_auto(GStrv) f = g_strsplit(w->transactions->pdata[i], " ", 3);
        if (streq(f[2], "-"))
            continue;
        const char *known = g_hash_table_lookup(by_cid, f[2]);
        if (known)
            g_assert_cmpstr(known, ==, f[1]);
        else
            g_hash_table_insert(by_cid, g_strdup(f[2]), g_strdup(f[1]));
    }
    g_assert_cmpuint(g_hash_table_size(by_cid), ==, 2);
    g_assert_cmpstr(g_hash_table_lookup(by_cid, "c-1"), !=, g_hash_table_lookup(by_cid, "c-2"));
    g_assert_cmpuint(w->event_count[EVENT_COMMAND_REPORTED], ==, 2);
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
    g_test_add_func("/mef/registration/EE-13/renewal", test_expiry);
    g_test_add_func("/mef/registration/MC-01/expired", test_expired);
    g_test_add_func("/mef/registration/MC-01/node-expired", test_node_expired);
    g_test_add_func("/mef/registration/node-updated", test_update_of_node);
    g_test_add_func("/mef/command/EE-16/MC-02/MC-08/MC-12/MC-13/MC-16/MC-17/MC-18/MC-19/MC-54/judged",
                    test_loop);
    g_test_add_func("/mef/command/EE-11/MC-20/MC-21/cert-prov", test_cert_prov);
    g_test_add_func("/mef/command/MC-21/no-name-for-the-certificate", test_no_public_domain);
    g_test_add_func("/mef/command/MC-21/certificate-refused", test_cert_refused);
    g_test_add_func("/mef/command/certificate-retry", test_cert_retry);
    g_test_add_func("/mef/command/certificate-stand-in", test_stand_in);
    g_test_add_func("/mef/command/MC-06/MC-53/repeated-id", test_repeated);
    g_test_add_func("/mef/command/MC-07/reissued", test_reissued);
    g_test_add_func("/mef/command/MC-13/MC-54/no-more-commands-bad-arguments", test_no_more_arguments);
    g_test_add_func("/mef/command/EE-14/MC-14/MC-15/no-more-commands", test_no_more);
    g_test_add_func("/mef/command/EE-15/MC-15/timer-cancelled", test_timer_cancelled);
    g_test_add_func("/mef/command/MC-52/two-registrations", test_two_registrations);
    g_test_add_func("/mef/command/MC-05/unparsable", test_unparsable);
    g_test_add_func("/mef/command/MC-05/MC-53/unparsable-update-answer", test_unparsable_update);
    g_test_add_func("/mef/command/MC-05/foreign-request-id", test_foreign_rqi);
    g_test_add_func("/mef/command/report-errors", test_report_errors);
    g_test_add_func("/mef/command/registration-gone", test_registration_gone);
    g_test_add_func("/mef/command/forgetful-mef", test_forgetful);
    g_test_add_func("/mef/command/no-command", test_no_command);
    g_test_add_func("/mef/handshake/EE-22/MC-51/nothing-is-sent", test_handshake);
    g_test_add_func("/mef/handshake/no-credential", test_no_credential);
    g_test_add_func("/mef/retry/back-off", test_backoff);
    g_test_add_func("/mef/store/fails", test_store_fails);
    g_test_add_func("/mef/end/EE-04/EE-05/EE-06/reachable", test_end);
    g_test_add_func("/mef/end/EE-05/EE-06/unreachable", test_end_unreachable);
    g_test_add_func("/mef/end/EE-06/no-credential-left", test_end_no_credential);
    g_test_add_func("/mef/end/EE-04/EE-06/retried", test_end_retry);
    g_test_add_func("/mef/end/EE-04/never-registered", test_end_cancels);
    g_test_add_func("/mef/end/EE-04/command-under-way", test_end_with_command);
    g_test_add_func("/mef/jobs/cancel-and-stop", test_jobs);
    g_test_add_func("/mef/events/transaction-ids", test_transactions);
    return g_test_run();
}
