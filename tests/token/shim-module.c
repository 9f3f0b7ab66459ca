/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The misbehaving module of shim.h. Thread: any; the control block is atomic. */
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/token/shim.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT extern struct shim_control shim_control;
struct shim_control shim_control;

static struct shim_control *control = &shim_control;
static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST list;
static atomic_ulong session_epoch; /* epoch in which the last session was opened */

static bool makes(enum shim_function f)
{
    return f == SHIM_CreateObject || f == SHIM_GenerateKeyPair;
}

/* The one call that shall fail once; CKR_OK = not this one. */
static CK_RV once(enum shim_function f)
{
    struct shim_control *c = control;
    int of = atomic_load(&c->total_of);

    if (of && of != 1 + (int)f)
        return CKR_OK;
    unsigned n = atomic_fetch_add(&c->total, 1) + 1, at = atomic_load(&c->total_at);
    if (!at || n < at || !atomic_compare_exchange_strong(&c->total_at, &at, 0))
        return CKR_OK;
    CK_RV rv = atomic_load(&c->total_with);
    if (rv == CKR_DEVICE_REMOVED)
        atomic_fetch_add(&c->epoch, 1);
    atomic_store(&c->total_hit, 1 + (int)f);
    return rv;
}

/* A slow device: until the test lets it go. */
static void hold(enum shim_function f)
{
    const struct timespec ms = {.tv_nsec = 1000000};

    if (atomic_load(&control->hold_in) != 1 + (int)f)
        return;
    atomic_fetch_add(&control->held, 1);
    while (atomic_load(&control->hold_in) == 1 + (int)f)
        (void)nanosleep(&ms, NULL);
    atomic_fetch_sub(&control->held, 1);
}

/* What a call does before it is forwarded; CKR_OK = forward. */
static CK_RV before(enum shim_function f)
{
    struct shim_control *c = control;
    unsigned n = atomic_fetch_add(&c->count[f], 1) + 1, at = atomic_load(&c->fail_at[f]);

    if (atomic_load(&c->hang_fd) > 0 && atomic_load(&c->hang_in) == (int)f) {
        char byte;
        int fd = atomic_exchange(&c->hang_fd, 0);
        while (read(fd, &byte, 1) < 0)
            ;
    }
    if (f == SHIM_FindObjectsInit) {
        struct mallinfo2 m = mallinfo2();
        atomic_store(&c->heap, m.uordblks + m.hblkhd);
    }
    hold(f);
    if (at && (n == at || (n > at && atomic_load(&c->fail_on[f]))))
        return atomic_load(&c->fail_with[f]);
    if (makes(f) && atomic_load(&c->no_create))
        return CKR_DEVICE_MEMORY;
    if ((makes(f) || f == SHIM_DestroyObject) && atomic_load(&c->no_write))
        return CKR_TOKEN_WRITE_PROTECTED;
    return once(f);
}

static CK_RV in_session(enum shim_function f)
{
    int trip = 1 + (int)f;

    if (atomic_compare_exchange_strong(&control->trip_at, &trip, 0)) {
        atomic_store(&control->removed, true);
        atomic_fetch_add(&control->epoch, 1);
    }
    if (atomic_load(&control->removed))
        return CKR_DEVICE_REMOVED;
    if (atomic_load(&session_epoch) != atomic_load(&control->epoch))
        return CKR_SESSION_HANDLE_INVALID;
    return before(f);
}

static unsigned long ran(void)
{
    struct timespec t;

    if (!atomic_load(&control->timed) || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0)
        return 0;
    return (unsigned long)t.tv_sec * 1000000000u + (unsigned long)t.tv_nsec;
}

static void spent(unsigned long since)
{
    if (since)
        atomic_fetch_add(&control->cpu_ns, ran() - since);
}

#define FORWARD(name, guard, params, args)                                                                   \
    static CK_RV shim_##name params                                                                          \
    {                                                                                                        \
        CK_RV rv = guard(SHIM_##name);                                                                       \
        unsigned long since = ran();                                                                         \
        if (rv == CKR_OK)                                                                                    \
            rv = real->C_##name args;                                                                        \
        spent(since);                                                                                        \
        return rv;                                                                                           \
    }

static CK_SLOT_ID real_slot(CK_SLOT_ID slot)
{
    return slot - atomic_load(&control->slot_shift);
}

static CK_RV shim_GetSlotList(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
    CK_RV rv = before(SHIM_GetSlotList);

    if (rv != CKR_OK)
        return rv;
    if (atomic_load(&control->removed)) {
        *n = 0;
        return CKR_OK;
    }
    rv = real->C_GetSlotList(present, slots, n);
    for (CK_ULONG i = 0; rv == CKR_OK && slots && i < *n; i++)
        slots[i] += atomic_load(&control->slot_shift);
    return rv;
}

static CK_RV shim_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = before(SHIM_GetTokenInfo);

    if (rv == CKR_OK)
        rv = atomic_load(&control->removed) ? CKR_TOKEN_NOT_PRESENT
                                            : real->C_GetTokenInfo(real_slot(slot), info);
    if (rv == CKR_OK) {
        info->flags |= atomic_load(&control->flags_set);
        info->flags &= ~atomic_load(&control->flags_clear);
    }
    return rv;
}

static CK_RV shim_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
                              CK_SESSION_HANDLE *s)
{
    CK_RV rv = before(SHIM_OpenSession);

    if (rv == CKR_OK)
        rv = atomic_load(&control->removed) ? CKR_TOKEN_NOT_PRESENT
                                            : real->C_OpenSession(real_slot(slot), flags, app, notify, s);
    if (rv == CKR_OK) {
        atomic_store(&session_epoch, atomic_load(&control->epoch));
        atomic_fetch_add(&control->sessions, 1);
    }
    return rv;
}

static CK_RV shim_CloseSession(CK_SESSION_HANDLE s)
{
    CK_RV rv = before(SHIM_CloseSession);

    if (rv == CKR_OK)
        rv = real->C_CloseSession(s);
    if (rv == CKR_OK)
        atomic_fetch_sub(&control->sessions, 1);
    return rv;
}

static CK_RV shim_CloseAllSessions(CK_SLOT_ID slot)
{
    CK_RV rv = real->C_CloseAllSessions(real_slot(slot));

    if (rv == CKR_OK)
        atomic_store(&control->sessions, 0);
    return rv;
}

static CK_RV shim_Finalize(void *reserved)
{
    CK_RV rv = real->C_Finalize(reserved);

    if (rv == CKR_OK)
        atomic_store(&control->sessions, 0);
    return rv;
}

FORWARD(GetInfo, before, (CK_INFO * i), (i))
FORWARD(GetSlotInfo, before, (CK_SLOT_ID slot, CK_SLOT_INFO *i), (real_slot(slot), i))
FORWARD(GetMechanismList, before, (CK_SLOT_ID slot, CK_MECHANISM_TYPE *m, CK_ULONG *n),
        (real_slot(slot), m, n))
FORWARD(GetSessionInfo, in_session, (CK_SESSION_HANDLE s, CK_SESSION_INFO *i), (s, i))
FORWARD(Login, in_session, (CK_SESSION_HANDLE s, CK_USER_TYPE u, CK_BYTE *pin, CK_ULONG n), (s, u, pin, n))
FORWARD(FindObjectsInit, in_session, (CK_SESSION_HANDLE s, CK_ATTRIBUTE *a, CK_ULONG n), (s, a, n))
FORWARD(FindObjects, in_session, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *o, CK_ULONG max, CK_ULONG *n),
        (s, o, max, n))
FORWARD(FindObjectsFinal, in_session, (CK_SESSION_HANDLE s), (s))
FORWARD(GetAttributeValue, in_session, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a, CK_ULONG n),
        (s, o, a, n))
FORWARD(CreateObject, in_session, (CK_SESSION_HANDLE s, CK_ATTRIBUTE *a, CK_ULONG n, CK_OBJECT_HANDLE *o),
        (s, a, n, o))
FORWARD(DestroyObject, in_session, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o), (s, o))
FORWARD(GenerateKeyPair, in_session,
        (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *a, CK_ULONG an, CK_ATTRIBUTE *b, CK_ULONG bn,
         CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv),
        (s, m, a, an, b, bn, pub, priv))
FORWARD(SignInit, in_session, (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k), (s, m, k))
FORWARD(Sign, in_session, (CK_SESSION_HANDLE s, CK_BYTE *d, CK_ULONG n, CK_BYTE *sig, CK_ULONG *len),
        (s, d, n, sig, len))

/* The control block of another process, if there is one. */
static CK_RV find_control(void)
{
    const char *path = getenv(SHIM_FILE);
    void *map = MAP_FAILED;
    int fd;

    if (!path)
        return CKR_OK;
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    if (map == MAP_FAILED)
        return CKR_GENERAL_ERROR;
    control = map;
    return CKR_OK;
}

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret);
EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret)
{
    if (!real) {
        void *lib = dlopen(SHIM_SOFTHSM, RTLD_NOW | RTLD_LOCAL);
        CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
        if (lib)
            *(void **)&get = dlsym(lib, "C_GetFunctionList");
        if (find_control() != CKR_OK || !get || get(&real) != CKR_OK)
            return CKR_GENERAL_ERROR;
        list = *real;
        list.C_GetFunctionList = C_GetFunctionList;
        list.C_CloseAllSessions = shim_CloseAllSessions;
        list.C_Finalize = shim_Finalize;
#define X(name) list.C_##name = shim_##name;
        SHIM_FUNCTIONS
#undef X
    }
    *ret = &list;
    return CKR_OK;
}
