/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A multi handle of libcurl owns a pair of unix sockets for curl_multi_wakeup(), which this version leaves
 * open in children (good-guest rule: every descriptor is close-on-exec). libcurl does not tell their numbers,
 * so they are recognized by what a wakeup does to them: each one puts one octet into the queue of one end.
 * Only descriptors that follow that to the octet, twice, are touched; where that fails, nothing is.
 * Ownership: libcurl's. Thread: any. */
#include "plugin/net/multi.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPAN 64 /* descriptors above the lowest free one that are looked at */

struct end {
    int fd, in, out; /* octets waiting to be read here; memory queued towards the other end */
};

/* An unix stream socket that a child would inherit. */
static bool candidate(int fd)
{
    int domain = 0, type = 0, flags = fcntl(fd, F_GETFD);
    socklen_t n = sizeof domain, m = sizeof type;

    return flags >= 0 && !(flags & FD_CLOEXEC) && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
           domain == AF_UNIX && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &m) == 0 && type == SOCK_STREAM;
}

static bool measure(struct end *e)
{
    return ioctl(e->fd, FIONREAD, &e->in) == 0 && ioctl(e->fd, SIOCOUTQ, &e->out) == 0;
}

static void close_on_exec(CURLM *multi, int lowest)
{
    struct end ends[SPAN];
    bool reader[SPAN], writer[SPAN];
    int n = 0, found = -1, other = -1;

    for (int fd = lowest; fd < lowest + SPAN; fd++) {
        struct end e = {.fd = fd};

        if (candidate(fd) && measure(&e) && e.in == 0 && e.out == 0) {
            reader[n] = writer[n] = true;
            ends[n++] = e;
        }
    }
    for (int round = 1; round <= 2; round++) {
        if (curl_multi_wakeup(multi) != CURLM_OK)
            return;
        for (int i = 0; i < n; i++) {
            int out = ends[i].out;

            if (!measure(&ends[i]))
                reader[i] = writer[i] = false;
            reader[i] = reader[i] && ends[i].in == round && ends[i].out == 0;
            writer[i] = writer[i] && ends[i].in == 0 && ends[i].out > out;
        }
    }
    for (int i = 0; i < n; i++) {
        if (reader[i])
            found = found == -1 ? ends[i].fd : -2;
        if (writer[i])
            other = other == -1 ? ends[i].fd : -2;
    }
    if (found >= 0 && other >= 0) {
        (void)fcntl(found, F_SETFD, FD_CLOEXEC);
        (void)fcntl(other, F_SETFD, FD_CLOEXEC);
    }
    /* The next curl_multi_poll() reads the octets and returns at once, which its caller bears. */
}

CURLM *multi_new(void)
{
    int lowest = eventfd(0, EFD_CLOEXEC);
    CURLM *multi;

    if (lowest < 0)
        return NULL;
    close(lowest);
    multi = curl_multi_init();
    if (multi)
        close_on_exec(multi, lowest);
    return multi;
}
