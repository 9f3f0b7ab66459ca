/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.mefclient1.Tree (interfaces.md 2): typed adds, transactions, Apply, Import, Export. Every change is one
 * MO transaction; the reply waits for the disk. Held transactions end with their caller or after 60 s without
 * a call, those of a DM session with the session. The origin is local, or mef-dm for a transaction that a DM
 * session's owner begins. */
#include "plugin/bus-tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/anchors.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/bus-input.h"
#include "plugin/commit.h"
#include "plugin/dm/dm.h"

#define HOLD_USEC (UINT64_C(60) * 1000000)
#define HELD_MAX  16u

struct tree_tx {
    struct tree_tx *next;
    struct engine *e;
    uint32_t id;
    struct mo_tx *tx;
    uint64_t session; /* of a DM client; 0 = an ordinary caller's */
    char *node;       /* its registration */
    char *sender;
    struct bus_sender_watch *watch;
    sd_event_source *timer;
};

static struct engine *engine_of(struct bus_call *call)
{
    return bus_call_object(call);
}

static int no_memory(struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
}

/* ---- held transactions ------------------------------------------------------------------------------ */

static struct mo_tx *held_free(struct tree_tx *t)
{
    struct tree_tx **at = &t->e->transactions;
    struct mo_tx *tx = t->tx;

    while (*at && *at != t)
        at = &(*at)->next;
    if (*at)
        *at = t->next;
    bus_sender_unwatch(t->watch);
    sd_event_source_disable_unref(t->timer);
    free(t->node);
    free(t->sender);
    free(t);
    return tx;
}

void tree_transactions_free(struct engine *e)
{
    while (e->transactions)
        mo_tx_rollback(held_free(e->transactions));
}

static void on_sender_gone(void *ctx, const char *sender)
{
    struct tree_tx *t = ctx;

    t->watch = NULL; /* freed after this */
    mo_tx_rollback(held_free(t));
}

static int on_held_too_long(sd_event_source *s, uint64_t usec, void *ctx)
{
    mo_tx_rollback(held_free(ctx));
    return 0;
}

static struct tree_tx *held_find(struct engine *e, uint32_t id)
{
    for (struct tree_tx *t = e->transactions; t; t = t->next)
        if (t->id == id)
            return t;
    return NULL;
}

static int held_of(struct engine *e, struct bus_call *call, uint32_t id, struct tree_tx **ret,
                   struct mef_error *reterr)
{
    struct tree_tx *t = held_find(e, id);

    if (!t || !streq(t->sender, bus_call_sender(call)))
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND,
                        "you hold no transaction %u; it may have ended after 60 s without a call", id);
    if (t->timer)
        (void)sd_event_source_set_time_relative(t->timer, HOLD_USEC);
    *ret = t;
    return 0;
}

static const struct bus_option begin_options[] = {{"Session", "o"}, {NULL, NULL}};

const char *tree_action(struct engine *e, struct bus_call *call, uint32_t id)
{
    const struct tree_tx *t = e && id ? held_find(e, id) : NULL;

    return t && t->session && streq(t->sender, bus_call_sender(call)) ? BUS_READONLY
                                                                      : BUS_ACTION("configure");
}

bool tree_session_rollback(struct engine *e, uint64_t session)
{
    for (struct tree_tx *t = e->transactions; t; t = t->next)
        if (t->session == session) {
            mo_tx_rollback(held_free(t));
            return true;
        }
    return false;
}

/* The session that the option names, if the caller owns it. */
static struct dm_session *session_of(struct bus_call *call)
{
    struct engine *e = engine_of(call);
    const struct bus_value *v = bus_dict_get(bus_call_dict(call, 0), "Session");

    return e && v && (streq(v->sig, "o") || streq(v->sig, "s"))
               ? dm_session_find(e->dm, bus_call_sender(call), v->s)
               : NULL;
}

static const char *begin_action(struct bus_call *call)
{
    return session_of(call) ? BUS_READONLY : BUS_ACTION("configure");
}

static int may_begin(struct engine *e, struct bus_call *call, const struct dm_session *session,
                     struct mef_error *reterr)
{
    uint64_t id = session ? dm_session_id(session) : 0;
    unsigned n = 0;

    if (!session && bus_dict_get(bus_call_dict(call, 0), "Session"))
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "'%s' is no running DM session of yours",
                        bus_dict_s(bus_call_dict(call, 0), "Session", ""));
    if (session && dm_session_committed(session))
        return mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED,
                        "this DM session has committed its transaction; a session has one");
    for (struct tree_tx *t = e->transactions; t; t = t->next) {
        if (t->session == id && streq(t->sender, bus_call_sender(call)))
            return mef_fail(reterr, MEF_ERROR_IN_PROGRESS,
                            "you hold transaction %u already; commit it or roll it back", t->id);
        n += t->session == 0;
    }
    if (!session && n >= HELD_MAX)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "%u transactions are open already; try again later",
                        HELD_MAX);
    return 0;
}

static int held_begin(struct tree_tx *t, const struct dm_session *session, struct mef_error *reterr)
{
    struct engine *e = t->e;
    int r;

    if (session) {
        t->session = dm_session_id(session);
        if (!(t->node = strdup(dm_session_node(session))))
            return no_memory(reterr);
    }
    r = mo_tx_begin(e->tree, session ? MO_ORIGIN_MEF_DM : MO_ORIGIN_LOCAL, t->node, &t->tx, reterr);
    if (r == 0)
        r = bus_sender_watch(e->bus, t->sender, on_sender_gone, t, &t->watch);
    if (r == 0 && !session)
        r = sd_event_add_time_relative(e->event, &t->timer, CLOCK_BOOTTIME, HOLD_USEC, 0, on_held_too_long,
                                       t);
    return r;
}

static int tree_begin(struct bus_call *call, struct mef_error *reterr)
{
    struct engine *e = engine_of(call);
    int r = bus_call_options(call, 0, begin_options, reterr);
    const struct dm_session *session = r == 0 ? session_of(call) : NULL;

    if (r == 0)
        r = may_begin(e, call, session, reterr);
    if (r < 0)
        return r;
    struct tree_tx *t = calloc(1, sizeof *t);
    if (!t || !(t->sender = strdup(bus_call_sender(call)))) {
        free(t);
        return no_memory(reterr);
    }
    t->e = e;
    t->id = ++e->last_transaction;
    r = held_begin(t, session, reterr);
    if (r < 0) {
        mo_tx_rollback(held_free(t));
        return reterr->word ? r : no_memory(reterr);
    }
    t->next = e->transactions;
    e->transactions = t;
    return bus_reply(call, "u", t->id);
}

int tree_work_begin(struct engine *e, struct bus_call *call, const struct bus_dict *options,
                    struct tree_work *ret, struct mef_error *reterr)
{
    struct tree_work w = {.e = e};
    uint32_t id = (uint32_t)bus_dict_u(options, "Transaction", 0);
    int r;

    if (id) {
        r = held_of(e, call, id, &w.held, reterr);
        w.tx = r == 0 ? w.held->tx : NULL;
    } else {
        r = mo_tx_begin(e->tree, MO_ORIGIN_LOCAL, NULL, &w.tx, reterr);
    }
    if (r == 0)
        *ret = w;
    return r;
}

void tree_work_drop(struct tree_work *w)
{
    if (!w->held)
        mo_tx_rollback(w->tx);
    w->tx = NULL;
}

void tree_work_fail(struct tree_work *w, const struct mef_error *why)
{
    if (w->held && w->held->session && why->word == MEF_ERROR_NOT_AUTHORIZED)
        event_emit(&w->e->sink,
                   &(struct event){
                       .id = EVENT_TREE_REFUSED, .node = w->held->node, .error = mef_error_name(why->word)},
                   "A DM session of '%s' may not do that: %s", w->held->node, why->text);
    tree_work_drop(w);
}

/* ---- answering after the commit --------------------------------------------------------------------- */

struct pending {
    struct engine *e;
    struct bus_call *call;
    struct tree_result result;
    char *job_path;
};

static void pending_free(struct pending *p)
{
    bus_call_unref(p->call);
    strv_free(p->result.paths);
    free(p->result.anchor);
    free(p->job_path);
    free(p);
}

static void answer(struct bus_call *call, const struct tree_result *result, const char *job_path,
                   uint64_t generation)
{
    switch (result->answer) {
    case ANSWER_NODE_JOB:
        (void)bus_reply(call, "oo", result->paths ? result->paths[0] : "/", job_path ? job_path : "/");
        break;
    case ANSWER_JOB:
        (void)bus_reply(call, "o", job_path ? job_path : "/");
        break;
    case ANSWER_PATHS:
        (void)bus_reply(call, "ao", result->paths);
        break;
    case ANSWER_GENERATION:
        (void)bus_reply(call, "t", generation);
        break;
    case ANSWER_NOTHING:
        (void)bus_reply(call, "");
        break;
    }
}

static void on_committed(void *ctx, int r, uint64_t generation, const struct mef_error *err)
{
    struct pending *p = ctx;

    if (r < 0)
        bus_reply_error(p->call, err);
    else
        answer(p->call, &p->result, p->job_path, generation);
    /* Not before: until now the tree had no node for it, and the sweep would have taken it for a left-over.
     */
    if (p->result.anchor)
        anchors_settled(p->e, p->result.anchor);
    if (p->result.session)
        dm_session_commit_ended(p->e->dm, p->result.session, r);
    pending_free(p);
}

int tree_work_finish(struct tree_work *w, struct bus_call *call, struct tree_result *result,
                     struct mef_error *reterr)
{
    struct mo_tx *tx = TAKE_PTR(w->tx);

    if (w->held) {
        answer(call, result, NULL, 0);
        strv_free(TAKE_PTR(result->paths));
        return 0;
    }
    struct pending *p = calloc(1, sizeof *p);
    const char *path = result->job ? job_path(w->e->jobs, result->job) : NULL;
    if (!p || (path && !(p->job_path = strdup(path)))) {
        free(p);
        mo_tx_rollback(tx);
        strv_free(TAKE_PTR(result->paths));
        free(TAKE_PTR(result->anchor));
        return no_memory(reterr);
    }
    p->e = w->e;
    p->call = bus_call_ref(call);
    p->result = *result;
    result->paths = NULL;
    result->anchor = NULL;
    int r =
        commit_tree(w->e, tx, result->job, &(struct commit_reply){.ctx = p, .done = on_committed}, reterr);
    if (r < 0)
        pending_free(p);
    return r;
}

/* ---- adding ----------------------------------------------------------------------------------------- */

static int push_path(char ***paths, const struct mo_node *n)
{
    _cleanup_(freep) char *path = n ? node_bus_path(n) : NULL;
    return path ? strv_push(paths, path) : -ENOMEM;
}

static int new_job(struct engine *e, struct bus_call *call, const char *operation, uint32_t *ret,
                   struct mef_error *reterr)
{
    return job_new(e->jobs, operation, bus_call_uid(call), NULL, NULL, registration_job_cancel, e, ret, NULL,
                   reterr);
}

static int add_one(struct mo_tx *tx, const char *parent, const char *type_name, const char *name,
                   const struct bus_dict *attributes, uint64_t *ret_id, struct mef_error *reterr)
{
    enum mo_type type;
    struct bus_inputs in = {0};
    int r = mo_type_parse(type_name, &type);

    if (r < 0)
        return mef_fail(reterr, r == -EOPNOTSUPP ? MEF_ERROR_NOT_SUPPORTED : MEF_ERROR_INVALID_ARGUMENTS,
                        "'%s' is no MO type that is kept here", type_name);
    /* The tree takes an anchor without URI because AddTrustAnchor brings the certificate; by hand it is
     * mandatory (1.7). */
    if (type == MO_TRUST_ANCHOR_CRED && !bus_dict_get(attributes, "URI"))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "trustAnchorCred '%s': attribute 'URI' is missing", name);
    const struct mo_node *p = *parent ? mo_tx_resolve(tx, parent) : NULL;
    if (*parent && !p)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "the parent '%s' addresses no MO node", parent);
    uint64_t parent_id = p ? mo_node_id(p) : 0;
    if (bus_inputs_make(attributes, &in) < 0)
        return no_memory(reterr);
    struct mo_new what = MO_NEW(type, name, in.item, in.n);
    r = mo_tx_add(tx, &what, ret_id, reterr);
    bus_inputs_clear(&in);
    if (r < 0 || !parent_id)
        return r;
    _cleanup_(freep) char *path = mo_node_path(mo_tx_by_id(tx, *ret_id));
    r = path ? mo_tx_link(tx, parent_id, path, reterr) : no_memory(reterr);
    if (r < 0)
        (void)mo_tx_delete(tx, *ret_id, NULL);
    return r;
}

static const struct bus_option add_options[] = {{"Transaction", "u"}, {NULL, NULL}};

static int tree_add(struct bus_call *call, struct mef_error *reterr)
{
    struct engine *e = engine_of(call);
    struct tree_work w;
    struct tree_result result = {.answer = ANSWER_NODE_JOB};
    uint64_t id = 0;
    int r = bus_call_options(call, 4, add_options, reterr);

    if (r == 0)
        r = tree_work_begin(e, call, bus_call_dict(call, 4), &w, reterr);
    if (r < 0)
        return r;
    r = add_one(w.tx, bus_call_s(call, 0), bus_call_s(call, 1), bus_call_s(call, 2), bus_call_dict(call, 3),
                &id, reterr);
    if (r == 0 && push_path(&result.paths, mo_tx_by_id(w.tx, id)) < 0)
        r = no_memory(reterr);
    if (r == 0 && !w.held && mo_node_type(mo_tx_by_id(w.tx, id)) == MO_MEF_CLIENT_REG_CFG)
        r = new_job(e, call, "register", &result.job, reterr);
    if (r < 0) {
        tree_work_fail(&w, reterr);
        strv_free(result.paths);
        return r;
    }
    r = tree_work_finish(&w, call, &result, reterr);
    if (r < 0 && result.job)
        job_finish(e->jobs, result.job, JOB_FAILED, reterr);
    return r;
}

/* ---- Apply ------------------------------------------------------------------------------------------ */

static const struct bus_option operation_keys[] = {
    {"Op", "s"},      {"Path", "s"},   {"Type", "s"}, {"Name", "s"}, {"Attributes", "a{sv}"},
    {"Remove", "as"}, {"Target", "s"}, {NULL, NULL}};

enum op { OP_ADD, OP_SET, OP_DELETE, OP_LINK, OP_UNLINK };

static const char *const op_names[] = {"add", "set", "delete", "link", "unlink"};

static int apply_one(struct mo_tx *tx, struct bus_dict *o, char ***paths, struct mef_error *reterr)
{
    static const struct bus_dict none = {0};
    int r = bus_options_check(o, operation_keys, reterr);
    const char *name = bus_dict_s(o, "Op", ""), *path = bus_dict_s(o, "Path", "");
    const struct bus_value *attributes = bus_dict_get(o, "Attributes");
    const struct bus_dict *d = attributes ? &attributes->dict : &none;
    size_t op = 0;

    if (r < 0)
        return r;
    while (op < ELEMENTS(op_names) && !streq(op_names[op], name))
        op++;
    if (op == ELEMENTS(op_names))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "'Op' is '%s'; it must be add, set, delete, link or unlink", name);
    if (op == OP_ADD) {
        uint64_t id = 0;
        r = add_one(tx, path, bus_dict_s(o, "Type", ""), bus_dict_s(o, "Name", ""), d, &id, reterr);
        return r < 0 ? r : push_path(paths, mo_tx_by_id(tx, id));
    }
    const struct mo_node *n = mo_tx_resolve(tx, path);
    if (!n)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "'Path' '%s' addresses no MO node", path);
    uint64_t id = mo_node_id(n);
    r = push_path(paths, n);
    if (r < 0)
        return no_memory(reterr);
    if (op == OP_DELETE)
        return mo_tx_delete(tx, id, reterr);
    if (op == OP_LINK || op == OP_UNLINK)
        return (op == OP_LINK ? mo_tx_link : mo_tx_unlink)(tx, id, bus_dict_s(o, "Target", ""), reterr);
    struct bus_inputs in = {0};
    if (bus_inputs_make(d, &in) < 0)
        return no_memory(reterr);
    r = mo_tx_set(tx, id, in.item, in.n, bus_dict_strv(o, "Remove"), reterr);
    bus_inputs_clear(&in);
    return r;
}

static const struct bus_option apply_options[] = {{"Transaction", "u"}, {"DryRun", "b"}, {NULL, NULL}};

static int tree_apply(struct bus_call *call, struct mef_error *reterr)
{
    struct engine *e = engine_of(call);
    struct bus_value *ops = bus_call_arg(call, 0);
    struct tree_work w = {0};
    struct tree_result result = {.answer = ANSWER_PATHS};
    struct mo_save *save = NULL; /* of a held transaction: the call counts as a whole or not at all */
    int r = bus_call_options(call, 1, apply_options, reterr);

    if (r == 0 && bus_dict_get(bus_call_dict(call, 1), "DryRun") &&
        bus_dict_get(bus_call_dict(call, 1), "Transaction"))
        r = mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'DryRun' and 'Transaction' exclude each other");
    if (r == 0 && ops->dicts.n > LIMIT_TX_OPERATIONS)
        r = mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "more than %u operations in one transaction",
                     LIMIT_TX_OPERATIONS);
    if (r == 0)
        r = tree_work_begin(e, call, bus_call_dict(call, 1), &w, reterr);
    if (r < 0)
        return r;
    if (w.held && mo_tx_save(w.tx, &save) < 0)
        return no_memory(reterr);
    for (size_t i = 0; r == 0 && i < ops->dicts.n; i++) {
        r = apply_one(w.tx, &ops->dicts.item[i], &result.paths, reterr);
        if (r < 0)
            mef_error_prefix(reterr, "operation %zu", i + 1);
    }
    if (r == 0 && bus_dict_b(bus_call_dict(call, 1), "DryRun", false)) {
        r = mo_tx_check(w.tx, reterr);
        if (r == 0)
            r = bus_reply(call, "ao", result.paths);
        tree_work_drop(&w);
        strv_free(result.paths);
        return r;
    }
    if (r < 0) {
        mo_tx_restore(w.tx, save);
        tree_work_fail(&w, reterr);
        strv_free(result.paths);
        return r;
    }
    mo_save_free(save);
    return tree_work_finish(&w, call, &result, reterr);
}

/* ---- Commit, Rollback, Resolve, Import, Export ------------------------------------------------------ */

static int tree_commit(struct bus_call *call, struct mef_error *reterr)
{
    struct engine *e = engine_of(call);
    struct tree_tx *t = NULL;
    struct tree_result result = {.answer = ANSWER_GENERATION};
    int r = held_of(e, call, (uint32_t)bus_call_u(call, 0), &t, reterr);

    if (r < 0)
        return r;
    result.session = t->session;
    if (result.session)
        dm_session_commit_begins(e->dm, result.session);
    uint64_t session = result.session;
    r = tree_work_finish(&(struct tree_work){.e = e, .tx = held_free(t)}, call, &result, reterr);
    if (r < 0 && session)
        dm_session_commit_ended(e->dm, session, r);
    return r;
}

static int tree_rollback(struct bus_call *call, struct mef_error *reterr)
{
    struct tree_tx *t = NULL;
    int r = held_of(engine_of(call), call, (uint32_t)bus_call_u(call, 0), &t, reterr);

    if (r < 0)
        return r;
    mo_tx_rollback(held_free(t));
    return bus_reply(call, "");
}

static int tree_resolve(struct bus_call *call, struct mef_error *reterr)
{
    const struct mo_node *n = mo_tree_resolve(engine_of(call)->tree, bus_call_s(call, 0));
    _cleanup_(freep) char *path = n ? node_bus_path(n) : NULL;

    if (!n)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "'%s' addresses no MO node", bus_call_s(call, 0));
    return path ? bus_reply(call, "o", path) : no_memory(reterr);
}

static const struct bus_option import_options[] = {{"Transaction", "u"}, {"DryRun", "b"}, {NULL, NULL}};

static int tree_import(struct bus_call *call, struct mef_error *reterr)
{
    struct engine *e = engine_of(call);
    struct tree_work w;
    struct tree_result result = {.answer = ANSWER_GENERATION};
    const char *text = bus_call_s(call, 0);
    int r = bus_call_options(call, 1, import_options, reterr);

    if (r == 0)
        r = tree_work_begin(e, call, bus_call_dict(call, 1), &w, reterr);
    if (r < 0)
        return r;
    r = mo_tx_import(w.tx, text, strlen(text), reterr);
    if (r == 0 && bus_dict_b(bus_call_dict(call, 1), "DryRun", false)) {
        r = mo_tx_check(w.tx, reterr);
        tree_work_drop(&w);
        return r < 0 ? r : bus_reply(call, "t", mo_tree_generation(e->tree));
    }
    if (r < 0) {
        tree_work_fail(&w, reterr);
        return r;
    }
    return tree_work_finish(&w, call, &result, reterr);
}

static const struct bus_option no_options[] = {{NULL, NULL}};

static int tree_export_text(struct bus_call *call, struct mef_error *reterr)
{
    _cleanup_(freep) char *text = NULL;
    int r = bus_call_options(call, 0, no_options, reterr);

    if (r == 0)
        r = mo_tree_export(engine_of(call)->tree, &text, reterr);
    return r < 0 ? r : bus_reply(call, "s", text);
}

/* ---- table ------------------------------------------------------------------------------------------ */

static int get_generation(void *object, const struct bus_property *p, struct bus_writer *w)
{
    struct engine *e = object;

    bus_write_u(w, mo_tree_generation(e->tree));
    return 0;
}

static const char *add_action(struct bus_call *call)
{
    return tree_action(engine_of(call), call, (uint32_t)bus_dict_u(bus_call_dict(call, 4), "Transaction", 0));
}

static const char *second_action(struct bus_call *call)
{
    return tree_action(engine_of(call), call, (uint32_t)bus_dict_u(bus_call_dict(call, 1), "Transaction", 0));
}

static const char *end_action(struct bus_call *call)
{
    return tree_action(engine_of(call), call, (uint32_t)bus_call_u(call, 0));
}

static const struct bus_method methods[] = {
    {"Add", "sssa{sv}a{sv}", "oo", .fn = tree_add, .action_of = add_action},
    {"AddMefClientRegCfg", "ssa{sv}", "oo", BUS_ACTION("configure"), tree_add_mef_client_reg_cfg},
    {"AddMafClientRegCfg", "ssa{sv}", "oo", BUS_ACTION("configure"), tree_add_maf_client_reg_cfg},
    {"AddTrustAnchor", "sa{sv}", "oo", BUS_ACTION("configure"), tree_add_trust_anchor},
    {"AddTrustAnchorByUri", "ssa{sv}", "oo", BUS_ACTION("configure"), tree_add_trust_anchor_by_uri},
    {"Resolve", "s", "o", BUS_READONLY, tree_resolve},
    {"Begin", "a{sv}", "u", .fn = tree_begin, .action_of = begin_action},
    {"Apply", "aa{sv}a{sv}", "ao", .fn = tree_apply, .action_of = second_action},
    {"Commit", "u", "t", .fn = tree_commit, .action_of = end_action},
    {"Rollback", "u", "", .fn = tree_rollback, .action_of = end_action},
    {"Import", "sa{sv}", "t", .fn = tree_import, .action_of = second_action},
    {"Export", "a{sv}", "s", BUS_ACTION("inspect"), tree_export_text},
    {NULL},
};

static const struct bus_property properties[] = {
    {"Generation", "t", BUS_EMITS_TRUE, get_generation},
    {NULL},
};

static const struct bus_signal signals[] = {{"Committed", "tsao"}, {NULL, NULL}};

const struct bus_interface tree_interface = {
    .name = BUS_INTERFACE("Tree"), .methods = methods, .properties = properties, .signals = signals};

int tree_export(struct engine *e)
{
    static const struct bus_interface *const interfaces[] = {&tree_interface, NULL};
    return bus_object_add(e->bus, BUS_ROOT "/mo", interfaces, e, &e->tree_object);
}
