/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties.Get of mef-agent against a service of libdbus and nothing else that answers the same call with
 * the same value: instructions, and calls per second through one bus. GetManagedObjects of a large tree
 * against a small one. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/bench/figure.h"
#include "tests/bench/counted.h"
#include "tests/bench/getter.h"
#include "tests/lib/e2e-fixture.h"

#define CALLS 1500 /* counted */
#define WARM  100
#define ROUNDS                                                                                               \
    600 /* of the clock: short ones of each side in turn, so that others on the machine meet both */
#define ROUND 25
#define FEW   100 /* nodes */
#define MANY  1000
#define LISTS 5

static void die_with_parent(gpointer data)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static GPid start_bare(const char *self, const char *address, const char *value, char *const *below)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    const char *mine[] = {self, "bare", address, value, NULL};
    GPid pid;

    for (; below && *below; below++)
        g_ptr_array_add(argv, *below);
    for (size_t i = 0; i < G_N_ELEMENTS(mine); i++)
        g_ptr_array_add(argv, (gpointer)(guintptr)mine[i]);
    if (!g_spawn_async(NULL, (char **)argv->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD, die_with_parent, NULL,
                       &pid, &error))
        g_error("%s: %s", self, error->message);
    return pid;
}

static void end(GPid pid)
{
    kill(pid, SIGTERM);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* ---- instructions ---- */

static void warm_and_count(DBusConnection *c, const char *name, GPid pid)
{
    (void)getter_run(c, name, WARM, NULL);
    counted_on(pid);
    (void)getter_run(c, name, CALLS, NULL);
    counted_off(pid);
}

static void count_get(const char *self)
{
    struct e2e e;
    e2e_up(&e, NULL);
    g_autofree char *out_ours = g_build_filename(e.dir, "ours.out", NULL);
    g_autofree char *out_bare = g_build_filename(e.dir, "bare.out", NULL);
    g_auto(GStrv) below_ours = counted_words(out_ours), below_bare = counted_words(out_bare);
    e.agent_tool = below_ours;
    e2e_agent_start_ready(&e);
    DBusConnection *c = getter_connect(e.bus_address);
    g_autofree char *value = getter_ask(c, GET_OURS);
    GPid bare = start_bare(self, e.bus_address, value, below_bare);
    getter_wait_for(c, GET_BARE);
    g_autofree char *same = getter_ask(c, GET_BARE);
    g_assert_cmpstr(same, ==, value);
    warm_and_count(c, GET_OURS, e.agent);
    warm_and_count(c, GET_BARE, bare);
    dbus_connection_close(c);
    dbus_connection_unref(c);
    end(bare);
    (void)e2e_agent_stop(&e, NULL);
    at_most("Properties.Get, instructions", counted_read(out_ours) / CALLS, counted_read(out_bare) / CALLS,
            1.18);
    e2e_down(&e);
}

/* ---- calls per second ---- */

/* Caller, bus and service of a call run one after the other, so one processor does for all three; on several,
 * the time is that of the scheduler, which moves them about, and differs by a half from run to run. Children
 * inherit it. */
static void on_one_processor(cpu_set_t *ret_before)
{
    cpu_set_t one;
    int last = CPU_SETSIZE - 1;

    g_assert_cmpint(sched_getaffinity(0, sizeof *ret_before, ret_before), ==, 0);
    while (!CPU_ISSET(last, ret_before))
        last--;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    g_assert_cmpint(sched_setaffinity(0, sizeof one, &one), ==, 0);
}

/* The median of the pairs' ratios, told as calls per second of the median bare round. */
static void calls_per_second(const char *self)
{
    static double bare_each[ROUNDS], ratio[ROUNDS];
    cpu_set_t before;
    struct e2e e;
    on_one_processor(&before);
    e2e_up(&e, NULL);
    e2e_agent_start_ready(&e);
    DBusConnection *c = getter_connect(e.bus_address);
    g_autofree char *value = getter_ask(c, GET_OURS);
    GPid bare = start_bare(self, e.bus_address, value, NULL);
    getter_wait_for(c, GET_BARE);
    for (unsigned i = 0; i < ROUNDS; i++) {
        double ours = (double)getter_run(c, GET_OURS, ROUND, NULL);
        bare_each[i] = (double)getter_run(c, GET_BARE, ROUND, NULL);
        ratio[i] = bare_each[i] / ours;
    }
    dbus_connection_close(c);
    dbus_connection_unref(c);
    end(bare);
    (void)e2e_agent_stop(&e, NULL);
    double reference = 1e6 * ROUND / median(bare_each, ROUNDS);
    at_least("Properties.Get, calls per second", reference * median(ratio, ROUNDS), reference, 0.92);
    e2e_down(&e);
    g_assert_cmpint(sched_setaffinity(0, sizeof before, &before), ==, 0);
}

/* ---- GetManagedObjects ---- */

static void import(struct e2e *e, unsigned nodes)
{
    GString *text = g_string_new("{\"format\":1,\"nodes\":[");
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < nodes; i++)
        g_string_append_printf(text,
                               "%s{\"type\":\"authenticationProfile\",\"name\":\"profile-%u\",\"attrs\":{"
                               "\"SUID\":22,\"description\":\"a profile\",\"TLSCiphersuites\":[\"00AE\"]}}",
                               i ? "," : "", i);
    g_string_append(text, "]}");
    g_autoptr(GVariant) reply =
        e2e_call(e, GET_PATH "/mo", "org.mefclient1.Tree", "Import",
                 g_variant_new("(s@a{sv})", text->str, g_variant_new("a{sv}", NULL)), &error);
    g_assert_no_error(error);
    g_string_free(text, TRUE);
}

/* Instructions for one object of the answer. */
static double managed(unsigned nodes)
{
    struct e2e e;
    e2e_up(&e, NULL);
    g_autofree char *out = g_build_filename(e.dir, "managed.out", NULL);
    g_auto(GStrv) below = counted_words(out);
    size_t objects = 0;
    e.agent_tool = below;
    e2e_agent_start_ready(&e);
    import(&e, nodes);
    for (unsigned i = 0; i <= LISTS; i++) {
        g_autoptr(GError) error = NULL;
        if (i == 1) /* the first one warms up */
            counted_on(e.agent);
        g_autoptr(GVariant) reply =
            e2e_call(&e, GET_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, &error);
        g_assert_no_error(error);
        g_autoptr(GVariant) all = g_variant_get_child_value(reply, 0);
        objects = g_variant_n_children(all);
    }
    counted_off(e.agent);
    g_assert_cmpuint(objects, >=, nodes);
    (void)e2e_agent_stop(&e, NULL);
    double each = counted_read(out) / LISTS / (double)objects;
    e2e_down(&e);
    return each;
}

static void managed_objects(const char *self)
{
    double few = managed(FEW), many = managed(MANY);
    at_most("GetManagedObjects, instructions per object, 1000 nodes : 100", many, few, 1.3);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "bare") == 0) {
        bare_service(argv[2], argv[3]);
        return 1;
    }
    static const struct {
        const char *name;
        void (*run)(const char *self);
    } parts[] = {{"instructions", count_get}, {"calls", calls_per_second}, {"managed", managed_objects}};
    if (!count_tool())
        return 1;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) /* a word picks one */
        if (argc < 2 || strcmp(argv[1], parts[i].name) == 0)
            parts[i].run(argv[0]);
    return 0;
}
