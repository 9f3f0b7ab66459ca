/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of mefctl that change something: add, poll, delete, process. Each subscribes to the signals
 * first, calls, and follows the job that the call answers with. Ownership: each function owns what it builds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbus/ctl/ctl.h"
#include "dbus/ctl/file.h"
#include "plugin/base/cancel.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

static int no_memory(struct ctl *c, DBusMessage *m)
{
    if (m)
        dbus_message_unref(m);
    return ctl_fail(c, CTL_FAILED, "NoMemory", "out of memory");
}

/* Reads the file of --trust-anchor: PEM text, which travels as a string. */
static int read_anchor(struct ctl *c, const char *path, char **ret)
{
    size_t n;
    int r = file_read(path, LIMIT_CERTIFICATE * LIMIT_CHAIN, ret, &n);

    if (r < 0)
        return ctl_fail(c, CTL_FAILED, "InvalidArguments", "cannot read the trust anchor '%s': %s", path,
                        r == -E2BIG ? "it is too large" : strerror(-r));
    if (!str_utf8_valid(*ret, n) || !strstr(*ret, "-----BEGIN ")) {
        free(*ret);
        *ret = NULL;
        return ctl_fail(c, CTL_FAILED, "InvalidArguments",
                        "'%s' is not PEM text; convert it with: openssl x509 -inform DER -in FILE", path);
    }
    return 0;
}

/* Options of AddMefClientRegCfg by the option that sets them. */
static const struct {
    enum ctl_option option;
    const char *key;
    int type;
} add_keys[] = {
    {OPTION_HTTP_PORT, "HttpPort", DBUS_TYPE_UINT16},
    {OPTION_COAP_PORT, "CoapPort", DBUS_TYPE_UINT16},
    {OPTION_WEBSOCKET_PORT, "WebsocketPort", DBUS_TYPE_UINT16},
    {OPTION_KPM_ID, "KpmId", DBUS_TYPE_STRING},
    {OPTION_CERT_FINGERPRINT, "CertFingerprint", DBUS_TYPE_STRING},
    {OPTION_NAME, "Name", DBUS_TYPE_STRING},
};

static bool add_options(DBusMessageIter *dict, const struct ctl_args *a, const char *anchor,
                        dbus_uint64_t expires)
{
    bool ok = true;

    for (size_t k = 0; ok && k < ELEMENTS(add_keys); k++) {
        enum ctl_option o = add_keys[k].option;
        dbus_uint16_t port = (dbus_uint16_t)a->number[o];
        if (a->given[o])
            ok = value_put(dict, add_keys[k].key, add_keys[k].type,
                           add_keys[k].type == DBUS_TYPE_UINT16 ? (const void *)&port
                                                                : (const void *)&a->text[o]);
    }
    if (ok && expires)
        ok = value_put(dict, "ExpirationTime", DBUS_TYPE_UINT64, &expires);
    if (ok && anchor)
        ok = value_put(dict, "TrustAnchor", DBUS_TYPE_STRING, &anchor);
    if (ok && a->n_labels)
        ok = value_put_list(dict, "Labels", a->labels, a->n_labels);
    return ok;
}

/* Calls `m`, whose answer is (oo) or (o): the last path is the job, the first of two the node. */
static int call_and_follow(struct ctl *c, DBusMessage *m, const char *done_text)
{
    DBusMessage *reply = NULL;
    json_t *arguments, *result;
    char *job = NULL, text[512];
    const char *node = NULL;
    size_t n;
    int r = bus_subscribe(c);

    if (r != 0) {
        dbus_message_unref(m);
        return r;
    }
    r = bus_call(c, m, &reply);
    if (r != 0)
        return r;
    arguments = value_arguments(reply);
    dbus_message_unref(reply);
    n = json_array_size(arguments);
    result = json_object();
    if (n > 0 && json_string_value(json_array_get(arguments, n - 1)))
        job = strdup(json_string_value(json_array_get(arguments, n - 1)));
    if (n > 1)
        node = json_string_value(json_array_get(arguments, 0));
    if (!job || !result || !dbus_validate_path(job, NULL)) {
        json_decref(arguments);
        json_decref(result);
        free(job);
        return ctl_fail(c, CTL_FAILED, "Failed", "the service answered with something else than a job");
    }
    if (node)
        json_object_set_new(result, "Node", json_string(node));
    snprintf(text, sizeof(text), "%s%s%s", done_text, node ? " " : "", node ? node : "");
    if (node && !c->json)
        fprintf(stderr, "%s\n", node);
    json_decref(arguments);
    r = job_follow(c, job, result, text);
    free(job);
    return r;
}

int run_add(struct ctl *c, const struct ctl_args *a)
{
    _cleanup_(freep) char *anchor = NULL;
    dbus_uint64_t expires = 0;
    DBusMessage *m;
    DBusMessageIter i, dict;
    int r;

    if (a->given[OPTION_EXPIRES]) {
        uint64_t t;
        r = parse_expires(a->text[OPTION_EXPIRES], now_realtime(), &t);
        if (r < 0)
            return ctl_fail(c, CTL_USAGE, "InvalidArguments",
                            r == -ERANGE
                                ? "--expires '%s' is not in the future"
                                : "--expires takes 2030-01-31, 20300131T235959, P30D or seconds, not '%s'",
                            a->text[OPTION_EXPIRES]);
        expires = t;
    }
    if (a->given[OPTION_TRUST_ANCHOR]) {
        r = read_anchor(c, a->text[OPTION_TRUST_ANCHOR], &anchor);
        if (r != 0)
            return r;
    }
    m = bus_method(TREE_PATH, TREE_INTERFACE, "AddMefClientRegCfg");
    if (!m)
        return no_memory(c, m);
    dbus_message_iter_init_append(m, &i);
    if (!dbus_message_iter_append_basic(&i, DBUS_TYPE_STRING, &a->word[0]) ||
        !dbus_message_iter_append_basic(&i, DBUS_TYPE_STRING, &a->word[1]) ||
        !dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "{sv}", &dict) ||
        !add_options(&dict, a, anchor, expires) || !dbus_message_iter_close_container(&i, &dict))
        return no_memory(c, m);
    return call_and_follow(c, m, "Registered:");
}

/* A method whose last argument is an empty a{sv}. */
static DBusMessage *plain_method(const char *path, const char *interface, const char *member)
{
    DBusMessage *m = bus_method(path, interface, member);
    DBusMessageIter i, dict;

    if (!m)
        return NULL;
    dbus_message_iter_init_append(m, &i);
    if (!dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "{sv}", &dict) ||
        !dbus_message_iter_close_container(&i, &dict)) {
        dbus_message_unref(m);
        return NULL;
    }
    return m;
}

int ctl_find(struct ctl *c, const char *what,
             int (*finder)(json_t *, const char *, const char **, char *, size_t), char **ret)
{
    json_t *objects = NULL;
    const char *path = NULL;
    char why[512];
    int r = bus_objects(c, &objects);

    if (r != 0)
        return r;
    r = finder(objects, what, &path, why, sizeof(why));
    if (r == 0) {
        *ret = strdup(path);
        if (!*ret)
            r = no_memory(c, NULL);
    } else
        r = ctl_fail(c, (enum ctl_exit)r, r == CTL_NOT_FOUND ? "NotFound" : "InvalidArguments", "%s", why);
    json_decref(objects);
    return r;
}

int run_poll(struct ctl *c, const struct ctl_args *a)
{
    _cleanup_(freep) char *path = NULL;
    DBusMessage *m;
    int r = ctl_find(c, a->word[0], objects_find_registration, &path);

    if (r != 0)
        return r;
    m = plain_method(path, "org.mefclient1.Registration", "Poll");
    return m ? call_and_follow(c, m, "Polled.") : no_memory(c, m);
}

int run_delete(struct ctl *c, const struct ctl_args *a)
{
    _cleanup_(freep) char *path = NULL;
    DBusMessage *m;
    int r = ctl_find(c, a->word[0], objects_find_node, &path);

    if (r != 0)
        return r;
    m = plain_method(path, "org.mefclient1.Node", "Delete");
    return m ? call_and_follow(c, m, "Deleted.") : no_memory(c, m);
}

/* KEY=VALUE into an a{sv}: decimal numbers as u, true and false as b, the rest as s. */
static bool process_argument(DBusMessageIter *dict, const char *word)
{
    const char *value = strchr(word, '=') + 1;
    _cleanup_(freep) char *key = strndup(word, (size_t)(value - 1 - word));
    dbus_bool_t yes = streq(value, "true");
    dbus_uint32_t small;
    uint64_t number;

    if (!key)
        return false;
    if (streq(value, "true") || streq(value, "false"))
        return value_put(dict, key, DBUS_TYPE_BOOLEAN, &yes);
    if (str_to_u64(value, UINT32_MAX, &number) == 0) {
        small = (dbus_uint32_t)number;
        return value_put(dict, key, DBUS_TYPE_UINT32, &small);
    }
    return value_put(dict, key, DBUS_TYPE_STRING, &value);
}

int run_process(struct ctl *c, const struct ctl_args *a)
{
    _cleanup_(freep) char *path = NULL;
    DBusMessage *m, *reply = NULL;
    DBusMessageIter i, dict;
    dbus_uint32_t code = 0;
    const char *name = "";
    bool ok;
    int r;

    for (size_t k = 1; k < a->words; k++)
        if (!strchr(a->word[k], '=') || a->word[k][0] == '=')
            return ctl_fail(c, CTL_USAGE, "InvalidArguments", "'%s' is not of the form KEY=VALUE",
                            a->word[k]);
    r = ctl_find(c, a->word[0], objects_find_node, &path);
    if (r != 0)
        return r;
    m = bus_method(path, "org.mefclient1.Node", "Process");
    if (!m)
        return no_memory(c, m);
    dbus_message_iter_init_append(m, &i);
    ok = dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "{sv}", &dict);
    for (size_t k = 1; ok && k < a->words; k++)
        ok = process_argument(&dict, a->word[k]);
    if (!ok || !dbus_message_iter_close_container(&i, &dict) ||
        !dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "{sv}", &dict) ||
        !dbus_message_iter_close_container(&i, &dict))
        return no_memory(c, m);
    r = bus_call(c, m, &reply);
    if (r != 0)
        return r;
    ok = dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &code, DBUS_TYPE_STRING, &name,
                               DBUS_TYPE_INVALID);
    if (!ok)
        r = ctl_fail(c, CTL_FAILED, "Failed", "the service answered with something else than a status");
    else if (c->json)
        r = ctl_print_json(c, json_pack("{s:I, s:s}", "Code", (json_int_t)code, "Name", name));
    else
        printf("%u %s\n", code, name);
    /* Any other word than OK is a failed operation. */
    if (ok && r == 0 && !streq(name, "OK") && !streq(name, "MEF_CLIENT_CMD_OK"))
        r = CTL_FAILED;
    dbus_message_unref(reply);
    return r;
}
