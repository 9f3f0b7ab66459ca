/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* make fault-matrix: every fault of mef-sim at every message of the exchange.
 *
 *     fault-matrix [MESSAGE [FAULT]]
 *
 * A line a cell: FAULT<TAB>MESSAGE<TAB>ok|bad<TAB>what was expected and seen. Without a message each message
 * runs in a process of its own, some at a time. Exit status 1 when a cell is bad. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/e2e/fault-cells.h"
#include "tests/e2e/key-cells.h"

#define AT_A_TIME 5

static int run_message(unsigned message, const char *only)
{
    struct cells c;
    unsigned bad = 0;
    cells_open(&c, message);
    for (unsigned f = 0; f < fault_count(); f++) {
        g_autofree char *seen = NULL;
        if (fault_expected(f, message) == '-' || (only && strcmp(only, fault_get(f)->name) != 0))
            continue;
        gboolean ok = cells_run(&c, f, &seen);
        bad += !ok;
        (void)printf("%s\t%s\t%s\t%s\n", fault_get(f)->name, fault_message_get(message)->name,
                     ok ? "ok" : "bad", seen);
        (void)fflush(stdout);
    }
    int status = cells_close(&c);
    if (status != 0) {
        bad++;
        (void)printf("-\t%s\tbad\tthe agent ended with %d\n", fault_message_get(message)->name, status);
    }
    return bad ? 1 : 0;
}

static void print_cell(void *ctx, const char *fault, gboolean ok, const char *text)
{
    unsigned *bad = ((unsigned **)ctx)[0];
    const char *message = ((const char **)ctx)[1];
    *bad += !ok;
    (void)printf("%s\t%s\t%s\t%s\n", fault, message, ok ? "ok" : "bad", text);
    (void)fflush(stdout);
}

static int run_key_message(unsigned message, const char *only)
{
    unsigned bad = 0;
    const void *ctx[] = {&bad, key_message_name(message)};
    const char *const one[] = {only, NULL};
    (void)key_message_run(message, only ? one : NULL, print_cell, (void *)ctx);
    return bad ? 1 : 0;
}

/* The messages of the exchange, then those about keys. */
static unsigned all_messages(void)
{
    return fault_messages() + key_messages();
}

static const char *message_name(unsigned m)
{
    return m < fault_messages() ? fault_message_get(m)->name : key_message_name(m - fault_messages());
}

struct part {
    GPid pid;
    FILE *out;
};

static struct part start(const char *program, const char *message)
{
    g_autoptr(GError) error = NULL;
    const char *argv[] = {program, message, NULL};
    struct part p = {.out = tmpfile()};
    if (!p.out || !g_spawn_async_with_fds(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                          &p.pid, -1, fileno(p.out), -1, &error))
        g_error("%s: %s", program, error ? error->message : "no file for its output");
    return p;
}

/* Copies the lines and counts them; what is missing of the message counts as bad. */
static unsigned copy(struct part *p, unsigned *ret_cells)
{
    char line[2048];
    unsigned good = 0, cells = 0, ended_badly = 0;
    rewind(p->out);
    while (fgets(line, sizeof line, p->out)) {
        if (!strchr(line, '\t'))
            continue;
        if (line[0] == '-') { /* not a cell, but something to say */
            ended_badly = 1;
            (void)fputs(line, stdout);
            continue;
        }
        cells++;
        good += strstr(line, "\tok\t") != NULL;
        (void)fputs(line, stdout);
    }
    (void)fclose(p->out);
    (void)fflush(stdout);
    *ret_cells = cells;
    return good - (good ? ended_badly : 0);
}

static unsigned cells_of(unsigned message)
{
    unsigned n = 0;
    if (message >= fault_messages())
        return key_message_cells(message - fault_messages());
    for (unsigned f = 0; f < fault_count(); f++)
        n += fault_expected(f, message) != '-';
    return n;
}

/* The longest first would be best; it is enough that a place which is free is taken at once. */
static int run_all(const char *program)
{
    struct part parts[32] = {0};
    unsigned n = all_messages(), started = 0, ended = 0, good = 0, all = 0;
    while (ended < n) {
        for (; started < n && started - ended < AT_A_TIME; started++)
            parts[started] = start(program, message_name(started));
        pid_t pid = waitpid(-1, NULL, 0);
        for (unsigned m = 0; m < started; m++) {
            unsigned seen, want = cells_of(m);
            if (parts[m].pid != pid)
                continue;
            good += copy(&parts[m], &seen);
            all += want;
            ended++;
            if (seen != want)
                (void)printf("-\t%s\tbad\tonly %u of %u cells were tried\n", message_name(m), seen, want);
        }
    }
    (void)printf("%u of %u cells ended as the text says\n", good, all);
    return good == all ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *words[3] = {0};
    int n = 0;
    for (int i = 1; i < argc && n < 3; i++) /* run-test has options of its own for GLib's programs */
        if (argv[i][0] != '-')
            words[n++] = argv[i];
    if (n == 0)
        return run_all(argv[0]);
    for (unsigned m = 0; m < fault_messages(); m++)
        if (strcmp(words[0], fault_message_get(m)->name) == 0)
            return run_message(m, words[1]);
    for (unsigned m = 0; m < key_messages(); m++)
        if (strcmp(words[0], key_message_name(m)) == 0)
            return run_key_message(m, words[1]);
    (void)fprintf(stderr, "'%s' is no message of the exchange\n", words[0]);
    return 2;
}
