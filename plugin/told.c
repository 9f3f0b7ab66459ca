/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the workers tell (struct observer of ports.h): copied on the worker's thread, posted, and taken over
 * by the loop into the model, the jobs and the node states. */
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/registrations.h"

/* ---- what workers tell ------------------------------------------------------------------------------ */

enum told { TOLD_REGISTRATION, TOLD_COMMAND, TOLD_PROGRESS, TOLD_FINISHED, TOLD_ATTENTION, TOLD_ENDED };

struct telling {
    struct engine *e;
    enum told what;
    char *node, *text, *reason;
    struct reg_record reg;
    struct cmd_record cmd;
    struct mef_error err;
    bool has_err;
    uint32_t job;
    unsigned i, n;
    int64_t until;
};

static void telling_free(void *data)
{
    struct telling *t = data;

    free(t->node);
    free(t->text);
    free(t->reason);
    reg_record_clear(&t->reg);
    cmd_record_clear(&t->cmd);
    free(t);
}

/* ---- on the loop ---------------------------------------------------------------------- */

static void mirror_node_state(struct registration *r)
{
    static const enum mo_state states[REG_STATE_MAX_] = {
        [REG_NEW] = MO_CONFIGURED,  [REG_REGISTERING] = MO_PROCESSING, [REG_REGISTERED] = MO_READY,
        [REG_EXPIRED] = MO_EXPIRED, [REG_ENDING] = MO_DELETING,        [REG_FAILED] = MO_FAILED,
    };
    const struct mo_node *n = registration_node(r->e, r->config.node);

    if (!n || mo_node_state(n) == states[r->rec.state])
        return;
    if (mo_node_set_state(r->e->tree, mo_node_id(n), states[r->rec.state], mo_node_last_status(n)) == 0)
        node_state_changed(r->e, mo_node_id(n));
}

static void hear_registration(struct registration *r, struct telling *t)
{
    static const char *const properties[] = {"MefClientRegId", "State",      "ExpiresAt",  "LastContact",
                                             "NextPoll",       "RetryCount", "Credential", "LastError"};
    bool other = !streq0(r->credential, t->text) || r->rec.credentials_gone != t->reg.credentials_gone;

    registration_count_retries(r, &t->reg);
    reg_record_clear(&r->rec);
    r->rec = t->reg;
    t->reg = (struct reg_record){0};
    free(r->credential);
    r->credential = TAKE_PTR(t->text);
    r->last_error = t->err;
    for (size_t i = 0; i < ELEMENTS(properties); i++)
        registration_changed(r, properties[i]);
    mirror_node_state(r);
    if (other) {
        r->e->credentials_stale = true;
        credentials_changed(r->e);
        token_thread_rescan(r->e->token_thread);
    }
}

static void hear_command(struct registration *r, struct telling *t)
{
    uint32_t serial = t->cmd.serial;

    registration_count_status(r, &t->cmd);
    if (registration_put_command(r, &t->cmd) < 0)
        return;
    struct shown_command *c = registration_command(r, serial);
    if (c && c->rec.state < CMD_REPORTED && c->object)
        c->job = job_running_on(r->e->jobs, registration_path(r));
    registration_changed(r, "LastCommand");
    registration_changed(r, "LastCommandId");
    registration_changed(r, "LastStatus");
}

/* A job has ended only when what it made can be seen: with another credential in use the token is listed
 * first. */
struct ending_job {
    struct engine *e;
    uint32_t job;
    bool failed;
    struct mef_error err;
};

static int list_work(void *ctx, struct mef_error *reterr)
{
    struct ending_job *j = ctx;

    token_thread_relist(j->e->token_thread);
    return 0;
}

static void list_done(void *ctx, int r, const struct mef_error *err)
{
    struct ending_job *j = ctx;
    const struct mef_error *why = j->failed ? &j->err : NULL;

    job_finish(j->e->jobs, j->job, job_result_of(why), why);
    free(j);
}

/* Command.Job is the job that runs the command, as long as it does. */
static void commands_leave(struct engine *e, uint32_t job)
{
    for (struct registration *r = e->registrations; r; r = r->next)
        for (size_t i = 0; i < r->n_commands; i++)
            if (job && r->commands[i]->job == job) {
                r->commands[i]->job = 0;
                bus_changed(r->commands[i]->object, command_interface.name, "Job");
            }
}

static void hear_finished(struct engine *e, struct telling *t)
{
    struct ending_job *j = e->credentials_stale ? calloc(1, sizeof *j) : NULL;
    const struct mef_error *why = t->has_err ? &t->err : NULL;

    commands_leave(e, t->job);
    e->credentials_stale = false;
    if (j) {
        *j = (struct ending_job){.e = e, .job = t->job, .failed = t->has_err, .err = t->err};
        if (token_thread_submit(e->token_thread, list_work, list_done, j) == 0)
            return;
        free(j);
    }
    job_finish(e->jobs, t->job, job_result_of(why), why);
}

static void hear(void *ctx, void *data)
{
    struct telling *t = data;
    struct engine *e = t->e;
    struct registration *r = t->node ? registration_find(e, t->node) : NULL;

    switch (t->what) {
    case TOLD_REGISTRATION:
        if (r)
            hear_registration(r, t);
        break;
    case TOLD_COMMAND:
        if (r)
            hear_command(r, t);
        break;
    case TOLD_PROGRESS:
        if (t->n || t->text)
            job_step(e->jobs, t->job, t->i, t->n, t->text);
        job_wait(e->jobs, t->job, t->until);
        break;
    case TOLD_FINISHED:
        hear_finished(e, t);
        break;
    case TOLD_ATTENTION:
        engine_attention(e, t->node, t->reason, t->text);
        break;
    case TOLD_ENDED:
        if (r)
            registration_drop(r);
        break;
    }
}

/* ---- on the workers --------------------------------------------------------------------------------- */

static struct telling *telling_new(struct engine *e, enum told what, const char *node, const char *text,
                                   const char *reason)
{
    struct telling *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->e = e;
    t->what = what;
    if ((node && !(t->node = strdup(node))) || (text && !(t->text = strdup(text))) ||
        (reason && !(t->reason = strdup(reason)))) {
        telling_free(t);
        return NULL;
    }
    return t;
}

static void tell(struct telling *t)
{
    if (t)
        (void)post_send(t->e->post, hear, NULL, t, telling_free);
}

static void on_registration(void *ctx, const struct reg_record *r, const char *credential,
                            const struct mef_error *last_error)
{
    struct telling *t = telling_new(ctx, TOLD_REGISTRATION, r->node, credential, NULL);

    if (t && reg_record_copy(r, &t->reg) < 0) {
        telling_free(t);
        return;
    }
    if (t && last_error) {
        t->err = *last_error;
        t->has_err = true;
    }
    tell(t);
}

static void on_command(void *ctx, const struct cmd_record *c)
{
    struct telling *t = telling_new(ctx, TOLD_COMMAND, c->node, NULL, NULL);

    if (t && cmd_record_copy(c, &t->cmd) < 0) {
        telling_free(t);
        return;
    }
    tell(t);
}

static void on_progress(void *ctx, uint32_t job, unsigned i, unsigned n, const char *text,
                        int64_t waiting_until)
{
    struct telling *t = telling_new(ctx, TOLD_PROGRESS, NULL, text, NULL);

    if (!t)
        return;
    t->job = job;
    t->i = i;
    t->n = n;
    t->until = waiting_until;
    tell(t);
}

static void on_finished(void *ctx, uint32_t job, const struct mef_error *err)
{
    struct telling *t = telling_new(ctx, TOLD_FINISHED, NULL, NULL, NULL);

    if (!t)
        return;
    t->job = job;
    if (err) {
        t->err = *err;
        t->has_err = true;
    }
    tell(t);
}

static void on_attention(void *ctx, const char *node, const char *reason, const char *text)
{
    tell(telling_new(ctx, TOLD_ATTENTION, node, text, reason));
}

static void on_ended(void *ctx, const char *node)
{
    tell(telling_new(ctx, TOLD_ENDED, node, NULL, NULL));
}

struct observer told_observer(struct engine *e)
{
    return (struct observer){.ctx = e,
                             .registration = on_registration,
                             .command = on_command,
                             .progress = on_progress,
                             .finished = on_finished,
                             .attention = on_attention,
                             .ended = on_ended};
}
