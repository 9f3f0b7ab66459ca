/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses (mef-protocol.md 1.3): a reference that the MEF returned becomes a `to`, and only ever one at the
 * MEF's own host. Pure; thread: any. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/buf.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/mef/codec-json.h"
#include "policy/fqdn.h"

static const char *const schemes[] = {"https://", "http://", "coaps://", "coap://", "wss://", "ws://"};

/* Octets of a path that go on the wire as they are: unreserved, '/', and what IDs may hold. "." and ".."
 * segments and empty ones would address something else. */
static bool path_ok(const char *path)
{
    for (const char *p = path; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-._~/", *p))
            return false;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        if (n == 0)
            return false;
        p += n;
        if (*p == '/' && !*++p)
            return false;
    }
    return *path != '\0';
}

static int refuse(const char *reference, const char *why, struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "The reference '%.128s' %s.", reference, why);
}

/* "//host/path": the host must be the MEF. */
static int absolute(const char *fqdn, const char *text, const char *reference, char **ret,
                    struct mef_error *reterr)
{
    const char *host = text + 2;
    size_t n = strcspn(host, "/");
    char mine[LIMIT_FQDN + 1];
    _cleanup_(buf_clear) struct buf b = {.max = LIMIT_URI};

    if (fqdn_normalize_host(host, n, mine) < 0 || !fqdn_equal(mine, fqdn))
        return refuse(reference, "names another host than the MEF", reterr);
    if (host[n] != '/' || !path_ok(host + n + 1))
        return refuse(reference, "has no usable path", reterr);
    if (buf_addf(&b, "//%s%s", mine, host + n) < 0 || !(*ret = buf_steal(&b)))
        return -ENOMEM;
    return 0;
}

/* A URI without scheme and authority: its path. The authority is not looked at: nothing is ever sent there.
 */
static const char *path_of(const char *reference)
{
    for (size_t i = 0; i < ELEMENTS(schemes); i++)
        if (strncasecmp(reference, schemes[i], strlen(schemes[i])) == 0)
            return strchr(reference + strlen(schemes[i]), '/');
    return NULL;
}

static bool is_uri(const char *reference)
{
    return strstr(reference, "://") != NULL;
}

int reference_to(const char *fqdn, const char *reference, char **ret, struct mef_error *reterr)
{
    _cleanup_(buf_clear) struct buf b = {.max = LIMIT_URI};
    const char *at = reference;
    int r;

    if (strlen(reference) > LIMIT_URI - LIMIT_FQDN - 8)
        return refuse(reference, "is too long", reterr);
    if (is_uri(reference)) {
        at = path_of(reference);
        if (!at || !at[1] || at[1] == '/')
            return refuse(reference, "is a URI without a oneM2M path", reterr);
    } else if (strncmp(at, "//", 2) == 0)
        return absolute(fqdn, at, reference, ret, reterr);
    /* The path forms of 2.5, which a bare Content-Location has too. */
    if (strncmp(at, "/_/", 3) == 0)
        r = buf_addf(&b, "/%s", at + 2);
    else if (strncmp(at, "/~/", 3) == 0)
        r = buf_addf(&b, "//%s%s", fqdn, at + 2);
    else if (at[0] == '/' && at == reference)
        r = buf_addf(&b, "//%s%s", fqdn, at);
    else {
        if (at[0] == '/') /* of a URI: relative to the base's parent */
            at++;
        r = buf_addf(&b, strncmp(at, "-/", 2) == 0 ? "//%s/%s" : "//%s/-/%s", fqdn, at);
    }
    if (r < 0)
        return -ENOMEM;
    return absolute(fqdn, buf_str(&b), reference, ret, reterr);
}

char *base_to(const struct vocabulary *v, const char *fqdn)
{
    const char *form = vocabulary_text(v, TEXT_BASE_TO), *mark = strstr(form, "{FQDN}");
    struct buf b = {.max = LIMIT_URI};

    if (!mark || buf_add(&b, form, (size_t)(mark - form)) < 0 || buf_adds(&b, fqdn) < 0 ||
        buf_adds(&b, mark + strlen("{FQDN}")) < 0) {
        buf_clear(&b);
        return NULL;
    }
    return buf_steal(&b);
}

static char *below(const char *parent, const char *segment)
{
    struct buf b = {.max = LIMIT_URI};
    size_t n = parent ? strlen(parent) : 0;

    while (n > 0 && parent[n - 1] == '/')
        n--;
    if (n == 0 || buf_add(&b, parent, n) < 0 || buf_addf(&b, "/%s", segment) < 0) {
        buf_clear(&b);
        return NULL;
    }
    return buf_steal(&b);
}

char *registration_to(const struct vocabulary *v, const char *fqdn, const char *reg_id)
{
    _cleanup_(freep) char *base = base_to(v, fqdn);
    return below(base, reg_id);
}

char *command_to(const struct vocabulary *v, const char *fqdn, const char *reg_id)
{
    _cleanup_(freep) char *registration = registration_to(v, fqdn, reg_id);
    return below(registration, vocabulary_text(v, TEXT_SEGMENT_CMD));
}
