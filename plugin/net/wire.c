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
    while (*to && r == 0) {
        size_t plain = 0;

        while (path_char((unsigned char)to[plain]))
            plain++;
        r = buf_add(&b, to, plain);
        to += plain;
        if (r == 0 && *to)
            r = buf_addf(&b, "%%%02X", (unsigned char)*to++);
    }
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

/* The headers that say something to us. */
enum header { HEADER_RSC, HEADER_RQI, HEADER_LOCATION, HEADER_TYPE, HEADER_RETRY, HEADER_MAX_ };
static const struct {
    const char *name;
    size_t slot;     /* offset in struct wire_headers; unused for RSC */
    const char *why; /* when another value comes later; NULL: the first one counts */
} headers[HEADER_MAX_] = {
    [HEADER_RSC] = {"X-M2M-RSC", 0, "it has two X-M2M-RSC headers that differ"},
    [HEADER_RQI] = {"X-M2M-RI", offsetof(struct wire_headers, rqi),
                    "it has two X-M2M-RI headers that differ"},
    [HEADER_LOCATION] = {"Content-Location", offsetof(struct wire_headers, content_location), NULL},
    [HEADER_TYPE] = {"Content-Type", offsetof(struct wire_headers, content_type), NULL},
    [HEADER_RETRY] = {"Retry-After", offsetof(struct wire_headers, retry_after), NULL},
};

static enum header header_of(const char *line, size_t name_len)
{
    for (enum header i = 0; i < HEADER_MAX_; i++)
        if (strlen(headers[i].name) == name_len && strncasecmp(headers[i].name, line, name_len) == 0)
            return i;
    return HEADER_MAX_;
}

/* Takes the value over. */
static int keep(struct wire_headers *h, enum header which, char *value, const char **ret_why)
{
    char **slot = (char **)((char *)h + headers[which].slot);
    bool contradicts = *slot && headers[which].why && !streq(*slot, value);

    if (*slot)
        free(value);
    else
        *slot = value;
    if (contradicts)
        *ret_why = headers[which].why;
    return contradicts ? -EBADMSG : 0;
}

static int keep_rsc(struct wire_headers *h, const char *value, const char **ret_why)
{
    uint64_t rsc;

    if (str_to_u64(value, 9999, &rsc) < 0 || rsc < 1000) {
        *ret_why = "its X-M2M-RSC is no status code";
        return -EBADMSG;
    }
    if (h->have_rsc && h->rsc != rsc) {
        *ret_why = headers[HEADER_RSC].why;
        return -EBADMSG;
    }
    h->have_rsc = true;
    h->rsc = (uint32_t)rsc;
    return 0;
}

static int status_line(struct wire_headers *h, const char *line, size_t n)
{
    size_t octets = h->octets;
    const char *p = memchr(line, ' ', n), *end = line + n;

    wire_headers_clear(h); /* what an interim answer said does not count */
    h->octets = octets;
    for (p = p ? p + 1 : end; p < end && *p >= '0' && *p <= '9' && h->status < 1000; p++)
        h->status = h->status * 10 + (unsigned)(*p - '0');
    return 0;
}

int wire_header_line(struct wire_headers *h, const char *line, size_t n, const char **ret_why)
{
    const char *colon;
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
    if (n >= 5 && strncmp(line, "HTTP/", 5) == 0)
        return status_line(h, line, n);
    if (h->complete) /* a trailer */
        return 0;
    colon = memchr(line, ':', n);
    enum header which = colon ? header_of(line, (size_t)(colon - line)) : HEADER_MAX_;
    if (which == HEADER_MAX_)
        return 0;
    for (colon++; colon < line + n && (*colon == ' ' || *colon == '\t'); colon++)
        ;
    size_t len = (size_t)(line + n - colon);
    value = malloc(len + 1);
    if (!value)
        return -ENOMEM;
    memcpy(value, colon, len);
    value[len] = '\0';
    str_make_printable(value);
    if (which != HEADER_RSC)
        return keep(h, which, value, ret_why);
    int r = keep_rsc(h, value, ret_why);
    free(value);
    return r;
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
