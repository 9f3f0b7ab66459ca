/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several registrations at once (issue 4, part 6): two MEFs, two MAFs, and at one MEF two administrating
 * stakeholders, each a registration of its own; nothing of one is used for another. */
#include <glib/gstdio.h>
#include <string.h>

#include "tests/lib/e2e-dm.h"
#include "tests/lib/e2e-nodes.h"

#define FQDN_B  "mef-b.example.net"
#define KPM_B   "gw42-b@" FQDN_B
#define HEX_B   "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define MAF_2   "maf-b.example.org"
#define KM_2    "km-2@" MAF_2
#define HEX_2   "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
#define ADMIN_2 "second.example.org"
#define A       "./DCFG/authenticationProfile/"
#define PROFILE E2E_MO "/authenticationProfile/"
#define REG     "/org/mefclient1/registration/"

/* ---- the world ----------------------------------------------------------------------------------------- */

enum server { SERVER_A, SERVER_B, SERVER_MAF_1, SERVER_MAF_2, SERVERS };

/* A registration at a MEF: its profile has a key there. */
static const struct {
    const char *name, *fqdn, *admin, *kpm, *path, *profile;
    enum server server;
    gboolean certificate;
} regs[] = {
    {"a1", E2E_FQDN, E2E_ADMIN, E2E_KPM_ID, REG "a1", "ap_2da1", SERVER_A, TRUE},
    {"a2", E2E_FQDN, ADMIN_2, E2E_KPM_ID, REG "a2", "ap_2da2", SERVER_A, FALSE},
    {"b", FQDN_B, E2E_ADMIN, KPM_B, REG "b", "ap_2db", SERVER_B, TRUE},
};
enum { REGS = G_N_ELEMENTS(regs), COMMANDS = 3 };

/* Profiles with a key, and who it is of. */
static const struct {
    const char *profile, *fqdn, *admin, *origin;
    enum server server;
} keys[] = {
    {PROFILE "ap_2da1", E2E_FQDN, E2E_ADMIN, "a1", SERVER_A},
    {PROFILE "ap_2da2", E2E_FQDN, ADMIN_2, "a2", SERVER_A},
    {PROFILE "ap_2db", FQDN_B, E2E_ADMIN, "b", SERVER_B},
    {PROFILE "ap_2dm1", E2E_MAF_FQDN, E2E_ADMIN, "maf:maf1", SERVER_MAF_1},
    {PROFILE "ap_2dm2", MAF_2, E2E_ADMIN, "maf:maf2", SERVER_MAF_2},
    {PROFILE "ap_2dm3", E2E_MAF_FQDN, E2E_ADMIN, "maf:maf1", SERVER_MAF_1},
};
enum { KEYS = G_N_ELEMENTS(keys) };

#define CSE(name, profile)                                                                                   \
    "{\"type\":\"registration\",\"name\":\"" name                                                            \
    "\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":\"//sp.example.net/in-cse\"},\"links\":[\"" A    \
        profile "\"]},"
#define KEY(name, suid, below)                                                                               \
    "{\"type\":\"authenticationProfile\",\"name\":\"" name "\",\"attrs\":{\"SUID\":" #suid                   \
    ",\"TLSCiphersuites\":[\"00AE\"],\"keyRegDuration\":\"P7D\"},\"links\":[\"./DCFG/" below "\"]},"
#define MAF(name, fqdn, profile)                                                                             \
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"" name "\",\"attrs\":{\"fqdn\":\"" fqdn                        \
    "\",\"adminFQDN\":\"" E2E_ADMIN "\",\"httpPort\":%u},\"links\":[\"" A profile "\"]},"
#define KM(name, id)                                                                                         \
    "{\"type\":\"authenticationProfile\",\"name\":\"" name "\",\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":[" \
    "\"00AE\"],\"symmKeyID\":\"" id "\"},\"links\":[]}"

/* clang-format off */
static const char tree[] =
    "{\"format\":1,\"nodes\":["
    CSE("r1", "ap-a1") CSE("r2", "ap-a2") CSE("r3", "ap-b") CSE("r4", "ap-m1") CSE("r5", "ap-m2") CSE("r6", "ap-m3")
    KEY("ap-a1", 22, "MEFClientRegCfg/a1")
    KEY("ap-a2", 22, "MEFClientRegCfg/a2")
    KEY("ap-b", 22, "MEFClientRegCfg/b")
    KEY("ap-m1", 32, "MAFClientRegCfg/maf1")
    KEY("ap-m2", 32, "MAFClientRegCfg/maf2")
    KEY("ap-m3", 32, "MAFClientRegCfg/maf1")
    MAF("maf1", E2E_MAF_FQDN, "km-1")
    MAF("maf2", MAF_2, "km-2")
    KM("km-1", E2E_KM_ID) "," KM("km-2", KM_2) "]}";
/* clang-format on */

/* clang-format off */
static const char one_maf[] =
    "{\"format\":1,\"nodes\":[" CSE("r4", "ap-m1") KEY("ap-m1", 32, "MAFClientRegCfg/maf1")
    MAF("maf1", E2E_MAF_FQDN, "km-1") KM("km-1", E2E_KM_ID) "]}";
/* clang-format on */

struct multi {
    struct e2e e;
    struct e2e_dm dm;
    struct sim_process *sim[SERVERS];
    char *id[REGS]; /* MEFClientRegID */
};

static struct sim_process *start_sim(struct multi *m, const char *name, const char *fqdn, const char *psk,
                                     const char *role)
{
    g_autofree char *dir = g_build_filename(m->e.dir, name, NULL);
    const char *const args[] = {psk, role, NULL};

    g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
    return sim_start(dir, fqdn, "{\"commands\":[],\"retryDuration\":\"PT10M\"}", args);
}

/* A registration whose MEF is not there may be added too: port 9. */
static GVariant *add_mef(struct e2e *e, const char *name, const char *fqdn, const char *admin,
                         const char *kpm, unsigned port, GError **error)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "Name", g_variant_new_string(name));
    g_variant_builder_add(&b, "{sv}", "HttpPort", g_variant_new_uint16((guint16)port));
    g_variant_builder_add(&b, "{sv}", "KpmId", g_variant_new_string(kpm));
    return e2e_call(e, E2E_MO, "org.mefclient1.Tree", "AddMefClientRegCfg",
                    g_variant_new("(ssa{sv})", fqdn, admin, &b), error);
}

static GVariant *add_maf(struct e2e *e, const char *name, const char *admin, GError **error)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "Name", g_variant_new_string(name));
    g_variant_builder_add(&b, "{sv}", "HttpPort", g_variant_new_uint16(9));
    g_variant_builder_add(&b, "{sv}", "KmId", g_variant_new_string(E2E_KPM_ID));
    return e2e_call(e, E2E_MO, "org.mefclient1.Tree", "AddMafClientRegCfg",
                    g_variant_new("(ssa{sv})", E2E_MAF_FQDN, admin, &b), error);
}

static void up(struct multi *m)
{
    *m = (struct multi){0};
    e2e_up(&m->e, "{\"commands\":[],\"retryDuration\":\"PT10M\"}");
    m->sim[SERVER_A] = m->e.sim;
    m->sim[SERVER_B] = start_sim(m, "mef-b", FQDN_B, "--psk=" KPM_B "=" HEX_B, NULL);
    m->sim[SERVER_MAF_1] =
        start_sim(m, "maf-1", E2E_MAF_FQDN, "--psk=" E2E_KM_ID "=" E2E_KM_HEX, "--role=maf");
    m->sim[SERVER_MAF_2] = start_sim(m, "maf-2", MAF_2, "--psk=" KM_2 "=" HEX_2, "--role=maf");
    e2e_put_key(&m->e, KPM_B, HEX_B);
    e2e_put_key(&m->e, E2E_KM_ID, E2E_KM_HEX);
    e2e_put_key(&m->e, KM_2, HEX_2);
    e2e_configure(&m->e, "[network]\nresolve=" E2E_FQDN ":127.0.0.1 " FQDN_B ":127.0.0.1 " E2E_MAF_FQDN
                         ":127.0.0.1 " MAF_2 ":127.0.0.1\n");
    e2e_dm_init(&m->dm, &m->e, "dm");
    e2e_dm_script(&m->dm, "finish ok 0 ''\n");
    e2e_dm_start(&m->dm, E2E_DM_LWM2M, FALSE);
    e2e_agent_start_ready(&m->e);
    for (unsigned i = 0; i < REGS; i++) {
        g_autoptr(GError) error = NULL;
        G_GNUC_UNUSED g_autoptr(GVariant) v = add_mef(&m->e, regs[i].name, regs[i].fqdn, regs[i].admin,
                                                      regs[i].kpm, sim_port(m->sim[regs[i].server]), &error);
        g_assert_no_error(error);
    }
    for (unsigned i = 0; i < REGS; i++) {
        e2e_wait_idle(&m->e, regs[i].path);
        m->id[i] = e2e_get_string(&m->e, regs[i].path, "Registration", "MefClientRegId");
        g_assert_cmpstr(m->id[i], !=, "");
    }
    g_autofree char *text =
        g_strdup_printf(tree, sim_port(m->sim[SERVER_MAF_1]), sim_port(m->sim[SERVER_MAF_2]));
    e2e_import(&m->e, text);
}

static void down(struct multi *m)
{
    for (unsigned i = 0; i < SERVERS; i++) {
        sim_assert_no_violation(m->sim[i]);
        if (i != SERVER_A)
            g_assert_cmpint(sim_stop(m->sim[i]), ==, 0);
    }
    for (unsigned i = 0; i < REGS; i++)
        g_free(m->id[i]);
    e2e_dm_clear(&m->dm);
    e2e_down(&m->e);
}

/* ---- commands and reports ------------------------------------------------------------------------------ */

static void poll(struct e2e *e, const char *registration)
{
    g_autoptr(GError) error = NULL;
    G_GNUC_UNUSED g_autoptr(GVariant) v = e2e_call(e, registration, "org.mefclient1.Registration", "Poll",
                                                   g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
}

static void issue(struct multi *m, unsigned reg, const char *commands)
{
    g_autofree char *text =
        g_strdup_printf("{\"registration\":\"%s\",\"commands\":[%s]}", m->id[reg], commands);

    json_decref(sim_post(m->sim[regs[reg].server], "/sim/commands", text));
}

#define NODE(cid, profile, suid)                                                                             \
    "{\"cid\":\"" cid "\",\"class\":\"MO_NODE\",\"args\":{\"obp\":\"" A profile "\",\"obt\":1,"              \
    "\"obsa\":{\"suid\":" #suid "}}}"
#define CERT(cid) "{\"cid\":\"" cid "\",\"class\":\"CERT_PROV\"}"
#define DEV(cid, fqdn)                                                                                       \
    "{\"cid\":\"" cid "\",\"class\":\"DEV_CFG\",\"args\":{\"dcu\":\"3:coaps://" fqdn ":5684\"}}"

/* Reports of a registration, and what each said. */
static unsigned reports_of(struct multi *m, unsigned reg)
{
    json_t *state = sim_state(m->sim[regs[reg].server]), *one;
    unsigned n = 0;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(state, "state"), "reports"), i, one)
    {
        if (g_strcmp0(e2e_text(one, "registration"), m->id[reg]) != 0)
            continue;
        g_test_message("%s: %s %d by %s", regs[reg].name, e2e_text(one, "cid"),
                       (int)json_integer_value(json_object_get(one, "csc")), e2e_text(one, "identity"));
        g_assert_true(g_str_has_prefix(e2e_text(one, "cid"), regs[reg].name));
        g_assert_cmpint(json_integer_value(json_object_get(one, "csc")), ==, 20);
        n++;
    }
    json_decref(state);
    return n;
}

struct wanted {
    struct multi *m;
    unsigned reports[REGS];
};

static gboolean all_reported(struct e2e *e, void *data)
{
    struct wanted *w = data;

    for (unsigned i = 0; i < REGS; i++)
        if (reports_of(w->m, i) < w->reports[i])
            return FALSE;
    return TRUE;
}

static void poll_all(struct multi *m, const unsigned reports[REGS])
{
    struct wanted w = {.m = m};

    memcpy(w.reports, reports, sizeof w.reports);
    for (unsigned i = 0; i < REGS; i++)
        if (reports[i] > reports_of(m, i))
            poll(&m->e, regs[i].path);
    e2e_wait(&m->e, "the reports of all registrations", all_reported, &w, E2E_WAIT_S);
    for (unsigned i = 0; i < REGS; i++)
        g_assert_cmpuint(reports_of(m, i), ==, reports[i]);
}

/* ---- the wire ------------------------------------------------------------------------------------------ */

static const char *const identities[SERVERS][3] = {
    [SERVER_A] = {E2E_KPM_ID, E2E_SAN},
    [SERVER_B] = {KPM_B, E2E_SAN},
    [SERVER_MAF_1] = {E2E_KM_ID},
    [SERVER_MAF_2] = {KM_2},
};

/* Whose registration a request is about; REGS: nobody's. */
static unsigned about(const struct multi *m, enum server s, const char *path)
{
    for (unsigned i = 0; i < REGS; i++) {
        g_autofree char *part = g_strconcat("/", m->id[i], NULL);
        if (regs[i].server == s && strstr(path, part))
            return i;
    }
    return REGS;
}

/* Each server knows us by its own credentials only; no connection serves two registrations; the key of a
 * connection is that of one request; and a certificate is used by the registration that it came from. */
static void judge_wire(const struct multi *m, enum server s)
{
    g_autoptr(GHashTable) of = g_hash_table_new(NULL, NULL), alone = g_hash_table_new(NULL, NULL),
                          count = g_hash_table_new(NULL, NULL);
    json_t *log = sim_log(m->sim[s]), *line;
    GHashTableIter it;
    gpointer connection;
    size_t i;

    json_array_foreach(log, i, line)
    {
        if (!json_object_get(line, "request"))
            continue;
        const char *identity = e2e_text(line, "identity"), *body = e2e_text(line, "body");
        connection = GINT_TO_POINTER((int)json_integer_value(json_object_get(line, "connection")));
        g_assert_true(g_strv_contains(identities[s], identity));
        g_hash_table_insert(count, connection,
                            GINT_TO_POINTER(1 + GPOINTER_TO_INT(g_hash_table_lookup(count, connection))));
        if (g_strcmp0(e2e_text(line, "op"), "create") == 0 && body && strstr(body, "sec:skr"))
            g_hash_table_add(alone, connection);
        unsigned reg = about(m, s, e2e_text(line, "path"));
        if (reg == REGS)
            continue;
        if (!regs[reg].certificate)
            g_assert_cmpstr(identity, ==, regs[reg].kpm);
        gpointer before = g_hash_table_lookup(of, connection);
        g_assert_true(!before || GPOINTER_TO_UINT(before) == reg + 1);
        g_hash_table_insert(of, connection, GUINT_TO_POINTER(reg + 1));
    }
    g_hash_table_iter_init(&it, alone);
    while (g_hash_table_iter_next(&it, &connection, NULL))
        g_assert_cmpint(GPOINTER_TO_INT(g_hash_table_lookup(count, connection)), ==, 1);
    json_decref(log);
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static char *name_of(struct multi *m, unsigned key, char **ret_object)
{
    char *id = e2e_key_of(&m->e, keys[key].profile, ret_object);

    g_assert_nonnull(id);
    g_assert_true(g_str_has_suffix(strchr(id, '@') + 1, keys[key].fqdn));
    g_assert_cmpuint(strlen(strchr(id, '@') + 1), ==, strlen(keys[key].fqdn));
    return id;
}

/* The server has it for the right stakeholder and target, and the token holds the same octets. */
static void judge_key(struct multi *m, unsigned key, const char *id)
{
    g_autofree char *relative = g_strndup(id, strcspn(id, "@"));
    json_t *k = e2e_record(m->sim[keys[key].server], "keys", "ri", relative);
    gsize n;

    g_assert_nonnull(k);
    g_assert_cmpstr(e2e_text(k, "adfq"), ==, keys[key].admin);
    g_assert_cmpstr(json_string_value(json_array_get(json_object_get(k, "tgis"), 0)), ==,
                    "//sp.example.net/in-cse");
    g_autofree guchar *value = g_base64_decode(e2e_text(k, "kv"), &n);
    e2e_assert_in_token(&m->e, id, value, n);
    json_decref(k);
}

static unsigned in_token(struct multi *m, const char *text)
{
    g_autofree char *list = e2e_token_list(&m->e);
    unsigned n = 0;

    for (const char *at = list; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static gboolean is_gone(struct e2e *e, const char *name)
{
    g_autofree char *path = g_strconcat(REG, name, NULL),
                    *state = e2e_get_string(e, path, "Registration", "State");

    return state[0] == '\0';
}

static gboolean try_gone(struct e2e *e, void *name)
{
    return is_gone(e, name);
}

/* Deletes its node and waits for the end of the registration. */
static void end_registration(struct e2e *e, const char *name)
{
    g_autofree char *node = g_strconcat(E2E_MO "/MEFClientRegCfg/", name, NULL), *own = g_strdup(name);

    e2e_delete(e, node);
    e2e_wait(e, "the registration to end", try_gone, own, E2E_WAIT_S);
}

/* ---- tests --------------------------------------------------------------------------------------------- */

/* All at once; then after a restart; then without one of them. */
static void test_at_once(void)
{
    struct multi m;
    char *id[KEYS];

    up(&m);
    issue(&m, 0,
          CERT("a1-1") "," DEV("a1-2", E2E_FQDN) "," NODE("a1-3", "ap-a1", 22) "," NODE("a1-4", "ap-m1", 32));
    issue(&m, 1, NODE("a2-1", "ap-a2", 22) "," DEV("a2-2", E2E_FQDN) "," NODE("a2-3", "ap-m2", 32));
    issue(&m, 2, CERT("b-1") "," NODE("b-2", "ap-b", 22) "," DEV("b-3", FQDN_B) "," NODE("b-4", "ap-m3", 32));
    poll_all(&m, (const unsigned[]){4, 3, 4});
    for (unsigned i = 0; i < REGS; i++)
        e2e_wait_idle(&m.e, regs[i].path);
    for (enum server s = 0; s < SERVERS; s++)
        judge_wire(&m, s);
    /* One registration at each MAF, whoever was first. */
    g_assert_cmpuint(e2e_records(m.sim[SERVER_MAF_1], "registrations"), ==, 1);
    g_assert_cmpuint(e2e_records(m.sim[SERVER_MAF_2], "registrations"), ==, 1);
    for (unsigned i = 0; i < KEYS; i++) {
        g_autofree char *object = NULL, *origin = NULL;
        id[i] = name_of(&m, i, &object);
        origin = e2e_get_string(&m.e, object, "Credential", "Origin");
        g_assert_cmpstr(origin, ==, keys[i].origin);
    }
    g_assert_cmpint(e2e_agent_stop(&m.e, NULL), ==, 0);
    for (unsigned i = 0; i < KEYS; i++)
        judge_key(&m, i, id[i]);
    g_assert_cmpuint(in_token(&m, "private-key\t"), ==, 2);
    e2e_agent_start_ready(&m.e);

    end_registration(&m.e, "a1");
    g_assert_cmpuint(e2e_records(m.sim[SERVER_A], "registrations"), ==, 1);
    g_assert_cmpuint(in_token(&m, id[0]), ==, 0);
    g_assert_cmpuint(in_token(&m, E2E_FQDN " CA"), ==, 0);
    g_assert_cmpuint(in_token(&m, "private-key\t"), ==, 1);
    for (unsigned i = 1; i < KEYS; i++)
        g_assert_cmpuint(in_token(&m, id[i]), ==, 1);
    g_assert_cmpuint(in_token(&m, FQDN_B " CA"), ==, 1);
    g_assert_cmpuint(in_token(&m, "\t" E2E_KPM_ID), ==, 1);
    /* The others go on with what is theirs. */
    issue(&m, 1, NODE("a2-4", "ap-a2", 22));
    issue(&m, 2, NODE("b-5", "ap-b", 22) "," NODE("b-6", "ap-m1", 32));
    poll_all(&m, (const unsigned[]){4, 4, 6});
    for (enum server s = 0; s < SERVERS; s++)
        judge_wire(&m, s);
    for (unsigned i = 0; i < KEYS; i++)
        g_free(id[i]);
    down(&m);
}

/* A node that acts for a CSE and for AEs: targetID may be any of its IDs in any form that is the same ID, and
 * nobody else's; NO_MORE_COMMANDS does not look at it. */
static void test_target(void)
{
    static const struct {
        const char *target;
        int status;
    } rows[] = {
        {E2E_CLIENT, 20},
        {"/gw42", 20},
        {"//m2m.example.com/Cgw42-ae1", 43}, /* another AE: below the SP, not below the CSE */
        {"Cgw42-ae1", 20},
        {E2E_CLIENT "/Cgw42-ae1", 20},
        {"Sgw42-ae2", 20},
        {"//m2m.example.com/Sgw42-ae2", 20},
        {"node-0042", 20},
        {"Cgw42-ae3", 43},
        {"/gw43", 43},
        {"node-0043", 43},
        {"", 43},
    };
    struct e2e e;
    unsigned serial = 0;

    e2e_up(&e, "{\"commands\":[],\"retryDuration\":\"PT10M\"}");
    e2e_configure(&e, "[client]\nkind=node\nnode-id=node-0042\nae-ids=Cgw42-ae1 Sgw42-ae2\n");
    e2e_agent_start_ready(&e);
    g_autofree char *reg = e2e_add_mef(&e);
    e2e_wait_idle(&e, reg);
    e2e_import(
        &e, "{\"format\":1,\"nodes\":[" CSE(
                "r1",
                "ap-12") "{\"type\":\"authenticationProfile\",\"name\":\"ap-12\",\"attrs\":{\"SUID\":12,"
                         "\"TLSCiphersuites\":[\"00AE\"],\"symmKeyID\":\"" E2E_KPM_ID "\"},\"links\":[]}]}");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *cid = g_strdup_printf("t-%zu", i);
        g_autofree char *text =
            g_strdup_printf("{\"cid\":\"%s\",\"class\":\"MO_NODE\",\"tgid\":\"%s\",\"args\":{\"obp\":\"" A
                            "ap-12\",\"obt\":1,\"obsa\":{\"suid\":12}}}",
                            cid, rows[i].target);
        g_test_message("targetID '%s'", rows[i].target);
        json_decref(sim_post(e.sim, "/sim/commands", text));
        poll(&e, reg);
        e2e_wait_reports(&e, ++serial);
        json_t *report = e2e_record(e.sim, "reports", "cid", cid);
        g_assert_nonnull(report);
        g_assert_cmpint(json_integer_value(json_object_get(report, "csc")), ==, rows[i].status);
        json_decref(report);
    }
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

/* Each registration is a thread, so there is a number of them; the next one is refused by a sentence that
 * says which and what to do, and nothing of it stays. One that goes makes room. */
static void test_cap(void)
{
    enum { CAP = 64 };
    struct e2e e;
    g_autoptr(GError) error = NULL;

    e2e_up(&e, "{\"commands\":[],\"retryDuration\":\"PT10M\"}");
    e2e_agent_start_ready(&e);
    g_autofree char *text = g_strdup_printf(one_maf, 9u);
    e2e_import(&e, text);
    for (unsigned i = 0; i < CAP; i++) {
        g_autofree char *name = g_strdup_printf("m%u", i), *admin = g_strdup_printf("a%u.example.org", i);
        G_GNUC_UNUSED g_autoptr(GVariant) v =
            add_mef(&e, name, E2E_FQDN, admin, E2E_KPM_ID, sim_port(e.sim), &error);
        g_assert_no_error(error);
    }
    guint64 before = e2e_get_number(&e, E2E_MO, "Tree", "Generation");
    g_autoptr(GVariant) refused =
        add_mef(&e, "more", E2E_FQDN, "more.example.org", E2E_KPM_ID, sim_port(e.sim), &error);
    g_assert_null(refused);
    g_autofree char *word = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(word, ==, "org.mefclient1.Error.LimitExceeded");
    g_assert_nonnull(strstr(error->message, "'more'"));
    g_assert_nonnull(strstr(error->message, "64 registrations"));
    g_assert_nonnull(strstr(error->message, "delete one first"));
    g_assert_cmpuint(e2e_get_number(&e, E2E_MO, "Tree", "Generation"), ==, before);
    g_assert_true(is_gone(&e, "more"));
    g_clear_error(&error);

    e2e_wait_idle(&e, REG "m7");
    /* One at a MAF is one more of them: 305, and why; by one call it is refused, and no node is left. */
    g_assert_cmpuint(e2e_process(&e, PROFILE "ap_2dm1", 32), ==, 305);
    g_autofree char *why = e2e_get_string(&e, PROFILE "ap_2dm1", "AuthenticationProfile", "NotReadyReason");
    g_assert_nonnull(strstr(why, "64 registrations"));
    g_assert_nonnull(strstr(why, "delete one first"));
    g_autoptr(GVariant) no_maf = add_maf(&e, "maf9", "more.example.org", &error);
    g_assert_null(no_maf);
    g_autofree char *maf_word = g_dbus_error_get_remote_error(error);
    g_assert_cmpstr(maf_word, ==, "org.mefclient1.Error.LimitExceeded");
    g_assert_nonnull(strstr(error->message, "64 registrations"));
    g_clear_error(&error);
    g_autofree char *no_node = e2e_get_string(&e, E2E_MO "/MAFClientRegCfg/maf9", "Node", "Name");
    g_assert_cmpstr(no_node, ==, "");

    end_registration(&e, "m7");
    G_GNUC_UNUSED g_autoptr(GVariant) now =
        add_mef(&e, "more", E2E_FQDN, "more.example.org", E2E_KPM_ID, sim_port(e.sim), &error);
    g_assert_no_error(error);
    e2e_wait_property(&e, REG "more", "Registration", "State", "registered");
    sim_assert_no_violation(e.sim);
    e2e_down(&e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/multi/EE-05/EE-07/EE-22/MC-38/MC-42/MC-43/at-once", test_at_once);
    g_test_add_func("/e2e/multi/MC-12/target", test_target);
    g_test_add_func("/e2e/multi/cap", test_cap);
    return g_test_run();
}
