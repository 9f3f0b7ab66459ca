/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef: MO_NODE on the wire, with a tree of one node and a token in memory. */
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "tests/unit/mef-world.h"
#include "policy/fingerprint.h"

#define PATH                   "./DCFG/authenticationProfile/ap"
#define ARGS(path, type, more) "{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"" path "\",\"obt\":" type more "}}}"
#define SUID(n)                ",\"obsa\":{\"suid\":" n "}"

static char path[] = PATH, key_id[] = "km-0042@maf.example.net", fingerprint[FINGERPRINT_NI_LEN];
static char *const psk_suites[] = {(char *)"00AE", NULL}, *const cert_suites[] = {(char *)"C023", NULL};
static struct mo_snapshot maf = {.definition = MGMT_MAF_CLIENT_REG_CFG, .http_port = 8443};
static struct mo_snapshot anchor = {.definition = MGMT_TRUST_ANCHOR_CRED};

static struct mo_snapshot key_profile(void)
{
    return (struct mo_snapshot){.id = 7,
                                .definition = MGMT_AUTHENTICATION_PROFILE,
                                .path = path,
                                .suid = 11,
                                .symm_key_id = key_id,
                                .suites = (char **)(uintptr_t)psk_suites,
                                .parents = &maf,
                                .n_parents = 1};
}

static struct mo_snapshot cert_profile(void)
{
    return (struct mo_snapshot){.id = 7,
                                .definition = MGMT_AUTHENTICATION_PROFILE,
                                .path = path,
                                .suid = 41,
                                .my_cert_fingerprint = fingerprint,
                                .suites = (char **)(uintptr_t)cert_suites,
                                .parents = &maf,
                                .n_parents = 1,
                                .children = &anchor,
                                .n_children = 1};
}

/* One command, polled; what was reported. */
static uint32_t run(struct world *w, const char *cdsc)
{
    static unsigned serial;
    g_autofree char *cid = g_strdup_printf("\"m-%u\"", ++serial);
    const struct mef_command command = {.cid = cid, .cdsc = cdsc};

    w->settles = w->resolves = 0;
    world_commands(w, &command, 1);
    world_request(w, MEF_PROC_POLL, 100 + serial);
    g_assert_cmpint(world_finished(w, 100 + serial), ==, 0);
    g_assert_cmpuint(w->commands[0].reports, ==, 1);
    return w->commands[0].reported;
}

static void test_order(void)
{
    struct world *w = world_registered();
    struct mo_snapshot n = key_profile();

    w->node = &n;
    w->key = key_id;
    /* Arguments before the path: the tree is not even asked. */
    g_assert_cmpuint(run(w, ARGS(PATH, "4", SUID("11"))), ==, 42);
    g_assert_cmpuint(run(w, ARGS("", "1", SUID("11"))), ==, 42);
    g_assert_cmpuint(run(w,
                         "{\"ccid\":3,\"tgid\":\"//other.example.com/x\",\"cmda\":{\"mnca\":{\"obp\":\"" PATH
                         "\",\"obt\":1,\"obsa\":{\"suid\":11}}}}"),
                     ==, 43);
    g_assert_cmpuint(w->resolves, ==, 0);
    g_assert_cmpuint(run(w, ARGS("./DCFG/authenticationProfile/no", "1", "")), ==, 300);
    g_assert_cmpuint(w->settles, ==, 0);
    g_assert_cmpuint(run(w, ARGS(PATH, "2", "")), ==, 301);
    g_assert_cmpuint(run(w, ARGS(PATH, "2", SUID("99"))), ==, 301);
    g_assert_cmpuint(run(w, ARGS(PATH, "1", "")), ==, 302);
    g_assert_cmpuint(run(w, ARGS(PATH, "1", ",\"obsa\":[]")), ==, 302);
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("99"))), ==, 302);
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("12"))), ==, 303);
    n.symm_key_id = NULL;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("12"))), ==, 303);
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("11"))), ==, 304);
    g_assert_cmpuint(w->settled, ==, 304);
    g_assert_nonnull(strstr(w->settled_why, "symmKeyID"));
    n.symm_key_id = key_id;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("11"))), ==, 20);
    w->node = NULL;
    world_free(w);
}

static void test_key(void)
{
    struct world *w = world_registered();
    struct mo_snapshot n = key_profile();

    w->node = &n;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("11"))), ==, 305);
    g_assert_cmpuint(w->settled, ==, 305);
    g_assert_null(w->settled_credential);
    w->key = key_id;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("11"))), ==, 20);
    g_assert_cmpstr(w->settled_credential, ==, key_id);
    w->key_error = MEF_ERROR_TOKEN_UNAVAILABLE;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("11"))), ==, 305);
    w->key_error = 0;
    w->key = NULL;
    n.symm_key_value = true; /* the value in the node comes first */
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("11"))), ==, 20);
    w->node = NULL;
    world_free(w);
}

static void test_certificate(void)
{
    struct world *w = world_registered();
    struct mo_snapshot n = cert_profile();
    uint8_t name[32] = {1, 2, 3};
    char hex[2 * KEY_ID_LEN + 1];

    fingerprint_format_ni(name, fingerprint);
    w->node = &n;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("41"))), ==, 305);
    hex_encode(name, KEY_ID_LEN, hex);
    g_hash_table_insert(w->pairs, g_strdup(hex), world_certificate("gw42"));
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("41"))), ==, 20);
    g_assert_cmpuint(strlen(w->settled_credential), ==, 64);
    n.n_children = 0;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("41"))), ==, 304);
    w->node = NULL;
    world_free(w);
}

/* ---- keys from the MEF --------------------------------------------------------------------------------- */

#define REL "9F0C3A5D7E1B42688A90B1C2D3E4F506"
#define SKR(et)                                                                                              \
    "{\"sec:skr\":{\"ty\":5,\"ri\":\"" REL "\",\"et\":\"" et "\",\"lbl\":[\"gw42-maf\"],\"cr\":\"" WORLD_ID  \
    "\",\"adfq\":\"admin.example.org\",\"suid\":21,\"tgis\":[\"maf.example.com\"]}}"

static char maf_fqdn[] = "maf.example.com", mef_fqdn[] = WORLD_FQDN, mef_admin[] = WORLD_ADMIN,
            p90d[] = "P90D";
static char *const key_labels[] = {(char *)"gw42-maf", NULL};
static struct mo_snapshot key_parent = {
    .definition = MGMT_MAF_CLIENT_REG_CFG, .fqdn = maf_fqdn, .http_port = 9443};
static struct mo_snapshot key_child = {.definition = MGMT_MEF_CLIENT_REG_CFG,
                                       .path = path,
                                       .fqdn = mef_fqdn,
                                       .admin_fqdn = mef_admin,
                                       .http_port = 8443};

static struct mo_snapshot mef_key_profile(void)
{
    return (struct mo_snapshot){.id = 7,
                                .definition = MGMT_AUTHENTICATION_PROFILE,
                                .path = path,
                                .suid = 21,
                                .key_reg_duration = p90d,
                                .key_reg_labels = (char **)(uintptr_t)key_labels,
                                .suites = (char **)(uintptr_t)psk_suites,
                                .parents = &key_parent,
                                .n_parents = 1,
                                .children = &key_child,
                                .n_children = 1};
}

/* Answers key registrations: codes below 100 are transport outcomes; one after another, the last one for
 * good. */
struct key_script {
    int codes[3];
    unsigned n, creates, deletes;
};

static int key_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    struct key_script *k = w->hook_ctx;

    if (req->op == MEF_OP_DELETE && g_str_has_suffix(req->to, REL)) {
        k->deletes++;
        world_answer(req, ret, 2002, NULL);
        return 0;
    }
    if (req->op != MEF_OP_CREATE || req->ty != 5)
        return -1;
    int code = k->codes[MIN(k->n, 2)];
    k->n++;
    k->creates++;
    if (code < 100)
        return code;
    world_answer(req, ret, (uint32_t)code, code == 2001 ? SKR("20260530T080000") : NULL);
    return 0;
}

/* mef-protocol.md 6.5 to the letter: body, key, identifier. */
static void test_mef_key(void)
{
    struct world *w = world_registered();
    struct mo_snapshot n = mef_key_profile();
    struct key_script k = {.codes = {2001}};
    const struct seen *create = NULL;

    w->node = &n;
    w->hook = key_hook;
    w->hook_ctx = &k;
    unsigned opens = w->opens;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("21"))), ==, 20);
    g_assert_cmpuint(w->opens, ==, opens + 2); /* one for the exchange, which goes on, one for the key */
    for (guint i = 0; i < w->log->len; i++)
        if (world_seen(w, i)->op == MEF_OP_CREATE)
            create = world_seen(w, i);
    g_assert_cmpstr(create->to, ==, "//" WORLD_FQDN "/-");
    g_assert_cmpuint(create->ty, ==, 5);
    g_assert_cmpstr(
        create->body, ==,
        "{\"sec:skr\":{\"et\":\"20260530T080000\",\"lbl\":[\"gw42-maf\"],\"adfq\":\"admin.example.org\","
        "\"suid\":21,\"tgis\":[\"maf.example.com\"]}}");
    g_assert_cmpuint(strlen(create->body), ==, 119);
    g_assert_cmpstr(w->settled_credential, ==, REL "@" WORLD_FQDN);
    g_assert_cmpint(w->settled_expires, >, w->real);
    GBytes *key = g_hash_table_lookup(w->keys, w->settled_credential);
    g_assert_nonnull(key);
    gsize len;
    const guint8 *octets = g_bytes_get_data(key, &len);
    g_assert_cmpuint(len, ==, 32);
    for (gsize i = 0; i < len; i++) /* output[16..47] of that very session */
        g_assert_cmpuint(octets[i], ==, opens + 2);
    w->node = NULL;
    world_free(w);
}

static void test_mef_key_fails(void)
{
    static const struct {
        int codes[3];
        uint32_t status;
        unsigned creates;
    } rows[] = {
        {{4103, 2001}, 305, 1},
        {{5000, 2001}, 305, 1},
        {{TRANSPORT_TIMEOUT, 2001, 2001}, 20, 2}, /* a new handshake, a new request */
        {{TRANSPORT_BROKEN, TRANSPORT_BROKEN, 2001}, 305, 2},
        {{TRANSPORT_UNREACHABLE, TRANSPORT_UNREACHABLE, 2001}, 305, 2},
        {{TRANSPORT_UNTRUSTED, 2001, 2001}, 305, 1},
        {{TRANSPORT_TOO_BIG, 2001, 2001}, 305, 1},
        {{4001, 2001, 2001}, 20, 2}, /* in another form */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct world *w = world_registered();
        struct mo_snapshot n = mef_key_profile();
        struct key_script k = {.codes = {rows[i].codes[0], rows[i].codes[1], rows[i].codes[2]}};
        g_autofree char *rqi = NULL;
        g_test_message("row %zu", i);
        w->node = &n;
        w->hook = key_hook;
        w->hook_ctx = &k;
        g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("21"))), ==, rows[i].status);
        g_assert_cmpuint(k.creates, ==, rows[i].creates);
        g_assert_cmpuint(g_hash_table_size(w->keys), ==, rows[i].status == 20);
        for (guint s = 0; s < w->log->len; s++)
            if (world_seen(w, s)->ty == 5) {
                g_assert_cmpstr(world_seen(w, s)->rqi, !=, rqi);
                g_free(rqi);
                rqi = g_strdup(world_seen(w, s)->rqi);
            }
        w->node = NULL;
        world_free(w);
    }
}

/* A key that cannot be stored, or tied, is not left at the MEF either. */
static void test_mef_key_unkept(void)
{
    static const struct mef_command again = {.cid = "\"k-1\"", .cdsc = ARGS(PATH, "1", SUID("21"))};
    struct world *w = world_registered();
    struct mo_snapshot n = mef_key_profile();
    struct key_script k = {.codes = {2001, 2001, 2001}};

    w->node = &n;
    w->hook = key_hook;
    w->hook_ctx = &k;
    w->key_error = MEF_ERROR_TOKEN_FULL;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("21"))), ==, 305);
    g_assert_cmpuint(k.deletes, ==, 1);
    w->key_error = 0;
    key_child.http_port = 0; /* the registration's own port stands in (default-ports) */
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("21"))), ==, 20);
    key_child.http_port = 8443;
    key_child.fqdn = maf_fqdn; /* another MEF's */
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("21"))), ==, 305);
    key_child.fqdn = mef_fqdn;
    key_parent.fqdn = NULL; /* no target */
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("21"))), ==, 305);
    key_parent.fqdn = maf_fqdn;
    g_assert_cmpuint(k.creates, ==, 2);
    g_hash_table_remove_all(w->keys);
    w->settle_result = -ETIMEDOUT;
    world_commands(w, &again, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpuint(w->commands[0].reports, ==, 0);
    g_assert_cmpuint(g_hash_table_size(w->keys), ==, 0);
    g_assert_cmpuint(k.deletes, ==, 2);
    w->settle_result = 0;
    world_advance(w, 3600);
    g_assert_cmpuint(w->commands[0].reported, ==, 20);
    g_assert_cmpuint(g_hash_table_size(w->keys), ==, 1);
    w->node = NULL;
    world_free(w);
}

/* What has no procedure here yet is processing that failed, once the node is consistent. */
static void test_others(void)
{
    struct world *w = world_registered();
    struct mo_snapshot n = {.id = 3, .definition = MGMT_TRUST_ANCHOR_CRED, .path = path};

    w->node = &n;
    g_assert_cmpuint(run(w, ARGS(PATH, "2", SUID("11"))), ==, 302);
    g_assert_cmpuint(run(w, ARGS(PATH, "2", "")), ==, 305);
    n.definition = MGMT_MAF_CLIENT_REG_CFG;
    g_assert_cmpuint(run(w, ARGS(PATH, "3", "")), ==, 305);
    n = key_profile();
    n.suid = 14;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("14"))), ==, 305);
    w->node = NULL;
    world_free(w);
}

/* A tree that does not answer is no outcome: the command stays and is executed once it does. */
static void test_tree_silent(void)
{
    static const struct mef_command command = {.cid = "\"c-1\"", .cdsc = ARGS(PATH, "1", SUID("11"))};
    struct world *w = world_registered();
    struct mo_snapshot n = key_profile();

    w->node = &n;
    w->key = key_id;
    w->tree_result = -ETIMEDOUT;
    world_commands(w, &command, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpint(world_finished(w, 2), ==, -1);
    g_assert_cmpuint(w->commands[0].reports, ==, 0);
    w->tree_result = 0;
    world_advance(w, 3600);
    g_assert_cmpint(world_finished(w, 2), ==, 0);
    g_assert_cmpuint(w->commands[0].reported, ==, 20);
    w->node = NULL;
    world_free(w);
}

/* The seed's numbers on the wire, the same statuses inside. */
static void test_seed_table(void)
{
    struct world *w = world_new();
    struct mo_snapshot n = key_profile();

    w->settings.status_table = STATUS_TABLE_SEED;
    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    w->node = &n;
    g_assert_cmpuint(run(w, ARGS("./no", "1", SUID("11"))), ==, 300);
    g_assert_cmpuint(run(w, ARGS(PATH, "2", "")), ==, 301);
    g_assert_cmpuint(run(w, ARGS(PATH, "1", "")), ==, 42);
    g_assert_cmpuint(w->settled, ==, CMD_STATUS_MO_NODE_BAD_ARGS);
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("12"))), ==, 302);
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("11"))), ==, 303);
    g_assert_cmpuint(w->settled, ==, CMD_STATUS_MO_NODE_PROCESSING_FAILED);
    n.symm_key_id = NULL;
    g_assert_cmpuint(run(w, ARGS(PATH, "1", SUID("11"))), ==, 304);
    w->node = NULL;
    world_free(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/mo-node/MC-55/MC-26/MC-27/MC-28/MC-29/MC-30/order", test_order);
    g_test_add_func("/mef/mo-node/MC-37/key", test_key);
    g_test_add_func("/mef/mo-node/MC-44/certificate", test_certificate);
    g_test_add_func("/mef/mo-node/EE-07/MC-38/MC-42/mef-key", test_mef_key);
    g_test_add_func("/mef/mo-node/MC-41/mef-key-fails", test_mef_key_fails);
    g_test_add_func("/mef/mo-node/MC-41/mef-key-unkept", test_mef_key_unkept);
    g_test_add_func("/mef/mo-node/others", test_others);
    g_test_add_func("/mef/mo-node/tree-silent", test_tree_silent);
    g_test_add_func("/mef/mo-node/status-table-seed", test_seed_table);
    return g_test_run();
}
