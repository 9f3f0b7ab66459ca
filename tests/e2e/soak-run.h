/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many commands of all classes for one agent, under random faults, in lives of a registration: added, kept
 * busy, deleted. What an agent holds between two lives must not grow, and each command must have been
 * reported once, with a status that mef-protocol.md 4.5 names for it. Thread: one. */
#pragma once

#include <glib.h>

struct soak_plan {
    unsigned commands; /* in all */
    unsigned life;     /* of one registration */
    unsigned round;    /* that wait at the MEF at once */
    guint32 seed;
};

/* How many things were wrong; each is told by g_printerr(), as is the progress, a line per life. The figures
 * in words, g_free. */
unsigned soak_run(const struct soak_plan *plan, char **ret_summary);
