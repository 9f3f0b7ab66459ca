/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stand-in for the plugin on a private bus (GTestDBus): a canned object tree and canned answers, so that
 * mefctl's exit codes can be tested one by one. Answers come from GDBus's own thread: the test may block. */
#pragma once

#include <gio/gio.h>

struct fake;

struct fake *fake_up(const char *bus_address);
void fake_down(struct fake *f);
/* The body of the last call with this member as GVariant text, "" if there was none; g_free() it. */
char *fake_last(struct fake *f, const char *member);
void fake_signal(struct fake *f, const char *path, const char *interface, const char *member,
                 const char *body);
