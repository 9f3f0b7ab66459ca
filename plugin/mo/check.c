/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold of a node as a whole and of the tree as a whole before it may be committed
 * (mo-tree.md 1.9, 5.3), and who may have changed what (4.4). Consistency by SUID (3.6) is not judged here:
 * objects arrive in any order. */
#include <errno.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/mo/cert-file.h"
#include "plugin/mo/internal.h"
#include "policy/ids.h"
#include "policy/subject-id.h"

#define PROFILE_SUID_KPM 10 /* the one SUID whose key identifier is a KpmID (interfaces.md 5) */

static int bad(const struct mo_node *n, struct mef_error *reterr, const char *format, ...) mef_printf(3, 4);
static int bad(const struct mo_node *n, struct mef_error *reterr, const char *format, ...)
{
    char what[MEF_ERROR_TEXT_MAX / 2];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s '%s': %s", mo_type_info(n->type)->name, n->name,
                    what);
}

bool mo_registration_is_cse(const struct mo_node *n)
{
    const struct mo_value *v = n->attrs[MO_ORIGINATOR_ID];
    enum m2m_id_form form = v ? m2m_id_form(v->text, NULL) : M2M_ID_INVALID;

    return form == M2M_ID_CSE || form == M2M_ID_CSE_OR_S_AE;
}

/* 5.3: appID for an AE, externalID and Trigger-Recipient-ID for a CSE. "/Sxx" may be either. */
static int check_registration(const struct mo_node *n, struct mef_error *reterr)
{
    const struct mo_value *v = n->attrs[MO_ORIGINATOR_ID];
    static const enum mo_attr of_cse[] = {MO_EXTERNAL_ID, MO_TRIGGER_RECIPIENT_ID};

    if (n->attrs[MO_APP_ID] && v && m2m_id_form(v->text, NULL) == M2M_ID_CSE)
        return bad(n, reterr, "attribute 'appID' goes with an 'originatorID' that is an AE-ID, or with none");
    for (size_t i = 0; i < ELEMENTS(of_cse); i++)
        if (n->attrs[of_cse[i]] && !mo_registration_is_cse(n))
            return bad(n, reterr, "attribute '%s' goes with an 'originatorID' that is a CSE-ID",
                       mo_attr_info(of_cse[i])->name);
    return 0;
}

int mo_check_node(const struct mo_node *n, struct mef_error *reterr)
{
    const struct mo_type_info *type = mo_type_info(n->type);

    if (!mo_name_valid(n->name))
        return mef_fail(
            reterr, MEF_ERROR_INVALID_ARGUMENTS,
            "'%s' is no node name: 1 to 64 of letters, digits, '.', '_' and '-', the first a letter or digit",
            n->name);
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct mo_field *f = &type->fields[i];
        if (f->mandatory && !f->write_only && !n->attrs[f->attr] &&
            !(f->local_may_omit && n->origin == MO_ORIGIN_LOCAL))
            return bad(n, reterr, "attribute '%s' is missing", mo_attr_info(f->attr)->name);
    }
    if (n->attrs[MO_MEASUREMENT_SCHEDULE] && n->attrs[MO_MEASUREMENT_INTERVAL])
        return bad(n, reterr,
                   "attributes 'measurementSchedule' and 'measurementInterval' exclude each other");
    if (n->type == MO_AUTHENTICATION_PROFILE && n->attrs[MO_SYMM_KEY_ID] &&
        n->attrs[MO_SUID]->uint != PROFILE_SUID_KPM && !symm_key_id_valid(n->attrs[MO_SYMM_KEY_ID]->text))
        return bad(n, reterr, "attribute 'symmKeyID' must be a key identifier 'name@fqdn'");
    if (n->type == MO_REGISTRATION)
        return check_registration(n, reterr);
    if (n->type == MO_MY_CERT_FILE_CRED && n->attrs[MO_MY_CERT_FILE_CONTENT]) {
        int r = cert_file_check(n->attrs[MO_MY_CERT_FILE_FORMAT]->text,
                                n->attrs[MO_MY_CERT_FILE_CONTENT]->text, reterr);
        if (r < 0)
            mef_error_prefix(reterr, "%s '%s'", type->name, n->name);
        return r;
    }
    return 0;
}

/* ---- links (1.9)
 * -------------------------------------------------------------------------------------------- */

bool mo_link_allowed(enum mo_type parent, enum mo_type child)
{
    return mo_type_info(parent)->children & 1u << child;
}

static int check_links(const struct mo_set *s, const struct mo_node *n, struct mef_error *reterr)
{
    size_t count[MO_TYPE_MAX_] = {0};

    if (n->n_links > LIMIT_LINKS)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "%s '%s': %zu links, at most %u are allowed",
                        mo_type_info(n->type)->name, n->name, n->n_links, LIMIT_LINKS);
    for (size_t i = 0; i < n->n_links; i++) {
        const struct mo_node *child = mo_set_by_id(s, n->links[i]);
        if (!child)
            return bad(n, reterr, "a 'mgmtLink' names a node that is not there");
        if (!mo_link_allowed(n->type, child->type))
            return bad(n, reterr, "may not link to the %s '%s'", mo_type_info(child->type)->name,
                       child->name);
        /* Only trust anchors come in numbers (1.9). */
        if (++count[child->type] > 1 && child->type != MO_TRUST_ANCHOR_CRED)
            return bad(n, reterr, "may link to one %s only", mo_type_info(child->type)->name);
    }
    return 0;
}

/* Longest chain of links below each node; 0 = not known, else 1 + links; `open` marks the nodes on the way.
 */
struct walk {
    const struct mo_set *set;
    uint8_t *height;
    bool *open;
};

static size_t index_of(const struct mo_set *s, uint64_t id)
{
    size_t lo = 0, hi = s->n;

    while (lo + 1 < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->nodes[mid]->id <= id)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static int walk_from(struct walk *w, size_t at, unsigned depth, struct mef_error *reterr)
{
    const struct mo_node *n = w->set->nodes[at];
    unsigned height = 1;

    if (w->open[at])
        return bad(n, reterr, "its links close a cycle");
    if (depth + (w->height[at] ? w->height[at] - 1u : 0) > LIMIT_LINK_DEPTH)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "%s '%s': it stands deeper than %u links",
                        mo_type_info(n->type)->name, n->name, LIMIT_LINK_DEPTH);
    if (w->height[at])
        return 0;
    w->open[at] = true;
    for (size_t i = 0; i < n->n_links; i++) {
        size_t child = index_of(w->set, n->links[i]);
        int r = walk_from(w, child, depth + 1, reterr);
        if (r < 0)
            return r;
        if (w->height[child] + 1u > height)
            height = w->height[child] + 1u;
    }
    w->open[at] = false;
    w->height[at] = (uint8_t)height;
    return 0;
}

static int check_graph(const struct mo_set *s, struct mef_error *reterr)
{
    _cleanup_(freep) uint8_t *height = calloc(s->n + 1, sizeof *height);
    _cleanup_(freep) bool *open = calloc(s->n + 1, sizeof *open);
    struct walk w = {s, height, open};

    if (!height || !open)
        return mo_no_memory(reterr);
    for (size_t i = 0; i < s->n; i++) {
        int r = walk_from(&w, i, 0, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- the tree
 * ------------------------------------------------------------------------------------------------- */

static bool same_identity(const struct mo_node *a, const struct mo_node *b)
{
    return a->attrs[MO_FQDN] && b->attrs[MO_FQDN] && mo_value_equal(a->attrs[MO_FQDN], b->attrs[MO_FQDN]) &&
           mo_value_equal(a->attrs[MO_ADMIN_FQDN], b->attrs[MO_ADMIN_FQDN]);
}

static int check_unique(const struct mo_node *a, const struct mo_node *b, struct mef_error *reterr)
{
    const struct mo_type_info *type = mo_type_info(a->type);

    if (a->type != b->type)
        return 0;
    if (streq(a->name, b->name))
        return mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS, "there is a %s '%s' already", type->name, a->name);
    if (a->iid == b->iid)
        return mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS,
                        "the alias '/%u/%u' of %s '%s' belongs to '%s' already", type->oid, a->iid,
                        type->name, b->name, a->name);
    if (same_identity(a, b))
        return mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS,
                        "%s '%s' is for fqdn '%s' and adminFQDN '%s', and so is '%s'; there may be one only",
                        type->name, b->name, b->attrs[MO_FQDN]->text, b->attrs[MO_ADMIN_FQDN]->text, a->name);
    return 0;
}

int mo_check_set(const struct mo_set *s, struct mef_error *reterr)
{
    size_t total = 0;
    int r = 0;

    if (s->n > LIMIT_NODES)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "the tree would have %zu nodes, at most %u are allowed", s->n, LIMIT_NODES);
    for (size_t i = 0; i < s->n; i++) {
        struct mo_node *n = s->nodes[i];
        r = mo_check_node(n, reterr);
        if (r == 0)
            r = check_links(s, n, reterr);
        for (size_t k = 0; r == 0 && k < i; k++)
            r = check_unique(s->nodes[k], n, reterr);
        if (r < 0)
            return r;
        if (n->size == 0 && mo_node_measure(n) < 0)
            return mo_no_memory(reterr);
        total += n->size;
    }
    if (total > LIMIT_IMPORT)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "the tree would take %zu octets, at most %u are allowed", total, LIMIT_IMPORT);
    return check_graph(s, reterr);
}

/* ---- who may (4.4)
 * ---------------------------------------------------------------------------------------------- */

static bool is_own(const struct mo_tx *tx, const struct mo_node *n)
{
    return n->attrs[MO_FQDN] && n->attrs[MO_ADMIN_FQDN] && streq0(n->attrs[MO_FQDN]->text, tx->own_fqdn) &&
           streq0(n->attrs[MO_ADMIN_FQDN]->text, tx->own_admin);
}

/* Whether a profile is tied by a link, either way, to a MEFClientRegCfg other than ours. One that is tied to
 * both counts as the other's: else a MEF could take it over by linking to it. */
static bool tied_to_other(const struct mo_tx *tx, const struct mo_set *s, const struct mo_node *profile)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct mo_node *n = s->nodes[i];
        if (n->type == MO_MEF_CLIENT_REG_CFG && !is_own(tx, n) &&
            (mo_node_links_to(n, profile->id) || mo_node_links_to(profile, n->id)))
            return true;
    }
    return false;
}

/* What a profile of another registration links to is part of its trust: who could change that anchor could
 * stand in for the other MEF. */
static int admit_anchor(const struct mo_tx *tx, const struct mo_node *anchor, struct mef_error *reterr)
{
    for (size_t i = 0; i < tx->staged.n; i++) {
        const struct mo_node *n = tx->staged.nodes[i];
        if (n->type == MO_AUTHENTICATION_PROFILE && mo_node_links_to(n, anchor->id) &&
            tied_to_other(tx, &tx->staged, n))
            return mef_fail(reterr, MEF_ERROR_NOT_AUTHORIZED,
                            "trustAnchorCred '%s': the profile '%s' of another registration than that of "
                            "this MEF uses it",
                            anchor->name, n->name);
    }
    return 0;
}

int mo_admit(const struct mo_tx *tx, enum mo_op op, enum mo_type type, const char *name,
             const struct mo_node *node, const char *attribute, struct mef_error *reterr)
{
    struct mo_write w = {.origin = tx->origin,
                         .op = op,
                         .type = mo_type_info(type)->name,
                         .attribute = attribute,
                         .node = name,
                         .own_registration = true};

    if (tx->origin != MO_ORIGIN_MEF_DM)
        return 0;
    if (type == MO_MEF_CLIENT_REG_CFG)
        w.own_registration = node && is_own(tx, node);
    else if (type == MO_AUTHENTICATION_PROFILE && node)
        w.own_registration = !tied_to_other(tx, &tx->staged, node);
    int r = mo_write_admit(&w, reterr);
    return r == 0 && type == MO_TRUST_ANCHOR_CRED && node ? admit_anchor(tx, node, reterr) : r;
}

bool mo_tx_may_read(const struct mo_tx *tx, uint64_t id)
{
    const struct mo_node *n = mo_set_by_id(&tx->staged, id);

    return n && (tx->origin != MO_ORIGIN_MEF_DM || n->type != MO_AUTHENTICATION_PROFILE ||
                 !tied_to_other(tx, &tx->staged, n));
}

int mo_check_access(const struct mo_tx *tx, const struct mo_set *after, const struct mo_diff *diff,
                    struct mef_error *reterr)
{
    if (tx->origin != MO_ORIGIN_MEF_DM)
        return 0;
    for (size_t i = 0; i < diff->n; i++) {
        const struct mo_change *c = &diff->changes[i];
        if (!c->after || c->after->type != MO_AUTHENTICATION_PROFILE ||
            (!c->attrs && !c->links && c->kind != MO_ADDED))
            continue;
        struct mo_profile p = {.node = c->after->name,
                               .suid = c->after->attrs[MO_SUID]->uint,
                               .has_expiration_time = c->after->attrs[MO_EXPIRATION_TIME] != NULL,
                               .has_key_reg_duration = c->after->attrs[MO_KEY_REG_DURATION] != NULL};
        for (size_t k = 0; k < c->after->n_links; k++) {
            const struct mo_node *child = mo_set_by_id(after, c->after->links[k]);
            if (child && child->type == MO_MEF_CLIENT_REG_CFG) {
                p.links_own_registration |= is_own(tx, child);
                p.links_other_registration |= !is_own(tx, child);
            }
        }
        int r = mo_profile_admit_commit(&p, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}
