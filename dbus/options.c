/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dictionaries of options and attributes: look-ups, and the check against the table of what is allowed
 * (style-anchors D1: unknown keys are refused). Pure; the dictionary belongs to the caller. */
#include <dbus/dbus.h>
#include <errno.h>

#include "dbus/value.h"
#include "plugin/base/str.h"

const struct bus_value *bus_dict_get(const struct bus_dict *d, const char *key)
{
    for (size_t i = 0; i < d->n; i++)
        if (streq(d->item[i].key, key))
            return &d->item[i].value;
    return NULL;
}

static bool is_unsigned(const char *sig)
{
    return sig[1] == '\0' && strchr("yqut", sig[0]);
}

static bool is_signed(const char *sig)
{
    return sig[1] == '\0' && strchr("nix", sig[0]);
}

const char *bus_dict_s(const struct bus_dict *d, const char *key, const char *otherwise)
{
    const struct bus_value *v = bus_dict_get(d, key);
    return v && v->sig[1] == '\0' && strchr("sog", v->sig[0]) ? v->s : otherwise;
}

uint64_t bus_dict_u(const struct bus_dict *d, const char *key, uint64_t otherwise)
{
    const struct bus_value *v = bus_dict_get(d, key);

    if (v && is_unsigned(v->sig))
        return v->u;
    if (v && is_signed(v->sig) && v->i >= 0)
        return (uint64_t)v->i;
    return otherwise;
}

bool bus_dict_b(const struct bus_dict *d, const char *key, bool otherwise)
{
    const struct bus_value *v = bus_dict_get(d, key);
    return v && streq(v->sig, "b") ? v->u != 0 : otherwise;
}

char *const *bus_dict_strv(const struct bus_dict *d, const char *key)
{
    const struct bus_value *v = bus_dict_get(d, key);
    return v && v->sig[0] == 'a' && v->sig[1] && strchr("sog", v->sig[1]) ? v->strv : NULL;
}

static bool fits_unsigned(char type, uint64_t u)
{
    return u <= (type == 'y' ? UINT8_MAX : type == 'q' ? UINT16_MAX : type == 'u' ? UINT32_MAX : UINT64_MAX);
}

static bool fits_signed(char type, int64_t i)
{
    return type == 'n'   ? i >= INT16_MIN && i <= INT16_MAX
           : type == 'i' ? i >= INT32_MIN && i <= INT32_MAX
                         : true;
}

/* Gives an integer the type that the table wants, if the number is the same in it. */
static bool integer_as(struct bus_value *v, const char *sig)
{
    bool from_signed = is_signed(v->sig);

    if (is_unsigned(sig)) {
        uint64_t u = from_signed ? (uint64_t)v->i : v->u;
        if ((from_signed && v->i < 0) || !fits_unsigned(sig[0], u))
            return false;
        v->u = u;
    } else {
        if (!from_signed && v->u > INT64_MAX)
            return false;
        int64_t i = from_signed ? v->i : (int64_t)v->u;
        if (!fits_signed(sig[0], i))
            return false;
        v->i = i;
    }
    v->sig = sig;
    return true;
}

static bool empty_array(const struct bus_value *v)
{
    if (v->sig[0] != 'a')
        return false;
    switch (v->sig[1]) {
    case 'u':
        return v->au.n == 0;
    case 'y':
        return v->ay.len == 0;
    case '{':
        return v->dict.n == 0;
    case 'a':
        return v->dicts.n == 0;
    default:
        return !v->strv[0];
    }
}

/* 1 = it has the type now, 0 = it cannot have it, -ENOMEM. */
static int value_as(struct bus_value *v, const char *sig)
{
    if (streq(v->sig, sig)) {
        v->sig = sig;
        return 1;
    }
    if ((is_unsigned(v->sig) || is_signed(v->sig)) && (is_unsigned(sig) || is_signed(sig)))
        return integer_as(v, sig);
    if (streq(v->sig, "s") && streq(sig, "o") && dbus_validate_path(v->s, NULL)) {
        v->sig = sig;
        return 1;
    }
    if (sig[0] == 'a' && empty_array(v)) {
        struct bus_value empty = {.sig = sig};
        if (sig[1] != '\0' && strchr("sog", sig[1])) {
            empty.strv = calloc(1, sizeof *empty.strv);
            if (!empty.strv)
                return -ENOMEM;
        }
        bus_value_clear(v);
        *v = empty;
        return 1;
    }
    return 0;
}

int bus_options_check(struct bus_dict *d, const struct bus_option *allowed, struct mef_error *reterr)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct bus_option *o = allowed;
        while (o->key && !streq(o->key, d->item[i].key))
            o++;
        if (!o->key)
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS, "The key '%s' is not known here.",
                            d->item[i].key);
        const char *had = d->item[i].value.sig;
        int r = value_as(&d->item[i].value, o->sig);
        if (r < 0)
            return mef_fail(reterr, MEF_ERROR_FAILED, "There is no memory for the key '%s'.", o->key);
        if (r == 0)
            return mef_fail(reterr, MEF_ERROR_INVALID_ARGUMENTS,
                            "The key '%s' must be of type '%s', it is of type '%s'%s.", o->key, o->sig, had,
                            is_unsigned(had) || is_signed(had) ? " or out of its range" : "");
    }
    return 0;
}
