/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal in SQLite: what is trimmed, and what is kept for a certificate that is in use (EE-02). */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/journal-store.h"
#include "policy/status.h"

static void add(struct journal *j, unsigned n, const uint8_t *cert, const struct reg_record *r)
{
    g_autofree char *cid = g_strdup_printf("\"c-%u\"", n), *body = g_strdup_printf("{\"n\":%u}", n);
    struct cmd_record c = {.node = (char *)"mef1",
                           .cid = cid,
                           .body = body,
                           .state = CMD_REPORTED,
                           .class_id = CMD_CERT_PROV,
                           .csc = CMD_STATUS_OK,
                           .has_cert = cert != NULL};
    struct mef_error e = {0};

    if (cert)
        memcpy(c.cert_id, cert, KEY_ID_LEN);
    if (j->save_cmd(j->ctx, &c, r, &e) < 0)
        g_error("%s", e.text);
}

static int find(struct journal *j, const uint8_t *cert, const char *body)
{
    struct cmd_record c = {0};
    struct mef_error e = {0};
    int r = j->find_cert(j->ctx, "mef1", cert, &c, &e);

    if (r == 0)
        g_assert_cmpstr(c.body, ==, body);
    cmd_record_clear(&c);
    return r;
}

static void test_kept(void)
{
    static const struct db_piece *const piece = &journal_piece;
    static const uint8_t former[KEY_ID_LEN] = {1}, used[KEY_ID_LEN] = {2}, other[KEY_ID_LEN] = {3};
    g_autofree char *base = g_dir_make_tmp("journal-XXXXXX", NULL),
                    *state = g_build_filename(base, "s", NULL);
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", base);
    struct reg_record r = {.node = (char *)"mef1", .state = REG_REGISTERED, .has_cert = true};
    struct mef_error e = {0};
    struct post *post;
    struct db *db = NULL;

    g_assert_cmpint(post_new(&post), ==, 0);
    if (db_open(state, piece, 1, post, &db, &e) < 0)
        g_error("%s", e.text);
    struct journal j = journal_port(db);
    memcpy(r.cert_id, used, KEY_ID_LEN);
    add(&j, 1, former, NULL);
    add(&j, 2, used, &r);
    g_assert_cmpint(find(&j, former, "{\"n\":1}"), ==, 0);
    g_assert_cmpint(find(&j, other, NULL), ==, -ENOENT);
    for (unsigned i = 3; i < 6 * LIMIT_COMMANDS_KEPT; i++)
        add(&j, i, NULL, NULL);
    g_assert_cmpint(find(&j, former, NULL), ==, -ENOENT);
    g_assert_cmpint(find(&j, used, "{\"n\":2}"), ==, 0);
    struct cmd_record c = {0};
    g_assert_cmpint(j.find_cmd(j.ctx, "mef1", "\"c-3\"", &c, &e), ==, -ENOENT);
    /* Not any longer than that: another one takes its place. */
    memcpy(r.cert_id, other, KEY_ID_LEN);
    add(&j, 1000, other, &r);
    for (unsigned i = 1001; i < 1032; i++)
        add(&j, i, NULL, NULL);
    g_assert_cmpint(find(&j, used, NULL), ==, -ENOENT);
    g_assert_cmpint(find(&j, other, "{\"n\":1000}"), ==, 0);
    db_close(db);
    post_run(post);
    post_free(post);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/journal/EE-02/certificate-in-use", test_kept);
    return g_test_run();
}
