/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/bench/getter.h"

#include <string.h>

static void check(DBusError *e, const char *what)
{
    if (dbus_error_is_set(e))
        g_error("%s: %s", what, e->message);
}

DBusConnection *getter_connect(const char *address)
{
    DBusError e = DBUS_ERROR_INIT;
    DBusConnection *c = dbus_connection_open_private(address, &e);

    check(&e, "connect");
    dbus_connection_set_exit_on_disconnect(c, FALSE);
    (void)dbus_bus_register(c, &e);
    check(&e, "hello");
    return c;
}

static DBusMessage *ask(DBusConnection *c, const char *name)
{
    static const char interface[] = GET_INTERFACE, property[] = GET_PROPERTY;
    const char *i = interface, *p = property;
    DBusError e = DBUS_ERROR_INIT;
    DBusMessage *m = dbus_message_new_method_call(name, GET_PATH, DBUS_INTERFACE_PROPERTIES, "Get");

    g_assert_true(dbus_message_append_args(m, DBUS_TYPE_STRING, &i, DBUS_TYPE_STRING, &p, DBUS_TYPE_INVALID));
    DBusMessage *reply = dbus_connection_send_with_reply_and_block(c, m, 60000, &e);
    check(&e, name);
    dbus_message_unref(m);
    return reply;
}

char *getter_ask(DBusConnection *c, const char *name)
{
    DBusMessage *m = ask(c, name);
    DBusMessageIter it, value;
    const char *text = NULL;

    g_assert_true(dbus_message_iter_init(m, &it));
    dbus_message_iter_recurse(&it, &value);
    g_assert_cmpint(dbus_message_iter_get_arg_type(&value), ==, DBUS_TYPE_STRING);
    dbus_message_iter_get_basic(&value, &text);
    char *copy = g_strdup(text);
    dbus_message_unref(m);
    return copy;
}

gint64 getter_run(DBusConnection *c, const char *name, unsigned n, gint64 *each)
{
    gint64 begin = g_get_monotonic_time(), last = begin;

    for (unsigned i = 0; i < n; i++) {
        dbus_message_unref(ask(c, name));
        if (each) {
            gint64 now = g_get_monotonic_time();
            each[i] = now - last;
            last = now;
        }
    }
    return g_get_monotonic_time() - begin;
}

void getter_wait_for(DBusConnection *c, const char *name)
{
    DBusError e = DBUS_ERROR_INIT;

    for (gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;;) {
        dbus_bool_t there = dbus_bus_name_has_owner(c, name, &e);
        check(&e, name);
        if (there)
            return;
        if (g_get_monotonic_time() > end)
            g_error("'%s' does not come to the bus", name);
        g_usleep(20000);
    }
}

/* ---- the other side ---- */

static const char *bare_value;

static DBusHandlerResult bare_message(DBusConnection *c, DBusMessage *m, void *data)
{
    const char *interface, *property;
    DBusMessageIter it, variant;

    if (!dbus_message_is_method_call(m, DBUS_INTERFACE_PROPERTIES, "Get") ||
        !dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &interface, DBUS_TYPE_STRING, &property,
                               DBUS_TYPE_INVALID) ||
        strcmp(interface, GET_INTERFACE) != 0 || strcmp(property, GET_PROPERTY) != 0)
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    DBusMessage *reply = dbus_message_new_method_return(m);
    if (!reply)
        return DBUS_HANDLER_RESULT_NEED_MEMORY;
    dbus_message_iter_init_append(reply, &it);
    if (!dbus_message_iter_open_container(&it, DBUS_TYPE_VARIANT, "s", &variant) ||
        !dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &bare_value) ||
        !dbus_message_iter_close_container(&it, &variant) || !dbus_connection_send(c, reply, NULL)) {
        dbus_message_unref(reply);
        return DBUS_HANDLER_RESULT_NEED_MEMORY;
    }
    dbus_message_unref(reply);
    return DBUS_HANDLER_RESULT_HANDLED;
}

void bare_service(const char *address, const char *value)
{
    static const DBusObjectPathVTable table = {.message_function = bare_message};
    DBusConnection *c = getter_connect(address);
    DBusError e = DBUS_ERROR_INIT;

    bare_value = value;
    g_assert_true(dbus_connection_register_object_path(c, GET_PATH, &table, NULL));
    (void)dbus_bus_request_name(c, GET_BARE, DBUS_NAME_FLAG_DO_NOT_QUEUE, &e);
    check(&e, GET_BARE);
    while (dbus_connection_read_write_dispatch(c, -1))
        ;
}
