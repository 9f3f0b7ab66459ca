/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of mefctl: one table of options, one of commands (commands.c), one parser for both.
 * Options may stand anywhere; the first other word is the command. Pure but for help. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/str.h"

const struct option_row ctl_options[OPTION_MAX_] = {
    {OPTION_BUS, "bus", OPTION_TEXT, "ADDRESS", "D-Bus address (the system bus)"},
    {OPTION_JSON, "json", OPTION_FLAG, NULL, "print one JSON object"},
    {OPTION_NO_WAIT, "no-wait", OPTION_FLAG, NULL, "do not wait for the job to end"},
    {OPTION_TIMEOUT, "timeout", OPTION_SECONDS, "S", "give up after this many seconds (exit 6)"},
    {OPTION_HELP, "help", OPTION_FLAG, NULL, "print this"},
    {OPTION_VERSION, "version", OPTION_FLAG, NULL, "print the version"},
    {OPTION_HTTP_PORT, "http-port", OPTION_PORT, "N", "port of the MEF for HTTPS (443)"},
    {OPTION_COAP_PORT, "coap-port", OPTION_PORT, "N", "port of the MEF for CoAP over DTLS"},
    {OPTION_WEBSOCKET_PORT, "websocket-port", OPTION_PORT, "N", "port of the MEF for WebSocket"},
    {OPTION_KPM_ID, "kpm-id", OPTION_TEXT, "I", "identifier of the pre-shared key in the token"},
    {OPTION_CERT_FINGERPRINT, "cert-fingerprint", OPTION_TEXT, "F",
     "use the certificate with this fingerprint"},
    {OPTION_TRUST_ANCHOR, "trust-anchor", OPTION_TEXT, "FILE", "PEM file with the trust anchor of the MEF"},
    {OPTION_NAME, "name", OPTION_TEXT, "N", "name of the new node"},
    {OPTION_EXPIRES, "expires", OPTION_TEXT, "T",
     "when the registration shall expire: a time, or P30D from now"},
    {OPTION_LABEL, "label", OPTION_LIST, "L", "a label, may be given several times"},
    {OPTION_CANCEL, "cancel", OPTION_NUMBER, "N", "cancel the job with this number"},
};

static bool takes(const struct ctl_command *command, enum ctl_option id)
{
    if (id <= OPTION_VERSION)
        return true;
    for (const enum ctl_option *o = command ? command->options : NULL; o && *o != OPTION_MAX_; o++)
        if (*o == id)
            return true;
    return false;
}

static int set(struct ctl_args *a, const struct option_row *row, const char *value, char *why,
               size_t why_size)
{
    uint64_t max = row->kind == OPTION_PORT ? 65535 : row->kind == OPTION_SECONDS ? 1000000000 : UINT32_MAX;

    if (a->given[row->id] && row->kind != OPTION_LIST && row->kind != OPTION_FLAG) {
        snprintf(why, why_size, "--%s is given twice", row->name);
        return -EINVAL;
    }
    a->given[row->id] = true;
    switch (row->kind) {
    case OPTION_FLAG:
        return 0;
    case OPTION_LIST:
        if (a->n_labels == CTL_LABELS_MAX) {
            snprintf(why, why_size, "--%s is given more than %d times", row->name, CTL_LABELS_MAX);
            return -EINVAL;
        }
        a->labels[a->n_labels++] = value;
        return 0;
    case OPTION_TEXT:
        if (!*value) {
            snprintf(why, why_size, "--%s needs a value that is not empty", row->name);
            return -EINVAL;
        }
        a->text[row->id] = value;
        return 0;
    default:
        if (str_to_u64(value, max, &a->number[row->id]) < 0 ||
            (row->kind != OPTION_NUMBER && a->number[row->id] == 0)) {
            snprintf(why, why_size, "--%s takes a number from %d to %llu, not '%s'", row->name,
                     row->kind != OPTION_NUMBER, (unsigned long long)max, value);
            return -EINVAL;
        }
        a->text[row->id] = value;
        return 0;
    }
}

/* One word that begins with "--"; *i moves on when the value is the next word. */
static int option(struct ctl_args *a, int argc, char **argv, int *i, char *why, size_t why_size)
{
    const char *name = argv[*i] + 2, *value = strchr(name, '=');
    size_t n = value ? (size_t)(value - name) : strlen(name);
    const struct option_row *row = NULL;

    for (size_t k = 0; k < OPTION_MAX_; k++)
        if (strlen(ctl_options[k].name) == n && memcmp(ctl_options[k].name, name, n) == 0)
            row = &ctl_options[k];
    if (!row) {
        snprintf(why, why_size, "there is no option '--%.*s'", (int)n, name);
        return -EINVAL;
    }
    if (!takes(a->command, row->id)) {
        if (a->command)
            snprintf(why, why_size, "'%s' has no option --%s", a->command->name, row->name);
        else
            snprintf(why, why_size, "--%s belongs behind the command", row->name);
        return -EINVAL;
    }
    if (row->kind == OPTION_FLAG) {
        if (value) {
            snprintf(why, why_size, "--%s takes no value", row->name);
            return -EINVAL;
        }
        return set(a, row, NULL, why, why_size);
    }
    if (value)
        value++;
    else if (*i + 1 < argc)
        value = argv[++*i];
    else {
        snprintf(why, why_size, "--%s needs a value: --%s %s", row->name, row->name, row->argument);
        return -EINVAL;
    }
    return set(a, row, value, why, why_size);
}

int options_parse(int argc, char **argv, char **room, struct ctl_args *ret, char *why, size_t why_size)
{
    struct ctl_args a = {.word = room};
    bool only_words = false;

    for (int i = 1; i < argc; i++) {
        const char *s = argv[i];
        /* libdbus ends the process on text that is not UTF-8: it never gets there. */
        if (!str_text_valid(s, strlen(s))) {
            snprintf(why, why_size, "argument %d is not UTF-8 text without control characters", i);
            return -EINVAL;
        }
        if (!only_words && streq(s, "--"))
            only_words = true;
        else if (!only_words && s[0] == '-' && s[1] == '-') {
            if (option(&a, argc, argv, &i, why, why_size) < 0)
                return -EINVAL;
            if (!str_text_valid(argv[i], strlen(argv[i]))) {
                snprintf(why, why_size, "argument %d is not UTF-8 text without control characters", i);
                return -EINVAL;
            }
        } else if (!only_words && s[0] == '-' && s[1] && a.command == NULL) {
            snprintf(why, why_size, "there is no option '%s'", s);
            return -EINVAL;
        } else if (!a.command) {
            for (const struct ctl_command *c = ctl_commands; c->name; c++)
                if (streq(c->name, s))
                    a.command = c;
            if (!a.command) {
                snprintf(why, why_size, "there is no command '%s'", s);
                return -EINVAL;
            }
        } else
            a.word[a.words++] = argv[i];
    }
    if (a.command && !a.given[OPTION_HELP] && !a.given[OPTION_VERSION] &&
        (a.words < a.command->min || a.words > a.command->max)) {
        snprintf(why, why_size, "usage: mefctl %s%s%s", a.command->name, *a.command->words ? " " : "",
                 a.command->words);
        return -EINVAL;
    }
    *ret = a;
    return 0;
}

void options_help(FILE *to)
{
    char left[64];
    fputs("Usage: mefctl [OPTION]... COMMAND [ARGUMENT]...\n\nCommands:\n", to);
    for (const struct ctl_command *c = ctl_commands; c->name; c++) {
        snprintf(left, sizeof(left), "%s%s%s", c->name, *c->words ? " " : "", c->words);
        fprintf(to, "  %-26s %s\n", left, c->help);
        for (const enum ctl_option *o = c->options; o && *o != OPTION_MAX_; o++) {
            snprintf(left, sizeof(left), "--%s %s", ctl_options[*o].name, ctl_options[*o].argument);
            fprintf(to, "    %-24s %s\n", left, ctl_options[*o].help);
        }
    }
    fputs("\nOptions:\n", to);
    for (size_t k = 0; k <= OPTION_VERSION; k++) {
        snprintf(left, sizeof(left), "--%s%s%s", ctl_options[k].name, ctl_options[k].argument ? " " : "",
                 ctl_options[k].argument ? ctl_options[k].argument : "");
        fprintf(to, "  %-26s %s\n", left, ctl_options[k].help);
    }
    fputs("\nExit status: 0 done, 1 the operation or job failed, 2 wrong usage, 3 no bus or no service,\n"
          "4 not authorized, 5 not found, 6 timed out.\n",
          to);
}
