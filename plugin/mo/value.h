/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed attribute values: from a neutral input, with every limit of mo-tree.md 5.3, to text and JSON.
 * Values are immutable and counted; thread: the loop's. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/err.h"
#include "plugin/base/when.h"
#include "plugin/mo/schema.h"

/* What the bus glue and the JSON import hand in. */
enum mo_input_kind {
    MO_INPUT_OTHER,   /* a type that no attribute takes (negative number, double, ...): refused by name */
    MO_INPUT_STRING,  /* string */
    MO_INPUT_UINT,    /* uint: y q u t, or i x n when not negative */
    MO_INPUT_BOOL,    /* uint 0 or 1; no attribute takes it today */
    MO_INPUT_STRINGS, /* strings, n */
    MO_INPUT_UINTS,   /* uints, n */
};

struct mo_input {
    const char *name; /* long name or alias; "mgmtLink" (MO_INPUT_STRINGS) stands for the links */
    enum mo_input_kind kind;
    const char *string;
    uint64_t uint;
    char *const *strings;  /* n, need not be NULL-terminated */
    const uint64_t *uints; /* n */
    size_t n;
};

struct mo_value {
    unsigned refs;
    enum mo_attr attr;
    enum mo_shape shape;
    char *text;               /* TEXT: canonical form (5.1); never NULL then */
    uint32_t uint;            /* UINT */
    int64_t usec;             /* timestamps, beside text */
    struct duration duration; /* durations, beside text */
    char **texts;             /* TEXTS, NULL-terminated */
    uint32_t *uints;          /* UINTS; for TLSCiphersuites the code points beside texts; NULL otherwise */
    size_t n;                 /* of texts or uints */
};

/* Checks and converts; *ret is a new reference. InvalidArguments or LimitExceeded; the sentence names the
 * attribute. symmKeyValue is always refused here (it goes to the token). timestamps take a string or a uint
 * (microseconds); TLSCiphersuites takes strings or uints; any other attribute its own shape only. */
int mo_value_new(enum mo_attr attr, const struct mo_input *in, struct mo_value **ret,
                 struct mef_error *reterr);
struct mo_value *mo_value_ref(const struct mo_value *v);
void mo_value_unref(struct mo_value *v); /* NULL is fine */
DEFINE_CLEANUP(struct mo_value *, mo_value_unref)

bool mo_value_equal(const struct mo_value *a, const struct mo_value *b); /* both may be NULL */
/* The text form of 5.1, lists joined by blanks; malloc'ed, NULL when out of memory. */
char *mo_value_text(const struct mo_value *v);
json_t *mo_value_json(const struct mo_value *v); /* new reference, NULL when out of memory */
/* A node name by the rule of 5.3. */
bool mo_name_valid(const char *name);
