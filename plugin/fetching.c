/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ownership: a `struct fetching` is in the engine's list from its start until done() was called; its thread
 * and the token's see it one after the other, never at once. */
#include "plugin/fetching.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "plugin/anchors.h"
#include "plugin/base/str.h"
#include "plugin/cert/chain.h"
#include "plugin/mef/anchor-fetch.h"
#include "plugin/registrations.h"

/* Each is a thread and a connection that a caller made. */
#define FETCHING_MAX 8u

struct fetching {
    struct fetching *next;
    struct engine *e;
    struct fetching_params p;
    pthread_t thread;
    bool joined;
    struct cancel cancel, over; /* over: fired by the thread when only the telling is left */
    char *name, *uri, *fingerprint;
    struct transport transport;
    struct der_list anchors; /* whom the server may be vouched for by, besides the machine's */
    struct der cert;
    char *credential;
    int r;
    struct mef_error why;
};

static void fetching_free(struct fetching *f)
{
    struct fetching **at = &f->e->fetchings;

    while (*at && *at != f)
        at = &(*at)->next;
    if (*at)
        *at = f->next;
    cancel_done(&f->cancel);
    cancel_done(&f->over);
    free(f->name);
    free(f->uri);
    free(f->fingerprint);
    der_list_clear(&f->anchors);
    free(f->cert.data);
    free(f->credential);
    free(f);
}

static void finish(struct fetching *f, const struct mef_error *why)
{
    f->p.done(f->p.ctx, why ? NULL : f->credential, why);
    fetching_free(f);
}

/* ---- the token -------------------------------------------------------------------------------------- */

static int store_work(void *ctx, struct mef_error *reterr)
{
    struct fetching *f = ctx;
    int r = vault_put_anchor(&f->e->vault, f->name, &f->cert, reterr);

    if (r == 0)
        token_thread_relist(f->e->token_thread);
    return r;
}

static void store_done(void *ctx, int r, const struct mef_error *err)
{
    finish(ctx, r < 0 ? err : NULL);
}

/* The node of the request, if it still is what it was: its name owns the certificate. */
static bool unchanged(const struct fetching *f)
{
    const struct mo_node *n = mo_tree_by_id(f->e->tree, f->p.node);

    return n && streq0(mo_node_text(n, MO_CERT_FINGERPRINT), f->fingerprint);
}

static void fetched(void *ctx, void *data)
{
    struct fetching *f = data;

    if (!f->joined) {
        (void)pthread_join(f->thread, NULL);
        f->joined = true;
    }
    if (f->r == 0 && (f->e->state == ENGINE_STOPPING || cancel_fired(&f->cancel)))
        f->r = mef_fail(&f->why, MEF_ERROR_CANCELLED, "the fetch was cancelled");
    if (f->r == 0 && !unchanged(f))
        f->r = mef_fail(&f->why, MEF_ERROR_NOT_FOUND,
                        "the trust anchor '%s' was deleted or changed while it was fetched", f->name);
    if (f->r == 0) {
        job_step(f->e->jobs, f->p.job, 2, 2, "storing it in the token");
        if (token_thread_submit(f->e->token_thread, store_work, store_done, f) == 0)
            return;
        f->r = mef_fail(&f->why, MEF_ERROR_FAILED, "out of memory");
    }
    finish(f, &f->why);
}

/* ---- the thread ------------------------------------------------------------------------------------- */

/* 64 hex digits, as everybody names certificates. */
static int name_it(struct fetching *f)
{
    uint8_t sum[32];
    int r = cert_sha256(f->cert.data, f->cert.len, sum);

    if (r == 0 && !(f->credential = malloc(2 * sizeof sum + 1)))
        r = -ENOMEM;
    if (r == 0)
        hex_encode(sum, sizeof sum, f->credential);
    return r;
}

static void fetch(struct fetching *f)
{
    struct wait wait = {.cancel = &f->cancel, .deadline = DEADLINE_NONE};

    if (f->p.patience)
        wait.deadline = now_monotonic() + f->p.patience;
    f->r = anchor_fetch(&f->transport, f->uri, f->fingerprint, &f->anchors, &wait, &f->cert, &f->why);
    if (f->r == 0)
        f->r = name_it(f);
    if (f->r == -ECANCELED)
        (void)mef_fail(&f->why, MEF_ERROR_CANCELLED, "the fetch was cancelled");
    else if (f->r != 0 && f->why.word == MEF_ERROR_NONE)
        (void)mef_fail(&f->why, MEF_ERROR_FAILED, "the trust anchor could not be fetched: %s",
                       f->r < 0 ? strerrordesc_np(-f->r) : "no answer");
}

/* Nothing is touched after the loop was told, so that the loop's join does not wait. */
static void *run(void *arg)
{
    struct fetching *f = arg;

    fetch(f);
    cancel_fire(&f->over);
    (void)post_send(f->e->post, fetched, NULL, f, NULL);
    return NULL;
}

static int launch(struct fetching *f)
{
    sigset_t all, old;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = -pthread_create(&f->thread, NULL, run, f);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

static int fill(struct fetching *f, const struct mo_node *n)
{
    const char *uri = mo_node_text(n, MO_URI), *fingerprint = mo_node_text(n, MO_CERT_FINGERPRINT);

    f->name = strdup(mo_node_name(n));
    f->uri = strdup(uri);
    f->fingerprint = strdup(fingerprint ? fingerprint : "");
    f->transport = net_transport(f->e->net);
    return f->name && f->uri && f->fingerprint ? credentials_anchors(f->e, &f->anchors) : -ENOMEM;
}

int fetching_start(struct engine *e, const struct fetching_params *p, struct mef_error *reterr)
{
    const struct mo_node *n = mo_tree_by_id(e->tree, p->node);
    unsigned busy = 0;

    if (!n)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "the node is no longer in the tree");
    if (!mo_node_text(n, MO_URI))
        return mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG,
                        "the trust anchor '%s' has no URI to be fetched from; set URI", mo_node_name(n));
    for (struct fetching *f = e->fetchings; f; f = f->next)
        busy++;
    if (busy >= FETCHING_MAX)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "%u trust anchors are being fetched already; try again later", busy);
    struct fetching *f = calloc(1, sizeof *f);
    if (!f)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    f->e = e;
    f->p = *p;
    f->over.fd = -1;
    int r = cancel_init(&f->cancel);
    if (r == 0)
        r = cancel_init(&f->over);
    if (r == 0)
        r = fill(f, n);
    job_step(e->jobs, p->job, 1, 2, "fetching the certificate");
    if (r == 0)
        r = launch(f);
    if (r < 0) {
        fetching_free(f);
        return mef_fail(reterr, MEF_ERROR_FAILED, "the fetch could not be started: %s", strerrordesc_np(-r));
    }
    f->next = e->fetchings;
    e->fetchings = f;
    return 0;
}

void fetching_cancel(void *ctx, uint32_t job)
{
    struct engine *e = ctx;

    for (struct fetching *f = e->fetchings; f; f = f->next)
        if (f->p.job == job)
            cancel_fire(&f->cancel);
}

void fetchings_stop(struct engine *e)
{
    for (struct fetching *f = e->fetchings; f; f = f->next)
        cancel_fire(&f->cancel);
}

/* A join with a deadline of its own (pthread_clockjoin_np) is one that the thread sanitizer does not know. */
int fetchings_join(struct engine *e, uint64_t deadline)
{
    int r = 0;

    for (struct fetching *f = e->fetchings; f; f = f->next) {
        const struct wait wait = {.cancel = &f->over, .deadline = deadline};
        if (!f->joined && wait_sleep(&wait) == -ECANCELED && pthread_join(f->thread, NULL) == 0)
            f->joined = true;
        if (!f->joined)
            r = -ETIMEDOUT;
    }
    return r;
}
