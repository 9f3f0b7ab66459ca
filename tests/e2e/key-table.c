/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/e2e/key-table.h"

#include "tests/lib/e2e-fixture.h"

/* A key registration is never sent again: what was not answered is asked anew over a new handshake, once;
 * then 305 (3.5.3). Everything else here is asked by somebody who waits, so it is tried once and answered. */
static const struct key_expectation expectations[] = {
    {'o', TRUE, 1, FALSE, "no harm: one request, and its result"},
    {'w', TRUE, 2, FALSE, "no answer: once more over a new handshake (3.5.3)"},
    {'a', TRUE, 2, FALSE, "asked again once in another form (2.3)"},
    {'x', FALSE, 2, FALSE, "no answer twice: failed (3.5.3)"},
    {'n', FALSE, 1, FALSE, "failed, not asked again by itself"},
    {'g', FALSE, 1, TRUE, "a field is not as it must be: failed, and given up at the server (3.5.4)"},
    {'d', TRUE, 1, FALSE, "not there any more: that is what was wanted"},
};

#define STATUS(http, rsc) "\"do\":\"status\",\"status\":" #http ",\"rsc\":" #rsc
#define SET(x)            "\"do\":\"field\",\"set\":{" x "}"
#define REMOVE(x)         "\"do\":\"field\",\"remove\":[" x "]"
#define BODY(x)           "\"do\":\"body\",\"body\":" x

/* clang-format off */
static const struct key_fault faults[] = {
    /*                                                                            CKMTUD */
    {"drop", "\"do\":\"drop\"",                                                   "wwnnnn"},
    {"drop-after", "\"do\":\"drop-after\"",                                       "wwnnnn"},
    {"silent", "\"do\":\"silent\"",                                               "wwnnnn"},
    {"too-late", "\"do\":\"delay\",\"ms\":5000",                                  "wwnnnn"},
    {"delay", "\"do\":\"delay\",\"ms\":300",                                      "oooooo"},
    {"truncate-head", "\"do\":\"truncate\",\"bytes\":20",                         "wwnnnn"},
    {"truncate-body", "\"do\":\"truncate\"",                                      "wwnnn-"},
    {"garbage", "\"do\":\"garbage\"",                                             "wwnnnn"},
    {"huge", "\"do\":\"huge\",\"bytes\":200000,\"process\":true",                 "nnnnnn"},
    {"endless", "\"do\":\"endless\",\"process\":true",                            "nnnnnn"},
    {"foreign-rqi", "\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"somebody-else\"}", "wwnnnn"},
    {"no-rqi", "\"do\":\"header\",\"set\":{\"X-M2M-RI\":null}",                   "wwnnnn"},
    {"no-rsc", "\"do\":\"header\",\"set\":{\"X-M2M-RSC\":null}",                  "oooooo"},
    {"chunked", "\"do\":\"chunked\"",                                             "ooooo-"},
    {"dribble", "\"do\":\"dribble\",\"bytes\":64,\"ms\":1",                       "oooooo"},
    {"close", "\"do\":\"close\"",                                                 "oooooo"},
    {"drop-always", "*\"do\":\"drop\"",                                           "xxnnnn"},
    {"drop-after-always", "*\"do\":\"drop-after\"",                               "xxnnnn"},
    {"silent-always", "*\"do\":\"silent\"",                                       "xxnnnn"},
    {"foreign-rqi-always", "*\"do\":\"header\",\"set\":{\"X-M2M-RI\":\"other\"}", "xxnnnn"},
    /* Each status of 2.3. */
    {"4000-bad-request", STATUS(400, 4000),                                       "nnnnnn"},
    {"4001-release-version", STATUS(501, 4001),                                   "aaaaaa"},
    {"4004-not-found", STATUS(404, 4004),                                         "nnnnnd"},
    {"4005-not-allowed", STATUS(405, 4005),                                       "nnnnnn"},
    {"4008-timeout", STATUS(504, 4008),                                           "nnnnnn"},
    {"4015-media-type", STATUS(415, 4015),                                        "aaanan"},
    {"4102-contents", STATUS(400, 4102),                                          "nnnnnn"},
    {"4103-no-privilege", STATUS(403, 4103),                                      "nnnnnn"},
    {"4105-conflict", STATUS(409, 4105),                                          "nnannn"},
    {"4106-not-authenticated", STATUS(403, 4106),                                 "nnnnnn"},
    {"4117-already-registered", STATUS(403, 4117),                                "nnannn"},
    {"5000-server-error", STATUS(500, 5000),                                      "nnnnnn"},
    {"5001-not-implemented", STATUS(501, 5001),                                   "nnnnnn"},
    {"5207-not-acceptable", STATUS(406, 5207),                                    "aaaaaa"},
    {"5000-always", "*" STATUS(500, 5000),                                        "nnnnnn"},
    {"unknown-4999", STATUS(400, 4999),                                           "nnnnnn"},
    /* The content as a whole. The answer to an update may be empty; that to a deletion is not looked at. */
    {"not-json", BODY("\"no JSON\""),                                             "nnnnno"},
    {"empty-body", BODY("\"\""),                                                  "nn-no-"},
    {"empty-object", BODY("{}"),                                                  "nnnnno"},
    {"other-resource", BODY("{\"sec:mecc\":{}}"),                                 "nnnnno"},
    {"two-members", BODY("{\"sec:skr\":{},\"sec:macr\":{}}"),                     "nnnnno"},
    {"unknown-member", SET("\"newer\":{\"a\":[1]}"),                              "ooooo-"},
    /* Each field (3.5.1, 3.5.4). */
    {"ri-missing", REMOVE("\"ri\""),                                              "nn----"},
    {"ri-empty", SET("\"ri\":\"\""),                                              "nn----"},
    {"ri-wrong", SET("\"ri\":\"../a b\""),                                        "nnn---"},
    {"ri-at", SET("\"ri\":\"a@b\""),                                              "nnn---"},
    {"ri-number", SET("\"ri\":7"),                                                "nnn---"},
    {"ri-of-the-kpm", SET("\"ri\":\"gw42-kpm\""),                                 "n-----"},
    {"ri-of-the-km", SET("\"ri\":\"km-0042\""),                                   "-n----"},
    {"et-missing", REMOVE("\"et\""),                                              "gggno-"},
    {"et-past", SET("\"et\":\"20200101T000000\""),                                "gggnn-"},
    {"et-wrong", SET("\"et\":\"tomorrow\""),                                      "ggnnn-"},
    {"et-number", SET("\"et\":20391231"),                                         "ggnnn-"},
    {"cr-missing", REMOVE("\"cr\""),                                              "ggg---"},
    {"cr-other", SET("\"cr\":\"//m2m.example.com/other\""),                       "ggg---"},
    {"cr-number", SET("\"cr\":7"),                                                "ggn---"},
    {"adfq-missing", REMOVE("\"adfq\""),                                          "ggg---"},
    {"adfq-other", SET("\"adfq\":\"other.example.org\""),                         "ggg---"},
    {"adfq-number", SET("\"adfq\":7"),                                            "ggn---"},
    {"suid-missing", REMOVE("\"suid\""),                                          "gg----"},
    {"suid-other", SET("\"suid\":23"),                                            "gg----"},
    {"suid-text", SET("\"suid\":\"many\""),                                       "gg----"},
    {"tgis-missing", REMOVE("\"tgis\""),                                          "gg----"},
    {"tgis-empty", SET("\"tgis\":[]"),                                            "gg----"},
    {"tgis-other", SET("\"tgis\":[\"//m2m.example.com/other\"]"),                 "gg----"},
    {"tgis-one-more", SET("\"tgis\":[\"//sp.example.net/in-cse\",\"//m2m.example.com/other\"]"),
                                                                                  "gg----"},
    {"tgis-text", SET("\"tgis\":\"//sp.example.net/in-cse\""),                    "gg----"},
    {"lbl-other", SET("\"lbl\":[\"other\"]"),                                     "ooooo-"},
    {"kv-missing", REMOVE("\"kv\""),                                              "---n--"},
    {"kv-number", SET("\"kv\":7"),                                                "---n--"},
    {"kv-empty", SET("\"kv\":\"\""),                                              "---n--"},
    {"kv-short", SET("\"kv\":\"AAECAwQFBgcICQoLDA0ODw==\""),                      "---n--"},
    {"kv-long", SET("\"kv\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\""),   "---n--"},
    {"kv-no-base64", SET("\"kv\":\"!AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\""),
                                                                                  "---n--"},
    {"aski-number", SET("\"aski\":7"),                                            "--n---"},
    {"aski-with-a-wrong-et", SET("\"aski\":\"km-9@maf.example.net\",\"et\":\"20200101T000000\""),
                                                                                  "--g---"},
};
/* clang-format on */

unsigned key_fault_count(void)
{
    return G_N_ELEMENTS(faults);
}

const struct key_fault *key_fault_get(unsigned fault)
{
    return &faults[fault];
}

const struct key_expectation *key_expectation(char letter)
{
    for (size_t i = 0; i < G_N_ELEMENTS(expectations); i++)
        if (expectations[i].letter == letter)
            return &expectations[i];
    g_error("no letter '%c'", letter);
}
