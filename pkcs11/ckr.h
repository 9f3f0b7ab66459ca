/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a CKR code means to us, as a table. Pure; thread: any. */
#pragma once

#include "plugin/base/err.h"

enum ckr_effect {
    CKR_EFFECT_NONE,   /* this call failed, nothing else */
    CKR_EFFECT_LOST,   /* token or session is gone: drop the session, state absent */
    CKR_EFFECT_ERROR,  /* the device is broken: drop the session, state error */
    CKR_EFFECT_FULL,   /* no room: state full */
    CKR_EFFECT_LOCKED, /* the PIN is locked: drop the session, state locked */
};

struct ckr_meaning {
    unsigned long rv;
    const char *name;
    enum mef_error_word word;
    enum ckr_effect effect;
};

/* NULL for a code that is in no table: word Failed, no effect. */
const struct ckr_meaning *ckr_find(unsigned long rv);

/* "CKM_ECDSA", NULL if it is none of those that an operator cares about. */
const char *ckm_name(unsigned long mechanism);
