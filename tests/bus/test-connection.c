/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection on a real bus that dies, comes back, is not there, does not answer, or has given our name to
 * somebody else; and callers that leave. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <gio/gunixfdlist.h>

#include "plugin/base/cancel.h"
#include "plugin/base/when.h"
#include "tests/bus/service.h"

static bool is_down(void *ctx)
{
    return !((struct service *)ctx)->connected;
}

static bool has_later(void *ctx)
{
    return ((struct service *)ctx)->later != NULL;
}

static guint32 value_of(struct service *s, GDBusConnection *c)
{
    GVariant *v = bus_fixture_call(&s->fixture, c, BUS_NAME, TEST_PATH, "org.freedesktop.DBus.Properties",
                                   "Get", g_variant_new("(ss)", TEST_IFACE, "Value"), NULL);
    GVariant *inner;
    guint32 value;

    g_variant_get(v, "(v)", &inner);
    value = g_variant_get_uint32(inner);
    g_variant_unref(inner);
    g_variant_unref(v);
    return value;
}

static unsigned count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void gone(void *ctx, const char *sender)
{
    g_ptr_array_add(ctx, g_strdup(sender));
}

/* Killed and started again: all state is kept, the unique name is another one, old replies go nowhere. */
static void test_lost(void)
{
    struct service s;
    struct bus_fixture_call call;
    GPtrArray *left = g_ptr_array_new_with_free_func(g_free);

    service_start(&s, NULL, NULL, 0);
    service_wait_up(&s);
    GDBusConnection *c = bus_fixture_connect(&s.fixture);
    char *before = g_strdup(bus_unique_name(s.bus));
    bus_fixture_call_start(&call, c, BUS_NAME, TEST_PATH, TEST_IFACE, "Later", NULL, G_DBUS_CALL_FLAGS_NONE);
    bus_fixture_until(&s.fixture, has_later, &s);
    g_assert_cmpint(bus_sender_watch(s.bus, bus_call_sender(s.later), gone, left, NULL), ==, 0);
    bus_fixture_kill(&s.fixture);
    bus_fixture_until(&s.fixture, is_down, &s);
    g_assert_true(service_saw(&s, "BUS_LOST"));
    g_assert_false(bus_connected(s.bus));
    g_assert_null(bus_unique_name(s.bus));
    g_assert_cmpuint(left->len, ==, 1); /* a transaction of that caller cannot go on */
    g_assert_cmpint(bus_sender_watch(s.bus, ":1.1", gone, left, NULL), ==, -ENOTCONN);
    g_assert_cmpint(bus_signal_emit(s.test, TEST_IFACE, "Happened", "us", 1, "x"), ==, -ENOTCONN);
    s.value = 4711;
    bus_changed(s.test, TEST_IFACE, "Value");
    bus_fixture_disconnect(c);
    bus_fixture_restart(&s.fixture);
    c = bus_fixture_connect(&s.fixture); /* takes the first number */
    service_wait_up(&s);
    g_assert_cmpstr(bus_unique_name(s.bus), !=, before);
    g_assert_cmpuint(s.up, ==, 2);
    g_assert_cmpuint(s.down, ==, 1);
    g_assert_cmpuint(value_of(&s, c), ==, 4711);
    g_assert_cmpint(bus_reply(s.later, "s", "of another life"), ==, 0);
    s.later = bus_call_unref(s.later);
    g_assert_cmpuint(value_of(&s, c), ==, 4711);
    bus_fixture_call_clear(&call);
    bus_fixture_disconnect(c);
    g_ptr_array_free(left, TRUE);
    g_free(before);
    service_stop(&s);
}

static void test_absent_at_start(void)
{
    struct bus_fixture f = {0};
    struct service s;

    bus_fixture_start(&f, NULL);
    bus_fixture_kill(&f);
    service_start(&s, f.address, NULL, 0);
    bus_fixture_settle(&s.fixture, 50);
    g_assert_true(service_saw(&s, "BUS_LOST"));
    g_assert_cmpuint(s.events->len, ==, 1);
    g_assert_cmpuint(s.up, ==, 0);
    bus_fixture_restart(&f);
    service_wait_up(&s);
    g_assert_true(service_saw(&s, "BUS_CONNECTED"));
    service_stop(&s);
    bus_fixture_stop(&f);
}

static int dead_listener(char **ret_address)
{
    static unsigned n;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char *name = g_strdup_printf("mefclient-dead-%d-%u-%08x", (int)getpid(), n++, g_random_int());

    strcpy(a.sun_path + 1, name);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&a,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
                    ==, 0);
    g_assert_cmpint(listen(fd, 4), ==, 0);
    *ret_address = g_strconcat("unix:abstract=", name, NULL);
    g_free(name);
    return fd;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *data)
{
    *(bool *)data = true;
    return 0;
}

static bool is_true(void *ctx)
{
    return *(bool *)ctx;
}

/* A bus that takes the connection and says nothing: the loop goes on, and stopping takes no time. */
static void test_silent_bus(void)
{
    struct service s;
    char *address;
    int fd = dead_listener(&address), accepted;
    bool ticked = false;
    sd_event_source *tick = NULL;
    uint64_t begin = now_monotonic();

    service_start(&s, address, NULL, 0);
    g_assert_cmpuint(now_monotonic() - begin, <, USEC_PER_SEC / 2);
    g_assert_cmpint(
        sd_event_add_time(s.event, &tick, CLOCK_MONOTONIC, now_monotonic() + 50000, 1000, on_tick, &ticked),
        >=, 0);
    begin = now_monotonic();
    bus_fixture_until(&s.fixture, is_true, &ticked);
    g_assert_cmpuint(now_monotonic() - begin, <, USEC_PER_SEC);
    accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(accepted, >=, 0);
    bus_fixture_settle(&s.fixture, 50);
    g_assert_cmpuint(s.up, ==, 0);
    begin = now_monotonic();
    bus_stop(s.bus);
    bus_stop(s.bus);
    g_assert_cmpuint(now_monotonic() - begin, <, USEC_PER_SEC);
    sd_event_source_unref(tick);
    service_stop(&s);
    close(accepted);
    close(fd);
    g_free(address);
}

/* The bus daemon is stopped in the middle: stopping us still takes less than a second. */
static void test_stop_with_hung_bus(void)
{
    struct service s;

    service_start(&s, NULL, NULL, 0);
    service_wait_up(&s);
    g_assert_cmpint(kill(s.fixture.pid, SIGSTOP), ==, 0);
    char *big = g_strnfill(200000, 'x');
    for (int i = 0; i < 20; i++)
        bus_signal_emit(s.test, TEST_IFACE, "Happened", "us", 1, big);
    g_free(big);
    uint64_t begin = now_monotonic();
    bus_stop(s.bus);
    g_assert_cmpuint(now_monotonic() - begin, <, USEC_PER_SEC);
    g_assert_cmpint(kill(s.fixture.pid, SIGCONT), ==, 0);
    service_stop(&s);
}

/* No caller can throw us off the bus with what the bus lets through. */
static void test_hostile_caller(void)
{
    struct service s;
    char *error = NULL;

    service_start(&s, NULL, NULL, 0);
    service_wait_up(&s);
    GDBusConnection *c = bus_fixture_connect(&s.fixture);
    char *big = g_strnfill(20u * 1024 * 1024, 'x');
    g_assert_null(service_call(&s, c, "Echo", g_variant_new("(sa{sv})", big, NULL), &error));
    g_assert_true(g_str_has_prefix(error, "org.mefclient1.Error.LimitExceeded"));
    g_clear_pointer(&error, g_free);
    g_free(big);
    /* Descriptors for nothing. */
    GUnixFDList *fds = g_unix_fd_list_new();
    for (int i = 0; i < 16; i++)
        g_assert_cmpint(g_unix_fd_list_append(fds, 2, NULL), ==, i);
    unsigned before = count_fds();
    for (int i = 0; i < 4; i++) {
        GDBusMessage *m = g_dbus_message_new_method_call(BUS_NAME, TEST_PATH, TEST_IFACE, "Later");
        g_dbus_message_set_unix_fd_list(m, fds);
        g_dbus_message_set_body(m, g_variant_new("(h)", 0));
        g_assert_true(g_dbus_connection_send_message(c, m, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL));
        g_object_unref(m);
    }
    g_assert_cmpuint(value_of(&s, c), ==, 0);
    bus_fixture_settle(&s.fixture, 50);
    g_assert_cmpuint(count_fds(), ==, before);
    g_object_unref(fds);
    g_assert_cmpuint(s.down, ==, 0);
    bus_fixture_disconnect(c);
    service_stop(&s);
}

static guint32 own(struct service *s, GDBusConnection *c, const char *member, GVariant *params)
{
    GVariant *v = bus_fixture_call(&s->fixture, c, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                   "org.freedesktop.DBus", member, params, NULL);
    guint32 r;

    g_variant_get(v, "(u)", &r);
    g_variant_unref(v);
    return r;
}

static void test_name_taken(void)
{
    struct bus_fixture f = {0};
    struct service s = {0};

    bus_fixture_start(&f, NULL);
    s.fixture = f;
    GDBusConnection *c = bus_fixture_connect(&f);
    g_assert_cmpuint(own(&s, c, "RequestName", g_variant_new("(su)", BUS_NAME, 0)), ==, 1);
    service_start(&s, f.address, NULL, 0);
    bus_fixture_settle(&s.fixture, 100);
    g_assert_cmpuint(s.up, ==, 0);
    g_assert_true(service_saw(&s, "BUS_LOST"));
    g_assert_true(service_saw(&s, "somebody else"));
    /* Reachable by its unique name all the same. */
    GVariant *v = bus_fixture_call(&s.fixture, c, bus_unique_name(s.bus), TEST_PATH, TEST_IFACE, "Echo",
                                   g_variant_new("(sa{sv})", "x", NULL), NULL);
    g_variant_unref(v);
    g_assert_cmpuint(own(&s, c, "ReleaseName", g_variant_new("(s)", BUS_NAME)), ==, 1);
    service_wait_up(&s);
    bus_fixture_disconnect(c);
    service_stop(&s);
    bus_fixture_stop(&f);
}

static bool has_one(void *ctx)
{
    return ((GPtrArray *)ctx)->len > 0;
}

static void test_senders(void)
{
    struct service s;
    GPtrArray *left = g_ptr_array_new_with_free_func(g_free), *never = g_ptr_array_new_with_free_func(g_free);
    struct bus_sender_watch *w;

    service_start(&s, NULL, NULL, 0);
    service_wait_up(&s);
    GDBusConnection *a = bus_fixture_connect(&s.fixture), *b = bus_fixture_connect(&s.fixture);
    char *name_a = g_strdup(g_dbus_connection_get_unique_name(a)),
         *name_b = g_strdup(g_dbus_connection_get_unique_name(b));
    g_assert_cmpint(bus_sender_watch(s.bus, name_a, gone, left, NULL), ==, 0);
    g_assert_cmpint(bus_sender_watch(s.bus, name_a, gone, never, &w), ==, 0);
    g_assert_cmpint(bus_sender_watch(s.bus, name_b, gone, never, NULL), ==, 0);
    bus_sender_unwatch(w);
    bus_fixture_settle(&s.fixture, 20);
    bus_fixture_disconnect(a);
    bus_fixture_until(&s.fixture, has_one, left);
    g_assert_cmpstr(left->pdata[0], ==, name_a);
    /* One that had left before we asked. */
    g_ptr_array_set_size(left, 0);
    g_assert_cmpint(bus_sender_watch(s.bus, name_a, gone, left, NULL), ==, 0);
    bus_fixture_until(&s.fixture, has_one, left);
    g_assert_cmpint(bus_sender_watch(s.bus, "org.mefclient1", gone, never, NULL), <, 0);
    g_assert_cmpint(bus_sender_watch(s.bus, ":bad'name", gone, never, NULL), <, 0);
    g_assert_cmpuint(never->len, ==, 0);
    bus_stop(s.bus);
    g_assert_cmpuint(never->len, ==, 1); /* b, when we leave */
    bus_fixture_disconnect(b);
    g_ptr_array_free(left, TRUE);
    g_ptr_array_free(never, TRUE);
    g_free(name_a);
    g_free(name_b);
    service_stop(&s);
}

static bool last_was_heard(void *ctx)
{
    g_autofree char *text = bus_fixture_log_text(ctx);
    return strstr(text, ".Happened ") != NULL;
}

/* What was emitted before the stop arrives. */
static void test_last_words(void)
{
    struct service s;

    service_start(&s, NULL, NULL, 0);
    service_wait_up(&s);
    GDBusConnection *c = bus_fixture_connect(&s.fixture);
    struct bus_fixture_log *log = bus_fixture_log_new(c);
    s.value = 3;
    bus_changed(s.test, TEST_IFACE, "Value");
    bus_signal_emit(s.test, TEST_IFACE, "Happened", "us", 3, "end");
    bus_stop(s.bus);
    g_assert_cmpuint(s.down, ==, 1);
    bus_fixture_until(&s.fixture, last_was_heard, log);
    char *text = bus_fixture_log_text(log);
    g_assert_nonnull(strstr(text, "'Value': <uint32 3>"));
    g_assert_nonnull(strstr(text, "Happened (3, 'end')"));
    g_free(text);
    bus_fixture_log_free(log);
    g_object_unref(c);
    service_stop(&s);
}

static void test_again_and_again(void)
{
    struct service s;
    unsigned fds = 0;

    service_start(&s, NULL, NULL, 0);
    for (unsigned i = 1; i <= 20; i++) {
        service_wait_up(&s);
        g_assert_cmpuint(s.up, ==, i);
        if (i == 2)
            fds = count_fds();
        else if (i > 2)
            g_assert_cmpuint(count_fds(), ==, fds);
        bus_stop(s.bus);
        g_assert_cmpint(bus_start(s.bus, NULL), ==, 0);
    }
    service_stop(&s);
}

static void test_bad_parameters(void)
{
    static const struct bus_params bad[] = {{.address = "unix:path=/x", .name = "no name"},
                                            {.address = "unix:path=/x", .root = "no path"},
                                            {.address = "unix:path=/x", .name = ":1.5"}};
    sd_event *event;
    struct mef_error err;

    g_assert_cmpint(sd_event_new(&event), >=, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct bus *b;
        g_assert_cmpint(bus_new(event, &bad[i], &b), ==, 0);
        g_assert_cmpint(bus_start(b, &err), ==, -EINVAL);
        g_assert_cmpint(err.word, ==, MEF_ERROR_INVALID_ARGUMENTS);
        bus_free(b);
    }
    /* An address that means nothing is a bus that is not there. */
    struct bus *b;
    struct bus_params p = {.address = "nonsense"};
    g_assert_cmpint(bus_new(event, &p, &b), ==, 0);
    g_assert_cmpint(bus_start(b, &err), ==, 0);
    bus_free(b);
    sd_event_unref(event);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/connection/lost-and-back", test_lost);
    g_test_add_func("/bus/connection/absent-at-start", test_absent_at_start);
    g_test_add_func("/bus/connection/silent-bus", test_silent_bus);
    g_test_add_func("/bus/connection/stop-with-hung-bus", test_stop_with_hung_bus);
    g_test_add_func("/bus/connection/hostile-caller", test_hostile_caller);
    g_test_add_func("/bus/connection/name-taken", test_name_taken);
    g_test_add_func("/bus/connection/senders", test_senders);
    g_test_add_func("/bus/connection/last-words", test_last_words);
    g_test_add_func("/bus/connection/again-and-again", test_again_and_again);
    g_test_add_func("/bus/connection/bad-parameters", test_bad_parameters);
    return g_test_run();
}
