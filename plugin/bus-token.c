/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.mefclient1.Token: the one token that the configuration names. Its path follows its label, so it appears
 * when the token was seen first. Thread: the loop's; what blocks goes to the token thread. */
#include <errno.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/engine-private.h"
#include "plugin/fd-secret.h"

enum token_property {
    TOKEN_P_URI,
    TOKEN_P_LABEL,
    TOKEN_P_MANUFACTURER,
    TOKEN_P_MODEL,
    TOKEN_P_SERIAL,
    TOKEN_P_STATE,
    TOKEN_P_MECHANISMS,
    TOKEN_P_FREE_OBJECTS,
};

static int get_token(void *object, const struct bus_property *p, struct bus_writer *w)
{
    struct engine *e = object;
    struct token_info i = {0};

    if (token_info(e->token, &i) < 0)
        return -ENOMEM;
    switch ((enum token_property)p->aux) {
    case TOKEN_P_URI:
        bus_write_s(w, i.uri);
        break;
    case TOKEN_P_LABEL:
        bus_write_s(w, i.label);
        break;
    case TOKEN_P_MANUFACTURER:
        bus_write_s(w, i.manufacturer);
        break;
    case TOKEN_P_MODEL:
        bus_write_s(w, i.model);
        break;
    case TOKEN_P_SERIAL:
        bus_write_s(w, i.serial);
        break;
    case TOKEN_P_STATE:
        bus_write_s(w, token_state_name(i.state));
        break;
    case TOKEN_P_MECHANISMS:
        bus_write_strv(w, i.mechanisms);
        break;
    case TOKEN_P_FREE_OBJECTS:
        bus_write_i(w, i.free_objects);
        break;
    }
    token_info_clear(&i);
    return 0;
}

/* ---- Login, Logout ---------------------------------------------------------------------------------- */

/* Lives from the call to its reply. */
struct entering {
    struct engine *e;
    struct bus_call *call;
    int fd; /* -1: out again */
};

static void entering_free(struct entering *n)
{
    bus_call_unref(n->call);
    closep(&n->fd);
    free(n);
}

static int login(struct entering *n, struct mef_error *reterr)
{
    _cleanup_(secret_freep) struct secret *pin = NULL;
    int r = fd_secret_read(n->fd, "the PIN", LIMIT_PIN + 1, &pin, reterr);

    if (r < 0)
        return r;
    if (pin->data[pin->len - 1] == '\n')
        pin->len--; /* of an editor or echo, as in a PIN file */
    if (pin->len > LIMIT_PIN)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "the PIN is longer than %u octets", LIMIT_PIN);
    return token_login_with(n->e->token, pin, reterr);
}

static int entering_work(void *ctx, struct mef_error *reterr)
{
    struct entering *n = ctx;
    int r = n->fd >= 0 ? login(n, reterr) : token_logout(n->e->token, reterr);

    token_thread_settle(n->e->token_thread);
    return r;
}

static void entering_done(void *ctx, int r, const struct mef_error *err)
{
    struct entering *n = ctx;

    if (r < 0)
        bus_reply_error(n->call, err);
    else
        (void)bus_reply(n->call, "");
    entering_free(n);
}

/* Takes `fd` over; -1 = out. */
static int enter_or_leave(struct bus_call *call, int fd, struct mef_error *reterr)
{
    struct entering *n = calloc(1, sizeof *n);

    if (!n) {
        closep(&fd);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    *n = (struct entering){.e = bus_call_object(call), .call = bus_call_ref(call), .fd = fd};
    if (token_thread_submit(n->e->token_thread, entering_work, entering_done, n) < 0) {
        entering_free(n);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    return 0;
}

static const struct bus_option no_options[] = {{NULL, NULL}};

static int token_login_by_call(struct bus_call *call, struct mef_error *reterr)
{
    struct bus_value *v = bus_call_arg(call, 0);
    int r = bus_call_options(call, 1, no_options, reterr);

    if (r < 0)
        return r;
    int fd = v->fd;
    v->fd = -1;
    return enter_or_leave(call, fd, reterr);
}

static int token_logout_by_call(struct bus_call *call, struct mef_error *reterr)
{
    return enter_or_leave(call, -1, reterr);
}

/* ---- Rescan ----------------------------------------------------------------------------------------- */

struct rescan {
    struct engine *e;
    uint32_t job;
};

static int rescan_work(void *ctx, struct mef_error *reterr)
{
    struct rescan *s = ctx;

    return token_thread_look_again(s->e->token_thread, reterr);
}

static void rescan_done(void *ctx, int r, const struct mef_error *err)
{
    struct rescan *s = ctx;

    job_finish(s->e->jobs, s->job, job_result_of(err), err);
    free(s);
}

static int token_rescan(struct bus_call *call, struct mef_error *reterr)
{
    struct engine *e = bus_call_object(call);
    struct rescan *s = calloc(1, sizeof *s);
    const char *path = NULL;
    int r = s ? job_new(e->jobs, "rescan", bus_call_uid(call), NULL, NULL, NULL, NULL, &s->job, &path, reterr)
              : -ENOMEM;

    if (r < 0) {
        free(s);
        return r == -ENOMEM ? mef_fail(reterr, MEF_ERROR_FAILED, "out of memory") : r;
    }
    s->e = e;
    job_running(e->jobs, s->job);
    r = bus_reply(call, "o", path);
    if (token_thread_submit(e->token_thread, rescan_work, rescan_done, s) < 0) {
        job_finish(e->jobs, s->job, JOB_FAILED, NULL);
        free(s);
    }
    return r;
}

static const struct bus_method methods[] = {
    {"Login", "ha{sv}", "", BUS_ACTION("token-login"), token_login_by_call},
    {"Logout", "", "", BUS_ACTION("token-login"), token_logout_by_call},
    {"Rescan", "", "o", BUS_ACTION("register"), token_rescan},
    {NULL},
};

static const struct bus_property properties[] = {
    {"Uri", "s", BUS_EMITS_CONST, get_token, .aux = TOKEN_P_URI},
    {"Label", "s", BUS_EMITS_CONST, get_token, .aux = TOKEN_P_LABEL},
    {"Manufacturer", "s", BUS_EMITS_TRUE, get_token, .aux = TOKEN_P_MANUFACTURER},
    {"Model", "s", BUS_EMITS_TRUE, get_token, .aux = TOKEN_P_MODEL},
    {"Serial", "s", BUS_EMITS_TRUE, get_token, .aux = TOKEN_P_SERIAL},
    {"State", "s", BUS_EMITS_TRUE, get_token, .aux = TOKEN_P_STATE},
    {"Mechanisms", "as", BUS_EMITS_TRUE, get_token, .aux = TOKEN_P_MECHANISMS},
    {"FreeObjects", "i", BUS_EMITS_TRUE, get_token, .aux = TOKEN_P_FREE_OBJECTS},
    {NULL},
};

const struct bus_interface token_interface = {
    .name = BUS_INTERFACE("Token"), .methods = methods, .properties = properties};

int token_export(struct engine *e)
{
    static const struct bus_interface *const interfaces[] = {&token_interface, NULL};
    struct token_info i = {0};
    char *path = NULL;
    int r = token_info(e->token, &i);

    if (r < 0)
        return r;
    _cleanup_(freep) char *esc = i.label && *i.label ? str_bus_escape(i.label) : NULL;
    token_info_clear(&i);
    if (!esc)
        return 0; /* not seen yet */
    if (asprintf(&path, BUS_ROOT "/token/%s", esc) < 0)
        return -ENOMEM;
    if (e->token_object && streq(bus_object_path(e->token_object), path)) {
        free(path);
        return 0;
    }
    bus_object_remove(e->token_object);
    e->token_object = NULL;
    free(e->token_path);
    e->token_path = path;
    return bus_object_add(e->bus, path, interfaces, e, &e->token_object);
}

void token_changed(struct engine *e)
{
    (void)token_export(e);
    if (e->token_object)
        bus_changed(e->token_object, token_interface.name, NULL);
    if (e->manager)
        bus_changed(e->manager, manager_interface.name, "TokenState");
}
