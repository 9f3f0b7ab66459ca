/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DEV_CFG from the MEF's command to its report, with the example DM client as a process of its own: every
 * outcome, what a session may not write, and processes that die in the middle. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/e2e-dm.h"

#define LWM2M   E2E_DM_LWM2M
#define URI     "coaps://mef.example.com:5684"
#define DEV_CFG "3:" URI
#define NONE    "{\"commands\":[],\"retryDuration\":\"PT10M\"}"
#define OWN     "./DCFG/MEFClientRegCfg/mef.example.com"
#define PROFILE "./DCFG/authenticationProfile/p"
#define TREE    "/org/mefclient1/mo"

/* A profile for a key from this MEF, whole as 4.4 wants it. */
#define ADD_PROFILE                                                                                          \
    "add '' authenticationProfile p 'SUID=uint32 21' 'expirationTime=uint64 2209075199000000' "              \
    "\"keyRegDuration='P30D'\" "                                                                             \
    "\"TLSCiphersuites=['00AE']\"\nlink " PROFILE " " OWN "\n"

struct dm {
    struct e2e e;
    struct e2e_dm client;
    char *reg;
    size_t reports;
};

static void script(struct dm *d, const char *text)
{
    e2e_dm_script(&d->client, text);
}

static char *said(struct dm *d)
{
    return e2e_dm_said(&d->client);
}

static void wait_said(struct dm *d, const char *text)
{
    e2e_dm_wait(&d->client, text);
}

static void client_start(struct dm *d, const char *name, gboolean as_nobody)
{
    e2e_dm_start(&d->client, name, as_nobody);
}

static void client_stop(struct dm *d)
{
    e2e_dm_stop(&d->client);
}

static void up(struct dm *d, const char *config)
{
    *d = (struct dm){0};
    e2e_up(&d->e, NONE);
    g_autofree char *all = g_strconcat("[mef]\ncommand-classes=cert-prov dev-cfg\n", config, NULL);
    e2e_configure(&d->e, all);
    e2e_dm_init(&d->client, &d->e, "dm");
}

static void go(struct dm *d)
{
    e2e_agent_start_ready(&d->e);
    d->reg = e2e_add_mef(&d->e);
    e2e_wait_idle(&d->e, d->reg);
}

static void down(struct dm *d)
{
    e2e_dm_clear(&d->client);
    e2e_down(&d->e);
    g_free(d->reg);
}

/* A call that takes options only and must work. */
static void tell(struct dm *d, const char *path, const char *interface, const char *method)
{
    g_autoptr(GError) error = NULL;
    GVariant *r = e2e_call(&d->e, path, interface, method, g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    g_variant_unref(r);
}

/* The MEF issues DEV_CFG, the client is told to ask. */
static void issue(struct dm *d, const char *uri)
{
    g_autofree char *text = g_strdup_printf("{\"class\":\"DEV_CFG\",\"args\":{\"dcu\":\"%s\"}}", uri);
    json_decref(sim_post(d->e.sim, "/sim/commands", text));
    tell(d, d->reg, "org.mefclient1.Registration", "Poll");
}

/* The status that the MEF got for it. */
static int reported(struct dm *d)
{
    e2e_wait_reports(&d->e, ++d->reports);
    json_t *list = e2e_sim_records(&d->e, "reports"), *one;
    size_t i, n = 0;
    int csc = 0;
    json_array_foreach(list, i, one) if (json_is_true(json_object_get(one, "recorded")))
    {
        csc = (int)json_integer_value(json_object_get(one, "csc"));
        n++;
    }
    json_decref(list);
    g_assert_cmpuint(n, ==, d->reports);
    return csc;
}

static int run(struct dm *d, const char *text)
{
    script(d, text);
    issue(d, DEV_CFG);
    return reported(d);
}

static guint64 generation(struct dm *d)
{
    return e2e_get_number(&d->e, TREE, "Tree", "Generation");
}

static gboolean resolves(struct dm *d, const char *path)
{
    g_autoptr(GVariant) r =
        e2e_call(&d->e, TREE, "org.mefclient1.Tree", "Resolve", g_variant_new("(s)", path), NULL);
    return r != NULL;
}

/* The session has the protocol, the URI and the MEF of the command; what it writes is in the tree, with the
 * origin that follows from the session, before the MEF hears of 20. */
static void test_session(void)
{
    struct dm d;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    g_assert_cmpint(
        run(&d,
            "begin\nadd '' MAFClientRegCfg maf \"fqdn='maf.example.com'\" \"adminFQDN='admin.example.org'\" "
            "'httpPort=uint16 9443'\n" ADD_PROFILE "link ./DCFG/MAFClientRegCfg/maf " PROFILE
            "\ncommit\nfinish ok 0 ''\n"),
        ==, 20);
    g_autofree char *text = said(&d);
    g_assert_nonnull(strstr(text, "start 3 " URI " mef.example.com {"));
    g_assert_nonnull(strstr(text, "'Timeout': <uint32 600>"));
    g_assert_nonnull(strstr(text, d.reg));
    g_assert_nonnull(strstr(text, "/org/mefclient1/credential/")); /* a reference, never a value */
    g_assert_null(strstr(text, d.e.kpm));
    g_assert_true(resolves(&d, "./DCFG/MAFClientRegCfg/maf"));
    e2e_wait_property(&d.e, TREE "/authenticationProfile/p", "Node", "Origin", "mef-dm");
    /* The journal of commands: one, of its class. */
    g_autofree char *command = e2e_get_string(&d.e, d.reg, "Registration", "LastCommand");
    g_assert_cmpstr(command, !=, "/");
    sim_assert_no_violation(d.e.sim);
    down(&d);
}

/* Each way that a session can end, and none leaves anything behind but the good one. */
static void test_outcomes(void)
{
    static const struct {
        const char *name, *script;
        int csc;
    } row[] = {
        {"ok without changes", "finish ok 0 ''\n", 20},
        {"server", "finish server-error 504 'no answer'\n", 201},
        {"client", "finish client-error 1 'broken'\n", 202},
        {"a word that there is not", "finish perhaps 0 ''\n", 202},
        {"refused", "refuse org.example.Busy 'not now'\n", 202},
        {"no session named", "path /\nfinish ok 0 ''\n", 202},
        {"server, with changes", "begin\n" ADD_PROFILE "finish server-error 1 ''\n", 201},
        {"ok, not committed", "begin\n" ADD_PROFILE "finish ok 0 ''\n", 202},
        {"rolled back", "begin\n" ADD_PROFILE "rollback\nfinish ok 0 ''\n", 20},
        {"a second transaction", "begin\ncommit\nbegin\nfinish ok 0 ''\n", 202},
        {"crash", "begin\n" ADD_PROFILE "crash\n", 202},
    };
    struct dm d;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    guint64 before = generation(&d);
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        g_test_message("%s", row[i].name);
        g_assert_cmpint(run(&d, row[i].script), ==, row[i].csc);
        g_assert_false(resolves(&d, PROFILE));
        g_assert_cmpuint(generation(&d), ==, before);
    }
    client_stop(&d);
    client_start(&d, LWM2M, FALSE); /* after the crash: a fresh one serves again */
    g_assert_cmpint(run(&d, "begin\n" ADD_PROFILE "commit\nfinish ok 0 ''\n"), ==, 20);
    g_assert_true(resolves(&d, PROFILE));
    sim_assert_no_violation(d.e.sim);
    down(&d);
}

/* A DM client that says nothing more: our deadline, which is later than devcfg-timeout; it is told. */
static void test_hang(void)
{
    struct dm d;
    up(&d, "[mef]\ndevcfg-timeout=1\n");
    client_start(&d, LWM2M, FALSE);
    go(&d);
    g_assert_cmpint(run(&d, "begin\n" ADD_PROFILE "wait\n"), ==, 202);
    wait_said(&d, "cancel /session/1");
    g_assert_false(resolves(&d, PROFILE));
    down(&d);
}

/* MC-22: what no DM client offers is refused before anything is begun; MC-23 and 3.4.3: so is another host.
 */
static void test_refused(void)
{
    static const char *const not_offered[] = {"1:https://mef.example.com/dm", "2:https://mef.example.com/dm",
                                              "4:https://mef.example.com/acs", "9:https://mef.example.com/"};
    static const char *const elsewhere[] = {"3:coaps://other.example.com:5684",
                                            "3:coap://mef.example.com",
                                            "3:https://mef.example.com",
                                            "3:coaps://192.0.2.1",
                                            "3:coaps://user@mef.example.com",
                                            "3:coaps://dm.mef.example.com",
                                            "3:coaps://mef.example.com.evil.example"};
    struct dm d;
    up(&d, NULL);
    go(&d);
    issue(&d, DEV_CFG); /* nobody there yet */
    g_assert_cmpint(reported(&d), ==, 43);
    client_start(&d, LWM2M, FALSE);
    script(&d, "finish ok 0 ''\n");
    for (size_t i = 0; i < G_N_ELEMENTS(not_offered); i++) {
        issue(&d, not_offered[i]);
        g_assert_cmpint(reported(&d), ==, 43);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(elsewhere); i++) {
        g_test_message("%s", elsewhere[i]);
        issue(&d, elsewhere[i]);
        g_assert_cmpint(reported(&d), ==, 43);
    }
    g_autofree char *text = said(&d);
    g_assert_null(strstr(text, "start"));
    issue(&d, "3:coaps://MEF.example.com./x");
    g_assert_cmpint(reported(&d), ==, 20);
    down(&d);
}

/* An `ok` that comes before the answer to Commit waits for the disk; if the commit fails it was none. */
static void test_overtaken(void)
{
    struct dm d;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    g_assert_cmpint(
        run(&d, "begin\nadd '' authenticationProfile p 'SUID=uint32 21'\ncommit-blindly\nfinish ok 0 ''\n"),
        ==, 202);
    g_assert_false(resolves(&d, PROFILE));
    g_assert_cmpint(run(&d, "begin\n" ADD_PROFILE "commit-blindly\nfinish ok 0 ''\n"), ==, 20);
    g_assert_true(resolves(&d, PROFILE));
    down(&d);
}

/* Begins, forged ends, more operations than a transaction may have, and leaving in the middle of all: nobody
 * is harmed, and the next session works. */
static void test_hostile(void)
{
    struct dm d;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    guint64 before = generation(&d);
    g_assert_cmpint(
        run(&d,
            "forge /session/0\nforge /\nbegin\ntry repeat 300 begin\n"
            "try repeat 300 add '' MAFClientRegCfg maf \"fqdn='maf.example.com'\" \"adminFQDN='a.example'\"\n"
            "try repeat 300 set /27022/0 'SUID=uint32 41'\ntry repeat 300 delete ../../x\ncrash\n"),
        ==, 202);
    g_assert_cmpuint(generation(&d), ==, before);
    g_autofree char *text = said(&d);
    g_assert_nonnull(strstr(text, "repeat org.mefclient1.Error.InProgress"));
    g_assert_nonnull(strstr(text, "repeat org.mefclient1.Error.AlreadyExists"));
    g_assert_nonnull(strstr(text, "repeat org.mefclient1.Error.NotFound"));
    client_stop(&d);
    client_start(&d, LWM2M, FALSE);
    g_assert_cmpint(run(&d, "begin\n" ADD_PROFILE "commit\nfinish ok 0 ''\n"), ==, 20);
    down(&d);
}

/* The bus goes in the middle of a session: a client that cannot be reached has lost it. The rest goes on. */
static void test_bus_lost(void)
{
    struct dm d;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    script(&d, "begin\n" ADD_PROFILE "wait\n");
    issue(&d, DEV_CFG);
    wait_said(&d, "waiting");
    e2e_bus_stop(&d.e);
    g_assert_cmpint(reported(&d), ==, 202);
    client_stop(&d);
    e2e_bus_start(&d.e);
    client_start(&d, LWM2M, FALSE);
    e2e_wait_property(&d.e, d.reg, "Registration", "State", "registered");
    g_assert_false(resolves(&d, PROFILE));
    g_assert_cmpint(run(&d, "begin\n" ADD_PROFILE "commit\nfinish ok 0 ''\n"), ==, 20);
    down(&d);
}

static gboolean is_gone(struct e2e *e, void *data)
{
    g_autoptr(GVariant) v = e2e_get(e, data, "Registration", "State");
    return v == NULL;
}

/* mo-tree.md 4.3 and 4.4: a MEF may end its own registration; it hears of the success first, then of the end,
 * and is asked nothing in between. */
static void test_own_end(void)
{
    struct dm d;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    json_decref(sim_post(d.e.sim, "/sim/commands", "[{\"class\":\"DEV_CFG\"},{\"class\":\"CERT_PROV\"}]"));
    script(&d, "begin\ndelete " OWN "\ncommit\nfinish ok 0 ''\n");
    tell(&d, d.reg, "org.mefclient1.Registration", "Poll");
    g_assert_cmpint(reported(&d), ==, 20);
    e2e_wait(&d.e, "the registration is gone", is_gone, d.reg, E2E_WAIT_S);
    g_assert_cmpuint(e2e_sim_count(&d.e, "update", "command"), ==, 1);
    g_assert_cmpuint(e2e_sim_count(&d.e, "retrieve", "command"), ==, 2);
    g_assert_cmpuint(e2e_sim_count(&d.e, "delete", NULL), ==, 1);
    json_t *list = e2e_sim_records(&d.e, "enrolments");
    g_assert_cmpuint(json_array_size(list), ==, 0);
    json_decref(list);
    sim_assert_no_violation(d.e.sim);
    down(&d);
}

/* [dm-client NAME] brings other protocols and other names. */
static void test_configured(void)
{
    struct dm d;
    up(&d, "[dm-client acs]\nprotocol=4\nbus-name=com.example.Acs\nroot=/cwmp/objects\n"
           "[dm-client oma]\nprotocol=2\nbus-name=com.example.Oma\nroot=./Ext/Vendor/DCFG\n");
    client_start(&d, "com.example.Acs", FALSE);
    script(&d, "finish ok 0 ''\n");
    go(&d);
    issue(&d, "4:https://mef.example.com/acs");
    g_assert_cmpint(reported(&d), ==, 20);
    /* The paths that their servers know (mo-tree.md 2.1). */
    g_assert_true(resolves(&d, "./Ext/Vendor/DCFG/MEFClientRegCfg/mef.example.com"));
    g_assert_true(resolves(&d, "/cwmp/objects/27026/0"));
    g_assert_false(resolves(&d, "/cwmp/27026/0"));
    g_assert_false(resolves(&d, "./Ext/Vendor/MEFClientRegCfg/mef.example.com"));
    client_stop(&d);
    issue(&d, "4:https://mef.example.com/acs"); /* registered, but not there */
    g_assert_cmpint(reported(&d), ==, 202);
    down(&d);
}

/* DC-04: the bus starts the client for the call. */
static void test_activation(void)
{
    struct dm d;
    up(&d, NULL);
    g_autofree char *dir = g_build_filename(d.e.dir, "services", NULL);
    g_autofree char *file = g_build_filename(dir, LWM2M ".service", NULL);
    g_autofree char *text =
        g_strdup_printf("[D-BUS Service]\nName=" LWM2M "\nExec=" TOP_BUILDDIR
                        "/tests/dm/dm-client --bus %s --name " LWM2M " --script %s --log %s\nUser=root\n",
                        d.e.bus_address, d.client.script, d.client.log);
    g_assert_cmpint(g_mkdir(dir, 0755), ==, 0);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
    e2e_bus_stop(&d.e);
    e2e_bus_start(&d.e);
    go(&d);
    g_assert_cmpint(run(&d, "begin\n" ADD_PROFILE "commit\nfinish ok 0 ''\nexit 0\n"), ==, 20);
    g_assert_true(resolves(&d, PROFILE));
    g_assert_cmpint(run(&d, "finish ok 0 ''\nexit 0\n"), ==, 20);
    /* One that leaves as the call reaches it is started once more. */
    g_assert_cmpint(run(&d, "vanish-once\nfinish ok 0 ''\nexit 0\n"), ==, 20);
    wait_said(&d, "vanish");
    down(&d);
}

/* EE-18 to EE-20 and mo-tree.md 4.4: refused, told in the journal, the tree unchanged. */
static void test_forbidden(void)
{
    static const struct {
        const char *name, *script, *why; /* what the service says, as the DM client heard it */
    } row[] = {
        {"EE-18",
         "begin\nadd '' myCertFileCred c 'SUIDs=[uint32 40]' \"myCertFileFormat='application/x-pem-file'\" "
         "\"myCertFileContent='x'\"\ncommit\n",
         "add org.mefclient1.Error.NotAuthorized"},
        {"EE-19 value",
         "begin\n" ADD_PROFILE "set " PROFILE " \"symmKeyValue='MDEyMzQ1Njc4OWFiY2RlZg=='\"\ncommit\n",
         "set org.mefclient1.Error.NotAuthorized"},
        {"EE-19 identifier",
         "begin\n" ADD_PROFILE "set " PROFILE " \"symmKeyID='k@mef.example.com'\"\ncommit\n",
         "set org.mefclient1.Error.NotAuthorized"},
        {"EE-20 expirationTime",
         "begin\nadd '' authenticationProfile p 'SUID=uint32 21' \"keyRegDuration='P30D'\"\nlink " PROFILE
         " " OWN "\ncommit\n",
         "commit org.mefclient1.Error."},
        {"EE-20 keyRegDuration",
         "begin\nadd '' authenticationProfile p 'SUID=uint32 21' 'expirationTime=uint64 "
         "2209075199000000'\nlink " PROFILE " " OWN "\ncommit\n",
         "commit org.mefclient1.Error."},
        {"EE-20 link",
         "begin\nadd '' authenticationProfile p 'SUID=uint32 21' 'expirationTime=uint64 2209075199000000' "
         "\"keyRegDuration='P30D'\"\ncommit\n",
         "commit org.mefclient1.Error."},
        {"EE-20 link to another MEF's",
         "begin\nadd '' MEFClientRegCfg other \"fqdn='other.example.com'\" "
         "\"adminFQDN='admin.example.org'\"\n"
         "add '' authenticationProfile p 'SUID=uint32 21' 'expirationTime=uint64 2209075199000000' "
         "\"keyRegDuration='P30D'\"\n"
         "link " PROFILE " ./DCFG/MEFClientRegCfg/other\ncommit\n",
         "org.mefclient1.Error.NotAuthorized"},
        {"EE-19 value by call",
         "set-key " TREE "/authenticationProfile/mef_2eexample_2ecom_2dpsk 0123456789abcdef\ncommit\n",
         "set-key org.mefclient1.Error.NotAuthorized"},
        {"EE-19 the own profile", "begin\nset /27022/0 \"symmKeyID='k@mef.example.com'\"\ncommit\n",
         "set org.mefclient1.Error.NotAuthorized"},
    };
    struct dm d;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    guint64 before = generation(&d);
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        g_test_message("%s", row[i].name);
        g_assert_cmpint(run(&d, row[i].script), ==, 202);
        g_assert_cmpuint(generation(&d), ==, before);
        g_assert_false(resolves(&d, PROFILE));
        g_assert_false(resolves(&d, "./DCFG/myCertFileCred/c"));
        g_autofree char *text = said(&d);
        char *last = g_strrstr(text, "start 3");
        g_test_message("%s", last);
        g_assert_nonnull(strstr(last, row[i].why));
    }
    g_autofree char *journal = NULL;
    g_assert_true(g_file_get_contents(d.e.agent_log, &journal, NULL, NULL));
    g_assert_nonnull(strstr(journal, "A DM session of 'mef.example.com' may not do that"));
    down(&d);
}

/* The session is the authorization: its owner needs no polkit inside it (there is none on this bus) and has
 * no more rights than anybody outside it. */
static void test_nobody(void)
{
    struct dm d;
    if (getuid() != 0) {
        g_test_skip("only root can run a DM client as another user");
        return;
    }
    up(&d, NULL);
    g_autofree char *parent = g_path_get_dirname(d.e.dir);
    g_assert_cmpint(g_chmod(d.e.dir, 0711), ==, 0);
    if (strstr(parent, "mefclient-test.")) /* of tests/lib/run-test, and not the machine's own */
        g_assert_cmpint(g_chmod(parent, 0711), ==, 0);
    g_assert_cmpint(g_chmod(d.e.bus_path, 0777), ==, 0);
    client_start(&d, LWM2M, TRUE);
    go(&d);
    g_assert_cmpint(run(&d, "try begin-plain\ntry add '' MAFClientRegCfg x \"fqdn='x.example.com'\" "
                            "\"adminFQDN='a.example'\"\n"
                            "try begin /session/99\nbegin\n" ADD_PROFILE "commit\n"
                            "try add '' MAFClientRegCfg x \"fqdn='x.example.com'\" "
                            "\"adminFQDN='a.example'\"\nfinish ok 0 ''\n"),
                    ==, 20);
    g_autofree char *text = said(&d);
    g_auto(GStrv) denied = g_strsplit(text, "org.mefclient1.Error.NotAuthorized", -1);
    g_assert_cmpuint(g_strv_length(denied), ==, 5);
    g_assert_nonnull(strstr(text, "begin-plain org.mefclient1.Error.NotAuthorized"));
    g_assert_false(resolves(&d, "./DCFG/MAFClientRegCfg/x"));
    g_assert_true(resolves(&d, PROFILE));
    /* When it is over, so are its rights. */
    g_assert_cmpint(run(&d, "finish ok 0 ''\ntry begin\n"), ==, 20);
    wait_said(&d, "begin org.mefclient1.Error.NotAuthorized");
    down(&d);
}

/* A stranger neither enters a session nor ends it. */
static void test_stranger(void)
{
    struct dm d;
    g_autoptr(GError) error = NULL;
    GVariantBuilder o;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    script(&d, "begin\n" ADD_PROFILE "wait\n");
    issue(&d, DEV_CFG);
    wait_said(&d, "waiting");
    g_variant_builder_init(&o, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&o, "{sv}", "Session", g_variant_new_object_path("/session/1"));
    g_assert_null(e2e_call(&d.e, TREE, "org.mefclient1.Tree", "Begin", g_variant_new("(a{sv})", &o), &error));
    g_autofree char *name = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(name, ==, "org.mefclient1.Error.NotFound");
    g_assert_true(g_dbus_connection_emit_signal(e2e_bus(&d.e), NULL, "/org/mefclient1/dm",
                                                "org.mefclient1.DMClient", "SessionFinished",
                                                g_variant_new("(osus)", "/session/1", "ok", 0, ""), NULL));
    e2e_wait_property(&d.e, d.reg, "Registration", "State", "registered"); /* behind the signal */
    json_t *reports = e2e_sim_records(&d.e, "reports");
    g_assert_cmpuint(json_array_size(reports), ==, 0);
    json_decref(reports);
    client_stop(&d);
    g_assert_cmpint(reported(&d), ==, 202);
    g_assert_false(resolves(&d, PROFILE));
    down(&d);
}

/* Killed in the middle of a session: what was staged is gone, the command is executed again and reported
 * once. */
static void test_restart(void)
{
    struct dm d;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    script(&d, "begin\n" ADD_PROFILE "wait\n");
    issue(&d, DEV_CFG);
    wait_said(&d, "waiting");
    e2e_agent_kill(&d.e);
    script(&d, "begin\n" ADD_PROFILE "commit\nfinish ok 0 ''\n");
    e2e_agent_start_ready(&d.e);
    g_assert_cmpint(reported(&d), ==, 20);
    g_assert_true(resolves(&d, PROFILE));
    wait_said(&d, "start 3 " URI);
    g_assert_cmpuint(e2e_sim_count(&d.e, "retrieve", "command"), ==,
                     2); /* one for no command, one for this one */
    down(&d);
}

/* Stopped in the middle: at once, and the DM client hears of it. */
static void test_stop(void)
{
    struct dm d;
    gint64 took = 0;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    script(&d, "begin\n" ADD_PROFILE "wait\n");
    issue(&d, DEV_CFG);
    wait_said(&d, "waiting");
    g_assert_cmpint(e2e_agent_stop(&d.e, &took), ==, 0);
    g_assert_cmpint(took, <, 2000000);
    wait_said(&d, "cancel /session/1");
    down(&d);
}

/* The job is cancelled: so is the session, and nothing of it stays; asked again, the command runs anew. */
static void test_cancel(void)
{
    struct dm d;
    g_autoptr(GError) error = NULL;
    const char *job;
    up(&d, NULL);
    client_start(&d, LWM2M, FALSE);
    go(&d);
    script(&d, "begin\n" ADD_PROFILE "wait\n");
    json_decref(
        sim_post(d.e.sim, "/sim/commands", "{\"class\":\"DEV_CFG\",\"args\":{\"dcu\":\"" DEV_CFG "\"}}"));
    g_autoptr(GVariant) r =
        e2e_call(&d.e, d.reg, "org.mefclient1.Registration", "Poll", g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    g_variant_get(r, "(&o)", &job);
    wait_said(&d, "waiting");
    tell(&d, job, "org.mefclient1.Job", "Cancel");
    e2e_wait_property(&d.e, job, "Job", "State", "cancelled");
    wait_said(&d, "cancel /session/1");
    g_assert_false(resolves(&d, PROFILE));
    script(&d, "begin\n" ADD_PROFILE "commit\nfinish ok 0 ''\n");
    tell(&d, d.reg, "org.mefclient1.Registration", "Poll");
    g_assert_cmpint(reported(&d), ==, 20);
    g_assert_true(resolves(&d, PROFILE));
    down(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/dm/EE-12/MC-24/session", test_session);
    g_test_add_func("/e2e/dm/MC-25/outcomes", test_outcomes);
    g_test_add_func("/e2e/dm/MC-25/hang", test_hang);
    g_test_add_func("/e2e/dm/MC-22/MC-23/refused", test_refused);
    g_test_add_func("/e2e/dm/MC-22/configured", test_configured);
    g_test_add_func("/e2e/dm/activation", test_activation);
    g_test_add_func("/e2e/dm/EE-18/EE-19/EE-20/forbidden", test_forbidden);
    g_test_add_func("/e2e/dm/no-polkit-inside-the-session", test_nobody);
    g_test_add_func("/e2e/dm/stranger", test_stranger);
    g_test_add_func("/e2e/dm/restart-in-the-middle", test_restart);
    g_test_add_func("/e2e/dm/stop-in-the-middle", test_stop);
    g_test_add_func("/e2e/dm/cancel", test_cancel);
    g_test_add_func("/e2e/dm/ok-before-the-commit", test_overtaken);
    g_test_add_func("/e2e/dm/hostile", test_hostile);
    g_test_add_func("/e2e/dm/bus-lost", test_bus_lost);
    g_test_add_func("/e2e/dm/own-registration-ended", test_own_end);
    return g_test_run();
}
