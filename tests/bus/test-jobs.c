/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs: their life on the bus, the order of the last signals, progress once a second, cancelling, limits. */
#include <errno.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "tests/bus/service.h"

#define JOB_IFACE "org.mefclient1.Job"
#define SOMEBODY  65534

struct jobs_test {
    struct service s;
    struct jobs *jobs;
    GDBusConnection *c;
    struct bus_fixture_log *log;
    unsigned cancelled;
};

static void setup(struct jobs_test *t, uint64_t keep_usec)
{
    *t = (struct jobs_test){0};
    service_start(&t->s, NULL, NULL, 0);
    service_wait_up(&t->s);
    struct jobs_params p = {
        .bus = t->s.bus, .event = t->s.event, .manager = t->s.manager, .keep_usec = keep_usec};
    g_assert_cmpint(jobs_new(&p, &t->jobs), ==, 0);
    t->c = bus_fixture_connect(&t->s.fixture);
    t->log = bus_fixture_log_new(t->c);
}

static void teardown(struct jobs_test *t)
{
    jobs_free(t->jobs);
    bus_fixture_log_free(t->log);
    g_object_unref(t->c);
    service_stop(&t->s);
}

static void on_cancel(void *ctx, uint32_t id)
{
    ((struct jobs_test *)ctx)->cancelled++;
}

static uint32_t new_job(struct jobs_test *t, uid_t uid, void (*cancel)(void *, uint32_t))
{
    char *objects[] = {(char *)TEST_PATH, NULL};
    uint32_t id = 0;
    const char *path = NULL;
    struct mef_error err;

    g_assert_cmpint(job_new(t->jobs, "register", uid, objects, "tx-1", cancel, t, &id, &path, &err), ==, 0);
    g_assert_nonnull(path);
    g_assert_cmpstr(path, ==, job_path(t->jobs, id));
    return id;
}

static char *log_now(struct jobs_test *t)
{
    char *text = bus_fixture_log_settled(&t->s.fixture, t->log);
    bus_fixture_log_reset(t->log);
    return text;
}

static GVariant *property(struct jobs_test *t, uint32_t id, const char *name)
{
    char *path = g_strdup_printf(BUS_ROOT "/job/%u", id);
    GVariant *v = bus_fixture_call(&t->s.fixture, t->c, BUS_NAME, path, "org.freedesktop.DBus.Properties",
                                   "Get", g_variant_new("(ss)", JOB_IFACE, name), NULL);
    GVariant *inner;

    g_variant_get(v, "(v)", &inner);
    g_variant_unref(v);
    g_free(path);
    return inner;
}

static void property_is(struct jobs_test *t, uint32_t id, const char *name, const char *expected)
{
    GVariant *v = property(t, id, name);
    char *text = g_variant_print(v, FALSE);

    g_assert_cmpstr(text, ==, expected);
    g_free(text);
    g_variant_unref(v);
}

static const char *find(const char *text, const char *part)
{
    const char *at = strstr(text, part);

    if (!at)
        g_error("'%s' is not in\n%s", part, text);
    return at;
}

static void test_life(void)
{
    struct jobs_test t;
    setup(&t, 0);

    uint32_t id = new_job(&t, 1000, on_cancel);
    g_assert_cmpuint(id, ==, 1);
    char *text = log_now(&t);
    g_assert_true(find(text, "InterfacesAdded ('/org/mefclient1/job/1'") <
                  find(text, "Manager.JobNew (1, '/org/mefclient1/job/1')"));
    g_free(text);
    property_is(&t, id, "State", "'queued'");
    property_is(&t, id, "Operation", "'register'");
    property_is(&t, id, "StartedByUid", "1000");
    property_is(&t, id, "Objects", "['" TEST_PATH "']");
    property_is(&t, id, "TransactionId", "'tx-1'");
    property_is(&t, id, "ProgressValid", "false");
    property_is(&t, id, "FinishedAt", "0");
    property_is(&t, id, "Error", "('', '')");
    job_running(t.jobs, id);
    property_is(&t, id, "State", "'running'");
    job_step(t.jobs, id, 2, 4, "asking the MEF");
    property_is(&t, id, "Step", "'asking the MEF'");
    property_is(&t, id, "StepIndex", "2");
    property_is(&t, id, "StepCount", "4");
    property_is(&t, id, "Progress", "0.25");
    property_is(&t, id, "ProgressValid", "true");
    job_wait(t.jobs, id, 1700000000000000);
    property_is(&t, id, "State", "'waiting'");
    property_is(&t, id, "WaitingUntil", "1700000000000000");
    g_free(log_now(&t));

    job_finish(t.jobs, id, JOB_DONE, NULL);
    job_finish(t.jobs, id, JOB_FAILED, NULL); /* it has ended already */
    text = log_now(&t);
    const char *changed = find(text, "PropertiesChanged ('" JOB_IFACE "'"),
               *finished = find(text, "Job.Finished ('done', '', '')"),
               *removed = find(text, "Manager.JobRemoved (1, '/org/mefclient1/job/1', 'done')");
    g_assert_true(changed < finished && finished < removed);
    g_assert_nonnull(strstr(changed, "'State': <'done'>"));
    g_assert_null(strstr(finished, "PropertiesChanged"));
    g_assert_null(strstr(removed + 1, "Manager.JobRemoved"));
    g_assert_null(strstr(finished + 1, "Job.Finished"));
    g_free(text);
    property_is(&t, id, "State", "'done'"); /* stays for a while */
    property_is(&t, id, "Progress", "1.0");
    property_is(&t, id, "WaitingUntil", "0");
    g_assert_false(job_unfinished(t.jobs, id));
    teardown(&t);
}

static void test_results(void)
{
    static const struct {
        enum mef_error_word word;
        const char *result, *name;
    } row[] = {{MEF_ERROR_CANCELLED, "cancelled", "Cancelled"},
               {MEF_ERROR_TIMED_OUT, "timed-out", "TimedOut"},
               {MEF_ERROR_SERVER_UNREACHABLE, "failed", "ServerUnreachable"}};
    struct jobs_test t;
    setup(&t, 0);

    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        struct mef_error err;
        uint32_t id = new_job(&t, 0, NULL);
        mef_fail(&err, row[i].word, "It went '%s'.", row[i].name);
        job_finish(t.jobs, id, job_result_of(&err), &err);
        char *text = log_now(&t),
             *expected = g_strdup_printf("Job.Finished ('%s', 'org.mefclient1.Error.%s', ", row[i].result,
                                         row[i].name);
        find(text, expected);
        g_free(expected);
        g_free(text);
        expected = g_strdup_printf("'%s'", row[i].result);
        property_is(&t, id, "State", expected);
        g_free(expected);
        expected =
            g_strdup_printf("('org.mefclient1.Error.%s', \"It went '%s'.\")", row[i].name, row[i].name);
        property_is(&t, id, "Error", expected);
        g_free(expected);
    }
    g_assert_cmpstr(job_result_of(NULL), ==, "done");
    teardown(&t);
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

static bool after(void *ctx)
{
    return g_get_monotonic_time() >= *(gint64 *)ctx;
}

/* At most one signal of progress a second, and the last values are told. */
static void test_progress_rate(void)
{
    struct jobs_test t;
    setup(&t, 0);

    uint32_t id = new_job(&t, 0, NULL);
    job_running(t.jobs, id);
    g_free(log_now(&t));
    gint64 begin = g_get_monotonic_time(), end = begin;
    unsigned steps = 0;
    while (g_get_monotonic_time() < begin + 1500 * G_TIME_SPAN_MILLISECOND) {
        job_step(t.jobs, id, ++steps, 1000, "step");
        end = g_get_monotonic_time() + 20 * G_TIME_SPAN_MILLISECOND;
        bus_fixture_until(&t.s.fixture, after, &end);
    }
    g_assert_cmpuint(steps, >, 10);
    end = begin + 2500 * G_TIME_SPAN_MILLISECOND;
    bus_fixture_until(&t.s.fixture, after, &end);
    char *text = log_now(&t), *last = g_strdup_printf("'StepIndex': <uint32 %u>", steps);
    g_assert_cmpuint(count(text, "'StepIndex'"), >=, 2);
    g_assert_cmpuint(count(text, "'StepIndex'"), <=, 3);
    find(text, last);
    g_free(text);
    /* The very last is told before Finished, however soon. */
    job_step(t.jobs, id, 999, 1000, "near the end");
    job_step(t.jobs, id, 1000, 1000, "the end");
    job_finish(t.jobs, id, JOB_FAILED, NULL);
    text = log_now(&t);
    g_assert_true(find(text, "<'the end'>") < find(text, "Job.Finished"));
    g_free(text);
    g_free(last);
    teardown(&t);
}

static GVariant *no_options(void)
{
    return g_variant_new("(a{sv})", NULL);
}

static GVariant *cancel(struct jobs_test *t, GDBusConnection *c, uint32_t id, GVariant *params,
                        char **ret_error)
{
    char *path = g_strdup_printf(BUS_ROOT "/job/%u", id);
    GVariant *v = bus_fixture_call(&t->s.fixture, c, BUS_NAME, path, JOB_IFACE, "Cancel", params, ret_error);

    g_free(path);
    return v;
}

static void test_cancel(void)
{
    struct jobs_test t;
    struct mef_error err;
    char *error = NULL;
    setup(&t, 0);

    if (geteuid() != 0) {
        g_test_skip("not root");
        teardown(&t);
        return;
    }
    uint32_t id = new_job(&t, 0, on_cancel);
    g_variant_unref(cancel(&t, t.c, id, no_options(), NULL));
    g_variant_unref(cancel(&t, t.c, id, no_options(), NULL)); /* idempotent */
    g_assert_cmpuint(t.cancelled, ==, 1);
    property_is(&t, id, "State", "'queued'"); /* its owner ends it */
    mef_fail(&err, MEF_ERROR_CANCELLED, "It was cancelled.");
    job_finish(t.jobs, id, JOB_CANCELLED, &err);
    property_is(&t, id, "State", "'cancelled'");
    g_variant_unref(cancel(&t, t.c, id, no_options(), NULL));
    g_assert_cmpuint(t.cancelled, ==, 1);
    /* Without a callback it ends at once. */
    id = new_job(&t, 0, NULL);
    g_variant_unref(cancel(&t, t.c, id, no_options(), NULL));
    property_is(&t, id, "State", "'cancelled'");
    property_is(&t, id, "Error",
                "('org.mefclient1.Error.Cancelled', 'The job was cancelled before it had begun.')");
    /* Unknown options and jobs. */
    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&b, "{sv}", "Soon", g_variant_new_boolean(TRUE));
    g_assert_null(cancel(&t, t.c, id, g_variant_new("(a{sv})", &b), &error));
    g_assert_true(g_str_has_prefix(error, "org.mefclient1.Error.InvalidArguments"));
    g_free(error);
    g_assert_cmpint(job_cancel(t.jobs, 4711, &err), ==, -ENOENT);
    g_assert_null(job_cancel_action(t.jobs, 4711, 0));
    teardown(&t);
}

/* Own jobs need another action than those of others. */
static void test_cancel_actions(void)
{
    struct jobs_test t;
    struct fake_polkit p = {.mode = POLKIT_DENY};
    char *error = NULL;
    setup(&t, 0);

    GDBusConnection *c = bus_fixture_connect_as(&t.s.fixture, SOMEBODY);
    if (!c) {
        teardown(&t);
        return;
    }
    fake_polkit_start(&p, &t.s.fixture);
    uint32_t own = new_job(&t, SOMEBODY, on_cancel), other = new_job(&t, 1000, on_cancel);
    g_assert_null(cancel(&t, c, other, no_options(), &error));
    g_assert_true(g_str_has_prefix(error, "org.mefclient1.Error.NotAuthorized"));
    g_clear_pointer(&error, g_free);
    g_assert_cmpstr(p.last_action, ==, "org.mefclient1.cancel-others-jobs");
    g_assert_null(cancel(&t, c, own, no_options(), &error));
    g_clear_pointer(&error, g_free);
    g_assert_cmpstr(p.last_action, ==, "org.mefclient1.register");
    g_assert_cmpuint(t.cancelled, ==, 0);
    p.mode = POLKIT_ALLOW;
    g_variant_unref(cancel(&t, c, own, no_options(), NULL));
    g_assert_cmpuint(t.cancelled, ==, 1);
    fake_polkit_stop(&p);
    bus_fixture_disconnect(c);
    teardown(&t);
}

static bool was_cancelled(void *ctx)
{
    return ((struct jobs_test *)ctx)->cancelled > 0;
}

static void test_bound(void)
{
    struct jobs_test t;
    setup(&t, 0);

    GDBusConnection *c = bus_fixture_connect(&t.s.fixture);
    uint32_t id = new_job(&t, 0, on_cancel), done = new_job(&t, 0, on_cancel);
    g_assert_cmpint(job_bind(t.jobs, id, g_dbus_connection_get_unique_name(c)), ==, 0);
    g_assert_cmpint(job_bind(t.jobs, done, g_dbus_connection_get_unique_name(c)), ==, 0);
    job_finish(t.jobs, done, JOB_DONE, NULL);
    bus_fixture_settle(&t.s.fixture, 20);
    bus_fixture_disconnect(c);
    bus_fixture_until(&t.s.fixture, was_cancelled, &t);
    g_assert_cmpuint(t.cancelled, ==, 1);
    teardown(&t);
}

static void test_limits(void)
{
    struct jobs_test t;
    struct mef_error err;
    uint32_t id;
    char **paths;
    setup(&t, 0);

    for (unsigned i = 0; i < LIMIT_JOBS; i++)
        new_job(&t, 0, NULL);
    g_assert_cmpint(job_new(t.jobs, "poll", 0, NULL, NULL, NULL, NULL, &id, NULL, &err), <, 0);
    g_assert_cmpint(err.word, ==, MEF_ERROR_LIMIT_EXCEEDED);
    for (uint32_t i = 1; i <= LIMIT_JOBS; i++)
        job_finish(t.jobs, i, JOB_DONE, NULL);
    g_assert_cmpint(jobs_paths(t.jobs, &paths), ==, 0);
    g_assert_cmpuint(g_strv_length(paths), ==, LIMIT_JOBS_KEPT); /* the latest */
    g_assert_cmpstr(paths[0], ==, BUS_ROOT "/job/193");
    for (char **p = paths; *p; p++)
        free(*p);
    free(paths);
    g_assert_cmpint(job_new(t.jobs, "poll", 0, NULL, NULL, NULL, NULL, &id, NULL, &err), ==, 0);
    g_assert_cmpuint(id, ==, LIMIT_JOBS + 1); /* no number twice */
    teardown(&t);
}

static bool is_gone(void *ctx)
{
    struct jobs_test *t = ctx;
    return !job_path(t->jobs, 1);
}

static void test_kept(void)
{
    struct jobs_test t;
    setup(&t, 300000);

    uint32_t id = new_job(&t, 0, NULL);
    job_finish(t.jobs, id, JOB_DONE, NULL);
    g_free(log_now(&t));
    g_assert_nonnull(job_path(t.jobs, id));
    bus_fixture_until(&t.s.fixture, is_gone, &t);
    char *text = log_now(&t);
    find(text, "InterfacesRemoved ('/org/mefclient1/job/1'");
    g_free(text);
    teardown(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/jobs/life", test_life);
    g_test_add_func("/bus/jobs/results", test_results);
    g_test_add_func("/bus/jobs/progress-rate", test_progress_rate);
    g_test_add_func("/bus/jobs/cancel", test_cancel);
    g_test_add_func("/bus/jobs/cancel-actions", test_cancel_actions);
    g_test_add_func("/bus/jobs/bound-to-caller", test_bound);
    g_test_add_func("/bus/jobs/limits", test_limits);
    g_test_add_func("/bus/jobs/kept", test_kept);
    return g_test_run();
}
