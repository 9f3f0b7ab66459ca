/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/base: text forms, limits and waits. */
#include <glib.h>
#include <errno.h>
#include <pthread.h>
#include <sys/timerfd.h>

#include "plugin/base/buf.h"
#include "plugin/base/cancel.h"
#include "plugin/base/doze.h"
#include "plugin/base/err.h"
#include "plugin/base/json-scan.h"
#include "plugin/base/post.h"
#include "plugin/base/secret.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"

static void test_timestamp(void)
{
    static const struct {
        const char *in, *out;
    } good[] = {
        {"20270101T000000", "20270101T000000"},   {"20240229T235960", "20240229T235959"},
        {"20261201T000000,5", "20261201T000000"}, {"20261201T000000.123456Z", "20261201T000000"},
        {"19700101T000000Z", "19700101T000000"},
    };
    static const char *const bad[] = {"",
                                      "20270101",
                                      "20270101T0000",
                                      "20270101t000000",
                                      "20270229T000000",
                                      "20270101T240000",
                                      "20270101T000000+01",
                                      "20270101T000000,",
                                      "20270101T000000,1234567",
                                      "2027-01-01T00:00:00",
                                      "20271301T000000",
                                      "20270101T000000ZZ",
                                      " 20270101T000000"};
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        int64_t t;
        char text[TIMESTAMP_LEN];
        g_assert_cmpint(timestamp_parse(good[i].in, &t), ==, 0);
        timestamp_format(t, text);
        g_assert_cmpstr(text, ==, good[i].out);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        int64_t t;
        g_assert_cmpint(timestamp_parse(bad[i], &t), ==, -EINVAL);
    }
    int64_t t;
    g_assert_cmpint(timestamp_parse("20260301T080310", &t), ==, 0);
    g_assert_cmpint(t, ==, INT64_C(1772352190) * 1000000);
    g_assert_cmpint(timestamp_parse("20260301T080310,25", &t), ==, 0);
    g_assert_cmpint(t % 1000000, ==, 250000);
}

static void test_duration(void)
{
    static const struct {
        const char *in, *out;
        int r;
    } cases[] = {
        {"PT24H", "P1D", 0},
        {"P90D", "P90D", 0},
        {"P1Y2M3DT4H5M6S", "P1Y2M3DT4H5M6S", 0},
        {"PT0.5S", "PT1S", 0},
        {"PT36H", "P1DT12H", 0},
        {"-P1D", "PT0S", 0},
        {"PT0S", "PT0S", 0},
        {"P", NULL, -EINVAL},
        {"PT", NULL, -EINVAL},
        {"P1DT", NULL, -EINVAL},
        {"P1H", NULL, -EINVAL},
        {"PT1D", NULL, -EINVAL},
        {"P1M1Y", NULL, -EINVAL},
        {"1D", NULL, -EINVAL},
        {"P1.5D", NULL, -EINVAL},
        {"P101Y", NULL, -ERANGE},
        {"PT99999999999999999999S", NULL, -ERANGE},
        {"P1D ", NULL, -EINVAL},
        {"", NULL, -EINVAL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct duration d;
        char text[64];
        g_test_message("%s", cases[i].in);
        g_assert_cmpint(duration_parse(cases[i].in, &d), ==, cases[i].r);
        if (cases[i].r == 0) {
            duration_format(&d, text, sizeof text);
            g_assert_cmpstr(text, ==, cases[i].out);
        }
    }
    /* The worked example of mef-protocol.md 6.5, and a month that is too short. */
    struct duration d;
    int64_t t;
    char text[TIMESTAMP_LEN];
    g_assert_cmpint(duration_parse("P90D", &d), ==, 0);
    g_assert_cmpint(timestamp_parse("20260301T080310", &t), ==, 0);
    timestamp_format(duration_add(t, &d), text);
    g_assert_cmpstr(text, ==, "20260530T080310");
    g_assert_cmpint(duration_parse("P1M", &d), ==, 0);
    g_assert_cmpint(timestamp_parse("20270131T120000", &t), ==, 0);
    timestamp_format(duration_add(t, &d), text);
    g_assert_cmpstr(text, ==, "20270228T120000");
}

static void test_base64(void)
{
    static const char *const vectors[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zh==", "Zg==Zg==", "Zm8", "Zm9v!", "=", "Zm9v="};
    for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
        g_autofree char *s = base64_encode(vectors[i][0], strlen(vectors[i][0]));
        g_autofree uint8_t *d = NULL;
        size_t n;
        g_assert_cmpstr(s, ==, vectors[i][1]);
        g_assert_cmpint(base64_decode(s, strlen(s), &d, &n), ==, 0);
        g_assert_cmpmem(d, n, vectors[i][0], strlen(vectors[i][0]));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        uint8_t *d;
        size_t n;
        g_assert_cmpint(base64_decode(bad[i], strlen(bad[i]), &d, &n), ==, -EINVAL);
    }
    g_autofree uint8_t *d = NULL;
    size_t n;
    g_assert_cmpint(base64_decode("Zm9v\r\nYg==\r\n", 12, &d, &n), ==, 0);
    g_assert_cmpmem(d, n, "foob", 4);
}

static void test_utf8(void)
{
    g_assert_true(str_utf8_valid("gr\xc3\xbc\xc3\x9f", 6));
    g_assert_false(str_utf8_valid("\xc0\xaf", 2));
    g_assert_false(str_utf8_valid("\xed\xa0\x80", 3));
    g_assert_false(str_utf8_valid("\xf4\x90\x80\x80", 4));
    g_assert_false(str_utf8_valid("a\0b", 3));
    g_assert_false(str_text_valid("a\nb", 3));
    g_assert_false(str_text_valid("a\xC2\x9B"
                                  "31m",
                                  6)); /* CSI, a control character of C1 */
    g_assert_false(str_text_valid("\xC2\x80", 2));
    g_assert_true(str_text_valid("\xC2\xA0\xC3\x9B", 4)); /* no-break space, a letter that ends alike */
    char csi[] = "a\xC2\x9B"
                 "31m";
    str_make_printable(csi);
    g_assert_cmpstr(csi, ==, "a??31m");
    g_autofree char *e = str_bus_escape("ap-reg-22");
    g_assert_cmpstr(e, ==, "ap_2dreg_2d22");
    g_autofree char *f = str_bus_escape("1mef.x");
    g_assert_cmpstr(f, ==, "_31mef_2ex");
    struct mef_error err;
    g_assert_cmpint(mef_fail(&err, MEF_ERROR_NOT_FOUND, "no node '%s'", "a\x01\xff"), ==, -ENOENT);
    g_assert_cmpstr(err.text, ==, "no node 'a?\?'");
    mef_error_prefix(&err, "step %d", 2);
    g_assert_cmpstr(err.text, ==, "step 2: no node 'a?\?'");
}

static void test_json_scan(void)
{
    g_assert_cmpint(json_scan("{\"a\":[1]}", 9, 64, 2), ==, 0);
    g_assert_cmpint(json_scan("[[[", 3, 64, 2), ==, -EINVAL);
    g_assert_cmpint(json_scan("\"[[[\\\"[\"", 8, 64, 0), ==, 0);
    g_assert_cmpint(json_scan("{}", 2, 1, 2), ==, -E2BIG);
    g_assert_cmpint(json_scan("\"\xff\"", 3, 64, 2), ==, -EILSEQ);
}

static void test_buf_limit(void)
{
    struct buf b = {.max = 4};
    g_assert_cmpint(buf_adds(&b, "abcd"), ==, 0);
    g_assert_cmpint(buf_adds(&b, "e"), ==, -E2BIG);
    g_assert_cmpstr(buf_str(&b), ==, "abcd");
    buf_clear(&b);
    struct secret *s = NULL;
    g_assert_cmpint(secret_copy("k", 1, &s), ==, 0);
    secret_free(s);
    g_assert_cmpint(secret_new(0, &s), ==, -EINVAL);
}

static void *fire(void *c)
{
    cancel_fire(c);
    return NULL;
}

static void test_wait(void)
{
    struct cancel c;
    pthread_t t;
    g_assert_cmpint(cancel_init(&c), ==, 0);
    struct wait w = {.cancel = &c, .deadline = now_monotonic() + 1000};
    g_assert_cmpint(wait_sleep(&w), ==, -ETIMEDOUT);
    w.deadline = DEADLINE_NONE;
    g_assert_cmpint(pthread_create(&t, NULL, fire, &c), ==, 0);
    g_assert_cmpint(wait_sleep(&w), ==, -ECANCELED);
    g_assert_cmpint(pthread_join(t, NULL), ==, 0);
    cancel_reset(&c);
    g_assert_cmpint(wait_check(&w), ==, 0);
    cancel_done(&c);
}

/* What ends a doze: its time, the cancel, the clock that was set; and without timerfds the first two as well.
 */
static void test_doze(void)
{
    struct cancel c;
    pthread_t t;

    g_assert_cmpint(cancel_init(&c), ==, 0);
    for (int i = 0; i < 2; i++) {
        struct doze d;
        doze_init(&d);
        g_assert_cmpint(d.timer, >=, 0);
        g_assert_cmpint(d.set, >=, 0);
        if (i == 1)
            doze_done(&d);
        uint64_t before = now_boottime();
        doze(&d, &c, 20000);
        g_assert_cmpuint(now_boottime() - before, >=, 20000);
        before = now_boottime();
        doze(&d, &c, 0);
        g_assert_cmpint(pthread_create(&t, NULL, fire, &c), ==, 0);
        doze(&d, &c, DOZE_FOREVER);
        g_assert_true(cancel_fired(&c));
        doze(&d, &c, DOZE_FOREVER);
        g_assert_cmpint(pthread_join(t, NULL), ==, 0);
        cancel_reset(&c);
        if (i == 0) { /* nobody may set the clock of the machine that tests: as if it had been */
            const struct itimerspec now = {.it_value = {.tv_nsec = 1}};
            g_assert_cmpint(timerfd_settime(d.set, 0, &now, NULL), ==, 0);
            doze(&d, &c, DOZE_FOREVER);
            before = now_boottime(); /* and armed anew: not readable any more */
            doze(&d, &c, 20000);
            g_assert_cmpuint(now_boottime() - before, >=, 20000);
            doze_done(&d);
        }
    }
    cancel_done(&c);
}

static void count(void *ctx, void *data)
{
    *(int *)ctx += GPOINTER_TO_INT(data);
}

static void test_post(void)
{
    struct post *p = NULL;
    int sum = 0;
    g_assert_cmpint(post_new(&p), ==, 0);
    for (int i = 1; i <= 4; i++)
        g_assert_cmpint(post_send(p, count, &sum, GINT_TO_POINTER(i), NULL), ==, 0);
    post_run(p);
    g_assert_cmpint(sum, ==, 10);
    g_assert_cmpint(post_send(p, count, &sum, g_malloc(1), g_free), ==, 0);
    post_free(p);
    g_assert_cmpint(sum, ==, 10);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/timestamp", test_timestamp);
    g_test_add_func("/base/duration", test_duration);
    g_test_add_func("/base/base64", test_base64);
    g_test_add_func("/base/text", test_utf8);
    g_test_add_func("/base/json-scan", test_json_scan);
    g_test_add_func("/base/limits", test_buf_limit);
    g_test_add_func("/base/wait", test_wait);
    g_test_add_func("/base/doze", test_doze);
    g_test_add_func("/base/post", test_post);
    return g_test_run();
}
