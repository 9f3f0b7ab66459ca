/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTP binding as bytes (mef-protocol.md 2.3, 2.5). Pure: no I/O, no clock. Tables first. Strings that
 * are returned belong to the caller. Thread: any. */
#include "plugin/net/wire.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/str.h"

/* mef-protocol.md 2.3: the first row with each HTTP status. */
static const struct {
    unsigned status;
    uint32_t rsc;
} status_table[] = {
    {201, 2001}, {400, 4000}, {403, 4103}, {404, 4004}, {405, 4005}, {406, 5207}, {408, 4008},
    {409, 4105}, {415, 4015}, {429, 5000}, {500, 5000}, {501, 4001}, {504, 4008},
};

static const struct {
    const char *method;
    uint32_t success;
} operations[] = {
    [MEF_OP_CREATE] = {"POST", 2001},
    [MEF_OP_RETRIEVE] = {"GET", 2000},
    [MEF_OP_UPDATE] = {"PUT", 2004},
    [MEF_OP_DELETE] = {"DELETE", 2002},
};

const char *wire_method(enum mef_operation op)
{
    return (unsigned)op < ELEMENTS(operations) ? operations[op].method : NULL;
}

uint32_t wire_rsc(enum mef_operation op, unsigned status)
{
    for (size_t i = 0; i < ELEMENTS(status_table); i++)
        if (status_table[i].status == status)
            return status_table[i].rsc;
    /* No row: by class, as the CoAP binding says; a 3xx is no answer at all. */
    if (status >= 200 && status < 300)
        return wire_method(op) ? operations[op].success : 0;
    if (status >= 400 && status < 500)
        return 4000;
    return status >= 500 && status < 600 ? 5000 : 0;
}

bool wire_value_ok(const char *s)
{
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
            return false;
    return *s && *s != ' ' && s[strlen(s) - 1] != ' ';
}

/* RFC 3986 pchar and '/', without '%', which is data here. */
static bool path_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~!$&'()*+,;=:@/", c));
}

char *wire_path(const char *to)
{
    struct buf b = {.max = 4 * LIMIT_URI};
    const char *prefix = "/";
    int r;

    if (to[0] == '/')
        prefix = to[1] == '/' ? "/_" : "/~";
    r = buf_adds(&b, prefix);
    if (to[0] == '/' && to[1] == '/')
        to++; /* "//host" has its second '/' behind the prefix */
    for (; *to && r == 0; to++)
        r = path_char((unsigned char)*to) ? buf_add(&b, to, 1) : buf_addf(&b, "%%%02X", (unsigned char)*to);
    if (r < 0) {
        buf_clear(&b);
        return NULL;
    }
    return buf_steal(&b);
}

static int unhex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding in place; false when a sequence is torn or the result is not visible ASCII. */
static bool unescape(char *s)
{
    char *out = s;

    for (; *s; s++) {
        int c = (unsigned char)*s;

        if (c == '%') {
            int high = unhex(s[1]), low = high < 0 ? -1 : unhex(s[2]);
            if (low < 0)
                return false;
            c = high << 4 | low;
            s += 2;
        }
        if (c <= 0x20 || c > 0x7e)
            return false;
        *out++ = (char)c;
    }
    *out = '\0';
    return true;
}

char *wire_reference(const char *location)
{
    static const char *const schemes[] = {"http://", "https://", "coap://", "coaps://", "ws://", "wss://"};
    _cleanup_(freep) char *copy = NULL;
    const char *path = location;

    for (size_t i = 0; i < ELEMENTS(schemes); i++)
        if (strncasecmp(location, schemes[i], strlen(schemes[i])) == 0) {
            path = strchr(location + strlen(schemes[i]), '/');
            if (!path)
                return NULL;
        }
    if (!*path || strlen(path) > LIMIT_URI)
        return NULL;
    copy = strdup(path);
    if (!copy)
        return NULL;
    copy[strcspn(copy, "?#")] = '\0';
    if (!*copy || !unescape(copy))
        return NULL;
    if (strncmp(copy, "/_/", 3) == 0) {
        copy[1] = '/'; /* "/_/host/x" -> "//host/x" */
        memmove(copy + 2, copy + 3, strlen(copy + 3) + 1);
    } else if (strncmp(copy, "/~/", 3) == 0)
        memmove(copy, copy + 2, strlen(copy + 2) + 1);
    return TAKE_PTR(copy);
}

void wire_headers_clear(struct wire_headers *h)
{
    free(h->rqi);
    free(h->content_location);
    free(h->content_type);
    free(h->retry_after);
    *h = (struct wire_headers){0};
}

/* Keeps the first value; `must_agree`: another value later is a contradiction. */
static int keep(char **slot, const char *value, bool must_agree, const char *why, const char **ret_why)
{
    if (*slot) {
        if (must_agree && !streq(*slot, value)) {
            *ret_why = why;
            return -EBADMSG;
        }
        return 0;
    }
    *slot = strdup(value);
    return *slot ? 0 : -ENOMEM;
}

static int keep_rsc(struct wire_headers *h, const char *value, const char **ret_why)
{
    uint64_t rsc;

    if (str_to_u64(value, 9999, &rsc) < 0 || rsc < 1000) {
        *ret_why = "its X-M2M-RSC is no status code";
        return -EBADMSG;
    }
    if (h->have_rsc && h->rsc != rsc) {
        *ret_why = "it has two X-M2M-RSC headers that differ";
        return -EBADMSG;
    }
    h->have_rsc = true;
    h->rsc = (uint32_t)rsc;
    return 0;
}

static int status_line(struct wire_headers *h, const char *line)
{
    size_t octets = h->octets;
    const char *p = strchr(line, ' ');

    wire_headers_clear(h); /* what an interim answer said does not count */
    h->octets = octets;
    for (p = p ? p + 1 : ""; *p >= '0' && *p <= '9' && h->status < 1000; p++)
        h->status = h->status * 10 + (unsigned)(*p - '0');
    return 0;
}

int wire_header_line(struct wire_headers *h, const char *line, size_t n, const char **ret_why)
{
    _cleanup_(freep) char *copy = NULL;
    char *value;

    if (n > LIMIT_HEADER_LINE || h->octets + n > LIMIT_HEADERS)
        return -E2BIG;
    h->octets += n;
    while (n && (line[n - 1] == '\r' || line[n - 1] == '\n' || line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    if (n == 0) {
        h->complete = true;
        return 0;
    }
    copy = malloc(n + 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, line, n);
    copy[n] = '\0';
    if (strncmp(copy, "HTTP/", 5) == 0)
        return status_line(h, copy);
    value = strchr(copy, ':');
    if (!value)
        return 0;
    *value++ = '\0';
    value += strspn(value, " \t");
    str_make_printable(value);
    if (str_ieq(copy, "X-M2M-RSC"))
        return keep_rsc(h, value, ret_why);
    if (str_ieq(copy, "X-M2M-RI"))
        return keep(&h->rqi, value, true, "it has two X-M2M-RI headers that differ", ret_why);
    if (str_ieq(copy, "Content-Location"))
        return keep(&h->content_location, value, false, NULL, ret_why);
    if (str_ieq(copy, "Content-Type"))
        return keep(&h->content_type, value, false, NULL, ret_why);
    if (str_ieq(copy, "Retry-After"))
        return keep(&h->retry_after, value, false, NULL, ret_why);
    return 0;
}

int64_t wire_retry_after(const char *value, int64_t now_sec)
{
    uint64_t seconds;
    time_t date;
    int r;

    if (!value)
        return -1;
    r = str_to_u64(value, INT32_MAX, &seconds);
    if (r == 0)
        return (int64_t)seconds;
    if (r == -ERANGE)
        return INT32_MAX;
    date = curl_getdate(value, NULL);
    if (date < 0)
        return -1;
    return date > now_sec ? (int64_t)date - now_sec : 0;
}
