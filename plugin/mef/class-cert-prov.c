/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arguments of CERT_PROV (8.3.9.7) and the judgement on them before anything is done. Pure; thread: any. */
#include "plugin/mef/class-cert-prov.h"

#include "plugin/base/limits.h"
#include "plugin/mef/class-args.h"
#include "policy/admit-cert-prov.h"

int cert_prov_parse(const struct vocabulary *v, const json_t *o, int64_t now, union class_args *ret,
                    struct mef_error *reterr)
{
    struct cert_prov_fields f = {0};
    int r;

    (void)now;
    if ((r = args_enumeration(v, o, WORD_CPP, &f.protocol, reterr)) ||
        (r = args_text(v, o, WORD_URI, LIMIT_URI, &f.uri, reterr)) ||
        (r = args_enumeration(v, o, WORD_CSTY, &f.subject_type, reterr)) ||
        (r = args_text(v, o, WORD_CSBI, LIMIT_BODY, &f.subject_id, reterr)))
        return r;
    ret->cert_prov = f;
    return 0;
}

int cert_prov_prepare(const struct cert_prov_fields *f, const char *mef_fqdn, const struct identity *who,
                      struct cert_prov_plan *ret, struct mef_error *why)
{
    const struct cert_prov_args args = {
        .protocol = f->protocol, .uri = f->uri, .subject_type = f->subject_type, .subject_id = f->subject_id};
    const struct cert_prov_support support = {.est = true};
    struct cert_prov_plan plan = {0};
    int r = admit_cert_prov(&args, mef_fqdn, who, &support, plan.subject, why);

    if (r)
        return r;
    if (subject_san(f->subject_type, plan.subject, who, &plan.san, why) < 0)
        return CMD_STATUS_CERT_PROV_CLIENT_ERROR;
    *ret = plan;
    return 0;
}
