/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ownership made visible: a local that owns something says so, and gives it away by TAKE_PTR. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)     __attribute__((cleanup(f)))
#define mef_nodiscard    __attribute__((warn_unused_result))
#define mef_printf(a, b) __attribute__((format(printf, a, b)))
#define ELEMENTS(a)      (sizeof(a) / sizeof((a)[0]))

#define TAKE_PTR(p)                                                                                          \
    ({                                                                                                       \
        __auto_type take_ptr_ = (p);                                                                         \
        (p) = NULL;                                                                                          \
        take_ptr_;                                                                                           \
    })

#define TAKE_FD(fd)                                                                                          \
    ({                                                                                                       \
        int take_fd_ = (fd);                                                                                 \
        (fd) = -1;                                                                                           \
        take_fd_;                                                                                            \
    })

/* Makes `NAMEp(T *p)` for _cleanup_ out of a NULL-safe destructor `void f(T)`. */
#define DEFINE_CLEANUP(type, f)                                                                              \
    static inline void f##p(type *p)                                                                         \
    {                                                                                                        \
        if (*p)                                                                                              \
            f(*p);                                                                                           \
    }

static inline void freep(void *p)
{
    free(*(void **)p);
}

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
