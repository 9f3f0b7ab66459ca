/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The credentials that nodes name by an attribute: symmKeyID, myCertFingerprint and certFingerprint. Of the
 * tree (loop thread) or of what the store holds of it (store thread). What processing tied to a node is not
 * named by it. */
#pragma once

#include <stdbool.h>

#include "plugin/mo/db.h"
#include "plugin/mo/tree.h"
#include "policy/fingerprint.h"

struct mo_names {
    char **keys; /* without a credential type in front */
    struct fingerprint *certs;
    size_t n_certs;
};

/* -ENOMEM and whatever the store says; then *ret is empty. */
int mo_names_of_tree(const struct mo_tree *tree, struct mo_names *ret);
int mo_names_of_store(struct sql *sql, struct mo_names *ret, struct mef_error *reterr);
bool mo_names_key(const struct mo_names *names, const char *label);
bool mo_names_cert(const struct mo_names *names, const uint8_t sha256[32]);
void mo_names_clear(struct mo_names *names);
