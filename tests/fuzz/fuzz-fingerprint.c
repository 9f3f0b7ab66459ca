/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz: fingerprints. What is accepted has a canonical form that means the same. */
#include "policy/fingerprint.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), canonical[FINGERPRINT_NI_LEN];
    struct fingerprint f, g;

    if (fingerprint_parse(text, &f) == 0) {
        uint8_t sha[32] = {0};

        FUZZ_CHECK(f.len == 32 || f.len == 16 || f.len == 15);
        fingerprint_format(&f, canonical);
        FUZZ_CHECK(fingerprint_parse(canonical, &g) == 0);
        FUZZ_CHECK(g.len == f.len && memcmp(g.octets, f.octets, f.len) == 0);
        memcpy(sha, f.octets, f.len);
        FUZZ_CHECK(fingerprint_matches(&f, sha));
        sha[0] ^= 1;
        FUZZ_CHECK(!fingerprint_matches(&f, sha));
    }
    (void)fingerprint_check_digit(text, strlen(text));
    free(text);
    return 0;
}
