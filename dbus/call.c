/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A method call from its arrival to its reply. Each step looks everything up anew, so that a call that was
 * parked for authorization is simply dispatched again from the start (style-anchors D1). Before a handler
 * runs: the object, the interface and the method exist, the signature is that of the table, the arguments are
 * within the limits and the caller may. Ownership: the dispatcher, parking and deferred handlers hold
 * references. Thread: the loop's. */
#include <errno.h>
#include <stdio.h>

#include "dbus/internal.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

/* ---- replies ------------------------------------------------------------------------------------------ */

static bool reachable(const struct bus_call *c)
{
    return c->bus && c->bus->c && c->generation == c->bus->generation;
}

/* True when a reply has to be built; false when it is not wanted, or cannot be sent any more. */
static bool answer_begins(struct bus_call *c)
{
    if (c->answered)
        return false;
    c->answered = true;
    if (c->deferred && c->bus)
        c->bus->n_deferred--;
    if (!reachable(c))
        return false;
    bus_flush(c->bus); /* state and signals before the reply */
    return reachable(c) && !dbus_message_get_no_reply(c->msg);
}

static void send_error(struct bus_call *c, const char *name, const char *text)
{
    DBusMessage *m = dbus_message_new_error(c->msg, name, text);

    if (!m)
        return;
    bus_send(c->bus, m);
    dbus_message_unref(m);
}

void bus_reply_dbus_error(struct bus_call *c, const char *name, const char *format, ...)
{
    char text[MEF_ERROR_TEXT_MAX];
    va_list ap;

    if (!answer_begins(c))
        return;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    str_make_printable(text);
    send_error(c, name, text);
}

void bus_reply_error(struct bus_call *c, const struct mef_error *err)
{
    char name[sizeof BUS_ERROR_PREFIX + 64];
    enum mef_error_word word = err && err->word != MEF_ERROR_NONE ? err->word : MEF_ERROR_FAILED;

    if (!answer_begins(c))
        return;
    snprintf(name, sizeof name, BUS_ERROR_PREFIX "%s", mef_error_name(word));
    send_error(c, name,
               err && err->text[0] && dbus_validate_utf8(err->text, NULL) ? err->text
                                                                          : "The operation failed.");
}

static int reply_end(struct bus_call *c, DBusMessage *m, struct bus_writer *w)
{
    int r = bus_writer_end(w);

    if (r == 0)
        r = bus_send(c->bus, m);
    dbus_message_unref(m);
    if (r == -ENOTCONN)
        return 0;
    if (r < 0)
        send_error(c, r == -ENOMEM ? DBUS_ERROR_NO_MEMORY : BUS_ERROR_PREFIX "Failed",
                   r == -ENOMEM ? "There is no memory for the answer."
                                : "The answer could not be put into its form.");
    return r;
}

static DBusMessage *reply_begin(struct bus_call *c, struct bus_writer *w, int *ret)
{
    DBusMessage *m;

    *ret = 0;
    if (!answer_begins(c))
        return NULL;
    m = dbus_message_new_method_return(c->msg);
    if (!m)
        *ret = -ENOMEM;
    else
        bus_writer_begin(w, m, c->out ? c->out : "");
    return m;
}

int bus_reply(struct bus_call *c, const char *sig, ...)
{
    struct bus_writer w;
    va_list ap;
    int r;
    DBusMessage *m = reply_begin(c, &w, &r);

    if (!m)
        return r;
    va_start(ap, sig);
    bus_write_va(&w, sig, ap);
    va_end(ap);
    return reply_end(c, m, &w);
}

int bus_reply_by(struct bus_call *c, void (*fill)(struct bus_writer *w, void *ctx), void *ctx)
{
    struct bus_writer w;
    int r;
    DBusMessage *m = reply_begin(c, &w, &r);

    if (!m)
        return r;
    fill(&w, ctx);
    return reply_end(c, m, &w);
}

bool bus_call_answered(const struct bus_call *c)
{
    return c->answered;
}

/* ---- life --------------------------------------------------------------------------------------------- */

struct bus_call *bus_call_ref(struct bus_call *c)
{
    c->refs++;
    return c;
}

struct bus_call *bus_call_unref(struct bus_call *c)
{
    if (!c || --c->refs > 0)
        return NULL;
    if (!c->answered) {
        struct mef_error err = {0};
        mef_fail(&err, MEF_ERROR_FAILED, "The call '%s' was given up without a result.", c->member);
        bus_reply_error(c, &err);
    }
    if (c->bus)
        TAILQ_REMOVE(&c->bus->calls, c, link);
    for (size_t i = 0; i < c->n_args; i++)
        bus_value_clear(&c->arg[i]);
    free(c->arg);
    bus_object_unref(c->object);
    dbus_message_unref(c->msg);
    free(c->signature);
    free(c->path);
    free(c->sender);
    free(c->member);
    free(c->asked);
    free(c->granted);
    free(c);
    return NULL;
}

void bus_call_settle(struct bus_call *c, int r, const struct mef_error *err)
{
    if (c->answered)
        return;
    if (r < 0) {
        bus_reply_error(c, err);
    } else if (c->refs > c->held) {
        c->deferred = true;
        c->bus->n_deferred++;
    } else if (!c->out || !*c->out) {
        bus_reply(c, "");
    }
}

/* What is answered later holds memory until then, and nobody need read the answer. True: it was refused. */
static bool too_many_deferred(struct bus_call *c)
{
    struct mef_error err = {0};
    const struct bus_call *o;
    size_t n = 0;

    if (c->bus->n_deferred < LIMIT_DEFERRED_SENDER)
        return false;
    TAILQ_FOREACH(o, &c->bus->calls, link)
    n += o->deferred && !o->answered && streq(o->sender, c->sender);
    if (c->bus->n_deferred < LIMIT_DEFERRED && n < LIMIT_DEFERRED_SENDER)
        return false;
    mef_fail(
        &err, MEF_ERROR_LIMIT_EXCEEDED,
        "There are %zu calls under way, %zu of them yours, so '%s' is not begun; wait for their answers.",
        c->bus->n_deferred, n, c->member);
    bus_reply_error(c, &err);
    return true;
}

bool bus_call_has_signature(const struct bus_call *c, const char *sig)
{
    return streq(bus_call_signature(c), sig);
}

const char *bus_call_signature(const struct bus_call *c)
{
    return c->signature ? c->signature : dbus_message_get_signature(c->msg);
}

/* A call that stays gives its message back: libdbus reads no further while too many octets of messages are
 * held, not even the answers that such calls wait for. What a reply needs is kept in a message without a
 * body. */
static void call_slim(struct bus_call *c)
{
    const char *sender = dbus_message_get_sender(c->msg);
    char *signature = strdup(dbus_message_get_signature(c->msg));
    DBusMessage *m =
        dbus_message_new_method_call(NULL, dbus_message_get_path(c->msg), dbus_message_get_interface(c->msg),
                                     dbus_message_get_member(c->msg));

    if (!m || !signature || (sender && !dbus_message_set_sender(m, sender))) {
        free(signature); /* then it stays as it is */
        if (m)
            dbus_message_unref(m);
        return;
    }
    dbus_message_set_serial(m, dbus_message_get_serial(c->msg));
    dbus_message_set_no_reply(m, dbus_message_get_no_reply(c->msg));
    dbus_message_set_allow_interactive_authorization(
        m, dbus_message_get_allow_interactive_authorization(c->msg));
    dbus_message_unref(c->msg);
    c->msg = m;
    c->signature = signature;
}

static struct bus_call *call_new(struct bus *b, DBusMessage *msg)
{
    struct bus_call *c = calloc(1, sizeof *c);
    const char *sender = dbus_message_get_sender(msg);

    if (!c)
        return NULL;
    *c = (struct bus_call){.refs = 1,
                           .generation = b->generation,
                           .msg = dbus_message_ref(msg),
                           .path = strdup(dbus_message_get_path(msg)),
                           .sender = strdup(sender ? sender : ""),
                           .member = strdup(dbus_message_get_member(msg)),
                           .uid = (uid_t)-1};
    if (!c->path || !c->sender || !c->member) {
        c->answered = true;
        bus_call_unref(c);
        return NULL;
    }
    c->bus = b;
    TAILQ_INSERT_TAIL(&b->calls, c, link);
    return c;
}

void bus_call_arrived(struct bus *b, DBusMessage *msg)
{
    struct bus_call *c = call_new(b, msg);

    if (!c) {
        DBusMessage *m =
            dbus_message_new_error(msg, DBUS_ERROR_NO_MEMORY, "There is no memory for this call.");
        if (m) {
            bus_send(b, m);
            dbus_message_unref(m);
        }
        return;
    }
    bus_call_dispatch(c);
    if (c->refs > 1 && c->args_read)
        call_slim(c);
    bus_call_unref(c);
}

bool bus_call_read(struct bus_call *c, const char *sig)
{
    struct mef_error err = {0};
    DBusMessageIter it;
    size_t n = 0;
    int r;

    if (c->args_read)
        return true;
    /* A table with a type that cannot be read fails bus_interface_check(), and the value is refused here. */
    for (const char *p = sig; *p; p += bus_signature_first(p))
        n++;
    c->arg = calloc(n + 1, sizeof *c->arg);
    dbus_message_iter_init(c->msg, &it);
    r = c->arg ? bus_values_read(&it, c->arg, n, &err) : -ENOMEM;
    if (r < 0) {
        bus_reply_error(c, &err);
        return false;
    }
    c->n_args = n;
    c->args_read = true;
    return true;
}

/* ---- dispatch ----------------------------------------------------------------------------------------- */

static const struct bus_method *method_of(const struct bus_interface *f, const char *member)
{
    for (const struct bus_method *m = f->methods; m && m->name; m++)
        if (streq(m->name, member))
            return m;
    return NULL;
}

static void run(struct bus_call *c, const struct bus_method *m)
{
    struct mef_error err = {0};
    const char *action = m->action;

    c->method = m;
    c->out = m->out;
    if (!bus_call_has_signature(c, m->in ? m->in : ""))
        return bus_reply_dbus_error(c, DBUS_ERROR_INVALID_ARGS, "'%s' takes '%s', not '%s'.", m->name,
                                    m->in ? m->in : "", bus_call_signature(c));
    if (!bus_call_read(c, m->in ? m->in : ""))
        return;
    if (m->action_of) {
        if (bus_need_uid(c) != 0)
            return;
        action = m->action_of(c);
        if (!action)
            action = BUS_READONLY;
    }
    /* A row without an action never runs: bus_interface_check() was not heeded. */
    if (!action || (!streq(action, BUS_READONLY) && bus_authorize(c, action) != 0)) {
        if (!action)
            bus_reply_error(c, NULL);
        return;
    }
    if (!(m->action && streq(m->action, BUS_READONLY)) && too_many_deferred(c))
        return;
    c->held = c->refs;
    int r = m->fn(c, &err);
    bus_call_settle(c, r, &err);
}

void bus_call_dispatch(struct bus_call *c)
{
    const char *path = dbus_message_get_path(c->msg);
    const char *interface = dbus_message_get_interface(c->msg);
    const char *member = dbus_message_get_member(c->msg);
    const struct bus_method *m = NULL;
    struct bus_object *o = bus_object_find(c->bus, path);
    const struct bus_interface *f = NULL;

    bus_object_unref(c->object);
    c->object = o ? bus_object_ref(o) : NULL;
    c->held = c->refs;
    if (o && interface)
        f = bus_object_interface(o, interface);
    if (f)
        m = method_of(f, member);
    for (size_t i = 0; o && !interface && !m && o->interfaces[i]; i++)
        m = method_of(o->interfaces[i], member);
    if (m)
        return run(c, m);
    if (!f && bus_standard_call(c, interface, member))
        return;
    if (!o && !bus_path_exists(c->bus, path))
        bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_OBJECT, "There is no object '%s'.", path);
    else if (interface && !f)
        bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_INTERFACE, "The object '%s' has no interface '%s'.", path,
                             interface);
    else
        bus_reply_dbus_error(c, DBUS_ERROR_UNKNOWN_METHOD, "The object '%s' has no method '%s'.", path,
                             member);
}

/* ---- what handlers ask --------------------------------------------------------------------------------- */

struct bus *bus_call_bus(const struct bus_call *c)
{
    return c->bus;
}

struct bus_object *bus_call_bus_object(const struct bus_call *c)
{
    return c->object && c->object->bus ? c->object : NULL;
}

void *bus_call_object(const struct bus_call *c)
{
    return c->object && c->object->bus ? c->object->data : NULL;
}

const char *bus_call_path(const struct bus_call *c)
{
    return c->path;
}

const char *bus_call_sender(const struct bus_call *c)
{
    return c->sender;
}

const char *bus_call_member(const struct bus_call *c)
{
    return c->member;
}

uid_t bus_call_uid(const struct bus_call *c)
{
    return c->uid;
}

struct bus_value *bus_call_arg(struct bus_call *c, size_t i)
{
    return i < c->n_args ? &c->arg[i] : NULL;
}

const char *bus_call_s(struct bus_call *c, size_t i)
{
    struct bus_value *v = bus_call_arg(c, i);
    return v && v->sig && v->sig[1] == '\0' && strchr("sog", v->sig[0]) ? v->s : "";
}

uint64_t bus_call_u(struct bus_call *c, size_t i)
{
    struct bus_value *v = bus_call_arg(c, i);
    return v && v->sig && v->sig[1] == '\0' && strchr("yqutb", v->sig[0]) ? v->u : 0;
}

struct bus_dict *bus_call_dict(struct bus_call *c, size_t i)
{
    struct bus_value *v = bus_call_arg(c, i);
    return v && v->sig && streq(v->sig, "a{sv}") ? &v->dict : &c->no_dict;
}

int bus_call_options(struct bus_call *c, size_t i, const struct bus_option *allowed, struct mef_error *reterr)
{
    return bus_options_check(bus_call_dict(c, i), allowed, reterr);
}
