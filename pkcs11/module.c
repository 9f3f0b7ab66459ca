/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which module, which slot: loading through p11-kit (managed modules, so that C_Initialize is counted and
 * shared with the host) and matching the URI of RFC 7512. Slot numbers are never used: tokens renumber them.
 * Ownership: the token object owns the list of modules. Thread: the owner of the session. */
#include "pkcs11/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pkcs11/ckr.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

#define SLOTS_MAX      256u
#define MECHANISMS_MAX 512u

void token_trim(const unsigned char *field, size_t len, char *dst, size_t room)
{
    while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == 0))
        len--;
    if (len >= room)
        len = room - 1;
    memcpy(dst, field, len);
    dst[len] = 0;
    str_make_printable(dst);
}

/* "file:/path" or "/path"; commands and relative paths are not ours. */
static int take_pin_source(struct token *t, const char *source, struct mef_error *reterr)
{
    const char *path = source;

    if (strncmp(path, "file:", 5) == 0) {
        path += 5;
        if (strncmp(path, "//", 2) == 0)
            path += strncmp(path, "//localhost/", 12) == 0 ? 11 : 2;
    }
    if (path[0] != '/')
        return mef_fail(
            reterr, MEF_ERROR_INVALID_ARGUMENTS,
            "the token URI has the pin-source '%s': only an absolute path or file: with one can be used",
            source);
    if (t->pin_file)
        return 0;
    t->pin_file = strdup(path);
    t->pin_origin = PIN_URI;
    return t->pin_file ? 0 : -ENOMEM;
}

int token_parse_uri(struct token *t, struct mef_error *reterr)
{
    CK_ULONG attributes = 0;
    int r;

    if (strlen(t->uri_text) > LIMIT_URI)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "the token URI is longer than %u octets",
                        LIMIT_URI);
    t->uri = p11_kit_uri_new();
    if (!t->uri)
        return -ENOMEM;
    r = p11_kit_uri_parse(t->uri_text, P11_KIT_URI_FOR_ANY, t->uri);
    /* Before anything that prints the URI: it may hold a PIN. */
    if (strstr(t->uri_text, "pin-value"))
        return mef_fail(
            reterr, MEF_ERROR_INVALID_ARGUMENTS,
            "the token URI has a pin-value: a PIN does not belong into a configuration; put it into a "
            "file and use pin-file, pin-source or a systemd credential");
    if (r == P11_KIT_URI_NO_MEMORY)
        return -ENOMEM;
    if (r != P11_KIT_URI_OK)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "'%s' is no pkcs11: URI of RFC 7512, as pkcs11:token=LABEL is", t->uri_text);
    if (p11_kit_uri_any_unrecognized(t->uri))
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "the token URI '%s' has an attribute that is not known: take it out", t->uri_text);
    if (p11_kit_uri_get_slot_id(t->uri) != (CK_SLOT_ID)-1)
        return mef_fail(
            reterr, MEF_ERROR_INVALID_ARGUMENTS,
            "the token URI '%s' names a slot number: they change; name the token (token=, serial=)",
            t->uri_text);
    if (p11_kit_uri_get_attributes(t->uri, &attributes) && attributes > 0)
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "the token URI '%s' names an object: leave out object=, type= and id=", t->uri_text);
    if (p11_kit_uri_get_pin_source(t->uri))
        return take_pin_source(t, p11_kit_uri_get_pin_source(t->uri), reterr);
    return 0;
}

/* The path of the one module; NULL: those of p11-kit's configuration. */
static const char *single_module(const struct token *t)
{
    return t->module_path ? t->module_path : p11_kit_uri_get_module_path(t->uri);
}

static int load_one(struct token *t, const char *path, struct mef_error *reterr)
{
    CK_FUNCTION_LIST **list = calloc(2, sizeof *list);
    char name[32];
    CK_RV rv;

    if (!list)
        return -ENOMEM;
    list[0] = p11_kit_module_load(path, 0);
    if (!list[0]) {
        free(list);
        return mef_fail(
            reterr, MEF_ERROR_TOKEN_UNAVAILABLE,
            "the PKCS#11 module '%s' cannot be loaded: is the path right and the package installed?", path);
    }
    rv = p11_kit_module_initialize(list[0]);
    if (rv != CKR_OK) {
        p11_kit_module_release(list[0]);
        free(list);
        return mef_fail(reterr, MEF_ERROR_TOKEN_UNAVAILABLE, "module '%s': C_Initialize failed with %s", path,
                        token_ckr_name(rv, name));
    }
    t->modules = list;
    return 0;
}

int token_load_modules(struct token *t, struct mef_error *reterr)
{
    const char *path = single_module(t);

    if (t->modules)
        return 0;
    t->stale = false;
    if (path)
        return load_one(t, path, reterr);
    t->modules = p11_kit_modules_load_and_initialize(0);
    if (!t->modules)
        return mef_fail(
            reterr, MEF_ERROR_TOKEN_UNAVAILABLE,
            "p11-kit cannot load its modules: see 'p11-kit list-modules', or set [token] module=");
    return 0;
}

void token_restart_modules(struct token *t)
{
    CK_RV rv;

    if (!t->modules)
        return;
    t->f = NULL;
    if (single_module(t)) {
        (void)p11_kit_module_finalize(t->modules[0]);
        rv = p11_kit_module_initialize(t->modules[0]);
        if (rv != CKR_OK) { /* as load_one() leaves it: released, loaded anew next time */
            p11_kit_module_release(t->modules[0]);
            free(t->modules);
            t->modules = NULL;
        }
    } else {
        (void)p11_kit_modules_finalize(t->modules);
        /* Takes the modules that fail out of the list and releases them. */
        (void)p11_kit_modules_initialize(t->modules, (p11_kit_destroyer)p11_kit_module_release);
    }
}

void token_unload_modules(struct token *t)
{
    if (!t->modules)
        return;
    if (single_module(t)) {
        (void)p11_kit_module_finalize(t->modules[0]);
        p11_kit_module_release(t->modules[0]);
        free(t->modules);
    } else {
        p11_kit_modules_finalize_and_release(t->modules);
    }
    t->modules = NULL;
    t->f = NULL;
}

/* What one scan of all slots found. */
struct found {
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slot;
    CK_TOKEN_INFO token;
    unsigned matches, blank, tokens;
    CK_RV rv; /* of a module that did not answer */
};

static bool same_token(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
    return memcmp(a->label, b->label, sizeof a->label) == 0 &&
           memcmp(a->serialNumber, b->serialNumber, sizeof a->serialNumber) == 0 &&
           memcmp(a->manufacturerID, b->manufacturerID, sizeof a->manufacturerID) == 0 &&
           memcmp(a->model, b->model, sizeof a->model) == 0;
}

/* A URI that says nothing of the token: then one that needs no login, a trust store say, is not meant. */
static bool names_no_token(struct token *t)
{
    const CK_TOKEN_INFO *wanted = p11_kit_uri_get_token_info(t->uri);

    return !wanted->label[0] && !wanted->serialNumber[0] && !wanted->manufacturerID[0] && !wanted->model[0];
}

static void scan_slot(struct token *t, CK_FUNCTION_LIST *f, CK_SLOT_ID slot, struct found *found)
{
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO info;

    if (f->C_GetSlotInfo(slot, &slot_info) != CKR_OK || !p11_kit_uri_match_slot_info(t->uri, &slot_info) ||
        f->C_GetTokenInfo(slot, &info) != CKR_OK)
        return;
    found->tokens++;
    if (!p11_kit_uri_match_token_info(t->uri, &info))
        return;
    if (!(info.flags & CKF_TOKEN_INITIALIZED)) {
        found->blank++;
        return;
    }
    if (!(info.flags & CKF_LOGIN_REQUIRED) && names_no_token(t))
        return;
    /* Two modules may show one and the same token. */
    if (found->matches && same_token(&found->token, &info))
        return;
    if (found->matches++)
        return;
    found->f = f;
    found->slot = slot;
    found->token = info;
}

static int scan(struct token *t, struct found *found)
{
    const char *name = p11_kit_uri_get_module_name(t->uri);

    *found = (struct found){.rv = CKR_OK};
    for (size_t i = 0; t->modules[i]; i++) {
        CK_FUNCTION_LIST *f = t->modules[i];
        CK_ULONG n = 0, room;
        CK_INFO info;

        if (name && !t->module_path) {
            _cleanup_(freep) char *own = p11_kit_module_get_name(f);
            if (!own || !streq(own, name))
                continue;
        }
        if (f->C_GetInfo(&info) != CKR_OK || !p11_kit_uri_match_module_info(t->uri, &info))
            continue;
        /* Asking for the number first is what makes some modules look at their readers. */
        CK_RV rv = f->C_GetSlotList(CK_TRUE, NULL, &n);
        if (rv != CKR_OK) {
            found->rv = rv;
            continue;
        }
        room = (n < SLOTS_MAX ? n : SLOTS_MAX) + 8;
        _cleanup_(freep) CK_SLOT_ID *slots = calloc(room, sizeof *slots);
        if (!slots)
            return -ENOMEM;
        n = room;
        rv = f->C_GetSlotList(CK_TRUE, slots, &n);
        if (rv != CKR_OK) {
            found->rv = rv;
            continue;
        }
        for (CK_ULONG k = 0; k < n && k < room; k++)
            scan_slot(t, f, slots[k], found);
    }
    return 0;
}

static char **read_mechanisms(CK_FUNCTION_LIST *f, CK_SLOT_ID slot)
{
    CK_MECHANISM_TYPE list[MECHANISMS_MAX];
    CK_ULONG n = MECHANISMS_MAX;
    char **names = calloc(1, sizeof *names);
    char hex[32];

    if (!names || f->C_GetMechanismList(slot, list, &n) != CKR_OK)
        return names;
    for (CK_ULONG i = 0; i < n && i < MECHANISMS_MAX; i++) {
        const char *name = ckm_name(list[i]);
        (void)snprintf(hex, sizeof hex, "0x%08lx", list[i]);
        if (strv_push(&names, name ? name : hex) < 0)
            break;
    }
    return names;
}

/* The URI that names this token and nothing else: four attributes, no PIN. */
static char *format_uri(const CK_TOKEN_INFO *info)
{
    P11KitUri *uri = p11_kit_uri_new();
    char *text = NULL;

    if (!uri)
        return NULL;
    CK_TOKEN_INFO *to = p11_kit_uri_get_token_info(uri);
    memcpy(to->label, info->label, sizeof to->label);
    memcpy(to->manufacturerID, info->manufacturerID, sizeof to->manufacturerID);
    memcpy(to->model, info->model, sizeof to->model);
    memcpy(to->serialNumber, info->serialNumber, sizeof to->serialNumber);
    if (p11_kit_uri_format(uri, P11_KIT_URI_FOR_TOKEN, &text) != P11_KIT_URI_OK)
        text = NULL;
    p11_kit_uri_free(uri);
    return text;
}

static int remember(struct token *t, const struct found *found)
{
    struct token_info fresh = {.free_objects = -1};
    char label[33], manufacturer[33], model[17];

    t->f = found->f;
    t->slot = found->slot;
    t->token = found->token;
    token_trim(t->token.label, sizeof t->token.label, label, sizeof label);
    token_trim(t->token.manufacturerID, sizeof t->token.manufacturerID, manufacturer, sizeof manufacturer);
    token_trim(t->token.model, sizeof t->token.model, model, sizeof model);
    token_trim(t->token.serialNumber, sizeof t->token.serialNumber, t->serial, sizeof t->serial);
    memcpy(t->name, label, sizeof t->name);
    fresh.label = strdup(label);
    fresh.manufacturer = strdup(manufacturer);
    fresh.model = strdup(model);
    fresh.serial = strdup(t->serial);
    fresh.uri = format_uri(&t->token);
    fresh.mechanisms = read_mechanisms(t->f, t->slot);
    if (!fresh.label || !fresh.manufacturer || !fresh.model || !fresh.serial || !fresh.uri ||
        !fresh.mechanisms) {
        token_info_clear(&fresh);
        return -ENOMEM;
    }
    pthread_mutex_lock(&t->info_lock);
    fresh.state = t->info.state;
    fresh.last = t->info.last;
    fresh.read_only = t->info.read_only;
    struct token_info old = t->info;
    t->info = fresh;
    pthread_mutex_unlock(&t->info_lock);
    token_info_clear(&old);
    return 0;
}

int token_find_slot(struct token *t, struct mef_error *reterr)
{
    struct found found;
    char name[32];
    int r = scan(t, &found);

    if (r < 0)
        return r;
    if (found.matches == 1)
        return remember(t, &found);
    t->stale = true;
    if (found.matches > 1)
        return mef_fail(reterr, MEF_ERROR_TOKEN_UNAVAILABLE,
                        "%u tokens fit the URI '%s': make it narrower, with serial= or manufacturer=",
                        found.matches, t->uri_text);
    if (found.blank)
        return mef_fail(
            reterr, MEF_ERROR_TOKEN_UNAVAILABLE,
            "the token that fits the URI '%s' is not initialized: initialize it and set a user PIN",
            t->uri_text);
    if (found.rv != CKR_OK)
        return mef_fail(reterr, MEF_ERROR_TOKEN_UNAVAILABLE,
                        "no token fits the URI '%s' and a module failed in C_GetSlotList with %s",
                        t->uri_text, token_ckr_name(found.rv, name));
    return mef_fail(
        reterr, MEF_ERROR_TOKEN_UNAVAILABLE,
        "no token fits the URI '%s' (%u other tokens are there): insert it, or see 'p11tool --list-tokens'",
        t->uri_text, found.tokens);
}
