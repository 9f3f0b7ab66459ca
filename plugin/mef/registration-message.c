/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-protocol.md 3.3: build the requests, read and judge the answers. No I/O, no clock. Thread: any. */
#include "plugin/mef/registration-message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/mef/codec-json.h"
#include "policy/fqdn.h"
#include "policy/ids.h"
#include "policy/subject-id.h"

static int put_et(const struct vocabulary *v, json_t *o, int64_t et)
{
    char text[TIMESTAMP_LEN];

    timestamp_format(et, text);
    return content_put(v, o, WORD_ET, json_string(text));
}

static int put_labels(const struct vocabulary *v, json_t *o, char *const *labels)
{
    json_t *list;

    if (!labels || !labels[0])
        return 0;
    list = json_array();
    for (size_t i = 0; labels[i]; i++)
        if (json_array_append_new(list, json_string(labels[i])) < 0) {
            json_decref(list);
            return -ENOMEM;
        }
    return content_put(v, o, WORD_LBL, list);
}

char *registration_create_body(const struct vocabulary *v, enum word root, const char *admin_fqdn, int64_t et,
                               char *const *labels)
{
    json_t *o = json_object();

    if (put_et(v, o, et) < 0 || put_labels(v, o, labels) < 0 ||
        content_put(v, o, WORD_ADFQ, json_string(admin_fqdn)) < 0) {
        json_decref(o);
        return NULL;
    }
    return content_encode(v, root, o);
}

char *registration_update_body(const struct vocabulary *v, enum word root, int64_t et, char *const *labels)
{
    json_t *o = json_object();

    if ((et && put_et(v, o, et) < 0) || put_labels(v, o, labels) < 0) {
        json_decref(o);
        return NULL;
    }
    return content_encode(v, root, o);
}

void registration_answer_clear(struct registration_answer *a)
{
    free(a->reg_id);
    free(a->creator);
    free(a->admin_fqdn);
    free(a->cmd_to);
    free(a->symm_key_id);
    *a = (struct registration_answer){0};
}

static int take_text(const struct vocabulary *v, const json_t *o, enum word w, size_t max, char **ret,
                     struct mef_error *reterr)
{
    bool twice = false;
    const json_t *j = content_member(v, o, w, &twice);

    if (!j && !twice)
        return 0;
    if (twice || !json_text(j, max))
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                        "'%s' in the answer of the MEF is not a usable text.", vocabulary_long(w));
    *ret = strdup(json_text(j, max));
    return *ret ? 0 : -ENOMEM;
}

static int take_et(const struct vocabulary *v, const json_t *o, int64_t *ret, struct mef_error *reterr)
{
    bool twice = false;
    const json_t *j = content_member(v, o, WORD_ET, &twice);

    if (!j && !twice)
        return 0;
    if (!json_is_string(j) || timestamp_parse(json_string_value(j), ret) < 0)
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                        "'%s' in the answer of the MEF is not a timestamp.", vocabulary_long(WORD_ET));
    return 0;
}

/* An entry of childResource is the command if its type number or its name says so (1.7). */
static bool is_command_entry(const struct vocabulary *v, const json_t *entry)
{
    uint32_t type;
    const json_t *typ = content_member(v, entry, WORD_TYP, NULL),
                 *nm = content_member(v, entry, WORD_NM, NULL);

    if (typ && json_enumeration(typ, &type) >= 0 && type == vocabulary_number(v, NUMBER_TY_MECC))
        return true;
    return json_is_string(nm) && streq(json_string_value(nm), vocabulary_text(v, TEXT_SEGMENT_CMD));
}

/* The reference out of one entry, when that is the command. */
static int take_child(const struct vocabulary *v, const char *fqdn, const json_t *entry,
                      struct registration_answer *a, struct mef_error *reterr)
{
    if (!json_is_object(entry) || !is_command_entry(v, entry))
        return 0;
    const char *val = json_text(content_member(v, entry, WORD_VAL, NULL), LIMIT_URI);
    if (!val)
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "The reference of the command is not a text.");
    return reference_to(fqdn, val, &a->cmd_to, reterr);
}

/* A list; a single entry may stand there without one, as converters from XML write it. */
static int take_children(const struct vocabulary *v, const char *fqdn, const json_t *o,
                         struct registration_answer *a, struct mef_error *reterr)
{
    bool twice = false;
    const json_t *ch = content_member(v, o, WORD_CH, &twice);

    if (twice || (ch && !json_is_array(ch) && !json_is_object(ch)))
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "'%s' in the answer of the MEF is not a list.",
                        vocabulary_long(WORD_CH));
    a->has_ch = ch != NULL;
    if (json_is_object(ch))
        return take_child(v, fqdn, ch, a, reterr);
    for (size_t i = 0; i < json_array_size(ch) && !a->cmd_to; i++) {
        int r = take_child(v, fqdn, json_array_get(ch, i), a, reterr);
        if (r < 0)
            return r;
    }
    return 0;
}

static int parse_members(const struct vocabulary *v, const char *fqdn, const json_t *o,
                         struct registration_answer *a, struct mef_error *reterr)
{
    int r;

    if ((r = take_text(v, o, WORD_RI, LIMIT_URI, &a->reg_id, reterr)) < 0 ||
        (r = take_text(v, o, WORD_CR, LIMIT_M2M_ID, &a->creator, reterr)) < 0 ||
        (r = take_text(v, o, WORD_ADFQ, LIMIT_URI, &a->admin_fqdn, reterr)) < 0 ||
        (r = take_text(v, o, WORD_ASKI, LIMIT_M2M_ID, &a->symm_key_id, reterr)) < 0 ||
        (r = take_et(v, o, &a->et, reterr)) < 0)
        return r;
    return take_children(v, fqdn, o, a, reterr);
}

int registration_parse(const struct vocabulary *v, enum word root, const char *fqdn, const char *body,
                       size_t len, struct registration_answer *ret, struct mef_error *reterr)
{
    _cleanup_(json_cleanup) json_t *doc = NULL;
    _cleanup_(registration_answer_clear) struct registration_answer a = {0};
    json_t *o = NULL;
    int r = content_decode(v, root, body, len, &doc, &o, reterr);

    if (r == 0)
        r = parse_members(v, fqdn, o, &a, reterr);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        /* Whatever was wrong, it is the MEF's answer that is. */
        mef_error_prefix(reterr, "The answer of the MEF cannot be used");
        if (reterr)
            reterr->word = MEF_ERROR_SERVER_REJECTED;
        return -EINVAL;
    }
    *ret = a;
    a = (struct registration_answer){0};
    return 0;
}

int registration_id_of_location(const struct vocabulary *v, const char *fqdn, const char *location,
                                char **ret, struct mef_error *reterr)
{
    _cleanup_(freep) char *to = NULL;
    _cleanup_(freep) char *base = base_to(v, fqdn);
    int r = base ? reference_to(fqdn, location, &to, reterr) : -ENOMEM;

    if (r < 0)
        return r;
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/')
        n--;
    if (strncmp(to, base, n) != 0 || to[n] != '/' || !resource_id_valid(to + n + 1))
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                        "The location '%.128s' is not that of a registration.", location);
    *ret = strdup(to + n + 1);
    return *ret ? 0 : -ENOMEM;
}

static int check_creator(const struct registration_answer *a, const struct registration_want *want,
                         struct mef_error *reterr)
{
    const char *mine = want->who && want->who->id && *want->who->id ? want->who->id : want->client_id;
    char sp_buf[LIMIT_FQDN + 3];
    const char *sp = want->who && identity_sp_id(want->who, sp_buf) == 0 ? sp_buf : NULL;

    if (!a->creator || !mine || m2m_id_equal(a->creator, mine, sp))
        return 0;
    return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                    "The registration belongs to '%s' and not to us, '%s'.", a->creator, mine);
}

int registration_check(const struct registration_answer *a, const struct registration_want *want,
                       struct mef_error *reterr)
{
    if (a->reg_id ? !resource_id_valid(a->reg_id) : !want->partial)
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                        "'resourceID' of the registration, '%.140s', is not valid.",
                        a->reg_id ? a->reg_id : "");
    if (a->reg_id && want->reg_id && !streq(a->reg_id, want->reg_id))
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                        "The MEF answered with registration '%s' instead of '%s'.", a->reg_id, want->reg_id);
    if (a->et ? a->et <= want->now : !want->partial)
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "'expirationTime' of the registration %s.",
                        a->et ? "is not in the future; is the clock right?" : "is missing");
    if (!a->creator && !want->partial)
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "'creator' of the registration is missing.");
    if (a->admin_fqdn ? !fqdn_equal(a->admin_fqdn, want->admin_fqdn) : !want->partial)
        return mef_fail(reterr, MEF_ERROR_SERVER_REJECTED,
                        "'adminFQDN' of the registration is '%.128s' and not '%s' as was sent.",
                        a->admin_fqdn ? a->admin_fqdn : "", want->admin_fqdn);
    return check_creator(a, want, reterr);
}

int64_t registration_proposed_et(int64_t now, int64_t mo_expires, uint64_t lifetime)
{
    if (mo_expires)
        return mo_expires;
    if (lifetime > UINT64_C(100) * 366 * 24 * 3600)
        lifetime = UINT64_C(100) * 366 * 24 * 3600;
    return now + (int64_t)(lifetime * USEC_PER_SEC);
}
