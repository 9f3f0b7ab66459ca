/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Grammar and comparison of M2M-SP-ID, CSE-ID, AE-ID and Node-ID (mef-protocol.md 4.2). Pure; thread: any. */
#include "policy/subject-id.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"
#include "policy/fqdn.h"

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool segment_valid(const char *s, size_t n)
{
    if (n < 1 || !is_alnum(s[0]))
        return false;
    for (size_t i = 1; i < n; i++)
        if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '.' && s[i] != '_')
            return false;
    return true;
}

/* A letter and a segment: "C3532ea3". */
static bool stem_valid(const char *s, size_t n, char letter)
{
    return n >= 2 && s[0] == letter && segment_valid(s + 1, n - 1);
}

/* An ID taken apart; pointers into the text. */
struct parts {
    const char *host; /* NULL: SP-relative */
    size_t host_len;
    const char *seg[2];
    size_t seg_len[2];
    size_t n; /* segments, 0..2 */
};

/* "//host[/seg[/seg]]" or "/seg[/seg]". */
static int split(const char *id, struct parts *p)
{
    char fqdn[LIMIT_FQDN + 1];
    const char *s = id;

    *p = (struct parts){0};
    if (!id || id[0] != '/' || strnlen(id, LIMIT_M2M_ID + 1) > LIMIT_M2M_ID)
        return -EINVAL;
    if (id[1] == '/') {
        p->host = id + 2;
        p->host_len = strcspn(p->host, "/");
        if (fqdn_normalize_host(p->host, p->host_len, fqdn) < 0)
            return -EINVAL;
        s = p->host + p->host_len;
    }
    while (*s == '/') {
        size_t n = strcspn(s + 1, "/");
        if (p->n == 2 || !segment_valid(s + 1, n))
            return -EINVAL;
        p->seg[p->n] = s + 1;
        p->seg_len[p->n++] = n;
        s += 1 + n;
    }
    return p->n == 0 && !p->host ? -EINVAL : 0;
}

enum m2m_id_form m2m_id_form(const char *id, bool *ret_absolute)
{
    struct parts p;
    enum m2m_id_form form;

    if (!id)
        return M2M_ID_INVALID;
    if (id[0] != '/') {
        size_t n = strnlen(id, LIMIT_M2M_ID + 1);
        if (n > LIMIT_M2M_ID || (!stem_valid(id, n, 'C') && !stem_valid(id, n, 'S')))
            return M2M_ID_INVALID;
        if (ret_absolute)
            *ret_absolute = false;
        return M2M_ID_STEM;
    }
    if (split(id, &p) < 0)
        return M2M_ID_INVALID;
    if (p.n == 0)
        form = M2M_ID_SP;
    else if (p.n == 1)
        form = stem_valid(p.seg[0], p.seg_len[0], 'S') ? M2M_ID_CSE_OR_S_AE : M2M_ID_CSE;
    else if (stem_valid(p.seg[1], p.seg_len[1], 'C'))
        form = M2M_ID_AE;
    else
        return M2M_ID_INVALID;
    if (ret_absolute)
        *ret_absolute = p.host != NULL;
    return form;
}

bool node_id_valid(const char *id)
{
    size_t n = id ? strnlen(id, LIMIT_M2M_ID + 1) : 0;

    if (n < 1 || n > LIMIT_M2M_ID || id[0] == '/')
        return false;
    for (size_t i = 0; i < n; i++)
        if (id[i] <= 0x20 || id[i] >= 0x7f)
            return false;
    return true;
}

/* The host of an SP-ID, lower case. */
static int sp_host(const char *sp_id, char ret[LIMIT_FQDN + 1])
{
    if (!sp_id || !sp_id[0])
        return -ENODATA;
    if (sp_id[0] == '/' && sp_id[1] == '/')
        sp_id += 2;
    return fqdn_normalize_host(sp_id, strlen(sp_id), ret);
}

/* "//" host rest. */
static int join(const char *host, const char *rest, char ret[LIMIT_M2M_ID + 1])
{
    size_t h = strlen(host), r = strlen(rest);

    if (2 + h + r > LIMIT_M2M_ID)
        return -EINVAL;
    ret[0] = ret[1] = '/';
    memmove(ret + 2 + h, rest, r + 1);
    memcpy(ret + 2, host, h);
    return 0;
}

int m2m_id_normalize(const char *id, const char *sp_id, char ret[LIMIT_M2M_ID + 1])
{
    char host[LIMIT_FQDN + 1], out[LIMIT_M2M_ID + 1];
    struct parts p;
    int r;

    if (!id)
        return -EINVAL;
    if (id[0] != '/') {
        if (!node_id_valid(id))
            return -EINVAL;
        memmove(ret, id, strlen(id) + 1);
        return 0;
    }
    if (split(id, &p) < 0)
        return -EINVAL;
    if (p.host) {
        r = fqdn_normalize_host(p.host, p.host_len, host);
        if (r == 0)
            r = join(host, p.host + p.host_len, out);
    } else {
        r = sp_host(sp_id, host);
        if (r == 0)
            r = join(host, id, out);
    }
    if (r == 0)
        memcpy(ret, out, strlen(out) + 1);
    return r;
}

bool m2m_id_equal(const char *a, const char *b, const char *sp_id)
{
    char na[LIMIT_M2M_ID + 1], nb[LIMIT_M2M_ID + 1];

    if (!a || !b)
        return false;
    if (streq(a, b))
        return true;
    return m2m_id_normalize(a, sp_id, na) == 0 && m2m_id_normalize(b, sp_id, nb) == 0 && streq(na, nb);
}

int ae_id_normalize(const char *id, const char *sp_id, const char *cse_id, char ret[LIMIT_M2M_ID + 1])
{
    char text[LIMIT_M2M_ID + 1], cse[LIMIT_M2M_ID + 1];
    size_t n, c = 0;
    int r;

    switch (m2m_id_form(id, NULL)) {
    case M2M_ID_AE:
    case M2M_ID_CSE_OR_S_AE:
        return m2m_id_normalize(id, sp_id, ret);
    case M2M_ID_STEM:
        break;
    default:
        return -EINVAL;
    }
    n = strlen(id);
    if (id[0] == 'C') {
        enum m2m_id_form form;
        if (!cse_id || !cse_id[0])
            return -ENODATA;
        form = m2m_id_form(cse_id, NULL);
        if (form != M2M_ID_CSE && form != M2M_ID_CSE_OR_S_AE)
            return -EINVAL;
        r = m2m_id_normalize(cse_id, sp_id, cse);
        if (r < 0)
            return r;
        c = strlen(cse);
        memcpy(text, cse, c);
    }
    if (c + 1 + n > LIMIT_M2M_ID)
        return -EINVAL;
    text[c] = '/';
    memcpy(text + c + 1, id, n + 1);
    return m2m_id_normalize(text, sp_id, ret);
}

int identity_sp_id(const struct identity *who, char ret[LIMIT_FQDN + 3])
{
    const char *const from[] = {who->id, who->cse_id};
    char host[LIMIT_FQDN + 1];
    int r = sp_host(who->sp_id, host);

    for (size_t i = 0; r == -ENODATA && i < ELEMENTS(from); i++) {
        struct parts p;
        if (from[i] && split(from[i], &p) == 0 && p.host)
            r = fqdn_normalize_host(p.host, p.host_len, host);
    }
    if (r < 0)
        return r;
    ret[0] = ret[1] = '/';
    memcpy(ret + 2, host, strlen(host) + 1);
    return 0;
}
