/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of mefctl that need no bus: its command line, its text, its times, its look-ups. */
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "dbus/ctl/ctl.h"

#define SECOND G_GUINT64_CONSTANT(1000000)

static void test_bar(void)
{
    static const struct {
        double fraction;
        const char *bar;
    } rows[] = {
        {0, "[..........]"},
        {0.3, "[###.......]"},
        {0.999, "[#########.]"},
        {1, "[##########]"},
        {7, "[##########]"},
        {-1, "[..........]"},
        {__builtin_nan(""), "[..........]"},
    };
    char buf[16];

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        format_bar(rows[i].fraction, 10, buf);
        g_assert_cmpstr(buf, ==, rows[i].bar);
    }
}

static void test_times(void)
{
    static const struct {
        guint64 at, now;
        const char *text;
    } rows[] = {
        {0, 5 * SECOND, "-"},
        {5 * SECOND, 5 * SECOND, "now"},
        {95 * SECOND, 5 * SECOND, "in 90 s"},
        {605 * SECOND, 5 * SECOND, "in 10 min"},
        {1 * SECOND, 4 * SECOND, "3 s ago"},
        {3 * 3600 * SECOND, SECOND, "in 2 h"},
        {10 * 86400 * SECOND, SECOND, "in 9 d"},
    };
    char buf[TIME_TEXT_MAX];

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        format_relative(rows[i].at, rows[i].now, buf);
        g_assert_cmpstr(buf, ==, rows[i].text);
    }
    format_time(0, buf);
    g_assert_cmpstr(buf, ==, "-");
    format_time(1900000000 * SECOND, buf);
    g_assert_cmpstr(buf, ==, "2030-03-17 17:46:40");
    format_time(UINT64_MAX, buf);
    g_assert_cmpuint(strlen(buf), >, 0);
}

static void test_expires(void)
{
    static const struct {
        const char *text;
        int r;
        guint64 at;
    } rows[] = {
        {"20391231T235959", 0, G_GUINT64_CONSTANT(2208988799)},
        {"2039-12-31", 0, G_GUINT64_CONSTANT(2208902400)},
        {"2039-12-31 23:59", 0, G_GUINT64_CONSTANT(2208988740)},
        {"2039-12-31T23:59:59Z", 0, G_GUINT64_CONSTANT(2208988799)},
        {"P30D", 0, 1000 + 30 * 86400},
        {"60", 0, 1060},
        {"0", -ERANGE, 0},
        {"1960-01-01", -ERANGE, 0},
        {"1970-01-01", -ERANGE, 0},
        {"2039-13-31", -EINVAL, 0},
        {"2039-12-31 24", -EINVAL, 0},
        {"2039-12-31x", -EINVAL, 0},
        {"2039-12-31T-1:00", -EINVAL, 0},
        {"tomorrow", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"P", -EINVAL, 0},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint64_t at = 0;
        int r = parse_expires(rows[i].text, 1000 * 1000000, &at);
        g_test_message("'%s': %d", rows[i].text, r);
        g_assert_cmpint(r < 0 ? r : 0, ==, rows[i].r);
        g_assert_cmpuint(at, ==, rows[i].at * SECOND);
    }
}

static void test_value(void)
{
    json_t *v = json_loads(
        "{\"a\":1,\"b\":\"x y\",\"c\":[\"p\",\"q\"],\"d\":true,\"e\":\"\",\"f\":{\"g\":\"say \\\"hi\\\"\"},"
        "\"h\":\"\\u0007\"}",
        0, NULL);
    char *s = format_value(v);
    g_assert_cmpstr(s, ==, "a=1 b=\"x y\" c=[p,q] d=yes e=\"\" f={g=\"say \\\"hi\\\"\"} h=\"\\x07\"");
    free(s);
    json_decref(v);
}

static void test_table(void)
{
    struct table t = {.columns = 2};
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    table_add(&t, "NAME");
    table_add(&t, "STATE");
    table_add(&t, "b\xc3\xa4r"); /* three characters, four octets */
    table_add(&t, "");
    table_add(&t, "evil\033[2J");
    table_add(&t, "ok");
    table_print(&t, to);
    fclose(to);
    g_assert_cmpstr(text, ==, "NAME      STATE\nb\xc3\xa4r       -\nevil?[2J  ok\n");
    free(text);
    table_clear(&t);
}

/* ---- command line ------------------------------------------------------------------------------------- */

static int parse(const char *line, struct ctl_args *ret, char **room, char *why)
{
    static char **words; /* they live until the next line is parsed */
    g_strfreev(words);
    words = g_strsplit(line, " ", -1);
    return options_parse((int)g_strv_length(words), words, room, ret, why, 512);
}

static void test_options(void)
{
    char *room[32], why[512] = "";
    struct ctl_args a;

    g_assert_cmpint(
        parse("mefctl --json add a.example.com --kpm-id=k@x b.example.com --no-wait -- ", &a, room, why), ==,
        -EINVAL);
    g_assert_cmpint(
        parse("mefctl --json add a.example.com --kpm-id=k@x b.example.com --no-wait --", &a, room, why), ==,
        0);
    g_assert_cmpstr(a.command->name, ==, "add");
    g_assert_cmpuint(a.words, ==, 2);
    g_assert_cmpstr(a.word[1], ==, "b.example.com");
    g_assert_cmpstr(a.text[OPTION_KPM_ID], ==, "k@x");
    g_assert_true(a.given[OPTION_JSON] && a.given[OPTION_NO_WAIT] && !a.given[OPTION_NAME]);
    /* After "--" there are only words. */
    g_assert_cmpint(parse("mefctl delete -- --name", &a, room, why), ==, 0);
    g_assert_cmpstr(a.word[0], ==, "--name");
    /* The standard input has a name. */
    g_assert_cmpint(parse("mefctl import -", &a, room, why), ==, 0);
    g_assert_cmpint(parse("mefctl --name x add a b", &a, room, why), ==, -EINVAL);
    g_assert_cmpstr(why, ==, "--name belongs behind the command");
    g_assert_cmpint(parse("mefctl poll \xff", &a, room, why), ==, -EINVAL);
    g_assert_nonnull(strstr(why, "UTF-8"));
    g_assert_cmpint(parse("mefctl --bus=\x01 status", &a, room, why), ==, -EINVAL);
    /* Help is never refused for missing words. */
    g_assert_cmpint(parse("mefctl add --help", &a, room, why), ==, 0);
    GString *many = g_string_new("mefctl add a b");
    for (int i = 0; i < 2; i++)
        g_string_append(many, " --label=x");
    g_assert_cmpint(parse(many->str, &a, room, why), ==, 0);
    g_assert_cmpuint(a.n_labels, ==, 2);
    g_string_free(many, TRUE);
}

/* Each row of the tables is complete and named once. */
static void test_tables(void)
{
    for (size_t i = 0; i < OPTION_MAX_; i++) {
        g_assert_cmpint(ctl_options[i].id, ==, i);
        g_assert_nonnull(ctl_options[i].help);
        g_assert_true((ctl_options[i].kind == OPTION_FLAG) == (ctl_options[i].argument == NULL));
    }
    for (const struct ctl_command *c = ctl_commands; c->name; c++) {
        g_assert_nonnull(c->run);
        g_assert_nonnull(c->help);
        for (const struct ctl_command *d = c + 1; d->name; d++)
            g_assert_cmpstr(c->name, !=, d->name);
    }
}

static void test_exit_codes(void)
{
    static const struct {
        const char *name;
        enum ctl_exit code;
    } rows[] = {
        {"org.freedesktop.DBus.Error.ServiceUnknown", CTL_NO_SERVICE},
        {"org.freedesktop.DBus.Error.NameHasNoOwner", CTL_NO_SERVICE},
        {"org.freedesktop.DBus.Error.NoServer", CTL_NO_SERVICE},
        {"org.freedesktop.DBus.Error.AccessDenied", CTL_NOT_AUTHORIZED},
        {"org.mefclient1.Error.NotAuthorized", CTL_NOT_AUTHORIZED},
        {"org.mefclient1.Error.NotFound", CTL_NOT_FOUND},
        {"org.freedesktop.DBus.Error.UnknownObject", CTL_NOT_FOUND},
        {"org.mefclient1.Error.TimedOut", CTL_TIMED_OUT},
        {"org.freedesktop.DBus.Error.NoReply", CTL_TIMED_OUT},
        {"org.mefclient1.Error.InProgress", CTL_FAILED},
        {"org.example.Whatever", CTL_FAILED},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(bus_exit_code(rows[i].name), ==, rows[i].code);
}

/* ---- objects ------------------------------------------------------------------------------------------ */

/* A circle of links, a link to nowhere, a name that two nodes have. */
static const char objects_text[] =
    "{\"/org/mefclient1/mo/a/"
    "one\":{\"org.mefclient1.Node\":{\"Type\":\"a\",\"Name\":\"one\",\"State\":\"ready\","
    "\"Parent\":\"/\",\"Path\":\"./DCFG/a/one\",\"Children\":[\"/org/mefclient1/mo/b/one\",\"/org/mefclient1/"
    "mo/b/none\"]}},"
    "\"/org/mefclient1/mo/b/"
    "one\":{\"org.mefclient1.Node\":{\"Type\":\"b\",\"Name\":\"one\",\"State\":\"failed\","
    "\"Parent\":\"/org/mefclient1/mo/a/one\",\"Children\":[\"/org/mefclient1/mo/a/one\"]}},"
    "\"/org/mefclient1/registration/"
    "mef_2d1\":{\"org.mefclient1.Registration\":{\"Fqdn\":\"mef.example.com\"}}}";

static void test_tree(void)
{
    json_t *objects = json_loads(objects_text, 0, NULL);
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    g_assert_cmpint(tree_draw(objects, false, to), ==, 0);
    fclose(to);
    g_assert_cmpstr(text, ==,
                    "./DCFG\n"
                    "`- a/one [ready]\n"
                    "   |- b/one [failed]\n"
                    "   `- /org/mefclient1/mo/b/none (not there)\n");
    free(text);
    text = NULL;
    to = open_memstream(&text, &n);
    g_assert_cmpint(tree_graph(objects, to), ==, 0);
    fclose(to);
    g_assert_nonnull(strstr(text, "\"/org/mefclient1/mo/a/one\" -> \"/org/mefclient1/mo/b/one\";\n"));
    free(text);
    json_decref(objects);
}

/* Credentials: of a registration by its configuration, of a profile, one that has gone; text that a service
 * should not send. */
static const char credentials_text[] =
    "{\"/m/MEFClientRegCfg/"
    "a\":{\"org.mefclient1.Node\":{\"Type\":\"MEFClientRegCfg\",\"Name\":\"a\",\"State\":\"ready\","
    "\"Parent\":\"/\",\"Children\":[\"/m/authenticationProfile/"
    "p\"]},\"org.mefclient1.MEFClientRegCfg\":{\"Fqdn\":"
    "\"m.example\",\"Registration\":\"/r/a\"}},"
    "\"/m/authenticationProfile/"
    "p\":{\"org.mefclient1.Node\":{\"Type\":\"authenticationProfile\",\"Name\":\"p\",\"State\":"
    "\"failed\",\"LastStatusName\":\"BAD\",\"Parent\":\"/m/MEFClientRegCfg/a\",\"Children\":[]},"
    "\"org.mefclient1.AuthenticationProfile\":{\"SUID\":21,\"Credential\":\"/c/key\"}},"
    "\"/m/trustAnchorCred/"
    "t\":{\"org.mefclient1.Node\":{\"Type\":\"trustAnchorCred\",\"Name\":\"t\\\"\\\\\\u001b\",\"State\":"
    "\"configured\",\"Parent\":\"/\",\"Children\":[\"/m/"
    "none\"]},\"org.mefclient1.TrustAnchorCred\":{\"Credential\":"
    "\"/c/gone\"}},"
    "\"/m/trustAnchorCred/"
    "u\":{\"org.mefclient1.Node\":{\"Type\":\"trustAnchorCred\",\"Name\":\"u\",\"State\":\"configured\","
    "\"Parent\":\"/\"},\"org.mefclient1.TrustAnchorCred\":{\"Credential\":\"/\"}},"
    "\"/r/a\":{\"org.mefclient1.Registration\":{\"State\":\"registered\",\"Credential\":\"/c/cert\"}},"
    "\"/c/"
    "cert\":{\"org.mefclient1.Credential\":{\"Kind\":\"certificate\",\"Subject\":\"CN=gw\",\"CredentialId\":"
    "\"x\","
    "\"NotAfter\":1900000000000000}},"
    "\"/c/"
    "key\":{\"org.mefclient1.Credential\":{\"Kind\":\"key\",\"CredentialId\":\"10-k@m.example\",\"NotAfter\":"
    "0}}}";

static void test_tree_credentials(void)
{
    json_t *objects = json_loads(credentials_text, 0, NULL);
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    g_assert_nonnull(objects);
    g_assert_cmpint(tree_draw(objects, false, to), ==, 0);
    fclose(to);
    g_assert_cmpstr(text, ==,
                    "./DCFG\n"
                    "|- MEFClientRegCfg/a [ready] m.example registered\n"
                    "|  |- credential: certificate CN=gw until 2030-03-17 17:46:40\n"
                    "|  `- authenticationProfile/p [failed] SUID 21 BAD\n"
                    "|     `- credential: key 10-k@m.example\n"
                    "|- trustAnchorCred/t\"\\? [configured]\n"
                    "|  |- credential: /c/gone (not there)\n"
                    "|  `- /m/none (not there)\n"
                    "`- trustAnchorCred/u [configured]\n");
    free(text);
    json_decref(objects);
}

/* ---- the grammar of dot, as much of it as a graph needs ------------------------------------------------ */

static void blanks(const char **s)
{
    *s += strspn(*s, " \n");
}

static bool token(const char **s, const char *word)
{
    blanks(s);
    if (strncmp(*s, word, strlen(word)) != 0)
        return false;
    *s += strlen(word);
    return true;
}

/* A name, a numeral, or a quoted string: any octets, where only \" is not its end. */
static bool dot_id(const char **s)
{
    size_t n;

    if (token(s, "\"")) {
        while (**s && **s != '"')
            *s += (*s)[0] == '\\' && (*s)[1] ? 2 : 1;
        return token(s, "\"");
    }
    n = strspn(*s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    *s += n;
    return n > 0;
}

static bool dot_attributes(const char **s)
{
    if (!token(s, "["))
        return true;
    do
        if (!(dot_id(s) && token(s, "=") && dot_id(s)))
            return false;
    while (token(s, ","));
    return token(s, "]");
}

static bool dot_statement(const char **s)
{
    if (!dot_id(s))
        return false;
    if (token(s, "="))
        return dot_id(s) && token(s, ";");
    if (token(s, "->") && !dot_id(s))
        return false;
    return dot_attributes(s) && token(s, ";");
}

static bool is_dot(const char *s)
{
    if (!(g_utf8_validate(s, -1, NULL) && token(&s, "digraph ") && dot_id(&s) && token(&s, "{")))
        return false;
    while (!token(&s, "}"))
        if (!dot_statement(&s))
            return false;
    blanks(&s);
    return !*s;
}

static void test_graph(void)
{
    static const char *const parts[] = {
        "\"/m/MEFClientRegCfg/a\" [label=\"MEFClientRegCfg/a [ready] m.example registered\", "
        "color=darkgreen];\n",
        "\"/m/MEFClientRegCfg/a\" -> \"/m/authenticationProfile/p\";\n",
        "\"/m/MEFClientRegCfg/a\" -> \"/c/cert\" [style=dashed];\n",
        "\"/c/cert\" [label=\"certificate CN=gw until 2030-03-17 17:46:40\", shape=note];\n",
        "[label=\"authenticationProfile/p [failed] SUID 21 BAD\", color=red];\n",
        "\"trustAnchorCred/t\\\"\\\\? [configured]\"];\n",
        "\"/m/none\" [label=\"/m/none\", color=red, style=dotted];\n",
    };
    static const char *const wrong[] = {"digraph mo {", "digraph mo { \"a\" -> ; }",
                                        "digraph mo { \"a\"b\" ; }", "digraph mo { a [label=\"x\" }",
                                        "digraph mo { a; } b"};
    json_t *objects = json_loads(credentials_text, 0, NULL);
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    g_assert_cmpint(tree_graph(objects, to), ==, 0);
    fclose(to);
    g_test_message("%s", text);
    g_assert_true(is_dot(text));
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_test_message("%s", parts[i]);
        g_assert_nonnull(strstr(text, parts[i]));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(is_dot(wrong[i]));
    free(text);
    json_decref(objects);
}

static void test_find(void)
{
    json_t *objects = json_loads(objects_text, 0, NULL);
    const char *path = NULL;
    char why[256];

    g_assert_cmpint(objects_find_node(objects, "a/one", &path, why, sizeof(why)), ==, 0);
    g_assert_cmpstr(path, ==, "/org/mefclient1/mo/a/one");
    g_assert_cmpint(objects_find_node(objects, "./DCFG/a/one", &path, why, sizeof(why)), ==, 0);
    g_assert_cmpint(objects_find_node(objects, "one", &path, why, sizeof(why)), ==, CTL_FAILED);
    g_assert_cmpstr(why, ==, "2 nodes are called 'one': say which one by its path");
    g_assert_cmpint(objects_find_node(objects, "two", &path, why, sizeof(why)), ==, CTL_NOT_FOUND);
    g_assert_cmpint(objects_find_registration(objects, "mef-1", &path, why, sizeof(why)), ==, 0);
    g_assert_cmpint(objects_find_registration(objects, "MEF.example.com", &path, why, sizeof(why)), ==, 0);
    g_assert_cmpint(objects_find_registration(objects, "mef", &path, why, sizeof(why)), ==, CTL_NOT_FOUND);
    json_decref(objects);
}

static void test_label(void)
{
    char *s = object_label("/org/mefclient1/registration/ap_2dreg_2d22_");
    g_assert_cmpstr(s, ==, "ap-reg-22_");
    free(s);
    s = object_label("plain_zz_0a");
    g_assert_cmpstr(s, ==, "plain_zz?");
    free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("TZ", "UTC", TRUE);
    g_test_add_func("/ctl/text/bar", test_bar);
    g_test_add_func("/ctl/text/times", test_times);
    g_test_add_func("/ctl/text/expires", test_expires);
    g_test_add_func("/ctl/text/value", test_value);
    g_test_add_func("/ctl/text/table", test_table);
    g_test_add_func("/ctl/options/parse", test_options);
    g_test_add_func("/ctl/options/tables", test_tables);
    g_test_add_func("/ctl/exit-codes", test_exit_codes);
    g_test_add_func("/ctl/objects/tree", test_tree);
    g_test_add_func("/ctl/objects/tree-credentials", test_tree_credentials);
    g_test_add_func("/ctl/objects/graph", test_graph);
    g_test_add_func("/ctl/objects/find", test_find);
    g_test_add_func("/ctl/objects/label", test_label);
    return g_test_run();
}
