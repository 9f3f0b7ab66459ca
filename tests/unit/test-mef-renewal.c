/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef: a certificate that a person has renewed (EE-02): the checks of CERT_PROV, a new pair over the
 * present certificate, proven by a handshake with the new one before it counts, nothing reported; refused,
 * cancelled, and with the power cut at each durable step. */
#include <string.h>

#include "plugin/base/str.h"
#include "tests/unit/mef-world.h"

#define EST  "https://mef.example.com:8443/.well-known/est"
#define YEAR (365u * DAY)

static const struct mef_command command = {.cid = "\"c-1\"", .cdsc = CERT_PROV};

struct asked {
    GMutex lock;
    GCond changed;
    bool done;
    struct mef_error err;
};

static void task_done(void *ctx, uint32_t status, const struct mef_error *err)
{
    struct asked *a = ctx;

    g_mutex_lock(&a->lock);
    g_assert_false(a->done);
    g_assert_cmpuint(status, ==, 0);
    a->done = true;
    if (err)
        a->err = *err;
    g_cond_signal(&a->changed);
    g_mutex_unlock(&a->lock);
}

static void ask(struct world *w, struct asked *a, const uint8_t id[KEY_ID_LEN], const char *uri)
{
    struct mef_task *t = calloc(1, sizeof *t);

    *a = (struct asked){0};
    t->kind = MEF_TASK_CERT_RENEW;
    t->job = 7;
    t->subject_id = strdup(WORLD_ID);
    t->uri = uri ? strdup(uri) : NULL;
    memcpy(t->cert_id, id, KEY_ID_LEN);
    t->done = task_done;
    t->ctx = a;
    g_assert_cmpint(mef_client_task(w->client, t, NULL), ==, 0);
}

static enum mef_error_word wait_for(struct world *w, struct asked *a)
{
    g_mutex_lock(&a->lock);
    while (!a->done)
        g_cond_wait(&a->changed, &a->lock);
    g_mutex_unlock(&a->lock);
    world_idle(w);
    return a->err.word;
}

static enum mef_error_word renew(struct world *w, struct asked *a, const char *uri)
{
    ask(w, a, w->reg.cert_id, uri);
    return wait_for(w, a);
}

/* Registered, and with a certificate by CERT_PROV; at rest, and with an empty story. */
static struct world *enrolled(uint8_t id[KEY_ID_LEN])
{
    struct world *w = world_registered();

    w->cert_life = YEAR;
    world_commands(w, &command, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpuint(w->commands[0].reported, ==, 20);
    g_assert_true(w->reg.has_cert);
    g_assert_cmpuint(w->enrolments, ==, 1);
    g_assert_cmpuint(g_hash_table_size(w->pairs), ==, 1);
    memcpy(id, w->reg.cert_id, KEY_ID_LEN);
    g_ptr_array_set_size(w->log, 0);
    return w;
}

static struct cmd_record *newest(struct world *w)
{
    return w->cmds->pdata[w->cmds->len - 1];
}

static bool uses(struct world *w, const uint8_t id[KEY_ID_LEN])
{
    return w->reg.has_cert && memcmp(w->reg.cert_id, id, KEY_ID_LEN) == 0;
}

static void test_renewed(void)
{
    uint8_t id[KEY_ID_LEN];
    struct world *w = enrolled(id);
    struct asked a;
    int64_t poll = w->next_poll;
    g_autofree char *before = g_strdup(w->credential), *with = g_strdup_printf("cert:%.8s", w->credential);

    g_assert_cmpint(renew(w, &a, NULL), ==, MEF_ERROR_NONE);
    /* The one request is the look at the registration, over the new certificate; no report, and the timer of
     * the MEF goes on. */
    world_assert_story(w, "R /-/mecr-7f3a21");
    g_assert_cmpstr(w->credential, !=, before);
    g_autofree char *now = g_strdup_printf("cert:%.8s", w->credential);
    g_assert_cmpstr(world_seen(w, 0)->credential, ==, now);
    g_assert_cmpint(w->next_poll, ==, poll);
    g_assert_cmpuint(w->enrolments, ==, 2);
    g_assert_cmpstr(w->est_uri, ==, EST);
    g_assert_cmpstr(w->est_san, ==, "gw42.in-cse.m2m.example.com");
    g_assert_cmpstr(w->est_with, ==, with);
    g_assert_cmpstr(w->est_renew, ==, with);
    /* Another pair; the former one stays as after CERT_PROV. */
    g_assert_false(uses(w, id));
    g_assert_cmpuint(g_hash_table_size(w->pairs), ==, 2);
    g_assert_true(cmd_record_by_hand(newest(w)));
    g_assert_cmpint(newest(w)->state, ==, CMD_REPORTED);
    /* MC-06: what the MEF heard last is still its own command. */
    g_assert_cmpstr(w->reg.last_update_cid, ==, "\"c-1\"");
    /* Where to go is remembered over a renewal, and a restart. */
    world_power_cycle(w);
    g_assert_cmpint(renew(w, &a, NULL), ==, MEF_ERROR_NONE);
    g_assert_cmpstr(w->est_uri, ==, EST);
    g_assert_cmpuint(w->enrolments, ==, 3);
    world_free(w);
}

/* MC-16 to MC-19 as for a command, and what is not known must be said. */
static void test_refused_here(void)
{
    static const struct {
        const char *uri;
        enum mef_error_word word;
    } rows[] = {
        {"https://est.example.com/.well-known/est", MEF_ERROR_INVALID_ARGUMENTS},
        {"http://mef.example.com/.well-known/est", MEF_ERROR_INVALID_ARGUMENTS},
        {"https://u@mef.example.com/", MEF_ERROR_INVALID_ARGUMENTS},
        {"https://mef.example.com/est?x=1", MEF_ERROR_INVALID_ARGUMENTS},
        {"https://mef.example.com:9443/", MEF_ERROR_NONE},
    };
    uint8_t id[KEY_ID_LEN], other[KEY_ID_LEN] = {0};
    struct world *w = enrolled(id);
    struct asked a;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpint(renew(w, &a, rows[i].uri), ==, rows[i].word);
        g_assert_cmpuint(w->enrolments, ==, rows[i].word ? 1 : 2);
    }
    g_assert_cmpstr(w->est_uri, ==, "https://mef.example.com:9443/");
    ask(w, &a, other, NULL);
    g_assert_cmpint(wait_for(w, &a), ==, MEF_ERROR_NOT_SUPPORTED);
    ask(w, &a, id, NULL); /* the former one */
    g_assert_cmpint(wait_for(w, &a), ==, MEF_ERROR_NOT_SUPPORTED);

    /* The journal has lost it: only then it has to be said. */
    g_ptr_array_set_size(w->cmds, 0);
    world_power_cycle(w);
    g_assert_cmpint(renew(w, &a, NULL), ==, MEF_ERROR_INVALID_ARGUMENTS);
    g_assert_nonnull(strstr(a.err.text, "option URI"));
    g_assert_cmpint(renew(w, &a, EST), ==, MEF_ERROR_NONE);
    g_assert_cmpuint(w->enrolments, ==, 3);

    w->settings.classes = 1u << CMD_MO_NODE;
    world_power_cycle(w);
    g_assert_cmpint(renew(w, &a, NULL), ==, MEF_ERROR_NOT_SUPPORTED);
    w->settings.classes = 0;
    w->identity.cse_public_domain = "other.m2m.example.com"; /* it would be another certificate */
    world_power_cycle(w);
    g_assert_cmpint(renew(w, &a, NULL), ==, MEF_ERROR_NOT_SUPPORTED);
    g_assert_cmpuint(w->enrolments, ==, 3);
    g_assert_cmpuint(w->log->len, ==, 2); /* of the two that went well */
    world_free(w);
}

static void test_server_refuses(void)
{
    uint8_t id[KEY_ID_LEN];
    struct world *w = enrolled(id);
    struct asked a;

    w->est_result = 100;
    g_assert_cmpint(renew(w, &a, NULL), ==, MEF_ERROR_SERVER_REJECTED);
    g_assert_true(uses(w, id));
    g_assert_cmpuint(g_hash_table_size(w->pairs), ==, 1);
    g_assert_cmpuint(w->log->len, ==, 0);
    g_assert_cmpint(newest(w)->state, ==, CMD_REPORTED);
    g_assert_cmpuint(newest(w)->csc, ==, 100);
    /* And it can be tried again. */
    w->est_result = 20;
    g_assert_cmpint(renew(w, &a, NULL), ==, MEF_ERROR_NONE);
    world_free(w);
}

/* Over the new certificate the MEF answers what hook_ctx says; the former one is fine. */
static char former[16];
static int other_certificate_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    int what = GPOINTER_TO_INT(w->hook_ctx);

    if (!what || !g_str_has_prefix(req->credential, "cert:") || streq(req->credential, former))
        return -1;
    if (what < 1000)
        return what;
    world_answer(req, ret, (uint32_t)what, NULL);
    return 0;
}

static struct world *with_hook(uint8_t id[KEY_ID_LEN], int what)
{
    struct world *w = enrolled(id);

    g_snprintf(former, sizeof former, "cert:%.8s", w->credential);
    w->hook_ctx = GINT_TO_POINTER(what);
    w->hook = other_certificate_hook;
    return w;
}

static void test_mef_refuses(void)
{
    static const int rows[] = {TRANSPORT_TLS_REFUSED, TRANSPORT_UNTRUSTED, 4103, 4106, 4107, 4000};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint8_t id[KEY_ID_LEN];
        struct world *w = with_hook(id, rows[i]);
        struct asked a;
        g_assert_cmpint(renew(w, &a, NULL), ==, MEF_ERROR_SERVER_REJECTED);
        g_assert_cmpuint(w->enrolments, ==, 2);
        g_assert_true(uses(w, id));
        g_assert_cmpuint(g_hash_table_size(w->pairs), ==, 1);
        g_ptr_array_set_size(w->log, 0);
        world_request(w, MEF_PROC_POLL, 9);
        g_assert_cmpint(world_finished(w, 9), ==, 0);
        world_assert_story(w, "R /-/mecr-7f3a21/cmd");
        g_assert_cmpstr(world_seen(w, 0)->credential, ==, former);
        world_free(w);
    }
}

/* A time-out and 5xxx are no refusal: the job waits, also for its cancel. */
static void test_waits(void)
{
    static const int rows[] = {TRANSPORT_TIMEOUT, TRANSPORT_UNREACHABLE, 5000, 4008};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        for (int cancel = 0; cancel < 2; cancel++) {
            uint8_t id[KEY_ID_LEN];
            struct world *w = with_hook(id, rows[i]);
            struct asked a;
            ask(w, &a, id, NULL);
            world_idle(w);
            g_assert_cmpint(w->waiting_until, !=, 0);
            world_advance(w, 300);
            g_assert_false(a.done);
            g_assert_true(uses(w, id));
            g_assert_cmpuint(w->log->len, >, 1);
            g_assert_cmpint(newest(w)->state, ==, CMD_TENTATIVE);
            if (cancel)
                g_assert_cmpint(mef_client_cancel(w->client, 7), ==, 0);
            else {
                w->hook_ctx = NULL;
                world_advance(w, 1200);
            }
            g_assert_cmpint(wait_for(w, &a), ==, cancel ? MEF_ERROR_CANCELLED : MEF_ERROR_NONE);
            g_assert_true(uses(w, id) == cancel);
            g_assert_cmpuint(g_hash_table_size(w->pairs), ==, cancel ? 1 : 2);
            g_assert_cmpuint(w->enrolments, ==, 2);
            g_assert_cmpint(newest(w)->state, ==, CMD_REPORTED);
            world_free(w);
        }
}

/* The registration is lost meanwhile: what was made for it goes, and the client registers anew. */
static void test_registration_lost(void)
{
    uint8_t id[KEY_ID_LEN];
    struct world *w = with_hook(id, 4004);
    struct asked a;

    w->registered = false;
    ask(w, &a, id, NULL);
    g_assert_cmpint(wait_for(w, &a), ==, MEF_ERROR_NOT_REGISTERED);
    g_assert_true(uses(w, id));
    g_assert_cmpuint(g_hash_table_size(w->pairs), ==, 1);
    g_assert_cmpuint(w->registrations, ==, 2);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    world_free(w);
}

/* With the power gone at step `cut` it is finished after the start: once, and with one outcome or the other.
 */
static unsigned story(unsigned cut, bool before, bool refuse)
{
    uint8_t id[KEY_ID_LEN];
    struct world *w = with_hook(id, refuse ? TRANSPORT_TLS_REFUSED : 0);
    struct asked a;

    w->steps = 0;
    w->cut_at = cut;
    w->cut_before = before;
    ask(w, &a, id, NULL);
    bool begun = !(cut == 1 && before); /* else it never was in the journal */
    if (cut) {
        world_idle(w);
        world_power_cycle(w);
        world_advance(w, 1200);
    }
    enum mef_error_word word = wait_for(w, &a);
    if (!cut)
        g_assert_cmpint(word, ==, refuse ? MEF_ERROR_SERVER_REJECTED : MEF_ERROR_NONE);
    g_assert_true(uses(w, id) == (refuse || !begun));
    g_assert_cmpuint(g_hash_table_size(w->pairs), ==, refuse || !begun ? 1 : 2);
    g_assert_cmpint(newest(w)->state, ==, CMD_REPORTED);
    g_assert_true(cmd_record_by_hand(newest(w)) == begun);
    g_assert_cmpuint(w->enrolments, <=, cut ? 3 : 2);
    g_assert_cmpuint(w->commands[0].reports, ==, 1);
    for (guint i = 0; i < w->log->len; i++)
        g_assert_cmpint(world_seen(w, i)->op, ==, MEF_OP_RETRIEVE);
    unsigned steps = w->steps;
    world_free(w);
    return steps;
}

static void test_power(void)
{
    for (int refuse = 0; refuse < 2; refuse++) {
        unsigned steps = story(0, false, refuse);
        g_assert_cmpuint(steps, >=, 5);
        for (unsigned cut = 1; cut <= steps; cut++) {
            (void)story(cut, true, refuse);
            (void)story(cut, false, refuse);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/renewal/EE-02/over-the-present-certificate", test_renewed);
    g_test_add_func("/mef/renewal/EE-02/MC-17/refused-here", test_refused_here);
    g_test_add_func("/mef/renewal/EE-02/server-refuses", test_server_refuses);
    g_test_add_func("/mef/renewal/EE-02/mef-refuses", test_mef_refuses);
    g_test_add_func("/mef/renewal/EE-02/waits-and-cancel", test_waits);
    g_test_add_func("/mef/renewal/EE-02/registration-lost", test_registration_lost);
    g_test_add_func("/mef/renewal/EE-02/power-cut-at-each-step", test_power);
    return g_test_run();
}
