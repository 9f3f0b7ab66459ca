/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a MEF answers to a retrieve or an update of the command: parsing, arguments, target, decision, report.
 */
#include "plugin/base/str.h"
#include "plugin/mef/class-cert-prov.h"
#include "plugin/mef/command-message.h"
#include "plugin/mef/journal-states.h"
#include "policy/status.h"
#include "policy/subject-id.h"
#include "tests/fuzz/fuzz.h"

static void report(const struct command *c, uint32_t csc)
{
    char *body = command_update_body(vocabulary_default(), c->cid, csc);

    /* The report itself must be JSON with the same cmdID. */
    FUZZ_CHECK(body);
    json_t *j = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
    FUZZ_CHECK(j);
    json_decref(j);
    free(body);
    FUZZ_CHECK(cid_equal(c->cid, c->cid));
}

static void judge(const struct command *c)
{
    static const struct identity who = {.kind = CLIENT_CSE,
                                        .id = "//m2m.example.com/gw42",
                                        .cse_id = "//m2m.example.com/gw42",
                                        .cse_public_domain = "gw42.in-cse.m2m.example.com"};
    union class_args args;
    struct mef_error e = {0};
    int status = command_arguments(c, vocabulary_default(), INT64_C(1772352000000000), &args, &e);

    if (status == 0)
        status = command_target(c, &who, &e);
    if (status == 0 && c->class_id == CMD_CERT_PROV) {
        struct cert_prov_plan plan;
        status = cert_prov_prepare(&args.cert_prov, "mef.example.com", &who, &plan, &e);
        FUZZ_CHECK(status || plan.san.value[0]);
    }
    if (status == 0 && c->class_id == CMD_NO_MORE_COMMANDS)
        FUZZ_CHECK(args.no_more.seconds >= 5 && args.no_more.seconds <= UINT64_C(366) * 24 * 3600);
    /* Whatever is answered fits the class and has a sentence (MC-54). */
    if (status) {
        FUZZ_CHECK(status > 0 && cmd_status_fits((enum cmd_status)status, c->class_id));
        FUZZ_CHECK(e.word != MEF_ERROR_NONE && str_text_valid(e.text, strlen(e.text)));
        report(c, (uint32_t)status);
    }
}

/* The classes that are not built in yet have parsers all the same. */
static void parse_others(const struct command *c)
{
    for (uint32_t id = CMD_DEV_CFG; id <= CMD_MO_NODE; id++) {
        union class_args args;
        uint32_t suid;
        int r = class_args_parse(class_find(id), vocabulary_default(), c->args, 0, &args, NULL);
        FUZZ_CHECK(r == 0 || r == CMD_STATUS_BAD_ARGUMENTS);
        if (r == 0 && id == CMD_MO_NODE) {
            r = mo_node_suid(vocabulary_default(), &args.mo_node, &suid, NULL);
            FUZZ_CHECK(r == 0 || r == CMD_STATUS_MO_NODE_BAD_ARGS);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct command c = {0};
    struct mef_error e = {0};
    int r = command_parse(vocabulary_default(), text, size, &c, &e);

    if (r == 0) {
        FUZZ_CHECK(c.cid && c.doc);
        judge(&c);
        parse_others(&c);
    } else
        FUZZ_CHECK(!c.doc && !c.cid && str_text_valid(e.text, strlen(e.text)));
    command_clear(&c);
    free(text);
    return 0;
}
