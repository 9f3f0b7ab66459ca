/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client that believes only what it is told (bus-world.h). Messages are taken in the order of the wire by
 * a filter on GDBus's own thread and judged here, one after another. */
#include <string.h>

#include "tests/e2e/bus-world.h"

struct bus_mirror {
    struct bus_world *w;
    GDBusConnection *c;
    guint filter, subscription;
    GAsyncQueue *queue;  /* GDBusMessage */
    GHashTable *objects; /* path -> (interface -> (property -> GVariant)) */
    GHashTable *counts;  /* member -> number */
    GHashTable *paced;   /* job -> progress that was told */
    GHashTable *told;    /* "path interface property" that a signal has told: a second time it must be news */
    unsigned repeated, dropped;
    char *finished, *result; /* the job of a Finished that JobRemoved must follow */
    gboolean ready;          /* the first state has been read */
};

static GDBusMessage *on_message(GDBusConnection *c, GDBusMessage *m, gboolean incoming, gpointer data)
{
    GAsyncQueue *queue = data;

    if (incoming)
        g_async_queue_push(queue, g_object_ref(m));
    return m;
}

/* ---- the model ---------------------------------------------------------------------------------------- */

static GHashTable *properties_of(GVariant *dict)
{
    GHashTable *t = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_variant_unref);
    GVariantIter it;
    char *name;
    GVariant *value;

    g_variant_iter_init(&it, dict);
    while (g_variant_iter_next(&it, "{sv}", &name, &value))
        g_hash_table_insert(t, name, value);
    return t;
}

static GHashTable *interfaces_of(GVariant *dict)
{
    GHashTable *t =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
    GVariantIter it;
    char *name;
    GVariant *properties;

    g_variant_iter_init(&it, dict);
    while (g_variant_iter_next(&it, "{s@a{sv}}", &name, &properties)) {
        g_hash_table_insert(t, name, properties_of(properties));
        g_variant_unref(properties);
    }
    return t;
}

static GHashTable *objects_of(GVariant *dict)
{
    GHashTable *t =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
    GVariantIter it;
    char *path;
    GVariant *interfaces;

    g_variant_iter_init(&it, dict);
    while (g_variant_iter_next(&it, "{o@a{sa{sv}}}", &path, &interfaces)) {
        g_hash_table_insert(t, path, interfaces_of(interfaces));
        g_variant_unref(interfaces);
    }
    return t;
}

static GHashTable *find(struct bus_mirror *m, const char *path, const char *interface)
{
    GHashTable *o = g_hash_table_lookup(m->objects, path);

    return o ? g_hash_table_lookup(o, interface) : NULL;
}

GVariant *bus_mirror_value(struct bus_mirror *m, const char *path, const char *interface, const char *name)
{
    GHashTable *p = find(m, path, interface);

    return p ? g_hash_table_lookup(p, name) : NULL;
}

/* ---- what comes --------------------------------------------------------------------------------------- */

static void on_added(struct bus_mirror *m, GVariant *body)
{
    g_autoptr(GVariant) dict = NULL;
    char *path;

    g_variant_get(body, "(o@a{sa{sv}})", &path, &dict);
    if (g_hash_table_contains(m->objects, path))
        g_error("InterfacesAdded for '%s', which is there", path);
    g_hash_table_insert(m->objects, path, interfaces_of(dict));
}

static void on_removed(struct bus_mirror *m, GVariant *body)
{
    const char *path;
    g_autofree const char **names = NULL;

    g_variant_get(body, "(&o^a&s)", &path, &names);
    GHashTable *o = g_hash_table_lookup(m->objects, path);
    if (!o)
        g_error("InterfacesRemoved for '%s', which is not there", path);
    for (const char **n = names; *n; n++)
        g_assert_true(g_hash_table_remove(o, *n));
    g_assert_cmpuint(g_hash_table_size(o), ==, 0);
    g_hash_table_remove(m->objects, path);
}

/* Progress of a job at most once a second (D1): besides the first and the last one, n changes need n seconds
 * of its life. By its own clock, so that a slow bus or a slow reader does not make it look faster. */
static void pace(struct bus_mirror *m, const char *path, GVariant *changed)
{
    g_autoptr(GVariant) index = g_variant_lookup_value(changed, "StepIndex", NULL);

    if (!index)
        return;
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(m->paced, path)) + 1;
    gint64 begin = (gint64)g_variant_get_uint64(bus_mirror_value(m, path, I("Job"), "StartedAt"));
    g_hash_table_replace(m->paced, g_strdup(path), GUINT_TO_POINTER(n));
    g_assert_cmpint(n, <=, (g_get_real_time() - begin) / G_USEC_PER_SEC + 2);
}

static void on_changed(struct bus_mirror *m, const char *path, GVariant *body)
{
    const char *interface;
    g_autoptr(GVariant) changed = NULL;
    g_autofree const char **invalidated = NULL;
    GVariantIter it;
    char *name;
    GVariant *value;

    g_variant_get(body, "(&s@a{sv}^a&s)", &interface, &changed, &invalidated);
    GHashTable *p = find(m, path, interface);
    if (!p)
        g_error("PropertiesChanged for '%s' %s, which is not there", path, interface);
    if (*invalidated)
        g_error("%s %s.%s: a change without its value", path, interface, *invalidated);
    g_assert_cmpuint(g_variant_n_children(changed), >, 0);
    pace(m, path, changed);
    g_variant_iter_init(&it, changed);
    while (g_variant_iter_next(&it, "{sv}", &name, &value)) {
        GVariant *before = g_hash_table_lookup(p, name);
        if (!before)
            g_error("%s %s.%s changes and was never told", path, interface, name);
        char *key = g_strdup_printf("%s %s.%s", path, interface, name);
        if (!g_hash_table_add(m->told, key) && g_variant_equal(before, value)) {
            m->repeated++;
            g_test_message("repeated: %s %s.%s", path, interface, name);
        }
        g_hash_table_replace(p, name, value);
    }
}

static void need(struct bus_mirror *m, const char *path, const char *why)
{
    if (strcmp(path, "/") != 0 && strcmp(path, ROOT_PATH) != 0 && !g_hash_table_contains(m->objects, path))
        g_error("%s names '%s', which nobody has been told of", why, path);
}

static void on_job_new(struct bus_mirror *m, GVariant *body)
{
    const char *path;
    guint32 id;

    g_variant_get(body, "(u&o)", &id, &path);
    g_autofree char *right = g_strdup_printf(ROOT_PATH "/job/%u", id);
    g_assert_cmpstr(path, ==, right);
    need(m, path, "JobNew");
    g_assert_cmpuint(g_variant_get_uint32(bus_mirror_value(m, path, I("Job"), "Id")), ==, id);
}

static void on_finished(struct bus_mirror *m, const char *path, GVariant *body)
{
    const char *result, *name, *text, *told_name, *told_text;

    g_variant_get(body, "(&s&s&s)", &result, &name, &text);
    g_assert_null(m->finished);
    need(m, path, "Finished");
    g_assert_cmpstr(g_variant_get_string(bus_mirror_value(m, path, I("Job"), "State"), NULL), ==, result);
    g_variant_get(bus_mirror_value(m, path, I("Job"), "Error"), "(&s&s)", &told_name, &told_text);
    g_assert_cmpstr(told_name, ==, name);
    g_assert_cmpstr(told_text, ==, text);
    g_assert_cmpint(strcmp(result, "done") == 0, ==, *name == '\0');
    g_assert_cmpuint(g_variant_get_uint64(bus_mirror_value(m, path, I("Job"), "FinishedAt")), >, 0);
    m->finished = g_strdup(path);
    m->result = g_strdup(result);
}

static void on_job_removed(struct bus_mirror *m, GVariant *body)
{
    const char *path, *result;

    g_variant_get(body, "(u&o&s)", NULL, &path, &result);
    g_assert_cmpstr(m->finished, ==, path); /* Finished just before */
    g_assert_cmpstr(m->result, ==, result);
    need(m, path, "JobRemoved");
    g_clear_pointer(&m->finished, g_free);
    g_clear_pointer(&m->result, g_free);
}

static void on_committed(struct bus_mirror *m, GVariant *body)
{
    guint64 generation;

    g_variant_get(body, "(tsao)", &generation, NULL, NULL);
    g_assert_cmpuint(g_variant_get_uint64(bus_mirror_value(m, TREE_PATH, I("Tree"), "Generation")), ==,
                     generation);
}

static void on_signal(struct bus_mirror *m, GDBusMessage *s)
{
    const char *member = g_dbus_message_get_member(s), *path = g_dbus_message_get_path(s);
    GVariant *body = g_dbus_message_get_body(s);

    g_hash_table_replace(m->counts, g_strdup(member), GUINT_TO_POINTER(bus_mirror_count(m, member) + 1));
    if (m->finished && strcmp(member, "JobRemoved") != 0)
        g_error("%s comes between Finished and JobRemoved", member);
    if (strcmp(member, "InterfacesAdded") == 0)
        on_added(m, body);
    else if (strcmp(member, "InterfacesRemoved") == 0)
        on_removed(m, body);
    else if (strcmp(member, "PropertiesChanged") == 0)
        on_changed(m, path, body);
    else if (strcmp(member, "JobNew") == 0)
        on_job_new(m, body);
    else if (strcmp(member, "Finished") == 0)
        on_finished(m, path, body);
    else if (strcmp(member, "JobRemoved") == 0)
        on_job_removed(m, body);
    else if (strcmp(member, "Committed") == 0)
        on_committed(m, body);
}

/* Judges what comes until the reply to `serial` (0: nothing in particular, one message or the time is over);
 * the reply, or NULL. */
static GDBusMessage *follow(struct bus_mirror *m, guint32 serial, gint64 end)
{
    for (;;) {
        gint64 left = end - g_get_monotonic_time();
        GDBusMessage *s = g_async_queue_timeout_pop(m->queue, (guint64)MAX(left, 1));
        if (!s)
            return NULL;
        GDBusMessageType type = g_dbus_message_get_message_type(s);
        if (type == G_DBUS_MESSAGE_TYPE_SIGNAL) {
            if (g_strcmp0(g_dbus_message_get_sender(s), "org.freedesktop.DBus") == 0)
                ;
            else if (m->ready)
                on_signal(m, s);
            else
                m->dropped++;
        } else if (serial && g_dbus_message_get_reply_serial(s) == serial) {
            return s;
        }
        g_object_unref(s);
        if (!serial)
            return NULL;
    }
}

static GDBusMessage *exchange(struct bus_mirror *m, const char *path, const char *interface,
                              const char *member, GVariant *params)
{
    GDBusMessage *call = g_dbus_message_new_method_call("org.mefclient1", path, interface, member);
    guint32 serial = 0;

    if (params)
        g_dbus_message_set_body(call, params);
    g_assert_true(g_dbus_connection_send_message(m->c, call, G_DBUS_SEND_MESSAGE_FLAGS_NONE, &serial, NULL));
    g_object_unref(call);
    GDBusMessage *reply = follow(m, serial, g_get_monotonic_time() + E2E_WAIT_S * G_USEC_PER_SEC);
    if (!reply) {
        e2e_dump(&m->w->e);
        g_error("%s.%s on %s: no reply", interface, member, path);
    }
    return reply;
}

GVariant *bus_mirror_stage(struct bus_mirror *m, const char *path, const char *interface, const char *member,
                           GVariant *params)
{
    g_autoptr(GDBusMessage) reply = exchange(m, path, interface, member, params);
    GError *error = NULL;
    GVariant *body = g_dbus_message_get_body(reply);

    if (g_dbus_message_to_gerror(reply, &error))
        g_error("%s.%s on %s: %s", interface, member, path, error->message);
    return body ? g_variant_ref(body) : g_variant_ref_sink(g_variant_new("()"));
}

GVariant *bus_mirror_call(struct bus_mirror *m, const char *path, const char *interface, const char *member,
                          GVariant *params)
{
    GVariant *body = bus_mirror_stage(m, path, interface, member, params);

    for (gsize i = 0; i < g_variant_n_children(body); i++) {
        g_autoptr(GVariant) v = g_variant_get_child_value(body, i);
        if (g_variant_is_of_type(v, G_VARIANT_TYPE_OBJECT_PATH))
            need(m, g_variant_get_string(v, NULL), member);
    }
    return body;
}

/* ---- comparing ---------------------------------------------------------------------------------------- */

/* Of a job, told at most once a second (D1): who reads it may be ahead of the signals by that much. */
static bool is_progress(const char *interface, const char *name)
{
    static const char *const names[] = {"Step", "StepCount", "StepIndex", "Progress", "ProgressValid", NULL};

    return strcmp(interface, I("Job")) == 0 && g_strv_contains(names, name);
}

/* Whether all has been told; false: all but progress. */
static bool compare_properties(const char *path, const char *interface, GHashTable *told, GHashTable *now)
{
    bool all = true;
    GHashTableIter it;
    gpointer name, value;

    g_hash_table_iter_init(&it, now);
    while (g_hash_table_iter_next(&it, &name, &value)) {
        GVariant *v = g_hash_table_lookup(told, name);
        if (v && g_variant_equal(v, value))
            continue;
        if (v && is_progress(interface, name)) {
            all = false;
            continue;
        }
        g_autofree char *a = v ? g_variant_print(v, TRUE) : g_strdup("nothing"),
                        *b = g_variant_print(value, TRUE);
        g_error("%s %s.%s: the signals told %s, it is %s", path, interface, (char *)name, a, b);
    }
    g_assert_cmpuint(g_hash_table_size(told), ==, g_hash_table_size(now));
    return all;
}

static bool compare_objects(GHashTable *told, GHashTable *now)
{
    GHashTableIter it, in;
    gpointer path, interfaces, name, properties;
    bool all = true;

    g_hash_table_iter_init(&it, told);
    while (g_hash_table_iter_next(&it, &path, NULL))
        if (!g_hash_table_contains(now, path))
            g_error("%s has gone and nobody was told", (char *)path);
    g_hash_table_iter_init(&it, now);
    while (g_hash_table_iter_next(&it, &path, &interfaces)) {
        GHashTable *o = g_hash_table_lookup(told, path);
        if (!o)
            g_error("%s is there and nobody was told", (char *)path);
        g_assert_cmpuint(g_hash_table_size(o), ==, g_hash_table_size(interfaces));
        g_hash_table_iter_init(&in, interfaces);
        while (g_hash_table_iter_next(&in, &name, &properties))
            all &= compare_properties(path, name, g_hash_table_lookup(o, name), properties);
    }
    return all;
}

/* The objects below the root, and the Manager, which GetManagedObjects leaves out. */
static GHashTable *read_state(struct bus_mirror *m, gboolean manager)
{
    g_autoptr(GDBusMessage) reply =
        manager ? exchange(m, ROOT_PATH, DBUS("Properties"), "GetAll", g_variant_new("(s)", I("Manager")))
                : exchange(m, ROOT_PATH, DBUS("ObjectManager"), "GetManagedObjects", NULL);
    g_autoptr(GVariant) dict = g_variant_get_child_value(g_dbus_message_get_body(reply), 0);

    return manager ? properties_of(dict) : objects_of(dict);
}

static bool compare(struct bus_mirror *m)
{
    GHashTable *manager = read_state(m, TRUE);
    (void)compare_properties(ROOT_PATH, I("Manager"), find(m, ROOT_PATH, I("Manager")), manager);
    g_hash_table_unref(manager);
    GHashTable *now = read_state(m, FALSE);
    /* The Manager stands in the mirror as an object like the others. */
    GHashTable *root = g_hash_table_ref(g_hash_table_lookup(m->objects, ROOT_PATH));
    g_hash_table_remove(m->objects, ROOT_PATH);
    bool all = compare_objects(m->objects, now);
    g_hash_table_insert(m->objects, g_strdup(ROOT_PATH), root);
    g_hash_table_unref(now);
    return all;
}

void bus_mirror_compare(struct bus_mirror *m)
{
    gint64 end = g_get_monotonic_time() + E2E_WAIT_S * G_USEC_PER_SEC;

    while (!compare(m)) {
        if (g_get_monotonic_time() > end) {
            e2e_dump(&m->w->e);
            g_error("the progress of a job is never told");
        }
        g_assert_null(follow(m, 0, g_get_monotonic_time() + G_USEC_PER_SEC));
    }
}

void bus_mirror_until(struct bus_mirror *m, const char *path, const char *interface, const char *name,
                      const char *printed)
{
    gint64 end = g_get_monotonic_time() + E2E_WAIT_S * G_USEC_PER_SEC;

    for (;;) {
        GVariant *v = bus_mirror_value(m, path, interface, name);
        g_autofree char *text = v ? g_variant_print(v, FALSE) : g_strdup("nothing");
        if (strcmp(text, printed) == 0)
            return;
        if (g_get_monotonic_time() > end) {
            e2e_dump(&m->w->e);
            g_error("%s %s.%s is %s, not %s", path, interface, name, text, printed);
        }
        g_assert_null(follow(m, 0, g_get_monotonic_time() + G_USEC_PER_SEC));
    }
}

unsigned bus_mirror_repeated(const struct bus_mirror *m)
{
    return m->repeated;
}

unsigned bus_mirror_count(const struct bus_mirror *m, const char *member)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(m->counts, member));
}

/* ---- life --------------------------------------------------------------------------------------------- */

struct bus_mirror *bus_mirror_new(struct bus_world *w)
{
    struct bus_mirror *m = g_new0(struct bus_mirror, 1);
    GError *error = NULL;

    m->w = w;
    m->c = bus_fixture_connect(&w->bus);
    m->queue = g_async_queue_new_full(g_object_unref);
    m->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    m->paced = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_variant_unref(g_dbus_connection_call_sync(m->c, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                "org.freedesktop.DBus", "AddMatch",
                                                g_variant_new("(s)", "type='signal',sender='org.mefclient1'"),
                                                NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error));
    g_assert_no_error(error);
    m->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    m->filter = g_dbus_connection_add_filter(m->c, on_message, g_async_queue_ref(m->queue),
                                             (GDestroyNotify)g_async_queue_unref);
    GHashTable *manager;
    do { /* until nothing came in between */
        g_clear_pointer(&m->objects, g_hash_table_unref);
        m->dropped = 0;
        m->objects = read_state(m, FALSE);
        manager = read_state(m, TRUE);
        if (m->dropped)
            g_clear_pointer(&manager, g_hash_table_unref);
    } while (m->dropped);
    m->ready = TRUE;
    GHashTable *root =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
    g_hash_table_insert(root, g_strdup(I("Manager")), manager);
    g_hash_table_insert(m->objects, g_strdup(ROOT_PATH), root);
    return m;
}

void bus_mirror_free(struct bus_mirror *m)
{
    g_dbus_connection_remove_filter(m->c, m->filter);
    bus_fixture_disconnect(m->c);
    g_async_queue_unref(m->queue);
    g_hash_table_unref(m->objects);
    g_hash_table_unref(m->counts);
    g_hash_table_unref(m->paced);
    g_hash_table_unref(m->told);
    g_free(m->finished);
    g_free(m->result);
    g_free(m);
}
