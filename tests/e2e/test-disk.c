/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disk under state.db is slow, broken or full (disk-shim.c): the loop never waits for it, nothing is said
 * to be done that is not on it, and all goes on by itself when it is well again. Order is measured, not time.
 */
#include <poll.h>
#include <signal.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/e2e-fixture.h"

#define MO      "/org/mefclient1/mo"
#define NODE    MO "/MEFClientRegCfg/mef_2eexample_2ecom"
#define MANAGER "/org/mefclient1"
#define BUS     "org.mefclient1"
#define NOTHING "{\"retryDuration\":\"PT1H\",\"commands\":[]}"
#define QUICK   "[mef]\nbackoff-min=1\nbackoff-max=1\n"

struct disk {
    struct e2e e;
    char *dir;      /* of the shim's files */
    GString *order; /* a letter for each reply */
};

static void up(struct disk *d)
{
    g_autoptr(GError) error = NULL;

    *d = (struct disk){.order = g_string_new(NULL)};
    e2e_up(&d->e, NOTHING);
    d->dir = g_build_filename(d->e.dir, "disk", NULL);
    g_assert_cmpint(g_mkdir(d->dir, 0700), ==, 0);
    g_autofree char *sanitizer = e2e_sanitizer();
    g_ptr_array_add(d->e.agent_env, g_strdup_printf("LD_PRELOAD=%s%s" DISK_SHIM, sanitizer ? sanitizer : "",
                                                    sanitizer ? ":" : ""));
    g_ptr_array_add(d->e.agent_env, g_strdup_printf("MEF_TEST_DISK=%s", d->dir));
    e2e_configure(&d->e, QUICK);
    e2e_agent_start_ready(&d->e);
}

static void down(struct disk *d)
{
    sim_assert_no_violation(d->e.sim);
    e2e_down(&d->e);
    g_string_free(d->order, TRUE);
    g_free(d->dir);
}

static void disk_is(struct disk *d, const char *what)
{
    g_autofree char *path = g_build_filename(d->dir, what, NULL);
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
}

static void disk_is_not(struct disk *d, const char *what)
{
    g_autofree char *path = g_build_filename(d->dir, what, NULL);
    g_assert_cmpint(g_unlink(path), ==, 0);
}

static gboolean disk_says(struct e2e *e, void *data)
{
    const struct disk *d = data;
    g_autofree char *path = g_build_filename(d->dir, "held", NULL);
    (void)e;
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static GVariant *labels(const char *label)
{
    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    const char *list[] = {label};
    g_variant_builder_add(&b, "{sv}", "labels", g_variant_new_strv(list, 1));
    return g_variant_new("(a{sv}a{sv})", &b, NULL);
}

static char *label_of(struct disk *d)
{
    g_autoptr(GVariant) v = e2e_get(&d->e, NODE, "MEFClientRegCfg", "Labels");
    g_autofree const char **list = v ? g_variant_get_strv(v, NULL) : NULL;
    return g_strdup(list && list[0] ? list[0] : "");
}

/* ---- slow --------------------------------------------------------------------------------------------- */

struct call {
    struct disk *d;
    char letter;
};

static void answered(GObject *bus, GAsyncResult *result, gpointer data)
{
    struct call *c = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);

    g_assert_no_error(error);
    g_string_append_c(c->d->order, c->letter);
    g_free(c);
}

static void ask(struct disk *d, char letter, const char *path, const char *interface, const char *method,
                GVariant *params)
{
    struct call *c = g_new(struct call, 1);
    *c = (struct call){d, letter};
    g_dbus_connection_call(e2e_bus(&d->e), BUS, path, interface, method, params, NULL, G_DBUS_CALL_FLAGS_NONE,
                           G_MAXINT, NULL, answered, c);
}

static void until_order(struct disk *d, const char *order)
{
    while (d->order->len < strlen(order))
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpstr(d->order->str, ==, order);
}

/* Where the agent's notifications go from now on. */
static int listen_notify(struct disk *d)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    g_autofree char *path = g_build_filename(d->e.dir, "notify", NULL);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    g_unlink(path);
    g_strlcpy(a.sun_path, path, sizeof a.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, sizeof a), ==, 0);
    return fd;
}

static void expect_watchdog(int fd)
{
    char text[512];

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        g_assert_cmpint(poll(&p, 1, E2E_WAIT_S * 1000), ==, 1);
        ssize_t n = recv(fd, text, sizeof text - 1, 0);
        g_assert_cmpint(n, >, 0);
        text[n] = '\0';
        if (strstr(text, "WATCHDOG=1"))
            return;
    }
}

/* A commit hangs in fsync: whatever is asked behind it is answered before it, a second change waits behind
 * the first, and the watchdog is fed. */
static void test_loop_goes_on(void)
{
    struct disk d;

    up(&d);
    g_autofree char *reg = e2e_add_mef(&d.e);
    e2e_wait_idle(&d.e, reg);
    g_assert_cmpint(e2e_agent_stop(&d.e, NULL), ==, 0);
    g_ptr_array_add(d.e.agent_env, g_strdup("WATCHDOG_USEC=200000"));
    e2e_agent_start_ready(&d.e);
    disk_is(&d, "hold");
    ask(&d, 'A', NODE, BUS ".Node", "Set", labels("one"));
    e2e_wait(&d.e, "the commit to reach the disk", disk_says, &d, E2E_WAIT_S);
    ask(&d, 'B', NODE, BUS ".Node", "Set", labels("two"));
    ask(&d, 'c', MANAGER, "org.freedesktop.DBus.Properties", "GetAll", g_variant_new("(s)", BUS ".Manager"));
    ask(&d, 'd', NODE, "org.freedesktop.DBus.Properties", "Get",
        g_variant_new("(ss)", BUS ".MEFClientRegCfg", "Labels"));
    ask(&d, 'e', MANAGER, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL);
    until_order(&d, "cde");
    int fd = listen_notify(&d); /* not earlier: one that nobody reads blocks the sender */
    for (int i = 0; i < 3; i++)
        expect_watchdog(fd);
    close(fd);
    g_assert_cmpstr(d.order->str, ==, "cde");
    g_autofree char *before = label_of(&d);
    g_assert_cmpstr(before, !=, "one"); /* nobody sees what is not durable */
    disk_is_not(&d, "hold");
    until_order(&d, "cdeAB");
    g_autofree char *after = label_of(&d);
    g_assert_cmpstr(after, ==, "two");
    down(&d);
}

static gboolean job_over(struct e2e *e, void *job)
{
    g_autofree char *state = e2e_get_string(e, job, "Job", "State");
    return strcmp(state, "queued") != 0 && strcmp(state, "running") != 0 && strcmp(state, "waiting") != 0;
}

/* The worker hangs there: its job can be cancelled meanwhile, and nothing more goes to the MEF. */
static void test_cancel(void)
{
    struct disk d;
    g_autoptr(GError) error = NULL;

    up(&d);
    g_autofree char *reg = e2e_add_mef(&d.e);
    e2e_wait_idle(&d.e, reg);
    size_t retrieves = e2e_sim_count(&d.e, "retrieve", "command");
    disk_is(&d, "hold");
    g_autoptr(GVariant) reply =
        e2e_call(&d.e, reg, BUS ".Registration", "Update", g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    const char *job;
    g_variant_get(reply, "(&o)", &job);
    e2e_wait(&d.e, "the answer to the update to reach the disk", disk_says, &d, E2E_WAIT_S);
    g_autoptr(GVariant) cancelled =
        e2e_call(&d.e, job, BUS ".Job", "Cancel", g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    disk_is_not(&d, "hold");
    e2e_wait(&d.e, "the job to end", job_over, (void *)(guintptr)job, E2E_WAIT_S);
    e2e_wait_property(&d.e, job, "Job", "State", "cancelled");
    g_assert_cmpuint(e2e_sim_count(&d.e, "update", "registration"), ==, 1);
    g_assert_cmpuint(e2e_sim_count(&d.e, "retrieve", "command"), ==, retrieves);
    down(&d);
}

/* ---- broken ------------------------------------------------------------------------------------------- */

static void set_fails(struct disk *d, const char *label)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = e2e_call(&d->e, NODE, BUS ".Node", "Set", labels(label), &error);
    g_assert_null(reply);
    g_autofree char *name = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(name, ==, BUS ".Error.Failed");
    g_assert_nonnull(strstr(error->message, "disk"));
}

static guint64 generation(struct disk *d)
{
    return e2e_get_number(&d->e, MO, "Tree", "Generation");
}

/* What was answered with an error has not happened, and does not after a crash either. */
static void test_sync_fails(void)
{
    struct disk d;
    g_autoptr(GError) error = NULL;

    up(&d);
    g_autofree char *reg = e2e_add_mef(&d.e);
    e2e_wait_idle(&d.e, reg);
    g_autofree char *before = label_of(&d);
    guint64 g = generation(&d);
    for (int crash = 0; crash < 2; crash++) {
        disk_is(&d, "broken");
        set_fails(&d, "never");
        g_autofree char *after = label_of(&d);
        g_assert_cmpstr(after, ==, before);
        g_assert_cmpuint(generation(&d), ==, g);
        if (crash)
            e2e_agent_kill(&d.e);
        disk_is_not(&d, "broken");
        if (crash) {
            e2e_agent_start_ready(&d.e);
            g_autofree char *again = label_of(&d);
            g_assert_cmpstr(again, ==, before);
            g_assert_cmpuint(generation(&d), ==, g);
        }
    }
    g_autoptr(GVariant) reply = e2e_call(&d.e, NODE, BUS ".Node", "Set", labels("well"), &error);
    g_assert_no_error(error);
    e2e_agent_kill(&d.e);
    e2e_agent_start_ready(&d.e);
    g_autofree char *last = label_of(&d);
    g_assert_cmpstr(last, ==, "well");
    down(&d);
}

/* A MEF that could not be stored is not spoken to. */
static void test_add_fails(void)
{
    static const char *const kinds[] = {"broken", "full"};

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        struct disk d;
        g_autoptr(GError) error = NULL;
        GVariantBuilder options;

        up(&d);
        g_autofree char *tokens = e2e_token_list(&d.e);
        disk_is(&d, kinds[i]);
        g_variant_builder_init(&options, G_VARIANT_TYPE("a{sv}"));
        g_variant_builder_add(&options, "{sv}", "HttpPort", g_variant_new_uint16((guint16)d.e.sim_port));
        g_variant_builder_add(&options, "{sv}", "KpmId", g_variant_new_string(E2E_KPM_ID));
        g_autoptr(GVariant) reply =
            e2e_call(&d.e, MO, BUS ".Tree", "AddMefClientRegCfg",
                     g_variant_new("(ssa{sv})", E2E_FQDN, E2E_ADMIN, &options), &error);
        g_assert_null(reply);
        g_assert_nonnull(strstr(error->message, "disk"));
        g_autoptr(GVariant) node = e2e_get(&d.e, NODE, "Node", "Name");
        g_assert_null(node);
        e2e_agent_kill(&d.e);
        disk_is_not(&d, kinds[i]);
        e2e_agent_start_ready(&d.e);
        g_autoptr(GVariant) later = e2e_get(&d.e, NODE, "Node", "Name");
        g_assert_null(later);
        g_assert_cmpuint(e2e_sim_count(&d.e, NULL, NULL), ==, 0);
        g_autofree char *tokens_after = e2e_token_list(&d.e);
        g_assert_cmpstr(tokens, ==, tokens_after);
        g_autofree char *reg = e2e_add_mef(&d.e);
        e2e_wait_idle(&d.e, reg);
        down(&d);
    }
}

/* ---- in the middle of an exchange --------------------------------------------------------------------- */

static gboolean needs_attention(struct e2e *e, void *reason)
{
    g_autoptr(GVariant) all = e2e_get(e, MANAGER, "Manager", "Attention");
    GVariantIter iter;
    const char *word, *object, *text;

    g_variant_iter_init(&iter, all);
    while (g_variant_iter_next(&iter, "(&s&o&s)", &word, &object, &text))
        if (strcmp(word, reason) == 0)
            return TRUE;
    return FALSE;
}

static gboolean no_attention(struct e2e *e, void *data)
{
    g_autofree char *state = e2e_get_string(e, MANAGER, "Manager", "State");
    return *state && !needs_attention(e, data);
}

/* A command comes while nothing can be stored: it is not executed, not reported, and somebody is told; with
 * room again it goes on by itself, once. With a crash in between, too. */
static void test_command_meets(gconstpointer data)
{
    const char *kind = data;
    char *const reason = (char *)(guintptr) "store-failed";

    for (int crash = 0; crash < 2; crash++) {
        struct disk d;
        g_autoptr(GError) error = NULL;

        up(&d);
        g_autofree char *reg = e2e_add_mef(&d.e);
        e2e_wait_idle(&d.e, reg);
        disk_is(&d, kind);
        json_decref(sim_post(d.e.sim, "/sim/commands", "[{\"class\":\"CERT_PROV\"}]"));
        g_autoptr(GVariant) reply =
            e2e_call(&d.e, reg, BUS ".Registration", "Poll", g_variant_new("(a{sv})", NULL), &error);
        g_assert_no_error(error);
        e2e_wait(&d.e, "the attention", needs_attention, reason, E2E_WAIT_S);
        json_t *list = e2e_sim_records(&d.e, "enrolments");
        g_assert_cmpuint(json_array_size(list), ==, 0);
        json_decref(list);
        list = e2e_sim_records(&d.e, "reports");
        g_assert_cmpuint(json_array_size(list), ==, 0);
        json_decref(list);
        if (crash)
            e2e_agent_kill(&d.e);
        disk_is_not(&d, kind);
        if (crash) {
            e2e_agent_start_ready(&d.e);
            g_autoptr(GVariant) again =
                e2e_call(&d.e, reg, BUS ".Registration", "Poll", g_variant_new("(a{sv})", NULL), &error);
            g_assert_no_error(error);
        }
        e2e_wait_reports(&d.e, 1);
        e2e_wait(&d.e, "the end of the attention", no_attention, reason, E2E_WAIT_S);
        e2e_wait_idle(&d.e, reg);
        list = e2e_sim_records(&d.e, "reports");
        g_assert_cmpuint(json_array_size(list), ==, 1);
        g_assert_cmpint(json_integer_value(json_object_get(json_array_get(list, 0), "csc")), ==, 20);
        json_decref(list);
        list = e2e_sim_records(&d.e, "enrolments");
        g_assert_cmpuint(json_array_size(list), ==, 1);
        json_decref(list);
        down(&d);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/disk/slow/loop-goes-on", test_loop_goes_on);
    g_test_add_func("/disk/slow/cancel", test_cancel);
    g_test_add_func("/disk/broken/set", test_sync_fails);
    g_test_add_func("/disk/broken-or-full/add", test_add_fails);
    g_test_add_data_func("/disk/full/MC-02/MC-07/command", "full", test_command_meets);
    g_test_add_data_func("/disk/broken/MC-02/MC-07/command", "broken", test_command_meets);
    return g_test_run();
}
