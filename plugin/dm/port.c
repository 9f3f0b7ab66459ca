/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The workers' side of DM sessions: an errand is posted to the loop and waited for, until it is settled, the
 * worker is cancelled, or the loop has been silent for too long. Ownership: errands are counted. Thread: the
 * worker, but for errand_settle() and what is posted. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "plugin/base/str.h"
#include "plugin/dm/internal.h"

#define POLL_CAP_MS 60000

struct errand *errand_ref(struct errand *e)
{
    (void)atomic_fetch_add(&e->refs, 1);
    return e;
}

void errand_unref(struct errand *e)
{
    if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
        return;
    if (e->fd >= 0)
        (void)close(e->fd);
    free(e->uri);
    free(e->fqdn);
    free(e->node);
    free(e);
}

DEFINE_CLEANUP(struct errand *, errand_unref)

void errand_settle(struct errand *e, int result, const struct mef_error *err)
{
    const uint64_t one = 1;

    e->result = result;
    if (err)
        e->err = *err;
    atomic_store(&e->settled, true);
    ssize_t n = write(e->fd, &one, sizeof one);
    (void)n;
    errand_unref(e);
}

static int errand_new(struct dm *d, const struct dm_request *request, bool run, struct errand **ret)
{
    _cleanup_(errand_unrefp) struct errand *e = calloc(1, sizeof *e);

    if (!e)
        return -ENOMEM;
    atomic_init(&e->refs, 1);
    e->dm = d;
    e->run = run;
    e->protocol = request->protocol;
    e->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (e->fd < 0)
        return -errno;
    if ((request->uri && !(e->uri = strdup(request->uri))) ||
        (request->fqdn && !(e->fqdn = strdup(request->fqdn))) ||
        (request->node && !(e->node = strdup(request->node))))
        return -ENOMEM;
    *ret = TAKE_PTR(e);
    return 0;
}

static void take(void *ctx, void *data)
{
    dm_take(ctx, errand_ref(data));
}

static void abandon(void *ctx, void *data)
{
    dm_abandon(ctx, data);
}

static void drop(void *data)
{
    errand_unref(data);
}

/* 0 when it is settled; -ECANCELED; -ETIMEDOUT. */
static int wait_settled(struct errand *e, const struct wait *wait)
{
    for (;;) {
        struct pollfd p[] = {{.fd = e->fd, .events = POLLIN},
                             {.fd = wait->cancel ? wait->cancel->fd : -1, .events = POLLIN}};
        int r = wait_check(wait);
        if (atomic_load(&e->settled))
            return 0;
        if (r < 0)
            return r;
        if (poll(p, ELEMENTS(p), wait_poll_ms(wait, POLL_CAP_MS)) < 0 && errno != EINTR)
            return -errno;
    }
}

static int send_errand(struct dm *d, const struct dm_request *request, bool run, const struct wait *wait,
                       struct mef_error *reterr)
{
    _cleanup_(errand_unrefp) struct errand *e = NULL;
    struct wait within = wait_within(wait, dm_patience(d));
    int r = errand_new(d, request, run, &e);

    if (r == 0)
        r = post_send(dm_post(d), take, d, errand_ref(e), drop);
    if (r < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "a DM session could not be asked for: %s", strerror(-r));
    r = wait_settled(e, &within);
    if (r < 0) {
        (void)post_send(dm_post(d), abandon, d, errand_ref(e), drop);
        if (r != -ECANCELED)
            (void)mef_fail(reterr, MEF_ERROR_TIMED_OUT, "the DM session did not come to an end");
        return r;
    }
    if (e->err.word && reterr)
        *reterr = e->err;
    return e->result;
}

static int port_offered(void *ctx, uint32_t protocol, const struct wait *wait, struct mef_error *reterr)
{
    return send_errand(ctx, &(struct dm_request){.protocol = protocol}, false, wait, reterr);
}

static int port_run(void *ctx, const struct dm_request *request, const struct wait *wait,
                    struct mef_error *reterr)
{
    int r = send_errand(ctx, request, true, wait, reterr);

    return r >= 0 || r == -ECANCELED ? r : DM_CLIENT_ERROR;
}

struct dm_port dm_port(struct dm *d)
{
    return (struct dm_port){.ctx = d, .offered = port_offered, .run = port_run};
}
