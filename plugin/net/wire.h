/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTP binding of oneM2M as bytes (mef-protocol.md 2.3, 2.5): paths, status codes, header lines. Pure;
 * thread: any. */
#pragma once

#include "plugin/base/ports.h"

/* Request target of a `to`: "//host/x" -> "/_/host/x", "/x" -> "/~/x", "x" -> "/x"; octets that do not belong
 * into a path are percent-encoded. malloc'ed; NULL when out of memory. */
char *wire_path(const char *to);

/* A Content-Location turned into a reference of 1.3: scheme and authority dropped, the path mapping undone.
 * malloc'ed; NULL when it cannot be one, or out of memory. */
char *wire_reference(const char *location);

/* "POST", "GET", "PUT", "DELETE"; NULL for anything else. */
const char *wire_method(enum mef_operation op);

/* The response status code behind an HTTP status without X-M2M-RSC (2.3); 0 when there is none. */
uint32_t wire_rsc(enum mef_operation op, unsigned status);

/* Only visible ASCII and blanks inside: what may stand in a header value. */
bool wire_value_ok(const char *s);

/* What we keep of the header block of the final answer. */
struct wire_headers {
    unsigned status;
    bool complete; /* the empty line has come */
    bool have_rsc;
    uint32_t rsc;
    char *rqi, *content_location, *content_type, *retry_after;
    size_t octets; /* of all header lines seen, interim answers included */
};
void wire_headers_clear(struct wire_headers *h);

/* One header line as it came, line end included; a status line starts a new block. 0; -E2BIG when a limit is
 * passed; -EBADMSG with *ret_why when the block contradicts itself; -ENOMEM. */
int wire_header_line(struct wire_headers *h, const char *line, size_t n, const char **ret_why);

/* Retry-After, seconds or a date, as seconds from `now_sec`; -1 when absent or unreadable. */
int64_t wire_retry_after(const char *value, int64_t now_sec);
