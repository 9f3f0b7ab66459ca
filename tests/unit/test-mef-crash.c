/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef: the power goes at each durable step of an exchange, once before and once after it took place,
 * and comes back. Each command is executed to its end, reported once to effect, and never executed again once
 * it was done. */
#include "plugin/base/str.h"
#include "plugin/mef/journal-states.h"
#include "tests/unit/mef-world.h"

static const struct mef_command commands[] = {{.cid = "\"c-1\"", .cdsc = CERT_PROV},
                                              {.cid = "\"c-2\"", .cdsc = DEV_CFG},
                                              {.cid = "3", .cdsc = CERT_PROV}};
static const uint32_t expected[] = {20, 41, 20};

/* Runs the story with a cut at step `cut` (0 = none); the number of steps that it took. */
static unsigned story(unsigned cut, bool before, bool refuse)
{
    struct world *w = world_new();
    struct mef_error e;
    bool refused = refuse;

    world_commands(w, commands, G_N_ELEMENTS(commands));
    w->refuse_certificates = refuse;
    w->cut_at = cut;
    w->cut_before = before;
    world_start(w);
    g_assert_cmpint(mef_client_request(w->client, MEF_PROC_REGISTER, 1, &e), ==, 0);
    world_idle(w);
    if (w->dead) {
        unsigned enrolments = w->enrolments;
        bool first_done = w->commands[0].reported != 0;
        world_power_cycle(w);
        /* The engine asks for a registration again where none is recorded (T1). */
        if (w->state == REG_NEW)
            world_request(w, MEF_PROC_REGISTER, 2);
        if (first_done && w->commands[0].reported == 20)
            g_assert_cmpuint(w->enrolments, <=, enrolments + 2);
    } else
        g_assert_cmpint(world_finished(w, 1), ==, 0);
    world_advance(w, 1200); /* any back-off */
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_assert_cmpuint(w->commands[i].reports, ==, 1);
        g_assert_cmpuint(w->commands[i].reported, ==, expected[i] == 20 && refused ? 100 : expected[i]);
        struct cmd_record *c = world_command(w, w->commands[i].cid);
        g_assert_nonnull(c);
        g_assert_cmpint(c->state, ==, CMD_REPORTED);
    }
    g_assert_cmpuint(w->registrations, ==, 1);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_assert_true(w->reg.has_cert == !refused);
    /* Two commands enrol; one that was cut while it ran runs again, one that was done does not. */
    g_assert_cmpuint(w->enrolments, >=, 2);
    g_assert_cmpuint(w->enrolments, <=, cut ? 3 : 2);
    if (!refused) {
        g_assert_true(g_str_has_prefix(world_seen(w, w->log->len - 1)->credential, "cert:"));
        g_assert_cmpuint(g_hash_table_size(w->pairs), ==, 2);
    }
    /* MC-02: no retrieve between a command that is in the journal and its report. */
    unsigned steps = w->steps;
    world_free(w);
    return steps;
}

static void test_power(void)
{
    for (int refuse = 0; refuse < 2; refuse++) {
        unsigned steps = story(0, false, refuse);
        g_assert_cmpuint(steps, >, 12);
        for (unsigned cut = 1; cut <= steps; cut++) {
            (void)story(cut, true, refuse);
            (void)story(cut, false, refuse);
        }
    }
}

/* After a command was stored, the first thing that leaves after the power is back is its report (MC-02). */
static void test_no_retrieve(void)
{
    for (unsigned cut = 1; cut < 40; cut++) {
        struct world *w = world_new();
        world_commands(w, commands, 1);
        w->cut_at = cut;
        world_start(w);
        struct mef_error e;
        g_assert_cmpint(mef_client_request(w->client, MEF_PROC_REGISTER, 1, &e), ==, 0);
        world_idle(w);
        struct cmd_record *c = w->cmds->len ? w->cmds->pdata[0] : NULL;
        bool owed = w->dead && c && c->state != CMD_REPORTED;
        guint before = w->log->len;
        if (owed) {
            world_power_cycle(w);
            g_assert_cmpuint(w->log->len, >, before);
            g_assert_cmpint(world_seen(w, before)->op, ==, MEF_OP_UPDATE);
            g_assert_true(g_str_has_suffix(world_seen(w, before)->to, "/cmd"));
        }
        world_free(w);
    }
}

/* EE-06 over a power cut: each step of the end once, and the end is reached. */
static void test_end(void)
{
    for (int before = 0; before < 2; before++)
        for (unsigned cut = 0; cut < 8; cut++) {
            struct world *w = world_new();
            struct mef_error e;
            world_commands(w, commands, 1);
            world_start(w);
            world_request(w, MEF_PROC_REGISTER, 1);
            w->steps = 0;
            w->cut_at = cut;
            w->cut_before = before;
            g_assert_cmpint(mef_client_request(w->client, MEF_PROC_END, 2, &e), ==, 0);
            world_idle(w);
            if (w->dead && w->has_reg) {
                /* A record whose node is gone: the engine starts it again to end it. */
                world_stop(w);
                w->dead = false;
                w->cut_at = 0;
                w->ended = 0;
                g_hash_table_remove_all(w->finished);
                world_start(w);
                if (!w->ended)
                    world_request(w, MEF_PROC_END, 3);
                if (!w->ended)
                    world_advance(w, 1200);
            }
            g_assert_false(w->has_reg);
            g_assert_false(w->registered);
            g_assert_cmpuint(g_hash_table_size(w->pairs), ==, 0);
            for (guint i = 0; i < w->log->len; i++)
                if (world_seen(w, i)->op == MEF_OP_DELETE)
                    for (guint j = i + 1; j < w->log->len; j++)
                        g_assert_cmpint(world_seen(w, j)->op, ==, MEF_OP_DELETE);
            world_free(w);
        }
}

/* A token whose OK was not durable: TENTATIVE without a pair runs again, DONE without one is a client error.
 */
static void test_token_forgets(void)
{
    for (unsigned cut = 1; cut < 40; cut++) {
        struct world *w = world_new();
        struct mef_error e;
        world_commands(w, commands, 1);
        w->cut_at = cut;
        world_start(w);
        g_assert_cmpint(mef_client_request(w->client, MEF_PROC_REGISTER, 1, &e), ==, 0);
        world_idle(w);
        struct cmd_record *c = w->cmds->len ? w->cmds->pdata[0] : NULL;
        if (w->dead && c &&
            (c->state == CMD_TENTATIVE || (c->state == CMD_DONE && !w->commands[0].reported))) {
            bool tentative = c->state == CMD_TENTATIVE;
            g_hash_table_remove_all(w->pairs);
            world_power_cycle(w);
            world_advance(w, 1200);
            g_assert_cmpuint(w->commands[0].reports, ==, 1);
            g_assert_cmpuint(w->commands[0].reported, ==, tentative ? 20 : 101);
            g_assert_cmpuint(w->enrolments, ==, tentative ? 2 : 1);
        }
        world_free(w);
    }
}

/* ---- the table --------------------------------------------------------------------------------------- */

/* What the world knows of one command beside its journal state. */
struct model {
    enum cmd_state state;
    unsigned executions; /* begun */
    unsigned reports;    /* that took effect */
    bool done;           /* was DONE once */
};

static unsigned explored;

/* All ways on from `m`: the step happens and is stored, or the power goes before it is stored. */
static void explore(struct model m, unsigned depth)
{
    explored++;
    g_assert_cmpuint(m.reports, <=, 1);
    if (depth == 0)
        return;
    switch (journal_todo(m.state)) {
    case TODO_EXECUTE: {
        g_assert_false(m.done); /* never again after DONE */
        struct model run = m;
        run.executions++;
        run.state = (enum cmd_state)journal_next(m.state, JOURNAL_START);
        g_assert_cmpint(run.state, ==, CMD_RUNNING);
        explore(run, depth - 1); /* the power goes while it runs: same state */
        struct model finish = run, enrolled = run;
        finish.state = (enum cmd_state)journal_next(run.state, JOURNAL_FINISH);
        finish.done = true;
        explore(finish, depth - 1);
        enrolled.state = (enum cmd_state)journal_next(run.state, JOURNAL_ENROLLED);
        explore(enrolled, depth - 1);
        break;
    }
    case TODO_PROVE: {
        static const enum journal_event events[] = {JOURNAL_PROVEN, JOURNAL_REFUSED, JOURNAL_LOST};
        explore(m, depth - 1);
        for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
            struct model n = m;
            n.state = (enum cmd_state)journal_next(m.state, events[i]);
            n.done = n.state == CMD_DONE;
            g_assert_true(n.state == CMD_DONE || n.state == CMD_RUNNING);
            explore(n, depth - 1);
        }
        break;
    }
    case TODO_UPDATE: {
        struct model sent = m, lost, refused = m;
        refused.state = (enum cmd_state)journal_next(m.state, JOURNAL_REFUSED);
        g_assert_cmpint(refused.state, ==, CMD_DONE);
        explore(m, depth - 1); /* not sent */
        /* Sent and taken; the MEF drops a second report of a cmdID that is not its latest (3.4.7). */
        sent.reports = 1;
        lost = sent; /* the power goes before REPORTED is stored */
        explore(lost, depth - 1);
        sent.state = (enum cmd_state)journal_next(m.state, JOURNAL_REPORT);
        g_assert_cmpint(sent.state, ==, CMD_REPORTED);
        explore(sent, depth - 1);
        break;
    }
    case TODO_RETRIEVE:
        g_assert_true(m.executions > 0 && m.reports == 1 && m.done);
        g_assert_cmpint(journal_next(m.state, JOURNAL_START), <, 0);
        g_assert_cmpint(journal_next(m.state, JOURNAL_AGAIN), ==, CMD_DONE);
        break;
    }
}

static void test_table(void)
{
    explore((struct model){.state = CMD_RECEIVED}, 9);
    g_assert_cmpuint(explored, >, 1000);
    /* A final state is never left for an execution, whatever comes. */
    for (int e = 0; e < JOURNAL_EVENT_MAX_; e++) {
        int n = journal_next(CMD_DONE, (enum journal_event)e);
        g_assert_true(n < 0 || n == CMD_DONE || n == CMD_REPORTED);
        n = journal_next(CMD_REPORTED, (enum journal_event)e);
        g_assert_true(n < 0 || n == CMD_DONE);
    }
    g_assert_cmpint(journal_next(CMD_STATE_MAX_, JOURNAL_START), <, 0);
    g_assert_cmpint(journal_next(CMD_RECEIVED, JOURNAL_EVENT_MAX_), <, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/journal/table-explored", test_table);
    g_test_add_func("/mef/journal/MC-07/EE-16/power-cut-at-each-step", test_power);
    g_test_add_func("/mef/journal/MC-02/no-retrieve-before-the-report", test_no_retrieve);
    g_test_add_func("/mef/journal/token-forgets", test_token_forgets);
    g_test_add_func("/mef/journal/EE-06/end-over-power-cuts", test_end);
    return g_test_run();
}
