/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-protocol.md 3.5.1 and 3.5.4. No I/O, no clock. Thread: any. */
#include "plugin/mef/key-message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "plugin/base/limits.h"
#include "plugin/base/secret.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/mef/codec-json.h"
#include "policy/fqdn.h"
#include "policy/ids.h"
#include "policy/subject-id.h"

static json_t *texts(char *const *list)
{
    json_t *j = json_array();

    for (size_t i = 0; j && list[i]; i++)
        if (json_array_append_new(j, json_string(list[i])) < 0) {
            json_decref(j);
            return NULL;
        }
    return j;
}

char *key_create_body(const struct vocabulary *v, const struct key_want *want)
{
    char *const targets[] = {(char *)(uintptr_t)want->target, NULL};
    char et[TIMESTAMP_LEN];
    json_t *o = json_object();

    timestamp_format(want->et, et);
    if (content_put(v, o, WORD_ET, json_string(et)) < 0 ||
        (want->labels && want->labels[0] && content_put(v, o, WORD_LBL, texts(want->labels)) < 0) ||
        content_put(v, o, WORD_ADFQ, json_string(want->admin_fqdn)) < 0 ||
        content_put(v, o, WORD_SUID, json_integer(want->suid)) < 0 ||
        content_put(v, o, WORD_TGIS, texts(targets)) < 0) {
        json_decref(o);
        return NULL;
    }
    return content_encode(v, WORD_SKR, o);
}

void key_answer_clear(struct key_answer *a)
{
    free(a->id);
    *a = (struct key_answer){0};
}

static int wrong(struct mef_error *reterr, enum word w, const char *why)
{
    (void)mef_fail(reterr, MEF_ERROR_SERVER_REJECTED, "'%s' of the key registration %s.", vocabulary_long(w),
                   why);
    return -EINVAL;
}

static const char *text_of(const struct vocabulary *v, const json_t *o, enum word w)
{
    return json_text(content_member(v, o, w, NULL), LIMIT_URI);
}

static int check_et(const struct vocabulary *v, const json_t *o, int64_t now, int64_t *ret,
                    struct mef_error *reterr)
{
    const char *text = text_of(v, o, WORD_ET);

    if (!text || timestamp_parse(text, ret) < 0)
        return wrong(reterr, WORD_ET, "is missing or no timestamp");
    return *ret > now ? 0 : wrong(reterr, WORD_ET, "is not in the future");
}

static int check_creator(const struct vocabulary *v, const json_t *o, const struct key_want *want,
                         struct mef_error *reterr)
{
    const char *mine = want->who && want->who->id && *want->who->id ? want->who->id : want->client_id;
    const char *creator = text_of(v, o, WORD_CR);
    char sp_buf[LIMIT_FQDN + 3];
    const char *sp = want->who && identity_sp_id(want->who, sp_buf) == 0 ? sp_buf : NULL;

    return creator && mine && m2m_id_equal(creator, mine, sp) ? 0 : wrong(reterr, WORD_CR, "is not us");
}

/* As a set of normalized identifiers; we sent one. */
static int check_targets(const struct vocabulary *v, const json_t *o, const struct key_want *want,
                         struct mef_error *reterr)
{
    const json_t *list = content_member(v, o, WORD_TGIS, NULL);
    char sp_buf[LIMIT_FQDN + 3];
    const char *sp = want->who && identity_sp_id(want->who, sp_buf) == 0 ? sp_buf : NULL;
    size_t n = json_is_array(list) ? json_array_size(list) : 0;

    for (size_t i = 0; i < n; i++) {
        const char *id = json_text(json_array_get(list, i), LIMIT_URI);
        if (!id || (!m2m_id_equal(id, want->target, sp) && !fqdn_equal(id, want->target)))
            n = 0;
    }
    return n ? 0 : wrong(reterr, WORD_TGIS, "are not what was sent");
}

static int check(const struct vocabulary *v, const struct key_want *want, int64_t now, const json_t *o,
                 struct key_answer *a, struct mef_error *reterr)
{
    const char *id = text_of(v, o, WORD_RI), *admin = text_of(v, o, WORD_ADFQ);
    uint32_t suid;
    int r;

    if (!id || !relative_key_id_valid(id))
        return wrong(reterr, WORD_RI, "is missing or no RelativeKeyID");
    if (!(a->id = strdup(id)))
        return -ENOMEM;
    if ((r = check_et(v, o, now, &a->et, reterr)) < 0 || (r = check_creator(v, o, want, reterr)) < 0)
        return r;
    if (!admin || !fqdn_equal(admin, want->admin_fqdn))
        return wrong(reterr, WORD_ADFQ, "is not what was sent");
    if (json_enumeration(content_member(v, o, WORD_SUID, NULL), &suid) < 0 || suid != want->suid)
        return wrong(reterr, WORD_SUID, "is not what was sent");
    return check_targets(v, o, want, reterr);
}

/* Whatever is wrong with its form, it is the server's answer that is. */
static int decode(const struct vocabulary *v, const char *body, size_t len, json_t **ret_doc, json_t **ret,
                  struct mef_error *reterr)
{
    int r = content_decode(v, WORD_SKR, body, len, ret_doc, ret, reterr);

    if (r == 0 || r == -ENOMEM)
        return r;
    mef_error_prefix(reterr, "The answer about the key cannot be used");
    if (reterr)
        reterr->word = MEF_ERROR_SERVER_REJECTED;
    return -EINVAL;
}

int key_check(const struct vocabulary *v, const struct key_want *want, int64_t now, const char *body,
              size_t len, struct key_answer *ret, struct mef_error *reterr)
{
    _cleanup_(json_cleanup) json_t *doc = NULL;
    json_t *o = NULL;
    int r = decode(v, body, len, &doc, &o, reterr);

    return r < 0 ? r : check(v, want, now, o, ret, reterr);
}

char *key_update_body(const struct vocabulary *v, int64_t et, char *const *labels)
{
    char text[TIMESTAMP_LEN];
    json_t *o = json_object();

    timestamp_format(et, text);
    if (content_put(v, o, WORD_ET, json_string(text)) < 0 ||
        (labels && labels[0] && content_put(v, o, WORD_LBL, texts(labels)) < 0)) {
        json_decref(o);
        return NULL;
    }
    return content_encode(v, WORD_SKR, o);
}

int key_updated(const struct vocabulary *v, int64_t now, const char *body, size_t len, int64_t *et,
                struct mef_error *reterr)
{
    _cleanup_(json_cleanup) json_t *doc = NULL;
    json_t *o = NULL;
    int r = len ? decode(v, body, len, &doc, &o, reterr) : 0;

    return r < 0 || !content_member(v, o, WORD_ET, NULL) ? r : check_et(v, o, now, et, reterr);
}

int key_retrieved(const struct vocabulary *v, int64_t now, const char *body, size_t len, struct secret **ret,
                  int64_t *ret_et, struct mef_error *reterr)
{
    _cleanup_(json_cleanup) json_t *doc = NULL;
    json_t *o = NULL;
    uint8_t *octets = NULL;
    size_t n = 0;
    int r = decode(v, body, len, &doc, &o, reterr);

    if (r < 0 || (r = check_et(v, o, now, ret_et, reterr)) < 0)
        return r;
    const char *text = text_of(v, o, WORD_KV);
    if (!text || base64_decode(text, strlen(text), &octets, &n) < 0 || n != KEY_LEN)
        r = wrong(reterr, WORD_KV, "is missing or no key of 32 octets");
    else
        r = secret_copy(octets, n, ret);
    if (text) /* the parser's copy; ours alone */
        OPENSSL_cleanse((char *)(uintptr_t)text, strlen(text));
    if (octets)
        OPENSSL_cleanse(octets, n);
    free(octets);
    return r;
}
