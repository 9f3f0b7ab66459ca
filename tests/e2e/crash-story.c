/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See crash-story.h. The story: a MEF with a trust anchor is added, then a second registration there for
 * another administrator; each registers, enrols (CERT_PROV), answers DEV_CFG and MO_NODE and comes to rest;
 * then the first ends, the second ends, and what is left in the tree is deleted. Whenever the agent has been
 * killed it is started again, and a bus call that got no answer is repeated, as any caller would. */
#include "tests/e2e/crash-story.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/lib/e2e-fixture.h"
#include "tests/lib/e2e-token.h"

#define PREFIX  "org.mefclient1."
#define MO      "/org/mefclient1/mo"
#define REST_S  40 /* of one wait for rest */
#define RETRY_S 600
#define SCENARIO                                                                                             \
    "{\"commands\":[{\"class\":\"CERT_PROV\"},{\"class\":\"DEV_CFG\"},{\"class\":\"MO_NODE\"}],"             \
    "\"retryDuration\":\"PT10M\"}"
#define N_COMMANDS 3u

static const struct chapter_reg {
    const char *node, *admin;
    bool anchor;
} regs[] = {{"mef1", E2E_ADMIN, true}, {"mef2", "second.example.org", false}};

void story_judge(struct story *s, enum crash_verdict v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (s->verdict == VERDICT_OK)
        s->verdict = v;
    if (s->detail->len)
        g_string_append(s->detail, "; ");
    g_string_append_vprintf(s->detail, format, args);
    va_end(args);
}

static bool at(const struct story *s, const char *point)
{
    return g_strcmp0(s->wish->point, point) == 0;
}

static bool at_any(const struct story *s, const char *const *points)
{
    for (; *points; points++)
        if (at(s, *points))
            return true;
    return s->wish->request > 0;
}

/* ---- the agent ---------------------------------------------------------------------------------------- */

/* The tree as text, without what counts changes. */
char *story_export(struct story *s)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        e2e_call(&s->e, MO, PREFIX "Tree", "Export", g_variant_new("(a{sv})", NULL), &error);
    const char *text;
    json_error_t why;

    if (!reply)
        return NULL;
    g_variant_get(reply, "(&s)", &text);
    json_t *tree = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (!tree)
        g_error("Export is no JSON: %s", why.text);
    json_object_del(tree, "generation");
    char *plain = json_dumps(tree, JSON_SORT_KEYS | JSON_COMPACT), *copy = g_strdup(plain);
    free(plain);
    json_decref(tree);
    return copy;
}

/* Whether the agent was killed since the last look; then it runs again. */
bool story_killed(struct story *s)
{
    int status;

    if (s->e.agent == 0 || waitpid(s->e.agent, &status, WNOHANG) != s->e.agent)
        return false;
    s->e.agent = 0;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || s->died) {
        e2e_dump(&s->e);
        g_error("the agent ended by itself, status %x", (unsigned)status);
    }
    s->died = true;
    g_ptr_array_set_size(s->e.agent_env, 0);
    e2e_agent_start_ready(&s->e);
    char *tree = story_export(s);
    if (tree)
        g_ptr_array_add(s->seen, tree);
    else
        story_judge(s, VERDICT_TORN, "no Export after the restart");
    return true;
}

static gboolean wake(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

/* False when the time was over. A kill on the way begins it anew. */
bool story_until(struct story *s, bool (*test)(struct story *s, void *data), void *data)
{
    gint64 end = g_get_monotonic_time() + REST_S * G_USEC_PER_SEC;
    guint timer = g_timeout_add(100, wake, NULL);
    bool met = true;

    while (story_killed(s) || !test(s, data)) {
        if (g_get_monotonic_time() > end) {
            met = false;
            break;
        }
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(timer);
    return met;
}

bool story_is_new(struct story *s, void *data)
{
    return *(GPid *)data != s->e.agent;
}

static bool has_died(struct story *s, void *data)
{
    return s->died;
}

/* As story_until(), and a kill at a request that has come is over, too, so that what follows can be looked
 * at. */
static bool rest(struct story *s, bool (*test)(struct story *s, void *data), void *data)
{
    if (!story_until(s, test, data))
        return false;
    if (!s->wish->request || s->died)
        return true;
    json_t *state = sim_state(s->e.sim);
    bool due = json_integer_value(json_object_get(state, "requests")) >= s->wish->request;
    json_decref(state);
    return !due || (story_until(s, has_died, NULL) && story_until(s, test, data));
}

/* Calls until there is an answer; an error other than the one that a repeat brings ends the program. */
static void call(struct story *s, const char *path, const char *interface, const char *method,
                 GVariant *params, const char *fine)
{
    g_autoptr(GVariant) kept = g_variant_ref_sink(params);

    for (bool repeated = false;; repeated = true) {
        g_autoptr(GError) error = NULL;
        GPid pid = s->e.agent;
        g_autoptr(GVariant) reply = e2e_call(&s->e, path, interface, method, kept, &error);
        if (reply)
            return;
        g_autofree char *name = g_dbus_error_get_remote_error(error);
        if (repeated && g_strcmp0(name, fine) == 0)
            return;
        if ((g_strcmp0(name, "org.freedesktop.DBus.Error.NoReply") != 0 &&
             g_strcmp0(name, "org.freedesktop.DBus.Error.ServiceUnknown") != 0) ||
            (repeated && s->died) || !story_until(s, story_is_new, &pid)) {
            e2e_dump(&s->e);
            g_error("%s: %s", method, error->message);
        }
    }
}

static gboolean enough_requests(json_t *state, void *data)
{
    return json_integer_value(json_object_get(state, "requests")) >= *(const unsigned *)data;
}

/* Not at the request but some moment after it, so that in between is tried too. */
static gpointer kill_later(gpointer data)
{
    struct story *s = data;
    unsigned n = s->wish->request;
    json_t *state = sim_wait(s->e.sim, enough_requests, &n, REST_S);

    if (!state)
        g_error("the MEF has not got %u requests", n);
    json_decref(state);
    g_usleep((gulong)g_random_int_range(0, 15000));
    kill(s->e.agent, SIGKILL);
    return NULL;
}

/* ---- the chapters ------------------------------------------------------------------------------------- */

static char *node_path(const char *type, const char *name)
{
    GString *path = g_string_new(MO "/");
    g_string_append_printf(path, "%s/", type);
    for (; *name; name++)
        g_string_append_printf(path, g_ascii_isalnum(*name) ? "%c" : "_%02x", (unsigned char)*name);
    return g_string_free(path, FALSE);
}

static char *registration_path(const struct chapter_reg *r)
{
    return g_strdup_printf("/org/mefclient1/registration/%s", r->node);
}

static bool has_tree(struct story *s, void *data)
{
    return (*(char **)data = story_export(s)) != NULL;
}

void story_tell_tree(struct story *s)
{
    char *tree = NULL;
    if (!story_until(s, has_tree, &tree))
        g_error("no Export at rest");
    g_ptr_array_add(s->told, tree);
}

static size_t recorded(struct story *s)
{
    json_t *list = e2e_sim_records(&s->e, "reports"), *one;
    size_t i, n = 0;
    json_array_foreach(list, i, one) n += json_is_true(json_object_get(one, "recorded"));
    json_decref(list);
    return n;
}

size_t story_live_at_mef(struct story *s)
{
    json_t *list = e2e_sim_records(&s->e, "registrations");
    size_t n = json_array_size(list);
    json_decref(list);
    return n;
}

bool story_is_idle(struct story *s, const char *registration)
{
    g_autofree char *state = e2e_get_string(&s->e, registration, "Registration", "State");
    return strcmp(state, "registered") == 0 &&
           e2e_get_number(&s->e, registration, "Registration", "NextPoll") > 0;
}

bool story_is_gone(struct story *s, const char *registration)
{
    g_autoptr(GVariant) state = e2e_get(&s->e, registration, "Registration", "State");
    g_autofree char *alive = e2e_get_string(&s->e, "/org/mefclient1", "Manager", "State");
    return !state && *alive;
}

static bool uses_certificate(struct story *s, const char *registration)
{
    g_autofree char *credential = e2e_get_string(&s->e, registration, "Registration", "Credential"),
                    *kind = e2e_get_string(&s->e, credential, "Credential", "Kind");
    return strcmp(kind, "certificate") == 0;
}

/* Nothing to do until the next poll, the MEF has all reports, and the token has been listed. */
static bool at_rest(struct story *s, void *data)
{
    const struct chapter_reg *r = data;
    g_autofree char *path = registration_path(r);
    return story_is_idle(s, path) && recorded(s) >= N_COMMANDS * (size_t)(r - regs + 1) &&
           uses_certificate(s, path);
}

static void check_rest(struct story *s, const struct chapter_reg *r)
{
    g_autofree char *path = registration_path(r);
    guint64 next = e2e_get_number(&s->e, path, "Registration", "NextPoll");

    if (next > (guint64)g_get_real_time() + RETRY_S * (guint64)G_USEC_PER_SEC)
        story_judge(s, VERDICT_LOST, "the next poll of %s was put off", r->node);
    if (story_live_at_mef(s) != (size_t)(r - regs + 1))
        story_judge(s, VERDICT_TWICE, "%zu registrations at the MEF", story_live_at_mef(s));
}

static bool add(struct story *s, const struct chapter_reg *r)
{
    GVariantBuilder options;
    g_autofree char *pem = NULL;

    g_variant_builder_init(&options, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&options, "{sv}", "Name", g_variant_new_string(r->node));
    g_variant_builder_add(&options, "{sv}", "HttpPort", g_variant_new_uint16((guint16)s->e.sim_port));
    g_variant_builder_add(&options, "{sv}", "KpmId", g_variant_new_string(E2E_KPM_ID));
    if (r->anchor) {
        g_assert_true(g_file_get_contents(sim_ca_path(s->e.sim), &pem, NULL, NULL));
        g_variant_builder_add(&options, "{sv}", "TrustAnchor", g_variant_new_string(pem));
    }
    call(s, MO, PREFIX "Tree", "AddMefClientRegCfg", g_variant_new("(ssa{sv})", E2E_FQDN, r->admin, &options),
         PREFIX "Error.AlreadyExists");
    if (!rest(s, at_rest, (void *)r)) {
        story_judge(s, VERDICT_LOST, "%s did not come to rest; %zu reports at the MEF", r->node, recorded(s));
        return false;
    }
    check_rest(s, r);
    story_tell_tree(s);
    return true;
}

void story_delete_node(struct story *s, const char *type, const char *name)
{
    g_autofree char *path = node_path(type, name);
    call(s, path, PREFIX "Node", "Delete", g_variant_new("(a{sv})", NULL),
         "org.freedesktop.DBus.Error.UnknownObject");
}

static bool has_ended(struct story *s, void *data)
{
    const struct chapter_reg *r = data;
    g_autofree char *path = registration_path(r);
    return story_is_gone(s, path) && story_live_at_mef(s) == G_N_ELEMENTS(regs) - (size_t)(r - regs) - 1;
}

static bool end(struct story *s, const struct chapter_reg *r)
{
    story_delete_node(s, "MEFClientRegCfg", r->node);
    if (!rest(s, has_ended, (void *)r)) {
        story_judge(s, VERDICT_LOST, "%s did not end; %zu registrations at the MEF", r->node,
                    story_live_at_mef(s));
        return false;
    }
    story_tell_tree(s);
    return true;
}

/* ---- the token ---------------------------------------------------------------------------------------- */

struct holding {
    unsigned secrets, private_keys, public_keys, certificates, cas, anchors, others;
};

static void count_object(struct holding *h, const char *line)
{
    g_auto(GStrv) word = g_strsplit(line, "\t", -1);

    if (g_strv_length(word) != 4)
        g_error("token-tool: %s", line);
    if (strcmp(word[0], "secret-key") == 0 && strcmp(word[2], E2E_KPM_ID) == 0)
        h->secrets++;
    else if (strcmp(word[0], "private-key") == 0 && strcmp(word[2], E2E_CLIENT) == 0)
        h->private_keys++;
    else if (strcmp(word[0], "public-key") == 0 && strcmp(word[2], E2E_CLIENT) == 0)
        h->public_keys++;
    else if (strcmp(word[0], "certificate") == 0 && strcmp(word[2], E2E_CLIENT) == 0)
        h->certificates++;
    else if (strcmp(word[0], "certificate") == 0 && strcmp(word[2], E2E_FQDN " CA") == 0)
        h->cas++;
    else if (strcmp(word[0], "certificate") == 0 && g_str_has_prefix(word[2], "mef1"))
        h->anchors++;
    else {
        h->others++;
        g_printerr("# in the token: %s\n", line);
    }
}

static void compare(struct story *s, const char *when, const char *what, unsigned is, unsigned should)
{
    if (is < should)
        story_judge(s, VERDICT_LOST, "%s: %u of %u %s in the token", when, is, should, what);
    if (is > should)
        story_judge(s, VERDICT_TWICE, "%s: %u instead of %u %s in the token", when, is, should, what);
}

/* What must lie in the token while so many registrations are enrolled. */
void story_check_token(struct story *s, const char *when, unsigned enrolled, unsigned anchors)
{
    g_autofree char *list = e2e_token_list(&s->e);
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    struct holding h = {0};

    for (char **l = lines; *l; l++)
        if (**l)
            count_object(&h, *l);
    compare(s, when, "pre-shared keys", h.secrets, 1);
    compare(s, when, "private keys", h.private_keys, enrolled);
    compare(s, when, "public keys", h.public_keys, enrolled);
    compare(s, when, "certificates", h.certificates, enrolled);
    compare(s, when, "CA certificates", h.cas, enrolled > 0);
    compare(s, when, "trust anchors", h.anchors, anchors);
    compare(s, when, "unknown objects", h.others, 0);
}

static bool is_settled(struct story *s, void *data)
{
    char **why = data;
    const char *const given[] = {s->given, NULL};

    g_free(*why);
    *why = e2e_token_disorder(&s->e, given);
    return !*why;
}

void story_check_settled(struct story *s, const char *when)
{
    g_autofree char *why = NULL;

    if (!story_until(s, is_settled, &why))
        story_judge(s, VERDICT_TORN, "%s: %s", when, why);
}

/* ---- what happened at the MEF -------------------------------------------------------------------------- */

int story_status_of(struct story *s, const char *cid, unsigned *ret_n)
{
    json_t *list = e2e_sim_records(&s->e, "reports"), *one;
    int csc = -1;
    size_t i;

    *ret_n = 0;
    json_array_foreach(list, i, one)
    {
        if (!json_is_true(json_object_get(one, "recorded")) ||
            g_strcmp0(json_string_value(json_object_get(one, "cid")), cid) != 0)
            continue;
        csc = (int)json_integer_value(json_object_get(one, "csc"));
        ++*ret_n;
    }
    json_decref(list);
    return csc;
}

void story_check_no_violation(struct story *s, struct sim_process *sim)
{
    json_t *log = sim_log(sim), *line;
    size_t i;
    json_array_foreach(log, i, line)
    {
        json_t *violation = json_array_get(json_object_get(line, "violation"), 0);
        if (violation)
            story_judge(s, VERDICT_TWICE, "the server says: %s", json_string_value(violation));
    }
    json_decref(log);
}

/* There is no DM client for LwM2M, and /27022/0 is the profile of the registration itself. */
static json_int_t deserved_by(const char *cid)
{
    static const struct {
        const char *cid;
        json_int_t csc;
    } all[N_COMMANDS] = {{"c-0001", 20}, {"c-0002", 43}, {"c-0003", 303}};

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        if (g_strcmp0(cid, all[i].cid) == 0)
            return all[i].csc;
    return 0;
}

/* Each command of each registration once, with the status that it deserves. */
static void check_reports(struct story *s)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_t *list = e2e_sim_records(&s->e, "reports"), *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        const char *cid = json_string_value(json_object_get(one, "cid"));
        json_int_t csc = json_integer_value(json_object_get(one, "csc"));
        json_int_t deserved = deserved_by(cid);
        if (csc != deserved)
            story_judge(s, VERDICT_LOST, "command %s was reported with %d", cid, (int)csc);
        if (!json_is_true(json_object_get(one, "recorded")))
            continue;
        char *key = g_strdup_printf("%s %s", json_string_value(json_object_get(one, "registration")), cid);
        if (!g_hash_table_add(seen, key))
            story_judge(s, VERDICT_TWICE, "command %s was reported twice", cid);
    }
    json_decref(list);
    if (g_hash_table_size(seen) < N_COMMANDS * G_N_ELEMENTS(regs))
        story_judge(s, VERDICT_LOST, "%u commands were reported", g_hash_table_size(seen));
    if (g_hash_table_size(seen) > N_COMMANDS * G_N_ELEMENTS(regs))
        story_judge(s, VERDICT_TWICE, "%u commands were reported", g_hash_table_size(seen));
}

/* A certificate that was issued and not yet in the token may be asked for again. */
static void check_enrolments(struct story *s)
{
    static const char *const before_stored[] = {"EST_ENROLLED", "CA_INTENT", "CA_STORED", "CERT_INTENT",
                                                NULL};
    json_t *list = e2e_sim_records(&s->e, "enrolments");
    size_t n = json_array_size(list), most = G_N_ELEMENTS(regs) + at_any(s, before_stored);

    json_decref(list);
    if (n < G_N_ELEMENTS(regs))
        story_judge(s, VERDICT_LOST, "%zu enrolments", n);
    if (n > most)
        story_judge(s, VERDICT_TWICE, "%zu enrolments", n);
}

/* MC-02: no retrieve between a command and its update. Only a command that came and never reached the journal
 * is asked for again, and then the MEF says that it is reissued (MC-07). MC-15: none before its time. */
static void check_log(struct story *s)
{
    static const char *const not_in_journal[] = {"CMD_RETRIEVED", "CMD_REPORTED", NULL};
    json_t *log = sim_log(s->e.sim), *line;
    size_t i, retrieves = 0, reissued = 0, most = G_N_ELEMENTS(regs);

    json_array_foreach(log, i, line)
    {
        const char *answer = json_string_value(json_object_get(line, "answer"));
        json_t *violation = json_array_get(json_object_get(line, "violation"), 0);
        if (violation)
            story_judge(s, VERDICT_TWICE, "the MEF says: %s", json_string_value(violation));
        if (g_strcmp0(json_string_value(json_object_get(line, "op")), "retrieve") != 0 ||
            g_strcmp0(json_string_value(json_object_get(line, "resource")), "command") != 0)
            continue;
        retrieves++;
        reissued += answer && strstr(answer, "\"csc\":11") != NULL;
    }
    json_decref(log);
    most += at_any(s, not_in_journal);
    if (retrieves > most || retrieves < G_N_ELEMENTS(regs))
        story_judge(s, retrieves > most ? VERDICT_TWICE : VERDICT_LOST, "%zu retrieves of commands",
                    retrieves);
    if (reissued > most - G_N_ELEMENTS(regs))
        story_judge(s, VERDICT_TWICE, "%zu commands were asked for again", reissued);
}

/* After a restart the tree was one of those that a caller could have left. */
void story_check_trees(struct story *s)
{
    for (guint i = 0; i < s->seen->len; i++)
        if (!g_ptr_array_find_with_equal_func(s->told, s->seen->pdata[i], g_str_equal, NULL)) {
            g_printerr("# the tree: %s\n", (char *)s->seen->pdata[i]);
            story_judge(s, VERDICT_TORN, "the tree after the restart is neither the old nor the new one");
        }
}

/* ---- the story ---------------------------------------------------------------------------------------- */

static void tell(struct story *s)
{
    story_tell_tree(s);
    if (s->wish->request)
        s->killer = g_thread_new("killer", kill_later, s);
    if (!add(s, &regs[0]))
        return;
    story_check_token(s, "enrolled", 1, 1);
    if (!add(s, &regs[1]))
        return;
    story_check_token(s, "both enrolled", 2, 1);
    check_reports(s);
    check_enrolments(s);
    if (!end(s, &regs[0]))
        return;
    story_check_token(s, "the first ended", 1, 1);
    if (!end(s, &regs[1]))
        return;
    story_check_token(s, "both ended", 0, 1);
    story_delete_node(s, "authenticationProfile", "mef1-psk");
    story_tell_tree(s);
    story_delete_node(s, "authenticationProfile", "mef2-psk");
    story_tell_tree(s);
    story_delete_node(s, "trustAnchorCred", "mef1-ca");
    story_tell_tree(s);
    if (story_killed(s))
        story_tell_tree(s);
    story_check_trees(s);
    check_log(s);
}

void story_configure(struct story *s)
{
    e2e_configure(&s->e, "[mef]\nbackoff-min=1\nbackoff-max=2\n");
}

static const struct tale tale_main = {SCENARIO, story_configure, tell, NULL};
static const struct tale *const tales[TALES] = {[TALE_MAIN] = &tale_main,
                                                [TALE_LIFE] = &tale_life,
                                                [TALE_KEYS] = &tale_keys,
                                                [TALE_DM] = &tale_dm,
                                                [TALE_RENEW] = &tale_renew};

static void print_passes(struct story *s)
{
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(s->e.agent_log, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l; l++)
        if (g_str_has_prefix(*l, "crash-point "))
            printf("passed\t%s\n", *l + strlen("crash-point "));
}

void crash_story(const struct crash_wish *wish)
{
    static const char *const words[] = VERDICT_WORDS;
    const struct tale *t = tales[wish->tale];
    struct story s = {.wish = wish,
                      .seen = g_ptr_array_new_with_free_func(g_free),
                      .told = g_ptr_array_new_with_free_func(g_free),
                      .detail = g_string_new(NULL)};

    e2e_up(&s.e, t->scenario);
    t->up(&s);
    if (wish->point)
        g_ptr_array_add(s.e.agent_env, g_strdup_printf("MEFCLIENT_CRASH_AT=%s:%u", wish->point, wish->pass));
    if (wish->trace)
        g_ptr_array_add(s.e.agent_env, g_strdup("MEFCLIENT_CRASH_AT=TRACE"));
    e2e_agent_start_ready(&s.e);
    t->tell(&s);
    story_check_settled(&s, "at the end");
    if (s.killer)
        g_thread_join(s.killer);
    if (!s.died && (wish->point || wish->request))
        story_judge(&s, VERDICT_LOST, "nobody was killed");
    if (s.verdict != VERDICT_OK)
        e2e_dump(&s.e);
    if (e2e_agent_stop(&s.e, NULL) != 0)
        story_judge(&s, VERDICT_LOST, "the agent did not end in order");
    if (wish->trace)
        print_passes(&s);
    if (t->down)
        t->down(&s);
    e2e_down(&s.e);
    printf("%s\t%s\n", words[s.verdict], s.detail->str);
    g_ptr_array_unref(s.seen);
    g_ptr_array_unref(s.told);
    g_string_free(s.detail, TRUE);
}
