/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The third story: by command a key is registered at the MEF, the client registers at a MAF and a key there;
 * then the node of the MEF, which has a key, is deleted, and that of the MAF. Each command is reported once
 * and well; a key whose tie was cut off is registered anew, and what is in the token is what is tied. */
#include <glib/gstdio.h>
#include <stdint.h>
#include <string.h>

#include "tests/e2e/crash-story.h"

#define MO       "/org/mefclient1/mo"
#define MAF_FQDN "maf.example.net"
#define KM_ID    "km-0042@" MAF_FQDN
#define KM_HEX   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define A        "./DCFG/authenticationProfile/"
#define REG      "/org/mefclient1/registration/mef_2eexample_2ecom"
#define MAF_REG  "/org/mefclient1/registration/maf_3amaf1"

/* %u: port of the MAF. */
static const char tree[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"maf1\",\"attrs\":{\"fqdn\":\"" MAF_FQDN "\",\"adminFQDN\":"
    "\"admin.example.org\",\"httpPort\":%u},\"links\":[\"" A "ap-11\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-11\",\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":["
    "\"00AE\"],\"symmKeyID\":\"" KM_ID "\"},\"links\":[]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-22\",\"attrs\":{\"SUID\":22,\"TLSCiphersuites\":["
    "\"00AE\"],\"keyRegDuration\":\"P30D\"},\"links\":[\"./DCFG/MEFClientRegCfg/mef.example.com\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-32\",\"attrs\":{\"SUID\":32,\"TLSCiphersuites\":["
    "\"00AE\"],\"keyRegDuration\":\"P30D\"},\"links\":[\"./DCFG/MAFClientRegCfg/maf1\"]},"
    "{\"type\":\"registration\",\"name\":\"reg1\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"" A "ap-22\"]},"
    "{\"type\":\"registration\",\"name\":\"reg2\",\"attrs\":{\"originatorID\":\"/gw-0043\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"" A "ap-32\"]}]}";

static struct sim_process *maf; /* a program tells one story */

static void up(struct story *s)
{
    g_autofree char *dir = g_build_filename(s->e.dir, "maf", NULL);
    g_autofree char *state = g_strdup_printf("--mef-state=%s/sim.state", s->e.dir);
    g_autofree char *ca = g_strdup_printf("--ca=%s/ca", s->e.dir);
    const char *const args[] = {"--role=maf", state, ca, "--psk=" KM_ID "=" KM_HEX, NULL};

    g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
    maf = sim_start(dir, MAF_FQDN, NULL, args);
    e2e_configure(&s->e, "resolve=" E2E_FQDN ":127.0.0.1 " MAF_FQDN ":127.0.0.1\n"
                         "[mef]\nbackoff-min=1\nbackoff-max=2\n");
    e2e_put_key(&s->e, KM_ID, KM_HEX);
    s->given = KM_ID;
}

static void down(struct story *s)
{
    (void)s;
    (void)sim_stop(maf);
}

static size_t at_maf(const char *array)
{
    json_t *state = sim_state(maf);
    size_t n = json_array_size(json_object_get(json_object_get(state, "state"), array));
    json_decref(state);
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
    return story_status_of(s, cid, &n) >= 0 && idle(s, NULL);
}

static bool ended(struct story *s, void *path)
{
    return story_is_gone(s, path) &&
           (strcmp(path, REG) == 0 ? story_live_at_mef(s) : at_maf("registrations")) == 0;
}

/* ---- what must be so ----------------------------------------------------------------------------------- */

static bool counted(struct story *s, void *data)
{
    const unsigned *want = data;
    g_autofree char *list = e2e_token_list(&s->e);
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    unsigned ours = 0, others = 0;

    for (char **l = lines; *l; l++) {
        bool theirs = strstr(*l, E2E_KPM_ID) || strstr(*l, KM_ID);
        others += theirs;
        ours += **l && !theirs;
    }
    return ours == *want && others == 2;
}

/* The token holds so many keys of ours, and Kpm and Km. */
static void check_token(struct story *s, const char *when, unsigned want)
{
    if (story_until(s, counted, &want))
        return;
    g_autofree char *list = e2e_token_list(&s->e);
    g_printerr("# in the token:\n%s", list);
    story_judge(s, VERDICT_TWICE, "%s: not %u keys in the token", when, want);
}

static bool is_tied(struct story *s, void *node)
{
    g_autofree char *object = e2e_get_string(&s->e, node, "AuthenticationProfile", "Credential");
    g_autofree char *kind = e2e_get_string(&s->e, object, "Credential", "Kind");
    return strcmp(kind, "key") == 0;
}

/* ---- the chapters -------------------------------------------------------------------------------------- */

static void command(struct story *s, const char *cid, const char *path, int type, int suid)
{
    g_autofree char *obsa = suid ? g_strdup_printf("{\"suid\":%d}", suid) : g_strdup("null");
    g_autofree char *post = g_strdup_printf(
        "{\"class\":\"MO_NODE\",\"cid\":\"%s\",\"args\":{\"obp\":\"%s\",\"obt\":%d,\"obsa\":%s}}", cid, path,
        type, obsa);
    unsigned n;

    json_decref(sim_post(s->e.sim, "/sim/commands", post));
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v =
        e2e_call(&s->e, REG, "org.mefclient1.Registration", "Poll", g_variant_new("(a{sv})", NULL), &error);
    if (!v)
        g_printerr("# Poll: %s\n", error->message); /* the journal has the command, or the wait says so */
    if (!story_until(s, reported, (void *)(uintptr_t)cid)) {
        story_judge(s, VERDICT_LOST, "command %s was not reported", cid);
        return;
    }
    int csc = story_status_of(s, cid, &n);
    if (csc != 20)
        story_judge(s, VERDICT_LOST, "command %s was reported with %d", cid, csc);
    if (n != 1)
        story_judge(s, VERDICT_TWICE, "command %s was reported %u times", cid, n);
}

static void end(struct story *s, const char *type, const char *name, const char *registration)
{
    story_delete_node(s, type, name);
    if (!story_until(s, ended, (void *)(uintptr_t)registration))
        story_judge(s, VERDICT_LOST, "%s did not end", registration);
}

static void tell(struct story *s)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf(tree, sim_port(maf));
    g_autofree char *reg = e2e_add_mef(&s->e);

    if (!story_until(s, idle, NULL))
        story_judge(s, VERDICT_LOST, "not registered");
    G_GNUC_UNUSED g_autoptr(GVariant) v =
        e2e_call(&s->e, MO, "org.mefclient1.Tree", "Import", g_variant_new("(sa{sv})", text, NULL), &error);
    g_assert_no_error(error);
    command(s, "k-1", A "ap-22", 1, 22);
    /* A command whose key was tied and which was not DONE is executed again: the former key stays beside the
     * new one until its registration ends, or its node. */
    bool tied = g_strcmp0(s->wish->point, "PSK_TIED") == 0;
    unsigned former_mef = tied && s->wish->pass == 1, former_maf = tied && s->wish->pass == 2;
    check_token(s, "a key of the MEF", 1 + former_mef);
    if (!story_until(s, is_tied, (void *)(uintptr_t)MO "/authenticationProfile/ap_2d22"))
        story_judge(s, VERDICT_LOST, "the key of the MEF is not tied");
    command(s, "k-2", "./DCFG/MAFClientRegCfg/maf1", 3, 0);
    if (at_maf("registrations") != 1)
        story_judge(s, VERDICT_TWICE, "%zu registrations at the MAF", at_maf("registrations"));
    command(s, "k-3", A "ap-32", 1, 32);
    check_token(s, "a key of the MAF", 2 + former_mef + former_maf);
    if (!story_until(s, is_tied, (void *)(uintptr_t)MO "/authenticationProfile/ap_2d32"))
        story_judge(s, VERDICT_LOST, "the key of the MAF is not tied");
    end(s, "MEFClientRegCfg", E2E_FQDN, REG);
    check_token(s, "the MEF ended", 1 + former_maf);
    end(s, "MAFClientRegCfg", "maf1", MAF_REG);
    check_token(s, "the MAF ended", 0);
    story_check_no_violation(s, s->e.sim);
    story_check_no_violation(s, maf);
}

const struct tale tale_keys = {NO_COMMANDS, up, tell, down};
