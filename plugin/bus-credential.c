/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.mefclient1.Credential: what the token holds, as far as it may be shown (interfaces.md 1, 2). The list
 * comes from the token thread; certificates are at /credential/<SHA-256>, keys at
 * /credential/<esc(identifier)>. Public parts only. Thread: the loop's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/anchors.h"
#include "plugin/cert-files.h"
#include "plugin/asks.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"
#include "plugin/bindings.h"
#include "plugin/bus-key.h"
#include "plugin/cert/chain.h"
#include "plugin/registrations.h"
#include "policy/backoff.h"

struct bus_credential {
    struct bus_credential *next;
    struct engine *e;
    char *name; /* key identifier, or 64 hex digits */
    struct listed what;
    struct cert_info info; /* certificates */
    struct bus_object *object;
    bool seen; /* while lists are compared */
};

static bool is_hex64(const char *s)
{
    return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

char *credential_path(const char *credential)
{
    _cleanup_(freep) char *esc = is_hex64(credential) ? strdup(credential) : str_bus_escape(credential);
    char *path = NULL;

    if (!esc || asprintf(&path, BUS_ROOT "/credential/%s", esc) < 0)
        return NULL;
    return path;
}

static struct bus_credential *find(struct engine *e, const char *name)
{
    for (struct bus_credential *c = e->credentials; c; c = c->next)
        if (streq(c->name, name))
            return c;
    return NULL;
}

/* By the exact label first, then without a credential type in front of it, as the vault does. */
static struct bus_credential *find_name(struct engine *e, const char *name)
{
    bool prefixed = strlen(name) > 3 && name[2] == '-' && strspn(name, "0123456789") >= 2;
    struct bus_credential *c = find(e, name);

    return c || !prefixed ? c : find(e, name + 3);
}

char *credential_path_by_name(struct engine *e, const char *name)
{
    struct bus_credential *c = find_name(e, name);
    return c ? credential_path(c->name) : NULL;
}

static struct bus_credential *find_fingerprint(struct engine *e, const struct fingerprint *fp)
{
    for (struct bus_credential *c = e->credentials; c; c = c->next)
        if (c->what.kind != LISTED_KEY && fingerprint_matches(fp, c->what.sha256))
            return c;
    return NULL;
}

const struct der *credential_by_fingerprint(struct engine *e, const struct fingerprint *fp)
{
    struct bus_credential *c = find_fingerprint(e, fp);
    return c ? &c->what.cert : NULL;
}

int credentials_anchors(struct engine *e, struct der_list *ret)
{
    int r = 0;

    for (struct bus_credential *c = e->credentials; r == 0 && c; c = c->next)
        if (c->what.kind == LISTED_ANCHOR && c->what.owners && c->what.owners[0])
            r = der_list_add(ret, c->what.cert.data, c->what.cert.len);
    return r;
}

int64_t credential_not_after(struct engine *e, const char *credential)
{
    struct bus_credential *c = find(e, credential);
    return c && c->what.kind != LISTED_KEY ? c->info.not_after : 0;
}

char *credential_path_by_fingerprint(struct engine *e, const struct fingerprint *fp)
{
    struct bus_credential *c = find_fingerprint(e, fp);
    return c ? credential_path(c->name) : NULL;
}

/* ---- properties ------------------------------------------------------------------------------------- */

enum credential_property {
    CRED_KIND,
    CRED_CREDENTIAL_ID,
    CRED_URI,
    CRED_FINGERPRINT,
    CRED_SUBJECT,
    CRED_ISSUER,
    CRED_SUBJECT_ID,
    CRED_NOT_BEFORE,
    CRED_NOT_AFTER,
    CRED_RENEW_AT,
    CRED_USED_BY,
    CRED_ORIGIN,
};

static void write_uri(struct bus_credential *c, struct bus_writer *w)
{
    struct token_info i = {0};
    _cleanup_(freep) char *uri = NULL;
    struct buf b = {0};

    if (token_info(c->e->token, &i) == 0) {
        bool ok = buf_adds(&b, i.uri ? i.uri : "pkcs11:") == 0;
        ok = ok && buf_addf(&b, "%sobject=", buf_str(&b)[b.len - 1] == ':' ? "" : ";") == 0;
        for (const char *s = c->what.label; ok && *s; s++) {
            bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
                         strchr("-._~", *s);
            ok = plain ? buf_add(&b, s, 1) == 0 : buf_addf(&b, "%%%02X", (unsigned char)*s) == 0;
        }
        if (ok)
            ok = buf_addf(&b, ";type=%s", c->what.kind == LISTED_KEY ? "secret-key" : "cert") == 0;
        uri = ok ? buf_steal(&b) : NULL;
        buf_clear(&b);
        token_info_clear(&i);
    }
    bus_write_s(w, uri);
}

static bool owned_by(const struct bus_credential *c, const char *node)
{
    for (char **s = c->what.owners; s && *s; s++)
        if (streq(*s, node))
            return true;
    return false;
}

/* What a registration will come back to: its latest certificate, one that is still to be proven, and the CA
 * certificates that its MEF brought. */
static bool needed_by(const struct bus_credential *c, const struct registration *r)
{
    const struct cmd_record *last = r->n_commands ? &r->commands[r->n_commands - 1]->rec : NULL;
    bool pair = c->what.kind == LISTED_CERTIFICATE && c->what.id_len == KEY_ID_LEN;

    if (!owned_by(c, r->config.node))
        return false;
    return c->what.kind == LISTED_ANCHOR ||
           (pair && r->rec.has_cert && memcmp(r->rec.cert_id, c->what.id, KEY_ID_LEN) == 0) ||
           (pair && last && last->state < CMD_REPORTED && last->has_cert &&
            memcmp(last->cert_id, c->what.id, KEY_ID_LEN) == 0);
}

/* Registrations that use it, and nodes that name it or that it is tied to. */
static char **used_by(struct bus_credential *c)
{
    struct engine *e = c->e;
    char **paths = NULL;

    for (struct registration *r = e->registrations; r; r = r->next)
        if (r->object && (streq0(r->credential, c->name) || needed_by(c, r)))
            (void)strv_push(&paths, bus_object_path(r->object));
    for (size_t i = 0; i < mo_tree_count(e->tree); i++) {
        const struct mo_node *n = mo_tree_nth(e->tree, i);
        const char *key = mo_node_text(n, MO_SYMM_KEY_ID);
        const char *text = mo_node_text(n, mo_node_type(n) == MO_TRUST_ANCHOR_CRED ? MO_CERT_FINGERPRINT
                                                                                   : MO_MY_CERT_FINGERPRINT);
        const struct binding *b = binding_find(e, mo_node_id(n));
        struct fingerprint fp;
        bool uses = c->what.kind == LISTED_KEY ? key && find_name(e, key) == c
                                               : text && fingerprint_parse(text, &fp) == 0 &&
                                                     fingerprint_matches(&fp, c->what.sha256);
        uses = uses || (b && b->credential && find_name(e, b->credential) == c);
        _cleanup_(freep) char *path = uses ? node_bus_path(n) : NULL;
        if (path)
            (void)strv_push(&paths, path);
    }
    return paths;
}

static int get_credential(void *object, const struct bus_property *p, struct bus_writer *w)
{
    struct bus_credential *c = object;
    static const char *const kinds[] = {
        [LISTED_CERTIFICATE] = "certificate", [LISTED_ANCHOR] = "trust-anchor", [LISTED_KEY] = "key"};
    bool cert = c->what.kind != LISTED_KEY;

    switch ((enum credential_property)p->aux) {
    case CRED_KIND:
        bus_write_s(w, kinds[c->what.kind]);
        break;
    case CRED_CREDENTIAL_ID: {
        _cleanup_(freep) char *id = NULL;
        if (!cert && asprintf(&id, "10-%s", c->name) < 0)
            id = NULL;
        bus_write_s(w, id);
        break;
    }
    case CRED_URI:
        write_uri(c, w);
        break;
    case CRED_FINGERPRINT: {
        char text[64] = "";
        if (cert)
            fingerprint_format_ni(c->what.sha256, text);
        bus_write_s(w, text);
        break;
    }
    case CRED_SUBJECT:
        bus_write_s(w, c->info.subject);
        break;
    case CRED_ISSUER:
        bus_write_s(w, c->info.issuer);
        break;
    case CRED_SUBJECT_ID:
        bus_write_s(w, cert && c->what.kind == LISTED_CERTIFICATE ? c->what.label : "");
        break;
    case CRED_NOT_BEFORE:
        bus_write_u(w, (uint64_t)c->info.not_before);
        break;
    case CRED_NOT_AFTER:
        bus_write_u(w, (uint64_t)c->info.not_after);
        break;
    case CRED_RENEW_AT: /* as the worker tells it */
        bus_write_u(w, c->what.has_key && c->info.not_after
                           ? (uint64_t)renewal_point(c->info.not_before, c->info.not_after,
                                                     c->e->config->certificate_renew_margin)
                           : 0);
        break;
    case CRED_USED_BY: {
        _cleanup_(strv_freep) char **paths = used_by(c);
        bus_write_strv(w, paths);
        break;
    }
    case CRED_ORIGIN:
        bus_write_s(w, c->what.owners ? c->what.owners[0] : "");
        break;
    }
    return 0;
}

static int get_certificate(struct bus_call *call, struct mef_error *reterr)
{
    struct bus_credential *c = bus_call_object(call);

    if (c->what.kind == LISTED_KEY)
        return mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED,
                        "'%s' is a symmetric key: it has no certificate and is never shown", c->name);
    return bus_reply(call, "ay", c->what.cert.data, c->what.cert.len);
}

/* The certificate and those of the token that lead from it upwards. */
static void fill_chain(struct bus_writer *w, void *ctx)
{
    struct bus_credential *c = ctx;

    bus_write_open(w);
    for (unsigned depth = 0; c && depth < LIMIT_CHAIN; depth++) {
        struct bus_credential *up = NULL;
        bus_write_ay(w, c->what.cert.data, c->what.cert.len);
        for (struct bus_credential *i = c->e->credentials; i && !up; i = i->next)
            if (i != c && i->what.kind != LISTED_KEY && i->info.ca && streq0(i->info.subject, c->info.issuer))
                up = i;
        c = streq0(c->info.subject, c->info.issuer) ? NULL : up;
    }
    bus_write_close(w);
}

static int get_chain(struct bus_call *call, struct mef_error *reterr)
{
    struct bus_credential *c = bus_call_object(call);

    if (c->what.kind == LISTED_KEY)
        return mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED, "'%s' is a symmetric key: it has no certificate",
                        c->name);
    return bus_reply_by(call, fill_chain, c);
}

/* ---- Renew ------------------------------------------------------------------------------------------ */

/* The registration that its MEF has provisioned this certificate for, and that uses it. */
static struct registration *renewed_by(const struct bus_credential *c)
{
    for (struct registration *r = c->e->registrations; r; r = r->next)
        if (!r->ending && c->what.kind == LISTED_CERTIFICATE && owned_by(c, r->config.node) &&
            r->rec.has_cert && c->what.id_len == KEY_ID_LEN &&
            memcmp(r->rec.cert_id, c->what.id, KEY_ID_LEN) == 0)
            return r;
    return NULL;
}

static void renewed(void *ctx, uint32_t status, const struct mef_error *err)
{
    (void)ctx, (void)status, (void)err; /* the job says it */
}

static int renew_certificate(struct bus_credential *c, struct bus_call *call, const char *uri,
                             struct mef_error *reterr)
{
    struct registration *r = renewed_by(c);
    const char *path = NULL;

    if (!r)
        return mef_fail(
            reterr, MEF_ERROR_NOT_SUPPORTED,
            "'%s' is not a certificate that a registration has from its MEF and uses; who issued it "
            "must renew it",
            c->what.label ? c->what.label : c->name);
    struct mef_task *t = calloc(1, sizeof *t);
    if (!t || !(t->subject_id = strdup(c->what.label ? c->what.label : "")) ||
        (uri && !(t->uri = strdup(uri)))) {
        mef_task_free(t);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    t->kind = MEF_TASK_CERT_RENEW;
    memcpy(t->cert_id, c->what.id, KEY_ID_LEN);
    int e = ask_worker(r, t, "renew-certificate", bus_call_uid(call), renewed, NULL, &path, reterr);
    return e < 0 ? e : bus_reply(call, "o", path);
}

static const struct bus_option renew_options[] = {{"URI", "s"}, {NULL, NULL}};

static int renew(struct bus_call *call, struct mef_error *reterr)
{
    struct bus_credential *c = bus_call_object(call);
    int r = bus_call_options(call, 0, renew_options, reterr);
    const char *uri = r < 0 ? NULL : bus_dict_s(bus_call_dict(call, 0), "URI", NULL);

    if (r < 0)
        return r;
    if (uri && (!*uri || strlen(uri) > LIMIT_URI || c->what.kind == LISTED_KEY))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "the option URI is the base URI of an EST server, for a certificate");
    if (c->what.kind != LISTED_KEY)
        return renew_certificate(c, call, uri, reterr);
    return key_renew_start(c->e, call, c->name, c->what.owners, reterr);
}

/* ---- Delete ----------------------------------------------------------------------------------------- */

struct deleting {
    struct engine *e;
    uint32_t job;
    char *name;
    struct listed what; /* id and digest only */
};

static int deleting_work(void *ctx, struct mef_error *reterr)
{
    struct deleting *d = ctx;
    const struct vault_object o = {.key_id = d->what.kind == LISTED_KEY ? d->name : NULL,
                                   .id = d->what.id,
                                   .id_len = d->what.id_len,
                                   .sha256 = d->what.sha256};
    int r = vault_drop_object(&d->e->vault, &o, reterr);

    token_thread_relist(d->e->token_thread);
    return r;
}

/* Once begun it is finished: half a deletion is none. */
static void deleting_cancel(void *ctx, uint32_t job)
{
}

static void deleting_done(void *ctx, int r, const struct mef_error *err)
{
    struct deleting *d = ctx;

    if (r == 0)
        event_emit(&d->e->sink, &(struct event){.id = EVENT_CREDENTIALS_DELETED},
                   "the credential '%s' was deleted from the token by hand", d->name);
    job_finish(d->e->jobs, d->job, job_result_of(r < 0 ? err : NULL), r < 0 ? err : NULL);
    free(d->name);
    free(d);
}

static const struct bus_option delete_options[] = {{"Force", "b"}, {NULL, NULL}};

static bool owned_by_profile(const struct bus_credential *c)
{
    return strncmp(c->what.owners[0], VAULT_PROFILE_PREFIX, strlen(VAULT_PROFILE_PREFIX)) == 0;
}

static int may_delete(struct bus_credential *c, bool force, struct mef_error *reterr)
{
    _cleanup_(strv_freep) char **paths = used_by(c);

    if (!c->what.owners || !c->what.owners[0])
        return mef_fail(reterr, MEF_ERROR_NOT_SUPPORTED,
                        "'%s' was not put into the token by mefclient and is left alone; delete it with the "
                        "token's own tools",
                        c->name);
    if (paths && paths[0] && !force)
        return mef_fail(reterr, MEF_ERROR_IN_PROGRESS,
                        "'%s' is used by '%s'; delete that first, or set the option 'Force'", c->name,
                        paths[0]);
    return 0;
}

static int delete_credential(struct bus_call *call, struct mef_error *reterr)
{
    struct bus_credential *c = bus_call_object(call);
    int r = bus_call_options(call, 0, delete_options, reterr);

    if (r == 0 && !c)
        r = mef_fail(reterr, MEF_ERROR_NOT_FOUND, "the credential is no longer in the token");
    if (r == 0)
        r = may_delete(c, bus_dict_b(bus_call_dict(call, 0), "Force", false), reterr);
    if (r < 0)
        return r;
    /* What a MEF or MAF has registered ends there too. */
    if (c->what.kind == LISTED_KEY && !owned_by_profile(c))
        return key_delete_start(c->e, call, c->name, c->what.owners, reterr);
    struct deleting *d = calloc(1, sizeof *d);
    char *const objects[] = {(char *)(uintptr_t)bus_object_path(c->object), NULL};
    const char *path = NULL;
    if (!d || !(d->name = strdup(c->name))) {
        free(d);
        return mef_fail(reterr, MEF_ERROR_FAILED, "out of memory");
    }
    d->e = c->e;
    d->what = (struct listed){.kind = c->what.kind, .id_len = c->what.id_len};
    memcpy(d->what.id, c->what.id, sizeof d->what.id);
    memcpy(d->what.sha256, c->what.sha256, sizeof d->what.sha256);
    r = job_new(d->e->jobs, "delete-credential", bus_call_uid(call), objects, NULL, deleting_cancel, NULL,
                &d->job, &path, reterr);
    if (r < 0) {
        free(d->name);
        free(d);
        return r;
    }
    job_running(d->e->jobs, d->job);
    r = bus_reply(call, "o", path);
    if (token_thread_submit(d->e->token_thread, deleting_work, deleting_done, d) < 0) {
        struct mef_error why = {0};
        (void)mef_fail(&why, MEF_ERROR_FAILED, "out of memory");
        deleting_done(d, -ENOMEM, &why);
    }
    return r;
}

static const struct bus_method methods[] = {
    {"GetCertificate", "", "ay", BUS_READONLY, get_certificate},
    {"GetChain", "", "aay", BUS_READONLY, get_chain},
    {"Renew", "a{sv}", "o", BUS_ACTION("enroll"), renew},
    {"Delete", "a{sv}", "o", BUS_ACTION("delete-credential"), delete_credential},
    {NULL},
};

static const struct bus_property properties[] = {
    {"Kind", "s", BUS_EMITS_CONST, get_credential, .aux = CRED_KIND},
    {"CredentialId", "s", BUS_EMITS_CONST, get_credential, .aux = CRED_CREDENTIAL_ID},
    {"Uri", "s", BUS_EMITS_CONST, get_credential, .aux = CRED_URI},
    {"Fingerprint", "s", BUS_EMITS_CONST, get_credential, .aux = CRED_FINGERPRINT},
    {"Subject", "s", BUS_EMITS_CONST, get_credential, .aux = CRED_SUBJECT},
    {"Issuer", "s", BUS_EMITS_CONST, get_credential, .aux = CRED_ISSUER},
    {"SubjectId", "s", BUS_EMITS_CONST, get_credential, .aux = CRED_SUBJECT_ID},
    {"NotBefore", "t", BUS_EMITS_CONST, get_credential, .aux = CRED_NOT_BEFORE},
    {"NotAfter", "t", BUS_EMITS_CONST, get_credential, .aux = CRED_NOT_AFTER},
    {"RenewAt", "t", BUS_EMITS_TRUE, get_credential, .aux = CRED_RENEW_AT},
    {"UsedBy", "ao", BUS_EMITS_TRUE, get_credential, .aux = CRED_USED_BY},
    {"Origin", "s", BUS_EMITS_TRUE, get_credential, .aux = CRED_ORIGIN},
    {NULL},
};

const struct bus_interface credential_interface = {
    .name = BUS_INTERFACE("Credential"), .methods = methods, .properties = properties};

/* ---- following the token ---------------------------------------------------------------------------- */

static void credential_free(struct bus_credential *c)
{
    bus_object_remove(c->object);
    free(c->name);
    free(c->what.label);
    free(c->what.cert.data);
    strv_free(c->what.owners);
    cert_info_clear(&c->info);
    free(c);
}

static char *name_of(const struct listed *l)
{
    char *name = l->kind == LISTED_KEY ? strdup(l->label) : malloc(65);

    if (name && l->kind != LISTED_KEY)
        hex_encode(l->sha256, 32, name);
    return name;
}

static struct bus_credential *credential_new(struct engine *e, const struct listed *l)
{
    static const struct bus_interface *const interfaces[] = {&credential_interface, NULL};
    struct bus_credential *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->e = e;
    c->what = (struct listed){.kind = l->kind, .id_len = l->id_len, .has_key = l->has_key};
    memcpy(c->what.id, l->id, sizeof l->id);
    memcpy(c->what.sha256, l->sha256, sizeof l->sha256);
    c->name = name_of(l);
    c->what.label = strdup(l->label);
    c->what.owners = l->owners ? strv_copy(l->owners) : NULL;
    if (l->cert.data && (c->what.cert.data = malloc(l->cert.len))) {
        memcpy(c->what.cert.data, l->cert.data, l->cert.len);
        c->what.cert.len = l->cert.len;
        (void)cert_info_copy(&l->info, &c->info);
    }
    _cleanup_(freep) char *path = c->name ? credential_path(c->name) : NULL;
    if (!c->name || !c->what.label || !path || bus_object_add(e->bus, path, interfaces, c, &c->object) < 0) {
        credential_free(c);
        return NULL;
    }
    return c;
}

static bool wanted(const struct listed *l)
{
    return l->kind == LISTED_KEY ? *l->label != '\0' : l->cert.data != NULL;
}

static void mark(struct engine *e, const struct token_listing *l)
{
    for (size_t i = 0; i < l->n; i++) {
        _cleanup_(freep) char *name = wanted(&l->item[i]) ? name_of(&l->item[i]) : NULL;
        struct bus_credential *c = name ? find(e, name) : NULL;
        if (c && c->what.kind == l->item[i].kind) {
            c->seen = true;
            strv_free(c->what.owners);
            c->what.owners = l->item[i].owners ? strv_copy(l->item[i].owners) : NULL;
            c->what.has_key = l->item[i].has_key;
        }
    }
}

void credentials_update(struct engine *e, const struct token_listing *l)
{
    for (struct bus_credential *c = e->credentials; c; c = c->next)
        c->seen = false;
    mark(e, l);
    for (struct bus_credential **at = &e->credentials; *at;) {
        struct bus_credential *c = *at;
        if (c->seen) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        credential_free(c);
    }
    for (size_t i = 0; i < l->n; i++) {
        _cleanup_(freep) char *name = wanted(&l->item[i]) ? name_of(&l->item[i]) : NULL;
        if (!name || find(e, name))
            continue;
        struct bus_credential *c = credential_new(e, &l->item[i]);
        if (!c)
            continue;
        c->next = e->credentials;
        e->credentials = c;
    }
    credentials_changed(e);
    nodes_credentials_changed(e);
    registrations_refresh(e);
    anchors_sweep(e, l);
    cert_files_tend(e);
}

void credentials_changed(struct engine *e)
{
    for (struct bus_credential *c = e->credentials; c; c = c->next)
        bus_changed(c->object, credential_interface.name, NULL);
}

void credentials_free(struct engine *e)
{
    while (e->credentials) {
        struct bus_credential *c = e->credentials;
        e->credentials = c->next;
        credential_free(c);
    }
}
