/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/mef-world.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "plugin/base/str.h"
#include "plugin/base/when.h"
#include "plugin/cert/chain.h"

struct session {
    struct world *w;
    char *credential;
    bool cert;
    unsigned number, requests;
    char *label;
};

/* ---- clock ------------------------------------------------------------------------------------------- */

static int64_t clock_real(void *ctx)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    int64_t t = w->real;
    pthread_mutex_unlock(&w->lock);
    return t;
}

static uint64_t clock_boot(void *ctx)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    uint64_t t = w->boot;
    pthread_mutex_unlock(&w->lock);
    return t;
}

static int clock_random(void *ctx, void *buf, size_t len)
{
    struct world *w = ctx;
    uint32_t first = 0x5f1c09ae;

    pthread_mutex_lock(&w->lock);
    if (len == sizeof first && w->randoms == 0)
        memcpy(buf, &first, len);
    else
        for (size_t i = 0; i < len; i++)
            ((uint8_t *)buf)[i] = (uint8_t)(0x80 + 7 * w->randoms + i);
    w->randoms++;
    pthread_mutex_unlock(&w->lock);
    return 0;
}

static void clock_sleep(void *ctx, const struct cancel *cancel, uint64_t usec)
{
    struct world *w = ctx;

    pthread_mutex_lock(&w->lock);
    w->sleeps++;
    uint64_t end = usec == UINT64_MAX ? usec : w->boot + usec;
    for (;;) {
        if (cancel_fired(cancel))
            break;
        if (w->clock_set) {
            w->clock_set = false;
            break;
        }
        if (end <= w->boot) /* passed while the machine slept */
            break;
        if (end <= w->limit) {
            w->real += (int64_t)(end - w->boot);
            w->boot = end;
            break;
        }
        w->asleep = true;
        w->sleeping = cancel;
        pthread_cond_broadcast(&w->changed);
        struct pollfd p[] = {{.fd = cancel->fd, .events = POLLIN}, {.fd = w->tick, .events = POLLIN}};
        pthread_mutex_unlock(&w->lock);
        (void)poll(p, 2, -1);
        pthread_mutex_lock(&w->lock);
        uint64_t n;
        if (p[1].revents && read(w->tick, &n, sizeof n) < 0)
            abort();
    }
    w->asleep = false;
    pthread_mutex_unlock(&w->lock);
}

void world_idle(struct world *w)
{
    pthread_mutex_lock(&w->lock);
    while (!(w->asleep && !cancel_fired(w->sleeping))) {
        struct timespec at;
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec += 60;
        if (pthread_cond_timedwait(&w->changed, &w->lock, &at) == ETIMEDOUT)
            g_error("the worker does not come to rest; events: %s", w->events->str);
    }
    pthread_mutex_unlock(&w->lock);
}

void world_advance(struct world *w, uint64_t seconds)
{
    uint64_t one = 1;

    pthread_mutex_lock(&w->lock);
    w->limit = w->boot + seconds * USEC_PER_SEC;
    w->asleep = false;
    pthread_mutex_unlock(&w->lock);
    g_assert_cmpint(write(w->tick, &one, sizeof one), ==, sizeof one);
    world_idle(w);
    /* What the worker did not sleep has passed too. */
    pthread_mutex_lock(&w->lock);
    w->real += (int64_t)(w->limit - w->boot);
    w->boot = w->limit;
    pthread_mutex_unlock(&w->lock);
}

void world_set_clock(struct world *w, const char *timestamp)
{
    uint64_t one = 1;

    pthread_mutex_lock(&w->lock);
    g_assert_cmpint(timestamp_parse(timestamp, &w->real), ==, 0);
    if (w->client) {
        w->clock_set = true;
        w->asleep = false;
    }
    pthread_mutex_unlock(&w->lock);
    g_assert_cmpint(write(w->tick, &one, sizeof one), ==, sizeof one);
    if (w->client)
        world_idle(w);
}

/* ---- power ------------------------------------------------------------------------------------------- */

/* A durable step. *ret_happens: whether it takes place. False: the power is gone (now). */
bool world_power(struct world *w, bool *ret_happens)
{
    *ret_happens = !w->dead;
    if (w->dead)
        return false;
    if (++w->steps == w->cut_at) {
        w->dead = true;
        *ret_happens = !w->cut_before;
        return false;
    }
    return true;
}

/* ---- MEF --------------------------------------------------------------------------------------------- */

void world_answer(const struct seen *req, struct answer *ret, uint32_t rsc, const char *body)
{
    ret->rsc = rsc;
    ret->rqi = g_strdup(req->rqi);
    ret->content_type = g_strdup("application/vnd.onem2m-res+json");
    if (body)
        g_assert_cmpint(buf_adds(&ret->body, body), ==, 0);
}

static char *json_registration(struct world *w, const char *adfq)
{
    return g_strdup_printf(
        "{\"sec:%s\":{\"ty\":%d,\"ri\":\"%s\",\"rn\":\"%s\",\"pi\":\"-\",\"et\":\"%s\",\"cr\":\"" WORLD_ID
        "\",\"adfq\":\"%s\"%s%s}}",
        w->config.maf ? "macr" : "mecr", w->config.maf ? 3 : 4, w->reg_id, w->reg_id, w->et, adfq,
        w->ch ? ",\"ch\":" : "", w->ch ? w->ch : "");
}

static char *json_command(struct world *w)
{
    static const char nothing[] = "{\"ccid\":0,\"cmda\":{\"nmca\":{\"rtd\":\"PT24H\"}}}";
    struct mef_command *c = w->next_command < w->n_commands ? &w->commands[w->next_command] : NULL;

    if (!c)
        return g_strdup_printf("{\"sec:mecc\":{\"cid\":\"none\",\"cdsc\":%s,\"csc\":10}}", nothing);
    char *text = g_strdup_printf("{\"sec:mecc\":{\"ty\":6,\"cid\":%s,\"cdsc\":%s,\"csc\":%d}}", c->cid,
                                 c->cdsc ? c->cdsc : nothing, c->issued ? 11 : 10);
    c->issued = true;
    return text;
}

static void mef_create(struct world *w, const struct seen *req, struct answer *ret)
{
    if (w->create_rqi && streq(w->create_rqi, req->rqi)) {
        world_answer(req, ret, 2001, w->create_answer);
        return;
    }
    if (w->registered) {
        world_answer(req, ret, RSC_ORIGINATOR_HAS_ALREADY_REGISTERED, NULL);
        return;
    }
    w->registered = true;
    w->registrations++;
    g_free(w->create_rqi);
    g_free(w->create_answer);
    w->create_rqi = g_strdup(req->rqi);
    if (w->registrations > 1)
        g_snprintf(w->reg_id, sizeof w->reg_id, "mecr-%u", w->registrations);
    w->create_answer = json_registration(w, WORLD_ADMIN);
    world_answer(req, ret, 2001, w->create_answer);
}

static void mef_report(struct world *w, const struct seen *req, struct answer *ret)
{
    struct mef_command *c = w->next_command < w->n_commands ? &w->commands[w->next_command] : NULL;

    g_assert_nonnull(req->body);
    if (c && c->issued) {
        g_autofree char *head = g_strdup_printf("{\"sec:mecc\":{\"cid\":%s,\"csc\":", c->cid);
        if (g_str_has_prefix(req->body, head)) {
            c->reported = (uint32_t)strtoul(req->body + strlen(head), NULL, 10);
            c->reports++;
            w->next_command++;
        }
    }
    g_autofree char *text = json_command(w);
    world_answer(req, ret, 2004, text);
}

/* 3.4.7 */
static void mef_serve(struct world *w, const struct seen *req, struct answer *ret)
{
    g_autofree char *base = g_strdup("//" WORLD_FQDN "/-");
    g_autofree char *reg = g_strdup_printf("%s/%s", base, w->reg_id);
    g_autofree char *cmd = g_strdup_printf("%s/cmd", reg);
    g_autofree char *text = NULL;

    if (streq(req->to, base) && req->op == MEF_OP_CREATE) {
        mef_create(w, req, ret);
    } else if (!w->registered || (!streq(req->to, reg) && !streq(req->to, cmd))) {
        world_answer(req, ret, RSC_NOT_FOUND, NULL);
    } else if (streq(req->to, cmd)) {
        if (req->op == MEF_OP_RETRIEVE) {
            text = json_command(w);
            world_answer(req, ret, 2000, text);
        } else if (req->op == MEF_OP_UPDATE)
            mef_report(w, req, ret);
        else
            world_answer(req, ret, RSC_OPERATION_NOT_ALLOWED, NULL);
    } else if (req->op == MEF_OP_DELETE) {
        w->registered = false;
        world_answer(req, ret, 2002, NULL);
    } else if (req->op == MEF_OP_UPDATE) {
        text = g_strdup_printf("{\"sec:%s\":{\"et\":\"%s\"}}", w->config.maf ? "macr" : "mecr", w->et);
        world_answer(req, ret, 2004, text);
    } else {
        text = json_registration(w, WORLD_ADMIN);
        world_answer(req, ret, 2000, text);
    }
}

/* ---- transport --------------------------------------------------------------------------------------- */

static void seen_free(void *p)
{
    struct seen *s = p;

    g_free(s->to);
    g_free(s->fr);
    g_free(s->rqi);
    g_free(s->rvi);
    g_free(s->body);
    g_free(s->credential);
    g_free(s);
}

char *world_credential_name(const struct credential *with)
{
    if (with->kind == CREDENTIAL_PSK)
        return g_strdup(with->identity);
    uint8_t sum[32];
    char hex[65];
    g_assert_cmpuint(with->chain->n, >=, 1);
    g_assert_cmpint(cert_sha256(with->chain->item[0].data, with->chain->item[0].len, sum), ==, 0);
    hex_encode(sum, 32, hex);
    hex[8] = '\0';
    return g_strdup_printf("cert:%s", hex);
}

static int transport_open(void *ctx, const struct endpoint *at, const struct credential *with,
                          const struct wait *wait, struct session **ret, struct mef_error *reterr)
{
    struct world *w = ctx;

    (void)wait;
    g_assert_cmpstr(at->fqdn, ==, WORLD_FQDN);
    g_assert_cmpint(at->http_port, ==, 8443);
    pthread_mutex_lock(&w->lock);
    int r = w->dead ? -ECANCELED : w->open_result;
    pthread_mutex_unlock(&w->lock);
    if (r != 0) {
        (void)mef_fail(reterr, MEF_ERROR_SERVER_UNREACHABLE, "scripted failure");
        return r;
    }
    struct session *s = g_new0(struct session, 1);
    s->w = w;
    s->number = ++w->opens;
    s->label = g_strdup(with->export_label);
    s->cert = with->kind == CREDENTIAL_CERT;
    s->credential = world_credential_name(with);
    w->anchors = with->anchors ? with->anchors->n : 0;
    *ret = s;
    return 0;
}

static int transport_exchange(struct session *s, const struct primitive *req, const struct wait *wait,
                              struct answer *ret, struct mef_error *reterr)
{
    struct world *w = s->w;
    bool happens;
    uint64_t now = now_monotonic();

    (void)reterr;
    pthread_mutex_lock(&w->lock);
    w->patience = wait->deadline == DEADLINE_NONE || wait->deadline < now ? 0 : wait->deadline - now;
    if (!w->dead && s->cert && w->refuse_certificates) {
        pthread_mutex_unlock(&w->lock);
        return TRANSPORT_TLS_REFUSED;
    }
    bool alive = world_power(w, &happens);
    int r = -ECANCELED;
    if (happens) {
        struct seen *seen = g_new0(struct seen, 1);
        *seen = (struct seen){.op = req->op,
                              .ty = req->ty,
                              .to = g_strdup(req->to),
                              .fr = g_strdup(req->fr),
                              .rqi = g_strdup(req->rqi),
                              .rvi = g_strdup(req->rvi),
                              .body = g_strdup(req->body),
                              .credential = g_strdup(s->credential),
                              .plain_json = req->plain_json,
                              .no_accept = req->no_accept,
                              .at = w->real};
        g_ptr_array_add(w->log, seen);
        s->requests++;
        w->exchanges++;
        r = w->hook ? w->hook(w, seen, ret) : -1;
        if (r == -1) {
            mef_serve(w, seen, ret);
            r = 0;
        }
    }
    if (!alive) {
        answer_clear(ret);
        r = -ECANCELED;
    }
    pthread_mutex_unlock(&w->lock);
    return r;
}

static int transport_http(struct session *s, const struct http_request *req, const struct wait *wait,
                          struct http_response *ret, struct mef_error *reterr)
{
    (void)s, (void)req, (void)wait, (void)ret, (void)reterr;
    return -ENOSYS;
}

static int transport_tls_unique(struct session *s, uint8_t *buf, size_t *len)
{
    (void)s, (void)buf, (void)len;
    return -EOPNOTSUPP;
}

static int transport_exporter(struct session *s, uint8_t *out, size_t len)
{
    g_assert_cmpstr(s->label, ==,
                    s->w->config.maf ? "EXPORTER-oneM2M-Connection" : "EXPORTER-oneM2M-Bootstrap");
    g_assert_cmpuint(len, ==, 48);
    g_assert_cmpuint(s->requests, ==, 1);
    memset(out, (int)s->number, len);
    memset(out, 0xee, 16);
    return 0;
}

static void transport_close(struct session *s)
{
    if (!s)
        return;
    s->w->closes++;
    /* 3.5.3: such a connection carries exactly one request. */
    g_assert_true(!s->label || s->requests <= 1);
    g_free(s->label);
    g_free(s->credential);
    g_free(s);
}

/* ---- the whole --------------------------------------------------------------------------------------- */

struct world *world_new(void)
{
    static char *labels[] = {(char *)"gateway", (char *)"site:42", NULL};
    struct world *w = g_new0(struct world, 1);

    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    g_assert_cmpint(timestamp_parse("20260301T080000", &w->real), ==, 0);
    w->boot = w->limit = 1000 * USEC_PER_SEC;
    w->tick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g_strlcpy(w->reg_id, WORLD_REG, sizeof w->reg_id);
    w->et = "20261201T000000";
    w->log = g_ptr_array_new_with_free_func(seen_free);
    w->pairs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    w->cas = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    world_store_init(w);
    w->finished = g_hash_table_new(NULL, NULL);
    w->attention = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    w->events = g_string_new(NULL);
    w->transactions = g_ptr_array_new_with_free_func(g_free);
    w->est_result = CMD_STATUS_OK;
    w->identity = (struct identity){.kind = CLIENT_CSE,
                                    .id = WORLD_ID,
                                    .cse_id = WORLD_ID,
                                    .cse_public_domain = "gw42.in-cse.m2m.example.com"};
    w->config = (struct mef_reg_config){.node = g_strdup(WORLD_NODE),
                                        .fqdn = g_strdup(WORLD_FQDN),
                                        .admin_fqdn = g_strdup(WORLD_ADMIN),
                                        .http_port = 8443,
                                        .labels = strv_copy(labels),
                                        .credential = CREDENTIAL_PSK,
                                        .key_id = g_strdup(WORLD_KPM)};
    g_assert_cmpint(timestamp_parse("20270101T000000", &w->config.expires), ==, 0);
    return w;
}

void world_commands(struct world *w, const struct mef_command *list, size_t n)
{
    pthread_mutex_lock(&w->lock);
    g_free(w->commands);
    w->commands = g_memdup2(list, n * sizeof *list);
    w->n_commands = n;
    w->next_command = 0;
    pthread_mutex_unlock(&w->lock);
}

void world_start(struct world *w)
{
    struct mef_error e = {0};
    struct mef_client_params p = {
        .clock = {w, clock_real, clock_boot, clock_random, clock_sleep},
        .transport = {w, transport_open, transport_exchange, transport_http, transport_tls_unique,
                      transport_close, false, transport_exporter},
        .settings = &w->settings,
        .config = &w->config,
        .identity = &w->identity,
        .dm = w->dm,
    };
    world_store_wire(w, &p);
    g_assert_cmpint(mef_client_new(&p, &w->client, &e), ==, 0);
    g_assert_cmpint(mef_client_start(w->client, &e), ==, 0);
    world_idle(w);
}

void world_stop(struct world *w)
{
    if (!w->client)
        return;
    mef_client_stop(w->client);
    g_assert_cmpint(mef_client_join(w->client, now_monotonic() + 30 * USEC_PER_SEC), ==, 0);
    mef_client_free(TAKE_PTR(w->client));
    g_hash_table_remove_all(w->attention); /* the plugin's memory is gone too */
    w->asleep = false;
}

void world_power_cycle(struct world *w)
{
    world_stop(w);
    w->dead = false;
    w->cut_at = 0;
    g_hash_table_remove_all(w->finished);
    world_reconcile(w);
    world_start(w);
}

void world_request(struct world *w, enum mef_procedure proc, uint32_t job)
{
    struct mef_error e = {0};

    g_assert_cmpint(mef_client_request(w->client, proc, job, &e), ==, 0);
    world_idle(w);
}

const struct seen *world_seen(struct world *w, size_t i)
{
    return i < w->log->len ? w->log->pdata[i] : NULL;
}

char *world_story(struct world *w)
{
    GString *s = g_string_new(NULL);
    static const char letters[] = "?CRUD";

    for (guint i = 0; i < w->log->len; i++) {
        const struct seen *q = w->log->pdata[i];
        const char *tail = strstr(q->to, "/-");
        g_string_append_printf(s, "%s%c %s", i ? "\n" : "", letters[q->op], tail ? tail : q->to);
        if (q->body)
            g_string_append_printf(s, " %s", q->body);
    }
    return g_string_free(s, FALSE);
}

void world_free(struct world *w)
{
    world_stop(w);
    g_ptr_array_unref(w->log);
    g_hash_table_unref(w->pairs);
    g_ptr_array_unref(w->cas);
    g_ptr_array_unref(w->cmds);
    g_hash_table_unref(w->finished);
    g_hash_table_unref(w->attention);
    g_string_free(w->events, TRUE);
    g_ptr_array_unref(w->transactions);
    reg_record_clear(&w->reg);
    g_free(w->create_rqi);
    g_free(w->create_answer);
    g_free(w->commands);
    g_free(w->credential);
    g_free(w->client_reg_id);
    g_free(w->last_error);
    g_hash_table_unref(w->keys);
    g_hash_table_unref(w->rows);
    g_free(w->settled_credential);
    g_free(w->anchor_owner);
    g_free(w->settled_why);
    mef_reg_config_clear(&w->config);
    close(w->tick);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->changed);
    g_free(w);
}

void world_assert_story(struct world *w, const char *expected)
{
    g_autofree char *story = world_story(w);
    g_assert_cmpstr(story, ==, expected);
}

struct world *world_registered(void)
{
    struct world *w = world_new();

    world_start(w);
    world_request(w, MEF_PROC_REGISTER, 1);
    g_assert_cmpint(world_finished(w, 1), ==, 0);
    g_assert_cmpint(w->state, ==, REG_REGISTERED);
    g_ptr_array_set_size(w->log, 0);
    return w;
}

int world_same_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    if (!g_str_has_suffix(req->to, "/cmd"))
        return -1;
    world_answer(req, ret, req->op == MEF_OP_RETRIEVE ? 2000 : 2004, w->hook_ctx);
    return 0;
}

int world_report_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    uint32_t rsc = GPOINTER_TO_UINT(w->hook_ctx);

    if (req->op != MEF_OP_UPDATE || !rsc)
        return -1;
    w->hook_ctx = NULL;
    world_answer(req, ret, rsc, NULL);
    return 0;
}

int world_refuse_create_hook(struct world *w, const struct seen *req, struct answer *ret)
{
    uint32_t rsc = GPOINTER_TO_UINT(w->hook_ctx);

    if (req->op != MEF_OP_CREATE)
        return -1;
    world_answer(req, ret, rsc, "{\"m2m:dbg\":\"no such stakeholder\"}");
    return 0;
}
