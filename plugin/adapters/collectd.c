/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* collectd as the host: this object is a plugin of collectd, which loads the real one through
 * <mefplug/host.h> and tells its figures as metrics and notifications (interfaces.md 4). Ownership: one
 * `struct adapter`, static because collectd's callbacks carry no pointer. Thread: config, init and shutdown
 * are called by collectd's main thread; read by one of its reader threads, one call at a time, never before
 * init has returned and never after shutdown was called. module_register() and config come before collectd
 * forks: nothing is loaded there. */
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <collectd/core/daemon/collectd.h>
#include <collectd/core/daemon/plugin.h>

#include <mefplug/host.h>

#define NAME "mefclient"
#define WHO  NAME " plugin: "

/* What was told of one registration (label "": of the plugin as a whole). */
struct known {
    struct known *next;
    char *label;
    bool seen;      /* in this turn */
    char **reasons; /* for attention, that a notification went out for */
    size_t n_reasons;
    uint32_t *codes; /* of commands_<code>, that have begun at 0 */
    size_t n_codes;
};

static struct adapter {
    char *plugin_path, *config, *state_dir, *runtime_dir, *bus_address;
    void *object; /* of dlopen */
    struct mefplug *plugin;
    struct known *known;
} adapter;

/* ---- configuration ------------------------------------------------------------------------------------ */

static const struct setting {
    const char *key;
    char **to;
    bool path;
} settings[] = {
    {"Config", &adapter.config, true},          {"StateDir", &adapter.state_dir, true},
    {"RuntimeDir", &adapter.runtime_dir, true}, {"BusAddress", &adapter.bus_address, false},
    {"Plugin", &adapter.plugin_path, true},
};
#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int on_config(const char *key, const char *value)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (strcasecmp(key, settings[i].key) != 0)
            continue;
        /* collectd changes its directory. */
        if (settings[i].path && value[0] != '/') {
            ERROR(WHO "%s: '%s' does not begin with '/'; give the whole path", settings[i].key, value);
            return 1;
        }
        char *copy = strdup(value);
        if (!copy)
            return 1;
        free(*settings[i].to);
        *settings[i].to = copy;
        return 0;
    }
    return -1;
}

/* ---- life --------------------------------------------------------------------------------------------- */

static void on_log(void *ctx, int level, const char *message)
{
    plugin_log(level, WHO "%s", message);
}

static void on_status(void *ctx, const char *text)
{
    INFO(WHO "%s", text);
}

static void unload(struct adapter *a)
{
    if (a->plugin)
        a->plugin->destroy(a->plugin);
    a->plugin = NULL;
    if (a->object)
        dlclose(a->object);
    a->object = NULL;
}

static int load(struct adapter *a)
{
    const char *path = a->plugin_path ? a->plugin_path : PLUGINDIR "/mefclient.so";
    /* No loop of collectd's is ours to use, and NOTIFY_SOCKET is its own affair. */
    struct mefplug_host host = {
        .flags = MEFPLUG_MAY_THREAD,
        .ctx = a,
        .name = "collectd",
        .config_path = a->config,
        .state_dir = a->state_dir,
        .runtime_dir = a->runtime_dir,
        .bus_address = a->bus_address,
        .log = on_log,
        .status = on_status,
    };
    mefplug_entry_fn entry;
    int r;

    MEFPLUG_HOST_INIT(&host);
    a->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!a->object) {
        ERROR(WHO "cannot load the MEF client: %s", dlerror());
        return -ENOENT;
    }
    *(void **)&entry = dlsym(a->object, MEFPLUG_ENTRY_SYMBOL);
    if (!entry) {
        ERROR(WHO "'%s' has no symbol " MEFPLUG_ENTRY_SYMBOL ": it is not the MEF client", path);
        return -ENOEXEC;
    }
    r = entry(&host, &a->plugin);
    if (r != 0)
        ERROR(WHO "'%s' refused this host: %s", path, strerror(r < 0 ? -r : EPROTO));
    return r;
}

static bool has_stats(const struct mefplug *p)
{
    return MEFPLUG_HAS(p, stats) && p->stats;
}

static int on_init(void)
{
    struct adapter *a = &adapter;
    int r;

    if (a->plugin)
        return 0;
    r = load(a);
    if (r == 0) {
        r = a->plugin->start(a->plugin);
        if (r == MEFPLUG_BAD_CONFIG)
            ERROR(WHO "the configuration was refused; see 'mef-agent --check-config'");
        else if (r != 0)
            ERROR(WHO "the MEF client did not start: %s", strerror(r < 0 ? -r : EPROTO));
    }
    if (r != 0) {
        unload(a);
        return -1;
    }
    if (!has_stats(a->plugin))
        WARNING(WHO "the MEF client is older than this plugin of collectd: it runs, without metrics");
    return 0;
}

/* ---- metrics ------------------------------------------------------------------------------------------ */

/* Takes what collectd's identifiers can hold; '/' separates their parts. */
static void copy_name(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
    for (; *to; to++)
        if (*to == '/')
            *to = '_';
}

static void submit(const char *label, const char *type, const char *instance, value_t value)
{
    value_list_t vl = VALUE_LIST_INIT;

    vl.values = &value;
    vl.values_len = 1;
    snprintf(vl.plugin, sizeof(vl.plugin), NAME);
    copy_name(vl.plugin_instance, sizeof(vl.plugin_instance), label);
    snprintf(vl.type, sizeof(vl.type), "%s", type);
    snprintf(vl.type_instance, sizeof(vl.type_instance), "%s", instance);
    plugin_dispatch_values(&vl);
}

/* Has this counter begun? A counter that begins at its first count would never show that count as a rate: it
 * is told as 0 once. */
static bool begun(struct known *k, uint32_t code)
{
    uint32_t *more;

    for (size_t i = 0; i < k->n_codes; i++)
        if (k->codes[i] == code)
            return true;
    more = reallocarray(k->codes, k->n_codes + 1, sizeof(*more));
    if (more) {
        k->codes = more;
        more[k->n_codes++] = code;
    }
    return false;
}

static void tell_metrics(struct known *k, const struct mefplug_stat *s)
{
    struct timespec now;
    gauge_t left = NAN;

    if (s->cert_not_after != 0) {
        clock_gettime(CLOCK_REALTIME, &now);
        left = (gauge_t)s->cert_not_after / 1e6 - (gauge_t)now.tv_sec;
    }
    submit(s->label, "gauge", "registered", (value_t){.gauge = s->flags & MEFPLUG_STAT_REGISTERED ? 1 : 0});
    submit(s->label, "gauge", "cert_expiry_seconds", (value_t){.gauge = left});
    submit(s->label, "derive", "retries", (value_t){.derive = (derive_t)s->retries});
    for (uint32_t i = 0; i < s->n_statuses; i++) {
        char instance[32];
        bool known = begun(k, s->statuses[i].code);
        snprintf(instance, sizeof(instance), "commands_%u", (unsigned)s->statuses[i].code);
        submit(s->label, "derive", instance, (value_t){.derive = known ? (derive_t)s->statuses[i].count : 0});
    }
}

/* ---- notifications ------------------------------------------------------------------------------------ */

static void notify(const char *label, int severity, const char *reason, const char *text)
{
    notification_t n = {.severity = severity, .time = cdtime()};

    snprintf(n.message, sizeof(n.message), "%s%s%s", reason, *reason ? ": " : "", text);
    snprintf(n.host, sizeof(n.host), "%s", hostname_g);
    snprintf(n.plugin, sizeof(n.plugin), NAME);
    copy_name(n.plugin_instance, sizeof(n.plugin_instance), label);
    plugin_dispatch_notification(&n);
}

static bool told(const struct known *k, const char *reason)
{
    for (size_t i = 0; i < k->n_reasons; i++)
        if (strcmp(k->reasons[i], reason) == 0)
            return true;
    return false;
}

static bool stands(const struct mefplug_stat *s, const char *reason)
{
    for (uint32_t i = 0; i < s->n_attention; i++)
        if (strcmp(s->attention[i].reason, reason) == 0)
            return true;
    return false;
}

/* WARNING for each reason when it comes up; OKAY when none is left. The text may change meanwhile (it holds
 * figures): that is no news. */
static void tell_attention(struct known *k, const struct mefplug_stat *s)
{
    size_t before = k->n_reasons;

    for (size_t i = 0; i < k->n_reasons;) {
        if (stands(s, k->reasons[i])) {
            i++;
            continue;
        }
        free(k->reasons[i]);
        k->reasons[i] = k->reasons[--k->n_reasons];
    }
    for (uint32_t i = 0; i < s->n_attention; i++) {
        const struct mefplug_attention *a = &s->attention[i];
        char **more, *copy;
        if (told(k, a->reason))
            continue;
        notify(k->label, NOTIF_WARNING, a->reason, a->text);
        copy = strdup(a->reason);
        more = copy ? reallocarray(k->reasons, k->n_reasons + 1, sizeof(*more)) : NULL;
        if (!more) { /* then it is told again */
            free(copy);
            continue;
        }
        k->reasons = more;
        more[k->n_reasons++] = copy;
    }
    if (before > 0 && s->n_attention == 0)
        notify(k->label, NOTIF_OKAY, "", "nothing needs attention any more");
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static struct known *known_get(struct adapter *a, const char *label)
{
    struct known *k = a->known;

    while (k && strcmp(k->label, label) != 0)
        k = k->next;
    if (k)
        return k;
    k = calloc(1, sizeof(*k));
    if (!k || !(k->label = strdup(label))) {
        free(k);
        return NULL;
    }
    k->next = a->known;
    a->known = k;
    return k;
}

static void known_free(struct known *k)
{
    for (size_t i = 0; i < k->n_reasons; i++)
        free(k->reasons[i]);
    free(k->reasons);
    free(k->codes);
    free(k->label);
    free(k);
}

/* Forgets what was not told in this turn. */
static void sweep(struct adapter *a)
{
    for (struct known **at = &a->known; *at;) {
        struct known *k = *at;
        if (k->seen) {
            k->seen = false;
            at = &k->next;
            continue;
        }
        if (k->n_reasons > 0)
            notify(k->label, NOTIF_OKAY, "", "the registration is gone");
        *at = k->next;
        known_free(k);
    }
}

static void on_stat(void *ctx, const struct mefplug_stat *s)
{
    struct known *k = known_get(ctx, s->label);

    if (!k)
        return;
    k->seen = true;
    if (*s->label)
        tell_metrics(k, s);
    tell_attention(k, s);
}

static int on_read(void)
{
    struct adapter *a = &adapter;
    int r;

    if (!a->plugin)
        return -1;
    if (!has_stats(a->plugin))
        return 0;
    r = a->plugin->stats(a->plugin, on_stat, a);
    if (r != 0) {
        ERROR(WHO "no figures: %s", strerror(r < 0 ? -r : EPROTO));
        return -1;
    }
    sweep(a);
    return 0;
}

static int on_shutdown(void)
{
    struct adapter *a = &adapter;
    int r = a->plugin ? a->plugin->stop(a->plugin, 0) : 0;

    if (r == -ETIMEDOUT)
        WARNING(WHO "a call into the PKCS#11 module hung and was left behind");
    else if (r != 0)
        ERROR(WHO "the MEF client did not stop cleanly: %s", strerror(r < 0 ? -r : EPROTO));
    unload(a);
    while (a->known) {
        struct known *next = a->known->next;
        known_free(a->known);
        a->known = next;
    }
    for (size_t i = 0; i < N_SETTINGS; i++) {
        free(*settings[i].to);
        *settings[i].to = NULL;
    }
    return r == -ETIMEDOUT ? 0 : r;
}

/* collectd's one symbol of a plugin. Runs before the fork: registers, and does nothing else. */
__attribute__((visibility("default"))) void module_register(void)
{
    static const char *keys[N_SETTINGS]; /* kept by collectd */

    for (size_t i = 0; i < N_SETTINGS; i++)
        keys[i] = settings[i].key;
    plugin_register_config(NAME, on_config, keys, (int)N_SETTINGS);
    plugin_register_init(NAME, on_init);
    plugin_register_read(NAME, on_read);
    plugin_register_shutdown(NAME, on_shutdown);
}
