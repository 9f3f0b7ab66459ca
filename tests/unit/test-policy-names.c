/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy: host names, URIs, fingerprints. */
#include <glib.h>
#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "policy/fingerprint.h"
#include "policy/fqdn.h"
#include "policy/uri.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_fqdn_normalize(void)
{
    static const struct {
        const char *in, *out;
    } good[] = {
        {"mef.example.com", "mef.example.com"},
        {"MEF.Example.COM", "mef.example.com"},
        {"mef.example.com.", "mef.example.com"},
        {"localhost", "localhost"},
        {"a", "a"},
        {"1a.2b", "1a.2b"},
        {"3com.example", "3com.example"},
        {"x--y.example", "x--y.example"},
        {L63 ".example", L63 ".example"},
        {L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
        {"https://MEF.example.com", "mef.example.com"},
        {"coaps://mef.example.com", "mef.example.com"},
        {"https://mef.example.com.", "mef.example.com"},
    };
    static const char *const bad[] = {
        "",
        ".",
        "..",
        "mef..example.com",
        ".mef.example.com",
        "mef.example.com..",
        "-mef.example.com",
        "mef-.example.com",
        "mef.example-",
        "mef.-example",
        "mef_1.example.com",
        "mef example.com",
        " mef.example.com",
        "mef.example.com\n",
        "m\303\244f.example.com",
        "*.example.com",
        L63 "a.example",
        L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "192.0.2.1",
        "127.1",
        "10",
        "0x7f.1",
        "0x7f",
        "mef.0x10",
        "[2001:db8::1]",
        "2001:db8::1",
        "::1",
        "mef.example.com:443",
        "https://mef.example.com:443",
        "https://mef.example.com:",
        "https://mef.example.com/",
        "https://mef.example.com/x",
        "https://mef.example.com?x",
        "https://mef.example.com#x",
        "https://u@mef.example.com",
        "https://192.0.2.1",
        "https://[2001:db8::1]",
        "https://",
        "https:mef.example.com",
        "//mef.example.com",
        "mef.example.com/x",
        "mef@example.com",
        "urn:mef.example.com",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        char out[LIMIT_FQDN + 1] = "untouched";
        g_test_message("%s", good[i].in);
        g_assert_cmpint(fqdn_normalize(good[i].in, out), ==, 0);
        g_assert_cmpstr(out, ==, good[i].out ? good[i].out : good[i].in);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        char out[LIMIT_FQDN + 1] = "untouched";
        g_test_message("%s", bad[i]);
        g_assert_cmpint(fqdn_normalize(bad[i], out), ==, -EINVAL);
        g_assert_cmpstr(out, ==, "untouched");
    }
    char out[LIMIT_FQDN + 1];
    g_assert_cmpint(fqdn_normalize(NULL, out), ==, -EINVAL);
}

static void test_fqdn_equal(void)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"mef.example.com", "mef.example.com", true},
        {"MEF.example.COM", "mef.example.com", true},
        {"mef.example.com.", "mef.example.com", true},
        {"mef.example.com", "MEF.example.com.", true},
        {"mef.example.com..", "mef.example.com", false},
        {"mef.example.com", "example.com", false},
        {"a.mef.example.com", "mef.example.com", false},
        {"mef.example.com", "mef.example.co", false},
        {"mef-example.com", "mef.example.com", false},
        {"", "", false},
        {".", ".", false},
        {NULL, "mef.example.com", false},
        {"mef.example.com", NULL, false},
        {NULL, NULL, false},
        {"[", "{", false}, /* case folding must not leave the letters */
        {"@", "`", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_true(fqdn_equal(rows[i].a, rows[i].b) == rows[i].equal);
    g_assert_true(fqdn_is_ip_literal("192.0.2.1"));
    g_assert_true(fqdn_is_ip_literal("192.0.2.1."));
    g_assert_true(fqdn_is_ip_literal("0X7F000001"));
    g_assert_true(fqdn_is_ip_literal("::1"));
    g_assert_true(fqdn_is_ip_literal("[::1]"));
    g_assert_false(fqdn_is_ip_literal("mef.example.com"));
    g_assert_false(fqdn_is_ip_literal("1.example"));
    g_assert_false(fqdn_is_ip_literal(""));
}

static void test_uri_good(void)
{
    static const struct {
        const char *in, *scheme, *host;
        unsigned port;
        bool literal, userinfo;
        const char *path, *query, *fragment;
    } rows[] = {
        {"https://mef.example.com:8443/.well-known/est", "https", "mef.example.com", 8443, false, false,
         "/.well-known/est", NULL, NULL},
        {"HTTPS://MEF.example.com.", "https", "mef.example.com", 0, false, false, "", NULL, NULL},
        {"https://mef.example.com/", "https", "mef.example.com", 0, false, false, "/", NULL, NULL},
        {"https://mef.example.com?a=b/c", "https", "mef.example.com", 0, false, false, "", "a=b/c", NULL},
        {"https://mef.example.com/x?#", "https", "mef.example.com", 0, false, false, "/x", "", ""},
        {"https://mef.example.com/x#a?b/c", "https", "mef.example.com", 0, false, false, "/x", NULL, "a?b/c"},
        {"coaps://mef.example.com:5684", "coaps", "mef.example.com", 5684, false, false, "", NULL, NULL},
        {"https://mef.example.com:/x", "https", "mef.example.com", 0, false, false, "/x", NULL, NULL},
        {"https://mef.example.com:65535", "https", "mef.example.com", 65535, false, false, "", NULL, NULL},
        {"https://mef.example.com:00443", "https", "mef.example.com", 443, false, false, "", NULL, NULL},
        {"https://u:p@mef.example.com/", "https", "mef.example.com", 0, false, true, "/", NULL, NULL},
        {"https://mef.example.com%40@evil.example/", "https", "evil.example", 0, false, true, "/", NULL,
         NULL},
        {"https://192.0.2.1:1/", "https", "192.0.2.1", 1, true, false, "/", NULL, NULL},
        {"https://0x7F.1/", "https", "0x7f.1", 0, true, false, "/", NULL, NULL},
        {"https://[2001:DB8::1]:443/x", "https", "2001:db8::1", 443, true, false, "/x", NULL, NULL},
        {"https://[::ffff:192.0.2.1]", "https", "::ffff:192.0.2.1", 0, true, false, "", NULL, NULL},
        {"https://mef.example.com/a%20b", "https", "mef.example.com", 0, false, false, "/a%20b", NULL, NULL},
        {"urn:gsma:imei:90420156-025763-0;svn=42", "urn", "", 0, false, false,
         "gsma:imei:90420156-025763-0;svn=42", NULL, NULL},
        {"ni:///sha-256;x", "ni", "", 0, false, false, "/sha-256;x", NULL, NULL},
        {"http:", "http", "", 0, false, false, "", NULL, NULL},
        {"a+b-c.1:x", "a+b-c.1", "", 0, false, false, "x", NULL, NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct uri u;
        g_test_message("%s", rows[i].in);
        g_assert_cmpint(uri_parse(rows[i].in, &u), ==, 0);
        g_assert_cmpstr(u.scheme, ==, rows[i].scheme);
        g_assert_cmpstr(u.host, ==, rows[i].host);
        g_assert_cmpuint(u.port, ==, rows[i].port);
        g_assert_true(u.host_is_literal == rows[i].literal);
        g_assert_true(u.has_userinfo == rows[i].userinfo);
        g_assert_cmpmem(u.path, u.path_len, rows[i].path, strlen(rows[i].path));
        g_assert_true(u.has_query == (rows[i].query != NULL));
        if (rows[i].query)
            g_assert_cmpmem(u.query, u.query_len, rows[i].query, strlen(rows[i].query));
        g_assert_true(u.has_fragment == (rows[i].fragment != NULL));
        if (rows[i].fragment)
            g_assert_cmpmem(u.fragment, u.fragment_len, rows[i].fragment, strlen(rows[i].fragment));
    }
}

static void test_uri_bad(void)
{
    static const char *const bad[] = {
        "",
        ":",
        "mef.example.com",
        "//mef.example.com",
        "/x",
        "1http://x",
        "ht tp://x",
        "abcdefghijklmnop://x",
        "https://mef.example.com:0",
        "https://mef.example.com:65536",
        "https://mef.example.com:99999",
        "https://mef.example.com:000443",
        "https://mef.example.com:4a",
        "https://mef.example.com:-1",
        "https://mef.example.com:+1",
        "https://mef.example.com:443:443",
        "https://:443",
        "https://mef..example.com",
        "https://-mef.example.com",
        "https://mef_1.example.com",
        "https://mef%2eexample.com",
        "https://m\303\244f.example.com",
        "https://mef.example.com/a b",
        "https://mef.example.com/\t",
        "https://mef.example.com/\r\nX: y",
        "https://mef.example.com/\x7f",
        "https://mef.example.com/\x01",
        " https://mef.example.com/",
        "https://mef.example.com/ ",
        "https://mef.example.com/%",
        "https://mef.example.com/%2",
        "https://mef.example.com/%2g",
        "https://mef.example.com\\@evil.example/",
        "https://mef.example.com/<x>",
        "https://mef.example.com/\"",
        "https://mef.example.com/{x}",
        "https://mef.example.com/a|b",
        "https://mef.example.com/^`",
        "https://mef.example.com/[x]",
        "https://mef.example.com#a#b",
        "https://a@b@mef.example.com/",
        "https://[::1",
        "https://[::1]x",
        "https://[::1]443",
        "https://[x]/",
        "https://[]/",
        "https://[1:2:3:4:5:6:7:8:9]/",
        "https://[::1]@mef.example.com/",
        "https://::1/",
        "https://mef.example.com]/",
        "https://1.2.3.zz:1:2/",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct uri u = {.port = 7};
        g_test_message("%s", bad[i]);
        g_assert_cmpint(uri_parse(bad[i], &u), ==, -EINVAL);
        g_assert_cmpuint(u.port, ==, 7);
    }
    struct uri u;
    g_autofree char *longest = g_strnfill(LIMIT_URI, 'a'), *over = g_strnfill(LIMIT_URI + 1, 'a');
    memcpy(longest, "x:", 2);
    memcpy(over, "x:", 2);
    g_assert_cmpint(uri_parse(longest, &u), ==, 0);
    g_assert_cmpint(uri_parse(over, &u), ==, -EINVAL);
    g_assert_cmpint(uri_parse(NULL, &u), ==, -EINVAL);
    g_assert_cmpuint(uri_default_port("https"), ==, 443);
    g_assert_cmpuint(uri_default_port("coaps"), ==, 5684);
    g_assert_cmpuint(uri_default_port("wss"), ==, 443);
    g_assert_cmpuint(uri_default_port("gopher"), ==, 0);
}

/* SHA-256 of "mefc-test-device-cert" (mo-tree.md 6). */
#define DEVICE_NI "ni:///sha-256;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iY"

static void sha256_of(const char *text, uint8_t ret[32])
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize n = 32;
    g_checksum_update(sum, (const guchar *)text, -1);
    g_checksum_get_digest(sum, ret, &n);
}

static void test_fingerprint_forms(void)
{
    uint8_t sha[32], other[32];
    char hex[65], text[FINGERPRINT_NI_LEN];
    struct fingerprint f;

    sha256_of("mefc-test-device-cert", sha);
    sha256_of("mefc-test-trust-anchor", other);
    hex_encode(sha, 32, hex);
    fingerprint_format_ni(sha, text);
    g_assert_cmpstr(text, ==, DEVICE_NI);

    g_autofree char *b16 = base64url_encode(sha, 16), *b15 = base64url_encode(sha, 15);
    char digit = fingerprint_check_digit(hex, 64);
    char *const forms[] = {
        g_strdup(DEVICE_NI),
        g_strdup_printf("ni:///1;%s", strchr(DEVICE_NI, ';') + 1),
        g_strdup_printf("ni:///sha-256-128;%s", b16),
        g_strdup_printf("ni:///2;%s", b16),
        g_strdup_printf("ni:///sha-256-120;%s", b15),
        g_strdup_printf("ni:///3;%s", b15),
        g_strdup_printf("nih:sha-256;%s", hex),
        g_strdup_printf("nih:1;%s;%c", hex, digit),
        g_strdup_printf("nih:sha-256;%s;%c", hex, g_ascii_toupper(digit)),
        g_ascii_strup(hex, -1),
        NULL,
    };
    for (size_t i = 0; i < 9; i++) {
        g_test_message("%s", forms[i]);
        g_assert_cmpint(fingerprint_parse(forms[i], &f), ==, 0);
        g_assert_cmpuint(f.len, ==, i == 2 || i == 3 ? 16 : i == 4 || i == 5 ? 15 : 32);
        g_assert_true(fingerprint_matches(&f, sha));
        g_assert_false(fingerprint_matches(&f, other));
        char again[FINGERPRINT_NI_LEN];
        struct fingerprint g;
        fingerprint_format(&f, again);
        g_assert_cmpint(fingerprint_parse(again, &g), ==, 0);
        g_assert_cmpmem(g.octets, g.len, f.octets, f.len);
    }
    g_assert_cmpint(fingerprint_parse(forms[9], &f), ==, -EINVAL);
    for (size_t i = 0; forms[i]; i++)
        g_free(forms[i]);

    /* The examples of RFC 6920 8.2, with separators. */
    static const char *const rfc[] = {"nih:sha-256-120;5326-9057-e12f-e2b7-4ba0-7c89-2560-a2;f",
                                      "nih:3;532690-57e12f-e2b74b-a07c89-2560a2;f",
                                      "nih:3;53269057e12fe2b74ba07c892560a2;f",
                                      "nih:3;53269057e12fe2b74ba07c892560a2"};
    for (size_t i = 0; i < G_N_ELEMENTS(rfc); i++) {
        g_assert_cmpint(fingerprint_parse(rfc[i], &f), ==, 0);
        g_assert_cmpuint(f.len, ==, 15);
        g_assert_cmpuint(f.octets[0], ==, 0x53);
        g_assert_cmpuint(f.octets[14], ==, 0xa2);
    }
    g_assert_cmpint(fingerprint_check_digit("53269057", 8), ==, 'b');
    g_assert_cmpint(fingerprint_check_digit("5g", 2), ==, 0);
    g_assert_cmpint(fingerprint_check_digit("", 0), ==, '0');
    f.len = 4; /* never from the parser; too short to identify anything */
    g_assert_false(fingerprint_matches(&f, sha));
}

static void test_fingerprint_bad(void)
{
    static const char *const bad[] = {
        "",
        "ni:",
        "ni:///",
        "ni:///sha-256",
        "ni:///sha-256;",
        "ni:///sha-256;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5i",   /* short */
        "ni:///sha-256;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iYA", /* long */
        "ni:///sha-256;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iY=", /* padding */
        "ni:///sha-256;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iZ",  /* left-over bits */
        "ni:///sha-256;QKDDDeMKOwhh0I+oi/3qUNgl9+q+yzRl6vme4nZ/5iY",  /* not base64url */
        "ni:///sha-256-128;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iY",
        "ni://example.com/sha-256;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iY",
        "ni:///sha-256;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iY?ct=x",
        " ni:///sha-256;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iY",
        "ni:///sha-256-96;QKDDDeMKOwhh0I-o",
        "ni:///4;QKDDDeMKOwhh0I-o",
        "ni:///sha-256-64;QKDDDeMKOwg",
        "ni:///sha-256-32;QKDDDQ",
        "ni:///6;QKDDDQ",
        "ni:///0;QKDDDQ",
        "ni:///01;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iY",
        "ni:///sha-512;QKDDDeMKOwhh0I-oi_3qUNgl9-q-yzRl6vme4nZ_5iY",
        "nih:sha-256-32;53269057;b",
        "nih:3;53269057e12fe2b74ba07c892560a2;e",  /* wrong check digit */
        "nih:3;53269057e12fe2b74ba07c892560a2;",   /* empty check digit */
        "nih:3;53269057e12fe2b74ba07c892560a2;ff", /* two */
        "nih:3;53269057e12fe2b74ba07c892560a2;g",
        "nih:3;53269057e12fe2b74ba07c892560a2;f;",
        "nih:3;53269057e12fe2b74ba07c892560a",
        "nih:3;53269057e12fe2b74ba07c892560a2ff",
        "nih:3;-53269057e12fe2b74ba07c892560a2",
        "nih:3;53269057--e12fe2b74ba07c892560a2",
        "nih:3;53269057e12fe2b74ba07c892560a2-",
        "nih:3;53269057e12fe2b74ba07c892560a2-;f",
        "nih:3;53269057:e12fe2b74ba07c892560a2",
        "nih:///3;53269057e12fe2b74ba07c892560a2",
        "sha256:40a0c30de30a3b0861d08fa88bfdea50d825f7eabecb3465eaf99ee2767fe626",
        "40:a0:c3:0d:e3:0a:3b:08:61:d0:8f:a8:8b:fd:ea:50:d8:25:f7:ea:be:cb:34:65:ea:f9:9e:e2:76:7f:e6:26",
        "40a0c30de30a3b0861d08fa88bfdea50d825f7eabecb3465eaf99ee2767fe626",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct fingerprint f = {.len = 99};
        g_test_message("%s", bad[i]);
        g_assert_cmpint(fingerprint_parse(bad[i], &f), ==, -EINVAL);
        g_assert_cmpuint(f.len, ==, 99);
    }
    struct fingerprint f;
    g_autofree char *huge = g_strnfill(100000, '-');
    memcpy(huge, "nih:3;a", 7);
    g_assert_cmpint(fingerprint_parse(huge, &f), ==, -EINVAL);
    g_assert_cmpint(fingerprint_parse(NULL, &f), ==, -EINVAL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/fqdn/normalize", test_fqdn_normalize);
    g_test_add_func("/policy/fqdn/equal", test_fqdn_equal);
    g_test_add_func("/policy/uri/good", test_uri_good);
    g_test_add_func("/policy/uri/bad", test_uri_bad);
    g_test_add_func("/policy/fingerprint/forms", test_fingerprint_forms);
    g_test_add_func("/policy/fingerprint/bad", test_fingerprint_bad);
    return g_test_run();
}
