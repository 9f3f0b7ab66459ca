/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking things up in the answer of GetManagedObjects, which value.c made a json_t. Pure; what is returned
 * without a word about ownership is borrowed from `objects`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/str.h"

json_t *object_interface(json_t *objects, const char *path, const char *name)
{
    char interface[128];
    snprintf(interface, sizeof(interface), "org.mefclient1.%s", name);
    return json_object_get(json_object_get(objects, path), interface);
}

const char *property_text(json_t *interface, const char *name)
{
    const char *s = json_string_value(json_object_get(interface, name));
    return s ? s : "";
}

uint64_t property_number(json_t *interface, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(interface, name));
    return n > 0 ? (uint64_t)n : 0;
}

bool property_true(json_t *interface, const char *name)
{
    return json_is_true(json_object_get(interface, name));
}

/* Numbers inside paths in their order: /job/9 before /job/10. */
static int by_path(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

json_t *objects_with(json_t *objects, const char *name)
{
    size_t n = json_object_size(objects), k = 0;
    _cleanup_(freep) const char **path = calloc(n + 1, sizeof(*path));
    json_t *list = json_array(), *value;
    const char *key;

    if (!path || !list) {
        json_decref(list);
        return NULL;
    }
    json_object_foreach(objects, key, value) if (object_interface(objects, key, name)) path[k++] = key;
    qsort(path, k, sizeof(*path), by_path);
    for (size_t i = 0; i < k; i++)
        if (json_array_append_new(list, json_string(path[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

json_t *objects_list(json_t *objects, const char *name)
{
    json_t *paths = objects_with(objects, name), *list = json_array(), *path;
    size_t i;

    json_array_foreach(paths, i, path)
    {
        json_t *item = json_copy(object_interface(objects, json_string_value(path), name));
        if (!item || json_object_set(item, "Object", path) < 0 || json_array_append_new(list, item) < 0) {
            json_decref(list);
            list = NULL;
            break;
        }
    }
    if (!paths) {
        json_decref(list);
        list = NULL;
    }
    json_decref(paths);
    return list;
}

static bool list_holds(const json_t *list, const char *s)
{
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item) if (streq0(json_string_value(item), s)) return true;
    return false;
}

/* How well `what` names the node: 0 not at all, 1 by its bare name, 2 exactly. */
static int fits_node(const char *path, json_t *node, const char *what)
{
    const char *type = property_text(node, "Type"), *name = property_text(node, "Name");
    size_t n = strlen(type);

    if (streq(path, what) || streq(property_text(node, "Path"), what) ||
        list_holds(json_object_get(node, "ObjectPaths"), what))
        return 2;
    if (strncmp(what, type, n) == 0 && what[n] == '/' && streq(what + n + 1, name))
        return 2;
    return streq(name, what);
}

static int fits_registration(const char *path, json_t *registration, const char *what)
{
    _cleanup_(freep) char *label = object_label(path);
    if (streq(path, what) || streq0(label, what))
        return 2;
    return str_ieq(property_text(registration, "Fqdn"), what);
}

static int find(json_t *objects, const char *name, int (*fits)(const char *, json_t *, const char *),
                const char *kind, const char *what, const char **ret, char *why, size_t why_size)
{
    const char *key, *loose = NULL;
    json_t *value;
    int n = 0;

    json_object_foreach(objects, key, value)
    {
        json_t *interface = object_interface(objects, key, name);
        int fit = interface ? fits(key, interface, what) : 0;
        if (fit == 2) {
            *ret = key;
            return 0;
        }
        if (fit == 1) {
            loose = key;
            n++;
        }
    }
    if (n == 1) {
        *ret = loose;
        return 0;
    }
    if (n > 1) {
        snprintf(why, why_size, "%d %ss are called '%s': say which one by its path", n, kind, what);
        return CTL_FAILED;
    }
    snprintf(why, why_size, "there is no %s '%s'", kind, what);
    return CTL_NOT_FOUND;
}

int objects_find_node(json_t *objects, const char *what, const char **ret, char *why, size_t why_size)
{
    return find(objects, "Node", fits_node, "node", what, ret, why, why_size);
}

int objects_find_registration(json_t *objects, const char *what, const char **ret, char *why, size_t why_size)
{
    return find(objects, "Registration", fits_registration, "registration", what, ret, why, why_size);
}

char *object_label(const char *path)
{
    const char *from = strrchr(path, '/');
    char *label = strdup(from ? from + 1 : path), *to = label;

    for (from = label; from && *from; from++) {
        uint8_t octet;
        size_t n = 1;
        if (from[0] == '_' && from[1] && from[2] && hex_decode(from + 1, 2, &octet, &n) == 0) {
            *to++ = (char)octet;
            from += 2;
        } else
            *to++ = *from;
    }
    if (label) {
        *to = '\0';
        str_make_printable(label);
    }
    return label;
}
