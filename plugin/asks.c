/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks for the workers, from the loop. An answer is posted by the worker; before it is passed on, the token
 * is listed, so that a key that came with it has its object. Ownership: a `struct ask` lives from
 * ask_worker() to its answer. */
#include "plugin/asks.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/registrations.h"

struct ask {
    struct engine *e;
    uint32_t job, status;
    bool failed, heard;
    unsigned refs; /* the post, and who passes it on; the loop's */
    struct mef_error err;
    asked_fn done;
    void *ctx;
};

struct registration *ask_whom(struct engine *e, const struct mo_snapshot *n, enum mo_node_case what,
                              struct mef_error *reterr)
{
    const struct mo_snapshot *cfg = what == MO_NODE_CASE_MAF ? n
                                    : what == MO_NODE_CASE_B ? mo_snapshot_child(n, MGMT_MEF_CLIENT_REG_CFG)
                                                             : mo_snapshot_child(n, MGMT_MAF_CLIENT_REG_CFG);
    struct registration *r = !cfg || !cfg->name       ? NULL
                             : what == MO_NODE_CASE_B ? registration_find(e, cfg->name)
                                                      : registration_at_maf(e, cfg->name, reterr);

    if (r && !r->ending)
        return r;
    if (!reterr || !reterr->word)
        (void)mef_fail(reterr, MEF_ERROR_NOT_REGISTERED, "there is no registration for what '%s' asks",
                       n->path);
    return NULL;
}

static void unref(struct ask *a)
{
    if (--a->refs == 0)
        free(a);
}

static void pass_on(struct ask *a)
{
    const struct mef_error *err = a->failed ? &a->err : NULL;

    a->done(a->ctx, a->status, err);
    job_finish(a->e->jobs, a->job, job_result_of(err), err);
    unref(a);
}

static int list_work(void *ctx, struct mef_error *reterr)
{
    struct ask *a = ctx;

    (void)reterr;
    token_thread_relist(a->e->token_thread);
    return 0;
}

static void listed(void *ctx, int r, const struct mef_error *err)
{
    (void)r, (void)err;
    pass_on(ctx);
}

static void hear(void *ctx, void *data)
{
    struct ask *a = data;

    (void)ctx;
    a->heard = true;
    a->refs++;
    if (a->e->state == ENGINE_STOPPING || token_thread_submit(a->e->token_thread, list_work, listed, a) < 0)
        pass_on(a);
}

/* After hear(), or instead of it when the loop has ended. */
static void posted(void *data)
{
    struct ask *a = data;
    struct mef_error err;

    if (!a->heard) {
        (void)mef_fail(&err, MEF_ERROR_CANCELLED, "the plugin stops");
        a->done(a->ctx, 0, &err);
    }
    unref(a);
}

/* On the worker. */
static void answered(void *ctx, uint32_t status, const struct mef_error *err)
{
    struct ask *a = ctx;

    a->status = status;
    a->failed = err != NULL;
    if (err)
        a->err = *err;
    (void)post_send(a->e->post, hear, NULL, a, posted);
}

int ask_worker(struct registration *r, struct mef_task *t, const char *operation, uid_t uid, asked_fn done,
               void *ctx, const char **ret_job, struct mef_error *reterr)
{
    struct engine *e = r->e;
    char *const objects[] = {(char *)(uintptr_t)registration_path(r), NULL};
    struct ask *a = calloc(1, sizeof *a);
    int result = a ? 0 : mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");

    if (result == 0)
        result = job_new(e->jobs, operation, uid, objects, NULL, registration_job_cancel, e, &t->job, ret_job,
                         reterr);
    if (result == 0) {
        *a = (struct ask){.refs = 1, .e = e, .job = t->job, .done = done, .ctx = ctx};
        t->done = answered;
        t->ctx = a;
        result = mef_client_task(r->client, t, reterr);
        if (result < 0)
            job_finish(e->jobs, a->job, JOB_FAILED, reterr);
    }
    if (result < 0) {
        mef_task_free(t);
        free(a);
    }
    return result;
}
