/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Octets that must not outlive their use: kept out of core dumps and (where the limit allows) out of swap,
 * wiped when freed. Never copied into another kind of buffer, never printed. Thread: its owner's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "plugin/base/cleanup.h"

struct secret {
    uint8_t *data; /* own pages */
    size_t len;    /* octets in use; may be lowered by the owner */
    size_t room;
};

/* Zeroed room for `len` octets (1..65536). -ENOMEM, -EINVAL. */
int secret_new(size_t len, struct secret **ret);
int secret_copy(const void *data, size_t len, struct secret **ret);
void secret_free(struct secret *s); /* wipes; NULL is fine */
DEFINE_CLEANUP(struct secret *, secret_free)
