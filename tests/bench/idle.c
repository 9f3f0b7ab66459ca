/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-agent with one registration that has nothing to do until its next poll: private dirty memory against a
 * program that has opened the same libraries and a session with the token and does nothing, and how often any
 * of its threads wakes up. The one that looks after the token every 5 s (docs/decisions.md) is told apart. */
#include <dlfcn.h>
#include <errno.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/figure.h"
#include "tests/lib/e2e-fixture.h"

#define SETTLE_S     8
#define WATCH_S      20
#define TOKEN_THREAD "mef-token\n"

static char *proc(GPid pid, const char *what)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, what);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static double number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    g_assert_nonnull(at);
    return g_ascii_strtod(at + strlen(key), NULL);
}

static double private_dirty(GPid pid)
{
    g_autofree char *text = proc(pid, "smaps_rollup");

    return number_after(text, "Private_Dirty:");
}

/* ---- the program that does nothing ---- */

static void open_token(void)
{
    void *lib = dlopen(TOKEN_FIXTURE_MODULE, RTLD_NOW | RTLD_LOCAL);
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slots[4];
    CK_ULONG n = G_N_ELEMENTS(slots);
    CK_SESSION_HANDLE s;

    g_assert_nonnull(lib);
    *(void **)&get = dlsym(lib, "C_GetFunctionList");
    g_assert_true(get(&f) == CKR_OK && f->C_Initialize(NULL) == CKR_OK);
    g_assert_true(f->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK && n > 0);
    g_assert_true(f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s) == CKR_OK);
    g_assert_true(
        f->C_Login(s, CKU_USER, (CK_BYTE *)(guintptr)TOKEN_FIXTURE_PIN, strlen(TOKEN_FIXTURE_PIN)) == CKR_OK);
}

static void *function(const char *name)
{
    void *f = dlsym(RTLD_DEFAULT, name);

    if (!f)
        g_error("no library has %s", name);
    return f;
}

/* Each library is started as its manual says, with the one thing open that it is for: a context, the
 * database (in the journal mode of ours), a connection to the bus. */
static void open_libraries(const char *database, const char *bus)
{
    int (*curl)(long) = NULL, (*ares)(int) = NULL, (*ssl)(guint64, const void *) = NULL,
        (*sqlite)(const char *, void **) = NULL;
    int (*query)(void *, const char *, void *, void *, char **) = NULL;
    void *(*context)(void) = NULL, *(*provider)(void *, const char *) = NULL,
         *(*connection)(const char *, void *) = NULL, *db = NULL;
    unsigned (*hello)(void *, void *) = NULL;

    *(void **)&curl = function("curl_global_init");
    *(void **)&ares = function("ares_library_init");
    *(void **)&ssl = function("OPENSSL_init_ssl");
    *(void **)&context = function("OSSL_LIB_CTX_new");
    *(void **)&provider = function("OSSL_PROVIDER_load");
    *(void **)&sqlite = function("sqlite3_open");
    *(void **)&query = function("sqlite3_exec");
    *(void **)&connection = function("dbus_connection_open_private");
    *(void **)&hello = function("dbus_bus_register");
    g_assert_true(curl(3) == 0 && ares(0) == 0 && ssl(0, NULL) == 1);
    g_assert_nonnull(provider(context(), "default"));
    g_assert_true(sqlite(database, &db) == 0 &&
                  query(db, "PRAGMA journal_mode=WAL; CREATE TABLE t (n)", NULL, NULL, NULL) == 0);
    void *c = connection(bus, NULL);
    g_assert_true(c && hello(c, NULL));
}

/* The libraries are the words behind; says so on stdout when it has them. Does not return. */
static void nothing(const char *database, const char *bus, char **libraries)
{
    for (; *libraries; libraries++)
        if (!dlopen(*libraries, RTLD_NOW | RTLD_GLOBAL))
            g_error("%s", dlerror());
    open_libraries(database, bus);
    open_token();
    g_assert_cmpint(write(STDOUT_FILENO, "r", 1), ==, 1);
    for (;;)
        (void)pause();
}

/* What the agent has mapped as code, but the plugin itself. */
static GPtrArray *libraries_of(GPid pid)
{
    g_autofree char *maps = proc(pid, "maps");
    g_auto(GStrv) lines = g_strsplit(maps, "\n", -1);
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);

    for (char **l = lines; *l; l++) {
        const char *path = strchr(*l, '/');
        if (path && strstr(path, ".so") && strstr(*l, " r-xp ") && !strstr(path, "mefclient.so") &&
            !strstr(path, "/ld-linux") && !g_ptr_array_find_with_equal_func(found, path, g_str_equal, NULL))
            g_ptr_array_add(found, g_strdup(path));
    }
    return found;
}

static void die_with_parent(gpointer data)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static double dirty_of_nothing(const char *self, const struct e2e *e)
{
    g_autofree char *database = g_build_filename(e->dir, "nothing.db", NULL);
    g_autoptr(GPtrArray) argv = libraries_of(e->agent);
    g_autoptr(GError) error = NULL;
    GPid pid;
    int out;
    char ready;

    g_ptr_array_insert(argv, 0, g_strdup(self));
    g_ptr_array_insert(argv, 1, g_strdup("nothing"));
    g_ptr_array_insert(argv, 2, g_strdup(database));
    g_ptr_array_insert(argv, 3, g_strdup(e->bus_address));
    g_ptr_array_add(argv, NULL);
    if (!g_spawn_async_with_pipes(NULL, (char **)argv->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                  die_with_parent, NULL, &pid, NULL, &out, NULL, &error))
        g_error("%s: %s", self, error->message);
    if (read(out, &ready, 1) != 1)
        g_error("the program that does nothing has ended");
    double kib = private_dirty(pid);
    kill(pid, SIGTERM);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(out);
    return kib;
}

/* ---- wake-ups ---- */

struct wakes {
    double token, others;
};

static struct wakes wakes_of(GPid pid)
{
    g_autofree char *tasks = g_strdup_printf("/proc/%d/task", (int)pid);
    GDir *d = g_dir_open(tasks, 0, NULL);
    struct wakes w = {0};
    const char *tid;

    g_assert_nonnull(d);
    while ((tid = g_dir_read_name(d))) {
        g_autofree char *status_path = g_strdup_printf("task/%s/status", tid);
        g_autofree char *comm_path = g_strdup_printf("task/%s/comm", tid);
        g_autofree char *status = proc(pid, status_path), *comm = proc(pid, comm_path);
        double n = number_after(status, "\nvoluntary_ctxt_switches:");
        if (strcmp(comm, TOKEN_THREAD) == 0)
            w.token += n;
        else
            w.others += n;
    }
    g_dir_close(d);
    return w;
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "nothing") == 0)
        nothing(argv[2], argv[3], argv + 4);
    struct e2e e;
    e2e_up(&e, NULL);
    e2e_agent_start_ready(&e);
    g_autofree char *registration = e2e_add_mef(&e);
    e2e_wait_idle(&e, registration);
    /* Reading a property wakes the agent up: nothing is asked while it is watched. First it tidies up. */
    g_usleep(SETTLE_S * G_USEC_PER_SEC);
    struct wakes before = wakes_of(e.agent);
    g_usleep(WATCH_S * G_USEC_PER_SEC);
    struct wakes after = wakes_of(e.agent);
    double ours = private_dirty(e.agent), nothing_kib = dirty_of_nothing(argv[0], &e);
    at_most("idle, private dirty memory (KiB)", ours, nothing_kib, 1.4);
    exactly("idle, wake-ups in 20 s with nothing due", after.others - before.others, 0);
    g_print(
        "# idle: the thread that looks after the token woke up %.0f times in these 20 s; looking every 5 s "
        "is its work\n",
        after.token - before.token);
    (void)e2e_agent_stop(&e, NULL);
    e2e_down(&e);
    return 0;
}
