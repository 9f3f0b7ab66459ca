/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host ABI (plugin/include/mefplug/host.h): the one exported symbol, the table of functions, and the two
 * ways to run: in the host's loop, or on a thread of ours. Ownership: `struct plugin` owns the engine and the
 * copy of the host's table. */
#include "mefplug/host.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/cancel.h"
#include "plugin/base/str.h"
#include "plugin/engine.h"
#include "plugin/stats.h"

#define STOP_DEFAULT    USEC_PER_SECOND
#define USEC_PER_SECOND UINT64_C(1000000)

struct plugin {
    struct mefplug table; /* first: the host's pointer is ours */
    struct engine_host host;
    struct engine *engine;
    pid_t pid;
    volatile bool *here; /* a page that a child finds empty; NULL: the kernel has no such pages */
    bool started, stopped, abandoned;
    bool threaded;
    pthread_t thread;
    sem_t up; /* the thread has started or failed */
    int start_result;
    uint64_t stop_deadline;
    int stop_result;
};

static const struct mefplug_info info = {
    .size = sizeof info,
    .abi_minor = MEFPLUG_ABI_MINOR,
    .name = "mefclient",
    .version = PACKAGE_VERSION,
    .profile = "oneM2M MEF Client (TS-0003 8.3, TS-0032)",
    .features = engine_features,
};

static struct plugin *self(const struct mefplug *m)
{
    return (struct plugin *)(uintptr_t)m;
}

static size_t page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Without it each dispatch, which is each call on the bus, would ask the kernel who it is. */
static volatile bool *here_new(void)
{
    bool *here = mmap(NULL, page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (here == MAP_FAILED)
        return NULL;
    if (madvise(here, page(), MADV_WIPEONFORK) < 0) {
        (void)munmap(here, page());
        return NULL;
    }
    *here = true;
    return here;
}

/* In a child of the process that made the object nothing works (style-anchors.md E3). */
static bool foreign(const struct plugin *p)
{
    return p->here ? !*p->here : p->pid != getpid();
}

static void *run(void *arg)
{
    struct plugin *p = arg;

    p->start_result = engine_start(p->engine);
    int r = p->start_result;
    (void)sem_post(&p->up);
    if (r == 0) {
        (void)engine_loop(p->engine);
        p->stop_result =
            engine_stop(p->engine, p->stop_deadline ? p->stop_deadline : now_monotonic() + STOP_DEFAULT);
        engine_loop_over(p->engine);
    }
    return NULL;
}

static int start_thread(struct plugin *p)
{
    sigset_t all, old;

    (void)sigfillset(&all);
    if (sem_init(&p->up, 0, 0) < 0)
        return -errno;
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = -pthread_create(&p->thread, NULL, run, p);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r < 0) {
        (void)sem_destroy(&p->up);
        return r;
    }
    while (sem_wait(&p->up) < 0 && errno == EINTR)
        continue;
    if (p->start_result != 0) {
        (void)pthread_join(p->thread, NULL);
        (void)sem_destroy(&p->up);
    }
    return p->start_result;
}

static int plugin_start(struct mefplug *m)
{
    struct plugin *p = self(m);

    if (foreign(p))
        return -ECHILD;
    if (p->started)
        return -EALREADY;
    p->started = true;
    int r = engine_new(&p->host, &p->engine);
    if (r == 0)
        r = p->threaded ? start_thread(p) : engine_start(p->engine);
    if (r == 0 && !p->threaded)
        r = engine_dispatch(p->engine); /* arms the timers: a polled sd-event fd does not by itself */
    if (r != 0) {
        engine_free(p->engine);
        p->engine = NULL;
        p->stopped = true;
    }
    return r;
}

static int plugin_get_fd(struct mefplug *m)
{
    struct plugin *p = self(m);

    if (foreign(p))
        return -ECHILD;
    if (p->threaded)
        return -EOPNOTSUPP;
    return p->engine ? engine_fd(p->engine) : -ENOTCONN;
}

static int plugin_dispatch(struct mefplug *m)
{
    struct plugin *p = self(m);

    if (foreign(p))
        return -ECHILD;
    if (p->threaded)
        return -EOPNOTSUPP;
    return p->engine ? engine_dispatch(p->engine) : -ENOTCONN;
}

static int reload_call(struct engine *e, void *ctx)
{
    return engine_reload(e);
}

static int plugin_reload(struct mefplug *m)
{
    struct plugin *p = self(m);

    if (foreign(p))
        return -ECHILD;
    if (!p->engine)
        return -ENOTCONN;
    if (p->threaded)
        return engine_call(p->engine, reload_call, NULL);
    int r = engine_reload(p->engine);
    int d = engine_dispatch(p->engine);
    return r ? r : d;
}

static int quit_call(struct engine *e, void *ctx)
{
    engine_quit(e);
    return 0;
}

static int plugin_stop(struct mefplug *m, uint64_t deadline_usec)
{
    struct plugin *p = self(m);
    uint64_t usec = deadline_usec ? deadline_usec : STOP_DEFAULT;

    if (foreign(p))
        return -ECHILD;
    if (!p->engine || p->stopped)
        return 0;
    p->stopped = true;
    p->stop_deadline = now_monotonic() + usec;
    if (p->threaded) {
        (void)engine_call(p->engine, quit_call, NULL);
        (void)pthread_join(p->thread, NULL);
        (void)sem_destroy(&p->up);
    } else {
        p->stop_result = engine_stop(p->engine, p->stop_deadline);
    }
    /* What a thread that hangs in the token may still touch is left to it, on purpose. */
    if (p->stop_result == -ETIMEDOUT)
        p->abandoned = true;
    else
        engine_free(p->engine);
    p->engine = NULL;
    return p->stop_result;
}

static void host_free(struct engine_host *h)
{
    free(h->name);
    free(h->config_path);
    free(h->state_dir);
    free(h->runtime_dir);
    free(h->bus_address);
    free(h->log_target);
    strv_free(h->options);
}

static void plugin_free(struct plugin *p)
{
    host_free(&p->host);
    if (p->here)
        (void)munmap((void *)(uintptr_t)p->here, page());
    free(p);
}

static void plugin_destroy(struct mefplug *m)
{
    struct plugin *p = self(m);

    if (!p || foreign(p))
        return;
    (void)plugin_stop(m, 0);
    if (p->abandoned)
        return;
    plugin_free(p);
}

static const struct mefplug_info *plugin_describe(const struct mefplug *m)
{
    return &info;
}

static int plugin_check_config(struct mefplug *m, uint32_t flags, mefplug_line_fn line, void *line_ctx)
{
    struct plugin *p = self(m);

    if (foreign(p))
        return -ECHILD;
    if (!line)
        return -EINVAL;
    if (p->engine)
        return -EBUSY;
    return engine_check_config(&p->host, flags & MEFPLUG_CHECK_PRINT, line, line_ctx);
}

static int plugin_stats(struct mefplug *m, mefplug_stat_fn each, void *each_ctx)
{
    struct plugin *p = self(m);
    struct stats *s = NULL;

    if (foreign(p))
        return -ECHILD;
    if (!each)
        return -EINVAL;
    if (!p->engine)
        return -ENOTCONN;
    int r = p->threaded ? engine_call(p->engine, stats_take, &s) : stats_take(p->engine, &s);
    if (r == 0)
        stats_tell(s, each, each_ctx);
    stats_free(s);
    return r;
}

static int copy_text(char **to, const char *from)
{
    if (!from || !*from)
        return 0;
    *to = strdup(from);
    return *to ? 0 : -ENOMEM;
}

#define GIVEN(h, member) (MEFPLUG_HAS(h, member) ? (h)->member : 0)

static int host_copy(const struct mefplug_host *h, struct engine_host *to)
{
    const struct {
        char **to;
        const char *from;
    } texts[] = {
        {&to->name, GIVEN(h, name)},
        {&to->config_path, GIVEN(h, config_path)},
        {&to->state_dir, GIVEN(h, state_dir)},
        {&to->runtime_dir, GIVEN(h, runtime_dir)},
        {&to->bus_address, GIVEN(h, bus_address)},
        {&to->log_target, GIVEN(h, log_target)},
    };
    const char *const *options = GIVEN(h, options);

    to->flags = h->flags;
    to->ctx = GIVEN(h, ctx);
    to->log = GIVEN(h, log);
    to->status = GIVEN(h, status);
    to->ready = GIVEN(h, ready);
    for (size_t i = 0; i < ELEMENTS(texts); i++)
        if (copy_text(texts[i].to, texts[i].from) < 0)
            return -ENOMEM;
    for (; options && *options; options++)
        if (strv_push(&to->options, *options) < 0)
            return -ENOMEM;
    return 0;
}

__attribute__((visibility("default"))) int mefplug_entry_v1(const struct mefplug_host *host,
                                                            struct mefplug **ret)
{
    if (!host || !ret || !MEFPLUG_HAS(host, flags))
        return -EINVAL;
    if (!(host->flags & MEFPLUG_MAY_THREAD))
        return -EOPNOTSUPP;
    struct plugin *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->pid = getpid();
    p->here = here_new();
    p->threaded = !(host->flags & MEFPLUG_HAS_LOOP);
    if (host_copy(host, &p->host) < 0) {
        plugin_free(p);
        return -ENOMEM;
    }
    p->table = (struct mefplug){
        .size = sizeof p->table,
        .abi_minor = MEFPLUG_ABI_MINOR,
        .start = plugin_start,
        .get_fd = plugin_get_fd,
        .dispatch = plugin_dispatch,
        .reload = plugin_reload,
        .stop = plugin_stop,
        .destroy = plugin_destroy,
        .describe = plugin_describe,
        .check_config = plugin_check_config,
        .stats = plugin_stats,
    };
    *ret = &p->table;
    return 0;
}
