/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a MEF as DM server may change in the MO tree (mo-tree.md 4.4; EE-18 to EE-21). Everybody else is bound
 * by the schema and the links only. Pure; thread: any. */
#include "policy/mo-access.h"

#include <errno.h>
#include <stddef.h>

#include "plugin/base/str.h"
#include "policy/suid.h"

static const char *const origin_names[] = {
    [MO_ORIGIN_LOCAL] = "local",         [MO_ORIGIN_MEF_DM] = "mef-dm",       [MO_ORIGIN_DM] = "dm",
    [MO_ORIGIN_BOOTSTRAP] = "bootstrap", [MO_ORIGIN_SMARTCARD] = "smartcard",
};

const char *mo_origin_name(enum mo_origin origin)
{
    return (size_t)origin < ELEMENTS(origin_names) ? origin_names[origin] : NULL;
}

int mo_origin_from_name(const char *name, enum mo_origin *ret)
{
    for (size_t i = 0; name && i < ELEMENTS(origin_names); i++)
        if (streq(origin_names[i], name)) {
            *ret = (enum mo_origin)i;
            return 0;
        }
    return -EINVAL;
}

static int refuse(struct mef_error *why, const char *reason, const struct mo_write *w)
{
    mef_fail(why, MEF_ERROR_NOT_AUTHORIZED, "%s '%s'%s%s%s: %s", w->type, w->node ? w->node : "(new)",
             w->attribute ? ", attribute '" : "", w->attribute ? w->attribute : "", w->attribute ? "'" : "",
             reason);
    return -EPERM;
}

int mo_write_admit(const struct mo_write *w, struct mef_error *why)
{
    if (w->origin != MO_ORIGIN_MEF_DM)
        return 0;

    if (streq(w->type, "myCertFileCred"))
        return refuse(why,
                      "a MEF may not configure it by device management; it gives certificates with the "
                      "command CERT_PROV",
                      w);

    if (streq(w->type, "authenticationProfile")) {
        if (!w->own_registration)
            return refuse(why, "it belongs to another registration than that of this MEF", w);
        if (w->attribute && streq(w->attribute, "symmKeyValue"))
            return refuse(why, "a MEF may not write a key value; it makes keys with the command MO_NODE", w);
        if (w->attribute && streq(w->attribute, "symmKeyID"))
            return refuse(why, "a MEF may not write a key identifier; the key registration gives it", w);
    }
    if (streq(w->type, "MEFClientRegCfg") && w->op != MO_OP_ADD && !w->own_registration)
        return refuse(
            why, "it configures another registration than that of this MEF; only adding one is allowed", w);
    return 0;
}

static int refuse_profile(struct mef_error *why, const struct mo_profile *p, const char *reason)
{
    mef_fail(why, MEF_ERROR_NOT_AUTHORIZED, "authenticationProfile '%s' with SUID %u, written by a MEF: %s",
             p->node ? p->node : "(new)", (unsigned)p->suid, reason);
    return -EPERM;
}

int mo_profile_admit_commit(const struct mo_profile *p, struct mef_error *why)
{
    switch (suid_kind(p->suid)) {
    case SUID_PREPROVISIONED:
        return refuse_profile(why, p, "a pre-provisioned key needs 'symmKeyID', which a MEF cannot give");
    case SUID_FROM_MEF:
        break;
    default:
        return 0;
    }
    if (!suid_has_procedure(p->suid))
        return 0; /* 24 and 25: the profile of 8.3.8 is demanded for 21, 22, 23 */
    if (p->links_other_registration)
        return refuse_profile(why, p, "its 'mgmtLink' names the MEFClientRegCfg of another registration");
    if (!p->links_own_registration)
        return refuse_profile(why, p,
                              "'mgmtLink' to the MEFClientRegCfg of this MEF's registration is missing");
    if (!p->has_expiration_time)
        return refuse_profile(why, p, "'expirationTime' is missing");
    if (!p->has_key_reg_duration)
        return refuse_profile(why, p, "'keyRegDuration' is missing");
    return 0;
}

bool mo_attribute_write_only(const char *type, const char *attribute)
{
    return (streq(type, "authenticationProfile") && streq(attribute, "symmKeyValue")) ||
           (streq(type, "myCertFileCred") && streq(attribute, "myCertFileContent"));
}
