/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the argument parsers of the classes share. Pure; thread: any. */
#pragma once

#include "plugin/mef/class.h"

/* A mandatory text of 1..max octets, borrowed. 0, or CMD_STATUS_BAD_ARGUMENTS with a sentence. */
int args_text(const struct vocabulary *v, const json_t *o, enum word w, size_t max, const char **ret,
              struct mef_error *reterr);
/* A mandatory enumeration, as json_enumeration(). */
int args_enumeration(const struct vocabulary *v, const json_t *o, enum word w, uint32_t *ret,
                     struct mef_error *reterr);
/* CMD_STATUS_BAD_ARGUMENTS with "'name' why". */
int args_bad(enum word w, const char *why, struct mef_error *reterr);
