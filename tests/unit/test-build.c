/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What came out of the build, and the layout that the owner asked for: hardening of the installed objects as
 * their ELF headers tell it, scripts that a plain POSIX shell takes, every test a program of GLib's
 * framework. */
#include <elf.h>
#include <glib.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

/* ---- reading an object -------------------------------------------------------------------------------- */

struct object {
    char *name;
    char *data;
    gsize size;
    const ElfW(Ehdr) * header;
    const ElfW(Phdr) * segment;
    const ElfW(Shdr) * section;
};

static const void *at(const struct object *o, size_t offset, size_t n)
{
    g_assert_cmpuint(offset, <=, o->size);
    g_assert_cmpuint(n, <=, o->size - offset);
    return o->data + offset;
}

/* `path` is from the build folder. */
static void object_read(const char *path, struct object *o)
{
    g_autoptr(GError) e = NULL;

    o->name = g_build_filename(TOP_BUILDDIR, path, NULL);
    g_test_message("%s", path);
    g_file_get_contents(o->name, &o->data, &o->size, &e);
    g_assert_no_error(e);
    o->header = at(o, 0, sizeof *o->header);
    g_assert_cmpint(memcmp(o->header->e_ident, ELFMAG, SELFMAG), ==, 0);
    o->segment = at(o, o->header->e_phoff, o->header->e_phnum * sizeof *o->segment);
    o->section = at(o, o->header->e_shoff, o->header->e_shnum * sizeof *o->section);
}

static void object_clear(struct object *o)
{
    g_free(o->name);
    g_free(o->data);
}

static const ElfW(Phdr) * segment_of(const struct object *o, unsigned type)
{
    for (unsigned i = 0; i < o->header->e_phnum; i++)
        if (o->segment[i].p_type == type)
            return &o->segment[i];
    return NULL;
}

/* The value of an entry of the dynamic section; false: there is none. */
static bool dynamic(const struct object *o, long tag, unsigned long *ret)
{
    const ElfW(Phdr) *p = segment_of(o, PT_DYNAMIC);
    const ElfW(Dyn) * d;

    g_assert_nonnull(p);
    d = at(o, p->p_offset, p->p_filesz);
    for (size_t i = 0; i < p->p_filesz / sizeof *d && d[i].d_tag != DT_NULL; i++)
        if (d[i].d_tag == tag) {
            *ret = d[i].d_un.d_val;
            return true;
        }
    return false;
}

/* Does it take this symbol from another object? `prefix` and `suffix` both have to fit. */
static bool imports(const struct object *o, const char *prefix, const char *suffix)
{
    for (unsigned i = 0; i < o->header->e_shnum; i++) {
        const ElfW(Shdr) *s = &o->section[i];
        const ElfW(Sym) * symbol;
        const char *names;
        if (s->sh_type != SHT_DYNSYM)
            continue;
        symbol = at(o, s->sh_offset, s->sh_size);
        names = at(o, o->section[s->sh_link].sh_offset, o->section[s->sh_link].sh_size);
        for (size_t k = 0; k < s->sh_size / sizeof *symbol; k++)
            if (symbol[k].st_shndx == SHN_UNDEF && g_str_has_prefix(names + symbol[k].st_name, prefix) &&
                g_str_has_suffix(names + symbol[k].st_name, suffix))
                return true;
    }
    return false;
}

/* ---- hardening ---------------------------------------------------------------------------------------- */

static void judge_hardening(const char *path, bool program)
{
    struct object o = {0};
    unsigned long flags = 0, flags1 = 0, value;
    const ElfW(Phdr) * stack;

    object_read(path, &o);
    g_assert_nonnull(segment_of(&o, PT_GNU_RELRO));
    g_assert_cmpint(o.header->e_type, ==, ET_DYN); /* a program too: position independent */
    (void)dynamic(&o, DT_FLAGS, &flags);
    (void)dynamic(&o, DT_FLAGS_1, &flags1);
    g_assert_true((flags & DF_BIND_NOW) || (flags1 & DF_1_NOW));
    g_assert_false((flags & DF_TEXTREL) || dynamic(&o, DT_TEXTREL, &value));
    g_assert_false(dynamic(&o, DT_RPATH, &value));
    g_assert_false(dynamic(&o, DT_RUNPATH, &value));
    stack = segment_of(&o, PT_GNU_STACK);
    g_assert_nonnull(stack);
    g_assert_cmpuint(stack->p_flags & PF_X, ==, 0);
    for (unsigned i = 0; i < o.header->e_phnum; i++)
        if (o.segment[i].p_type == PT_LOAD)
            g_assert_cmpuint(o.segment[i].p_flags & (PF_W | PF_X), !=, PF_W | PF_X);
    if (!program) /* its threads and handlers outlive a dlclose() */
        g_assert_true(flags1 & DF_1_NODELETE);
    if (g_str_equal(SANITIZERS, "no")) {
        g_assert_true(imports(&o, "__stack_chk_fail", ""));
        if (g_str_equal(FORTIFIED, "yes"))
            g_assert_true(imports(&o, "__", "_chk"));
    }
    object_clear(&o);
}

static void test_plugin(void)
{
    judge_hardening("plugin/.libs/mefclient.so", false);
    if (g_file_test(TOP_BUILDDIR "/plugin/adapters/.libs/mefclient.so", G_FILE_TEST_EXISTS)) /* of collectd */
        judge_hardening("plugin/adapters/.libs/mefclient.so", false);
}

static void test_programs(void)
{
    judge_hardening("mef-agent", true);
    judge_hardening("mefctl", true);
}

/* ---- the layout --------------------------------------------------------------------------------------- */

static void test_layout(void)
{
    static const char *const asked[] = {"configure.ac", "Makefile.am", "plugin", "dbus",
                                        "pkcs11",       "policy",      "tests",  "README.md"};

    for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
        g_autofree char *path = g_build_filename(TOP_SRCDIR, asked[i], NULL);
        bool folder = !strchr(asked[i], '.');
        g_test_message("%s", asked[i]);
        g_assert_true(g_file_test(path, folder ? G_FILE_TEST_IS_DIR : G_FILE_TEST_IS_REGULAR));
    }
}

/* Autotools made this very build: configure wrote what reproduces it. */
static void test_autotools(void)
{
    g_autofree char *configure = g_build_filename(TOP_SRCDIR, "configure.ac", NULL), *text = NULL;

    g_assert_true(g_file_test(TOP_BUILDDIR "/config.status", G_FILE_TEST_IS_EXECUTABLE));
    g_assert_true(g_file_get_contents(configure, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "AC_INIT([mefclient]"));
    g_assert_nonnull(strstr(text, "AM_INIT_AUTOMAKE("));
}

/* Each program that `make check` runs has its tests in GLib's framework. */
static void test_framework(void)
{
    g_auto(GStrv) tests = g_strsplit(TESTS, " ", -1);
    unsigned n = 0;

    for (size_t i = 0; tests[i]; i++) {
        g_autofree char *path = g_build_filename(TOP_BUILDDIR, tests[i], NULL);
        struct object o = {0};
        if (!tests[i][0] || !g_file_test(path, G_FILE_TEST_EXISTS)) /* one test alone was built */
            continue;
        object_read(tests[i], &o);
        g_assert_true(imports(&o, "g_test_init", ""));
        g_assert_true(imports(&o, "g_test_run", ""));
        object_clear(&o);
        n++;
    }
    g_assert_cmpuint(n, >, 0);
}

/* ---- scripts ------------------------------------------------------------------------------------------ */

static void judge_script(const char *path, GString *found)
{
    g_autoptr(GError) e = NULL;
    g_autofree char *text = NULL, *out = NULL;
    const char *argv[] = {"dash", "-n", path, NULL};
    int status = -1;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !g_str_has_prefix(text, "#!"))
        return;
    g_test_message("%s", path);
    if (!g_str_has_prefix(text, "#!/bin/sh\n")) {
        g_string_append_printf(found, "%s: its shell is not /bin/sh\n", path);
        return;
    }
    if (!g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
        g_string_append_printf(found, "%s: is not executable\n", path);
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                 NULL, &out, &status, &e);
    g_assert_no_error(e);
    if (status != 0)
        g_string_append_printf(found, "%s", out);
}

static void judge_folder(const char *folder, GString *found)
{
    g_autofree char *full = g_build_filename(TOP_SRCDIR, folder, NULL);
    g_autoptr(GDir) d = g_dir_open(full, 0, NULL);
    const char *name;

    g_assert_nonnull(d);
    while ((name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(full, name, NULL);
        if (!strchr(name, '.') && g_file_test(path, G_FILE_TEST_IS_REGULAR) &&
            !g_file_test(path, G_FILE_TEST_IS_SYMLINK) && !g_str_equal(name, "configure"))
            judge_script(path, found);
    }
}

static void test_scripts(void)
{
    GString *found = g_string_new(NULL);

    judge_script(TOP_SRCDIR "/bootstrap", found);
    judge_folder(".ci", found);
    judge_folder("tests/lib", found);
    judge_folder("tests/e2e", found);
    if (found->len)
        g_test_message("%s", found->str);
    g_assert_cmpuint(found->len, ==, 0);
    g_string_free(found, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/build/DC-06/layout", test_layout);
    g_test_add_func("/build/DC-06/autotools", test_autotools);
    g_test_add_func("/build/DC-06/glib-framework", test_framework);
    g_test_add_func("/build/hardening/plugin", test_plugin);
    g_test_add_func("/build/hardening/programs", test_programs);
    g_test_add_func("/build/scripts", test_scripts);
    return g_test_run();
}
