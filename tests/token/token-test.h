/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the token tests: opening tokens, certificates made on the spot, the shim's control block, a pin
 * guard and an event sink that remember. */
#pragma once

#include <dlfcn.h>
#include <glib.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "pkcs11/provider.h"
#include "pkcs11/token.h"
#include "plugin/base/str.h"
#include "tests/lib/token-fixture.h"
#include "tests/token/shim.h"

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        struct mef_error error_ = {0};                                                                       \
        struct mef_error *err = &error_;                                                                     \
        int r_ = (call);                                                                                     \
        if (r_ != 0)                                                                                         \
            g_error("%s: %d %s: %s", #call, r_, mef_error_name(error_.word), error_.text);                   \
    } while (0)

/* The call fails with this word and a sentence that holds this text. */
#define assert_fails(call, word_, text_)                                                                     \
    do {                                                                                                     \
        struct mef_error error_ = {0};                                                                       \
        struct mef_error *err = &error_;                                                                     \
        int r_ = (call);                                                                                     \
        g_assert_cmpint(r_, <, 0);                                                                           \
        g_assert_cmpint(r_, ==, mef_error_errno(word_));                                                     \
        g_assert_cmpstr(mef_error_name(error_.word), ==, mef_error_name(word_));                             \
        if (!strstr(error_.text, (text_)))                                                                   \
            g_error("%s: sentence without '%s': %s", #call, (text_), error_.text);                           \
    } while (0)

/* ---- guard and sink ---- */

struct guard {
    GPtrArray *burnt; /* "serial identity" */
    unsigned asked;
    int fail; /* what is_burnt answers instead, when negative */
};

static inline int guard_is_burnt(void *ctx, const char *serial, const char *identity)
{
    struct guard *g = ctx;
    char *key = g_strdup_printf("%s %s", serial, identity);
    gboolean found = g_ptr_array_find_with_equal_func(g->burnt, key, g_str_equal, NULL);

    g->asked++;
    g_free(key);
    return g->fail < 0 ? g->fail : found;
}

static inline int guard_burn(void *ctx, const char *serial, const char *identity)
{
    struct guard *g = ctx;

    g_ptr_array_add(g->burnt, g_strdup_printf("%s %s", serial, identity));
    return 0;
}

struct sink {
    GMutex lock;
    GPtrArray *lines; /* "id message" */
};

static inline void sink_emit(void *ctx, const struct event *e)
{
    struct sink *s = ctx;

    g_mutex_lock(&s->lock);
    g_ptr_array_add(s->lines, g_strdup_printf("%d %s", e->id, e->message));
    g_mutex_unlock(&s->lock);
}

static inline unsigned sink_count(struct sink *s, enum event_id id)
{
    unsigned n = 0;

    g_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->lines->len; i++)
        n += atoi(s->lines->pdata[i]) == (int)id;
    g_mutex_unlock(&s->lock);
    return n;
}

/* ---- one test's token ---- */

struct env {
    struct token_fixture f;
    struct guard guard;
    struct token_pin_guard pin_guard;
    struct sink sink;
    struct event_sink event_sink;
    struct shim_control *shim; /* NULL: SoftHSM itself */
    void *shim_lib;
    struct token *t;
};

static inline int env_new_token(struct env *e, struct token **ret, struct mef_error *err)
{
    const struct token_params p = {.uri = e->f.uri,
                                   .module = e->shim ? SHIM_MODULE : e->f.module,
                                   .pin_file = e->f.pin_file,
                                   .guard = &e->pin_guard,
                                   .sink = &e->event_sink};

    return token_new(&p, ret, err);
}

static inline void shim_reset(struct shim_control *c)
{
    memset((void *)c, 0, sizeof *c);
}

static inline void shim_fail(struct env *e, enum shim_function f, unsigned at, unsigned long rv, bool on)
{
    atomic_store(&e->shim->count[f], 0);
    atomic_store(&e->shim->fail_with[f], rv);
    atomic_store(&e->shim->fail_on[f], on);
    atomic_store(&e->shim->fail_at[f], at);
}

static inline void env_setup(struct env *e, bool shim)
{
    *e = (struct env){0};
    token_fixture_setup(&e->f, "mef");
    e->guard.burnt = g_ptr_array_new_with_free_func(g_free);
    e->pin_guard = (struct token_pin_guard){&e->guard, guard_is_burnt, guard_burn};
    g_mutex_init(&e->sink.lock);
    e->sink.lines = g_ptr_array_new_with_free_func(g_free);
    e->event_sink = (struct event_sink){&e->sink, sink_emit};
    if (shim) {
        e->shim_lib = dlopen(SHIM_MODULE, RTLD_NOW | RTLD_LOCAL);
        if (!e->shim_lib)
            g_error("%s", dlerror());
        e->shim = dlsym(e->shim_lib, "shim_control");
        g_assert_nonnull(e->shim);
        shim_reset(e->shim);
    }
}

static inline void env_open(struct env *e)
{
    assert_ok(env_new_token(e, &e->t, err));
    assert_ok(token_open(e->t, err));
    g_assert_cmpint(token_state(e->t), ==, TOKEN_PRESENT);
}

/* Also checks that no event and no sentence held the PIN. */
static inline void env_teardown(struct env *e)
{
    for (unsigned i = 0; i < e->sink.lines->len; i++)
        g_assert_null(strstr(e->sink.lines->pdata[i], TOKEN_FIXTURE_PIN));
    token_free(e->t);
    g_ptr_array_free(e->guard.burnt, TRUE);
    g_ptr_array_free(e->sink.lines, TRUE);
    g_mutex_clear(&e->sink.lock);
    if (e->shim_lib)
        dlclose(e->shim_lib);
    token_fixture_teardown(&e->f);
}

/* ---- certificates ---- */

/* A certificate for `subject` signed by `signer` (its own key when NULL: self-signed). */
static inline X509 *make_cert(const char *name, EVP_PKEY *subject, const char *issuer, EVP_PKEY *signer,
                              long serial)
{
    X509 *x = X509_new();
    X509_NAME *n = X509_NAME_new();

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_subject_name(x, n);
    X509_NAME_free(n);
    n = X509_NAME_new();
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)(issuer ? issuer : name), -1,
                               -1, 0);
    X509_set_issuer_name(x, n);
    X509_NAME_free(n);
    g_assert_cmpint(X509_set_pubkey(x, subject), ==, 1);
    if (!signer) {
        X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        X509_add_ext(x, ca, -1);
        X509_EXTENSION_free(ca);
    }
    g_assert_cmpint(X509_sign(x, signer ? signer : subject, EVP_sha256()), >, 0);
    return x;
}

static inline struct der cert_der(X509 *x)
{
    struct der d = {0};
    unsigned char *p = NULL;
    int n = i2d_X509(x, &p);

    g_assert_cmpint(n, >, 0);
    d.data = malloc((size_t)n);
    memcpy(d.data, p, (size_t)n);
    d.len = (size_t)n;
    OPENSSL_free(p);
    return d;
}

static inline void sha256(const struct der *d, uint8_t ret[32])
{
    g_assert_cmpint(EVP_Digest(d->data, d->len, ret, NULL, EVP_sha256(), NULL), ==, 1);
}
