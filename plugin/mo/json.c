/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Export and import of the form of mo-tree.md section 6. The export never holds a secret; the import refuses
 * one. The text is judged before a parser that recurses sees it. Thread: the loop's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/json-scan.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/mo/internal.h"

#define FORMAT         1
#define GENERATION_MAX (UINT64_C(1) << 53)

/* ---- export
 * ------------------------------------------------------------------------------------------------- */

static int put(json_t *object, const char *key, json_t *value)
{
    return value ? json_object_set_new_nocheck(object, key, value) : -1;
}

json_t *mo_attrs_json(const struct mo_node *n, bool all)
{
    json_t *attrs = json_object();

    for (size_t i = 0; attrs && i < MO_ATTR_MAX_; i++) {
        const struct mo_field *f = mo_field(n->type, (enum mo_attr)i);
        if (!n->attrs[i] || !f || (f->write_only && !all))
            continue;
        if (put(attrs, mo_attr_info((enum mo_attr)i)->name, mo_value_json(n->attrs[i])) < 0) {
            json_decref(attrs);
            return NULL;
        }
    }
    return attrs;
}

static json_t *link_paths(const struct mo_set *set, const struct mo_node *n)
{
    json_t *links = json_array();

    for (size_t i = 0; links && i < n->n_links; i++) {
        const struct mo_node *child = mo_set_by_id(set, n->links[i]);
        if (!child)
            continue;
        _cleanup_(freep) char *path = mo_node_path(child);
        if (!path || json_array_append_new(links, json_string(path)) < 0) {
            json_decref(links);
            return NULL;
        }
    }
    return links;
}

json_t *mo_node_json(const struct mo_tree *tree, const struct mo_node *n)
{
    char alias[32];
    json_t *o = json_object(), *attrs = mo_attrs_json(n, false);
    int r = o && attrs ? 0 : -1;

    (void)snprintf(alias, sizeof alias, "/%u/%u", mo_type_info(n->type)->oid, n->iid);
    if (r == 0 && n->extra_attrs)
        r = json_object_update_missing(attrs, n->extra_attrs);
    if (r == 0)
        r = put(o, "type", json_string(mo_type_info(n->type)->name));
    if (r == 0)
        r = put(o, "name", json_string(n->name));
    if (r == 0)
        r = put(o, "origin", json_string(mo_origin_name(n->origin)));
    if (r == 0 && n->mef_reg)
        r = put(o, "mefReg", json_string(n->mef_reg));
    if (r == 0)
        r = put(o, "lwm2m", json_string(alias));
    if (r == 0)
        r = put(o, "attrs", json_incref(attrs));
    if (r == 0)
        r = put(o, "links", link_paths(&tree->now, n));
    if (r == 0 && n->extra)
        r = json_object_update_missing(o, n->extra);
    json_decref(attrs);
    if (r < 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}

int mo_tree_export(const struct mo_tree *tree, char **ret, struct mef_error *reterr)
{
    json_t *top = json_object(), *nodes = json_array();
    int r = top && nodes ? 0 : -1;

    if (r == 0)
        r = put(top, "format", json_integer(FORMAT));
    if (r == 0)
        r = put(top, "generation", json_integer((json_int_t)tree->generation));
    for (size_t i = 0; r == 0 && i < tree->now.n; i++) {
        json_t *node = mo_node_json(tree, mo_set_nth(&tree->now, i));
        r = node ? json_array_append_new(nodes, node) : -1;
    }
    if (r == 0)
        r = put(top, "nodes", json_incref(nodes));
    if (r == 0 && tree->extra)
        r = json_object_update_missing(top, tree->extra);
    _cleanup_(freep) char *text = r == 0 ? json_dumps(top, JSON_INDENT(1)) : NULL;
    json_decref(nodes);
    json_decref(top);
    char *line;
    if (!text || asprintf(&line, "%s\n", text) < 0)
        return mo_no_memory(reterr);
    *ret = line;
    return 0;
}

/* ---- inputs
 * ----------------------------------------------------------------------------------------------------- */

static void list_input(const json_t *list, struct mo_json_input *i)
{
    size_t n = json_array_size(list);
    bool strings = true, numbers = true;

    for (size_t k = 0; k < n; k++) {
        const json_t *item = json_array_get(list, k);
        strings &= json_is_string(item);
        numbers &= json_is_integer(item) && json_integer_value(item) >= 0;
    }
    i->in.kind = strings ? MO_INPUT_STRINGS : numbers ? MO_INPUT_UINTS : MO_INPUT_OTHER;
}

int mo_json_input(const char *name, const json_t *value, struct mo_json_input *ret)
{
    struct mo_json_input i = {.in.name = name};
    size_t n = json_array_size(value);

    if (json_is_string(value)) {
        i.in.kind = MO_INPUT_STRING;
        i.in.string = json_string_value(value);
    } else if (json_is_integer(value) && json_integer_value(value) >= 0) {
        i.in.kind = MO_INPUT_UINT;
        i.in.uint = (uint64_t)json_integer_value(value);
    } else if (json_is_boolean(value)) {
        i.in.kind = MO_INPUT_BOOL;
        i.in.uint = json_is_true(value);
    } else if (json_is_array(value)) {
        list_input(value, &i);
        i.strings = calloc(n + 1, sizeof *i.strings);
        i.uints = calloc(n + 1, sizeof *i.uints);
        if (!i.strings || !i.uints) {
            mo_json_input_clear(&i);
            *ret = (struct mo_json_input){0};
            return -ENOMEM;
        }
        /* The texts stay the document's; an input does not change what it points to. */
        for (size_t k = 0; k < n && i.in.kind != MO_INPUT_OTHER; k++) {
            i.strings[k] = (char *)(uintptr_t)json_string_value(json_array_get(value, k));
            i.uints[k] = (uint64_t)json_integer_value(json_array_get(value, k));
        }
        i.in.strings = i.strings;
        i.in.uints = i.uints;
        i.in.n = n;
    }
    *ret = i;
    return 0;
}

void mo_json_input_clear(struct mo_json_input *i)
{
    free(i->strings);
    free(i->uints);
    i->strings = NULL;
    i->uints = NULL;
}

/* ---- import
 * ------------------------------------------------------------------------------------------------------ */

static int bad(struct mef_error *reterr, const char *format, ...) mef_printf(2, 3);
static int bad(struct mef_error *reterr, const char *format, ...)
{
    char what[MEF_ERROR_TEXT_MAX];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s", what);
}

static int parse(const char *text, size_t len, json_t **ret, struct mef_error *reterr)
{
    json_error_t error;
    int r = json_scan(text, len, LIMIT_IMPORT, LIMIT_JSON_DEPTH);

    if (r == -E2BIG)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "the import is larger than %u octets",
                        LIMIT_IMPORT);
    if (r == -EILSEQ)
        return bad(reterr, "the import is not valid UTF-8");
    if (r < 0)
        return bad(reterr, "the import is nested deeper than %u", LIMIT_JSON_DEPTH);
    json_t *top = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!top)
        return bad(reterr, "the import is not JSON: line %d, column %d: %s", error.line, error.column,
                   error.text);
    *ret = top;
    return 0;
}

/* A name of symmKeyValue somewhere in `value`, or NULL. parse() bounds the depth. */
static const char *key_value_within(json_t *value)
{
    const char *key, *within = NULL;
    enum mo_attr attr;
    json_t *member;
    size_t i;

    json_array_foreach(value, i, member)
    {
        if ((within = key_value_within(member)))
            return within;
    }
    json_object_foreach(value, key, member)
    {
        if (mo_attr_parse(MO_AUTHENTICATION_PROFILE, key, &attr) == 0 && attr == MO_SYMM_KEY_VALUE)
            return key;
        if ((within = key_value_within(member)))
            return within;
    }
    return NULL;
}

/* What is not known is kept, but no key value with it: that would come into the database and out on the bus.
 */
static int refuse_key_value(json_t *unknown, struct mef_error *reterr)
{
    const char *key = unknown ? key_value_within(unknown) : NULL;

    return key ? bad(reterr, "'%s' stands where it means nothing: take it out, SetSymmetricKey takes a key",
                     key)
               : 0;
}

/* Members of `object` that are not in `known`, as an object, or NULL when there are none. */
static int unknown_members(const json_t *object, const char *const *known, json_t **ret)
{
    const char *key;
    json_t *value, *extra = NULL;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool found = false;
        for (const char *const *k = known; *k; k++)
            found |= streq(*k, key);
        if (found)
            continue;
        if (!extra && !(extra = json_object()))
            return -ENOMEM;
        if (json_object_set(extra, key, value) < 0) {
            json_decref(extra);
            return -ENOMEM;
        }
    }
    *ret = extra;
    return 0;
}

/* One element of "nodes", by reference into the document. */
struct item {
    const json_t *json;
    enum mo_type type;
    const char *name;
    enum mo_origin origin;
    const char *mef_reg;
    int32_t iid; /* -1: not given */
    const json_t *attrs, *links;
};

/* "/27022/2" */
static int parse_alias(const char *text, enum mo_type type, int32_t *ret)
{
    char copy[32], *slash;
    uint64_t oid, iid;

    if (text[0] != '/' || strlen(text) >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text + 1, strlen(text));
    slash = strchr(copy, '/');
    if (!slash)
        return -EINVAL;
    *slash = '\0';
    if (str_to_u64(copy, UINT16_MAX, &oid) < 0 || str_to_u64(slash + 1, MO_IID_MAX, &iid) < 0 ||
        oid != mo_type_info(type)->oid)
        return -EINVAL;
    *ret = (int32_t)iid;
    return 0;
}

/* A member that is a string, or absent (then *ret is untouched). */
static int text_member(const json_t *o, const char *key, const char **ret, struct mef_error *reterr)
{
    const json_t *v = json_object_get(o, key);

    if (!v)
        return 0;
    if (!json_is_string(v))
        return bad(reterr, "member '%s' must be a string", key);
    *ret = json_string_value(v);
    return 0;
}

static int parse_item(const struct mo_tx *tx, const json_t *o, struct item *it, struct mef_error *reterr)
{
    const char *type = NULL, *origin = NULL, *alias = NULL;
    int r;

    *it = (struct item){.json = o, .origin = tx->origin, .mef_reg = tx->mef_reg, .iid = -1};
    if (!json_is_object(o))
        return bad(reterr, "it must be an object");
    if ((r = text_member(o, "type", &type, reterr)) < 0 ||
        (r = text_member(o, "name", &it->name, reterr)) < 0 ||
        (r = text_member(o, "origin", &origin, reterr)) < 0 ||
        (r = text_member(o, "lwm2m", &alias, reterr)) < 0)
        return r;
    if (!type)
        return bad(reterr, "member 'type' is missing");
    r = mo_type_parse(type, &it->type);
    if (r == -EOPNOTSUPP)
        return mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED, "nodes of type '%s' are not supported", type);
    if (r < 0)
        return bad(reterr, "there is no type '%s'", type);
    if (!it->name && !alias)
        return bad(reterr, "member 'name' is missing");
    if (it->name && !mo_name_valid(it->name))
        return bad(reterr, "'%s' is no node name", it->name);
    if (origin && mo_origin_from_name(origin, &it->origin) < 0)
        return bad(reterr, "there is no origin '%s'", origin);
    /* A person who restores a tree restores its origins; a DM client cannot give itself another one. */
    if (tx->origin != MO_ORIGIN_LOCAL)
        it->origin = tx->origin;
    else if ((r = text_member(o, "mefReg", &it->mef_reg, reterr)) < 0)
        return r;
    if (it->mef_reg && !mo_name_valid(it->mef_reg))
        return bad(reterr, "member 'mefReg' is no node name");
    if (alias && parse_alias(alias, it->type, &it->iid) < 0)
        return bad(reterr, "member 'lwm2m' must be '/%u/' and an instance, not '%s'",
                   mo_type_info(it->type)->oid, alias);
    it->attrs = json_object_get(o, "attrs");
    it->links = json_object_get(o, "links");
    if (it->attrs && !json_is_object(it->attrs))
        return bad(reterr, "member 'attrs' must be an object");
    if (it->links && !json_is_array(it->links))
        return bad(reterr, "member 'links' must be an array");
    return 0;
}

/* Attributes into the step; those that the type does not know are kept aside. */
static int take_attrs(struct mo_tx *tx, struct mo_step *s, const struct item *it, struct mef_error *reterr)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)it->attrs, key, value)
    {
        struct mo_json_input in;
        enum mo_attr attr;
        int r = 0;
        if (streq(key, "mgmtLink") || streq(key, "cmlk"))
            return bad(reterr, "links stand in the member 'links', not in '%s'", key);
        /* No key value in the text, under whatever type it stands. */
        if (mo_attr_parse(MO_AUTHENTICATION_PROFILE, key, &attr) == 0 && attr == MO_SYMM_KEY_VALUE)
            return mo_value_new(attr, &(struct mo_input){.name = key}, &s->values[attr], reterr);
        if (mo_attr_parse(it->type, key, &attr) < 0) {
            if (!s->extra_attrs && !(s->extra_attrs = json_object()))
                return mo_no_memory(reterr);
            if (json_object_set(s->extra_attrs, key, value) < 0)
                return mo_no_memory(reterr);
            continue;
        }
        if (mo_json_input(key, value, &in) < 0)
            return mo_no_memory(reterr);
        r = mo_step_take(tx, s, it->type, it->name, &in.in, 1, reterr);
        mo_json_input_clear(&in);
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_link_list(struct mo_step *s, const struct item *it, struct mef_error *reterr)
{
    size_t n = json_array_size(it->links);

    s->set_links = it->links != NULL;
    if (n > LIMIT_LINKS)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "%zu links, at most %u are allowed", n,
                        LIMIT_LINKS);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(it->links, i);
        if (!json_is_string(v))
            return bad(reterr, "member 'links' must hold strings");
        if (strv_push(&s->links, json_string_value(v)) < 0)
            return mo_no_memory(reterr);
    }
    return 0;
}

static int stage_item(struct mo_tx *tx, const struct item *it, struct mef_error *reterr)
{
    static const char *const known[] = {"type", "name", "origin", "mefReg", "lwm2m", "attrs", "links", NULL};
    _cleanup_(mo_step_freep) struct mo_step *s = calloc(1, sizeof *s);
    const struct mo_node *old = it->name ? mo_set_by_name(&tx->staged, it->type, it->name)
                                         : mo_set_by_alias(&tx->staged, it->type, (uint32_t)it->iid);
    int r;

    if (!s)
        return mo_no_memory(reterr);
    s->kind = old ? MO_STEP_SET : MO_STEP_ADD;
    s->type = it->type;
    s->id = old ? old->id : tx->tree->next_id++;
    s->origin = it->origin;
    s->iid = it->iid;
    if ((it->name && !(s->name = strdup(it->name))) || (it->mef_reg && !(s->mef_reg = strdup(it->mef_reg))))
        return mo_no_memory(reterr);
    if (old && it->iid >= 0 && (uint32_t)it->iid != old->iid)
        return bad(reterr, "its alias is '/%u/%u' and cannot change", mo_type_info(it->type)->oid, old->iid);
    r = take_attrs(tx, s, it, reterr);
    if (r == 0)
        r = take_link_list(s, it, reterr);
    if (r == 0 && unknown_members(it->json, known, &s->extra) < 0)
        r = mo_no_memory(reterr);
    if (r == 0)
        r = refuse_key_value(s->extra, reterr);
    if (r == 0)
        r = refuse_key_value(s->extra_attrs, reterr);
    if (r < 0)
        return r;
    /* What the text does not have goes; what no text can have stays. */
    for (size_t i = 0; old && it->attrs && i < MO_ATTR_MAX_; i++) {
        const struct mo_field *f = mo_field(it->type, (enum mo_attr)i);
        if (f && !f->write_only && old->attrs[i] && !s->values[i])
            s->removed |= MO_BIT(i);
    }
    return mo_tx_record(tx, TAKE_PTR(s), reterr);
}

/* Instances that the text names are not given to nodes before them. */
static void reserve_aliases(struct mo_tx *tx, const json_t *nodes)
{
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        struct item it;
        if (parse_item(tx, json_array_get(nodes, i), &it, NULL) == 0 && it.iid >= 0 &&
            (uint32_t)it.iid >= tx->staged.next_iid[it.type])
            tx->staged.next_iid[it.type] = (uint32_t)it.iid + 1;
    }
}

static int stage_all(struct mo_tx *tx, const json_t *nodes, struct mef_error *reterr)
{
    size_t operations = tx->n_operations;

    reserve_aliases(tx, nodes);
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        struct item it;
        int r = parse_item(tx, json_array_get(nodes, i), &it, reterr);
        if (r == 0) {
            r = stage_item(tx, &it, reterr);
            tx->n_operations = operations; /* the import is one operation, whatever its size */
        }
        if (r < 0) {
            const char *name = json_string_value(json_object_get(json_array_get(nodes, i), "name"));
            mef_error_prefix(reterr, "import, node %zu%s%.64s%s", i, name ? " ('" : "", name ? name : "",
                             name ? "')" : "");
            return r;
        }
    }
    tx->n_operations++;
    return 0;
}

/* format, generation, nodes; the rest is kept. */
static int check_top(const json_t *top, struct mef_error *reterr)
{
    const json_t *format = json_object_get(top, "format"), *generation = json_object_get(top, "generation");
    const json_t *nodes = json_object_get(top, "nodes");

    if (!json_is_object(top))
        return bad(reterr, "the import must be a JSON object");
    if (!json_is_integer(format))
        return bad(reterr, "member 'format' of the import is missing or no number");
    if (json_integer_value(format) != FORMAT)
        return mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED, "format %lld of the import is not known, only %d",
                        (long long)json_integer_value(format), FORMAT);
    if (generation && (!json_is_integer(generation) || json_integer_value(generation) < 0 ||
                       (uint64_t)json_integer_value(generation) > GENERATION_MAX))
        return bad(reterr, "member 'generation' of the import must be a number up to 2^53");
    if (!json_is_array(nodes))
        return bad(reterr, "member 'nodes' of the import is missing or no array");
    if (json_array_size(nodes) > LIMIT_NODES)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "the import has %zu nodes, at most %u are allowed",
                        json_array_size(nodes), LIMIT_NODES);
    return 0;
}

int mo_tx_import(struct mo_tx *tx, const char *text, size_t len, struct mef_error *reterr)
{
    static const char *const known[] = {"format", "generation", "nodes", NULL};
    json_t *top = NULL, *extra = NULL;
    struct mo_save *save = NULL;
    int r;

    if (tx->n_operations >= mo_limit(tx->tree, LIMIT_TX_OPERATIONS))
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "the transaction has %u operations, which is the most", LIMIT_TX_OPERATIONS);
    r = parse(text, len, &top, reterr);
    if (r < 0)
        return r;
    r = check_top(top, reterr);
    if (r == 0 && unknown_members(top, known, &extra) < 0)
        r = mo_no_memory(reterr);
    if (r == 0)
        r = refuse_key_value(extra, reterr);
    if (r == 0 && mo_tx_save(tx, &save) < 0)
        r = mo_no_memory(reterr);
    if (r < 0) {
        json_decref(extra);
        json_decref(top);
        return r;
    }
    r = stage_all(tx, json_object_get(top, "nodes"), reterr);
    if (r < 0) {
        mo_tx_restore(tx, save);
        json_decref(extra);
    } else {
        mo_save_free(save);
        if (extra) {
            json_decref(tx->extra);
            tx->extra = extra;
        }
        uint64_t generation = (uint64_t)json_integer_value(json_object_get(top, "generation"));
        if (generation > tx->min_generation)
            tx->min_generation = generation;
    }
    json_decref(top);
    return r;
}
