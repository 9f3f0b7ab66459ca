/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz: the import. What is accepted is exported, and that export imports again without changing anything,
 * there and in an empty tree; each node is found by each of its paths. */
#include "tests/fuzz/mo-tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mo_tree tree = {.next_id = 1}, other = {.next_id = 1};
    char *text = fuzz_text(data, size), *out = NULL, *again = NULL;

    if (fuzz_import(&tree, text, size) >= 0) {
        FUZZ_CHECK(mo_tree_export(&tree, &out, NULL) == 0);
        FUZZ_CHECK(!strstr(out, "\"symmKeyValue\":"));
        FUZZ_CHECK(fuzz_import(&tree, out, strlen(out)) == 0);
        FUZZ_CHECK(fuzz_import(&other, out, strlen(out)) == (int)tree.now.n);
        other.generation = tree.generation = 1;
        free(out);
        FUZZ_CHECK(mo_tree_export(&tree, &out, NULL) == 0 && mo_tree_export(&other, &again, NULL) == 0);
        FUZZ_CHECK(streq(out, again));
        for (size_t i = 0; i < tree.now.n; i++) {
            char **paths = mo_node_object_paths(&tree, mo_set_nth(&tree.now, i));
            FUZZ_CHECK(paths && paths[0]);
            for (char **p = paths; *p; p++)
                FUZZ_CHECK(mo_tree_resolve(&tree, *p) == mo_set_nth(&tree.now, i));
            strv_free(paths);
        }
    }
    fuzz_tree_clear(&tree);
    fuzz_tree_clear(&other);
    free(out);
    free(again);
    free(text);
    return 0;
}
