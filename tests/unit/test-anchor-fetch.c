/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fetch of a trust anchor over the real transport, from a server of another TLS library: the good case,
 * and each thing that can be wrong with it (mo-tree.md 3.8, V19). */
#include <errno.h>
#include <openssl/pem.h>
#include <string.h>

#include "plugin/mef/anchor-fetch.h"
#include "policy/fingerprint.h"
#include "tests/unit/net-world.h"

struct fetch {
    struct world w;
    X509 *anchor;
    char *pem;
    char fingerprint[FINGERPRINT_NI_LEN];
};

static void start(struct fetch *f, const char *san, int64_t from, int64_t until)
{
    const struct pki_spec server = {.cn = "pki", .san = san, .from = from, .until = until};
    static const struct pki_spec root = {.cn = "Application root", .ca = true};
    EVP_PKEY *key = pki_key(NULL);
    uint8_t sum[32];

    world_init(&f->w, 2000, 2000);
    world_certs(&f->w, &server, NULL);
    f->anchor = pki_issue(&root, key, NULL, NULL);
    EVP_PKEY_free(key);
    struct der der = pki_der_of(f->anchor);
    g_assert_true(EVP_Digest(der.data, der.len, sum, NULL, EVP_sha256(), NULL));
    fingerprint_format_ni(sum, f->fingerprint);
    free(der.data);
    f->pem = pki_pem_of(f->anchor);
}

static void stop(struct fetch *f)
{
    X509_free(f->anchor);
    g_free(f->pem);
    world_done(&f->w);
}

static char *answer(const char *status, const char *more, const char *body)
{
    return g_strdup_printf("HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status, more, strlen(body),
                           body);
}

static struct peer_spec spec_of(const struct fetch *f, const char *text)
{
    return (struct peer_spec){.chain = &f->w.server_chain, .key = &f->w.server_pkcs8, .answer = text};
}

/* What becomes of a fetch from such a server; the path that it was asked for is checked. */
static int fetch(struct fetch *f, const struct peer_spec *spec, const struct der_list *anchors,
                 struct der *ret)
{
    struct peer *p = peer_start(spec);
    g_autofree char *uri = g_strdup_printf("https://" FQDN ":%u/dir/root.der?a=b", p->port);

    f->w.err = (struct mef_error){0};
    int r = anchor_fetch(&f->w.t, uri, f->fingerprint, anchors, &f->w.wait, ret, &f->w.err);
    if (p->received->len)
        g_assert_true(g_str_has_prefix(p->received->str, "GET /dir/root.der?a=b HTTP/1.1\r\n"));
    g_assert_null(strstr(p->received->str, "X-M2M"));
    peer_stop(p);
    if (r != 0)
        g_assert_cmpint(f->w.err.word, !=, MEF_ERROR_NONE);
    return r;
}

static void test_good(void)
{
    struct fetch f = {0};
    struct der got = {0};

    start(&f, "DNS:" FQDN, 0, 0);
    g_autofree char *text = answer("200 OK", "Content-Type: application/x-pem-file\r\n", f.pem);
    struct peer_spec spec = spec_of(&f, text);
    g_assert_cmpint(fetch(&f, &spec, &f.w.anchors, &got), ==, 0);
    struct der want = pki_der_of(f.anchor);
    g_assert_cmpmem(got.data, got.len, want.data, want.len);
    free(got.data);
    /* A web server of today. */
    spec.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3";
    g_assert_cmpint(fetch(&f, &spec, &f.w.anchors, &got), ==, 0);
    free(got.data);
    /* DER as it is. */
    g_assert_cmpint(anchor_read((const char *)want.data, want.len, f.fingerprint, &got, NULL), ==, 0);
    free(got.data);
    free(want.data);
    stop(&f);
}

static void test_wrong_content(void)
{
    struct fetch f = {0};
    struct der got = {0};

    start(&f, "DNS:" FQDN, 0, 0);
    g_autofree char *two = g_strconcat(f.pem, f.pem, NULL), *other = pki_pem_of(f.w.ca);
    g_autofree char *large = g_strnfill(64 * 1024 + 1, '\n'), *padded = g_strconcat(f.pem, large, NULL);
    g_autofree char *key =
        g_strconcat(f.pem, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NULL);
    const struct {
        const char *status, *more, *body;
    } rows[] = {
        {"404 Not Found", "", f.pem},
        {"500 No", "", f.pem},
        {"204 No", "", ""},
        {"302 Found", "Location: https://" FQDN "/other\r\n", f.pem},
        {"301 Moved", "Location: http://" FQDN "/other\r\n", f.pem},
        {"200 OK", "", ""},
        {"200 OK", "", "<html>not a certificate</html>"},
        {"200 OK", "", other},
        {"200 OK", "", two},
        {"200 OK", "", key},
        {"200 OK", "", padded},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = answer(rows[i].status, rows[i].more, rows[i].body);
        struct peer_spec spec = spec_of(&f, text);
        g_test_message("row %zu", i);
        g_assert_cmpint(fetch(&f, &spec, &f.w.anchors, &got), !=, 0);
        g_assert_null(got.data);
    }
    g_autofree char *good = answer("200 OK", "", f.pem);
    struct peer_spec spec = spec_of(&f, good);
    spec.hang_up = true;
    g_assert_cmpint(fetch(&f, &spec, &f.w.anchors, &got), !=, 0);
    spec.hang_up = false;
    spec.silent = true;
    g_assert_cmpint(fetch(&f, &spec, &f.w.anchors, &got), !=, 0);
    stop(&f);
}

static void test_wrong_server(void)
{
    static const struct {
        const char *san;
        int64_t from, until;
    } rows[] = {{"DNS:other.example.com", 0, 0}, {"DNS:" FQDN, -7200, -3600}};
    struct der got = {0};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct fetch f = {0};
        start(&f, rows[i].san, rows[i].from, rows[i].until);
        g_autofree char *text = answer("200 OK", "", f.pem);
        struct peer_spec spec = spec_of(&f, text);
        g_assert_cmpint(fetch(&f, &spec, &f.w.anchors, &got), ==, TRANSPORT_UNTRUSTED);
        stop(&f);
    }
    struct fetch f = {0};
    start(&f, "DNS:" FQDN, 0, 0);
    g_autofree char *text = answer("200 OK", "", f.pem);
    struct peer_spec spec = spec_of(&f, text);
    g_assert_cmpint(fetch(&f, &spec, NULL, &got), ==,
                    TRANSPORT_UNTRUSTED); /* the machine does not know this CA */
    stop(&f);
}

static void test_wrong_uri(void)
{
    static const char *const uris[] = {NULL,
                                       "",
                                       "http://" FQDN "/x",
                                       "coaps://" FQDN "/x",
                                       "https:///x",
                                       "https://me@" FQDN "/x",
                                       "https://192.0.2.1/x",
                                       "urn:x:y",
                                       "x"};
    struct fetch f = {0};
    struct der got = {0};

    start(&f, "DNS:" FQDN, 0, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(uris); i++)
        g_assert_cmpint(anchor_fetch(&f.w.t, uris[i], f.fingerprint, NULL, &f.w.wait, &got, &f.w.err), !=, 0);
    stop(&f);
}

static void test_cancel(void)
{
    struct fetch f = {0};
    struct der got = {0};
    struct cancel c;

    start(&f, "DNS:" FQDN, 0, 0);
    g_assert_cmpint(cancel_init(&c), ==, 0);
    cancel_fire(&c);
    f.w.wait.cancel = &c;
    g_autofree char *text = answer("200 OK", "", f.pem);
    struct peer_spec spec = spec_of(&f, text);
    g_assert_cmpint(fetch(&f, &spec, &f.w.anchors, &got), ==, -ECANCELED);
    f.w.wait.cancel = NULL;
    cancel_done(&c);
    stop(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mef/anchor-fetch/MC-46/good", test_good);
    g_test_add_func("/mef/anchor-fetch/MC-46/wrong-content", test_wrong_content);
    g_test_add_func("/mef/anchor-fetch/MC-46/wrong-server", test_wrong_server);
    g_test_add_func("/mef/anchor-fetch/MC-46/wrong-uri", test_wrong_uri);
    g_test_add_func("/mef/anchor-fetch/cancel", test_cancel);
    return g_test_run();
}
