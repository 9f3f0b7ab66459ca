/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Life of the engine: configuration, loop, store, token, bus, workers; start, reload, stop. The order of stop
 * is the reverse of start, and nothing that a hanging thread may touch is freed (host.h, stop()).
 * Thread: the loop's, but for engine_call(). */
#include "plugin/engine-private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "mefplug/host.h"
#include "plugin/base/str.h"
#include "plugin/bindings.h"
#include "plugin/dm/dm.h"
#include "plugin/fetching.h"

#define DISPATCH_TURNS 64 /* then the host's other work has its turn */

const char *const engine_features[] = {"est", "http", "json", "pkcs11", NULL};

/* ---- small services --------------------------------------------------------------------------------- */

static int64_t clock_realtime(void *ctx)
{
    return now_realtime();
}

static uint64_t clock_boottime(void *ctx)
{
    return now_boottime();
}

static int clock_random(void *ctx, void *buf, size_t len)
{
    for (size_t n = 0; n < len;) {
        ssize_t k = getrandom((char *)buf + n, len - n, 0);
        if (k < 0 && errno != EINTR)
            return -errno;
        n += k > 0 ? (size_t)k : 0;
    }
    return 0;
}

const struct clock_port engine_clock = {
    .realtime = clock_realtime, .boottime = clock_boottime, .random = clock_random};

void engine_transaction_id(struct engine *e, char ret[17])
{
    uint8_t raw[8] = {0};

    (void)clock_random(NULL, raw, sizeof raw);
    hex_encode(raw, sizeof raw, ret);
}

static void tell_host(struct engine *e, int level, const struct mef_error *err)
{
    if (e->host->log)
        e->host->log(e->host->ctx, level, err->text);
}

/* ---- state and attention ---------------------------------------------------------------------------- */

const char *engine_state_word(enum engine_state s)
{
    static const char *const words[] = {"starting", "ready", "degraded", "stopping"};
    return words[s];
}

void engine_update_state(struct engine *e)
{
    enum engine_state now = e->state;

    if (now != ENGINE_STOPPING) {
        bool token_ok = e->token && token_state(e->token) == TOKEN_PRESENT;
        bool bus_ok = e->bus && bus_connected(e->bus);
        if (!e->token_tried)
            now = ENGINE_STARTING;
        else
            now = token_ok && bus_ok ? ENGINE_READY : ENGINE_DEGRADED;
    }
    if (now == e->state)
        return;
    e->state = now;
    if (e->manager)
        bus_changed(e->manager, manager_interface.name, "State");
    if (e->host->status) {
        char text[128];
        (void)snprintf(text, sizeof text, "%s: bus %s, token %s", engine_state_word(now),
                       e->bus && bus_connected(e->bus) ? "connected" : "absent",
                       e->token ? token_state_name(token_state(e->token)) : "absent");
        e->host->status(e->host->ctx, text);
    }
}

/* What has happened, and behind it what to do next; malloc'ed. */
static char *attention_text(const char *reason, const char *what)
{
    static const struct {
        const char *word, *next;
    } table[] = {
#define X(id, word, next) {(word), (next)},
#include "plugin/base/attention.def"
#undef X
    };
    size_t len = strlen(what), i = 0;
    char *text = NULL;

    while (i < ELEMENTS(table) && !streq(table[i].word, reason))
        i++;
    if (i == ELEMENTS(table))
        return strdup(what);
    while (len > 0 && what[len - 1] == '.')
        len--;
    return asprintf(&text, "%.*s. %s", (int)len, what, table[i].next) < 0 ? NULL : text;
}

void engine_attention(struct engine *e, const char *node, const char *reason, const char *what)
{
    _cleanup_(freep) char *text = what ? attention_text(reason, what) : NULL;
    struct attention **at = &e->attention;

    if (what && !text)
        return;
    node = node ? node : "";
    while (*at && !(streq((*at)->node, node) && streq((*at)->reason, reason)))
        at = &(*at)->next;
    struct attention *a = *at;
    if (!text && !a)
        return;
    if (text && a && streq(a->text, text))
        return;
    /* Workers tell the journal themselves, with their transaction. */
    const struct event_sink *sink = *node ? NULL : &e->sink;
    struct event ev = {.id = text ? EVENT_ATTENTION_RAISED : EVENT_ATTENTION_CLEARED};
    if (!text) {
        event_emit(sink, &ev, "settled: %s", a->reason);
        *at = a->next;
        free(a->node);
        free(a->reason);
        free(a->text);
        free(a);
    } else {
        struct attention *fresh = a ? a : calloc(1, sizeof *fresh);
        if (fresh && !a) {
            fresh->node = strdup(node);
            fresh->reason = strdup(reason);
        }
        if (!fresh || !fresh->node || !fresh->reason) {
            if (!a && fresh) {
                free(fresh->node);
                free(fresh->reason);
                free(fresh);
            }
            return;
        }
        event_emit(sink, &ev, "%s: %s", reason, text);
        free(fresh->text);
        fresh->text = TAKE_PTR(text);
        if (!a)
            *at = fresh;
    }
    if (e->manager) {
        bus_changed(e->manager, manager_interface.name, "NeedsAttention");
        bus_changed(e->manager, manager_interface.name, "Attention");
    }
}

/* ---- configuration ---------------------------------------------------------------------------------- */

static struct config_override overrides(const struct engine_host *h)
{
    return (struct config_override){.bus_address = h->bus_address,
                                    .state_dir = h->state_dir,
                                    .runtime_dir = h->runtime_dir,
                                    .log_target = h->log_target,
                                    .options = h->options};
}

static void apply_log(struct engine *e)
{
    atomic_store(&e->events.level, e->config->log_level);
    atomic_store(&e->events.target, e->config->log_target);
}

/* Our MEF Client ID: [client] id, else the ID of our kind, in absolute form (mef-protocol.md 4.2). */
static int make_identity(struct engine *e, struct mef_error *reterr)
{
    const struct config *c = e->config;
    const char *id = c->id;
    char absolute[LIMIT_M2M_ID + 1];

    if (!id)
        id = c->kind == CLIENT_CSE  ? c->cse_id
             : c->kind == CLIENT_AE ? (c->ae_ids ? c->ae_ids[0] : NULL)
                                    : c->node_id;
    if (id) {
        if (m2m_id_normalize(id, c->sp_id, absolute) < 0)
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "[client] id: '%s' is no M2M identifier that [client] sp-id could make absolute",
                            id);
        if (!(e->identity_id = strdup(absolute)))
            return -ENOMEM;
    }
    e->identity = (struct identity){.kind = (enum client_kind)c->kind,
                                    .id = e->identity_id,
                                    .node_id = c->node_id,
                                    .cse_id = c->cse_id,
                                    .ae_ids = c->ae_ids,
                                    .sp_id = c->sp_id,
                                    .cse_public_domain = c->cse_public_domain};
    return 0;
}

/* [dm-client NAME] root: alias forms of object paths (mo-tree.md 2.1). Without a tree they are only judged.
 */
static int set_aliases(struct engine *e, struct mef_error *reterr)
{
    _cleanup_(strv_freep) char **mounts = NULL, **prefixes = NULL;
    int r = dm_clients_roots(e->config->dm_clients, &mounts, &prefixes);

    return r < 0 ? r : mo_tree_set_aliases(e->tree, mounts, prefixes, reterr);
}

static int make_settings(struct engine *e, struct mef_error *reterr)
{
    const struct config *c = e->config;
    int r = vocabulary_new(&e->vocabulary);

    if (r == 0)
        r = dm_clients_check(c->dm_clients, &e->sink, reterr);
    if (r == 0 && (r = set_aliases(e, reterr)) == -EINVAL)
        mef_error_prefix(reterr, "[dm-client] root");

    for (char **s = c->vocabulary; r == 0 && s && *s; s++) {
        _cleanup_(freep) char *key = strdup(*s);
        char *value = key ? strchr(key, '=') : NULL;
        struct mef_error why = {0};
        if (!value)
            return -ENOMEM;
        *value++ = '\0';
        int v = vocabulary_override(e->vocabulary, key, value, &why);
        if (v == -ENOENT)
            event_emit(&e->sink, &(struct event){.id = EVENT_CONFIG_WARNING},
                       "[vocabulary] %s: no such name, ignored", key);
        else if (v < 0)
            r = mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "[vocabulary] %s: %s", key, why.text);
    }
    e->settings = (struct mef_settings){
        .classes = config_command_classes(c) | 1u << CMD_NO_MORE_COMMANDS,
        .registration_lifetime = c->registration_lifetime,
        .default_retry = c->default_retry,
        .backoff_min = c->backoff_min,
        .backoff_max = c->backoff_max,
        .connect_timeout = c->connect_timeout,
        .response_timeout = c->response_timeout,
        .certificate_lead_time = c->certificate_renew_margin,
        .rvi = c->rvi,
        .status_table = (enum status_table)c->status_table,
        .mo_node = {.trust_anchor = (enum trust_anchor_rule)c->trust_anchor_rule,
                    .suites = (enum suite_rule)c->suite_rule},
        .key_renew_margin = c->key_renew_margin,
        .renew_after_profile_expiry = c->renew_after_profile_expiry,
    };
    return r;
}

struct line_sink {
    void (*line)(void *ctx, const char *text);
    void *ctx;
};

static void warn_line(void *ctx, const struct event *ev)
{
    struct line_sink *s = ctx;
    char text[600];

    (void)snprintf(text, sizeof text, "# %s", ev->message);
    s->line(s->ctx, text);
}

int engine_check_config(const struct engine_host *host, bool print, void (*line)(void *ctx, const char *text),
                        void *ctx)
{
    struct line_sink to = {.line = line, .ctx = ctx};
    struct event_sink warn = {.ctx = &to, .emit = warn_line};
    struct config_override over = overrides(host);
    struct mef_error err = {0};
    struct engine probe = {.host = host, .sink = warn};
    int r = config_load(host->config_path, &over, &warn, &probe.config, &err);

    if (r == 0)
        r = make_identity(&probe, &err);
    if (r == 0)
        r = make_settings(&probe, &err);
    if (r == 0 && print) {
        _cleanup_(freep) char *text = config_print(probe.config);
        char *save = NULL;
        if (!text)
            r = -ENOMEM;
        for (char *s = text ? strtok_r(text, "\n", &save) : NULL; s; s = strtok_r(NULL, "\n", &save))
            line(ctx, s);
    }
    if (r < 0 && r != -ENOMEM) {
        char text[600];
        (void)snprintf(text, sizeof text, "# %s", err.text);
        line(ctx, text);
        r = MEFPLUG_BAD_CONFIG;
    }
    free(probe.identity_id);
    vocabulary_free(probe.vocabulary);
    config_unref(probe.config);
    return r;
}

/* ---- loop ------------------------------------------------------------------------------------------- */

static int on_post(sd_event_source *s, int fd, uint32_t revents, void *ctx)
{
    struct engine *e = ctx;

    post_run(e->post);
    return 0;
}

static int on_wake(sd_event_source *s, int fd, uint32_t revents, void *ctx)
{
    uint64_t v;
    ssize_t n = read(fd, &v, sizeof v);

    (void)n;
    return 0;
}

static int make_loop(struct engine *e)
{
    int r = sd_event_new(&e->event);

    if (r >= 0)
        r = post_new(&e->post);
    if (r >= 0)
        r = sd_event_add_io(e->event, &e->post_source, post_fd(e->post), EPOLLIN, on_post, e);
    if (r >= 0) {
        e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = e->wake_fd < 0 ? -errno
                           : sd_event_add_io(e->event, &e->wake_source, e->wake_fd, EPOLLIN, on_wake, e);
    }
    return r < 0 ? r : 0;
}

int engine_fd(const struct engine *e)
{
    return sd_event_get_fd(e->event);
}

static void tell_ready(struct engine *e)
{
    if (e->ready_told)
        return;
    e->ready_told = true;
    if (e->host->ready)
        e->host->ready(e->host->ctx);
}

/* sd_event arms its timers only when it prepares a turn, so this runs until a prepared turn has nothing to do
 * by itself; what came in meanwhile makes the descriptor readable, at no cost of another look. When the
 * budget ends first, the wake descriptor makes it so (style-anchors.md E2). */
int engine_dispatch(struct engine *e)
{
    bool looked = false; /* at what the host was told of */

    for (unsigned i = 0; i < DISPATCH_TURNS; i++) {
        int r = sd_event_get_state(e->event) == SD_EVENT_ARMED ? 0 : sd_event_prepare(e->event);
        if (r == 0 && !looked) {
            r = sd_event_wait(e->event, 0);
            looked = true;
            if (r == 0)
                r = sd_event_prepare(e->event);
        }
        if (r == 0) {
            tell_ready(e);
            return 0;
        }
        if (r > 0)
            r = sd_event_dispatch(e->event);
        if (r < 0)
            return r;
    }
    uint64_t one = 1;
    ssize_t n = write(e->wake_fd, &one, sizeof one);
    (void)n;
    return 0;
}

int engine_loop(struct engine *e)
{
    int r;

    while ((r = sd_event_run(e->event, 0)) > 0) /* what the start left to do */
        ;
    if (r < 0)
        return r;
    tell_ready(e);
    return sd_event_loop(e->event);
}

void engine_quit(struct engine *e)
{
    (void)sd_event_exit(e->event, 0);
}

struct call {
    struct engine *e;
    int (*fn)(struct engine *, void *);
    void *ctx;
    int result;
    bool finished;
    pthread_mutex_t lock;
    pthread_cond_t cond;
};

static void run_call(void *ctx, void *data)
{
    struct call *c = data;
    int r = c->e->loop_over ? -ENOTCONN : c->fn(c->e, c->ctx);

    (void)pthread_mutex_lock(&c->lock);
    c->result = r;
    c->finished = true;
    (void)pthread_cond_signal(&c->cond);
    (void)pthread_mutex_unlock(&c->lock);
}

/* The loop has ended, asked or not: who called in the meantime gets an answer, nobody waits for it any more.
 */
void engine_loop_over(struct engine *e)
{
    (void)pthread_mutex_lock(&e->call_lock);
    e->loop_over = true;
    (void)pthread_mutex_unlock(&e->call_lock);
    post_run(e->post);
}

int engine_call(struct engine *e, int (*fn)(struct engine *, void *), void *ctx)
{
    struct call c = {.e = e, .fn = fn, .ctx = ctx};

    (void)pthread_mutex_init(&c.lock, NULL);
    (void)pthread_cond_init(&c.cond, NULL);
    (void)pthread_mutex_lock(&e->call_lock);
    int r = e->loop_over ? -ENOTCONN : post_send(e->post, run_call, NULL, &c, NULL);
    (void)pthread_mutex_unlock(&e->call_lock);
    (void)pthread_mutex_lock(&c.lock);
    while (r == 0 && !c.finished)
        (void)pthread_cond_wait(&c.cond, &c.lock);
    (void)pthread_mutex_unlock(&c.lock);
    (void)pthread_cond_destroy(&c.cond);
    (void)pthread_mutex_destroy(&c.lock);
    return r < 0 ? r : c.result;
}

/* ---- token ------------------------------------------------------------------------------------------ */

static void on_token_state(void *ctx, enum token_state state, const struct mef_error *why)
{
    struct engine *e = ctx;
    bool first = !e->token_tried;

    e->token_tried = true;
    engine_attention(e, NULL, "token",
                     state == TOKEN_PRESENT ? NULL
                     : why->text[0]         ? why->text
                                            : "the token cannot be used");
    token_changed(e);
    engine_update_state(e);
    if (e->state == ENGINE_STOPPING)
        return;
    if (first)
        registrations_start(e);
    else if (state == TOKEN_PRESENT)
        registrations_token_back(e);
}

static void on_token_listing(void *ctx, const struct token_listing *l)
{
    struct engine *e = ctx;

    if (e->state != ENGINE_STOPPING)
        credentials_update(e, l);
}

static int start_token(struct engine *e, struct mef_error *reterr)
{
    struct token_pin_guard guard = vault_pin_guard(e->db);
    struct token_params p = {.uri = e->config->token_uri,
                             .module = e->config->token_module,
                             .pin_file = e->config->pin_file,
                             .credentials_dir = secure_getenv("CREDENTIALS_DIRECTORY"),
                             .guard = &guard,
                             .sink = &e->sink};
    int r = token_new(&p, &e->token, reterr);

    if (r < 0)
        return r;
    e->vault = (struct vault_ctx){.token = e->token, .db = e->db, .sink = e->sink};
    r = token_export(e);
    if (r < 0)
        return r;
    return token_thread_new(&(struct token_thread_params){.token = e->token,
                                                          .vault = &e->vault,
                                                          .post = e->post,
                                                          .ctx = e,
                                                          .on_state = on_token_state,
                                                          .on_listing = on_token_listing},
                            &e->token_thread);
}

/* ---- start ------------------------------------------------------------------------------------------ */

static void on_bus_state(void *ctx, bool connected)
{
    struct engine *e = ctx;

    engine_update_state(e);
    dm_bus_state(e->dm, connected);
}

static int start_bus(struct engine *e, struct mef_error *reterr)
{
    uid_t uids[64];
    size_t n = 0;
    int r = config_trusted_uids(e->config, uids, ELEMENTS(uids), &n);

    if (r == 0)
        r = bus_new(e->event,
                    &(struct bus_params){.address = e->config->bus_address,
                                         .trusted = uids,
                                         .n_trusted = n,
                                         .events = &e->sink,
                                         .ctx = e,
                                         .on_state = on_bus_state},
                    &e->bus);
    if (r == 0)
        r = jobs_new(&(struct jobs_params){.bus = e->bus, .event = e->event}, &e->jobs);
    if (r == 0)
        r = manager_export(e);
    if (r == 0)
        jobs_set_manager(e->jobs, e->manager);
    if (r == 0)
        r = tree_export(e);
    if (r == 0)
        r = log_export(e);
    if (r == 0)
        r = sessions_start(e);
    return r;
}

static int start_net(struct engine *e, struct mef_error *reterr)
{
    return net_new(&(struct net_params){.resolve = e->config->resolve,
                                        .connect_timeout = e->config->connect_timeout * 1000000,
                                        .response_timeout = e->config->response_timeout * 1000000},
                   &e->net, reterr);
}

/* mkdir for the whole path: a fresh gateway has no /var/lib/mefclient yet. */
static int make_dirs(const char *path, struct mef_error *reterr)
{
    _cleanup_(freep) char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    for (char *s = copy + 1; *s; s++) {
        if (*s != '/')
            continue;
        *s = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return mef_fail(reterr, errno == EROFS ? MEF_ERROR_READ_ONLY : MEF_ERROR_FAILED,
                            "the state directory '%s' cannot be made: %s", path, strerror(errno));
        *s = '/';
    }
    return 0;
}

static int start_all(struct engine *e, struct mef_error *reterr)
{
    const struct db_piece pieces[] = {mo_db_piece, journal_piece, bindings_piece};
    int r = make_loop(e);

    if (r == 0)
        r = make_dirs(e->config->state_dir, reterr);
    if (r == 0)
        r = db_open(e->config->state_dir, pieces, ELEMENTS(pieces), e->post, &e->db, reterr);
    if (r == 0)
        r = mo_tree_open(e->db, e->post, &e->tree, reterr);
    if (r == 0)
        r = set_aliases(e, reterr);
    if (r == 0)
        r = bindings_load(e, reterr);
    if (r == 0)
        r = start_net(e, reterr);
    if (r == 0)
        r = start_bus(e, reterr);
    if (r == 0)
        r = nodes_export(e);
    if (r == 0)
        r = registrations_load(e, reterr);
    if (r == 0)
        r = start_token(e, reterr);
    if (r == 0)
        r = bus_start(e->bus, reterr);
    return r;
}

int engine_new(const struct engine_host *host, struct engine **ret)
{
    struct engine *e = calloc(1, sizeof *e);

    if (!e)
        return -ENOMEM;
    e->host = host;
    e->wake_fd = -1;
    (void)pthread_mutex_init(&e->call_lock, NULL);
    events_init(&e->events);
    e->sink = events_sink(&e->events);
    *ret = e;
    return 0;
}

int engine_start(struct engine *e)
{
    struct config_override over = overrides(e->host);
    struct mef_error err = {0};
    int r = config_load(e->host->config_path, &over, &e->sink, &e->config, &err);

    if (r == 0)
        r = make_identity(e, &err);
    if (r == 0)
        r = make_settings(e, &err);
    if (r < 0 && r != -ENOMEM) {
        event_emit(&e->sink, &(struct event){.id = EVENT_CONFIG_REFUSED}, "%s", err.text);
        tell_host(e, MEFPLUG_LOG_ERR, &err);
        return MEFPLUG_BAD_CONFIG;
    }
    if (r == 0) {
        apply_log(e);
        r = start_all(e, &err);
    }
    if (r < 0) {
        if (!err.word)
            (void)mef_fail(&err, MEF_ERROR_FAILED, "cannot start: %s", strerror(-r));
        event_emit(&e->sink, &(struct event){.id = EVENT_STORE_FAILED, .error = mef_error_name(err.word)},
                   "%s", err.text);
        tell_host(e, MEFPLUG_LOG_ERR, &err);
        (void)engine_stop(e, now_monotonic() + 1000000);
        return r;
    }
    event_emit(&e->sink, &(struct event){.id = EVENT_STARTED}, "mefclient %s is up in %s, state in '%s'",
               PACKAGE_VERSION, e->host->name ? e->host->name : "its host", e->config->state_dir);
    return 0;
}

int engine_reload(struct engine *e)
{
    struct config_override over = overrides(e->host);
    struct config *fresh = NULL;
    struct mef_error err = {0};
    int r = config_load(e->host->config_path, &over, &e->sink, &fresh, &err);

    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        event_emit(&e->sink, &(struct event){.id = EVENT_CONFIG_REFUSED}, "the old configuration stays: %s",
                   err.text);
        tell_host(e, MEFPLUG_LOG_ERR, &err);
        return MEFPLUG_BAD_CONFIG;
    }
    /* Identity, paths, token, bus and network are what running exchanges stand on: they count at the next
     * start. */
    e->config->log_level = fresh->log_level;
    e->config->log_target = fresh->log_target;
    apply_log(e);
    _cleanup_(freep) char *now = config_print(e->config), *wanted = config_print(fresh);
    if (now && wanted && !streq(now, wanted))
        event_emit(&e->sink, &(struct event){.id = EVENT_CONFIG_WARNING},
                   "the log settings are in force; other changes count after a restart");
    config_unref(fresh);
    return 0;
}

/* ---- stop ------------------------------------------------------------------------------------------- */

static void drop_sources(struct engine *e)
{
    e->post_source = sd_event_source_disable_unref(e->post_source);
    e->wake_source = sd_event_source_disable_unref(e->wake_source);
}

int engine_stop(struct engine *e, uint64_t deadline)
{
    bool hung = false;

    e->state = ENGINE_STOPPING;
    /* All at once: nobody waits for anybody. */
    registrations_stop(e);
    fetchings_stop(e);
    if (e->token)
        token_stop(e->token);
    token_thread_stop(e->token_thread);
    tree_transactions_free(e);
    if (registrations_join(e, deadline) < 0)
        hung = true;
    if (fetchings_join(e, deadline) < 0)
        hung = true;
    if (token_thread_join(e->token_thread, deadline) < 0)
        hung = true;
    if (hung) {
        event_emit(&e->sink, &(struct event){.id = EVENT_TOKEN_FAILED},
                   "a call into the token does not return; its thread is left behind");
        if (e->bus)
            bus_stop(e->bus);
        drop_sources(e);
        return -ETIMEDOUT;
    }
    if (e->db) {
        mo_tree_stop(e->tree); /* nothing more may be handed to a database that is gone */
        db_close(e->db);       /* commits what is queued; its outcomes come by the post queue */
        e->db = NULL;
        post_run(e->post);
        post_run(e->post);
    }
    dm_stop(e->dm);
    if (e->bus)
        bus_stop(e->bus);
    event_emit(&e->sink, &(struct event){.id = EVENT_STOPPED}, "mefclient has stopped");
    return 0;
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    if (e->post)
        post_run(e->post);
    registrations_free(e);
    nodes_free(e);
    credentials_free(e);
    bindings_free(e);
    token_thread_free(e->token_thread);
    if (e->jobs) {
        jobs_set_manager(e->jobs, NULL);
        jobs_free(e->jobs);
    }
    dm_free(e->dm);
    bus_free(e->bus);
    mo_tree_free(e->tree);
    net_free(e->net);
    token_free(e->token);
    drop_sources(e);
    post_free(e->post);
    sd_event_unref(e->event);
    closep(&e->wake_fd);
    while (e->attention) {
        struct attention *next = e->attention->next;
        free(e->attention->node);
        free(e->attention->reason);
        free(e->attention->text);
        free(e->attention);
        e->attention = next;
    }
    strv_free(e->anchors_pending);
    free(e->token_path);
    free(e->identity_id);
    vocabulary_free(e->vocabulary);
    config_unref(e->config);
    (void)pthread_mutex_destroy(&e->call_lock);
    free(e);
}
