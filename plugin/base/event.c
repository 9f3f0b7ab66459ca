/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/base/event.h"

#include <stdarg.h>
#include <stdio.h>

#include "plugin/base/str.h"

void event_emit(const struct event_sink *sink, const struct event *e, const char *format, ...)
{
    struct event copy = *e;
    va_list ap;

    if (!sink || !sink->emit)
        return;
    va_start(ap, format);
    (void)vsnprintf(copy.message, sizeof copy.message, format, ap);
    va_end(ap);
    str_make_printable(copy.message);
    sink->emit(sink->ctx, &copy);
}
