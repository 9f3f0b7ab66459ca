/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* make token-matrix: the token fails once, at each PKCS#11 call of a whole exchange, with each of a few
 * codes.
 *
 *     token-matrix [CALL [CKR]]
 *
 * A line a cell: CALL<TAB>CKR<TAB>ok|bad<TAB>the function, what came of it and how long it took. CALL is the
 * number of the call from 1, or of the create for CKR_DEVICE_MEMORY. The number of calls is what a fault-free
 * exchange makes; the token is also looked at from time to time, so a cell can hit another call than the one
 * before the number. Exit status 1 when a cell is bad. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/e2e/token-cells.h"

#define AT_A_TIME 6

static const CK_RV codes[] = {CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED,
                              CKR_SESSION_HANDLE_INVALID};
static const int creates[] = {SHIM_CreateObject, SHIM_GenerateKeyPair};

/* All cells in one order, so that they can be dealt out. */
struct plan {
    struct token_fault *fault;
    unsigned n;
};

static void plan_add(struct plan *p, int of, unsigned at, CK_RV rv)
{
    p->fault = g_renew(struct token_fault, p->fault, p->n + 1);
    p->fault[p->n++] = (struct token_fault){of, at, rv};
}

static struct plan make_plan(unsigned calls, const unsigned made[G_N_ELEMENTS(creates)])
{
    struct plan p = {0};
    for (unsigned at = 1; at <= calls; at++)
        for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
            plan_add(&p, 0, at, codes[i]);
    for (size_t k = 0; k < G_N_ELEMENTS(creates); k++)
        for (unsigned at = 1; at <= made[k]; at++)
            plan_add(&p, 1 + creates[k], at, CKR_DEVICE_MEMORY);
    return p;
}

static gboolean try(struct token_cells *c, const struct token_fault *f)
{
    g_autofree char *seen = NULL;
    gboolean ok = token_cells_run(c, f, NULL, &seen);
    (void)printf("%u\t%s\t%s\t%s\n", f->at, token_cells_ckr(f->rv), ok ? "ok" : "bad", seen);
    (void)fflush(stdout);
    return ok;
}

/* The share number `which` of the plan. */
static int run_share(const struct plan *p, unsigned which)
{
    struct token_cells c;
    unsigned bad = 0;
    token_cells_open(&c);
    for (unsigned i = which; i < p->n; i += AT_A_TIME)
        bad += !try(&c, &p->fault[i]);
    int status = token_cells_close(&c);
    if (status != 0)
        (void)printf("-\t-\tbad\tthe agent ended with %d\n", status);
    return bad || status ? 1 : 0;
}

/* What a fault-free exchange calls. */
static unsigned measure(unsigned made[G_N_ELEMENTS(creates)])
{
    struct token_cells c;
    unsigned calls = 0, before[G_N_ELEMENTS(creates)];
    g_autofree char *seen = NULL;
    token_cells_open(&c);
    for (size_t k = 0; k < G_N_ELEMENTS(creates); k++)
        before[k] = atomic_load(&c.shim->count[creates[k]]);
    if (!token_cells_run(&c, &(struct token_fault){0}, &calls, &seen))
        g_error("without a fault: %s", seen);
    for (size_t k = 0; k < G_N_ELEMENTS(creates); k++)
        made[k] = atomic_load(&c.shim->count[creates[k]]) - before[k];
    g_assert_cmpint(token_cells_close(&c), ==, 0);
    return calls;
}

struct share {
    GPid pid;
    FILE *out;
};

static struct share start(const char *program, unsigned which, const char *numbers)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = g_strdup_printf("%u", which);
    const char *argv[] = {program, "share", first, numbers, NULL};
    struct share s = {.out = tmpfile()};
    if (!s.out || !g_spawn_async_with_fds(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                          &s.pid, -1, fileno(s.out), -1, &error))
        g_error("%s: %s", program, error ? error->message : "no file for its output");
    return s;
}

static unsigned copy(struct share *s, unsigned *ret_cells)
{
    char line[4096];
    unsigned good = 0, bad_end = 0;
    rewind(s->out);
    while (fgets(line, sizeof line, s->out)) {
        if (!strchr(line, '\t'))
            continue;
        (void)fputs(line, stdout);
        if (line[0] == '-') {
            bad_end = 1;
            continue;
        }
        (*ret_cells)++;
        good += strstr(line, "\tok\t") != NULL;
    }
    (void)fclose(s->out);
    return good - (good ? bad_end : 0);
}

static int run_all(const char *program)
{
    unsigned made[G_N_ELEMENTS(creates)], calls = measure(made), good = 0, cells = 0;
    struct plan p = make_plan(calls, made);
    g_autofree char *numbers = g_strdup_printf("%u,%u,%u", calls, made[0], made[1]);
    struct share shares[AT_A_TIME];
    for (unsigned i = 0; i < AT_A_TIME; i++)
        shares[i] = start(program, i, numbers);
    for (unsigned i = 0; i < AT_A_TIME; i++) {
        (void)waitpid(shares[i].pid, NULL, 0);
        good += copy(&shares[i], &cells);
    }
    if (cells != p.n)
        (void)printf("-\t-\tbad\tonly %u of %u cells were tried\n", cells, p.n);
    (void)printf("%u of %u cells ended in order\n", good, p.n);
    g_free(p.fault);
    return good == p.n ? 0 : 1;
}

static int run_some(const char *at, const char *ckr)
{
    struct token_cells c;
    unsigned bad = 0, tried = 0;
    token_cells_open(&c);
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
        if (!ckr || strcmp(ckr, token_cells_ckr(codes[i])) == 0) {
            bad += !try(&c, &(struct token_fault){0, (unsigned)atoi(at), codes[i]});
            tried++;
        }
    for (size_t k = 0; k < G_N_ELEMENTS(creates); k++)
        if (ckr && strcmp(ckr, "CKR_DEVICE_MEMORY") == 0) {
            bad += !try(&c, &(struct token_fault){1 + creates[k], (unsigned)atoi(at), CKR_DEVICE_MEMORY});
            tried++;
        }
    bad += token_cells_close(&c) != 0;
    return bad || !tried ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char *words[4] = {0};
    unsigned calls, made[2];
    int n = 0;
    for (int i = 1; i < argc && n < 4; i++) /* run-test has options of its own for GLib's programs */
        if (argv[i][0] != '-')
            words[n++] = argv[i];
    if (n == 0)
        return run_all(argv[0]);
    if (n == 3 && strcmp(words[0], "share") == 0 &&
        sscanf(words[2], "%u,%u,%u", &calls, &made[0], &made[1]) == 3) {
        struct plan p = make_plan(calls, made);
        int r = run_share(&p, (unsigned)atoi(words[1]));
        g_free(p.fault);
        return r;
    }
    return run_some(words[0], words[1]);
}
