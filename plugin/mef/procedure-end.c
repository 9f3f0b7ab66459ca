/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* T2 (mo-tree.md 4.2, 4.3): the node is gone. Tombstone, one de-registration attempt, the credentials that
 * came from this registration; each step in the journal. Nothing but the de-registration is sent any more
 * (EE-04). Thread: the worker. */
#include <stdio.h>

#include "plugin/mef/worker.h"
#include "policy/backoff.h"

#define FIRST_ATTEMPT_SEC 30u

static int tombstone(struct client *c)
{
    if (c->r.state == REG_ENDING && c->r.config_json)
        return 0;
    char *json = mef_reg_config_to_json(&c->cfg);
    if (!json) {
        (void)fail(c, OUT_RETRY, MEF_ERROR_FAILED, "Out of memory.");
        return -1;
    }
    free(c->r.config_json);
    c->r.config_json = json;
    enum reg_state before = c->r.state;
    c->r.state = REG_ENDING;
    if (save_registration(c) < 0) {
        c->r.state = before;
        return -1;
    }
    tell_event(c, EVENT_REGISTRATION_ENDING, NULL, "The registration '%s' at '%s' is being ended.",
               c->cfg.node, c->cfg.fqdn);
    return 0;
}

/* Nothing to tell the MEF: it never answered with an ID, or the registration has expired there by itself. */
static bool nothing_to_tell(struct client *c)
{
    return !c->r.reg_id || (c->r.expires && c->r.expires <= now_of(c));
}

/* One attempt; afterwards r.deregistered says whether the MEF knows. */
static enum outcome tell_mef(struct client *c)
{
    if (c->r.deregistered)
        return OUT_OK;
    enum outcome o = OUT_OK;
    if (!nothing_to_tell(c)) {
        if (!c->cfg.credential && !c->r.has_cert)
            return fail(c, OUT_GIVE_UP, MEF_ERROR_INCONSISTENT_CONFIG,
                        "No credential is left to de-register '%s' at '%s'; it stays there until it expires.",
                        c->cfg.node, c->cfg.fqdn);
        /* The certificate that a command brought goes with the registration, so the pending one is not tried.
         */
        c->wait.deadline = now_monotonic() + FIRST_ATTEMPT_SEC * USEC_PER_SEC;
        if (c->cfg.report_first)
            command_report_last(c);
        o = registration_delete(c);
        c->wait.deadline = DEADLINE_NONE;
        session_close(c);
        if (o == OUT_OK)
            CRASH_POINT(END_DEREGISTERED);
    }
    /* Nothing is left that could prove who we are. */
    if (o == OUT_FATAL &&
        (c->error.word == MEF_ERROR_NOT_FOUND || c->error.word == MEF_ERROR_INCONSISTENT_CONFIG))
        return OUT_GIVE_UP;
    if (o != OUT_OK)
        return o;
    c->r.deregistered = true;
    if (save_registration(c) < 0) {
        c->r.deregistered = false;
        return OUT_RETRY;
    }
    return OUT_OK;
}

static int local_part(struct client *c)
{
    struct mef_error why = {0};

    if (c->r.credentials_gone)
        return 0;
    session_close(c);
    if (c->vault.drop_owned(c->vault.ctx, c->cfg.node, &why) < 0) {
        c->error = why;
        tell_event(c, EVENT_TOKEN_FAILED, NULL, "The credentials of '%s' could not be deleted: %s",
                   c->cfg.node, c->error.text);
        return -1;
    }
    CRASH_POINT(END_CREDENTIALS);
    bool had = c->r.has_cert;
    c->r.credentials_gone = true;
    c->r.has_cert = false;
    if (save_registration(c) < 0) {
        c->r.credentials_gone = false;
        c->r.has_cert = had;
        return -1;
    }
    CRASH_POINT(END_DONE);
    tell_event(c, EVENT_CREDENTIALS_DELETED, NULL, "The credentials that came from '%s' were deleted.",
               c->cfg.node);
    return 0;
}

static void finish_end_job(struct client *c, const struct mef_error *error)
{
    pthread_mutex_lock(&c->lock);
    uint32_t id = c->end_job;
    c->end_job = 0;
    pthread_mutex_unlock(&c->lock);
    if (id)
        c->observer.finished(c->observer.ctx, id, error);
}

static bool bury(struct client *c)
{
    struct mef_error why = {0};

    if (c->journal.remove(c->journal.ctx, c->cfg.node, &why) < 0) {
        c->error = why;
        tell_event(c, EVENT_STORE_FAILED, NULL, "The record of '%s' cannot be removed: %s", c->cfg.node,
                   why.text);
        return false;
    }
    tell_event(c, EVENT_REGISTRATION_ENDED, NULL, "The registration '%s' has ended.", c->cfg.node);
    for (int i = 0; i < ATTENTION_MAX_; i++)
        if (i != ATTENTION_DEREGISTRATION_PENDING)
            tell_attention(c, (enum attention_reason)i, NULL);
    c->observer.ended(c->observer.ctx, c->cfg.node);
    return true;
}

static void again(struct client *c, uint64_t usec)
{
    put_off_by(c, usec);
    tell_event(c, EVENT_DEREGISTRATION_PENDING, NULL,
               "'%s' could not be told that '%s' has ended, trying again: %s", c->cfg.fqdn, c->cfg.node,
               c->error.text);
    tell_attention(c, ATTENTION_DEREGISTRATION_PENDING, c->error.text);
    tell_registration(c);
}

bool end_procedure(struct client *c)
{
    uint32_t random = 0;

    new_transaction(c);
    (void)c->clock.random(c->clock.ctx, &random, sizeof random);
    c->error = (struct mef_error){0};
    if (tombstone(c) < 0) {
        c->failures++;
        put_off_by(c, backoff_usec(c->failures, c->settings.backoff_min, c->settings.backoff_max, random));
        return false;
    }
    CRASH_POINT(END_TOMBSTONE);
    enum outcome told = tell_mef(c);
    struct mef_error why = c->error;
    if (told == OUT_CANCELLED && wait_check(&c->wait) < 0)
        return false; /* stop: the rest is done after the next start */
    if (local_part(c) < 0) {
        finish_end_job(c, &c->error);
        again(c, backoff_usec(++c->failures, c->settings.backoff_min, c->settings.backoff_max, random));
        return false;
    }
    finish_end_job(c, NULL);
    if (told != OUT_OK)
        c->error = why;
    switch (told) {
    case OUT_OK:
        tell_attention(c, ATTENTION_DEREGISTRATION_PENDING, NULL);
        break;
    case OUT_GIVE_UP:
        /* The MEF will not hear of it, or nothing is left to prove who we are: somebody must look; we stop.
         */
        tell_attention(c, ATTENTION_DEREGISTRATION_PENDING, c->error.text);
        break;
    default:
        if (!c->cfg.credential) {
            tell_attention(c, ATTENTION_DEREGISTRATION_PENDING, c->error.text);
            break;
        }
        c->fallback = false;
        again(c, told == OUT_FATAL
                     ? c->settings.backoff_max * USEC_PER_SEC
                     : backoff_usec(++c->failures, c->settings.backoff_min, c->settings.backoff_max, random));
        return false;
    }
    if (!bury(c)) {
        c->failures++;
        put_off_by(c, backoff_usec(c->failures, c->settings.backoff_min, c->settings.backoff_max, random));
        return false;
    }
    return true;
}
