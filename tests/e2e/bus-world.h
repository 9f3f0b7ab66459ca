/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service with one of everything on a private bus, seen from outside: nodes of all seven types, a
 * registration that has executed commands, a job that waits, a token, credentials. And a client that follows
 * its signals and judges them against style-anchors.md D1 while they come. Tests only. Thread: one. */
#pragma once

#include "tests/lib/bus-fixture.h"
#include "tests/lib/e2e-fixture.h"

#define ROOT_PATH "/org/mefclient1"
#define TREE_PATH ROOT_PATH "/mo"
#define LOG_PATH  "/org/freedesktop/LogControl1"
#define I(x)      "org.mefclient1." x
#define DBUS(x)   "org.freedesktop.DBus." x

struct bus_world {
    struct e2e e;
    struct bus_fixture bus; /* the same bus, for clients of other uids and a fake polkit */
    char *reg;              /* the registration at the MEF */
    GSocket *closed;        /* bound and never listening: a MEF that refuses connections */
    char *job;              /* that waits for it */
};

/* Bus, token, MEF and agent; the agent runs and is ready, the tree is empty. Every uid may connect. */
void bus_world_start(struct bus_world *w, const char *config);
/* The rest of the above. */
void bus_world_fill(struct bus_world *w);
void bus_world_stop(struct bus_world *w);
/* A registration at a MEF that refuses connections; path of its job (g_free). */
char *bus_world_add_unreachable(struct bus_world *w, const char *fqdn);
/* As root; the test ends on an error. Consumes params; unref the answer. */
GVariant *bus_world_call(struct bus_world *w, const char *path, const char *interface, const char *member,
                         GVariant *params);
/* As root; the error's name (g_free), NULL when there was none. */
char *bus_world_error(struct bus_world *w, const char *path, const char *interface, const char *member,
                      GVariant *params);

/* One member of one object. */
struct bus_member {
    char *path, *interface, *name;
    char *in,
        *out; /* signatures; for a property its type, and "r" or "rw"; for a signal its arguments in `in` */
    enum { BUS_METHOD, BUS_PROPERTY, BUS_SIGNAL } kind;
};
/* Everything that introspection finds from "/" downwards, of our interfaces and the standard ones. */
GPtrArray *bus_world_members(struct bus_world *w);

/* ---- a client that follows ---- */

struct bus_mirror;
struct bus_mirror *bus_mirror_new(struct bus_world *w);
void bus_mirror_free(struct bus_mirror *m);
/* Reads the state with GetManagedObjects and compares it with what the signals have told; the test ends at
 * the first difference. By D1 nothing can be under way: what has changed was told before the reply. */
void bus_mirror_compare(struct bus_mirror *m);
/* Calls as a client that waits; what the signals before the reply have told is in the mirror, and each object
 * that a reply names is there. */
GVariant *bus_mirror_call(struct bus_mirror *m, const char *path, const char *interface, const char *member,
                          GVariant *params);
/* The same for a call inside a transaction: what it names comes later. */
GVariant *bus_mirror_stage(struct bus_mirror *m, const char *path, const char *interface, const char *member,
                           GVariant *params);
/* A value as the signals have told it, NULL = none. Not a new reference. */
GVariant *bus_mirror_value(struct bus_mirror *m, const char *path, const char *interface, const char *name);
/* Follows until the property has that value as bus_mirror_value prints it. */
void bus_mirror_until(struct bus_mirror *m, const char *path, const char *interface, const char *name,
                      const char *printed);
/* Values that a PropertiesChanged told a second time although they were the same: news that is none. */
unsigned bus_mirror_repeated(const struct bus_mirror *m);
unsigned bus_mirror_count(const struct bus_mirror *m, const char *member); /* signals of that name so far */
