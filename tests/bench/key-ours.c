/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our side: worker, transport, vault, token and store as the plugin has them, with the token behind a module
 * whose functions can be told apart. The MO tree is a profile per command; what is settled is stored as by
 * the plugin, the loop's look at it is left out as in the command round trip. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/bindings.h"
#include "plugin/journal-store.h"
#include "plugin/vault.h"
#include "policy/mo-node.h"
#include "tests/bench/command.h"
#include "tests/bench/key.h"
#include "tests/bench/worker.h"
#include "tests/lib/token-fixture.h"

#define SHIM TOP_BUILDDIR "/tests/token/.libs/shim-module.so"

struct tree {
    struct db *db;
    uint16_t port; /* of the MEF */
};

static int resolve(void *ctx, const char *object_path, const struct wait *wait, struct mo_snapshot **ret,
                   struct mef_error *reterr)
{
    static char cse[] = KEY_BENCH_TARGET, fqdn[] = COMMAND_FQDN, admin[] = "admin.example.org",
                duration[] = "P30D", label[] = KEY_BENCH_LABEL, suite[] = "00AE";
    char *labels[] = {label, NULL}, *suites[] = {suite, NULL};
    const struct tree *t = ctx;
    struct mo_snapshot parent = {.definition = MGMT_REGISTRATION, .cse_id = cse},
                       child = {.definition = MGMT_MEF_CLIENT_REG_CFG,
                                .path = fqdn,
                                .fqdn = fqdn,
                                .admin_fqdn = admin,
                                .http_port = t->port};
    const struct mo_snapshot n = {.id = strtoul(object_path + strlen(KEY_BENCH_PATH), NULL, 10),
                                  .definition = MGMT_AUTHENTICATION_PROFILE,
                                  .path = (char *)object_path,
                                  .suid = KEY_BENCH_SUID,
                                  .key_reg_duration = duration,
                                  .key_reg_labels = labels,
                                  .suites = suites,
                                  .parents = &parent,
                                  .n_parents = 1,
                                  .children = &child,
                                  .n_children = 1};

    *ret = g_new0(struct mo_snapshot, 1);
    return mo_snapshot_copy(&n, *ret);
}

static int settle(void *ctx, const struct node_outcome *o, const struct wait *wait, struct mef_error *reterr)
{
    const struct tree *t = ctx;
    struct node_outcome row = *o;

    return db_run(t->db, binding_store, &row, reterr);
}

static void put_kpm(struct token *token)
{
    struct secret *key = NULL;
    struct mef_error why = {0};

    if (secret_copy(COMMAND_PSK, strlen(COMMAND_PSK), &key) < 0 ||
        token_put_secret(token, COMMAND_KPM, key, &why) < 0)
        g_error("%s", why.text);
    secret_free(key);
}

void key_ours(const char *dir, uint16_t port)
{
    const struct db_piece pieces[] = {journal_piece, bindings_piece};
    struct token_fixture fixture;
    struct bench_worker w = {0};
    struct mef_error why = {0};
    struct vault_ctx vault = {0};

    token_fixture_setup(&fixture, "bench");
    const struct token_params params = {.uri = fixture.uri, .module = SHIM, .pin_file = fixture.pin_file};
    if (token_new(&params, &vault.token, &why) < 0 || token_open(vault.token, &why) < 0)
        g_error("%s", why.text);
    put_kpm(vault.token);
    bench_worker_open(&w, dir, pieces, G_N_ELEMENTS(pieces));
    struct tree tree = {.db = w.db, .port = port};
    vault.db = w.db;
    w.vault = vault_port(&vault);
    w.tree = (struct tree_port){.ctx = &tree, .resolve = resolve, .settle = settle};
    bench_worker_run(&w, port);
    bench_worker_close(&w);
    token_free(vault.token);
    token_fixture_teardown(&fixture);
}
