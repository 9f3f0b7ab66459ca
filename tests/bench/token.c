/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The token: how often it is searched and logged in to (counted by the shim of tests/token, between mef-agent
 * and SoftHSM), and a look-up among many objects against one among few (instructions, SoftHSM's own with
 * them). */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pkcs11/token.h"
#include "tests/bench/count.h"
#include "tests/bench/figure.h"
#include "tests/lib/e2e-fixture.h"
#include "tests/token/shim.h"

#define FEW   10
#define MANY  10000
#define LOOKS 200
#define SHIM  TOP_BUILDDIR "/tests/token/.libs/shim-module.so"

/* ---- how often ---- */

static unsigned calls(struct shim_control *c, enum shim_function f)
{
    return atomic_load(&c->count[f]);
}

static void forget(struct shim_control *c)
{
    for (unsigned f = 0; f < SHIM_MAX; f++)
        atomic_store(&c->count[f], 0);
}

static void wait_token(struct e2e *e, const char *state)
{
    e2e_wait_property(e, "/org/mefclient1", "Manager", "TokenState", state);
}

static gboolean signed_something(struct e2e *e, void *data)
{
    return calls(data, SHIM_Sign) > 0;
}

static void how_often(void)
{
    struct e2e e;
    g_autoptr(GError) error = NULL;
    e2e_up(&e, NULL);
    g_autofree char *path = g_build_filename(e.dir, "shim", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_assert_cmpint(ftruncate(fd, sizeof(struct shim_control)), ==, 0);
    struct shim_control *c =
        mmap(NULL, sizeof(struct shim_control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(c != MAP_FAILED);
    close(fd);
    g_ptr_array_add(e.agent_env, g_strdup_printf(SHIM_FILE "=%s", path));
    g_autofree char *fingerprint = e2e_make_certificate(&e, E2E_SAN);
    e.token.module = SHIM;
    e2e_configure(&e, "");

    e2e_agent_start_ready(&e);
    wait_token(&e, "present");
    exactly("token there at the start, searches", calls(c, SHIM_FindObjectsInit), 1);
    exactly("token there at the start, logins", calls(c, SHIM_Login), 1);

    atomic_store(&c->removed, true);
    atomic_fetch_add(&c->epoch, 1);
    wait_token(&e, "absent");
    forget(c);
    atomic_store(&c->removed, false);
    wait_token(&e, "present");
    exactly("token put in, searches", calls(c, SHIM_FindObjectsInit), 1);
    exactly("token put in, logins", calls(c, SHIM_Login), 1);

    /* A certificate and its key in handshakes: the first with the registration, then one for a poll after the
     * MEF was away. */
    g_autofree char *registration = e2e_add_mef_by_certificate(&e, fingerprint);
    e2e_wait_idle(&e, registration);
    forget(c);
    e2e_sim_stop(&e, FALSE);
    e2e_sim_start(&e, NULL);
    g_autoptr(GVariant) reply = e2e_call(&e, registration, "org.mefclient1.Registration", "Poll",
                                         g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    e2e_wait(&e, "a handshake with the key of the token", signed_something, c, E2E_WAIT_S);
    e2e_wait_idle(&e, registration);
    exactly("key and certificate used, searches", calls(c, SHIM_FindObjectsInit), 0);
    exactly("key and certificate used, logins", calls(c, SHIM_Login), 0);

    (void)e2e_agent_stop(&e, NULL);
    munmap(c, sizeof *c);
    e2e_down(&e);
}

/* ---- look-up ---- */

static void label_of(unsigned i, char label[32])
{
    (void)snprintf(label, 32, "key%05u@mef.example.com", i);
}

/* With the module itself: our own way looks first whether there is one. Not private, so that the label stands
 * in the object's file as it is. */
static void make_one(const char *label)
{
    static CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    static CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    void *lib = dlopen(TOKEN_FIXTURE_MODULE, RTLD_NOW | RTLD_LOCAL);
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slots[4];
    CK_ULONG n_slots = G_N_ELEMENTS(slots);
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE h;
    guint8 value[16] = {0};
    CK_ATTRIBUTE a[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &no, sizeof no},
        {CKA_SENSITIVE, &no, sizeof no},
        {CKA_EXTRACTABLE, &yes, sizeof yes},
        {CKA_LABEL, (void *)(guintptr)label, strlen(label)},
        {CKA_VALUE, value, sizeof value},
    };

    g_assert_nonnull(lib);
    *(void **)&get = dlsym(lib, "C_GetFunctionList");
    g_assert_true(get(&f) == CKR_OK && f->C_Initialize(NULL) == CKR_OK);
    g_assert_true(f->C_GetSlotList(CK_TRUE, slots, &n_slots) == CKR_OK && n_slots > 0);
    g_assert_true(f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) ==
                  CKR_OK);
    g_assert_true(f->C_Login(session, CKU_USER, (CK_BYTE *)(guintptr)TOKEN_FIXTURE_PIN,
                             strlen(TOKEN_FIXTURE_PIN)) == CKR_OK);
    g_assert_true(f->C_CreateObject(session, a, G_N_ELEMENTS(a), &h) == CKR_OK);
    g_assert_true(f->C_Finalize(NULL) == CKR_OK);
    dlclose(lib);
}

/* The file of the object, below the directory of the only token (g_free). */
static char *object_file(const char *tokens, char **ret_dir)
{
    GDir *d = g_dir_open(tokens, 0, NULL);
    const char *name;
    char *file = NULL;

    *ret_dir = g_build_filename(tokens, g_dir_read_name(d), NULL);
    g_dir_close(d);
    d = g_dir_open(*ret_dir, 0, NULL);
    while ((name = g_dir_read_name(d)))
        if (g_str_has_suffix(name, ".object") && strcmp(name, "token.object") != 0)
            file = g_build_filename(*ret_dir, name, NULL);
    g_dir_close(d);
    g_assert_nonnull(file);
    return file;
}

/* SoftHSM takes the longer for an object the more it has, and minutes are not enough for 10000. So it makes
 * one, and the others are copies of its file with another label. */
static void fill(const struct token_fixture *f, unsigned n)
{
    g_autofree char *tokens = g_build_filename(f->dir, "tokens", NULL), *dir = NULL;
    char label[32], first[32];
    char *text;
    gsize len;

    label_of(0, first);
    make_one(first);
    g_autofree char *file = object_file(tokens, &dir);
    g_assert_true(g_file_get_contents(file, &text, &len, NULL));
    char *at = memmem(text, len, first, strlen(first));
    g_assert_nonnull(at);
    for (unsigned i = 1; i < n; i++) {
        g_autofree char *name = g_strdup_printf("%s/00000000-0000-0000-0000-%012u.object", dir, i);
        FILE *out = fopen(name, "we");
        label_of(i, label);
        memcpy(at, label, strlen(label));
        g_assert_true(out && fwrite(text, 1, len, out) == len && fclose(out) == 0);
    }
    g_free(text);
}

/* Below valgrind: the token was made before. */
static void look_up(const char *uri, const char *pin_file, unsigned n)
{
    const struct token_params params = {.uri = uri, .pin_file = pin_file, .module = TOKEN_FIXTURE_MODULE};
    struct mef_error err = {0};
    struct token *t;
    unsigned found = 0;

    if (token_new(&params, &t, &err) < 0 || token_open(t, &err) < 0)
        g_error("%s", err.text);
    for (unsigned i = 0; i <= LOOKS; i++) {
        char label[32];
        bool there = false;
        label_of(i * 7919 % n, label);
        if (i == 1) /* the first one warms up */
            count_on();
        if (token_has_secret(t, label, &there, &err) < 0)
            g_error("%s", err.text);
        found += there;
    }
    count_off("look");
    g_assert_cmpuint(found, ==, LOOKS + 1);
    token_free(t);
}

static double looked_up(const char *program, unsigned n)
{
    struct token_fixture f;
    g_autofree char *number = g_strdup_printf("%u", n);
    token_fixture_setup(&f, "bench");
    fill(&f, n);
    g_setenv("BENCH_URI", f.uri, TRUE);
    g_setenv("BENCH_PIN", f.pin_file, TRUE);
    g_setenv("BENCH_OBJECTS", number, TRUE);
    count_run(program);
    token_fixture_teardown(&f);
    return count_of("look") / LOOKS;
}

int main(int argc, char **argv)
{
    if (count_inside()) {
        look_up(g_getenv("BENCH_URI"), g_getenv("BENCH_PIN"),
                (unsigned)g_ascii_strtoull(g_getenv("BENCH_OBJECTS"), NULL, 10));
        return 0;
    }
    if (!count_tool())
        return 1;
    how_often();
    double few = looked_up(argv[0], FEW), many = looked_up(argv[0], MANY);
    at_most("look-up in a token, 10000 objects : 10 (instructions)", many, few, 1.3);
    return 0;
}
