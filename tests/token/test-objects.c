/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pkcs11: key pairs, certificates, symmetric keys, the index over them; on SoftHSM. What another program does
 * in the token is done here through a session of its own. */
#include <glib/gstdio.h>
#include <p11-kit/p11-kit.h>

#include "pkcs11/index.h"
#include "tests/token/token-test.h"

#define ID                                                                                                   \
    ((const uint8_t *)"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14")
#define FOREIGN 3000

/* ---- another program ---- */

struct other {
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE s;
};

static void other_open(struct other *o, const char *module)
{
    CK_SLOT_ID slots[8];
    CK_ULONG n = 8;

    o->f = p11_kit_module_load(module, 0);
    g_assert_nonnull(o->f);
    g_assert_cmpuint(p11_kit_module_initialize(o->f), ==, CKR_OK);
    g_assert_cmpuint(o->f->C_GetSlotList(CK_TRUE, slots, &n), ==, CKR_OK);
    for (CK_ULONG i = 0; i < n; i++) {
        CK_TOKEN_INFO info;
        g_assert_cmpuint(o->f->C_GetTokenInfo(slots[i], &info), ==, CKR_OK);
        if (memcmp(info.label, "mef ", 4) == 0)
            g_assert_cmpuint(
                o->f->C_OpenSession(slots[i], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &o->s), ==,
                CKR_OK);
    }
    CK_RV rv = o->f->C_Login(o->s, CKU_USER, (CK_BYTE *)TOKEN_FIXTURE_PIN, strlen(TOKEN_FIXTURE_PIN));
    g_assert_true(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
}

static void other_close(struct other *o)
{
    o->f->C_CloseSession(o->s);
    p11_kit_module_finalize(o->f);
    p11_kit_module_release(o->f);
}

static CK_OBJECT_HANDLE other_find(struct other *o, CK_OBJECT_CLASS class, const void *id, size_t id_len)
{
    CK_ATTRIBUTE a[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, (void *)id, id_len}};
    CK_OBJECT_HANDLE h = 0;
    CK_ULONG n = 0;

    g_assert_cmpuint(o->f->C_FindObjectsInit(o->s, a, 2), ==, CKR_OK);
    g_assert_cmpuint(o->f->C_FindObjects(o->s, &h, 1, &n), ==, CKR_OK);
    g_assert_cmpuint(o->f->C_FindObjectsFinal(o->s), ==, CKR_OK);
    return n ? h : 0;
}

static CK_OBJECT_HANDLE other_secret(struct other *o, const char *label, const char *octets, bool extractable,
                                     bool private)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE, ext = extractable, sens = !extractable, priv = private;
    CK_ATTRIBUTE a[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &yes, 1},
        {CKA_PRIVATE, &priv, 1},
        {CKA_EXTRACTABLE, &ext, 1},
        {CKA_SENSITIVE, &sens, 1},
        {CKA_LABEL, (void *)label, strlen(label)},
        {CKA_VALUE, (void *)octets, strlen(octets)},
    };
    CK_OBJECT_HANDLE h = 0;

    g_assert_cmpuint(o->f->C_CreateObject(o->s, a, G_N_ELEMENTS(a), &h), ==, CKR_OK);
    return h;
}

/* ---- keys ---- */

static void count_one(struct token *t, unsigned mask, unsigned want);

static void test_generate(void)
{
    struct env e;
    struct other o;
    uint8_t xy[64], again[64], rs[64], digest[32] = {7};
    CK_BBOOL b[4] = {9, 9, 9, 9};
    uint8_t value[64];

    env_setup(&e, false);
    env_open(&e);
    assert_fails(token_find_key(e.t, ID, 20, err), MEF_ERROR_NOT_FOUND,
                 "0102030405060708090a0b0c0d0e0f1011121314");
    assert_ok(token_generate_p256(e.t, ID, 20, "//mef.example/cse", err));
    assert_ok(token_find_key(e.t, ID, 20, err));
    assert_ok(token_public_key(e.t, ID, 20, xy, err));
    /* The key is where it belongs and cannot leave. */
    other_open(&o, e.f.module);
    CK_OBJECT_HANDLE h = other_find(&o, CKO_PRIVATE_KEY, ID, 20);
    g_assert_cmpuint(h, !=, 0);
    CK_ATTRIBUTE flags[] = {{CKA_TOKEN, &b[0], 1},
                            {CKA_PRIVATE, &b[1], 1},
                            {CKA_SENSITIVE, &b[2], 1},
                            {CKA_EXTRACTABLE, &b[3], 1}};
    g_assert_cmpuint(o.f->C_GetAttributeValue(o.s, h, flags, 4), ==, CKR_OK);
    g_assert_true(b[0] && b[1] && b[2] && !b[3]);
    CK_ATTRIBUTE a = {CKA_VALUE, value, sizeof value};
    g_assert_cmpuint(o.f->C_GetAttributeValue(o.s, h, &a, 1), ==, CKR_ATTRIBUTE_SENSITIVE);
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE loosen = {CKA_EXTRACTABLE, &yes, 1};
    g_assert_cmpuint(o.f->C_SetAttributeValue(o.s, h, &loosen, 1), !=, CKR_OK);
    char label[64] = "";
    CK_ATTRIBUTE l = {CKA_LABEL, label, sizeof label - 1};
    g_assert_cmpuint(o.f->C_GetAttributeValue(o.s, h, &l, 1), ==, CKR_OK);
    g_assert_cmpstr(label, ==, "//mef.example/cse");
    /* Once more: the same key. */
    assert_ok(token_generate_p256(e.t, ID, 20, "//mef.example/cse", err));
    assert_ok(token_public_key(e.t, ID, 20, again, err));
    g_assert_cmpmem(xy, 64, again, 64);
    count_one(e.t, TOKEN_PAIR, 2);
    assert_ok(token_sign_p256(e.t, ID, 20, digest, sizeof digest, rs, err));
    assert_fails(token_sign_p256(e.t, ID, 20, digest, 0, rs, err), MEF_ERROR_INVALID_ARGUMENTS, "digest");
    assert_fails(token_generate_p256(e.t, ID, 65, "x", err), MEF_ERROR_INVALID_ARGUMENTS, "CKA_ID");
    assert_fails(token_generate_p256(e.t, ID, 20, "", err), MEF_ERROR_INVALID_ARGUMENTS, "CKA_LABEL");
    other_close(&o);
    env_teardown(&e);
}

/* A crash between the halves: with a certificate the pair is finished, without one it is made anew. */
static void test_half_pair(void)
{
    struct env e;
    struct other o;
    uint8_t xy[64], again[64];
    EVP_PKEY *key = NULL, *ca = EVP_EC_gen("P-256");

    env_setup(&e, false);
    env_open(&e);
    other_open(&o, e.f.module);
    assert_ok(token_generate_p256(e.t, ID, 20, "key", err));
    assert_ok(token_public_key(e.t, ID, 20, xy, err));
    assert_ok(token_public_to_evp(e.t, ID, 20, &key, err));
    X509 *x = make_cert("device", key, "ca", ca, 1);
    struct der der = cert_der(x);
    assert_ok(token_put_cert(e.t, ID, 20, "key", &der, false, err));
    g_assert_cmpuint(o.f->C_DestroyObject(o.s, other_find(&o, CKO_PUBLIC_KEY, ID, 20)), ==, CKR_OK);
    assert_fails(token_find_key(e.t, ID, 20, err), MEF_ERROR_NOT_FOUND, "no public key");
    assert_ok(token_generate_p256(e.t, ID, 20, "key", err));
    assert_ok(token_public_key(e.t, ID, 20, again, err));
    g_assert_cmpmem(xy, 64, again, 64);
    /* Without a certificate: the private half alone is of no use to anybody. */
    assert_ok(token_delete_id(e.t, TOKEN_CERTIFICATE, ID, 20, NULL, err));
    g_assert_cmpuint(o.f->C_DestroyObject(o.s, other_find(&o, CKO_PUBLIC_KEY, ID, 20)), ==, CKR_OK);
    assert_ok(token_generate_p256(e.t, ID, 20, "key", err));
    assert_ok(token_public_key(e.t, ID, 20, again, err));
    g_assert_cmpint(memcmp(xy, again, 64), !=, 0);
    count_one(e.t, TOKEN_PAIR, 2);
    /* The public half alone. */
    memcpy(xy, again, 64);
    g_assert_cmpuint(o.f->C_DestroyObject(o.s, other_find(&o, CKO_PRIVATE_KEY, ID, 20)), ==, CKR_OK);
    assert_ok(token_generate_p256(e.t, ID, 20, "key", err));
    assert_ok(token_public_key(e.t, ID, 20, again, err));
    g_assert_cmpint(memcmp(xy, again, 64), !=, 0);
    count_one(e.t, TOKEN_PAIR, 2);
    /* Halves of two different pairs under one id: what is there cannot be used, so it is made anew. */
    uint8_t other_id[20] = {0x77};
    assert_ok(token_generate_p256(e.t, other_id, 20, "key", err));
    g_assert_cmpuint(o.f->C_DestroyObject(o.s, other_find(&o, CKO_PUBLIC_KEY, ID, 20)), ==, CKR_OK);
    CK_ATTRIBUTE rename = {CKA_ID, (void *)ID, 20};
    g_assert_cmpuint(o.f->C_SetAttributeValue(o.s, other_find(&o, CKO_PUBLIC_KEY, other_id, 20), &rename, 1),
                     ==, CKR_OK);
    assert_ok(token_generate_p256(e.t, ID, 20, "key", err));
    EVP_PKEY *made = NULL;
    assert_ok(token_key_to_evp(e.t, ID, 20, &made, err));
    EVP_PKEY_free(made);
    free(der.data);
    X509_free(x);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca);
    other_close(&o);
    env_teardown(&e);
}

/* A factory token may hold private key and certificate only: the certificate has the public half (mo-tree.md
 * 3.7 D asks for no more). One that belongs to another key does not count. */
static void test_key_with_certificate(void)
{
    struct env e;
    struct other o;
    uint8_t xy[64], again[64], digest[32] = {7};
    EVP_PKEY *key = NULL, *used = NULL, *ca = EVP_EC_gen("P-256");

    env_setup(&e, false);
    env_open(&e);
    other_open(&o, e.f.module);
    assert_ok(token_generate_p256(e.t, ID, 20, "key", err));
    assert_ok(token_public_key(e.t, ID, 20, xy, err));
    assert_ok(token_public_to_evp(e.t, ID, 20, &key, err));
    X509 *right = make_cert("device", key, "ca", ca, 1), *wrong = make_cert("other", ca, "ca", ca, 2);
    struct der der = cert_der(right), other_der = cert_der(wrong);
    g_assert_cmpuint(o.f->C_DestroyObject(o.s, other_find(&o, CKO_PUBLIC_KEY, ID, 20)), ==, CKR_OK);
    assert_fails(token_public_key(e.t, ID, 20, again, err), MEF_ERROR_NOT_FOUND, "no public key");
    assert_ok(token_put_cert(e.t, ID, 20, "key", &der, false, err));
    assert_ok(token_public_key(e.t, ID, 20, again, err));
    g_assert_cmpmem(xy, 64, again, 64);
    assert_ok(token_key_to_evp(e.t, ID, 20, &used, err));
    g_assert_cmpint(EVP_PKEY_eq(used, key), ==, 1);
    assert_ok(token_sign_p256(e.t, ID, 20, digest, sizeof digest, again, err));
    count_one(e.t, TOKEN_PUBLIC_KEY, 0); /* the token is as it was */
    assert_ok(token_put_cert(e.t, ID, 20, "key", &other_der, false, err));
    assert_fails(token_public_key(e.t, ID, 20, again, err), MEF_ERROR_NOT_FOUND, "no public key");
    EVP_PKEY_free(used);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca);
    free(der.data);
    free(other_der.data);
    X509_free(right);
    X509_free(wrong);
    other_close(&o);
    env_teardown(&e);
}

/* ---- enumerating ---- */

struct seen {
    unsigned n;
    struct token *t;
    char last[64];
};

static int count_each(void *ctx, const struct token_object *o)
{
    struct seen *s = ctx;
    bool there;

    s->n++;
    g_strlcpy(s->last, o->label, sizeof s->last);
    if (s->t && s->n == 1)
        assert_ok(token_has_secret(s->t, "any", &there, err)); /* the callback may use the token */
    return 0;
}

static int stop_at_once(void *ctx, const struct token_object *o)
{
    return 42;
}

static void count_one(struct token *t, unsigned mask, unsigned want)
{
    struct seen s = {.t = t};

    assert_ok(token_enumerate(t, mask, true, count_each, &s, err));
    g_assert_cmpuint(s.n, ==, want);
}

/* ---- certificates ---- */

static void test_certs(void)
{
    struct env e;
    EVP_PKEY *key = NULL, *ca_key = EVP_EC_gen("P-256");
    uint8_t print[32], print2[32], id[TOKEN_ID_MAX], id2[20] = {2};
    size_t id_len = 0;
    struct der got = {0};
    struct der_list list = {0};
    unsigned n;

    env_setup(&e, false);
    env_open(&e);
    assert_ok(token_generate_p256(e.t, ID, 20, "dev", err));
    assert_ok(token_public_to_evp(e.t, ID, 20, &key, err));
    X509 *x1 = make_cert("dev", key, "ca", ca_key, 1), *x2 = make_cert("dev", key, "ca", ca_key, 2);
    X509 *x3 = make_cert("ca", ca_key, NULL, NULL, 3);
    struct der d1 = cert_der(x1), d2 = cert_der(x2), ca = cert_der(x3);
    sha256(&d1, print);
    sha256(&d2, print2);
    assert_fails(token_get_cert(e.t, ID, 20, &got, err), MEF_ERROR_NOT_FOUND, "no certificate");
    assert_ok(token_put_cert(e.t, ID, 20, "dev", &d1, false, err));
    assert_ok(token_put_cert(e.t, ID, 20, "dev", &d1, false, err)); /* twice is once */
    count_one(e.t, TOKEN_CERTIFICATE, 1);
    assert_ok(token_get_cert(e.t, ID, 20, &got, err));
    g_assert_cmpmem(got.data, got.len, d1.data, d1.len);
    free(got.data);
    /* By fingerprint, whole and cut; the one beside the key is preferred. */
    assert_ok(token_put_cert(e.t, id2, 20, "copy", &d1, false, err));
    for (size_t len = 4; len <= 32; len += 4) {
        assert_ok(token_find_cert(e.t, print, len, id, &id_len, &got, err));
        g_assert_cmpmem(id, id_len, ID, 20);
        g_assert_cmpmem(got.data, got.len, d1.data, d1.len);
        free(got.data);
    }
    assert_fails(token_find_cert(e.t, print, 3, id, &id_len, NULL, err), MEF_ERROR_INVALID_ARGUMENTS,
                 "fingerprint");
    assert_fails(token_find_cert(e.t, print2, 32, id, &id_len, NULL, err), MEF_ERROR_NOT_FOUND,
                 "fingerprint");
    /* Another certificate for the same key takes its place. */
    assert_ok(token_put_cert(e.t, ID, 20, "dev", &d2, false, err));
    assert_ok(token_get_cert(e.t, ID, 20, &got, err));
    g_assert_cmpmem(got.data, got.len, d2.data, d2.len);
    free(got.data);
    assert_ok(token_find_cert(e.t, print, 32, id, &id_len, NULL, err));
    g_assert_cmpmem(id, id_len, id2, 20);
    assert_ok(
        token_delete_cert(e.t, print, "another", &n, err)); /* what has another label is somebody else's */
    g_assert_cmpuint(n, ==, 0);
    assert_ok(token_delete_cert(e.t, print, NULL, &n, err));
    g_assert_cmpuint(n, ==, 1);
    assert_ok(token_delete_cert(e.t, print, NULL, &n, err));
    g_assert_cmpuint(n, ==, 0);
    /* CA certificates share a label and replace nothing. */
    assert_ok(token_put_cert(e.t, NULL, 0, "mef.example CA", &ca, true, err));
    assert_ok(token_put_cert(e.t, NULL, 0, "mef.example CA", &ca, true, err));
    assert_ok(token_put_cert(e.t, NULL, 0, "mef.example CA", &d1, true, err));
    assert_ok(token_list_certs(e.t, "mef.example CA", &list, err));
    g_assert_cmpuint(list.n, ==, 2);
    der_list_clear(&list);
    assert_ok(token_list_certs(e.t, "other.example CA", &list, err));
    g_assert_cmpuint(list.n, ==, 0);
    assert_ok(token_delete_label(e.t, TOKEN_CERTIFICATE, "mef.example CA", &n, err));
    g_assert_cmpuint(n, ==, 2);
    assert_ok(token_find_key(e.t, ID, 20, err)); /* and nothing else went */
    struct der bad = {(uint8_t *)"\x30\x03\x02\x01", 4};
    assert_fails(token_put_cert(e.t, ID, 20, "dev", &bad, false, err), MEF_ERROR_INVALID_ARGUMENTS,
                 "no DER certificate");
    struct der trailing = {g_malloc0(d1.len + 1), d1.len + 1};
    memcpy(trailing.data, d1.data, d1.len);
    assert_fails(token_put_cert(e.t, ID, 20, "dev", &trailing, false, err), MEF_ERROR_INVALID_ARGUMENTS,
                 "no DER");
    g_free(trailing.data);
    assert_ok(token_delete_id(e.t, TOKEN_PAIR | TOKEN_CERTIFICATE, ID, 20, &n, err));
    g_assert_cmpuint(n, ==, 3);
    count_one(e.t, TOKEN_ANY, 0);
    free(d1.data);
    free(d2.data);
    free(ca.data);
    X509_free(x1);
    X509_free(x2);
    X509_free(x3);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    env_teardown(&e);
}

/* ---- symmetric keys ---- */

static void expect_secret(struct token *t, const char *label, const char *octets)
{
    struct secret *s = NULL;

    assert_ok(token_get_secret(t, label, &s, err));
    g_assert_cmpmem(s->data, s->len, octets, strlen(octets));
    secret_free(s);
}

static void put(struct token *t, const char *label, const char *octets)
{
    _cleanup_(secret_freep) struct secret *s = NULL;

    g_assert_cmpint(secret_copy(octets, strlen(octets), &s), ==, 0);
    assert_ok(token_put_secret(t, label, s, err));
}

static void test_secrets(void)
{
    struct env e;
    struct other o;
    struct secret *s = NULL;
    char **labels = NULL;
    bool there = true;

    env_setup(&e, false);
    env_open(&e);
    assert_fails(token_get_secret(e.t, "a@mef.example", &s, err), MEF_ERROR_NOT_FOUND, "'a@mef.example'");
    put(e.t, "a@mef.example", "0123456789abcdef0123456789abcdef");
    expect_secret(e.t, "a@mef.example", "0123456789abcdef0123456789abcdef");
    /* Without the type prefix only when the exact label is not there. */
    expect_secret(e.t, "02-a@mef.example", "0123456789abcdef0123456789abcdef");
    put(e.t, "02-a@mef.example", "exact");
    expect_secret(e.t, "02-a@mef.example", "exact");
    expect_secret(e.t, "01-a@mef.example", "0123456789abcdef0123456789abcdef");
    assert_fails(token_get_secret(e.t, "2-a@mef.example", &s, err), MEF_ERROR_NOT_FOUND, "2-a@mef.example");
    assert_ok(token_has_secret(e.t, "01-a@mef.example", &there, err));
    g_assert_true(there);
    assert_ok(token_has_secret(e.t, "01-b@mef.example", &there, err));
    g_assert_false(there);
    put(e.t, "a@mef.example", "new value");
    expect_secret(e.t, "a@mef.example", "new value");
    count_one(e.t, TOKEN_SECRET_KEY, 2);
    put(e.t, "any 128 octets are a KpmID !", "x");
    put(e.t, "b@maf.example", "y");
    assert_ok(token_list_secrets(e.t, "@mef.example", &labels, err));
    g_assert_cmpuint(strv_len(labels), ==, 2);
    g_assert_cmpstr(labels[0], ==, "02-a@mef.example");
    g_assert_cmpstr(labels[1], ==, "a@mef.example");
    strv_free(labels);
    assert_ok(token_list_secrets(e.t, "@none.example", &labels, err));
    g_assert_cmpuint(strv_len(labels), ==, 0);
    strv_free(labels);
    /* What another program puts in is found without a reopen, and what it changes is noticed. */
    other_open(&o, e.f.module);
    CK_OBJECT_HANDLE h = other_secret(&o, "late@mef.example", "late", true, true);
    expect_secret(e.t, "late@mef.example", "late");
    g_assert_cmpuint(o.f->C_DestroyObject(o.s, h), ==, CKR_OK);
    other_secret(&o, "late@mef.example", "later", true, true);
    expect_secret(e.t, "late@mef.example", "later");
    other_secret(&o, "sealed", "sealed", false, true);
    assert_fails(token_get_secret(e.t, "sealed", &s, err), MEF_ERROR_FAILED, "not extractable");
    other_secret(&o, "twin", "one", true, true);
    other_secret(&o, "twin", "two", true, true);
    assert_fails(token_get_secret(e.t, "twin", &s, err), MEF_ERROR_FAILED,
                 "different keys under the label 'twin'");
    put(e.t, "twin", "two"); /* settles it */
    expect_secret(e.t, "twin", "two");
    char *too_long = g_strnfill(65, 'k');
    other_secret(&o, "long", too_long, true, true);
    assert_fails(token_get_secret(e.t, "long", &s, err), MEF_ERROR_FAILED, "1 to 64 octets");
    struct secret big = {(uint8_t *)too_long, 65, 65};
    assert_fails(token_put_secret(e.t, "x", &big, err), MEF_ERROR_INVALID_ARGUMENTS, "1 to 64 octets");
    g_free(too_long);
    g_assert_cmpint(token_enumerate(e.t, TOKEN_ANY, false, stop_at_once, NULL, NULL), ==, 42);
    other_close(&o);
    env_teardown(&e);
}

/* ---- many foreign objects ---- */

/* SoftHSM keeps an object a file: copies with patched labels are foreign objects, in milliseconds. */
static void add_foreign(struct env *e)
{
    struct other o;
    char *tokens = g_build_filename(e->f.dir, "tokens", NULL), *data = NULL, *object = NULL;
    GDir *dir = g_dir_open(tokens, 0, NULL);
    char *token = g_build_filename(tokens, g_dir_read_name(dir), NULL);
    const char *name;
    gsize len;

    g_dir_close(dir);
    other_open(&o, e->f.module);
    other_secret(&o, "foreign-000000", "0123456789abcdef", true, false);
    other_close(&o);
    dir = g_dir_open(token, 0, NULL);
    while ((name = g_dir_read_name(dir)) && !object)
        if (g_str_has_suffix(name, ".object") && !g_str_equal(name, "token.object"))
            object = g_build_filename(token, name, NULL);
    g_dir_close(dir);
    g_assert_true(g_file_get_contents(object, &data, &len, NULL));
    char *label = memmem(data, len, "foreign-000000", 14);
    g_assert_nonnull(label);
    for (unsigned i = 1; i < FOREIGN; i++) {
        char digits[32], *file = g_strdup_printf("%s/%08x-0000-0000-0000-000000000000.object", token, i);
        g_snprintf(digits, sizeof digits, "%06u", i);
        memcpy(label + 8, digits, 6);
        FILE *to = fopen(file, "we");
        g_assert_nonnull(to);
        g_assert_cmpuint(fwrite(data, 1, len, to), ==, len);
        g_assert_cmpint(fclose(to), ==, 0);
        g_free(file);
    }
    g_free(data);
    g_free(object);
    g_free(token);
    g_free(tokens);
}

static void test_foreign(void)
{
    struct env e;

    env_setup(&e, true);
    add_foreign(&e);
    env_open(&e);
    put(e.t, "own@mef.example", "own");
    expect_secret(e.t, "own@mef.example", "own");
    count_one(e.t, TOKEN_SECRET_KEY, FOREIGN + 1);
    expect_secret(e.t, "foreign-001234", "0123456789abcdef");
    /* Not the time (machines differ), but what causes it: no search in the token for what is indexed. */
    atomic_store(&e.shim->count[SHIM_FindObjectsInit], 0);
    atomic_store(&e.shim->count[SHIM_GetAttributeValue], 0);
    for (int i = 0; i < 100; i++)
        expect_secret(e.t, "own@mef.example", "own");
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_FindObjectsInit]), ==, 0);
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_GetAttributeValue]), <=, 200);
    env_teardown(&e);
}

/* ---- the index alone ---- */

static void test_index(void)
{
    struct object_index x = {0};
    GHashTable *labels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    uint32_t seed = 12345;

    for (unsigned i = 0; i < 5000; i++) {
        seed = seed * 1664525u + 1013904223u;
        char *label = g_strdup_printf("label-%u", (seed >> 8) % 700);
        struct object_key k = {.mask = 8, .label = label, .label_len = strlen(label)};
        uint32_t at = index_find(&x, &k, OBJECT_NONE);
        g_assert_cmpint(at != OBJECT_NONE, ==, g_hash_table_contains(labels, label));
        if (at == OBJECT_NONE) {
            g_assert_cmpint(index_add(&x, i + 1, 8, "id", 2, label, strlen(label), NULL), ==, 0);
            g_hash_table_add(labels, label);
        } else {
            g_assert_cmpstr(x.item[at].label, ==, label);
            index_remove(&x, at);
            g_hash_table_remove(labels, label);
            g_free(label);
        }
    }
    unsigned n = 0;
    struct object_key by_id = {.mask = 8, .id = (const uint8_t *)"id", .id_len = 2};
    for (uint32_t at = index_find(&x, &by_id, OBJECT_NONE); at != OBJECT_NONE;
         at = index_find(&x, &by_id, at))
        n++;
    g_assert_cmpuint(n, ==, g_hash_table_size(labels));
    by_id.mask = 4;
    g_assert_cmpuint(index_find(&x, &by_id, OBJECT_NONE), ==, OBJECT_NONE);
    index_remove_class(&x, 8);
    by_id.mask = 8;
    g_assert_cmpuint(index_find(&x, &by_id, OBJECT_NONE), ==, OBJECT_NONE);
    g_hash_table_unref(labels);
    index_clear(&x);
}

/* What SoftHSM keeps of a key pair when the process is killed while it is made. */
static CK_OBJECT_HANDLE put_ruin(struct other *o, CK_OBJECT_CLASS class, const void *id, size_t id_len)
{
    CK_KEY_TYPE type = CKK_EC;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_OBJECT_HANDLE h = 0;
    uint8_t params[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    CK_ATTRIBUTE a[] = {{CKA_CLASS, &class, sizeof class},
                        {CKA_KEY_TYPE, &type, sizeof type},
                        {CKA_TOKEN, &yes, 1},
                        {CKA_PRIVATE, &no, 1},
                        {CKA_EC_PARAMS, params, class == CKO_PUBLIC_KEY ? sizeof params : 0},
                        {class == CKO_PUBLIC_KEY ? CKA_EC_POINT : CKA_VALUE, params, 0},
                        {CKA_ID, (void *)(uintptr_t)id, id_len}};
    g_assert_cmpuint(o->f->C_CreateObject(o->s, a, G_N_ELEMENTS(a), &h), ==, CKR_OK);
    return h;
}

static void test_ruins(void)
{
    struct env e;
    struct other o;
    unsigned n = 7;
    uint8_t rs[64], digest[32] = {1}, other_id[20] = {0x78};

    env_setup(&e, false);
    env_open(&e);
    other_open(&o, e.f.module);
    put_ruin(&o, CKO_PUBLIC_KEY, NULL, 0);
    put_ruin(&o, CKO_PRIVATE_KEY, NULL, 0);
    /* Whole, and somebody's, though it has no name. */
    assert_ok(token_generate_p256(e.t, other_id, 20, "x", err));
    CK_ATTRIBUTE unnamed[] = {{CKA_ID, NULL, 0}, {CKA_LABEL, NULL, 0}};
    g_assert_cmpuint(o.f->C_SetAttributeValue(o.s, other_find(&o, CKO_PUBLIC_KEY, other_id, 20), unnamed, 2),
                     ==, CKR_OK);
    g_assert_cmpuint(o.f->C_SetAttributeValue(o.s, other_find(&o, CKO_PRIVATE_KEY, other_id, 20), unnamed, 2),
                     ==, CKR_OK);
    assert_ok(token_clear_ruins(e.t, &n, err));
    g_assert_cmpuint(n, ==, 2);
    count_one(e.t, TOKEN_PAIR, 2);
    /* Under our own id a new pair takes their place. */
    for (int half = 0; half < 2; half++) {
        put_ruin(&o, CKO_PUBLIC_KEY, ID, 20);
        if (half)
            put_ruin(&o, CKO_PRIVATE_KEY, ID, 20);
        assert_ok(token_generate_p256(e.t, ID, 20, "key", err));
        assert_ok(token_sign_p256(e.t, ID, 20, digest, sizeof digest, rs, err));
        count_one(e.t, TOKEN_PAIR, 4);
        assert_ok(token_delete_id(e.t, TOKEN_PAIR, ID, 20, NULL, err));
    }
    other_close(&o);
    env_teardown(&e);
}

/* ---- the token goes in the middle of an operation ---- */

struct going {
    struct token *t;
    const struct der *cert;
};

static int op_generate(struct going *g, struct mef_error *err)
{
    return token_generate_p256(g->t, ID, 20, "key", err);
}

static int op_sign(struct going *g, struct mef_error *err)
{
    uint8_t rs[64], digest[32] = {1};
    return token_sign_p256(g->t, ID, 20, digest, sizeof digest, rs, err);
}

static int op_put_cert(struct going *g, struct mef_error *err)
{
    return token_put_cert(g->t, ID, 20, "key", g->cert, false, err);
}

static int op_find_cert(struct going *g, struct mef_error *err)
{
    uint8_t print[32], id[TOKEN_ID_MAX];
    size_t len;

    sha256(g->cert, print);
    return token_find_cert(g->t, print, 32, id, &len, NULL, err);
}

static int op_put_secret(struct going *g, struct mef_error *err)
{
    _cleanup_(secret_freep) struct secret *s = NULL;

    g_assert_cmpint(secret_copy("0123456789abcdef", 16, &s), ==, 0);
    return token_put_secret(g->t, "a@mef.example", s, err);
}

static int op_get_secret(struct going *g, struct mef_error *err)
{
    _cleanup_(secret_freep) struct secret *s = NULL;
    return token_get_secret(g->t, "a@mef.example", &s, err);
}

static int op_list(struct going *g, struct mef_error *err)
{
    struct seen s = {0};
    return token_enumerate(g->t, TOKEN_ANY, true, count_each, &s, err);
}

static int op_delete_secret(struct going *g, struct mef_error *err)
{
    return token_delete_label(g->t, TOKEN_SECRET_KEY, "a@mef.example", NULL, err);
}

static int op_delete_pair(struct going *g, struct mef_error *err)
{
    return token_delete_id(g->t, TOKEN_PAIR | TOKEN_CERTIFICATE, ID, 20, NULL, err);
}

/* Each operation, and the token goes at each function that it calls: TokenUnavailable, state absent; when it
 * is back, under another slot number, the same operation succeeds, and at the end nothing is there twice. */
static void test_going(void)
{
    static int (*const ops[])(struct going * g, struct mef_error * err) = {
        op_generate,   op_sign, op_put_cert,      op_find_cert,  op_put_secret,
        op_get_secret, op_list, op_delete_secret, op_delete_pair};
    struct env e;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = make_cert("device", key, NULL, NULL, 1);
    struct der cert = cert_der(x);
    unsigned gone = 0;

    env_setup(&e, true);
    env_open(&e);
    struct going g = {e.t, &cert};
    for (size_t i = 0; i < G_N_ELEMENTS(ops); i++) {
        for (int f = SHIM_FindObjectsInit; f < SHIM_MAX; f++) {
            struct mef_error why = {0};
            atomic_store(&e.shim->trip_at, 1 + f);
            int r = ops[i](&g, &why);
            if (!atomic_load(&e.shim->removed)) {
                atomic_store(&e.shim->trip_at, 0);
                continue; /* it does not call that */
            }
            gone++;
            if (f != SHIM_FindObjectsFinal || r < 0) { /* all was found before it went */
                g_assert_cmpint(why.word, ==, MEF_ERROR_TOKEN_UNAVAILABLE);
                g_assert_cmpint(token_state(e.t), ==, TOKEN_ABSENT);
            }
            g_assert_cmpint(token_poll(e.t), ==, TOKEN_ABSENT);
            atomic_fetch_add(&e.shim->slot_shift, 3);
            atomic_store(&e.shim->removed, false);
            g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT);
            assert_ok(ops[i](&g, err));
        }
        if (i == 6) {
            count_one(e.t, TOKEN_PAIR, 2);
            count_one(e.t, TOKEN_CERTIFICATE, 1);
            count_one(e.t, TOKEN_SECRET_KEY, 1);
        }
    }
    count_one(e.t, TOKEN_ANY, 0);
    g_assert_cmpuint(gone, >, 25);
    free(cert.data);
    X509_free(x);
    EVP_PKEY_free(key);
    env_teardown(&e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/token/key/MC-20/made-in-the-token-and-never-leaves", test_generate);
    g_test_add_func("/token/key/half-a-pair", test_half_pair);
    g_test_add_func("/token/key/MC-44/private-key-and-certificate-only", test_key_with_certificate);
    g_test_add_func("/token/key/ruins-of-a-crash", test_ruins);
    g_test_add_func("/token/certificate/store-find-delete", test_certs);
    g_test_add_func("/token/secret/store-find-delete", test_secrets);
    g_test_add_func("/token/index/3000-foreign-objects", test_foreign);
    g_test_add_func("/token/index/against-a-model", test_index);
    g_test_add_func("/token/state/EE-23/goes-in-each-operation", test_going);
    return g_test_run();
}
