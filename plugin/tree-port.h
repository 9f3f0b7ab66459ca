/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The MO tree for workers: implements `struct tree_port` of ports.h. Thread: made on the loop, used on
 * workers. */
#pragma once

#include "plugin/engine-private.h"

struct tree_port tree_port(struct engine *e); /* e outlives it */
