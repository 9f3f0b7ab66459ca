/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which DM client serves which protocol: [dm-client NAME] of the configuration, else the ones that belong to
 * this project if they are installed. Pure; thread: any. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/str.h"
#include "plugin/dm/internal.h"
#include "policy/status.h"

static const struct dm_client built_in[] = {
    {DEV_MGMT_LWM2M, "LwM2M", "org.mefclient1.dm.LwM2M", true},
    {DEV_MGMT_OMA_DM_1_3, "OmaDm", "org.mefclient1.dm.OmaDm", true},
};

/* "NAME.key=value"; NAME may hold dots. */
struct pair {
    const char *name, *key, *value;
    size_t name_len, key_len;
};

static bool split(const char *text, struct pair *ret)
{
    const char *equals = strchr(text, '='), *dot = NULL;

    for (const char *s = text; equals && s < equals; s++)
        if (*s == '.')
            dot = s;
    if (!dot)
        return false;
    *ret = (struct pair){text, dot + 1, equals + 1, (size_t)(dot - text), (size_t)(equals - dot - 1)};
    return true;
}

static bool key_is(const struct pair *p, const char *key)
{
    return p->key_len == strlen(key) && memcmp(p->key, key, p->key_len) == 0;
}

/* A well-known name by the D-Bus specification: two elements at least, none of which begins with a digit. */
static bool bus_name_valid(const char *s)
{
    bool begins = true;
    unsigned dots = 0;
    size_t len = strlen(s);

    if (len > DM_CLIENT_NAME_MAX)
        return false;
    for (; *s; s++) {
        bool digit = *s >= '0' && *s <= '9';
        bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_' || *s == '-';
        if (*s == '.' ? begins : !letter && (!digit || begins))
            return false;
        dots += *s == '.';
        begins = *s == '.';
    }
    return dots > 0 && !begins;
}

static uint32_t protocol_of(const char *value)
{
    return strlen(value) == 1 && value[0] >= '1' && value[0] <= '4' ? (uint32_t)(value[0] - '0') : 0;
}

/* All of the section that pair `p` belongs to; a later value beats an earlier one. */
static void gather(char *const *clients, const struct pair *p, struct dm_client *ret)
{
    struct dm_client c = {0};
    struct pair q;

    (void)snprintf(c.name, sizeof c.name, "%.*s", (int)(p->name_len < 63 ? p->name_len : 63), p->name);
    for (; *clients; clients++) {
        if (!split(*clients, &q) || q.name_len != p->name_len || memcmp(q.name, p->name, p->name_len) != 0)
            continue;
        if (key_is(&q, "protocol"))
            c.protocol = protocol_of(q.value);
        else if (key_is(&q, "bus-name") && bus_name_valid(q.value))
            (void)snprintf(c.bus_name, sizeof c.bus_name, "%s", q.value);
        else if (key_is(&q, "bus-name"))
            c.bus_name[0] = '\0';
    }
    *ret = c;
}

int dm_clients_check(char *const *clients, const struct event_sink *warn, struct mef_error *reterr)
{
    struct dm_client c;
    struct pair p;

    for (char *const *at = clients; at && *at; at++) {
        if (!split(*at, &p))
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "[dm-client]: '%s' is no key", *at);
        if (!key_is(&p, "protocol") && !key_is(&p, "bus-name") && !key_is(&p, "root"))
            event_emit(warn, &(struct event){.id = EVENT_CONFIG_WARNING},
                       "[dm-client %.*s] %.*s: no such key, ignored", (int)p.name_len, p.name, (int)p.key_len,
                       p.key);
        gather(clients, &p, &c);
        if (!c.protocol)
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "[dm-client %s] protocol: it must be 1, 2, 3 or 4", c.name);
        if (!c.bus_name[0])
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "[dm-client %s] bus-name: it must be a well-known bus name", c.name);
    }
    return 0;
}

static bool is_last(char *const *later, const struct pair *p)
{
    struct pair q;

    for (; *later; later++)
        if (split(*later, &q) && q.name_len == p->name_len && q.key_len == p->key_len &&
            memcmp(q.name, p->name, p->name_len + 1 + p->key_len) == 0)
            return false;
    return true;
}

int dm_clients_roots(char *const *clients, char ***ret_mounts, char ***ret_prefixes)
{
    struct pair p;

    for (char *const *at = clients; at && *at; at++)
        if (split(*at, &p) && key_is(&p, "root") && is_last(at + 1, &p) &&
            strv_push(strncmp(p.value, "./", 2) == 0 ? ret_mounts : ret_prefixes, p.value) < 0)
            return -ENOMEM;
    return 0;
}

bool dm_client_find(char *const *clients, uint32_t protocol, struct dm_client *ret)
{
    struct pair p;

    for (char *const *at = clients; at && *at; at++) {
        if (!split(*at, &p))
            continue;
        gather(clients, &p, ret);
        if (ret->protocol == protocol && ret->bus_name[0])
            return true;
    }
    for (size_t i = 0; i < ELEMENTS(built_in); i++)
        if (built_in[i].protocol == protocol) {
            *ret = built_in[i];
            return true;
        }
    return false;
}
