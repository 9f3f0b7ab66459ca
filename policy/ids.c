/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identifiers with a syntax of their own (mef-protocol.md 1.8, 4.4, 4.7). Pure; thread: any. */
#include "policy/ids.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/cleanup.h"
#include "plugin/base/str.h"
#include "policy/fqdn.h"
#include "policy/uri.h"

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
}

/* The first `n` octets are 1..max of [A-Za-z0-9._-]. */
static bool word_valid(const char *s, size_t n, size_t max)
{
    if (n < 1 || n > max)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_word(s[i]))
            return false;
    return true;
}

bool resource_id_valid(const char *s)
{
    return s && is_alnum(s[0]) && word_valid(s, strnlen(s, LIMIT_RESOURCE_ID + 1), LIMIT_RESOURCE_ID);
}

bool relative_key_id_valid(const char *s)
{
    return s && word_valid(s, strnlen(s, LIMIT_RESOURCE_ID + 1), LIMIT_RESOURCE_ID);
}

bool node_name_valid(const char *s)
{
    return s && is_alnum(s[0]) && word_valid(s, strnlen(s, LIMIT_NODE_NAME + 1), LIMIT_NODE_NAME);
}

const char *key_id_fqdn(const char *s)
{
    char fqdn[LIMIT_FQDN + 1];
    const char *at = s ? strchr(s, '@') : NULL;
    size_t n;

    if (!at || !word_valid(s, (size_t)(at - s), LIMIT_RESOURCE_ID))
        return NULL;
    n = strlen(at + 1);
    if (n < 1 || at[n] == '.' || fqdn_normalize_host(at + 1, n, fqdn) < 0)
        return NULL;
    return at + 1;
}

bool key_id_valid(const char *s)
{
    return key_id_fqdn(s) != NULL;
}

bool key_id_equal(const char *a, const char *b)
{
    return a && b && str_ieq(a, b);
}

bool kpm_id_valid(const char *s)
{
    size_t n = s ? strnlen(s, LIMIT_PSK_IDENTITY + 1) : 0;

    if (n < 1 || n > LIMIT_PSK_IDENTITY)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] < 0x20 || s[i] > 0x7e)
            return false;
    return true;
}

static bool has_type_prefix(const char *s)
{
    return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' && s[2] == '-';
}

const char *key_id_strip_type(const char *s)
{
    return has_type_prefix(s) && strchr(s + 3, '@') ? s + 3 : s;
}

bool symm_key_id_valid(const char *s)
{
    if (!s)
        return false;
    if (key_id_valid(s))
        return true;
    /* The prefix does not count against the 128 octets of the identifier. */
    return has_type_prefix(s) && s[0] == '1' && s[1] <= '6' && key_id_valid(s + 3);
}

bool cmd_id_valid(const char *s, size_t len)
{
    return s && len >= 1 && len <= LIMIT_CMD_ID && str_text_valid(s, len);
}

const char *cred_type_name(uint32_t type_id)
{
    static const struct {
        uint32_t id;
        const char *name;
    } types[] = {
        {10, "symmetric key for a MEF (KpmID)"},
        {11, "symmetric key for a MAF (KmID)"},
        {12, "symmetric key for SAEF"},
        {13, "symmetric key for ESPrim"},
        {14, "symmetric key for ESData encryption"},
        {15, "symmetric key for ESData key wrapping"},
        {16, "symmetric key for ESData HMAC"},
        {30, "raw public key in TLS"},
        {31, "Device certificate in TLS"},
        {32, "CSE-ID certificate in TLS"},
        {33, "AE-ID certificate in TLS"},
        {34, "Node-ID certificate in TLS"},
        {41, "raw public key for ESData encryption"},
        {42, "Device certificate for ESData encryption"},
        {43, "CSE-ID certificate for ESData encryption"},
        {44, "AE-ID certificate for ESData encryption"},
        {45, "Node-ID certificate for ESData encryption"},
        {51, "raw public key for ESData signature"},
        {52, "Device certificate for ESData signature"},
        {53, "CSE-ID certificate for ESData signature"},
        {54, "AE-ID certificate for ESData signature"},
        {55, "Node-ID certificate for ESData signature"},
    };
    for (size_t i = 0; i < ELEMENTS(types); i++)
        if (types[i].id == type_id)
            return types[i].name;
    return NULL;
}

int credential_id_split(const char *s, uint32_t *ret_type, const char **ret_value)
{
    uint32_t type;
    size_t n;

    if (!s || !has_type_prefix(s))
        return -EINVAL;
    type = (uint32_t)(s[0] - '0') * 10 + (uint32_t)(s[1] - '0');
    if (!cred_type_name(type))
        return -EINVAL;
    n = strnlen(s + 3, LIMIT_M2M_ID + 1);
    if (n < 1 || n > LIMIT_M2M_ID)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        if (!is_word(s[3 + i]) && s[3 + i] != '@')
            return -EINVAL;
    *ret_type = type;
    *ret_value = s + 3;
    return 0;
}

int credential_id_format(uint32_t type, const char *value, char ret[CREDENTIAL_ID_MAX])
{
    char text[CREDENTIAL_ID_MAX];
    const char *v;
    uint32_t t;
    int n;

    if (!value || !cred_type_name(type))
        return -EINVAL;
    n = snprintf(text, sizeof(text), "%" PRIu32 "-%s", type, value);
    if (n < 0 || (size_t)n >= sizeof(text) || credential_id_split(text, &t, &v) < 0)
        return -EINVAL;
    memcpy(ret, text, (size_t)n + 1);
    return 0;
}

int device_config_uri_split(const char *s, uint32_t *ret_id, const char **ret_uri)
{
    const char *colon = s ? strchr(s, ':') : NULL;
    char number[12];
    struct uri uri;
    uint64_t id;
    size_t n;

    if (!colon)
        return -EINVAL;
    n = (size_t)(colon - s);
    if (n < 1 || n >= sizeof(number))
        return -EINVAL;
    memcpy(number, s, n);
    number[n] = '\0';
    if (str_to_u64(number, UINT32_MAX, &id) < 0 || uri_parse(colon + 1, &uri) < 0)
        return -EINVAL;
    *ret_id = (uint32_t)id;
    *ret_uri = colon + 1;
    return 0;
}

char *device_config_uri_format(uint32_t id, const char *uri)
{
    char *text;
    return asprintf(&text, "%" PRIu32 ":%s", id, uri) < 0 ? NULL : text;
}
