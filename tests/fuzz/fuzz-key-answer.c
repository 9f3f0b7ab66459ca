/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a MEF answers about a key, what a server sends for a trust anchor, and what targets come of
 * paths. */
#include "plugin/base/secret.h"
#include "plugin/base/str.h"
#include "plugin/mef/anchor-fetch.h"
#include "plugin/mef/key-message.h"
#include "policy/ids.h"
#include "policy/mo-node.h"
#include "policy/subject-id.h"
#include "tests/fuzz/fuzz.h"

static void target(char *text)
{
    struct mo_snapshot parent = {.definition = MGMT_DATA_COLLECTION, .container_path = text};
    struct mo_snapshot n = {.path = text, .parents = &parent, .n_parents = 1};
    char id[LIMIT_M2M_ID + 1];

    if (mo_node_target(&n, "//sp.example.net", id, NULL) == 0)
        FUZZ_CHECK(m2m_id_form(id, NULL) != M2M_ID_INVALID);
}

static void held(const char *text, size_t size)
{
    struct secret *key = NULL;
    struct mef_error e = {0};
    int64_t et = 2;

    if (key_retrieved(vocabulary_default(), 1, text, size, &key, &et, &e) == 0)
        FUZZ_CHECK(key->len == KEY_LEN && et > 1);
    else
        FUZZ_CHECK(!key && e.word == MEF_ERROR_SERVER_REJECTED && str_text_valid(e.text, strlen(e.text)));
    secret_free(key);
    et = 2;
    if (key_updated(vocabulary_default(), 1, text, size, &et, &e) == 0)
        FUZZ_CHECK(et > 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct identity who = {.kind = CLIENT_CSE, .id = "//m2m.example.com/gw42"};
    static const struct key_want want = {.fqdn = "mef.example.com",
                                         .admin_fqdn = "admin.example.org",
                                         .suid = 21,
                                         .target = "maf.example.com",
                                         .who = &who};
    char *text = fuzz_text(data, size);
    struct key_answer a = {0};
    struct mef_error e = {0};
    struct der cert = {0};

    if (key_check(vocabulary_default(), &want, 1, text, size, &a, &e) == 0)
        FUZZ_CHECK(a.id && relative_key_id_valid(a.id) && a.et > 1);
    else
        FUZZ_CHECK(e.word == MEF_ERROR_SERVER_REJECTED && str_text_valid(e.text, strlen(e.text)));
    key_answer_clear(&a);
    if (anchor_read(text, size, "ni:///sha-256;v10QhwLh6rQzBn9XR_KSGcNGZRMYGi6Sp-2SyhhlalU", &cert, NULL) ==
        0)
        free(cert.data);
    held(text, size);
    target(text);
    free(text);
    return 0;
}
