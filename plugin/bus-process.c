/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Node.Process: MO_NODE by hand (EE-02). The same tables and procedures as for a command; nothing is reported
 * to anybody. Ownership: a `struct processing` lives from the call to its reply. Thread: the loop's; work()
 * the token's. */
#include <errno.h>
#include <string.h>

#include "plugin/asks.h"
#include "plugin/base/str.h"
#include "plugin/bindings.h"
#include "plugin/bus-node.h"
#include "plugin/fetching.h"
#include "plugin/mef/mo-node.h"

struct processing {
    struct engine *e;
    struct bus_call *call;
    struct mo_snapshot node;
    enum mo_node_case what;
    uint32_t status;
    char *credential;
    struct mef_error why;
    struct node_outcome row;
};

static void processing_free(struct processing *p)
{
    (void)bus_call_unref(p->call);
    mo_snapshot_clear(&p->node);
    free(p->credential);
    free(p);
}
DEFINE_CLEANUP(struct processing *, processing_free)

static int store(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct processing *p = ctx;
    return binding_store(sql, &p->row, reterr);
}

static void stored(void *ctx, int r, const struct mef_error *err)
{
    _cleanup_(processing_freep) struct processing *p = ctx;

    if (r != 0) {
        bus_reply_error(p->call, err);
        return;
    }
    (void)binding_show(p->e, &p->row);
    (void)bus_reply(p->call, "us", cmd_status_number((enum cmd_status)p->status, p->e->settings.status_table),
                    cmd_status_name((enum cmd_status)p->status));
}

/* Takes `p` over; answers when the outcome is on the disk. */
static int settle(struct processing *p, struct mef_error *reterr)
{
    p->row = (struct node_outcome){.node = p->node.id,
                                   .status = p->status,
                                   .credential = p->credential,
                                   .why = p->status == CMD_STATUS_OK ? NULL : p->why.text};
    if (db_submit(p->e->db, store, stored, p) < 0) {
        processing_free(p);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    return 0;
}

static int work(void *ctx, struct mef_error *reterr)
{
    struct processing *p = ctx;
    struct vault v = vault_port(&p->e->vault);

    (void)reterr; /* what fails here is the outcome */
    p->status = mo_node_run_local(&v, &p->node, p->what, &p->credential, &p->why);
    return 0;
}

/* Who calls waits for 25 s unless told otherwise; the fetch is over by then. */
#define FETCH_PATIENCE (UINT64_C(20) * 1000000)

static void fetched(void *ctx, const char *credential, const struct mef_error *why)
{
    struct processing *p = ctx;
    struct mef_error err = {0};

    if (p->e->state == ENGINE_STOPPING && !why) {
        (void)mef_fail(&err, MEF_ERROR_CANCELLED, "the plugin stops");
        why = &err;
    }
    if (why && why->word == MEF_ERROR_CANCELLED) {
        bus_reply_error(p->call, why);
        processing_free(p);
        return;
    }
    p->why = why ? *why : (struct mef_error){0};
    p->status = why ? CMD_STATUS_MO_NODE_PROCESSING_FAILED : CMD_STATUS_OK;
    if (!why && !(p->credential = strdup(credential))) {
        p->status = CMD_STATUS_MO_NODE_PROCESSING_FAILED;
        (void)mef_fail(&p->why, MEF_ERROR_FAILED, "out of memory");
    }
    (void)settle(p, &err);
}

/* 3.8, second row: the certificate is not here, but somewhere. True: fetched() will be called. */
static bool fetch(struct processing *p)
{
    const struct fetching_params q = {
        .node = p->node.id, .patience = FETCH_PATIENCE, .ctx = p, .done = fetched};

    return p->what == MO_NODE_CASE_ANCHOR && p->status == CMD_STATUS_MO_NODE_PROCESSING_FAILED &&
           p->why.word == MEF_ERROR_NOT_FOUND && fetching_start(p->e, &q, &p->why) == 0;
}

static void worked(void *ctx, int r, const struct mef_error *err)
{
    struct processing *p = ctx;
    struct mef_error why = {0};

    if (r < 0 || p->e->state == ENGINE_STOPPING) {
        if (r >= 0)
            (void)mef_fail(&why, MEF_ERROR_CANCELLED, "the plugin stops");
        bus_reply_error(p->call, r < 0 ? err : &why);
        processing_free(p);
        return;
    }
    if (!fetch(p))
        (void)settle(p, &why);
}

/* The worker of the registration has done it, the outcome to the node as well. */
static void done_by_worker(void *ctx, uint32_t status, const struct mef_error *err)
{
    _cleanup_(processing_freep) struct processing *p = ctx;

    if (status)
        (void)bus_reply(p->call, "us",
                        cmd_status_number((enum cmd_status)status, p->e->settings.status_table),
                        cmd_status_name((enum cmd_status)status));
    else
        bus_reply_error(p->call, err);
}

/* Keys and registrations at a MAF: a procedure of a worker, with a job behind it. Takes `p` over. */
static int ask_for(struct processing *p, struct mef_error *reterr)
{
    struct registration *r = ask_whom(p->e, &p->node, p->what, &p->why);
    struct mef_task *t = r ? calloc(1, sizeof *t) : NULL;

    if (!r) {
        p->status = CMD_STATUS_MO_NODE_PROCESSING_FAILED;
        return settle(p, reterr);
    }
    if (!t || !(t->node = calloc(1, sizeof *t->node)) || mo_snapshot_copy(&p->node, t->node) < 0) {
        mef_task_free(t);
        processing_free(p);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    t->kind = MEF_TASK_PROCESS;
    t->what = p->what;
    int e = ask_worker(r, t, "process", bus_call_uid(p->call), done_by_worker, p, NULL, reterr);
    if (e < 0)
        processing_free(p);
    return e;
}

static const struct bus_option args_options[] = {
    {"SUID", "u"}, {"objectTypeID", "u"}, {"typeID", "u"}, {NULL, NULL}};
static const struct bus_option no_options[] = {{NULL, NULL}};

static int read_args(struct bus_call *call, const struct mo_node *n, struct mo_node_args *ret,
                     struct mef_error *reterr)
{
    struct bus_dict *d = bus_call_dict(call, 0);
    const struct bus_value *suid;
    int r = bus_call_options(call, 0, args_options, reterr);

    if (r == 0)
        r = bus_call_options(call, 1, no_options, reterr);
    if (r < 0)
        return r;
    if (bus_dict_get(d, "objectTypeID") && bus_dict_get(d, "typeID"))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "'objectTypeID' and 'typeID' are the same; say it once");
    /* By hand the node is there, so its type goes without saying; a type that is said is compared. */
    uint32_t own = mo_type_info(mo_node_type(n))->object_type_id;
    ret->object_type = (uint32_t)bus_dict_u(
        d, "objectTypeID", bus_dict_u(d, "typeID", own ? own : OBJECT_AUTHENTICATION_PROFILE));
    if ((suid = bus_dict_get(d, "SUID"))) {
        ret->specific = MO_NODE_SPECIFIC_SUID;
        ret->suid = (uint32_t)suid->u;
    }
    return 0;
}

int node_process_start(struct engine *e, const struct mo_node *n, struct bus_call *call,
                       struct mef_error *reterr)
{
    _cleanup_(processing_freep) struct processing *p = calloc(1, sizeof *p);
    struct mo_node_args args = {0};
    int r = read_args(call, n, &args, reterr);

    if (r < 0)
        return r;
    if (!p || mo_node_snapshot(e->tree, n, &p->node) < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    p->e = e;
    args.object_path = p->node.path;
    int status = mo_node_judge(&args, &p->node, &e->settings.mo_node, &p->what, &p->why);
    p->call = bus_call_ref(call);
    if (status) {
        p->status = (uint32_t)status;
        return settle(TAKE_PTR(p), reterr);
    }
    if (p->what == MO_NODE_CASE_B || p->what == MO_NODE_CASE_C || p->what == MO_NODE_CASE_MAF)
        return ask_for(TAKE_PTR(p), reterr);
    if (token_thread_submit(e->token_thread, work, worked, p) < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    p = NULL;
    return 0;
}
