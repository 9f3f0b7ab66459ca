/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See service.h. */
#include "tests/bus/service.h"

#include <errno.h>
#include <string.h>

static const struct bus_option echo_options[] = {{"Number", "q"},    {"Signed", "i"}, {"Path", "o"},
                                                 {"List", "as"},     {"Flag", "b"},   {"Word", "s"},
                                                 {"Inner", "a{sv}"}, {NULL, NULL}};

static int do_echo(struct bus_call *c, struct mef_error *err)
{
    struct service *s = bus_call_object(c);
    int r = bus_call_options(c, 1, echo_options, err);

    s->ran++;
    if (r < 0)
        return r;
    char *text =
        g_strdup_printf("%s %u %s", bus_call_s(c, 0), (unsigned)bus_dict_u(bus_call_dict(c, 1), "Number", 7),
                        bus_dict_s(bus_call_dict(c, 1), "Path", "-"));
    r = bus_reply(c, "s", text);
    g_free(text);
    return r;
}

static int do_change(struct bus_call *c, struct mef_error *err)
{
    struct service *s = bus_call_object(c);

    s->ran++;
    s->last_uid = bus_call_uid(c);
    for (unsigned i = 0; i < 3; i++) { /* several changes become one signal */
        s->value = (uint32_t)bus_call_u(c, 0) + i;
        bus_changed(s->test, TEST_IFACE, "Value");
    }
    bus_changed(s->test, TEST_IFACE, "Big");
    bus_changed(s->test, TEST_IFACE, "Const");
    bus_changed(s->test, TEST_IFACE, "Quiet");
    bus_signal_emit(s->test, TEST_IFACE, "Happened", "us", s->value, "x");
    s->value += 100;
    bus_changed(s->test, TEST_IFACE, "Value");
    return bus_reply(c, "u", s->value);
}

static int do_later(struct bus_call *c, struct mef_error *err)
{
    struct service *s = bus_call_object(c);

    g_assert_null(s->later);
    s->later = bus_call_ref(c);
    return 0;
}

static int do_fail(struct bus_call *c, struct mef_error *err)
{
    return mef_fail(err, MEF_ERROR_NOT_FOUND, "There is no '%s'.", bus_call_s(c, 0));
}

static int do_import(struct bus_call *c, struct mef_error *err)
{
    struct service *s = bus_call_object(c);

    s->ran++;
    return bus_reply(c, "u", (uint32_t)strlen(bus_call_s(c, 0)));
}

static int do_nothing(struct bus_call *c, struct mef_error *err)
{
    ((struct service *)bus_call_object(c))->ran++;
    return 0;
}

static int do_wrong(struct bus_call *c, struct mef_error *err)
{
    bus_reply(c, "us", 7, "no");
    return 0;
}

static void fill_attention(struct bus_writer *w, void *ctx)
{
    bus_write_open(w);
    for (int i = 0; i < 2; i++)
        bus_write(w, "(sos)", "bad\xff utf8", i ? "not a path" : "/a/b", "line");
    bus_write_close(w);
}

static int do_structs(struct bus_call *c, struct mef_error *err)
{
    return bus_reply_by(c, fill_attention, NULL);
}

static int do_apply(struct bus_call *c, struct mef_error *err)
{
    struct bus_value *v = bus_call_arg(c, 0);
    const struct bus_value *attributes = v->dicts.n ? bus_dict_get(&v->dicts.item[0], "Attributes") : NULL;

    return bus_reply(c, "ua{sv}", (uint32_t)v->dicts.n, attributes ? &attributes->dict : NULL);
}

static int do_remove(struct bus_call *c, struct mef_error *err)
{
    struct service *s = bus_call_object(c);

    bus_object_remove(TAKE_PTR(s->test));
    g_assert_null(bus_call_object(c));
    return 0;
}

static const char *action_of(struct bus_call *c)
{
    uint64_t n = bus_call_u(c, 0);
    return n == 0 ? NULL : n == 1 ? BUS_READONLY : BUS_ACTION("cancel-others-jobs");
}

static int do_choose(struct bus_call *c, struct mef_error *err)
{
    struct service *s = bus_call_object(c);

    s->ran++;
    s->last_uid = bus_call_uid(c);
    return 0;
}

static int get_value(void *o, const struct bus_property *p, struct bus_writer *w)
{
    bus_write_u(w, ((struct service *)o)->value);
    return 0;
}

static int get_text(void *o, const struct bus_property *p, struct bus_writer *w)
{
    bus_write_s(w, ((struct service *)o)->text);
    return 0;
}

static int get_broken(void *o, const struct bus_property *p, struct bus_writer *w)
{
    return -EIO;
}

static int get_pair(void *o, const struct bus_property *p, struct bus_writer *w)
{
    bus_write(w, "(ss)", "one", "two");
    return 0;
}

static int set_text(struct bus_call *c, const struct bus_property *p, const struct bus_value *v,
                    struct mef_error *err)
{
    struct service *s = bus_call_object(c);

    if (strcmp(v->s, "refused") == 0)
        return mef_fail(err, MEF_ERROR_INVALID_ARGUMENTS, "'%s' will not do.", v->s);
    g_free(s->text);
    s->text = g_strdup(v->s);
    bus_changed(s->test, TEST_IFACE, p->name);
    return 0;
}

static const struct bus_method methods[] = {{"Echo", "sa{sv}", "s", BUS_READONLY, do_echo},
                                            {"Change", "u", "u", BUS_ACTION("configure"), do_change},
                                            {"Import", "s", "u", BUS_ACTION("configure"), do_import},
                                            {"Register", "", "", BUS_ACTION("register"), do_nothing},
                                            {"Later", "", "s", BUS_READONLY, do_later},
                                            {"Fail", "s", "", BUS_READONLY, do_fail},
                                            {"Forget", "", "s", BUS_READONLY, do_nothing},
                                            {"Wrong", "", "s", BUS_READONLY, do_wrong},
                                            {"Structs", NULL, "a(sos)", BUS_READONLY, do_structs},
                                            {"Apply", "aa{sv}", "ua{sv}", BUS_READONLY, do_apply},
                                            {"Remove", "", "", BUS_READONLY, do_remove},
                                            {"Choose", "u", "", NULL, do_choose, action_of},
                                            {NULL}};

static const struct bus_property properties[] = {
    {"Value", "u", BUS_EMITS_TRUE, get_value},
    {"Big", "s", BUS_EMITS_INVALIDATES, get_text},
    {"Const", "s", BUS_EMITS_CONST, get_text},
    {"Quiet", "u", BUS_EMITS_FALSE, get_value},
    {"Broken", "as", BUS_EMITS_TRUE, get_broken},
    {"Pair", "(ss)", BUS_EMITS_TRUE, get_pair},
    {"Text", "s", BUS_EMITS_TRUE, get_text, set_text, BUS_ACTION("configure")},
    {NULL}};

static const struct bus_signal signals[] = {{"Happened", "us"}, {NULL}};
const struct bus_interface test_interface = {TEST_IFACE, methods, properties, signals, NULL};

static const struct bus_signal manager_signals[] = {{"JobNew", "uo"}, {"JobRemoved", "uos"}, {NULL}};
/* Not the whole Manager: what the tests of jobs need. */
const struct bus_interface manager_interface = {BUS_INTERFACE("Manager"), NULL, NULL, manager_signals,
                                                " <interface name=\"org.mefclient1.Manager\"/>\n"};

static const struct bus_interface *const test_interfaces[] = {&test_interface, NULL};
static const struct bus_interface *const manager_interfaces[] = {&manager_interface, NULL};

static void on_event(void *ctx, const struct event *e)
{
    static const char *const name[] = {
#define X(n, level, id, text) #n,
#include "plugin/base/events.def"
#undef X
    };
    struct service *s = ctx;

    g_ptr_array_add(s->events, g_strdup_printf("%s %s", name[e->id], e->message));
}

bool service_saw(struct service *s, const char *event)
{
    for (guint i = 0; i < s->events->len; i++)
        if (strstr(s->events->pdata[i], event))
            return true;
    return false;
}

static void on_state(void *ctx, bool connected)
{
    struct service *s = ctx;

    g_assert_true(connected != s->connected);
    s->connected = connected;
    connected ? s->up++ : s->down++;
}

static void start(struct service *s, const char *address, const uid_t *trusted, size_t n_trusted,
                  uint64_t second)
{
    *s = (struct service){.text = g_strdup("hello")};
    s->events = g_ptr_array_new_with_free_func(g_free);
    s->sink = (struct event_sink){s, on_event};
    g_assert_cmpint(sd_event_new(&s->event), >=, 0);
    if (!address)
        bus_fixture_start(&s->fixture, NULL);
    s->fixture.event = s->event;
    struct bus_params p = {.address = address ? address : s->fixture.address,
                           .trusted = trusted,
                           .n_trusted = n_trusted,
                           .events = &s->sink,
                           .ctx = s,
                           .on_state = on_state,
                           .second = second};
    g_assert_cmpint(bus_new(s->event, &p, &s->bus), ==, 0);
    g_assert_cmpint(bus_object_add(s->bus, BUS_ROOT, manager_interfaces, s, &s->manager), ==, 0);
    g_assert_cmpint(bus_object_add(s->bus, TEST_PATH, test_interfaces, s, &s->test), ==, 0);
    g_assert_cmpint(bus_start(s->bus, NULL), ==, 0);
}

void service_start(struct service *s, const char *address, const uid_t *trusted, size_t n_trusted)
{
    start(s, address, trusted, n_trusted, 0);
}

void service_start_fast(struct service *s, uint64_t second)
{
    start(s, NULL, NULL, 0, second);
}

static bool is_up(void *ctx)
{
    return ((struct service *)ctx)->connected;
}

void service_wait_up(struct service *s)
{
    bus_fixture_until(&s->fixture, is_up, s);
}

void service_stop(struct service *s)
{
    bus_call_unref(s->later);
    bus_free(s->bus);
    sd_event_unref(s->event);
    s->fixture.event = NULL;
    if (s->fixture.dir)
        bus_fixture_stop(&s->fixture);
    g_ptr_array_free(s->events, TRUE);
    g_free(s->text);
}

GVariant *service_call(struct service *s, GDBusConnection *c, const char *member, GVariant *params,
                       char **ret_error)
{
    return bus_fixture_call(&s->fixture, c, BUS_NAME, TEST_PATH, TEST_IFACE, member, params, ret_error);
}
