/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pkcs11: finding the token, the PIN, states, and what failing calls do. SoftHSM, and the shim over it. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <p11-kit/pkcs11.h>
#include <sys/stat.h>

#include "tests/token/token-test.h"

#define ID                                                                                                   \
    ((const uint8_t *)"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14")

static void test_uri(void)
{
    static const struct {
        const char *uri, *text;
    } bad[] = {
        {"", "no token URI"},
        {"http://x", "no pkcs11: URI"},
        {"pkcs11:token=a;token=b;%zz", "no pkcs11: URI"},
        {"pkcs11:token=mef?pin-value=48151623", "pin-value"},
        {"pkcs11:token=mef;slot-id=3", "slot number"},
        {"pkcs11:token=mef;object=x", "names an object"},
        {"pkcs11:token=mef;type=cert", "names an object"},
        {"pkcs11:token=mef?pin-source=relative", "pin-source"},
        {"pkcs11:token=mef?pin-source=%7Ccat%20/x", "pin-source"},
        {"pkcs11:token=mef;unheard-of=1", "not known"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const struct token_params p = {.uri = bad[i].uri};
        struct token *t = NULL;
        struct mef_error e = {0};
        assert_fails(token_new(&p, &t, err), MEF_ERROR_INVALID_ARGUMENTS, bad[i].text);
        g_assert_null(t);
        (void)token_new(&p, &t, &e);
        g_assert_null(strstr(e.text, "48151623"));
    }
    const struct token_params relative = {.uri = "pkcs11:token=mef", .module = "libsofthsm2.so"};
    struct token *t = NULL;
    assert_fails(token_new(&relative, &t, err), MEF_ERROR_INVALID_ARGUMENTS, "not an absolute path");
    const struct token_params good = {.uri = "pkcs11:token=mef?pin-source=file:/x/pin",
                                      .module = "/nowhere/none.so"};
    struct token_info info;
    assert_ok(token_new(&good, &t, err));
    g_assert_cmpint(token_info(t, &info), ==, 0);
    g_assert_cmpstr(info.uri, ==, "pkcs11:token=mef");
    g_assert_cmpstr(info.label, ==, "mef");
    g_assert_cmpint(info.state, ==, TOKEN_ABSENT);
    token_info_clear(&info);
    assert_fails(token_open(t, err), MEF_ERROR_TOKEN_UNAVAILABLE, "'/nowhere/none.so'");
    g_assert_cmpint(token_state(t), ==, TOKEN_ABSENT);
    assert_fails(token_find_key(t, ID, 20, err), MEF_ERROR_TOKEN_UNAVAILABLE, "'/nowhere/none.so'");
    token_free(t);
}

static void test_open(void)
{
    struct env e;
    struct token_info i;

    env_setup(&e, false);
    token_fixture_add(&e.f, "other");
    env_open(&e);
    assert_ok(token_open(e.t, err));
    g_assert_cmpint(token_info(e.t, &i), ==, 0);
    g_assert_cmpstr(i.label, ==, "mef");
    g_assert_cmpstr(i.manufacturer, ==, "SoftHSM project");
    g_assert_cmpuint(strlen(i.serial), ==, 16);
    char *want = g_strdup_printf(
        "pkcs11:model=SoftHSM%%20v2;manufacturer=SoftHSM%%20project;serial=%s;token=mef", i.serial);
    g_assert_cmpstr(i.uri, ==, want);
    g_assert_cmpint(i.free_objects, ==, -1);
    g_assert_false(i.read_only);
    g_assert_true(g_strv_contains((const char *const *)i.mechanisms, "CKM_ECDSA"));
    g_assert_true(g_strv_contains((const char *const *)i.mechanisms, "CKM_EC_KEY_PAIR_GEN"));
    token_info_clear(&i);
    g_assert_cmpuint(sink_count(&e.sink, EVENT_TOKEN_PRESENT), ==, 1);
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT);
    token_close(e.t);
    g_assert_cmpint(token_state(e.t), ==, TOKEN_ABSENT);
    assert_fails(token_find_key(e.t, ID, 20, err), MEF_ERROR_TOKEN_UNAVAILABLE, "not open");
    assert_ok(token_open(e.t, err));
    /* By the URI that it gave out; and by one that fits both. */
    const struct token_params exact = {.uri = want, .module = e.f.module, .pin_file = e.f.pin_file};
    const struct token_params both = {
        .uri = "pkcs11:model=SoftHSM%20v2", .module = e.f.module, .pin_file = e.f.pin_file};
    const struct token_params none = {
        .uri = "pkcs11:token=absent", .module = e.f.module, .pin_file = e.f.pin_file};
    struct token *t = NULL;
    assert_ok(token_new(&exact, &t, err));
    assert_ok(token_open(t, err));
    token_free(t);
    assert_ok(token_new(&both, &t, err));
    assert_fails(token_open(t, err), MEF_ERROR_TOKEN_UNAVAILABLE, "2 tokens fit");
    token_free(t);
    assert_ok(token_new(&none, &t, err));
    assert_fails(token_open(t, err), MEF_ERROR_TOKEN_UNAVAILABLE,
                 "no token fits the URI 'pkcs11:token=absent'");
    g_assert_cmpint(token_poll(t), ==, TOKEN_ABSENT);
    token_free(t);
    g_free(want);
    env_teardown(&e);
}

/* Where the PIN comes from: pin-file, then pin-source, then the credential. */
static void test_pin_sources(void)
{
    struct env e;
    struct token *t = NULL;

    env_setup(&e, false);
    char *source = g_strdup_printf("pkcs11:token=mef?pin-source=file:%s", e.f.pin_file);
    char *wrong_source = g_strdup("pkcs11:token=mef?pin-source=/nowhere/pin");
    char *credential = g_build_filename(e.f.dir, "mefclient.pin", NULL);
    token_fixture_write(credential, TOKEN_FIXTURE_PIN); /* without a newline */
    const struct token_params cases[] = {
        {.uri = source, .module = e.f.module},
        {.uri = wrong_source, .module = e.f.module, .pin_file = e.f.pin_file},
        {.uri = e.f.uri, .module = e.f.module, .credentials_dir = e.f.dir},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_ok(token_new(&cases[i], &t, err));
        assert_ok(token_open(t, err));
        token_free(t);
    }
    const struct token_params no_pin = {.uri = e.f.uri, .module = e.f.module};
    assert_ok(token_new(&no_pin, &t, err));
    assert_fails(token_open(t, err), MEF_ERROR_TOKEN_LOCKED, "none is configured");
    g_assert_cmpint(token_state(t), ==, TOKEN_LOCKED);
    token_free(t);
    const struct token_params missing = {.uri = wrong_source, .module = e.f.module};
    assert_ok(token_new(&missing, &t, err));
    assert_fails(token_open(t, err), MEF_ERROR_TOKEN_LOCKED, "'/nowhere/pin' cannot be opened");
    token_free(t);
    token_fixture_write(credential, "\n");
    assert_ok(token_new(&cases[2], &t, err));
    assert_fails(token_open(t, err), MEF_ERROR_TOKEN_LOCKED, "is empty");
    /* Filled in later: the next poll sees it. */
    token_fixture_write(credential, TOKEN_FIXTURE_PIN "\n");
    g_assert_cmpint(token_poll(t), ==, TOKEN_PRESENT);
    token_free(t);
    char *longer = g_strnfill(300, '1');
    token_fixture_write(credential, longer);
    assert_ok(token_new(&cases[2], &t, err));
    assert_fails(token_open(t, err), MEF_ERROR_TOKEN_LOCKED, "longer than 256");
    token_free(t);
    g_free(longer);
    g_free(source);
    g_free(wrong_source);
    g_free(credential);
    env_teardown(&e);
}

static void test_pin_exposed(void)
{
    struct env e;

    env_setup(&e, false);
    g_assert_cmpint(g_chmod(e.f.pin_file, 0644), ==, 0);
    env_open(&e); /* a warning, no refusal */
    g_assert_cmpuint(sink_count(&e.sink, EVENT_TOKEN_PIN_EXPOSED), ==, 1);
    env_teardown(&e);
}

/* A wrong PIN reaches the token once: not again by this object, nor by a new one after a "restart". */
static void test_pin_burnt(void)
{
    struct env e;
    struct token *again = NULL;

    env_setup(&e, true);
    token_fixture_write(e.f.pin_file, "99999999\n");
    assert_ok(env_new_token(&e, &e.t, err));
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_LOCKED, "CKR_PIN_INCORRECT");
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_LOCKED, e.f.pin_file);
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_LOCKED, "write the right PIN to that file");
    g_assert_cmpint(token_state(e.t), ==, TOKEN_LOCKED);
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(token_poll(e.t), ==, TOKEN_LOCKED);
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_Login]), ==, 1);
    g_assert_cmpuint(e.guard.burnt->len, ==, 1);
    g_assert_null(strstr(e.guard.burnt->pdata[0], "99999999"));
    g_assert_cmpuint(sink_count(&e.sink, EVENT_TOKEN_PIN_WRONG), ==, 1);
    assert_ok(env_new_token(&e, &again, err));
    assert_fails(token_open(again, err), MEF_ERROR_TOKEN_LOCKED, "not tried again");
    token_free(again);
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_Login]), ==, 1);
    /* A record that cannot be read is no permission. */
    e.guard.fail = -EIO;
    token_fixture_write(e.f.pin_file, TOKEN_FIXTURE_PIN "\n");
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_LOCKED, "cannot be read from the store");
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_Login]), ==, 1);
    e.guard.fail = 0;
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT); /* the file was replaced */
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_Login]), ==, 2);
    env_teardown(&e);
}

/* The store is full: this object still remembers. A token that wants no login is asked for none. */
static int burn_fails(void *ctx, const char *serial, const char *identity)
{
    return -ENOSPC;
}

static void test_burn_fails(void)
{
    struct env e;

    env_setup(&e, true);
    e.pin_guard.burn = burn_fails;
    token_fixture_write(e.f.pin_file, "99999999\n");
    assert_ok(env_new_token(&e, &e.t, err));
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_LOCKED, "CKR_PIN_INCORRECT");
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_LOCKED, "not tried again");
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_LOCKED);
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_Login]), ==, 1);
    g_assert_cmpuint(sink_count(&e.sink, EVENT_STORE_FAILED), ==, 1);
    atomic_store(&e.shim->flags_clear, CKF_LOGIN_REQUIRED);
    assert_ok(token_open(e.t, err));
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_Login]), ==, 1);
    env_teardown(&e);
}

/* Other failures of a login burn nothing; a locked PIN is not knocked at. */
static void test_login_failures(void)
{
    struct env e;

    env_setup(&e, true);
    assert_ok(env_new_token(&e, &e.t, err));
    shim_fail(&e, SHIM_Login, 1, CKR_FUNCTION_FAILED, false);
    assert_fails(token_open(e.t, err), MEF_ERROR_FAILED, "C_Login failed with CKR_FUNCTION_FAILED");
    g_assert_cmpuint(e.guard.burnt->len, ==, 0);
    /* Once more by itself, not three times; whoever asks for it gets another attempt. */
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT);
    token_close(e.t);
    shim_fail(&e, SHIM_Login, 1, CKR_FUNCTION_FAILED, true);
    for (int i = 0; i < 4; i++)
        g_assert_cmpint(token_poll(e.t), !=, TOKEN_PRESENT);
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_Login]), ==, 2);
    g_assert_cmpint(token_state(e.t), ==, TOKEN_LOCKED);
    shim_fail(&e, SHIM_Login, 1, CKR_FUNCTION_FAILED, false);
    assert_fails(token_open(e.t, err), MEF_ERROR_FAILED, "C_Login failed with CKR_FUNCTION_FAILED");
    atomic_store(&e.shim->flags_set, CKF_USER_PIN_COUNT_LOW);
    g_assert_cmpint(token_poll(e.t), !=, TOKEN_PRESENT); /* it was counted: no more */
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_Login]), ==, 1);
    atomic_store(&e.shim->flags_set, 0);
    assert_ok(token_open(e.t, err));
    token_close(e.t);
    shim_fail(&e, SHIM_Login, 1, CKR_PIN_LOCKED, false);
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_LOCKED, "CKR_PIN_LOCKED: unlock the user PIN");
    g_assert_cmpint(token_state(e.t), ==, TOKEN_LOCKED);
    g_assert_cmpuint(e.guard.burnt->len, ==, 0);
    atomic_store(&e.shim->flags_set, CKF_USER_PIN_LOCKED);
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_LOCKED, "has locked its user PIN");
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_LOCKED);
    g_assert_cmpuint(atomic_load(&e.shim->count[SHIM_Login]), ==, 1);
    atomic_store(&e.shim->flags_set, 0);
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT); /* somebody unlocked it */
    token_free(e.t);
    /* A credential is a new file at each start: its last attempt is left to a person. */
    char *credential = g_build_filename(e.f.dir, "mefclient.pin", NULL);
    token_fixture_write(credential, TOKEN_FIXTURE_PIN "\n");
    const struct token_params p = {.uri = e.f.uri, .module = SHIM_MODULE, .credentials_dir = e.f.dir};
    atomic_store(&e.shim->flags_set, CKF_USER_PIN_FINAL_TRY);
    assert_ok(token_new(&p, &e.t, err));
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_LOCKED, "one more attempt");
    g_free(credential);
    env_teardown(&e);
}

static void test_read_only(void)
{
    struct env e;
    struct token_info i;
    const uint8_t id[20] = {9};

    env_setup(&e, true);
    env_open(&e);
    assert_ok(token_generate_p256(e.t, ID, 20, "key", err));
    token_close(e.t);
    atomic_store(&e.shim->flags_set, CKF_WRITE_PROTECTED);
    assert_ok(token_open(e.t, err));
    g_assert_cmpint(token_info(e.t, &i), ==, 0);
    g_assert_true(i.read_only);
    token_info_clear(&i);
    assert_ok(token_find_key(e.t, ID, 20, err));
    assert_ok(token_generate_p256(e.t, ID, 20, "key", err)); /* is there already */
    assert_fails(token_generate_p256(e.t, id, 20, "key", err), MEF_ERROR_READ_ONLY,
                 "token 'mef' is write-protected");
    assert_fails(token_delete_id(e.t, TOKEN_ANY, ID, 20, NULL, err), MEF_ERROR_READ_ONLY, "write-protected");
    assert_ok(token_delete_id(e.t, TOKEN_ANY, id, 20, NULL, err)); /* nothing to delete is no write */
    token_close(e.t);
    /* Found out only when the session is opened. */
    atomic_store(&e.shim->flags_set, 0);
    shim_fail(&e, SHIM_OpenSession, 1, CKR_TOKEN_WRITE_PROTECTED, false);
    assert_ok(token_open(e.t, err));
    assert_fails(token_delete_id(e.t, TOKEN_ANY, ID, 20, NULL, err), MEF_ERROR_READ_ONLY, "write-protected");
    token_close(e.t);
    assert_ok(token_open(e.t, err));
    /* Or by the call itself. */
    shim_fail(&e, SHIM_GenerateKeyPair, 1, CKR_SESSION_READ_ONLY, false);
    assert_fails(token_generate_p256(e.t, id, 20, "key", err), MEF_ERROR_READ_ONLY, "CKR_SESSION_READ_ONLY");
    env_teardown(&e);
}

static void test_full(void)
{
    struct env e;
    _cleanup_(secret_freep) struct secret *value = NULL;
    struct secret *read = NULL;

    env_setup(&e, true);
    env_open(&e);
    g_assert_cmpint(secret_copy("0123456789abcdef", 16, &value), ==, 0);
    assert_ok(token_put_secret(e.t, "one", value, err));
    shim_fail(&e, SHIM_CreateObject, 1, CKR_DEVICE_MEMORY, false);
    assert_fails(token_put_secret(e.t, "two", value, err), MEF_ERROR_TOKEN_FULL,
                 "token 'mef': C_CreateObject failed with CKR_DEVICE_MEMORY");
    g_assert_cmpint(token_state(e.t), ==, TOKEN_FULL);
    g_assert_cmpuint(sink_count(&e.sink, EVENT_TOKEN_FAILED), ==, 1);
    assert_ok(token_get_secret(e.t, "one", &read, err)); /* reading goes on */
    secret_free(read);
    shim_fail(&e, SHIM_GenerateKeyPair, 1, CKR_DEVICE_MEMORY, false);
    assert_fails(token_generate_p256(e.t, ID, 20, "key", err), MEF_ERROR_TOKEN_FULL, "C_GenerateKeyPair");
    assert_ok(token_delete_label(e.t, TOKEN_SECRET_KEY, "one", NULL, err)); /* makes room */
    g_assert_cmpint(token_state(e.t), ==, TOKEN_PRESENT);
    assert_ok(token_put_secret(e.t, "two", value, err));
    env_teardown(&e);
}

/* The token goes in the middle of the work, and comes back. */
static void test_vanish(void)
{
    struct env e;
    struct token_info i;

    env_setup(&e, true);
    env_open(&e);
    assert_ok(token_generate_p256(e.t, ID, 20, "key", err));
    atomic_store(&e.shim->removed, true);
    assert_fails(token_find_key(e.t, ID, 20, err), MEF_ERROR_TOKEN_UNAVAILABLE, "CKR_DEVICE_REMOVED");
    g_assert_cmpint(token_state(e.t), ==, TOKEN_ABSENT);
    assert_fails(token_find_key(e.t, ID, 20, err), MEF_ERROR_TOKEN_UNAVAILABLE, "CKR_DEVICE_REMOVED");
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_ABSENT);
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_ABSENT);
    g_assert_cmpint(token_info(e.t, &i), ==, 0);
    g_assert_cmpstr(i.label, ==, "mef"); /* still says which token is missed */
    g_assert_cmpint(i.last.word, ==, MEF_ERROR_TOKEN_UNAVAILABLE);
    token_info_clear(&i);
    atomic_store(&e.shim->removed, false);
    atomic_fetch_add(&e.shim->epoch, 1);
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT);
    assert_ok(token_find_key(e.t, ID, 20, err));
    /* Unnoticed between two calls: only the session is dead. */
    atomic_fetch_add(&e.shim->epoch, 1);
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT);
    assert_ok(token_find_key(e.t, ID, 20, err));
    shim_fail(&e, SHIM_GetSessionInfo, 1, CKR_DEVICE_ERROR, true);
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_ERROR);
    shim_fail(&e, SHIM_GetSessionInfo, 0, 0, false);
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT);
    env_teardown(&e);
}

/* Each call of a whole piece of work fails once, with each of a few codes: no crash, a sentence that names
 * the call, and afterwards everything works. */
static int piece_of_work(struct token *t, const struct der *cert, unsigned long code, struct mef_error *err)
{
    _cleanup_(secret_freep) struct secret *value = NULL;
    struct secret *read = NULL;
    uint8_t xy[64], rs[64], id[TOKEN_ID_MAX], print[32];
    struct der got = {0}, found = {0};
    struct der_list list = {0};
    char **labels = NULL;
    size_t id_len;
    int r;

    g_assert_cmpint(secret_copy("0123456789abcdef", 16, &value), ==, 0);
    sha256(cert, print);
    (void)((r = token_generate_p256(t, ID, 20, "key", err)) < 0 ||
           (r = token_public_key(t, ID, 20, xy, err)) < 0 ||
           (r = token_sign_p256(t, ID, 20, xy, 32, rs, err)) < 0 ||
           (r = token_put_secret(t, "01-psk@mef.example", value, err)) < 0 ||
           (r = token_get_secret(t, "01-psk@mef.example", &read, err)) < 0 ||
           (r = token_delete_label(t, TOKEN_SECRET_KEY, "01-psk@mef.example", NULL, err)) < 0 ||
           (r = token_put_cert(t, ID, 20, "key", cert, false, err)) < 0 ||
           (r = token_put_cert(t, NULL, 0, "mef.example CA", cert, true, err)) < 0 ||
           (r = token_get_cert(t, ID, 20, &got, err)) < 0 ||
           (r = token_find_cert(t, print, 16, id, &id_len, &found, err)) < 0 ||
           (r = token_list_certs(t, "mef.example CA", &list, err)) < 0 ||
           (r = token_list_secrets(t, "@mef.example", &labels, err)) < 0 ||
           (r = token_delete_cert(t, print, NULL, NULL, err)) < 0 ||
           (r = token_delete_id(t, TOKEN_PAIR, ID, 20, NULL, err)) < 0);
    /* A handle that is not valid is an object that somebody has deleted. */
    g_assert_true(r < 0 || ((list.n == 1 || code == CKR_OBJECT_HANDLE_INVALID) && found.len == cert->len &&
                            got.len == cert->len));
    free(got.data);
    free(found.data);
    der_list_clear(&list);
    if (labels)
        strv_free(labels);
    secret_free(read);
    return r;
}

static void test_each_call_fails(void)
{
    static const char *const names[] = {
#define X(name) "C_" #name,
        SHIM_FUNCTIONS
#undef X
    };
    static const unsigned long codes[] = {CKR_GENERAL_ERROR, CKR_DEVICE_REMOVED, CKR_OBJECT_HANDLE_INVALID,
                                          CKR_DEVICE_ERROR, 0x80001234ul};
    unsigned failed = 0, total = 0;
    struct env e;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = make_cert("device", key, NULL, NULL, 1);
    struct der cert = cert_der(x);

    env_setup(&e, true);
    env_open(&e);
    assert_ok(piece_of_work(e.t, &cert, CKR_OK, err));
    for (int f = SHIM_FindObjectsInit; f < SHIM_MAX; f++) {
        for (unsigned at = 1; at < 100; at++) {
            struct mef_error why = {0};
            unsigned long code = codes[(at + (unsigned)f) % G_N_ELEMENTS(codes)];
            if (token_state(e.t) != TOKEN_PRESENT)
                g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT);
            shim_fail(&e, (enum shim_function)f, at, code, false);
            int r = piece_of_work(e.t, &cert, code, &why);
            bool reached = atomic_load(&e.shim->count[f]) >= at;
            shim_fail(&e, (enum shim_function)f, 0, 0, false);
            total += reached;
            if (!reached)
                break;
            if (r < 0) {
                failed++;
                g_assert_cmpint(why.word, !=, MEF_ERROR_NONE);
                g_assert_nonnull(strstr(why.text, "token 'mef'"));
                if (!strstr(why.text, names[f]) && code != CKR_OBJECT_HANDLE_INVALID)
                    g_error("%s, call %u, code 0x%lx: %s", names[f], at, code, why.text);
            }
            if (token_state(e.t) != TOKEN_PRESENT)
                g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT);
            assert_ok(piece_of_work(e.t, &cert, CKR_OK, err));
        }
    }
    g_test_message("%u injected failures, %u seen by the caller", total, failed);
    g_assert_cmpuint(failed, >, 50);
    free(cert.data);
    X509_free(x);
    EVP_PKEY_free(key);
    env_teardown(&e);
}

/* ---- stopping ---- */

struct caller {
    struct token *t;
    struct mef_error err;
    int r;
};

static gpointer call_find(gpointer data)
{
    struct caller *c = data;
    c->r = token_find_key(c->t, ID, 20, &c->err);
    return NULL;
}

/* One call hangs in the module, a second waits behind it: stop lets the second go at once, and free leaves
 * the first alone. */
static void test_hang(void)
{
    struct env e;
    int pipe_fd[2];

    env_setup(&e, true);
    env_open(&e);
    g_assert_cmpint(pipe2(pipe_fd, O_CLOEXEC), ==, 0);
    atomic_store(&e.shim->count[SHIM_FindObjectsInit], 0);
    atomic_store(&e.shim->hang_in, SHIM_FindObjectsInit);
    atomic_store(&e.shim->hang_fd, pipe_fd[0]);
    struct caller hung = {.t = e.t}, waits = {.t = e.t};
    GThread *first = g_thread_new("hung", call_find, &hung);
    while (atomic_load(&e.shim->count[SHIM_FindObjectsInit]) == 0)
        g_thread_yield();
    g_assert_true(token_busy(e.t));
    GThread *second = g_thread_new("waits", call_find, &waits);
    token_stop(e.t);
    g_thread_join(second);
    g_assert_cmpint(waits.r, ==, -ECANCELED);
    g_assert_cmpint(waits.err.word, ==, MEF_ERROR_CANCELLED);
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT); /* refused, does not block */
    g_assert_true(token_busy(e.t));
    /* What token_free() would do now is to leave everything; the test lets the call end to stay clean. */
    g_assert_cmpint(write(pipe_fd[1], "x", 1), ==, 1);
    g_thread_join(first);
    g_assert_cmpint(hung.err.word, ==, MEF_ERROR_NOT_FOUND);
    g_assert_false(token_busy(e.t));
    assert_fails(token_open(e.t, err), MEF_ERROR_CANCELLED, "being closed");
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    env_teardown(&e);
}

static struct token *abandoned; /* what stays behind on purpose is still to be reached */

/* In a process of its own: free does not wait for a call that hangs, and the call may still come back. */
static void test_abandon(void)
{
    struct env e;
    int pipe_fd[2];

    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 60 * G_USEC_PER_SEC, 0);
        g_test_trap_assert_passed();
        return;
    }
    env_setup(&e, true);
    env_open(&e);
    abandoned = e.t;
    g_assert_cmpint(pipe2(pipe_fd, O_CLOEXEC), ==, 0);
    atomic_store(&e.shim->count[SHIM_FindObjectsInit], 0);
    atomic_store(&e.shim->hang_in, SHIM_FindObjectsInit);
    atomic_store(&e.shim->hang_fd, pipe_fd[0]);
    struct caller hung = {.t = e.t};
    GThread *thread = g_thread_new("hung", call_find, &hung);
    while (atomic_load(&e.shim->count[SHIM_FindObjectsInit]) == 0)
        g_thread_yield();
    token_free(e.t);
    g_assert_cmpint(write(pipe_fd[1], "x", 1), ==, 1);
    g_thread_join(thread);
    g_assert_cmpint(hung.err.word, ==, MEF_ERROR_NOT_FOUND);
    e.t = NULL;
    env_teardown(&e);
    _exit(0);
}

/* SoftHSM sees new tokens only when it starts: a token made after our first look is found all the same. */
static void test_late_token(void)
{
    struct env e;

    env_setup(&e, false);
    const struct token_params p = {
        .uri = "pkcs11:token=late", .module = e.f.module, .pin_file = e.f.pin_file, .sink = &e.event_sink};
    assert_ok(token_new(&p, &e.t, err));
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_UNAVAILABLE, "no token fits");
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(token_poll(e.t), ==, TOKEN_ABSENT);
    g_assert_cmpuint(sink_count(&e.sink, EVENT_TOKEN_ABSENT), ==, 1); /* said once */
    token_fixture_add(&e.f, "late");
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_PRESENT);
    env_teardown(&e);
}

/* Without a module path: the modules of p11-kit's own configuration. */
static void test_configured_modules(void)
{
    struct env e;

    if (!g_file_test("/usr/share/p11-kit/modules/softhsm2.module", G_FILE_TEST_EXISTS)) {
        g_test_skip("p11-kit has no SoftHSM module configured");
        return;
    }
    env_setup(&e, false);
    const struct token_params p = {.uri = e.f.uri, .pin_file = e.f.pin_file};
    assert_ok(token_new(&p, &e.t, err));
    assert_ok(token_open(e.t, err));
    assert_ok(token_generate_p256(e.t, ID, 20, "key", err));
    token_free(e.t);
    const struct token_params none = {.uri = "pkcs11:token=absent", .pin_file = e.f.pin_file};
    assert_ok(token_new(&none, &e.t, err));
    assert_fails(token_open(e.t, err), MEF_ERROR_TOKEN_UNAVAILABLE, "no token fits");
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_ABSENT);
    g_assert_cmpint(token_poll(e.t), ==, TOKEN_ABSENT);
    env_teardown(&e);
}

static void test_names(void)
{
    char buf[32];

    g_assert_cmpstr(token_ckr_name(0xa0, buf), ==, "CKR_PIN_INCORRECT");
    g_assert_cmpstr(token_ckr_name(0x80001234ul, buf), ==, "CKR_0x80001234");
    static const char *const words[] = {"absent", "present", "locked", "full", "error"};
    for (unsigned i = 0; i < TOKEN_STATE_MAX_; i++)
        g_assert_cmpstr(token_state_name((enum token_state)i), ==, words[i]);
}

/* token-tool: the key comes from a file or standard input, and is in no output. */
static void test_tool(void)
{
    struct env e;
    char *out = NULL, *err_text = NULL;
    int status;
    struct secret *value = NULL;

    env_setup(&e, false);
    char *key = g_build_filename(e.f.dir, "key", NULL);
    token_fixture_write(key, "00112233445566778899aabbccddeeff\n");
    const char *argv[] = {TOKEN_TOOL,   "--module",    e.f.module,         "--uri", e.f.uri, "--pin-file",
                          e.f.pin_file, "init-secret", "01-k@mef.example", key,     NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, &out, &err_text, &status, NULL));
    g_assert_cmpstr(err_text, ==, "");
    g_assert_cmpint(status, ==, 0);
    g_free(out);
    g_free(err_text);
    argv[7] = "list";
    argv[8] = NULL;
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, &out, &err_text, &status, NULL));
    g_assert_cmpstr(out, ==, "secret-key\t-\t01-k@mef.example\t-\n");
    g_free(out);
    g_free(err_text);
    env_open(&e);
    assert_ok(token_get_secret(e.t, "01-k@mef.example", &value, err));
    g_assert_cmpuint(value->len, ==, 16);
    g_assert_cmpint(value->data[15], ==, 0xff);
    secret_free(value);
    argv[7] = "delete";
    argv[8] = "01-k@mef.example";
    argv[9] = NULL;
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, &out, &err_text, &status, NULL));
    g_assert_cmpint(status, ==, 0);
    g_free(out);
    g_free(err_text);
    /* Another process deleted it: our index must notice. */
    assert_fails(token_get_secret(e.t, "01-k@mef.example", &value, err), MEF_ERROR_NOT_FOUND,
                 "01-k@mef.example");
    g_free(key);
    env_teardown(&e);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/token/uri/refusals", test_uri);
    g_test_add_func("/token/open/by-uri", test_open);
    g_test_add_func("/token/pin/sources", test_pin_sources);
    g_test_add_func("/token/pin/exposed-file", test_pin_exposed);
    g_test_add_func("/token/pin/wrong-pin-once", test_pin_burnt);
    g_test_add_func("/token/pin/record-not-written", test_burn_fails);
    g_test_add_func("/token/pin/other-failures", test_login_failures);
    g_test_add_func("/token/state/read-only", test_read_only);
    g_test_add_func("/token/state/full", test_full);
    g_test_add_func("/token/state/vanish-and-return", test_vanish);
    g_test_add_func("/token/failures/each-call", test_each_call_fails);
    g_test_add_func("/token/stop/hung-call", test_hang);
    g_test_add_func("/token/stop/abandoned-call", test_abandon);
    g_test_add_func("/token/open/made-later", test_late_token);
    g_test_add_func("/token/open/configured-modules", test_configured_modules);
    g_test_add_func("/token/names", test_names);
    g_test_add_func("/token/tool", test_tool);
    return g_test_run();
}
