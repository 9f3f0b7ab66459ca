/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing of values without a bus: every misuse of the writer is an error and never the end of
 * the process (libdbus would abort), and what is read can be written again. */
#include <dbus/dbus.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "dbus/writer.h"
#include "plugin/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static DBusMessage *new_message(void)
{
    return dbus_message_new_signal("/x", "x.y", "Z");
}

static int write_with(const char *sig, void (*fill)(struct bus_writer *w, const void *data), const void *data)
{
    DBusMessage *m = new_message();
    struct bus_writer w;

    bus_writer_begin(&w, m, sig);
    fill(&w, data);
    int r = bus_writer_end(&w);
    if (r == 0)
        g_assert_true(dbus_message_has_signature(m, sig));
    dbus_message_unref(m);
    return r;
}

static void nothing(struct bus_writer *w, const void *data)
{
}

static void a_string(struct bus_writer *w, const void *data)
{
    bus_write_s(w, data);
}

static void a_path(struct bus_writer *w, const void *data)
{
    bus_write_o(w, data);
}

static void a_number(struct bus_writer *w, const void *data)
{
    bus_write_u(w, *(const uint64_t *)data);
}

static void an_integer(struct bus_writer *w, const void *data)
{
    bus_write_i(w, *(const int64_t *)data);
}

static void two_strings(struct bus_writer *w, const void *data)
{
    bus_write(w, "ss", "a", "b");
}

static void a_list(struct bus_writer *w, const void *data)
{
    bus_write_strv(w, (char *const *)data);
}

static void left_open(struct bus_writer *w, const void *data)
{
    bus_write_open(w);
    bus_write_s(w, "x");
}

static void closed_early(struct bus_writer *w, const void *data)
{
    bus_write_open(w);
    bus_write_s(w, "x");
    bus_write_close(w);
}

static void close_only(struct bus_writer *w, const void *data)
{
    bus_write_close(w);
}

static void bad_variant(struct bus_writer *w, const void *data)
{
    bus_write_open_variant(w, data);
    bus_write_close(w);
}

static void entries(struct bus_writer *w, const void *data)
{
    bus_write_open(w);
    bus_write_entry(w, "a", "s", "text");
    bus_write_entry(w, "b", "u", 1u);
    bus_write_entry(w, "c", "(ss)", "x", "y");
    bus_write_close(w);
}

static void wrong_entry(struct bus_writer *w, const void *data)
{
    bus_write_open(w);
    bus_write_entry(w, "a", "s", "text");
    bus_write_entry(w, "b", "zz", "text");
    bus_write_entry(w, "c", "s", "text");
    bus_write_close(w);
}

static void empty(struct bus_writer *w, const void *data)
{
    bus_write_empty(w);
}

static void no_fd(struct bus_writer *w, const void *data)
{
    bus_write_fd(w, -1);
}

static void deep(struct bus_writer *w, const void *data)
{
    for (int i = 0; i < 40; i++)
        bus_write_open_variant(w, "v");
}

static void test_writer(void)
{
    static const uint64_t n255 = 255, n256 = 256, n32 = UINT32_MAX, n33 = (uint64_t)UINT32_MAX + 1,
                          n64 = UINT64_MAX;
    static const int64_t m1 = -1, m16 = -32768, m17 = -32769, m32 = INT32_MIN, m33 = (int64_t)INT32_MIN - 1;
    static const char *const list[] = {"/a", "b c", "bad\xff", NULL};
    static const struct {
        const char *sig;
        void (*fill)(struct bus_writer *w, const void *data);
        const void *data;
        int r;
    } row[] = {
        {"", nothing, NULL, 0},
        {"s", nothing, NULL, -EPROTO},
        {"s", a_string, "x", 0},
        {"s", a_string, NULL, 0},
        {"s", a_string, "not utf-8 \xc3\x28 \xff", 0},
        {"u", a_string, "x", -EPROTO},
        {"", a_string, "x", -EPROTO},
        {"o", a_string, "/x", -EPROTO},
        {"o", a_path, "/x", 0},
        {"o", a_path, "not a path", 0},
        {"o", a_path, "", 0},
        {"o", a_path, NULL, 0},
        {"y", a_number, &n255, 0},
        {"y", a_number, &n256, -ERANGE},
        {"q", a_number, &n256, 0},
        {"u", a_number, &n32, 0},
        {"u", a_number, &n33, -ERANGE},
        {"i", a_number, &n32, -ERANGE},
        {"t", a_number, &n64, 0},
        {"x", a_number, &n64, -ERANGE},
        {"s", a_number, &n255, -EPROTO},
        {"b", a_number, &n255, -EPROTO},
        {"n", an_integer, &m16, 0},
        {"n", an_integer, &m17, -ERANGE},
        {"i", an_integer, &m32, 0},
        {"i", an_integer, &m33, -ERANGE},
        {"x", an_integer, &m33, 0},
        {"u", an_integer, &m1, -ERANGE},
        {"s", an_integer, &m1, -EPROTO},
        {"ss", two_strings, NULL, 0},
        {"s", two_strings, NULL, -EPROTO},
        {"sss", two_strings, NULL, -EPROTO},
        {"(ss)", two_strings, NULL, -EPROTO},
        {"as", two_strings, NULL, -EPROTO},
        {"as", a_list, list, 0},
        {"ao", a_list, list, 0},
        {"as", a_list, NULL, 0},
        {"au", a_list, list, -EPROTO},
        {"a{sv}", a_list, list, -EPROTO},
        {"s", a_list, list, -EPROTO},
        {"as", left_open, NULL, -EPROTO},
        {"as", closed_early, NULL, 0},
        {"(ss)", closed_early, NULL, -EPROTO},
        {"a(ss)", closed_early, NULL, -EPROTO},
        {"s", close_only, NULL, -EPROTO},
        {"v", bad_variant, "ss", -EPROTO},
        {"v", bad_variant, "", -EPROTO},
        {"v", bad_variant, "q", -EPROTO},
        {"v", deep, NULL, -EPROTO},
        {"a{sv}", entries, NULL, 0},
        {"as", entries, NULL, -EPROTO},
        {"a{ss}", entries, NULL, -EPROTO},
        {"a{sv}", wrong_entry, NULL, -EPROTO},
        {"s", empty, NULL, 0},
        {"o", empty, NULL, 0},
        {"g", empty, NULL, 0},
        {"v", empty, NULL, 0},
        {"d", empty, NULL, 0},
        {"b", empty, NULL, 0},
        {"x", empty, NULL, 0},
        {"(sa{sv}u)", empty, NULL, 0},
        {"a(sos)", empty, NULL, 0},
        {"h", empty, NULL, -EPROTO},
        {"h", no_fd, NULL, -EPROTO},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++) {
        int r = write_with(row[i].sig, row[i].fill, row[i].data);
        if (r != row[i].r)
            g_error("row %zu ('%s'): %d instead of %d", i, row[i].sig, r, row[i].r);
    }
}

static void test_printable(void)
{
    DBusMessage *m = new_message();
    struct bus_writer w;
    const char *s, *o;

    bus_writer_begin(&w, m, "so");
    bus_write(&w, "so", "a\xff z", "nowhere");
    g_assert_cmpint(bus_writer_end(&w), ==, 0);
    g_assert_true(
        dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &s, DBUS_TYPE_OBJECT_PATH, &o, DBUS_TYPE_INVALID));
    g_assert_cmpstr(s, ==, "a? z");
    g_assert_cmpstr(o, ==, "/");
    dbus_message_unref(m);
}

static void test_readable(void)
{
    static const struct {
        const char *sig;
        int n;
    } row[] = {{"", 0},           {"s", 1},       {"sa{sv}aa{sv}", 3}, {"ybnqiuxtdsogh", 13},
               {"asaoagauay", 5}, {"v", 1},       {"(ss)", -22},       {"a(ss)", -22},
               {"a{ss}", -22},    {"aas", -22},   {"av", -22},         {"a{sv", -22},
               {"z", -22},        {"a{uv}", -22}, {"aaa{sv}", -22},    {"s(", -22}};
    for (size_t i = 0; i < G_N_ELEMENTS(row); i++)
        g_assert_cmpint(bus_signature_readable(row[i].sig), ==, row[i].n);
}

/* A descriptor that came in belongs to the value. */
static void test_fd(void)
{
    DBusMessage *m = new_message();
    struct bus_writer w;
    DBusMessageIter it;
    struct bus_value v, copy;
    int fds[2];

    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    bus_writer_begin(&w, m, "h");
    bus_write_fd(&w, fds[1]);
    g_assert_cmpint(bus_writer_end(&w), ==, 0);
    dbus_message_iter_init(m, &it);
    g_assert_cmpint(bus_values_read(&it, &v, 1, NULL), ==, 0);
    g_assert_cmpint(v.fd, >=, 0);
    g_assert_cmpint(fcntl(v.fd, F_GETFD), ==, FD_CLOEXEC);
    g_assert_cmpint(bus_value_copy(&v, &copy), ==, 0);
    g_assert_cmpint(copy.fd, !=, v.fd);
    g_assert_cmpint(fcntl(copy.fd, F_GETFD), ==, FD_CLOEXEC);
    int fd = v.fd, other = copy.fd;
    bus_value_clear(&v);
    bus_value_clear(&copy);
    g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1);
    g_assert_cmpint(fcntl(other, F_GETFD), ==, -1);
    dbus_message_unref(m);
    close(fds[0]);
    close(fds[1]);
}

static void test_dict(void)
{
    struct bus_entry item[] = {{(char *)"s", {.sig = "s", .s = (char *)"text"}},
                               {(char *)"q", {.sig = "q", .u = 443}},
                               {(char *)"x", {.sig = "x", .i = -5}},
                               {(char *)"b", {.sig = "b", .u = 1}}};
    struct bus_dict d = {item, G_N_ELEMENTS(item)}, copy = {0};

    g_assert_cmpstr(bus_dict_s(&d, "s", "no"), ==, "text");
    g_assert_cmpstr(bus_dict_s(&d, "q", "no"), ==, "no");
    g_assert_cmpstr(bus_dict_s(&d, "none", NULL), ==, NULL);
    g_assert_cmpuint(bus_dict_u(&d, "q", 1), ==, 443);
    g_assert_cmpuint(bus_dict_u(&d, "x", 1), ==, 1);
    g_assert_cmpuint(bus_dict_u(&d, "b", 7), ==, 7);
    g_assert_true(bus_dict_b(&d, "b", false));
    g_assert_true(bus_dict_b(&d, "q", true));
    g_assert_null(bus_dict_strv(&d, "s"));
    g_assert_cmpint(bus_dict_copy(&d, &copy), ==, 0);
    g_assert_cmpstr(bus_dict_s(&copy, "s", "no"), ==, "text");
    g_assert_cmpuint(copy.n, ==, d.n);
    bus_dict_clear(&copy);
    g_assert_cmpuint(copy.n, ==, 0);
}

static void test_seeds(void)
{
    char *dir = g_build_filename(TOP_SRCDIR, "tests", "fuzz", "seeds", "fuzz-bus-values", NULL);
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;
    unsigned n = 0;

    g_assert_nonnull(d);
    while ((name = g_dir_read_name(d))) {
        char *file = g_build_filename(dir, name, NULL), *text;
        gsize len;
        g_assert_true(g_file_get_contents(file, &text, &len, NULL));
        g_assert_cmpint(LLVMFuzzerTestOneInput((const uint8_t *)text, len), ==, 0);
        /* And each of its torn forms, and with one octet changed. */
        for (gsize i = 0; i < len; i++) {
            LLVMFuzzerTestOneInput((const uint8_t *)text, i);
            text[i] ^= 0x55;
            LLVMFuzzerTestOneInput((const uint8_t *)text, len);
            text[i] ^= 0x55;
        }
        g_free(text);
        g_free(file);
        n++;
    }
    g_assert_cmpuint(n, >=, 4);
    g_dir_close(d);
    g_free(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus/values/writer", test_writer);
    g_test_add_func("/bus/values/printable", test_printable);
    g_test_add_func("/bus/values/readable", test_readable);
    g_test_add_func("/bus/values/fd", test_fd);
    g_test_add_func("/bus/values/dict", test_dict);
    g_test_add_func("/bus/values/seeds", test_seeds);
    return g_test_run();
}
