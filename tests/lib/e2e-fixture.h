/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything that an exchange needs, real and private: a bus, a SoftHSM token with a Kpm, a mef-sim and a
 * mef-agent with the plugin, each a process of its own that can be stopped, killed and started again. All
 * files lie in one directory below TMPDIR. Nothing sleeps: each wait ends by an event or its deadline, and a
 * deadline that passes ends the test program after the logs have been printed. Thread: one (the main context
 * is iterated inside the waits). */
#pragma once

#include <gio/gio.h>
#include <jansson.h>
#include <sys/types.h>

#include "tests/lib/sim-process.h"
#include "tests/lib/token-fixture.h"

#define E2E_FQDN      "mef.example.com"
#define E2E_ADMIN     "admin.example.org"
#define E2E_KPM_ID    "gw42-kpm@mef.example.com"
#define E2E_CLIENT    "//m2m.example.com/gw42"
#define E2E_SAN       "gw42.in-cse.m2m.example.com" /* of the certificate that CERT_PROV brings */
#define E2E_OTHER_ID  "gw43-kpm@mef.example.com"    /* another client of the MEF */
#define E2E_OTHER_KEY "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define E2E_PLUGIN    TOP_BUILDDIR "/plugin/.libs/mefclient.so"
#define E2E_WAIT_S    60 /* of a wait that does not say; generous for sanitizers on a busy machine */

struct e2e {
    char *dir;
    struct token_fixture token;
    char *kpm; /* hex of the pre-shared key */
    char *config, *state_dir, *runtime_dir, *agent_log, *bus_path, *bus_address;
    GPtrArray *agent_env; /* char *, NAME=VALUE, for the agent's next start; e.g. a crash point */
    char **agent_tool;    /* a program and its words to run the agent below, NULL-terminated, or NULL */
    struct sim_process *sim;
    unsigned sim_port;           /* stays over e2e_sim_start() */
    GPid bus, agent;             /* 0: not running */
    GDBusConnection *connection; /* as the same user; NULL until asked for, and after e2e_bus_stop() */
};

/* Bus, token, MEF with the scenario (JSON text; NULL: the default one), configuration. The agent is not
 * started. */
void e2e_up(struct e2e *e, const char *scenario);
void e2e_down(struct e2e *e);
/* Writes the configuration file: what is needed here, then `more`; the agent reads it at its next start. */
void e2e_configure(struct e2e *e, const char *more);
/* Prints what agent and MEF have logged. */
void e2e_dump(struct e2e *e);

/* ---- processes ---- */

/* Starts the agent and waits for READY=1. */
void e2e_agent_start(struct e2e *e);
/* The same, and until the service is on the bus and its State is `ready`. */
void e2e_agent_start_ready(struct e2e *e);
/* SIGTERM, then the exit status; the time that it took in *ret_usec unless NULL. */
int e2e_agent_stop(struct e2e *e, gint64 *ret_usec);
void e2e_agent_kill(struct e2e *e); /* SIGKILL */
/* Waits for its end: exit status, or 128 + signal. */
int e2e_agent_wait(struct e2e *e, unsigned seconds);
void e2e_bus_stop(struct e2e *e);
void e2e_bus_start(struct e2e *e); /* the same address as before */
void e2e_sim_stop(struct e2e *e, gboolean kill);
/* On the same port, with the state that it had; scenario NULL: the one before. */
void e2e_sim_start(struct e2e *e, const char *scenario);

/* ---- the bus ---- */

GDBusConnection *e2e_bus(struct e2e *e);
/* A method of the service; consumes params; NULL with *error, which then must be given. */
GVariant *e2e_call(struct e2e *e, const char *path, const char *interface, const char *method,
                   GVariant *params, GError **error);
/* A property, or NULL when there is no such object or property. `interface` without the prefix
 * org.mefclient1. */
GVariant *e2e_get(struct e2e *e, const char *path, const char *interface, const char *name);
char *e2e_get_string(struct e2e *e, const char *path, const char *interface,
                     const char *name); /* "" for none */
/* Any number, 0 for none. */
guint64 e2e_get_number(struct e2e *e, const char *path, const char *interface, const char *name);
/* Waits until the property is that string or, for numbers and booleans, prints as that; else the test ends.
 */
void e2e_wait_property(struct e2e *e, const char *path, const char *interface, const char *name,
                       const char *value);
/* Waits until the test is true; it is tried whenever the bus says something and at least every second. */
void e2e_wait(struct e2e *e, const char *what, gboolean (*test)(struct e2e *e, void *data), void *data,
              unsigned seconds);
/* The same, but says whether it came true; FALSE also when the agent has ended (agent is then 0). */
gboolean e2e_try(struct e2e *e, gboolean (*test)(struct e2e *e, void *data), void *data, unsigned seconds);
/* AddMefClientRegCfg for the MEF with its port and E2E_KPM_ID; the path of its Registration object, g_free.
 */
char *e2e_add_mef(struct e2e *e);
/* Makes a key pair in the token and stores a certificate of the MEF's CA for it, with the SAN (dNSName); its
 * fingerprint in the form of CertFingerprint (g_free). Only while no agent runs. */
char *e2e_make_certificate(struct e2e *e, const char *san);
/* The same with that label and CKA_ID; the certificate as PEM (g_free), in the token if it is to be stored.
 */
char *e2e_make_pair(struct e2e *e, const char *label, const char *san, gboolean store);
char *e2e_fingerprint(const char *pem); /* ni form (g_free) */
/* AddMefClientRegCfg with that certificate and the MEF's CA as trust anchor. */
char *e2e_add_mef_by_certificate(struct e2e *e, const char *fingerprint);
/* Waits until the registration has nothing to do until its next poll (NextPoll is set and no report is owed).
 */
void e2e_wait_idle(struct e2e *e, const char *registration);

/* ---- what happened at the MEF ---- */

/* One array of the sim's state, e.g. "reports", "enrolments", "registrations" (new reference). */
json_t *e2e_sim_records(struct e2e *e, const char *name);
/* The log's requests with that op and resource (each may be NULL: any). */
size_t e2e_sim_count(struct e2e *e, const char *op, const char *resource);
/* Waits until so many reports were recorded. */
void e2e_wait_reports(struct e2e *e, size_t n);

/* ---- programs ---- */

/* The library of the sanitizer that all here is built with, NULL: none (g_free). It must come first in a
 * program that was not built with it, and before any other that is preloaded. */
char *e2e_sanitizer(void);

/* Runs mefctl with `--bus` and the words (NULL-terminated); exit status, output in *ret_out unless NULL. */
int e2e_mefctl(struct e2e *e, char **ret_out, ...) G_GNUC_NULL_TERMINATED;
/* Puts a symmetric key into the token. The agent may be running. */
void e2e_put_key(struct e2e *e, const char *label, const char *hex);
/* Objects in the token by `token-tool list`, one a line (g_free). The agent may be running. */
char *e2e_token_list(struct e2e *e);
