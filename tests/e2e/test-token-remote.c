/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A second type of token: SoftHSM behind p11-kit remoting, so another module, other handles, and a device
 * that is another process. The whole enrolment over it, and its end and return. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/token-cells.h"

#define MANAGER "/org/mefclient1"

struct server {
    GPid pid;
    char *socket;
};

/* "/usr/lib/TRIPLET/pkcs11/p11-kit-client.so"; NULL: not installed. */
static char *client_module(void)
{
    static const char *const roots[] = {"/usr/lib", "/usr/lib64", "/usr/local/lib"};

    for (size_t i = 0; i < G_N_ELEMENTS(roots); i++) {
        g_autofree char *direct = g_build_filename(roots[i], "pkcs11", "p11-kit-client.so", NULL);
        g_autoptr(GDir) dir = g_dir_open(roots[i], 0, NULL);
        const char *name;
        if (g_file_test(direct, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&direct);
        while (dir && (name = g_dir_read_name(dir)) != NULL) {
            g_autofree char *path = g_build_filename(roots[i], name, "pkcs11", "p11-kit-client.so", NULL);
            if (g_file_test(path, G_FILE_TEST_EXISTS))
                return g_steal_pointer(&path);
        }
    }
    return NULL;
}

/* NULL: go on. */
static const char *why_not(char **ret_module)
{
    g_autofree char *program = g_find_program_in_path("p11-kit"), *err = NULL;
    const char *argv[] = {"p11-kit", "server", "--help", NULL};
    int status = -1;

    *ret_module = client_module();
    if (!program)
        return "no program p11-kit (package p11-kit)";
    if (!*ret_module)
        return "no p11-kit-client.so (package p11-kit-modules)";
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                      NULL, &err, &status, NULL) ||
        status != 0)
        return "p11-kit has no server here";
    return NULL;
}

/* A group of its own: it has a process for each connection. */
static void in_child(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
}

/* It tells its address when it listens. */
static void server_start(struct server *s, struct token_cells *c)
{
    g_autoptr(GError) error = NULL;
    const char *argv[] = {"p11-kit",    "server",     "-f",           "-n", s->socket,
                          "--provider", SHIM_SOFTHSM, c->e.token.uri, NULL};
    GString *said = g_string_new(NULL);
    char octet;
    int out;

    (void)unlink(s->socket);
    if (!g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
                                  in_child, NULL, &s->pid, NULL, &out, NULL, &error))
        g_error("p11-kit server: %s", error->message);
    while (!strstr(said->str, "P11_KIT_SERVER_PID") && read(out, &octet, 1) == 1)
        g_string_append_c(said, octet);
    if (!strstr(said->str, "P11_KIT_SERVER_PID"))
        g_error("p11-kit server did not start: %s", said->str);
    g_string_free(said, TRUE);
    close(out);
}

static void server_stop(struct server *s)
{
    kill(-s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

static void check_rest(struct token_cells *c, unsigned reports, int csc)
{
    int seen = token_cells_rest(c, reports, 30);
    if (seen != csc)
        e2e_dump(&c->e);
    g_assert_cmpint(seen, ==, csc);
}

static void check_order(struct token_cells *c, unsigned pairs)
{
    g_autofree char *wrong = token_cells_order(c, pairs);
    if (wrong) {
        e2e_dump(&c->e);
        g_error("%s", wrong);
    }
}

static void test_remoting(void)
{
    g_autofree char *module = NULL;
    const char *skip = why_not(&module);
    struct token_cells c;
    struct server s = {0};

    if (skip) {
        g_test_skip(skip);
        return;
    }
    token_cells_prepare(&c);
    s.socket = g_build_filename(c.e.dir, "p11", NULL);
    g_ptr_array_add(c.e.agent_env, g_strdup_printf("P11_KIT_SERVER_ADDRESS=unix:path=%s", s.socket));
    server_start(&s, &c);
    token_cells_start(&c, module);
    token_cells_add(&c);
    check_rest(&c, 1, 20);
    check_order(&c, 1);
    /* The device goes, and comes back with other handles; another enrolment over it, by the certificate. */
    server_stop(&s);
    e2e_wait_property(&c.e, MANAGER, "Manager", "TokenState", "absent");
    server_start(&s, &c);
    e2e_wait_property(&c.e, MANAGER, "Manager", "TokenState", "present");
    json_decref(sim_post(c.e.sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
    g_assert_true(token_cells_call(&c, c.reg, "Registration", "Poll"));
    check_rest(&c, 2, 20);
    check_order(&c, 2);
    g_assert_true(token_cells_delete(&c));
    check_order(&c, 0);
    g_assert_cmpint(token_cells_close(&c), ==, 0);
    server_stop(&s);
    g_free(s.socket);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/token/MC-20/MC-21/p11-kit-remoting", test_remoting);
    return g_test_run();
}
