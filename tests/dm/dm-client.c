/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small DM client for tests, and an example for yours: it implements org.mefclient1.DMClient
 * (dbus/xml/DMClient.xml) without any DM protocol. What a server would ask for stands in a script instead,
 * which is read anew for each session.
 *
 *   dm-client --bus ADDRESS --name BUS-NAME --script FILE --log FILE
 *
 * The script has a command a line, its words quoted as in a shell; '#' begins a comment:
 *   refuse ERROR TEXT           answers StartSession with that error
 *   vanish-once                 dies instead of answering StartSession, unless the log says that it did
 *   path PATH                   names the session so (the default: /session/N)
 *   begin [PATH]                Tree.Begin in the session, or in the one with that path
 *   begin-plain                 Tree.Begin without a session
 *   add PARENT TYPE NAME [ATTR=VALUE]...     VALUE in GVariant text form, e.g. SUID='uint32 21'
 *   set OBJECT-PATH [ATTR=VALUE]...
 *   delete OBJECT-PATH
 *   link OBJECT-PATH TARGET
 *   set-key BUS-PATH OCTETS     SetSymmetricKey of that profile
 *   commit, rollback
 *   commit-blindly              Commit, without waiting for its answer
 *   finish OUTCOME CODE TEXT    SessionFinished
 *   forge PATH                  SessionFinished "ok" for that session, whosesoever it is
 *   repeat N COMMAND...         one of the commands above from begin to rollback, so many times; the log has
 * the last wait                        nothing more happens until somebody cancels or kills exit STATUS,
 * crash          ends; by a signal A command that fails ends the session with client-error and what the
 * service said, unless "try" stands before it: then the error is in the log only. The log has a line for each
 * thing that happens. Thread: one. */
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE   "org.mefclient1"
#define TREE      "/org/mefclient1/mo"
#define INTERFACE "org.mefclient1.DMClient"
#define PATH      "/org/mefclient1/dm"

static const char xml[] =
    "<node><interface name='" INTERFACE "'>"
    "<method name='StartSession'><arg type='u' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='s' direction='in'/><arg type='a{sv}' direction='in'/><arg type='o' direction='out'/></method>"
    "<method name='CancelSession'><arg type='o' direction='in'/></method>"
    "<signal name='SessionFinished'><arg type='o'/><arg type='s'/><arg type='u'/><arg type='s'/></signal>"
    "</interface></node>";

static char *bus_address, *bus_name, *script_file, *log_file;
static GDBusConnection *bus;

/* One session at a time is enough for a test. */
struct session {
    char *path;
    char **lines;
    guint next, transaction;
};
static struct session session;
static guint count;

static void say(const char *format, ...) G_GNUC_PRINTF(1, 2);
static void say(const char *format, ...)
{
    FILE *f = fopen(log_file, "a");
    va_list ap;
    va_start(ap, format);
    if (f) {
        vfprintf(f, format, ap);
        fputc('\n', f);
        fclose(f);
    }
    va_end(ap);
}

static void session_clear(void)
{
    g_free(session.path);
    g_strfreev(session.lines);
    session = (struct session){0};
}

static void finished(const char *path, const char *outcome, guint code, const char *text)
{
    say("finish %s %s %u %s", path, outcome, code, text);
    g_dbus_connection_emit_signal(bus, NULL, PATH, INTERFACE, "SessionFinished",
                                  g_variant_new("(osus)", path, outcome, code, text), NULL);
    g_dbus_connection_flush_sync(bus, NULL, NULL);
}

static GVariant *call(const char *path, const char *interface, const char *method, GVariant *params,
                      GError **error)
{
    return g_dbus_connection_call_sync(bus, SERVICE, path, interface, method, params, NULL,
                                       G_DBUS_CALL_FLAGS_NONE, 30000, NULL, error);
}

static GVariant *tree(const char *method, GVariant *params, GError **error)
{
    return call(TREE, "org.mefclient1.Tree", method, params, error);
}

/* ATTR=VALUE words as an a{sv}. */
static GVariant *attributes(char **words)
{
    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    for (; *words; words++) {
        g_autoptr(GError) error = NULL;
        char *value = strchr(*words, '=');
        if (!value)
            g_error("'%s' is not ATTR=VALUE", *words);
        g_autofree char *name = g_strndup(*words, (gsize)(value - *words));
        GVariant *v = g_variant_parse(NULL, value + 1, NULL, NULL, &error);
        if (!v)
            g_error("%s: %s", *words, error->message);
        g_variant_builder_add(&b, "{sv}", name, v);
        g_variant_unref(v);
    }
    return g_variant_builder_end(&b);
}

static GVariant *in_transaction(void)
{
    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    if (session.transaction)
        g_variant_builder_add(&b, "{sv}", "Transaction", g_variant_new_uint32(session.transaction));
    return g_variant_builder_end(&b);
}

static gboolean begin(const char *path, GError **error)
{
    GVariantBuilder b;
    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    if (path)
        g_variant_builder_add(&b, "{sv}", "Session", g_variant_new_object_path(path));
    g_autoptr(GVariant) r = tree("Begin", g_variant_new("(a{sv})", &b), error);
    if (r)
        g_variant_get(r, "(u)", &session.transaction);
    return r != NULL;
}

/* One operation of Tree.Apply. */
static gboolean apply(const char *op, const char *path, const char *target, char **words, GError **error)
{
    GVariantBuilder list, o;
    g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
    g_variant_builder_init(&o, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&o, "{sv}", "Op", g_variant_new_string(op));
    g_variant_builder_add(&o, "{sv}", "Path", g_variant_new_string(path));
    if (target)
        g_variant_builder_add(&o, "{sv}", "Target", g_variant_new_string(target));
    if (words)
        g_variant_builder_add(&o, "{sv}", "Attributes", attributes(words));
    g_variant_builder_add(&list, "a{sv}", &o);
    g_autoptr(GVariant) r = tree("Apply", g_variant_new("(aa{sv}@a{sv})", &list, in_transaction()), error);
    return r != NULL;
}

static gboolean set_key(const char *path, const char *octets, GError **error)
{
    int ends[2];
    if (pipe(ends) < 0 || write(ends[1], octets, strlen(octets)) < 0)
        g_error("no pipe");
    close(ends[1]);
    g_autoptr(GUnixFDList) list = g_unix_fd_list_new_from_array(ends, 1);
    g_autoptr(GVariant) r = g_dbus_connection_call_with_unix_fd_list_sync(
        bus, SERVICE, path, "org.mefclient1.AuthenticationProfile", "SetSymmetricKey",
        g_variant_new("(ha{sv})", 0, NULL), NULL, G_DBUS_CALL_FLAGS_NONE, 30000, list, NULL, NULL, error);
    return r != NULL;
}

static gboolean end(const char *method, GError **error)
{
    g_autoptr(GVariant) r = tree(method, g_variant_new("(u)", session.transaction), error);
    session.transaction = 0;
    return r != NULL;
}

/* A command that asks the service. */
static gboolean ask(char **w, guint n, GError **error)
{
    if (strcmp(w[0], "begin") == 0)
        return begin(n > 1 ? w[1] : session.path, error);
    if (strcmp(w[0], "begin-plain") == 0)
        return begin(NULL, error);
    if (strcmp(w[0], "add") == 0 && n > 3) {
        g_autoptr(GVariant) r = tree(
            "Add", g_variant_new("(sss@a{sv}@a{sv})", w[1], w[2], w[3], attributes(w + 4), in_transaction()),
            error);
        return r != NULL;
    }
    if (strcmp(w[0], "set") == 0 && n > 2)
        return apply("set", w[1], NULL, w + 2, error);
    if (strcmp(w[0], "delete") == 0 && n == 2)
        return apply("delete", w[1], NULL, NULL, error);
    if (strcmp(w[0], "link") == 0 && n == 3)
        return apply("link", w[1], w[2], NULL, error);
    if (strcmp(w[0], "set-key") == 0 && n == 3)
        return set_key(w[1], w[2], error);
    if (strcmp(w[0], "commit") == 0)
        return end("Commit", error);
    if (strcmp(w[0], "rollback") == 0)
        return end("Rollback", error);
    g_error("what is '%s'?", w[0]);
}

/* N times, in spite of errors; what the last one said. */
static gboolean ask_often(char **w, guint n, GError **error)
{
    gboolean ok = FALSE;
    for (gint64 i = g_ascii_strtoll(w[1], NULL, 10); i > 0 && n > 2; i--) {
        g_clear_error(error);
        ok = ask(w + 2, n - 2, error);
    }
    return ok;
}

/* The next line of the script. FALSE: nothing more to do. */
static gboolean step(void)
{
    g_auto(GStrv) words = NULL;
    g_autoptr(GError) error = NULL;
    gint n = 0;
    const char *line = session.lines && session.lines[session.next] ? session.lines[session.next++] : NULL;
    if (!line)
        return FALSE;
    if (!g_shell_parse_argv(line, &n, &words, NULL) || strcmp(words[0], "refuse") == 0 ||
        strcmp(words[0], "path") == 0 || strcmp(words[0], "vanish-once") == 0)
        return TRUE; /* nothing on it, or done already */
    if (strcmp(words[0], "finish") == 0 && n == 4) {
        finished(session.path, words[1], (guint)atoi(words[2]), words[3]);
    } else if (strcmp(words[0], "forge") == 0 && n == 2) {
        finished(words[1], "ok", 0, "forged");
    } else if (strcmp(words[0], "commit-blindly") == 0) {
        g_dbus_connection_call(bus, SERVICE, TREE, "org.mefclient1.Tree", "Commit",
                               g_variant_new("(u)", session.transaction), NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                               NULL, NULL, NULL);
        session.transaction = 0;
    } else if (strcmp(words[0], "wait") == 0) {
        say("waiting %s", session.path);
        return FALSE;
    } else if (strcmp(words[0], "exit") == 0 || strcmp(words[0], "crash") == 0) {
        say("%s", words[0]);
        if (words[0][0] == 'c')
            raise(SIGKILL);
        /* Off the bus first: a process can take its time to end (ThreadSanitizer's takes a second), and a
         * call that reaches it then is lost. */
        g_dbus_connection_close_sync(bus, NULL, NULL);
        exit(n > 1 ? atoi(words[1]) : 0);
    } else {
        gboolean try = strcmp(words[0], "try") == 0;
        char **w = words + try;
        guint rest = (guint)n - (guint)try;
        gboolean ok = strcmp(w[0], "repeat") == 0 ? ask_often(w, rest, &error) : ask(w, rest, &error);
        g_autofree char *name = error ? g_dbus_error_get_remote_error(error) : NULL;
        if (error)
            g_dbus_error_strip_remote_error(error);
        say("%s %s %s", words[try], ok ? "ok" : name ? name : "error", ok ? "" : error->message);
        if (!ok && !try) {
            finished(session.path, "client-error", 1, error->message);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean on_idle(gpointer data)
{
    return step();
}

static void vanish_once(void)
{
    g_autofree char *log = NULL;
    if (g_file_get_contents(log_file, &log, NULL, NULL) && strstr(log, "vanish"))
        return;
    say("vanish");
    raise(SIGKILL);
}

static void start(GVariant *params, GDBusMethodInvocation *invocation)
{
    g_autofree char *text = NULL, *options = NULL;
    g_autoptr(GVariant) dict = NULL;
    const char *uri, *fqdn;
    guint protocol;
    session_clear();
    g_variant_get(params, "(u&s&s@a{sv})", &protocol, &uri, &fqdn, &dict);
    options = g_variant_print(dict, FALSE);
    say("start %u %s %s %s", protocol, uri, fqdn, options);
    if (!g_file_get_contents(script_file, &text, NULL, NULL))
        text = g_strdup("finish ok 0 ''");
    session.lines = g_strsplit(text, "\n", -1);
    session.path = g_strdup_printf("/session/%u", ++count);
    for (char **l = session.lines; *l; l++) {
        g_auto(GStrv) words = NULL;
        gint n = 0;
        if (!g_shell_parse_argv(*l, &n, &words, NULL))
            continue;
        if (strcmp(words[0], "vanish-once") == 0)
            vanish_once();
        if (strcmp(words[0], "refuse") == 0 && n == 3)
            return g_dbus_method_invocation_return_dbus_error(invocation, words[1], words[2]);
        if (strcmp(words[0], "path") == 0 && n == 2) {
            g_free(session.path);
            session.path = g_strdup(words[1]);
        }
    }
    g_dbus_method_invocation_return_value(invocation, g_variant_new("(o)", session.path));
    g_idle_add(on_idle, NULL);
}

static void on_call(GDBusConnection *c, const char *sender, const char *path, const char *interface,
                    const char *method, GVariant *params, GDBusMethodInvocation *invocation, gpointer data)
{
    const char *which;
    if (strcmp(method, "StartSession") == 0)
        return start(params, invocation);
    g_variant_get(params, "(&o)", &which);
    say("cancel %s", which);
    session_clear();
    g_dbus_method_invocation_return_value(invocation, NULL);
}

static void on_name(GDBusConnection *c, const char *name, gpointer data)
{
    say("ready");
}

int main(int argc, char **argv)
{
    static const GOptionEntry entries[] = {
        {"bus", 0, 0, G_OPTION_ARG_STRING, &bus_address, "address of the bus", "ADDRESS"},
        {"name", 0, 0, G_OPTION_ARG_STRING, &bus_name, "our bus name", "NAME"},
        {"script", 0, 0, G_OPTION_ARG_FILENAME, &script_file, "what a session does", "FILE"},
        {"log", 0, 0, G_OPTION_ARG_FILENAME, &log_file, "what happened", "FILE"},
        {0}};
    static const GDBusInterfaceVTable table = {.method_call = on_call};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) options = g_option_context_new("- a DM client without a DM protocol");
    g_option_context_add_main_entries(options, entries, NULL);
    if (!g_option_context_parse(options, &argc, &argv, &error) || !bus_name || !script_file || !log_file) {
        g_printerr("dm-client: %s\n", error ? error->message : "--name, --script and --log are needed");
        return 2;
    }
    bus = bus_address
              ? g_dbus_connection_new_for_address_sync(bus_address,
                                                       G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                           G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                       NULL, NULL, &error)
              : g_bus_get_sync(G_BUS_TYPE_STARTER, NULL, &error);
    if (!bus) {
        g_printerr("dm-client: %s\n", error->message);
        return 1;
    }
    g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(xml, NULL);
    if (!g_dbus_connection_register_object(bus, PATH, node->interfaces[0], &table, NULL, NULL, &error)) {
        g_printerr("dm-client: %s\n", error->message);
        return 1;
    }
    g_bus_own_name_on_connection(bus, bus_name, G_BUS_NAME_OWNER_FLAGS_NONE, on_name, NULL, NULL, NULL);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_dbus_connection_set_exit_on_close(bus, TRUE);
    g_main_loop_run(loop);
    return 0;
}
