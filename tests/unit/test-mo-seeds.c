/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seeds of the fuzz targets of plugin/mo, each also cut short and spoilt, through the targets themselves.
 * A property that does not hold traps. */
#include <glib.h>

#include "tests/fuzz/mo-tree.h"

#define LLVMFuzzerTestOneInput fuzz_mo_import
int fuzz_mo_import(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-mo-import.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_mo_path
int fuzz_mo_path(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-mo-path.c"
#undef LLVMFuzzerTestOneInput

/* Every `step`-th cut and octet. */
static void replay(const char *target, int (*one)(const uint8_t *, size_t), size_t step)
{
    g_autofree char *dir = g_build_filename(TOP_SRCDIR, "tests/fuzz/seeds", target, NULL);
    g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
    const char *name;
    size_t seeds = 0;

    g_assert_nonnull(d);
    while ((name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(dir, name, NULL), *text = NULL;
        gsize n;

        g_assert_true(g_file_get_contents(path, &text, &n, NULL));
        one((const uint8_t *)text, n);
        for (gsize cut = 0; cut <= n; cut += step)
            one((const uint8_t *)text, cut);
        for (gsize i = 0; i < n; i += step) {
            text[i] = (char)(text[i] ^ (1 << (i % 8)));
            one((const uint8_t *)text, n);
            text[i] = (char)(text[i] ^ (1 << (i % 8)));
        }
        seeds++;
    }
    g_assert_cmpuint(seeds, >, 5);
}

static void test_import(void)
{
    replay("fuzz-mo-import", fuzz_mo_import, 7);
}

static void test_path(void)
{
    replay("fuzz-mo-path", fuzz_mo_path, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mo/seeds/import", test_import);
    g_test_add_func("/mo/seeds/path", test_path);
    return g_test_run();
}
