/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plugin/config.c against interfaces.md 3: keys, drop-ins, warnings and refusals with file and line. */
#include <glib.h>
#include <glib/gstdio.h>
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "plugin/config.h"

struct fixture {
    char *dir, *file, *dropins;
    GString *warnings;
    struct event_sink sink;
    struct mef_error err;
};

static void warn(void *ctx, const struct event *e)
{
    g_string_append_printf(ctx, "%s\n", e->message);
}

static void setup(struct fixture *f, const void *data)
{
    f->dir = g_dir_make_tmp("config-XXXXXX", NULL);
    f->file = g_build_filename(f->dir, "m.conf", NULL);
    f->dropins = g_build_filename(f->dir, "m.conf.d", NULL);
    g_assert_cmpint(g_mkdir(f->dropins, 0700), ==, 0);
    f->warnings = g_string_new(NULL);
    f->sink = (struct event_sink){.ctx = f->warnings, .emit = warn};
    memset(&f->err, 0, sizeof f->err);
}

static void teardown(struct fixture *f, const void *data)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", f->dir);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    g_free(f->dir);
    g_free(f->file);
    g_free(f->dropins);
    g_string_free(f->warnings, TRUE);
}

static int load(struct fixture *f, const char *text, struct config **ret)
{
    g_assert_true(g_file_set_contents(f->file, text, -1, NULL));
    return config_load(f->file, NULL, &f->sink, ret, &f->err);
}

static void test_defaults(struct fixture *f, const void *data)
{
    struct config *c = NULL;
    g_assert_cmpint(load(f, "", &c), ==, 0);
    g_assert_cmpstr(c->state_dir, ==, "/var/lib/mefclient");
    g_assert_cmpuint(c->default_retry, ==, 86400);
    g_assert_cmpuint(c->registration_lifetime, ==, 365 * 86400);
    g_assert_cmpuint(c->response_timeout, ==, 60);
    g_assert_cmpuint(c->backoff_min, ==, 5);
    g_assert_cmpuint(c->backoff_max, ==, 900);
    g_assert_cmpstr(c->rvi, ==, "2a");
    g_assert_false(c->default_ports);
    g_assert_cmpuint(c->log_level, ==, LOG_INFO);
    config_unref(c);
}

static void test_values(struct fixture *f, const void *data)
{
    struct config *c = NULL;
    uid_t uids[4];
    size_t n;
    g_autofree char *long_uri =
        g_strdup_printf("pkcs11:token=%s;object=x", "abcdefghijklmnopqrstuvwxyz;manufacturer=y"
                                                    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
                                                    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
                                                    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
                                                    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    g_autofree char *text =
        g_strdup_printf("# comment\n[client]\nid=//m2m.example.com/gw42\nkind=cse\n"
                        "ae-ids=Cone Ctwo\n   Cthree\n"
                        "[bus]\ntrusted-uids=0 1000\n"
                        "[token]\nuri=%s\n"
                        "[network]\nresolve=a.example:127.0.0.1 b.example:[::1]\nconnect-timeout=PT3S\n"
                        "[mef]\ndefault-retry=90\nbackoff-max=PT2M\ndefault-ports=yes\n"
                        "[policy]\nstatus-table=seed\n[log]\nlevel=debug\ntarget=console\n"
                        "[lwm2m]\nendpoint=x\n[server 12]\nuri=coaps://x\n"
                        "[vocabulary]\nadminFQDN=afq\n",
                        long_uri);
    g_assert_cmpint(load(f, text, &c), ==, 0);
    g_assert_cmpstr(f->warnings->str, ==, "");
    g_assert_cmpuint(c->kind, ==, 1);
    g_assert_cmpint((int)g_strv_length(c->ae_ids), ==, 3);
    g_assert_cmpstr(c->ae_ids[2], ==, "Cthree");
    g_assert_cmpstr(c->token_uri, ==, long_uri);
    g_assert_cmpstr(c->resolve[1], ==, "b.example:[::1]");
    g_assert_cmpuint(c->connect_timeout, ==, 3);
    g_assert_cmpuint(c->default_retry, ==, 90);
    g_assert_cmpuint(c->status_table, ==, 1);
    g_assert_cmpuint(c->log_target, ==, LOG_TARGET_CONSOLE);
    g_assert_cmpstr(c->vocabulary[0], ==, "adminFQDN=afq");
    g_assert_cmpint(config_trusted_uids(c, uids, 4, &n), ==, 0);
    g_assert_cmpuint(n, ==, 2);
    g_assert_cmpuint(uids[1], ==, 1000);
    config_unref(c);
}

static void test_dropins(struct fixture *f, const void *data)
{
    struct config *c = NULL;
    g_autofree char *a = g_build_filename(f->dropins, "10-a.conf", NULL),
                    *b = g_build_filename(f->dropins, "20-b.conf", NULL);
    g_autofree char *other = g_build_filename(f->dropins, "30-c.txt", NULL);
    g_assert_true(g_file_set_contents(a, "[log]\nlevel=err\n[client]\nae-ids=A B\n", -1, NULL));
    g_assert_true(g_file_set_contents(b, "[client]\nae-ids=C\n", -1, NULL));
    g_assert_true(g_file_set_contents(other, "[log]\nlevel=debug\n", -1, NULL));
    g_assert_cmpint(load(f, "[log]\nlevel=notice\n[client]\nid=/x\n", &c), ==, 0);
    g_assert_cmpuint(c->log_level, ==, LOG_ERR);
    g_assert_cmpstr(c->id, ==, "/x");
    g_assert_cmpint((int)g_strv_length(c->ae_ids), ==, 1); /* later wins key by key */
    g_assert_cmpstr(c->ae_ids[0], ==, "C");
    config_unref(c);
}

static void test_unknown(struct fixture *f, const void *data)
{
    struct config *c = NULL;
    g_assert_cmpint(load(f, "[client]\nid=/x\ncolour=blue\n", &c), ==, 0);
    g_autofree char *want = g_strdup_printf("%s:3: colour:", f->file);
    g_assert_nonnull(strstr(f->warnings->str, want));
    config_unref(c);
}

static void test_refused(struct fixture *f, const void *data)
{
    static const struct {
        const char *text;
        unsigned line;
    } bad[] = {
        {"[client]\nkind=router\n", 2}, {"\n\n[mef]\ndefault-retry=soon\n", 4},
        {"[mef]\nbackoff-min=0\n", 2},  {"[mef]\ndefault-ports=perhaps\n", 2},
        {"[log]\nlevel=loud\n", 2},     {"[log]\nno equals sign here\n", 2},
        {"[client]\nid=\xff\xfe\n", 2},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct config *c = NULL;
        g_assert_cmpint(load(f, bad[i].text, &c), <, 0);
        g_assert_null(c);
        g_autofree char *want = g_strdup_printf("%s:%u:", f->file, bad[i].line);
        g_test_message("%s", f->err.text);
        g_assert_true(g_str_has_prefix(f->err.text, want));
    }
    static const char *const whole[] = {"[bus]\ntrusted-uids=root\n", "[network]\nresolve=a.example\n",
                                        "[paths]\nstate-dir=relative\n", "[mef]\nbackoff-min=PT1H\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(whole); i++) {
        struct config *c = NULL;
        g_assert_cmpint(load(f, whole[i], &c), <, 0);
        g_assert_nonnull(strstr(f->err.text, f->file));
    }
}

static void test_absent(struct fixture *f, const void *data)
{
    struct config *c = NULL;
    g_assert_cmpint(config_load("/nonexistent/m.conf", NULL, &f->sink, &c, &f->err), ==, -ENOENT);
    g_assert_nonnull(strstr(f->err.text, "/nonexistent/m.conf"));
}

static void test_override(struct fixture *f, const void *data)
{
    struct config *c = NULL;
    char *options[] = {(char *)"log.level=debug", (char *)"client.nonsense=1", NULL};
    struct config_override over = {
        .state_dir = "/srv/state", .bus_address = "unix:path=/x", .options = options};
    g_assert_true(g_file_set_contents(f->file, "[log]\nlevel=err\n[paths]\nstate-dir=/a\n", -1, NULL));
    g_assert_cmpint(config_load(f->file, &over, &f->sink, &c, &f->err), ==, 0);
    g_assert_cmpstr(c->state_dir, ==, "/srv/state");
    g_assert_cmpuint(c->log_level, ==, LOG_DEBUG);
    g_assert_nonnull(strstr(f->warnings->str, "client.nonsense"));
    config_unref(c);
    options[0] = (char *)"log.level=loud";
    g_assert_cmpint(config_load(f->file, &over, &f->sink, &c, &f->err), <, 0);
}

/* What --cat-config prints can be read back and means the same. */
static void test_print(struct fixture *f, const void *data)
{
    struct config *c = NULL, *d = NULL;
    g_assert_cmpint(
        load(f, "[client]\nid=/x\nae-ids=A B\n[mef]\nbackoff-max=PT90M\n[vocabulary]\nrvi=3\n", &c), ==, 0);
    g_autofree char *text = config_print(c);
    g_assert_cmpint(load(f, text, &d), ==, 0);
    g_autofree char *again = config_print(d);
    g_assert_cmpstr(text, ==, again);
    g_assert_cmpstr(f->warnings->str, ==, "");
    config_unref(c);
    config_unref(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add(path, struct fixture, NULL, setup, fn, teardown)
    ADD("/config/defaults", test_defaults);
    ADD("/config/values", test_values);
    ADD("/config/drop-ins", test_dropins);
    ADD("/config/unknown-key-warns", test_unknown);
    ADD("/config/bad-value-refuses", test_refused);
    ADD("/config/absent", test_absent);
    ADD("/config/override", test_override);
    ADD("/config/print-reads-back", test_print);
    return g_test_run();
}
