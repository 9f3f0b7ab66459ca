/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See sim-process.h. The child dies with the test (PR_SET_PDEATHSIG); readiness is seen by inotify. */
#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/sim-process.h"

#define READY_S 30

struct sim_process {
    GPid pid;
    char *ca, *log, *ready;
    unsigned port, control;
};

static void die_with_parent(gpointer data)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void wait_ready(struct sim_process *s, const char *dir, int watch)
{
    int child = (int)syscall(SYS_pidfd_open, s->pid, 0);
    gint64 end = g_get_monotonic_time() + READY_S * G_TIME_SPAN_SECOND;
    while (!g_file_test(s->ready, G_FILE_TEST_EXISTS)) {
        struct pollfd p[2] = {{watch, POLLIN, 0}, {child, POLLIN, 0}};
        char events[4096];
        gint64 left = (end - g_get_monotonic_time()) / 1000;
        if (left <= 0 || poll(p, 2, (int)left) <= 0)
            g_error("mef-sim was not ready in time");
        if (p[1].revents)
            g_error("mef-sim ended at once");
        if (p[0].revents && read(watch, events, sizeof events) < 0)
            g_error("inotify: %s", g_strerror(errno));
    }
    close(child);
}

static void read_ready(struct sim_process *s)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(s->ready, &text, NULL, NULL))
        g_error("cannot read '%s'", s->ready);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l; l++) {
        if (g_str_has_prefix(*l, "port="))
            s->port = (unsigned)g_ascii_strtoull(*l + 5, NULL, 10);
        else if (g_str_has_prefix(*l, "control="))
            s->control = (unsigned)g_ascii_strtoull(*l + 8, NULL, 10);
        else if (g_str_has_prefix(*l, "ca="))
            s->ca = g_strdup(*l + 3);
    }
    if (!s->port || !s->control || !s->ca)
        g_error("the ready file is incomplete: %s", text);
}

struct sim_process *sim_start(const char *dir, const char *fqdn, const char *scenario,
                              const char *const *args)
{
    struct sim_process *s = g_new0(struct sim_process, 1);
    g_autofree char *ca = g_build_filename(dir, "ca", NULL),
                    *file = g_build_filename(dir, "scenario.json", NULL);
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    const char *const fixed[] = {
        TOP_BUILDDIR "/tests/sim/mef-sim", "--listen", "127.0.0.1:0", "--fqdn", fqdn, "--ca", ca};
    s->log = g_build_filename(dir, "sim.log", NULL);
    s->ready = g_build_filename(dir, "sim.ready", NULL);
    g_unlink(s->ready);
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, g_strdup(fixed[i]));
    g_ptr_array_add(argv, g_strdup_printf("--log=%s", s->log));
    g_ptr_array_add(argv, g_strdup_printf("--ready-file=%s", s->ready));
    if (scenario) {
        if (!g_file_set_contents(file, scenario, -1, &error))
            g_error("%s", error->message);
        g_ptr_array_add(argv, g_strdup_printf("--scenario=%s", file));
    }
    for (; args && *args; args++)
        g_ptr_array_add(argv, g_strdup(*args));
    g_ptr_array_add(argv, NULL);
    int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, dir, IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
        g_error("inotify of '%s': %s", dir, g_strerror(errno));
    if (!g_spawn_async(NULL, (char **)argv->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD, die_with_parent, NULL,
                       &s->pid, &error))
        g_error("%s", error->message);
    wait_ready(s, dir, watch);
    close(watch);
    read_ready(s);
    return s;
}

static int end(struct sim_process *s, int signal)
{
    int status = 0;
    if (!s)
        return 0;
    kill(s->pid, signal);
    while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
        ;
    g_free(s->ca);
    g_free(s->log);
    g_free(s->ready);
    g_free(s);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int sim_stop(struct sim_process *s)
{
    return end(s, SIGTERM);
}

void sim_kill(struct sim_process *s)
{
    end(s, SIGKILL);
}

unsigned sim_port(const struct sim_process *s)
{
    return s->port;
}

const char *sim_ca_path(const struct sim_process *s)
{
    return s->ca;
}

const char *sim_log_path(const struct sim_process *s)
{
    return s->log;
}

/* One exchange on a connection of its own. */
static char *exchange(struct sim_process *s, const char *request)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GError) error = NULL;
    g_socket_client_set_enable_proxy(client, FALSE);
    g_autoptr(GSocketConnection) c =
        g_socket_client_connect_to_host(client, "127.0.0.1", (guint16)s->control, NULL, &error);
    if (!c)
        g_error("control port: %s", error->message);
    GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(c));
    GInputStream *in = g_io_stream_get_input_stream(G_IO_STREAM(c));
    if (!g_output_stream_write_all(out, request, strlen(request), NULL, NULL, &error))
        g_error("control port: %s", error->message);
    GString *text = g_string_new(NULL);
    for (;;) {
        char octets[4096];
        gssize n = g_input_stream_read(in, octets, sizeof octets, NULL, &error);
        if (n < 0)
            g_error("control port: %s", error->message);
        if (n == 0)
            break;
        g_string_append_len(text, octets, n);
    }
    return g_string_free(text, FALSE);
}

json_t *sim_call(struct sim_process *s, const char *method, const char *url, json_t *body, int *ret_status)
{
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    g_autofree char *request = g_strdup_printf(
        "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", method,
        url, text ? strlen(text) : 0, text ? text : "");
    free(text);
    g_autofree char *answer = exchange(s, request);
    const char *content = strstr(answer, "\r\n\r\n");
    json_error_t e;
    json_t *result = content ? json_loads(content + 4, 0, &e) : NULL;
    int status = strlen(answer) > 12 ? atoi(answer + 9) : 0;
    if (!result || (!ret_status && status != 200))
        g_error("%s %s: %s", method, url, answer);
    if (ret_status)
        *ret_status = status;
    return result;
}

json_t *sim_post(struct sim_process *s, const char *url, const char *body)
{
    json_error_t e;
    json_t *j = json_loads(body, 0, &e);
    if (!j)
        g_error("%s: %s", body, e.text);
    json_t *answer = sim_call(s, "POST", url, j, NULL);
    json_decref(j);
    return answer;
}

json_t *sim_state(struct sim_process *s)
{
    return sim_call(s, "GET", "/sim/state", NULL, NULL);
}

json_t *sim_wait(struct sim_process *s, gboolean (*want)(json_t *state, void *data), void *data,
                 unsigned seconds)
{
    gint64 end_time = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
    json_t *state = sim_state(s);
    while (!want(state, data)) {
        gint64 left = (end_time - g_get_monotonic_time()) / G_TIME_SPAN_SECOND;
        if (left <= 0) {
            json_decref(state);
            return NULL;
        }
        g_autofree char *url =
            g_strdup_printf("/sim/state?after=%d&timeout=%d",
                            (int)json_integer_value(json_object_get(state, "sequence")), (int)left);
        json_decref(state);
        state = sim_call(s, "GET", url, NULL, NULL);
    }
    return state;
}

json_t *sim_log(struct sim_process *s)
{
    g_autofree char *text = NULL;
    json_t *all = json_array();
    json_error_t e;
    if (!g_file_get_contents(s->log, &text, NULL, NULL))
        return all;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l && **l; l++) {
        json_t *line = json_loads(*l, JSON_REJECT_DUPLICATES, &e);
        if (line)
            json_array_append_new(all, line);
        else if (l[1] && *l[1])
            g_error("a line of the log is no JSON: %s", *l);
    }
    return all;
}

void sim_assert_no_violation(struct sim_process *s)
{
    json_t *log = sim_log(s), *line;
    size_t i;
    json_array_foreach(log, i, line)
    {
        json_t *v = json_object_get(line, "violation");
        if (json_array_size(v) == 0)
            continue;
        char *text = json_dumps(line, 0);
        g_test_message("%s", text);
        free(text);
        g_test_fail();
    }
    json_decref(log);
}
