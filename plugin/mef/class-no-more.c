/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arguments of NO_MORE_COMMANDS (8.3.9.6; mef-protocol.md 3.4.2). Pure; thread: any. */
#include "plugin/base/when.h"
#include "plugin/mef/class-args.h"
#include "policy/backoff.h"

int no_more_parse(const struct vocabulary *v, const json_t *o, int64_t now, union class_args *ret,
                  struct mef_error *reterr)
{
    struct duration d;
    const char *text;
    int r = args_text(v, o, WORD_RTD, 128, &text, reterr);

    if (r)
        return r;
    if (duration_parse(text, &d) < 0)
        return args_bad(WORD_RTD, "is not a duration", reterr);
    int64_t until = duration_add(now, &d);
    ret->no_more.seconds = retry_duration_clamp(until > now ? (uint64_t)(until - now) / USEC_PER_SEC : 0);
    return 0;
}
