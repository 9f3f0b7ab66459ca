/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTPS GET of a trust anchor with all its limits (mo-tree.md 3.8). The fingerprint protects the content; the
 * server is checked all the same. Thread: a worker. */
#include "plugin/mef/anchor-fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/cert/chain.h"
#include "policy/fingerprint.h"
#include "policy/uri.h"

#define FETCH_SEC 30u

static size_t count(const char *data, size_t len, const char *word)
{
    size_t n = 0, skip = strlen(word);

    for (const char *at; (at = memmem(data, len, word, skip)); n++) {
        len -= (size_t)(at - data) + skip;
        data = at + skip;
    }
    return n;
}

int anchor_read(const char *data, size_t len, const char *fingerprint, struct der *ret,
                struct mef_error *reterr)
{
    struct fingerprint fp;
    struct der cert = {0};
    uint8_t sum[32];
    int r = count(data, len, "-----BEGIN ") > 1 ? -EINVAL : cert_from_text(data, len, &cert);

    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "What was fetched is not one certificate.");
    r = fingerprint_parse(fingerprint, &fp);
    if (r == 0)
        r = cert_sha256(cert.data, cert.len, sum);
    if (r == 0 && !fingerprint_matches(&fp, sum))
        r = -EINVAL;
    if (r < 0) {
        free(cert.data);
        return r == -ENOMEM ? r
                            : mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                                       "The certificate that was fetched has another fingerprint than '%s'.",
                                       fingerprint);
    }
    *ret = cert;
    return 0;
}

static int get(const struct transport *t, const struct uri *u, const struct credential *with,
               const struct wait *wait, struct http_response *ret, struct mef_error *reterr)
{
    const struct endpoint at = {.fqdn = u->host, .http_port = u->port ? u->port : 443};
    char path[LIMIT_URI + 2];
    const struct http_request req = {.method = "GET",
                                     .path = path,
                                     .accept = "application/pkix-cert, application/x-pem-file, */*;q=0.5",
                                     .body_max = LIMIT_BODY};
    struct session *s = NULL;

    (void)snprintf(path, sizeof path, "%s%.*s%s%.*s", u->path_len ? "" : "/", (int)u->path_len, u->path,
                   u->query ? "?" : "", (int)u->query_len, u->query ? u->query : "");
    int r = t->open(t->ctx, &at, with, wait, &s, reterr);
    if (r == 0) {
        r = t->http(s, &req, wait, ret, reterr);
        t->close(s);
    }
    return r;
}

int anchor_fetch(const struct transport *t, const char *uri, const char *fingerprint,
                 const struct der_list *anchors, const struct wait *wait, struct der *ret,
                 struct mef_error *reterr)
{
    const struct credential with = {.kind = CREDENTIAL_ANONYMOUS, .anchors = anchors, .system_anchors = true};
    const struct wait within = wait_within(wait, FETCH_SEC * USEC_PER_SEC);
    struct http_response got = {0};
    struct uri u;

    if (!uri || uri_parse(uri, &u) < 0 || !streq(u.scheme, "https") || !u.host[0] || u.has_userinfo)
        return mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG,
                        "The trust anchor has no https URI to be fetched from.");
    int r = get(t, &u, &with, &within, &got, reterr);
    if (r == 0 && got.status != 200)
        r = mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "'%s' answered HTTP %u; redirects are not followed.",
                     u.host, got.status);
    if (r == 0)
        r = anchor_read(buf_str(&got.body), got.body.len, fingerprint, ret, reterr);
    http_response_clear(&got);
    return r;
}
