/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MO_NODE (8.3.9.9; mef-protocol.md 3.4.6): the node as it is now, the tables of policy/mo-node.h, then the
 * procedure of its kind (mo-tree.md 3.7). What was found out goes to the node before the MEF hears of it.
 * Thread: the worker; mo_node_run_local also the token's. */
#include "plugin/mef/mo-node.h"

#include <errno.h>
#include <openssl/evp.h>

#include "plugin/cert/chain.h"
#include "plugin/mef/worker.h"
#include "policy/fingerprint.h"
#include "policy/status.h"

/* The loop answers within a turn; a host that blocks its loop for longer is asked again later. */
#define TREE_WAIT_SEC 60u

/* 8.3.9.9.3 */
static uint32_t run_key(const struct vault *v, const struct mo_snapshot *n, char **ret_credential,
                        struct mef_error *reterr)
{
    bool there = false;

    if (!n->symm_key_value) {
        if (v->has_psk(v->ctx, n->symm_key_id, &there, reterr) < 0)
            return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
        if (!there) {
            (void)mef_fail(reterr, MEF_ERROR_NOT_FOUND, "The token holds no symmetric key '%s'.", n->symm_key_id);
            return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
        }
    }
    char *name = strdup(n->symm_key_id);
    if (!name) {
        (void)mef_fail(reterr, MEF_ERROR_FAILED, "Out of memory.");
        return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    }
    *ret_credential = name;
    return CMD_STATUS_OK;
}

/* 8.3.9.9.6; the text ties in the other branch (E-03). */
static uint32_t run_certificate(const struct vault *v, const struct mo_snapshot *n, char **ret_credential,
                                struct mef_error *reterr)
{
    struct fingerprint fp;
    struct der cert = {0};
    EVP_PKEY *key = NULL;
    uint8_t sum[32];

    if (fingerprint_parse(n->my_cert_fingerprint, &fp) < 0) {
        (void)mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "myCertFingerprint of '%s' cannot be read.", n->path);
        return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    }
    if (v->find_pair(v->ctx, fp.octets, fp.len, &key, &cert, reterr) < 0)
        return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    EVP_PKEY_free(key);
    char *name = cert_sha256(cert.data, cert.len, sum) == 0 ? malloc(2 * sizeof sum + 1) : NULL;
    free(cert.data);
    if (!name) {
        (void)mef_fail(reterr, MEF_ERROR_FAILED, "Out of memory.");
        return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
    }
    hex_encode(sum, sizeof sum, name);
    *ret_credential = name;
    return CMD_STATUS_OK;
}

uint32_t mo_node_run_local(const struct vault *v, const struct mo_snapshot *n, enum mo_node_case what,
                           char **ret_credential, struct mef_error *reterr)
{
    if (what == MO_NODE_CASE_A)
        return run_key(v, n, ret_credential, reterr);
    if (what == MO_NODE_CASE_D)
        return run_certificate(v, n, ret_credential, reterr);
    (void)mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED, "What '%s' asks for is not built into this version.", n->path);
    return CMD_STATUS_MO_NODE_PROCESSING_FAILED;
}

/* A tree that does not answer is no status for the MEF: the command stays where it is and is taken up again. */
static enum outcome tree_failed(struct client *c, int r)
{
    if (r == -ECANCELED)
        return OUT_CANCELLED;
    if (c->error.word == MEF_ERROR_NONE)
        (void)mef_fail(&c->error, MEF_ERROR_FAILED, "The MO tree did not answer (error %d).", -r);
    return OUT_RETRY;
}

static enum outcome settle(struct client *c, const struct mo_snapshot *n, uint32_t status, const char *credential)
{
    struct wait wait = wait_within(&c->wait, TREE_WAIT_SEC * USEC_PER_SEC);
    struct mef_error why = c->error;

    c->error = (struct mef_error){0};
    int r = c->tree.settle(c->tree.ctx, n->id, status, credential, status == CMD_STATUS_OK ? NULL : why.text, &wait,
                           &c->error);
    if (r < 0)
        return tree_failed(c, r);
    c->error = why;
    return OUT_OK;
}

static struct mo_node_args args_of(const struct client *c, const struct mo_node_fields *f)
{
    struct mo_node_args a = {.object_path = f->object_path, .object_type = f->object_type};

    if (f->specific)
        a.specific = mo_node_suid(c->vocabulary, f, &a.suid, NULL) == 0 ? MO_NODE_SPECIFIC_SUID
                                                                        : MO_NODE_SPECIFIC_BAD;
    return a;
}

static enum outcome process(struct client *c, const struct mo_snapshot *n, enum mo_node_case what,
                            uint32_t *ret_csc)
{
    _cleanup_(freep) char *credential = NULL;
    enum outcome o = command_advance(c, JOURNAL_START, 0);

    if (o != OUT_OK)
        return o;
    CRASH_POINT(CMD_RUNNING);
    uint32_t status = mo_node_run_local(&c->vault, n, what, &credential, &c->error);
    o = settle(c, n, status, credential);
    if (o == OUT_OK)
        *ret_csc = status;
    return o;
}

enum outcome mo_node_execute(struct client *c, const struct mo_node_fields *f, uint32_t *ret_csc)
{
    _cleanup_(mo_snapshot_freep) struct mo_snapshot *n = NULL;
    struct wait wait = wait_within(&c->wait, TREE_WAIT_SEC * USEC_PER_SEC);
    const struct mo_node_args args = args_of(c, f);
    enum mo_node_case what = MO_NODE_CASE_NONE;
    int r = c->tree.resolve(c->tree.ctx, f->object_path, &wait, &n, &c->error);

    if (r < 0)
        return tree_failed(c, r);
    int status = mo_node_judge(&args, n, &c->settings.mo_node, &what, &c->error);
    if (status == 0)
        return process(c, n, what, ret_csc);
    *ret_csc = (uint32_t)status;
    return n ? settle(c, n, (uint32_t)status, NULL) : OUT_OK;
}
