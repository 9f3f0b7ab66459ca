/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* make soak: a long run of soak-run.h. Environment: MEF_SOAK_COMMANDS (20000), MEF_SOAK_LIFE (a twentieth, at
 * least 200), MEF_SOAK_SEED (random). 1 when anything was wrong; the seed, the progress and what was wrong on
 * stderr, the figures on stdout. */
#include "tests/e2e/soak-run.h"

static guint64 number(const char *name, guint64 otherwise)
{
    const char *text = g_getenv(name);
    return text && *text ? g_ascii_strtoull(text, NULL, 10) : otherwise;
}

int main(void)
{
    g_autofree char *summary = NULL;
    struct soak_plan plan = {.commands = (unsigned)number("MEF_SOAK_COMMANDS", 20000),
                             .seed = (guint32)number("MEF_SOAK_SEED", g_random_int()),
                             .round = 100};
    /* Twenty lives, so that the quarters have something to compare; the short ones outgrow the journal too.
     */
    plan.life = (unsigned)number("MEF_SOAK_LIFE", MAX(plan.commands / 20, 200));
    unsigned bad = soak_run(&plan, &summary);
    g_print("%s%u wrong (seed %u)\n", summary, bad, plan.seed);
    return bad > 0;
}
