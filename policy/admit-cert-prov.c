/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MC-16 to MC-19, in the order of TS-0003 8.3.9.7. Pure; thread: any. */
#include "policy/admit-cert-prov.h"

#include "plugin/base/str.h"
#include "policy/fqdn.h"
#include "policy/uri.h"

static int check_protocol(const struct cert_prov_args *args, const struct cert_prov_support *support,
                          struct mef_error *why)
{
    const char *name = cert_prov_protocol_name(args->protocol);

    if ((args->protocol == CERT_PROV_EST && support->est) ||
        (args->protocol == CERT_PROV_SCEP && support->scep))
        return 0;
    if (!name)
        return mef_fail(why, MEF_ERROR_NOT_SUPPORTED, "certProvProtocolID %u is not known",
                        (unsigned)args->protocol);
    return mef_fail(why, MEF_ERROR_NOT_SUPPORTED, "certProvProtocolID %u (%s) is not supported here%s",
                    (unsigned)args->protocol, name,
                    args->protocol == CERT_PROV_SCEP ? "; see [scep] in the configuration" : "");
}

static int check_uri(const struct cert_prov_args *args, const char *mef_fqdn,
                     const struct cert_prov_support *support, struct mef_error *why)
{
    struct uri uri;
    bool http = args->protocol == CERT_PROV_SCEP && support->scep_allow_http;
    const char *reason = NULL;

    if (uri_parse(args->uri, &uri) < 0)
        reason = "is no valid URI";
    else if (!streq(uri.scheme, "https") && !(http && streq(uri.scheme, "http")))
        reason = http ? "has a scheme other than http or https" : "has a scheme other than https";
    else if (uri.has_userinfo)
        reason = "holds user information";
    else if (!uri.host[0] || uri.host_is_literal)
        reason = "names no host by its FQDN";
    else if (!fqdn_equal(uri.host, mef_fqdn))
        reason = "names another host than the MEF";
    else if (uri.has_query || uri.has_fragment)
        reason = "has a query or a fragment, which a base URI cannot have";
    if (!reason)
        return 0;
    return mef_fail(why, MEF_ERROR_INVALID_ARGUMENTS, "URI '%.200s' of CERT_PROV %s (the MEF is '%s')",
                    args->uri ? args->uri : "", reason, mef_fqdn ? mef_fqdn : "");
}

int admit_cert_prov(const struct cert_prov_args *args, const char *mef_fqdn, const struct identity *who,
                    const struct cert_prov_support *support, char ret_subject[LIMIT_M2M_ID + 1],
                    struct mef_error *why)
{
    char subject[LIMIT_M2M_ID + 1];

    if (check_protocol(args, support, why) < 0 || check_uri(args, mef_fqdn, support, why) < 0)
        return CMD_STATUS_UNACCEPTABLE_ARGUMENTS;
    if (!subject_type_suits(who->kind, args->subject_type)) {
        const char *name = cert_subject_type_name(args->subject_type);
        mef_fail(why, MEF_ERROR_INVALID_ARGUMENTS,
                 "certSubjectType %u (%s) does not suit a client of kind '%s'", (unsigned)args->subject_type,
                 name ? name : "unknown", client_kind_name(who->kind));
        return CMD_STATUS_UNACCEPTABLE_ARGUMENTS;
    }
    if (subject_id_check(args->subject_type, args->subject_id, who, subject, why) < 0)
        return CMD_STATUS_UNACCEPTABLE_ARGUMENTS;
    if (ret_subject)
        memcpy(ret_subject, subject, strlen(subject) + 1);
    return 0;
}
