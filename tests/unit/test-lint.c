/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules of the house, read from the source tree itself: include edges, licence lines, file lengths, calls
 * that a guest in another process must not make, and tables that have to say the same thing. Works on an
 * exported tree. */
#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* Folders with sources of ours; what a build leaves beside them has other endings. */
static const char *const folders[] = {"plugin", "policy", "pkcs11", "dbus", "dmclient", "tests", "man"};
static const char *const singles[] = {"configure.ac", "Makefile.am", "bootstrap", ".ci/run"};
#define MAX_LINES 800

struct file {
    char *path; /* from the top, e.g. "plugin/base/err.c" */
    char *text;
};

static GPtrArray *files; /* of struct file, sorted by path */

static void file_free(void *p)
{
    struct file *f = p;
    g_free(f->path);
    g_free(f->text);
    g_free(f);
}

static char *read_top(const char *path)
{
    g_autofree char *full = g_build_filename(TOP_SRCDIR, path, NULL);
    char *text = NULL;
    return g_file_get_contents(full, &text, NULL, NULL) ? text : NULL;
}

static bool ends_in(const char *path, const char *const *ends)
{
    for (size_t i = 0; ends[i]; i++)
        if (g_str_has_suffix(path, ends[i]))
            return true;
    return false;
}

static bool is_c(const char *path)
{
    return ends_in(path, (const char *const[]){".c", ".h", NULL});
}

/* A source: C, a fragment, a template, or a script that begins with "#!". */
static bool is_source(const char *path, const char *text)
{
    static const char *const ends[] = {".c",  ".h",  ".def", ".mk",   ".ac",    ".am",     ".xml",
                                       ".in", ".sh", ".py",  ".supp", ".rules", ".policy", NULL};
    return ends_in(path, ends) || (text && g_str_has_prefix(text, "#!"));
}

static void add_file(const char *path)
{
    struct file *f;
    char *text = read_top(path);

    if (!text || !is_source(path, text)) {
        g_free(text);
        return;
    }
    f = g_new0(struct file, 1);
    f->path = g_strdup(path);
    f->text = text;
    g_ptr_array_add(files, f);
}

static void walk(const char *dir)
{
    g_autofree char *full = g_build_filename(TOP_SRCDIR, dir, NULL);
    g_autoptr(GDir) d = g_dir_open(full, 0, NULL);
    const char *name;

    if (!d)
        return;
    while ((name = g_dir_read_name(d))) {
        g_autofree char *path = g_build_filename(dir, name, NULL),
                        *there = g_build_filename(full, name, NULL);
        if (name[0] == '.' || g_str_equal(name, "seeds") || g_file_test(there, G_FILE_TEST_IS_SYMLINK))
            continue;
        if (g_file_test(there, G_FILE_TEST_IS_DIR))
            walk(path);
        else if (g_file_test(there, G_FILE_TEST_IS_REGULAR) && !strchr(name, '~'))
            add_file(path);
    }
}

static int by_path(const void *a, const void *b)
{
    const struct file *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

static void load(void)
{
    files = g_ptr_array_new_with_free_func(file_free);
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++)
        walk(folders[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(singles); i++)
        add_file(singles[i]);
    g_ptr_array_sort(files, by_path);
    g_assert_cmpuint(files->len, >, 60); /* the tree is there */
}

/* Prints each finding, and fails once at the end. */
static void finish(GString *found)
{
    g_auto(GStrv) lines = g_strsplit(found->str, "\n", -1);
    for (size_t i = 0; lines[i]; i++)
        if (lines[i][0])
            g_test_message("%s", lines[i]);
    if (found->len)
        g_printerr("%s", found->str);
    g_assert_cmpuint(found->len, ==, 0);
    g_string_free(found, TRUE);
}

/* ---- include edges ----------------------------------------------------------------------------------- */

/* Room -> its allowed rooms, blank separated with blanks around; keys are the rooms. */
static GHashTable *read_edges(void)
{
    GHashTable *edges = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *text = read_top("tests/lib/include-edges");
    g_auto(GStrv) lines = NULL;

    g_assert_nonnull(text);
    lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        char *colon = strchr(lines[i], ':');
        if (lines[i][0] == '#' || !colon)
            continue;
        *colon = '\0';
        g_hash_table_insert(edges, g_strdup(lines[i]), g_strdup_printf("%s ", colon + 1));
    }
    g_assert_cmpuint(g_hash_table_size(edges), >=, 12);
    return edges;
}

/* The longest room that holds this path; NULL = none of ours. */
static const char *room_of(GHashTable *edges, const char *path)
{
    GHashTableIter it;
    void *key;
    const char *best = NULL;

    g_hash_table_iter_init(&it, edges);
    while (g_hash_table_iter_next(&it, &key, NULL)) {
        const char *room = key;
        size_t n = strlen(room);
        if (strncmp(path, room, n) == 0 && path[n] == '/' && (!best || strlen(best) < n))
            best = room;
    }
    return best;
}

static bool edge_allowed(GHashTable *edges, const char *from, const char *to)
{
    g_autofree char *word = g_strdup_printf(" %s ", to);
    return g_str_equal(from, to) || strstr(g_hash_table_lookup(edges, from), word);
}

/* Library headers that say that a room is not "libc only". */
static bool is_libc(const char *header)
{
    static const char *const libraries[] = {"openssl/", "dbus/",   "systemd/", "p11-kit/",   "p11-kit-1/",
                                            "curl/",    "sqlite3", "jansson",  "ini.h",      "ares",
                                            "glib",     "gio/",    "gnutls/",  "microhttpd", "coap",
                                            "cbor",     "libxml/", "lws",      "pkcs11"};
    for (size_t i = 0; i < G_N_ELEMENTS(libraries); i++)
        if (g_str_has_prefix(header, libraries[i]))
            return false;
    return true;
}

static void judge_include(GHashTable *edges, const struct file *f, const char *header, bool quoted,
                          GString *found)
{
    const char *from = room_of(edges, f->path), *to;

    if (g_str_has_prefix(header, "mefplug/"))
        to = "plugin/include";
    else if (!quoted) {
        if (strstr(g_hash_table_lookup(edges, from), " libc ") && !is_libc(header))
            g_string_append_printf(found, "%s: <%s>: room '%s' may use libc only\n", f->path, header, from);
        return;
    } else
        to = room_of(edges, header);
    if (!to)
        g_string_append_printf(found, "%s: \"%s\" is no path from the top into a room\n", f->path, header);
    else if (!edge_allowed(edges, from, to))
        g_string_append_printf(found,
                               "%s: \"%s\": room '%s' may not use room '%s' (tests/lib/include-edges)\n",
                               f->path, header, from, to);
}

/* Calls judge_include() for each #include line of a file. */
static void each_include(GHashTable *edges, const struct file *f, GString *found)
{
    g_auto(GStrv) lines = g_strsplit(f->text, "\n", -1);

    for (size_t i = 0; lines[i]; i++) {
        char *s = g_strstrip(lines[i]), *end;
        if (*s++ != '#')
            continue;
        s += strspn(s, " \t");
        if (!g_str_has_prefix(s, "include"))
            continue;
        s += strlen("include");
        s += strspn(s, " \t");
        if (*s != '"' && *s != '<')
            continue;
        end = strchr(s + 1, *s == '"' ? '"' : '>');
        if (!end)
            continue;
        *end = '\0';
        judge_include(edges, f, s + 1, *s == '"', found);
    }
}

static void test_edges(void)
{
    GHashTable *edges = read_edges();
    GString *found = g_string_new(NULL);

    for (size_t i = 0; i < files->len; i++) {
        const struct file *f = g_ptr_array_index(files, i);
        if (is_c(f->path) && room_of(edges, f->path))
            each_include(edges, f, found);
    }
    g_hash_table_unref(edges);
    finish(found);
}

/* The judge itself: an edge that is not in the table must be seen. */
static void test_edges_bite(void)
{
    static const struct {
        const char *path, *line;
        bool fine;
    } rows[] = {
        {"policy/x.c", "#include \"plugin/base/err.h\"", true},
        {"policy/x.c", "#include \"policy/fqdn.h\"", true},
        {"policy/x.c", "#include <string.h>", true},
        {"policy/x.c", "#include \"plugin/mo/tree.h\"", false},
        {"policy/x.c", "  #  include   \"plugin/mef/class.h\"", false},
        {"policy/x.c", "#include <openssl/x509.h>", false},
        {"policy/x.c", "#include \"fqdn.h\"", false},
        {"plugin/base/x.h", "#include \"policy/fqdn.h\"", false},
        {"plugin/cert/x.c", "#include \"plugin/mo/tree.h\"", false},
        {"plugin/cert/x.c", "#include <openssl/x509.h>", true},
        {"plugin/mef/x.c", "#include \"plugin/mo/tree.h\"", true},
        {"plugin/mef/x.c", "#include \"pkcs11/token.h\"", false},
        {"plugin/net/x.c", "#include \"plugin/mef/worker.h\"", false},
        {"plugin/mef/x.c", "#include \"plugin/engine.h\"", false},
        {"plugin/x.c", "#include \"dbus/bus.h\"", true},
        {"plugin/x.c", "#include <mefplug/host.h>", true},
        {"plugin/adapters/x.c", "#include <mefplug/host.h>", true},
        {"plugin/adapters/x.c", "#include \"plugin/base/err.h\"", false},
        {"dbus/x.c", "#include <mefplug/host.h>", false},
        {"dbus/ctl/x.c", "#include \"dbus/bus.h\"", false},
        {"dbus/ctl/x.c", "#include \"plugin/base/str.h\"", true},
    };
    GHashTable *edges = read_edges();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        GString *found = g_string_new(NULL);
        struct file f = {.path = (char *)rows[i].path, .text = (char *)rows[i].line};
        g_test_message("%s: %s", f.path, f.text);
        each_include(edges, &f, found);
        g_assert_true((found->len == 0) == rows[i].fine);
        g_string_free(found, TRUE);
    }
    g_hash_table_unref(edges);
}

/* ---- licence and length ------------------------------------------------------------------------------ */

static void test_spdx(void)
{
    GString *found = g_string_new(NULL);

    for (size_t i = 0; i < files->len; i++) {
        const struct file *f = g_ptr_array_index(files, i);
        const char *tag = strstr(f->text, "SPDX-License-Identifier: LGPL-2.1-or-later");
        size_t line = 1;
        for (const char *s = f->text; tag && s < tag; s++)
            line += *s == '\n';
        if (!tag || line > 3) /* "#!" or an XML declaration may come first */
            g_string_append_printf(found, "%s: no SPDX line in its first three lines\n", f->path);
    }
    finish(found);
}

static void test_length(void)
{
    GString *found = g_string_new(NULL);

    for (size_t i = 0; i < files->len; i++) {
        const struct file *f = g_ptr_array_index(files, i);
        size_t lines = 0;
        for (const char *s = f->text; *s; s++)
            lines += *s == '\n';
        if (lines > MAX_LINES)
            g_string_append_printf(found, "%s: %zu lines, %d are the cap\n", f->path, lines, MAX_LINES);
        if (is_c(f->path) && g_str_has_suffix(f->path, ".h") && !strstr(f->text, "#pragma once") &&
            !g_str_has_prefix(f->path, "plugin/include/"))
            g_string_append_printf(found, "%s: no #pragma once\n", f->path);
    }
    finish(found);
}

/* ---- calls ------------------------------------------------------------------------------------------- */

/* Comments, strings and character constants become blanks. */
static char *bare_code(const char *text)
{
    char *out = g_strdup(text);
    enum { CODE, LINE, BLOCK, STRING, CHARACTER } in = CODE;

    for (char *s = out; *s; s++) {
        char c = *s, next = s[1];
        switch (in) {
        case CODE:
            in = c == '/' && next == '/' ? LINE : c == '/' && next == '*' ? BLOCK : c == '"' ? STRING : CODE;
            if (c == '\'')
                in = CHARACTER;
            if (in == LINE || in == BLOCK)
                *s++ = ' ';
            if (in != CODE)
                *s = ' ';
            continue;
        case LINE:
            in = c == '\n' ? CODE : LINE;
            break;
        case BLOCK:
            if (c == '*' && next == '/') {
                *s++ = ' ';
                in = CODE;
            }
            break;
        default:
            if (c == '\\' && next)
                *s++ = ' ';
            else if (c == (in == STRING ? '"' : '\'') || c == '\n')
                in = CODE;
        }
        if (*s != '\n')
            *s = ' ';
    }
    return out;
}

/* Is `name(` called in this code: the word stands alone and is no member. */
static bool calls(const char *code, const char *name)
{
    size_t n = strlen(name);

    for (const char *s = strstr(code, name); s; s = strstr(s + 1, name)) {
        const char *after = s + n + strspn(s + n, " \t\n");
        char before = s > code ? s[-1] : ' ';
        if (*after == '(' && !g_ascii_isalnum(before) && before != '_' && before != '.' && before != '>')
            return true;
    }
    return false;
}

static void test_calls(void)
{
    /* Nowhere: they cannot be used well. */
    static const char *const never[] = {"strcpy", "strcat",    "stpcpy", "sprintf", "vsprintf", "gets",
                                        "strtok", "system",    "popen",  "mktemp",  "tmpnam",   "alloca",
                                        "gmtime", "localtime", "ctime",  "asctime", "rand",     "srand"};
    /* Not in what a host loads: they belong to the owner of the process (style-anchors E3). */
    static const char *const guest[] = {"fork",         "vfork",
                                        "exit",         "_exit",
                                        "quick_exit",   "abort",
                                        "assert",       "setenv",
                                        "unsetenv",     "putenv",
                                        "getenv",       "signal",
                                        "sigaction",    "pthread_atfork",
                                        "atexit",       "chdir",
                                        "umask",        "setlocale",
                                        "daemon",       "execv",
                                        "execve",       "sd_event_default",
                                        "dbus_bus_get", "dbus_connection_send_with_reply_and_block",
                                        "sleep",        "usleep"};
    static const char *const rooms[] = {"plugin/", "dbus/", "pkcs11/", "policy/", "dmclient/"};
    GString *found = g_string_new(NULL);

    for (size_t i = 0; i < files->len; i++) {
        const struct file *f = g_ptr_array_index(files, i);
        g_autofree char *code = NULL;
        bool ours = false, owner;

        for (size_t k = 0; k < G_N_ELEMENTS(rooms); k++)
            ours = ours || g_str_has_prefix(f->path, rooms[k]);
        if (!ours || !is_c(f->path))
            continue;
        owner = g_str_equal(f->path, "plugin/adapters/mef-agent.c") ||
                g_str_has_prefix(f->path, "dbus/ctl/") || g_str_has_prefix(f->path, "dmclient/");
        code = bare_code(f->text);
        for (size_t k = 0; k < G_N_ELEMENTS(never); k++)
            if (calls(code, never[k]))
                g_string_append_printf(found, "%s: calls %s()\n", f->path, never[k]);
        for (size_t k = 0; !owner && k < G_N_ELEMENTS(guest); k++)
            if (calls(code, guest[k]))
                g_string_append_printf(found, "%s: calls %s(), which is not a guest's to call\n", f->path,
                                       guest[k]);
    }
    finish(found);
}

static void test_calls_bite(void)
{
    g_autofree char *code =
        bare_code("int f(void) { /* exit(1) */ g->abort(); x.fork(); // system(x)\n"
                  "p(\"strcpy(a)\\\"\", '\\'', '\"'); secure_getenv(\"X\"); my_exit(1); signal (2); }");
    g_assert_false(calls(code, "exit"));
    g_assert_false(calls(code, "abort"));
    g_assert_false(calls(code, "fork"));
    g_assert_false(calls(code, "system"));
    g_assert_false(calls(code, "strcpy"));
    g_assert_false(calls(code, "getenv"));
    g_assert_true(calls(code, "secure_getenv"));
    g_assert_true(calls(code, "signal"));
}

/* ---- tables that go together -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int level;
    const char *id;
} events[] = {
#define X(name, level, id, text) {#name, level, id},
#include "plugin/base/events.def"
#undef X
};

static void test_events(void)
{
    g_autofree char *catalog = read_top("plugin/data/mefclient.catalog"), *list = read_top("docs/events.md");
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    GString *found = g_string_new(NULL);
    size_t entries = 0, rows = 0;

    g_assert_nonnull(catalog);
    g_assert_nonnull(list);
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        g_autofree char *entry = g_strdup_printf("\n-- %s\n", events[i].id);
        g_autofree char *row =
            g_strdup_printf("| %s | %s | %d |", events[i].name, events[i].id, events[i].level);

        if (!g_hash_table_add(ids, (void *)events[i].id))
            g_string_append_printf(found, "events.def: %s: its MESSAGE_ID is used twice\n", events[i].name);
        if (strlen(events[i].id) != 32 || strspn(events[i].id, "0123456789abcdef") != 32)
            g_string_append_printf(found, "events.def: %s: no MESSAGE_ID\n", events[i].name);
        if (!strstr(catalog, entry))
            g_string_append_printf(found, "mefclient.catalog: no entry for %s (%s)\n", events[i].name,
                                   events[i].id);
        if (!strstr(list, row))
            g_string_append_printf(found, "docs/events.md: no row '%s'\n", row);
    }
    for (const char *s = strstr(catalog, "\n-- "); s; s = strstr(s + 1, "\n-- ")) {
        const char *next = strstr(s + 1, "\n-- ");
        g_autofree char *text = next ? g_strndup(s, (gsize)(next - s)) : g_strdup(s);
        g_auto(GStrv) part = g_strsplit(g_strchomp(text), "\n\n", -1);
        /* Head; what happened; what to do next. */
        if (g_strv_length(part) < 3 || !strstr(part[0], "\nSubject: ") || strlen(part[1]) < 20 ||
            strlen(part[g_strv_length(part) - 1]) < 10)
            g_string_append_printf(found, "mefclient.catalog: %.36s: it does not say what to do next\n",
                                   s + 1);
        entries++;
    }
    for (const char *s = strstr(list, "| 6f3c"); s; s = strstr(s + 1, "| 6f3c"))
        rows++;
    if (rows != G_N_ELEMENTS(events))
        g_string_append_printf(found, "docs/events.md: %zu rows for %zu events\n", rows,
                               G_N_ELEMENTS(events));
    if (entries != G_N_ELEMENTS(events))
        g_string_append_printf(found, "mefclient.catalog: %zu entries for %zu events\n", entries,
                               G_N_ELEMENTS(events));
    finish(found);
}

/* Each interface that is served must pass the bus policy, or only root could call it. */
static void test_bus_policy(void)
{
    g_autofree char *policy = read_top("policy/org.mefclient1.conf"), *dir = NULL;
    g_autoptr(GDir) d = NULL;
    GString *found = g_string_new(NULL);
    const char *name;

    g_assert_nonnull(policy);
    dir = g_build_filename(TOP_SRCDIR, "dbus/xml", NULL);
    d = g_dir_open(dir, 0, NULL);
    while (d && (name = g_dir_read_name(d))) {
        g_autofree char *interface = NULL, *rule = NULL;
        if (!g_str_has_prefix(name, "org.mefclient1.") || !g_str_has_suffix(name, ".xml"))
            continue;
        if (g_str_has_prefix(name, "org.mefclient1.DMClient"))
            continue; /* served by the DM clients, called by us alone */
        interface = g_strndup(name, strlen(name) - strlen(".xml"));
        rule = g_strdup_printf("send_interface=\"%s\"", interface);
        if (!strstr(policy, rule))
            g_string_append_printf(found, "policy/org.mefclient1.conf: nobody may call %s\n", interface);
    }
    finish(found);
}

/* The polkit actions that bus tables name are in the policy file, which is where their defaults come from. */
static void test_polkit_actions(void)
{
    g_autofree char *policy = read_top("policy/org.mefclient1.policy");
    static const char *const actions[] = {"inspect",    "register",          "configure",
                                          "enroll",     "token-login",       "delete-credential",
                                          "dm-session", "cancel-others-jobs"};

    g_assert_nonnull(policy);
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        g_autofree char *tag = g_strdup_printf("<action id=\"org.mefclient1.%s\">", actions[i]);
        g_assert_nonnull(strstr(policy, tag));
    }
}

/* The shipped file shows every key of interfaces.md 3, commented out, in its section. */
static void test_config_keys(void)
{
    static const char *const keys[] = {
        "[client]",
        "id",
        "kind",
        "node-id",
        "cse-id",
        "ae-ids",
        "sp-id",
        "cse-public-domain",
        "[bus]",
        "address",
        "trusted-uids",
        "[paths]",
        "state-dir",
        "runtime-dir",
        "[token]",
        "uri",
        "module",
        "pin-file",
        "[network]",
        "resolve",
        "connect-timeout",
        "response-timeout",
        "[mef]",
        "command-classes",
        "registration-lifetime",
        "default-retry",
        "backoff-min",
        "backoff-max",
        "key-renew-margin",
        "certificate-renew-margin",
        "rvi",
        "base-to",
        "default-ports",
        "renew-after-profile-expiry",
        "bootstrap-delete-protects-dcfg",
        "devcfg-idle",
        "devcfg-timeout",
        "devcfg-lwm2m",
        "[scep]",
        "challenge-file",
        "allow-rsa",
        "allow-http",
        "[policy]",
        "status-table",
        "trust-anchor-rule",
        "suite-rule",
        "[log]",
        "level",
        "target",
        "[vocabulary]",
    };
    g_autofree char *text = read_top("plugin/data/mefclient.conf");
    const char *at = text;

    g_assert_nonnull(text);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *line =
            keys[i][0] == '[' ? g_strdup_printf("\n%s\n", keys[i]) : g_strdup_printf("\n#%s=", keys[i]);
        g_test_message("%s", keys[i]);
        at = strstr(at, line);
        g_assert_nonnull(at);
    }
    /* And nothing is set: the file as shipped changes no default. */
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i]; i++)
        g_assert_true(!lines[i][0] || lines[i][0] == '#' || lines[i][0] == '[');
}

/* The words between quotes that follow `before` in a text, one after another. */
static void each_quoted(const char *text, const char *before, const char *prefix, const char *in,
                        GString *found)
{
    for (const char *s = strstr(text, before); s; s = strstr(s + 1, before)) {
        const char *word = s + strlen(before), *end = strchr(word, '"');
        g_autofree char *wanted = g_strdup_printf("%s%.*s", prefix, (int)(end - word), word);
        if (end > word && !strstr(in, wanted))
            g_string_append_printf(found, "plugin/data/mefctl.bash: does not know '%s'\n", wanted);
    }
}

/* The completion knows what mefctl knows. */
static void test_completion(void)
{
    g_autofree char *script = read_top("plugin/data/mefctl.bash"),
                    *commands = read_top("dbus/ctl/commands.c"), *options = read_top("dbus/ctl/options.c");
    GString *found = g_string_new(NULL);

    g_assert_nonnull(script);
    g_assert_nonnull(commands);
    g_assert_nonnull(options);
    each_quoted(commands, "\n    {\"", "", script, found);
    for (const char *s = strstr(options, "\n    {OPTION_"); s; s = strstr(s + 1, "\n    {OPTION_")) {
        const char *name = strchr(s, '"') + 1;
        g_autofree char *wanted = g_strdup_printf("--%.*s", (int)strcspn(name, "\""), name);
        if (!strstr(script, wanted))
            g_string_append_printf(found, "plugin/data/mefctl.bash: does not know '%s'\n", wanted);
    }
    g_assert_nonnull(strstr(commands, "\n    {\"status\""));
    finish(found);
}

int main(int argc, char **argv)
{
    int r;

    g_test_init(&argc, &argv, NULL);
    load();
    g_test_add_func("/lint/include-edges", test_edges);
    g_test_add_func("/lint/include-edges-bite", test_edges_bite);
    g_test_add_func("/lint/spdx", test_spdx);
    g_test_add_func("/lint/length", test_length);
    g_test_add_func("/lint/calls", test_calls);
    g_test_add_func("/lint/calls-bite", test_calls_bite);
    g_test_add_func("/lint/events", test_events);
    g_test_add_func("/lint/bus-policy", test_bus_policy);
    g_test_add_func("/lint/polkit-actions", test_polkit_actions);
    g_test_add_func("/lint/config-keys", test_config_keys);
    g_test_add_func("/lint/completion", test_completion);
    r = g_test_run();
    g_ptr_array_unref(files);
    return r;
}
