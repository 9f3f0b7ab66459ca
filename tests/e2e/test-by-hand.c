/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person does with token, keys and trust anchors over the bus (EE-02): Login and Logout, a key for a
 * profile, the end of a credential, a trust anchor out of the network. The agent with the plugin, a real bus
 * and token, and a web server of another TLS library. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gio/gunixfdlist.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "policy/fingerprint.h"
#include "tests/lib/e2e-fixture.h"
#include "tests/unit/pki.h"
#include "tests/unit/tls-peer.h"

#define MO      "/org/mefclient1/mo"
#define TREE    "org.mefclient1.Tree"
#define PROFILE MO "/authenticationProfile/"
#define KEY_ID  "own@psa.example.net"
#define OCTETS  "ThirtyTwo octets, never printed."

static const char quiet[] = "{\"commands\":[],\"retryDuration\":\"PT1H\"}";

/* ---- tools ------------------------------------------------------------------------------------------ */

static int memory_file(const void *data, size_t n)
{
    int fd = memfd_create("secret", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, data, n), ==, (gssize)n);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    return fd;
}

/* Calls a method (ha{sv}) with that descriptor, which is closed; the error's last word, NULL = it went well.
 */
static char *call_with_fd(struct e2e *e, const char *path, const char *interface, const char *method, int fd)
{
    g_autoptr(GUnixFDList) list = g_unix_fd_list_new_from_array(&fd, 1);
    g_autoptr(GError) error = NULL;
    G_GNUC_UNUSED g_autoptr(GVariant) v = g_dbus_connection_call_with_unix_fd_list_sync(
        e2e_bus(e), "org.mefclient1", path, interface, method, g_variant_new("(ha{sv})", 0, NULL), NULL,
        G_DBUS_CALL_FLAGS_NONE, 60000, list, NULL, NULL, &error);
    g_autofree char *name = error ? g_dbus_error_get_remote_error(error) : NULL;

    return error ? g_strdup(name ? strrchr(name, '.') + 1 : error->message) : NULL;
}

static void expect_fd(struct e2e *e, const char *path, const char *interface, const char *method,
                      const void *data, size_t n, const char *word)
{
    g_autofree char *got = call_with_fd(e, path, interface, method, memory_file(data, n));
    g_assert_cmpstr(got, ==, word);
}

/* The error's last word, or NULL. `ret` may be NULL. */
static char *call(struct e2e *e, const char *path, const char *interface, const char *method,
                  GVariant *params, GVariant **ret)
{
    g_autoptr(GError) error = NULL;
    GVariant *v = e2e_call(e, path, interface, method, params, &error);
    g_autofree char *name = error ? g_dbus_error_get_remote_error(error) : NULL;

    if (ret)
        *ret = v;
    else if (v)
        g_variant_unref(v);
    return error ? g_strdup(name ? strrchr(name, '.') + 1 : error->message) : NULL;
}

static void expect(struct e2e *e, const char *path, const char *interface, const char *method,
                   GVariant *params, const char *word)
{
    g_autofree char *got = call(e, path, interface, method, params, NULL);
    g_assert_cmpstr(got, ==, word);
}

/* A call that answers with a job (its last result): waits for its end; the word of its Error, "" = done. */
static char *job_error(struct e2e *e, const char *job, const char *state)
{
    char *name = NULL;

    e2e_wait_property(e, job, "Job", "State", state);
    g_autoptr(GVariant) v = e2e_get(e, job, "Job", "Error");
    g_variant_get(v, "(ss)", &name, NULL);
    char *word = g_strdup(strrchr(name, '.') ? strrchr(name, '.') + 1 : name);
    g_free(name);
    return word;
}

static void expect_job(struct e2e *e, const char *job, const char *state, const char *error)
{
    g_autofree char *word = job_error(e, job, state);
    g_assert_cmpstr(word, ==, error);
}

static void import(struct e2e *e, const char *text)
{
    expect(e, MO, TREE, "Import", g_variant_new("(sa{sv})", text, NULL), NULL);
}

static GVariant *options(const char *key, GVariant *value)
{
    g_autoptr(GVariant) ours = g_variant_ref_sink(value);
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (key)
        g_variant_builder_add(&b, "{sv}", key, ours);
    return g_variant_builder_end(&b);
}

/* Octets anywhere in a file of that directory, or in that file. */
static gboolean is_in(const char *path, const void *octets, size_t n)
{
    g_autofree char *text = NULL;
    gsize len = 0;

    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        for (const char *name; dir && (name = g_dir_read_name(dir));) {
            g_autofree char *child = g_build_filename(path, name, NULL);
            if (is_in(child, octets, n))
                return TRUE;
        }
        return FALSE;
    }
    return g_file_get_contents(path, &text, &len, NULL) && memmem(text, len, octets, n);
}

/* ---- Login, Logout ---------------------------------------------------------------------------------- */

static char *token_path(struct e2e *e)
{
    return g_strdup_printf("/org/mefclient1/token/%s", strrchr(e->token.uri, '=') + 1);
}

static void without_pin_file(struct e2e *e)
{
    g_autofree char *text = NULL;
    e2e_configure(e, "[log]\nlevel=debug\n");
    g_assert_true(g_file_get_contents(e->config, &text, NULL, NULL));
    char *line = strstr(text, "pin-file="), *end = strchr(line, '\n');
    memmove(line, end + 1, strlen(end + 1) + 1);
    g_assert_true(g_file_set_contents(e->config, text, -1, NULL));
}

/* No PIN is configured: a person brings it, once; it is kept nowhere. */
static void test_login(void)
{
    struct e2e e;
    int ends[2];

    e2e_up(&e, quiet);
    without_pin_file(&e);
    e2e_agent_start(&e);
    e2e_wait_property(&e, "/org/mefclient1", "Manager", "TokenState", "locked");
    g_autofree char *path = token_path(&e);

    expect_fd(&e, path, "org.mefclient1.Token", "Login", "654321", 6, "TokenLocked");
    expect_fd(&e, path, "org.mefclient1.Token", "Login", "", 0, "InvalidArguments");
    expect_fd(&e, path, "org.mefclient1.Token", "Login", "\n", 1, "InvalidArguments");
    g_autofree char *longer = g_strnfill(300, '1');
    expect_fd(&e, path, "org.mefclient1.Token", "Login", longer, 300, "InvalidArguments");
    g_autofree char *device =
        call_with_fd(&e, path, "org.mefclient1.Token", "Login", open("/dev/null", O_RDONLY | O_CLOEXEC));
    g_assert_cmpstr(device, ==, "InvalidArguments");
    /* A pipe whose other end stays open has an end all the same. */
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    g_autofree char *endless = call_with_fd(&e, path, "org.mefclient1.Token", "Login", ends[0]);
    g_assert_cmpstr(endless, ==, "InvalidArguments");
    close(ends[1]);
    g_autofree char *locked = e2e_get_string(&e, path, "Token", "State");
    g_assert_cmpstr(locked, ==, "locked");

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    g_assert_cmpint(write(ends[1], TOKEN_FIXTURE_PIN "\n", strlen(TOKEN_FIXTURE_PIN) + 1), >, 0);
    close(ends[1]);
    g_autofree char *in = call_with_fd(&e, path, "org.mefclient1.Token", "Login", ends[0]);
    g_assert_cmpstr(in, ==, NULL);
    /* What follows from it is there when the call returns. */
    g_autofree char *present = e2e_get_string(&e, path, "Token", "State");
    g_assert_cmpstr(present, ==, "present");
    g_autoptr(GVariant) kpm =
        e2e_get(&e, "/org/mefclient1/credential/gw42_2dkpm_40mef_2eexample_2ecom", "Credential", "Kind");
    g_assert_nonnull(kpm);
    e2e_wait_property(&e, "/org/mefclient1", "Manager", "State", "ready");

    expect(&e, path, "org.mefclient1.Token", "Logout", g_variant_new("()"), NULL);
    g_autofree char *out = e2e_get_string(&e, path, "Token", "State");
    g_assert_cmpstr(out, ==, "locked");
    expect(&e, path, "org.mefclient1.Token", "Logout", g_variant_new("()"), NULL);

    /* The same by mefctl, which busctl cannot do. */
    g_assert_cmpint(e2e_mefctl(&e, NULL, "login", "/nonexistent", NULL), ==, 1);
    g_assert_cmpint(e2e_mefctl(&e, NULL, "login", e.token.pin_file, NULL), ==, 0);
    g_autofree char *by_ctl = e2e_get_string(&e, path, "Token", "State");
    g_assert_cmpstr(by_ctl, ==, "present");
    g_assert_cmpint(e2e_mefctl(&e, NULL, "logout", NULL), ==, 0);
    g_autofree char *out_again = e2e_get_string(&e, path, "Token", "State");
    g_assert_cmpstr(out_again, ==, "locked");

    g_assert_false(is_in(e.agent_log, "654321", 6));
    g_assert_false(is_in(e.state_dir, "654321", 6));
    g_assert_false(is_in(e.agent_log, TOKEN_FIXTURE_PIN, strlen(TOKEN_FIXTURE_PIN)));
    g_assert_false(is_in(e.state_dir, TOKEN_FIXTURE_PIN, strlen(TOKEN_FIXTURE_PIN)));
    e2e_down(&e);
}

/* A Logout holds although there is a PIN file: nothing uses the token until Login, or the next start. */
static void test_logout(void)
{
    struct e2e e;
    g_autoptr(GVariant) job = NULL;
    const char *at = NULL;

    e2e_up(&e, quiet);
    e2e_agent_start_ready(&e);
    g_autofree char *path = token_path(&e);
    expect(&e, path, "org.mefclient1.Token", "Logout", g_variant_new("()"), NULL);
    g_autofree char *none = call(&e, path, "org.mefclient1.Token", "Rescan", g_variant_new("()"), &job);
    g_assert_cmpstr(none, ==, NULL);
    g_variant_get(job, "(&o)", &at);
    e2e_wait_property(&e, at, "Job", "State", "failed");
    g_autofree char *state = e2e_get_string(&e, path, "Token", "State");
    g_assert_cmpstr(state, ==, "locked");
    expect(&e, MO, TREE, "AddMefClientRegCfg", g_variant_new("(ssa{sv})", E2E_FQDN, E2E_ADMIN, NULL),
           "TokenLocked");
    expect_fd(&e, path, "org.mefclient1.Token", "Login", TOKEN_FIXTURE_PIN, strlen(TOKEN_FIXTURE_PIN), NULL);
    g_autofree char *again = e2e_get_string(&e, path, "Token", "State");
    g_assert_cmpstr(again, ==, "present");
    expect(&e, path, "org.mefclient1.Token", "Logout", g_variant_new("()"), NULL);
    g_assert_cmpint(e2e_agent_stop(&e, NULL), ==, 0);
    e2e_agent_start_ready(&e);
    e2e_down(&e);
}

/* ---- SetSymmetricKey, Credential.Delete ------------------------------------------------------------- */

static const char profiles[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"registration\",\"name\":\"reg1\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"./DCFG/authenticationProfile/ap\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap\",\"attrs\":{\"SUID\":12,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"" KEY_ID "\"},\"links\":[]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"kpm\",\"attrs\":{\"SUID\":10,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"" E2E_KPM_ID "\"},\"links\":[]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"bare\",\"attrs\":{\"SUID\":41,\"TLSCiphersuites\":["
    "\"C023\"],\"myCertFingerprint\":\"ni:///sha-256;v10QhwLh6rQzBn9XR_KSGcNGZRMYGi6Sp-2SyhhlalU\"},"
    "\"links\":[]}]}";
#define SET(profile, data, n, word)                                                                          \
    expect_fd(&e, PROFILE profile, "org.mefclient1.AuthenticationProfile", "SetSymmetricKey", data, n, word)
#define KEY_PATH "/org/mefclient1/credential/own_40psa_2eexample_2enet"

static gboolean present_is(struct e2e *e, const char *profile, gboolean want)
{
    g_autofree char *path = g_strconcat(PROFILE, profile, NULL);
    g_autoptr(GVariant) v = e2e_get(e, path, "AuthenticationProfile", "SymmKeyPresent");
    return g_variant_get_boolean(v) == want;
}

/* The job of Credential.Delete; the word of its refusal in *ret, else NULL. */
static char *delete_credential(struct e2e *e, const char *path, gboolean force, char **ret)
{
    g_autoptr(GVariant) v = NULL;
    char *job = NULL;

    *ret = call(e, path, "org.mefclient1.Credential", "Delete",
                g_variant_new("(@a{sv})", options(force ? "Force" : NULL, g_variant_new_boolean(TRUE))), &v);
    if (v)
        g_variant_get(v, "(o)", &job);
    return job;
}

static void expect_deleted(struct e2e *e, const char *path, gboolean force)
{
    g_autofree char *word = NULL, *job = delete_credential(e, path, force, &word);

    g_assert_cmpstr(word, ==, NULL);
    expect_job(e, job, "done", "");
    G_GNUC_UNUSED g_autoptr(GVariant) gone = e2e_get(e, path, "Credential", "Kind");
    g_assert_null(gone);
}

static void expect_not_deleted(struct e2e *e, const char *path, gboolean force, const char *refusal)
{
    g_autofree char *word = NULL, *job = delete_credential(e, path, force, &word);

    g_assert_cmpstr(word, ==, refusal);
    g_assert_null(job);
    G_GNUC_UNUSED g_autoptr(GVariant) there = e2e_get(e, path, "Credential", "Kind");
    g_assert_nonnull(there);
}

static void test_key(void)
{
    struct e2e e;
    static const char other[] = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF";

    e2e_up(&e, quiet);
    e2e_configure(&e, "[log]\nlevel=debug\n");
    e2e_agent_start_ready(&e);
    import(&e, profiles);
    g_assert_true(present_is(&e, "ap", FALSE));
    SET("ap", OCTETS, 15, "InvalidArguments");
    SET("ap", OCTETS OCTETS "!", 65, "InvalidArguments");
    SET("ap", "", 0, "InvalidArguments");
    SET("bare", OCTETS, 32, "InconsistentConfig"); /* no symmKeyID */
    SET("kpm", OCTETS, 32, "AlreadyExists");       /* somebody else's key */
    g_assert_true(present_is(&e, "ap", FALSE));
    SET("ap", OCTETS, 32, NULL);
    g_assert_true(present_is(&e, "ap", TRUE));
    g_autofree char *tied = e2e_get_string(&e, PROFILE "ap", "AuthenticationProfile", "Credential");
    g_assert_cmpstr(tied, ==, KEY_PATH);
    SET("ap", OCTETS, 32, NULL); /* the same again */
    SET("ap", other, 64, NULL);  /* and another: what was put by hand is replaced by hand */
    g_autofree char *list = e2e_token_list(&e);
    char *first = strstr(list, KEY_ID);
    g_assert_nonnull(first);
    g_assert_null(strstr(first + 1, KEY_ID));
    G_GNUC_UNUSED g_autoptr(GVariant) ok = NULL;
    g_autofree char *word =
        call(&e, PROFILE "ap", "org.mefclient1.Node", "Process",
             g_variant_new("(@a{sv}a{sv})", options("SUID", g_variant_new_uint32(12)), NULL), &ok);
    g_assert_cmpstr(word, ==, NULL);
    guint32 code = 0;
    g_variant_get(ok, "(us)", &code, NULL);
    g_assert_cmpuint(code, ==, 20);

    /* It stays when the profile goes, and over a restart; it never was anywhere but in the token. */
    expect_not_deleted(&e, KEY_PATH, FALSE, "InProgress");
    g_assert_cmpint(e2e_agent_stop(&e, NULL), ==, 0);
    g_assert_false(is_in(e.state_dir, OCTETS, 32));
    g_assert_false(is_in(e.state_dir, other, 64));
    g_assert_false(is_in(e.agent_log, OCTETS, 32));
    g_assert_false(is_in(e.agent_log, other, 64));
    e2e_agent_start_ready(&e);
    g_assert_true(present_is(&e, "ap", TRUE));
    expect(&e, PROFILE "ap", "org.mefclient1.Node", "Delete", g_variant_new("(a{sv})", NULL), NULL);
    g_autofree char *kept = e2e_get_string(&e, KEY_PATH, "Credential", "Kind");
    g_assert_cmpstr(kept, ==, "key");
    expect_deleted(&e, KEY_PATH, FALSE);
    g_autofree char *after = e2e_token_list(&e);
    g_assert_null(strstr(after, KEY_ID));
    g_assert_nonnull(strstr(after, E2E_KPM_ID));
    e2e_down(&e);
}

/* What is in use stays unless it is forced; what others put into the token stays in any case. */
static void test_delete(void)
{
    struct e2e e;

    e2e_up(&e, quiet);
    e2e_agent_start_ready(&e);
    import(&e, profiles);
    expect_not_deleted(&e, "/org/mefclient1/credential/gw42_2dkpm_40mef_2eexample_2ecom", TRUE,
                       "NotSupported");
    SET("ap", OCTETS, 32, NULL);
    expect_not_deleted(&e, KEY_PATH, FALSE, "InProgress");
    expect_deleted(&e, KEY_PATH, TRUE);
    g_assert_true(present_is(&e, "ap", FALSE));
    /* Not a tombstone: the key can come again. */
    g_autofree char *file = g_build_filename(e.dir, "key", NULL);
    g_assert_true(g_file_set_contents(file, OCTETS, 32, NULL));
    g_assert_cmpint(e2e_mefctl(&e, NULL, "set-key", "ap", file, NULL), ==, 0);
    g_assert_cmpint(e2e_mefctl(&e, NULL, "set-key", "kpm", file, NULL), ==, 1);
    g_assert_cmpint(e2e_mefctl(&e, NULL, "set-key", "nothing", file, NULL), ==, 5);
    g_assert_true(present_is(&e, "ap", TRUE));
    expect(&e, KEY_PATH, "org.mefclient1.Credential", "Delete",
           g_variant_new("(@a{sv})", options("force", g_variant_new_boolean(TRUE))), "InvalidArguments");
    e2e_down(&e);
}

/* ---- trust anchors ---------------------------------------------------------------------------------- */

struct web {
    EVP_PKEY *key, *server_key;
    X509 *anchor, *ca, *server;
    struct der_list chain;
    struct der pkcs8;
    char *ca_pem, *answer;
    char fingerprint[FINGERPRINT_NI_LEN];
    struct peer_spec spec;
};

static void web_up(struct web *w)
{
    static const struct pki_spec root = {.cn = "Application root", .ca = true},
                                 web = {.cn = "Web CA", .ca = true},
                                 server = {.cn = "pki", .san = "DNS:pki.example.org"};
    uint8_t sum[32];

    *w = (struct web){.key = pki_key(NULL), .server_key = pki_key(NULL)};
    w->anchor = pki_issue(&root, w->key, NULL, NULL);
    w->ca = pki_issue(&web, w->key, NULL, NULL);
    w->server = pki_issue(&server, w->server_key, w->ca, w->key);
    w->pkcs8 = pki_key_der(w->server_key);
    pki_der(w->server, &w->chain);
    struct der der = pki_der_of(w->anchor);
    g_assert_true(EVP_Digest(der.data, der.len, sum, NULL, EVP_sha256(), NULL));
    free(der.data);
    fingerprint_format_ni(sum, w->fingerprint);
    w->ca_pem = pki_pem_of(w->ca);
    g_autofree char *pem = pki_pem_of(w->anchor);
    w->answer = g_strdup_printf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(pem), pem);
    w->spec = (struct peer_spec){.chain = &w->chain, .key = &w->pkcs8, .answer = w->answer};
}

static void web_down(struct web *w)
{
    der_list_clear(&w->chain);
    free(w->pkcs8.data);
    X509_free(w->anchor);
    X509_free(w->ca);
    X509_free(w->server);
    EVP_PKEY_free(w->key);
    EVP_PKEY_free(w->server_key);
    g_free(w->ca_pem);
    g_free(w->answer);
}

/* Node and job of AddTrustAnchorByUri. */
static char *add_by_uri(struct e2e *e, const char *name, unsigned port, const char *fingerprint,
                        char **ret_job)
{
    g_autofree char *uri = g_strdup_printf("https://pki.example.org:%u/root.pem", port);
    g_autoptr(GVariant) v = NULL;
    char *node = NULL;
    g_autofree char *word =
        call(e, MO, TREE, "AddTrustAnchorByUri",
             g_variant_new("(ss@a{sv})", uri, fingerprint, options("Name", g_variant_new_string(name))), &v);

    g_assert_cmpstr(word, ==, NULL);
    g_variant_get(v, "(oo)", &node, ret_job);
    return node;
}

static void anchors_up(struct e2e *e, struct web *w)
{
    web_up(w);
    e2e_up(e, quiet);
    e2e_configure(e, "[network]\nresolve=pki.example.org:127.0.0.1\n");
    e2e_agent_start_ready(e);
}

#define NOBODY "ni:///sha-256;v10QhwLh6rQzBn9XR_KSGcNGZRMYGi6Sp-2SyhhlalU"

/* By hand: the fetch is a job, its outcome is the node's; and MO_NODE by hand fetches as the command does. */
static void test_fetch(void)
{
    struct e2e e;
    struct web w;
    g_autofree char *job = NULL, *bad_job = NULL, *again = NULL;
    g_autoptr(GVariant) v = NULL, status = NULL;
    guint32 code = 0;

    anchors_up(&e, &w);
    struct peer *p = peer_start(&w.spec);
    /* Nobody vouches for that server yet: nothing is asked of it. The node is there all the same. */
    g_autofree char *node = add_by_uri(&e, "good", p->port, w.fingerprint, &job);
    g_assert_cmpstr(node, ==, MO "/trustAnchorCred/good");
    g_autofree char *untrusted = job_error(&e, job, "failed");
    g_assert_cmpstr(untrusted, !=, "");
    g_assert_cmpint(peer_count(p, &p->requests), ==, 0);
    e2e_wait_property(&e, node, "Node", "State", "failed");
    e2e_wait_property(&e, node, "TrustAnchorCred", "State", "failed");
    expect(&e, MO, TREE, "AddTrustAnchor",
           g_variant_new("(s@a{sv})", w.ca_pem, options("Name", g_variant_new_string("web"))), NULL);

    g_autofree char *none =
        call(&e, node, "org.mefclient1.TrustAnchorCred", "Fetch", g_variant_new("()"), &v);
    g_assert_cmpstr(none, ==, NULL);
    g_variant_get(v, "(o)", &again);
    expect_job(&e, again, "done", "");
    /* When the job has ended everything is there. */
    g_autofree char *state = e2e_get_string(&e, node, "TrustAnchorCred", "State");
    g_autofree char *node_state = e2e_get_string(&e, node, "Node", "State");
    g_autofree char *credential = e2e_get_string(&e, node, "TrustAnchorCred", "Credential");
    g_autofree char *kind = e2e_get_string(&e, credential, "Credential", "Kind");
    g_assert_cmpstr(state, ==, "present");
    g_assert_cmpstr(node_state, ==, "ready");
    g_assert_cmpstr(kind, ==, "trust-anchor");

    /* Another certificate than the one that was asked for is nothing. */
    g_autofree char *bad = add_by_uri(&e, "bad", p->port, NOBODY, &bad_job);
    expect_job(&e, bad_job, "failed", "ServerRejected");
    e2e_wait_property(&e, bad, "Node", "State", "failed");
    g_assert_cmpuint(e2e_get_number(&e, bad, "Node", "LastStatus"), ==, 305);
    /* Without a URI there is nothing to fetch. */
    expect(&e, MO "/trustAnchorCred/web", "org.mefclient1.TrustAnchorCred", "Fetch", g_variant_new("()"),
           "InconsistentConfig");

    /* The certificate of a node goes with it; MO_NODE on a new one fetches it again. */
    expect_not_deleted(&e, credential, FALSE, "InProgress");
    expect_deleted(&e, credential, TRUE);
    int before = peer_count(p, &p->requests);
    g_autofree char *word =
        call(&e, node, "org.mefclient1.Node", "Process", g_variant_new("(a{sv}a{sv})", NULL, NULL), &status);
    g_assert_cmpstr(word, ==, NULL);
    g_variant_get(status, "(us)", &code, NULL);
    g_assert_cmpuint(code, ==, 20);
    g_assert_cmpint(peer_count(p, &p->requests), ==, before + 1);
    g_autofree char *present = e2e_get_string(&e, node, "TrustAnchorCred", "State");
    g_assert_cmpstr(present, ==, "present");
    peer_stop(p);
    e2e_down(&e);
    web_down(&w);
}

/* A server that takes the connection and says nothing: the loop goes on, a cancel ends it, so does a stop;
 * and there is a limit. */
static void test_silent(void)
{
    struct e2e e;
    struct web w;
    const struct peer_spec silent = {.silent = true};
    gint64 took = 0;

    anchors_up(&e, &w);
    struct peer *p = peer_start(&silent);
    g_autofree char *job = NULL, *node = add_by_uri(&e, "slow", p->port, w.fingerprint, &job);
    e2e_wait_property(&e, job, "Job", "State", "running");
    expect(&e, job, "org.mefclient1.Job", "Cancel", g_variant_new("(a{sv})", NULL), NULL);
    expect_job(&e, job, "cancelled", "Cancelled");
    g_autofree char *state = e2e_get_string(&e, node, "Node", "State");
    g_assert_cmpstr(state, ==, "configured"); /* says nothing about the node */
    unsigned refused = 0;
    for (unsigned i = 0; i < 10; i++) {
        g_autofree char *word =
            call(&e, node, "org.mefclient1.TrustAnchorCred", "Fetch", g_variant_new("()"), NULL);
        if (word) {
            g_assert_cmpstr(word, ==, "LimitExceeded");
            refused++;
        }
    }
    g_assert_cmpuint(refused, ==, 2);
    /* All of them end at once with the plugin. */
    g_assert_cmpint(e2e_agent_stop(&e, &took), ==, 0);
    g_assert_cmpint(took, <, 10 * G_USEC_PER_SEC);
    peer_stop(p);
    e2e_down(&e);
    web_down(&w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/by-hand/EE-02/login", test_login);
    g_test_add_func("/e2e/by-hand/EE-02/logout", test_logout);
    g_test_add_func("/e2e/by-hand/EE-02/EE-21/MC-37/key", test_key);
    g_test_add_func("/e2e/by-hand/EE-02/delete-credential", test_delete);
    g_test_add_func("/e2e/by-hand/EE-02/MC-46/fetch", test_fetch);
    g_test_add_func("/e2e/by-hand/EE-02/MC-46/silent-server", test_silent);
    return g_test_run();
}
