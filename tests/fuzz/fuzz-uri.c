/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz: the URI splitter and host names. What is accepted must be read back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/str.h"
#include "policy/fqdn.h"
#include "policy/uri.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), host[LIMIT_FQDN + 1], again[LIMIT_FQDN + 1];
    struct uri u;

    if (uri_parse(text, &u) == 0) {
        FUZZ_CHECK(u.scheme[0] && strlen(u.host) <= LIMIT_FQDN);
        FUZZ_CHECK(u.path >= text && u.path + u.path_len <= text + strlen(text));
        FUZZ_CHECK(!u.has_query || u.query + u.query_len <= text + strlen(text));
        FUZZ_CHECK(!u.has_fragment || u.fragment + u.fragment_len == text + strlen(text));
        if (u.host[0] && !u.host_is_literal) {
            FUZZ_CHECK(fqdn_normalize_host(u.host, strlen(u.host), host) == 0 && streq(host, u.host));
            FUZZ_CHECK(fqdn_equal(u.host, host) && !fqdn_is_ip_literal(u.host));
        }
    }
    if (fqdn_normalize(text, host) == 0) {
        FUZZ_CHECK(fqdn_normalize(host, again) == 0 && streq(host, again));
        FUZZ_CHECK(!fqdn_is_ip_literal(host));
    }
    (void)fqdn_is_ip_literal(text);
    FUZZ_CHECK(!text[0] || fqdn_equal(text, text) || streq(text, "."));
    free(text);
    return 0;
}
