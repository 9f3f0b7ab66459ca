/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DM sessions in other processes (design.md 4, mef-protocol.md 3.4.5; MC-22, MC-24, MC-25, DC-04). Which DM
 * clients there are, the sessions that run, and the port by which a worker asks for one and waits.
 *
 * A session belongs to the unique bus name that answered StartSession; what that name may do in the tree
 * follows from the session and never from what it says of itself. It ends with SessionFinished, with its
 * owner's connection, with its deadline, or with the cancel of whoever waits; each of them rolls back what
 * was not committed.
 *
 * Thread: the loop's, but for the functions of the port, which are the workers'. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "dbus/bus.h"
#include "plugin/base/ports.h"
#include "plugin/base/post.h"

#define DM_INTERFACE BUS_INTERFACE("DMClient")
#define DM_PATH      BUS_ROOT "/dm"

struct dm;
struct dm_session;

struct dm_params {
    struct bus *bus; /* these outlive the dm */
    sd_event *event;
    struct post *post;
    char *const
        *clients; /* [dm-client NAME] as "NAME.key=value", judged by dm_clients_check(); may be NULL */
    uint64_t timeout, idle; /* [mef] devcfg-timeout, devcfg-idle, seconds */
    const char *lwm2m;      /* [mef] devcfg-lwm2m; static */
    void *ctx;
    /* Bus objects of a registration and of the credential of its handshake, malloc'ed; NULL = not told. */
    char *(*registration)(void *ctx, const char *node);
    char *(*credential)(void *ctx, const char *node);
    /* The session is over: rolls back what it holds open in the tree. True: there was something. */
    bool (*rollback)(void *ctx, uint64_t session);
};

/* The sections are whole: each has protocol= 1..4 and bus-name=. InvalidArguments; an unknown key is told to
 * `warn`. */
int dm_clients_check(char *const *clients, const struct event_sink *warn, struct mef_error *reterr);

/* The roots under which the servers of the DM clients know the MO tree: "./..." (OMA DM) appended to mounts,
 * the others (LwM2M, "/...") to prefixes. -ENOMEM. */
int dm_clients_roots(char *const *clients, char ***ret_mounts, char ***ret_prefixes);

/* Copies. -ENOMEM. */
int dm_new(const struct dm_params *p, struct dm **ret);
void dm_bus_state(struct dm *d, bool connected); /* the bus came or went; NULL is fine */
/* Cancels every session at its client and forgets it. While the bus is still there; the workers have been
 * cancelled. */
void dm_stop(struct dm *d); /* NULL is fine */
/* After the workers have ended. NULL is fine. */
void dm_free(struct dm *d);
struct dm_port dm_port(struct dm *d);

/* ---- what the tree asks ---- */

/* The running session with that path, if `sender` owns it; else NULL. Valid for this turn. */
struct dm_session *dm_session_find(struct dm *d, const char *sender, const char *path);
bool dm_has_session(const struct dm *d, const char *sender); /* some session is the sender's */
uint64_t dm_session_id(const struct dm_session *s);          /* never used again */
const char *dm_session_node(const struct dm_session *s);     /* the registration */
bool dm_session_committed(const struct dm_session *s); /* its one transaction is in the tree, or on its way */
/* A commit of the session's transaction begins, and has ended (r < 0: nothing changed). */
void dm_session_commit_begins(struct dm *d, uint64_t session);
void dm_session_commit_ended(struct dm *d, uint64_t session, int r);
