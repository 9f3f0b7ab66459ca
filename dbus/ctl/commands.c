/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mefctl: the table of commands, and how the program begins and ends (interfaces.md 4). All but main()
 * itself, so that tests can link it. Thread: one. */
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/cancel.h"
#include "plugin/base/str.h"

#define ANY 64

static const enum ctl_option add_options[] = {
    OPTION_HTTP_PORT,    OPTION_COAP_PORT, OPTION_WEBSOCKET_PORT, OPTION_KPM_ID, OPTION_CERT_FINGERPRINT,
    OPTION_TRUST_ANCHOR, OPTION_NAME,      OPTION_EXPIRES,        OPTION_LABEL,  OPTION_MAX_,
};
static const enum ctl_option job_options[] = {OPTION_CANCEL, OPTION_MAX_};

const struct ctl_command ctl_commands[] = {
    {"status", "", 0, 0, NULL, run_status, "what the client does, and what needs attention"},
    {"tree", "", 0, 0, NULL, run_tree, "the management objects"},
    {"graph", "", 0, 0, NULL, run_graph, "the same as a Graphviz graph"},
    {"timeline", "[TRANSACTION]", 0, 1, NULL, run_timeline, "what was said in one exchange, from the journal"},
    {"registrations", "", 0, 0, NULL, run_registrations, "the registrations at MEFs"},
    {"add", "FQDN ADMIN", 2, 2, add_options, run_add, "add a MEF and register there"},
    {"poll", "REG", 1, 1, NULL, run_poll, "ask the MEF for a command now"},
    {"delete", "NODE", 1, 1, NULL, run_delete, "delete a node; ends its registration"},
    {"process", "NODE [KEY=VALUE]...", 1, ANY, NULL, run_process, "process a node as MO_NODE would"},
    {"jobs", "", 0, 0, job_options, run_jobs, "what is under way"},
    {"credentials", "", 0, 0, NULL, run_credentials, "certificates and keys in the token"},
    {"login", "[FILE]", 0, 1, NULL, run_login, "log in to the token with a PIN"},
    {"logout", "", 0, 0, NULL, run_logout, "use the token no more until login"},
    {"set-key", "NODE [FILE]", 1, 2, NULL, run_set_key, "put the key of a profile into the token"},
    {"log-level", "[LEVEL]", 0, 1, NULL, run_log_level, "show or set the log level"},
    {"watch", "", 0, 0, NULL, run_watch, "tell what happens as it happens"},
    {"import", "FILE", 1, 1, NULL, run_import, "add the nodes of a JSON file, all or none"},
    {"export", "", 0, 0, NULL, run_export, "print the management objects as JSON"},
    {0},
};

int ctl_fail(struct ctl *c, enum ctl_exit code, const char *error, const char *format, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    str_make_printable(text);
    fprintf(stderr, "mefctl: %s\n", text);
    if (c->json) {
        json_t *object = json_pack("{s:s, s:s}", "Error", error, "Message", text);
        if (object)
            json_dumpf(object, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(object);
    }
    return (int)code;
}

int ctl_print_json(struct ctl *c, json_t *value)
{
    int r;
    if (!value)
        return ctl_fail(c, CTL_FAILED, "NoMemory", "out of memory");
    r = json_dumpf(value, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(value);
    /* A reader of `watch` wants each line at once. */
    return r == 0 && fflush(stdout) == 0 ? CTL_OK : CTL_FAILED;
}

int ctl_main(int argc, char **argv)
{
    _cleanup_(freep) char **room = calloc((size_t)argc + 1, sizeof(*room));
    struct ctl c = {.deadline = DEADLINE_NONE};
    struct ctl_args a;
    char why[512];
    int r;

    setlocale(LC_ALL, "");
    c.utf8 = streq(nl_langinfo(CODESET), "UTF-8");
    c.tty = isatty(STDERR_FILENO) && isatty(STDIN_FILENO);
    /* A reader that goes away (`mefctl tree | head`) shows as a failed write. */
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc; i++)
        c.json = c.json || streq(argv[i], "--json");
    if (!room)
        return ctl_fail(&c, CTL_FAILED, "NoMemory", "out of memory");
    if (options_parse(argc, argv, room, &a, why, sizeof(why)) < 0) {
        r = ctl_fail(&c, CTL_USAGE, "InvalidArguments", "%s", why);
        fputs("Try 'mefctl --help'.\n", stderr);
        return r;
    }
    if (a.given[OPTION_HELP]) {
        options_help(stdout);
        return CTL_OK;
    }
    if (a.given[OPTION_VERSION]) {
        puts("mefctl " PACKAGE_VERSION);
        return CTL_OK;
    }
    if (!a.command) {
        options_help(stderr);
        return CTL_USAGE;
    }
    c.bus = a.text[OPTION_BUS];
    c.no_wait = a.given[OPTION_NO_WAIT];
    if (a.given[OPTION_TIMEOUT])
        c.deadline = now_monotonic() + a.number[OPTION_TIMEOUT] * UINT64_C(1000000);
    /* What is past can be read when the service is not there. */
    r = a.command->run == run_timeline ? 0 : bus_open(&c);
    if (r == 0)
        r = a.command->run(&c, &a);
    bus_close(&c);
    if (fflush(stdout) != 0 && r == CTL_OK)
        r = CTL_FAILED;
    return r;
}
