/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions of the workers to the MO tree, which belongs to the loop: a call is posted, the worker waits on
 * an eventfd beside its cancel. While the plugin stops the loop joins the workers and runs no posts, so such
 * a wait ends by the cancel; the question itself is owned by both sides and outlives whoever leaves first. */
#include "plugin/tree-port.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

#include "plugin/asks.h"
#include "plugin/base/str.h"
#include "plugin/bindings.h"
#include "plugin/registrations.h"
#include "policy/mo-node.h"

struct question {
    atomic_uint refs; /* the worker and the post */
    atomic_bool done; /* what stands below `done` is the loop's before, the worker's after */
    int fd;
    struct engine *e;
    enum { RESOLVE, SETTLE, DELEGATE } kind;
    char *path;
    struct mo_snapshot *node; /* DELEGATE, and the next */
    enum mo_node_case what;
    struct node_outcome outcome; /* its texts are this question's own */
    struct mo_snapshot *found;
    uint32_t status;
    int r;
    struct mef_error err; /* of r, word NONE: out of memory */
};

static void question_unref(void *data)
{
    struct question *q = data;

    if (atomic_fetch_sub(&q->refs, 1) != 1)
        return;
    closep(&q->fd);
    free(q->path);
    free((char *)(uintptr_t)q->outcome.credential);
    free((char *)(uintptr_t)q->outcome.why);
    mo_snapshot_free(q->found);
    mo_snapshot_free(q->node);
    free(q);
}
DEFINE_CLEANUP(struct question *, question_unref)

static struct question *question_new(struct engine *e)
{
    struct question *q = calloc(1, sizeof *q);

    if (!q)
        return NULL;
    atomic_init(&q->refs, 1);
    q->e = e;
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->fd < 0) {
        free(q);
        return NULL;
    }
    return q;
}

/* ---- on the loop --------------------------------------------------------------------------------------- */

static int look_up(struct question *q)
{
    const struct mo_node *n = mo_tree_resolve(q->e->tree, q->path);

    if (!n)
        return 0;
    if (!(q->found = calloc(1, sizeof *q->found)))
        return -ENOMEM;
    return mo_node_snapshot(q->e->tree, n, q->found);
}

static void answer(struct question *q, int r)
{
    uint64_t one = 1;

    q->r = r;
    atomic_store(&q->done, true);
    ssize_t n = write(q->fd, &one, sizeof one);
    (void)n;
}

/* On the other registration's worker. */
static void processed(void *ctx, uint32_t status, const struct mef_error *err)
{
    struct question *q = ctx;

    q->status = status;
    if (err)
        q->err = *err;
    answer(q, status ? 0 : -EIO);
    question_unref(q);
}

static int pass_on(struct question *q)
{
    struct registration *r = ask_whom(q->e, q->node, q->what, &q->err);
    struct mef_task *t = r ? calloc(1, sizeof *t) : NULL;

    if (!t)
        return r ? -ENOMEM : -ENOENT;
    *t = (struct mef_task){
        .kind = MEF_TASK_PROCESS, .node = TAKE_PTR(q->node), .what = q->what, .done = processed, .ctx = q};
    atomic_fetch_add(&q->refs, 1);
    int e = mef_client_task(r->client, t, &q->err);
    if (e < 0) {
        mef_task_free(t);
        question_unref(q);
    }
    return e;
}

static void hear(void *ctx, void *data)
{
    struct question *q = data;
    int r = 0;

    (void)ctx;
    switch (q->kind) {
    case RESOLVE:
        r = look_up(q);
        break;
    case SETTLE:
        r = binding_show(q->e, &q->outcome);
        break;
    case DELEGATE:
        r = pass_on(q);
        if (r == 0)
            return; /* the worker answers */
        break;
    }
    answer(q, r);
}

/* ---- on the workers ------------------------------------------------------------------------------------ */

static int ask(struct question *q, const struct wait *wait, struct mef_error *reterr)
{
    int r = wait_check(wait);

    if (r == 0) {
        atomic_fetch_add(&q->refs, 1);
        r = post_send(q->e->post, hear, NULL, q, question_unref);
    }
    while (r == 0 && !atomic_load(&q->done)) {
        struct pollfd p[2] = {{.fd = q->fd, .events = POLLIN},
                              {.fd = wait->cancel ? wait->cancel->fd : -1, .events = POLLIN}};
        (void)poll(p, 2, wait_poll_ms(wait, -1));
        if (!atomic_load(&q->done))
            r = wait_check(wait);
    }
    if (r == 0 && (r = q->r) < 0 && q->err.word) {
        if (reterr)
            *reterr = q->err;
        return r;
    }
    if (r == -ETIMEDOUT)
        return mef_fail(reterr, MEF_ERROR_TIMED_OUT, "the loop of the host did not run in time");
    if (r == -ECANCELED)
        return mef_fail(reterr, MEF_ERROR_CANCELLED, "cancelled");
    return r < 0 ? mef_fail(reterr, MEF_ERROR_FAILED, "out of memory") : 0;
}

static int port_resolve(void *ctx, const char *object_path, const struct wait *wait, struct mo_snapshot **ret,
                        struct mef_error *reterr)
{
    _cleanup_(question_unrefp) struct question *q = question_new(ctx);

    if (!q || !(q->path = strdup(object_path)))
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    int r = ask(q, wait, reterr);
    if (r == 0)
        *ret = TAKE_PTR(q->found);
    return r;
}

static int port_settle(void *ctx, const struct node_outcome *o, const struct wait *wait,
                       struct mef_error *reterr)
{
    struct engine *e = ctx;
    struct node_outcome row = *o;
    _cleanup_(question_unrefp) struct question *q = question_new(e);
    int r = wait_check(wait);

    if (r < 0)
        return r;
    if (!q || (o->credential && !(q->outcome.credential = strdup(o->credential))) ||
        (o->why && !(q->outcome.why = strdup(o->why))))
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    q->kind = SETTLE;
    q->outcome.node = o->node;
    q->outcome.status = o->status;
    r = db_run(e->db, binding_store, &row, reterr);
    return r < 0 ? r : ask(q, wait, reterr);
}

static int port_delegate(void *ctx, const struct mo_snapshot *n, int what, const struct wait *wait,
                         uint32_t *ret_status, struct mef_error *reterr)
{
    _cleanup_(question_unrefp) struct question *q = question_new(ctx);

    if (!q || !(q->node = calloc(1, sizeof *q->node)) || mo_snapshot_copy(n, q->node) < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    q->kind = DELEGATE;
    q->what = (enum mo_node_case)what;
    int r = ask(q, wait, reterr);
    if (r < 0)
        return r;
    *ret_status = q->status;
    if (reterr && q->err.word)
        *reterr = q->err;
    return 0;
}

struct tree_port tree_port(struct engine *e)
{
    return (struct tree_port){
        .ctx = e, .resolve = port_resolve, .settle = port_settle, .delegate = port_delegate};
}
