/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever a caller can create has a cap (style-anchors.md D4 rule 9; mo-tree.md 5.3): at the cap it works,
 * one above it is LimitExceeded and nothing has changed, and when one is gone it works again. */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/e2e/bus-world.h"

#define NOBODY 65534
#define LIMIT  I("Error.LimitExceeded")

/* ---- calls -------------------------------------------------------------------------------------------- */

/* As `c`; name of the error (g_free) or NULL. */
static char *call_as(GDBusConnection *c, const char *path, const char *interface, const char *member,
                     GVariant *params, GVariant **ret)
{
    g_autoptr(GError) error = NULL;
    GVariant *v = g_dbus_connection_call_sync(c, "org.mefclient1", path, interface, member, params, NULL,
                                              G_DBUS_CALL_FLAGS_NONE, E2E_WAIT_S * 1000, NULL, &error);

    if (v && ret)
        *ret = v;
    else if (v)
        g_variant_unref(v);
    if (!v)
        g_test_message("%s: %s", member, error->message);
    return v ? NULL : g_dbus_error_get_remote_error(error);
}

static char *tree(struct bus_world *w, const char *member, GVariant *params)
{
    return call_as(e2e_bus(&w->e), TREE_PATH, I("Tree"), member, params, NULL);
}

static guint64 generation(struct bus_world *w)
{
    return e2e_get_number(&w->e, TREE_PATH, "Tree", "Generation");
}

static void assert_ok(char *error)
{
    g_assert_cmpstr(error, ==, NULL);
}

static void assert_limit(char *error)
{
    g_assert_cmpstr(error, ==, LIMIT);
    g_free(error);
}

/* {"format":1,"nodes":[ `n` times `format` with the number from `first` on ]} */
static char *nodes(const char *format, unsigned first, unsigned n)
{
    GString *s = g_string_new("{\"format\":1,\"nodes\":[");
    g_auto(GStrv) parts = g_strsplit(format, "%", -1);

    for (unsigned i = first; i < first + n; i++) {
        g_autofree char *number = g_strdup_printf("%u", i), *one = g_strjoinv(number, parts);
        g_string_append_printf(s, "%s%s", i == first ? "" : ",", one);
    }
    g_string_append(s, "]}");
    return g_string_free(s, FALSE);
}

static char *import(struct bus_world *w, char *text)
{
    char *error = tree(w, "Import", g_variant_new("(sa{sv})", text, NULL));

    g_free(text);
    return error;
}

static void delete_node(struct bus_world *w, const char *path)
{
    assert_ok(call_as(e2e_bus(&w->e), path, I("Node"), "Delete", g_variant_new("(a{sv})", NULL), NULL));
}

#define DC                                                                                                   \
    "{\"type\":\"dataCollection\",\"name\":\"d%\",\"attrs\":{\"containerPath\":\"//a.example/b/"             \
    "c\"},\"links\":[]}"

static GVariant *add_dc(const char *name, guint32 transaction)
{
    return g_variant_new_parsed("('', 'dataCollection', %s, {'containerPath': <'//a.example/b/c'>}, "
                                "{'Transaction': <%u>})",
                                name, transaction);
}

/* ---- the tree ----------------------------------------------------------------------------------------- */

static void test_nodes(struct bus_world *w)
{
    assert_ok(import(w, nodes(DC, 0, 1024)));
    guint64 before = generation(w);
    assert_limit(tree(w, "Add", add_dc("one-more", 0)));
    assert_limit(import(w, nodes(DC, 1024, 1)));
    g_assert_cmpuint(generation(w), ==, before);
    delete_node(w, TREE_PATH "/dataCollection/d7");
    assert_ok(tree(w, "Add", add_dc("one-more", 0)));
    assert_limit(tree(w, "Add", add_dc("yet-one-more", 0)));
}

static char *apply(struct bus_world *w, unsigned n)
{
    GVariantBuilder ops;

    g_variant_builder_init(&ops, G_VARIANT_TYPE("aa{sv}"));
    for (unsigned i = 0; i < n; i++)
        g_variant_builder_add_value(
            &ops, g_variant_new_parsed("{'Op': <'set'>, 'Path': <'./DCFG/dataCollection/d0'>,"
                                       "'Attributes': <{'labels': <['a']>}>}"));
    return tree(w, "Apply", g_variant_new("(aa{sv}a{sv})", &ops, NULL));
}

static void test_operations(struct bus_world *w)
{
    assert_ok(import(w, nodes(DC, 0, 1)));
    assert_ok(apply(w, 256));
    guint64 before = generation(w);
    assert_limit(apply(w, 257));
    g_assert_cmpuint(generation(w), ==, before);
    /* The same over several calls of one transaction; a refused call leaves it as it was. */
    g_autoptr(GVariant) v = bus_world_call(w, TREE_PATH, I("Tree"), "Begin", g_variant_new("(a{sv})", NULL));
    guint32 tx;
    g_variant_get(v, "(u)", &tx);
    for (unsigned i = 0; i < 256; i++) {
        g_autofree char *name = g_strdup_printf("t%u", i);
        assert_ok(tree(w, "Add", add_dc(name, tx)));
    }
    assert_limit(tree(w, "Add", add_dc("t256", tx)));
    assert_ok(tree(w, "Commit", g_variant_new("(u)", tx)));
    assert_ok(tree(w, "Add", add_dc("t256", 0)));
}

#define ANCHOR                                                                                               \
    "{\"type\":\"trustAnchorCred\",\"name\":\"a%\",\"attrs\":{\"certFingerprint\":\"ni:///sha-256;"          \
    "v10QhwLh6rQzBn9XR_KSGcNGZRMYGi6Sp-2SyhhlalU\",\"URI\":\"https://pki.example.org/%.der\"},\"links\":[]}"

static char *link_op(struct bus_world *w, const char *op, unsigned i)
{
    g_autofree char *target = g_strdup_printf("./DCFG/trustAnchorCred/a%u", i);

    return tree(
        w, "Apply",
        g_variant_new_parsed("([{'Op': <%s>, 'Path': <'./DCFG/authenticationProfile/p'>, 'Target': <%s>}], "
                             "@a{sv} {})",
                             op, target));
}

static void test_links_and_labels(struct bus_world *w)
{
    assert_ok(import(w, nodes(ANCHOR, 0, 33)));
    assert_ok(tree(
        w, "Add",
        g_variant_new_parsed("('', 'authenticationProfile', 'p', {'SUID': <uint32 43>, 'TLSCiphersuites': "
                             "<['C023']>, 'myCertFingerprint': <'ni:///sha-256;"
                             "v10QhwLh6rQzBn9XR_KSGcNGZRMYGi6Sp-2SyhhlalU'>}, @a{sv} {})")));
    for (unsigned i = 0; i < 32; i++)
        assert_ok(link_op(w, "link", i));
    assert_limit(link_op(w, "link", 32));
    assert_ok(link_op(w, "unlink", 5));
    assert_ok(link_op(w, "link", 32));
    for (unsigned n = 32; n <= 33; n++) {
        GVariantBuilder labels;
        g_variant_builder_init(&labels, G_VARIANT_TYPE_STRING_ARRAY);
        for (unsigned i = 0; i < n; i++)
            g_variant_builder_add(&labels, "s", "x");
        g_autofree char *error = call_as(
            e2e_bus(&w->e), TREE_PATH "/authenticationProfile/p", I("Node"), "Set",
            g_variant_new_parsed("({'labels': <%*>}, @a{sv} {})", g_variant_builder_end(&labels)), NULL);
        g_assert_cmpstr(error, ==, n <= 32 ? NULL : LIMIT);
    }
}

static void test_import_size(struct bus_world *w)
{
    const gsize most = 4 * 1024 * 1024;
    g_autofree char *text = nodes(DC, 0, 1), *padded = g_strnfill(most + 1, ' ');

    memcpy(padded, text, strlen(text));
    assert_limit(tree(w, "Import", g_variant_new("(sa{sv})", padded, NULL)));
    padded[most] = '\0';
    assert_ok(tree(w, "Import", g_variant_new("(sa{sv})", padded, NULL)));
}

/* ---- transactions ------------------------------------------------------------------------------------- */

static char *begin(GDBusConnection *c, guint32 *ret)
{
    g_autoptr(GVariant) v = NULL;
    char *error = call_as(c, TREE_PATH, I("Tree"), "Begin", g_variant_new("(a{sv})", NULL), &v);

    if (!error)
        g_variant_get(v, "(u)", ret);
    return error;
}

static gboolean can_begin(struct e2e *e, void *data)
{
    guint32 tx;
    g_autofree char *error = begin(e2e_bus(e), &tx);

    return error == NULL;
}

static void test_transactions(struct bus_world *w)
{
    GDBusConnection *c[16];
    guint32 tx[16], more;

    for (size_t i = 0; i < G_N_ELEMENTS(c); i++) {
        c[i] = bus_fixture_connect(&w->bus);
        assert_ok(begin(c[i], &tx[i]));
    }
    g_autofree char *second = begin(c[0], &more);
    g_assert_cmpstr(second, ==, I("Error.InProgress"));
    assert_limit(begin(e2e_bus(&w->e), &more));
    /* Not somebody else's. */
    g_autofree char *stranger = tree(w, "Rollback", g_variant_new("(u)", tx[3]));
    g_assert_cmpstr(stranger, ==, I("Error.NotFound"));
    assert_ok(call_as(c[3], TREE_PATH, I("Tree"), "Rollback", g_variant_new("(u)", tx[3]), NULL));
    assert_ok(begin(c[3], &tx[3]));
    assert_limit(begin(e2e_bus(&w->e), &more));
    bus_fixture_disconnect(c[3]);
    e2e_wait(&w->e, "the transaction of who left is over", can_begin, NULL, E2E_WAIT_S);
    for (size_t i = 0; i < G_N_ELEMENTS(c); i++)
        if (i != 3)
            bus_fixture_disconnect(c[i]);
}

/* ---- registrations ------------------------------------------------------------------------------------ */

/* Of the past: the worker runs and sends nothing. */
#define REG                                                                                                  \
    "{\"type\":\"MEFClientRegCfg\",\"name\":\"m%\",\"attrs\":{\"fqdn\":\"m%.example\",\"adminFQDN\":"        \
    "\"admin.example.org\",\"httpPort\":443,\"expirationTime\":\"20200101T000000\"},\"links\":[]}"

static gboolean is_63(struct e2e *e, void *data)
{
    g_autoptr(GVariant) v = e2e_get(e, ROOT_PATH, "Manager", "Registrations");

    return v && g_variant_n_children(v) == 63;
}

static gboolean add_is_possible(struct e2e *e, void *data)
{
    g_autofree char *error = import(data, nodes(REG, 64, 1));

    return error == NULL;
}

static void test_registrations(struct bus_world *w)
{
    assert_ok(import(w, nodes(REG, 0, 60)));
    /* One transaction does not slip through with several. */
    guint64 before = generation(w);
    assert_limit(import(w, nodes(REG, 60, 5)));
    g_assert_cmpuint(generation(w), ==, before);
    assert_ok(import(w, nodes(REG, 60, 4)));
    assert_limit(import(w, nodes(REG, 64, 1)));
    assert_limit(tree(w, "AddMefClientRegCfg",
                      g_variant_new_parsed("('x.example', 'y.example', {'KpmId': <'k@x.example'>})")));
    delete_node(w, TREE_PATH "/MEFClientRegCfg/m5");
    e2e_wait(&w->e, "one is gone", is_63, NULL, E2E_WAIT_S);
    e2e_wait(&w->e, "another one fits", add_is_possible, w, E2E_WAIT_S);
}

/* ---- jobs --------------------------------------------------------------------------------------------- */

static unsigned count_jobs(struct e2e *e, GPtrArray *unfinished)
{
    g_autoptr(GVariant) v = e2e_get(e, ROOT_PATH, "Manager", "Jobs");
    g_autofree const char **jobs = g_variant_get_objv(v, NULL);
    unsigned n = 0;

    for (; jobs[n]; n++) {
        guint64 finished = e2e_get_number(e, jobs[n], "Job", "FinishedAt");
        if (!finished)
            g_ptr_array_add(unfinished, g_strdup(jobs[n]));
    }
    return n;
}

static gboolean register_is_possible(struct e2e *e, void *data)
{
    g_autofree char *error =
        call_as(e2e_bus(e), data, I("Registration"), "Register", g_variant_new("(a{sv})", NULL), NULL);

    return error == NULL;
}

static void test_jobs(struct bus_world *w)
{
    const char *reg = ROOT_PATH "/registration/localhost_2eexample";
    g_autofree char *first = bus_world_add_unreachable(w, "localhost.example"), *error = NULL;
    g_autoptr(GPtrArray) live = g_ptr_array_new_with_free_func(g_free);
    unsigned n = 1;

    while (n < 300 && !(error = call_as(e2e_bus(&w->e), reg, I("Registration"), "Register",
                                        g_variant_new("(a{sv})", NULL), NULL)))
        n++;
    g_assert_cmpstr(error, ==, LIMIT);
    (void)count_jobs(&w->e, live);
    g_assert_cmpuint(live->len, ==, 256); /* LIMIT_JOBS */
    /* A deletion needs a job too, and then does not happen. */
    assert_ok(tree(w, "Add",
                   g_variant_new_parsed("('', 'MAFClientRegCfg', 'maf.example', {'fqdn': <'maf.example'>, "
                                        "'adminFQDN': <'y.example'>}, @a{sv} {})")));
    guint64 before = generation(w);
    assert_limit(call_as(e2e_bus(&w->e), TREE_PATH "/MAFClientRegCfg/maf_2eexample", I("Node"), "Delete",
                         g_variant_new("(a{sv})", NULL), NULL));
    assert_limit(call_as(e2e_bus(&w->e), ROOT_PATH "/token/e2e", I("Token"), "Rescan", NULL, NULL));
    g_assert_cmpuint(generation(w), ==, before);
    for (guint i = 0; i < live->len; i++)
        assert_ok(call_as(e2e_bus(&w->e), live->pdata[i], I("Job"), "Cancel", g_variant_new("(a{sv})", NULL),
                          NULL));
    e2e_wait(&w->e, "a job is possible again", register_is_possible, (void *)reg, E2E_WAIT_S);
    for (guint i = 0; i < live->len; i++)
        e2e_wait_property(&w->e, live->pdata[live->len - 1], "Job", "State", "cancelled");
    g_ptr_array_set_size(live, 0);
    g_assert_cmpuint(count_jobs(&w->e, live) - live->len, <=, 64); /* finished ones: LIMIT_JOBS_KEPT */
}

/* ---- parked calls ------------------------------------------------------------------------------------- */

struct parked {
    GDBusConnection *c;
    struct bus_fixture_call call[9];
};

static void park(struct bus_world *w, struct parked *p, unsigned n, GVariant *(*params)(void))
{
    p->c = bus_fixture_connect_as(&w->bus, NOBODY);
    for (unsigned i = 0; i < n; i++)
        bus_fixture_call_start(&p->call[i], p->c, "org.mefclient1", TREE_PATH, I("Tree"), "Import", params(),
                               G_DBUS_CALL_FLAGS_NONE);
}

static void unpark(struct parked *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        bus_fixture_call_clear(&p->call[i]);
    bus_fixture_disconnect(p->c);
}

static GVariant *small(void)
{
    return g_variant_new("(sa{sv})", "{}", NULL);
}

static GVariant *large(void)
{
    g_autofree char *text = g_strnfill(3 * 1024 * 1024, ' ');

    return g_variant_new("(sa{sv})", text, NULL);
}

struct asked {
    struct fake_polkit *polkit;
    unsigned n;
};

static bool has_asked(void *ctx)
{
    struct asked *a = ctx;
    return a->polkit->asked >= a->n;
}

static bool has_cancelled(void *ctx)
{
    struct asked *a = ctx;
    return a->polkit->cancelled >= a->n;
}

static bool is_refused(struct bus_fixture_call *call)
{
    return g_str_has_prefix(call->error, LIMIT);
}

static void test_parked(struct bus_world *w)
{
    struct fake_polkit polkit = {.mode = POLKIT_SILENT};
    struct parked p[9] = {{0}};

    if (getuid() != 0) {
        g_test_skip("only root can call as another user");
        return;
    }
    fake_polkit_start(&polkit, &w->bus);
    /* One caller: 8. */
    park(w, &p[0], 9, small);
    bus_fixture_call_wait(&w->bus, &p[0].call[8]);
    g_assert_true(is_refused(&p[0].call[8]));
    /* All of them: 64. */
    for (unsigned i = 1; i < 8; i++)
        park(w, &p[i], 8, small);
    bus_fixture_until(&w->bus, has_asked, &(struct asked){&polkit, 64});
    park(w, &p[8], 1, small);
    bus_fixture_call_wait(&w->bus, &p[8].call[0]);
    g_assert_true(is_refused(&p[8].call[0]));
    unpark(&p[8], 1);
    /* Who leaves makes room. */
    unpark(&p[7], 8);
    bus_fixture_until(&w->bus, has_cancelled, &(struct asked){&polkit, 8});
    park(w, &p[7], 8, small);
    bus_fixture_until(&w->bus, has_asked, &(struct asked){&polkit, 72});
    for (unsigned i = 0; i < 8; i++)
        unpark(&p[i], i == 0 ? 9 : 8);
    bus_fixture_until(&w->bus, has_cancelled, &(struct asked){&polkit, 72});
    /* All arguments together: 16 MiB. */
    park(w, &p[0], 6, large);
    bus_fixture_call_wait(&w->bus, &p[0].call[5]);
    g_assert_true(is_refused(&p[0].call[5]));
    g_assert_false(p[0].call[4].done);
    unpark(&p[0], 6);
    bus_fixture_until(&w->bus, has_cancelled, &(struct asked){&polkit, 77});
    fake_polkit_stop(&polkit);
}

/* ---- a flood ------------------------------------------------------------------------------------------ */

static guint64 status_kb(GPid pid, const char *key)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid), *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    const char *at = strstr(text, key);
    g_assert_nonnull(at);
    return g_ascii_strtoull(at + strlen(key), NULL, 10);
}

/* A connection that speaks and never listens, which GDBus does not offer. */
static int deaf_connect(struct bus_world *w)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    g_autofree char *uid = g_strdup_printf("%u", (unsigned)getuid());
    GString *hello = g_string_new("AUTH EXTERNAL ");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char line[256];

    for (const char *c = uid; *c; c++)
        g_string_append_printf(hello, "%02x", (unsigned)*c);
    g_string_append(hello, "\r\n");
    g_assert_cmpuint(strlen(w->e.bus_path), <, sizeof a.sun_path);
    strcpy(a.sun_path, w->e.bus_path);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&a, sizeof a), ==, 0);
    g_assert_cmpint(send(fd, "", 1, MSG_NOSIGNAL), ==, 1);
    g_assert_cmpint(send(fd, hello->str, hello->len, MSG_NOSIGNAL), ==, hello->len);
    ssize_t n = recv(fd, line, sizeof line - 1, 0);
    g_assert_cmpint(n, >, 3);
    g_assert_true(strncmp(line, "OK ", 3) == 0);
    g_assert_cmpint(send(fd, "BEGIN\r\n", 7, MSG_NOSIGNAL), ==, 7);
    g_string_free(hello, TRUE);
    return fd;
}

static void deaf_say(int fd, const char *destination, const char *path, const char *interface,
                     const char *member, GVariant *params, guint32 serial, gboolean no_reply)
{
    GDBusMessage *m = g_dbus_message_new_method_call(destination, path, interface, member);
    GError *error = NULL;
    gsize size;

    if (params)
        g_dbus_message_set_body(m, params);
    g_dbus_message_set_serial(m, serial);
    if (no_reply)
        g_dbus_message_set_flags(m, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
    g_autofree guchar *blob = g_dbus_message_to_blob(m, &size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
    g_assert_no_error(error);
    for (gsize at = 0; at < size;) {
        ssize_t n = send(fd, blob + at, size - at, MSG_NOSIGNAL);
        g_assert_cmpint(n, >, 0);
        at += (gsize)n;
    }
    g_object_unref(m);
}

#define FLOOD 10000

/* What is not capped and can be seen, behind all the rest. */
static gboolean is_over(struct e2e *e, void *data)
{
    g_autoptr(GVariant) v = NULL, inner = NULL;

    g_assert_null(call_as(e2e_bus(e), LOG_PATH, DBUS("Properties"), "Get",
                          g_variant_new("(ss)", "org.freedesktop.LogControl1", "LogLevel"), &v));
    g_variant_get(v, "(v)", &inner);
    return strcmp(g_variant_get_string(inner, NULL), "warning") == 0;
}

/* 10,000 changes without waiting for one answer, by one who may: each would hold a copy of the tree until the
 * disk has it. Memory stays, others are served, and what was not refused is done. */
static void test_flood(struct bus_world *w)
{
    assert_ok(import(w, nodes(DC, 0, 1000)));
    guint64 before = generation(w), rss = status_kb(w->e.agent, "VmRSS:");
    int fd = deaf_connect(w);
    deaf_say(fd, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", NULL, 1,
             FALSE);
    for (guint32 i = 0; i < FLOOD; i++) {
        GVariant *labels = g_variant_new_parsed("({'labels': <[%s]>}, @a{sv} {})", i % 2 ? "odd" : "even");
        deaf_say(fd, "org.mefclient1", TREE_PATH "/dataCollection/d0", I("Node"), "Set", labels, i + 2, TRUE);
        if (i % 1000 == 0) /* somebody else has a turn */
            g_assert_cmpuint(generation(w), >=, before);
    }
    /* And what is answered at once, with answers that nobody takes. */
    for (guint32 i = 0; i < FLOOD; i++)
        deaf_say(fd, "org.mefclient1", ROOT_PATH, DBUS("ObjectManager"), "GetManagedObjects", NULL,
                 FLOOD + i + 2, i % 100 != 0);
    deaf_say(fd, "org.mefclient1", LOG_PATH, DBUS("Properties"), "Set",
             g_variant_new_parsed("('org.freedesktop.LogControl1', 'LogLevel', <'warning'>)"), 2 * FLOOD + 2,
             TRUE);
    e2e_wait(&w->e, "the flood is over", is_over, NULL, E2E_WAIT_S);
    g_assert_cmpuint(generation(w), >, before);
    guint64 peak = status_kb(w->e.agent, "VmHWM:");
    g_test_message("%" G_GUINT64_FORMAT " KiB before, %" G_GUINT64_FORMAT " KiB at most, %" G_GUINT64_FORMAT
                   " commits",
                   rss, peak, generation(w) - before);
    g_assert_cmpuint(peak, <, rss + 64 * 1024);
    close(fd);
    assert_ok(tree(w, "Add", add_dc("after", 0)));
}

/* ---- main --------------------------------------------------------------------------------------------- */

static void run(gconstpointer data)
{
    void (*fn)(struct bus_world *) = *(void (*const *)(struct bus_world *))data;
    struct bus_world w;

    bus_world_start(&w, "backoff-min=1\nbackoff-max=2\n");
    if (fn == test_flood && g_getenv("ASAN_OPTIONS"))
        /* Freed memory that AddressSanitizer keeps back, 256 MiB, is no memory that the agent needs. */
        g_ptr_array_add(w.e.agent_env,
                        g_strconcat("ASAN_OPTIONS=", g_getenv("ASAN_OPTIONS"),
                                    ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64", NULL));
    e2e_agent_start_ready(&w.e);
    fn(&w);
    bus_world_stop(&w);
}

int main(int argc, char **argv)
{
    static const struct {
        void (*fn)(struct bus_world *w);
        const char *name;
    } tests[] = {{test_nodes, "nodes"},
                 {test_operations, "operations"},
                 {test_links_and_labels, "links-and-labels"},
                 {test_import_size, "import-size"},
                 {test_transactions, "transactions"},
                 {test_registrations, "registrations"},
                 {test_jobs, "jobs"},
                 {test_parked, "parked-calls"},
                 {test_flood, "flood"}};

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/e2e/bus/caps/", tests[i].name, NULL);
        g_test_add_data_func(path, &tests[i].fn, run);
    }
    return g_test_run();
}
