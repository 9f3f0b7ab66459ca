/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interfaces of the D-Bus specification that every object has: Properties, Introspectable, and
 * ObjectManager at the root. Peer is answered by libdbus. The interfaces of an object are asked in their
 * order; values come from the get functions of the tables at the moment of sending. Thread: the loop's. */
#include <errno.h>

#include "dbus/internal.h"
#include "plugin/base/str.h"

void bus_write_property(struct bus_writer *w, struct bus_object *o, const struct bus_property *p,
                        uint64_t *told)
{
    bus_write_open(w);
    bus_write_s(w, p->name);
    bus_write_open_variant(w, p->sig);
    if (told)
        bus_writer_digest(w);
    if (p->get(o->data, p, w) < 0 && bus_writer_untouched(w))
        bus_write_empty(w);
    if (told) {
        *told = bus_writer_error(w) ? 0 : w->digest;
        w->digest = 0;
    }
    bus_write_close(w);
    bus_write_close(w);
}

/* The rows of one interface; behind them in *told. */
static void write_rows(struct bus_writer *w, struct bus_object *o, const struct bus_interface *i,
                       uint64_t **told)
{
    for (const struct bus_property *p = i->properties; p && p->name && !bus_writer_error(w); p++)
        bus_write_property(w, o, p, *told ? (*told)++ : NULL);
}

void bus_write_interfaces(struct bus_writer *w, struct bus_object *o, uint64_t *told)
{
    bus_write_open(w);
    for (size_t i = 0; o->interfaces[i]; i++) {
        bus_write_open(w);
        bus_write_s(w, o->interfaces[i]->name);
        bus_write_open(w);
        write_rows(w, o, o->interfaces[i], &told);
        bus_write_close(w);
        bus_write_close(w);
    }
    bus_write_close(w);
}

/* ---- Properties --------------------------------------------------------------------------------------- */

static const struct bus_property *row_of(const struct bus_interface *i, const char *name)
{
    for (const struct bus_property *p = i->properties; p && p->name; p++)
        if (streq(p->name, name))
            return p;
    return NULL;
}

/* The interface of argument 0 and the property of argument 1; an empty interface name means any. NULL:
 * answered. */
static const struct bus_property *property_of(struct bus_call *c)
{
    const char *interface = bus_call_s(c, 0), *name = bus_call_s(c, 1);
    const struct bus_property *p = NULL;

    if (!c->object) {
        bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_OBJECT, "There is no object '%s'.", bus_call_path(c));
        return NULL;
    }
    if (*interface) {
        const struct bus_interface *i = bus_object_interface(c->object, interface);
        if (!i) {
            bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_INTERFACE,
                                 "The object '%s' has no interface '%s' with properties.", bus_call_path(c),
                                 interface);
            return NULL;
        }
        p = row_of(i, name);
    } else {
        for (size_t i = 0; !p && c->object->interfaces[i]; i++)
            p = row_of(c->object->interfaces[i], name);
    }
    if (!p)
        bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_PROPERTY, "The object '%s' has no property '%s'.",
                             bus_call_path(c), name);
    return p;
}

struct get {
    struct bus_object *o;
    const struct bus_property *p;
};

static void fill_get(struct bus_writer *w, void *ctx)
{
    struct get *g = ctx;

    bus_write_open_variant(w, g->p->sig);
    int r = g->p->get(g->o->data, g->p, w);
    if (r < 0)
        bus_writer_fail(w, r); /* a person who asks for this one is told */
    bus_write_close(w);
}

static void do_get(struct bus_call *c)
{
    struct get g = {.p = property_of(c), .o = c->object};

    if (g.p)
        bus_reply_by(c, fill_get, &g);
}

static void fill_all(struct bus_writer *w, void *ctx)
{
    struct bus_call *c = ctx;
    const char *interface = bus_call_s(c, 0);
    const struct bus_interface *i = *interface ? bus_object_interface(c->object, interface) : NULL;
    uint64_t *told = NULL;

    bus_write_open(w);
    for (size_t n = 0; c->object->interfaces[n]; n++)
        if (!i || i == c->object->interfaces[n])
            write_rows(w, c->object, c->object->interfaces[n], &told);
    bus_write_close(w);
}

static bool standard_interface(const char *name);

static void fill_nothing(struct bus_writer *w, void *ctx)
{
    bus_write_open(w);
    bus_write_close(w);
}

static void do_get_all(struct bus_call *c)
{
    const char *interface = bus_call_s(c, 0);

    if (!c->object)
        bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_OBJECT, "There is no object '%s'.", bus_call_path(c));
    else if (standard_interface(interface))
        bus_reply_by(c, fill_nothing, NULL);
    else if (*interface && !bus_object_interface(c->object, interface))
        bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_INTERFACE, "The object '%s' has no interface '%s'.",
                             bus_call_path(c), interface);
    else
        bus_reply_by(c, fill_all, c);
}

static void do_set(struct bus_call *c)
{
    const struct bus_property *p = property_of(c);
    struct mef_error err = {0};

    if (!p)
        return;
    if (!p->set || !p->set_action)
        return bus_reply_dbus_error(c, DBUS_ERROR_PROPERTY_READ_ONLY, "The property '%s' cannot be set.",
                                    p->name);
    if (!streq(c->arg[2].sig, p->sig))
        return bus_reply_dbus_error(c, DBUS_ERROR_INVALID_ARGS,
                                    "The property '%s' has the type '%s', not '%s'.", p->name, p->sig,
                                    c->arg[2].sig);
    if (bus_authorize(c, p->set_action) != 0)
        return;
    c->held = c->refs;
    int r = p->set(c, p, &c->arg[2], &err);
    bus_call_settle(c, r, &err);
}

/* ---- Introspectable, ObjectManager --------------------------------------------------------------------- */

static void do_introspect(struct bus_call *c)
{
    _cleanup_(freep) char *xml = NULL;

    if (!bus_path_exists(c->bus, bus_call_path(c)))
        return bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_OBJECT, "There is no object '%s'.",
                                    bus_call_path(c));
    xml = bus_introspect(c->bus, bus_call_path(c));
    if (!xml)
        return bus_reply_dbus_error(c, DBUS_ERROR_NO_MEMORY, "There is no memory for the answer.");
    bus_reply(c, "s", xml);
}

static void fill_managed(struct bus_writer *w, void *ctx)
{
    struct bus *b = ctx;

    bus_write_open(w);
    for (struct bus_object *o = NULL; (o = bus_object_next(b, o, b->root)) && !bus_writer_error(w);) {
        bus_write_open(w);
        bus_write_o(w, o->path);
        bus_write_interfaces(w, o, NULL);
        bus_write_close(w);
    }
    bus_write_close(w);
}

static void do_managed(struct bus_call *c)
{
    if (!streq(bus_call_path(c), c->bus->root))
        return bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_INTERFACE,
                                    "The ObjectManager is at '%s', not at '%s'.", c->bus->root,
                                    bus_call_path(c));
    bus_reply_by(c, fill_managed, c->bus);
}

/* ---- which ------------------------------------------------------------------------------------------- */

static const struct standard {
    const char *interface, *member, *in, *out;
    void (*fn)(struct bus_call *c);
} standard[] = {
    {DBUS_INTERFACE_PROPERTIES, "Get", "ss", "v", do_get},
    {DBUS_INTERFACE_PROPERTIES, "GetAll", "s", "a{sv}", do_get_all},
    {DBUS_INTERFACE_PROPERTIES, "Set", "ssv", "", do_set},
    {DBUS_INTERFACE_INTROSPECTABLE, "Introspect", "", "s", do_introspect},
    {"org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "", "a{oa{sa{sv}}}", do_managed},
};

static bool standard_interface(const char *name)
{
    for (size_t i = 0; i < ELEMENTS(standard); i++)
        if (streq(standard[i].interface, name))
            return true;
    return streq(name, DBUS_INTERFACE_PEER);
}

bool bus_standard_call(struct bus_call *c, const char *interface, const char *member)
{
    bool ours = false;

    for (size_t i = 0; i < ELEMENTS(standard); i++) {
        const struct standard *s = &standard[i];
        if (interface && !streq(interface, s->interface))
            continue;
        ours = true;
        if (!streq(member, s->member))
            continue;
        c->out = s->out;
        if (!bus_call_has_signature(c, s->in))
            bus_reply_dbus_error(c, DBUS_ERROR_INVALID_ARGS, "'%s' takes '%s', not '%s'.", member, s->in,
                                 bus_call_signature(c));
        else if (bus_call_read(c, s->in))
            s->fn(c);
        return true;
    }
    if (!interface || !ours)
        return false;
    bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_METHOD, "The interface '%s' has no method '%s'.", interface,
                         member);
    return true;
}
