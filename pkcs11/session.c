/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may use the session, and what a failed call means (design.md 4: token calls are serialized per session;
 * a call that hangs holds up nobody but those that need the token). Thread: any. */
#include "pkcs11/internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "pkcs11/ckr.h"
#include "pkcs11/provider-internal.h"
#include "plugin/base/str.h"

static const char *const state_names[TOKEN_STATE_MAX_] = {
    [TOKEN_ABSENT] = "absent", [TOKEN_PRESENT] = "present", [TOKEN_LOCKED] = "locked",
    [TOKEN_FULL] = "full",     [TOKEN_ERROR] = "error",
};

const char *token_state_name(enum token_state s)
{
    return s < TOKEN_STATE_MAX_ ? state_names[s] : "error";
}

enum token_state token_state(struct token *t)
{
    return (enum token_state)atomic_load(&t->state);
}

void token_watch(struct token *t, void (*changed)(void *ctx), void *ctx)
{
    t->changed = changed;
    t->changed_ctx = ctx;
}

static int refuse_stopped(struct token *t, struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_CANCELLED, "the token of '%s' is being closed: nothing was done",
                    t->uri_text);
}

static int refuse_closed(struct token *t, struct mef_error *reterr)
{
    struct mef_error why;

    pthread_mutex_lock(&t->info_lock);
    why = t->info.last;
    pthread_mutex_unlock(&t->info_lock);
    if (why.word != MEF_ERROR_NONE)
        return mef_fail(reterr, why.word, "%s", why.text);
    return mef_fail(reterr, MEF_ERROR_TOKEN_UNAVAILABLE, "the token of '%s' is not open", t->uri_text);
}

int token_enter(struct token *t, bool must_be_open, struct mef_error *reterr)
{
    bool closing;

    if (atomic_load(&t->closing))
        return refuse_stopped(t, reterr);
    pthread_mutex_lock(&t->lock);
    t->waiting++;
    while (t->busy && !atomic_load(&t->closing))
        pthread_cond_wait(&t->free_cond, &t->lock);
    t->waiting--;
    closing = atomic_load(&t->closing);
    if (!closing)
        t->busy = true;
    else
        pthread_cond_broadcast(&t->free_cond); /* token_free() waits for the queue to empty */
    pthread_mutex_unlock(&t->lock);
    if (closing)
        return refuse_stopped(t, reterr);
    ERR_set_mark();
    if (must_be_open && !t->open) {
        token_leave(t);
        return refuse_closed(t, reterr);
    }
    return 0;
}

void token_leave(struct token *t)
{
    ERR_pop_to_mark();
    pthread_mutex_lock(&t->lock);
    t->busy = false;
    pthread_cond_broadcast(&t->free_cond);
    pthread_mutex_unlock(&t->lock);
}

void token_stop(struct token *t)
{
    atomic_store(&t->closing, true);
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->free_cond);
    pthread_mutex_unlock(&t->lock);
}

bool token_busy(struct token *t)
{
    pthread_mutex_lock(&t->lock);
    bool busy = t->busy || t->waiting > 0;
    pthread_mutex_unlock(&t->lock);
    return busy;
}

void token_set_state(struct token *t, enum token_state s, const struct mef_error *why)
{
    token_set_state_as(t, s, why,
                       s == TOKEN_PRESENT  ? EVENT_TOKEN_PRESENT
                       : s == TOKEN_ABSENT ? EVENT_TOKEN_ABSENT
                                           : EVENT_TOKEN_FAILED);
}

void token_set_state_as(struct token *t, enum token_state s, const struct mef_error *why, enum event_id id)
{
    enum token_state before = (enum token_state)atomic_exchange(&t->state, (int)s);
    struct event e = {.id = id, .token = t->name};

    pthread_mutex_lock(&t->info_lock);
    bool news = before != s || (why && why->word != MEF_ERROR_NONE && !streq(why->text, t->info.last.text));
    t->info.state = s;
    t->info.last = why ? *why : (struct mef_error){0};
    pthread_mutex_unlock(&t->info_lock);
    if (before != s && t->changed)
        t->changed(t->changed_ctx);
    if (!news)
        return;
    if (why && why->word != MEF_ERROR_NONE) {
        e.error = mef_error_name(why->word);
        event_emit(&t->sink, &e, "%s", why->text);
    } else if (s == TOKEN_PRESENT) {
        event_emit(&t->sink, &e, "token '%s' can be used", t->name);
    } /* closed on request: nobody needs to hear of it */
}

void token_tell_failure(struct token *t, const struct mef_error *why)
{
    const struct event e = {.id = EVENT_TOKEN_FAILED, .token = t->name, .error = mef_error_name(why->word)};

    if (token_state(t) == TOKEN_PRESENT || token_state(t) == TOKEN_FULL)
        event_emit(&t->sink, &e, "%s", why->text);
}

void token_drop_session(struct token *t)
{
    if (t->open)
        (void)t->f->C_CloseSession(t->session);
    t->open = false;
    index_clear(&t->index);
}

/* What to do about a code, where the caller knows nothing better. */
static const char *advice_for(const struct ckr_meaning *m)
{
    if (!m)
        return NULL;
    if (m->effect == CKR_EFFECT_FULL)
        return "it is full; delete objects that nobody needs, or use another token";
    return m->word == MEF_ERROR_READ_ONLY ? "remove the write protection or name another token" : NULL;
}

int token_fail_call(struct token *t, const char *call, CK_RV rv, const char *advice, struct mef_error *reterr)
{
    const struct ckr_meaning *m = ckr_find(rv);
    struct mef_error why;
    char name[32];

    if (!advice)
        advice = advice_for(m);
    int r = mef_fail(&why, m ? m->word : MEF_ERROR_FAILED, "token '%s': %s failed with %s%s%s", t->name, call,
                     token_ckr_name(rv, name), advice ? ": " : "", advice ? advice : "");

    switch (m ? m->effect : CKR_EFFECT_NONE) {
    case CKR_EFFECT_LOST:
        token_drop_session(t);
        token_set_state(t, TOKEN_ABSENT, &why);
        break;
    case CKR_EFFECT_ERROR:
        token_drop_session(t);
        token_set_state(t, TOKEN_ERROR, &why);
        break;
    case CKR_EFFECT_LOCKED:
        token_drop_session(t);
        token_set_state(t, TOKEN_LOCKED, &why);
        break;
    case CKR_EFFECT_FULL:
        token_set_state(t, TOKEN_FULL, &why);
        break;
    case CKR_EFFECT_NONE:
        break;
    }
    if (reterr)
        *reterr = why;
    return r;
}

int token_check_writable(struct token *t, const char *what, struct mef_error *reterr)
{
    if (!t->read_only)
        return 0;
    return mef_fail(
        reterr, MEF_ERROR_READ_ONLY,
        "token '%s' is write-protected: %s was not possible; remove the protection or name another token",
        t->name, what);
}
