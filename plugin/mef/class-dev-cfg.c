/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arguments of DEV_CFG (8.3.9.8): the one string deviceConfigURI, or devMgmtID and URI (4.7). Pure; thread:
 * any. */
#include "plugin/base/limits.h"
#include "plugin/mef/class-args.h"
#include "plugin/mef/codec-json.h"
#include "policy/ids.h"

static int two_elements(const struct vocabulary *v, const json_t *o, struct dev_cfg_fields *f,
                        struct mef_error *reterr)
{
    int r = args_enumeration(v, o, WORD_DMI, &f->protocol, reterr);

    return r ? r : args_text(v, o, WORD_URI, LIMIT_URI, &f->uri, reterr);
}

int dev_cfg_parse(const struct vocabulary *v, const json_t *o, int64_t now, union class_args *ret,
                  struct mef_error *reterr)
{
    struct dev_cfg_fields f = {0};
    bool twice = false;
    const json_t *dcu = content_member(v, o, WORD_DCU, &twice);
    const json_t *dmi = content_member(v, o, WORD_DMI, &twice), *uri = content_member(v, o, WORD_URI, &twice);
    int r;

    (void)now;
    if (twice || (dcu && (dmi || uri)))
        return args_bad(WORD_DCU, "is there in more than one form", reterr);
    if (json_is_object(dcu) || !dcu) {
        r = two_elements(v, dcu ? dcu : o, &f, reterr);
        if (r)
            return r;
    } else {
        const char *text = json_text(dcu, LIMIT_URI);
        if (!text || device_config_uri_split(text, &f.protocol, &f.uri) < 0)
            return args_bad(WORD_DCU, "is not a number, ':' and a URI", reterr);
    }
    ret->dev_cfg = f;
    return 0;
}
