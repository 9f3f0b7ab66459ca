/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a MEF answers to a registration procedure; the tombstone that is made of configuration; references. */
#include "plugin/base/str.h"
#include "plugin/mef/client.h"
#include "plugin/mef/codec-json.h"
#include "plugin/mef/registration-message.h"
#include "policy/ids.h"
#include "policy/subject-id.h"
#include "tests/fuzz/fuzz.h"

#define HOST "//mef.example.com/"

static void reference(const char *text)
{
    char *to = NULL, *id = NULL;

    if (reference_to("mef.example.com", text, &to, NULL) == 0)
        /* Never anywhere else, and nothing that a request line could be broken with. */
        FUZZ_CHECK(strncmp(to, HOST, strlen(HOST)) == 0 && !strpbrk(to, " \r\n\t?#%\\") &&
                   !strstr(to, "/../"));
    if (registration_id_of_location(vocabulary_default(), "mef.example.com", text, &id, NULL) == 0)
        FUZZ_CHECK(resource_id_valid(id));
    free(to);
    free(id);
}

static void snapshot(const char *text)
{
    struct mef_reg_config c = {0};

    if (mef_reg_config_from_json(text, &c, NULL) < 0)
        return;
    char *json = mef_reg_config_to_json(&c);
    FUZZ_CHECK(json && c.node && c.fqdn);
    free(json);
    mef_reg_config_clear(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct identity who = {.kind = CLIENT_CSE, .id = "//m2m.example.com/gw42"};
    char *text = fuzz_text(data, size), debug[160];
    struct registration_answer a = {0};
    struct mef_error e = {0};
    struct registration_want want = {.now = 1, .admin_fqdn = "admin.example.org", .who = &who};

    if (registration_parse(vocabulary_default(), WORD_MECR, "mef.example.com", text, size, &a, &e) == 0) {
        want.partial = size % 2;
        if (registration_check(&a, &want, &e) == 0 && !want.partial)
            FUZZ_CHECK(resource_id_valid(a.reg_id) && a.et > 1);
        FUZZ_CHECK(!a.cmd_to || strncmp(a.cmd_to, HOST, strlen(HOST)) == 0);
    } else
        FUZZ_CHECK(!a.reg_id && !a.cmd_to);
    FUZZ_CHECK(str_text_valid(e.text, strlen(e.text)));
    registration_answer_clear(&a);
    content_debug_info(vocabulary_default(), text, size, debug, sizeof debug);
    FUZZ_CHECK(str_text_valid(debug, strlen(debug)));
    reference(text);
    snapshot(text);
    free(text);
    return 0;
}
