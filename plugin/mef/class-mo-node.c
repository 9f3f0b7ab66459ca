/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arguments of MO_NODE (8.3.9.9). objectTypeSpecificArgs is read late: an error in it is answered only after
 * the node has been found and its type compared (mo-tree.md 3.5, G1 and G4). Pure; thread: any. */
#include "plugin/base/limits.h"
#include "plugin/mef/class-args.h"
#include "plugin/mef/codec-json.h"
#include "policy/suid.h"

int mo_node_parse(const struct vocabulary *v, const json_t *o, int64_t now, union class_args *ret,
                  struct mef_error *reterr)
{
    struct mo_node_fields f = {0};
    bool twice = false;
    int r;

    (void)now;
    if ((r = args_text(v, o, WORD_OBP, LIMIT_URI, &f.object_path, reterr)) ||
        (r = args_enumeration(v, o, WORD_OBT, &f.object_type, reterr)))
        return r;
    if (!object_type_name(f.object_type))
        return args_bad(WORD_OBT, "is none of 1, 2, 3", reterr);
    f.specific = content_member(v, o, WORD_OBSA, &twice);
    if (twice)
        return args_bad(WORD_OBSA, "is there more than once", reterr);
    ret->mo_node = f;
    return 0;
}

static int bad_specific(const char *why, struct mef_error *reterr)
{
    (void)args_bad(WORD_OBSA, why, reterr);
    return CMD_STATUS_MO_NODE_BAD_ARGS;
}

int mo_node_suid(const struct vocabulary *v, const struct mo_node_fields *args, uint32_t *ret,
                 struct mef_error *reterr)
{
    const json_t *o = args->specific;
    bool twice = false;
    uint32_t suid;

    if (!json_is_object(o))
        return bad_specific(o ? "is not an object" : "is missing", reterr);
    const json_t *nested = content_member(v, o, WORD_APMA, &twice);
    const json_t *direct = content_member(v, o, WORD_SUID, &twice);
    if (twice || (nested && direct))
        return bad_specific("holds 'SUID' more than once", reterr);
    if (nested)
        direct = content_member(v, nested, WORD_SUID, &twice);
    if (!direct || json_enumeration(direct, &suid) < 0 || !suid_valid(suid))
        return bad_specific("holds no 'SUID' that there is", reterr);
    *ret = suid;
    return 0;
}
