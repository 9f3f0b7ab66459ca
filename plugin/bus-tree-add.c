/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The typed adds of org.mefclient1.Tree (design.md 5, interfaces.md 2): a usable registration in one typeable
 * call. What needs the token (which key, storing a trust anchor) runs on the token thread first; then all
 * nodes go in by one transaction. A trust anchor whose transaction fails is swept out of the token again. */
#include "plugin/bus-tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/anchors.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/cert/chain.h"
#include "plugin/commit.h"
#include "policy/fingerprint.h"
#include "policy/fqdn.h"

struct adding {
    struct engine *e;
    struct bus_call *call;
    enum mo_type type;
    char *fqdn, *admin_fqdn, *name; /* name NULL: choose */
    uint16_t http_port, coap_port, websocket_port;
    uint64_t expires;
    char **labels;
    char *key_id, *fingerprint; /* one, or none: find the key */
    struct der anchor;
    char *anchor_owner; /* node name of the trust anchor */
};

static void adding_free(struct adding *a)
{
    if (!a)
        return;
    bus_call_unref(a->call);
    free(a->fqdn);
    free(a->admin_fqdn);
    free(a->name);
    strv_free(a->labels);
    free(a->key_id);
    free(a->fingerprint);
    free(a->anchor.data);
    free(a->anchor_owner);
    free(a);
}
DEFINE_CLEANUP(struct adding *, adding_free)

static int no_memory(struct mef_error *reterr)
{
    return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
}

/* ---- names ------------------------------------------------------------------------------------------ */

static bool taken(struct engine *e, const struct mo_tx *tx, enum mo_type type, const char *name)
{
    return mo_tx_by_name(tx, type, name) || (type == MO_MEF_CLIENT_REG_CFG && registration_find(e, name)) ||
           (type == MO_TRUST_ANCHOR_CRED && anchors_pending(e, name));
}

char *tree_free_name(struct engine *e, const struct mo_tx *tx, enum mo_type type, const char *stem,
                     const char *suffix)
{
    int room = (int)(LIMIT_NODE_NAME - 8 - strlen(suffix));
    char *name = NULL;

    for (unsigned i = 1; i < 2 * LIMIT_NODES; i++) {
        free(name);
        int n = i == 1 ? asprintf(&name, "%.*s%s", room, stem, suffix)
                       : asprintf(&name, "%.*s%s-%u", room, stem, suffix, i);
        if (n < 0)
            return NULL;
        if (!taken(e, tx, type, name))
            return name;
    }
    free(name);
    return NULL;
}

/* ---- the transaction -------------------------------------------------------------------------------- */

#define INPUT_TEXT(n_, s_) ((struct mo_input){.name = (n_), .kind = MO_INPUT_STRING, .string = (s_)})
#define INPUT_UINT(n_, u_) ((struct mo_input){.name = (n_), .kind = MO_INPUT_UINT, .uint = (u_)})

static int add_node(struct mo_tx *tx, enum mo_type type, const char *name, const struct mo_input *in,
                    size_t n, const char *link_type, const char *link_name, uint64_t *ret_id,
                    struct mef_error *reterr)
{
    char target[2 * LIMIT_NODE_NAME + 16];
    char *links[] = {target, NULL};
    struct mo_new what = MO_NEW(type, name, in, n);

    if (link_name) {
        (void)snprintf(target, sizeof target, "./DCFG/%s/%s", link_type, link_name);
        what.links = links;
    }
    return mo_tx_add(tx, &what, ret_id, reterr);
}

static int add_anchor_node(struct mo_tx *tx, const struct adding *a, struct mef_error *reterr)
{
    uint8_t sha256[32];
    char text[64];
    uint64_t id;

    if (cert_sha256(a->anchor.data, a->anchor.len, sha256) < 0)
        return no_memory(reterr);
    fingerprint_format_ni(sha256, text);
    struct mo_input in[] = {INPUT_TEXT("certFingerprint", text)};
    return add_node(tx, MO_TRUST_ANCHOR_CRED, a->anchor_owner, in, 1, NULL, NULL, &id, reterr);
}

static int add_profile(struct mo_tx *tx, const struct adding *a, const char *name, struct mef_error *reterr)
{
    static const char *const psk_suites[] = {"00AE", "C0A8"}, *const cert_suites[] = {"C023", "C0AE"};
    bool maf = a->type == MO_MAF_CLIENT_REG_CFG;
    uint64_t id;
    struct mo_input in[] = {
        INPUT_UINT("SUID", (a->key_id ? 10u : 40u) + (maf ? 1u : 0u)),
        {.name = "TLSCiphersuites",
         .kind = MO_INPUT_STRINGS,
         .strings = (char *const *)(uintptr_t)(a->key_id ? psk_suites : cert_suites),
         .n = 2},
        a->key_id ? INPUT_TEXT("symmKeyID", a->key_id) : INPUT_TEXT("myCertFingerprint", a->fingerprint),
    };
    return add_node(tx, MO_AUTHENTICATION_PROFILE, name, in, ELEMENTS(in), "trustAnchorCred", a->anchor_owner,
                    &id, reterr);
}

static int add_reg_cfg(struct mo_tx *tx, const struct adding *a, const char *name, const char *profile,
                       uint64_t *ret_id, struct mef_error *reterr)
{
    struct mo_input in[8] = {INPUT_TEXT("fqdn", a->fqdn), INPUT_TEXT("adminFQDN", a->admin_fqdn)};
    size_t n = 2;

    if (a->http_port)
        in[n++] = INPUT_UINT("httpPort", a->http_port);
    if (a->coap_port)
        in[n++] = INPUT_UINT("coapPort", a->coap_port);
    if (a->websocket_port)
        in[n++] = INPUT_UINT("websocketPort", a->websocket_port);
    if (a->expires)
        in[n++] = INPUT_UINT("expirationTime", a->expires);
    if (a->labels && *a->labels)
        in[n++] = (struct mo_input){
            .name = "labels", .kind = MO_INPUT_STRINGS, .strings = a->labels, .n = strv_len(a->labels)};
    return add_node(tx, a->type, name, in, n, "authenticationProfile", profile, ret_id, reterr);
}

/* Stages all nodes; the path of the registration's node goes to *paths. */
static int stage(struct adding *a, struct mo_tx *tx, char ***paths, struct mef_error *reterr)
{
    struct engine *e = a->e;
    _cleanup_(freep) char *name = a->name ? strdup(a->name) : tree_free_name(e, tx, a->type, a->fqdn, "");
    bool has_profile = a->key_id || a->fingerprint;
    _cleanup_(freep) char *profile = name && has_profile ? tree_free_name(e, tx, MO_AUTHENTICATION_PROFILE,
                                                                          name, a->key_id ? "-psk" : "-cert")
                                                         : NULL;
    uint64_t id = 0;

    if (!name || (has_profile && !profile))
        return no_memory(reterr);
    int r = a->anchor.data ? add_anchor_node(tx, a, reterr) : 0;
    if (r == 0 && has_profile)
        r = add_profile(tx, a, profile, reterr);
    if (r == 0)
        r = add_reg_cfg(tx, a, name, profile, &id, reterr);
    if (r < 0)
        return r;
    _cleanup_(freep) char *path = node_bus_path(mo_tx_by_id(tx, id));
    return path && strv_push(paths, path) == 0 ? 0 : no_memory(reterr);
}

/* The anchor, if any, is settled by the commit; when there will be none (negative), by the caller. */
static int finish(struct adding *a, struct mef_error *reterr)
{
    struct engine *e = a->e;
    struct tree_work w = {.e = e};
    struct tree_result result = {.answer = ANSWER_NODE_JOB};
    int r = mo_tx_begin(e->tree, MO_ORIGIN_LOCAL, NULL, &w.tx, reterr);

    if (r == 0) {
        r = stage(a, w.tx, &result.paths, reterr);
        if (r == 0 && a->anchor_owner && !(result.anchor = strdup(a->anchor_owner)))
            r = no_memory(reterr);
        if (r == 0 && (a->type == MO_MEF_CLIENT_REG_CFG || a->key_id || a->fingerprint))
            r = job_new(e->jobs, "register", bus_call_uid(a->call), NULL, NULL, registration_job_cancel, e,
                        &result.job, NULL, reterr);
        if (r == 0) {
            r = tree_work_finish(&w, a->call, &result, reterr);
            if (r < 0 && result.job)
                job_finish(e->jobs, result.job, JOB_FAILED, reterr);
        } else {
            tree_work_drop(&w);
            strv_free(result.paths);
            free(result.anchor);
        }
    }
    if (r < 0)
        bus_reply_error(a->call, reterr);
    return r;
}

/* ---- the token's part ------------------------------------------------------------------------------- */

static int token_work(void *ctx, struct mef_error *reterr)
{
    struct adding *a = ctx;
    struct vault v = vault_port(&a->e->vault);
    int r = 0;

    if (a->type == MO_MEF_CLIENT_REG_CFG && !a->key_id && !a->fingerprint) {
        r = v.find_psk(v.ctx, a->fqdn, &a->key_id, reterr);
        if (r < 0 && reterr->word == MEF_ERROR_NOT_FOUND)
            reterr->word = MEF_ERROR_INCONSISTENT_CONFIG;
        if (r < 0)
            return r;
    }
    if (a->anchor.data) {
        r = vault_put_anchor(&a->e->vault, a->anchor_owner, &a->anchor, reterr);
        if (r == 0)
            token_thread_relist(a->e->token_thread);
    }
    return r;
}

static void token_done(void *ctx, int r, const struct mef_error *err)
{
    _cleanup_(adding_freep) struct adding *a = ctx;
    struct mef_error why = {0};

    if (r < 0)
        bus_reply_error(a->call, err);
    else
        r = finish(a, &why);
    if (r < 0 && a->anchor_owner)
        anchors_settled(a->e, a->anchor_owner);
}

/* Takes `a` over; answers now or later. */
static int go(struct adding *a, bool token, struct mef_error *reterr)
{
    if (!token) {
        (void)finish(a, reterr);
        adding_free(a);
        return 0;
    }
    if (a->anchor_owner && anchors_add_pending(a->e, a->anchor_owner) < 0) {
        adding_free(a);
        return no_memory(reterr);
    }
    if (token_thread_submit(a->e->token_thread, token_work, token_done, a) < 0) {
        if (a->anchor_owner)
            anchors_settled(a->e, a->anchor_owner);
        adding_free(a);
        return no_memory(reterr);
    }
    return 0;
}

/* ---- calls ------------------------------------------------------------------------------------------ */

static int take_fqdn(const char *text, const char *what, char **ret, struct mef_error *reterr)
{
    char fqdn[LIMIT_FQDN + 1];

    if (fqdn_normalize(text, fqdn) < 0)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s '%s' is no host name", what, text);
    return (*ret = strdup(fqdn)) ? 0 : no_memory(reterr);
}

static int take_anchor(struct adding *a, const char *pem, const char *stem, struct mef_error *reterr)
{
    struct cert_info info = {0};
    struct mo_tx *tx = NULL;

    if (strlen(pem) > 2 * LIMIT_CERTIFICATE || cert_from_text(pem, strlen(pem), &a->anchor) < 0 ||
        cert_info_get(&a->anchor, &info) < 0)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "the trust anchor is no certificate in PEM form");
    cert_info_clear(&info);
    int r = mo_tx_begin(a->e->tree, MO_ORIGIN_LOCAL, NULL, &tx, reterr);
    if (r < 0)
        return r;
    a->anchor_owner = tree_free_name(a->e, tx, MO_TRUST_ANCHOR_CRED, stem, "-ca");
    mo_tx_rollback(tx);
    return a->anchor_owner ? 0 : no_memory(reterr);
}

static int take_port(struct bus_dict *d, const char *key, uint16_t *ret, struct mef_error *reterr)
{
    const struct bus_value *v = bus_dict_get(d, key);

    if (v && v->u == 0)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s' is 0; a port is 1 to 65535", key);
    *ret = v ? (uint16_t)v->u : 0;
    return 0;
}

static const struct bus_option mef_options[] = {
    {"Name", "s"},           {"HttpPort", "q"}, {"CoapPort", "q"}, {"WebsocketPort", "q"},
    {"ExpirationTime", "t"}, {"Labels", "as"},  {"KpmId", "s"},    {"CertFingerprint", "s"},
    {"TrustAnchor", "s"},    {NULL, NULL}};
static const struct bus_option maf_options[] = {
    {"Name", "s"},           {"HttpPort", "q"}, {"CoapPort", "q"}, {"WebsocketPort", "q"},
    {"ExpirationTime", "t"}, {"Labels", "as"},  {"KmId", "s"},     {"CertFingerprint", "s"},
    {"TrustAnchor", "s"},    {NULL, NULL}};

static int take_strings(struct adding *a, struct bus_dict *d, struct mef_error *reterr)
{
    const char *key_id = bus_dict_s(d, a->type == MO_MEF_CLIENT_REG_CFG ? "KpmId" : "KmId", NULL);
    const char *fingerprint = bus_dict_s(d, "CertFingerprint", NULL), *name = bus_dict_s(d, "Name", NULL);
    const char *pem = bus_dict_s(d, "TrustAnchor", NULL);

    if (key_id && fingerprint)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "'KpmId' and 'CertFingerprint' exclude each other");
    if (fingerprint && !pem)
        return mef_fail(reterr, MEF_ERROR_INCONSISTENT_CONFIG,
                        "'CertFingerprint' needs 'TrustAnchor': without it no certificate of the server "
                        "could be trusted");
    if (name && !mo_name_valid(name))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'Name' '%s' is no node name", name);
    if ((key_id && !(a->key_id = strdup(key_id))) ||
        (fingerprint && !(a->fingerprint = strdup(fingerprint))) || (name && !(a->name = strdup(name))) ||
        (bus_dict_strv(d, "Labels") && !(a->labels = strv_copy(bus_dict_strv(d, "Labels")))))
        return no_memory(reterr);
    return pem ? take_anchor(a, pem, name ? name : a->fqdn, reterr) : 0;
}

static int add_reg(struct bus_call *call, enum mo_type type, const struct bus_option *options,
                   struct mef_error *reterr)
{
    _cleanup_(adding_freep) struct adding *a = calloc(1, sizeof *a);
    struct bus_dict *d = bus_call_dict(call, 2);
    int r = bus_call_options(call, 2, options, reterr);

    if (!a)
        return no_memory(reterr);
    a->e = bus_call_object(call);
    a->type = type;
    if (r == 0)
        r = take_fqdn(bus_call_s(call, 0), "fqdn", &a->fqdn, reterr);
    if (r == 0)
        r = take_fqdn(bus_call_s(call, 1), "admin_fqdn", &a->admin_fqdn, reterr);
    if (r == 0 && mo_tree_by_fqdn(a->e->tree, type, a->fqdn, a->admin_fqdn))
        r = mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS, "there is a %s for '%s' and '%s' already",
                     mo_type_info(type)->name, a->fqdn, a->admin_fqdn);
    if (r == 0)
        r = take_port(d, "HttpPort", &a->http_port, reterr);
    if (r == 0)
        r = take_port(d, "CoapPort", &a->coap_port, reterr);
    if (r == 0)
        r = take_port(d, "WebsocketPort", &a->websocket_port, reterr);
    if (r == 0)
        r = take_strings(a, d, reterr);
    if (r < 0)
        return r;
    a->expires = bus_dict_u(d, "ExpirationTime", 0);
    if (!a->http_port && !a->coap_port && !a->websocket_port)
        a->http_port = 443; /* interfaces.md 2 */
    a->call = bus_call_ref(call);
    bool token = a->anchor.data || (type == MO_MEF_CLIENT_REG_CFG && !a->key_id && !a->fingerprint);
    return go(TAKE_PTR(a), token, reterr);
}

int tree_add_mef_client_reg_cfg(struct bus_call *call, struct mef_error *reterr)
{
    return add_reg(call, MO_MEF_CLIENT_REG_CFG, mef_options, reterr);
}

int tree_add_maf_client_reg_cfg(struct bus_call *call, struct mef_error *reterr)
{
    return add_reg(call, MO_MAF_CLIENT_REG_CFG, maf_options, reterr);
}

/* ---- a trust anchor alone --------------------------------------------------------------------------- */

static void anchor_done(void *ctx, int r, const struct mef_error *err)
{
    _cleanup_(adding_freep) struct adding *a = ctx;
    struct tree_work w = {.e = a->e};
    struct tree_result result = {.answer = ANSWER_NODE_JOB};
    struct mef_error why = {0};

    if (r == 0) {
        err = &why;
        r = mo_tx_begin(a->e->tree, MO_ORIGIN_LOCAL, NULL, &w.tx, &why);
    }
    if (r == 0) {
        r = add_anchor_node(w.tx, a, &why);
        const struct mo_node *n = r == 0 ? mo_tx_by_name(w.tx, MO_TRUST_ANCHOR_CRED, a->anchor_owner) : NULL;
        _cleanup_(freep) char *path = n ? node_bus_path(n) : NULL;
        if (r == 0 &&
            (!path || strv_push(&result.paths, path) < 0 || !(result.anchor = strdup(a->anchor_owner))))
            r = no_memory(&why);
        if (r == 0) {
            r = tree_work_finish(&w, a->call, &result, &why);
        } else {
            tree_work_drop(&w);
            strv_free(result.paths);
        }
    }
    if (r < 0) {
        bus_reply_error(a->call, err);
        anchors_settled(a->e, a->anchor_owner);
    }
}

static const struct bus_option anchor_options[] = {{"Name", "s"}, {NULL, NULL}};

int tree_add_trust_anchor(struct bus_call *call, struct mef_error *reterr)
{
    _cleanup_(adding_freep) struct adding *a = calloc(1, sizeof *a);
    int r = bus_call_options(call, 1, anchor_options, reterr);
    const char *name = bus_dict_s(bus_call_dict(call, 1), "Name", NULL);

    if (!a)
        return no_memory(reterr);
    a->e = bus_call_object(call);
    a->type = MO_TRUST_ANCHOR_CRED;
    if (r == 0 && name && !mo_name_valid(name))
        r = mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'Name' '%s' is no node name", name);
    if (r == 0 && name && mo_tree_by_name(a->e->tree, MO_TRUST_ANCHOR_CRED, name))
        r = mef_fail(reterr, MEF_ERROR_ALREADY_EXISTS, "there is a trustAnchorCred '%s' already", name);
    if (r == 0)
        r = take_anchor(a, bus_call_s(call, 0), "anchor", reterr);
    if (r < 0)
        return r;
    if (name) {
        free(a->anchor_owner);
        if (!(a->anchor_owner = strdup(name)))
            return no_memory(reterr);
    }
    a->call = bus_call_ref(call);
    if (anchors_add_pending(a->e, a->anchor_owner) < 0)
        return no_memory(reterr);
    if (token_thread_submit(a->e->token_thread, token_work, anchor_done, a) < 0) {
        anchors_settled(a->e, a->anchor_owner);
        return no_memory(reterr);
    }
    (void)TAKE_PTR(a);
    return 0;
}
