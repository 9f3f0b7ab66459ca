/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See fault-cells.h. */
#include "tests/e2e/fault-cells.h"

#include <string.h>
#include <unistd.h>

#include "tests/lib/e2e-token.h"

#define SETTINGS                                                                                             \
    "connect-timeout=2\nresponse-timeout=1\n[mef]\nbackoff-min=1\nbackoff-max=3\ndefault-retry=5\n"
#define NODE_PATH "/org/mefclient1/mo/MEFClientRegCfg/mef_2eexample_2ecom"
#define QUIET_MS  2500
#define STORM_MS  4000
#define MANY      20 /* requests in one cell: more is a busy loop */
#define CPU_MS    3000

/* ---- what happened ------------------------------------------------------------------------------------ */

struct trial {
    struct cells *c;
    const struct fault_message *m;
    const struct fault_expectation *want;
    char letter;
    gboolean spoilt_only; /* the goal is that the job is over */
    size_t mark;          /* lines of the MEF's log before */
    unsigned jobs;
    char cid[2][32];
    /* seen */
    unsigned requests, total, connections, violations;
    gint64 first, second; /* ms */
    int csc[2], records[2];
    char *job_state;
};

static gboolean job_over(struct e2e *e, void *data)
{
    struct cells *c = data;
    if (!c->job)
        return TRUE;
    g_autofree char *s = e2e_get_string(e, c->job, "Job", "State");
    return strcmp(s, "queued") != 0 && strcmp(s, "running") != 0 && strcmp(s, "waiting") != 0;
}

static gboolean call_job(struct cells *c, const char *path, const char *interface, const char *method)
{
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&c->job, g_free);
    g_autoptr(GVariant) reply =
        e2e_call(&c->e, path, interface, method, g_variant_new("(a{sv})", NULL), &error);
    if (!reply)
        return FALSE;
    g_variant_get(reply, "(o)", &c->job);
    return TRUE;
}

static void read_reports(struct trial *t)
{
    json_t *list = e2e_sim_records(&t->c->e, "reports"), *one;
    size_t i;
    memset(t->csc, 0, sizeof t->csc);
    memset(t->records, 0, sizeof t->records);
    json_array_foreach(
        list, i, one) for (int k = 0; k < 2;
                           k++) if (json_is_true(json_object_get(one, "recorded")) && t->cid[k][0] &&
                                    g_strcmp0(json_string_value(json_object_get(one, "cid")), t->cid[k]) == 0)
    {
        t->records[k]++;
        t->csc[k] = (int)json_integer_value(json_object_get(one, "csc"));
    }
    json_decref(list);
}

static gboolean is_idle(struct e2e *e, const char *reg)
{
    g_autofree char *state = e2e_get_string(e, reg, "Registration", "State");
    return strcmp(state, "registered") == 0 && e2e_get_number(e, reg, "Registration", "NextPoll") > 0;
}

static gboolean is_new(struct e2e *e, const char *reg)
{
    g_autofree char *state = e2e_get_string(e, reg, "Registration", "State");
    return strcmp(state, "new") == 0;
}

static gboolean goal(struct e2e *e, void *data)
{
    struct trial *t = data;
    if (!job_over(e, t->c))
        return FALSE;
    if (t->spoilt_only)
        return TRUE;
    if (strcmp(t->m->method, "Deregister") == 0)
        return is_new(e, t->c->reg);
    if (!is_idle(e, t->c->reg))
        return FALSE;
    read_reports(t);
    return (!t->cid[0][0] || t->csc[0]) && (!t->cid[1][0] || t->csc[1]);
}

static gint64 time_of(const json_t *line)
{
    g_autoptr(GDateTime) d =
        g_date_time_new_from_iso8601(json_string_value(json_object_get(line, "time")), NULL);
    return d ? g_date_time_to_unix(d) * 1000 + g_date_time_get_microsecond(d) / 1000 : 0;
}

/* A report of the second command is another message than the one that is looked at. */
static gboolean of_the_message(const struct trial *t, const json_t *line)
{
    const char *op = json_string_value(json_object_get(line, "op")),
               *resource = json_string_value(json_object_get(line, "resource"));
    if (g_strcmp0(op, t->m->op) != 0 || g_strcmp0(resource, t->m->resource) != 0)
        return FALSE;
    if (strcmp(op, "update") != 0 || !t->cid[0][0])
        return TRUE;
    char *body = json_dumps(json_object_get(line, "body"), JSON_ENCODE_ANY);
    gboolean ours = body && strstr(body, t->cid[0]);
    free(body);
    return ours;
}

static void read_log(struct trial *t)
{
    json_t *log = sim_log(t->c->e.sim), *line;
    t->requests = t->total = t->connections = t->violations = 0;
    t->first = t->second = 0;
    for (size_t i = t->mark; i < json_array_size(log); i++) {
        line = json_array_get(log, i);
        t->violations += json_array_size(json_object_get(line, "violation")) > 0;
        if (!json_object_get(line, "request")) {
            t->connections++;
            continue;
        }
        t->total++;
        if (!of_the_message(t, line))
            continue;
        if (t->requests == 0)
            t->first = time_of(line);
        if (t->requests == 1)
            t->second = time_of(line);
        t->requests++;
    }
    json_decref(log);
}

static size_t log_length(struct cells *c)
{
    json_t *log = sim_log(c->e.sim);
    size_t n = json_array_size(log);
    json_decref(log);
    return n;
}

/* User and system time of the agent, ms. */
static gint64 cpu_ms(struct cells *c)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)c->e.agent), *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    const char *p = strrchr(text, ')');
    g_auto(GStrv) words = g_strsplit(p ? p + 2 : "", " ", 16);
    if (g_strv_length(words) < 14)
        return 0;
    return (g_ascii_strtoll(words[11], NULL, 10) + g_ascii_strtoll(words[12], NULL, 10)) * 1000 /
           sysconf(_SC_CLK_TCK);
}

/* ---- the token ---------------------------------------------------------------------------------------- */

static gboolean has_certificate(struct cells *c)
{
    g_autofree char *credential = e2e_get_string(&c->e, c->reg, "Registration", "Credential");
    g_autofree char *kind = e2e_get_string(&c->e, credential, "Credential", "Kind");
    return strcmp(kind, "certificate") == 0 && !c->factory;
}

/* Nothing is orphaned or half stored, and pairs are as many as enrolments succeeded. */
static gboolean token_in_order(struct e2e *e, void *data)
{
    static const char *const given[] = {"factory", NULL};
    struct cells *c = data;
    g_autofree char *wrong = e2e_token_disorder(e, given);

    return !wrong &&
           e2e_ask_store(e, "SELECT count(*) FROM token_object WHERE kind=1", NULL) == (gint64)c->enrolled;
}

/* ---- before and after --------------------------------------------------------------------------------- */

static gboolean live(struct e2e *e, void *data)
{
    struct cells *c = data;
    return is_idle(e, c->reg) && job_over(e, c);
}

static gboolean gone_quietly(struct e2e *e, void *data)
{
    struct cells *c = data;
    return is_new(e, c->reg) && job_over(e, c);
}

static gboolean no_object(struct e2e *e, void *data)
{
    struct cells *c = data;
    g_autofree char *state = e2e_get_string(e, c->reg, "Registration", "State");
    return *state == '\0';
}

static void add(struct cells *c)
{
    g_free(c->reg);
    c->reg = c->factory ? e2e_add_mef_by_certificate(&c->e, c->factory) : e2e_add_mef(&c->e);
}

static gboolean prepare(struct cells *c)
{
    const struct fault_message *m = fault_message_get(c->message);
    struct e2e *e = &c->e;
    if (!live(e, c) &&
        !(call_job(c, c->reg, "org.mefclient1.Registration", "Register") && e2e_try(e, live, c, 20)))
        return FALSE;
    if (m->credential == NO_CERTIFICATE && has_certificate(c)) {
        if (!call_job(c, NODE_PATH, "org.mefclient1.Node", "Delete") || !e2e_try(e, no_object, c, 20))
            return FALSE;
        add(c);
        c->enrolled = 0;
        g_clear_pointer(&c->job, g_free);
        if (!e2e_try(e, live, c, 20))
            return FALSE;
    }
    if (m->credential == WITH_CERTIFICATE && !has_certificate(c)) {
        json_decref(sim_post(e->sim, "/sim/commands", "{\"class\":\"CERT_PROV\"}"));
        if (!call_job(c, c->reg, "org.mefclient1.Registration", "Poll") || !e2e_try(e, live, c, 20) ||
            !has_certificate(c))
            return FALSE;
        c->enrolled++;
    }
    if (m->before == MUST_BE_NEW)
        return call_job(c, c->reg, "org.mefclient1.Registration", "Deregister") &&
               e2e_try(e, gone_quietly, c, 20);
    return TRUE;
}

static void post_commands(struct trial *t)
{
    struct cells *c = t->c;
    unsigned n = t->m->commands == COMMANDS_TWO ? 2 : t->m->commands == COMMANDS_NONE ? 0 : 1;
    c->number++;
    for (unsigned i = 0; i < n; i++) {
        (void)g_snprintf(t->cid[i], sizeof t->cid[i], "cell-%03u-%c", c->number, i ? 'b' : 'a');
        g_autofree char *body = t->m->commands == COMMANDS_CERT
                                    ? g_strdup_printf("{\"class\":\"CERT_PROV\",\"cid\":\"%s\"}", t->cid[i])
                                    : g_strdup_printf("{\"ccid\":9,\"cid\":\"%s\",\"args\":{}}", t->cid[i]);
        json_decref(sim_post(c->e.sim, "/sim/commands", body));
    }
}

static void lay_fault(struct trial *t, const struct fault *f)
{
    struct cells *c = t->c;
    g_autofree char *body = NULL;
    if (f->text[0] == '/') {
        g_auto(GStrv) two = g_strsplit(f->text, " ", 2);
        json_decref(sim_post(c->e.sim, two[0], two[1]));
        return;
    }
    if (f->text[0] == '=') {
        body = g_strdup_printf("{\"est\":%s}", f->text + 1);
        json_decref(sim_post(c->e.sim, "/sim/scenario", body));
        return;
    }
    gboolean always = f->text[0] == '*';
    body = t->letter == 'k' ? g_strdup_printf("{\"at\":{\"connection\":0},%s}", f->text)
                            : g_strdup_printf("{\"at\":{\"op\":\"%s\",\"resource\":\"%s\",\"times\":%d},%s}",
                                              t->m->op, t->m->resource, always ? 0 : 1, f->text + always);
    json_decref(sim_post(c->e.sim, "/sim/faults", body));
}

static void lift_fault(struct cells *c, const struct fault *f)
{
    static const char good[] =
        "{\"est\":{\"cacerts\":\"good\",\"csrattrs\":\"default\",\"certificate\":\"good\","
        "\"csrattrs-der\":null,\"pending\":null}}";
    json_decref(sim_call(c->e.sim, "DELETE", "/sim/faults", NULL, NULL));
    json_decref(sim_call(c->e.sim, "DELETE", "/sim/refuse-identity", NULL, NULL));
    if (f->text[0] == '=')
        json_decref(sim_post(c->e.sim, "/sim/scenario", good));
}

/* ---- judging ------------------------------------------------------------------------------------------ */

/* Status of the command whose report or issue was spoilt. */
static gboolean status_as_expected(const struct trial *t)
{
    int carried = t->m->commands == COMMANDS_TWO ? 1 : 0;
    for (int k = 0; k < 2; k++) {
        int want = t->m->commands == COMMANDS_CERT ? 20 : 41;
        if (!t->cid[k][0])
            continue;
        if (k == carried && strchr("xbv", t->letter))
            want = t->letter == 'x' ? 41 : t->letter == 'b' ? 42 : 43;
        if (k == 0 && t->letter == 'p')
            want = 40; /* issued a second time by the MEF, and recorded a second time */
        if (t->letter == '1' || t->letter == '+')
            want = 100;
        if (t->csc[k] != want && !(strchr("ehs", t->letter) && t->csc[k] == 100 && want == 20))
            return FALSE;
        if (t->records[k] != (k == 0 && t->letter == 'p' ? 2 : 1))
            return FALSE;
    }
    return TRUE;
}

static void complain(GString *why, gboolean bad, const char *text)
{
    if (bad)
        g_string_append_printf(why, "; %s", text);
}

static void judge_first_part(struct trial *t, gboolean reached, GString *why)
{
    const struct fault_expectation *w = t->want;
    gint64 gap = t->second - t->first;
    complain(why, !t->c->e.agent, "the agent has ended");
    complain(why, !reached, "the end was not reached");
    complain(why, t->requests < w->min, "too few requests");
    complain(why, t->requests > w->max, "too many requests");
    complain(why, t->total > MANY || t->connections > MANY, "a busy loop");
    complain(why, w->gap_ms && t->requests > 1 && gap < w->gap_ms, "again too early");
    complain(why, w->job == JOB_DONE && g_strcmp0(t->job_state, "done") != 0, "the job is not done");
    complain(why, w->job == JOB_FAILED && g_strcmp0(t->job_state, "failed") != 0, "the job did not fail");
    complain(why, t->letter == 'k' && t->total > 0, "something was said to it");
    /* mef-sim misses the Accept that it would not have. */
    complain(why, t->violations > 0 && strchr("as", t->letter) == NULL, "a violation");
}

static void judge_end(struct trial *t, gboolean reached, GString *why)
{
    complain(why, !reached, "no recovery");
    read_reports(t);
    t->c->enrolled += t->m->commands == COMMANDS_CERT && (t->csc[0] == 20 || t->letter == 'p');
    complain(why, !status_as_expected(t), "not the status, or not recorded once");
    json_t *list = e2e_sim_records(&t->c->e, "registrations");
    complain(why, strcmp(t->m->method, "Deregister") != 0 && json_array_size(list) != 1,
             "not one registration at the MEF");
    json_decref(list);
    /* What a refused enrolment left is deleted behind the report. */
    complain(why, t->c->e.agent && !e2e_try(&t->c->e, token_in_order, t->c, 5), "the token is not in order");
}

static gboolean quiet_over(struct e2e *e, void *data)
{
    return g_get_monotonic_time() > *(gint64 *)data;
}

static void restart_client(struct cells *c)
{
    unsigned message = c->message;
    cells_close(c);
    cells_open(c, message);
}

gboolean cells_run(struct cells *c, unsigned fault, char **ret_seen)
{
    const struct fault *f = fault_get(fault);
    struct trial t = {.c = c, .m = fault_message_get(c->message), .letter = f->letters[c->message]};
    GString *why = g_string_new(NULL);
    t.want = fault_expectation(t.letter);
    if (!prepare(c)) {
        complain(why, TRUE, "the client cannot be brought to the start");
        goto end;
    }
    t.mark = log_length(c);
    gint64 cpu = cpu_ms(c);
    lay_fault(&t, f);
    post_commands(&t);
    if (!call_job(c, c->reg, "org.mefclient1.Registration", t.m->method)) {
        complain(why, TRUE, "the method was refused");
        goto end;
    }
    gboolean storm = t.letter == 'k' || t.letter == 's';
    t.spoilt_only = t.want->quiet && !storm;
    gboolean reached = storm || e2e_try(&c->e, goal, &t, 30);
    if (t.want->quiet) {
        gint64 until = g_get_monotonic_time() + (t.letter == 's' ? STORM_MS : QUIET_MS) * 1000;
        (void)e2e_try(&c->e, quiet_over, &until, 10);
    }
    t.job_state = c->job ? e2e_get_string(&c->e, c->job, "Job", "State") : NULL;
    read_log(&t);
    read_reports(&t);
    complain(why, cpu_ms(c) - cpu > CPU_MS, "much CPU");
    judge_first_part(&t, reached, why);
    lift_fault(c, f);
    if (c->e.agent && (t.want->quiet || !reached)) {
        /* What is left undone is done once the MEF is right again; a person asks for it. */
        t.spoilt_only = FALSE;
        if (job_over(&c->e, c) && !goal(&c->e, &t))
            (void)call_job(c, c->reg, "org.mefclient1.Registration", t.m->method);
        reached = e2e_try(&c->e, goal, &t, 20);
    }
    if (c->e.agent)
        judge_end(&t, reached, why);
    if (strchr("as", t.letter) && c->e.agent) { /* it forgets at its start what it had to leave out */
        complain(why, e2e_agent_stop(&c->e, NULL) != 0, "the agent ended badly");
        e2e_agent_start_ready(&c->e);
    }
end:;
    gboolean ok = why->len == 0;
    *ret_seen = g_strdup_printf("%s: %u requests (%u in all), job %s, status %d, %.1f s between%s",
                                t.want->text, t.requests, t.total, t.job_state ? t.job_state : "-", t.csc[0],
                                t.second ? (double)(t.second - t.first) / 1000 : 0.0, why->str);
    if (!ok) {
        e2e_dump(&c->e);
        restart_client(c);
    }
    g_free(t.job_state);
    g_string_free(why, TRUE);
    return ok;
}

void cells_open(struct cells *c, unsigned message)
{
    memset(c, 0, sizeof *c);
    c->message = message;
    e2e_up(&c->e, "{\"commands\":[],\"retryDuration\":\"PT10M\"}");
    e2e_configure(&c->e, SETTINGS);
    if (fault_message_get(message)->factory)
        c->factory = e2e_make_certificate(&c->e, E2E_SAN);
    e2e_agent_start_ready(&c->e);
    add(c);
    e2e_wait_idle(&c->e, c->reg);
}

int cells_close(struct cells *c)
{
    /* Not killed: a sanitizer speaks at its end. */
    int status = c->e.agent ? e2e_agent_stop(&c->e, NULL) : -1;
    if (status > 0)
        e2e_dump(&c->e);
    e2e_down(&c->e);
    g_free(c->reg);
    g_free(c->job);
    g_free(c->factory);
    memset(c, 0, sizeof *c);
    return status;
}
