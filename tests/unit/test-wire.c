/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTP binding as bytes: tables of mef-protocol.md 2.3 and 2.5, without a network. */
#include <errno.h>
#include <glib.h>

#include "plugin/base/limits.h"
#include "plugin/net/wire.h"

static void test_path(void)
{
    static const struct {
        const char *to, *path;
    } rows[] = {
        {"//mef.example.com/-", "/_/mef.example.com/-"},
        {"//mef.example.com/-/x", "/_/mef.example.com/-/x"},
        {"//mef.example.com/-/mecr-7f3a21/cmd", "/_/mef.example.com/-/mecr-7f3a21/cmd"},
        {"/gw42/x", "/~/gw42/x"},
        {"x/y", "/x/y"},
        {"//h/a b?c#d%e\r\n", "/_/h/a%20b%3Fc%23d%25e%0D%0A"},
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        _cleanup_(freep) char *path = wire_path(rows[i].to);
        g_assert_cmpstr(path, ==, rows[i].path);
    }
}

static void test_reference(void)
{
    static const struct {
        const char *location, *reference;
    } rows[] = {
        {"/_/mef.example.com/-/mecr-7f3a21", "//mef.example.com/-/mecr-7f3a21"},
        {"https://mef.example.com:8443/_/mef.example.com/-/x", "//mef.example.com/-/x"},
        {"HTTPS://h/_/h/-/x", "//h/-/x"},
        {"coaps://h/~/gw/x", "/gw/x"},
        {"https://h/-/x", "/-/x"},
        {"-/mecr-1", "-/mecr-1"},
        {"mecr-1", "mecr-1"},
        {"//h/-/x", "//h/-/x"},
        {"/_/h/-/x?rcn=5#f", "//h/-/x"},
        {"/_/h/-/a%2Db", "//h/-/a-b"},
        {"https://h", NULL},
        {"", NULL},
        {"?x", NULL},
        {"/_/h/%0d%0a", NULL},
        {"/_/h/%2", NULL},
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        _cleanup_(freep) char *reference = wire_reference(rows[i].location);
        g_assert_cmpstr(reference, ==, rows[i].reference);
    }
}

static void test_status(void)
{
    static const struct {
        enum mef_operation op;
        unsigned status;
        uint32_t rsc;
    } rows[] = {
        {MEF_OP_CREATE, 201, 2001},   {MEF_OP_CREATE, 200, 2001},   {MEF_OP_RETRIEVE, 200, 2000},
        {MEF_OP_UPDATE, 200, 2004},   {MEF_OP_DELETE, 200, 2002},   {MEF_OP_DELETE, 204, 2002},
        {MEF_OP_RETRIEVE, 400, 4000}, {MEF_OP_RETRIEVE, 403, 4103}, {MEF_OP_RETRIEVE, 404, 4004},
        {MEF_OP_RETRIEVE, 405, 4005}, {MEF_OP_RETRIEVE, 406, 5207}, {MEF_OP_RETRIEVE, 409, 4105},
        {MEF_OP_RETRIEVE, 415, 4015}, {MEF_OP_RETRIEVE, 500, 5000}, {MEF_OP_RETRIEVE, 501, 4001},
        {MEF_OP_RETRIEVE, 504, 4008}, {MEF_OP_RETRIEVE, 418, 4000}, {MEF_OP_RETRIEVE, 503, 5000},
        {MEF_OP_RETRIEVE, 302, 0},    {MEF_OP_RETRIEVE, 0, 0},      {MEF_OP_RETRIEVE, 600, 0},
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++)
        g_assert_cmpuint(wire_rsc(rows[i].op, rows[i].status), ==, rows[i].rsc);
    g_assert_cmpstr(wire_method(MEF_OP_CREATE), ==, "POST");
    g_assert_cmpstr(wire_method(MEF_OP_UPDATE), ==, "PUT");
    g_assert_null(wire_method(0));
    g_assert_null(wire_method(5));
}

static int feed(struct wire_headers *h, const char *line, const char **why)
{
    return wire_header_line(h, line, strlen(line), why);
}

static void test_headers(void)
{
    struct wire_headers h = {0};
    const char *why = NULL;
    g_autofree char *huge = g_strnfill(LIMIT_HEADER_LINE + 1, 'x');
    int r = 0;

    g_assert_cmpint(feed(&h, "HTTP/1.1 100 Continue\r\n", &why), ==, 0);
    g_assert_cmpint(feed(&h, "X-M2M-RSC: 5000\r\n", &why), ==, 0);
    g_assert_cmpint(feed(&h, "\r\n", &why), ==, 0);
    g_assert_cmpint(feed(&h, "HTTP/1.1 201 \r\n", &why), ==, 0);
    g_assert_cmpuint(h.status, ==, 201);
    g_assert_false(h.complete);
    g_assert_false(h.have_rsc);
    g_assert_cmpint(feed(&h, "x-m2m-rsc:\t2001 \r\n", &why), ==, 0);
    g_assert_cmpint(feed(&h, "X-M2M-RSC: 2001\r\n", &why), ==, 0);
    g_assert_cmpuint(h.rsc, ==, 2001);
    g_assert_cmpint(feed(&h, "X-M2M-RSC: 2000\r\n", &why), ==, -EBADMSG);
    g_assert_cmpint(feed(&h, "X-M2M-RSC: 2001x\r\n", &why), ==, -EBADMSG);
    g_assert_cmpint(feed(&h, "X-M2M-RSC: -1\r\n", &why), ==, -EBADMSG);
    g_assert_cmpint(feed(&h, "X-M2M-RI: a\r\n", &why), ==, 0);
    g_assert_cmpint(feed(&h, "X-M2M-RI: a\r\n", &why), ==, 0);
    g_assert_cmpint(feed(&h, "X-M2M-RI: b\r\n", &why), ==, -EBADMSG);
    g_assert_cmpstr(h.rqi, ==, "a");
    g_assert_cmpint(feed(&h, "no colon\r\n", &why), ==, 0);
    /* Trailers of a chunked answer are no headers (RFC 9110 6.5.1). */
    g_assert_cmpint(feed(&h, "\r\n", &why), ==, 0);
    g_assert_cmpint(feed(&h, "X-M2M-RSC: 4000\r\n", &why), ==, 0);
    g_assert_cmpint(feed(&h, "Content-Location: /_/h/-/x\r\n", &why), ==, 0);
    g_assert_cmpint(feed(&h, "\r\n", &why), ==, 0);
    g_assert_cmpuint(h.rsc, ==, 2001);
    g_assert_null(h.content_location);
    g_assert_true(h.complete);
    g_assert_cmpint(wire_header_line(&h, huge, LIMIT_HEADER_LINE + 1, &why), ==, -E2BIG);
    for (unsigned i = 0; i < 10 && r == 0; i++)
        r = wire_header_line(&h, huge, LIMIT_HEADER_LINE, &why);
    g_assert_cmpint(r, ==, -E2BIG);
    wire_headers_clear(&h);
}

static void test_retry_after(void)
{
    g_assert_cmpint(wire_retry_after(NULL, 0), ==, -1);
    g_assert_cmpint(wire_retry_after("30", 0), ==, 30);
    g_assert_cmpint(wire_retry_after("99999999999999999999", 0), ==, INT32_MAX);
    g_assert_cmpint(wire_retry_after("soon", 0), ==, -1);
    g_assert_cmpint(wire_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 7), ==, 7);
    g_assert_cmpint(wire_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 + 7), ==, 0);
}

static void test_values(void)
{
    g_assert_true(wire_value_ok("//m2m.example.com/gw42"));
    g_assert_true(wire_value_ok("urn:gsma:imei:90420156-025763-0;svn=42"));
    g_assert_false(wire_value_ok(""));
    g_assert_false(wire_value_ok("a\r\nX: y"));
    g_assert_false(wire_value_ok("a\n"));
    g_assert_false(wire_value_ok(" a"));
    g_assert_false(wire_value_ok("\xc3\xa4"));
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/wire/path", test_path);
    g_test_add_func("/net/wire/reference", test_reference);
    g_test_add_func("/net/wire/status", test_status);
    g_test_add_func("/net/wire/headers", test_headers);
    g_test_add_func("/net/wire/retry-after", test_retry_after);
    g_test_add_func("/net/wire/values", test_values);
    return g_test_run();
}
