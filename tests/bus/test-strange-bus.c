/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus that is made by the test, so that it can lie: it refuses Hello, gives strange names, does not know
 * the uid of a caller, or forges signals in the driver's name. */
#include <string.h>

#include "tests/bus/service.h"

#define CALLER ":1.9"

enum uid_answer { UID_ROOT, UID_ERROR, UID_NOBODY_KNOWS, UID_TEXT, UID_SILENT };

struct strange {
    char *address;
    GDBusServer *server;
    GDBusConnection *c; /* the service's side */
    GMutex lock;        /* filters run in GDBus' thread */
    const char *hello;  /* its answer: a name, "" = none, "error" */
    enum uid_answer uid;
    unsigned hellos, uids;
    GString *replies; /* what the service sent to our forged caller */
};

static void answer(GDBusConnection *c, GDBusMessage *call, GVariant *body, const char *error)
{
    GDBusMessage *m = error ? g_dbus_message_new_method_error_literal(call, error, "no")
                            : g_dbus_message_new_method_reply(call);

    g_dbus_message_set_sender(m, "org.freedesktop.DBus");
    if (body)
        g_dbus_message_set_body(m, body);
    g_dbus_connection_send_message(c, m, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
    g_object_unref(m);
}

static void answer_uid(struct strange *b, GDBusConnection *c, GDBusMessage *m)
{
    b->uids++;
    switch (b->uid) {
    case UID_ROOT:
        return answer(c, m, g_variant_new("(u)", 0), NULL);
    case UID_ERROR:
        return answer(c, m, NULL, "org.freedesktop.DBus.Error.AccessDenied");
    case UID_NOBODY_KNOWS:
        return answer(c, m, g_variant_new("(u)", 0xffffffffu), NULL);
    case UID_TEXT:
        return answer(c, m, g_variant_new("(s)", "0"), NULL);
    case UID_SILENT:
        return;
    }
}

static GDBusMessage *on_message(GDBusConnection *c, GDBusMessage *m, gboolean incoming, gpointer data)
{
    struct strange *b = data;
    const char *member = g_dbus_message_get_member(m);

    if (!incoming)
        return m;
    g_mutex_lock(&b->lock);
    if (g_strcmp0(g_dbus_message_get_destination(m), CALLER) == 0) {
        const char *error = g_dbus_message_get_error_name(m);
        g_string_append_printf(b->replies, "%s\n", error ? error : "reply");
    } else if (g_strcmp0(member, "Hello") == 0) {
        b->hellos++;
        if (strcmp(b->hello, "error") == 0)
            answer(c, m, NULL, "org.freedesktop.DBus.Error.LimitsExceeded");
        else if (*b->hello)
            answer(c, m, g_variant_new("(s)", b->hello), NULL);
    } else if (g_strcmp0(member, "RequestName") == 0) {
        answer(c, m, g_variant_new("(u)", 1), NULL);
    } else if (g_strcmp0(member, "GetConnectionUnixUser") == 0) {
        answer_uid(b, c, m);
    }
    g_mutex_unlock(&b->lock);
    g_object_unref(m);
    return NULL;
}

static gboolean on_connection(GDBusServer *server, GDBusConnection *c, gpointer data)
{
    struct strange *b = data;

    g_dbus_connection_set_exit_on_close(c, FALSE);
    g_mutex_lock(&b->lock);
    g_clear_object(&b->c);
    b->c = g_object_ref(c);
    g_mutex_unlock(&b->lock);
    g_dbus_connection_add_filter(c, on_message, b, NULL);
    g_dbus_connection_start_message_processing(c);
    return TRUE;
}

static void strange_start(struct strange *b)
{
    GError *e = NULL;
    char *guid = g_dbus_generate_guid(), *address = g_strdup_printf("unix:tmpdir=%s", g_get_tmp_dir());

    g_mutex_init(&b->lock);
    b->replies = g_string_new(NULL);
    b->server = g_dbus_server_new_sync(address, G_DBUS_SERVER_FLAGS_NONE, guid, NULL, NULL, &e);
    g_assert_no_error(e);
    g_signal_connect(b->server, "new-connection", G_CALLBACK(on_connection), b);
    g_dbus_server_start(b->server);
    b->address = g_strdup(g_dbus_server_get_client_address(b->server));
    g_free(address);
    g_free(guid);
}

static void strange_stop(struct strange *b)
{
    g_dbus_server_stop(b->server);
    if (b->c)
        g_dbus_connection_close_sync(b->c, NULL, NULL);
    g_clear_object(&b->c);
    g_object_unref(b->server);
    g_string_free(b->replies, TRUE);
    g_free(b->address);
    g_mutex_clear(&b->lock);
}

static unsigned locked(struct strange *b, const unsigned *n)
{
    g_mutex_lock(&b->lock);
    unsigned v = *n;
    g_mutex_unlock(&b->lock);
    return v;
}

static bool said_hello(void *ctx)
{
    return locked(ctx, &((struct strange *)ctx)->hellos) >= 2;
}

/* An answer that is of no use is followed by another attempt. */
static void test_hello(void)
{
    static const char *const hello[] = {"error", "org.mefclient1.ButNoUniqueName'", "no name"};

    for (size_t i = 0; i < G_N_ELEMENTS(hello); i++) {
        struct strange b = {.hello = hello[i]};
        struct service s;
        strange_start(&b);
        service_start(&s, b.address, NULL, 0);
        bus_fixture_until(&s.fixture, said_hello, &b);
        g_assert_cmpuint(s.up, ==, 0);
        g_assert_true(service_saw(&s, "BUS_LOST"));
        service_stop(&s);
        strange_stop(&b);
    }
}

static void send_call(struct strange *b, const char *member, GVariant *params)
{
    GDBusMessage *m = g_dbus_message_new_method_call(":1.1", TEST_PATH, TEST_IFACE, member);

    g_dbus_message_set_sender(m, CALLER);
    if (params)
        g_dbus_message_set_body(m, params);
    g_assert_true(g_dbus_connection_send_message(b->c, m, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL));
    g_object_unref(m);
}

static void set_uid_answer(struct strange *b, enum uid_answer a)
{
    g_mutex_lock(&b->lock);
    b->uid = a;
    g_mutex_unlock(&b->lock);
}

static bool replied(void *ctx)
{
    struct strange *b = ctx;

    g_mutex_lock(&b->lock);
    bool yes = b->replies->len > 0;
    g_mutex_unlock(&b->lock);
    return yes;
}

static void expect_reply(struct service *s, struct strange *b, const char *expected)
{
    bus_fixture_until(&s->fixture, replied, b);
    g_mutex_lock(&b->lock);
    g_assert_cmpstr(b->replies->str, ==, expected);
    g_string_truncate(b->replies, 0);
    g_mutex_unlock(&b->lock);
}

/* A uid that cannot be read is not uid 0, and the next call asks again. */
static void test_uid(void)
{
    struct strange b = {.hello = ":1.1", .uid = UID_ERROR};
    struct service s;

    strange_start(&b);
    service_start(&s, b.address, NULL, 0);
    service_wait_up(&s);
    for (enum uid_answer a = UID_ERROR; a <= UID_TEXT; a++) {
        set_uid_answer(&b, a);
        send_call(&b, "Change", g_variant_new("(u)", 1));
        expect_reply(&s, &b, "org.mefclient1.Error.NotAuthorized\n");
        send_call(&b, "Choose", g_variant_new("(u)", 1));
        expect_reply(&s, &b, "org.mefclient1.Error.NotAuthorized\n");
    }
    g_assert_cmpuint(s.ran, ==, 0);
    g_assert_cmpuint(locked(&b, &b.uids), ==, 6);
    g_assert_true(service_saw(&s, "ACCESS_DENIED"));
    set_uid_answer(&b, UID_ROOT);
    send_call(&b, "Change", g_variant_new("(u)", 1));
    expect_reply(&s, &b, "reply\n");
    /* Now it is known. */
    send_call(&b, "Register", NULL);
    expect_reply(&s, &b, "reply\n");
    g_assert_cmpuint(locked(&b, &b.uids), ==, 7);
    g_assert_cmpuint(s.ran, ==, 2);
    service_stop(&s);
    strange_stop(&b);
}

static void gone(void *ctx, const char *sender)
{
    ++*(unsigned *)ctx;
}

static void send_owner_changed(struct strange *b, const char *sender)
{
    GDBusMessage *m =
        g_dbus_message_new_signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged");

    g_dbus_message_set_sender(m, sender);
    g_dbus_message_set_body(m, g_variant_new("(sss)", CALLER, CALLER, ""));
    g_assert_true(g_dbus_connection_send_message(b->c, m, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL));
    g_object_unref(m);
}

static bool was_told(void *ctx)
{
    return *(unsigned *)ctx > 0;
}

/* Only the driver says who has left. While a uid is being asked for, calls wait; when the caller leaves they
 * are forgotten. */
static void test_leaving(void)
{
    struct strange b = {.hello = ":1.1", .uid = UID_SILENT};
    struct service s;
    unsigned told = 0;

    strange_start(&b);
    service_start(&s, b.address, NULL, 0);
    service_wait_up(&s);
    g_assert_cmpint(bus_sender_watch(s.bus, CALLER, gone, &told, NULL), ==, 0);
    send_call(&b, "Change", g_variant_new("(u)", 1));
    send_owner_changed(&b, ":1.66");
    bus_fixture_settle(&s.fixture, 50);
    g_assert_cmpuint(told, ==, 0);
    send_owner_changed(&b, "org.freedesktop.DBus");
    bus_fixture_until(&s.fixture, was_told, &told);
    bus_fixture_settle(&s.fixture, 20);
    g_assert_cmpuint(told, ==, 1);
    g_assert_cmpuint(s.ran, ==, 0);
    g_assert_false(replied(&b));
    g_assert_cmpuint(locked(&b, &b.uids), ==, 1);
    service_stop(&s);
    strange_stop(&b);
}

static bool has_later(void *ctx)
{
    return ((struct service *)ctx)->later != NULL;
}

static bool twice_up(void *ctx)
{
    return ((struct service *)ctx)->up >= 2;
}

/* A reply belongs to the connection that the call came by: on another one the same name and serial are
 * somebody else's. */
static void test_stale_reply(void)
{
    struct strange b = {.hello = ":1.1", .uid = UID_ROOT};
    struct service s;

    strange_start(&b);
    service_start(&s, b.address, NULL, 0);
    service_wait_up(&s);
    send_call(&b, "Later", NULL);
    bus_fixture_until(&s.fixture, has_later, &s);
    g_assert_true(g_dbus_connection_close_sync(b.c, NULL, NULL));
    bus_fixture_until(&s.fixture, twice_up, &s);
    g_assert_cmpint(bus_reply(s.later, "s", "late"), ==, 0);
    s.later = bus_call_unref(s.later);
    /* Whatever was sent before this answer has arrived with it. */
    send_call(&b, "Fail", g_variant_new("(s)", "x"));
    expect_reply(&s, &b, "org.mefclient1.Error.NotFound\n");
    service_stop(&s);
    strange_stop(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/strange/hello", test_hello);
    g_test_add_func("/bus/strange/uid", test_uid);
    g_test_add_func("/bus/strange/leaving", test_leaving);
    g_test_add_func("/bus/strange/stale-reply", test_stale_reply);
    return g_test_run();
}
