/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-protocol.md 3.4.1, row by row. Pure; thread: any. */
#include "plugin/mef/command-message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/mef/codec-json.h"
#include "policy/admit-target.h"
#include "policy/ids.h"

#define CID_TEXT_MAX 512u /* 64 octets, each perhaps as an escape of six */

void command_clear(struct command *c)
{
    json_decref(c->doc);
    free(c->cid);
    *c = (struct command){0};
}

static int unparsable(struct mef_error *reterr, enum word w, const char *why)
{
    return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "The command of the MEF cannot be parsed: '%s' %s.",
                    vocabulary_long(w), why);
}

/* A member that must be there exactly once. */
static int need(const struct vocabulary *v, const json_t *o, enum word w, const json_t **ret,
                struct mef_error *reterr)
{
    bool twice = false;

    *ret = content_member(v, o, w, &twice);
    if (!*ret)
        return unparsable(reterr, w, twice ? "is there more than once" : "is missing");
    return 0;
}

static int take_cid(const struct vocabulary *v, const json_t *o, char **ret, struct mef_error *reterr)
{
    const json_t *j;
    int r = need(v, o, WORD_CID, &j, reterr);

    if (r < 0)
        return r;
    if (!json_is_number(j) &&
        !(json_is_string(j) && cmd_id_valid(json_string_value(j), json_string_length(j))))
        return unparsable(reterr, WORD_CID, "is neither a number nor a text of 1 to 64 octets");
    *ret = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);
    return *ret ? 0 : -ENOMEM;
}

static int take_status(const struct vocabulary *v, const json_t *o, bool *ret_reissued,
                       struct mef_error *reterr)
{
    const json_t *j;
    uint32_t csc;
    int r = need(v, o, WORD_CSC, &j, reterr);

    if (r < 0)
        return r;
    if (json_enumeration(j, &csc) < 0 || (csc != CMD_STATUS_ISSUED && csc != CMD_STATUS_REISSUED))
        return unparsable(reterr, WORD_CSC, "is neither 10 nor 11");
    *ret_reissued = csc == CMD_STATUS_REISSUED;
    return 0;
}

static int take_description(const struct vocabulary *v, const json_t *o, struct command *c,
                            struct mef_error *reterr)
{
    const json_t *d, *class_id;
    bool twice = false;
    int r = need(v, o, WORD_CDSC, &d, reterr);

    if (r < 0)
        return r;
    if (!json_is_object(d))
        return unparsable(reterr, WORD_CDSC, "is not an object");
    if ((r = need(v, d, WORD_CCID, &class_id, reterr)) < 0)
        return r;
    if (json_enumeration(class_id, &c->class_id) < 0)
        return unparsable(reterr, WORD_CCID, "is not a number");
    c->args = content_member(v, d, WORD_CMDA, &twice);
    if (twice)
        return unparsable(reterr, WORD_CMDA, "is there more than once");
    c->target = content_member(v, d, WORD_TGID, &twice);
    if (twice)
        return unparsable(reterr, WORD_TGID, "is there more than once");
    return 0;
}

int command_parse(const struct vocabulary *v, const char *body, size_t len, struct command *ret,
                  struct mef_error *reterr)
{
    _cleanup_(command_clear) struct command c = {0};
    json_t *o;
    int r = content_decode(v, WORD_MECC, body, len, &c.doc, &o, reterr);

    if (r < 0) {
        if (r != -ENOMEM) {
            mef_error_prefix(reterr, "The command of the MEF cannot be parsed");
            if (reterr)
                reterr->word = MEF_ERROR_SERVER_REJECTED;
        }
        return r;
    }
    if ((r = take_cid(v, o, &c.cid, reterr)) < 0 || (r = take_description(v, o, &c, reterr)) < 0 ||
        (r = take_status(v, o, &c.reissued, reterr)) < 0)
        return r == -ENOMEM ? r : -EINVAL;
    *ret = c;
    c = (struct command){0};
    return 0;
}

int command_arguments(const struct command *c, const struct vocabulary *v, int64_t now, union class_args *ret,
                      struct mef_error *reterr)
{
    const struct command_class *class = class_find(c->class_id);

    if (!class || !class->built_in) {
        (void)mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED, "Commands of class %s are not supported.",
                       cmd_class_word(c->class_id));
        return CMD_STATUS_CLASS_NOT_SUPPORTED;
    }
    return class_args_parse(class, v, c->args, now, ret, reterr);
}

int command_target(const struct command *c, const struct identity *who, struct mef_error *reterr)
{
    if (!c->target || c->class_id == CMD_NO_MORE_COMMANDS)
        return 0;
    const char *text = json_text(c->target, LIMIT_M2M_ID);
    if (!text) {
        (void)mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s' is not an identifier.",
                       vocabulary_long(WORD_TGID));
        return CMD_STATUS_UNACCEPTABLE_ARGUMENTS;
    }
    return admit_target(c->class_id, text, who, reterr);
}

char *command_update_body(const struct vocabulary *v, const char *cid, uint32_t csc)
{
    char *text;

    /* The words need no escapes (vocabulary.c), and the cmdID goes back as JSON text, the way it came. */
    if (asprintf(&text, "{\"%s:%s\":{\"%s\":%s,\"%s\":%u}}", vocabulary_text(v, TEXT_PREFIX),
                 vocabulary_short(v, WORD_MECC), vocabulary_short(v, WORD_CID), cid,
                 vocabulary_short(v, WORD_CSC), (unsigned)csc) < 0)
        return NULL;
    return text;
}

char *cid_decode(const char *cid)
{
    size_t len = strlen(cid);

    if (len > CID_TEXT_MAX)
        return NULL;
    /* The usual one is a string without escapes; all others are jansson's. */
    if (len > 2 && cid[0] == '"' && strcspn(cid + 1, "\"\\") == len - 2)
        return strndup(cid + 1, len - 2);
    _cleanup_(json_cleanup) json_t *j = json_loads(cid, JSON_DECODE_ANY, NULL);

    if (json_is_string(j))
        return strdup(json_string_value(j));
    return json_is_number(j) ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
}

bool cid_equal(const char *a, const char *b)
{
    _cleanup_(freep) char *x = a ? cid_decode(a) : NULL;
    _cleanup_(freep) char *y = b ? cid_decode(b) : NULL;

    return x && y && streq(x, y);
}
