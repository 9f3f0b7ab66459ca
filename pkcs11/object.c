/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects of the token and the index over them: read in one pass, looked up by hash, validated on use,
 * searched in the token itself only when the index has none (interop.md, PKCS#11 tokens). Thread: the owner
 * of the session. */
#include "pkcs11/internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"

#define FIND_BATCH 256u

static const struct {
    unsigned class;
    CK_OBJECT_CLASS cko;
} classes[] = {
    {TOKEN_PRIVATE_KEY, CKO_PRIVATE_KEY},
    {TOKEN_PUBLIC_KEY, CKO_PUBLIC_KEY},
    {TOKEN_CERTIFICATE, CKO_CERTIFICATE},
    {TOKEN_SECRET_KEY, CKO_SECRET_KEY},
};

CK_OBJECT_CLASS token_class_to_cko(unsigned class)
{
    for (size_t i = 0; i < ELEMENTS(classes); i++)
        if (classes[i].class == class)
            return classes[i].cko;
    return CK_UNAVAILABLE_INFORMATION;
}

unsigned token_class_from_cko(CK_OBJECT_CLASS cko)
{
    for (size_t i = 0; i < ELEMENTS(classes); i++)
        if (classes[i].cko == cko)
            return classes[i].class;
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

int token_read(struct token *t, CK_OBJECT_HANDLE h, CK_ATTRIBUTE_TYPE type, size_t max, uint8_t **ret,
               size_t *ret_len, struct mef_error *reterr)
{
    CK_ATTRIBUTE a = {type, NULL, 0};
    CK_RV rv = t->f->C_GetAttributeValue(t->session, h, &a, 1);

    if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
        (rv == CKR_OK && a.ulValueLen == CK_UNAVAILABLE_INFORMATION))
        return -ENODATA;
    if (rv != CKR_OK)
        return token_fail_call(t, "C_GetAttributeValue", rv, NULL, reterr);
    if (a.ulValueLen > max) {
        (void)mef_fail(reterr, MEF_ERROR_FAILED,
                       "token '%s': an object has an attribute of %lu octets, %zu are taken", t->name,
                       a.ulValueLen, max);
        return -E2BIG;
    }
    _cleanup_(freep) uint8_t *value = malloc(a.ulValueLen + 1);
    if (!value)
        return mef_fail(reterr, MEF_ERROR_FAILED, "token '%s': out of memory", t->name);
    a.pValue = value;
    rv = t->f->C_GetAttributeValue(t->session, h, &a, 1);
    if (rv != CKR_OK)
        return token_fail_call(t, "C_GetAttributeValue", rv, NULL, reterr);
    value[a.ulValueLen] = 0;
    *ret = TAKE_PTR(value);
    *ret_len = a.ulValueLen;
    return 0;
}

/* Class, id and label of one object; lengths that do not fit our limits count as none. */
struct facts {
    CK_OBJECT_CLASS cko;
    uint8_t id[TOKEN_ID_MAX];
    size_t id_len;
    char label[TOKEN_LABEL_MAX + 1];
    size_t label_len;
};

static CK_RV read_facts(struct token *t, CK_OBJECT_HANDLE h, struct facts *ret)
{
    CK_ATTRIBUTE a[] = {
        {CKA_CLASS, &ret->cko, sizeof ret->cko},
        {CKA_ID, ret->id, sizeof ret->id},
        {CKA_LABEL, ret->label, TOKEN_LABEL_MAX},
    };
    CK_RV rv = t->f->C_GetAttributeValue(t->session, h, a, ELEMENTS(a));

    /* These three still fill in what could be read (PKCS#11 5.7.5). */
    if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL && rv != CKR_ATTRIBUTE_TYPE_INVALID &&
        rv != CKR_ATTRIBUTE_SENSITIVE)
        return rv;
    if (a[0].ulValueLen != sizeof ret->cko)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    ret->id_len = a[1].ulValueLen <= sizeof ret->id ? a[1].ulValueLen : 0;
    ret->label_len = a[2].ulValueLen <= TOKEN_LABEL_MAX ? a[2].ulValueLen : 0;
    ret->label[ret->label_len] = 0;
    return CKR_OK;
}

/* Adds one object to the index; 1 = it is of no use to us (gone, or of no class of ours). */
static int index_one(struct token *t, CK_OBJECT_HANDLE h, struct mef_error *reterr)
{
    _cleanup_(freep) uint8_t *der = NULL;
    uint8_t sha256[32];
    struct facts x;
    size_t len = 0;
    CK_RV rv = read_facts(t, h, &x);
    bool has_sha256 = false;

    if (rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID)
        return 1; /* another program deleted it in between, or it is nothing that can be used */
    if (rv != CKR_OK)
        return token_fail_call(t, "C_GetAttributeValue", rv, NULL, reterr);
    unsigned class = token_class_from_cko(x.cko);
    if (!class)
        return 1;
    if (class == TOKEN_CERTIFICATE) {
        /* One without a value, or with a huge one, is listed without a fingerprint. */
        int r = token_read(t, h, CKA_VALUE, LIMIT_CERTIFICATE, &der, &len, reterr);
        if (r < 0 && r != -ENODATA && r != -E2BIG)
            return r;
        has_sha256 =
            r == 0 && len > 0 && EVP_Q_digest(t->libctx, "SHA256", NULL, der, len, sha256, NULL) == 1;
    }
    if (index_add(&t->index, h, class, x.id, x.id_len, x.label, x.label_len, has_sha256 ? sha256 : NULL) < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "token '%s': out of memory for its objects", t->name);
    return 0;
}

int token_index_handle(struct token *t, CK_OBJECT_HANDLE h, struct mef_error *reterr)
{
    int r = index_one(t, h, reterr);

    /* Once more, so that a passing failure of the token does not hide an object that is there. */
    if (r < 0 && t->open)
        r = index_one(t, h, reterr);
    return r > 0 ? 0 : r;
}

/* A search that is not ended blocks the session for everything else, so it is tried once more. */
static CK_RV end_search(struct token *t)
{
    CK_RV rv = t->f->C_FindObjectsFinal(t->session);

    if (rv != CKR_OK)
        rv = t->f->C_FindObjectsFinal(t->session);
    return rv == CKR_OPERATION_NOT_INITIALIZED ? CKR_OK : rv;
}

/* All handles that fit the template. */
static int find_all(struct token *t, CK_ATTRIBUTE *template, CK_ULONG n_template, CK_OBJECT_HANDLE **ret,
                    size_t *ret_n, struct mef_error *reterr)
{
    _cleanup_(freep) CK_OBJECT_HANDLE *all = NULL;
    size_t n = 0, room = 0;
    CK_RV rv = t->f->C_FindObjectsInit(t->session, template, n_template);

    if (rv == CKR_OPERATION_ACTIVE) { /* a search that broke off */
        (void)end_search(t);
        rv = t->f->C_FindObjectsInit(t->session, template, n_template);
    }
    if (rv != CKR_OK)
        return token_fail_call(t, "C_FindObjectsInit", rv, NULL, reterr);
    for (;;) {
        CK_ULONG got = 0;
        if (room - n < FIND_BATCH) {
            room = room * 2 + FIND_BATCH;
            CK_OBJECT_HANDLE *more = reallocarray(all, room, sizeof *all);
            if (!more) {
                (void)end_search(t);
                return mef_fail(reterr, MEF_ERROR_FAILED, "token '%s': out of memory for its objects",
                                t->name);
            }
            all = more;
        }
        rv = t->f->C_FindObjects(t->session, all + n, FIND_BATCH, &got);
        if (rv != CKR_OK || got == 0 || got > FIND_BATCH)
            break;
        n += got;
        if (n > TOKEN_OBJECTS_MAX) {
            (void)end_search(t);
            return mef_fail(reterr, MEF_ERROR_FAILED,
                            "token '%s' holds more than %u objects: delete some, or use a token of its own",
                            t->name, TOKEN_OBJECTS_MAX);
        }
    }
    CK_RV end = end_search(t);
    if (rv != CKR_OK)
        return token_fail_call(t, "C_FindObjects", rv, NULL, reterr);
    if (end != CKR_OK)
        return token_fail_call(t, "C_FindObjectsFinal", end, NULL, reterr);
    *ret = TAKE_PTR(all);
    *ret_n = n;
    return 0;
}

int token_refresh(struct token *t, unsigned mask, struct mef_error *reterr)
{
    _cleanup_(freep) CK_OBJECT_HANDLE *all = NULL;
    CK_OBJECT_CLASS cko = token_class_to_cko(mask);
    CK_ATTRIBUTE one_class = {CKA_CLASS, &cko, sizeof cko};
    size_t n;
    int r;

    /* One class alone can be asked for; anything else is one pass over everything. */
    bool one = cko != CK_UNAVAILABLE_INFORMATION;
    r = find_all(t, one ? &one_class : NULL, one ? 1 : 0, &all, &n, reterr);
    if (r < 0)
        return r;
    if (one)
        index_remove_class(&t->index, mask);
    else
        index_clear(&t->index);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = token_index_handle(t, all[i], reterr);
        if (r < 0 && t->open)
            r = 0; /* one that cannot be read, a foreign one most likely, must not hide the others */
    }
    return r;
}

int token_search(struct token *t, unsigned mask, const uint8_t *id, size_t id_len, const char *label,
                 CK_OBJECT_HANDLE **ret, size_t *ret_n, struct mef_error *reterr)
{
    _cleanup_(freep) CK_OBJECT_HANDLE *all = NULL;
    /* The module only reads templates; PKCS#11 has no const. */
    CK_ATTRIBUTE template = {id ? CKA_ID : CKA_LABEL, id ? (void *)(uintptr_t)id : (void *)(uintptr_t)label,
                             id ? id_len : strlen(label)};
    size_t n, kept = 0;
    int r = find_all(t, &template, 1, &all, &n, reterr);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        CK_OBJECT_CLASS cko = 0;
        CK_ATTRIBUTE a = {CKA_CLASS, &cko, sizeof cko};
        CK_RV rv = t->f->C_GetAttributeValue(t->session, all[i], &a, 1);
        if (rv == CKR_OBJECT_HANDLE_INVALID)
            continue;
        if (rv != CKR_OK)
            return token_fail_call(t, "C_GetAttributeValue", rv, NULL, reterr);
        if (token_class_from_cko(cko) & mask)
            all[kept++] = all[i];
    }
    *ret = TAKE_PTR(all);
    *ret_n = kept;
    return 0;
}

/* ---- looking up --------------------------------------------------------------------------------------- */

/* Whether the handle still is what the index says: 1 yes, 0 no, negative = failed. */
static int still_true(struct token *t, uint32_t at, struct mef_error *reterr)
{
    const struct object *o = &t->index.item[at];
    struct facts x;
    CK_RV rv = read_facts(t, o->handle, &x);

    if (rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID)
        return 0;
    if (rv != CKR_OK)
        return token_fail_call(t, "C_GetAttributeValue", rv, NULL, reterr);
    return token_class_from_cko(x.cko) == o->class && x.id_len == o->id_len &&
           (o->id_len == 0 || memcmp(x.id, o->id, o->id_len) == 0) && x.label_len == o->label_len &&
           memcmp(x.label, o->label, x.label_len) == 0;
}

/* What the index has none of, another program may have made since: asks the token. */
static int learn(struct token *t, const struct object_key *key, struct mef_error *reterr)
{
    _cleanup_(freep) CK_OBJECT_HANDLE *found = NULL;
    _cleanup_(freep) char *label = NULL;
    size_t n;
    int r;

    if (!key->id && !key->label)
        return token_refresh(t, TOKEN_CERTIFICATE, reterr);
    if (!key->id && !(label = strndup(key->label, key->label_len)))
        return mef_fail(reterr, MEF_ERROR_FAILED, "token '%s': out of memory", t->name);
    r = token_search(t, key->mask, key->id, key->id_len, label, &found, &n, reterr);
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (index_find_handle(&t->index, found[i], TOKEN_ANY) != OBJECT_NONE)
            continue;
        r = token_index_handle(t, found[i], reterr);
    }
    return r;
}

int token_lookup(struct token *t, const struct object_key *key, CK_OBJECT_HANDLE *ret, uint32_t *ret_at,
                 struct mef_error *reterr)
{
    bool learned = false, refreshed = false;

    for (;;) {
        uint32_t at = index_find(&t->index, key, OBJECT_NONE);
        int r;

        if (at == OBJECT_NONE) {
            if (learned || refreshed)
                return -ENOENT;
            r = learn(t, key, reterr);
            learned = true;
        } else {
            r = still_true(t, at, reterr);
            if (r > 0) {
                *ret = t->index.item[at].handle;
                if (ret_at)
                    *ret_at = at;
                return 0;
            }
            if (r == 0 && refreshed)
                return -ENOENT;
            if (r == 0)
                r = token_refresh(t, TOKEN_ANY, reterr);
            refreshed = true;
        }
        if (r < 0)
            return r;
    }
}

/* ---- changing ----------------------------------------------------------------------------------------- */

int token_create(struct token *t, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *ret,
                 struct mef_error *reterr)
{
    CK_OBJECT_HANDLE h = 0;
    CK_RV rv = t->f->C_CreateObject(t->session, template, n, &h);

    if (rv != CKR_OK)
        return token_fail_call(t, "C_CreateObject", rv, NULL, reterr);
    if (token_state(t) == TOKEN_FULL)
        token_set_state(t, TOKEN_PRESENT, NULL);
    /* It is in the token; should the token go at this very moment, a repetition finds it there. */
    int r = token_index_handle(t, h, reterr);
    if (r < 0)
        return r;
    *ret = h;
    return 0;
}

int token_destroy(struct token *t, CK_OBJECT_HANDLE h, struct mef_error *reterr)
{
    CK_RV rv = t->f->C_DestroyObject(t->session, h);

    if (rv != CKR_OK && rv != CKR_OBJECT_HANDLE_INVALID)
        return token_fail_call(t, "C_DestroyObject", rv, NULL, reterr);
    uint32_t at = index_find_handle(&t->index, h, TOKEN_ANY);
    if (at != OBJECT_NONE)
        index_remove(&t->index, at);
    if (token_state(t) == TOKEN_FULL)
        token_set_state(t, TOKEN_PRESENT, NULL);
    return 0;
}

int token_check_id(const uint8_t *id, size_t id_len, struct mef_error *reterr)
{
    if (id && id_len >= 1 && id_len <= TOKEN_ID_MAX)
        return 0;
    return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "a CKA_ID of %zu octets: 1 to %u are taken", id_len,
                    TOKEN_ID_MAX);
}

int token_check_label(const char *label, struct mef_error *reterr)
{
    if (label && *label && strlen(label) <= TOKEN_LABEL_MAX && str_text_valid(label, strlen(label)))
        return 0;
    return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "a CKA_LABEL must be 1 to %u octets of UTF-8 text",
                    TOKEN_LABEL_MAX);
}

int token_not_found(struct token *t, const char *what, const uint8_t *id, size_t id_len, const char *label,
                    struct mef_error *reterr)
{
    char hex[2 * TOKEN_ID_MAX + 1] = "";

    if (!id)
        return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "token '%s' has no %s with the label '%s'", t->name,
                        what, label);
    hex_encode(id, id_len, hex);
    return mef_fail(reterr, MEF_ERROR_NOT_FOUND, "token '%s' has no %s with the id '%s'", t->name, what, hex);
}

/* Destroys the handles of one search. */
static int delete_handles(struct token *t, const CK_OBJECT_HANDLE *h, size_t n, unsigned *ret_n,
                          struct mef_error *reterr)
{
    int r = n ? token_check_writable(t, "deleting objects", reterr) : 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = token_destroy(t, h[i], reterr);
    if (r == 0 && ret_n)
        *ret_n = (unsigned)n;
    return r;
}

static int delete_found(struct token *t, unsigned mask, const uint8_t *id, size_t id_len, const char *label,
                        unsigned *ret_n, struct mef_error *reterr)
{
    /* The token itself is asked, so that what another program or a crash left behind goes too. */
    _cleanup_(freep) CK_OBJECT_HANDLE *found = NULL;
    size_t n;
    int r = token_enter(t, true, reterr);

    if (r < 0)
        return r;
    r = token_search(t, mask, id, id_len, label, &found, &n, reterr);
    if (r == 0)
        r = delete_handles(t, found, n, ret_n, reterr);
    token_leave(t);
    return r;
}

int token_delete_id(struct token *t, unsigned mask, const uint8_t *id, size_t id_len, unsigned *ret_n,
                    struct mef_error *reterr)
{
    int r = token_check_id(id, id_len, reterr);

    return r < 0 ? r : delete_found(t, mask, id, id_len, NULL, ret_n, reterr);
}

int token_delete_label(struct token *t, unsigned mask, const char *label, unsigned *ret_n,
                       struct mef_error *reterr)
{
    int r = token_check_label(label, reterr);

    return r < 0 ? r : delete_found(t, mask, NULL, 0, label, ret_n, reterr);
}

/* ---- enumerating -------------------------------------------------------------------------------------- */

/* A copy of the chosen part of the index, so that the callback may use the token. */
static int copy_index(struct token *t, unsigned mask, bool fresh, struct object_index *ret,
                      struct mef_error *reterr)
{
    int r = token_enter(t, true, reterr);

    if (r < 0)
        return r;
    if (fresh)
        r = token_refresh(t, TOKEN_ANY, reterr);
    for (uint32_t i = 0; r == 0 && i < t->index.n; i++) {
        const struct object *o = &t->index.item[i];
        if (!(o->class & mask))
            continue;
        if (index_add(ret, o->handle, o->class, o->id, o->id_len, o->label, o->label_len,
                      o->has_sha256 ? o->sha256 : NULL) < 0)
            r = mef_fail(reterr, MEF_ERROR_FAILED, "token '%s': out of memory for its objects", t->name);
    }
    token_leave(t);
    return r;
}

int token_enumerate(struct token *t, unsigned mask, bool fresh,
                    int (*each)(void *ctx, const struct token_object *o), void *ctx, struct mef_error *reterr)
{
    struct object_index copy = {0};
    int r = copy_index(t, mask, fresh, &copy, reterr);

    for (uint32_t i = 0; r == 0 && i < copy.n; i++) {
        struct object *o = &copy.item[i];
        str_make_printable(o->label);
        struct token_object out = {.class = (enum token_class)o->class,
                                   .id = o->id,
                                   .id_len = o->id_len,
                                   .label = o->label,
                                   .sha256 = o->has_sha256 ? o->sha256 : NULL};
        r = each(ctx, &out);
    }
    index_clear(&copy);
    return r;
}
