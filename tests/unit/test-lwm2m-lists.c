/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The content formats of LwM2M: limits, what an encoder refuses, and lists made at random, which come back
 * from every format. */
#include <errno.h>
#include <glib.h>
#include <math.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "tests/unit/lwm2m-payload.h"

/* ---- limits and what an encoder cannot say ---------------------------------------------------------------
 */

static void test_limits(void)
{
    g_autofree char *big = g_malloc(LIMIT_LWM2M_PAYLOAD + 1);
    struct lwm2m_records list = {0};
    struct mef_error e = {0};
    g_autoptr(GString) many = g_string_new("["), deep = g_string_new(NULL);
    g_autoptr(GByteArray) tlv = g_byte_array_new();

    memset(big, ' ', LIMIT_LWM2M_PAYLOAD + 1);
    g_assert_cmpint(decode(110, "/3/0", LWM2M_WANT_VALUES, big, LIMIT_LWM2M_PAYLOAD + 1, &list, &e), ==,
                    LWM2M_TOO_LARGE);
    g_assert_cmpint(e.word, ==, MEF_ERROR_LIMIT_EXCEEDED);
    g_assert_cmpint(decode(0, "/3/0/0", LWM2M_WANT_VALUES, big, LIMIT_LWM2M_VALUE + 1, &list, &e), ==,
                    LWM2M_TOO_LARGE);
    g_assert_cmpint(decode(42, "/33000/0/6", LWM2M_WANT_VALUES, big, LIMIT_LWM2M_VALUE, &list, &e), ==, 0);
    lwm2m_records_clear(&list);

    for (unsigned i = 0; i <= LIMIT_LWM2M_RECORDS; i++) {
        guint8 entry[] = {0x60, (guint8)(i >> 8), (guint8)i};
        g_string_append_printf(many, "%s{\"n\":\"/3/0/99/%u\",\"v\":1}", i ? "," : "", i);
        g_byte_array_append(tlv, entry, sizeof entry);
    }
    g_string_append(many, "]");
    g_assert_cmpint(decode(110, "/3/0", LWM2M_WANT_VALUES, many->str, many->len, &list, &e), ==,
                    LWM2M_TOO_LARGE);
    guint8 head[] = {0x90, 99, (guint8)((tlv->len - 3) >> 8), (guint8)(tlv->len - 3)};
    g_byte_array_prepend(tlv, head, sizeof head);
    g_assert_cmpint(decode(11542, "/3/0", LWM2M_WANT_VALUES, tlv->data, tlv->len - 3, &list, &e), ==, 0);
    g_assert_cmpuint(list.n, ==, LIMIT_LWM2M_RECORDS);
    lwm2m_records_clear(&list);
    tlv->data[2] = (guint8)((tlv->len - 4) >> 8);
    tlv->data[3] = (guint8)(tlv->len - 4);
    g_assert_cmpint(decode(11542, "/3/0", LWM2M_WANT_VALUES, tlv->data, tlv->len, &list, &e), ==,
                    LWM2M_TOO_LARGE);

    for (unsigned i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    g_assert_cmpint(decode(110, "/3/0", LWM2M_WANT_VALUES, deep->str, deep->len, &list, &e), ==,
                    LWM2M_BAD_REQUEST);
    g_assert_cmpint(decode(9999, "/3/0", LWM2M_WANT_VALUES, "", 0, &list, &e), ==, LWM2M_UNSUPPORTED_FORMAT);
    g_assert_cmpint(decode(40, "/3/0", LWM2M_WANT_VALUES, "", 0, &list, &e), ==, LWM2M_UNSUPPORTED_FORMAT);
}

static int encoded(unsigned format, const char *base, const struct lwm2m_records *list, size_t max)
{
    struct lwm2m_path b = path(base);
    struct buf out = {.max = max};
    int r = lwm2m_encode(format, &b, list, &out, NULL);

    buf_clear(&out);
    return r;
}

static void test_encoder_refuses(void)
{
    static const unsigned all[] = {0, 42, 60, 110, 112, 1542, 1543, 11542, 11543};
    struct lwm2m_records list = {0};

    add(&list, "/33000/0/4", LWM2M_FLOAT, "1.5");
    g_assert_cmpint(encoded(9999, "/33000/0/4", &list, 0), ==, LWM2M_NOT_ACCEPTABLE);
    g_assert_cmpint(encoded(42, "/33000/0/4", &list, 0), ==, LWM2M_NOT_ACCEPTABLE);
    g_assert_cmpint(encoded(11542, "/", &list, 0), ==, LWM2M_NOT_ACCEPTABLE);
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        g_assert_cmpint(encoded(all[i], "/33001", &list, 0), ==, -EINVAL); /* outside */
        if (all[i] != 42)
            g_assert_cmpint(encoded(all[i], "/33000/0/4", &list, 2), ==, -E2BIG);
    }
    list.item[0].value.number = INFINITY;
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        if (all[i] != 42)
            g_assert_cmpint(encoded(all[i], "/33000/0/4", &list, 0), ==, -EINVAL);
    list.item[0].value.number = 1;
    add(&list, "/33000/0/3", LWM2M_UNSIGNED, "1");
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        g_assert_cmpint(encoded(all[i], "/33000/0", &list, 0), ==, -EINVAL); /* not sorted */
    lwm2m_records_sort(&list);
    static const unsigned singles[] = {0, 42, 60};
    for (size_t i = 0; i < G_N_ELEMENTS(singles); i++)
        g_assert_cmpint(encoded(singles[i], "/33000/0", &list, 0), ==, LWM2M_NOT_ACCEPTABLE);
    add(&list, "/33000/0/4/1", LWM2M_FLOAT, "1");
    g_assert_cmpint(encoded(11542, "/33000/0", &list, 0), ==, -EINVAL); /* single and multiple */
    lwm2m_records_clear(&list);
}

/* ---- lists at random -------------------------------------------------------------------------------------
 */

static struct lwm2m_value random_value(enum lwm2m_type type)
{
    static const int64_t edges[] = {0,         1,         -1,         127,       128,      -128,  -129,
                                    255,       256,       32767,      32768,     -32769,   65535, 65536,
                                    INT32_MAX, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN};
    int64_t edge = edges[g_test_rand_int_range(0, G_N_ELEMENTS(edges))];
    struct lwm2m_value v = {.type = type};
    char text[300];
    size_t n = (size_t)g_test_rand_int_range(0, g_test_rand_bit() ? 10 : sizeof text);

    switch (type) {
    case LWM2M_INTEGER:
    case LWM2M_TIME:
        v.integer = edge;
        break;
    case LWM2M_UNSIGNED:
        v.uinteger = (uint64_t)(edge < 0 ? -(edge + 1) : edge);
        break;
    case LWM2M_FLOAT:
        v.number = g_test_rand_bit() ? (double)edge / 7 : (double)(float)g_test_rand_double_range(-1e6, 1e6);
        break;
    case LWM2M_BOOLEAN:
        v.boolean = g_test_rand_bit();
        break;
    case LWM2M_OBJLNK:
        v.link.object = (uint16_t)g_test_rand_int();
        v.link.instance = (uint16_t)g_test_rand_int();
        break;
    case LWM2M_NONE:
        break;
    default:
        for (size_t i = 0; i < n; i++)
            text[i] =
                (char)(type == LWM2M_OPAQUE ? g_test_rand_int_range(0, 256) : g_test_rand_int_range(1, 128));
        g_assert_cmpint(lwm2m_value_octets(type, text, n, &v), ==, 0);
    }
    return v;
}

static uint16_t random_id(uint16_t below)
{
    return (uint16_t)(g_test_rand_int_range(0, 10) ? g_test_rand_int_range(0, below)
                                                   : g_test_rand_int_range(0, 65535));
}

/* Values of an object: single and multiple resources, instances and resources that are empty. */
static void random_list(struct lwm2m_records *list)
{
    struct lwm2m_path object = LWM2M_PATH(LISTS_OBJECT);

    for (int n = g_test_rand_int_range(0, 5); n > 0; n--) {
        struct lwm2m_path instance = lwm2m_path_child(&object, random_id(10));
        int resources = g_test_rand_int_range(0, 8);
        if (resources == 0)
            add(list, "/33000/7", LWM2M_NONE, NULL), list->item[list->n - 1].path = instance;
        for (; resources > 0; resources--) {
            uint16_t id = random_id(40);
            struct lwm2m_path resource = lwm2m_path_child(&instance, id);
            int several = g_test_rand_int_range(0, 3) ? 0 : g_test_rand_int_range(1, 5);
            struct lwm2m_value v = random_value((enum lwm2m_type)(id % 10));
            if (several == 0 || id % 10 == 0) {
                g_assert_cmpint(lwm2m_records_add(list, &resource, &v), ==, 0);
                continue;
            }
            lwm2m_value_clear(&v);
            for (; several > 0; several--) {
                struct lwm2m_path one = lwm2m_path_child(&resource, random_id(5));
                v = random_value((enum lwm2m_type)(id % 10));
                g_assert_cmpint(lwm2m_records_add(list, &one, &v), ==, 0);
            }
        }
    }
    lwm2m_records_sort(list);
    for (size_t i = 1; i < list->n; i++)
        if (lwm2m_path_within(&list->item[i].path, &list->item[i - 1].path)) {
            lwm2m_value_clear(&list->item[i].value);
            memmove(&list->item[i], &list->item[i + 1], (--list->n - i) * sizeof *list->item);
            i--;
        }
}

static void round_trip(unsigned format, const char *base, const struct lwm2m_records *list, bool spoken)
{
    struct lwm2m_records back = {0};
    struct lwm2m_path b = path(base);
    struct mef_error e = {0};
    struct buf out = {0}, again = {0};

    g_assert_cmpint(lwm2m_encode(format, &b, list, &out, &e), ==, 0);
    int r = decode(format, base, LWM2M_WANT_VALUES, out.data, out.len, &back, &e);
    g_assert_cmpstr(e.text, ==, "");
    g_assert_cmpint(r, ==, 0);
    g_assert_true(lists_equal(list, &back, spoken));
    g_assert_cmpint(lwm2m_encode(format, &b, &back, &again, &e), ==, 0);
    g_assert_cmpmem(out.data, out.len, again.data, again.len);
    lwm2m_records_clear(&back);
    buf_clear(&out);
    buf_clear(&again);
}

static void test_round_trips(void)
{
    static const unsigned whole[] = {110, 112, 11542, 11543}, single[] = {0, 60, 110, 112, 11542, 11543};

    for (int i = 0; i < 2000; i++) {
        struct lwm2m_records list = {0}, one = {0};
        random_list(&list);
        for (size_t k = 0; k < G_N_ELEMENTS(whole); k++)
            round_trip(whole[k], "/33000", &list, whole[k] != 11542);
        /* and one of its values by itself */
        if (list.n > 0 && list.item[i % list.n].value.type != LWM2M_NONE) {
            char base[LWM2M_PATH_TEXT];
            one = (struct lwm2m_records){.item = &list.item[i % list.n], .n = 1};
            lwm2m_path_format(&one.item->path, base);
            for (size_t k = 0; k < G_N_ELEMENTS(single); k++)
                round_trip(single[k], base, &one, false);
            if (one.item->value.type == LWM2M_OPAQUE)
                round_trip(42, base, &one, false);
        }
        lwm2m_records_clear(&list);
    }
}

/* Payloads with octets changed are refused or mean something that comes back the same. */
static void test_mutations(void)
{
    static const unsigned formats[] = {110, 112, 11542, 11543};
    struct lwm2m_path base = path("/33000");
    unsigned taken = 0;

    for (int i = 0; i < 4000; i++) {
        unsigned format = formats[i % 4];
        struct lwm2m_records list = {0}, back = {0};
        struct mef_error e;
        struct buf out = {0};
        random_list(&list);
        g_assert_cmpint(lwm2m_encode(format, &base, &list, &out, &e), ==, 0);
        for (int k = g_test_rand_int_range(1, 4); k > 0 && out.len > 0; k--)
            out.data[(size_t)g_test_rand_int_range(0, (gint32)out.len)] ^=
                (uint8_t)(1 << g_test_rand_int_range(0, 8));
        int r = decode(format, "/33000", LWM2M_WANT_VALUES, out.data, out.len, &back, &e);
        g_assert_true(r == 0 || r == LWM2M_BAD_REQUEST);
        bool open =
            back.n > 0 && back.item[0].path.n > 1 && back.item[back.n - 1].path.id[1] == LWM2M_ID_NONE;
        bool nameless = false;
        for (size_t k = 0; k < back.n; k++)
            nameless |= back.item[k].path.n == 4 && back.item[k].value.type == LWM2M_NONE;
        if (r == 0 && !open && !nameless) {
            round_trip(format, "/33000", &back, true);
            taken++;
        }
        lwm2m_records_clear(&back);
        lwm2m_records_clear(&list);
        buf_clear(&out);
    }
    g_test_message("%u of 4000 still had a meaning", taken);
    g_assert_cmpuint(taken, >, 100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lwm2m/lists/limits", test_limits);
    g_test_add_func("/lwm2m/lists/encoder-refuses", test_encoder_refuses);
    g_test_add_func("/lwm2m/lists/round-trips", test_round_trips);
    g_test_add_func("/lwm2m/lists/mutations", test_mutations);
    return g_test_run();
}
