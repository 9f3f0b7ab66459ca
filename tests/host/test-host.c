/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host ABI from the outside: hosts that are not ours load the plugin by its one symbol, run it in a GLib
 * loop, in a bare poll() loop and without any loop, and unload it without a trace. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <malloc.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/host/host-fixture.h"

#define WARM_UP     20
#define ROUNDS      200
#define PATIENCE_MS 30000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static struct host_fixture fixture;

/* ---- a host ------------------------------------------------------------------------------------------- */

struct host {
    struct mefplug_host table;
    struct mefplug *plugin;
    void *object;
    GMutex lock;
    GCond changed;
    GString *log, *status;
    int readies;
    GThread *ready_thread;
    GMainLoop *loop;
};

static void on_log(void *ctx, int level, const char *message)
{
    struct host *h = ctx;
    g_mutex_lock(&h->lock);
    g_string_append_printf(h->log, "%d %s\n", level, message);
    g_mutex_unlock(&h->lock);
}

static void on_status(void *ctx, const char *text)
{
    struct host *h = ctx;
    g_mutex_lock(&h->lock);
    g_string_assign(h->status, text);
    g_cond_signal(&h->changed);
    g_mutex_unlock(&h->lock);
}

static void on_ready(void *ctx)
{
    struct host *h = ctx;
    g_mutex_lock(&h->lock);
    h->readies++;
    h->ready_thread = g_thread_self();
    g_cond_signal(&h->changed);
    g_mutex_unlock(&h->lock);
}

static void *load(mefplug_entry_fn *ret)
{
    void *object = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
    if (!object)
        g_error("%s", dlerror());
    *(void **)ret = dlsym(object, MEFPLUG_ENTRY_SYMBOL);
    g_assert_true(*ret != NULL);
    return object;
}

static void host_up(struct host *h, uint32_t flags)
{
    mefplug_entry_fn entry;

    memset(h, 0, sizeof(*h));
    h->log = g_string_new(NULL);
    h->status = g_string_new(NULL);
    host_fixture_fill(&fixture, &h->table);
    h->table.flags = flags | MEFPLUG_MAY_THREAD;
    h->table.ctx = h;
    h->table.log = on_log;
    h->table.status = on_status;
    h->table.ready = on_ready;
    h->object = load(&entry);
    g_assert_cmpint(entry(&h->table, &h->plugin), ==, 0);
    /* The plugin keeps copies. */
    memset(&h->table, 0xa5, sizeof(h->table));
}

static void host_down(struct host *h)
{
    h->plugin->destroy(h->plugin);
    dlclose(h->object);
    g_string_free(h->log, TRUE);
    g_string_free(h->status, TRUE);
    g_mutex_clear(&h->lock);
    g_cond_clear(&h->changed);
}

/* A bare loop: polls and dispatches until the plugin is on the bus (or, `bus` false, until it is ready). */
static void turn_until(struct host *h, bool bus)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_MS * G_GINT64_CONSTANT(1000);
    struct pollfd p = {.fd = h->plugin->get_fd(h->plugin), .events = POLLIN};

    g_assert_cmpint(p.fd, >=, 0);
    while (!(h->readies > 0 && (!bus || host_fixture_on_bus(&fixture)))) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        (void)poll(&p, 1, bus ? 20 : 1000);
        g_assert_cmpint(h->plugin->dispatch(h->plugin), ==, 0);
    }
}

/* ---- loops -------------------------------------------------------------------------------------------- */

static gboolean on_fd(gint fd, GIOCondition condition, gpointer data)
{
    struct host *h = data;
    g_assert_cmpint(h->plugin->dispatch(h->plugin), ==, 0);
    return G_SOURCE_CONTINUE;
}

static void on_name(GDBusConnection *c, const gchar *name, const gchar *owner, gpointer data)
{
    g_main_loop_quit(data);
}

static gboolean too_late(gpointer data)
{
    g_error("the plugin is not on the bus");
    return G_SOURCE_REMOVE;
}

static void test_glib(void)
{
    struct host h;
    GError *error = NULL;
    GDBusConnection *c = g_dbus_connection_new_for_address_sync(
        g_test_dbus_get_bus_address(fixture.bus),
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
        NULL, &error);
    guint fd, watch, late;

    g_assert_no_error(error);
    host_up(&h, MEFPLUG_HAS_LOOP);
    h.loop = g_main_loop_new(NULL, FALSE);
    g_assert_cmpint(h.plugin->get_fd(h.plugin), ==, -ENOTCONN);
    g_assert_cmpint(h.plugin->dispatch(h.plugin), ==, -ENOTCONN);
    g_assert_cmpint(h.plugin->start(h.plugin), ==, 0);
    fd = g_unix_fd_add(h.plugin->get_fd(h.plugin), G_IO_IN, on_fd, &h);
    watch = g_bus_watch_name_on_connection(c, "org.mefclient1", 0, on_name, NULL, h.loop, NULL);
    late = g_timeout_add(PATIENCE_MS, too_late, NULL);
    g_main_loop_run(h.loop);
    g_source_remove(late);
    g_source_remove(fd);
    g_bus_unwatch_name(watch);
    g_assert_cmpint(h.readies, ==, 1);
    g_assert_true(h.ready_thread == g_thread_self());
    g_assert_cmpint(h.plugin->start(h.plugin), ==, -EALREADY);
    g_assert_cmpint(h.plugin->stop(h.plugin, 0), ==, 0);
    g_assert_cmpint(h.plugin->stop(h.plugin, 0), ==, 0);
    g_assert_cmpint(h.plugin->get_fd(h.plugin), ==, -ENOTCONN);
    g_assert_cmpint(h.plugin->reload(h.plugin), ==, -ENOTCONN);
    g_assert_false(host_fixture_on_bus(&fixture));
    g_main_loop_unref(h.loop);
    g_dbus_connection_close_sync(c, NULL, NULL);
    g_object_unref(c);
    host_down(&h);
}

static void test_poll(void)
{
    struct host h;

    host_up(&h, MEFPLUG_HAS_LOOP);
    g_assert_cmpint(h.plugin->start(h.plugin), ==, 0);
    turn_until(&h, true);
    /* destroy() stops by itself. */
    host_down(&h);
    g_assert_false(host_fixture_on_bus(&fixture));
}

static void test_no_loop(void)
{
    struct host h;
    gint64 end = g_get_monotonic_time() + PATIENCE_MS * G_GINT64_CONSTANT(1000);

    host_up(&h, 0);
    g_assert_cmpint(h.plugin->start(h.plugin), ==, 0);
    g_assert_cmpint(h.plugin->get_fd(h.plugin), ==, -EOPNOTSUPP);
    g_assert_cmpint(h.plugin->dispatch(h.plugin), ==, -EOPNOTSUPP);
    g_mutex_lock(&h.lock);
    while (h.readies == 0)
        g_assert_true(g_cond_wait_until(&h.changed, &h.lock, end));
    g_assert_true(h.ready_thread != g_thread_self());
    g_mutex_unlock(&h.lock);
    while (!host_fixture_on_bus(&fixture))
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    g_assert_cmpint(h.plugin->reload(h.plugin), ==, 0);
    g_assert_cmpint(h.plugin->stop(h.plugin, 5000000), ==, 0);
    g_assert_false(host_fixture_on_bus(&fixture));
    g_assert_cmpint(h.readies, ==, 1);
    host_down(&h);
}

static void test_stop_in_time(void)
{
    struct host h;
    gint64 began;

    host_up(&h, MEFPLUG_HAS_LOOP);
    g_assert_cmpint(h.plugin->start(h.plugin), ==, 0);
    /* At once: the bus and the token are still under way. */
    began = g_get_monotonic_time();
    g_assert_cmpint(h.plugin->stop(h.plugin, 0), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - began, <, SANITIZED ? 10000000 : 1000000);
    host_down(&h);
}

/* ---- nothing stays ------------------------------------------------------------------------------------ */

static unsigned count(const char *path)
{
    DIR *d = opendir(path);
    unsigned n = 0;

    g_assert_nonnull(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

struct trace {
    unsigned threads, fds;
    size_t heap;
};

static struct trace trace(void)
{
    struct trace t = {.threads = count("/proc/self/task"), .fds = count("/proc/self/fd")};
    malloc_trim(0);
    t.heap = mallinfo2().uordblks;
    return t;
}

static void one_round(uint32_t flags)
{
    struct host h;

    host_up(&h, flags);
    g_assert_cmpint(h.plugin->start(h.plugin), ==, 0);
    if (flags & MEFPLUG_HAS_LOOP)
        turn_until(&h, false);
    else {
        g_mutex_lock(&h.lock);
        while (h.readies == 0)
            g_cond_wait(&h.changed, &h.lock);
        g_mutex_unlock(&h.lock);
    }
    g_assert_cmpint(h.plugin->stop(h.plugin, 0), ==, 0);
    host_down(&h);
}

/* What the plugin writes to the console goes to the file until told_end(). */
static int told_begin(const char *file)
{
    int to = g_open(file, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600), before = dup(STDERR_FILENO);

    g_assert_cmpint(before, >=, 0);
    g_assert_cmpint(dup2(to, STDERR_FILENO), ==, STDERR_FILENO);
    close(to);
    return before;
}

static char *told_end(const char *file, int before)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_assert_cmpint(dup2(before, STDERR_FILENO), ==, STDERR_FILENO);
    close(before);
    g_file_get_contents(file, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static void rounds(uint32_t flags)
{
    struct trace before, after;
    g_autofree char *file = g_build_filename(fixture.dir, "told", NULL);

    if (!g_file_test("/proc/self/task", G_FILE_TEST_IS_DIR)) {
        g_test_skip("/proc is not mounted: threads and descriptors cannot be counted");
        return;
    }
    int console = told_begin(file);
    for (int i = 0; i < WARM_UP; i++)
        one_round(flags);
    before = trace();
    for (int i = 0; i < ROUNDS; i++)
        one_round(flags);
    after = trace();
    g_autofree char *told = told_end(file, console);
    g_test_message("threads %u -> %u, descriptors %u -> %u, heap %zu -> %zu", before.threads, after.threads,
                   before.fds, after.fds, before.heap, after.heap);
    g_assert_cmpuint(after.threads, ==, before.threads);
    g_assert_cmpuint(after.fds, ==, before.fds);
    /* The smallest object takes 32 octets of the heap: one that is lost each round is seen. */
    if (!SANITIZED)
        g_assert_cmpuint(after.heap, <, before.heap + ROUNDS * 31);
    /* A stop that overtakes the opening of the token is no fault of the token. */
    g_assert_nonnull(strstr(told, "mefclient has stopped"));
    g_assert_null(strstr(told, "is being closed"));
    g_assert_null(strstr(told, "Insert the token"));
}

static void test_rounds_loop(void)
{
    rounds(MEFPLUG_HAS_LOOP);
}

static void test_rounds_thread(void)
{
    rounds(0);
}

/* ---- symbols, versions, forks, configuration ----------------------------------------------------------- */

static void test_one_symbol(void)
{
    const char *argv[] = {"nm", "-D", "--defined-only", PLUGIN, NULL};
    char *out = NULL, **lines, *nm = g_find_program_in_path("nm");
    GError *error = NULL;
    int status;

    if (!nm) {
        g_test_skip("binutils is not installed");
        return;
    }
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    lines = g_strsplit(g_strstrip(out), "\n", -1);
    for (char **l = lines; *l; l++)
        g_test_message("exported: %s", *l);
    g_assert_cmpuint(g_strv_length(lines), ==, 1);
    g_assert_true(g_str_has_suffix(lines[0], " T " MEFPLUG_ENTRY_SYMBOL));
    g_strfreev(lines);
    g_free(out);
    g_free(nm);
}

/* A host that was compiled with another header. */
static void test_versions(void)
{
    struct {
        struct mefplug_host table;
        unsigned char later[64]; /* members that this plugin does not know */
    } big;
    struct mefplug *p = NULL;
    mefplug_entry_fn entry;
    void *object = load(&entry);

    memset(&big, 0xa5, sizeof(big));
    host_fixture_fill(&fixture, &big.table);
    big.table.flags = MEFPLUG_MAY_THREAD;
    g_assert_cmpint(entry(NULL, &p), ==, -EINVAL);
    g_assert_cmpint(entry(&big.table, NULL), ==, -EINVAL);
    for (size_t n = 0; n < offsetof(struct mefplug_host, flags) + sizeof(uint32_t); n++) {
        big.table.size = n;
        g_assert_cmpint(entry(&big.table, &p), ==, -EINVAL);
        g_assert_null(p);
    }
    /* Smaller: only what reaches up to the flags; the rest must not be looked at. */
    struct {
        size_t size;
        uint32_t abi_minor, flags;
    } *tiny = malloc(sizeof(*tiny));
    tiny->size = sizeof(*tiny);
    tiny->abi_minor = 0;
    tiny->flags = MEFPLUG_MAY_THREAD;
    g_assert_cmpint(entry((const struct mefplug_host *)(uintptr_t)tiny, &p), ==, 0);
    g_assert_cmpstr(p->describe(p)->name, ==, "mefclient");
    p->destroy(p);
    free(tiny);
    /* Larger, newer, with flags of the future. */
    big.table.size = sizeof(big);
    big.table.abi_minor = 99;
    big.table.flags = MEFPLUG_MAY_THREAD | 0xffff0000u;
    g_assert_cmpint(entry(&big.table, &p), ==, 0);
    g_assert_cmpuint(p->abi_minor, ==, MEFPLUG_ABI_MINOR);
    g_assert_true(MEFPLUG_HAS(p, check_config));
    g_assert_cmpint(p->start(p), ==, 0);
    g_assert_cmpint(p->stop(p, 0), ==, 0);
    p->destroy(p);
    /* Without threads there is no plugin. */
    p = NULL;
    big.table.flags = MEFPLUG_HAS_LOOP;
    g_assert_cmpint(entry(&big.table, &p), ==, -EOPNOTSUPP);
    g_assert_null(p);
    dlclose(object);
}

static void test_describe(void)
{
    struct host h;
    const struct mefplug_info *info;

    host_up(&h, 0);
    info = h.plugin->describe(h.plugin);
    g_assert_cmpuint(info->size, >=, offsetof(struct mefplug_info, features) + sizeof(info->features));
    g_assert_cmpstr(info->name, ==, "mefclient");
    g_assert_cmpstr(info->version, ==, PACKAGE_VERSION);
    g_assert_nonnull(info->profile);
    g_assert_true(g_strv_contains(info->features, "est"));
    h.plugin->destroy(NULL);
    host_down(&h);
}

static void test_fork(void)
{
    struct host h;
    int status;
    pid_t pid;

    host_up(&h, MEFPLUG_HAS_LOOP);
    g_assert_cmpint(h.plugin->start(h.plugin), ==, 0);
    pid = fork();
    if (pid == 0) {
        struct mefplug *p = h.plugin;
        int bad = p->start(p) != -ECHILD;
        bad |= (p->get_fd(p) != -ECHILD) << 1;
        bad |= (p->dispatch(p) != -ECHILD) << 2;
        bad |= (p->reload(p) != -ECHILD) << 3;
        bad |= (p->stop(p, 0) != -ECHILD) << 4;
        bad |= (p->check_config(p, 0, NULL, NULL) != -ECHILD) << 5;
        p->destroy(p);
        bad |= (strcmp(p->describe(p)->name, "mefclient") != 0) << 6;
        bad |= (p->stats(p, NULL, NULL) != -ECHILD) << 7;
        _exit(bad);
    }
    g_assert_cmpint(pid, >, 0);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmphex(WEXITSTATUS(status), ==, 0);
    /* The parent is none the worse. */
    turn_until(&h, true);
    g_assert_cmpint(h.plugin->stop(h.plugin, 0), ==, 0);
    host_down(&h);
}

struct told {
    unsigned plugins, registrations;
    GString *attention;
    GThread *thread;
};

static void on_stat(void *ctx, const struct mefplug_stat *s)
{
    struct told *t = ctx;

    g_assert_true(MEFPLUG_HAS(s, n_attention));
    t->thread = g_thread_self();
    if (*s->label)
        t->registrations++;
    else
        t->plugins++;
    for (uint32_t i = 0; i < s->n_attention; i++)
        g_string_append_printf(t->attention, "%s/%s: %s\n", s->label, s->attention[i].reason,
                               s->attention[i].text);
}

static gpointer ask_stats(gpointer data)
{
    struct host *h = data;
    struct told t = {.attention = g_string_new(NULL)};

    g_assert_cmpint(h->plugin->stats(h->plugin, on_stat, &t), ==, 0);
    g_assert_cmpuint(t.plugins, ==, 1);
    g_assert_cmpuint(t.registrations, ==, 0);
    g_assert_true(t.thread == g_thread_self());
    return g_string_free(t.attention, FALSE);
}

/* Until the plugin has said how it is. */
static void wait_status(struct host *h, uint32_t flags)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_MS * G_GINT64_CONSTANT(1000);

    if (flags & MEFPLUG_HAS_LOOP)
        for (struct pollfd p = {.fd = h->plugin->get_fd(h->plugin), .events = POLLIN}; h->status->len == 0;) {
            g_assert_cmpint(poll(&p, 1, PATIENCE_MS), ==, 1);
            g_assert_cmpint(h->plugin->dispatch(h->plugin), ==, 0);
        }
    g_mutex_lock(&h->lock);
    while (h->status->len == 0)
        if (!g_cond_wait_until(&h->changed, &h->lock, end))
            g_error("the plugin says nothing of its state");
    g_mutex_unlock(&h->lock);
}

/* Asked before, while and after it runs, from the loop's thread and from others. */
static void judge_stats(uint32_t flags)
{
    struct told t = {.attention = g_string_new(NULL)};
    struct host h;

    /* Without its token the plugin needs attention. */
    host_fixture_configure(&fixture, "[token]\nuri=pkcs11:token=elsewhere\n");
    host_up(&h, flags);
    g_assert_true(MEFPLUG_HAS(h.plugin, stats));
    g_assert_cmpint(h.plugin->stats(h.plugin, NULL, NULL), ==, -EINVAL);
    g_assert_cmpint(h.plugin->stats(h.plugin, on_stat, &t), ==, -ENOTCONN);
    g_assert_cmpint(h.plugin->start(h.plugin), ==, 0);
    wait_status(&h, flags);
    g_autofree char *attention =
        flags & MEFPLUG_HAS_LOOP ? ask_stats(&h) : g_thread_join(g_thread_new("monitor", ask_stats, &h));
    g_assert_true(g_str_has_prefix(attention, "/token: "));
    g_assert_cmpint(h.plugin->stop(h.plugin, 0), ==, 0);
    g_assert_cmpint(h.plugin->stats(h.plugin, on_stat, &t), ==, -ENOTCONN);
    g_assert_cmpuint(t.plugins, ==, 0);
    g_string_free(t.attention, TRUE);
    host_down(&h);
    host_fixture_configure(&fixture, NULL);
}

static void test_stats_loop(void)
{
    judge_stats(MEFPLUG_HAS_LOOP);
}

static void test_stats_thread(void)
{
    judge_stats(0);
}

static void collect(void *ctx, const char *line)
{
    g_string_append_printf(ctx, "%s\n", line);
}

static void test_configuration(void)
{
    GString *lines = g_string_new(NULL);
    struct host h;

    host_up(&h, MEFPLUG_HAS_LOOP);
    g_assert_cmpint(h.plugin->check_config(h.plugin, 0, NULL, NULL), ==, -EINVAL);
    g_assert_cmpint(h.plugin->check_config(h.plugin, 0, collect, lines), ==, 0);
    g_assert_cmpint(h.plugin->check_config(h.plugin, MEFPLUG_CHECK_PRINT, collect, lines), ==, 0);
    g_assert_nonnull(strstr(lines->str, "id=//m2m.example.com/gw42"));
    g_assert_cmpint(h.plugin->start(h.plugin), ==, 0);
    g_assert_cmpint(h.plugin->check_config(h.plugin, 0, collect, lines), ==, -EBUSY);
    turn_until(&h, true);
    /* Reload is all or nothing. */
    host_fixture_configure(&fixture, "[mef]\nbackoff-min=never\n");
    g_assert_cmpint(h.plugin->reload(h.plugin), ==, MEFPLUG_BAD_CONFIG);
    g_assert_nonnull(strstr(h.log->str, "mefclient.conf:13"));
    g_assert_cmpint(h.plugin->dispatch(h.plugin), ==, 0);
    g_assert_true(host_fixture_on_bus(&fixture));
    host_fixture_configure(&fixture, "[mef]\nbackoff-min=7\n");
    g_assert_cmpint(h.plugin->reload(h.plugin), ==, 0);
    g_assert_cmpint(h.plugin->stop(h.plugin, 0), ==, 0);
    host_down(&h);
    /* At the start a bad file refuses all of it. */
    host_fixture_configure(&fixture, "[client]\nkind=teapot\n");
    host_up(&h, MEFPLUG_HAS_LOOP);
    g_assert_cmpint(h.plugin->check_config(h.plugin, 0, collect, lines), ==, MEFPLUG_BAD_CONFIG);
    g_assert_nonnull(strstr(lines->str, "teapot"));
    g_assert_cmpint(h.plugin->start(h.plugin), ==, MEFPLUG_BAD_CONFIG);
    g_assert_nonnull(strstr(h.log->str, "teapot"));
    g_assert_cmpint(h.readies, ==, 0);
    host_down(&h);
    host_fixture_configure(&fixture, NULL);
    g_string_free(lines, TRUE);
}

int main(int argc, char **argv)
{
    int r;

    /* What malloc keeps per thread counts as used memory; it is read at exec only. */
    if (!g_getenv("GLIBC_TUNABLES")) {
        g_setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1", TRUE);
        execv(argv[0], argv);
        g_error("cannot run '%s' again", argv[0]);
    }
    g_test_init(&argc, &argv, NULL);
    host_fixture_up(&fixture);
    g_test_add_func("/host/DC-01/one-symbol", test_one_symbol);
    g_test_add_func("/host/DC-01/glib-loop", test_glib);
    g_test_add_func("/host/DC-01/poll-loop", test_poll);
    g_test_add_func("/host/DC-01/no-loop", test_no_loop);
    g_test_add_func("/host/describe", test_describe);
    g_test_add_func("/host/versions", test_versions);
    g_test_add_func("/host/fork", test_fork);
    g_test_add_func("/host/configuration", test_configuration);
    g_test_add_func("/host/stats/with-loop", test_stats_loop);
    g_test_add_func("/host/stats/without-loop", test_stats_thread);
    g_test_add_func("/host/stop-in-time", test_stop_in_time);
    g_test_add_func("/host/DC-01/200-rounds-with-loop", test_rounds_loop);
    g_test_add_func("/host/DC-01/200-rounds-without-loop", test_rounds_thread);
    r = g_test_run();
    host_fixture_down(&fixture);
    return r;
}
