/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* objectPath in all its alias forms (mo-tree.md 2.1). Whatever does not address a node exactly addresses
 * none. Reads the tree only. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/mo/internal.h"

#define ROOT          "./DCFG/"
#define TR181_PROFILE "Device.X_oneM2M_org_SecuritySolution.AuthenticationProfile."
#define TR181_CSE     "Device.X_oneM2M_org_CSE."
#define TR181_AE      "Device.X_oneM2M_org_AE."
#define SEGMENTS_MAX  64

static bool unreserved(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("-._~", c) != NULL);
}

/* Decodes %XX once, unreserved characters only: anything else cannot occur in a name, and decoding a '/'
 * would make two segments of one. -EINVAL for a broken escape, a query, a fragment, or text that is too long.
 */
static int decode(const char *path, char ret[LIMIT_OBJECT_PATH + 1])
{
    size_t n = strnlen(path, LIMIT_OBJECT_PATH + 1), k = 0;

    if (n == 0 || n > LIMIT_OBJECT_PATH || !str_text_valid(path, n) || strpbrk(path, "?#"))
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        uint8_t c;
        size_t one = 1;
        if (path[i] != '%') {
            ret[k++] = path[i];
            continue;
        }
        if (n - i < 3 || hex_decode(path + i + 1, 2, &c, &one) < 0)
            return -EINVAL;
        if (unreserved(c)) {
            ret[k++] = (char)c;
            i += 2;
        } else {
            ret[k++] = '%';
        }
    }
    ret[k] = '\0';
    return 0;
}

/* Cuts at '/', in place. -EINVAL for an empty segment, "." or "..", or too many. */
static int split(char *text, char *ret[SEGMENTS_MAX], size_t *ret_n)
{
    size_t n = 0;

    for (char *s = text;;) {
        char *end = strchr(s, '/');
        if (end)
            *end = '\0';
        if (!*s || streq(s, ".") || streq(s, "..") || n == SEGMENTS_MAX)
            return -EINVAL;
        ret[n++] = s;
        if (!end)
            break;
        s = end + 1;
    }
    *ret_n = n;
    return 0;
}

/* type/name pairs behind the root; each further pair must be a real link of the one before. */
static struct mo_node *by_pairs(const struct mo_set *set, char *rest)
{
    struct mo_node *at = NULL;
    char *segment[SEGMENTS_MAX];
    size_t n;

    if (split(rest, segment, &n) < 0 || n % 2 != 0)
        return NULL;
    for (size_t i = 0; i < n; i += 2) {
        enum mo_type type;
        if (mo_type_parse(segment[i], &type) < 0)
            return NULL;
        struct mo_node *next = mo_set_by_name(set, type, segment[i + 1]);
        if (!next || (at && !mo_node_links_to(at, next->id)))
            return NULL;
        at = next;
    }
    return at;
}

/* "oid/iid" */
static struct mo_node *by_numbers(const struct mo_set *set, char *rest)
{
    char *segment[SEGMENTS_MAX];
    uint64_t oid, iid;
    enum mo_type type;
    size_t n;

    if (split(rest, segment, &n) < 0 || n != 2 || str_to_u64(segment[0], UINT16_MAX, &oid) < 0 ||
        str_to_u64(segment[1], MO_IID_MAX, &iid) < 0 || mo_type_by_oid((uint32_t)oid, &type) < 0)
        return NULL;
    return mo_set_by_alias(set, type, (uint32_t)iid);
}

/* Table and key of a [registration] in TR-181 (2.4): originatorID tells a CSE from an AE. */
static const char *tr181_table(const struct mo_node *n)
{
    if (n->type == MO_AUTHENTICATION_PROFILE)
        return TR181_PROFILE;
    if (n->type != MO_REGISTRATION)
        return NULL;
    return mo_registration_is_cse(n) ? TR181_CSE : TR181_AE;
}

static struct mo_node *by_tr181(const struct mo_set *set, char *path)
{
    static const struct {
        const char *table;
        enum mo_type type;
    } tables[] = {{TR181_PROFILE, MO_AUTHENTICATION_PROFILE},
                  {TR181_CSE, MO_REGISTRATION},
                  {TR181_AE, MO_REGISTRATION}};
    uint64_t instance;

    for (size_t i = 0; i < ELEMENTS(tables); i++) {
        size_t head = strlen(tables[i].table), n = strlen(path);
        if (strncmp(path, tables[i].table, head) != 0)
            continue;
        if (n > head && path[n - 1] == '.')
            path[n - 1] = '\0';
        if (str_to_u64(path + head, MO_IID_MAX, &instance) < 0 || instance == 0)
            return NULL;
        struct mo_node *node = mo_set_by_alias(set, tables[i].type, (uint32_t)instance);
        return node && streq(tr181_table(node), tables[i].table) ? node : NULL;
    }
    return NULL;
}

/* Behind `head` and a slash, or NULL. */
static char *behind(char *path, const char *head)
{
    size_t n = strlen(head);

    return strncmp(path, head, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

struct mo_node *mo_set_resolve(const struct mo_tree *tree, const struct mo_set *set, const char *path)
{
    char text[LIMIT_OBJECT_PATH + 1];

    if (!path || decode(path, text) < 0)
        return NULL;
    if (strncmp(text, "Device.", 7) == 0)
        return by_tr181(set, text);
    if (strncmp(text, ROOT, strlen(ROOT)) == 0)
        return by_pairs(set, text + strlen(ROOT));
    for (char **m = tree->mounts; m && *m; m++) {
        char *rest = behind(text, *m);
        if (rest)
            return by_pairs(set, rest);
    }
    for (char **p = tree->prefixes; p && *p; p++) {
        char *rest = behind(text, *p);
        if (rest)
            return by_numbers(set, rest);
    }
    return text[0] == '/' ? by_numbers(set, text + 1) : NULL;
}

const struct mo_node *mo_tree_resolve(const struct mo_tree *tree, const char *object_path)
{
    return mo_set_resolve(tree, &tree->now, object_path);
}

char *mo_node_path(const struct mo_node *n)
{
    char *path;

    return asprintf(&path, ROOT "%s/%s", mo_type_info(n->type)->name, n->name) < 0 ? NULL : path;
}

static int push(char ***paths, const char *format, ...) mef_printf(2, 3);
static int push(char ***paths, const char *format, ...)
{
    char text[2 * LIMIT_OBJECT_PATH];
    va_list ap;

    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    /* A form that is too long would address no node. */
    return n > (int)LIMIT_OBJECT_PATH ? 0 : strv_push(paths, text);
}

char **mo_node_object_paths(const struct mo_tree *tree, const struct mo_node *n)
{
    _cleanup_(strv_freep) char **paths = NULL;
    const struct mo_type_info *type = mo_type_info(n->type);
    const char *table = tr181_table(n);
    int r = push(&paths, ROOT "%s/%s", type->name, n->name);

    if (r == 0)
        r = push(&paths, "/%u/%u", type->oid, n->iid);
    for (char **m = tree->mounts; r == 0 && m && *m; m++)
        r = push(&paths, "%s/%s/%s", *m, type->name, n->name);
    for (char **p = tree->prefixes; r == 0 && p && *p; p++)
        r = push(&paths, "%s/%u/%u", *p, type->oid, n->iid);
    if (r == 0 && table && n->iid > 0)
        r = push(&paths, "%s%u.", table, n->iid);
    return r < 0 ? NULL : TAKE_PTR(paths);
}

/* A registered root is itself made of plain segments. */
static int check_root(const char *root, const char *start, struct mef_error *reterr)
{
    char text[LIMIT_OBJECT_PATH + 1];
    char *segment[SEGMENTS_MAX];
    size_t n = strnlen(root, LIMIT_OBJECT_PATH + 1), head = strlen(start), count;

    if (n > head && n <= LIMIT_OBJECT_PATH / 2 && strncmp(root, start, head) == 0 && !strpbrk(root, "?#%") &&
        str_text_valid(root, n)) {
        memcpy(text, root + head, n - head + 1);
        if (split(text, segment, &count) == 0)
            return 0;
    }
    return mef_fail(
        reterr, MEF_ERROR_INVALID_ARGUMENTS,
        "'%s' cannot be the root of object paths: it must begin with '%s' and hold no empty segment", root,
        start);
}

int mo_tree_set_aliases(struct mo_tree *tree, char *const *mounts, char *const *prefixes,
                        struct mef_error *reterr)
{
    _cleanup_(strv_freep) char **m = NULL, **p = NULL;

    for (char *const *s = mounts; s && *s; s++) {
        int r = check_root(*s, "./", reterr);
        if (r < 0)
            return r;
    }
    for (char *const *s = prefixes; s && *s; s++) {
        int r = check_root(*s, "/", reterr);
        if (r < 0)
            return r;
    }
    if (!tree)
        return 0;
    if ((mounts && !(m = strv_copy(mounts))) || (prefixes && !(p = strv_copy(prefixes))))
        return mo_no_memory(reterr);
    strv_free(tree->mounts);
    strv_free(tree->prefixes);
    tree->mounts = TAKE_PTR(m);
    tree->prefixes = TAKE_PTR(p);
    return 0;
}
