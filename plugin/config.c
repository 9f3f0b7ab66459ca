/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration (interfaces.md 3): one table of keys, read with inih. Clause: design.md 3, 6. Thread: any. */
#include "plugin/config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <syslog.h>

#include "plugin/base/buf.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"

#define DEFAULT_FILE "/etc/mefclient/mefclient.conf"

enum key_type { KEY_STRING, KEY_LIST, KEY_BOOL, KEY_SECONDS, KEY_WORD };

struct word {
    const char *name;
    uint32_t value;
};

static const struct word kind_words[] = {{"node", 0}, {"cse", 1}, {"ae", 2}, {NULL, 0}};
static const struct word devcfg_words[] = {{"auto", 0}, {"register", 1}, {"bootstrap", 2}, {NULL, 0}};
static const struct word status_words[] = {{"published", 0}, {"seed", 1}, {NULL, 0}};
static const struct word anchor_words[] = {{"required", 0}, {"optional", 1}, {"literal", 2}, {NULL, 0}};
static const struct word suite_words[] = {{"any", 0}, {"all", 1}, {"transport", 2}, {NULL, 0}};
static const struct word level_words[] = {
    {"emerg", LOG_EMERG}, {"alert", LOG_ALERT},     {"crit", LOG_CRIT},
    {"err", LOG_ERR},     {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
    {"info", LOG_INFO},   {"debug", LOG_DEBUG},     {NULL, 0}};
static const struct word target_words[] = {
    {"auto", LOG_TARGET_AUTO}, {"journal", LOG_TARGET_JOURNAL}, {"console", LOG_TARGET_CONSOLE}, {NULL, 0}};

static const struct key {
    const char *section, *name;
    enum key_type type;
    size_t offset;
    const char *standard; /* default, as it would stand in the file; NULL = none */
    const struct word *words;
    uint64_t min, max; /* KEY_SECONDS */
} keys[] = {
#define AT(member) offsetof(struct config, member)
    {"client", "id", KEY_STRING, AT(id)},
    {"client", "kind", KEY_WORD, AT(kind), "node", kind_words},
    {"client", "node-id", KEY_STRING, AT(node_id)},
    {"client", "cse-id", KEY_STRING, AT(cse_id)},
    {"client", "ae-ids", KEY_LIST, AT(ae_ids)},
    {"client", "sp-id", KEY_STRING, AT(sp_id)},
    {"client", "cse-public-domain", KEY_STRING, AT(cse_public_domain)},
    {"bus", "address", KEY_STRING, AT(bus_address)},
    {"bus", "trusted-uids", KEY_LIST, AT(trusted_uids)},
    {"paths", "state-dir", KEY_STRING, AT(state_dir), "/var/lib/mefclient"},
    {"paths", "runtime-dir", KEY_STRING, AT(runtime_dir), "/run/mefclient"},
    {"token", "uri", KEY_STRING, AT(token_uri), "pkcs11:"},
    {"token", "module", KEY_STRING, AT(token_module)},
    {"token", "pin-file", KEY_STRING, AT(pin_file)},
    {"network", "resolve", KEY_LIST, AT(resolve)},
    {"network", "connect-timeout", KEY_SECONDS, AT(connect_timeout), "PT10S", NULL, 1, 600},
    {"network", "response-timeout", KEY_SECONDS, AT(response_timeout), "PT60S", NULL, 1, 3600},
    {"mef", "command-classes", KEY_LIST, AT(command_classes), "cert-prov dev-cfg mo-node"},
    {"mef", "registration-lifetime", KEY_SECONDS, AT(registration_lifetime), "P365D", NULL, 60,
     UINT64_C(3660) * 86400},
    {"mef", "default-retry", KEY_SECONDS, AT(default_retry), "PT24H", NULL, 1, UINT64_C(366) * 86400},
    {"mef", "backoff-min", KEY_SECONDS, AT(backoff_min), "PT5S", NULL, 1, 86400},
    {"mef", "backoff-max", KEY_SECONDS, AT(backoff_max), "PT15M", NULL, 1, UINT64_C(7) * 86400},
    {"mef", "key-renew-margin", KEY_SECONDS, AT(key_renew_margin), "0", NULL, 0, UINT64_C(366) * 86400},
    {"mef", "certificate-renew-margin", KEY_SECONDS, AT(certificate_renew_margin), "P30D", NULL, 1,
     UINT64_C(3660) * 86400},
    {"mef", "rvi", KEY_STRING, AT(rvi), "2a"},
    {"mef", "base-to", KEY_STRING, AT(base_to), "-"},
    {"mef", "default-ports", KEY_BOOL, AT(default_ports), "no"},
    {"mef", "renew-after-profile-expiry", KEY_BOOL, AT(renew_after_profile_expiry), "no"},
    {"mef", "bootstrap-delete-protects-dcfg", KEY_BOOL, AT(bootstrap_delete_protects_dcfg), "no"},
    {"mef", "devcfg-idle", KEY_SECONDS, AT(devcfg_idle), "PT30S", NULL, 1, 86400},
    {"mef", "devcfg-timeout", KEY_SECONDS, AT(devcfg_timeout), "PT10M", NULL, 1, 86400},
    {"mef", "devcfg-lwm2m", KEY_WORD, AT(devcfg_lwm2m), "auto", devcfg_words},
    {"scep", "challenge-file", KEY_STRING, AT(challenge_file)},
    {"scep", "allow-rsa", KEY_BOOL, AT(allow_rsa), "no"},
    {"scep", "allow-http", KEY_BOOL, AT(allow_http), "no"},
    {"policy", "status-table", KEY_WORD, AT(status_table), "published", status_words},
    {"policy", "trust-anchor-rule", KEY_WORD, AT(trust_anchor_rule), "required", anchor_words},
    {"policy", "suite-rule", KEY_WORD, AT(suite_rule), "any", suite_words},
    {"log", "level", KEY_WORD, AT(log_level), "info", level_words},
    {"log", "target", KEY_WORD, AT(log_target), "auto", target_words},
#undef AT
};

/* Sections of the DM client programs, which read the same file. */
static const char *const foreign_sections[] = {"lwm2m", "bootstrap", "smartcard", "observe", "acl", "omadm"};

struct reader {
    struct config *config;
    const struct event_sink *warn;
    struct mef_error *reterr;
    FILE *file;
    const char *path;
    unsigned line;
    int error;
    /* inih cuts lines at 200 octets: longer ones are handed over in pieces, as continuation lines. */
    char *text;
    size_t room, at, len;
    bool piece;                         /* the line that inih reads now is a later piece of the same line */
    const struct key *last;             /* the key that a continuation adds to */
    unsigned char seen[ELEMENTS(keys)]; /* set in this file */
};

static void *member(struct config *c, const struct key *k)
{
    return (char *)c + k->offset;
}

static int set_list(char ***list, const char *value)
{
    _cleanup_(freep) char *copy = strdup(value);
    char *save = NULL;

    if (!copy)
        return -ENOMEM;
    for (char *s = strtok_r(copy, " \t,\n", &save); s; s = strtok_r(NULL, " \t,\n", &save)) {
        int r = strv_push(list, s);
        if (r < 0)
            return r;
    }
    return 0;
}

static int set_word(const struct key *k, const char *value, uint32_t *ret, struct mef_error *reterr)
{
    char choice[128] = "";

    for (const struct word *w = k->words; w->name; w++) {
        if (streq(w->name, value)) {
            *ret = w->value;
            return 0;
        }
        size_t n = strlen(choice);
        (void)snprintf(choice + n, sizeof choice - n, "%s%s", n ? ", " : "", w->name);
    }
    return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s' is not one of %s", value, choice);
}

static int set_key(struct config *c, const struct key *k, const char *value, bool append,
                   struct mef_error *reterr)
{
    void *at = member(c, k);

    switch (k->type) {
    case KEY_STRING: {
        char **s = at;
        char *copy = NULL;
        if (append && *s) {
            if (asprintf(&copy, "%s%s", *s, value) < 0)
                copy = NULL;
        } else {
            copy = strdup(value);
        }
        if (!copy)
            return -ENOMEM;
        free(*s);
        *s = copy;
        return 0;
    }
    case KEY_LIST: {
        char ***list = at;
        if (!append) {
            strv_free(*list);
            *list = NULL;
        }
        return set_list(list, value);
    }
    case KEY_BOOL: {
        static const struct word yes_no[] = {{"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0},
                                             {"1", 1},   {"0", 0},  {NULL, 0}};
        struct key words = *k;
        uint32_t v = 0;
        words.words = yes_no;
        int r = set_word(&words, value, &v, reterr);
        if (r == 0)
            *(bool *)at = v != 0;
        return r;
    }
    case KEY_SECONDS: {
        uint64_t v;
        if (duration_parse_config(value, &v) < 0)
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "'%s' is not a duration; write seconds or an xs:duration such as PT30S", value);
        if (v < k->min || v > k->max)
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "'%s' is not between %llu and %llu seconds",
                            value, (unsigned long long)k->min, (unsigned long long)k->max);
        *(uint64_t *)at = v;
        return 0;
    }
    case KEY_WORD:
        return set_word(k, value, at, reterr);
    }
    return -EINVAL;
}

static bool is_foreign(const char *section)
{
    for (size_t i = 0; i < ELEMENTS(foreign_sections); i++)
        if (streq(foreign_sections[i], section))
            return true;
    return strncmp(section, "server ", 7) == 0;
}

/* [vocabulary] and [dm-client NAME] hold free keys. */
static int set_free_key(struct config *c, const char *section, const char *name, const char *value)
{
    _cleanup_(freep) char *pair = NULL;
    bool dm = strncmp(section, "dm-client ", 10) == 0;

    if (asprintf(&pair, "%s%s%s=%s", dm ? section + 10 : "", dm ? "." : "", name, value) < 0) {
        pair = NULL;
        return -ENOMEM;
    }
    return strv_push(dm ? &c->dm_clients : &c->vocabulary, pair);
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reader *rd = user;
    struct mef_error why = {0};

    if (rd->error)
        return 1;
    if (streq(section, "vocabulary") || strncmp(section, "dm-client ", 10) == 0) {
        rd->error = set_free_key(rd->config, section, name, value);
        return 1;
    }
    if (is_foreign(section))
        return 1;
    for (size_t i = 0; i < ELEMENTS(keys); i++) {
        const struct key *k = &keys[i];
        if (!streq(k->section, section) || !streq(k->name, name))
            continue;
        if (!str_text_valid(value, strlen(value)))
            rd->error = mef_fail(&why, MEF_ERROR_INVALID_ARGUMENTS, "the value is not plain UTF-8 text");
        else
            rd->error =
                set_key(rd->config, k, value, rd->seen[i] && (rd->piece || k->type == KEY_LIST), &why);
        rd->seen[i] = 1;
        if (rd->error)
            (void)mef_fail(rd->reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s:%u: %s: %s", rd->path, rd->line, name,
                           why.word ? why.text : "out of memory");
        return 1;
    }
    event_emit(rd->warn, &(struct event){.id = EVENT_CONFIG_WARNING},
               "%s:%u: %s: no such key in [%s], ignored", rd->path, rd->line, name, section);
    return 1;
}

/* Where a piece of at most `max` octets may end: not beside a blank, and not so that the next piece would
 * begin like a comment or a section. */
static size_t piece_end(const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    for (size_t n = max; n > 1; n--)
        if (!strchr(" \t;#[", s[n]) && !strchr(" \t", s[n - 1]))
            return n;
    return max;
}

/* fgets for inih: counts lines and folds long ones. */
static char *next_line(char *buffer, int size, void *stream)
{
    struct reader *rd = stream;

    if (rd->error)
        return NULL;
    rd->piece = rd->at < rd->len;
    if (!rd->piece) {
        ssize_t n = getline(&rd->text, &rd->room, rd->file);
        if (n < 0)
            return NULL;
        rd->line++;
        rd->at = 0;
        rd->len = (size_t)n;
        while (rd->len > 0 && (rd->text[rd->len - 1] == '\n' || rd->text[rd->len - 1] == '\r'))
            rd->len--;
        if (memchr(rd->text, '\0', rd->len))
            rd->error =
                mef_fail(rd->reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s:%u: a NUL octet", rd->path, rd->line);
    }
    size_t head = rd->piece ? 1 : 0; /* a blank in front makes it a continuation */
    size_t n = piece_end(rd->text + rd->at, rd->len - rd->at, (size_t)size - 3 - head);
    if (head)
        buffer[0] = ' ';
    memcpy(buffer + head, rd->text + rd->at, n);
    buffer[head + n] = '\n';
    buffer[head + n + 1] = '\0';
    rd->at += n;
    return buffer;
}

static int read_file(struct config *c, const char *path, const struct event_sink *warn,
                     struct mef_error *reterr)
{
    struct reader rd = {.config = c, .warn = warn, .reterr = reterr, .path = path};
    struct stat st;

    rd.file = fopen(path, "re");
    if (!rd.file)
        return mef_fail(reterr, errno == ENOENT ? MEF_ERROR_NOT_FOUND : MEF_ERROR_FAILED,
                        "the configuration file '%s' cannot be read: %s", path, strerror(errno));
    int r = 0;
    if (fstat(fileno(rd.file), &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)LIMIT_CONFIG_FILE) {
        r = mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s:1: not a regular file of at most %u octets",
                     path, LIMIT_CONFIG_FILE);
    } else {
        int line = ini_parse_stream(next_line, &rd, on_pair, &rd);
        if (rd.error)
            r = rd.error;
        else if (line != 0)
            r = mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                         "%s:%u: neither 'key=value', '[section]' nor a comment", path,
                         line > 0 ? (unsigned)line : rd.line);
    }
    free(rd.text);
    (void)fclose(rd.file);
    return r;
}

static int is_conf(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 5 && streq(d->d_name + n - 5, ".conf");
}

static int read_dropins(struct config *c, const char *path, const struct event_sink *warn,
                        struct mef_error *reterr)
{
    _cleanup_(freep) char *dir = NULL;
    struct dirent **names = NULL;
    int r = 0;

    if (asprintf(&dir, "%s.d", path) < 0) {
        dir = NULL;
        return -ENOMEM;
    }
    int n = scandir(dir, &names, is_conf, alphasort);
    if (n < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : mef_fail(reterr, MEF_ERROR_FAILED, "the folder '%s' cannot be read: %s", dir,
                              strerror(errno));
    if ((unsigned)n > LIMIT_CONFIG_DROPINS)
        r = mef_fail(reterr, MEF_ERROR_LIMIT_EXCEEDED, "the folder '%s' holds more than %u files", dir,
                     LIMIT_CONFIG_DROPINS);
    for (int i = 0; i < n; i++) {
        char *file = NULL;
        if (r == 0) {
            r = asprintf(&file, "%s/%s", dir, names[i]->d_name) < 0 ? -ENOMEM
                                                                    : read_file(c, file, warn, reterr);
            if (r != -ENOMEM)
                free(file);
        }
        free(names[i]);
    }
    free(names);
    return r;
}

static const struct key *find_key(const char *section, size_t n, const char *name)
{
    for (size_t i = 0; i < ELEMENTS(keys); i++)
        if (strlen(keys[i].section) == n && strncmp(keys[i].section, section, n) == 0 &&
            streq(keys[i].name, name))
            return &keys[i];
    return NULL;
}

static int apply_option(struct config *c, const char *option, const struct event_sink *warn,
                        struct mef_error *reterr)
{
    const char *dot = strchr(option, '.'), *equals = strchr(option, '=');
    _cleanup_(freep) char *name = NULL;

    if (!dot || !equals || dot > equals)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "option '%s' is not SECTION.KEY=VALUE", option);
    if (!(name = strndup(dot + 1, (size_t)(equals - dot - 1))))
        return -ENOMEM;
    const struct key *k = find_key(option, (size_t)(dot - option), name);
    if (!k) {
        event_emit(warn, &(struct event){.id = EVENT_CONFIG_WARNING}, "option '%s': no such key, ignored",
                   option);
        return 0;
    }
    int r = set_key(c, k, equals + 1, false, reterr);
    if (r < 0)
        mef_error_prefix(reterr, "option %s.%s", k->section, k->name);
    return r;
}

static int apply_override(struct config *c, const struct config_override *o, const struct event_sink *warn,
                          struct mef_error *reterr)
{
    const struct {
        const char *section, *name, *value;
    } all[] = {{"bus", "address", o->bus_address},
               {"paths", "state-dir", o->state_dir},
               {"paths", "runtime-dir", o->runtime_dir},
               {"log", "target", o->log_target}};

    for (char *const *s = o->options; s && *s; s++) {
        int r = apply_option(c, *s, warn, reterr);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < ELEMENTS(all); i++) {
        if (!all[i].value)
            continue;
        int r = set_key(c, find_key(all[i].section, strlen(all[i].section), all[i].name), all[i].value, false,
                        reterr);
        if (r < 0) {
            mef_error_prefix(reterr, "%s", all[i].name);
            return r;
        }
    }
    return 0;
}

static uint32_t config_class_bit(const char *word)
{
    static const char *const words[] = {"", "cert-prov", "dev-cfg", "mo-node"};

    for (uint32_t i = 1; i < ELEMENTS(words); i++)
        if (streq(words[i], word))
            return 1u << i;
    return 0;
}

uint32_t config_command_classes(const struct config *c)
{
    uint32_t set = 0;

    for (char **s = c->command_classes; s && *s; s++)
        set |= config_class_bit(*s);
    /* Who names a DM client wants sessions with it. */
    return c->dm_clients ? set | config_class_bit("dev-cfg") : set;
}

/* What a single key cannot tell. */
static int check_whole(const struct config *c, const char *path, struct mef_error *reterr)
{
    uid_t uids[64];
    size_t n;

    if (c->backoff_min > c->backoff_max)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s: backoff-min is longer than backoff-max",
                        path);
    if (config_trusted_uids(c, uids, ELEMENTS(uids), &n) < 0)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "%s: trusted-uids: not a list of at most 64 numeric user ids", path);
    for (char **s = c->resolve; s && *s; s++) {
        const char *colon = strchr(*s, ':');
        if (!colon || colon == *s || !colon[1])
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s: resolve: '%s' is not NAME:ADDRESS",
                            path, *s);
    }
    for (char **s = c->command_classes; s && *s; s++)
        if (config_class_bit(*s) == 0)
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "%s: command-classes: '%s' is not one of cert-prov, dev-cfg, mo-node", path, *s);
    const char *paths[] = {c->state_dir, c->runtime_dir, c->token_module, c->pin_file, c->challenge_file};
    static const char *const names[] = {"state-dir", "runtime-dir", "module", "pin-file", "challenge-file"};
    for (size_t i = 0; i < ELEMENTS(paths); i++)
        if (paths[i] && paths[i][0] && paths[i][0] != '/')
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "%s: %s: '%s' is not an absolute path", path,
                            names[i], paths[i]);
    return 0;
}

int config_load(const char *path, const struct config_override *over, const struct event_sink *warn,
                struct config **ret, struct mef_error *reterr)
{
    _cleanup_(config_unrefp) struct config *c = calloc(1, sizeof *c);
    const char *file = path ? path : DEFAULT_FILE;
    int r;

    if (!c)
        return -ENOMEM;
    atomic_init(&c->refs, 1);
    for (size_t i = 0; i < ELEMENTS(keys); i++)
        if (keys[i].standard && (r = set_key(c, &keys[i], keys[i].standard, false, reterr)) < 0)
            return r;
    r = read_file(c, file, warn, reterr);
    if (r == -ENOENT && !path)
        r = 0;
    if (r == 0)
        r = read_dropins(c, file, warn, reterr);
    if (r == 0 && over)
        r = apply_override(c, over, warn, reterr);
    if (r == 0)
        r = check_whole(c, file, reterr);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(c);
    return 0;
}

struct config *config_ref(struct config *c)
{
    if (c)
        atomic_fetch_add(&c->refs, 1);
    return c;
}

void config_unref(struct config *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    for (size_t i = 0; i < ELEMENTS(keys); i++) {
        if (keys[i].type == KEY_STRING)
            free(*(char **)member(c, &keys[i]));
        else if (keys[i].type == KEY_LIST)
            strv_free(*(char ***)member(c, &keys[i]));
    }
    strv_free(c->vocabulary);
    strv_free(c->dm_clients);
    free(c);
}

static int print_key(struct buf *b, const struct config *c, const struct key *k)
{
    const void *at = (const char *)c + k->offset;
    int r = buf_addf(b, "%s=", k->name);

    switch (k->type) {
    case KEY_STRING:
        if (r == 0 && *(char *const *)at)
            r = buf_adds(b, *(char *const *)at);
        break;
    case KEY_LIST:
        for (char *const *s = *(char **const *)at; r == 0 && s && *s; s++)
            r = buf_addf(b, "%s%s", s == *(char **const *)at ? "" : " ", *s);
        break;
    case KEY_BOOL:
        if (r == 0)
            r = buf_adds(b, *(const bool *)at ? "yes" : "no");
        break;
    case KEY_SECONDS: {
        struct duration d = {.seconds = *(const uint64_t *)at};
        char text[64];
        duration_format(&d, text, sizeof text);
        if (r == 0)
            r = buf_adds(b, text);
        break;
    }
    case KEY_WORD:
        for (const struct word *w = k->words; r == 0 && w->name; w++)
            if (w->value == *(const uint32_t *)at) {
                r = buf_adds(b, w->name);
                break;
            }
        break;
    }
    return r < 0 ? r : buf_adds(b, "\n");
}

char *config_print(const struct config *c)
{
    struct buf b = {0};
    const char *section = "";
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS(keys); i++) {
        if (!streq(section, keys[i].section)) {
            r = buf_addf(&b, "%s[%s]\n", *section ? "\n" : "", keys[i].section);
            section = keys[i].section;
        }
        if (r == 0)
            r = print_key(&b, c, &keys[i]);
    }
    for (char **s = c->vocabulary; r == 0 && s && *s; s++)
        r = buf_addf(&b, "%s%s\n", s == c->vocabulary ? "\n[vocabulary]\n" : "", *s);
    if (r < 0) {
        buf_clear(&b);
        return NULL;
    }
    return buf_steal(&b);
}

int config_trusted_uids(const struct config *c, uid_t *uids, size_t room, size_t *ret_n)
{
    size_t n = 0;

    for (char **s = c->trusted_uids; s && *s; s++) {
        uint64_t v;
        if (n == room || str_to_u64(*s, UINT32_MAX - 1, &v) < 0)
            return -EINVAL;
        uids[n++] = (uid_t)v;
    }
    *ret_n = n;
    return 0;
}
