/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libdbus in sd-event (style-anchors D4 rules 6 and 7). libdbus has two watches on one descriptor and epoll
 * takes a descriptor once, so each watch has a copy of it. One message is dispatched when something was read,
 * the others from a deferred source, one for each run of it, so that a flood on the bus does not starve
 * timers and workers. libdbus may add, toggle and remove watches in the middle of any callback: each callback
 * holds a reference. Ownership: the connection owns watches and timeouts, they own their sources. Thread: the
 * loop's. */
#include "dbus/glue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "plugin/base/cancel.h"
#include "plugin/base/cleanup.h"
#include "plugin/base/when.h"

struct glue {
    unsigned refs;
    sd_event *event;
    DBusConnection *c; /* NULL once detached */
    sd_event_source *dispatch;
    bool reading; /* on_io() looks at the queue when libdbus has read */
};

struct glue_watch {
    struct glue *glue;
    sd_event_source *io;
    int fd;
};

struct glue_timeout {
    sd_event_source *timer;
};

static void glue_unref(struct glue *g)
{
    if (--g->refs > 0)
        return;
    sd_event_unref(g->event);
    free(g);
}

/* ---- watches ------------------------------------------------------------------------------------------ */

static uint32_t watch_mask(DBusWatch *watch)
{
    unsigned flags = dbus_watch_get_flags(watch);
    return (flags & DBUS_WATCH_READABLE ? EPOLLIN : 0u) | (flags & DBUS_WATCH_WRITABLE ? EPOLLOUT : 0u);
}

static void dispatch_one(struct glue *g);

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *data)
{
    DBusWatch *watch = data;
    struct glue *g = ((struct glue_watch *)dbus_watch_get_data(watch))->glue;
    unsigned flags = 0;

    if (revents & EPOLLIN)
        flags |= DBUS_WATCH_READABLE;
    if (revents & EPOLLOUT)
        flags |= DBUS_WATCH_WRITABLE;
    if (revents & EPOLLERR)
        flags |= DBUS_WATCH_ERROR;
    if (revents & EPOLLHUP)
        flags |= DBUS_WATCH_HANGUP;
    g->refs++;
    g->reading = true;
    dbus_watch_handle(watch, flags); /* which may be the end of the watch, and of the connection */
    g->reading = false;
    dispatch_one(g);
    glue_unref(g);
    return 0;
}

static void watch_free(void *data)
{
    struct glue_watch *w = data;

    if (!w)
        return;
    sd_event_source_disable_unref(w->io);
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}

static void on_watch_toggled(DBusWatch *watch, void *data)
{
    struct glue_watch *w = dbus_watch_get_data(watch);

    if (!w)
        return;
    sd_event_source_set_io_events(w->io, watch_mask(watch));
    sd_event_source_set_enabled(w->io, dbus_watch_get_enabled(watch) ? SD_EVENT_ON : SD_EVENT_OFF);
}

static dbus_bool_t on_watch_added(DBusWatch *watch, void *data)
{
    struct glue *g = data;
    struct glue_watch *w = calloc(1, sizeof *w);

    if (!w)
        return FALSE;
    w->glue = g;
    w->fd = fcntl(dbus_watch_get_unix_fd(watch), F_DUPFD_CLOEXEC, 3);
    if (w->fd < 0 || sd_event_add_io(g->event, &w->io, w->fd, watch_mask(watch), on_io, watch) < 0) {
        watch_free(w);
        return FALSE;
    }
    dbus_watch_set_data(watch, w, watch_free);
    on_watch_toggled(watch, g);
    return TRUE;
}

static void on_watch_removed(DBusWatch *watch, void *data)
{
    dbus_watch_set_data(watch, NULL, NULL); /* frees ours */
}

/* ---- timeouts ----------------------------------------------------------------------------------------- */

static int timeout_arm(DBusTimeout *timeout)
{
    struct glue_timeout *t = dbus_timeout_get_data(timeout);
    int ms = dbus_timeout_get_interval(timeout);
    int r = sd_event_source_set_time(t->timer, now_monotonic() + (uint64_t)(ms > 0 ? ms : 0) * USEC_PER_MSEC);

    if (r < 0)
        return r;
    return sd_event_source_set_enabled(t->timer,
                                       dbus_timeout_get_enabled(timeout) ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_time(sd_event_source *s, uint64_t usec, void *data)
{
    DBusTimeout *timeout = data;

    timeout_arm(timeout); /* libdbus timeouts repeat until removed, and handling may remove it */
    dbus_timeout_handle(timeout);
    return 0;
}

static void timeout_free(void *data)
{
    struct glue_timeout *t = data;

    if (!t)
        return;
    sd_event_source_disable_unref(t->timer);
    free(t);
}

static dbus_bool_t on_timeout_added(DBusTimeout *timeout, void *data)
{
    struct glue *g = data;
    struct glue_timeout *t = calloc(1, sizeof *t);

    if (!t)
        return FALSE;
    if (sd_event_add_time(g->event, &t->timer, CLOCK_MONOTONIC, UINT64_MAX, 10 * USEC_PER_MSEC, on_time,
                          timeout) < 0) {
        timeout_free(t);
        return FALSE;
    }
    dbus_timeout_set_data(timeout, t, timeout_free);
    if (timeout_arm(timeout) < 0) {
        dbus_timeout_set_data(timeout, NULL, NULL);
        return FALSE;
    }
    return TRUE;
}

static void on_timeout_removed(DBusTimeout *timeout, void *data)
{
    dbus_timeout_set_data(timeout, NULL, NULL);
}

static void on_timeout_toggled(DBusTimeout *timeout, void *data)
{
    if (dbus_timeout_get_data(timeout))
        timeout_arm(timeout);
}

/* ---- dispatch ----------------------------------------------------------------------------------------- */

static void dispatch_follow(struct glue *g, DBusDispatchStatus status)
{
    if (g->c && g->dispatch)
        sd_event_source_set_enabled(g->dispatch,
                                    status == DBUS_DISPATCH_COMPLETE ? SD_EVENT_OFF : SD_EVENT_ON);
}

static void dispatch_one(struct glue *g)
{
    DBusConnection *c = g->c;

    if (!c)
        return;
    g->refs++;
    dbus_connection_ref(c);
    dispatch_follow(g, dbus_connection_dispatch(c));
    dbus_connection_unref(c);
    glue_unref(g);
}

static int on_dispatch(sd_event_source *s, void *data)
{
    dispatch_one(data);
    return 0;
}

/* Called from inside libdbus: only switches the source, never dispatches. */
static void on_dispatch_status(DBusConnection *c, DBusDispatchStatus status, void *data)
{
    struct glue *g = data;

    if (g->c && g->dispatch && status != DBUS_DISPATCH_COMPLETE && !g->reading)
        sd_event_source_set_enabled(g->dispatch, SD_EVENT_ON);
}

int glue_attach(sd_event *event, DBusConnection *c, struct glue **ret)
{
    struct glue *g = calloc(1, sizeof *g);
    int r;

    if (!g)
        return -ENOMEM;
    g->refs = 1;
    g->event = sd_event_ref(event);
    g->c = dbus_connection_ref(c);
    r = sd_event_add_defer(event, &g->dispatch, on_dispatch, g);
    if (r < 0 ||
        !dbus_connection_set_watch_functions(c, on_watch_added, on_watch_removed, on_watch_toggled, g,
                                             NULL) ||
        !dbus_connection_set_timeout_functions(c, on_timeout_added, on_timeout_removed, on_timeout_toggled, g,
                                               NULL)) {
        glue_detach(g);
        return r < 0 ? r : -ENOMEM;
    }
    dbus_connection_set_dispatch_status_function(c, on_dispatch_status, g, NULL);
    dispatch_follow(g,
                    dbus_connection_get_dispatch_status(c)); /* something may have come in before we looked */
    *ret = g;
    return 0;
}

void glue_detach(struct glue *g)
{
    if (!g)
        return;
    DBusConnection *c = TAKE_PTR(g->c);
    if (c) {
        dbus_connection_set_dispatch_status_function(c, NULL, NULL, NULL);
        dbus_connection_set_watch_functions(c, NULL, NULL, NULL, NULL, NULL);
        dbus_connection_set_timeout_functions(c, NULL, NULL, NULL, NULL, NULL);
        dbus_connection_unref(c);
    }
    g->dispatch = sd_event_source_disable_unref(g->dispatch);
    glue_unref(g);
}
