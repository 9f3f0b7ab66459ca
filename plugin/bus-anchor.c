/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TrustAnchorCred.Fetch and Tree.AddTrustAnchorByUri: a trust anchor out of the network as a job. What comes
 * of it goes to the node as the outcome of MO_NODE processing does (MC-46, EE-02). Ownership: a `struct
 * anchor_job` lives from the call to the end of its job. Thread: the loop's. */
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/bindings.h"
#include "plugin/bus-node.h"
#include "plugin/bus-tree.h"
#include "plugin/commit.h"
#include "plugin/fetching.h"
#include "policy/status.h"

struct anchor_job {
    struct engine *e;
    struct bus_call *call; /* of an add, until it is answered */
    uint32_t job;
    uint64_t node;
    char *path, *credential;
    struct mef_error why;
    struct node_outcome row;
};

static void anchor_job_free(struct anchor_job *a)
{
    if (!a)
        return;
    bus_call_unref(a->call);
    free(a->path);
    free(a->credential);
    free(a);
}
DEFINE_CLEANUP(struct anchor_job *, anchor_job_free)

static int no_memory(struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
}

static void end(struct anchor_job *a, const struct mef_error *why)
{
    job_finish(a->e->jobs, a->job, job_result_of(why), why);
    anchor_job_free(a);
}

/* ---- the outcome ------------------------------------------------------------------------------------ */

static int store(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct anchor_job *a = ctx;
    return binding_store(sql, &a->row, reterr);
}

static void stored(void *ctx, int r, const struct mef_error *err)
{
    struct anchor_job *a = ctx;

    if (r == 0)
        (void)binding_show(a->e, &a->row);
    end(a, r < 0 ? err : a->why.word ? &a->why : NULL);
}

static void fetched(void *ctx, const char *credential, const struct mef_error *why)
{
    struct anchor_job *a = ctx;

    /* A fetch that somebody broke off says nothing about the node. */
    if (why && why->word == MEF_ERROR_CANCELLED) {
        end(a, why);
        return;
    }
    if (why)
        a->why = *why;
    else if (!(a->credential = strdup(credential)))
        (void)no_memory(&a->why);
    a->row =
        (struct node_outcome){.node = a->node,
                             .status = a->why.word ? CMD_STATUS_MO_NODE_PROCESSING_FAILED : CMD_STATUS_OK,
                             .credential = a->credential,
                             .why = a->why.word ? a->why.text : NULL};
    if (a->e->state == ENGINE_STOPPING || db_submit(a->e->db, store, stored, a) < 0) {
        (void)mef_fail(&a->why, MEF_ERROR_FAILED, "the outcome of the fetch could not be stored");
        end(a, &a->why);
    }
}

static int begin(struct anchor_job *a, struct mef_error *reterr)
{
    const struct fetching_params p = {.node = a->node, .job = a->job, .ctx = a, .done = fetched};

    job_running(a->e->jobs, a->job);
    return fetching_start(a->e, &p, reterr);
}

/* A job "fetch" for the node at `path`. */
static int anchor_job_new(struct engine *e, struct bus_call *call, const char *path, struct anchor_job **ret,
                          struct mef_error *reterr)
{
    _cleanup_(anchor_job_freep) struct anchor_job *a = calloc(1, sizeof *a);

    if (!a || !(a->path = strdup(path)))
        return no_memory(reterr);
    a->e = e;
    char *const objects[] = {a->path, NULL};
    int r = job_new(e->jobs, "fetch", bus_call_uid(call), objects, NULL, fetching_cancel, e, &a->job, NULL,
                    reterr);
    if (r == 0)
        *ret = TAKE_PTR(a);
    return r;
}

int anchor_fetch_start(struct engine *e, const struct mo_node *n, struct bus_call *call,
                       struct mef_error *reterr)
{
    _cleanup_(freep) char *path = node_bus_path(n);
    struct anchor_job *a = NULL;
    int r = path ? anchor_job_new(e, call, path, &a, reterr) : no_memory(reterr);

    if (r < 0)
        return r;
    a->node = mo_node_id(n);
    uint32_t job = a->job;
    r = begin(a, reterr);
    if (r < 0) {
        end(a, reterr);
        return r;
    }
    return bus_reply(call, "o", job_path(e->jobs, job));
}

/* ---- AddTrustAnchorByUri ---------------------------------------------------------------------------- */

/* The node is in the tree and stays there, whatever comes of the fetch. */
static void committed(void *ctx, int r, uint64_t generation, const struct mef_error *err)
{
    struct anchor_job *a = ctx;
    struct mef_error why = {0};

    if (r == 0 && a->e->state == ENGINE_STOPPING)
        r = mef_fail(&why, MEF_ERROR_CANCELLED, "the plugin stops");
    if (r < 0) {
        err = why.word ? &why : err;
        bus_reply_error(a->call, err);
        end(a, err);
        return;
    }
    const char *job = job_path(a->e->jobs, a->job);
    struct bus_call *call = TAKE_PTR(a->call);
    (void)bus_reply(call, "oo", a->path, job ? job : "/");
    bus_call_unref(call);
    if (begin(a, &why) < 0)
        end(a, &why);
}

static int stage(struct engine *e, struct bus_call *call, const char *name, struct mo_tx **ret,
                 uint64_t *ret_id, struct mef_error *reterr)
{
    const struct mo_input in[] = {
        {.name = "certFingerprint", .kind = MO_INPUT_STRING, .string = bus_call_s(call, 1)},
        {.name = "URI", .kind = MO_INPUT_STRING, .string = bus_call_s(call, 0)}};
    struct mo_tx *tx = NULL;
    int r = mo_tx_begin(e->tree, MO_ORIGIN_LOCAL, NULL, &tx, reterr);

    if (r < 0)
        return r;
    _cleanup_(freep) char *chosen =
        name ? strdup(name) : tree_free_name(e, tx, MO_TRUST_ANCHOR_CRED, "anchor", "");
    struct mo_new what = MO_NEW(MO_TRUST_ANCHOR_CRED, chosen, in, ELEMENTS(in));
    r = chosen ? mo_tx_add(tx, &what, ret_id, reterr) : no_memory(reterr);
    if (r < 0) {
        mo_tx_rollback(tx);
        return r;
    }
    *ret = tx;
    return 0;
}

static const struct bus_option anchor_options[] = {{"Name", "s"}, {NULL, NULL}};

int tree_add_trust_anchor_by_uri(struct bus_call *call, struct mef_error *reterr)
{
    struct engine *e = bus_call_object(call);
    struct anchor_job *a = NULL;
    struct mo_tx *tx = NULL;
    uint64_t id = 0;
    int r = bus_call_options(call, 2, anchor_options, reterr);

    if (r == 0)
        r = stage(e, call, bus_dict_s(bus_call_dict(call, 2), "Name", NULL), &tx, &id, reterr);
    if (r < 0)
        return r;
    _cleanup_(freep) char *path = node_bus_path(mo_tx_by_id(tx, id));
    r = path ? anchor_job_new(e, call, path, &a, reterr) : no_memory(reterr);
    if (r < 0) {
        mo_tx_rollback(tx);
        return r;
    }
    a->node = id;
    a->call = bus_call_ref(call);
    r = commit_tree(e, tx, 0, &(struct commit_reply){.ctx = a, .done = committed}, reterr);
    if (r < 0)
        end(a, reterr);
    return r;
}
