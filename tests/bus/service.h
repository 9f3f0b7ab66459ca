/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service with one object of its own for the tests of the bus layer. */
#pragma once

#include "dbus/bus.h"
#include "dbus/job.h"
#include "tests/lib/bus-fixture.h"

#define TEST_IFACE "org.mefclient1.Test"
#define TEST_PATH  BUS_ROOT "/test/one"

struct service {
    struct bus_fixture fixture;
    sd_event *event;
    struct bus *bus;
    struct event_sink sink;
    GPtrArray *events; /* "NAME message" */
    unsigned up, down; /* calls of on_state */
    bool connected;

    struct bus_object *manager, *test;
    uint32_t value;
    char *text;
    unsigned ran; /* handlers that ran */
    uid_t last_uid;
    struct bus_call *later;
};

void service_start(struct service *s, const char *address, const uid_t *trusted,
                   size_t n_trusted); /* NULL: a bus of its own */
/* On a bus of its own; so many microseconds are a second of the back-off. */
void service_start_fast(struct service *s, uint64_t second);
void service_stop(struct service *s);
void service_wait_up(struct service *s);
bool service_saw(struct service *s, const char *event); /* an event whose text has this in it */
GVariant *service_call(struct service *s, GDBusConnection *c, const char *member, GVariant *params,
                       char **ret_error);
extern const struct bus_interface test_interface;
extern const struct bus_interface manager_interface;
