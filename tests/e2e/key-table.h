/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fault x message for key-cells.c, as data. */
#pragma once

#include <glib.h>

/* The columns. Update and de-registration of a key are the same at a MEF and at a MAF. */
enum key_column {
    COL_KEY_CREATE,
    COL_MAF_KEY_CREATE,
    COL_MAF_CREATE,
    COL_KEY_RETRIEVE,
    COL_KEY_UPDATE,
    COL_KEY_DELETE,
    COL_MAF_UPDATE,
    COL_MAF_DELETE,
    COL_ANCHOR
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
    /* Begins with '*' when it strikes every time; with '+' when it is a file with that name in the world of
     * key-cells.c, which is sent instead; with '#' when it strikes every connection. */
    const char *text;
    const char *letters; /* in the order of the columns; '-': no such cell */
};

unsigned key_fault_count(void);
const struct key_fault *key_fault_get(unsigned fault);
const struct key_expectation *key_expectation(char letter);
