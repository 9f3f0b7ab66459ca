/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors of the whole project.
 *
 * A function returns 0 = done; negative errno = something broke here; positive = an outcome of the protocol
 * that the caller must handle (its header lists which). What a person must read travels beside that in a
 * `struct mef_error`: a word of the closed list of interfaces.md 2 and one sentence that names the offending
 * thing and what to do. Outputs named ret_ are untouched unless 0 is returned; a reterr_ is filled on failure
 * only and may be NULL. No sentence ever holds a secret. Thread: any. */
#pragma once

#include "plugin/base/cleanup.h"

enum mef_error_word {
    MEF_ERROR_NONE,
    MEF_ERROR_INVALID_ARGUMENTS,
    MEF_ERROR_NOT_FOUND,
    MEF_ERROR_ALREADY_EXISTS,
    MEF_ERROR_NOT_AUTHORIZED,
    MEF_ERROR_NOT_SUPPORTED,
    MEF_ERROR_IN_PROGRESS,
    MEF_ERROR_NOT_REGISTERED,
    MEF_ERROR_INCONSISTENT_CONFIG,
    MEF_ERROR_LIMIT_EXCEEDED,
    MEF_ERROR_TOKEN_UNAVAILABLE,
    MEF_ERROR_TOKEN_LOCKED,
    MEF_ERROR_TOKEN_FULL,
    MEF_ERROR_SERVER_UNREACHABLE,
    MEF_ERROR_SERVER_REJECTED,
    MEF_ERROR_DM_UNAVAILABLE,
    MEF_ERROR_CANCELLED,
    MEF_ERROR_TIMED_OUT,
    MEF_ERROR_READ_ONLY,
    MEF_ERROR_FAILED,
    MEF_ERROR_MAX_
};

#define MEF_ERROR_TEXT_MAX 512

struct mef_error {
    enum mef_error_word word;
    char text[MEF_ERROR_TEXT_MAX]; /* one sentence, UTF-8, never cut inside a character */
};

/* The word as it stands behind "org.mefclient1.Error.", e.g. "TokenLocked"; "Failed" for anything unknown. */
const char *mef_error_name(enum mef_error_word word);

/* The errno that goes with a word (negative), e.g. -ENOENT for NotFound. */
int mef_error_errno(enum mef_error_word word);

/* Fills `err` (NULL is fine) and returns mef_error_errno(word), so that callers can `return mef_fail(...)`.
 * Octets that are not UTF-8 or are control characters in the result are replaced by '?'. */
int mef_fail(struct mef_error *err, enum mef_error_word word, const char *format, ...) mef_printf(3, 4);

/* Puts "format: " before the sentence that is there already. */
void mef_error_prefix(struct mef_error *err, const char *format, ...) mef_printf(2, 3);
