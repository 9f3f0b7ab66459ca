/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A mef-sim of a test's own: started on any port, watched by its control port and its log. Failures end the
 * test program (g_error), since without a MEF there is nothing to test. Thread: one. */
#pragma once

#include <glib.h>
#include <jansson.h>

struct sim_process;

/* Starts tests/sim/mef-sim with dir for CA, log and state, and waits until it is up. `scenario` is JSON text
 * (NULL: the default one); `args` are further options, NULL-terminated, or NULL. */
struct sim_process *sim_start(const char *dir, const char *fqdn, const char *scenario,
                              const char *const *args);
/* SIGTERM, then the exit status. NULL-safe; frees. */
int sim_stop(struct sim_process *s);
/* Kills without a chance to tidy up; frees. */
void sim_kill(struct sim_process *s);

unsigned sim_port(const struct sim_process *s);
const char *sim_ca_path(const struct sim_process *s); /* borrowed */
const char *sim_log_path(const struct sim_process *s);

/* A request to the control port; body may be NULL (borrowed). The answer's JSON (new reference), its HTTP
 * status in *ret_status unless that is NULL; then anything but 200 is a failure of the test. */
json_t *sim_call(struct sim_process *s, const char *method, const char *url, json_t *body, int *ret_status);
/* The same with the body as JSON text. */
json_t *sim_post(struct sim_process *s, const char *url, const char *body);
/* GET /sim/state. */
json_t *sim_state(struct sim_process *s);
/* Waits until `want(state, data)` is true; the state (new reference), or NULL after `seconds`. */
json_t *sim_wait(struct sim_process *s, gboolean (*want)(json_t *state, void *data), void *data,
                 unsigned seconds);
/* All lines of the log, as an array (new reference). */
json_t *sim_log(struct sim_process *s);
/* Fails the test with the sentences when a log line has a violation. */
void sim_assert_no_violation(struct sim_process *s);
