/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seeds of the fuzz targets of base and policy, and each seed cut short and spoilt, through the targets
 * themselves. A property that does not hold traps. */
#include <glib.h>

#include "tests/fuzz/fuzz.h"

#define LLVMFuzzerTestOneInput fuzz_base
int fuzz_base(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-base.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_uri
int fuzz_uri(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-uri.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_fingerprint
int fuzz_fingerprint(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-fingerprint.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_ids
int fuzz_ids(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-ids.c"
#undef LLVMFuzzerTestOneInput

static void replay(const char *target, int (*one)(const uint8_t *, size_t))
{
    g_autofree char *dir = g_build_filename(TOP_SRCDIR, "tests/fuzz/seeds", target, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) d = g_dir_open(dir, 0, &error);
    const char *name;
    size_t seeds = 0;

    g_assert_no_error(error);
    while ((name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(dir, name, NULL), *text = NULL;
        gsize n;

        g_assert_true(g_file_get_contents(path, &text, &n, NULL));
        g_test_message("%s", path);
        for (gsize cut = 0; cut <= n; cut++)
            one((const uint8_t *)text, cut);
        for (gsize i = 0; i < n; i++)
            for (unsigned bit = 0; bit < 8; bit++) {
                text[i] = (char)(text[i] ^ (1 << bit));
                one((const uint8_t *)text, n);
                text[i] = (char)(text[i] ^ (1 << bit));
            }
        seeds++;
    }
    g_assert_cmpuint(seeds, >, 5);
}

static void test_base(void)
{
    replay("fuzz-base", fuzz_base);
}

static void test_uri(void)
{
    replay("fuzz-uri", fuzz_uri);
}

static void test_fingerprint(void)
{
    replay("fuzz-fingerprint", fuzz_fingerprint);
}

static void test_ids(void)
{
    replay("fuzz-ids", fuzz_ids);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/seeds/base", test_base);
    g_test_add_func("/policy/seeds/uri", test_uri);
    g_test_add_func("/policy/seeds/fingerprint", test_fingerprint);
    g_test_add_func("/policy/seeds/ids", test_ids);
    return g_test_run();
}
