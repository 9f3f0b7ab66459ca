/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything at once: two registrations at two MEFs that have commands for them, clients that call whatever
 * there is as fast as it is answered (and sometimes vanish), and a token that comes and goes. Meant for
 * ThreadSanitizer and AddressSanitizer; in any build it proves that each call is answered, and that the end
 * is as if it had been quiet. Nothing depends on time: calls are counted, and the token changes by the count.
 */
#include <string.h>
#include <sys/mman.h>

#include "tests/e2e/soak-watch.h"
#include "tests/lib/e2e-token.h"

#define FQDN2    "mef2.example.com"
#define KPM2_ID  "gw42-kpm@mef2.example.com"
#define KPM2_HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define MO       "/org/mefclient1/mo"

/* It lasts for so many calls, and then until half of the commands are done, which the token must be there
 * for. */
enum { CALLS = 1600, CALLS_MOST = 40000, VANISH_EVERY = 200, TOKEN_EVERY = 150 };
enum { CLIENTS = 4, OUTSTANDING = 3, COMMANDS = 40, TX_STEPS = 3 };

struct storm;

struct client {
    struct storm *s;
    unsigned number, open; /* calls without an answer */
    GDBusConnection *connection;
    gboolean has_node, busy_node, in_transaction, busy_transaction, closing;
    guint32 transaction;
    unsigned step;
    char *job; /* the last one; NULL */
};

struct storm {
    struct e2e e;
    struct sim_process *sim2;
    struct shim_control *shim;
    GRand *rand;
    char *reg[2];
    struct client client[CLIENTS];
    unsigned sent, answered, refused, dropped, removals;
    gboolean calm; /* nothing more is begun */
    GHashTable *errors;
};

enum kind { PLAIN, NODE_ADD, NODE_DELETE, NODE_SET, JOB, TX };

struct call {
    struct client *c;
    enum kind kind;
    const char *may; /* words of errors that are right here */
};

/* ---- calls -------------------------------------------------------------------------------------------- */

static void next(struct client *c);

static void note_error(struct storm *s, const struct call *k, const GError *error)
{
    g_autofree char *name = g_dbus_error_get_remote_error(error);
    const char *word = name ? strrchr(name, '.') + 1 : NULL;
    s->refused++;
    /* What its predecessor had asked for before it vanished was done behind its back. */
    if (k->kind == NODE_ADD && word && strcmp(word, "AlreadyExists") == 0)
        k->c->has_node = TRUE;
    if ((k->kind == NODE_DELETE || k->kind == NODE_SET) && word && strcmp(word, "AlreadyExists") != 0)
        k->c->has_node = FALSE;
    if (!name) { /* not from the service: only our own hanging up */
        if (!k->c->closing && !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CLOSED))
            g_error("a call was not answered: %s", error->message);
        return;
    }
    if (!word || !strstr(k->may, word))
        g_error("a call was answered by %s: %s", name, error->message);
    g_hash_table_add(s->errors, g_strdup(word));
}

static void take_answer(struct client *c, enum kind kind, GVariant *reply)
{
    if (kind == NODE_ADD)
        c->has_node = TRUE;
    if (kind == NODE_DELETE)
        c->has_node = FALSE;
    if (kind == JOB) {
        g_free(c->job);
        g_variant_get(reply, "(o)", &c->job);
    }
    if (kind == TX && c->step == 0) {
        g_variant_get(reply, "(u)", &c->transaction);
        c->in_transaction = TRUE;
    }
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer data)
{
    struct call *k = data;
    struct client *c = k->c;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    c->open--;
    c->s->answered++;
    if (reply)
        take_answer(c, k->kind, reply);
    else
        note_error(c->s, k, error);
    if (k->kind == NODE_ADD || k->kind == NODE_DELETE || k->kind == NODE_SET)
        c->busy_node = FALSE;
    if (k->kind == TX) {
        c->busy_transaction = FALSE;
        c->step = reply ? (c->step + 1) % TX_STEPS : 0;
        c->in_transaction = c->step != 0;
    }
    g_free(k);
    if (!c->closing)
        next(c);
}

static void send(struct client *c, enum kind kind, const char *path, const char *interface,
                 const char *method, GVariant *params, const char *may)
{
    struct call *k = g_new(struct call, 1);
    *k = (struct call){c, kind, may};
    c->open++;
    c->s->sent++;
    g_dbus_connection_call(c->connection, "org.mefclient1", path, interface, method, params, NULL,
                           G_DBUS_CALL_FLAGS_NONE, E2E_WAIT_S * 1000, NULL, on_answer, k);
}

static const char *a_registration(struct client *c)
{
    return c->s->reg[g_rand_int_range(c->s->rand, 0, 2)];
}

static GVariant *profile(guint32 suid)
{
    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "SUID", g_variant_new_uint32(suid));
    return g_variant_builder_end(&b);
}

static GVariant *key_name(unsigned number)
{
    g_autofree char *name = g_strdup_printf("key%u@maf.example.net", number);
    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "symmKeyID", g_variant_new_string(name));
    return g_variant_builder_end(&b);
}

static void read_one(struct client *c)
{
    send(c, PLAIN, a_registration(c), "org.freedesktop.DBus.Properties", "Get",
         g_variant_new("(ss)", "org.mefclient1.Registration", "State"), "");
}

static void read_all(struct client *c)
{
    send(c, PLAIN, "/org/mefclient1", "org.freedesktop.DBus.Properties", "GetAll",
         g_variant_new("(s)", "org.mefclient1.Manager"), "");
}

static void read_objects(struct client *c)
{
    send(c, PLAIN, "/org/mefclient1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, "");
}

static void export(struct client *c)
{
    send(c, PLAIN, MO, "org.mefclient1.Tree", "Export", g_variant_new("(a{sv})", NULL), "");
}

static void dump(struct client *c)
{
    send(c, PLAIN, "/org/mefclient1", "org.mefclient1.Manager", "Dump", g_variant_new("(sa{sv})", "", NULL),
         "InvalidArguments");
}

static void rescan(struct client *c)
{
    send(c, JOB, "/org/mefclient1/token/e2e", "org.mefclient1.Token", "Rescan", NULL,
         "TokenUnavailable InProgress LimitExceeded NotSupported");
}

static void poll_registration(struct client *c)
{
    send(c, JOB, a_registration(c), "org.mefclient1.Registration", "Poll", g_variant_new("(a{sv})", NULL),
         "LimitExceeded NotRegistered");
}

static void update_registration(struct client *c)
{
    send(c, JOB, a_registration(c), "org.mefclient1.Registration", "Update", g_variant_new("(a{sv})", NULL),
         "LimitExceeded NotRegistered");
}

static void cancel(struct client *c)
{
    if (c->job)
        send(c, PLAIN, c->job, "org.mefclient1.Job", "Cancel", g_variant_new("(a{sv})", NULL),
             "NotFound UnknownObject");
    else
        read_one(c);
}

static void change_node(struct client *c)
{
    g_autofree char *name = g_strdup_printf("storm%u", c->number),
                    *path = g_strdup_printf(MO "/authenticationProfile/%s", name);
    if (c->busy_node) {
        read_all(c);
        return;
    }
    c->busy_node = TRUE;
    if (!c->has_node)
        send(c, NODE_ADD, MO, "org.mefclient1.Tree", "Add",
             g_variant_new("(sss@a{sv}a{sv})", "", "authenticationProfile", name, profile(11), NULL),
             "AlreadyExists");
    else if (g_rand_boolean(c->s->rand))
        send(c, NODE_SET, path, "org.mefclient1.Node", "Set",
             g_variant_new("(@a{sv}a{sv})", key_name(c->s->sent), NULL), "NotFound UnknownObject");
    else
        send(c, NODE_DELETE, path, "org.mefclient1.Node", "Delete", g_variant_new("(a{sv})", NULL),
             "NotFound UnknownObject");
}

/* Begin, Apply, and then one or the other end; what is applied undoes itself. */
static void transaction(struct client *c)
{
    GVariantBuilder o, list, options;
    g_autofree char *name = g_strdup_printf("held%u", c->number),
                    *path = g_strdup_printf("./DCFG/trustAnchorCred/%s", name);
    if (c->busy_transaction) {
        read_objects(c);
        return;
    }
    c->busy_transaction = TRUE;
    if (c->step == 0) {
        send(c, TX, MO, "org.mefclient1.Tree", "Begin", g_variant_new("(a{sv})", NULL), "LimitExceeded");
        return;
    }
    if (c->step == 2) {
        send(c, TX, MO, "org.mefclient1.Tree", "Rollback", g_variant_new("(u)", c->transaction), "NotFound");
        return;
    }
    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&options, "{sv}", "Transaction", g_variant_new_uint32(c->transaction));
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&o, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&o, "{sv}", "Op", g_variant_new_string("add"));
    g_variant_builder_add(&o, "{sv}", "Path", g_variant_new_string(""));
    g_variant_builder_add(&o, "{sv}", "Type", g_variant_new_string("authenticationProfile"));
    g_variant_builder_add(&o, "{sv}", "Name", g_variant_new_string(name));
    g_variant_builder_add(&o, "{sv}", "Attributes", profile(12));
    g_variant_builder_add_value(&list, g_variant_builder_end(&o));
    send(c, TX, MO, "org.mefclient1.Tree", "Apply", g_variant_new("(aa{sv}a{sv})", &list, &options),
         "NotFound");
}

static const struct {
    unsigned weight;
    void (*call)(struct client *c);
} calls[] = {
    {30, read_one}, {10, read_all},    {8, read_objects},       {4, export},
    {2, dump},      {4, rescan},       {14, poll_registration}, {3, update_registration},
    {5, cancel},    {14, change_node}, {10, transaction},
};

/* ---- the storm ---------------------------------------------------------------------------------------- */

static void connect_client(struct client *c)
{
    g_autoptr(GError) error = NULL;
    c->connection = g_dbus_connection_new_for_address_sync(c->s->e.bus_address,
                                                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                               G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                           NULL, NULL, &error);
    g_assert_no_error(error);
    g_dbus_connection_set_exit_on_close(c->connection, FALSE);
}

static void wait_answers(struct client *c)
{
    while (c->open > 0)
        g_main_context_iteration(NULL, TRUE);
}

/* It vanishes in the middle of its calls, and with them whatever it held. */
static void vanish(struct client *c)
{
    c->closing = TRUE;
    g_dbus_connection_close_sync(c->connection, NULL, NULL);
    wait_answers(c);
    g_clear_object(&c->connection);
    c->closing = FALSE;
    c->step = 0;
    c->busy_node = c->busy_transaction = c->in_transaction = FALSE;
    c->s->dropped++;
    connect_client(c);
    /* The node may be there or not, by what was still executed. */
    g_autofree char *path = g_strdup_printf("./DCFG/authenticationProfile/storm%u", c->number);
    g_autoptr(GVariant) r = g_dbus_connection_call_sync(
        c->connection, "org.mefclient1", MO, "org.mefclient1.Tree", "Resolve", g_variant_new("(s)", path),
        NULL, G_DBUS_CALL_FLAGS_NONE, E2E_WAIT_S * 1000, NULL, NULL);
    c->has_node = r != NULL;
}

/* The token is pulled in the middle of whatever happens, and put back later. */
static void move_token(struct storm *s)
{
    gboolean away = (s->sent / TOKEN_EVERY) % 2 == 1;
    if (atomic_load(&s->shim->removed) == (bool)away)
        return;
    if (away) {
        atomic_fetch_add(&s->shim->epoch, 1);
        s->removals++;
    }
    atomic_store(&s->shim->removed, away);
}

static void next(struct client *c)
{
    struct storm *s = c->s;
    int at, sum = 0;
    while (c->open < OUTSTANDING && !s->calm) {
        unsigned i = 0;
        move_token(s);
        for (size_t k = 0; k < G_N_ELEMENTS(calls); k++)
            sum += (int)calls[k].weight;
        at = g_rand_int_range(s->rand, 0, sum);
        sum = 0;
        while ((at -= (int)calls[i].weight) >= 0)
            i++;
        calls[i].call(c);
    }
}

static size_t recorded(struct sim_process *sim, const char *cid, int *ret_csc)
{
    json_t *state = sim_state(sim), *one;
    size_t i, n = 0;
    json_array_foreach(json_object_get(json_object_get(state, "state"), "reports"), i,
                       one) if (json_is_true(json_object_get(one, "recorded")) &&
                                g_strcmp0(json_string_value(json_object_get(one, "cid")), cid) == 0)
    {
        n++;
        *ret_csc = (int)json_integer_value(json_object_get(one, "csc"));
    }
    json_decref(state);
    return n;
}

static gboolean half_done(struct storm *s)
{
    g_autofree char *cid = g_strdup_printf("c-%04d", COMMANDS / 2);
    int csc;
    return recorded(s->e.sim, cid, &csc) > 0 && recorded(s->sim2, cid, &csc) > 0;
}

static void rage(struct storm *s)
{
    unsigned vanish_at = VANISH_EVERY;
    for (unsigned i = 0; i < CLIENTS; i++) {
        s->client[i] = (struct client){.s = s, .number = i};
        connect_client(&s->client[i]);
        next(&s->client[i]);
    }
    while (s->sent < CALLS_MOST) {
        if (s->sent >= vanish_at) {
            struct client *c = &s->client[g_rand_int_range(s->rand, 0, CLIENTS)];
            if (s->sent >= CALLS && half_done(s))
                break;
            vanish_at += VANISH_EVERY;
            vanish(c);
            next(c);
        }
        g_main_context_iteration(NULL, TRUE);
    }
    s->calm = TRUE;
    for (unsigned i = 0; i < CLIENTS; i++)
        wait_answers(&s->client[i]);
    g_assert_cmpuint(s->answered, ==, s->sent);
    atomic_store(&s->shim->removed, false);
}

/* ---- the end ------------------------------------------------------------------------------------------ */

static void call_ok(struct storm *s, const char *path, const char *interface, const char *method,
                    GVariant *params)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) r = e2e_call(&s->e, path, interface, method, params, &error);
    g_assert_no_error(error);
}

struct ending {
    struct storm *s;
    struct sim_process *sim;
    const char *reg;
    gint64 asked;
};

/* All is reported; asked for again now and then, since a token that was away ends the job that needed it. */
static gboolean all_reported(struct e2e *e, void *data)
{
    struct ending *w = data;
    int csc;
    g_autofree char *last = g_strdup_printf("c-%04d", COMMANDS);
    if (recorded(w->sim, last, &csc) > 0)
        return TRUE;
    if (g_get_monotonic_time() - w->asked > 2 * G_USEC_PER_SEC) {
        g_autoptr(GVariant) r =
            e2e_call(e, w->reg, "org.mefclient1.Registration", "Poll", g_variant_new("(a{sv})", NULL), NULL);
        w->asked = g_get_monotonic_time();
    }
    return FALSE;
}

static gboolean jobs_over(struct e2e *e, void *data)
{
    return e2e_get_number(e, data, "Registration", "NextPoll") > 0;
}

static void check_reports(struct storm *s, struct sim_process *sim, const char *reg)
{
    struct ending w = {s, sim, reg, 0};
    e2e_wait(&s->e, "every command is reported", all_reported, &w, 300);
    for (int i = 1; i <= COMMANDS; i++) {
        g_autofree char *cid = g_strdup_printf("c-%04d", i);
        int csc = 0;
        g_assert_cmpuint(recorded(sim, cid, &csc), ==, 1);
        if (i % 10 == 0)
            g_assert_true(csc == 20 || csc == 100 || csc == 101);
        else
            g_assert_cmpint(csc, ==, 41);
    }
    sim_assert_no_violation(sim);
    e2e_wait_property(&s->e, reg, "Registration", "State", "registered");
    e2e_wait(&s->e, "nothing more is to be done", jobs_over, (void *)(guintptr)reg, E2E_WAIT_S);
}

static void check_end(struct storm *s)
{
    struct soak_figures now = {0};
    e2e_wait_property(&s->e, "/org/mefclient1", "Manager", "State", "ready");
    check_reports(s, s->e.sim, s->reg[0]);
    check_reports(s, s->sim2, s->reg[1]);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *c = &s->client[i];
        g_autofree char *path = g_strdup_printf(MO "/authenticationProfile/storm%u", i);
        if (c->has_node)
            call_ok(s, path, "org.mefclient1.Node", "Delete", g_variant_new("(a{sv})", NULL));
        g_dbus_connection_close_sync(c->connection, NULL, NULL);
        g_clear_object(&c->connection);
        g_free(c->job);
    }
    g_autoptr(GVariant) tree =
        e2e_call(&s->e, MO, "org.mefclient1.Tree", "Export", g_variant_new("(a{sv})", NULL), NULL);
    g_autofree char *text = g_variant_print(tree, FALSE);
    g_assert_null(strstr(text, "storm"));
    g_assert_null(strstr(text, "held"));
    static const char *const given[] = {KPM2_ID, NULL};
    g_autofree char *wrong = e2e_token_settled(&s->e, given, E2E_WAIT_S);
    if (wrong)
        g_error("the token is not in order: %s", wrong);
    soak_watch_process(&s->e, s->shim, &now);
    g_test_message("%u calls, %u refused, %u clients vanished, the token was away %u times; %u threads, %u "
                   "fds, %d sessions",
                   s->sent, s->refused, s->dropped, s->removals, now.threads, now.fds, now.sessions);
    g_autofree gpointer *words = g_hash_table_get_keys_as_array(s->errors, NULL);
    for (gpointer *w = words; *w; w++)
        g_test_message("refused: %s", (char *)*w);
    g_assert_cmpuint(s->removals, >=, 3);
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

static char *commands(void)
{
    GString *t = g_string_new("{\"ids\":\"sequence\",\"retryDuration\":\"PT10M\",\"commands\":[");
    for (int i = 1; i <= COMMANDS; i++)
        g_string_append_printf(t, "%s{%s}", i > 1 ? "," : "",
                               i % 10 ? "\"ccid\":77,\"args\":{}" : "\"class\":\"CERT_PROV\"");
    g_string_append(t, "]}");
    return g_string_free(t, FALSE);
}

static void up(struct storm *s)
{
    g_autofree char *scenario = commands(), *dir = NULL;
    g_autoptr(GError) error = NULL;
    const char *const args[] = {"--psk=" KPM2_ID "=" KPM2_HEX, NULL};
    const char *node;
    GVariantBuilder options;
    e2e_up(&s->e, scenario);
    dir = g_build_filename(s->e.dir, "second", NULL);
    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    s->sim2 = sim_start(dir, FQDN2, scenario, args);
    s->shim = soak_shim(&s->e);
    e2e_configure(&s->e, "[network]\nresolve=" E2E_FQDN ":127.0.0.1 " FQDN2 ":127.0.0.1\n"
                         "[mef]\nbackoff-min=1\nbackoff-max=3\ndefault-retry=5\n");
    e2e_put_key(&s->e, KPM2_ID, KPM2_HEX);
    e2e_agent_start_ready(&s->e);
    s->reg[0] = e2e_add_mef(&s->e);
    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&options, "{sv}", "HttpPort", g_variant_new_uint16((guint16)sim_port(s->sim2)));
    g_variant_builder_add(&options, "{sv}", "KpmId", g_variant_new_string(KPM2_ID));
    g_autoptr(GVariant) r = e2e_call(&s->e, MO, "org.mefclient1.Tree", "AddMefClientRegCfg",
                                     g_variant_new("(ssa{sv})", FQDN2, E2E_ADMIN, &options), &error);
    g_assert_no_error(error);
    g_variant_get(r, "(&o&o)", &node, NULL);
    s->reg[1] = g_strdup_printf("/org/mefclient1/registration/%s", strrchr(node, '/') + 1);
    s->errors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    s->rand = g_rand_new_with_seed((guint32)g_test_rand_int());
}

static void test_storm(void)
{
    struct storm s = {0};
    gint64 took = 0;
    up(&s);
    rage(&s);
    check_end(&s);
    /* A clean end, too: a sanitizer speaks there. */
    g_assert_cmpint(e2e_agent_stop(&s.e, &took), ==, 0);
    g_assert_cmpint(atomic_load(&s.shim->sessions), ==, 0);
    g_assert_cmpint(sim_stop(s.sim2), ==, 0);
    e2e_down(&s.e);
    munmap(s.shim, sizeof *s.shim);
    g_hash_table_unref(s.errors);
    g_rand_free(s.rand);
    g_free(s.reg[0]);
    g_free(s.reg[1]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/storm/two-registrations-bus-and-token", test_storm);
    return g_test_run();
}
