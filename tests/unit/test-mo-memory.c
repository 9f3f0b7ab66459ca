/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that runs out at the n-th allocation, for each n: import, change, difference and export fail with an
 * error or succeed, lose nothing, leave the tree as it was, and work when there is memory again. Not for
 * sanitizer builds, which bring an allocator of their own. */
#include <errno.h>
#include <glib.h>
#include <malloc.h>
#include <stdlib.h>

#include "tests/fuzz/mo-tree.h"

/* Visible, or the C library's own calls (strdup, asprintf) would not come here. */
#define SEEN __attribute__((visibility("default")))

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void __libc_free(void *p);

static volatile long left = -1; /* allocations until the one that fails; -1 = never */
static volatile long live;      /* allocations made and not freed while counting */
static volatile bool counting, failed;

static bool refuse(void)
{
    if (!counting || left < 0)
        return false;
    if (left-- > 0)
        return false;
    left = -1;
    failed = true;
    errno = ENOMEM;
    return true;
}

SEEN void *malloc(size_t size)
{
    void *p = refuse() ? NULL : __libc_malloc(size);

    live += counting && p;
    return p;
}

SEEN void *calloc(size_t n, size_t size)
{
    void *p = refuse() ? NULL : __libc_calloc(n, size);

    live += counting && p;
    return p;
}

SEEN void *realloc(void *old, size_t size)
{
    void *p = refuse() ? NULL : __libc_realloc(old, size);

    live += counting && p && !old;
    return p;
}

SEEN void free(void *p)
{
    live -= counting && p;
    __libc_free(p);
}

/* The lexer of jansson 2.14 does not look at its own allocations: it always gets memory. */
static void *for_jansson(size_t size)
{
    void *p = __libc_malloc(size);

    live += counting && p;
    return p;
}

static const char text[] =
    "{\"format\":1,\"x\":1,\"nodes\":[{\"type\":\"registration\",\"name\":\"r\",\"y\":2,\"attrs\":{"
    "\"originatorID\":\"/c\",\"z\":3,"
    "\"pointOfAccess\":[\"https://a.example\",\"ws://b\"]},\"links\":[\"./DCFG/authenticationProfile/p\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"p\",\"attrs\":{\"SUID\":22,\"keyRegDuration\":\"P1D\","
    "\"TLSCiphersuites\":"
    "[\"00AE\"],\"expirationTime\":\"20391231T235959\"},\"links\":[\"/27026/"
    "0\"]},{\"type\":\"MEFClientRegCfg\",\"name\":\"m\","
    "\"attrs\":{\"fqdn\":\"a.example\",\"adminFQDN\":\"b.example\"}},{\"type\":\"myCertFileCred\",\"name\":"
    "\"f\",\"attrs\":{"
    "\"SUIDs\":[42],\"myCertFileFormat\":\"application/"
    "pkix-cert\",\"myCertFileContent\":\"MAcwADAAAwEA\"}}]}";

/* One round of everything on a copy of nothing; 0 or the first error. */
static int round_trip(void)
{
    struct mo_tree tree = {.next_id = 1};
    struct mo_tx *tx = NULL;
    struct mo_diff *diff = NULL;
    struct mo_rows *rows = NULL;
    struct mo_set after = {0};
    struct mef_error err = {0};
    char *out = NULL;
    static const uint64_t id = 2;
    static const char target[] = "./DCFG/trustAnchorCred/t";
    const struct mo_input port = {.name = "httpPort", .kind = MO_INPUT_UINT, .uint = 1};
    const struct mo_input anchor[] = {
        {.name = "URI", .kind = MO_INPUT_STRING, .string = "https://a.example/x"},
        {.name = "certFingerprint",
         .kind = MO_INPUT_STRING,
         .string = "ni:///sha-256;qASb2_tpBvmFrld9_LvA28lgIYqvAGOAEIbOmwmJvIc"},
    };
    const struct mo_new t = MO_NEW(MO_TRUST_ANCHOR_CRED, "t", anchor, 2);
    int r = mo_tx_begin(&tree, MO_ORIGIN_LOCAL, NULL, &tx, &err);

    if (r == 0)
        r = mo_tx_import(tx, text, sizeof text - 1, &err);
    if (r < 0 && tx)
        FUZZ_CHECK(tx->staged.n == 0 && tx->n_steps == 0);
    if (r == 0)
        r = mo_tx_link(tx, id, target, &err);
    if (r == 0)
        r = mo_tx_add(tx, &t, NULL, &err);
    if (r == 0)
        r = mo_tx_set(tx, 3, &port, 1, NULL, &err);
    if (r == 0)
        r = mo_tx_unlink(tx, 1, "/27022/0", &err);
    if (r == 0)
        r = mo_tx_delete(tx, 4, &err);
    if (r == 0)
        r = mo_tx_finish(tx, &after, &err);
    if (r == 0 && (r = mo_diff_make(tx, &tree.now, &after, &diff)) == 0)
        r = mo_rows_new(&tree, diff, &after, tx->extra, &rows);
    if (r == 0) {
        mo_set_clear(&tree.now);
        tree.now = after;
        after = (struct mo_set){0};
        r = mo_tree_export(&tree, &out, &err);
    }
    if (r == 0) {
        char **paths = mo_node_object_paths(&tree, mo_set_nth(&tree.now, 1));
        r = paths ? 0 : -ENOMEM;
        strv_free(paths);
    }
    free(out);
    mo_rows_free(rows);
    mo_diff_free(diff);
    mo_set_clear(&after);
    mo_tx_rollback(tx);
    fuzz_tree_clear(&tree);
    return r;
}

static void test_memory(void)
{
    long rounds = 0;

    json_set_alloc_funcs(for_jansson, free);
    g_assert_cmpint(round_trip(), ==, 0); /* and whatever libraries allocate once */
    for (long n = 0;; n++, rounds++) {
        live = 0;
        failed = false;
        left = n;
        counting = true;
        int r = round_trip();
        counting = false;
        left = -1;
        if (live != 0)
            g_error("allocation %ld: %ld blocks lost, result %d", n, live, r);
        if (!failed) {
            g_assert_cmpint(r, ==, 0);
            break;
        }
        if (r == 0) /* vsnprintf and the like may do without */
            g_test_message("allocation %ld was not needed", n);
    }
    g_assert_cmpint(rounds, >, 100);
    g_assert_cmpint(round_trip(), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mo/memory", test_memory);
    return g_test_run();
}
