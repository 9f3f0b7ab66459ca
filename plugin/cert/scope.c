/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private OpenSSL contexts and what all of plugin/cert needs of keys and certificates (design.md 4: no
 * default context). Ownership: the scope owns its context, unless it is shared; what was parsed belongs to
 * the thread until cert_end(). Thread: the caller's; the default is a thread's own. */
#include "plugin/cert/scope.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/cert/chain.h"

#define PARSED_MAX 16 /* certificates; an enrolment meets four */

/* A thread's own, and gone with cert_end(). */
static _Thread_local struct {
    bool on, own; /* own: the context is ours to free */
    OSSL_LIB_CTX *lib;
    struct parsed {
        X509 *cert;
        unsigned char *der;
        size_t len;
    } parsed[PARSED_MAX]; /* a ring */
    unsigned next;
} shared;

void cert_begin(OSSL_LIB_CTX *lib)
{
    shared.on = true;
    shared.own = !lib;
    shared.lib = lib;
}

static void parsed_clear(struct parsed *p)
{
    X509_free(p->cert);
    free(p->der);
    *p = (struct parsed){0};
}

void cert_end(void)
{
    for (size_t i = 0; i < PARSED_MAX; i++) /* before what their keys came from */
        parsed_clear(&shared.parsed[i]);
    if (shared.own)
        OSSL_LIB_CTX_free(shared.lib);
    shared.lib = NULL;
    shared.on = shared.own = false;
    shared.next = 0;
}

/* A key belongs to the context that it was decoded in: another one on this thread gets its own. */
static bool remembers(void)
{
    return shared.lib && OSSL_LIB_CTX_set0_default(NULL) == shared.lib;
}

static X509 *recall(const void *der, size_t len)
{
    for (size_t i = 0; remembers() && i < PARSED_MAX; i++) {
        const struct parsed *p = &shared.parsed[i];

        if (p->len == len && memcmp(p->der, der, len) == 0)
            return p->cert;
    }
    return NULL;
}

/* Without memory it is parsed again the next time. */
void cert_remember(X509 *cert, const void *der, size_t len)
{
    struct parsed *at = &shared.parsed[shared.next];
    unsigned char *copy = remembers() && !recall(der, len) ? malloc(len) : NULL;

    if (!copy || !X509_up_ref(cert)) {
        free(copy);
        return;
    }
    memcpy(copy, der, len);
    parsed_clear(at);
    *at = (struct parsed){.cert = cert, .der = copy, .len = len};
    shared.next = (shared.next + 1) % PARSED_MAX;
}

int scope_enter(struct scope *s)
{
    s->shared = shared.on;
    s->lib = shared.lib ? shared.lib : OSSL_LIB_CTX_new();
    if (!s->lib)
        return -ENOMEM;
    if (s->shared)
        shared.lib = s->lib;
    ERR_set_mark();
    scope_resume(s);
    return 0;
}

void scope_leave(struct scope *s)
{
    scope_pause(s);
    ERR_pop_to_mark();
    if (!s->shared)
        OSSL_LIB_CTX_free(s->lib);
    s->lib = NULL;
}

void scope_pause(struct scope *s)
{
    OSSL_LIB_CTX_set0_default(s->before);
}

void scope_resume(struct scope *s)
{
    s->before = OSSL_LIB_CTX_set0_default(s->lib);
}

int key_point(EVP_PKEY *key, uint8_t ret[POINT_LEN])
{
    static const char *const names[] = {OSSL_PKEY_PARAM_PUB_KEY, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY};
    char group[32] = "";

    if (!key || !EVP_PKEY_get_group_name(key, group, sizeof group, NULL) ||
        !(streq(group, "prime256v1") || streq(group, "P-256")))
        return -EINVAL;
    for (size_t i = 0; i < ELEMENTS(names); i++) {
        uint8_t point[POINT_LEN + 1];
        size_t n = 0;

        if (EVP_PKEY_get_octet_string_param(key, names[i], point, sizeof point, &n) && n == POINT_LEN &&
            point[0] == 0x04) {
            memcpy(ret, point, POINT_LEN);
            return 0;
        }
    }
    return -EINVAL;
}

void point_spki(const uint8_t point[POINT_LEN], uint8_t ret[SPKI_LEN])
{
    /* SEQUENCE { SEQUENCE { id-ecPublicKey, secp256r1 }, BIT STRING } */
    static const uint8_t head[SPKI_LEN - POINT_LEN] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                                       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                                       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

    memcpy(ret, head, sizeof head);
    memcpy(ret + sizeof head, point, POINT_LEN);
}

X509 *cert_parse(const void *der, size_t len)
{
    const unsigned char *p = der;
    X509 *cert;

    if (!der || len == 0 || len > LIMIT_CERTIFICATE)
        return NULL;
    cert = recall(der, len);
    if (cert)
        return X509_up_ref(cert) ? cert : NULL;
    cert = d2i_X509(NULL, &p, (long)len);
    if (cert && p != (const unsigned char *)der + len) {
        X509_free(cert);
        return NULL;
    }
    if (cert)
        cert_remember(cert, der, len);
    return cert;
}
