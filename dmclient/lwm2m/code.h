/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The CoAP codes that LwM2M uses, as the octet on the wire (class << 5 | detail). A function that returns one
 * of the refusals has told the peer's fault apart from ours (negative errno). */
#pragma once

enum lwm2m_code {
    LWM2M_CREATED = 0x41,            /* 2.01 */
    LWM2M_DELETED = 0x42,            /* 2.02 */
    LWM2M_CHANGED = 0x44,            /* 2.04 */
    LWM2M_CONTENT = 0x45,            /* 2.05 */
    LWM2M_BAD_REQUEST = 0x80,        /* 4.00 */
    LWM2M_UNAUTHORIZED = 0x81,       /* 4.01 */
    LWM2M_FORBIDDEN = 0x83,          /* 4.03 */
    LWM2M_NOT_FOUND = 0x84,          /* 4.04 */
    LWM2M_NOT_ALLOWED = 0x85,        /* 4.05 */
    LWM2M_NOT_ACCEPTABLE = 0x86,     /* 4.06 */
    LWM2M_INCOMPLETE = 0x88,         /* 4.08 */
    LWM2M_PRECONDITION = 0x8c,       /* 4.12 */
    LWM2M_TOO_LARGE = 0x8d,          /* 4.13 */
    LWM2M_UNSUPPORTED_FORMAT = 0x8f, /* 4.15 */
    LWM2M_INTERNAL = 0xa0,           /* 5.00 */
    LWM2M_NOT_IMPLEMENTED = 0xa1,    /* 5.01 */
};
