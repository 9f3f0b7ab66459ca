/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of the bus in plain C: what callers send is read into bounded trees before any handler sees it, and
 * what we send goes through a writer that keeps bad input away from libdbus (which aborts on it).
 * Thread: the loop's for the writer; values are plain data. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/err.h"

struct DBusMessageIter;

/* ---- values that came in ----------------------------------------------------------------------------- */

struct bus_entry;

struct bus_dict { /* a{sv}; keys are unique, text (str_text_valid), in the order of the message */
    struct bus_entry *item;
    size_t n;
};

/* One value. `sig` points to a static string and selects the member:
 * "s" "o" "g": s; "b": u is 0 or 1; "y" "q" "u" "t": u; "n" "i" "x": i; "d": d; "h": fd (CLOEXEC, owned by
 * the value; take it by setting it to -1); "as" "ao" "ag": strv, never NULL; "au": au; "ay": ay; "a{sv}":
 * dict; "aa{sv}": dicts. A variant in a variant is taken apart on reading. Nothing else is readable. */
struct bus_value {
    const char *sig;
    union {
        char *s;
        uint64_t u;
        int64_t i;
        double d;
        int fd;
        char **strv;
        struct {
            uint32_t *item;
            size_t n;
        } au;
        struct {
            uint8_t *data;
            size_t len;
        } ay;
        struct bus_dict dict;
        struct {
            struct bus_dict *item;
            size_t n;
        } dicts;
    };
};

struct bus_entry {
    char *key;
    struct bus_value value;
};

void bus_value_clear(struct bus_value *v); /* safe on zeroes and half-built values */
void bus_dict_clear(struct bus_dict *d);
int bus_value_copy(const struct bus_value *from, struct bus_value *to); /* -ENOMEM; an fd is duplicated */
int bus_dict_copy(const struct bus_dict *from, struct bus_dict *to);

/* Octets of memory, roughly. */
size_t bus_values_size(const struct bus_value *v, size_t n);

/* The value of a key, or NULL. */
const struct bus_value *bus_dict_get(const struct bus_dict *d, const char *key);

/* Typed look-ups for dictionaries that bus_options_check() has accepted: the default when the key is absent
 * or has another type (never after the check). Strings stay owned by the dictionary. */
const char *bus_dict_s(const struct bus_dict *d, const char *key, const char *otherwise);
uint64_t bus_dict_u(const struct bus_dict *d, const char *key,
                    uint64_t otherwise); /* y q u t, non-negative n i x */
bool bus_dict_b(const struct bus_dict *d, const char *key, bool otherwise);
char *const *bus_dict_strv(const struct bus_dict *d, const char *key); /* NULL when absent */

/* One row per allowed key; the table ends with a NULL key. */
struct bus_option {
    const char *key;
    const char *sig; /* one of the types of struct bus_value */
};

/* Every key of `d` must be in the table and have its type. An integer of another integer type is taken when
 * its value fits (10 as `i` for a `q`), "s" is taken for "o" when it is a valid path, and an empty array of
 * any readable element type for another array type; such values are converted in place, so that a handler
 * sees the table's type only. InvalidArguments names the unknown key, or the key and the type it must have.
 */
int bus_options_check(struct bus_dict *d, const struct bus_option *allowed, struct mef_error *reterr);

/* Reads all arguments of a message whose signature is `sig` into `v` (room for `n`, the number of complete
 * types). InvalidArguments: not readable, beyond a limit of limits.h, a key twice or a text with control
 * characters (tab and line ends are allowed in values). -ENOMEM. On failure nothing is left to clear. */
int bus_values_read(struct DBusMessageIter *it, struct bus_value *v, size_t n, struct mef_error *reterr);

/* The number of complete types of a signature, or -EINVAL when one of them cannot be read by
 * bus_values_read(). */
int bus_signature_readable(const char *sig);

/* ---- values that go out ------------------------------------------------------------------------------ */

/* Writes values of one expected signature into a message. Every call is checked against that signature; the
 * first mismatch (a mistake of ours) or lack of memory sticks, later calls do nothing, and whoever owns the
 * message drops it and answers with an error instead. So callers need not look at each return. */
struct bus_writer;

/* NULL is "". What is not UTF-8 is made printable. */
void bus_write_s(struct bus_writer *w, const char *s);
/* NULL, "" and invalid paths become "/", our word for "none". */
void bus_write_o(struct bus_writer *w, const char *path);
void bus_write_b(struct bus_writer *w, bool b);
/* y q u t and n i x: whichever the signature asks for; a value that does not fit sticks as -ERANGE. */
void bus_write_u(struct bus_writer *w, uint64_t u);
void bus_write_i(struct bus_writer *w, int64_t i);
void bus_write_d(struct bus_writer *w, double d);
void bus_write_fd(struct bus_writer *w, int fd); /* duplicated by libdbus */
/* as or ao, whichever is asked for; NULL is empty; invalid paths are left out of an ao. */
void bus_write_strv(struct bus_writer *w, char *const *strv);
void bus_write_au(struct bus_writer *w, const uint32_t *item, size_t n);
void bus_write_ay(struct bus_writer *w, const void *data, size_t len);
/* Any value that was read (or built by hand), as the type that it says it has. */
void bus_write_value(struct bus_writer *w, const struct bus_value *v);
/* A whole a{sv}; NULL is empty. */
void bus_write_dict(struct bus_writer *w, const struct bus_dict *d);

/* The next array, struct or dictionary entry, as the signature says; then its contents; then close. */
void bus_write_open(struct bus_writer *w);
/* The next variant, with one value of `sig` to follow; then close. */
void bus_write_open_variant(struct bus_writer *w, const char *sig);
void bus_write_close(struct bus_writer *w);

/* Several values at once; `sig` says what follows: s o g: const char *; b: int; y q n i: int; u: uint32_t;
 * t: uint64_t; x: int64_t; d: double; h: int; as ao: char *const *; au: const uint32_t *, size_t;
 * ay: const void *, size_t; a{sv}: const struct bus_dict *; '(' and ')' open and close a struct; v:
 * const struct bus_value *. */
void bus_write(struct bus_writer *w, const char *sig, ...);
/* One entry of an open a{sv}: the key and a variant of `sig` with arguments as above. */
void bus_write_entry(struct bus_writer *w, const char *key, const char *sig, ...);

/* 0, or the error that stuck: -ENOMEM, -EPROTO (not what the signature says), -ERANGE. */
int bus_writer_error(const struct bus_writer *w);
