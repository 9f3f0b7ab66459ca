/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk that is slow, full or broken, for one process: preloaded, it obeys the files of the directory
 * MEF_TEST_DISK.
 *   hold    fsync and fdatasync do not return while it is there, and make a file `held`
 *   broken  they fail with EIO
 *   full    what is written to a state.db (or beside it) fails with ENOSPC
 * Thread: any. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static void *next(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);

    if (!f)
        abort();
    return f;
}

static bool told(const char *what, bool make)
{
    const char *dir = getenv("MEF_TEST_DISK");
    char path[4096];
    int saved = errno;

    if (!dir || snprintf(path, sizeof path, "%s/%s", dir, what) >= (int)sizeof path)
        return false;
    bool there = access(path, F_OK) == 0;
    if (make && !there) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0)
            close(fd);
    }
    errno = saved;
    return there;
}

static bool fails(void)
{
    while (told("hold", false)) {
        (void)told("held", true);
        (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    if (!told("broken", false))
        return false;
    errno = EIO;
    return true;
}

static bool no_room(int fd)
{
    char link[64], path[4096];
    int saved = errno;

    if (!told("full", false))
        return false;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    bool full = strstr(path, "/state.db") != NULL;
    errno = full ? ENOSPC : saved;
    return full;
}

EXPORT int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))next("fsync");
    return fails() ? -1 : real(fd);
}

EXPORT int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))next("fdatasync");
    return fails() ? -1 : real(fd);
}

EXPORT ssize_t write(int fd, const void *data, size_t len)
{
    ssize_t (*real)(int, const void *, size_t) = (ssize_t(*)(int, const void *, size_t))next("write");
    return no_room(fd) ? -1 : real(fd, data, len);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t(*)(int, const void *, size_t, off_t))next("pwrite");
    return no_room(fd) ? -1 : real(fd, data, len, at);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    ssize_t (*real)(int, const void *, size_t, off64_t) =
        (ssize_t(*)(int, const void *, size_t, off64_t))next("pwrite64");
    return no_room(fd) ? -1 : real(fd, data, len, at);
}
