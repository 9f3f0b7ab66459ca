/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The beginning of `make soak`: each kind of command, a few faults, two lives of a registration. */
#include "tests/e2e/soak-run.h"

static void test_short(void)
{
    g_autofree char *summary = NULL;
    struct soak_plan plan = {
        .commands = 200, .life = 100, .round = 50, .seed = g_test_rand_int() & 0x7fffffff};
    unsigned bad = soak_run(&plan, &summary);
    g_test_message("seed %u: %s", plan.seed, summary);
    g_assert_cmpuint(bad, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/soak/EE-16/MC-05/MC-07/short", test_short);
    return g_test_run();
}
