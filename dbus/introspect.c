/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What Introspect says: the interfaces of an object as their files have them (dbus/xml), and the next level
 * of paths, so that `busctl tree` finds everything, also through paths that are no objects. Pure look-ups.
 * Thread: the loop's. */
#include "dbus/internal.h"
#include "plugin/base/buf.h"
#include "plugin/base/str.h"

struct xml_row {
    const char *name, *xml;
};
extern const struct xml_row bus_xml_rows[]; /* xml-data.c, made from dbus/xml */

const char *bus_xml(const char *interface)
{
    for (const struct xml_row *r = bus_xml_rows; r->name; r++)
        if (streq(r->name, interface))
            return r->xml;
    return NULL;
}

static const char standard_xml[] =
    " <interface name=\"org.freedesktop.DBus.Peer\">\n"
    "  <method name=\"Ping\"/>\n"
    "  <method name=\"GetMachineId\"><arg name=\"machine_uuid\" type=\"s\" direction=\"out\"/></method>\n"
    " </interface>\n"
    " <interface name=\"org.freedesktop.DBus.Introspectable\">\n"
    "  <method name=\"Introspect\"><arg name=\"data\" type=\"s\" direction=\"out\"/></method>\n"
    " </interface>\n";
static const char properties_xml[] =
    " <interface name=\"org.freedesktop.DBus.Properties\">\n"
    "  <method name=\"Get\"><arg name=\"interface\" type=\"s\" direction=\"in\"/>"
    "<arg name=\"property\" type=\"s\" direction=\"in\"/><arg name=\"value\" type=\"v\" "
    "direction=\"out\"/></method>\n"
    "  <method name=\"GetAll\"><arg name=\"interface\" type=\"s\" direction=\"in\"/>"
    "<arg name=\"properties\" type=\"a{sv}\" direction=\"out\"/></method>\n"
    "  <method name=\"Set\"><arg name=\"interface\" type=\"s\" direction=\"in\"/>"
    "<arg name=\"property\" type=\"s\" direction=\"in\"/><arg name=\"value\" type=\"v\" "
    "direction=\"in\"/></method>\n"
    "  <signal name=\"PropertiesChanged\"><arg name=\"interface\" type=\"s\"/><arg name=\"changed\" "
    "type=\"a{sv}\"/>"
    "<arg name=\"invalidated\" type=\"as\"/></signal>\n"
    " </interface>\n";
static const char manager_xml[] = " <interface name=\"org.freedesktop.DBus.ObjectManager\">\n"
                                  "  <method name=\"GetManagedObjects\"><arg name=\"objects\" "
                                  "type=\"a{oa{sa{sv}}}\" direction=\"out\"/></method>\n"
                                  "  <signal name=\"InterfacesAdded\"><arg name=\"object\" type=\"o\"/>"
                                  "<arg name=\"interfaces\" type=\"a{sa{sv}}\"/></signal>\n"
                                  "  <signal name=\"InterfacesRemoved\"><arg name=\"object\" "
                                  "type=\"o\"/><arg name=\"interfaces\" type=\"as\"/></signal>\n"
                                  " </interface>\n";

/* ---- from the tables ----------------------------------------------------------------------------------- */

static int add_args(struct buf *b, const char *sig, const char *direction)
{
    int r = 0;

    for (size_t n; r == 0 && sig && *sig; sig += n) {
        n = bus_signature_first(sig);
        r = direction ? buf_addf(b, "<arg type=\"%.*s\" direction=\"%s\"/>", (int)n, sig, direction)
                      : buf_addf(b, "<arg type=\"%.*s\"/>", (int)n, sig);
    }
    return r;
}

static const char *emits_word(enum bus_emits e)
{
    static const char *const word[] = {"true", "invalidates", "const", "false"};
    return word[e];
}

char *bus_interface_xml(const struct bus_interface *i)
{
    struct buf b = {0};
    int r = buf_addf(&b, " <interface name=\"%s\">\n", i->name);

    for (const struct bus_method *m = i->methods; r == 0 && m && m->name; m++) {
        r = buf_addf(&b, "  <method name=\"%s\">", m->name);
        if (r == 0)
            r = add_args(&b, m->in, "in");
        if (r == 0)
            r = add_args(&b, m->out, "out");
        if (r == 0)
            r = buf_adds(&b, "</method>\n");
    }
    for (const struct bus_signal *s = i->signals; r == 0 && s && s->name; s++) {
        r = buf_addf(&b, "  <signal name=\"%s\">", s->name);
        if (r == 0)
            r = add_args(&b, s->sig, NULL);
        if (r == 0)
            r = buf_adds(&b, "</signal>\n");
    }
    for (const struct bus_property *p = i->properties; r == 0 && p && p->name; p++)
        r = buf_addf(&b,
                     "  <property name=\"%s\" type=\"%s\" access=\"%s\"><annotation "
                     "name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" value=\"%s\"/></property>\n",
                     p->name, p->sig, p->set ? "readwrite" : "read", emits_word(p->emits));
    if (r == 0)
        r = buf_adds(&b, " </interface>\n");
    if (r < 0) {
        buf_clear(&b);
        return NULL;
    }
    return buf_steal(&b);
}

/* ---- paths --------------------------------------------------------------------------------------------- */

bool bus_path_exists(const struct bus *b, const char *path)
{
    bool found;
    size_t i = bus_object_index(b, path, &found);

    if (found || streq(path, b->root) || streq(path, "/") || bus_below(b->root, path))
        return true;
    /* Paths below this one follow it, but others may stand between ("/a-b" is before "/a/b"). */
    for (; i < b->n_objects && strncmp(b->object[i]->path, path, strlen(path)) == 0; i++)
        if (bus_below(b->object[i]->path, path))
            return true;
    return false;
}

/* The children of `path`: each next element once. The objects are sorted, so equal elements are neighbours.
 */
static int add_children(struct buf *out, const struct bus *b, const char *path)
{
    size_t skip = streq(path, "/") ? 1 : strlen(path) + 1, last_len = 0;
    const char *last = "";
    int r = 0;

    for (size_t i = 0; r == 0 && i < b->n_objects; i++) {
        if (!bus_below(b->object[i]->path, path))
            continue;
        const char *child = b->object[i]->path + skip;
        size_t len = strcspn(child, "/");
        if (len == last_len && strncmp(child, last, len) == 0)
            continue;
        last = child;
        last_len = len;
        r = buf_addf(out, " <node name=\"%.*s\"/>\n", (int)len, child);
    }
    return r;
}

static int add_interfaces(struct buf *out, const struct bus_object *o)
{
    int r = buf_adds(out, properties_xml);

    for (size_t i = 0; r == 0 && o->interfaces[i]; i++) {
        const struct bus_interface *f = o->interfaces[i];
        const char *xml = f->xml ? f->xml : bus_xml(f->name);
        _cleanup_(freep) char *made = xml ? NULL : bus_interface_xml(f);
        if (!xml && !made)
            return -1;
        r = buf_adds(out, xml ? xml : made);
    }
    return r;
}

char *bus_introspect(struct bus *b, const char *path)
{
    struct buf out = {0};
    struct bus_object *o = bus_object_find(b, path);
    int r = buf_adds(&out, DBUS_INTROSPECT_1_0_XML_DOCTYPE_DECL_NODE "<node>\n");

    if (r == 0)
        r = buf_adds(&out, standard_xml);
    if (r == 0 && o)
        r = add_interfaces(&out, o);
    if (r == 0 && streq(path, b->root))
        r = buf_adds(&out, manager_xml);
    if (r == 0)
        r = add_children(&out, b, path);
    if (r == 0)
        r = buf_adds(&out, "</node>\n");
    if (r < 0) {
        buf_clear(&out);
        return NULL;
    }
    return buf_steal(&out);
}
