/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of command arguments: there once, and of the right type, else 42 (MC-13). Pure; thread: any. */
#include "plugin/mef/class-args.h"

#include "plugin/mef/codec-json.h"

int args_bad(enum word w, const char *why, struct mef_error *reterr)
{
    (void)mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s' %s.", vocabulary_long(w), why);
    return CMD_STATUS_BAD_ARGUMENTS;
}

static int member(const struct vocabulary *v, const json_t *o, enum word w, const json_t **ret,
                  struct mef_error *reterr)
{
    bool twice = false;

    *ret = content_member(v, o, w, &twice);
    if (twice)
        return args_bad(w, "is there more than once", reterr);
    return *ret ? 0 : args_bad(w, "is missing", reterr);
}

int args_text(const struct vocabulary *v, const json_t *o, enum word w, size_t max, const char **ret,
              struct mef_error *reterr)
{
    const json_t *j;
    int r = member(v, o, w, &j, reterr);

    if (r)
        return r;
    *ret = json_text(j, max);
    return *ret ? 0 : args_bad(w, "is not a usable text", reterr);
}

int args_enumeration(const struct vocabulary *v, const json_t *o, enum word w, uint32_t *ret,
                     struct mef_error *reterr)
{
    const json_t *j;
    int r = member(v, o, w, &j, reterr);

    if (r)
        return r;
    return json_enumeration(j, ret) < 0 ? args_bad(w, "is not a number", reterr) : 0;
}
