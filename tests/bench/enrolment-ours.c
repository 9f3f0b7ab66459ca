/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our side: EST, transport, vault, token and store as the worker has them, with the token behind a module
 * whose functions can be told apart. */
#include <glib.h>
#include <openssl/evp.h>
#include <string.h>

#include "pkcs11/provider.h"
#include "plugin/base/when.h"
#include "plugin/cert/est.h"
#include "plugin/journal-store.h"
#include "plugin/net/net.h"
#include "plugin/vault.h"
#include "tests/bench/enrolment.h"
#include "tests/bench/figure.h"
#include "tests/lib/token-fixture.h"

#define SHIM TOP_BUILDDIR "/tests/token/.libs/shim-module.so"

struct side {
    struct token_fixture fixture;
    struct token *token;
    struct post *post;
    struct db *db;
    struct net *net;
    struct first first;
    EVP_PKEY *key;
};

static int64_t real(void *ctx)
{
    return now_realtime();
}

static void set_up(struct side *s, const char *dir)
{
    static const struct db_piece *const pieces = &journal_piece;
    static const uint8_t id[KEY_ID_LEN] = "first";
    char *const resolve[] = {(char *)ENROLMENT_FQDN ":127.0.0.1", NULL};
    struct net_params net = {.resolve = resolve};
    struct mef_error why = {0};

    token_fixture_setup(&s->fixture, "bench");
    struct token_params token = {.uri = s->fixture.uri, .module = SHIM, .pin_file = s->fixture.pin_file};
    g_autofree char *state = g_build_filename(dir, "state", NULL);
    if (post_new(&s->post) < 0 || db_open(state, pieces, 1, s->post, &s->db, &why) < 0 ||
        net_new(&net, &s->net, &why) < 0 || token_new(&token, &s->token, &why) < 0 ||
        token_open(s->token, &why) < 0 || token_generate_p256(s->token, id, sizeof id, "first", &why) < 0 ||
        token_key_to_evp(s->token, id, sizeof id, &s->key, &why) < 0)
        g_error("%s", why.text);
    first_certificate(&s->first, dir, ENROLMENT_FQDN, NULL, s->key);
}

static void tear_down(struct side *s)
{
    first_done(&s->first);
    EVP_PKEY_free(s->key);
    token_free(s->token);
    net_free(s->net);
    db_close(s->db);
    post_free(s->post);
    token_fixture_teardown(&s->fixture);
}

void enrolment_ours(unsigned rounds)
{
    char *dir = memory_dir();
    struct side s = {0};

    set_up(&s, dir);
    struct vault_ctx ctx = {.token = s.token, .db = s.db};
    struct transport transport = net_transport(s.net);
    struct vault vault = vault_port(&ctx);
    struct clock_port clock = {.realtime = real};
    struct credential with = {
        .kind = CREDENTIAL_CERT, .key = s.key, .chain = &s.first.chain, .anchors = &s.first.anchors};
    g_autofree char *uri =
        g_strdup_printf("https://" ENROLMENT_FQDN ":%u/.well-known/est", sim_port(s.first.sim));
    for (unsigned i = 1; i <= rounds; i++) {
        struct wait wait = {.deadline = now_monotonic() + 60 * USEC_PER_SEC};
        struct est_params p = {.transport = &transport,
                               .vault = &vault,
                               .clock = &clock,
                               .wait = &wait,
                               .uri = uri,
                               .with = &with,
                               .renew = &with,
                               .subject_id = ENROLMENT_ID,
                               .san = &enrolment_san,
                               .label = ENROLMENT_ID,
                               .owner = "mef1"};
        struct est_result got = {0};
        struct mef_error why = {0};
        memcpy(p.key_id, &i, sizeof i);
        cert_begin(transport.lib); /* as the worker does for an exchange */
        if (est_enrol(&p, &got, &why) != 0)
            g_error("%s", why.text);
        cert_end();
        g_assert_true(got.renewed);
        est_result_clear(&got);
    }
    tear_down(&s);
    rm_dir(dir);
}
