/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a soak run is made of, as data: kinds of commands with the statuses that mef-protocol.md 4.5 names for
 * them, and the faults of mef-sim that no run may notice from outside. Thread: any. */
#pragma once

#include <glib.h>

enum { SOAK_STATUSES = 3, SOAK_OUTCOMES = 4 };

/* How often its report has to be recorded. */
enum soak_reports {
    REPORT_ONCE,
    REPORT_NEVER,       /* a well-formed NO_MORE_COMMANDS */
    REPORT_ONCE_AT_MOST /* 42 for a NO_MORE_COMMANDS goes out once per cmdID (3.4.2), so it can be lost */
};

struct soak_kind {
    const char *name;
    unsigned weight;  /* of a thousand */
    const char *text; /* members of the command for mef-sim, without cid */
    enum soak_reports reports;
    gboolean session;          /* its status is that of the DM client's script */
    gboolean stores;           /* something in the token comes of it */
    int status[SOAK_STATUSES]; /* 0: no more */
};

struct soak_fault {
    const char *name;
    gboolean maf; /* of the MAF, else of the MEF */
    unsigned weight;
    const char *at; /* members of `at` */
    const char *text;
};

/* What the DM client does in each session of a round, and what the MEF has to hear. */
struct soak_outcome {
    const char *script;
    int status;
};

extern const struct soak_outcome soak_outcomes[SOAK_OUTCOMES];
extern const char soak_tree[]; /* JSON of the nodes that MO_NODE names */
/* The same of those that ask for keys (g_free); they stand below the nodes of MEF and MAF, so they come with
 * each life. */
char *soak_key_tree(unsigned maf_port);
#define SOAK_MAF_FQDN "maf.example.net"
#define SOAK_MAF_NODE "/org/mefclient1/mo/MAFClientRegCfg/maf2"
#define SOAK_MAF_REG  "/org/mefclient1/registration/maf_3amaf2"
#define SOAK_KM_ID    "km-0042@" SOAK_MAF_FQDN
enum { SOAK_PROFILES = 6 }; /* that get keys */

unsigned soak_kinds(void);
const struct soak_kind *soak_kind_get(unsigned kind);
unsigned soak_kind_draw(GRand *rand);
unsigned soak_faults(void);
const struct soak_fault *soak_fault_get(unsigned fault);
unsigned soak_fault_draw(GRand *rand);
