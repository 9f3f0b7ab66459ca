/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of the host ABI share: a private bus, token, state directory and configuration file. */
#pragma once

#include <gio/gio.h>
#include <mefplug/host.h>

#include "tests/lib/token-fixture.h"

#define PLUGIN TOP_BUILDDIR "/plugin/.libs/mefclient.so"

struct host_fixture {
    struct token_fixture token;
    GTestDBus *bus;
    char *dir, *config, *state_dir, *runtime_dir;
};

void host_fixture_up(struct host_fixture *f);
void host_fixture_down(struct host_fixture *f);
/* Writes the configuration file: a good one with the token, then `more`. */
void host_fixture_configure(struct host_fixture *f, const char *more);
/* A table that names the fixture's files; flags and callbacks are the caller's. */
void host_fixture_fill(const struct host_fixture *f, struct mefplug_host *h);
/* Is the name owned on the fixture's bus? */
gboolean host_fixture_on_bus(const struct host_fixture *f);
