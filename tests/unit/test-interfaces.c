/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every bus interface of the plugin: its table is whole (each changing method names a polkit action), and
 * says the same as the introspection file in dbus/xml, which is what Introspect answers (issue: one XML per
 * interface; interfaces.md 2). */
#include <gio/gio.h>
#include <string.h>

#include "plugin/engine-private.h"

static const struct bus_interface *all(size_t i)
{
    const struct bus_interface *const fixed[] = {
        &manager_interface,      &tree_interface,    &node_interface,
        &registration_interface, &command_interface, &token_interface,
        &credential_interface,   &log_interface,     &job_interface};
    if (i < G_N_ELEMENTS(fixed))
        return fixed[i];
    i -= G_N_ELEMENTS(fixed);
    return i < MO_TYPE_MAX_ ? node_typed_interface((enum mo_type)i) : NULL;
}

static void check_tables(void)
{
    for (size_t i = 0; all(i); i++) {
        struct mef_error err = {0};
        int r = bus_interface_check(all(i), &err);
        g_test_message("%s: %s", all(i)->name, r < 0 ? err.text : "whole");
        g_assert_cmpint(r, ==, 0);
    }
}

/* DC-02 and interfaces.md 2: what changes something asks polkit. Nothing of these is for everybody. */
static void check_actions(void)
{
    static const char *const open[] = {"GetRegistration", "GetJob", "Resolve", "GetCertificate", "GetChain"};
    for (size_t i = 0; all(i); i++)
        for (const struct bus_method *m = all(i)->methods; m && m->name; m++) {
            bool may = false;
            for (size_t k = 0; k < G_N_ELEMENTS(open); k++)
                may = may || strcmp(open[k], m->name) == 0;
            if (m->action && strcmp(m->action, BUS_READONLY) == 0 && !may)
                g_error("%s.%s is open to everybody", all(i)->name, m->name);
        }
}

/* Each attribute that a node may have can be read on the typed interface of its node (interfaces.md 2), but
 * for the key and the file of a certificate. */
static void check_attributes(void)
{
    for (int t = 0; t < MO_TYPE_MAX_; t++) {
        const struct mo_type_info *type = mo_type_info((enum mo_type)t);
        const struct bus_property *rows = node_typed_interface((enum mo_type)t)->properties;
        g_assert_cmpstr(strrchr(node_typed_interface((enum mo_type)t)->name, '.') + 1, ==, type->interface);
        for (int a = 0; a < MO_ATTR_MAX_; a++) {
            const char *name = mo_attr_info((enum mo_attr)a)->property;
            if (!name || !mo_field((enum mo_type)t, (enum mo_attr)a))
                continue;
            const struct bus_property *p = rows;
            while (p->name && strcmp(p->name, name) != 0)
                p++;
            if (!p->name)
                g_error("%s of a %s cannot be read on the bus", name, type->name);
        }
    }
}

/* The reasons of Manager.Attention are one list, and the man page has all of it. */
static void check_attention(void)
{
    static const struct {
        const char *word, *next;
    } table[] = {
#define X(id, word, next) {(word), (next)},
#include "plugin/base/attention.def"
#undef X
    };
    g_autofree char *path = g_build_filename(g_getenv("TOP_SRCDIR"), "man/org.mefclient1.5", NULL),
                    *man = NULL;
    g_assert_true(g_file_get_contents(path, &man, NULL, NULL));
    const char *section = strstr(man, "\n.SH ATTENTION\n");
    g_assert_nonnull(section);
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *entry = g_strdup_printf("\n.TP\n.B %s\n%s\n", table[i].word, table[i].next);
        g_auto(GStrv) parts = g_strsplit(entry, "-", -1);
        g_autofree char *escaped = g_strjoinv("\\-", parts);
        if (!strstr(section, escaped))
            g_error("man/org.mefclient1.5 does not have '%s' as attention.def has it", table[i].word);
    }
}

static char *signature_of(GDBusArgInfo **args)
{
    GString *s = g_string_new(NULL);
    for (; args && *args; args++)
        g_string_append(s, (*args)->signature);
    return g_string_free(s, FALSE);
}

static const char *emits(enum bus_emits e)
{
    return e == BUS_EMITS_TRUE          ? "true"
           : e == BUS_EMITS_INVALIDATES ? "invalidates"
           : e == BUS_EMITS_CONST       ? "const"
                                        : "false";
}

static GDBusInterfaceInfo *introspect(const struct bus_interface *i, GDBusNodeInfo **node)
{
    GError *e = NULL;
    const char *text = bus_xml(i->name);
    if (!text)
        g_error("there is no dbus/xml file for %s", i->name);
    g_autofree char *xml = g_strdup_printf("<node>%s</node>", text);
    *node = g_dbus_node_info_new_for_xml(xml, &e);
    g_assert_no_error(e);
    GDBusInterfaceInfo *info = g_dbus_node_info_lookup_interface(*node, i->name);
    g_assert_nonnull(info);
    return info;
}

static void compare_methods(const struct bus_interface *i, GDBusInterfaceInfo *info)
{
    size_t n = 0;
    for (const struct bus_method *m = i->methods; m && m->name; m++, n++) {
        GDBusMethodInfo *x = g_dbus_interface_info_lookup_method(info, m->name);
        g_test_message("%s.%s", i->name, m->name);
        g_assert_nonnull(x);
        g_autofree char *in = signature_of(x->in_args), *out = signature_of(x->out_args);
        g_assert_cmpstr(in, ==, m->in ? m->in : "");
        g_assert_cmpstr(out, ==, m->out ? m->out : "");
    }
    size_t there = 0;
    while (info->methods && info->methods[there])
        there++;
    g_assert_cmpuint(there, ==, n);
}

static void compare_rest(const struct bus_interface *i, GDBusInterfaceInfo *info)
{
    size_t n = 0, there = 0;
    for (const struct bus_property *p = i->properties; p && p->name; p++, n++) {
        GDBusPropertyInfo *x = g_dbus_interface_info_lookup_property(info, p->name);
        g_test_message("%s.%s", i->name, p->name);
        g_assert_nonnull(x);
        g_assert_cmpstr(x->signature, ==, p->sig);
        g_assert_cmpint(!!(x->flags & G_DBUS_PROPERTY_INFO_FLAGS_WRITABLE), ==, p->set != NULL);
        const char *note =
            g_dbus_annotation_info_lookup(x->annotations, "org.freedesktop.DBus.Property.EmitsChangedSignal");
        g_assert_cmpstr(note ? note : "true", ==, emits(p->emits));
    }
    while (info->properties && info->properties[there])
        there++;
    g_assert_cmpuint(there, ==, n);
    for (const struct bus_signal *s = i->signals; s && s->name; s++) {
        GDBusSignalInfo *x = g_dbus_interface_info_lookup_signal(info, s->name);
        g_assert_nonnull(x);
        g_autofree char *sig = signature_of(x->args);
        g_assert_cmpstr(sig, ==, s->sig ? s->sig : "");
    }
}

static void check_xml(void)
{
    for (size_t i = 0; all(i); i++) {
        GDBusNodeInfo *node = NULL;
        GDBusInterfaceInfo *info = introspect(all(i), &node);
        compare_methods(all(i), info);
        compare_rest(all(i), info);
        g_dbus_node_info_unref(node);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/root/interfaces/tables-whole", check_tables);
    g_test_add_func("/root/interfaces/changes-need-an-action", check_actions);
    g_test_add_func("/root/interfaces/each-attribute-has-a-property", check_attributes);
    g_test_add_func("/root/interfaces/attention-in-the-man-page", check_attention);
    g_test_add_func("/root/interfaces/DC-02/xml-says-the-same", check_xml);
    return g_test_run();
}
