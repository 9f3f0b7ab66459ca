/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fault x message for key-cells.c, as data. */
#pragma once

#include <glib.h>

enum key_message {
    KEY_CREATE,
    MAF_KEY_CREATE,
    MAF_CREATE,
    KEY_RETRIEVE,
    KEY_UPDATE,
    KEY_DELETE,
    KEY_MESSAGES
};

/* What a letter means. */
struct key_expectation {
    char letter;
    gboolean good;
    unsigned requests; /* with the one that was spoilt */
    gboolean undone;   /* and what the server made is given up there */
    const char *text;
};

struct key_fault {
    const char *name;
    const char *text;    /* begins with '*' when it strikes every time */
    const char *letters; /* in the order of the messages; '-': no such cell */
};

unsigned key_fault_count(void);
const struct key_fault *key_fault_get(unsigned fault);
const struct key_expectation *key_expectation(char letter);
