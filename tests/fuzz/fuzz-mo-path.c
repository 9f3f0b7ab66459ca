/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz: objectPath. What resolves, resolves to a node whose canonical path resolves to the same, and never
 * from a path with a query, a fragment, an empty segment or more than 255 octets. */
#include "plugin/base/limits.h"
#include "tests/fuzz/mo-tree.h"

static const char example[] =
    "{\"format\":1,\"nodes\":[{\"type\":\"registration\",\"name\":\"r\",\"lwm2m\":\"/27020/"
    "3\",\"attrs\":{\"originatorID\":"
    "\"/c\"},\"links\":[\"./DCFG/authenticationProfile/"
    "p\"]},{\"type\":\"authenticationProfile\",\"name\":\"p\",\"lwm2m\":"
    "\"/27022/2\",\"attrs\":{\"SUID\":22},\"links\":[\"/27026/"
    "0\"]},{\"type\":\"MEFClientRegCfg\",\"name\":\"m\",\"lwm2m\":"
    "\"/27026/0\",\"attrs\":{\"fqdn\":\"a.example\",\"adminFQDN\":\"b.example\"}}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const mounts[] = {"./Ext/DCFG", NULL}, *const prefixes[] = {"/lwm2m", NULL};
    struct mo_tree tree = {.next_id = 1};
    char *text = fuzz_text(data, size);

    FUZZ_CHECK(fuzz_import(&tree, example, sizeof example - 1) == 3);
    FUZZ_CHECK(mo_tree_set_aliases(&tree, (char *const *)(uintptr_t)mounts,
                                   (char *const *)(uintptr_t)prefixes, NULL) == 0);
    const struct mo_node *n = mo_tree_resolve(&tree, text);
    if (n) {
        char *path = mo_node_path(n);
        FUZZ_CHECK(path && mo_tree_resolve(&tree, path) == n);
        free(path);
        FUZZ_CHECK(strlen(text) <= LIMIT_OBJECT_PATH && !strpbrk(text, "?#") && !strstr(text, "//"));
    }
    /* as a root it is taken or refused, and the tree lives on */
    if (mo_tree_set_aliases(&tree, (char *const[]){text, NULL}, (char *const[]){text, NULL}, NULL) == 0)
        FUZZ_CHECK(mo_tree_resolve(&tree, "/27022/2") != NULL);
    fuzz_tree_clear(&tree);
    free(text);
    return 0;
}
