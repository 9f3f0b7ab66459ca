/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls of ours to other services, and signals that we wait for (the DM clients of design.md 4). What comes
 * back is read into the bounded values of value.h before anybody sees it. Ownership: a call frees itself when
 * it is answered or cancelled; a watch is its owner's. Thread: the loop's. */
#include <errno.h>
#include <stdio.h>

#include "dbus/internal.h"
#include "plugin/base/str.h"

/* ---- calls -------------------------------------------------------------------------------------------- */

struct bus_remote_call {
    struct bus_request *request;
    char *out;
    void (*done)(void *ctx, const struct bus_answer *a);
    void *ctx;
};

static void remote_free(struct bus_remote_call *c)
{
    free(c->out);
    free(c);
}

static int error_of(DBusMessage *reply, struct mef_error *err)
{
    static const struct {
        const char *name;
        int r;
    } known[] = {
        {DBUS_ERROR_NO_REPLY, -ETIMEDOUT},           {DBUS_ERROR_TIMEOUT, -ETIMEDOUT},
        {DBUS_ERROR_TIMED_OUT, -ETIMEDOUT},          {DBUS_ERROR_SERVICE_UNKNOWN, -ENOENT},
        {DBUS_ERROR_NAME_HAS_NO_OWNER, -ENOENT},     {DBUS_ERROR_SPAWN_SERVICE_NOT_FOUND, -ENOENT},
        {DBUS_ERROR_UNKNOWN_METHOD, -EOPNOTSUPP},    {DBUS_ERROR_UNKNOWN_OBJECT, -EOPNOTSUPP},
        {DBUS_ERROR_UNKNOWN_INTERFACE, -EOPNOTSUPP}, {DBUS_ERROR_ACCESS_DENIED, -EACCES},
    };
    DBusError e = DBUS_ERROR_INIT;
    int r = -EREMOTEIO;

    dbus_set_error_from_message(&e, reply);
    (void)mef_fail(err, MEF_ERROR_DM_UNAVAILABLE, "%.120s: %.300s", e.name, e.message ? e.message : "");
    for (size_t i = 0; i < ELEMENTS(known); i++)
        if (dbus_message_is_error(reply, known[i].name))
            r = known[i].r;
    dbus_error_free(&e);
    return r;
}

static int read_values(DBusMessage *m, const char *sig, struct bus_value **ret, size_t *ret_n,
                       struct mef_error *reterr)
{
    int n = bus_signature_readable(sig);
    DBusMessageIter it;

    if (n < 0 || !dbus_message_has_signature(m, sig)) {
        (void)mef_fail(reterr, MEF_ERROR_DM_UNAVAILABLE, "it sent '%.80s' where '%s' is due",
                       dbus_message_get_signature(m), sig);
        return -EPROTO;
    }
    struct bus_value *v = calloc((size_t)n + 1, sizeof *v);
    if (!v)
        return -ENOMEM;
    dbus_message_iter_init(m, &it);
    int r = bus_values_read(&it, v, (size_t)n, reterr);
    if (r < 0) {
        free(v);
        return r == -ENOMEM ? r : -EPROTO;
    }
    *ret = v;
    *ret_n = (size_t)n;
    return 0;
}

static void values_free(struct bus_value *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bus_value_clear(&v[i]);
    free(v);
}

static void on_remote(void *ctx, DBusMessage *reply)
{
    struct bus_remote_call *c = ctx;
    struct bus_answer a = {.r = -ENOTCONN};
    struct mef_error err = {0};
    struct bus_value *v = NULL;

    if (reply) {
        const char *sender = dbus_message_get_sender(reply);
        a.sender = sender ? sender : "";
        a.r = dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR
                  ? error_of(reply, &err)
                  : read_values(reply, c->out, &v, &a.n, &err);
    } else {
        (void)mef_fail(&err, MEF_ERROR_DM_UNAVAILABLE, "the connection to the bus was lost");
    }
    a.arg = v;
    a.err = &err;
    c->done(c->ctx, &a);
    values_free(v, a.n);
    remote_free(c);
}

int bus_remote_call(struct bus *b, const struct bus_remote *to, struct bus_remote_call **ret, const char *in,
                    ...)
{
    struct bus_remote_call *c;
    struct bus_writer w;
    va_list ap;
    int r;

    if (!dbus_validate_bus_name(to->name, NULL) || !dbus_validate_path(to->path, NULL))
        return -EINVAL;
    if (b->phase < PHASE_NAMING)
        return -ENOTCONN;
    DBusMessage *m = dbus_message_new_method_call(to->name, to->path, to->interface, to->member);
    if (!m)
        return -ENOMEM;
    bus_writer_begin(&w, m, in);
    va_start(ap, in);
    bus_write_va(&w, in, ap);
    va_end(ap);
    r = bus_writer_end(&w);
    dbus_message_set_auto_start(m, !to->no_start);
    if (r == 0 && !to->done) {
        dbus_message_set_no_reply(m, TRUE);
        r = bus_send(b, m);
        dbus_message_unref(m);
        return r;
    }
    c = r == 0 ? calloc(1, sizeof *c) : NULL;
    if (r == 0 && (!c || !(c->out = strdup(to->out ? to->out : ""))))
        r = -ENOMEM;
    if (r == 0) {
        c->done = to->done;
        c->ctx = to->ctx;
        r = bus_request_send(b, m, to->timeout_ms, on_remote, c, &c->request);
    }
    dbus_message_unref(m);
    if (r < 0) {
        if (c)
            remote_free(c);
        return r;
    }
    if (ret)
        *ret = c;
    return 0;
}

void bus_remote_cancel(struct bus_remote_call *c)
{
    if (!c)
        return;
    bus_request_cancel(c->request);
    remote_free(c);
}

/* ---- is there anybody of that name? ------------------------------------------------------------------- */

struct bus_name_question {
    struct bus *bus;
    char *name;
    struct bus_request *request;
    void (*done)(void *ctx, bool there);
    void *ctx;
};

static void answer_name(struct bus_name_question *q, bool there)
{
    void (*done)(void *, bool) = q->done;
    void *ctx = q->ctx;

    free(q->name);
    free(q);
    done(ctx, there);
}

static void on_activatable(void *ctx, DBusMessage *reply)
{
    struct bus_name_question *q = ctx;
    char **names = NULL;
    int n = 0;
    bool there = false;

    if (reply && dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
        dbus_message_get_args(reply, NULL, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &names, &n,
                              DBUS_TYPE_INVALID)) {
        for (int i = 0; i < n; i++)
            there = there || streq(names[i], q->name);
        dbus_free_string_array(names);
    }
    answer_name(q, there);
}

static void on_owned(void *ctx, DBusMessage *reply)
{
    struct bus_name_question *q = ctx;
    dbus_bool_t yes = FALSE;

    q->request = NULL;
    if (!reply || (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
                   dbus_message_get_args(reply, NULL, DBUS_TYPE_BOOLEAN, &yes, DBUS_TYPE_INVALID) && yes))
        return answer_name(q, yes);
    DBusMessage *m = bus_driver_call("ListActivatableNames");
    int r = m ? bus_request_send(q->bus, m, BUS_DRIVER_MS, on_activatable, q, &q->request) : -ENOMEM;
    if (m)
        dbus_message_unref(m);
    if (r < 0)
        answer_name(q, false);
}

int bus_name_there(struct bus *b, const char *name, void (*done)(void *ctx, bool there), void *ctx,
                   struct bus_name_question **ret)
{
    struct bus_name_question *q;
    int r = -ENOMEM;

    if (!dbus_validate_bus_name(name, NULL))
        return -EINVAL;
    if (b->phase < PHASE_NAMING)
        return -ENOTCONN;
    q = calloc(1, sizeof *q);
    DBusMessage *m = bus_driver_call("NameHasOwner");
    if (q && m && (q->name = strdup(name)) &&
        dbus_message_append_args(m, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID)) {
        q->bus = b;
        q->done = done;
        q->ctx = ctx;
        r = bus_request_send(b, m, BUS_DRIVER_MS, on_owned, q, &q->request);
    }
    if (m)
        dbus_message_unref(m);
    if (r < 0) {
        if (q)
            free(q->name);
        free(q);
        return r;
    }
    *ret = q;
    return 0;
}

void bus_name_cancel(struct bus_name_question *q)
{
    if (!q)
        return;
    bus_request_cancel(q->request);
    free(q->name);
    free(q);
}

/* ---- signals ------------------------------------------------------------------------------------------ */

struct bus_listener {
    LIST_ENTRY(bus_listener) link;
    struct bus *bus;
    char *rule, *interface, *member, *sig;
    void (*fn)(void *ctx, const char *sender, const char *path, const struct bus_value *arg, size_t n);
    void *ctx;
};

void bus_listeners_match(struct bus *b)
{
    struct bus_listener *l;

    LIST_FOREACH(l, &b->listeners, link)
    dbus_bus_add_match(b->c, l->rule, NULL);
}

/* Handlers may add and free listeners: one signal goes to one listener, which is how ours are used. */
bool bus_listeners_hear(struct bus *b, DBusMessage *m)
{
    const char *sender = dbus_message_get_sender(m), *path = dbus_message_get_path(m);
    struct bus_listener *l;

    LIST_FOREACH(l, &b->listeners, link)
    if (dbus_message_is_signal(m, l->interface, l->member)) {
        struct bus_value *v = NULL;
        size_t n = 0;
        if (sender && read_values(m, l->sig, &v, &n, NULL) == 0) {
            l->fn(l->ctx, sender, path, v, n);
            values_free(v, n);
        }
        return true;
    }
    return false;
}

static void listener_free(struct bus_listener *l)
{
    free(l->rule);
    free(l->interface);
    free(l->member);
    free(l->sig);
    free(l);
}

int bus_listen(struct bus *b, const char *interface, const char *member, const char *sig,
               void (*fn)(void *ctx, const char *sender, const char *path, const struct bus_value *arg,
                          size_t n),
               void *ctx, struct bus_listener **ret)
{
    struct bus_listener *l = calloc(1, sizeof *l);

    if (!l)
        return -ENOMEM;
    l->interface = strdup(interface);
    l->member = strdup(member);
    l->sig = strdup(sig);
    if (!l->interface || !l->member || !l->sig ||
        asprintf(&l->rule, "type='signal',interface='%s',member='%s'", interface, member) < 0) {
        l->rule = NULL;
        listener_free(l);
        return -ENOMEM;
    }
    l->bus = b;
    l->fn = fn;
    l->ctx = ctx;
    LIST_INSERT_HEAD(&b->listeners, l, link);
    if (b->phase >= PHASE_NAMING)
        dbus_bus_add_match(b->c, l->rule, NULL);
    *ret = l;
    return 0;
}

void bus_unlisten(struct bus_listener *l)
{
    if (!l)
        return;
    if (l->bus->c && l->bus->phase >= PHASE_NAMING)
        dbus_bus_remove_match(l->bus->c, l->rule, NULL);
    LIST_REMOVE(l, link);
    listener_free(l);
}
