/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz: a body of cacerts or simpleenroll, and what its certificates say about themselves. What was decoded
 * keeps to the limits and parses again. */
#include "plugin/base/limits.h"
#include "plugin/cert/chain.h"
#include "plugin/cert/est-codec.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct der_list list = {0};
    char *text = fuzz_text(data, size);

    if (est_certs_decode(text, size, &list) == 0) {
        FUZZ_CHECK(list.n >= 1 && list.n <= LIMIT_CHAIN);
        for (size_t i = 0; i < list.n; i++) {
            struct cert_info info = {0};

            FUZZ_CHECK(list.item[i].len <= LIMIT_CERTIFICATE);
            if (cert_info_get(&list.item[i], &info) == 0) {
                FUZZ_CHECK(info.subject && info.issuer && info.san && strlen(info.sha256_hex) == 64);
                cert_info_clear(&info);
            }
        }
        der_list_clear(&list);
    } else
        FUZZ_CHECK(!list.item);
    free(text);
    return 0;
}
