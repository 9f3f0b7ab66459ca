/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The triggers of mo-tree.md 4.2 that are a matter of time and of what is registered, T7, T13, T18 and T19,
 * with a clock that jumps; at a MEF and at a MAF. What is forbidden is looked for in the list of all
 * requests. */
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "tests/unit/mef-world-keys.h"

#define HOUR 3600u

static int64_t at(const char *timestamp)
{
    int64_t t;
    g_assert_cmpint(timestamp_parse(timestamp, &t), ==, 0);
    return t;
}

/* "C4 R U D": operations since the list was emptied; creates with their type. */
static void assert_requests(struct world *w, const char *expected)
{
    static const char letters[] = {
        [MEF_OP_CREATE] = 'C', [MEF_OP_RETRIEVE] = 'R', [MEF_OP_UPDATE] = 'U', [MEF_OP_DELETE] = 'D'};
    g_autoptr(GString) s = g_string_new(NULL);

    for (guint i = 0; i < w->log->len; i++) {
        const struct seen *q = world_seen(w, i);
        g_string_append_printf(s, "%s%c", i ? " " : "", letters[q->op]);
        if (q->op == MEF_OP_CREATE)
            g_string_append_printf(s, "%u", q->ty);
    }
    g_assert_cmpstr(s->str, ==, expected);
    g_ptr_array_set_size(w->log, 0);
}

static void end(struct world *w)
{
    world_stop(w);
    w->node = NULL;
    world_free(w);
}

/* Time passes without the worker, as on a machine that sleeps. */
static void sleep_for(struct world *w, uint64_t seconds)
{
    pthread_mutex_lock(&w->lock);
    w->real += (int64_t)(seconds * USEC_PER_SEC);
    w->boot += seconds * USEC_PER_SEC;
    w->limit = w->boot;
    pthread_mutex_unlock(&w->lock);
    world_advance(w, 600); /* a sleeper looks at the clock every five minutes */
}

/* A key at a MEF or a MAF, and a client registration until `et`, at rest. */
static struct world *with_either(bool maf, struct mo_snapshot *n, struct world_keys *k, const char *et)
{
    struct world *w = maf ? world_with_maf_key(n, k, et) : world_with_key(n, k);

    if (!maf) {
        w->et = et;
        world_request(w, MEF_PROC_UPDATE, 3);
    }
    g_assert_cmpint(w->reg.expires, ==, at(et));
    g_ptr_array_set_size(w->log, 0);
    return w;
}

/* ---- T7 -------------------------------------------------------------------------------------------------
 */

/* A key of a MAF: the margin, days asleep, a profile that is deleted or has expired; nothing else is sent. */
static void test_maf_key(void)
{
    static const char long_et[] = "20261201T000000";
    struct mo_snapshot n = world_profile(true);
    struct world_keys k = {0};
    struct world *w = world_with_maf_key(&n, &k, long_et);

    world_advance(w, 9 * DAY - HOUR);
    assert_requests(w, "");
    world_advance(w, 2 * HOUR);
    assert_requests(w, "C5");
    g_assert_cmpstr(w->settled_credential, ==, WORLD_KEY(2));
    world_advance(w, DAY); /* the former one has ended at the MAF */
    g_assert_null(g_hash_table_lookup(w->keys, WORLD_KEY(1)));
    end(w);

    k = (struct world_keys){0};
    w = world_with_maf_key(&n, &k, long_et);
    sleep_for(w, 12 * DAY);
    assert_requests(w, "C5");
    end(w);

    k = (struct world_keys){0};
    w = world_with_maf_key(&n, &k, long_et);
    w->node = NULL;
    g_assert_cmpint(mef_client_set_config(w->client, &w->config), ==, 0);
    world_advance(w, 20 * DAY);
    assert_requests(w, "");
    end(w);

    k = (struct world_keys){0};
    w = world_with_maf_key(&n, &k, long_et);
    n.expires = w->real + (int64_t)(5 * DAY * USEC_PER_SEC);
    world_advance(w, 20 * DAY);
    assert_requests(w, "");
    end(w);
}

/* The client registration is not valid any more when the key is due: that is made first, and at a MEF the
 * commands are asked for (T11). */
static void test_register_first(void)
{
    for (int maf = 0; maf < 2; maf++) {
        struct mo_snapshot n = world_profile(maf);
        struct world_keys k = {0};
        struct world *w = with_either(maf, &n, &k, "20260308T080000");
        w->open_result = TRANSPORT_UNREACHABLE;
        world_advance(w, 9 * DAY + HOUR); /* the registration ended on the 8th */
        assert_requests(w, "");
        w->open_result = 0;
        w->registered = false;
        w->et = "20261201T000000";
        world_advance(w, HOUR);
        assert_requests(w, maf ? "C3 C5" : "C4 R C5");
        g_assert_cmpuint(w->registrations, ==, 2);
        g_assert_cmpstr(w->settled_credential, ==, WORLD_KEY(2));
        end(w);
    }
}

/* De-registered by hand: nothing is registered again because a key ends. */
static void test_given_up(void)
{
    for (int maf = 0; maf < 2; maf++) {
        struct mo_snapshot n = world_profile(maf);
        struct world_keys k = {0};
        struct world *w = with_either(maf, &n, &k, "20261201T000000");
        world_request(w, MEF_PROC_DEREGISTER, 9);
        g_assert_cmpint(world_finished(w, 9), ==, 0);
        g_ptr_array_set_size(w->log, 0);
        world_advance(w, 20 * DAY);
        assert_requests(w, "");
        end(w);
    }
}

/* ---- T13 ------------------------------------------------------------------------------------------------
 */

/* Key procedures go on beside the retry timer of NO_MORE_COMMANDS: it is not moved, and when it is over the
 * command is retrieved (mef-protocol.md 5.3 #25). */
static void test_retry_timer(void)
{
    struct mo_snapshot n = world_profile(false);
    struct world_keys k = {.value = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="};
    struct world_result r;

    n.key_reg_duration = (char *)"PT10H"; /* renewed after nine */
    struct world *w = world_with_key(&n, &k);
    int64_t poll = w->next_poll;
    g_assert_cmpint(poll, ==, at("20260302T080000"));
    g_ptr_array_set_size(w->log, 0);
    world_advance(w, HOUR);
    g_assert_cmpint(world_run_task(w, world_process_task(&n, MO_NODE_CASE_B, &r), &r), ==, MEF_ERROR_NONE);
    g_assert_cmpint(world_run_task(w, world_task(MEF_TASK_KEY_RETRIEVE, WORLD_KEY(9), &r), &r), ==,
                    MEF_ERROR_NONE);
    struct mef_task *t = world_task(MEF_TASK_KEY_UPDATE, WORLD_KEY(2), &r);
    t->et = at("20260301T190000");
    g_assert_cmpint(world_run_task(w, t, &r), ==, MEF_ERROR_NONE);
    assert_requests(w, "C5 R U");
    g_assert_cmpint(w->next_poll, ==, poll);
    world_advance(w, 9 * HOUR + HOUR / 2); /* T7, by itself */
    assert_requests(w, "C5");
    g_assert_cmpint(world_run_task(w, world_task(MEF_TASK_KEY_DELETE, WORLD_KEY(3), &r), &r), ==,
                    MEF_ERROR_NONE);
    assert_requests(w, "D");
    g_assert_cmpint(w->next_poll, ==, poll);
    world_power_cycle(w); /* nor has the store lost it */
    g_assert_cmpint(w->next_poll, ==, poll);
    world_advance(w, (uint64_t)(poll - w->real) / USEC_PER_SEC - 1);
    assert_requests(w, "");
    world_advance(w, 2);
    g_assert_cmpuint(w->log->len, ==, 1);
    g_assert_true(g_str_has_suffix(world_seen(w, 0)->to, "/cmd"));
    assert_requests(w, "R");
    end(w);
}

/* ---- T18 ------------------------------------------------------------------------------------------------
 */

/* A registration at a MAF: updated a day before its end, made anew when the MAF does not know it,
 * and no command is asked for. */
static void test_maf_registration(void)
{
    struct mo_snapshot n = world_profile(true);
    struct world_keys k = {0};
    n.key_reg_duration = (char *)"P300D";
    struct world *w = world_with_maf_key(&n, &k, "20260311T080000"); /* ten days: on the 10th */

    world_advance(w, 9 * DAY - HOUR);
    assert_requests(w, "");
    w->et = "20260321T080000"; /* the next: on the 20th */
    world_advance(w, 2 * HOUR);
    assert_requests(w, "U");
    g_assert_cmpint(w->reg.expires, ==, at("20260321T080000"));
    w->registered = false;
    w->et = "20270101T000000";
    world_advance(w, 9 * DAY + HOUR);
    assert_requests(w, "");
    world_advance(w, DAY);
    assert_requests(w, "U C3");
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_assert_cmpuint(k.creates, ==, 1);
    end(w);
}

/* Asleep over its end: registered anew at once. */
static void test_asleep(void)
{
    for (int maf = 0; maf < 2; maf++) {
        struct mo_snapshot n = world_profile(maf);
        struct world_keys k = {0};
        n.key_reg_duration = (char *)"P300D";
        struct world *w = with_either(maf, &n, &k, "20260311T080000");
        w->registered = false;
        w->et = "20261201T000000";
        sleep_for(w, 12 * DAY);
        assert_requests(w, maf ? "C3" : "C4 R");
        g_assert_cmpint(w->state, ==, REG_REGISTERED);
        end(w);
    }
}

/* ---- T18 and T19: expirationTime of the node ----------------------------------------------------------- */

/* What is due behind it is not done: no update, no registration, no key, no command; whoever asks is told
 * why. Nothing is deleted. A later date brings it all back. */
static void test_node_expires(void)
{
    for (int maf = 0; maf < 2; maf++) {
        struct mo_snapshot n = world_profile(maf);
        struct world_keys k = {.value = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="};
        struct world_result r;
        struct world *w = with_either(maf, &n, &k, "20260501T000000");
        struct mef_reg_config c;
        g_assert_cmpint(mef_reg_config_copy(&w->config, &c), ==, 0);
        c.expires = at("20260305T080000");
        g_assert_cmpint(mef_client_set_config(w->client, &c), ==, 0);
        world_idle(w);
        g_ptr_array_set_size(w->log, 0);
        world_advance(w, 4 * DAY - 1);
        g_assert_cmpint(w->state, ==, REG_REGISTERED);
        g_ptr_array_set_size(w->log, 0); /* at a MEF: a poll a day */
        world_advance(w, 2);
        g_assert_cmpint(w->state, ==, REG_EXPIRED);
        g_assert_nonnull(strstr(world_attention(w, "configuration-expired"), "expirationTime"));
        world_advance(w, 100 * DAY); /* key and registration have ended meanwhile */
        g_assert_cmpint(world_run_task(w, world_task(MEF_TASK_KEY_RETRIEVE, WORLD_KEY(9), &r), &r), ==,
                        MEF_ERROR_NOT_REGISTERED);
        g_assert_cmpint(
            world_run_task(w, world_process_task(&n, maf ? MO_NODE_CASE_C : MO_NODE_CASE_B, &r), &r), ==,
            MEF_ERROR_NOT_REGISTERED);
        g_assert_cmpuint(r.status, ==, 305);
        for (enum mef_procedure p = MEF_PROC_REGISTER; p <= MEF_PROC_DEREGISTER; p++) {
            world_request(w, p, 20 + p);
            g_assert_cmpint(world_finished(w, 20 + p), ==, MEF_ERROR_NOT_REGISTERED);
        }
        assert_requests(w, "");
        g_assert_nonnull(g_hash_table_lookup(w->keys, WORLD_KEY(1)));
        g_assert_cmpuint(w->drop_owned, ==, 0);
        g_assert_cmpstr(w->settled_credential, ==, WORLD_KEY(1));
        g_assert_true(w->registered);
        w->config.expires = c.expires;
        world_power_cycle(w);
        world_advance(w, DAY);
        assert_requests(w, "");
        g_assert_cmpint(w->state, ==, REG_EXPIRED);
        g_assert_nonnull(world_attention(w, "configuration-expired"));

        w->registered = false; /* it has ended there, too */
        w->et = "20261201T000000";
        c.expires = at("20260901T000000");
        g_assert_cmpint(mef_client_set_config(w->client, &c), ==, 0);
        mef_reg_config_clear(&c);
        world_advance(w, HOUR);
        assert_requests(w, maf ? "C3 C5" : "C4 R C5");
        g_assert_null(world_attention(w, "configuration-expired"));
        end(w);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/triggers/T7/EE-09/MC-43/maf-key", test_maf_key);
    g_test_add_func("/mef/triggers/T7/T11/EE-09/register-first", test_register_first);
    g_test_add_func("/mef/triggers/T7/EE-09/given-up", test_given_up);
    g_test_add_func("/mef/triggers/T13/EE-14/EE-15/MC-15/retry-timer", test_retry_timer);
    g_test_add_func("/mef/triggers/T18/maf-registration", test_maf_registration);
    g_test_add_func("/mef/triggers/T18/EE-13/asleep", test_asleep);
    g_test_add_func("/mef/triggers/T18/T19/MC-01/node-expires", test_node_expires);
    return g_test_run();
}
