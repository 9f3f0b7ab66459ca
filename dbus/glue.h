/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A DBusConnection in an sd-event loop: watches, timeouts, dispatch. Private to dbus/. */
#pragma once

#include <dbus/dbus.h>
#include <systemd/sd-event.h>

struct glue;

/* Attaches; both are referenced. -ENOMEM. */
int glue_attach(sd_event *event, DBusConnection *c, struct glue **ret);
/* Detaches at once, also from within a callback of the connection. NULL is fine. */
void glue_detach(struct glue *g);
