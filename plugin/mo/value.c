/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed values: checks of mo-tree.md 5.3 on one attribute alone. What needs more than one attribute is judged
 * at commit (check.c). A value owns its texts and is shared by counting. Thread: the loop's. */
#include "plugin/mo/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/buf.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/mo/cert-file.h"
#include "policy/fingerprint.h"
#include "policy/fqdn.h"
#include "policy/ids.h"
#include "policy/subject-id.h"
#include "policy/suid.h"
#include "policy/suites.h"
#include "policy/uri.h"

#define DURATION_MIN_SECONDS 60
#define DURATION_MAX_MONTHS  120

struct mo_value *mo_value_ref(const struct mo_value *v)
{
    struct mo_value *w = (struct mo_value *)(uintptr_t)v;

    if (w)
        w->refs++;
    return w;
}

void mo_value_unref(struct mo_value *v)
{
    if (!v || --v->refs > 0)
        return;
    free(v->text);
    strv_free(v->texts);
    free(v->uints);
    free(v);
}

bool mo_name_valid(const char *name)
{
    return node_name_valid(name);
}

static int bad(struct mef_error *reterr, const struct mo_attr_info *info, const char *what)
{
    return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "attribute '%s' %s", info->name, what);
}

static int no_memory(struct mef_error *reterr)
{
    (void)mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    return -ENOMEM;
}

/* ---- one text, by kind. Each returns 0, or a sentence's second half by `*why`. ----------------------------
 */

/* Replaces *text by its canonical form where there is one. */
typedef const char *(*text_check)(const struct mo_attr_info *info, char **text, struct mo_value *v);

static bool has_blank(const char *s)
{
    return strpbrk(s, " \t\r\n\f\v") != NULL;
}

static const char *check_string(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    return NULL;
}

static const char *check_label(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    return has_blank(*text) ? "must not hold white space" : NULL;
}

static const char *check_resource(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    if (has_blank(*text) || strpbrk(*text, "<>\"{}|\\^`"))
        return "must be a resource address without white space";
    return NULL;
}

static const char *check_m2m_id(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    enum m2m_id_form form = m2m_id_form(*text, NULL);

    return form == M2M_ID_INVALID || form == M2M_ID_SP ? "must be '/cse', '//sp/cse' or an AE-ID" : NULL;
}

static const char *check_fqdn(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    char host[LIMIT_FQDN + 1];

    if (fqdn_normalize(*text, host) < 0)
        return "must be a host name (at most 253 octets, no IP address), or a URI with nothing but that host";
    char *copy = strdup(host);
    if (!copy)
        return "cannot be kept: out of memory";
    free(*text);
    *text = copy;
    return NULL;
}

static const char *check_uri(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    static const char *const poa[] = {"http", "https", "coap", "coaps", "mqtt", "mqtts", "ws", "wss"};
    struct uri u;

    if (uri_parse(*text, &u) < 0)
        return "must be an absolute URI of at most 2048 octets";
    if (info->attr == MO_URI) {
        if (!streq(u.scheme, "https"))
            return "must have the scheme https";
        if (!u.host[0])
            return "must name a host";
        if (u.has_userinfo)
            return "must not hold a user name or password";
        return u.has_fragment ? "must not have a fragment" : NULL;
    }
    for (size_t i = 0; i < ELEMENTS(poa); i++)
        if (streq(u.scheme, poa[i]))
            return u.host[0] ? NULL : "must name a host in each URI";
    return "has a scheme other than http, https, coap, coaps, mqtt, mqtts, ws, wss";
}

/* Seconds, minutes, hours, day of month, month, day of week, year; each `*` or a list of numbers, ranges and
 * steps. Only the form is judged. */
static const char *check_schedule(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    const char *why = "must have 7 fields of digits, '*', ',', '-' and '/', divided by one blank";
    unsigned fields = 0;

    for (const char *s = *text;; s++) {
        size_t n = strspn(s, "0123456789*,-/");
        if (n == 0 || memchr("0123456789*", *s, 11) == NULL)
            return why;
        fields++;
        s += n;
        if (!*s)
            break;
        if (*s != ' ')
            return why;
    }
    return fields == 7 ? NULL : why;
}

static const char *check_fingerprint(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    struct fingerprint f;

    return fingerprint_parse(*text, &f) < 0
               ? "must be a fingerprint 'ni:///sha-256;...' or 'nih:sha-256;...' of at least 120 bits"
               : NULL;
}

/* A KpmID (SUID 10) is freer than a key identifier; which one it must be depends on the SUID: check.c. */
static const char *check_keyid(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    return symm_key_id_valid(*text) || kpm_id_valid(*text)
               ? NULL
               : "must be a key identifier 'name@fqdn', or 1 to 128 printable characters for SUID 10";
}

static const char *check_timestamp(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    char head[TIMESTAMP_LEN], full[TIMESTAMP_LEN + 8];

    if (timestamp_parse(*text, &v->usec) < 0 || v->usec <= 0)
        return "must be a time 'YYYYMMDDThhmmss' in UTC";
    timestamp_format(v->usec, head);
    int n = snprintf(full, sizeof full, "%s", head);
    unsigned fraction = (unsigned)(v->usec % (int64_t)USEC_PER_SEC);
    if (fraction) {
        n = snprintf(full, sizeof full, "%s,%06u", head, fraction);
        while (full[n - 1] == '0')
            full[--n] = '\0';
    }
    char *copy = strdup(full);
    if (!copy)
        return "cannot be kept: out of memory";
    free(*text);
    *text = copy;
    return NULL;
}

static const char *check_duration(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    static const struct duration longest = {.months = DURATION_MAX_MONTHS};

    if (duration_parse(*text, &v->duration) < 0)
        return "must be a duration such as 'P30D'";
    if (v->duration.months == 0 && v->duration.seconds < DURATION_MIN_SECONDS)
        return "must be a duration of at least PT60S";
    if (duration_add(0, &v->duration) > duration_add(0, &longest))
        return "must be a duration of at most P10Y";
    return NULL;
}

static const char *check_media_type(const struct mo_attr_info *info, char **text, struct mo_value *v)
{
    return cert_file_format_known(*text) ? NULL
                                         : "must be application/pkix-cert, application/pkcs7-mime; "
                                           "smime-type=certs-only or application/x-pem-file";
}

static const text_check text_checks[] = {
    [MO_KIND_STRING] = check_string,     [MO_KIND_URI] = check_uri,
    [MO_KIND_FQDN] = check_fqdn,         [MO_KIND_M2M_ID] = check_m2m_id,
    [MO_KIND_RESOURCE] = check_resource, [MO_KIND_LABEL] = check_label,
    [MO_KIND_SCHEDULE] = check_schedule, [MO_KIND_FINGERPRINT] = check_fingerprint,
    [MO_KIND_KEYID] = check_keyid,       [MO_KIND_TIMESTAMP] = check_timestamp,
    [MO_KIND_DURATION] = check_duration, [MO_KIND_MEDIA_TYPE] = check_media_type,
    [MO_KIND_CERT_FILE] = check_string,
};

/* The file text of a certificate has line ends; all other text has no control characters. */
static bool text_ok(const struct mo_attr_info *info, const char *s, size_t n)
{
    if (info->kind != MO_KIND_CERT_FILE)
        return str_text_valid(s, n);
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)s[i] < 0x20 && !strchr("\t\r\n", s[i])) || (unsigned char)s[i] >= 0x7f)
            return false;
    return true;
}

static int take_text(const struct mo_attr_info *info, const char *s, struct mo_value *v, char **ret,
                     struct mef_error *reterr)
{
    char why[96];

    if (!s)
        return bad(reterr, info, "has no value");
    size_t n = strnlen(s, (size_t)info->max + 1);
    if (n > info->max) {
        (void)snprintf(why, sizeof why, "is longer than %u octets", info->max);
        return bad(reterr, info, why);
    }
    if (n < info->min && n == 0)
        return bad(reterr, info, "must not be empty; remove it instead");
    if (!text_ok(info, s, n))
        return bad(reterr, info, "must be UTF-8 text without control characters");
    _cleanup_(freep) char *copy = strdup(s);
    if (!copy)
        return no_memory(reterr);
    const char *reason = text_checks[info->kind](info, &copy, v);
    if (reason)
        return bad(reterr, info, reason);
    *ret = TAKE_PTR(copy);
    return 0;
}

static int take_uint(const struct mo_attr_info *info, uint64_t n, uint32_t *ret, struct mef_error *reterr)
{
    char why[96];

    if (info->kind == MO_KIND_SUID && !suid_valid(n)) {
        (void)snprintf(why, sizeof why, "has the value %llu, which is no SUID", (unsigned long long)n);
        return bad(reterr, info, why);
    }
    if (n < info->min || n > info->max) {
        (void)snprintf(why, sizeof why, "must be between %u and %u", info->min, info->max);
        return bad(reterr, info, why);
    }
    *ret = (uint32_t)n;
    return 0;
}

/* ---- lists
 * -------------------------------------------------------------------------------------------------- */

static int count_ok(const struct mo_attr_info *info, size_t n, struct mef_error *reterr)
{
    if (n > info->max_items)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "attribute '%s' has %zu items, at most %u are allowed", info->name, n,
                        info->max_items);
    if (n < info->min_items)
        return bad(reterr, info, "must not be empty; remove it instead");
    return 0;
}

static bool listed(char *const *v, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++)
        if (streq(v[i], s))
            return true;
    return false;
}

/* Code points out of either input; upper case, duplicates removed, order kept (3.2). */
static int take_suites(const struct mo_attr_info *info, const struct mo_input *in, struct mo_value *v,
                       struct mef_error *reterr)
{
    v->texts = calloc(in->n + 1, sizeof *v->texts);
    v->uints = calloc(in->n + 1, sizeof *v->uints);
    if (!v->texts || !v->uints)
        return no_memory(reterr);
    for (size_t i = 0; i < in->n; i++) {
        uint16_t suite;
        char text[5];
        if (in->kind == MO_INPUT_STRINGS) {
            if (!in->strings[i] || suite_parse(in->strings[i], &suite) < 0)
                return bad(reterr, info, "must hold items of four hexadecimal digits");
        } else {
            if (in->uints[i] > 0xffff)
                return bad(reterr, info, "must hold numbers up to 65535");
            suite = (uint16_t)in->uints[i];
        }
        suite_format(suite, text);
        if (listed(v->texts, v->n, text))
            continue;
        v->texts[v->n] = strdup(text);
        if (!v->texts[v->n])
            return no_memory(reterr);
        v->uints[v->n++] = suite;
    }
    return 0;
}

static int take_texts(const struct mo_attr_info *info, const struct mo_input *in, struct mo_value *v,
                      struct mef_error *reterr)
{
    v->texts = calloc(in->n + 1, sizeof *v->texts);
    if (!v->texts)
        return no_memory(reterr);
    for (size_t i = 0; i < in->n; i++) {
        int r = take_text(info, in->strings[i], v, &v->texts[i], reterr);
        if (r < 0)
            return r;
        v->n++;
    }
    return 0;
}

static int take_uints(const struct mo_attr_info *info, const struct mo_input *in, struct mo_value *v,
                      struct mef_error *reterr)
{
    v->uints = calloc(in->n + 1, sizeof *v->uints);
    if (!v->uints)
        return no_memory(reterr);
    for (size_t i = 0; i < in->n; i++) {
        int r = take_uint(info, in->uints[i], &v->uints[i], reterr);
        if (r < 0)
            return r;
        v->n++;
    }
    return 0;
}

/* ---- the whole value
 * ------------------------------------------------------------------------------------------ */

static int take_time(const struct mo_attr_info *info, uint64_t usec, struct mo_value *v,
                     struct mef_error *reterr)
{
    char text[TIMESTAMP_LEN], full[TIMESTAMP_LEN + 8];
    const uint64_t last = UINT64_C(253402300799) * USEC_PER_SEC + USEC_PER_SEC - 1; /* year 9999 */

    if (usec == 0 || usec > last)
        return bad(reterr, info, "must be a time in microseconds since 1970, up to the year 9999");
    timestamp_format((int64_t)usec, text);
    (void)snprintf(full, sizeof full, "%s,%06u", text, (unsigned)(usec % USEC_PER_SEC));
    return take_text(info, full, v, &v->text, reterr);
}

static int take(const struct mo_attr_info *info, const struct mo_input *in, struct mo_value *v,
                struct mef_error *reterr)
{
    static const char *const wanted[] = {
        [MO_SHAPE_TEXT] = "takes a string",
        [MO_SHAPE_UINT] = "takes a number",
        [MO_SHAPE_TEXTS] = "takes a list of strings",
        [MO_SHAPE_UINTS] = "takes a list of numbers",
    };
    bool lists = in->kind == MO_INPUT_STRINGS || in->kind == MO_INPUT_UINTS;

    if (lists && info->list) {
        int r = count_ok(info, in->n, reterr);
        if (r < 0)
            return r;
    }
    if (info->kind == MO_KIND_SUITE && lists)
        return take_suites(info, in, v, reterr);
    if (info->kind == MO_KIND_TIMESTAMP && in->kind == MO_INPUT_UINT)
        return take_time(info, in->uint, v, reterr);
    if (v->shape == MO_SHAPE_TEXT && in->kind == MO_INPUT_STRING)
        return take_text(info, in->string, v, &v->text, reterr);
    if (v->shape == MO_SHAPE_UINT && in->kind == MO_INPUT_UINT)
        return take_uint(info, in->uint, &v->uint, reterr);
    /* An empty list has no item type of its own in JSON. */
    if (v->shape == MO_SHAPE_TEXTS && (in->kind == MO_INPUT_STRINGS || (lists && in->n == 0)))
        return take_texts(info, in, v, reterr);
    if (v->shape == MO_SHAPE_UINTS && in->kind == MO_INPUT_UINTS)
        return take_uints(info, in, v, reterr);
    return bad(reterr, info, wanted[v->shape]);
}

int mo_value_new(enum mo_attr attr, const struct mo_input *in, struct mo_value **ret,
                 struct mef_error *reterr)
{
    const struct mo_attr_info *info = mo_attr_info(attr);
    _cleanup_(mo_value_unrefp) struct mo_value *v = NULL;

    if (info->kind == MO_KIND_SECRET)
        return mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED,
                        "attribute '%s' is not kept here: put the key into the token by SetSymmetricKey of "
                        "the profile (mefctl set-key)",
                        info->name);
    v = calloc(1, sizeof *v);
    if (!v)
        return no_memory(reterr);
    v->refs = 1;
    v->attr = attr;
    v->shape = mo_attr_shape(attr);
    int r = take(info, in, v, reterr);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(v);
    return 0;
}

bool mo_value_equal(const struct mo_value *a, const struct mo_value *b)
{
    if (a == b || !a || !b)
        return a == b;
    if (a->attr != b->attr || a->n != b->n || a->uint != b->uint || !streq0(a->text, b->text))
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (a->texts && !streq(a->texts[i], b->texts[i]))
            return false;
        if (a->uints && a->uints[i] != b->uints[i])
            return false;
    }
    return true;
}

char *mo_value_text(const struct mo_value *v)
{
    struct buf b = {0};
    int r = 0;

    switch (v->shape) {
    case MO_SHAPE_TEXT:
        return strdup(v->text);
    case MO_SHAPE_UINT:
        r = buf_addf(&b, "%u", v->uint);
        break;
    case MO_SHAPE_TEXTS:
    case MO_SHAPE_UINTS:
        r = buf_add(&b, "", 0);
        for (size_t i = 0; r == 0 && i < v->n; i++)
            r = v->shape == MO_SHAPE_TEXTS ? buf_addf(&b, "%s%s", i ? " " : "", v->texts[i])
                                           : buf_addf(&b, "%s%u", i ? " " : "", v->uints[i]);
        break;
    }
    char *text = r == 0 ? (b.data ? buf_steal(&b) : strdup("")) : NULL;
    buf_clear(&b);
    return text;
}

json_t *mo_value_json(const struct mo_value *v)
{
    if (v->shape == MO_SHAPE_TEXT)
        return json_string(v->text);
    if (v->shape == MO_SHAPE_UINT)
        return json_integer(v->uint);
    json_t *list = json_array();
    for (size_t i = 0; list && i < v->n; i++)
        if (json_array_append_new(list, v->shape == MO_SHAPE_TEXTS ? json_string(v->texts[i])
                                                                   : json_integer(v->uints[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}
