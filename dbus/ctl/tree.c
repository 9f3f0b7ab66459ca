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

/* Where a node's credential is told: by itself, or by the registration that it configures. */
static const char *const holders[] = {"AuthenticationProfile", "TrustAnchorCred", "MyCertFileCred"};
static const char *const configurations[] = {"MEFClientRegCfg", "MAFClientRegCfg"};

static json_t *registration_of(json_t *objects, const char *path)
{
    json_t *registration = NULL;

    for (size_t i = 0; !registration && i < ELEMENTS(configurations); i++)
        registration = object_interface(
            objects, property_text(object_interface(objects, path, configurations[i]), "Registration"),
            "Registration");
    return registration;
}

/* Bus path of the credential in use; "" when there is none. */
static const char *credential_of(json_t *objects, const char *path)
{
    const char *credential = property_text(registration_of(objects, path), "Credential");

    for (size_t i = 0; !*credential && i < ELEMENTS(holders); i++)
        credential = property_text(object_interface(objects, path, holders[i]), "Credential");
    return streq(credential, "/") ? "" : credential;
}

/* Ends what an open_memstream holds. NULL when out of memory; else one line that is fit to be shown. */
static char *finish(FILE *f, char **text)
{
    if (!f)
        return NULL;
    if (fclose(f) != 0) {
        free(*text);
        return NULL;
    }
    str_make_printable(*text);
    return *text;
}

static char *credential_text(json_t *objects, const char *path)
{
    json_t *credential = object_interface(objects, path, "Credential");
    const char *name = property_text(credential, "Subject");
    uint64_t end = property_number(credential, "NotAfter");
    char *text = NULL, until[TIME_TEXT_MAX];
    size_t n;
    FILE *f = open_memstream(&text, &n);

    if (!*name)
        name = property_text(credential, "CredentialId");
    format_time(end, until);
    if (f && !credential)
        fprintf(f, "%s (not there)", path);
    else if (f)
        fprintf(f, "%s %s%s%s", property_text(credential, "Kind"), name, end ? " until " : "",
                end ? until : "");
    return finish(f, &text);
}

static char *node_text(json_t *objects, const char *path)
{
    json_t *node = object_interface(objects, path, "Node");
    const char *state = property_text(node, "State"), *status = property_text(node, "LastStatusName");
    const char *origin = property_text(node, "Origin");
    const char *registered = property_text(registration_of(objects, path), "State");
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    if (!f)
        return NULL;
    fprintf(f, "%s/%s", property_text(node, "Type"), property_text(node, "Name"));
    if (*state)
        fprintf(f, " [%s]", state);
    for (size_t i = 0; i < ELEMENTS(telling); i++) {
        json_t *v =
            json_object_get(object_interface(objects, path, telling[i].interface), telling[i].property);
        if (json_is_string(v) && *json_string_value(v))
            fprintf(f, " %s%s", telling[i].before, json_string_value(v));
        else if (json_is_integer(v) && json_integer_value(v) != 0)
            fprintf(f, " %s%lld", telling[i].before, (long long)json_integer_value(v));
    }
    if (*registered)
        fprintf(f, " %s", registered);
    if (*status && !streq(state, "ready"))
        fprintf(f, " %s", status);
    if (*origin && !streq(origin, "local"))
        fprintf(f, " (%s)", origin);
    return finish(f, &text);
}

static void branch(struct drawing *d, size_t depth)
{
    for (size_t k = 1; k < depth; k++)
        fputs(d->last[k] ? "   " : d->bar, d->to);
    if (depth)
        fputs(d->last[depth] ? d->corner : d->tee, d->to);
}

static void draw(struct drawing *d, const char *path, size_t depth)
{
    json_t *node = object_interface(d->objects, path, "Node"), *children, *child;
    const char *credential = credential_of(d->objects, path);
    size_t i, n;

    branch(d, depth);
    if (!node) {
        fprintf(d->to, "%s (not there)\n", path);
        return;
    }
    _cleanup_(freep) char *text = node_text(d->objects, path);
    fprintf(d->to, "%s\n", text ? text : path);
    d->above[depth] = path;
    children = json_object_get(node, "Children");
    n = json_array_size(children);
    if (*credential && depth + 2 < DEPTH_MAX) {
        _cleanup_(freep) char *what = credential_text(d->objects, credential);
        d->last[depth + 1] = n == 0;
        branch(d, depth + 1);
        fprintf(d->to, "credential: %s\n", what ? what : credential);
    }
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

/* What a state looks like; a state that is not here has no colour. */
static const struct {
    const char *state, *colour;
} colours[] = {{"ready", "darkgreen"},
               {"processing", "blue"},
               {"inconsistent", "red"},
               {"failed", "red"},
               {"expired", "red"}};

static void graph_node(const char *path, const char *text, const char *state, const char *style, FILE *to)
{
    fputs("  ", to);
    quoted(path, to);
    fputs(" [label=", to);
    quoted(text ? text : path, to);
    for (size_t i = 0; i < ELEMENTS(colours); i++)
        if (streq(colours[i].state, state))
            fprintf(to, ", color=%s", colours[i].colour);
    fprintf(to, "%s];\n", style);
}

static void graph_edge(const char *from, const char *to_path, const char *style, FILE *to)
{
    fputs("  ", to);
    quoted(from, to);
    fputs(" -> ", to);
    quoted(to_path, to);
    fprintf(to, "%s;\n", style);
}

/* A node with its credential and its links. */
static void graph_around(json_t *objects, const char *path, FILE *to)
{
    json_t *node = object_interface(objects, path, "Node"), *child;
    const char *credential = credential_of(objects, path);
    _cleanup_(freep) char *text = node_text(objects, path);
    size_t k;

    graph_node(path, text, property_text(node, "State"), "", to);
    if (*credential) {
        _cleanup_(freep) char *what = credential_text(objects, credential);
        graph_node(credential, what, "", ", shape=note", to);
        graph_edge(path, credential, " [style=dashed]", to);
    }
    json_array_foreach(json_object_get(node, "Children"), k, child)
    {
        const char *target = json_string_value(child);
        if (!target)
            continue;
        if (!object_interface(objects, target, "Node"))
            graph_node(target, NULL, "failed", ", style=dotted", to);
        graph_edge(path, target, "", to);
    }
}

int tree_graph(json_t *objects, FILE *to)
{
    json_t *paths = objects_with(objects, "Node"), *path;
    size_t i;

    if (!paths)
        return -ENOMEM;
    fputs("digraph mo {\n  rankdir=LR;\n  node [shape=box];\n", to);
    json_array_foreach(paths, i, path) graph_around(objects, json_string_value(path), to);
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
