/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Thousands of objects of other programs in our token, of every kind and broken ones, too: the client starts,
 * enrols and ends, nothing foreign is touched, the bus shows a bounded number and ours among them, and the
 * work in the token does not grow with them. */
#include <dlfcn.h>
#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "tests/e2e/token-cells.h"

#define SHIM_PATH TOP_BUILDDIR "/tests/token/.libs/shim-module.so"
#define MANAGER   "/org/mefclient1"
#define LISTED    256 /* decisions.md: Credential objects */

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

/* ---- another program ---------------------------------------------------------------------------------- */

struct other {
    void *lib;
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE s;
};

static void other_open(struct other *o)
{
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
    CK_SLOT_ID slots[8];
    CK_ULONG n = G_N_ELEMENTS(slots);

    o->lib = dlopen(SHIM_SOFTHSM, RTLD_NOW | RTLD_LOCAL);
    *(void **)&get = dlsym(o->lib, "C_GetFunctionList");
    g_assert_cmpuint(get(&o->f), ==, CKR_OK);
    g_assert_cmpuint(o->f->C_Initialize(NULL), ==, CKR_OK);
    g_assert_cmpuint(o->f->C_GetSlotList(CK_TRUE, slots, &n), ==, CKR_OK);
    g_assert_cmpuint(o->f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &o->s),
                     ==, CKR_OK);
    g_assert_cmpuint(o->f->C_Login(o->s, CKU_USER, (CK_BYTE *)TOKEN_FIXTURE_PIN, strlen(TOKEN_FIXTURE_PIN)),
                     ==, CKR_OK);
}

static void other_close(struct other *o)
{
    o->f->C_Finalize(NULL);
    dlclose(o->lib);
}

static void create(struct other *o, CK_ATTRIBUTE *a, CK_ULONG n)
{
    CK_OBJECT_HANDLE h;
    g_assert_cmpuint(o->f->C_CreateObject(o->s, a, n, &h), ==, CKR_OK);
}

static void make_data(struct other *o)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE a[] = {{CKA_CLASS, &class, sizeof class},
                        {CKA_TOKEN, &yes, 1},
                        {CKA_PRIVATE, &no, 1},
                        {CKA_LABEL, (char *)"notes", 5},
                        {CKA_VALUE, (char *)"any", 3}};
    create(o, a, G_N_ELEMENTS(a));
}

static void make_cert(struct other *o, const char *label, const char *id, const void *der, size_t len)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_ATTRIBUTE a[] = {{CKA_CLASS, &class, sizeof class},
                        {CKA_CERTIFICATE_TYPE, &type, sizeof type},
                        {CKA_TOKEN, &yes, 1},
                        {CKA_PRIVATE, &no, 1},
                        {CKA_SUBJECT, (char *)"\x30", 2},
                        {CKA_VALUE, (void *)der, len},
                        {CKA_ID, (char *)id, strlen(id)},
                        {CKA_LABEL, (char *)label, strlen(label)}};
    create(o, a, G_N_ELEMENTS(a));
}

static void make_secret(struct other *o, const char *label)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE a[] = {{CKA_CLASS, &class, sizeof class},
                        {CKA_KEY_TYPE, &type, sizeof type},
                        {CKA_TOKEN, &yes, 1},
                        {CKA_PRIVATE, &no, 1},
                        {CKA_VALUE, (char *)"0123456789abcdef", 16},
                        {CKA_LABEL, (char *)label, strlen(label)}};
    create(o, a, G_N_ELEMENTS(a));
}

static void make_pair(struct other *o, CK_MECHANISM_TYPE mechanism, CK_ATTRIBUTE_TYPE what, const void *value,
                      size_t len, const char *label)
{
    CK_MECHANISM m = {mechanism, NULL, 0};
    CK_OBJECT_HANDLE h[2];
    CK_ATTRIBUTE pub[] = {{CKA_TOKEN, &yes, 1},
                          {CKA_PRIVATE, &no, 1},
                          {what, (void *)value, len},
                          {CKA_LABEL, (char *)label, strlen(label)}};
    CK_ATTRIBUTE priv[] = {
        {CKA_TOKEN, &yes, 1}, {CKA_SIGN, &yes, 1}, {CKA_LABEL, (char *)label, strlen(label)}};
    CK_RV rv =
        o->f->C_GenerateKeyPair(o->s, &m, pub, G_N_ELEMENTS(pub), priv, G_N_ELEMENTS(priv), &h[0], &h[1]);

    if (rv == CKR_MECHANISM_INVALID) /* a SoftHSM without Ed25519 */
        return;
    g_assert_cmpuint(rv, ==, CKR_OK);
}

/* A CA certificate of somebody else: DER, OPENSSL_free. */
static int other_ca(uint8_t **ret)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    X509_set_version(x, 2);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"other",
                               -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    g_assert_cmpint(X509_sign(x, key, EVP_sha256()), >, 0);
    *ret = NULL;
    int n = i2d_X509(x, ret);
    X509_free(x);
    EVP_PKEY_free(key);
    return n;
}

static void make_kinds(void)
{
    static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    /* By its OID: SoftHSM 2.6.1 leaks the name, 37 octets a pair, when the curve is told as a
     * PrintableString. */
    static const uint8_t ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
    struct other o;
    CK_ULONG bits = 2048;
    uint8_t *ca;
    int ca_len = other_ca(&ca);
    g_autofree char *huge = g_strnfill(200000, 'h'), *long_label = g_strnfill(600, 'l');

    other_open(&o);
    make_data(&o);
    make_cert(&o, "", "", "garbage", 7);                          /* no name, no certificate */
    make_cert(&o, "huge", "1", huge, 200000);                     /* more than we take */
    make_cert(&o, E2E_FQDN " CA", "2", ca, (size_t)ca_len);       /* the label of ours */
    make_cert(&o, E2E_CLIENT, huge + 199900, ca, (size_t)ca_len); /* a CKA_ID longer than we take */
    make_secret(&o, "");
    make_secret(&o, long_label);
    make_secret(&o, "\xff\xfe not text");
    make_pair(&o, CKM_EC_KEY_PAIR_GEN, CKA_EC_PARAMS, p256, sizeof p256, "");
    make_pair(&o, CKM_RSA_PKCS_KEY_PAIR_GEN, CKA_MODULUS_BITS, &bits, sizeof bits, long_label);
    make_pair(&o, 0x1055 /* CKM_EC_EDWARDS_KEY_PAIR_GEN */, CKA_EC_PARAMS, ed25519, sizeof ed25519, "ed");
    other_close(&o);
    OPENSSL_free(ca);
}

/* ---- the token's files: SoftHSM keeps an object in each ----------------------------------------------- */

static char *token_dir(struct token_cells *c)
{
    g_autofree char *tokens = g_build_filename(c->e.token.dir, "tokens", NULL);
    g_autoptr(GDir) dir = g_dir_open(tokens, 0, NULL);
    return g_build_filename(tokens, g_dir_read_name(dir), NULL);
}

/* Name -> content's SHA-256, of all objects. */
static GHashTable *all_objects(const char *token)
{
    GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GDir) dir = g_dir_open(token, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(token, name, NULL), *data = NULL;
        gsize len;
        if (!g_str_has_suffix(name, ".object") || strcmp(name, "token.object") == 0)
            continue;
        g_assert_true(g_file_get_contents(path, &data, &len, NULL));
        g_hash_table_insert(all, g_strdup(name),
                            g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)data, len));
    }
    return all;
}

static void copy_all(const char *token, GHashTable *kinds, unsigned copies)
{
    GHashTableIter i;
    gpointer name;
    unsigned n = 0;

    g_hash_table_iter_init(&i, kinds);
    while (g_hash_table_iter_next(&i, &name, NULL)) {
        g_autofree char *from = g_build_filename(token, name, NULL), *data = NULL;
        gsize len;
        g_assert_true(g_file_get_contents(from, &data, &len, NULL));
        for (unsigned k = 0; k < copies; k++) {
            g_autofree char *to = g_strdup_printf("%s/%08x-0000-0000-0000-000000000000.object", token, ++n);
            FILE *file = fopen(to, "we");
            g_assert_nonnull(file);
            g_assert_cmpuint(fwrite(data, 1, len, file), ==, len);
            g_assert_cmpint(fclose(file), ==, 0);
        }
    }
}

/* ---- the test ----------------------------------------------------------------------------------------- */

static unsigned count_credentials(struct token_cells *c)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) all =
        e2e_call(&c->e, MANAGER, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, &error);
    g_autoptr(GVariant) objects = NULL;
    GVariantIter i;
    const char *path;
    unsigned n = 0;

    g_assert_no_error(error);
    objects = g_variant_get_child_value(all, 0);
    g_variant_iter_init(&i, objects);
    while (g_variant_iter_loop(&i, "{&o@a{sa{sv}}}", &path, NULL))
        n += g_str_has_prefix(path, MANAGER "/credential/");
    return n;
}

static gboolean ours_is_shown(struct e2e *e, void *data)
{
    struct token_cells *c = data;
    g_autofree char *credential = e2e_get_string(e, c->reg, "Registration", "Credential"),
                    *kind = e2e_get_string(e, credential, "Credential", "Kind");
    return strcmp(kind, "certificate") == 0;
}

static unsigned calls(struct token_cells *c)
{
    return atomic_exchange(&c->shim->total, 0);
}

/* With so many copies of each kind: calls into the token at the start, and for an enrolment and its end. */
static void with_copies(unsigned copies, unsigned *ret_start, unsigned *ret_work)
{
    struct token_cells c;

    token_cells_prepare(&c);
    g_autofree char *token = token_dir(&c);
    g_autoptr(GHashTable) own = all_objects(token), kinds = NULL, before = NULL, after = NULL;
    make_kinds();
    kinds = all_objects(token);
    GHashTableIter i;
    gpointer name;
    g_hash_table_iter_init(&i, own);
    while (g_hash_table_iter_next(&i, &name, NULL))
        g_hash_table_remove(kinds, name);
    copy_all(token, kinds, copies);
    before = all_objects(token);
    token_cells_start(&c, SHIM_PATH);
    *ret_start = calls(&c);
    token_cells_add(&c);
    int csc = token_cells_rest(&c, 1, 60);
    if (csc != 20)
        e2e_dump(&c.e);
    g_assert_cmpint(csc, ==, 20);
    e2e_wait(&c.e, "our certificate is among those shown", ours_is_shown, &c, 60);
    unsigned shown = count_credentials(&c);
    g_assert_cmpuint(shown, <=, LISTED);
    g_assert_cmpuint(shown, >, 2);
    g_assert_true(token_cells_delete(&c));
    *ret_work = calls(&c);
    g_assert_cmpint(e2e_agent_stop(&c.e, NULL), ==, 0);
    after = all_objects(token);
    g_assert_cmpuint(g_hash_table_size(after), ==, g_hash_table_size(before));
    gpointer sum;
    g_hash_table_iter_init(&i, before);
    while (g_hash_table_iter_next(&i, &name, &sum))
        g_assert_cmpstr(g_hash_table_lookup(after, name), ==, sum);
    g_test_message("%u foreign objects: %u calls at the start, %u for an enrolment and its end",
                   g_hash_table_size(before), *ret_start, *ret_work);
    (void)token_cells_close(&c);
}

static void test_foreign(void)
{
    unsigned start_few, start_many, work_few, work_many;

    with_copies(70, &start_few, &work_few);
    with_copies(280, &start_many, &work_many);
    /* Linear, with a fixed part; and none of it where one object is looked for. */
    g_assert_cmpuint(start_many, <, 4 * start_few + 1000);
    g_assert_cmpuint(work_many, <, work_few + 500);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e2e/token/EE-23/thousands-of-foreign-objects", test_foreign);
    return g_test_run();
}
