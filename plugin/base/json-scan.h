/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold of JSON text before a parser that recurses sees it. Pure; thread: any. */
#pragma once

#include <stddef.h>

/* 0 when the text is at most `max_len` octets of valid UTF-8 without NUL and nests at most `max_depth` deep
 * (brackets inside strings do not count); -E2BIG, -EILSEQ, -EINVAL. It does not check the grammar: jansson
 * does, with JSON_REJECT_DUPLICATES. */
int json_scan(const char *text, size_t len, size_t max_len, unsigned max_depth);
