/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A caller of Properties.Get that costs as little as libdbus allows, and the bare service to measure against.
 * Failures end the program. Thread: one. */
#pragma once

#include <dbus/dbus.h>
#include <glib.h>

#define GET_OURS      "org.mefclient1"
#define GET_BARE      "org.example.Bare"
#define GET_PATH      "/org/mefclient1"
#define GET_INTERFACE "org.mefclient1.Manager"
#define GET_PROPERTY  "State"

DBusConnection *getter_connect(const char *address);
/* Properties.Get of the state; the text (g_free). */
char *getter_ask(DBusConnection *c, const char *name);
/* `n` calls, one after the other: microseconds, of each in `each` unless that is NULL. */
gint64 getter_run(DBusConnection *c, const char *name, unsigned n, gint64 *each);
/* Waits until somebody has the name. */
void getter_wait_for(DBusConnection *c, const char *name);

/* The service, with nothing but libdbus: does not return. */
void bare_service(const char *address, const char *value);
