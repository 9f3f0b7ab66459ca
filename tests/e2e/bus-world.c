/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/e2e/bus-world.h"

#include <glib/gstdio.h>
#include <string.h>

#define KEY_ID  "km-0042@maf.example.net"
#define KEY_HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define AP      "./DCFG/authenticationProfile/"

/* %s: fingerprint of the certificate in the token; PEM of a certificate, its line ends written as \n. */
static const char tree[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"maf1\",\"attrs\":{\"fqdn\":\"maf.example.net\",\"adminFQDN\":"
    "\"admin.example.org\",\"httpPort\":8443,\"labels\":[\"a\",\"b\"]},\"links\":[\"" AP "ap-11\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-11\",\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"" KEY_ID "\"},\"links\":[]},"
    "{\"type\":\"registration\",\"name\":\"reg1\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\",\"pointOfAccess\":[\"https://gw.example.net:1234\"]},\"links\":[\"" AP
    "ap-43\"]},"
    "{\"type\":\"dataCollection\",\"name\":\"dc1\",\"attrs\":{\"containerPath\":"
    "\"//sp.example.net/in-cse/in-name/c\"},\"links\":[]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-43\",\"attrs\":{\"SUID\":43,\"TLSCiphersuites\":["
    "\"C023\"],\"myCertFingerprint\":\"%s\"},\"links\":[\"./DCFG/trustAnchorCred/ta\"]},"
    "{\"type\":\"trustAnchorCred\",\"name\":\"ta\",\"attrs\":{\"certFingerprint\":"
    "\"ni:///sha-256;v10QhwLh6rQzBn9XR_KSGcNGZRMYGi6Sp-2SyhhlalU\",\"URI\":\"https://pki.example.org/"
    "r.der\"},\"links\":[]},"
    "{\"type\":\"myCertFileCred\",\"name\":\"file1\",\"attrs\":{\"SUIDs\":[41],\"myCertFileFormat\":"
    "\"application/x-pem-file\",\"myCertFileContent\":\"%s\"},\"links\":[]}"
    "]}";

/* Connections to it are refused, and nobody else gets the port meanwhile. */
static GSocket *closed_port(void)
{
    g_autoptr(GError) error = NULL;
    GSocket *s = g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);
    g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
    g_autoptr(GSocketAddress) any = g_inet_socket_address_new(loopback, 0);

    g_assert_no_error(error);
    g_socket_bind(s, any, FALSE, &error);
    g_assert_no_error(error);
    return s;
}

static guint16 port_of(GSocket *s)
{
    g_autoptr(GSocketAddress) here = g_socket_get_local_address(s, NULL);

    return g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(here));
}

void bus_world_start(struct bus_world *w, const char *config)
{
    memset(w, 0, sizeof *w);
    e2e_up(&w->e,
           "{\"commands\":[{\"class\":\"CERT_PROV\"},{\"class\":\"MO_NODE\"}],\"retryDuration\":\"PT1H\"}");
    w->bus.address = w->e.bus_address;
    w->closed = closed_port();
    /* The socket lies in private directories; every uid must get as far as the service. */
    g_autofree char *parent = g_path_get_dirname(w->e.dir);
    g_assert_cmpint(g_chmod(w->e.dir, 0711), ==, 0);
    if (strstr(parent, "mefclient-test.")) /* of tests/lib/run-test, and not the machine's own */
        g_assert_cmpint(g_chmod(parent, 0711), ==, 0);
    g_assert_cmpint(g_chmod(w->e.bus_path, 0777), ==, 0);
    g_autofree char *all = g_strconcat("[mef]\ncommand-classes=cert-prov mo-node\n", config, NULL);
    e2e_configure(&w->e, all);
    e2e_put_key(&w->e, KEY_ID, KEY_HEX);
}

char *bus_world_add_unreachable(struct bus_world *w, const char *fqdn)
{
    GVariantBuilder b;
    char *job = NULL;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "HttpPort", g_variant_new_uint16(port_of(w->closed)));
    g_variant_builder_add(&b, "{sv}", "KpmId", g_variant_new_string(E2E_KPM_ID));
    g_autoptr(GVariant) v = bus_world_call(w, TREE_PATH, I("Tree"), "AddMefClientRegCfg",
                                           g_variant_new("(ssa{sv})", fqdn, E2E_ADMIN, &b));
    g_variant_get(v, "(oo)", NULL, &job);
    return job;
}

void bus_world_fill(struct bus_world *w)
{
    g_autofree char *pem = NULL, *fingerprint = NULL;

    fingerprint = e2e_make_certificate(&w->e, E2E_SAN);
    g_assert_true(g_file_get_contents(sim_ca_path(w->e.sim), &pem, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(pem, "\n", -1);
    g_autofree char *escaped = g_strjoinv("\\n", lines), *text = g_strdup_printf(tree, fingerprint, escaped);
    e2e_agent_start_ready(&w->e);
    g_variant_unref(bus_world_call(w, TREE_PATH, I("Tree"), "Import", g_variant_new("(sa{sv})", text, NULL)));
    w->reg = e2e_add_mef(&w->e);
    e2e_wait_idle(&w->e, w->reg);
    w->job = bus_world_add_unreachable(w, "localhost.example");
    e2e_wait_property(&w->e, w->job, "Job", "State", "waiting");
}

void bus_world_stop(struct bus_world *w)
{
    e2e_down(&w->e);
    g_clear_object(&w->closed);
    g_clear_pointer(&w->reg, g_free);
    g_clear_pointer(&w->job, g_free);
}

GVariant *bus_world_call(struct bus_world *w, const char *path, const char *interface, const char *member,
                         GVariant *params)
{
    GError *error = NULL;
    GVariant *v = e2e_call(&w->e, path, interface, member, params, &error);

    if (!v) {
        e2e_dump(&w->e);
        g_error("%s.%s on %s: %s", interface, member, path, error->message);
    }
    return v;
}

char *bus_world_error(struct bus_world *w, const char *path, const char *interface, const char *member,
                      GVariant *params)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = e2e_call(&w->e, path, interface, member, params, &error);

    return v ? NULL : g_dbus_error_get_remote_error(error);
}

/* ---- introspection ------------------------------------------------------------------------------------ */

static void member_free(gpointer data)
{
    struct bus_member *m = data;

    g_free(m->path);
    g_free(m->interface);
    g_free(m->name);
    g_free(m->in);
    g_free(m->out);
    g_free(m);
}

static char *signature(GDBusArgInfo **args)
{
    GString *s = g_string_new(NULL);

    for (; args && *args; args++)
        g_string_append(s, (*args)->signature);
    return g_string_free(s, FALSE);
}

static void add(GPtrArray *list, const char *path, const char *interface, const char *name, int kind,
                char *in, char *out)
{
    struct bus_member *m = g_new0(struct bus_member, 1);

    m->path = g_strdup(path);
    m->interface = g_strdup(interface);
    m->name = g_strdup(name);
    m->kind = kind;
    m->in = in;
    m->out = out;
    g_ptr_array_add(list, m);
}

static void walk(struct bus_world *w, GPtrArray *list, const char *path)
{
    GError *error = NULL;
    const char *xml;
    g_autoptr(GVariant) v = bus_world_call(w, path, DBUS("Introspectable"), "Introspect", NULL);

    g_variant_get(v, "(&s)", &xml);
    GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(xml, &error);
    g_assert_no_error(error);
    for (GDBusInterfaceInfo **i = node->interfaces; i && *i; i++) {
        for (GDBusMethodInfo **m = (*i)->methods; m && *m; m++)
            add(list, path, (*i)->name, (*m)->name, BUS_METHOD, signature((*m)->in_args),
                signature((*m)->out_args));
        for (GDBusPropertyInfo **p = (*i)->properties; p && *p; p++)
            add(list, path, (*i)->name, (*p)->name, BUS_PROPERTY, g_strdup((*p)->signature),
                g_strdup((*p)->flags & G_DBUS_PROPERTY_INFO_FLAGS_WRITABLE ? "rw" : "r"));
        for (GDBusSignalInfo **s = (*i)->signals; s && *s; s++)
            add(list, path, (*i)->name, (*s)->name, BUS_SIGNAL, signature((*s)->args), g_strdup(""));
    }
    for (GDBusNodeInfo **n = node->nodes; n && *n; n++) {
        g_autofree char *below = g_strconcat(strcmp(path, "/") == 0 ? "" : path, "/", (*n)->path, NULL);
        walk(w, list, below);
    }
    g_dbus_node_info_unref(node);
}

GPtrArray *bus_world_members(struct bus_world *w)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(member_free);

    walk(w, list, "/");
    return list;
}
