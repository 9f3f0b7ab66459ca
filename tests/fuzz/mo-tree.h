/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree without a database, for fuzz targets: what passes validation becomes the tree at once. */
#pragma once

#include "plugin/base/str.h"
#include "plugin/mo/internal.h"
#include "tests/fuzz/fuzz.h"

/* Imports into `tree`; the number of changes, or -1 when it was refused. */
static inline int fuzz_import(struct mo_tree *tree, const char *text, size_t len)
{
    struct mo_tx *tx = NULL;
    struct mo_diff *diff = NULL;
    struct mo_set after;
    struct mef_error err = {0};
    int n = -1;

    FUZZ_CHECK(mo_tx_begin(tree, MO_ORIGIN_LOCAL, NULL, &tx, NULL) == 0);
    if (mo_tx_import(tx, text, len, &err) == 0 && mo_tx_finish(tx, &after, &err) == 0) {
        FUZZ_CHECK(mo_diff_make(tx, &tree->now, &after, &diff) == 0);
        n = (int)diff->n;
        mo_diff_free(diff);
        mo_set_clear(&tree->now);
        tree->now = after;
        tree->generation++;
        if (tx->extra) {
            json_decref(tree->extra);
            tree->extra = json_incref(tx->extra);
        }
    } else {
        FUZZ_CHECK(err.word != MEF_ERROR_NONE && err.text[0] && str_text_valid(err.text, strlen(err.text)));
    }
    mo_tx_rollback(tx);
    return n;
}

static inline void fuzz_tree_clear(struct mo_tree *tree)
{
    mo_set_clear(&tree->now);
    json_decref(tree->extra);
    strv_free(tree->mounts);
    strv_free(tree->prefixes);
    *tree = (struct mo_tree){0};
}
