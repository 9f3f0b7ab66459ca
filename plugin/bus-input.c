/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/bus-input.h"

#include <errno.h>
#include <string.h>

#include "plugin/base/str.h"

static int widen(struct bus_inputs *in, const struct bus_value *v, struct mo_input *to)
{
    uint64_t *list = calloc(v->au.n + 1, sizeof *list);
    uint64_t **owned = reallocarray(in->owned, in->n_owned + 1, sizeof *owned);

    if (owned)
        in->owned = owned;
    if (!list || !owned) {
        free(list);
        return -ENOMEM;
    }
    for (size_t i = 0; i < v->au.n; i++)
        list[i] = v->au.item[i];
    owned[in->n_owned++] = list;
    to->kind = MO_INPUT_UINTS;
    to->uints = list;
    to->n = v->au.n;
    return 0;
}

static int convert(struct bus_inputs *in, const struct bus_value *v, struct mo_input *to)
{
    if (strchr("sog", v->sig[0]) && !v->sig[1]) {
        to->kind = MO_INPUT_STRING;
        to->string = v->s;
    } else if (strchr("yqut", v->sig[0]) && !v->sig[1]) {
        to->kind = MO_INPUT_UINT;
        to->uint = v->u;
    } else if (strchr("nix", v->sig[0]) && !v->sig[1] && v->i >= 0) {
        to->kind = MO_INPUT_UINT;
        to->uint = (uint64_t)v->i;
    } else if (streq(v->sig, "b")) {
        to->kind = MO_INPUT_BOOL;
        to->uint = v->u;
    } else if (streq(v->sig, "as") || streq(v->sig, "ao")) {
        to->kind = MO_INPUT_STRINGS;
        to->strings = v->strv;
        to->n = strv_len(v->strv);
    } else if (streq(v->sig, "au")) {
        return widen(in, v, to);
    } else {
        to->kind = MO_INPUT_OTHER;
    }
    return 0;
}

int bus_inputs_make(const struct bus_dict *d, struct bus_inputs *ret)
{
    struct bus_inputs in = {.item = calloc(d->n + 1, sizeof *in.item), .n = d->n};

    if (!in.item)
        return -ENOMEM;
    for (size_t i = 0; i < d->n; i++) {
        in.item[i].name = d->item[i].key;
        if (convert(&in, &d->item[i].value, &in.item[i]) < 0) {
            bus_inputs_clear(&in);
            return -ENOMEM;
        }
    }
    *ret = in;
    return 0;
}

void bus_inputs_clear(struct bus_inputs *in)
{
    for (size_t i = 0; i < in->n_owned; i++)
        free(in->owned[i]);
    free(in->owned);
    free(in->item);
    *in = (struct bus_inputs){0};
}
