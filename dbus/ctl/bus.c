/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection of mefctl: calls with a deadline, and what an error means for the exit code.
 * Ownership: struct ctl owns the connection. Blocking; this process has nothing else to do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/cancel.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"

#define CALL_MS        25000  /* an answer of a healthy service */
#define INTERACTIVE_MS 120000 /* somebody types a password for polkit meanwhile */

static const struct {
    const char *name;
    enum ctl_exit code;
} codes[] = {
    {DBUS_ERROR_SERVICE_UNKNOWN, CTL_NO_SERVICE},
    {DBUS_ERROR_NAME_HAS_NO_OWNER, CTL_NO_SERVICE},
    {DBUS_ERROR_NO_SERVER, CTL_NO_SERVICE},
    {DBUS_ERROR_DISCONNECTED, CTL_NO_SERVICE},
    {DBUS_ERROR_FILE_NOT_FOUND, CTL_NO_SERVICE},
    {DBUS_ERROR_BAD_ADDRESS, CTL_NO_SERVICE},
    {DBUS_ERROR_SPAWN_CHILD_EXITED, CTL_NO_SERVICE},
    {DBUS_ERROR_SPAWN_SERVICE_NOT_FOUND, CTL_NO_SERVICE},
    {DBUS_ERROR_ACCESS_DENIED, CTL_NOT_AUTHORIZED},
    {DBUS_ERROR_AUTH_FAILED, CTL_NOT_AUTHORIZED},
    {DBUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, CTL_NOT_AUTHORIZED},
    {DBUS_ERROR_UNKNOWN_OBJECT, CTL_NOT_FOUND},
    {DBUS_ERROR_NO_REPLY, CTL_TIMED_OUT},
    {DBUS_ERROR_TIMEOUT, CTL_TIMED_OUT},
    {DBUS_ERROR_TIMED_OUT, CTL_TIMED_OUT},
    {ERROR_PREFIX "NotAuthorized", CTL_NOT_AUTHORIZED},
    {ERROR_PREFIX "NotFound", CTL_NOT_FOUND},
    {ERROR_PREFIX "TimedOut", CTL_TIMED_OUT},
};

enum ctl_exit bus_exit_code(const char *error_name)
{
    for (size_t i = 0; i < ELEMENTS(codes); i++)
        if (streq(codes[i].name, error_name))
            return codes[i].code;
    return CTL_FAILED;
}

int bus_left_ms(const struct ctl *c, int cap)
{
    struct wait w = {.deadline = c->deadline};
    return wait_poll_ms(&w, cap);
}

/* Says an error of the bus in one sentence. */
static int say(struct ctl *c, const char *name, const char *text)
{
    enum ctl_exit code = bus_exit_code(name);
    const char *word =
        strncmp(name, ERROR_PREFIX, strlen(ERROR_PREFIX)) == 0 ? name + strlen(ERROR_PREFIX) : name;

    if (streq(name, DBUS_ERROR_SERVICE_UNKNOWN) || streq(name, DBUS_ERROR_NAME_HAS_NO_OWNER))
        return ctl_fail(c, code, word,
                        "nobody owns '" BUS_NAME
                        "' on this bus: start mef-agent, or name its bus with --bus");
    if (streq(name, DBUS_ERROR_NO_REPLY) && c->conn && !dbus_connection_get_is_connected(c->conn))
        return ctl_fail(c, CTL_NO_SERVICE, word, "the bus went away");
    if (streq(name, DBUS_ERROR_NO_REPLY))
        return ctl_fail(c, code, word, "the service did not answer in time");
    return ctl_fail(c, code, word, "%s", text && *text ? text : name);
}

int bus_open(struct ctl *c)
{
    DBusError e = DBUS_ERROR_INIT;
    int r = 0;

    if (c->bus) {
        c->conn = dbus_connection_open_private(c->bus, &e);
        if (c->conn) {
            dbus_connection_set_exit_on_disconnect(c->conn, FALSE);
            if (!dbus_bus_register(c->conn, &e))
                bus_close(c);
        }
    } else
        c->conn = dbus_bus_get_private(DBUS_BUS_SYSTEM, &e);
    if (!c->conn) {
        r = ctl_fail(c, CTL_NO_SERVICE, e.name ? e.name : "NoBus", "cannot connect to %s: %s",
                     c->bus ? c->bus : "the system bus", e.message ? e.message : "out of memory");
        dbus_error_free(&e);
        return r;
    }
    dbus_connection_set_exit_on_disconnect(c->conn, FALSE);
    return 0;
}

void bus_close(struct ctl *c)
{
    if (!c->conn)
        return;
    dbus_connection_close(c->conn);
    dbus_connection_unref(c->conn);
    c->conn = NULL;
}

DBusMessage *bus_method(const char *path, const char *interface, const char *member)
{
    return dbus_message_new_method_call(BUS_NAME, path, interface, member);
}

int bus_try(struct ctl *c, DBusMessage *m, DBusMessage **ret, char **ret_name, char **ret_text)
{
    DBusError e = DBUS_ERROR_INIT;
    DBusMessage *reply;
    int left;

    *ret_name = *ret_text = NULL;
    if (!m)
        goto memory;
    left = bus_left_ms(c, c->tty ? INTERACTIVE_MS : CALL_MS);
    if (c->tty)
        dbus_message_set_allow_interactive_authorization(m, TRUE);
    reply = dbus_connection_send_with_reply_and_block(c->conn, m, left > 0 ? left : 1, &e);
    dbus_message_unref(m);
    if (!reply) {
        *ret_name = strdup(e.name ? e.name : DBUS_ERROR_NO_MEMORY);
        *ret_text = strdup(e.message ? e.message : "");
        dbus_error_free(&e);
        if (!*ret_name || !*ret_text)
            goto memory;
        return bus_exit_code(*ret_name);
    }
    if (ret)
        *ret = reply;
    else
        dbus_message_unref(reply);
    return 0;
memory:
    free(*ret_name);
    free(*ret_text);
    *ret_name = *ret_text = NULL;
    return CTL_FAILED;
}

int bus_call(struct ctl *c, DBusMessage *m, DBusMessage **ret)
{
    _cleanup_(freep) char *name = NULL, *text = NULL;
    int r = bus_try(c, m, ret, &name, &text);
    if (r == 0)
        return 0;
    return name ? say(c, name, text) : ctl_fail(c, CTL_FAILED, "NoMemory", "out of memory");
}

/* The first argument of the answer to `m`. */
static int first_value(struct ctl *c, DBusMessage *m, json_t **ret)
{
    DBusMessage *reply = NULL;
    DBusMessageIter i;
    int r = bus_call(c, m, &reply);

    if (r != 0)
        return r;
    if (dbus_message_iter_init(reply, &i))
        *ret = value_read(&i);
    else
        *ret = json_null();
    dbus_message_unref(reply);
    return *ret ? 0 : ctl_fail(c, CTL_FAILED, "NoMemory", "out of memory");
}

int bus_objects(struct ctl *c, json_t **ret)
{
    json_t *v = NULL;
    int r =
        first_value(c, bus_method(ROOT_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"), &v);
    if (r != 0)
        return r;
    if (!json_is_object(v)) {
        json_decref(v);
        return ctl_fail(c, CTL_FAILED, "Failed",
                        "the service answered GetManagedObjects with something else");
    }
    *ret = v;
    return 0;
}

int bus_properties(struct ctl *c, const char *path, const char *interface, json_t **ret)
{
    DBusMessage *m = bus_method(path, PROPERTIES_INTERFACE, "GetAll");
    json_t *v = NULL;
    int r;

    if (m && !dbus_message_append_args(m, DBUS_TYPE_STRING, &interface, DBUS_TYPE_INVALID)) {
        dbus_message_unref(m);
        m = NULL;
    }
    r = first_value(c, m, &v);
    if (r != 0)
        return r;
    if (!json_is_object(v)) {
        json_decref(v);
        return ctl_fail(c, CTL_FAILED, "Failed", "the service answered GetAll with something else");
    }
    *ret = v;
    return 0;
}

int bus_subscribe(struct ctl *c)
{
    static const char *const rules[] = {
        "type='signal',sender='" BUS_NAME "'",
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" BUS_NAME "'",
    };
    for (size_t i = 0; i < ELEMENTS(rules); i++) {
        DBusError e = DBUS_ERROR_INIT;
        dbus_bus_add_match(c->conn, rules[i], &e);
        if (dbus_error_is_set(&e)) {
            int r = say(c, e.name, e.message);
            dbus_error_free(&e);
            return r;
        }
    }
    return 0;
}
