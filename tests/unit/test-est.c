/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The enrolment as a whole, over a scripted transport: a real server will not answer 202 at call N on demand.
 * The same over TLS is in test-est-tls.c. */
#include <errno.h>
#include <glib.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/cert/est-codec.h"
#include "plugin/cert/est.h"
#include "tests/unit/est-ca.h"
#include "tests/unit/pki.h"

#define FQDN "mef.example.com"
#define ID   "//m2m.example.com/gw42"

static const struct san san = {SAN_DNS, "gw42.in-cse.m2m.example.com"};

/* ---- a scripted transport --------------------------------------------------------------------------- */

struct step {
    int result; /* of the transport */
    unsigned status;
    const char *hex;  /* csrattrs */
    const char *text; /* any body */
    int64_t retry_after;
    bool reconnected;
    bool drop;            /* the connection ends with this answer */
    struct pki_enrol how; /* POST with status 200 and no text */
};

struct fake {
    struct authority ca;
    int open_result;
    int refuse_certificates; /* 1 = by open, 2 = by the first request */
    struct step cacerts, csrattrs, posts[8];
    unsigned n_posts;
    GString *log;
    char *last_challenge, *last_body;
    unsigned bodies;     /* of POSTs, other than the one before */
    unsigned connection; /* which tls-unique counts */
    bool connected;
    enum credential_kind opened_with;
    struct cancel cancel;
    bool cancel_at_wait;
    /* vault */
    EVP_PKEY *key;
    int key_result;
    unsigned keys_made;
    /* progress */
    unsigned steps[64], n_steps;
    int64_t waited_until;
};

struct session {
    struct fake *f;
};

static int fake_open(void *ctx, const struct endpoint *at, const struct credential *with,
                     const struct wait *wait, struct session **ret, struct mef_error *reterr)
{
    struct fake *f = ctx;

    g_assert_cmpstr(at->fqdn, ==, FQDN);
    g_assert_cmpuint(at->http_port, ==, 8443);
    f->opened_with = with->kind;
    if (f->refuse_certificates == 1 && with->kind == CREDENTIAL_CERT) {
        mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "scripted");
        return TRANSPORT_TLS_REFUSED;
    }
    if (f->open_result) {
        mef_fail(reterr, MEF_ERROR_SERVER_UNREACHABLE, "scripted");
        return f->open_result;
    }
    *ret = g_new0(struct session, 1);
    (*ret)->f = f;
    return 0;
}

static int fake_http(struct session *s, const struct http_request *req, const struct wait *wait,
                     struct http_response *ret, struct mef_error *reterr)
{
    struct fake *f = s->f;
    const struct step *step;
    char *body = NULL;

    g_string_append_printf(f->log, "%s ", strrchr(req->path, '/') + 1);
    if (f->refuse_certificates == 2 && f->opened_with == CREDENTIAL_CERT) {
        mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "scripted");
        return TRANSPORT_TLS_REFUSED;
    }
    if (!f->connected) {
        f->connected = true;
        f->connection++;
    }
    if (g_str_has_suffix(req->path, "/cacerts"))
        step = &f->cacerts;
    else if (g_str_has_suffix(req->path, "/csrattrs"))
        step = &f->csrattrs;
    else {
        struct der csr = {0};

        g_assert_cmpstr(req->method, ==, "POST");
        g_assert_cmpstr(req->content_type, ==, "application/pkcs10");
        g_assert_true(req->transfer_base64);
        step = &f->posts[f->n_posts++];
        if (step->reconnected)
            f->connection++;
        g_assert_cmpint(est_body_decode(req->body, req->body_len, LIMIT_EST_BODY, &csr), ==, 0);
        g_autofree char *text = g_strndup(req->body, req->body_len);
        f->bodies += g_strcmp0(f->last_body, text) != 0;
        g_free(f->last_body);
        f->last_body = g_steal_pointer(&text);
        g_free(f->last_challenge);
        f->last_challenge = challenge_of(&csr);
        if (step->status == 200 && !step->text) {
            X509 *cert = pki_enrol(&step->how, csr.data, csr.len, f->ca.cert, f->ca.key);

            body = certs_body(cert);
            X509_free(cert);
        }
        free(csr.data);
    }
    if (step->result) {
        f->connected = false;
        free(body);
        return step->result < 0 ? step->result
                                : (mef_fail(reterr, MEF_ERROR_SERVER_UNREACHABLE, "scripted"), step->result);
    }
    if (!body)
        body = step->hex                            ? hex_body(step->hex)
               : step == &f->cacerts && !step->text ? certs_body(f->ca.cert)
                                                    : strdup(step->text ? step->text : "");
    *ret = (struct http_response){
        .status = step->status, .retry_after = step->retry_after, .reconnected = step->reconnected};
    g_assert_cmpint(buf_adds(&ret->body, body), ==, 0);
    free(body);
    f->connected = !step->drop;
    return 0;
}

static int fake_tls_unique(struct session *s, uint8_t *buf, size_t *len)
{
    if (!s->f->connected)
        return -ENOTCONN;
    memset(buf, (int)s->f->connection, 12);
    *len = 12;
    return 0;
}

static void fake_close(struct session *s)
{
    g_free(s);
}

static int fake_make_key(void *ctx, const uint8_t id[KEY_ID_LEN], const char *label, const char *owner,
                         struct evp_pkey_st **ret, struct mef_error *reterr)
{
    struct fake *f = ctx;

    f->keys_made++;
    if (f->key_result)
        return mef_fail(reterr, MEF_ERROR_TOKEN_FULL, "scripted");
    EVP_PKEY_up_ref(f->key);
    *ret = f->key;
    return 0;
}

static int64_t real_now(void *ctx)
{
    return now_realtime();
}

static void on_progress(void *ctx, unsigned step, const char *text, int64_t waiting_until)
{
    struct fake *f = ctx;

    g_assert_true(text && *text);
    if (f->n_steps < ELEMENTS(f->steps))
        f->steps[f->n_steps++] = step;
    if (waiting_until) {
        f->waited_until = waiting_until;
        if (f->cancel_at_wait)
            cancel_fire(&f->cancel);
    }
}

static void fake_init(struct fake *f)
{
    *f = (struct fake){
        .cacerts.status = 200, .csrattrs = {.status = 200, .hex = "3000"}, .posts[0].status = 200};
    authority_init(&f->ca);
    f->log = g_string_new(NULL);
    f->key = pki_key(NULL);
    g_assert_cmpint(cancel_init(&f->cancel), ==, 0);
}

static void fake_done(struct fake *f)
{
    authority_done(&f->ca);
    g_string_free(f->log, TRUE);
    g_free(f->last_challenge);
    g_free(f->last_body);
    EVP_PKEY_free(f->key);
    cancel_done(&f->cancel);
}

static int fake_enrol(struct fake *f, const struct credential *renew, struct est_result *ret,
                      struct mef_error *err)
{
    struct transport transport = {
        .ctx = f, .open = fake_open, .http = fake_http, .tls_unique = fake_tls_unique, .close = fake_close};
    struct vault vault = {.ctx = f, .make_key = fake_make_key};
    struct clock_port clock = {.realtime = real_now};
    struct wait wait = {.cancel = &f->cancel, .deadline = now_monotonic() + 30 * USEC_PER_SEC};
    struct credential psk = {.kind = CREDENTIAL_PSK};
    struct est_params p = {.transport = &transport,
                           .vault = &vault,
                           .clock = &clock,
                           .wait = &wait,
                           .uri = "https://mef.example.com:8443/.well-known/est",
                           .with = &psk,
                           .renew = renew,
                           .subject_id = ID,
                           .san = &san,
                           .label = ID,
                           .owner = "mef1",
                           .progress = on_progress,
                           .progress_ctx = f};

    return est_enrol(&p, ret, err);
}

static void test_first(void)
{
    struct fake f;
    struct est_result r = {0};
    struct mef_error err = {0};

    fake_init(&f);
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 0);
    g_assert_cmpstr(f.log->str, ==, "cacerts csrattrs simpleenroll ");
    g_assert_null(f.last_challenge);
    g_assert_cmpuint(r.ca.n, ==, 1);
    g_assert_cmpuint(r.chain.n, ==, 1);
    g_assert_cmpint(EVP_PKEY_eq(r.key, f.key), ==, 1);
    g_assert_cmpstr(r.info.san, ==, san.value);
    g_assert_cmpstr(r.info.subject, ==, "CN=gw42");
    g_assert_false(r.renewed);
    g_assert_cmpuint(f.n_steps, ==, 5);
    for (unsigned i = 0; i < 5; i++)
        g_assert_cmpuint(f.steps[i], ==, i + 1);
    est_result_clear(&r);
    fake_done(&f);
}

/* A valid certificate for the same identity: simplereenroll with it; any other: simpleenroll. */
static void test_renew(void)
{
    static const struct {
        struct pki_spec spec;
        const char *log;
        enum credential_kind with;
    } rows[] = {
        {{.cn = "old subject", .san = "DNS:gw42.in-cse.m2m.example.com"},
         "cacerts csrattrs simplereenroll ",
         CREDENTIAL_CERT},
        {{.cn = "x", .san = "DNS:gw43.in-cse.m2m.example.com"},
         "cacerts csrattrs simpleenroll ",
         CREDENTIAL_PSK},
        {{.cn = "x", .san = "DNS:gw42.in-cse.m2m.example.com", .from = -20, .until = -10},
         "cacerts csrattrs simpleenroll ",
         CREDENTIAL_PSK},
    };

    for (size_t i = 0; i < ELEMENTS(rows); i++) {
        struct fake f;
        struct est_result r = {0};
        struct mef_error err = {0};
        struct der_list chain = {0};
        struct credential renew = {.kind = CREDENTIAL_CERT, .chain = &chain};
        EVP_PKEY *old_key = pki_key(NULL);
        X509 *old;

        fake_init(&f);
        old = pki_issue(&rows[i].spec, old_key, f.ca.cert, f.ca.key);
        pki_der(old, &chain);
        g_assert_cmpint(fake_enrol(&f, &renew, &r, &err), ==, 0);
        g_assert_cmpstr(f.log->str, ==, rows[i].log);
        g_assert_cmpint(f.opened_with, ==, rows[i].with);
        g_assert_cmpint(r.renewed, ==, i == 0);
        g_assert_cmpstr(r.info.subject, ==, i == 0 ? "CN=old subject" : "CN=gw42");
        est_result_clear(&r);
        der_list_clear(&chain);
        X509_free(old);
        EVP_PKEY_free(old_key);
        fake_done(&f);
    }
}

/* The MEF does not take the old certificate any more: a first enrolment over the other credential. */
static void test_renew_refused(void)
{
    static const struct pki_spec spec = {.cn = "old", .san = "DNS:gw42.in-cse.m2m.example.com"};

    for (int at_open = 0; at_open < 2; at_open++) {
        struct fake f;
        struct est_result r = {0};
        struct mef_error err = {0};
        struct der_list chain = {0};
        struct credential renew = {.kind = CREDENTIAL_CERT, .chain = &chain};
        EVP_PKEY *old_key = pki_key(NULL);
        X509 *old;

        fake_init(&f);
        old = pki_issue(&spec, old_key, f.ca.cert, f.ca.key);
        pki_der(old, &chain);
        f.refuse_certificates = at_open ? 1 : 2;
        g_assert_cmpint(fake_enrol(&f, &renew, &r, &err), ==, 0);
        g_assert_cmpstr(f.log->str, ==,
                        at_open ? "cacerts csrattrs simpleenroll "
                                : "cacerts cacerts csrattrs simpleenroll ");
        g_assert_cmpint(f.opened_with, ==, CREDENTIAL_PSK);
        g_assert_false(r.renewed);
        est_result_clear(&r);
        der_list_clear(&chain);
        X509_free(old);
        EVP_PKEY_free(old_key);
        fake_done(&f);
    }
}

/* Who is to blame for what: the error split of 3.6.2. Each names the reason and leaves no result. */
static const struct split_row {
    const char *name;
    struct step cacerts, csrattrs, post;
    int open_result, key_result, status;
    const char *says;
} split_rows[] = {
    {"unreachable", {0}, {0}, {0}, TRANSPORT_UNREACHABLE, 0, 100, "scripted"},
    {"refused", {0}, {0}, {0}, TRANSPORT_TLS_REFUSED, 0, 100, "scripted"},
    {"untrusted", {0}, {0}, {0}, TRANSPORT_UNTRUSTED, 0, 100, "scripted"},
    {"cancelled", {0}, {0}, {0}, -ECANCELED, 0, -ECANCELED, ""},
    {"our side of TLS", {0}, {0}, {0}, -EIO, 0, 101, ""},
    {"cacerts 404", {.status = 404}, {0}, {0}, 0, 0, 100, "404"},
    {"cacerts garbage", {.status = 200, .text = "<html>"}, {0}, {0}, 0, 0, 100, "CA certificates"},
    {"cacerts timeout", {.result = TRANSPORT_TIMEOUT}, {0}, {0}, 0, 0, 100, "scripted"},
    {"cacerts too big", {.result = TRANSPORT_TOO_BIG}, {0}, {0}, 0, 0, 100, "scripted"},
    {"csrattrs 500", {.status = 200}, {.status = 500}, {0}, 0, 0, 100, "500"},
    {"csrattrs garbage", {.status = 200}, {.status = 200, .text = "????"}, {0}, 0, 0, 100, "attributes"},
    {"csrattrs 302", {.status = 200}, {.status = 302}, {0}, 0, 0, 100, "302"},
    {"token full", {.status = 200}, {.status = 204}, {0}, 0, -ENOSPC, 101, "scripted"},
    {"bad usage",
     {.status = 200},
     {.status = 200,
      .hex = "3013301106"
             "03551d25310a06082b06010505070302"},
     {.status = 403},
     0,
     0,
     100,
     "403"},
    {"401", {.status = 200}, {.status = 404}, {.status = 401}, 0, 0, 100, "authentication"},
    {"403", {.status = 200}, {.status = 204}, {.status = 403}, 0, 0, 100, "403"},
    {"503", {.status = 200}, {.status = 204}, {.status = 503}, 0, 0, 100, "503"},
    {"302", {.status = 200}, {.status = 204}, {.status = 302}, 0, 0, 100, "302"},
    {"answer garbage",
     {.status = 200},
     {.status = 204},
     {.status = 200, .text = "AAAA"},
     0,
     0,
     100,
     "cannot be read"},
    {"answer timeout",
     {.status = 200},
     {.status = 204},
     {.result = TRANSPORT_TIMEOUT},
     0,
     0,
     100,
     "scripted"},
    {"no SAN",
     {.status = 200},
     {.status = 204},
     {.status = 200, .how.without_san = true},
     0,
     0,
     100,
     "subjectAltName"},
    {"expired",
     {.status = 200},
     {.status = 204},
     {.status = 200, .how = {.from = -9, .until = -8}},
     0,
     0,
     100,
     "valid"},
    {"wait too long",
     {.status = 200},
     {.status = 204},
     {.status = 202, .retry_after = 601},
     0,
     0,
     100,
     "too long"},
};

static void test_split(void)
{
    for (size_t i = 0; i < ELEMENTS(split_rows); i++) {
        struct fake f;
        struct est_result r = {0};
        struct mef_error err = {0};

        fake_init(&f);
        f.open_result = split_rows[i].open_result;
        f.key_result = split_rows[i].key_result;
        f.cacerts = split_rows[i].cacerts;
        f.csrattrs = split_rows[i].csrattrs;
        f.posts[0] = split_rows[i].post;
        g_test_message("%s", split_rows[i].name);
        g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, split_rows[i].status);
        g_assert_true(*err.text);
        if (!strstr(err.text, split_rows[i].says))
            g_error("%s: '%s'", split_rows[i].name, err.text);
        g_assert_null(r.key);
        g_assert_null(r.ca.item);
        fake_done(&f);
    }
}

static void test_wrong_key(void)
{
    struct fake f;
    struct est_result r = {0};
    struct mef_error err = {0};
    EVP_PKEY *other = pki_key(NULL);

    fake_init(&f);
    f.posts[0].how.other_key = other;
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 100);
    g_assert_nonnull(strstr(err.text, "public key"));
    EVP_PKEY_free(other);
    fake_done(&f);
}

/* A key that is no P-256 key cannot be enrolled: ours to blame. */
static void test_unusable_key(void)
{
    struct fake f;
    struct est_result r = {0};
    struct mef_error err = {0};

    fake_init(&f);
    EVP_PKEY_free(f.key);
    f.key = pki_key("secp384r1");
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 101);
    g_assert_cmpstr(f.log->str, ==, "cacerts csrattrs ");
    fake_done(&f);
}

static void test_retry_after(void)
{
    struct fake f;
    struct est_result r = {0};
    struct mef_error err = {0};

    fake_init(&f);
    f.posts[0] = (struct step){.status = 202, .retry_after = 1};
    f.posts[1] = (struct step){.status = 200};
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 0);
    g_assert_cmpstr(f.log->str, ==, "cacerts csrattrs simpleenroll simpleenroll ");
    g_assert_cmpuint(f.bodies, ==, 1); /* RFC 7030 4.2.3: the same request again, to the octet */
    g_assert_cmpint(f.waited_until, >, 0);
    est_result_clear(&r);
    fake_done(&f);

    fake_init(&f); /* a fourth 202 is one too many */
    for (int i = 0; i < 4; i++)
        f.posts[i] = (struct step){.status = 202, .retry_after = 0};
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 100);
    g_assert_cmpuint(f.n_posts, ==, 4);
    fake_done(&f);

    fake_init(&f); /* cancelled while it waits */
    f.posts[0] = (struct step){.status = 202, .retry_after = 500};
    f.cancel_at_wait = true;
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, -ECANCELED);
    g_assert_cmpint(err.word, ==, MEF_ERROR_CANCELLED);
    fake_done(&f);
}

static void assert_challenge(const struct fake *f, unsigned connection)
{
    uint8_t unique[12];
    _cleanup_(freep) char *want = NULL;

    memset(unique, (int)connection, sizeof unique);
    want = base64_encode(unique, sizeof unique);
    g_assert_cmpstr(f->last_challenge, ==, want);
}

/* tls-unique is that of the connection that carries the POST. */
static void test_channel_binding(void)
{
    struct fake f;
    struct est_result r = {0};
    struct mef_error err = {0};

    fake_init(&f);
    f.csrattrs.hex = CSRATTRS_CHALLENGE;
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 0);
    assert_challenge(&f, 1);
    est_result_clear(&r);
    fake_done(&f);

    fake_init(&f); /* replaced after csrattrs: the server refuses, the request is made anew */
    f.csrattrs.hex = CSRATTRS_CHALLENGE;
    f.posts[0] = (struct step){.status = 403, .reconnected = true};
    f.posts[1] = (struct step){.status = 200};
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 0);
    g_assert_cmpuint(f.n_posts, ==, 2);
    assert_challenge(&f, 2);
    est_result_clear(&r);
    fake_done(&f);

    fake_init(&f); /* refused on the connection that it was made for: that is the answer */
    f.csrattrs.hex = CSRATTRS_CHALLENGE;
    f.posts[0] = (struct step){.status = 403};
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 100);
    g_assert_cmpuint(f.n_posts, ==, 1);
    fake_done(&f);

    fake_init(&f); /* the connection is cut under the POST: once more, with the new connection's value */
    f.csrattrs.hex = CSRATTRS_CHALLENGE;
    f.posts[0] = (struct step){.result = TRANSPORT_BROKEN};
    f.posts[1] = (struct step){.status = 200};
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 0);
    g_assert_cmpstr(f.log->str, ==, "cacerts csrattrs simpleenroll csrattrs simpleenroll ");
    assert_challenge(&f, 2);
    est_result_clear(&r);
    fake_done(&f);

    fake_init(&f); /* a server that ends each connection cannot have one: none is sent */
    f.csrattrs = (struct step){.status = 200, .hex = CSRATTRS_CHALLENGE, .drop = true};
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 0);
    g_assert_null(f.last_challenge);
    est_result_clear(&r);
    fake_done(&f);

    fake_init(&f); /* a server that always cuts: it ends */
    for (size_t i = 0; i < ELEMENTS(f.posts); i++)
        f.posts[i] = (struct step){.result = TRANSPORT_BROKEN};
    g_assert_cmpint(fake_enrol(&f, NULL, &r, &err), ==, 100);
    g_assert_cmpuint(f.n_posts, <=, 4);
    fake_done(&f);
}

static void test_bad_uri(void)
{
    struct mef_error err = {0};
    struct est_result r = {0};
    struct clock_port clock = {.realtime = real_now};
    struct est_params p = {.uri = "http://mef.example.com/", .clock = &clock};

    g_assert_cmpint(est_enrol(&p, &r, &err), ==, 100);
    g_assert_nonnull(strstr(err.text, "http://mef.example.com/"));
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cert/est/first", test_first);
    g_test_add_func("/cert/est/renew", test_renew);
    g_test_add_func("/cert/est/renew-refused", test_renew_refused);
    g_test_add_func("/cert/est/error-split/MC-21", test_split);
    g_test_add_func("/cert/est/wrong-key", test_wrong_key);
    g_test_add_func("/cert/est/unusable-key", test_unusable_key);
    g_test_add_func("/cert/est/retry-after", test_retry_after);
    g_test_add_func("/cert/est/channel-binding", test_channel_binding);
    g_test_add_func("/cert/est/bad-uri", test_bad_uri);
    return g_test_run();
}
