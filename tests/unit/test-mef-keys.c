/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef: the life of a key after its registration: renewal (EE-09), retrieval as a target (EE-10),
 * update and de-registration (EE-24), with a clock that jumps. */
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/mef/key-message.h"
#include "tests/unit/mef-world-keys.h"

static char *const labels[] = {(char *)"saef", NULL};

static void end(struct world *w)
{
    world_stop(w);
    w->node = NULL;
    world_free(w);
}

/* EE-09: a day before the end of ten days, with what the profile says then; the former key stays until its
 * own end, and leaves the token at it. */
static void test_renewal(void)
{
    struct mo_snapshot n = world_profile(false);
    struct world_keys k = {0};
    struct world *w = world_with_key(&n, &k);

    world_advance(w, 9 * DAY - 3600);
    g_assert_cmpuint(k.creates, ==, 1);
    n.key_reg_duration = (char *)"P20D";
    unsigned settles = w->settles;
    world_advance(w, 7200);
    g_assert_cmpuint(k.creates, ==, 2);
    g_assert_cmpuint(w->settles, ==, settles + 1);
    g_assert_cmpstr(w->settled_credential, ==, WORLD_KEY(2));
    g_assert_cmpuint(g_hash_table_size(w->keys), ==, 2);
    world_advance(w, DAY);
    g_assert_null(g_hash_table_lookup(w->keys, WORLD_KEY(1)));
    g_assert_nonnull(g_hash_table_lookup(w->keys, WORLD_KEY(2)));
    g_assert_cmpuint(k.deletes, ==, 0); /* it had ended there by itself */
    world_advance(w, 10 * DAY);
    g_assert_cmpuint(k.creates, ==, 2);
    world_advance(w, 8 * DAY);
    g_assert_cmpuint(k.creates, ==, 3);
    end(w);
}

static void test_margin(void)
{
    static const struct {
        uint64_t margin;
        unsigned renewed_after; /* days, less an hour before it */
    } rows[] = {{0, 9}, {DAY, 9}, {3 * DAY, 7}, {8 * DAY, 2}, {100 * DAY, 1}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct mo_snapshot n = world_profile(false);
        struct world_keys k = {0};
        struct world *w = world_with_key(&n, &k);
        w->settings.key_renew_margin = rows[i].margin;
        world_power_cycle(w);
        world_advance(w, rows[i].renewed_after * DAY - 3600);
        g_assert_cmpuint(k.creates, ==, 1);
        world_advance(w, 7200);
        g_assert_cmpuint(k.creates, ==, 2);
        end(w);
    }
}

/* Off for twelve days: past its end, renewed at once after the start. Asleep for twelve days: the same. */
static void test_asleep(void)
{
    for (int off = 0; off < 2; off++) {
        struct mo_snapshot n = world_profile(false);
        struct world_keys k = {0};
        struct world *w = world_with_key(&n, &k);
        if (off)
            world_stop(w);
        pthread_mutex_lock(&w->lock);
        w->real += (int64_t)(12 * DAY * UINT64_C(1000000));
        w->boot += 12 * DAY * UINT64_C(1000000);
        w->limit = w->boot;
        pthread_mutex_unlock(&w->lock);
        if (off)
            world_power_cycle(w);
        else
            world_advance(w, 600); /* a sleeper looks at the clock every five minutes */
        g_assert_cmpuint(k.creates, ==, 2);
        g_assert_cmpstr(w->settled_credential, ==, WORLD_KEY(2));
        end(w);
    }
}

/* T7: not from a profile that has expired, was deleted, or whose place another one has; with the literal
 * reading (E-04) only from one that has expired. */
static void test_profile(void)
{
    for (int row = 0; row < 6; row++) {
        struct mo_snapshot n = world_profile(false);
        struct world_keys k = {0};
        struct world *w = world_with_key(&n, &k);
        int64_t day = (int64_t)(DAY * UINT64_C(1000000));
        bool literal = row >= 4, renewed = row == 3 || row == 5;
        g_test_message("row %d", row);
        switch (row) {
        case 0:
            n.expires = w->real + 5 * day;
            break;
        case 1:
            w->node = NULL;
            break;
        case 2:
            n.id = 8;
            break;
        case 3:
            n.expires = w->real + 50 * day;
            break;
        case 4:
            n.expires = w->real + 50 * day;
            break;
        case 5:
            n.expires = w->real + 5 * day;
            break;
        }
        w->settings.renew_after_profile_expiry = literal;
        world_power_cycle(w);
        world_advance(w, 9 * DAY + 3600);
        g_assert_cmpuint(k.creates, ==, renewed ? 2 : 1);
        if (row == 0) { /* a later date in the node, at last */
            n.expires = 0;
            g_assert_cmpint(mef_client_set_config(w->client, &w->config), ==, 0);
            world_idle(w);
            g_assert_cmpuint(k.creates, ==, 2);
        }
        if (row == 4) { /* the key ends after the profile */
            world_advance(w, 42 * DAY);
            g_assert_cmpuint(k.creates, >=, 2);
        }
        end(w);
    }
}

/* EE-08: what happens to the profile or to the configuration asks for nothing, and the key stays. */
static void test_no_trigger(void)
{
    struct mo_snapshot n = world_profile(false);
    struct world_keys k = {0};
    struct world *w = world_with_key(&n, &k);

    guint requests = w->log->len;
    n.key_reg_duration = (char *)"PT60S";
    world_key_child.http_port = 9999;
    g_assert_cmpint(mef_client_set_config(w->client, &w->config), ==, 0);
    world_idle(w);
    w->node = NULL; /* deleted */
    g_assert_cmpint(mef_client_set_config(w->client, &w->config), ==, 0);
    world_idle(w);
    world_advance(w, 3600);
    g_assert_cmpuint(w->log->len, ==, requests);
    g_assert_nonnull(g_hash_table_lookup(w->keys, WORLD_KEY(1)));
    world_key_child.http_port = 8443;
    end(w);
}

/* A refused renewal: told, tried again, the present key stays tied; then settled. */
static void test_refused(void)
{
    struct mo_snapshot n = world_profile(false);
    struct world_keys k = {0};
    struct world *w = world_with_key(&n, &k);

    k.refuse = 4103;
    unsigned settles = w->settles;
    world_advance(w, 9 * DAY + 3600);
    g_assert_cmpuint(k.creates, >=, 2);
    g_assert_cmpuint(k.creates, <=, 14); /* back-off, not a loop */
    g_assert_cmpuint(w->settles, ==, settles);
    g_assert_nonnull(world_attention(w, "key-renewal-failed"));
    k.refuse = 0;
    world_advance(w, 3600);
    g_assert_null(world_attention(w, "key-renewal-failed"));
    g_assert_cmpuint(w->settles, ==, settles + 1);
    end(w);
}

/* A MEF that orders one key after another: the profile has its key and the one before it, which peers may
 * still use; older ones are given up on both sides at once, so that they do not fill the token. */
static void test_again(void)
{
    static const struct mef_command more[] = {{.cid = "\"k-2\"", .cdsc = WORLD_KEY_ARGS},
                                              {.cid = "\"k-3\"", .cdsc = WORLD_KEY_ARGS},
                                              {.cid = "\"k-4\"", .cdsc = WORLD_KEY_ARGS},
                                              {.cid = "\"k-5\"", .cdsc = WORLD_KEY_ARGS}};
    static const char *const names[] = {WORLD_KEY(1), WORLD_KEY(2), WORLD_KEY(3), WORLD_KEY(4), WORLD_KEY(5)};
    struct mo_snapshot n = world_profile(false);
    struct world_keys k = {0};
    struct world *w = world_with_key(&n, &k);

    for (unsigned i = 0; i < G_N_ELEMENTS(more); i++) {
        world_advance(w, 60);
        world_commands(w, &more[i], 1);
        world_request(w, MEF_PROC_POLL, 3 + i);
        g_assert_cmpuint(w->commands[0].reports, ==, 1);
        g_assert_cmpuint(w->commands[0].reported, ==, 20);
        g_assert_cmpuint(k.creates, ==, 2 + i);
        g_assert_cmpuint(k.deletes, ==, i);
        g_assert_cmpuint(g_hash_table_size(w->keys), ==, 2);
        g_assert_nonnull(g_hash_table_lookup(w->keys, names[i]));
        g_assert_nonnull(g_hash_table_lookup(w->keys, names[i + 1]));
        g_assert_cmpstr(w->settled_credential, ==, names[i + 1]);
    }
    end(w);
}

/* The store cannot be read for a while. */
static void test_store(void)
{
    struct mo_snapshot n = world_profile(false);
    struct world_keys k = {0};
    struct world *w = world_with_key(&n, &k);

    w->list_error = true;
    world_power_cycle(w);
    world_advance(w, 10 * DAY);
    g_assert_cmpuint(k.creates, ==, 1);
    w->list_error = false;
    world_advance(w, DAY);
    g_assert_cmpuint(k.creates, ==, 2);
    end(w);
}

/* The power goes at each durable step of a key registration, and comes back: reported once, one key in the
 * token, and that one tied. What the MEF made for an answer that was lost stays there; nobody knows its name.
 */
static void test_power(void)
{
    static const struct mef_command command = {.cid = "\"k-1\"", .cdsc = WORLD_KEY_ARGS};

    for (int before = 0; before < 2; before++)
        for (unsigned cut = 1; cut < 12; cut++) {
            struct mo_snapshot n = world_profile(false);
            struct world_keys k = {0};
            struct world *w = world_registered();
            struct mef_error e;
            w->node = &n;
            w->hook = world_key_hook;
            w->hook_ctx = &k;
            world_commands(w, &command, 1);
            w->steps = 0;
            w->cut_at = cut;
            w->cut_before = before;
            g_assert_cmpint(mef_client_request(w->client, MEF_PROC_POLL, 2, &e), ==, 0);
            world_idle(w);
            world_power_cycle(w);
            world_advance(w, 3600);
            if (!w->commands[0].reports) /* cut before it was retrieved */
                world_request(w, MEF_PROC_POLL, 3);
            g_assert_cmpuint(w->commands[0].reports, ==, 1);
            g_assert_cmpuint(w->commands[0].reported, ==, 20);
            g_assert_nonnull(g_hash_table_lookup(w->keys, w->settled_credential));
            g_assert_cmpuint(k.creates, <=, 2);
            g_assert_cmpuint(g_hash_table_size(w->keys), <=, k.creates);
            end(w);
        }
}

/* ---- tasks --------------------------------------------------------------------------------------------- */

static enum mef_error_word on_key(struct world *w, enum mef_task_kind kind, const char *key_id)
{
    struct world_result r;
    struct mef_task *t = world_task(kind, key_id, &r);

    t->et = w->real + (int64_t)(30 * DAY * UINT64_C(1000000));
    if (kind == MEF_TASK_KEY_UPDATE)
        t->labels = strv_copy((char **)(uintptr_t)labels);
    return world_run_task(w, t, &r);
}

/* EE-10: a key of which we are the target; what is wrong with the answer is said, and nothing kept. */
static void test_retrieve(void)
{
    static const struct {
        const char *value, *et;
        enum mef_error_word word;
    } rows[] = {
        {NULL, NULL, MEF_ERROR_SERVER_REJECTED},
        {"AAECAwQFBgcICQoLDA0ODw==", NULL, MEF_ERROR_SERVER_REJECTED}, /* 16 octets */
        {"no base64", NULL, MEF_ERROR_SERVER_REJECTED},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "20200101T000000", MEF_ERROR_SERVER_REJECTED},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", NULL, MEF_ERROR_NONE},
    };
    struct mo_snapshot n = world_profile(false);
    struct world_keys k = {0};
    struct world *w = world_with_key(&n, &k);

    g_assert_cmpint(on_key(w, MEF_TASK_KEY_RETRIEVE, "key-9@other.example.com"), ==,
                    MEF_ERROR_INVALID_ARGUMENTS);
    g_assert_cmpint(on_key(w, MEF_TASK_KEY_RETRIEVE, "a/b@" WORLD_FQDN), ==, MEF_ERROR_INVALID_ARGUMENTS);
    g_assert_cmpuint(k.retrieves, ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        k.value = rows[i].value;
        k.et = rows[i].et;
        g_assert_cmpint(on_key(w, MEF_TASK_KEY_RETRIEVE, WORLD_KEY(9)), ==, rows[i].word);
        g_assert_true(!g_hash_table_lookup(w->keys, WORLD_KEY(9)) == (rows[i].word != MEF_ERROR_NONE));
    }
    g_assert_cmpuint(k.retrieves, ==, G_N_ELEMENTS(rows));
    gsize len;
    const guint8 *octets = g_bytes_get_data(g_hash_table_lookup(w->keys, WORLD_KEY(9)), &len);
    g_assert_cmpuint(len, ==, 32);
    for (gsize i = 0; i < len; i++)
        g_assert_cmpuint(octets[i], ==, i);
    /* Nobody renews what is not ours; at its end it goes. */
    struct world_key *row = g_hash_table_lookup(w->rows, WORLD_KEY(9));
    g_assert_true(row->kept);
    world_advance(w, 91 * DAY);
    g_assert_null(g_hash_table_lookup(w->keys, WORLD_KEY(9)));
    end(w);
}

/* EE-24: the registration is prolonged, then given up; with the registration it was under as well. */
static void test_update_delete(void)
{
    struct mo_snapshot n = world_profile(false);
    struct world_keys k = {0};
    struct world *w = world_with_key(&n, &k);
    const struct seen *last;
    int64_t et;

    g_assert_cmpint(on_key(w, MEF_TASK_KEY_UPDATE, WORLD_KEY(1)), ==, MEF_ERROR_NONE);
    last = world_seen(w, w->log->len - 1);
    g_assert_cmpint(last->op, ==, MEF_OP_UPDATE);
    g_assert_cmpstr(last->to, ==, "//" WORLD_FQDN "/-/key-1");
    g_assert_cmpstr(last->body, ==, "{\"sec:skr\":{\"et\":\"20260331T080000\",\"lbl\":[\"saef\"]}}");
    struct world_key *row = g_hash_table_lookup(w->rows, WORLD_KEY(1));
    g_assert_cmpint(timestamp_parse("20260331T080000", &et), ==, 0);
    g_assert_cmpint(row->expires, ==, et);
    k.et = "20260320T000000"; /* the MEF grants less */
    g_assert_cmpint(on_key(w, MEF_TASK_KEY_UPDATE, WORLD_KEY(1)), ==, MEF_ERROR_NONE);
    g_assert_cmpint(timestamp_parse(k.et, &et), ==, 0);
    g_assert_cmpint(row->expires, ==, et);
    k.et = "20200101T000000";
    g_assert_cmpint(on_key(w, MEF_TASK_KEY_UPDATE, WORLD_KEY(1)), ==, MEF_ERROR_SERVER_REJECTED);
    g_assert_cmpint(row->expires, ==, et);
    world_advance(w, 12 * DAY); /* the former end is past, the present one is not near */
    g_assert_cmpuint(k.creates, ==, 1);

    g_assert_cmpint(on_key(w, MEF_TASK_KEY_DELETE, WORLD_KEY(1)), ==, MEF_ERROR_NONE);
    g_assert_cmpuint(k.deletes, ==, 1);
    g_assert_null(g_hash_table_lookup(w->keys, WORLD_KEY(1)));
    end(w);

    w = world_with_key(&n, &(struct world_keys){0});
    struct world_keys *again = w->hook_ctx;
    world_request(w, MEF_PROC_DEREGISTER, 9);
    g_assert_cmpint(world_finished(w, 9), ==, 0);
    g_assert_cmpuint(again->deletes, ==, 1);
    g_assert_false(w->registered);
    end(w);
}

static struct {
    int what, r;
    uint32_t status;
    unsigned asked;
} elsewhere;

static int delegate(void *ctx, const struct mo_snapshot *n, int what, const struct wait *wait,
                    uint32_t *ret_status, struct mef_error *reterr)
{
    (void)ctx;
    g_assert_cmpuint(n->id, ==, 7);
    g_assert_cmpuint(wait->deadline, !=, DEADLINE_NONE);
    elsewhere.asked++;
    elsewhere.what = what;
    if (elsewhere.r < 0)
        return mef_fail(reterr, MEF_ERROR_NOT_REGISTERED, "nobody there");
    *ret_status = elsewhere.status;
    return 0;
}

/* A key under another registration than the one whose MEF commands it: that one is asked, what it says is
 * reported, and nothing is registered here. */
static void test_elsewhere(void)
{
    static const struct {
        int r;
        uint32_t status, reported;
        unsigned settled; /* by us: only when nobody else did */
    } rows[] = {{0, 20, 20, 0}, {0, 305, 305, 0}, {-ENOENT, 0, 305, 1}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        static const struct mef_command command = {.cid = "\"k-1\"", .cdsc = WORLD_KEY_ARGS};
        struct mo_snapshot n = world_profile(false);
        struct world_keys k = {0};
        struct world *w = world_new();
        w->delegate = delegate;
        world_start(w);
        world_request(w, MEF_PROC_REGISTER, 1);
        w->node = &n;
        w->hook = world_key_hook;
        w->hook_ctx = &k;
        elsewhere.asked = 0;
        elsewhere.r = rows[i].r;
        elsewhere.status = rows[i].status;
        world_key_child.admin_fqdn = (char *)"second.example.org";
        world_commands(w, &command, 1);
        world_request(w, MEF_PROC_POLL, 2);
        world_key_child.admin_fqdn = (char *)WORLD_ADMIN;
        g_assert_cmpuint(w->commands[0].reported, ==, rows[i].reported);
        g_assert_cmpuint(elsewhere.asked, ==, 1);
        g_assert_cmpint(elsewhere.what, ==, MO_NODE_CASE_B);
        g_assert_cmpuint(w->settles, ==, rows[i].settled);
        g_assert_cmpuint(k.creates, ==, 0);
        end(w);
    }
}

/* Precondition B: no live registration; one is made first, once. */
static void test_registers(void)
{
    struct world *w = world_new();
    struct mo_snapshot n = world_profile(false);
    struct world_keys k = {0};
    struct world_result r;

    w->node = &n;
    w->hook = world_key_hook;
    w->hook_ctx = &k;
    world_start(w);
    struct mef_task *t = world_process_task(&n, MO_NODE_CASE_B, &r);
    g_assert_cmpint(world_run_task(w, t, &r), ==, MEF_ERROR_NONE);
    g_assert_cmpuint(r.status, ==, 20);
    g_assert_true(w->registered);
    g_assert_cmpuint(k.creates, ==, 1);
    g_assert_cmpint(world_seen(w, w->log->len - 1)->op, ==, MEF_OP_RETRIEVE); /* T11 */
    end(w);

    w = world_new();
    w->node = &n;
    w->hook = world_refuse_create_hook;
    w->hook_ctx = GUINT_TO_POINTER(4103);
    world_start(w);
    t = world_process_task(&n, MO_NODE_CASE_B, &r);
    g_assert_cmpint(world_run_task(w, t, &r), ==, MEF_ERROR_SERVER_REJECTED);
    g_assert_cmpuint(r.status, ==, 305);
    g_assert_cmpuint(w->settled, ==, 305);
    g_assert_cmpuint(w->log->len, ==, 1);
    end(w);
}

static void test_task_ends(void)
{
    struct world *w = world_new();
    struct world_result r;

    /* Never started: answered all the same. */
    w->settings.backoff_min = 1;
    struct mef_task *t = world_task(MEF_TASK_KEY_RETRIEVE, WORLD_KEY(9), &r);
    world_start(w);
    world_request(w, MEF_PROC_END, 3);
    g_assert_cmpint(mef_client_task(w->client, t, NULL), ==, -EBUSY);
    mef_task_free(t);
    g_assert_false(r.done);
    world_free(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/keys/triggers/T7/EE-09/renewal", test_renewal);
    g_test_add_func("/mef/keys/triggers/T7/EE-09/margin", test_margin);
    g_test_add_func("/mef/keys/triggers/T7/EE-09/asleep", test_asleep);
    g_test_add_func("/mef/keys/triggers/T7/EE-09/profile", test_profile);
    g_test_add_func("/mef/keys/triggers/T3/T4/EE-08/no-trigger", test_no_trigger);
    g_test_add_func("/mef/keys/EE-09/refused", test_refused);
    g_test_add_func("/mef/keys/MC-42/EE-07/again", test_again);
    g_test_add_func("/mef/keys/EE-09/store", test_store);
    g_test_add_func("/mef/keys/MC-42/power", test_power);
    g_test_add_func("/mef/keys/triggers/T8/EE-10/retrieve", test_retrieve);
    g_test_add_func("/mef/keys/EE-24/update-delete", test_update_delete);
    g_test_add_func("/mef/keys/triggers/T11/MC-38/registers", test_registers);
    g_test_add_func("/mef/keys/MC-38/elsewhere", test_elsewhere);
    g_test_add_func("/mef/keys/task-ends", test_task_ends);
    return g_test_run();
}
