/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The example tree of mo-tree.md 6 in a whole world: its MEF and MAF are mef-sims, its certificate lies in
 * the token, its Km too. Failures end the test. Thread: one. */
#pragma once

#include "tests/lib/e2e-nodes.h"

#define EXAMPLE_A    "./DCFG/authenticationProfile/"
#define EXAMPLE_REG  "/org/mefclient1/registration/mef1"
#define EXAMPLE_MEF1 E2E_MO "/MEFClientRegCfg/mef1"
/* Bus path of a profile; '-' is "_2d" there. */
#define EXAMPLE_AP(name) E2E_MO "/authenticationProfile/" name

struct example {
    struct e2e e;
    struct sim_process *maf; /* maf.example.net */
    char *certificate;       /* fingerprint of the one that ap-mef-40 and ap-dc-43 name */
    unsigned serial;         /* of the last command */
};

/* Everything but the agent; the configuration has what is needed and `more`. */
void example_up(struct example *x, const char *more);
void example_configure(struct example *x, const char *more);
/* Starts the agent, imports the tree, waits until mef1 is registered and at rest. `app_anchor` is the
 * fingerprint of ta-app and `app_port` the port of its server; NULL and 0: as they stand. */
void example_go(struct example *x, const char *app_anchor, unsigned app_port);
void example_down(struct example *x);
/* MO_NODE of mef1's MEF: the status that it was told. SUID 0: none is sent. */
int example_command(struct example *x, const char *path, int type, int suid);
