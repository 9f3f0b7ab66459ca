/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys by hand. A retrieval asks the registrations at the key's MEF in turn, the latest contact first, until
 * one of them gets it (T8). Ownership: a `struct retrieval` lives from the call to its reply. */
#include "plugin/bus-key.h"

#include <errno.h>
#include <string.h>

#include "plugin/asks.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/bindings.h"
#include "plugin/registrations.h"
#include "policy/fqdn.h"
#include "policy/ids.h"

/* ---- retrieval ------------------------------------------------------------------------------------------
 */

struct retrieval {
    struct engine *e;
    struct bus_call *call;
    char *name;
    char **asked; /* nodes of the registrations that had their turn */
};

static void retrieval_free(struct retrieval *t)
{
    (void)bus_call_unref(t->call);
    free(t->name);
    strv_free(t->asked);
    free(t);
}
DEFINE_CLEANUP(struct retrieval *, retrieval_free)

static bool contains(char *const *list, const char *s)
{
    for (; list && *list; list++)
        if (streq(*list, s))
            return true;
    return false;
}

/* The next valid registration at that MEF, or NULL. */
static struct registration *next_at(struct engine *e, const char *fqdn, char *const *asked)
{
    int64_t now = (int64_t)engine_clock.realtime(engine_clock.ctx);
    struct registration *best = NULL;

    for (struct registration *r = e->registrations; r; r = r->next)
        if (!r->ending && !r->config.maf && fqdn_equal(r->config.fqdn, fqdn) &&
            r->rec.state == REG_REGISTERED && (!r->rec.expires || r->rec.expires > now) &&
            !contains(asked, r->config.node) && (!best || r->rec.last_contact > best->rec.last_contact))
            best = r;
    return best;
}

static void retrieved(void *ctx, uint32_t status, const struct mef_error *err);

/* Takes `t` over when it returns 0. -ENOENT: nobody is left to ask. */
static int ask_next(struct retrieval *t, struct mef_error *reterr)
{
    struct registration *r = next_at(t->e, strchr(t->name, '@') + 1, t->asked);

    if (!r)
        return -ENOENT;
    struct mef_task *task = calloc(1, sizeof *task);
    if (!task || !(task->key_id = strdup(t->name)) || strv_push(&t->asked, r->config.node) < 0) {
        mef_task_free(task);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    task->kind = MEF_TASK_KEY_RETRIEVE;
    return ask_worker(r, task, "retrieve-key", bus_call_uid(t->call), retrieved, t, NULL, reterr);
}

static void retrieved(void *ctx, uint32_t status, const struct mef_error *err)
{
    _cleanup_(retrieval_freep) struct retrieval *t = ctx;
    struct mef_error why = {0};

    (void)status;
    if (!err) {
        _cleanup_(freep) char *path = credential_path_by_name(t->e, t->name);
        (void)mef_fail(&why, MEF_ERROR_TOKEN_UNAVAILABLE,
                       "the key '%s' was retrieved, but the token does not show it", t->name);
        if (path)
            (void)bus_reply(t->call, "o", path);
        else
            bus_reply_error(t->call, &why);
        return;
    }
    if (err->word != MEF_ERROR_CANCELLED) {
        int r = ask_next(t, &why);
        if (r == 0) {
            t = NULL;
            return;
        }
        if (r != -ENOENT)
            err = &why;
    }
    bus_reply_error(t->call, err);
}

int key_retrieve_start(struct engine *e, struct bus_call *call, struct mef_error *reterr)
{
    const char *name = key_id_strip_type(bus_call_s(call, 0)), *at = strchr(name, '@');
    _cleanup_(retrieval_freep) struct retrieval *t = calloc(1, sizeof *t);
    char fqdn[LIMIT_FQDN + 1];

    if (!t || !(t->name = strdup(name)))
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    if (at)
        t->name[at - name] = '\0';
    if (!at || !relative_key_id_valid(t->name) || fqdn_normalize_host(at + 1, strlen(at + 1), fqdn) < 0)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%.160s' is no key identifier name@fqdn",
                        bus_call_s(call, 0));
    t->name[at - name] = '@';
    _cleanup_(freep) char *path = credential_path_by_name(e, t->name);
    if (path)
        return bus_reply(call, "o", path);
    t->e = e;
    t->call = bus_call_ref(call);
    int r = ask_next(t, reterr);
    if (r == -ENOENT)
        return mef_fail(reterr, MEF_ERROR_NOT_REGISTERED,
                        "there is no registration at '%s', so its key '%s' cannot be retrieved", fqdn,
                        t->name);
    if (r == 0)
        t = NULL;
    return r;
}

/* ---- update and de-registration --------------------------------------------------------------------------
 */

static struct registration *owner_of(struct engine *e, const char *name, char *const *owners,
                                     struct mef_error *reterr)
{
    for (; owners && *owners; owners++) {
        struct registration *r = registration_find(e, *owners);
        if (r && !r->ending)
            return r;
    }
    (void)mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED,
                   "the key '%s' did not come with a registration of ours; who provisioned it must change it",
                   name);
    return NULL;
}

/* The profile that the key is tied to. */
static const struct mo_node *profile_of(struct engine *e, const char *name)
{
    for (const struct binding *b = e->bindings; b; b = b->next) {
        const struct mo_node *n = streq0(b->credential, name) ? mo_tree_by_id(e->tree, b->node) : NULL;
        if (n && mo_node_type(n) == MO_AUTHENTICATION_PROFILE)
            return n;
    }
    return NULL;
}

static void nobody_waits(void *ctx, uint32_t status, const struct mef_error *err)
{
    (void)ctx, (void)status, (void)err; /* the job says it */
}

static int start(struct registration *r, struct bus_call *call, struct mef_task *t, const char *operation,
                 struct mef_error *reterr)
{
    const char *path = NULL;
    int e = ask_worker(r, t, operation, bus_call_uid(call), nobody_waits, NULL, &path, reterr);

    return e < 0 ? e : bus_reply(call, "o", path);
}

int key_renew_start(struct engine *e, struct bus_call *call, const char *name, char *const *owners,
                    struct mef_error *reterr)
{
    struct registration *r = owner_of(e, name, owners, reterr);
    const struct mo_node *n = profile_of(e, name);
    const char *text = n ? mo_node_text(n, MO_KEY_REG_DURATION) : NULL;
    struct duration d;

    if (!r)
        return -ENOTSUP;
    if (!text || duration_parse(text, &d) < 0)
        return mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED,
                        "no [authenticationProfile] with a keyRegDuration uses the key '%s'", name);
    struct mef_task *t = calloc(1, sizeof *t);
    char *const *labels = mo_node_list(n, MO_KEY_REG_LABELS);
    if (!t || !(t->key_id = strdup(name)) || (labels && *labels && !(t->labels = strv_copy(labels)))) {
        mef_task_free(t);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    t->kind = MEF_TASK_KEY_UPDATE;
    t->et = duration_add(engine_clock.realtime(engine_clock.ctx), &d);
    return start(r, call, t, "update-key", reterr);
}

int key_delete_start(struct engine *e, struct bus_call *call, const char *name, char *const *owners,
                     struct mef_error *reterr)
{
    struct registration *r = owner_of(e, name, owners, reterr);
    struct mef_task *t = r ? calloc(1, sizeof *t) : NULL;

    if (!r)
        return -ENOTSUP;
    if (!t || !(t->key_id = strdup(name))) {
        mef_task_free(t);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    t->kind = MEF_TASK_KEY_DELETE;
    return start(r, call, t, "delete-key", reterr);
}
