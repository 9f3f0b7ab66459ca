/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/turns.h"

#define EXPORT __attribute__((visibility("default")))

static struct turns none, *turns = &none;
static _Thread_local uint64_t since, queued;

__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("TURNS_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = fd >= 0 ? mmap(NULL, sizeof *turns, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (fd >= 0)
        close(fd);
    if (at != MAP_FAILED)
        turns = at;
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Nanoseconds that this thread has waited for a processor so far. */
static uint64_t in_queue(void)
{
    char text[96] = "";
    unsigned long long run, wait = 0;
    int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (read(fd, text, sizeof text - 1) > 0 && sscanf(text, "%llu %llu", &run, &wait) != 2)
        wait = 0;
    close(fd);
    return wait;
}

static void turn_ends(void)
{
    uint64_t took = now() - since, waited;
    unsigned long longest = atomic_load(&turns->longest_ns);

    if (!since || gettid() != getpid()) /* the workers wait in poll(2), too */
        return;
    atomic_fetch_add(&turns->turns, 1);
    waited = in_queue() - queued;
    took -= waited < took ? waited : took;
    while (took > longest && !atomic_compare_exchange_weak(&turns->longest_ns, &longest, took))
        ;
}

static void turn_begins(void)
{
    queued = in_queue();
    since = now();
}

EXPORT int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
    static int (*real)(int, struct epoll_event *, int, int);
    int n;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "epoll_wait");
    turn_ends();
    n = real(fd, events, max, timeout);
    turn_begins();
    return n;
}

EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
                        const sigset_t *mask)
{
    static int (*real)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);
    int n;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "epoll_pwait2");
    turn_ends();
    n = real(fd, events, max, timeout, mask);
    turn_begins();
    return n;
}

/* The host waits for the plugin's descriptor and its own at once. */
EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    static int (*real)(struct pollfd *, nfds_t, int);
    int ready;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "poll");
    turn_ends();
    ready = real(fds, n, timeout);
    turn_begins();
    return ready;
}
