/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A re-enrolment over a new connection with a certificate (issue 3), all of it but what the token does,
 * against a bare mutual handshake of OpenSSL. User instructions; one handshake on either side. */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/enrolment.h"
#include "tests/bench/figure.h"

#define FEW   2u
#define MANY  10u
#define LIMIT 1.6

static double per_round(const char *self, const char *side, const char *apart)
{
    g_autofree char *few = g_strdup_printf("%u", FEW), *many = g_strdup_printf("%u", MANY);
    const char *const with_few[] = {self, side, few, NULL}, *const with_many[] = {self, side, many, NULL};
    double base = (double)instructions(with_few, apart);

    return ((double)instructions(with_many, apart) - base) / (MANY - FEW);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

    if (argc == 3 && strcmp(argv[1], "ours") == 0)
        enrolment_ours(rounds);
    else if (argc == 3)
        enrolment_bare(rounds, strcmp(argv[1], "bare") == 0);
    if (argc == 3)
        return 0;
    if (!count_tool())
        return 1;
    double ours = per_round(argv[0], "ours", "shim_*"), whole = per_round(argv[0], "ours", NULL),
           bare = per_round(argv[0], "bare", NULL), shared = per_round(argv[0], "shared", NULL);
    at_most("simplereenroll-instructions", ours, bare, LIMIT);
    note("simplereenroll: %.0f instructions inside the token; a handshake with a shared context: %.0f",
         whole - ours, shared);
    return 0;
}
