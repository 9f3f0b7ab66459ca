/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "tests/host/fake-service.h"

#define R    "/org/mefclient1"
#define NODE "org.mefclient1.Node"

struct fake {
    GDBusConnection *bus;
    guint filter;
    GMutex lock;
    GHashTable *last; /* member -> text */
};

/* mefctl draws mef1 -> ap1 -> ta1, and shows one registration, one command, one job, one credential. */
static const char objects[] =
    "({objectpath '" R "': {'org.mefclient1.Manager': {'Version': <'9.9'>, 'State': <'ready'>, 'TokenState': "
    "<'present'>, 'Features': <['est','pkcs11']>, 'NeedsAttention': <true>, 'Attention': "
    "<[('pin','/org/mefclient1/"
    "token/mef','the PIN is wrong')]>}},"
    "'" R "/mo': {'org.mefclient1.Tree': {'Generation': <uint64 7>}},"
    "'" R "/mo/MEFClientRegCfg/mef1': {'" NODE "': {'Name': <'mef1'>, 'Type': <'MEFClientRegCfg'>, 'Path': "
    "<'./DCFG/MEFClientRegCfg/mef1'>, 'ObjectPaths': <['./DCFG/MEFClientRegCfg/mef1','/27026/0']>, 'State': "
    "<'ready'>, "
    "'Origin': <'local'>, 'Parent': <objectpath '/'>, 'Children': <[objectpath '" R
    "/mo/authenticationProfile/ap1']>}, "
    "'org.mefclient1.MEFClientRegCfg': {'Fqdn': <'mef.example.com'>}},"
    "'" R "/mo/authenticationProfile/ap1': {'" NODE
    "': {'Name': <'ap1'>, 'Type': <'authenticationProfile'>, 'Path': "
    "<'./DCFG/authenticationProfile/ap1'>, 'State': <'failed'>, 'LastStatusName': <'MO_NODE_NOT_FOUND'>, "
    "'Origin': "
    "<'mef-dm'>, 'Parent': <objectpath '" R "/mo/MEFClientRegCfg/mef1'>, 'Children': <[objectpath '" R
    "/mo/trustAnchorCred/x']>}, 'org.mefclient1.AuthenticationProfile': {'SUID': <uint32 10>}},"
    "'" R "/mo/trustAnchorCred/x': {'" NODE "': {'Name': <'x'>, 'Type': <'trustAnchorCred'>, 'Path': "
    "<'./DCFG/trustAnchorCred/x'>, 'Parent': <objectpath '" R
    "/mo/authenticationProfile/ap1'>, 'Children': <@ao []>}},"
    "'" R "/mo/dataCollection/x': {'" NODE
    "': {'Name': <'x'>, 'Type': <'dataCollection'>, 'Parent': <objectpath '/'>}},"
    "'" R "/registration/mef1': {'org.mefclient1.Registration': {'Fqdn': <'mef.example.com'>, 'State': "
    "<'registered'>, "
    "'LastCommand': <objectpath '" R
    "/registration/mef1/command/2'>, 'LastError': <('ServerUnreachable','no route')>}},"
    "'" R
    "/registration/mef1/command/2': {'org.mefclient1.Command': {'Class': <'cert-prov'>, 'Status': <'OK'>, "
    "'TransactionId': <'t-77'>}},"
    "'" R "/job/3': {'org.mefclient1.Job': {'Id': <uint32 3>, 'Operation': <'register'>, 'State': "
    "<'running'>, 'StepIndex': "
    "<uint32 1>, 'StepCount': <uint32 2>, 'Step': <'connecting'>}},"
    "'" R "/credential/ab': {'org.mefclient1.Credential': {'Kind': <'certificate'>, 'CredentialId': "
    "<'cert-1'>, 'Subject': "
    "<'CN=gw'>, 'NotAfter': <uint64 1900000000000000>, 'UsedBy': <@ao []>, 'Uri': <'pkcs11:object=gw'>}}},)";

/* What each call is answered with: a body, or an error. `argument`: text that the call's body must hold. */
static const struct answer {
    const char *path, *member, *argument, *body, *error;
} answers[] = {
    {R, "GetManagedObjects", NULL, objects, NULL},
    {R "/mo", "AddMefClientRegCfg", "'denied.example.com'", "I may not",
     "org.mefclient1.Error.NotAuthorized"},
    {R "/mo", "AddMefClientRegCfg", "'twice.example.com'", "'twice.example.com' is there",
     "org.mefclient1.Error.AlreadyExists"},
    {R "/mo", "AddMefClientRegCfg", "'slow.example.com'", "it took too long",
     "org.mefclient1.Error.TimedOut"},
    {R "/mo", "AddMefClientRegCfg", "'bad.example.com'",
     "(objectpath '" R "/mo/x', objectpath '" R "/job/12')", NULL},
    {R "/mo", "AddMefClientRegCfg", "'never.example.com'",
     "(objectpath '" R "/mo/x', objectpath '" R "/job/13')", NULL},
    {R "/mo", "AddMefClientRegCfg", "'gone.example.com'",
     "(objectpath '" R "/mo/x', objectpath '" R "/job/14')", NULL},
    {R "/mo", "AddMefClientRegCfg", "'late.example.com'",
     "(objectpath '" R "/mo/x', objectpath '" R "/job/15')", NULL},
    {R "/mo", "AddMefClientRegCfg", "'none.example.com'", "(objectpath '" R "/mo/x', objectpath '/')", NULL},
    {R "/mo", "AddMefClientRegCfg", "'odd.example.com'", "('what',)", NULL},
    {R "/mo", "AddMefClientRegCfg", NULL, "(objectpath '" R "/mo/x', objectpath '" R "/job/11')", NULL},
    {R "/mo", "Import", "broken", "member 'nodes' is missing", "org.mefclient1.Error.InvalidArguments"},
    {R "/mo", "Import", NULL, "(uint64 8,)", NULL},
    {R "/mo", "Export", NULL, "('{\"format\":1,\"generation\":7,\"nodes\":[]}',)", NULL},
    {R "/registration/mef1", "Poll", NULL, "(objectpath '" R "/job/11',)", NULL},
    {R "/mo/MEFClientRegCfg/mef1", "Delete", NULL, "(objectpath '" R "/job/11',)", NULL},
    {R "/mo/trustAnchorCred/x", "Delete", NULL, "(objectpath '/',)", NULL},
    {R "/mo/authenticationProfile/ap1", "Process", "'SUID': <uint32 10>", "(uint32 0, 'OK')", NULL},
    {R "/mo/authenticationProfile/ap1", "Process", NULL, "(uint32 302, 'MO_NODE_BAD_ARGS')", NULL},
    {R, "CancelJob", "uint32 3", "()", NULL},
    {R, "CancelJob", NULL, "there is no job with that number", "org.mefclient1.Error.NotFound"},
    {R "/job/11", "GetAll", NULL,
     "({'Id': <uint32 11>, 'Operation': <'register'>, 'State': <'running'>, 'StepIndex': <uint32 1>, "
     "'StepCount': <uint32 4>, 'Step': <'connecting'>},)",
     NULL},
    {R "/job/12", "GetAll", NULL,
     "({'Id': <uint32 12>, 'Operation': <'register'>, 'State': <'failed'>, 'Error': "
     "<('org.mefclient1.Error.ServerUnreachable','no route to the MEF')>},)",
     NULL},
    {R "/job/13", "GetAll", NULL,
     "({'Id': <uint32 13>, 'State': <'waiting'>, 'WaitingUntil': <uint64 4000000000000000>},)", NULL},
    {R "/job/14", "GetAll", NULL, "({'Id': <uint32 14>, 'State': <'running'>},)", NULL},
    {R "/job/15", "GetAll", NULL, "({'Id': <uint32 15>, 'State': <'timed-out'>},)", NULL},
    {"/org/freedesktop/LogControl1", "GetAll", NULL, "({'LogLevel': <'info'>},)", NULL},
    {"/org/freedesktop/LogControl1", "Set", "'debug'", "()", NULL},
    {"/org/freedesktop/LogControl1", "Set", NULL, "there is no such level",
     "org.freedesktop.DBus.Error.InvalidArgs"},
};

static void signal_text(GDBusConnection *bus, const char *path, const char *interface, const char *member,
                        const char *body)
{
    GError *error = NULL;
    GVariant *v = g_variant_parse(NULL, body, NULL, NULL, &error);
    g_assert_no_error(error);
    g_dbus_connection_emit_signal(bus, NULL, path, interface, member, v, &error);
    g_assert_no_error(error);
    g_variant_unref(v);
}

void fake_signal(struct fake *f, const char *path, const char *interface, const char *member,
                 const char *body)
{
    signal_text(f->bus, path, interface, member, body);
    g_dbus_connection_flush_sync(f->bus, NULL, NULL);
}

/* What follows once mefctl looks at its job. */
static void job_goes_on(struct fake *f, const char *path)
{
    if (g_str_equal(path, R "/job/11")) {
        signal_text(
            f->bus, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
            "('org.mefclient1.Job', {'StepIndex': <uint32 3>, 'Step': <'asking for a command'>}, @as [])");
        signal_text(f->bus, path, "org.mefclient1.Job", "Finished", "('done', '', '')");
        signal_text(f->bus, R, "org.mefclient1.Manager", "JobRemoved",
                    "(uint32 11, objectpath '" R "/job/11', 'done')");
    } else if (g_str_equal(path, R "/job/14"))
        g_dbus_connection_call(f->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "ReleaseName", g_variant_new("(s)", "org.mefclient1"),
                               NULL, 0, -1, NULL, NULL, NULL);
}

static GDBusMessage *on_message(GDBusConnection *bus, GDBusMessage *m, gboolean incoming, gpointer data)
{
    struct fake *f = data;
    const char *path = g_dbus_message_get_path(m), *member = g_dbus_message_get_member(m);
    GVariant *body = g_dbus_message_get_body(m);
    GDBusMessage *reply = NULL;
    char *text;

    if (!incoming || g_dbus_message_get_message_type(m) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        return m;
    text = body ? g_variant_print(body, TRUE) : g_strdup("()");
    for (size_t i = 0; !reply && i < G_N_ELEMENTS(answers); i++) {
        const struct answer *a = &answers[i];
        if (g_strcmp0(a->path, path) != 0 || g_strcmp0(a->member, member) != 0 ||
            (a->argument && !strstr(text, a->argument)))
            continue;
        if (a->error)
            reply = g_dbus_message_new_method_error_literal(m, a->error, a->body);
        else {
            GError *error = NULL;
            GVariant *v =
                g_variant_parse(g_str_equal(member, "GetManagedObjects")
                                    ? G_VARIANT_TYPE("(a{oa{sa{sv}}})")
                                    : (g_str_equal(member, "GetAll") ? G_VARIANT_TYPE("(a{sv})") : NULL),
                                a->body, NULL, NULL, &error);
            g_assert_no_error(error);
            reply = g_dbus_message_new_method_reply(m);
            g_dbus_message_set_body(reply, v);
            g_variant_unref(v);
        }
    }
    if (!reply)
        reply = g_dbus_message_new_method_error_literal(m, "org.freedesktop.DBus.Error.UnknownObject",
                                                        "no such object");
    g_mutex_lock(&f->lock);
    g_hash_table_replace(f->last, g_strdup(member), text);
    g_mutex_unlock(&f->lock);
    g_dbus_connection_send_message(bus, reply, 0, NULL, NULL);
    g_object_unref(reply);
    if (g_str_equal(member, "GetAll") && g_str_has_prefix(path, R "/job/"))
        job_goes_on(f, path);
    g_object_unref(m);
    return NULL;
}

char *fake_last(struct fake *f, const char *member)
{
    char *s;
    g_mutex_lock(&f->lock);
    s = g_strdup(g_hash_table_lookup(f->last, member));
    g_mutex_unlock(&f->lock);
    return s ? s : g_strdup("");
}

struct fake *fake_up(const char *bus_address)
{
    struct fake *f = g_new0(struct fake, 1);
    GError *error = NULL;
    GVariant *v;

    g_mutex_init(&f->lock);
    f->last = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    f->bus = g_dbus_connection_new_for_address_sync(bus_address,
                                                    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                        G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                    NULL, NULL, &error);
    g_assert_no_error(error);
    f->filter = g_dbus_connection_add_filter(f->bus, on_message, f, NULL);
    v = g_dbus_connection_call_sync(f->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                    "org.freedesktop.DBus", "RequestName",
                                    g_variant_new("(su)", "org.mefclient1", 4u), NULL, 0, -1, NULL, &error);
    g_assert_no_error(error);
    g_variant_unref(v);
    return f;
}

void fake_down(struct fake *f)
{
    g_dbus_connection_remove_filter(f->bus, f->filter);
    g_dbus_connection_close_sync(f->bus, NULL, NULL);
    g_object_unref(f->bus);
    g_hash_table_unref(f->last);
    g_mutex_clear(&f->lock);
    g_free(f);
}
