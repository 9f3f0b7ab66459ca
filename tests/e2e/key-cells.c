/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See key-cells.h. One client, one MEF, one MAF a message; a cell lays its fault, does the one thing, looks
 * at what was told, at the wire, at the token and at the store, lifts the fault and does it again. */
#include "tests/e2e/key-cells.h"

#include <glib/gstdio.h>
#include <string.h>

#include "policy/fingerprint.h"
#include "policy/status.h"
#include "tests/e2e/key-table.h"
#include "tests/lib/e2e-nodes.h"
#include "tests/lib/e2e-token.h"
#include "tests/sim/peer.h"
#include "tests/unit/pki.h"

#define MAF_FQDN "maf.example.net"
#define WEB_FQDN "pki.example.org"
#define KM_ID    "km-0042@" MAF_FQDN
#define KM_HEX   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define A        "./DCFG/authenticationProfile/"
#define PROFILE  E2E_MO "/authenticationProfile/"
#define MAF_NODE E2E_MO "/MAFClientRegCfg/maf1"
#define ANCHOR   E2E_MO "/trustAnchorCred/ta"
#define MAF_REG  "/org/mefclient1/registration/maf_3amaf1"
#define SETTINGS                                                                                             \
    "connect-timeout=2\nresponse-timeout=1\nresolve=" E2E_FQDN ":127.0.0.1 " MAF_FQDN ":127.0.0.1 " WEB_FQDN \
    ":127.0.0.1\n[mef]\n"                                                                                    \
    "backoff-min=1\nbackoff-max=3\n"

/* %u: port of the MAF; %s: attributes and links of the profile for it. */
static const char tree[] =
    "{\"format\":1,\"nodes\":["
    "{\"type\":\"MAFClientRegCfg\",\"name\":\"maf1\",\"attrs\":{\"fqdn\":\"" MAF_FQDN "\",\"adminFQDN\":"
    "\"admin.example.org\",\"httpPort\":%u,\"labels\":[\"gw42\"]},\"links\":[\"" A "ap-11\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-11\",%s},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-22\",\"attrs\":{\"SUID\":22,\"TLSCiphersuites\":["
    "\"00AE\"],\"keyRegDuration\":\"P30D\",\"keyRegLabels\":[\"saef\"]},"
    "\"links\":[\"./DCFG/MEFClientRegCfg/mef.example.com\"]},"
    "{\"type\":\"authenticationProfile\",\"name\":\"ap-32\",\"attrs\":{\"SUID\":32,\"TLSCiphersuites\":["
    "\"00AE\"],\"keyRegDuration\":\"P30D\",\"keyRegLabels\":[\"saef\"]},"
    "\"links\":[\"./DCFG/MAFClientRegCfg/maf1\"]},"
    "{\"type\":\"registration\",\"name\":\"reg1\",\"attrs\":{\"originatorID\":\"/gw-0042\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"" A "ap-22\"]},"
    "{\"type\":\"registration\",\"name\":\"reg2\",\"attrs\":{\"originatorID\":\"/gw-0043\",\"CSE-ID\":"
    "\"//sp.example.net/in-cse\"},\"links\":[\"" A "ap-32\"]}]}";

static const char by_key[] =
    "\"attrs\":{\"SUID\":11,\"TLSCiphersuites\":[\"00AE\"],\"symmKeyID\":\"" KM_ID "\"},\"links\":[]";
/* %s: fingerprint */
static const char by_certificate[] =
    "\"attrs\":{\"SUID\":41,\"TLSCiphersuites\":[\"C023\"],\"myCertFingerprint\":\"%s\"},"
    "\"links\":[\"./DCFG/trustAnchorCred/mef.example.com-ca\"]";
/* %s: fingerprint; %u: port of the web server */
static const char anchor[] =
    "{\"format\":1,\"nodes\":[{\"type\":\"trustAnchorCred\",\"name\":\"ta\",\"attrs\":{"
    "\"certFingerprint\":\"%s\",\"URI\":\"https://" WEB_FQDN ":%u/root.pem\"},\"links\":[]}]}";

struct world;

enum where { AT_MEF, AT_MAF, AT_WEB };

struct message {
    const char *name, *op, *resource;
    enum where at;
    enum key_column column;
    const char *records; /* what a good one leaves there one more of; NULL: nothing */
    /* Does it. FALSE: it failed, in the way in which it has to be said. */
    gboolean (*act)(struct world *w, GString *why);
};

struct world {
    struct e2e e;
    struct sim_process *maf, *web;
    gboolean certificate; /* both servers know us by a certificate */
    gboolean by_hand;     /* no command: none could come over a connection that is spoilt */
    char *pem, *other_pem, *private_pem, *fingerprint;
    const struct message *m;
    char *reg;
    unsigned serial;
    char *key, *object; /* that the message is about: its identifier, its Credential */
    /* of one cell */
    size_t mark;
    unsigned requests, violations, connections;
};

static struct sim_process *server(const struct world *w)
{
    return w->m->at == AT_MAF ? w->maf : w->m->at == AT_WEB ? w->web : w->e.sim;
}

static void complain(GString *why, gboolean bad, const char *text)
{
    if (bad)
        g_string_append_printf(why, "; %s", text);
}

/* ---- the messages ------------------------------------------------------------------------------------- */

static gboolean command(struct world *w, const char *path, int type, int suid, GString *why)
{
    int csc = e2e_command(&w->e, w->reg, ++w->serial, path, type, suid);
    if (csc != CMD_STATUS_OK && csc != CMD_STATUS_MO_NODE_PROCESSING_FAILED)
        g_string_append_printf(why, "; status %d", csc);
    return csc == CMD_STATUS_OK;
}

static gboolean is_shown(struct e2e *e, void *profile)
{
    g_autofree char *path = e2e_get_string(e, profile, "AuthenticationProfile", "Credential");
    return path[0] && strcmp(path, "/") != 0;
}

/* The command is reported before the token has been listed. */
static void remember_key(struct world *w, const char *profile)
{
    e2e_wait(&w->e, "the key's object", is_shown, (void *)(uintptr_t)profile, 30);
    g_clear_pointer(&w->key, g_free);
    g_clear_pointer(&w->object, g_free);
    w->key = e2e_key_of(&w->e, profile, &w->object);
}

static const char *profile_of(const struct world *w)
{
    return w->m->at == AT_MAF ? PROFILE "ap_2d32" : PROFILE "ap_2d22";
}

static gboolean do_key_create(struct world *w, GString *why)
{
    gboolean maf = w->m->at == AT_MAF,
             good = w->by_hand ? e2e_process(&w->e, profile_of(w), maf ? 32 : 22) == CMD_STATUS_OK
                               : command(w, maf ? A "ap-32" : A "ap-22", 1, maf ? 32 : 22, why);
    if (good)
        remember_key(w, profile_of(w));
    return good;
}

static gboolean do_maf_create(struct world *w, GString *why)
{
    return command(w, "./DCFG/MAFClientRegCfg/maf1", 3, 0, why);
}

/* Other values are brought to the MAF (8.3.9.9.8). */
static gboolean do_maf_update(struct world *w, GString *why)
{
    g_autofree char *label = g_strdup_printf("gw42-%u", w->serial);
    e2e_set(&w->e, MAF_NODE, "labels", g_variant_new_strv((const char *[]){label, NULL}, -1));
    if (!do_maf_create(w, why))
        return FALSE;
    json_t *state = sim_state(w->maf),
           *one = json_array_get(json_object_get(json_object_get(state, "state"), "registrations"), 0);
    if (g_strcmp0(json_string_value(json_array_get(json_object_get(one, "lbl"), 0)), label) != 0)
        g_string_append(why, "; the MAF has other labels");
    json_decref(state);
    return TRUE;
}

static gboolean do_anchor(struct world *w, GString *why)
{
    return command(w, "./DCFG/trustAnchorCred/ta", 2, 0, why);
}

/* The words in which a server's fault may be said. */
static gboolean is_word(const char *name)
{
    static const char *const words[] = {"ServerRejected", "ServerUnreachable", "TimedOut", "NotFound",
                                        "LimitExceeded"};
    for (size_t i = 0; name && i < G_N_ELEMENTS(words); i++)
        if (g_str_has_suffix(name, words[i]))
            return TRUE;
    return FALSE;
}

static gboolean do_key_retrieve(struct world *w, GString *why)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) v = e2e_call(&w->e, "/org/mefclient1", "org.mefclient1.Manager", "RetrieveKey",
                                     g_variant_new("(sa{sv})", w->key, NULL), &error);
    g_autofree char *name = error ? g_dbus_error_get_remote_error(error) : NULL;
    if (!v && !is_word(name))
        g_string_append_printf(why, "; error %s", name ? name : error->message);
    return v != NULL;
}

/* A method that gives a job, with the job done. */
static gboolean work(struct world *w, const char *path, const char *interface, const char *method,
                     gboolean force, GString *why)
{
    g_autoptr(GError) error = NULL;
    GVariantBuilder b;
    const char *job;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (force)
        g_variant_builder_add(&b, "{sv}", "Force", g_variant_new_boolean(TRUE));
    g_autoptr(GVariant) v = e2e_call(&w->e, path, interface, method, g_variant_new("(a{sv})", &b), &error);
    if (!v) {
        g_string_append_printf(why, "; %s: %s", method, error->message);
        return FALSE;
    }
    g_variant_get(v, "(&o)", &job);
    g_autofree char *state = e2e_job_end(&w->e, job);
    return strcmp(state, "done") == 0;
}

static gboolean do_key_update(struct world *w, GString *why)
{
    return work(w, w->object, "org.mefclient1.Credential", "Renew", FALSE, why);
}

static gboolean do_key_delete(struct world *w, GString *why)
{
    return work(w, w->object, "org.mefclient1.Credential", "Delete", TRUE, why);
}

static gboolean do_maf_delete(struct world *w, GString *why)
{
    return work(w, MAF_REG, "org.mefclient1.Registration", "Deregister", FALSE, why);
}

static const struct message messages[] = {
    {"key-create", "create", "base", AT_MEF, COL_KEY_CREATE, "keys", do_key_create},
    {"key-retrieve", "retrieve", "key", AT_MEF, COL_KEY_RETRIEVE, NULL, do_key_retrieve},
    {"key-update", "update", "key", AT_MEF, COL_KEY_UPDATE, NULL, do_key_update},
    {"key-delete", "delete", "key", AT_MEF, COL_KEY_DELETE, NULL, do_key_delete},
    {"maf-key-create", "create", "base", AT_MAF, COL_MAF_KEY_CREATE, "keys", do_key_create},
    {"maf-key-update", "update", "key", AT_MAF, COL_KEY_UPDATE, NULL, do_key_update},
    {"maf-key-delete", "delete", "key", AT_MAF, COL_KEY_DELETE, NULL, do_key_delete},
    {"maf-create", "create", "base", AT_MAF, COL_MAF_CREATE, "registrations", do_maf_create},
    {"maf-update", "update", "registration", AT_MAF, COL_MAF_UPDATE, NULL, do_maf_update},
    {"maf-delete", "delete", "registration", AT_MAF, COL_MAF_DELETE, NULL, do_maf_delete},
    {"anchor-fetch", "retrieve", "file", AT_WEB, COL_ANCHOR, NULL, do_anchor},
};

/* ---- before ------------------------------------------------------------------------------------------- */

/* Another client registers a key for us. */
static gboolean register_for_us(struct world *w)
{
    static const char body[] = "{\"sec:skr\":{\"et\":\"20391231T235959\",\"adfq\":\"" E2E_ADMIN
                               "\",\"suid\":22,\"tgis\":[\"" E2E_CLIENT "\"]}}";
    g_autofree char *error = NULL;
    const struct peer_how how = {
        .port = sim_port(w->e.sim), .identity = E2E_OTHER_ID, .psk = E2E_OTHER_KEY, .sni = E2E_FQDN};
    struct peer *p = peer_open(&how, &error);
    if (!p)
        return FALSE;
    g_autofree char *request = g_strdup_printf(
        "POST /_/" E2E_FQDN "/- HTTP/1.1\r\nHost: " E2E_FQDN ":%u\r\nX-M2M-Origin: //m2m.example.com/gw43\r\n"
        "X-M2M-RI: other-%u\r\nX-M2M-RVI: 2a\r\nAccept: application/vnd.onem2m-res+json, "
        "application/json;q=0.9\r\nContent-Type: application/vnd.onem2m-res+json;ty=5\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        how.port, ++w->serial + 100000, strlen(body), body);
    g_autofree char *answer = peer_exchange(p, request);
    peer_close(p);
    json_t *list = e2e_sim_records(&w->e, "keys");
    const char *ri = e2e_text(json_array_get(list, json_array_size(list) - 1), "ri");
    g_free(w->key);
    w->key = g_strconcat(ri ? ri : "", "@" E2E_FQDN, NULL);
    json_decref(list);
    w->serial--; /* reports are counted by it */
    return answer_status(answer) == 201;
}

static gboolean maf_is_new(struct e2e *e, void *data)
{
    g_autofree char *state = e2e_get_string(e, MAF_REG, "Registration", "State");
    return strcmp(state, "new") == 0;
}

/* Whether the key is the one that the token holds for us. */
static gboolean is_held(struct world *w, const char *key)
{
    g_autofree char *list = e2e_token_list(&w->e), *word = g_strdup_printf("\t%s\t", key ? key : "\n");
    return strstr(list, word) != NULL;
}

static gboolean no_anchor(struct e2e *e, void *data)
{
    g_autofree char *list = e2e_token_list(e);
    return strstr(list, "\tta\t") == NULL;
}

/* A node whose certificate is not in the token. */
static gboolean prepare_anchor(struct world *w)
{
    if (!no_anchor(&w->e, NULL)) {
        e2e_delete(&w->e, ANCHOR);
        if (!e2e_try(&w->e, no_anchor, NULL, 20)) /* T15 */
            return FALSE;
    }
    g_autofree char *there = e2e_get_string(&w->e, ANCHOR, "TrustAnchorCred", "URI"),
                    *text = g_strdup_printf(anchor, w->fingerprint, sim_port(w->web));
    if (!*there)
        e2e_import(&w->e, text);
    return TRUE;
}

static gboolean prepare(struct world *w)
{
    g_autoptr(GString) why = g_string_new(NULL);
    if (w->m->act == do_key_retrieve)
        return (w->key && !is_held(w, w->key)) || register_for_us(w);
    if (w->m->act == do_key_update || w->m->act == do_key_delete)
        return (w->object && is_held(w, w->key)) || do_key_create(w, why);
    if (w->m->act == do_anchor)
        return prepare_anchor(w);
    g_autofree char *state = e2e_get_string(&w->e, MAF_REG, "Registration", "State");
    if (w->m->act == do_maf_update || w->m->act == do_maf_delete)
        return strcmp(state, "registered") == 0 || do_maf_create(w, why);
    if (w->m->act == do_maf_create && *state && strcmp(state, "new") != 0)
        return do_maf_delete(w, why) && e2e_try(&w->e, maf_is_new, NULL, 20);
    return TRUE;
}

/* ---- what happened ------------------------------------------------------------------------------------ */

static void read_log(struct world *w)
{
    json_t *log = sim_log(server(w));
    w->requests = w->violations = w->connections = 0;
    for (size_t i = w->mark; i < json_array_size(log); i++) {
        json_t *line = json_array_get(log, i);
        w->violations += json_array_size(json_object_get(line, "violation")) > 0;
        w->connections += json_object_get(line, "request") == NULL;
        w->requests += json_object_get(line, "request") && g_strcmp0(e2e_text(line, "op"), w->m->op) == 0 &&
                       g_strcmp0(e2e_text(line, "resource"), w->m->resource) == 0;
    }
    json_decref(log);
}

static size_t log_length(struct world *w)
{
    json_t *log = sim_log(server(w));
    size_t n = json_array_size(log);
    json_decref(log);
    return n;
}

static size_t records(struct world *w, const char *array)
{
    json_t *state = sim_state(server(w));
    size_t n = array ? json_array_size(json_object_get(json_object_get(state, "state"), array)) : 0;
    json_decref(state);
    return n;
}

static int by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Symmetric keys in the token, one a line, sorted. */
static char *held_keys(struct world *w)
{
    g_autofree char *list = e2e_token_list(&w->e);
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    for (char **l = lines; *l; l++)
        if (g_str_has_prefix(*l, "secret-key\t"))
            g_ptr_array_add(keys, *l);
    g_ptr_array_sort(keys, by_text);
    g_ptr_array_add(keys, NULL);
    return g_strjoinv("\n", (char **)keys->pdata);
}

static unsigned lines_in(const char *text)
{
    unsigned n = *text != '\0';
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static gboolean in_order(struct e2e *e, void *data)
{
    static const char *const given[] = {KM_ID, "factory", NULL};
    g_autofree char *wrong = e2e_token_disorder(e, given), *keys = held_keys(data);

    return !wrong && strstr(keys, E2E_KPM_ID) && strstr(keys, KM_ID);
}

/* What the web server gives instead of the certificate. */
static char *file(const struct world *w, const char *name)
{
    gsize n = strlen(w->pem);

    if (strcmp(name, "other") == 0)
        return g_strdup(w->other_pem);
    if (strcmp(name, "twice") == 0)
        return g_strconcat(w->pem, w->pem, NULL);
    if (strcmp(name, "key") == 0)
        return g_strconcat(w->pem, w->private_pem, NULL);
    if (strcmp(name, "text") == 0)
        return g_strconcat("the root of an application\n", w->pem, NULL);
    char *text = g_strdup(w->pem);
    if (strcmp(name, "cut") == 0)
        text[n / 2] = '\0';
    else /* damaged */
        text[n / 2] = text[n / 2] == 'A' ? 'B' : 'A';
    return text;
}

static void lay(struct world *w, const struct key_fault *f)
{
    const char *text = f->text + (strchr("*#+", f->text[0]) != NULL);
    json_t *body;

    if (f->text[0] == '#') {
        g_autofree char *all = g_strdup_printf("{\"at\":{\"connection\":0},%s}", text);
        json_decref(sim_post(server(w), "/sim/faults", all));
        return;
    }
    if (f->text[0] == '+') {
        g_autofree char *content = file(w, text);
        body =
            json_pack("{s:{s:s},s:s,s:s}", "at", "resource", w->m->resource, "do", "body", "body", content);
    } else {
        g_autofree char *one = g_strdup_printf("{\"at\":{\"op\":\"%s\",\"resource\":\"%s\",\"times\":%d},%s}",
                                               w->m->op, w->m->resource, f->text[0] == '*' ? 0 : 1, text);
        body = json_loads(one, 0, NULL);
    }
    json_decref(sim_call(server(w), "POST", "/sim/faults", body, NULL));
    json_decref(body);
}

static gint64 end_of_key(struct world *w)
{
    return e2e_ask_store(&w->e, "SELECT expires FROM token_object WHERE label=?1", w->key);
}

/* ---- one cell ----------------------------------------------------------------------------------------- */

struct before {
    char *keys, *key;
    size_t records;
    gint64 end;
};

/* What a good one leaves, and what a failed one must not leave. */
static void judge(struct world *w, const struct before *b, gboolean good, GString *why)
{
    complain(why, !e2e_try(&w->e, in_order, w, 5), "token and store are not in order");
    g_autofree char *keys = held_keys(w);
    int more = (int)lines_in(keys) - (int)lines_in(b->keys);
    if (!good) {
        complain(why, strcmp(keys, b->keys) != 0, "the keys in the token have changed");
        complain(why, w->m->act == do_key_update && end_of_key(w) != b->end, "another end was stored");
    } else if (w->m->act == do_key_create || w->m->act == do_key_retrieve) {
        /* A profile keeps two: with the third the first is given up. */
        int least = w->m->act == do_key_create ? 0 : 1;
        complain(why, more < least || more > 1 || !is_held(w, w->key) || strstr(b->keys, w->key),
                 "not one more key in the token");
    } else if (w->m->act == do_key_delete) {
        complain(why, more != -1 || is_held(w, b->key), "the key is still in the token");
    }
    if (w->m->act == do_anchor)
        complain(why, no_anchor(&w->e, NULL) == good, "the trust anchor in the token");
    if (w->m->act == do_maf_delete)
        complain(why, maf_is_new(&w->e, NULL) != good, "the state of the registration");
    if (w->m->act == do_maf_update)
        complain(why, records(w, "registrations") != 1, "not one registration at the MAF");
    if (w->m->act != do_maf_create)
        return;
    g_autofree char *state = e2e_get_string(&w->e, MAF_REG, "Registration", "State");
    complain(why, good != (strcmp(state, "registered") == 0), "the state of the registration");
    complain(why,
             !good &&
                 e2e_ask_store(&w->e,
                               "SELECT count(*) FROM registration WHERE node=?1 AND (reg_id IS NOT NULL OR "
                               "assigned_key IS NOT NULL)",
                               "maf:maf1") != 0,
             "half a credential was stored");
    complain(why, good && records(w, "registrations") != 1, "not one registration at the MAF");
}

/* What it had to leave out is forgotten at its start. */
static void restart(struct world *w, GString *why)
{
    complain(why, e2e_agent_stop(&w->e, NULL) != 0, "the agent ended badly");
    e2e_agent_start_ready(&w->e);
    e2e_wait_idle(&w->e, w->reg);
}

static void before_clear(struct before *b)
{
    g_free(b->keys);
    g_free(b->key);
}

static struct before look(struct world *w)
{
    return (struct before){.keys = held_keys(w),
                           .key = g_strdup(w->key),
                           .records = records(w, w->m->records),
                           .end = w->key ? end_of_key(w) : 0};
}

static gboolean run_cell(struct world *w, const struct key_fault *f, char letter, char **ret_seen)
{
    const struct key_expectation *want = key_expectation(letter);
    g_autoptr(GString) why = g_string_new(NULL);
    gboolean good = FALSE;

    if (prepare(w)) {
        struct before b = look(w);
        w->mark = log_length(w);
        w->by_hand = letter == 'k' && w->m->at == AT_MEF;
        lay(w, f);
        good = w->m->act(w, why);
        read_log(w);
        complain(why, good != want->good, good ? "it did not fail" : "it failed");
        complain(why, w->requests != want->requests, "another number of requests");
        complain(why, w->violations > 0 && letter != 'a', "a violation");
        complain(why, letter == 'k' && (w->connections < 1 || w->connections > 2),
                 "another number of handshakes");
        judge(w, &b, good, why);
        complain(why, want->undone && records(w, w->m->records) != b.records, "not given up at the server");
        json_decref(sim_call(server(w), "DELETE", "/sim/faults", NULL, NULL));
        before_clear(&b);
    } else
        complain(why, TRUE, "the client cannot be brought to the start");
    *ret_seen = NULL;
    unsigned n = w->requests;
    w->by_hand = FALSE;
    if (letter == 'a')
        restart(w, why);
    if (!good && why->len == 0) {
        struct before b = look(w);
        gboolean again = w->m->act(w, why);
        complain(why, !again, "no recovery");
        judge(w, &b, again, why);
        before_clear(&b);
    }
    *ret_seen = g_strdup_printf("%s: %u requests, %s%s", want->text, n, good ? "done" : "failed", why->str);
    return why->len == 0;
}

/* ---- all cells ---------------------------------------------------------------------------------------- */

/* A certificate to be fetched, and others. */
static void make_certificates(struct world *w)
{
    static const struct pki_spec root = {.cn = "Application root", .ca = true};
    EVP_PKEY *key = pki_key(NULL);
    X509 *one = pki_issue(&root, key, NULL, NULL), *other = pki_issue(&root, key, NULL, NULL);
    struct der der = pki_der_of(one), pkcs8 = pki_key_der(key);
    g_autofree char *base64 = g_base64_encode(pkcs8.data, pkcs8.len);
    char name[FINGERPRINT_NI_LEN];
    uint8_t sum[32];

    g_assert_true(EVP_Digest(der.data, der.len, sum, NULL, EVP_sha256(), NULL));
    fingerprint_format_ni(sum, name);
    w->fingerprint = g_strdup(name);
    w->pem = pki_pem_of(one);
    w->other_pem = pki_pem_of(other);
    w->private_pem = g_strdup_printf("-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", base64);
    free(der.data);
    free(pkcs8.data);
    X509_free(one);
    X509_free(other);
    EVP_PKEY_free(key);
}

static void start_servers(struct world *w)
{
    g_autofree char *dir = g_build_filename(w->e.dir, "maf", NULL),
                    *web = g_build_filename(w->e.dir, "web", NULL);
    g_autofree char *state = g_strdup_printf("--mef-state=%s/sim.state", w->e.dir);
    g_autofree char *ca = g_strdup_printf("--ca=%s/ca", w->e.dir);
    const char *const args[] = {"--role=maf", state, ca, "--psk=" KM_ID "=" KM_HEX, NULL};
    const char *const web_args[] = {ca, NULL};
    json_t *scenario = json_pack("{s:{s:s}}", "files", "/root.pem", w->pem);
    char *text = json_dumps(scenario, 0);

    g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
    g_assert_cmpint(g_mkdir(web, 0700), ==, 0);
    w->maf = sim_start(dir, MAF_FQDN, NULL, args);
    w->web = sim_start(web, WEB_FQDN, text, web_args);
    free(text);
    json_decref(scenario);
}

/* The web server is believed by the MEF's CA, so whoever fetches has a certificate, too. */
static void start(struct world *w, const struct message *m, gboolean certificate)
{
    g_autofree char *mine = NULL, *profile = NULL;

    *w = (struct world){.m = m, .certificate = certificate};
    e2e_up(&w->e, "{\"commands\":[],\"retryDuration\":\"PT1H\"}");
    make_certificates(w);
    start_servers(w);
    e2e_configure(&w->e, SETTINGS);
    e2e_put_key(&w->e, KM_ID, KM_HEX);
    certificate = certificate || m->at == AT_WEB;
    if (certificate)
        mine = e2e_make_certificate(&w->e, E2E_SAN);
    e2e_agent_start_ready(&w->e);
    w->reg = certificate ? e2e_add_mef_by_certificate(&w->e, mine) : e2e_add_mef(&w->e);
    e2e_wait_idle(&w->e, w->reg);
    profile = certificate ? g_strdup_printf(by_certificate, mine) : g_strdup(by_key);
    g_autofree char *text = g_strdup_printf(tree, sim_port(w->maf), profile);
    e2e_import(&w->e, text);
    if (m->at == AT_MAF && m->act != do_maf_create) {
        g_autoptr(GString) why = g_string_new(NULL);
        if (!do_maf_create(w, why))
            g_error("no registration at the MAF%s", why->str);
    }
}

static int stop(struct world *w)
{
    int status = w->e.agent ? e2e_agent_stop(&w->e, NULL) : -1;
    if (status)
        e2e_dump(&w->e);
    (void)sim_stop(w->maf);
    (void)sim_stop(w->web);
    e2e_down(&w->e);
    g_free(w->pem);
    g_free(w->other_pem);
    g_free(w->private_pem);
    g_free(w->fingerprint);
    g_free(w->reg);
    g_free(w->key);
    g_free(w->object);
    return status;
}

static gboolean wanted(const char *const *only, const char *name)
{
    return !only || g_strv_contains(only, name);
}

unsigned key_messages(void)
{
    return G_N_ELEMENTS(messages);
}

const char *key_message_name(unsigned message)
{
    return messages[message].name;
}

unsigned key_message_cells(unsigned message)
{
    unsigned n = 0;
    for (unsigned f = 0; f < key_fault_count(); f++)
        n += key_fault_get(f)->letters[messages[message].column] != '-';
    return n;
}

unsigned key_message_run(unsigned message, const char *const *only,
                         void (*seen)(void *ctx, const char *fault, gboolean ok, const char *text), void *ctx)
{
    struct world w;
    unsigned n = 0;
    int ended_badly = 0;

    start(&w, &messages[message], FALSE);
    for (unsigned f = 0; f < key_fault_count(); f++) {
        const struct key_fault *fault = key_fault_get(f);
        g_autofree char *text = NULL;
        char letter = fault->letters[messages[message].column];
        if (letter == '-' || !wanted(only, fault->name))
            continue;
        n++;
        if (w.certificate != (letter == 'k')) {
            ended_badly |= stop(&w);
            start(&w, &messages[message], letter == 'k');
        }
        gboolean ok = run_cell(&w, fault, letter, &text);
        seen(ctx, fault->name, ok, text);
        if (!ok) { /* the next one finds a client in order */
            e2e_dump(&w.e);
            (void)stop(&w);
            start(&w, &messages[message], letter == 'k');
        }
    }
    int status = stop(&w);
    if (status || ended_badly) {
        g_autofree char *text = g_strdup_printf("the agent ended with %d", status ? status : ended_badly);
        seen(ctx, "-", FALSE, text);
    }
    return n;
}
