/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration of a registration as a value, and as the JSON text that a tombstone keeps
 * (mo-tree.md 4.3). Thread: any. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/limits.h"
#include "plugin/base/json-scan.h"
#include "plugin/base/str.h"
#include "plugin/mef/client.h"

void mef_reg_config_clear(struct mef_reg_config *c)
{
    free(c->node);
    free(c->fqdn);
    free(c->admin_fqdn);
    free(c->key_id);
    strv_free(c->labels);
    der_list_clear(&c->anchors);
    *c = (struct mef_reg_config){0};
}

static int copy_string(const char *from, char **to)
{
    *to = from ? strdup(from) : NULL;
    return from && !*to ? -ENOMEM : 0;
}

int mef_reg_config_copy(const struct mef_reg_config *from, struct mef_reg_config *to)
{
    struct mef_reg_config copy = *from;

    copy.node = copy.fqdn = copy.admin_fqdn = copy.key_id = NULL;
    copy.labels = NULL;
    copy.anchors = (struct der_list){0};
    if (copy_string(from->node, &copy.node) < 0 || copy_string(from->fqdn, &copy.fqdn) < 0 ||
        copy_string(from->admin_fqdn, &copy.admin_fqdn) < 0 || copy_string(from->key_id, &copy.key_id) < 0 ||
        (from->labels && !(copy.labels = strv_copy(from->labels))) ||
        der_list_copy(&from->anchors, &copy.anchors) < 0) {
        mef_reg_config_clear(&copy);
        return -ENOMEM;
    }
    *to = copy;
    return 0;
}

/* Members that are absent stay absent; -1 when out of memory. */
static int put_string(json_t *o, const char *key, const char *value)
{
    return value ? json_object_set_new(o, key, json_string(value)) : 0;
}

static int put_lists(json_t *o, const struct mef_reg_config *c)
{
    json_t *labels = json_array(), *anchors = json_array();
    int r = 0;

    for (size_t i = 0; c->labels && c->labels[i]; i++)
        r |= json_array_append_new(labels, json_string(c->labels[i]));
    for (size_t i = 0; i < c->anchors.n; i++) {
        _cleanup_(freep) char *text = base64_encode(c->anchors.item[i].data, c->anchors.item[i].len);
        r |= json_array_append_new(anchors, text ? json_string(text) : NULL);
    }
    r |= json_object_set_new(o, "labels", labels);
    r |= json_object_set_new(o, "anchors", anchors);
    return r;
}

char *mef_reg_config_to_json(const struct mef_reg_config *c)
{
    json_t *o = json_object();
    char hex[2 * sizeof c->cert_sha256 + 1];
    char *text = NULL;

    hex_encode(c->cert_sha256, sizeof c->cert_sha256, hex);
    if (o && put_string(o, "node", c->node) == 0 && put_string(o, "fqdn", c->fqdn) == 0 &&
        put_string(o, "adminFQDN", c->admin_fqdn) == 0 && put_string(o, "keyID", c->key_id) == 0 &&
        json_object_set_new(o, "httpPort", json_integer(c->http_port)) == 0 &&
        json_object_set_new(o, "coapPort", json_integer(c->coap_port)) == 0 &&
        json_object_set_new(o, "websocketPort", json_integer(c->websocket_port)) == 0 &&
        json_object_set_new(o, "expirationTime", json_integer(c->expires)) == 0 &&
        json_object_set_new(o, "credential", json_integer(c->credential)) == 0 &&
        json_object_set_new(o, "maf", json_boolean(c->maf)) == 0 &&
        json_object_set_new(o, "halfKey", json_boolean(c->half_key)) == 0 &&
        json_object_set_new(o, "fingerprintLength", json_integer((json_int_t)c->cert_prefix_len)) == 0 &&
        put_string(o, "fingerprint", hex) == 0 && put_lists(o, c) == 0 &&
        (!c->report_first || json_object_set_new(o, "reportFirst", json_true()) == 0))
        text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}

static int get_string(const json_t *o, const char *key, char **ret)
{
    const json_t *v = json_object_get(o, key);

    if (!v)
        return 0;
    if (!json_is_string(v))
        return -EINVAL;
    *ret = strdup(json_string_value(v));
    return *ret ? 0 : -ENOMEM;
}

static int get_number(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return -EINVAL;
    *ret = json_integer_value(v);
    return 0;
}

static int get_lists(const json_t *o, struct mef_reg_config *c)
{
    const json_t *labels = json_object_get(o, "labels"), *anchors = json_object_get(o, "anchors");

    for (size_t i = 0; i < json_array_size(labels); i++) {
        const char *s = json_string_value(json_array_get(labels, i));
        int r = s ? strv_push(&c->labels, s) : -EINVAL;
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < json_array_size(anchors); i++) {
        const char *s = json_string_value(json_array_get(anchors, i));
        _cleanup_(freep) uint8_t *der = NULL;
        size_t len;
        int r = s ? base64_decode(s, strlen(s), &der, &len) : -EINVAL;
        if (r >= 0)
            r = der_list_add(&c->anchors, der, len);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_config(const json_t *o, struct mef_reg_config *c)
{
    int64_t http, coap, ws, kind, prefix;
    size_t len = sizeof c->cert_sha256;
    _cleanup_(freep) char *hex = NULL;
    int r;

    if ((r = get_string(o, "node", &c->node)) < 0 || (r = get_string(o, "fqdn", &c->fqdn)) < 0 ||
        (r = get_string(o, "adminFQDN", &c->admin_fqdn)) < 0 ||
        (r = get_string(o, "keyID", &c->key_id)) < 0 || (r = get_string(o, "fingerprint", &hex)) < 0 ||
        (r = get_number(o, "httpPort", 0, UINT16_MAX, &http)) < 0 ||
        (r = get_number(o, "coapPort", 0, UINT16_MAX, &coap)) < 0 ||
        (r = get_number(o, "websocketPort", 0, UINT16_MAX, &ws)) < 0 ||
        (r = get_number(o, "expirationTime", INT64_MIN, INT64_MAX, &c->expires)) < 0 ||
        (r = get_number(o, "credential", 0, CREDENTIAL_CERT, &kind)) < 0 ||
        (r = get_number(o, "fingerprintLength", 0, (int64_t)len, &prefix)) < 0 || (r = get_lists(o, c)) < 0)
        return r;
    if (!c->node || !c->fqdn || !c->admin_fqdn || !hex ||
        hex_decode(hex, strlen(hex), c->cert_sha256, &len) < 0 || len != sizeof c->cert_sha256)
        return -EINVAL;
    c->http_port = (uint16_t)http;
    c->coap_port = (uint16_t)coap;
    c->websocket_port = (uint16_t)ws;
    c->credential = (enum credential_kind)kind;
    c->maf = json_is_true(json_object_get(o, "maf")); /* absent in what an earlier version wrote: of a MEF */
    c->half_key = json_is_true(json_object_get(o, "halfKey"));
    c->report_first = json_is_true(json_object_get(o, "reportFirst"));
    c->cert_prefix_len = (size_t)prefix;
    return 0;
}

int mef_reg_config_from_json(const char *json, struct mef_reg_config *ret, struct mef_error *reterr)
{
    struct mef_reg_config c = {0};
    json_t *o = NULL;
    int r = json_scan(json, strlen(json), LIMIT_IMPORT, LIMIT_JSON_DEPTH);

    if (r >= 0) {
        o = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
        r = json_is_object(o) ? read_config(o, &c) : -EINVAL;
    }
    json_decref(o);
    if (r == -ENOMEM) {
        mef_reg_config_clear(&c);
        return r;
    }
    if (r < 0) {
        mef_reg_config_clear(&c);
        return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                        "The stored configuration of a registration cannot be read.");
    }
    *ret = c;
    return 0;
}
