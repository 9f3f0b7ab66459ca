/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The MO tree drawn as lines, and as a Graphviz graph. A node that several others link to is drawn below each
 * of them; a circle (which the service refuses anyway) ends where it closes. Ownership: borrows `objects`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

#define DEPTH_MAX (LIMIT_LINK_DEPTH + 2)

struct drawing {
    json_t *objects;
    FILE *to;
    const char *tee, *corner, *bar; /* each three cells wide */
    const char *above[DEPTH_MAX];
    bool last[DEPTH_MAX];
};

/* The attributes that tell nodes of a type apart. */
static const struct {
    const char *interface, *property, *before;
} telling[] = {
    {"MEFClientRegCfg", "Fqdn", ""},
    {"MAFClientRegCfg", "Fqdn", ""},
    {"AuthenticationProfile", "SUID", "SUID "},
    {"AuthenticationProfile", "SymmKeyID", "key "},
    {"AuthenticationProfile", "MyCertFingerprint", "certificate "},
    {"TrustAnchorCred", "CertFingerprint", ""},
    {"TrustAnchorCred", "URI", ""},
    {"RegistrationCfg", "CSEID", "CSE "},
    {"DataCollection", "ContainerPath", ""},
};

static void draw_text(struct drawing *d, const char *path, json_t *node)
{
    const char *state = property_text(node, "State"), *status = property_text(node, "LastStatusName");
    const char *origin = property_text(node, "Origin");

    fprintf(d->to, "%s/%s", property_text(node, "Type"), property_text(node, "Name"));
    if (*state)
        fprintf(d->to, " [%s]", state);
    for (size_t i = 0; i < ELEMENTS(telling); i++) {
        json_t *v =
            json_object_get(object_interface(d->objects, path, telling[i].interface), telling[i].property);
        if (json_is_string(v) && *json_string_value(v))
            fprintf(d->to, " %s%s", telling[i].before, json_string_value(v));
        else if (json_is_integer(v) && json_integer_value(v) != 0)
            fprintf(d->to, " %s%lld", telling[i].before, (long long)json_integer_value(v));
    }
    if (*status && !streq(state, "ready"))
        fprintf(d->to, " %s", status);
    if (*origin && !streq(origin, "local"))
        fprintf(d->to, " (%s)", origin);
    fputc('\n', d->to);
}

static void draw(struct drawing *d, const char *path, size_t depth)
{
    json_t *node = object_interface(d->objects, path, "Node"), *children, *child;
    size_t i, n;

    for (size_t k = 1; k < depth; k++)
        fputs(d->last[k] ? "   " : d->bar, d->to);
    if (depth)
        fputs(d->last[depth] ? d->corner : d->tee, d->to);
    if (!node) {
        fprintf(d->to, "%s (not there)\n", path);
        return;
    }
    draw_text(d, path, node);
    d->above[depth] = path;
    children = json_object_get(node, "Children");
    n = json_array_size(children);
    json_array_foreach(children, i, child)
    {
        const char *to = json_string_value(child);
        bool circle = depth + 2 >= DEPTH_MAX;
        for (size_t k = 0; to && k <= depth; k++)
            circle = circle || streq(d->above[k], to);
        d->last[depth + 1] = i + 1 == n;
        if (to && !circle)
            draw(d, to, depth + 1);
    }
}

int tree_draw(json_t *objects, bool utf8, FILE *to)
{
    struct drawing d = {.objects = objects,
                        .to = to,
                        .tee = utf8 ? "\u251c\u2500 " : "|- ",
                        .corner = utf8 ? "\u2514\u2500 " : "`- ",
                        .bar = utf8 ? "\u2502  " : "|  "};
    json_t *paths = objects_with(objects, "Node"), *path, *roots = json_array();
    size_t i, n;

    if (!paths || !roots) {
        json_decref(paths);
        json_decref(roots);
        return -ENOMEM;
    }
    json_array_foreach(paths, i, path)
    {
        const char *parent =
            property_text(object_interface(objects, json_string_value(path), "Node"), "Parent");
        if (!object_interface(objects, parent, "Node"))
            json_array_append(roots, path);
    }
    n = json_array_size(roots);
    fputs(n ? "./DCFG\n" : "./DCFG (empty)\n", to);
    d.above[0] = "";
    json_array_foreach(roots, i, path)
    {
        d.last[1] = i + 1 == n;
        draw(&d, json_string_value(path), 1);
    }
    json_decref(roots);
    json_decref(paths);
    return 0;
}

/* Text inside double quotes of dot. */
static void quoted(const char *s, FILE *to)
{
    fputc('"', to);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            fputc('\\', to);
        fputc(*s, to);
    }
    fputc('"', to);
}

int tree_graph(json_t *objects, FILE *to)
{
    json_t *paths = objects_with(objects, "Node"), *path, *child;
    size_t i, k;

    if (!paths)
        return -ENOMEM;
    fputs("digraph mo {\n  rankdir=LR;\n  node [shape=box];\n", to);
    json_array_foreach(paths, i, path)
    {
        json_t *node = object_interface(objects, json_string_value(path), "Node");
        char label[256];
        snprintf(label, sizeof(label), "%s/%s [%s]", property_text(node, "Type"), property_text(node, "Name"),
                 property_text(node, "State"));
        fputs("  ", to);
        quoted(json_string_value(path), to);
        fputs(" [label=", to);
        quoted(label, to);
        fputs("];\n", to);
        json_array_foreach(json_object_get(node, "Children"), k, child)
        {
            fputs("  ", to);
            quoted(json_string_value(path), to);
            fputs(" -> ", to);
            quoted(json_string_value(child) ? json_string_value(child) : "", to);
            fputs(";\n", to);
        }
    }
    fputs("}\n", to);
    json_decref(paths);
    return 0;
}

/* Each node with all its interfaces in one object. */
static json_t *nodes(json_t *objects)
{
    json_t *list = objects_list(objects, "Node"), *node;
    size_t i;

    json_array_foreach(list, i, node)
    {
        const char *key, *path = property_text(node, "Object");
        json_t *interfaces = json_object_get(objects, path), *value, *attributes = json_object();
        json_object_foreach(interfaces, key, value) if (strncmp(key, "org.mefclient1.", 15) == 0 &&
                                                        !streq(key, "org.mefclient1.Node"))
            json_object_update(attributes, value);
        if (json_object_set_new(node, "Attributes", attributes) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int show(struct ctl *c, bool graph)
{
    json_t *objects = NULL;
    int r = bus_objects(c, &objects);

    if (r != 0)
        return r;
    if (c->json) {
        json_t *generation = json_object_get(object_interface(objects, TREE_PATH, "Tree"), "Generation");
        r = ctl_print_json(c, json_pack("{s:o?, s:O?}", "Nodes", nodes(objects), "Generation", generation));
    } else
        r = (graph ? tree_graph(objects, stdout) : tree_draw(objects, c->utf8, stdout)) < 0
                ? ctl_fail(c, CTL_FAILED, "NoMemory", "out of memory")
                : CTL_OK;
    json_decref(objects);
    return r;
}

int run_tree(struct ctl *c, const struct ctl_args *a)
{
    return show(c, false);
}

int run_graph(struct ctl *c, const struct ctl_args *a)
{
    return show(c, true);
}
