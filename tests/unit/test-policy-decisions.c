/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy: who we are, what a command may ask for, who may write where, and when to try again. */
#include <glib.h>
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "policy/admit-cert-prov.h"
#include "policy/admit-target.h"
#include "policy/backoff.h"
#include "policy/mo-access.h"
#include "policy/subject-id.h"

#define REFUSED CMD_STATUS_UNACCEPTABLE_ARGUMENTS

static const char *const gateway_aes[] = {"C3532ea3", "/S563423", NULL};
static const struct identity gateway = {
    .kind = CLIENT_NODE,
    .id = "urn:gsma:imei:90420156-025763-0",
    .node_id = "urn:gsma:imei:90420156-025763-0",
    .cse_id = "/gw42",
    .ae_ids = (char *const *)gateway_aes,
    .sp_id = "//m2m.example.com",
    .cse_public_domain = "gw42.in-cse.m2m.example.com",
};
static const struct identity cse = {
    .kind = CLIENT_CSE, .id = "//m2m.example.com/gw42", .cse_public_domain = "gw42.in-cse.m2m.example.com"};
static const struct identity ae = {.kind = CLIENT_AE, .id = "//m2m.example.com/gw42/Capp1"};
/* Nothing listed, nothing known but the provider. */
static const struct identity bare = {.kind = CLIENT_NODE, .sp_id = "m2m.example.com"};
static const struct cert_prov_support est_only = {.est = true};

static void test_forms(void)
{
    static const struct {
        const char *id;
        enum m2m_id_form form;
        bool absolute;
    } rows[] = {
        {"//m2m.example.com", M2M_ID_SP, true},
        {"/gw42", M2M_ID_CSE, false},
        {"//m2m.example.com/gw42", M2M_ID_CSE, true},
        {"//m2m.example.com/Cse1", M2M_ID_CSE, true},
        {"/S563423", M2M_ID_CSE_OR_S_AE, false},
        {"//m2m.example.com/S563423", M2M_ID_CSE_OR_S_AE, true},
        {"/S", M2M_ID_CSE, false},
        {"/gw42/C3532ea3", M2M_ID_AE, false},
        {"//m2m.example.com/gw42/C3532ea3", M2M_ID_AE, true},
        {"C3532ea3", M2M_ID_STEM, false},
        {"S563423", M2M_ID_STEM, false},
        {"", M2M_ID_INVALID, false},
        {"/", M2M_ID_INVALID, false},
        {"//", M2M_ID_INVALID, false},
        {"///gw42", M2M_ID_INVALID, false},
        {"C", M2M_ID_INVALID, false},
        {"C-1", M2M_ID_INVALID, false},
        {"gw42", M2M_ID_INVALID, false},
        {"/-gw42", M2M_ID_INVALID, false},
        {"/.", M2M_ID_INVALID, false},
        {"/gw 42", M2M_ID_INVALID, false},
        {"/gw42/", M2M_ID_INVALID, false},
        {"/gw42//C1", M2M_ID_INVALID, false},
        {"/gw42/S1a", M2M_ID_INVALID, false},
        {"/gw42/C", M2M_ID_INVALID, false},
        {"/gw42/C1/x", M2M_ID_INVALID, false},
        {"//m2m_example.com/gw42", M2M_ID_INVALID, false},
        {"//192.0.2.1/gw42", M2M_ID_INVALID, false},
        {"/gw%34", M2M_ID_INVALID, false},
        {"http://m2m.example.com/gw42", M2M_ID_INVALID, false},
        {NULL, M2M_ID_INVALID, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        bool absolute = false;
        g_test_message("%s", rows[i].id);
        g_assert_cmpint(m2m_id_form(rows[i].id, &absolute), ==, rows[i].form);
        g_assert_true(absolute == rows[i].absolute);
    }
}

static void test_normalize(void)
{
    static const struct {
        const char *id, *sp, *out;
        int r;
    } rows[] = {
        {"//M2M.Example.com/gw42", NULL, "//m2m.example.com/gw42", 0},
        {"//m2m.example.com/GW42", NULL, "//m2m.example.com/GW42", 0},
        {"//m2m.example.com", NULL, "//m2m.example.com", 0},
        {"/gw42", "//m2m.example.com", "//m2m.example.com/gw42", 0},
        {"/gw42/Capp", "M2M.example.com", "//m2m.example.com/gw42/Capp", 0},
        {"/gw42", NULL, NULL, -ENODATA},
        {"/gw42", "", NULL, -ENODATA},
        {"/gw42", "//not a host", NULL, -EINVAL},
        {"maf.example.net", NULL, "maf.example.net", 0},
        {"urn:x:1", NULL, "urn:x:1", 0},
        {"C123", "//m2m.example.com", "C123", 0},
        {"", NULL, NULL, -EINVAL},
        {"a b", NULL, NULL, -EINVAL},
        {"/a/b/c", "//m2m.example.com", NULL, -EINVAL},
        {NULL, NULL, NULL, -EINVAL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char out[LIMIT_M2M_ID + 1] = "untouched";
        g_test_message("%s", rows[i].id);
        g_assert_cmpint(m2m_id_normalize(rows[i].id, rows[i].sp, out), ==, rows[i].r);
        g_assert_cmpstr(out, ==, rows[i].r ? "untouched" : rows[i].out);
    }
    g_assert_true(m2m_id_equal("/gw42", "//M2M.example.com/gw42", "//m2m.example.com"));
    g_assert_false(m2m_id_equal("/gw42", "//m2m.example.com/gw42", NULL));
    g_assert_false(m2m_id_equal("/gw42", "//m2m.example.com/GW42", "//m2m.example.com"));
    g_assert_true(m2m_id_equal("odd id", "odd id", NULL));
    g_assert_false(m2m_id_equal(NULL, NULL, NULL));

    g_autofree char *seg = g_strnfill(260, 'a');
    char out[LIMIT_M2M_ID + 1];
    seg[0] = '/';
    seg[LIMIT_M2M_ID] = '\0';
    g_assert_cmpint(m2m_id_normalize(seg, "x", out), ==, -EINVAL); /* fits, but not in absolute form */
    seg[LIMIT_M2M_ID - 3] = '\0';
    g_assert_cmpint(m2m_id_normalize(seg, "x", out), ==, 0);
    g_assert_cmpuint(strlen(out), ==, LIMIT_M2M_ID);
}

static void test_ae_normalize(void)
{
    static const struct {
        const char *id, *sp, *cse, *out;
        int r;
    } rows[] = {
        {"C3532ea3", "//sp.example", "/gw42", "//sp.example/gw42/C3532ea3", 0},
        {"C3532ea3", NULL, "//sp.example/gw42", "//sp.example/gw42/C3532ea3", 0},
        {"C3532ea3", "//sp.example", NULL, NULL, -ENODATA},
        {"C3532ea3", NULL, "/gw42", NULL, -ENODATA},
        {"C3532ea3", "//sp.example", "/gw42/Cx1", NULL, -EINVAL},
        {"S563423", "//sp.example", NULL, "//sp.example/S563423", 0},
        {"S563423", NULL, NULL, NULL, -ENODATA},
        {"/gw42/C1a", "//sp.example", NULL, "//sp.example/gw42/C1a", 0},
        {"//SP.example/gw42/C1a", NULL, NULL, "//sp.example/gw42/C1a", 0},
        {"/gw42", "//sp.example", NULL, NULL, -EINVAL},
        {"X1", "//sp.example", NULL, NULL, -EINVAL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char out[LIMIT_M2M_ID + 1] = "untouched";
        g_test_message("%s", rows[i].id);
        g_assert_cmpint(ae_id_normalize(rows[i].id, rows[i].sp, rows[i].cse, out), ==, rows[i].r);
        g_assert_cmpstr(out, ==, rows[i].r ? "untouched" : rows[i].out);
    }
    char sp[LIMIT_FQDN + 3];
    g_assert_cmpint(identity_sp_id(&bare, sp), ==, 0);
    g_assert_cmpstr(sp, ==, "//m2m.example.com");
    g_assert_cmpint(identity_sp_id(&cse, sp), ==, 0);
    g_assert_cmpstr(sp, ==, "//m2m.example.com");
    struct identity none = {.id = "urn:x:1", .cse_id = "/gw42"};
    g_assert_cmpint(identity_sp_id(&none, sp), ==, -ENODATA);
    none.sp_id = "a b";
    g_assert_cmpint(identity_sp_id(&none, sp), ==, -EINVAL);
}

static void test_target(void)
{
    static const char *const ours[] = {"/gw42",
                                       "//m2m.example.com/gw42",
                                       "//M2M.example.com/gw42",
                                       "C3532ea3",
                                       "/gw42/C3532ea3",
                                       "//m2m.example.com/gw42/C3532ea3",
                                       "S563423",
                                       "/S563423",
                                       "//m2m.example.com/S563423",
                                       "urn:gsma:imei:90420156-025763-0"};
    static const char *const foreign[] = {"",
                                          "/gw43",
                                          "//other.example.com/gw42",
                                          "/GW42",
                                          "gw42",
                                          "C3532ea4",
                                          "S563424",
                                          "/gw43/C3532ea3",
                                          "//m2m.example.com",
                                          "urn:gsma:imei:90420156-025763-1"};
    struct mef_error why = {0};

    for (uint32_t class_id = 1; class_id <= 3; class_id++) {
        g_assert_cmpint(admit_target(class_id, NULL, &gateway, &why), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(ours); i++) {
            g_test_message("%s", ours[i]);
            g_assert_cmpint(admit_target(class_id, ours[i], &gateway, &why), ==, 0);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
            why = (struct mef_error){0};
            g_test_message("%s", foreign[i]);
            g_assert_cmpint(admit_target(class_id, foreign[i], &gateway, &why), ==, REFUSED);
            g_assert_nonnull(strstr(why.text, foreign[i]));
        }
    }
    g_assert_cmpint(admit_target(CMD_NO_MORE_COMMANDS, "/gw43", &gateway, &why), ==, 0);
    g_assert_cmpint(admit_target(CMD_CERT_PROV, "//m2m.example.com/gw42/Capp1", &ae, NULL), ==, 0);
    g_assert_cmpint(admit_target(CMD_CERT_PROV, "/gw42", &cse, NULL), ==, 0);
    g_assert_cmpint(admit_target(CMD_CERT_PROV, "/gw42", &ae, NULL), ==, REFUSED);
}

/* CERT_PROV as in the worked example, with one member changed. */
static struct cert_prov_args example(void)
{
    return (struct cert_prov_args){.protocol = 1,
                                   .uri = "https://mef.example.com:8443/.well-known/est",
                                   .subject_type = 2,
                                   .subject_id = "//m2m.example.com/gw42"};
}

static int admit(const struct cert_prov_args *a, const struct identity *who,
                 const struct cert_prov_support *s)
{
    char subject[LIMIT_M2M_ID + 1] = "untouched";
    struct mef_error why = {0};
    int r = admit_cert_prov(a, "mef.example.com", who, s, subject, &why);

    g_assert_true(r == 0 || r == REFUSED);
    g_assert_true((r == 0) == (why.text[0] == '\0'));
    g_assert_true((r == 0) == !streq(subject, "untouched"));
    g_test_message("%s", why.text);
    return r;
}

static void test_protocol(void)
{
    static const struct cert_prov_support both = {.est = true, .scep = true}, none = {0},
                                          scep = {.scep = true};
    struct cert_prov_args a = example();

    g_assert_cmpint(admit(&a, &cse, &est_only), ==, 0);
    g_assert_cmpint(admit(&a, &cse, &both), ==, 0);
    g_assert_cmpint(admit(&a, &cse, &scep), ==, REFUSED);
    g_assert_cmpint(admit(&a, &cse, &none), ==, REFUSED);
    a.protocol = 2;
    g_assert_cmpint(admit(&a, &cse, &both), ==, 0);
    g_assert_cmpint(admit(&a, &cse, &est_only), ==, REFUSED);
    for (uint32_t p = 0; p < 10; p++)
        if (p != 1 && p != 2) {
            a.protocol = p;
            g_assert_cmpint(admit(&a, &cse, &both), ==, REFUSED);
        }
    a.protocol = UINT32_MAX;
    g_assert_cmpint(admit(&a, &cse, &both), ==, REFUSED);
}

static void test_uri(void)
{
    static const char *const good[] = {
        "https://mef.example.com",
        "https://mef.example.com/",
        "https://MEF.Example.COM:8443/.well-known/est",
        "https://mef.example.com./est",
        "HTTPS://mef.example.com:1/est/label",
    };
    static const char *const bad[] = {
        "",
        "mef.example.com",
        "//mef.example.com/est",
        "https://other.example.com/.well-known/est",
        "https://est.mef.example.com/.well-known/est",
        "https://example.com/.well-known/est",
        "https://mef.example.com.evil.example/",
        "https://mef.example.com@evil.example/",
        "https://evil.example/mef.example.com",
        "https://evil.example?mef.example.com",
        "https://evil.example#@mef.example.com",
        "https://evil.example\\@mef.example.com/",
        "https://u@mef.example.com/est",
        "https://u:p@mef.example.com/est",
        "https://@mef.example.com/est",
        "https://192.0.2.1/est",
        "https://[2001:db8::1]/est",
        "https://mef%2eexample.com/est",
        "https://mef.example.com:0/est",
        "https://mef.example.com:65536/est",
        "https://mef.example.com/es t",
        "https://mef.example.com/est?x=y",
        "https://mef.example.com/est#x",
        "http://mef.example.com/est",
        "coaps://mef.example.com/est",
        "ftp://mef.example.com/est",
        "https:mef.example.com",
        "https:///est",
    };
    struct cert_prov_args a = example();

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        a.uri = good[i];
        g_assert_cmpint(admit(&a, &cse, &est_only), ==, 0);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("%s", bad[i]);
        a.uri = bad[i];
        g_assert_cmpint(admit(&a, &cse, &est_only), ==, REFUSED);
    }
    a.uri = NULL;
    g_assert_cmpint(admit(&a, &cse, &est_only), ==, REFUSED);

    struct cert_prov_support scep = {.est = true, .scep = true};
    a.uri = "http://mef.example.com/scep";
    a.protocol = CERT_PROV_SCEP;
    g_assert_cmpint(admit(&a, &cse, &scep), ==, REFUSED);
    scep.scep_allow_http = true;
    g_assert_cmpint(admit(&a, &cse, &scep), ==, 0);
    a.protocol = CERT_PROV_EST; /* the switch is for SCEP alone */
    g_assert_cmpint(admit(&a, &cse, &scep), ==, REFUSED);
}

static void test_subject_type(void)
{
    static const char *const value[] = {"?", "urn:gsma:imei:90420156-025763-0", "//m2m.example.com/gw42",
                                        "C3532ea3"};
    struct identity open_cse = {.kind = CLIENT_CSE, .sp_id = "//m2m.example.com"};
    struct identity open_ae = {.kind = CLIENT_AE, .sp_id = "//m2m.example.com"};
    struct cert_prov_args a = example();

    for (uint32_t type = 0; type <= 5; type++) {
        bool known = type >= 1 && type <= 3;
        a.subject_type = type;
        a.subject_id = value[known ? type : 0];
        g_assert_cmpint(admit(&a, &gateway, &est_only), ==, known ? 0 : REFUSED);
        g_assert_cmpint(admit(&a, &open_cse, &est_only), ==, type == 2 ? 0 : REFUSED);
        a.subject_id = "S563423";
        g_assert_cmpint(admit(&a, &open_ae, &est_only), ==, type == 3 ? 0 : REFUSED);
        g_assert_true(subject_type_suits(CLIENT_NODE, type) == known);
        g_assert_true(subject_type_suits(CLIENT_CSE, type) == (type == 2));
        g_assert_true(subject_type_suits(CLIENT_AE, type) == (type == 3));
    }
    enum client_kind kind;
    g_assert_cmpint(client_kind_from_name("cse", &kind), ==, 0);
    g_assert_cmpint(kind, ==, CLIENT_CSE);
    g_assert_cmpint(client_kind_from_name("CSE", &kind), ==, -EINVAL);
    g_assert_cmpstr(client_kind_name(CLIENT_AE), ==, "ae");
}

static void test_subject_grammar(void)
{
    static const struct {
        uint32_t type;
        const char *value, *absolute; /* NULL: refused */
    } rows[] = {
        {1, "urn:gsma:imei:90420156-025763-0;svn=42", "urn:gsma:imei:90420156-025763-0;svn=42"},
        {1, "1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.1"},
        {1, "gw42.example.com", "gw42.example.com"},
        {1, "anything!", "anything!"},
        {1, "", NULL},
        {1, "/gw42", NULL},
        {1, "a b", NULL},
        {1, "a\tb", NULL},
        {1, "n\303\266de", NULL},
        {2, "/gw42", "//m2m.example.com/gw42"},
        {2, "//m2m.example.com/gw42", "//m2m.example.com/gw42"},
        {2, "//M2M.EXAMPLE.com/Gw42", "//m2m.example.com/Gw42"},
        {2, "/S1234", "//m2m.example.com/S1234"}, /* a one-segment ID is a CSE-ID whatever its first letter */
        {2, "/C1234", "//m2m.example.com/C1234"},
        {2, "gw42", NULL},
        {2, "C3532ea3", NULL}, /* an AE-ID stem: the seed's swap is an erratum */
        {2, "/gw42/C3532ea3", NULL},
        {2, "//m2m.example.com/gw42/C3532ea3", NULL},
        {2, "//m2m.example.com", NULL},
        {2, "", NULL},
        {2, "/gw 42", NULL},
        {3, "/gw42/C3532ea3", "//m2m.example.com/gw42/C3532ea3"},
        {3, "//m2m.example.com/gw42/C3532ea3", "//m2m.example.com/gw42/C3532ea3"},
        {3, "/S563423", "//m2m.example.com/S563423"},
        {3, "S563423", "//m2m.example.com/S563423"},
        {3, "C3532ea3", NULL}, /* no CSE-ID configured that completes it */
        {3, "/gw42", NULL},    /* a CSE-ID */
        {3, "//m2m.example.com/gw42", NULL},
        {3, "/gw42/S563423", NULL},
        {3, "/gw42/X1", NULL},
        {3, "X123", NULL},
        {3, "", NULL},
        {0, "/gw42", NULL},
        {4, "/gw42", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char out[LIMIT_M2M_ID + 1] = "untouched";
        struct mef_error why = {0};
        int r = subject_id_check(rows[i].type, rows[i].value, &bare, out, &why);

        g_test_message("%u '%s': %s", rows[i].type, rows[i].value, why.text);
        g_assert_cmpint(r, ==, rows[i].absolute ? 0 : -EINVAL);
        g_assert_cmpstr(out, ==, rows[i].absolute ? rows[i].absolute : "untouched");
        g_assert_true((r == 0) == (why.text[0] == '\0'));

        struct cert_prov_args a = example();
        a.subject_type = rows[i].type;
        a.subject_id = rows[i].value;
        g_assert_cmpint(admit(&a, &bare, &est_only), ==, rows[i].absolute ? 0 : REFUSED);
    }
    struct cert_prov_args a = example();
    a.subject_id = NULL;
    g_assert_cmpint(admit(&a, &bare, &est_only), ==, REFUSED);

    g_autofree char *n255 = g_strnfill(255, 'n'), *n256 = g_strnfill(256, 'n');
    g_assert_true(node_id_valid(n255));
    g_assert_false(node_id_valid(n256));
}

static void test_subject_ours(void)
{
    static const struct {
        const struct identity *who;
        uint32_t type;
        const char *value;
        bool ok;
    } rows[] = {
        {&gateway, 1, "urn:gsma:imei:90420156-025763-0", true},
        {&gateway, 1, "urn:gsma:imei:90420156-025763-1", false},
        {&gateway, 2, "/gw42", true},
        {&gateway, 2, "//M2M.example.com/gw42", true},
        {&gateway, 2, "/gw43", false},
        {&gateway, 2, "//other.example.com/gw42", false},
        {&gateway, 2, "/S563423", false}, /* ours, but an AE-ID */
        {&gateway, 3, "C3532ea3", true},
        {&gateway, 3, "/gw42/C3532ea3", true},
        {&gateway, 3, "//m2m.example.com/S563423", true},
        {&gateway, 3, "C3532ea4", false},
        {&gateway, 3, "/gw43/C3532ea3", false},
        {&cse, 2, "//m2m.example.com/gw42", true},
        {&cse, 2, "/gw42", true},
        {&cse, 2, "/gw43", false},
        {&ae, 3, "/gw42/Capp1", true},
        {&ae, 3, "/gw42/Capp2", false},
        {&bare, 2, "//anyone.example/gw1", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct cert_prov_args a = example();
        a.subject_type = rows[i].type;
        a.subject_id = rows[i].value;
        g_test_message("%u %s", rows[i].type, rows[i].value);
        g_assert_cmpint(admit(&a, rows[i].who, &est_only), ==, rows[i].ok ? 0 : REFUSED);
    }
    /* Lists hold for all types: what is not listed is not ours. */
    const struct identity only_cse = {.kind = CLIENT_NODE, .cse_id = "//m2m.example.com/gw42"};
    char out[LIMIT_M2M_ID + 1];
    g_assert_cmpint(subject_id_check(1, "urn:x:1", &only_cse, out, NULL), ==, -EINVAL);
    /* A Node-ID that equals the CSE-ID counts by exact equality. */
    const struct identity odd = {.kind = CLIENT_NODE, .node_id = "/gw42"};
    g_assert_cmpint(subject_id_check(1, "/gw42", &odd, out, NULL), ==, 0);
    g_assert_cmpint(subject_id_check(1, "/gw43", &odd, out, NULL), ==, -EINVAL);
    /* No provider known: a relative CSE-ID stays relative, an AE-ID is refused. */
    const struct identity alone = {.kind = CLIENT_NODE};
    g_assert_cmpint(subject_id_check(2, "/gw42", &alone, out, NULL), ==, 0);
    g_assert_cmpstr(out, ==, "/gw42");
    g_assert_cmpint(subject_id_check(3, "/gw42/C1a", &alone, out, NULL), ==, -EINVAL);
}

/* The first failure is the answer, in the order protocol, URI, type, ID. */
static void test_order(void)
{
    struct cert_prov_args a = {
        .protocol = 9, .uri = "https://evil.example", .subject_type = 9, .subject_id = "no such"};
    static const char *const names[] = {"certProvProtocolID", "URI", "certSubjectType", "certSubjectID"};

    for (size_t i = 0; i < 4; i++) {
        struct mef_error why = {0};
        g_assert_cmpint(admit_cert_prov(&a, "mef.example.com", &cse, &est_only, NULL, &why), ==, REFUSED);
        g_assert_true(g_str_has_prefix(why.text, names[i]));
        if (i == 0)
            a.protocol = 1;
        else if (i == 1)
            a.uri = "https://mef.example.com";
        else if (i == 2)
            a.subject_type = 2;
        else
            a.subject_id = "/gw42";
    }
    g_assert_cmpint(admit_cert_prov(&a, "mef.example.com", &cse, &est_only, NULL, NULL), ==, 0);
    g_assert_cmpint(admit_cert_prov(&a, "MEF.example.com.", &cse, &est_only, NULL, NULL), ==, 0);
    g_assert_cmpint(admit_cert_prov(&a, NULL, &cse, &est_only, NULL, NULL), ==, REFUSED);
}

static void test_san(void)
{
    const struct identity in_cse = {.kind = CLIENT_CSE, .id = "//M2M.example.com/IN-cse", .in_cse = true};
    const struct identity under = {.kind = CLIENT_CSE, .id = "//m2m.example.com/gw_42", .in_cse = true};
    const struct identity unset = {.kind = CLIENT_CSE, .id = "//m2m.example.com/gw42"};
    const struct identity wrong = {
        .kind = CLIENT_CSE, .id = "//m2m.example.com/gw42", .cse_public_domain = "gw 42"};
    static const struct {
        uint32_t type;
        const char *absolute;
        enum san_kind kind;
        const char *value;
    } good[] = {
        {1, "urn:gsma:imei:90420156-025763-0;svn=42", SAN_URI, "urn:gsma:imei:90420156-025763-0;svn=42"},
        {1, "1.3.6.1.4.1.99999.1", SAN_RID, "1.3.6.1.4.1.99999.1"},
        {1, "2.999.1", SAN_RID, "2.999.1"},
        {1, "GW42.example.com", SAN_DNS, "gw42.example.com"},
        {1, "gw42", SAN_DNS, "gw42"},
        {2, "//m2m.example.com/gw42", SAN_DNS, "gw42.in-cse.m2m.example.com"},
        {3, "//m2m.example.com/gw42/C3532ea3", SAN_URI, "//m2m.example.com/gw42/C3532ea3"},
    };
    struct mef_error why;
    struct san san;

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_test_message("%s", good[i].absolute);
        g_assert_cmpint(subject_san(good[i].type, good[i].absolute, &gateway, &san, NULL), ==, 0);
        g_assert_cmpint(san.kind, ==, good[i].kind);
        g_assert_cmpstr(san.value, ==, good[i].value);
    }
    g_assert_cmpint(subject_san(2, "//m2m.example.com/IN-cse", &in_cse, &san, NULL), ==, 0);
    g_assert_cmpstr(san.value, ==, "in-cse.m2m.example.com");

    static const struct {
        uint32_t type;
        const char *absolute;
    } bad[] = {{1, "3.1.2"},   {1, "1.40.1"}, {1, "1.02"}, {1, "12345"},
               {1, "node_id"}, {1, "a/b"},    {1, "/gw42"}};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        why = (struct mef_error){0};
        g_test_message("%s", bad[i].absolute);
        g_assert_cmpint(subject_san(bad[i].type, bad[i].absolute, &gateway, &san, &why), ==, -EINVAL);
        g_assert_nonnull(strstr(why.text, "'node-id'"));
    }
    g_assert_cmpint(subject_san(9, "x", &gateway, &san, &why), ==, -EINVAL);

    /* The message names the key that is missing or wrong. */
    const struct identity *const lacking[] = {&unset, &wrong, &under};
    for (size_t i = 0; i < G_N_ELEMENTS(lacking); i++) {
        why = (struct mef_error){0};
        g_assert_cmpint(subject_san(2, lacking[i]->id, lacking[i], &san, &why), ==, -EINVAL);
        g_assert_nonnull(strstr(why.text, "'cse-public-domain'"));
    }

    char cn[65];
    subject_common_name("//m2m.example.com/gw42", cn);
    g_assert_cmpstr(cn, ==, "gw42");
    subject_common_name("urn:x:1", cn);
    g_assert_cmpstr(cn, ==, "urn:x:1");
    g_autofree char *longest = g_strnfill(255, 'x');
    subject_common_name(longest, cn);
    g_assert_cmpuint(strlen(cn), ==, 64);
}

static void test_mo_write(void)
{
    static const struct {
        const char *type, *attribute;
        enum mo_op op;
        bool own;
        bool mef_may;
    } rows[] = {
        {"myCertFileCred", NULL, MO_OP_ADD, true, false},
        {"myCertFileCred", "SUIDs", MO_OP_SET, true, false},
        {"myCertFileCred", "myCertFileContent", MO_OP_ADD, true, false},
        {"myCertFileCred", NULL, MO_OP_DELETE, true, false},
        {"authenticationProfile", NULL, MO_OP_ADD, true, true},
        {"authenticationProfile", "SUID", MO_OP_ADD, true, true},
        {"authenticationProfile", "symmKeyValue", MO_OP_ADD, true, false},
        {"authenticationProfile", "symmKeyValue", MO_OP_SET, true, false},
        {"authenticationProfile", "symmKeyValue", MO_OP_DELETE, true, false},
        {"authenticationProfile", "symmKeyID", MO_OP_ADD, true, false},
        {"authenticationProfile", "symmKeyID", MO_OP_SET, true, false},
        {"authenticationProfile", "keyRegLabels", MO_OP_SET, true, true},
        {"authenticationProfile", "keyRegDuration", MO_OP_SET, true, true},
        {"authenticationProfile", "keyRegDuration", MO_OP_SET, false, false},
        {"authenticationProfile", NULL, MO_OP_DELETE, true, true},
        {"authenticationProfile", NULL, MO_OP_DELETE, false, false},
        {"authenticationProfile", "mgmtLink", MO_OP_LINK, true, true},
        {"authenticationProfile", "mgmtLink", MO_OP_LINK, false, false},
        {"authenticationProfile", "mgmtLink", MO_OP_UNLINK, false, false},
        {"MEFClientRegCfg", NULL, MO_OP_ADD, false, true},
        {"MEFClientRegCfg", "fqdn", MO_OP_ADD, false, true},
        {"MEFClientRegCfg", "httpPort", MO_OP_SET, false, false},
        {"MEFClientRegCfg", NULL, MO_OP_DELETE, false, false},
        {"MEFClientRegCfg", "mgmtLink", MO_OP_LINK, false, false},
        {"MEFClientRegCfg", NULL, MO_OP_DELETE, true, true},
        {"MEFClientRegCfg", "httpPort", MO_OP_SET, true, true},
        {"MAFClientRegCfg", NULL, MO_OP_ADD, true, true},
        {"MAFClientRegCfg", "httpPort", MO_OP_SET, true, true},
        {"registration", "pointOfAccess", MO_OP_SET, true, true},
        {"dataCollection", NULL, MO_OP_DELETE, true, true},
        {"trustAnchorCred", "URI", MO_OP_ADD, true, true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        for (enum mo_origin origin = 0; origin < MO_ORIGIN_MAX_; origin++) {
            struct mo_write w = {.origin = origin,
                                 .op = rows[i].op,
                                 .type = rows[i].type,
                                 .attribute = rows[i].attribute,
                                 .node = "n1",
                                 .own_registration = rows[i].own};
            struct mef_error why = {0};
            bool may = origin != MO_ORIGIN_MEF_DM || rows[i].mef_may;
            g_assert_cmpint(mo_write_admit(&w, &why), ==, may ? 0 : -EPERM);
            if (may)
                continue;
            g_test_message("%s", why.text);
            g_assert_cmpint(why.word, ==, MEF_ERROR_NOT_AUTHORIZED);
            g_assert_nonnull(strstr(why.text, rows[i].type));
            g_assert_true(!rows[i].attribute || strstr(why.text, rows[i].attribute));
        }
    for (enum mo_origin origin = 0; origin < MO_ORIGIN_MAX_; origin++) {
        enum mo_origin back;
        g_assert_cmpint(mo_origin_from_name(mo_origin_name(origin), &back), ==, 0);
        g_assert_cmpint(back, ==, origin);
    }
    enum mo_origin back;
    g_assert_cmpint(mo_origin_from_name("mef", &back), ==, -EINVAL);
    g_assert_cmpint(mo_origin_from_name(NULL, &back), ==, -EINVAL);
    g_assert_true(mo_attribute_write_only("authenticationProfile", "symmKeyValue"));
    g_assert_true(mo_attribute_write_only("myCertFileCred", "myCertFileContent"));
    g_assert_false(mo_attribute_write_only("authenticationProfile", "symmKeyID"));
}

static void test_mo_profile(void)
{
    for (uint32_t suid = 0; suid < 50; suid++)
        for (unsigned bits = 0; bits < 16; bits++) {
            struct mo_profile p = {.node = "ap",
                                   .suid = suid,
                                   .has_expiration_time = bits & 1,
                                   .has_key_reg_duration = bits & 2,
                                   .links_own_registration = bits & 4,
                                   .links_other_registration = bits & 8};
            struct mef_error why = {0};
            bool want = true;

            if (suid / 10 == 1)
                want = false;
            else if (suid == 21 || suid == 22 || suid == 23)
                want = bits == 7;
            g_assert_cmpint(mo_profile_admit_commit(&p, &why), ==, want ? 0 : -EPERM);
            g_assert_true(want == (why.text[0] == '\0'));
        }
    struct mo_profile p = {.suid = 22, .links_own_registration = true, .has_key_reg_duration = true};
    struct mef_error why;
    g_assert_cmpint(mo_profile_admit_commit(&p, &why), ==, -EPERM);
    g_assert_nonnull(strstr(why.text, "'expirationTime'"));
}

static void test_backoff(void)
{
    static const uint64_t steps[] = {5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900};

    g_assert_cmpuint(backoff_usec(0, 0, 0, 7), ==, 0);
    for (unsigned n = 1; n <= G_N_ELEMENTS(steps); n++) {
        uint64_t base = steps[n - 1] * 1000000, last = 0;
        g_assert_cmpuint(backoff_usec(n, 0, 0, 0), ==, base - base / 5);
        g_assert_cmpuint(backoff_usec(n, 0, 0, UINT32_MAX), <=, base + base / 5);
        g_assert_cmpuint(backoff_usec(n, 0, 0, UINT32_MAX), >, base + base / 5 - base / 1000);
        for (uint64_t r = 0; r <= UINT32_MAX; r += 0x01000000) {
            uint64_t w = backoff_usec(n, 0, 0, (uint32_t)r);
            g_assert_cmpuint(w, >=, last);
            last = w;
        }
    }
    g_assert_cmpuint(backoff_usec(UINT32_MAX, 0, 0, 0), ==, 720000000);
    g_assert_cmpuint(backoff_usec(1, 1, 3, 0), ==, 800000);
    g_assert_cmpuint(backoff_usec(9, 1, 3, 0), ==, 2400000);
    g_assert_cmpuint(backoff_usec(5, 10, 3, 0), ==, 8000000);
    g_assert_cmpuint(backoff_usec(1, UINT64_MAX, UINT64_MAX, UINT32_MAX), <=,
                     UINT64_C(366) * 86400 * 1200000);
    g_assert_cmpuint(backoff_usec(1, UINT64_MAX, UINT64_MAX, UINT32_MAX), >, UINT64_C(366) * 86400 * 1199000);

    const int64_t hour = INT64_C(3600) * 1000000, day = 24 * hour;
    g_assert_cmpint(renewal_point(0, 365 * day, 0), ==, 364 * day);
    g_assert_cmpint(renewal_point(0, 5 * day, 0), ==, 4 * day);
    g_assert_cmpint(renewal_point(0, 10 * hour, 0), ==, 8 * hour);
    g_assert_cmpint(renewal_point(day, day + 10 * hour, 3600), ==, day + 9 * hour);
    g_assert_cmpint(renewal_point(day, day, 0), ==, day);
    g_assert_cmpint(renewal_point(day, 0, 0), ==, day);
    g_assert_cmpint(renewal_point(0, 10, UINT64_MAX), ==, 8);

    g_assert_cmpuint(retry_duration_clamp(0), ==, 5);
    g_assert_cmpuint(retry_duration_clamp(4), ==, 5);
    g_assert_cmpuint(retry_duration_clamp(5), ==, 5);
    g_assert_cmpuint(retry_duration_clamp(86400), ==, 86400);
    g_assert_cmpuint(retry_duration_clamp(UINT64_C(366) * 86400), ==, UINT64_C(366) * 86400);
    g_assert_cmpuint(retry_duration_clamp(UINT64_C(366) * 86400 + 1), ==, UINT64_C(366) * 86400);
    g_assert_cmpuint(retry_duration_clamp(UINT64_MAX), ==, UINT64_C(366) * 86400);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/m2m-id/forms", test_forms);
    g_test_add_func("/policy/m2m-id/normalize", test_normalize);
    g_test_add_func("/policy/m2m-id/ae", test_ae_normalize);
    g_test_add_func("/policy/admit-target/MC-12/ours-or-not", test_target);
    g_test_add_func("/policy/admit-cert-prov/MC-16/protocol", test_protocol);
    g_test_add_func("/policy/admit-cert-prov/MC-17/uri", test_uri);
    g_test_add_func("/policy/admit-cert-prov/MC-18/subject-type", test_subject_type);
    g_test_add_func("/policy/admit-cert-prov/MC-19/subject-grammar", test_subject_grammar);
    g_test_add_func("/policy/admit-cert-prov/MC-19/subject-is-ours", test_subject_ours);
    g_test_add_func("/policy/admit-cert-prov/order", test_order);
    g_test_add_func("/policy/subject/san", test_san);
    g_test_add_func("/policy/mo-access/writes", test_mo_write);
    g_test_add_func("/policy/mo-access/profile-at-commit", test_mo_profile);
    g_test_add_func("/policy/backoff/times", test_backoff);
    return g_test_run();
}
