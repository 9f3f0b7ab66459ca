/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seeds of the fuzz targets of cert and net, each as it is, cut short and spoilt, through the targets
 * themselves. A property that does not hold traps. */
#include <glib.h>

#include "tests/fuzz/fuzz.h"

#define LLVMFuzzerTestOneInput fuzz_pkcs7
int fuzz_pkcs7(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-est-pkcs7.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_csrattrs
int fuzz_csrattrs(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-csrattrs.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_checks
int fuzz_checks(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-cert-checks.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_answer
int fuzz_answer(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-http-answer.c"
#undef LLVMFuzzerTestOneInput

/* `stride`: every so many octets one bit is flipped and the rest cut off. */
static void replay(const char *target, int (*one)(const uint8_t *, size_t), gsize stride)
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
        one((const uint8_t *)text, n);
        for (gsize i = 0; i < n; i += stride) {
            one((const uint8_t *)text, i);
            text[i] = (char)(text[i] ^ (1 << i % 8));
            one((const uint8_t *)text, n);
            text[i] = (char)(text[i] ^ (1 << i % 8));
        }
        seeds++;
    }
    g_assert_cmpuint(seeds, >=, 3);
}

static void test_pkcs7(void)
{
    replay("fuzz-est-pkcs7", fuzz_pkcs7, 11);
}

static void test_csrattrs(void)
{
    replay("fuzz-csrattrs", fuzz_csrattrs, 1);
}

static void test_checks(void)
{
    replay("fuzz-cert-checks", fuzz_checks, 23);
}

static void test_answer(void)
{
    replay("fuzz-http-answer", fuzz_answer, 1);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cert/seeds/pkcs7", test_pkcs7);
    g_test_add_func("/cert/seeds/csrattrs", test_csrattrs);
    g_test_add_func("/cert/seeds/checks", test_checks);
    g_test_add_func("/net/seeds/http-answer", test_answer);
    return g_test_run();
}
