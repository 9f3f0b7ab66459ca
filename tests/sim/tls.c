/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: TLS of one port for both frameworks (mef-protocol.md 3.1, 3.2): TLS 1.2 only, 00AE with pre-shared
 * keys and C023 with certificates. A client certificate is asked for, not demanded; one that does not verify,
 * or an identity that the control port refuses, ends the handshake with an alert. Thread: a session belongs
 * to its front thread; the credentials are read-only after tls_open(). */
#include <arpa/inet.h>

#include "tests/sim/sim.h"

#define PRIORITY                                                                                             \
    "NONE:+VERS-TLS1.2:+CTYPE-X509:+COMP-NULL:+PSK:+ECDHE-ECDSA:+AES-128-CBC:+SHA256:"                       \
    "+GROUP-SECP256R1:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384"

static bool refused_in_handshake(struct sim *sim, const char *identity)
{
    pthread_mutex_lock(&sim->lock);
    const char *at = json_text(json_object_get(sim->refused, identity), "at", NULL);
    bool yes = at && streq(at, "handshake");
    pthread_mutex_unlock(&sim->lock);
    return yes;
}

static int psk_find(gnutls_session_t session, const gnutls_datum_t *username, gnutls_datum_t *key)
{
    struct conn *c = gnutls_session_get_ptr(session);
    _cleanup_(g_freep) char *identity = g_strndup((const char *)username->data, username->size);
    GBytes *psk = g_hash_table_lookup(c->sim->psk, identity);
    psk = psk ? g_bytes_ref(psk) : maf_find_psk(c->sim, identity);
    g_clear_pointer(&c->psk, g_bytes_unref);
    c->psk = psk;
    /* The identity goes into the log also when it is refused. */
    g_free(c->identity);
    c->identity = g_strdup(identity);
    str_make_printable(c->identity);
    if (!psk || refused_in_handshake(c->sim, identity)) {
        c->handshake_fault = psk ? "identity refused by the control port" : "unknown PSK identity";
        c->handshake_alert = psk ? GNUTLS_A_ACCESS_DENIED : GNUTLS_A_UNKNOWN_PSK_IDENTITY;
        return -1;
    }
    gsize n;
    const void *octets = g_bytes_get_data(psk, &n);
    key->data = gnutls_malloc(n);
    if (!key->data)
        return -1;
    memcpy(key->data, octets, n);
    key->size = n;
    return 0;
}

static int verify_client(gnutls_session_t session)
{
    struct conn *c = gnutls_session_get_ptr(session);
    unsigned n = 0, status = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
    if (!chain || n == 0)
        return 0; /* asked for, not demanded */
    gnutls_x509_crt_t cert;
    if (gnutls_x509_crt_init(&cert) < 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    if (gnutls_x509_crt_import(cert, &chain[0], GNUTLS_X509_FMT_DER) >= 0) {
        g_free(c->identity);
        c->identity = cert_identity(cert);
    }
    gnutls_x509_crt_deinit(cert);
    if (gnutls_certificate_verify_peers2(session, &status) < 0 || status != 0) {
        c->handshake_fault = "client certificate does not verify";
        c->handshake_alert =
            status & GNUTLS_CERT_EXPIRED ? GNUTLS_A_CERTIFICATE_EXPIRED : GNUTLS_A_UNKNOWN_CA;
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    if (c->identity && refused_in_handshake(c->sim, c->identity)) {
        c->handshake_fault = "identity refused by the control port";
        c->handshake_alert = GNUTLS_A_ACCESS_DENIED;
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    return 0;
}

/* Extensions of the ClientHello: nobody may offer HTTP/2 here (interop.md). */
static int on_extension(void *ctx, unsigned tls_id, const unsigned char *data, unsigned size)
{
    struct conn *c = ctx;
    if (tls_id != 16 || size < 2)
        return 0;
    for (unsigned at = 2; at < size && at + 1 + data[at] <= size; at += 1 + data[at])
        if (data[at] == 2 && memcmp(data + at + 1, "h2", 2) == 0)
            violation(c->violations, "HTTP/2 offered in the handshake");
    return 0;
}

static int on_hello(gnutls_session_t session, unsigned htype, unsigned when, unsigned incoming,
                    const gnutls_datum_t *msg)
{
    struct conn *c = gnutls_session_get_ptr(session);
    /* client_version 2, random 32, session id, cipher suites */
    if (!incoming || msg->size < 35)
        return 0;
    size_t at = 34 + 1 + (size_t)msg->data[34];
    if (at + 2 > msg->size)
        return 0;
    size_t end = at + 2 + ((size_t)msg->data[at] << 8 | msg->data[at + 1]);
    json_array_clear(c->offered);
    for (at += 2; at + 2 <= end && at + 2 <= msg->size; at += 2) {
        char hex[5];
        hex_encode(msg->data + at, 2, hex);
        for (char *p = hex; *p; p++)
            *p = g_ascii_toupper(*p);
        json_array_append_new(c->offered, json_string(hex));
    }
    gnutls_ext_raw_parse(c, on_extension, msg, GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
    return 0;
}

/* Server credentials with a certificate that has the flaw. */
static int credentials(struct sim *sim, enum cert_flaw flaw, gnutls_certificate_credentials_t *ret)
{
    gnutls_certificate_credentials_t cred = NULL;
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t cert = NULL;
    int r = ca_server_certificate(sim, sim->fqdn, flaw, &key, &cert);
    if (r >= 0)
        r = gnutls_certificate_allocate_credentials(&cred);
    if (r >= 0)
        r = gnutls_certificate_set_x509_key(cred, &cert, 1, key);
    if (r >= 0)
        r = gnutls_certificate_set_x509_trust(cred, &sim->ca_cert, 1);
    if (r >= 0)
        gnutls_certificate_set_verify_function(cred, verify_client);
    if (cert)
        gnutls_x509_crt_deinit(cert);
    if (key)
        gnutls_x509_privkey_deinit(key);
    if (r < 0) {
        if (cred)
            gnutls_certificate_free_credentials(cred);
        return r;
    }
    *ret = cred;
    return 0;
}

int tls_open(struct sim *sim, char **ret_error)
{
    const char *where = NULL, *priority = json_text(sim->scenario, "priority", PRIORITY);
    int r = gnutls_priority_init2(&sim->priority, priority, &where, 0);
    if (r < 0) {
        *ret_error = g_strdup_printf("priority string, at '%s': %s", where ? where : "", gnutls_strerror(r));
        return -EINVAL;
    }
    r = gnutls_psk_allocate_server_credentials(&sim->psk_credentials);
    if (r >= 0) {
        gnutls_psk_set_server_credentials_function2(sim->psk_credentials, psk_find);
        r = credentials(sim, cert_flaw_parse(json_text(sim->scenario, "server-certificate", NULL)),
                        &sim->certificate);
    }
    if (r < 0) {
        *ret_error = g_strdup_printf("TLS: %s", gnutls_strerror(r));
        return -EIO;
    }
    return 0;
}

void tls_close(struct sim *sim)
{
    if (sim->certificate)
        gnutls_certificate_free_credentials(sim->certificate);
    if (sim->psk_credentials)
        gnutls_psk_free_server_credentials(sim->psk_credentials);
    if (sim->priority)
        gnutls_priority_deinit(sim->priority);
}

int tls_session(struct conn *c)
{
    struct sim *sim = c->sim;
    gnutls_certificate_credentials_t cred = sim->certificate;
    int r = gnutls_init(&c->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    if (r < 0)
        return r;
    gnutls_session_set_ptr(c->tls, c);
    gnutls_transport_set_int(c->tls, c->fd);
    const char *how = c->fault ? json_text(c->fault, "do", "") : "";
    if (streq(how, "wrong-cert")) {
        pthread_mutex_lock(&sim->lock);
        r = credentials(sim, cert_flaw_parse(json_text(c->fault, "certificate", "other-name")), &cred);
        pthread_mutex_unlock(&sim->lock);
        if (r < 0)
            return r;
        c->own_certificate = cred;
    }
    r = gnutls_priority_set(c->tls, sim->priority);
    if (r >= 0)
        r = gnutls_credentials_set(c->tls, GNUTLS_CRD_PSK, sim->psk_credentials);
    if (r >= 0)
        r = gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, cred);
    if (r < 0)
        return r;
    gnutls_certificate_server_set_request(c->tls, GNUTLS_CERT_REQUEST);
    gnutls_handshake_set_hook_function(c->tls, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_PRE, on_hello);
    return 0;
}

void tls_describe(struct conn *c)
{
    uint8_t id[2] = {0};
    gnutls_kx_algorithm_t kx = gnutls_kx_get(c->tls);
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(c->tls);
    gnutls_mac_algorithm_t mac = gnutls_mac_get(c->tls);
    for (size_t i = 0;; i++) {
        gnutls_kx_algorithm_t k;
        gnutls_cipher_algorithm_t ci;
        gnutls_mac_algorithm_t m;
        uint8_t number[2];
        if (!gnutls_cipher_suite_info(i, number, &k, &ci, &m, NULL))
            break;
        if (k == kx && ci == cipher && m == mac)
            memcpy(id, number, 2);
    }
    g_snprintf(c->suite, sizeof c->suite, "%02X%02X", id[0], id[1]);
    c->is_psk = gnutls_auth_get_type(c->tls) == GNUTLS_CRD_PSK;
    unsigned n = 0;
    const gnutls_datum_t *peer = c->is_psk ? NULL : gnutls_certificate_get_peers(c->tls, &n);
    if (peer && n > 0) {
        c->by_certificate = true;
        c->peer.data = g_memdup2(peer[0].data, peer[0].size);
        c->peer.size = peer[0].size;
    }
    if (!c->identity)
        c->identity = g_strdup("");
    char name[256];
    size_t len = sizeof name;
    unsigned type;
    if (gnutls_server_name_get(c->tls, name, &len, &type, 0) >= 0) {
        c->sni = g_strdup(name);
        str_make_printable(c->sni);
    }
    if (!c->sni || !str_ieq(c->sni, c->sim->fqdn))
        violation(c->violations, "SNI is '%s', not '%s'", c->sni ? c->sni : "", c->sim->fqdn);
    gnutls_datum_t unique;
    if (gnutls_session_channel_binding(c->tls, GNUTLS_CB_TLS_UNIQUE, &unique) >= 0) {
        c->tls_unique = g_base64_encode(unique.data, unique.size);
        gnutls_free(unique.data);
    }
    const char *label = c->sim->maf ? "EXPORTER-oneM2M-Connection" : "EXPORTER-oneM2M-Bootstrap";
    if (gnutls_prf_rfc5705(c->tls, strlen(label), label, 0, NULL, SIM_EXPORT, (char *)c->export) < 0)
        memset(c->export, 0, sizeof c->export);
}
