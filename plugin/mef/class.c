/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of command classes, and the choice inside cmdArgs (mef-protocol.md 4.6). Pure; thread: any. */
#include "plugin/mef/class.h"

#include "plugin/mef/class-args.h"
#include "plugin/mef/codec-json.h"

static const struct command_class classes[] = {
    {CMD_NO_MORE_COMMANDS, WORD_NMCA, true, no_more_parse},
    {CMD_CERT_PROV, WORD_CPCA, true, cert_prov_parse},
    {CMD_DEV_CFG, WORD_DCCA, true, dev_cfg_parse},
    {CMD_MO_NODE, WORD_MNCA, true, mo_node_parse},
};

const struct command_class *class_find(uint32_t id)
{
    for (size_t i = 0; i < ELEMENTS(classes); i++)
        if (classes[i].id == id)
            return &classes[i];
    return NULL;
}

int class_args_parse(const struct command_class *c, const struct vocabulary *v, const json_t *args,
                     int64_t now, union class_args *ret, struct mef_error *reterr)
{
    bool twice = false;

    if (!json_is_object(args))
        return args_bad(WORD_CMDA, args ? "is not an object" : "is missing", reterr);
    for (size_t i = 0; i < ELEMENTS(classes); i++)
        if (&classes[i] != c && (content_member(v, args, classes[i].args, &twice) || twice))
            return args_bad(classes[i].args, "does not belong to this class of command", reterr);
    const json_t *o = content_member(v, args, c->args, &twice);
    if (twice)
        return args_bad(c->args, "is there more than once", reterr);
    if (!json_is_object(o))
        return args_bad(c->args, o ? "is not an object" : "is missing", reterr);
    return c->parse(v, o, now, ret, reterr);
}
