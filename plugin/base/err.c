/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/str.h"

static const struct {
    const char *name;
    int error;
} words[MEF_ERROR_MAX_] = {
    [MEF_ERROR_NONE] = {"Failed", 0},
    [MEF_ERROR_INVALID_ARGUMENTS] = {"InvalidArguments", -EINVAL},
    [MEF_ERROR_NOT_FOUND] = {"NotFound", -ENOENT},
    [MEF_ERROR_ALREADY_EXISTS] = {"AlreadyExists", -EEXIST},
    [MEF_ERROR_NOT_AUTHORIZED] = {"NotAuthorized", -EPERM},
    [MEF_ERROR_NOT_SUPPORTED] = {"NotSupported", -EOPNOTSUPP},
    [MEF_ERROR_IN_PROGRESS] = {"InProgress", -EINPROGRESS},
    [MEF_ERROR_NOT_REGISTERED] = {"NotRegistered", -ENOTCONN},
    [MEF_ERROR_INCONSISTENT_CONFIG] = {"InconsistentConfig", -EBADE},
    [MEF_ERROR_LIMIT_EXCEEDED] = {"LimitExceeded", -E2BIG},
    [MEF_ERROR_TOKEN_UNAVAILABLE] = {"TokenUnavailable", -ENODEV},
    [MEF_ERROR_TOKEN_LOCKED] = {"TokenLocked", -EACCES},
    [MEF_ERROR_TOKEN_FULL] = {"TokenFull", -ENOSPC},
    [MEF_ERROR_SERVER_UNREACHABLE] = {"ServerUnreachable", -EHOSTUNREACH},
    [MEF_ERROR_SERVER_REJECTED] = {"ServerRejected", -EPROTO},
    [MEF_ERROR_DM_UNAVAILABLE] = {"DmUnavailable", -ESRCH},
    [MEF_ERROR_CANCELLED] = {"Cancelled", -ECANCELED},
    [MEF_ERROR_TIMED_OUT] = {"TimedOut", -ETIMEDOUT},
    [MEF_ERROR_READ_ONLY] = {"ReadOnly", -EROFS},
    [MEF_ERROR_FAILED] = {"Failed", -EIO},
};

const char *mef_error_name(enum mef_error_word word)
{
    return word < MEF_ERROR_MAX_ ? words[word].name : "Failed";
}

int mef_error_errno(enum mef_error_word word)
{
    return word > MEF_ERROR_NONE && word < MEF_ERROR_MAX_ ? words[word].error : -EIO;
}

int mef_fail(struct mef_error *err, enum mef_error_word word, const char *format, ...)
{
    if (err) {
        va_list ap;
        err->word = word;
        va_start(ap, format);
        (void)vsnprintf(err->text, sizeof err->text, format, ap);
        va_end(ap);
        str_make_printable(err->text);
    }
    return mef_error_errno(word);
}

void mef_error_prefix(struct mef_error *err, const char *format, ...)
{
    char old[MEF_ERROR_TEXT_MAX], head[MEF_ERROR_TEXT_MAX / 2];
    va_list ap;

    if (!err)
        return;
    memcpy(old, err->text, sizeof old);
    va_start(ap, format);
    (void)vsnprintf(head, sizeof head, format, ap);
    va_end(ap);
    size_t n = strlen(head);
    memcpy(err->text, head, n);
    (void)snprintf(err->text + n, sizeof err->text - n, ": %.*s", (int)(sizeof err->text - n - 3), old);
    str_make_printable(err->text);
}
