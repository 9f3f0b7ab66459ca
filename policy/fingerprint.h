/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fingerprints of certificates and raw public keys in the two forms of RFC 6920 (mef-protocol.md 3.9,
 * mo-tree.md 3.3): ni:///sha-256;<base64url> and nih:sha-256;<hex>[;<check>]. Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fingerprint {
    uint8_t octets[32]; /* the leading octets of a SHA-256 */
    size_t len;         /* 32 sha-256, 16 sha-256-128, 15 sha-256-120 */
};

#define FINGERPRINT_NI_LEN 64 /* room for the canonical text and its NUL; 56 are used */

/* Either form; algorithm by name or by number 1, 2, 3. -EINVAL: another or a shorter algorithm, an authority,
 * a length that does not fit the algorithm, padding, left-over bits, a wrong nih check digit, plain or colon
 * hex. */
int fingerprint_parse(const char *text, struct fingerprint *ret);

/* Canonical output: "ni:///sha-256;" and 43 characters. */
void fingerprint_format_ni(const uint8_t sha256[32], char ret[FINGERPRINT_NI_LEN]);

/* Canonical text of a parsed one (ni form, its own algorithm). */
void fingerprint_format(const struct fingerprint *f, char ret[FINGERPRINT_NI_LEN]);

/* Whether the SHA-256 begins with the octets of `f`. False when f->len is out of range. */
bool fingerprint_matches(const struct fingerprint *f, const uint8_t sha256[32]);

/* The nih check digit (RFC 6920 7: Luhn, modulo 16) over hex digits; lower-case hex character, 0 = not hex.
 */
char fingerprint_check_digit(const char *hex, size_t n);
