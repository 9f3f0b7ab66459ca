/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loaded in front of a program (LD_PRELOAD): measures each turn of its event loops, from the end of one
 * epoll_wait to the beginning of the next on the same thread, without the time that the thread stood in the
 * run queue. The longest one goes to the file that TURNS_FILE names (this struct, mapped); whoever reads may
 * set it to 0. */
#pragma once

#include <stdatomic.h>

struct turns {
    _Atomic unsigned long longest_ns, turns;
};
