/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other story: a registration is renewed, ended by request and made again; its node is deleted, and the
 * tree comes back by Import. No commands, so that each registration and each request can be counted. A call
 * without an answer, and a job that its agent did not live to finish, are repeated, as any caller would. */
#include <string.h>

#include "tests/e2e/crash-story.h"

#define PREFIX  "org.mefclient1."
#define MO      "/org/mefclient1/mo"
#define REG     "/org/mefclient1/registration/life"
#define PROFILE "life-psk"

static bool gone(const GError *error)
{
    g_autofree char *name = g_dbus_error_get_remote_error(error);
    return g_strcmp0(name, "org.freedesktop.DBus.Error.NoReply") == 0 ||
           g_strcmp0(name, "org.freedesktop.DBus.Error.ServiceUnknown") == 0;
}

struct work {
    GPid pid;
    const char *job;
};

static bool over(struct story *s, void *data)
{
    struct work *w = data;
    g_autofree char *state =
        w->pid == s->e.agent ? e2e_get_string(&s->e, w->job, "Job", "State") : g_strdup("");
    return w->pid != s->e.agent || strcmp(state, "done") == 0 || strcmp(state, "failed") == 0;
}

void story_work(struct story *s, const char *path, const char *interface, const char *method,
                GVariant *params, const char *fine)
{
    g_autoptr(GVariant) kept = g_variant_ref_sink(params);

    for (unsigned n = 0;; n++) {
        g_autoptr(GError) error = NULL;
        struct work w = {.pid = s->e.agent};
        g_autoptr(GVariant) reply = e2e_call(&s->e, path, interface, method, kept, &error);
        g_autofree char *name = error ? g_dbus_error_get_remote_error(error) : NULL;
        if (n > 0 && g_strcmp0(name, fine) == 0)
            return;
        if (!reply && gone(error) && n < 3 && story_until(s, story_is_new, &w.pid))
            continue;
        if (!reply) {
            e2e_dump(&s->e);
            g_error("%s: %s", method, error->message);
        }
        g_variant_get_child(reply, g_variant_n_children(reply) - 1, "&o", &w.job);
        if (!story_until(s, over, &w)) {
            story_judge(s, VERDICT_LOST, "%s did not end", method);
            return;
        }
        if (w.pid != s->e.agent)
            continue;
        g_autofree char *state = e2e_get_string(&s->e, w.job, "Job", "State");
        if (strcmp(state, "done") != 0 && n == 0)
            story_judge(s, VERDICT_LOST, "%s failed", method);
        return;
    }
}

static void procedure(struct story *s, const char *method)
{
    story_work(s, REG, PREFIX "Registration", method, g_variant_new("(a{sv})", NULL),
               PREFIX "Error.NotRegistered");
}

/* ---- what must be so ----------------------------------------------------------------------------------- */

static bool registered(struct story *s, void *data)
{
    (void)data;
    return story_is_idle(s, REG);
}

static bool ended(struct story *s, void *data)
{
    (void)data;
    return story_is_gone(s, REG) && story_live_at_mef(s) == 0;
}

/* One live registration at the MEF, and it is ours. */
static void check_registered(struct story *s, const char *when)
{
    if (!story_until(s, registered, NULL)) {
        story_judge(s, VERDICT_LOST, "%s: not registered", when);
        return;
    }
    json_t *list = e2e_sim_records(&s->e, "registrations");
    g_autofree char *id = e2e_get_string(&s->e, REG, "Registration", "MefClientRegId");
    const char *theirs = json_string_value(json_object_get(json_array_get(list, 0), "ri"));

    if (json_array_size(list) != 1)
        story_judge(s, json_array_size(list) ? VERDICT_TWICE : VERDICT_LOST,
                    "%s: %zu registrations at the MEF", when, json_array_size(list));
    else if (g_strcmp0(theirs, id) != 0)
        story_judge(s, VERDICT_LOST, "%s: the MEF has %s and we have %s", when, theirs, id);
    json_decref(list);
    story_check_token(s, when, 0, 0);
}

/* Client and MEF agree on the end. */
static void check_end(struct story *s)
{
    json_t *list = e2e_sim_records(&s->e, "registrations");
    const char *et = json_string_value(json_object_get(json_array_get(list, 0), "et"));
    g_autofree char *iso = g_strdup_printf("%.15sZ", et ? et : "");
    g_autoptr(GDateTime) theirs = g_date_time_new_from_iso8601(iso, NULL);
    guint64 ours = e2e_get_number(&s->e, REG, "Registration", "ExpiresAt") / G_USEC_PER_SEC;

    if (!theirs || (guint64)g_date_time_to_unix(theirs) != ours)
        story_judge(s, VERDICT_LOST, "the registration ends %s there and %" G_GUINT64_FORMAT " here", iso,
                    ours);
    json_decref(list);
}

/* Each create, update and delete at the MEF once; one more only where the answer was lost, or where a restart
 * registers what was ended by request (T1). */
static void check_counts(struct story *s)
{
    static const struct {
        const char *op, *again; /* the crash point after which one more is right */
        size_t n;
    } all[] = {
        {"create", "DEREGISTER_STORED", 3}, {"update", "REG_UPDATE_", 1}, {"delete", "DEREGISTER_", 3}};

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        size_t n = e2e_sim_count(&s->e, all[i].op, "registration");
        bool may = s->wish->point && g_str_has_prefix(s->wish->point, all[i].again);
        if (strcmp(all[i].op, "create") == 0)
            n += e2e_sim_count(&s->e, all[i].op, "base");
        if (n < all[i].n)
            story_judge(s, VERDICT_LOST, "%zu x %s", n, all[i].op);
        if (n > all[i].n + may)
            story_judge(s, VERDICT_TWICE, "%zu x %s", n, all[i].op);
    }
    story_check_no_violation(s, s->e.sim);
}

/* ---- the chapters -------------------------------------------------------------------------------------- */

static void add(struct story *s)
{
    GVariantBuilder options;

    g_variant_builder_init(&options, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&options, "{sv}", "Name", g_variant_new_string("life"));
    g_variant_builder_add(&options, "{sv}", "HttpPort", g_variant_new_uint16((guint16)s->e.sim_port));
    g_variant_builder_add(&options, "{sv}", "KpmId", g_variant_new_string(E2E_KPM_ID));
    story_work(s, MO, PREFIX "Tree", "AddMefClientRegCfg",
               g_variant_new("(ssa{sv})", E2E_FQDN, E2E_ADMIN, &options), PREFIX "Error.AlreadyExists");
    check_registered(s, "added");
    story_tell_tree(s);
}

static void end(struct story *s)
{
    story_delete_node(s, "MEFClientRegCfg", "life");
    if (!story_until(s, ended, NULL))
        story_judge(s, VERDICT_LOST, "did not end; %zu registrations at the MEF", story_live_at_mef(s));
    story_tell_tree(s);
    story_delete_node(s, "authenticationProfile", PROFILE);
    story_tell_tree(s);
    story_check_token(s, "ended", 0, 0);
}

static void import(struct story *s, const char *text)
{
    for (unsigned n = 0;; n++) {
        g_autoptr(GError) error = NULL;
        GPid pid = s->e.agent;
        g_autoptr(GVariant) reply =
            e2e_call(&s->e, MO, PREFIX "Tree", "Import", g_variant_new("(sa{sv})", text, NULL), &error);
        if (reply)
            break;
        if (n >= 3 || !gone(error) || !story_until(s, story_is_new, &pid)) {
            e2e_dump(&s->e);
            g_error("Import: %s", error->message);
        }
    }
    check_registered(s, "imported");
    story_tell_tree(s);
}

static void tell(struct story *s)
{
    story_tell_tree(s);
    add(s);
    g_autofree char *text = story_export(s);
    procedure(s, "Update");
    check_registered(s, "updated");
    check_end(s);
    procedure(s, "Deregister");
    procedure(s, "Register");
    check_registered(s, "registered again");
    if (!text) /* the agent died under the question */
        text = story_export(s);
    g_assert_nonnull(text);
    end(s);
    import(s, text);
    end(s);
    if (story_killed(s))
        story_tell_tree(s);
    story_check_trees(s);
    check_counts(s);
}

const struct tale tale_life = {NO_COMMANDS, story_configure, tell, NULL};
