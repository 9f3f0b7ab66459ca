/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The classes of commands (mef-protocol.md 4.6, 4.7): which there are, which are built in, and their
 * arguments. Pure; thread: any. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "plugin/mef/vocabulary.h"
#include "policy/status.h"

/* Parsed arguments; texts are borrowed from the JSON document of the command. */
struct no_more_args {
    uint64_t seconds; /* retryDuration from `now` on, by the calendar, clamped (3.4.2) */
};

struct cert_prov_fields {
    uint32_t protocol; /* UINT32_MAX: well-formed, outside the set */
    const char *uri;
    uint32_t subject_type;
    const char *subject_id;
};

struct dev_cfg_fields {
    uint32_t protocol; /* devMgmtID, UINT32_MAX as above */
    const char *uri;
};

struct mo_node_fields {
    const char *object_path;
    uint32_t object_type;   /* 1..3 */
    const json_t *specific; /* objectTypeSpecificArgs, not looked into yet (G1 before G4); NULL = absent */
};

union class_args {
    struct no_more_args no_more;
    struct cert_prov_fields cert_prov;
    struct dev_cfg_fields dev_cfg;
    struct mo_node_fields mo_node;
};

/* Each reads the object that stands for its class in cmdArgs: 0, or CMD_STATUS_BAD_ARGUMENTS with a sentence.
 */
typedef int (*class_parse_fn)(const struct vocabulary *v, const json_t *o, int64_t now, union class_args *ret,
                              struct mef_error *reterr);
int no_more_parse(const struct vocabulary *v, const json_t *o, int64_t now, union class_args *ret,
                  struct mef_error *reterr);
int cert_prov_parse(const struct vocabulary *v, const json_t *o, int64_t now, union class_args *ret,
                    struct mef_error *reterr);
int dev_cfg_parse(const struct vocabulary *v, const json_t *o, int64_t now, union class_args *ret,
                  struct mef_error *reterr);
int mo_node_parse(const struct vocabulary *v, const json_t *o, int64_t now, union class_args *ret,
                  struct mef_error *reterr);

/* G4: the SUID in objectTypeSpecificArgs, directly or nested (5.3 #11). 0, or CMD_STATUS_MO_NODE_BAD_ARGS. */
int mo_node_suid(const struct vocabulary *v, const struct mo_node_fields *args, uint32_t *ret,
                 struct mef_error *reterr);

struct command_class {
    uint32_t id;
    enum word args; /* its member of cmdArgs */
    bool built_in;  /* else it is answered with 41 */
    class_parse_fn parse;
};

/* NULL when there is no such class. */
const struct command_class *class_find(uint32_t id);

/* cmdArgs of a command of class `c`: exactly the member that fits (4.6), then its parser. `args` NULL =
 * absent. 0, or CMD_STATUS_BAD_ARGUMENTS with a sentence. */
int class_args_parse(const struct command_class *c, const struct vocabulary *v, const json_t *args,
                     int64_t now, union class_args *ret, struct mef_error *reterr);
