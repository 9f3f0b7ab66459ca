/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What fuzz targets share. A target is one .c with LLVMFuzzerTestOneInput(); it traps where a property does
 * not hold. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_CHECK(condition)                                                                                \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            __builtin_trap();                                                                                \
    } while (0)

/* The input as a C string of its own, so that reading past its end is seen. Cut at the first NUL by its
 * readers. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_CHECK(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
