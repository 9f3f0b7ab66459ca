/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PKCS#11 module that forwards to SoftHSM and misbehaves on demand: counts and times calls, fails the n-th
 * with a chosen code, takes the token away, delays a call or makes it hang. Found by a test with
 * dlsym("shim_control"), or, in another process, in the file that SHIM_FILE names: as long as a struct
 * shim_control, and mapped by both. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#define SHIM_SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define SHIM_FILE    "MEF_SHIM_CONTROL" /* in the environment */

/* The functions that the shim sees; X(PKCS#11 name without C_). */
#define SHIM_FUNCTIONS                                                                                       \
    X(GetInfo)                                                                                               \
    X(GetSlotList)                                                                                           \
    X(GetSlotInfo)                                                                                           \
    X(GetTokenInfo)                                                                                          \
    X(GetMechanismList)                                                                                      \
    X(OpenSession)                                                                                           \
    X(CloseSession)                                                                                          \
    X(GetSessionInfo)                                                                                        \
    X(Login)                                                                                                 \
    X(FindObjectsInit)                                                                                       \
    X(FindObjects)                                                                                           \
    X(FindObjectsFinal)                                                                                      \
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

    /* One call that fails once, counted over all functions or over the calls of one. */
    atomic_uint total;       /* calls since the last reset */
    atomic_int total_of;     /* 1 + enum shim_function: only those count; 0 = all */
    atomic_uint total_at;    /* which one fails with total_with, from 1; 0 = none; cleared when it has */
    atomic_ulong total_with; /* CKR_DEVICE_REMOVED takes the sessions along */
    atomic_int total_hit;    /* 1 + enum shim_function of the call that failed so; 0 = none yet */

    /* What is so until it is taken back. */
    atomic_int trip_at;      /* 1 + enum shim_function before whose next call the token is removed */
    atomic_int hold_in;      /* 1 + enum shim_function: such calls do not return while it is so */
    atomic_uint held;        /* calls that are held now */
    atomic_bool no_create;   /* the token is full: CKR_DEVICE_MEMORY for what makes an object */
    atomic_bool no_write;    /* CKR_TOKEN_WRITE_PROTECTED for what makes or deletes one */
    atomic_ulong slot_shift; /* added to the numbers of the slots */
    atomic_int sessions;     /* open in the module now */
    atomic_bool timed;       /* cpu_ns is kept */
    atomic_ulong cpu_ns;     /* what the threads have run inside of SoftHSM's functions */
    atomic_ulong heap;       /* octets in use in the whole process, at the last C_FindObjectsInit */
};
