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

/* Longest chain of links below (or above) a node, in links, as far as it has been looked at. */
struct walk {
    const struct mo_set *set;
    struct trie *below, *above; /* id -> links */
    uint64_t way[LIMIT_LINK_DEPTH + 1];
};

static const struct trie_values plain = {NULL, NULL};

static int too_deep(const struct mo_node *n, struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "%s '%s': it stands deeper than %u links",
                    mo_type_info(n->type)->name, n->name, LIMIT_LINK_DEPTH);
}

/* Links below `n`, to which `depth` links led; no chain may close or become too long. */
static int walk_down(struct walk *w, const struct mo_node *n, unsigned depth, uint64_t *ret,
                     struct mef_error *reterr)
{
    uint64_t most = 0;

    for (unsigned i = 0; i < depth && i <= LIMIT_LINK_DEPTH; i++)
        if (w->way[i] == n->id)
            return bad(n, reterr, "its links close a cycle");
    if (trie_get(w->below, n->id, ret))
        return depth + *ret > LIMIT_LINK_DEPTH ? too_deep(n, reterr) : 0;
    if (depth > LIMIT_LINK_DEPTH)
        return too_deep(n, reterr);
    w->way[depth] = n->id;
    for (size_t i = 0; i < n->n_links; i++) {
        uint64_t links;
        int r = walk_down(w, mo_set_by_id(w->set, n->links[i]), depth + 1, &links, reterr);
        if (r < 0)
            return r;
        most = links + 1 > most ? links + 1 : most;
    }
    *ret = most;
    return trie_put(&w->below, &plain, n->id, most) < 0 ? mo_no_memory(reterr) : 0;
}

/* Links above a node. There is no cycle any more. */
static int walk_up(struct walk *w, uint64_t id, uint64_t *ret, struct mef_error *reterr)
{
    uint64_t most = 0;

    if (trie_get(w->above, id, ret))
        return 0;
    for (uint64_t parent = 0; (parent = mo_set_parent_after(w->set, id, parent));) {
        uint64_t links;
        int r = walk_up(w, parent, &links, reterr);
        if (r < 0)
            return r;
        most = links + 1 > most ? links + 1 : most;
    }
    *ret = most;
    return trie_put(&w->above, &plain, id, most) < 0 ? mo_no_memory(reterr) : 0;
}

/* ---- the tree
 * ------------------------------------------------------------------------------------------------- */

static bool same_identity(const struct mo_node *a, const struct mo_node *b)
{
    return a->attrs[MO_FQDN] && b->attrs[MO_FQDN] && mo_value_equal(a->attrs[MO_FQDN], b->attrs[MO_FQDN]) &&
           mo_value_equal(a->attrs[MO_ADMIN_FQDN], b->attrs[MO_ADMIN_FQDN]);
}

/* `a` was there before `b`. */
static int check_unique(const struct mo_node *a, const struct mo_node *b, struct mef_error *reterr)
{
    const struct mo_type_info *type = mo_type_info(a->type);

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

static int check_others(const struct mo_set *s, const struct mo_node *n, struct mef_error *reterr)
{
    const struct mo_node *other = mo_set_same_name(s, n);

    if (!other)
        other = mo_set_same_alias(s, n);
    if (!other)
        other = mo_set_same_identity(s, n);
    if (!other)
        return 0;
    return other->id < n->id ? check_unique(other, n, reterr) : check_unique(n, other, reterr);
}

struct check {
    struct mo_set *set;
    struct walk walk;
    struct mef_error *err;
};

static struct mo_node *node_of(uint64_t value)
{
    return (struct mo_node *)(uintptr_t)value;
}

static bool same_links(const struct mo_node *a, const struct mo_node *b)
{
    return a->n_links == b->n_links &&
           (a->n_links == 0 || memcmp(a->links, b->links, a->n_links * sizeof *a->links) == 0);
}

/* One node that differs; those that are gone have taken the links to them along. */
static int check_one(void *ctx, const struct trie_entry *e)
{
    struct check *c = ctx;
    const struct mo_node *old = e->in_a ? node_of(e->a) : NULL;
    struct mo_node *n = e->in_b ? node_of(e->b) : NULL;
    int r = 0;

    if (old)
        c->set->octets -= old->size;
    if (!n)
        return 0;
    r = mo_check_node(n, c->err);
    if (r == 0)
        r = check_links(c->set, n, c->err);
    if (r == 0)
        r = check_others(c->set, n, c->err);
    if (r == 0 && n->size == 0 && mo_node_measure(n) < 0)
        r = mo_no_memory(c->err);
    c->set->octets += n->size;
    return r;
}

/* The chains through a node whose links differ: first that none closes, then how long they are. */
static int check_chain_below(void *ctx, const struct trie_entry *e)
{
    struct check *c = ctx;
    uint64_t links;

    if (!e->in_b || (e->in_a && same_links(node_of(e->a), node_of(e->b))))
        return 0;
    return walk_down(&c->walk, node_of(e->b), 0, &links, c->err);
}

static int check_chain_above(void *ctx, const struct trie_entry *e)
{
    struct check *c = ctx;
    uint64_t below, above;

    if (!e->in_b || !trie_get(c->walk.below, e->key, &below))
        return 0;
    int r = walk_up(&c->walk, e->key, &above, c->err);
    return r == 0 && above + below > LIMIT_LINK_DEPTH ? too_deep(node_of(e->b), c->err) : r;
}

int mo_check_set(const struct mo_tree *tree, const struct mo_set *before, struct mo_set *s,
                 struct mef_error *reterr)
{
    const struct trie *old = before ? before->nodes : NULL;
    struct check c = {.set = s, .walk = {.set = s}, .err = reterr};

    if (s->n > mo_limit(tree, LIMIT_NODES))
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "the tree would have %zu nodes, at most %zu are allowed", s->n,
                        mo_limit(tree, LIMIT_NODES));
    s->octets = before ? before->octets : 0;
    int r = trie_compare(old, s->nodes, check_one, &c);
    if (r == 0 && s->octets > mo_limit(tree, LIMIT_IMPORT))
        r = mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                     "the tree would take %zu octets, at most %zu are allowed", s->octets,
                     mo_limit(tree, LIMIT_IMPORT));
    if (r == 0)
        r = trie_compare(old, s->nodes, check_chain_below, &c);
    if (r == 0)
        r = trie_compare(old, s->nodes, check_chain_above, &c);
    trie_free(c.walk.below);
    trie_free(c.walk.above);
    return r;
}

/* ---- who may (4.4)
 * ---------------------------------------------------------------------------------------------- */

static bool is_own(const struct mo_tx *tx, const struct mo_node *n)
{
    return n->attrs[MO_FQDN] && n->attrs[MO_ADMIN_FQDN] && streq0(n->attrs[MO_FQDN]->text, tx->own_fqdn) &&
           streq0(n->attrs[MO_ADMIN_FQDN]->text, tx->own_admin);
}

static bool other_registration(const struct mo_tx *tx, const struct mo_node *n)
{
    return n && n->type == MO_MEF_CLIENT_REG_CFG && !is_own(tx, n);
}

/* Whether a profile is tied by a link, either way, to a MEFClientRegCfg other than ours. One that is tied to
 * both counts as the other's: else a MEF could take it over by linking to it. */
static bool tied_to_other(const struct mo_tx *tx, const struct mo_set *s, const struct mo_node *profile)
{
    for (size_t i = 0; i < profile->n_links; i++)
        if (other_registration(tx, mo_set_by_id(s, profile->links[i])))
            return true;
    for (uint64_t id = 0; (id = mo_set_parent_after(s, profile->id, id));)
        if (other_registration(tx, mo_set_by_id(s, id)))
            return true;
    return false;
}

/* What a profile of another registration links to is part of its trust: who could change that anchor could
 * stand in for the other MEF. */
static int admit_anchor(const struct mo_tx *tx, const struct mo_node *anchor, struct mef_error *reterr)
{
    for (uint64_t id = 0; (id = mo_set_parent_after(&tx->staged, anchor->id, id));) {
        const struct mo_node *n = mo_set_by_id(&tx->staged, id);
        if (n && n->type == MO_AUTHENTICATION_PROFILE && tied_to_other(tx, &tx->staged, n))
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
