/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PKCS#11 module that forwards to SoftHSM and misbehaves on demand: counts calls, fails the n-th with a
 * chosen code, takes the token away, makes a call hang. Found by a test with dlsym("shim_control"), or, in
 * another process, in the file that SHIM_FILE names: as long as a struct shim_control, and mapped by both. */
#pragma once

#include <stdatomic.h>

#define SHIM_SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define SHIM_FILE    "MEF_SHIM_CONTROL" /* in the environment */

/* The functions that the shim sees; X(PKCS#11 name without C_). */
#define SHIM_FUNCTIONS                                                                                       \
    X(GetSlotList)                                                                                           \
    X(GetTokenInfo)                                                                                          \
    X(OpenSession)                                                                                           \
    X(CloseSession)                                                                                          \
    X(GetSessionInfo)                                                                                        \
    X(Login)                                                                                                 \
    X(FindObjectsInit)                                                                                       \
    X(FindObjects)                                                                                           \
    X(GetAttributeValue)                                                                                     \
    X(CreateObject)                                                                                          \
    X(DestroyObject)                                                                                         \
    X(GenerateKeyPair)                                                                                       \
    X(SignInit)                                                                                              \
    X(Sign)

enum shim_function {
#define X(name) SHIM_##name,
    SHIM_FUNCTIONS
#undef X
        SHIM_MAX
};

struct shim_control {
    atomic_uint count[SHIM_MAX];   /* calls since the last reset */
    atomic_uint fail_at[SHIM_MAX]; /* which call fails, from 1; 0 = none */
    atomic_ulong fail_with[SHIM_MAX];
    atomic_bool fail_on[SHIM_MAX];       /* and all after it */
    atomic_bool removed;                 /* no token in the slot; sessions are dead until opened anew */
    atomic_ulong epoch;                  /* sessions of an earlier epoch are dead */
    atomic_ulong flags_set, flags_clear; /* of CK_TOKEN_INFO */
    atomic_int hang_fd;                  /* > 0: the next hang_in call blocks reading it, once */
    atomic_int hang_in;                  /* enum shim_function */
    atomic_int sessions;                 /* open in the module now */
};
