/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The triggers of mo-tree.md 4.2 that follow from the tree, and their order and atomicity (4.3), on its
 * example tree: what each one does, and what it must not do, by all that MEF and MAF have seen. Those that
 * follow from time: tests/unit/test-mef-triggers.c. */
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/e2e-example.h"

#define A EXAMPLE_A

/* ---- what everybody has seen ----------------------------------------------------------------------------
 */

struct seen {
    size_t mef, maf;
};

static struct seen look(struct example *x)
{
    return (struct seen){e2e_requests(x->e.sim, NULL, NULL), e2e_requests(x->maf, NULL, NULL)};
}

/* "create base, update command": what came since. */
static char *since(struct sim_process *sim, size_t before)
{
    json_t *log = sim_log(sim), *line;
    g_autoptr(GString) s = g_string_new(NULL);
    size_t i, n = 0;

    json_array_foreach(log, i, line) if (json_object_get(line, "request") && n++ >= before)
        g_string_append_printf(s, "%s%s %s", s->len ? ", " : "", e2e_text(line, "op"),
                               e2e_text(line, "resource"));
    json_decref(log);
    return g_strdup(s->str);
}

static void assert_seen(struct example *x, struct seen before, const char *mef, const char *maf)
{
    g_autofree char *at_mef = since(x->e.sim, before.mef), *at_maf = since(x->maf, before.maf);

    g_assert_cmpstr(at_mef, ==, mef);
    g_assert_cmpstr(at_maf, ==, maf);
}

/* Whatever mef1's worker would do because of what was done before, it does before this: a command that is
 * refused. Two requests. */
static void round_trip(struct example *x)
{
    g_assert_cmpint(example_command(x, A "ap-reg-22", 4, 22), ==, 42);
    e2e_wait_idle(&x->e, EXAMPLE_REG);
}
#define ROUND_TRIP "retrieve command, update command"

static gboolean is_gone(struct e2e *e, void *path)
{
    g_autoptr(GVariant) v = e2e_get(e, path, "Registration", "State");
    return v == NULL;
}

static void wait_gone(struct example *x, const char *registration)
{
    e2e_wait(&x->e, registration, is_gone, (void *)(uintptr_t)registration, E2E_WAIT_S);
}

struct wanted {
    const char *text;
    gboolean there;
};

static gboolean token_is(struct e2e *e, void *data)
{
    const struct wanted *w = data;
    g_autofree char *list = e2e_token_list(e);
    return (strstr(list, w->text) != NULL) == w->there;
}

static void wait_token(struct example *x, const char *text, gboolean there)
{
    struct wanted w = {text, there};
    e2e_wait(&x->e, text, token_is, &w, E2E_WAIT_S);
}

static gboolean in_token(struct example *x, const char *text)
{
    return token_is(&x->e, &(struct wanted){text, TRUE});
}

static void call(struct example *x, const char *path, const char *interface, const char *method,
                 GVariant *params)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = e2e_call(&x->e, path, interface, method, params, &error);

    g_assert_no_error(error);
    g_assert_nonnull(v);
}

static void apply(struct example *x, const char *operations)
{
    call(x, E2E_MO, "org.mefclient1.Tree", "Apply",
         g_variant_new("(@aa{sv}a{sv})", g_variant_new_parsed(operations), NULL));
}

static char *refused(struct example *x, const char *operations)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v =
        e2e_call(&x->e, E2E_MO, "org.mefclient1.Tree", "Apply",
                 g_variant_new("(@aa{sv}a{sv})", g_variant_new_parsed(operations), NULL), &error);

    g_assert_null(v);
    return g_dbus_error_get_remote_error(error);
}

/* ---- T8 -------------------------------------------------------------------------------------------------
 */

#define MEF2_REG "/org/mefclient1/registration/mef2"

/* A second registration at the same MEF, for another stakeholder. */
static void add_mef2(struct example *x)
{
    g_autofree char *text = g_strdup_printf(
        "{\"format\":1,\"nodes\":[{\"type\":\"MEFClientRegCfg\",\"name\":\"mef2\",\"attrs\":{\"fqdn\":"
        "\"" E2E_FQDN "\",\"adminFQDN\":\"second.example.org\",\"httpPort\":%u},\"links\":[\"" A
        "ap-mef2\"]},"
        "{\"type\":\"authenticationProfile\",\"name\":\"ap-mef2\",\"attrs\":{\"SUID\":40,\"TLSCiphersuites\":"
        "["
        "\"C023\"],\"myCertFingerprint\":\"%s\"},\"links\":[\"./DCFG/trustAnchorCred/ta-mef\"]}]}",
        sim_port(x->e.sim), x->certificate);

    e2e_import(&x->e, text);
    e2e_wait_idle(&x->e, MEF2_REG);
}

static gint by_number(gconstpointer a, gconstpointer b)
{
    const char *const *s = a, *const *t = b;
    return (gint)g_ascii_strtoull(strrchr(*s, '/') + 1, NULL, 10) -
           (gint)g_ascii_strtoull(strrchr(*t, '/') + 1, NULL, 10);
}

/* "mef1 mef2": whose turn it was, by the jobs of the retrievals after `*last`, which moves on. */
static char *turns(struct example *x, guint64 *last)
{
    g_autoptr(GVariant) jobs = e2e_get(&x->e, "/org/mefclient1", "Manager", "Jobs");
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) s = g_string_new(NULL);
    GVariantIter i;
    char *path;

    g_variant_iter_init(&i, jobs);
    while (g_variant_iter_next(&i, "o", &path))
        g_ptr_array_add(paths, path);
    g_ptr_array_sort(paths, by_number);
    for (guint k = 0; k < paths->len; k++) {
        const char *job = paths->pdata[k];
        guint64 n = g_ascii_strtoull(strrchr(job, '/') + 1, NULL, 10);
        g_autofree char *operation = e2e_get_string(&x->e, job, "Job", "Operation");
        if (n <= *last || strcmp(operation, "retrieve-key") != 0)
            continue;
        *last = n;
        g_autoptr(GVariant) objects = e2e_get(&x->e, job, "Job", "Objects");
        const char *object;
        g_variant_get_child(objects, 0, "&o", &object);
        g_string_append_printf(s, "%s%s", s->len ? " " : "", strrchr(object, '/') + 1);
    }
    return g_strdup(s->str);
}

/* Manager.RetrieveKey: NULL when it came, else the error's last word. */
static char *retrieve(struct example *x, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = e2e_call(&x->e, "/org/mefclient1", "org.mefclient1.Manager", "RetrieveKey",
                                     g_variant_new("(sa{sv})", id, NULL), &error);

    if (v)
        return NULL;
    g_autofree char *name = g_dbus_error_get_remote_error(error);
    return g_strdup(strrchr(name, '.') + 1);
}

static void poll_commands(struct example *x, const char *registration)
{
    g_autofree char *result = NULL;
    g_autoptr(GError) error = NULL;
    const char *job;
    g_autoptr(GVariant) v = e2e_call(&x->e, registration, "org.mefclient1.Registration", "Poll",
                                     g_variant_new("(a{sv})", NULL), &error);

    g_assert_no_error(error);
    g_variant_get(v, "(&o)", &job);
    result = e2e_job_end(&x->e, job);
    g_assert_cmpstr(result, ==, "done");
}

/* Each valid registration at that FQDN in turn, the latest contact first, until one gets the key; another
 * FQDN, a MAF's too, is refused, and nothing is sent for it. */
static void test_retrieval(void)
{
    static const char unknown[] = "nobody@" E2E_FQDN;
    static const char once[] =
        "{\"at\":{\"op\":\"retrieve\",\"resource\":\"key\"},\"do\":\"status\",\"status\":403,"
        "\"rsc\":4103}";
    struct example x;
    guint64 last = 0;

    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    add_mef2(&x);
    g_assert_cmpint(example_command(&x, "./DCFG/MAFClientRegCfg/maf1", 3, 0), ==, 20);
    poll_commands(&x, EXAMPLE_REG); /* mef1 has the latest contact now */
    struct seen before = look(&x);
    g_autofree char *why = retrieve(&x, unknown), *order = turns(&x, &last);
    g_assert_nonnull(why);
    g_assert_cmpstr(order, ==, "mef1 mef2");
    poll_commands(&x, MEF2_REG);
    before = look(&x);
    g_autofree char *why2 = retrieve(&x, unknown), *order2 = turns(&x, &last);
    g_assert_nonnull(why2);
    g_assert_cmpstr(order2, ==, "mef2 mef1");
    g_autofree char *sent = since(x.e.sim, before.mef);
    g_assert_true(g_str_has_prefix(sent, "retrieve ") && strstr(sent, ", retrieve ") &&
                  strchr(sent, ',') == strrchr(sent, ','));

    /* The first one that gets it is the last one asked. */
    guint8 exported[48];
    for (int refusals = 0; refusals < 2; refusals++) {
        g_autofree char *answer =
            e2e_other_request(&x.e, "POST", "/_/" E2E_FQDN "/-",
                              "{\"sec:skr\":{\"et\":\"20391231T235959\",\"adfq\":\"" E2E_ADMIN
                              "\",\"suid\":22,\"tgis\":[\"" E2E_CLIENT "\"]}}",
                              exported);
        g_assert_cmpint(e2e_status(answer), ==, 201);
        json_t *keys = e2e_sim_records(&x.e, "keys");
        g_autofree char *id =
            g_strconcat(e2e_text(json_array_get(keys, json_array_size(keys) - 1), "ri"), "@" E2E_FQDN, NULL);
        json_decref(keys);
        if (refusals)
            json_decref(sim_post(x.e.sim, "/sim/faults", once));
        g_assert_null(retrieve(&x, id));
        g_autofree char *order4 = turns(&x, &last);
        /* Who answered has the latest contact afterwards. */
        g_assert_cmpstr(order4, ==, refusals ? "mef1 mef2" : "mef1");
        before = look(&x);
        g_assert_null(retrieve(&x, id)); /* it is here */
        assert_seen(&x, before, "", "");
    }

    /* A registration that is not valid has no turn; other FQDNs are refused. */
    call(&x, MEF2_REG, "org.mefclient1.Registration", "Deregister", g_variant_new("(a{sv})", NULL));
    e2e_wait_property(&x.e, MEF2_REG, "Registration", "State", "new");
    g_autofree char *why3 = retrieve(&x, unknown), *order3 = turns(&x, &last);
    g_assert_nonnull(why3);
    g_assert_cmpstr(order3, ==, "mef1");
    before = look(&x);
    static const char *const others[] = {"k@" E2E_MAF_FQDN, "k@other.example.com", "k@sub." E2E_FQDN};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *no = retrieve(&x, others[i]);
        g_assert_cmpstr(no, ==, "NotRegistered");
    }
    call(&x, EXAMPLE_REG, "org.mefclient1.Registration", "Deregister", g_variant_new("(a{sv})", NULL));
    e2e_wait_property(&x.e, EXAMPLE_REG, "Registration", "State", "new");
    before = look(&x);
    g_autofree char *none = retrieve(&x, unknown);
    g_assert_cmpstr(none, ==, "NotRegistered");
    assert_seen(&x, before, "", "");
    example_down(&x);
}

/* ---- T14 ------------------------------------------------------------------------------------------------
 */

#define MAF1_REG "/org/mefclient1/registration/maf_3amaf1"

static const char saef[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"registration\",\"name\":\"reg3\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"" A "ap-32\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-32\",\"attrs\":{\"SUID\":32,\"TLSCiphersuites\":["
    "\"00AE\"],\"keyRegDuration\":\"P30D\"},\"links\":[\"./DCFG/MAFClientRegCfg/maf1\"]}]}";

/* Added: nothing. Deleted: one de-registration at the MAF, its keys leave the token, those of the MEF and the
 * pre-provisioned Km stay, and the MEF hears nothing. While the MAF cannot be reached the local part is done,
 * and the MAF is told later, also over a restart. */
static void test_maf_deleted(void)
{
    static const char drop[] =
        "{\"at\":{\"op\":\"delete\",\"resource\":\"registration\",\"times\":0},\"do\":\"drop\"}";

    for (int away = 0; away < 2; away++) {
        struct example x;
        example_up(&x, "[mef]\nbackoff-min=1\nbackoff-max=2\n");
        example_go(&x, NULL, 0);
        e2e_import(&x.e, saef);
        round_trip(&x);
        g_assert_cmpuint(look(&x).maf, ==, 0);
        g_assert_cmpint(example_command(&x, A "ap-32", 1, 32), ==, 20);
        g_assert_cmpint(example_command(&x, A "ap-reg-22", 1, 22), ==, 20);
        e2e_wait_idle(&x.e, EXAMPLE_REG);
        g_autofree char *key32 = e2e_key_of(&x.e, EXAMPLE_AP("ap_2d32"), NULL);
        g_autofree char *key22 = e2e_key_of(&x.e, EXAMPLE_AP("ap_2dreg_2d22"), NULL);
        g_assert_true(g_str_has_suffix(key32, "@" E2E_MAF_FQDN) && in_token(&x, key32) &&
                      in_token(&x, key22));
        if (away)
            json_decref(sim_post(x.maf, "/sim/faults", drop));
        struct seen before = look(&x);
        e2e_delete(&x.e, E2E_MO "/MAFClientRegCfg/maf1");
        wait_token(&x, key32, FALSE);
        if (away) {
            e2e_wait_property(&x.e, MAF1_REG, "Registration", "State", "ending");
            g_assert_cmpuint(e2e_records(x.maf, "registrations"), ==, 1);
            g_assert_cmpint(e2e_agent_stop(&x.e, NULL), ==, 0);
            e2e_agent_start_ready(&x.e);
            json_decref(sim_call(x.maf, "DELETE", "/sim/faults", NULL, NULL));
        }
        wait_gone(&x, MAF1_REG);
        g_assert_cmpuint(e2e_records(x.maf, "registrations"), ==, 0);
        if (!away)
            assert_seen(&x, before, "", "delete registration");
        g_assert_cmpuint(e2e_requests(x.maf, NULL, NULL) - e2e_requests(x.maf, "delete", "registration"), ==,
                         before.maf);
        g_assert_true(in_token(&x, key22) && in_token(&x, E2E_KM_ID));
        g_autofree char *tied =
            e2e_get_string(&x.e, EXAMPLE_AP("ap_2d32"), "AuthenticationProfile", "Credential");
        g_assert_cmpstr(tied, ==, "/");
        example_down(&x);
    }
}

/* A node that never was registered at its MAF: nothing is sent when it goes, and it can have another name. A
 * registration cannot be renamed, and a start after the attempt finds all in order. */
static void test_maf_renamed(void)
{
    g_autofree char *rename = NULL;
    struct example x;

    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    rename = g_strdup_printf("[{'Op': <'delete'>, 'Path': <'./DCFG/MAFClientRegCfg/maf1'>},"
                             " {'Op': <'add'>, 'Path': <''>, 'Type': <'MAFClientRegCfg'>, 'Name': <'maf9'>,"
                             "  'Attributes': <{'fqdn': <'" E2E_MAF_FQDN
                             "'>, 'adminFQDN': <'admin.example.org'>, 'httpPort': <uint32 %u>,"
                             "  'mgmtLink': <['" A "ap-maf-11']>}>}]",
                             sim_port(x.maf));
    struct seen before = look(&x);
    e2e_delete(&x.e, E2E_MO "/MAFClientRegCfg/maf2");
    round_trip(&x);
    assert_seen(&x, before, ROUND_TRIP, "");
    g_assert_cmpint(example_command(&x, "./DCFG/MAFClientRegCfg/maf1", 3, 0), ==, 20);
    g_autofree char *why = refused(&x, rename);
    g_assert_cmpstr(why, ==, "org.mefclient1.Error.NotSupported");
    g_assert_cmpint(e2e_agent_stop(&x.e, NULL), ==, 0);
    e2e_agent_start_ready(&x.e);
    e2e_wait_property(&x.e, MAF1_REG, "Registration", "State", "registered");
    e2e_delete(&x.e, E2E_MO "/MAFClientRegCfg/maf1");
    wait_gone(&x, MAF1_REG);
    example_down(&x);
}

/* ---- T15 ------------------------------------------------------------------------------------------------
 */

#define TA(name) E2E_MO "/trustAnchorCred/" name

/* Added: nothing. Two nodes name one certificate: it goes with the second of them; the profile that linked to
 * the first has one trust anchor less; nobody is asked anything. */
static void test_anchors(void)
{
    static const char ap[] = EXAMPLE_AP("ap_2ddc_2d43");
    static const char *const links[] = {"./DCFG/trustAnchorCred/ta-app", "./DCFG/trustAnchorCred/one", NULL};
    g_autofree char *add = NULL;
    struct example x;
    GVariantBuilder b;

    example_up(&x, NULL);
    g_autofree char *pem = e2e_make_pair(&x.e, "some pair", "anchor.example.org", FALSE);
    g_autofree char *fingerprint = e2e_fingerprint(pem);
    example_go(&x, NULL, 0);
    struct seen before = look(&x);
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "Name", g_variant_new_string("one"));
    call(&x, E2E_MO, "org.mefclient1.Tree", "AddTrustAnchor", g_variant_new("(sa{sv})", pem, &b));
    add = g_strdup_printf(
        "[{'Op': <'add'>, 'Path': <''>, 'Type': <'trustAnchorCred'>, 'Name': <'two'>,"
        "  'Attributes': <{'certFingerprint': <'%s'>, 'URI': <'https://pki.example.org/x'>}>}]",
        fingerprint);
    apply(&x, add);
    e2e_set(&x.e, ap, "mgmtLink", g_variant_new_strv(links, -1));
    e2e_wait_property(&x.e, TA("one"), "TrustAnchorCred", "State", "present");
    e2e_wait_property(&x.e, TA("two"), "Node", "State", "configured"); /* until MO_NODE */
    g_assert_cmpint(example_command(&x, "./DCFG/trustAnchorCred/two", 2, 0), ==, 20);
    e2e_wait_property(&x.e, TA("two"), "Node", "State", "ready");
    g_assert_true(in_token(&x, "\tone\t"));

    e2e_delete(&x.e, TA("one"));
    round_trip(&x);
    g_autoptr(GVariant) children = e2e_get(&x.e, ap, "Node", "Children");
    g_assert_cmpuint(g_variant_n_children(children), ==, 1);
    e2e_wait_property(&x.e, TA("two"), "TrustAnchorCred", "State", "present");
    g_assert_cmpint(e2e_agent_stop(&x.e, NULL), ==, 0); /* nor at a start */
    e2e_agent_start_ready(&x.e);
    e2e_wait_property(&x.e, TA("two"), "TrustAnchorCred", "State", "present");
    g_assert_true(in_token(&x, "\tone\t"));
    g_assert_cmpint(example_command(&x, "./DCFG/trustAnchorCred/two", 2, 0), ==, 20);
    e2e_delete(&x.e, TA("two"));
    wait_token(&x, "\tone\t", FALSE);
    g_assert_true(in_token(&x, "ta-mef"));
    e2e_wait_idle(&x.e, EXAMPLE_REG);
    assert_seen(&x, before, ROUND_TRIP ", " ROUND_TRIP ", " ROUND_TRIP, "");
    example_down(&x);
}

/* ---- T16 ------------------------------------------------------------------------------------------------
 */

#define FILES E2E_MO "/myCertFileCred/"

static void add_file(struct example *x, const char *name, const char *format, const char *content)
{
    g_autofree char *op = g_strdup_printf(
        "[{'Op': <'add'>, 'Path': <''>, 'Type': <'myCertFileCred'>, 'Name': <'%s'>, 'Attributes': <{"
        "'SUIDs': <[uint32 43]>, 'myCertFileFormat': <'%s'>, 'myCertFileContent': <'%s'>}>}]",
        name, format, content);
    apply(x, op);
}

/* The body of a PEM block: base64 of the DER. */
static char *body_of(const char *pem)
{
    g_auto(GStrv) lines = g_strsplit(pem, "\n", -1);
    g_autoptr(GString) s = g_string_new(NULL);

    for (char **l = lines; *l; l++)
        if (**l && **l != '-')
            g_string_append(s, *l);
    return g_strdup(s->str);
}

/* The certificate goes beside the private key that is there, in each form; one whose key is not there does
 * not, nor does one replace another; a file with a private key is refused. It goes with its node unless a
 * profile names it, and a crash behind the commit loses nothing. */
static void test_files(void)
{
    struct example x;

    example_up(&x, NULL);
    g_autofree char *first = e2e_make_pair(&x.e, "pair one", "one.example.org", FALSE);
    g_autofree char *second = e2e_make_pair(&x.e, "pair two", "two.example.org", FALSE);
    g_autofree char *factory = e2e_make_pair(&x.e, "factory", "three.example.org", FALSE); /* has another */
    g_autofree char *fingerprint = e2e_fingerprint(first), *body = body_of(second), *foreign = NULL;
    g_assert_true(g_file_get_contents(sim_ca_path(x.e.sim), &foreign, NULL, NULL));
    g_autofree char *two = g_strconcat(foreign, first, NULL); /* the leaf need not be the first */
    example_go(&x, NULL, 0);
    struct seen before = look(&x);
    e2e_set(&x.e, EXAMPLE_AP("ap_2ddc_2d43"), "myCertFingerprint", g_variant_new_string(fingerprint));
    g_assert_cmpint(example_command(&x, A "ap-dc-43", 1, 43), ==, 305);

    add_file(&x, "one", "application/x-pem-file", two);
    e2e_wait_property(&x.e, FILES "one", "Node", "State", "ready");
    wait_token(&x, "\tone\t", TRUE);
    g_autofree char *credential = e2e_get_string(&x.e, FILES "one", "MyCertFileCred", "Credential");
    g_autofree char *named = e2e_get_string(&x.e, credential, "Credential", "Fingerprint");
    g_assert_cmpstr(named, ==, fingerprint);
    g_assert_cmpint(example_command(&x, A "ap-dc-43", 1, 43), ==, 20);

    add_file(&x, "two", "application/pkix-cert", body);
    assert_seen(&x, before, ROUND_TRIP ", " ROUND_TRIP, "");
    e2e_agent_kill(&x.e);
    e2e_agent_start_ready(&x.e);
    e2e_wait_idle(&x.e, EXAMPLE_REG); /* it may ask once more for what it had not stored yet */
    before = look(&x);
    e2e_wait_property(&x.e, FILES "two", "Node", "State", "ready");
    wait_token(&x, "\ttwo\t", TRUE);

    add_file(&x, "three", "application/x-pem-file", foreign); /* nobody's key */
    e2e_wait_property(&x.e, FILES "three", "Node", "State", "failed");
    add_file(&x, "four", "application/x-pem-file", factory);
    e2e_wait_property(&x.e, FILES "four", "Node", "State", "failed");
    g_assert_false(in_token(&x, "\tthree\t") || in_token(&x, "\tfour\t"));
    g_autofree char *no =
        refused(&x, "[{'Op': <'add'>, 'Path': <''>, 'Type': <'myCertFileCred'>, 'Name': <'k'>, "
                    "'Attributes': <{'SUIDs': <[uint32 43]>, 'myCertFileFormat': "
                    "<'application/x-pem-file'>, 'myCertFileContent': "
                    "<'-----BEGIN PRIVATE KEY-----'>}>}]");
    g_assert_cmpstr(no, ==, "org.mefclient1.Error.InvalidArguments");

    e2e_delete(&x.e, FILES "one"); /* ap-dc-43 names it */
    e2e_delete(&x.e, FILES "two");
    wait_token(&x, "\ttwo\t", FALSE);
    g_assert_true(in_token(&x, "\tone\t"));
    e2e_set(&x.e, EXAMPLE_AP("ap_2ddc_2d43"), "myCertFingerprint", g_variant_new_string(x.certificate));
    wait_token(&x, "\tone\t", FALSE);
    g_assert_true(in_token(&x, "pair one") && in_token(&x, "pair two")); /* the keys are not ours */
    e2e_wait_idle(&x.e, EXAMPLE_REG);
    assert_seen(&x, before, "", "");
    example_down(&x);
}

/* ---- T17 ------------------------------------------------------------------------------------------------
 */

static void on_changed(GDBusConnection *c, const char *sender, const char *path, const char *interface,
                       const char *signal, GVariant *params, gpointer data)
{
    ++*(guint *)data;
}

static gboolean both_told(struct e2e *e, void *data)
{
    const guint *n = data;
    return n[0] > 0 && n[1] > 0;
}

/* [registration] and [dataCollection]: a signal and nothing else; the registrar hears nothing. */
static void test_service(void)
{
    static const char reg[] = E2E_MO "/registration/reg1", dc[] = E2E_MO "/dataCollection/dc1";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    struct example x;
    guint told[2] = {0};

    g_assert_cmpint(bind(fd, (struct sockaddr *)&a, sizeof a), ==, 0);
    g_assert_cmpint(listen(fd, 4), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&a, &len), ==, 0);
    g_autofree char *poa = g_strdup_printf("http://pki.example.org:%u", ntohs(a.sin_port));
    const char *const list[] = {poa, NULL};
    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    const char *const paths[] = {reg, dc};
    for (size_t i = 0; i < 2; i++)
        g_dbus_connection_signal_subscribe(e2e_bus(&x.e), NULL, "org.freedesktop.DBus.Properties",
                                           "PropertiesChanged", paths[i], NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                           on_changed, &told[i], NULL);
    struct seen before = look(&x);
    e2e_set(&x.e, reg, "pointOfAccess", g_variant_new_strv(list, -1));
    e2e_set(&x.e, dc, "measurementInterval", g_variant_new_uint32(5));
    e2e_wait(&x.e, "both signals", both_told, told, E2E_WAIT_S);
    e2e_delete(&x.e, dc);
    round_trip(&x);
    assert_seen(&x, before, ROUND_TRIP, "");
    g_assert_cmpint(accept(fd, NULL, NULL), ==, -1);
    close(fd);
    example_down(&x);
}

/* ---- T2: what another node names stays ------------------------------------------------------------------
 */

static gboolean has_certificate(struct e2e *e, void *data)
{
    g_autofree char *c = e2e_get_string(e, EXAMPLE_REG, "Registration", "Credential");
    return g_strcmp0(c, data) != 0 && strlen(c) > 1;
}

static gboolean no_credential(struct e2e *e, void *path)
{
    g_autoptr(GVariant) v = e2e_get(e, path, "Credential", "Kind");
    return v == NULL;
}

/* Of what came from mef1: the certificate that a profile names and a key that another profile names stay
 * (4.3), the other key goes. When nobody names them any more they go, too; also after a restart. */
static void test_named(void)
{
    struct example x;

    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    g_autofree char *before = e2e_get_string(&x.e, EXAMPLE_REG, "Registration", "Credential");
    json_decref(sim_post(x.e.sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
    poll_commands(&x, EXAMPLE_REG);
    x.serial = 1; /* reports so far */
    e2e_wait(&x.e, "the new certificate", has_certificate, before, E2E_WAIT_S);
    g_autofree char *credential = e2e_get_string(&x.e, EXAMPLE_REG, "Registration", "Credential");
    g_autofree char *fingerprint = e2e_get_string(&x.e, credential, "Credential", "Fingerprint");
    g_assert_cmpint(example_command(&x, A "ap-reg-22", 1, 22), ==, 20);
    g_autofree char *key = e2e_key_of(&x.e, EXAMPLE_AP("ap_2dreg_2d22"), NULL);
    g_assert_cmpint(example_command(&x, A "ap-maf2-21", 1, 21), ==, 20);
    g_autofree char *km = e2e_key_of(&x.e, EXAMPLE_AP("ap_2dmaf2_2d21"), NULL);
    e2e_set(&x.e, EXAMPLE_AP("ap_2ddc_2d43"), "myCertFingerprint", g_variant_new_string(fingerprint));
    e2e_set(&x.e, EXAMPLE_AP("ap_2dmaf_2d11"), "symmKeyID", g_variant_new_string(km));
    e2e_wait_idle(&x.e, EXAMPLE_REG);
    struct seen seen = look(&x);
    e2e_delete(&x.e, EXAMPLE_MEF1);
    wait_gone(&x, EXAMPLE_REG);
    assert_seen(&x, seen, "delete registration", "");
    wait_token(&x, key, FALSE);
    g_assert_true(in_token(&x, km));
    g_assert_cmpuint(e2e_process(&x.e, EXAMPLE_AP("ap_2ddc_2d43"), 43), ==, 20);
    g_assert_cmpuint(e2e_process(&x.e, EXAMPLE_AP("ap_2dmaf_2d11"), 11), ==, 20);
    g_assert_cmpint(e2e_agent_stop(&x.e, NULL), ==, 0);
    e2e_agent_start_ready(&x.e);
    g_assert_cmpuint(e2e_process(&x.e, EXAMPLE_AP("ap_2ddc_2d43"), 43), ==, 20);
    g_assert_true(in_token(&x, km));
    e2e_set(&x.e, EXAMPLE_AP("ap_2ddc_2d43"), "myCertFingerprint", g_variant_new_string(x.certificate));
    e2e_delete(&x.e, EXAMPLE_AP("ap_2dmaf_2d11"));
    wait_token(&x, km, FALSE);
    e2e_wait(&x.e, "the certificate to leave the token", no_credential, credential, E2E_WAIT_S);
    example_down(&x);
}

/* ---- 4.3: atomicity --------------------------------------------------------------------------------------
 */

/* Delete and add of the same identity in one transaction is an update: no request, the same registration, the
 * same keys; the new values count at the next procedure. Two transactions are T2 and T1. */
static void test_same_identity(void)
{
    g_autofree char *replace = NULL, *other = NULL;
    struct example x;

    example_up(&x, NULL);
    example_go(&x, NULL, 0);
    g_assert_cmpint(example_command(&x, A "ap-reg-22", 1, 22), ==, 20);
    g_autofree char *key = e2e_key_of(&x.e, EXAMPLE_AP("ap_2dreg_2d22"), NULL);
    g_autofree char *id = e2e_get_string(&x.e, EXAMPLE_REG, "Registration", "MefClientRegId");
    replace = g_strdup_printf("[{'Op': <'delete'>, 'Path': <'./DCFG/MEFClientRegCfg/mef1'>},"
                              " {'Op': <'add'>, 'Path': <''>, 'Type': <'MEFClientRegCfg'>, 'Name': <'mef1'>,"
                              "  'Attributes': <{'fqdn': <'" E2E_FQDN "'>, 'adminFQDN': <'" E2E_ADMIN
                              "'>, 'httpPort': <uint32 %u>, 'labels': <['renewed']>,"
                              "  'mgmtLink': <['" A "ap-mef-40']>}>},"
                              " {'Op': <'link'>, 'Path': <'" A "ap-reg-22'>, 'Target': "
                              "<'./DCFG/MEFClientRegCfg/mef1'>}]",
                              sim_port(x.e.sim));
    e2e_wait_idle(&x.e, EXAMPLE_REG);
    struct seen before = look(&x);
    apply(&x, replace);
    round_trip(&x);
    assert_seen(&x, before, ROUND_TRIP, "");
    g_autofree char *still = e2e_get_string(&x.e, EXAMPLE_REG, "Registration", "MefClientRegId");
    g_assert_cmpstr(still, ==, id);
    g_assert_true(in_token(&x, key));
    call(&x, EXAMPLE_REG, "org.mefclient1.Registration", "Update", g_variant_new("(a{sv})", NULL));
    e2e_wait_reports(&x.e, x.serial);
    round_trip(&x);
    json_t *reg = e2e_record(x.e.sim, "registrations", "ri", id);
    g_assert_cmpstr(json_string_value(json_array_get(json_object_get(reg, "lbl"), 0)), ==, "renewed");
    json_decref(reg);

    /* For another stakeholder it is an end and a beginning: in one transaction, and the end is first. */
    other = g_strdup_printf("[{'Op': <'add'>, 'Path': <''>, 'Type': <'MEFClientRegCfg'>, 'Name': <'mef3'>,"
                            "  'Attributes': <{'fqdn': <'" E2E_FQDN "'>, 'adminFQDN': <'third.example.org'>,"
                            "  'httpPort': <uint32 %u>}>},"
                            " {'Op': <'delete'>, 'Path': <'./DCFG/MEFClientRegCfg/mef1'>},"
                            " {'Op': <'link'>, 'Path': <'./DCFG/MEFClientRegCfg/mef3'>, 'Target': <'" A
                            "ap-mef-40'>}]",
                            sim_port(x.e.sim));
    before = look(&x);
    apply(&x, other);
    wait_gone(&x, EXAMPLE_REG);
    e2e_wait_idle(&x.e, "/org/mefclient1/registration/mef3");
    g_assert_false(in_token(&x, key));
    g_autofree char *sent = since(x.e.sim, before.mef);
    g_assert_nonnull(strstr(sent, "delete registration"));
    g_assert_nonnull(strstr(sent, "create base"));
    g_assert_cmpuint(e2e_records(x.e.sim, "registrations"), ==, 1);
    example_down(&x);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/triggers/T8/EE-10/in-turn", test_retrieval);
    g_test_add_func("/e2e/triggers/T14/MC-47/maf-deleted", test_maf_deleted);
    g_test_add_func("/e2e/triggers/T14/maf-renamed", test_maf_renamed);
    g_test_add_func("/e2e/triggers/T15/anchors", test_anchors);
    g_test_add_func("/e2e/triggers/T16/EE-21/files", test_files);
    g_test_add_func("/e2e/triggers/T17/service", test_service);
    g_test_add_func("/e2e/triggers/T2/EE-05/named", test_named);
    g_test_add_func("/e2e/triggers/T1/T2/T3/EE-08/same-identity", test_same_identity);
    return g_test_run();
}
