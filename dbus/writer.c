/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing values under a signature. libdbus ends the process when it is given a bad string or a type that
 * does not fit into the open container; here both are found first. A message that failed is dropped whole
 * (style-anchors D4 rule 8). Ownership: the writer points to message and signature. Thread: the loop's. */
#include <errno.h>

#include "dbus/writer.h"
#include "plugin/base/str.h"

size_t bus_signature_first(const char *sig)
{
    size_t n = 0, open = 0;

    for (;; n++) {
        if (sig[n] == '(' || sig[n] == '{')
            open++;
        else if (sig[n] == ')' || sig[n] == '}')
            open--;
        else if (sig[n] == '\0')
            return n;
        if (sig[n] != 'a' && open == 0)
            return n + 1;
    }
}

void bus_writer_fail(struct bus_writer *w, int r)
{
    if (w->err == 0)
        w->err = r;
}

int bus_writer_error(const struct bus_writer *w)
{
    return w->err;
}

void bus_writer_begin(struct bus_writer *w, DBusMessage *m, const char *sig)
{
    struct writer_frame *f = &w->frame[0];

    w->err = 0;
    w->depth = 0;
    w->digest = 0;
    dbus_message_iter_init_append(m, &f->it);
    f->start = f->p = sig;
    f->end = sig + strlen(sig);
    f->kind = 'm';
}

int bus_writer_end(struct bus_writer *w)
{
    if (w->depth > 0 || w->frame[0].p != w->frame[0].end)
        bus_writer_fail(w, -EPROTO);
    for (; w->depth > 0; w->depth--)
        dbus_message_iter_abandon_container_if_open(&w->frame[w->depth - 1].it, &w->frame[w->depth].it);
    return w->err;
}

/* The type that must come next, or 0. */
static char next_type(struct bus_writer *w)
{
    struct writer_frame *f = &w->frame[w->depth];

    if (w->err)
        return 0;
    if (f->kind == 'a' && f->p == f->end)
        f->p = f->start;
    return f->p < f->end ? *f->p : 0;
}

static void advance(struct bus_writer *w)
{
    w->frame[w->depth].p += bus_signature_first(w->frame[w->depth].p);
}

bool bus_writer_untouched(const struct bus_writer *w)
{
    return w->err == 0 && w->frame[w->depth].p == w->frame[w->depth].start;
}

/* FNV-1a; never 0. */
static void digest(struct bus_writer *w, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        w->digest = (w->digest ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    w->digest |= w->digest == 0;
}

static void digest_basic(struct bus_writer *w, char type, const void *value)
{
    static const uint8_t size[128] = {['y'] = 1, ['n'] = 2, ['q'] = 2, ['i'] = 4, ['u'] = 4,
                                      ['b'] = 4, ['x'] = 8, ['t'] = 8, ['d'] = 8, ['h'] = 4};
    const char *text = strchr("sog", type) ? *(const char *const *)value : NULL;

    digest(w, &type, 1);
    digest(w, text ? text : value, text ? strlen(text) + 1 : size[type & 127]);
}

void bus_writer_digest(struct bus_writer *w)
{
    w->digest = UINT64_C(0xcbf29ce484222325);
}

static void append(struct bus_writer *w, char type, const void *value)
{
    if (next_type(w) != type)
        return bus_writer_fail(w, -EPROTO);
    if (!dbus_message_iter_append_basic(&w->frame[w->depth].it, type, value))
        return bus_writer_fail(w, -ENOMEM);
    if (w->digest)
        digest_basic(w, type, value);
    advance(w);
}

static void open_as(struct bus_writer *w, char kind, int type, const char *start, const char *end)
{
    struct writer_frame *f = &w->frame[w->depth], *sub = f + 1;
    char contained[64];
    size_t n = (size_t)(end - start);

    if (w->depth + 1 >= WRITER_DEPTH || n >= sizeof contained)
        return bus_writer_fail(w, -EPROTO);
    memcpy(contained, start, n);
    contained[n] = '\0';
    *sub = (struct writer_frame){
        .it = DBUS_MESSAGE_ITER_INIT_CLOSED, .start = start, .p = start, .end = end, .kind = kind};
    bool sent = kind == 'a' || kind == 'v';
    if (!dbus_message_iter_open_container(&f->it, type, sent ? contained : NULL, &sub->it))
        return bus_writer_fail(w, -ENOMEM);
    w->depth++;
    if (w->digest)
        digest(w, "(", 1);
}

void bus_write_open(struct bus_writer *w)
{
    char type = next_type(w);
    const char *p = w->frame[w->depth].p;

    if (type == 'a')
        open_as(w, 'a', DBUS_TYPE_ARRAY, p + 1, p + bus_signature_first(p));
    else if (type == '(')
        open_as(w, 'r', DBUS_TYPE_STRUCT, p + 1, p + bus_signature_first(p) - 1);
    else if (type == '{')
        open_as(w, 'e', DBUS_TYPE_DICT_ENTRY, p + 1, p + bus_signature_first(p) - 1);
    else
        bus_writer_fail(w, -EPROTO);
}

void bus_write_open_variant(struct bus_writer *w, const char *sig)
{
    bool basic = sig[0] && !sig[1] && dbus_type_is_valid(sig[0]) && dbus_type_is_basic(sig[0]);

    if (next_type(w) != 'v' || (!basic && !dbus_signature_validate_single(sig, NULL)))
        return bus_writer_fail(w, -EPROTO);
    open_as(w, 'v', DBUS_TYPE_VARIANT, sig, sig + strlen(sig));
}

void bus_write_close(struct bus_writer *w)
{
    struct writer_frame *f = &w->frame[w->depth];

    if (w->err)
        return;
    if (w->depth == 0 || (f->kind != 'a' && f->p != f->end))
        return bus_writer_fail(w, -EPROTO);
    if (!dbus_message_iter_close_container(&w->frame[w->depth - 1].it, &f->it))
        return bus_writer_fail(w, -ENOMEM);
    w->depth--;
    if (w->digest)
        digest(w, ")", 1);
    advance(w);
}

/* ---- single values ------------------------------------------------------------------------------------ */

void bus_write_s(struct bus_writer *w, const char *s)
{
    _cleanup_(freep) char *copy = NULL;

    if (!s)
        s = "";
    if (!dbus_validate_utf8(s, NULL)) {
        copy = strdup(s);
        if (!copy)
            return bus_writer_fail(w, -ENOMEM);
        str_make_printable(copy);
        s = copy;
    }
    append(w, 's', &s);
}

static void write_path(struct bus_writer *w, const char *path)
{
    append(w, 'o', &path);
}

void bus_write_o(struct bus_writer *w, const char *path)
{
    write_path(w, path && dbus_validate_path(path, NULL) ? path : "/");
}

void bus_write_b(struct bus_writer *w, bool b)
{
    dbus_bool_t v = b;
    append(w, 'b', &v);
}

void bus_write_u(struct bus_writer *w, uint64_t u)
{
    static const struct {
        char type;
        uint64_t max;
    } range[] = {{'y', UINT8_MAX}, {'q', UINT16_MAX}, {'u', UINT32_MAX}, {'t', UINT64_MAX},
                 {'n', INT16_MAX}, {'i', INT32_MAX},  {'x', INT64_MAX}};
    char type = next_type(w);
    DBusBasicValue v = {0};

    for (size_t i = 0; i < ELEMENTS(range); i++) {
        if (range[i].type != type)
            continue;
        if (u > range[i].max)
            return bus_writer_fail(w, -ERANGE);
        if (type == 'y')
            v.byt = (unsigned char)u;
        else if (type == 'q' || type == 'n')
            v.u16 = (uint16_t)u;
        else if (type == 'u' || type == 'i')
            v.u32 = (uint32_t)u;
        else
            v.u64 = u;
        return append(w, type, &v);
    }
    bus_writer_fail(w, -EPROTO);
}

void bus_write_i(struct bus_writer *w, int64_t i)
{
    char type = next_type(w);
    DBusBasicValue v = {0};

    if (i >= 0)
        return bus_write_u(w, (uint64_t)i);
    if (type == 'n' && i >= INT16_MIN)
        v.i16 = (int16_t)i;
    else if (type == 'i' && i >= INT32_MIN)
        v.i32 = (int32_t)i;
    else if (type == 'x')
        v.i64 = i;
    else
        return bus_writer_fail(w, type && strchr("niyqut", type) ? -ERANGE : -EPROTO);
    append(w, type, &v);
}

void bus_write_d(struct bus_writer *w, double d)
{
    append(w, 'd', &d);
}

void bus_write_fd(struct bus_writer *w, int fd)
{
    if (fd < 0)
        return bus_writer_fail(w, -EPROTO);
    append(w, 'h', &fd);
}

static void write_signature(struct bus_writer *w, const char *sig)
{
    if (!sig || !dbus_signature_validate(sig, NULL))
        return bus_writer_fail(w, -EPROTO);
    append(w, 'g', &sig);
}

/* ---- arrays ------------------------------------------------------------------------------------------- */

void bus_write_strv(struct bus_writer *w, char *const *strv)
{
    bus_write_open(w);
    char type = next_type(w);
    for (; strv && *strv && w->err == 0; strv++) {
        if (type == 's')
            bus_write_s(w, *strv);
        else if (type == 'g')
            write_signature(w, *strv);
        else if (dbus_validate_path(*strv, NULL))
            write_path(w, *strv);
    }
    bus_write_close(w);
}

static void write_fixed(struct bus_writer *w, char type, const void *data, size_t n)
{
    bus_write_open(w);
    if (next_type(w) != type)
        return bus_writer_fail(w, -EPROTO);
    if (n > DBUS_MAXIMUM_ARRAY_LENGTH / sizeof(uint32_t))
        return bus_writer_fail(w, -ERANGE);
    if (n > 0 && !dbus_message_iter_append_fixed_array(&w->frame[w->depth].it, type, &data, (int)n))
        return bus_writer_fail(w, -ENOMEM);
    if (w->digest && n > 0)
        digest(w, data, n * (type == 'u' ? sizeof(uint32_t) : 1));
    bus_write_close(w);
}

void bus_write_au(struct bus_writer *w, const uint32_t *item, size_t n)
{
    write_fixed(w, 'u', item, n);
}

void bus_write_ay(struct bus_writer *w, const void *data, size_t len)
{
    write_fixed(w, 'y', data, len);
}

void bus_write_dict(struct bus_writer *w, const struct bus_dict *d)
{
    bus_write_open(w);
    for (size_t i = 0; d && i < d->n && w->err == 0; i++) {
        bus_write_open(w);
        bus_write_s(w, d->item[i].key);
        bus_write_open_variant(w, d->item[i].value.sig);
        bus_write_value(w, &d->item[i].value);
        bus_write_close(w);
        bus_write_close(w);
    }
    bus_write_close(w);
}

void bus_write_value(struct bus_writer *w, const struct bus_value *v)
{
    switch (v->sig[0]) {
    case 's':
        return bus_write_s(w, v->s);
    case 'o':
        return bus_write_o(w, v->s);
    case 'g':
        return write_signature(w, v->s);
    case 'b':
        return bus_write_b(w, v->u != 0);
    case 'd':
        return bus_write_d(w, v->d);
    case 'h':
        return bus_write_fd(w, v->fd);
    case 'n':
    case 'i':
    case 'x':
        return bus_write_i(w, v->i);
    case 'a':
        break;
    default:
        return bus_write_u(w, v->u);
    }
    switch (v->sig[1]) {
    case 'u':
        return bus_write_au(w, v->au.item, v->au.n);
    case 'y':
        return bus_write_ay(w, v->ay.data, v->ay.len);
    case '{':
        return bus_write_dict(w, &v->dict);
    case 'a':
        bus_write_open(w);
        for (size_t i = 0; i < v->dicts.n; i++)
            bus_write_dict(w, &v->dicts.item[i]);
        return bus_write_close(w);
    default:
        return bus_write_strv(w, v->strv);
    }
}

void bus_write_empty(struct bus_writer *w)
{
    char type = next_type(w);

    if (type == 's')
        return bus_write_s(w, "");
    if (type == 'o')
        return write_path(w, "/");
    if (type == 'g')
        return write_signature(w, "");
    if (type == 'b')
        return bus_write_b(w, false);
    if (type == 'd')
        return bus_write_d(w, 0.0);
    if (type == 'v') {
        bus_write_open_variant(w, "s");
        bus_write_s(w, "");
        return bus_write_close(w);
    }
    if (type == 'a') {
        bus_write_open(w);
        return bus_write_close(w);
    }
    if (type == '(') {
        bus_write_open(w);
        while (next_type(w))
            bus_write_empty(w);
        return bus_write_close(w);
    }
    bus_write_u(w, 0); /* sticks -EPROTO for what cannot be empty (h) */
}

/* ---- several at once ----------------------------------------------------------------------------------- */

static bool write_va_basic(struct bus_writer *w, char type, va_list *ap)
{
    switch (type) {
    case 's':
        bus_write_s(w, va_arg(*ap, const char *));
        return true;
    case 'o':
        bus_write_o(w, va_arg(*ap, const char *));
        return true;
    case 'g':
        write_signature(w, va_arg(*ap, const char *));
        return true;
    case 'b':
        bus_write_b(w, va_arg(*ap, int));
        return true;
    case 'y':
    case 'q':
    case 'n':
    case 'i':
        bus_write_i(w, va_arg(*ap, int));
        return true;
    case 'u':
        bus_write_u(w, va_arg(*ap, uint32_t));
        return true;
    case 't':
        bus_write_u(w, va_arg(*ap, uint64_t));
        return true;
    case 'x':
        bus_write_i(w, va_arg(*ap, int64_t));
        return true;
    case 'd':
        bus_write_d(w, va_arg(*ap, double));
        return true;
    case 'h':
        bus_write_fd(w, va_arg(*ap, int));
        return true;
    default:
        return false;
    }
}

static bool write_va_array(struct bus_writer *w, const char *sig, size_t n, va_list *ap)
{
    if (n == 2 && strchr("sog", sig[1])) {
        bus_write_strv(w, va_arg(*ap, char *const *));
    } else if (n == 2 && sig[1] == 'u') {
        const uint32_t *item = va_arg(*ap, const uint32_t *);
        bus_write_au(w, item, va_arg(*ap, size_t));
    } else if (n == 2 && sig[1] == 'y') {
        const void *data = va_arg(*ap, const void *);
        bus_write_ay(w, data, va_arg(*ap, size_t));
    } else if (n == 5 && strncmp(sig, "a{sv}", 5) == 0) {
        bus_write_dict(w, va_arg(*ap, const struct bus_dict *));
    } else {
        return false;
    }
    return true;
}

/* A value of another type than asked for would be taken from the wrong kind of argument: the type is compared
 * with the signature before the argument is fetched. */
void bus_write_va(struct bus_writer *w, const char *sig, va_list ap_in)
{
    va_list ap;

    va_copy(ap, ap_in);
    while (*sig && w->err == 0) {
        size_t n = *sig == '(' || *sig == ')' ? 1 : bus_signature_first(sig);
        if (*sig == ')') {
            bus_write_close(w);
        } else if (next_type(w) != *sig) {
            bus_writer_fail(w, -EPROTO);
        } else if (*sig == '(') {
            bus_write_open(w);
        } else if (*sig == 'v') {
            const struct bus_value *v = va_arg(ap, const struct bus_value *);
            bus_write_open_variant(w, v->sig);
            bus_write_value(w, v);
            bus_write_close(w);
        } else if (*sig == 'a' ? !write_va_array(w, sig, n, &ap) : !write_va_basic(w, *sig, &ap)) {
            bus_writer_fail(w, -EPROTO);
        }
        sig += n;
    }
    va_end(ap);
}

void bus_write(struct bus_writer *w, const char *sig, ...)
{
    va_list ap;

    va_start(ap, sig);
    bus_write_va(w, sig, ap);
    va_end(ap);
}

void bus_write_entry(struct bus_writer *w, const char *key, const char *sig, ...)
{
    va_list ap;

    bus_write_open(w);
    bus_write_s(w, key);
    bus_write_open_variant(w, sig);
    va_start(ap, sig);
    bus_write_va(w, sig, ap);
    va_end(ap);
    bus_write_close(w);
    bus_write_close(w);
}
