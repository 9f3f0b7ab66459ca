/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* No memory: each allocation of the bus layer fails once, one after another, while a client goes through
 * calls, signals and jobs. Nothing may crash or hang, every call gets an answer, and afterwards everything
 * works. Only our own allocations fail (the linker wraps them): libdbus and sd-event keep theirs. */
#include <string.h>

#include "plugin/base/str.h"
#include "tests/bus/service.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static unsigned countdown; /* 0 = none fails */
static unsigned seen;

static bool fails(void)
{
    seen++;
    return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

static const struct bus_interface *const interfaces[] = {&test_interface, NULL};

static GVariant *options(void)
{
    GVariantBuilder b;
    static const char *const list[] = {"a", "b", NULL};

    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&b, "{sv}", "Number", g_variant_new_int32(443));
    g_variant_builder_add(&b, "{sv}", "List", g_variant_new_strv(list, -1));
    g_variant_builder_add(&b, "{sv}", "Path", g_variant_new_string("/x"));
    return g_variant_new("(s@a{sv})", "x", g_variant_builder_end(&b));
}

static void gone(void *ctx, const char *sender)
{
}

/* Each call is answered, by whatever. */
static void any_answer(struct service *s, GDBusConnection *c, const char *path, const char *interface,
                       const char *member, GVariant *params)
{
    char *error = NULL;
    GVariant *v = bus_fixture_call(&s->fixture, c, BUS_NAME, path, interface, member, params, &error);

    g_assert_true(v || error);
    g_assert_true(!error || !strstr(error, "Timeout"));
    if (v)
        g_variant_unref(v);
    g_free(error);
}

static void scenario(struct service *s, GDBusConnection *c)
{
    struct bus_object *two = NULL;
    struct bus_sender_watch *w = NULL;
    uint32_t id;

    any_answer(s, c, TEST_PATH, TEST_IFACE, "Echo", options());
    any_answer(s, c, TEST_PATH, TEST_IFACE, "Change", g_variant_new("(u)", 1));
    any_answer(s, c, TEST_PATH, "org.freedesktop.DBus.Properties", "GetAll",
               g_variant_new("(s)", TEST_IFACE));
    any_answer(s, c, BUS_ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL);
    any_answer(s, c, TEST_PATH, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
    any_answer(
        s, c, TEST_PATH, TEST_IFACE, "Apply",
        g_variant_new_parsed("([{'Op': <'add'>, 'Attributes': <{'fqdn': <'m'>, 'n': <[uint32 1]>}>}],)"));
    bus_object_add(s->bus, BUS_ROOT "/test/two", interfaces, s, &two);
    bus_changed(s->test, TEST_IFACE, "Value");
    bus_object_remove(two);
    if (bus_sender_watch(s->bus, g_dbus_connection_get_unique_name(c), gone, NULL, &w) == 0)
        bus_sender_unwatch(w);
    struct jobs_params p = {.bus = s->bus, .event = s->event, .manager = s->manager};
    struct jobs *jobs = NULL;
    if (jobs_new(&p, &jobs) == 0) {
        char **paths;
        if (job_new(jobs, "poll", 0, NULL, NULL, NULL, NULL, &id, NULL, NULL) == 0) {
            job_step(jobs, id, 1, 2, "step");
            job_finish(jobs, id, JOB_FAILED, NULL);
        }
        if (jobs_paths(jobs, &paths) == 0)
            strv_free(paths);
        jobs_free(jobs);
    }
    bus_fixture_settle(&s->fixture, 1);
}

static void test_sweep(void)
{
    struct service s;
    unsigned total;

    service_start(&s, NULL, NULL, 0);
    service_wait_up(&s);
    GDBusConnection *c = bus_fixture_connect(&s.fixture);
    scenario(&s, c);
    seen = 0;
    scenario(&s, c);
    total = seen;
    g_assert_cmpuint(total, >, 50);
    for (unsigned n = 1; n <= total; n++) {
        countdown = n;
        scenario(&s, c);
        countdown = 0;
        /* All is well again. */
        GVariant *v = service_call(&s, c, "Echo", options(), NULL);
        char *text = g_variant_print(v, FALSE);
        g_assert_cmpstr(text, ==, "('x 443 /x',)");
        g_free(text);
        g_variant_unref(v);
        g_assert_cmpuint(s.down, ==, 0);
    }
    g_test_message("%u allocations failed in turn", total);
    bus_fixture_disconnect(c);
    service_stop(&s);
}

/* And while connecting: it comes up, if need be at the next attempt. */
static void test_connecting(void)
{
    for (unsigned n = 1; n < 40; n++) {
        sd_event *event;
        struct bus_params p = {.address = "unix:abstract=mefclient-nobody-is-here"};
        struct bus *b = NULL;

        g_assert_cmpint(sd_event_new(&event), >=, 0);
        countdown = n;
        if (bus_new(event, &p, &b) == 0) {
            bus_start(b, NULL);
            bus_free(b);
        }
        countdown = 0;
        sd_event_unref(event);
    }
    for (unsigned n = 1; n <= 4; n++) {
        struct service s;
        service_start(&s, NULL, NULL, 0);
        countdown = n;
        service_wait_up(&s);
        countdown = 0;
        service_stop(&s);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/memory/sweep", test_sweep);
    g_test_add_func("/bus/memory/connecting", test_connecting);
    return g_test_run();
}
