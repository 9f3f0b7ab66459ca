/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attribute dictionaries of the bus (a{sv}) as neutral input of the MO tree. Thread: the loop's. */
#pragma once

#include "dbus/value.h"
#include "plugin/mo/value.h"

struct bus_inputs {
    struct mo_input *item;
    size_t n;
    uint64_t **owned; /* widened integer lists */
    size_t n_owned;
};

/* Borrows the strings of `d`, which must outlive it. A type that no attribute takes becomes MO_INPUT_OTHER,
 * which the tree refuses by name. -ENOMEM. */
int bus_inputs_make(const struct bus_dict *d, struct bus_inputs *ret);
void bus_inputs_clear(struct bus_inputs *in);
