/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests and answers of the four registration procedures at a MEF (mef-protocol.md 3.3) or MAF (3.7):
 * `root` is WORD_MECR or WORD_MACR. Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "plugin/mef/vocabulary.h"

struct identity; /* policy/subject-id.h */

/* Contents as in section 6, malloc'ed. `et` in microseconds; labels NULL or empty: absent. NULL: no memory.
 */
char *registration_create_body(const struct vocabulary *v, enum word root, const char *admin_fqdn, int64_t et,
                               char *const *labels);
/* At least one of et (0 = absent) and labels. */
char *registration_update_body(const struct vocabulary *v, enum word root, int64_t et, char *const *labels);

/* What an answer says; members that are absent stay zero. Strings are malloc'ed. */
struct registration_answer {
    char *reg_id;      /* ri */
    char *creator;     /* cr */
    char *admin_fqdn;  /* adfq */
    int64_t et;        /* 0 = absent */
    bool has_ch;       /* childResource is there */
    char *cmd_to;      /* `to` of the command that it names */
    char *symm_key_id; /* assignedSymmKeyID */
};
void registration_answer_clear(struct registration_answer *a);

/* Reads the content of a create, retrieve or update answer. -EINVAL with a sentence: it cannot be parsed, a
 * member has the wrong type, a reference leads elsewhere. -ENOMEM. */
int registration_parse(const struct vocabulary *v, enum word root, const char *fqdn, const char *body,
                       size_t len, struct registration_answer *ret, struct mef_error *reterr);

/* The reg_id out of a Content-Location (used where `ri` is missing, and after 4117); malloc'ed. -EINVAL,
 * -ENOMEM. */
int registration_id_of_location(const struct vocabulary *v, const char *fqdn, const char *location,
                                char **ret, struct mef_error *reterr);

struct registration_want {
    int64_t now;
    const char *admin_fqdn;
    const struct identity *who;
    const char *client_id; /* cr of this registration so far, NULL = not known */
    const char *reg_id;    /* the one that was asked for; NULL in a create */
    bool partial;          /* an update: only what was in the request is there */
};
/* The checks of 3.3: et in the future, cr ours, adfq as sent, ri valid (and the one asked for). 0, or a
 * negative errno with the word ServerRejected and a sentence that names the member. */
int registration_check(const struct registration_answer *a, const struct registration_want *want,
                       struct mef_error *reterr);

/* et that is proposed: expirationTime of the MO, else now + lifetime (seconds). */
int64_t registration_proposed_et(int64_t now, int64_t mo_expires, uint64_t lifetime);
