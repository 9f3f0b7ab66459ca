/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A private SoftHSM token for tests: its own directory and configuration, a PIN file, and the URI that names
 * it. Set up before anything loads a module; one process may set up several one after another, each time
 * after all token objects are freed (SoftHSM reads SOFTHSM2_CONF at C_Initialize). GLib: failures abort the
 * test. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define TOKEN_FIXTURE_PIN    "48151623"
#define TOKEN_FIXTURE_SO_PIN "99887766"
#define TOKEN_FIXTURE_MODULE "/usr/lib/softhsm/libsofthsm2.so"

struct token_fixture {
    char *dir;      /* private; removed by teardown */
    char *conf;     /* softhsm2.conf; also in the environment as SOFTHSM2_CONF */
    char *pin_file; /* mode 0600, the PIN and a newline */
    char *label;
    char *uri; /* pkcs11:token=LABEL */
    const char *module;
};

void token_fixture_setup(struct token_fixture *f, const char *label);
/* One more token beside it, with the same PINs. */
void token_fixture_add(struct token_fixture *f, const char *label);
/* Writes text to the file in place of what is there (a new inode, mode 0600). */
void token_fixture_write(const char *path, const char *text);
void token_fixture_teardown(struct token_fixture *f);
