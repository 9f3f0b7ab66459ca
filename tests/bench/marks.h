/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loaded in front of mef-agent (LD_PRELOAD, beside turns.h): notes what the process has run by the moment at
 * which it says on its worker thread that a command has come, and by the one at which it says that the
 * certificate is in the token. In the file that MARKS_FILE names (this struct, mapped); the token's share by
 * the shim of SHIM_FILE. All in nanoseconds of processor time. */
#pragma once

#include <stdatomic.h>

struct marks {
    struct mark {
        _Atomic unsigned long process, token, worker; /* worker: of the thread that says it */
        _Atomic unsigned said;
    } command, stored;
};
