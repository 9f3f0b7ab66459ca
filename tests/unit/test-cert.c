/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pure parts of certificate provisioning: EST bytes, requests, checks on what came back, with good and
 * hostile material (mef-protocol.md 3.6.1, 3.6.2; interop.md). */
#include <errno.h>
#include <glib.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/cert/chain.h"
#include "plugin/cert/est-codec.h"
#include "tests/unit/pki.h"

#define ID "//m2m.example.com/gw42"

static const struct san dns_san = {SAN_DNS, "gw42.in-cse.m2m.example.com"};
static const struct san uri_san = {SAN_URI, "//m2m.example.com/S563423"};
static const struct san rid_san = {SAN_RID, "1.3.6.1.4.1.99999.7"};

/* ---- addresses -------------------------------------------------------------------------------------- */

static void test_uri(void)
{
    static const struct {
        const char *uri, *fqdn, *path;
        uint16_t port;
    } rows[] = {
        {"https://mef.example.com:8443/.well-known/est", "mef.example.com", "/.well-known/est/cacerts", 8443},
        {"https://MEF.example.com", "mef.example.com", "/.well-known/est/cacerts", 443},
        {"https://mef.example.com.:8443/", "mef.example.com", "/.well-known/est/cacerts", 8443},
        {"https://mef.example.com/pki/est/", "mef.example.com", "/pki/est/cacerts", 443},
        {"https://mef.example.com/.well-known/est/label", "mef.example.com", "/.well-known/est/label/cacerts",
         443},
        {"http://mef.example.com/", NULL, NULL, 0},
        {"https://user@mef.example.com/", NULL, NULL, 0},
        {"https://127.0.0.1/", NULL, NULL, 0},
        {"https://[::1]/", NULL, NULL, 0},
        {"https://mef.example.com/?x", NULL, NULL, 0},
        {"https://mef.example.com/#x", NULL, NULL, 0},
        {"https://mef.example.com:0/", NULL, NULL, 0},
        {"https://mef.example.com:99999/", NULL, NULL, 0},
        {"https:///est", NULL, NULL, 0},
        {"mef.example.com", NULL, NULL, 0},
        {"", NULL, NULL, 0},
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct est_uri u = {0};
        struct mef_error err = {0};
        _cleanup_(freep) char *path = NULL;
        int r = est_uri_parse(rows[i].uri, &u, &err);

        if (!rows[i].fqdn) {
            g_assert_cmpint(r, ==, -EINVAL);
            g_assert_cmpint(err.word, ==, MEF_ERROR_INVALID_ARGUMENTS);
            continue;
        }
        g_assert_cmpint(r, ==, 0);
        path = est_path(&u, EST_CACERTS);
        g_assert_cmpstr(u.fqdn, ==, rows[i].fqdn);
        g_assert_cmpstr(path, ==, rows[i].path);
        g_assert_cmpuint(u.port, ==, rows[i].port);
        est_uri_clear(&u);
    }
}

/* ---- PKCS#7 ----------------------------------------------------------------------------------------- */

/* As servers send it: flat, with LF, with CRLF, with a line end at the end, and as DER. */
static void test_certs_forms(void)
{
    static const struct pki_spec spec = {.cn = "CA", .ca = true};
    EVP_PKEY *key = pki_key(NULL);
    X509 *certs[2] = {pki_issue(&spec, key, NULL, NULL), pki_issue(&spec, key, NULL, NULL)};
    struct der p7 = pki_certs_only(certs, 2), want = pki_der_of(certs[1]);
    _cleanup_(freep) char *flat = base64_encode(p7.data, p7.len);
    g_autofree char *lf = NULL, *crlf = NULL, *padded = g_strdup_printf("\r\n %s\r\n\r\n", flat);
    GString *a = g_string_new(NULL), *b = g_string_new(NULL);

    for (size_t i = 0; i < strlen(flat); i += 64) {
        g_string_append_printf(a, "%.64s\n", flat + i);
        g_string_append_printf(b, "%.64s\r\n", flat + i);
    }
    lf = g_string_free(a, FALSE);
    crlf = g_string_free(b, FALSE);
    {
        const struct {
            const void *body;
            size_t len;
        } rows[] = {{flat, strlen(flat)},
                    {lf, strlen(lf)},
                    {crlf, strlen(crlf)},
                    {padded, strlen(padded)},
                    {p7.data, p7.len}};

        for (size_t i = 0; i < ELEMENTS(rows); i++) {
            struct der_list list = {0};

            g_assert_cmpint(est_certs_decode(rows[i].body, rows[i].len, &list), ==, 0);
            g_assert_cmpuint(list.n, ==, 2);
            g_assert_cmpmem(list.item[1].data, list.item[1].len, want.data, want.len);
            der_list_clear(&list);
        }
    }
    free(p7.data);
    free(want.data);
    X509_free(certs[0]);
    X509_free(certs[1]);
    EVP_PKEY_free(key);
}

static void test_certs_refused(void)
{
    static const struct pki_spec spec = {.cn = "CA", .ca = true};
    EVP_PKEY *key = pki_key(NULL);
    X509 *one = pki_issue(&spec, key, NULL, NULL), *many[LIMIT_CHAIN + 1];
    struct der none = pki_certs_only(NULL, 0), good = pki_certs_only(&one, 1), too_many, list_der;
    struct der_list list = {0};
    g_autofree char *huge = g_strnfill(3 * LIMIT_EST_BODY, 'M');

    for (size_t i = 0; i < ELEMENTS(many); i++)
        many[i] = one;
    too_many = pki_certs_only(many, ELEMENTS(many));
    list_der = pki_der_of(one);
    g_assert_cmpint(est_certs_decode(none.data, none.len, &list), ==, -EINVAL);
    g_assert_cmpint(est_certs_decode(too_many.data, too_many.len, &list), ==, -E2BIG);
    g_assert_cmpint(est_certs_decode(list_der.data, list_der.len, &list), ==,
                    -EINVAL); /* a bare certificate */
    g_assert_cmpint(est_certs_decode("", 0, &list), ==, -EINVAL);
    g_assert_cmpint(est_certs_decode("   \r\n", 5, &list), ==, -EINVAL);
    g_assert_cmpint(est_certs_decode("<html>", 6, &list), ==, -EINVAL);
    g_assert_cmpint(est_certs_decode("\0\0\0\0", 4, &list), ==, -EINVAL);
    g_assert_cmpint(est_certs_decode("MIIB", 4, &list), ==, -EINVAL);
    g_assert_cmpint(est_certs_decode(huge, strlen(huge), &list), <, 0);
    for (size_t cut = 1; cut < good.len; cut += 7)
        g_assert_cmpint(est_certs_decode(good.data, good.len - cut, &list), <, 0);
    for (size_t i = 0; i < good.len; i += 3) { /* any flipped bit: an answer or an error, never a crash */
        good.data[i] ^= 0x40;
        if (est_certs_decode(good.data, good.len, &list) == 0)
            der_list_clear(&list);
        good.data[i] ^= 0x40;
    }
    g_assert_cmpuint(list.n, ==, 0);
    free(none.data);
    free(good.data);
    free(too_many.data);
    free(list_der.data);
    X509_free(one);
    EVP_PKEY_free(key);
}

/* ---- csrattrs --------------------------------------------------------------------------------------- */

static void test_csrattrs(void)
{
    static const struct {
        const char *hex;
        int result;
        bool challenge, san;
        const char *usages;
    } rows[] = {
        {"3000", 0, false, false, NULL},
        {"300b06092a864886f70d010907", 0, true, false, NULL},
        /* RFC 7030 4.5.2 style: challengePassword, extensionRequest { subjectAltName } */
        {"301f06092a864886f70d010907"
         "301206092a864886f70d01090e3105"
         "0603551d11",
         0, true, true, NULL},
        /* extensionRequest with an Extensions: extKeyUsage { clientAuth, 1.3.6.1.5.5.7.3.4 } */
        {"303030"
         "2e06092a864886f70d01090e3121301f301d0603551d250416301406082b0601050507030206082b06010505070304",
         0, false, false, "1.3.6.1.5.5.7.3.2,1.3.6.1.5.5.7.3.4"},
        /* extKeyUsage named without content: left to us */
        {"30050603551d25", 0, false, false, "1.3.6.1.5.5.7.3.2"},
        /* attribute extKeyUsage with OIDs as its values */
        {"3013"
         "3011"
         "0603551d25"
         "310a"
         "06082b06010505070302",
         0, false, false, "1.3.6.1.5.5.7.3.2"},
        /* unknown attributes and OIDs are passed over */
        {"301b"
         "0603550403"
         "3014"
         "06072a8648ce3d0201"
         "3109"
         "06072b2403030208"
         "01",
         0, false, false, NULL},
        {"", 0, false, false, NULL},
        {"300006", -EINVAL, false, false, NULL},   /* more behind the end */
        {"3080", -EINVAL, false, false, NULL},     /* indefinite length */
        {"30820001", -EINVAL, false, false, NULL}, /* longer than it is */
        {"308105"
         "0603551d25",
         -EINVAL, false, false, NULL},                       /* length not in its shortest form */
        {"31050603551d25", -EINVAL, false, false, NULL},     /* a SET */
        {"3003020100", -EINVAL, false, false, NULL},         /* an INTEGER where an OID must be */
        {"30053003020100", -EINVAL, false, false, NULL},     /* an attribute without type */
        {"30070603551d253000", -EINVAL, false, false, NULL}, /* an empty attribute */
        {"301130"
         "0f0603551d2531080606"
         "888080808001",
         -EINVAL, false, false, NULL}, /* arc over 32 bits */
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct csrattrs a = {0};
        uint8_t der[512];
        size_t n = sizeof der;
        _cleanup_(freep) char *text = NULL;

        g_test_message("row %zu", i);
        g_assert_cmpint(hex_decode(rows[i].hex, strlen(rows[i].hex), der, &n), ==, 0);
        text = base64_encode(der, n);
        for (int form = 0; form < 2; form++) {
            const void *body = form ? (void *)text : (void *)der;
            size_t len = form ? strlen(text) : n;
            g_autofree char *usages = NULL;

            g_assert_cmpint(est_csrattrs_decode(body, len, &a), ==, rows[i].result);
            if (rows[i].result)
                continue;
            g_assert_cmpint(a.challenge, ==, rows[i].challenge);
            g_assert_cmpint(a.san, ==, rows[i].san);
            usages = a.ext_key_usage ? g_strjoinv(",", a.ext_key_usage) : NULL;
            g_assert_cmpstr(usages, ==, rows[i].usages);
            csrattrs_clear(&a);
        }
    }
}

static void test_csrattrs_bounds(void)
{
    struct csrattrs a = {0};
    uint8_t der[LIMIT_CSRATTRS + 64];
    size_t n = 4;

    /* Many usages: the list has an end. */
    memcpy(der, "\x30\x82\x00\x00", 4);
    der[n++] = 0x30;
    der[n++] = 0x82;
    n += 2;
    memcpy(der + n, "\x06\x03\x55\x1d\x25\x31\x82\x00\x00", 9);
    n += 9;
    for (int i = 0; i < 100; i++) {
        uint8_t oid[] = {0x06, 0x03, 0x2a, 0x03, (uint8_t)(i + 1)};

        memcpy(der + n, oid, sizeof oid);
        n += sizeof oid;
    }
    der[15] = (uint8_t)((n - 17) >> 8);
    der[16] = (uint8_t)(n - 17);
    der[6] = (uint8_t)((n - 8) >> 8);
    der[7] = (uint8_t)(n - 8);
    der[2] = (uint8_t)((n - 4) >> 8);
    der[3] = (uint8_t)(n - 4);
    g_assert_cmpint(est_csrattrs_decode(der, n, &a), ==, -E2BIG);
    /* Too long altogether. */
    memset(der, 0, sizeof der);
    memcpy(der, "\x30\x82\x10\x3c", 4);
    g_assert_cmpint(est_csrattrs_decode(der, sizeof der, &a), ==, -E2BIG);
}

/* ---- requests --------------------------------------------------------------------------------------- */

static void test_request_lines(void)
{
    uint8_t data[200];
    struct der der = {data, sizeof data}, back = {0};
    _cleanup_(freep) char *text = NULL;
    g_auto(GStrv) lines = NULL;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    text = est_request_encode(&der);
    lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i]; i++)
        g_assert_cmpuint(strlen(lines[i]), <=, 64);
    g_assert_cmpint(text[strlen(text) - 1], ==, '\n');
    g_assert_cmpint(est_body_decode(text, strlen(text), 4096, &back), ==, 0);
    g_assert_cmpmem(back.data, back.len, data, sizeof data);
    free(back.data);
}

static X509_REQ *parse_request(const struct der *der)
{
    const unsigned char *p = der->data;
    X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der->len);

    g_assert_nonnull(req);
    g_assert_true(p == der->data + der->len);
    return req;
}

/* MC-20: the subject identity stands in the subjectAltName of the request, in the form of its profile. */
static void test_request(void)
{
    const struct {
        const struct san *san;
        int type;
    } rows[] = {{&dns_san, GEN_DNS}, {&uri_san, GEN_URI}, {&rid_san, GEN_RID}};
    char *usages[] = {(char *)"1.3.6.1.5.5.7.3.2", NULL};
    EVP_PKEY *key = pki_key(NULL);

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct csr_params p = {.key = key, .subject_id = ID, .san = rows[i].san};
        struct der der = {0};
        struct mef_error err = {0};
        X509_REQ *req;
        STACK_OF(X509_EXTENSION) * ext;
        GENERAL_NAMES *names;
        const GENERAL_NAME *name;
        ASN1_BIT_STRING *usage;
        char cn[80] = "";

        if (i == 1) {
            p.ext_key_usage = usages;
            p.challenge = "QUJD+/==";
        }
        g_assert_cmpint(csr_build(&p, &der, &err), ==, 0);
        req = parse_request(&der);
        g_assert_cmpint(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), ==, 1);
        g_assert_cmpint(EVP_PKEY_eq(X509_REQ_get0_pubkey(req), key), ==, 1);
        g_assert_cmpint(X509_REQ_get_signature_nid(req), ==, NID_ecdsa_with_SHA256);
        X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(req), NID_commonName, cn, sizeof cn);
        g_assert_cmpstr(cn, ==, "gw42");
        ext = X509_REQ_get_extensions(req);
        names = X509V3_get_d2i(ext, NID_subject_alt_name, NULL, NULL);
        g_assert_cmpint(sk_GENERAL_NAME_num(names), ==, 1);
        name = sk_GENERAL_NAME_value(names, 0);
        g_assert_cmpint(name->type, ==, rows[i].type);
        if (rows[i].type == GEN_RID) {
            char oid[64];

            OBJ_obj2txt(oid, sizeof oid, name->d.registeredID, 1);
            g_assert_cmpstr(oid, ==, rows[i].san->value);
        } else
            g_assert_cmpmem(ASN1_STRING_get0_data(name->d.ia5), (size_t)ASN1_STRING_length(name->d.ia5),
                            rows[i].san->value, strlen(rows[i].san->value));
        usage = X509V3_get_d2i(ext, NID_key_usage, NULL, NULL);
        g_assert_true(ASN1_BIT_STRING_get_bit(usage, 0));
        g_assert_cmpint(X509v3_get_ext_by_NID(ext, NID_ext_key_usage, -1) >= 0, ==, i == 1);
        g_assert_cmpint(X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1) >= 0, ==, i == 1);
        if (i == 1) {
            X509_ATTRIBUTE *at =
                X509_REQ_get_attr(req, X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1));
            const ASN1_STRING *value = X509_ATTRIBUTE_get0_data(at, 0, V_ASN1_PRINTABLESTRING, NULL);

            g_assert_cmpmem(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value), "QUJD+/==", 8);
        }
        ASN1_BIT_STRING_free(usage);
        GENERAL_NAMES_free(names);
        sk_X509_EXTENSION_pop_free(ext, X509_EXTENSION_free);
        X509_REQ_free(req);
        free(der.data);
    }
    EVP_PKEY_free(key);
}

static void test_request_refused(void)
{
    static const struct san empty = {SAN_DNS, ""}, no_oid = {SAN_RID, "not.an.oid"};
    EVP_PKEY *key = pki_key(NULL), *other = pki_key("secp384r1");
    struct der garbage = {(uint8_t *)"garbage", 7}, ret = {0};
    const struct csr_params rows[] = {
        {.key = other, .subject_id = ID, .san = &dns_san},
        {.key = key, .subject_id = ID, .san = &empty},
        {.key = key, .subject_id = ID, .san = &no_oid},
        {.key = NULL, .subject_id = ID, .san = &dns_san},
        {.key = key, .subject_id = ID, .san = &dns_san, .like = &garbage},
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct mef_error err = {0};

        g_assert_cmpint(csr_build(&rows[i], &ret, &err), <, 0);
        g_assert_true(*err.text);
        g_assert_null(ret.data);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* Re-enrolment: subject and subjectAltName are those of the certificate, which other servers insist on. */
static void test_request_like(void)
{
    static const struct pki_spec spec = {.cn = "another name",
                                         .san = "DNS:gw42.in-cse.m2m.example.com,DNS:more.example"};
    EVP_PKEY *key = pki_key(NULL);
    X509 *old = pki_issue(&spec, key, NULL, NULL);
    struct der like = pki_der_of(old), der = {0};
    struct csr_params p = {.key = key, .subject_id = ID, .san = &dns_san, .like = &like};
    STACK_OF(X509_EXTENSION) * ext;
    X509_REQ *req;

    g_assert_cmpint(csr_build(&p, &der, NULL), ==, 0);
    req = parse_request(&der);
    g_assert_cmpint(X509_NAME_cmp(X509_REQ_get_subject_name(req), X509_get_subject_name(old)), ==, 0);
    ext = X509_REQ_get_extensions(req);
    {
        X509_EXTENSION *have = X509v3_get_ext(ext, X509v3_get_ext_by_NID(ext, NID_subject_alt_name, -1));
        X509_EXTENSION *want = X509_get_ext(old, X509_get_ext_by_NID(old, NID_subject_alt_name, -1));

        g_assert_cmpint(ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(have), X509_EXTENSION_get_data(want)),
                        ==, 0);
    }
    sk_X509_EXTENSION_pop_free(ext, X509_EXTENSION_free);
    X509_REQ_free(req);
    X509_free(old);
    EVP_PKEY_free(key);
    free(like.data);
    free(der.data);
}

/* ---- checks on what came back ----------------------------------------------------------------------- */

struct pki {
    EVP_PKEY *root_key, *ca_key, *key, *other;
    X509 *root, *ca;
    struct der_list cas;
};

static void pki_init(struct pki *p)
{
    static const struct pki_spec root = {.cn = "Root", .ca = true}, ca = {.cn = "Issuing", .ca = true};

    *p = (struct pki){pki_key(NULL), pki_key(NULL), pki_key(NULL), pki_key(NULL), NULL, NULL, {0}};
    p->root = pki_issue(&root, p->root_key, NULL, NULL);
    p->ca = pki_issue(&ca, p->ca_key, p->root, p->root_key);
    pki_der(p->root, &p->cas);
}

static void pki_done(struct pki *p)
{
    EVP_PKEY_free(p->root_key);
    EVP_PKEY_free(p->ca_key);
    EVP_PKEY_free(p->key);
    EVP_PKEY_free(p->other);
    X509_free(p->root);
    X509_free(p->ca);
    der_list_clear(&p->cas);
}

static int64_t now(void)
{
    return (int64_t)time(NULL) * (int64_t)USEC_PER_SEC;
}

static void test_chain_good(void)
{
    static const struct pki_spec leaf = {.cn = "gw42",
                                         .san = "DNS:x.example,DNS:GW42.in-cse.m2m.example.com"};

    /* The intermediate comes with the leaf (either order), or only with cacerts. */
    for (int form = 0; form < 3; form++) {
        struct pki p;
        struct der_list received = {0}, chain = {0};
        struct mef_error err = {0};
        X509 *cert;

        pki_init(&p);
        cert = pki_issue(&leaf, p.key, p.ca, p.ca_key);
        if (form == 1)
            pki_der(p.ca, &received);
        pki_der(cert, &received);
        if (form == 0)
            pki_der(p.ca, &received);
        if (form == 2)
            pki_der(p.ca, &p.cas);
        {
            struct chain_want want = {.key = p.key, .san = &dns_san, .now = now()};
            struct der first = pki_der_of(cert), second = pki_der_of(p.ca);

            g_assert_cmpint(chain_check(&want, &received, &p.cas, &chain, &err), ==, 0);
            g_assert_cmpuint(chain.n, ==, 2);
            g_assert_cmpmem(chain.item[0].data, chain.item[0].len, first.data, first.len);
            g_assert_cmpmem(chain.item[1].data, chain.item[1].len, second.data, second.len);
            free(first.data);
            free(second.data);
        }
        der_list_clear(&chain);
        der_list_clear(&received);
        X509_free(cert);
        pki_done(&p);
    }
}

static void test_chain_refused(void)
{
    static const struct {
        struct pki_spec leaf;
        const char *says;
        bool other_key, other_issuer;
    } rows[] = {
        {{.cn = "gw42"}, "subjectAltName", false, false},
        {{.cn = "gw42.in-cse.m2m.example.com"}, "subjectAltName", false, false},
        {{.san = "DNS:other.example"}, "subjectAltName", false, false},
        {{.san = "URI:gw42.in-cse.m2m.example.com"}, "subjectAltName", false, false},
        {{.san = "DNS:*.in-cse.m2m.example.com"}, "wildcard", false, false},
        {{.san = "DNS:gw42.in-cse.m2m.example.com,DNS:*.example"}, "wildcard", false, false},
        {{.san = "DNS:gw42.in-cse.m2m.example.com"}, "public key", true, false},
        {{.san = "DNS:gw42.in-cse.m2m.example.com"}, "CA certificate", false, true},
        {{.san = "DNS:gw42.in-cse.m2m.example.com", .from = -200, .until = -100}, "not valid", false, false},
        {{.san = "DNS:gw42.in-cse.m2m.example.com", .from = 100, .until = 200}, "not valid", false, false},
        {{.san = "DNS:gw42.in-cse.m2m.example.com", .ca = true}, "CA", false, false},
        {{.san = "DNS:gw42.in-cse.m2m.example.com", .key_usage = "keyAgreement"}, "signatures", false, false},
        {{.san = "DNS:gw42.in-cse.m2m.example.com", .digest = "SHA384"}, "SHA-256", false, false},
        {{.san = "DNS:gw42.in-cse.m2m.example.com", .ext_key_usage = "serverAuth"}, "purpose", false, false},
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct pki p, q;
        struct der_list received = {0}, chain = {0};
        struct mef_error err = {0};
        struct chain_want want = {.san = &dns_san, .now = now()};
        X509 *cert;

        pki_init(&p);
        pki_init(&q);
        want.key = p.key;
        cert = pki_issue(&rows[i].leaf, rows[i].other_key ? p.other : p.key,
                         rows[i].other_issuer ? q.ca : p.ca, rows[i].other_issuer ? q.ca_key : p.ca_key);
        pki_der(cert, &received);
        pki_der(rows[i].other_issuer ? q.ca : p.ca, &received);
        g_assert_cmpint(chain_check(&want, &received, &p.cas, &chain, &err), ==, CERT_SERVER_ERROR);
        if (!strstr(err.text, rows[i].says))
            g_error("row %zu: '%s' is not in '%s'", i, rows[i].says, err.text);
        g_assert_null(chain.item);
        der_list_clear(&received);
        X509_free(cert);
        pki_done(&p);
        pki_done(&q);
    }
}

/* The CA's name constraints hold (8.1.2.2). */
static void test_chain_constraints(void)
{
    static const struct pki_spec ca = {.cn = "Narrow",
                                       .ca = true,
                                       .constraints = "critical,permitted;DNS:other.example"},
                                 leaf = {.san = "DNS:gw42.in-cse.m2m.example.com"};
    struct pki p;
    struct der_list received = {0}, chain = {0};
    struct mef_error err = {0};
    struct chain_want want = {.san = &dns_san, .now = now()};
    X509 *narrow, *cert;

    pki_init(&p);
    want.key = p.key;
    narrow = pki_issue(&ca, p.other, p.root, p.root_key);
    cert = pki_issue(&leaf, p.key, narrow, p.other);
    pki_der(cert, &received);
    pki_der(narrow, &received);
    g_assert_cmpint(chain_check(&want, &received, &p.cas, &chain, &err), ==, CERT_SERVER_ERROR);
    der_list_clear(&received);
    X509_free(narrow);
    X509_free(cert);
    pki_done(&p);
}

static void test_chain_garbage(void)
{
    static const struct pki_spec leaf = {.san = "DNS:gw42.in-cse.m2m.example.com"};
    struct pki p;
    struct der_list received = {0}, chain = {0};
    struct mef_error err = {0};
    struct chain_want want = {.san = &dns_san, .now = now()};
    X509 *cert;

    pki_init(&p);
    want.key = p.key;
    cert = pki_issue(&leaf, p.key, p.ca, p.ca_key);
    g_assert_cmpint(chain_check(&want, &received, &p.cas, &chain, &err), ==, CERT_SERVER_ERROR);
    pki_der(cert, &received);
    pki_der(p.ca, &received);
    for (size_t i = 0; i < received.item[0].len; i++) { /* no bit of the leaf may be changed */
        received.item[0].data[i] ^= 0x01;
        g_assert_cmpint(chain_check(&want, &received, &p.cas, &chain, &err), !=, 0);
        g_assert_null(chain.item);
        received.item[0].data[i] ^= 0x01;
    }
    g_assert_cmpint(der_list_add(&received, "x", 1), ==, 0);
    g_assert_cmpint(chain_check(&want, &received, &p.cas, &chain, &err), ==, CERT_SERVER_ERROR);
    der_list_clear(&received);
    X509_free(cert);
    pki_done(&p);
}

static void test_pick_ca(void)
{
    static const struct pki_spec old = {.cn = "Old", .ca = true, .from = -200, .until = -100},
                                 leaf = {.cn = "leaf"};
    struct pki p;
    struct der_list from = {0}, ret = {0};
    struct mef_error err = {0};
    X509 *expired, *no_ca;

    pki_init(&p);
    expired = pki_issue(&old, p.other, NULL, NULL);
    no_ca = pki_issue(&leaf, p.other, NULL, NULL);
    pki_der(expired, &from);
    pki_der(no_ca, &from);
    g_assert_cmpint(chain_pick_ca(&from, now(), &ret, &err), ==, CERT_SERVER_ERROR);
    pki_der(p.root, &from);
    g_assert_cmpint(chain_pick_ca(&from, now(), &ret, &err), ==, 0);
    g_assert_cmpuint(ret.n, ==, 1);
    g_assert_cmpmem(ret.item[0].data, ret.item[0].len, from.item[2].data, from.item[2].len);
    der_list_clear(&ret);
    der_list_clear(&from);
    X509_free(expired);
    X509_free(no_ca);
    pki_done(&p);
}

/* ---- facts ------------------------------------------------------------------------------------------ */

static void test_info(void)
{
    static const struct pki_spec spec = {
        .cn = "J\xc3\xbcrgen, gw", .san = "URI:urn:x:y,DNS:a.example", .from = -10, .until = 90};
    struct pki p;
    X509 *cert;
    struct der der;
    struct cert_info info = {0};
    unsigned char hash[32];
    char hex[65];
    unsigned n = sizeof hash;

    pki_init(&p);
    cert = pki_issue(&spec, p.key, p.ca, p.ca_key);
    der = pki_der_of(cert);
    g_assert_cmpint(cert_info_get(&der, &info), ==, 0);
    g_assert_cmpstr(info.subject, ==, "CN=J\xc3\xbcrgen\\, gw");
    g_assert_cmpstr(info.issuer, ==, "CN=Issuing");
    g_assert_cmpstr(info.san, ==, "urn:x:y");
    g_assert_cmpint(info.not_after - info.not_before, ==, 100 * (int64_t)USEC_PER_SEC);
    g_assert_false(info.ca);
    g_assert_true(X509_digest(cert, EVP_sha256(), hash, &n));
    hex_encode(hash, sizeof hash, hex);
    g_assert_cmpstr(info.sha256_hex, ==, hex);
    cert_info_clear(&info);
    g_assert_true(cert_is_for(&der, &(struct san){SAN_DNS, "A.example"}, now()));
    g_assert_false(cert_is_for(&der, &(struct san){SAN_DNS, "b.example"}, now()));
    g_assert_false(cert_is_for(&der, &(struct san){SAN_URI, "urn:X:y"}, now()));
    g_assert_false(
        cert_is_for(&der, &(struct san){SAN_DNS, "a.example"}, now() + 3600 * (int64_t)USEC_PER_SEC));
    der.data[0] ^= 1;
    g_assert_cmpint(cert_info_get(&der, &info), ==, -EINVAL);
    g_assert_false(cert_is_for(&der, &(struct san){SAN_DNS, "a.example"}, now()));
    free(der.data);
    X509_free(cert);
    pki_done(&p);
}

static void test_from_text(void)
{
    static const struct pki_spec spec = {.cn = "CA", .ca = true};
    EVP_PKEY *key = pki_key(NULL);
    X509 *cert = pki_issue(&spec, key, NULL, NULL);
    struct der der = pki_der_of(cert), ret = {0};
    BIO *mem = BIO_new(BIO_s_mem());
    g_autofree char *text = NULL;
    char *pem;
    long n;

    g_assert_true(PEM_write_bio_X509(mem, cert));
    n = BIO_get_mem_data(mem, &pem);
    text = g_strdup_printf("Bag Attributes\n%.*s\n", (int)n, pem);
    g_assert_cmpint(cert_from_text(text, strlen(text), &ret), ==, 0);
    g_assert_cmpmem(ret.data, ret.len, der.data, der.len);
    free(ret.data);
    g_assert_cmpint(cert_from_text((const char *)der.data, der.len, &ret), ==, 0);
    free(ret.data);
    g_assert_cmpint(cert_from_text("", 0, &ret), ==, -EINVAL);
    g_assert_cmpint(cert_from_text(text, strlen(text) / 2, &ret), ==, -EINVAL);
    g_assert_cmpint(
        cert_from_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 58, &ret), ==,
        -EINVAL);
    BIO_free(mem);
    free(der.data);
    X509_free(cert);
    EVP_PKEY_free(key);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cert/est/uri", test_uri);
    g_test_add_func("/cert/est/certs-forms", test_certs_forms);
    g_test_add_func("/cert/est/certs-refused", test_certs_refused);
    g_test_add_func("/cert/est/csrattrs", test_csrattrs);
    g_test_add_func("/cert/est/csrattrs-bounds", test_csrattrs_bounds);
    g_test_add_func("/cert/est/request-lines", test_request_lines);
    g_test_add_func("/cert/csr/subject-alt-name", test_request);
    g_test_add_func("/cert/csr/refused", test_request_refused);
    g_test_add_func("/cert/csr/like", test_request_like);
    g_test_add_func("/cert/chain/good", test_chain_good);
    g_test_add_func("/cert/chain/refused", test_chain_refused);
    g_test_add_func("/cert/chain/name-constraints", test_chain_constraints);
    g_test_add_func("/cert/chain/garbage", test_chain_garbage);
    g_test_add_func("/cert/chain/pick-ca", test_pick_ca);
    g_test_add_func("/cert/info", test_info);
    g_test_add_func("/cert/from-text", test_from_text);
    return g_test_run();
}
