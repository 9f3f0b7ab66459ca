/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DEV_CFG (8.3.9.8): a DM session in another process, with the protocol and URI of the command
 * (mef-protocol.md 3.4.5). What the session writes is committed before it ends well, and so before the report
 * of 20. A crash of ours in the middle finds the command RUNNING and runs the session again; what was not
 * committed is gone by then. Thread: the worker. */
#include <errno.h>

#include "plugin/mef/worker.h"
#include "policy/admit-dev-cfg.h"

static enum outcome run_session(struct client *c, const struct dev_cfg_fields *f, uint32_t *ret_csc)
{
    const struct dm_request request = {
        .protocol = f->protocol, .uri = f->uri, .fqdn = c->cfg.fqdn, .node = c->cfg.node};

    tell_event(c, EVENT_DM_SESSION_STARTED, &c->cmd, "Device configuration of '%s' by %s with '%s'.",
               c->cfg.node, dev_mgmt_name(f->protocol), f->uri);
    int r = c->dm.run(c->dm.ctx, &request, &c->wait, &c->error);
    if (r == -ECANCELED)
        return OUT_CANCELLED;
    if (r == DM_OK)
        CRASH_POINT(DM_ENDED);
    *ret_csc = r == DM_OK             ? CMD_STATUS_OK
               : r == DM_SERVER_ERROR ? CMD_STATUS_DEV_CFG_SERVER_ERROR
                                      : CMD_STATUS_DEV_CFG_CLIENT_ERROR;
    if (r != DM_OK)
        tell_event(c, EVENT_DM_SESSION_FAILED, &c->cmd, "Device configuration of '%s' failed: %s",
                   c->cfg.node, c->error.text);
    return OUT_OK;
}

enum outcome dev_cfg_execute(struct client *c, const struct dev_cfg_fields *f, uint32_t *ret_csc)
{
    const struct dev_cfg_args args = {.protocol = f->protocol, .uri = f->uri};
    int offered = dev_mgmt_name(f->protocol) ? c->dm.offered(c->dm.ctx, f->protocol, &c->wait, &c->error) : 0;

    if (offered == -ECANCELED)
        return OUT_CANCELLED;
    if (offered < 0)
        return OUT_RETRY;
    int status = admit_dev_cfg(&args, c->cfg.fqdn, offered > 0, &c->error);
    if (status) {
        *ret_csc = (uint32_t)status;
        return OUT_OK;
    }
    enum outcome o = command_advance(c, JOURNAL_START, 0);
    if (o != OUT_OK)
        return o;
    CRASH_POINT(CMD_RUNNING);
    return run_session(c, f, ret_csc);
}
