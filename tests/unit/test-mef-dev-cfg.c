/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef: DEV_CFG on the wire, with DM sessions that end as a test wants: what is reported, what is asked
 * of the port, and the power that goes at each durable step. */
#include <errno.h>

#include "plugin/base/str.h"
#include "tests/unit/mef-world.h"

struct sessions {
    struct world *w;
    int offered, result; /* what the port answers */
    unsigned asked, run;
    bool end; /* the session deletes the registration that it belongs to */
};

static int port_offered(void *ctx, uint32_t protocol, const struct wait *wait, struct mef_error *reterr)
{
    struct sessions *s = ctx;
    s->asked++;
    g_assert_cmpuint(protocol, ==, 3);
    return s->offered;
}

static int port_run(void *ctx, const struct dm_request *request, const struct wait *wait,
                    struct mef_error *reterr)
{
    struct sessions *s = ctx;
    struct mef_error e = {0};
    int r = wait_check(wait);
    if (r < 0)
        return r;
    s->run++;
    g_assert_cmpuint(request->protocol, ==, 3);
    g_assert_cmpstr(request->uri, ==, "coaps://mef.example.com:5684");
    g_assert_cmpstr(request->fqdn, ==, WORLD_FQDN);
    g_assert_cmpstr(request->node, ==, WORLD_NODE);
    if (s->end)
        g_assert_cmpint(mef_client_request(s->w->client, MEF_PROC_END_AFTER_REPORT, 2, &e), ==, 0);
    r = wait_check(wait); /* which must not cancel the session */
    if (r < 0)
        return r;
    return s->result == DM_OK ? DM_OK : (mef_fail(reterr, MEF_ERROR_FAILED, "as the test wants"), s->result);
}

static struct world *world_with(struct sessions *s)
{
    struct world *w = world_new();
    s->w = w;
    w->dm = (struct dm_port){s, port_offered, port_run};
    return w;
}

/* MC-22 to MC-25: each answer of the port has its status; what is not offered or not this MEF's begins no
 * session. */
static void test_outcomes(void)
{
    static const struct {
        const char *cdsc;
        int offered, result;
        uint32_t csc;
        unsigned run;
    } row[] = {
        {DEV_CFG, 1, DM_OK, 20, 1},
        {DEV_CFG, 1, DM_SERVER_ERROR, 201, 1},
        {DEV_CFG, 1, DM_CLIENT_ERROR, 202, 1},
        {DEV_CFG, 0, DM_OK, 43, 0},
        {"{\"ccid\":2,\"cmda\":{\"dcca\":{\"dcu\":\"3:coaps://other.example.com\"}}}", 1, DM_OK, 43, 0},
        {"{\"ccid\":2,\"cmda\":{\"dcca\":{\"dcu\":\"7:https://mef.example.com\"}}}", 1, DM_OK, 43, 0},
        {"{\"ccid\":2,\"cmda\":{\"dcca\":{\"dcu\":\"coaps\"}}}", 1, DM_OK, 42, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        struct sessions s = {.offered = row[i].offered, .result = row[i].result};
        struct world *w = world_with(&s);
        const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = row[i].cdsc}};
        g_test_message("%s %d %d", row[i].cdsc, row[i].offered, row[i].result);
        world_commands(w, commands, 1);
        world_start(w);
        world_request(w, MEF_PROC_REGISTER, 1);
        g_assert_cmpuint(w->commands[0].reported, ==, row[i].csc);
        g_assert_cmpuint(w->commands[0].reports, ==, 1);
        g_assert_cmpuint(s.run, ==, row[i].run);
        g_assert_cmpint(world_finished(w, 1), ==, 0);
        world_free(w);
    }
}

static const struct mef_command story_commands[] = {{.cid = "\"c-1\"", .cdsc = DEV_CFG},
                                                    {.cid = "\"c-2\"", .cdsc = CERT_PROV}};

/* Runs the story with a cut at step `cut` (0 = none); the number of steps that it took. */
static unsigned story(unsigned cut, bool before)
{
    struct sessions s = {.offered = 1};
    struct world *w = world_with(&s);
    struct mef_error e;
    world_commands(w, story_commands, G_N_ELEMENTS(story_commands));
    w->cut_at = cut;
    w->cut_before = before;
    world_start(w);
    g_assert_cmpint(mef_client_request(w->client, MEF_PROC_REGISTER, 1, &e), ==, 0);
    world_idle(w);
    if (w->dead) {
        world_power_cycle(w);
        if (w->state == REG_NEW)
            world_request(w, MEF_PROC_REGISTER, 2);
    }
    world_advance(w, 1200);
    for (size_t i = 0; i < G_N_ELEMENTS(story_commands); i++) {
        g_assert_cmpuint(w->commands[i].reports, ==, 1);
        g_assert_cmpuint(w->commands[i].reported, ==, 20);
    }
    /* One that was cut in the middle runs again, one that was done does not. */
    g_assert_cmpuint(s.run, >=, 1);
    g_assert_cmpuint(s.run, <=, cut ? 2 : 1);
    unsigned steps = w->steps;
    world_free(w);
    return steps;
}

static void test_power(void)
{
    unsigned steps = story(0, false);
    g_assert_cmpuint(steps, >, 8);
    for (unsigned cut = 1; cut <= steps; cut++) {
        (void)story(cut, true);
        (void)story(cut, false);
    }
}

/* mo-tree.md 4.3: the report of a session that ended its own registration goes before the de-registration;
 * nothing is executed or retrieved any more. */
static void test_own_end(void)
{
    struct sessions s = {.offered = 1, .end = true};
    struct world *w = world_with(&s);
    world_commands(w, story_commands, G_N_ELEMENTS(story_commands));
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpuint(w->commands[0].reported, ==, 20);
    g_assert_cmpuint(w->commands[1].reports, ==, 0);
    g_assert_cmpuint(w->enrolments, ==, 0);
    g_assert_false(w->registered);
    g_assert_cmpuint(w->ended, ==, 1);
    g_assert_cmpint(world_seen(w, w->log->len - 1)->op, ==, MEF_OP_DELETE);
    g_assert_cmpint(world_seen(w, w->log->len - 2)->op, ==, MEF_OP_UPDATE);
    world_free(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/dev-cfg/MC-22/MC-23/MC-25/outcomes", test_outcomes);
    g_test_add_func("/mef/dev-cfg/power-goes-at-each-step", test_power);
    g_test_add_func("/mef/dev-cfg/own-registration-ended", test_own_end);
    return g_test_run();
}
