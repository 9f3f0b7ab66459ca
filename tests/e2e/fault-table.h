/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fault x message: what the text says that the client does when that answer to that request is spoilt. */
#pragma once

#include <glib.h>

enum { MUST_BE_LIVE, MUST_BE_NEW };
enum { ANY_CREDENTIAL, NO_CERTIFICATE, WITH_CERTIFICATE };
enum { COMMANDS_NONE, COMMANDS_ONE, COMMANDS_TWO, COMMANDS_CERT };
enum { JOB_ANY, JOB_DONE, JOB_FAILED };

struct fault_message {
    const char *name, *op, *resource, *method;
    int before, credential, commands;
    gboolean factory; /* starts with a certificate, so that the MEF's certificate counts */
};

/* What a letter means. */
struct fault_expectation {
    char letter;
    unsigned min, max; /* requests of the message, with the one that was spoilt */
    int job;
    unsigned gap_ms; /* at least, between the first two of them */
    gboolean quiet;  /* nothing more comes by itself */
    const char *text;
};

struct fault {
    const char *name;
    /* A text that begins with '*' strikes every time. One that begins with '/' is a request to the control
     * port instead, undone by a DELETE: the path, a blank, the body. One that begins with '=' is laid over
     * `est` of the scenario. */
    const char *text;
    /* Create, Retrieve, Update, reGistration update and reTrieve, Delete, cAcerts, cSrattrs, simpleEnroll,
     * simpleReenroll, rePort by the new certificate. */
    const char *letters;
};

unsigned fault_count(void);
unsigned fault_messages(void);
const struct fault *fault_get(unsigned fault);
const struct fault_message *fault_message_get(unsigned message);
/* The letter of the table, '-' when there is no such cell. */
char fault_expected(unsigned fault, unsigned message);
const struct fault_expectation *fault_expectation(char letter);
