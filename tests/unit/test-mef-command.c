/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef, the client of one registration: commands, repeats, timers, and what cannot be parsed. */
#include <errno.h>

#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "tests/unit/mef-world.h"

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
    static const uint32_t expected[] = {41, 300, 41, 42, 43, 43, 43, 43, 43, 42};
    struct world *w = world_registered();

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
        struct world *w = world_registered();
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
    struct world *w = world_registered();

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
        struct world *w = world_registered();
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
    struct world *w = world_registered();

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
    struct world *w = world_registered();

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

static void test_repeated(void)
{
    struct world *w = world_registered();

    w->hook = world_same_hook;
    w->hook_ctx = (void *)ANSWER("\"c-1\"", CERT_PROV, 10);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpuint(w->enrolments, ==, 1);
    /* Executed, then two repeats answered at once, then quiet. */
    world_assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 20) PUT("\"c-1\"", 40) PUT("\"c-1\"", 40));
    world_advance(w, DAY - 60);
    g_assert_cmpuint(w->log->len, ==, 4);
    world_advance(w, 120);
    /* What came last is answered before anything is retrieved. */
    world_assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 20) PUT("\"c-1\"", 40) PUT("\"c-1\"", 40)
                              PUT("\"c-1\"", 40));
    g_assert_cmpuint(w->enrolments, ==, 1);
    world_free(w);
}

static void test_reissued(void)
{
    struct world *w = world_registered();

    w->hook = world_same_hook;
    /* Never seen: performed, although REISSUED. */
    w->hook_ctx = (void *)ANSWER("\"c-1\"", CERT_PROV, 11);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpuint(w->enrolments, ==, 1);
    world_assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 20) PUT("\"c-1\"", 20) PUT("\"c-1\"", 20));
    world_free(w);

    /* A repeat in between does not hide the status. */
    w = world_registered();
    w->hook = world_same_hook;
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
    w = world_registered();
    w->hook = world_same_hook;
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
    struct world *w = world_registered();

    w->hook = world_same_hook;
    w->hook_ctx = (void *)ANSWER("\"n-1\"", "{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"a while\"}}}", 10);
    world_request(w, MEF_PROC_POLL, 2);
    world_assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"n-1\"", 42) PUT("\"n-1\"", 40) PUT("\"n-1\"", 40));
    world_free(w);

    w = world_registered(); /* REISSUED: 42 goes out once, then default-retry */
    w->hook = world_same_hook;
    w->hook_ctx = (void *)ANSWER("\"n-1\"", "{\"ccid\":0}", 11);
    world_request(w, MEF_PROC_POLL, 2);
    world_assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"n-1\"", 42));
    g_assert_cmpint(w->next_poll, ==, w->real + (int64_t)DAY * 1000000);
    world_advance(w, DAY + 1); /* still so the next day */
    world_assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"n-1\"", 42) GET);
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
        w->hook = world_same_hook;
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
    struct world *w = world_registered();
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

/* While a retrieve is outstanding somebody asks for another; the answer never comes. */
static int outstanding_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    struct mef_error e;

    (void)ret;
    if (req->op != MEF_OP_RETRIEVE || w->hook_ctx)
        return -1;
    w->hook_ctx = w;
    pthread_mutex_unlock(&w->lock); /* as a real one, which blocks for a while */
    g_assert_cmpint(mef_client_request(w->client, MEF_PROC_POLL, 3, &e), ==, 0);
    pthread_mutex_lock(&w->lock);
    g_assert_cmpuint(w->log->len, ==, 1);
    return TRANSPORT_TIMEOUT;
}

static void test_outstanding(void)
{
    struct world *w = world_new();

    w->settings.connect_timeout = 3;
    w->settings.response_timeout = 7;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_ptr_array_set_size(w->log, 0);
    w->hook = outstanding_hook;
    world_request(w, MEF_PROC_POLL, 2);
    /* One at a time; the next only once the configured wait has run out. */
    g_assert_cmpuint(w->patience, >, 9 * 1000000);
    g_assert_cmpuint(w->patience, <=, 10 * 1000000);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpint(world_finished(w, 3), ==, 0);
    world_assert_story(w, "R /-/mecr-7f3a21/cmd" GET GET);
    world_free(w);
}

/* Two at once over one journal: the same cmdID is executed and reported in both. Then one of them registers
 * anew: its cmdIDs begin again. */
static void test_two_registrations(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-0001\"", .cdsc = CERT_PROV}};
    struct world *one = world_registered(), *two = world_new();

    g_free(two->config.node);
    two->config.node = g_strdup("mef2");
    g_ptr_array_unref(two->cmds);
    two->cmds = g_ptr_array_ref(one->cmds);
    world_start(two);
    world_request(two, MEF_PROC_REGISTER, 1);
    world_commands(one, commands, 1);
    world_commands(two, commands, 1);
    world_request(one, MEF_PROC_POLL, 2);
    world_request(two, MEF_PROC_POLL, 2);
    g_assert_cmpuint(one->commands[0].reported, ==, 20);
    g_assert_cmpuint(two->commands[0].reported, ==, 20);
    g_assert_cmpuint(one->enrolments + two->enrolments, ==, 2);
    world_free(two);
    world_request(one, MEF_PROC_DEREGISTER, 3);
    world_request(one, MEF_PROC_REGISTER, 4);
    world_commands(one, commands, 1);
    world_request(one, MEF_PROC_POLL, 5);
    g_assert_cmpuint(one->commands[0].reported, ==, 20);
    g_assert_cmpuint(one->enrolments, ==, 2);
    world_free(one);
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
        struct world *w = world_registered();
        guint known = w->cmds->len; /* the NO_MORE_COMMANDS of before */
        w->hook = world_same_hook;
        w->hook_ctx = (void *)bad[i];
        world_request(w, MEF_PROC_POLL, 2);
        g_assert_cmpint(world_finished(w, 2), ==, MEF_ERROR_SERVER_REJECTED);
        /* One more retrieve at once, then a day of silence; never an update. */
        world_assert_story(w, "R /-/mecr-7f3a21/cmd" GET);
        g_assert_cmpuint(w->cmds->len, ==, known);
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
    struct world *w = world_registered();

    w->hook = bad_after_update_hook;
    world_commands(w, commands, 2);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    /* The report counts; the next command is retrieved. */
    world_assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 41) GET PUT("\"c-2\"", 41) GET);
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
    struct world *w = world_registered();

    w->hook = foreign_rqi_hook;
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpuint(w->enrolments, ==, 0);
    g_assert_cmpuint(w->log->len, ==, 2);
    g_assert_cmpint(world_finished(w, 2), ==, MEF_ERROR_SERVER_REJECTED);
    world_free(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
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
    g_test_add_func("/mef/command/MC-03/one-outstanding", test_outstanding);
    g_test_add_func("/mef/command/MC-52/two-registrations", test_two_registrations);
    g_test_add_func("/mef/command/MC-05/unparsable", test_unparsable);
    g_test_add_func("/mef/command/MC-05/MC-53/unparsable-update-answer", test_unparsable_update);
    g_test_add_func("/mef/command/MC-05/foreign-request-id", test_foreign_rqi);
    return g_test_run();
}
