/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef, the client of one registration: reports that fail, handshakes, the store, the end, jobs. */
#include <errno.h>

#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "tests/unit/mef-world.h"

/* ---- reports that fail ------------------------------------------------------------------------------- */

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
        struct world *w = world_registered();
        world_commands(w, commands, 1);
        w->hook = world_report_hook;
        w->hook_ctx = GUINT_TO_POINTER(cases[i].rsc);
        world_request(w, MEF_PROC_POLL, 2);
        world_advance(w, 10);
        world_assert_story(w, cases[i].story);
        g_assert_cmpint(w->state, ==, REG_REGISTERED);
        world_free(w);
    }
}

/* The n-th report gets no answer, that of another request, or a refusal for now. */
static int unanswered_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    unsigned n = GPOINTER_TO_UINT(w->hook_ctx);

    if (req->op != MEF_OP_UPDATE)
        return -1;
    w->hook_ctx = GUINT_TO_POINTER(n + 1);
    switch (n) {
    case 0:
        return TRANSPORT_TIMEOUT;
    case 1:
        return TRANSPORT_BROKEN;
    case 2:
        world_answer(req, ret, 2004, NULL);
        g_free(ret->rqi);
        ret->rqi = g_strdup("somebody-else");
        return 0;
    case 3:
        world_answer(req, ret, 5000, NULL);
        return 0;
    default:
        return -1;
    }
}

/* mef-protocol.md 2.1: the same request again, because nothing came back, has the same identifier; what was
 * answered has used it up. */
static void test_request_id_of_retry(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = DEV_CFG}};
    struct world *w = world_registered();

    world_commands(w, commands, 1);
    w->hook = unanswered_hook;
    world_request(w, MEF_PROC_POLL, 2);
    world_advance(w, 600);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    world_assert_story(w, "R /-/mecr-7f3a21/cmd" PUT("\"c-1\"", 41) PUT("\"c-1\"", 41) PUT("\"c-1\"", 41)
                              PUT("\"c-1\"", 41) PUT("\"c-1\"", 41));
    for (unsigned i = 2; i <= 4; i++)
        g_assert_cmpstr(world_seen(w, i)->rqi, ==, world_seen(w, 1)->rqi);
    g_assert_cmpstr(world_seen(w, 5)->rqi, !=, world_seen(w, 1)->rqi);
    world_free(w);
}

/* 3.4(5): a registration update while a report is owed: the report takes the place of the retrieve. */
static void test_update_while_owed(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = DEV_CFG}};
    struct world *w = world_registered();

    world_commands(w, commands, 1);
    w->hook = world_report_hook;
    w->hook_ctx = GUINT_TO_POINTER(5000);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(mef_client_cancel(w->client, 2), ==, 0);
    world_idle(w);
    world_request(w, MEF_PROC_UPDATE, 3);
    g_assert_cmpint(world_finished(w, 3), ==, 0);
    world_assert_story(
        w, "R /-/mecr-7f3a21/cmd" PUT(
               "\"c-1\"",
               41) "\nU /-/mecr-7f3a21 "
                   "{\"sec:mecr\":{\"et\":\"20270101T000000\",\"lbl\":[\"gateway\",\"site:42\"]}}" PUT(
                       "\"c-1\"", 41));
    world_free(w);
}

static void test_registration_gone(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = DEV_CFG}};
    struct world *w = world_registered();

    /* The MEF forgot everything: look, register again, retrieve. */
    w->registered = false;
    world_commands(w, commands, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    world_assert_story(w, "R /-/mecr-7f3a21/cmd\nR /-/mecr-7f3a21\n" CREATE "\nR /-/mecr-2/cmd\n"
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

static int no_command_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    (void)w;
    if (!g_str_has_suffix(req->to, "/cmd"))
        return -1;
    world_answer(req, ret, RSC_NOT_FOUND, NULL);
    return 0;
}

/* 1.7(3): the registration is there and has no command: as NO_MORE_COMMANDS, and no retrieve after the look.
 */
static void test_no_command(void)
{
    struct world *w = world_registered();

    w->hook = no_command_hook;
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    world_assert_story(w, "R /-/mecr-7f3a21/cmd\nR /-/mecr-7f3a21");
    g_assert_cmpint(w->next_poll, ==, w->real + (int64_t)DAY * 1000000);
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
        struct world *w = world_registered();
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
    struct world *w = world_registered();

    enrol_world(w);
    world_request(w, MEF_PROC_END, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    world_assert_story(w, "D /-/mecr-7f3a21");
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
    struct world *w = world_registered();

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
    g_assert_cmpuint(w->log->len, ==, 0); /* its turn in the back-off comes */
    world_advance(w, 18 * 60);
    g_assert_cmpuint(w->ended, ==, 1);
    world_assert_story(w, "D /-/mecr-7f3a21");
    g_assert_cmpstr(world_seen(w, 0)->credential, ==, WORLD_KPM); /* what is left: the pre-provisioned one */
    g_assert_null(world_attention(w, "deregistration-pending"));
    g_assert_cmpuint(w->drop_owned, ==, 1);
    mef_reg_config_clear(&whole);
    world_free(w);
}

static void test_end_no_credential(void)
{
    struct world *w = world_registered();

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
    struct world *w = world_registered();

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
    struct world *w = world_registered();

    w->hook = world_report_hook;
    w->hook_ctx = GUINT_TO_POINTER(5000);
    world_commands(w, commands, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_ptr_array_set_size(w->log, 0);
    world_request(w, MEF_PROC_END, 3);
    g_assert_cmpint(world_finished(w, 2), ==, MEF_ERROR_CANCELLED);
    world_assert_story(w, "D /-/mecr-7f3a21");
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

/* A job that is refused for good does not hold up the one behind it. */
static int refuse_update_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    struct mef_error e;

    if (req->op != MEF_OP_UPDATE)
        return -1;
    /* While the first is under way the second is queued. */
    if (!w->hook_ctx)
        g_assert_cmpint(mef_client_request(w->client, MEF_PROC_POLL, 3, &e), ==, 0);
    w->hook_ctx = w;
    world_answer(req, ret, RSC_ORIGINATOR_HAS_NO_PRIVILEGE, NULL);
    return 0;
}

static void test_job_after_refusal(void)
{
    struct world *w = world_registered();

    w->hook = refuse_update_hook;
    world_request(w, MEF_PROC_UPDATE, 2);
    g_assert_cmpint(world_finished(w, 2), ==, MEF_ERROR_SERVER_REJECTED);
    g_assert_cmpint(world_finished(w, 3), ==, 0);
    world_free(w);
}

static void test_transactions(void)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = CERT_PROV},
                                                  {.cid = "\"c-2\"", .cdsc = DEV_CFG}};
    struct world *w = world_registered();
    g_autoptr(GHashTable) by_cid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    world_commands(w, commands, 2);
    world_request(w, MEF_PROC_POLL, 2);
    for (guint i = 0; i < w->transactions->len; i++) {
        g_auto(GStrv) f = g_strsplit(w->transactions->pdata[i], " ", 3);
        if (streq(f[2], "-") || streq(f[2], "none")) /* each NO_MORE_COMMANDS is one of its own */
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
    g_test_add_func("/mef/command/report-errors", test_report_errors);
    g_test_add_func("/mef/command/MC-09/request-id-of-a-retry", test_request_id_of_retry);
    g_test_add_func("/mef/command/EE-13/MC-02/update-while-a-report-is-owed", test_update_while_owed);
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
    g_test_add_func("/mef/jobs/after-a-refusal", test_job_after_refusal);
    g_test_add_func("/mef/events/transaction-ids", test_transactions);
    return g_test_run();
}
