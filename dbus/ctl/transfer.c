/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* import and export: the MO tree as JSON text (mo-tree.md 6), which the service reads and writes as a whole.
 * Ownership: the text is the function's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbus/ctl/ctl.h"
#include "dbus/ctl/file.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

static bool add_no_options(DBusMessageIter *i)
{
    DBusMessageIter dict;
    return dbus_message_iter_open_container(i, DBUS_TYPE_ARRAY, "{sv}", &dict) &&
           dbus_message_iter_close_container(i, &dict);
}

int run_import(struct ctl *c, const struct ctl_args *a)
{
    _cleanup_(freep) char *text = NULL;
    const char *from = a->word[0];
    dbus_uint64_t generation = 0;
    DBusMessage *m, *reply = NULL;
    DBusMessageIter i;
    size_t n;
    int r = file_read(from, LIMIT_IMPORT, &text, &n);

    if (r < 0)
        return ctl_fail(c, CTL_FAILED, "InvalidArguments", "cannot read '%s': %s", from,
                        r == -E2BIG ? "it is larger than a tree may be" : strerror(-r));
    if (!str_utf8_valid(text, n))
        return ctl_fail(c, CTL_FAILED, "InvalidArguments", "'%s' is not UTF-8 text", from);
    m = bus_method(TREE_PATH, TREE_INTERFACE, "Import");
    if (m)
        dbus_message_iter_init_append(m, &i);
    if (m && (!dbus_message_iter_append_basic(&i, DBUS_TYPE_STRING, &text) || !add_no_options(&i))) {
        dbus_message_unref(m);
        m = NULL;
    }
    r = bus_call(c, m, &reply);
    if (r != 0)
        return r;
    if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT64, &generation, DBUS_TYPE_INVALID))
        r = ctl_fail(c, CTL_FAILED, "Failed", "the service answered with something else than a generation");
    else if (c->json)
        r = ctl_print_json(c, json_pack("{s:I}", "Generation", (json_int_t)generation));
    else
        printf("Imported; the tree is at generation %llu.\n", (unsigned long long)generation);
    dbus_message_unref(reply);
    return r;
}

int run_export(struct ctl *c, const struct ctl_args *a)
{
    DBusMessage *m = bus_method(TREE_PATH, TREE_INTERFACE, "Export"), *reply = NULL;
    DBusMessageIter i;
    const char *text = NULL;
    int r;

    if (m)
        dbus_message_iter_init_append(m, &i);
    if (m && !add_no_options(&i)) {
        dbus_message_unref(m);
        m = NULL;
    }
    r = bus_call(c, m, &reply);
    if (r != 0)
        return r;
    if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID))
        r = ctl_fail(c, CTL_FAILED, "Failed", "the service answered with something else than a text");
    else if (c->json)
        /* One line, whatever the service's own layout is. */
        r = ctl_print_json(c, json_loads(text, 0, NULL));
    else
        printf("%s%s", text, *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
    dbus_message_unref(reply);
    return r;
}
