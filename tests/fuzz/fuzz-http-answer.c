/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz: the header block of an HTTP answer, line by line, and the texts in it. A reference that is made of a
 * Content-Location is visible ASCII; a path that is made of any `to` can stand in a request line. */
#include "plugin/base/limits.h"
#include "plugin/net/wire.h"
#include "tests/fuzz/fuzz.h"

static void visible(const char *s)
{
    for (; *s; s++)
        FUZZ_CHECK(*s > 0x20 && *s < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_headers h = {0};
    const char *why = NULL;
    char *text = fuzz_text(data, size), *reference, *path;
    size_t at = 0;

    while (at < size) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t n = end ? (size_t)(end - data) + 1 - at : size - at;
        int r = wire_header_line(&h, (const char *)data + at, n, &why);

        if (r < 0) {
            FUZZ_CHECK(why || n > LIMIT_HEADER_LINE || h.octets + n > LIMIT_HEADERS);
            break;
        }
        at += n;
    }
    FUZZ_CHECK(!h.have_rsc || (h.rsc >= 1000 && h.rsc <= 9999));
    FUZZ_CHECK(wire_retry_after(h.retry_after, 1000000000) >= -1);
    reference = wire_reference(h.content_location ? h.content_location : text);
    if (reference)
        visible(reference);
    path = wire_path(text);
    if (path) {
        FUZZ_CHECK(path[0] == '/');
        visible(path);
    }
    (void)wire_rsc(MEF_OP_CREATE, h.status);
    free(reference);
    free(path);
    free(text);
    wire_headers_clear(&h);
    return 0;
}
