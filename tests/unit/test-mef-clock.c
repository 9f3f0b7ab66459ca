/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef, what has to do with time: lifetimes, renewal, back-off, certificates that end; over restarts,
 * machines that sleep, and a wall clock that is wrong at boot and then set. */
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "policy/backoff.h"
#include "tests/unit/mef-world.h"

#define HOUR    3600u
#define SECONDS (int64_t)1000000

static void restart(struct world *w)
{
    world_stop(w);
    world_start(w);
}

static int64_t at(const char *timestamp)
{
    int64_t t;
    g_assert_cmpint(timestamp_parse(timestamp, &t), ==, 0);
    return t;
}

static unsigned count(struct world *w, enum mef_operation op, const char *tail)
{
    unsigned n = 0;
    for (guint i = 0; i < w->log->len; i++)
        n += world_seen(w, i)->op == op && g_str_has_suffix(world_seen(w, i)->to, tail);
    return n;
}

/* A registration until `et`, of a node without an end of its own, at rest. */
static struct world *registered_until(const char *et)
{
    struct world *w = world_new();

    w->config.expires = 0;
    w->et = et;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpint(world_finished(w, 1), ==, 0);
    g_ptr_array_set_size(w->log, 0);
    return w;
}

/* ---- lifetimes --------------------------------------------------------------------------------------- */

/* 3.3: what is proposed; what the MEF makes of it is what counts. */
static void test_lifetimes(void)
{
    static const char *const granted[] = {"20260308T080000" /* as proposed */, "20260302T080000",
                                          "20260401T000000"};
    static const char *const renewed[] = {"20260307T080000", "20260302T031200", "20260331T000000"};

    for (size_t i = 0; i < G_N_ELEMENTS(granted); i++) {
        struct world *w = world_new();
        w->config.expires = 0;
        w->settings.registration_lifetime = 7 * DAY;
        w->et = granted[i];
        world_start(w);
        world_request(w, MEF_PROC_REGISTER, 1);
        g_assert_nonnull(strstr(world_seen(w, 0)->body, "\"et\":\"20260308T080000\""));
        g_assert_cmpint(w->reg.expires, ==, at(granted[i]));
        g_ptr_array_set_size(w->log, 0);
        world_advance(w, (uint64_t)((at(renewed[i]) - w->real) / SECONDS) - 1);
        g_assert_cmpuint(count(w, MEF_OP_UPDATE, "/-/" WORLD_REG), ==, 0);
        w->et = "20261201T000000";
        world_advance(w, 2);
        g_assert_cmpuint(count(w, MEF_OP_UPDATE, "/-/" WORLD_REG), ==, 1);
        g_assert_cmpint(w->reg.expires, ==, at("20261201T000000"));
        world_free(w);
    }
}

/* The answer to an update does not say until when: the MEF may have changed it, so it is looked up. */
static int silent_update_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    if (req->op != MEF_OP_UPDATE)
        return -1;
    world_answer(req, ret, 2004, w->hook_ctx);
    return 0;
}

static void test_update_without_et(void)
{
    static const char *const bodies[] = {NULL, "{\"sec:mecr\":{\"lbl\":[\"gateway\",\"site:42\"]}}"};

    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        struct world *w = world_registered();
        w->hook = silent_update_hook;
        w->hook_ctx = (void *)bodies[i];
        w->et = "20260401T000000";
        world_request(w, MEF_PROC_UPDATE, 2);
        g_assert_cmpint(world_finished(w, 2), ==, 0);
        g_assert_cmpint(w->reg.expires, ==, at("20260401T000000"));
        g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/-/" WORLD_REG), ==, 1);
        g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/cmd"), ==, 1);
        world_free(w);
    }
}

/* An end that has passed: not taken, the registration lives on until the end that was granted, and nothing
 * is asked in a rush. */
static void test_update_with_past_et(void)
{
    struct world *w = registered_until("20260302T080000");

    w->hook = silent_update_hook;
    w->hook_ctx = (void *)"{\"sec:mecr\":{\"et\":\"20250101T000000\"}}";
    world_advance(w, 23 * HOUR);
    g_assert_cmpint(w->reg.expires, ==, at("20260302T080000"));
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_assert_nonnull(strstr(world_attention(w, "mef-refused"), "expirationTime"));
    g_assert_cmpuint(w->log->len, >=, 2);
    g_assert_cmpuint(w->log->len, <=, 40);
    w->hook = NULL;
    w->et = "20261201T000000";
    world_advance(w, HOUR / 2);
    g_assert_cmpint(w->reg.expires, ==, at("20261201T000000"));
    g_assert_null(world_attention(w, "mef-refused"));
    world_free(w);
}

/* ---- restarts ---------------------------------------------------------------------------------------- */

/* However often the host is restarted, the renewal comes when it would have come. */
static void test_renewal_over_restarts(void)
{
    struct world *w = registered_until("20260302T080000"); /* a day: at 03:12 */

    for (unsigned h = 0; h < 19; h++) {
        world_advance(w, HOUR);
        restart(w);
        g_assert_cmpuint(w->log->len, ==, 0);
    }
    w->et = "20261201T000000";
    world_advance(w, HOUR / 5 + 1);
    g_assert_cmpuint(count(w, MEF_OP_UPDATE, "/-/" WORLD_REG), ==, 1);
    world_free(w);

    w = registered_until("20260305T080000"); /* due while we were down: at once */
    world_stop(w);
    w->real = at("20260304T140000");
    w->boot = w->limit = 5 * USEC_PER_SEC;
    w->et = "20261201T000000";
    world_start(w);
    g_assert_cmpuint(count(w, MEF_OP_UPDATE, "/-/" WORLD_REG), ==, 1);
    world_free(w);
}

static void test_poll_over_restarts(void)
{
    struct world *w = world_registered();

    for (unsigned h = 0; h < 23; h++) {
        world_advance(w, HOUR);
        w->boot = w->limit = 7 * USEC_PER_SEC; /* a boot of the machine begins anew */
        restart(w);
        g_assert_cmpuint(w->log->len, ==, 0);
    }
    world_advance(w, HOUR + 1);
    g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/cmd"), ==, 1);
    world_free(w);
}

/* ---- back-off ---------------------------------------------------------------------------------------- */

/* 2.3: 5 s, doubled to 15 min, +-20 %; here with other bounds. */
static void test_backoff_bounds(void)
{
    struct world *w = world_registered();
    uint64_t plain = 10;

    w->settings.backoff_min = 10;
    w->settings.backoff_max = 100;
    restart(w);
    w->open_result = TRANSPORT_UNREACHABLE;
    world_request(w, MEF_PROC_POLL, 2);
    for (unsigned n = 1; n <= 12; n++) {
        int64_t wait = w->waiting_until - w->real;
        g_assert_cmpuint(w->retry_count, ==, n);
        g_assert_cmpint(wait, >=,
                        (int64_t)plain * SECONDS * 8 / 10 - SECONDS); /* looked at up to 1 s later */
        g_assert_cmpint(wait, <=, (int64_t)plain * SECONDS * 12 / 10);
        world_advance(w, (uint64_t)(wait / SECONDS) + 1);
        plain = MIN(plain * 2, 100);
    }
    w->open_result = 0;
    world_advance(w, 121);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpuint(w->retry_count, ==, 0);
    g_assert_cmpuint(w->reg.retry_count, ==, 0); /* stored, too */
    g_assert_cmpint(w->reg.retry_at, ==, 0);
    w->open_result = TRANSPORT_UNREACHABLE; /* from the short end again */
    world_request(w, MEF_PROC_POLL, 3);
    g_assert_cmpint(w->waiting_until - w->real, <=, 12 * SECONDS);
    world_free(w);
}

/* A host that is restarted every few seconds does not ask the MEF more often than one that is not. */
static void test_backoff_over_restarts(void)
{
    struct world *w = world_new();
    unsigned failed;

    w->open_result = TRANSPORT_UNREACHABLE;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    world_advance(w, 120);
    failed = w->event_count[EVENT_HANDSHAKE_FAILED];
    g_assert_cmpuint(failed, >=, 4);
    guint count_before = w->reg.retry_count;
    g_assert_cmpuint(count_before, ==, failed);
    for (unsigned i = 0; i < 20; i++) {
        restart(w);
        world_advance(w, 1);
    }
    g_assert_cmpuint(w->event_count[EVENT_HANDSHAKE_FAILED], <=, failed + 1);
    world_advance(w, 2 * HOUR);
    g_assert_cmpuint(w->reg.retry_count, >, count_before);
    /* A wall clock that was put back years does not make the wait longer than the longest. */
    world_stop(w);
    w->real = at("19700101T000000");
    w->open_result = 0;
    world_start(w);
    world_advance(w, 18 * 60 + 1);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    world_free(w);
}

/* What is wrong on this side may be mended by the very restart. */
static void test_backoff_token(void)
{
    struct world *w = world_registered();

    w->vault_error = MEF_ERROR_TOKEN_LOCKED;
    world_request(w, MEF_PROC_POLL, 2);
    world_advance(w, 2 * HOUR);
    w->vault_error = 0;
    world_advance(w, 0);
    w->reg.next_poll = w->real; /* due */
    restart(w);
    g_assert_cmpuint(w->log->len, ==, 1);
    world_free(w);
}

/* ---- the wall clock ---------------------------------------------------------------------------------- */

/* The timer of NO_MORE_COMMANDS is a span: a clock that is set neither shortens nor lengthens it. */
static void test_poll_and_clock(void)
{
    static const char *const steps[] = {"20360101T000000", "19700101T000000", "20260301T090000"};

    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        struct world *w = world_new();
        w->config.expires = 0;
        w->et = "20380101T000000";
        world_start(w);
        world_request(w, MEF_PROC_REGISTER, 1);
        g_ptr_array_set_size(w->log, 0);
        world_set_clock(w, steps[i]);
        g_assert_cmpint(w->next_poll, ==, w->real + (int64_t)DAY * SECONDS);
        g_assert_cmpint(w->reg.next_poll, ==, w->next_poll); /* a restart knows */
        world_advance(w, DAY - 1);
        g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/cmd"), ==, 0);
        world_advance(w, 2);
        g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/cmd"), ==, 1);
        world_free(w);
    }
}

/* A stored timer meets a clock that is wrong at boot: at its date when that comes, and at the latest when its
 * span is over. */
static void test_poll_and_clock_at_boot(void)
{
    struct world *w = world_registered(); /* next poll 20260302T080000 */

    world_stop(w);
    w->real = at("19700101T000030");
    w->boot = w->limit = 30 * USEC_PER_SEC;
    world_start(w);
    g_assert_cmpuint(w->log->len, ==, 0);
    world_set_clock(w, "20260302T070000");
    world_advance(w, HOUR - 1);
    g_assert_cmpuint(w->log->len, ==, 0);
    world_advance(w, 2);
    g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/cmd"), ==, 1);
    g_ptr_array_set_size(w->log, 0);
    /* No NTP at all. */
    world_stop(w);
    w->real = at("19700101T000030");
    world_start(w);
    world_advance(w, DAY + 1);
    g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/cmd"), ==, 1);
    world_free(w);

    /* The timer was stored by a clock that was years ahead. */
    w = world_new();
    w->config.expires = 0;
    w->et = "20380101T000000";
    w->real = at("20350101T000000");
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    world_stop(w);
    g_ptr_array_set_size(w->log, 0);
    w->real = at("20260301T080000");
    world_start(w);
    world_advance(w, DAY + 1);
    g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/cmd"), ==, 1);
    world_free(w);
}

/* A live registration and a clock that is years ahead, or in 1970: it is never given up. */
static void test_registration_and_clock(void)
{
    struct world *w = registered_until("20261201T000000");

    world_set_clock(w, "20400101T000000");
    world_advance(w, HOUR);
    g_assert_cmpint(w->state, !=, REG_REGISTERED);
    g_assert_nonnull(strstr(world_attention(w, "registration-failed"), "clock"));
    g_assert_cmpuint(w->log->len, <=, 24); /* and no rush */
    guint before = w->log->len;
    world_set_clock(w, "20260301T090000");
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_assert_cmpstr(w->reg.reg_id, ==, WORLD_REG);
    g_assert_cmpuint(w->registrations, ==, 1);
    g_assert_null(world_attention(w, "registration-failed"));
    for (guint i = before; i < w->log->len; i++)
        g_assert_cmpint(world_seen(w, i)->op, !=, MEF_OP_CREATE);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    world_free(w);

    /* The same over boots. */
    w = registered_until("20261201T000000");
    world_stop(w);
    w->real = at("20400101T000000");
    world_start(w);
    world_stop(w);
    w->real = at("19700101T000000");
    world_start(w);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    world_set_clock(w, "20260301T090000");
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_assert_cmpuint(w->registrations, ==, 1);
    world_free(w);
}

/* The end of the node itself, seen too early. */
static void test_node_end_and_clock(void)
{
    struct world *w = world_registered(); /* 20270101 */

    world_set_clock(w, "20400101T000000");
    g_assert_cmpint(w->state, ==, REG_EXPIRED);
    g_assert_nonnull(world_attention(w, "configuration-expired"));
    world_set_clock(w, "20260301T090000");
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_assert_null(world_attention(w, "configuration-expired"));
    g_assert_cmpuint(w->log->len, ==, 0);
    world_free(w);
}

/* A MEF that looks at the dates. */
static int dated_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    const char *et = req->body ? strstr(req->body, "\"et\":\"") : NULL;

    (void)w;
    if (req->op != MEF_OP_CREATE || strncmp(et + 6, "2026", 4) >= 0)
        return -1;
    world_answer(req, ret, RSC_CONTENTS_UNACCEPTABLE, "{\"m2m:dbg\":\"expirationTime has passed\"}");
    return 0;
}

/* The first registration is tried in 1970, and again as soon as the clock is set. */
static void test_first_registration(void)
{
    struct world *w = world_new();

    w->config.expires = 0;
    w->real = at("19700101T000100");
    w->hook = dated_hook;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpint(w->state, ==, REG_FAILED);
    g_assert_nonnull(strstr(world_seen(w, 0)->body, "\"et\":\"1971"));
    world_set_clock(w, "20260301T080000");
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_assert_nonnull(strstr(world_seen(w, 1)->body, "\"et\":\"20270301T080000\""));
    world_free(w);
}

/* The answer to a create of 1970 was lost, so it is repeated octet by octet; when the MEF does not want it,
 * it never took it, and another one is made at once. */
static void test_create_of_another_time(void)
{
    struct world *w = world_new();

    w->config.expires = 0;
    w->real = at("19700101T000100");
    w->open_result = TRANSPORT_UNREACHABLE;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    w->open_result = 0;
    w->hook = dated_hook;
    world_set_clock(w, "20260301T080000");
    g_assert_cmpint(world_finished(w, 1), ==, 0);
    g_assert_cmpuint(count(w, MEF_OP_CREATE, "/-"), ==, 2);
    g_assert_cmpuint(w->registrations, ==, 1);
    world_free(w);
}

/* What failed is tried again when the clock is set: a certificate may have been "not yet valid". */
static void test_retry_after_step(void)
{
    struct world *w = world_registered();

    w->open_result = TRANSPORT_UNTRUSTED;
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), >, 0);
    w->reg.next_poll = 0;
    w->open_result = 0;
    w->hook = NULL;
    world_request(w, MEF_PROC_POLL, 3);
    w->open_result = TRANSPORT_UNTRUSTED;
    world_advance(w, DAY + 1);
    g_ptr_array_set_size(w->log, 0);
    w->open_result = 0;
    world_set_clock(w, "20260401T000000"); /* long before the back-off of a refusal is over */
    g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/cmd"), ==, 1);
    world_free(w);
}

/* Days without a turn of the loop, as when the machine sleeps: what was due happens once, at once. */
static void test_asleep(void)
{
    struct world *w = registered_until("20260305T080000"); /* renewal at 20260304T124800 */

    w->et = "20261201T000000";
    world_stop(w);
    world_start(w);
    world_advance(w, 3 * DAY + 6 * HOUR);
    g_assert_cmpuint(count(w, MEF_OP_UPDATE, "/-/" WORLD_REG), ==, 1);
    g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/cmd"), >=, 1);
    g_assert_cmpuint(count(w, MEF_OP_RETRIEVE, "/cmd"), <=, 4);
    world_free(w);
}

/* Nothing wakes the worker but what is due. */
static void test_no_wake_ups(void)
{
    struct world *w = registered_until("20260331T080000");
    unsigned sleeps = w->sleeps;

    world_advance(w, DAY - 10);
    g_assert_cmpuint(w->sleeps - sleeps, <=, 1);
    w->open_result = TRANSPORT_UNREACHABLE; /* nor in the back-off of 15 min */
    world_advance(w, 6 * HOUR);
    sleeps = w->sleeps;
    world_advance(w, 10 * HOUR);
    g_assert_cmpuint(w->sleeps - sleeps, <=, 10 * 6);
    world_free(w);

    w = registered_until("20260331T080000"); /* a clock that jumps and jumps */
    sleeps = w->sleeps;
    for (unsigned i = 0; i < 50; i++)
        world_set_clock(w, i % 2 ? "20260301T080000" : "20260310T080000");
    g_assert_cmpuint(w->sleeps - sleeps, <=, 200);
    g_assert_cmpuint(w->log->len, ==, 0);
    world_free(w);
}

/* ---- the end of a certificate ------------------------------------------------------------------------- */

/* A world whose certificate in use lives from `now` for `life` seconds. */
static struct world *with_certificate(uint64_t life)
{
    static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = CERT_PROV}};
    struct world *w = world_new();

    w->config.expires = 0;
    w->et = "20991201T000000";
    w->cert_life = life;
    world_commands(w, commands, 1);
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_true(w->reg.has_cert);
    g_assert_null(world_attention(w, "certificate-expiring"));
    return w;
}

static void test_certificate_end(void)
{
    static const struct mef_command renewal[] = {{.cid = "\"c-2\"", .cdsc = CERT_PROV}};
    struct world *w = with_certificate(365 * DAY);

    /* 30 days before its end, to the second, although nobody talks to the MEF then. */
    world_advance(w, 335 * DAY - 2);
    g_assert_null(world_attention(w, "certificate-expiring"));
    unsigned raised = w->event_count[EVENT_ATTENTION_RAISED];
    world_advance(w, 4);
    g_assert_nonnull(strstr(world_attention(w, "certificate-expiring"), "20270301T080000"));
    g_assert_cmpuint(w->event_count[EVENT_ATTENTION_RAISED], ==, raised + 1);
    /* Told again after a restart, and for a clock that is right. */
    restart(w);
    g_assert_nonnull(world_attention(w, "certificate-expiring"));
    world_set_clock(w, "20260601T000000");
    g_assert_null(world_attention(w, "certificate-expiring"));
    world_set_clock(w, "20270210T000000");
    g_assert_nonnull(world_attention(w, "certificate-expiring"));
    /* Before its begin: then it is the clock. */
    world_set_clock(w, "19700101T000000");
    g_assert_nonnull(strstr(world_attention(w, "clock-wrong"), "19700101T000000"));
    g_assert_null(world_attention(w, "certificate-expiring"));
    world_set_clock(w, "20270210T000000");
    g_assert_null(world_attention(w, "clock-wrong"));
    g_assert_nonnull(world_attention(w, "certificate-expiring"));
    /* The MEF renews it. */
    world_commands(w, renewal, 1);
    world_request(w, MEF_PROC_POLL, 3);
    g_assert_cmpuint(w->commands[0].reported, ==, 20);
    g_assert_null(world_attention(w, "certificate-expiring"));
    world_free(w);
}

/* The lead time is configurable; a certificate of a week is not warned of from its first day. */
static void test_certificate_lead(void)
{
    struct world *w = world_new();

    world_free(w);
    w = with_certificate(7 * DAY);
    world_advance(w, 7 * DAY * 4 / 5 - 2);
    g_assert_null(world_attention(w, "certificate-expiring"));
    world_advance(w, 4);
    g_assert_nonnull(world_attention(w, "certificate-expiring"));
    world_free(w);

    w = with_certificate(365 * DAY);
    w->settings.certificate_lead_time = 2 * DAY;
    restart(w);
    world_advance(w, 363 * DAY - 2);
    g_assert_null(world_attention(w, "certificate-expiring"));
    world_advance(w, 4);
    g_assert_nonnull(world_attention(w, "certificate-expiring"));
    world_free(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/registration/EE-13/lifetimes", test_lifetimes);
    g_test_add_func("/mef/registration/EE-13/update-without-et", test_update_without_et);
    g_test_add_func("/mef/registration/MC-01/update-with-past-et", test_update_with_past_et);
    g_test_add_func("/mef/restart/EE-13/renewal", test_renewal_over_restarts);
    g_test_add_func("/mef/restart/MC-15/poll", test_poll_over_restarts);
    g_test_add_func("/mef/retry/back-off-bounds", test_backoff_bounds);
    g_test_add_func("/mef/restart/back-off", test_backoff_over_restarts);
    g_test_add_func("/mef/restart/back-off-of-the-token", test_backoff_token);
    g_test_add_func("/mef/clock/MC-15/poll", test_poll_and_clock);
    g_test_add_func("/mef/clock/MC-15/poll-at-boot", test_poll_and_clock_at_boot);
    g_test_add_func("/mef/clock/MC-01/registration", test_registration_and_clock);
    g_test_add_func("/mef/clock/MC-01/node-end", test_node_end_and_clock);
    g_test_add_func("/mef/clock/first-registration", test_first_registration);
    g_test_add_func("/mef/clock/create-of-another-time", test_create_of_another_time);
    g_test_add_func("/mef/clock/retry-after-step", test_retry_after_step);
    g_test_add_func("/mef/clock/MC-15/asleep", test_asleep);
    g_test_add_func("/mef/clock/no-wake-ups", test_no_wake_ups);
    g_test_add_func("/mef/certificate/end", test_certificate_end);
    g_test_add_func("/mef/certificate/lead-time", test_certificate_lead);
    return g_test_run();
}
