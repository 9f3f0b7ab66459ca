/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/fd-secret.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/cancel.h"

#define PATIENCE_USEC (UINT64_C(2) * 1000000)

/* 1: some octets; 0: the end. The caller of the bus method chose the descriptor, so each wait has its end. */
static ssize_t read_some(int fd, bool stream, const struct wait *w, uint8_t *to, size_t room)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (stream) {
            int n = poll(&p, 1, wait_poll_ms(w, 1000));
            if (n < 0 && errno != EINTR)
                return -errno;
            if (n <= 0) {
                int r = wait_check(w);
                if (r < 0)
                    return r;
                continue;
            }
        }
        ssize_t n = read(fd, to, room);
        if (n >= 0)
            return n;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
        if (wait_check(w) < 0)
            return -ETIMEDOUT;
    }
}

int fd_secret_read(int fd, const char *what, size_t max, struct secret **ret, struct mef_error *reterr)
{
    _cleanup_(secret_freep) struct secret *s = NULL;
    const struct wait w = {.deadline = now_monotonic() + PATIENCE_USEC};
    struct stat st;
    size_t len = 0;
    ssize_t n = 1;

    if (fd < 0 || fstat(fd, &st) < 0 ||
        !(S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "%s must come as a regular file, a memfd, a pipe or a socket", what);
    if (secret_new(max + 1, &s) < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    while (len <= max && n > 0) {
        n = read_some(fd, !S_ISREG(st.st_mode), &w, s->data + len, max + 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n == -ETIMEDOUT)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "%s did not end within 2 s: close the writing end of the pipe", what);
    if (n < 0)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s cannot be read: %s", what,
                        strerrordesc_np((int)-n));
    if (len == 0)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s is empty", what);
    if (len > max)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s is longer than %zu octets", what, max);
    s->len = len;
    *ret = TAKE_PTR(s);
    return 0;
}
