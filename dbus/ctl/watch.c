/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* watch: what happens at the service, a line per event, as it happens. The signals of the service make the
 * events; where the bus lets us monitor it, the calls to the service are told too. The last known properties
 * of each object are kept, so that an event can name its transaction. Ends by SIGINT, by --timeout, or when
 * the bus goes away. Ownership: `struct watch` owns its copies and the monitor connection. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/cancel.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"

struct watch {
    struct ctl *c;
    json_t *objects;         /* path -> interface -> properties, kept up to date */
    DBusConnection *monitor; /* NULL where the bus does not allow it */
    bool lost;
};

/* Which object an interface makes, and the properties worth telling when it appears or changes. */
static const struct kind {
    const char *interface, *event;
    const char *tell[8];
} kinds[] = {
    {"org.mefclient1.Manager", "manager", {"State", "TokenState", "NeedsAttention", "Attention"}},
    {"org.mefclient1.Registration",
     "registration",
     {"State", "MefClientRegId", "ExpiresAt", "NextPoll", "RetryCount", "LastStatus", "LastError"}},
    {"org.mefclient1.Command",
     "command",
     {"Class", "CommandId", "Status", "StatusCode", "Reissued", "Reported"}},
    {"org.mefclient1.Job",
     "job",
     {"Operation", "State", "StepIndex", "StepCount", "Step", "WaitingUntil", "Error"}},
    {"org.mefclient1.Node", "node", {"Type", "Name", "Origin", "State", "LastStatusName"}},
    {"org.mefclient1.Credential",
     "credential",
     {"Kind", "Subject", "CredentialId", "Uri", "NotAfter", "UsedBy"}},
    {"org.mefclient1.Token", "token", {"Label", "State"}},
};

static const struct kind *kind_of(const char *interface)
{
    for (size_t i = 0; interface && i < ELEMENTS(kinds); i++)
        if (streq(kinds[i].interface, interface))
            return &kinds[i];
    return NULL;
}

/* The transaction that an object belongs to: its own, or that of the job that it names. */
static const char *transaction_of(struct watch *w, const char *path)
{
    static const char *const own[] = {"Command", "Job", "Registration"};
    for (size_t i = 0; path && i < ELEMENTS(own); i++) {
        json_t *interface = object_interface(w->objects, path, own[i]);
        const char *s = property_text(interface, "TransactionId");
        if (!*s)
            s = property_text(object_interface(w->objects, property_text(interface, "Job"), "Job"),
                              "TransactionId");
        if (!*s)
            s = property_text(
                object_interface(w->objects, property_text(interface, "LastCommand"), "Command"),
                "TransactionId");
        if (*s)
            return s;
    }
    return "";
}

/* One line. Takes `fields` over. */
static void tell(struct watch *w, const char *event, const char *path, const char *transaction,
                 json_t *fields)
{
    int64_t now = now_realtime();

    if (w->c->json) {
        (void)ctl_print_json(w->c, json_pack("{s:I, s:s, s:s, s:o?}", "time", (json_int_t)now, "transaction",
                                             transaction, "event", event, "fields", fields));
        return;
    }
    char clock[32];
    time_t seconds = (time_t)(now / (int64_t)USEC_PER_SEC);
    struct tm tm;
    const char *object = path ? path : "";
    json_t *shown = json_deep_copy(fields);
    json_object_del(shown, "Object");
    _cleanup_(freep) char *text = shown ? format_value(shown) : NULL;

    if (!localtime_r(&seconds, &tm) || strftime(clock, sizeof(clock), "%H:%M:%S", &tm) == 0)
        memcpy(clock, "?", sizeof("?"));
    if (strncmp(object, ROOT_PATH "/", strlen(ROOT_PATH) + 1) == 0)
        object += strlen(ROOT_PATH) + 1;
    printf("%s.%03d  %-20s %s%s%s\n", clock, (int)(now % (int64_t)USEC_PER_SEC / 1000), event, object,
           *object && text && *text ? "  " : "", text ? text : "");
    fflush(stdout);
    json_decref(shown);
    json_decref(fields);
}

/* The properties worth telling, of those in `from`; times as text for people. */
static json_t *pick(struct watch *w, const struct kind *k, json_t *from, const char *path)
{
    json_t *fields = json_object();

    json_object_set_new(fields, "Object", json_string(path));
    for (size_t i = 0; i < ELEMENTS(k->tell) && k->tell[i]; i++) {
        json_t *v = json_object_get(from, k->tell[i]);
        size_t n = strlen(k->tell[i]);
        bool is_time = streq(k->tell[i], "NextPoll") || streq(k->tell[i], "NotAfter") ||
                       streq(k->tell[i], "WaitingUntil") || (n > 2 && streq(k->tell[i] + n - 2, "At"));
        if (!v)
            continue;
        if (w->c->json)
            json_object_set(fields, k->tell[i], v);
        else if (is_time && json_integer_value(v)) {
            char text[TIME_TEXT_MAX];
            format_time((uint64_t)json_integer_value(v), text);
            json_object_set_new(fields, k->tell[i], json_string(text));
        } else if (!(is_time || (json_is_string(v) && !*json_string_value(v)) ||
                     (json_is_array(v) && json_array_size(v) == 0) ||
                     streq0(json_string_value(json_array_get(v, 0)), "")))
            json_object_set(fields, k->tell[i], v);
    }
    return fields;
}

/* ---- signals of the service --------------------------------------------------------------------------- */

static void added(struct watch *w, const char *path, json_t *interfaces)
{
    const char *key;
    json_t *value, *known = json_object_get(w->objects, path);

    if (!known) {
        known = json_object();
        json_object_set_new(w->objects, path, known);
    }
    json_object_foreach(interfaces, key, value)
    {
        const struct kind *k = kind_of(key);
        char event[48];
        bool is_new = !json_object_get(known, key);
        json_object_set(known, key, value);
        if (!k || !is_new)
            continue;
        snprintf(event, sizeof(event), "%s-added", k->event);
        tell(w, event, path, transaction_of(w, path), pick(w, k, value, path));
    }
}

static void removed(struct watch *w, const char *path, json_t *interfaces)
{
    json_t *item, *known = json_object_get(w->objects, path);
    size_t i;

    json_array_foreach(interfaces, i, item)
    {
        const struct kind *k = kind_of(json_string_value(item));
        char event[48];
        if (k) {
            snprintf(event, sizeof(event), "%s-removed", k->event);
            tell(w, event, path, transaction_of(w, path), json_pack("{s:s}", "Object", path));
        }
        if (known && json_string_value(item))
            json_object_del(known, json_string_value(item));
    }
    if (known && json_object_size(known) == 0)
        json_object_del(w->objects, path);
}

static void changed(struct watch *w, const char *path, const char *interface, json_t *properties)
{
    const struct kind *k = kind_of(interface);
    json_t *known = json_object_get(w->objects, path), *old = json_object_get(known, interface), *news,
           *value;
    const char *key;
    char event[48];

    /* Only what is really new: a service may send a value again. */
    news = json_object();
    json_object_foreach(properties, key, value) if (!json_equal(json_object_get(old, key), value))
        json_object_set(news, key, value);
    if (!known) {
        known = json_object();
        json_object_set_new(w->objects, path, known);
    }
    if (!old) {
        old = json_object();
        json_object_set_new(known, interface, old);
    }
    json_object_update(old, properties);
    if (k) {
        json_t *fields = pick(w, k, news, path);
        snprintf(event, sizeof(event), "%s-changed", k->event);
        if (json_object_size(fields) > 1)
            tell(w, event, path, transaction_of(w, path), fields);
        else
            json_decref(fields);
    }
    json_decref(news);
}

static void job_removed(struct watch *w, json_t *arguments)
{
    const char *path = json_string_value(json_array_get(arguments, 1));
    if (path)
        tell(w, "job-finished", path, transaction_of(w, path),
             json_pack("{s:s, s:O?, s:O?}", "Object", path, "Result", json_array_get(arguments, 2),
                       "Operation", json_object_get(object_interface(w->objects, path, "Job"), "Operation")));
}

static void take_signal(struct watch *w, DBusMessage *m)
{
    const char *path = dbus_message_get_path(m), *first;
    json_t *arguments = value_arguments(m);

    first = json_string_value(json_array_get(arguments, 0));
    if (dbus_message_is_signal(m, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded") && first)
        added(w, first, json_array_get(arguments, 1));
    else if (dbus_message_is_signal(m, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved") && first)
        removed(w, first, json_array_get(arguments, 1));
    else if (dbus_message_is_signal(m, PROPERTIES_INTERFACE, "PropertiesChanged") && path && first)
        changed(w, path, first, json_array_get(arguments, 1));
    else if (dbus_message_is_signal(m, MANAGER_INTERFACE, "JobRemoved"))
        job_removed(w, arguments);
    else if (dbus_message_is_signal(m, TREE_INTERFACE, "Committed"))
        tell(w, "tree-committed", NULL, "",
             json_pack("{s:O?, s:O?, s:O?}", "Generation", json_array_get(arguments, 0), "Origin",
                       json_array_get(arguments, 1), "Changed", json_array_get(arguments, 2)));
    else if (dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameOwnerChanged")) {
        bool up = !streq0(json_string_value(json_array_get(arguments, 2)), "");
        json_object_clear(w->objects);
        tell(w, up ? "service-up" : "service-down", NULL, "",
             json_pack("{s:O?}", "Owner", json_array_get(arguments, up ? 2 : 1)));
    } else if (dbus_message_is_signal(m, DBUS_INTERFACE_LOCAL, "Disconnected"))
        w->lost = true;
    json_decref(arguments);
}

/* ---- calls to the service ----------------------------------------------------------------------------- */

static void take_call(struct watch *w, DBusMessage *m)
{
    const char *path = dbus_message_get_path(m), *interface = dbus_message_get_interface(m);
    const char *member = dbus_message_get_member(m), *sender = dbus_message_get_sender(m);

    if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_METHOD_CALL || !path || !member)
        return;
    /* Reading is no event. */
    if (interface &&
        (streq(interface, DBUS_INTERFACE_INTROSPECTABLE) || streq(interface, DBUS_INTERFACE_PEER) ||
         (streq(interface, PROPERTIES_INTERFACE) && !streq(member, "Set")) ||
         streq(interface, "org.freedesktop.DBus.ObjectManager")))
        return;
    tell(w, "call", path, "",
         json_pack("{s:s, s:s, s:s, s:s, s:o?}", "Member", member, "Interface", interface ? interface : "",
                   "Object", path, "Sender", sender ? sender : "", "Arguments", value_arguments(m)));
}

/* A second connection that becomes a monitor. Failure is fine: then calls are not told. */
static void open_monitor(struct watch *w)
{
    struct ctl second = {.bus = w->c->bus, .deadline = w->c->deadline};
    const char *rule = "type='method_call',destination='" BUS_NAME "'";
    const char **rules = &rule;
    dbus_uint32_t flags = 0;
    DBusError e = DBUS_ERROR_INIT;
    DBusMessage *m, *reply = NULL;

    if (second.bus) {
        second.conn = dbus_connection_open_private(second.bus, NULL);
        if (second.conn) {
            dbus_connection_set_exit_on_disconnect(second.conn, FALSE);
            if (!dbus_bus_register(second.conn, NULL))
                bus_close(&second);
        }
    } else
        second.conn = dbus_bus_get_private(DBUS_BUS_SYSTEM, NULL);
    if (!second.conn)
        return;
    dbus_connection_set_exit_on_disconnect(second.conn, FALSE);
    m = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_MONITORING,
                                     "BecomeMonitor");
    if (m && dbus_message_append_args(m, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &rules, 1, DBUS_TYPE_UINT32,
                                      &flags, DBUS_TYPE_INVALID))
        reply = dbus_connection_send_with_reply_and_block(second.conn, m, bus_left_ms(&second, 5000), &e);
    if (m)
        dbus_message_unref(m);
    dbus_error_free(&e);
    if (!reply) {
        bus_close(&second);
        return;
    }
    dbus_message_unref(reply);
    w->monitor = second.conn;
}

/* ---- the loop ----------------------------------------------------------------------------------------- */

static void drain(struct watch *w, DBusConnection *conn, void (*take)(struct watch *, DBusMessage *))
{
    DBusMessage *m;

    if (!dbus_connection_read_write(conn, 0) && conn == w->c->conn)
        w->lost = true;
    while ((m = dbus_connection_pop_message(conn))) {
        take(w, m);
        dbus_message_unref(m);
    }
}

static int loop(struct watch *w, int signals)
{
    struct pollfd fds[3] = {
        {.fd = signals, .events = POLLIN}, {.fd = -1, .events = POLLIN}, {.fd = -1, .events = POLLIN}};

    if (!dbus_connection_get_unix_fd(w->c->conn, &fds[1].fd) ||
        (w->monitor && !dbus_connection_get_unix_fd(w->monitor, &fds[2].fd)))
        return ctl_fail(w->c, CTL_FAILED, "Failed", "the connection to the bus cannot be polled");
    for (;;) {
        int left;
        /* The calls first: they are what the signals answer. */
        if (w->monitor)
            drain(w, w->monitor, take_call);
        drain(w, w->c->conn, take_signal);
        if (w->lost)
            return ctl_fail(w->c, CTL_NO_SERVICE, "Disconnected", "the bus went away");
        left = bus_left_ms(w->c, 60000);
        if (left == 0 || ferror(stdout))
            return CTL_OK;
        if (poll(fds, 3, left) < 0 && errno != EINTR)
            return ctl_fail(w->c, CTL_FAILED, "Failed", "poll: %s", strerror(errno));
        if (fds[0].revents)
            return CTL_OK;
        if (w->monitor && (fds[2].revents & (POLLHUP | POLLERR)))
            fds[2].fd = -1;
    }
}

int run_watch(struct ctl *c, const struct ctl_args *a)
{
    struct watch w = {.c = c};
    sigset_t mask;
    int signals, r;

    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return ctl_fail(c, CTL_FAILED, "Failed", "signalfd: %s", strerror(errno));
    r = bus_subscribe(c);
    if (r == 0)
        open_monitor(&w);
    if (r == 0)
        r = bus_objects(c, &w.objects);
    if (r == 0) {
        json_t *manager = json_incref(object_interface(w.objects, ROOT_PATH, "Manager"));
        /* An ObjectManager need not list its own object. */
        if (!manager)
            r = bus_properties(c, ROOT_PATH, MANAGER_INTERFACE, &manager);
        if (r == 0)
            tell(&w, "watching", NULL, "",
                 json_pack("{s:s, s:b}", "State", property_text(manager, "State"), "Calls",
                           w.monitor != NULL));
        json_decref(manager);
    }
    if (r == 0)
        r = loop(&w, signals);
    if (w.monitor) {
        dbus_connection_close(w.monitor);
        dbus_connection_unref(w.monitor);
    }
    json_decref(w.objects);
    close(signals);
    return r;
}
