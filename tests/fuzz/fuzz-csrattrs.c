/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz: a csrattrs body. The usages that it asks for are OIDs that a request can be made with. */
#include "plugin/base/str.h"
#include "plugin/cert/est-codec.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csrattrs a = {0};
    char *text = fuzz_text(data, size);

    if (est_csrattrs_decode(text, size, &a) == 0) {
        FUZZ_CHECK(strv_len(a.ext_key_usage) <= 16);
        for (size_t i = 0; a.ext_key_usage && a.ext_key_usage[i]; i++)
            FUZZ_CHECK(strspn(a.ext_key_usage[i], "0123456789.") == strlen(a.ext_key_usage[i]) &&
                       strchr(a.ext_key_usage[i], '.'));
        csrattrs_clear(&a);
    } else
        FUZZ_CHECK(!a.ext_key_usage);
    free(text);
    return 0;
}
