/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table behind vocabulary.h (mef-protocol.md 0.2). A copy per configuration; names that were not
 * overridden point at the built-in text. Thread: filled by one, read by all. */
#include "plugin/mef/vocabulary.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/str.h"

#define NAME_MAX_LEN 64u
#define TEXT_MAX_LEN 128u

static const struct {
    const char *long_name, *short_name, *aliases;
    size_t aliases_len;
} words[WORD_MAX_] = {
#define X(id, long_name, short_name, aliases, tag)                                                           \
    [WORD_##id] = {long_name, short_name, aliases, sizeof(aliases) - 1},
#include "plugin/mef/vocabulary.def"
#undef X
};

static const struct {
    const char *key;
    uint32_t value;
} numbers[NUMBER_MAX_] = {
    [NUMBER_TY_MEFBASE] = {"ty.MEFBase", 2},   /* [D] */
    [NUMBER_TY_MACR] = {"ty.mafClientReg", 3}, /* [W] */
    [NUMBER_TY_MECR] = {"ty.mefClientReg", 4}, /* [D] */
    [NUMBER_TY_SKR] = {"ty.symmKeyReg", 5},    /* [D] */
    [NUMBER_TY_MECC] = {"ty.mefClientCmd", 6}, /* [D] */
};

static const struct {
    const char *key, *value;
} texts[TEXT_MAX_] = {
    [TEXT_PREFIX] = {"prefix", "sec"},                    /* [D] */
    [TEXT_SEGMENT_CMD] = {"segment.mefClientCmd", "cmd"}, /* [D] */
    [TEXT_BASE_TO] = {"base-to", "//{FQDN}/-"},           /* [W] */
    [TEXT_RVI] = {"rvi", "2a"},                           /* [D] */
};

struct vocabulary {
    char *short_name[WORD_MAX_]; /* NULL: as built in */
    uint32_t number[NUMBER_MAX_];
    char *text[TEXT_MAX_]; /* NULL: as built in */
};

static const struct vocabulary builtin = {
    .number = {[NUMBER_TY_MEFBASE] = 2,
               [NUMBER_TY_MACR] = 3,
               [NUMBER_TY_MECR] = 4,
               [NUMBER_TY_SKR] = 5,
               [NUMBER_TY_MECC] = 6},
};

const struct vocabulary *vocabulary_default(void)
{
    return &builtin;
}

int vocabulary_new(struct vocabulary **ret)
{
    struct vocabulary *v = calloc(1, sizeof *v);

    if (!v)
        return -ENOMEM;
    for (size_t i = 0; i < NUMBER_MAX_; i++)
        v->number[i] = numbers[i].value;
    *ret = v;
    return 0;
}

void vocabulary_free(struct vocabulary *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < WORD_MAX_; i++)
        free(v->short_name[i]);
    for (size_t i = 0; i < TEXT_MAX_; i++)
        free(v->text[i]);
    free(v);
}

/* What may stand for a member, prefix or segment: JSON and URIs take it without escaping. */
static bool name_ok(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > NAME_MAX_LEN)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("-._", s[i]))
            return false;
    return true;
}

static bool text_ok(enum vocabulary_text t, const char *value)
{
    switch (t) {
    case TEXT_BASE_TO:
        return strncmp(value, "//{FQDN}/", 9) == 0 && strlen(value) <= TEXT_MAX_LEN &&
               !strpbrk(value + 9, " \"\\?#{}%") && str_text_valid(value, strlen(value));
    case TEXT_RVI:
        return streq(value, "2") || streq(value, "2a") || streq(value, "3");
    case TEXT_PREFIX:
    case TEXT_SEGMENT_CMD:
    case TEXT_MAX_:
        break;
    }
    return name_ok(value);
}

static int replace(char **at, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return -ENOMEM;
    free(*at);
    *at = copy;
    return 0;
}

int vocabulary_override(struct vocabulary *v, const char *key, const char *value, struct mef_error *reterr)
{
    for (size_t i = 0; i < NUMBER_MAX_; i++) {
        uint64_t n;
        if (!streq(key, numbers[i].key))
            continue;
        if (str_to_u64(value, UINT16_MAX, &n) < 0)
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "'%s' must be a number from 0 to 65535, not '%s'.", key, value);
        v->number[i] = (uint32_t)n;
        return 0;
    }
    for (size_t i = 0; i < TEXT_MAX_; i++) {
        if (!streq(key, texts[i].key))
            continue;
        if (!text_ok((enum vocabulary_text)i, value))
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s' cannot be '%s'.", key, value);
        return replace(&v->text[i], value);
    }
    for (size_t i = 0; i < WORD_MAX_; i++) {
        if (!streq(key, words[i].long_name))
            continue;
        if (!name_ok(value))
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "The short name of '%s' cannot be '%s': letters, digits, '-', '.' and '_' only.",
                            key, value);
        return replace(&v->short_name[i], value);
    }
    return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "The vocabulary has no '%s'.", key);
}

const char *vocabulary_short(const struct vocabulary *v, enum word w)
{
    return v->short_name[w] ? v->short_name[w] : words[w].short_name;
}

const char *vocabulary_long(enum word w)
{
    return words[w].long_name;
}

bool vocabulary_is(const struct vocabulary *v, enum word w, const char *name)
{
    if (streq(name, vocabulary_short(v, w)) || streq(name, words[w].long_name))
        return true;
    for (size_t at = 0; at < words[w].aliases_len; at += strlen(words[w].aliases + at) + 1)
        if (streq(name, words[w].aliases + at))
            return true;
    return false;
}

uint32_t vocabulary_number(const struct vocabulary *v, enum vocabulary_number n)
{
    return v->number[n];
}

const char *vocabulary_text(const struct vocabulary *v, enum vocabulary_text t)
{
    return v->text[t] ? v->text[t] : texts[t].value;
}
