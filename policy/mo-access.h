/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may change what in the MO tree (mo-tree.md 4.4; EE-18 to EE-21). Two levels: each write when it is
 * staged, and each profile that a MEF wrote, at commit. Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "plugin/base/err.h"

enum mo_origin {
    MO_ORIGIN_LOCAL,
    MO_ORIGIN_MEF_DM,
    MO_ORIGIN_DM,
    MO_ORIGIN_BOOTSTRAP,
    MO_ORIGIN_SMARTCARD,
    MO_ORIGIN_MAX_
};
/* Words of interfaces.md 2: "local" "mef-dm" "dm" "bootstrap" "smartcard". */
const char *mo_origin_name(enum mo_origin origin);
int mo_origin_from_name(const char *name, enum mo_origin *ret); /* -EINVAL */

enum mo_op { MO_OP_ADD, MO_OP_SET, MO_OP_DELETE, MO_OP_LINK, MO_OP_UNLINK };

/* One intended write. */
struct mo_write {
    enum mo_origin origin;
    enum mo_op op;
    const char *type;      /* MO type name */
    const char *attribute; /* canonical long name; NULL = the node as a whole */
    const char *node;      /* node name, for the sentence; may be NULL */
    /* For MO_ORIGIN_MEF_DM only. */
    bool own_registration; /* a MEFClientRegCfg: the one whose exchange this is. A profile: it belongs to that
                            * registration, to none yet, or is being added */
};

/* 0, or -EPERM with `why` (word NotAuthorized). An add is asked for the node and once per attribute. */
int mo_write_admit(const struct mo_write *w, struct mef_error *why);

/* An authenticationProfile as a transaction of origin mef-dm would leave it. */
struct mo_profile {
    const char *node;
    uint32_t suid;
    bool has_expiration_time, has_key_reg_duration;
    bool links_own_registration;   /* one of its links is the MEFClientRegCfg of this MEF's registration (same
                                    * fqdn and   adminFQDN) */
    bool links_other_registration; /* one of its links is another MEFClientRegCfg */
};

/* EE-20 at commit. 0, or -EPERM with `why`. SUID 21, 22, 23: link, expirationTime and keyRegDuration; 1x:
 * always refused, a MEF cannot give symmKeyID; others: nothing. */
int mo_profile_admit_commit(const struct mo_profile *p, struct mef_error *why);

/* Attributes that are never read back by anybody: symmKeyValue, myCertFileContent. */
bool mo_attribute_write_only(const char *type, const char *attribute);
