/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MC-22 and MC-23, in the order of TS-0003 8.3.9.8. Pure; thread: any. */
#include "policy/admit-dev-cfg.h"

#include "plugin/base/str.h"
#include "policy/fqdn.h"
#include "policy/uri.h"

static const char *const schemes[] = {
    [DEV_MGMT_OMA_DM_1_3] = "https",
    [DEV_MGMT_OMA_DM_2_0] = "https",
    [DEV_MGMT_LWM2M] = "coaps",
    [DEV_MGMT_TR069] = "https",
};

int admit_dev_cfg(const struct dev_cfg_args *args, const char *mef_fqdn, bool supported,
                  struct mef_error *why)
{
    const char *name = dev_mgmt_name(args->protocol), *reason = NULL;
    struct uri uri;

    if (!name || !supported) {
        (void)mef_fail(why, MEF_ERROR_NOT_SUPPORTED, "devMgmtID %u (%s) is %s", (unsigned)args->protocol,
                       name ? name : "unknown",
                       name ? "offered by no DM client here; see [dm-client NAME] in the configuration"
                            : "not known");
        return CMD_STATUS_UNACCEPTABLE_ARGUMENTS;
    }
    if (uri_parse(args->uri, &uri) < 0)
        reason = "is no valid URI";
    else if (!streq(uri.scheme, schemes[args->protocol]))
        reason = streq(schemes[args->protocol], "coaps") ? "has a scheme other than coaps"
                                                         : "has a scheme other than https";
    else if (uri.has_userinfo)
        reason = "holds user information";
    else if (!uri.host[0] || uri.host_is_literal)
        reason = "names no host by its FQDN";
    else if (!fqdn_equal(uri.host, mef_fqdn))
        reason = "names another host than the MEF";
    else if (uri.has_fragment)
        reason = "has a fragment";
    if (!reason)
        return 0;
    (void)mef_fail(why, MEF_ERROR_INVALID_ARGUMENTS, "URI '%.200s' of DEV_CFG %s (the MEF is '%s')",
                   args->uri ? args->uri : "", reason, mef_fqdn ? mef_fqdn : "");
    return CMD_STATUS_UNACCEPTABLE_ARGUMENTS;
}
