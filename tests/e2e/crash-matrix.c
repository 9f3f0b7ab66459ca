/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The crash matrix (interfaces.md 4, design.md 7): every point of crash-points.def, each pass of it up to
 * PASSES_MAX, and kills at any moment; each in a story of its own (crash-story.c), told by a child of this
 * program so that several run side by side and none can spoil another.
 *   crash-matrix --lines    `POINT<TAB>ok|lost|twice|torn<TAB>detail` a line, then `N of M points survived`
 *   crash-matrix --tap      the same as tests; of the DM and RENEW stories one kill a point
 *   crash-matrix --story POINT:PASS | REQUEST:N | TRACE    one story, for a look at it; LIFE/POINT:PASS,
 *                                                          LIFE/TRACE, KEYS/..., DM/..., RENEW/...: the
 *                                                          others (crash-story.h) */
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "tests/e2e/crash-story.h"

#define PASSES_MAX  4u
#define LIFE_MAX    6u /* add, two deletions, import, two deletions */
#define KILLS       10u
#define ANY_REQUEST "REQUEST"
#define TRACE       "TRACE"

/* What a point's survival says beyond that nothing is doubled, orphaned or lost. */
static const struct point {
    const char *name, *ids;
} points[] = {
#define X(name, text) {#name, NULL},
#include "plugin/base/crash-points.def"
#undef X
    {ANY_REQUEST, NULL},
};
#define N_POINTS G_N_ELEMENTS(points)

/* The stories, and where each kills: the first at each point that it passes. */
static const struct {
    const char *prefix;
    unsigned first, most; /* of the passes of one point: which are killed */
    const char *points[16];
} stories[TALES] = {
    [TALE_MAIN] = {"", 1, PASSES_MAX, {0}},
    /* Its own points, and each commit of its tree (deletion, import). */
    [TALE_LIFE] = {"LIFE/",
                   1,
                   LIFE_MAX,
                   {"REG_UPDATE_SENT", "REG_UPDATE_STORED", "DEREGISTER_SENT", "DEREGISTER_STORED",
                    "MO_COMMIT_BEFORE", "MO_COMMIT_AFTER"}},
    /* Its own points, registration at a MAF, and the end of what has keys. */
    [TALE_KEYS] = {"KEYS/",
                   1,
                   PASSES_MAX,
                   {"PSK_INTENT", "PSK_STORED", "PSK_TIED", "REG_CREATE_SAVED", "REG_CREATE_SENT",
                    "REG_CREATE_STORED", "END_TOMBSTONE", "END_DEREGISTERED", "END_CREDENTIALS", "END_DONE"}},
    /* Each durable step of a session: of its command, of what it commits, of the end that it brings. */
    [TALE_DM] = {"DM/",
                 2,
                 5,
                 {"MO_COMMIT_BEFORE", "MO_COMMIT_AFTER", "CMD_RECEIVED", "CMD_RUNNING", "DM_STARTED",
                  "DM_ENDED", "CMD_DONE", "UPDATE_SENT", "CMD_REPORTED", "END_TOMBSTONE", "END_DEREGISTERED",
                  "END_CREDENTIALS", "END_DONE"}},
    /* The first pass of each is the enrolment. */
    [TALE_RENEW] = {"RENEW/",
                    2,
                    2,
                    {"CMD_RECEIVED", "CMD_RUNNING", "CA_INTENT", "CA_STORED", "KEY_INTENT", "KEY_MADE",
                     "KEY_CONFIRMED", "EST_ENROLLED", "CERT_INTENT", "CERT_STORED", "CERT_CONFIRMED",
                     "CMD_TENTATIVE", "CMD_PROVEN", "CMD_REPORTED", "END_CREDENTIALS"}},
};

/* The first pass of the point that is killed. The first registration of the third story is told in the first
 * one; what else is passed but once in a story is its own. */
static unsigned first_pass(int story, const char *point)
{
    bool own = g_str_has_prefix(point, "END_") || g_str_has_prefix(point, "DM_");
    if (story == TALE_KEYS && g_str_has_prefix(point, "REG_"))
        return 2;
    return own ? 1 : stories[story].first;
}

static const struct point ids[] = {
    {"REG_CREATE_STORED", "EE-13/"}, /* the retrieve follows */
    {"CMD_RETRIEVED", "MC-07/"},     /* reissued, and performed since it was not */
    {"CMD_REPORTED", "MC-07/"},
    {"CMD_RECEIVED", "MC-02/"}, /* executed and reported from the journal,
                                   without a retrieve */
    {"CMD_RUNNING", "MC-02/"},
    {"CMD_TENTATIVE", "MC-02/"},
    {"CMD_PROVEN", "MC-02/"},
    {"DM_STARTED", "EE-12/"},
    {"DM_ENDED", "MC-24/"},
    {"CMD_DONE", "EE-13/MC-02/"}, /* the update takes the place of the retrieve */
    {"UPDATE_SENT", "MC-02/"},
    {"TIMER_STORED", "MC-15/"},
};

struct job {
    size_t point;
    char *wish;
    char *output, *noise; /* of the child */
    int status;
};

struct result {
    enum crash_verdict verdict;
    unsigned passes[TALES], survived;
    GString *detail, *noise;
};

struct matrix {
    const char *self;
    bool sample;     /* of the later stories only the last pass of each point */
    GPtrArray *jobs; /* struct job * */
    struct result result[N_POINTS];
};

static const char *const words[] = VERDICT_WORDS;

/* ---- children ----------------------------------------------------------------------------------------- */

static void remove_all(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        if (!g_file_test(inner, G_FILE_TEST_IS_SYMLINK) && g_file_test(inner, G_FILE_TEST_IS_DIR))
            remove_all(inner);
        else
            g_unlink(inner);
    }
    g_rmdir(path);
}

static void run_job(gpointer data, gpointer user_data)
{
    struct job *j = data;
    const struct matrix *m = user_data;
    g_autoptr(GError) error = NULL;
    const char *argv[] = {m->self, "--story", j->wish, NULL};
    g_autofree char *place = g_dir_make_tmp("crash.XXXXXX", &error);
    g_assert_no_error(error);
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "TMPDIR", place, TRUE);

    if (!g_spawn_sync(NULL, (char **)argv, env, G_SPAWN_DEFAULT, NULL, NULL, &j->output, &j->noise,
                      &j->status, &error))
        g_error("%s: %s", m->self, error->message);
    remove_all(place);
}

static struct job *job_new(size_t point, char *wish)
{
    struct job *j = g_new0(struct job, 1);
    *j = (struct job){.point = point, .wish = wish};
    return j;
}

static void job_free(gpointer data)
{
    struct job *j = data;
    g_free(j->wish);
    g_free(j->output);
    g_free(j->noise);
    g_free(j);
}

/* ---- the matrix --------------------------------------------------------------------------------------- */

static bool kills_at(int story, size_t point)
{
    const char *const *list = stories[story].points;

    for (size_t i = 0; i < G_N_ELEMENTS(stories[story].points) && list[i]; i++)
        if (strcmp(points[point].name, list[i]) == 0)
            return true;
    return story == TALE_MAIN;
}

/* How often a story passes each point. */
static void count_passes(struct matrix *m, int story)
{
    struct job *j = job_new(0, g_strconcat(stories[story].prefix, TRACE, NULL));

    run_job(j, m);
    g_auto(GStrv) lines = g_strsplit(j->output, "\n", -1);
    for (char **l = lines; *l; l++)
        for (size_t i = 0; i < N_POINTS; i++)
            if (g_str_has_prefix(*l, "passed\t") && strcmp(*l + strlen("passed\t"), points[i].name) == 0 &&
                kills_at(story, i))
                m->result[i].passes[story]++;
    if (j->status != 0 || !strstr(j->output, "ok\t\n")) {
        fprintf(stderr, "%s%s", j->noise, j->output);
        g_printerr("crash-matrix: the story goes wrong even when nobody is killed\n");
        exit(1);
    }
    job_free(j);
}

static void judge(struct matrix *m, const struct job *j)
{
    struct result *r = &m->result[j->point];
    g_auto(GStrv) lines = g_strsplit(j->output, "\n", -1);
    enum crash_verdict v = VERDICT_LOST;
    const char *detail = "the story did not come to its end";

    for (char **l = lines; j->status == 0 && *l; l++)
        for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
            if (g_str_has_prefix(*l, words[i]) && (*l)[strlen(words[i])] == '\t') {
                v = (enum crash_verdict)i;
                detail = *l + strlen(words[i]) + 1;
            }
    if (v == VERDICT_OK) {
        r->survived++;
        return;
    }
    if (r->verdict == VERDICT_OK)
        r->verdict = v;
    g_string_append_printf(r->detail, "%s%s: %s", r->detail->len ? ", " : "", j->wish, detail);
    g_string_append_printf(r->noise, "# ==== %s: %s %s\n%s", j->wish, words[v], detail, j->noise);
}

static void run_matrix(struct matrix *m)
{
    m->jobs = g_ptr_array_new_with_free_func(job_free);
    for (size_t i = 0; i < N_POINTS; i++) {
        m->result[i].detail = g_string_new(NULL);
        m->result[i].noise = g_string_new(NULL);
    }
    for (int k = 0; k < TALES; k++)
        count_passes(m, k);
    m->result[N_POINTS - 1].passes[TALE_MAIN] = KILLS;
    for (size_t i = 0; i < N_POINTS; i++)
        for (int k = 0; k < TALES; k++) {
            unsigned most = i == N_POINTS - 1 ? KILLS : stories[k].most;
            unsigned last = MIN(m->result[i].passes[k], most), first = first_pass(k, points[i].name);
            if (m->sample && k >= TALE_DM && last > first)
                first = last;
            for (unsigned n = first; n <= last; n++)
                g_ptr_array_add(m->jobs,
                                job_new(i, g_strdup_printf("%s%s:%u", stories[k].prefix, points[i].name, n)));
        }
    GThreadPool *pool = g_thread_pool_new(run_job, m, (int)CLAMP(g_get_num_processors(), 2, 8), FALSE, NULL);
    for (guint i = 0; i < m->jobs->len; i++)
        g_thread_pool_push(pool, m->jobs->pdata[i], NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
    for (guint i = 0; i < m->jobs->len; i++)
        judge(m, m->jobs->pdata[i]);
    for (size_t i = 0; i < N_POINTS; i++) {
        struct result *r = &m->result[i];
        unsigned passes = 0;
        for (int k = 0; k < TALES; k++)
            passes += r->passes[k];
        if (passes == 0) {
            r->verdict = VERDICT_LOST;
            g_string_append(r->detail, "the story never comes here");
        } else if (r->verdict == VERDICT_OK) {
            g_string_append_printf(r->detail, "killed %u times, passed %u times", r->survived, passes);
        }
    }
}

static void clear_matrix(struct matrix *m)
{
    g_ptr_array_unref(m->jobs);
    for (size_t i = 0; i < N_POINTS; i++) {
        g_string_free(m->result[i].detail, TRUE);
        g_string_free(m->result[i].noise, TRUE);
    }
}

static int print_matrix(const struct matrix *m)
{
    size_t n = 0;

    for (size_t i = 0; i < N_POINTS; i++) {
        fputs(m->result[i].noise->str, stderr);
        printf("%s\t%s\t%s\n", points[i].name, words[m->result[i].verdict], m->result[i].detail->str);
        n += m->result[i].verdict == VERDICT_OK;
    }
    printf("%zu of %zu points survived\n", n, N_POINTS);
    return n == N_POINTS ? 0 : 1;
}

static void test_point(gconstpointer data)
{
    const struct result *r = data;
    if (r->verdict != VERDICT_OK)
        fputs(r->noise->str, stderr);
    g_test_message("%s: %s", words[r->verdict], r->detail->str);
    g_assert_cmpstr(words[r->verdict], ==, "ok");
}

static int test_matrix(const struct matrix *m, int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (size_t i = 0; i < N_POINTS; i++) {
        const char *more = "";
        for (size_t k = 0; k < G_N_ELEMENTS(ids); k++)
            if (strcmp(ids[k].name, points[i].name) == 0)
                more = ids[k].ids;
        g_autofree char *path = g_strdup_printf("/crash/%s%s", more, points[i].name);
        g_test_add_data_func(path, &m->result[i], test_point);
    }
    return g_test_run();
}

/* ---- one story ---------------------------------------------------------------------------------------- */

static int tell_story(const char *text)
{
    int story = TALES - 1;
    while (!g_str_has_prefix(text, stories[story].prefix))
        story--;
    text += strlen(stories[story].prefix);
    g_auto(GStrv) word = g_strsplit(text, ":", 2);
    unsigned n = word[1] ? (unsigned)g_ascii_strtoull(word[1], NULL, 10) : 1;
    struct crash_wish wish = {.trace = strcmp(text, TRACE) == 0};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (strcmp(word[0], ANY_REQUEST) == 0)
        wish.request = n;
    else if (!wish.trace)
        wish = (struct crash_wish){.point = word[0], .pass = n};
    wish.tale = (enum crash_tale)story;
    crash_story(&wish);
    return 0;
}

int main(int argc, char **argv)
{
    struct matrix m = {.self = "/proc/self/exe"};

    if (argc == 3 && strcmp(argv[1], "--story") == 0)
        return tell_story(argv[2]);
    bool lines = argc == 1 || strcmp(argv[1], "--lines") == 0;
    m.sample = !lines;
    run_matrix(&m);
    int r = lines ? print_matrix(&m) : test_matrix(&m, argc, argv);
    clear_matrix(&m);
    return r;
}
