/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/mef, the parts without I/O: vocabulary, addresses, contents, the arguments of the classes,
 * decisions. */
#include <glib.h>
#include <errno.h>

#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/mef/class-cert-prov.h"
#include "plugin/mef/client.h"
#include "plugin/mef/codec-json.h"
#include "plugin/mef/command-message.h"
#include "plugin/mef/journal-states.h"
#include "plugin/mef/registration-message.h"
#include "plugin/mef/rqi.h"
#include "policy/status.h"
#include "policy/subject-id.h"

#define FQDN "mef.example.com"

static const struct vocabulary *V(void)
{
    return vocabulary_default();
}

/* ---- vocabulary and addresses ------------------------------------------------------------------------ */

static void test_vocabulary(void)
{
    _cleanup_(vocabulary_freep) struct vocabulary *v = NULL;
    struct mef_error e = {0};

    g_assert_cmpint(vocabulary_new(&v), ==, 0);
    g_assert_cmpstr(vocabulary_short(v, WORD_CID), ==, "cid");
    g_assert_true(vocabulary_is(v, WORD_NMCA, "nmca"));
    g_assert_true(vocabulary_is(v, WORD_NMCA, "noMoreCmdArgs"));
    g_assert_true(vocabulary_is(v, WORD_NMCA, "noModeCmdArgs"));
    g_assert_true(vocabulary_is(v, WORD_MNCA, "MONodeArgs"));
    g_assert_true(vocabulary_is(v, WORD_MNCA, "moNodeCmdArgs"));
    g_assert_false(vocabulary_is(v, WORD_NMCA, "NMCA"));
    g_assert_cmpint(vocabulary_override(v, "cmdID", "cmid", &e), ==, 0);
    g_assert_cmpstr(vocabulary_short(v, WORD_CID), ==, "cmid");
    g_assert_cmpint(vocabulary_override(v, "ty.mefClientReg", "14", &e), ==, 0);
    g_assert_cmpuint(vocabulary_number(v, NUMBER_TY_MECR), ==, 14);
    g_assert_cmpint(vocabulary_override(v, "prefix", "m2m", &e), ==, 0);
    g_assert_cmpint(vocabulary_override(v, "base-to", "//{FQDN}/-/", &e), ==, 0);
    g_assert_cmpint(vocabulary_override(v, "segment.mefClientCmd", "command", &e), ==, 0);
    g_assert_cmpint(vocabulary_override(v, "rvi", "3", &e), ==, 0);
    g_autofree char *body = command_update_body(v, "\"c-1\"", 20);
    g_assert_cmpstr(body, ==, "{\"m2m:mecc\":{\"cmid\":\"c-1\",\"csc\":20}}");
    g_autofree char *base = base_to(v, FQDN), *cmd = command_to(v, FQDN, "r1");
    g_assert_cmpstr(base, ==, "//mef.example.com/-/");
    g_assert_cmpstr(cmd, ==, "//mef.example.com/-/r1/command");
    static const char *const bad[][2] = {{"ty.mefClientReg", "x"},
                                         {"ty.mefClientReg", "70000"},
                                         {"cmdID", ""},
                                         {"cmdID", "a b"},
                                         {"cmdID", "a\"b"},
                                         {"base-to", "//evil/-"},
                                         {"base-to", "//{FQDN}/a b"},
                                         {"rvi", "4"},
                                         {"prefix", "a:b"}};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_cmpint(vocabulary_override(v, bad[i][0], bad[i][1], &e), ==, -EINVAL);
    g_assert_cmpint(vocabulary_override(v, "cmdIdd", "x", &e), ==, -ENOENT);
    g_assert_cmpstr(vocabulary_short(V(), WORD_CID), ==, "cid"); /* the built-in one stays */
}

static void test_references(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"//mef.example.com/-/x", "//mef.example.com/-/x"},
        {"//MEF.Example.com/-/x/cmd", "//mef.example.com/-/x/cmd"},
        {"//evil.example.com/-/x", NULL},
        {"//mef.example.com.evil.org/-/x", NULL},
        {"/x/y", "//mef.example.com/x/y"},
        {"-/x", "//mef.example.com/-/x"},
        {"x", "//mef.example.com/-/x"},
        {"x/cmd", "//mef.example.com/-/x/cmd"},
        {"https://mef.example.com:8443/_/mef.example.com/-/x", "//mef.example.com/-/x"},
        {"coaps://anything/_/mef.example.com/-/x", "//mef.example.com/-/x"},
        {"https://mef.example.com/_/evil.example.com/-/x", NULL},
        {"https://mef.example.com/-/x", "//mef.example.com/-/x"}, /* 2.5: CSE-relative */
        {"https://mef.example.com/~/-/x", "//mef.example.com/-/x"},
        {"https://mef.example.com/", NULL},
        {"https://mef.example.com//evil.example.com/-/x", NULL},
        {"https://mef.example.com/https://evil.example.com/-/x", NULL},
        {"https://mef.example.com/~//evil.example.com/-/x", NULL},
        {"wss://mef.example.com", NULL},
        {"/_/mef.example.com/-/x", "//mef.example.com/-/x"},
        {"/_/evil.example.com/-/x", NULL},
        {"-/../x", NULL},
        {"-/x/", NULL},
        {"-/x//y", NULL},
        {"-/x?rcn=5", NULL},
        {"-/x y", NULL},
        {"-/x%2f", NULL},
        {"-/x\r\nHost: evil", NULL},
        {"", NULL},
        {"//", NULL},
        {"/", NULL},
        {"//mef.example.com", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *to = NULL;
        int r = reference_to(FQDN, cases[i].in, &to, NULL);
        g_assert_cmpint(r, ==, cases[i].out ? 0 : -EINVAL);
        g_assert_cmpstr(to, ==, cases[i].out);
    }
    g_autofree char *longer = g_strnfill(5000, 'a'), *to = NULL;
    g_assert_cmpint(reference_to(FQDN, longer, &to, NULL), ==, -EINVAL);
}

/* ---- registration ------------------------------------------------------------------------------------ */

static void test_registration_bodies(void)
{
    static char *labels[] = {(char *)"gateway", (char *)"site:42", NULL};
    int64_t et;

    g_assert_cmpint(timestamp_parse("20270101T000000", &et), ==, 0);
    g_autofree char *create = registration_create_body(V(), WORD_MECR, "admin.example.org", et, labels);
    g_assert_cmpstr(create, ==,
                    "{\"sec:mecr\":{\"et\":\"20270101T000000\",\"lbl\":[\"gateway\",\"site:42\"],\"adfq\":"
                    "\"admin.example.org\"}}");
    g_autofree char *bare = registration_create_body(V(), WORD_MECR, "admin.example.org", et, NULL);
    g_assert_cmpstr(bare, ==, "{\"sec:mecr\":{\"et\":\"20270101T000000\",\"adfq\":\"admin.example.org\"}}");
    g_autofree char *update = registration_update_body(V(), WORD_MECR, et, NULL);
    g_assert_cmpstr(update, ==, "{\"sec:mecr\":{\"et\":\"20270101T000000\"}}");
    g_autofree char *labels_only = registration_update_body(V(), WORD_MECR, 0, labels);
    g_assert_cmpstr(labels_only, ==, "{\"sec:mecr\":{\"lbl\":[\"gateway\",\"site:42\"]}}");
    g_assert_cmpint(registration_proposed_et(1000, 5, 1), ==, 5);
    g_assert_cmpint(registration_proposed_et(1000, 0, 2), ==, 2001000);
}

static void test_registration_answers(void)
{
    /* prefix, root name, member names and references in every accepted form */
    static const char *const good[] = {
        "{\"sec:mecr\":{\"ri\":\"r1\",\"et\":\"20270101T000000\",\"cr\":\"//m2m.example.com/"
        "gw42\",\"adfq\":\"ADMIN.example.org\",\"ch\":[{\"nm\":\"cmd\",\"typ\":1,\"val\":\"-/r1/cmd\"}]}}",
        "{\"m2m:mefClientReg\":{\"resourceID\":\"r1\",\"expirationTime\":\"20270101T000000,5Z\",\"creator\":"
        "\"//M2M.example.com/"
        "gw42\",\"adminFQDN\":\"admin.example.org.\",\"childResource\":[{\"name\":\"q\",\"type\":\"6\","
        "\"value\":\"r1/cmd\"}]}}",
        "{\"mecr\":{\"ri\":\"r1\",\"et\":\"20270101T000000\",\"cr\":\"/"
        "gw42\",\"adfq\":\"admin.example.org\",\"x\":{\"y\":[1]},\"ch\":[{\"typ\":6,\"val\":\"https://"
        "mef.example.com/_/mef.example.com/-/r1/cmd\"}]}}",
        /* a list of one that lost its brackets, and numbers as some libraries write them */
        "{\"mecr\":{\"ri\":\"r1\",\"et\":\"20270101T000000\",\"cr\":\"/gw42\",\"adfq\":\"admin.example.org\","
        "\"ch\":{\"typ\":6.0,\"val\":\"-/r1/cmd\"}}}",
    };
    const struct identity who = {.id = "//m2m.example.com/gw42", .kind = CLIENT_CSE};
    struct registration_want want = {.now = 0, .admin_fqdn = "admin.example.org", .who = &who};

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        struct registration_answer a = {0};
        struct mef_error e = {0};
        g_assert_cmpint(registration_parse(V(), WORD_MECR, FQDN, good[i], strlen(good[i]), &a, &e), ==, 0);
        g_assert_cmpstr(a.reg_id, ==, "r1");
        g_assert_cmpstr(a.cmd_to, ==, "//mef.example.com/-/r1/cmd");
        g_assert_cmpint(registration_check(&a, &want, &e), ==, 0);
        want.now = a.et;
        g_assert_cmpint(registration_check(&a, &want, &e), <, 0);
        g_assert_cmpint(e.word, ==, MEF_ERROR_SERVER_REJECTED);
        want.now = 0;
        registration_answer_clear(&a);
    }
    static const char *const bad[] = {
        "",
        "null",
        "{\"sec:mecc\":{}}",
        "{\"x:mecr\":{}}",
        "{\"sec:mecr\":{},\"m2m:dbg\":\"\"}",
        "{\"sec:mecr\":[]}",
        "{\"sec:mecr\":{\"ri\":5}}",
        "{\"sec:mecr\":{\"et\":20270101}}",
        "{\"sec:mecr\":{\"ch\":5}}",
        "{\"sec:mecr\":{\"ri\":\"a\",\"resourceID\":\"a\"}}",
        "{\"sec:mecr\":{\"ch\":[{\"typ\":6,\"val\":7}]}}",
        "{\"sec:mecr\":{\"cr\":\"a\\u0000b\"}}",
        "{\"sec:mecr\":{\"cr\":\"a\\nb\"}}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct registration_answer a = {0};
        struct mef_error e = {0};
        g_assert_cmpint(registration_parse(V(), WORD_MECR, FQDN, bad[i], strlen(bad[i]), &a, &e), ==,
                        -EINVAL);
        g_assert_cmpuint(strlen(e.text), >, 10);
        g_assert_null(a.reg_id);
    }
    g_autofree char *id = NULL;
    g_assert_cmpint(registration_id_of_location(V(), FQDN, "/_/mef.example.com/-/mecr-7f3a21", &id, NULL), ==,
                    0);
    g_assert_cmpstr(id, ==, "mecr-7f3a21");
    g_assert_cmpint(registration_id_of_location(V(), FQDN, "/_/mef.example.com/-/a/b", &id, NULL), <, 0);
    g_assert_cmpint(registration_id_of_location(V(), FQDN, "/_/mef.example.com/x/b", &id, NULL), <, 0);
}

/* ---- commands ---------------------------------------------------------------------------------------- */

static int parse(const char *text, struct command *c)
{
    struct mef_error e = {0};
    int r = command_parse(V(), text, strlen(text), c, &e);

    g_assert_true((r == 0) == (e.word == MEF_ERROR_NONE));
    return r;
}

static void test_command_ids(void)
{
    static const struct {
        const char *in, *echo; /* NULL: unparsable */
    } cases[] = {
        {"\"c-0001\"", "\"c-0001\""},
        {"17", "17"},
        {"-1", "-1"},
        {"\"17\"", "\"17\""},
        {"\"\\u0041\"", "\"A\""},
        {"\"\xc3\xa9\"", "\"\xc3\xa9\""},
        {"\"a\\\"b\"", "\"a\\\"b\""},
        {"\"\"", NULL},
        {"\"a\\nb\"", NULL},
        {"true", NULL},
        {"null", NULL},
        {"[1]", NULL},
        {"99999999999999999999", NULL},
        {"\"0123456789012345678901234567890123456789012345678901234567890123\"",
         "\"0123456789012345678901234567890123456789012345678901234567890123\""},
        {"\"01234567890123456789012345678901234567890123456789012345678901234\"", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct command c = {0};
        g_autofree char *text =
            g_strdup_printf("{\"sec:mecc\":{\"cid\":%s,\"cdsc\":{\"ccid\":1},\"csc\":10}}", cases[i].in);
        g_assert_cmpint(parse(text, &c), ==, cases[i].echo ? 0 : -EINVAL);
        g_assert_cmpstr(c.cid, ==, cases[i].echo);
        if (cases[i].echo) {
            g_autofree char *body = command_update_body(V(), c.cid, 300);
            g_autofree char *expected =
                g_strdup_printf("{\"sec:mecc\":{\"cid\":%s,\"csc\":300}}", cases[i].echo);
            g_assert_cmpstr(body, ==, expected);
        }
        command_clear(&c);
    }
    g_assert_true(cid_equal("\"17\"", "17")); /* octets after decoding */
    g_assert_true(cid_equal("\"\\u0041\"", "\"A\""));
    g_assert_false(cid_equal("\"a\"", "\"A\""));
    g_assert_false(cid_equal(NULL, NULL));
    g_assert_false(cid_equal("garbage", "garbage"));
}

static void test_command_status(void)
{
    static const struct {
        const char *csc;
        int r;
    } cases[] = {{"10", 0},
                 {"11", 1},
                 {"\"11\"", 1},
                 {"20", -EINVAL},
                 {"9", -EINVAL},
                 {"12", -EINVAL},
                 {"-10", -EINVAL},
                 {"10.5", -EINVAL},
                 {"\"ten\"", -EINVAL},
                 {"null", -EINVAL},
                 {"\" 10\"", -EINVAL},
                 {"11.0", 1},
                 {"1e1", 0},
                 {"\"10.0\"", -EINVAL}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct command c = {0};
        g_autofree char *text =
            g_strdup_printf("{\"sec:mecc\":{\"cid\":1,\"cdsc\":{\"ccid\":1},\"csc\":%s}}", cases[i].csc);
        int r = parse(text, &c);
        g_assert_cmpint(r, ==, cases[i].r < 0 ? cases[i].r : 0);
        if (r == 0)
            g_assert_cmpint(c.reissued, ==, cases[i].r);
        command_clear(&c);
    }
}

static void test_limits(void)
{
    struct command c = {0};
    g_autofree char *pad = g_strnfill(65 * 1024, ' ');
    g_autofree char *big =
        g_strdup_printf("{\"sec:mecc\":{\"cid\":1,\"cdsc\":{\"ccid\":1},\"csc\":10}}%s", pad);
    GString *deep = g_string_new("{\"sec:mecc\":{\"cid\":1,\"x\":");

    g_assert_cmpint(parse(big, &c), ==, -EINVAL);
    for (int i = 0; i < 100; i++)
        g_string_append(deep, "[");
    g_assert_cmpint(parse(deep->str, &c), ==, -EINVAL);
    g_string_free(deep, TRUE);
    g_assert_cmpint(parse("{\"sec:mecc\":{\"cid\":\"\xff\",\"cdsc\":{\"ccid\":1},\"csc\":10}}", &c), ==,
                    -EINVAL);
}

/* Arguments of a class, and the status that they earn before anybody's opinion counts. */
static int arguments(const char *cdsc, union class_args *args)
{
    struct command c = {0};
    struct mef_error e = {0};
    static struct command kept; /* args borrow from it */
    g_autofree char *text = g_strdup_printf("{\"sec:mecc\":{\"cid\":1,\"cdsc\":%s,\"csc\":10}}", cdsc);

    command_clear(&kept);
    g_assert_cmpint(parse(text, &c), ==, 0);
    int r = command_arguments(&c, V(), 0, args, &e);
    g_assert_true((r == 0) == (e.word == MEF_ERROR_NONE));
    kept = c;
    return r;
}

static void test_arguments(void)
{
#define CP(cpp, uri, csty, csbi)                                                                             \
    "{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":" cpp ",\"uri\":" uri ",\"csty\":" csty ",\"csbi\":" csbi "}}}"
    static const struct {
        const char *cdsc;
        int r;
    } cases[] = {
        {"{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"PT24H\"}}}", 0},
        {"{\"ccid\":0,\"cmda\":{\"noModeCmdArgs\":{\"retryDuration\":\"P1M\"}}}", 0},
        {"{\"ccid\":\"0\",\"cmda\":{\"nmca\":{\"rtd\":\"PT24H\"},\"unknown\":1}}", 0},
        {"{\"ccid\":0}", 42},
        {"{\"ccid\":0,\"cmda\":5}", 42},
        {"{\"ccid\":0,\"cmda\":{}}", 42},
        {"{\"ccid\":0,\"cmda\":{\"nmca\":[]}}", 42},
        {"{\"ccid\":0,\"cmda\":{\"nmca\":{}}}", 42},
        {"{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":86400}}}", 42},
        {"{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"P101Y\"}}}", 42},
        {"{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"PT1H\",\"retryDuration\":\"PT1H\"}}}", 42},
        {"{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"PT1H\"},\"cpca\":{}}}", 42},
        {"{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"PT1H\"},\"noMoreCmdArgs\":{\"rtd\":\"PT1H\"}}}", 42},
        {"{\"ccid\":0,\"cmda\":{\"cpca\":{\"cpp\":1}}}", 42},
        {"{\"ccid\":2,\"cmda\":{\"dcca\":{\"dcu\":\"3:coaps://mef.example.com\"}}}", 0},
        {"{\"ccid\":2,\"cmda\":{\"dcca\":{}}}", 42},
        {"{\"ccid\":3}", 42},
        {"{\"ccid\":4,\"cmda\":{}}", 41},
        {"{\"ccid\":-1}", 41},
        {"{\"ccid\":99999999999}", 41},
        {"{\"ccid\":1e99}", 41},
        {CP("1", "\"https://mef.example.com\"", "2", "\"/gw42\""), 0},
        {CP("\"1\"", "\"https://mef.example.com\"", "\"2\"", "\"/gw42\""), 0},
        {CP("7", "\"https://mef.example.com\"", "9", "\"/gw42\""), 0}, /* 43 is for later */
        {CP("1.0", "\"https://mef.example.com\"", "2", "\"/gw42\""), 0},
        {CP("1.5", "\"https://mef.example.com\"", "2", "\"/gw42\""), 42},
        {CP("\"EST\"", "\"https://mef.example.com\"", "2", "\"/gw42\""), 42},
        {CP("1", "5", "2", "\"/gw42\""), 42},
        {CP("1", "\"\"", "2", "\"/gw42\""), 42},
        {CP("1", "\"https://mef.example.com\"", "null", "\"/gw42\""), 42},
        {CP("1", "\"https://mef.example.com\"", "2", "{}"), 42},
        {CP("1", "\"https://mef.example.com\"", "2", "\"a\\u0007\""), 42},
        {"{\"ccid\":1,\"cmda\":{\"certProvArgs\":{\"certProvProtocol\":1,\"URI\":\"https://"
         "mef.example.com\",\"certSubjectType\":2,\"certSubjectID\":\"/gw42\"}}}",
         0},
        {"{\"ccid\":1,\"cmda\":{\"cpca\":{\"uri\":\"https://mef.example.com\",\"csty\":2,\"csbi\":\"/"
         "gw42\"}}}",
         42},
        {"{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"csty\":2,\"csbi\":\"/gw42\"}}}", 42},
        {"{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://mef.example.com\",\"csbi\":\"/"
         "gw42\"}}}",
         42},
        {"{\"ccid\":1,\"cmda\":{\"cpca\":{\"cpp\":1,\"uri\":\"https://mef.example.com\",\"csty\":2}}}", 42},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        union class_args args;
        g_test_message("%s", cases[i].cdsc);
        g_assert_cmpint(arguments(cases[i].cdsc, &args), ==, cases[i].r);
    }
    union class_args args;
    g_assert_cmpint(arguments(cases[0].cdsc, &args), ==, 0);
    g_assert_cmpuint(args.no_more.seconds, ==, 86400);
    g_assert_cmpint(arguments(cases[1].cdsc, &args), ==, 0);
    g_assert_cmpuint(args.no_more.seconds, ==, 31 * 86400); /* January 1970 */
}

/* The two classes that are not built in yet: their parsers stand. */
static int class_arguments(uint32_t id, const char *text, union class_args *args, json_t **doc)
{
    *doc = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    g_assert_nonnull(*doc);
    return class_args_parse(class_find(id), V(), *doc, 0, args, NULL);
}

static void test_dev_cfg(void)
{
    static const struct {
        const char *cmda;
        int r;
        uint32_t protocol;
        const char *uri;
    } cases[] = {
        {"{\"dcca\":{\"dcu\":\"3:coaps://mef.example.com:5684\"}}", 0, 3, "coaps://mef.example.com:5684"},
        {"{\"devCfgArgs\":{\"devMgmtID\":\"1\",\"URI\":\"https://mef.example.com/dm\"}}", 0, 1,
         "https://mef.example.com/dm"},
        {"{\"devCfgCmdArgs\":{\"deviceConfigURI\":\"77:x:y\"}}", 0, 77, "x:y"},
        {"{\"dcca\":{}}", 42, 0, NULL},
        {"{\"dcca\":{\"dcu\":\"coaps://mef.example.com\"}}", 42, 0, NULL},
        {"{\"dcca\":{\"dcu\":3}}", 42, 0, NULL},
        {"{\"dcca\":{\"dcu\":\"3:coaps://a\",\"uri\":\"coaps://a\"}}", 42, 0, NULL},
        {"{\"dcca\":{\"dmi\":3}}", 42, 0, NULL},
        {"{\"dcca\":{\"dcu\":\"3:coaps://a\"},\"mnca\":{}}", 42, 0, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        union class_args args = {0};
        _cleanup_(json_cleanup) json_t *doc = NULL;
        g_assert_cmpint(class_arguments(CMD_DEV_CFG, cases[i].cmda, &args, &doc), ==, cases[i].r);
        if (cases[i].r == 0) {
            g_assert_cmpuint(args.dev_cfg.protocol, ==, cases[i].protocol);
            g_assert_cmpstr(args.dev_cfg.uri, ==, cases[i].uri);
        }
    }
}

static void test_mo_node(void)
{
    static const struct {
        const char *cmda;
        int g1, g4; /* the status of the arguments, and of the type-specific ones once it is their turn */
        uint32_t suid;
    } cases[] = {
        {"{\"mnca\":{\"obp\":\"/27022/0\",\"obt\":1,\"obsa\":{\"suid\":21}}}", 0, 0, 21},
        {"{\"MONodeArgs\":{\"objectPath\":\"./"
         "x\",\"objectTypelID\":\"1\",\"objectTypeSpecifcArgs\":{\"authProfileMONodeArgs\":{\"SUID\":\"31\"}}"
         "}}",
         0, 0, 31},
        {"{\"moNodeCmdArgs\":{\"obp\":\"./x\",\"obt\":3}}", 0, 302, 0},
        {"{\"mnca\":{\"obp\":\"./x\",\"obt\":1,\"obsa\":7}}", 0, 302, 0}, /* G4, not G1 */
        {"{\"mnca\":{\"obp\":\"./x\",\"obt\":1,\"obsa\":{}}}", 0, 302, 0},
        {"{\"mnca\":{\"obp\":\"./x\",\"obt\":1,\"obsa\":{\"suid\":20}}}", 0, 302, 0},
        {"{\"mnca\":{\"obp\":\"./x\",\"obt\":1,\"obsa\":{\"suid\":\"x\"}}}", 0, 302, 0},
        {"{\"mnca\":{\"obp\":\"./x\",\"obt\":1,\"obsa\":{\"suid\":21,\"apma\":{\"suid\":21}}}}", 0, 302, 0},
        {"{\"mnca\":{\"obp\":\"./x\",\"obt\":0}}", 42, 0, 0},
        {"{\"mnca\":{\"obp\":\"./x\",\"obt\":4}}", 42, 0, 0},
        {"{\"mnca\":{\"obp\":\"./x\"}}", 42, 0, 0},
        {"{\"mnca\":{\"obt\":1}}", 42, 0, 0},
        {"{\"mnca\":{\"obp\":\"\",\"obt\":1}}", 42, 0, 0},
        {"{\"mnca\":{\"obp\":\"./x\",\"obt\":1,\"obsa\":{\"suid\":21},\"objectTypeSpecificArgs\":{}}}", 42, 0,
         0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        union class_args args = {0};
        uint32_t suid = 0;
        _cleanup_(json_cleanup) json_t *doc = NULL;
        g_assert_cmpint(class_arguments(CMD_MO_NODE, cases[i].cmda, &args, &doc), ==, cases[i].g1);
        if (cases[i].g1)
            continue;
        g_assert_cmpint(mo_node_suid(V(), &args.mo_node, &suid, NULL), ==, cases[i].g4);
        g_assert_cmpuint(suid, ==, cases[i].suid);
    }
}

static void test_target(void)
{
    static char *aes[] = {(char *)"/gw42/C1", NULL};
    const struct identity who = {.kind = CLIENT_NODE,
                                 .id = "urn:node:1",
                                 .node_id = "urn:node:1",
                                 .cse_id = "//m2m.example.com/gw42",
                                 .ae_ids = aes,
                                 .sp_id = "m2m.example.com"};
    static const struct {
        const char *tgid;
        int r;
    } cases[] = {{"\"//m2m.example.com/gw42/C1\"", 0},
                 {"\"/gw42\"", 0},
                 {"\"//other/gw42\"", 43},
                 {"7", 43},
                 {"\"\"", 43}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        for (int class_id = 0; class_id < 4; class_id++) {
            struct command c = {0};
            g_autofree char *text =
                g_strdup_printf("{\"sec:mecc\":{\"cid\":1,\"cdsc\":{\"ccid\":%d,\"tgid\":%s},\"csc\":10}}",
                                class_id, cases[i].tgid);
            g_assert_cmpint(parse(text, &c), ==, 0);
            g_assert_cmpint(command_target(&c, &who, NULL), ==, class_id ? cases[i].r : 0);
            command_clear(&c);
        }
}

static void test_decisions(void)
{
    static const struct {
        struct decision_input in;
        enum command_decision out;
    } cases[] = {
        {{.reissued = false}, DECIDE_RUN},
        {{.is_last_update = true}, DECIDE_REPEATED},
        {{.is_last_update = true, .has_status = true, .status = 20}, DECIDE_REPEATED},
        {{.has_status = true, .status = 20},
         DECIDE_RUN}, /* ISSUED anew, not the last one: the seed compares with the last only */
        {{.reissued = true}, DECIDE_RUN},
        {{.reissued = true, .has_status = true, .status = 20}, DECIDE_KNOWN},
        {{.reissued = true, .is_last_update = true, .has_status = true, .status = 20}, DECIDE_KNOWN},
        {{.reissued = true, .is_last_update = true}, DECIDE_REPEATED}, /* the journal was lost */
        {{.no_more = true, .arguments_ok = true}, DECIDE_NO_MORE},
        {{.no_more = true, .arguments_ok = true, .reissued = true}, DECIDE_NO_MORE},
        {{.no_more = true, .arguments_ok = true, .is_last_update = true}, DECIDE_REPEATED},
        {{.no_more = true}, DECIDE_RUN},
        {{.no_more = true, .is_last_update = true}, DECIDE_REPEATED},
        {{.no_more = true, .reissued = true, .is_last_update = true, .has_status = true, .status = 42},
         DECIDE_HOLD},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(command_decide(&cases[i].in), ==, cases[i].out);
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

static int fixed_random(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    memset(buf, 0xff, len);
    return 0;
}

static void test_rqi(void)
{
    const struct clock_port clock = {.random = fixed_random};
    struct rqi q;
    char text[RQI_LEN];

    g_assert_cmpint(rqi_init(&q, &clock), ==, 0);
    q.prefix = 0x5f1c09ae;
    rqi_next(&q, text);
    g_assert_cmpstr(text, ==, "5f1c09ae-00000001");
    q.counter = UINT32_MAX - 1;
    rqi_next(&q, text);
    g_assert_cmpstr(text, ==, "5f1c09ae-ffffffff");
    rqi_next(&q, text);
    g_assert_cmpstr(text, ==, "5f1c09af-00000001"); /* never one twice */
}

static void test_config_snapshot(void)
{
    struct mef_reg_config c = {.node = g_strdup("mef1"),
                               .fqdn = g_strdup(FQDN),
                               .admin_fqdn = g_strdup("admin.example.org"),
                               .http_port = 8443,
                               .coap_port = 5684,
                               .expires = INT64_C(1798761600000000),
                               .credential = CREDENTIAL_CERT,
                               .cert_prefix_len = 16,
                               .report_first = true};
    struct mef_reg_config back = {0};

    for (size_t i = 0; i < 32; i++)
        c.cert_sha256[i] = (uint8_t)(i * 7);
    g_assert_cmpint(strv_push(&c.labels, "a\"b"), ==, 0);
    g_assert_cmpint(der_list_add(&c.anchors, "\x30\x00\xff", 3), ==, 0);
    g_autofree char *json = mef_reg_config_to_json(&c);
    g_assert_nonnull(json);
    g_assert_cmpint(mef_reg_config_from_json(json, &back, NULL), ==, 0);
    g_autofree char *again = mef_reg_config_to_json(&back);
    g_assert_cmpstr(json, ==, again);
    g_assert_cmpstr(back.labels[0], ==, "a\"b");
    g_assert_cmpuint(back.anchors.n, ==, 1);
    g_assert_cmpmem(back.cert_sha256, 32, c.cert_sha256, 32);
    g_assert_cmpint(back.credential, ==, CREDENTIAL_CERT);
    g_assert_true(back.report_first);
    mef_reg_config_clear(&c);
    mef_reg_config_clear(&back);
    static const char *const bad[] = {"", "{}", "[]", "{\"node\":\"a\"}", "{\"node\":5}"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct mef_error e = {0};
        g_assert_cmpint(mef_reg_config_from_json(bad[i], &back, &e), ==, -EINVAL);
        g_assert_null(back.node);
    }
}

static void test_status_fits(void)
{
    /* MC-54: what each parser and judge may answer is of its class. */
    g_assert_true(cmd_status_fits(CMD_STATUS_BAD_ARGUMENTS, CMD_NO_MORE_COMMANDS));
    g_assert_false(cmd_status_fits(CMD_STATUS_OK, CMD_NO_MORE_COMMANDS));
    g_assert_false(cmd_status_fits(CMD_STATUS_CLASS_NOT_SUPPORTED, CMD_NO_MORE_COMMANDS));
    const struct identity who = {
        .kind = CLIENT_CSE, .id = "//m2m.example.com/gw42", .cse_id = "//m2m.example.com/gw42"};
    const struct cert_prov_fields f = {.protocol = 1,
                                       .uri = "https://mef.example.com",
                                       .subject_type = 2,
                                       .subject_id = "//m2m.example.com/gw42"};
    struct cert_prov_plan plan;
    struct mef_error e = {0};
    g_assert_cmpint(cert_prov_prepare(&f, FQDN, &who, &plan, &e), ==, CMD_STATUS_CERT_PROV_CLIENT_ERROR);
    g_assert_true(cmd_status_fits(CMD_STATUS_CERT_PROV_CLIENT_ERROR, CMD_CERT_PROV));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/message/vocabulary", test_vocabulary);
    g_test_add_func("/mef/message/references", test_references);
    g_test_add_func("/mef/message/registration-bodies", test_registration_bodies);
    g_test_add_func("/mef/message/EE-17/registration-answers", test_registration_answers);
    g_test_add_func("/mef/message/command-ids", test_command_ids);
    g_test_add_func("/mef/message/MC-05/command-status", test_command_status);
    g_test_add_func("/mef/message/MC-05/limits", test_limits);
    g_test_add_func("/mef/message/MC-08/MC-13/MC-50/arguments", test_arguments);
    g_test_add_func("/mef/message/MC-13/MC-50/dev-cfg", test_dev_cfg);
    g_test_add_func("/mef/message/MC-13/MC-50/mo-node", test_mo_node);
    g_test_add_func("/mef/message/MC-12/target", test_target);
    g_test_add_func("/mef/message/MC-06/MC-07/decisions", test_decisions);
    g_test_add_func("/mef/message/MC-54/statuses", test_status_fits);
    g_test_add_func("/mef/message/request-ids", test_rqi);
    g_test_add_func("/mef/message/config-snapshot", test_config_snapshot);
    return g_test_run();
}
