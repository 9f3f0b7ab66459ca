/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS of a session (mef-protocol.md 3.1, 3.2). libcurl makes an SSL_CTX for each new connection and hands it
 * over here; everything that counts is set explicitly, since the system's openssl.cnf has been applied to it
 * by then. Ownership: struct tls owns key reference, certificates and the wiped copy of the PSK. Thread: the
 * session's. */
#include "plugin/net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "plugin/base/cancel.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/cert/chain.h"

#define SECURITY_LEVEL 2 /* 112 bits and no SHA-1 signatures; the mandatory suites pass */
#define VERIFY_DEPTH   8

/* The offer by kind: mandatory first, then what an option adds. The code points are checked after the
 * handshake. */
static const struct offer {
    const char *mandatory, *with_extra;
    uint16_t suite, extra;
} offers[] = {
    [CREDENTIAL_PSK] = {"PSK-AES128-CBC-SHA256", "PSK-AES128-CBC-SHA256:ECDHE-PSK-AES128-CBC-SHA256", 0x00ae,
                        0xc037},
    [CREDENTIAL_CERT] = {"ECDHE-ECDSA-AES128-SHA256",
                         "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", 0xc023, 0xc02b},
};

static int init_psk(struct tls *t, const struct credential *with, struct mef_error *reterr)
{
    if (!with->identity || !*with->identity || strlen(with->identity) > LIMIT_PSK_IDENTITY)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "The PSK identity for '%s' must have 1 to %u octets.", t->fqdn, LIMIT_PSK_IDENTITY);
    if (!with->psk || with->psk->len == 0 || with->psk->len > LIMIT_PSK)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "The key of '%s' must have 1 to %u octets.",
                        with->identity, LIMIT_PSK);
    t->identity = strdup(with->identity);
    if (!t->identity)
        return -ENOMEM;
    return secret_copy(with->psk->data, with->psk->len, &t->psk);
}

static int init_chain(struct tls *t, const struct credential *with, struct mef_error *reterr)
{
    if (!with->key || !with->chain || with->chain->n == 0)
        return mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG, "There is no key with a certificate for '%s'.",
                        t->fqdn);
    t->intermediates = sk_X509_new_null();
    if (!t->intermediates)
        return -ENOMEM;
    for (size_t i = 0; i < with->chain->n; i++) {
        X509 *cert = cert_parse(with->chain->item[i].data, with->chain->item[i].len);

        if (!cert)
            return mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG,
                            "Certificate %zu of ours for '%s' does not parse.", i + 1, t->fqdn);
        if (i == 0)
            t->leaf = cert;
        else if (!sk_X509_push(t->intermediates, cert)) {
            X509_free(cert);
            return -ENOMEM;
        }
    }
    if (!X509_check_private_key(t->leaf, with->key))
        return mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG,
                        "Our certificate for '%s' does not belong to the key.", t->fqdn);
    if (!EVP_PKEY_up_ref(with->key))
        return -ENOMEM;
    t->key = with->key;
    return 0;
}

static int init_anchors(struct tls *t, const struct credential *with, struct mef_error *reterr)
{
    bool machine = with->kind == CREDENTIAL_ANONYMOUS && with->system_anchors;

    if (!machine && (!with->anchors || with->anchors->n == 0))
        return mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG,
                        "No trust anchor is configured for '%s'; link one to its profile.", t->fqdn);
    t->anchors = X509_STORE_new();
    if (!t->anchors)
        return -ENOMEM;
    /* A machine without trust anchors of its own is no error: ours may do. */
    if (machine)
        (void)X509_STORE_set_default_paths(t->anchors);
    for (size_t i = 0; with->anchors && i < with->anchors->n; i++) {
        X509 *cert = cert_parse(with->anchors->item[i].data, with->anchors->item[i].len);
        int ok = cert && X509_STORE_add_cert(t->anchors, cert);

        X509_free(cert);
        if (!cert)
            return mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG,
                            "Trust anchor %zu for '%s' does not parse.", i + 1, t->fqdn);
        if (!ok)
            return -ENOMEM;
    }
    /* An anchor is what was configured, whether it signed itself or not. */
    X509_STORE_set_flags(t->anchors, X509_V_FLAG_PARTIAL_CHAIN);
    return 0;
}

int tls_init(struct tls *t, const char *fqdn, const struct credential *with, bool extra_suites,
             struct mef_error *reterr)
{
    struct tls made = {.kind = with->kind, .extra_suites = extra_suites, .alert_read = -1, .alert_sent = -1};
    int r;

    ERR_set_mark();
    made.fqdn = strdup(fqdn);
    made.export_label = with->export_label ? strdup(with->export_label) : NULL;
    if (!made.fqdn || (with->export_label && !made.export_label))
        r = -ENOMEM;
    else if (with->kind == CREDENTIAL_PSK)
        r = init_psk(&made, with, reterr);
    else if (with->kind == CREDENTIAL_CERT) {
        r = init_chain(&made, with, reterr);
        if (r == 0)
            r = init_anchors(&made, with, reterr);
    } else if (with->kind == CREDENTIAL_ANONYMOUS)
        r = init_anchors(&made, with, reterr);
    else
        r = mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "The credential for '%s' has no known kind.", fqdn);
    ERR_pop_to_mark();
    if (r < 0)
        tls_clear(&made);
    else
        *t = made;
    return r;
}

void tls_clear(struct tls *t)
{
    free(t->fqdn);
    free(t->export_label);
    OPENSSL_cleanse(t->exported, sizeof t->exported);
    free(t->identity);
    secret_free(t->psk);
    X509_free(t->leaf);
    sk_X509_pop_free(t->intermediates, X509_free);
    EVP_PKEY_free(t->key);
    X509_STORE_free(t->anchors);
    *t = (struct tls){0};
}

void tls_begin(struct tls *t)
{
    t->alert_read = t->alert_sent = -1;
    t->own_failure = false;
    t->why[0] = '\0';
}

/* ---- callbacks of OpenSSL --------------------------------------------------------------------------- */

static struct tls *tls_of(const SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static void note(const SSL *ssl, int where, int ret)
{
    struct tls *t = tls_of(ssl);

    if (where & SSL_CB_HANDSHAKE_START) {
        t->unique_len = 0;
        t->asked = t->has_export = false;
    }
    if ((where & SSL_CB_ALERT) && (ret & 0xff) != SSL_AD_CLOSE_NOTIFY) {
        if (where & SSL_CB_READ)
            t->alert_read = ret & 0xff;
        else
            t->alert_sent = ret & 0xff;
    }
}

static unsigned int give_psk(SSL *ssl, const char *hint, char *identity, unsigned int identity_max,
                             unsigned char *psk, unsigned int psk_max)
{
    struct tls *t = tls_of(ssl);
    size_t n = strlen(t->identity);

    if (n + 1 > identity_max || t->psk->len > psk_max)
        return 0;
    memcpy(identity, t->identity, n + 1);
    memcpy(psk, t->psk->data, t->psk->len); /* OpenSSL cleanses its buffer */
    return (unsigned int)t->psk->len;
}

static int asked_for_certificate(SSL *ssl, void *arg)
{
    ((struct tls *)arg)->asked = true;
    return 1;
}

static bool ia5_equal(const ASN1_IA5STRING *name, const char *fqdn)
{
    int n = ASN1_STRING_length(name);

    return n >= 0 && (size_t)n == strlen(fqdn) &&
           strncasecmp((const char *)ASN1_STRING_get0_data(name), fqdn, (size_t)n) == 0 &&
           !memchr(ASN1_STRING_get0_data(name), '\0', (size_t)n);
}

/* "scheme://[user@]host[:port][/...]" whose host is the FQDN (8.1.2.5). */
static bool uri_names(const ASN1_IA5STRING *uri, const char *fqdn)
{
    int len = ASN1_STRING_length(uri);
    char copy[LIMIT_URI + 1], *host;

    if (len <= 0 || (unsigned)len > LIMIT_URI)
        return false;
    memcpy(copy, ASN1_STRING_get0_data(uri), (size_t)len);
    copy[len] = '\0';
    host = strstr(copy, "://");
    if (!host || strlen(copy) != (size_t)len)
        return false;
    host += 3;
    host[strcspn(host, "/?#")] = '\0';
    if (strchr(host, '@'))
        return false;
    host[strcspn(host, ":")] = '\0';
    return str_ieq(host, fqdn);
}

/* Exactly the FQDN as a dNSName, or a URI with that host. No wildcard, no common name, no address (3.1). */
static bool certificate_names(const X509 *cert, const char *fqdn)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS)
            found = ia5_equal(name->d.dNSName, fqdn);
        else if (name->type == GEN_URI)
            found = uri_names(name->d.uniformResourceIdentifier, fqdn);
    }
    GENERAL_NAMES_free(names);
    return found;
}

static bool on_p256(X509 *cert)
{
    char group[32] = "";
    EVP_PKEY *key = X509_get0_pubkey(cert);

    return key && EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) &&
           streq(group, "prime256v1");
}

static int64_t usec_of(const ASN1_TIME *t)
{
    struct tm tm = {0};

    return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * (int64_t)USEC_PER_SEC : 0;
}

/* A device whose clock is wrong at boot finds every certificate out of its time: then that is said. */
static void say_distrust(struct tls *t, X509_STORE_CTX *ctx)
{
    int error = X509_STORE_CTX_get_error(ctx);
    const X509 *at = X509_STORE_CTX_get_current_cert(ctx);
    char when[VALIDITY_TEXT_LEN] = "";

    if (at && (error == X509_V_ERR_CERT_NOT_YET_VALID || error == X509_V_ERR_CERT_HAS_EXPIRED))
        validity_text(usec_of(X509_get0_notBefore(at)), usec_of(X509_get0_notAfter(at)), now_realtime(),
                      when);
    (void)snprintf(t->why, sizeof t->why, "its certificate is not trusted: %s%s%s",
                   X509_verify_cert_error_string(error), *when ? ": " : "", when);
}

static int verify(X509_STORE_CTX *ctx, void *arg)
{
    struct tls *t = arg;
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

    X509_VERIFY_PARAM_set_depth(param, VERIFY_DEPTH);
    if (X509_verify_cert(ctx) <= 0) {
        say_distrust(t, ctx);
        return 0;
    }
    if (t->kind == CREDENTIAL_ANONYMOUS) { /* a server of the web: names as RFC 6125 has them, any key */
        if (X509_check_host(leaf, t->fqdn, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1)
            return 1;
        snprintf(t->why, sizeof t->why, "its certificate does not name '%s'", t->fqdn);
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_HOSTNAME_MISMATCH);
        return 0;
    }
    if (!certificate_names(leaf, t->fqdn)) {
        snprintf(t->why, sizeof t->why, "its certificate does not name '%s' as a dNSName", t->fqdn);
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_HOSTNAME_MISMATCH);
        return 0;
    }
    if (!on_p256(leaf)) {
        snprintf(t->why, sizeof t->why, "the key of its certificate is not on P-256");
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM);
        return 0;
    }
    return 1;
}

/* The offer to a server of the web: what OpenSSL thinks fit at our security level, TLS 1.2 or later. */
static bool set_web_profile(SSL_CTX *ctx, struct tls *t)
{
    SSL_CTX_clear_options(ctx, SSL_CTX_get_options(ctx));
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_keylog_callback(ctx, NULL);
    SSL_CTX_set1_cert_store(ctx, t->anchors);
    SSL_CTX_set_cert_verify_callback(ctx, verify, t);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) && SSL_CTX_set_max_proto_version(ctx, 0) &&
           SSL_CTX_set_cipher_list(ctx, OSSL_default_cipher_list());
}

/* ---- the context ------------------------------------------------------------------------------------ */

static bool set_profile(SSL_CTX *ctx, const struct tls *t)
{
    const struct offer *o = &offers[t->kind];

    /* What a system section may have added is taken off again. */
    SSL_CTX_clear_options(ctx, SSL_CTX_get_options(ctx));
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                 SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_3);
    SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_keylog_callback(ctx, NULL); /* libcurl obeys SSLKEYLOGFILE */
    SSL_CTX_set_quiet_shutdown(ctx, 0);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) &&
           SSL_CTX_set_cipher_list(ctx, t->extra_suites ? o->with_extra : o->mandatory) &&
           SSL_CTX_set1_groups_list(ctx, "P-256") && SSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256") &&
           SSL_CTX_set1_client_sigalgs_list(ctx, "ECDSA+SHA256");
}

static bool set_certificate(SSL_CTX *ctx, struct tls *t)
{
    if (!SSL_CTX_use_certificate(ctx, t->leaf) || !SSL_CTX_use_PrivateKey(ctx, t->key))
        return false;
    SSL_CTX_clear_chain_certs(ctx);
    for (int i = 0; i < sk_X509_num(t->intermediates); i++)
        if (!SSL_CTX_add1_chain_cert(ctx, sk_X509_value(t->intermediates, i)))
            return false;
    SSL_CTX_set1_cert_store(ctx, t->anchors);
    SSL_CTX_set_cert_verify_callback(ctx, verify, t);
    SSL_CTX_set_cert_cb(ctx, asked_for_certificate, t);
    return true;
}

CURLcode tls_context(CURL *easy, void *ssl_ctx, void *userptr)
{
    SSL_CTX *ctx = ssl_ctx;
    struct tls *t = userptr;
    bool ok;

    SSL_CTX_set_app_data(ctx, t);
    SSL_CTX_set_info_callback(ctx, note);
    ok = t->kind == CREDENTIAL_ANONYMOUS ? set_web_profile(ctx, t) : set_profile(ctx, t);
    if (ok && t->kind == CREDENTIAL_PSK) {
        X509_STORE *nobody = X509_STORE_new();

        /* libcurl's own verification is off, since a PSK peer has no certificate: back on, trusting nobody.
         */
        SSL_CTX_set_psk_client_callback(ctx, give_psk);
        ok = nobody != NULL;
        if (ok)
            SSL_CTX_set_cert_store(ctx, nobody);
    } else if (ok && t->kind == CREDENTIAL_CERT)
        ok = set_certificate(ctx, t);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (!ok) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());

        t->own_failure = true;
        snprintf(t->why, sizeof t->why, "our side of TLS cannot be set up: %s",
                 reason ? reason : "unknown reason");
        return CURLE_ABORTED_BY_CALLBACK;
    }
    return CURLE_OK;
}

bool tls_acceptable(struct tls *t, SSL *ssl)
{
    if (t->kind == CREDENTIAL_ANONYMOUS)
        return true;
    const struct offer *o = &offers[t->kind];
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    uint16_t suite = cipher ? SSL_CIPHER_get_protocol_id(cipher) : 0;

    if (SSL_version(ssl) != TLS1_2_VERSION) {
        snprintf(t->why, sizeof t->why, "it chose %s", SSL_get_version(ssl));
        return false;
    }
    if (suite != o->suite && !(t->extra_suites && suite == o->extra)) {
        snprintf(t->why, sizeof t->why, "it chose the suite %04X", suite);
        return false;
    }
    if (SSL_session_reused(ssl)) {
        snprintf(t->why, sizeof t->why, "it resumed a session that was not offered");
        return false;
    }
    if (t->kind == CREDENTIAL_CERT && !t->asked) {
        snprintf(t->why, sizeof t->why, "it did not ask for our certificate");
        return false;
    }
    if (t->export_label) {
        t->has_export = SSL_export_keying_material(ssl, t->exported, sizeof t->exported, t->export_label,
                                                   strlen(t->export_label), NULL, 0, 0) == 1;
        if (!t->has_export) {
            snprintf(t->why, sizeof t->why, "no key could be exported from the connection");
            return false;
        }
    }
    /* No renegotiation, no resumption: the client's Finished came first (RFC 5929 3.1). */
    t->unique_len = SSL_get_finished(ssl, t->unique, sizeof t->unique);
    return true;
}
