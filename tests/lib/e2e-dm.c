/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/e2e-dm.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

void e2e_dm_init(struct e2e_dm *d, struct e2e *e, const char *tag)
{
    g_autofree char *script = g_strdup_printf("%s-script", tag), *log = g_strdup_printf("%s-log", tag);

    *d = (struct e2e_dm){
        .e = e, .script = g_build_filename(e->dir, script, NULL), .log = g_build_filename(e->dir, log, NULL)};
}

void e2e_dm_clear(struct e2e_dm *d)
{
    e2e_dm_stop(d);
    g_free(d->script);
    g_free(d->log);
    *d = (struct e2e_dm){0};
}

void e2e_dm_script(struct e2e_dm *d, const char *text)
{
    g_assert_true(g_file_set_contents(d->script, text, -1, NULL));
    g_assert_cmpint(g_chmod(d->script, 0644), ==, 0);
}

char *e2e_dm_said(const struct e2e_dm *d)
{
    char *text = NULL;
    return g_file_get_contents(d->log, &text, NULL, NULL) ? text : g_strdup("");
}

struct wanted {
    const struct e2e_dm *d;
    const char *text;
};

static gboolean log_has(struct e2e *e, void *data)
{
    struct wanted *w = data;
    g_autofree char *text = e2e_dm_said(w->d);
    return strstr(text, w->text) != NULL;
}

void e2e_dm_wait(struct e2e_dm *d, const char *text)
{
    struct wanted w = {d, text};
    e2e_wait(d->e, text, log_has, &w, E2E_WAIT_S);
}

static void in_client(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void e2e_dm_start(struct e2e_dm *d, const char *name, gboolean as_nobody)
{
    const char *argv[] = {"setpriv",
                          "--reuid=65534",
                          "--regid=65534",
                          "--clear-groups",
                          TOP_BUILDDIR "/tests/dm/dm-client",
                          "--bus",
                          d->e->bus_address,
                          "--name",
                          name,
                          "--script",
                          d->script,
                          "--log",
                          d->log,
                          NULL};
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(d->pid, ==, 0);
    g_assert_true(g_file_set_contents(d->log, "", 0, NULL));
    g_assert_cmpint(g_chmod(d->log, 0666), ==, 0);
    g_spawn_async(NULL, (char **)argv + (as_nobody ? 0 : 4), NULL,
                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH, in_client, NULL, &d->pid, &error);
    g_assert_no_error(error);
    e2e_dm_wait(d, "ready");
}

void e2e_dm_stop(struct e2e_dm *d)
{
    if (!d->pid)
        return;
    kill(d->pid, SIGKILL);
    g_spawn_close_pid(d->pid);
    d->pid = 0;
}
