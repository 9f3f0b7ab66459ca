/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See token-fixture.h. Thread: the test's main thread, before it starts others (it sets the environment). */
#include "tests/lib/token-fixture.h"

#include <dlfcn.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

static void remove_tree(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        char *child = g_build_filename(path, name, NULL);
        if (g_file_test(child, G_FILE_TEST_IS_DIR) && !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
            remove_tree(child);
        else
            (void)g_unlink(child);
        g_free(child);
    }
    if (dir)
        g_dir_close(dir);
    (void)g_rmdir(path);
}

void token_fixture_write(const char *path, const char *text)
{
    GError *error = NULL;

    (void)g_unlink(path);
    g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error);
    g_assert_no_error(error);
}

void token_fixture_add(struct token_fixture *f, const char *label)
{
    char *argv[] = {(char *)"softhsm2-util",
                    (char *)"--init-token",
                    (char *)"--free",
                    (char *)"--label",
                    (char *)label,
                    (char *)"--so-pin",
                    (char *)TOKEN_FIXTURE_SO_PIN,
                    (char *)"--pin",
                    (char *)TOKEN_FIXTURE_PIN,
                    NULL};
    GError *error = NULL;
    char *out = NULL, *err = NULL;
    int status = -1;

    g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error);
    g_assert_no_error(error);
    if (status != 0)
        g_error("softhsm2-util: %s%s", out, err);
    g_free(out);
    g_free(err);
}

void token_fixture_setup(struct token_fixture *f, const char *label)
{
    GError *error = NULL;
    char *text, *tokens;

    *f = (struct token_fixture){.module = TOKEN_FIXTURE_MODULE};
    /* Stays for the life of the process: ThreadSanitizer ends it when a library it has suppressions for is
     * unloaded, and valgrind then cannot name the frames. */
    if (!dlopen(f->module, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE))
        g_error("%s", dlerror());
    f->dir = g_dir_make_tmp("token-XXXXXX", &error);
    g_assert_no_error(error);
    tokens = g_build_filename(f->dir, "tokens", NULL);
    g_assert_cmpint(g_mkdir(tokens, 0700), ==, 0);
    f->conf = g_build_filename(f->dir, "softhsm2.conf", NULL);
    text =
        g_strdup_printf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens);
    token_fixture_write(f->conf, text);
    g_setenv("SOFTHSM2_CONF", f->conf, TRUE);
    f->label = g_strdup(label);
    f->uri = g_strdup_printf("pkcs11:token=%s", label);
    f->pin_file = g_build_filename(f->dir, "pin", NULL);
    token_fixture_write(f->pin_file, TOKEN_FIXTURE_PIN "\n");
    token_fixture_add(f, label);
    g_free(text);
    g_free(tokens);
}

void token_fixture_teardown(struct token_fixture *f)
{
    remove_tree(f->dir);
    g_free(f->dir);
    g_free(f->conf);
    g_free(f->pin_file);
    g_free(f->label);
    g_free(f->uri);
    *f = (struct token_fixture){0};
}
