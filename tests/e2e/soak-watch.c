/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/e2e/soak-watch.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct shim_control *soak_shim(struct e2e *e)
{
    g_autofree char *path = g_build_filename(e->dir, "shim", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_assert_cmpint(ftruncate(fd, sizeof(struct shim_control)), ==, 0);
    void *map = mmap(NULL, sizeof(struct shim_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(map != MAP_FAILED);
    close(fd);
    e->token.module = SHIM_MODULE;
    g_ptr_array_add(e->agent_env, g_strdup_printf(SHIM_FILE "=%s", path));
    return map;
}

static unsigned entries(struct e2e *e, const char *what)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)e->agent, what);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    unsigned n = 0;
    while (dir && g_dir_read_name(dir))
        n++;
    return n;
}

static guint64 kib_of(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    return line ? g_ascii_strtoull(line + strlen(name), NULL, 10) : 0;
}

static unsigned rows(sqlite3 *db, const char *table)
{
    g_autofree char *text = g_strdup_printf("SELECT count(*) FROM %s", table);
    sqlite3_stmt *s = NULL;
    unsigned n = G_MAXUINT;
    if (sqlite3_prepare_v2(db, text, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = (unsigned)sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return n;
}

static guint64 octets(const char *path, const char *end)
{
    g_autofree char *name = g_strconcat(path, end, NULL);
    GStatBuf st;
    return g_stat(name, &st) == 0 ? (guint64)st.st_size : 0;
}

/* Lines that begin so. */
static unsigned count_lines(const char *text, const char *begin)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    unsigned n = 0;
    for (char **l = lines; *l; l++)
        n += **l && g_str_has_prefix(*l, begin);
    return n;
}

void soak_watch_process(struct e2e *e, const struct shim_control *shim, struct soak_figures *ret)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/smaps_rollup", (int)e->agent), *text = NULL;
    if (g_file_get_contents(path, &text, NULL, NULL)) {
        ret->pss = kib_of(text, "\nPss:");
        ret->dirty = kib_of(text, "\nPrivate_Dirty:");
    }
    ret->fds = entries(e, "fd");
    ret->threads = entries(e, "task");
    ret->sessions = atomic_load(&shim->sessions);
}

char **soak_objects(struct e2e *e, const char *prefix)
{
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) all = e2e_call(e, "/org/mefclient1", "org.freedesktop.DBus.ObjectManager",
                                       "GetManagedObjects", NULL, &error);
    g_assert_no_error(error);
    g_autoptr(GVariant) objects = g_variant_get_child_value(all, 0);
    for (gsize i = 0; i < g_variant_n_children(objects); i++) {
        const char *path;
        g_autoptr(GVariant) one = g_variant_get_child_value(objects, i);
        g_variant_get_child(one, 0, "&o", &path);
        if (g_str_has_prefix(path, prefix))
            g_strv_builder_add(paths, path);
    }
    return g_strv_builder_end(paths);
}

static gboolean job_over(struct e2e *e, void *job)
{
    g_autofree char *state = e2e_get_string(e, job, "Job", "State");
    return strcmp(state, "queued") != 0 && strcmp(state, "running") != 0 && strcmp(state, "waiting") != 0;
}

/* Has the token listed, so that the module counts the heap. */
static void list_token(struct e2e *e)
{
    g_autoptr(GError) error = NULL;
    const char *job;
    g_autoptr(GVariant) reply =
        e2e_call(e, "/org/mefclient1/token/e2e", "org.mefclient1.Token", "Rescan", NULL, &error);
    g_assert_no_error(error);
    g_variant_get(reply, "(&o)", &job);
    e2e_wait(e, "the token is listed", job_over, (void *)(guintptr)job, E2E_WAIT_S);
}

void soak_watch(struct e2e *e, const struct shim_control *shim, struct soak_figures *ret)
{
    g_autofree char *path = g_build_filename(e->state_dir, "state.db", NULL), *list = e2e_token_list(e);
    sqlite3 *db = NULL;
    list_token(e);
    soak_watch_process(e, shim, ret);
    ret->heap = atomic_load(&shim->heap);
    ret->objects = count_lines(list, "");
    ret->keys = count_lines(list, "secret-key\t");
    ret->database = octets(path, "") + octets(path, "-wal");
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, 2000);
        ret->owners = rows(db, "token_object");
        ret->commands = rows(db, "command");
    }
    sqlite3_close(db);
    g_auto(GStrv) shown = soak_objects(e, "/org/mefclient1/");
    for (char **one = shown; *one; one++)
        ret->shown += !g_str_has_prefix(*one, "/org/mefclient1/job/"); /* they go by time */
}
