/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The man pages hold every name that the sources have: options, commands, configuration keys, bus members. */
#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "dbus/ctl/ctl.h"

/* A page without the escapes of roff. */
static char *page(const char *name)
{
    char *path = g_build_filename(TOP_SRCDIR, "man", name, NULL), *text = NULL, *to;
    GError *error = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    to = text;
    for (const char *from = text; *from; from++)
        if (from[0] != '\\' || from[1] != '-')
            *to++ = *from;
    *to = '\0';
    g_free(path);
    return text;
}

static bool holds(const char *text, const char *name, const char *what)
{
    if (strstr(text, what))
        return true;
    g_test_message("%s lacks '%s'", name, what);
    return false;
}

static void test_ctl(void)
{
    char *text = page("mefctl.1");
    bool ok = true;

    for (const struct ctl_command *c = ctl_commands; c->name; c++)
        ok &= holds(text, "mefctl.1", c->name);
    for (size_t i = 0; i < OPTION_MAX_; i++) {
        char *dashed = g_strdup_printf("--%s", ctl_options[i].name);
        ok &= holds(text, "mefctl.1", dashed);
        g_free(dashed);
    }
    g_assert_true(ok);
    g_free(text);
}

static void test_agent(void)
{
    static const char *const names[] = {"--config",  "--bus",        "--state-dir",    "--runtime-dir",
                                        "--plugin",  "--log-target", "--check-config", "--cat-config",
                                        "--version", "--help",       "SIGHUP",         "78"};
    char *text = page("mef-agent.8");

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_true(holds(text, "mef-agent.8", names[i]));
    g_free(text);
}

/* Runs over all matches of `pattern` in a file; the first group must be on the page behind `before`. */
static bool all_matches(const char *file, const char *pattern, const char *on, const char *before,
                        const char *behind)
{
    char *path = g_build_filename(TOP_SRCDIR, file, NULL), *source = NULL, *text = page(on);
    GRegex *regex = g_regex_new(pattern, G_REGEX_MULTILINE, 0, NULL);
    GMatchInfo *match;
    GError *error = NULL;
    unsigned n = 0;
    bool ok = true;

    g_file_get_contents(path, &source, NULL, &error);
    g_assert_no_error(error);
    g_regex_match(regex, source, 0, &match);
    for (; g_match_info_matches(match); g_match_info_next(match, NULL), n++) {
        char *name = g_match_info_fetch(match, 1), *what = g_strconcat(before, name, behind, NULL);
        ok &= holds(text, on, what);
        g_free(name);
        g_free(what);
    }
    g_assert_cmpuint(n, >, 0);
    g_match_info_free(match);
    g_regex_unref(regex);
    g_free(path);
    g_free(source);
    g_free(text);
    return ok;
}

static void test_configuration(void)
{
    g_assert_true(
        all_matches("plugin/data/mefclient.conf", "^#([a-z][a-z-]*)=", "mefclient.conf.5", "\n.BR ", "="));
    g_assert_true(
        all_matches("plugin/data/mefclient.conf", "^\\[([a-z]+)\\]$", "mefclient.conf.5", ".SH [", "]"));
}

static void test_bus(void)
{
    GDir *dir = g_dir_open(TOP_SRCDIR "/dbus/xml", 0, NULL);
    const char *name;
    bool ok = true;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir))) {
        char *file = g_build_filename("dbus/xml", name, NULL);
        if (g_str_has_suffix(name, ".xml")) {
            char *source = NULL, *path = g_build_filename(TOP_SRCDIR, file, NULL);
            ok &= all_matches(file, "<interface name=\"([^\"]+)\"", "org.mefclient1.5", ".SH ", "\n");
            g_file_get_contents(path, &source, NULL, NULL);
            if (strstr(source, "<method "))
                ok &= all_matches(file, "<method name=\"([^\"]+)\"", "org.mefclient1.5", ".B method ", "(");
            if (strstr(source, "<signal "))
                ok &= all_matches(file, "<signal name=\"([^\"]+)\"", "org.mefclient1.5", ".B signal ", "(");
            if (strstr(source, "<property "))
                ok &=
                    all_matches(file, "<property name=\"([^\"]+)\"", "org.mefclient1.5", ".B property ", " ");
            g_free(source);
            g_free(path);
        }
        g_free(file);
    }
    g_dir_close(dir);
    g_assert_true(ok);
}

/* Option keys of the bus, and polkit's actions. */
static void test_keys(void)
{
    GDir *dir = g_dir_open(TOP_SRCDIR "/plugin", 0, NULL);
    char *text = page("org.mefclient1.5");
    GRegex *regex = g_regex_new("\\{\"([A-Za-z]+)\", \"((?:a?[bqstuo]|a\\{sv\\})+)\"\\}", 0, 0, NULL);
    unsigned n = 0;
    bool ok = true;

    g_assert_nonnull(dir);
    for (const char *name; (name = g_dir_read_name(dir));) {
        char *path = g_build_filename(TOP_SRCDIR, "plugin", name, NULL), *source = NULL;
        GMatchInfo *match = NULL;
        if (g_str_has_prefix(name, "bus-") && g_str_has_suffix(name, ".c") &&
            g_file_get_contents(path, &source, NULL, NULL))
            g_regex_match(regex, source, 0, &match);
        for (; match && g_match_info_matches(match); g_match_info_next(match, NULL), n++) {
            char *key = g_match_info_fetch(match, 1), *sig = g_match_info_fetch(match, 2);
            char *option = g_strdup_printf("%s %s", key, sig),
                 *member = g_strdup_printf(".B signal %s(", key);
            /* Signals stand in tables of the same form. */
            ok &= strstr(text, member) || holds(text, "org.mefclient1.5", option);
            g_free(key);
            g_free(sig);
            g_free(option);
            g_free(member);
        }
        g_clear_pointer(&match, g_match_info_unref);
        g_free(path);
        g_free(source);
    }
    g_assert_cmpuint(n, >, 20);
    g_assert_true(ok);
    g_assert_true(all_matches("policy/org.mefclient1.policy", "<action id=\"([^\"]+)\">", "org.mefclient1.5",
                              "\n.B ", "\n"));
    g_regex_unref(regex);
    g_dir_close(dir);
    g_free(text);
}

static void test_events(void)
{
    g_assert_true(
        all_matches("plugin/base/events.def", "^X\\(([A-Z_]+),", "mefclient-events.7", "\n.B ", "\n"));
    g_assert_true(
        all_matches("plugin/base/events.def", "\"([0-9a-f]{32})\"", "mefclient-events.7", "\n", "\n"));
    g_assert_true(
        all_matches("docs/events.md", "^\\| `(MEF_[A-Z_]+)` \\|", "mefclient-events.7", "\n.B ", "\n"));
}

/* Each member of the tables of the ABI. */
static void test_abi(void)
{
    g_assert_true(all_matches("plugin/include/mefplug/host.h",
                              "^    (?:const )?[a-z0-9_ ]+\\*?(?:const \\*)?\\b(?!reserved)([a-z_]+);",
                              "mefplug.7", "", ""));
    g_assert_true(all_matches("plugin/include/mefplug/host.h", "\\(\\*([a-z_]+(?<!_fn))\\)\\(", "mefplug.7", "", ""));
}

/* Every page is whole for a reader's roff. */
static void test_roff(void)
{
    static const char *const pages[] = {"mefctl.1",         "mefclient.conf.5", "mefclient-collectd.5",
                                        "org.mefclient1.5", "mefplug.7",        "mefclient-events.7",
                                        "mef-agent.8"};
    char *groff = g_find_program_in_path("groff");

    if (!groff) {
        g_test_skip("groff is not installed");
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
        char *file = g_build_filename(TOP_SRCDIR, "man", pages[i], NULL), *out = NULL, *err = NULL;
        const char *argv[] = {groff, "-ww", "-man", "-Tutf8", "-z", file, NULL};
        GError *error = NULL;
        int status = 0;

        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, &status, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(err, ==, "");
        g_assert_cmpint(status, ==, 0);
        g_free(file);
        g_free(out);
        g_free(err);
    }
    g_free(groff);
}

static void test_collectd(void)
{
    static const char *const names[] = {"gauge-registered", "gauge-cert_expiry_seconds", "derive-commands_",
                                        "derive-retries"};
    char *text = page("mefclient-collectd.5");

    g_assert_true(all_matches("plugin/adapters/collectd.c", "\\{\"([A-Za-z]+)\", &adapter",
                              "mefclient-collectd.5", "\n.BR ", " \" "));
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_true(holds(text, "mefclient-collectd.5", names[i]));
    g_free(text);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/man/mefctl", test_ctl);
    g_test_add_func("/man/mef-agent", test_agent);
    g_test_add_func("/man/mefclient.conf", test_configuration);
    g_test_add_func("/man/mefclient-collectd", test_collectd);
    g_test_add_func("/man/org.mefclient1", test_bus);
    g_test_add_func("/man/org.mefclient1/keys-and-actions", test_keys);
    g_test_add_func("/man/mefclient-events", test_events);
    g_test_add_func("/man/mefplug", test_abi);
    g_test_add_func("/man/roff", test_roff);
    return g_test_run();
}
