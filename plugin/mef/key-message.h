/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys at a MEF or MAF (8.3.5.2.7 to 8.3.5.2.9, 8.8.2.7 to 8.8.2.9; mef-protocol.md 3.5): what the requests
 * say, and what their answers must say. Pure; thread: any. */
#pragma once

#include <stdint.h>

#include "plugin/mef/vocabulary.h"

struct identity; /* policy/subject-id.h */
struct secret;

/* 3.5.3. On the MEF side the Bootstrap label is our reading of 10.3.1; no context. */
#define KEY_EXPORT_LABEL     "EXPORTER-oneM2M-Bootstrap"
#define KEY_EXPORT_LABEL_MAF "EXPORTER-oneM2M-Connection"
#define KEY_EXPORT_LEN       48u /* 16 octets of an identifier, then the key */
#define KEY_EXPORT_KEY       16u /* where the key begins */
#define KEY_LEN              32u

/* What is asked for; borrowed. */
struct key_want {
    const char *fqdn; /* of the MEF */
    const char *admin_fqdn;
    int64_t et;          /* microseconds */
    char *const *labels; /* NULL = none */
    uint32_t suid;
    const char *target; /* the one targetID */
    const struct identity *who;
    const char *client_id; /* our identity as the MEF has it, where `who` names none; may be NULL */
};

/* {"sec:skr":{et, lbl, adfq, suid, tgis}}, never a key value; malloc'ed, NULL: no memory. */
char *key_create_body(const struct vocabulary *v, const struct key_want *want);

struct key_answer {
    char *id; /* RelativeKeyID; NULL: none that could be used */
    int64_t et;
};
void key_answer_clear(struct key_answer *a);

/* Reads the answer and makes the checks of 3.5.4. 0; -EINVAL with a sentence that names the member (word
 * ServerRejected), and then ret->id is set all the same when the answer named the registration, so that it
 * can be deleted; -ENOMEM. */
int key_check(const struct vocabulary *v, const struct key_want *want, int64_t now, const char *body,
              size_t len, struct key_answer *ret, struct mef_error *reterr);

/* {"sec:skr":{et, lbl}}; labels NULL: none. malloc'ed, NULL: no memory. */
char *key_update_body(const struct vocabulary *v, int64_t et, char *const *labels);

/* The answer to an update (only what was asked for; may be empty): et as granted, `et` when it is not named.
 * -EINVAL with a sentence. */
int key_updated(const struct vocabulary *v, int64_t now, const char *body, size_t len, int64_t *et,
                struct mef_error *reterr);

/* The answer to a retrieval by a target (8.3.5.2.8): key and end of its registration, which must be in the
 * future. -EINVAL with a sentence, -ENOMEM. */
int key_retrieved(const struct vocabulary *v, int64_t now, const char *body, size_t len, struct secret **ret,
                  int64_t *ret_et, struct mef_error *reterr);
