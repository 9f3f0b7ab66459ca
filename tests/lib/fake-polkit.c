/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A polkit that says what the test wants; and the comparison of tables with their introspection text. */
#include <string.h>

#include "dbus/bus.h"
#include "tests/lib/bus-fixture.h"

static const char polkit_xml[] =
    "<node><interface name='org.freedesktop.PolicyKit1.Authority'>"
    "<method name='CheckAuthorization'><arg type='(sa{sv})' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='a{ss}' direction='in'/><arg type='u' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='(bba{ss})' direction='out'/></method>"
    "<method name='CancelCheckAuthorization'><arg type='s' direction='in'/></method></interface></node>";

static void answer(struct fake_polkit *p, GDBusMethodInvocation *call)
{
    switch (p->mode) {
    case POLKIT_ALLOW:
    case POLKIT_DENY:
    case POLKIT_CHALLENGE:
        g_dbus_method_invocation_return_value(
            call, g_variant_new("((bba{ss}))", p->mode == POLKIT_ALLOW, p->mode == POLKIT_CHALLENGE, NULL));
        break;
    case POLKIT_ERROR:
        g_dbus_method_invocation_return_dbus_error(call, "org.freedesktop.PolicyKit1.Error.Failed",
                                                   "no such action");
        break;
    case POLKIT_GARBAGE: {
        GDBusMessage *m = g_dbus_message_new_method_reply(g_dbus_method_invocation_get_message(call));
        g_dbus_message_set_body(m, g_variant_new("(b)", TRUE));
        g_dbus_connection_send_message(p->connection, m, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
        g_object_unref(m);
        g_object_unref(call);
        break;
    }
    case POLKIT_SILENT:
        g_ptr_array_add(p->open, call);
        break;
    }
}

static void on_polkit_call(GDBusConnection *c, const char *sender, const char *path, const char *interface,
                           const char *member, GVariant *params, GDBusMethodInvocation *call, gpointer data)
{
    struct fake_polkit *p = data;

    if (strcmp(member, "CheckAuthorization") != 0) {
        p->cancelled++;
        g_dbus_method_invocation_return_value(call, NULL);
        return;
    }
    const char *kind, *action, *id;
    GVariant *subject;
    GVariantIter *details;
    const char *name = "";
    g_variant_get(params, "((&s@a{sv})&sa{ss}u&s)", &kind, &subject, &action, &details, &p->last_flags, &id);
    g_variant_lookup(subject, "name", "&s", &name);
    g_free(p->last_action);
    g_free(p->last_subject);
    p->last_action = g_strdup(action);
    p->last_subject = g_strdup_printf("%s %s", kind, name);
    p->asked++;
    g_variant_iter_free(details);
    g_variant_unref(subject);
    answer(p, call);
}

static const GDBusInterfaceVTable polkit_vtable = {.method_call = on_polkit_call};

void fake_polkit_start(struct fake_polkit *p, struct bus_fixture *f)
{
    GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(polkit_xml, NULL);
    GError *e = NULL;
    GVariant *v;
    guint result;

    p->connection = bus_fixture_connect(f);
    p->open = g_ptr_array_new();
    p->object = g_dbus_connection_register_object(p->connection, "/org/freedesktop/PolicyKit1/Authority",
                                                  node->interfaces[0], &polkit_vtable, p, NULL, &e);
    g_assert_no_error(e);
    g_dbus_node_info_unref(node);
    v = g_dbus_connection_call_sync(
        p->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
        g_variant_new("(su)", "org.freedesktop.PolicyKit1", 4), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &e);
    g_assert_no_error(e);
    g_variant_get(v, "(u)", &result);
    g_assert_cmpuint(result, ==, 1);
    g_variant_unref(v);
}

void fake_polkit_answer(struct fake_polkit *p, bool yes)
{
    p->mode = yes ? POLKIT_ALLOW : POLKIT_DENY;
    for (guint i = 0; i < p->open->len; i++)
        answer(p, p->open->pdata[i]);
    g_ptr_array_set_size(p->open, 0);
}

void fake_polkit_stop(struct fake_polkit *p)
{
    fake_polkit_answer(p, false);
    g_dbus_connection_unregister_object(p->connection, p->object);
    bus_fixture_disconnect(p->connection);
    g_ptr_array_free(p->open, TRUE);
    g_free(p->last_action);
    g_free(p->last_subject);
    *p = (struct fake_polkit){0};
}

/* ---- tables and text ---------------------------------------------------------------------------------- */

static char *args_signature(GDBusArgInfo **args)
{
    GString *s = g_string_new(NULL);

    for (; args && *args; args++)
        g_string_append(s, (*args)->signature);
    return g_string_free(s, FALSE);
}

static void check_args(const char *interface, const char *member, GDBusArgInfo **args, const char *sig)
{
    char *have = args_signature(args);

    if (g_strcmp0(have, sig ? sig : "") != 0)
        g_error("%s.%s: the text says '%s', the table '%s'", interface, member, have, sig ? sig : "");
    g_free(have);
}

static guint count(gpointer *p)
{
    guint n = 0;

    while (p && p[n])
        n++;
    return n;
}

static void check_properties(const struct bus_interface *i, GDBusInterfaceInfo *info)
{
    static const char *const word[] = {"true", "invalidates", "const", "false"};
    guint n = 0;

    for (const struct bus_property *p = i->properties; p && p->name; p++, n++) {
        GDBusPropertyInfo *x = g_dbus_interface_info_lookup_property(info, p->name);
        if (!x)
            g_error("%s.%s is not in the text", i->name, p->name);
        const char *emits =
            g_dbus_annotation_info_lookup(x->annotations, "org.freedesktop.DBus.Property.EmitsChangedSignal");
        if (strcmp(x->signature, p->sig) != 0 || strcmp(emits ? emits : "true", word[p->emits]) != 0 ||
            !!(x->flags & G_DBUS_PROPERTY_INFO_FLAGS_WRITABLE) != !!p->set)
            g_error("%s.%s: the text says '%s' %s, the table '%s' %s, or one can be written only", i->name,
                    p->name, x->signature, emits ? emits : "true", p->sig, word[p->emits]);
    }
    g_assert_cmpuint(n, ==, count((gpointer *)info->properties));
}

void bus_fixture_check_interface(const struct bus_interface *i)
{
    const char *xml = i->xml ? i->xml : bus_xml(i->name);
    struct mef_error err = {0};
    GError *e = NULL;
    guint n = 0;

    if (bus_interface_check(i, &err) < 0)
        g_error("%s", err.text);
    if (!xml)
        g_error("%s has no introspection text", i->name);
    char *document = g_strconcat("<node>", xml, "</node>", NULL);
    GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(document, &e);
    g_assert_no_error(e);
    GDBusInterfaceInfo *info = g_dbus_node_info_lookup_interface(node, i->name);
    g_assert_nonnull(info);
    for (const struct bus_method *m = i->methods; m && m->name; m++, n++) {
        GDBusMethodInfo *x = g_dbus_interface_info_lookup_method(info, m->name);
        if (!x)
            g_error("%s.%s is not in the text", i->name, m->name);
        check_args(i->name, m->name, x->in_args, m->in);
        check_args(i->name, m->name, x->out_args, m->out);
    }
    g_assert_cmpuint(n, ==, count((gpointer *)info->methods));
    n = 0;
    for (const struct bus_signal *s = i->signals; s && s->name; s++, n++) {
        GDBusSignalInfo *x = g_dbus_interface_info_lookup_signal(info, s->name);
        if (!x)
            g_error("%s.%s is not in the text", i->name, s->name);
        check_args(i->name, s->name, x->args, s->sig);
    }
    g_assert_cmpuint(n, ==, count((gpointer *)info->signals));
    check_properties(i, info);
    g_dbus_node_info_unref(node);
    g_free(document);
}
