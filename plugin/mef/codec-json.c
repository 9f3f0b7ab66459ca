/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing JSON contents with the words of the vocabulary (mef-protocol.md 0.2, 2.4). Whatever a
 * peer sends passes json_scan() before jansson, which recurses. Pure; thread: any. */
#include "plugin/mef/codec-json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/json-scan.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

/* The name behind an accepted prefix; NULL for a foreign prefix. */
static const char *strip_prefix(const struct vocabulary *v, const char *name)
{
    const char *const prefixes[] = {vocabulary_text(v, TEXT_PREFIX), "sec", "m2m"};
    const char *colon = strchr(name, ':');

    if (!colon)
        return name;
    for (size_t i = 0; i < ELEMENTS(prefixes); i++)
        if (strlen(prefixes[i]) == (size_t)(colon - name) &&
            strncmp(name, prefixes[i], (size_t)(colon - name)) == 0)
            return colon + 1;
    return NULL;
}

static int document(const char *text, size_t len, json_t **ret, struct mef_error *reterr)
{
    json_error_t why;
    int r = json_scan(text, len, LIMIT_BODY, LIMIT_JSON_DEPTH);

    if (r < 0)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "The content is %s.",
                        r == -E2BIG    ? "longer than 64 KiB"
                        : r == -EILSEQ ? "not UTF-8"
                                       : "nested too deep");
    json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    if (!doc && json_error_code(&why) == json_error_out_of_memory)
        return -ENOMEM;
    if (!doc)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "The content is not JSON: %s at octet %d.",
                        why.text, why.position);
    *ret = doc;
    return 0;
}

int content_decode(const struct vocabulary *v, enum word root, const char *text, size_t len, json_t **ret_doc,
                   json_t **ret_content, struct mef_error *reterr)
{
    _cleanup_(json_cleanup) json_t *doc = NULL;
    int r = document(text, len, &doc, reterr);

    if (r < 0)
        return r;
    void *member = json_object_iter(doc);
    if (!json_is_object(doc) || json_object_size(doc) != 1 || !member)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "The content is not an object with one member.");
    const char *name = strip_prefix(v, json_object_iter_key(member));
    json_t *content = json_object_iter_value(member);
    if (!name || !vocabulary_is(v, root, name))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "The content is '%.64s' and not '%s'.",
                        json_object_iter_key(member), vocabulary_long(root));
    if (!json_is_object(content))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s' is not an object.", vocabulary_long(root));
    *ret_content = content;
    *ret_doc = TAKE_PTR(doc);
    return 0;
}

json_t *content_member(const struct vocabulary *v, const json_t *object, enum word w, bool *ambiguous)
{
    json_t *found = NULL;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        if (!vocabulary_is(v, w, key))
            continue;
        if (found) {
            if (ambiguous)
                *ambiguous = true;
            return NULL;
        }
        found = value;
    }
    return found;
}

void content_debug_info(const struct vocabulary *v, const char *text, size_t len, char *ret, size_t room)
{
    _cleanup_(json_cleanup) json_t *doc = NULL;
    const char *key;
    json_t *value;

    ret[0] = '\0';
    if (len == 0 || document(text, len, &doc, NULL) < 0)
        return;
    json_object_foreach(doc, key, value)
    {
        const char *name = strip_prefix(v, key);
        if (!name || !vocabulary_is(v, WORD_DBG, name) || !json_is_string(value))
            continue;
        (void)snprintf(ret, room, "%s", json_string_value(value));
        str_make_printable(ret);
        return;
    }
}

int content_put(const struct vocabulary *v, json_t *object, enum word w, json_t *value)
{
    return json_object_set_new(object, vocabulary_short(v, w), value) < 0 ? -ENOMEM : 0;
}

char *content_encode(const struct vocabulary *v, enum word root, json_t *content)
{
    _cleanup_(json_cleanup) json_t *doc = json_object();
    char name[160];

    (void)snprintf(name, sizeof name, "%s:%s", vocabulary_text(v, TEXT_PREFIX), vocabulary_short(v, root));
    if (json_object_set_new(doc, name, content) < 0)
        return NULL;
    return json_dumps(doc, JSON_COMPACT);
}

int json_enumeration(const json_t *j, uint32_t *ret)
{
    uint64_t n;

    if (json_is_string(j)) {
        int r = str_to_u64(json_string_value(j), UINT32_MAX - 1, &n);
        if (r == -ERANGE)
            n = UINT32_MAX;
        else if (r < 0)
            return -EINVAL;
    } else if (json_is_integer(j)) {
        json_int_t i = json_integer_value(j);
        n = i < 0 || i > (json_int_t)UINT32_MAX - 1 ? UINT32_MAX : (uint64_t)i;
    } else if (json_is_real(j)) { /* 1.0 is the number 1 */
        double d = json_real_value(j);
        n = d < 0 || d > UINT32_MAX - 1 ? UINT32_MAX : (uint64_t)d;
        if (n < UINT32_MAX && (double)n != d)
            return -EINVAL;
    } else
        return -EINVAL;
    *ret = (uint32_t)n;
    return 0;
}

const char *json_text(const json_t *j, size_t max)
{
    size_t len = json_string_length(j);

    if (!json_is_string(j) || len == 0 || len > max || !str_text_valid(json_string_value(j), len))
        return NULL;
    return json_string_value(j);
}
