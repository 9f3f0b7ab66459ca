/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz: identifiers, suites, SUIDs, and what CERT_PROV asks for. */
#include "plugin/base/str.h"
#include "policy/admit-cert-prov.h"
#include "policy/admit-target.h"
#include "policy/ids.h"
#include "policy/suid.h"
#include "policy/suites.h"
#include "tests/fuzz/fuzz.h"

static void ids(const char *text, size_t size)
{
    const char *value;
    uint32_t type, suid;
    char credential[CREDENTIAL_ID_MAX];

    if (key_id_valid(text))
        FUZZ_CHECK(symm_key_id_valid(text) && key_id_fqdn(text)[-1] == '@');
    if (resource_id_valid(text))
        FUZZ_CHECK(relative_key_id_valid(text) && kpm_id_valid(text));
    FUZZ_CHECK(!node_name_valid(text) || resource_id_valid(text));
    FUZZ_CHECK(strstr(text, key_id_strip_type(text)));
    (void)cmd_id_valid(text, size);
    if (credential_id_split(text, &type, &value) == 0)
        FUZZ_CHECK(credential_id_format(type, value, credential) == 0 && streq(credential, text));
    if (device_config_uri_split(text, &type, &value) == 0) {
        char *again = device_config_uri_format(type, value);
        FUZZ_CHECK(again && streq(again, text));
        free(again);
    }
    if (suid_parse(text, &suid) == 0)
        FUZZ_CHECK(suid_valid(suid) && suid_describe(suid));
}

static void suites(const char *text)
{
    char **list = NULL, **again = NULL;

    if (suites_split(text, &list) < 0)
        return;
    FUZZ_CHECK(suites_normalize(list, &again) == 0 && strv_equal(list, again));
    strv_free(list);
    strv_free(again);
}

static void identities(const char *text)
{
    static const char *const aes[] = {"C1a", "/S2b", NULL};
    static const struct identity who = {
        .kind = CLIENT_NODE, .id = "//sp.example/gw", .cse_id = "/gw", .ae_ids = (char *const *)aes};
    static const struct identity open = {
        .kind = CLIENT_NODE, .sp_id = "//sp.example", .cse_id = NULL, .in_cse = true};
    static const struct cert_prov_support support = {.est = true};
    char out[LIMIT_M2M_ID + 1], again[LIMIT_M2M_ID + 1], cn[65];
    struct mef_error why;
    struct san san;

    if (m2m_id_normalize(text, "sp.example", out) == 0)
        FUZZ_CHECK(m2m_id_normalize(out, NULL, again) == 0 && streq(out, again));
    if (ae_id_normalize(text, "sp.example", "/gw", out) == 0)
        FUZZ_CHECK(m2m_id_form(out, NULL) == M2M_ID_AE || m2m_id_form(out, NULL) == M2M_ID_CSE_OR_S_AE);
    (void)admit_target(CMD_CERT_PROV, text, &who, &why);
    for (uint32_t type = 1; type <= 3; type++) {
        struct cert_prov_args args = {
            .protocol = 1, .uri = "https://mef.example", .subject_type = type, .subject_id = text};
        if (admit_cert_prov(&args, "mef.example", &open, &support, out, &why) == 0) {
            (void)subject_san(type, out, &open, &san, &why);
            subject_common_name(out, cn);
        }
        (void)admit_cert_prov(&args, "mef.example", &who, &support, out, &why);
        args.uri = text;
        args.subject_id = "/gw";
        (void)admit_cert_prov(&args, "mef.example", &who, &support, out, &why);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    ids(text, size);
    suites(text);
    identities(text);
    free(text);
    return 0;
}
