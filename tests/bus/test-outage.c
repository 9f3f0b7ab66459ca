/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus that is away for an hour, and what is true when it is back: the back-off's seconds are milliseconds
 * here. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "plugin/base/cancel.h"
#include "plugin/base/when.h"
#include "tests/bus/service.h"

#define SECOND  UINT64_C(500) /* microseconds */
#define HOUR    3600
#define LONGEST 60 /* seconds between two attempts, style-anchors.md D4 rule 3 */

static bool is_down(void *ctx)
{
    return !((struct service *)ctx)->connected;
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

/* Stands where the bus was, and shuts the door in everybody's face. */
struct door {
    int fd;
    unsigned knocks, wanted;
};

static void door_open(struct door *d, const char *address)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *name = address + strlen("unix:abstract=");

    d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    strcpy(a.sun_path + 1, name);
    g_assert_cmpint(bind(d->fd, (struct sockaddr *)&a,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
                    ==, 0);
    g_assert_cmpint(listen(d->fd, 4), ==, 0);
}

static bool knocked_enough(void *ctx)
{
    struct door *d = ctx;

    for (int fd; (fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0; close(fd))
        d->knocks++;
    return d->knocks >= d->wanted;
}

/* Attempts in an hour: after 1, 2, 4, 8, 16, 32 and then each 60 seconds. */
static unsigned attempts(unsigned seconds, unsigned *ret_waited)
{
    unsigned n = 0, waited = 0;

    for (unsigned wait = 1; waited + wait <= seconds; n++) {
        waited += wait;
        wait = MIN(2 * wait, LONGEST);
    }
    *ret_waited = waited;
    return n;
}

/* Without running the loop: the service does not get a word in. */
static guint32 own(GDBusConnection *c, const char *member, GVariant *params)
{
    g_autoptr(GError) e = NULL;
    g_autoptr(GVariant) v = g_dbus_connection_call_sync(c, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                        "org.freedesktop.DBus", member, params, NULL,
                                                        G_DBUS_CALL_FLAGS_NONE, -1, NULL, &e);
    guint32 r;

    g_assert_no_error(e);
    g_variant_get(v, "(u)", &r);
    return r;
}

static guint32 value_of(struct service *s, GDBusConnection *c)
{
    g_autoptr(GVariant) inner = NULL, v = bus_fixture_call(&s->fixture, c, BUS_NAME, TEST_PATH,
                                                           "org.freedesktop.DBus.Properties", "Get",
                                                           g_variant_new("(ss)", TEST_IFACE, "Value"), NULL);
    g_variant_get(v, "(v)", &inner);
    return g_variant_get_uint32(inner);
}

static void on_gone(void *ctx, const char *sender)
{
    (*(unsigned *)ctx)++;
}

static bool is_one(void *ctx)
{
    return *(unsigned *)ctx == 1;
}

static unsigned events_with(struct service *s, const char *text)
{
    unsigned n = 0;

    for (guint i = 0; i < s->events->len; i++)
        n += strstr(s->events->pdata[i], text) != NULL;
    return n;
}

/* Bounded attempts, no descriptor more, one line in the journal; and all of it is there afterwards. */
static void test_hour(void)
{
    struct service s;
    struct door d = {0};
    unsigned waited, gone = 0, gone_later = 0;

    service_start_fast(&s, SECOND);
    service_wait_up(&s);
    GDBusConnection *c = bus_fixture_connect(&s.fixture);
    char *before = g_strdup(bus_unique_name(s.bus));
    g_assert_cmpint(bus_sender_watch(s.bus, g_dbus_connection_get_unique_name(c), on_gone, &gone, NULL), ==,
                    0);
    uint64_t begin = now_monotonic();
    bus_fixture_kill(&s.fixture);
    bus_fixture_disconnect(c);
    door_open(&d, s.fixture.address);
    bus_fixture_until(&s.fixture, is_down, &s);
    g_assert_cmpuint(gone, ==, 1);
    d.wanted = 1;
    bus_fixture_until(&s.fixture, knocked_enough, &d);
    unsigned fds = count_fds();
    d.wanted = attempts(HOUR, &waited);
    g_assert_cmpuint(d.wanted, ==, 64);
    for (unsigned i = 0; i < 1000; i++) { /* life goes on and nobody hears of it */
        s.value = i;
        bus_changed(s.test, TEST_IFACE, "Value");
        bus_signal_emit(s.test, TEST_IFACE, "Happened", "us", i, "x");
    }
    bus_fixture_until(&s.fixture, knocked_enough, &d);
    g_assert_cmpuint(now_monotonic() - begin, >=, waited * SECOND); /* not more often than that */
    g_assert_cmpuint(count_fds(), <=, fds + 1);                     /* one more while it knocks */
    g_assert_cmpuint(events_with(&s, "BUS_LOST"), ==, 1);
    g_assert_cmpuint(s.down, ==, 1);
    close(d.fd);
    bus_fixture_restart(&s.fixture);
    c = bus_fixture_connect(&s.fixture);
    GDBusConnection *other = bus_fixture_connect(&s.fixture); /* the names are dealt anew */
    service_wait_up(&s);
    g_assert_cmpstr(bus_unique_name(s.bus), !=, before);
    g_assert_cmpuint(events_with(&s, "BUS_CONNECTED"), ==, 2);
    g_assert_cmpuint(value_of(&s, c), ==, 999);
    /* Who leaves is followed on the new connection as on the former one. */
    g_assert_cmpint(
        bus_sender_watch(s.bus, g_dbus_connection_get_unique_name(other), on_gone, &gone_later, NULL), ==, 0);
    g_assert_cmpuint(value_of(&s, c), ==, 999);
    bus_fixture_disconnect(other);
    bus_fixture_until(&s.fixture, is_one, &gone_later);
    g_assert_cmpuint(gone, ==, 1);
    bus_fixture_disconnect(c);
    g_free(before);
    service_stop(&s);
}

static bool name_is_taken(void *ctx)
{
    return service_saw(ctx, "somebody else");
}

/* Somebody else was quicker when the bus came back: we wait for the name, and are there under our own. */
static void test_name_taken(void)
{
    struct service s;

    service_start_fast(&s, 20000);
    service_wait_up(&s);
    bus_fixture_kill(&s.fixture);
    bus_fixture_until(&s.fixture, is_down, &s);
    bus_fixture_restart(&s.fixture);
    GDBusConnection *thief = bus_fixture_connect(&s.fixture);
    g_assert_cmpuint(own(thief, "RequestName", g_variant_new("(su)", BUS_NAME, 4)), ==, 1);
    bus_fixture_until(&s.fixture, name_is_taken, &s);
    g_assert_cmpuint(s.up, ==, 1);
    g_assert_nonnull(bus_unique_name(s.bus));
    g_assert_cmpuint(events_with(&s, "BUS_LOST"), ==, 2); /* the loss, and who has the name: once each */
    g_assert_true(service_saw(&s, "somebody else"));
    g_variant_unref(bus_fixture_call(&s.fixture, thief, bus_unique_name(s.bus), TEST_PATH, TEST_IFACE, "Echo",
                                     g_variant_new("(sa{sv})", "x", NULL), NULL));
    g_assert_cmpuint(own(thief, "ReleaseName", g_variant_new("(s)", BUS_NAME)), ==, 1);
    service_wait_up(&s);
    g_assert_cmpuint(value_of(&s, thief), ==, 0);
    g_assert_cmpuint(s.up, ==, 2);
    bus_fixture_disconnect(thief);
    service_stop(&s);
}

/* A daemon that has stopped reading does not make us grow without bound. */
static void test_choked(void)
{
    struct service s;
    char *big = g_strnfill(1 << 20, 'x');
    unsigned sent = 0;

    service_start_fast(&s, 10000);
    service_wait_up(&s);
    g_assert_cmpint(kill(s.fixture.pid, SIGSTOP), ==, 0);
    while (sent < 200 && bus_signal_emit(s.test, TEST_IFACE, "Happened", "us", sent, big) == 0)
        sent++;
    g_assert_cmpuint(sent, >=, 32);
    g_assert_cmpuint(sent, <=, 80);
    bus_fixture_until(&s.fixture, is_down, &s);
    g_assert_true(service_saw(&s, "does not take"));
    g_assert_cmpint(kill(s.fixture.pid, SIGCONT), ==, 0);
    service_wait_up(&s);
    g_free(big);
    service_stop(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/outage/DC-02/hour", test_hour);
    g_test_add_func("/bus/outage/name-taken", test_name_taken);
    g_test_add_func("/bus/outage/bus-that-does-not-read", test_choked);
    return g_test_run();
}
