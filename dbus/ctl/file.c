/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bounded reader. Ownership: the text is the caller's. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "dbus/ctl/file.h"
#include "plugin/base/buf.h"
#include "plugin/base/str.h"

int file_read(const char *path, size_t max, char **ret, size_t *ret_len)
{
    struct buf b = {.max = max};
    char chunk[4096];
    int fd = STDIN_FILENO, r = 0;
    bool own = !streq(path, "-");

    if (own)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    while (r == 0) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno != EINTR)
            r = -errno;
        else if (n == 0)
            break;
        else if (n > 0)
            r = buf_add(&b, chunk, (size_t)n);
    }
    if (own)
        close(fd);
    if (r == 0 && !b.data)
        r = buf_add(&b, "", 0);
    if (r < 0) {
        buf_clear(&b);
        return r;
    }
    *ret_len = b.len;
    *ret = buf_steal(&b);
    return *ret ? 0 : -ENOMEM;
}
