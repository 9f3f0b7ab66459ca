/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: EST as the MEF profile has it (mef-protocol.md 3.6.2, RFC 7030): cacerts, csrattrs, simpleenroll,
 * simplereenroll. Answers to whom is authenticated by the PSK or by a certificate; never asks for HTTP
 * authentication. What a request does against interop.md goes into its log line as "violation".
 * The object "est" of the scenario bends it; docs/mef-sim.md lists the members. Everything under the lock. */
#include <errno.h>
#include <time.h>

#include "plugin/base/limits.h"
#include "tests/sim/sim.h"

#define PKCS7 "application/pkcs7-mime"

static const char *const operations[] = {"cacerts",        "csrattrs",     "simpleenroll",
                                         "simplereenroll", "serverkeygen", "fullcmc"};

static json_t *options(struct sim *sim)
{
    return json_object_get(sim->scenario, "est");
}

static const char *operation_below(const char *base, const char *path)
{
    size_t n = strlen(base);
    if (strncmp(path, base, n) != 0 || path[n] != '/')
        return NULL;
    for (size_t i = 0; i < ELEMENTS(operations); i++)
        if (streq(path + n + 1, operations[i]))
            return operations[i];
    return NULL;
}

const char *est_operation(struct sim *sim, const char *path)
{
    json_t *own = json_object_get(options(sim), "path"), *one;
    size_t i;
    const char *op = NULL;
    if (json_is_string(own))
        return operation_below(json_string_value(own), path);
    json_array_foreach(own, i, one) if (!op && json_is_string(one)) op =
        operation_below(json_string_value(one), path);
    return own ? op : operation_below("/.well-known/est", path);
}

/* The body in the encoding that the scenario wants: base64 on one line unless told otherwise. */
static void answer_der(struct request *r, struct answer *a, const char *type, const void *der, size_t n)
{
    json_t *o = options(r->sim);
    if (streq(json_text(o, "encoding", "base64"), "der")) {
        answer_set(a, 200, der, n, type);
        return;
    }
    _cleanup_(g_freep) char *text =
        base64_lines(der, n, (unsigned)CLAMP(json_number(o, "columns", 0), 0, 1000));
    answer_set(a, 200, text, strlen(text), type);
    if (!json_is_false(json_object_get(o, "transfer-encoding-header")))
        a->transfer_encoding = g_strdup("base64");
}

/* Certificates as certs-only PKCS#7; n may be 0. */
static void answer_certificates(struct request *r, struct answer *a, gnutls_x509_crt_t *certs, size_t n)
{
    /* GnuTLS exports no SignedData without a certificate. */
    static const uint8_t empty[] = {0x30, 0x23, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                    0x01, 0x07, 0x02, 0xa0, 0x16, 0x30, 0x14, 0x02, 0x01, 0x01,
                                    0x31, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                    0xf7, 0x0d, 0x01, 0x07, 0x01, 0x31, 0x00};
    gnutls_pkcs7_t p7;
    gnutls_datum_t der;
    bool smime = !json_is_false(json_object_get(options(r->sim), "smime-type"));
    const char *type = smime ? PKCS7 "; smime-type=certs-only" : PKCS7;
    if (n == 0)
        return answer_der(r, a, type, empty, sizeof empty);
    int e = gnutls_pkcs7_init(&p7);
    if (e < 0) {
        answer_set(a, 500, "", 0, NULL);
        return;
    }
    for (size_t i = 0; i < n && e >= 0; i++)
        e = gnutls_pkcs7_set_crt(p7, certs[i]);
    if (e >= 0)
        e = gnutls_pkcs7_export2(p7, GNUTLS_X509_FMT_DER, &der);
    gnutls_pkcs7_deinit(p7);
    if (e < 0) {
        answer_set(a, 500, gnutls_strerror(e), strlen(gnutls_strerror(e)), "text/plain");
        return;
    }
    answer_der(r, a, type, der.data, der.size);
    gnutls_free(der.data);
}

static void cacerts(struct request *r, struct answer *a)
{
    const char *how = json_text(options(r->sim), "cacerts", "good");
    if (streq(how, "empty")) {
        answer_certificates(r, a, NULL, 0);
    } else if (streq(how, "garbage")) {
        answer_der(r, a, PKCS7, "\x30\x82\xff\xff\x06\x09", 6);
    } else if (streq(how, "other-ca")) {
        gnutls_x509_privkey_t key;
        gnutls_x509_crt_t cert;
        if (ca_server_certificate(r->sim, "other.invalid", CERT_SELF_SIGNED, &key, &cert) < 0)
            return answer_set(a, 500, "", 0, NULL);
        answer_certificates(r, a, &cert, 1);
        gnutls_x509_crt_deinit(cert);
        gnutls_x509_privkey_deinit(key);
    } else {
        answer_certificates(r, a, &r->sim->ca_cert, 1);
    }
}

/* CsrAttrs of the profile: challengePassword; extensionRequest that asks for subjectAltName; a P-256 key; and
 * the signature algorithm. Each is one element of the outer SEQUENCE. */
static const uint8_t attr_challenge[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07};
static const uint8_t attr_san[] = {0x30, 0x12, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                   0x01, 0x09, 0x0e, 0x31, 0x05, 0x06, 0x03, 0x55, 0x1d, 0x11};
static const uint8_t attr_key[] = {0x30, 0x15, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x31,
                                   0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t attr_hash[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};

static const char *csrattrs_word(struct sim *sim)
{
    return json_text(options(sim), "csrattrs", "default");
}

static bool challenge_wanted(struct sim *sim)
{
    return streq(csrattrs_word(sim), "default") || streq(csrattrs_word(sim), "challenge");
}

static void csrattrs(struct request *r, struct answer *a)
{
    const char *how = csrattrs_word(r->sim), *hex = json_text(options(r->sim), "csrattrs-der", NULL);
    GByteArray *der = g_byte_array_new();
    if (hex) {
        uint8_t octets[4096];
        size_t n = sizeof octets;
        if (hex_decode(hex, strlen(hex), octets, &n) == 0)
            g_byte_array_append(der, octets, (guint)n);
        answer_der(r, a, "application/csrattrs", der->data, der->len);
    } else if (streq(how, "none")) {
        answer_set(a, 204, NULL, 0, NULL);
    } else if (streq(how, "not-found")) {
        answer_set(a, 404, "", 0, NULL);
    } else {
        uint8_t head[2] = {0x30, 0};
        g_byte_array_append(der, head, 2);
        if (challenge_wanted(r->sim))
            g_byte_array_append(der, attr_challenge, sizeof attr_challenge);
        if (streq(how, "default") || streq(how, "no-challenge")) {
            g_byte_array_append(der, attr_san, sizeof attr_san);
            g_byte_array_append(der, attr_key, sizeof attr_key);
            g_byte_array_append(der, attr_hash, sizeof attr_hash);
        }
        der->data[1] = (uint8_t)(der->len - 2); /* below 128 */
        answer_der(r, a, "application/csrattrs", der->data, der->len);
    }
    g_byte_array_unref(der);
}

/* ---- enrolment ---- */

static void check_request(struct request *r)
{
    const char *type = r->content_type ? r->content_type : "";
    const char *cte = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Content-Transfer-Encoding");
    size_t column = 0;
    if (!streq(type, "application/pkcs10"))
        violation(r->violations, "Content-Type is '%s', not application/pkcs10", type);
    if (!cte || !str_ieq(cte, "base64"))
        violation(r->violations, "Content-Transfer-Encoding is '%s', not base64", cte ? cte : "");
    for (guint i = 0; i < r->body->len; i++) {
        column = r->body->data[i] == '\n' || r->body->data[i] == '\r' ? 0 : column + 1;
        if (column == 65) {
            violation(r->violations, "a base64 line is longer than 64 columns");
            break;
        }
    }
}

/* The CSR, parsed and its signature verified; NULL with the sentence for the answer. */
static gnutls_x509_crq_t read_csr(struct request *r, const char **ret_why)
{
    _cleanup_(freep) uint8_t *der = NULL;
    size_t n;
    gnutls_x509_crq_t crq;
    if (base64_decode((const char *)r->body->data, r->body->len, &der, &n) < 0) {
        *ret_why = "the body is not base64";
        return NULL;
    }
    gnutls_datum_t datum = {der, (unsigned)n};
    if (gnutls_x509_crq_init(&crq) < 0) {
        *ret_why = "out of memory";
        return NULL;
    }
    if (gnutls_x509_crq_import(crq, &datum, GNUTLS_X509_FMT_DER) < 0)
        *ret_why = "the body is no PKCS#10 request";
    else if (gnutls_x509_crq_verify(crq, 0) < 0)
        *ret_why = "the signature of the request does not verify";
    else
        return crq;
    gnutls_x509_crq_deinit(crq);
    return NULL;
}

static char *csr_san(gnutls_x509_crq_t crq)
{
    char text[512];
    size_t n = sizeof text - 1;
    unsigned type, critical;
    if (gnutls_x509_crq_get_subject_alt_name(crq, 0, text, &n, &type, &critical) < 0)
        return NULL;
    text[n] = '\0';
    str_make_printable(text);
    return g_strdup(text);
}

static gnutls_ecc_curve_t curve_of(gnutls_x509_crq_t crq)
{
    gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
    gnutls_pubkey_t key;
    if (gnutls_pubkey_init(&key) < 0)
        return curve;
    if (gnutls_pubkey_import_x509_crq(key, crq, 0) < 0 ||
        gnutls_pubkey_export_ecc_raw(key, &curve, NULL, NULL) < 0)
        curve = GNUTLS_ECC_CURVE_INVALID;
    gnutls_pubkey_deinit(key);
    return curve;
}

/* The certificate profile of 3.6.1. */
static void check_csr(struct request *r, gnutls_x509_crq_t crq, const char *san)
{
    unsigned usage = 0, critical;
    if (curve_of(crq) != GNUTLS_ECC_CURVE_SECP256R1)
        violation(r->violations, "the key of the CSR is not on P-256");
    if (gnutls_x509_crq_get_signature_algorithm(crq) != GNUTLS_SIGN_ECDSA_SHA256)
        violation(r->violations, "the CSR is not signed by ECDSA with SHA-256");
    if (!san)
        violation(r->violations, "the CSR has no subjectAltName");
    if (gnutls_x509_crq_get_key_usage(crq, &usage, &critical) < 0 || !(usage & GNUTLS_KEY_DIGITAL_SIGNATURE))
        violation(r->violations, "the CSR asks for no keyUsage digitalSignature");
}

static const char *check_challenge(struct request *r, gnutls_x509_crq_t crq)
{
    char text[256];
    size_t n = sizeof text - 1;
    if (gnutls_x509_crq_get_challenge_password(crq, text, &n) < 0)
        return "absent";
    text[MIN(n, sizeof text - 1)] = '\0';
    /* GnuTLS escapes it as if it were a name ("\\+"); base64 has no backslash of its own. */
    char *to = text;
    for (const char *from = text; *from; from++)
        if (*from != '\\')
            *to++ = *from;
    *to = '\0';
    if (!challenge_wanted(r->sim))
        violation(r->violations, "a challengePassword that was not asked for");
    return r->conn->tls_unique && streq(text, r->conn->tls_unique) ? "right" : "wrong";
}

/* Re-enrolment is for the holder of a certificate with the same subject and SAN. */
static bool same_subject(struct request *r, gnutls_x509_crq_t crq, const char *san)
{
    gnutls_x509_crt_t peer;
    gnutls_datum_t old = {0}, new = {0};
    if (!r->conn->by_certificate || gnutls_x509_crt_init(&peer) < 0)
        return false;
    bool same = gnutls_x509_crt_import(peer, &r->conn->peer, GNUTLS_X509_FMT_DER) >= 0 &&
                gnutls_x509_crt_get_dn3(peer, &old, 0) >= 0 && gnutls_x509_crq_get_dn3(crq, &new, 0) >= 0 &&
                old.size == new.size &&memcmp(old.data, new.data, old.size) == 0 &&
                san &&streq(san, r->conn->identity);
    gnutls_free(old.data);
    gnutls_free(new.data);
    gnutls_x509_crt_deinit(peer);
    return same;
}

static void record_enrolment(struct request *r, gnutls_x509_crt_t cert, const char *san,
                             const char *challenge)
{
    uint8_t octets[64];
    char hex[129], serial[129];
    size_t n = sizeof octets;
    gnutls_datum_t pem = {0}, dn = {0};
    gnutls_x509_crt_get_serial(cert, octets, &n);
    hex_encode(octets, n, serial);
    n = sizeof octets;
    gnutls_x509_crt_get_fingerprint(cert, GNUTLS_DIG_SHA256, octets, &n);
    hex_encode(octets, n, hex);
    gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &pem);
    gnutls_x509_crt_get_dn3(cert, &dn, 0);
    record_append(json_object_get(r->sim->state, "enrolments"),
                  json_pack("{s:s,s:s,s:s,s:s*,s:s,s:s,s:s,s:s*,s:i,s:i}", "op", r->op, "identity",
                            r->conn->identity, "san", san ? san : "", "subject", dn.data, "serial", serial,
                            "fingerprint", hex, "challenge", challenge, "certificate", pem.data, "connection",
                            (int)r->conn->number, "request", (int)r->number));
    gnutls_free(pem.data);
    gnutls_free(dn.data);
}

static void issue(struct request *r, struct answer *a, gnutls_x509_crq_t crq, const char *san,
                  const char *challenge)
{
    json_t *o = options(r->sim);
    enum cert_flaw flaw = cert_flaw_parse(json_text(o, "certificate", NULL));
    const char *lifetime = json_text(o, "lifetime", "P365D");
    gnutls_x509_crt_t certs[2] = {NULL, r->sim->ca_cert};
    struct duration d;
    int64_t seconds = 365 * 86400;
    if (duration_parse(lifetime, &d) == 0)
        seconds = (duration_add(g_get_real_time(), &d) - g_get_real_time()) / G_USEC_PER_SEC;
    if (flaw == CERT_NONE)
        return answer_certificates(r, a, NULL, 0);
    int e = ca_issue(r->sim, crq, flaw, seconds, &certs[0]);
    if (e < 0) {
        answer_set(a, 400, gnutls_strerror(e), strlen(gnutls_strerror(e)), "text/plain");
        return;
    }
    _cleanup_(g_freep) char *identity = cert_identity(certs[0]);
    mef_bind_certificate(r->sim, r->conn->identity, identity);
    record_enrolment(r, certs[0], san, challenge);
    answer_certificates(r, a, certs, json_is_true(json_object_get(o, "chain")) ? 2 : 1);
    gnutls_x509_crt_deinit(certs[0]);
}

/* 202 as often as the scenario says; true when that was the answer. */
static bool pending(struct request *r, struct answer *a)
{
    json_t *p = json_object_get(options(r->sim), "pending");
    json_int_t left = json_number(p, "times", 0);
    if (left <= 0)
        return false;
    json_object_set_new(p, "times", json_integer(left - 1));
    answer_set(a, 202, "", 0, NULL);
    json_t *after = json_object_get(p, "retry-after");
    if (json_is_string(after))
        a->retry_after = g_strdup(json_string_value(after));
    else if (json_is_true(json_object_get(p, "as-date"))) {
        time_t t = time(NULL) + (time_t)(json_is_integer(after) ? json_integer_value(after) : 1);
        struct tm tm;
        char text[64];
        gmtime_r(&t, &tm);
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        a->retry_after = g_strdup(text);
    } else
        a->retry_after = g_strdup_printf("%d", (int)(json_is_integer(after) ? json_integer_value(after) : 1));
    return true;
}

static void enrol(struct request *r, struct answer *a)
{
    const char *why = NULL;
    check_request(r);
    if (!*r->conn->identity)
        return answer_set(a, 403, "no credential", 13, "text/plain");
    if (pending(r, a))
        return;
    gnutls_x509_crq_t crq = read_csr(r, &why);
    if (!crq) {
        violation(r->violations, "%s", why);
        return answer_set(a, 400, why, strlen(why), "text/plain");
    }
    _cleanup_(g_freep) char *san = csr_san(crq);
    check_csr(r, crq, san);
    const char *challenge = check_challenge(r, crq);
    if (streq(r->op, "simplereenroll") && !same_subject(r, crq, san)) {
        violation(r->violations, "re-enrolment without a certificate of the same subject and SAN");
        answer_set(a, 403, "other subject", 13, "text/plain");
    } else if (streq(challenge, "wrong") && challenge_wanted(r->sim)) {
        violation(r->violations, "challengePassword is not the tls-unique of this connection");
        answer_set(a, 400, "challengePassword", 17, "text/plain");
    } else if (streq(challenge, "absent") &&
               json_is_true(json_object_get(options(r->sim), "require-challenge"))) {
        answer_set(a, 400, "challengePassword", 17, "text/plain");
    } else {
        issue(r, a, crq, san, challenge);
    }
    gnutls_x509_crq_deinit(crq);
}

bool est_handle(struct request *r, struct answer *a)
{
    static const struct {
        const char *op, *method;
        void (*handle)(struct request *r, struct answer *a);
    } table[] = {{"cacerts", "GET", cacerts},
                 {"csrattrs", "GET", csrattrs},
                 {"simpleenroll", "POST", enrol},
                 {"simplereenroll", "POST", enrol}};
    if (!streq(r->resource, "est"))
        return false;
    json_int_t status = json_number(json_object_get(options(r->sim), "status"), r->op, 0);
    if (status) {
        answer_set(a, (int)CLAMP(status, 200, 599), "", 0, NULL);
        return true;
    }
    for (size_t i = 0; i < ELEMENTS(table); i++)
        if (streq(r->op, table[i].op)) {
            if (streq(r->method, table[i].method))
                table[i].handle(r, a);
            else
                answer_set(a, 405, "", 0, NULL);
            return true;
        }
    violation(r->violations, "the profile does not use %s", r->op);
    answer_set(a, 501, "", 0, NULL);
    return true;
}
