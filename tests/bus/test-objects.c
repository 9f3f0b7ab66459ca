/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects and calls on a real bus: introspection, the standard interfaces, errors, signatures, options,
 * order, deferred replies, ObjectManager. */
#include <errno.h>
#include <string.h>

#include "tests/bus/service.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"
#define MANAGER    "org.freedesktop.DBus.ObjectManager"

static void expect_error(char *error, const char *start, const char *part)
{
    g_assert_nonnull(error);
    if (!g_str_has_prefix(error, start) || (part && !strstr(error, part)))
        g_error("'%s' instead of '%s...%s'", error, start, part ? part : "");
    g_free(error);
}

static void call_fails(struct service *s, GDBusConnection *c, const char *path, const char *interface,
                       const char *member, GVariant *params, const char *start, const char *part)
{
    char *error = NULL;
    GVariant *v = bus_fixture_call(&s->fixture, c, BUS_NAME, path, interface, member, params, &error);

    g_assert_null(v);
    expect_error(error, start, part);
}

static void call_says(struct service *s, GDBusConnection *c, const char *member, GVariant *params,
                      const char *expected)
{
    GVariant *v = service_call(s, c, member, params, NULL);
    char *text = g_variant_print(v, FALSE);

    g_assert_cmpstr(text, ==, expected);
    g_free(text);
    g_variant_unref(v);
}

static GVariant *get(struct service *s, GDBusConnection *c, const char *property)
{
    GVariant *v = bus_fixture_call(&s->fixture, c, BUS_NAME, TEST_PATH, PROPERTIES, "Get",
                                   g_variant_new("(ss)", TEST_IFACE, property), NULL);
    GVariant *inner;

    g_variant_get(v, "(v)", &inner);
    g_variant_unref(v);
    return inner;
}

static void setup(struct service *s, GDBusConnection **c)
{
    service_start(s, NULL, NULL, 0);
    service_wait_up(s);
    *c = bus_fixture_connect(&s->fixture);
}

static void teardown(struct service *s, GDBusConnection *c)
{
    bus_fixture_disconnect(c);
    service_stop(s);
}

static GDBusNodeInfo *introspect(struct service *s, GDBusConnection *c, const char *path)
{
    GVariant *v = bus_fixture_call(&s->fixture, c, BUS_NAME, path, "org.freedesktop.DBus.Introspectable",
                                   "Introspect", NULL, NULL);
    const char *xml;
    GError *e = NULL;

    g_variant_get(v, "(&s)", &xml);
    GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(xml, &e);
    g_assert_no_error(e);
    g_variant_unref(v);
    return node;
}

static void only_child(struct service *s, GDBusConnection *c, const char *path, const char *child)
{
    GDBusNodeInfo *node = introspect(s, c, path);

    g_assert_nonnull(node->nodes);
    g_assert_nonnull(node->nodes[0]);
    g_assert_cmpstr(node->nodes[0]->path, ==, child);
    g_assert_null(node->nodes[1]);
    g_dbus_node_info_unref(node);
}

static void test_introspection(void)
{
    struct service s;
    GDBusConnection *c;
    setup(&s, &c);

    only_child(&s, c, "/", "org");
    only_child(&s, c, "/org", "mefclient1");
    only_child(&s, c, BUS_ROOT, "test");
    only_child(&s, c, BUS_ROOT "/test", "one");
    GDBusNodeInfo *node = introspect(&s, c, TEST_PATH);
    GDBusInterfaceInfo *i = g_dbus_node_info_lookup_interface(node, TEST_IFACE);
    g_assert_nonnull(i);
    g_assert_cmpstr(g_dbus_interface_info_lookup_method(i, "Echo")->in_args[1]->signature, ==, "a{sv}");
    g_assert_nonnull(g_dbus_node_info_lookup_interface(node, PROPERTIES));
    g_assert_null(g_dbus_node_info_lookup_interface(node, MANAGER));
    g_dbus_node_info_unref(node);
    node = introspect(&s, c, BUS_ROOT);
    g_assert_nonnull(g_dbus_node_info_lookup_interface(node, MANAGER));
    g_assert_nonnull(g_dbus_node_info_lookup_interface(node, BUS_INTERFACE("Manager")));
    g_dbus_node_info_unref(node);
    call_fails(&s, c, "/org/mefclient1/tes", "org.freedesktop.DBus.Introspectable", "Introspect", NULL,
               "org.freedesktop.DBus.Error.UnknownObject", "/org/mefclient1/tes");
    g_variant_unref(bus_fixture_call(&s.fixture, c, BUS_NAME, TEST_PATH, "org.freedesktop.DBus.Peer", "Ping",
                                     NULL, NULL));
    teardown(&s, c);
}

/* `busctl tree` and `busctl introspect` are what people use. */
static void test_busctl(void)
{
    struct service s;
    GDBusConnection *c;
    GError *e = NULL;
    gchar *out = NULL;
    setup(&s, &c);
    char *address = g_strdup_printf("--address=%s", s.fixture.address);
    GSubprocess *p = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &e,
                                      "busctl", address, "--list", "tree", BUS_NAME, NULL);
    g_assert_no_error(e);
    g_free(address);
    /* busctl waits for us: pump until its output has ended. */
    GInputStream *in = g_subprocess_get_stdout_pipe(p);
    GString *text = g_string_new(NULL);
    for (;;) {
        char buf[256];
        bus_fixture_settle(&s.fixture, 1);
        gssize n =
            g_pollable_input_stream_read_nonblocking(G_POLLABLE_INPUT_STREAM(in), buf, sizeof buf, NULL, &e);
        if (n > 0)
            g_string_append_len(text, buf, n);
        else if (n == 0)
            break;
        else
            g_assert_error(e, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
        g_clear_error(&e);
    }
    g_subprocess_wait(p, NULL, NULL);
    g_assert_true(g_subprocess_get_successful(p));
    g_assert_nonnull(strstr(text->str, TEST_PATH "\n"));
    g_string_free(text, TRUE);
    g_free(out);
    g_object_unref(p);
    teardown(&s, c);
}

static void test_errors(void)
{
    struct service s;
    GDBusConnection *c;
    setup(&s, &c);

    call_fails(&s, c, "/org/none", TEST_IFACE, "Fail", NULL, "org.freedesktop.DBus.Error.UnknownObject",
               NULL);
    call_fails(&s, c, TEST_PATH, "org.mefclient1.None", "Fail", NULL,
               "org.freedesktop.DBus.Error.UnknownInterface", NULL);
    call_fails(&s, c, BUS_ROOT "/test", TEST_IFACE, "Fail", NULL,
               "org.freedesktop.DBus.Error.UnknownInterface", NULL);
    call_fails(&s, c, TEST_PATH, TEST_IFACE, "None", NULL, "org.freedesktop.DBus.Error.UnknownMethod",
               "None");
    call_fails(&s, c, TEST_PATH, PROPERTIES, "None", NULL, "org.freedesktop.DBus.Error.UnknownMethod", NULL);
    call_fails(&s, c, TEST_PATH, NULL, "None", NULL, "org.freedesktop.DBus.Error.UnknownMethod", NULL);
    call_fails(&s, c, TEST_PATH, TEST_IFACE, "Fail", g_variant_new("(s)", "x'y"),
               "org.mefclient1.Error.NotFound", "There is no 'x'y'.");
    call_fails(&s, c, TEST_PATH, TEST_IFACE, "Forget", NULL, "org.mefclient1.Error.Failed", "Forget");
    call_fails(&s, c, TEST_PATH, TEST_IFACE, "Wrong", NULL, "org.mefclient1.Error.Failed", NULL);
    call_fails(&s, c, TEST_PATH, PROPERTIES, "Get", g_variant_new("(ss)", TEST_IFACE, "None"),
               "org.freedesktop.DBus.Error.UnknownProperty", "None");
    call_fails(&s, c, TEST_PATH, PROPERTIES, "Get", g_variant_new("(ss)", "org.none", "Value"),
               "org.freedesktop.DBus.Error.UnknownInterface", NULL);
    call_fails(&s, c, TEST_PATH, PROPERTIES, "GetAll", g_variant_new("(s)", "org.none"),
               "org.freedesktop.DBus.Error.UnknownInterface", NULL);
    call_fails(&s, c, "/org/none", PROPERTIES, "GetAll", g_variant_new("(s)", ""),
               "org.freedesktop.DBus.Error.UnknownObject", NULL);
    call_fails(&s, c, TEST_PATH, PROPERTIES, "Set",
               g_variant_new("(ssv)", TEST_IFACE, "Value", g_variant_new_uint32(1)),
               "org.freedesktop.DBus.Error.PropertyReadOnly", "Value");
    call_fails(&s, c, TEST_PATH, PROPERTIES, "Set",
               g_variant_new("(ssv)", TEST_IFACE, "Text", g_variant_new_uint32(1)),
               "org.freedesktop.DBus.Error.InvalidArgs", "Text");
    call_fails(&s, c, TEST_PATH, PROPERTIES, "Set",
               g_variant_new("(ssv)", TEST_IFACE, "Text", g_variant_new_string("refused")),
               "org.mefclient1.Error.InvalidArguments", "refused");
    call_fails(&s, c, TEST_PATH, MANAGER, "GetManagedObjects", NULL,
               "org.freedesktop.DBus.Error.UnknownInterface", NULL);
    /* Without an interface the member alone decides. */
    g_variant_unref(bus_fixture_call(&s.fixture, c, BUS_NAME, TEST_PATH, NULL, "Register", NULL, NULL));
    teardown(&s, c);
}

/* No handler runs on a signature that is not that of the table. */
static void test_signatures(void)
{
    struct service s;
    GDBusConnection *c;
    setup(&s, &c);

    for (const struct bus_method *m = test_interface.methods; m->name; m++) {
        call_fails(&s, c, TEST_PATH, TEST_IFACE, m->name, g_variant_new("(ds)", 1.0, "x"),
                   "org.freedesktop.DBus.Error.InvalidArgs", m->name);
        if (m->in && *m->in)
            call_fails(&s, c, TEST_PATH, TEST_IFACE, m->name, NULL, "org.freedesktop.DBus.Error.InvalidArgs",
                       m->in);
    }
    call_fails(&s, c, TEST_PATH, PROPERTIES, "Get", g_variant_new("(s)", TEST_IFACE),
               "org.freedesktop.DBus.Error.InvalidArgs", NULL);
    g_assert_cmpuint(s.ran, ==, 0);
    teardown(&s, c);
}

/* g_variant_parse() gives a full reference; calls want a floating one. */
static GVariant *parse(const char *type, const char *text, const char *before)
{
    GError *e = NULL;
    GVariant *v = g_variant_parse(G_VARIANT_TYPE(type), text, NULL, NULL, &e), *tuple;

    g_assert_no_error(e);
    GVariant *child[2] = {before ? g_variant_new_string(before) : v, v};
    tuple = g_variant_new_tuple(child, before ? 2 : 1);
    g_variant_unref(v);
    return tuple;
}

static GVariant *echo(const char *word, const char *options)
{
    return parse("a{sv}", options, word);
}

static void test_options(void)
{
    struct service s;
    GDBusConnection *c;
    setup(&s, &c);

    call_says(&s, c, "Echo", echo("a", "{}"), "('a 7 -',)");
    call_says(&s, c, "Echo", echo("b", "{'Number': <uint16 443>}"), "('b 443 -',)");
    /* busctl users write i or u as well: taken when nothing is lost. */
    call_says(&s, c, "Echo", echo("c", "{'Number': <int32 443>, 'Path': <'/x'>}"), "('c 443 /x',)");
    call_says(&s, c, "Echo", echo("d", "{'Number': <uint64 65535>, 'List': <@ao []>}"), "('d 65535 -',)");
    static const struct {
        const char *options, *part;
    } bad[] = {
        {"{'Numbers': <uint16 443>}", "'Numbers'"},
        {"{'number': <uint16 443>}", "'number'"},
        {"{'Number': <uint32 65536>}", "'Number'"},
        {"{'Number': <int32 -1>}", "'Number'"},
        {"{'Number': <'443'>}", "'Number'"},
        {"{'Number': <443.0>}", "'Number'"},
        {"{'Signed': <uint32 4294967295>}", "'Signed'"},
        {"{'Path': <'not a path'>}", "'Path'"},
        {"{'List': <'x'>}", "'List'"},
        {"{'List': <[uint32 1]>}", "'List'"},
        {"{'Flag': <uint32 1>}", "'Flag'"},
        {"{'Flag': <true>, 'Flag': <false>}", "'Flag'"},
        {"{'Word': <('a', 'b')>}", "'Word'"},
        {"{'Word': <'a\\u0001b'>}", "'Word'"},
        {"{'': <'a'>}", "key"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        call_fails(&s, c, TEST_PATH, TEST_IFACE, "Echo", echo("x", bad[i].options),
                   "org.mefclient1.Error.InvalidArguments", bad[i].part);
    /* Beyond the limits. */
    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    for (int i = 0; i < 200; i++) {
        char key[16];
        g_snprintf(key, sizeof key, "k%d", i);
        g_variant_builder_add(&b, "{sv}", key, g_variant_new_uint32(1));
    }
    call_fails(&s, c, TEST_PATH, TEST_IFACE, "Echo", g_variant_new("(sa{sv})", "x", &b),
               "org.mefclient1.Error.LimitExceeded", "128");
    GVariant *deep = g_variant_new_string("end");
    for (int i = 0; i < 12; i++) {
        g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
        g_variant_builder_add(&b, "{sv}", "Inner", deep);
        deep = g_variant_builder_end(&b);
    }
    call_fails(&s, c, TEST_PATH, TEST_IFACE, "Echo", g_variant_new("(s@a{sv})", "x", deep),
               "org.mefclient1.Error.LimitExceeded", NULL);
    char *big = g_strnfill(70000, 'x');
    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&b, "{sv}", "Word", g_variant_new_string(big));
    call_fails(&s, c, TEST_PATH, TEST_IFACE, "Echo", g_variant_new("(sa{sv})", "x", &b),
               "org.mefclient1.Error.LimitExceeded", "'Word'");
    g_free(big);
    teardown(&s, c);
}

static void test_values(void)
{
    struct service s;
    GDBusConnection *c;
    setup(&s, &c);

    /* Bad text of ours never reaches libdbus, which would end the process. */
    call_says(&s, c, "Structs", NULL, "([('bad? utf8', '/a/b', 'line'), ('bad? utf8', '/', 'line')],)");
    GVariant *ops =
        parse("aa{sv}",
              "[{'Op': <'add'>, 'Attributes': <{'fqdn': <'mef.example'>, 'httpPort': <uint16 443>, 'labels':"
              " <['a', 'b']>, 'n': <[uint32 1, 2]>, 'raw': <b'xy'>, 'd': <1.5>, 'o': <objectpath '/x'>}>}]",
              NULL);
    call_says(&s, c, "Apply", ops,
              "(1, {'fqdn': <'mef.example'>, 'httpPort': <uint16 443>, 'labels': <['a', 'b']>, 'n': <[uint32 "
              "1, 2]>, 'raw': "
              "<b'xy'>, 'd': <1.5>, 'o': <objectpath '/x'>})");
    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE("aa{sv}"));
    for (int i = 0; i < 257; i++)
        g_variant_builder_add(&b, "@a{sv}", g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0));
    call_fails(&s, c, TEST_PATH, TEST_IFACE, "Apply", g_variant_new("(aa{sv})", &b),
               "org.mefclient1.Error.LimitExceeded", "256");
    teardown(&s, c);
}

static void test_properties(void)
{
    struct service s;
    GDBusConnection *c;
    setup(&s, &c);

    s.value = 42;
    GVariant *v = get(&s, c, "Value");
    g_assert_cmpuint(g_variant_get_uint32(v), ==, 42);
    g_variant_unref(v);
    v = bus_fixture_call(&s.fixture, c, BUS_NAME, TEST_PATH, PROPERTIES, "GetAll",
                         g_variant_new("(s)", TEST_IFACE), NULL);
    char *text = g_variant_print(v, FALSE);
    g_assert_cmpstr(text, ==,
                    "({'Value': <uint32 42>, 'Big': <'hello'>, 'Const': <'hello'>, 'Quiet': <uint32 42>, "
                    "'Broken': <@as []>, "
                    "'Pair': <('one', 'two')>, 'Text': <'hello'>},)");
    g_free(text);
    g_variant_unref(v);
    char *error = NULL;
    g_assert_null(bus_fixture_call(&s.fixture, c, BUS_NAME, TEST_PATH, PROPERTIES, "Get",
                                   g_variant_new("(ss)", TEST_IFACE, "Broken"), &error));
    expect_error(error, "org.mefclient1.Error.Failed", NULL);
    g_variant_unref(bus_fixture_call(&s.fixture, c, BUS_NAME, TEST_PATH, PROPERTIES, "Set",
                                     g_variant_new("(ssv)", TEST_IFACE, "Text", g_variant_new_string("new")),
                                     NULL));
    v = get(&s, c, "Text");
    g_assert_cmpstr(g_variant_get_string(v, NULL), ==, "new");
    g_variant_unref(v);
    teardown(&s, c);
}

/* State, then signals, then the reply; several changes of a property are one signal. */
static void test_order(void)
{
    struct service s;
    GDBusConnection *c;
    setup(&s, &c);
    GDBusConnection *watcher = bus_fixture_connect(&s.fixture);
    struct bus_fixture_log *log = bus_fixture_log_new(watcher);

    g_variant_unref(bus_fixture_call(&s.fixture, watcher, BUS_NAME, TEST_PATH, TEST_IFACE, "Change",
                                     g_variant_new("(u)", 5), NULL));
    char *text = bus_fixture_log_text(log);
    g_assert_cmpstr(text, ==,
                    "signal " TEST_PATH " " PROPERTIES ".PropertiesChanged ('" TEST_IFACE
                    "', {'Value': <uint32 7>}, ['Big'])\n"
                    "signal " TEST_PATH " " TEST_IFACE ".Happened (7, 'x')\n"
                    "signal " TEST_PATH " " PROPERTIES ".PropertiesChanged ('" TEST_IFACE
                    "', {'Value': <uint32 107>}, [])\n"
                    "reply (107,)\n");
    g_free(text);
    /* Changes outside of a call go out at the end of the turn. */
    bus_fixture_log_reset(log);
    s.value = 9;
    bus_changed(s.test, TEST_IFACE, "Value");
    bus_changed(s.test, TEST_IFACE, "NoSuchThing");
    text = bus_fixture_log_settled(&s.fixture, log);
    g_assert_cmpstr(text, ==,
                    "signal " TEST_PATH " " PROPERTIES ".PropertiesChanged ('" TEST_IFACE
                    "', {'Value': <uint32 9>}, [])\n");
    g_free(text);
    g_assert_cmpint(bus_signal_emit(s.test, TEST_IFACE, "None", ""), ==, -ENOENT);
    g_assert_cmpint(bus_signal_emit(s.test, TEST_IFACE, "Happened", "su", "x", 1), ==, -EPROTO);
    g_assert_cmpint(bus_signal_emit(s.test, TEST_IFACE, "Happened", "u", 1), ==, -EPROTO);
    bus_fixture_log_free(log);
    g_object_unref(watcher);
    teardown(&s, c);
}

static const struct bus_interface *const interfaces[] = {&test_interface, NULL};

static void test_object_manager(void)
{
    struct service s;
    GDBusConnection *c;
    setup(&s, &c);
    GDBusConnection *watcher = bus_fixture_connect(&s.fixture);
    struct bus_fixture_log *log = bus_fixture_log_new(watcher);
    struct bus_object *two, *hidden, *outside;

    /* Added and changed: one signal, with the last values. Added and removed in one turn: nothing. */
    g_assert_cmpint(bus_object_add(s.bus, BUS_ROOT "/test/two", interfaces, &s, &two), ==, 0);
    g_assert_cmpint(bus_object_add(s.bus, BUS_ROOT "/test/two", interfaces, &s, &hidden), ==, -EEXIST);
    g_assert_cmpint(bus_object_add(s.bus, "bad path", interfaces, &s, &hidden), ==, -EINVAL);
    g_assert_cmpint(bus_object_add(s.bus, BUS_ROOT "/test/hidden", interfaces, &s, &hidden), ==, 0);
    g_assert_cmpint(bus_object_add(s.bus, "/org/freedesktop/LogControl1", interfaces, &s, &outside), ==, 0);
    bus_object_remove(hidden);
    s.value = 77;
    bus_changed(two, TEST_IFACE, "Value");
    char *text = bus_fixture_log_settled(&s.fixture, log);
    g_assert_true(g_str_has_prefix(text, "signal " BUS_ROOT " " MANAGER ".InterfacesAdded ('" BUS_ROOT
                                         "/test/two', {'" TEST_IFACE "': {'Value': <uint32 77>, "));
    g_assert_cmpuint(strcspn(text, "\n") + 1, ==, strlen(text));
    g_free(text);

    GVariant *v =
        bus_fixture_call(&s.fixture, c, BUS_NAME, BUS_ROOT, MANAGER, "GetManagedObjects", NULL, NULL);
    GVariant *objects = g_variant_get_child_value(v, 0);
    g_assert_cmpuint(g_variant_n_children(objects), ==, 2); /* not the root itself, not what lies outside */
    GVariant *one = g_variant_lookup_value(objects, TEST_PATH, G_VARIANT_TYPE("a{sa{sv}}"));
    GVariant *inner = one ? g_variant_lookup_value(one, TEST_IFACE, G_VARIANT_TYPE_VARDICT) : NULL;
    guint32 value;
    g_assert_nonnull(inner);
    g_assert_true(g_variant_lookup(inner, "Value", "u", &value));
    g_assert_cmpuint(value, ==, 77);
    g_variant_unref(inner);
    g_variant_unref(one);
    g_variant_unref(objects);
    g_variant_unref(v);

    /* What was told is not told again, whoever says that it has changed; what is news is, before the end. */
    bus_fixture_log_reset(log);
    bus_changed(two, TEST_IFACE, NULL);
    text = bus_fixture_log_settled(&s.fixture, log);
    g_assert_cmpstr(text, ==, "");
    g_free(text);
    s.value = 78;
    bus_changed(two, TEST_IFACE, "Value");
    bus_object_remove(two);
    bus_object_remove(outside);
    text = bus_fixture_log_settled(&s.fixture, log);
    g_assert_cmpstr(text, ==,
                    "signal " BUS_ROOT "/test/two " PROPERTIES ".PropertiesChanged ('" TEST_IFACE
                    "', {'Value': <uint32 78>}, [])\n"
                    "signal " BUS_ROOT " " MANAGER ".InterfacesRemoved ('" BUS_ROOT
                    "/test/two', ['" TEST_IFACE "'])\n");
    g_free(text);
    bus_fixture_log_free(log);
    g_object_unref(watcher);
    teardown(&s, c);
}

static bool has_later(void *ctx)
{
    return ((struct service *)ctx)->later != NULL;
}

static void test_deferred(void)
{
    struct service s;
    GDBusConnection *c;
    struct bus_fixture_call call;
    setup(&s, &c);

    bus_fixture_call_start(&call, c, BUS_NAME, TEST_PATH, TEST_IFACE, "Later", NULL, G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_until(&s.fixture, has_later, &s);
    bus_fixture_settle(&s.fixture, 20);
    g_assert_false(call.done);
    g_assert_cmpint(bus_reply(s.later, "s", "at last"), ==, 0);
    g_assert_cmpint(bus_reply(s.later, "s", "again"), ==, 0); /* the first counts */
    s.later = bus_call_unref(s.later);
    bus_fixture_call_wait(&s.fixture, &call);
    g_assert_null(call.error);
    bus_fixture_call_clear(&call);

    /* Given up: the caller is told. */
    bus_fixture_call_start(&call, c, BUS_NAME, TEST_PATH, TEST_IFACE, "Later", NULL, G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_until(&s.fixture, has_later, &s);
    s.later = bus_call_unref(s.later);
    bus_fixture_call_wait(&s.fixture, &call);
    expect_error(g_steal_pointer(&call.error), "org.mefclient1.Error.Failed", "Later");
    bus_fixture_call_clear(&call);

    /* The caller is gone, and then the object as well. */
    GDBusConnection *other = bus_fixture_connect(&s.fixture);
    bus_fixture_call_start(&call, other, BUS_NAME, TEST_PATH, TEST_IFACE, "Later", NULL,
                           G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_until(&s.fixture, has_later, &s);
    bus_fixture_disconnect(other);
    bus_fixture_settle(&s.fixture, 20);
    bus_object_remove(TAKE_PTR(s.test));
    g_assert_null(bus_call_object(s.later));
    g_assert_cmpint(bus_reply(s.later, "s", "nobody"), ==, 0);
    s.later = bus_call_unref(s.later);
    bus_fixture_call_clear(&call);

    /* The service is gone before the reply. */
    g_assert_cmpint(bus_object_add(s.bus, TEST_PATH, interfaces, &s, &s.test), ==, 0);
    bus_fixture_call_start(&call, c, BUS_NAME, TEST_PATH, TEST_IFACE, "Later", NULL, G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_until(&s.fixture, has_later, &s);
    bus_free(TAKE_PTR(s.bus));
    g_assert_cmpint(bus_reply(s.later, "s", "too late"), ==, 0);
    s.later = bus_call_unref(s.later);
    bus_fixture_call_wait(&s.fixture, &call);
    g_assert_nonnull(call.error);
    bus_fixture_call_clear(&call);
    teardown(&s, c);
}

static void test_removed_in_handler(void)
{
    struct service s;
    GDBusConnection *c;
    setup(&s, &c);

    g_variant_unref(service_call(&s, c, "Remove", NULL, NULL));
    call_fails(&s, c, TEST_PATH, TEST_IFACE, "Register", NULL, "org.freedesktop.DBus.Error.UnknownObject",
               NULL);
    teardown(&s, c);
}

static int fn(struct bus_call *c, struct mef_error *err)
{
    return 0;
}

static int get_nothing(void *o, const struct bus_property *p, struct bus_writer *w)
{
    return -1;
}

static int set_nothing(struct bus_call *c, const struct bus_property *p, const struct bus_value *v,
                       struct mef_error *err)
{
    return 0;
}

/* A method that says neither "read only" nor which action it needs cannot slip through. */
static void test_table_check(void)
{
    const struct bus_method undecided[] = {{"A", "", "", BUS_READONLY, fn}, {"B", "", "", NULL, fn}, {NULL}};
    const struct bus_method unreadable[] = {{"A", "a(ss)", "", BUS_READONLY, fn}, {NULL}};
    const struct bus_method twice[] = {
        {"A", "", "", BUS_READONLY, fn}, {"A", "", "", BUS_READONLY, fn}, {NULL}};
    const struct bus_method good[] = {{"A", "sa{sv}aa{sv}v", "a(sos)", BUS_ACTION("register"), fn}, {NULL}};
    const struct bus_property open[] = {{"P", "s", BUS_EMITS_TRUE, get_nothing, set_nothing, NULL}, {NULL}};
    const struct bus_property two[] = {{"P", "ss", BUS_EMITS_TRUE, get_nothing}, {NULL}};
    const struct {
        struct bus_interface i;
        const char *part;
    } row[] = {
        {{"org.mefclient1.A", undecided}, "A.B"},  {{"org.mefclient1.A", unreadable}, "A.A"},
        {{"org.mefclient1.A", twice}, "A.A"},      {{"nodots", good}, "nodots"},
        {{"org.mefclient1.A", good, open}, "A.P"}, {{"org.mefclient1.A", good, two}, "A.P"},
        {{"org.mefclient1.A", good}, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        struct mef_error err = {0};
        int r = bus_interface_check(&row[i].i, &err);
        g_assert_cmpint(r, ==, row[i].part ? -EINVAL : 0);
        if (row[i].part)
            g_assert_nonnull(strstr(err.text, row[i].part));
    }
    g_assert_cmpint(bus_interface_check(&test_interface, NULL), ==, 0);
}

/* Each file of dbus/xml is one interface that GLib can read, and is embedded. */
static void test_xml(void)
{
    char *dir = g_build_filename(TOP_SRCDIR, "dbus", "xml", NULL);
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;
    unsigned n = 0;

    g_assert_nonnull(d);
    while ((name = g_dir_read_name(d))) {
        char *file = g_build_filename(dir, name, NULL), *text;
        GError *e = NULL;
        g_assert_true(g_file_get_contents(file, &text, NULL, &e));
        GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(text, &e);
        g_assert_no_error(e);
        g_assert_nonnull(node->interfaces[0]);
        g_assert_null(node->interfaces[1]);
        const char *xml = bus_xml(node->interfaces[0]->name);
        g_assert_nonnull(xml);
        g_assert_null(strstr(xml, "<!--"));
        char *document = g_strconcat("<node>", xml, "</node>", NULL);
        GDBusNodeInfo *embedded = g_dbus_node_info_new_for_xml(document, &e);
        g_assert_no_error(e);
        GString *a = g_string_new(NULL), *b = g_string_new(NULL);
        g_dbus_interface_info_generate_xml(node->interfaces[0], 0, a);
        g_dbus_interface_info_generate_xml(embedded->interfaces[0], 0, b);
        g_assert_cmpstr(a->str, ==, b->str);
        g_string_free(a, TRUE);
        g_string_free(b, TRUE);
        g_dbus_node_info_unref(node);
        g_dbus_node_info_unref(embedded);
        g_free(document);
        g_free(file);
        g_free(text);
        n++;
    }
    g_assert_cmpuint(n, ==, 17);
    g_assert_null(bus_xml("org.mefclient1.None"));
    g_dir_close(d);
    g_free(dir);
    bus_fixture_check_interface(&job_interface);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/objects/introspection", test_introspection);
    g_test_add_func("/bus/objects/busctl-tree", test_busctl);
    g_test_add_func("/bus/objects/standard-errors", test_errors);
    g_test_add_func("/bus/objects/wrong-signatures", test_signatures);
    g_test_add_func("/bus/objects/options", test_options);
    g_test_add_func("/bus/objects/values", test_values);
    g_test_add_func("/bus/objects/properties", test_properties);
    g_test_add_func("/bus/objects/order", test_order);
    g_test_add_func("/bus/objects/object-manager", test_object_manager);
    g_test_add_func("/bus/objects/deferred-reply", test_deferred);
    g_test_add_func("/bus/objects/removed-in-its-handler", test_removed_in_handler);
    g_test_add_func("/bus/objects/table-check", test_table_check);
    g_test_add_func("/bus/objects/xml", test_xml);
    return g_test_run();
}
