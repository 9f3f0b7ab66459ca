/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replays the seeds of the fuzz targets of plugin/mef, and every prefix of each of them. */
#include <glib.h>

#define LLVMFuzzerTestOneInput fuzz_command
#include "tests/fuzz/fuzz-command.c"
#undef LLVMFuzzerTestOneInput
#define reference              fuzz_reference
#define LLVMFuzzerTestOneInput fuzz_registration_answer
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-registration-answer.c"
#undef LLVMFuzzerTestOneInput

#define LLVMFuzzerTestOneInput fuzz_key_answer
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
#include "tests/fuzz/fuzz-key-answer.c"
#undef LLVMFuzzerTestOneInput

static void replay(const char *target, int (*fuzz)(const uint8_t *, size_t))
{
    g_autofree char *path = g_build_filename(TOP_SRCDIR, "tests", "fuzz", "seeds", target, NULL);
    g_autoptr(GError) error = NULL;
    GDir *dir = g_dir_open(path, 0, &error);
    unsigned n = 0;
    const char *name;

    g_assert_no_error(error);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL), *data = NULL;
        gsize len;
        g_assert_true(g_file_get_contents(file, &data, &len, NULL));
        for (gsize cut = 0; cut <= len; cut++)
            g_assert_cmpint(fuzz((const uint8_t *)data, cut), ==, 0);
        n++;
    }
    g_dir_close(dir);
    g_assert_cmpuint(n, >=, 8);
}

static void test_command(void)
{
    replay("fuzz-command", fuzz_command);
}

static void test_registration(void)
{
    replay("fuzz-registration-answer", fuzz_registration_answer);
}

static void test_key(void)
{
    replay("fuzz-key-answer", fuzz_key_answer);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/seeds/command", test_command);
    g_test_add_func("/mef/seeds/registration-answer", test_registration);
    g_test_add_func("/mef/seeds/key-answer", test_key);
    return g_test_run();
}
