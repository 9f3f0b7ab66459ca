/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A secret that a caller hands over as a file descriptor, so that it never is in a message of the bus
 * (style-anchors.md D1). Thread: not the loop's, since a pipe may be waited for. */
#pragma once

#include <stddef.h>

#include "plugin/base/err.h"
#include "plugin/base/secret.h"

/* Everything up to the end of a regular file (from where its offset stands), memfd, pipe or socket; at most
 * `max` octets, within 2 s. InvalidArguments, in a sentence that begins with `what`: another kind of file,
 * nothing in it, too long, no end in time. */
int fd_secret_read(int fd, const char *what, size_t max, struct secret **ret, struct mef_error *reterr);
