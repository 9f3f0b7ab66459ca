/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <sys/random.h>

#include "plugin/base/post.h"
#include "plugin/base/when.h"
#include "plugin/journal-store.h"
#include "plugin/mef/client.h"
#include "plugin/net/net.h"
#include "policy/subject-id.h"
#include "tests/bench/command.h"
#include "tests/bench/worker.h"

struct end {
    GMutex lock;
    GCond changed;
    gboolean finished;
    struct mef_error error;
};

static int64_t real(void *ctx)
{
    return now_realtime();
}

static uint64_t boot(void *ctx)
{
    return now_boottime();
}

static int octets(void *ctx, void *buf, size_t len)
{
    return getrandom(buf, len, 0) == (ssize_t)len ? 0 : -EIO;
}

static void on_registration(void *ctx, const struct reg_record *r, const char *credential,
                            const struct mef_error *last_error)
{
}

static void on_command(void *ctx, const struct cmd_record *c)
{
}

static void on_attention(void *ctx, const char *node, const char *reason, const char *text)
{
}

static void on_finished(void *ctx, uint32_t job, const struct mef_error *err)
{
    struct end *e = ctx;

    g_mutex_lock(&e->lock);
    e->finished = TRUE;
    if (err)
        e->error = *err;
    g_cond_signal(&e->changed);
    g_mutex_unlock(&e->lock);
}

void bench_worker_open(struct bench_worker *w, const char *dir, const struct db_piece *pieces, size_t n)
{
    struct mef_error why = {0};

    if (post_new(&w->post) < 0 || db_open(dir, pieces, n, w->post, &w->db, &why) < 0)
        g_error("%s", why.text);
}

static void run_client(const struct mef_client_params *p, struct end *end)
{
    struct client *client = NULL;
    struct mef_error why = {0};

    if (mef_client_new(p, &client, &why) < 0 || mef_client_start(client, &why) < 0 ||
        mef_client_request(client, MEF_PROC_REGISTER, 1, &why) < 0)
        g_error("%s", why.text);
    g_mutex_lock(&end->lock);
    while (!end->finished)
        g_cond_wait(&end->changed, &end->lock);
    g_mutex_unlock(&end->lock);
    if (end->error.word != MEF_ERROR_NONE)
        g_error("%s", end->error.text);
    mef_client_stop(client);
    g_assert_cmpint(mef_client_join(client, DEADLINE_NONE), ==, 0);
    mef_client_free(client);
}

void bench_worker_run(const struct bench_worker *w, uint16_t port)
{
    char *const resolve[] = {(char *)COMMAND_FQDN ":127.0.0.1", NULL};
    struct net_params net_params = {.resolve = resolve};
    struct mef_settings settings = {0};
    struct identity who = {.kind = CLIENT_CSE, .id = COMMAND_CLIENT};
    struct mef_reg_config config = {.node = (char *)"mef1",
                                    .fqdn = (char *)COMMAND_FQDN,
                                    .admin_fqdn = (char *)"admin.example.org",
                                    .http_port = port,
                                    .credential = CREDENTIAL_PSK,
                                    .key_id = (char *)COMMAND_KPM};
    struct mef_error why = {0};
    struct end end = {0};
    struct net *net = NULL;

    if (net_new(&net_params, &net, &why) < 0)
        g_error("%s", why.text);
    const struct mef_client_params p = {
        .clock = {.realtime = real, .boottime = boot, .random = octets},
        .transport = net_transport(net),
        .vault = w->vault,
        .journal = journal_port(w->db),
        .observer = {.ctx = &end,
                     .registration = on_registration,
                     .command = on_command,
                     .attention = on_attention,
                     .finished = on_finished},
        .tree = w->tree,
        .settings = &settings,
        .config = &config,
        .identity = &who,
    };
    run_client(&p, &end);
    net_free(net);
}

void bench_worker_close(struct bench_worker *w)
{
    db_close(w->db);
    post_free(w->post);
}
