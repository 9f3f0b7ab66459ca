/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* certSubjectType and certSubjectID (MC-18, MC-19), and the SubjectAltName that stands for them
 * (mef-protocol.md 4.2, 3.6.1). Pure; thread: any. */
#include "policy/subject-id.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "policy/fqdn.h"
#include "policy/uri.h"

static const char *const kind_names[] = {[CLIENT_NODE] = "node", [CLIENT_CSE] = "cse", [CLIENT_AE] = "ae"};

int client_kind_from_name(const char *name, enum client_kind *ret)
{
    for (size_t i = 0; name && i < ELEMENTS(kind_names); i++)
        if (streq(kind_names[i], name)) {
            *ret = (enum client_kind)i;
            return 0;
        }
    return -EINVAL;
}

const char *client_kind_name(enum client_kind kind)
{
    return (size_t)kind < ELEMENTS(kind_names) ? kind_names[kind] : NULL;
}

static bool is_set(const char *s)
{
    return s && s[0];
}

/* The SP-ID that completes relative IDs; NULL when there is none. */
static const char *sp_of(const struct identity *who, char buf[LIMIT_FQDN + 3])
{
    return identity_sp_id(who, buf) == 0 ? buf : NULL;
}

/* The CSE-ID that a C stem hangs below: cse_id, or the client's own when it is a CSE. */
static const char *cse_of(const struct identity *who)
{
    return is_set(who->cse_id) ? who->cse_id : who->kind == CLIENT_CSE ? who->id : NULL;
}

static bool ae_equal(const struct identity *who, const char *a, const char *b)
{
    char buf[LIMIT_FQDN + 3], na[LIMIT_M2M_ID + 1], nb[LIMIT_M2M_ID + 1];
    const char *sp = sp_of(who, buf);

    return streq(a, b) || (ae_id_normalize(a, sp, cse_of(who), na) == 0 &&
                           ae_id_normalize(b, sp, cse_of(who), nb) == 0 && streq(na, nb));
}

/* Whether `value` is our ID of this type. *ret_listed: the configuration has one of this type at all. The
 * client's own `id` is of the type of its kind. */
static bool owns_as(const struct identity *who, uint32_t type, const char *value, bool *ret_listed)
{
    char buf[LIMIT_FQDN + 3];
    const char *sp = sp_of(who, buf);
    bool listed = false, ours = false;

    switch (type) {
    case CERT_SUBJECT_NODE: {
        const char *const ids[] = {who->node_id, who->kind == CLIENT_NODE ? who->id : NULL};
        for (size_t i = 0; i < ELEMENTS(ids); i++)
            if (is_set(ids[i])) {
                listed = true;
                ours = ours || streq(ids[i], value);
            }
        break;
    }
    case CERT_SUBJECT_CSE: {
        const char *const ids[] = {who->cse_id, who->kind == CLIENT_CSE ? who->id : NULL};
        for (size_t i = 0; i < ELEMENTS(ids); i++)
            if (is_set(ids[i])) {
                listed = true;
                ours = ours || m2m_id_equal(ids[i], value, sp);
            }
        break;
    }
    case CERT_SUBJECT_AE:
        if (who->kind == CLIENT_AE && is_set(who->id)) {
            listed = true;
            ours = ae_equal(who, who->id, value);
        }
        for (size_t i = 0; who->ae_ids && who->ae_ids[i]; i++) {
            listed = true;
            ours = ours || ae_equal(who, who->ae_ids[i], value);
        }
        break;
    default:
        break;
    }
    *ret_listed = listed;
    return ours;
}

static bool lists_anything(const struct identity *who)
{
    return is_set(who->node_id) || is_set(who->cse_id) || (who->ae_ids && who->ae_ids[0]);
}

bool identity_owns(const struct identity *who, const char *id)
{
    char buf[LIMIT_FQDN + 3];
    bool listed;

    if (!is_set(id))
        return false;
    if (is_set(who->id) && m2m_id_equal(who->id, id, sp_of(who, buf)))
        return true;
    for (uint32_t type = CERT_SUBJECT_NODE; type <= CERT_SUBJECT_AE; type++)
        if (owns_as(who, type, id, &listed))
            return true;
    return false;
}

bool subject_type_suits(enum client_kind kind, uint32_t type)
{
    switch (kind) {
    case CLIENT_NODE:
        return type >= CERT_SUBJECT_NODE && type <= CERT_SUBJECT_AE;
    case CLIENT_CSE:
        return type == CERT_SUBJECT_CSE;
    case CLIENT_AE:
        return type == CERT_SUBJECT_AE;
    }
    return false;
}

static int refuse(struct mef_error *why, const char *value, const char *reason)
{
    mef_fail(why, MEF_ERROR_INVALID_ARGUMENTS, "certSubjectID '%.128s' %s", value, reason);
    return -EINVAL;
}

/* Grammar of the type, and the form for the SAN. */
static int absolute_of(uint32_t type, const char *value, const struct identity *who,
                       char ret[LIMIT_M2M_ID + 1], struct mef_error *why)
{
    char buf[LIMIT_FQDN + 3];
    const char *sp = sp_of(who, buf);
    enum m2m_id_form form = m2m_id_form(value, NULL);
    int r;

    switch (type) {
    case CERT_SUBJECT_NODE:
        if (!node_id_valid(value) &&
            !(is_set(who->node_id) && streq(who->node_id, value) && strlen(value) <= LIMIT_M2M_ID))
            return refuse(why, value,
                          "is no M2M-Node-ID: 1 to 255 printable octets that do not start with '/'");
        memcpy(ret, value, strlen(value) + 1);
        return 0;
    case CERT_SUBJECT_CSE:
        if (form != M2M_ID_CSE && form != M2M_ID_CSE_OR_S_AE)
            return refuse(why, value, "is no CSE-ID: '/cse' or '//sp/cse' is wanted");
        r = m2m_id_normalize(value, sp, ret);
        if (r == -ENODATA) { /* the SAN is a host name: a relative ID will do */
            memcpy(ret, value, strlen(value) + 1);
            return 0;
        }
        return r < 0 ? refuse(why, value, "is too long in its absolute form") : 0;
    case CERT_SUBJECT_AE:
        if (form != M2M_ID_AE && form != M2M_ID_CSE_OR_S_AE && form != M2M_ID_STEM)
            return refuse(why, value,
                          "is no AE-ID: '/cse/C...', '/S...', either behind '//sp', or a stem is wanted");
        r = ae_id_normalize(value, sp, cse_of(who), ret);
        if (r == -ENODATA)
            return refuse(why, value,
                          "cannot be made absolute: set 'sp-id' and, for a C stem, 'cse-id' in [client]");
        return r < 0 ? refuse(why, value, "cannot be made absolute") : 0;
    default:
        return refuse(why, value, "has a certSubjectType that is not Node-ID, CSE-ID or AE-ID");
    }
}

int subject_id_check(uint32_t type, const char *value, const struct identity *who,
                     char ret_absolute[LIMIT_M2M_ID + 1], struct mef_error *why)
{
    char absolute[LIMIT_M2M_ID + 1];
    bool listed;
    int r;

    if (!is_set(value))
        return refuse(why, "", "is empty");
    r = absolute_of(type, value, who, absolute, why);
    if (r < 0)
        return r;
    if (!owns_as(who, type, value, &listed) && (listed || lists_anything(who)))
        return refuse(why, value, "is none of our own IDs of that type in [client]");
    memcpy(ret_absolute, absolute, strlen(absolute) + 1);
    return 0;
}

/* ---- SubjectAltName ---------------------------------------------------------------------------------- */

/* Dotted decimal, at least two arcs, 0.0 .. 1.39 or 2.x, no leading zeros. */
static bool oid_valid(const char *s)
{
    size_t arcs = 0;
    unsigned first = 0;

    for (;;) {
        size_t n = strspn(s, "0123456789");
        unsigned v = 0;

        if (n < 1 || n > 39 || (n > 1 && s[0] == '0'))
            return false;
        for (size_t i = 0; i < n && v < 1000; i++)
            v = v * 10 + (unsigned)(s[i] - '0');
        if (arcs == 0 && v > 2)
            return false;
        if (arcs == 1 && first < 2 && v > 39)
            return false;
        if (arcs == 0)
            first = v;
        arcs++;
        s += n;
        if (!*s)
            return arcs >= 2;
        if (*s++ != '.')
            return false;
    }
}

static int san_of_node(const char *id, struct san *san, struct mef_error *why)
{
    struct uri uri;
    char host[LIMIT_FQDN + 1];

    if (uri_parse(id, &uri) == 0)
        san->kind = SAN_URI;
    else if (oid_valid(id))
        san->kind = SAN_RID;
    else if (fqdn_normalize_host(id, strlen(id), host) == 0) {
        san->kind = SAN_DNS;
        memcpy(san->value, host, strlen(host) + 1);
        return 0;
    } else
        return mef_fail(
            why, MEF_ERROR_INVALID_ARGUMENTS,
            "Node-ID '%.128s' is neither a URI nor an OID nor a host name and fits no SubjectAltName; set "
            "another 'node-id' in [client]",
            id);
    memcpy(san->value, id, strlen(id) + 1);
    return 0;
}

static int san_of_cse(const char *absolute, const struct identity *who, struct san *san,
                      struct mef_error *why)
{
    char host[LIMIT_FQDN + 1], buf[LIMIT_FQDN + 3], name[LIMIT_M2M_ID + LIMIT_FQDN + 2];
    const char *sp, *cse;
    size_t n;

    san->kind = SAN_DNS;
    if (is_set(who->cse_public_domain)) {
        if (fqdn_normalize_host(who->cse_public_domain, strlen(who->cse_public_domain), host) < 0)
            return mef_fail(why, MEF_ERROR_INVALID_ARGUMENTS,
                            "'cse-public-domain' in [client] is no host name: '%.128s'",
                            who->cse_public_domain);
        memcpy(san->value, host, strlen(host) + 1);
        return 0;
    }
    sp = sp_of(who, buf);
    if (!who->in_cse || (!sp && strncmp(absolute, "//", 2) != 0))
        return mef_fail(
            why, MEF_ERROR_INVALID_ARGUMENTS,
            "'cse-public-domain' in [client] is not set; a certificate for CSE-ID '%.128s' needs the public "
            "domain name of the CSE",
            absolute);
    cse = strrchr(absolute, '/') + 1;
    n = strlen(cse);
    memcpy(name, cse, n);
    name[n++] = '.';
    if (strncmp(absolute, "//", 2) == 0) {
        size_t h = strcspn(absolute + 2, "/");
        memcpy(name + n, absolute + 2, h);
        n += h;
    } else {
        memcpy(name + n, sp + 2, strlen(sp + 2));
        n += strlen(sp + 2);
    }
    if (fqdn_normalize_host(name, n, san->value) < 0)
        return mef_fail(why, MEF_ERROR_INVALID_ARGUMENTS,
                        "CSE-ID '%.128s' makes no host name; set 'cse-public-domain' in [client]", absolute);
    return 0;
}

int subject_san(uint32_t type, const char *absolute, const struct identity *who, struct san *ret,
                struct mef_error *why)
{
    struct san san = {.kind = SAN_URI};
    int r = 0;

    switch (type) {
    case CERT_SUBJECT_NODE:
        r = san_of_node(absolute, &san, why);
        break;
    case CERT_SUBJECT_CSE:
        r = san_of_cse(absolute, who, &san, why);
        break;
    case CERT_SUBJECT_AE:
        /* RFC 5280 wants a scheme; TS-0003 wants exactly the absolute AE-ID, and that is compared. */
        memcpy(san.value, absolute, strlen(absolute) + 1);
        break;
    default:
        r = mef_fail(why, MEF_ERROR_INVALID_ARGUMENTS, "certSubjectType %u is not known", (unsigned)type);
    }
    if (r < 0)
        return -EINVAL;
    *ret = san;
    return 0;
}

void subject_common_name(const char *absolute, char ret[65])
{
    size_t n = strlen(absolute);
    const char *s = absolute + n;

    while (s > absolute && s[-1] != '/')
        s--;
    n = strlen(s);
    if (n > 64)
        n = 64;
    memcpy(ret, s, n);
    ret[n] = '\0';
}
