/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz: the text forms of base: times, durations, base64, hex, numbers, UTF-8, the scan before JSON. */
#include "plugin/base/json-scan.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "tests/fuzz/fuzz.h"

static void times(const char *text)
{
    char out[TIMESTAMP_LEN], buf[64], again[64];
    struct duration d, e;
    uint64_t seconds;
    int64_t t, u;

    if (timestamp_parse(text, &t) == 0) {
        timestamp_format(t, out);
        FUZZ_CHECK(timestamp_parse(out, &u) == 0);
    }
    if (duration_parse(text, &d) == 0) {
        duration_format(&d, buf, sizeof(buf));
        FUZZ_CHECK(duration_parse(buf, &e) == 0);
        duration_format(&e, again, sizeof(again));
        FUZZ_CHECK(streq(buf, again));
        FUZZ_CHECK(duration_add(0, &d) >= 0);
    }
    (void)duration_parse_config(text, &seconds);
}

static void codecs(const char *text, size_t size)
{
    uint8_t *octets = NULL, *second = NULL, small[16];
    size_t n = 0, m = 0, room = sizeof(small);
    uint64_t v;

    if (base64_decode(text, size, &octets, &n) == 0) {
        char *encoded = base64_encode(octets, n);
        FUZZ_CHECK(encoded && base64_decode(encoded, strlen(encoded), &second, &m) == 0);
        FUZZ_CHECK(n == m && (n == 0 || memcmp(octets, second, n) == 0));
        free(encoded);
        free(octets);
        free(second);
        octets = second = NULL;
    }
    if (base64url_decode(text, size, &octets, &n) == 0) {
        char *encoded = base64url_encode(octets, n);
        FUZZ_CHECK(encoded && strlen(encoded) == size && memcmp(encoded, text, size) == 0);
        free(encoded);
        free(octets);
    }
    (void)hex_decode(text, size, small, &room);
    FUZZ_CHECK(room <= sizeof(small));
    (void)str_to_u64(text, UINT32_MAX, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *escaped;

    times(text);
    codecs(text, size);
    if (str_text_valid(text, size))
        FUZZ_CHECK(str_utf8_valid(text, size));
    (void)json_scan(text, size, LIMIT_BODY, LIMIT_JSON_DEPTH);
    escaped = str_bus_escape(text);
    free(escaped);
    str_make_printable(text);
    FUZZ_CHECK(str_text_valid(text, strlen(text)));
    free(text);
    return 0;
}
