/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symmetric keys by their identifier, which is the CKA_LABEL (interfaces.md 5). They are extractable because
 * libssl wants the octets for a PSK handshake; outside the token they exist in a struct secret only, for the
 * handshake. Thread: any, blocking. */
#include "pkcs11/internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"

/* Straight into pages of a struct secret, never through another buffer. -ENODATA: not extractable;
 * -ESTALE: another program deleted it. */
static int read_value(struct token *t, CK_OBJECT_HANDLE h, struct secret **ret, struct mef_error *reterr)
{
    _cleanup_(secret_freep) struct secret *s = NULL;
    CK_ATTRIBUTE a = {CKA_VALUE, NULL, 0};

    if (secret_new(LIMIT_PSK, &s) < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory for a key of token '%s'", t->name);
    a.pValue = s->data;
    a.ulValueLen = LIMIT_PSK;
    CK_RV rv = t->f->C_GetAttributeValue(t->session, h, &a, 1);
    if (rv == CKR_ATTRIBUTE_SENSITIVE)
        return -ENODATA;
    if (rv == CKR_OBJECT_HANDLE_INVALID)
        return -ESTALE;
    if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && (a.ulValueLen < 1 || a.ulValueLen > LIMIT_PSK)))
        return mef_fail(reterr, MEF_ERROR_FAILED, "token '%s': a symmetric key has no 1 to %u octets",
                        t->name, LIMIT_PSK);
    if (rv != CKR_OK)
        return token_fail_call(t, "C_GetAttributeValue", rv, NULL, reterr);
    s->len = a.ulValueLen;
    *ret = TAKE_PTR(s);
    return 0;
}

static bool same_octets(const struct secret *a, const struct secret *b)
{
    return a->len == b->len && CRYPTO_memcmp(a->data, b->data, a->len) == 0;
}

/* ---- storing ------------------------------------------------------------------------------------------ */

static int create_secret(struct token *t, const char *label, const struct secret *value,
                         CK_OBJECT_HANDLE *ret, struct mef_error *reterr)
{
    CK_OBJECT_CLASS cko = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &cko, sizeof cko},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &no, sizeof no},
        {CKA_EXTRACTABLE, &yes, sizeof yes},
        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
        {CKA_VALUE, value->data, value->len},
    };

    return token_create(t, template, ELEMENTS(template), ret, reterr);
}

static int put_secret(struct token *t, const char *label, const struct secret *value,
                      struct mef_error *reterr)
{
    _cleanup_(freep) CK_OBJECT_HANDLE *found = NULL;
    CK_OBJECT_HANDLE keep = 0;
    bool there = false;
    size_t n = 0;
    int r = token_search(t, TOKEN_SECRET_KEY, NULL, 0, label, &found, &n, reterr);

    for (size_t i = 0; r == 0 && i < n && !there; i++) {
        _cleanup_(secret_freep) struct secret *old = NULL;
        r = read_value(t, found[i], &old, reterr);
        there = r == 0 && same_octets(old, value);
        if (there)
            keep = found[i];
        if (r < 0 && t->open)
            r = 0; /* another kind of key under this label: replaced */
    }
    if (r < 0)
        return r;
    if (there && n == 1)
        return 0;
    r = token_check_writable(t, "storing a key", reterr);
    if (r == 0 && !there)
        r = create_secret(t, label, value, &keep, reterr);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (found[i] != keep)
            r = token_destroy(t, found[i], reterr);
    return r;
}

int token_put_secret(struct token *t, const char *label, const struct secret *value, struct mef_error *reterr)
{
    int r = token_check_label(label, reterr);

    if (r == 0 && (!value || value->len < 1 || value->len > LIMIT_PSK))
        r = mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "the key '%s' must have 1 to %u octets", label,
                     LIMIT_PSK);
    if (r == 0)
        r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = put_secret(t, label, value, reterr);
    token_leave(t);
    return r;
}

/* ---- finding ------------------------------------------------------------------------------------------ */

/* "NN-rest" -> "rest": the credential type prefix of an identifier; NULL = there is none. */
static const char *without_prefix(const char *label)
{
    bool digits = label[0] >= '0' && label[0] <= '9' && label[1] >= '0' && label[1] <= '9';

    return digits && label[2] == '-' && label[3] ? label + 3 : NULL;
}

/* Position of the key by the rule of interfaces.md 5; -ENOENT without a sentence. */
static int lookup_secret(struct token *t, const char *label, uint32_t *ret_at, struct object_key *ret_key,
                         struct mef_error *reterr)
{
    const char *names[] = {label, without_prefix(label)};
    CK_OBJECT_HANDLE h;
    int r = -ENOENT;

    for (size_t i = 0; i < ELEMENTS(names) && names[i] && r == -ENOENT; i++) {
        *ret_key =
            (struct object_key){.mask = TOKEN_SECRET_KEY, .label = names[i], .label_len = strlen(names[i])};
        r = token_lookup(t, ret_key, &h, ret_at, reterr);
    }
    return r;
}

/* Several objects under one label, left by a crash or by another program, must hold the same octets. */
static int read_all_equal(struct token *t, const struct object_key *key, uint32_t at, const char *label,
                          struct secret **ret, struct mef_error *reterr)
{
    _cleanup_(secret_freep) struct secret *first = NULL;
    int r = 0;

    for (at = index_find(&t->index, key, OBJECT_NONE); r == 0 && at != OBJECT_NONE;) {
        _cleanup_(secret_freep) struct secret *one = NULL;
        r = read_value(t, t->index.item[at].handle, &one, reterr);
        if (r == -ENODATA)
            return mef_fail(
                reterr, MEF_ERROR_FAILED,
                "token '%s': the key '%s' is not extractable, and a TLS handshake needs its octets: store it "
                "with CKA_EXTRACTABLE and without CKA_SENSITIVE",
                t->name, label);
        if (r < 0 && r != -ESTALE)
            break;
        if (r == 0 && first && !same_octets(first, one))
            return mef_fail(reterr, MEF_ERROR_FAILED,
                            "token '%s' holds different keys under the label '%s': delete one", t->name,
                            label);
        if (!first)
            first = TAKE_PTR(one);
        r = 0;
        at = index_find(&t->index, key, at);
    }
    if (r < 0)
        return r;
    if (!first)
        return token_not_found(t, "symmetric key", NULL, 0, label, reterr);
    *ret = TAKE_PTR(first);
    return 0;
}

int token_get_secret(struct token *t, const char *label, struct secret **ret, struct mef_error *reterr)
{
    struct object_key key;
    uint32_t at = 0;
    int r = token_check_label(label, reterr);

    if (r == 0)
        r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = lookup_secret(t, label, &at, &key, reterr);
    if (r == -ENOENT)
        r = token_not_found(t, "symmetric key", NULL, 0, label, reterr);
    else if (r == 0)
        r = read_all_equal(t, &key, at, label, ret, reterr);
    token_leave(t);
    return r;
}

int token_has_secret(struct token *t, const char *label, bool *ret, struct mef_error *reterr)
{
    struct object_key key;
    uint32_t at;
    int r = token_check_label(label, reterr);

    if (r == 0)
        r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = lookup_secret(t, label, &at, &key, reterr);
    token_leave(t);
    if (r < 0 && r != -ENOENT)
        return r;
    *ret = r == 0;
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int collect_labels(struct token *t, const char *suffix, char ***list, struct mef_error *reterr)
{
    size_t len = strlen(suffix);
    int r = token_refresh(t, TOKEN_SECRET_KEY, reterr);

    for (uint32_t i = 0; r == 0 && i < t->index.n; i++) {
        const struct object *o = &t->index.item[i];
        if (o->class != TOKEN_SECRET_KEY || o->label_len < len || o->label_len == 0 ||
            memcmp(o->label + o->label_len - len, suffix, len) != 0 ||
            !str_text_valid(o->label, o->label_len))
            continue;
        if (strv_push(list, o->label) < 0)
            r = mef_fail(reterr, MEF_ERROR_FAILED, "out of memory for the labels of token '%s'", t->name);
    }
    return r;
}

int token_list_secrets(struct token *t, const char *suffix, char ***ret, struct mef_error *reterr)
{
    _cleanup_(strv_freep) char **list = calloc(1, sizeof *list);
    size_t kept = 0;

    if (!list)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    int r = token_enter(t, true, reterr);
    if (r < 0)
        return r;
    r = collect_labels(t, suffix, &list, reterr);
    token_leave(t);
    if (r < 0)
        return r;
    size_t n = strv_len(list);
    if (n > 1)
        qsort(list, n, sizeof *list, by_text);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && streq(list[kept - 1], list[i]))
            free(list[i]);
        else
            list[kept++] = list[i];
    }
    list[kept] = NULL;
    *ret = TAKE_PTR(list);
    return 0;
}
