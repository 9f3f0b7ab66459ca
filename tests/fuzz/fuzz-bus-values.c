/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arguments of any message that libdbus lets through: read, checked as options, copied, and written
 * again. What was read must be writable without an error, and have the same signature. */
#include <dbus/dbus.h>

#include "dbus/writer.h"
#include "plugin/base/str.h"
#include "tests/fuzz/fuzz.h"

static const struct bus_option options[] = {{"Number", "q"},    {"Signed", "n"}, {"Path", "o"},
                                            {"List", "as"},     {"Paths", "ao"}, {"Flag", "b"},
                                            {"Inner", "a{sv}"}, {NULL, NULL}};

static void write_back(const struct bus_value *v, size_t n)
{
    DBusMessage *m = dbus_message_new_signal("/x", "x.y", "Z");
    char sig[256] = "";

    if (!m)
        return;
    for (size_t i = 0; i < n; i++)
        strncat(sig, v[i].sig, sizeof sig - strlen(sig) - 1);
    if (dbus_signature_validate(sig, NULL)) {
        struct bus_writer w;
        bus_writer_begin(&w, m, sig);
        for (size_t i = 0; i < n; i++)
            bus_write_value(&w, &v[i]);
        FUZZ_CHECK(bus_writer_end(&w) == 0);
        FUZZ_CHECK(dbus_message_has_signature(m, sig));
    }
    dbus_message_unref(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bus_value v[16] = {{0}};
    struct mef_error err = {0};
    DBusMessageIter it;
    DBusMessage *m;

    if (size > 1 << 20)
        return 0;
    m = dbus_message_demarshal((const char *)data, (int)size, NULL);
    if (!m)
        return 0;
    int n = bus_signature_readable(dbus_message_get_signature(m));
    if (n >= 0 && n <= 16) {
        dbus_message_iter_init(m, &it);
        if (bus_values_read(&it, v, (size_t)n, &err) == 0) {
            (void)bus_values_size(v, (size_t)n);
            write_back(v, (size_t)n);
            for (int i = 0; i < n; i++) {
                struct bus_value copy = {0};
                if (bus_value_copy(&v[i], &copy) == 0) {
                    if (streq(copy.sig, "a{sv}"))
                        bus_options_check(&copy.dict, options, &err);
                    write_back(&copy, 1);
                }
                bus_value_clear(&copy);
            }
            for (int i = 0; i < n; i++)
                bus_value_clear(&v[i]);
        }
    }
    dbus_message_unref(m);
    return 0;
}
