/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy: enumerations, SUIDs, suites and identifiers. Numbers are written out a second time here, from the
 * specification, so that a slip in a table of policy/ shows. */
#include <glib.h>
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "policy/ids.h"
#include "policy/status.h"
#include "policy/suid.h"
#include "policy/suites.h"

static const struct {
    enum cmd_status status;
    uint32_t published, seed;
    const char *name;
} statuses[] = {
    {CMD_STATUS_ISSUED, 10, 10, "MEF_CLIENT_CMD_ISSUED"},
    {CMD_STATUS_REISSUED, 11, 11, "MEF_CLIENT_CMD_REISSUED"},
    {CMD_STATUS_OK, 20, 20, "MEF_CLIENT_CMD_OK"},
    {CMD_STATUS_REPEATED_CMD_ID, 40, 40, "MEF_CLIENT_CMD_REPEATED_CMD_ID"},
    {CMD_STATUS_CLASS_NOT_SUPPORTED, 41, 41, "MEF_CLIENT_CMD_CLASS_NOT_SUPPORTED"},
    {CMD_STATUS_BAD_ARGUMENTS, 42, 42, "MEF_CLIENT_CMD_BAD_ARGUMENTS"},
    {CMD_STATUS_UNACCEPTABLE_ARGUMENTS, 43, 43, "MEF_CLIENT_CMD_UNACCEPTABLE_ARGUMENTS"},
    {CMD_STATUS_CERT_PROV_SERVER_ERROR, 100, 100, "MEF_CLIENT_CMD_CERT_PROV_SERVER_ERROR"},
    {CMD_STATUS_CERT_PROV_CLIENT_ERROR, 101, 101, "MEF_CLIENT_CMD_CERT_PROV_CLIENT_ERROR"},
    {CMD_STATUS_DEV_CFG_SERVER_ERROR, 201, 201, "MEF_CLIENT_CMD_DEV_CFG_SERVER_ERROR"},
    {CMD_STATUS_DEV_CFG_CLIENT_ERROR, 202, 202, "MEF_CLIENT_CMD_DEV_CFG_CLIENT_ERROR"},
    {CMD_STATUS_MO_NODE_NOT_FOUND, 300, 300, "MEF_CLIENT_CMD_MO_NODE_NOT_FOUND"},
    {CMD_STATUS_MO_NODE_TYPE_CONFLICT, 301, 301, "MEF_CLIENT_CMD_MO_NODE_TYPE_CONFLICT"},
    {CMD_STATUS_MO_NODE_BAD_ARGS, 302, 42, "MEF_CLIENT_CMD_MO_NODE_BAD_ARGS"},
    {CMD_STATUS_MO_NODE_UNACCEPTABLE_ARGS, 303, 302, "MEF_CLIENT_CMD_MO_NODE_UNACCEPTABLE_ARGS"},
    {CMD_STATUS_MO_NODE_INCONSISTENT_CONFIG, 304, 304, "MEF_CLIENT_CMD_MO_NODE_INCONSISTENT_CONFIG"},
    {CMD_STATUS_MO_NODE_PROCESSING_FAILED, 305, 303, "MEF_CLIENT_CMD_MO_NODE_PROCESSING_FAILED"},
};

static void test_status_numbers(void)
{
    enum cmd_status s;

    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        g_assert_cmpuint(cmd_status_number(statuses[i].status, STATUS_TABLE_PUBLISHED), ==,
                         statuses[i].published);
        g_assert_cmpuint(cmd_status_number(statuses[i].status, STATUS_TABLE_SEED), ==, statuses[i].seed);
        g_assert_cmpstr(cmd_status_name(statuses[i].status), ==, statuses[i].name);
        g_assert_cmpint(cmd_status_from_number(statuses[i].published, STATUS_TABLE_PUBLISHED, &s), ==, 0);
        g_assert_cmpint(s, ==, statuses[i].status);
        g_assert_cmpint(cmd_status_from_number(statuses[i].seed, STATUS_TABLE_SEED, &s), ==, 0);
        if (statuses[i].status != CMD_STATUS_MO_NODE_BAD_ARGS)
            g_assert_cmpint(s, ==, statuses[i].status);
        else
            g_assert_cmpint(s, ==, CMD_STATUS_BAD_ARGUMENTS);
    }
    /* Nothing outside the tables, whatever the number. */
    size_t published = 0, seed = 0;
    for (uint32_t n = 0; n < 1000; n++) {
        published += cmd_status_from_number(n, STATUS_TABLE_PUBLISHED, &s) == 0;
        seed += cmd_status_from_number(n, STATUS_TABLE_SEED, &s) == 0;
    }
    g_assert_cmpuint(published, ==, 17);
    g_assert_cmpuint(seed, ==, 16);
    g_assert_cmpint(cmd_status_from_number(305, STATUS_TABLE_SEED, &s), ==, -EINVAL);
    g_assert_cmpint(cmd_status_from_number(200, STATUS_TABLE_PUBLISHED, &s), ==, -EINVAL);
    g_assert_cmpint(cmd_status_from_number(UINT32_MAX, STATUS_TABLE_PUBLISHED, &s), ==, -EINVAL);
    g_assert_null(cmd_status_name((enum cmd_status)12));
    g_assert_cmpstr(cmd_status_word(CMD_STATUS_MO_NODE_NOT_FOUND), ==, "mo-node-not-found");
    g_assert_cmpstr(cmd_status_word((enum cmd_status)12), ==, "");

    enum status_table t;
    g_assert_cmpint(status_table_from_name("seed", &t), ==, 0);
    g_assert_cmpint(t, ==, STATUS_TABLE_SEED);
    g_assert_cmpint(status_table_from_name("published", &t), ==, 0);
    g_assert_cmpint(t, ==, STATUS_TABLE_PUBLISHED);
    g_assert_cmpint(status_table_from_name("Seed", &t), ==, -EINVAL);
    g_assert_cmpint(status_table_from_name(NULL, &t), ==, -EINVAL);
}

/* The table of 8.3.9.5.1, one string per class: which statuses a client may report. */
static void test_status_fits(void)
{
    static const struct {
        uint32_t class_id;
        const char *allowed;
    } rows[] = {
        {0, " 40 42 "},
        {1, " 20 40 41 42 43 100 101 "},
        {2, " 20 40 41 42 43 201 202 "},
        {3, " 20 40 41 42 43 300 301 302 303 304 305 "},
        {4, " 40 41 "},
        {77, " 40 41 "},
        {UINT32_MAX, " 40 41 "},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        for (uint32_t n = 0; n < 400; n++) {
            g_autofree char *word = g_strdup_printf(" %u ", n);
            bool allowed = strstr(rows[i].allowed, word) != NULL;
            g_assert_true(cmd_status_fits((enum cmd_status)n, rows[i].class_id) == allowed);
        }
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        bool mef = statuses[i].published == 10 || statuses[i].published == 11;
        g_assert_true(cmd_status_from_mef(statuses[i].status) == mef);
    }
}

static void test_enumerations(void)
{
    g_assert_cmpstr(cmd_class_name(0), ==, "NO_MORE_COMMANDS");
    g_assert_cmpstr(cmd_class_name(1), ==, "CERT_PROV");
    g_assert_cmpstr(cmd_class_name(2), ==, "DEV_CFG");
    g_assert_cmpstr(cmd_class_name(3), ==, "MO_NODE");
    g_assert_null(cmd_class_name(4));
    g_assert_null(cmd_class_name(UINT32_MAX));
    g_assert_cmpstr(cmd_class_word(0), ==, "no-more-commands");
    g_assert_cmpstr(cmd_class_word(1), ==, "cert-prov");
    g_assert_cmpstr(cmd_class_word(2), ==, "dev-cfg");
    g_assert_cmpstr(cmd_class_word(3), ==, "mo-node");
    g_assert_cmpstr(cmd_class_word(4), ==, "unknown");
    g_assert_cmpstr(cmd_class_word(UINT32_MAX), ==, "unknown");
    g_assert_null(cert_prov_protocol_name(0));
    g_assert_cmpstr(cert_prov_protocol_name(1), ==, "EST");
    g_assert_cmpstr(cert_prov_protocol_name(2), ==, "SCEP");
    g_assert_null(cert_prov_protocol_name(3));
    g_assert_null(cert_subject_type_name(0));
    g_assert_cmpstr(cert_subject_type_name(1), ==, "Node-ID");
    g_assert_cmpstr(cert_subject_type_name(2), ==, "CSE-ID");
    g_assert_cmpstr(cert_subject_type_name(3), ==, "AE-ID");
    g_assert_null(cert_subject_type_name(4));
    g_assert_null(dev_mgmt_name(0));
    g_assert_cmpstr(dev_mgmt_name(1), ==, "OMA DM 1.3");
    g_assert_cmpstr(dev_mgmt_name(2), ==, "OMA DM 2.0");
    g_assert_cmpstr(dev_mgmt_name(3), ==, "OMA LwM2M");
    g_assert_cmpstr(dev_mgmt_name(4), ==, "BBF TR-069");
    g_assert_null(dev_mgmt_name(5));
    g_assert_null(object_type_name(0));
    g_assert_cmpstr(object_type_name(1), ==, "authenticationProfile");
    g_assert_cmpstr(object_type_name(2), ==, "trustAnchorCred");
    g_assert_cmpstr(object_type_name(3), ==, "MAFClientRegCfg");
    g_assert_null(object_type_name(4));
    g_assert_cmpuint(object_type_from_name("authenticationProfile"), ==, 1);
    g_assert_cmpuint(object_type_from_name("trustAnchorCred"), ==, 2);
    g_assert_cmpuint(object_type_from_name("MAFClientRegCfg"), ==, 3);
    g_assert_cmpuint(object_type_from_name("MAFClientRefCfg"), ==, 3);
    g_assert_cmpuint(object_type_from_name("MAFClientCfgReg"), ==, 3);
    g_assert_cmpuint(object_type_from_name("MEFClientRegCfg"), ==, 0);
    g_assert_cmpuint(object_type_from_name(NULL), ==, 0);
}

static void test_rsc(void)
{
    static const struct {
        uint32_t rsc;
        unsigned http;
        const char *name;
    } rows[] = {
        {2000, 200, "OK"},
        {2001, 201, "CREATED"},
        {2002, 200, "DELETED"},
        {2004, 200, "UPDATED"},
        {4000, 400, "BAD_REQUEST"},
        {4001, 501, "RELEASE_VERSION_NOT_SUPPORTED"},
        {4004, 404, "NOT_FOUND"},
        {4005, 405, "OPERATION_NOT_ALLOWED"},
        {4008, 504, "REQUEST_TIMEOUT"},
        {4015, 415, "UNSUPPORTED_MEDIA_TYPE"},
        {4102, 400, "CONTENTS_UNACCEPTABLE"},
        {4103, 403, "ORIGINATOR_HAS_NO_PRIVILEGE"},
        {4105, 409, "CONFLICT"},
        {4106, 403, "ORIGINATOR_NOT_AUTHENTICATED"},
        {4107, 403, "SECURITY_ASSOCIATION_REQUIRED"},
        {4117, 403, "ORIGINATOR_HAS_ALREADY_REGISTERED"},
        {5000, 500, "INTERNAL_SERVER_ERROR"},
        {5001, 501, "NOT_IMPLEMENTED"},
        {5207, 406, "NOT_ACCEPTABLE"},
    };
    static const struct {
        unsigned http, op;
        uint32_t rsc;
    } back[] = {
        {200, 1, 2001}, {201, 1, 2001}, {200, 2, 2000}, {200, 3, 2004}, {200, 4, 2002}, {204, 4, 2002},
        {400, 2, 4000}, {403, 2, 4103}, {404, 3, 4004}, {405, 2, 4005}, {406, 2, 5207}, {409, 2, 4105},
        {415, 1, 4015}, {500, 1, 5000}, {501, 1, 4001}, {504, 1, 4008}, {401, 2, 4000}, {418, 2, 4000},
        {503, 2, 5000}, {599, 2, 5000}, {100, 2, 0},    {301, 2, 0},    {304, 2, 0},    {600, 2, 0},
        {0, 2, 0},      {200, 0, 0},    {200, 5, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpstr(rsc_name(rows[i].rsc), ==, rows[i].name);
        g_assert_cmpuint(rsc_http_status(rows[i].rsc), ==, rows[i].http);
    }
    g_assert_null(rsc_name(4002));
    g_assert_cmpuint(rsc_http_status(4002), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(back); i++)
        g_assert_cmpuint(rsc_from_http(back[i].http, back[i].op), ==, back[i].rsc);
}

static void test_suid(void)
{
    static const char valid[] = " 10 11 12 13 14 15 21 22 23 24 25 31 32 33 34 35 40 41 42 43 44 45 ";
    static const char procedure[] = " 11 12 13 21 22 23 31 32 33 41 42 43 ";
    static const char *const bad[] = {"",
                                      "0",
                                      "16",
                                      "20",
                                      "30",
                                      "39",
                                      "46",
                                      "99",
                                      "010",
                                      "+22",
                                      "-22",
                                      " 22",
                                      "22 ",
                                      "0x16",
                                      "22.0",
                                      "4294967318",
                                      "222222222222222222222222"};

    for (uint32_t n = 0; n < 300; n++) {
        g_autofree char *word = g_strdup_printf(" %u ", n), *text = g_strdup_printf("%u", n);
        uint32_t out = 7;
        bool ok = strstr(valid, word) != NULL;

        g_assert_true(suid_valid(n) == ok);
        g_assert_cmpint(suid_parse(text, &out), ==, ok ? 0 : -EINVAL);
        g_assert_cmpuint(out, ==, ok ? n : 7);
        g_assert_true(suid_has_procedure(n) == (strstr(procedure, word) != NULL));
        g_assert_true((suid_describe(n) != NULL) == ok);
    }
    g_assert_false(suid_valid((UINT64_C(1) << 32) + 22));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        uint32_t out;
        g_assert_cmpint(suid_parse(bad[i], &out), ==, -EINVAL);
    }
    g_assert_cmpint(suid_kind(23), ==, SUID_FROM_MEF);
    g_assert_cmpint(suid_kind(41), ==, SUID_CERTIFICATE);
    g_assert_cmpint(suid_scope(23), ==, SUID_ESPRIM);
    g_assert_cmpint(suid_scope(10), ==, SUID_MEF);
    for (uint32_t tens = 10; tens <= 40; tens += 10) {
        g_assert_cmpstr(suid_parent_type(tens + 1), ==, "MAFClientRegCfg");
        g_assert_cmpstr(suid_parent_type(tens + 2), ==, "registration");
        g_assert_cmpstr(suid_parent_type(tens + 3), ==, "dataCollection");
    }
    g_assert_cmpstr(suid_parent_type(10), ==, "MEFClientRegCfg");
    g_assert_cmpstr(suid_parent_type(40), ==, "MEFClientRegCfg");
    g_assert_null(suid_parent_type(20));
    g_assert_null(suid_parent_type(14));
}

static void test_suites_text(void)
{
    static const char *const bad[] = {"", "C02", "C0233", "0xC023", "C02G", " C023", "C023 ", "-023", "C0,3"};
    uint16_t s;
    char text[5];

    g_assert_cmpint(suite_parse("c023", &s), ==, 0);
    g_assert_cmpuint(s, ==, 0xC023);
    suite_format(s, text);
    g_assert_cmpstr(text, ==, "C023");
    suite_format(0x00AE, text);
    g_assert_cmpstr(text, ==, "00AE");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_cmpint(suite_parse(bad[i], &s), ==, -EINVAL);
    g_assert_cmpint(suite_parse(NULL, &s), ==, -EINVAL);

    static const char *const in[] = {"c0a8", "00ae", "C0A8", "ffff", NULL};
    static const char *const out[] = {"C0A8", "00AE", "FFFF", NULL};
    static const char *const wrong[] = {"00AE", "x", NULL};
    static const char *const none[] = {NULL};
    _cleanup_(strv_freep) char **list = NULL, **split = NULL;
    g_assert_cmpint(suites_normalize((char *const *)in, &list), ==, 0);
    g_assert_true(strv_equal(list, (char *const *)out));
    char **untouched = NULL;
    g_assert_cmpint(suites_normalize((char *const *)wrong, &untouched), ==, -EINVAL);
    g_assert_cmpint(suites_normalize((char *const *)none, &untouched), ==, -EINVAL);
    g_assert_cmpint(suites_normalize(NULL, &untouched), ==, -EINVAL);
    g_assert_cmpint(suites_split(" c0a8\t00ae\n C0A8 ffff ", &split), ==, 0);
    g_assert_true(strv_equal(split, (char *const *)out));
    g_assert_cmpint(suites_split("", &untouched), ==, -EINVAL);
    g_assert_cmpint(suites_split("00AE,C0A8", &untouched), ==, -EINVAL);
    g_assert_cmpint(suites_split("00AE C0A", &untouched), ==, -EINVAL);
    g_assert_cmpint(suites_split(NULL, &untouched), ==, -EINVAL);
    GString *many = g_string_new(NULL);
    for (int i = 0; i < 64; i++)
        g_string_append_printf(many, "%04X ", i);
    _cleanup_(strv_freep) char **full = NULL;
    g_assert_cmpint(suites_split(many->str, &full), ==, 0);
    g_assert_cmpuint(strv_len(full), ==, 64);
    g_string_append(many, "FFFF");
    g_assert_cmpint(suites_split(many->str, &untouched), ==, -E2BIG);
    g_string_free(many, TRUE);
    g_assert_null(untouched);
    g_assert_cmpstr(suite_name(0xC0AE), ==, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8");
    g_assert_null(suite_name(0x1301));
}

static void test_suites_rule(void)
{
    enum { A = SUITE_RULE_ANY, L = SUITE_RULE_ALL, T = SUITE_RULE_TRANSPORT };
    static const struct {
        int rule;
        unsigned transports;
        uint16_t list[3];
        bool psk, cert;
    } rows[] = {
        {A, 0, {0x00AE}, true, false},
        {A, 0, {0xC0A8}, true, false},
        {A, 0, {0xC023}, false, true},
        {A, 0, {0xC0AE}, false, true},
        {A, 0, {0x1301, 0xC0AE, 0x00AE}, true, true},
        {A, 0, {0x1301}, false, false},
        {L, 0, {0x00AE}, false, false},
        {L, 0, {0x00AE, 0xC0A8}, true, false},
        {L, 0, {0xC023, 0xC0AE}, false, true},
        {L, 0, {0xC023, 0x00AE}, false, false},
        {T, SUITE_OVER_TLS, {0x00AE, 0xC023}, true, true},
        {T, SUITE_OVER_TLS, {0xC0A8, 0xC0AE}, false, false},
        {T, SUITE_OVER_DTLS, {0xC0A8, 0xC0AE}, true, true},
        {T, SUITE_OVER_DTLS, {0x00AE, 0xC023}, false, false},
        {T, SUITE_OVER_TLS | SUITE_OVER_DTLS, {0x00AE, 0xC023}, false, false},
        {T, SUITE_OVER_TLS | SUITE_OVER_DTLS, {0x00AE, 0xC0A8}, true, false},
        {T, 0, {0x00AE}, true, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        enum suite_rule rule = (enum suite_rule)rows[i].rule;
        g_assert_true(suites_satisfy(rule, SUITES_PSK, rows[i].transports, rows[i].list, 3) == rows[i].psk);
        g_assert_true(suites_satisfy(rule, SUITES_CERT, rows[i].transports, rows[i].list, 3) == rows[i].cert);
        g_assert_true(suites_satisfy(rule, SUITES_NONE, rows[i].transports, rows[i].list, 3));
    }
    g_assert_false(suites_satisfy(SUITE_RULE_ANY, SUITES_PSK, 0, NULL, 0));
    static const char *const list[] = {"00ae", "nonsense", NULL};
    g_assert_true(suites_satisfy_strv(SUITE_RULE_ANY, SUITES_PSK, 0, (char *const *)list));
    g_assert_false(suites_satisfy_strv(SUITE_RULE_ANY, SUITES_CERT, 0, (char *const *)list));
    g_assert_false(suites_satisfy_strv(SUITE_RULE_ANY, SUITES_PSK, 0, NULL));

    for (uint32_t n = 0; n < 100; n++) {
        enum suite_group want = SUITES_NONE;
        if (n == 11 || n == 12 || n == 21 || n == 22 || n == 31 || n == 32)
            want = SUITES_PSK;
        if (n == 41 || n == 42 || n == 43)
            want = SUITES_CERT;
        g_assert_cmpint(suites_group_of(n), ==, want);
    }
    static const char *const names[] = {"any", "all", "transport"};
    for (size_t i = 0; i < 3; i++) {
        enum suite_rule rule;
        g_assert_cmpint(suite_rule_from_name(names[i], &rule), ==, 0);
        g_assert_cmpint(rule, ==, (int)i);
        g_assert_cmpstr(suite_rule_name(rule), ==, names[i]);
    }
    enum suite_rule rule;
    g_assert_cmpint(suite_rule_from_name("ANY", &rule), ==, -EINVAL);
    g_assert_cmpint(suite_rule_from_name("", &rule), ==, -EINVAL);
}

#define A64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A128 A64 A64

static void test_resource_ids(void)
{
    static const struct {
        const char *in;
        bool resource, relative, name;
    } rows[] = {
        {"mecr-7f3a21", true, true, true}, {"9F0C3A5D7E1B42688A90B1C2D3E4F506", true, true, true},
        {"a", true, true, true},           {"a.b_c-d", true, true, true},
        {".a", false, true, false},        {"_a", false, true, false},
        {"-a", false, true, false},        {"..", false, true, false},
        {A64, true, true, true},           {A64 "a", true, true, false},
        {A128, true, true, false},         {A128 "a", false, false, false},
        {"", false, false, false},         {"a/b", false, false, false},
        {"a b", false, false, false},      {"a~b", false, false, false},
        {"a@b", false, false, false},      {"a%2e", false, false, false},
        {"\303\244", false, false, false}, {NULL, false, false, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s", rows[i].in);
        g_assert_true(resource_id_valid(rows[i].in) == rows[i].resource);
        g_assert_true(relative_key_id_valid(rows[i].in) == rows[i].relative);
        g_assert_true(node_name_valid(rows[i].in) == rows[i].name);
    }
}

static void test_key_ids(void)
{
    static const struct {
        const char *in;
        bool key, kpm, symm;
    } rows[] = {
        {"km-0042@maf.example.net", true, true, true},
        {"12-km-0042@maf.example.net", true, true, true},
        {"KM@MAF.example.net", true, true, true},
        {"_@a", true, true, true},
        {A128 "@maf.example.net", true, false, true},
        {"12-" A128 "@maf.example.net", false, false, true},
        {"22-" A128 "@maf.example.net", false, false, false},
        {A128 "a@maf.example.net", false, false, false},
        {"@maf.example.net", false, true, false},
        {"km@", false, true, false},
        {"km@maf.example.net.", false, true, false},
        {"km@maf@example.net", false, true, false},
        {"km@192.0.2.1", false, true, false},
        {"km/1@maf.example.net", false, true, false},
        {"km-0042", false, true, false},
        {"a key with blanks", false, true, false},
        {A128, false, true, false},
        {A128 "a", false, false, false},
        {"tab\there", false, false, false},
        {"\303\244", false, false, false},
        {"\x7f", false, false, false},
        {"", false, false, false},
        {NULL, false, false, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s", rows[i].in);
        g_assert_true(key_id_valid(rows[i].in) == rows[i].key);
        g_assert_true(kpm_id_valid(rows[i].in) == rows[i].kpm);
        g_assert_true(symm_key_id_valid(rows[i].in) == rows[i].symm);
    }
    g_assert_cmpstr(key_id_fqdn("km-0042@maf.example.net"), ==, "maf.example.net");
    g_assert_true(key_id_equal("KM-1@maf.example", "km-1@MAF.example"));
    g_assert_false(key_id_equal("km-1@maf.example", "km-2@maf.example"));
    g_assert_false(key_id_equal(NULL, "km"));
    g_assert_cmpstr(key_id_strip_type("12-thiskey@mymef.com"), ==, "thiskey@mymef.com");
    g_assert_cmpstr(key_id_strip_type("12-thiskey"), ==, "12-thiskey");
    g_assert_cmpstr(key_id_strip_type("1-thiskey@mymef.com"), ==, "1-thiskey@mymef.com");
    g_assert_cmpstr(key_id_strip_type("123-thiskey@mymef.com"), ==, "123-thiskey@mymef.com");
    g_assert_cmpstr(key_id_strip_type(""), ==, "");
}

static void test_credential_ids(void)
{
    static const char types[] = " 10 11 12 13 14 15 16 30 31 32 33 34 41 42 43 44 45 51 52 53 54 55 ";
    static const char *const bad[] = {"",       "10",    "10-",    "-x@y",        "1-x@y",  "010-x@y",
                                      "17-x@y", "99-x",  "10_x",   "10-x/y",      "10-x y", "10-\t",
                                      "10-x\n", "+10-x", "ab-x@y", "10-\303\244", "10-x:y", " 10-x@mef",
                                      "10 -x"};
    const char *value;
    uint32_t type;
    char text[CREDENTIAL_ID_MAX];

    for (uint32_t n = 0; n < 200; n++) {
        g_autofree char *word = g_strdup_printf(" %u ", n), *id = g_strdup_printf("%u-thiskey@mymef.com", n);
        bool ok = strstr(types, word) != NULL;
        g_assert_true((cred_type_name(n) != NULL) == ok);
        g_assert_cmpint(credential_id_split(id, &type, &value), ==, ok ? 0 : -EINVAL);
        if (!ok)
            continue;
        g_assert_cmpuint(type, ==, n);
        g_assert_cmpstr(value, ==, "thiskey@mymef.com");
        g_assert_cmpint(credential_id_format(type, value, text), ==, 0);
        g_assert_cmpstr(text, ==, id);
    }
    g_assert_cmpint(credential_id_split("10-this-key@mymef.com", &type, &value), ==, 0);
    g_assert_cmpstr(value, ==, "this-key@mymef.com");
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("%s", bad[i]);
        g_assert_cmpint(credential_id_split(bad[i], &type, &value), ==, -EINVAL);
    }
    g_assert_cmpint(credential_id_split(NULL, &type, &value), ==, -EINVAL);
    g_assert_cmpint(credential_id_format(10, "a b", text), ==, -EINVAL);
    g_assert_cmpint(credential_id_format(20, "ab", text), ==, -EINVAL);
    g_assert_cmpint(credential_id_format(10, "", text), ==, -EINVAL);
    g_autofree char *longest = g_strnfill(255, 'a'), *over = g_strnfill(256, 'a');
    g_assert_cmpint(credential_id_format(10, longest, text), ==, 0);
    g_assert_cmpint(credential_id_format(10, over, text), ==, -EINVAL);
}

static void test_device_config_uri(void)
{
    static const struct {
        const char *in;
        uint32_t id;
        const char *uri;
    } good[] = {
        {"1:http://server.dmprovider.com", 1, "http://server.dmprovider.com"},
        {"3:coaps://mef.example.com:5684", 3, "coaps://mef.example.com:5684"},
        {"4:https://mef.example.com:7547/acs", 4, "https://mef.example.com:7547/acs"},
        {"99:https://mef.example.com", 99, "https://mef.example.com"}, /* a form that parses; 43 later */
    };
    static const char *const bad[] = {"",
                                      ":",
                                      "3",
                                      "3:",
                                      ":coaps://mef.example.com",
                                      "coaps://mef.example.com",
                                      "3 :coaps://mef.example.com",
                                      "+3:coaps://mef.example.com",
                                      "03:coaps://mef.example.com",
                                      "3:mef.example.com",
                                      "3:coaps://mef.example.com:0",
                                      "3:coaps://mef example.com",
                                      "4294967296:coaps://mef.example.com",
                                      "99999999999999999999:x:y"};
    uint32_t id;
    const char *uri;

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_cmpint(device_config_uri_split(good[i].in, &id, &uri), ==, 0);
        g_assert_cmpuint(id, ==, good[i].id);
        g_assert_cmpstr(uri, ==, good[i].uri);
        char *text = device_config_uri_format(id, uri);
        g_assert_cmpstr(text, ==, good[i].in);
        free(text);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("%s", bad[i]);
        g_assert_cmpint(device_config_uri_split(bad[i], &id, &uri), ==, -EINVAL);
    }
    g_assert_cmpint(device_config_uri_split(NULL, &id, &uri), ==, -EINVAL);
}

static void test_cmd_id(void)
{
    g_assert_true(cmd_id_valid("c-0001", 6));
    g_assert_true(cmd_id_valid(A64, 64));
    g_assert_true(cmd_id_valid("\303\244 b", 4));
    g_assert_false(cmd_id_valid(A64 "a", 65));
    g_assert_false(cmd_id_valid("", 0));
    g_assert_false(cmd_id_valid("a\nb", 3));
    g_assert_false(cmd_id_valid("a\0b", 3));
    g_assert_false(cmd_id_valid("a\x7f", 2));
    g_assert_false(cmd_id_valid("a\xff", 2));
    g_assert_false(cmd_id_valid(NULL, 3));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/status/MC-49/numbers-in-both-tables", test_status_numbers);
    g_test_add_func("/policy/status/MC-54/fits-the-class", test_status_fits);
    g_test_add_func("/policy/status/MC-49/enumerations", test_enumerations);
    g_test_add_func("/policy/status/rsc", test_rsc);
    g_test_add_func("/policy/suid/table", test_suid);
    g_test_add_func("/policy/suites/text", test_suites_text);
    g_test_add_func("/policy/suites/rule", test_suites_rule);
    g_test_add_func("/policy/ids/MC-49/relative-key-id", test_resource_ids);
    g_test_add_func("/policy/ids/keys", test_key_ids);
    g_test_add_func("/policy/ids/MC-49/credential-id", test_credential_ids);
    g_test_add_func("/policy/ids/MC-49/device-config-uri", test_device_config_uri);
    g_test_add_func("/policy/ids/cmd-id", test_cmd_id);
    return g_test_run();
}
