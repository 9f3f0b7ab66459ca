/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: the certification authority of the MEF, as the certificate profile of mef-protocol.md 3.6.1 wants
 * it (P-256, ECDSA with SHA-256), and certificates that break it on demand. The CA lives in files; all else
 * is made anew. Thread: main at start, then whoever holds the lock. */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <sys/stat.h>

#include "tests/sim/sim.h"

static const struct {
    const char *word;
    enum cert_flaw flaw;
} flaw_words[] = {
    {"good", CERT_GOOD},         {"other-name", CERT_OTHER_NAME}, {"other-san", CERT_OTHER_NAME},
    {"no-name", CERT_NO_NAME},   {"no-san", CERT_NO_NAME},        {"wildcard", CERT_WILDCARD},
    {"expired", CERT_EXPIRED},   {"not-yet", CERT_NOT_YET},       {"self-signed", CERT_SELF_SIGNED},
    {"other-ca", CERT_OTHER_CA}, {"other-key", CERT_OTHER_KEY},   {"wrong-key", CERT_OTHER_KEY},
    {"none", CERT_NONE},
};

enum cert_flaw cert_flaw_parse(const char *word)
{
    if (!word)
        return CERT_GOOD;
    for (size_t i = 0; i < ELEMENTS(flaw_words); i++)
        if (streq(word, flaw_words[i].word))
            return flaw_words[i].flaw;
    return CERT_UNKNOWN;
}

static int new_key(gnutls_x509_privkey_t *ret)
{
    gnutls_x509_privkey_t key;
    int r = gnutls_x509_privkey_init(&key);
    if (r < 0)
        return r;
    r = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                     0);
    if (r < 0) {
        gnutls_x509_privkey_deinit(key);
        return r;
    }
    *ret = key;
    return 0;
}

static int set_serial(gnutls_x509_crt_t cert)
{
    uint8_t serial[16];
    int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and of full length */
    return r < 0 ? r : gnutls_x509_crt_set_serial(cert, serial, sizeof serial);
}

/* Reads the signed certificate back: GnuTLS answers questions about one that it is still building from its
 * parts. */
static int reread(gnutls_x509_crt_t *cert)
{
    gnutls_datum_t der;
    gnutls_x509_crt_t fresh;
    int r = gnutls_x509_crt_export2(*cert, GNUTLS_X509_FMT_DER, &der);
    if (r < 0)
        return r;
    r = gnutls_x509_crt_init(&fresh);
    if (r >= 0 && (r = gnutls_x509_crt_import(fresh, &der, GNUTLS_X509_FMT_DER)) < 0)
        gnutls_x509_crt_deinit(fresh);
    gnutls_free(der.data);
    if (r < 0)
        return r;
    gnutls_x509_crt_deinit(*cert);
    *cert = fresh;
    return 0;
}

/* What all of our certificates have: version, serial, dates, key identifiers. issuer may be NULL (itself). */
static int set_frame(gnutls_x509_crt_t cert, gnutls_x509_crt_t issuer, time_t from, time_t to)
{
    uint8_t id[64];
    size_t n = sizeof id;
    int r = gnutls_x509_crt_set_version(cert, 3);
    if (r >= 0)
        r = set_serial(cert);
    if (r >= 0)
        r = gnutls_x509_crt_set_activation_time(cert, from);
    if (r >= 0)
        r = gnutls_x509_crt_set_expiration_time(cert, to);
    if (r >= 0)
        r = gnutls_x509_crt_get_key_id(cert, 0, id, &n);
    if (r >= 0)
        r = gnutls_x509_crt_set_subject_key_id(cert, id, n);
    if (r < 0 || !issuer)
        return r;
    n = sizeof id;
    r = gnutls_x509_crt_get_subject_key_id(issuer, id, &n, NULL);
    return r < 0 ? r : gnutls_x509_crt_set_authority_key_id(cert, id, n);
}

/* A self-signed CA certificate for a fresh key. */
static int new_ca(const char *name, gnutls_x509_privkey_t *ret_key, gnutls_x509_crt_t *ret_cert)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t cert = NULL;
    time_t now = time(NULL);
    int r = new_key(&key);
    if (r >= 0)
        r = gnutls_x509_crt_init(&cert);
    if (r >= 0)
        r = gnutls_x509_crt_set_key(cert, key);
    if (r >= 0)
        r = gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, name, MIN(strlen(name), 64));
    if (r >= 0)
        r = set_frame(cert, NULL, now - 86400, now + 10 * 365 * 86400);
    if (r >= 0)
        r = gnutls_x509_crt_set_basic_constraints(cert, 1, 0);
    if (r >= 0)
        r = gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
    if (r >= 0)
        r = gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0);
    if (r < 0) {
        if (cert)
            gnutls_x509_crt_deinit(cert);
        if (key)
            gnutls_x509_privkey_deinit(key);
        return r;
    }
    *ret_key = key;
    *ret_cert = cert;
    return 0;
}

/* Signs with our CA, with a stranger's, or with the key of the certificate itself (self != NULL). */
static int sign(struct sim *sim, gnutls_x509_crt_t cert, enum cert_flaw flaw, gnutls_x509_privkey_t self)
{
    if (flaw == CERT_SELF_SIGNED)
        return gnutls_x509_crt_sign2(cert, cert, self, GNUTLS_DIG_SHA256, 0);
    if (flaw != CERT_OTHER_CA)
        return gnutls_x509_crt_privkey_sign(cert, sim->ca_cert, sim->ca_key, GNUTLS_DIG_SHA256, 0);
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t ca;
    int r = new_ca("Somebody else's CA", &key, &ca);
    if (r < 0)
        return r;
    r = gnutls_x509_crt_sign2(cert, ca, key, GNUTLS_DIG_SHA256, 0);
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_privkey_deinit(key);
    return r;
}

static void dates(enum cert_flaw flaw, int64_t lifetime, time_t *from, time_t *to)
{
    time_t now = time(NULL);
    *from = flaw == CERT_NOT_YET ? now + 86400 : flaw == CERT_EXPIRED ? now - 2 * 86400 : now - 60;
    *to = flaw == CERT_EXPIRED ? now - 86400 : now + lifetime + (flaw == CERT_NOT_YET ? 2 * 86400 : 0);
}

int ca_server_certificate(struct sim *sim, const char *fqdn, enum cert_flaw flaw,
                          gnutls_x509_privkey_t *ret_key, gnutls_x509_crt_t *ret_cert)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t cert = NULL;
    time_t from, to;
    const char *dot = strchr(fqdn, '.');
    _cleanup_(g_freep) char *name = flaw == CERT_OTHER_NAME ? g_strdup("other.invalid")
                                    : flaw == CERT_WILDCARD ? g_strdup_printf("*%s", dot ? dot : ".invalid")
                                                            : g_strdup(fqdn);
    dates(flaw, 365 * 86400, &from, &to);
    int r = new_key(&key);
    if (r >= 0)
        r = gnutls_x509_crt_init(&cert);
    if (r >= 0)
        r = gnutls_x509_crt_set_key(cert, key);
    if (r >= 0)
        r = gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, fqdn, MIN(strlen(fqdn), 64));
    if (r >= 0 && flaw != CERT_NO_NAME)
        r = gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, name, strlen(name),
                                                 GNUTLS_FSAN_SET);
    if (r >= 0)
        r = set_frame(cert, flaw == CERT_SELF_SIGNED ? NULL : sim->ca_cert, from, to);
    if (r >= 0)
        r = gnutls_x509_crt_set_basic_constraints(cert, 0, -1);
    if (r >= 0)
        r = gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (r >= 0)
        r = gnutls_x509_crt_set_key_purpose_oid(cert, GNUTLS_KP_TLS_WWW_SERVER, 0);
    if (r >= 0)
        r = sign(sim, cert, flaw, key);
    if (r < 0) {
        if (cert)
            gnutls_x509_crt_deinit(cert);
        if (key)
            gnutls_x509_privkey_deinit(key);
        return r;
    }
    *ret_key = key;
    *ret_cert = cert;
    return 0;
}

int ca_issue(struct sim *sim, gnutls_x509_crq_t crq, enum cert_flaw flaw, int64_t lifetime,
             gnutls_x509_crt_t *ret_cert)
{
    gnutls_x509_crt_t cert = NULL;
    gnutls_x509_privkey_t stranger = NULL;
    time_t from, to;
    dates(flaw, lifetime, &from, &to);
    int r = gnutls_x509_crt_init(&cert);
    if (r >= 0)
        r = gnutls_x509_crt_set_crq(cert, crq);
    if (r >= 0 && (flaw == CERT_OTHER_KEY || flaw == CERT_SELF_SIGNED)) {
        /* We do not hold the key of the CSR, so a self-signed answer has a key of ours as well. */
        r = new_key(&stranger);
        if (r >= 0)
            r = gnutls_x509_crt_set_key(cert, stranger);
    }
    if (r >= 0 && flaw == CERT_OTHER_NAME)
        r = gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, "other.invalid", 13,
                                                 GNUTLS_FSAN_SET);
    else if (r >= 0 && flaw != CERT_NO_NAME)
        r = gnutls_x509_crt_set_crq_extension_by_oid(cert, crq, "2.5.29.17", 0);
    if (r >= 0)
        r = set_frame(cert, flaw == CERT_SELF_SIGNED ? NULL : sim->ca_cert, from, to);
    if (r >= 0)
        r = gnutls_x509_crt_set_basic_constraints(cert, 0, -1);
    if (r >= 0)
        r = gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (r >= 0)
        r = gnutls_x509_crt_set_key_purpose_oid(cert, GNUTLS_KP_TLS_WWW_CLIENT, 0);
    if (r >= 0)
        r = sign(sim, cert, flaw, stranger);
    if (r >= 0)
        r = reread(&cert);
    if (stranger)
        gnutls_x509_privkey_deinit(stranger);
    if (r < 0) {
        if (cert)
            gnutls_x509_crt_deinit(cert);
        return r;
    }
    *ret_cert = cert;
    return 0;
}

char *cert_identity(gnutls_x509_crt_t cert)
{
    char text[512];
    size_t n = sizeof text - 1;
    int r = gnutls_x509_crt_get_subject_alt_name(cert, 0, text, &n, NULL);
    if (r == GNUTLS_SAN_DNSNAME || r == GNUTLS_SAN_URI || r == GNUTLS_SAN_RFC822NAME ||
        r == GNUTLS_SAN_REGISTERED_ID) {
        text[n] = '\0';
        str_make_printable(text);
        return g_strdup(text);
    }
    n = sizeof text - 1;
    if (gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &n) >= 0) {
        text[n] = '\0';
        str_make_printable(text);
        return g_strdup(text);
    }
    return g_strdup("");
}

/* Writes the file anew with the mode given; old content is replaced as a whole. */
static int write_file(const char *path, const gnutls_datum_t *data, mode_t mode)
{
    _cleanup_(g_freep) char *tmp = g_strdup_printf("%s.new", path);
    _cleanup_(closep) int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0 || write(fd, data->data, data->size) != (ssize_t)data->size || rename(tmp, path) < 0)
        return -errno;
    return 0;
}

static int export_ca(const char *cert_path, const char *key_path, gnutls_x509_privkey_t key,
                     gnutls_x509_crt_t cert)
{
    gnutls_datum_t pem;
    int r = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
    if (r < 0)
        return -EIO;
    r = write_file(key_path, &pem, 0600);
    gnutls_memset(pem.data, 0, pem.size);
    gnutls_free(pem.data);
    if (r < 0)
        return r;
    if (gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &pem) < 0)
        return -EIO;
    r = write_file(cert_path, &pem, 0644);
    gnutls_free(pem.data);
    return r;
}

static int load_ca(const char *cert_path, const char *key_path, gnutls_x509_privkey_t *ret_key,
                   gnutls_x509_crt_t *ret_cert)
{
    gnutls_datum_t cert_pem = {0}, key_pem = {0};
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t cert = NULL;
    int r = gnutls_load_file(cert_path, &cert_pem);
    if (r >= 0)
        r = gnutls_load_file(key_path, &key_pem);
    if (r >= 0)
        r = gnutls_x509_crt_init(&cert);
    if (r >= 0)
        r = gnutls_x509_crt_import(cert, &cert_pem, GNUTLS_X509_FMT_PEM);
    if (r >= 0)
        r = gnutls_x509_privkey_init(&key);
    if (r >= 0)
        r = gnutls_x509_privkey_import2(key, &key_pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (key_pem.data)
        gnutls_memset(key_pem.data, 0, key_pem.size);
    gnutls_free(cert_pem.data);
    gnutls_free(key_pem.data);
    if (r < 0) {
        if (cert)
            gnutls_x509_crt_deinit(cert);
        if (key)
            gnutls_x509_privkey_deinit(key);
        return r;
    }
    *ret_key = key;
    *ret_cert = cert;
    return 0;
}

int ca_open(struct sim *sim, char **ret_error)
{
    _cleanup_(g_freep) char *cert_path = g_build_filename(sim->ca_dir, "ca.pem", NULL);
    _cleanup_(g_freep) char *key_path = g_build_filename(sim->ca_dir, "ca.key", NULL);
    gnutls_x509_privkey_t key = NULL;
    int r;
    if (g_mkdir_with_parents(sim->ca_dir, 0755) < 0) {
        *ret_error = g_strdup_printf("cannot make the directory '%s': %s", sim->ca_dir, g_strerror(errno));
        return -errno;
    }
    bool have_cert = access(cert_path, F_OK) == 0, have_key = access(key_path, F_OK) == 0;
    if (have_cert != have_key) {
        *ret_error = g_strdup_printf("'%s' holds only one of ca.pem and ca.key: add the other or remove it",
                                     sim->ca_dir);
        return -EINVAL;
    }
    if (have_cert) {
        r = load_ca(cert_path, key_path, &key, &sim->ca_cert);
    } else {
        _cleanup_(g_freep) char *name = g_strdup_printf("%.60s CA", sim->fqdn);
        r = new_ca(name, &key, &sim->ca_cert);
        if (r >= 0 && (r = export_ca(cert_path, key_path, key, sim->ca_cert)) < 0) {
            gnutls_x509_privkey_deinit(key);
            *ret_error = g_strdup_printf("cannot write '%s': %s", cert_path, g_strerror(-r));
            return r;
        }
    }
    if (r >= 0)
        r = gnutls_privkey_init(&sim->ca_key);
    if (r >= 0)
        r = gnutls_privkey_import_x509(sim->ca_key, key, GNUTLS_PRIVKEY_IMPORT_COPY);
    if (key)
        gnutls_x509_privkey_deinit(key);
    if (r < 0) {
        *ret_error = g_strdup_printf("no usable CA in '%s': %s", sim->ca_dir, gnutls_strerror(r));
        return -EINVAL;
    }
    return 0;
}

void ca_close(struct sim *sim)
{
    if (sim->ca_key)
        gnutls_privkey_deinit(sim->ca_key);
    if (sim->ca_cert)
        gnutls_x509_crt_deinit(sim->ca_cert);
}
