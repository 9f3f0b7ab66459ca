/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of one token: made, opened, watched, closed, freed (interfaces.md 5, Manager.TokenState).
 * Ownership: the caller owns the token object, which owns modules, session, index and its OpenSSL context.
 * Thread: any; token_new() and token_free() once each. */
#include "pkcs11/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/str.h"

#define PIN_CREDENTIAL "mefclient.pin"

static int copy_params(struct token *t, const struct token_params *p, struct mef_error *reterr)
{
    if (!p->uri || !*p->uri)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "no token URI is configured: set [token] uri=pkcs11:token=LABEL");
    t->uri_text = strdup(p->uri);
    if (!t->uri_text)
        return -ENOMEM;
    if (p->module && *p->module) {
        if (p->module[0] != '/')
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "the PKCS#11 module '%s' is not an absolute path", p->module);
        t->module_path = strdup(p->module);
        if (!t->module_path)
            return -ENOMEM;
    }
    if (p->pin_file && *p->pin_file) {
        if (p->pin_file[0] != '/')
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "the PIN file '%s' is not an absolute path",
                            p->pin_file);
        t->pin_file = strdup(p->pin_file);
        if (!t->pin_file)
            return -ENOMEM;
        t->pin_origin = PIN_CONFIGURED;
    }
    int r = token_parse_uri(t, reterr);
    if (r < 0)
        return r;
    if (!t->pin_file && p->credentials_dir && *p->credentials_dir) {
        if (asprintf(&t->pin_file, "%s/%s", p->credentials_dir, PIN_CREDENTIAL) < 0) {
            t->pin_file = NULL;
            return -ENOMEM;
        }
        t->pin_origin = PIN_CREDENTIALS;
    }
    if (p->guard)
        t->guard = *p->guard;
    if (p->sink)
        t->sink = *p->sink;
    return 0;
}

static void destroy(struct token *t)
{
    token_provider_stop(t);
    token_unload_modules(t);
    token_info_clear(&t->info);
    if (t->uri)
        p11_kit_uri_free(t->uri);
    free(t->uri_text);
    free(t->module_path);
    free(t->pin_file);
    free(t->burnt);
    free(t->tried);
    pthread_cond_destroy(&t->free_cond);
    pthread_mutex_destroy(&t->lock);
    pthread_mutex_destroy(&t->info_lock);
    free(t);
}

/* What token_info() says before any token was seen: labels of the URI, and the URI without its query. */
static int first_info(struct token *t)
{
    CK_TOKEN_INFO *want = p11_kit_uri_get_token_info(t->uri);
    char *uri = NULL;

    token_trim(want->label, want->label[0] ? sizeof want->label : 0, t->name, sizeof t->name);
    if (!t->name[0])
        (void)snprintf(t->name, sizeof t->name, "?");
    p11_kit_uri_set_pin_source(t->uri, NULL);
    t->info.label = strdup(streq(t->name, "?") ? "" : t->name);
    t->info.manufacturer = strdup("");
    t->info.model = strdup("");
    t->info.serial = strdup("");
    t->info.mechanisms = calloc(1, sizeof *t->info.mechanisms);
    t->info.free_objects = -1;
    if (p11_kit_uri_format(t->uri, P11_KIT_URI_FOR_TOKEN | P11_KIT_URI_FOR_MODULE, &uri) == P11_KIT_URI_OK)
        t->info.uri = uri;
    if (!t->info.label || !t->info.manufacturer || !t->info.model || !t->info.serial || !t->info.mechanisms ||
        !t->info.uri)
        return -ENOMEM;
    /* The sentences name the URI as configured, without what follows it. */
    t->uri_text[strcspn(t->uri_text, "?")] = 0;
    return 0;
}

int token_new(const struct token_params *params, struct token **ret, struct mef_error *reterr)
{
    struct token *t = calloc(1, sizeof *t);

    if (!t)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory for the token");
    pthread_mutex_init(&t->lock, NULL);
    pthread_mutex_init(&t->info_lock, NULL);
    pthread_cond_init(&t->free_cond, NULL);
    int r = copy_params(t, params, reterr);
    if (r == 0)
        r = first_info(t);
    if (r == 0)
        r = token_provider_start(t, reterr);
    if (r < 0) {
        if (r == -ENOMEM)
            (void)mef_fail(reterr, MEF_ERROR_FAILED, "out of memory for the token");
        destroy(t);
        return r;
    }
    *ret = t;
    return 0;
}

void token_free(struct token *t)
{
    if (!t)
        return;
    token_stop(t);
    pthread_mutex_lock(&t->lock);
    while (t->waiting > 0)
        pthread_cond_wait(&t->free_cond, &t->lock);
    bool hung = t->busy;
    pthread_mutex_unlock(&t->lock);
    if (hung)
        return; /* abandoned: see token.h */
    token_drop_session(t);
    if (atomic_load(&t->keys) > 0) {
        token_unload_modules(t);
        return;
    }
    destroy(t);
}

/* ---- open, poll, close -------------------------------------------------------------------------------- */

static int open_session(struct token *t, struct mef_error *reterr)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION;
    bool read_only = (t->token.flags & CKF_WRITE_PROTECTED) != 0;
    CK_RV rv = CKR_TOKEN_WRITE_PROTECTED;

    if (!read_only)
        rv = t->f->C_OpenSession(t->slot, flags | CKF_RW_SESSION, NULL, NULL, &t->session);
    if (rv == CKR_TOKEN_WRITE_PROTECTED) {
        read_only = true;
        rv = t->f->C_OpenSession(t->slot, flags, NULL, NULL, &t->session);
    }
    if (rv != CKR_OK)
        return token_fail_call(t, "C_OpenSession", rv, NULL, reterr);
    t->open = true;
    t->read_only = read_only;
    pthread_mutex_lock(&t->info_lock);
    t->info.read_only = read_only;
    pthread_mutex_unlock(&t->info_lock);
    return 0;
}

/* State and reason of a failed open; calls that failed have set theirs already. `seen`: there is such a
 * token, so what was wrong with the device before has not ended by its removal. */
static int open_failed(struct token *t, int r, bool seen, const struct mef_error *why,
                       struct mef_error *reterr)
{
    struct mef_error e = *why;

    if (e.word == MEF_ERROR_NONE)
        r = mef_fail(&e, MEF_ERROR_FAILED, "token '%s' could not be opened: %s", t->name,
                     strerrordesc_np(-r));
    token_drop_session(t);
    if (e.word == MEF_ERROR_TOKEN_UNAVAILABLE && !(seen && token_state(t) == TOKEN_ERROR))
        token_set_state(t, TOKEN_ABSENT, &e);
    else if (e.word == MEF_ERROR_TOKEN_LOCKED)
        token_set_state(t, TOKEN_LOCKED, &e);
    else
        token_set_state(t, TOKEN_ERROR, &e);
    if (reterr)
        *reterr = e;
    return r;
}

static int open_locked(struct token *t, const struct secret *pin, struct mef_error *reterr)
{
    struct mef_error why = {0};
    bool seen;
    int r;

    if (t->open)
        return 0;
    if (t->logged_out && !pin) {
        struct token_info *i = &t->info; /* only we write it, as the owner of `busy` */
        return mef_fail(reterr, i->last.word, "%s", i->last.text);
    }
    /* Some modules look only when they start: for tokens made since (SoftHSM), for a pcscd that came back. */
    if (t->stale) {
        token_restart_modules(t);
        t->stale = false;
    }
    (void)((r = token_load_modules(t, &why)) < 0 || (r = token_find_slot(t, &why)) < 0);
    seen = r == 0;
    (void)(r < 0 || (r = open_session(t, &why)) < 0 || (r = token_login(t, pin, &why)) < 0 ||
           (r = token_refresh(t, TOKEN_ANY, &why)) < 0);
    if (r < 0)
        return open_failed(t, r, seen, &why, reterr);
    free(t->tried);
    t->tried = NULL;
    t->tries = 0;
    t->logged_out = false;
    token_set_state(t, TOKEN_PRESENT, NULL);
    return 0;
}

int token_open(struct token *t, struct mef_error *reterr)
{
    int r = token_enter(t, false, reterr);

    if (r < 0)
        return r;
    r = open_locked(t, NULL, reterr);
    token_leave(t);
    return r;
}

static int open_unasked(struct token *t)
{
    t->unasked = true;
    int r = open_locked(t, NULL, NULL);
    t->unasked = false;
    return r;
}

int token_login_with(struct token *t, const struct secret *pin, struct mef_error *reterr)
{
    int r;

    if (!pin || pin->len == 0)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "there is no PIN to log in with");
    r = token_enter(t, false, reterr);
    if (r < 0)
        return r;
    r = open_locked(t, pin, reterr);
    token_leave(t);
    return r;
}

int token_logout(struct token *t, struct mef_error *reterr)
{
    struct mef_error why;
    int r = token_enter(t, false, reterr);

    if (r < 0)
        return r;
    (void)mef_fail(&why, MEF_ERROR_TOKEN_LOCKED,
                   "token '%s' was logged out by call: it is not used until Login, or until the next start",
                   t->name);
    token_drop_session(t);
    t->logged_out = true;
    token_set_state(t, TOKEN_LOCKED, &why);
    token_leave(t);
    return 0;
}

enum token_state token_poll(struct token *t)
{
    CK_SESSION_INFO info;

    if (token_enter(t, false, NULL) < 0)
        return token_state(t);
    if (t->open) {
        CK_RV rv = t->f->C_GetSessionInfo(t->session, &info);
        if (rv == CKR_OK && (t->token.flags & CKF_LOGIN_REQUIRED) && info.state != CKS_RW_USER_FUNCTIONS &&
            info.state != CKS_RO_USER_FUNCTIONS)
            rv = CKR_USER_NOT_LOGGED_IN; /* somebody in this process logged out */
        if (rv != CKR_OK)
            (void)token_fail_call(t, "C_GetSessionInfo", rv, NULL, NULL);
    }
    if (!t->open && !t->logged_out && (token_state(t) != TOKEN_LOCKED || token_pin_worth_trying(t)))
        (void)open_unasked(t);
    token_leave(t);
    return token_state(t);
}

void token_close(struct token *t)
{
    if (token_enter(t, false, NULL) < 0)
        return;
    token_drop_session(t);
    token_set_state(t, TOKEN_ABSENT, NULL);
    token_leave(t);
}

/* ---- info --------------------------------------------------------------------------------------------- */

int token_info(struct token *t, struct token_info *ret)
{
    struct token_info i = {0};
    const struct token_info *from = &t->info;

    pthread_mutex_lock(&t->info_lock);
    i.label = strdup(from->label);
    i.manufacturer = strdup(from->manufacturer);
    i.model = strdup(from->model);
    i.serial = strdup(from->serial);
    i.uri = strdup(from->uri);
    i.mechanisms = strv_copy(from->mechanisms);
    i.free_objects = from->free_objects;
    i.read_only = from->read_only;
    i.state = from->state;
    i.last = from->last;
    pthread_mutex_unlock(&t->info_lock);
    if (!i.label || !i.manufacturer || !i.model || !i.serial || !i.uri || !i.mechanisms) {
        token_info_clear(&i);
        return -ENOMEM;
    }
    *ret = i;
    return 0;
}

void token_info_clear(struct token_info *i)
{
    free(i->label);
    free(i->manufacturer);
    free(i->model);
    free(i->serial);
    free(i->uri);
    if (i->mechanisms)
        strv_free(i->mechanisms);
    *i = (struct token_info){0};
}
