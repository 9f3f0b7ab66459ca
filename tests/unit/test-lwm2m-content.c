/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The content formats of LwM2M (lwm2m.md 4): the vectors, other spellings, and what each format refuses. */
#include <glib.h>
#include <string.h>

#include "plugin/base/str.h"
#include "tests/unit/lwm2m-payload.h"

/* Hex with blanks and '|' between; "'text'" stands for its octets. */
static GByteArray *octets(const char *text)
{
    GByteArray *a = g_byte_array_new();

    for (const char *s = text; *s;) {
        uint8_t c;
        size_t n = 1;
        if (*s == ' ' || *s == '|') {
            s++;
        } else if (*s == '\'') {
            const char *end = strchr(s + 1, '\'');
            g_byte_array_append(a, (const guint8 *)s + 1, (guint)(end - s - 1));
            s = end + 1;
        } else {
            g_assert_cmpint(hex_decode(s, 2, &c, &n), ==, 0);
            g_byte_array_append(a, &c, 1);
            s += 2;
        }
    }
    return a;
}

/* "/1/0/0=1 /1/0/7=U": the list as text; a record without value has no '='. */
static char *told(const struct lwm2m_records *list)
{
    GString *s = g_string_new(NULL);

    for (size_t i = 0; i < list->n; i++) {
        char name[LWM2M_PATH_TEXT];
        struct buf value = {0};
        g_string_append_printf(s, "%s%s", i ? " " : "", lwm2m_path_format(&list->item[i].path, name));
        if (list->item[i].value.type != LWM2M_NONE) {
            g_assert_cmpint(lwm2m_value_format(&list->item[i].value, &value), ==, 0);
            g_string_append_printf(s, "=%s", buf_str(&value));
        }
        if (list->item[i].time > 0)
            g_string_append_printf(s, "@%.17g", list->item[i].time);
        buf_clear(&value);
    }
    return g_string_free(s, FALSE);
}

/* ---- vectors: read, and written again to the same octets ------------------------------------------------
 */

#define DEVICE_TLV                                                                                           \
    "C80014 'Open Mobile Alliance' C80116 'Lightweight M2M Client' C80209 '345000123' C303 '1.0'"            \
    "860641000141010588070842000ED842011388870841007D42010384C10964C10A0F830B410000C40D5182428FC60E"         \
    "'+02:00' C11055"
#define DEVICE                                                                                               \
    "/3/0/0=Open Mobile Alliance /3/0/1=Lightweight M2M Client /3/0/2=345000123 /3/0/3=1.0 /3/0/6/0=1 "      \
    "/3/0/6/1=5 /3/0/7/0=3800 /3/0/7/1=5000 /3/0/8/0=125 /3/0/8/1=900 /3/0/9=100 /3/0/10=15 /3/0/11/0=0 "    \
    "/3/0/13=1367491215 /3/0/14=+02:00 /3/0/16=U"
#define DEVICE_ENTRIES(n, s, x)                                                                              \
    "{" n "\"n\":\"0\",\"" s "\":\"Open Mobile Alliance\"},{\"n\":\"1\",\"" s                                \
    "\":\"Lightweight M2M Client\"},"                                                                        \
    "{\"n\":\"2\",\"" s "\":\"345000123\"},{\"n\":\"3\",\"" s "\":\"1.0\"},{\"n\":\"6/0\",\"v\":1},"         \
    "{\"n\":\"6/1\",\"v\":5},{\"n\":\"7/0\",\"v\":3800},{\"n\":\"7/1\",\"v\":5000},{\"n\":\"8/"              \
    "0\",\"v\":125},"                                                                                        \
    "{\"n\":\"8/1\",\"v\":900},{\"n\":\"9\",\"v\":100},{\"n\":\"10\",\"v\":15},{\"n\":\"11/0\",\"v\":0},"    \
    "{\"n\":\"13\",\"v\":1367491215},{\"n\":\"14\",\"" s "\":\"+02:00\"},{\"n\":\"16\",\"" s "\":\"U\"}" x

static const struct vector {
    unsigned format;
    const char *base;
    const char *payload; /* hex; text formats as they are */
    const char *list;
} vectors[] = {
    {11542, "/3/0", DEVICE_TLV, DEVICE},
    {11542, "/1", "08000F C10001 C40100015180 C10601 C10755", "/1/0/0=1 /1/0/1=86400 /1/0/6=1 /1/0/7=U"},
    {11542, "/2", "08000E C10001 C10100 8302417F07 C1037F 080212 C10003 C10100 870241 7F07 61013601 C1037F",
     "/2/0/0=1 /2/0/1=0 /2/0/2/127=7 /2/0/3=127 /2/2/0=3 /2/2/1=0 /2/2/2/127=7 /2/2/2/310=1 /2/2/3=127"},
    {1542, "/1", "08000F C10001 C40100015180 C10601 C10755", "/1/0/0=1 /1/0/1=86400 /1/0/6=1 /1/0/7=U"},
    {11542, "/3/0/7", "8807 08 42000ED8 42011388", "/3/0/7/0=3800 /3/0/7/1=5000"},
    {11542, "/3/0/9", "C10964", "/3/0/9=100"},
    {11542, "/3/0/6/1", "410105", "/3/0/6/1=5"},
    {11542, "/3/0/6", "8006", "/3/0/6"},
    {11542, "/3", "", ""},
    {11542, "/3/0", "", ""},
    {11542, "/3", "0000", "/3/0"},
    {11542, "/33000/300", "E00137", "/33000/300/311="}, /* 2-byte identifier, empty string */
    {11542, "/33000/0", "C10280 C20CFF7F C416FFFF7FFF C820 08FFFFFFFF7FFFFFFF",
     "/33000/0/2=-128 /33000/0/12=-129 /33000/0/22=-32769 /33000/0/32=-2147483649"},
    {11542, "/33000/0", "C103FF C20DFFFF C417FFFFFFFF C82108FFFFFFFFFFFFFFFF",
     "/33000/0/3=255 /33000/0/13=65535 /33000/0/23=4294967295 /33000/0/33=18446744073709551615"},
    {11542, "/33000/0", "C4043FC00000 C10501 C30601FF00 C408FFFFFFFF C80E083FB999999999999A",
     "/33000/0/4=1.5 /33000/0/5=1 /33000/0/6=Af8A /33000/0/8=65535:65535 /33000/0/14=0.1"},
    {11543, "/3/0", "{\"bn\":\"/3/0/\",\"e\":[" DEVICE_ENTRIES("", "sv", "]}"), DEVICE},
    {1543, "/3/0", "{\"bn\":\"/3/0/\",\"e\":[" DEVICE_ENTRIES("", "sv", "]}"), DEVICE},
    {11543, "/33000",
     "{\"bn\":\"/33000/\",\"e\":[{\"n\":\"0/4\",\"v\":1.5},{\"n\":\"0/5\",\"bv\":true},{\"n\":\"0/6\",\"sv\":"
     "\"+/8=\"},{\"n\":\"1/8\",\"ov\":\"3:0\"}]}",
     "/33000/0/4=1.5 /33000/0/5=1 /33000/0/6=+/8= /33000/1/8=3:0"},
    {110, "/3/0", "[" DEVICE_ENTRIES("\"bn\":\"/3/0/\",", "vs", "]"), DEVICE},
    {110, "/",
     "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":95},{\"bn\":\"/33000/0/\",\"n\":\"1\",\"vs\":"
     "\"a\\\"\\u0001\xc3\xa4\"},{\"n\":\"3\",\"v\":9007199254740993},{\"n\":\"4\",\"v\":0.1},{\"n\":\"5\","
     "\"vb\":"
     "false},{\"n\":\"6\",\"vd\":\"-_8\"},{\"n\":\"8/2\",\"vlo\":\"3:0\",\"t\":1700000000}]",
     "/3/0/9=95 /33000/0/1=a\"\x01\xc3\xa4 /33000/0/3=9007199254740993 /33000/0/4=0.1 /33000/0/5=0 "
     "/33000/0/6=+/8= /33000/0/8/2=3:0@1700000000"},
    {110, "/3", "[]", ""},
    {112, "/3", "80", ""},
    {112, "/3/0", "82 A3 00 63'6/0' 02 20 21 65'/3/0/' A2 00 61'9' 02 182A", "/3/0/6/0=-1 /3/0/9=42"},
    {112, "/33000/0",
     "86 A3 00 61'1' 03 61'a' 21 69'/33000/0/' A2 00 61'3' 02 1BFFFFFFFFFFFFFFFF A2 00 61'5' 04 F5 "
     "A3 00 61'6' 06 1A6553F100 08 42 00FF A2 00 61'8' 63'vlo' 63'3:0' A2 00 61'9' 03 60",
     "/33000/0/1=a /33000/0/3=18446744073709551615 /33000/0/5=1 /33000/0/6=AP8=@1700000000 /33000/0/8=3:0 "
     "/33000/0/9="},
    {0, "/3/0/9", "95", "/3/0/9=95"},
    {0, "/33000/0/6", "+/8=", "/33000/0/6=+/8="},
    {0, "/33000/0/8", "3:0", "/33000/0/8=3:0"},
    {42, "/33000/0/6", "00FF", "/33000/0/6=AP8="},
    {60, "/3/0/9", "185F", "/3/0/9=95"},
    {60, "/3/0/6/1", "3863", "/3/0/6/1=-100"},
    {60, "/33000/0/4", "FB3FB999999999999A", "/33000/0/4=0.1"},
    {60, "/33000/0/4", "FA3FC00000", "/33000/0/4=1.5"},
    {60, "/33000/0/5", "F5", "/33000/0/5=1"},
    {60, "/33000/0/6", "4200FF", "/33000/0/6=AP8="},
    {60, "/33000/0/3", "1BFFFFFFFFFFFFFFFF", "/33000/0/3=18446744073709551615"},
    {60, "/33000/0/7", "1A6553F100", "/33000/0/7=1700000000"},
    {60, "/33000/0/8", "63'3:0'", "/33000/0/8=3:0"},
};

static bool is_text(unsigned format)
{
    return format == 0 || format == 110 || format == 11543 || format == 1543;
}

static GByteArray *payload_of(unsigned format, const char *text)
{
    if (!is_text(format))
        return octets(text);
    GByteArray *a = g_byte_array_new();
    return g_byte_array_append(a, (const guint8 *)text, (guint)strlen(text));
}

static void test_vectors(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
        const struct vector *v = &vectors[i];
        g_autoptr(GByteArray) in = payload_of(v->format, v->payload);
        struct lwm2m_path base = path(v->base);
        struct lwm2m_records list = {0};
        struct mef_error e = {0};
        struct buf out = {0};
        g_test_message("%u %s, row %zu", v->format, v->base, i);
        int r = decode(v->format, v->base, LWM2M_WANT_VALUES, in->data, in->len, &list, &e);
        g_assert_cmpstr(e.text, ==, "");
        g_assert_cmpint(r, ==, 0);
        g_autofree char *is = told(&list);
        g_assert_cmpstr(is, ==, v->list);
        g_assert_cmpint(lwm2m_encode(v->format, &base, &list, &out, &e), ==, 0);
        g_assert_cmpmem(out.data, out.len, in->data, in->len);
        buf_clear(&out);
        lwm2m_records_clear(&list);
    }
}

/* ---- other spellings of the same ------------------------------------------------------------------------
 */

static const struct vector spellings[] = {
    /* TLV: longer heads than needed, an instance around the resources of one, a Create without an instance */
    {11542, "/3/0", "E0000A 'x'", NULL},
    {11542, "/3/0", "F0 0009 0001 64", "/3/0/9=100"},
    {11542, "/3/0", "DF 09 000001 64", "/3/0/9=100"},
    {11542, "/3/0", "C2090064", "/3/0/9=100"},
    {11542, "/3/0", "0300 C10964", "/3/0/9=100"},
    {11542, "/1", "C10001 C10163", "/1/65535/0=1 /1/65535/1=99"},
    {11542, "/3/0", "C10901 C10002 C20AABCD", "/3/0/0=\x02 /3/0/9=1 /3/0/10=-21555"},
    {11542, "/3/0", "C163FF 82644105", NULL},
    {11542, "/3/0", "C163FF 8364410005", "/3/0/99 /3/0/100/0"},
    /* JSON: names relative to the request, or absolute; other keys; numbers spelled otherwise */
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1}]}", "/3/0/9=1"},
    {11543, "/3/0/9", "{\"e\":[{\"v\":1}]}", "/3/0/9=1"},
    {11543, "/3/0/9", "{\"e\":[{\"n\":\"\",\"v\":1}]}", "/3/0/9=1"},
    {11543, "/3/0/6", "{\"e\":[{\"n\":\"0\",\"v\":1},{\"n\":\"1\",\"v\":2}]}", "/3/0/6/0=1 /3/0/6/1=2"},
    {11543, "/3", "{\"e\":[{\"n\":\"/3/0/9\",\"v\":1}]}", "/3/0/9=1"},
    {11543, "/3/0", "{\"bn\":\"/3\",\"e\":[{\"n\":\"/0/9\",\"v\":1}]}", "/3/0/9=1"},
    {11543, "/3/0", " {\"x\":{},\"bt\":100,\"e\":[{\"n\":\"9\",\"t\":-1,\"v\":1,\"y\":null}]} ",
     "/3/0/9=1@99"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1.0},{\"n\":\"10\",\"v\":2e1}]}", "/3/0/9=1 /3/0/10=20"},
    {11543, "/33000/0", "{\"e\":[{\"n\":\"4\",\"v\":7},{\"n\":\"0\",\"sv\":\"?\"}]}",
     "/33000/0/0 /33000/0/4=7"},
    {11543, "/3/0", "{\"e\":[]}", ""},
    /* SenML: base fields hold on and are replaced; what may be ignored is */
    {110, "/3/0", "[{\"bn\":\"/3/0/9\",\"v\":5}]", "/3/0/9=5"},
    {110, "/3/0", "[{\"n\":\"/3/0/9\",\"v\":5,\"u\":\"%\",\"ut\":9,\"zz\":[[1]]}]", "/3/0/9=5"},
    {110, "/3/0",
     "[{\"bn\":\"/3/0/\",\"bt\":10,\"bver\":10,\"n\":\"9\",\"v\":5},{\"n\":\"10\",\"t\":5,\"v\":6}]",
     "/3/0/9=5@10 /3/0/10=6@15"},
    {110, "/",
     "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":5},{\"bn\":\"/1/0/"
     "\",\"n\":\"1\",\"v\":6},{\"n\":\"6\",\"vb\":true}]",
     "/1/0/1=6 /1/0/6=1 /3/0/9=5"},
    {110, "/", "[{\"bn\":\"/3/\",\"n\":\"0/9\",\"v\":5},{\"bn\":\"\",\"n\":\"/1/0/1\",\"v\":6}]",
     "/1/0/1=6 /3/0/9=5"},
    {112, "/3/0", "9F BF 00 66'/3/0/9' 02 FA42C80000 FF FF", "/3/0/9=100"},            /* open; 100.0 */
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 F95640 18 63 82 00 A1 00 01", "/3/0/9=100"}, /* half; key 99 */
    {112, "/3/0", "81 A4 00 66'/3/0/9' 02 1900FF 20 0A 62'xy' C1 F6", "/3/0/9=255"},
    {60, "/3/0/13", "C1 1A6553F100", "/3/0/13=1700000000"},
    {60, "/33000/0/4", "07", "/33000/0/4=7"},
    {60, "/33000/0/0", "82 01 02", "/33000/0/0"},
    {0, "/3/0/99", "\xff whatever", "/3/0/99"},
    {42, "/3/0/99", "00", "/3/0/99"},
};

static void test_spellings(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(spellings); i++) {
        const struct vector *v = &spellings[i];
        g_autoptr(GByteArray) in = payload_of(v->format, v->payload);
        struct lwm2m_records list = {0};
        struct mef_error e = {0};
        g_test_message("%u %s, row %zu", v->format, v->base, i);
        int r = decode(v->format, v->base, LWM2M_WANT_VALUES, in->data, in->len, &list, &e);
        if (!v->list) {
            g_assert_cmpint(r, ==, LWM2M_BAD_REQUEST);
            continue;
        }
        g_assert_cmpstr(e.text, ==, "");
        g_assert_cmpint(r, ==, 0);
        g_autofree char *is = told(&list);
        g_assert_cmpstr(is, ==, v->list);
        lwm2m_records_clear(&list);
    }
}

/* ---- what is refused --------------------------------------------------------------------------------- */

static const struct {
    unsigned format;
    const char *base, *payload;
} refused[] = {
    /* TLV: lengths */
    {11542, "/1", "08000D C10001 C40100015180 C10601 C10755"}, /* the misprint of the published text */
    {11542, "/1", "080010 C10001 C40100015180 C10601 C10755"},
    {11542, "/2", "08000E C10001 C10100 83 02417F07 C1037F 080212 C10003 C10100 8602417F0761013601 C1037F"},
    {11542, "/3/0", "C1"},
    {11542, "/3/0", "C109"},
    {11542, "/3/0", "C2090A"},
    {11542, "/3/0", "C8"},
    {11542, "/3/0", "C809"},
    {11542, "/3/0", "E100"},
    {11542, "/3/0", "D80000"},
    {11542, "/3/0", "D800FFFFFF00"},
    {11542, "/3/0", "8606410001420205"},
    {11542, "/3/0", "860641000141"},
    /* TLV: what stands where */
    {11542, "/3/0", "410001"},
    {11542, "/3/0", "8303C10001"},
    {11542, "/3/0", "0301C10901"}, /* another instance */
    {11542, "/3/0", "0300C10901 0301C10901"},
    {11542, "/3/0", "C10901 0300C10901"},
    {11542, "/3", "0300C10901 C10901"},
    {11542, "/3", "C10901 0300C10901"},
    {11542, "/3", "0500 0301 C10901"},
    {11542, "/3/0/9", "C10A01"},
    {11542, "/3/0/9", "C10901 C10A01"},
    {11542, "/3/0/9", ""},
    {11542, "/3/0/9", "0300C10901"},
    {11542, "/3/0/6/0", "C10601"},
    {11542, "/3/0/6/0", "410101"},
    {11542, "/", "C10901"},
    {11542, "/3/0", "E1FFFF00"},
    {11542, "/3/0", "C10901 C10901"},     /* twice */
    {11542, "/3/0", "C10601 8306410001"}, /* single and multiple */
    {11542, "/3", "0300C10901 0300C10902"},
    /* TLV: values */
    {11542, "/3/0", "C009"},
    {11542, "/3/0", "C309000001"},
    {11542, "/3/0", "C5090000000001"},
    {11542, "/33000/0", "C10502"},
    {11542, "/33000/0", "C2050001"},
    {11542, "/33000/0", "C005"},
    {11542, "/33000/0", "C4047FC00000"},
    {11542, "/33000/0", "C404FF800000"},
    {11542, "/33000/0", "C8 04 08 7FF0000000000000"},
    {11542, "/33000/0", "C2043FC0"},
    {11542, "/33000/0", "C308 000300"},
    {11542, "/33000/0", "C201 C328"},
    {11542, "/33000/0", "C101 00"},
    /* JSON */
    {11543, "/3/0", ""},
    {11543, "/3/0", "[]"},
    {11543, "/3/0", "{}"},
    {11543, "/3/0", "null"},
    {11543, "/3/0", "{\"e\":{}}"},
    {11543, "/3/0", "{\"e\":[1]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\"}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1,\"sv\":\"1\"}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"sv\":\"1\"}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":\"1\"}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1.5}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1e30}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":9,\"v\":1}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1},{\"n\":\"9\",\"v\":1}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"n\":\"9\",\"v\":1}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1}]} x"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1}],\"bn\":7}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1}],\"bt\":\"7\"}"},
    {11543, "/3/0", "{\"bn\":\"/3/0\",\"e\":[{\"n\":\"9\",\"v\":1}]}"}, /* /3/09 */
    {11543, "/3/0", "{\"bn\":\"/3/1/\",\"e\":[{\"n\":\"9\",\"v\":1}]}"},
    {11543, "/3/0", "{\"bn\":\"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/\",\"e\":[]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9/1/1\",\"v\":1}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9/\",\"v\":1}]}"},
    {11543, "/3", "{\"e\":[{\"n\":\"0\",\"v\":1}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"0\",\"sv\":\"\xff\"}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"0\",\"sv\":\"a\\u0000b\"}]}"},
    {11543, "/33000/0", "{\"e\":[{\"n\":\"6\",\"sv\":\"AP8\"}]}"},
    {11543, "/33000/0", "{\"e\":[{\"n\":\"5\",\"v\":1}]}"},
    {11543, "/33000/0", "{\"e\":[{\"n\":\"3\",\"v\":-1}]}"},
    {11543, "/33000/0", "{\"e\":[{\"n\":\"8\",\"sv\":\"1:1\"}]}"},
    {11543, "/33000/0", "{\"e\":[{\"n\":\"8\",\"ov\":\"1:70000\"}]}"},
    {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"v\":1,\"x\":[[[1]]]}]}"}, /* too deep */
    /* SenML JSON */
    {110, "/3/0", ""},
    {110, "/3/0", "{}"},
    {110, "/3/0", "[[]]"},
    {110, "/3/0", "[{}]"},
    {110, "/3/0", "[{\"n\":\"/3/0/9\"}]"},
    {110, "/3/0", "[{\"v\":1}]"},
    {110, "/3/0", "[{\"n\":\"9\",\"v\":1}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0\",\"n\":\"9\",\"v\":1}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"v\":1}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":1,\"vs\":\"1\"}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"vs\":\"1\"}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":true}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":1,\"bv\":1}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"s\":1}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":1,\"x_\":1}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":1,\"bver\":11}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":1,\"t\":\"now\"}]"},
    {110, "/3/0", "[{\"bn\":\"/1/0/\",\"n\":\"1\",\"v\":1}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":1},{\"bn\":\"/3/0/9\",\"v\":1}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":1},{\"n\":\"9/0\",\"v\":1}]"},
    {110, "/3/0", "[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":99999999999999999999}]"},
    {110, "/33000/0", "[{\"n\":\"/33000/0/6\",\"vd\":\"AP8=\"}]"},
    {110, "/33000/0", "[{\"n\":\"/33000/0/6\",\"vd\":\"+/8\"}]"},
    {110, "/33000/0", "[{\"n\":\"/33000/0/6\",\"vs\":\"AP8\"}]"},
    {110, "/33000/0", "[{\"n\":\"/33000/0/5\",\"v\":1}]"},
    {110, "/33000/0", "[{\"n\":\"/33000/0/8\",\"vs\":\"1:1\"}]"},
    {110, "/33000/0", "[{\"n\":\"/33000/0/4\",\"v\":1e999}]"},
    /* SenML CBOR */
    {112, "/3/0", ""},
    {112, "/3/0", "A0"},
    {112, "/3/0", "81"},
    {112, "/3/0", "8180"},
    {112, "/3/0", "81A0"},
    {112, "/3/0", "9F"},
    {112, "/3/0", "9B FFFFFFFFFFFFFFFF"},
    {112, "/3/0", "81 BB FFFFFFFFFFFFFFFF"},
    {112, "/3/0", "81 A1 00 66'/3/0/9'"},
    {112, "/3/0", "81 A2 00 66'/3/0/9' 02 02 00"}, /* more behind it */
    {112, "/3/0", "81 A2 00 66'/3/0/9' 02 61 31"}, /* text as number */
    {112, "/3/0", "81 A2 00 66'/3/0/9' 02 3BFFFFFFFFFFFFFFFF"},
    {112, "/3/0", "81 A2 00 66'/3/0/9' 02 1BFFFFFFFFFFFFFFFF"},
    {112, "/3/0", "81 A2 00 66'/3/0/9' 02 FA7FC00000"},
    {112, "/3/0", "81 A2 00 66'/3/0/9' 02 FA3FC00000"},       /* 1.5 */
    {112, "/3/0", "81 A3 00 66'/3/0/9' 00 66'/3/0/9' 02 01"}, /* key twice */
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 01 02 01"},
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 01 05 01"}, /* sum */
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 01 24 01"}, /* base value */
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 01 20 0B"}, /* version 11 */
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 01 62'x_' 01"},
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 01 41 00 01"},             /* a key of octets */
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 01 06 FA7F800000"},        /* time without end */
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 01 1863 818181818181 00"}, /* too deep */
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 01 1863 9BFFFFFFFFFFFFFFFF"},
    {112, "/3/0", "81 A3 00 66'/3/0/9' 02 01 1863 5F4100FF"},
    {112, "/3/0", "81 BF 00 7F66'/3/0/9'FF 02 01 FF"}, /* a name in pieces */
    {112, "/3/0", "81 A2 00 66'/3/0/0' 03 62 C328"},   /* no UTF-8 */
    {112, "/3/0", "81 A2 00 66'/3/0/0' 03 7B7FFFFFFFFFFFFFFF 00"},
    /* one value */
    {60, "/3/0/9", ""},
    {60, "/3/0/9", "18"},
    {60, "/3/0/9", "0101"},
    {60, "/3/0/9", "F6"},
    {60, "/3/0/9", "C101"},
    {60, "/3/0/9", "6131"},
    {60, "/3/0/13", "C0 61 31"},
    {60, "/3/0/13", "C1"},
    {60, "/33000/0/5", "01"},
    {60, "/33000/0/8", "82 03 00"},
    {60, "/3/0", "01"},
    {0, "/3/0/9", ""},
    {0, "/3/0/9", "1 "},
    {0, "/3/0/0", "\xc3("},
    {0, "/3/0", "1"},
    {42, "/3/0/9", "31"},
    {42, "/33000/0/1", "31"},
    {42, "/33000/0", "31"},
};

static void test_refused(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GByteArray) in = payload_of(refused[i].format, refused[i].payload);
        struct lwm2m_records list = {0};
        struct mef_error e = {0};
        g_test_message("%u %s, row %zu", refused[i].format, refused[i].base, i);
        g_assert_cmpint(
            decode(refused[i].format, refused[i].base, LWM2M_WANT_VALUES, in->data, in->len, &list, &e), ==,
            LWM2M_BAD_REQUEST);
        g_assert_cmpint(e.word, ==, MEF_ERROR_INVALID_ARGUMENTS);
        g_assert_cmpuint(strlen(e.text), >, 10);
        g_assert_true(list.n == 0 && !list.item);
    }
}

/* A key that a server writes must not end up in a log by way of the sentence. */
static void test_sentence_keeps_values(void)
{
    static const char secret[] = "hunter2hunter2";
    static const struct {
        unsigned format;
        const char *base, *payload;
    } rows[] = {
        {11542, "/3/0", "C8090E 'hunter2hunter2'"},
        {11542, "/33000/0", "C8080E 'hunter2hunter2'"},
        {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"sv\":\"hunter2hunter2\"}]}"},
        {11543, "/3/0", "{\"e\":[{\"n\":\"9\",\"sv\":\"hunter2hunter2}]}"},
        {110, "/3/0", "[{\"n\":\"/3/0/9\",\"vs\":\"hunter2hunter2\"}]"},
        {110, "/3/0", "[{\"n\":\"/3/0/9\",\"vs\":\"hunter2hunter2\" \"x\"}]"},
        {110, "/33000/0", "[{\"n\":\"/33000/0/6\",\"vd\":\"hunter2hunter2=\"}]"},
        {112, "/3/0", "81 A2 00 66'/3/0/9' 03 6E 'hunter2hunter2'"},
        {60, "/3/0/9", "6E 'hunter2hunter2'"},
        {0, "/3/0/9", "hunter2hunter2"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) in = payload_of(rows[i].format, rows[i].payload);
        struct lwm2m_records list = {0};
        struct mef_error e = {0};
        g_assert_cmpint(decode(rows[i].format, rows[i].base, LWM2M_WANT_VALUES, in->data, in->len, &list, &e),
                        ==, LWM2M_BAD_REQUEST);
        g_test_message("%s", e.text);
        g_assert_null(strstr(e.text, secret));
        g_assert_null(strstr(e.text, "hunter"));
    }
}

/* ---- paths of composite operations ----------------------------------------------------------------------
 */

static void test_paths(void)
{
    static const char json[] =
        "[{\"n\":\"/3/0/9\"},{\"bn\":\"/1/0/\",\"n\":\"1\"},{\"bn\":\"\",\"n\":\"/4\"},{\"n\":\"/\"}]",
                      valued[] = "[{\"n\":\"/3/0/9\",\"v\":1}]";
    g_autoptr(GByteArray) cbor =
        octets("84 A1 00 66'/3/0/9' A2 21 65'/1/0/' 00 61'1' A2 21 60 00 62'/4' A1 00 61'/'"),
                          none = octets("81 A1 00 66'/3/0/9' ");
    struct lwm2m_records list = {0};
    struct mef_error e;

    g_assert_cmpint(decode(110, "/", LWM2M_WANT_PATHS, json, sizeof json - 1, &list, &e), ==, 0);
    g_autofree char *a = told(&list);
    g_assert_cmpstr(a, ==, "/3/0/9 /1/0/1 /4 /"); /* in the order of the request */
    lwm2m_records_clear(&list);
    g_assert_cmpint(decode(112, "/", LWM2M_WANT_PATHS, cbor->data, cbor->len, &list, &e), ==, 0);
    g_autofree char *b = told(&list);
    g_assert_cmpstr(b, ==, a);
    lwm2m_records_clear(&list);
    g_assert_cmpint(decode(110, "/", LWM2M_WANT_PATHS, valued, sizeof valued - 1, &list, &e), ==,
                    LWM2M_BAD_REQUEST);
    g_assert_cmpint(decode(112, "/", LWM2M_WANT_VALUES, none->data, none->len, &list, &e), ==,
                    LWM2M_BAD_REQUEST);
    static const unsigned others[] = {0, 40, 42, 60, 1542, 1543, 11542, 11543, 11544};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_cmpint(decode(others[i], "/", LWM2M_WANT_PATHS, json, sizeof json - 1, &list, &e), ==,
                        LWM2M_UNSUPPORTED_FORMAT);
}

static void test_table(void)
{
    static const struct {
        unsigned number, since;
        bool single, composites;
        const char *name;
    } rows[] = {
        {0, 10, true, false, "text/plain"},
        {42, 10, true, false, "application/octet-stream"},
        {60, 11, true, false, "application/cbor"},
        {110, 11, false, true, "application/senml+json"},
        {112, 11, false, true, "application/senml+cbor"},
        {11542, 10, false, false, "application/vnd.oma.lwm2m+tlv"},
        {11543, 10, false, false, "application/vnd.oma.lwm2m+json"},
        {1542, 10, false, false, "application/vnd.oma.lwm2m+tlv"},
        {1543, 10, false, false, "application/vnd.oma.lwm2m+json"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const struct lwm2m_content *c = lwm2m_content(rows[i].number);
        g_assert_nonnull(c);
        g_assert_cmpuint(c->number, ==, rows[i].number);
        g_assert_cmpuint(c->since, ==, rows[i].since);
        g_assert_cmpint(c->single, ==, rows[i].single);
        g_assert_cmpint(c->composites, ==, rows[i].composites);
        g_assert_cmpstr(c->media_type, ==, rows[i].name);
    }
    g_assert_null(lwm2m_content(LWM2M_FORMAT_LINK));
    g_assert_null(lwm2m_content(11544));
    g_assert_null(lwm2m_content(65536 + 110));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lwm2m/content/table", test_table);
    g_test_add_func("/lwm2m/content/vectors", test_vectors);
    g_test_add_func("/lwm2m/content/spellings", test_spellings);
    g_test_add_func("/lwm2m/content/refused", test_refused);
    g_test_add_func("/lwm2m/content/sentence-keeps-values", test_sentence_keeps_values);
    g_test_add_func("/lwm2m/content/paths", test_paths);
    return g_test_run();
}
