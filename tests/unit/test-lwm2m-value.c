/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* LwM2M paths and typed values with their text forms (C11 App C; lwm2m.md 4). */
#include <glib.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "dmclient/lwm2m/path.h"
#include "dmclient/lwm2m/value.h"
#include "plugin/base/limits.h"

/* ---- paths ------------------------------------------------------------------------------------------- */

static void test_path_text(void)
{
    static const struct {
        const char *text;
        uint8_t n;
        uint16_t id[4];
    } good[] = {
        {"/", 0, {0}},
        {"/0", 1, {0}},
        {"/3/0", 2, {3, 0}},
        {"/27020/65534/2", 3, {27020, 65534, 2}},
        {"/65534/65534/65534/65534", 4, {65534, 65534, 65534, 65534}},
    };
    static const char *const bad[] = {
        "",     "3",    "3/0",        "//",           "/3/",    "/3//0",       "//3",
        "/03",  "/00",  "/3/0/1/2/3", "/65535",       "/65536", "/3/65535",    "/+3",
        "/-3",  "/ 3",  "/3 ",        "/3/a",         "/a",     "/4294967299", "/3/0/1/2/",
        "/3?x", "/3\n", "/0x3",       "/3/0/1/65535", "/1.0",   "/99999"};
    char text[LWM2M_PATH_TEXT];

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        struct lwm2m_path p = {.n = 3, .id = {9, 9, 9, 9}};
        g_assert_cmpint(lwm2m_path_parse(good[i].text, strlen(good[i].text), &p), ==, 0);
        g_assert_cmpuint(p.n, ==, good[i].n);
        g_assert_cmpmem(p.id, sizeof p.id, good[i].id, sizeof good[i].id);
        g_assert_cmpstr(lwm2m_path_format(&p, text), ==, good[i].text);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct lwm2m_path p = {.n = 1, .id = {7}};
        g_test_message("'%s'", bad[i]);
        g_assert_cmpint(lwm2m_path_parse(bad[i], strlen(bad[i]), &p), ==, -EINVAL);
        g_assert_true(p.n == 1 && p.id[0] == 7);
    }
    struct lwm2m_path p;
    g_assert_cmpint(lwm2m_path_parse("/3\0", 3, &p), ==, -EINVAL); /* the length counts */
    g_assert_cmpint(lwm2m_path_parse("/31", 2, &p), ==, 0);
    g_assert_cmpint(p.id[0], ==, 3);
}

static void test_path_push(void)
{
    struct lwm2m_path p = LWM2M_ROOT;

    g_assert_cmpint(lwm2m_path_push(&p, "5", 1), ==, 0);
    g_assert_cmpint(lwm2m_path_push(&p, "", 0), ==, -EINVAL);
    g_assert_cmpint(lwm2m_path_push(&p, "1/2", 3), ==, -EINVAL);
    g_assert_cmpint(lwm2m_path_push(&p, "65535", 5), ==, -EINVAL);
    g_assert_cmpint(lwm2m_path_push(&p, "100", 1), ==, 0);
    g_assert_cmpint(lwm2m_path_push(&p, "0", 1), ==, 0);
    g_assert_cmpint(lwm2m_path_push(&p, "310", 3), ==, 0);
    g_assert_cmpint(lwm2m_path_push(&p, "0", 1), ==, -EINVAL);
    g_assert_cmpint(lwm2m_path_cmp(&p, &LWM2M_PATH(5, 1, 0, 310)), ==, 0);
}

static void test_path_order(void)
{
    static const struct lwm2m_path sorted[] = {
        {.n = 0},
        {.n = 1, .id = {1}},
        {.n = 2, .id = {1, 0}},
        {.n = 3, .id = {1, 0, 5}},
        {.n = 4, .id = {1, 0, 5, 65535}},
        {.n = 3, .id = {1, 0, 10}},
        {.n = 2, .id = {1, 2}},
        {.n = 1, .id = {2}},
        {.n = 1, .id = {65534}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(sorted); i++)
        for (size_t k = 0; k < G_N_ELEMENTS(sorted); k++)
            g_assert_cmpint(lwm2m_path_cmp(&sorted[i], &sorted[k]), ==, (i > k) - (i < k));

    struct lwm2m_path p = LWM2M_PATH(3, 0, 6), child = lwm2m_path_child(&p, 1),
                      top = lwm2m_path_top(&child, 2);
    g_assert_true(lwm2m_path_within(&child, &p) && lwm2m_path_within(&p, &p));
    g_assert_true(lwm2m_path_within(&child, &LWM2M_ROOT) && lwm2m_path_within(&p, &top));
    g_assert_false(lwm2m_path_within(&p, &child) || lwm2m_path_within(&child, &LWM2M_PATH(3, 1)));
    g_assert_cmpint(lwm2m_path_cmp(&top, &LWM2M_PATH(3, 0)), ==, 0);
    top = lwm2m_path_top(&p, 4);
    g_assert_cmpint(lwm2m_path_cmp(&top, &p), ==, 0);
}

/* ---- values ------------------------------------------------------------------------------------------ */

static const struct text_case {
    enum lwm2m_type type;
    const char *in;
    int r;
    const char *out; /* NULL: as it came in */
} texts[] = {
    {LWM2M_INTEGER, "0", 0, NULL},
    {LWM2M_INTEGER, "-0", 0, "0"},
    {LWM2M_INTEGER, "007", 0, "7"},
    {LWM2M_INTEGER, "-100", 0, NULL},
    {LWM2M_INTEGER, "9223372036854775807", 0, NULL},
    {LWM2M_INTEGER, "-9223372036854775808", 0, NULL},
    {LWM2M_INTEGER, "9223372036854775808", -ERANGE, NULL},
    {LWM2M_INTEGER, "-9223372036854775809", -ERANGE, NULL},
    {LWM2M_INTEGER, "99999999999999999999999999", -ERANGE, NULL},
    {LWM2M_INTEGER, "", -EINVAL, NULL},
    {LWM2M_INTEGER, "-", -EINVAL, NULL},
    {LWM2M_INTEGER, "+1", -EINVAL, NULL},
    {LWM2M_INTEGER, " 1", -EINVAL, NULL},
    {LWM2M_INTEGER, "1 ", -EINVAL, NULL},
    {LWM2M_INTEGER, "1.0", -EINVAL, NULL},
    {LWM2M_INTEGER, "0x10", -EINVAL, NULL},
    {LWM2M_INTEGER, "--1", -EINVAL, NULL},
    {LWM2M_TIME, "1367491215", 0, NULL},
    {LWM2M_TIME, "2013-05-02T10:40:15Z", -EINVAL, NULL},
    {LWM2M_UNSIGNED, "18446744073709551615", 0, NULL},
    {LWM2M_UNSIGNED, "18446744073709551616", -ERANGE, NULL},
    {LWM2M_UNSIGNED, "-1", -ERANGE, NULL},
    {LWM2M_UNSIGNED, "a", -EINVAL, NULL},
    {LWM2M_FLOAT, "0", 0, NULL},
    {LWM2M_FLOAT, "22.5", 0, NULL},
    {LWM2M_FLOAT, "-100.1", 0, NULL},
    {LWM2M_FLOAT, "1.50", 0, "1.5"},
    {LWM2M_FLOAT, "1e3", 0, "1000"},
    {LWM2M_FLOAT, "5E-324", 0, "4.94065645841247e-324"},
    {LWM2M_FLOAT, "0.30000000000000004", 0, NULL},
    {LWM2M_FLOAT, "1e400", -ERANGE, NULL},
    {LWM2M_FLOAT, "nan", -EINVAL, NULL},
    {LWM2M_FLOAT, "inf", -EINVAL, NULL},
    {LWM2M_FLOAT, "0x1p3", -EINVAL, NULL},
    {LWM2M_FLOAT, "1.", -EINVAL, NULL},
    {LWM2M_FLOAT, ".5", -EINVAL, NULL},
    {LWM2M_FLOAT, "1e", -EINVAL, NULL},
    {LWM2M_FLOAT, "1,5", -EINVAL, NULL},
    {LWM2M_FLOAT, " 1", -EINVAL, NULL},
    {LWM2M_FLOAT, "", -EINVAL, NULL},
    {LWM2M_BOOLEAN, "0", 0, NULL},
    {LWM2M_BOOLEAN, "1", 0, NULL},
    {LWM2M_BOOLEAN, "2", -EINVAL, NULL},
    {LWM2M_BOOLEAN, "true", -EINVAL, NULL},
    {LWM2M_BOOLEAN, "", -EINVAL, NULL},
    {LWM2M_STRING, "", 0, NULL},
    {LWM2M_STRING, "Z\xc3\xa4hler\n", 0, NULL},
    {LWM2M_STRING, "\xff", -EINVAL, NULL},
    {LWM2M_STRING, "\xed\xa0\x80", -EINVAL, NULL},
    {LWM2M_CORELNK, "</3/0>", 0, NULL},
    {LWM2M_OPAQUE, "", 0, NULL},
    {LWM2M_OPAQUE, "AAECAw==", 0, NULL},
    {LWM2M_OPAQUE, "AAECAw", -EINVAL, NULL},
    {LWM2M_OPAQUE, "AAECAx==", -EINVAL, NULL},
    {LWM2M_OPAQUE, "AAEC\nAw==", -EINVAL, NULL},
    {LWM2M_OPAQUE, "AA-_", -EINVAL, NULL},
    {LWM2M_OBJLNK, "0:0", 0, NULL},
    {LWM2M_OBJLNK, "10:65534", 0, NULL},
    {LWM2M_OBJLNK, "65535:65535", 0, NULL},
    {LWM2M_OBJLNK, "65536:0", -EINVAL, NULL},
    {LWM2M_OBJLNK, "1", -EINVAL, NULL},
    {LWM2M_OBJLNK, "1:", -EINVAL, NULL},
    {LWM2M_OBJLNK, ":1", -EINVAL, NULL},
    {LWM2M_OBJLNK, "1:-1", -EINVAL, NULL},
    {LWM2M_OBJLNK, "1:02", -EINVAL, NULL},
    {LWM2M_OBJLNK, "1:2:3", -EINVAL, NULL},
    {LWM2M_OBJLNK, "/3/0", -EINVAL, NULL},
    {LWM2M_NONE, "", -EINVAL, NULL},
};

static void test_text(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const struct text_case *c = &texts[i];
        struct lwm2m_value v = {0}, copy = {0};
        struct buf out = {0};
        g_autofree char *shown = g_strescape(c->in, NULL);
        g_test_message("%s '%s'", lwm2m_type_name(c->type), shown);
        g_assert_cmpint(lwm2m_value_parse(c->type, c->in, strlen(c->in), &v), ==, c->r);
        g_assert_cmpint(v.type, ==, c->r == 0 ? c->type : LWM2M_NONE);
        g_assert_cmpint(lwm2m_value_format(&v, &out), ==, 0);
        if (c->r == 0)
            g_assert_cmpstr(buf_str(&out), ==, c->out ? c->out : c->in);
        g_assert_cmpint(lwm2m_value_copy(&v, &copy), ==, 0);
        g_assert_true(lwm2m_value_equal(&v, &copy));
        if (lwm2m_type_has_octets(v.type))
            g_assert_true(v.octets.data != copy.octets.data && copy.octets.data[copy.octets.len] == 0);
        lwm2m_value_clear(&copy);
        g_assert_cmpint(copy.type, ==, LWM2M_NONE);
        lwm2m_value_clear(&v);
        buf_clear(&out);
    }
    struct lwm2m_value v = {0};
    g_assert_cmpint(lwm2m_value_parse(LWM2M_STRING, "a\0b", 3, &v), ==, -EINVAL);
    g_assert_cmpint(lwm2m_value_parse(LWM2M_FLOAT, "1\0", 2, &v), ==, -EINVAL);
}

/* Any finite double comes back bit for bit from its text. */
static void test_number(void)
{
    static const double edges[] = {
        0.1, 1.0 / 3, DBL_MAX, DBL_MIN, DBL_EPSILON, 1e15, 1e16, 123456789012345678.0, 5e-324};

    for (int i = 0; i < 20000; i++) {
        union {
            uint64_t bits;
            double number;
        } u = {.bits = (uint64_t)(guint32)g_test_rand_int() << 32 | (guint32)g_test_rand_int()};
        char text[LWM2M_NUMBER_TEXT];
        struct lwm2m_value v = {0};
        if (i < (int)G_N_ELEMENTS(edges))
            u.number = edges[i];
        if (!isfinite(u.number))
            continue;
        lwm2m_number_format(u.number, text);
        g_assert_cmpint(lwm2m_value_parse(LWM2M_FLOAT, text, strlen(text), &v), ==, 0);
        g_assert_cmpmem(&v.number, sizeof v.number, &u.number, sizeof u.number);
    }
}

static void test_limits(void)
{
    g_autofree char *big = g_malloc0(LIMIT_LWM2M_VALUE + 1), *text = NULL;
    struct lwm2m_value v = {0}, w = {0};
    struct buf out = {.max = 10};

    memset(big, 'x', LIMIT_LWM2M_VALUE + 1);
    g_assert_cmpint(lwm2m_value_octets(LWM2M_STRING, big, LIMIT_LWM2M_VALUE + 1, &v), ==, -E2BIG);
    g_assert_cmpint(lwm2m_value_octets(LWM2M_INTEGER, big, 1, &v), ==, -EINVAL);
    g_assert_cmpint(v.type, ==, LWM2M_NONE);
    g_assert_cmpint(lwm2m_value_octets(LWM2M_OPAQUE, big, LIMIT_LWM2M_VALUE, &v), ==, 0);
    g_assert_cmpint(lwm2m_value_format(&v, &out), ==, -E2BIG);
    out.max = 0;
    g_assert_cmpint(lwm2m_value_format(&v, &out), ==, 0);
    text = buf_steal(&out);
    g_assert_cmpint(lwm2m_value_parse(LWM2M_OPAQUE, text, strlen(text), &w), ==, 0);
    g_assert_true(lwm2m_value_equal(&v, &w));
    w.octets.data[7] ^= 1;
    g_assert_false(lwm2m_value_equal(&v, &w));
    lwm2m_value_clear(&w);
    g_assert_cmpint(lwm2m_value_string("x", &w), ==, 0);
    g_assert_false(lwm2m_value_equal(&v, &w));
    lwm2m_value_clear(&v);
    lwm2m_value_clear(&w);
    v = (struct lwm2m_value){.type = LWM2M_FLOAT, .number = (double)NAN};
    g_assert_cmpint(lwm2m_value_format(&v, &out), ==, -EINVAL);
    buf_clear(&out);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lwm2m/path/text", test_path_text);
    g_test_add_func("/lwm2m/path/push", test_path_push);
    g_test_add_func("/lwm2m/path/order", test_path_order);
    g_test_add_func("/lwm2m/value/text", test_text);
    g_test_add_func("/lwm2m/value/number", test_number);
    g_test_add_func("/lwm2m/value/limits", test_limits);
    return g_test_run();
}
