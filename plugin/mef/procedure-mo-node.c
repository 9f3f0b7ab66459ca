/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MO_NODE (8.3.9.9; mef-protocol.md 3.4.6): the node as it is now, the tables of policy/mo-node.h, then the
 * procedure of its kind (mo-tree.md 3.7). What was found out goes to the node before the MEF hears of it.
 * Thread: the worker; mo_node_run_local also the token's. */
#include "plugin/mef/mo-node.h"

#include <errno.h>
#include <openssl/evp.h>

#include "plugin/cert/chain.h"
#include "plugin/mef/anchor-fetch.h"
#include "plugin/mef/worker.h"
#include "policy/fingerprint.h"
#include "policy/fqdn.h"
#include "policy/status.h"

/* The loop answers within a turn; a host that blocks its loop for longer is asked again later. */
#define TREE_WAIT_SEC 60u

static uint32_t no_memory(struct mef_error *reterr)
{
    (void)mef_fail(reterr, MEF_ERROR_FAILED, "Out of memory.");
    return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
}

/* As the observer names certificates: 64 hex digits. NULL: no memory. */
static char *cert_name(const struct der *cert)
{
    uint8_t sum[32];
    char *name = cert_sha256(cert->data, cert->len, sum) == 0 ? malloc(2 * sizeof sum + 1) : NULL;

    if (name)
        hex_encode(sum, sizeof sum, name);
    return name;
}

/* 8.3.9.9.3 */
static uint32_t run_key(const struct vault *v, const struct mo_snapshot *n, char **ret_credential,
                        struct mef_error *reterr)
{
    bool there = false;

    if (!n->symm_key_value) {
        if (v->has_psk(v->ctx, n->symm_key_id, &there, reterr) < 0)
            return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
        if (!there) {
            (void)mef_fail(reterr, MEF_ERROR_NOT_FOUND, "The token holds no symmetric key '%s'.",
                           n->symm_key_id);
            return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
        }
    }
    *ret_credential = strdup(n->symm_key_id);
    return *ret_credential ? CMD_STATUS_OK : no_memory(reterr);
}

/* 8.3.9.9.6; the text ties in the other branch (E-03). */
static uint32_t run_certificate(const struct vault *v, const struct mo_snapshot *n, char **ret_credential,
                                struct mef_error *reterr)
{
    struct fingerprint fp;
    struct der cert = {0};
    EVP_PKEY *key = NULL;

    if (fingerprint_parse(n->my_cert_fingerprint, &fp) < 0) {
        (void)mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "myCertFingerprint of '%s' cannot be read.",
                       n->path);
        return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    }
    if (v->find_pair(v->ctx, fp.octets, fp.len, &key, &cert, reterr) < 0)
        return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    EVP_PKEY_free(key);
    *ret_credential = cert_name(&cert);
    free(cert.data);
    return *ret_credential ? CMD_STATUS_OK : no_memory(reterr);
}

/* 8.3.9.9.7, first branch. A certificate that is no CA is taken too; the path validation is what judges it.
 */
static uint32_t run_anchor(const struct vault *v, const struct mo_snapshot *n, char **ret_credential,
                           struct mef_error *reterr)
{
    struct fingerprint fp;
    struct der cert = {0};

    if (!n->cert_fingerprint || fingerprint_parse(n->cert_fingerprint, &fp) < 0) {
        (void)mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "certFingerprint of '%s' cannot be read.",
                       n->path);
        return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    }
    if (v->find_cert(v->ctx, fp.octets, fp.len, &cert, reterr) < 0)
        return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    *ret_credential = cert_name(&cert);
    free(cert.data);
    return *ret_credential ? CMD_STATUS_OK : no_memory(reterr);
}

uint32_t mo_node_run_local(const struct vault *v, const struct mo_snapshot *n, enum mo_node_case what,
                           char **ret_credential, struct mef_error *reterr)
{
    if (what == MO_NODE_CASE_A)
        return run_key(v, n, ret_credential, reterr);
    if (what == MO_NODE_CASE_D)
        return run_certificate(v, n, ret_credential, reterr);
    if (what == MO_NODE_CASE_ANCHOR)
        return run_anchor(v, n, ret_credential, reterr);
    (void)mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED, "What '%s' asks for is not built into this version.",
                   n->path);
    return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
}

/* A tree that does not answer is no status for the MEF: the command stays where it is and is taken up again.
 */
static enum outcome tree_failed(struct client *c, int r)
{
    if (r == -ECANCELED)
        return OUT_CANCELLED;
    if (c->error.word == MEF_ERROR_NONE)
        (void)mef_fail(&c->error, MEF_ERROR_FAILED, "The MO tree did not answer (error %d).", -r);
    return OUT_RETRY;
}

static enum outcome settle(struct client *c, const struct mo_snapshot *n, uint32_t status,
                           const struct processed *p)
{
    struct wait wait = wait_within(&c->wait, TREE_WAIT_SEC * USEC_PER_SEC);
    struct mef_error why = c->error;
    const struct node_outcome o = {.node = n->id,
                                   .status = status,
                                   .credential = p->credential,
                                   .why = status == CMD_STATUS_OK ? NULL : why.text,
                                   .owner = p->owned ? c->cfg.node : NULL,
                                   .path = p->owned ? n->path : NULL,
                                   .registered = p->registered,
                                   .expires = p->expires};

    c->error = (struct mef_error){0};
    int r = c->tree.settle(c->tree.ctx, &o, &wait, &c->error);
    if (r < 0)
        return tree_failed(c, r);
    c->error = why;
    if (p->owned) {
        CRASH_POINT(PSK_TIED);
        c->keys_known = false;
        tell_event(c, EVENT_KEY_STORED, command_pending(c) ? &c->cmd : NULL,
                   "The key '%s' is the one of '%s' now.", p->credential, n->path);
        keys_supersede(c, n->id);
    }
    return OUT_OK;
}

static struct mo_node_args args_of(const struct client *c, const struct mo_node_fields *f)
{
    struct mo_node_args a = {.object_path = f->object_path, .object_type = f->object_type};

    if (f->specific)
        a.specific =
            mo_node_suid(c->vocabulary, f, &a.suid, NULL) == 0 ? MO_NODE_SPECIFIC_SUID : MO_NODE_SPECIFIC_BAD;
    return a;
}

/* 8.3.9.9.7, second branch: fetched, compared, stored as the node's own. */
static uint32_t fetch_anchor(struct client *c, const struct mo_snapshot *n, char **ret_credential)
{
    _cleanup_(der_list_clear) struct der_list anchors = {0}, ca = {0};
    struct der cert = {0};
    int r = der_list_copy(&c->cfg.anchors, &anchors);

    c->error = (struct mef_error){0};
    if (r == 0)
        r = c->vault.list_ca(c->vault.ctx, c->cfg.fqdn, c->cfg.node, &ca, &c->error);
    for (size_t i = 0; r == 0 && i < ca.n; i++)
        r = der_list_add(&anchors, ca.item[i].data, ca.item[i].len);
    if (r == 0)
        r = anchor_fetch(&c->transport, n->uri, n->cert_fingerprint, &anchors, &c->wait, &cert, &c->error);
    if (r == 0)
        r = c->vault.put_anchor(c->vault.ctx, n->name, &cert, &c->error);
    if (r == 0)
        *ret_credential = cert_name(&cert);
    free(cert.data);
    if (r == 0 && *ret_credential)
        return CMD_STATUS_OK;
    if (c->error.word == MEF_ERROR_NONE)
        (void)no_memory(&c->error);
    return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
}

/* Whether the key, or the registration at the MAF, is this worker's business. */
static bool ours(const struct client *c, const struct mo_snapshot *n, enum mo_node_case what)
{
    switch (what) {
    case MO_NODE_CASE_B:
        return !c->cfg.maf && key_server(c, n);
    case MO_NODE_CASE_C:
        return c->cfg.maf && key_server(c, n);
    case MO_NODE_CASE_MAF:
        return c->cfg.maf && n->fqdn && fqdn_equal(n->fqdn, c->cfg.fqdn);
    default:
        return true;
    }
}

/* 8.3.9.9.8; the registration itself was the precondition of the task. */
static enum outcome at_maf(struct client *c, uint32_t *ret_status)
{
    enum outcome o = registration_current(c);

    /* One that the MAF had all the same may have other values than the node. */
    if (o == OUT_GONE && (o = registration_lost(c, "The MAF does not know it.")) == OUT_OK &&
        (o = register_procedure(c)) == OUT_OK)
        o = registration_current(c);
    *ret_status = o == OUT_OK ? CMD_STATUS_OK : CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    return o == OUT_CANCELLED ? o : OUT_OK;
}

static enum outcome run_case(struct client *c, const struct mo_snapshot *n, enum mo_node_case what,
                             uint32_t *ret_status, struct processed *ret)
{
    if (what == MO_NODE_CASE_B || what == MO_NODE_CASE_C)
        return key_register(c, n, ret_status, ret);
    if (what == MO_NODE_CASE_MAF)
        return at_maf(c, ret_status);
    *ret_status = mo_node_run_local(&c->vault, n, what, &ret->credential, &c->error);
    if (*ret_status != CMD_STATUS_OK && what == MO_NODE_CASE_ANCHOR && c->error.word == MEF_ERROR_NOT_FOUND)
        *ret_status = fetch_anchor(c, n, &ret->credential);
    return OUT_OK;
}

/* Of another registration: its worker does it, and settles the node. */
static enum outcome delegate(struct client *c, const struct mo_snapshot *n, enum mo_node_case what,
                             enum run_mode mode, uint32_t *ret_status)
{
    static const struct processed nothing = {0};
    struct wait wait = wait_within(
        &c->wait,
        (TREE_WAIT_SEC + 5 * (c->settings.connect_timeout + c->settings.response_timeout)) * USEC_PER_SEC);
    int r = -ENOTSUP;

    *ret_status = CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    if (mode != RUN_TASK && c->tree.delegate)
        r = c->tree.delegate(c->tree.ctx, n, what, &wait, ret_status, &c->error);
    if (r == 0)
        return OUT_OK;
    if (r == -ECANCELED)
        return OUT_CANCELLED;
    if (c->error.word == MEF_ERROR_NONE)
        (void)mef_fail(&c->error, MEF_ERROR_NOT_SUPPORTED, "No registration is there for what '%s' asks.",
                       n->path);
    return mode == RUN_RENEWAL ? OUT_OK : settle(c, n, *ret_status, &nothing);
}

enum outcome mo_node_run(struct client *c, const struct mo_snapshot *n, enum mo_node_case what,
                         enum run_mode mode, uint32_t *ret_status)
{
    struct processed p = {0};
    enum outcome o = OUT_OK;

    if (!ours(c, n, what))
        return delegate(c, n, what, mode, ret_status);
    *ret_status = CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    if (mode != RUN_UNREGISTERED)
        o = run_case(c, n, what, ret_status, &p);
    if (o == OUT_OK && !(mode == RUN_RENEWAL && *ret_status != CMD_STATUS_OK)) {
        o = settle(c, n, *ret_status, &p);
        if (o != OUT_OK && p.owned)
            key_forget(c, p.credential);
    }
    free(p.credential);
    return o;
}

enum outcome mo_node_execute(struct client *c, const struct mo_node_fields *f, uint32_t *ret_csc)
{
    static const struct processed nothing = {0};
    _cleanup_(mo_snapshot_freep) struct mo_snapshot *n = NULL;
    struct wait wait = wait_within(&c->wait, TREE_WAIT_SEC * USEC_PER_SEC);
    const struct mo_node_args args = args_of(c, f);
    enum mo_node_case what = MO_NODE_CASE_NONE;
    int r = c->tree.resolve(c->tree.ctx, f->object_path, &wait, &n, &c->error);

    if (r < 0)
        return tree_failed(c, r);
    int status = mo_node_judge(&args, n, &c->settings.mo_node, &what, &c->error);
    if (status == 0) {
        enum outcome o = command_advance(c, JOURNAL_START, 0);
        if (o != OUT_OK)
            return o;
        CRASH_POINT(CMD_RUNNING);
        return mo_node_run(c, n, what, RUN_COMMAND, ret_csc);
    }
    *ret_csc = (uint32_t)status;
    return n ? settle(c, n, (uint32_t)status, &nothing) : OUT_OK;
}
