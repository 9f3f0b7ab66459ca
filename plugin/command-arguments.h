/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a stored command says, for the bus. The body was parsed once already; one that does not parse any more
 * gives empty answers. Thread: any. */
#pragma once

#include "dbus/value.h"

char *command_id_text(const char *cid);    /* cmdID as text, malloc'ed; NULL: none */
char *command_target_id(const char *body); /* targetID, malloc'ed; NULL: none */
/* One a{sv} with the members of cmdArgs under their names in the standard. */
void command_arguments_write(const char *body, struct bus_writer *w);
