/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PIN: read from a file, used once, wiped. A PIN that the token called wrong is never sent again from the
 * same file, since cards lock after a few attempts; what identifies the file is never derived from its
 * content. Thread: the owner of the session. */
#include "pkcs11/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"

#define IDENTITY_MAX 128
#define LOGIN_TRIES  2u

static void file_identity(const struct stat *st, char dst[IDENTITY_MAX])
{
    (void)snprintf(dst, IDENTITY_MAX, "%llu:%llu:%lld:%lld:%lld", (unsigned long long)st->st_dev,
                   (unsigned long long)st->st_ino, (long long)st->st_size,
                   (long long)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
                   (long long)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec);
}

/* 1 = burnt, 0 = not, negative = cannot tell. */
static int pin_burnt(struct token *t, const char *identity)
{
    if (t->burnt && streq(t->burnt, identity))
        return 1;
    return t->guard.is_burnt ? t->guard.is_burnt(t->guard.ctx, t->serial, identity) : 0;
}

bool token_pin_worth_trying(struct token *t)
{
    char identity[IDENTITY_MAX];
    struct stat st;

    if (!t->pin_file || stat(t->pin_file, &st) < 0)
        return true;
    file_identity(&st, identity);
    return !(t->tried && streq(t->tried, identity)) && pin_burnt(t, identity) == 0;
}

static int locked(struct token *t, struct mef_error *why, enum event_id id, struct mef_error *reterr)
{
    token_set_state_as(t, TOKEN_LOCKED, why, id);
    if (reterr)
        *reterr = *why;
    return mef_error_errno(why->word);
}

/* Opens and reads the file through one descriptor, so that identity and content belong together. */
static int read_pin(struct token *t, struct secret **ret, char identity[IDENTITY_MAX], struct mef_error *why)
{
    _cleanup_(secret_freep) struct secret *pin = NULL;
    _cleanup_(closep) int fd = open(t->pin_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    size_t len = 0;

    if (fd < 0)
        return mef_fail(why, MEF_ERROR_TOKEN_LOCKED, "token '%s': the PIN file '%s' cannot be opened: %s",
                        t->name, t->pin_file, strerrordesc_np(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return mef_fail(why, MEF_ERROR_TOKEN_LOCKED, "token '%s': the PIN file '%s' is not a regular file",
                        t->name, t->pin_file);
    if (st.st_mode & (S_IROTH | S_IWOTH))
        event_emit(
            &t->sink, &(struct event){.id = EVENT_TOKEN_PIN_EXPOSED, .token = t->name},
            "all users can read the PIN file '%s' of token '%s': take their access away with chmod o= '%s'",
            t->pin_file, t->name, t->pin_file);
    file_identity(&st, identity);
    if (secret_new(LIMIT_PIN + 2, &pin) < 0)
        return mef_fail(why, MEF_ERROR_FAILED, "token '%s': out of memory for the PIN", t->name);
    while (len < LIMIT_PIN + 2) {
        ssize_t n = read(fd, pin->data + len, LIMIT_PIN + 2 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mef_fail(why, MEF_ERROR_TOKEN_LOCKED, "token '%s': the PIN file '%s' cannot be read: %s",
                            t->name, t->pin_file, strerrordesc_np(errno));
        if (n == 0)
            break;
        len += (size_t)n;
    }
    if (len > 0 && pin->data[len - 1] == '\n')
        len--;
    if (len == 0)
        return mef_fail(why, MEF_ERROR_TOKEN_LOCKED, "token '%s': the PIN file '%s' is empty", t->name,
                        t->pin_file);
    if (len > LIMIT_PIN)
        return mef_fail(why, MEF_ERROR_TOKEN_LOCKED, "token '%s': the PIN file '%s' is longer than %u octets",
                        t->name, t->pin_file, LIMIT_PIN);
    pin->len = len;
    *ret = TAKE_PTR(pin);
    return 0;
}

static void burn(struct token *t, const char *identity)
{
    free(t->burnt);
    t->burnt = strdup(identity);
    if (t->guard.burn && t->guard.burn(t->guard.ctx, t->serial, identity) < 0)
        event_emit(
            &t->sink, &(struct event){.id = EVENT_STORE_FAILED, .token = t->name, .error = "Failed"},
            "it could not be stored that the PIN in '%s' is wrong: after a restart it may be tried once more",
            t->pin_file);
}

/* Reasons not to try at all; 0 = go on. */
static int check_before(struct token *t, bool by_hand, struct mef_error *why)
{
    if (t->token.flags & CKF_USER_PIN_LOCKED)
        return mef_fail(
            why, MEF_ERROR_TOKEN_LOCKED,
            "token '%s' has locked its user PIN after wrong attempts: unlock it with the SO PIN or PUK",
            t->name);
    if (by_hand)
        return 0;
    if (!t->pin_file)
        return mef_fail(
            why, MEF_ERROR_TOKEN_LOCKED,
            "token '%s' wants a PIN and none is configured: set [token] pin-file=, a pin-source in the "
            "URI, or the systemd credential mefclient.pin",
            t->name);
    /* A credential is a new file at each start, so the record of burnt files cannot recognize it: leave
     * the last attempt of the token to a person. */
    if (t->pin_origin == PIN_CREDENTIALS && (t->token.flags & CKF_USER_PIN_FINAL_TRY))
        return mef_fail(
            why, MEF_ERROR_TOKEN_LOCKED,
            "token '%s' allows one more attempt before it locks: check the credential '%s', then log in "
            "once by hand",
            t->name, t->pin_file);
    return 0;
}

static int login_failed(struct token *t, CK_RV rv, const char *identity, struct mef_error *reterr)
{
    struct mef_error why;

    if (rv != CKR_PIN_INCORRECT) {
        int r =
            token_fail_call(t, "C_Login", rv,
                            rv == CKR_PIN_LOCKED ? "unlock the user PIN with the SO PIN or PUK" : NULL, &why);
        /* A token that is gone or broken keeps that state; anything else means that we are not let in. */
        if (t->open) {
            bool same = t->tried && streq(t->tried, identity);
            t->tries = same ? t->tries + 1 : 1;
            free(t->tried);
            t->tried = strdup(identity);
            token_set_state(t, TOKEN_LOCKED, &why);
        }
        if (reterr)
            *reterr = why;
        return r;
    }
    burn(t, identity);
    (void)mef_fail(
        &why, MEF_ERROR_TOKEN_LOCKED,
        "token '%s': C_Login failed with CKR_PIN_INCORRECT: the PIN in '%s' is wrong and will not be tried "
        "again; write the right PIN to that file",
        t->name, t->pin_file);
    return locked(t, &why, EVENT_TOKEN_PIN_WRONG, reterr);
}

/* A login that failed for a reason of the token's own is tried once more by itself, unless the token counts
 * it as a wrong one: a card must not be locked by our persistence. */
static bool given_up(struct token *t, const char *identity)
{
    return t->unasked && t->tried && streq(t->tried, identity) &&
           (t->tries >= LOGIN_TRIES || t->token.flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY));
}

/* The PIN of a person: there is no file that could be remembered, and nothing that repeats it. */
static int login_by_hand(struct token *t, const struct secret *pin, struct mef_error *reterr)
{
    struct mef_error why;
    CK_RV rv;

    if (check_before(t, true, &why) < 0)
        return locked(t, &why, EVENT_TOKEN_FAILED, reterr);
    rv = t->f->C_Login(t->session, CKU_USER, pin->data, pin->len);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return 0;
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID) {
        char name[32];
        (void)mef_fail(&why, MEF_ERROR_TOKEN_LOCKED,
                       "token '%s': C_Login failed with %s: the PIN is wrong; call Login with the right one, "
                       "since the token locks itself after a few attempts",
                       t->name, token_ckr_name(rv, name));
        return locked(t, &why, EVENT_TOKEN_PIN_WRONG, reterr);
    }
    int r = token_fail_call(t, "C_Login", rv,
                            rv == CKR_PIN_LOCKED ? "unlock the user PIN with the SO PIN or PUK" : NULL, &why);
    if (t->open)
        token_set_state(t, TOKEN_LOCKED, &why);
    if (reterr)
        *reterr = why;
    return r;
}

int token_login(struct token *t, const struct secret *by_hand, struct mef_error *reterr)
{
    _cleanup_(secret_freep) struct secret *pin = NULL;
    char identity[IDENTITY_MAX];
    CK_SESSION_INFO session;
    struct mef_error why;
    CK_RV rv;

    if (!(t->token.flags & CKF_LOGIN_REQUIRED))
        return 0;
    /* The login belongs to the whole process: the host may have done it. */
    rv = t->f->C_GetSessionInfo(t->session, &session);
    if (rv != CKR_OK)
        return token_fail_call(t, "C_GetSessionInfo", rv, NULL, reterr);
    if (session.state == CKS_RW_USER_FUNCTIONS || session.state == CKS_RO_USER_FUNCTIONS)
        return 0;
    if (by_hand)
        return login_by_hand(t, by_hand, reterr);
    if (check_before(t, false, &why) < 0 || read_pin(t, &pin, identity, &why) < 0)
        return locked(t, &why, EVENT_TOKEN_FAILED, reterr);
    int burnt = pin_burnt(t, identity);
    if (burnt != 0) {
        (void)mef_fail(&why, MEF_ERROR_TOKEN_LOCKED,
                       burnt > 0
                           ? "token '%s': the PIN in '%s' was wrong before and is not tried again; write the "
                             "right PIN to that file"
                           : "token '%s': it cannot be read from the store whether the PIN in '%s' was wrong "
                             "before, so it is not tried",
                       t->name, t->pin_file);
        return locked(t, &why, EVENT_TOKEN_FAILED, reterr);
    }
    if (given_up(t, identity)) {
        (void)mef_fail(&why, MEF_ERROR_TOKEN_LOCKED,
                       "token '%s': C_Login failed before, though not because of the PIN in '%s', and is not "
                       "tried again by itself: see to the token, then call Token.Rescan",
                       t->name, t->pin_file);
        return locked(t, &why, EVENT_TOKEN_FAILED, reterr);
    }
    rv = t->f->C_Login(t->session, CKU_USER, pin->data, pin->len);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return 0;
    return login_failed(t, rv, identity, reterr);
}
