/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading what callers send: every type, length, depth and count is checked before a handler sees it
 * (style-anchors D4 rule 9). Everything read is a copy; nothing points into the message. Thread: the loop's.
 */
#include <dbus/dbus.h>
#include <errno.h>
#include <fcntl.h>

#include "dbus/value.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

static const char *const readable[] = {
    "s", "o", "g", "b",  "y",  "q",  "u",  "t",  "n",     "i",      "x",
    "d", "h", "v", "as", "ao", "ag", "au", "ay", "a{sv}", "aa{sv}",
};

/* ---- memory ------------------------------------------------------------------------------------------ */

enum shape { SHAPE_PLAIN, SHAPE_STRING, SHAPE_FD, SHAPE_STRV, SHAPE_AU, SHAPE_AY, SHAPE_DICT, SHAPE_DICTS };

static enum shape shape_of(const char *sig)
{
    if (!sig)
        return SHAPE_PLAIN;
    if (sig[0] != 'a')
        return sig[0] == 's' || sig[0] == 'o' || sig[0] == 'g' ? SHAPE_STRING
               : sig[0] == 'h'                                 ? SHAPE_FD
                                                               : SHAPE_PLAIN;
    switch (sig[1]) {
    case 'u':
        return SHAPE_AU;
    case 'y':
        return SHAPE_AY;
    case '{':
        return SHAPE_DICT;
    case 'a':
        return SHAPE_DICTS;
    default:
        return SHAPE_STRV;
    }
}

void bus_dict_clear(struct bus_dict *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->item[i].key);
        bus_value_clear(&d->item[i].value);
    }
    free(d->item);
    *d = (struct bus_dict){0};
}

void bus_value_clear(struct bus_value *v)
{
    switch (shape_of(v->sig)) {
    case SHAPE_STRING:
        free(v->s);
        break;
    case SHAPE_FD:
        if (v->fd >= 0)
            close(v->fd);
        break;
    case SHAPE_STRV:
        strv_free(v->strv);
        break;
    case SHAPE_AU:
        free(v->au.item);
        break;
    case SHAPE_AY:
        free(v->ay.data);
        break;
    case SHAPE_DICT:
        bus_dict_clear(&v->dict);
        break;
    case SHAPE_DICTS:
        for (size_t i = 0; i < v->dicts.n; i++)
            bus_dict_clear(&v->dicts.item[i]);
        free(v->dicts.item);
        break;
    case SHAPE_PLAIN:
        break;
    }
    *v = (struct bus_value){0};
}

static void *copy_of(const void *data, size_t len)
{
    void *p = malloc(len ? len : 1);
    if (p && len)
        memcpy(p, data, len);
    return p;
}

int bus_dict_copy(const struct bus_dict *from, struct bus_dict *to)
{
    struct bus_dict d = {0};

    d.item = calloc(from->n ? from->n : 1, sizeof *d.item);
    if (!d.item)
        return -ENOMEM;
    for (size_t i = 0; i < from->n; i++) {
        d.n = i + 1;
        d.item[i].key = strdup(from->item[i].key);
        int r = d.item[i].key ? bus_value_copy(&from->item[i].value, &d.item[i].value) : -ENOMEM;
        if (r < 0) {
            bus_dict_clear(&d);
            return r;
        }
    }
    *to = d;
    return 0;
}

int bus_value_copy(const struct bus_value *from, struct bus_value *to)
{
    struct bus_value v = {.sig = from->sig};
    int r = 0;

    switch (shape_of(from->sig)) {
    case SHAPE_STRING:
        v.s = strdup(from->s);
        r = v.s ? 0 : -ENOMEM;
        break;
    case SHAPE_FD:
        v.fd = from->fd < 0 ? -1 : fcntl(from->fd, F_DUPFD_CLOEXEC, 3);
        r = v.fd < 0 && from->fd >= 0 ? -errno : 0;
        break;
    case SHAPE_STRV:
        v.strv = strv_copy(from->strv);
        r = v.strv ? 0 : -ENOMEM;
        break;
    case SHAPE_AU:
        v.au.item = copy_of(from->au.item, from->au.n * sizeof *v.au.item);
        v.au.n = from->au.n;
        r = v.au.item ? 0 : -ENOMEM;
        break;
    case SHAPE_AY:
        v.ay.data = copy_of(from->ay.data, from->ay.len);
        v.ay.len = from->ay.len;
        r = v.ay.data ? 0 : -ENOMEM;
        break;
    case SHAPE_DICT:
        r = bus_dict_copy(&from->dict, &v.dict);
        break;
    case SHAPE_DICTS:
        v.dicts.item = calloc(from->dicts.n ? from->dicts.n : 1, sizeof *v.dicts.item);
        if (!v.dicts.item)
            r = -ENOMEM;
        for (size_t i = 0; r == 0 && i < from->dicts.n; i++) {
            r = bus_dict_copy(&from->dicts.item[i], &v.dicts.item[i]);
            if (r == 0)
                v.dicts.n = i + 1;
        }
        break;
    case SHAPE_PLAIN:
        v = *from;
        break;
    }
    if (r < 0) {
        bus_value_clear(&v);
        return r;
    }
    *to = v;
    return 0;
}

static size_t dict_size(const struct bus_dict *d)
{
    size_t n = d->n * sizeof *d->item;

    for (size_t i = 0; i < d->n; i++)
        n += strlen(d->item[i].key) + bus_values_size(&d->item[i].value, 1);
    return n;
}

size_t bus_values_size(const struct bus_value *v, size_t n)
{
    size_t sum = n * sizeof *v;

    for (size_t i = 0; i < n; i++, v++) {
        switch (shape_of(v->sig)) {
        case SHAPE_STRING:
            sum += strlen(v->s);
            break;
        case SHAPE_STRV:
            for (char **s = v->strv; *s; s++)
                sum += strlen(*s) + sizeof *s;
            break;
        case SHAPE_AU:
            sum += v->au.n * sizeof *v->au.item;
            break;
        case SHAPE_AY:
            sum += v->ay.len;
            break;
        case SHAPE_DICT:
            sum += dict_size(&v->dict);
            break;
        case SHAPE_DICTS:
            for (size_t k = 0; k < v->dicts.n; k++)
                sum += dict_size(&v->dicts.item[k]);
            break;
        case SHAPE_FD:
        case SHAPE_PLAIN:
            break;
        }
    }
    return sum;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

struct reading {
    const char *key; /* of the entry being read, "" for an argument */
    unsigned depth;
    struct mef_error *err;
};

/* Text that may hold line ends (PEM, JSON) but no other control character. */
static bool value_text_valid(const char *s)
{
    for (const unsigned char *p = (const unsigned char *)s; *p; p++)
        if ((*p < 0x20 && *p != '\t' && *p != '\n' && *p != '\r') || *p == 0x7f)
            return false;
    return true;
}

static int too_much(const struct reading *at, const char *what, size_t limit)
{
    return mef_fail(at->err, MEF_ERROR_LIMIT_EXCEEDED, "The %s '%s' is longer than %zu; send less.", what,
                    at->key, limit);
}

static int read_string(DBusMessageIter *it, const struct reading *at, char **ret)
{
    size_t limit = at->depth ? LIMIT_BUS_STRING : LIMIT_IMPORT;
    const char *s;

    dbus_message_iter_get_basic(it, &s);
    if (strlen(s) > limit)
        return too_much(at, "text of", limit);
    if (!value_text_valid(s))
        return mef_fail(at->err, MEF_ERROR_INVALID_ARGUMENTS,
                        "The text of '%s' has a control character; only tab and line ends may be in it.",
                        at->key);
    *ret = strdup(s);
    return *ret ? 0 : -ENOMEM;
}

static int read_strv(DBusMessageIter *array, const struct reading *at, char ***ret)
{
    _cleanup_(strv_freep) char **v = calloc(LIMIT_BUS_ITEMS + 1, sizeof *v);
    struct reading below = {at->key, at->depth + 1, at->err};
    DBusMessageIter it;
    size_t n = 0;

    if (!v)
        return -ENOMEM;
    dbus_message_iter_recurse(array, &it);
    for (; dbus_message_iter_get_arg_type(&it) != DBUS_TYPE_INVALID; dbus_message_iter_next(&it)) {
        if (n >= LIMIT_BUS_ITEMS)
            return too_much(at, "list", LIMIT_BUS_ITEMS);
        int r = read_string(&it, &below, &v[n]);
        if (r < 0)
            return r;
        n++;
    }
    char **fit = realloc(v, (n + 1) * sizeof *v);
    if (fit)
        v = fit;
    *ret = TAKE_PTR(v);
    return 0;
}

static int read_fixed(DBusMessageIter *array, const struct reading *at, struct bus_value *v)
{
    bool words = shape_of(v->sig) == SHAPE_AU;
    size_t limit = words ? LIMIT_BUS_ITEMS : LIMIT_BUS_STRING;
    const void *data = NULL;
    int n = 0;
    DBusMessageIter it;

    dbus_message_iter_recurse(array, &it);
    if (dbus_message_iter_get_arg_type(&it) != DBUS_TYPE_INVALID)
        dbus_message_iter_get_fixed_array(&it, &data, &n);
    if ((size_t)n > limit)
        return too_much(at, "array", limit);
    void *p = copy_of(data, (size_t)n * (words ? sizeof(uint32_t) : 1));
    if (!p)
        return -ENOMEM;
    if (words) {
        v->au.item = p;
        v->au.n = (size_t)n;
    } else {
        v->ay.data = p;
        v->ay.len = (size_t)n;
    }
    return 0;
}

static int read_value(DBusMessageIter *it, const struct reading *at, struct bus_value *ret);

static int read_entry(DBusMessageIter *dict, const struct reading *at, struct bus_dict *d)
{
    struct reading below = {NULL, at->depth + 1, at->err};
    struct bus_entry *e = &d->item[d->n];
    DBusMessageIter it;
    const char *key;

    dbus_message_iter_recurse(dict, &it);
    dbus_message_iter_get_basic(&it, &key);
    if (strlen(key) > LIMIT_OBJECT_PATH || !*key || !str_text_valid(key, strlen(key)))
        return mef_fail(at->err, MEF_ERROR_INVALID_ARGUMENTS,
                        "A key of '%s' is empty, too long or has a control character.", at->key);
    if (bus_dict_get(d, key))
        return mef_fail(at->err, MEF_ERROR_INVALID_ARGUMENTS, "The key '%s' is there twice; give it once.",
                        key);
    below.key = key;
    dbus_message_iter_next(&it);
    struct bus_value v = {0};
    int r = read_value(&it, &below, &v);
    if (r < 0)
        return r;
    e->key = strdup(key);
    if (!e->key) {
        bus_value_clear(&v);
        return -ENOMEM;
    }
    e->value = v;
    d->n++;
    return 0;
}

static int read_dict(DBusMessageIter *array, const struct reading *at, struct bus_dict *ret)
{
    struct bus_dict d = {0};
    DBusMessageIter it;
    int r = 0, n = dbus_message_iter_get_element_count(array);

    if (at->depth > LIMIT_BUS_DEPTH)
        return too_much(at, "nesting of", LIMIT_BUS_DEPTH);
    if ((size_t)n > LIMIT_BUS_ENTRIES)
        return too_much(at, "dictionary", LIMIT_BUS_ENTRIES);
    d.item = calloc(n > 0 ? (size_t)n : 1, sizeof *d.item);
    if (!d.item)
        return -ENOMEM;
    dbus_message_iter_recurse(array, &it);
    for (; r == 0 && dbus_message_iter_get_arg_type(&it) != DBUS_TYPE_INVALID; dbus_message_iter_next(&it))
        r = read_entry(&it, at, &d);
    if (r < 0)
        bus_dict_clear(&d);
    else
        *ret = d;
    return r;
}

static int read_dicts(DBusMessageIter *array, const struct reading *at, struct bus_value *v)
{
    struct reading below = {at->key, at->depth + 1, at->err};
    int n = dbus_message_iter_get_element_count(array);
    DBusMessageIter it;

    if ((size_t)n > LIMIT_TX_OPERATIONS)
        return mef_fail(at->err, MEF_ERROR_LIMIT_EXCEEDED,
                        "There are %d operations, at most %u go into one transaction.", n,
                        LIMIT_TX_OPERATIONS);
    v->dicts.item = calloc(n > 0 ? (size_t)n : 1, sizeof *v->dicts.item);
    if (!v->dicts.item)
        return -ENOMEM;
    dbus_message_iter_recurse(array, &it);
    for (; dbus_message_iter_get_arg_type(&it) != DBUS_TYPE_INVALID; dbus_message_iter_next(&it)) {
        int r = read_dict(&it, &below, &v->dicts.item[v->dicts.n]);
        if (r < 0)
            return r;
        v->dicts.n++;
    }
    return 0;
}

static const char *known_signature(const char *sig)
{
    for (size_t i = 0; i < ELEMENTS(readable); i++)
        if (streq(readable[i], sig))
            return readable[i];
    return NULL;
}

static void read_plain(DBusMessageIter *it, struct bus_value *v)
{
    DBusBasicValue b = {0};

    dbus_message_iter_get_basic(it, &b);
    switch (v->sig[0]) {
    case 'b':
        v->u = b.bool_val != 0;
        break;
    case 'y':
        v->u = b.byt;
        break;
    case 'q':
        v->u = b.u16;
        break;
    case 'u':
        v->u = b.u32;
        break;
    case 't':
        v->u = b.u64;
        break;
    case 'n':
        v->i = b.i16;
        break;
    case 'i':
        v->i = b.i32;
        break;
    case 'x':
        v->i = b.i64;
        break;
    case 'd':
        v->d = b.dbl;
        break;
    default:
        v->fd = b.fd;
    }
}

/* The type of a value that is no variant, as one of ours. */
static int read_type(DBusMessageIter *it, const struct reading *at, const char **ret)
{
    const char basic[] = {(char)dbus_message_iter_get_arg_type(it), '\0'};
    char *sig;

    /* The usual case, for which libdbus need not make a text. */
    if (dbus_type_is_basic(basic[0]) && (*ret = known_signature(basic)))
        return 0;
    sig = dbus_message_iter_get_signature(it);
    if (!sig)
        return -ENOMEM;
    *ret = known_signature(sig);
    int r = *ret ? 0
                 : mef_fail(at->err, MEF_ERROR_INVALID_ARGUMENTS,
                            "The value of '%s' has the type '%s', which nothing takes.", at->key, sig);
    dbus_free(sig);
    return r;
}

static int read_value(DBusMessageIter *it, const struct reading *at, struct bus_value *ret)
{
    struct bus_value v = {0};
    int r = 0;

    if (dbus_message_iter_get_arg_type(it) == DBUS_TYPE_VARIANT) {
        struct reading below = {at->key, at->depth + 1, at->err};
        DBusMessageIter inner;
        if (at->depth > 2 * LIMIT_BUS_DEPTH)
            return too_much(at, "nesting of", LIMIT_BUS_DEPTH);
        dbus_message_iter_recurse(it, &inner);
        return read_value(&inner, at->depth ? at : &below, ret);
    }
    r = read_type(it, at, &v.sig);
    if (r < 0)
        return r;
    switch (shape_of(v.sig)) {
    case SHAPE_STRING:
        r = read_string(it, at, &v.s);
        break;
    case SHAPE_STRV:
        r = read_strv(it, at, &v.strv);
        break;
    case SHAPE_AU:
    case SHAPE_AY:
        r = read_fixed(it, at, &v);
        break;
    case SHAPE_DICT:
        r = read_dict(it, at, &v.dict);
        break;
    case SHAPE_DICTS:
        r = read_dicts(it, at, &v);
        break;
    case SHAPE_FD:
        read_plain(it, &v);
        if (v.fd < 0)
            r = mef_fail(at->err, MEF_ERROR_INVALID_ARGUMENTS,
                         "The descriptor of '%s' did not come with the message.", at->key);
        break;
    case SHAPE_PLAIN:
        read_plain(it, &v);
        break;
    }
    if (r < 0) {
        bus_value_clear(&v);
        return r;
    }
    *ret = v;
    return 0;
}

int bus_values_read(struct DBusMessageIter *it, struct bus_value *v, size_t n, struct mef_error *reterr)
{
    static const char *const names[] = {"argument 1", "argument 2", "argument 3", "argument 4", "argument 5"};
    struct reading at = {"", 0, reterr};

    for (size_t i = 0; i < n; i++) {
        at.key = i < ELEMENTS(names) ? names[i] : "a later argument";
        v[i] = (struct bus_value){0};
        int r =
            dbus_message_iter_get_arg_type(it) == DBUS_TYPE_INVALID ? -EINVAL : read_value(it, &at, &v[i]);
        if (r < 0) {
            while (i > 0)
                bus_value_clear(&v[--i]);
            if (r == -ENOMEM)
                mef_fail(reterr, MEF_ERROR_FAILED, "There is no memory for the arguments.");
            return r;
        }
        dbus_message_iter_next(it);
    }
    return 0;
}

int bus_signature_readable(const char *sig)
{
    DBusSignatureIter it;
    int n = 0;

    if (!*sig)
        return 0;
    if (!dbus_signature_validate(sig, NULL))
        return -EINVAL;
    dbus_signature_iter_init(&it, sig);
    do {
        char *one = dbus_signature_iter_get_signature(&it);
        bool known = one && known_signature(one);
        dbus_free(one);
        if (!known)
            return -EINVAL;
        n++;
    } while (dbus_signature_iter_next(&it));
    return n;
}
