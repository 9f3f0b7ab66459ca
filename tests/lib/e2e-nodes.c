/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/lib/e2e-nodes.h"

#include <glib/gstdio.h>
#include <string.h>

#include "pkcs11/token.h"

#define NODE "org.mefclient1.Node"

struct sim_process *e2e_maf_start(struct e2e *e, const char *scenario)
{
    g_autofree char *dir = g_build_filename(e->dir, "maf", NULL);
    g_autofree char *state = g_strdup_printf("--mef-state=%s/sim.state", e->dir);
    g_autofree char *ca = g_strdup_printf("--ca=%s/ca", e->dir);
    const char *const args[] = {"--role=maf", state, ca, "--psk=" E2E_KM_ID "=" E2E_KM_HEX, NULL};

    g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
    e2e_put_key(e, E2E_KM_ID, E2E_KM_HEX);
    return sim_start(dir, E2E_MAF_FQDN, scenario, args);
}

size_t e2e_requests(struct sim_process *sim, const char *op, const char *resource)
{
    json_t *log = sim_log(sim), *line;
    size_t n = 0, i;

    json_array_foreach(log, i, line) n += json_object_get(line, "request") &&
                                          (!op || g_strcmp0(e2e_text(line, "op"), op) == 0) &&
                                          (!resource || g_strcmp0(e2e_text(line, "resource"), resource) == 0);
    json_decref(log);
    return n;
}

size_t e2e_records(struct sim_process *sim, const char *array)
{
    json_t *state = sim_state(sim);
    size_t n = json_array_size(json_object_get(json_object_get(state, "state"), array));

    json_decref(state);
    return n;
}

void e2e_import(struct e2e *e, const char *json)
{
    g_autoptr(GError) error = NULL;
    G_GNUC_UNUSED g_autoptr(GVariant) v =
        e2e_call(e, E2E_MO, "org.mefclient1.Tree", "Import", g_variant_new("(sa{sv})", json, NULL), &error);
    g_assert_no_error(error);
}

/* One attribute with a value, or one that goes. */
static void change(struct e2e *e, const char *node, const char *attribute, GVariant *value)
{
    const char *const gone[] = {attribute, NULL};
    g_autoptr(GError) error = NULL;
    GVariantBuilder set, options;

    g_variant_builder_init(&set, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    if (value)
        g_variant_builder_add(&set, "{sv}", attribute, value);
    else
        g_variant_builder_add(&options, "{sv}", "Remove", g_variant_new_strv(gone, -1));
    G_GNUC_UNUSED g_autoptr(GVariant) v =
        e2e_call(e, node, NODE, "Set", g_variant_new("(a{sv}a{sv})", &set, &options), &error);
    g_assert_no_error(error);
}

void e2e_set(struct e2e *e, const char *node, const char *attribute, GVariant *value)
{
    change(e, node, attribute, value);
}

void e2e_remove(struct e2e *e, const char *node, const char *attribute)
{
    change(e, node, attribute, NULL);
}

void e2e_delete(struct e2e *e, const char *node)
{
    g_autoptr(GError) error = NULL;
    G_GNUC_UNUSED g_autoptr(GVariant) v =
        e2e_call(e, node, NODE, "Delete", g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
}

guint32 e2e_process(struct e2e *e, const char *node, guint32 suid)
{
    g_autoptr(GError) error = NULL;
    GVariantBuilder b;
    const char *name;
    guint32 code;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (suid)
        g_variant_builder_add(&b, "{sv}", "SUID", g_variant_new_uint32(suid));
    g_autoptr(GVariant) v =
        e2e_call(e, node, NODE, "Process", g_variant_new("(a{sv}a{sv})", &b, NULL), &error);
    if (error)
        e2e_dump(e);
    g_assert_no_error(error);
    g_variant_get(v, "(u&s)", &code, &name);
    return code;
}

int e2e_command(struct e2e *e, const char *registration, unsigned serial, const char *object_path, int type,
                int suid)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *cid = g_strdup_printf("mo-%u", serial);
    g_autofree char *obsa = suid ? g_strdup_printf("{\"suid\":%d}", suid) : g_strdup("null");
    g_autofree char *post = g_strdup_printf(
        "{\"class\":\"MO_NODE\",\"cid\":\"%s\",\"args\":{\"obp\":\"%s\",\"obt\":%d,\"obsa\":%s}}", cid,
        object_path, type, obsa);

    json_decref(sim_post(e->sim, "/sim/commands", post));
    G_GNUC_UNUSED g_autoptr(GVariant) v = e2e_call(e, registration, "org.mefclient1.Registration", "Poll",
                                                   g_variant_new("(a{sv})", NULL), &error);
    g_assert_no_error(error);
    e2e_wait_reports(e, serial);
    json_t *report = e2e_record(e->sim, "reports", "cid", cid);
    g_assert_nonnull(report);
    int csc = (int)json_integer_value(json_object_get(report, "csc"));
    json_decref(report);
    return csc;
}

char *e2e_key_of(struct e2e *e, const char *profile, char **ret_object)
{
    g_autofree char *object = e2e_get_string(e, profile, "AuthenticationProfile", "Credential");
    g_autofree char *id = e2e_get_string(e, object, "Credential", "CredentialId");
    const char *dash = strchr(id, '-');

    if (ret_object)
        *ret_object = g_strdup(object);
    return g_strdup(dash && dash - id == 2 ? dash + 1 : id);
}

static gboolean job_over(struct e2e *e, void *path)
{
    g_autofree char *state = e2e_get_string(e, path, "Job", "State");
    return state[0] && strcmp(state, "queued") != 0 && strcmp(state, "running") != 0 &&
           strcmp(state, "waiting") != 0;
}

char *e2e_job_end(struct e2e *e, const char *job)
{
    e2e_wait(e, "the job to end", job_over, (void *)(uintptr_t)job, 30);
    return e2e_get_string(e, job, "Job", "State");
}

void e2e_assert_in_token(struct e2e *e, const char *label, const void *octets, gsize n)
{
    struct token_params params = {
        .uri = e->token.uri, .module = e->token.module, .pin_file = e->token.pin_file};
    struct token *t = NULL;
    struct mef_error error = {0};
    struct secret *mine = NULL;

    g_assert_cmpint(e->agent, ==, 0);
    g_assert_cmpint(token_new(&params, &t, &error), ==, 0);
    g_assert_cmpint(token_open(t, &error), ==, 0);
    if (token_get_secret(t, label, &mine, &error) < 0)
        g_error("%s: %s", label, error.text);
    g_assert_cmpmem(mine->data, mine->len, octets, n);
    secret_free(mine);
    token_free(t);
}

json_t *e2e_record(struct sim_process *sim, const char *array, const char *member, const char *value)
{
    json_t *all = sim_state(sim), *list = json_object_get(json_object_get(all, "state"), array), *one,
           *found = NULL;
    size_t i;

    json_array_foreach(list, i, one) if (g_strcmp0(e2e_text(one, member), value) == 0) found =
        json_incref(one);
    json_decref(all);
    return found;
}

const char *e2e_text(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}
