/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef: MO_NODE on the wire, with a tree of one node and a token in memory. */
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "tests/unit/mef-world.h"
#include "policy/fingerprint.h"

#define PATH "./DCFG/authenticationProfile/ap"
#define ARGS(path, type, more) "{\"ccid\":3,\"cmda\":{\"mnca\":{\"obp\":\"" path "\",\"obt\":" type more "}}}"
#define SUID(n) ",\"obsa\":{\"suid\":" n "}"

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
    g_assert_cmpuint(run(w, "{\"ccid\":3,\"tgid\":\"//other.example.com/x\",\"cmda\":{\"mnca\":{\"obp\":\"" PATH
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
    g_test_add_func("/mef/mo-node/others", test_others);
    g_test_add_func("/mef/mo-node/tree-silent", test_tree_silent);
    g_test_add_func("/mef/mo-node/status-table-seed", test_seed_table);
    return g_test_run();
}
