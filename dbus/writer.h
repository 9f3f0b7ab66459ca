/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of struct bus_writer (value.h). Private to dbus/. */
#pragma once

#include <dbus/dbus.h>
#include <stdarg.h>

#include "dbus/value.h"

#define WRITER_DEPTH 16 /* GetManagedObjects needs 8 and the value in it at most 7 */

struct bus_writer {
    int err;
    unsigned depth;
    uint64_t digest; /* of what is written, while it is not 0 */
    struct writer_frame {
        DBusMessageIter it;
        const char *start, *p, *end; /* what this container holds, and the next type in it */
        char kind;                   /* 'a' repeats; 'm' the message itself, 'r', 'e', 'v' do not */
    } frame[WRITER_DEPTH];
};

/* Starts to append values of `sig` to `m`; both live until bus_writer_end(). */
void bus_writer_begin(struct bus_writer *w, DBusMessage *m, const char *sig);
/* 0 when exactly `sig` has been written. Otherwise the error, and the message is good for unref only. */
int bus_writer_end(struct bus_writer *w);
void bus_write_va(struct bus_writer *w, const char *sig, va_list ap);
/* The empty value of the next type: "", 0, "/", an empty array. */
void bus_write_empty(struct bus_writer *w);
/* True when the innermost container holds nothing so far. */
bool bus_writer_untouched(const struct bus_writer *w);
/* From here on `digest` follows what is written: equal values, equal digests. */
void bus_writer_digest(struct bus_writer *w);
/* Sticks an error. */
void bus_writer_fail(struct bus_writer *w, int r);
/* The length of the first complete type of a valid signature. */
size_t bus_signature_first(const char *sig);
