/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strings, hex and base64. All functions are pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "plugin/base/cleanup.h"

static inline bool streq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Equal, or both NULL. */
static inline bool streq0(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Valid UTF-8 without NUL (RFC 3629: no surrogates, no overlong forms). */
bool str_utf8_valid(const char *s, size_t len);

/* Valid UTF-8 without any C0 control or DEL; the rule for all text that comes in (mo-tree.md 5.3). */
bool str_text_valid(const char *s, size_t len);

/* Replaces control characters and octets that are not UTF-8 by '?', in place; cuts a torn last character. */
void str_make_printable(char *s);

/* ASCII lower case in place; returns s. */
char *str_lower(char *s);

bool str_ieq(const char *a, const char *b); /* ASCII case-insensitive */

/* Decimal without sign, blanks or leading zeros beyond "0". -EINVAL, -ERANGE when above max. */
int str_to_u64(const char *s, uint64_t max, uint64_t *ret);

/* Lower-case hex of n octets into dst, which holds 2n+1. */
void hex_encode(const void *data, size_t n, char *dst);
/* Either case; *len is the room of dst on entry and the octets written on return. -EINVAL, -E2BIG. */
int hex_decode(const char *s, size_t n, void *dst, size_t *len);

/* Base64 (RFC 4648) with padding, no line breaks; NULL when out of memory. */
char *base64_encode(const void *data, size_t n);
/* Base64url without padding. */
char *base64url_encode(const void *data, size_t n);
/* Accepts white space between groups, as EST servers send it (interop.md); demands right padding and zero
 * left-over bits. *ret is malloc'ed. -EINVAL, -ENOMEM. */
int base64_decode(const char *s, size_t n, uint8_t **ret, size_t *ret_len);
int base64url_decode(const char *s, size_t n, uint8_t **ret, size_t *ret_len); /* no padding, no blanks */

/* Bus path element of interfaces.md 1: octets outside [A-Za-z0-9] and a leading digit as _xx. malloc'ed. */
char *str_bus_escape(const char *s);

/* Array of strings, NULL-terminated. */
void strv_free(char **v);
DEFINE_CLEANUP(char **, strv_free)
size_t strv_len(char *const *v);
char **strv_copy(char *const *v);
bool strv_equal(char *const *a, char *const *b);
int strv_push(char ***v, const char *s);
