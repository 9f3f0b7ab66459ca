/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every attribute with good and bad values (mo-tree.md 5.3), the schema tables, certificate files. */
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/mo/cert-file.h"
#include "tests/unit/mo-env.h"

#define NI "ni:///sha-256;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iY"

struct text_case {
    enum mo_attr attr;
    const char *in;
    const char *out; /* NULL = refused; "=" = as it is */
};

static const struct text_case texts[] = {
    {MO_DESCRIPTION, "Ein Zähler, \"unten\"", "="},
    {MO_DESCRIPTION, "", "="},
    {MO_DESCRIPTION, "a\nb", NULL},
    {MO_DESCRIPTION, "a\x7f", NULL},
    {MO_DESCRIPTION, "\xff", NULL},
    {MO_EXPIRATION_TIME, "20391231T235959", "="},
    {MO_EXPIRATION_TIME, "20391231T235959,250", "20391231T235959,25"},
    {MO_EXPIRATION_TIME, "20391231T235959Z", "20391231T235959"},
    {MO_EXPIRATION_TIME, "2039-12-31T23:59:59", NULL},
    {MO_EXPIRATION_TIME, "20391331T235959", NULL},
    {MO_EXPIRATION_TIME, "", NULL},
    {MO_FQDN, "mef.example.com", "="},
    {MO_FQDN, "MEF.Example.COM.", "mef.example.com"},
    {MO_FQDN, "https://mef.example.com", "mef.example.com"},
    {MO_FQDN, "https://mef.example.com/", NULL},
    {MO_FQDN, "https://mef.example.com:443", NULL},
    {MO_FQDN, "https://u@mef.example.com", NULL},
    {MO_FQDN, "https://mef.example.com?x", NULL},
    {MO_FQDN, "192.0.2.1", NULL},
    {MO_FQDN, "[2001:db8::1]", NULL},
    {MO_FQDN, "-a.example", NULL},
    {MO_FQDN, "a..example", NULL},
    {MO_FQDN, "a_b.example", NULL},
    {MO_FQDN, "", NULL},
    {MO_ADMIN_FQDN, "Admin.Example.ORG", "admin.example.org"},
    {MO_ADMIN_FQDN, "admin example.org", NULL},
    {MO_SYMM_KEY_ID, "km-0042@maf.example.net", "="},
    {MO_SYMM_KEY_ID, "11-km-0042@maf.example.net", "="},
    {MO_SYMM_KEY_ID, "plain-kpm-id", "="}, /* a KpmID; which one must be is a matter of the SUID */
    {MO_SYMM_KEY_ID, "sch\xc3\xbcssel", NULL},
    {MO_SYMM_KEY_ID, "", NULL},
    {MO_SYMM_KEY_VALUE, "AAAAAAAAAAAAAAAAAAAAAA==", NULL},
    {MO_KEY_REG_DURATION, "P30D", "="},
    {MO_KEY_REG_DURATION, "PT60S", "="},
    {MO_KEY_REG_DURATION, "PT3600S", "="},
    {MO_KEY_REG_DURATION, "P10Y", "="},
    {MO_KEY_REG_DURATION, "PT59S", NULL},
    {MO_KEY_REG_DURATION, "PT0S", NULL},
    {MO_KEY_REG_DURATION, "-P1D", NULL},
    {MO_KEY_REG_DURATION, "P10Y1D", NULL},
    {MO_KEY_REG_DURATION, "30 days", NULL},
    {MO_MY_CERT_FINGERPRINT, NI, "="},
    {MO_MY_CERT_FINGERPRINT, "nih:sha-256-120;5326-9057-e12f-e2b7-4ba0-7c89-2560-a2;f", "="},
    {MO_MY_CERT_FINGERPRINT, "nih:sha-256-120;5326-9057-e12f-e2b7-4ba0-7c89-2560-a2;e", NULL},
    {MO_MY_CERT_FINGERPRINT, "ni:///sha-256-32;f4OxZQ", NULL},
    {MO_MY_CERT_FINGERPRINT, "sha256:00", NULL},
    {MO_RAW_PUB_KEY_ID, NI, "="},
    {MO_RAW_PUB_KEY_ID, "AA:BB", NULL},
    {MO_CERT_FINGERPRINT, NI, "="},
    {MO_CERT_FINGERPRINT, "", NULL},
    {MO_URI, "https://mef.example.com/ta.der", "="},
    {MO_URI, "https://mef.example.com/ta.der?x=1", "="},
    {MO_URI, "http://mef.example.com/ta.der", NULL},
    {MO_URI, "https:///ta.der", NULL},
    {MO_URI, "https://mef.example.com/ta.der#x", NULL},
    {MO_URI, "https://name:secret@mef.example.com/ta.der", NULL},
    {MO_URI, "/ta.der", NULL},
    {MO_ORIGINATOR_ID, "/gw-0042", "="},
    {MO_ORIGINATOR_ID, "//sp.example.net/gw-0042", "="},
    {MO_ORIGINATOR_ID, "Cae-1", "="},
    {MO_ORIGINATOR_ID, "//sp.example.net", NULL},
    {MO_ORIGINATOR_ID, "/gw 0042", NULL},
    {MO_ORIGINATOR_ID, "", NULL},
    {MO_CSE_ID, "//sp.example.net/in-cse", "="},
    {MO_CSE_ID, "/in-cse", "="},
    {MO_CSE_ID, "/", NULL},
    {MO_CSE_BASE, "in-name", "="},
    {MO_CSE_BASE, "in name", NULL},
    {MO_APP_ID, "N.example", "="},
    {MO_APP_ID, "N example", NULL},
    {MO_EXTERNAL_ID, "gw@example.net", "="},
    {MO_CONTAINER_PATH, "//sp.example.net/in-cse/in-name/meter/readings", "="},
    {MO_CONTAINER_PATH, "a b", NULL},
    {MO_CONTAINER_PATH, "", NULL},
    {MO_MY_CERT_FILE_FORMAT, "application/pkix-cert", "="},
    {MO_MY_CERT_FILE_FORMAT, "application/pkcs7-mime; smime-type=certs-only", "="},
    {MO_MY_CERT_FILE_FORMAT, "application/x-pem-file", "="},
    {MO_MY_CERT_FILE_FORMAT, "application/x-pkcs12", NULL},
    {MO_MY_CERT_FILE_FORMAT, "application/pkcs7-mime", NULL},
};

static int take(enum mo_attr attr, const struct mo_input *in, struct mo_value **ret)
{
    struct mef_error err = {0};
    int r = mo_value_new(attr, in, ret, &err);

    if (r < 0) {
        /* the sentence names the attribute */
        g_autofree char *name = g_strdup_printf("'%s'", mo_attr_info(attr)->name);
        g_assert_nonnull(strstr(err.text, name));
        g_assert_cmpint(err.word, !=, MEF_ERROR_NONE);
    }
    return r;
}

static void test_texts(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const struct text_case *c = &texts[i];
        struct mo_input in = STR(NULL, c->in);
        _cleanup_(mo_value_unrefp) struct mo_value *v = NULL;
        int r = take(c->attr, &in, &v);
        if ((r == 0) != (c->out != NULL))
            g_error("%s '%s': %d", mo_attr_info(c->attr)->name, c->in, r);
        if (r < 0)
            continue;
        _cleanup_(freep) char *text = mo_value_text(v);
        g_assert_cmpstr(text, ==, streq(c->out, "=") ? c->in : c->out);
        g_assert_cmpint(v->shape, ==, MO_SHAPE_TEXT);
    }
}

static void check_length(enum mo_attr attr, const char *head, size_t max)
{
    g_autofree char *fill = g_strnfill(max + 1 - strlen(head), 'a');
    g_autofree char *text = g_strconcat(head, fill, NULL);
    struct mo_input in = STR(NULL, text);
    _cleanup_(mo_value_unrefp) struct mo_value *v = NULL;

    g_assert_cmpint(take(attr, &in, &v), ==, -EINVAL);
    text[max] = '\0';
    g_assert_cmpint(take(attr, &in, &v), ==, 0);
}

static void test_lengths(void)
{
    check_length(MO_DESCRIPTION, "", 1024);
    check_length(MO_URI, "https://a.example/", 2048);
    check_length(MO_CSE_ID, "/", 255);
    check_length(MO_ORIGINATOR_ID, "/", 255);
    check_length(MO_APP_ID, "", 128);
    check_length(MO_CONTAINER_PATH, "/", 1024);
    struct mo_input in = STR(NULL, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example");
    _cleanup_(mo_value_unrefp) struct mo_value *v = NULL;
    g_assert_cmpint(take(MO_FQDN, &in, &v), ==, 0); /* 63 */
    in.string = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example";
    struct mo_value *no = NULL;
    g_assert_cmpint(take(MO_FQDN, &in, &no), ==, -EINVAL);
}

static void test_numbers(void)
{
    static const struct {
        enum mo_attr attr;
        uint64_t in;
        bool ok;
    } cases[] = {
        {MO_HTTP_PORT, 0, false},
        {MO_HTTP_PORT, 1, true},
        {MO_HTTP_PORT, 443, true},
        {MO_HTTP_PORT, 65535, true},
        {MO_HTTP_PORT, 65536, false},
        {MO_COAP_PORT, 5684, true},
        {MO_COAP_PORT, UINT64_MAX, false},
        {MO_WEBSOCKET_PORT, 8443, true},
        {MO_WEBSOCKET_PORT, 70000, false},
        {MO_TRIGGER_RECIPIENT_ID, 0, true},
        {MO_TRIGGER_RECIPIENT_ID, 65535, true},
        {MO_TRIGGER_RECIPIENT_ID, 65536, false},
        {MO_MEASUREMENT_INTERVAL, 0, false},
        {MO_MEASUREMENT_INTERVAL, 1, true},
        {MO_MEASUREMENT_INTERVAL, INT32_MAX, true},
        {MO_MEASUREMENT_INTERVAL, UINT64_C(1) << 31, false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct mo_input in = NUM(NULL, cases[i].in);
        _cleanup_(mo_value_unrefp) struct mo_value *v = NULL;
        g_assert_true((take(cases[i].attr, &in, &v) == 0) == cases[i].ok);
        if (v)
            g_assert_cmpuint(v->uint, ==, cases[i].in);
    }
    for (uint64_t n = 0; n < 120; n++) {
        static const uint8_t known[] = {10, 11, 12, 13, 14, 15, 21, 22, 23, 24, 25,
                                        31, 32, 33, 34, 35, 40, 41, 42, 43, 44, 45};
        struct mo_input in = NUM(NULL, n);
        _cleanup_(mo_value_unrefp) struct mo_value *v = NULL;
        g_assert_true((take(MO_SUID, &in, &v) == 0) == (memchr(known, (int)n, sizeof known) != NULL));
    }
}

static void test_time_as_number(void)
{
    struct mo_input in = NUM(NULL, UINT64_C(2208988799) * 1000000);
    _cleanup_(mo_value_unrefp) struct mo_value *v = NULL, *w = NULL, *no = NULL;

    g_assert_cmpint(take(MO_EXPIRATION_TIME, &in, &v), ==, 0);
    g_assert_cmpstr(v->text, ==, "20391231T235959");
    struct mo_input text = STR(NULL, "20391231T235959");
    g_assert_cmpint(take(MO_EXPIRATION_TIME, &text, &w), ==, 0);
    g_assert_true(mo_value_equal(v, w));
    g_assert_cmpint(w->usec, ==, INT64_C(2208988799) * 1000000);
    in.uint = UINT64_MAX;
    g_assert_cmpint(take(MO_EXPIRATION_TIME, &in, &no), ==, -EINVAL);
    in.uint = 0;
    g_assert_cmpint(take(MO_EXPIRATION_TIME, &in, &no), ==, -EINVAL);
}

static void test_lists(void)
{
    char *many[66];
    struct mo_input in = {.kind = MO_INPUT_STRINGS, .strings = many};
    _cleanup_(mo_value_unrefp) struct mo_value *v = NULL, *w = NULL, *p = NULL, *l = NULL, *no = NULL,
                                               *s = NULL, *e = NULL;

    struct mo_input suites = LST(NULL, "c0a5", "00AE", "C0A5", "FFFF");
    g_assert_cmpint(take(MO_TLS_CIPHERSUITES, &suites, &v), ==, 0);
    _cleanup_(freep) char *text = mo_value_text(v);
    g_assert_cmpstr(text, ==, "C0A5 00AE FFFF");
    struct mo_input points = {.kind = MO_INPUT_UINTS, .uints = (uint64_t[]){0xc0a5, 174, 0xffff}, .n = 3};
    g_assert_cmpint(take(MO_TLS_CIPHERSUITES, &points, &w), ==, 0);
    g_assert_true(mo_value_equal(v, w));
    g_assert_cmpuint(w->uints[1], ==, 174);
    static const char *const bad_suites[] = {"0xC0A5", "C0A",  "C0A5 ",
                                             "",       "GGGG", "TLS_PSK_WITH_AES_128_CBC_SHA256"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad_suites); i++) {
        struct mo_input one = LST(NULL, bad_suites[i]);
        g_assert_cmpint(take(MO_TLS_CIPHERSUITES, &one, &no), ==, -EINVAL);
    }
    for (size_t i = 0; i < 66; i++)
        many[i] = g_strdup_printf("%04zX", i);
    in.n = 65;
    g_assert_cmpint(take(MO_TLS_CIPHERSUITES, &in, &no), ==, -E2BIG);
    in.n = 0;
    g_assert_cmpint(take(MO_TLS_CIPHERSUITES, &in, &no), ==, -EINVAL);
    in.n = 33;
    g_assert_cmpint(take(MO_LABELS, &in, &no), ==, -E2BIG);
    g_assert_cmpint(take(MO_KEY_REG_LABELS, &in, &no), ==, -E2BIG);
    in.n = 32;
    g_assert_cmpint(take(MO_LABELS, &in, &l), ==, 0);
    in.n = 0;
    g_assert_cmpint(take(MO_KEY_REG_LABELS, &in, &e), ==, 0);
    for (size_t i = 0; i < 66; i++)
        g_free(many[i]);
    struct mo_input blank = LST(NULL, "a b");
    g_assert_cmpint(take(MO_LABELS, &blank, &no), ==, -EINVAL);

    struct mo_input poa =
        LST(NULL, "https://in-cse.example.net:8443", "coaps://x.example", "mqtt://x", "wss://x/y");
    g_assert_cmpint(take(MO_POINT_OF_ACCESS, &poa, &p), ==, 0);
    static const char *const bad_poa[] = {"ftp://x", "in-cse.example.net", "https://", "http://a b"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad_poa); i++) {
        struct mo_input one = LST(NULL, bad_poa[i]);
        g_assert_cmpint(take(MO_POINT_OF_ACCESS, &one, &no), ==, -EINVAL);
    }
    struct mo_input nine =
        LST(NULL, "ws://a", "ws://a", "ws://a", "ws://a", "ws://a", "ws://a", "ws://a", "ws://a", "ws://a");
    g_assert_cmpint(take(MO_POINT_OF_ACCESS, &nine, &no), ==, -E2BIG);

    struct mo_input schedule = LST(NULL, "0 0 * * * * *", "0,30 */5 1-3 * * 1-5 2030");
    g_assert_cmpint(take(MO_REPORTING_SCHEDULE, &schedule, &s), ==, 0);
    static const char *const bad_schedule[] = {"0 0 * * * *",    "0 0 * * * * * *", "a 0 * * * * *",
                                               "0  0 * * * * *", " 0 0 * * * * *",  ""};
    for (size_t i = 0; i < G_N_ELEMENTS(bad_schedule); i++) {
        struct mo_input one = LST(NULL, bad_schedule[i]);
        g_assert_cmpint(take(MO_MEASUREMENT_SCHEDULE, &one, &no), ==, -EINVAL);
    }
    struct mo_input suids = {.kind = MO_INPUT_UINTS, .uints = (uint64_t[]){42, 20}, .n = 2};
    g_assert_cmpint(take(MO_SUIDS, &suids, &no), ==, -EINVAL);
    suids.n = 1;
    _cleanup_(mo_value_unrefp) struct mo_value *u = NULL;
    g_assert_cmpint(take(MO_SUIDS, &suids, &u), ==, 0);
}

/* Each attribute refuses every shape that is not its own. */
static void test_shapes(void)
{
    struct mo_input of[] = {
        {.kind = MO_INPUT_OTHER},
        STR(NULL, NULL),
        {.kind = MO_INPUT_BOOL, .uint = 1},
        {.kind = MO_INPUT_UINT, .uint = 443},
        LST(NULL, "00AE"),
        {.kind = MO_INPUT_UINTS, .uints = (uint64_t[]){174}, .n = 1},
    };
    for (size_t a = 0; a < MO_ATTR_MAX_; a++)
        for (size_t i = 0; i < G_N_ELEMENTS(of); i++) {
            enum mo_shape shape = mo_attr_shape((enum mo_attr)a);
            _cleanup_(mo_value_unrefp) struct mo_value *v = NULL;
            int r = take((enum mo_attr)a, &of[i], &v);
            if ((of[i].kind == MO_INPUT_UINT && shape != MO_SHAPE_UINT && a != MO_EXPIRATION_TIME) || i < 3 ||
                (of[i].kind == MO_INPUT_STRINGS && shape != MO_SHAPE_TEXTS) ||
                (of[i].kind == MO_INPUT_UINTS && shape != MO_SHAPE_UINTS && a != MO_TLS_CIPHERSUITES))
                g_assert_cmpint(r, <, 0);
        }
}

static void test_schema(void)
{
    static const struct {
        const char *type;
        uint32_t definition, oid, id;
    } types[] = {
        {"registration", 1020, 27020, 0},          {"dataCollection", 1021, 27021, 0},
        {"authenticationProfile", 1022, 27022, 1}, {"myCertFileCred", 1023, 27023, 0},
        {"trustAnchorCred", 1024, 27024, 2},       {"MAFClientRegCfg", 1025, 27025, 3},
        {"MEFClientRegCfg", 1026, 27026, 0},
    };
    static const struct {
        enum mo_type type;
        const char *name;
        enum mo_attr attr;
    } aliases[] = {
        {MO_AUTHENTICATION_PROFILE, "MAFKeyRegDuration", MO_KEY_REG_DURATION},
        {MO_AUTHENTICATION_PROFILE, "MAFKeyRegLabels", MO_KEY_REG_LABELS},
        {MO_AUTHENTICATION_PROFILE, "mycertFingerprint", MO_MY_CERT_FINGERPRINT},
        {MO_AUTHENTICATION_PROFILE, "SymmetricKeyID", MO_SYMM_KEY_ID},
        {MO_AUTHENTICATION_PROFILE, "SymmetricKeyValue", MO_SYMM_KEY_VALUE},
        {MO_AUTHENTICATION_PROFILE, "RawPubKeyID", MO_RAW_PUB_KEY_ID},
        {MO_REGISTRATION, "poA", MO_POINT_OF_ACCESS},
        {MO_REGISTRATION, "PoA", MO_POINT_OF_ACCESS},
        {MO_REGISTRATION, "poa", MO_POINT_OF_ACCESS},
        {MO_REGISTRATION, "resourcePath", MO_CSE_BASE},
        {MO_REGISTRATION, "triggerRecipientID", MO_TRIGGER_RECIPIENT_ID},
        {MO_DATA_COLLECTION, "cntp", MO_CONTAINER_PATH},
        {MO_MY_CERT_FILE_CRED, "mcff", MO_MY_CERT_FILE_FORMAT},
        {MO_MEF_CLIENT_REG_CFG, "et", MO_EXPIRATION_TIME},
        {MO_MEF_CLIENT_REG_CFG, "lbl", MO_LABELS},
    };
    enum mo_type type;
    enum mo_attr attr;

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        g_assert_cmpint(mo_type_parse(types[i].type, &type), ==, 0);
        const struct mo_type_info *info = mo_type_info(type);
        g_assert_cmpint(info->type, ==, type);
        g_assert_cmpuint(info->definition, ==, types[i].definition);
        g_assert_cmpuint(info->oid, ==, types[i].oid);
        g_assert_cmpuint(info->object_type_id, ==, types[i].id);
        enum mo_type again;
        g_assert_cmpint(mo_type_by_oid(info->oid, &again), ==, 0);
        g_assert_cmpint(again, ==, type);
    }
    g_assert_cmpint(mo_type_parse("mefclientregcfg", &type), ==, -ENOENT);
    g_assert_cmpint(mo_type_parse("wifiClient", &type), ==, -EOPNOTSUPP);
    g_assert_cmpint(mo_type_by_oid(2048, &type), ==, -ENOENT);
    for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++) {
        g_assert_cmpint(mo_attr_parse(aliases[i].type, aliases[i].name, &attr), ==, 0);
        g_assert_cmpint(attr, ==, aliases[i].attr);
    }
    g_assert_cmpint(mo_attr_parse(MO_MEF_CLIENT_REG_CFG, "SUID", &attr), ==, -ENOENT);
    g_assert_cmpint(mo_attr_parse(MO_MEF_CLIENT_REG_CFG, "FQDN", &attr), ==, -ENOENT);
    for (size_t i = 0; i < MO_ATTR_MAX_; i++) {
        g_assert_cmpint(mo_attr_info((enum mo_attr)i)->attr, ==, i);
        g_assert_nonnull(mo_attr_info((enum mo_attr)i)->name);
        /* each belongs to some type, and its resource id is its own there */
        size_t found = 0;
        for (size_t t = 0; t < MO_TYPE_MAX_; t++) {
            const struct mo_field *f = mo_field((enum mo_type)t, (enum mo_attr)i);
            found += f != NULL;
            for (size_t k = 0; f && k < mo_type_info((enum mo_type)t)->n_fields; k++) {
                const struct mo_field *o = &mo_type_info((enum mo_type)t)->fields[k];
                g_assert_true(o == f || o->lwm2m != f->lwm2m);
            }
        }
        g_assert_cmpuint(found, >=, 1);
    }
    g_assert_cmpstr(mo_attr_info(MO_CSE_ID)->property, ==, "CSEID");
    g_assert_cmpstr(mo_attr_info(MO_ADMIN_FQDN)->property, ==, "AdminFQDN");
    g_assert_cmpstr(mo_state_name(MO_INCONSISTENT), ==, "inconsistent");
}

static void test_names(void)
{
    g_autofree char *longest = g_strnfill(64, 'a'), *longer = g_strnfill(65, 'a');
    static const char *const good[] = {"a", "0", "ap-reg-22", "A.b_c-d"}, *const bad[] = {
                                                                              "",    "-a",  ".a",       "_a",
                                                                              "a/b", "a b", "\xc3\xa4", "a%"};

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(mo_name_valid(good[i]));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(mo_name_valid(bad[i]));
    g_assert_true(mo_name_valid(longest));
    g_assert_false(mo_name_valid(longer));
}

/* Shapes of DER, not real certificates: SEQUENCE { SEQUENCE {}, SEQUENCE {}, BIT STRING }. */
static const uint8_t cert[] = {0x30, 0x07, 0x30, 0x00, 0x30, 0x00, 0x03, 0x01, 0x00};
/* a PFX begins with a version number */
static const uint8_t pfx[] = {0x30, 0x05, 0x02, 0x01, 0x03, 0x30, 0x00};
static const uint8_t pkcs7[] = {0x30, 0x1e, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
                                0x07, 0x02, 0xa0, 0x11, 0x30, 0x0f, 0x02, 0x01, 0x01, 0x31, 0x00,
                                0x30, 0x00, 0xa0, 0x04, 0x30, 0x00, 0x30, 0x00, 0x31, 0x00, 0x00};

static void test_cert_file(void)
{
    struct mef_error err = {0};
    _cleanup_(freep) char *one = base64_encode(cert, sizeof cert), *p12 = base64_encode(pfx, sizeof pfx);
    _cleanup_(freep) char *p7 = base64_encode(pkcs7, sizeof pkcs7 - 1);
    g_autofree char *pem =
        g_strdup_printf("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n", one);
    g_autofree char *key =
        g_strconcat(pem, "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", NULL);
    g_autofree char *cut = g_strndup(pem, strlen(pem) - 10);
    static const char der[] = "application/pkix-cert", p7c[] = "Application/PKCS7-mime;smime-type=certs-only",
                      file[] = "application/x-pem-file";
    GString *nine = g_string_new(NULL);

    g_assert_cmpint(cert_file_check(der, one, &err), ==, 0);
    g_assert_cmpint(cert_file_check(p7c, p7, &err), ==, 0);
    g_assert_cmpint(cert_file_check(file, pem, &err), ==, 0);
    g_assert_cmpint(cert_file_check(der, p7, &err), ==, -EINVAL);
    g_assert_cmpint(cert_file_check(der, p12, &err), ==, -EINVAL);
    g_assert_cmpint(cert_file_check(p7c, p12, &err), ==, -EINVAL);
    g_assert_cmpint(cert_file_check(p7c, one, &err), ==, -EINVAL);
    g_assert_cmpint(cert_file_check(der, "not base64", &err), ==, -EINVAL);
    g_assert_cmpint(cert_file_check(file, "nothing", &err), ==, -EINVAL);
    g_assert_cmpint(cert_file_check(file, cut, &err), ==, -EINVAL);
    g_assert_cmpint(cert_file_check(file, key, &err), ==, -EINVAL);
    g_assert_nonnull(strstr(err.text, "private key"));
    for (int i = 0; i < 8; i++)
        g_string_append(nine, pem);
    g_assert_cmpint(cert_file_check(file, nine->str, &err), ==, 0);
    g_string_append(nine, pem);
    g_assert_cmpint(cert_file_check(file, nine->str, &err), ==, -EINVAL);
    while (nine->len <= 64 * 1024)
        g_string_append(nine, "# comment\n");
    g_assert_cmpint(cert_file_check(file, nine->str, &err), ==, -E2BIG);
    g_string_free(nine, TRUE);
    /* every truncation is refused, none crashes */
    for (size_t n = 0; n < sizeof pkcs7 - 1; n++) {
        _cleanup_(freep) char *part = base64_encode(pkcs7, n);
        g_assert_cmpint(cert_file_check(p7c, part, NULL), ==, -EINVAL);
        if (n >= sizeof cert)
            continue;
        _cleanup_(freep) char *half = base64_encode(cert, n);
        g_assert_cmpint(cert_file_check(der, half, NULL), ==, -EINVAL);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mo/value/texts", test_texts);
    g_test_add_func("/mo/value/lengths", test_lengths);
    g_test_add_func("/mo/value/numbers", test_numbers);
    g_test_add_func("/mo/value/time-as-number", test_time_as_number);
    g_test_add_func("/mo/value/lists", test_lists);
    g_test_add_func("/mo/value/shapes", test_shapes);
    g_test_add_func("/mo/schema/tables", test_schema);
    g_test_add_func("/mo/value/names", test_names);
    g_test_add_func("/mo/value/cert-file", test_cert_file);
    return g_test_run();
}
