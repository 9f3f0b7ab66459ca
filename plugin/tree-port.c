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

#include "plugin/base/str.h"
#include "plugin/bindings.h"
#include "policy/mo-node.h"

struct question {
    atomic_uint refs; /* the worker and the post */
    atomic_bool done; /* what stands below `done` is the loop's before, the worker's after */
    int fd;
    struct engine *e;
    bool settle; /* else resolve */
    char *path;
    uint64_t node;
    uint32_t status;
    char *credential, *why;
    struct mo_snapshot *found;
    int r;
};

static void question_unref(void *data)
{
    struct question *q = data;

    if (atomic_fetch_sub(&q->refs, 1) != 1)
        return;
    closep(&q->fd);
    free(q->path);
    free(q->credential);
    free(q->why);
    mo_snapshot_free(q->found);
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

static void answer(void *ctx, void *data)
{
    struct question *q = data;
    uint64_t one = 1;

    (void)ctx;
    q->r = q->settle ? binding_show(q->e, &(struct outcome_row){.node = q->node,
                                                                .status = q->status,
                                                                .credential = q->credential,
                                                                .why = q->why})
                     : look_up(q);
    atomic_store(&q->done, true);
    ssize_t n = write(q->fd, &one, sizeof one);
    (void)n;
}

/* ---- on the workers ------------------------------------------------------------------------------------ */

static int ask(struct question *q, const struct wait *wait, struct mef_error *reterr)
{
    int r = wait_check(wait);

    if (r == 0) {
        atomic_fetch_add(&q->refs, 1);
        r = post_send(q->e->post, answer, NULL, q, question_unref);
    }
    while (r == 0 && !atomic_load(&q->done)) {
        struct pollfd p[2] = {{.fd = q->fd, .events = POLLIN},
                              {.fd = wait->cancel ? wait->cancel->fd : -1, .events = POLLIN}};
        (void)poll(p, 2, wait_poll_ms(wait, -1));
        if (!atomic_load(&q->done))
            r = wait_check(wait);
    }
    if (r == 0)
        r = q->r;
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

static int port_settle(void *ctx, uint64_t id, uint32_t status, const char *credential, int64_t expires,
                       const char *why, const struct wait *wait, struct mef_error *reterr)
{
    struct engine *e = ctx;
    struct outcome_row row = {
        .node = id, .status = status, .credential = credential, .expires = expires, .why = why};
    _cleanup_(question_unrefp) struct question *q = question_new(e);
    int r = wait_check(wait);

    if (r < 0)
        return r;
    if (!q || (credential && !(q->credential = strdup(credential))) || (why && !(q->why = strdup(why))))
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    q->settle = true;
    q->node = id;
    q->status = status;
    r = db_run(e->db, binding_store, &row, reterr);
    return r < 0 ? r : ask(q, wait, reterr);
}

struct tree_port tree_port(struct engine *e)
{
    return (struct tree_port){.ctx = e, .resolve = port_resolve, .settle = port_settle};
}
