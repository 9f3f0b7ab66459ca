/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that a person names on the command line of mefctl. */
#pragma once

#include <stddef.h>

/* The whole file, NUL-terminated, malloc'ed; "-" is the standard input. -E2BIG above `max` octets, -EISDIR
 * and the errors of open(2) and read(2). */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len);
