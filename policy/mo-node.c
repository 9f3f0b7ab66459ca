/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The decision tables of MO_NODE (8.3.9.9.1, 8.3.9.9.2; mo-tree.md 3.5, 3.6), row by row, and the snapshot
 * that they read. Pure; thread: any. */
#include "policy/mo-node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/str.h"
#include "policy/subject-id.h"
#include "policy/suid.h"
#include "policy/uri.h"

/* ---- snapshot ------------------------------------------------------------------------------------------ */

/* Members that are owned; what is not named here is copied as it stands. */
#define OWNED_TEXTS(X)                                                                                       \
    X(name)                                                                                                  \
    X(path)                                                                                                  \
    X(symm_key_id) X(key_reg_duration) X(my_cert_fingerprint) X(raw_pub_key_id) X(cert_fingerprint) X(uri)   \
        X(fqdn) X(admin_fqdn) X(cse_id) X(container_path)
#define OWNED_LISTS(X) X(labels) X(suites) X(key_reg_labels) X(points_of_access)

static void clear_relatives(struct mo_snapshot **list, size_t *n)
{
    for (size_t i = 0; *list && i < *n; i++)
        mo_snapshot_clear(&(*list)[i]);
    free(*list);
    *list = NULL;
    *n = 0;
}

void mo_snapshot_clear(struct mo_snapshot *s)
{
#define X(member) free(s->member);
    OWNED_TEXTS(X)
#undef X
#define X(member) strv_free(s->member);
    OWNED_LISTS(X)
#undef X
    clear_relatives(&s->parents, &s->n_parents);
    clear_relatives(&s->children, &s->n_children);
    *s = (struct mo_snapshot){0};
}

void mo_snapshot_free(struct mo_snapshot *s)
{
    if (s)
        mo_snapshot_clear(s);
    free(s);
}

static int copy_relatives(const struct mo_snapshot *from, size_t n, struct mo_snapshot **to, size_t *to_n)
{
    if (n == 0)
        return 0;
    if (!(*to = calloc(n, sizeof **to)))
        return -ENOMEM;
    for (; *to_n < n; (*to_n)++)
        if (mo_snapshot_copy(&from[*to_n], &(*to)[*to_n]) < 0)
            return -ENOMEM;
    return 0;
}

int mo_snapshot_copy(const struct mo_snapshot *from, struct mo_snapshot *to)
{
    struct mo_snapshot c = *from;
    bool ok = true;

#define X(member)                                                                                            \
    c.member = from->member ? strdup(from->member) : NULL;                                                   \
    ok = ok && (c.member || !from->member);
    OWNED_TEXTS(X)
#undef X
#define X(member)                                                                                            \
    c.member = from->member ? strv_copy(from->member) : NULL;                                                \
    ok = ok && (c.member || !from->member);
    OWNED_LISTS(X)
#undef X
    c.parents = c.children = NULL;
    c.n_parents = c.n_children = 0;
    ok = ok && copy_relatives(from->parents, from->n_parents, &c.parents, &c.n_parents) == 0;
    ok = ok && copy_relatives(from->children, from->n_children, &c.children, &c.n_children) == 0;
    if (!ok) {
        mo_snapshot_clear(&c);
        return -ENOMEM;
    }
    *to = c;
    return 0;
}

const struct mo_snapshot *mo_snapshot_parent(const struct mo_snapshot *s)
{
    return s->n_parents == 1 ? &s->parents[0] : NULL;
}

const struct mo_snapshot *mo_snapshot_child(const struct mo_snapshot *s, enum mgmt_definition definition)
{
    for (size_t i = 0; i < s->n_children; i++)
        if (s->children[i].definition == definition)
            return &s->children[i];
    return NULL;
}

/* ---- switches ------------------------------------------------------------------------------------------ */

int trust_anchor_rule_from_name(const char *name, enum trust_anchor_rule *ret)
{
    static const char *const names[] = {
        [TRUST_ANCHOR_REQUIRED] = "required",
        [TRUST_ANCHOR_OPTIONAL] = "optional",
        [TRUST_ANCHOR_LITERAL] = "literal",
    };

    for (size_t i = 0; name && i < ELEMENTS(names); i++)
        if (streq(names[i], name)) {
            *ret = (enum trust_anchor_rule)i;
            return 0;
        }
    return -EINVAL;
}

static unsigned ports_of(const struct mo_snapshot *s)
{
    return (s->http_port || s->websocket_port ? SUITE_OVER_TLS : 0u) | (s->coap_port ? SUITE_OVER_DTLS : 0u);
}

/* CoAP runs over DTLS, the other bindings over TLS. */
static unsigned schemes_of(char *const *uris)
{
    unsigned set = 0;
    struct uri u;

    for (size_t i = 0; uris && uris[i]; i++)
        if (uri_parse(uris[i], &u) == 0)
            set |= streq(u.scheme, "coap") || streq(u.scheme, "coaps") ? SUITE_OVER_DTLS : SUITE_OVER_TLS;
    return set;
}

unsigned mo_node_transports(const struct mo_snapshot *profile)
{
    unsigned set = 0;

    for (size_t i = 0; i < profile->n_parents; i++)
        set |= ports_of(&profile->parents[i]) | schemes_of(profile->parents[i].points_of_access);
    for (size_t i = 0; i < profile->n_children; i++)
        set |= ports_of(&profile->children[i]);
    return set;
}

/* "//sp/cse/x" -> "//sp/cse", "/cse/x" -> "/cse"; 0 octets: no CSE-ID in front. */
static size_t cse_part(const char *path)
{
    size_t skip = path[0] != '/' ? 0 : path[1] == '/' ? 2 : 1, host = 0;

    if (skip == 2) {
        host = strcspn(path + skip, "/");
        if (host == 0 || !path[skip + host])
            return 0;
        skip += host + 1;
    }
    size_t n = skip ? strcspn(path + skip, "/") : 0;
    return n ? skip + n : 0;
}

int mo_node_target(const struct mo_snapshot *profile, const char *sp_id, char ret[LIMIT_M2M_ID + 1],
                   struct mef_error *reterr)
{
    const struct mo_snapshot *p = mo_snapshot_parent(profile);
    const char *from = !p                                         ? NULL
                       : p->definition == MGMT_REGISTRATION       ? p->cse_id
                       : p->definition == MGMT_DATA_COLLECTION    ? p->container_path
                       : p->definition == MGMT_MAF_CLIENT_REG_CFG ? p->fqdn
                                                                  : NULL;
    char text[LIMIT_M2M_ID + 1];
    size_t n = !from ? 0 : p->definition == MGMT_MAF_CLIENT_REG_CFG ? strlen(from) : cse_part(from);

    if (n == 0 || n > LIMIT_M2M_ID)
        return mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG,
                        "The parent of '%s' names no target for the key.", profile->path);
    memcpy(text, from, n);
    text[n] = '\0';
    int r = m2m_id_normalize(text, sp_id, ret);
    if (r == -ENODATA) { /* relative to a provider that nobody has named */
        memcpy(ret, text, n + 1);
        return 0;
    }
    return r < 0 ? mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG, "'%s' is no target for the key of '%s'.",
                            text, profile->path)
                 : 0;
}

/* ---- 3.6: consistency of an [authenticationProfile] ------------------------------------------------------
 */

struct rule;
typedef bool (*rule_fn)(const struct rule *r, const struct mo_snapshot *n, const struct mo_node_switches *sw);

#define SUID(n)            (UINT64_C(1) << (n))
#define SUIDS(a, b, c)     (SUID(a) | SUID(b) | SUID(c))
#define SUIDS4(a, b, c, d) (SUIDS(a, b, c) | SUID(d))

struct rule {
    const char *name;
    uint64_t suids; /* SUIDs that it is asked of */
    rule_fn fails;
    enum mgmt_definition type; /* of the parent or child it is about */
    const char *text;          /* what is wrong, behind "'path': " */
};

static bool parent_is_not(const struct rule *r, const struct mo_snapshot *n,
                          const struct mo_node_switches *sw)
{
    const struct mo_snapshot *p = mo_snapshot_parent(n);
    (void)sw;
    return !p || p->definition != r->type;
}

static bool child_is_not(const struct rule *r, const struct mo_snapshot *n, const struct mo_node_switches *sw)
{
    (void)sw;
    return !mo_snapshot_child(n, r->type);
}

static bool no_key_id(const struct rule *r, const struct mo_snapshot *n, const struct mo_node_switches *sw)
{
    (void)r, (void)sw;
    return !n->symm_key_id;
}

static bool no_duration(const struct rule *r, const struct mo_snapshot *n, const struct mo_node_switches *sw)
{
    (void)r, (void)sw;
    return !n->key_reg_duration;
}

static bool no_fingerprint(const struct rule *r, const struct mo_snapshot *n,
                           const struct mo_node_switches *sw)
{
    (void)r, (void)sw;
    return !n->my_cert_fingerprint;
}

static bool lacks_suites(enum suite_group group, const struct mo_snapshot *n,
                         const struct mo_node_switches *sw)
{
    return !n->suites || !suites_satisfy_strv(sw->suites, group, mo_node_transports(n), n->suites);
}

static bool no_psk_suites(const struct rule *r, const struct mo_snapshot *n,
                          const struct mo_node_switches *sw)
{
    (void)r;
    return lacks_suites(SUITES_PSK, n, sw);
}

static bool no_cert_suites(const struct rule *r, const struct mo_snapshot *n,
                           const struct mo_node_switches *sw)
{
    (void)r;
    return lacks_suites(SUITES_CERT, n, sw);
}

/* E-01: the text lost a "not". */
static bool anchors_wrong(const struct rule *r, const struct mo_snapshot *n,
                          const struct mo_node_switches *sw)
{
    bool anchors = mo_snapshot_child(n, r->type) != NULL;

    switch (sw->trust_anchor) {
    case TRUST_ANCHOR_REQUIRED:
        return !anchors && !n->raw_pub_key_id;
    case TRUST_ANCHOR_OPTIONAL:
        return false;
    case TRUST_ANCHOR_LITERAL:
        return anchors;
    }
    return true;
}

static const struct rule rules[] = {
    {"C1", SUIDS4(11, 21, 31, 41), parent_is_not, MGMT_MAF_CLIENT_REG_CFG,
     "its parent is not one [MAFClientRegCfg]"},
    {"C2", SUIDS4(12, 22, 32, 42), parent_is_not, MGMT_REGISTRATION, "its parent is not one [registration]"},
    {"C3", SUIDS4(13, 23, 33, 43), parent_is_not, MGMT_DATA_COLLECTION,
     "its parent is not one [dataCollection]"},
    {"C4", SUIDS(11, 12, 13), no_key_id, 0, "it has no symmKeyID"},
    {"C5", SUIDS(21, 22, 23), no_duration, 0, "it has no keyRegDuration"},
    {"C6", SUIDS(21, 22, 23), child_is_not, MGMT_MEF_CLIENT_REG_CFG, "it has no child [MEFClientRegCfg]"},
    {"C7", SUIDS(31, 32, 33), no_duration, 0, "it has no keyRegDuration"},
    {"C8", SUIDS(31, 32, 33), child_is_not, MGMT_MAF_CLIENT_REG_CFG, "it has no child [MAFClientRegCfg]"},
    {"C9", SUIDS(11, 12, 21) | SUIDS(22, 31, 32), no_psk_suites, 0,
     "TLSCiphersuites is absent or lacks the mandatory suites of pre-shared keys (00AE, C0A8)"},
    {"C10", SUIDS(41, 42, 43), no_fingerprint, 0, "it has no myCertFingerprint"},
    {"C11", SUIDS(41, 42, 43), no_cert_suites, 0,
     "TLSCiphersuites is absent or lacks the mandatory suites of certificates (C023, C0AE)"},
    {"C12", SUIDS(41, 42, 43), anchors_wrong, MGMT_TRUST_ANCHOR_CRED,
     "its children [trustAnchorCred] are not what trust-anchor-rule asks for"},
};

static int profile_consistent(const struct mo_snapshot *n, const struct mo_node_switches *sw,
                              struct mef_error *reterr)
{
    for (size_t i = 0; i < ELEMENTS(rules); i++)
        if ((rules[i].suids & SUID(n->suid)) && rules[i].fails(&rules[i], n, sw)) {
            (void)mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG, "%s: '%s' with SUID %u: %s.", rules[i].name,
                           n->path, n->suid, rules[i].text);
            return CMD_STATUS_MO_NODE_INCONSISTENT_CONFIG;
        }
    return 0;
}

/* ---- 3.5: the generic table ------------------------------------------------------------------------------
 */

static const struct object {
    enum object_type type;
    enum mgmt_definition definition;
    enum mo_node_case then;
} objects[] = {
    {OBJECT_AUTHENTICATION_PROFILE, MGMT_AUTHENTICATION_PROFILE, MO_NODE_CASE_NONE}, /* by SUID */
    {OBJECT_TRUST_ANCHOR_CRED, MGMT_TRUST_ANCHOR_CRED, MO_NODE_CASE_ANCHOR},
    {OBJECT_MAF_CLIENT_REG_CFG, MGMT_MAF_CLIENT_REG_CFG, MO_NODE_CASE_MAF},
};

static const struct object *object_find(uint32_t type)
{
    for (size_t i = 0; i < ELEMENTS(objects); i++)
        if (objects[i].type == type)
            return &objects[i];
    return NULL;
}

static int refuse(enum cmd_status status, enum mef_error_word word, struct mef_error *reterr, const char *row,
                  const char *path, const char *why)
{
    (void)mef_fail(reterr, word, "%s: '%s' %s.", row, path, why);
    return (int)status;
}

/* G4, G6, G7. */
static int judge_profile(const struct mo_node_args *args, const struct mo_snapshot *n,
                         const struct mo_node_switches *sw, enum mo_node_case *ret_case,
                         struct mef_error *reterr)
{
    if (args->specific != MO_NODE_SPECIFIC_SUID || !suid_valid(args->suid))
        return refuse(CMD_STATUS_MO_NODE_BAD_ARGS, MEF_ERROR_INVALID_ARGUMENTS, reterr, "G4",
                      args->object_path, "needs objectTypeSpecificArgs with a SUID that there is");
    if (args->suid != n->suid) {
        (void)mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "G6: '%s' has SUID %u, the arguments say %u.",
                       args->object_path, n->suid, args->suid);
        return CMD_STATUS_MO_NODE_UNACCEPTABLE_ARGS;
    }
    int status = profile_consistent(n, sw, reterr);
    if (status)
        return status;
    if (!suid_has_procedure(n->suid)) {
        (void)mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED,
                       "'%s' has SUID %u, for which MO_NODE has no procedure.", n->path, n->suid);
        return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    }
    static const enum mo_node_case cases[] = {
        [SUID_PREPROVISIONED] = MO_NODE_CASE_A,
        [SUID_FROM_MEF] = MO_NODE_CASE_B,
        [SUID_FROM_MAF] = MO_NODE_CASE_C,
        [SUID_CERTIFICATE] = MO_NODE_CASE_D,
    };
    *ret_case = cases[suid_kind(n->suid)];
    return 0;
}

int mo_node_judge(const struct mo_node_args *args, const struct mo_snapshot *n,
                  const struct mo_node_switches *switches, enum mo_node_case *ret_case,
                  struct mef_error *reterr)
{
    const struct object *o = object_find(args->object_type);

    if (!args->object_path || !*args->object_path || !o)
        return refuse(CMD_STATUS_BAD_ARGUMENTS, MEF_ERROR_INVALID_ARGUMENTS, reterr, "G1",
                      args->object_path ? args->object_path : "",
                      o ? "is no objectPath" : "goes with an objectTypeID that is none of 1, 2, 3");
    if (!n)
        return refuse(CMD_STATUS_MO_NODE_NOT_FOUND, MEF_ERROR_NOT_FOUND, reterr, "G2", args->object_path,
                      "addresses no MO node");
    if (n->definition != o->definition)
        return refuse(CMD_STATUS_MO_NODE_TYPE_CONFLICT, MEF_ERROR_INVALID_ARGUMENTS, reterr, "G3",
                      args->object_path, "is of another type than objectTypeID says");
    if (o->type == OBJECT_AUTHENTICATION_PROFILE)
        return judge_profile(args, n, switches, ret_case, reterr);
    if (args->specific != MO_NODE_SPECIFIC_ABSENT)
        return refuse(CMD_STATUS_MO_NODE_BAD_ARGS, MEF_ERROR_INVALID_ARGUMENTS, reterr, "G5",
                      args->object_path, "takes no objectTypeSpecificArgs");
    *ret_case = o->then;
    return 0;
}
