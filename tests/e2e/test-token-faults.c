/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole client whose token misbehaves (issue 3, part 5): a part of the token matrix (make token-matrix has
 * all of it), and stories of a token that goes and comes back, is full, is write-protected, or does not
 * answer. */
#include <string.h>

#include "tests/e2e/token-cells.h"

#define PREFIX  "org.mefclient1."
#define MANAGER "/org/mefclient1"
#define TOKEN   "/org/mefclient1/token/e2e"
#define CELL(function, at, rv)                                                                               \
    {                                                                                                        \
        1 + SHIM_##function, at, rv                                                                          \
    }

static void check_order(struct token_cells *c, unsigned pairs)
{
    g_autofree char *wrong = token_cells_order(c, pairs);
    if (wrong) {
        e2e_dump(&c->e);
        g_error("%s", wrong);
    }
}

static void check_rest(struct token_cells *c, unsigned reports, int csc)
{
    int seen = token_cells_rest(c, reports, 30);
    if (seen != csc)
        e2e_dump(&c->e);
    g_assert_cmpint(seen, ==, csc);
}

static void wait_token(struct token_cells *c, const char *state)
{
    e2e_wait_property(&c->e, MANAGER, "Manager", "TokenState", state);
}

static void must_call(struct token_cells *c, const char *path, const char *interface, const char *method)
{
    g_assert_true(token_cells_call(c, path, interface, method));
}

struct wanted {
    struct token_cells *c;
    const char *text;
};

static gboolean says(struct e2e *e, void *data)
{
    const struct wanted *w = data;
    g_autofree char *all = token_cells_attention(w->c);
    return strstr(all, w->text) && e2e_get_number(e, MANAGER, "Manager", "NeedsAttention");
}

static void check_attention(struct token_cells *c, const char *text)
{
    struct wanted w = {c, text};
    e2e_wait(&c->e, text, says, &w, 30);
}

/* The journal has this sentence. */
static void check_said(struct token_cells *c, const char *text)
{
    g_autofree char *log = NULL;
    g_assert_true(g_file_get_contents(c->e.agent_log, &log, NULL, NULL));
    if (!strstr(log, text)) {
        e2e_dump(&c->e);
        g_error("no '%s' in the log", text);
    }
}

static void one_more_command(struct token_cells *c)
{
    json_decref(sim_post(c->e.sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
    must_call(c, c->reg, "Registration", "Poll");
}

/* ---- cells -------------------------------------------------------------------------------------------- */

static void test_cells(void)
{
    static const struct token_fault cells[] = {
        CELL(FindObjectsInit, 2, CKR_DEVICE_REMOVED),
        CELL(FindObjects, 3, CKR_DEVICE_ERROR),
        CELL(FindObjectsFinal, 1, CKR_GENERAL_ERROR),
        CELL(GetAttributeValue, 9, CKR_SESSION_HANDLE_INVALID),
        CELL(GenerateKeyPair, 1, CKR_DEVICE_REMOVED),
        CELL(GenerateKeyPair, 1, CKR_DEVICE_MEMORY),
        CELL(SignInit, 1, CKR_FUNCTION_FAILED),
        CELL(Sign, 1, CKR_GENERAL_ERROR),
        CELL(Sign, 2, CKR_DEVICE_ERROR),
        CELL(CreateObject, 1, CKR_GENERAL_ERROR),
        CELL(CreateObject, 2, CKR_DEVICE_MEMORY),
        CELL(CreateObject, 2, CKR_SESSION_HANDLE_INVALID),
        CELL(DestroyObject, 2, CKR_FUNCTION_FAILED),
    };
    struct token_cells c;

    token_cells_open(&c);
    for (size_t i = 0; i < G_N_ELEMENTS(cells); i++) {
        g_autofree char *seen = NULL;
        gboolean ok = token_cells_run(&c, &cells[i], NULL, &seen);
        g_test_message("%s %u %s: %s", token_cells_function(cells[i].of - 1), cells[i].at,
                       token_cells_ckr(cells[i].rv), seen);
        if (!ok || g_str_has_prefix(seen, "-"))
            g_test_fail();
    }
    g_assert_cmpint(token_cells_close(&c), ==, 0);
}

/* The same certificate authority comes with each enrolment: when that fails, what the certificate in use
 * stands on is still there. */
static void test_in_use_stays(void)
{
    struct token_cells c;
    unsigned pairs = 1, reports = 1;
    bool hit = true;

    token_cells_open(&c);
    token_cells_add(&c);
    check_rest(&c, reports, 20);
    check_order(&c, pairs);
    for (unsigned at = 12; hit; at += 7) {
        token_cells_lay(&c, &(struct token_fault)CELL(GetAttributeValue, at, CKR_FUNCTION_FAILED));
        one_more_command(&c);
        int csc = token_cells_rest(&c, ++reports, 30);
        g_assert_true(csc == 20 || csc == 101);
        pairs += csc == 20;
        hit = atomic_load(&c.shim->total_hit);
        atomic_store(&c.shim->total_at, 0);
        check_order(&c, pairs);
    }
    g_assert_cmpint(e2e_agent_stop(&c.e, NULL), ==, 0);
    e2e_agent_start_ready(&c.e); /* what start-up takes for half done goes */
    one_more_command(&c);
    check_rest(&c, ++reports, 20);
    check_order(&c, pairs + 1);
    g_assert_cmpint(token_cells_close(&c), ==, 0);
}

/* ---- going and coming back ---------------------------------------------------------------------------- */

static gboolean job_over(struct e2e *e, void *data)
{
    g_autofree char *state = e2e_get_string(e, data, "Job", "State");
    return strcmp(state, "queued") != 0 && strcmp(state, "running") != 0 && strcmp(state, "waiting") != 0;
}

static void test_idle(void)
{
    struct token_cells c;

    token_cells_open(&c);
    token_cells_add(&c);
    check_rest(&c, 1, 20);
    token_cells_remove(&c);
    wait_token(&c, "absent");
    check_attention(&c, "insert it");
    e2e_wait_property(&c.e, MANAGER, "Manager", "State", "degraded");
    e2e_wait_property(&c.e, TOKEN, "Token", "State", "absent");
    /* A job does not wait for a person, and the client goes on by itself when it is back. */
    one_more_command(&c);
    e2e_wait(&c.e, "the job ends", job_over, c.job, 30);
    g_autoptr(GVariant) error = e2e_get(&c.e, c.job, "Job", "Error");
    g_autofree char *text = error ? g_variant_print(error, FALSE) : g_strdup("");
    if (!strstr(text, "TokenUnavailable"))
        g_error("the job's error is %s", text);
    token_cells_return(&c);
    wait_token(&c, "present");
    check_rest(&c, 2, 20);
    check_order(&c, 2);
    e2e_wait_property(&c.e, MANAGER, "Manager", "State", "ready");
    g_assert_cmpint(token_cells_close(&c), ==, 0);
}

static gboolean asks_with_the_new_one(struct e2e *e, void *data)
{
    (void)data;
    return e2e_sim_count(e, "retrieve", "registration") > 0;
}

/* A renewal by hand is given up while the token, which holds the new pair whole, is away: the pair goes when
 * the token is back, or, over a stop in between, at the start. */
static void renewal_given_up(gboolean over_a_restart)
{
    struct token_cells c;

    token_cells_open(&c);
    token_cells_add(&c);
    check_rest(&c, 1, 20);
    check_order(&c, 1);
    json_decref(sim_post(c.e.sim, "/sim/faults",
                         "{\"at\":{\"op\":\"retrieve\",\"resource\":\"registration\",\"times\":0},"
                         "\"do\":\"silent\"}"));
    g_autofree char *credential = e2e_get_string(&c.e, c.reg, "Registration", "Credential");
    must_call(&c, credential, "Credential", "Renew");
    g_autofree char *job = g_steal_pointer(&c.job);
    e2e_wait(&c.e, "the new certificate is tried", asks_with_the_new_one, NULL, 30);
    token_cells_remove(&c);
    wait_token(&c, "absent");
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v =
        e2e_call(&c.e, job, PREFIX "Job", "Cancel", g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    e2e_wait(&c.e, "the job ends", job_over, job, 30);
    g_autofree char *state = e2e_get_string(&c.e, job, "Job", "State");
    g_assert_cmpstr(state, ==, "cancelled");
    json_decref(sim_call(c.e.sim, "DELETE", "/sim/faults", NULL, NULL));
    if (over_a_restart)
        g_assert_cmpint(e2e_agent_stop(&c.e, NULL), ==, 0);
    token_cells_return(&c);
    if (over_a_restart)
        e2e_agent_start_ready(&c.e);
    wait_token(&c, "present");
    check_order(&c, 1);
    e2e_wait_property(&c.e, c.reg, "Registration", "Credential", credential);
    one_more_command(&c);
    check_rest(&c, 2, 20);
    check_order(&c, 2);
    g_assert_cmpint(token_cells_close(&c), ==, 0);
}

static void test_renewal(void)
{
    renewal_given_up(FALSE);
    renewal_given_up(TRUE);
}

/* In the middle of: finding, listing, reading, making a key, signing (request and handshake), storing. */
static void test_in_the_middle(void)
{
    static const int functions[] = {SHIM_FindObjectsInit, SHIM_FindObjects, SHIM_GetAttributeValue,
                                    SHIM_GenerateKeyPair, SHIM_SignInit,    SHIM_Sign,
                                    SHIM_CreateObject};
    struct token_cells c;

    token_cells_open(&c);
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
        unsigned reports = 1;
        atomic_store(&c.shim->trip_at, 1 + functions[i]);
        token_cells_add(&c);
        wait_token(&c, "absent");
        check_attention(&c, "insert it");
        token_cells_return(&c);
        wait_token(&c, "present");
        int csc = token_cells_rest(&c, 1, 30);
        if (csc == 101) {
            one_more_command(&c);
            csc = token_cells_rest(&c, ++reports, 30);
        }
        g_assert_cmpint(csc, ==, 20);
        check_order(&c, 1);
        /* And in the middle of deleting. */
        if (i == 0)
            atomic_store(&c.shim->trip_at, 1 + SHIM_DestroyObject);
        if (i == 0) {
            (void)token_cells_call(&c, MANAGER "/mo/MEFClientRegCfg/mef_2eexample_2ecom", "Node", "Delete");
            wait_token(&c, "absent");
            token_cells_return(&c);
            wait_token(&c, "present");
            g_assert_true(token_cells_gone(&c));
        } else {
            g_assert_true(token_cells_delete(&c));
        }
        check_order(&c, 0);
    }
    g_assert_cmpint(token_cells_close(&c), ==, 0);
}

/* While it is opened, and while another program's objects are looked for. */
static void test_opening_and_listing(void)
{
    static const int functions[] = {SHIM_GetSessionInfo, SHIM_Login, SHIM_FindObjectsInit,
                                    SHIM_GetAttributeValue};
    struct token_cells c;

    token_cells_open(&c);
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
        token_cells_remove(&c);
        wait_token(&c, "absent");
        atomic_store(&c.shim->trip_at, 1 + functions[i]);
        atomic_store(&c.shim->removed, false); /* comes, and goes in that call */
        while (!atomic_load(&c.shim->removed))
            g_main_context_iteration(NULL, FALSE);
        wait_token(&c, "absent");
        token_cells_return(&c);
        wait_token(&c, "present");
    }
    atomic_store(&c.shim->trip_at, 1 + SHIM_FindObjects);
    must_call(&c, TOKEN, "Token", "Rescan");
    e2e_wait(&c.e, "the job ends", job_over, c.job, 30);
    wait_token(&c, "absent");
    token_cells_return(&c);
    wait_token(&c, "present");
    check_order(&c, 0);
    g_assert_cmpint(token_cells_close(&c), ==, 0);
}

/* ---- full, read-only ---------------------------------------------------------------------------------- */

static void test_full(void)
{
    struct token_cells c;

    token_cells_open(&c);
    atomic_store(&c.shim->no_create, true);
    token_cells_add(&c);
    check_rest(&c, 1, 101);
    wait_token(&c, "full");
    check_attention(&c, "it is full; delete objects");
    check_said(&c, "CKR_DEVICE_MEMORY: it is full; delete objects that nobody needs");
    atomic_store(&c.shim->no_create, false);
    one_more_command(&c);
    check_rest(&c, 2, 20);
    check_order(&c, 1);
    g_assert_cmpint(token_cells_close(&c), ==, 0);
}

static void test_read_only(void)
{
    struct token_cells c;

    token_cells_open(&c);
    /* By the call. */
    atomic_store(&c.shim->no_write, true);
    token_cells_add(&c);
    check_rest(&c, 1, 101);
    check_said(&c, "CKR_TOKEN_WRITE_PROTECTED: remove the write protection or name another token");
    wait_token(&c, "present"); /* it can be read, and registering with its key works */
    atomic_store(&c.shim->no_write, false);
    one_more_command(&c);
    check_rest(&c, 2, 20);
    check_order(&c, 1);
    /* By the token's flag. */
    token_cells_remove(&c);
    wait_token(&c, "absent");
    atomic_store(&c.shim->flags_set, CKF_WRITE_PROTECTED);
    token_cells_return(&c);
    wait_token(&c, "present");
    one_more_command(&c);
    check_rest(&c, 3, 101);
    check_said(&c, "is write-protected: making a key pair was not possible; remove the protection");
    token_cells_remove(&c);
    wait_token(&c, "absent");
    atomic_store(&c.shim->flags_set, 0);
    token_cells_return(&c);
    wait_token(&c, "present");
    one_more_command(&c);
    check_rest(&c, 4, 20);
    check_order(&c, 2);
    g_assert_cmpint(token_cells_close(&c), ==, 0);
}

/* ---- slow --------------------------------------------------------------------------------------------- */

static gboolean is_held(struct e2e *e, void *data)
{
    struct token_cells *c = data;
    return atomic_load(&c->shim->held) > 0;
}

/* A call that does not return: the bus answers, a job can be cancelled, the host can stop. */
static void test_slow(void)
{
    struct token_cells c;

    token_cells_open(&c);
    atomic_store(&c.shim->hold_in, 1 + SHIM_GenerateKeyPair);
    token_cells_add(&c);
    e2e_wait(&c.e, "the call", is_held, &c, 30);
    for (int i = 0; i < 100; i++) {
        g_autofree char *state = e2e_get_string(&c.e, TOKEN, "Token", "State"),
                        *reg = e2e_get_string(&c.e, c.reg, "Registration", "State");
        g_assert_cmpstr(state, ==, "present");
        g_assert_cmpstr(reg, ==, "registered");
    }
    g_autoptr(GVariant) jobs = e2e_get(&c.e, MANAGER, "Manager", "Jobs");
    g_assert_cmpuint(g_variant_n_children(jobs), ==, 1);
    g_autofree char *job = NULL;
    g_variant_get_child(jobs, 0, "o", &job);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) done =
        e2e_call(&c.e, job, "org.mefclient1.Job", "Cancel", g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    g_assert_nonnull(done);
    atomic_store(&c.shim->hold_in, 0);
    e2e_wait_property(&c.e, job, "Job", "State", "cancelled");
    check_rest(&c, 1, 20); /* what was begun goes on by itself */
    check_order(&c, 1);

    atomic_store(&c.shim->hold_in, 1 + SHIM_CreateObject);
    json_decref(sim_post(c.e.sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
    must_call(&c, c.reg, "Registration", "Poll");
    e2e_wait(&c.e, "the call", is_held, &c, 30);
    (void)e2e_agent_stop(&c.e, NULL); /* ends the test when that takes long */
    check_said(&c, "a call into the token does not return; its thread is left behind");
    atomic_store(&c.shim->hold_in, 0);
    atomic_store(&c.shim->held, 0);
    e2e_agent_start_ready(&c.e);
    check_rest(&c, 2, 20);
    check_order(&c, 2);
    g_assert_cmpint(token_cells_close(&c), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/token/EE-23/cells", test_cells);
    g_test_add_func("/e2e/token/EE-23/in-use-stays", test_in_use_stays);
    g_test_add_func("/e2e/token/EE-23/removed-while-idle", test_idle);
    g_test_add_func("/e2e/token/EE-23/removed-in-the-middle", test_in_the_middle);
    g_test_add_func("/e2e/token/EE-02/EE-23/removed-under-a-renewal", test_renewal);
    g_test_add_func("/e2e/token/EE-23/removed-while-opened", test_opening_and_listing);
    g_test_add_func("/e2e/token/MC-21/full", test_full);
    g_test_add_func("/e2e/token/MC-21/read-only", test_read_only);
    g_test_add_func("/e2e/token/EE-23/slow", test_slow);
    return g_test_run();
}
