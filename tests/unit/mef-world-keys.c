/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/mef-world-keys.h"

#include <string.h>

static char path[] = WORLD_PROFILE, fqdn[] = WORLD_FQDN, admin[] = WORLD_ADMIN,
            cse[] = "//sp.example.net/in-cse", days[] = "P10D";
static char *const suites[] = {(char *)"00AE", NULL}, *const labels[] = {(char *)"saef", NULL};
static struct mo_snapshot parent = {.definition = MGMT_REGISTRATION, .cse_id = cse};
struct mo_snapshot world_key_child = {.path = path, .fqdn = fqdn, .admin_fqdn = admin, .http_port = 8443};

struct mo_snapshot world_profile(bool maf)
{
    world_key_child.definition = maf ? MGMT_MAF_CLIENT_REG_CFG : MGMT_MEF_CLIENT_REG_CFG;
    return (struct mo_snapshot){.id = 7,
                                .definition = MGMT_AUTHENTICATION_PROFILE,
                                .path = path,
                                .suid = maf ? 32 : 22,
                                .key_reg_duration = days,
                                .key_reg_labels = (char **)(uintptr_t)labels,
                                .suites = (char **)(uintptr_t)suites,
                                .parents = &parent,
                                .n_parents = 1,
                                .children = &world_key_child,
                                .n_children = 1};
}

static void create(struct world *w, struct world_keys *k, const struct seen *req, struct answer *ret)
{
    const char *et = strstr(req->body, "\"et\":\"");

    k->creates++;
    if (k->refuse) {
        world_answer(req, ret, k->refuse, NULL);
        return;
    }
    g_autofree char *text = g_strdup_printf(
        "{\"sec:skr\":{\"ri\":\"key-%u\",\"et\":\"%.15s\",\"cr\":\"" WORLD_ID "\",\"adfq\":\"" WORLD_ADMIN
        "\",\"suid\":%d,\"tgis\":[\"//sp.example.net/in-cse\"]}}",
        k->creates, et + 6, w->config.maf ? 32 : 22);
    world_answer(req, ret, 2001, text);
}

int world_key_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    struct world_keys *k = w->hook_ctx;
    g_autofree char *text = NULL;

    if (req->op == MEF_OP_CREATE && req->ty == 5) {
        create(w, k, req, ret);
        return 0;
    }
    if (!strstr(req->to, "/key-"))
        return -1;
    if (req->op == MEF_OP_DELETE) {
        k->deletes++;
        world_answer(req, ret, 2002, NULL);
    } else if (req->op == MEF_OP_UPDATE) {
        k->updates++;
        text = k->et ? g_strdup_printf("{\"sec:skr\":{\"et\":\"%s\"}}", k->et) : NULL;
        world_answer(req, ret, 2004, text);
    } else if (k->value) {
        k->retrieves++;
        text = g_strdup_printf("{\"sec:skr\":{\"ri\":\"key-9\",\"et\":\"%s\",\"kv\":\"%s\"}}",
                               k->et ? k->et : "20260530T080000", k->value);
        world_answer(req, ret, 2000, text);
    } else {
        k->retrieves++;
        world_answer(req, ret, 4103, NULL);
    }
    return 0;
}

struct world *world_with_key(struct mo_snapshot *n, struct world_keys *k)
{
    static const struct mef_command command = {.cid = "\"k-1\"", .cdsc = WORLD_KEY_ARGS};
    struct world *w = world_registered();

    w->node = n;
    w->hook = world_key_hook;
    w->hook_ctx = k;
    world_commands(w, &command, 1);
    world_request(w, MEF_PROC_POLL, 2);
    g_assert_cmpuint(w->commands[0].reported, ==, 20);
    g_assert_cmpstr(w->settled_credential, ==, WORLD_KEY(1));
    g_assert_cmpuint(k->creates, ==, 1);
    return w;
}

struct world *world_with_maf_key(struct mo_snapshot *n, struct world_keys *k, const char *et)
{
    struct world *w = world_new();
    struct world_result r;

    w->config.maf = true;
    w->config.expires = 0;
    w->et = et;
    w->node = n;
    w->hook = world_key_hook;
    w->hook_ctx = k;
    world_start(w);
    g_assert_cmpint(world_run_task(w, world_process_task(n, MO_NODE_CASE_C, &r), &r), ==, MEF_ERROR_NONE);
    g_assert_cmpuint(r.status, ==, 20);
    g_assert_cmpstr(w->settled_credential, ==, WORLD_KEY(1));
    g_assert_cmpuint(w->registrations, ==, 1);
    g_assert_cmpuint(w->log->len, ==, 2);
    g_ptr_array_set_size(w->log, 0);
    return w;
}

/* ---- tasks --------------------------------------------------------------------------------------------- */

static void task_done(void *ctx, uint32_t status, const struct mef_error *err)
{
    struct world_result *r = ctx;

    g_mutex_lock(&r->lock);
    g_assert_false(r->done);
    r->done = true;
    r->status = status;
    r->word = err ? err->word : MEF_ERROR_NONE;
    g_cond_signal(&r->changed);
    g_mutex_unlock(&r->lock);
}

struct mef_task *world_task(enum mef_task_kind kind, const char *key_id, struct world_result *r)
{
    struct mef_task *t = calloc(1, sizeof *t);

    *r = (struct world_result){0};
    *t = (struct mef_task){
        .kind = kind, .key_id = key_id ? strdup(key_id) : NULL, .done = task_done, .ctx = r};
    return t;
}

enum mef_error_word world_run_task(struct world *w, struct mef_task *t, struct world_result *r)
{
    g_assert_cmpint(mef_client_task(w->client, t, NULL), ==, 0);
    g_mutex_lock(&r->lock);
    while (!r->done)
        g_cond_wait(&r->changed, &r->lock);
    g_mutex_unlock(&r->lock);
    world_idle(w);
    return r->word;
}

struct mef_task *world_process_task(const struct mo_snapshot *n, enum mo_node_case what,
                                    struct world_result *r)
{
    struct mef_task *t = world_task(MEF_TASK_PROCESS, NULL, r);

    t->what = what;
    t->node = calloc(1, sizeof *t->node);
    g_assert_cmpint(mo_snapshot_copy(n, t->node), ==, 0);
    return t;
}
