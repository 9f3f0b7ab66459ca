/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* D-Bus values as JSON, and options as an a{sv}. libdbus has checked every message already: UTF-8, lengths,
 * depth (64 levels at most). Ownership: what value_read() returns is the caller's. */
#include <stdio.h>
#include <stdlib.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/str.h"

static json_t *read_bytes(DBusMessageIter *i)
{
    DBusMessageIter sub;
    const unsigned char *data = NULL;
    _cleanup_(freep) char *hex = NULL;
    int n = 0;

    dbus_message_iter_recurse(i, &sub);
    dbus_message_iter_get_fixed_array(&sub, &data, &n);
    hex = malloc((size_t)n * 2 + 1);
    if (!hex)
        return NULL;
    hex_encode(data, (size_t)n, hex);
    return json_string(hex);
}

/* Keys of a dictionary are text in JSON. */
static json_t *read_dict(DBusMessageIter *i)
{
    DBusMessageIter sub, entry;
    json_t *object = json_object();

    dbus_message_iter_recurse(i, &sub);
    for (; object && dbus_message_iter_get_arg_type(&sub) == DBUS_TYPE_DICT_ENTRY;
         dbus_message_iter_next(&sub)) {
        json_t *key, *value;
        char number[32];
        const char *name;

        dbus_message_iter_recurse(&sub, &entry);
        key = value_read(&entry);
        dbus_message_iter_next(&entry);
        value = value_read(&entry);
        name = json_string_value(key);
        if (key && !name) {
            snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(key));
            name = number;
        }
        /* json_object_set_new() drops `value` in every case, also NULL. */
        if (!name || json_object_set_new(object, name, value) < 0) {
            json_decref(object);
            object = NULL;
        }
        json_decref(key);
    }
    return object;
}

static json_t *read_list(DBusMessageIter *i)
{
    DBusMessageIter sub;
    json_t *array = json_array();

    dbus_message_iter_recurse(i, &sub);
    for (; array && dbus_message_iter_get_arg_type(&sub) != DBUS_TYPE_INVALID; dbus_message_iter_next(&sub))
        if (json_array_append_new(array, value_read(&sub)) < 0) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

json_t *value_read(DBusMessageIter *i)
{
    DBusMessageIter sub;
    DBusBasicValue v;
    int type = dbus_message_iter_get_arg_type(i);

    switch (type) {
    case DBUS_TYPE_ARRAY:
        if (dbus_message_iter_get_element_type(i) == DBUS_TYPE_BYTE)
            return read_bytes(i);
        return dbus_message_iter_get_element_type(i) == DBUS_TYPE_DICT_ENTRY ? read_dict(i) : read_list(i);
    case DBUS_TYPE_STRUCT:
        return read_list(i);
    case DBUS_TYPE_VARIANT:
        dbus_message_iter_recurse(i, &sub);
        return value_read(&sub);
    case DBUS_TYPE_INVALID:
    case DBUS_TYPE_UNIX_FD: /* would hand over a descriptor; nothing here wants one */
        return json_null();
    default:
        break;
    }
    dbus_message_iter_get_basic(i, &v);
    switch (type) {
    case DBUS_TYPE_STRING:
    case DBUS_TYPE_OBJECT_PATH:
    case DBUS_TYPE_SIGNATURE:
        return json_string(v.str);
    case DBUS_TYPE_BOOLEAN:
        return json_boolean(v.bool_val);
    case DBUS_TYPE_BYTE:
        return json_integer(v.byt);
    case DBUS_TYPE_INT16:
        return json_integer(v.i16);
    case DBUS_TYPE_UINT16:
        return json_integer(v.u16);
    case DBUS_TYPE_INT32:
        return json_integer(v.i32);
    case DBUS_TYPE_UINT32:
        return json_integer(v.u32);
    case DBUS_TYPE_INT64:
        return json_integer(v.i64);
    case DBUS_TYPE_UINT64:
        return json_integer(v.u64 > INT64_MAX ? INT64_MAX : (json_int_t)v.u64);
    case DBUS_TYPE_DOUBLE:
        return v.dbl - v.dbl == 0 ? json_real(v.dbl) : json_null(); /* NaN is no JSON */
    default:
        return json_null();
    }
}

json_t *value_arguments(DBusMessage *m)
{
    DBusMessageIter i;
    json_t *array = json_array();

    if (!array || !dbus_message_iter_init(m, &i))
        return array;
    do
        if (json_array_append_new(array, value_read(&i)) < 0) {
            json_decref(array);
            return NULL;
        }
    while (dbus_message_iter_next(&i));
    return array;
}

bool value_put(DBusMessageIter *dict, const char *key, int type, const void *value)
{
    DBusMessageIter entry, variant;
    const char signature[2] = {(char)type, '\0'};

    return dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) &&
           dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key) &&
           dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, signature, &variant) &&
           dbus_message_iter_append_basic(&variant, type, value) &&
           dbus_message_iter_close_container(&entry, &variant) &&
           dbus_message_iter_close_container(dict, &entry);
}

bool value_put_list(DBusMessageIter *dict, const char *key, const char *const *items, size_t n)
{
    DBusMessageIter entry, variant, list;

    if (!dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry) ||
        !dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key) ||
        !dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "as", &variant) ||
        !dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, "s", &list))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!dbus_message_iter_append_basic(&list, DBUS_TYPE_STRING, &items[i]))
            return false;
    return dbus_message_iter_close_container(&variant, &list) &&
           dbus_message_iter_close_container(&entry, &variant) &&
           dbus_message_iter_close_container(dict, &entry);
}
