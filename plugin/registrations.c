/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The registrations as the loop sees them: one `struct registration` per [MEFClientRegCfg] node or tombstone,
 * with its worker, its snapshot, and its objects on the bus. What workers tell comes by told.c. Clauses:
 * mo-tree.md 4.2 (T1 to T3), 4.3. */
#include "plugin/registrations.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/crash.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/bindings.h"
#include "plugin/tree-port.h"
#include "plugin/dm/dm.h"
#include "policy/fingerprint.h"

/* ---- look-up ---------------------------------------------------------------------------------------- */

struct registration *registration_find(struct engine *e, const char *node)
{
    for (struct registration *r = e->registrations; r; r = r->next)
        if (streq(r->config.node, node))
            return r;
    return NULL;
}

struct registration *registration_by_fqdn(struct engine *e, const char *fqdn, const char *admin_fqdn)
{
    for (struct registration *r = e->registrations; r; r = r->next)
        if (!r->ending && str_ieq(r->config.fqdn, fqdn) && str_ieq(r->config.admin_fqdn, admin_fqdn))
            return r;
    return NULL;
}

const char *registration_path(const struct registration *r)
{
    return r->object ? bus_object_path(r->object) : NULL;
}

bool registration_ending(const struct registration *r)
{
    return r->ending;
}

int registrations_paths(struct engine *e, char ***ret)
{
    for (struct registration *r = e->registrations; r; r = r->next)
        if (r->object && strv_push(ret, bus_object_path(r->object)) < 0)
            return -ENOMEM;
    return 0;
}

/* A registration at a MAF has a prefix before its node's name, since nodes of two types may share one. */
static const char *node_name(const char *registration, enum mo_type *ret_type)
{
    bool maf = strncmp(registration, MAF_PREFIX, strlen(MAF_PREFIX)) == 0;

    *ret_type = maf ? MO_MAF_CLIENT_REG_CFG : MO_MEF_CLIENT_REG_CFG;
    return registration + (maf ? strlen(MAF_PREFIX) : 0);
}

const struct mo_node *registration_node(struct engine *e, const char *registration)
{
    enum mo_type type;
    const char *name = node_name(registration, &type);

    return mo_tree_by_name(e->tree, type, name);
}

char *registration_name(const struct mo_node *n)
{
    char *name = NULL;

    if (mo_node_type(n) != MO_MAF_CLIENT_REG_CFG)
        return strdup(mo_node_name(n));
    return asprintf(&name, MAF_PREFIX "%s", mo_node_name(n)) < 0 ? NULL : name;
}

/* ---- configuration out of the tree ------------------------------------------------------------------ */

static int add_anchors(struct engine *e, const struct mo_node *profile, struct der_list *anchors)
{
    size_t n = 0;
    const uint64_t *links = mo_node_links(profile, &n);

    for (size_t i = 0; i < n; i++) {
        const struct mo_node *child = mo_tree_by_id(e->tree, links[i]);
        const char *text = child && mo_node_type(child) == MO_TRUST_ANCHOR_CRED
                               ? mo_node_text(child, MO_CERT_FINGERPRINT)
                               : NULL;
        struct fingerprint fp;
        const struct der *der =
            text && fingerprint_parse(text, &fp) == 0 ? credential_by_fingerprint(e, &fp) : NULL;
        if (der && der_list_add(anchors, der->data, der->len) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int credential_config(struct engine *e, const struct mo_node *profile, struct mef_reg_config *c)
{
    const struct binding *b = binding_find(e, mo_node_id(profile));
    uint32_t suid = mo_node_uint(profile, MO_SUID, 0), kind = suid / 10, scope = suid % 10;
    const char *text = kind == 1   ? mo_node_text(profile, MO_SYMM_KEY_ID)
                       : kind == 4 ? mo_node_text(profile, MO_MY_CERT_FINGERPRINT)
                       : b         ? b->credential
                                   : NULL;
    struct fingerprint fp;

    if (!text || scope != (c->maf ? 1u : 0u))
        return 0; /* none: the worker says that it cannot run */
    if (kind != 4) {
        c->credential = CREDENTIAL_PSK;
        c->half_key = kind != 1;
        return (c->key_id = strdup(text)) ? 0 : -ENOMEM;
    }
    if (fingerprint_parse(text, &fp) == 0) {
        c->credential = CREDENTIAL_CERT;
        c->cert_prefix_len = fp.len;
        memcpy(c->cert_sha256, fp.octets, sizeof c->cert_sha256);
        return add_anchors(e, profile, &c->anchors);
    }
    return 0;
}

int registration_config(struct engine *e, const struct mo_node *n, struct mef_reg_config *ret,
                        struct mef_error *reterr)
{
    struct mef_reg_config c = {0};
    const struct mo_node *profile = mo_node_child(e->tree, n, MO_AUTHENTICATION_PROFILE, NULL);
    char *const *labels = mo_node_list(n, MO_LABELS);
    int r = 0;

    c.node = registration_name(n);
    c.maf = mo_node_type(n) == MO_MAF_CLIENT_REG_CFG;
    c.fqdn = strdup(mo_node_text(n, MO_FQDN));
    c.admin_fqdn = strdup(mo_node_text(n, MO_ADMIN_FQDN));
    c.labels = labels && *labels ? strv_copy(labels) : NULL;
    c.http_port = (uint16_t)mo_node_uint(n, MO_HTTP_PORT, 0);
    c.coap_port = (uint16_t)mo_node_uint(n, MO_COAP_PORT, 0);
    c.websocket_port = (uint16_t)mo_node_uint(n, MO_WEBSOCKET_PORT, 0);
    c.expires = mo_node_time(n, MO_EXPIRATION_TIME);
    if (e->config->default_ports) {
        c.http_port = c.http_port ? c.http_port : 443;
        c.coap_port = c.coap_port ? c.coap_port : 5684;
        c.websocket_port = c.websocket_port ? c.websocket_port : 443;
    }
    if (!c.node || !c.fqdn || !c.admin_fqdn || (labels && *labels && !c.labels))
        r = -ENOMEM;
    if (r == 0 && profile)
        r = credential_config(e, profile, &c);
    if (r < 0) {
        mef_reg_config_clear(&c);
        return r;
    }
    *ret = c;
    return 0;
}

/* ---- the model -------------------------------------------------------------------------------------- */

static const struct bus_interface *const registration_interfaces[] = {&registration_interface, NULL};
static const struct bus_interface *const command_interfaces[] = {&command_interface, NULL};

void registration_changed(struct registration *r, const char *property)
{
    if (r->object)
        bus_changed(r->object, registration_interface.name, property);
}

static void command_free(struct shown_command *c)
{
    if (!c)
        return;
    bus_object_remove(c->object);
    cmd_record_clear(&c->rec);
    free(c);
}

struct shown_command *registration_command(struct registration *r, uint32_t serial)
{
    for (size_t i = 0; i < r->n_commands; i++)
        if (r->commands[i]->rec.serial == serial)
            return r->commands[i];
    return NULL;
}

static int command_export(struct shown_command *c)
{
    _cleanup_(freep) char *path = NULL;

    if (!c->r->object || cmd_record_by_hand(&c->rec))
        return 0;
    if (asprintf(&path, "%s/command/%u", bus_object_path(c->r->object), c->rec.serial) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return bus_object_add(c->r->e->bus, path, command_interfaces, c, &c->object);
}

int registration_put_command(struct registration *r, struct cmd_record *rec)
{
    struct shown_command *c = registration_command(r, rec->serial);

    if (c) {
        cmd_record_clear(&c->rec);
        c->rec = *rec;
        *rec = (struct cmd_record){0};
        if (c->object)
            bus_changed(c->object, command_interface.name, NULL);
        return 0;
    }
    struct shown_command **more = reallocarray(r->commands, r->n_commands + 1, sizeof *more);
    if (more)
        r->commands = more;
    if (!more || !(c = calloc(1, sizeof *c)))
        return -ENOMEM;
    c->r = r;
    c->rec = *rec;
    *rec = (struct cmd_record){0};
    r->commands[r->n_commands++] = c;
    int e = command_export(c);
    if (r->n_commands > LIMIT_COMMANDS_KEPT) {
        struct shown_command *oldest = r->commands[0];
        r->n_commands--;
        memmove(r->commands, r->commands + 1, r->n_commands * sizeof *r->commands);
        command_free(oldest);
    }
    return e;
}

static void registration_free(struct registration *r)
{
    /* Removing an object tells the changes that wait, ours too: what is freed must not be in the model any
     * more. */
    while (r->n_commands > 0)
        command_free(r->commands[--r->n_commands]);
    bus_object_remove(r->object);
    free(r->commands);
    mef_client_free(r->client);
    mef_reg_config_clear(&r->config);
    reg_record_clear(&r->rec);
    free(r->credential);
    free(r->statuses);
    free(r);
}

static struct client *make_client(struct registration *r, struct mef_error *reterr)
{
    struct engine *e = r->e;
    struct client *c = NULL;
    struct mef_client_params p = {
        .clock = engine_clock,
        .transport = net_transport(e->net),
        .vault = vault_port(&e->vault),
        .journal = journal_port(e->db),
        .dm = dm_port(e->dm),
        .observer = told_observer(e),
        .events = e->sink,
        .tree = tree_port(e),
        .settings = &e->settings,
        .config = &r->config,
        .identity = &e->identity,
        .vocabulary = e->vocabulary,
    };
    return mef_client_new(&p, &c, reterr) < 0 ? NULL : c;
}

static void start_worker(struct registration *r)
{
    struct mef_error err = {0};

    if (!r->client || r->started || !r->e->token_tried)
        return;
    if (mef_client_start(r->client, &err) < 0) {
        engine_attention(r->e, r->config.node, "registration-failed",
                         err.text[0] ? err.text : "no thread could be made");
        return;
    }
    r->started = true;
}

/* A registration with this configuration, which is taken over; on the bus at once. */
static struct registration *registration_new(struct engine *e, struct mef_reg_config *config,
                                             struct mef_error *reterr)
{
    struct registration *r = calloc(1, sizeof *r), **at = &e->registrations;
    _cleanup_(freep) char *esc = str_bus_escape(config->node), *path = NULL;

    if (!r || !esc || asprintf(&path, BUS_ROOT "/registration/%s", esc) < 0) {
        path = NULL;
        mef_reg_config_clear(config);
        free(r);
        return NULL;
    }
    r->e = e;
    r->config = *config;
    *config = (struct mef_reg_config){0};
    r->rec.node = strdup(r->config.node);
    r->client = make_client(r, reterr);
    if (!r->rec.node || !r->client ||
        bus_object_add(e->bus, path, registration_interfaces, r, &r->object) < 0) {
        registration_free(r);
        return NULL;
    }
    while (*at)
        at = &(*at)->next;
    *at = r;
    if (e->manager)
        bus_changed(e->manager, manager_interface.name, "Registrations");
    return r;
}

void registrations_token_back(struct engine *e)
{
    for (struct registration *r = e->registrations; r; r = r->next)
        if (r->client)
            mef_client_token_back(r->client);
}

void registration_job_cancel(void *ctx, uint32_t id)
{
    struct engine *e = ctx;

    for (struct registration *r = e->registrations; r; r = r->next)
        if (mef_client_cancel(r->client, id) != -ENOENT)
            return;
}

int registration_request(struct registration *r, enum mef_procedure proc, const char *operation, uid_t uid,
                         uint32_t *ret_job, const char **ret_path, struct mef_error *reterr)
{
    char *const objects[] = {(char *)(uintptr_t)bus_object_path(r->object), NULL};
    uint32_t job = 0;
    int e = job_new(r->e->jobs, operation, uid, objects, NULL, registration_job_cancel, r->e, &job, ret_path,
                    reterr);

    if (e < 0)
        return e;
    e = mef_client_request(r->client, proc, job, reterr);
    if (e < 0)
        job_finish(r->e->jobs, job, JOB_FAILED, reterr);
    else if (ret_job)
        *ret_job = job;
    return e;
}

void registration_drop(struct registration *r)
{
    struct engine *e = r->e;
    struct registration **at = &e->registrations;

    if (r->started && mef_client_join(r->client, now_monotonic() + 1000000) < 0)
        return; /* stop() will see to it */
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    registration_free(r);
    if (e->manager)
        bus_changed(e->manager, manager_interface.name, "Registrations");
    token_thread_rescan(e->token_thread);
}

/* ---- tree changes ----------------------------------------------------------------------------------- */

struct burial {
    struct grave {
        char *node, *config_json;
    } * grave;
    size_t n;
};

void burial_free(struct burial *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++) {
        free(b->grave[i].node);
        free(b->grave[i].config_json);
    }
    free(b->grave);
    free(b);
}

static bool is_reg(const struct mo_change *c, enum mo_trigger trigger)
{
    const struct mo_node *n = c->after ? c->after : c->before;
    return c->trigger == trigger &&
           (mo_node_type(n) == MO_MEF_CLIENT_REG_CFG || mo_node_type(n) == MO_MAF_CLIENT_REG_CFG);
}

static size_t live_registrations(const struct engine *e)
{
    size_t n = 0;
    for (const struct registration *r = e->registrations; r; r = r->next)
        n++;
    return n;
}

/* `before`: how many the same transaction has added so far. */
static int check_added(struct engine *e, const struct mo_change *c, size_t before, struct mef_error *reterr)
{
    const char *name = mo_node_name(c->after);

    /* One that is ending, or that this very transaction ends. */
    if (registration_find(e, name))
        return mef_fail(
            reterr, MEF_ERROR_IN_PROGRESS,
            "the former registration '%s' is still being ended; use another name or wait until it is gone",
            name);
    if (live_registrations(e) + before >= LIMIT_REGISTRATIONS)
        return mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                        "'%s' would be more than the %u registrations that can be; delete one first", name,
                        LIMIT_REGISTRATIONS);
    return 0;
}

/* A MEF that ends its own registration by DEV_CFG hears of that command's success first. */
static bool ends_itself(const struct mo_diff *diff, const char *node)
{
    return diff->origin == MO_ORIGIN_MEF_DM && streq0(diff->mef_reg, node);
}

static int add_grave(struct burial *b, const struct mef_reg_config *config, bool report_first)
{
    struct mef_reg_config as_it_was = *config;
    struct grave *g = reallocarray(b->grave, b->n + 1, sizeof *g);

    if (!g)
        return -ENOMEM;
    b->grave = g;
    as_it_was.report_first = report_first;
    g[b->n] = (struct grave){.node = strdup(config->node), .config_json = mef_reg_config_to_json(&as_it_was)};
    b->n++;
    return g[b->n - 1].node && g[b->n - 1].config_json ? 0 : -ENOMEM;
}

/* One at a MAF is made when it is asked for. */
static bool has_registration(struct engine *e, const struct mo_node *n)
{
    _cleanup_(freep) char *name = registration_name(n);

    return !name || registration_find(e, name);
}

int registrations_prepare(struct engine *e, const struct mo_diff *diff, struct burial **ret,
                          struct mef_error *reterr)
{
    struct burial *b = calloc(1, sizeof *b);
    size_t added = 0;
    int r = b ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < diff->n; i++) {
        const struct mo_change *c = &diff->changes[i];
        if (is_reg(c, MO_TRIGGER_REG_ADDED))
            r = check_added(e, c, added++, reterr);
        if (c->twin && c->kind == MO_ADDED && !streq(mo_node_name(c->after), mo_node_name(c->twin)) &&
            has_registration(e, c->twin))
            r = mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED,
                         "the registration '%s' cannot be renamed to '%s'; keep its name",
                         mo_node_name(c->twin), mo_node_name(c->after));
        if (is_reg(c, MO_TRIGGER_REG_DELETED)) {
            _cleanup_(freep) char *name = registration_name(c->before);
            struct registration *old = name ? registration_find(e, name) : NULL;
            r = !name ? -ENOMEM : old ? add_grave(b, &old->config, ends_itself(diff, name)) : 0;
        }
    }
    if (r < 0) {
        burial_free(b);
        return r;
    }
    *ret = b;
    return 0;
}

int registrations_bury(struct sql *sql, const struct burial *b, struct mef_error *reterr)
{
    int r = 0;

    for (size_t i = 0; b && r == 0 && i < b->n; i++)
        r = journal_bury(sql, b->grave[i].node, b->grave[i].config_json, reterr);
    return r;
}

static void fail_job(struct engine *e, uint32_t job, const struct mef_error *err)
{
    if (job)
        job_finish(e->jobs, job, JOB_FAILED, err);
}

static void add_registration(struct engine *e, const struct mo_node *n, uint32_t job)
{
    struct mef_reg_config config = {0};
    struct mef_error err = {0};
    struct registration *r = NULL;

    if (registration_config(e, n, &config, &err) == 0)
        r = registration_new(e, &config, &err);
    if (!r) {
        if (!err.word)
            (void)mef_fail(&err, MEF_ERROR_FAILED, "out of memory");
        engine_attention(e, mo_node_name(n), "registration-failed", err.text);
        fail_job(e, job, &err);
        return;
    }
    if (job) {
        char *const objects[] = {(char *)(uintptr_t)bus_object_path(r->object), NULL};
        job_objects(e->jobs, job, objects);
    }
    r->asked = true;
    if (mef_client_request(r->client, MEF_PROC_REGISTER, job, &err) < 0)
        fail_job(e, job, &err);
    start_worker(r);
}

static void end_registration(struct engine *e, const char *node, enum mef_procedure how, uint32_t job)
{
    struct registration *r = registration_find(e, node);
    struct mef_error err = {0};

    CRASH_POINT(END_TOMBSTONE);
    if (!r) /* it could not be made */
        engine_attention(e, node, "registration-failed", NULL);
    if (!r || r->ending) {
        if (job)
            job_finish(e->jobs, job, JOB_DONE, NULL);
        return;
    }
    r->ending = r->asked = true;
    r->rec.state = REG_ENDING;
    registration_changed(r, "State");
    registration_changed(r, "Config");
    if (mef_client_request(r->client, how, job, &err) < 0)
        fail_job(e, job, &err);
    start_worker(r);
}

/* New values count at the next procedure (T3, EE-08). */
static void refresh_configs(struct engine *e)
{
    for (struct registration *r = e->registrations; r; r = r->next) {
        const struct mo_node *n = r->ending ? NULL : registration_node(e, r->config.node);
        struct mef_reg_config config = {0};
        if (!n || registration_config(e, n, &config, NULL) < 0)
            continue;
        (void)mef_client_set_config(r->client, &config);
        mef_reg_config_clear(&r->config);
        r->config = config;
    }
}

void registrations_refresh(struct engine *e)
{
    refresh_configs(e);
}

/* T1. A [MAFClientRegCfg] waits until somebody asks for it (T14). */
static bool wants_registration(const struct mo_node *n)
{
    return mo_node_type(n) == MO_MEF_CLIENT_REG_CFG;
}

struct registration *registration_at_maf(struct engine *e, const char *node, struct mef_error *reterr)
{
    const struct mo_node *n = mo_tree_by_name(e->tree, MO_MAF_CLIENT_REG_CFG, node);
    _cleanup_(freep) char *name = n ? registration_name(n) : NULL;
    struct registration *r = name ? registration_find(e, name) : NULL;
    struct mef_reg_config config = {0};

    if (r || !name)
        return r && !r->ending ? r : NULL;
    if (live_registrations(e) >= LIMIT_REGISTRATIONS) {
        (void)mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED,
                       "there are %u registrations already; delete one first", LIMIT_REGISTRATIONS);
        return NULL;
    }
    if (registration_config(e, n, &config, reterr) == 0 && (r = registration_new(e, &config, reterr)))
        start_worker(r);
    return r;
}

/* T2 before T1 (mo-tree.md 4.3). The job goes to the first change that wants one. */
void registrations_apply(struct engine *e, const struct mo_diff *diff, uint32_t job)
{
    for (size_t i = 0; i < diff->n; i++)
        if (is_reg(&diff->changes[i], MO_TRIGGER_REG_DELETED)) {
            _cleanup_(freep) char *node = registration_name(diff->changes[i].before);
            if (!node)
                continue; /* the record is a tombstone: the next start ends it */
            end_registration(e, node, ends_itself(diff, node) ? MEF_PROC_END_AFTER_REPORT : MEF_PROC_END,
                             job);
            job = 0;
        }
    refresh_configs(e);
    for (size_t i = 0; i < diff->n; i++)
        if (is_reg(&diff->changes[i], MO_TRIGGER_REG_ADDED) &&
            (wants_registration(diff->changes[i].after) || job)) {
            add_registration(e, diff->changes[i].after, job);
            job = 0;
        }
    if (job)
        job_finish(e->jobs, job, JOB_DONE, NULL);
}

/* ---- start and stop --------------------------------------------------------------------------------- */

struct load {
    struct journal_entry *entries;
    size_t n;
};

static int load_work(struct sql *sql, void *ctx, struct mef_error *reterr)
{
    struct load *l = ctx;
    return journal_read_all(sql, &l->entries, &l->n, reterr);
}

static struct registration *load_one(struct engine *e, struct journal_entry *entry, struct mef_error *reterr)
{
    const struct mo_node *n = registration_node(e, entry->reg.node);
    bool ending = entry->reg.state == REG_ENDING;
    struct mef_reg_config config = {0};
    int r = ending ? mef_reg_config_from_json(entry->reg.config_json ? entry->reg.config_json : "", &config,
                                              reterr)
            : n    ? registration_config(e, n, &config, reterr)
                   : mef_fail(reterr, MEF_ERROR_FAILED,
                              "registration '%s' has a record and no node; restore state.db", entry->reg.node);
    struct registration *reg = r == 0 ? registration_new(e, &config, reterr) : NULL;

    if (!reg)
        return NULL;
    reg->ending = ending;
    reg_record_clear(&reg->rec);
    reg->rec = entry->reg;
    entry->reg = (struct reg_record){0};
    for (size_t i = 0; i < entry->n_cmds; i++)
        if (registration_put_command(reg, &entry->cmds[i]) < 0)
            return NULL;
    return reg;
}

int registrations_load(struct engine *e, struct mef_error *reterr)
{
    struct load l = {0};
    int r = db_run(e->db, load_work, &l, reterr);

    for (size_t i = 0; r == 0 && i < l.n; i++) {
        struct mef_error err = {0};
        if (!load_one(e, &l.entries[i], &err))
            r = mef_fail(reterr, err.word ? err.word : MEF_ERROR_FAILED, "%s",
                         err.word ? err.text : "out of memory");
    }
    journal_entries_free(l.entries, l.n);
    for (size_t i = 0; r == 0 && i < mo_tree_count(e->tree); i++) {
        const struct mo_node *n = mo_tree_nth(e->tree, i);
        if (mo_node_type(n) == MO_MEF_CLIENT_REG_CFG && !registration_find(e, mo_node_name(n)))
            add_registration(e, n, 0); /* committed, and the crash came before its T1 */
    }
    return r;
}

void registrations_start(struct engine *e)
{
    refresh_configs(e);
    for (struct registration *r = e->registrations; r; r = r->next) {
        if (!r->asked && !r->ending && !r->config.maf && r->rec.state == REG_NEW)
            (void)mef_client_request(r->client, MEF_PROC_REGISTER, 0, NULL);
        r->asked = true;
        start_worker(r);
    }
}

void registrations_stop(struct engine *e)
{
    for (struct registration *r = e->registrations; r; r = r->next)
        mef_client_stop(r->client);
}

int registrations_join(struct engine *e, uint64_t deadline)
{
    int result = 0;

    for (struct registration *r = e->registrations; r; r = r->next) {
        if (r->started && mef_client_join(r->client, deadline) < 0)
            result = -ETIMEDOUT;
        else
            r->started = false;
    }
    return result;
}

void registrations_free(struct engine *e)
{
    while (e->registrations) {
        struct registration *r = e->registrations;
        e->registrations = r->next;
        registration_free(r);
    }
}
