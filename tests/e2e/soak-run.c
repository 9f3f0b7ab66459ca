/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/e2e/soak-run.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "tests/e2e/soak-mix.h"
#include "tests/e2e/soak-watch.h"

#define LWM2M     "org.mefclient1.dm.LwM2M"
#define NODE_PATH "/org/mefclient1/mo/MEFClientRegCfg/mef_2eexample_2ecom"
#define SCENARIO  "{\"commands\":[],\"retryDuration\":\"PT10M\"}"
#define SETTINGS                                                                                             \
    "resolve=mef.example.com:127.0.0.1 " SOAK_MAF_FQDN ":127.0.0.1\n"                                        \
    "connect-timeout=5\nresponse-timeout=3\n"                                                                \
    "[mef]\ncommand-classes=cert-prov mo-node dev-cfg\nbackoff-min=1\nbackoff-max=3\ndefault-retry=5\n"
#define POLLS        300         /* until a round has to be over */
#define SENDINGS     12          /* of one report; each fault costs one */
#define MEMORY_SLACK 512         /* KiB between the second quarter of the lives and the last */
#define HEAP_SLACK   (16 * 1024) /* octets, over some thousand commands */
#define HEAP_STORED  4096        /* octets; half of what is stored is between the quarters compared */
#define GROWN_UP     2000        /* commands; before that caches still fill, and jobs are kept for a minute */
#define KEYS_KEPT    (2 * SOAK_PROFILES) /* of each profile its key and the one before it */
#define KM_HEX       "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ROWS_KEPT    160 /* of a registration's journal: 4 times what is shown, and some open ones */

/* One command: which, and what the MEF heard of it. */
struct issued {
    unsigned kind, outcome;
    unsigned reports, sendings;
    unsigned again;   /* times that the MEF has brought it back as if it were new (`repeat`) */
    gboolean mixed;   /* reported with two statuses, 40 aside */
    int status, said; /* of the report that was recorded; of the last sending */
};

struct soak {
    struct e2e e;
    const struct soak_plan *plan;
    struct shim_control *shim;
    struct sim_process *maf; /* of this life */
    GRand *rand;
    GHashTable *issued; /* cid: struct issued, of this life */
    char *reg, *job, *script, *dm_log;
    GPid client;
    unsigned serial, waited_for; /* last command issued; the first of this round */
    unsigned bad, lives, stored; /* commands that put something into the token */
    goffset log_at;
    guint64 by_kind[64], first[64], hits, polls,
        reports; /* first: reported with the first status of the kind */
    struct soak_figures base;
    GArray *figures; /* at the end of each life */
};

static void wrong(struct soak *s, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void wrong(struct soak *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (s->bad++ < 50)
        g_printerr("# wrong, life %u: %s\n", s->lives, text);
}

/* ---- the DM client ------------------------------------------------------------------------------------ */

static void in_client(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static gboolean client_ready(struct e2e *e, void *data)
{
    g_autofree char *text = NULL;
    return g_file_get_contents(data, &text, NULL, NULL) && strstr(text, "ready") != NULL;
}

static void client_start(struct soak *s)
{
    const char *argv[] = {TOP_BUILDDIR "/tests/dm/dm-client",
                          "--bus",
                          s->e.bus_address,
                          "--name",
                          LWM2M,
                          "--script",
                          s->script,
                          "--log",
                          s->dm_log,
                          NULL};
    g_autoptr(GError) error = NULL;
    g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, in_client, NULL, &s->client, &error);
    g_assert_no_error(error);
    e2e_wait(&s->e, "the DM client is ready", client_ready, s->dm_log, E2E_WAIT_S);
}

/* ---- what the MEF heard ------------------------------------------------------------------------------- */

static gboolean fits(const struct issued *i, int status)
{
    const struct soak_kind *k = soak_kind_get(i->kind);
    if (k->session)
        return status == soak_outcomes[i->outcome].status;
    for (size_t n = 0; n < SOAK_STATUSES; n++)
        if (status && k->status[n] == status)
            return TRUE;
    return FALSE;
}

/* All reports that the MEF has recorded in this life, counted anew. */
static void read_reports(struct soak *s, json_t *state)
{
    GHashTableIter it;
    gpointer value;
    json_t *one;
    size_t n;
    g_hash_table_iter_init(&it, s->issued);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        struct issued *i = value;
        i->reports = 0;
        i->status = 0;
        i->mixed = FALSE;
    }
    json_array_foreach(json_object_get(json_object_get(state, "state"), "reports"), n, one)
    {
        struct issued *i = g_hash_table_lookup(s->issued, json_string_value(json_object_get(one, "cid")));
        int csc = (int)json_integer_value(json_object_get(one, "csc"));
        if (!json_is_true(json_object_get(one, "recorded")) || !i)
            continue;
        i->reports++;
        if (csc == 40)
            continue;
        i->mixed |= i->status && i->status != csc;
        i->status = csc;
    }
}

static gboolean round_complete(struct soak *s)
{
    json_t *state = sim_state(s->e.sim);
    gboolean all = TRUE;
    read_reports(s, state);
    json_decref(state);
    for (unsigned n = s->waited_for; n <= s->serial && all; n++) {
        g_autofree char *cid = g_strdup_printf("s-%06u", n);
        struct issued *i = g_hash_table_lookup(s->issued, cid);
        all = i->reports > 0 || soak_kind_get(i->kind)->reports != REPORT_ONCE;
    }
    return all;
}

/* A command that comes back as if it were new gets another report: 40, or, when that answer was lost, the
 * former one is sent again. */
static void read_answer(struct soak *s, json_t *line)
{
    json_error_t e;
    json_t *fault = json_object_get(line, "fault");
    const char *text = json_string_value(json_object_get(line, "answer"));
    if (!text || g_strcmp0(json_string_value(json_object_get(fault, "do")), "repeat") != 0)
        return;
    json_t *answer = json_loads(text, 0, &e);
    const char *cid = json_string_value(json_object_get(json_object_get(answer, "sec:mecc"), "cid"));
    struct issued *i = cid ? g_hash_table_lookup(s->issued, cid) : NULL;
    if (i)
        i->again++;
    json_decref(answer);
}

/* A line of the MEF's log: the client never breaks a rule, and never changes its mind about a status. */
static void read_line(struct soak *s, json_t *line)
{
    json_t *violation = json_object_get(line, "violation");
    json_error_t e;
    if (json_array_size(violation) > 0)
        wrong(s, "request %d: %s", (int)json_integer_value(json_object_get(line, "request")),
              json_string_value(json_array_get(violation, 0)));
    if (g_strcmp0(json_string_value(json_object_get(line, "op")), "update") != 0 ||
        g_strcmp0(json_string_value(json_object_get(line, "resource")), "command") != 0)
        return;
    read_answer(s, line);
    const char *text = json_string_value(json_object_get(line, "body"));
    json_t *body = text ? json_loads(text, 0, &e) : NULL, *content = json_object_get(body, "sec:mecc");
    const char *cid = json_string_value(json_object_get(content, "cid"));
    struct issued *i = cid ? g_hash_table_lookup(s->issued, cid) : NULL;
    int csc = (int)json_integer_value(json_object_get(content, "csc"));
    if (!i) {
        wrong(s, "an update for '%s', which is no command of this life", cid ? cid : "");
    } else if (csc != 40) {
        /* The new certificate can be refused after the first try to report by it (3.6.2). */
        if (i->said && i->said != csc && !(i->said == 20 && csc == 100))
            wrong(s, "'%s' was %d and is %d now", cid, i->said, csc);
        i->said = csc;
        if (++i->sendings == SENDINGS)
            wrong(s, "'%s' was sent %d times", cid, SENDINGS);
    }
    json_decref(body);
}

static void read_log(struct soak *s)
{
    FILE *f = g_fopen(sim_log_path(s->e.sim), "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    g_assert_nonnull(f);
    g_assert_cmpint(fseeko(f, s->log_at, SEEK_SET), ==, 0);
    while ((n = getline(&line, &room, f)) > 0 && line[n - 1] == '\n') {
        json_error_t e;
        json_t *j = json_loads(line, 0, &e);
        if (j)
            read_line(s, j);
        else
            wrong(s, "a line of the MEF's log is no JSON");
        json_decref(j);
        s->log_at += n;
    }
    free(line);
    fclose(f);
}

/* ---- a round ------------------------------------------------------------------------------------------ */

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, 0, &e);
    if (!j)
        g_error("%s: %s", text, e.text);
    return j;
}

static void post(struct sim_process *sim, const char *url, json_t *body)
{
    json_decref(sim_call(sim, "POST", url, body, NULL));
    json_decref(body);
}

static void lay_faults(struct soak *s)
{
    json_t *list = json_array(), *at_maf = json_array();
    for (int n = g_rand_int_range(s->rand, 0, 5); n > 0; n--) {
        const struct soak_fault *f = soak_fault_get(soak_fault_draw(s->rand));
        gboolean often = strstr(f->at, "update") != NULL;
        g_autofree char *text =
            g_strdup_printf("{\"at\":{%s,\"n\":%d},%s}", f->at,
                            often ? g_rand_int_range(s->rand, 1, (gint32)s->plan->round) : 1, f->text);
        json_array_append_new(f->maf ? at_maf : list, parse(text));
    }
    if (g_rand_int_range(s->rand, 0, 8) == 0) {
        json_t *state = sim_state(s->e.sim);
        g_autofree char *text =
            g_strdup_printf("{\"at\":{\"connection\":%d},\"do\":\"wrong-cert\",\"certificate\":\"other-ca\"}",
                            (int)json_integer_value(json_object_get(state, "connections")) + 1);
        json_array_append_new(list, parse(text));
        json_decref(state);
    }
    post(s->e.sim, "/sim/faults", list);
    post(s->maf, "/sim/faults", at_maf);
}

static void lift_faults(struct soak *s, struct sim_process *sim)
{
    json_t *state = sim_state(sim), *one;
    size_t n;
    json_array_foreach(json_object_get(state, "faults"), n, one)
    {
        unsigned hits = (unsigned)json_integer_value(json_object_get(one, "hits"));
        s->hits += hits;
    }
    json_decref(state);
    json_decref(sim_call(sim, "DELETE", "/sim/faults", NULL, NULL));
}

/* Each kind once at first, so that all that is made at a first time is made early; see judge_heap(). */
static unsigned next_kind(struct soak *s)
{
    unsigned kind = s->serial < soak_kinds() ? s->serial : soak_kind_draw(s->rand);
    while (soak_kind_get(kind)->stores && s->serial >= s->plan->commands / 4 * 3)
        kind = soak_kind_draw(s->rand);
    s->stored += soak_kind_get(kind)->stores;
    return kind;
}

static void post_commands(struct soak *s, unsigned n)
{
    unsigned outcome = (unsigned)g_rand_int_range(s->rand, 0, SOAK_OUTCOMES);
    json_t *list = json_array();
    g_assert_true(g_file_set_contents(s->script, soak_outcomes[outcome].script, -1, NULL));
    s->waited_for = s->serial + 1;
    while (n--) {
        unsigned kind = next_kind(s);
        struct issued *i = g_new0(struct issued, 1);
        char *cid = g_strdup_printf("s-%06u", ++s->serial);
        g_autofree char *text = g_strdup_printf("{\"cid\":\"%s\",%s}", cid, soak_kind_get(kind)->text);
        *i = (struct issued){.kind = kind, .outcome = outcome};
        s->by_kind[kind]++;
        g_hash_table_insert(s->issued, cid, i);
        json_array_append_new(list, parse(text));
    }
    post(s->e.sim, "/sim/commands", list);
}

static gboolean job_over(struct soak *s)
{
    g_autofree char *state = e2e_get_string(&s->e, s->job, "Job", "State");
    return strcmp(state, "queued") != 0 && strcmp(state, "running") != 0 && strcmp(state, "waiting") != 0;
}

static void call_job(struct soak *s, const char *path, const char *interface, const char *method)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        e2e_call(&s->e, path, interface, method, g_variant_new("(a{sv})", NULL), &error);
    g_clear_pointer(&s->job, g_free);
    if (reply)
        g_variant_get(reply, "(o)", &s->job);
    else
        s->job = g_strdup("/");
}

static gboolean wake(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

/* Until the job is over, or that time: a back-off that lasts longer is ended by the next Poll. */
static void wait_job(struct soak *s, int ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000;
    guint timer = g_timeout_add(20, wake, NULL);
    while (!job_over(s) && g_get_monotonic_time() < end)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(timer);
}

static gboolean run_round(struct soak *s, unsigned n)
{
    gboolean over = FALSE;
    lay_faults(s);
    post_commands(s, n);
    for (unsigned k = 0; k < POLLS && !over; k++) {
        call_job(s, s->reg, "org.mefclient1.Registration", "Poll");
        s->polls++;
        if (g_rand_int_range(s->rand, 0, 20) == 0) {
            wait_job(s, g_rand_int_range(s->rand, 0, 200));
            json_decref(sim_call(s->e.sim, "POST", "/sim/reset-connections", NULL, NULL));
        }
        wait_job(s, g_rand_int_range(s->rand, 300, 3000));
        over = round_complete(s);
    }
    lift_faults(s, s->e.sim);
    lift_faults(s, s->maf);
    read_log(s);
    if (over)
        return TRUE;
    for (unsigned c = s->waited_for; c <= s->serial; c++) {
        g_autofree char *cid = g_strdup_printf("s-%06u", c);
        struct issued *i = g_hash_table_lookup(s->issued, cid);
        if (i->reports == 0 && soak_kind_get(i->kind)->reports == REPORT_ONCE)
            wrong(s, "'%s' (%s) was not reported", cid, soak_kind_get(i->kind)->name);
    }
    e2e_dump(&s->e);
    return FALSE;
}

/* ---- a life ------------------------------------------------------------------------------------------- */

/* What the MEF's log has about a command. */
static void tell_story(struct soak *s, const char *cid)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(sim_log_path(s->e.sim), &text, NULL, NULL))
        return;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l; l++)
        if (strstr(*l, cid))
            g_printerr("# %.1500s\n", *l);
}

static void judge_reports(struct soak *s)
{
    GHashTableIter it;
    gpointer key, value;
    json_t *state = sim_state(s->e.sim);
    read_reports(s, state);
    json_decref(state);
    g_hash_table_iter_init(&it, s->issued);
    while (g_hash_table_iter_next(&it, &key, &value)) {
        const struct issued *i = value;
        const struct soak_kind *k = soak_kind_get(i->kind);
        unsigned least = k->reports == REPORT_ONCE, most = (k->reports != REPORT_NEVER) + i->again;
        unsigned bad = s->bad;
        s->reports += i->reports;
        s->first[i->kind] += i->status == k->status[0];
        if (i->reports < least || i->reports > most || i->mixed)
            wrong(s, "'%s' (%s) was reported %u times%s", (char *)key, k->name, i->reports,
                  i->mixed ? ", with different statuses" : "");
        else if (i->reports && !fits(i, i->status))
            wrong(s, "'%s' (%s) was reported with %d", (char *)key, k->name, i->status);
        if (s->bad > bad && s->bad < 5)
            tell_story(s, key);
    }
}

static gboolean gone(struct e2e *e, void *data)
{
    g_autofree char *state = e2e_get_string(e, data, "Registration", "State");
    json_t *list = e2e_sim_records(e, "registrations");
    size_t n = json_array_size(list);
    json_decref(list);
    return *state == '\0' && n == 0;
}

static gboolean as_before(struct e2e *e, void *data)
{
    struct soak *s = data;
    struct soak_figures now = {0};
    soak_watch_process(e, s->shim, &now);
    return now.fds == s->base.fds && now.threads == s->base.threads && now.sessions == s->base.sessions;
}

static void same(struct soak *s, const char *what, guint64 now, guint64 before)
{
    if (now != before)
        wrong(s, "%" G_GUINT64_FORMAT " %s, %" G_GUINT64_FORMAT " before", now, what, before);
}

/* Between two lives there is nothing but the tree and what the token had at the start. */
static void judge_rest(struct soak *s)
{
    struct soak_figures now = {0};
    /* A thread or connection may be on its way out. */
    if (s->lives > 1)
        (void)e2e_try(&s->e, as_before, s, 20);
    soak_watch(&s->e, s->shim, &now);
    if (s->lives == 1) {
        same(s, "objects in the token", now.objects, s->base.objects);
        s->base = now;
    }
    same(s, "descriptors", now.fds, s->base.fds);
    same(s, "threads", now.threads, s->base.threads);
    same(s, "sessions", (guint64)now.sessions, (guint64)s->base.sessions);
    same(s, "objects in the token", now.objects, s->base.objects);
    same(s, "owners of objects in the token", now.owners, s->base.owners);
    same(s, "objects on the bus", now.shown, s->base.shown);
    same(s, "rows in the journal of commands", now.commands, s->base.commands);
    g_array_append_val(s->figures, now);
    g_printerr("# life %u: %u commands, %" G_GUINT64_FORMAT " reports, %" G_GUINT64_FORMAT
               " faults; Pss %" G_GUINT64_FORMAT " KiB, private dirty %" G_GUINT64_FORMAT
               " KiB, heap %" G_GUINT64_FORMAT
               " octets, %u fds, %u threads, %d sessions, %u token objects, database %" G_GUINT64_FORMAT
               " KiB, %u wrong\n",
               s->lives, s->serial, s->reports, s->hits, now.pss, now.dirty, now.heap, now.fds, now.threads,
               now.sessions, now.objects, now.database / 1024, s->bad);
}

/* The [authenticationProfile] that came with the registration is a node of its own, which stays: the text
 * has its deletion follow from nothing (mo-tree.md 4.3, T2). */
static void delete_profile(struct soak *s)
{
    g_auto(GStrv) paths = soak_objects(&s->e, "/org/mefclient1/mo/authenticationProfile/mef_2e");
    for (char **path = paths; *path; path++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply =
            e2e_call(&s->e, *path, "org.mefclient1.Node", "Delete", g_variant_new("(a{sv})", NULL), &error);
        g_assert_no_error(error);
    }
    if (g_strv_length(paths) != 1)
        wrong(s, "%u profiles of the MEF are left", g_strv_length(paths));
}

static void import(struct soak *s, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = e2e_call(&s->e, "/org/mefclient1/mo", "org.mefclient1.Tree", "Import",
                                     g_variant_new("(sa{sv})", text, NULL), &error);
    g_assert_no_error(error);
}

static void maf_start(struct soak *s)
{
    g_autofree char *dir = g_strdup_printf("%s/maf-%u", s->e.dir, s->lives),
                    *ca = g_strdup_printf("--ca=%s/ca", s->e.dir);
    const char *const args[] = {"--role=maf", ca, "--psk=" SOAK_KM_ID "=" KM_HEX, NULL};
    g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
    s->maf = sim_start(dir, SOAK_MAF_FQDN, "{}", args);
    g_autofree char *text = soak_key_tree(sim_port(s->maf));
    import(s, text);
}

static gboolean maf_gone(struct e2e *e, void *data)
{
    g_autofree char *state = e2e_get_string(e, SOAK_MAF_REG, "Registration", "State");
    return *state == '\0';
}

/* Its node goes, and with it what came from it; a registration that the MAF has granted ends there too. */
static void maf_end(struct soak *s)
{
    g_autofree char *state = e2e_get_string(&s->e, SOAK_MAF_REG, "Registration", "State");
    json_t *log, *line, *all;
    size_t n;
    call_job(s, SOAK_MAF_NODE, "org.mefclient1.Node", "Delete");
    if (!e2e_try(&s->e, maf_gone, NULL, 120))
        wrong(s, "the registration at the MAF did not end");
    all = sim_state(s->maf);
    if (strcmp(state, "registered") == 0 &&
        json_array_size(json_object_get(json_object_get(all, "state"), "registrations")) > 0)
        wrong(s, "the MAF was not told of the end");
    json_decref(all);
    log = sim_log(s->maf);
    json_array_foreach(log, n, line) if (json_array_size(json_object_get(line, "violation")) > 0)
        wrong(s, "the MAF's request %d: %s", (int)json_integer_value(json_object_get(line, "request")),
              json_string_value(json_array_get(json_object_get(line, "violation"), 0)));
    json_decref(log);
    sim_stop(s->maf);
    s->maf = NULL;
}

static gboolean run_life(struct soak *s, unsigned n)
{
    gboolean ok = TRUE;
    struct soak_figures before_end = {0};
    s->lives++;
    g_hash_table_remove_all(s->issued);
    g_free(s->reg);
    s->reg = e2e_add_mef(&s->e);
    e2e_wait_idle(&s->e, s->reg);
    maf_start(s);
    while (ok && n > 0) {
        unsigned some = MIN(n, s->plan->round);
        ok = run_round(s, some);
        n -= some;
        if (g_rand_int_range(s->rand, 0, 10) == 0) { /* the MEF is restarted, and remembers */
            e2e_sim_stop(&s->e, FALSE);
            e2e_sim_start(&s->e, NULL);
        }
    }
    soak_watch(&s->e, s->shim, &before_end);
    if (before_end.commands > ROWS_KEPT)
        wrong(s, "%u rows in the journal of commands", before_end.commands);
    if (before_end.keys > s->base.keys + KEYS_KEPT)
        wrong(s, "%u symmetric keys in the token", before_end.keys);
    maf_end(s);
    call_job(s, NODE_PATH, "org.mefclient1.Node", "Delete");
    if (!e2e_try(&s->e, gone, s->reg, 120)) {
        wrong(s, "the registration did not end");
        e2e_dump(&s->e);
        return FALSE;
    }
    delete_profile(s);
    read_log(s);
    judge_reports(s);
    judge_rest(s);
    /* A MEF that has forgotten all; its log goes on. */
    g_autofree char *state = g_build_filename(s->e.dir, "sim.state", NULL);
    e2e_sim_stop(&s->e, FALSE);
    g_assert_cmpint(g_unlink(state), ==, 0);
    e2e_sim_start(&s->e, NULL);
    return ok;
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

static void up(struct soak *s)
{
    e2e_up(&s->e, SCENARIO);
    s->shim = soak_shim(&s->e);
    e2e_configure(&s->e, SETTINGS);
    e2e_put_key(&s->e, SOAK_KM_ID, KM_HEX);
    s->script = g_build_filename(s->e.dir, "dm-script", NULL);
    s->dm_log = g_build_filename(s->e.dir, "dm-log", NULL);
    client_start(s);
    e2e_agent_start_ready(&s->e);
    import(s, soak_tree);
    soak_watch(&s->e, s->shim, &s->base);
}

static void down(struct soak *s)
{
    if (s->e.agent == 0)
        wrong(s, "the agent has ended");
    else if (e2e_agent_stop(&s->e, NULL) != 0)
        wrong(s, "the agent ended badly");
    if (atomic_load(&s->shim->sessions) != 0)
        wrong(s, "%d sessions are open at the end", atomic_load(&s->shim->sessions));
    if (s->maf)
        sim_stop(s->maf);
    kill(s->client, SIGKILL);
    g_spawn_close_pid(s->client);
    munmap(s->shim, sizeof *s->shim);
    e2e_down(&s->e);
    g_hash_table_unref(s->issued);
    g_rand_free(s->rand);
    g_free(s->reg);
    g_free(s->job);
    g_free(s->script);
    g_free(s->dm_log);
}

static int by_size(gconstpointer a, gconstpointer b)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;
    return x < y ? -1 : x > y;
}

/* The median of a figure over the lives from..to. */
static guint64 median(const struct soak *s, guint from, guint to, size_t offset)
{
    g_autoptr(GArray) a = g_array_new(FALSE, FALSE, sizeof(guint64));
    for (guint i = from; i < to; i++)
        g_array_append_vals(a, (const char *)&g_array_index(s->figures, struct soak_figures, i) + offset, 1);
    g_array_sort(a, by_size);
    return a->len ? g_array_index(a, guint64, a->len / 2) : 0;
}

/* SoftHSM keeps a part of each object that it ever had until its last session ends: some KiB. So the last
 * quarter has none, and there nothing may grow. */
static void judge_heap(struct soak *s, GString *summary)
{
    guint n = s->figures->len, from = n - n / 4;
    guint64 early, late, last_early, last_late;
    size_t heap = G_STRUCT_OFFSET(struct soak_figures, heap);
    if (n < 8)
        return;
    early = median(s, n / 4, n - n / 2, heap);
    late = median(s, n - n / 2, from, heap);
    last_early = median(s, from, from + n / 8, heap);
    last_late = median(s, n - n / 8, n, heap);
    g_string_append_printf(
        summary,
        "heap in use, octets: %" G_GUINT64_FORMAT " in the second quarter, %" G_GUINT64_FORMAT
        " in the third, with %u commands that fill the token in all; in the last, without any, from "
        "%" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT "\n",
        early, late, s->stored, last_early, last_late);
    if (s->plan->commands < GROWN_UP)
        return;
    if (late > early + HEAP_SLACK + (guint64)s->stored * HEAP_STORED)
        wrong(s, "the heap grew by more than what SoftHSM keeps");
    if (last_late > last_early + HEAP_SLACK)
        wrong(s, "the heap grew although nothing was put into the token");
}

/* From the second quarter to the last; judge_heap() has looked at it. */
static guint64 heap_growth(const struct soak *s)
{
    guint n = s->figures->len;
    size_t heap = G_STRUCT_OFFSET(struct soak_figures, heap);
    guint64 early = median(s, n / 4, n - n / 2, heap), late = median(s, n - n / 4, n, heap);
    return late > early ? late - early : 0;
}

static void judge_growth(struct soak *s, const char *what, size_t offset, guint64 slack, GString *summary)
{
    guint n = s->figures->len;
    guint64 early = median(s, n / 4, n - n / 2, offset), late = median(s, n - n / 4, n, offset);
    if (n < 4)
        return;
    g_string_append_printf(
        summary, "%s: %" G_GUINT64_FORMAT " in the second quarter, %" G_GUINT64_FORMAT " in the last\n", what,
        early, late);
    if (late > early + slack && s->plan->commands >= GROWN_UP)
        wrong(s, "%s grew from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, what, early, late);
}

static void sum_up(struct soak *s, GString *summary)
{
    const struct soak_figures *f = &s->base;
    g_string_append_printf(summary,
                           "%u commands in %u lives: %" G_GUINT64_FORMAT
                           " reports recorded, %" G_GUINT64_FORMAT " faults, %" G_GUINT64_FORMAT " polls\n",
                           s->serial, s->lives, s->reports, s->hits, s->polls);
    for (unsigned k = 0; k < soak_kinds(); k++) {
        const struct soak_kind *kind = soak_kind_get(k);
        g_string_append_printf(summary, "%s%s %" G_GUINT64_FORMAT, k ? ", " : "kinds: ", kind->name,
                               s->by_kind[k]);
        if (!kind->stores)
            continue;
        g_string_append_printf(summary, " (%" G_GUINT64_FORMAT " times %d)", s->first[k], kind->status[0]);
        if (s->plan->commands >= GROWN_UP && s->first[k] * 2 < s->by_kind[k])
            wrong(s, "most commands of kind %s failed", kind->name);
    }
    g_string_append_printf(summary,
                           "\nbetween two lives: %u fds, %u threads, %d sessions, %u token objects\n", f->fds,
                           f->threads, f->sessions, f->objects);
    judge_heap(s, summary);
    judge_growth(s, "private dirty, KiB", G_STRUCT_OFFSET(struct soak_figures, dirty),
                 MEMORY_SLACK + heap_growth(s) / 1024, summary);
    judge_growth(s, "database, octets", G_STRUCT_OFFSET(struct soak_figures, database), 256 * 1024, summary);
}

unsigned soak_run(const struct soak_plan *plan, char **ret_summary)
{
    struct soak s = {.plan = plan, .rand = g_rand_new_with_seed(plan->seed)};
    GString *summary = g_string_new(NULL);
    g_assert_cmpuint(soak_kinds(), <=, G_N_ELEMENTS(s.by_kind));
    g_printerr("# soak: %u commands, seed %u\n", plan->commands, plan->seed);
    s.issued = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    s.figures = g_array_new(FALSE, FALSE, sizeof(struct soak_figures));
    up(&s);
    while (s.serial < plan->commands && s.bad < 50 &&
           run_life(&s, MIN(plan->life, plan->commands - s.serial)))
        ;
    down(&s);
    sum_up(&s, summary);
    g_array_unref(s.figures);
    *ret_summary = g_string_free(summary, FALSE);
    return s.bad;
}
