/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON form of mo-tree.md section 6: the example goes in, comes out, goes in again; garbage stays out.
 * And the store: what was committed is there after a restart, also when the process is killed. */
#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "tests/unit/mo-env.h"

static void setup(struct env *e, gconstpointer data)
{
    env_start(e);
}

static void teardown(struct env *e, gconstpointer data)
{
    env_end(e);
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (!json)
        g_error("%s", error.text);
    return json;
}

static void same_json(const char *a, const char *b)
{
    json_t *x = parse(a), *y = parse(b);

    if (!json_equal(x, y))
        g_error("%s\n---\n%s", a, b);
    json_decref(x);
    json_decref(y);
}

static void test_example(struct env *e, gconstpointer data)
{
    g_autofree char *text = env_fixture("mo-example.json");
    struct env second;

    env_import(e, text);
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 14);
    g_assert_cmpuint(mo_tree_generation(e->tree), ==, 7);
    g_autofree char *out = env_export(e);
    same_json(text, out);
    /* once more: nothing changes */
    env_import(e, out);
    g_autofree char *again = env_export(e);
    g_assert_cmpstr(out, ==, again);
    /* into another tree */
    env_start(&second);
    env_import(&second, out);
    g_autofree char *other = env_export(&second);
    g_assert_cmpstr(out, ==, other);
    env_end(&second);
    /* after a restart, links, aliases and all */
    env_reopen(e);
    g_autofree char *later = env_export(e);
    g_assert_cmpstr(out, ==, later);
    g_assert_cmpint(mo_node_origin(mo_tree_resolve(e->tree, "/27020/0")), ==, MO_ORIGIN_MEF_DM);
}

/* What exists becomes what the text says; what the text does not name stays. */
static void test_merge(struct env *e, gconstpointer data)
{
    g_autofree char *text = env_fixture("mo-example.json");
    struct mo_tx *tx;
    struct outcome o;

    env_import(e, text);
    tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    static const char change[] = "{\"format\":1,\"nodes\":[{\"type\":\"MEFClientRegCfg\",\"name\":\"mef1\","
                                 "\"attrs\":{\"fqdn\":\"mef.example.com\","
                                 "\"adminFQDN\":\"admin.example.org\",\"httpPort\":8443}},"
                                 "{\"type\":\"trustAnchorCred\",\"name\":\"new\",\"attrs\":{\"URI\":\"https:/"
                                 "/a.example/x\",\"certFingerprint\":"
                                 "\"ni:///sha-256;qASb2_tpBvmFrld9_LvA28lgIYqvAGOAEIbOmwmJvIc\"}}]}";
    g_assert_cmpint(mo_tx_import(tx, change, strlen(change), NULL), ==, 0);
    g_assert_cmpint(env_commit(e, tx, &o), ==, 0);
    g_assert_cmpstr(o.story->str, ==, "~MEFClientRegCfg/mef1 +trustAnchorCred/new");
    g_assert_cmpuint(o.first.attrs, ==,
                     MO_BIT(MO_HTTP_PORT) | MO_BIT(MO_COAP_PORT) | MO_BIT(MO_LABELS) |
                         MO_BIT(MO_EXPIRATION_TIME));
    g_assert_false(o.first.links); /* no member "links": they stay */
    g_assert_cmpuint(o.generation, ==, 8);
    outcome_clear(&o);
    const struct mo_node *n = mo_tree_by_name(e->tree, MO_TRUST_ANCHOR_CRED, "new");
    g_assert_cmpint(mo_node_origin(n), ==, MO_ORIGIN_LOCAL);
    g_assert_cmpuint(mo_node_iid(n), ==, 2);
}

/* An origin in the text counts for a person at the machine only. */
static void test_origin(struct env *e, gconstpointer data)
{
    g_autofree char *text = env_fixture("mo-example.json");
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_DM, NULL);

    g_assert_cmpint(mo_tx_import(tx, text, strlen(text), NULL), ==, 0);
    g_assert_cmpint(env_commit(e, tx, NULL), ==, 0);
    for (size_t i = 0; i < mo_tree_count(e->tree); i++)
        g_assert_cmpint(mo_node_origin(mo_tree_nth(e->tree, i)), ==, MO_ORIGIN_DM);
    /* a MEF cannot bring in what 4.4 forbids (V26) */
    struct mef_error err = {0};
    tx = env_begin(e, MO_ORIGIN_MEF_DM, "mef1");
    static const char key[] =
        "{\"format\":1,\"nodes\":[{\"type\":\"authenticationProfile\",\"name\":\"x\",\"attrs\":{"
        "\"SUID\":22,\"symmKeyID\":\"a@b.example\"}}]}";
    g_assert_cmpint(mo_tx_import(tx, key, strlen(key), &err), ==, -EPERM);
    g_assert_nonnull(strstr(err.text, "symmKeyID"));
    mo_tx_rollback(tx);
}

static void test_unknown_kept(struct env *e, gconstpointer data)
{
    static const char text[] =
        "{\"format\":1,\"generation\":3,\"comment\":\"mine\",\"nodes\":[{\"type\":\"trustAnchorCred\","
        "\"name\":\"t\","
        "\"origin\":\"local\",\"lwm2m\":\"/27024/4\",\"x-note\":{\"a\":[1,2]},\"attrs\":{\"x-vendor\":true,"
        "\"URI\":\"https://a.example/x\",\"certFingerprint\":\"ni:///"
        "sha-256;qASb2_tpBvmFrld9_LvA28lgIYqvAGOAEIbOmwmJvIc\"},"
        "\"links\":[]}]}";
    const struct mo_input uri[] = {STR("URI", "https://b.example/x")};

    env_import(e, text);
    g_autofree char *out = env_export(e);
    same_json(text, out);
    env_reopen(e);
    g_autofree char *later = env_export(e);
    same_json(text, later);
    /* an ordinary write leaves them alone */
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    g_assert_cmpint(mo_tx_set(tx, mo_node_id(mo_tree_nth(e->tree, 0)), uri, 1, NULL, NULL), ==, 0);
    g_assert_cmpint(env_commit(e, tx, NULL), ==, 0);
    g_autofree char *changed = env_export(e);
    g_assert_nonnull(strstr(changed, "x-vendor"));
    g_assert_nonnull(strstr(changed, "x-note"));
    g_assert_nonnull(strstr(changed, "b.example"));
    env_reopen(e);
    g_autofree char *again = env_export(e);
    same_json(changed, again);
}

#define NODE(members)   "{\"format\":1,\"nodes\":[{" members "}]}"
#define MEF_ATTRS       "\"fqdn\":\"a.example\",\"adminFQDN\":\"b.example\""
#define MEF_NODE(attrs) NODE("\"type\":\"MEFClientRegCfg\",\"name\":\"m\",\"attrs\":{" attrs "}")

static const struct {
    const char *text;
    int r;
    const char *part; /* of the sentence */
} garbage[] = {
    {"", -EINVAL, "not JSON"},
    {"nonsense", -EINVAL, "not JSON"},
    {"[]", -EINVAL, "object"},
    {"{\"format\":1", -EINVAL, "not JSON"},
    {"{\"format\":1,\"nodes\":[]} trailing", -EINVAL, "not JSON"},
    {"{\"format\":1,\"format\":1,\"nodes\":[]}", -EINVAL, "duplicate"},
    {"{\"nodes\":[]}", -EINVAL, "'format'"},
    {"{\"format\":2,\"nodes\":[]}", -EOPNOTSUPP, "format 2"},
    {"{\"format\":\"1\",\"nodes\":[]}", -EINVAL, "'format'"},
    {"{\"format\":1}", -EINVAL, "'nodes'"},
    {"{\"format\":1,\"nodes\":{}}", -EINVAL, "'nodes'"},
    {"{\"format\":1,\"generation\":-1,\"nodes\":[]}", -EINVAL, "'generation'"},
    {"{\"format\":1,\"generation\":9223372036854775807,\"nodes\":[]}", -EINVAL, "'generation'"},
    {"{\"format\":1,\"nodes\":[1]}", -EINVAL, "node 0"},
    {NODE("\"name\":\"x\""), -EINVAL, "'type'"},
    {NODE("\"type\":\"MEFClientRegCfg\",\"attrs\":{" MEF_ATTRS "}"), -EINVAL, "'name'"},
    {NODE("\"type\":\"nothing\",\"name\":\"x\""), -EINVAL, "'nothing'"},
    {NODE("\"type\":\"wifiClient\",\"name\":\"x\""), -EOPNOTSUPP, "'wifiClient'"},
    {NODE("\"type\":\"MEFClientRegCfg\",\"name\":\"a b\",\"attrs\":{" MEF_ATTRS "}"), -EINVAL, "'a b'"},
    {NODE("\"type\":\"MEFClientRegCfg\",\"name\":7,\"attrs\":{" MEF_ATTRS "}"), -EINVAL, "'name'"},
    {NODE("\"type\":\"MEFClientRegCfg\",\"name\":\"m\",\"origin\":\"mars\",\"attrs\":{" MEF_ATTRS "}"),
     -EINVAL, "'mars'"},
    {NODE("\"type\":\"MEFClientRegCfg\",\"name\":\"m\",\"lwm2m\":\"/27022/1\",\"attrs\":{" MEF_ATTRS "}"),
     -EINVAL, "'lwm2m'"},
    {NODE("\"type\":\"MEFClientRegCfg\",\"name\":\"m\",\"lwm2m\":\"27026/1\",\"attrs\":{" MEF_ATTRS "}"),
     -EINVAL, "'lwm2m'"},
    {NODE("\"type\":\"MEFClientRegCfg\",\"name\":\"m\",\"attrs\":[]"), -EINVAL, "'attrs'"},
    {NODE("\"type\":\"MEFClientRegCfg\",\"name\":\"m\",\"links\":{},\"attrs\":{" MEF_ATTRS "}"), -EINVAL,
     "'links'"},
    {NODE("\"type\":\"MEFClientRegCfg\",\"name\":\"m\",\"links\":[1],\"attrs\":{" MEF_ATTRS "}"), -EINVAL,
     "'links'"},
    {NODE("\"type\":\"MEFClientRegCfg\",\"name\":\"m\""), -EINVAL, "'fqdn' is missing"},
    {MEF_NODE("\"fqdn\":\"a.example\""), -EINVAL, "'adminFQDN' is missing"},
    {MEF_NODE(MEF_ATTRS ",\"fqdn\":\"c.example\""), -EINVAL, "duplicate"},
    {MEF_NODE(MEF_ATTRS ",\"httpPort\":\"443\""), -EINVAL, "'httpPort'"},
    {MEF_NODE(MEF_ATTRS ",\"httpPort\":443.5"), -EINVAL, "'httpPort'"},
    {MEF_NODE(MEF_ATTRS ",\"httpPort\":-1"), -EINVAL, "'httpPort'"},
    {MEF_NODE(MEF_ATTRS ",\"httpPort\":null"), -EINVAL, "'httpPort'"},
    {MEF_NODE(MEF_ATTRS ",\"httpPort\":99999999999999999999"), -EINVAL, "not JSON"},
    {MEF_NODE(MEF_ATTRS ",\"labels\":\"a\""), -EINVAL, "'labels'"},
    {MEF_NODE(MEF_ATTRS ",\"labels\":[\"a\",1]"), -EINVAL, "'labels'"},
    {MEF_NODE(MEF_ATTRS ",\"description\":\"a\\u0000b\""), -EINVAL, "not JSON"},
    {MEF_NODE(MEF_ATTRS ",\"description\":\"a\\u0007b\""), -EINVAL, "'description'"},
    {MEF_NODE(MEF_ATTRS ",\"mgmtLink\":[]"), -EINVAL, "'links'"},
    {MEF_NODE(MEF_ATTRS ",\"description\":\"\xff\""), -EINVAL, "UTF-8"},
    {MEF_NODE(MEF_ATTRS ",\"symmKeyValue\":\"AAAA\""), -EOPNOTSUPP, "'symmKeyValue'"},
    {NODE("\"type\":\"authenticationProfile\",\"name\":\"p\",\"attrs\":{\"SUID\":11,\"symmKeyValue\":{"
          "\"pkcs11\":\"pkcs11:x\"}}"),
     -EOPNOTSUPP, "'symmKeyValue'"},
    {NODE("\"type\":\"authenticationProfile\",\"name\":\"p\",\"attrs\":{\"SUID\":11,\"SymmetricKeyValue\":"
          "\"AAAA\"}"),
     -EOPNOTSUPP, "'symmKeyValue'"},
    {NODE("\"type\":\"authenticationProfile\",\"name\":\"p\",\"attr\":{\"SymmetricKeyValue\":\"AAAA\"}"),
     -EINVAL, "'SymmetricKeyValue'"},
    {MEF_NODE(MEF_ATTRS ",\"vendor\":[{\"symmKeyValue\":\"AAAA\"}]"), -EINVAL, "'symmKeyValue'"},
    {"{\"format\":1,\"nodes\":[],\"keys\":{\"symmKeyValue\":\"AAAA\"}}", -EINVAL, "'symmKeyValue'"},
    {"{\"format\":1,\"nodes\":[{\"type\":\"MEFClientRegCfg\",\"name\":\"m\",\"lwm2m\":\"/27026/"
     "0\",\"attrs\":{" MEF_ATTRS "}},"
     "{\"type\":\"MEFClientRegCfg\",\"name\":\"n\",\"lwm2m\":\"/27026/0\",\"attrs\":{" MEF_ATTRS "}}]}",
     -EEXIST, "/27026/0"},
};

static void import_fails(struct env *e, const char *text, size_t len, int r, const char *part)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    struct mef_error err = {0};
    int got;

    (void)env_add_mef(tx, "before", NULL);
    got = mo_tx_import(tx, text, len, &err);
    if (got != r || !strstr(err.text, part))
        g_error("%.200s: %d, %s", text, got, err.text);
    /* the transaction holds what it held */
    g_assert_null(mo_tx_by_name(tx, MO_MEF_CLIENT_REG_CFG, "m"));
    g_assert_nonnull(mo_tx_by_name(tx, MO_MEF_CLIENT_REG_CFG, "before"));
    g_assert_cmpint(mo_tx_check(tx, NULL), ==, 0);
    mo_tx_rollback(tx);
}

static void test_garbage(struct env *e, gconstpointer data)
{
    for (size_t i = 0; i < G_N_ELEMENTS(garbage); i++)
        import_fails(e, garbage[i].text, strlen(garbage[i].text), garbage[i].r, garbage[i].part);
    /* a good node before the bad one does not stay either */
    static const char half[] =
        "{\"format\":1,\"nodes\":[{\"type\":\"MEFClientRegCfg\",\"name\":\"m\",\"attrs\":{" MEF_ATTRS "}},"
        "{\"type\":\"trustAnchorCred\",\"name\":\"t\",\"attrs\":{}}]}";
    import_fails(e, half, strlen(half), -EINVAL, "node 1 ('t')");
    /* NUL octets */
    static const char nul[] = "{\"format\":1,\0\"nodes\":[]}";
    import_fails(e, nul, sizeof nul - 1, -EINVAL, "UTF-8");
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 0);
}

static void test_sizes(struct env *e, gconstpointer data)
{
    GString *deep = g_string_new("{\"format\":1,\"nodes\":[],\"x\":");
    GString *big = g_string_new("{\"format\":1,\"nodes\":[]");
    GString *many = g_string_new("{\"format\":1,\"nodes\":[");

    for (int i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    import_fails(e, deep->str, deep->len, -EINVAL, "nested");
    while (big->len <= LIMIT_IMPORT)
        g_string_append(big, "                                                                ");
    g_string_append(big, "}");
    import_fails(e, big->str, big->len, -E2BIG, "larger");
    for (int i = 0; i < 1025; i++)
        g_string_append_printf(
            many, "%s{\"type\":\"authenticationProfile\",\"name\":\"p%d\",\"attrs\":{\"SUID\":40}}",
            i ? "," : "", i);
    g_string_append(many, "]}");
    import_fails(e, many->str, many->len, -E2BIG, "1025");
    /* 1024 are fine in one transaction, however many operations that is */
    g_string_assign(many, "{\"format\":1,\"nodes\":[");
    for (int i = 0; i < 1024; i++)
        g_string_append_printf(
            many, "%s{\"type\":\"authenticationProfile\",\"name\":\"p%d\",\"attrs\":{\"SUID\":40}}",
            i ? "," : "", i);
    g_string_append(many, "]}");
    env_import(e, many->str);
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 1024);
    g_string_free(deep, TRUE);
    g_string_free(big, TRUE);
    g_string_free(many, TRUE);
}

/* A certificate file is kept but shown to nobody; an export of it can be imported where it is already. */
static void test_write_only(struct env *e, gconstpointer data)
{
    static const char text[] =
        NODE("\"type\":\"myCertFileCred\",\"name\":\"f\",\"attrs\":{\"SUIDs\":[42],\"mcff\":"
             "\"application/pkix-cert\",\"myCertFileContent\":\"MAcwADAAAwEA\"}");

    env_import(e, text);
    g_autofree char *out = env_export(e);
    g_assert_null(strstr(out, "MAcwADAAAwEA"));
    g_assert_null(strstr(out, "myCertFileContent"));
    const struct mo_node *n = mo_tree_nth(e->tree, 0);
    g_assert_null(mo_node_get(n, MO_MY_CERT_FILE_CONTENT));
    g_assert_true(mo_node_has(n, MO_MY_CERT_FILE_CONTENT));
    env_import(e, out);
    env_reopen(e);
    g_assert_cmpstr(mo_node_cert_file(mo_tree_nth(e->tree, 0)), ==, "MAcwADAAAwEA");
}

/* ---- what the store makes of damage
 * ------------------------------------------------------------------------------- */

static void raw(struct env *e, const char *statement)
{
    g_autofree char *file = g_build_filename(e->dir, "state.db", NULL);
    sqlite3 *sql;

    g_assert_cmpint(sqlite3_open(file, &sql), ==, SQLITE_OK);
    if (sqlite3_exec(sql, statement, NULL, NULL, NULL) != SQLITE_OK)
        g_error("%s: %s", statement, sqlite3_errmsg(sql));
    sqlite3_close(sql);
}

static void test_broken_rows(struct env *e, gconstpointer data)
{
    static const struct {
        const char *harm, *part;
    } cases[] = {
        {"UPDATE mo_node SET attrs='{' WHERE name='mef1'", "mef1"},
        {"UPDATE mo_node SET attrs='{\"fqdn\":\"mef.example.com\"}' WHERE name='mef1'", "adminFQDN"},
        {"UPDATE mo_node SET attrs=json_set(attrs,'$.SUID',20) WHERE name='ap-reg-22'", "SUID"},
        {"UPDATE mo_node SET attrs=json_set(attrs,'$.color','red') WHERE name='ap-reg-22'", "color"},
        {"UPDATE mo_node SET type='wifiClient' WHERE name='ta-mef'", "wifiClient"},
        {"UPDATE mo_node SET origin='mars' WHERE name='ta-mef'", "mars"},
        {"UPDATE mo_node SET name='a/b' WHERE name='ta-mef'", "a/b"},
        {"UPDATE mo_node SET state=77 WHERE name='ta-mef'", "ta-mef"},
        {"UPDATE mo_node SET links='[4711]' WHERE name='ap-reg-22'", "ap-reg-22"},
        {"UPDATE mo_node SET links='{}' WHERE name='ap-reg-22'", "ap-reg-22"},
        {"DELETE FROM mo_node WHERE name='ta-mef'", "ap-mef-40"},
        {"UPDATE mo_meta SET value='x' WHERE key='generation'", "generation"},
    };
    g_autofree char *text = env_fixture("mo-example.json"),
                    *file = g_build_filename(e->dir, "state.db", NULL);
    g_autofree char *good = NULL;
    gsize n;

    env_import(e, text);
    env_close(e);
    g_assert_true(g_file_get_contents(file, &good, &n, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct mef_error err = {0};
        raw(e, cases[i].harm);
        g_assert_cmpint(post_new(&e->loop), ==, 0);
        g_assert_cmpint(env_try_open(e, &err), ==, -EIO);
        if (!strstr(err.text, cases[i].part) || !strstr(err.text, file))
            g_error("%s: %s", cases[i].harm, err.text);
        g_assert_null(e->tree);
        env_close(e);
        g_assert_true(g_file_set_contents(file, good, (gssize)n, NULL));
    }
    env_reopen(e);
    g_assert_cmpuint(mo_tree_count(e->tree), ==, 14);
}

/* ---- killed in the middle
 * ------------------------------------------------------------------------------------------- */

/* Commits for ever: both nodes get the same number, then the number is told. */
static void committer(const char *dir, int out)
{
    struct env e = {.dir = g_strdup(dir)};

    env_reopen(&e);
    uint32_t n = mo_node_uint(mo_tree_by_name(e.tree, MO_MEF_CLIENT_REG_CFG, "a"), MO_HTTP_PORT, 0);
    for (;;) {
        struct mo_tx *tx = env_begin(&e, MO_ORIGIN_LOCAL, NULL);
        n = n % 65535 + 1;
        const struct mo_input port[] = {NUM("httpPort", n)};
        g_assert_cmpint(mo_tx_set(tx, mo_node_id(mo_tree_by_name(e.tree, MO_MEF_CLIENT_REG_CFG, "a")), port,
                                  1, NULL, NULL),
                        ==, 0);
        g_assert_cmpint(mo_tx_set(tx, mo_node_id(mo_tree_by_name(e.tree, MO_MEF_CLIENT_REG_CFG, "b")), port,
                                  1, NULL, NULL),
                        ==, 0);
        g_assert_cmpint(env_commit(&e, tx, NULL), ==, 0);
        g_assert_cmpint(write(out, &n, sizeof n), ==, sizeof n);
    }
}

static void test_killed(struct env *e, gconstpointer data)
{
    struct mo_tx *tx = env_begin(e, MO_ORIGIN_LOCAL, NULL);
    uint32_t told = 0;

    (void)env_add_mef(tx, "a", NULL);
    (void)env_add_mef(tx, "b", NULL);
    g_assert_cmpint(env_commit(e, tx, NULL), ==, 0);
    for (int round = 0; round < 12; round++) {
        int fds[2];
        env_close(e);
        g_assert_cmpint(pipe(fds), ==, 0);
        pid_t pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
            close(fds[0]);
            committer(e->dir, fds[1]);
            _exit(1);
        }
        close(fds[1]);
        for (int i = 0; i <= round; i++)
            g_assert_cmpint(read(fds[0], &told, sizeof told), ==, sizeof told);
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
        /* it may have told more before it died */
        while (read(fds[0], &told, sizeof told) == sizeof told)
            ;
        close(fds[0]);
        env_reopen(e);
        uint32_t a = mo_node_uint(mo_tree_by_name(e->tree, MO_MEF_CLIENT_REG_CFG, "a"), MO_HTTP_PORT, 0);
        uint32_t b = mo_node_uint(mo_tree_by_name(e->tree, MO_MEF_CLIENT_REG_CFG, "b"), MO_HTTP_PORT, 0);
        g_assert_cmpuint(a, ==, b);
        g_assert_true(a == told || a == told + 1);
    }
}

#define ADD(path, fn) g_test_add(path, struct env, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/mo/import/example", test_example);
    ADD("/mo/import/merge", test_merge);
    ADD("/mo/import/origin", test_origin);
    ADD("/mo/import/unknown-kept", test_unknown_kept);
    ADD("/mo/import/garbage", test_garbage);
    ADD("/mo/import/sizes", test_sizes);
    ADD("/mo/import/write-only", test_write_only);
    ADD("/mo/store/broken-rows", test_broken_rows);
    ADD("/mo/store/killed", test_killed);
    return g_test_run();
}
