/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Name resolution with overrides and c-ares (design.md 4: libcurl's resolver thread would block a cancel).
 * Ownership: a lookup owns its channel and leaves nothing behind. Thread: the worker that looks up. */
#include "plugin/net/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "plugin/base/str.h"

#define DNS_TRY_MS 2000
#define DNS_TRIES  4

static int numeric(const char *s, char ret[INET6_ADDRSTRLEN])
{
    struct in6_addr a;
    size_t n = strlen(s);

    if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
        s++;
        n -= 2;
    }
    if (n >= INET6_ADDRSTRLEN)
        return -EINVAL;
    memcpy(ret, s, n);
    ret[n] = '\0';
    return inet_pton(AF_INET, ret, &a) == 1 || inet_pton(AF_INET6, ret, &a) == 1 ? 0 : -EINVAL;
}

int resolver_init(struct resolver *r, char *const *overrides, const char *nameservers,
                  struct mef_error *reterr)
{
    struct resolver made = {0};

    for (size_t i = 0; overrides && overrides[i]; i++) {
        const char *colon = strchr(overrides[i], ':');
        char address[INET6_ADDRSTRLEN];
        _cleanup_(freep) char *name = NULL;

        if (!colon || colon == overrides[i] || numeric(colon + 1, address) < 0) {
            resolver_clear(&made);
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "The address override '%s' is not of the form NAME:ADDRESS.", overrides[i]);
        }
        name = strndup(overrides[i], (size_t)(colon - overrides[i]));
        if (!name || strv_push(&made.names, str_lower(name)) < 0 || strv_push(&made.addresses, address) < 0)
            goto nomem;
    }
    if (nameservers && !(made.nameservers = strdup(nameservers)))
        goto nomem;
    *r = made;
    return 0;
nomem:
    resolver_clear(&made);
    return -ENOMEM;
}

void resolver_clear(struct resolver *r)
{
    strv_free(r->names);
    strv_free(r->addresses);
    free(r->nameservers);
    *r = (struct resolver){0};
}

static void add_address(struct addresses *a, const char *text)
{
    size_t n = strlen(text);

    if (a->n < RESOLVE_MAX && n < sizeof a->text[0])
        memcpy(a->text[a->n++], text, n + 1);
}

struct lookup {
    struct addresses found;
    bool done;
    int status;
};

static void lookup_done(void *ctx, int status, int timeouts, struct ares_addrinfo *result)
{
    struct lookup *l = ctx;

    l->done = true;
    l->status = status;
    if (status != ARES_SUCCESS)
        return;
    for (struct ares_addrinfo_node *node = result->nodes; node; node = node->ai_next) {
        char text[INET6_ADDRSTRLEN];
        const void *address;

        if (node->ai_family == AF_INET)
            address = &((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr;
        else if (node->ai_family == AF_INET6)
            address = &((const struct sockaddr_in6 *)(const void *)node->ai_addr)->sin6_addr;
        else
            continue;
        if (inet_ntop(node->ai_family, address, text, sizeof text))
            add_address(&l->found, text);
    }
    ares_freeaddrinfo(result);
}

/* One turn: waits for the channel's sockets, its own timer, the deadline or the cancel, and lets c-ares work.
 */
static int turn(ares_channel channel, const struct wait *wait)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd fds[ARES_GETSOCK_MAXNUM + 1];
    struct timeval cap = {.tv_sec = 1}, own, *next;
    /* As in ARES_GETSOCK_READABLE and _WRITABLE, which shift into the sign. */
    unsigned bits = (unsigned)ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    int r;
    nfds_t n = 0;

    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        short events = 0;

        if (bits >> i & 1)
            events |= POLLIN;
        if (bits >> (i + ARES_GETSOCK_MAXNUM) & 1)
            events |= POLLOUT;
        if (events)
            fds[n++] = (struct pollfd){.fd = sockets[i], .events = events};
    }
    fds[n] = (struct pollfd){.fd = wait->cancel ? wait->cancel->fd : -1, .events = POLLIN};
    next = ares_timeout(channel, &cap, &own);
    r = poll(fds, n + 1, wait_poll_ms(wait, (int)(next->tv_sec * 1000 + next->tv_usec / 1000 + 1)));
    if (r < 0 && errno != EINTR)
        return -errno;
    r = wait_check(wait);
    if (r < 0)
        return r;
    for (nfds_t i = 0; i < n; i++)
        if (fds[i].revents)
            ares_process_fd(channel, fds[i].events & POLLIN ? fds[i].fd : ARES_SOCKET_BAD,
                            fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD);
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* its timers */
    return 0;
}

static int channel_open(const struct resolver *r, ares_channel *ret)
{
    char only_dns[] = "b";
    struct ares_options options = {
        .timeout = DNS_TRY_MS, .tries = DNS_TRIES, .ndomains = 0, .lookups = only_dns};
    /* The name is complete: no search domains. */
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_DOMAINS, status;

    if (r->nameservers)
        mask |= ARES_OPT_LOOKUPS;
    status = ares_init_options(ret, &options, mask);
    if (status != ARES_SUCCESS)
        return status;
    if (r->nameservers) {
        status = ares_set_servers_ports_csv(*ret, r->nameservers);
        if (status != ARES_SUCCESS)
            ares_destroy(*ret);
    }
    return status;
}

int resolver_lookup(const struct resolver *r, const char *name, const struct wait *wait,
                    struct addresses *ret, struct mef_error *reterr)
{
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addresses fixed = {0};
    struct lookup l = {0};
    ares_channel channel;
    int status, result = 0;

    for (size_t i = 0; r->names && r->names[i]; i++)
        if (str_ieq(r->names[i], name))
            add_address(&fixed, r->addresses[i]);
    if (fixed.n) {
        *ret = fixed;
        return 0;
    }
    status = channel_open(r, &channel);
    if (status != ARES_SUCCESS) {
        mef_fail(reterr, MEF_ERROR_FAILED, "The resolver for '%s' did not start: %s.", name,
                 ares_strerror(status));
        return status == ARES_ENOMEM ? -ENOMEM : TRANSPORT_UNREACHABLE;
    }
    ares_getaddrinfo(channel, name, NULL, &hints, lookup_done, &l);
    while (!l.done && result == 0)
        result = turn(channel, wait);
    ares_destroy(channel); /* calls back if it is still under way */
    if (result == -ECANCELED)
        return mef_fail(reterr, MEF_ERROR_CANCELLED, "The lookup of '%s' was cancelled.", name);
    if (result == -ETIMEDOUT) {
        mef_fail(reterr, MEF_ERROR_SERVER_UNREACHABLE, "The name servers gave no address of '%s' in time.",
                 name);
        return TRANSPORT_UNREACHABLE;
    }
    if (result < 0)
        return mef_fail(reterr, MEF_ERROR_FAILED, "The lookup of '%s' failed: %s.", name, strerror(-result));
    if (l.status == ARES_ENOMEM)
        return -ENOMEM;
    if (l.status != ARES_SUCCESS || !l.found.n) {
        mef_fail(reterr, MEF_ERROR_SERVER_UNREACHABLE, "The name '%s' has no address: %s.", name,
                 l.status == ARES_SUCCESS ? "no records" : ares_strerror(l.status));
        return TRANSPORT_UNREACHABLE;
    }
    *ret = l.found;
    return 0;
}
