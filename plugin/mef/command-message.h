/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contents of <mefClientCmd>: what a retrieve or an update answers, and what an update says
 * (mef-protocol.md 3.4). Pure; thread: any. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/mef/class.h"
#include "plugin/mef/vocabulary.h"

struct command {
    json_t *doc;          /* owns what is borrowed below */
    char *cid;            /* cmdID as JSON text, to be echoed in the same type; malloc'ed */
    uint32_t class_id;    /* UINT32_MAX: a number that fits no class */
    bool reissued;        /* cmdStatusCode 11 instead of 10 */
    const json_t *args;   /* cmdArgs, NULL = absent: not yet looked into */
    const json_t *target; /* targetID, NULL = absent */
};
void command_clear(struct command *c);

/* First row of 3.4.1: cmdID, cmdDescription with cmdClassID, and cmdStatusCode 10 or 11. 0; -EINVAL:
 * unparsable, nothing may be executed and no update sent (MC-05), with a sentence; -ENOMEM. */
int command_parse(const struct vocabulary *v, const char *body, size_t len, struct command *ret,
                  struct mef_error *reterr);

/* Rows 3 to 5 as far as they need nobody's opinion: class (41), arguments (42). 0 or the status, with a
 * sentence. For class 0 never 41. */
int command_arguments(const struct command *c, const struct vocabulary *v, int64_t now, union class_args *ret,
                      struct mef_error *reterr);
/* MC-12: targetID is a text and one of ours, else 43. Class 0 ignores it. */
struct identity;
int command_target(const struct command *c, const struct identity *who, struct mef_error *reterr);

/* {"sec:mecc":{"cid":...,"csc":N}}; `cid` is JSON text. NULL: no memory. */
char *command_update_body(const struct vocabulary *v, const char *cid, uint32_t csc);

/* The cmdID after decoding, malloc'ed: the text of a string, the digits of a number. NULL: no memory or no
 * cmdID. */
char *cid_decode(const char *cid);
/* The same cmdID: compared as octets after decoding (1.8). NULL equals nothing. */
bool cid_equal(const char *a, const char *b);
