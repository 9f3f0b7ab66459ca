/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MO commits and their consequences, in the order of mo-tree.md 4.3: durable first, then the nodes on the
 * bus, then T2, then T1, then the reply. */
#include "plugin/commit.h"

#include <errno.h>

#include "plugin/anchors.h"
#include "plugin/base/str.h"
#include "plugin/bindings.h"
#include "plugin/cert-files.h"

struct commit {
    struct engine *e;
    struct burial *burial;
    uint32_t job;
    struct commit_reply reply;
};

static void commit_free(struct commit *c)
{
    burial_free(c->burial);
    free(c);
}

static int prepare(void *ctx, const struct mo_diff *diff, struct mef_error *reterr)
{
    struct commit *c = ctx;

    burial_free(TAKE_PTR(c->burial));
    return registrations_prepare(c->e, diff, &c->burial, reterr);
}

static int also(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct commit *c = ctx;
    return registrations_bury(sql, c->burial, reterr);
}

struct committed {
    struct engine *e;
    const struct mo_diff *diff;
    char **paths;
};

static void fill_committed(struct bus_writer *w, void *ctx)
{
    struct committed *c = ctx;

    bus_write_u(w, c->diff->generation);
    bus_write_s(w, mo_origin_name(c->diff->origin));
    bus_write_strv(w, c->paths);
}

static void tell_committed(struct engine *e, const struct mo_diff *diff)
{
    struct committed c = {.e = e, .diff = diff};

    for (size_t i = 0; i < diff->n; i++) {
        _cleanup_(freep) char *path =
            node_bus_path(diff->changes[i].after ? diff->changes[i].after : diff->changes[i].before);
        if (path)
            (void)strv_push(&c.paths, path);
    }
    bus_changed(e->tree_object, tree_interface.name, "Generation");
    (void)bus_signal_emit_by(e->tree_object, tree_interface.name, "Committed", fill_committed, &c);
    strv_free(c.paths);
    event_emit(&e->sink, &(struct event){.id = EVENT_TREE_COMMITTED},
               "generation %llu of the MO tree: %zu changes, origin %s", (unsigned long long)diff->generation,
               diff->n, mo_origin_name(diff->origin));
}

static void done(void *ctx, int r, uint64_t generation, const struct mo_diff *diff,
                 const struct mef_error *err)
{
    struct commit *c = ctx;
    struct engine *e = c->e;

    if (r == 0 && e->state != ENGINE_STOPPING) {
        if (diff->n) {
            nodes_apply(e, diff);
            bindings_apply(e, diff);
            anchors_apply(e, diff);
            cert_files_tend(e);
            registrations_apply(e, diff, c->job);
            credentials_changed(e);
            tell_committed(e, diff);
        } else if (c->job) {
            job_finish(e->jobs, c->job, JOB_DONE, NULL);
        }
    } else if (r < 0) {
        event_emit(&e->sink, &(struct event){.id = EVENT_TREE_REFUSED, .error = mef_error_name(err->word)},
                   "the MO tree stays as it is: %s", err->text);
        if (c->job)
            job_finish(e->jobs, c->job, JOB_FAILED, err);
    }
    if (c->reply.done)
        c->reply.done(c->reply.ctx, r, generation, err);
    commit_free(c);
}

int commit_tree(struct engine *e, struct mo_tx *tx, uint32_t job, const struct commit_reply *reply,
                struct mef_error *reterr)
{
    struct commit *c = calloc(1, sizeof *c);

    if (!c) {
        mo_tx_rollback(tx);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    c->e = e;
    c->job = job;
    if (reply)
        c->reply = *reply;
    int r = mo_tx_commit(tx, &(struct mo_commit){.ctx = c, .prepare = prepare, .also = also, .done = done});
    if (r < 0) {
        commit_free(c);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    return 0;
}
