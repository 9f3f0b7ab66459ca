/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of plugin/dm share. Private to plugin/dm. */
#pragma once

#include <stdatomic.h>
#include <sys/queue.h>

#include "plugin/dm/dm.h"

#define DM_CLIENT_NAME_MAX 255u /* octets of a bus name (D-Bus specification) */

/* What a worker waits for. Shared by worker and loop; each holds a reference. */
struct errand {
    atomic_uint refs;
    struct dm *dm;
    bool run; /* a session; else only the question whether the protocol is offered */
    uint32_t protocol;
    char *uri, *fqdn, *node;
    int fd; /* eventfd, readable once settled */
    /* The loop's until `settled`. */
    int result;
    struct mef_error err;
    atomic_bool settled;
};
struct errand *errand_ref(struct errand *e);
void errand_unref(struct errand *e);
/* Loop: the answer; drops the loop's reference. */
void errand_settle(struct errand *e, int result, const struct mef_error *err);

/* session.c, from the port by way of the loop: take the reference over. */
void dm_take(struct dm *d, struct errand *e);
void dm_abandon(struct dm *d, const struct errand *e); /* nobody waits any more */
struct post *dm_post(struct dm *d);
uint64_t dm_patience(const struct dm *d); /* usec; a worker waits no longer than that for the loop */

/* clients.c */
struct dm_client {
    uint32_t protocol;
    char name[64]; /* of the section */
    char bus_name[DM_CLIENT_NAME_MAX + 1];
    bool built_in; /* offered only if the name is on the bus or can be started */
};
/* The client for a protocol. False: none is known. */
bool dm_client_find(char *const *clients, uint32_t protocol, struct dm_client *ret);
