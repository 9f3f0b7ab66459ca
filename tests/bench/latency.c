/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long a caller of Properties.Get waits while enrolments with key generation run in the plugin, against
 * the same agent at rest: the 99th percentile of each round, and the median of the rounds. While ours rests
 * another agent does the same enrolments at a MEF of its own, so that both sides share the processors with
 * the same work: what differs is that it is done in the process that answers. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/figure.h"
#include "tests/bench/getter.h"
#include "tests/lib/e2e-fixture.h"

#define ROUNDS     9
#define ENROLMENTS 10 /* of a round, one after the other */
#define CHUNK      200
#define MOST       200000 /* calls of a round */
#define LIMIT      3

struct side {
    struct e2e e;
    char *registration;
    size_t reports;
};

static void up(struct side *s)
{
    e2e_up(&s->e, "{\"commands\":[]}");
    e2e_agent_start_ready(&s->e);
    s->registration = e2e_add_mef(&s->e);
    e2e_wait_idle(&s->e, s->registration);
}

static void down(struct side *s)
{
    (void)e2e_agent_stop(&s->e, NULL);
    e2e_down(&s->e);
    g_free(s->registration);
}

static void enrol(struct side *s)
{
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < ENROLMENTS; i++)
        json_decref(sim_post(s->e.sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
    s->reports += ENROLMENTS;
    g_autoptr(GVariant) reply = e2e_call(&s->e, s->registration, "org.mefclient1.Registration", "Poll",
                                         g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
}

static gboolean enrolled(struct side *s)
{
    json_t *reports = e2e_sim_records(&s->e, "reports");
    size_t n = json_array_size(reports);

    json_decref(reports);
    return n >= s->reports;
}

static int by_time(const void *a, const void *b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

    return x < y ? -1 : x > y;
}

/* The 99th percentile of the calls, in microseconds, as long as `busy` enrols; NULL: nobody does, and there
 * are as many calls as the last time. */
static double round_of(DBusConnection *c, struct side *busy)
{
    static gint64 each[MOST];
    static size_t n;
    size_t last = n;

    if (busy)
        enrol(busy);
    n = 0;
    do {
        (void)getter_run(c, GET_OURS, CHUNK, each + n);
        n += CHUNK;
    } while (n + CHUNK <= MOST && (busy ? !enrolled(busy) : n < last));
    if (busy)
        e2e_wait_idle(&busy->e, busy->registration);
    qsort(each, n, sizeof *each, by_time);
    return (double)each[n * 99 / 100];
}

int main(void)
{
    static struct side ours, other;
    double enrolling[ROUNDS], resting[ROUNDS], alone[ROUNDS];

    /* On a disk the enrolments would mostly wait for it. */
    if (g_access("/dev/shm", W_OK) == 0)
        g_setenv("TMPDIR", "/dev/shm", TRUE);
    up(&ours);
    up(&other);
    DBusConnection *c = getter_connect(ours.e.bus_address);
    (void)getter_run(c, GET_OURS, CHUNK, NULL);
    for (unsigned i = 0; i < ROUNDS; i++) {
        enrolling[i] = round_of(c, &ours);
        resting[i] = round_of(c, &other);
        alone[i] = round_of(c, NULL);
    }
    dbus_connection_close(c);
    dbus_connection_unref(c);
    down(&other);
    down(&ours);
    at_most("Properties.Get, 99th percentile while it enrols : idle (us)", median(enrolling, ROUNDS), median(resting, ROUNDS),
            LIMIT);
    g_print(
        "# Properties.Get: `idle` is while another agent does the same enrolments; with nothing else to do "
        "the 99th percentile is %.0f us\n",
        median(alone, ROUNDS));
    return 0;
}
