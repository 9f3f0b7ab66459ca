/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is a table of members fit to be served? Run by tests for every interface, and cheap enough for start-up.
 * Pure. */
#include <dbus/dbus.h>

#include "dbus/bus.h"
#include "dbus/internal.h"
#include "plugin/base/str.h"

static bool signature_ok(const char *sig)
{
    return !sig || dbus_signature_validate(sig, NULL);
}

/* Polkit takes more than an interface name does: its ids have hyphens. */
static bool action_ok(const char *action)
{
    return strchr(action, '.') &&
           strspn(action, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
               strlen(action);
}

static int bad(struct mef_error *err, const struct bus_interface *i, const char *member, const char *what)
{
    return mef_fail(err, MEF_ERROR_INVALID_ARGUMENTS, "The row '%s.%s' %s.", i->name, member, what);
}

static int check_method(const struct bus_interface *i, const struct bus_method *m, struct mef_error *err)
{
    if (!dbus_validate_member(m->name, NULL))
        return bad(err, i, m->name, "has a name that is none");
    if (!m->fn)
        return bad(err, i, m->name, "has no function");
    if (!signature_ok(m->in) || !signature_ok(m->out))
        return bad(err, i, m->name, "has a signature that is none");
    if (m->in && bus_signature_readable(m->in) < 0)
        return bad(err, i, m->name, "takes a type that cannot be read");
    if (!m->action == !m->action_of)
        return bad(err, i, m->name,
                   "must have either an action (or BUS_READONLY) or a function that chooses it");
    if (m->action && !streq(m->action, BUS_READONLY) && !action_ok(m->action))
        return bad(err, i, m->name, "has an action that is no identifier");
    for (const struct bus_method *o = i->methods; o < m; o++)
        if (streq(o->name, m->name))
            return bad(err, i, m->name, "is there twice");
    return 0;
}

static int check_property(const struct bus_interface *i, const struct bus_property *p, struct mef_error *err)
{
    if (!dbus_validate_member(p->name, NULL))
        return bad(err, i, p->name, "has a name that is none");
    if (!p->sig || !dbus_signature_validate_single(p->sig, NULL))
        return bad(err, i, p->name, "needs the signature of one value");
    if (!p->get)
        return bad(err, i, p->name, "has no get");
    if (!p->set != !p->set_action)
        return bad(err, i, p->name, "needs set and set_action together");
    if (p->set && bus_signature_readable(p->sig) != 1)
        return bad(err, i, p->name, "takes a type that cannot be read");
    for (const struct bus_property *o = i->properties; o < p; o++)
        if (streq(o->name, p->name))
            return bad(err, i, p->name, "is there twice");
    return 0;
}

int bus_interface_check(const struct bus_interface *i, struct mef_error *reterr)
{
    int r = 0;

    if (!i->name || !dbus_validate_interface(i->name, NULL))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s' is no name of an interface.",
                        i->name ? i->name : "");
    for (const struct bus_method *m = i->methods; r == 0 && m && m->name; m++)
        r = check_method(i, m, reterr);
    for (const struct bus_property *p = i->properties; r == 0 && p && p->name; p++)
        r = check_property(i, p, reterr);
    for (const struct bus_signal *s = i->signals; r == 0 && s && s->name; s++) {
        if (!dbus_validate_member(s->name, NULL) || !signature_ok(s->sig))
            r = bad(reterr, i, s->name, "is no signal");
        for (const struct bus_signal *o = i->signals; r == 0 && o < s; o++)
            if (streq(o->name, s->name))
                r = bad(reterr, i, s->name, "is there twice");
    }
    return r;
}
