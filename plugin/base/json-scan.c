/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/json-scan.h"

#include <errno.h>
#include <stdbool.h>

#include "plugin/base/str.h"

int json_scan(const char *text, size_t len, size_t max_len, unsigned max_depth)
{
    unsigned depth = 0;
    bool in_string = false;

    if (len > max_len)
        return -E2BIG;
    if (!str_utf8_valid(text, len))
        return -EILSEQ;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max_depth)
                return -EINVAL;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return 0;
}
