/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fifth story: the client enrols, a person has the certificate renewed, and the registration ends. What
 * was asked for is done once, whoever died under it: the journal has it, and nobody asks again. */
#include <string.h>

#include "tests/e2e/crash-story.h"

#define REG "/org/mefclient1/registration/mef_2eexample_2ecom"

static char *credential(struct story *s)
{
    g_autofree char *path = e2e_get_string(&s->e, REG, "Registration", "Credential"),
                    *kind = e2e_get_string(&s->e, path, "Credential", "Kind");
    return g_strdup(strcmp(kind, "certificate") == 0 ? path : "");
}

/* Registered, nothing to do, and another certificate than that one in use. */
static bool uses_another(struct story *s, void *than)
{
    g_autofree char *now = credential(s);

    return story_is_idle(s, REG) && *now && strcmp(now, than) != 0;
}

static bool ended(struct story *s, void *data)
{
    (void)data;
    return story_is_gone(s, REG) && story_live_at_mef(s) == 0;
}

/* A certificate that was issued and not yet in the token is asked for again. */
static void check_enrolments(struct story *s)
{
    static const char *const before_stored[] = {"EST_ENROLLED", "CA_INTENT", "CA_STORED", "CERT_INTENT",
                                                NULL};
    json_t *list = e2e_sim_records(&s->e, "enrolments");
    size_t n = json_array_size(list),
           most = 2 + (s->wish->point && g_strv_contains(before_stored, s->wish->point));

    json_decref(list);
    if (n < 2 || n > most)
        story_judge(s, n < 2 ? VERDICT_LOST : VERDICT_TWICE, "%zu enrolments", n);
}

static void renew(struct story *s)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *old = credential(s);
    g_autoptr(GVariant) v =
        e2e_call(&s->e, old, "org.mefclient1.Credential", "Renew", g_variant_new("(a{sv})", NULL), &error);

    if (!v && !s->wish->point)
        g_error("Renew: %s", error->message);
    if (!story_until(s, uses_another, old))
        story_judge(s, VERDICT_LOST, "the certificate was not renewed");
}

static void tell(struct story *s)
{
    g_autofree char *reg = e2e_add_mef(&s->e);
    unsigned n;

    if (!story_until(s, uses_another, (void *)""))
        story_judge(s, VERDICT_LOST, "not enrolled");
    story_check_token(s, "enrolled", 1, 0);
    renew(s);
    story_check_settled(s, "renewed");
    story_check_token(s, "renewed", 2, 0); /* the former pair stays until the registration ends */
    check_enrolments(s);
    if (story_status_of(s, "c-0001", &n) != 20 || n != 1 || e2e_sim_count(&s->e, "update", NULL) != 1)
        story_judge(s, VERDICT_TWICE, "a renewal by hand is not reported");
    story_delete_node(s, "MEFClientRegCfg", E2E_FQDN);
    if (!story_until(s, ended, NULL))
        story_judge(s, VERDICT_LOST, "the registration did not end");
    story_check_token(s, "ended", 0, 0);
    story_check_no_violation(s, s->e.sim);
}

const struct tale tale_renew = {"{\"commands\":[{\"class\":\"CERT_PROV\"}],\"retryDuration\":\"PT10M\"}",
                                story_configure, tell, NULL};
