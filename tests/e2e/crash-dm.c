/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fourth story: the client enrols; by DEV_CFG the example DM client adds a profile and a MAF, in a second
 * session it deletes the client's own registration. Each command is reported once and well, what a session
 * committed is there once, one that was cut off before it was DONE is run again, and what came from the MEF
 * goes with the registration. */
#include <stdint.h>
#include <string.h>

#include "tests/e2e/crash-story.h"
#include "tests/lib/e2e-dm.h"

#define REG    "/org/mefclient1/registration/mef_2eexample_2ecom"
#define OWN    "./DCFG/MEFClientRegCfg/mef.example.com"
#define DM_URI "3:coaps://mef.example.com:5684"

/* A session that comes again finds what the one before it has committed. */
static const char adding[] =
    "begin\ntry add '' MAFClientRegCfg maf \"fqdn='maf.example.com'\" \"adminFQDN='admin.example.org'\" "
    "'httpPort=uint16 9443'\n"
    "try add '' authenticationProfile p 'SUID=uint32 21' 'expirationTime=uint64 2209075199000000' "
    "\"keyRegDuration='P30D'\" \"TLSCiphersuites=['00AE']\"\n"
    "try link ./DCFG/authenticationProfile/p " OWN "\n"
    "try link ./DCFG/MAFClientRegCfg/maf ./DCFG/authenticationProfile/p\ncommit\nfinish ok 0 ''\n";
static const char ending[] =
    "begin\ntry delete ./DCFG/authenticationProfile/p\ntry delete " OWN "\ncommit\nfinish ok 0 ''\n";

static struct e2e_dm dm; /* a program tells one story */

static void up(struct story *s)
{
    story_configure(s);
    e2e_dm_init(&dm, &s->e, "dm");
    e2e_dm_start(&dm, E2E_DM_LWM2M, FALSE);
}

static void down(struct story *s)
{
    (void)s;
    e2e_dm_clear(&dm);
}

static unsigned sessions(void)
{
    g_autofree char *text = e2e_dm_said(&dm);
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, "start 3 ")); at++)
        n++;
    return n;
}

/* ---- waiting ------------------------------------------------------------------------------------------- */

static bool idle(struct story *s, void *data)
{
    (void)data;
    return story_is_idle(s, REG);
}

static bool reported(struct story *s, void *cid)
{
    unsigned n;
    return story_status_of(s, cid, &n) >= 0;
}

static bool reported_and_idle(struct story *s, void *cid)
{
    return reported(s, cid) && idle(s, NULL);
}

static bool ended(struct story *s, void *data)
{
    (void)data;
    return story_is_gone(s, REG) && story_live_at_mef(s) == 0;
}

/* ---- the chapters -------------------------------------------------------------------------------------- */

static void issue(struct story *s, const char *cid, const char *command,
                  bool (*over)(struct story *s, void *data))
{
    g_autofree char *post = g_strdup_printf("{\"cid\":\"%s\",%s}", cid, command);
    g_autoptr(GError) error = NULL;
    unsigned n;

    json_decref(sim_post(s->e.sim, "/sim/commands", post));
    g_autoptr(GVariant) v =
        e2e_call(&s->e, REG, "org.mefclient1.Registration", "Poll", g_variant_new("(a{sv})", NULL), &error);
    if (!v)
        g_printerr("# Poll: %s\n", error->message); /* the journal has the command, or the wait says so */
    if (!story_until(s, over, (void *)(uintptr_t)cid)) {
        story_judge(s, VERDICT_LOST, "command %s was not reported", cid);
        return;
    }
    int csc = story_status_of(s, cid, &n);
    if (csc != 20)
        story_judge(s, VERDICT_LOST, "command %s was reported with %d", cid, csc);
    if (n != 1)
        story_judge(s, VERDICT_TWICE, "command %s was reported %u times", cid, n);
}

/* One session a command; one more only when it was cut off before its end was stored. */
static void session(struct story *s, const char *cid, const char *lines,
                    bool (*over)(struct story *s, void *data))
{
    static const char *const within[] = {"DM_STARTED", "MO_COMMIT_BEFORE", "MO_COMMIT_AFTER", "DM_ENDED",
                                         NULL};
    bool died = s->died;
    unsigned before = sessions();

    e2e_dm_script(&dm, lines);
    issue(s, cid, "\"class\":\"DEV_CFG\",\"args\":{\"dcu\":\"" DM_URI "\"}", over);
    bool cut = died != s->died && s->wish->point && g_strv_contains(within, s->wish->point);
    if (sessions() - before < 1)
        story_judge(s, VERDICT_LOST, "no session for %s", cid);
    if (sessions() - before > 1u + cut)
        story_judge(s, VERDICT_TWICE, "%u sessions for %s", sessions() - before, cid);
}

/* The whole of what the session wrote, with its origin. */
static bool is_written(struct story *s, void *data)
{
    static const char *const nodes[] = {"/org/mefclient1/mo/authenticationProfile/p",
                                        "/org/mefclient1/mo/MAFClientRegCfg/maf"};
    (void)data;
    for (size_t i = 0; i < G_N_ELEMENTS(nodes); i++) {
        g_autofree char *origin = e2e_get_string(&s->e, nodes[i], "Node", "Origin");
        if (strcmp(origin, "mef-dm") != 0)
            return false;
    }
    return true;
}

static void tell(struct story *s)
{
    g_autofree char *reg = e2e_add_mef(&s->e);

    if (!story_until(s, idle, NULL))
        story_judge(s, VERDICT_LOST, "not registered");
    issue(s, "d-1", "\"class\":\"CERT_PROV\"", reported_and_idle);
    story_check_settled(s, "enrolled");
    story_tell_tree(s);
    session(s, "d-2", adding, reported_and_idle);
    if (!story_until(s, is_written, NULL))
        story_judge(s, VERDICT_TORN, "what the session wrote is not there");
    story_check_settled(s, "a profile was added");
    story_tell_tree(s);
    session(s, "d-3", ending, reported);
    if (!story_until(s, ended, NULL))
        story_judge(s, VERDICT_LOST, "the registration did not end; %zu at the MEF", story_live_at_mef(s));
    story_tell_tree(s);
    if (story_killed(s))
        story_tell_tree(s);
    story_check_trees(s);
    story_check_token(s, "ended", 0, 0);
    story_check_no_violation(s, s->e.sim);
}

const struct tale tale_dm = {NO_COMMANDS, up, tell, down};
