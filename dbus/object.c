/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The registry of objects and what the bus is told of them: changes are collected and sent before the next
 * signal or reply, or at the end of the turn, in the order in which they happened (style-anchors D1, order).
 * Ownership: the registry holds one reference to each object, pending news and calls hold others; the data is
 * the owner's and is not touched after bus_object_remove(). Thread: the loop's. */
#include <errno.h>

#include "dbus/internal.h"
#include "plugin/base/str.h"

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

bool bus_below(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);

    if (streq(prefix, "/"))
        return path[1] != '\0';
    return strncmp(path, prefix, n) == 0 && path[n] == '/';
}

size_t bus_object_index(const struct bus *b, const char *path, bool *ret_found)
{
    size_t low = 0, high = b->n_objects;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(b->object[mid]->path, path) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (ret_found)
        *ret_found = low < b->n_objects && streq(b->object[low]->path, path);
    return low;
}

struct bus_object *bus_object_find(struct bus *b, const char *path)
{
    bool found;
    size_t i = bus_object_index(b, path, &found);
    return found ? b->object[i] : NULL;
}

struct bus_object *bus_object_next(struct bus *b, struct bus_object *after, const char *prefix)
{
    size_t i = after ? bus_object_index(b, after->path, NULL) + 1 : 0;

    for (; i < b->n_objects; i++)
        if (!prefix || bus_below(b->object[i]->path, prefix))
            return b->object[i];
    return NULL;
}

struct bus_object *bus_object_ref(struct bus_object *o)
{
    o->refs++;
    return o;
}

void bus_object_unref(struct bus_object *o)
{
    if (!o || --o->refs > 0)
        return;
    free(o->dirty);
    free(o->told);
    free(o->path);
    free(o);
}

const char *bus_object_path(const struct bus_object *o)
{
    return o->path;
}

void *bus_object_data(const struct bus_object *o)
{
    return o->data;
}

const struct bus_interface *bus_object_interface(const struct bus_object *o, const char *name)
{
    for (size_t i = 0; o->interfaces[i]; i++)
        if (streq(o->interfaces[i]->name, name))
            return o->interfaces[i];
    return NULL;
}

/* ---- collecting --------------------------------------------------------------------------------------- */

static bool anyone_listens(const struct bus *b)
{
    return b && b->c && b->phase >= PHASE_NAMING;
}

static struct bus_pending *pending_find(struct bus *b, const struct bus_object *o)
{
    struct bus_pending *p;

    TAILQ_FOREACH(p, &b->pending, link)
    if (p->object == o)
        return p;
    return NULL;
}

static void pending_free(struct bus *b, struct bus_pending *p)
{
    TAILQ_REMOVE(&b->pending, p, link);
    bus_object_unref(p->object);
    free(p);
}

void bus_pending_drop(struct bus *b)
{
    struct bus_pending *p;

    while ((p = TAILQ_FIRST(&b->pending))) {
        memset(p->object->dirty, 0, p->object->n_dirty * sizeof *p->object->dirty);
        pending_free(b, p);
    }
}

static int pending_add(struct bus *b, struct bus_object *o, int kind)
{
    struct bus_pending *p = calloc(1, sizeof *p);

    if (!p)
        return -ENOMEM;
    p->kind = kind;
    p->object = bus_object_ref(o);
    TAILQ_INSERT_TAIL(&b->pending, p, link);
    sd_event_source_set_enabled(b->turn, SD_EVENT_ONESHOT);
    return 0;
}

static size_t property_count(const struct bus_object *o)
{
    size_t n = 0;

    for (size_t i = 0; o->interfaces[i]; i++)
        for (const struct bus_property *p = o->interfaces[i]->properties; p && p->name; p++)
            n++;
    return n;
}

void bus_told_forget(struct bus *b)
{
    for (size_t i = 0; i < b->n_objects; i++)
        memset(b->object[i]->told, 0, property_count(b->object[i]) * sizeof *b->object[i]->told);
}

static bool dirty_test(const struct bus_object *o, size_t bit)
{
    return o->dirty[bit / 64] >> (bit % 64) & 1;
}

void bus_changed(struct bus_object *o, const char *interface, const char *property)
{
    struct bus_pending *p;
    bool any = false;
    size_t bit = 0;

    if (!o || !anyone_listens(o->bus))
        return;
    p = pending_find(o->bus, o);
    if (p && p->kind == PENDING_ADDED)
        return; /* the values are read when InterfacesAdded is sent */
    for (size_t i = 0; o->interfaces[i]; i++) {
        bool here = streq(o->interfaces[i]->name, interface);
        for (const struct bus_property *r = o->interfaces[i]->properties; r && r->name; r++, bit++)
            if (here && (!property || streq(r->name, property)) &&
                (r->emits == BUS_EMITS_TRUE || r->emits == BUS_EMITS_INVALIDATES)) {
                o->dirty[bit / 64] |= UINT64_C(1) << (bit % 64);
                any = true;
            }
    }
    /* Without memory this change goes untold; the next one of the object tells it too, since the bit stays.
     */
    if (any && !p)
        pending_add(o->bus, o, PENDING_CHANGED);
}

/* ---- sending ------------------------------------------------------------------------------------------ */

static void send_signal(struct bus *b, DBusMessage *m, int r)
{
    if (r == 0)
        bus_send(b, m);
    dbus_message_unref(m);
}

/* Whether the value is another one than was told last. Without a scratch, or once one could not be written to
 * it, everything is. */
static bool is_news(struct bus_writer *scratch, struct bus_object *o, const struct bus_property *p,
                    uint64_t told)
{
    uint64_t now = 0;

    if (!told || !scratch)
        return true;
    bus_write_property(scratch, o, p, &now);
    return now != told;
}

/* Those of `first` and the following that are dirty and no news are so no more; whether any are left. The
 * values are written to one message that nobody gets. */
static bool sift(struct bus_object *o, const struct bus_interface *f, size_t first)
{
    DBusMessage *m = NULL;
    struct bus_writer w;
    bool any = false;
    size_t bit = first;

    for (const struct bus_property *p = f->properties; p && p->name; p++, bit++) {
        if (!dirty_test(o, bit))
            continue;
        if (!m && o->told[bit] && (m = dbus_message_new(DBUS_MESSAGE_TYPE_SIGNAL))) {
            bus_writer_begin(&w, m, "a{sv}");
            bus_write_open(&w);
        }
        if (is_news(m ? &w : NULL, o, p, o->told[bit]))
            any = true;
        else
            o->dirty[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
    }
    if (m) {
        bus_write_close(&w);
        (void)bus_writer_end(&w);
        dbus_message_unref(m);
    }
    return any;
}

/* One PropertiesChanged for each interface with changes. */
static void send_changed(struct bus *b, struct bus_object *o)
{
    size_t next = 0;

    for (size_t i = 0; o->interfaces[i]; i++) {
        const struct bus_interface *f = o->interfaces[i];
        size_t first = next;
        for (const struct bus_property *p = f->properties; p && p->name; p++)
            next++;
        DBusMessage *m = sift(o, f, first) ? dbus_message_new_signal(o->path, DBUS_INTERFACE_PROPERTIES,
                                                                     "PropertiesChanged")
                                           : NULL;
        if (!m)
            continue;
        struct bus_writer w;
        bus_writer_begin(&w, m, "sa{sv}as");
        bus_write_s(&w, f->name);
        for (int invalid = 0; invalid <= 1; invalid++) {
            size_t bit = first;
            bus_write_open(&w);
            for (const struct bus_property *p = f->properties; p && p->name; p++, bit++) {
                if (!dirty_test(o, bit) || (p->emits == BUS_EMITS_INVALIDATES) != invalid)
                    continue;
                if (!invalid) {
                    bus_write_property(&w, o, p, &o->told[bit]);
                } else {
                    bus_write_s(&w, p->name);
                    o->told[bit] = 0;
                }
            }
            bus_write_close(&w);
        }
        send_signal(b, m, bus_writer_end(&w));
    }
    memset(o->dirty, 0, o->n_dirty * sizeof *o->dirty);
}

static void send_added(struct bus *b, struct bus_object *o)
{
    DBusMessage *m = dbus_message_new_signal(b->root, OBJECT_MANAGER, "InterfacesAdded");
    struct bus_writer w;

    if (!m)
        return;
    bus_writer_begin(&w, m, "oa{sa{sv}}");
    bus_write_o(&w, o->path);
    bus_write_interfaces(&w, o, o->told);
    send_signal(b, m, bus_writer_end(&w));
}

static void send_removed(struct bus *b, struct bus_object *o)
{
    DBusMessage *m = dbus_message_new_signal(b->root, OBJECT_MANAGER, "InterfacesRemoved");
    struct bus_writer w;

    if (!m)
        return;
    bus_writer_begin(&w, m, "oas");
    bus_write_o(&w, o->path);
    bus_write_open(&w);
    for (size_t i = 0; o->interfaces[i]; i++)
        bus_write_s(&w, o->interfaces[i]->name);
    bus_write_close(&w);
    send_signal(b, m, bus_writer_end(&w));
}

void bus_flush(struct bus *b)
{
    struct pending_list now = TAILQ_HEAD_INITIALIZER(now);
    struct bus_pending *p;

    if (!anyone_listens(b))
        return bus_pending_drop(b);
    TAILQ_CONCAT(&now, &b->pending, link);
    while ((p = TAILQ_FIRST(&now))) {
        TAILQ_REMOVE(&now, p, link);
        if (p->kind == PENDING_ADDED)
            send_added(b, p->object);
        else if (p->kind == PENDING_CHANGED)
            send_changed(b, p->object);
        else
            send_removed(b, p->object);
        bus_object_unref(p->object);
        free(p);
    }
}

static const struct bus_signal *find_signal(const struct bus_object *o, const char *interface,
                                            const char *member)
{
    const struct bus_interface *f = bus_object_interface(o, interface);

    for (const struct bus_signal *s = f ? f->signals : NULL; s && s->name; s++)
        if (streq(s->name, member))
            return s;
    return NULL;
}

static int signal_begin(struct bus_object *o, const char *interface, const char *member, DBusMessage **ret,
                        struct bus_writer *w)
{
    const struct bus_signal *s = find_signal(o, interface, member);

    if (!s)
        return -ENOENT;
    if (!anyone_listens(o->bus))
        return -ENOTCONN;
    bus_flush(o->bus);
    *ret = dbus_message_new_signal(o->path, interface, member);
    if (!*ret)
        return -ENOMEM;
    bus_writer_begin(w, *ret, s->sig ? s->sig : "");
    return 0;
}

static int signal_end(struct bus_object *o, DBusMessage *m, struct bus_writer *w)
{
    int r = bus_writer_end(w);

    if (r == 0)
        r = bus_send(o->bus, m);
    dbus_message_unref(m);
    return r;
}

int bus_signal_emit(struct bus_object *o, const char *interface, const char *member, const char *sig, ...)
{
    struct bus_writer w;
    DBusMessage *m;
    va_list ap;
    int r = signal_begin(o, interface, member, &m, &w);

    if (r < 0)
        return r;
    va_start(ap, sig);
    bus_write_va(&w, sig, ap);
    va_end(ap);
    return signal_end(o, m, &w);
}

int bus_signal_emit_by(struct bus_object *o, const char *interface, const char *member,
                       void (*fill)(struct bus_writer *w, void *ctx), void *ctx)
{
    struct bus_writer w;
    DBusMessage *m;
    int r = signal_begin(o, interface, member, &m, &w);

    if (r < 0)
        return r;
    fill(&w, ctx);
    return signal_end(o, m, &w);
}

/* ---- add and remove ----------------------------------------------------------------------------------- */

int bus_object_add(struct bus *b, const char *path, const struct bus_interface *const *interfaces,
                   void *object, struct bus_object **ret)
{
    bool found;
    size_t i = bus_object_index(b, path, &found);

    if (!dbus_validate_path(path, NULL))
        return -EINVAL;
    if (found)
        return -EEXIST;
    if (b->n_objects == b->room_objects) {
        size_t room = b->room_objects ? b->room_objects * 2 : 32;
        struct bus_object **more = realloc(b->object, room * sizeof *more);
        if (!more)
            return -ENOMEM;
        b->object = more;
        b->room_objects = room;
    }
    struct bus_object *o = calloc(1, sizeof *o);
    if (!o)
        return -ENOMEM;
    *o = (struct bus_object){
        .refs = 1, .bus = b, .interfaces = interfaces, .data = object, .path = strdup(path)};
    o->n_dirty = property_count(o) / 64 + 1;
    o->dirty = calloc(o->n_dirty, sizeof *o->dirty);
    o->told = calloc(property_count(o) + 1, sizeof *o->told);
    if (!o->path || !o->dirty || !o->told ||
        (anyone_listens(b) && bus_below(path, b->root) && pending_add(b, o, PENDING_ADDED) < 0)) {
        bus_object_unref(o);
        return -ENOMEM;
    }
    memmove(&b->object[i + 1], &b->object[i], (b->n_objects - i) * sizeof *b->object);
    b->object[i] = o;
    b->n_objects++;
    if (ret)
        *ret = o;
    return 0;
}

void bus_object_remove(struct bus_object *o)
{
    if (!o || !o->bus)
        return;
    struct bus *b = o->bus;
    struct bus_pending *p = pending_find(b, o);
    bool known = anyone_listens(b) && bus_below(o->path, b->root);
    if (p && p->kind == PENDING_ADDED) {
        pending_free(b, p); /* nobody has heard of it */
        known = false;
    } else if (p) {
        bus_flush(b);
    }
    size_t i = bus_object_index(b, o->path, NULL);
    b->n_objects--;
    memmove(&b->object[i], &b->object[i + 1], (b->n_objects - i) * sizeof *b->object);
    o->bus = NULL;
    o->data = NULL;
    if (known)
        pending_add(b, o, PENDING_REMOVED);
    bus_object_unref(o);
}
