/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls of ours to another service on a real bus, and its signals: answers of every kind, nobody there,
 * silence, the other side gone, the bus gone. */
#include <errno.h>
#include <string.h>

#include "tests/bus/service.h"

#define PEER_NAME  "org.mefclient1.dm.Test"
#define PEER_PATH  "/org/mefclient1/dm"
#define PEER_IFACE "org.mefclient1.DMClient"

static const char peer_xml[] = "<node><interface name='" PEER_IFACE "'><method name='StartSession'>"
                               "<arg type='s' direction='in'/><arg type='o' direction='out'/></method>"
                               "<method name='Odd'><arg type='u' direction='out'/></method>"
                               "<method name='Silent'/></interface></node>";

struct peer {
    GDBusConnection *c;
    unsigned calls;
};

static void on_call(GDBusConnection *c, const char *sender, const char *path, const char *interface,
                    const char *method, GVariant *params, GDBusMethodInvocation *call, gpointer data)
{
    struct peer *p = data;
    const char *text = "";
    p->calls++;
    if (strcmp(method, "Odd") == 0)
        return g_dbus_method_invocation_return_value(call, g_variant_new("(u)", 7));
    if (strcmp(method, "Silent") == 0)
        return g_object_unref(call);
    g_variant_get(params, "(&s)", &text);
    if (strcmp(text, "no") == 0)
        return g_dbus_method_invocation_return_dbus_error(call, "org.example.No", "not today");
    g_dbus_method_invocation_return_value(call, g_variant_new("(o)", "/session/1"));
}

static void peer_start(struct service *s, struct peer *p)
{
    static const GDBusInterfaceVTable table = {.method_call = on_call};
    g_autoptr(GError) e = NULL;
    GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(peer_xml, &e);
    g_assert_no_error(e);
    *p = (struct peer){.c = bus_fixture_connect(&s->fixture)};
    g_assert_cmpuint(
        g_dbus_connection_register_object(p->c, PEER_PATH, node->interfaces[0], &table, p, NULL, &e), >, 0);
    g_assert_no_error(e);
    g_dbus_node_info_unref(node);
    g_variant_unref(bus_fixture_call(&s->fixture, p->c, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                     "org.freedesktop.DBus", "RequestName",
                                     g_variant_new("(su)", PEER_NAME, 4), NULL));
}

struct got {
    bool done;
    int r;
    char *sender, *path, *text;
};

static void on_done(void *ctx, const struct bus_answer *a)
{
    struct got *g = ctx;
    g_assert_false(g->done);
    g->done = true;
    g->r = a->r;
    g->sender = g_strdup(a->sender);
    g->text = g_strdup(a->err->text);
    g->path = a->r == 0 && a->n == 1 ? g_strdup(a->arg[0].s) : NULL;
}

static bool is_done(void *ctx)
{
    return ((struct got *)ctx)->done;
}

static void got_clear(struct got *g)
{
    g_free(g->sender);
    g_free(g->path);
    g_free(g->text);
    *g = (struct got){0};
}

static int call(struct service *s, const char *name, const char *member, const char *arg, int ms,
                struct got *g)
{
    struct bus_remote to = {.name = name,
                            .path = PEER_PATH,
                            .interface = PEER_IFACE,
                            .member = member,
                            .out = "o",
                            .timeout_ms = ms,
                            .done = on_done,
                            .ctx = g};
    return arg ? bus_remote_call(s->bus, &to, NULL, "s", arg) : bus_remote_call(s->bus, &to, NULL, "");
}

static void test_answers(void)
{
    static const struct {
        const char *name, *member, *arg;
        int ms, r;
        const char *text;
    } row[] = {
        {PEER_NAME, "StartSession", "yes", 20000, 0, ""},
        {PEER_NAME, "StartSession", "no", 20000, -EREMOTEIO, "org.example.No: not today"},
        {PEER_NAME, "Odd", NULL, 20000, -EPROTO, "'u'"},
        {PEER_NAME, "None", NULL, 20000, -EOPNOTSUPP, "None"},
        {PEER_NAME, "Silent", NULL, 50, -ETIMEDOUT, ""},
        {"org.mefclient1.dm.Nobody", "StartSession", "yes", 20000, -ENOENT, "Nobody"},
    };
    struct service s;
    struct peer p;
    service_start(&s, NULL, NULL, 0);
    service_wait_up(&s);
    peer_start(&s, &p);
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        struct got g = {0};
        g_assert_cmpint(call(&s, row[i].name, row[i].member, row[i].arg, row[i].ms, &g), ==, 0);
        bus_fixture_until(&s.fixture, is_done, &g);
        g_test_message("%s: %d %s", row[i].member, g.r, g.text);
        g_assert_cmpint(g.r, ==, row[i].r);
        g_assert_nonnull(strstr(g.text, row[i].text));
        if (g.r == 0) {
            g_assert_cmpstr(g.sender, ==, g_dbus_connection_get_unique_name(p.c));
            g_assert_cmpstr(g.path, ==, "/session/1");
        }
        got_clear(&g);
    }
    struct got g = {0};
    g_assert_cmpint(call(&s, "not a name", "StartSession", "yes", 1000, &g), ==, -EINVAL);
    /* A cancelled call tells nothing. */
    struct bus_remote to = {.name = PEER_NAME,
                            .path = PEER_PATH,
                            .interface = PEER_IFACE,
                            .member = "Silent",
                            .timeout_ms = 60000,
                            .done = on_done,
                            .ctx = &g};
    struct bus_remote_call *c = NULL;
    g_assert_cmpint(bus_remote_call(s.bus, &to, &c, ""), ==, 0);
    bus_remote_cancel(c);
    /* The bus goes: told once. */
    g_assert_cmpint(bus_remote_call(s.bus, &to, NULL, ""), ==, 0);
    bus_fixture_kill(&s.fixture);
    bus_fixture_until(&s.fixture, is_done, &g);
    g_assert_cmpint(g.r, ==, -ENOTCONN);
    got_clear(&g);
    g_assert_cmpint(call(&s, PEER_NAME, "StartSession", "yes", 1000, &g), ==, -ENOTCONN);
    g_object_unref(p.c);
    service_stop(&s);
}

static void on_there(void *ctx, bool there)
{
    *(int *)ctx = there;
}

static bool is_known(void *ctx)
{
    return *(int *)ctx >= 0;
}

static void test_there(void)
{
    struct service s;
    struct peer p;
    struct bus_name_question *q;
    service_start(&s, NULL, NULL, 0);
    service_wait_up(&s);
    peer_start(&s, &p);
    const struct {
        const char *name;
        int there;
    } row[] = {{PEER_NAME, 1}, {"org.mefclient1.dm.Nobody", 0}, {BUS_NAME, 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        int there = -1;
        g_assert_cmpint(bus_name_there(s.bus, row[i].name, on_there, &there, &q), ==, 0);
        bus_fixture_until(&s.fixture, is_known, &there);
        g_assert_cmpint(there, ==, row[i].there);
    }
    int never = -1;
    g_assert_cmpint(bus_name_there(s.bus, "org.mefclient1.dm.Nobody", on_there, &never, &q), ==, 0);
    bus_name_cancel(q);
    bus_fixture_settle(&s.fixture, 50);
    g_assert_cmpint(never, ==, -1);
    g_assert_cmpint(bus_name_there(s.bus, "none", on_there, &never, &q), ==, -EINVAL);
    bus_fixture_disconnect(p.c);
    service_stop(&s);
}

struct heard {
    GPtrArray *lines;
    unsigned wanted;
};

static void on_signal(void *ctx, const char *sender, const char *path, const struct bus_value *arg, size_t n)
{
    struct heard *h = ctx;
    g_assert_cmpuint(n, ==, 4);
    g_ptr_array_add(h->lines, g_strdup_printf("%s %s %s %u %s", sender, arg[0].s, arg[1].s,
                                              (unsigned)arg[2].u, arg[3].s));
}

static bool heard_enough(void *ctx)
{
    struct heard *h = ctx;
    return h->lines->len >= h->wanted;
}

static void emit(GDBusConnection *c, GVariant *params)
{
    g_autoptr(GError) e = NULL;
    g_dbus_connection_emit_signal(c, NULL, PEER_PATH, PEER_IFACE, "SessionFinished", params, &e);
    g_assert_no_error(e);
}

/* A signal of another form is passed over; after a lost connection the listener hears again. */
static void test_signals(void)
{
    struct service s;
    struct peer p;
    struct heard h = {g_ptr_array_new_with_free_func(g_free), 1};
    struct bus_listener *l;
    service_start(&s, NULL, NULL, 0);
    g_assert_cmpint(bus_listen(s.bus, PEER_IFACE, "SessionFinished", "osus", on_signal, &h, &l), ==, 0);
    service_wait_up(&s);
    peer_start(&s, &p);
    emit(p.c, g_variant_new("(s)", "odd"));
    emit(p.c, g_variant_new("(osus)", "/session/1", "ok", 20, "fine"));
    bus_fixture_until(&s.fixture, heard_enough, &h);
    g_autofree char *want =
        g_strdup_printf("%s /session/1 ok 20 fine", g_dbus_connection_get_unique_name(p.c));
    g_assert_cmpstr(h.lines->pdata[0], ==, want);
    g_object_unref(p.c);
    unsigned up = s.up;
    bus_fixture_kill(&s.fixture);
    bus_fixture_restart(&s.fixture);
    while (s.up == up)
        bus_fixture_settle(&s.fixture, 20);
    peer_start(&s, &p);
    h.wanted = 2;
    emit(p.c, g_variant_new("(osus)", "/session/2", "ok", 20, "again"));
    bus_fixture_until(&s.fixture, heard_enough, &h);
    bus_unlisten(l);
    emit(p.c, g_variant_new("(osus)", "/session/3", "ok", 20, "unheard"));
    bus_fixture_settle(&s.fixture, 50);
    g_assert_cmpuint(h.lines->len, ==, 2);
    g_ptr_array_free(h.lines, TRUE);
    bus_fixture_disconnect(p.c);
    service_stop(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/remote/answers", test_answers);
    g_test_add_func("/bus/remote/is-there", test_there);
    g_test_add_func("/bus/remote/signals", test_signals);
    return g_test_run();
}
