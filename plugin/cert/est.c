/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The enrolment by EST, step after step as the clause has it (TS-0003 8.3.6.2; mef-protocol.md 3.6.2).
 * Everything that the server does wrong is 100, everything on our side 101. Ownership: the session is opened
 * and closed here; the result is the caller's. Thread: a worker; blocks. */
#include "plugin/cert/est.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/cert/est-codec.h"

#define WAITS_MAX         3                    /* 202 answers that are waited for */
#define WAIT_TOTAL        (600 * USEC_PER_SEC) /* all of them together */
#define WAIT_DEFAULT      10                   /* seconds, for a 202 that names no time */
#define ATTEMPTS_MAX      4 /* POSTs in place of one that met a connection cut or replaced */
#define TLS_UNIQUE_MAX    64
#define TLS_UNIQUE_LEN    12 /* of TLS 1.2 */
#define REBIND_TRIES      64
#define PROVISIONAL_TRIES 4
#define CSRATTRS_BODY     (2 * LIMIT_CSRATTRS) /* base64 with line ends */

struct run {
    const struct est_params *p;
    const struct credential *with;
    struct est_uri uri;
    bool renew;
    struct session *session;
    struct csrattrs attrs;
    struct mef_error *reterr;
    EVP_PKEY *key;    /* borrowed from the result */
    bool provisional; /* there is no connection yet: the tls-unique of the request will be another */
    bool rebound;     /* the last POST holds the tls-unique of its own connection after all */
    bool refused;     /* the server did not take the credential */
    unsigned waits;
    uint64_t waited; /* microseconds */
};

static int server_error(struct run *run, const char *format, ...) mef_printf(2, 3);
static int server_error(struct run *run, const char *format, ...)
{
    char text[MEF_ERROR_TEXT_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    mef_fail(run->reterr, MEF_ERROR_SERVER_REJECTED, "The EST server %s:%u %s.", run->uri.fqdn, run->uri.port,
             text);
    return CERT_SERVER_ERROR;
}

static void progress(const struct run *run, unsigned step, const char *text, int64_t waiting_until)
{
    if (run->p->progress)
        run->p->progress(run->p->progress_ctx, step, text, waiting_until);
}

/* A transport's result as one of ours; it has filled the sentence. */
static int from_transport(struct run *run, int r)
{
    run->refused = r == TRANSPORT_TLS_REFUSED;
    if (r == -ECANCELED)
        return r;
    return r > 0 || r == -ETIMEDOUT ? CERT_SERVER_ERROR : CERT_CLIENT_ERROR;
}

static void rebind(void *ctx, const uint8_t *unique, size_t unique_len, char *body, size_t body_len);

/* ---- requests --------------------------------------------------------------------------------------- */

static int request(struct run *run, enum est_operation op, const char *body, bool bound,
                   struct http_response *ret)
{
    _cleanup_(freep) char *path = est_path(&run->uri, op);
    struct http_request req = {
        .method = body ? "POST" : "GET",
        .path = path,
        .content_type = body ? "application/pkcs10" : NULL,
        .transfer_base64 = body != NULL,
        .body = body,
        .body_len = body ? strlen(body) : 0,
        .body_max = op == EST_CSRATTRS ? CSRATTRS_BODY : LIMIT_EST_BODY,
        .rebind = bound ? rebind : NULL,
        .rebind_ctx = run,
    };

    if (!path)
        return -ENOMEM;
    return run->p->transport->http(run->session, &req, run->p->wait, ret, run->reterr);
}

static int open_session(struct run *run)
{
    struct endpoint at = {.fqdn = run->uri.fqdn, .http_port = run->uri.port};
    int r = run->p->transport->open(run->p->transport->ctx, &at, run->with, run->p->wait, &run->session,
                                    run->reterr);

    return r == 0 ? 0 : from_transport(run, r);
}

/* Step 1: who may issue. */
static int get_ca(struct run *run, struct der_list *ret)
{
    struct http_response answer = {0};
    struct der_list all = {0};
    int r;

    r = request(run, EST_CACERTS, NULL, false, &answer);
    if (r != 0)
        return from_transport(run, r);
    if (answer.status != 200)
        r = server_error(run, "answered cacerts with HTTP %u", answer.status);
    else if (est_certs_decode(buf_str(&answer.body), answer.body.len, &all) < 0)
        r = server_error(run, "sent CA certificates that cannot be read (at most %u in a certs-only PKCS#7)",
                         LIMIT_CHAIN);
    http_response_clear(&answer);
    if (r == 0) {
        r = chain_pick_ca(&all, run->p->clock->realtime(run->p->clock->ctx), ret, run->reterr);
        if (r < 0)
            r = CERT_CLIENT_ERROR;
    }
    der_list_clear(&all);
    return r;
}

/* Step 2: what the request must hold. */
static int get_attributes(struct run *run)
{
    struct http_response answer = {0};
    struct csrattrs attrs = {0};
    int r;

    r = request(run, EST_CSRATTRS, NULL, false, &answer);
    if (r != 0)
        return from_transport(run, r);
    if (answer.status == 200) {
        if (est_csrattrs_decode(buf_str(&answer.body), answer.body.len, &attrs) < 0)
            r = server_error(run, "sent CSR attributes that cannot be read");
    } else if (answer.status != 204 && answer.status != 404)
        r = server_error(run, "answered csrattrs with HTTP %u", answer.status);
    http_response_clear(&answer);
    if (r == 0) {
        csrattrs_clear(&run->attrs);
        run->attrs = attrs;
    }
    return r;
}

/* ---- the request for the certificate ---------------------------------------------------------------- */

/* base64(tls-unique) of the connection that will carry the POST. When the last answer ended the connection,
 * the value is put in when the next one is there (rebind); a transport that cannot do that is made to open
 * one by another csrattrs, and failing that there is no challengePassword, as where there is no tls-unique. 0
 * with *ret NULL or malloc'ed. */
static int channel_binding(struct run *run, char **ret)
{
    const struct transport *t = run->p->transport;
    uint8_t unique[TLS_UNIQUE_MAX] = {0};
    size_t n = sizeof unique;
    int r;

    *ret = NULL;
    run->provisional = false;
    if (!run->attrs.challenge || !t->tls_unique)
        return 0;
    r = t->tls_unique(run->session, unique, &n);
    if (r == -ENOTCONN && t->rebinds) {
        n = TLS_UNIQUE_LEN;
        run->provisional = true;
        r = 0;
    } else if (r == -ENOTCONN) {
        r = get_attributes(run);
        if (r != 0)
            return r;
        if (!run->attrs.challenge)
            return 0;
        r = t->tls_unique(run->session, unique, &n);
    }
    if (r < 0)
        return 0;
    *ret = base64_encode(unique, n);
    if (*ret)
        return 0;
    mef_fail(run->reterr, MEF_ERROR_FAILED, "Out of memory.");
    return CERT_CLIENT_ERROR;
}

static int compose(struct run *run, EVP_PKEY *key, const char *challenge, char **ret)
{
    struct der csr = {0};
    struct csr_params c = {
        .key = key,
        .subject_id = run->p->subject_id,
        .san = run->p->san,
        .like = run->renew ? &run->with->chain->item[0] : NULL,
        .ext_key_usage = run->attrs.ext_key_usage,
        .challenge = challenge,
    };

    if (csr_build(&c, &csr, run->reterr) < 0)
        return CERT_CLIENT_ERROR;
    *ret = est_request_encode(&csr);
    free(csr.data);
    if (*ret)
        return 0;
    mef_fail(run->reterr, MEF_ERROR_FAILED, "Out of memory.");
    return CERT_CLIENT_ERROR;
}

/* A request whose signature has a common length, the longest of a few, so that rebind() soon meets it again.
 */
static int compose_provisional(struct run *run, const char *challenge, char **ret)
{
    int r = 0;

    for (unsigned i = 0; i < PROVISIONAL_TRIES && r == 0; i++) {
        _cleanup_(freep) char *text = NULL;

        r = compose(run, run->key, challenge, &text);
        if (r == 0 && (!*ret || strlen(text) > strlen(*ret))) {
            free(*ret);
            *ret = TAKE_PTR(text);
        }
    }
    return r;
}

/* The POST opens a connection: its tls-unique goes into the request. An ECDSA signature differs by an octet
 * or two from one time to the next, and the length of the body is settled: signed until it fits. */
static void rebind(void *ctx, const uint8_t *unique, size_t unique_len, char *body, size_t body_len)
{
    struct run *run = ctx;
    _cleanup_(freep) char *challenge = base64_encode(unique, unique_len);

    run->rebound = false;
    for (unsigned i = 0; challenge && i < REBIND_TRIES && !run->rebound; i++) {
        _cleanup_(freep) char *text = NULL;

        if (compose(run, run->key, challenge, &text) != 0)
            return; /* sent as it was; a refusal leads to another request */
        if (strlen(text) == body_len) {
            memcpy(body, text, body_len);
            run->rebound = true;
        }
    }
}

/* 202: comes again later. 0 = try again now. */
static int wait_for(struct run *run, int64_t retry_after)
{
    uint64_t seconds = retry_after < 0 ? WAIT_DEFAULT : retry_after == 0 ? 1 : (uint64_t)retry_after;
    uint64_t usec = seconds * USEC_PER_SEC;
    struct wait pause;
    int r;

    if (run->waits == WAITS_MAX)
        return server_error(run, "has not decided after %u waits", WAITS_MAX);
    if (run->waited + usec > WAIT_TOTAL)
        return server_error(run, "wants to be asked again in %llu s, which is too long",
                            (unsigned long long)seconds);
    run->waits++;
    run->waited += usec;
    progress(run, 4, "the server decides later", run->p->clock->realtime(run->p->clock->ctx) + (int64_t)usec);
    pause = wait_within(run->p->wait, usec);
    wait_sleep(&pause);
    r = wait_check(run->p->wait);
    if (r == -ECANCELED)
        return mef_fail(run->reterr, MEF_ERROR_CANCELLED, "The enrolment was cancelled.");
    if (r < 0)
        return server_error(run, "did not decide in time");
    progress(run, 4, "enrolment", 0);
    return 0;
}

/* The request for the next POST. What is repeated is the same to the octet (RFC 7030 4.2.3), unless it has to
 * hold the tls-unique of another connection: a server may know a request that waits by its octets. */
static int next_request(struct run *run, char **challenge, char **body)
{
    _cleanup_(freep) char *now = NULL;
    int r = channel_binding(run, &now);

    if (r != 0 || (*body && !run->provisional && streq0(now, *challenge)))
        return r;
    free(*body);
    *body = NULL;
    free(*challenge);
    *challenge = TAKE_PTR(now);
    return run->provisional ? compose_provisional(run, *challenge, body)
                            : compose(run, run->key, *challenge, body);
}

/* Step 4: posts until there is an answer that counts. */
static int enrol(struct run *run, struct der_list *ret)
{
    enum est_operation op = run->renew ? EST_SIMPLEREENROLL : EST_SIMPLEENROLL;
    _cleanup_(freep) char *challenge = NULL, *body = NULL;
    unsigned attempts = 0;

    for (;;) {
        struct http_response answer = {0};
        bool moved;
        int r = next_request(run, &challenge, &body);

        if (r != 0)
            return r;
        run->rebound = false;
        r = request(run, op, body, challenge != NULL, &answer);
        attempts++;
        if (r == TRANSPORT_BROKEN && attempts < ATTEMPTS_MAX && wait_check(run->p->wait) == 0)
            continue; /* the server had closed the connection while the key was made */
        if (r != 0)
            return from_transport(run, r);
        /* The binding was that of another connection: a refusal may be due to that. */
        moved = answer.reconnected && challenge && !run->rebound && attempts < ATTEMPTS_MAX;
        if (answer.status == 200)
            r = est_certs_decode(buf_str(&answer.body), answer.body.len, ret) < 0
                    ? server_error(run, "sent a certificate that cannot be read")
                    : 0;
        else if (answer.status == 202)
            r = wait_for(run, answer.retry_after);
        else if (moved && answer.status != 401)
            r = 0;
        else if (answer.status == 401)
            r = server_error(run, "demands HTTP authentication, which this profile does not have");
        else
            r = server_error(run, "refused the enrolment with HTTP %u", answer.status);
        moved = answer.status != 200;
        http_response_clear(&answer);
        if (r != 0 || !moved)
            return r;
    }
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static int run_steps(struct run *run, struct est_result *ret)
{
    const struct est_params *p = run->p;
    struct chain_want want = {.san = p->san};
    struct der_list received = {0};
    int r;

    progress(run, 1, "CA certificates", 0);
    r = open_session(run);
    if (r == 0)
        r = get_ca(run, &ret->ca);
    if (r == 0) {
        progress(run, 2, "CSR attributes", 0);
        r = get_attributes(run);
    }
    if (r == 0) {
        progress(run, 3, "key pair and request", 0);
        r = p->vault->make_key(p->vault->ctx, p->key_id, p->label, p->owner, &ret->key, run->reterr);
        if (r != 0)
            return r == -ECANCELED ? r : CERT_CLIENT_ERROR;
        progress(run, 4, "enrolment", 0);
        run->key = ret->key;
        r = enrol(run, &received);
    }
    if (r == 0) {
        progress(run, 5, "checks of the certificate", 0);
        want.key = ret->key;
        want.now = p->clock->realtime(p->clock->ctx);
        r = chain_check(&want, &received, &ret->ca, &ret->chain, run->reterr);
        if (r == 0 && cert_info_get(&ret->chain.item[0], &ret->info) < 0)
            r = CERT_CLIENT_ERROR;
    }
    der_list_clear(&received);
    return r;
}

int est_enrol(const struct est_params *p, struct est_result *ret, struct mef_error *reterr)
{
    struct mef_error why = {0};
    struct est_result made = {0};
    struct run run = {.p = p, .with = p->with, .reterr = &why};
    int64_t now = p->clock->realtime(p->clock->ctx);
    int r = est_uri_parse(p->uri, &run.uri, &why);

    if (r == -EINVAL)
        r = CERT_SERVER_ERROR; /* the MEF sent it */
    if (r == 0) {
        if (p->renew && p->renew->kind == CREDENTIAL_CERT && p->renew->chain && p->renew->chain->n &&
            cert_is_for(&p->renew->chain->item[0], p->san, now)) {
            run.renew = made.renewed = true;
            run.with = p->renew;
        }
        r = run_steps(&run, &made);
        p->transport->close(run.session);
        if (r > 0 && run.refused && run.renew && p->with && p->with != p->renew) {
            /* Revoked there: it is not a valid certificate any more, and the first enrolment is what is left.
             */
            est_result_clear(&made);
            csrattrs_clear(&run.attrs);
            run.renew = run.refused = false;
            run.with = p->with;
            run.session = NULL;
            why = (struct mef_error){0};
            r = run_steps(&run, &made);
            p->transport->close(run.session);
        }
    }
    csrattrs_clear(&run.attrs);
    est_uri_clear(&run.uri);
    if (r == 0) {
        *ret = made;
        return 0;
    }
    est_result_clear(&made);
    if (r < 0 && r != -ECANCELED)
        r = CERT_CLIENT_ERROR;
    if (!why.text[0])
        mef_fail(&why, r < 0 ? MEF_ERROR_CANCELLED : MEF_ERROR_FAILED, "The enrolment at '%s' %s.", p->uri,
                 r < 0 ? "was cancelled" : "failed for lack of memory");
    if (reterr)
        *reterr = why;
    return r;
}

void est_result_clear(struct est_result *r)
{
    der_list_clear(&r->ca);
    der_list_clear(&r->chain);
    EVP_PKEY_free(r->key);
    cert_info_clear(&r->info);
    *r = (struct est_result){0};
}
