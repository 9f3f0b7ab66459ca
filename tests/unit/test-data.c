/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The installed data, each judged by the program that it is for: the unit by systemd-analyze, the catalog by
 * journalctl, the configuration by mef-agent, the completion by bash. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <string.h>

#define PLUGIN TOP_BUILDDIR "/plugin/.libs/mefclient.so"

static char *dir; /* of this run; everything that it holds is listed in cleanup() */

static char *in_dir(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

static char *read_file(const char *path)
{
    char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

/* Runs a program; what it printed, NULL unless it left with `status`. */
static char *run(int status, const char *const *argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *out = NULL;
    g_autoptr(GSubprocess) p =
        g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);

    g_assert_no_error(error);
    g_assert_true(g_subprocess_communicate_utf8(p, NULL, NULL, &out, NULL, &error));
    g_assert_no_error(error);
    if (!g_subprocess_get_if_exited(p) || g_subprocess_get_exit_status(p) != status) {
        g_test_message("%s: %s", argv[0], out);
        return NULL;
    }
    return g_steal_pointer(&out);
}

static char *replace(const char *text, const char *from, const char *to)
{
    g_auto(GStrv) parts = g_strsplit(text, from, -1);
    g_assert_cmpuint(g_strv_length(parts), >=, 2);
    return g_strjoinv(to, parts);
}

static void test_unit(void)
{
    g_autofree char *template = read_file(TOP_SRCDIR "/plugin/data/mef-agent.service.in");
    g_autofree char *here = replace(template, "@bindir@", "/usr/bin"),
                    *text = replace(here, "@sysconfdir@", "/etc");
    g_autofree char *runnable = replace(text, "/usr/bin/mef-agent", "/bin/true");
    g_autofree char *path = in_dir("mef-agent.service"), *found = NULL, *score = NULL;

    g_assert_true(g_file_set_contents(path, runnable, -1, NULL));
    found = run(0, (const char *const[]){"systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                                         path, NULL});
    g_assert_nonnull(found);
    g_assert_cmpstr(found, ==, "");
    /* 10 is no protection at all; a unit that only sets a user scores about 9. */
    score = run(0, (const char *const[]){"systemd-analyze", "security", "--offline=true", "--threshold=20",
                                         "--no-pager", path, NULL});
    g_assert_nonnull(score);
    /* Every placeholder has a value that the build puts in. */
    g_assert_false(g_regex_match_simple("@[a-z]+@", text, 0, 0));
}

static void test_catalog(void)
{
    g_autofree char *usr = in_dir("root/usr/lib/systemd/catalog"),
                    *var = in_dir("root/var/lib/systemd/catalog");
    g_autofree char *to = g_build_filename(usr, "mefclient.catalog", NULL);
    g_autofree char *text = read_file(TOP_SRCDIR "/plugin/data/mefclient.catalog");
    g_autofree char *root = g_strdup_printf("--root=%s/root", dir), *made = NULL, *shown = NULL;
    static const struct {
        const char *id;
    } events[] = {
#define X(name, level, id, what) {id},
#include "plugin/base/events.def"
#undef X
    };

    g_assert_cmpint(g_mkdir_with_parents(usr, 0755), ==, 0);
    g_assert_cmpint(g_mkdir_with_parents(var, 0755), ==, 0);
    g_assert_true(g_file_set_contents(to, text, -1, NULL));
    made = run(0, (const char *const[]){"journalctl", root, "--update-catalog", NULL});
    g_assert_nonnull(made);
    g_assert_cmpstr(made, ==, "");
    shown = run(0, (const char *const[]){"journalctl", root, "--no-pager", "--dump-catalog", NULL});
    g_assert_nonnull(shown);
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        g_autofree char *head = g_strdup_printf("-- %s\nSubject: ", events[i].id);
        g_test_message("%s", events[i].id);
        g_assert_nonnull(strstr(shown, head));
    }
}

/* "key=value" lines of `mef-agent --cat-config`. */
static GHashTable *in_force(const char *config)
{
    g_autofree char *out = run(0, (const char *const[]){TOP_BUILDDIR "/mef-agent", "--plugin", PLUGIN,
                                                        "--config", config, "--cat-config", NULL});
    GHashTable *keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) lines = NULL;
    g_autofree char *section = g_strdup("");

    g_assert_nonnull(out);
    lines = g_strsplit(out, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        char *is = strchr(lines[i], '=');
        if (lines[i][0] == '[') {
            g_free(section);
            section = g_strdup(lines[i]);
        } else if (is && lines[i][0] != '#') {
            char *key = g_strdup_printf("%s %.*s", section, (int)(is - lines[i]), lines[i]);
            g_hash_table_insert(keys, key, g_strdup(is + 1));
        }
    }
    g_assert_cmpuint(g_hash_table_size(keys), >, 35);
    return keys;
}

/* The shipped file says the defaults: with every key uncommented nothing changes but the keys that have none.
 */
static void test_config(void)
{
    g_autofree char *shipped = read_file(TOP_SRCDIR "/plugin/data/mefclient.conf");
    g_auto(GStrv) lines = g_strsplit(shipped, "\n", -1);
    g_autofree char *empty = in_dir("empty.conf"), *full = in_dir("full.conf"), *text = NULL, *good = NULL;
    g_autoptr(GHashTable) standard = NULL, said = NULL;
    GHashTableIter it;
    void *key, *value;

    for (size_t i = 0; lines[i]; i++) {
        const char *s = lines[i];
        if (s[0] == '#' && (g_ascii_islower(s[1]) || g_str_has_prefix(s, "#[dm-client ")))
            memmove(lines[i], s + 1, strlen(s));
    }
    text = g_strjoinv("\n", lines);
    g_assert_true(g_file_set_contents(empty, "", -1, NULL));
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
    good = run(0, (const char *const[]){TOP_BUILDDIR "/mef-agent", "--plugin", PLUGIN, "--config", full,
                                        "--check-config", NULL});
    g_assert_nonnull(good);

    standard = in_force(empty);
    said = in_force(full);
    g_hash_table_iter_init(&it, standard);
    while (g_hash_table_iter_next(&it, &key, &value)) {
        const char *other = g_hash_table_lookup(said, key);
        g_test_message("%s: '%s', the file says '%s'", (char *)key, (char *)value, other);
        g_assert_nonnull(other);
        g_assert_true(*(char *)value == '\0' || strcmp(value, other) == 0);
    }
}

static void test_completion(void)
{
    static const struct {
        const char *words, *cword, *wanted, *unwanted;
    } rows[] = {
        {"mefctl re", "1", "registrations", "add"},
        {"mefctl --j", "1", "--json", "status"},
        {"mefctl add --kp", "2", "--kpm-id", "--json"},
        {"mefctl --timeout 5 log-level de", "4", "debug", "add"},
        {"mefctl jobs --c", "2", "--cancel", "--kpm-id"},
        {"mefctl tree --kp", "2", "", "--kpm-id"},
        {"mefctl log", "1", "login", "add"},
        {"mef-agent --che", "1", "--check-config", "--config"},
        {"mef-agent --log-target con", "2", "console", "journal"},
        {"mef-agent --log-target journal --st", "3", "--state-dir", "journal"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        bool agent = g_str_has_prefix(rows[i].words, "mef-agent");
        g_autofree char *script = g_strdup_printf(
            ". '%s'; COMP_WORDS=(%s); COMP_CWORD=%s; %s; printf '<%%s>\\n' \"${COMPREPLY[@]}\"",
            agent ? TOP_SRCDIR "/plugin/data/mef-agent.bash" : TOP_SRCDIR "/plugin/data/mefctl.bash",
            rows[i].words, rows[i].cword, agent ? "_mef_agent" : "_mefctl");
        g_autofree char *out = run(0, (const char *const[]){"bash", "--norc", "-u", "-c", script, NULL});
        g_autofree char *wanted = g_strdup_printf("<%s>\n", rows[i].wanted);
        g_autofree char *unwanted = g_strdup_printf("<%s>\n", rows[i].unwanted);

        g_assert_nonnull(out);
        g_test_message("%s: %s", rows[i].words, out);
        g_assert_true(!rows[i].wanted[0] || strstr(out, wanted));
        g_assert_null(strstr(out, unwanted));
    }
}

static void cleanup(void)
{
    g_free(run(0, (const char *const[]){"rm", "-rf", "--", dir, NULL}));
    g_free(dir);
}

int main(int argc, char **argv)
{
    int r;

    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("data.XXXXXX", NULL);
    g_assert_nonnull(dir);
    g_test_add_func("/data/unit", test_unit);
    g_test_add_func("/data/catalog", test_catalog);
    g_test_add_func("/data/config", test_config);
    g_test_add_func("/data/completion", test_completion);
    r = g_test_run();
    cleanup();
    return r;
}
